"""Types of `fastw2v.models.two_layer_net`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v.base_model import BaseModel as BaseModel

__all__ = ["TwoLayerNet"]

class TwoLayerNet(BaseModel):
    layers: Any
    loss_layer: Any
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    def predict(self, x: ArrayLike) -> Any: ...
    def forward(self, x: ArrayLike, t: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...
