"""Types of `fastw2v.models.skip_gram`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v._row_grad import RowGradHolder as RowGradHolder

__all__ = ["SkipGram"]

class SkipGram(RowGradHolder):
    in_layer: Any
    loss_layers: Any
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    word_vecs: Any
    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        window_size: int,
        corpus: Any,
        *,
        sample_size: int = 5,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    def forward(self, contexts: ArrayLike, target: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...
    def row_tables(self) -> Any: ...
