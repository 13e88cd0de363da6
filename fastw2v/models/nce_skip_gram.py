"""NCESkipGram: skip-gram with NCE, the model of TensorFlow's tutorial on word vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v import config, init
from fastw2v._checks.numbers import as_int
from fastw2v._core.fast_path import is_unmodified
from fastw2v._rows.deferred import UpToDate
from fastw2v.base_model import BaseModel
from fastw2v.candidate_sampling import Candidates, NCELoss
from fastw2v.layers import Embedding

__all__ = ["NCESkipGram"]


class NCESkipGram(BaseModel):
    """NCE loss of the words near a centre word, given the vector of that word.

        loss = NCELoss(W, b)(embeddings[centres], labels)

    Embeddings (vocab_size, embedding_size) are drawn from uniform(-1, 1), W from a normal
    distribution of standard deviation 1 / sqrt(embedding_size), truncated at twice that; b is 0.
    `word_vecs` is the table of embeddings itself, which training changes in place. `embed` and
    `loss_layer` are the layers. The model is designed for `datasets.skip_gram_batches`,
    `SGD(lr=1.0)` and `Trainer.fit_batches`; the cost of a step is then independent of vocab_size.

    rng: None draws weights and candidates from numpy's global stream.

    >>> import numpy as np
    >>> from fastw2v.datasets import skip_gram_batches
    >>> from fastw2v.models import NCESkipGram
    >>> from fastw2v.optimizer import SGD
    >>> from fastw2v.trainer import Trainer
    >>> ids = np.arange(1000) % 40
    >>> trainer = Trainer(NCESkipGram(40, 16, num_sampled=8), SGD(lr=1.0))
    >>> batches = skip_gram_batches(ids, batch_size=32, num_skips=2, skip_window=1)
    >>> first = trainer.fit_batches(batches, 20, eval_interval=None)
    >>> trainer.fit_batches(batches, 200, eval_interval=None) < first
    True
    """

    word_vecs: NDArray[np.float32] = UpToDate()  # type: ignore[assignment]

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int = 128,
        num_sampled: int = 64,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        config.check()
        V = as_int("vocab_size", vocab_size)
        D = as_int("embedding_size", embedding_size)
        self.embed = Embedding(init.uniform((V, D), rng=rng))
        W = init.truncated_normal((V, D), 1 / math.sqrt(D), rng=rng)
        self.loss_layer = NCELoss(W, np.zeros(V, np.float32), num_sampled, rng=rng)
        self.params = self.embed.params + self.loss_layer.params
        self.grads = self.embed.grads + self.loss_layer.grads
        self.word_vecs = self.embed.params[0]

    def forward(
        self,
        centres: ArrayLike,
        labels: ArrayLike,
        *,
        sampled_values: Candidates | Sequence[ArrayLike] | None = None,
    ) -> np.float64:
        """Return the loss, a float64 scalar, of centres (N,) and labels (N,) or (N, 1)."""
        x = self.embed.forward(centres)
        return self.loss_layer.forward(x, labels, sampled_values=sampled_values)

    def row_tables(self) -> list[NDArray[Any]]:
        """Return the parameters whose updates may be deferred: a step reads only rows of them."""
        if is_unmodified(self, NCESkipGram) and is_unmodified(self.embed, Embedding):
            return [*self.embed.params, *self.loss_layer.row_tables()]
        return []

    def backward(self, dout: ArrayLike = 1) -> None:
        """Write the gradients of all weights into `grads`."""
        self.embed.backward(self.loss_layer.backward(dout))
