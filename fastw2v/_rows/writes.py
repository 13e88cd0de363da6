"""Operations of layers, trainers and optimizers on a gradient, whether it lists its rows or not.

A layer clears a gradient and writes rows into it. A trainer adds one gradient to another, and an
optimizer asks which rows it has to read. In `fit` the rows of a large gradient are packed, one
after the other, so that its own memory takes no pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.arrays import FLOATS, as_float, check_shape, check_writable, has_plain_rows
from fastw2v._core import threads
from fastw2v._kernels import _embedding, specialise
from fastw2v._rows.row_grad import (
    NS,
    RowGrad,
    Tracker,
    as_table,
    is_clear,
    is_tracked,
    mark_dirty,
    shares_memory,
    tracker_of,
    verify_list,
)

__all__ = [
    "add_into",
    "begin_packing",
    "check_all_writable",
    "clear",
    "clear_all",
    "end_packing",
    "listed_gradient",
    "packed_rows",
    "touched",
    "try_write_rows",
    "unpack",
    "write_rows",
]

# (rows, n_rows, gradient, packed): the numbers of the rows come first; the gradient is (n_rows, D)
# in that order if packed, else (V, D). As the kernels take it.
Listed = tuple[NDArray[Any], int, NDArray[Any], bool]

_OVERWRITE = specialise(_embedding.overwrite_rows)
_TRY_OVERWRITE = _embedding.try_overwrite_rows
_SCATTER = specialise(_embedding.scatter_add)
_ADD_ROWS = specialise(_embedding.add_rows)
_PACK = specialise(_embedding.pack_rows)

# The caches bound the writing of rows, and rows that another core wrote last have to travel. Two
# threads gain nothing until the rows no longer fit there, at about ten times the usual work.
_SPLIT_LATE = 10


def check_all_writable(grads: Iterable[Any]) -> None:
    """Check all arrays of a list before the first of them is written to."""
    for i, grad in enumerate(grads):
        if not (type(grad) is RowGrad and grad.flags.writeable):
            check_writable(f"grads[{i}]", grad)


def write_rows(
    grad: NDArray[Any],
    ids: NDArray[Any],
    V: int,
    x: NDArray[Any],
    coef: NDArray[Any] | None = None,
) -> None:
    """Set grad to zero, then add coef[n, c] * x[n] to its row ids[n, c].

    grad is expected to be (V, D), or (V,) with D = 1; ids (N * C,) in [0, V), contiguous; x (N, D);
    coef (N * C,) or None for ones. ValueError for a grad of another shape or a read-only one.
    """
    check_writable("grads[0]", grad)
    check_shape("grads[0]", grad, (V, x.shape[1])[: grad.ndim], "that of W")
    if grad.dtype in FLOATS:
        x = as_float("x", x, grad.dtype)
        coef = coef if coef is None else as_float("coef", coef, grad.dtype)
    if shares_memory(x, grad):
        x = x.copy()
    N, D = x.shape
    n_parts = threads.parts((ids.size + N) * D * NS / _SPLIT_LATE)
    tracker = tracker_of(grad)  # before another view of its memory exists
    if tracker is not None and tracker.packed is not None:
        tracker.packed.write(grad, ids, x, coef, n_parts)
        return
    if tracker is not None and has_plain_rows(as_table(grad)):
        turn, target = tracker.open(grad, ids)
        n_rows = _OVERWRITE[grad.dtype, ids.dtype](*target, ids, x, coef, n_parts)
        tracker.close(turn, n_rows)
        return
    mark_dirty(grad)
    rows = as_table(grad)
    rows[...] = 0
    if has_plain_rows(rows):
        _SCATTER[grad.dtype, ids.dtype](rows, ids, x, coef, n_parts)
    else:  # an array that no kernel accepts, such as float16 or one in Fortran order
        terms = np.repeat(x, ids.size // max(N, 1), axis=0)
        np.add.at(rows, ids, terms if coef is None else coef[:, None] * terms)


def try_write_rows(grad: Any, ids: Any, x: Any) -> bool:
    """Do as `write_rows` for a small call with checked arguments; return False if it is not one.

    ids of any shape, x (..., D). Nothing has changed where the result is False.
    """
    if type(grad) is not RowGrad or not grad._whole:
        return False
    tracker = grad._tracker
    if tracker.dense or tracker.adopted or tracker.packed is not None:
        return False
    turn, n_rows, stamp = tracker.begin(), tracker.n_rows, tracker.stamp
    mark, fresh, rows = tracker.mark, tracker.fresh, tracker.rows
    n_rows = _TRY_OVERWRITE(grad, mark, fresh, rows, n_rows, stamp, ids, x)
    if n_rows == _embedding.ELSEWHERE:
        return False
    tracker.close(turn, n_rows)
    return True


def clear(grad: NDArray[Any]) -> None:
    """Set grad to zero, at the cost of its listed rows where it has a list."""
    if is_clear(grad):
        return
    tracker = tracker_of(grad)
    if tracker is None:
        grad.view(np.ndarray)[...] = 0
    elif tracker.packed is not None and tracker.packed.used:
        tracker.packed.n_rows = 0
    elif tracker.dense:
        grad.view(np.ndarray)[...] = 0
        tracker.reset()
    else:
        turn = tracker.begin()
        rows = tracker.rows[: tracker.n_rows]
        grad.view(np.ndarray)[rows] = 0
        tracker.mark[rows] = 0
        tracker.n_rows = 0
        tracker.end(turn)


def clear_all(grads: Sequence[NDArray[Any]]) -> None:
    """Set gradients to zero, at the cost of their listed rows where they have a list."""
    if not _embedding.are_untouched(grads, RowGrad):
        for grad in grads:
            clear(grad)


def touched(grad: NDArray[Any], trusted: bool) -> NDArray[np.uint8] | None:
    """Return marks (V,) of the rows that may not be zero, or None if all rows have to be read.

    Unless `trusted`, every row outside the list is read first, because other code may have written
    to it in a way that the gradient cannot observe.
    """
    tracker = tracker_of(grad)
    if tracker is None or tracker.dense:
        return None
    return tracker.mark if trusted or verify_list(grad) else None


def listed_gradient(grad: NDArray[Any]) -> Listed | None:
    """Return the rows outside of which `grad` is zero and their values, or None without a list.

    The list is trusted: see `RowGrad`.
    """
    tracker = tracker_of(grad)
    if tracker is None:
        return None
    if tracker.packed is not None and tracker.packed.used:
        return tracker.packed.listed()
    return None if tracker.dense else (tracker.rows, tracker.n_rows, as_table(grad), False)


def add_into(grad: NDArray[Any], other: NDArray[Any], trusted: bool) -> None:
    """Add `other` to grad in place, at the cost of the rows that `other` lists as touched."""
    if type(grad) is np.ndarray and type(other) is np.ndarray:
        grad += other
        return
    unpack(grad)
    unpack(other)
    mark = touched(other, trusted) if other.dtype == grad.dtype else None
    theirs = None if mark is None else tracker_of(other)
    whole = is_tracked(grad) or type(grad) is np.ndarray
    if theirs is None or not whole or grad.shape != other.shape or not has_plain_rows(grad):
        grad += other
        return
    if theirs.n_rows == 0:
        return
    check_writable("grads", grad)
    n_parts = threads.parts(theirs.n_rows * grad.shape[1] * NS)
    _ADD_ROWS[grad.dtype](grad, other, theirs.rows, theirs.n_rows, n_parts)
    mine = tracker_of(grad)
    if mine is None or mine.dense:
        return
    n_rows = _embedding.merge_marks(
        mine.mark, mine.rows, mine.n_rows, mine.stamp, theirs.rows, theirs.n_rows
    )
    if n_rows < 0:
        mine.dense = True
    else:
        mine.n_rows = n_rows


# ---- packed gradients


class Packed:
    """The rows of a gradient that are not zero, one after the other.

    rows[:n_rows]: their numbers; values (n_rows, D). slot (V,): the place of a row in the list, if
    the list holds it in that place; it begins as untouched pages of zeros and is never cleared.
    """

    def __init__(self, V: int) -> None:
        self.slot = np.zeros(V, np.int32)
        self.n_rows = 0
        self.used = False  # before the first write the rows are in the gradient's own memory
        self.rows = np.empty(0, np.int64)
        self.values: NDArray[Any] = np.empty((0, 1))

    def write(
        self,
        grad: NDArray[Any],
        ids: NDArray[Any],
        x: NDArray[Any],
        coef: NDArray[Any] | None,
        n_parts: int,
    ) -> None:
        """Do as `write_rows`, with arrays that are checked."""
        if not self.used:
            clear(grad)
        if not self.used or len(self.rows) < len(ids):
            self.rows = np.empty(len(ids), np.int64)
            self.local, self.first = np.empty(len(ids), np.int32), np.empty(len(ids), np.uint8)
            self.values = np.empty((len(ids), x.shape[1]), grad.dtype)
        self.used = True
        pack = _PACK[grad.dtype, ids.dtype]
        lists = self.rows, self.values, self.local, self.first
        self.n_rows = pack(self.slot, *lists, ids, x, coef, n_parts)

    def listed(self) -> Listed:
        """Return the rows as the kernels take them."""
        return self.rows, self.n_rows, self.values, True


def begin_packing(grad: RowGrad) -> None:
    """Keep the rows of a tracked gradient packed from its next write on, until `end_packing`.

    Writes then leave the gradient's own memory alone, and its pages of zeros take no memory. Use it
    only while no code but the optimizer reads the gradient.
    """
    if grad._tracker.packed is None:
        grad._tracker.packed = Packed(len(grad))
        if grad.flags.c_contiguous and grad.flags.writeable:
            _embedding.keep_pages_small(grad.view(np.ndarray).reshape(-1).view(np.int8))


def end_packing(grad: RowGrad) -> None:
    """Write packed rows into the gradient's own memory, and so all later ones."""
    _unpack(grad, grad._tracker)
    grad._tracker.packed = None


def unpack(grad: NDArray[Any]) -> None:
    """Write the rows of a packed gradient into its own memory; leave other gradients alone."""
    tracker = tracker_of(grad)
    if tracker is not None:
        _unpack(grad, tracker)


def packed_rows(grad: NDArray[Any]) -> Listed | None:
    """Return the rows of a gradient that is tracked and packed, else None."""
    tracker = tracker_of(grad)
    if tracker is None or tracker.packed is None or not tracker.packed.used:
        return None
    return tracker.packed.listed()


def _unpack(grad: NDArray[Any], tracker: Tracker) -> None:
    packed = tracker.packed
    if packed is None or not packed.used:
        return
    tracker.packed = None
    rows, n, values, _ = packed.listed()
    if not n:
        return
    as_table(grad)[rows[:n]] = values[:n]
    if n > len(tracker.rows):
        tracker.dense = True
        return
    tracker.rows[:n] = rows[:n]
    tracker.mark[rows[:n]] = tracker.stamp
    tracker.n_rows = n
