"""Deferred updates: a step over a table costs the rows in use, and not all of its rows.

Most optimizers move every row at every step, also rows without gradient: the moments fade, and the
weights follow. No code reads a row between two uses, so its steps can be deferred. When the row is
next read, it skips them all at once (see `_rows.idle_steps`), and the table does not travel through
the caches at every step.

`Table.apply_pending` is the one place where deferred steps are applied. The package's own readers
reach it through `_rows.deferred`. `Trainer.fit` defers rows where only code of the package can read
them (see `_training.deferral`); in a loop of their own users ask for it (`Adam(row_sparse=True)`)
and apply all deferred updates with `flush`.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import os
import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.arrays import has_plain_rows
from fastw2v._core import threads
from fastw2v._kernels import _optimizer, specialise
from fastw2v._rows.deferred import TABLES, apply_all_pending, apply_pending
from fastw2v._rows.idle_steps import HIGHEST_RATE, MOST_STEPS, MOVES_IDLE_ROWS, IdleSteps
from fastw2v._rows.row_grad import RowGrad, as_table, is_row_grad, is_tracked
from fastw2v._rows.writes import listed_gradient

__all__ = ["Pending", "Table", "can_defer", "has_layout_of", "no_readers"]

_SKIP = specialise(_optimizer.skip_steps)
_TAKE = specialise(_optimizer.take_steps)
_UPDATE = specialise(_optimizer.update_rows)

_BLOCK = 1 << 16  # rows per call when all rows are brought up to date
# Serial nanoseconds per element of a row that skips steps, and of one that takes a step; see
# `threads.parts`.
_SKIP_NS = 0.6
_STEP_NS = 0.35


# Reading a table with deferred rows writes to it, so one thread does so at a time. A script that
# reads in several threads cannot know whether its table is one of these.
_LOCK = threading.RLock()


def _unlock() -> None:
    global _LOCK
    _LOCK = threading.RLock()


if hasattr(os, "register_at_fork"):  # the child lacks the thread that held the lock
    os.register_at_fork(after_in_child=_unlock)


@contextlib.contextmanager
def no_readers() -> Iterator[None]:
    """Keep other threads from applying pending steps while a table is looked at as it is."""
    with _LOCK:
        yield


def _locked(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def one_at_a_time(*args: Any) -> Any:
        with _LOCK:
            return method(*args)

    return one_at_a_time


class Table:
    """One parameter, its states, and the number of steps applied to each row.

    It holds the parameter weakly: an array that is gone needs no updates.
    """

    def __init__(self, pending: Pending, W: NDArray[Any], states: list[NDArray[Any]]) -> None:
        key = id(W)
        self.array: Callable[[], Any] = weakref.ref(W, lambda _: TABLES.pop(key, None))
        self.pending, self.states = pending, states
        self.layout = _optimizer.layout((W, *states))
        # The kernels take two states, and a vector as a matrix of one column.
        self.kernel_states = [*map(as_table, states), None, None][:2]
        self.grad: Callable[[], Any] = lambda: None  # of the latest step, held weakly too
        self.grad_layout = b""
        self.applied = np.full(len(W) if pending.defers else 0, pending.steps.n, np.int64)
        self.rows = self.since = np.empty(0, np.int64)

    def takes_again(self, W: NDArray[Any], states: list[NDArray[Any]], grad: Any) -> bool:
        """Return whether these are the arrays of the step before, which lie where they lay."""
        if self.grad() is not grad or not self.is_of(W, states):
            return False
        same = _optimizer.layout((grad,)) == self.grad_layout
        return same and _optimizer.layout((W, *self.states)) == self.layout

    def is_of(self, W: NDArray[Any], states: list[NDArray[Any]]) -> bool:
        """Return whether these are the table's arrays, which a user may have replaced."""
        return self.array() is W and all(map(operator.is_, self.states, states))

    def check_layout(self, W: NDArray[Any]) -> None:
        """Check that W and the states lie where they lay; if not, forget what is pending."""
        if _optimizer.layout((W, *self.states)) != self.layout:
            TABLES.pop(id(W), None)
            self.array = lambda: None
            raise ValueError(
                "params: expected the arrays of the earlier updates, got one that was reshaped, "
                "resized or made read-only while updates of its rows were deferred, and these are "
                "lost; call flush() of the optimizer before such a change"
            )

    @_locked
    def apply_pending(self, ids: NDArray[Any]) -> None:
        """Apply the pending steps of the rows ids (n,), each in [0, V), repeats allowed."""
        W, steps = self.array(), self.pending.steps
        if W is None or not steps.n or not self.pending.defers:
            return
        self.check_layout(W)
        if len(self.rows) < len(ids):
            self.rows, self.since = (np.empty(len(ids), np.int64) for _ in range(2))
        W = as_table(W)
        mine = steps.number, W, *self.kernel_states, self.applied, self.rows, self.since, ids
        size = len(ids) * W.shape[1]  # at most: some of the rows may be up to date
        if steps.can_skip(W.dtype):
            known = steps.sums, steps.fades, steps.lead
            n_parts = threads.parts(size * _SKIP_NS)
            _SKIP[W.dtype, ids.dtype](*mine, *known, steps.n, n_parts)
        else:
            known = steps.rates, *steps.scalars
            n_parts = threads.parts(size * steps.n * _STEP_NS)
            _TAKE[W.dtype, ids.dtype](*mine, *known, steps.n, n_parts)

    @_locked
    def apply_all(self) -> None:
        """Apply the pending steps of all rows."""
        for start in range(0, len(self.applied), _BLOCK):
            self.apply_pending(np.arange(start, min(start + _BLOCK, len(self.applied))))

    @_locked
    def update(self, W: NDArray[Any], grad: NDArray[Any]) -> bool:
        """Take the present step for the rows that the gradient lists, and defer it for the others.

        Return False if the step cannot be deferred: the caller then updates the whole table, whose
        rows are all up to date.
        """
        pending = self.pending
        listed = listed_gradient(grad) if pending.may_defer else None
        if listed is None:
            apply_all_pending(W)
            if pending.defers:
                self.applied[:] = pending.steps.n + 1
            return False
        self.check_layout(W)
        rows, n_rows, g, packed = listed
        if not pending.defers:
            apply_pending(W, rows[:n_rows])  # of another optimizer
        table = as_table(W)
        applied = self.applied if pending.defers else None
        n_parts = threads.parts(n_rows * table.shape[1] * _STEP_NS)
        step = (
            *(pending.steps.number, table, *self.kernel_states, applied, g, packed, rows, n_rows),
            *(*pending.row_scalars, pending.steps.n, n_parts),
        )
        if not _UPDATE[table.dtype](*step):
            self.apply_pending(rows[:n_rows])  # of rows that no forward has read
            _UPDATE[table.dtype](*step)
        return True


