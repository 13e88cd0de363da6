"""Word vectors for whole corpora, in gensim's shape.

>>> from itertools import permutations
>>> topics = ["sun moon star sky", "dog cat cow pig"]
>>> sentences = [words for topic in topics for words in permutations(topic.split())] * 20
>>> model = Word2Vec(sentences, vector_size=16, min_count=1, sample=0, sg=1, epochs=20, workers=1)
>>> sorted(word for word, _ in model.wv.most_similar("sun", topn=3))
['moon', 'sky', 'star']

A corpus is read once and turned into ids; then every epoch runs in compiled code without the
interpreter. See `Word2Vec` for what is as in gensim and what is not.

The steps stand on their own too, for programs that spread them over machines: `count_words`,
`encode`, `train_ids`, `weight_delta` and `merge_deltas` (`_w2v_shards.py` shows them together).
"""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastw2v._checks.numbers import as_int, as_not_negative, as_number, as_whole, check_one_of
from fastw2v._checks.sequences import check_iterable
from fastw2v._core import threads
from fastw2v._files import fw2v
from fastw2v._files.atomic import check_writable
from fastw2v._version import __version__
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.word2vec import engine
from fastw2v.word2vec.corpus import EncodedCorpus, Text, Vocabulary, WordCounts, has_pairs
from fastw2v.word2vec.sentences import source_of
from fastw2v.word2vec.training import Training, ids_of, read_ids

__all__ = ["CallbackAny2Vec", "Word2Vec"]

# Learning rates where none is given: see the table in `Word2Vec`.
_ALPHA = {"skip-gram": 0.025, "word2vec": 0.05, "exact": 0.15}
# Words of a text from which negatives are shared unless told otherwise: with 326,200 CBOW's loss on
# held-out sentences became 0.4 % worse and skip-gram's SimLex-999 lower, with 811,700 neither did
# (bench/QUALITY.md).
_SHARING = 500_000
_GRADS = ("word2vec", "exact")
_SETTINGS = (
    *("vector_size", "alpha", "window", "min_count", "max_vocab_size", "sample", "seed", "workers"),
    *("min_alpha", "sg", "hs", "negative", "ns_exponent", "cbow_mean", "epochs", "sorted_vocab"),
    *("compute_loss", "comment", "max_final_vocab", "shrink_windows", "deterministic"),
    *("cbow_grad", "shared_negatives", "memory_limit", "unicode_errors", "running_text"),
)


class CallbackAny2Vec:
    """What `callbacks` are made of, as in gensim; override what you need.

    A method that returns True stops the training after it. `on_interval` is called every
    `interval` words of text where `train` was given one. All are called while no thread trains.

    >>> class Stop(CallbackAny2Vec):
    ...     def on_epoch_end(self, model):
    ...         return len(model.epoch_losses) == 2
    >>> model = Word2Vec([["a", "b"]] * 9, min_count=1, epochs=5, callbacks=[Stop()], workers=1)
    >>> len(model.epoch_losses)
    2
    """

    def on_train_begin(self, model: Word2Vec) -> Any:
        """Before the first epoch."""

    def on_train_end(self, model: Word2Vec) -> Any:
        """After the last epoch, or when training was stopped."""

    def on_epoch_begin(self, model: Word2Vec) -> Any:
        """Before each epoch."""

    def on_epoch_end(self, model: Word2Vec) -> Any:
        """After each epoch."""

    def on_interval(self, model: Word2Vec) -> Any:
        """Every `interval` words."""


