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

__all__ = ["as_rows", "dtype_of", "prepared_pass", "update_whole", "zeros_beside"]

_KERNELS = {rule: specialise(getattr(_optimizer, rule)) for rule in _optimizer.RULES}
_UPDATE_ROWS = specialise(_optimizer.update_rows)

# Serial nanoseconds per element; see `threads.parts`.
_NS = dict.fromkeys(_optimizer.RULES, 0.2) | {"adam": 0.5}

_LINE = 64  # bytes of a cache line
_LARGE = 1 << 16  # bytes of a parameter for whose states the place in memory counts


def zeros_beside(w: NDArray[Any]) -> NDArray[Any]:
    """Return zeros in the shape of a parameter and its `dtype_of`, for a state of an optimizer.

    Large ones begin at the same place of a cache line as w. So the kernel's vectors lie in one line
    each in all arrays, and Adam takes two thirds of the time.
    """
    dtype = dtype_of(w)
    if w.nbytes < _LARGE or not w.flags.carray:
        return np.zeros_like(w, dtype, subok=False)
    block = np.zeros(w.size + _LINE // dtype.itemsize, dtype)
    skip = (w.ctypes.data - block.ctypes.data) % _LINE // dtype.itemsize
    return block[skip : skip + w.size].reshape(w.shape)


def update_whole(
    rule: str,
    w: NDArray[Any],
    states: list[NDArray[Any]],
    g: NDArray[Any],
    scalars: Sequence[float],
    trusted: bool,
) -> None:
    """Take one step of a parameter in place.

    g and states have the shape of w and its `dtype_of`. scalars: as the kernel of the rule takes
    them. trusted: whether the gradient's list of touched rows is trusted (see `RowGrad`).
    """
    unpack(g)
    if trusted and rule not in MOVES_IDLE_ROWS and _update_listed(rule, w, states, g, scalars):
        return
    kernel = _KERNELS[rule][dtype_of(w)]
    mark = None
    if is_tracked(g) and has_plain_rows(w):
        mark = touched(g, trusted)
        rows: list[NDArray[Any] | None] = [w, *states, g]
    else:
        g = np.asarray(g)
        if w.ndim == 2 and not has_plain_rows(w) and has_plain_rows(w.T):
            w, g, states = w.T, g.T, [state.T for state in states]
        if as_rows(g) is None:
            g = as_float("grads", g, dtype_of(w))
        rows = [as_rows(array) for array in (w, *states, g)]
        if rows[0] is None or any(row is None or not row.flags.carray for row in rows[1:-1]):
            _update_copies(kernel, w, states, g, scalars)
            return
    kernel(*rows, mark, *scalars, threads.parts(w.size * _NS[rule]))


def prepared_pass(
    rule: str, w: NDArray[Any], states: list[NDArray[Any]], g: NDArray[Any]
) -> tuple[Any, list[NDArray[Any]], float] | None:
    """Return kernel, arrays and serial nanoseconds of `update_whole` for plain arrays, else None.

    They hold for every step as long as the arrays are the same ones.
    """
    arrays = [w, *states, g]
    if not all(type(a) is np.ndarray and a.flags.carray and a.dtype == w.dtype for a in arrays):
        return None
    if dtype_of(w) != w.dtype:
        return None
    rows = [a if a.ndim == 2 else a.reshape(1, -1) for a in arrays]
    return _KERNELS[rule][w.dtype], rows, w.size * _NS[rule]


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
        *(_optimizer.RULES[rule], table, *kernel_states, None, values, packed, rows, n_rows),
        *(*row_scalars, 0, n_parts),
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


def dtype_of(w: NDArray[Any]) -> np.dtype[Any]:
    """Return the dtype that a step of w is computed in."""
    return FLOATS[w.dtype.itemsize > 4]


def as_rows(array: NDArray[Any]) -> NDArray[Any] | None:
    """Return `array` as a matrix that the kernels take, or None."""
    if array.ndim != 2 and array.flags.c_contiguous:
        array = array.reshape(1, -1)
    return array if has_plain_rows(array) else None
