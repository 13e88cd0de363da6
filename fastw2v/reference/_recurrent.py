"""Recurrent layers: a sequence is (N, T, ...), and a layer over time is T cells that share weights.

    RNN     h = tanh(x Wx + h_prev Wh + b)
    LSTM    f, g, i, o = columns of x Wx + h_prev Wh + b;   f, i, o sigmoid, g tanh
            c = f * c_prev + g * i;   h = o * tanh(c)
    GRU     z, r = sigmoid(x Wx + h_prev Wh + b), their columns;   columns z | r | h~
            h~ = tanh(x Wxh + (r * h_prev) Whh + bh);   h = (1 - z) * h_prev + z * h~
    GRU with reset_after
            z, r = sigmoid(x Wx + bx + h_prev Wh + bh), their columns
            h~ = tanh(x Wxh + bxh + r * (h_prev Whh + bhh));   b holds the rows bx and bh

after Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000), and Cho et al.
(2014). Sequences and their gradients are float32 unless `dtype` is float64; states and gradients of
the weights have the dtype to which numpy promotes the inputs.

Options beyond the book, all by keyword:
    lengths (N,)            row n has only its first lengths[n] steps; the steps beyond are not
                            read, hs is 0 there, and they have no gradient
    mask (N, T)             a row skips the steps where mask is 0: its states stay, hs repeats the
                            row's last result (0 before the first one), and they have no gradient
    go_backwards            each row is read from its last step to its first, and the results come
                            in that order
    dh, dc                  gradients that arrive at the last state of each row
    b of two rows           RNN and LSTM add them up, as torch does with b_ih and b_hh
    recurrent_activation    the function that replaces the sigmoid of the gates
    train=False             nothing is kept for backward
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastw2v._checks.arrays import as_numbers, check_shape
from fastw2v._checks.numbers import check_one_of
from fastw2v._checks.sequences import (
    as_mask,
    as_recurrent_sizes,
    as_row_lengths,
    as_sequence,
    as_sequence_dtype,
    as_state,
    as_state_gradient,
    check_trained_forward,
)

from .functions import sigmoid

__all__ = ["GRU", "LSTM", "RNN", "TimeGRU", "TimeLSTM", "TimeRNN", "flip", "steps_of"]

Array = NDArray[Any]


def between(y: Array, slope: float) -> Array:
    """Return the derivative of a line clipped to [0, 1], as a function of its value y."""
    return np.where((y > 0) & (y < 1), slope, 0).astype(y.dtype)


# name -> (the function, its derivative as a function of its value)
RECURRENT_ACTIVATIONS: dict[str, Any] = {
    "sigmoid": (sigmoid, lambda y: y * (1 - y)),
    "hard_sigmoid_keras2": (lambda x: np.clip(0.2 * x + 0.5, 0, 1), lambda y: between(y, 0.2)),
    "hard_sigmoid_keras3": (lambda x: np.clip(x + 3, 0, 6) / 6, lambda y: between(y, 1 / 6)),
}


# One step --------------------------------------------------------------------------------------


class RNN:
    """One step h = tanh(x Wx + h_prev Wh + b); x (N, D), h (N, H), Wx (D, H), Wh (H, H), b (H,)."""

    def __init__(self, Wx: Array, Wh: Array, b: Array) -> None:
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(W) for W in self.params]
        self.cache: Any = None

    def forward(self, x: Array, h_prev: Array) -> Array:
        Wx, Wh, b = self.params
        h = np.tanh(np.dot(x, Wx) + np.dot(h_prev, Wh) + one_bias(b))
        self.cache = (x, h_prev, h)
        # A copy, so that a caller who scales the result does not change the input of backward.
        return h.copy()

    def backward(self, dh_next: Array) -> tuple[Array, Array]:
        Wx, Wh, _ = self.params
        x, h_prev, h = self.cache
        da = dh_next * (1 - h**2)
        write_gradients(self.grads, x, h_prev, da)
        return np.dot(da, Wx.T), np.dot(da, Wh.T)


class LSTM:
    """One step of an LSTM; Wx (D, 4H), Wh (H, 4H), b (4H,) hold the columns of f | g | i | o."""

    def __init__(
        self, Wx: Array, Wh: Array, b: Array, *, recurrent_activation: str = "sigmoid"
    ) -> None:
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(W) for W in self.params]
        self.cache: Any = None
        self.recurrent_activation = recurrent_activation

    def forward(self, x: Array, h_prev: Array, c_prev: Array) -> tuple[Array, Array]:
        Wx, Wh, b = self.params
        gate, _ = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        f, g, i, o = np.split(np.dot(x, Wx) + np.dot(h_prev, Wh) + one_bias(b), 4, axis=1)
        f, g, i, o = gate(f), np.tanh(g), gate(i), gate(o)
        c = f * c_prev + g * i
        h = o * np.tanh(c)
        self.cache = (x, h_prev, c_prev, i, f, g, o, c)
        return h, c.copy()

    def backward(self, dh_next: Array, dc_next: Array) -> tuple[Array, Array, Array]:
        Wx, Wh, _ = self.params
        _, slope = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        x, h_prev, c_prev, i, f, g, o, c = self.cache
        tanh_c = np.tanh(c)
        dc = dc_next + dh_next * o * (1 - tanh_c**2)
        df, dg, di, do = dc * c_prev, dc * i, dc * g, dh_next * tanh_c
        da = np.hstack([df * slope(f), dg * (1 - g**2), di * slope(i), do * slope(o)])
        write_gradients(self.grads, x, h_prev, da)
        return np.dot(da, Wx.T), np.dot(da, Wh.T), dc * f


class GRU:
    """One step of a GRU; Wx (D, 3H), Wh (H, 3H), b (3H,) hold the columns of z | r | h~.

    The reset gate is applied to h_prev before the product with Whh, or, with `reset_after`, to the
    product; b is then (2, 3H).
    """

    def __init__(
        self,
        Wx: Array,
        Wh: Array,
        b: Array,
        *,
        recurrent_activation: str = "sigmoid",
        reset_after: bool = False,
    ) -> None:
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(W) for W in self.params]
        self.cache: Any = None
        self.recurrent_activation = recurrent_activation
        self.reset_after = reset_after
        self.dWx, self.dWh, self.db = None, None, None

    def forward(self, x: Array, h_prev: Array) -> Array:
        if self.reset_after:
            return self._forward_after(x, h_prev)
        Wx, Wh, b = self.params
        H = Wh.shape[0]
        gate, _ = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        a = np.dot(x, Wx[:, : 2 * H]) + np.dot(h_prev, Wh[:, : 2 * H]) + b[: 2 * H]
        z, r = gate(a[:, :H]), gate(a[:, H:])
        h_hat = np.tanh(np.dot(x, Wx[:, 2 * H :]) + np.dot(r * h_prev, Wh[:, 2 * H :]) + b[2 * H :])
        self.cache = (x, h_prev, z, r, h_hat)
        return (1 - z) * h_prev + z * h_hat

    def _forward_after(self, x: Array, h_prev: Array) -> Array:
        Wx, Wh, (bx, bh) = self.params
        H = Wh.shape[0]
        gate, _ = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        from_x, from_h = np.dot(x, Wx) + bx, np.dot(h_prev, Wh) + bh
        zr = gate(from_x[:, : 2 * H] + from_h[:, : 2 * H])
        z, r, inner = zr[:, :H], zr[:, H:], from_h[:, 2 * H :]
        h_hat = np.tanh(from_x[:, 2 * H :] + r * inner)
        self.cache = (x, h_prev, z, r, h_hat, inner)
        return (1 - z) * h_prev + z * h_hat

    def backward(self, dh_next: Array) -> tuple[Array, Array]:
        if self.reset_after:
            return self._backward_after(dh_next)
        Wx, Wh, _ = self.params
        H = Wh.shape[0]
        _, slope = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        x, h_prev, z, r, h_hat = self.cache
        # forward: h = (1 - z) * h_prev + z * h_hat
        da_hat = dh_next * z * (1 - h_hat**2)
        da_z = dh_next * (h_hat - h_prev) * slope(z)
        dh_prev = dh_next * (1 - z)
        # forward: h_hat = tanh(... + (r * h_prev) Whh + ...)
        d_reset = np.dot(da_hat, Wh[:, 2 * H :].T)
        da_r = d_reset * h_prev * slope(r)
        da = np.hstack([da_z, da_r, da_hat])
        dh_prev = dh_prev + d_reset * r + np.dot(da[:, : 2 * H], Wh[:, : 2 * H].T)

        self.dWx = np.dot(x.T, da)
        self.dWh = np.hstack(
            [np.dot(h_prev.T, da[:, : 2 * H]), np.dot((r * h_prev).T, da[:, 2 * H :])]
        )
        self.db = da.sum(axis=0)
        for grad, value in zip(self.grads, (self.dWx, self.dWh, self.db), strict=True):
            grad[...] = value
        return np.dot(da, Wx.T), dh_prev

    def _backward_after(self, dh_next: Array) -> tuple[Array, Array]:
        Wx, Wh, _ = self.params
        _, slope = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        x, h_prev, z, r, h_hat, inner = self.cache
        # forward: h = (1 - z) * h_prev + z * h_hat;   h_hat = tanh(from_x + r * inner)
        da_hat = dh_next * z * (1 - h_hat**2)
        da_z = dh_next * (h_hat - h_prev) * slope(z)
        da_r = da_hat * inner * slope(r)
        from_x, from_h = (np.hstack([da_z, da_r, last]) for last in (da_hat, da_hat * r))
        self.dWx, self.dWh = np.dot(x.T, from_x), np.dot(h_prev.T, from_h)
        self.db = np.stack([from_x.sum(axis=0), from_h.sum(axis=0)])
        for grad, value in zip(self.grads, (self.dWx, self.dWh, self.db), strict=True):
            grad[...] = value
        return np.dot(from_x, Wx.T), dh_next * (1 - z) + np.dot(from_h, Wh.T)


def one_bias(b: Array) -> Array:
    """Return b, or the sum of its two rows."""
    return b.sum(axis=0) if len(b) == 2 and b.ndim == 2 else b


def write_gradients(grads: list[Array], x: Array, h_prev: Array, da: Array) -> None:
    """Write the gradients of Wx, Wh and b from that of a = x Wx + h_prev Wh + b."""
    dWx, dWh, db = grads
    dWx[...] = np.dot(x.T, da)
    dWh[...] = np.dot(h_prev.T, da)
    db[...] = da.sum(axis=0)


# T steps ---------------------------------------------------------------------------------------


def reverse(xs: Array, there: Array | None = None) -> Array:
    """Return xs (N, T, ...) with each row reversed within the steps it has; the others stay."""
    if there is None:
        return xs[:, ::-1]
    t = np.arange(xs.shape[1])
    n = there.sum(axis=1)[:, None]
    source = np.where(t < n, n - 1 - t, t)
    return np.take_along_axis(xs, source[:, :, None], axis=1)


def flip(xs: Array, there: Array | None, masked: bool) -> Array:
    """Return xs in the opposite order: all its steps with a mask, else those that a row has."""
    return xs[:, ::-1] if masked else reverse(xs, there)


def steps_of(lengths: Array | None, mask: Array | None, T: int) -> Array | None:
    """Return which rows have which steps (N, T), None if they have all."""
    return mask if lengths is None else np.arange(T) < lengths[:, None]


def choose(here: Array | None, one: Array, other: Array) -> Array:
    """Return rows of `one` where a row has this step, else of `other`; None: all have it."""
    return one if here is None else np.where(here, one, other)


class OverTime:
    """T cells in a row; a subclass names its cell and the states that pass from step to step.

    The states are zero at the start of each forward, or, if stateful, those at the end of the last
    one. Gradients stop at the start of a forward in both cases.
    """

    _cell: Any
    _n_gates: int
    _n_biases: tuple[int, ...] = (1, 2)
    _states: tuple[str, ...] = ("h",)
    zero_output_for_mask = False

    def __init__(
        self,
        Wx: Array,
        Wh: Array,
        b: Array,
        stateful: bool,
        dtype: DTypeLike | None,
        go_backwards: bool,
        options: dict[str, Any],
    ) -> None:
        as_recurrent_sizes(Wx, Wh, b, self._n_gates, self._n_biases)
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(W) for W in self.params]
        self.layers = None
        self.stateful = stateful
        self.dtype = as_sequence_dtype("dtype", dtype)
        self.go_backwards = go_backwards
        self._options = options
        self._there = self._shape = None
        for name in self._states:
            setattr(self, name, None)
            setattr(self, "d" + name, None)

    def forward(
        self,
        xs: Array,
        *,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        train: bool = True,
    ) -> Array:
        Wx, Wh, b = self.params
        D, H = as_recurrent_sizes(Wx, Wh, b, self._n_gates, self._n_biases)
        xs = as_sequence("xs", xs, Wx)
        N, T, _ = xs.shape
        mask = as_mask("mask", mask, N, T, lengths)
        lengths = as_row_lengths("lengths", lengths, N, T)
        states = [self._start(name, N) for name in self._states]
        there, masked = steps_of(lengths, mask, T), mask is not None

        if self.dtype == np.float64:
            xs = xs.astype(np.float64)
        if there is not None:
            xs = np.where(there[:, :, None], xs, 0)
        if self.go_backwards:
            xs = flip(xs, there, masked)
            there = there[:, ::-1] if masked else there
        repeat = masked and not self.zero_output_for_mask
        hs = np.empty((N, T, H), self.dtype)
        layers = []
        for t in range(T):
            here = None if there is None else there[:, t, None]
            layer = self._cell(*self.params, **self._options)
            new = layer.forward(xs[:, t], *states)
            new = new if isinstance(new, tuple) else (new,)
            states = [choose(here, *pair) for pair in zip(new, states, strict=True)]
            hs[:, t] = choose(here, states[0], hs[:, t - 1] if repeat and t else 0)
            layers.append(layer)

        for name, state in zip(self._states, states, strict=True):
            setattr(self, name, state)
        self.layers = layers if train else None
        self._there, self._shape = there, (N, T, D, H)
        self._masked, self._repeat = masked, repeat
        return hs

    def _start(self, name: str, N: int) -> Array:
        """Return the state of this name at the start of the next forward, for N rows."""
        state, H = getattr(self, name), self.params[1].shape[0]
        if not self.stateful or state is None:
            return np.zeros((N, H), self.dtype)
        return as_state(name, state, N, H)

    def _backward(self, dhs: Array, **arriving: ArrayLike | None) -> Array:
        """Return dxs, from the gradients of hs and of the last states."""
        check_trained_forward(self, self.layers)
        layers = self.layers
        N, T, D, H = self._shape
        dhs = as_numbers("dhs", dhs)
        check_shape("dhs", dhs, (N, T, H), "N, T and H of forward's result")
        dstates = []
        for name, given in arriving.items():
            given = as_state_gradient(name, given, N, H)
            dstates.append(np.zeros((N, H), self.dtype) if given is None else given.copy())

        dxs = np.empty((N, T, D), self.dtype)
        sums, repeated = [0, 0, 0], 0
        for t in reversed(range(T)):
            here = None if self._there is None else self._there[:, t, None]
            # A result that is repeated has the gradients of its repetitions too.
            d = dhs[:, t] + repeated
            repeated = choose(here, 0, d) if self._repeat else 0
            into = [dstates[0] + d, *dstates[1:]]
            dx, *before = layers[t].backward(*(choose(here, d, 0) for d in into))
            dstates = [choose(here, *pair) for pair in zip(before, dstates, strict=True)]
            dxs[:, t] = dx
            sums = [s + grad for s, grad in zip(sums, layers[t].grads, strict=True)]
        for grad, value in zip(self.grads, sums, strict=True):
            grad[...] = value
        for name, d in zip(self._states, dstates, strict=True):
            setattr(self, "d" + name, d)
        return flip(dxs, self._there, self._masked) if self.go_backwards else dxs


class TimeRNN(OverTime):
    """T steps of RNN: hs (N, T, H) of xs (N, T, D). `dh` is the gradient of the first h_prev."""

    _cell, _n_gates = RNN, 1

    def __init__(
        self,
        Wx: Array,
        Wh: Array,
        b: Array,
        stateful: bool = False,
        *,
        dtype: DTypeLike | None = None,
        go_backwards: bool = False,
    ) -> None:
        super().__init__(Wx, Wh, b, stateful, dtype, go_backwards, {})

    def backward(self, dhs: Array, *, dh: ArrayLike | None = None) -> Array:
        return self._backward(dhs, dh=dh)

    def set_state(self, h: Array | None) -> None:
        self.h = h

    def reset_state(self) -> None:
        self.h = None


class Gated(OverTime):
    """A layer whose cell has gates, and a choice of their activation."""

    def __init__(
        self,
        Wx: Array,
        Wh: Array,
        b: Array,
        stateful: bool = False,
        *,
        dtype: DTypeLike | None = None,
        go_backwards: bool = False,
        recurrent_activation: str = "sigmoid",
    ) -> None:
        check_one_of("recurrent_activation", recurrent_activation, RECURRENT_ACTIVATIONS)
        options = {"recurrent_activation": recurrent_activation}
        super().__init__(Wx, Wh, b, stateful, dtype, go_backwards, options)

    @property
    def recurrent_activation(self) -> str:
        return self._options["recurrent_activation"]


class TimeGRU(Gated):
    """T steps of GRU: hs (N, T, H) of xs (N, T, D). `dh` is the gradient of the first h_prev."""

    _cell, _n_gates = GRU, 3

    def __init__(
        self,
        Wx: Array,
        Wh: Array,
        b: Array,
        stateful: bool = False,
        *,
        dtype: DTypeLike | None = None,
        go_backwards: bool = False,
        recurrent_activation: str = "sigmoid",
        reset_after: bool = False,
    ) -> None:
        self._n_biases = (2,) if reset_after else (1,)
        super().__init__(
            *(Wx, Wh, b, stateful),
            dtype=dtype,
            go_backwards=go_backwards,
            recurrent_activation=recurrent_activation,
        )
        self._options = self._options | {"reset_after": reset_after}

    @property
    def reset_after(self) -> bool:
        return self._options["reset_after"]

    def backward(self, dhs: Array, *, dh: ArrayLike | None = None) -> Array:
        return self._backward(dhs, dh=dh)

    def set_state(self, h: Array | None) -> None:
        self.h = h

    def reset_state(self) -> None:
        self.h = None


class TimeLSTM(Gated):
    """T steps of LSTM: hs (N, T, H) of xs (N, T, D). `dh`, `dc` are those of the first h and c."""

    _cell, _n_gates, _states = LSTM, 4, ("h", "c")

    def backward(
        self, dhs: Array, *, dh: ArrayLike | None = None, dc: ArrayLike | None = None
    ) -> Array:
        return self._backward(dhs, dh=dh, dc=dc)

    def set_state(self, h: Array | None, c: Array | None = None) -> None:
        self.h, self.c = h, c

    def reset_state(self) -> None:
        self.h, self.c = None, None
