"""Losses over V classes that look at a few sampled ones: NCE and sampled softmax.

    P(k) = log((k + 2) / (k + 1)) / log(R + 1),  k = 0 ... R - 1                     (log-uniform)
    score(x, w) = x . W[w] + b[w] - log(how often w is expected among the candidates)

`NCELoss` asks for the right class and for each candidate whether it is the right one;
`SampledSoftmaxLoss` asks which of them is. One set of K candidates serves the whole batch.
(Gutmann and Hyvarinen 2010; Mnih and Teh 2012; Jean et al., arXiv 1412.2007; the log-uniform law
is Zipf's for ids that are sorted by falling frequency, as `datasets.build_vocab` sorts them.)

N batch, D width, V classes, K candidates, R the sampler's range of ids.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
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
from fastw2v._rows.row_grad import (
    RowGrad,
    RowGradHolder,
    check_all_writable,
    vector_grad,
    write_rows,
)
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
_MOST_DRAWS = 1 << 20  # ids drawn at once while the last distinct ones are waited for


class Candidates(NamedTuple):
    """What a sampler gives for a batch of N right classes.

    sampled (K,) ids; true_expected_count (N, 1) and sampled_expected_count (K,): how often each of
    the classes is expected among the K. No gradient flows into these numbers.

    >>> Candidates(np.array([0, 3]), np.array([[0.5]]), np.array([0.9, 0.4])).sampled
    array([0, 3])
    """

    sampled: np.ndarray
    true_expected_count: np.ndarray
    sampled_expected_count: np.ndarray


class LogUniformSampler:
    """Draws ids 0 ... range_max - 1, id k with P(k) = log((k + 2) / (k + 1)) / log(range_max + 1).

    unique: draw until `num_sampled` different ids are found and count the tries; else take the
    first `num_sampled` draws as they come. All of these may be assigned later. rng: None draws from
    numpy's global stream (so `np.random.seed` rules), a `numpy.random.Generator` from its own.

    ValueError if more different ids are wanted than there are.

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

    def probability(self, ids: ArrayLike) -> Any:
        """P of each of the ids, in their shape, float64. IndexError outside [0, range_max)."""
        range_max = self._sizes()[0]
        return _probability(as_ids("ids", ids, range_max, wrap=False, rows="ids"), range_max)

    def expected_count(self, ids: ArrayLike, tries: Any) -> Any:
        """How often each id is expected among the candidates that so many draws led to, float64.

        P * num_sampled if every draw counted, so always without `unique`; otherwise the probability
        that the id came at all, 1 - (1 - P)^tries.
        """
        tries = as_int("tries", tries, low=self._sizes()[1])
        return self._expected(self.probability(ids), tries)

    def draw(self) -> Any:
        """(ids (num_sampled,) int64 in the order they came, number of draws that it took)."""
        range_max, K = self._sizes()
        if not self.unique:
            return self._ids(range_max, K), K
        # A third more than needed is enough in most draws of the tutorial's size.
        found, tries, n = np.empty(0, np.int64), 0, K + K // 3 + 8
        while True:
            drawn = self._ids(range_max, n)
            candidates = np.concatenate([found, drawn])
            first = np.sort(np.unique(candidates, return_index=True)[1])[:K]
            if len(first) == K:
                # Places before len(found) belong to earlier rounds.
                return candidates[first], tries + int(first[-1]) + 1 - len(found)
            found, tries, n = candidates[first], tries + n, min(2 * n, _MOST_DRAWS)

    def sample(self, true_classes: Any) -> Any:
        """`Candidates` for right classes (N,) or (N, 1), ids in [0, range_max)."""
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
        """n independent draws: the inverse of the cumulated P, log(k + 1) / log(R + 1)."""
        u = np.random.random_sample(n) if self.rng is None else self.rng.random(n)
        ids = np.exp(u * math.log1p(range_max)).astype(np.int64) - 1
        return np.minimum(ids, range_max - 1, out=ids)  # exp may round up to R + 1

    def _sizes(self):
        range_max = as_int("range_max", self.range_max)
        K = as_int("num_sampled", self.num_sampled)
        if self.unique and range_max < K:
            raise ValueError(
                f"num_sampled: expected at most range_max = {range_max} different ids, got {K}; "
                "take fewer, or unique=False"
            )
        return range_max, K


def _probability(ids, range_max):
    return np.log1p(1.0 / (ids + 1.0)) / math.log1p(range_max)


