"""Word2vec over blocks of encoded ids in plain numpy, with the draws of src_pyx/_word2vec.pyx.

All arithmetic is float64, one centre after the other. Letters: V words, N positions of the corpus,
M contexts of a centre, J outputs (the target, negatives, inner nodes), K negatives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastw2v.reference import rng

END = -1
MOST = 8  # repetitions of a pair that count in one step
TOGETHER = 4  # centres of CBOW that share negatives
FEW = 5  # negatives up to which these centres are learned at once
SPAN = 32  # most centres of CBOW whose contexts stand still
STEPS = 1.0  # bound of the steps of a word that stands still
MOST_REPEATS = 250
BUCKETS = 256

Output = tuple[str, int, int, int]  # (table, row, label, count)
# (its word in `Corpus.words`, contexts, outputs, the negatives drawn for it)
Centre = tuple[int, list[int], list[Output], list[int]]


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-z)), any shape."""
    return 1 / (1 + np.exp(-z))


def one_centre(
    x: np.ndarray,
    y: np.ndarray,
    labels: ArrayLike,
    counts: ArrayLike,
    alpha: float,
    *,
    sg: bool,
    mean: bool = True,
    share: bool = False,
    steps: np.ndarray | None = None,
    h: np.ndarray | None = None,
    n_rows: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the changes of one centre: (dx (M, D), dy (J, D), losses).

    x (M, D) holds the rows of its contexts and y (J, D) those of its outputs; labels (J,) are 0 or
    1, and counts (J,) weight the outputs in the losses. steps, counts by default, weights them in
    g. h (1, D) replaces the mean or sum of x, for a mean that was taken before x changed. n_rows
    (M,) says how many rows each of x is the mean of; h is then the mean or sum of all of them.

        skip-gram   g[m, j] = alpha (label[j] - sigmoid(x[m] . y[j])) count[j]
                    dx = g y,  dy = g^T x
        CBOW        h = mean or sum of x, g[j] likewise with h;  dx = g y [/ M],  dy[j] = g[j] h

    losses has the shape of g: -log of the probability of the label, times count.

    >>> dx, dy, losses = one_centre(np.ones((2, 3)), np.zeros((1, 3)), [1], [1], 0.1, sg=False)
    >>> dy.round(3), losses.round(3)
    (array([[0.05, 0.05, 0.05]]), array([[0.693]]))
    """
    labels, counts = np.asarray(labels, np.float64), np.asarray(counts, np.float64)
    rows = x if sg else mean_of(x, mean, n_rows) if h is None else h
    z = rows @ y.T
    g = alpha * (labels - sigmoid(z)) * (counts if steps is None else steps)
    losses = np.log1p(np.exp(np.where(labels == 1, -z, z))) * counts
    dx = g @ y
    if not sg:
        M = len(x) if n_rows is None else n_rows.sum()
        dx = np.repeat(dx / (M if share else 1), len(x), axis=0)
    return dx, g.T @ rows, losses


def mean_of(x: np.ndarray, mean: bool = True, n_rows: np.ndarray | None = None) -> np.ndarray:
    """Return the mean, or with mean=False the sum, of rows (M, D) as (1, D).

    Row m counts n_rows[m] times.
    """
    times = np.ones(len(x)) if n_rows is None else n_rows
    sums: np.ndarray = (times[:, None] * x).sum(axis=0, keepdims=True)
    return sums / (times.sum() if mean else 1)


class Corpus:
    """A corpus, and the rules by which its centres, contexts and outputs are chosen.

    ids (N,), keep (V,) thresholds or empty, alias (V, 2) or empty, ways a `HuffmanWays`; these
    tables are those of the kernel.
    """

    def __init__(
        self,
        ids: ArrayLike,
        keep: np.ndarray,
        alias: np.ndarray,
        ways: Any,
        window: int,
        negative: int,
        block: int,
        *,
        shrink: bool = True,
        fresh: bool = False,
        shared: bool = False,
    ) -> None:
        self.ids, self.keep, self.alias, self.ways = np.asarray(ids), keep, alias, ways
        self.window, self.negative, self.block = window, negative, block
        self.shrink, self.fresh, self.shared = shrink, fresh, shared

    def stays(self, key: int, n: int) -> bool:
        """Tell whether position n is kept by subsampling."""
        if not len(self.keep):
            return True
        return int(rng.draw(rng.row_stream(key, 0), n)) >> 32 <= int(self.keep[self.ids[n]])

    def words(self, key: int, b: int) -> tuple[list[int], int, int]:
        """Return (words, first, last): words[first:last] of block b amid their neighbours."""
        lo, hi = b * self.block, min((b + 1) * self.block, len(self.ids))
        before: list[int] = []
        after: list[int] = []
        n = lo - 1
        while n >= 0 and len(before) < self.window and self.ids[n] != END:
            if self.stays(key, n):
                before.insert(0, int(self.ids[n]))
            n -= 1
        inside = [
            int(self.ids[n]) for n in range(lo, hi) if self.ids[n] == END or self.stays(key, n)
        ]
        n = hi
        while n < len(self.ids) and len(after) < self.window and self.ids[n] != END:
            if self.stays(key, n):
                after.append(int(self.ids[n]))
            n += 1
        return before + inside + after, len(before), len(before) + len(inside)

    def draw(self, stream: Any, k: int) -> int:
        """Return the word of draw k."""
        bits, V = int(rng.draw(stream, k)), len(self.alias)
        cell = (bits >> 32) * V + (((bits & 0xFFFFFFFF) * V) >> 32)
        threshold, other = self.alias[cell >> 32]
        return cell >> 32 if cell & 0xFFFFFFFF < threshold else int(other)

    def outputs(self, target: int, negatives: list[int]) -> list[Output]:
        """Return [(table, row, label, count)] of a target: inner nodes, itself, its negatives."""
        found = []
        if len(self.ways.begins):
            way = slice(self.ways.begins[target], self.ways.begins[target + 1])
            turns = zip(self.ways.points[way], self.ways.codes[way], strict=True)
            found = [("nodes", int(point), 1 - int(code), 1) for point, code in turns]
        if self.negative:
            found.append(("outputs", target, 1, 1))
            for word in dict.fromkeys(negatives):
                if word != target:
                    found.append(("outputs", word, 0, negatives.count(word)))
        return found

    def centres(self, key: int, b: int) -> Iterator[Centre]:
        """Yield each centre of block b, or each pair if `fresh`."""
        words, first, last = self.words(key, b)
        windows = rng.row_stream(key, 1 + 2 * b)
        negatives = rng.row_stream(key, 2 + 2 * b)
        drawn = n = 0
        for i in range(first, last):
            if words[i] == END:
                continue
            left = max((n + 1 for n in range(i) if words[n] == END), default=0)
            right = min((n for n in range(i, len(words)) if words[n] == END), default=len(words))
            side = self.window
            if self.shrink:
                side = 1 + ((int(rng.draw(windows, i - first)) >> 32) * self.window >> 32)
            around = range(max(left, i - side), min(right, i + side + 1))
            contexts = [words[n] for n in around if n != i]
            self.right = around.stop
            if self.fresh:
                for context in contexts:
                    given = [self.draw(negatives, drawn + k) for k in range(self.negative)]
                    drawn += self.negative
                    yield i, [context], self.outputs(words[i], given), given
            elif contexts:
                at = (n // TOGETHER if self.shared else i - first) * self.negative
                n += 1
                given = [self.draw(negatives, at + k) for k in range(self.negative)]
                yield i, contexts, self.outputs(words[i], given), given

    def spans(self, key: int, b: int, most_repeats: int) -> Iterator[tuple[list[Centre], bool]]:
        """Yield the centres of block b in spans, in which the rows of contexts stand still.

        A span has TOGETHER centres, or as many times more as fit into SPAN and repeat no word too
        often: no word within reach of the next TOGETHER centres may occur so often that its
        occurrences since the beginning times those in the last two windows exceed most_repeats.
        Words of one bucket count as the same. With each span comes whether its first TOGETHER
        centres repeat no word too often.
        """
        words = self.words(key, b)[0]
        span: list[Centre] = []
        first, few = 0, True
        for centre in self.centres(key, b):
            if span and len(span) % TOGETHER == 0:
                end = min(span[-1][0] + 1 + TOGETHER + self.window, len(words))
                if len(span) == SPAN or self.repeats(words[first:end]) > most_repeats:
                    yield span, few
                    span = []
            if not span:
                i = centre[0]
                first = max(n for n in range(i + 1) if n == 0 or words[n - 1] == END)
                first = max(first, i - self.window)
                last = first
            span.append(centre)
            if len(span) <= TOGETHER:
                last = max(last, self.right)
                few = self.repeats(words[first:last]) <= most_repeats
        if span:
            yield span, few

    def repeats(self, words: list[int]) -> int:
        """Return the largest product of a word's occurrences, from the first word on and near."""
        buckets = [word % BUCKETS if word != END else END for word in words]
        most = 0
        for n, bucket in enumerate(buckets):
            if bucket != END:
                near = buckets[max(n - 2 * self.window + 1, 0) : n + 1].count(bucket)
                most = max(most, near * buckets[: n + 1].count(bucket))
        return most


def spread(span: list[Centre], corpus: Corpus) -> list[Centre]:
    """Return the centres of a span, whole groups of TOGETHER first, in the order of learning.

    Of G groups, each takes every G-th centre. Its negatives are those that were drawn for TOGETHER
    consecutive centres.
    """
    if not 0 < corpus.negative <= FEW or len(corpus.ways.begins):
        return span
    G = len(span) // TOGETHER
    groups = []
    for g in range(G):
        given = span[g * TOGETHER][3]
        for i, contexts, outputs, _ in span[g : G * TOGETHER : G]:
            groups.append((i, contexts, corpus.outputs(outputs[0][1], given), given))
    return groups + span[G * TOGETHER :]


def at_once(group: Sequence[tuple[list[int], list[Output]]], corpus: Corpus) -> bool:
    """Tell whether the centres of a group are learned from the same rows.

    At most one of their targets and negatives occurs twice.
    """
    if len(group) < TOGETHER or not 0 < corpus.negative <= FEW or len(corpus.ways.begins):
        return False
    rows = [row for _, outputs in group for _, row, _, _ in outputs]
    return len(set(rows)) >= TOGETHER + corpus.negative - 1


def train(
    tables: dict[str, np.ndarray],
    corpus: Corpus,
    key: int,
    blocks: Iterable[int],
    alpha: float,
    alpha_step: float = 0.0,
    *,
    sg: bool,
    mean: bool = True,
    share: bool = False,
    stand_still: bool = True,
    n_rows: np.ndarray | None = None,
) -> float:
    """Train tables {"inputs", "outputs", "nodes"} in place on blocks; return the mean loss.

    The learning rate of a block is alpha + alpha_step times its first position. The rows of CBOW's
    contexts stand still during a span of more than TOGETHER centres; see `Corpus.spans`. `spread`
    chooses the centres of a span that share negatives. For these, the means of all contexts are
    computed before the first centre is learned. Where `at_once` holds, all their changes are
    computed from the same rows. n_rows (V,): see `one_centre`.
    """
    losses, pairs = 0.0, 0.0
    options = {"sg": sg, "mean": mean, "share": share}
    inputs = tables["inputs"]

    def apply(contexts: list[int], outputs: list[Output], dx: np.ndarray, dy: np.ndarray) -> None:
        np.add.at(inputs, contexts, dx)
        for (table, row, _, _), change in zip(outputs, dy, strict=True):
            tables[table][row] += change

    def learn(group: list[tuple[list[int], list[Output]]], rows: np.ndarray, rate: float) -> None:
        nonlocal losses, pairs
        times_of = [None if n_rows is None else n_rows[contexts] for contexts, _ in group]
        means = [
            None if sg else mean_of(rows[contexts], mean, n)
            for (contexts, _), n in zip(group, times_of, strict=True)
        ]
        deferred = []
        for (contexts, outputs), h, n in zip(group, means, times_of, strict=True):
            y = np.array([tables[table][row] for table, row, _, _ in outputs])
            labels = [label for _, _, label, _ in outputs]
            counts = np.array([count for *_, count in outputs], np.float64)
            times = np.array([contexts.count(word) if sg else 1 for word in contexts])[:, None]
            steps = np.minimum(times * counts, MOST) / times
            if not sg:
                steps = steps[:1]
            x = rows[contexts]
            dx, dy, loss = one_centre(
                x, y, labels, counts, rate, **options, steps=steps, h=h, n_rows=n
            )
            deferred.append((contexts, outputs, dx, dy))
            if not at_once(group, corpus):
                apply(*deferred.pop())
            losses += loss.sum()
            pairs += counts.sum() * len(loss)
        for change in deferred:
            apply(*change)

    for b in blocks:
        rate = alpha + alpha_step * b * corpus.block
        most = STEPS / float(np.float32(rate)) if rate > 0 else MOST_REPEATS
        wide = corpus.window if share and not len(corpus.ways.begins) else 1
        most = min(int(most * wide), MOST_REPEATS)
        spans = corpus.spans(key, b, most)
        for span, few in [(list(corpus.centres(key, b)), True)] if sg else spans:
            still = stand_still and mean and not sg and len(span) > TOGETHER
            rows = inputs.copy() if still else inputs
            n = TOGETHER if corpus.shared and not sg and mean and few else 1
            order = spread(span, corpus) if n > 1 else span
            for i in range(0, len(span), n):
                learn([centre[1:3] for centre in order[i : i + n]], rows, rate)
    return losses / pairs if pairs else float("nan")
