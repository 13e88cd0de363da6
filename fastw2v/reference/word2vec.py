"""Word2vec over blocks of encoded ids in plain numpy: twin of src_pyx/_word2vec.pyx, draw for draw.

Everything is float64, one centre after the other. Letters: V words, N positions of the corpus, M
contexts of a centre, J outputs (the target, negatives, inner nodes), K negatives.
"""

import numpy as np

from fastw2v.reference import rng

END = -1
MOST = 8  # times that one pair counts at most in one step
TOGETHER, FEW = 4, 5  # centres of CBOW that share negatives; so many at most are learned at once


def sigmoid(z):
    """1 / (1 + exp(-z)), any shape."""
    return 1 / (1 + np.exp(-z))


def one_centre(x, y, labels, counts, alpha, *, sg, mean=True, share=False, steps=None, h=None):
    """What one centre changes: (dx (M, D), dy (J, D), losses).

    x (M, D) rows of its contexts, y (J, D) rows of its outputs, labels (J,) 0 or 1, counts (J,) how
    often each output counts; `steps`, if it is not that, how often it does in g; `h` (1, D), if it
    is not that of these x.

        skip-gram   g[m, j] = alpha (label[j] - sigmoid(x[m] . y[j])) count[j]
                    dx = g y,  dy = g^T x
        CBOW        h = mean or sum of x, g[j] likewise with h;  dx = g y [/ M],  dy[j] = g[j] h

    losses has the shape of g: -log of the probability given to the label, times count.

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


def mean_of(x, mean=True):
    """The mean, or the sum, of rows (M, D) as (1, D)."""
    return x.sum(axis=0, keepdims=True) / (len(x) if mean else 1)


class Corpus:
    """A corpus and how it is looked at; tables and probabilities are those of the kernel.

    ids (N,), keep (V,) thresholds or empty, alias (V, 2) or empty, ways a `HuffmanWays`.
    """

    def __init__(
        self,
        ids,
        keep,
        alias,
        ways,
        window,
        negative,
        block,
        *,
        shrink=True,
        fresh=False,
        shared=False,
    ):
        self.ids, self.keep, self.alias, self.ways = np.asarray(ids), keep, alias, ways
        self.window, self.negative, self.block = window, negative, block
        self.shrink, self.fresh, self.shared = shrink, fresh, shared

    def stays(self, key, n):
        """Whether position n is not thinned out."""
        if not len(self.keep):
            return True
        return int(rng.draw(rng.row_stream(key, 0), n)) >> 32 <= int(self.keep[self.ids[n]])

    def words(self, key, b):
        """(words, first, last) of block b: words[first:last] between their surroundings."""
        lo, hi = b * self.block, min((b + 1) * self.block, len(self.ids))
        before, after = [], []
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

    def draw(self, stream, k):
        """The word of draw k."""
        bits, V = int(rng.draw(stream, k)), len(self.alias)
        cell = (bits >> 32) * V + (((bits & 0xFFFFFFFF) * V) >> 32)
        threshold, other = self.alias[cell >> 32]
        return cell >> 32 if cell & 0xFFFFFFFF < threshold else int(other)

    def outputs(self, target, negatives):
        """[(table, row, label, count)] of a target: inner nodes, itself, its negatives."""
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

    def centres(self, key, b):
        """(target, contexts, outputs) of each centre of a block; with `fresh`, of each pair."""
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


def at_once(group, corpus):
    """Whether the centres of a group are learned from the same rows."""
    if len(group) < TOGETHER or not 0 < corpus.negative <= FEW or len(corpus.ways.begins):
        return False
    targets = [outputs[0][1] for _, outputs in group]
    # A negative that is a target, or that comes twice, is missing in somebody's list.
    whole = all(len(outputs) == corpus.negative + 1 for _, outputs in group)
    drawn = {row for _, outputs in group for _, row, _, _ in outputs[1:]}
    return whole and len(set(targets) | drawn) == TOGETHER + corpus.negative


def train(tables, corpus, key, blocks, alpha, alpha_step=0.0, *, sg, mean=True, share=False):
    """Train tables {"inputs", "outputs", "nodes"} in place on blocks of a corpus; the mean loss.

    The learning rate of a block is alpha + alpha_step times its first position. Centres that share
    their negatives have the means of their contexts taken before any of them is learned; where
    `at_once`, all their changes are made to the same rows.
    """
    losses, pairs = 0.0, 0.0
    options = {"sg": sg, "mean": mean, "share": share}
    inputs = tables["inputs"]

    def apply(contexts, outputs, dx, dy):
        np.add.at(inputs, contexts, dx)
        for (table, row, _, _), change in zip(outputs, dy, strict=True):
            tables[table][row] += change

    for b in blocks:
        rate = alpha + alpha_step * b * corpus.block
        centres = [centre[1:] for centre in corpus.centres(key, b)]
        n = TOGETHER if corpus.shared and not sg else 1
        for group in (centres[i : i + n] for i in range(0, len(centres), n)):
            means = [None if sg else mean_of(inputs[contexts], mean) for contexts, _ in group]
            waiting = []
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
                waiting.append((contexts, outputs, dx, dy))
                if not at_once(group, corpus):
                    apply(*waiting.pop())
                losses += loss.sum()
                pairs += counts.sum() * len(loss)
            for change in waiting:
                apply(*change)
    return losses / pairs if pairs else float("nan")
