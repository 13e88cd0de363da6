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

With ``row_sparse=True`` the cost of a step over tables with `RowGrad` gradients depends on the
touched rows and not on the size of the tables. Momentum, Nesterov, RMSprop and Adam also move rows
without gradient; updates to these rows are deferred, and a row takes all of them in one sum when a
layer of fastw2v next reads it. The results are those of steps over all rows but for rounding, and
nearer to exact arithmetic: a row that is updated k times at once is rounded once. They do not
depend on the number of threads, but on when rows are read. Between two updates

- rows of the arrays in ``params`` and of the optimizer's own (``m``, ``v``, ``h``) are stale unless
  a layer has just read them. ``flush()`` applies all deferred updates: call it before you look at
  these arrays, save, copy or change them in place;
- layers, models, ``model.word_vecs``, ``save_params``, ``load_params``, copies and pickles of
  models and optimizers always see current rows, and so does ``update`` of another optimizer;
- the optimizer trusts the list of a gradient's rows, so call ``mark_dirty()`` on a gradient after a
  write through ``np.asarray`` or a ``memoryview``.

A table is updated as a whole if its gradient is written as a whole, or if it is listed twice in
``params`` or shares its memory with another parameter (a tied weight). `Trainer.fit` defers the
updates of fastw2v's models even without ``row_sparse``.

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

import itertools
import math
import operator
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.arrays import (
    as_float,
    check_parameter,
    check_shape,
    check_weights,
    check_writable,
)
from fastw2v._checks.numbers import as_below_one, as_finite, as_int, as_share
from fastw2v._checks.sequences import check_array_list, check_params_and_grads
from fastw2v._core import threads
from fastw2v._kernels import _optimizer
from fastw2v._rows.deferred import TABLES, apply_all_pending
from fastw2v._rows.pending import Pending
from fastw2v._rows.row_grad import shares_memory
from fastw2v._training.clipping import clip_by_norm as clip_by_norm
from fastw2v._training.dense_pass import dtype_of, prepared_pass, update_whole, zeros_beside

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop"]

_TRY_STEPS = _optimizer.try_steps
_RULES = _optimizer.RULES

EPS: float = 1e-7  # added to every square root that divides, as in the book


