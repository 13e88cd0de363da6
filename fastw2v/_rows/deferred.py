"""Tables with deferred row updates, and how their readers get up-to-date rows.

An optimizer may defer updates of a row until the row is next read (see `_rows.replay`). Code that
reads rows calls `apply_pending` first; code that reads or writes a whole table calls
`apply_all_pending`. Either call costs one look at an empty dict while no table has deferred rows.
"""

import numpy as np

__all__ = ["TABLES", "UpToDate", "apply_all_pending", "apply_pending", "may_defer"]

# Tables with rows that may wait, by the id of the array, which owns its memory.
TABLES = {}


def apply_pending(W, ids):
    """Before rows of `W` are read: take them to the present. ids checked, contiguous."""
    if TABLES:
        table = TABLES.get(id(W))
        if table is not None:
            table.apply_pending(ids.reshape(-1))
        elif W.base is not None:
            apply_all_pending(W)


def apply_all_pending(*arrays):
    """Before arrays, or views of them, are read or written as wholes: take all rows to the present.

    Other things than arrays are left alone.
    """
    if TABLES:
        for array in arrays:
            while isinstance(array, np.ndarray):
                table = TABLES.get(id(array))
                if table is not None:
                    table.apply_all()
                array = array.base


def may_defer(W):
    """Whether an optimizer was asked to let rows of `W` wait, and so to trust gradients' lists."""
    return id(W) in TABLES


class UpToDate:
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
        apply_all_pending(array)
        return array

    def __set__(self, thing, array):
        vars(thing)[self.name] = array

    def __delete__(self, thing):
        del vars(thing)[self.name]
