"""Types of `fastw2v._recurrent`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

GATES: Any

class _OverTime:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    stateful: Any
    dtype: Any
    go_backwards: Any
    def __init__(
        self,
        Wx: NDArray[Any],
        Wh: NDArray[Any],
        b: NDArray[Any],
        stateful: bool,
        dtype: DTypeLike,
        go_backwards: Any,
    ) -> None: ...
    def forward(
        self, xs: ArrayLike, *, lengths: ArrayLike | None = None, train: bool = True
    ) -> Any: ...
    def reset_state(self) -> None: ...
    @property
    def layers(self) -> Any: ...
    def __copy__(self) -> Any: ...

class TimeRNN(_OverTime):
    def __init__(
        self,
        Wx: NDArray[Any],
        Wh: NDArray[Any],
        b: NDArray[Any],
        stateful: bool = False,
        *,
        dtype: DTypeLike | None = None,
        go_backwards: bool = False,
    ) -> None: ...
    def set_state(self, h: ArrayLike) -> None: ...
    def backward(self, dhs: ArrayLike, *, dh: ArrayLike | None = None) -> Any: ...

class _Gated(_OverTime):
    recurrent_activation: Any
    def __init__(
        self,
        Wx: NDArray[Any],
        Wh: NDArray[Any],
        b: NDArray[Any],
        stateful: bool = False,
        *,
        dtype: DTypeLike | None = None,
        go_backwards: bool = False,
        recurrent_activation: str = "sigmoid",
    ) -> None: ...

class TimeGRU(_Gated):
    def set_state(self, h: ArrayLike) -> None: ...
    def backward(self, dhs: ArrayLike, *, dh: ArrayLike | None = None) -> Any: ...

class TimeLSTM(_Gated):
    def set_state(self, h: ArrayLike, c: ArrayLike | None = None) -> None: ...
    def backward(
        self, dhs: ArrayLike, *, dh: ArrayLike | None = None, dc: ArrayLike | None = None
    ) -> Any: ...

class TimeBiLSTM:
    forward_lstm: Any
    backward_lstm: Any
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    def __init__(
        self,
        Wx1: NDArray[Any],
        Wh1: NDArray[Any],
        b1: NDArray[Any],
        Wx2: NDArray[Any],
        Wh2: NDArray[Any],
        b2: NDArray[Any],
        stateful: bool = False,
        *,
        dtype: DTypeLike | None = None,
        recurrent_activation: str = "sigmoid",
    ) -> None: ...
    def forward(
        self, xs: ArrayLike, *, lengths: ArrayLike | None = None, train: bool = True
    ) -> Any: ...
    def backward(
        self, dhs: ArrayLike, *, dh: ArrayLike | None = None, dc: ArrayLike | None = None
    ) -> Any: ...
    def set_state(self, h: ArrayLike, c: ArrayLike | None = None) -> None: ...
    def reset_state(self) -> None: ...
    @property
    def h(self) -> Any: ...
    @property
    def c(self) -> Any: ...
    @property
    def dh(self) -> Any: ...
    @property
    def dc(self) -> Any: ...

def arrange(out: Any, xs: ArrayLike, lengths: ArrayLike, backwards: Any) -> Any: ...
def turn_round(xs: ArrayLike, lengths: ArrayLike) -> Any: ...
