"""The way to gensim's KeyedVectors and back; the array of vectors is shared, not copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v.keyed_vectors.compressed import check_expanded
from fastw2v.keyed_vectors.consistency import check_all

if TYPE_CHECKING:
    from gensim.models import KeyedVectors as GensimKeyedVectors  # type: ignore

    from fastw2v.keyed_vectors.vectors import KeyedVectors


def to_gensim(vectors: KeyedVectors) -> GensimKeyedVectors:
    """See `KeyedVectors.to_gensim`."""
    try:
        from gensim import models
    except ImportError as error:
        raise ImportError("to_gensim: gensim is not installed; pip install gensim") from error
    check_all(vectors)
    check_expanded("to_gensim", vectors.vectors)
    result = models.KeyedVectors(vectors.vector_size, count=0, dtype=vectors.vectors.dtype)
    result.vectors = vectors.vectors
    result.index_to_key = list(vectors.index_to_key)
    result.key_to_index = dict(vectors.key_to_index)
    result.next_index = len(vectors)
    result.norms = None
    for name, values in vectors.expandos.items():
        result.expandos[name] = np.array(values)
    return result


def from_gensim(theirs: Any) -> tuple[list[Any], np.ndarray, dict[str, np.ndarray]]:
    """Return the words, the vectors and the numeric attributes of gensim's KeyedVectors or model.

    TypeError for anything else.
    """
    theirs = getattr(theirs, "wv", theirs)
    if not all(hasattr(theirs, name) for name in ("vectors", "index_to_key", "expandos")):
        raise TypeError(
            f"vectors: expected gensim's KeyedVectors, got {type(theirs).__name__}; pass model.wv"
        )
    words = list(theirs.index_to_key)
    attributes = {
        name: np.array(values)
        for name, values in theirs.expandos.items()
        if np.shape(values) == (len(words),) and np.asarray(values).dtype.kind in "iuf"
    }
    return words, theirs.vectors, attributes
