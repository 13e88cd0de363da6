"""TimeSoftmaxWithLoss: softmax and cross entropy of sequences of scores (N, T, V)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v import config
from fastw2v._checks.arrays import as_broadcast, as_native, as_numbers, check_forward_ran
from fastw2v._checks.ids import as_targets_over_time
from fastw2v._core import threads
from fastw2v._core.products import product
from fastw2v._kernels import _loss, specialise
from fastw2v.functions import _NS, softmax

__all__ = ["TimeSoftmaxWithLoss"]

_CROSS_ENTROPY = specialise(_loss.cross_entropy_forward)
_CROSS_ENTROPY_BACKWARD = specialise(_loss.cross_entropy_backward)
_ROW_NS = 60  # serial nanoseconds per row, beside those per element; see `threads.parts`


class TimeSoftmaxWithLoss:
    """Softmax and cross entropy at each step: the mean of -log(softmax(xs)[n, t, ts[n, t]]).

    Targets equal to `ignore_label`, -1 unless another is assigned, are left out of the mean; if
    none remains, the loss is NaN and the gradient zero. The loss is computed as log(sum of exp)
    minus the score, so that it is finite where softmax rounds to 0. `cache` holds (targets,
    softmax, which targets are in the mean, shape of xs).
    ValueError for shapes that do not fit, TypeError for ids that are not integers, IndexError for
    ids outside [-V, V).

    >>> import numpy as np
    >>> from fastw2v.time_layers import TimeSoftmaxWithLoss
    >>> layer = TimeSoftmaxWithLoss()
    >>> round(float(layer.forward(np.zeros((1, 2, 4)), np.array([[3, -1]]))), 4)
    1.3863
    >>> layer.backward()
    array([[[ 0.25,  0.25,  0.25, -0.75],
            [ 0.  ,  0.  ,  0.  ,  0.  ]]])
    """

    __module__ = "fastw2v.time_layers"  # where users import it, which pickles name
    _later: Any = None  # (x, W, b, ts) of a forward that runs when its results are read

    def __init__(self) -> None:
        config.check()
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        self.ignore_label = -1
        # (kept rows, what they are, top and sum of exp of each row, ids, count, shape, dtype). The
        # rows are "exp" of scores less their top, "scores" themselves, or the "gradient".
        self._state: Any = None
        self._cache: Any = None  # assigned by a subclass that has its own forward
        self._ts: Any = None  # the targets of the last forward, as `cache` shows them

    def forward(self, xs: ArrayLike, ts: ArrayLike, *, copy: bool = True) -> np.float64:
        """Return the loss of scores xs (N, T, V) and targets ts.

        `ts` has ids (N, T), or one-hot rows in the shape of xs. `copy=False` keeps xs itself for
        backward instead of a second array of its size; the caller then must not write to xs until
        the last backward.
        """
        x, dtype = as_native("xs", xs)
        _check_scores_over_time("xs", x)
        N, T, V = x.shape
        ids = as_targets_over_time("ts", ts, x.shape, self.ignore_label)
        rows = x.reshape(N * T, V)
        e = self._reusable(rows) if copy else None
        losses, tops, sums = np.empty(N * T), np.empty(N * T, x.dtype), np.empty(N * T)
        run = _CROSS_ENTROPY[x.dtype, ids.dtype]
        n_parts = threads.parts(x.size * _NS[x.dtype] * 1.3 + len(rows) * _ROW_NS)
        total = run(losses, tops, sums, e, rows, ids, n_parts)
        count = int(np.count_nonzero(ids >= 0))
        kept, what = (rows, "scores") if e is None else (e, "exp")
        self._state = (kept, what, tops, sums, ids, count, x.shape, dtype)
        self._cache, self._ts, self._later = None, ts, None
        return np.float64(total / count if count else np.nan)

    def _reusable(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return an array like `rows` that only this layer holds, the last forward's if it fits."""
        if self._state is not None:
            kept, what, *_ = self._state
            if what == "exp" and kept.shape == rows.shape and kept.dtype == rows.dtype:
                return kept
            self._state = None  # frees it before the new one is made
        return np.empty_like(rows)

    def backward(self, dout: ArrayLike = 1) -> NDArray[Any]:
        """Return dxs = (softmax(xs) - onehot(ts)) * dout / count (N, T, V); dout is a number."""
        dout = as_numbers("dout", dout)
        self._run_later()
        if self._cache is not None:
            return self._backward_of_cache(dout)
        check_forward_ran(self, self._state)
        kept, what, *_, shape, dtype = self._state
        if dout.ndim:
            as_broadcast("dout", dout, kept.shape, "N * T and V of xs")
        dx = np.empty(kept.shape, kept.dtype)
        if what == "gradient":
            np.multiply(kept, dout, out=dx)
        else:
            self._write_gradient(dx, float(dout) if dout.ndim == 0 else 1.0)
            if dout.ndim:
                dx *= dout
        return dx.reshape(shape).astype(dtype, copy=False)

    def backward_in_place(self) -> NDArray[Any]:
        """Return backward() after a forward with copy=False, read-only, in the scores' memory.

        It is for models that own their scores and pass the result to a layer that only reads it.
        """
        self._run_later()
        check_forward_ran(self, self._state)
        kept, what, *others, dtype = self._state
        if self._cache is not None or what == "exp" or kept.dtype != dtype:
            return self.backward()  # there is no array that it may overwrite
        if what == "scores":
            self._write_gradient(kept, 1.0)
            self._state = (kept, "gradient", *others, dtype)
        dx = kept.reshape(others[-1])
        dx.flags.writeable = False
        return dx

    def holds(self, scores: NDArray[Any]) -> bool:
        """Return whether backward needs the memory of `scores`, given with copy=False."""
        return self._state is not None and np.may_share_memory(self._state[0], scores)

    def forward_later(self, *forward: Any) -> None:
        """Take the place of a forward whose loss and gradient were computed without its scores.

        forward: x (N, T, D), W (D, V) and b (V,) of the output layer, which no other code changes
        afterwards, and ts. The scores are computed when `backward` or `cache` need them. Without
        arguments nothing of that forward remains.
        """
        self._state = self._cache = self._ts = None
        self._later = forward or None

    def _run_later(self) -> None:
        if self._later is not None:
            x, W, b, ts = self._later
            scores = product(x.reshape(-1, x.shape[2]), W, bias=b)
            self.forward(scores.reshape(*x.shape[:2], -1), ts, copy=False)

    def _write_gradient(self, dx: NDArray[Any], dout: float) -> None:
        """Write (softmax - onehot) * dout / count into dx, which may be the scores themselves."""
        kept, what, tops, sums, ids, count, *_ = self._state
        # forward: loss = mean of -log softmax(x)[t]
        scale = dout / max(count, 1)
        run = _CROSS_ENTROPY_BACKWARD[dx.dtype, ids.dtype]
        n_parts = threads.parts(dx.size * _NS[dx.dtype] + len(dx) * _ROW_NS)
        run(dx, tops, sums, kept, ids, what == "exp", scale, n_parts)

    def _backward_of_cache(self, dout: NDArray[Any]) -> NDArray[Any]:
        """Return the gradient from a `cache` that a subclass has assigned."""
        ids, ys, counts, shape = self._cache
        dx = np.array(ys)
        dx[np.arange(len(ids)), ids] -= 1
        dx *= dout / max(np.count_nonzero(counts), 1)
        dx[~np.asarray(counts)] = 0
        return dx.reshape(shape)

    @property
    def cache(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], tuple[int, ...]] | None:
        """Targets (N * T,), softmax, which targets are in the mean, shape of xs; None before."""
        self._run_later()
        if self._cache is not None or self._state is None:
            return self._cache
        kept, what, _, sums, ids, count, shape, dtype = self._state
        counts = ids >= 0
        if what == "scores":
            ys = softmax(kept)
        else:
            ys = kept.copy()
            of_sum = sums[counts, None].astype(kept.dtype) if what == "exp" else 1 / max(count, 1)
            ys[counts] /= of_sum
            if what == "gradient":
                ys[counts, ids[counts]] += 1
            elif not counts.all():
                ys[~counts] = softmax(kept[~counts])  # there the kernel leaves the scores
        ts = np.asarray(self._ts)
        ts = ts.argmax(axis=2) if ts.ndim == 3 else ts
        return ts.reshape(-1).copy(), ys.astype(dtype, copy=False), counts, shape

    @cache.setter
    def cache(self, value: Any) -> None:
        self._cache = value


def _check_scores_over_time(name: str, x: NDArray[Any]) -> None:
    """Check that `x` is (N, T, V) with V > 0."""
    if x.ndim != 3 or x.shape[2] == 0:
        raise ValueError(
            f"{name}: expected scores of shape (N, T, V) with V > 0, got {x.shape}; reshape it"
        )
