"""Checks and conversions of word ids, all made before the first write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.arrays import as_array, as_numbers, check_shape
from fastw2v._kernels import _embedding, specialise

_IDS = (np.dtype(np.int32), np.dtype(np.int64))
_NO_NUMBERS = "look words up first: word_to_id[word], or model.wv.key_to_index[word]"
_FIND_BAD_ID = specialise(_embedding.find_bad_id)
_WRAP_IDS = specialise(_embedding.wrap_ids)


# Ids of any shape ----------------------------------------------------------------------------


def as_ids(
    name: str, idx: ArrayLike, V: int, wrap: bool = True, rows: str = "rows"
) -> NDArray[Any]:
    """Return `idx` as a C-contiguous int32 or int64 array of its own shape, every id in [0, V).

    Ids may be of any integer dtype, strided, read-only, a list or a scalar. With `wrap`, ids from
    -V to -1 count from the end, as in numpy. The result is a copy that no other code holds: kernels
    trust its ids, which another thread could change in the caller's array after the check.
    `rows` is the plural noun that the message uses for the V things.
    """
    if type(idx) is np.ndarray and idx.dtype in _IDS:
        ids = idx.copy()
    else:
        ids = as_native_ids(name, idx, V, wrap, rows)
        if ids is idx or ids.base is not None:
            ids = ids.copy()
    flat = ids.reshape(-1)
    at, negative = _FIND_BAD_ID[ids.dtype](flat, V)
    if at >= 0 or (negative and not wrap):
        if at < 0:
            at = int(np.argmax(flat < 0))
        _raise_bad_id(name, ids, at, V, wrap, rows)
    if negative:
        _WRAP_IDS[ids.dtype](flat, flat, V)
    return ids


def as_checked_ids(name: str, idx: ArrayLike, V: int) -> NDArray[Any]:
    """Return `idx` as `as_ids` does, without wrapping, but perhaps the caller's own array.

    It is for numbers that a kernel computes with and follows nowhere, such as labels.
    """
    ids = as_native_ids(name, idx, V, wrap=False)
    at, negative = _FIND_BAD_ID[ids.dtype](ids.reshape(-1), V)
    return as_ids(name, ids, V, wrap=False) if at >= 0 or negative else ids


def as_any_ids(name: str, idx: ArrayLike, ndim: int | None = None) -> NDArray[Any]:
    """Return `idx` as a C-contiguous int32 or int64 array with `ndim` dimensions (None: any).

    The ids themselves may be any numbers.
    """
    ids = as_native_ids(name, idx)
    if ndim is not None and ids.ndim != ndim:
        raise ValueError(
            f"{name}: expected {ndim} axis, got shape {ids.shape}; flatten it with .ravel()"
        )
    return ids


def as_native_ids(
    name: str, idx: ArrayLike, V: int = 2**63 - 1, wrap: bool = True, rows: str = "rows"
) -> NDArray[Any]:
    """Return `idx` as a C-contiguous int32 or int64 array, without a check of its range.

    Only ids too large for int64 are refused; `V`, `wrap` and `rows` are for that message.
    """
    ids = as_array(name, idx)
    if ids.size == 0 and not isinstance(idx, np.ndarray):
        return np.empty(ids.shape, np.int64)  # numpy makes float64 of an empty list
    if ids.dtype.kind not in "iu":
        cure = "convert with .astype(np.int64)" if ids.dtype.kind in "fb" else _NO_NUMBERS
        raise TypeError(f"{name}: expected integer ids, got dtype {ids.dtype}; {cure}")
    if ids.dtype == np.uint64 and ids.size and ids.max() >= V:
        # The cast below would make negative ids of these.
        _raise_bad_id(name, ids, int(np.argmax(ids.reshape(-1) >= V)), V, wrap, rows)
    dtype = np.int32 if ids.dtype.itemsize < 4 or ids.dtype == np.int32 else np.int64
    if ids.dtype == dtype and ids.flags.aligned:  # perhaps strided: a column of the contexts, say
        return ids if ids.flags.c_contiguous else np.array(ids, order="C")
    return np.require(ids, dtype, ["C", "A"])


def _raise_bad_id(name: str, ids: NDArray[Any], at: int, V: int, wrap: bool, rows: str) -> NoReturn:
    """Raise the IndexError for the id at place `at` of the flattened ids."""
    place = at if ids.ndim == 1 else tuple(int(i) for i in np.unravel_index(at, ids.shape))
    where = f" at position {place}" if ids.ndim else ""
    cure = f"use ids from {-V if wrap else 0} to {V - 1}" if V else "the table is empty"
    raise IndexError(
        f"{name}: id {ids.reshape(-1)[at]}{where} is out of range for {V} {rows}; {cure}"
    )


# Ids over time -------------------------------------------------------------------------------


def as_ids_over_time(name: str, xs: ArrayLike, V: int) -> NDArray[Any]:
    """Return `xs` as ids (N, T) in [0, V); see `as_ids`."""
    ids = as_ids(name, xs, V)
    if ids.ndim != 2:
        raise ValueError(
            f"{name}: expected ids of shape (N, T), got {ids.shape}; for one sequence pass it as "
            "xs[None, :]"
        )
    return ids


def as_targets_over_time(
    name: str, ts: ArrayLike, shape: Sequence[int], ignore: int | None = None
) -> NDArray[Any]:
    """Return the targets of scores (N, T, V) as ids (N * T,) in [0, V), and -1 for `ignore`.

    `ts` has ids of shape (N, T) or (N * T,), or one-hot rows in the shape of the scores.
    """
    N, T, V = shape
    ts = np.asarray(ts)
    if ts.shape == (N, T, V):
        ids = as_numbers(name, ts).argmax(axis=2)
    elif ts.shape in ((N, T), (N * T,)):
        ids = as_native_ids(name, ts)
    else:
        raise ValueError(
            f"{name}: expected ids of shape (N, T) = ({N}, {T}), or one-hot rows of shape "
            f"{tuple(shape)}, got {ts.shape}; reshape it"
        )
    ignored = None if ignore is None else ids == ignore
    if ignored is None or not ignored.any():
        return as_ids(name, ids, V).reshape(-1)
    checked = as_ids(name, np.where(ignored, 0, ids), V)
    checked[ignored] = -1
    return checked.reshape(-1)


# A corpus, contexts and targets --------------------------------------------------------------


def check_enough_words(name: str, corpus: Sequence[int] | NDArray[Any], N: int, T: int) -> None:
    """Check that a corpus has one block of N rows of T ids and the id after it."""
    if len(corpus) <= N * T:
        raise ValueError(
            f"{name}: expected more than batch_size * time_size = {N * T} ids, "
            f"got {len(corpus)}; choose a smaller batch_size or time_size"
        )


def check_row_per_word(name: str, V: int, n_words: int, what: str) -> None:
    """Check that a table of V rows has one for each word of the corpus `name`.

    `what` describes V in the message.
    """
    if n_words > V:
        raise ValueError(
            f"{name}: expected ids below {V}, {what}, got ids up to {n_words - 1}; "
            f"make it {n_words}, one row per word"
        )


def as_contexts_and_target(
    contexts: ArrayLike, target: ArrayLike, V: int, C: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return ids contexts (N, C) in [0, V) and target (N,), any numbers; N > 0."""
    contexts = as_ids("contexts", contexts, V)
    target = as_any_ids("target", target)
    if target.ndim != 1 or len(target) == 0:
        raise ValueError(
            f"target: expected ids of shape (N,) with N > 0, got {target.shape}; pass one for "
            "each row of contexts, and leave out empty batches"
        )
    check_shape("contexts", contexts, (len(target), C), "2 * window_size ids per target")
    return contexts, target


def as_one_hot_contexts(name: str, contexts: ArrayLike, V: int) -> NDArray[Any]:
    """Return contexts as an array of one-hot vectors (N, 2, V)."""
    contexts = as_numbers(name, contexts)
    if contexts.ndim != 3 or contexts.shape[1:] != (2, V):
        raise ValueError(
            f"{name}: expected one-hot vectors of shape (N, 2, V) = (N, 2, {V}), got "
            f"{contexts.shape}; make them with util.convert_one_hot(contexts, {V})"
        )
    return contexts
