"""Layers of common.time_layers: cells of one step, and layers over sequences (N, T, ...).

As in `layers`, `params` are the caller's own arrays, `backward` writes into the arrays of `grads`,
results are new, and arguments are never written to. N batch, T time, D input width, H hidden units,
V vocabulary.

Sequences and their gradients are float32, as in the book, unless `dtype=np.float64` is given.
TimeAffine, TimeDropout, TimeSoftmaxWithLoss, the cells, and the states of layers over time promote
dtypes as numpy does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastw2v import config
from fastw2v._checks.arrays import (
    REAL,
    as_features_over_time,
    as_float,
    as_numbers,
    check_bias,
    check_forward_ran,
    check_shape,
    check_table,
    check_weights,
)
from fastw2v._checks.ids import as_ids, as_ids_over_time, as_targets_over_time
from fastw2v._checks.numbers import check_fraction, check_generator
from fastw2v._checks.sequences import as_sequence_dtype
from fastw2v._core import random_keys, threads
from fastw2v._kernels import _activation, _embedding, _gemm, specialise
from fastw2v._losses.over_time import TimeSoftmaxWithLoss
from fastw2v._recurrent import TimeBidirectional as TimeBidirectional
from fastw2v._recurrent import TimeBiLSTM, TimeGRU, TimeLSTM, TimeRNN
from fastw2v._recurrent import TimeStack as TimeStack
from fastw2v._recurrent.cells import GRU, LSTM, RNN
from fastw2v._rows.deferred import TABLES
from fastw2v._rows.row_grad import RowGradHolder, table_grad
from fastw2v.functions import GPU, cross_entropy_error, sigmoid, softmax
from fastw2v.layers import (
    Affine,
    Dropout,
    Embedding,
    MatMul,
    Sigmoid,
    SigmoidWithLoss,
    Softmax,
    SoftmaxWithLoss,
    rows_of,
    write_table_gradient,
)

__all__ = [
    "GPU",
    "GRU",
    "LSTM",
    "RNN",
    "Affine",
    "Dropout",
    "Embedding",
    "MatMul",
    "Sigmoid",
    "SigmoidWithLoss",
    "Simple_TimeAffine",
    "Simple_TimeSoftmaxWithLoss",
    "Softmax",
    "SoftmaxWithLoss",
    "TimeAffine",
    "TimeBiLSTM",
    "TimeDropout",
    "TimeEmbedding",
    "TimeGRU",
    "TimeLSTM",
    "TimeRNN",
    "TimeSigmoidWithLoss",
    "TimeSoftmaxWithLoss",
    "cross_entropy_error",
    "np",
    "sigmoid",
    "softmax",
]

_TRY_DENSE = _gemm.try_dense
_TRY_GATHER = _embedding.try_gather
_DROPOUT = specialise(_activation.dropout)
_DROPOUT_NS = 0.5  # serial nanoseconds per element; see `threads.parts`


class TimeEmbedding(RowGradHolder):
    """Rows of a table for sequences of ids: out (N, T, D) = W[xs].

    W (V, D) is the caller's own array, read from the attribute `W` at each forward. The gradient
    ``grads[0]`` is a `RowGrad`. `dtype` is that of the sequences. `layers` holds the steps of the
    last forward; their gradients are computed when it is read, from the dout of the last backward.
    IndexError for ids outside [-V, V), TypeError for ids that are not integers.

    >>> import numpy as np
    >>> from fastw2v.time_layers import TimeEmbedding
    >>> layer = TimeEmbedding(np.arange(6.0).reshape(3, 2))
    >>> layer.forward([[0, 2]])
    array([[[0., 1.],
            [4., 5.]]], dtype=float32)
    >>> layer.backward(np.ones((1, 2, 2)))
    >>> layer.grads[0]
    array([[1., 1.],
           [0., 0.],
           [1., 1.]])
    """

    def __init__(self, W: NDArray[Any], *, dtype: DTypeLike | None = None) -> None:
        config.check()
        check_table("W", W, REAL)
        self.dtype = as_sequence_dtype("dtype", dtype)
        self.params = [W]
        self.grads = [table_grad(W)]
        self.W = W
        self._xs: Any = None  # ids of the last forward
        self._dout: Any = None  # the gradient of the last backward, if it followed
        self._steps: list[Embedding] | None = None  # made when `layers` is read

    def forward(self, xs: ArrayLike) -> NDArray[Any]:
        """Return the rows (N, T, D) of ids (N, T)."""
        small = None if TABLES else _TRY_GATHER(self.W, xs)
        if small is not None and small.ndim == 3 and small.dtype == self.dtype:
            self._xs, self._dout, self._steps = xs, None, None
            return small
        check_table("W", self.W, REAL)
        W = self.W
        ids = as_ids_over_time("xs", xs, W.shape[0])
        self._xs, self._dout, self._steps = xs, None, None
        return rows_of(W, ids).astype(self.dtype, copy=False)

    def backward(self, dout: ArrayLike) -> None:
        """Write grads[0] = 0, then grads[0][xs[n, t]] += dout[n, t]; ids have no gradient."""
        check_forward_ran(self, self._xs)
        write_table_gradient(self.grads[0], "xs", self._xs, dout)
        self._dout, self._steps = dout, None

    def _write_gradient(self, dW: NDArray[Any]) -> None:
        """Write grads[0] = dW (V, D), computed by the layer that read the rows."""
        write_table_gradient(self.grads[0], "dW", np.arange(len(dW)), dW)
        self._dout, self._steps = None, None

    @property
    def layers(self) -> list[Embedding] | None:
        """The steps of the last forward as Embeddings with gradients of their own; None before."""
        if self._xs is None:
            return None
        if self._steps is None:
            self._steps = []
            for t, ids in enumerate(np.asarray(self._xs).T):
                step = Embedding(self.W)
                step.idx = ids
                if self._dout is not None:
                    step.backward(np.asarray(self._dout)[:, t])
                self._steps.append(step)
        return self._steps

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_steps": None}


class TimeAffine(Affine):
    """The affine map x @ W + b at each step of x (N, T, D), one product over all N * T rows.

    W (D, H), b (H,) are the caller's own arrays; W may be the transpose of an embedding table.
    Dtypes and errors as in `MatMul`.

    >>> import numpy as np
    >>> from fastw2v.time_layers import TimeAffine
    >>> table = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> layer = TimeAffine(table.T, np.zeros(3))
    >>> layer.forward(np.array([[[1.0, 0.0], [0.0, 1.0]]]))
    array([[[1., 3., 5.],
            [2., 4., 6.]]])
    >>> layer.backward(np.ones((1, 2, 3)))
    array([[[ 9., 12.],
            [ 9., 12.]]])
    """

    def forward(self, x: ArrayLike, *, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return x @ W + b (N, T, H) from x (N, T, D), written into `out` if given."""
        if out is None and not TABLES:
            small = _TRY_DENSE(x, self.params, 2, 3)
            if small is not None:
                self.x = x
                return small
        x = as_features_over_time("x", x, np.asarray(self.params[0]))
        return super().forward(x, out=out)


