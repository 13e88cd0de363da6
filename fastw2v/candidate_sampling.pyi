"""Types of `fastw2v.candidate_sampling`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v._row_grad import RowGradHolder as RowGradHolder

__all__ = [
    "Candidates",
    "LogUniformSampler",
    "NCELoss",
    "SampledSoftmaxLoss",
    "sigmoid_cross_entropy",
]

class Candidates(NamedTuple):
    sampled: np.ndarray
    true_expected_count: np.ndarray
    sampled_expected_count: np.ndarray

class LogUniformSampler:
    range_max: Any
    num_sampled: Any
    unique: Any
    rng: Any
    def __init__(
        self,
        range_max: int,
        num_sampled: int = 64,
        unique: bool = True,
        *,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    def probability(self, ids: ArrayLike) -> Any: ...
    def expected_count(self, ids: ArrayLike, tries: Any) -> Any: ...
    def draw(self) -> Any: ...
    def sample(self, true_classes: Any) -> Any: ...

def sigmoid_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> Any: ...

class _SampledLoss(RowGradHolder):
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    sampler: Any
    remove_accidental_hits: Any
    sampled: Any
    true_expected_count: Any
    sampled_expected_count: Any
    logits: Any
    def __init__(
        self,
        W: NDArray[Any],
        b: NDArray[Any],
        num_sampled: int,
        sampler: Any,
        remove_accidental_hits: Any,
        rng: np.random.Generator | None,
    ) -> None: ...
    @property
    def num_sampled(self) -> Any: ...
    @num_sampled.setter
    def num_sampled(self, value: Any) -> None: ...
    @property
    def labels(self) -> Any: ...
    def forward(self, x: ArrayLike, labels: ArrayLike, *, sampled_values: Any = None) -> Any: ...
    def row_tables(self) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...

class NCELoss(_SampledLoss):
    def __init__(
        self,
        W: NDArray[Any],
        b: NDArray[Any],
        num_sampled: int = 64,
        sampler: Any = None,
        remove_accidental_hits: bool = False,
        *,
        rng: np.random.Generator | None = None,
    ) -> None: ...

class SampledSoftmaxLoss(_SampledLoss):
    def __init__(
        self,
        W: NDArray[Any],
        b: NDArray[Any],
        num_sampled: int = 64,
        sampler: Any = None,
        remove_accidental_hits: bool = True,
        *,
        rng: np.random.Generator | None = None,
    ) -> None: ...
