"""RNN, LSTM and GRU: one step of a recurrent network for N rows.

They are the `layers` of a layer over time, and the parts of a loop over time that users write
themselves. Dtypes promote as numpy does. N batch, D input width, H hidden units.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v import config
from fastw2v._checks.arrays import as_numbers, check_forward_ran, check_shape, check_writable
from fastw2v._checks.numbers import check_one_of
from fastw2v._checks.sequences import as_recurrent_sizes
from fastw2v._core.products import column_sums, product
from fastw2v._rows.deferred import apply_all_pending
from fastw2v.functions import sigmoid

__all__ = ["GRU", "LSTM", "RECURRENT_ACTIVATIONS", "RNN"]


def _clipped_slope(y: NDArray[Any], slope: float) -> NDArray[Any]:
    """Return the derivative of a line clipped to [0, 1], as a function of its value y."""
    return ((y > 0) & (y < 1)) * y.dtype.type(slope)


# name -> (the function, its derivative as a function of its value)
RECURRENT_ACTIVATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sigmoid": (sigmoid, lambda y: y * (1 - y)),
    "hard_sigmoid_keras2": (
        lambda a: np.clip(0.2 * a + 0.5, 0, 1),
        lambda y: _clipped_slope(y, 0.2),
    ),
    "hard_sigmoid_keras3": (lambda a: np.clip(a + 3, 0, 6) / 6, lambda y: _clipped_slope(y, 1 / 6)),
}


class _Cell:
    """The weights, gradients and checks of RNN, LSTM and GRU."""

    _n_gates = 0  # columns of the weights, in units of H
    _n_biases: tuple[int, ...] = (1, 2)  # how many b may hold

    cache: Any  # arrays of the last forward: x, h_prev and those that backward reads; None before

    def __init__(self, Wx: NDArray[Any], Wh: NDArray[Any], b: NDArray[Any]) -> None:
        config.check()
        as_recurrent_sizes(Wx, Wh, b, self._n_gates, self._n_biases)
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(W, subok=False) for W in self.params]
        self.cache = None

    def _check_forward(
        self, x: ArrayLike, **states: ArrayLike
    ) -> tuple[NDArray[Any], list[NDArray[Any]], NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return (x, states, Wx, Wh, b) as arrays that fit each other."""
        apply_all_pending(*self.params)
        Wx, Wh, b = map(np.asarray, self.params)
        _, H = as_recurrent_sizes(Wx, Wh, b, self._n_gates, self._n_biases)
        x = _as_step_input("x", x, Wx)
        found = []
        for name, given in states.items():
            given = as_numbers(name, given)
            shape = (len(x), H)
            check_shape(name, given, shape, "N of x and H of Wh")
            found.append(given)
        return x, found, Wx, Wh, b

    def _check_backward(self, **gradients: ArrayLike) -> list[Any]:
        """Return the gradients (N, H) that arrive at forward's results.

        A number means that all entries are equal to it; loops over time begin with 0.
        """
        check_forward_ran(self, self.cache)
        shape = self.cache[1].shape
        found = []
        for name, given in gradients.items():
            if not isinstance(given, (int, float)):  # these are weak in numpy's promotion
                given = as_numbers(name, given)
                if given.ndim:
                    check_shape(name, given, shape, "that of forward's result")
            found.append(given)
        for k, (grad, W) in enumerate(zip(self.grads, self.params, strict=True)):
            check_shape(f"grads[{k}]", grad, np.shape(W), "that of the weight")
            check_writable(f"grads[{k}]", grad)
        return found

    def _write_gradients(self, x: NDArray[Any], h_prev: NDArray[Any], da: NDArray[Any]) -> None:
        """Write the gradients of Wx, Wh and b from that of a = x Wx + h_prev Wh + b."""
        dWx, dWh, db = self.grads
        product(x.T, da, out=dWx)
        product(h_prev.T, da, out=dWh)
        db[...] = column_sums(da)


