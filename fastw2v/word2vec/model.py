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
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.errors import NoVocabulary
from fastw2v._checks.keywords import check_keywords
from fastw2v._core.class_methods import on_class_only
from fastw2v._core.html import as_html_table
from fastw2v._files import gensim_pickle
from fastw2v._files.warning import warn
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.word2vec import engine, gensim_files, saving
from fastw2v.word2vec.callbacks import CallbackAny2Vec, Callbacks
from fastw2v.word2vec.consistency import check_model, claimed
from fastw2v.word2vec.corpus import (
    EncodedCorpus,
    Key,
    Sentences,
    check_trainable,
    has_pairs,
    widest_reach,
)
from fastw2v.word2vec.gensim_names import GensimNames
from fastw2v.word2vec.last_training import LastTraining
from fastw2v.word2vec.preparation import Files, Path, Preparation
from fastw2v.word2vec.queries import held_out_loss, predict_output_word, score
from fastw2v.word2vec.settings import (
    SETTINGS,
    as_epochs,
    as_flag,
    as_rate,
    as_settings,
    as_workers,
    default_alpha,
)
from fastw2v.word2vec.training import Training, check_run, warn_of_settings, warn_of_totals
from fastw2v.word2vec.vocabulary import TrimRule
from fastw2v.word2vec.weights import Loan, block_size, claim_threads, padded_weights

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["CallbackAny2Vec", "Word2Vec"]

_log = logging.getLogger(__name__)


