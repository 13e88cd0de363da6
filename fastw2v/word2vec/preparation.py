"""The vocabulary of a model and the first values of its weights, before any training.

`build_vocab` does everything at once. `scan_vocab`, `prepare_vocab` and `prepare_weights` are its
three steps, as in gensim, for programs that look at the counts in between.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.errors import NoVocabulary
from fastw2v._checks.keywords import check_keywords
from fastw2v._checks.numbers import as_whole
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.keyed_vectors.changes import as_rows_of_words, lengthen_factors, lengthened
from fastw2v.keyed_vectors.compressed import check_expanded
from fastw2v.keyed_vectors.consistency import as_table
from fastw2v.keyed_vectors.locking import NAME as LOCK_FACTORS
from fastw2v.word2vec import engine, logs
from fastw2v.word2vec.consistency import as_counts, check_model, claimed
from fastw2v.word2vec.corpus import EncodedCorpus, Sentences, as_corpus_of
from fastw2v.word2vec.sentences import count_text
from fastw2v.word2vec.settings import Settings, check_settings
from fastw2v.word2vec.vocabulary import (
    NULL_WORD,
    TrimRule,
    Vocabulary,
    WordCounts,
    as_word_counts,
)
from fastw2v.word2vec.weights import claim_threads, first_outputs, first_vectors

if TYPE_CHECKING:
    from fastw2v.word2vec.model import Word2Vec

Path = str | os.PathLike[str]
Files = Path | Iterable[Path]

# Bytes that a word takes beside its rows: its str and its places in a list, a dict, the counts and
# the tables of draws; and those that its path in the tree takes. Measured with 100,000 words.
_BYTES_PER_WORD, _BYTES_PER_PATH = 190, 100


class Preparation(Settings):
    """Methods that `Word2Vec` inherits; they set `wv`, `syn1neg` and `syn1`."""

    wv: KeyedVectors
    syn1neg: NDArray[np.float32] | None
    syn1: NDArray[np.float32] | None
    _corpus: EncodedCorpus | None  # the text of `train` without arguments
    _corpus_words: list[Any]  # the words that its ids belong to
    _schedule: engine.Schedule | None
    _raw: WordCounts | None  # the counts of the last `scan_vocab`
    _tree: engine.HuffmanWays | None  # of a file of gensim; None: of the counts

    # ---- all at once

    def build_vocab(
        self,
        corpus_iterable: Sentences | None = None,
        corpus_file: Files | None = None,
        update: bool = False,
        progress_per: int = 10000,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule | None = None,
        **unknown: Any,
    ) -> None:
        """Count the words of a text, choose the vocabulary, and draw the initial vectors.

        The text is also encoded and kept, for a `train` without arguments. update=True appends
        the new words of the text to the vocabulary and leaves the vectors of known words as they
        are; max_vocab_size and max_final_vocab limit all words together. Attributes of the words
        stay, and are 0 or "" for new words. keep_raw_vocab=True keeps all counts in `raw_vocab`.
        progress_per is the number of sentences between two lines of the log.

        Raises ValueError, which is also a RuntimeError, if fewer than two words occur min_count
        times; RuntimeError in a callback, because the training would not see the new words.
        """
        check_keywords(self.build_vocab, unknown)
        check_settings(self)
        with claimed(self, "build_vocab"):
            report = logs.Reading(progress_per)
            text = count_text(corpus_iterable, corpus_file, **self._reading(), report=report)
            self._set_vocabulary(text.counts, update, trim_rule)
            self._raw = text.counts if keep_raw_vocab else None
            self._keep_corpus(text.encode(self.wv.key_to_index))

    def build_vocab_from_freq(
        self,
        word_freq: Mapping[Any, int],
        keep_raw_vocab: bool = False,
        corpus_count: int | None = None,
        trim_rule: TrimRule | None = None,
        update: bool = False,
    ) -> None:
        """Choose the vocabulary from counts {word: count} of a text of corpus_count sentences.

        Otherwise like `build_vocab`, but no text is kept for `train`.

        Raises TypeError or ValueError for counts that are not whole numbers of 0 or more.
        """
        check_settings(self)
        with claimed(self, "build_vocab_from_freq"):
            counts = as_word_counts(word_freq, corpus_count)
            self._set_vocabulary(counts, update, trim_rule)
            self._raw = counts if keep_raw_vocab else None
            self._keep_corpus(None)

    # ---- step by step

    @property
    def raw_vocab(self) -> dict[Any, int]:
        """The counts {word: count} of all words of a text, also of those that were left out.

        It is empty unless `scan_vocab` or keep_raw_vocab=True has kept them. A dict that is
        assigned is what `prepare_vocab` uses.
        """
        raw = self._raw
        return {} if raw is None else dict(zip(raw.words, raw.counts.tolist(), strict=True))

    @raw_vocab.setter
    def raw_vocab(self, word_freq: Mapping[Any, int]) -> None:
        self._raw = as_word_counts(word_freq, self.corpus_count)

    def scan_vocab(
        self,
        corpus_iterable: Sentences | None = None,
        corpus_file: Files | None = None,
        progress_per: int = 10000,
        workers: int | None = None,
        trim_rule: TrimRule | None = None,
    ) -> tuple[int, int]:
        """Count the words of a text in `raw_vocab`; return (words, sentences) of the text.

        progress_per is the number of sentences between two lines of the log. workers and trim_rule
        have no effect: `prepare_vocab` applies the rule.
        """
        check_settings(self)
        with claimed(self, "scan_vocab"):
            reading = {**self._reading(), "report": logs.Reading(progress_per)}
            counts = count_text(corpus_iterable, corpus_file, **reading, only_count=True).counts
            self._raw = counts
            return counts.n_words, counts.n_sentences

    def prepare_vocab(
        self,
        update: bool = False,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule | None = None,
        min_count: int | None = None,
        sample: float | None = None,
        dry_run: bool = False,
    ) -> dict[str, int]:
        """Choose the vocabulary from the counts of `scan_vocab`; return a report.

        The report counts different words that were left out (drop_unique), occurrences of the words
        kept (retain_total), different words kept (num_retained_words), words that subsampling
        affects (downsample_unique), and occurrences that it leaves (downsample_total). min_count
        and sample replace the settings of the model. dry_run=True changes nothing.

        Raises ValueError, which is also a RuntimeError, if there are no counts.
        """
        if self._raw is None:
            raise NoVocabulary(
                "prepare_vocab: expected counts of a text, got none; call scan_vocab(sentences) "
                "first, or build_vocab, which does everything"
            )
        given = {"min_count": min_count, "sample": sample}
        given = {name: value for name, value in given.items() if value}
        before = {name: getattr(self, name) for name in given}
        try:
            vars(self).update(given)
            check_settings(self)
            with claimed(self, "prepare_vocab"):
                vocabulary, least = self._chosen(self._raw, update, trim_rule)
                if not dry_run:
                    self._take_on(vocabulary, least, update)
                    self._keep_corpus(None)
        except BaseException:
            vars(self).update(before)
            raise
        report = self._report(self._raw, vocabulary)
        if dry_run:
            vars(self).update(before)
        elif not keep_raw_vocab:
            self._raw = None
        return report

    def prepare_weights(self, update: bool = False) -> None:
        """Call `init_weights`, or `update_weights` if `update`."""
        if update:
            self.update_weights()
        else:
            self.init_weights()

    def init_weights(self) -> None:
        """Draw new initial vectors for all words, and set the output weights to 0."""
        check_settings(self)
        with claimed(self, "init_weights"):
            check_model(self, added=True)
            self._take_inputs(self._first_inputs(self.wv.index_to_key, 0))
            self._set_outputs(None, None)
            self._schedule = None

    def update_weights(self) -> None:
        """Give each word that has been added to `wv` its rows in the output weights, all 0."""
        check_settings(self)
        with claimed(self, "update_weights"):
            check_model(self, added=True)
            self._set_outputs(self.syn1neg, self.syn1)

    def reset_from(self, other_model: Word2Vec) -> None:
        """Take over the words of another model, with their attributes; draw initial vectors.

        A `train` without arguments trains on the text of the other model.

        Raises TypeError for another object, ValueError for a model whose parts do not fit together.
        """
        if not isinstance(other_model, Preparation):
            raise TypeError(
                f"other_model: expected a Word2Vec, got {type(other_model).__name__}; pass a model"
            )
        check_settings(self)
        with claimed(self, "reset_from"):
            if len(other_model.wv):
                check_model(other_model, added=True)
            wv, theirs = self.wv, other_model.wv
            wv.vector_size = self.vector_size
            self._take_inputs(self._first_inputs(theirs.index_to_key, 0))
            wv.index_to_key = list(theirs.index_to_key)
            wv.key_to_index = dict(theirs.key_to_index)
            wv.expandos = {name: values.copy() for name, values in theirs.expandos.items()}
            self._set_outputs(None, None)
            self.corpus_count = other_model.corpus_count
            self.corpus_total_words = other_model.corpus_total_words
            self._keep_corpus(other_model._corpus)
            self._corpus_words = list(other_model._corpus_words)

    def add_null_word(self) -> None:
        r"""Add the word "\0" with the count 1, as null_word=1 does at the end of the vocabulary."""
        check_settings(self)
        with claimed(self, "add_null_word"):
            check_model(self, added=True)
            if NULL_WORD not in self.wv.key_to_index:
                self._add_word(NULL_WORD)
                self._set_outputs(self.syn1neg, self.syn1)

    def init_sims(self, replace: bool = False) -> None:
        """Call `wv.init_sims`; gensim has this method."""
        self.wv.init_sims(replace)

    # ---- what a vocabulary takes

    def estimate_memory(
        self, vocab_size: int | None = None, report: Mapping[str, int] | None = None
    ) -> dict[str, int]:
        """Return the bytes that words, vectors and output weights take, and their "total".

        vocab_size is a number of words, None those of the model. Entries of `report` are added to.
        A training needs as much again for copies with padded rows, and 4 bytes for each word of
        the text.

        >>> from fastw2v import Word2Vec
        >>> Word2Vec(vector_size=100).estimate_memory(1000)["syn1neg"]
        400000
        """
        check_settings(self)
        V = as_whole("vocab_size", vocab_size) if vocab_size else len(self.wv)
        rows = 4 * V * self.vector_size
        found = dict(report or {})
        found["vocab"] = V * (_BYTES_PER_WORD + (_BYTES_PER_PATH if self.hs else 0))
        found["vectors"] = rows
        if self.hs:
            found["syn1"] = rows
        if self.negative:
            found["syn1neg"] = rows
        found["total"] = sum(found.values())
        return found

    @property
    def layer1_size(self) -> int:
        """The dimension of the hidden layer, which is `vector_size`."""
        return self.vector_size

    @property
    def cum_table(self) -> np.ndarray:
        """Cumulative shares (V,) of the draws of negatives, in units of 1 / (2**31 - 1).

        It is computed from the counts of the words at each access, and empty without words. Raises
        ValueError if the words and their counts do not fit together.
        """
        check_settings(self)
        counts = as_counts(self) if len(self.wv) else np.zeros(0)
        powers = counts.astype(np.float64) ** self.ns_exponent
        sums = np.cumsum(powers)
        return np.rint(sums / sums[-1:] * (2**31 - 1)).astype(np.uint32)

    # ---- the input rows, which are others in a subclass

    _tree_of_counts = staticmethod(engine.huffman)
    _most_block = engine.BLOCK  # positions of a block, unless the model is deterministic

    def _check_inputs(self, compressed: bool) -> None:
        """Check the input rows; they are only read if they may be `compressed`."""
        table = as_table(self.wv)
        if not compressed:
            check_expanded("wv.vectors", table)

    def _first_inputs(self, words: Sequence[Any], n_known: int) -> Any:
        """Return the input rows of words; the first n_known keep theirs, the others are drawn."""
        known = self.wv.vectors[:n_known] if n_known else np.empty((0, 0), np.float32)
        return first_vectors(self.seed, known, len(words), self.vector_size)

    def _take_inputs(self, inputs: Any) -> None:
        """Set what `_first_inputs` returned."""
        self.wv.vectors = inputs

    def _add_word(self, word: str) -> None:
        """Add a word with the count 1 to the vectors."""
        n = len(self.wv)
        row = first_vectors(self.seed, self.wv.vectors, n + 1, self.vector_size)[n:]
        self.wv.add_vectors([word], row, {"count": np.ones(1, self.wv.expandos["count"].dtype)})

    # ---- parts of the above

    def _reading(self) -> dict[str, Any]:
        """Return the settings that decide how a text is read."""
        return {
            "lines": not self.running_text,
            "unicode_errors": self.unicode_errors,
            "n_parts": claim_threads(self),
            "memory_limit": self.memory_limit,
        }

    def _encode(
        self, sentences: Sentences | EncodedCorpus | None, corpus_file: Files | None
    ) -> EncodedCorpus:
        """Return a text in the ids of this vocabulary; check one that was encoded before."""
        if isinstance(sentences, EncodedCorpus) and corpus_file is None:
            return as_corpus_of(len(self.wv), sentences)
        text = count_text(sentences, corpus_file, **self._reading())
        corpus = text.encode(self.wv.key_to_index)
        check_model(self)  # the words may have changed while the text was read
        return corpus

    def _keep_corpus(self, corpus: EncodedCorpus | None) -> None:
        self._corpus, self._schedule = corpus, None
        self._corpus_words = [] if corpus is None else list(self.wv.index_to_key)

    def _chosen(
        self, counts: WordCounts, update: bool, trim_rule: TrimRule | None
    ) -> tuple[Vocabulary, int]:
        """Return the vocabulary that counts give, and the least count of a word that is kept."""
        limits = [n for n in (self.max_vocab_size, self.max_final_vocab) if n is not None]
        most = min(limits, default=None)
        if update and len(self.wv):
            check_model(self, added=True)
            known = Vocabulary(self.wv.index_to_key, self.wv.expandos["count"], 0, 0)
            vocabulary = known.extended(counts, self.min_count, most, trim_rule=trim_rule)
            logs.vocabulary_chosen(self, counts, vocabulary, len(known))
            return vocabulary, self.effective_min_count
        vocabulary = counts.vocabulary(
            self.min_count, most, by_count=self.sorted_vocab, trim_rule=trim_rule
        )
        limited = most is not None and len(vocabulary) == most
        least = int(vocabulary.counts.min()) if limited else 0
        if self.null_word:
            vocabulary = vocabulary.with_null_word()
        logs.vocabulary_chosen(self, counts, vocabulary)
        return vocabulary, max(self.min_count, least)

    def _set_vocabulary(self, counts: WordCounts, update: bool, trim_rule: TrimRule | None) -> None:
        vocabulary, least = self._chosen(counts, update, trim_rule)
        if len(vocabulary) < 2:
            raise NoVocabulary(
                f"sentences: expected a vocabulary of two words or more, got {len(vocabulary)} "
                f"after min_count {self.min_count}; lower min_count or pass more text"
            )
        self._take_on(vocabulary, least, update)

    def _take_on(self, vocabulary: Vocabulary, least: int, update: bool) -> None:
        """Give the model these words, which begin with the known ones if `update`."""
        wv, V, D = self.wv, len(vocabulary), self.vector_size
        n_known = len(wv) if update else 0
        rows = as_rows_of_words("words", vocabulary.words, np.empty((V, 1), bool))
        inputs = self._first_inputs(vocabulary.words, n_known)
        attributes = lengthened(wv.expandos, V) if n_known else {}
        wv.vector_size = D
        self._take_inputs(inputs)
        wv.index_to_key, wv.key_to_index = list(rows), rows
        wv.expandos = attributes | {"count": vocabulary.counts}
        if n_known:
            lengthen_factors(wv, n_known)
        else:
            vars(wv).pop(LOCK_FACTORS, None)
        self._set_outputs(*((self.syn1neg, self.syn1) if n_known else (None, None)))
        self.corpus_count, self.corpus_total_words = vocabulary.n_sentences, vocabulary.n_words
        self.effective_min_count = least

    def _set_outputs(self, outputs: np.ndarray | None, nodes: np.ndarray | None) -> None:
        """Set the output weights to the given rows, if any, and zeros for the other words."""
        V, D = len(self.wv), self.vector_size
        self.syn1neg = first_outputs(outputs, V, D) if self.negative else None
        self.syn1, self._tree = first_outputs(nodes, V, D) if self.hs else None, None

    def _report(self, counts: WordCounts, vocabulary: Vocabulary) -> dict[str, int]:
        """Return the numbers that `prepare_vocab` promises."""
        kept = set(vocabulary.words)
        rows = np.fromiter((word in kept for word in counts.words), bool, len(counts.words))
        occurrences = np.asarray(counts.counts)[rows]
        shares = engine.keep_thresholds(occurrences, self.sample)[0]
        return {
            "drop_unique": int((~rows).sum()),
            "retain_total": int(occurrences.sum()),
            "downsample_unique": int((shares < 1).sum()),
            "downsample_total": int((occurrences * shares).sum()),
            "num_retained_words": int(rows.sum()),
        }
