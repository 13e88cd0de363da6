"""Updates of tables at the cost of the rows that are used, with the bits of the dense pass.

Most optimizers move every row at every step, also those without gradient: their moments fade, and
the weights follow. Nobody sees a row between two uses, so its steps can wait: when the row is next
read, they are replayed one by one, in registers and in the arithmetic of the dense pass, and the
table does not travel through the caches once a step.

Code of ours that reads a table asks for the present first: see `_waiting`. `Trainer.fit` lets rows
wait where all code that can look is ours; in a loop of their own users ask for it
(`Adam(row_sparse=True)`) and take the rows to the present with `flush`.
"""

import contextlib
import functools
import os
import threading
import weakref

import numpy as np

from fastw2v._checks.arrays import has_plain_rows
from fastw2v._core import threads
from fastw2v._kernels import _optimizer, specialise
from fastw2v._rows.deferred import TABLES, apply_all_pending, apply_pending
from fastw2v._rows.row_grad import as_table, is_row_grad, is_tracked, pack, packed_rows, unpack

_STALE = specialise(_optimizer.stale_rows)
_REPLAY = specialise(_optimizer.replay_rows)
_UPDATE = specialise(_optimizer.update_rows)

_HISTORY = 1 << 22  # steps between two flushes at most; their learning rates are kept
_BLOCK = 1 << 16  # rows taken to the present at a time when all are
_HIGHEST_RATE = 1e30  # beyond, or below zero, a step without gradient may do anything
_FEWEST = 5000  # rows of a table from which on `fit` lets them wait; see bench/bench_row_sparse.py
_NS = 0.35  # serial nanoseconds per element and step; see `threads.parts`


# Reading a table that has rows that wait writes to it: one thread at a time. A dense table would be
# only read, and a script that reads in several threads does not know which it has.
_LOCK = threading.RLock()


def _unlock():
    global _LOCK
    _LOCK = threading.RLock()


if hasattr(os, "register_at_fork"):  # the thread that held it is not in the child
    os.register_at_fork(after_in_child=_unlock)


def _locked(method):
    @functools.wraps(method)
    def one_at_a_time(*args):
        with _LOCK:
            return method(*args)

    return one_at_a_time


class _Table:
    """One parameter, its states, and the step that each row is at. It does not keep the array."""

    def __init__(self, replay, W, states):
        key = id(W)
        self.array = weakref.ref(W, lambda _: TABLES.pop(key, None))
        self.replay, self.states = replay, states
        # The kernels take two states and a matrix; a vector is one of rows of one number.
        self.kernel_states = [as_table(state) for state in states] + [None] * (2 - len(states))
        self.at = np.zeros(len(W), np.int64) if replay.waits else None
        self.rows = self.since = np.empty(0, np.int64)

    def is_of(self, W, states):
        """Whether these are the arrays; somebody may have put others in their place."""
        return self.array() is W and all(map(_is, self.states, states))

    @_locked
    def apply_pending(self, ids):
        W = self.array()
        replay = self.replay
        if W is None or not replay.now or not replay.waits:
            return
        if len(self.rows) < len(ids):
            self.rows, self.since = (np.empty(len(ids), np.int64) for _ in range(2))
        W = as_table(W)
        n_rows, work = _STALE[ids.dtype](self.rows, self.since, self.at, ids, replay.now)
        n_parts = threads.parts(work * W.shape[1] * _NS)
        _REPLAY[W.dtype](
            replay.rule, W, *self.kernel_states, self.at, self.rows, self.since, n_rows,
            replay.rates[W.dtype], replay.low, replay.high, replay.now, *replay.scalars, n_parts,
        )  # fmt: skip

    @_locked
    def apply_all(self):
        if self.replay.waits and self.replay.now:
            for start in range(0, len(self.at), _BLOCK):
                self.apply_pending(np.arange(start, min(start + _BLOCK, len(self.at))))

    @_locked
    def update(self, W, listed, scalars):
        """The step that is under way, for the listed rows: (rows, n_rows, gradient, packed)."""
        rows, n_rows, g, packed = listed
        if self.replay.waits:
            self.apply_pending(rows[:n_rows])
            self.at[rows[:n_rows]] = self.replay.now + 1
        else:
            apply_pending(W, rows[:n_rows])  # with another optimizer's steps
        W = as_table(W)
        n_parts = threads.parts(n_rows * W.shape[1] * _NS)
        _UPDATE[W.dtype](
            self.replay.rule, W, *self.kernel_states, g, packed, rows, n_rows, *scalars, n_parts
        )

    @_locked
    def all_updated(self):
        """After the step that is under way was taken by all rows at once."""
        if self.replay.waits:
            self.at[:] = self.replay.now + 1


def _is(a, b):
    return a is b


