"""Rnnlm: the next word from the words before, by an LSTM."""

import numpy as np

from .time_layers import TimeAffine, TimeEmbedding, TimeLSTM, TimeSoftmaxWithLoss

__all__ = ["Rnnlm"]


class Rnnlm:
    """Mean loss of the ids ts (N, T) that follow the ids xs (N, T).

    The layers are TimeEmbedding, stateful TimeLSTM, TimeAffine, TimeSoftmaxWithLoss. V, D, H are
    vocab_size, wordvec_size, hidden_size; weights are randn / 100 for the table, randn / sqrt(rows)
    for the others, drawn in the order of `params`; biases are 0.
    """

    def __init__(self, vocab_size=10000, wordvec_size=100, hidden_size=100):
        V, D, H = vocab_size, wordvec_size, hidden_size
        randn = np.random.randn
        embed_W = (randn(V, D) / 100).astype("f")
        lstm_Wx = (randn(D, 4 * H) / np.sqrt(D)).astype("f")
        lstm_Wh = (randn(H, 4 * H) / np.sqrt(H)).astype("f")
        affine_W = (randn(H, V) / np.sqrt(H)).astype("f")
        self.lstm_layer = TimeLSTM(lstm_Wx, lstm_Wh, np.zeros(4 * H, "f"), stateful=True)
        self.layers = [
            TimeEmbedding(embed_W),
            self.lstm_layer,
            TimeAffine(affine_W, np.zeros(V, "f")),
        ]
        self.loss_layer = TimeSoftmaxWithLoss()
        self.params = [param for layer in self.layers for param in layer.params]
        self.grads = [grad for layer in self.layers for grad in layer.grads]

    def predict(self, xs):
        for layer in self.layers:
            xs = layer.forward(xs)
        return xs

    def forward(self, xs, ts):
        return self.loss_layer.forward(self.predict(xs), ts)

    def backward(self, dout=1):
        dout = self.loss_layer.backward(dout)
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout

    def reset_state(self):
        self.lstm_layer.reset_state()
