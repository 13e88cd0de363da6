"""Layers of ch08.attention_layer: sums of encoder states, weighted by similarity to the decoder's.

    weights   a[n, t] = softmax over t of hs[n, t] . h[n]
    sum       out[n]  = sum over t of a[n, t] * hs[n, t]

The scores are not scaled. hs (N, T, H) are the states of the encoder, h (N, H) is a state of the
decoder. Dtypes promote as numpy does. ValueError for shapes that do not fit, TypeError for dtypes
other than real numbers.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

from fastw2v import config
from fastw2v._checks.arrays import as_numbers, check_forward_ran, check_shape
from fastw2v._checks.sequences import as_attended
from fastw2v._core.products import batched_product
from fastw2v.layers import Softmax

__all__ = ["Attention", "AttentionWeight", "TimeAttention", "WeightSum"]


class WeightSum:
    """Weighted sum of states: out (N, H) = sum over t of a[:, t] * hs[:, t].

    hs is (N, T, H) and a (N, T).

    >>> import numpy as np
    >>> from fastw2v.attention_layer import WeightSum
    >>> layer = WeightSum()
    >>> layer.forward(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([[0.5, 0.5]]))
    array([[2., 3.]])
    >>> dhs, da = layer.backward(np.array([[1.0, 0.0]]))
    >>> da
    array([[1., 3.]])
    """

    def __init__(self) -> None:
        config.check()
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        self.cache: Any = None  # (hs, the other argument with a third dimension)

    def forward(self, hs: ArrayLike, a: ArrayLike) -> NDArray[Any]:
        """Return the weighted sum (N, H) of hs (N, T, H) with the weights a (N, T)."""
        hs = as_attended("hs", hs, least=0)
        a = as_numbers("a", a)
        check_shape("a", a, hs.shape[:2], "N and T of hs")
        self.cache = (hs, a[:, :, None])
        return batched_product(a[:, None, :], hs)[:, 0]

    def backward(self, dc: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return dhs (N, T, H) and da (N, T) from dc (N, H)."""
        check_forward_ran(self, self.cache)
        hs, weights = self.cache
        dc = as_numbers("dc", dc)
        check_shape("dc", dc, (len(hs), hs.shape[2]), "N and H of hs")
        # forward: out = sum over t of a * hs
        return weights * dc[:, None, :], batched_product(hs, dc[:, :, None])[:, :, 0]


