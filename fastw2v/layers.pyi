"""Types of `fastw2v.layers`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v._row_grad import RowGradHolder as RowGradHolder
from fastw2v.functions import GPU as GPU
from fastw2v.functions import cross_entropy_error as cross_entropy_error
from fastw2v.functions import softmax as softmax

__all__ = [
    "Affine",
    "Dropout",
    "Embedding",
    "GPU",
    "MatMul",
    "Sigmoid",
    "SigmoidWithLoss",
    "Softmax",
    "SoftmaxWithLoss",
    "cross_entropy_error",
    "np",
    "softmax",
]

class MatMul:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    x: Any
    def __init__(self, W: NDArray[Any]) -> None: ...
    def forward(self, x: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike) -> Any: ...

class Affine:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    x: Any
    def __init__(self, W: NDArray[Any], b: NDArray[Any]) -> None: ...
    def forward(self, x: ArrayLike, *, out: Any = None) -> Any: ...
    def backward(self, dout: ArrayLike) -> Any: ...

class Sigmoid:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    out: Any
    def __init__(self) -> None: ...
    def forward(self, x: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike) -> Any: ...

class Softmax:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    out: Any
    def __init__(self) -> None: ...
    def forward(self, x: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike) -> Any: ...

class SoftmaxWithLoss:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    y: Any
    t: Any
    def __init__(self) -> None: ...
    def forward(self, x: ArrayLike, t: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...

class SigmoidWithLoss:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    loss: Any
    y: Any
    t: Any
    def __init__(self) -> None: ...
    def forward(self, x: ArrayLike, t: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...

class Dropout:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    dropout_ratio: Any
    mask: Any
    def __init__(
        self, dropout_ratio: float = 0.5, *, rng: np.random.Generator | None = None
    ) -> None: ...
    def forward(self, x: ArrayLike, train_flg: bool = True) -> Any: ...
    def backward(self, dout: ArrayLike) -> Any: ...

def has_own_methods(layer: Any) -> Any: ...

class Embedding(RowGradHolder):
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    idx: Any
    def __init__(self, W: NDArray[Any]) -> None: ...
    def forward(self, idx: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike) -> Any: ...

def rows_of(W: NDArray[Any], ids: ArrayLike) -> Any: ...
def write_table_gradient(grad: Any, name: Any, idx: ArrayLike, dout: ArrayLike) -> Any: ...
