"""Seq2seq: an LSTM reads the question, another starts from its last h and gives the answer."""

import numpy as np

from .time_layers import TimeAffine, TimeEmbedding, TimeLSTM, TimeSoftmaxWithLoss

__all__ = ["Decoder", "Encoder", "Seq2seq"]


def embedding(V, D):
    return TimeEmbedding((np.random.randn(V, D) / 100).astype("f"))


def lstm(D, H, stateful):
    Wx = (np.random.randn(D, 4 * H) / np.sqrt(D)).astype("f")
    Wh = (np.random.randn(H, 4 * H) / np.sqrt(H)).astype("f")
    return TimeLSTM(Wx, Wh, np.zeros(4 * H, "f"), stateful=stateful)


def affine(D, V):
    return TimeAffine((np.random.randn(D, V) / np.sqrt(D)).astype("f"), np.zeros(V, "f"))


class Lists:
    """Base with the joint lists params and grads of some layers."""

    def _list(self, *layers):
        self.params = [param for layer in layers for param in layer.params]
        self.grads = [grad for layer in layers for grad in layer.grads]


class Encoder(Lists):
    """Encoder of ids (N, T) into the last h (N, H)."""

    def __init__(self, vocab_size, wordvec_size, hidden_size):
        self.embed = embedding(vocab_size, wordvec_size)
        self.lstm = lstm(wordvec_size, hidden_size, stateful=False)
        self._list(self.embed, self.lstm)
        self.hs = None

    def forward(self, xs):
        self.hs = self.lstm.forward(self.embed.forward(xs))
        return self.hs[:, -1]

    def backward(self, dh):
        dhs = np.zeros_like(self.hs)
        dhs[:, -1] = dh
        self.embed.backward(self.lstm.backward(dhs))


class Decoder(Lists):
    """Decoder of ids xs (N, T) and h (N, H) into scores (N, T, V) of the id after each."""

    def __init__(self, vocab_size, wordvec_size, hidden_size):
        self.embed = embedding(vocab_size, wordvec_size)
        self.lstm = lstm(wordvec_size, hidden_size, stateful=True)
        self.affine = affine(hidden_size, vocab_size)
        self._list(self.embed, self.lstm, self.affine)

    def forward(self, xs, h):
        self.lstm.set_state(h)
        return self.affine.forward(self.lstm.forward(self.embed.forward(xs)))

    def backward(self, dscore):
        self.embed.backward(self.lstm.backward(self.affine.backward(dscore)))
        return self.lstm.dh

    def generate(self, h, start_id, sample_size):
        ids = [start_id]
        self.lstm.set_state(h)
        for _ in range(sample_size):
            out = self.lstm.forward(self.embed.forward(np.array([[ids[-1]]])))
            ids.append(int(self.affine.forward(out).argmax()))
        return ids[1:]


class Seq2seq(Lists):
    """Mean loss of answers ts (N, T') to questions xs (N, T).

    The decoder reads ts[:, :-1] and predicts ts[:, 1:]. `reverse` reverses the questions.
    """

    _encoder, _decoder = Encoder, Decoder

    def __init__(self, vocab_size, wordvec_size, hidden_size, *, reverse=False):
        self.encoder = self._encoder(vocab_size, wordvec_size, hidden_size)
        self.decoder = self._decoder(vocab_size, wordvec_size, hidden_size)
        self.softmax = TimeSoftmaxWithLoss()
        self._list(self.encoder, self.decoder)
        self.reverse = reverse

    def forward(self, xs, ts):
        h = self.encoder.forward(xs[:, ::-1] if self.reverse else xs)
        return self.softmax.forward(self.decoder.forward(ts[:, :-1], h), ts[:, 1:])

    def backward(self, dout=1):
        return self.encoder.backward(self.decoder.backward(self.softmax.backward(dout)))

    def generate(self, xs, start_id, sample_size):
        h = self.encoder.forward(xs[:, ::-1] if self.reverse else xs)
        return self.decoder.generate(h, start_id, sample_size)