class Simple_TimeAffine:
    """A `TimeAffine` with its gradients in `dW` and `db`, and without lists of parameters.

    `dtype` is that of the sequences, float32 unless float64 is given.

    >>> import numpy as np
    >>> from fastw2v.time_layers import Simple_TimeAffine
    >>> layer = Simple_TimeAffine(np.array([[1.0, 2.0]]), np.zeros(2))
    >>> layer.forward(np.ones((1, 2, 1)))
    array([[[1., 2.],
            [1., 2.]]], dtype=float32)
    >>> dx = layer.backward(np.ones((1, 2, 2)))
    >>> layer.dW, layer.db
    (array([[2., 2.]]), array([2., 2.]))
    """

    dtype: Any = np.dtype(np.float32)  # of pickles from before 0.2, which do not hold one

    def __init__(self, W: NDArray[Any], b: NDArray[Any], *, dtype: DTypeLike | None = None) -> None:
        config.check()
        check_weights("W", W, 2)
        check_bias("b", b, W.shape[1])
        self.dtype = as_sequence_dtype("dtype", dtype)
        self.W, self.b = W, b
        self.dW: NDArray[Any] | None = None
        self.db: NDArray[Any] | None = None
        self._whole: TimeAffine | None = None

    def forward(self, xs: ArrayLike) -> NDArray[Any]:
        """Return xs @ W + b (N, T, H) from xs (N, T, D)."""
        xs = as_features_over_time("xs", xs, np.asarray(self.W))
        whole = TimeAffine(self.W, self.b)
        out = whole.forward(xs)
        self._whole = whole
        return out.astype(self.dtype, copy=False)

    def backward(self, dout: ArrayLike) -> NDArray[Any]:
        """Return dxs (N, T, D) from dout (N, T, H); `dW` and `db` become new arrays."""
        check_forward_ran(self, self._whole)
        whole: Any = self._whole
        if self.dW is whole.grads[0]:
            whole.grads = [np.zeros_like(grad) for grad in whole.grads]
        dxs = whole.backward(dout)
        self.dW, self.db = whole.grads
        return dxs.astype(self.dtype, copy=False)

    @property
    def layers(self) -> list[Affine] | None:
        """The steps of the last forward as Affines; None before."""
        if self._whole is None:
            return None
        steps = []
        for t in range(self._whole.x.shape[1]):
            step = Affine(self.W, self.b)
            step.x = self._whole.x[:, t]
            steps.append(step)
        return steps