def sigmoid_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> Any:
    """max(x, 0) - x z + log(1 + exp(-|x|)) of each x and z: the cross entropy of sigmoid(x) and z.

    logits of any shape, labels of 0 and 1 (or between) that numpy stretches to it.

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
    """exp(-|x|) of a contiguous array."""
    e = np.abs(x)
    np.negative(e, out=e)
    flat = e.reshape(-1)
    _EXP[x.dtype](flat, flat, threads.parts(x.size * _EXP_NS))
    return e


class _SampledLoss(RowGradHolder):
    """What the two losses share: the scores forward, and the way back from their gradient."""

    _removes_hits = False

    def __init__(
        self,
        W: NDArray[Any],
        b: NDArray[Any],
        num_sampled: int,
        sampler: Any,
        remove_accidental_hits: Any,
        rng: Generator | None,
    ) -> None:
        config.check()
        check_table("W", W)
        _check_class_bias("b", b, W)
        if sampler is None:
            sampler = LogUniformSampler(len(W), num_sampled, rng=rng)
        check_methods("sampler", sampler, ("sample",))
        self.params = [W, b]
        self.grads = [RowGrad(W), vector_grad(b)]
        self.sampler = sampler
        self.remove_accidental_hits = remove_accidental_hits
        self.sampled = self.true_expected_count = self.sampled_expected_count = None
        self.logits = None
        self._state = None

    @property
    def num_sampled(self) -> Any:
        return self.sampler.num_sampled

    @num_sampled.setter
    def num_sampled(self, value: Any) -> None:
        self.sampler.num_sampled = value

    @property
    def labels(self) -> Any:
        """1 for the right class, which stands first, 0 for the candidates: (N, 1 + K)."""
        if self.logits is None:
            return None
        labels = np.zeros_like(self.logits)
        labels[:, 0] = 1
        return labels

    def forward(self, x: ArrayLike, labels: ArrayLike, *, sampled_values: Any = None) -> Any:
        """The loss, a float64 scalar, of x (N, D) and the right classes (N,) or (N, 1).

        sampled_values: `Candidates`, or three such arrays, in the place of a draw.
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
            # So low that its exponential is 0, and still a number.
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

    def row_tables(self) -> Any:
        """The parameters that a step reads by rows only, in code of ours; see `_replay`."""
        ours = is_unmodified(self, NCELoss) or is_unmodified(self, SampledSoftmaxLoss)
        if ours and is_unmodified(self.sampler, LogUniformSampler, _SAMPLING):
            return self.params
        return []

    def backward(self, dout: ArrayLike = 1) -> Any:
        """dx (N, D); the gradients of W and b go into `grads`, row by row."""
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


class NCELoss(_SampledLoss):
    """Noise contrastive estimation: is this class the right one, asked of 1 + K classes.

    loss = mean over n of the sum over the classes of `sigmoid_cross_entropy` of the score, with 1
    for the right class and 0 for the candidates (Gutmann and Hyvarinen 2010).

    W (V, D) and b (V,) are the caller's own arrays; the gradients are row-tracked, so a step
    costs the same for any V. sampler: a `LogUniformSampler` over V with `num_sampled` if None, or
    anything with `sample(labels)` that gives `Candidates`. remove_accidental_hits: leave a
    candidate out of the rows whose right class it is.

    Of the last forward: `sampled` (K,), `true_expected_count` (N, 1), `sampled_expected_count`
    (K,), `logits` and `labels` (N, 1 + K), the right class first.

    IndexError for labels outside [0, V), ValueError for shapes that do not fit.

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
        losses[:, 0] = np.maximum(-logits[:, 0], 0)  # not max(x, 0) - x: inf - inf is no number
        losses += np.log1p(e)
        # sigmoid(x) = 1 / (1 + e) for x > 0, e / (1 + e) else
        d = np.where(logits > 0, logits.dtype.type(1), e)
        e += 1
        d /= e
        d[:, 0] -= 1
        return losses.sum(dtype=np.float64) / len(logits), d


class SampledSoftmaxLoss(_SampledLoss):
    """Softmax over the right class and K candidates: mean over n of -log p(right class).

    As `NCELoss` in everything else, except that accidental hits are removed unless asked otherwise
    (Jean et al., arXiv 1412.2007, section 3).

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


def _as_label_column(name, labels):
    """Right classes (N,) or (N, 1), N > 0, as integers (N,)."""
    ids = as_native_ids(name, labels)
    if ids.size == 0 or ids.shape not in ((ids.size,), (ids.size, 1)):
        raise ValueError(
            f"{name}: expected ids of shape (N,) or (N, 1), one right class per row and N > 0, "
            f"got {ids.shape}; reshape it"
        )
    return ids.reshape(-1)


def _check_class_bias(name, b, W):
    """`b`, if it is a vector with one number per row of W, of W's dtype."""
    check_weights(name, b, 1)
    check_shape(name, b, (len(W),), "one number per row of W")
    if b.dtype != W.dtype:
        raise TypeError(
            f"{name}: expected {W.dtype}, the dtype of W, got {b.dtype}; convert with .astype"
        )


def _as_candidates(name, values, N, V):
    """The three arrays of sampled classes: ids (K,), expected counts (N, 1) and (K,), float64."""
    try:
        sampled, true_count, count = values
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: expected (sampled, true_expected_count, sampled_expected_count), got "
            f"{type(values).__name__}; pass what sampler.sample(labels) gives"
        ) from None
    sampled = as_ids(f"{name}[0]", as_any_ids(f"{name}[0]", sampled, 1), V, False, "classes")
    counts = []
    for k, (given, shape) in enumerate(((true_count, (N, 1)), (count, sampled.shape)), 1):
        given = as_float(f"{name}[{k}]", given, np.float64)
        check_shape(f"{name}[{k}]", given, shape, "one expected count per class")
        if not (given > 0).all():
            raise ValueError(
                f"{name}[{k}]: expected counts above 0, got {given[~(given > 0)][0]}; "
                "a class that cannot be sampled has no place among the candidates"
            )
        counts.append(given)
    return sampled, *counts
