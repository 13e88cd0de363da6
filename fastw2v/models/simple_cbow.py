"""SimpleCBOW: CBOW with a window of one word, on one-hot vectors (chapter 3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastw2v import config, init
from fastw2v._checks.ids import as_one_hot_contexts
from fastw2v._checks.numbers import as_int, check_generator
from fastw2v.base_model import BaseModel
from fastw2v.layers import MatMul, SoftmaxWithLoss

__all__ = ["SimpleCBOW"]


class SimpleCBOW(BaseModel):
    """Loss of target words given the words on both sides, over the whole vocabulary.

        h = mean of the two rows of W_in;  scores = h @ W_out

    `in_layer0`, `in_layer1` share W_in (V, H), listed twice in `params`; `out_layer` has W_out
    (H, V). `word_vecs` is W_in. Weights are 0.01 * randn, float32. rng: None draws them from
    numpy's global stream, as the book does.

    >>> import numpy as np
    >>> from fastw2v.models import SimpleCBOW
    >>> from fastw2v.util import convert_one_hot
    >>> contexts = convert_one_hot(np.array([[0, 2], [1, 3]]), vocab_size=7)
    >>> target = convert_one_hot(np.array([1, 2]), vocab_size=7)
    >>> model = SimpleCBOW(vocab_size=7, hidden_size=5)
    >>> bool(abs(model.forward(contexts, target) - np.log(7)) < 0.1)    # nothing learned yet
    True
    >>> model.backward()
    """

    def __init__(
        self, vocab_size: int, hidden_size: int, *, rng: np.random.Generator | None = None
    ) -> None:
        config.check()
        V = as_int("vocab_size", vocab_size)
        H = as_int("hidden_size", hidden_size)
        check_generator("rng", rng)
        W_in, W_out = init.word_vectors((V, H), rng), init.word_vectors((H, V), rng)
        self.in_layer0, self.in_layer1 = MatMul(W_in), MatMul(W_in)
        self.out_layer = MatMul(W_out)
        self.loss_layer = SoftmaxWithLoss()
        self.params, self.grads = [], []
        for layer in (self.in_layer0, self.in_layer1, self.out_layer):
            self.params += layer.params
            self.grads += layer.grads
        self.word_vecs = W_in

    def forward(self, contexts: ArrayLike, target: ArrayLike) -> np.floating[Any]:
        """Return the loss of one-hot contexts (N, 2, V) and target (N, V) or ids (N,)."""
        contexts = as_one_hot_contexts("contexts", contexts, len(self.word_vecs))
        h = self.in_layer0.forward(contexts[:, 0]) + self.in_layer1.forward(contexts[:, 1])
        return self.loss_layer.forward(self.out_layer.forward(h * 0.5), target)

    def backward(self, dout: ArrayLike = 1) -> None:
        """Write the gradients of all weights into `grads`."""
        dh = self.out_layer.backward(self.loss_layer.backward(dout)) * 0.5
        self.in_layer1.backward(dh)
        self.in_layer0.backward(dh)
