"""SimpleSkipGram: skip-gram with a window of one word, on one-hot vectors (chapter 3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastw2v import config, init
from fastw2v._checks.ids import as_one_hot_contexts
from fastw2v._checks.numbers import as_int, check_generator
from fastw2v.base_model import BaseModel
from fastw2v.layers import MatMul, SoftmaxWithLoss

__all__ = ["SimpleSkipGram"]


class SimpleSkipGram(BaseModel):
    """Loss of the words on both sides given a word, over the whole vocabulary.

        scores = W_in[target] @ W_out;  loss = the loss of the left word + that of the right one

    `in_layer` has W_in (V, H) and `out_layer` W_out (H, V); `loss_layer1` and `loss_layer2` are
    those of the two sides. `word_vecs` is W_in. Weights are 0.01 * randn, float32. rng: None
    draws them from numpy's global stream, as the book does.

    >>> import numpy as np
    >>> from fastw2v.models import SimpleSkipGram
    >>> from fastw2v.util import convert_one_hot
    >>> contexts = convert_one_hot(np.array([[0, 2], [1, 3]]), vocab_size=7)
    >>> target = convert_one_hot(np.array([1, 2]), vocab_size=7)
    >>> model = SimpleSkipGram(vocab_size=7, hidden_size=5)
    >>> bool(abs(model.forward(contexts, target) - 2 * np.log(7)) < 0.1)    # nothing learned yet
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
        self.in_layer, self.out_layer = MatMul(W_in), MatMul(W_out)
        self.loss_layer1, self.loss_layer2 = SoftmaxWithLoss(), SoftmaxWithLoss()
        self.params = self.in_layer.params + self.out_layer.params
        self.grads = self.in_layer.grads + self.out_layer.grads
        self.word_vecs = W_in

    def forward(self, contexts: ArrayLike, target: ArrayLike) -> np.floating[Any]:
        """Return the loss of one-hot contexts (N, 2, V) and target (N, V)."""
        contexts = as_one_hot_contexts("contexts", contexts, len(self.word_vecs))
        score = self.out_layer.forward(self.in_layer.forward(target))
        left = self.loss_layer1.forward(score, contexts[:, 0])
        return left + self.loss_layer2.forward(score, contexts[:, 1])

    def backward(self, dout: ArrayLike = 1) -> None:
        """Write the gradients of all weights into `grads`."""
        dscore = self.loss_layer1.backward(dout) + self.loss_layer2.backward(dout)
        self.in_layer.backward(self.out_layer.backward(dscore))
