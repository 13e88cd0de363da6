"""The class `Word2Vec`: settings, vocabulary, training and questions to a trained model.

>>> from itertools import permutations
>>> topics = ["sun moon star sky", "dog cat cow pig"]
>>> sentences = [words for topic in topics for words in permutations(topic.split())] * 20
>>> model = Word2Vec(sentences, vector_size=16, min_count=1, sample=0, sg=1, epochs=20, workers=1)
>>> sorted(word for word, _ in model.wv.most_similar("sun", topn=3))
['moon', 'sky', 'star']

A text is read once and encoded as ids; then every epoch runs in compiled code that does not hold
the interpreter. The docstring of `Word2Vec` lists the differences from gensim.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.keywords import check_keywords
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.keyed_vectors.changes import lengthened
from fastw2v.keyed_vectors.files import extra_attributes
from fastw2v.word2vec import engine, logs, saving
from fastw2v.word2vec.callbacks import CallbackAny2Vec, Callbacks
from fastw2v.word2vec.consistency import check_model, claimed
from fastw2v.word2vec.corpus import (
    EncodedCorpus,
    Key,
    Sentences,
    as_corpus_of,
    check_trainable,
    widest_reach,
)
from fastw2v.word2vec.last_training import LastTraining
from fastw2v.word2vec.queries import held_out_loss, predict_output_word
from fastw2v.word2vec.sentences import count_text
from fastw2v.word2vec.settings import (
    SETTINGS,
    Settings,
    as_epochs,
    as_flag,
    as_rate,
    as_settings,
    as_workers,
    check_settings,
    default_alpha,
)
from fastw2v.word2vec.training import Training, check_run
from fastw2v.word2vec.vocabulary import TrimRule, Vocabulary, WordCounts, as_word_counts
from fastw2v.word2vec.weights import (
    Loan,
    block_size,
    claim_threads,
    first_outputs,
    first_vectors,
)

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["CallbackAny2Vec", "Word2Vec"]

Path = str | os.PathLike[str]
Files = Path | Iterable[Path]


class Word2Vec(Settings, LastTraining):
    """Word vectors trained with CBOW or skip-gram.

    Arguments in the order and with the meaning of gensim 4:

    sentences       lists of words (str or int), integer arrays, or a `LineSentence`; an iterable
                    that can be repeated. None: call `build_vocab` and `train` later
    corpus_file     the name of a UTF-8 text file, plain or packed, or a list of names, instead of
                    sentences. Each line is a sentence of any length
    vector_size     D, the dimension of the vectors
    alpha           initial learning rate, which falls linearly to min_alpha; None: see below
    window          number of context words on each side
    min_count       words that occur less often are ignored
    max_vocab_size, max_final_vocab
                    maximum number of words, of which the most frequent ones are kept. All words
                    are counted exactly, while gensim prunes its counts on the way
    sample          words whose share of the text exceeds about this value are subsampled; 0
                    subsamples no word
    seed            seed of all draws. Vectors are reproducible with one worker or with
                    deterministic=True
    workers         number of threads, up to 1,024; None: `fastw2v.get_num_threads()`
    sg              1 skip-gram, 0 CBOW
    hs, negative    1 for hierarchical softmax; number of negative samples, up to 1,000, 0 for
                    none. Both can be combined
    ns_exponent     negatives are drawn in proportion to count ** ns_exponent
    cbow_mean       1 uses the mean of the context vectors, 0 their sum
    epochs          passes over the text
    trim_rule       function (word, count, min_count) that returns 0 to apply min_count, 1 to
                    discard the word, 2 to keep it
    sorted_vocab    1 sorts words by descending frequency, 0 by first appearance
    compute_loss    True computes the loss of every pair, False of a sample of pairs
    callbacks       see `CallbackAny2Vec`
    shrink_windows  True draws the window of each word from 1 .. window
    hashfxn, null_word, batch_words
                    no effect. They are accepted because scripts for gensim pass them; the initial
                    vectors depend on the seed alone

    Keyword arguments of fastw2v:

    deterministic   True makes the vectors bit-identical for any number of workers. Each worker
                    owns a range of columns, so at most two workers have work with fewer than 256
                    dimensions, and at most four with more. The scores of up to 16 words are
                    computed before the first of them is learned. Several workers train a copy of
                    the weights
    cbow_grad       "word2vec" gives each context word the whole gradient of their mean, as
                    word2vec.c and gensim do; "exact" divides it among them
    shared_negatives
                    True draws negatives once for all pairs of a word in skip-gram, and once for
                    four neighbouring words in CBOW, which is faster. False draws them for each
                    pair and for each word. None is True for texts of 500,000 words or more, of
                    which 2,000 differ
    running_text    True reads each file as one sentence and its line ends as blanks
    unicode_errors  "strict", "replace" or "ignore": the treatment of bytes that are not UTF-8
    memory_limit    bytes of ids to keep in memory; the ids of a larger text go to a temporary file
    progress        True shows a bar on stderr with words/s, loss and remaining time
    checkpoint, every, interval
                    see `train`

    Default learning rates: skip-gram 0.025; CBOW 0.05 with the gradient of word2vec.c, as in that
    program (gensim uses 0.025), and 0.15 with the exact gradient, which is smaller by a factor of
    the number of context words.

    Attributes: `wv` (`KeyedVectors`), the output weights `syn1neg` (V, D) and `syn1` (inner nodes,
    D), `corpus_count` sentences, `corpus_total_words`, and `epoch_losses`, the mean loss per pair
    in each epoch of the last `train`. Settings and tables may be changed between two calls; each
    method checks them again. In a callback, write into the tables instead of replacing them.

    Raises ValueError or TypeError that names the argument, before training starts.

    >>> model = Word2Vec(vector_size=8, min_count=1, workers=1, seed=3)
    >>> model.build_vocab([["hello", "world"], ["hello", "moon"]])
    >>> model.wv.index_to_key
    ['hello', 'world', 'moon']
    >>> model.train([["hello", "world"]], total_examples=1, epochs=2)[1]
    4
    """

    def __init__(
        self,
        sentences: Sentences | None = None,
        corpus_file: Files | None = None,
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
        hashfxn: object = None,
        epochs: int = 5,
        null_word: int = 0,
        trim_rule: TrimRule | None = None,
        sorted_vocab: int = 1,
        batch_words: int = 10000,
        compute_loss: bool = False,
        callbacks: CallbackAny2Vec | Sequence[Any] = (),
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
        checkpoint: Path | None = None,
        every: float = 600.0,
        interval: int | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in SETTINGS}
        if alpha is None:
            given["alpha"] = default_alpha(sg, cbow_grad)
        vars(self).update(as_settings(given))
        Callbacks(callbacks, self)  # raises before a text is read
        check_run(checkpoint, every, interval)

        self.wv = KeyedVectors(self.vector_size)
        self.syn1neg: NDArray[np.float32] | None = None
        self.syn1: NDArray[np.float32] | None = None
        self.corpus_count = self.corpus_total_words = 0
        self.train_count, self.total_train_time = 0, 0.0
        # The text of `train` without arguments, and the words that its ids belong to.
        self._corpus: EncodedCorpus | None = None
        self._corpus_words: list[Any] = []
        self._schedule: engine.Schedule | None = None  # of the last `train`
        self._tree: engine.HuffmanWays | None = None  # of a file of gensim; None: of the counts
        if sentences is None and corpus_file is None:
            return
        self.build_vocab(sentences, corpus_file, trim_rule=trim_rule)
        try:
            self.train(
                callbacks=callbacks,
                progress=progress,
                checkpoint=checkpoint,
                every=every,
                interval=interval,
            )
        except KeyboardInterrupt:
            # An exception would leave the caller without the model.
            warnings.warn(
                f"Word2Vec: stopped by Ctrl-C in epoch {self.epochs_done + 1} of {self.epochs}; "
                "the training so far is kept, call model.train() to continue it",
                RuntimeWarning,
                stacklevel=2,
            )

    @property
    def wv(self) -> KeyedVectors:
        """The words and their vectors."""
        vectors: KeyedVectors = vars(self)["wv"]
        return vectors

    @wv.setter
    def wv(self, vectors: KeyedVectors) -> None:
        if not isinstance(vectors, KeyedVectors):
            raise TypeError(
                f"wv: expected KeyedVectors, got {type(vectors).__name__}; make them with "
                "KeyedVectors.from_words or KeyedVectors.from_gensim"
            )
        vectors._in_model = True
        vars(self)["wv"] = vectors

    # ---- vocabulary

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
        stay, and are 0 or "" for new words. progress_per is the number of sentences between two
        lines of the log; keep_raw_vocab has no effect.

        Raises ValueError if fewer than two words occur min_count times, RuntimeError in a callback,
        because the training would not see the new words.
        """
        check_keywords(self.build_vocab, unknown)
        check_settings(self)
        with claimed(self, "build_vocab"):
            report = logs.Reading(progress_per)
            text = count_text(corpus_iterable, corpus_file, **self._reading(), report=report)
            self._set_vocabulary(text.counts, update, trim_rule)
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
            self._set_vocabulary(as_word_counts(word_freq, corpus_count), update, trim_rule)
            self._keep_corpus(None)

    def _keep_corpus(self, corpus: EncodedCorpus | None) -> None:
        self._corpus, self._schedule = corpus, None
        self._corpus_words = [] if corpus is None else list(self.wv.index_to_key)

    def _set_vocabulary(self, counts: WordCounts, update: bool, trim_rule: TrimRule | None) -> None:
        limits = [n for n in (self.max_vocab_size, self.max_final_vocab) if n is not None]
        most = min(limits, default=None)
        n_known = len(self.wv) if update else 0
        if n_known:
            check_model(self, added=True)
            known = Vocabulary(self.wv.index_to_key, self.wv.expandos["count"], 0, 0)
            vocabulary = known.extended(counts, self.min_count, most, trim_rule=trim_rule)
        else:
            vocabulary = counts.vocabulary(
                self.min_count, most, by_count=self.sorted_vocab, trim_rule=trim_rule
            )
        logs.vocabulary_chosen(self, counts, vocabulary)
        V, D = len(vocabulary), self.vector_size
        if V < 2:
            raise ValueError(
                f"sentences: expected a vocabulary of two words or more, got {V} after min_count "
                f"{self.min_count}; lower min_count or pass more text"
            )
        vectors = first_vectors(self.seed, self.wv.vectors[:n_known], V, D)
        wv = KeyedVectors.from_words(vocabulary.words, vectors)
        if n_known:
            vars(wv).update(extra_attributes(self.wv))
            wv.expandos.update(lengthened(self.wv.expandos, V))
        wv.expandos["count"] = vocabulary.counts
        outputs, nodes = (self.syn1neg, self.syn1) if n_known else (None, None)
        self.wv = wv
        self.syn1neg = first_outputs(outputs, V, D) if self.negative else None
        self.syn1, self._tree = first_outputs(nodes, V - 1, D) if self.hs else None, None
        self.corpus_count, self.corpus_total_words = counts.n_sentences, counts.n_words

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

    # ---- training

    def train(
        self,
        corpus_iterable: Sentences | EncodedCorpus | None = None,
        corpus_file: Files | None = None,
        total_examples: int | None = None,
        total_words: int | None = None,
        epochs: int | None = None,
        start_alpha: float | None = None,
        end_alpha: float | None = None,
        word_count: int = 0,
        queue_factor: int = 2,
        report_delay: float = 1.0,
        compute_loss: bool | None = None,
        callbacks: CallbackAny2Vec | Sequence[Any] = (),
        *,
        progress: bool = False,
        checkpoint: Path | None = None,
        every: float = 600.0,
        interval: int | None = None,
        **unknown: Any,
    ) -> tuple[int, int]:
        """Train on a text and return (words after subsampling, words of the text).

        Both numbers are sums over the epochs of this call. Words outside the vocabulary are
        skipped. The text may be an `EncodedCorpus` in the ids of this vocabulary, see `encode`.

        Without a text, `train` continues the last training if Ctrl-C, an exception or a callback
        stopped it; otherwise it trains on the text of `build_vocab`.

        epochs, start_alpha and end_alpha default to the settings of the model. total_examples,
        total_words, word_count and queue_factor have no effect: the text is counted while it is
        encoded. report_delay is the number of seconds between two lines of the log.

        progress    True shows a bar on stderr
        checkpoint  name of a file that receives the model every `every` seconds, at the end and,
                    for a new text, at the start; `resume` continues from it. The encoded text goes
                    to a second file, whose name ends in .ids
        interval    number of words of the text between two calls of the callbacks' `on_interval`.
                    It is rounded to blocks of the text (8192 words, fewer in a short text), and
                    each epoch counts anew

        Ctrl-C ends the training within half a second with KeyboardInterrupt, and the training so
        far is kept. Raises FloatingPointError if training diverges, because the learning
        rate is too large; ValueError or TypeError if a setting, the words or a table were changed
        so that they no longer fit; RuntimeError if a callback replaces a table.
        """
        check_keywords(self.train, unknown)
        with claimed(self, "train"):
            if not len(self.wv):
                raise RuntimeError(
                    "train: there is no vocabulary yet; call build_vocab first, or pass sentences "
                    "to Word2Vec"
                )
            check_model(self)
            bound = Callbacks(callbacks, self)
            check_run(checkpoint, every, interval)
            given = corpus_iterable is not None or corpus_file is not None
            corpus, schedule = self._corpus, self._schedule
            if not given and corpus is None:
                raise RuntimeError(
                    "train: there is no text; pass sentences= or corpus_file=, because the ids of "
                    "an earlier text are not saved with a model"
                )
            if not given and self._corpus_words != self.wv.index_to_key:
                raise ValueError(
                    "train: expected the words that the text of build_vocab was encoded for, got "
                    "others in wv; pass the text again: train(sentences)"
                )
            with_loss = as_flag(
                "compute_loss", self.compute_loss if compute_loss is None else compute_loss
            )
            same = not given and (epochs, start_alpha, end_alpha) == (None, None, None)
            if schedule is None or schedule.done or not same:
                n_epochs = self.epochs if epochs is None else as_epochs("epochs", epochs)
                start = self.alpha if start_alpha is None else as_rate("start_alpha", start_alpha)
                end = self.min_alpha if end_alpha is None else as_rate("end_alpha", end_alpha)
                if given:
                    corpus = self._encode(corpus_iterable, corpus_file)
                assert corpus is not None
                check_trainable(corpus)
                n, reach = len(corpus.ids), widest_reach(self.window, corpus)
                schedule = engine.Schedule(
                    epochs=n_epochs,
                    start_alpha=start,
                    end_alpha=end,
                    seed=self.seed,
                    call=self.train_count,
                    block=block_size(self, n, reach),
                    n=n,
                    compute_loss=with_loss,
                )
                self._keep_corpus(corpus)
                self._schedule = schedule
                self.train_count += 1
            assert corpus is not None
            file = None if checkpoint is None else saving.Checkpoint(checkpoint, every, self.save)
            training = Training(
                *(Loan(self), schedule, corpus),
                callbacks=bound,
                checkpoint=file,
                interval=interval,
                progress=progress,
                report_delay=report_delay,
            )
            started = time.perf_counter()
            try:
                if file is not None:
                    file.begin(corpus, schedule, len(self.wv))
                return training.run(claim_threads(self))
            finally:
                self.total_train_time += time.perf_counter() - started

    # ---- queries to a trained model

    def held_out_loss(
        self,
        sentences: Sentences | EncodedCorpus | None = None,
        corpus_file: Files | None = None,
        seed: int = 0,
    ) -> float:
        """Return the mean loss per pair on a text, without learning from it.

        `seed` decides the draws of windows and negatives. No word is subsampled; words outside the
        vocabulary are skipped.

        Raises ValueError if the text contains no pair of words.
        """
        check_model(self)
        return held_out_loss(self, self._encode(sentences, corpus_file), seed)

    def predict_output_word(
        self, context_words_list: Sequence[Any], topn: int = 10
    ) -> list[tuple[Key, float]] | None:
        """Return the most probable words between the given ones, with their probabilities.

        The result is None if no given word is known. As in gensim, the probabilities are a softmax
        over the output weights of negative sampling.
        """
        return predict_output_word(self, context_words_list, topn)

    def __repr__(self) -> str:
        return f"Word2Vec<vocab={len(self.wv)}, vector_size={self.vector_size}, alpha={self.alpha}>"

    # ---- files

    def save(
        self,
        fname: Path,
        separately: object = None,
        sep_limit: object = None,
        ignore: Iterable[str] = (),
        pickle_protocol: object = None,
    ) -> None:
        """Save the model without its text, so that `load` can open it and `train` continue it.

        The file is replaced only when the new one is complete: a full disk or a kill leaves the
        old one as it was. Attributes of words, and further attributes that a user or a subclass has
        set on the model or on `wv`, are saved if JSON can hold them or if they are arrays of
        numbers. ignore lists further attributes to leave out. separately, sep_limit and
        pickle_protocol are gensim's and have no effect.

        Raises TypeError that names an attribute that the file cannot hold.
        """
        saving.write_model(fname, self, self._schedule, ignore)

    @classmethod
    def load(cls, fname: Path, mmap: str | None = None) -> Self:
        """Open a file of `save` or a checkpoint, the latter with its text if that file exists.

        It also opens models that gensim 0.12 to 4.4 saved; see docs/gensim-files.md. A subclass
        gets its attributes back without a call of its `__init__`. The text is read into memory, or
        mapped if it is larger than the memory_limit of the model.

        mmap: "c" maps the tables and keeps changes in this process; "r" maps them read-only; None
        reads them. A mapped file must not be cut short or overwritten in place meanwhile, which
        would end this process; `save` replaces files instead.

        Raises ValueError, naming the damage, if the file is not a model or damaged.
        """
        model = cls.__new__(cls)
        set_up = functools.partial(Word2Vec.__init__, model)
        schedule = saving.read_model(fname, model, set_up, mmap)
        model._schedule = schedule
        if schedule is not None and not schedule.done:
            # `resume` reports ids that are missing or belong to another text.
            with contextlib.suppress(ValueError, FileNotFoundError):
                model._read_corpus(fname, schedule)
        return model

    def _read_corpus(self, fname: Path, schedule: engine.Schedule) -> None:
        path, V = saving.ids_path(fname), len(self.wv)
        self._corpus = saving.read_ids(path, V, schedule, self.memory_limit)
        self._corpus_words = list(self.wv.index_to_key)

    @classmethod
    def resume(
        cls,
        path: Path,
        *,
        workers: int | None = None,
        callbacks: CallbackAny2Vec | Sequence[Any] = (),
        progress: bool = False,
        every: float = 600.0,
        interval: int | None = None,
    ) -> Self:
        """Continue the training that saved the checkpoint `path` to its end; return the model.

        With one worker, or with deterministic=True, the vectors are bit-identical to those of an
        uninterrupted training. Further checkpoints replace the file.

        >>> text = [["a", "b", "c"]] * 50
        >>> model = Word2Vec(text, min_count=1, workers=1, checkpoint="run.fw2v", every=0)
        >>> again = Word2Vec.resume("run.fw2v")
        >>> bool((again.wv.vectors == model.wv.vectors).all())
        True
        """
        model = cls.load(path)
        if workers is not None:
            model.workers = as_workers("workers", workers)
        schedule = model._schedule
        if schedule is None:
            raise ValueError(
                f"{path}: expected a checkpoint, got a model saved outside training; use load"
            )
        if not schedule.done:
            if model._corpus is None:
                model._read_corpus(path, schedule)
            model.train(
                callbacks=callbacks,
                progress=progress,
                checkpoint=path,
                every=every,
                interval=interval,
            )
        return model

    def __getstate__(self) -> dict[str, Any]:
        # Copies and pickles of a model do not carry the text, and are not in training.
        state = vars(self) | {"_corpus": None, "_corpus_words": []}
        state.pop("_claim", None)
        return state
