"""Merging of weights that a model lists more than once, and of their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.arrays import FLOATS, check_weights
from fastw2v._checks.sequences import check_params_and_grads
from fastw2v._kernels import _embedding
from fastw2v._rows.deferred import TABLES, apply_all_pending, apply_pending, may_defer
from fastw2v._rows.row_grad import RowGrad, is_clear
from fastw2v._rows.writes import add_into, touched, unpack

__all__ = ["merge_shared", "remove_duplicate"]

_TRY_MERGE = _embedding.try_merge

_FIRST = np.zeros(1, np.int64)

Arrays = list[NDArray[Any]]


def remove_duplicate(
    params: Sequence[NDArray[Any]], grads: Sequence[NDArray[Any]]
) -> tuple[Arrays, Arrays]:
    """Return new lists that hold each shared weight once, with the sum of its gradients.

    Two entries are one weight if they are the same array, or if both are matrices and one equals
    the other's transpose. The first entry is kept, and its own gradient array takes the sum.
    TypeError for entries that are not arrays, ValueError for lists of unequal length.

    >>> import numpy as np
    >>> from fastw2v.trainer import remove_duplicate
    >>> W, b = np.zeros((2, 2)), np.zeros(2)
    >>> params, grads = remove_duplicate([W, b, W], [np.ones((2, 2)), np.ones(2), np.ones((2, 2))])
    >>> len(params), grads[0][0]
    (2, array([2., 2.]))
    """
    return merge_shared(params, grads, trusted=False)


def merge_shared(
    params: Sequence[NDArray[Any]], grads: Sequence[NDArray[Any]], trusted: bool
) -> tuple[Arrays, Arrays]:
    """Do as `remove_duplicate`; trusted: whether the lists of rows are trusted (see `RowGrad`)."""
    kept = _TRY_MERGE(params, grads, RowGrad) if trusted else None
    if kept is not None:
        return [params[i] for i in kept], [grads[i] for i in kept]
    check_params_and_grads(params, grads)
    kept_params: Arrays = []
    kept_grads: Arrays = []
    place: dict[int, int] = {}
    # Places of kept matrices by shape: few matrices have the shape of another one's transpose.
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for i, (param, grad) in enumerate(zip(params, grads, strict=True)):
        at = place.get(id(param))
        if at is not None:
            believed = trusted or may_defer(param)
            if not (believed and is_clear(grad)):
                add_into(kept_grads[at], grad, believed)
            continue
        if type(param) is not np.ndarray or param.dtype not in FLOATS:
            check_weights(f"params[{i}]", param, None)
        for at in by_shape.get(param.shape[::-1], ()) if param.ndim == 2 else ():
            if _is_transpose(kept_params[at], param):
                kept_grads[at] = _sum_of_tied(kept_grads[at], grad.T, trusted)
                break
        else:
            place[id(param)] = len(kept_params)
            if param.ndim == 2:
                by_shape.setdefault(param.shape, []).append(len(kept_params))
            kept_params.append(param)
            kept_grads.append(grad)
    return kept_params, kept_grads


def _sum_of_tied(first: NDArray[Any], second: NDArray[Any], trusted: bool) -> NDArray[Any]:
    """Return the sum of both gradients of a tied weight, in the memory of the first one.

    In `fit` no other code reads the gradients, and the sum may be in the memory of the second. An
    embedding has touched a few rows of the first, and the affine layer that has the transpose
    writes all rows of the second.
    """
    unpack(first)
    unpack(second)
    if trusted and first.dtype == second.dtype and touched(first, trusted) is not None:
        add_into(second, first, trusted)
        return second
    first += second
    return first


def _is_transpose(first: NDArray[Any], param: NDArray[Any]) -> bool:
    if param.size == 0:
        return False
    if not TABLES:  # no row is behind, and two numbers tell most matrices apart
        ours, theirs = first[0, 0], param[0, 0]
        if ours != theirs and ours == ours:
            return False
    memory, other = first.T.__array_interface__, param.__array_interface__
    if memory["data"] == other["data"] and first.T.strides == param.strides:
        return first.dtype == param.dtype  # one is a view of the other
    # Most matrices of one shape differ in their first row already; few are compared in full.
    return _first_rows_match(first, param) and _matches(first, param)


def _first_rows_match(first: NDArray[Any], param: NDArray[Any]) -> bool:
    """Return whether the first column of `first` equals the first row of `param`.

    For a table with deferred rows it compares the first row instead, which is the cheaper one to
    bring up to date.
    """
    if may_defer(first):
        apply_pending(first, _FIRST)
        return np.array_equal(first[0], param[:, 0])
    if may_defer(param):
        apply_pending(param, _FIRST)
    return np.array_equal(first.T[0], param[0])


def _matches(first: NDArray[Any], param: NDArray[Any]) -> bool:
    apply_all_pending(first, param)
    return np.array_equal(first.T, param)
