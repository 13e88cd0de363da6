"""AttentionSeq2seq: the decoder reads a weighted sum of the encoder's states at each step."""

import numpy as np

from .attention_layer import TimeAttention
from .seq2seq import Encoder, Lists, Seq2seq, affine, embedding, lstm

__all__ = ["AttentionDecoder", "AttentionEncoder", "AttentionSeq2seq"]


class AttentionEncoder(Encoder):
    """Encoder of ids (N, T) into all states hs (N, T, H)."""

    def forward(self, xs):
        super().forward(xs)
        return self.hs

    def backward(self, dhs):
        self.embed.backward(self.lstm.backward(dhs))


class AttentionDecoder(Lists):
    """Decoder of ids xs (N, T) and enc_hs (N, T_enc, H): affine on [context | state]."""

    def __init__(self, vocab_size, wordvec_size, hidden_size):
        self.embed = embedding(vocab_size, wordvec_size)
        self.lstm = lstm(wordvec_size, hidden_size, stateful=True)
        self.attention = TimeAttention()
        self.affine = affine(2 * hidden_size, vocab_size)
        self._list(self.embed, self.lstm, self.attention, self.affine)

    def _scores(self, xs, enc_hs):
        dec_hs = self.lstm.forward(self.embed.forward(xs))
        context = self.attention.forward(enc_hs, dec_hs)
        return self.affine.forward(np.concatenate([context, dec_hs], axis=2))

    def forward(self, xs, enc_hs):
        self.lstm.set_state(enc_hs[:, -1])
        return self._scores(xs, enc_hs)

    def backward(self, dscore):
        dboth = self.affine.backward(dscore)
        H = dboth.shape[2] // 2
        denc_hs, ddec_hs = self.attention.backward(dboth[:, :, :H])
        self.embed.backward(self.lstm.backward(ddec_hs + dboth[:, :, H:]))
        denc_hs[:, -1] += self.lstm.dh
        return denc_hs

    def generate(self, enc_hs, start_id, sample_size):
        ids = [start_id]
        self.lstm.set_state(enc_hs[:, -1])
        for _ in range(sample_size):
            ids.append(int(self._scores(np.array([[ids[-1]]]), enc_hs).argmax()))
        return ids[1:]


class AttentionSeq2seq(Seq2seq):
    """Seq2seq with attention."""

    _encoder, _decoder = AttentionEncoder, AttentionDecoder
