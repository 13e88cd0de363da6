"""Checks and conversions of arrays: dtype, shape, layout, whether they can be written."""

from __future__ import annotations

import numpy as np

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def as_numbers(name, x):
    """`x` as a plain ndarray of bool, int or float."""
    if type(x) is not np.ndarray:
        x = _array(name, x)
    if x.dtype.kind not in "biuf":
        raise TypeError(
            f"{name}: expected real numbers, got dtype {x.dtype}; "
            "convert with np.asarray(..., dtype=np.float32)"
        )
    return x


def _array(name, x):
    try:
        return np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"{name}: expected an array, or lists of equal length, got {type(x).__name__} "
            f"({error}); fill the short ones up or leave them out"
        ) from None


def as_float(name, x, dtype):
    """`x` as a C-contiguous native array of `dtype`; itself when it is one already."""
    if type(x) is np.ndarray and x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned:
        return x
    return np.require(as_numbers(name, x), dtype, "CA")


def check_table(name, W):
    """Check that `W` is a 2-d floating-point array, and return it."""
    if not isinstance(W, np.ndarray):
        raise TypeError(
            f"{name}: expected a numpy array (V, D), got {type(W).__name__}; use np.asarray"
        )
    if W.ndim != 2:
        raise ValueError(
            f"{name}: expected a table of shape (V, D), got shape {W.shape}; give it one row per id"
        )
    if W.dtype.kind != "f":
        raise TypeError(
            f"{name}: expected float32 or float64, got dtype {W.dtype}; "
            "convert with .astype(np.float32)"
        )


def has_plain_rows(W):
    """Whether the kernels can take `W` (R, C) as it is: native floats, each row contiguous."""
    size = W.itemsize
    return (
        W.ndim == 2
        and W.dtype in FLOATS
        and W.flags.aligned
        and (W.strides[1] == size or W.shape[1] <= 1)
        and (W.strides[0] % size == 0 or W.shape[0] <= 1)
    )


def check_shape(name, x, shape, why):
    """Check the shape of an array: `why` says where the expected one comes from."""
    if x.shape != tuple(shape):
        raise ValueError(
            f"{name}: expected shape {tuple(shape)} ({why}), got {x.shape}; pass the matching array"
        )


def check_forward_ran(layer, value):
    """Check that forward has run: `value` is what it keeps for backward."""
    if value is None:
        raise RuntimeError(
            f"{type(layer).__name__}.backward: nothing to go back through; call forward first"
        )


def check_writable(name, x):
    """Check that what is about to be written to is an array, and not a read-only one."""
    if not isinstance(x, np.ndarray):
        raise TypeError(
            f"{name}: expected a numpy array, got {type(x).__name__}; make one with np.array(...)"
        )
    if not x.flags.writeable:
        raise ValueError(f"{name}: expected a writable array, got a read-only one; pass a copy")


def as_native(name, x):
    """(`x` as float32 or float64 for a kernel, dtype of the result), by the rule of np.exp.

    float16, and the small integers that numpy makes float16 of, are computed in float32.
    """
    x = as_numbers(name, x)
    dtype = x.dtype
    if dtype not in FLOATS:
        dtype = np.exp.resolve_dtypes((dtype, None))[-1]
        if dtype.itemsize > 8:
            raise TypeError(f"{name}: expected float32 or float64, got {dtype}; use astype")
    return as_float(name, x, FLOATS[dtype.itemsize == 8]), dtype


def check_weights(name, W, ndim):
    """`W`, if it is an array of numbers with so many axes (None: any); layers keep it, no copy."""
    if not isinstance(W, np.ndarray):
        raise TypeError(
            f"{name}: expected a numpy array, got {type(W).__name__}; make one with np.array(...)"
        )
    as_numbers(name, W)
    if ndim is not None and W.ndim != ndim:
        raise ValueError(f"{name}: expected {ndim} dimensions, got shape {W.shape}; reshape it")


def check_bias(name, b, H):
    """`b`, if it is an array of H numbers, shape (H,) or (1, H)."""
    check_weights(name, b, None)
    if b.size != H or b.shape[-1:] != (H,):
        raise ValueError(f"{name}: expected shape ({H},) to match W, got {b.shape}; reshape it")


def as_features(name, x, W):
    """`x` as an ndarray (..., D) whose last axis fits W (D, H)."""
    x = as_numbers(name, x)
    if W.ndim != 2:
        raise ValueError(f"W: expected shape (D, H), got {W.shape}; reshape params[0]")
    if x.ndim == 0 or x.shape[-1] != W.shape[0]:
        raise ValueError(
            f"{name}: expected shape (..., {W.shape[0]}) to match W of shape {W.shape}, "
            f"got {x.shape}; reshape or transpose it"
        )
    return x


def as_score_rows(name, x):
    """View of scores as (N, V): one row (V,), or N of them; neither may be zero."""
    if x.ndim not in (1, 2) or x.size == 0:
        raise ValueError(
            f"{name}: expected shape (N, V) or (V,), none of them 0, got {x.shape}; reshape it"
        )
    return x.reshape(1, -1) if x.ndim == 1 else x


def as_classes(name, t, shape):
    """Answers to scores of this shape, (N, V) or (V,), as N numbers; one-hot rows become ids."""
    t = as_numbers(name, t)
    V = shape[-1]
    N = 1 if len(shape) == 1 else shape[0]
    if t.shape == tuple(shape):
        return t.reshape(N, V).argmax(axis=1)
    if t.ndim <= 1 and t.size == N:
        return t.reshape(N)
    raise ValueError(
        f"{name}: expected {N} ids, shape ({N},), or one-hot rows of shape {tuple(shape)}, "
        f"got shape {t.shape}; reshape it"
    )


def as_broadcast(name, x, shape, why):
    """`x` as numpy would stretch it to this shape."""
    try:
        return np.broadcast_to(x, shape)
    except ValueError:
        raise ValueError(
            f"{name}: expected shape {tuple(shape)} ({why}) or one that numpy stretches to it, "
            f"got {x.shape}"
        ) from None


def as_search_table(name, matrix):
    """A table (V, D), D > 0, that `nearest` can scan: native, rows contiguous, perhaps strided."""
    matrix = as_numbers(name, matrix)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ValueError(
            f"{name}: expected shape (V, D) with D > 0, got {matrix.shape}; give one row per word"
        )
    dtype = matrix.dtype.newbyteorder("=")
    if dtype not in FLOATS:
        dtype = FLOATS[0] if dtype == np.float16 else FLOATS[1]
    rows = matrix.astype(dtype, copy=False)
    plain = (
        rows.strides[1] == rows.itemsize
        and rows.strides[0] % rows.itemsize == 0
        and rows.flags.aligned
    )
    return rows if plain else np.ascontiguousarray(rows)


def check_parameter(name, w):
    """Check an array that an optimizer is about to change."""
    check_writable(name, w)
    if w.dtype.kind != "f":
        raise TypeError(
            f"{name}: expected floating-point numbers, got dtype {w.dtype}; "
            "convert with .astype(np.float32)"
        )


def as_array(name, x):
    """`x` as an array of any dtype."""
    return x if type(x) is np.ndarray else _array(name, x)
