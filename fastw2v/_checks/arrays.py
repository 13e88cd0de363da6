"""Checks and conversions of arrays: dtype, shape, memory layout, write access."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
REAL = "biuf"  # numpy's kinds of real numbers


# Any array -----------------------------------------------------------------------------------


def as_array(name: str, x: ArrayLike) -> NDArray[Any]:
    """Return `x` as an array of any dtype."""
    if type(x) is np.ndarray:
        return x
    try:
        return np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"{name}: expected an array, or lists of equal length, got {type(x).__name__} "
            f"({error}); pad the short ones or leave them out"
        ) from None


def as_numbers(name: str, x: ArrayLike) -> NDArray[Any]:
    """Return `x` as a plain ndarray of bool, int or float."""
    if type(x) is not np.ndarray:
        x = as_array(name, x)
    if x.dtype.kind not in REAL:
        raise TypeError(
            f"{name}: expected real numbers, got dtype {x.dtype}; "
            "convert with np.asarray(..., dtype=np.float32)"
        )
    return x


def as_float(name: str, x: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """Return `x` as a C-contiguous native array of `dtype`; `x` itself if it is one already."""
    if type(x) is np.ndarray and x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned:
        return x
    return np.require(as_numbers(name, x), dtype, ["C", "A"])


def as_native(name: str, x: ArrayLike) -> tuple[NDArray[Any], np.dtype[Any]]:
    """Return `x` as float32 or float64 for a kernel, and the dtype of the result by np.exp's rule.

    float16, and the small integers that numpy converts to float16, are computed in float32.
    """
    x = as_numbers(name, x)
    dtype = x.dtype
    if dtype not in FLOATS:
        dtype = np.exp.resolve_dtypes((dtype, None))[-1]
        if dtype.itemsize > 8:
            raise TypeError(f"{name}: expected float32 or float64, got {dtype}; use astype")
    return as_float(name, x, FLOATS[dtype.itemsize == 8]), dtype


def as_broadcast(name: str, x: NDArray[Any], shape: Sequence[int], why: str) -> NDArray[Any]:
    """Return `x` broadcast to this shape; `why` says in the message where the shape comes from."""
    try:
        return np.broadcast_to(x, shape)
    except ValueError:
        raise ValueError(
            f"{name}: expected shape {tuple(shape)} ({why}) or one that broadcasts to it, "
            f"got {x.shape}; reshape it"
        ) from None


def check_shape(name: str, x: NDArray[Any], shape: Sequence[int], why: str) -> None:
    """Check the shape of an array; `why` says in the message where the shape comes from."""
    if x.shape != tuple(shape):
        raise ValueError(
            f"{name}: expected shape {tuple(shape)} ({why}), got {x.shape}; pass the matching array"
        )


# Weights and tables --------------------------------------------------------------------------


def check_writable(name: str, x: object) -> None:
    """Check that `x` is an array and can be written to."""
    if not isinstance(x, np.ndarray):
        raise TypeError(
            f"{name}: expected a numpy array, got {type(x).__name__}; make one with np.array(...)"
        )
    if not x.flags.writeable:
        raise ValueError(f"{name}: expected a writable array, got a read-only one; pass a copy")


def check_parameter(name: str, w: NDArray[Any]) -> None:
    """Check that an optimizer can update `w`: a writable floating-point array."""
    check_writable(name, w)
    if w.dtype.kind != "f":
        raise TypeError(
            f"{name}: expected floating-point numbers, got dtype {w.dtype}; "
            "convert with .astype(np.float32)"
        )


def check_weights(name: str, W: object, ndim: int | None) -> None:
    """Check that `W` is an array of numbers with `ndim` dimensions (None: any number of them).

    Lists are refused, because a layer keeps the caller's own array instead of a copy.
    """
    if not isinstance(W, np.ndarray):
        raise TypeError(
            f"{name}: expected a numpy array, got {type(W).__name__}; make one with np.array(...)"
        )
    as_numbers(name, W)
    if ndim is not None and W.ndim != ndim:
        raise ValueError(f"{name}: expected {ndim} dimensions, got shape {W.shape}; reshape it")


def check_bias(name: str, b: NDArray[Any], H: int) -> None:
    """Check that `b` is an array of H numbers, of shape (H,) or (1, H)."""
    check_weights(name, b, None)
    if b.size != H or b.shape[-1:] != (H,):
        raise ValueError(f"{name}: expected shape ({H},) to match W, got {b.shape}; reshape it")


def check_table(name: str, W: object, kinds: str = "f") -> None:
    """Check that `W` is an array (V, D) of floats, or of other numpy `kinds` of numbers."""
    if not isinstance(W, np.ndarray):
        raise TypeError(
            f"{name}: expected a numpy array (V, D), got {type(W).__name__}; use np.asarray"
        )
    if W.ndim != 2:
        raise ValueError(
            f"{name}: expected a table of shape (V, D), got shape {W.shape}; give it one row per id"
        )
    if W.dtype.kind not in kinds:
        raise TypeError(
            f"{name}: expected float32 or float64, got dtype {W.dtype}; "
            "convert with .astype(np.float32)"
        )


def has_plain_rows(W: NDArray[Any]) -> bool:
    """Return whether kernels accept `W` (R, C) without a copy: native floats, contiguous rows."""
    size = W.itemsize
    return (
        W.ndim == 2
        and W.dtype in FLOATS
        and W.flags.aligned
        and (W.strides[1] == size or W.shape[1] <= 1)
        and (W.strides[0] % size == 0 or W.shape[0] <= 1)
    )


def as_search_table(name: str, matrix: ArrayLike) -> NDArray[Any]:
    """Return a table (V, D), D > 0, that `nearest` can scan: native floats, rows contiguous."""
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
    return rows if plain else np.array(rows, order="C")


# Inputs and targets of layers ----------------------------------------------------------------


def check_forward_ran(layer: object, value: object) -> None:
    """Check that forward has run: `value`, which it keeps for backward, is not None."""
    if value is None:
        raise RuntimeError(
            f"{type(layer).__name__}.backward: nothing to go back through; call forward first"
        )


def as_features(name: str, x: ArrayLike, W: NDArray[Any]) -> NDArray[Any]:
    """Return `x` as an ndarray (..., D) whose last dimension fits W (D, H)."""
    x = as_numbers(name, x)
    if W.ndim != 2:
        raise ValueError(f"W: expected shape (D, H), got {W.shape}; reshape params[0]")
    if x.ndim == 0 or x.shape[-1] != W.shape[0]:
        raise ValueError(
            f"{name}: expected shape (..., {W.shape[0]}) to match W of shape {W.shape}, "
            f"got {x.shape}; reshape or transpose it"
        )
    return x


def as_features_over_time(name: str, x: ArrayLike, W: NDArray[Any]) -> NDArray[Any]:
    """Return `x` as an ndarray (N, T, D) that fits W (D, H)."""
    x = as_features(name, x, W)
    if x.ndim != 3:
        raise ValueError(f"{name}: expected shape (N, T, {W.shape[0]}), got {x.shape}; reshape it")
    return x


def as_score_rows(name: str, x: NDArray[Any]) -> NDArray[Any]:
    """Return scores (N, V), or (V,) of one row, as a view (N, V); neither N nor V may be 0."""
    if x.ndim not in (1, 2) or x.size == 0:
        raise ValueError(
            f"{name}: expected shape (N, V) or (V,), none of them 0, got {x.shape}; reshape it"
        )
    return x.reshape(1, -1) if x.ndim == 1 else x


def as_classes(name: str, t: ArrayLike, shape: Sequence[int]) -> NDArray[Any]:
    """Return the targets of scores of this shape, (N, V) or (V,), as N numbers.

    Targets of the shape of the scores are one-hot rows and become ids.
    """
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
