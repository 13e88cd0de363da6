"""Rnnlm: the language model of chapter 6, on an LSTM."""

from __future__ import annotations

import numpy as np

from fastw2v import config
from fastw2v._checks.numbers import as_int, check_generator
from fastw2v.models import _weights
from fastw2v.models._language_model import LanguageModel
from fastw2v.time_layers import TimeAffine, TimeEmbedding, TimeLSTM

__all__ = ["Rnnlm"]


class Rnnlm(LanguageModel):
    """Loss of the next word: embedding, stateful `TimeLSTM`, affine, softmax.

    vocab_size, wordvec_size and hidden_size are V, D, H: the weights are (V, D), (D, 4H), (H, 4H),
    (4H,), (H, V), (V,) in `params`. rng: None draws them from numpy's global stream, as the book
    does. `lstm_layer` is the recurrent layer.

    >>> import numpy as np
    >>> from fastw2v.models import Rnnlm
    >>> model = Rnnlm(vocab_size=10, wordvec_size=4, hidden_size=5)
    >>> xs, ts = np.array([[1, 2, 3]]), np.array([[2, 3, 4]])
    >>> bool(abs(model.forward(xs, ts) - np.log(10)) < 0.1)    # nothing learned yet
    True
    >>> model.backward()
    >>> model.predict(xs).shape
    (1, 3, 10)
    """

    def __init__(
        self,
        vocab_size: int = 10000,
        wordvec_size: int = 100,
        hidden_size: int = 100,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        config.check()
        V = as_int("vocab_size", vocab_size)
        D = as_int("wordvec_size", wordvec_size)
        H = as_int("hidden_size", hidden_size)
        check_generator("rng", rng)
        embed = TimeEmbedding(_weights.table(V, D, rng))
        self.lstm_layer = TimeLSTM(*_weights.recurrent(D, H, 4, rng), stateful=True)
        self._hold(embed, self.lstm_layer, TimeAffine(*_weights.dense(H, V, rng)))

    def reset_state(self) -> None:
        """Reset the state; the next forward starts at zero."""
        self.lstm_layer.reset_state()