class TimeDropout:
    """Dropout over sequences: zeros at random in training, the rest scaled by 1 / (1 - ratio).

    With `train_flg` False, xs passes unchanged. The mask of zeros and that factor is kept as
    `mask`. It is drawn as np.random.rand > dropout_ratio, so that a seed of numpy's global stream
    gives the book's mask. With `rng` (a numpy.random.Generator) a kernel draws it, which takes a
    tenth of the time.
    `dropout_ratio`, the fraction that becomes zero, and `train_flg` may be assigned at any time.

    >>> import numpy as np
    >>> from fastw2v.time_layers import TimeDropout
    >>> layer = TimeDropout(0.5, rng=np.random.default_rng(0))
    >>> sorted(set(layer.forward(np.ones(20)).tolist()))
    [0.0, 2.0]
    >>> layer.train_flg = False
    >>> layer.forward(np.ones(3))
    array([1., 1., 1.])
    """

    def __init__(
        self, dropout_ratio: float = 0.5, *, rng: np.random.Generator | None = None
    ) -> None:
        config.check()
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        check_fraction("dropout_ratio", dropout_ratio)
        self.dropout_ratio = dropout_ratio
        self.mask: NDArray[np.float32] | None = None
        self.train_flg = True
        check_generator("rng", rng)
        self._rng = rng
        self._passed: bool | None = None  # whether the last forward returned xs unchanged

    def forward(self, xs: ArrayLike) -> NDArray[Any]:
        """Return xs * mask in training, else a copy of xs; xs has any shape."""
        xs = as_numbers("xs", xs)
        self._passed = not self.train_flg
        if self._passed:
            return xs.copy()
        check_fraction("dropout_ratio", self.dropout_ratio)
        ratio = self.dropout_ratio
        scale = 1 / (1 - ratio) if ratio < 1 else 0
        if self._rng is None:
            mask = (np.random.rand(*xs.shape) > ratio).astype(np.float32)
            mask *= scale
            self.mask = mask
            return np.asarray(xs * mask)
        wide = np.result_type(xs, np.float32).itemsize > 4  # the mask is float32
        x = as_float("xs", xs, np.float64 if wide else np.float32)
        out, mask = np.empty_like(x), np.empty(x.shape, np.float32)
        least = min(round(ratio * 2**32), 2**32 - 1)
        key = random_keys.key(self._rng)
        flat = out.reshape(-1), mask.reshape(-1), x.reshape(-1)
        _DROPOUT[x.dtype](*flat, key, least, scale, threads.parts(x.size * _DROPOUT_NS))
        self.mask = mask
        return out

    def backward(self, dout: ArrayLike) -> NDArray[Any]:
        """Return dout * mask, or a copy of dout if the last forward returned xs unchanged."""
        dout = as_numbers("dout", dout)
        if self._passed:
            return dout.copy()
        check_forward_ran(self, self.mask)
        return np.asarray(dout * self.mask)


# Losses --------------------------------------------------------------------------------------


