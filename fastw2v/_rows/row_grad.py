"""RowGrad, the gradient of a table that lists its touched rows, and how it observes writes.

A step of word2vec touches a few hundred rows out of ten thousand. The book's code spends most of
its time on clearing, adding and reading the other rows, and a list of touched rows saves that time.
Layers, trainers and optimizers work on a gradient with the functions of `_rows.writes`.
"""

from __future__ import annotations

import functools
import inspect
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.arrays import check_table, has_plain_rows
from fastw2v._core import threads
from fastw2v._kernels import _embedding, specialise
from fastw2v._rows.deferred import apply_all_pending

if TYPE_CHECKING:
    from fastw2v._rows.writes import Packed

__all__ = [
    "NS",
    "RowGrad",
    "RowGradHolder",
    "adopt_again",
    "as_table",
    "is_clear",
    "is_row_grad",
    "is_tracked",
    "mark_dirty",
    "shares_memory",
    "table_grad",
    "tracker_of",
    "vector_grad",
    "verify_list",
]

_UNLISTED_ARE_ZERO = specialise(_embedding.unlisted_rows_are_zero)

# Serial nanoseconds per element of a row that is in cache or on its way; see `threads.parts`.
NS = 0.1


class Tracker:
    """The list of touched rows of one gradient, shared by all views of the array.

    mark (V,) uint8: `stamp` where the row is listed, else 0; rows[:n_rows]: the list. While `dense`
    is true any row may hold anything, and mark and list are meaningless. `adopted`: the memory
    belongs to a plain array that existed before, see `adopt`. `packed`: the rows of the gradient
    while they are kept apart and its own memory is zero, see `writes.begin_packing`. `turn`: the
    token of the latest change of the list.
    """

    __slots__ = tuple("adopted dense first fresh mark n_rows packed rows stamp turn".split())

    def __init__(self, V: int) -> None:
        capacity = V // 4 + 1  # beyond a quarter of the rows a list costs more than it saves
        self.mark = np.zeros(V, np.uint8)
        # Zeros, because with two threads on one layer an unfilled list may be read.
        self.rows = np.zeros(capacity, np.int64)
        self.fresh = np.zeros(capacity, np.int64)
        self.first = np.empty(0, np.uint8)
        self.n_rows = 0
        self.stamp = 1
        self.dense = False
        self.adopted = False
        self.packed: Packed | None = None
        self.turn: object = None

    def reset(self) -> None:
        """Clear the list; the caller has zeroed the array."""
        self.mark[:] = 0
        self.n_rows = 0
        self.dense = False

    def begin(self) -> object:
        """Begin a change of the list; return the token that `end` takes."""
        self.turn = turn = object()
        return turn

    def end(self, turn: object) -> None:
        """End a change of the list, and discard the list if another thread changed it meanwhile."""
        if self.turn is not turn:
            self.dense = True

    def open(self, grad: NDArray[Any], ids: NDArray[Any]) -> tuple[object, tuple]:
        """Begin to overwrite the rows; return a token and the target of the kernel."""
        turn = self.begin()
        rows = as_table(grad)
        if self.dense:
            rows[...] = 0
            self.reset()
        if self.first.size < ids.size:
            self.first = np.empty(ids.size, np.uint8)
        return turn, (rows, self.mark, self.fresh, self.first, self.rows, self.n_rows, self.stamp)

    def close(self, turn: object, n_rows: int) -> None:
        """Take over the new list of the kernel; below zero, more rows were touched than fit."""
        if n_rows < 0:
            self.dense = True
        else:
            self.rows, self.fresh = self.fresh, self.rows
            self.n_rows, self.stamp = n_rows, 3 - self.stamp
        self.end(turn)


