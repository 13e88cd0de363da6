"""The way to gensim's FastTextKeyedVectors and back; arrays are shared where that is possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fastw2v.keyed_vectors import gensim
from fastw2v.keyed_vectors.consistency import check_all

if TYPE_CHECKING:
    from fastw2v.fasttext.vectors import FastTextKeyedVectors

_V = TypeVar("_V", bound="FastTextKeyedVectors")

_PARTS = ("min_n", "max_n", "bucket", "vectors_vocab", "vectors_ngrams")


def to_gensim(vectors: FastTextKeyedVectors) -> Any:
    """See `FastTextKeyedVectors.to_gensim`."""
    check_all(vectors)
    if vectors.kept_buckets is not None:
        raise ValueError(
            "to_gensim: expected vectors with the rows of all n-grams, got those of a pruned "
            "model, which gensim does not know; convert astype('float32'), the words alone"
        )
    try:
        from gensim.models.fasttext import FastTextKeyedVectors as Theirs  # type: ignore
    except ImportError as error:
        raise ImportError("to_gensim: gensim is not installed; pip install gensim") from error
    result = Theirs(vectors.vector_size, vectors.min_n, vectors.max_n, vectors.bucket)
    result.vectors, result.vectors_vocab = vectors.vectors, vectors.vectors_vocab
    result.vectors_ngrams = np.asarray(vectors.vectors_ngrams)
    result.index_to_key = list(vectors.index_to_key)
    result.key_to_index = dict(vectors.key_to_index)
    result.buckets_word = [buckets.astype(np.uint32) for buckets in vectors.buckets_word]
    result.next_index = len(vectors)
    for name, values in vectors.expandos.items():
        result.expandos[name] = np.array(values)
    return result


def from_gensim(cls: type[_V], theirs: Any) -> _V:
    """See `FastTextKeyedVectors.from_gensim`."""
    theirs = getattr(theirs, "wv", theirs)
    missing = [name for name in _PARTS if not hasattr(theirs, name)]
    if missing:
        raise TypeError(
            f"vectors: expected gensim's FastTextKeyedVectors, got {type(theirs).__name__} without "
            f"{missing[0]}; take over plain vectors with KeyedVectors.from_gensim"
        )
    words, table, attributes = gensim.from_gensim(theirs)
    rows = theirs.vectors_ngrams if theirs.bucket else np.zeros((0, theirs.vector_size))
    result = cls.from_parts(words, theirs.vectors_vocab, rows, theirs.min_n, theirs.max_n)
    result.vectors = table
    result.expandos.update(attributes)
    return result
