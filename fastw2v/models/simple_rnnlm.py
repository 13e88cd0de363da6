"""SimpleRnnlm: the language model of chapter 5, on a simple recurrent layer."""

from __future__ import annotations

import numpy as np

from fastw2v import config
from fastw2v._checks.numbers import as_int, check_generator
from fastw2v.models import _weights
from fastw2v.models._language_model import LanguageModel
from fastw2v.time_layers import TimeAffine, TimeEmbedding, TimeRNN

__all__ = ["SimpleRnnlm"]


class SimpleRnnlm(LanguageModel):
    """Loss of the next word: embedding, stateful `TimeRNN`, affine, softmax.

    (Mikolov et al. 2010, with truncated backpropagation through time.) vocab_size, wordvec_size
    and hidden_size are V, D, H: the weights are (V, D), (D, H), (H, H), (H,), (H, V), (V,) in
    `params`. rng: None draws them from numpy's global stream, as the book does. `rnn_layer` is
    the recurrent layer.

    >>> import numpy as np
    >>> from fastw2v.models import SimpleRnnlm
    >>> model = SimpleRnnlm(vocab_size=10, wordvec_size=4, hidden_size=5)
    >>> xs, ts = np.array([[1, 2, 3]]), np.array([[2, 3, 4]])
    >>> bool(abs(model.forward(xs, ts) - np.log(10)) < 0.1)    # nothing learned yet
    True
    >>> model.backward()
    """

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        config.check()
        V = as_int("vocab_size", vocab_size)
        D = as_int("wordvec_size", wordvec_size)
        H = as_int("hidden_size", hidden_size)
        check_generator("rng", rng)
        embed = TimeEmbedding(_weights.table(V, D, rng))
        self.rnn_layer = TimeRNN(*_weights.recurrent(D, H, 1, rng), stateful=True)
        self._hold(embed, self.rnn_layer, TimeAffine(*_weights.dense(H, V, rng)))

    def reset_state(self) -> None:
        """Reset the state; the next forward starts at zero."""
        self.rnn_layer.reset_state()
