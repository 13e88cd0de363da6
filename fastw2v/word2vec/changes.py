"""Changes of rows: which rows a training changed, their numbers on the wire, and their merging.

n trainings that started from the same weights changed a row by d, with c updates each. The merged
change is the sum s of all d times a share, the larger one of two:

- gradient diversity, sum |d|^2 / |s|^2 (Yin et al., 2018): 1 where the changes are orthogonal,
  1 / n where they are equal.
- (1 - exp(-x)) / (n (1 - exp(-x / n))) with x = 3 * learning rate * sum of c: 1 for few small
  updates, 1 / n for many large ones. One training with all updates moves a row by the first
  factor towards an optimum, n trainings with c updates each by the second. So equal changes of a
  row that is still far from its optimum are added up.

A row that one training changed takes its change as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

_NO_UPDATES = np.zeros(0, np.uint32)
CURVATURE = (
    3.0  # of a row's loss: 0.3 diverged, with 1 to 10 the loss differs by 1 % (bench/QUALITY.md)
)
_BLOCK = 1 << 18  # numbers of a table that are handled at a time


class Rows(NamedTuple):
    """Some rows of a table: their ids (n,) int32, ascending, and numbers (n, D).

    updates (n,) uint32 counts the updates of each row; merged rows have none.

    >>> Rows(np.array([2], np.int32), np.ones((1, 4), np.float32), np.array([7])).numbers.shape
    (1, 4)
    """

    ids: np.ndarray
    numbers: np.ndarray
    updates: np.ndarray = _NO_UPDATES


def changed_ids(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the ids (n,) int32 of the rows that differ between two tables (V, D)."""
    V, D = now.shape
    rows = max(1, _BLOCK // max(1, D))
    differ = np.empty(V, bool)
    for begin in range(0, V, rows):
        block = slice(begin, begin + rows)
        np.not_equal(now[block], before[block]).any(axis=1, out=differ[block])
    return np.flatnonzero(differ).astype(np.int32)


def as_bfloat16(numbers: np.ndarray) -> np.ndarray:
    """Return float32 numbers as bfloat16 in uint16: the upper half, rounded to nearest even.

    >>> as_float32(as_bfloat16(np.array([1.0, 1.00390625, 1.01171875], np.float32))).tolist()
    [1.0, 1.0, 1.015625]
    """
    bits = np.ascontiguousarray(numbers, np.float32).view(np.uint32)
    rounded = bits + (((bits >> np.uint32(16)) & np.uint32(1)) + np.uint32(0x7FFF))
    return (rounded >> np.uint32(16)).astype(np.uint16)


def as_float32(numbers: np.ndarray) -> np.ndarray:
    """Return bfloat16 numbers in uint16 as float32, and float32 numbers as they are."""
    if numbers.dtype == np.uint16:
        return (numbers.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return numbers


def merge_tables(
    changes: Sequence[np.ndarray], updates: Sequence[np.ndarray] | None = None, rate: float = 0.0
) -> np.ndarray:
    """Return the merged changes (V, D) float32 of whole tables of changes (V, D).

    updates (V,) of each, and rate: the learning rate; without updates diversity alone decides.
    """
    V, D = changes[0].shape
    merged = np.empty((V, D), np.float32)
    rows = max(1, _BLOCK // max(1, D))
    for begin in range(0, V, rows):
        block = slice(begin, begin + rows)
        sums = _Sums(len(merged[block]), D)
        for k, change in enumerate(changes):
            counts = None if updates is None else updates[k][block]
            sums.add(slice(None), change[block], counts)
        merged[block] = sums.scaled(rate)
    return merged


def merge_rows(changes: Sequence[Rows], rate: float = 0.0) -> Rows:
    """Return the merged changes of the rows that any of several trainings changed.

    The numbers of changes may be bfloat16 or float32, those of the result are float32.
    """
    ids = np.unique(np.concatenate([change.ids for change in changes]))
    D = changes[0].numbers.shape[1]
    merged = np.empty((len(ids), D), np.float32)
    rows = max(1, _BLOCK // max(1, D))
    for begin in range(0, len(ids), rows):
        here = ids[begin : begin + rows]
        sums = _Sums(len(here), D)
        for change in changes:
            first, last = np.searchsorted(change.ids, [here[0], here[-1] + 1])
            at = np.searchsorted(here, change.ids[first:last])
            counts = change.updates[first:last] if len(change.updates) else None
            sums.add(at, as_float32(change.numbers[first:last]), counts)
        merged[begin : begin + rows] = sums.scaled(rate)
    return Rows(ids, merged)


class _Sums:
    """Sums over trainings for some rows, in double."""

    def __init__(self, n: int, D: int) -> None:
        self.total, self.squares = np.zeros((n, D)), np.zeros(n)
        self.updates, self.n_changed = np.zeros(n), np.zeros(n)
        self.counted = True

    def add(self, at: Any, numbers: np.ndarray, updates: np.ndarray | None) -> None:
        """Add the changes of some rows, each of which is there once."""
        part = numbers.astype(np.float64)
        squares = np.einsum("vd,vd->v", part, part)
        self.total[at] += part
        self.squares[at] += squares
        self.n_changed[at] += squares > 0
        if updates is None:
            self.counted = False
        else:
            self.updates[at] += np.where(squares > 0, updates, 0)

    def scaled(self, rate: float) -> np.ndarray:
        """Return the merged changes."""
        length = np.einsum("vd,vd->v", self.total, self.total)
        share = np.minimum(1, self.squares / np.where(length > 0, length, 1))
        if self.counted:
            share = np.maximum(share, self._far_from_optimum(rate))
        found: np.ndarray = share[:, None] * self.total
        return found

    def _far_from_optimum(self, rate: float) -> np.ndarray:
        n = np.maximum(self.n_changed, 1)
        x = np.clip(CURVATURE * rate * self.updates, 1e-9, 1e9)
        found: np.ndarray = np.expm1(-x) / (n * np.expm1(-x / n))
        return np.where(n == 1, 1.0, found)
