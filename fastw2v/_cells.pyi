"""Types of `fastw2v._cells`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

RECURRENT_ACTIVATIONS: Any

class _Cell:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    cache: Any
    def __init__(self, Wx: NDArray[Any], Wh: NDArray[Any], b: NDArray[Any]) -> None: ...

class RNN(_Cell):
    def forward(self, x: ArrayLike, h_prev: ArrayLike) -> Any: ...
    def backward(self, dh_next: ArrayLike) -> Any: ...

class _GatedCell(_Cell):
    recurrent_activation: Any
    def __init__(
        self,
        Wx: NDArray[Any],
        Wh: NDArray[Any],
        b: NDArray[Any],
        *,
        recurrent_activation: str = "sigmoid",
    ) -> None: ...

class LSTM(_GatedCell):
    def forward(self, x: ArrayLike, h_prev: ArrayLike, c_prev: ArrayLike) -> Any: ...
    def backward(self, dh_next: ArrayLike, dc_next: ArrayLike) -> Any: ...

class GRU(_GatedCell):
    dWx: Any
    dWh: Any
    db: Any
    def __init__(
        self,
        Wx: NDArray[Any],
        Wh: NDArray[Any],
        b: NDArray[Any],
        *,
        recurrent_activation: str = "sigmoid",
    ) -> None: ...
    def forward(self, x: ArrayLike, h_prev: ArrayLike) -> Any: ...
    def backward(self, dh_next: ArrayLike) -> Any: ...
