"""Approximate searches: an index of usearch as an `indexer` for `KeyedVectors.most_similar`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v._checks.arrays import as_numbers
from fastw2v._checks.numbers import as_whole, check_one_of
from fastw2v.keyed_vectors.compressed import blocks
from fastw2v.keyed_vectors.consistency import check_all

if TYPE_CHECKING:
    from fastw2v.keyed_vectors.vectors import KeyedVectors


class UsearchIndex:
    """The vectors of words in an index of usearch, by cosine.

    words    the words, in the order of the keys of `index`
    index    the `usearch.index.Index`, whose methods save and inspect it
    """

    def __init__(self, words: list[Any], index: Any) -> None:
        self.words, self.index = words, index

    def __len__(self) -> int:
        return len(self.words)

    def most_similar(self, vector: np.ndarray, num_neighbors: int) -> list[tuple[Any, float]]:
        """Return (word, cosine) of about the nearest words, nearest first.

        Raises ValueError if the vector has another dimension.
        """
        wanted = as_numbers("vector", vector)
        if wanted.shape != (self.index.ndim,):
            raise ValueError(
                f"vector: expected shape ({self.index.ndim},), got {wanted.shape}; pass a vector "
                "of the dimension that the index was built with"
            )
        n = min(as_whole("num_neighbors", num_neighbors), len(self.words))
        if n < 1:
            return []
        found = self.index.search(wanted.astype(np.float32), n)
        rows = np.asarray(found.keys).tolist()
        cosines = (1 - np.asarray(found.distances, np.float64)).tolist()
        return [(self.words[row], cosine) for row, cosine in zip(rows, cosines, strict=True)]


def build(vectors: KeyedVectors, kind: str, options: Mapping[str, Any]) -> UsearchIndex:
    """See `KeyedVectors.build_index`."""
    check_one_of("kind", kind, ("usearch",))
    try:
        from usearch.index import Index
    except ImportError as error:
        raise ImportError(
            "build_index: usearch is not installed; pip install fastw2v[usearch]"
        ) from error
    check_all(vectors)
    for name in ("ndim", "metric"):
        if name in options:
            raise TypeError(
                f"options: expected options beside ndim and metric, which the vectors decide, got "
                f"{name}={options[name]!r}; leave it out"
            )
    index = Index(ndim=vectors.vector_size, metric="cos", **options)
    for begin, block in blocks(vectors.vectors):
        keys = np.arange(begin, begin + len(block), dtype=np.uint64)
        index.add(keys, np.ascontiguousarray(block, np.float32))
    return UsearchIndex(list(vectors.index_to_key), index)
