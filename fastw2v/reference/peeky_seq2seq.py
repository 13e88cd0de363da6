"""PeekySeq2seq: the decoder's LSTM and affine layer read the encoder's h at every step."""

import numpy as np

from .seq2seq import Lists, Seq2seq, affine, embedding, lstm

__all__ = ["PeekyDecoder", "PeekySeq2seq"]


def beside(h, xs):
    """Return h (N, H) joined with each step of xs (N, T, D): (N, T, H + D)."""
    return np.concatenate([np.repeat(h[:, None], xs.shape[1], axis=1), xs], axis=2)


class PeekyDecoder(Lists):
    """Decoder of ids xs (N, T) and h (N, H): LSTM on [h | word], affine on [h | state]."""

    def __init__(self, vocab_size, wordvec_size, hidden_size):
        self.embed = embedding(vocab_size, wordvec_size)
        self.lstm = lstm(hidden_size + wordvec_size, hidden_size, stateful=True)
        self.affine = affine(2 * hidden_size, vocab_size)
        self._list(self.embed, self.lstm, self.affine)

    def forward(self, xs, h):
        self.lstm.set_state(h)
        self.H = h.shape[1]
        hs = self.lstm.forward(beside(h, self.embed.forward(xs)))
        return self.affine.forward(beside(h, hs))

    def backward(self, dscore):
        dboth = self.affine.backward(dscore)
        dinput = self.lstm.backward(dboth[:, :, self.H :])
        self.embed.backward(dinput[:, :, self.H :])
        dpeeked = dboth[:, :, : self.H] + dinput[:, :, : self.H]
        return self.lstm.dh + dpeeked.sum(axis=1)

    def generate(self, h, start_id, sample_size):
        ids = [start_id]
        self.lstm.set_state(h)
        for _ in range(sample_size):
            hs = self.lstm.forward(beside(h, self.embed.forward(np.array([[ids[-1]]]))))
            ids.append(int(self.affine.forward(beside(h, hs)).argmax()))
        return ids[1:]


class PeekySeq2seq(Seq2seq):
    """Seq2seq with a PeekyDecoder."""

    _decoder = PeekyDecoder
