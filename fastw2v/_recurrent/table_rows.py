"""Rows of a table by id, and the sums of rows by id: input that is not multiplied but looked up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._core import threads
from fastw2v._kernels import _embedding, specialise

__all__ = ["gather_rows", "sums_by_row"]

_GATHER = specialise(_embedding.gather)
_SCATTER = specialise(_embedding.scatter_add)
_NS = 0.05  # serial nanoseconds per element copied; see `threads.parts`
_SUM_NS = 0.1  # and per element added


def gather_rows(out: NDArray[Any], W: NDArray[Any], ids: NDArray[Any]) -> None:
    """Write W[ids] (M, D) into `out`; W (V, D) has contiguous rows, ids (M,) are valid."""
    _GATHER[out.dtype, ids.dtype](out, W, ids, threads.parts(out.size * _NS))


def sums_by_row(x: NDArray[Any], ids: NDArray[Any], V: int) -> NDArray[Any]:
    """Return the sums (V, D) of the rows x (M, D) that have the same id, in their order.

    >>> import numpy as np
    >>> from fastw2v._recurrent.table_rows import sums_by_row
    >>> sums_by_row(np.array([[1.0], [2.0], [4.0]]), np.array([2, 0, 2]), 3)
    array([[2.],
           [0.],
           [5.]])
    """
    sums = np.zeros((V, x.shape[1]), x.dtype)
    _SCATTER[x.dtype, ids.dtype](sums, ids, x, None, threads.parts(x.size * _SUM_NS))
    return sums
