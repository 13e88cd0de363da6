"""SimpleRnnlm: the next word from the words before, by a simple recurrent network."""

import numpy as np

from .time_layers import TimeAffine, TimeEmbedding, TimeRNN, TimeSoftmaxWithLoss

__all__ = ["SimpleRnnlm"]


class SimpleRnnlm:
    """Mean loss of the ids ts (N, T) that follow the ids xs (N, T).

    The layers are TimeEmbedding, stateful TimeRNN, TimeAffine, TimeSoftmaxWithLoss. V, D, H are
    vocab_size, wordvec_size, hidden_size; weights are randn / 100 for the table, randn / sqrt(rows)
    for the others, drawn in the order of `params`; biases are 0.
    """

    def __init__(self, vocab_size, wordvec_size, hidden_size):
        V, D, H = vocab_size, wordvec_size, hidden_size
        randn = np.random.randn
        embed_W = (randn(V, D) / 100).astype("f")
        rnn_Wx = (randn(D, H) / np.sqrt(D)).astype("f")
        rnn_Wh = (randn(H, H) / np.sqrt(H)).astype("f")
        affine_W = (randn(H, V) / np.sqrt(H)).astype("f")
        self.rnn_layer = TimeRNN(rnn_Wx, rnn_Wh, np.zeros(H, "f"), stateful=True)
        self.layers = [
            TimeEmbedding(embed_W),
            self.rnn_layer,
            TimeAffine(affine_W, np.zeros(V, "f")),
        ]
        self.loss_layer = TimeSoftmaxWithLoss()
        self.params = [param for layer in self.layers for param in layer.params]
        self.grads = [grad for layer in self.layers for grad in layer.grads]

    def forward(self, xs, ts):
        for layer in self.layers:
            xs = layer.forward(xs)
        return self.loss_layer.forward(xs, ts)

    def backward(self, dout=1):
        dout = self.loss_layer.backward(dout)
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout

    def reset_state(self):
        self.rnn_layer.reset_state()
