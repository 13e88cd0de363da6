"""The six optimizers of the book. Each update is one pass over memory, in place.

    >>> import numpy as np
    >>> from fastw2v.optimizer import SGD
    >>> w, g = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> SGD(lr=0.1).update([w], [g])
    >>> w
    array([0.95, 2.05])

``update(params, grads)`` takes lists of arrays and changes the params. They compute in the dtype
of the parameter; scalars such as the learning rate are rounded to it once a step. State arrays are
kept by position in the list and made at the first update.

``row_sparse=True`` makes a step over tables with `RowGrad` gradients cost what it touches, whatever
the size of the tables, with the bits of a step over everything. Momentum, Nesterov, RMSprop and
Adam also move rows that have no gradient; such rows then wait, and their steps are made up for when
a layer of fastw2v reads them. So between two updates

- the arrays in ``params`` and the optimizer's own (``m``, ``v``, ``h``) are stale: rows that were
  not read for a while stand where they stood then. ``flush()`` takes all of them to the present:
  call it before you look at them, save, copy or change them in place;
- layers, models, ``model.word_vecs``, ``save_params``, ``load_params``, copies and pickles of
  models and optimizers never see a stale row, nor does ``optimizer.update`` of another optimizer;
- the list of a gradient's rows is believed, so call ``mark_dirty()`` on a gradient after a write
  through ``np.asarray`` or a ``memoryview``.

A table whose gradient is written as a whole, or which is listed twice in ``params`` or shares its
memory with another (a tied weight), is updated as a whole. `Trainer.fit` does all this by itself
with models of fastw2v, and needs no ``row_sparse``.

    >>> from fastw2v.layers import Embedding
    >>> from fastw2v.optimizer import Adam
    >>> layer, optimizer = Embedding(np.ones((1000, 4))), Adam(lr=0.1, row_sparse=True)
    >>> for ids in ([1, 2], [2, 3], [3, 4]):
    ...     out = layer.forward(ids)
    ...     layer.backward(out)
    ...     optimizer.update(layer.params, layer.grads)
    >>> layer.params[0][1:3, 0].round(3)        # row 1 was last read in the first step
    array([0.9, 0.8])
    >>> optimizer.flush()
    >>> layer.params[0][1:3, 0].round(3)
    array([0.781, 0.723])
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.arrays import (
    FLOATS,
    as_float,
    check_parameter,
    check_shape,
    check_weights,
    check_writable,
    has_plain_rows,
)
from fastw2v._checks.numbers import as_below_one, as_int, as_number
from fastw2v._checks.sequences import check_params_and_grads
from fastw2v._core import threads
from fastw2v._kernels import _embedding, _optimizer, specialise
from fastw2v._rows.deferred import apply_all_pending
from fastw2v._rows.replay import Replay, updates_rows
from fastw2v._rows.row_grad import (
    as_table,
    is_tracked,
    listed_rows,
    packed_rows,
    shares_memory,
    touched,
    unpack,
)

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop"]

_GATHER = specialise(_embedding.gather)
_SCATTER = specialise(_embedding.scatter_add)
_SUM_SQUARES = specialise(_optimizer.sum_squares)
_SUM_SQUARES_OF_ROWS = specialise(_optimizer.sum_squares_of_rows)
_SCALE = specialise(_optimizer.scale)

_BLOCK = 8192  # elements of one partial sum of squares in the kernel

EPS: float = 1e-7  # added to every square root that divides, as in the book


class _Optimizer:
    """What the six have in common: the checks, the state arrays, the walk over the list."""

    _states = ()  # names of the attributes that hold one state array per parameter
    _kernel = None
    _rule = ""  # its name in the kernels
    row_sparse: Any = False
    _replay = None  # the tables whose rows wait, once there are any; see `_replay.Replay`
    _ns = 0.2  # serial nanoseconds per element; see `threads.parts`

    def update(self, params: list[NDArray[Any]], grads: list[NDArray[Any]]) -> None:
        """Change each array of params in place by its gradient. Gradients are only read.

        ValueError for a gradient whose shape is not its parameter's, or an array to be written
        that is read-only; TypeError for other things than arrays, or settings that are no numbers;
        nothing has been changed then.
        """
        self._update(params, grads, trusted=False)

    def _update(self, params, grads, trusted):
        """`trusted`: the lists of touched rows of the gradients are right (see `RowGrad`)."""
        check_params_and_grads(params, grads)
        known = [self._known(i, w, g) for i, (w, g) in enumerate(zip(params, grads, strict=True))]
        if not all(known):
            grads = self._checked(params, grads, known)
        if self._replay is None and self.row_sparse:
            self._replay = Replay(self._rule)
        if self._replay is None:
            apply_all_pending(*params)
        scalars = self._scalars()
        for name in self._states:
            if getattr(self, name) is None:
                self._make_state(name, params)
        tables = None
        if self._replay is not None:
            states = [getattr(self, name) for name in self._states]
            tables = self._replay.prepare(params, grads, states)
            may_defer = self._replay.begin(scalars[0], self._of_replay(*scalars))
        for i, (w, g) in enumerate(zip(params, grads, strict=True)):
            if tables is not None:
                listed = updates_rows(g) if tables[i] is not None and may_defer else None
                if listed is not None:
                    tables[i].update(w, listed, self._of_rows(*scalars))
                    continue
                apply_all_pending(w)
                if tables[i] is not None:
                    tables[i].all_updated()
                if is_tracked(g) and packed_rows(g) is not None:
                    unpack(g)
            if known[i]:
                rows, kernel = known[i]
                kernel(*rows, None, *scalars, threads.parts(w.size * self._ns))
            else:
                self._sweep(i, w, g, scalars, trusted)
                self._remember(i, w, g)
        if tables is not None:
            self._replay.end()

    def flush(self) -> Any:
        """Take all rows that wait to the present: see `row_sparse`. Afterwards the parameters and
        the optimizer's own arrays are what they would be without it, bit for bit.
        """
        if self._replay is not None:
            self._replay.flush()

    def _of_rows(self, lr, *rest):
        """The four scalars as the kernel takes them that updates rows."""
        return (lr, *rest, 0.0, 0.0, 0.0)[:4]

    def _of_replay(self, lr, *rest):
        """The three of them, beside the learning rate, that a step without gradient needs."""
        return self._of_rows(lr, *rest)[1:]

    def _checked(self, params, grads, known):
        """The gradients, as they are taken; those that are `known` have been looked at before."""
        grads = list(grads)
        for i, (w, g) in enumerate(zip(params, grads, strict=True)):
            if known[i]:
                continue
            check_parameter(f"params[{i}]", w)
            dtype = _dtype_of(w)
            if not isinstance(g, np.ndarray) or g.dtype != dtype:
                grads[i] = g = as_float(f"grads[{i}]", g, dtype)
            if g.shape != w.shape:
                check_shape(f"grads[{i}]", g, w.shape, "that of the parameter")
            if shares_memory(w, g):
                grads[i] = np.array(g)
        for name in self._states:
            self._check_state(name, params)
        return grads

    # Most steps have the arrays of the step before, and need not find out again how a kernel takes
    # them. What is remembered holds the arrays, so that they are these for certain.

    _steps = None  # place in the list -> w, g, states, (all as the kernel takes them, kernel)

    def _remember(self, i, w, g):
        states = [getattr(self, name)[i] for name in self._states]
        arrays = [w, *states, g]
        if self._steps is None:
            self._steps = {}
        self._steps.pop(i, None)
        plain = all(type(a) is np.ndarray and a.dtype == w.dtype for a in arrays)
        whole = all(a.flags.c_contiguous and a.flags.aligned for a in arrays)
        if plain and whole and w.dtype in FLOATS:
            rows = [_as_rows(array) for array in arrays]
            self._steps[i] = w, g, states, (rows, self._kernel[w.dtype])

    def _known(self, i, w, g):
        """(rows, kernel) for a step like an earlier one, or None."""
        step = self._steps.get(i) if self._steps else None
        if step is None or step[0] is not w or step[1] is not g or not w.flags.writeable:
            return None
        for name, array in zip(self._states, step[2], strict=True):
            arrays = getattr(self, name)
            if arrays is None or len(arrays) <= i or arrays[i] is not array:
                return None
            if not array.flags.writeable:
                return None
        return step[3]

    def __getstate__(self):
        self.flush()
        left_out = ("_steps", "_replay")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def _make_state(self, name, params):
        if getattr(self, name) is None:
            arrays = [np.zeros_like(w, _dtype_of(w), subok=False) for w in params]
            setattr(self, name, arrays)
        else:
            self._check_state(name, params)

    def _check_state(self, name, params):
        arrays = getattr(self, name)
        if arrays is None:
            return
        if len(arrays) != len(params):
            raise ValueError(
                f"params: expected the {len(arrays)} parameters of the earlier updates, got "
                f"{len(params)}; use one optimizer per model"
            )
        for i, (state, w) in enumerate(zip(arrays, params, strict=True)):
            check_writable(f"{name}[{i}]", state)
            if state.shape != w.shape:
                check_shape(f"params[{i}]", w, state.shape, "that of the earlier updates")

    def _sweep(self, i, w, g, scalars, trusted):
        dtype = _dtype_of(w)
        states = []
        for name in self._states:
            arrays = getattr(self, name)
            if arrays[i].dtype != dtype:
                arrays[i] = arrays[i].astype(dtype)
            states.append(arrays[i])
        mark = None
        if is_tracked(g) and has_plain_rows(w):
            mark = touched(g, trusted)
            rows = [w, *states]
        else:
            g = np.asarray(g)
            if w.ndim == 2 and not has_plain_rows(w) and has_plain_rows(w.T):
                w, g, states = w.T, g.T, [state.T for state in states]
            rows = [_as_rows(array) for array in (w, *states)]
            if rows[0] is None or any(row is None or not row.flags.carray for row in rows[1:]):
                self._sweep_copies(w, g, states, dtype, scalars)
                return
            if _as_rows(g) is None:
                g = as_float(f"grads[{i}]", g, dtype)
            g = _as_rows(g)
        n_parts = threads.parts(w.size * self._ns)
        self._kernel[dtype](*rows, g, mark, *scalars, n_parts)

    def _sweep_copies(self, w, g, states, dtype, scalars):
        """For arrays that no kernel takes (float16, rows that are not contiguous)."""
        arrays = [w, *states]
        copies = [np.array(array, dtype, order="C").reshape(1, -1) for array in arrays]
        g = as_float("grads", g, dtype).reshape(1, -1)
        self._kernel[dtype](*copies, g, None, *scalars, 1)
        for array, copy in zip(arrays, copies, strict=True):
            array[...] = copy.reshape(array.shape)


def clip_by_norm(grads: list[NDArray[Any]], max_norm: float, trusted: Any) -> Any:
    """Scale all gradients in place by max_norm / (norm + 1e-6) where that is below 1.

    norm: of all gradients together, summed in double. `trusted`: see `_Optimizer._update`.
    """
    max_norm = as_number("max_norm", max_norm)
    if max_norm < 0:
        raise ValueError(f"max_norm: expected 0 or more, got {max_norm}; pass a positive number")
    prepared, total = [], 0.0
    for i, g in enumerate(grads):
        packed = packed_rows(g) if trusted and is_tracked(g) else None
        if packed is not None:
            numbers, n, values, _ = packed
            rows = values[:n]
            if g.ndim == 1:
                total += _sum_squares_of_few(rows[:, 0], numbers[:n])
            else:
                order = np.argsort(numbers[:n])
                total += _SUM_SQUARES_OF_ROWS[rows.dtype](rows, numbers, order)
            prepared.append((rows, None))
            continue
        if type(g) is np.ndarray and g.dtype in FLOATS and g.flags.carray:
            rows, mark = g if g.ndim == 2 else g.reshape(1, -1), None
        else:
            check_weights(f"grads[{i}]", g, None)
            rows = g.T if g.ndim == 2 and not has_plain_rows(g) else g
            rows = _as_rows(rows)
            mark = touched(g, trusted) if rows is g and g.ndim == 2 and is_tracked(g) else None
        prepared.append((rows, mark))
        if rows is None:
            flat = as_float(f"grads[{i}]", g, np.float64).reshape(-1)
            total += float(flat @ flat)
            continue
        partial = np.empty(_optimizer.n_blocks(rows.size))
        n_parts = threads.parts(rows.size * 0.15)
        total += _SUM_SQUARES[rows.dtype](partial, rows, mark, n_parts)
    rate = max_norm / (math.sqrt(total) + 1e-6)
    if not rate < 1:
        return
    for i, g in enumerate(grads):
        check_parameter(f"grads[{i}]", g)
    for g, (rows, mark) in zip(grads, prepared, strict=True):
        if rows is None:
            g *= rate
        else:
            _SCALE[rows.dtype](rows, mark, rate, threads.parts(rows.size * 0.1))


def _sum_squares_of_few(values, places):
    """The sum of squares of a vector that is zero but in these places, in the order of the whole.

    That sums fixed blocks, and those in which all is zero add nothing.
    """
    blocks, at = np.unique(places // _BLOCK, return_inverse=True)
    g = np.zeros((len(blocks), _BLOCK), values.dtype)
    g[at, places % _BLOCK] = values
    partial = np.empty(_optimizer.n_blocks(g.size))
    return _SUM_SQUARES[g.dtype](partial, g, None, 1)


def _dtype_of(w):
    """The dtype an update of `w` is computed in."""
    return np.dtype(np.float32 if w.dtype.itemsize <= 4 else np.float64)


def _as_rows(array):
    """`array` as a matrix that the kernels take, or None."""
    if array.ndim != 2 and array.flags.c_contiguous:
        array = array.reshape(1, -1)
    return array if has_plain_rows(array) else None


class SGD(_Optimizer):
    """w -= lr g.

    >>> w, g = np.ones(2), np.array([0.5, -2.0])
    >>> optimizer = SGD(lr=0.1)
    >>> optimizer.update([w], [g])
    >>> optimizer.update([w], [g])
    >>> w.round(4)
    array([0.9, 1.4])
    """

    _rule = "sgd"
    _kernel = specialise(_optimizer.sgd)

    def __init__(self, lr: float = 0.01, *, row_sparse: bool = False) -> None:
        self.lr = lr
        self.row_sparse = row_sparse

    def _scalars(self):
        return (as_number("lr", self.lr),)

    def _sweep(self, i, w, g, scalars, trusted):
        rows = listed_rows(g) if trusted else None
        if rows is None or g.dtype != w.dtype or not has_plain_rows(as_table(w)):
            super()._sweep(i, w, g, scalars, trusted)
            return
        # Rows without gradient stay as they are: not even their marks have to be looked at.
        table, gradient = as_table(w), as_table(g)
        D = table.shape[1]
        steps = np.empty((len(rows), D), w.dtype)
        n_parts = threads.parts(steps.size * self._ns)
        _GATHER[w.dtype, rows.dtype](steps, gradient, rows, n_parts)
        rates = np.full(len(rows), -scalars[0], w.dtype)
        _SCATTER[w.dtype, rows.dtype](table, rows, steps, rates, n_parts)


class Momentum(_Optimizer):
    """v = momentum v - lr g;  w += v.

    >>> w, g = np.ones(2), np.array([0.5, -2.0])
    >>> optimizer = Momentum(lr=0.1, momentum=0.5)
    >>> optimizer.update([w], [g])
    >>> optimizer.update([w], [g])
    >>> w.round(4)
    array([0.875, 1.5  ])
    """

    _states = ("v",)
    _rule = "momentum"
    _kernel = specialise(_optimizer.momentum)

    def __init__(
        self, lr: float = 0.01, momentum: float = 0.9, *, row_sparse: bool = False
    ) -> None:
        self.lr = lr
        self.momentum = momentum
        self.row_sparse = row_sparse
        self.v = None

    def _scalars(self):
        return as_number("lr", self.lr), as_number("momentum", self.momentum)


class Nesterov(_Optimizer):
    """v = momentum v - lr g;  w += momentum^2 v - (1 + momentum) lr g.

    Nesterov's accelerated gradient in the variables of Bengio et al., arXiv 1212.0901.

    >>> w, g = np.ones(2), np.array([0.5, -2.0])
    >>> optimizer = Nesterov(lr=0.1, momentum=0.5)
    >>> optimizer.update([w], [g])
    >>> optimizer.update([w], [g])
    >>> w.round(4)
    array([0.8188, 1.725 ])
    """

    _states = ("v",)
    _rule = "nesterov"
    _kernel = specialise(_optimizer.nesterov)

    def __init__(
        self, lr: float = 0.01, momentum: float = 0.9, *, row_sparse: bool = False
    ) -> None:
        self.lr = lr
        self.momentum = momentum
        self.row_sparse = row_sparse
        self.v = None

    def _scalars(self):
        return as_number("lr", self.lr), as_number("momentum", self.momentum)

    def _of_rows(self, lr, momentum):
        return lr, momentum, momentum * momentum, (1 + momentum) * lr

    def _of_replay(self, lr, momentum):
        return momentum, momentum * momentum, 0.0  # the learning rate multiplies zeros


class AdaGrad(_Optimizer):
    """h += g^2;  w -= lr g / (sqrt(h) + 1e-7).

    >>> w, g = np.ones(2), np.array([0.5, -2.0])
    >>> optimizer = AdaGrad(lr=0.1)
    >>> optimizer.update([w], [g])
    >>> optimizer.update([w], [g])
    >>> w.round(4)
    array([0.8293, 1.1707])
    """

    _states = ("h",)
    _rule = "adagrad"
    _kernel = specialise(_optimizer.adagrad)

    def __init__(self, lr: float = 0.01, *, row_sparse: bool = False) -> None:
        self.lr = lr
        self.row_sparse = row_sparse
        self.h = None

    def _scalars(self):
        return as_number("lr", self.lr), EPS


class RMSprop(_Optimizer):
    """h = decay_rate h + (1 - decay_rate) g^2;  w -= lr g / (sqrt(h) + 1e-7).

    >>> w, g = np.ones(2), np.array([0.5, -2.0])
    >>> optimizer = RMSprop(lr=0.1, decay_rate=0.75)
    >>> optimizer.update([w], [g])
    >>> optimizer.update([w], [g])
    >>> w.round(4)
    array([0.6488, 1.3512])
    """

    _states = ("h",)
    _rule = "rmsprop"
    _kernel = specialise(_optimizer.rmsprop)

    def __init__(
        self, lr: float = 0.01, decay_rate: float = 0.99, *, row_sparse: bool = False
    ) -> None:
        self.lr = lr
        self.decay_rate = decay_rate
        self.row_sparse = row_sparse
        self.h = None

    def _scalars(self):
        return as_number("lr", self.lr), as_number("decay_rate", self.decay_rate), EPS

    def _of_rows(self, lr, decay_rate, eps):
        return lr, decay_rate, 1 - decay_rate, eps


class Adam(_Optimizer):
    """m += (1 - beta1) (g - m);  v += (1 - beta2) (g^2 - v);  w -= lr_t m / (sqrt(v) + 1e-7).

    lr_t = lr sqrt(1 - beta2^t) / (1 - beta1^t), t = `iter`, the number of updates so far
    (Kingma and Ba, arXiv 1412.6980, in the order of computation given at the end of section 2).

    >>> w, g = np.ones(2), np.array([0.5, -2.0])
    >>> optimizer = Adam(lr=0.1)
    >>> optimizer.update([w], [g])
    >>> optimizer.update([w], [g])
    >>> w.round(4)
    array([0.8, 1.2])
    """

    _states = ("m", "v")
    _rule = "adam"
    _kernel = specialise(_optimizer.adam)
    _ns = 0.5

    def __init__(
        self,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        *,
        row_sparse: bool = False,
    ) -> None:
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.row_sparse = row_sparse
        self.iter = 0
        self.m = None
        self.v = None

    def _scalars(self):
        lr, t = as_number("lr", self.lr), as_int("iter", self.iter, low=0) + 1
        beta1, beta2 = as_below_one("beta1", self.beta1), as_below_one("beta2", self.beta2)
        correction = math.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
        self.iter = t  # the step counts once nothing can fail any more
        return lr * correction, 1 - beta1, 1 - beta2, EPS
