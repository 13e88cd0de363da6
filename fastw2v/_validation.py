"""Every check of what callers hand in, and every message about it.

A message names the argument, what was expected, what came, and the cure. TypeError is for dtypes,
ValueError for shapes, IndexError for ids; all are raised before anything has been changed.
"""

import numpy as np

from fastw2v._kernels import _embedding, specialise

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_IDS = (np.dtype(np.int32), np.dtype(np.int64))


def numbers(name, x):
    """`x` as a plain ndarray of bool, int or float."""
    if type(x) is not np.ndarray:
        x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise TypeError(
            f"{name}: expected real numbers, got dtype {x.dtype}; "
            "convert with np.asarray(..., dtype=np.float32)"
        )
    return x


def as_float(name, x, dtype):
    """`x` as a C-contiguous, aligned, native ndarray of a float dtype; copied only if needed."""
    if type(x) is np.ndarray and x.dtype == dtype and x.flags.carray:
        return x  # what most calls hand in
    return np.require(numbers(name, x), dtype, ["C", "A"])


def as_native(name, x):
    """(`x` as float32 or float64 for a kernel, dtype of the result), by the rule of np.exp.

    float16, and the small integers that numpy makes float16 of, are computed in float32.
    """
    x = numbers(name, x)
    dtype = x.dtype
    if dtype not in _FLOATS:
        dtype = np.exp.resolve_dtypes((dtype, None))[-1]
        if dtype.itemsize > 8:
            raise TypeError(f"{name}: expected float32 or float64, got {dtype}; use astype")
    return as_float(name, x, _FLOATS[dtype.itemsize == 8]), dtype


def as_ids(name, idx, V, wrap=True):
    """`idx` as a C-contiguous int32 or int64 ndarray of the same shape, every id in [0, V).

    Negative ids count from the end, as in numpy, if `wrap`; else they are out of range.
    """
    idx = _integers(name, idx)
    if idx.dtype not in _IDS:
        if idx.dtype.kind == "u" and idx.dtype.itemsize == 8:
            _refuse_first(name, idx, idx >= V, V, wrap)  # the cast would make negatives of them
        idx = idx.astype(np.int64)
    if not idx.flags.carray:
        idx = np.require(idx, None, ["C", "A"])
    flat = idx.reshape(-1)
    bad, negative = specialise(_embedding.find_bad_id)[idx.dtype](flat, V)
    if bad >= 0 or (negative and not wrap):
        _refuse_first(name, idx, (idx >= V) | (idx < (-V if wrap else 0)), V, wrap)
    if negative:
        wrapped = np.empty(idx.shape, idx.dtype)
        specialise(_embedding.wrap_ids)[idx.dtype](wrapped.reshape(-1), flat, V)
        return wrapped
    return idx


def _integers(name, idx):
    if not isinstance(idx, np.ndarray) and np.size(idx) == 0:
        return np.empty(np.shape(idx), np.int64)  # numpy makes float64 of an empty list
    idx = np.asarray(idx)
    if idx.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: expected integer ids, got dtype {idx.dtype}; convert with astype(np.int64)"
        )
    return idx


def _refuse_first(name, idx, bad, V, wrap):
    """IndexError for the first True of `bad`."""
    places = np.flatnonzero(bad)
    if places.size == 0:
        return
    at = np.unravel_index(places[0], idx.shape)
    where = ""
    if at:
        where = f" at position {int(at[0]) if len(at) == 1 else tuple(map(int, at))}"
    cure = "the table is empty"
    if V:
        cure = f"use ids from {-V if wrap else 0} to {V - 1}"
    raise IndexError(f"{name}: id {idx[at]}{where} is out of range for {V} rows; {cure}")


def table(name, W):
    """`W`, if it is a table of rows that kernels can read and write in place."""
    weights(name, W, 2)
    if W.dtype not in _FLOATS:
        raise TypeError(
            f"{name}: expected float32 or float64 of native byte order, got {W.dtype!r}; "
            "convert with astype(np.float32)"
        )
    return W


