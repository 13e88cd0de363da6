"""Types of `fastw2v.base_model`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v._pickle import BookFileError as BookFileError
from fastw2v._pickle import load_book_pickle as load_book_pickle
from fastw2v._row_grad import RowGradHolder as RowGradHolder

__all__ = ["BaseModel", "BookFileError", "load_book_pickle"]

class BaseModel(RowGradHolder):
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    def __init__(self) -> None: ...
    forward: Any
    backward: Any
    def save_params(self, file_name: str | os.PathLike[str] | None = None) -> None: ...
    def load_params(self, file_name: str | os.PathLike[str] | None = None) -> None: ...
