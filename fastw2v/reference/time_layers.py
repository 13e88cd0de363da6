"""Layers over time: a sequence is (N, T, ...), and a recurrent layer is T cells that share weights.

    RNN     h = tanh(x Wx + h_prev Wh + b)
    LSTM    f, g, i, o = columns of x Wx + h_prev Wh + b;   f, i, o sigmoid, g tanh
            c = f * c_prev + g * i;   h = o * tanh(c)
    GRU     z, r = sigmoid(x Wx + h_prev Wh + b), their columns;   columns z | r | h~
            h~ = tanh(x Wxh + (r * h_prev) Whh + bh);   h = (1 - z) * h_prev + z * h~

after Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000), and Cho et al.
(2014). Sequences and their gradients are float32 unless `dtype` says float64; states and weight
gradients have numpy's dtype for what goes in.

Beyond the book, all of it by keyword. `lengths` (N,): row n has its first lengths[n] steps only;
what stands beyond is not read, gives 0 and has no gradient. `go_backwards`: each row is read from
its last step to its first, and the results come in that order. `dh`, `dc`: gradients that arrive
at the last state of each row. `recurrent_activation`: what stands in for the sigmoid of the gates.
`train=False`: nothing is kept for backward.
"""

import numpy as np

from fastw2v._checks.arrays import as_numbers, check_shape
from fastw2v._checks.numbers import check_one_of
from fastw2v._checks.sequences import (
    as_recurrent_sizes,
    as_row_lengths,
    as_sequence,
    as_sequence_dtype,
    as_state,
    as_state_gradient,
    check_trained_forward,
)

from .functions import sigmoid
from .layers import Affine, Embedding, SigmoidWithLoss, SoftmaxWithLoss

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Simple_TimeAffine",
    "Simple_TimeSoftmaxWithLoss",
    "TimeAffine",
    "TimeBiLSTM",
    "TimeDropout",
    "TimeEmbedding",
    "TimeGRU",
    "TimeLSTM",
    "TimeRNN",
    "TimeSigmoidWithLoss",
    "TimeSoftmaxWithLoss",
]


def between(y, slope):
    """Derivative of a line that is cut off at 0 and 1, from its value y."""
    return np.where((y > 0) & (y < 1), slope, 0).astype(y.dtype)


# name -> (the function, its derivative as a function of its value)
RECURRENT_ACTIVATIONS = {
    "sigmoid": (sigmoid, lambda y: y * (1 - y)),
    "hard_sigmoid_keras2": (lambda x: np.clip(0.2 * x + 0.5, 0, 1), lambda y: between(y, 0.2)),
    "hard_sigmoid_keras3": (lambda x: np.clip(x + 3, 0, 6) / 6, lambda y: between(y, 1 / 6)),
}


# One step --------------------------------------------------------------------------------------


class RNN:
    """h = tanh(x Wx + h_prev Wh + b), with x (N, D), h (N, H), Wx (D, H), Wh (H, H), b (H,)."""

    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(W) for W in self.params]
        self.cache = None

    def forward(self, x, h_prev):
        Wx, Wh, b = self.params
        h = np.tanh(np.dot(x, Wx) + np.dot(h_prev, Wh) + b)
        self.cache = (x, h_prev, h)
        # A copy, so that a caller who scales the result does not change what backward reads.
        return h.copy()

    def backward(self, dh_next):
        Wx, Wh, _ = self.params
        x, h_prev, h = self.cache
        da = dh_next * (1 - h**2)
        write_gradients(self.grads, x, h_prev, da)
        return np.dot(da, Wx.T), np.dot(da, Wh.T)


