"""Clipping of gradients by their common norm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.arrays import FLOATS, as_float, check_parameter, check_weights, has_plain_rows
from fastw2v._checks.numbers import as_number
from fastw2v._core import threads
from fastw2v._kernels import _optimizer, specialise
from fastw2v._rows.row_grad import is_tracked
from fastw2v._rows.writes import packed_rows, touched
from fastw2v._training.dense_pass import as_rows

__all__ = ["clip_by_norm"]

_SUM_SQUARES = specialise(_optimizer.sum_squares)
_SUM_SQUARES_OF_ROWS = specialise(_optimizer.sum_squares_of_rows)
_SCALE = specialise(_optimizer.scale)

_BLOCK = _optimizer.BLOCK  # elements of one partial sum of squares


def clip_by_norm(grads: Sequence[NDArray[Any]], max_norm: float, trusted: bool) -> None:
    """Scale all gradients in place by max_norm / (norm + 1e-6) where that is below 1.

    The norm is that of all gradients together, summed in double. trusted: whether their lists of
    touched rows are trusted (see `RowGrad`). A max_norm below 0 turns all gradients round, as in
    the book. TypeError for entries that are not arrays of real numbers, ValueError for a read-only
    array; no gradient has changed then.
    """
    max_norm = as_number("max_norm", max_norm)
    prepared: list[tuple[NDArray[Any] | None, NDArray[np.uint8] | None]] = []
    total = 0.0
    for i, g in enumerate(grads):
        packed = packed_rows(g) if trusted else None
        if packed is not None:
            numbers, n, values, _ = packed
            values = values[:n]
            if g.ndim == 1:
                total += _sum_squares_of_few(values[:, 0], numbers[:n])
            else:
                order = np.argsort(numbers[:n])
                total += _SUM_SQUARES_OF_ROWS[values.dtype](values, numbers, order)
            prepared.append((values, None))
            continue
        rows: NDArray[Any] | None
        mark: NDArray[np.uint8] | None
        if type(g) is np.ndarray and g.dtype in FLOATS and g.flags.carray:
            rows, mark = g if g.ndim == 2 else g.reshape(1, -1), None
        else:
            check_weights(f"grads[{i}]", g, None)
            rows = as_rows(g.T if g.ndim == 2 and not has_plain_rows(g) else g)
            mark = touched(g, trusted) if rows is g and g.ndim == 2 and is_tracked(g) else None
        prepared.append((rows, mark))
        if rows is None:
            flat = as_float(f"grads[{i}]", g, np.float64).reshape(-1)
            total += float(flat @ flat)
            continue
        partial = np.empty(_optimizer.n_blocks(rows.size))
        n_parts = threads.parts(rows.size * 0.15)
        total += _SUM_SQUARES[rows.dtype](partial, rows, mark, n_parts)
    rate = max_norm / (math.sqrt(total) + 1e-6)
    if not rate < 1:
        return
    for i, g in enumerate(grads):
        check_parameter(f"grads[{i}]", g)
    for g, (rows, mark) in zip(grads, prepared, strict=True):
        if rows is None:
            g *= rate
        else:
            _SCALE[rows.dtype](rows, mark, rate, threads.parts(rows.size * 0.1))


def _sum_squares_of_few(values: NDArray[Any], places: NDArray[np.int64]) -> float:
    """Return the sum of squares of a vector that is zero except in these places.

    The kernel sums a whole vector in fixed blocks, and blocks of zeros add nothing. So the sum over
    the other blocks is bit-identical to that of the whole.
    """
    blocks, at = np.unique(places // _BLOCK, return_inverse=True)
    g = np.zeros((len(blocks), _BLOCK), values.dtype)
    g[at, places % _BLOCK] = values
    partial = np.empty(_optimizer.n_blocks(g.size))
    return _SUM_SQUARES[g.dtype](partial, g, None, 1)