class Word2Vec:
    """Train word vectors with CBOW or skip-gram.

    Arguments, in gensim 4's order and with its meaning:

    sentences       lists of words (str or int), integer arrays, or a `LineSentence`; anything that
                    can be gone through more than once. None: call `build_vocab` and `train` later
    corpus_file     a text file or a list of them, UTF-8, plain or gzip, instead of sentences; one
                    sentence a line. No sentence is cut, however long
    vector_size     D, numbers in a vector
    alpha           first learning rate; None: see below. It falls linearly to min_alpha
    window          words of context on each side
    min_count       rarer words are left out
    max_vocab_size, max_final_vocab
                    at most so many words, exactly the most frequent ones (gensim's own estimate
                    is not made: all words are counted)
    sample          words with a larger share of the text than about this are thinned out; 0: none
    seed            the same seed, the same vectors, with one worker or deterministic=True
    workers         threads; None: `fastw2v.get_num_threads()`
    sg              1 skip-gram, 0 CBOW
    hs, negative    hierarchical softmax; number of negative samples (0: none); both may be on
    ns_exponent     negatives are drawn in proportion to count ** ns_exponent
    cbow_mean       1: the mean of the context vectors, 0: their sum
    epochs          passes over the text
    trim_rule       function (word, count, min_count) -> 0 default, 1 discard, 2 keep
    sorted_vocab    most frequent word first; 0: in the order of first appearance
    compute_loss    the loss of every pair, else of a sample of them
    callbacks       see `CallbackAny2Vec`
    shrink_windows  a window is drawn from 1 .. window for each word
    hashfxn, null_word, batch_words
                    taken and not needed: the first vectors depend on the seed alone

    Ours, by keyword:

    deterministic   the same bits for a seed whatever the number of workers, who share the columns
                    of the vectors: up to two workers have work with fewer than 256 columns, four
                    with more. The scores of up to 16 words are taken before the first of them is
                    learned. More than one worker trains on a copy of the weights
    cbow_grad       "word2vec" hands each context word the whole gradient of their mean, as
                    word2vec.c and gensim do; "exact" its share of it
    shared_negatives
                    True: skip-gram draws its negatives once for all pairs of a word, CBOW once for
                    four neighbouring words, which is faster. False: for each pair, for each word.
                    None: True for a text of 500,000 words and more
    running_text    a file is one sentence, line ends are blanks
    unicode_errors  "strict", "replace" or "ignore" bytes of files that are not UTF-8
    memory_limit    bytes of ids to keep in memory; a larger corpus goes to a temporary file
    progress        a bar on stderr with words/s, loss and time left
    checkpoint, every, interval
                    see `train`

    Learning rates where alpha is None: skip-gram 0.025; CBOW 0.05 with the gradient of word2vec.c
    (its default too; gensim's is 0.025), and 0.15 with the exact gradient, which is smaller by the
    number of context words.

    Attributes: `wv` (`KeyedVectors`), `syn1neg` (V, D) and `syn1` (inner nodes, D) output weights,
    `corpus_count` sentences, `corpus_total_words`, `epoch_losses` (mean per pair of each epoch of
    the last `train`).

    Raises ValueError or TypeError naming the argument, before anything is trained.

    >>> model = Word2Vec(vector_size=8, min_count=1, workers=1, seed=3)
    >>> model.build_vocab([["hello", "world"], ["hello", "moon"]])
    >>> model.wv.index_to_key
    ['hello', 'world', 'moon']
    >>> model.train([["hello", "world"]], total_examples=1, epochs=2)[1]
    4
    """

    def __init__(
        self,
        sentences: Any = None,
        corpus_file: Any = None,
        vector_size: int = 100,
        alpha: float | None = None,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int | None = None,
        min_alpha: float = 0.0001,
        sg: int = 0,
        hs: int = 0,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: Any = None,
        epochs: int = 5,
        null_word: int = 0,
        trim_rule: Callable[[Any, int, int], int] | None = None,
        sorted_vocab: int = 1,
        batch_words: int = 10000,
        compute_loss: bool = False,
        callbacks: Sequence[Any] = (),
        comment: str | None = None,
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        *,
        deterministic: bool = False,
        cbow_grad: str = "word2vec",
        shared_negatives: bool | None = None,
        running_text: bool = False,
        unicode_errors: str = "strict",
        memory_limit: int | None = None,
        progress: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        every: float = 600.0,
        interval: int | None = None,
    ) -> None:
        self.vector_size = as_int("vector_size", vector_size)
        self.window = as_int("window", window, high=2**31 - 1)
        self.min_count = as_whole("min_count", 0 if min_count is None else min_count)
        self.sg, self.hs = as_whole("sg", sg), as_whole("hs", hs)
        self.cbow_mean = as_whole("cbow_mean", cbow_mean)
        self.negative = as_whole("negative", negative, high=100_000)
        if not self.hs and not self.negative:
            raise ValueError(
                "negative: expected 1 or more where hs is 0, got 0; pass negative=5 or hs=1"
            )
        self.sample = as_not_negative("sample", sample)
        self.ns_exponent = float(as_number("ns_exponent", ns_exponent))
        if not abs(self.ns_exponent) <= 10:
            raise ValueError(
                f"ns_exponent: expected a number from -10 to 10, got {ns_exponent}; pass e.g. 0.75"
            )
        self.seed = as_whole("seed", seed)
        self.epochs = as_int("epochs", epochs)
        self.max_vocab_size = _optional_count("max_vocab_size", max_vocab_size)
        self.max_final_vocab = _optional_count("max_final_vocab", max_final_vocab)
        self.memory_limit = _optional_count("memory_limit", memory_limit, low=0)
        self.workers = None if workers is None else as_int("workers", workers)
        check_one_of("cbow_grad", cbow_grad, _GRADS)
        self.cbow_grad = cbow_grad
        default = _ALPHA["skip-gram" if self.sg else cbow_grad]
        self.alpha = default if alpha is None else as_not_negative("alpha", alpha)
        self.min_alpha = as_not_negative("min_alpha", min_alpha)
        check_one_of("unicode_errors", unicode_errors, ("strict", "replace", "ignore"))
        self.unicode_errors, self.running_text = unicode_errors, bool(running_text)
        self.sorted_vocab, self.shrink_windows = bool(sorted_vocab), bool(shrink_windows)
        self.compute_loss, self.comment = bool(compute_loss), _comment(comment)
        self.deterministic = bool(deterministic)
        self.shared_negatives = None if shared_negatives is None else bool(shared_negatives)
        callbacks = _callbacks(callbacks)
        _check_saving(checkpoint, every, interval)
        self._forget()
        if sentences is None and corpus_file is None:
            return
        self.build_vocab(sentences, corpus_file, trim_rule=trim_rule)
        try:
            self.train(
                *(None, None, self.corpus_count, self.corpus_total_words, self.epochs),
                callbacks=callbacks,
                progress=progress,
                checkpoint=checkpoint,
                every=every,
                interval=interval,
            )
        except KeyboardInterrupt:
            # Raised from here it would take the model with it.
            warnings.warn(
                f"Word2Vec: stopped by Ctrl-C in epoch {self.epochs_done + 1} of {self.epochs}; "
                "what was learned is kept, model.train() goes on",
                RuntimeWarning,
                stacklevel=2,
            )

    @property
    def wv(self) -> KeyedVectors:
        """The words and their vectors."""
        return vars(self)["wv"]

    @wv.setter
    def wv(self, vectors: KeyedVectors) -> None:
        vectors._in_model = True
        vars(self)["wv"] = vectors

    def _forget(self) -> None:
        """The state of a model that has seen no text."""
        self.wv = KeyedVectors(self.vector_size)
        self.syn1neg: np.ndarray | None = None
        self.syn1: np.ndarray | None = None
        self.corpus_count = self.corpus_total_words = 0
        self.train_count, self.total_train_time = 0, 0.0
        self._corpus: EncodedCorpus | None = None
        self._schedule: engine.Schedule | None = None

    # ---- vocabulary

    def build_vocab(
        self,
        corpus_iterable: Any = None,
        corpus_file: Any = None,
        update: bool = False,
        progress_per: int = 10000,
        keep_raw_vocab: bool = False,
        trim_rule: Callable[[Any, int, int], int] | None = None,
        **_unused: Any,
    ) -> None:
        """Count the words, choose those to learn, give them their first vectors.

        The text is encoded at the same time and kept for `train` without arguments. update=True
        adds words that are not known yet behind those that are, whose vectors stay; limits such as
        max_final_vocab count both.

        Raises ValueError if no word comes often enough.
        """
        source = source_of(
            *(corpus_iterable, corpus_file),
            lines=not self.running_text,
            unicode_errors=self.unicode_errors,
        )
        text = Text(source, n_parts=self._parts(), memory_limit=self.memory_limit)
        self._set_vocabulary(text.counts, update, trim_rule)
        self._corpus = text.encode(self.wv.key_to_index)
        self._schedule = None

    def build_vocab_from_freq(
        self,
        word_freq: dict[Any, int],
        keep_raw_vocab: bool = False,
        corpus_count: int | None = None,
        trim_rule: Callable[[Any, int, int], int] | None = None,
        update: bool = False,
    ) -> None:
        """The same from counts {word: count}; corpus_count: how many sentences they come from.

        Raises TypeError or ValueError for counts that are not whole numbers of 0 or more.
        """
        n_sentences = as_whole("corpus_count", corpus_count or 0)
        counts = WordCounts(list(word_freq), _frequencies(word_freq), n_sentences)
        self._set_vocabulary(counts, update, trim_rule)
        self._corpus = self._schedule = None

    def _set_vocabulary(
        self, counts: WordCounts, update: bool, trim_rule: Callable[[Any, int, int], int] | None
    ) -> None:
        limits = [n for n in (self.max_vocab_size, self.max_final_vocab) if n is not None]
        known = self.wv.key_to_index if update else {}
        if known:
            counts, seen = _without(counts, known)
            room = min(limits) - len(known) if limits else None
            if not len(counts.words) or (room is not None and room < 1):
                vocabulary = Vocabulary([], np.zeros(0, np.int64), 0, 0)
            else:
                vocabulary = _none_is_fine(counts, self.min_count, room, trim_rule)
        else:
            seen = np.zeros(0, np.int64)
            vocabulary = counts.vocabulary(
                self.min_count,
                min(limits, default=None),
                by_count=self.sorted_vocab,
                trim_rule=trim_rule,
            )
        self._check_vocabulary(len(known) + len(vocabulary))
        n_words = counts.n_words + int(seen.sum())
        if known:
            totals = np.concatenate([self.wv.expandos["count"] + seen, vocabulary.counts])
            words = [*self.wv.index_to_key, *vocabulary.words]
        else:
            totals, words = vocabulary.counts, vocabulary.words
        V, D, old = len(words), self.vector_size, len(known)
        rng = np.random.default_rng([self.seed, old])
        vectors = np.empty((V, D), np.float32)
        vectors[:old] = self.wv.vectors[:old] if old else 0
        fresh = vectors[old:]
        rng.random(out=fresh, dtype=np.float32)
        fresh *= 2
        fresh -= 1
        fresh /= np.float32(D)
        wv = KeyedVectors.from_words(words, vectors)
        wv.expandos["count"] = totals
        self.wv = wv
        self.syn1neg = _grown(self.syn1neg if old else None, V, D) if self.negative else None
        self.syn1 = _grown(self.syn1 if old else None, max(V - 1, 0), D) if self.hs else None
        self.corpus_count, self.corpus_total_words = counts.n_sentences, n_words

    def _check_vocabulary(self, V: int) -> None:
        if V < 2:
            raise ValueError(
                f"sentences: expected a vocabulary of two words or more, got {V} after min_count "
                f"{self.min_count}; lower min_count or give more text"
            )

    # ---- training

    def train(
        self,
        corpus_iterable: Any = None,
        corpus_file: Any = None,
        total_examples: int | None = None,
        total_words: int | None = None,
        epochs: int | None = None,
        start_alpha: float | None = None,
        end_alpha: float | None = None,
        word_count: int = 0,
        queue_factor: int = 2,
        report_delay: float = 1.0,
        compute_loss: bool | None = None,
        callbacks: Sequence[Any] = (),
        *,
        progress: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        every: float = 600.0,
        interval: int | None = None,
        **_unused: Any,
    ) -> tuple[int, int]:
        """Train on a text; returns (words that were not thinned out, words of the text), both
        over all epochs.

        Without a text: go on with the training that Ctrl-C, an exception or a callback has
        stopped; if none was, train on the text of `build_vocab`. Words that are not in the
        vocabulary are passed over.

        epochs, start_alpha, end_alpha: those of the model if None. total_examples, total_words,
        word_count, queue_factor and report_delay are taken for gensim's sake: the text is counted
        when it is encoded.

        progress    a bar on stderr
        checkpoint  a file to save everything to every `every` seconds and, with a new text, at the
                    start, for `resume`; the encoded text goes beside it, to the name with .ids
        interval    words of text between two calls of `on_interval` of the callbacks; rounded to
                    blocks of the text (8192 words, fewer of a short text), and counted anew in
                    each epoch

        Ctrl-C ends it within half a second with KeyboardInterrupt; what was learned is kept.
        FloatingPointError: the weights have run away, the learning rate was too large.
        """
        if not len(self.wv):
            raise RuntimeError(
                "train: there is no vocabulary yet; call build_vocab first, or pass sentences to "
                "Word2Vec"
            )
        callbacks = _callbacks(callbacks)
        _check_saving(checkpoint, every, interval)
        self._set_schedule(
            corpus_iterable, corpus_file, epochs, start_alpha, end_alpha, compute_loss
        )
        job = Training(self, callbacks, progress, checkpoint, every, interval)
        return job.run()

    def _set_schedule(
        self,
        sentences: Any,
        corpus_file: Any,
        epochs: int | None,
        start_alpha: float | None,
        end_alpha: float | None,
        compute_loss: bool | None,
    ) -> None:
        given = sentences is not None or corpus_file is not None
        if not given and self._corpus is None:
            raise RuntimeError(
                "train: there is no text; pass sentences= or corpus_file=, the ids of an earlier "
                "one are not saved with a model"
            )
        goes_on = not given and self._schedule is not None and not self._schedule.done
        if goes_on and (epochs, start_alpha, end_alpha) == (None, None, None):
            return
        epochs = self.epochs if epochs is None else as_int("epochs", epochs)
        start = self.alpha if start_alpha is None else as_not_negative("start_alpha", start_alpha)
        end = self.min_alpha if end_alpha is None else as_not_negative("end_alpha", end_alpha)
        if given:
            source = source_of(
                *(sentences, corpus_file),
                lines=not self.running_text,
                unicode_errors=self.unicode_errors,
            )
            text = Text(source, n_parts=self._parts(), memory_limit=self.memory_limit)
            corpus = text.encode(self.wv.key_to_index)
        else:
            assert self._corpus is not None
            corpus = self._corpus
        if not corpus.n_words:
            raise ValueError(
                "sentences: expected words of the vocabulary, got none of them; train on the "
                "text that build_vocab saw, or on more like it"
            )
        if not has_pairs(corpus.ids):
            raise ValueError(
                "sentences: expected sentences with two or more words of the vocabulary, got none, "
                "so no word has a neighbour; split each text: [text.split() for text in texts], "
                "or lower min_count"
            )
        self._corpus, n = corpus, len(corpus.ids)
        self._schedule = engine.Schedule(
            epochs=epochs,
            start_alpha=start,
            end_alpha=end,
            seed=self.seed,
            call=self.train_count,
            block=self._block(n),
            n=n,
            compute_loss=self.compute_loss if compute_loss is None else bool(compute_loss),
        )
        self.train_count += 1

    def _block(self, n: int) -> int:
        if not self.deterministic:
            return engine.block_size(n)
        return engine.planned_block_size(n, self.window)

    def _parts(self) -> int:
        return threads.claim(self.workers or threads.get_num_threads())

    def _weights(self, hold: bool = True) -> engine.Weights:
        """Padded working tables; with `hold`, `wv.vectors` and the others become views of them."""
        self._check_tables()
        counts = self.wv.expandos["count"]
        weights = engine.Weights(engine.padded(self.wv.vectors))
        if self.syn1neg is not None:
            weights.outputs = engine.padded(self.syn1neg)
            weights.alias = engine.alias_table(counts, self.ns_exponent)
        if self.syn1 is not None:
            weights.nodes = engine.padded(self.syn1)
            weights.ways = engine.huffman(counts)
        if hold:
            D = self.vector_size
            self.wv.vectors = weights.inputs[:, :D]
            if self.syn1neg is not None:
                self.syn1neg = weights.outputs[:, :D]
            if self.syn1 is not None:
                self.syn1 = weights.nodes[:, :D]
        weights.keep = engine.keep_thresholds(counts, self.sample)[1]
        weights.near = engine.near_shares(counts, self.sample)
        weights.window, weights.negative = self.window, self.negative
        weights.mode = self._mode()
        if self.deterministic:
            weights.batch = engine.batch_size(counts, self.sample, self.window, self.negative)
        return weights

    def _check_tables(self) -> None:
        """The kernel runs on pointers: sizes as `build_vocab` made them, settings as __init__."""
        V = len(self.wv)
        rows = {
            "wv.vectors": (self.wv.vectors, V),
            "syn1neg": (self.syn1neg, V if self.negative else None),
            "syn1": (self.syn1, max(V - 1, 0) if self.hs else None),
        }
        for name, (table, n) in rows.items():
            found = None if table is None else table.shape
            expected = None if n is None else (n, self.vector_size)
            if found != expected:
                raise ValueError(
                    f"{name}: expected shape {expected}, got {found}; words are added with "
                    "build_vocab(sentences, update=True), and hs and negative chosen before "
                    "build_vocab"
                )
        counts = self.wv.expandos.get("count")
        if counts is None or np.shape(counts) != (V,):
            raise ValueError(
                f"wv: expected a count for each of its {V} words, got shape {np.shape(counts)}; "
                "words are added with build_vocab(sentences, update=True)"
            )
        as_int("window", self.window)
        as_whole("negative", self.negative)

    def _mode(self) -> int:
        mode = engine.SHRINK if self.shrink_windows else 0
        shared = self.shared_negatives
        if shared is None:
            shared = self.corpus_total_words >= _SHARING
        if self.sg:
            return mode | engine.SKIP_GRAM | (0 if shared else engine.FRESH)
        mode |= engine.MEAN if self.cbow_mean else 0
        # The gradient of a mean has a share for each; word2vec.c's and gensim's has not. Where the
        # sum is taken gensim divides, as if to make up for it.
        share = bool(self.cbow_mean) == (self.cbow_grad == "exact")
        mode |= engine.SHARED if shared else 0
        return mode | (engine.SHARE if share else 0)

    def _settle(self) -> None:
        """Contiguous arrays again, after training on padded ones."""
        self.wv.vectors = np.ascontiguousarray(self.wv.vectors)
        if self.syn1neg is not None:
            self.syn1neg = np.ascontiguousarray(self.syn1neg)
        if self.syn1 is not None:
            self.syn1 = np.ascontiguousarray(self.syn1)

    # ---- what was learned

    @property
    def epoch_losses(self) -> list[float]:
        """Mean loss per pair of each epoch of the last `train`, in double precision.

        Of all pairs with compute_loss, else of a sample of them.
        """
        return list(self._schedule.losses) if self._schedule else []

    @property
    def epochs_done(self) -> int:
        """Whole epochs of the last `train`."""
        return self._schedule.epoch if self._schedule else 0

    def get_latest_training_loss(self) -> float:
        """The sum over all pairs of the last `train`, as in gensim; 0 without compute_loss."""
        schedule = self._schedule
        return schedule.loss if schedule is not None and schedule.compute_loss else 0.0

    def held_out_loss(self, sentences: Any = None, corpus_file: Any = None, seed: int = 0) -> float:
        """Mean loss per pair on a text, which nothing is learned from.

        Windows and negatives are drawn by `seed`; nothing is thinned out. Words that are not in
        the vocabulary are passed over.

        Raises ValueError if there is no pair of words at all.
        """
        source = source_of(
            *(sentences, corpus_file),
            lines=not self.running_text,
            unicode_errors=self.unicode_errors,
        )
        text = Text(source, n_parts=self._parts(), memory_limit=self.memory_limit)
        ids = text.encode(self.wv.key_to_index).ids
        sums = engine.Sums()
        if len(ids):
            weights = self._weights(hold=False)  # a callback may ask in the midst of a training
            weights.keep = engine._NO_COUNTS
            key = engine.epoch_key(as_whole("seed", seed), 0, 0)
            blocks = -(-len(ids) // engine.BLOCK)
            weights.batch = 0
            sums.add(weights.train(ids, 0, blocks, engine.BLOCK, key, 0.0, 0.0, 1, self._parts()))
        if not sums.loss_pairs:
            raise ValueError(
                "sentences: expected two words of the vocabulary in one sentence, got none; give "
                "a text like the one it was trained on"
            )
        return sums.mean_loss

    def predict_output_word(
        self, context_words_list: Sequence[Any], topn: int = 10
    ) -> list[tuple[Any, float]] | None:
        """The words most likely amid these, with their probabilities; None if none is known.

        As in gensim: a softmax over the output weights of negative sampling.
        """
        if self.syn1neg is None:
            raise RuntimeError(
                "predict_output_word: needs a model with negative sampling; train with negative=5"
            )
        rows = [self.wv.key_to_index[word] for word in context_words_list if word in self.wv]
        if not rows:
            return None
        hidden = self.wv.vectors[rows].sum(axis=0, dtype=np.float64)
        if self.cbow_mean:
            hidden /= len(rows)
        scores = self.syn1neg.astype(np.float64) @ hidden
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        best = np.argsort(-shares, kind="stable")[: as_int("topn", topn)]
        return [(self.wv.index_to_key[row], float(shares[row])) for row in best]

    def __repr__(self) -> str:
        return f"Word2Vec<vocab={len(self.wv)}, vector_size={self.vector_size}, alpha={self.alpha}>"

    # ---- files

    def save(self, fname: str | os.PathLike[str], *_unused: Any, **_unused_too: Any) -> None:
        """Save the whole model, but not the text; `load` opens it, `train` goes on with it.

        The file appears when it is complete: a full disk or a kill leaves what was there.
        """
        if len(self.wv):
            self._check_tables()
        facts: dict[str, Any] = {name: getattr(self, name) for name in _SETTINGS}
        facts |= {
            name: getattr(self, name)
            for name in ("corpus_count", "corpus_total_words", "train_count", "total_train_time")
        }
        facts["schedule"] = self._schedule.as_dict() if self._schedule else None
        facts["fastw2v"] = __version__
        more, words = fw2v.pack_words(self.wv.index_to_key)
        tables = {"vectors": self.wv.vectors, "syn1neg": self.syn1neg, "syn1": self.syn1}
        arrays = words | {"counts": self.wv.expandos.get("count")}
        fw2v.write(fname, "Word2Vec", facts | more, fw2v.optional(arrays | tables))

    @classmethod
    def load(cls, fname: str | os.PathLike[str], *_unused: Any, mmap: Any = None) -> Word2Vec:
        """Open what `save` wrote, or a checkpoint; with the text of the latter if it is there.

        Raises ValueError, naming what is wrong, if the file is no model or damaged.
        """
        content = fw2v.read(fname, "Word2Vec", None)
        facts, arrays = content.facts, content.arrays
        words = fw2v.unpack_words(fname, content)
        try:
            model = cls(**{name: facts[name] for name in _SETTINGS})
            counted = {
                "corpus_count": int(facts["corpus_count"]),
                "corpus_total_words": int(facts["corpus_total_words"]),
                "train_count": int(facts["train_count"]),
                "total_train_time": float(facts["total_train_time"]),
            }
            schedule = facts["schedule"]
            if schedule is not None:
                schedule = engine.Schedule.from_dict(schedule)
            shape = (len(words), model.vector_size)
            fits = arrays["vectors"].shape == shape
            if words:
                counts = arrays["counts"]
                fits = fits and counts.shape == shape[:1] and counts.dtype.kind in "iu"
                fits = fits and bool((counts >= 0).all())
                fits = fits and (not model.negative or arrays["syn1neg"].shape == shape)
                nodes = (max(len(words) - 1, 0), model.vector_size)
                fits = fits and (not model.hs or arrays["syn1"].shape == nodes)
            if not fits:
                raise ValueError("the shapes of the arrays do not fit together")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f"{fname}: the model is damaged ({error}); get the file again"
            ) from error
        for name in ("vectors", "syn1neg", "syn1"):
            if name in arrays:
                fw2v.check_finite(fname, name, arrays[name])
        if words:
            model.wv = KeyedVectors.from_words(words, arrays["vectors"])
            model.wv.expandos["count"] = arrays["counts"]
        model.syn1neg, model.syn1 = arrays.get("syn1neg"), arrays.get("syn1")
        for name, value in counted.items():
            setattr(model, name, value)
        model._schedule = schedule
        if schedule is not None and not schedule.done and os.path.exists(ids_of(fname)):
            with contextlib.suppress(ValueError):  # ids of another text: `resume` says so
                model._corpus = read_ids(ids_of(fname), len(model.wv), schedule)
        return model

    @classmethod
    def resume(
        cls,
        path: str | os.PathLike[str],
        *,
        workers: int | None = None,
        callbacks: Sequence[Any] = (),
        progress: bool = False,
        every: float = 600.0,
        interval: int | None = None,
    ) -> Word2Vec:
        """Go on with the training whose checkpoint is `path`, to its end; returns the model.

        With one worker, or deterministic=True, its vectors are the same bits as if nothing had
        happened in between. Checkpoints go on being written to the same file.

        >>> text = [["a", "b", "c"]] * 50
        >>> model = Word2Vec(text, min_count=1, workers=1, checkpoint="run.fw2v", every=0)
        >>> again = Word2Vec.resume("run.fw2v")
        >>> bool((again.wv.vectors == model.wv.vectors).all())
        True
        """
        model = cls.load(path)
        if workers is not None:
            model.workers = as_int("workers", workers)
        schedule = model._schedule
        if schedule is None:
            raise ValueError(f"{path}: holds a model that was not being trained; use load")
        if not schedule.done:
            if model._corpus is None and os.path.exists(ids_of(path)):
                model._corpus = read_ids(ids_of(path), len(model.wv), schedule)
            if model._corpus is None:
                raise FileNotFoundError(
                    f"{ids_of(path)}: no such file; a checkpoint needs the ids that were saved "
                    "beside it, or load it and call train(sentences)"
                )
            model.train(
                callbacks=callbacks,
                progress=progress,
                checkpoint=path,
                every=every,
                interval=interval,
            )
        return model

    def __getstate__(self) -> dict[str, Any]:
        # A copy of a model is the model, not the text.
        return vars(self) | {"_corpus": None}