class LSTM:
    """As above; Wx (D, 4H), Wh (H, 4H), b (4H,) hold the columns of f | g | i | o."""

    def __init__(self, Wx, Wh, b, *, recurrent_activation="sigmoid"):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(W) for W in self.params]
        self.cache = None
        self.recurrent_activation = recurrent_activation

    def forward(self, x, h_prev, c_prev):
        Wx, Wh, b = self.params
        gate, _ = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        f, g, i, o = np.split(np.dot(x, Wx) + np.dot(h_prev, Wh) + b, 4, axis=1)
        f, g, i, o = gate(f), np.tanh(g), gate(i), gate(o)
        c = f * c_prev + g * i
        h = o * np.tanh(c)
        self.cache = (x, h_prev, c_prev, f, g, i, o, c)
        return h, c.copy()

    def backward(self, dh_next, dc_next):
        Wx, Wh, _ = self.params
        _, slope = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        x, h_prev, c_prev, f, g, i, o, c = self.cache
        tanh_c = np.tanh(c)
        dc = dc_next + dh_next * o * (1 - tanh_c**2)
        df, dg, di, do = dc * c_prev, dc * i, dc * g, dh_next * tanh_c
        da = np.hstack([df * slope(f), dg * (1 - g**2), di * slope(i), do * slope(o)])
        write_gradients(self.grads, x, h_prev, da)
        return np.dot(da, Wx.T), np.dot(da, Wh.T), dc * f


class GRU:
    """As above; Wx (D, 3H), Wh (H, 3H), b (3H,) hold the columns of z | r | h~.

    The reset gate works on h_prev *before* the product with Whh, not on the product.
    """

    def __init__(self, Wx, Wh, b, *, recurrent_activation="sigmoid"):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(W) for W in self.params]
        self.cache = None
        self.recurrent_activation = recurrent_activation
        self.dWx, self.dWh, self.db = None, None, None

    def forward(self, x, h_prev):
        Wx, Wh, b = self.params
        H = Wh.shape[0]
        gate, _ = RECURRENT_ACTIVATIONS[self.recurrent_activation]
        a = np.dot(x, Wx[:, : 2 * H]) + np.dot(h_prev, Wh[:, : 2 * H]) + b[: 2 * H]
        z, r = gate(a[:, :H]), gate(a[:, H:])
        h_hat = np.tanh(np.dot(x, Wx[:, 2 * H :]) + np.dot(r * h_prev, Wh[:, 2 * H :]) + b[2 * H :])
        self.cache = (x, h_prev, z, r, h_hat)
        return (1 - z) * h_prev + z * h_hat

    def backward(self, dh_next):
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


def write_gradients(grads, x, h_prev, da):
    """Of Wx, Wh and b, where da is the gradient of a = x Wx + h_prev Wh + b."""
    dWx, dWh, db = grads
    dWx[...] = np.dot(x.T, da)
    dWh[...] = np.dot(h_prev.T, da)
    db[...] = da.sum(axis=0)


# T steps ---------------------------------------------------------------------------------------


def reverse(xs, there=None):
    """xs (N, T, ...) with each row turned round within the steps it has, the rest where it was."""
    if there is None:
        return xs[:, ::-1]
    t = np.arange(xs.shape[1])
    n = there.sum(axis=1)[:, None]
    source = np.where(t < n, n - 1 - t, t)
    return np.take_along_axis(xs, source[:, :, None], axis=1)


def choose(here, one, other):
    """Rows of `one` where a row has this step, else rows of `other`; all have it for None."""
    return one if here is None else np.where(here, one, other)


