"""Types of `fastw2v._threads`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def serial_below(ns: Any = None) -> Any: ...
def parts(ns: Any) -> Any: ...
