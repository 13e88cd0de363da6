"""PeekySeq2seq: a decoder that reads the encoder's state at every step (chapter 7)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.arrays import check_forward_ran
from fastw2v.models.seq2seq import Decoder, Seq2seq, states_of

__all__ = ["PeekyDecoder", "PeekySeq2seq"]


class PeekyDecoder(Decoder):
    """Variant of `Decoder` whose LSTM and affine layer also read h at each step.

    The weights are (V, D), (H + D, 4H), (H, 4H), (4H,), (2H, V), (V,) in `params`.

    >>> import numpy as np
    >>> from fastw2v.models import PeekyDecoder
    >>> decoder = PeekyDecoder(vocab_size=13, wordvec_size=4, hidden_size=5)
    >>> score = decoder.forward(np.array([[6, 9], [6, 1]]), np.zeros((2, 5), np.float32))
    >>> score.shape
    (2, 2, 13)
    >>> decoder.backward(score).shape
    (2, 5)
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
        self._h = None

    def _width(self, D, H):
        return H + D

    def backward(self, dscore: ArrayLike) -> NDArray[np.floating[Any]]:
        """Return dh (N, H) for dscore (N, T, V); `lstm.dc` keeps the gradient of c."""
        check_forward_ran(self, self._h)
        H = self._h.shape[1]
        dout = self.affine.backward(dscore)
        dx = self.lstm.backward(dout[:, :, H:])
        self.embed.backward(dx[:, :, H:])
        # forward: both layers read [h | input] at each step
        return self.lstm.dh + (dout[:, :, :H] + dx[:, :, :H]).sum(axis=1)

    def _begin(self, h, c):
        super()._begin(h, c)
        self._h = np.asarray(h)

    def _scores(self, xs, train):
        out = states_of(self.lstm, _beside(self._h, self.embed.forward(xs)), train)
        return self.affine.forward(_beside(self._h, out))


class PeekySeq2seq(Seq2seq):
    """Variant of `Seq2seq` with a `PeekyDecoder` (Cho et al., arXiv 1406.1078).

    The arguments are those of `Seq2seq`.

    >>> import numpy as np
    >>> from fastw2v.models import PeekySeq2seq
    >>> model = PeekySeq2seq(vocab_size=13, wordvec_size=4, hidden_size=5, reverse=True)
    >>> questions, answers = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[0, 7, 8], [0, 9, 9]])
    >>> bool(abs(model.forward(questions, answers) - np.log(13)) < 0.1)    # nothing learned yet
    True
    >>> model.backward()
    """

    decoder: PeekyDecoder
    _decoder_class = PeekyDecoder


def _beside(h, xs):
    """Return [h | xs] at each step, (N, T, H + D), for h (N, H) and xs (N, T, D)."""
    (N, H), (_, T, D) = h.shape, xs.shape
    both = np.empty((N, T, H + D), np.result_type(h, xs))
    both[:, :, :H] = h[:, None]
    both[:, :, H:] = xs
    return both