class OverTime:
    """T cells in a row. A subclass names its cell and the states that the cell hands on.

    Not stateful: the states are zero at the start of each forward. Stateful: they start where the
    last forward ended; gradients stop at the start of a forward all the same.
    """

    _cell = None
    _n_gates = None
    _states = ("h",)

    def __init__(self, Wx, Wh, b, stateful, dtype, go_backwards, options):
        as_recurrent_sizes(Wx, Wh, b, self._n_gates)
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

    def forward(self, xs, *, lengths=None, train=True):
        Wx, Wh, b = self.params
        D, H = as_recurrent_sizes(Wx, Wh, b, self._n_gates)
        xs = as_sequence("xs", xs, Wx)
        N, T, _ = xs.shape
        lengths = as_row_lengths("lengths", lengths, N, T)
        states = [self._start(name, N) for name in self._states]
        there = None if lengths is None else np.arange(T) < lengths[:, None]

        if self.dtype == np.float64:
            xs = xs.astype(np.float64)
        if there is not None:
            xs = np.where(there[:, :, None], xs, 0)
        if self.go_backwards:
            xs = reverse(xs, there)
        hs = np.empty((N, T, H), self.dtype)
        layers = []
        for t in range(T):
            here = None if there is None else there[:, t, None]
            layer = self._cell(*self.params, **self._options)
            new = layer.forward(xs[:, t], *states)
            new = new if isinstance(new, tuple) else (new,)
            states = [choose(here, *pair) for pair in zip(new, states, strict=True)]
            hs[:, t] = choose(here, states[0], 0)
            layers.append(layer)

        for name, state in zip(self._states, states, strict=True):
            setattr(self, name, state)
        self.layers = layers if train else None
        self._there, self._shape = there, (N, T, D, H)
        return hs

    def _start(self, name, N):
        """The state of that name from which the next forward starts, for N rows."""
        state, H = getattr(self, name), self.params[1].shape[0]
        if not self.stateful or state is None:
            return np.zeros((N, H), self.dtype)
        return as_state(name, state, N, H)

    def _backward(self, dhs, **arriving):
        """dxs, from the gradients of hs and of the last states."""
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
        sums = [0, 0, 0]
        for t in reversed(range(T)):
            here = None if self._there is None else self._there[:, t, None]
            into = [dstates[0] + dhs[:, t], *dstates[1:]]
            dx, *before = layers[t].backward(*(choose(here, d, 0) for d in into))
            dstates = [choose(here, *pair) for pair in zip(before, dstates, strict=True)]
            dxs[:, t] = dx
            sums = [s + grad for s, grad in zip(sums, layers[t].grads, strict=True)]
        for grad, value in zip(self.grads, sums, strict=True):
            grad[...] = value
        for name, d in zip(self._states, dstates, strict=True):
            setattr(self, "d" + name, d)
        return reverse(dxs, self._there) if self.go_backwards else dxs


class TimeRNN(OverTime):
    """hs (N, T, H) of xs (N, T, D): T times RNN. `dh` is the gradient of the first h_prev."""

    _cell, _n_gates = RNN, 1

    def __init__(self, Wx, Wh, b, stateful=False, *, dtype=None, go_backwards=False):
        super().__init__(Wx, Wh, b, stateful, dtype, go_backwards, {})

    def backward(self, dhs, *, dh=None):
        return self._backward(dhs, dh=dh)

    def set_state(self, h):
        self.h = h

    def reset_state(self):
        self.h = None


class Gated(OverTime):
    """With the choice of the gates' activation."""

    def __init__(
        self,
        Wx,
        Wh,
        b,
        stateful=False,
        *,
        dtype=None,
        go_backwards=False,
        recurrent_activation="sigmoid",
    ):
        check_one_of("recurrent_activation", recurrent_activation, RECURRENT_ACTIVATIONS)
        options = {"recurrent_activation": recurrent_activation}
        super().__init__(Wx, Wh, b, stateful, dtype, go_backwards, options)

    @property
    def recurrent_activation(self):
        return self._options["recurrent_activation"]


class TimeGRU(Gated):
    """hs (N, T, H) of xs (N, T, D): T times GRU. `dh` is the gradient of the first h_prev."""

    _cell, _n_gates = GRU, 3

    def backward(self, dhs, *, dh=None):
        return self._backward(dhs, dh=dh)

    def set_state(self, h):
        self.h = h

    def reset_state(self):
        self.h = None


class TimeLSTM(Gated):
    """hs (N, T, H) of xs (N, T, D): T times LSTM. `dh`, `dc` are those of the first h and c."""

    _cell, _n_gates, _states = LSTM, 4, ("h", "c")

    def backward(self, dhs, *, dh=None, dc=None):
        return self._backward(dhs, dh=dh, dc=dc)

    def set_state(self, h, c=None):
        self.h, self.c = h, c

    def reset_state(self):
        self.h, self.c = None, None


