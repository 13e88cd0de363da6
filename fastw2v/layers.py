"""Layers of the book's common.layers.

A layer has two lists of arrays, `params` and `grads`. The arrays in `params` are the caller's own;
`backward` writes into the arrays of `grads` and never replaces them. Results of `forward` and
`backward` are new arrays that belong to the caller; no method writes to its arguments.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v import config
from fastw2v._checks.arrays import (
    FLOATS,
    REAL,
    as_broadcast,
    as_classes,
    as_features,
    as_float,
    as_native,
    as_numbers,
    as_score_rows,
    check_bias,
    check_forward_ran,
    check_shape,
    check_table,
    check_weights,
    check_writable,
    has_plain_rows,
)
from fastw2v._checks.ids import as_checked_ids, as_ids
from fastw2v._checks.numbers import check_fraction, check_generator
from fastw2v._core import threads
from fastw2v._core.products import column_sums, product
from fastw2v._kernels import _activation, _embedding, _gemm, _loss, specialise
from fastw2v._rows.deferred import TABLES, apply_all_pending, apply_pending
from fastw2v._rows.row_grad import RowGradHolder, table_grad
from fastw2v._rows.writes import try_write_rows, write_rows
from fastw2v.functions import _NS, GPU, cross_entropy_error, sigmoid, softmax

__all__ = [
    "GPU",
    "Affine",
    "Dropout",
    "Embedding",
    "MatMul",
    "Sigmoid",
    "SigmoidWithLoss",
    "Softmax",
    "SoftmaxWithLoss",
    "cross_entropy_error",
    "np",
    "softmax",
]

_TRY_DENSE = _gemm.try_dense
_TRY_DENSE_BACKWARD = _gemm.try_dense_backward
_TRY_GATHER = _embedding.try_gather
_TRY_SOFTMAX_WITH_LOSS = _loss.try_softmax_with_loss
_TRY_SOFTMAX_WITH_LOSS_BACKWARD = _loss.try_softmax_with_loss_backward
_TRY_SIGMOID_WITH_LOSS = _loss.try_sigmoid_with_loss
_GATHER = specialise(_embedding.gather)
_GATHER_NS = 0.05  # serial nanoseconds per element copied; see `threads.parts`


def _matrix(x):
    """Return a view of (..., D) as (N, D)."""
    if x.ndim == 2:
        return x
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


class MatMul:
    """Dense layer without bias: x @ W for x (N, D) and W (D, H); x may also be (D,) or (N, T, D).

    Dtypes are promoted by numpy's rules, and gradients are cast to the dtype of `grads`. The layer
    raises ValueError for shapes that do not fit and TypeError for values that are not real numbers.

    >>> import numpy as np
    >>> from fastw2v.layers import MatMul
    >>> layer = MatMul(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> layer.forward(np.array([[1, 0]]))
    array([[1., 2.]])
    >>> layer.backward(np.array([[1, 1]]))
    array([[3., 7.]])
    >>> layer.grads[0]
    array([[1., 1.],
           [0., 0.]])
    """

    def __init__(self, W: NDArray[Any]) -> None:
        config.check()
        check_weights("W", W, 2)
        self.params: list[NDArray[Any]] = [W]
        self.grads: list[NDArray[Any]] = [np.zeros_like(W, subok=False)]
        self.x: NDArray[Any] | None = None

    def forward(self, x: ArrayLike) -> NDArray[Any]:
        """Return x @ W (..., H) for x (..., D)."""
        small = None if TABLES else _TRY_DENSE(x, self.params, 1)
        if small is not None:
            self.x = x
            return small
        apply_all_pending(self.params[0])
        W = np.asarray(self.params[0])
        x = as_features("x", x, W)
        out = product(_matrix(x), W)
        self.x = x
        return out.reshape(*x.shape[:-1], W.shape[1])

    def backward(self, dout: ArrayLike) -> NDArray[Any]:
        """Return dx (..., D) for dout (..., H); write dW = x.T @ dout, summed over leading axes."""
        small = None if TABLES else _TRY_DENSE_BACKWARD(self.x, dout, self.params, self.grads, 1)
        if small is not None:
            return small
        x, dout, W, dW = _dense_backward(self, dout)
        # forward: out = x @ W
        dx = product(_matrix(dout), W.T).reshape(x.shape)
        product(_matrix(x).T, _matrix(dout), out=dW)
        return dx


class Affine:
    """Dense layer: x @ W + b for x (N, D), W (D, H), b (H,); x may also be (D,) or (N, T, D).

    Dtypes and errors are those of `MatMul`.

    >>> import numpy as np
    >>> from fastw2v.layers import Affine
    >>> layer = Affine(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([10.0, 20.0]))
    >>> layer.forward(np.array([[1, 0]]))
    array([[11., 22.]])
    >>> layer.backward(np.array([[1, 1]]))
    array([[3., 7.]])
    >>> layer.grads[1]
    array([1., 1.])
    """

    def __init__(self, W: NDArray[Any], b: NDArray[Any]) -> None:
        config.check()
        check_weights("W", W, 2)
        check_bias("b", b, W.shape[1])
        self.params: list[NDArray[Any]] = [W, b]
        self.grads: list[NDArray[Any]] = [np.zeros_like(each, subok=False) for each in (W, b)]
        self.x: NDArray[Any] | None = None

    def forward(self, x: ArrayLike, *, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return x @ W + b (..., H) for x (..., D), written into `out` if given."""
        if out is None and not TABLES:
            small = _TRY_DENSE(x, self.params, 2)
            if small is not None:
                self.x = x
                return small
        apply_all_pending(*self.params)
        W, b = map(np.asarray, self.params)
        x = as_features("x", x, W)
        check_bias("b", b, W.shape[1])
        shape = *x.shape[:-1], W.shape[1]
        if out is not None:
            _check_result_memory("out", out, shape)
            out = _matrix(out)
        out = product(_matrix(x), W, out, bias=b.reshape(-1))
        self.x = x
        return out.reshape(shape)

    def backward(self, dout: ArrayLike) -> NDArray[Any]:
        """Return dx (..., D) for dout (..., H); write dW = x.T @ dout and db = sum of dout."""
        small = None if TABLES else _TRY_DENSE_BACKWARD(self.x, dout, self.params, self.grads, 2)
        if small is not None:
            return small
        x, dout, W, dW = _dense_backward(self, dout)
        db = self.grads[1]
        check_bias("grads[1]", db, W.shape[1])
        check_writable("grads[1]", db)
        # forward: out = x @ W + b
        dx = product(_matrix(dout), W.T).reshape(x.shape)
        product(_matrix(x).T, _matrix(dout), out=dW)
        db[...] = column_sums(_matrix(dout))
        return dx


def _dense_backward(layer, dout):
    """Return (x, dout, W, dW) of a dense layer after checking that their shapes fit."""
    check_forward_ran(layer, layer.x)
    x = layer.x
    apply_all_pending(layer.params[0])
    W, dW = np.asarray(layer.params[0]), layer.grads[0]
    x = as_features("x", x, W)
    dout = as_numbers("dout", dout)
    check_shape("dout", dout, (*x.shape[:-1], W.shape[1]), "that of forward's result")
    check_shape("grads[0]", dW, W.shape, "that of W")
    check_writable("grads[0]", dW)
    return x, dout, W, dW


def _check_result_memory(name, out, shape):
    """Check that a result of this shape can be written into `out` directly."""
    check_writable(name, out)
    check_shape(name, out, shape, "that of the result")
    if out.dtype not in FLOATS or not out.flags.c_contiguous:
        raise ValueError(
            f"{name}: expected contiguous float32 or float64, got {out.dtype}"
            f"{'' if out.flags.c_contiguous else ' with gaps'}; pass np.empty(shape, np.float32)"
        )


class Sigmoid:
    """Logistic function 1 / (1 + exp(-x)) of each element; the result is kept as `out`.

    >>> import numpy as np
    >>> from fastw2v.layers import Sigmoid
    >>> layer = Sigmoid()
    >>> layer.forward(np.zeros(2))
    array([0.5, 0.5])
    >>> layer.backward(np.ones(2))
    array([0.25, 0.25])
    """

    def __init__(self) -> None:
        config.check()
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        self.out: NDArray[np.floating[Any]] | None = None

    def forward(self, x: ArrayLike) -> NDArray[np.floating[Any]]:
        """Return sigmoid(x) for x of any shape."""
        self.out = np.asarray(sigmoid(x))
        return self.out.copy()

    def backward(self, dout: ArrayLike) -> NDArray[Any]:
        """Return dout * (1 - out) * out for a dout that broadcasts with out."""
        check_forward_ran(self, self.out)
        out = np.asarray(self.out)
        dout = as_numbers("dout", dout)
        run = specialise(_activation.sigmoid_backward).get(out.dtype)
        # forward: out = 1 / (1 + exp(-x))
        if run is None or dout.dtype != out.dtype or dout.shape != out.shape:
            _check_fits_with("dout", dout, out.shape, "that of x")
            return np.asarray(dout * (1.0 - out) * out)
        dout = as_float("dout", dout, out.dtype)
        out = as_float("out", out, out.dtype)
        dx = np.empty(out.shape, out.dtype)
        run(dx.reshape(-1), dout.reshape(-1), out.reshape(-1), threads.parts(out.size * 0.3))
        return dx


def _check_fits_with(name, x, shape, why):
    """Check that numpy can broadcast `x` and an array of this shape to a common shape."""
    try:
        np.broadcast_shapes(x.shape, shape)
    except ValueError:
        raise ValueError(
            f"{name}: expected shape {tuple(shape)} ({why}) or one that broadcasts with it, "
            f"got {x.shape}; pass the matching array"
        ) from None


class Softmax:
    """Softmax over the last axis of (N, V) or (V,); the result is kept as `out`.

    >>> import numpy as np
    >>> from fastw2v.layers import Softmax
    >>> layer = Softmax()
    >>> layer.forward(np.zeros((1, 2)))
    array([[0.5, 0.5]])
    >>> layer.backward(np.array([[1.0, 0.0]]))
    array([[ 0.25, -0.25]])
    """

    def __init__(self) -> None:
        config.check()
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        self.out: NDArray[np.floating[Any]] | None = None

    def forward(self, x: ArrayLike) -> NDArray[np.floating[Any]]:
        """Return the probabilities (N, V) of scores x (N, V)."""
        self.out = np.asarray(softmax(x))
        return self.out.copy()

    def backward(self, dout: ArrayLike) -> NDArray[Any]:
        """Return out * dout - out * (sum over V of out * dout) for dout (N, V)."""
        check_forward_ran(self, self.out)
        out = np.asarray(self.out)
        dout = as_numbers("dout", dout)
        run = specialise(_activation.softmax_backward).get(out.dtype)
        # forward: out = exp(x) / sum exp(x)
        if run is None or dout.dtype != out.dtype or dout.shape != out.shape or out.ndim > 2:
            _check_fits_with("dout", dout, out.shape, "that of x")
            dx = out * dout
            return dx - out * dx.sum(axis=min(1, dx.ndim - 1), keepdims=True)
        dout = np.atleast_2d(as_float("dout", dout, out.dtype))
        rows = np.atleast_2d(as_float("out", out, out.dtype))
        dx = np.empty(rows.shape, rows.dtype)
        run(dx, dout, rows, threads.parts(rows.size * 0.5))
        return dx.reshape(out.shape)


class SoftmaxWithLoss:
    """Softmax with cross entropy loss: the mean of -log(softmax(x)[n, t[n]] + 1e-7).

    `y` keeps the probabilities and `t` the ids. The layer raises ValueError for shapes that do not
    fit and for empty batches, TypeError for ids that are not integers, and IndexError for ids
    outside [-V, V).

    >>> import numpy as np
    >>> from fastw2v.layers import SoftmaxWithLoss
    >>> layer = SoftmaxWithLoss()
    >>> round(float(layer.forward(np.zeros((2, 4)), np.array([0, 3]))), 4)
    1.3863
    >>> layer.backward()
    array([[-0.375,  0.125,  0.125,  0.125],
           [ 0.125,  0.125,  0.125, -0.375]])
    """

    def __init__(self) -> None:
        config.check()
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        self.y: NDArray[np.floating[Any]] | None = None
        self.t: NDArray[Any] | None = None

    def forward(self, x: ArrayLike, t: ArrayLike) -> np.floating[Any]:
        """Return the loss of scores x (N, V) or (V,) for t: ids (N,), or one-hot like x."""
        small = _TRY_SOFTMAX_WITH_LOSS(x, t)
        if small is not None:
            loss, self.y, self.t = small
            return loss
        x, dtype = as_native("x", x)
        rows = as_score_rows("x", x)
        N, V = rows.shape
        t = as_classes("t", t, x.shape)
        ids = as_ids("t", t, V)
        y, losses = np.empty((N, V), x.dtype), np.empty(N)
        run = specialise(_loss.softmax_with_loss_forward)[x.dtype, ids.dtype]
        loss = run(y, losses, rows, ids, threads.parts(x.size * _NS[x.dtype] * 1.5 + N * 20))
        self.y, self.t = y.reshape(x.shape).astype(dtype, copy=False), t
        return dtype.type(loss)

    def backward(self, dout: ArrayLike = 1) -> NDArray[np.floating[Any]]:
        """Return dx = (y - onehot(t)) * dout / N for a number dout, or an array that fits y."""
        small = _TRY_SOFTMAX_WITH_LOSS_BACKWARD(self.y, self.t, dout)
        if small is not None:
            return small
        check_forward_ran(self, self.y)
        y, dtype = as_native("y", self.y)
        rows = as_score_rows("y", y)
        N, V = rows.shape
        ids = as_ids("t", as_classes("t", self.t, y.shape), V)
        dout = as_numbers("dout", dout)
        if dout.ndim:
            as_broadcast("dout", dout, y.shape, "that of x")
        # forward: loss = mean of -log(softmax(x)[t])
        scale = float(dout) / N if dout.ndim == 0 else 1 / N
        dx = np.empty(rows.shape, rows.dtype)
        run = specialise(_loss.softmax_with_loss_backward)[dx.dtype, ids.dtype]
        run(dx, rows, ids, scale, threads.parts(dx.size * 0.3))
        dx = dx.reshape(y.shape)
        if dout.ndim:
            dx *= dout
        return dx.astype(dtype, copy=False)


class SigmoidWithLoss:
    """Sigmoid with binary cross entropy loss: the mean of -log(p of the correct label + 1e-7).

    `y` keeps sigmoid(x), `t` the labels and `loss` the loss. The layer raises ValueError for shapes
    that do not fit and for empty batches, TypeError for labels that are not integers, and
    IndexError for labels other than 0 and 1.

    >>> import numpy as np
    >>> from fastw2v.layers import SigmoidWithLoss
    >>> layer = SigmoidWithLoss()
    >>> round(float(layer.forward(np.zeros(2), np.array([0, 1]))), 4)
    0.6931
    >>> layer.backward()
    array([ 0.25, -0.25])
    """

    def __init__(self) -> None:
        config.check()
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        self.loss: np.floating[Any] | None = None
        self.y: NDArray[np.floating[Any]] | None = None
        self.t: NDArray[Any] | None = None

    def forward(self, x: ArrayLike, t: ArrayLike) -> np.floating[Any]:
        """Return the loss of x (N,) or (N, 1) for t: (N,) of 0 and 1, or one-hot (N, 2)."""
        small = _TRY_SIGMOID_WITH_LOSS(x, t)
        if small is not None:
            self.loss, self.y = small
            self.t = t
            return self.loss
        x, dtype = as_native("x", x)
        N = _as_score_count("x", x)
        t = _as_yes_or_no("t", t, N)
        ids = as_checked_ids("t", t, 2)
        y, losses = np.empty(x.shape, x.dtype), np.empty(-(-N // _loss.LOSSES))
        run = specialise(_loss.sigmoid_with_loss_forward)[x.dtype, ids.dtype]
        loss = run(y.reshape(N), losses, x.reshape(N), ids, threads.parts(N * 25))
        self.y, self.t = y.astype(dtype, copy=False), t
        self.loss = dtype.type(loss)
        return self.loss

    def backward(self, dout: ArrayLike = 1) -> NDArray[np.floating[Any]]:
        """Return dx = (y - t) * dout / N, promoted by numpy's rules, for a number or array dout."""
        check_forward_ran(self, self.y)
        y = as_numbers("y", self.y)
        N = _as_score_count("y", y)
        t = _as_yes_or_no("t", self.t, N)
        ids = as_checked_ids("t", t, 2)
        array = as_numbers("dout", dout)
        # A Python number is weak in numpy's promotion; an array of one element is not.
        dtype = np.result_type(y, t, dout if isinstance(dout, (int, float)) else array)
        _check_fits_with("dout", array, y.shape, "that of x")
        dout = array
        # forward: loss = mean of -log(sigmoid(x) if t else 1 - sigmoid(x))
        scale = float(dout) / N if dout.ndim == 0 else 1 / N
        wide = np.dtype(np.float64 if dtype.itemsize > 4 else np.float32)
        y = as_float("y", y, y.dtype if y.dtype in FLOATS and y.dtype <= wide else wide)
        dx = np.empty(y.shape, wide)
        run = specialise(_loss.sigmoid_with_loss_backward)[dx.dtype, y.dtype, ids.dtype]
        run(dx.reshape(N), y.reshape(N), ids, scale, threads.parts(N * 0.5))
        if dout.ndim:
            dx = dx * dout
        return dx.astype(dtype, copy=False)


def _as_score_count(name, x):
    """Return N of scores (N,) or (N, 1); N may not be 0."""
    if x.size == 0 or x.shape not in ((x.size,), (x.size, 1)):
        raise ValueError(
            f"{name}: expected shape (N,) or (N, 1), N not 0, got {x.shape}; reshape it"
        )
    return x.size


def _as_yes_or_no(name, t, N):
    """Return labels 0 and 1 of N scores as (N,); one-hot rows (N, 2) are converted."""
    t = as_numbers(name, t)
    if t.shape == (N, 2):
        return t.argmax(axis=1)
    if t.size == N and (t.ndim <= 1 or t.shape == (N, 1)):
        return t.reshape(N)
    raise ValueError(f"{name}: expected shape ({N},) to match x, got {t.shape}; reshape it")


class Dropout:
    """Dropout: a random part of x becomes zero in training; at test time x is scaled instead.

    The mask is drawn from numpy's global stream, or from `rng` (a numpy.random.Generator), and
    kept as `mask`. `dropout_ratio`, the share of dropped elements, may be assigned at any time.

    >>> import numpy as np
    >>> from fastw2v.layers import Dropout
    >>> layer = Dropout(0.25)
    >>> layer.forward(np.ones(3), train_flg=False)
    array([0.75, 0.75, 0.75])
    """

    def __init__(
        self, dropout_ratio: float = 0.5, *, rng: np.random.Generator | None = None
    ) -> None:
        config.check()
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        check_fraction("dropout_ratio", dropout_ratio)
        self.dropout_ratio = dropout_ratio
        self.mask: NDArray[np.bool_] | None = None
        check_generator("rng", rng)
        self._rng = rng
        self._test_scale = None  # the factor of the last forward, if it used no mask

    def forward(self, x: ArrayLike, train_flg: bool = True) -> NDArray[Any]:
        """Return x * mask in training, else x * (1 - dropout_ratio), for x of any shape."""
        x = as_numbers("x", x)
        check_fraction("dropout_ratio", self.dropout_ratio)
        ratio = self.dropout_ratio
        if not train_flg:
            self._test_scale = 1.0 - ratio
            return np.asarray(x * self._test_scale)
        draw = np.random.rand(*x.shape) if self._rng is None else self._rng.random(x.shape)
        self.mask = np.asarray(draw > ratio)
        self._test_scale = None
        return np.asarray(x * self.mask)

    def backward(self, dout: ArrayLike) -> NDArray[Any]:
        """Return dout * mask, or dout * (1 - dropout_ratio) after a forward at test time."""
        dout = as_numbers("dout", dout)
        if self._test_scale is not None:
            return np.asarray(dout * self._test_scale)
        check_forward_ran(self, self.mask)
        mask = self.mask
        _check_fits_with("dout", dout, mask.shape, "that of x")
        return np.asarray(dout * mask)


class Embedding(RowGradHolder):
    """Rows of a table, looked up by id: ``out = W[idx]``.

    W (V, D) is the caller's own array of real numbers. The gradient ``grads[0]`` (V, D) has its
    dtype and is a `RowGrad`. For a table of whole numbers it is a plain array of whole numbers, and
    backward raises TypeError for gradients with fractions, as numpy does.

    >>> import numpy as np
    >>> from fastw2v.layers import Embedding
    >>> layer = Embedding(np.arange(8.0).reshape(4, 2))
    >>> layer.forward([1, 1, 3])
    array([[2., 3.],
           [2., 3.],
           [6., 7.]])
    >>> layer.backward(np.ones((3, 2)))
    >>> layer.grads[0]
    array([[0., 0.],
           [2., 2.],
           [0., 0.],
           [1., 1.]])
    """

    def __init__(self, W: NDArray[Any]) -> None:
        config.check()
        check_table("W", W, REAL)
        self.params: list[NDArray[Any]] = [W]
        self.grads: list[NDArray[Any]] = [table_grad(W)]
        self.idx: ArrayLike | None = None

    def forward(self, idx: ArrayLike) -> NDArray[Any]:
        """Return W[idx], of shape idx.shape + (D,), for ids of any shape.

        Negative ids count from the end. The method raises IndexError for an id that is out of
        range, which it names, and TypeError for ids that are not integers.
        """
        small = None if TABLES else _TRY_GATHER(self.params[0], idx)
        if small is not None:
            self.idx = idx
            return small
        check_table("params[0]", self.params[0], REAL)
        W = self.params[0]
        ids = as_ids("idx", idx, W.shape[0])
        out = rows_of(W, ids)
        self.idx = idx
        return out

    def backward(self, dout: ArrayLike) -> None:
        """Clear grads[0], then add dout[n] to grads[0][idx[n]]; repeated ids add up."""
        check_forward_ran(self, self.idx)
        write_table_gradient(self.grads[0], "idx", self.idx, dout)


def rows_of(W: NDArray[Any], ids: NDArray[np.integer[Any]]) -> NDArray[Any]:
    """Return W[ids], a new array, for ids that `as_ids` has checked."""
    apply_pending(W, ids)
    if not has_plain_rows(W):
        return np.array(W[ids])
    out = np.empty((*ids.shape, W.shape[1]), W.dtype)
    n_parts = threads.parts(out.size * _GATHER_NS)
    _GATHER[W.dtype, ids.dtype](out.reshape(ids.size, W.shape[1]), W, ids.reshape(-1), n_parts)
    return out


def write_table_gradient(grad: NDArray[Any], name: str, idx: ArrayLike, dout: ArrayLike) -> None:
    """Clear grad (V, D), then add dout[n] to grad[idx[n]]; error messages call idx `name`."""
    if try_write_rows(grad, idx, dout):
        return
    check_writable("grads[0]", grad)
    ids = as_ids(name, idx, grad.shape[0])
    dout = _as_addend("dout", dout, grad.dtype)
    check_shape("dout", dout, (*ids.shape, grad.shape[1]), "that of the output")
    write_rows(grad, ids.reshape(-1), len(grad), dout.reshape(ids.size, grad.shape[1]))


def _as_addend(name: str, x: ArrayLike, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array that numpy adds to one of this dtype: floats converted, others checked."""
    if dtype.kind == "f":
        return as_float(name, x, dtype)
    x = as_numbers(name, x)
    if not np.can_cast(x.dtype, dtype, "same_kind"):
        raise TypeError(
            f"{name}: expected numbers that can be added to a gradient of {dtype}, which is the "
            f"dtype of W, got {x.dtype}; make W a table of floats with .astype(np.float32)"
        )
    return x
