"""Deferred updates: a step over a table costs the rows in use and keeps the dense pass's bits.

Most optimizers move every row at every step, also rows without gradient: the moments fade, and the
weights follow. No code reads a row between two uses, so its steps can be deferred. When the row is
next read, the steps are replayed one by one, in registers and in the arithmetic of the dense pass,
and the table does not travel through the caches at every step.

`Table.apply_pending` is the one place where deferred steps are applied. The package's own readers
reach it through `_rows.deferred`. `Trainer.fit` defers rows where only code of the package can read
them (see `_training.deferral`); in a loop of their own users ask for it (`Adam(row_sparse=True)`)
and apply all deferred updates with `flush`.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.arrays import has_plain_rows
from fastw2v._core import threads
from fastw2v._kernels import _optimizer, specialise
from fastw2v._rows.deferred import TABLES, apply_all_pending, apply_pending
from fastw2v._rows.row_grad import as_table, is_row_grad, is_tracked
from fastw2v._rows.writes import listed_gradient

__all__ = ["MOVES_IDLE_ROWS", "Replay", "Table", "can_defer"]

# Rules that move rows without gradient. SGD and AdaGrad leave such rows alone.
MOVES_IDLE_ROWS = frozenset({"momentum", "nesterov", "rmsprop", "adam"})

_STALE = specialise(_optimizer.stale_rows)
_REPLAY = specialise(_optimizer.replay_rows)
_UPDATE = specialise(_optimizer.update_rows)

_HISTORY = 1 << 22  # largest number of steps between two flushes; their learning rates are kept
_BLOCK = 1 << 16  # rows per call when all rows are brought up to date
_HIGHEST_RATE = 1e30  # beyond, or below zero, the kernel cannot tell when a replay may stop early
_NS = 0.35  # serial nanoseconds per element and step; see `threads.parts`


# Reading a table with deferred rows writes to it, so one thread does so at a time. A script that
# reads in several threads cannot know whether its table is one of these.
_LOCK = threading.RLock()


def _unlock() -> None:
    global _LOCK
    _LOCK = threading.RLock()


if hasattr(os, "register_at_fork"):  # the child lacks the thread that held the lock
    os.register_at_fork(after_in_child=_unlock)


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

    def __init__(self, replay: Replay, W: NDArray[Any], states: list[NDArray[Any]]) -> None:
        key = id(W)
        self.array: Callable[[], Any] = weakref.ref(W, lambda _: TABLES.pop(key, None))
        self.replay, self.states = replay, states
        self.layout = _optimizer.layout((W, *states))
        # The kernels take two states, and a vector as a matrix of one column.
        self.kernel_states = [*map(as_table, states), None, None][:2]
        self.applied = np.full(len(W) if replay.defers else 0, replay.n_steps, np.int64)
        self.rows = self.since = np.empty(0, np.int64)

    def is_of(self, W: NDArray[Any], states: list[NDArray[Any]]) -> bool:
        """Return whether these are the table's arrays, which a user may have replaced."""
        same = (a is b for a, b in zip(self.states, states, strict=True))
        return self.array() is W and all(same)

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
        W = self.array()
        replay = self.replay
        if W is None or not replay.n_steps or not replay.defers:
            return
        self.check_layout(W)
        if len(self.rows) < len(ids):
            self.rows, self.since = (np.empty(len(ids), np.int64) for _ in range(2))
        W = as_table(W)
        n_rows, work = _STALE[ids.dtype](self.rows, self.since, self.applied, ids, replay.n_steps)
        n_parts = threads.parts(work * W.shape[1] * _NS)
        _REPLAY[W.dtype](
            replay.rule, W, *self.kernel_states, self.applied, self.rows, self.since, n_rows,
            replay.rates[W.dtype], replay.low, replay.high, replay.n_steps, *replay.idle_scalars,
            n_parts,
        )  # fmt: skip

    @_locked
    def apply_all(self) -> None:
        """Apply the pending steps of all rows."""
        if self.replay.defers and self.replay.n_steps:
            for start in range(0, len(self.applied), _BLOCK):
                self.apply_pending(np.arange(start, min(start + _BLOCK, len(self.applied))))

    @_locked
    def update(self, W: NDArray[Any], grad: NDArray[Any]) -> bool:
        """Take the present step for the rows that the gradient lists, and defer it for the others.

        Return False if the step cannot be deferred: the caller then updates the whole table, whose
        rows are all up to date.
        """
        replay = self.replay
        listed = listed_gradient(grad) if replay.may_defer else None
        if listed is None:
            apply_all_pending(W)
            if replay.defers:
                self.applied[:] = replay.n_steps + 1
            return False
        self.check_layout(W)
        rows, n_rows, g, packed = listed
        if replay.defers:
            self.apply_pending(rows[:n_rows])
            self.applied[rows[:n_rows]] = replay.n_steps + 1
        else:
            apply_pending(W, rows[:n_rows])  # of another optimizer
        W = as_table(W)
        n_parts = threads.parts(n_rows * W.shape[1] * _NS)
        _UPDATE[W.dtype](
            replay.rule, W, *self.kernel_states, g, packed, rows, n_rows, *replay.row_scalars,
            n_parts,
        )  # fmt: skip
        return True


