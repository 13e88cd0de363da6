"""The choice of the tables whose updates `fit` defers, and the context in which it does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._rows.deferred import TABLES
from fastw2v._rows.pending import can_defer, has_layout_of
from fastw2v._rows.row_grad import is_row_grad, is_tracked
from fastw2v._rows.writes import begin_packing, end_packing

__all__ = ["deferred_updates"]

_FEWEST = 5000  # rows of the smallest table for which it pays; see bench/bench_row_sparse.py


@contextlib.contextmanager
def deferred_updates(model: Any, optimizer: Any) -> Iterator[None]:
    """Let `optimizer` update rows of the model's tables only when they are used.

    Where other code could read a table, or where the tables are small, the context changes nothing.
    The gradients of the tables are packed meanwhile: see `writes.begin_packing`. When it ends, also
    by an exception, all rows are up to date.
    """
    tables = _tables_of(model, optimizer)
    grads = [g for w, g in zip(model.params, model.grads, strict=False) if id(w) in tables]
    optimizer._deferred_in_fit = frozenset(tables)
    for grad in grads:
        begin_packing(grad)
    try:
        yield
    finally:
        try:
            optimizer.flush()  # also rows that are deferred because of row_sparse
        finally:
            del optimizer._deferred_in_fit
            for grad in grads:
                end_packing(grad)


def _tables_of(model: Any, optimizer: Any) -> dict[int, NDArray[Any]]:
    """Return {id: array} of the model's parameters whose rows `fit` may defer."""
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
            and can_defer(W)
            and len(W) >= _FEWEST
            and all(is_row_grad(g) and is_tracked(g) and has_layout_of(W, g) for g in grads)
            # A matrix that is compared with its own kind is read as a whole, and so is one that
            # other layers read too.
            and (W.ndim == 1 or W.shape[0] != W.shape[1])
            and not any(other.shape == W.shape[::-1] for other in tables.values() if W.ndim == 2)
            and not any(np.may_share_memory(W, other) for other in others)
            and (key not in TABLES or TABLES[key].pending is optimizer._pending)
        ):
            del tables[key]
    return tables
