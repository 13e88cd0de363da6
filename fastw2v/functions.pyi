"""Types of `fastw2v.functions`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

__all__ = ["GPU", "cross_entropy_error", "np", "relu", "scatter_add", "sigmoid", "softmax"]
GPU: bool

def sigmoid(x: ArrayLike) -> Any: ...
def relu(x: ArrayLike) -> Any: ...
def softmax(x: ArrayLike) -> Any: ...
def cross_entropy_error(y: ArrayLike, t: ArrayLike) -> Any: ...
def scatter_add(dW: NDArray[Any], idx: ArrayLike, dout: ArrayLike) -> Any: ...
