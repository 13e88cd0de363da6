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

Output = tuple[str, int, int, int]  # (table, row, label, count)


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
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the changes of one centre: (dx (M, D), dy (J, D), losses).

    x (M, D) holds the rows of its contexts and y (J, D) those of its outputs; labels (J,) are 0 or
    1, and counts (J,) weight the outputs in the losses. steps, counts by default, weights them in
    g. h (1, D) replaces the mean or sum of x, for a mean that was taken before x changed.

        skip-gram   g[m, j] = alpha (label[j] - sigmoid(x[m] . y[j])) count[j]
                    dx = g y,  dy = g^T x
        CBOW        h = mean or sum of x, g[j] likewise with h;  dx = g y [/ M],  dy[j] = g[j] h

    losses has the shape of g: -log of the probability of the label, times count.

    >>> dx, dy, losses = one_centre(np.ones((2, 3)), np.zeros((1, 3)), [1], [1], 0.1, sg=False)
    >>> dy.round(3), losses.round(3)
    (array([[0.05, 0.05, 0.05]]), array([[0.693]]))
    """
    labels, counts = np.asarray(labels, np.float64), np.asarray(counts, np.float64)
    rows = x if sg else mean_of(x, mean) if h is None else h
    z = rows @ y.T
    g = alpha * (labels - sigmoid(z)) * (counts if steps is None else steps)
    losses = np.log1p(np.exp(np.where(labels == 1, -z, z))) * counts
    dx = g @ y
    if not sg:
        dx = np.repeat(dx / (len(x) if share else 1), len(x), axis=0)
    return dx, g.T @ rows, losses


def mean_of(x: np.ndarray, mean: bool = True) -> np.ndarray:
    """Return the mean, or with mean=False the sum, of rows (M, D) as (1, D)."""
    sums: np.ndarray = x.sum(axis=0, keepdims=True)
    return sums / (len(x) if mean else 1)


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

    def centres(self, key: int, b: int) -> Iterator[tuple[int, list[int], list[Output]]]:
        """Yield (target, contexts, outputs) of each centre of block b; of each pair if `fresh`."""
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
            if self.fresh:
                for context in contexts:
                    given = [self.draw(negatives, drawn + k) for k in range(self.negative)]
                    drawn += self.negative
                    yield words[i], [context], self.outputs(words[i], given)
            elif contexts:
                at = (n // TOGETHER if self.shared else i - first) * self.negative
                n += 1
                given = [self.draw(negatives, at + k) for k in range(self.negative)]
                yield words[i], contexts, self.outputs(words[i], given)


def at_once(group: Sequence[tuple[list[int], list[Output]]], corpus: Corpus) -> bool:
    """Tell whether the centres of a group are learned from the same rows."""
    if len(group) < TOGETHER or not 0 < corpus.negative <= FEW or len(corpus.ways.begins):
        return False
    targets = [outputs[0][1] for _, outputs in group]
    # A negative that is a target, or is drawn twice, is missing in the list of some centre.
    whole = all(len(outputs) == corpus.negative + 1 for _, outputs in group)
    drawn = {row for _, outputs in group for _, row, _, _ in outputs[1:]}
    return whole and len(set(targets) | drawn) == TOGETHER + corpus.negative


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
) -> float:
    """Train tables {"inputs", "outputs", "nodes"} in place on blocks; return the mean loss.

    The learning rate of a block is alpha + alpha_step times its first position. For centres that
    share their negatives, the means of all contexts are computed before the first centre is
    learned. Where `at_once` holds, all their changes are computed from the same rows.
    """
    losses, pairs = 0.0, 0.0
    options = {"sg": sg, "mean": mean, "share": share}
    inputs = tables["inputs"]

    def apply(contexts: list[int], outputs: list[Output], dx: np.ndarray, dy: np.ndarray) -> None:
        np.add.at(inputs, contexts, dx)
        for (table, row, _, _), change in zip(outputs, dy, strict=True):
            tables[table][row] += change

    for b in blocks:
        rate = alpha + alpha_step * b * corpus.block
        centres = [centre[1:] for centre in corpus.centres(key, b)]
        n = TOGETHER if corpus.shared and not sg else 1
        for group in (centres[i : i + n] for i in range(0, len(centres), n)):
            means = [None if sg else mean_of(inputs[contexts], mean) for contexts, _ in group]
            deferred = []
            for (contexts, outputs), h in zip(group, means, strict=True):
                y = np.array([tables[table][row] for table, row, _, _ in outputs])
                labels = [label for _, _, label, _ in outputs]
                counts = np.array([count for *_, count in outputs], np.float64)
                times = np.array([contexts.count(word) if sg else 1 for word in contexts])[:, None]
                steps = np.minimum(times * counts, MOST) / times
                if not sg:
                    steps = steps[:1]
                x = inputs[contexts]
                dx, dy, loss = one_centre(x, y, labels, counts, rate, **options, steps=steps, h=h)
                deferred.append((contexts, outputs, dx, dy))
                if not at_once(group, corpus):
                    apply(*deferred.pop())
                losses += loss.sum()
                pairs += counts.sum() * len(loss)
            for change in deferred:
                apply(*change)
    return losses / pairs if pairs else float("nan")