class Word2Vec(Preparation, LastTraining, GensimNames):
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
    null_word       1 adds the word "\\0" with the count 1 at the end of the vocabulary
    hashfxn, batch_words
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
                    which 2,000 differ; in skip-gram, each also occurs 25 times in the mean
    running_text    True reads each file as one sentence and its line ends as blanks
    unicode_errors  "strict", "replace" or "ignore": the treatment of bytes that are not UTF-8
    memory_limit    bytes of ids to keep in memory; the ids of a larger text go to a temporary file
    progress        True shows a bar on stderr with words/s, loss and remaining time
    checkpoint, every, interval
                    see `train`

    Default learning rates: skip-gram 0.025; CBOW 0.05 with the gradient of word2vec.c, as in that
    program (gensim uses 0.025), and 0.15 with the exact gradient, which is smaller by a factor of
    the number of context words.

    Attributes: `wv` (`KeyedVectors`), which stays one object, the output weights `syn1neg` (V, D)
    and `syn1` (V, D; the tree has V - 1 inner nodes), `corpus_count` sentences,
    `corpus_total_words`, and `epoch_losses`, the mean loss per pair in each epoch of the last
    `train`. Settings and tables may be changed between two calls; each
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
        **unknown: Any,
    ) -> None:
        check_keywords(Word2Vec, unknown)
        given = {name: value for name, value in locals().items() if name in SETTINGS}
        if alpha is None:
            given["alpha"] = default_alpha(sg, cbow_grad)
        vars(self).update(as_settings(given))
        Callbacks(callbacks, self)  # raises before a text is read
        check_run(checkpoint, every, interval)

        self.wv = self._no_vectors()
        self.syn1neg: NDArray[np.float32] | None = None
        self.syn1: NDArray[np.float32] | None = None
        self.corpus_count = self.corpus_total_words = 0
        self.train_count, self.total_train_time = 0, 0.0
        self.effective_min_count, self.min_alpha_yet_reached = self.min_count, self.alpha
        self._raw = None
        self._tree = None
        self._keep_corpus(None)
        if sentences is None and corpus_file is None:
            if trim_rule is not None or Callbacks(callbacks, self).found:
                _log.warning(
                    "%s: trim_rule and callbacks have no effect without sentences; pass them to "
                    "build_vocab and train",
                    self._kind,
                )
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
            warn(
                f"{self._kind}: stopped by Ctrl-C in epoch {self.epochs_done + 1} of "
                f"{self.epochs}; the training so far is kept, call model.train() to continue it",
                RuntimeWarning,
            )

    @property
    def wv(self) -> KeyedVectors:
        """The words and their vectors."""
        vectors: KeyedVectors = vars(self)["wv"]
        return vectors

    @wv.setter
    def wv(self, vectors: KeyedVectors) -> None:
        kind, makers = self._vectors_kind, self._vectors_makers
        if not isinstance(vectors, kind):
            raise TypeError(
                f"wv: expected {kind.__name__}, got {type(vectors).__name__}; make them with "
                f"{' or '.join(f'{kind.__name__}.{maker}' for maker in makers)}"
            )
        vectors._in_model = True
        vars(self)["wv"] = vectors

    # ---- what FastText has in another form

    _vectors_kind: type[KeyedVectors] = KeyedVectors
    _vectors_makers = ("from_words", "from_gensim")
    _kind = "Word2Vec"  # of its files, and its name in messages
    _more_settings: tuple[str, ...] = ()  # arguments beside SETTINGS that a file holds

    def _begin(self, **settings: Any) -> None:
        """Set a model up to be read from a file; a subclass may have any `__init__`."""
        Word2Vec.__init__(self, **settings)

    def _no_vectors(self) -> KeyedVectors:
        """Return the vectors of no words."""
        return KeyedVectors(self.vector_size)

    def _weights(self) -> engine.Weights:
        """Return tables and settings as the engine needs them."""
        return padded_weights(self)

    def _loan(self) -> Loan:
        """Return the loan of the weights to a training."""
        return Loan(self)

    def _read_foreign(self, fname: Path, set_up: Callable[..., None], mmap: str | None) -> bool:
        """Read a model of another library into this one; return False if the file is none."""
        if not gensim_pickle.holds_object(fname):
            return False
        gensim_files.read_model(fname, self, set_up, mmap)
        return True

    def _packed_inputs(self) -> tuple[dict[str, Any], dict[str, np.ndarray | None]]:
        """Return the input rows as facts and arrays of a file."""
        return {}, {"vectors": self.wv.vectors}

    def _unpacked_vectors(
        self, words: list[Any], facts: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> KeyedVectors:
        """Return words with the input rows of `_packed_inputs`."""
        return KeyedVectors.from_words(words, arrays["vectors"])

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
        skipped. The text may be an `EncodedCorpus` in the ids of this vocabulary, see `encode`. A
        text in which no two words of the vocabulary are neighbours trains nothing: a warning says
        so through `logging`, and the result is (0, words of the text).

        Without a text, `train` continues the last training if Ctrl-C, an exception or a callback
        stopped it; otherwise it trains on the text of `build_vocab`.

        epochs, start_alpha and end_alpha default to the settings of the model. The text is counted
        while it is encoded; a warning says if total_examples or total_words is another number.
        report_delay is the number of seconds between two lines of the log; word_count and
        queue_factor have no effect.

        progress    True shows a bar on stderr
        checkpoint  name of a file that receives the model every `every` seconds, at the end, on
                    Ctrl-C and, for a new text, at the start; `resume` continues from it. The
                    encoded text goes to a second file, whose name ends in .ids
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
            if len(self.wv) < 2:
                raise NoVocabulary(
                    f"train: expected a vocabulary of two words or more, got {len(self.wv)}; call "
                    "build_vocab first, or pass sentences to Word2Vec"
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
                    warn_of_totals(corpus, total_examples, total_words)
                    if not has_pairs(corpus.ids):
                        _log.warning(
                            "train: no two words of the vocabulary are neighbours in this text of "
                            "%d words, so nothing was trained",
                            corpus.n_raw_words,
                        )
                        return 0, n_epochs * corpus.n_raw_words
                assert corpus is not None
                check_trainable(corpus)
                warn_of_settings(self, start)
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
                *(self._loan(), schedule, corpus),
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
                reached = min(self.min_alpha_yet_reached, schedule.alpha)
                self.min_alpha_yet_reached = reached

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

        Words may also be given by their rows. The result is None, and a warning is logged, if no
        given word is known. As in gensim, the probabilities are a softmax over the output weights
        of negative sampling.

        Raises RuntimeError if there are no such weights.
        """
        return predict_output_word(self, context_words_list, topn)

    def score(
        self,
        sentences: Sentences,
        total_sentences: int = 1_000_000,
        chunksize: int = 100,
        queue_factor: int = 2,
        report_delay: float = 1,
    ) -> NDArray[np.float32]:
        """Return the log probability (N,) of each sentence under hierarchical softmax.

        Skip-gram adds log p(word | context) over all pairs of a word and a context in its whole
        window, CBOW over all words with the mean (or sum) of their contexts. Words outside the
        vocabulary are skipped. Sentences beyond total_sentences are left out, and a warning is
        logged. chunksize, queue_factor and report_delay have no effect.

        Raises RuntimeError for a model without hs=1.
        """
        return score(self, sentences, total_sentences)

    def __repr__(self) -> str:
        size = f"vocab={len(self.wv)}, vector_size={self.vector_size}"
        return f"{self._kind}<{size}, alpha={self.alpha}>"

    def _repr_html_(self) -> str:
        kind = "skip-gram" if self.sg else "CBOW"
        output = [f"{self.negative} negative samples"] if self.negative else []
        output += ["hierarchical softmax"] if self.hs else []
        facts: dict[str, object] = {
            "model": f"{kind}, {' and '.join(output) or 'no output layer'}, window {self.window}",
            "words": f"{len(self.wv):,}",
            "dimension": self.vector_size,
            "epochs of the last training": self.epochs_done,
        }
        losses = self.epoch_losses
        if losses and losses[-1] == losses[-1]:
            facts["loss"] = f"{losses[-1]:.4f}"
        return as_html_table(type(self).__name__, facts)

    # ---- files

    def save(
        self,
        fname: Path | BinaryIO,
        separately: object = None,
        sep_limit: object = None,
        ignore: Iterable[str] = (),
        pickle_protocol: object = None,
    ) -> None:
        """Save the model without its text, so that `load` can open it and `train` continue it.

        fname is the name of a file, or an open binary file.
        The file is replaced only when the new one is complete: a full disk or a kill leaves the
        old one as it was. Attributes of words, and further attributes that a user or a subclass has
        set on the model or on `wv`, are saved if JSON can hold them or if they are arrays of
        numbers. ignore lists further attributes to leave out. separately, sep_limit and
        pickle_protocol are gensim's and have no effect.

        Raises TypeError that names an attribute that the file cannot hold.
        """
        saving.write_model(fname, self, self._schedule, ignore)

    @on_class_only
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
        schedule = saving.read_model(fname, model, model._begin, mmap)
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
