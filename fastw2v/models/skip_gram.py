"""SkipGram: the surrounding words from the word itself (chapter 4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v import config, init
from fastw2v._checks.arrays import as_float, as_numbers, check_shape, check_writable
from fastw2v._checks.ids import as_contexts_and_target, as_ids, check_row_per_word
from fastw2v._checks.numbers import as_int
from fastw2v._core.fast_path import is_unmodified
from fastw2v._core.rollback import unchanged_on_error
from fastw2v._rows.deferred import UpToDate
from fastw2v._rows.row_grad import RowGradHolder
from fastw2v.layers import Embedding
from fastw2v.negative_sampling_layer import (
    NegativeSamplingLoss,
    UnigramSampler,
    fused_backward,
    fused_forward,
    id_dtype,
)

__all__ = ["SkipGram"]


class SkipGram(RowGradHolder):
    """Loss of the words around a target word, given that word.

        h = W_in[target]
        loss = sum over the columns c of NegativeSamplingLoss(W_out)(h, contexts[:, c])

    (Mikolov et al., arXiv 1301.3781, section 3.2). Both tables are (vocab_size, hidden_size),
    float32, 0.01 * randn. `word_vecs` is the input table itself, which training changes in place.
    `in_layer` is the Embedding; `loss_layers` has one NegativeSamplingLoss with its own sampler for
    each of the 2 * window_size columns.

    corpus: ids without gaps, for the frequencies of the negatives. It may lack the last words of
    the vocabulary; these may be targets but may not occur in contexts. sample_size: negatives per
    word. rng: None draws weights and negatives from numpy's global stream, as the book does.

    >>> import numpy as np
    >>> from fastw2v.models import SkipGram
    >>> from fastw2v.util import create_contexts_target
    >>> corpus = np.array([0, 1, 2, 3, 4, 5, 1, 0, 3, 4, 5, 0, 6])
    >>> contexts, target = create_contexts_target(corpus, window_size=1)
    >>> model = SkipGram(7, 3, window_size=1, corpus=corpus)
    >>> round(float(model.forward(contexts, target)), 2)    # 2 * 6 log 2: nothing learned yet
    8.32
    >>> model.backward()
    """

    word_vecs: NDArray[np.float32] = UpToDate()  # type: ignore[assignment]

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        window_size: int,
        corpus: ArrayLike,
        *,
        sample_size: int = 5,
        rng: np.random.Generator | None = None,
    ) -> None:
        config.check()
        V = as_int("vocab_size", vocab_size)
        H = as_int("hidden_size", hidden_size)
        C = 2 * as_int("window_size", window_size)
        sampler = UnigramSampler(corpus, 0.75, sample_size, rng=rng)
        check_row_per_word("corpus", V, sampler.vocab_size, "the vocab_size")
        W_in = init.word_vectors((V, H), rng=rng)
        W_out = init.word_vectors((V, H), rng=rng)
        self.in_layer = Embedding(W_in)
        self.loss_layers = [NegativeSamplingLoss(W_out, sampler) for _ in range(C)]
        self._made = tuple(self.loss_layers)  # to notice when one was replaced
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        for layer in (self.in_layer, *self.loss_layers):
            self.params += layer.params
            self.grads += layer.grads
        self.word_vecs = W_in
        self._state = None  # kept by a fused forward: h, ids, y, e

    def forward(self, contexts: ArrayLike, target: ArrayLike) -> np.floating[Any]:
        """Return the loss of contexts (N, 2 * window_size) and target (N,), a scalar."""
        W = self.loss_layers[0].params[0]
        contexts, words = as_contexts_and_target(contexts, target, len(W), len(self.loss_layers))
        if isinstance(self.in_layer, Embedding):
            as_ids("target", words, len(self.in_layer.params[0]))
        if not self._may_fuse(W):
            with unchanged_on_error(self.in_layer, self.loss_layers):
                h = self.in_layer.forward(target)
                loss = 0
                for c, layer in enumerate(self.loss_layers):
                    loss = loss + layer.forward(h, np.ascontiguousarray(contexts[:, c]))
            self._state = None
            return loss
        if self.loss_layers[0].draws_as_we_do():
            n_words = self.loss_layers[0].sampler.vocab_size
            as_ids("contexts", contexts, n_words, rows="words of the corpus")
        with unchanged_on_error(self.in_layer):
            h = as_numbers("h", self.in_layer.forward(target))
            check_shape("h", h, (len(contexts), W.shape[1]), "one row per target, as wide as W_out")
            dtype = np.result_type(h, W)
            h = as_float("h", h, W.dtype)
            ids = self._draw(W, contexts)
            N, C, J = ids.shape
            ids = ids.reshape(N, C * J)
            y, e, losses = fused_forward(W, h, ids, J)
        self._state = (h, ids, y, e)
        for c, layer in enumerate(self.loss_layers):
            mine = slice(c * J, (c + 1) * J)
            layer.keep(h, ids[:, mine], y[mine], None, losses[mine], dtype)
        return dtype.type(losses.sum())

    def backward(self, dout: ArrayLike = 1) -> None:
        """Write the gradients of all weights into `grads`."""
        first = self.loss_layers[0]
        if self._state is not None and np.ndim(dout) == 0 and self._may_fuse(first.params[0]):
            grads = [grad for layer in self.loss_layers for grad in layer.grads]
            V = len(first.params[0])
            if is_unmodified(self.in_layer, Embedding):
                shape = self.in_layer.params[0].shape
                check_writable("grads[0]", self.in_layer.grads[0])
                grad = self.in_layer.grads[0]
                check_shape("grads[0]", grad, shape, "W_in's")
                as_ids("idx", self.in_layer.idx, len(grad))
            dh = fused_backward(self._state, first.sample_size + 1, dout, grads, V)
        else:
            dh = 0
            for layer in self.loss_layers:
                dh = dh + layer.backward(dout)
        self.in_layer.backward(dh)

    def _draw(self, W, contexts):
        """Draw negatives; return ids (N, C, K + 1), each context word before its negatives."""
        N, C = contexts.shape
        first = self.loss_layers[0]
        ids = np.empty((N, C, first.sample_size + 1), id_dtype(W))
        ids[:, :, 0] = contexts
        if all(first.sampler.is_like(layer.sampler) for layer in self.loss_layers):
            negative = first.negatives(contexts.reshape(-1))
            ids[:, :, 1:] = negative.reshape(N, C, -1)
        else:
            for c, layer in enumerate(self.loss_layers):
                ids[:, c, 1:] = layer.negatives(np.ascontiguousarray(contexts[:, c]))
        return ids

    def row_tables(self) -> list[NDArray[Any]]:
        """Return the tables whose updates may be deferred: a step reads only rows of them."""
        if (
            is_unmodified(self.in_layer, Embedding)
            and self._may_fuse(self.loss_layers[0].params[0])
            and all(layer.reads_by_rows() for layer in self.loss_layers)
        ):
            return [self.in_layer.params[0], self.loss_layers[0].params[0]]
        return []

    def _may_fuse(self, W):
        """Return whether one kernel may compute all loss layers: none of them was replaced."""
        return (
            is_unmodified(self, SkipGram)
            and tuple(self.loss_layers) == self._made
            and all(
                layer.may_fuse(W) and layer.sample_size == self.loss_layers[0].sample_size
                for layer in self.loss_layers
            )
        )