class RowGrad(np.ndarray):
    """The gradient of a table W (V, D): an array of zeros that lists the rows written since.

    It prints, computes, copies and pickles as a plain array, and its views share its list. A copy
    or a pickle of a layer or a model holds a RowGrad again. The gradient observes every write
    through itself: item assignment, operators such as ``+=``, ufuncs with ``out=``, ``np.add.at``,
    ``np.copyto``, ``np.put``, ``np.putmask``, ``fill``, ``sort``, ``flat``, slices and transposes.
    After a write by code outside fastw2v all rows count as touched until the next backward.

    It cannot observe writes through ``np.asarray(g)``, a ``memoryview``, DLPack, or anything else
    that takes the bare memory: call ``g.mark_dirty()`` after those. The optimizers trust the list
    only inside ``Trainer.fit``; elsewhere they read every row and so find these writes themselves.

    ``RowGrad(W)`` raises TypeError or ValueError for a W that is not a 2-d floating-point array.

    >>> import numpy as np
    >>> from fastw2v import RowGrad
    >>> g = RowGrad(np.ones((3, 2), np.float32))
    >>> g
    array([[0., 0.],
           [0., 0.],
           [0., 0.]], dtype=float32)
    >>> type(g + 1)
    <class 'numpy.ndarray'>
    """

    _tracker: Any  # a Tracker; None in an array that numpy made from nothing
    _whole: bool  # False in views

    def __new__(cls, W: NDArray[Any]) -> RowGrad:
        check_table("W", W)
        grad = np.zeros(W.shape, W.dtype).view(cls)
        grad._tracker = Tracker(W.shape[0])
        grad._whole = True
        return grad

    def __array_finalize__(self, parent: Any) -> None:
        self._tracker = getattr(parent, "_tracker", None)
        self._whole = False

    def mark_dirty(self) -> None:
        """Count all rows as touched; call it after a write that the gradient could not observe."""
        if self._tracker is not None:
            self._tracker.dense = True

    # Results are plain arrays, and writes mark the gradient dirty.

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: Any, *inputs: Any, out: Any = None, **kwargs: Any
    ) -> Any:
        if method == "at":
            mark_dirty(inputs[0])
        if out is not None:
            for target in out:
                if not _keeps_zero_rows(ufunc, method, inputs, target):
                    mark_dirty(target)
            kwargs["out"] = tuple(_plain(target) for target in out)
        if "where" in kwargs:
            kwargs["where"] = _plain(kwargs["where"])
        result = getattr(ufunc, method)(*(_plain(x) for x in inputs), **kwargs)
        if out is None:
            return result
        return out[0] if len(out) == 1 else out

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any):
        target = _target(func, args, kwargs)
        result = func(*_plain_deep(args), **_plain_deep(kwargs))
        if isinstance(target, RowGrad) and result is not None:
            return target
        for view in result if isinstance(result, (list, tuple)) else (result,):
            if isinstance(view, np.ndarray) and view.base is not None:
                for x in (*args, *kwargs.values()):  # np.reshape etc.: writes are not seen
                    if isinstance(x, RowGrad) and np.may_share_memory(view, _plain(x)):
                        x.mark_dirty()
        return result

    def __getitem__(self, key: Any) -> Any:
        return _plain_unless_view(self, super().__getitem__(_plain(key)))

    def __setitem__(self, key: Any, value: Any) -> None:
        self.mark_dirty()
        super().__setitem__(_plain(key), _plain(value))

    def __repr__(self) -> str:
        return repr(_plain(self))

    def __str__(self) -> str:
        return str(_plain(self))

    def __format__(self, spec: str) -> str:
        return format(_plain(self), spec)

    def __copy__(self) -> NDArray[Any]:  # type: ignore[override]
        return _plain(self).copy()

    def __deepcopy__(self, memo: Any) -> NDArray[Any]:  # type: ignore[override]
        # copy.deepcopy(grad) begins with an empty memo: then only the caller holds the copy.
        return _tracked_copy(self) if memo and self._whole else _plain(self).copy()

    def __reduce__(self):
        return _plain(self).__reduce__()

    def __reduce_ex__(self, protocol):
        if is_clear(self) and verify_list(self):  # most of a model's gradients are clear
            return np.zeros, (self.shape, self.dtype)
        return _plain(self).__reduce_ex__(protocol)

    @property
    def flat(self) -> Any:
        self.mark_dirty()  # the iterator's writes cannot be observed
        return _plain(self).flat

    @flat.setter
    def flat(self, value: Any) -> None:
        self.mark_dirty()
        _plain(self).flat = value

    @property
    def real(self) -> Any:
        return self.view()

    @real.setter
    def real(self, value: Any) -> None:
        self[...] = value


def _plain(x):
    return x.view(np.ndarray) if isinstance(x, RowGrad) else x


def _plain_deep(x):
    if isinstance(x, (list, tuple)):
        return type(x)(_plain_deep(item) for item in x)
    if isinstance(x, dict):
        return {key: _plain_deep(item) for key, item in x.items()}
    return _plain(x)


def _plain_unless_view(grad, result):
    """Return `result` unchanged if it is a view of `grad`, which tracks writes, else as plain."""
    if isinstance(result, RowGrad) and not np.may_share_memory(_plain(result), _plain(grad)):
        return _plain(result)
    return result


