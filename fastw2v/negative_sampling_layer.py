"""Negative sampling, the loss of word2vec: a word against a few sampled ones, not against all V.

    loss = L(h . W[target], 1) + sum over k of L(h . W[negative_k], 0)
    L(s, t) = mean over the batch of -log(p + 1e-7),  p = sigmoid(s) for t = 1, 1 - sigmoid(s) else

after Mikolov et al., Distributed Representations of Words and Phrases (2013), section 2.2.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v import config
from fastw2v._checks.arrays import (
    FLOATS,
    REAL,
    as_float,
    as_numbers,
    check_forward_ran,
    check_shape,
    check_table,
    check_writable,
    has_plain_rows,
)
from fastw2v._checks.ids import as_ids, as_native_ids, check_row_per_word
from fastw2v._checks.numbers import as_int, as_number
from fastw2v._core import random_keys, threads
from fastw2v._core.fast_path import are_all, is_patched, is_unmodified
from fastw2v._core.rollback import unchanged_on_error
from fastw2v._kernels import _embedding_dot, _negative_sampling, _sampler, specialise
from fastw2v._rows.deferred import apply_pending
from fastw2v._rows.row_grad import RowGradHolder, table_grad
from fastw2v._rows.writes import check_all_writable, clear_all, write_rows
from fastw2v.layers import Embedding, SigmoidWithLoss

__all__ = ["EmbeddingDot", "NegativeSamplingLoss", "UnigramSampler"]

_DOT = specialise(_embedding_dot.forward)
_DOT_BACKWARD = specialise(_embedding_dot.backward)
_DRAW_DISTINCT = specialise(_sampler.draw_distinct)
_LOSS = specialise(_negative_sampling.forward)
_LOSS_BACKWARD = specialise(_negative_sampling.backward)

_DRAW = ("get_negative_sample",)  # the method that a loss calls on its sampler

# Serial nanoseconds, for `threads.parts`: per element read, per sample drawn.
_NS = 0.15
_DRAW_NS = 8


class EmbeddingDot(RowGradHolder):
    """Dot products with rows of a table: ``out[n] = h[n] . W[idx[n]]``.

    W (V, D) is the caller's own array of real numbers; h is (N, D), idx and out are (N,). Dtypes
    promote as numpy does. The layer `embed` gathers the rows, and `cache` keeps the pair (h, rows)
    of the last forward.

    >>> import numpy as np
    >>> from fastw2v.negative_sampling_layer import EmbeddingDot
    >>> layer = EmbeddingDot(np.arange(8.0).reshape(4, 2))
    >>> layer.forward(np.ones((2, 2)), np.array([1, 3]))
    array([ 5., 13.])
    >>> layer.backward(np.array([1.0, 2.0]))
    array([[ 2.,  3.],
           [12., 14.]])
    """

    def __init__(self, W: NDArray[Any]) -> None:
        config.check()
        self.embed = Embedding(W)
        self.params: list[NDArray[Any]] = self.embed.params
        self.grads: list[NDArray[Any]] = self.embed.grads
        self.cache: tuple[NDArray[Any], NDArray[Any]] | None = None

    def forward(self, h: ArrayLike, idx: ArrayLike) -> NDArray[Any]:
        """Return the dot products (N,) of h (N, D) with the rows W[idx]."""
        check_table("params[0]", self.params[0], REAL)
        W = self.params[0]
        ids = as_ids("idx", idx, W.shape[0])
        h = as_numbers("h", h)
        check_shape("h", h, (*ids.shape, W.shape[1]), "one row per id, as wide as W")
        promoted = h.dtype == W.dtype or np.result_type(h, W) == W.dtype
        if ids.ndim != 1 or not (promoted and self._may_fuse(W)):
            with unchanged_on_error(self):
                rows = self.embed.forward(idx)
                out = np.sum(rows * h, axis=1)
            self.cache = (h, rows)
            return out
        out, rows = np.empty(len(ids), W.dtype), np.empty(h.shape, W.dtype)
        apply_pending(W, ids)
        n_parts = threads.parts(h.size * _NS)
        _DOT[W.dtype, ids.dtype](out, rows, as_float("h", h, W.dtype), W, ids, n_parts)
        self.embed.idx = idx
        self.cache = (h, rows)
        return out

    def backward(self, dout: ArrayLike) -> NDArray[Any]:
        """Return dh (N, D) for dout (N,); clear grads[0], then add dout[n] * h[n] to row idx[n]."""
        check_forward_ran(self, self.cache)
        h, rows = (as_numbers("cache", array) for array in self.cache)
        check_shape("cache[1]", rows, h.shape, "that of h, cache[0]")
        dout = as_numbers("dout", dout).reshape(-1)
        if not (
            h.ndim == 2
            and h.dtype in FLOATS
            and h.dtype == rows.dtype
            and self._may_fuse(self.grads[0])
        ):
            column = dout.reshape(-1, 1)
            self.embed.backward(column * h)
            return column * rows
        check_writable("grads[0]", self.grads[0])
        grad = self.grads[0]
        ids = as_ids("idx", self.embed.idx, len(grad))
        check_shape("embed.idx", ids, (len(h),), "one id per row of h")
        check_shape("dout", dout, (len(h),), "one number per row of h")
        dtype = np.result_type(dout, rows)
        h, rows, dout = (as_float("cache", array, h.dtype) for array in (h, rows, dout))
        dh = np.empty(h.shape, h.dtype)
        _DOT_BACKWARD[h.dtype](dh, dout, rows, threads.parts(h.size * _NS))
        write_rows(grad, ids, len(grad), h, dout)
        return dh.astype(dtype, copy=False)

    def _may_fuse(self, array):
        """Return whether the kernel may read or write this table in place of `embed`."""
        plain = has_plain_rows(array) and array.shape[1] > 0
        return plain and is_unmodified(self.embed, Embedding)


class _Distribution:
    """Probabilities p (V,), read-only, and their alias table, which copies of a sampler share."""

    def __init__(self, p):
        # Over bytes, so that no user can make it writable: the alias table below belongs to it.
        self.p = np.frombuffer(p.tobytes(), np.float64)
        self.alias_table = np.empty((len(p), 2), np.uint32)
        _sampler.build_alias(self.alias_table, p)
        self.n_possible = int(np.count_nonzero(p))

    def __reduce__(self):
        return _Distribution, (self.p,)  # everything else is computed from p


class UnigramSampler:
    """Sampler of words with probability proportional to count ** power.

    corpus: ids of any shape; each id from 0 to V - 1 has to occur. `sample_size` and `word_p` may
    be read and assigned. `word_p` (V,), float64, holds the probability of each word. The array is
    read-only; an assigned one is copied and normalised. `vocab_size` is V.

    rng: None draws from numpy's global stream, which `np.random.seed` controls; a
    `numpy.random.Generator` draws from its own. replace: see `get_negative_sample`.

    >>> import numpy as np
    >>> from fastw2v.negative_sampling_layer import UnigramSampler
    >>> sampler = UnigramSampler([0, 1, 2, 3, 4, 5, 1, 0, 3, 4, 5, 0, 6], 0.75, 2)
    >>> sampler.get_negative_sample(np.array([0, 1, 3])).shape
    (3, 2)
    """

    def __init__(
        self,
        corpus: ArrayLike,
        power: float,
        sample_size: int,
        *,
        replace: bool = False,
        rng: np.random.Generator | None = None,
    ) -> None:
        config.check()
        counts = _as_word_counts("corpus", corpus)
        self.sample_size = as_int("sample_size", sample_size, low=0)
        self.replace = replace
        self.rng = rng
        with np.errstate(over="ignore"):
            weights = counts.astype(np.float64) ** as_number("power", power)
        if not np.isfinite(weights).all():
            raise ValueError(
                f"power: expected one that keeps count ** power finite, got {power}; take e.g. 0.75"
            )
        self.word_p = weights

    @property
    def word_p(self) -> NDArray[np.float64]:
        """Probability of each word, (V,), read-only."""
        return self._words.p.view()

    @word_p.setter
    def word_p(self, p: ArrayLike) -> None:
        self._words = _Distribution(_as_probabilities("word_p", p))

    @property
    def vocab_size(self) -> int:
        """Number of words V, the length of `word_p`."""
        return len(self._words.p)

    def get_negative_sample(self, target: ArrayLike) -> NDArray[np.int32]:
        """Draw `sample_size` words for each word of target (N,): int32 (N, sample_size).

        The words of a row are distinct and never the target: they are drawn without replacement in
        proportion to `word_p`, from which the target is left out. With `replace=True` they are
        independent draws from `word_p`, so a row may repeat words and contain its target.

        The method raises ValueError if fewer than `sample_size` words are left, and IndexError for
        a target outside the vocabulary.
        """
        K = as_int("sample_size", self.sample_size, low=0)
        target = as_ids("target", target, self.vocab_size, rows="words of the corpus")
        if target.ndim != 1:
            raise ValueError(
                f"target: expected ids of shape (N,), got {target.shape}; use target.reshape(-1)"
            )
        words = self._words
        out = np.empty((len(target), K), np.int32)
        n_parts = threads.parts(out.size * _DRAW_NS)
        if self.replace:
            _sampler.draw(out.reshape(-1), words.alias_table, random_keys.key(self.rng), n_parts)
            return out
        # A target of probability zero does not reduce the number of words that can be drawn.
        if words.n_possible <= K and target.size:
            left = words.n_possible - int(words.p[target].any())
            if left < K:
                raise ValueError(
                    f"sample_size: expected at most {left} distinct words besides the target, as "
                    f"many as have a probability above zero, got {K}; take a smaller sample_size, "
                    "a larger corpus, or replace=True"
                )
        key = random_keys.key(self.rng)
        _DRAW_DISTINCT[target.dtype](out, words.alias_table, words.p, target, key, n_parts)
        return out

    def is_like(self, other: object) -> bool:
        """Return whether both are unmodified samplers of one distribution, size and stream."""
        return (
            is_unmodified(self, UnigramSampler, _DRAW)
            and is_unmodified(other, UnigramSampler, _DRAW)
            and self._words is other._words
            and (self.sample_size, self.replace) == (other.sample_size, other.replace)
            and self.rng is other.rng
        )


def _as_word_counts(name, corpus):
    """Return how often each id occurs, (V,) int64, for ids from 0 to V - 1 without gaps."""
    ids = as_native_ids(name, corpus).reshape(-1)
    if ids.size == 0:
        raise ValueError(f"{name}: expected at least one word id, got none; pass a longer text")
    low, high = int(ids.min()), int(ids.max())
    if low < 0:
        raise ValueError(f"{name}: expected ids from 0 on, got {low}; number the words from 0")
    if high < ids.size:  # otherwise there are gaps, and counts up to `high` might not fit in memory
        counts = np.bincount(ids, minlength=high + 1)
        if counts.all():
            return counts
        missing = int(np.argmin(counts))
    else:
        present = np.unique(ids)
        missing = int(np.argmax(present != np.arange(present.size)))
    raise ValueError(
        f"{name}: expected every id from 0 to {high} to occur, but id {missing} does not; number "
        "the words without gaps, as util.preprocess does"
    )


def _as_probabilities(name, p):
    """Return weights as a float64 array (V,) that sums to 1."""
    p = np.array(as_numbers(name, p), np.float64)
    if p.ndim != 1 or p.size == 0:
        raise ValueError(
            f"{name}: expected one probability per word, shape (V,), got {p.shape}; flatten it"
        )
    if not (np.isfinite(p).all() and (p >= 0).all() and p.any()):
        raise ValueError(
            f"{name}: expected finite numbers of at least 0, not all 0; "
            f"got {p[~(np.isfinite(p) & (p >= 0))][:1] if p.any() else 'only zeros'}; correct them"
        )
    p /= p.max()  # the sum of huge weights would overflow
    p /= p.sum()
    return p


class NegativeSamplingLoss(RowGradHolder):
    """Loss of h (N, D): target words are labelled 1, and `sample_size` sampled words each 0.

    W (V, D) is the caller's own array. `params` and `grads` have sample_size + 1 entries, all for
    the one W. Each forward asks `sampler` for the negatives; the sampler, or its method
    `get_negative_sample`, may be replaced. `loss_layers` and `embed_dot_layers` are the
    sample_size + 1 layers that make up the loss, with the target's first. One kernel computes all
    of them, and puts the sum of their gradients into the first array, unless a user replaced one.
    Dtypes promote as numpy does: the loss has that of h and W, and the gradient of h is float64, as
    a difference of floats and int32 labels is.

    corpus: ids without gaps, in which words are counted, or a `UnigramSampler`, whose sample_size
    is taken then. W may have rows for words that do not occur in the corpus; these cannot be
    targets. rng: the generator of the sampler; None is numpy's global stream.

    >>> import numpy as np
    >>> from fastw2v.negative_sampling_layer import NegativeSamplingLoss
    >>> W = np.zeros((7, 3), np.float32)
    >>> loss = NegativeSamplingLoss(W, [0, 1, 2, 3, 4, 5, 1, 0, 3, 4, 5, 0, 6], sample_size=2)
    >>> round(float(loss.forward(np.ones((2, 3)), [0, 1])), 4)      # 3 log 2
    2.0794
    >>> loss.backward().shape
    (2, 3)
    """

    def __init__(
        self,
        W: NDArray[Any],
        corpus: ArrayLike | UnigramSampler,
        power: float = 0.75,
        sample_size: int = 5,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        config.check()
        check_table("W", W, REAL)
        self.sample_size = as_int("sample_size", sample_size, low=0)
        if isinstance(corpus, UnigramSampler):
            self.sampler = copy.copy(corpus)
            self.sample_size = corpus.sample_size
        else:
            self.sampler = UnigramSampler(corpus, power, sample_size, rng=rng)
        check_row_per_word("corpus", len(W), self.sampler.vocab_size, "the rows of W")
        self.params: list[NDArray[Any]] = [W] * (self.sample_size + 1)
        self.grads: list[NDArray[Any]] = [table_grad(W) for _ in self.params]
        self._layers = None  # (loss_layers, embed_dot_layers), made when first asked for
        self._made = None  # the same layers, to notice when one was replaced
        self._state = None  # kept by a fused forward: h, ids, y, e, losses

    @property
    def loss_layers(self) -> list[SigmoidWithLoss]:
        """Loss layers, one for the target and one for each negative."""
        return self._real_layers()[0]

    @loss_layers.setter
    def loss_layers(self, layers: list[Any]) -> None:
        self._layers = (layers, self._real_layers()[1])

    @property
    def embed_dot_layers(self) -> list[EmbeddingDot]:
        """Layers of scores, one for the target and one for each negative."""
        return self._real_layers()[1]

    @embed_dot_layers.setter
    def embed_dot_layers(self, layers: list[Any]) -> None:
        self._layers = (self._real_layers()[0], layers)

    def forward(self, h: ArrayLike, target: ArrayLike) -> np.floating[Any]:
        """Return the loss, a scalar, of h (N, D) and the target ids (N,)."""
        check_table("params[0]", self.params[0], REAL)
        W = self.params[0]
        target = as_ids("target", target, len(W))
        if target.ndim != 1 or len(target) == 0:
            raise ValueError(
                f"target: expected ids of shape (N,) with N > 0, got {target.shape}; "
                "leave out empty batches"
            )
        h = as_numbers("h", h)
        check_shape("h", h, (len(target), W.shape[1]), "one row per target, as wide as W")
        if not self.may_fuse(W):
            with unchanged_on_error(self):
                loss = self._forward_by_layers(h, target, self.negatives(target))
            self._state = None
            return loss
        dtype = np.result_type(h, W)
        h = as_float("h", h, W.dtype)
        negative = self.negatives(target)
        ids = np.empty((len(target), self.sample_size + 1), id_dtype(W))
        ids[:, 0] = target
        ids[:, 1:] = negative
        y, e, losses = fused_forward(W, h, ids, self.sample_size + 1)
        self.keep(h, ids, y, e, losses, dtype)
        return dtype.type(np.add.reduce(losses))

    def backward(self, dout: ArrayLike = 1) -> NDArray[np.floating[Any]]:
        """Return the gradient of h (N, D), float64; write the gradient of W into `grads`."""
        return self.backward_unpromoted(dout).astype(np.float64, copy=False)

    def backward_unpromoted(self, dout: ArrayLike) -> NDArray[np.floating[Any]]:
        """Return what `backward` does, in the dtype of the computation, which models go on with."""
        W = self.params[0]
        if self._state is None or np.ndim(dout) or not self.may_fuse(W):
            return self._backward_by_layers(dout)
        h, ids, y, e, *_ = self._state
        if e is None:  # SkipGram computed the forward of several losses in one call
            e = np.einsum("nj,njd->nd", y.T - (np.arange(len(y)) == 0), W[ids], dtype=W.dtype)
        return fused_backward((h, ids, y, e), len(y), dout, self.grads, len(W))

    def negatives(self, target: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
        """Ask the sampler for the negatives of target (N,); return them checked, (N, K)."""
        sampler, V = self.sampler, len(self.params[0])
        if (
            self.draws_as_we_do()
            and sampler.vocab_size <= V
            and sampler.sample_size == self.sample_size
        ):
            return sampler.get_negative_sample(target)
        name = "sampler.get_negative_sample(target)"
        negative = as_ids(name, self.sampler.get_negative_sample(target), len(self.params[0]))
        shape = (len(target), self.sample_size)
        if negative.ndim != 2 or len(negative) != shape[0] or negative.shape[1] < shape[1]:
            raise ValueError(
                f"{name}: expected ids of shape {shape}, got {negative.shape}; "
                "return sample_size ids for each target"
            )
        return negative[:, : self.sample_size]

    def keep(
        self,
        h: NDArray[Any],
        ids: NDArray[Any],
        y: NDArray[Any],
        e: NDArray[Any] | None,
        losses: NDArray[np.float64],
        dtype: np.dtype[Any],
    ) -> None:
        """Keep the results of `fused_forward` for this loss: y (K+1, N), e (N, D), losses (K+1,).

        dtype: that of the loss, to which numpy promotes those of h and W.
        e is None where one call computed several losses; backward then computes it from W.
        """
        self._state = (h, ids, y, e, losses, dtype)
        if self._layers is not None:
            self._fill_layers()

    def reads_by_rows(self) -> bool:
        """Return whether a step reads W through kernels of this module only, row by row."""
        return self.may_fuse(self.params[0]) and self.draws_as_we_do()

    def draws_as_we_do(self) -> bool:
        """Return whether the sampler is an unmodified `UnigramSampler`."""
        return is_unmodified(self.sampler, UnigramSampler, _DRAW)

    def may_fuse(self, W: NDArray[Any]) -> bool:
        """Return whether one kernel may compute all layers: none of them was replaced."""
        return (
            is_unmodified(self, NegativeSamplingLoss)
            and has_plain_rows(W)
            and W.shape[1] > 0
            and len(self.params) == self.sample_size + 1
            and are_all(self.params, W)
            and (self._layers is None or self._layers_are_ours(W))
        )

    def __getstate__(self):
        state = super().__getstate__()
        if self._state is not None and self.may_fuse(self.params[0]):
            state["_layers"] = state["_made"] = None  # made again, and filled, when asked for
        return state

    def _layers_are_ours(self, W):
        losses, dots = self._layers
        return (
            (*losses, *dots) == self._made
            and len(dots) == len(self.grads)
            and not any(map(is_patched, self._made))
            and all(
                is_unmodified(dot.embed, Embedding)
                and dot.embed.params[0] is W
                and dot.embed.grads[0] is grad
                for dot, grad in zip(dots, self.grads, strict=True)
            )
        )

    def _real_layers(self):
        if self._layers is None:
            losses = [SigmoidWithLoss() for _ in self.params]
            dots = []
            for param, grad in zip(self.params, self.grads, strict=True):
                dot = EmbeddingDot(param)
                dot.grads[0] = grad
                dots.append(dot)
            self._layers = (losses, dots)
            self._made = (*losses, *dots)
            if self._state is not None:
                self._fill_layers()
        return self._layers

    def _fill_layers(self):
        """Set the attributes of the layers as if they had run one by one."""
        h, ids, y, _, losses, dtype = self._state
        for j, (loss, dot) in enumerate(zip(*self._layers, strict=True)):
            loss.loss, loss.y = dtype.type(losses[j]), y[j].astype(dtype)
            loss.t = np.full(len(h), j == 0, np.int32)
            dot.embed.idx = ids[:, j].copy()
            dot.cache = (h, self.params[0][dot.embed.idx])

    def _forward_by_layers(self, h, target, negative):
        losses, dots = self._real_layers()
        label = np.ones(len(target), np.int32)
        loss = losses[0].forward(dots[0].forward(h, target), label)
        for k in range(self.sample_size):
            score = dots[k + 1].forward(h, np.ascontiguousarray(negative[:, k]))
            loss = loss + losses[k + 1].forward(score, 0 * label)
        return loss

    def _backward_by_layers(self, dout):
        dh = 0
        for loss, dot in zip(*self._real_layers(), strict=True):
            dh = dh + dot.backward(loss.backward(dout))
        return dh


# The fused computation, also of several losses that share h and W (skip-gram).


def id_dtype(W: NDArray[Any]) -> type[np.int32 | np.int64]:
    """Return the smaller integer type that holds every id of the table."""
    return np.int32 if len(W) < 2**31 else np.int64


def fused_forward(
    W: NDArray[Any], h: NDArray[Any], ids: NDArray[Any], group: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
    """Compute losses of h (N, D) and ids (N, J); each `group` columns are a target and negatives.

    Returns the sigmoids y (J, N) of the scores; the sum e (N, D) over rows of W, from which
    backward computes dh; and the losses (J,) of the columns, float64.
    """
    apply_pending(W, ids)
    N, J = ids.shape
    y, e, losses = np.empty((J, N), W.dtype), np.empty(h.shape, W.dtype), np.empty(J)
    logs = np.empty((_negative_sampling.n_blocks(N), J))
    n_parts = threads.parts(2 * J * h.size * _NS)
    _LOSS[W.dtype, ids.dtype](y, e, losses, logs, h, W, ids, group, n_parts)
    return y, e, losses


def fused_backward(
    state: tuple[NDArray[Any], ...],
    group: int,
    dout: ArrayLike,
    grads: list[NDArray[Any]],
    V: int,
) -> NDArray[Any]:
    """Return dh (N, D); write the gradient of W (V, D) into grads[0] and clear the others."""
    h, ids, y, e = state
    check_all_writable(grads)
    ids = as_ids("ids of the last forward", ids, V)
    dout = as_number("dout", dout)
    coef, dh = np.empty(ids.shape, h.dtype), np.empty(h.shape, h.dtype)
    n_parts = threads.parts(h.size * _NS)
    _LOSS_BACKWARD[h.dtype](coef, dh, y, e, dout / len(h), group, n_parts)
    write_rows(grads[0], ids.reshape(-1), V, h, coef.reshape(-1))
    clear_all(grads[1:])
    return dh
