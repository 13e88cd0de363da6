"""Words of a text in UTF-8, counted and numbered while it is read."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastw2v._kernels import _vocabulary

_LEAST_PART = 1 << 16  # bytes of a piece for each thread

Numbers = np.ndarray[Any, np.dtype[np.int32]]
Positions = np.ndarray[Any, np.dtype[np.int64]]


class Found(NamedTuple):
    """The n different words of a text: their bytes, a line feed behind each, and (n,) of each.

    counts are the occurrences, firsts the bytes of the text where words first occur, and offsets
    their places in text. of_table[t] holds the word of each number that the parts with table t got.
    """

    text: np.ndarray[Any, np.dtype[np.uint8]]
    counts: Positions
    firsts: Positions
    offsets: Positions
    of_table: list[Numbers]


class WordTables:
    """A counter of words, with a hash table for each of n_parts threads.

    Results do not depend on n_parts if words are ordered by `Found.firsts`.
    """

    def __init__(self, n_parts: int) -> None:
        self.n_parts = n_parts
        self.counter = _vocabulary.open_counter(n_parts)
        self.lines = np.zeros(n_parts, np.int64)
        self.buffer = np.empty(0, np.int32)

    def add(self, piece: bytes, base: int, ends: bool) -> list[tuple[int, Numbers]]:
        """Count a piece of text that ends behind a blank; return (table, numbers) of its parts.

        base: bytes of the text before it. ends: write END for a line feed. The arrays are valid
        until the next call.
        """
        n = max(1, min(self.n_parts, len(piece) // _LEAST_PART))
        if len(self.buffer) < len(piece) + n:
            self.buffer = np.empty(len(piece) + n, np.int32)
        places = np.empty((n, 2), np.int64)
        if not _vocabulary.count(
            self.counter, self.lines, self.buffer, places, piece, base, ends, n
        ):
            raise MemoryError(f"no memory for the different words of {base + len(piece)} bytes")
        return [(t, self.buffer[lo:hi]) for t, (lo, hi) in enumerate(places.tolist())]

    @property
    def n_lines(self) -> int:
        """The number of line feeds so far."""
        return int(self.lines.sum())

    @property
    def n_words(self) -> int:
        """About the number of different words so far, those of the largest table."""
        return max(_vocabulary.sizes(self.counter)) if self.counter is not None else 0

    def found(self) -> Found:
        """Return the words of all pieces, and free the tables; no piece may follow."""
        sizes = _vocabulary.sizes(self.counter)
        numbers = np.empty(sum(sizes), np.int32)
        size = _vocabulary.merge(self.counter, numbers)
        if size is False:
            raise MemoryError(f"no memory for {sum(sizes)} different words")
        n_words, n_bytes = size
        text = np.empty(n_bytes, np.uint8)
        counts, firsts, offsets = (np.empty(n_words, np.int64) for _ in range(3))
        _vocabulary.read(self.counter, text, counts, firsts, offsets)
        self.counter, self.buffer = None, np.empty(0, np.int32)
        return Found(text, counts, firsts, offsets, np.split(numbers, np.cumsum(sizes)[:-1]))