class _Optimizer:
    """The common part of the six: the checks, the state arrays, the walk over the parameters."""

    _states: tuple[str, ...] = ()  # attributes that hold one state array per parameter
    _rule = ""  # its name in the kernels
    row_sparse: bool = False
    _pending: Pending | None = None  # deferred updates; None as long as there are none
    # Arrays of the last step and the pass of each parameter, see `_remember`. It is None unless a
    # fit is running in which no code but ours is called.
    _last_step: tuple[list[Any], list[Any]] | None = None
    _deferred_in_fit: Collection[int] = ()  # ids of the arrays whose rows the present fit defers

    def update(self, params: Sequence[NDArray[Any]], grads: Sequence[NDArray[Any]]) -> None:
        """Change each array of params in place by its gradient, which is only read.

        ValueError for a gradient whose shape is not its parameter's, or a read-only array that has
        to be written; TypeError for entries that are not arrays, or settings that are not numbers.
        Nothing has changed then.
        """
        self._update(params, grads, trusted=False)

    def _update(
        self, params: Sequence[NDArray[Any]], grads: Sequence[NDArray[Any]], trusted: bool
    ) -> None:
        """Take one step. trusted: whether the gradients' lists of rows are trusted: `RowGrad`."""
        scalars = self._scalars()
        states = [getattr(self, name) for name in self._states]
        deferred = TABLES or self._pending or self.row_sparse or self._deferred_in_fit
        if not deferred and _TRY_STEPS(_RULES[self._rule], params, grads, states, scalars):
            self._count_step()
            return
        if trusted and not deferred and self._step_again(params, grads, states, scalars):
            return
        wanted = None if self.row_sparse else self._deferred_in_fit
        pending = self._pending
        if pending is None or not pending.continues(params, grads, states, wanted):
            grads = self._checked(params, grads)
            self._make_states(params)
            states = [getattr(self, name) for name in self._states]
            if pending is None and (wanted is None or wanted):
                idle_settings = self._idle_settings(*scalars)
                pending = self._pending = Pending(self._rule, idle_settings)
            if pending is None:
                apply_all_pending(*params)  # of other optimizers
            else:
                pending.begin(params, grads, states, wanted)
        self._count_step()
        if pending is not None:
            pending.set_rates(self._row_scalars(*scalars), self._idle_settings(*scalars))
        for i, (w, g) in enumerate(zip(params, grads, strict=True)):
            table = None if pending is None else pending.tables[i]
            if table is None or not table.update(w, g):
                mine = [arrays[i] for arrays in states]
                update_whole(self._rule, w, mine, g, scalars, trusted)
        if pending is not None:
            pending.end()
        elif trusted and self._last_step is not None:
            self._remember(params, grads)

    def _remember(self, params: Sequence[NDArray[Any]], grads: Sequence[NDArray[Any]]) -> None:
        """Keep the arrays of a step, which have been checked, and the pass of each parameter."""
        states = [getattr(self, name) for name in self._states]
        passes = [
            prepared_pass(self._rule, w, [arrays[i] for arrays in states], g)
            for i, (w, g) in enumerate(zip(params, grads, strict=True))
        ]
        self._last_step = [*params, *grads, *itertools.chain(*states)], passes

    def _step_again(
        self,
        params: Sequence[NDArray[Any]],
        grads: Sequence[NDArray[Any]],
        states: list[Any],
        scalars: Sequence[float],
    ) -> bool:
        """Take a step if its arrays are those of the last step of this fit; return whether so.

        No other code runs between two steps of a fit, so that nothing has to be checked again.
        """
        if self._last_step is None or any(type(arrays) is not list for arrays in states):
            return False
        known, passes = self._last_step
        given = [*params, *grads, *itertools.chain(*states)]
        if len(given) != len(known) or not all(map(operator.is_, given, known)):
            return False
        self._count_step()
        for i, ready in enumerate(passes):
            if ready is None:
                mine = [arrays[i] for arrays in states]
                update_whole(self._rule, params[i], mine, grads[i], scalars, True)
            else:
                kernel, rows, ns = ready
                kernel(*rows, None, *scalars, threads.parts(ns))
        return True

    def flush(self) -> None:
        """Apply all deferred updates: see `row_sparse`.

        Afterwards the parameters and the optimizer's own arrays are those of an optimizer without
        `row_sparse`, but for rounding.
        """
        if self._pending is not None:
            self._pending.flush()
            self._pending = None

    def _checked(self, params: Sequence[NDArray[Any]], grads: Sequence[Any]) -> list[NDArray[Any]]:
        """Check everything; return the gradients as arrays."""
        check_params_and_grads(params, grads)
        grads = list(grads)
        for i, (w, g) in enumerate(zip(params, grads, strict=True)):
            check_parameter(f"params[{i}]", w)
            dtype = dtype_of(w)
            if not isinstance(g, np.ndarray) or g.dtype != dtype:
                grads[i] = g = as_float(f"grads[{i}]", g, dtype)
            if g.shape != w.shape:
                check_shape(f"grads[{i}]", g, w.shape, "that of the parameter")
            if shares_memory(w, g):
                grads[i] = np.array(g)
        self._check_states(params)
        return grads

    def _check_states(self, params: Sequence[NDArray[Any]]) -> None:
        """Check that the state arrays of earlier updates fit the parameters."""
        for name in self._states:
            arrays = getattr(self, name)
            if arrays is None:
                continue
            check_array_list(name, arrays)
            if len(arrays) != len(params):
                raise ValueError(
                    f"params: expected the {len(arrays)} parameters of the earlier updates, got "
                    f"{len(params)}; use one optimizer per model"
                )
            for i, (state, w) in enumerate(zip(arrays, params, strict=True)):
                check_writable(f"{name}[{i}]", state)
                check_weights(f"{name}[{i}]", state, None)
                if state.shape != w.shape:
                    check_shape(f"params[{i}]", w, state.shape, "that of the earlier updates")

    def _make_states(self, params: Sequence[NDArray[Any]]) -> None:
        """Make the state arrays of zeros at the first step; give them the dtype of the step."""
        for name in self._states:
            arrays = getattr(self, name)
            if type(arrays) is not list:
                made = [zeros_beside(w) for w in params]
                arrays = made if arrays is None else list(arrays)
                setattr(self, name, arrays)
            for i, w in enumerate(params):
                if arrays[i].dtype != dtype_of(w):
                    arrays[i] = arrays[i].astype(dtype_of(w))

    def _scalars(self) -> tuple[float, ...]:
        """Return the scalars of the next step as the rule's kernel takes them, the rate first."""
        raise NotImplementedError

    def _count_step(self) -> None:
        """Count a step whose arguments and settings have been checked."""

    def _row_scalars(self, *scalars: float) -> tuple[float, ...]:
        """Return the four scalars of the kernel that updates listed rows."""
        return (*scalars, 0.0, 0.0, 0.0)[:4]

    def _idle_settings(self, *scalars: float) -> tuple[float, ...]:
        """Return the three numbers that decide, beside the rate, on a step without gradient."""
        return self._row_scalars(*scalars)[1:]

    def __getstate__(self) -> dict[str, Any]:
        self.flush()
        left_out = ("_pending", "_deferred_in_fit", "_last_step")
        return {name: value for name, value in vars(self).items() if name not in left_out}


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

    def __init__(self, lr: float = 0.01, *, row_sparse: bool = False) -> None:
        self.lr = lr
        self.row_sparse = row_sparse

    def _scalars(self) -> tuple[float, ...]:
        return (as_finite("lr", self.lr),)


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

    def __init__(
        self, lr: float = 0.01, momentum: float = 0.9, *, row_sparse: bool = False
    ) -> None:
        self.lr = lr
        self.momentum = momentum
        self.row_sparse = row_sparse
        self.v: list[NDArray[Any]] | None = None

    def _scalars(self) -> tuple[float, ...]:
        return as_finite("lr", self.lr), as_finite("momentum", self.momentum)


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

    def __init__(
        self, lr: float = 0.01, momentum: float = 0.9, *, row_sparse: bool = False
    ) -> None:
        self.lr = lr
        self.momentum = momentum
        self.row_sparse = row_sparse
        self.v: list[NDArray[Any]] | None = None

    def _scalars(self) -> tuple[float, ...]:
        return as_finite("lr", self.lr), as_finite("momentum", self.momentum)

    def _row_scalars(self, *scalars: float) -> tuple[float, ...]:
        lr, momentum = scalars
        return lr, momentum, momentum * momentum, (1 + momentum) * lr

    def _idle_settings(self, *scalars: float) -> tuple[float, ...]:
        _, momentum = scalars
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

    def __init__(self, lr: float = 0.01, *, row_sparse: bool = False) -> None:
        self.lr = lr
        self.row_sparse = row_sparse
        self.h: list[NDArray[Any]] | None = None

    def _scalars(self) -> tuple[float, ...]:
        return as_finite("lr", self.lr), EPS


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

    def __init__(
        self, lr: float = 0.01, decay_rate: float = 0.99, *, row_sparse: bool = False
    ) -> None:
        self.lr = lr
        self.decay_rate = decay_rate
        self.row_sparse = row_sparse
        self.h: list[NDArray[Any]] | None = None

    def _scalars(self) -> tuple[float, ...]:
        return as_finite("lr", self.lr), as_share("decay_rate", self.decay_rate), EPS

    def _row_scalars(self, *scalars: float) -> tuple[float, ...]:
        lr, decay_rate, eps = scalars
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
        self.m: list[NDArray[Any]] | None = None
        self.v: list[NDArray[Any]] | None = None

    def _scalars(self) -> tuple[float, ...]:
        lr, t = as_finite("lr", self.lr), as_int("iter", self.iter, low=0) + 1
        beta1, beta2 = as_below_one("beta1", self.beta1), as_below_one("beta2", self.beta2)
        correction = math.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
        return lr * correction, 1 - beta1, 1 - beta2, EPS

    def _idle_settings(self, *scalars: float) -> tuple[float, ...]:
        return float(self.beta1), float(self.beta2), EPS

    def _count_step(self) -> None:
        self.iter = int(self.iter) + 1
