"""Checks of Python sequences, and of arrays (N, T, ...) over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastw2v._checks.arrays import FLOATS, as_numbers, check_bias, check_shape, check_weights
from fastw2v._checks.ids import as_native_ids

# Objects and lists ---------------------------------------------------------------------------


def check_text(name: str, value: object) -> None:
    """Check that a value is a str."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected str, got {type(value).__name__}; decode or join it")


def check_iterable(name: str, things: object, what: str) -> None:
    """Check that `things` can be iterated over; `what` describes its items in the message."""
    if not hasattr(things, "__iter__"):
        raise TypeError(
            f"{name}: expected {what}, got {type(things).__name__}; pass a list of them"
        )


def check_methods(name: str, thing: object, wanted: Sequence[str]) -> None:
    """Check that an object has all the wanted methods."""
    missing = [method for method in wanted if not callable(getattr(thing, method, None))]
    if missing:
        raise TypeError(
            f"{name}: expected an object with {' and '.join(wanted)}, got "
            f"{type(thing).__name__} without {missing[0]}; write that method"
        )


def check_params_and_grads(params: object, grads: object) -> None:
    """Check that parameters and gradients are two lists, or other sequences, of equal length."""
    n_params, n_grads = _length("params", params), _length("grads", grads)
    if n_params != n_grads:
        raise ValueError(
            f"grads: expected {n_params} arrays, one per parameter, got {n_grads}; "
            "pass both lists of the same layers"
        )


def check_array_list(name: str, arrays: object) -> None:
    """Check that `arrays` is a list, or another sequence; its items may be anything."""
    _length(name, arrays)


def _length(name: str, arrays: Any) -> int:
    """Return the number of arrays in a sequence; refuse anything else, a single array included."""
    try:
        iter(arrays)
        return len(arrays)
    except TypeError:
        raise TypeError(
            f"{name}: expected a list of arrays, got {type(arrays).__name__}; "
            f"pass model.{name}, or [array] for a single one"
        ) from None


# Recurrent layers ----------------------------------------------------------------------------


def as_sequence_dtype(name: str, dtype: DTypeLike | None) -> np.dtype[Any]:
    """Return the dtype of sequences, float32 or float64; None is float32, as in the book."""
    try:
        return FLOATS[FLOATS.index(np.dtype(np.float32 if dtype is None else dtype))]
    except (TypeError, ValueError):
        raise TypeError(
            f"{name}: expected None, np.float32 or np.float64, got {dtype!r}; pass one of these"
        ) from None


def as_recurrent_sizes(
    Wx: NDArray[Any], Wh: NDArray[Any], b: NDArray[Any], n_gates: int, n_biases: Sequence[int]
) -> tuple[int, int]:
    """Return (D, H) of the weights of a cell with n gates.

    Wx is (D, n * H), Wh (H, n * H), and b (n * H,) of one bias or (2, n * H) of two, where
    `n_biases` holds the numbers that the cell accepts.
    """
    check_weights("Wx", Wx, 2)
    check_weights("Wh", Wh, 2)
    D, H = Wx.shape[0], Wh.shape[0]
    width, letters = n_gates * H, f"{n_gates} * H" if n_gates > 1 else "H"
    if Wh.shape[1] != width:
        raise ValueError(
            f"Wh: expected shape (H, {letters}), got {Wh.shape}; its rows are the hidden units"
        )
    if Wx.shape[1] != width:
        raise ValueError(
            f"Wx: expected shape (D, {letters}) = ({D}, {width}) to match Wh of shape {Wh.shape}, "
            f"got {Wx.shape}; reshape it"
        )
    check_biases("b", b, width, n_biases)
    return D, H


def check_biases(name: str, b: NDArray[Any], width: int, n_biases: Sequence[int]) -> None:
    """Check that `b` holds as many biases of this width as a cell accepts."""
    check_weights(name, b, None)
    if b.shape == (2, width):
        if 2 not in n_biases:
            raise ValueError(
                f"{name}: expected shape ({width},) to match Wh, got {b.shape}; a GRU with two "
                "biases resets after the product: pass reset_after=True"
            )
    elif 1 not in n_biases:
        raise ValueError(
            f"{name}: expected shape (2, {width}), the biases of x Wx and of h_prev Wh, got "
            f"{b.shape}; pass both, or reset_after=False"
        )
    elif 2 in n_biases and b.size == 2 * width and b.shape != (width,):
        raise ValueError(
            f"{name}: expected shape ({width},), or (2, {width}) of two biases that are added, got "
            f"{b.shape}; reshape it"
        )
    else:
        check_bias(name, b, width)


