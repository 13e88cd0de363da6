"""Types of `fastw2v.optimizer`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

__all__ = ["AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop", "SGD"]
EPS: float

class _Optimizer:
    row_sparse: Any
    def update(self, params: list[NDArray[Any]], grads: list[NDArray[Any]]) -> None: ...
    def flush(self) -> Any: ...

def clip_by_norm(grads: list[NDArray[Any]], max_norm: float, trusted: Any) -> Any: ...

class SGD(_Optimizer):
    lr: Any
    row_sparse: Any
    def __init__(self, lr: float = 0.01, *, row_sparse: bool = False) -> None: ...

class Momentum(_Optimizer):
    lr: Any
    momentum: Any
    row_sparse: Any
    v: Any
    def __init__(
        self, lr: float = 0.01, momentum: float = 0.9, *, row_sparse: bool = False
    ) -> None: ...

class Nesterov(_Optimizer):
    lr: Any
    momentum: Any
    row_sparse: Any
    v: Any
    def __init__(
        self, lr: float = 0.01, momentum: float = 0.9, *, row_sparse: bool = False
    ) -> None: ...

class AdaGrad(_Optimizer):
    lr: Any
    row_sparse: Any
    h: Any
    def __init__(self, lr: float = 0.01, *, row_sparse: bool = False) -> None: ...

class RMSprop(_Optimizer):
    lr: Any
    decay_rate: Any
    row_sparse: Any
    h: Any
    def __init__(
        self, lr: float = 0.01, decay_rate: float = 0.99, *, row_sparse: bool = False
    ) -> None: ...

class Adam(_Optimizer):
    lr: Any
    beta1: Any
    beta2: Any
    row_sparse: Any
    iter: Any
    m: Any
    v: Any
    def __init__(
        self,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        *,
        row_sparse: bool = False,
    ) -> None: ...