class Replay:
    """The tables of one optimizer, and the steps that may be pending for their rows.

    rule: its name in the kernels. wanted: ids of the arrays to defer; None for all suitable ones.
    """

    def __init__(self, rule: str, wanted: Collection[int] | None = None) -> None:
        self.rule = _optimizer.RULES[rule]
        self.defers = rule in MOVES_IDLE_ROWS  # the other rules have no steps to defer
        self.wanted = wanted
        self.tables: list[Table | None] = []  # one place for each parameter
        self.params: list[int] = []  # ids of these parameters
        self.n_steps = 0  # that all rows have to be brought to
        self.row_scalars: tuple[float, ...] = ()  # of the present step
        self.idle_scalars: tuple[float, ...] = ()  # of all pending steps
        self.rates = {np.dtype(kind): np.empty(0, kind) for kind in (np.float32, np.float64)}
        self.low = self.high = 0.0  # of these learning rates
        self.may_defer = True  # in the present step

    @_locked
    def begin(
        self,
        params: Sequence[NDArray[Any]],
        grads: Sequence[NDArray[Any]],
        states: Sequence[Sequence[NDArray[Any]]],
        row_scalars: tuple[float, ...],
        idle_scalars: tuple[float, ...],
    ) -> list[Table | None]:
        """Begin a step; return the table of each parameter, or None where rows are not deferred.

        states: the lists of state arrays. row_scalars: the four of a step of rows with gradient,
        the learning rate first; idle_scalars: the three, beside the rate, of one without gradient.
        Parameters without a table are up to date then.
        """
        key = [id(W) for W in params]
        if key != self.params:
            self.flush()
            self.tables, self.params = [None] * len(params), key
        for i, (W, grad) in enumerate(zip(params, grads, strict=True)):
            mine = [arrays[i] for arrays in states]
            table = self.tables[i]
            if table is not None and not table.is_of(W, mine):
                table.apply_all()
                table = None
            suits = table is None and (
                (self.wanted is None or key[i] in self.wanted)
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
            if table is None:
                apply_all_pending(W)
            elif self.defers and TABLES.get(key[i]) is not table:
                apply_all_pending(W)  # another optimizer's steps come first
                TABLES[key[i]] = table
        self.row_scalars = row_scalars
        self._note_step(row_scalars[0], idle_scalars)
        return self.tables

    def _note_step(self, lr: float, scalars: tuple[float, ...]) -> None:
        """Keep what a later replay of this step needs, and decide whether it may be deferred."""
        if not self.defers:
            return
        if scalars != self.idle_scalars or self.n_steps == _HISTORY:
            self._restart()
            self.idle_scalars = scalars
        if self.n_steps == len(self.rates[np.dtype(np.float64)]):
            for kind, rates in self.rates.items():
                self.rates[kind] = np.concatenate([rates, np.zeros(max(1024, len(rates)), kind)])
        self.may_defer = 0 <= lr < _HIGHEST_RATE
        if self.may_defer:
            for rates in self.rates.values():
                rates[self.n_steps] = lr
            self.low = min(self.low, lr) if self.n_steps else lr
            self.high = max(self.high, lr)

    @_locked
    def end(self) -> None:
        """End a step."""
        if self.defers:
            self.n_steps += 1

    @_locked
    def flush(self) -> None:
        """Apply all pending steps; until the next step no row is deferred."""
        self._restart()
        for table in self.tables:
            W = None if table is None else table.array()
            if W is not None and TABLES.get(id(W)) is table:
                del TABLES[id(W)]

    @_locked
    def _restart(self) -> None:
        """Apply all pending steps and start counting anew."""
        if self.n_steps:
            for table in self.tables:
                if table is not None:
                    table.apply_all()
                    table.applied[:] = 0
        self.n_steps, self.low, self.high = 0, 0.0, 0.0


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
