"""Memory that a layer keeps from call to call."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Scratch"]

_LINE = 64  # bytes; vectors and packed panels start at a cache line


class Scratch:
    """Uninitialised arrays by name, each aligned to a cache line and grown when a call needs more.

    No array of it is ever given to a user. Copies and pickles of the layer get an empty Scratch.

    >>> scratch = Scratch()
    >>> a = scratch.take("gates", (3, 4), np.float32)
    >>> np.shares_memory(a, scratch.take("gates", (2, 2), np.float32))
    True
    """

    def __init__(self) -> None:
        self._blocks: dict[str, NDArray[np.uint8]] = {}
        self._last: dict[str, NDArray[Any]] = {}  # the arrays of the last calls, in these blocks

    def take(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of this shape, in the memory that the name had before if it is enough."""
        last = self._last.get(name)
        if last is not None and last.shape == shape and last.dtype == dtype:
            return last
        dtype = np.dtype(dtype)
        n_bytes = math.prod(shape) * dtype.itemsize
        block = self._blocks.get(name)
        if block is None or block.size < n_bytes:
            raw = np.empty(n_bytes + _LINE, np.uint8)
            start = -raw.ctypes.data % _LINE
            block = self._blocks[name] = raw[start : start + n_bytes]
        self._last[name] = last = block[:n_bytes].view(dtype).reshape(shape)
        return last

    def __reduce__(self) -> tuple[type[Scratch], tuple[()]]:
        return Scratch, ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Scratch:
        return Scratch()
