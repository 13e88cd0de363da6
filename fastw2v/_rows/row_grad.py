"""Gradients of tables that know which of their rows are not zero.

A step of word2vec touches a few hundred rows out of ten thousand. Most of the book's time goes
into clearing, adding and reading the others; with a list of the touched rows none of that is done.
"""

from __future__ import annotations

import functools
import inspect
import sys
import weakref
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.arrays import (
    FLOATS,
    as_float,
    check_shape,
    check_table,
    check_writable,
    has_plain_rows,
)
from fastw2v._core import threads
from fastw2v._kernels import _embedding, specialise
from fastw2v._rows.deferred import apply_all_pending

_OVERWRITE = specialise(_embedding.overwrite_rows)
_SCATTER = specialise(_embedding.scatter_add)
_ADD_ROWS = specialise(_embedding.add_rows)
_PROVE = specialise(_embedding.unlisted_rows_are_zero)
_PACK = specialise(_embedding.pack_ids)

# Serial nanoseconds per element of a row that is in cache or on its way; see `threads.parts`.
_NS = 0.1
# Writing rows is bound by the caches, and rows that another core wrote last have to travel: two
# threads gain nothing until the rows no longer fit there, at about ten times the usual work.
_SPLIT_LATE = 10


class _Tracker:
    """Which rows of one gradient may be other than zero. Shared by all views of the array.

    mark (V,) uint8: `stamp` where the row is listed, else 0; rows[:n_rows]: the list. `dense`
    means that any row may hold anything, and mark and list mean nothing. `adopted`: the memory is
    that of a plain array which was there before, see `adopt`. `packed`: a `_Packed` while the rows
    of the gradient lie there, and the memory itself is zero. `turn`: of who began last to change
    the list.
    """

    __slots__ = tuple("adopted dense first fresh mark n_rows packed rows stamp turn".split())

    def __init__(self, V):
        capacity = V // 4 + 1  # beyond a quarter of the rows a list costs more than it saves
        self.mark = np.zeros(V, np.uint8)
        # Zeros: with two threads on one layer a list may be read that nobody has filled.
        self.rows = np.zeros(capacity, np.int64)
        self.fresh = np.zeros(capacity, np.int64)
        self.first = np.empty(0, np.uint8)
        self.n_rows = 0
        self.stamp = 1
        self.dense = False
        self.adopted = False
        self.packed = None
        self.turn = None

    def reset(self):
        """After everything was set to zero."""
        self.mark[:] = 0
        self.n_rows = 0
        self.dense = False

    def begin(self):
        """Before the list is changed; `end` takes what is returned."""
        self.turn = turn = object()
        return turn

    def end(self, turn):
        """After the list was changed, which is worth nothing if another thread did so meanwhile."""
        if self.turn is not turn:
            self.dense = True


