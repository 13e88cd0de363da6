"""Types of `fastw2v.attention_layer`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

__all__ = ["Attention", "AttentionWeight", "TimeAttention", "WeightSum"]

class WeightSum:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    cache: Any
    def __init__(self) -> None: ...
    def forward(self, hs: ArrayLike, a: ArrayLike) -> Any: ...
    def backward(self, dc: ArrayLike) -> Any: ...

class AttentionWeight:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    softmax: Any
    cache: Any
    def __init__(self) -> None: ...
    def forward(self, hs: ArrayLike, h: ArrayLike) -> Any: ...
    def backward(self, da: ArrayLike) -> Any: ...

class Attention:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    attention_weight_layer: Any
    weight_sum_layer: Any
    attention_weight: Any
    def __init__(self) -> None: ...
    def forward(self, hs: ArrayLike, h: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike) -> Any: ...

class TimeAttention:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    def __init__(self) -> None: ...
    def forward(self, hs_enc: ArrayLike, hs_dec: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike) -> Any: ...
    @property
    def attention_weights(self) -> Any: ...
    @property
    def layers(self) -> Any: ...
