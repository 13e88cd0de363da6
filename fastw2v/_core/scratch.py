"""Memory that a layer keeps for itself from call to call."""

import math

import numpy as np

__all__ = ["Scratch"]

_LINE = 64  # bytes; vectors and packed panels start at a cache line


class Scratch:
    """Arrays by name, at a cache line, not set to anything; each grows when a call needs more.

    Nothing of it is ever handed to a user. Copies and pickles of the layer get an empty one.

    >>> scratch = Scratch()
    >>> a = scratch.take("gates", (3, 4), np.float32)
    >>> np.shares_memory(a, scratch.take("gates", (2, 2), np.float32))
    True
    """

    def __init__(self):
        self._blocks = {}

    def take(self, name, shape, dtype):
        """An array of that shape; it shares its memory with what the name gave before."""
        dtype = np.dtype(dtype)
        n_bytes = math.prod(shape) * dtype.itemsize
        block = self._blocks.get(name)
        if block is None or block.size < n_bytes:
            raw = np.empty(n_bytes + _LINE, np.uint8)
            start = -raw.ctypes.data % _LINE
            block = self._blocks[name] = raw[start : start + n_bytes]
        return block[:n_bytes].view(dtype).reshape(shape)

    def __reduce__(self):
        return Scratch, ()

    def __deepcopy__(self, memo):
        return Scratch()