class RowGrad(np.ndarray):
    """The gradient of a table W (V, D): an array of zeros that lists the rows written since.

    It prints, computes, copies and pickles as a plain array, and a view of it shares its list; in a
    copy or a pickle of a layer or a model there is a RowGrad again. Every write through it is seen:
    item assignment, operators such as ``+=``, ufuncs with ``out=``, ``np.add.at``, ``np.copyto``,
    ``np.put``, ``np.putmask``, ``fill``, ``sort``, ``flat``, slices and transposes. After such a
    write by somebody else all rows count as touched until the next backward.

    Not seen are writes through ``np.asarray(g)``, a ``memoryview``, DLPack, or anything else that
    takes the bare memory: call ``g.mark_dirty()`` after those. The optimizers read the list only
    inside ``Trainer.fit``; called from elsewhere they look at every row and so notice by
    themselves.

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

    def __new__(cls, W: NDArray[Any]) -> Any:
        check_table("W", W)
        grad = np.zeros(W.shape, W.dtype).view(cls)
        grad._tracker = _Tracker(W.shape[0])
        grad._whole = True
        return grad

    def __array_finalize__(self, parent):
        self._tracker = getattr(parent, "_tracker", None)
        self._whole = False

    def mark_dirty(self) -> Any:
        """Say that the memory was written to in a way that could not be seen."""
        if self._tracker is not None:
            self._tracker.dense = True

    # Results are plain arrays, and writes are noted.

    def __array_ufunc__(self, ufunc: Any, method: Any, *inputs, out: Any = None, **kwargs) -> Any:
        if method == "at":
            _note(inputs[0])
        if out is not None:
            for target in out:
                if not _keeps_zero_rows(ufunc, method, inputs, target):
                    _note(target)
            kwargs["out"] = tuple(_plain(target) for target in out)
        if "where" in kwargs:
            kwargs["where"] = _plain(kwargs["where"])
        result = getattr(ufunc, method)(*(_plain(x) for x in inputs), **kwargs)
        if out is None:
            return result
        return out[0] if len(out) == 1 else out

    def __array_function__(self, func, types, args, kwargs):
        target = _target(func, args, kwargs)
        result = func(*_plain_deep(args), **_plain_deep(kwargs))
        if isinstance(target, RowGrad) and result is not None:
            return target
        for view in result if isinstance(result, (list, tuple)) else (result,):
            if isinstance(view, np.ndarray) and view.base is not None:
                for x in (*args, *kwargs.values()):  # np.reshape and its like: writes go unseen
                    if isinstance(x, RowGrad) and np.may_share_memory(view, _plain(x)):
                        x.mark_dirty()
        return result

    def __getitem__(self, key: Any) -> Any:
        return _plain_unless_view(self, super().__getitem__(_plain(key)))

    def __setitem__(self, key, value):
        self.mark_dirty()
        super().__setitem__(_plain(key), _plain(value))

    def __repr__(self) -> str:
        return repr(_plain(self))

    def __str__(self):
        return str(_plain(self))

    def __format__(self, spec):
        return format(_plain(self), spec)

    def __copy__(self) -> Any:
        return _plain(self).copy()

    def __deepcopy__(self, memo):
        # copy.deepcopy(grad) begins with an empty memo: then nothing holds the copy but the caller.
        return _tracked_copy(self) if memo and self._whole else _plain(self).copy()

    def __reduce__(self):
        return _plain(self).__reduce__()

    def __reduce_ex__(self, protocol):
        if is_clear(self) and is_proven(self):  # as most of a model's gradients are
            return np.zeros, (self.shape, self.dtype)
        return _plain(self).__reduce_ex__(protocol)

    @property
    def flat(self) -> Any:
        self.mark_dirty()  # the iterator writes without asking
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
    """A view stays a RowGrad, so that writes through it are seen; a copy is a plain array."""
    if isinstance(result, RowGrad) and not np.may_share_memory(_plain(result), _plain(grad)):
        return _plain(result)
    return result


def _note(x):
    if isinstance(x, RowGrad):
        x.mark_dirty()


def _tracked_copy(grad):
    twin = RowGrad(grad) if grad.ndim == 2 else vector_grad(grad)
    theirs, mine = grad._tracker, twin._tracker
    if is_tracked(grad) and is_proven(grad):
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
    """Whether g *= number or g /= number was meant: rows of zeros stay rows of zeros."""
    if method != "__call__" or ufunc not in (np.multiply, np.true_divide) or len(inputs) != 2:
        return False
    other = inputs[1]
    return (
        inputs[0] is target
        and np.ndim(other) == 0
        and np.isfinite(other)
        and (ufunc is np.multiply or other != 0)
    )


# Functions that write into their first argument without being told so by `out=`.
_MUTATORS = {
    np.copyto,
    np.fill_diagonal,
    np.nan_to_num,
    np.place,
    np.put,
    np.put_along_axis,
    np.putmask,
}

# The arguments of functions that have no signature before numpy 2.4: these only read, if anything.
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
    """Note the arrays that a numpy function writes to; returns its `out`, if any."""
    signature = _signature(func)
    try:
        bound = signature.bind(*args, **kwargs).arguments if signature else None
    except TypeError:
        bound = None  # numpy will say what is wrong
    if bound is None:  # a function without a signature: any argument might be the target
        for x in (*args, *kwargs.values()):
            _note(x)
        return kwargs.get("out")
    if func in _MUTATORS or bound.get("overwrite_input"):
        _note(next(iter(bound.values())))
    out = bound.get("out")
    for x in out if isinstance(out, tuple) else (out,):
        _note(x)
    return out


def _as_reader(name):
    method = getattr(np.ndarray, name)

    @functools.wraps(method)
    def read(self, *args, **kwargs):
        for x in (*args, kwargs.get("out")):  # the target may come by position
            _note(x)
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


# Gradients in copies. A pickled RowGrad comes back as a plain array, which a reader's own class may
# list as well as our layer: both must go on to see the same numbers, and in `fit` also one object.

# id of a plain array: the RowGrad over its memory
_adopted: weakref.WeakValueDictionary[int, RowGrad] = weakref.WeakValueDictionary()


def adopt(array: Any) -> Any:
    """The RowGrad over the memory of a plain array (V, D): for one array always the same one.

    As long as anybody else holds the array, through which writes cannot be seen, `is_tracked` says
    no and all rows count as touched.
    """
    grad = _adopted.get(id(array))
    if grad is None or grad.base is not array:
        grad = array.view(RowGrad)
        grad._whole = True
        grad._tracker = _Tracker(len(array))
        grad._tracker.adopted = grad._tracker.dense = True
        _adopted[id(array)] = grad
    return grad


def adopt_again(grads: list[NDArray[Any]]) -> Any:
    """In a list of gradients, put adopted arrays' RowGrads in the place of the arrays."""
    if _adopted and type(grads) is list:
        for i, grad in enumerate(grads):
            if type(grad) is np.ndarray and id(grad) in _adopted:
                grads[i] = _adopted[id(grad)]


