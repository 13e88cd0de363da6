"""Matrix products of all layers: one entry, the compiled kernel where it is the fastest.

float32 runs on our own kernel wherever it has wide vectors with fused multiply-adds; then the
result has the same bits for any number of threads, and no BLAS keeps threads of its own waiting
beside ours. Everything else is numpy's.
"""

import numpy as np

from fastw2v._core import threads
from fastw2v._kernels import _gemm, specialise

__all__ = ["batched_product", "column_sums", "product"]

_FLOAT32 = np.dtype(np.float32)
_RUN = specialise(_gemm.product)[_FLOAT32]
_RUN_BATCH = specialise(_gemm.products)[_FLOAT32]
_SUMS = specialise(_gemm.column_sums)
_OWN = _gemm.fused()
_NS = 0.02  # serial nanoseconds per multiply-add; see `threads.parts`
_OUT_NS = 0.3  # and per element of the result
_SUM_NS = 0.1  # per element of what is added up
_LONGEST_NS = 2e8  # of a call, serially: between two calls Ctrl-C gets its turn
_LARGEST = 1 << 26  # bytes of its result, for which the system may have to find memory
_FEWEST_ROWS = 64  # of a call that is one of several


def product(a, b, out=None, *, accumulate=False, bias=None):
    """a (M, K) @ b (K, N) [+ bias (N,)], dtypes promoted as numpy does.

    Written into `out`, in its dtype, if given, or with `accumulate` added to it. The shapes have
    been checked; strides may be any, and `out` may overlap a, b and bias.

    >>> import numpy as np
    >>> from fastw2v._core.products import product
    >>> product(np.array([[1, 2]]), np.array([[3], [4]]), bias=np.array([0.5]))
    array([[11.5]])
    """
    if _OWN and a.dtype == _FLOAT32 and b.dtype == _FLOAT32:
        fits = bias is None or bias.dtype == _FLOAT32
        if fits and a.flags.aligned and b.flags.aligned:
            if out is None:
                out = np.empty((a.shape[0], b.shape[1]), _FLOAT32)
                return _multiply(a, b, out, accumulate, bias)
            if _is_target(out, a, b, bias):
                if _has_rows(out):
                    return _multiply(a, b, out, accumulate, bias)
                if bias is None and _has_rows(out.T):
                    _multiply(b.T, a.T, out.T, accumulate, None)
                    return out
    return _numpys(a, b, out, accumulate, bias)


def batched_product(a, b, onto=None):
    """a (N, M, K) @ b (N, K, L), a product for each n; added to `onto` (N, M, L) if given.

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
    out = _matmul(a, b)
    if onto is None:
        return out
    onto += out
    return onto


def column_sums(a):
    """The sums over the rows of a (M, N), added in double: (N,) in a's dtype if that is a float.

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


def _multiply(a, b, out, accumulate, bias):
    if bias is not None and not (bias.flags.c_contiguous and bias.flags.aligned):
        bias = bias.copy()
    M, N = out.shape
    ns = M * N * (a.shape[1] * _NS + _OUT_NS)
    pieces = min(int(max(ns / _LONGEST_NS, out.nbytes / _LARGEST)), M // _FEWEST_ROWS)
    if pieces < 2:
        _RUN(out, a, b, bias, accumulate, threads.parts(ns))
        return out
    n_parts = threads.parts(ns / pieces)
    for k in range(pieces):
        rows = slice(M * k // pieces, M * (k + 1) // pieces)
        _RUN(out[rows], a[rows], b, bias, accumulate, n_parts)
    return out


def _is_target(out, a, b, bias):
    """Whether a kernel may write into it: float32, not behind a subclass's back, no overlap."""
    return (
        type(out) is np.ndarray
        and out.dtype == _FLOAT32
        and out.flags.aligned
        and out.flags.writeable
        and not np.may_share_memory(out, a)
        and not np.may_share_memory(out, b)
        and (bias is None or not np.may_share_memory(out, bias))
    )


def _has_rows(x):
    """Whether its rows are contiguous, and each starts after the one before."""
    return (x.shape[1] < 2 or x.strides[1] == x.itemsize) and (
        x.shape[0] < 2 or abs(x.strides[0]) >= x.shape[1] * x.itemsize
    )


def _numpys(a, b, out, accumulate, bias):
    if out is None:
        out = _matmul(a, b)
        if bias is None:
            return out
        return np.add(out, bias, out=out if np.result_type(out, bias) == out.dtype else None)
    dtype = a.dtype if a.dtype == b.dtype else np.result_type(a, b)
    if dtype.kind in "biu":  # sums of small integers would wrap round before they get there
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


def _matmul(a, b, out=None):
    # OpenBLAS's small products for AVX-512 compute in lanes that nobody reads, too, and what lies
    # there by chance raises the flag of an invalid operation: numpy would warn of finite numbers.
    with np.errstate(invalid="ignore"):
        return np.matmul(a, b, out=out)
