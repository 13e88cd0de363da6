"""Types of `fastw2v.models.simple_skip_gram`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v.base_model import BaseModel as BaseModel

__all__ = ["SimpleSkipGram"]

class SimpleSkipGram(BaseModel):
    in_layer: Any
    out_layer: Any
    loss_layer1: Any
    loss_layer2: Any
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    word_vecs: Any
    def __init__(
        self, vocab_size: int, hidden_size: int, *, rng: np.random.Generator | None = None
    ) -> None: ...
    def forward(self, contexts: ArrayLike, target: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...
