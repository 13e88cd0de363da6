"""Checks of Python sequences, and of arrays (N, T, ...) over time."""

from __future__ import annotations

import numpy as np

from fastw2v._checks.arrays import FLOATS, as_numbers, check_bias, check_shape, check_weights
from fastw2v._checks.ids import as_native_ids


def check_text(name, value):
    """`value`, if it is a str."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected str, got {type(value).__name__}; decode or join it")


def check_params_and_grads(params, grads):
    """Check two lists, or other sequences, of equal length."""
    n = [_length(name, arrays) for name, arrays in (("params", params), ("grads", grads))]
    if n[0] != n[1]:
        raise ValueError(
            f"grads: expected {n[0]} arrays, one per parameter, got {n[1]}; "
            "pass both lists of the same layers"
        )


def _length(name, arrays):
    try:
        iter(arrays)
        return len(arrays)
    except TypeError:
        raise TypeError(
            f"{name}: expected a list of arrays, got {type(arrays).__name__}; "
            f"pass model.{name}, or [array] for a single one"
        ) from None


def check_array_list(name, arrays):
    """Check a list, or another sequence, of whatever."""
    _length(name, arrays)


def check_methods(name, thing, wanted):
    """Check that an object has these methods, as a trainer is about to call them."""
    missing = [method for method in wanted if not callable(getattr(thing, method, None))]
    if missing:
        raise TypeError(
            f"{name}: expected an object with {' and '.join(wanted)}, got "
            f"{type(thing).__name__} without {missing[0]}; write that method"
        )


def check_iterable(name, things, what):
    """Check that there is something to go through: `what` says what it gives."""
    if not hasattr(things, "__iter__"):
        raise TypeError(
            f"{name}: expected {what}, got {type(things).__name__}; pass a list of them"
        )


def as_sequence_dtype(name, dtype):
    """The dtype of sequences, float32 or float64; None, the book's, is float32."""
    try:
        return FLOATS[FLOATS.index(np.dtype(np.float32 if dtype is None else dtype))]
    except (TypeError, ValueError):
        raise TypeError(
            f"{name}: expected None, np.float32 or np.float64, got {dtype!r}; pass one of these"
        ) from None


def as_recurrent_sizes(Wx, Wh, b, n_gates):
    """(D, H) of the weights of a cell: Wx (D, n * H), Wh (H, n * H), b (n * H,) for n gates."""
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
    check_bias("b", b, width)
    return D, H


def as_sequence(name, xs, Wx):
    """`xs` as an ndarray (N, T, D) that fits Wx (D, ...)."""
    xs = as_numbers(name, xs)
    D = Wx.shape[0]
    if xs.ndim != 3 or xs.shape[2] != D:
        raise ValueError(
            f"{name}: expected shape (N, T, D) with D = {D} to match W of shape {Wx.shape}, "
            f"got {xs.shape}; reshape or transpose it"
        )
    return xs


def as_state(name, h, N, H):
    """`h` as an ndarray (N, H): what a step or a sequence starts from."""
    h = as_numbers(name, h)
    if h.shape != (N, H):
        raise ValueError(
            f"{name}: expected a state of shape (N, H) = ({N}, {H}), one row per row of the input, "
            f"got {h.shape}; call reset_state() before a batch of another size, or set_state() "
            "with one of this shape"
        )
    return h


def as_state_gradient(name, dh, N, H):
    """`dh` as an ndarray (N, H), or None: the gradient that arrives at a last state."""
    if dh is None:
        return None
    dh = as_numbers(name, dh)
    check_shape(name, dh, (N, H), "N and H of the last state")
    return dh


def as_row_lengths(name, given, N, T):
    """How many of the T steps each of the N rows has, (N,) int64; None stands for all T."""
    if given is None:
        return None
    found = as_native_ids(name, given)
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
    return found.astype(np.int64, copy=False)


def check_trained_forward(layer, value):
    """Check that forward has run with train=True: `value` is what it keeps for backward."""
    if value is None:
        raise RuntimeError(
            f"{type(layer).__name__}.backward: nothing to go back through; call forward first, "
            "with train=True"
        )


def as_attended(name, hs, least=1):
    """`hs` as an ndarray (N, T, H) of at least so many steps."""
    hs = as_numbers(name, hs)
    if hs.ndim != 3 or hs.shape[1] < least:
        more = f" with T of at least {least}" if least else ""
        raise ValueError(
            f"{name}: expected states of shape (N, T, H){more}, got {hs.shape}; reshape it"
        )
    return hs
