"""One optimizer step of a whole parameter: its arrays as the kernels take them, and the pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.arrays import FLOATS, as_float, has_plain_rows
from fastw2v._core import threads
from fastw2v._kernels import _optimizer, specialise
from fastw2v._rows.idle_steps import MOVES_IDLE_ROWS
from fastw2v._rows.row_grad import as_table, is_tracked
from fastw2v._rows.writes import listed_gradient, touched, unpack

__all__ = ["KnownStep", "as_rows", "dtype_of", "update_whole"]

_KERNELS = {rule: specialise(getattr(_optimizer, rule)) for rule in _optimizer.RULES}
_UPDATE_ROWS = specialise(_optimizer.update_rows)

# Serial nanoseconds per element; see `threads.parts`.
_NS = dict.fromkeys(_optimizer.RULES, 0.2) | {"adam": 0.5}


def update_whole(
    rule: str,
    w: NDArray[Any],
    states: list[NDArray[Any]],
    g: NDArray[Any],
    scalars: Sequence[float],
    trusted: bool,
) -> KnownStep | None:
    """Take one step of a parameter in place; return it for later steps if it can be repeated.

    g and states have the shape of w and its `dtype_of`. scalars: as the kernel of the rule takes
    them. trusted: whether the gradient's list of touched rows is trusted (see `RowGrad`).
    """
    unpack(g)
    if trusted and rule not in MOVES_IDLE_ROWS and _update_listed(rule, w, states, g, scalars):
        return None
    kernel, arrays = _KERNELS[rule][dtype_of(w)], [w, *states, g]
    mark = None
    if is_tracked(g) and has_plain_rows(w):
        mark = touched(g, trusted)
        rows: list[NDArray[Any] | None] = [*arrays]
    else:
        g = np.asarray(g)
        if w.ndim == 2 and not has_plain_rows(w) and has_plain_rows(w.T):
            w, g, states = w.T, g.T, [state.T for state in states]
        if as_rows(g) is None:
            g = as_float("grads", g, dtype_of(w))
        rows = [as_rows(array) for array in (w, *states, g)]
        if rows[0] is None or any(row is None or not row.flags.carray for row in rows[1:-1]):
            _update_copies(kernel, w, states, g, scalars)
            return None
    ns = w.size * _NS[rule]
    kernel(*rows, mark, *scalars, threads.parts(ns))
    return KnownStep(kernel, ns, arrays, rows) if all(map(_is_plain, arrays)) else None


def _update_listed(
    rule: str,
    w: NDArray[Any],
    states: list[NDArray[Any]],
    g: NDArray[Any],
    scalars: Sequence[float],
) -> bool:
    """Take a step of the listed rows where that is enough; return whether it was taken."""
    listed = listed_gradient(g)
    if (
        listed is None
        or g.dtype != w.dtype
        or not has_plain_rows(as_table(w))
        or not has_plain_rows(as_table(g))
        or not all(state.flags.carray for state in states)
    ):
        return False
    rows, n_rows, values, packed = listed
    kernel_states = [*map(as_table, states), None, None][:2]
    row_scalars = (*scalars, 0.0, 0.0, 0.0)[:4]
    table = as_table(w)
    n_parts = threads.parts(n_rows * table.shape[1] * _NS[rule])
    _UPDATE_ROWS[w.dtype](
        *(_optimizer.RULES[rule], table, *kernel_states, values, packed, rows, n_rows),
        *(*row_scalars, n_parts),
    )
    return True


def _update_copies(
    kernel: Any,
    w: NDArray[Any],
    states: list[NDArray[Any]],
    g: NDArray[Any],
    scalars: Sequence[float],
) -> None:
    """Step arrays that no kernel accepts, such as float16 or rows with gaps."""
    arrays = [w, *states]
    copies = [np.array(array, dtype_of(w), order="C").reshape(1, -1) for array in arrays]
    g = as_float("grads", g, dtype_of(w)).reshape(1, -1)
    kernel(*copies, g, None, *scalars, 1)
    for array, copy in zip(arrays, copies, strict=True):
        array[...] = copy.reshape(array.shape)


class KnownStep:
    """A step that can be repeated with the same arrays without new checks, as most steps are.

    w, states, g: the arrays, which it holds so that their identity is certain. layout: where they
    lie and how, because users may reshape or resize an array in place. rows: the arrays as the
    kernel takes them. ns: serial nanoseconds of the pass.
    """

    __slots__ = ("arrays", "g", "kernel", "layout", "ns", "rows", "states", "w")

    def __init__(self, kernel: Any, ns: float, arrays: list[Any], rows: list[Any]) -> None:
        self.kernel, self.ns, self.rows = kernel, ns, rows
        self.w, *self.states, self.g = arrays
        self.arrays = tuple(arrays)
        self.layout = _optimizer.layout(self.arrays)

    def fits(self) -> bool:
        """Return whether the arrays lie where they lay, in the same shape, dtype and strides."""
        return _optimizer.layout(self.arrays) == self.layout

    def run(self, scalars: Sequence[float]) -> None:
        """Take the step again."""
        self.kernel(*self.rows, None, *scalars, threads.parts(self.ns))


def _is_plain(array: NDArray[Any]) -> bool:
    """Return whether a kernel takes an array, reshaped at most, for as long as it exists."""
    flags = array.flags
    return (
        type(array) is np.ndarray and array.dtype in FLOATS and flags.c_contiguous and flags.aligned
    )


def dtype_of(w: NDArray[Any]) -> np.dtype[Any]:
    """Return the dtype that a step of w is computed in."""
    return FLOATS[w.dtype.itemsize > 4]


def as_rows(array: NDArray[Any]) -> NDArray[Any] | None:
    """Return `array` as a matrix that the kernels take, or None."""
    if array.ndim != 2 and array.flags.c_contiguous:
        array = array.reshape(1, -1)
    return array if has_plain_rows(array) else None
