"""Counting words over many workers: exact counts, and the order of one machine.

The words of a part are dealt into classes by a checksum of the word, and one task adds up a class
of all parts. So no process ever holds all words, and the client holds those that occur often
enough.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastw2v.word2vec.vocabulary import Vocabulary, WordCounts

_PART = 1 << 40  # more than the different words of a part


class ClassCounts(NamedTuple):
    """Words of one class with their counts, and numbers that sort them by first appearance.

    >>> ClassCounts(["sun"], np.array([3]), np.array([0])).words
    ['sun']
    """

    words: list[Any]
    counts: np.ndarray
    firsts: np.ndarray


class PartCounts(NamedTuple):
    """The numbers of a part: words, different words, sentences.

    >>> PartCounts(9, 4, 2).n_words
    9
    """

    n_words: int
    n_different: int
    n_sentences: int


def split(counts: WordCounts, part: int, n: int) -> list[ClassCounts]:
    """Deal the words of part number `part` into n classes."""
    classes = np.fromiter(
        (zlib.crc32(str(word).encode("utf-8", "surrogatepass")) % n for word in counts.words),
        np.int64,
        len(counts.words),
    )
    firsts = part * _PART + np.arange(len(counts.words))
    found = []
    for i in range(n):
        rows = np.flatnonzero(classes == i)
        words = list(map(counts.words.__getitem__, rows.tolist()))
        found.append(ClassCounts(words, np.asarray(counts.counts)[rows], firsts[rows]))
    return found


def combine(
    pieces: Sequence[ClassCounts], min_count: int, most: int | None
) -> tuple[ClassCounts, int]:
    """Add up a class of all parts; return the words to keep, and how many differ.

    Words below min_count are dropped, and with `most` all but the most frequent ones, the one that
    appears first among equals.
    """
    totals: dict[Any, list[int]] = {}
    for piece in pieces:
        for word, count, first in zip(
            piece.words, piece.counts.tolist(), piece.firsts.tolist(), strict=True
        ):
            entry = totals.get(word)
            if entry is None:
                totals[word] = [count, first]
            else:
                entry[0] += count
                entry[1] = min(entry[1], first)
    words = list(totals)
    numbers = np.array(list(totals.values()), np.int64).reshape(-1, 2)
    kept = np.flatnonzero(numbers[:, 0] >= min_count)
    order = kept[np.lexsort((numbers[kept, 1], -numbers[kept, 0]))][:most]
    chosen = list(map(words.__getitem__, order.tolist()))
    return ClassCounts(chosen, numbers[order, 0], numbers[order, 1]), len(words)


def vocabulary_of(
    classes: Sequence[tuple[ClassCounts, int]],
    parts: Sequence[PartCounts],
    *,
    min_count: int,
    most: int | None,
    by_count: bool,
) -> Vocabulary:
    """Return the vocabulary of all classes, in the order of one machine."""
    words = [word for found, _ in classes for word in found.words]
    if len({type(word) for word in words}) > 1:
        raise TypeError(
            "corpus: expected words that are all str or all int, got both; convert the numbers "
            "with str()"
        )
    counts = np.concatenate([found.counts for found, _ in classes])
    firsts = np.concatenate([found.firsts for found, _ in classes])
    order = np.lexsort((firsts, -counts))[:most]
    if not by_count:
        order = order[np.argsort(firsts[order], kind="stable")]
    n_words = sum(part.n_words for part in parts)
    n_sentences = sum(part.n_sentences for part in parts)
    if len(order) < 2:
        raise ValueError(
            f"min_count: expected two words or more that occur {min_count} times, got "
            f"{len(order)} of {sum(n for _, n in classes)} different words in a text of "
            f"{n_words:,}; lower min_count or pass more text"
        )
    chosen = list(map(words.__getitem__, order.tolist()))
    return Vocabulary(chosen, counts[order], n_words, n_sentences)
