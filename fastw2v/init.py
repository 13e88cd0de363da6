"""Initialisers of weights: functions that take a shape and return a new array.

Each takes `rng=` and `dtype=` (float32). rng is None for numpy's global stream, which
`np.random.seed` controls, or a Generator, a RandomState or an int, the seed of a new Generator.
Numbers are drawn in float64 and then rounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastw2v._checks.numbers import as_not_negative, check_generator

__all__ = [
    "glorot_uniform",
    "orthogonal",
    "random_normal",
    "scaled_normal",
    "truncated_normal",
    "uniform",
    "unit_forget_bias",
    "word_vectors",
    "zeros",
]

Shape: TypeAlias = int | Sequence[int]
RandomSource: TypeAlias = np.random.Generator | np.random.RandomState | int | None

_BLOCK = 1 << 20  # numbers drawn at a time


def uniform(
    shape: Shape,
    low: float = -1.0,
    high: float = 1.0,
    *,
    rng: RandomSource = None,
    dtype: DTypeLike = np.float32,
) -> NDArray[np.floating[Any]]:
    """Return numbers drawn uniformly between `low` and `high`.

    >>> W = uniform((1000, 50), rng=0)
    >>> W.dtype, bool(abs(W).max() <= 1)
    (dtype('float32'), True)
    """
    as_not_negative("high - low", high - low)
    draw = _source(rng).uniform
    return _in_blocks(shape, dtype, lambda n: draw(low, high, n))


def random_normal(
    shape: Shape,
    stddev: float = 0.05,
    mean: float = 0.0,
    *,
    rng: RandomSource = None,
    dtype: DTypeLike = np.float32,
) -> NDArray[np.floating[Any]]:
    """Return normally distributed numbers.

    >>> random_normal((2, 3), rng=0).shape
    (2, 3)
    """
    stddev = as_not_negative("stddev", stddev)
    draw = _source(rng).standard_normal
    return _in_blocks(shape, dtype, lambda n: mean + stddev * draw(n))


def truncated_normal(
    shape: Shape,
    stddev: float = 0.05,
    mean: float = 0.0,
    *,
    rng: RandomSource = None,
    dtype: DTypeLike = np.float32,
) -> NDArray[np.floating[Any]]:
    """Return normally distributed numbers, redrawn while they are beyond two `stddev`.

    The result has a standard deviation of 0.88 times `stddev`.

    >>> W = truncated_normal((1000, 128), stddev=1 / 128**0.5, rng=0)
    >>> bool(abs(W).max() <= 2 / 128**0.5)
    True
    """
    stddev = as_not_negative("stddev", stddev)
    draw = _source(rng).standard_normal
    beyond, at = [], 0

    def numbers(n):
        nonlocal at
        z = draw(n)
        beyond.append(at + np.flatnonzero(np.abs(z) > 2))
        at += n
        return mean + stddev * z

    W = _in_blocks(shape, dtype, numbers)
    bad = np.concatenate(beyond) if beyond else np.empty(0, np.int64)
    flat = W.reshape(-1)
    while bad.size:
        z = draw(bad.size)
        flat[bad] = mean + stddev * z
        bad = bad[np.abs(z) > 2]
    return W


def glorot_uniform(
    shape: Shape, *, rng: RandomSource = None, dtype: DTypeLike = np.float32
) -> NDArray[np.floating[Any]]:
    """Return numbers uniform within +-sqrt(6 / (fan_in + fan_out)).

    shape: (fan_in, fan_out); axes before the last two multiply both, as in a convolution. The
    formula is number 16 of Glorot and Bengio 2010.

    >>> W = glorot_uniform((20, 40), rng=0)
    >>> bool(abs(W).max() <= 0.1**0.5)
    True
    """
    shape = _as_shape("shape", shape, ndim=2)
    fans = math.prod(shape[:-2]) * (shape[-2] + shape[-1])
    limit = math.sqrt(6 / fans) if fans else 0.0
    return uniform(shape, -limit, limit, rng=rng, dtype=dtype)


def orthogonal(
    shape: Shape,
    gain: float = 1.0,
    *,
    rng: RandomSource = None,
    dtype: DTypeLike = np.float32,
) -> NDArray[np.floating[Any]]:
    """Return `gain` times a matrix with orthonormal columns, or rows where these are fewer.

    shape: (M, N); axes before the last are merged into M. The matrix is the Q of a QR decomposition
    of normal numbers, with the signs that make R's diagonal positive, so it is uniformly
    distributed over all orthogonal matrices (Mezzadri 2007).

    >>> Q = orthogonal((3, 3), rng=0, dtype=np.float64)
    >>> bool(np.allclose(Q @ Q.T, np.eye(3)))
    True
    """
    shape = _as_shape("shape", shape, ndim=2)
    M, N = math.prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(_source(rng).standard_normal((max(M, N), min(M, N))))
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return (gain * (q if M >= N else q.T)).reshape(shape).astype(dtype, order="C")


def zeros(
    shape: Shape, *, rng: RandomSource = None, dtype: DTypeLike = np.float32
) -> NDArray[np.floating[Any]]:
    """Return zeros; `rng` is ignored.

    >>> zeros(3)
    array([0., 0., 0.], dtype=float32)
    """
    return np.zeros(_as_shape("shape", shape), dtype)


def unit_forget_bias(
    shape: Shape, *, rng: RandomSource = None, dtype: DTypeLike = np.float32
) -> NDArray[np.floating[Any]]:
    """Return the bias of an LSTM that remembers at first: 1 for the forget gate, 0 for the others.

    shape: 4H or (4H,). The gates are in the book's order f, g, i, o, so the first H are 1. `rng` is
    ignored.

    >>> unit_forget_bias(8)
    array([1., 1., 0., 0., 0., 0., 0., 0.], dtype=float32)
    """
    shape = _as_gate_shape("shape", shape, 4)
    bias = np.zeros(shape, dtype)
    bias[: shape[0] // 4] = 1
    return bias


def scaled_normal(
    shape: Shape,
    divisor: float,
    *,
    rng: RandomSource = None,
    dtype: DTypeLike = np.float32,
) -> NDArray[np.floating[Any]]:
    """Return standard normal numbers divided by `divisor`, as in the book's chapters 5 to 8.

    The numbers are divided in float64 and then rounded, as in the book, so the same seed gives the
    same bits.

    >>> W = scaled_normal((1000, 50), 50**0.5, rng=0)
    >>> W.dtype, bool(abs(W.std() * 50**0.5 - 1) < 0.02)
    (dtype('float32'), True)
    """
    if as_not_negative("divisor", divisor) == 0:
        raise ValueError("divisor: expected a number above 0, got 0; pass e.g. sqrt(D)")
    draw = _source(rng).standard_normal
    return _in_blocks(shape, dtype, lambda n: draw(n) / divisor)


def word_vectors(shape: Shape, rng: RandomSource = None) -> NDArray[np.float32]:
    """Return the initial word vectors of the book's CBOW and SkipGram: 0.01 * randn, float32.

    The numbers are rounded to float32 before they are scaled, as in the book, so the same seed
    gives the same bits.

    >>> word_vectors((2, 3), np.random.default_rng(0)).dtype
    dtype('float32')
    """
    draw = _source(rng).standard_normal
    return _in_blocks(shape, np.float32, lambda n: np.float32(0.01) * draw(n).astype(np.float32))


def _in_blocks(shape, dtype, numbers):
    """Return an array of this shape, filled block by block by calls of numbers(n).

    A large table then needs no float64 copy of itself. The generators give the same numbers in one
    call or in many.
    """
    W = np.empty(_as_shape("shape", shape), dtype)
    flat = W.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        block[...] = numbers(block.size)
    return W


def _source(rng):
    """Return an object with numpy's methods `uniform` and `standard_normal`."""
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool):
        return np.random.default_rng(int(rng))
    check_generator("rng", rng)
    return rng or np.random


def _as_shape(name, shape, ndim=0):
    """Return an int or a sequence of ints as a shape, a tuple with at least `ndim` axes."""
    axes = (shape,) if hasattr(shape, "__index__") else shape
    try:
        axes = tuple(axes)
    except TypeError:
        raise TypeError(
            f"{name}: expected lengths, got {type(shape).__name__}; pass e.g. (V, D)"
        ) from None
    if len(axes) < ndim or any(not hasattr(n, "__index__") or n < 0 for n in axes):
        more = f"at least {ndim} " if ndim else ""
        raise ValueError(
            f"{name}: expected {more}lengths of 0 or more, got {shape}; pass e.g. (V, D)"
        )
    return tuple(n.__index__() for n in axes)


def _as_gate_shape(name, shape, n):
    """Return the shape (n * H,) of a bias of n gates."""
    shape = _as_shape(name, shape)
    if len(shape) != 1 or shape[0] % n:
        raise ValueError(f"{name}: expected ({n} * H,) for {n} gates, got {shape}; pass {n} * H")
    return shape