class RowGradHolder:
    """Base of what has RowGrads in its list `grads`: copies and pickles have them again."""

    def __getstate__(self):
        params, grads = vars(self).get("params"), vars(self).get("grads")
        apply_all_pending(*(params if isinstance(params, list) else ()))
        grads = grads if isinstance(grads, list) else ()
        return {**vars(self), "_row_grads": [i for i, g in enumerate(grads) if is_row_grad(g)]}

    def __setstate__(self, state):
        state = dict(state)
        row_grads = state.pop("_row_grads", ())
        vars(self).update(state)
        for i in row_grads:
            if type(self.grads[i]) is np.ndarray:
                self.grads[i] = adopt(self.grads[i])


# What layers, trainers and optimizers do with a gradient, tracked or not.


def vector_grad(b: NDArray[Any]) -> Any:
    """The gradient of a vector b (V,), tracked as that of a table with one number in a row."""
    grad = np.zeros(b.shape, b.dtype).view(RowGrad)
    grad._tracker = _Tracker(len(b))
    grad._whole = True
    return grad


def as_table(array: Any) -> Any:
    """A plain view (V, D) of a gradient or parameter, D = 1 for a vector (V,)."""
    plain = array.view(np.ndarray)
    return plain[:, None] if plain.ndim == 1 else plain


def listed_rows(grad: Any) -> Any:
    """The rows (n,) int64 outside of which `grad` is zero, or None when that may be any.

    Only for those who trust the list: see `RowGrad`.
    """
    if not is_tracked(grad) or grad._tracker.dense:
        return None
    return grad._tracker.rows[: grad._tracker.n_rows]


def is_row_grad(grad: Any) -> Any:
    """Whether `grad` is a whole RowGrad (not a view of one), as a layer makes it."""
    return type(grad) is RowGrad and grad._whole and len(grad._tracker.mark) == len(grad)


def is_tracked(grad: Any) -> Any:
    """Whether `grad` is a whole RowGrad, and nobody holds the plain array that it was made of."""
    if not (type(grad) is RowGrad and grad._whole):
        return False
    tracker = grad._tracker
    if len(tracker.mark) != len(grad):
        return False
    if tracker.adopted and sys.getrefcount(grad.base) > 2:  # the RowGrad's and the argument's
        tracker.dense = True
        return False
    return True


def is_clear(grad: Any) -> Any:
    """Whether `grad` is tracked and its list is empty: all rows zero, as far as was seen."""
    if type(grad) is not RowGrad or not grad._whole:
        return False
    tracker = grad._tracker
    packed = tracker.packed
    return tracker.n_rows == 0 and not tracker.dense and (packed is None or packed.n_rows == 0)