class Pending:
    """The tables of one optimizer, and the steps that may be pending for their rows.

    rule: its name in the kernels.
    """

    def __init__(self, rule: str, idle_settings: tuple[float, ...]) -> None:
        self.defers = rule in MOVES_IDLE_ROWS  # the other rules have no steps to defer
        self.tables: list[Table | None] = []  # one place for each parameter
        self.params: list[int] = []  # ids of these parameters
        self.steps = IdleSteps(rule, idle_settings)
        self.row_scalars: tuple[float, ...] = ()  # of the present step
        self.may_defer = True  # in the present step
        self.wanted: Collection[int] | None = ()  # of the latest step

    @_locked
    def continues(
        self,
        params: Sequence[NDArray[Any]],
        grads: Sequence[NDArray[Any]],
        states: Sequence[Sequence[NDArray[Any]]],
        wanted: Collection[int] | None,
    ) -> bool:
        """Return whether `begin` would find all its tables again and no other parameter.

        All that was checked of these arrays at the step before holds then.
        """
        n = len(self.tables)
        if wanted is not self.wanted or not all(
            type(arrays) is list and len(arrays) == n for arrays in (params, grads, *states)
        ):
            return False
        for i, table in enumerate(self.tables):
            if not (
                table is not None
                and (TABLES.get(self.params[i]) is table or not self.defers)
                and table.takes_again(params[i], [arrays[i] for arrays in states], grads[i])
            ):
                return False
        return True

    @_locked
    def begin(
        self,
        params: Sequence[NDArray[Any]],
        grads: Sequence[NDArray[Any]],
        states: Sequence[Sequence[NDArray[Any]]],
        wanted: Collection[int] | None,
    ) -> None:
        """Find the `tables` of a step, one for each parameter, or None where rows are not deferred.

        states: the lists of state arrays. wanted: ids of the arrays to defer, or None for all
        suitable ones. Parameters without a table are up to date then.
        """
        self.wanted = wanted
        key = [id(W) for W in params]
        if key != self.params:
            self.flush()
            self.tables, self.params = [None] * len(params), key
        for i, (W, grad) in enumerate(zip(params, grads, strict=True)):
            mine = [arrays[i] for arrays in states]
            is_wanted = wanted is None or key[i] in wanted
            table = self.tables[i]
            if table is not None and not (is_wanted and table.is_of(W, mine)):
                table.apply_all()
                table = None
            suits = table is None and (
                is_wanted
                and is_row_grad(grad)
                and is_tracked(grad)
                and all(has_layout_of(W, array) for array in (grad, *mine))
                and all(a.flags.carray and type(a) is np.ndarray for a in mine)
                and can_defer(W)
                and sum(other is W or other.base is W for other in params) == 1
            )
            if suits:
                table = Table(self, W, mine)
            self.tables[i] = table
            if table is not None and type(grad) is RowGrad:
                table.grad, table.grad_layout = weakref.ref(grad), _optimizer.layout((grad,))
            if table is None:
                apply_all_pending(W)
            elif self.defers and TABLES.get(key[i]) is not table:
                apply_all_pending(W)  # another optimizer's steps come first
                TABLES[key[i]] = table

    @_locked
    def set_rates(self, row_scalars: tuple[float, ...], idle_settings: tuple[float, ...]) -> None:
        """Set the numbers of the present step.

        row_scalars: the four of a step of rows with gradient, the learning rate first;
        idle_settings: as `IdleSteps` takes them.
        """
        if (
            idle_settings != self.steps.settings
            or self.steps.n == MOST_STEPS
            or self.steps.is_cut_short(row_scalars[0])
        ):
            self._restart(idle_settings)
        self.row_scalars = row_scalars
        self.may_defer = not self.defers or 0 <= row_scalars[0] < HIGHEST_RATE

    @_locked
    def end(self) -> None:
        """End a step."""
        if self.defers:
            # Where it may not be deferred, all rows have taken it.
            self.steps.add(self.row_scalars[0] if self.may_defer else 0.0)

    @_locked
    def applied_steps(self, params: Sequence[NDArray[Any]]) -> dict[int, NDArray[np.int64]] | None:
        """Return `Table.applied` by place in a list of parameters, or None if they are others."""
        if self.params != [id(W) for W in params]:
            return None
        tables = {i: table for i, table in enumerate(self.tables) if table is not None}
        if any(TABLES.get(self.params[i]) is not table for i, table in tables.items()):
            return None
        return {i: table.applied for i, table in tables.items()}

    @_locked
    def restore(
        self,
        params: Sequence[NDArray[Any]],
        states: Sequence[Sequence[NDArray[Any]]],
        rates: Sequence[float],
        applied: Mapping[int, NDArray[np.int64]],
    ) -> None:
        """Take over the rates of the steps and `applied_steps` of another object.

        A table whose rows cannot be deferred here takes its pending steps now.
        """
        self.params, self.tables = [id(W) for W in params], [None] * len(params)
        for rate in rates:
            self.steps.add(rate)
        for i, steps in applied.items():
            W = params[i]
            array = W if can_defer(W) else np.array(W, order="C")
            table = Table(self, array, [arrays[i] for arrays in states])
            table.applied[:] = steps
            if array is W:
                self.tables[i] = TABLES[id(W)] = table
            else:
                table.apply_all()
                W[...] = array

    @_locked
    def flush(self) -> None:
        """Apply all pending steps; until the next step no row is deferred."""
        self._restart(self.steps.settings)
        for table in self.tables:
            W = None if table is None else table.array()
            if W is not None and TABLES.get(id(W)) is table:
                del TABLES[id(W)]

    @_locked
    def _restart(self, idle_settings: tuple[float, ...]) -> None:
        """Apply all pending steps and start counting anew."""
        for table in self.tables:
            if table is not None:
                table.apply_all()
                table.applied[:] = 0
        if idle_settings != self.steps.settings:
            self.steps = IdleSteps(self.steps.rule, idle_settings)
        self.steps.n = 0


def can_defer(W: NDArray[Any]) -> bool:
    """Return whether rows of W can be deferred: the kernels take it, and it owns its memory.

    An array from a pickle of protocol 5 does not own its memory, and the `base` of its views is
    another object, under which the registry would not find it.
    """
    return (
        type(W) is np.ndarray
        and W.ndim in (1, 2)
        and (W.base is None or type(W.base) is bytes)  # as from older pickles
        and W.size > 0
        and W.flags.carray
        and has_plain_rows(as_table(W))
    )


def has_layout_of(W: NDArray[Any], array: NDArray[Any]) -> bool:
    """Return whether an array has the shape and the dtype of W."""
    return (array.shape, array.dtype) == (W.shape, W.dtype)
