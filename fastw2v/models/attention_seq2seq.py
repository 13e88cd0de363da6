"""AttentionSeq2seq: a decoder that attends to all states of the encoder (chapter 8)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.arrays import check_forward_ran
from fastw2v._checks.sequences import as_attended
from fastw2v.attention_layer import TimeAttention
from fastw2v.models.seq2seq import Decoder, Encoder, Seq2seq, backward_over, states_over

__all__ = ["AttentionDecoder", "AttentionEncoder", "AttentionSeq2seq"]


class AttentionEncoder(Encoder):
    """Variant of `Encoder` that returns all of its states.

    >>> import numpy as np
    >>> from fastw2v.models import AttentionEncoder
    >>> encoder = AttentionEncoder(vocab_size=13, wordvec_size=4, hidden_size=5)
    >>> encoder.forward(np.array([[1, 2, 3], [4, 5, 6]])).shape
    (2, 3, 5)
    >>> encoder.backward(np.ones((2, 3, 5), np.float32))
    """

    def forward(self, xs: ArrayLike, *, train: bool = True) -> NDArray[np.floating[Any]]:
        """Return hs (N, T, H) for ids xs (N, T); train=False keeps nothing for backward."""
        super().forward(xs, train=train)
        return self.hs

    def backward(self, dhs: ArrayLike, *, dc: ArrayLike | None = None) -> None:
        """Write gradients into `grads` for dhs (N, T, H), and dc (N, H) if the decoder had c."""
        self._backward(dhs, dc)


class AttentionDecoder(Decoder):
    """Variant of `Decoder` that attends to all states of the encoder at each step.

    The LSTM starts from the encoder's last h. `attention` is the `TimeAttention` between LSTM and
    affine layer, which reads [context | h of the decoder]; `attention_weights` are its weights.
    The weights are (V, D), (D, 4H), (H, 4H), (4H,), (2H, V), (V,) in `params`.

    >>> import numpy as np
    >>> from fastw2v.models import AttentionDecoder
    >>> decoder = AttentionDecoder(vocab_size=13, wordvec_size=4, hidden_size=5)
    >>> enc_hs = np.zeros((2, 7, 5), np.float32)
    >>> score = decoder.forward(np.array([[6, 9], [6, 1]]), enc_hs)
    >>> score.shape
    (2, 2, 13)
    >>> decoder.backward(score).shape
    (2, 7, 5)
    """

    _reads = 2

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        *,
        embed_W: NDArray[Any] | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(vocab_size, wordvec_size, hidden_size, embed_W=embed_W, rng=rng)
        self.attention = TimeAttention()
        self._enc_hs = None

    def forward(
        self, xs: ArrayLike, enc_hs: ArrayLike, *, c: ArrayLike | None = None
    ) -> NDArray[np.floating[Any]]:
        """Return scores (N, T, V) for ids xs (N, T) and the encoder's states (N, T_enc, H)."""
        return super().forward(xs, enc_hs, c=c)

    def backward(self, dscore: ArrayLike) -> NDArray[np.floating[Any]]:
        """Return denc_hs (N, T_enc, H) for dscore (N, T, V); `lstm.dc` keeps the gradient of c."""
        check_forward_ran(self, self._enc_hs)
        H = self._enc_hs.shape[2]
        dout = self.affine.backward(dscore)
        denc_hs, ddec_hs = self.attention.backward(dout[:, :, :H])
        # forward: the affine layer reads [context | dec_hs], and the context is made of dec_hs
        ddec_hs = ddec_hs + dout[:, :, H:]
        backward_over(self, ddec_hs)
        denc_hs[:, -1] += self.lstm.dh
        return denc_hs

    def generate(
        self,
        enc_hs: ArrayLike,
        start_id: ArrayLike,
        sample_size: int,
        *,
        c: ArrayLike | None = None,
    ) -> list[int]:
        """Return sample_size ids that follow start_id. enc_hs is (1, T_enc, H)."""
        return super().generate(enc_hs, start_id, sample_size, c=c)

    def generate_batch(
        self,
        enc_hs: NDArray[Any],
        start_id: ArrayLike,
        sample_size: int,
        *,
        c: ArrayLike | None = None,
    ) -> NDArray[np.int64]:
        """Generate for N rows at once ids (N, sample_size). start_id: one for all, or (N,)."""
        return super().generate_batch(enc_hs, start_id, sample_size, c=c)

    def _begin(self, enc_hs, c):
        self._enc_hs = as_attended("enc_hs", enc_hs)
        super()._begin(self._enc_hs[:, -1], c)

    def _scores(self, xs, train):
        dec_hs = states_over(self, xs, train)
        context = self.attention.forward(self._enc_hs, dec_hs)
        return self.affine.forward(np.concatenate((context, dec_hs), axis=2))


class AttentionSeq2seq(Seq2seq):
    """Variant of `Seq2seq` with attention (Luong et al., arXiv 1508.04025, the dot score).

    The arguments are those of `Seq2seq`. After forward, `decoder.attention.attention_weights` is a
    list of arrays (N, T), one for each step of the answer.

    >>> import numpy as np
    >>> from fastw2v.models import AttentionSeq2seq
    >>> model = AttentionSeq2seq(vocab_size=13, wordvec_size=4, hidden_size=5)
    >>> questions, answers = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[0, 7, 8], [0, 9, 9]])
    >>> bool(abs(model.forward(questions, answers) - np.log(13)) < 0.1)    # nothing learned yet
    True
    >>> model.backward()
    >>> [weights.shape for weights in model.decoder.attention.attention_weights]
    [(2, 3), (2, 3)]
    """

    encoder: AttentionEncoder
    decoder: AttentionDecoder
    _encoder_class = AttentionEncoder
    _decoder_class = AttentionDecoder
