"""Types of `fastw2v.models.sequence_regressor`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v.base_model import BaseModel as BaseModel

__all__ = ["SequenceRegressor"]

class SequenceRegressor(BaseModel):
    rnn: Any
    affine: Any
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    def __init__(
        self,
        cell: str = "lstm",
        input_size: int = 1,
        hidden_size: int = 20,
        *,
        dtype: DTypeLike = ...,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    def predict(self, xs: ArrayLike, *, train: bool = False) -> Any: ...
    def forward(self, xs: ArrayLike, t: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...
