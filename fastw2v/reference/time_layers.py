"""Layers over time: a sequence is (N, T, ...), and each layer does the same at all of its T steps.

The recurrent layers are in `_recurrent.py`. Sequences and their gradients are float32 unless
`dtype` is float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastw2v._checks.sequences import as_sequence_dtype

from ._containers import TimeBidirectional, TimeBiLSTM, TimeStack
from ._recurrent import GRU, LSTM, RNN, TimeGRU, TimeLSTM, TimeRNN
from .layers import Affine, Embedding, SigmoidWithLoss, SoftmaxWithLoss

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Simple_TimeAffine",
    "Simple_TimeSoftmaxWithLoss",
    "TimeAffine",
    "TimeBiLSTM",
    "TimeBidirectional",
    "TimeDropout",
    "TimeEmbedding",
    "TimeGRU",
    "TimeLSTM",
    "TimeRNN",
    "TimeSigmoidWithLoss",
    "TimeSoftmaxWithLoss",
    "TimeStack",
]

Array = NDArray[Any]


class TimeEmbedding:
    """T steps of Embedding: out (N, T, D) = W[xs] for ids xs (N, T)."""

    def __init__(self, W: Array, *, dtype: DTypeLike | None = None) -> None:
        self.params = [W]
        self.grads = [np.zeros_like(W)]
        self.layers = None
        self.W = W
        self.dtype = as_sequence_dtype("dtype", dtype)

    def forward(self, xs: Array) -> Array:
        xs = np.asarray(xs)
        N, T = xs.shape
        out = np.empty((N, T, self.W.shape[1]), self.dtype)
        self.layers = [Embedding(self.W) for _ in range(T)]
        for t, layer in enumerate(self.layers):
            out[:, t] = layer.forward(xs[:, t])
        return out

    def backward(self, dout: Array) -> None:
        total = 0
        for t, layer in enumerate(self.layers):
            layer.backward(dout[:, t])
            total = total + layer.grads[0]
        self.grads[0][...] = total


class TimeAffine:
    """The affine map x W + b at each step of x (N, T, D), with W (D, H), b (H,).

    It is one product of N * T rows. W may be the transpose of a table of rows, a view of it.
    """

    def __init__(self, W: Array, b: Array) -> None:
        self.params = [W, b]
        self.grads = [np.zeros_like(W), np.zeros_like(b)]
        self.x = None

    def forward(self, x: Array) -> Array:
        W, b = self.params
        self.x = x
        N, T, D = x.shape
        return (np.dot(x.reshape(N * T, D), W) + b).reshape(N, T, W.shape[1])

    def backward(self, dout: Array) -> Array:
        W, _ = self.params
        N, T, D = self.x.shape
        rows, drows = self.x.reshape(N * T, D), dout.reshape(N * T, W.shape[1])
        self.grads[0][...] = np.dot(rows.T, drows)
        self.grads[1][...] = drows.sum(axis=0)
        return np.dot(drows, W.T).reshape(N, T, D)


class Simple_TimeAffine:
    """A TimeAffine step by step, with its gradients in `dW` and `db` instead of lists."""

    def __init__(self, W: Array, b: Array, *, dtype: DTypeLike | None = None) -> None:
        self.dtype = as_sequence_dtype("dtype", dtype)
        self.W, self.b = W, b
        self.dW, self.db = None, None
        self.layers = None

    def forward(self, xs: Array) -> Array:
        self.layers = [Affine(self.W, self.b) for _ in range(xs.shape[1])]
        steps = [layer.forward(xs[:, t]) for t, layer in enumerate(self.layers)]
        return np.stack(steps, axis=1).astype(self.dtype)

    def backward(self, dout: Array) -> Array:
        dxs = np.stack([layer.backward(dout[:, t]) for t, layer in enumerate(self.layers)], axis=1)
        self.dW = sum(layer.grads[0] for layer in self.layers)
        self.db = sum(layer.grads[1] for layer in self.layers)
        return dxs.astype(self.dtype)


class TimeDropout:
    """Dropout: xs * mask in training, else xs; the mask is 0 or 1 / (1 - dropout_ratio), mean 1."""

    def __init__(self, dropout_ratio: float = 0.5) -> None:
        self.params, self.grads = [], []
        self.dropout_ratio = dropout_ratio
        self.mask = None
        self.train_flg = True
        self._factor = None

    def forward(self, xs: Array) -> Array:
        self._factor = 1
        if self.train_flg:
            kept = np.random.rand(*xs.shape) > self.dropout_ratio
            scale = np.float32(1 / (1 - self.dropout_ratio))
            self.mask = self._factor = kept.astype(np.float32) * scale
        return xs * self._factor

    def backward(self, dout: Array) -> Array:
        return dout * self._factor


class TimeSoftmaxWithLoss:
    """Mean of -log(softmax(xs)[n, t, ts[n, t]]) over all n, t whose target is not `ignore_label`.

    xs (N, T, V); ts ids (N, T) or one-hot rows (N, T, V). If all targets are ignored, the loss is
    NaN and the gradient zero. `copy` belongs to the fast package; here everything is copied.
    """

    def __init__(self) -> None:
        self.params, self.grads = [], []
        self.cache: Any = None
        self.ignore_label = -1

    def forward(self, xs: Array, ts: Array, *, copy: bool = True) -> float:
        N, T, V = xs.shape
        ts = np.asarray(ts)
        ts = (ts.argmax(axis=2) if ts.ndim == 3 else ts).reshape(N * T)
        mask = ts != self.ignore_label
        shifted = xs.reshape(N * T, V) - xs.max(axis=2).reshape(N * T, 1)
        total = np.exp(shifted).sum(axis=1)
        losses = np.log(total) - shifted[np.arange(N * T), np.where(mask, ts, 0)]
        self.cache = (ts, np.exp(shifted) / total[:, None], mask, (N, T, V))
        return losses[mask].sum(dtype=np.float64) / (mask.sum() or np.nan)

    def backward(self, dout: float = 1) -> Array:
        ts, ys, mask, shape = self.cache
        dx = ys.copy()
        dx[np.arange(len(ts)), np.where(mask, ts, 0)] -= 1
        dx *= dout / max(mask.sum(), 1)
        dx[~mask] = 0
        return dx.reshape(shape)


class TimeSigmoidWithLoss:
    """SigmoidWithLoss of each step of xs (N, T) and ts (N, T); the mean of the T losses."""

    def __init__(self, *, dtype: DTypeLike | None = None) -> None:
        self.params, self.grads = [], []
        self.layers = None
        self.xs_shape = None
        self.dtype = as_sequence_dtype("dtype", dtype)

    def forward(self, xs: Array, ts: Array) -> float:
        self.xs_shape = xs.shape
        self.layers = [SigmoidWithLoss() for _ in range(xs.shape[1])]
        losses = [layer.forward(xs[:, t], ts[:, t]) for t, layer in enumerate(self.layers)]
        return sum(losses) / len(losses)

    def backward(self, dout: float = 1) -> Array:
        dxs = np.empty(self.xs_shape, self.dtype)
        for t, layer in enumerate(self.layers):
            dxs[:, t] = layer.backward(dout / len(self.layers))
        return dxs


class Simple_TimeSoftmaxWithLoss:
    """SoftmaxWithLoss of each step of xs (N, T, V) and ts; the mean of the T losses."""

    def __init__(self, *, dtype: DTypeLike | None = None) -> None:
        self.params, self.grads = [], []
        self.layers = None
        self.cache: Any = None
        self.dtype = as_sequence_dtype("dtype", dtype)

    def forward(self, xs: Array, ts: Array) -> float:
        self.layers = [SoftmaxWithLoss() for _ in range(xs.shape[1])]
        self.cache = (self.layers, xs)
        losses = [layer.forward(xs[:, t], ts[:, t]) for t, layer in enumerate(self.layers)]
        return sum(losses) / len(losses)

    def backward(self, dout: float = 1) -> Array:
        layers, xs = self.cache
        dxs = np.empty(xs.shape, self.dtype)
        for t, layer in enumerate(layers):
            dxs[:, t] = layer.backward(dout / len(layers))
        return dxs
