"""Types of `fastw2v.keras`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v._summary import count_params as count_params
from fastw2v._summary import summary as summary

__all__ = ["count_params", "from_keras", "summary", "to_keras"]

def from_keras(
    layer: Any,
    weights: Any = None,
    *,
    stateful: bool = False,
    go_backwards: bool = False,
    recurrent_activation: str = "sigmoid",
    reset_after: Any = None,
    dtype: DTypeLike | None = None,
) -> Any: ...
def to_keras(layer: Any) -> Any: ...
