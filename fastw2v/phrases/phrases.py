"""`Phrases` learns which words of a text form phrases, and joins them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastw2v._checks.numbers import as_number, as_whole
from fastw2v.phrases import files
from fastw2v.phrases.counting import RunCounts, Tokens
from fastw2v.phrases.frozen import FrozenPhrases
from fastw2v.phrases.joining import SentenceJoiner
from fastw2v.phrases.scoring import Scoring, as_scoring, npmi_scorer, original_scorer, scores_of
from fastw2v.phrases.settings import as_connectors, check_delimiter

_log = logging.getLogger("fastw2v.phrases")


class Phrases(SentenceJoiner):
    """Phrases of a text, such as "new york", found by how often their words stand together.

    sentences        lists of words, or None to count a text later with `add_vocab`
    min_count        phrases occur at least this often, above 0
    threshold        phrases have a score above it; "npmi" has scores from -1 to 1
    max_vocab_size   limit on the number of different words and runs of words that are counted;
                     beyond it, rare ones are dropped
    delimiter        what joins the words of a phrase
    progress_per     number of sentences after which gensim logs its progress; checked and kept
    scoring          "default" (`original_scorer`), "npmi" (`npmi_scorer`), or a function with the
                     parameters of these
    connector_words  words that may stand inside a phrase and neither begin nor end one, such as
                     `ENGLISH_CONNECTOR_WORDS`
    corpus_file      instead of sentences: the name of a text file of one sentence a line, or
                     several names; compiled code reads it

    The arguments and their defaults are those of gensim 4, and so are phrases and scores. All of
    them but sentences are attributes that may be changed between calls.

    Words are kept as tuples: a phrase ("new", "york") and a word "new_york" of the text are counted
    apart, where gensim adds their counts.

    Raises TypeError for sentences or words of other types, ValueError for settings that make no
    sense.

    >>> text = [s.split() for s in ("i love new york", "new york is big", "big love is in")] * 3
    >>> phrases = Phrases(text, min_count=1, threshold=2)
    >>> phrases["in new york".split()]
    ['in', 'new_york']
    >>> phrases.export_phrases()
    {'new_york': 2.0833333333333335}
    >>> trigrams = Phrases(phrases[text], min_count=1, threshold=2)  # phrases of phrases
    """

    def __init__(
        self,
        sentences: Iterable[Any] | None = None,
        min_count: float = 5,
        threshold: float = 10.0,
        max_vocab_size: int = 40_000_000,
        delimiter: str = "_",
        progress_per: int = 10_000,
        scoring: str | Scoring = "default",
        connector_words: Iterable[str] = frozenset(),
        *,
        corpus_file: str | os.PathLike[str] | Iterable[str] | None = None,
    ) -> None:
        self.min_count, self.threshold = min_count, threshold
        self.max_vocab_size, self.progress_per = max_vocab_size, progress_per
        self.delimiter = delimiter
        self.scoring = as_scoring(scoring)
        self.connector_words = as_connectors(connector_words)
        self._check_settings()
        self._counted = RunCounts()
        self._n_changes = 0
        if sentences is not None or corpus_file is not None:
            self.add_vocab(sentences, corpus_file=corpus_file)

    # ---- learning

    def add_vocab(
        self,
        sentences: Iterable[Any] | None = None,
        *,
        corpus_file: str | os.PathLike[str] | Iterable[str] | None = None,
    ) -> None:
        """Count the words and runs of further sentences, or of text files.

        >>> phrases = Phrases(min_count=1, threshold=1)
        >>> phrases.add_vocab([["machine", "learning"], ["learning", "is", "fun"]])
        >>> phrases.corpus_word_count
        5
        """
        self._check_settings()
        self._n_changes += 1
        n_sentences, n_words = self._counted.add(
            sentences, corpus_file, self.connector_words, self.max_vocab_size
        )
        _log.info(
            "counted %d words and runs in %d words of %d sentences",
            *(self._counted.n_live, n_words, n_sentences),
        )

    @property
    def corpus_word_count(self) -> int:
        """The length of the text in words."""
        return self._counted.n_words

    @property
    def min_reduce(self) -> int:
        """The count below which words and runs are dropped next, beyond `max_vocab_size`."""
        return self._counted.min_reduce

    @property
    def vocab(self) -> dict[str, int]:
        """The count of each word and of each run, joined; it is made anew at each access."""
        counted = self._counted
        words = dict(zip(counted.words, counted.word_counts.tolist(), strict=True))
        vocab = {word: count for word, count in words.items() if count}
        live = np.flatnonzero(counted.counts)
        for run, count in zip(
            map(self.delimiter.join, counted.tokens_of(live)),
            counted.counts[live].tolist(),
            strict=True,
        ):
            vocab[run] = vocab.get(run, 0) + count
        return vocab

    def freeze(self) -> FrozenPhrases:
        """Return the phrases alone, which take less memory and cannot be taught any more."""
        return FrozenPhrases(self)

    # ---- files

    def save(self, fname: str | os.PathLike[str]) -> None:
        """Write counts and settings to a file, which appears when it is complete.

        Raises ValueError if `scoring` is a function of your own; pickle such an object.
        """
        files.save_counts(fname, self)

    @classmethod
    def load(cls, fname: str | os.PathLike[str]) -> Phrases:
        """Read what `save` wrote. Raises ValueError if the file is damaged or of another kind."""
        phrases = cls()
        files.load_counts(fname, phrases)
        return phrases

    def __repr__(self) -> str:
        return (
            f"Phrases<{self._counted.n_live} vocab, min_count={self.min_count}, "
            f"threshold={self.threshold}, max_vocab_size={self.max_vocab_size}>"
        )

    # ---- of SentenceJoiner

    def _settings(self) -> tuple[Any, ...]:
        return (
            *(self._n_changes, self.threshold, self.min_count, self.delimiter, self.scoring),
            self.connector_words,
        )

    def _scored(self) -> dict[Tokens, float]:
        self._check_settings()
        scores = scores_of(self.scoring, self._counted.totals(), self.min_count)
        chosen = np.flatnonzero((self._counted.counts > 0) & (scores > self.threshold))
        words = self._counted.tokens_of(chosen)
        return dict(zip(words, scores[chosen].tolist(), strict=True))

    def _check_settings(self) -> None:
        self.scoring = as_scoring(self.scoring)
        self.connector_words = as_connectors(self.connector_words)
        check_delimiter(self.delimiter)
        as_whole("max_vocab_size", self.max_vocab_size, 1)
        as_whole("progress_per", self.progress_per, 1)
        threshold = as_number("threshold", self.threshold)
        if not as_number("min_count", self.min_count) > 0:
            raise ValueError(
                f"min_count: expected a number above 0, got {self.min_count}; pass 1 for all"
            )
        if self.scoring is original_scorer and not threshold > 0:
            raise ValueError(
                f"threshold: expected a number above 0 for the default scoring, got {threshold}; "
                "pass e.g. 10.0"
            )
        if self.scoring is npmi_scorer and not -1 <= threshold <= 1:
            raise ValueError(
                f"threshold: expected a number from -1 to 1 for scoring='npmi', got {threshold}; "
                "pass e.g. 0.5"
            )
