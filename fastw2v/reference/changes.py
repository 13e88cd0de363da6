"""The rule that merges the changes of several trainings, in numpy; see `word2vec/changes.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def as_bfloat16(numbers: np.ndarray) -> np.ndarray:
    """Return float32 numbers as bfloat16 in uint16: the upper half, rounded to nearest even.

    >>> as_float32(as_bfloat16(np.array([1.0, 1.00390625, 1.01171875], np.float32))).tolist()
    [1.0, 1.0, 1.015625]
    """
    bits = np.ascontiguousarray(numbers, np.float32).view(np.uint32)
    rounded = bits + (((bits >> np.uint32(16)) & np.uint32(1)) + np.uint32(0x7FFF))
    quiet = bits | np.uint32(0x400000)  # NaN, which rounding could turn into zero
    return (np.where(np.isnan(numbers), quiet, rounded) >> np.uint32(16)).astype(np.uint16)


def as_float32(numbers: np.ndarray) -> np.ndarray:
    """Return bfloat16 numbers in uint16 as float32, and float32 numbers as they are."""
    if numbers.dtype == np.uint16:
        return (numbers.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return numbers


def merged_row(
    changes: Sequence[np.ndarray], updates: Sequence[int] | None = None, steepness: float = 0.0
) -> np.ndarray:
    """Return the merged change (D,) of a row from its changes (D,) in several trainings.

    updates are their numbers of updates; without them gradient diversity alone decides.

    >>> one, other = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    >>> merged_row([one, other]), merged_row([one, one])
    (array([1., 1.]), array([1., 0.]))
    """
    moved = [k for k, change in enumerate(changes) if np.any(change != 0)]
    total = np.sum(np.asarray(changes, np.float64), axis=0)
    if len(moved) < 2:
        return total
    squares = sum(float(np.dot(changes[k], changes[k])) for k in moved)
    length = float(np.dot(total, total))
    share = min(1.0, squares / length) if length > 0 else 1.0
    if updates is not None:
        x = np.clip(steepness * sum(int(updates[k]) for k in moved), 1e-9, 1e9)
        n = len(moved)
        share = max(share, float(np.expm1(-x) / (n * np.expm1(-x / n))))
    found: np.ndarray = share * total
    return found
