"""Losses over V classes that score only a few sampled ones: NCE and sampled softmax.

    P(k) = log((k + 2) / (k + 1)) / log(R + 1),  k = 0 ... R - 1                     (log-uniform)
    score(x, w) = x . W[w] + b[w] - log(expected count of w among the candidates)

`NCELoss` classifies each class as true or sampled; `SampledSoftmaxLoss` chooses the true class
among the candidates. One set of K candidates serves the whole batch (Gutmann and Hyvarinen 2010;
Mnih and Teh 2012; Jean et al., arXiv 1412.2007). The log-uniform law is Zipf's law for ids that are
sorted by descending frequency, as `datasets.build_vocab` sorts them.

N batch, D width, V classes, K candidates, R the sampler's range of ids.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v import config
from fastw2v._checks.arrays import (
    as_broadcast,
    as_float,
    as_native,
    as_numbers,
    check_forward_ran,
    check_shape,
    check_table,
    check_weights,
)
from fastw2v._checks.ids import as_any_ids, as_ids, as_native_ids
from fastw2v._checks.numbers import as_int, as_number, check_generator
from fastw2v._checks.sequences import check_methods
from fastw2v._core import threads
from fastw2v._core.fast_path import is_unmodified
from fastw2v._core.products import product
from fastw2v._kernels import _activation, specialise
from fastw2v._rows.deferred import apply_pending
from fastw2v._rows.row_grad import RowGrad, RowGradHolder, vector_grad
from fastw2v._rows.writes import check_all_writable, write_rows
from fastw2v.layers import rows_of

__all__ = [
    "Candidates",
    "LogUniformSampler",
    "NCELoss",
    "SampledSoftmaxLoss",
    "sigmoid_cross_entropy",
]

_EXP = specialise(_activation.exponential)
_EXP_NS = 0.7  # serial nanoseconds per element; see `threads.parts`
_SAMPLING = ("probability", "expected_count", "draw", "sample")  # methods of the sampler
_MOST_DRAWS = 1 << 20  # upper bound on the ids of one round of draws


class Candidates(NamedTuple):
    """Result of a sampler for a batch of N true classes.

    `sampled` (K,) holds ids. `true_expected_count` (N, 1) and `sampled_expected_count` (K,) hold
    the expected count of each class among the K candidates. No gradient flows into these numbers.

    >>> Candidates(np.array([0, 3]), np.array([[0.5]]), np.array([0.9, 0.4])).sampled
    array([0, 3])
    """

    sampled: NDArray[np.integer[Any]]
    true_expected_count: NDArray[np.float64]
    sampled_expected_count: NDArray[np.float64]


class LogUniformSampler:
    """Sampler of ids 0 ... range_max - 1 with P(k) = log((k + 2) / (k + 1)) / log(range_max + 1).

    unique: True draws until `num_sampled` distinct ids are found and counts the draws; False takes
    the first `num_sampled` draws. These attributes may be assigned later. rng: None draws from
    numpy's global stream, which `np.random.seed` controls; a `numpy.random.Generator` draws from
    its own.

    ValueError is raised if `num_sampled` distinct ids do not exist.

    >>> import numpy as np
    >>> from fastw2v.candidate_sampling import LogUniformSampler
    >>> sampler = LogUniformSampler(300, num_sampled=4, rng=np.random.default_rng(0))
    >>> sampler.probability([0, 1, 299]).round(4)
    array([0.1215, 0.071 , 0.0006])
    >>> sampler.expected_count([0, 299], tries=36).round(4)
    array([0.9905, 0.0208])
    >>> sampler.sample([7, 12]).sampled_expected_count.shape
    (4,)
    """

    def __init__(
        self,
        range_max: int,
        num_sampled: int = 64,
        unique: bool = True,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        config.check()
        self.range_max = range_max
        self.num_sampled = num_sampled
        self.unique = unique
        check_generator("rng", rng)
        self.rng = rng
        self._sizes()

    def probability(self, ids: ArrayLike) -> NDArray[np.float64]:
        """Return P of each id, in the shape of `ids`. IndexError outside [0, range_max)."""
        range_max = self._sizes()[0]
        return _probability(as_ids("ids", ids, range_max, wrap=False, rows="ids"), range_max)

    def expected_count(self, ids: ArrayLike, tries: int) -> NDArray[np.float64]:
        """Return the expected count of each id among the candidates that `tries` draws gave.

        It is P * num_sampled if every draw was kept, so always without `unique`. Otherwise it is
        the probability that the id was drawn at least once, 1 - (1 - P)^tries.
        """
        tries = as_int("tries", tries, low=self._sizes()[1])
        return self._expected(self.probability(ids), tries)

    def draw(self) -> tuple[NDArray[np.int64], int]:
        """Return ids (num_sampled,) in the order of their draws, and the number of draws."""
        range_max, K = self._sizes()
        if not self.unique:
            return self._ids(range_max, K), K
        # A third more draws than ids are enough for most batches of the tutorial's size.
        found, tries, n = np.empty(0, np.int64), 0, K + K // 3 + 8
        while True:
            drawn = self._ids(range_max, n)
            candidates = np.concatenate([found, drawn])
            first = np.sort(np.unique(candidates, return_index=True)[1])[:K]
            if len(first) == K:
                # Positions below len(found) are those of earlier rounds.
                return candidates[first], tries + int(first[-1]) + 1 - len(found)
            found, tries, n = candidates[first], tries + n, min(2 * n, _MOST_DRAWS)

    def sample(self, true_classes: ArrayLike) -> Candidates:
        """Draw `Candidates` for true classes (N,) or (N, 1), ids in [0, range_max)."""
        p = self.probability(_as_label_column("true_classes", true_classes))
        ids, tries = self.draw()
        p = np.concatenate([p, _probability(ids, self.range_max)])
        counts = self._expected(p, tries)
        N = len(p) - len(ids)
        return Candidates(ids, counts[:N, None], counts[N:])

    def _expected(self, p, tries):
        if not self.unique or tries == self.num_sampled:
            return p * self.num_sampled
        return -np.expm1(tries * np.log1p(-p))

    def _ids(self, range_max, n):
        """Draw n independent ids by inverting the cumulated P, log(k + 1) / log(R + 1)."""
        u = np.random.random_sample(n) if self.rng is None else self.rng.random(n)
        ids = np.exp(u * math.log1p(range_max)).astype(np.int64) - 1
        return np.minimum(ids, range_max - 1, out=ids)  # exp may round up to R + 1

    def _sizes(self):
        range_max = as_int("range_max", self.range_max)
        K = as_int("num_sampled", self.num_sampled)
        if self.unique and range_max < K:
            raise ValueError(
                f"num_sampled: expected at most range_max = {range_max} distinct ids, got {K}; "
                "take fewer, or unique=False"
            )
        return range_max, K


def _probability(ids, range_max):
    return np.log1p(1.0 / (ids + 1.0)) / math.log1p(range_max)


def sigmoid_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> NDArray[np.floating[Any]]:
    """Return the cross entropy of sigmoid(x) and z, max(x, 0) - x z + log(1 + exp(-|x|)).

    logits: x, of any shape. labels: z, from 0 to 1, of a shape that broadcasts to that of x.

    >>> from fastw2v.candidate_sampling import sigmoid_cross_entropy
    >>> sigmoid_cross_entropy([0.0, -3.0, 1000.0], [1, 0, 1]).round(4)
    array([0.6931, 0.0486, 0.    ])
    """
    logits, dtype = as_native("logits", logits)
    labels = as_numbers("labels", labels)
    as_broadcast("labels", labels, logits.shape, "that of logits")
    losses = np.maximum(logits, 0) - logits * labels + np.log1p(_exp_of_minus_abs(logits))
    return np.asarray(losses).astype(dtype, copy=False)


def _exp_of_minus_abs(x):
    """Return exp(-|x|) of a contiguous array."""
    e = np.abs(x)
    np.negative(e, out=e)
    flat = e.reshape(-1)
    _EXP[x.dtype](flat, flat, threads.parts(x.size * _EXP_NS))
    return e


class _SampledLoss(RowGradHolder):
    """Base of the two losses: their scores, and the backward pass from the scores' gradient."""

    def __init__(
        self,
        W: NDArray[Any],
        b: NDArray[Any],
        num_sampled: int,
        sampler: Any,
        remove_accidental_hits: bool,
        rng: np.random.Generator | None,
    ) -> None:
        config.check()
        check_table("W", W)
        _check_class_bias("b", b, W)
        if sampler is None:
            sampler = LogUniformSampler(len(W), num_sampled, rng=rng)
        check_methods("sampler", sampler, ("sample",))
        self.params: list[NDArray[Any]] = [W, b]
        self.grads: list[NDArray[Any]] = [RowGrad(W), vector_grad(b)]
        self.sampler = sampler
        self.remove_accidental_hits = remove_accidental_hits
        self.sampled: NDArray[np.integer[Any]] | None = None
        self.true_expected_count: NDArray[np.float64] | None = None
        self.sampled_expected_count: NDArray[np.float64] | None = None
        self.logits: NDArray[np.floating[Any]] | None = None
        self._state = None

    @property
    def num_sampled(self) -> int:
        """Number K of candidates, as the sampler has it."""
        return self.sampler.num_sampled

    @num_sampled.setter
    def num_sampled(self, value: int) -> None:
        self.sampler.num_sampled = value

    @property
    def labels(self) -> NDArray[np.floating[Any]] | None:
        """Labels (N, 1 + K) of the last forward: 1 for the true class, which is first, else 0."""
        if self.logits is None:
            return None
        labels = np.zeros_like(self.logits)
        labels[:, 0] = 1
        return labels

    def forward(
        self,
        x: ArrayLike,
        labels: ArrayLike,
        *,
        sampled_values: Candidates | Sequence[ArrayLike] | None = None,
    ) -> np.float64:
        """Return the loss, a float64 scalar, of x (N, D) and the true classes (N,) or (N, 1).

        sampled_values: `Candidates`, or three arrays like its fields, to use instead of a draw.
        """
        W, b = self.params
        check_table("params[0]", W)
        _check_class_bias("params[1]", b, W)
        V, D = W.shape
        labels = _as_label_column("labels", labels)
        labels = as_ids("labels", labels, V, wrap=False, rows="classes")
        x = as_float("x", x, W.dtype)
        check_shape("x", x, (len(labels), D), "one row per label, as wide as W")
        values = self.sampler.sample(labels) if sampled_values is None else sampled_values
        name = "sampler.sample(labels)" if sampled_values is None else "sampled_values"
        sampled, true_count, count = _as_candidates(name, values, len(labels), V)
        N, K = len(labels), len(sampled)
        ids = np.concatenate([labels, sampled])
        rows = rows_of(W, ids)
        apply_pending(b, ids)
        offset = b[ids]
        offset[:N] -= np.log(true_count[:, 0])
        offset[N:] -= np.log(count)
        logits = np.empty((N, 1 + K), W.dtype)
        logits[:, 0] = np.einsum("nd,nd->n", x, rows[:N]) + offset[:N]
        logits[:, 1:] = product(x, rows[N:].T, bias=offset[N:])
        if self.remove_accidental_hits:
            # Finite, but low enough that its exponential is 0.
            logits[:, 1:][labels[:, None] == sampled] = np.finfo(W.dtype).min / 2
        loss, dlogits = self._loss(logits)
        self.sampled, self.true_expected_count, self.sampled_expected_count = (
            sampled,
            true_count,
            count,
        )
        self.logits = logits
        self._state = (x, ids, rows, dlogits)
        return loss

    def row_tables(self) -> list[NDArray[Any]]:
        """Return the parameters whose updates may be deferred: a step reads only rows of them."""
        ours = is_unmodified(self, NCELoss) or is_unmodified(self, SampledSoftmaxLoss)
        if ours and is_unmodified(self.sampler, LogUniformSampler, _SAMPLING):
            return self.params
        return []

    def backward(self, dout: ArrayLike = 1) -> NDArray[np.floating[Any]]:
        """Return dx (N, D); write the gradients of W and b into `grads`, row by row."""
        check_forward_ran(self, self._state)
        x, ids, rows, dlogits = self._state
        scale = as_number("dout", dout) / len(x)
        check_all_writable(self.grads)
        V = len(self.params[0])
        check_shape("grads[0]", self.grads[0], (V, x.shape[1]), "that of W")
        check_shape("grads[1]", self.grads[1], (V,), "one number per row of W")
        ids = as_ids("ids of the last forward", ids, V)
        N = len(x)
        # forward: loss = mean over n of f(logits[n])
        d = dlogits * x.dtype.type(scale)
        of_true, of_sampled = d[:, :1], d[:, 1:]
        # forward: logits = x . W[ids] + b[ids] - log(expected count)
        terms = np.empty(rows.shape, rows.dtype)
        np.multiply(of_true, x, out=terms[:N])
        terms[N:] = product(of_sampled.T, x)
        dx = product(of_sampled, rows[N:])
        dx += of_true * rows[:N]
        of_bias = np.concatenate([d[:, 0], of_sampled.sum(axis=0)])
        write_rows(self.grads[0], ids, V, terms)
        write_rows(self.grads[1], ids, V, of_bias[:, None])
        return dx


