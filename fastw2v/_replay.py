"""Adam over tables at the cost of the rows that are used, with the bits of the dense pass.

Adam moves every row at every step, also those without gradient: their moments fade, and the weights
follow. Nobody sees a row between two uses, so its steps can wait: when the row is next read, they
are replayed one by one, in registers and in the arithmetic of the dense pass, and the table does
not travel through the caches once a step. `Trainer.fit` does this where all code that reads the
tables is ours, and takes every row to the present before anybody else can look.
"""

import contextlib

import numpy as np

from fastw2v import _threads
from fastw2v._kernels import _optimizer, specialise
from fastw2v._row_grad import is_tracked
from fastw2v._validation import has_plain_rows
from fastw2v.optimizer import Adam

_STALE = specialise(_optimizer.stale_rows)
_REPLAY = specialise(_optimizer.adam_replay)
_ROWS = specialise(_optimizer.adam_rows)

_HISTORY = 4096  # steps between two flushes; their learning rates are kept
_NS = 0.35  # serial nanoseconds per element and step; see `_threads.parts`

# Tables with rows that wait, by id: {id(W): _Table}. Filled only while a `fit` runs.
_waiting = {}


def catch_up(W, ids):
    """Before rows of `W` are read: take them to the present. ids checked, contiguous."""
    if _waiting:
        table = _waiting.get(id(W))
        if table is not None:
            table.catch_up(ids.reshape(-1))


class _Table:
    """One parameter, its moments, and the step that each row is at."""

    def __init__(self, adam, W, m, v):
        self.adam, self.W, self.m, self.v = adam, W, m, v
        self.at = np.zeros(len(W), np.int64)
        self.rows, self.since = np.empty(len(W), np.int64), np.empty(len(W), np.int64)
        self.lr = np.empty(_HISTORY, W.dtype)

    def catch_up(self, ids):
        now, (c1, c2, eps) = self.adam.now, self.adam.constants
        n_rows, steps = _STALE[ids.dtype](self.rows, self.since, self.at, ids, now)
        n_parts = _threads.parts(steps * self.W.shape[1] * _NS)
        _REPLAY[self.W.dtype](
            self.W, self.m, self.v, self.rows, self.since, n_rows, self.lr, now, c1, c2, eps,
            n_parts,
        )  # fmt: skip

    def catch_up_all(self):
        self.catch_up(np.arange(len(self.W)))


class RowAdam:
    """Stands in for an `Adam` over the same parameters; a context in which rows may wait."""

    def __init__(self, optimizer, params, grads):
        for name in optimizer._states:
            optimizer._make_state(name, params)
        self.optimizer, self.grads = optimizer, grads
        self.now = 0
        self.constants = (0.0, 0.0, 0.0)  # nothing to replay before the first step
        self.tables = [
            _Table(self, W, m, v) for W, m, v in zip(params, optimizer.m, optimizer.v, strict=True)
        ]

    def __enter__(self):
        _waiting.update((id(table.W), table) for table in self.tables)
        return self

    def __exit__(self, *exception):
        for table in self.tables:
            _waiting.pop(id(table.W))
        self._flush()

    def update(self):
        """One step; the rows with a gradient are at the present, for they have been read."""
        lr, *self.constants = self.optimizer._scalars()
        for table, grad in zip(self.tables, self.grads, strict=True):
            table.lr[self.now] = lr
            if is_tracked(grad) and not grad._tracker.dense:
                tracker = grad._tracker
                n_parts = _threads.parts(tracker.n_rows * grad.shape[1] * _NS)
                _ROWS[table.W.dtype](
                    table.W, table.m, table.v, table.at, grad, tracker.rows, tracker.n_rows,
                    self.now, lr, *self.constants, n_parts,
                )  # fmt: skip
            else:
                table.catch_up_all()
                n_parts = _threads.parts(grad.size * _NS)
                kernel = self.optimizer._kernel[table.W.dtype]
                kernel(table.W, table.m, table.v, grad, None, lr, *self.constants, n_parts)
                table.at[:] = self.now + 1
        self.now += 1
        if self.now == _HISTORY:
            self._flush()

    def _flush(self):
        """Take every row to the present and start counting anew."""
        if self.now:
            for table in self.tables:
                table.catch_up_all()
                table.at[:] = 0
        self.now = 0


def row_adam(model, optimizer):
    """A context in which its value may stand for `optimizer` over the model's parameters.

    The value is None where that is not possible: where code that is not ours could read a table.
    The fused models leave the whole gradient of a table in the first of its arrays.
    """
    if type(optimizer) is not Adam or "update" in vars(optimizer):
        return contextlib.nullcontext()
    reads_by_rows = getattr(model, "reads_by_rows", lambda: False)()
    if not reads_by_rows or len(model.params) != len(model.grads):
        return contextlib.nullcontext()
    first = {id(w): (w, g) for w, g in zip(model.params[::-1], model.grads[::-1], strict=True)}
    params = list({id(w): w for w in model.params}.values())
    grads = [first[id(w)][1] for w in params]
    apart = all(not np.may_share_memory(a, b) for i, a in enumerate(params) for b in params[:i])
    suits = (
        apart
        and not first.keys() & _waiting.keys()
        and all(
            is_tracked(g)
            and (g.dtype, g.shape) == (w.dtype, w.shape)
            and has_plain_rows(w)
            and w.flags.writeable
            and w.size
            and w.shape[0] != w.shape[1]  # square ones are compared as wholes in remove_duplicate
            for w, g in zip(params, grads, strict=True)
        )
    )
    if not suits or not _states_fit(optimizer, params):
        return contextlib.nullcontext()
    return RowAdam(optimizer, params, grads)


def _states_fit(optimizer, params):
    """Whether moments of earlier updates can be used as they are."""
    return all(
        arrays is None
        or (
            len(arrays) == len(params)
            and all(
                a.shape == w.shape and a.dtype == w.dtype and a.flags.carray
                for a, w in zip(arrays, params, strict=True)
            )
        )
        for arrays in (optimizer.m, optimizer.v)
    )
