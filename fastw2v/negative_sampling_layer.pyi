"""Types of `fastw2v.negative_sampling_layer`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v._row_grad import RowGradHolder as RowGradHolder

__all__ = ["EmbeddingDot", "NegativeSamplingLoss", "UnigramSampler"]

class EmbeddingDot(RowGradHolder):
    embed: Any
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    cache: Any
    def __init__(self, W: NDArray[Any]) -> None: ...
    def forward(self, h: ArrayLike, idx: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike) -> Any: ...

class UnigramSampler:
    sample_size: Any
    replace: Any
    rng: Any
    def __init__(
        self,
        corpus: Any,
        power: float,
        sample_size: int,
        *,
        replace: bool = False,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    @property
    def word_p(self) -> Any: ...
    @word_p.setter
    def word_p(self, p: Any) -> None: ...
    def get_negative_sample(self, target: ArrayLike) -> NDArray[Any]: ...
    def is_like(self, other: Any) -> Any: ...

class NegativeSamplingLoss(RowGradHolder):
    sample_size: Any
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    sampler: Any
    def __init__(
        self,
        W: NDArray[Any],
        corpus: Any,
        power: float = 0.75,
        sample_size: int = 5,
        *,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    @property
    def loss_layers(self) -> Any: ...
    @loss_layers.setter
    def loss_layers(self, layers: Any) -> None: ...
    @property
    def embed_dot_layers(self) -> Any: ...
    @embed_dot_layers.setter
    def embed_dot_layers(self, layers: Any) -> None: ...
    def forward(self, h: ArrayLike, target: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...
    def negatives(self, target: ArrayLike) -> Any: ...
    def keep(self, h: ArrayLike, ids: ArrayLike, y: ArrayLike, e: Any, losses: Any) -> Any: ...
    def reads_by_rows(self) -> Any: ...
    def draws_as_we_do(self) -> Any: ...
    def is_fused(self, W: NDArray[Any]) -> Any: ...

def id_dtype(W: NDArray[Any]) -> Any: ...
def fused_forward(W: NDArray[Any], h: ArrayLike, ids: ArrayLike, group: Any) -> Any: ...
def fused_backward(
    state: Any, group: Any, dout: ArrayLike, grads: list[NDArray[Any]], V: Any
) -> Any: ...