def as_sequence(name: str, xs: ArrayLike, Wx: NDArray[Any]) -> NDArray[Any]:
    """Return `xs` as an ndarray (N, T, D) that fits Wx (D, ...)."""
    xs = as_numbers(name, xs)
    D = Wx.shape[0]
    if xs.ndim != 3 or xs.shape[2] != D:
        raise ValueError(
            f"{name}: expected shape (N, T, D) with D = {D} to match W of shape {Wx.shape}, "
            f"got {xs.shape}; reshape or transpose it"
        )
    return xs


def as_row_lengths(name: str, given: ArrayLike | None, N: int, T: int) -> NDArray[np.int64] | None:
    """Return the number of steps of each of N rows as (N,) int64, from 0 to T; None means all T."""
    if given is None:
        return None
    found = as_native_ids(name, given).astype(np.int64)  # a copy, which backward reads again
    if found.shape != (N,):
        raise ValueError(
            f"{name}: expected shape (N,) = ({N},), one length per row of xs, got {found.shape}; "
            "pass a flat list"
        )
    bad = np.flatnonzero((found < 0) | (found > T))
    if bad.size:
        raise ValueError(
            f"{name}: expected numbers from 0 to T = {T}, got {found[bad[0]]} at position "
            f"{bad[0]}; count the steps of that row"
        )
    return found


def as_mask(
    name: str, given: ArrayLike | None, N: int, T: int, lengths: object = None
) -> NDArray[np.bool_] | None:
    """Return a mask (N, T) of bool or of 0 and 1 as a new array of bool; None if it hides nothing.

    `lengths`, another statement of the steps of rows, has to be None beside a mask.
    """
    if given is None:
        return None
    if lengths is not None:
        raise ValueError(
            f"{name}: expected None beside lengths, got both; pass one mask of all the steps to "
            f"read, {name} & (np.arange(T) < lengths[:, None])"
        )
    found = as_numbers(name, given)
    if found.shape != (N, T):
        raise ValueError(
            f"{name}: expected shape (N, T) = ({N}, {T}), one entry per step of xs, got "
            f"{found.shape}; for rows padded with the id 0 pass ids != 0"
        )
    mask = found == 1
    bad = np.argwhere(~mask & (found != 0))
    if bad.size:
        n, t = bad[0].tolist()
        raise ValueError(
            f"{name}: expected True and False, or 1 and 0, got {found[n, t]} at row {n}, step {t}; "
            "for rows padded with the id 0 pass ids != 0"
        )
    return None if mask.all() else mask


def as_state(name: str, h: ArrayLike, N: int, H: int) -> NDArray[Any]:
    """Return the first state of a step or a sequence as an ndarray (N, H)."""
    h = as_numbers(name, h)
    if h.shape != (N, H):
        raise ValueError(
            f"{name}: expected a state of shape (N, H) = ({N}, {H}), one row per row of the input, "
            f"got {h.shape}; call reset_state() before a batch of another size, or set_state() "
            "with one of this shape"
        )
    return h


def as_state_gradient(name: str, dh: ArrayLike | None, N: int, H: int) -> NDArray[Any] | None:
    """Return the gradient that arrives at a last state as an ndarray (N, H); None stays None."""
    if dh is None:
        return None
    dh = as_numbers(name, dh)
    check_shape(name, dh, (N, H), "N and H of the last state")
    return dh


def check_trained_forward(layer: object, value: object) -> None:
    """Check that forward has run with train=True: `value`, kept for backward, is not None."""
    if value is None:
        raise RuntimeError(
            f"{type(layer).__name__}.backward: nothing to go back through; call forward first, "
            "with train=True"
        )


# Attention -----------------------------------------------------------------------------------


def as_attended(name: str, hs: ArrayLike, least: int = 1) -> NDArray[Any]:
    """Return states as an ndarray (N, T, H) of at least `least` steps."""
    hs = as_numbers(name, hs)
    if hs.ndim != 3 or hs.shape[1] < least:
        more = f" with T of at least {least}" if least else ""
        raise ValueError(
            f"{name}: expected states of shape (N, T, H){more}, got {hs.shape}; reshape it"
        )
    return hs
