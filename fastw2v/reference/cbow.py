"""CBOW: a word from the mean of its neighbours."""

import numpy as np

from .layers import Embedding
from .negative_sampling_layer import NegativeSamplingLoss

__all__ = ["CBOW"]


class CBOW:
    """Loss of the words target (N,) given their neighbours contexts (N, 2 * window_size).

    h = mean over the columns of W_in[contexts]; loss = NegativeSamplingLoss(W_out)(h, target).
    W_in and W_out are (vocab_size, hidden_size), float32, 0.01 * randn. `word_vecs` is W_in.
    """

    def __init__(self, vocab_size, hidden_size, window_size, corpus):
        W_in = 0.01 * np.random.randn(vocab_size, hidden_size).astype(np.float32)
        W_out = 0.01 * np.random.randn(vocab_size, hidden_size).astype(np.float32)
        self.in_layers = [Embedding(W_in) for _ in range(2 * window_size)]
        self.ns_loss = NegativeSamplingLoss(W_out, corpus, power=0.75, sample_size=5)
        layers = [*self.in_layers, self.ns_loss]
        self.params = [param for layer in layers for param in layer.params]
        self.grads = [grad for layer in layers for grad in layer.grads]
        self.word_vecs = W_in

    def forward(self, contexts, target):
        columns = contexts.T
        rows = [layer.forward(ids) for layer, ids in zip(self.in_layers, columns, strict=True)]
        h = sum(rows) * (1 / len(rows))
        return self.ns_loss.forward(h, target)

    def backward(self, dout=1):
        drow = self.ns_loss.backward(dout) * (1 / len(self.in_layers))
        for layer in self.in_layers:
            layer.backward(drow)