def _optional_count(name: str, value: Any, low: int = 1) -> int | None:
    return None if value is None else as_whole(name, value, low=low)


def _comment(comment: Any) -> Any:
    try:
        json.dumps(comment)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"comment: expected what JSON can hold, as it is saved with the model, got "
            f"{type(comment).__name__} ({error}); pass a str"
        ) from error
    return comment


_CALLS = [name for name in vars(CallbackAny2Vec) if name.startswith("on_")]


def _callbacks(callbacks: Any) -> list[Any]:
    """One object or several, each with a method that is called."""
    alone = any(hasattr(callbacks, name) for name in _CALLS)
    what = "objects with methods such as on_epoch_end"
    if not alone:
        check_iterable("callbacks", callbacks, what)
    found = [callbacks] if alone else list(callbacks)
    for callback in found:
        if isinstance(callback, type) or not any(hasattr(callback, name) for name in _CALLS):
            got = f"the class {callback.__name__}" if isinstance(callback, type) else repr(callback)
            raise TypeError(
                f"callbacks: expected {what}, got {got}; pass an object of a class like "
                "CallbackAny2Vec"
            )
    return found


def _check_saving(checkpoint: Any, every: Any, interval: Any) -> None:
    if interval is not None:
        as_int("interval", interval)
    as_not_negative("every", every)
    if checkpoint is None:
        return
    if not isinstance(checkpoint, str | os.PathLike):
        raise TypeError(
            f"checkpoint: expected the name of a file, got {type(checkpoint).__name__}; pass a str"
        )
    check_writable(checkpoint)
    check_writable(ids_of(checkpoint))


