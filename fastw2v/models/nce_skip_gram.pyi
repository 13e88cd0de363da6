"""Types of `fastw2v.models.nce_skip_gram`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v.base_model import BaseModel as BaseModel

__all__ = ["NCESkipGram"]

class NCESkipGram(BaseModel):
    embed: Any
    loss_layer: Any
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    word_vecs: Any
    def __init__(
        self,
        vocab_size: int,
        embedding_size: int = 128,
        num_sampled: int = 64,
        *,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    def forward(
        self, centres: ArrayLike, labels: ArrayLike, *, sampled_values: Any = None
    ) -> Any: ...
    def row_tables(self) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...
