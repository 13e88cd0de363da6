"""Functions of the book's common.functions, and `scatter_add`. Results are new arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.arrays import (
    as_broadcast,
    as_classes,
    as_float,
    as_native,
    as_numbers,
    as_score_rows,
    check_writable,
)
from fastw2v._checks.ids import as_ids
from fastw2v._core import threads
from fastw2v._kernels import _activation, _embedding, specialise
from fastw2v._rows.row_grad import shares_memory

__all__ = ["GPU", "cross_entropy_error", "np", "relu", "scatter_add", "sigmoid", "softmax"]

GPU: bool = False  # star imports from the book's files give scripts this name and np

# Serial nanoseconds per element, from which `threads.parts` decides whether threads pay.
_NS = {np.dtype(np.float32): 0.7, np.dtype(np.float64): 4.0}
_TINY = 1e-7


def sigmoid(x: ArrayLike) -> NDArray[np.floating[Any]]:
    """Return 1 / (1 + exp(-x)) of each element, for x of any shape.

    float32 and float64 keep their dtype; integers are converted as `np.exp` converts them. In
    float32 the result is within 2 ulp of the exact value. A scalar gives a scalar. TypeError is
    raised for values that are not real numbers.

    >>> from fastw2v.functions import sigmoid
    >>> sigmoid([0.0, -1000.0, 1000.0])
    array([0.5, 0. , 1. ])
    """
    x, dtype = as_native("x", x)
    out = np.empty(x.shape, x.dtype)
    run = specialise(_activation.sigmoid)[x.dtype]
    run(out.reshape(-1), x.reshape(-1), threads.parts(x.size * _NS[x.dtype]))
    out = out.astype(dtype, copy=False)
    return out if out.ndim else out[()]


def relu(x: ArrayLike) -> NDArray[Any]:
    """Return max(0, x) of each element, for x of any shape and real dtype; NaN stays NaN.

    >>> from fastw2v.functions import relu
    >>> relu([-2.0, 3.0])
    array([0., 3.])
    """
    x = as_numbers("x", x)
    run = specialise(_activation.relu).get(x.dtype)
    if run is None:
        return np.maximum(0, x)
    x = as_float("x", x, x.dtype)
    out = np.empty(x.shape, x.dtype)
    run(out.reshape(-1), x.reshape(-1), threads.parts(x.size * 0.2))
    return out if out.ndim else out[()]


def softmax(x: ArrayLike) -> NDArray[np.floating[Any]]:
    """Return exp(x) / sum exp(x) over the last axis of (V,) or (N, V).

    Each row is shifted by its maximum, so exp does not overflow. Input of another rank is returned
    unchanged, as in the book. ValueError is raised if V is 0.

    >>> from fastw2v.functions import softmax
    >>> softmax([[0.0, 0.0], [1000.0, 0.0]])
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    given = x
    x, dtype = as_native("x", x)
    if x.ndim not in (1, 2):
        return given
    if x.shape[-1] == 0:
        raise ValueError(f"x: expected at least one score in a row, got shape {x.shape}")
    rows = x.reshape(1, -1) if x.ndim == 1 else x
    out = np.empty(rows.shape, rows.dtype)
    run = specialise(_activation.softmax)[x.dtype]
    run(out, rows, threads.parts(x.size * _NS[x.dtype] * 1.5))
    return out.reshape(x.shape).astype(dtype, copy=False)


def cross_entropy_error(y: ArrayLike, t: ArrayLike) -> np.floating[Any]:
    """Return the mean of -log(y[n, t[n]] + 1e-7) over the rows of probabilities y (N, V) or (V,).

    t holds N ids, or one-hot rows in the shape of y. The function raises ValueError for shapes that
    do not fit and for empty batches, TypeError for ids that are not integers, and IndexError for
    ids outside [-V, V).

    >>> import numpy as np
    >>> from fastw2v.functions import cross_entropy_error
    >>> y = np.array([[0.25, 0.75], [0.5, 0.5]])
    >>> round(float(cross_entropy_error(y, [1, 0])), 6)
    0.490414
    """
    y, dtype = as_native("y", y)
    rows = as_score_rows("y", y)
    t = as_ids("t", as_classes("t", t, y.shape), rows.shape[1])
    picked = rows[np.arange(len(rows)), t].astype(np.float64)
    return dtype.type(-np.log(picked + _TINY).mean())


def scatter_add(dW: NDArray[Any], idx: ArrayLike, dout: ArrayLike) -> None:
    """Add rows to rows of a table, in place: np.add.at(dW, idx, dout), compiled.

    dW is (V, D). idx holds ids of any shape, also a single one; negative ids count from the end.
    dout may have any shape that broadcasts to idx.shape + (D,). Rows of repeated ids add up. The
    function raises TypeError for ids that are not integers, IndexError for ids outside [-V, V), and
    ValueError for shapes that do not fit and for a read-only dW, always before it adds anything.

    >>> import numpy as np
    >>> from fastw2v.functions import scatter_add
    >>> dW = np.zeros((3, 2))
    >>> scatter_add(dW, [2, 0, 2], [[1, 1], [2, 2], [3, 3]])
    >>> dW
    array([[2., 2.],
           [0., 0.],
           [4., 4.]])
    """
    if not isinstance(dW, np.ndarray) or dW.ndim == 0:
        raise TypeError(f"dW: expected a numpy array of rows, got {type(dW).__name__}")
    check_writable("dW", dW)
    idx = as_ids("idx", idx, dW.shape[0])
    dout = as_numbers("dout", dout)
    dout = as_broadcast("dout", dout, idx.shape + dW.shape[1:], "a row for each id")
    if not _rows_for_kernel(dW):
        np.add.at(dW, idx, dout)
        return
    if shares_memory(dout, dW):
        dout = dout.copy()
    D = dW.shape[1]
    x = as_float("dout", dout, dW.dtype).reshape(idx.size, D)
    run = specialise(_embedding.scatter_add)[dW.dtype, idx.dtype]
    run(dW, idx.reshape(-1), x, None, threads.parts(idx.size * (D * 0.3 + 10)))


def _rows_for_kernel(dW):
    """Return whether a kernel may write: plain memory, contiguous rows that do not overlap.

    Subclasses track writes made through numpy, so numpy writes to them.
    """
    if type(dW) is not np.ndarray or dW.ndim != 2 or not dW.flags.aligned:
        return False
    if (dW.dtype, np.dtype(np.int64)) not in specialise(_embedding.scatter_add):
        return False
    row, item = dW.strides
    V, D = dW.shape
    return (D <= 1 or item == dW.itemsize) and (
        V <= 1 or (row % dW.itemsize == 0 and abs(row) >= D * dW.itemsize)
    )
