"""Changes of rows: which rows a training changed, their numbers on the wire, and their merging.

n trainings that started from the same weights changed a row by d, with c updates each. The merged
change is the sum s of all d times a share, the larger one of two:

- gradient diversity, sum |d|^2 / |s|^2 (Yin et al., 2018): 1 where the changes are orthogonal,
  1 / n where they are equal.
- (1 - exp(-x)) / (n (1 - exp(-x / n))) with x = 3 * learning rate * sum of c: 1 for few small
  updates, 1 / n for many large ones. One training with all updates moves a row by the first
  factor towards an optimum, n trainings with c updates each by the second. So equal changes of a
  row that is still far from its optimum are added up.

A row that one training changed takes its change as it is. `fastw2v.reference.changes` states the
rule in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fastw2v._kernels import _changes

_NO_UPDATES = np.zeros(0, np.uint32)
CURVATURE = (
    3.0  # of a row's loss: 0.3 diverged, with 1 to 10 the loss differs by 1 % (bench/QUALITY.md)
)
WIRES = {"bfloat16": np.uint16, "float32": np.float32}  # the dtypes of numbers that are sent


class Rows(NamedTuple):
    """Some rows of a table: their ids (n,) int32, ascending, and numbers (n, D).

    Numbers are float32, or bfloat16 in uint16. updates (n,) uint32 counts the updates of each row;
    merged rows have none.

    >>> Rows(np.array([2], np.int32), np.ones((1, 4), np.float32), np.array([7])).numbers.shape
    (1, 4)
    """

    ids: np.ndarray
    numbers: np.ndarray
    updates: np.ndarray = _NO_UPDATES


def changed_ids(now: np.ndarray, before: np.ndarray, n_parts: int = 1) -> np.ndarray:
    """Return the ids (n,) int32 of the rows that differ between two float32 tables (V, D)."""
    flags = np.empty(len(now), np.uint8)
    _changes.mark_changed(flags, now, before, n_parts)
    return np.flatnonzero(flags).astype(np.int32)


def take_changes(
    now: np.ndarray, before: np.ndarray, ids: np.ndarray, wire: str, n_parts: int = 1
) -> np.ndarray:
    """Return the changes (n, D) of rows as they are sent, and reset these rows of `now`.

    >>> now, before = np.ones((3, 2), np.float32), np.zeros((3, 2), np.float32)
    >>> take_changes(now, before, np.array([1], np.int32), "float32"), now[1]
    (array([[1., 1.]], dtype=float32), array([0., 0.], dtype=float32))
    """
    numbers = np.empty((len(ids), now.shape[1]), WIRES[wire])
    _changes.take_changes(numbers, now, before, ids, n_parts)
    return numbers


def add_changes(now: np.ndarray, before: np.ndarray, rows: Rows, n_parts: int = 1) -> None:
    """Add changes to the rows of `before`, and copy these rows to `now`."""
    _changes.add_changes(now, before, rows.ids, rows.numbers, n_parts)


def merge_rows(changes: Sequence[Rows], rate: float = 0.0, n_parts: int = 1) -> tuple[Rows, int]:
    """Return the merged changes of the rows that any of several trainings changed.

    rate is the learning rate; where a training has no counts of updates, diversity alone decides.
    The second result is the number of rows that are not finite.
    """
    ids = _union([change.ids for change in changes])
    numbers = changes[0].numbers
    merged = np.empty((len(ids), numbers.shape[1]), numbers.dtype)
    counted = all(len(change.updates) == len(change.ids) for change in changes)
    spoilt = _changes.merge_rows(
        *(merged, ids, [change.ids for change in changes], [change.numbers for change in changes]),
        *([change.updates for change in changes] if counted else [], CURVATURE * rate, n_parts),
    )
    return Rows(ids, merged), spoilt


def _union(lists: Sequence[np.ndarray]) -> np.ndarray:
    """Return the ids of several ascending lists, each once and in order."""
    there = np.zeros(max((int(ids[-1]) + 1 for ids in lists if len(ids)), default=0), bool)
    for ids in lists:
        there[ids] = True
    return np.flatnonzero(there).astype(np.int32)


def merge_tables(
    changes: Sequence[np.ndarray], updates: Sequence[np.ndarray], rate: float, n_parts: int = 1
) -> tuple[np.ndarray, int]:
    """Return the merged changes (V, D) float32 of whole tables of changes (V, D).

    updates (V,) of each, and rate: the learning rate. The second result is the number of rows that
    are not finite.
    """
    ids = np.arange(len(changes[0]), dtype=np.int32)
    most = np.iinfo(np.uint32).max
    rows = [
        Rows(ids, np.ascontiguousarray(change, np.float32), np.clip(n, 0, most).astype(np.uint32))
        for change, n in zip(changes, updates, strict=True)
    ]
    merged, spoilt = merge_rows(rows, rate, n_parts)
    return merged.numbers, spoilt