def mark_dirty(x: Any) -> None:
    """Count all rows of x as touched if it is a RowGrad or a view of one."""
    if isinstance(x, RowGrad):
        x.mark_dirty()


def _tracked_copy(grad):
    twin = RowGrad(grad) if grad.ndim == 2 else vector_grad(grad)
    theirs, mine = grad._tracker, twin._tracker
    if is_tracked(grad) and verify_list(grad):
        rows = theirs.rows[: theirs.n_rows]
        twin.view(np.ndarray)[rows] = grad.view(np.ndarray)[rows]
        mine.mark[:] = theirs.mark
        mine.rows[: len(rows)] = rows
        mine.n_rows, mine.stamp = len(rows), theirs.stamp
    else:
        twin.view(np.ndarray)[...] = grad.view(np.ndarray)
        mine.dense = True
    return twin


def _keeps_zero_rows(ufunc, method, inputs, target):
    """Return whether the call is g *= number or g /= number, which keeps rows of zeros."""
    if method != "__call__" or ufunc not in (np.multiply, np.true_divide) or len(inputs) != 2:
        return False
    other = inputs[1]
    return (
        inputs[0] is target
        and np.ndim(other) == 0
        and np.isfinite(other)
        and (ufunc is np.multiply or other != 0)
    )


# Functions that write into their first argument without an `out=`.
_MUTATORS = {
    np.copyto,
    np.fill_diagonal,
    np.nan_to_num,
    np.place,
    np.put,
    np.put_along_axis,
    np.putmask,
}

# Signatures for functions that have none before numpy 2.4; these functions write to no argument.
_SIGNATURES = dict.fromkeys(
    [
        *(np.bincount, np.can_cast, np.empty_like, np.inner, np.lexsort, np.may_share_memory),
        *(np.min_scalar_type, np.packbits, np.ravel_multi_index, np.result_type),
        *(np.shares_memory, np.unpackbits, np.unravel_index, np.vdot, np.where),
    ],
    lambda *arrays, **options: None,
) | {np.dot: lambda a, b, out=None: None}


@functools.cache
def _signature(func):
    try:
        return inspect.signature(_SIGNATURES.get(func, func))
    except (TypeError, ValueError):
        return None


def _target(func, args, kwargs):
    """Mark the arrays that a numpy function writes to as dirty; return its `out`, if any."""
    signature = _signature(func)
    try:
        bound = signature.bind(*args, **kwargs).arguments if signature else None
    except TypeError:
        bound = None  # numpy will raise an error of its own
    if bound is None:  # without a signature, any argument might be the target
        for x in (*args, *kwargs.values()):
            mark_dirty(x)
        return kwargs.get("out")
    if func in _MUTATORS or bound.get("overwrite_input"):
        mark_dirty(next(iter(bound.values())))
    out = bound.get("out")
    for x in out if isinstance(out, tuple) else (out,):
        mark_dirty(x)
    return out


def _as_reader(name):
    method = getattr(np.ndarray, name)

    @functools.wraps(method)
    def read(self, *args, **kwargs):
        for x in (*args, kwargs.get("out")):  # the target may come by position
            mark_dirty(x)
        return method(_plain(self), *_plain_deep(args), **_plain_deep(kwargs))

    return read


def _as_viewer(name):
    method = getattr(np.ndarray, name)

    @functools.wraps(method)
    def look(self, *args, **kwargs):
        return _plain_unless_view(self, method(self, *args, **kwargs))

    return look


def _as_writer(name):
    method = getattr(np.ndarray, name)

    @functools.wraps(method)
    def write(self, *args, **kwargs):
        self.mark_dirty()
        return method(self, *_plain_deep(args), **_plain_deep(kwargs))

    return write


for _name in (
    "argmax argmin argpartition argsort astype choose clip compress conj conjugate copy cumprod "
    "cumsum dot flatten nonzero repeat round searchsorted take trace"
).split():
    setattr(RowGrad, _name, _as_reader(_name))
for _name in "diagonal ravel reshape squeeze swapaxes transpose".split():
    setattr(RowGrad, _name, _as_viewer(_name))
for _name in "byteswap fill partition put resize setfield sort".split():
    setattr(RowGrad, _name, _as_writer(_name))


# Gradients in copies. A pickled RowGrad comes back as a plain array, which a user's own class may
# list as well as our layer. Both must see the same numbers from then on, and `fit` makes both lists
# hold one object.

# id of a plain array: the RowGrad over its memory
_adopted: weakref.WeakValueDictionary[int, RowGrad] = weakref.WeakValueDictionary()