def check_all_writable(grads: list[NDArray[Any]]) -> Any:
    """Check all arrays of a list, before anything is written to one of them."""
    for i, grad in enumerate(grads):
        if not (type(grad) is RowGrad and grad.flags.writeable):
            check_writable(f"grads[{i}]", grad)


def shares_memory(x: ArrayLike, grad: Any) -> Any:
    """np.may_share_memory, which on a RowGrad itself costs many times as much."""
    return np.may_share_memory(x, _plain(grad))


class _Packed:
    """The rows of a gradient that are not zero, one after the other.

    rows[:n_rows]: their numbers; values (n_rows, D). slot (V,): the place of a row in the list,
    where it has one; it is zeros at first, pages that nobody has touched, and never cleared.
    """

    def __init__(self, V):
        self.slot = np.zeros(V, np.int32)
        self.n_rows = 0
        self.used = False  # before the first write the gradient lies where it always did
        self.rows = self.values = None

    def write(self, grad, ids, x, coef):
        D = x.shape[1]
        if self.rows is None or len(self.rows) < len(ids):
            self.rows, self.fresh = (np.empty(len(ids), np.int64) for _ in range(2))
            self.local = np.empty(len(ids), np.int32)
            self.mark, self.first = (np.zeros(len(ids), np.uint8) for _ in range(2))
            self.values = np.empty((len(ids), D), grad.dtype)
        local = self.local[: len(ids)]
        n = self.n_rows = _PACK[ids.dtype](self.slot, self.rows, ids, local)
        n_parts = threads.parts((len(ids) + len(x)) * D * _NS / _SPLIT_LATE)
        _OVERWRITE[grad.dtype, local.dtype](
            self.values[:n], self.mark, self.fresh, self.first, self.rows, 0, 2, local, x, coef,
            n_parts,
        )  # fmt: skip
        self.mark[:n] = 0


def pack(grad: Any) -> Any:
    """From its next write on, keep the rows of a tracked gradient packed, until `unpack`.

    A large table is then written to in no place: the pages of its gradient stay those zeros that
    take no memory. Only where nobody but the optimizer reads the gradient meanwhile.
    """
    if grad._tracker.packed is None:
        grad._tracker.packed = _Packed(len(grad))
        if grad.flags.c_contiguous and grad.flags.writeable:
            _embedding.keep_pages_small(_plain(grad).reshape(-1).view(np.int8))


def packed_rows(grad: Any) -> Any:
    """(rows, n_rows, values (n_rows, D), True) of a gradient that lies packed, else None."""
    packed = grad._tracker.packed
    if packed is None or not packed.used:
        return None
    if packed.rows is None:
        packed.rows, packed.values = np.empty(0, np.int64), np.empty((0, 1), grad.dtype)
    return packed.rows, packed.n_rows, packed.values, True


def unpack(grad: Any) -> Any:
    """Put the rows of a packed gradient where they belong."""
    tracker, listed = grad._tracker, packed_rows(grad)
    tracker.packed = None
    if listed is None or not listed[1]:
        return
    rows, n, values, _ = listed
    as_table(grad)[rows[:n]] = values[:n]
    if n > len(tracker.rows):
        tracker.dense = True
        return
    tracker.rows[:n] = rows[:n]
    tracker.mark[rows[:n]] = tracker.stamp
    tracker.n_rows = n