class AttentionWeight:
    """Weights of attention: a (N, T) = softmax over t of hs[:, t] . h.

    hs is (N, T, H) and h (N, H). `softmax` is the layer that computes the weights; its `out` holds
    them.

    >>> import numpy as np
    >>> from fastw2v.attention_layer import AttentionWeight
    >>> layer = AttentionWeight()
    >>> layer.forward(np.zeros((1, 4, 2)), np.ones((1, 2)))
    array([[0.25, 0.25, 0.25, 0.25]])
    >>> dhs, dh = layer.backward(np.array([[1.0, 0.0, 0.0, 0.0]]))
    >>> dhs[0, 0]
    array([0.1875, 0.1875])
    """

    def __init__(self) -> None:
        config.check()
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        self.softmax = Softmax()
        self.cache: Any = None  # (hs, the other argument with a third dimension)

    def forward(self, hs: ArrayLike, h: ArrayLike) -> NDArray[Any]:
        """Return the weights a (N, T) of hs (N, T, H) for h (N, H)."""
        hs = as_attended("hs", hs)
        h = as_numbers("h", h)
        N, _, H = hs.shape
        check_shape("h", h, (N, H), "N and H of hs")
        a = self.softmax.forward(batched_product(hs, h[:, :, None])[:, :, 0])
        self.cache = (hs, h[:, None, :])
        return a

    def backward(self, da: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return dhs (N, T, H) and dh (N, H) from da (N, T)."""
        check_forward_ran(self, self.cache)
        hs, each = self.cache
        da = as_numbers("da", da)
        check_shape("da", da, hs.shape[:2], "N and T of hs")
        ds = self.softmax.backward(da)
        # forward: s = hs . h
        return ds[:, :, None] * each, batched_product(ds[:, None, :], hs)[:, 0]


class Attention:
    """Attention of one decoder state: out (N, H) is the sum of hs (N, T, H), weighted by h (N, H).

    `attention_weight` holds the weights (N, T) of the last forward.

    >>> import numpy as np
    >>> from fastw2v.attention_layer import Attention
    >>> layer = Attention()
    >>> layer.forward(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.zeros((1, 2)))
    array([[2., 3.]])
    >>> layer.attention_weight
    array([[0.5, 0.5]])
    >>> dhs, dh = layer.backward(np.array([[1.0, 0.0]]))
    >>> dh
    array([[1., 1.]])
    """

    def __init__(self) -> None:
        config.check()
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        self.attention_weight_layer = AttentionWeight()
        self.weight_sum_layer = WeightSum()
        self.attention_weight: NDArray[Any] | None = None

    def forward(self, hs: ArrayLike, h: ArrayLike) -> NDArray[Any]:
        """Return the weighted sum (N, H) of hs (N, T, H) for h (N, H)."""
        a = self.attention_weight_layer.forward(hs, h)
        out = self.weight_sum_layer.forward(hs, a)
        self.attention_weight = a.copy()
        return out

    def backward(self, dout: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return dhs (N, T, H) and dh (N, H) from dout (N, H)."""
        dhs, da = self.weight_sum_layer.backward(dout)
        dhs_of_weight, dh = self.attention_weight_layer.backward(da)
        return dhs + dhs_of_weight, dh


def _in_dtype_of(x: NDArray[Any], result: NDArray[Any]) -> NDArray[Any]:
    """Return a result in the dtype of x, unless x holds whole numbers."""
    return result.astype(x.dtype.newbyteorder("="), copy=False) if x.dtype.kind == "f" else result


class TimeAttention:
    """`Attention` at each step of the decoder: hs_enc (N, T_enc, H), hs_dec (N, T_dec, H).

    Results for the decoder's side have the dtype of hs_dec, and in backward that of dout.

    `attention_weights` is a list of T_dec arrays (N, T_enc), those of the last forward.

    >>> import numpy as np
    >>> from fastw2v.attention_layer import TimeAttention
    >>> layer = TimeAttention()
    >>> layer.forward(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.zeros((1, 1, 2)))
    array([[[2., 3.]]])
    >>> layer.attention_weights
    [array([[0.5, 0.5]])]
    """

    def __init__(self) -> None:
        config.check()
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        self._softmax = Softmax()
        self._state: Any = None  # hs_enc and hs_dec of the last forward, weights (N, T_dec, T_enc)
        self._weights: list[NDArray[Any]] | None = None  # copies of the weights, which users hold

    def forward(self, hs_enc: ArrayLike, hs_dec: ArrayLike) -> NDArray[Any]:
        """Return weighted sums (N, T_dec, H) of hs_enc (N, T_enc, H) for hs_dec (N, T_dec, H)."""
        hs_enc = as_attended("hs_enc", hs_enc)
        hs_dec = as_attended("hs_dec", hs_dec, least=0)
        (N, T_enc, H), T_dec = hs_enc.shape, hs_dec.shape[1]
        check_shape("hs_dec", hs_dec, (N, T_dec, H), "N and H of hs_enc")
        scores = batched_product(hs_dec, hs_enc.swapaxes(1, 2))
        weights = self._softmax.forward(scores.reshape(N * T_dec, T_enc))
        weights = weights.reshape(N, T_dec, T_enc)
        self._state, self._weights = (hs_enc, hs_dec, weights), None
        return _in_dtype_of(hs_dec, batched_product(weights, hs_enc))

    def backward(self, dout: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return dhs_enc (N, T_enc, H) and dhs_dec (N, T_dec, H) from dout (N, T_dec, H)."""
        check_forward_ran(self, self._state)
        hs_enc, hs_dec, weights = self._state
        dout = as_numbers("dout", dout)
        check_shape("dout", dout, hs_dec.shape, "that of hs_dec")
        # forward: out = weights hs_enc
        dweights = batched_product(dout, hs_enc.swapaxes(1, 2))
        dhs_enc = batched_product(weights.swapaxes(1, 2), dout)
        # forward: weights = softmax of hs_dec hs_enc^T
        ds = self._softmax.backward(dweights.reshape(-1, weights.shape[2])).reshape(weights.shape)
        dhs_enc = batched_product(ds.swapaxes(1, 2), hs_dec, onto=dhs_enc)
        return dhs_enc, _in_dtype_of(dout, batched_product(ds, hs_enc))

    @property
    def attention_weights(self) -> list[NDArray[Any]] | None:
        """The weights (N, T_enc) of each step of the last forward; None before."""
        if self._weights is None and self._state is not None:
            self._weights = [a.copy() for a in self._state[2].swapaxes(0, 1)]
        return self._weights

    @property
    def layers(self) -> list[Attention] | None:
        """The steps of the last forward as Attentions, one per step of the decoder; None before."""
        if self._state is None:
            return None
        hs_enc, hs_dec, _ = self._state
        steps = []
        for t in range(hs_dec.shape[1]):
            step = Attention()
            step.forward(hs_enc, hs_dec[:, t])
            steps.append(step)
        return steps