class Replay:
    """The tables of one optimizer, and the steps that their rows may have to take yet.

    rule: its name in the kernels. `wanted`: ids of the arrays that may wait; None for all that can.
    """

    def __init__(self, rule, wanted=None):
        self.rule = _optimizer.RULES[rule]
        self.waits = rule not in ("sgd", "adagrad")  # without gradient these move nothing
        self.wanted = wanted
        self.tables = []  # one, or None, for each place in the list of parameters
        self.params = ()  # ids of these parameters
        self.now = 0
        self.scalars = None
        self.rates = {np.dtype(kind): np.empty(0, kind) for kind in (np.float32, np.float64)}
        self.low = self.high = 0.0

    @_locked
    def prepare(self, params, grads, states):
        """The tables of these parameters, by place. states: the lists of state arrays."""
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
            if table is None and self._suits(W, grad, mine, params):
                table = _Table(self, W, mine)
                if self.waits:
                    table.at[:] = self.now
            self.tables[i] = table
            if table is not None and self.waits and TABLES.get(key[i]) is not table:
                apply_all_pending(W)  # another optimizer's steps come first
                TABLES[key[i]] = table
        return self.tables

    def _suits(self, W, grad, states, params):
        return (
            (self.wanted is None or id(W) in self.wanted)
            and is_row_grad(grad)
            and is_tracked(grad)
            and can_wait(W)
            and (grad.shape, grad.dtype) == (W.shape, W.dtype)
            and all(
                (a.shape, a.dtype) == (W.shape, W.dtype) and a.flags.carray and type(a) is type(W)
                for a in states
            )
            and sum(other is W or other.base is W for other in params) == 1
        )

    @_locked
    def begin(self, lr, scalars):
        """Note the learning rate of the step to come. Whether its rows without gradient may wait.

        scalars: the three others that a replay takes; where they change, all rows come first.
        """
        if not self.waits:
            return True
        if scalars != self.scalars or self.now == _HISTORY:
            self._restart()
            self.scalars = scalars
        if self.now == len(self.rates[np.dtype(np.float64)]):
            for kind, rates in self.rates.items():
                self.rates[kind] = np.concatenate([rates, np.zeros(max(1024, len(rates)), kind)])
        if not 0 <= lr < _HIGHEST_RATE:
            return False
        for rates in self.rates.values():
            rates[self.now] = lr
        self.low, self.high = min(self.low, lr) if self.now else lr, max(self.high, lr)
        return True

    @_locked
    def end(self):
        """The step was taken."""
        if self.waits:
            self.now += 1

    @_locked
    def flush(self):
        """Take every row to the present; nobody waits until the next step."""
        self._restart()
        for table in self.tables:
            W = None if table is None else table.array()
            if W is not None and TABLES.get(id(W)) is table:
                del TABLES[id(W)]

    @_locked
    def _restart(self):
        """Take every row to the present and start counting anew."""
        if self.now:
            for table in self.tables:
                if table is not None:
                    table.apply_all()
                    table.at[:] = 0
        self.now, self.low, self.high = 0, 0.0, 0.0


def can_wait(W):
    """Whether rows of this array can wait: the kernels take it, and it owns its memory.

    An array out of a pickle of protocol 5 does not: views of it lead past it to another one.
    """
    return (
        type(W) is np.ndarray
        and W.ndim in (1, 2)
        and (W.base is None or type(W.base) is bytes)  # as out of older pickles
        and W.size > 0
        and W.flags.carray
        and has_plain_rows(as_table(W))
    )


@contextlib.contextmanager
def rows_in_fit(model, optimizer, fewest=None):
    """A context in which `optimizer` moves rows of the model's tables only when they are used.

    Where code that is not ours could read a table, or where the tables are small, nothing is
    different in it. The gradients of the tables are packed meanwhile: see `_row_grad.pack`.
    """
    tables = _tables_of(model, _FEWEST if fewest is None else fewest)
    if not tables:
        try:
            yield
        finally:
            optimizer.flush()  # of rows that wait because the optimizer was asked for it
        return
    before = optimizer._replay
    if before is None:
        optimizer._replay = Replay(optimizer._rule, set(tables))
    grads = [g for w, g in zip(model.params, model.grads, strict=True) if id(w) in tables]
    for grad in grads:
        pack(grad)
    try:
        yield
    finally:
        try:
            optimizer._replay.flush()
        finally:
            optimizer._replay = before
            for grad in grads:
                unpack(grad)


def _tables_of(model, fewest):
    """{id: array} of the model's parameters whose rows may wait in a fit."""
    named = list(getattr(model, "row_tables", tuple)())
    # A table that two layers read has two gradients, which are not packed together.
    tables = {id(W): W for W in named if sum(other is W for other in named) == 1}
    if not tables or len(model.params) != len(model.grads):
        return {}
    others = [W for W in model.params if id(W) not in tables]
    listed = {id(W) for W in model.params}
    for key, W in list(tables.items()):
        grads = [g for w, g in zip(model.params, model.grads, strict=True) if w is W]
        if not (
            key in listed
            and can_wait(W)
            and len(W) >= fewest
            and all(is_row_grad(g) and is_tracked(g) for g in grads)
            and all((g.dtype, g.shape) == (W.dtype, W.shape) for g in grads)
            # what is compared as a whole with its own kind, or read by others too, does not wait
            and (W.ndim == 1 or W.shape[0] != W.shape[1])
            and not any(other.shape == W.shape[::-1] for other in tables.values() if W.ndim == 2)
            and not any(np.may_share_memory(W, other) for other in others)
            and key not in TABLES
        ):
            del tables[key]
    return tables


def updates_rows(g):
    """(rows, n_rows, gradient, packed) of a gradient that is zero in all other rows, or None."""
    if not is_tracked(g):
        return None
    packed = packed_rows(g)
    if packed is not None:
        return packed
    tracker = g._tracker
    return None if tracker.dense else (tracker.rows, tracker.n_rows, as_table(g), False)
