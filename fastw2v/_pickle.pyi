"""Types of `fastw2v._pickle`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

class BookFileError(pickle.UnpicklingError, ValueError): ...

def load_book_pickle(path: str | os.PathLike[str]) -> Any: ...