class TimeSigmoidWithLoss:
    """Sigmoid and binary cross entropy at each step of scores xs (N, T): the mean over all steps.

    The loss is that of `SigmoidWithLoss`, with 1e-7 inside the logarithm. `dtype` is that of the
    gradient.

    >>> import numpy as np
    >>> from fastw2v.time_layers import TimeSigmoidWithLoss
    >>> layer = TimeSigmoidWithLoss()
    >>> round(float(layer.forward(np.zeros((1, 2)), np.array([[0, 1]]))), 4)
    0.6931
    >>> layer.backward()
    array([[ 0.25, -0.25]], dtype=float32)
    """

    def __init__(self, *, dtype: DTypeLike | None = None) -> None:
        config.check()
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        self.dtype = as_sequence_dtype("dtype", dtype)
        self.xs_shape: Any = None  # (N, T) of the last forward
        self._whole: Any = None

    def forward(self, xs: ArrayLike, ts: ArrayLike) -> np.floating[Any]:
        """Return the loss of scores xs (N, T) and targets ts (N, T) of 0 and 1."""
        xs = as_numbers("xs", xs)
        ts = as_ids("ts", ts, 2, wrap=False)
        if xs.ndim != 2 or xs.size == 0:
            raise ValueError(
                f"xs: expected shape (N, T), neither of them 0, got {xs.shape}; reshape it"
            )
        check_shape("ts", ts, xs.shape, "that of xs")
        whole = SigmoidWithLoss()
        loss = whole.forward(xs.reshape(-1), ts.reshape(-1))
        self.xs_shape, self._whole = xs.shape, whole
        return loss

    def backward(self, dout: ArrayLike = 1) -> NDArray[Any]:
        """Return dxs = (sigmoid(xs) - ts) * dout / (N * T) (N, T); dout is a number."""
        check_forward_ran(self, self._whole)
        whole = self._whole
        return whole.backward(dout).reshape(self.xs_shape).astype(self.dtype, copy=False)

    @property
    def layers(self) -> list[SigmoidWithLoss] | None:
        """The steps of the last forward as SigmoidWithLoss; None before."""
        if self._whole is None:
            return None
        y, t = self._whole.y.reshape(self.xs_shape), self._whole.t.reshape(self.xs_shape)
        steps = []
        for k in range(self.xs_shape[1]):
            step = SigmoidWithLoss()
            step.y, step.t = y[:, k].copy(), t[:, k].copy()
            step.loss = cross_entropy_error(np.column_stack([1 - step.y, step.y]), step.t)
            steps.append(step)
        return steps


class Simple_TimeSoftmaxWithLoss:
    """`SoftmaxWithLoss` at each step, without a label to ignore: the mean over all steps.

    The loss has 1e-7 inside the logarithm. `dtype` is that of the gradient.

    >>> import numpy as np
    >>> from fastw2v.time_layers import Simple_TimeSoftmaxWithLoss
    >>> layer = Simple_TimeSoftmaxWithLoss()
    >>> round(float(layer.forward(np.zeros((1, 2, 4)), np.array([[3, 0]]))), 4)
    1.3863
    >>> layer.backward()[0, 0]
    array([ 0.125,  0.125,  0.125, -0.375], dtype=float32)
    """

    def __init__(self, *, dtype: DTypeLike | None = None) -> None:
        config.check()
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        self.dtype = as_sequence_dtype("dtype", dtype)
        self._state: Any = None  # the layer over all N * T rows, and xs

    def forward(self, xs: ArrayLike, ts: ArrayLike) -> np.floating[Any]:
        """Return the loss of scores xs (N, T, V) and targets ts.

        `ts` has ids (N, T), or one-hot rows in the shape of xs.
        """
        xs = as_numbers("xs", xs)
        if xs.ndim != 3 or xs.size == 0:
            raise ValueError(
                f"xs: expected shape (N, T, V), none of them 0, got {xs.shape}; reshape it"
            )
        ids = as_targets_over_time("ts", ts, xs.shape)
        whole = SoftmaxWithLoss()
        loss = whole.forward(xs.reshape(ids.size, -1), ids)
        self._state = (whole, xs)
        return loss

    def backward(self, dout: ArrayLike = 1) -> NDArray[Any]:
        """Return dxs = (softmax(xs) - onehot(ts)) * dout / (N * T) (N, T, V); dout is a number."""
        check_forward_ran(self, self._state)
        whole, xs = self._state
        return whole.backward(dout).reshape(xs.shape).astype(self.dtype, copy=False)

    @property
    def layers(self) -> list[SoftmaxWithLoss] | None:
        """The steps of the last forward as SoftmaxWithLoss; None before."""
        if self._state is None:
            return None
        whole, xs = self._state
        y, t = whole.y.reshape(xs.shape), whole.t.reshape(xs.shape[:2])
        steps = []
        for k in range(xs.shape[1]):
            step = SoftmaxWithLoss()
            step.y, step.t = y[:, k].copy(), t[:, k].copy()
            steps.append(step)
        return steps

    @property
    def cache(self) -> tuple[list[SoftmaxWithLoss] | None, NDArray[Any]] | None:
        """The `layers` and xs of the last forward; None before."""
        return None if self._state is None else (self.layers, self._state[1])
