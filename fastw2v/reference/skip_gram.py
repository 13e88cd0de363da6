"""Skip-gram: the neighbours from a word."""

import numpy as np

from .layers import Embedding
from .negative_sampling_layer import NegativeSamplingLoss

__all__ = ["SkipGram"]


class SkipGram:
    """Loss of the neighbours contexts (N, 2 * window_size) given their words target (N,).

    h = W_in[target]; loss = sum over the columns of contexts of NegativeSamplingLoss(W_out)(h,
    column), each with a sampler of its own. W_in and W_out are (vocab_size, hidden_size), float32,
    0.01 * randn. `word_vecs` is W_in.
    """

    def __init__(self, vocab_size, hidden_size, window_size, corpus):
        W_in = 0.01 * np.random.randn(vocab_size, hidden_size).astype(np.float32)
        W_out = 0.01 * np.random.randn(vocab_size, hidden_size).astype(np.float32)
        self.in_layer = Embedding(W_in)
        self.loss_layers = [
            NegativeSamplingLoss(W_out, corpus, power=0.75, sample_size=5)
            for _ in range(2 * window_size)
        ]
        layers = [self.in_layer, *self.loss_layers]
        self.params = [param for layer in layers for param in layer.params]
        self.grads = [grad for layer in layers for grad in layer.grads]
        self.word_vecs = W_in

    def forward(self, contexts, target):
        h = self.in_layer.forward(target)
        pairs = zip(self.loss_layers, contexts.T, strict=True)
        return sum(layer.forward(h, column) for layer, column in pairs)

    def backward(self, dout=1):
        self.in_layer.backward(sum(layer.backward(dout) for layer in self.loss_layers))
