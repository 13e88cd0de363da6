"""The registry of tables with deferred row updates; readers of a table ask here for current rows.

An optimizer may defer updates of a row until the row is next read (see `_rows.pending`). Code that
reads rows calls `apply_pending` first; code that reads or writes a whole table calls
`apply_all_pending`. While no table has deferred rows, either call costs one look-up in
an empty dict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fastw2v._rows.pending import Table

__all__ = ["TABLES", "UpToDate", "apply_all_pending", "apply_pending", "may_defer"]

# Tables whose rows may be deferred, by the id of the array, which owns its memory.
TABLES: dict[int, Table] = {}


def apply_pending(W: NDArray[Any], ids: NDArray[Any]) -> None:
    """Apply the deferred updates of rows of W that are about to be read.

    ids of any shape, contiguous, in [0, V).
    """
    if TABLES:
        table = TABLES.get(id(W))
        if table is not None:
            table.apply_pending(ids.reshape(-1))
        elif W.base is not None:
            apply_all_pending(W)


def apply_all_pending(*arrays: Any) -> None:
    """Apply all deferred updates of arrays, or of those they are views of.

    Callers are about to read or write whole arrays. Arguments that are not arrays are ignored.
    """
    if TABLES:
        for array in arrays:
            while isinstance(array, np.ndarray):
                table = TABLES.get(id(array))
                if table is not None:
                    table.apply_all()
                array = array.base


def may_defer(W: NDArray[Any]) -> bool:
    """Return whether an optimizer may defer rows of W, and so trusts the lists of its gradients."""
    return id(W) in TABLES


class UpToDate:
    """An attribute that holds a table and applies its deferred updates whenever it is read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, thing: Any, owner: type | None = None) -> Any:
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

    def __set__(self, thing: Any, array: Any) -> None:
        vars(thing)[self.name] = array

    def __delete__(self, thing: Any) -> None:
        del vars(thing)[self.name]
