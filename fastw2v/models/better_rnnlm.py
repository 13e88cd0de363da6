"""BetterRnnlm: the language model of chapter 6 with two LSTMs, dropout and a tied weight."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v import config, init
from fastw2v._checks.numbers import as_int, check_fraction, check_generator
from fastw2v.models import _weights
from fastw2v.models._language_model import LanguageModel
from fastw2v.time_layers import TimeAffine, TimeDropout, TimeEmbedding, TimeLSTM

__all__ = ["BetterRnnlm"]


class BetterRnnlm(LanguageModel):
    """Loss of the next word, as `Rnnlm`, with two LSTMs, dropout and a tied weight.

    The layers are embedding, dropout, LSTM, dropout, LSTM, dropout, affine, softmax. The weight of
    the affine layer is the transpose of the embedding, in the same memory (Zaremba et al., arXiv
    1409.2329; Press and Wolf, arXiv 1608.05859), so wordvec_size and hidden_size must be equal.
    `params` has 9 arrays, of which the last two are the view embedding.T and its bias.

    `lstm_layers` and `drop_layers` list those of `layers`; forward sets `train_flg` of the three
    dropouts. rng: None draws weights and masks from numpy's global stream, as the book does. The
    weight of a copy or of an unpickled model is tied again.

    >>> import numpy as np
    >>> from fastw2v.models import BetterRnnlm
    >>> model = BetterRnnlm(vocab_size=10, wordvec_size=4, hidden_size=4)
    >>> xs, ts = np.array([[1, 2, 3]]), np.array([[2, 3, 4]])
    >>> bool(abs(model.forward(xs, ts) - np.log(10)) < 0.1)    # nothing learned yet
    True
    >>> model.backward()
    >>> np.shares_memory(model.params[0], model.params[7])
    True
    """

    def __init__(
        self,
        vocab_size: int = 10000,
        wordvec_size: int = 650,
        hidden_size: int = 650,
        dropout_ratio: float = 0.5,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        config.check()
        V = as_int("vocab_size", vocab_size)
        D = as_int("wordvec_size", wordvec_size)
        H = as_int("hidden_size", hidden_size)
        if D != H:
            raise ValueError(
                f"wordvec_size: expected {H}, the hidden_size, because the affine layer takes the "
                f"embedding as its weight, got {D}; make them equal, or take Rnnlm"
            )
        check_fraction("dropout_ratio", dropout_ratio)
        check_generator("rng", rng)
        W = _weights.table(V, D, rng)
        self.lstm_layers = [
            TimeLSTM(*_weights.recurrent(width, H, 4, rng), stateful=True) for width in (D, H)
        ]
        self.drop_layers = [TimeDropout(dropout_ratio, rng=rng) for _ in range(3)]
        first, second = self.lstm_layers
        before, between, after = self.drop_layers
        affine = TimeAffine(W.T, init.zeros(V))
        self._hold(TimeEmbedding(W), before, first, between, second, after, affine)

    def predict(self, xs: ArrayLike, train_flg: bool = False) -> NDArray[np.floating[Any]]:
        """Return scores (N, T, V) of the word after each id (N, T), with dropout if train_flg."""
        for layer in self.drop_layers:
            layer.train_flg = train_flg
        return super().predict(xs)

    def forward(self, xs: ArrayLike, ts: ArrayLike, train_flg: bool = True) -> np.floating[Any]:
        """Return the mean loss of ids xs (N, T) and the ids ts (N, T) that follow them."""
        return self._loss(ts, xs, train_flg)

    def _fit_step(self, xs, ts, *, last):
        for layer in self.drop_layers:
            layer.train_flg = True  # as forward does
        return super()._fit_step(xs, ts, last=last)

    def reset_state(self) -> None:
        """Reset all states; the next forward starts at zero."""
        for layer in self.lstm_layers:
            layer.reset_state()
