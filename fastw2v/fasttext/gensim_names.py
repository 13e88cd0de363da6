"""The names of `gensim.models.fasttext`: functions for models of fastText, and refused ones."""

from __future__ import annotations

import os
from typing import Any

from fastw2v._files.kinds import check_readable, first_bytes, kind_of, refuse_foreign
from fastw2v.fasttext.model import FastText
from fastw2v.fasttext.vectors import FastTextKeyedVectors

Path = str | os.PathLike[str]

_IN_MODEL = "FastText holds everything itself"
_KERNELS = "FastText.train runs compiled code"
_SUBWORDS = "call get_subwords(word) of the vectors, which returns n-grams and rows"

OF_MODULE = {
    "FastTextTrainables": _IN_MODEL,
    "FastTextVocab": _IN_MODEL,
    "MAX_WORDS_IN_BATCH": "a sentence may have any length",
    "compute_ngrams": _SUBWORDS,
    "compute_ngrams_bytes": _SUBWORDS,
    "ft_hash_bytes": _SUBWORDS,
    "ft_ngram_hashes": _SUBWORDS,
    "prep_vectors": "call build_vocab(sentences, update=True)",
    "train_batch_any": _KERNELS,
    "train_epoch_cbow": _KERNELS,
    "train_epoch_sg": _KERNELS,
}


def load_facebook_model(path: Path, encoding: str = "utf-8") -> FastText:
    """Open a model of fastText (.bin), which can be trained on, as gensim's function does.

    encoding: only utf-8; bytes that are not UTF-8 become lone surrogates, as by "surrogateescape".

    Raises ValueError for models that are supervised or quantised, or trained with another loss
    than ns and hs.

    >>> from fastw2v import FastText
    >>> model = FastText([["sun", "moon"]] * 9, vector_size=4, min_count=1, bucket=100)
    >>> save_facebook_model(model, "model.bin")
    >>> again = load_facebook_model("model.bin")
    >>> again.train([["sun", "moon"]] * 9, epochs=1)[1]  # words
    18
    """
    _check(path, encoding)
    return FastText.load(path)


def load_facebook_vectors(path: Path, encoding: str = "utf-8") -> FastTextKeyedVectors:
    """Open the vectors of a model of fastText (.bin), as gensim's function does.

    The file is mapped. encoding and errors: as in `load_facebook_model`, but for the losses.

    >>> from fastw2v import FastText
    >>> model = FastText([["sun", "moon"]] * 9, vector_size=4, min_count=1, bucket=100)
    >>> save_facebook_model(model, "model.bin")
    >>> load_facebook_vectors("model.bin")["suns"].shape
    (4,)
    """
    _check(path, encoding)
    return FastTextKeyedVectors.load(path)


def save_facebook_model(
    model: FastText,
    path: Path,
    encoding: str = "utf-8",
    lr_update_rate: int = 100,
    word_ngrams: int = 1,
) -> None:
    """Write a model of fastText (.bin): `FastText.save_fasttext_format` by gensim's name.

    encoding can only be utf-8, and word_ngrams only 1.

    >>> from fastw2v import FastText
    >>> model = FastText([["sun", "moon"]] * 9, vector_size=4, min_count=1, bucket=100)
    >>> save_facebook_model(model, "model.bin")
    >>> len(load_facebook_vectors("model.bin"))
    2
    """
    _check_encoding(encoding)
    if not isinstance(model, FastText):
        raise TypeError(
            f"model: expected a FastText, got {type(model).__name__}; write vectors without output "
            "rows with FastTextKeyedVectors.save_fasttext_format"
        )
    if word_ngrams != 1:
        raise ValueError(
            f"word_ngrams: expected 1, got {word_ngrams!r}; n-grams of words are for supervised "
            "models"
        )
    model.save_fasttext_format(path, lr_update_rate=lr_update_rate)


def _check(path: Path, encoding: str) -> None:
    _check_encoding(encoding)
    check_readable(path, "a model of fastText")
    start = first_bytes(path)
    refuse_foreign(path, start, "a model of fastText (.bin)", "fasttext")
    if kind_of(start) is None:
        raise ValueError(
            f"{path}: expected a model of fastText (.bin), got a file that starts with "
            f"{start[:8]!r}; open plain vectors with KeyedVectors.load"
        )


def _check_encoding(encoding: Any) -> None:
    if str(encoding).lower().replace("-", "").replace("_", "") != "utf8":
        raise ValueError(
            f"encoding: expected utf-8, which models of fastText are in, got {encoding!r}; leave "
            "it out"
        )