def _as_label_column(name, labels):
    """Return true classes (N,) or (N, 1), N > 0, as integers (N,)."""
    ids = as_native_ids(name, labels)
    if ids.size == 0 or ids.shape not in ((ids.size,), (ids.size, 1)):
        raise ValueError(
            f"{name}: expected ids of shape (N,) or (N, 1), one true class per row and N > 0, "
            f"got {ids.shape}; reshape it"
        )
    return ids.reshape(-1)


def _check_class_bias(name, b, W):
    """Check that b is a vector with one number per row of W, of W's dtype."""
    check_weights(name, b, 1)
    check_shape(name, b, (len(W),), "one number per row of W")
    if b.dtype != W.dtype:
        raise TypeError(
            f"{name}: expected {W.dtype}, the dtype of W, got {b.dtype}; convert with .astype"
        )


def _as_candidates(name, values, N, V):
    """Return the fields of `Candidates`: ids (K,), expected counts (N, 1) and (K,), float64."""
    try:
        sampled, true_count, count = values
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: expected (sampled, true_expected_count, sampled_expected_count), got "
            f"{type(values).__name__}; pass the result of sampler.sample(labels)"
        ) from None
    sampled = as_ids(f"{name}[0]", as_any_ids(f"{name}[0]", sampled, 1), V, False, "classes")
    counts = []
    for k, (given, shape) in enumerate(((true_count, (N, 1)), (count, sampled.shape)), 1):
        given = as_float(f"{name}[{k}]", given, np.float64)
        check_shape(f"{name}[{k}]", given, shape, "one expected count per class")
        if not (given > 0).all():
            raise ValueError(
                f"{name}[{k}]: expected counts above 0, got {given[~(given > 0)][0]}; "
                "leave classes that cannot be sampled out of the candidates"
            )
        counts.append(given)
    return sampled, *counts