def _as_step_input(name: str, x: ArrayLike, Wx: NDArray[Any]) -> NDArray[Any]:
    """Return `x` as an ndarray (N, D) that fits Wx (D, ...)."""
    x = as_numbers(name, x)
    D = Wx.shape[0]
    if x.ndim != 2 or x.shape[1] != D:
        raise ValueError(
            f"{name}: expected shape (N, D) with D = {D} to match Wx of shape {Wx.shape}, "
            f"got {x.shape}; reshape or transpose it"
        )
    return x


def _pre_activation(
    x: NDArray[Any], h_prev: NDArray[Any], Wx: NDArray[Any], Wh: NDArray[Any], b: NDArray[Any]
) -> NDArray[Any]:
    """Return x Wx + h_prev Wh + b, in numpy's dtype."""
    a = product(x, Wx)
    for term in (product(h_prev, Wh), *np.atleast_2d(b)):
        if term.dtype == a.dtype:
            a += term
        else:
            a = a + term
    return a


def _blocks(gates: NDArray[Any], n: int) -> list[NDArray[Any]]:
    """Return the n blocks of H columns of gates (N, n * H)."""
    H = gates.shape[1] // n
    return [gates[:, k * H : (k + 1) * H] for k in range(n)]


class RNN(_Cell):
    """One step of a simple recurrent network: h = tanh(x Wx + h_prev Wh + b).

    Wx (D, H), Wh (H, H), b (H,) are the caller's own arrays. Dtypes promote as numpy does.
    ValueError for shapes that do not fit, TypeError for dtypes other than real numbers.

    >>> import numpy as np
    >>> from fastw2v.time_layers import RNN
    >>> layer = RNN(np.eye(2), np.eye(2), np.zeros(2))
    >>> layer.forward(np.array([[0.5, 0.0]]), np.array([[0.0, 0.5]]))
    array([[0.46211716, 0.46211716]])
    >>> dx, dh_prev = layer.backward(np.array([[1.0, 0.0]]))
    >>> dx
    array([[0.78644773, 0.        ]])
    """

    _n_gates = 1

    def forward(self, x: ArrayLike, h_prev: ArrayLike) -> NDArray[Any]:
        """Return h (N, H) from x (N, D) and h_prev (N, H)."""
        x, (h_prev,), Wx, Wh, b = self._check_forward(x, h_prev=h_prev)
        h = np.tanh(_pre_activation(x, h_prev, Wx, Wh, b))
        self.cache = (x, h_prev, h)
        return h.copy()

    def backward(self, dh_next: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return dx (N, D) and dh_prev (N, H) from dh (N, H).

        The gradients of the weights are written into `grads`.
        """
        (dh_next,) = self._check_backward(dh_next=dh_next)
        x, h_prev, h = self.cache
        Wx, Wh, _ = map(np.asarray, self.params)
        # forward: h = tanh(a)
        da = dh_next * (1 - h * h)
        self._write_gradients(x, h_prev, da)
        return product(da, Wx.T), product(da, Wh.T)


class _GatedCell(_Cell):
    """A cell with gates, and a choice of their activation."""

    def __init__(
        self,
        Wx: NDArray[Any],
        Wh: NDArray[Any],
        b: NDArray[Any],
        *,
        recurrent_activation: str = "sigmoid",
    ) -> None:
        check_one_of("recurrent_activation", recurrent_activation, RECURRENT_ACTIVATIONS)
        super().__init__(Wx, Wh, b)
        self.recurrent_activation = recurrent_activation


class LSTM(_GatedCell):
    """One step of a long short-term memory.

    f, g, i, o are the four blocks of H columns of x Wx + h_prev Wh + b, f, i, o after the sigmoid
    and g after tanh; c = f * c_prev + g * i; h = o * tanh(c). Wx (D, 4H), Wh (H, 4H), b (4H,).
    `recurrent_activation` replaces the sigmoid by "hard_sigmoid_keras2",
    max(0, min(1, 0.2 a + 0.5)), or "hard_sigmoid_keras3", max(0, min(1, (a + 3) / 6)). Dtypes and
    errors as in `RNN`.

    >>> import numpy as np
    >>> from fastw2v.time_layers import LSTM
    >>> layer = LSTM(np.zeros((1, 4)), np.zeros((1, 4)), np.zeros(4))
    >>> layer.forward(np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)))
    (array([[0.23105858]]), array([[0.5]]))
    >>> dx, dh_prev, dc_prev = layer.backward(np.zeros((1, 1)), np.ones((1, 1)))
    >>> dc_prev
    array([[0.5]])
    """

    _n_gates = 4

    def forward(
        self, x: ArrayLike, h_prev: ArrayLike, c_prev: ArrayLike
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return h and c (N, H) from x (N, D), h_prev and c_prev (N, H)."""
        x, (h_prev, c_prev), Wx, Wh, b = self._check_forward(x, h_prev=h_prev, c_prev=c_prev)
        gate, _ = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        a = _pre_activation(x, h_prev, Wx, Wh, b)
        gates = gate(a)
        H = h_prev.shape[1]
        gates[:, H : 2 * H] = np.tanh(a[:, H : 2 * H])
        f, g, i, o = _blocks(gates, 4)
        c = f * c_prev + g * i
        self.cache = (x, h_prev, c_prev, i, f, g, o, c)
        return o * np.tanh(c), c.copy()

    def backward(
        self, dh_next: ArrayLike, dc_next: ArrayLike
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return dx (N, D), dh_prev and dc_prev (N, H) from dh and dc (N, H).

        The gradients of the weights are written into `grads`.
        """
        dh_next, dc_next = self._check_backward(dh_next=dh_next, dc_next=dc_next)
        x, h_prev, c_prev, i, f, g, o, c = self.cache
        Wx, Wh, _ = map(np.asarray, self.params)
        _, slope = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        tanh_c = np.tanh(c)
        # forward: h = o * tanh(c)
        dc = dc_next + dh_next * o * (1 - tanh_c * tanh_c)
        # forward: c = f * c_prev + g * i
        da = np.concatenate(
            [
                dc * c_prev * slope(f),
                dc * i * (1 - g * g),
                dc * g * slope(i),
                dh_next * tanh_c * slope(o),
            ],
            axis=1,
        )
        self._write_gradients(x, h_prev, da)
        return product(da, Wx.T), product(da, Wh.T), dc * f


class GRU(_GatedCell):
    """One step of a gated recurrent unit, reset before the product, or after it if `reset_after`.

    z, r = sigmoid of the first two blocks of H columns of x Wx + h_prev Wh + b;
    h~ = tanh(x Wxh + (r * h_prev) Whh + bh) with the third ones; h = (1 - z) * h_prev + z * h~.
    Wx (D, 3H), Wh (H, 3H), b (3H,). reset_after and b (2, 3H) as in `TimeGRU`. After backward
    `dWx`, `dWh`, `db` hold the gradients too. `recurrent_activation` as in `LSTM`; dtypes and
    errors as in `RNN`.

    >>> import numpy as np
    >>> from fastw2v.time_layers import GRU
    >>> layer = GRU(np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(3))
    >>> layer.forward(np.ones((1, 1)), np.ones((1, 1)))
    array([[0.5]])
    >>> dx, dh_prev = layer.backward(np.ones((1, 1)))
    >>> dh_prev
    array([[0.5]])
    """

    _n_gates = 3
    _reset_after = False  # of pickles that do not hold it

    def __init__(
        self,
        Wx: NDArray[Any],
        Wh: NDArray[Any],
        b: NDArray[Any],
        *,
        recurrent_activation: str = "sigmoid",
        reset_after: bool = False,
    ) -> None:
        self._reset_after = bool(reset_after)
        super().__init__(Wx, Wh, b, recurrent_activation=recurrent_activation)
        self.dWx: NDArray[Any] | None = None
        self.dWh: NDArray[Any] | None = None
        self.db: NDArray[Any] | None = None

    @property
    def reset_after(self) -> bool:
        """True if the reset gate works on the product h_prev Whh + bhh, else on h_prev."""
        return self._reset_after

    @property
    def _n_biases(self) -> tuple[int, ...]:  # type: ignore[override]
        return (2,) if self._reset_after else (1,)

    def forward(self, x: ArrayLike, h_prev: ArrayLike) -> NDArray[Any]:
        """Return h (N, H) from x (N, D) and h_prev (N, H)."""
        if self._reset_after:
            return self._forward_after(x, h_prev)
        x, (h_prev,), Wx, Wh, b = self._check_forward(x, h_prev=h_prev)
        gate, _ = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        H = h_prev.shape[1]
        b = b.reshape(-1)
        a = _pre_activation(x, h_prev, Wx[:, : 2 * H], Wh[:, : 2 * H], b[: 2 * H])
        z, r = _blocks(gate(a), 2)
        h_hat = np.tanh(_pre_activation(x, r * h_prev, Wx[:, 2 * H :], Wh[:, 2 * H :], b[2 * H :]))
        self.cache = (x, h_prev, z, r, h_hat)
        return (1 - z) * h_prev + z * h_hat

    def _forward_after(self, x: ArrayLike, h_prev: ArrayLike) -> NDArray[Any]:
        x, (h_prev,), Wx, Wh, (bx, bh) = self._check_forward(x, h_prev=h_prev)
        gate, _ = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        H = h_prev.shape[1]
        a = _pre_activation(x, h_prev, Wx[:, : 2 * H], Wh[:, : 2 * H], bx[: 2 * H] + bh[: 2 * H])
        z, r = _blocks(gate(a), 2)
        inner = product(h_prev, Wh[:, 2 * H :]) + bh[2 * H :]
        h_hat = np.tanh(product(x, Wx[:, 2 * H :]) + bx[2 * H :] + r * inner)
        self.cache = (x, h_prev, z, r, h_hat, inner)
        return (1 - z) * h_prev + z * h_hat

    def backward(self, dh_next: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return dx (N, D) and dh_prev (N, H) from dh (N, H).

        The gradients of the weights are written into `grads`.
        """
        (dh_next,) = self._check_backward(dh_next=dh_next)
        if self._reset_after:
            return self._backward_after(dh_next)
        x, h_prev, z, r, h_hat = self.cache
        Wx, Wh, _ = map(np.asarray, self.params)
        H = h_prev.shape[1]
        _, slope = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        # forward: h = (1 - z) * h_prev + z * h_hat
        da_hat = dh_next * z * (1 - h_hat * h_hat)
        da_z = dh_next * (h_hat - h_prev) * slope(z)
        # forward: h_hat = tanh(... + (r * h_prev) Whh + ...)
        d_reset = product(da_hat, Wh[:, 2 * H :].T)
        da_zr = np.concatenate([da_z, d_reset * h_prev * slope(r)], axis=1)
        dh_prev = dh_next * (1 - z) + d_reset * r + product(da_zr, Wh[:, : 2 * H].T)
        da = np.concatenate([da_zr, da_hat], axis=1)
        dWh = np.concatenate([product(h_prev.T, da_zr), product((r * h_prev).T, da_hat)], axis=1)
        self._write(product(x.T, da), dWh, column_sums(da))
        return product(da, Wx.T), dh_prev

    def _backward_after(self, dh_next: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        x, h_prev, z, r, h_hat, inner = self.cache
        Wx, Wh, _ = map(np.asarray, self.params)
        _, slope = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        # forward: h = (1 - z) * h_prev + z * h_hat
        da_hat = dh_next * z * (1 - h_hat * h_hat)
        da_z = dh_next * (h_hat - h_prev) * slope(z)
        # forward: h_hat = tanh(... + r * inner)
        da_r = da_hat * inner * slope(r)
        da_x = np.concatenate([da_z, da_r, da_hat], axis=1)
        da_h = np.concatenate([da_z, da_r, da_hat * r], axis=1)
        db = np.stack([column_sums(da_x), column_sums(da_h)])
        self._write(product(x.T, da_x), product(h_prev.T, da_h), db)
        return product(da_x, Wx.T), dh_next * (1 - z) + product(da_h, Wh.T)

    def _write(self, *gradients: NDArray[Any]) -> None:
        """Write the gradients of Wx, Wh and b into `grads` and into attributes."""
        self.dWx, self.dWh, self.db = gradients
        for grad, value in zip(self.grads, gradients, strict=True):
            grad[...] = value.reshape(grad.shape)