def weights(name, W, ndim):
    """`W`, if it is an array of numbers with so many axes (None: any); layers keep it, no copy."""
    if not isinstance(W, np.ndarray):
        raise TypeError(
            f"{name}: expected a numpy array, got {type(W).__name__}; make one with np.array(...)"
        )
    numbers(name, W)
    if ndim is not None and W.ndim != ndim:
        raise ValueError(f"{name}: expected {ndim} dimensions, got shape {W.shape}; reshape it")
    return W


def same_shape(name, x, shape, why):
    """ValueError unless `x` has this shape."""
    if x.shape != tuple(shape):
        raise ValueError(
            f"{name}: expected shape {tuple(shape)} ({why}), got {x.shape}; reshape it"
        )
    return x


def after_forward(layer, value):
    """`value`, which forward has left for backward; RuntimeError if it has not."""
    if value is None:
        raise RuntimeError(
            f"{type(layer).__name__}.backward: nothing to go back from; call forward first"
        )
    return value


def writable(name, x):
    """ValueError if `x`, which is about to be written, is read-only."""
    if not x.flags.writeable:
        raise ValueError(f"{name}: expected a writable array, got a read-only one; pass a copy")
    return x


def bias(name, b, H):
    """`b`, if it is an array of H numbers, shape (H,) or (1, H)."""
    weights(name, b, None)
    if b.size != H or b.shape[-1:] != (H,):
        raise ValueError(f"{name}: expected shape ({H},) to match W, got {b.shape}; reshape it")
    return b


def features(name, x, W):
    """`x` as an ndarray (..., D) whose last axis fits W (D, H)."""
    x = numbers(name, x)
    if W.ndim != 2:
        raise ValueError(f"W: expected shape (D, H), got {W.shape}; reshape params[0]")
    if x.ndim == 0 or x.shape[-1] != W.shape[0]:
        raise ValueError(
            f"{name}: expected shape (..., {W.shape[0]}) to match W of shape {W.shape}, "
            f"got {x.shape}; reshape or transpose it"
        )
    return x


def score_rows(name, x):
    """View of scores as (N, V): one row (V,), or N of them; neither may be zero."""
    if x.ndim not in (1, 2) or x.size == 0:
        raise ValueError(
            f"{name}: expected shape (N, V) or (V,), none of them 0, got {x.shape}; reshape it"
        )
    return x.reshape(1, -1) if x.ndim == 1 else x


def right_classes(name, t, shape):
    """Answers to scores of this shape, (N, V) or (V,), as N numbers; one-hot rows become ids."""
    t = numbers(name, t)
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


def score_column(name, x):
    """N of scores (N,) or (N, 1); N may not be 0."""
    if x.size == 0 or x.shape not in ((x.size,), (x.size, 1)):
        raise ValueError(
            f"{name}: expected shape (N,) or (N, 1), N not 0, got {x.shape}; reshape it"
        )
    return x.size


def yes_or_no(name, t, N):
    """Answers 0 and 1 to N scores, as N numbers; one-hot rows (N, 2) become such numbers."""
    t = numbers(name, t)
    if t.shape == (N, 2):
        return t.argmax(axis=1)
    if t.size == N and (t.ndim <= 1 or t.shape == (N, 1)):
        return t.reshape(N)
    raise ValueError(f"{name}: expected shape ({N},) to match x, got {t.shape}; reshape it")


def broadcast(name, x, shape, why):
    """`x` as numpy would stretch it to this shape."""
    try:
        return np.broadcast_to(x, shape)
    except ValueError:
        raise ValueError(
            f"{name}: expected shape {tuple(shape)} ({why}) or one that numpy stretches to it, "
            f"got {x.shape}"
        ) from None


def fraction(name, value):
    """`value`, if it is a number from 0 to 1."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a number from 0 to 1, got {value!r}; pass e.g. 0.5")
    return value


def generator(name, rng):
    """`rng`, if it is None (numpy's global stream) or one of numpy's generators."""
    if rng is None or isinstance(rng, (np.random.Generator, np.random.RandomState)):
        return rng
    raise TypeError(
        f"{name}: expected None or a numpy.random.Generator, got {type(rng).__name__}; "
        "pass np.random.default_rng(seed)"
    )