def _frequencies(word_freq: Any) -> np.ndarray:
    if not isinstance(word_freq, Mapping):
        raise TypeError(
            f"word_freq: expected a dict of counts, got {type(word_freq).__name__}; pass "
            "collections.Counter(words), or sentences to build_vocab"
        )
    most = 2**53
    for word, count in word_freq.items():
        if type(count) is not int or not 0 <= count <= most:  # 2.0 and numpy's will do
            as_whole(f"word_freq[{word!r}]", count, high=most)
    return np.fromiter(word_freq.values(), np.int64, len(word_freq))


def _without(counts: WordCounts, known: dict[Any, int]) -> tuple[WordCounts, np.ndarray]:
    """The counts of unknown words, and those of the known ones by id."""
    seen = np.zeros(len(known), np.int64)
    rows = np.array([known.get(word, -1) for word in counts.words], np.int64)
    np.add.at(seen, rows[rows >= 0], counts.counts[rows >= 0])
    words = [word for word, row in zip(counts.words, rows.tolist(), strict=True) if row < 0]
    return WordCounts(words, counts.counts[rows < 0], counts.n_sentences), seen


def _none_is_fine(
    counts: WordCounts, min_count: int, max_words: int | None, trim_rule: Any
) -> Vocabulary:
    if trim_rule is None and counts.counts.max() < min_count:
        return Vocabulary([], np.zeros(0, np.int64), counts.n_words, counts.n_sentences)
    return counts.vocabulary(min_count, max_words, trim_rule=trim_rule)


def _grown(table: np.ndarray | None, V: int, D: int) -> np.ndarray:
    """A table with rows of zeros added, or one of zeros alone."""
    grown = np.zeros((V, D), np.float32)
    if table is not None:
        grown[: len(table)] = table
    return grown