class TimeBiLSTM:
    """Two TimeLSTM, one of which gets the input reversed: hs (N, T, 2H), forward's half first.

    States and the gradients of states are pairs: forward_lstm's, backward_lstm's.
    """

    def __init__(
        self,
        Wx1,
        Wh1,
        b1,
        Wx2,
        Wh2,
        b2,
        stateful=False,
        *,
        dtype=None,
        recurrent_activation="sigmoid",
    ):
        options = {"dtype": dtype, "recurrent_activation": recurrent_activation}
        self.forward_lstm = TimeLSTM(Wx1, Wh1, b1, stateful, **options)
        self.backward_lstm = TimeLSTM(Wx2, Wh2, b2, stateful, **options)
        self.params = self.forward_lstm.params + self.backward_lstm.params
        self.grads = self.forward_lstm.grads + self.backward_lstm.grads

    def forward(self, xs, *, lengths=None, train=True):
        xs = as_sequence("xs", xs, self.forward_lstm.params[0])
        N, T, _ = xs.shape
        lengths = as_row_lengths("lengths", lengths, N, T)
        for lstm in (self.forward_lstm, self.backward_lstm):  # before one of them has moved on
            for name in lstm._states:
                lstm._start(name, N)
        there = None if lengths is None else np.arange(T) < lengths[:, None]
        options = {"lengths": lengths, "train": train}
        first = self.forward_lstm.forward(xs, **options)
        second = self.backward_lstm.forward(reverse(xs, there), **options)
        self._there = there
        return np.concatenate([first, reverse(second, there)], axis=2)

    def backward(self, dhs, *, dh=None, dc=None):
        check_trained_forward(self, self.forward_lstm.layers)
        dhs = as_numbers("dhs", dhs)
        N, T, _, H = self.forward_lstm._shape
        check_shape("dhs", dhs, (N, T, 2 * H), "N, T and 2 * H of forward's result")
        dh, dc = ((None, None) if pair is None else pair for pair in (dh, dc))
        first = self.forward_lstm.backward(dhs[:, :, :H], dh=dh[0], dc=dc[0])
        second = reverse(dhs[:, :, H:], self._there)
        second = self.backward_lstm.backward(second, dh=dh[1], dc=dc[1])
        return first + reverse(second, self._there)

    def set_state(self, h, c=None):
        for k, lstm in enumerate((self.forward_lstm, self.backward_lstm)):
            lstm.set_state(None if h is None else h[k], None if c is None else c[k])

    def reset_state(self):
        self.set_state(None)

    @property
    def h(self):
        return self.forward_lstm.h, self.backward_lstm.h

    @property
    def c(self):
        return self.forward_lstm.c, self.backward_lstm.c

    @property
    def dh(self):
        return self.forward_lstm.dh, self.backward_lstm.dh

    @property
    def dc(self):
        return self.forward_lstm.dc, self.backward_lstm.dc


# Layers without a state ------------------------------------------------------------------------


class TimeEmbedding:
    """out (N, T, D) = W[xs] for ids xs (N, T): T times Embedding."""

    def __init__(self, W, *, dtype=None):
        self.params = [W]
        self.grads = [np.zeros_like(W)]
        self.layers = None
        self.W = W
        self.dtype = as_sequence_dtype("dtype", dtype)

    def forward(self, xs):
        xs = np.asarray(xs)
        N, T = xs.shape
        out = np.empty((N, T, self.W.shape[1]), self.dtype)
        self.layers = [Embedding(self.W) for _ in range(T)]
        for t, layer in enumerate(self.layers):
            out[:, t] = layer.forward(xs[:, t])
        return out

    def backward(self, dout):
        total = 0
        for t, layer in enumerate(self.layers):
            layer.backward(dout[:, t])
            total = total + layer.grads[0]
        self.grads[0][...] = total


class TimeAffine:
    """out = x W + b for each step of x (N, T, D), with W (D, H), b (H,): one product of N * T rows.

    W may be the transpose of a table of rows, a view of it.
    """

    def __init__(self, W, b):
        self.params = [W, b]
        self.grads = [np.zeros_like(W), np.zeros_like(b)]
        self.x = None

    def forward(self, x):
        W, b = self.params
        self.x = x
        N, T, D = x.shape
        return (np.dot(x.reshape(N * T, D), W) + b).reshape(N, T, W.shape[1])

    def backward(self, dout):
        W, _ = self.params
        N, T, D = self.x.shape
        rows, drows = self.x.reshape(N * T, D), dout.reshape(N * T, W.shape[1])
        self.grads[0][...] = np.dot(rows.T, drows)
        self.grads[1][...] = drows.sum(axis=0)
        return np.dot(drows, W.T).reshape(N, T, D)


