"""Attention: for each decoder state, the encoder states weighted by how much they resemble it.

    weights   a[n, t] = softmax over t of hs[n, t] . h[n]
    sum       out[n]  = sum over t of a[n, t] * hs[n, t]

after Luong et al., Effective Approaches to Attention-based Neural Machine Translation (2015),
section 3.1, the score called dot. hs (N, T, H) are the encoder's states, h (N, H) a state of the
decoder.
"""

import numpy as np

from .layers import Softmax

__all__ = ["Attention", "AttentionWeight", "TimeAttention", "WeightSum"]


class WeightSum:
    """out (N, H) = sum over t of a[:, t] * hs[:, t], with a (N, T)."""

    def __init__(self):
        self.params, self.grads = [], []
        self.cache = None

    def forward(self, hs, a):
        N, T, _ = hs.shape
        weights = a.reshape(N, T, 1)
        self.cache = (hs, weights)
        return (hs * weights).sum(axis=1)

    def backward(self, dc):
        hs, weights = self.cache
        N, T, H = hs.shape
        each = dc.reshape(N, 1, H).repeat(T, axis=1)
        return each * weights, (each * hs).sum(axis=2)


class AttentionWeight:
    """a (N, T) = softmax over t of hs[:, t] . h."""

    def __init__(self):
        self.params, self.grads = [], []
        self.softmax = Softmax()
        self.cache = None

    def forward(self, hs, h):
        N, T, H = hs.shape
        hr = h.reshape(N, 1, H).repeat(T, axis=1)
        self.cache = (hs, hr)
        return self.softmax.forward((hs * hr).sum(axis=2))

    def backward(self, da):
        hs, hr = self.cache
        N, T, _ = hs.shape
        ds = self.softmax.backward(da).reshape(N, T, 1)
        return ds * hr, (ds * hs).sum(axis=1)


class Attention:
    """out (N, H): the states hs summed with the weights that h gives them."""

    def __init__(self):
        self.params, self.grads = [], []
        self.attention_weight_layer = AttentionWeight()
        self.weight_sum_layer = WeightSum()
        self.attention_weight = None

    def forward(self, hs, h):
        self.attention_weight = self.attention_weight_layer.forward(hs, h)
        return self.weight_sum_layer.forward(hs, self.attention_weight)

    def backward(self, dout):
        dhs_of_sum, da = self.weight_sum_layer.backward(dout)
        dhs_of_weight, dh = self.attention_weight_layer.backward(da)
        return dhs_of_sum + dhs_of_weight, dh


class TimeAttention:
    """out (N, T_dec, H): Attention for each step of the decoder's states hs_dec (N, T_dec, H)."""

    def __init__(self):
        self.params, self.grads = [], []
        self.layers = None
        self.attention_weights = None
        self._hs_enc = None

    def forward(self, hs_enc, hs_dec):
        out = np.empty_like(hs_dec)
        self.layers = [Attention() for _ in range(hs_dec.shape[1])]
        for t, layer in enumerate(self.layers):
            out[:, t] = layer.forward(hs_enc, hs_dec[:, t])
        self.attention_weights = [layer.attention_weight for layer in self.layers]
        self._hs_enc = hs_enc
        return out

    def backward(self, dout):
        dhs_enc, dhs_dec = np.zeros_like(self._hs_enc), np.empty_like(dout)
        for t, layer in enumerate(self.layers):
            dhs, dhs_dec[:, t] = layer.backward(dout[:, t])
            dhs_enc = dhs_enc + dhs
        return dhs_enc, dhs_dec
