"""Matrix products of all layers: one entry, the compiled kernel where it is the fastest.

float32 runs on the package's own kernel wherever it has wide vectors with fused multiply-adds. The
result is then bit-identical for any number of threads, and no BLAS keeps threads of its own
waiting beside those of the package. So do small products of float32 and float64, on any CPU,
because a call of numpy takes longer than they do. Everything else is numpy's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._core import threads
from fastw2v._kernels import _gemm, specialise

__all__ = ["batched_product", "column_sums", "product"]

_FLOAT32 = np.dtype(np.float32)
_AT_ONCE = _gemm.try_product  # most products: what follows in `product` takes as long as small ones
_RUN = specialise(_gemm.product)
_RUN_BATCH = specialise(_gemm.products)[_FLOAT32]
_SUMS = specialise(_gemm.column_sums)
_OWN = _gemm.fused()
_NS = 0.02  # serial nanoseconds per multiply-add; see `threads.parts`
_OUT_NS = 0.3  # and per element of the result
_SUM_NS = 0.1  # per element of a sum
_LONGEST_NS = 2e8  # serial nanoseconds of one call: Ctrl-C is handled between two calls
# A product gains from a second thread at half the work of other kernels: one of 10 x 100 x 400
# takes 2.7 us on two threads and 3.8 us on one.
_GAIN = 2
_MANY = 1 << 24  # elements of the result of one call, for which the system may have to find memory
_FEWEST_ROWS = 64  # fewest rows per call when a product takes several calls


def product(
    a: NDArray[Any],
    b: NDArray[Any],
    out: NDArray[Any] | None = None,
    *,
    accumulate: bool = False,
    bias: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return a (M, K) @ b (K, N) [+ bias (N,)], dtypes promoted as numpy does.

    The result is written into `out`, in its dtype, if given, or added to it with `accumulate`. The
    caller has checked the shapes; strides may be any, and `out` may overlap a, b and bias.

    >>> import numpy as np
    >>> from fastw2v._core.products import product
    >>> product(np.array([[1, 2]]), np.array([[3], [4]]), bias=np.array([0.5]))
    array([[11.5]])
    """
    (M, K), N = a.shape, b.shape[1]
    ns = M * N * (K * _NS + _OUT_NS)
    if ns < _LONGEST_NS and M * N < _MANY:
        at_once = _AT_ONCE(
            a, b, out, bias, accumulate, threads.parts(ns * _GAIN) if a.dtype == _FLOAT32 else 1
        )
        if at_once is not None:
            return at_once

    small = M * N * (K + 15) < _gemm.OWN_BELOW
    if small and a.dtype != b.dtype:
        dtype = np.result_type(a, b)
        a, b = a.astype(dtype, copy=False), b.astype(dtype, copy=False)
        if bias is not None and dtype == np.result_type(dtype, bias):
            bias = bias.astype(dtype, copy=False)
    dtype = a.dtype
    run = _RUN.get(dtype)
    if run is None or b.dtype != dtype or (bias is not None and bias.dtype != dtype):
        return _numpys(a, b, out, accumulate, bias)
    if not (small or (_OWN and dtype == _FLOAT32)) or not (a.flags.aligned and b.flags.aligned):
        return _numpys(a, b, out, accumulate, bias)
    if small and out is not None and out.dtype != dtype and not accumulate:
        out[...] = product(a, b, bias=bias)
        return out

    # The kernel writes contiguous rows: those of `out`, or of its transpose.
    target: NDArray[Any] | None
    if out is None:
        target = out = np.empty((a.shape[0], b.shape[1]), dtype)
    else:
        target = _kernel_target(out, a, b, bias)
        if target is None:
            return _numpys(a, b, out, accumulate, bias)
        if target is not out:
            a, b = b.T, a.T
    if bias is not None and not (bias.flags.c_contiguous and bias.flags.aligned):
        bias = bias.copy()

    # A long product is done some rows after the other.
    M, N = target.shape
    pieces = min(int(max(ns / _LONGEST_NS, M * N / _MANY)), M // _FEWEST_ROWS)
    if pieces < 2:
        run(target, a, b, bias, accumulate, threads.parts(ns))
        return out
    n_parts = threads.parts(ns / pieces)
    for k in range(pieces):
        rows = slice(M * k // pieces, M * (k + 1) // pieces)
        run(target[rows], a[rows], b, bias, accumulate, n_parts)
    return out


def batched_product(
    a: NDArray[Any], b: NDArray[Any], onto: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Return a (N, M, K) @ b (N, K, L), a product for each n; added to `onto` (N, M, L) if given.

    >>> import numpy as np
    >>> from fastw2v._core.products import batched_product
    >>> batched_product(np.ones((2, 1, 3)), np.ones((2, 3, 1))).ravel()
    array([3., 3.])
    """
    if _OWN and a.dtype == _FLOAT32 and b.dtype == _FLOAT32 and b.shape[2] > 1:
        out = onto
        if out is None:
            out = np.empty((*a.shape[:2], b.shape[2]), _FLOAT32)
        fits = out.dtype == _FLOAT32 and out.flags.c_contiguous
        if fits and a.flags.aligned and b.flags.aligned:
            n_parts = threads.parts(out.size * (a.shape[2] * _NS + _OUT_NS))
            _RUN_BATCH(out, a, b, onto is not None, min(n_parts, max(len(out), 1)))
            return out
    result = _matmul(a, b)
    if onto is None:
        return result
    onto += result
    return onto


def column_sums(a: NDArray[Any]) -> NDArray[Any]:
    """Return the sums over the rows of a (M, N), added in double: (N,) in a's dtype if a float.

    >>> import numpy as np
    >>> from fastw2v._core.products import column_sums
    >>> column_sums(np.array([[1, 2], [3, 4]], np.float32))
    array([4., 6.], dtype=float32)
    """
    run = _SUMS.get(a.dtype)
    if run is None or not (a.flags.aligned and _has_rows(a)):
        return a.sum(axis=0, dtype=np.float64).astype(
            a.dtype if a.dtype.kind == "f" else np.float64
        )
    out = np.empty(a.shape[1], a.dtype)
    run(out, a, threads.parts(a.size * _SUM_NS))
    return out


def _kernel_target(
    out: NDArray[Any], a: NDArray[Any], b: NDArray[Any], bias: NDArray[Any] | None
) -> NDArray[Any] | None:
    """Return `out` or its transpose, whichever has contiguous rows, if a kernel may write to it.

    That takes the dtype of a, no subclass that watches its writes, and no overlap with a, b and
    bias. A bias is added along rows, so that it rules out the transpose.
    """
    if not (
        type(out) is np.ndarray
        and out.dtype == a.dtype
        and out.flags.aligned
        and out.flags.writeable
        and not np.may_share_memory(out, a)
        and not np.may_share_memory(out, b)
        and (bias is None or not np.may_share_memory(out, bias))
    ):
        return None
    if _has_rows(out):
        return out
    return out.T if bias is None and _has_rows(out.T) else None


def _has_rows(x: NDArray[Any]) -> bool:
    """Return whether the rows of x are contiguous and do not overlap."""
    return (x.shape[1] < 2 or x.strides[1] == x.itemsize) and (
        x.shape[0] < 2 or abs(x.strides[0]) >= x.shape[1] * x.itemsize
    )


def _numpys(
    a: NDArray[Any],
    b: NDArray[Any],
    out: NDArray[Any] | None,
    accumulate: bool,
    bias: NDArray[Any] | None,
) -> NDArray[Any]:
    """Return the same as `product`, computed by numpy."""
    if out is None:
        out = _matmul(a, b)
        if bias is None:
            return out
        return np.add(out, bias, out=out if np.result_type(out, bias) == out.dtype else None)
    dtype = a.dtype if a.dtype == b.dtype else np.result_type(a, b)
    if dtype.kind in "biu":  # sums of small integers would overflow before they reach `out`
        dtype = np.result_type(dtype, out)
        a = a.astype(dtype)
    added = bias is None or (bias.dtype == dtype and not np.may_share_memory(out, bias))
    if out.dtype == dtype and not accumulate and added:
        _matmul(a, b, out)
        return out if bias is None else np.add(out, bias, out=out)
    result = _matmul(a, b)
    if accumulate:
        result = out + result
    out[...] = result if bias is None else result + bias
    return out


def _matmul(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return np.matmul(a, b) without its warnings of invalid operations.

    OpenBLAS's small products for AVX-512 also compute in lanes that hold no part of a or b. The
    numbers left there may raise the flag of an invalid operation, and numpy would then warn
    although all inputs are finite.
    """
    with np.errstate(invalid="ignore"):
        return np.matmul(a, b, out=out)