class Simple_TimeAffine:
    """TimeAffine step by step; the gradients are found as `dW` and `db`, not in lists."""

    def __init__(self, W, b):
        self.W, self.b = W, b
        self.dW, self.db = None, None
        self.layers = None

    def forward(self, xs):
        self.layers = [Affine(self.W, self.b) for _ in range(xs.shape[1])]
        return np.stack([layer.forward(xs[:, t]) for t, layer in enumerate(self.layers)], axis=1)

    def backward(self, dout):
        dxs = np.stack([layer.backward(dout[:, t]) for t, layer in enumerate(self.layers)], axis=1)
        self.dW = sum(layer.grads[0] for layer in self.layers)
        self.db = sum(layer.grads[1] for layer in self.layers)
        return dxs


class TimeDropout:
    """In training xs * mask, the mask being 0 or 1 / (1 - dropout_ratio), of mean 1; else xs."""

    def __init__(self, dropout_ratio=0.5):
        self.params, self.grads = [], []
        self.dropout_ratio = dropout_ratio
        self.mask = None
        self.train_flg = True
        self._factor = None

    def forward(self, xs):
        self._factor = 1
        if self.train_flg:
            kept = np.random.rand(*xs.shape) >= self.dropout_ratio
            self.mask = self._factor = kept.astype(np.float32) / np.float32(1 - self.dropout_ratio)
        return xs * self._factor

    def backward(self, dout):
        return dout * self._factor


class TimeSoftmaxWithLoss:
    """Mean of -log(softmax(xs)[n, t, ts[n, t]]) over all n, t whose target is not `ignore_label`.

    xs (N, T, V); ts ids (N, T) or one-hot rows (N, T, V). NaN if no target counts; the gradient is
    zero then. `copy` is for the fast package; here everything is copied.
    """

    def __init__(self):
        self.params, self.grads = [], []
        self.cache = None
        self.ignore_label = -1

    def forward(self, xs, ts, *, copy=True):
        N, T, V = xs.shape
        ts = np.asarray(ts)
        ts = (ts.argmax(axis=2) if ts.ndim == 3 else ts).reshape(N * T)
        mask = ts != self.ignore_label
        ts = np.where(mask, ts, 0)
        shifted = xs.reshape(N * T, V) - xs.max(axis=2).reshape(N * T, 1)
        total = np.exp(shifted).sum(axis=1)
        losses = np.log(total) - shifted[np.arange(N * T), ts]
        self.cache = (ts, np.exp(shifted) / total[:, None], mask, (N, T, V))
        return losses[mask].sum(dtype=np.float64) / (mask.sum() or np.nan)

    def backward(self, dout=1):
        ts, ys, mask, shape = self.cache
        dx = ys.copy()
        dx[np.arange(len(ts)), ts] -= 1
        dx *= dout / max(mask.sum(), 1)
        dx[~mask] = 0
        return dx.reshape(shape)


class TimeSigmoidWithLoss:
    """SigmoidWithLoss of each step of xs (N, T) and ts (N, T); the mean of the T losses."""

    def __init__(self, *, dtype=None):
        self.params, self.grads = [], []
        self.layers = None
        self.xs_shape = None
        self.dtype = as_sequence_dtype("dtype", dtype)

    def forward(self, xs, ts):
        self.xs_shape = xs.shape
        self.layers = [SigmoidWithLoss() for _ in range(xs.shape[1])]
        losses = [layer.forward(xs[:, t], ts[:, t]) for t, layer in enumerate(self.layers)]
        return sum(losses) / len(losses)

    def backward(self, dout=1):
        dxs = np.empty(self.xs_shape, self.dtype)
        for t, layer in enumerate(self.layers):
            dxs[:, t] = layer.backward(dout / len(self.layers))
        return dxs


class Simple_TimeSoftmaxWithLoss:
    """SoftmaxWithLoss of each step of xs (N, T, V) and ts; the mean of the T losses."""

    def __init__(self, *, dtype=None):
        self.params, self.grads = [], []
        self.layers = None
        self.cache = None
        self.dtype = as_sequence_dtype("dtype", dtype)

    def forward(self, xs, ts):
        self.layers = [SoftmaxWithLoss() for _ in range(xs.shape[1])]
        self.cache = (self.layers, xs)
        losses = [layer.forward(xs[:, t], ts[:, t]) for t, layer in enumerate(self.layers)]
        return sum(losses) / len(losses)

    def backward(self, dout=1):
        layers, xs = self.cache
        dxs = np.empty(xs.shape, self.dtype)
        for t, layer in enumerate(layers):
            dxs[:, t] = layer.backward(dout / len(layers))
        return dxs
