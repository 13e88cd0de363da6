"""BetterRnnlm: two LSTMs, dropout between all layers, and one weight for embedding and affine."""

import numpy as np

from .time_layers import TimeAffine, TimeDropout, TimeEmbedding, TimeLSTM, TimeSoftmaxWithLoss

__all__ = ["BetterRnnlm"]


class BetterRnnlm:
    """Mean loss of the ids ts (N, T) that follow the ids xs (N, T).

    Embedding, dropout, LSTM, dropout, LSTM, dropout, affine, softmax with loss. The weight of the
    affine layer is the transpose of the embedding, so D = H. Weights are drawn as in Rnnlm.
    """

    def __init__(self, vocab_size=10000, wordvec_size=650, hidden_size=650, dropout_ratio=0.5):
        V, D, H = vocab_size, wordvec_size, hidden_size
        randn = np.random.randn
        embed_W = (randn(V, D) / 100).astype("f")
        lstm_Wx1 = (randn(D, 4 * H) / np.sqrt(D)).astype("f")
        lstm_Wh1 = (randn(H, 4 * H) / np.sqrt(H)).astype("f")
        lstm_Wx2 = (randn(H, 4 * H) / np.sqrt(H)).astype("f")
        lstm_Wh2 = (randn(H, 4 * H) / np.sqrt(H)).astype("f")
        self.lstm_layers = [
            TimeLSTM(lstm_Wx1, lstm_Wh1, np.zeros(4 * H, "f"), stateful=True),
            TimeLSTM(lstm_Wx2, lstm_Wh2, np.zeros(4 * H, "f"), stateful=True),
        ]
        self.drop_layers = [TimeDropout(dropout_ratio) for _ in range(3)]
        self.layers = [
            TimeEmbedding(embed_W),
            self.drop_layers[0],
            self.lstm_layers[0],
            self.drop_layers[1],
            self.lstm_layers[1],
            self.drop_layers[2],
            TimeAffine(embed_W.T, np.zeros(V, "f")),
        ]
        self.loss_layer = TimeSoftmaxWithLoss()
        self.params = [param for layer in self.layers for param in layer.params]
        self.grads = [grad for layer in self.layers for grad in layer.grads]

    def predict(self, xs, train_flg=False):
        for layer in self.drop_layers:
            layer.train_flg = train_flg
        for layer in self.layers:
            xs = layer.forward(xs)
        return xs

    def forward(self, xs, ts, train_flg=True):
        return self.loss_layer.forward(self.predict(xs, train_flg), ts)

    def backward(self, dout=1):
        dout = self.loss_layer.backward(dout)
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout

    def reset_state(self):
        for layer in self.lstm_layers:
            layer.reset_state()
