"""Attention: for each decoder state, a sum of the encoder states weighted by similarity to it.

    weights   a[n, t] = softmax over t of hs[n, t] . h[n]
    sum       out[n]  = sum over t of a[n, t] * hs[n, t]

after Luong et al., Effective Approaches to Attention-based Neural Machine Translation (2015),
section 3.1, the score called dot. hs (N, T, H) are the encoder's states, h (N, H) a state of the
decoder.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .layers import Softmax

__all__ = ["Attention", "AttentionWeight", "TimeAttention", "WeightSum"]

Array = NDArray[Any]


class WeightSum:
    """Weighted sum of states: out (N, H) = sum over t of a[:, t] * hs[:, t], with a (N, T)."""

    def __init__(self) -> None:
        self.params, self.grads = [], []
        self.cache: Any = None

    def forward(self, hs: Array, a: Array) -> Array:
        N, T, _ = hs.shape
        weights = a.reshape(N, T, 1)
        self.cache = (hs, weights)
        return (hs * weights).sum(axis=1)

    def backward(self, dc: Array) -> tuple[Array, Array]:
        hs, weights = self.cache
        N, T, H = hs.shape
        each = dc.reshape(N, 1, H).repeat(T, axis=1)
        return each * weights, (each * hs).sum(axis=2)


class AttentionWeight:
    """Weights of attention: a (N, T) = softmax over t of hs[:, t] . h."""

    def __init__(self) -> None:
        self.params, self.grads = [], []
        self.softmax = Softmax()
        self.cache: Any = None

    def forward(self, hs: Array, h: Array) -> Array:
        N, _, H = hs.shape
        hr = h.reshape(N, 1, H)
        self.cache = (hs, hr)
        return self.softmax.forward((hs * hr).sum(axis=2))

    def backward(self, da: Array) -> tuple[Array, Array]:
        hs, hr = self.cache
        N, T, _ = hs.shape
        ds = self.softmax.backward(da).reshape(N, T, 1)
        return ds * hr, (ds * hs).sum(axis=1)


class Attention:
    """Attention of one decoder state: out (N, H) is the sum of hs, weighted by h."""

    def __init__(self) -> None:
        self.params, self.grads = [], []
        self.attention_weight_layer = AttentionWeight()
        self.weight_sum_layer = WeightSum()
        self.attention_weight = None

    def forward(self, hs: Array, h: Array) -> Array:
        self.attention_weight = self.attention_weight_layer.forward(hs, h)
        return self.weight_sum_layer.forward(hs, self.attention_weight)

    def backward(self, dout: Array) -> tuple[Array, Array]:
        dhs_of_sum, da = self.weight_sum_layer.backward(dout)
        dhs_of_weight, dh = self.attention_weight_layer.backward(da)
        return dhs_of_sum + dhs_of_weight, dh


class TimeAttention:
    """Attention for each step of the decoder's states hs_dec (N, T_dec, H): out (N, T_dec, H)."""

    def __init__(self) -> None:
        self.params, self.grads = [], []
        self.layers = None
        self.attention_weights = None
        self._hs_enc = None

    def forward(self, hs_enc: Array, hs_dec: Array) -> Array:
        out = np.empty_like(hs_dec)
        self.layers = [Attention() for _ in range(hs_dec.shape[1])]
        for t, layer in enumerate(self.layers):
            out[:, t] = layer.forward(hs_enc, hs_dec[:, t])
        self.attention_weights = [layer.attention_weight for layer in self.layers]
        self._hs_enc = hs_enc
        return out

    def backward(self, dout: Array) -> tuple[Array, Array]:
        dhs_enc, dhs_dec = np.zeros_like(self._hs_enc), np.empty_like(dout)
        for t, layer in enumerate(self.layers):
            dhs, dhs_dec[:, t] = layer.backward(dout[:, t])
            dhs_enc = dhs_enc + dhs
        return dhs_enc, dhs_dec
