"""The searches of `KeyedVectors`: its methods that rank words by their cosines.

topn=None returns an array, a number a list of (word, cosine).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike

from fastw2v.keyed_vectors import index, search
from fastw2v.keyed_vectors.search import Found, Key, Query

_K = TypeVar("_K", str, int)


class Searches:
    """Methods that `KeyedVectors` inherits; they use its words and vectors."""

    @overload
    def most_similar(
        self,
        positive: Query | None = None,
        negative: Query | None = None,
        topn: int = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> Found: ...
    @overload
    def most_similar(
        self,
        positive: Query | None = None,
        negative: Query | None = None,
        *,
        topn: None,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> np.ndarray: ...
    def most_similar(
        self,
        positive: Query | None = None,
        negative: Query | None = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> Found | np.ndarray:
        """Return the topn words nearest to the mean of the positive minus the negative entries.

        Each entry is a word, a vector (D,), or a pair (word or vector, weight); a lone entry
        needs no list. Words count with length 1, vectors as they are. The answer leaves out
        the words that were given. It has (word, cosine) pairs, nearest first; words of equal
        cosine keep the order of their rows.

        clip_start, clip_end: search these rows only; restrict_vocab=n searches the first n.
        topn=None returns the cosines of all of these rows as an array. indexer: an object whose
        `most_similar(vector, topn)` answers instead. For many queries at once see
        `most_similar_many`.

        Raises KeyError for an unknown word, ValueError if nothing is given.
        """
        clip = (clip_start, clip_end, restrict_vocab)
        return search.most_similar(self, positive, negative, topn, clip, indexer)

    def most_similar_many(
        self,
        queries: Sequence[Query] | np.ndarray,
        topn: int = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
    ) -> list[Found]:
        """Answer many queries of `most_similar` at once, many times faster than one by one.

        queries: words, vectors (Q, D), or a mixture of both. Returns one list for each.

        >>> from fastw2v import KeyedVectors
        >>> vectors = KeyedVectors.from_words("abc", [[1, 0], [0.9, 0.1], [0, 1]])
        >>> [found[0][0] for found in vectors.most_similar_many(["a", "c"], topn=1)]
        ['b', 'b']
        """
        clip = (clip_start, clip_end, restrict_vocab)
        return search.most_similar_many(self, queries, topn, clip)

    @overload
    def similar_by_word(
        self, word: Key, topn: int = 10, restrict_vocab: int | None = None
    ) -> Found: ...
    @overload
    def similar_by_word(
        self, word: Key, topn: None, restrict_vocab: int | None = None
    ) -> np.ndarray: ...
    def similar_by_word(
        self, word: Key, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Found | np.ndarray:
        """Return `most_similar` to one word."""
        return search.most_similar(self, [word], None, topn, (0, None, restrict_vocab), None)

    @overload
    def similar_by_key(
        self, key: Key, topn: int = 10, restrict_vocab: int | None = None
    ) -> Found: ...
    @overload
    def similar_by_key(
        self, key: Key, topn: None, restrict_vocab: int | None = None
    ) -> np.ndarray: ...
    def similar_by_key(
        self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Found | np.ndarray:
        """Return `most_similar` to one word."""
        return search.most_similar(self, [key], None, topn, (0, None, restrict_vocab), None)

    @overload
    def similar_by_vector(
        self, vector: ArrayLike, topn: int = 10, restrict_vocab: int | None = None
    ) -> Found: ...
    @overload
    def similar_by_vector(
        self, vector: ArrayLike, topn: None, restrict_vocab: int | None = None
    ) -> np.ndarray: ...
    def similar_by_vector(
        self, vector: ArrayLike, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Found | np.ndarray:
        """Return `most_similar` to one vector (D,)."""
        return search.most_similar(self, [vector], None, topn, (0, None, restrict_vocab), None)

    @overload
    def most_similar_cosmul(
        self,
        positive: Query | None = None,
        negative: Query | None = None,
        topn: int = 10,
        restrict_vocab: int | None = None,
    ) -> Found: ...
    @overload
    def most_similar_cosmul(
        self,
        positive: Query | None = None,
        negative: Query | None = None,
        *,
        topn: None,
        restrict_vocab: int | None = None,
    ) -> np.ndarray: ...
    def most_similar_cosmul(
        self,
        positive: Query | None = None,
        negative: Query | None = None,
        topn: int | None = 10,
        restrict_vocab: int | None = None,
    ) -> Found | np.ndarray:
        """Rank words by products of cosines instead of sums (3CosMul, Levy and Goldberg 2014).

        A row scores the product of (1 + cosine) / 2 to the positive words over that to the negative
        ones, plus 1e-6.
        """
        return search.most_similar_cosmul(self, positive, negative, topn, restrict_vocab)

    def relative_cosine_similarity(self, wa: Key, wb: Key, topn: int = 10) -> float:
        """Return the cosine between two words over the sum of wa's topn largest cosines.

        Words of the same meaning tend to score above 1 / topn (Leeuwenberg et al. 2016).

        Raises ValueError if topn is below 1.
        """
        return search.relative_similarity(self, wa, wb, topn)

    def build_index(self, kind: str = "usearch", **options: Any) -> index.UsearchIndex:
        """Build an index for approximate searches: an `indexer` for `most_similar`.

        kind: "usearch", which `pip install fastw2v[usearch]` installs. options: those of its
        class Index, such as connectivity, expansion_add, expansion_search and dtype. The index
        holds copies of the vectors; build it again when they have changed.

        Raises ImportError if usearch is not installed.
        """
        return index.build(self, kind, options)

    def most_similar_to_given(self, key1: Key, keys_list: Sequence[_K]) -> _K:
        """Return the one of `keys_list` nearest to key1."""
        return keys_list[int(np.argmax([self.similarity(key1, key) for key in keys_list]))]

    def closer_than(self, key1: Key, key2: Key) -> list[str]:
        """Return the words nearer to key1 than key2 is."""
        return search.closer_than(self, key1, key2)

    def rank(self, key1: Key, key2: Key) -> int:
        """Return the place of key2 among the words nearest to key1, from 1."""
        return len(self.closer_than(key1, key2)) + 1

    def rank_by_centrality(
        self, words: Sequence[Key], use_norm: bool = True
    ) -> list[tuple[float, str]]:
        """Return (cosine to the mean of the words, word) of each known word, nearest first.

        Raises ValueError if none is known.
        """
        return search.by_centrality(self, words, use_norm)

    def doesnt_match(self, words: Sequence[Key]) -> str:
        """Return the word that is farthest from the mean of the words."""
        return self.rank_by_centrality(words)[-1][1]
