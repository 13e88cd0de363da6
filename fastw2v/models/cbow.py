"""CBOW: a word from the mean of its neighbours (chapter 4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v import config, init
from fastw2v._checks.arrays import check_forward_ran, check_shape, has_plain_rows
from fastw2v._checks.ids import as_contexts_and_target, as_ids, check_row_per_word
from fastw2v._checks.numbers import as_int
from fastw2v._core import threads
from fastw2v._core.fast_path import are_all, is_patched, is_unmodified
from fastw2v._core.rollback import unchanged_on_error
from fastw2v._kernels import _embedding, specialise
from fastw2v._rows.deferred import UpToDate, apply_pending
from fastw2v._rows.row_grad import RowGrad, RowGradHolder
from fastw2v._rows.writes import check_all_writable, clear_all, write_rows
from fastw2v.layers import Embedding
from fastw2v.negative_sampling_layer import NegativeSamplingLoss, UnigramSampler

__all__ = ["CBOW"]

_GATHER_MEAN = specialise(_embedding.gather_mean)
_NS = 0.1  # serial nanoseconds per element read; see `threads.parts`


class CBOW(RowGradHolder):
    """Loss of target words given the words around them.

        h = mean over the columns of W_in[contexts];  loss = NegativeSamplingLoss(W_out)(h, target)

    (Mikolov et al., arXiv 1301.3781, section 3.1). Both tables are (vocab_size, hidden_size),
    float32, 0.01 * randn. `word_vecs` is the input table itself, which training changes in place.
    `params` lists it 2 * window_size times, then the output table as `ns_loss.params` does.
    `in_layers` are the 2 * window_size Embeddings of the book, made when first read.

    corpus: ids without gaps, for the frequencies of the negatives. It may lack the last words of
    the vocabulary; these may occur in contexts but may not be targets. sample_size: negatives per
    word. rng: None draws weights and negatives from numpy's global stream, as the book does.

    >>> import numpy as np
    >>> from fastw2v.models import CBOW
    >>> from fastw2v.util import create_contexts_target
    >>> corpus = np.array([0, 1, 2, 3, 4, 5, 1, 0, 3, 4, 5, 0, 6])
    >>> contexts, target = create_contexts_target(corpus, window_size=2)
    >>> model = CBOW(7, 3, window_size=2, corpus=corpus)
    >>> round(float(model.forward(contexts, target)), 2)    # 6 log 2: nothing learned yet
    4.16
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
        self.ns_loss = NegativeSamplingLoss(W_out, sampler)
        self.params: list[NDArray[Any]] = [W_in] * C + self.ns_loss.params
        self.grads: list[NDArray[Any]] = [RowGrad(W_in) for _ in range(C)] + self.ns_loss.grads
        self.word_vecs = W_in
        self._n_contexts = C
        self._in_layers = None  # made when first read
        self._made = None  # the same layers, to notice when one was replaced
        self._contexts = None

    @property
    def in_layers(self) -> list[Embedding]:
        """Embeddings of the context words, one for each column."""
        if self._in_layers is None:
            self._in_layers = []
            for i in range(self._n_contexts):
                layer = Embedding(self.params[i])
                layer.grads[0] = self.grads[i]
                if self._contexts is not None:
                    layer.idx = self._contexts[:, i]
                self._in_layers.append(layer)
            self._made = tuple(self._in_layers)
        return self._in_layers

    @in_layers.setter
    def in_layers(self, layers: list[Any]) -> None:
        self._in_layers = layers
        self._made = ()

    def forward(self, contexts: ArrayLike, target: ArrayLike) -> np.floating[Any]:
        """Return the loss of contexts (N, 2 * window_size) and target (N,), a scalar."""
        W = self.params[0]
        contexts, target = as_contexts_and_target(contexts, target, len(W), self._n_contexts)
        if not self._may_fuse(W):
            with unchanged_on_error(self.in_layers, self.ns_loss):
                h = 0
                for i, layer in enumerate(self.in_layers):
                    h = h + layer.forward(contexts[:, i])
                loss = self.ns_loss.forward(h * (1 / len(self.in_layers)), target)
            self._contexts = contexts
            return loss
        h = np.empty((len(contexts), W.shape[1]), W.dtype)
        apply_pending(W, contexts)
        n_parts = threads.parts(contexts.size * W.shape[1] * _NS)
        _GATHER_MEAN[W.dtype, contexts.dtype](h, W, contexts, n_parts)
        loss = self.ns_loss.forward(h, target)
        # Only now, so that backward finds arrays of one batch also after a forward that failed.
        self._contexts = contexts
        if self._in_layers is not None:
            for i, layer in enumerate(self._in_layers):
                layer.idx = contexts[:, i]
        return loss

    def backward(self, dout: ArrayLike = 1) -> None:
        """Write the gradients of all weights into `grads`."""
        W = self.params[0]
        if not self._may_fuse(W):
            dh = self.ns_loss.backward(dout) * (1 / len(self.in_layers))
            for layer in self.in_layers:
                layer.backward(dh)
            return
        check_forward_ran(self, self._contexts)
        contexts = as_ids("contexts", self._contexts, len(W))
        check_shape("grads[0]", self.grads[0], W.shape, "that of W")
        check_all_writable(self.grads[: self._n_contexts])
        loss = self.ns_loss
        ours = is_unmodified(loss, NegativeSamplingLoss)
        dh = loss.backward_unpromoted(dout) if ours else loss.backward(dout)
        dh *= W.dtype.type(1 / self._n_contexts)
        write_rows(self.grads[0], contexts.reshape(-1), len(W), dh)
        clear_all(self.grads[1 : self._n_contexts])

    def row_tables(self) -> list[NDArray[Any]]:
        """Return the tables whose updates may be deferred: a step reads only rows of them."""
        if self._may_fuse(self.params[0]) and self.ns_loss.reads_by_rows():
            return [self.params[0], self.ns_loss.params[0]]
        return []

    def __getstate__(self):
        state = super().__getstate__()
        if self._contexts is not None and self._may_fuse(self.params[0]):
            state["_in_layers"] = state["_made"] = None  # made again, and filled, when read
        return state

    def _may_fuse(self, W):
        """Return whether one kernel may compute all Embeddings: none of them was replaced."""
        C = self._n_contexts
        return (
            is_unmodified(self, CBOW)
            and has_plain_rows(W)
            and are_all(self.params[:C], W)
            and (self._in_layers is None or self._layers_are_ours(W))
        )

    def _layers_are_ours(self, W):
        return tuple(self._in_layers) == self._made and all(
            layer.params[0] is W and layer.grads[0] is grad and not is_patched(layer)
            for layer, grad in zip(self._in_layers, self.grads, strict=False)
        )