def adopt(array: NDArray[Any]) -> RowGrad:
    """Return the RowGrad over the memory of a plain array (V, D): one for each array.

    While other code holds the array, whose writes cannot be observed, `is_tracked` returns False
    and all rows count as touched.
    """
    grad = _adopted.get(id(array))
    if grad is None or grad.base is not array:
        grad = array.view(RowGrad)
        grad._whole = True
        grad._tracker = Tracker(len(array))
        grad._tracker.adopted = grad._tracker.dense = True
        _adopted[id(array)] = grad
    return grad


def adopt_again(grads: Any) -> None:
    """Replace each adopted array in a list of gradients by its RowGrad."""
    if _adopted and type(grads) is list:
        for i, grad in enumerate(grads):
            if type(grad) is np.ndarray and id(grad) in _adopted:
                grads[i] = _adopted[id(grad)]


class RowGradHolder:
    """Base of classes whose list `grads` holds RowGrads; copies and pickles hold them again."""

    grads: list[NDArray[Any]]

    def __getstate__(self) -> dict[str, Any]:
        params, grads = vars(self).get("params"), vars(self).get("grads")
        apply_all_pending(*(params if isinstance(params, list) else ()))
        grads = grads if isinstance(grads, list) else ()
        return {**vars(self), "_row_grads": [i for i, g in enumerate(grads) if is_row_grad(g)]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        row_grads = state.pop("_row_grads", ())
        vars(self).update(state)
        for i in row_grads:
            if type(self.grads[i]) is np.ndarray:
                self.grads[i] = adopt(self.grads[i])


# Queries about a gradient, tracked or not.


def table_grad(W: NDArray[Any]) -> NDArray[Any]:
    """Return the gradient of a table (V, D): a RowGrad, or plain zeros if W holds whole numbers."""
    return RowGrad(W) if W.dtype.kind == "f" else np.zeros_like(W, subok=False)


def vector_grad(b: NDArray[Any]) -> RowGrad:
    """Return the gradient of a vector b (V,), tracked as that of a table with one column."""
    grad = np.zeros(b.shape, b.dtype).view(RowGrad)
    grad._tracker = Tracker(len(b))
    grad._whole = True
    return grad


def as_table(array: NDArray[Any]) -> NDArray[Any]:
    """Return a plain view (V, D) of a gradient or parameter; D = 1 for a vector (V,)."""
    plain = array.view(np.ndarray)
    return plain[:, None] if plain.ndim == 1 else plain


def is_row_grad(grad: Any) -> bool:
    """Return whether `grad` is a whole RowGrad, as a layer makes it, and not a view of one."""
    return type(grad) is RowGrad and grad._whole and len(grad._tracker.mark) == len(grad)


def tracker_of(grad: Any) -> Tracker | None:
    """Return the list of a whole RowGrad through which all writes to its memory go, else None.

    Other code may hold the plain array that a RowGrad was made of, see `adopt`.
    """
    if not (type(grad) is RowGrad and grad._whole):
        return None
    tracker = grad._tracker
    if len(tracker.mark) != len(grad):
        return None
    if tracker.adopted and sys.getrefcount(grad.base) > 2:  # the RowGrad's and the argument's
        tracker.dense = True
        return None
    return tracker


def is_tracked(grad: Any) -> bool:
    """Return whether `grad` is a whole RowGrad through which all writes to its memory go."""
    return tracker_of(grad) is not None


def is_clear(grad: Any) -> bool:
    """Return whether `grad` is tracked and its list is empty: no write has been observed."""
    if type(grad) is not RowGrad or not grad._whole:
        return False
    tracker = grad._tracker
    packed = tracker.packed
    return tracker.n_rows == 0 and not tracker.dense and (packed is None or packed.n_rows == 0)


def verify_list(grad: Any) -> bool:
    """Return whether all rows outside the list are zero; if not, count all rows as touched."""
    tracker = grad._tracker
    if not tracker.dense:
        rows = as_table(grad)
        if not has_plain_rows(rows):
            tracker.dense = True
            return False
        n_parts = threads.parts(grad.size * NS)
        if not _UNLISTED_ARE_ZERO[grad.dtype](rows, tracker.mark, n_parts):
            tracker.dense = True
    return not tracker.dense


def shares_memory(x: ArrayLike, grad: Any) -> bool:
    """Return np.may_share_memory(x, grad) without the cost of calling it on a RowGrad."""
    return np.may_share_memory(x, _plain(grad))