def write_rows(grad: Any, ids: ArrayLike, V: Any, x: ArrayLike, coef: Any = None) -> Any:
    """grad = 0, then grad[ids[n, c]] += coef[n, c] * x[n].

    grad is to be (V, D), or (V,) with D = 1; ids (N * C,) in [0, V), contiguous; x (N, D);
    coef (N * C,) or None for ones.
    """
    check_writable("grads[0]", grad)
    check_shape("grads[0]", grad, (V, x.shape[1])[: grad.ndim], "that of W")
    if grad.dtype in FLOATS:
        x = as_float("x", x, grad.dtype)
        coef = coef if coef is None else as_float("coef", coef, grad.dtype)
    if shares_memory(x, grad):
        x = x.copy()
    tracked = is_tracked(grad)  # before there is one more view of its memory
    packed = grad._tracker.packed if tracked else None
    if packed is not None:
        if not packed.used:
            tracker, tracker.packed = grad._tracker, None
            clear(grad)
            tracker.packed, packed.used = packed, True
        packed.write(grad, ids, x, coef)
        return
    rows = as_table(grad)
    if not has_plain_rows(rows):
        rows[...] = 0
        C = ids.size // max(len(x), 1)
        terms = np.repeat(x, C, axis=0) if C != 1 else x
        np.add.at(rows, ids, terms if coef is None else coef[:, None] * terms)
        _note(grad)
        return
    n_parts = threads.parts((ids.size + len(x)) * x.shape[1] * _NS / _SPLIT_LATE)
    key = (grad.dtype, ids.dtype)
    if not tracked:
        rows[...] = 0
        _note(grad)
        _SCATTER[key](rows, ids, x, coef, n_parts)
        return
    tracker = grad._tracker
    turn = tracker.begin()
    if tracker.dense:
        rows[...] = 0
        tracker.reset()
    if tracker.first.size < ids.size:
        tracker.first = np.empty(ids.size, np.uint8)
    n_rows = _OVERWRITE[key](
        rows, tracker.mark, tracker.fresh, tracker.first, tracker.rows, tracker.n_rows,
        tracker.stamp, ids, x, coef, n_parts,
    )  # fmt: skip
    if n_rows < 0:
        tracker.dense = True
    else:
        tracker.rows, tracker.fresh = tracker.fresh, tracker.rows
        tracker.n_rows, tracker.stamp = n_rows, 3 - tracker.stamp
    tracker.end(turn)


def clear(grad: Any) -> Any:
    """grad = 0."""
    if is_clear(grad):
        return
    if is_tracked(grad) and packed_rows(grad) is not None:
        grad._tracker.packed.n_rows = 0
        return
    if is_tracked(grad) and not grad._tracker.dense:
        tracker = grad._tracker
        turn = tracker.begin()
        rows = tracker.rows[: tracker.n_rows]
        grad.view(np.ndarray)[rows] = 0
        tracker.mark[rows] = 0
        tracker.n_rows = 0
        tracker.end(turn)
        return
    _plain(grad)[...] = 0
    if is_tracked(grad):
        grad._tracker.reset()


def touched(grad: Any, trusted: Any) -> Any:
    """The marks (V,) of rows that may be other than zero, or None when all rows have to be read.

    Without `trusted` every row outside the list is looked at first, because somebody may have
    written in a way that could not be seen.
    """
    if not is_tracked(grad) or grad._tracker.dense:
        return None
    return grad._tracker.mark if trusted or is_proven(grad) else None


def is_proven(grad: Any) -> Any:
    """Look at all rows outside the list: are they zero? If not, all rows count as touched."""
    tracker = grad._tracker
    if not tracker.dense:
        rows = as_table(grad)
        if not has_plain_rows(rows):
            tracker.dense = True
            return False
        n_parts = threads.parts(grad.size * _NS)
        if not _PROVE[grad.dtype](rows, tracker.mark, n_parts):
            tracker.dense = True
    return not tracker.dense


def add_into(grad: Any, other: Any, trusted: Any) -> Any:
    """grad += other, in place, at the cost of the rows that other is known to have touched."""
    for each in (grad, other):
        if is_tracked(each) and packed_rows(each) is not None:
            unpack(each)
    mark = touched(other, trusted) if other.dtype == grad.dtype else None
    whole = is_tracked(grad) or type(grad) is np.ndarray
    if mark is None or not whole or grad.shape != other.shape or not has_plain_rows(grad):
        grad += other
        return
    theirs = other._tracker
    if theirs.n_rows == 0:
        return
    check_writable("grads", grad)
    n_parts = threads.parts(theirs.n_rows * grad.shape[1] * _NS)
    _ADD_ROWS[grad.dtype](grad, other, theirs.rows, theirs.n_rows, n_parts)
    if not is_tracked(grad) or grad._tracker.dense:
        return
    mine = grad._tracker
    n_rows = _embedding.merge_marks(
        mine.mark, mine.rows, mine.n_rows, mine.stamp, theirs.rows, theirs.n_rows
    )
    if n_rows < 0:
        mine.dense = True
    else:
        mine.n_rows = n_rows
