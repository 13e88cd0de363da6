"""Which tables have rows that wait, and how readers of a table get the present.

An optimizer may let rows of a table fall behind as long as nobody reads them (see `_replay`). Code
of ours that reads rows asks `catch_up` for them first; code that reads or writes a table as a whole
calls `settle`. Both are one look at an empty dict as long as no rows wait anywhere.
"""

import numpy as np

__all__ = ["TABLES", "Settled", "catch_up", "may_wait", "settle"]

# Tables with rows that may wait, by the id of the array, which owns its memory.
TABLES = {}


def catch_up(W, ids):
    """Before rows of `W` are read: take them to the present. ids checked, contiguous."""
    if TABLES:
        table = TABLES.get(id(W))
        if table is not None:
            table.catch_up(ids.reshape(-1))
        elif W.base is not None:
            settle(W)


def settle(*arrays):
    """Before arrays, or views of them, are read or written as wholes: take all rows to the present.

    Other things than arrays are left alone.
    """
    if TABLES:
        for array in arrays:
            while isinstance(array, np.ndarray):
                table = TABLES.get(id(array))
                if table is not None:
                    table.catch_up_all()
                array = array.base


def may_wait(W):
    """Whether an optimizer was asked to let rows of `W` wait, and so to trust gradients' lists."""
    return id(W) in TABLES


class Settled:
    """An attribute that holds a table: whoever reads it finds all rows at the present."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, thing, owner=None):
        if thing is None:
            return self
        try:
            array = vars(thing)[self.name]
        except KeyError:
            raise AttributeError(
                f"{type(thing).__name__!r} object has no attribute {self.name!r}"
            ) from None
        settle(array)
        return array

    def __set__(self, thing, array):
        vars(thing)[self.name] = array

    def __delete__(self, thing):
        del vars(thing)[self.name]
