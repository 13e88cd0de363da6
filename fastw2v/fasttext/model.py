"""The class `FastText`: `Word2Vec` whose input vectors are composed of words and their n-grams."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastw2v._checks.keywords import check_keywords
from fastw2v._core.class_methods import Refused
from fastw2v.fasttext import model_files
from fastw2v.fasttext.files import packed, unpacked
from fastw2v.fasttext.ngrams import as_lengths
from fastw2v.fasttext.rows import NgramRows
from fastw2v.fasttext.training import (
    LEAST_ROUND,
    SubwordLoan,
    SubwordWeights,
    subword_weights,
    with_rows_of,
)
from fastw2v.fasttext.vectors import FastTextKeyedVectors
from fastw2v.keyed_vectors.changes import lengthened
from fastw2v.keyed_vectors.locking import NAME as LOCK_FACTORS
from fastw2v.word2vec import Word2Vec, engine
from fastw2v.word2vec.callbacks import CallbackAny2Vec
from fastw2v.word2vec.corpus import Sentences
from fastw2v.word2vec.preparation import Files, Path
from fastw2v.word2vec.vocabulary import TrimRule
from fastw2v.word2vec.weights import first_vectors


class FastText(Word2Vec):
    """Word vectors trained with their n-grams, which also answer for words that no text had.

    The input vector of a word is the mean of its own row and of the rows of its n-grams; each of
    them gets the whole gradient. Skip-gram divides their sum by the number of n-grams alone, as
    gensim does, which makes steps a little larger than fastText's. CBOW takes the mean (or sum)
    over all rows of all context words.

    Arguments in the order and with the meaning of gensim 4's FastText. These are its own; the
    others are those of `Word2Vec`, its keyword arguments included:

    min_n, max_n    lengths of n-grams in characters, with the `<` before a word and the `>` behind
                    it. With min_n > max_n, words have rows of their own alone
    bucket          number of rows that n-grams share by their hash; 0 for none. Only the rows of
                    n-grams that the vocabulary has take memory
    word_ngrams     only 1

    Skip-gram draws negatives for each pair of words by default, however long the text is:
    shared_negatives=True doubles its speed and makes frequent words better and rare ones worse.

    The words of a text must be str. Changes of a word reach words with the same n-grams when a
    round ends, which is at most 8192 positions of the text long; with one worker or
    deterministic=True, vectors are reproducible. Of fastText, `</s>` at the end of each line is not
    trained, and the defaults of negatives and subsampling are gensim's.

    Attributes: those of `Word2Vec`, but `wv` is `FastTextKeyedVectors`: `wv.vectors_vocab` and
    `wv.vectors_ngrams` are trained, and `wv.vectors` is composed of them. Lock factors and the
    functions that train parts of a text on several machines are not supported.

    Raises ValueError or TypeError that names the argument, before training starts.

    >>> text = [["night", "nights", "moon"], ["day", "days", "sun"]] * 50
    >>> model = FastText(text, vector_size=8, min_count=1, workers=1, bucket=10_000)
    >>> "nightly" in model.wv, model.wv["nightly"].shape
    (True, (8,))
    """

    _kind = "FastText"
    _more_settings = ("min_n", "max_n", "bucket")
    _most_block = LEAST_ROUND  # threads take several of a longer round

    def __init__(
        self,
        sentences: Sentences | None = None,
        corpus_file: Files | None = None,
        sg: int = 0,
        hs: int = 0,
        vector_size: int = 100,
        alpha: float | None = None,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        word_ngrams: int = 1,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int | None = None,
        min_alpha: float = 0.0001,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: object = None,
        epochs: int = 5,
        null_word: int = 0,
        min_n: int = 3,
        max_n: int = 6,
        sorted_vocab: int = 1,
        bucket: int = 2_000_000,
        trim_rule: TrimRule | None = None,
        batch_words: int = 10000,
        callbacks: CallbackAny2Vec | Sequence[Any] = (),
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        *,
        compute_loss: bool = False,
        comment: str | None = None,
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
        check_keywords(FastText, unknown)
        given = dict(locals())
        if word_ngrams != 1:
            raise ValueError(
                f"word_ngrams: expected 1, got {word_ngrams!r}; n-grams of words are for "
                "supervised models, join frequent ones with fastw2v.Phrases"
            )
        self._lengths = as_lengths(min_n, max_n, bucket)
        for name in ("self", "__class__", "word_ngrams", "unknown", *self._more_settings):
            given.pop(name, None)
        super().__init__(**given)

    wv: FastTextKeyedVectors  # an annotation of the property that Word2Vec has
    _vectors_kind = FastTextKeyedVectors
    _vectors_makers = ("from_parts", "from_gensim")

    # ---- files

    def save_fasttext_format(
        self, fname: str | os.PathLike[str], *, lr_update_rate: int = 100
    ) -> None:
        """Write a model (.bin) with its output weights, which fastText 0.9.2 and gensim open.

        `load` opens it again, and `train` continues. The format has no learning rate.
        lr_update_rate is written for fastText, and has no effect here.

        Raises ValueError for the name of another format, for a model with both kinds of output
        weights or a tree that fastText does not build, and as
        `FastTextKeyedVectors.save_fasttext_format`.

        >>> model = FastText([["a", "b"]] * 9, vector_size=4, min_count=1, workers=1, bucket=50)
        >>> model.save_fasttext_format("trained.bin")
        >>> bool((FastText.load("trained.bin").syn1neg == model.syn1neg).all())
        True
        """
        model_files.write_bin(self, fname, lr_update_rate)

    def _read_foreign(self, fname: Path, set_up: Callable[..., None], mmap: str | None) -> bool:
        return model_files.read_foreign(self, fname, set_up, mmap)

    # ---- names of gensim's class

    load_fasttext_format = load_binary_data = Refused("call FastText.load(file)")

    @property
    def word_ngrams(self) -> int:
        """The longest n-gram of words, which is always 1."""
        return 1

    # ---- what Word2Vec has in another form

    _tree_of_counts = staticmethod(functools.partial(engine.huffman, as_fasttext=True))

    def _begin(self, **settings: Any) -> None:
        FastText.__init__(self, **settings)

    def _no_vectors(self) -> FastTextKeyedVectors:
        return FastTextKeyedVectors(self.vector_size, *self._lengths, seed=self.seed)

    def _weights(self) -> SubwordWeights:
        return subword_weights(self)

    def _loan(self) -> SubwordLoan:
        return SubwordLoan(self)

    def _check_inputs(self, compressed: bool) -> None:
        self.wv._check_parts()
        if LOCK_FACTORS in vars(self.wv) and (self.wv.vectors_lockf != 1).any():
            raise ValueError(
                "vectors_lockf: expected 1 for all words, got others; a word's n-grams belong to "
                "other words, too, so FastText cannot lock it: set them to 1, or use Word2Vec"
            )

    def _first_inputs(self, words: Sequence[Any], n_known: int) -> tuple[np.ndarray, Any]:
        wv, D = self.wv, self.vector_size
        for word in words:
            if not isinstance(word, str):
                raise TypeError(
                    f"sentences: expected words that are str, whose n-grams can be listed, got "
                    f"{type(word).__name__} {word!r:.40}; convert them, or use Word2Vec"
                )
        known = wv.vectors_vocab[:n_known] if n_known else np.empty((0, 0), np.float32)
        own = first_vectors(self.seed, known, len(words), D)
        table = wv.vectors_ngrams if n_known else NgramRows(wv.bucket, D, seed=self.seed)
        if isinstance(table, NgramRows):
            table = with_rows_of(table, wv._buckets(words)[0])
        return own, table

    def _take_inputs(self, inputs: tuple[np.ndarray, Any]) -> None:
        self.wv.vectors_vocab, self.wv.vectors_ngrams = inputs
        vars(self.wv).pop("vectors", None)

    def _add_word(self, word: str) -> None:
        wv = self.wv
        words = [*wv.index_to_key, word]
        self._take_inputs(self._first_inputs(words, len(wv)))
        counts = wv.expandos["count"]
        attributes = lengthened(wv.expandos, len(words))
        attributes["count"] = np.append(counts, np.ones(1, counts.dtype))
        wv.key_to_index[word] = len(wv)
        wv.index_to_key.append(word)
        wv.expandos = attributes

    def _packed_inputs(self) -> tuple[dict[str, Any], dict[str, np.ndarray | None]]:
        facts, arrays = packed(self.wv)
        return facts, {**arrays}

    def _unpacked_vectors(
        self, words: list[Any], facts: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> FastTextKeyedVectors:
        wv = unpacked(FastTextKeyedVectors, words, facts, arrays)
        if wv.bucket != self._no_vectors().bucket:
            raise ValueError("the settings of its n-grams do not fit its arrays")
        return wv
