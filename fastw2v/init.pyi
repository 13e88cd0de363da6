"""Types of `fastw2v.init`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

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

def uniform(
    shape: Any,
    low: Any = -1.0,
    high: float = 1.0,
    *,
    rng: np.random.Generator | None = None,
    dtype: DTypeLike = ...,
) -> Any: ...
def random_normal(
    shape: Any,
    stddev: float = 0.05,
    mean: float = 0.0,
    *,
    rng: np.random.Generator | None = None,
    dtype: DTypeLike = ...,
) -> Any: ...
def truncated_normal(
    shape: Any,
    stddev: float = 0.05,
    mean: float = 0.0,
    *,
    rng: np.random.Generator | None = None,
    dtype: DTypeLike = ...,
) -> Any: ...
def glorot_uniform(
    shape: Any, *, rng: np.random.Generator | None = None, dtype: DTypeLike = ...
) -> Any: ...
def orthogonal(
    shape: Any, gain: float = 1.0, *, rng: np.random.Generator | None = None, dtype: DTypeLike = ...
) -> Any: ...
def zeros(shape: Any, *, rng: np.random.Generator | None = None, dtype: DTypeLike = ...) -> Any: ...
def unit_forget_bias(
    shape: Any, *, rng: np.random.Generator | None = None, dtype: DTypeLike = ...
) -> Any: ...
def scaled_normal(
    shape: Any, divisor: Any, *, rng: np.random.Generator | None = None, dtype: DTypeLike = ...
) -> Any: ...
def word_vectors(shape: Any, rng: np.random.Generator | None = None) -> Any: ...