class NCELoss(_SampledLoss):
    """Noise contrastive estimation: 1 + K classes, each classified as true or sampled.

    loss = mean over n of the sum over the classes of `sigmoid_cross_entropy` of the score, with
    label 1 for the true class and 0 for the candidates (Gutmann and Hyvarinen 2010).

    W (V, D) and b (V,) are the caller's own arrays. Their gradients list the rows that were
    written, so the cost of a step does not depend on V. sampler: None makes a `LogUniformSampler`
    over V with `num_sampled`; any object whose `sample(labels)` returns `Candidates` will do.
    remove_accidental_hits: leave a candidate out of the rows whose true class it is.

    The last forward sets `sampled` (K,), `true_expected_count` (N, 1), `sampled_expected_count`
    (K,), `logits` and `labels` (N, 1 + K), with the true class first.

    The layer raises IndexError for labels outside [0, V) and ValueError for shapes that do not fit.

    >>> import numpy as np
    >>> from fastw2v.candidate_sampling import NCELoss
    >>> W, b = np.zeros((300, 8), np.float32), np.zeros(300, np.float32)
    >>> layer = NCELoss(W, b, num_sampled=4)
    >>> values = [0, 3, 5, 9], np.full((2, 1), 0.5), np.full(4, 0.5)
    >>> loss = layer.forward(np.ones((2, 8)), [7, 8], sampled_values=values)
    >>> round(float(loss), 4)                           # log(3 / 2) + 4 log 3
    4.7999
    >>> layer.backward().shape, np.flatnonzero(layer.grads[1])
    ((2, 8), array([0, 3, 5, 7, 8, 9]))
    """

    def __init__(
        self,
        W: NDArray[Any],
        b: NDArray[Any],
        num_sampled: int = 64,
        sampler: Any = None,
        remove_accidental_hits: bool = False,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(W, b, num_sampled, sampler, remove_accidental_hits, rng)

    def _loss(self, logits):
        e = _exp_of_minus_abs(logits)
        losses = np.maximum(logits, 0)
        losses[:, 0] = np.maximum(-logits[:, 0], 0)  # not max(x, 0) - x, as inf - inf is nan
        losses += np.log1p(e)
        # sigmoid(x) = 1 / (1 + e) for x > 0, e / (1 + e) else
        d = np.where(logits > 0, logits.dtype.type(1), e)
        e += 1
        d /= e
        d[:, 0] -= 1
        return losses.sum(dtype=np.float64) / len(logits), d


class SampledSoftmaxLoss(_SampledLoss):
    """Softmax over the true class and K candidates: the mean over n of -log p(true class).

    Everything else is as in `NCELoss`, except that accidental hits are removed by default (Jean et
    al., arXiv 1412.2007, section 3).

    >>> import numpy as np
    >>> from fastw2v.candidate_sampling import SampledSoftmaxLoss
    >>> W, b = np.zeros((300, 8), np.float32), np.zeros(300, np.float32)
    >>> layer = SampledSoftmaxLoss(W, b, num_sampled=4)
    >>> values = [0, 3, 5, 9], np.full((2, 1), 0.5), np.full(4, 0.5)
    >>> loss = layer.forward(np.ones((2, 8)), [7, 9], sampled_values=values)
    >>> round(float(loss), 4)                           # (log 5 + log 4) / 2: one hit is removed
    1.4979
    >>> layer.backward().shape
    (2, 8)
    """

    def __init__(
        self,
        W: NDArray[Any],
        b: NDArray[Any],
        num_sampled: int = 64,
        sampler: Any = None,
        remove_accidental_hits: bool = True,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(W, b, num_sampled, sampler, remove_accidental_hits, rng)

    def _loss(self, logits):
        top = logits.max(axis=1, keepdims=True)
        e = np.exp(logits - top)
        sums = e.sum(axis=1, keepdims=True)
        losses = np.log(sums[:, 0], dtype=np.float64) + (top[:, 0] - logits[:, 0])
        e /= sums
        e[:, 0] -= 1
        return np.float64(losses.mean(dtype=np.float64)), e
