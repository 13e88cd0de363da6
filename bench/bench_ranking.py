"""KeyedVectors.most_similar over a million vectors, one query and 256 at once, against gensim's."""

import numpy as np

import harness
from fastw2v.keyed_vectors import KeyedVectors
from harness import Row, Task

V, D, TOP, MANY = 1_000_000, 100, 10, 256


class Vectors:
    """A million random rows and their words, made on first use."""

    def __init__(self):
        self._ours = None

    @property
    def ours(self):
        if self._ours is None:
            words = [f"w{i}" for i in range(V)]
            self._ours = KeyedVectors.from_words(words, harness.floats(harness.rng(9), (V, D)))
        return self._ours

    def task(self, answer, n):
        """Prepare `answer(words)`, which returns a list for each word."""
        queries = harness.ring(lambda generator: [f"w{v}" for v in generator.integers(0, V, n)])
        last = [None, None]

        def run(i):
            last[:] = queries[i % harness.RING], answer(queries[i % harness.RING])

        def check():
            words, found = last
            table = self.ours.vectors
            query = table[self.ours.get_index(words[0])].astype(np.float64)
            cosines = table @ query / np.linalg.norm(table, axis=1) / np.linalg.norm(query)
            best = [f"w{v}" for v in np.argsort(-cosines)[1 : TOP + 1]]
            assert [word for word, _ in found[0]] == best

        return Task(run, check)

    def many(self, n):
        return lambda: self.task(lambda words: self.ours.most_similar_many(words, TOP), n)

    def gensim(self, n):
        def build():
            keyed = self.ours.to_gensim()
            keyed.fill_norms()
            return self.task(lambda words: [keyed.most_similar(w, topn=TOP) for w in words], n)

        return build

    def verify(self):
        task = self.many(8)()
        task.run(0)
        task.check()


VECTORS = Vectors()
ROWS = [
    Row(
        f"most_similar_{n}",
        f"most_similar, {V:,} x {D}, {n} " + ("query" if n == 1 else "queries at once"),
        VECTORS.many(n),
        VECTORS.verify,
        rivals={"gensim": VECTORS.gensim(n)},
        goal_rival=goal,
    )
    for n, goal in ((1, 3), (MANY, 20))
]


@harness.each_contender(ROWS)
def test_ranking(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
