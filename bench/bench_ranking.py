"""KeyedVectors.most_similar over a million vectors, one query and 256 at once, against gensim's.

One query is also asked of the same vectors as float16 and int8, and compared with reading the table
once on the same threads, which is as fast as memory is.
"""

import numpy as np

import fastw2v
import harness
from fastw2v._kernels import _ranking
from fastw2v.keyed_vectors import KeyedVectors
from harness import Row, Task

V, D, TOP, MANY = 1_000_000, 100, 10, 256


class Vectors:
    """A million random rows and their words, made on first use."""

    def __init__(self):
        self._ours, self._compressed = None, {}

    @property
    def ours(self):
        if self._ours is None:
            words = [f"w{i}" for i in range(V)]
            self._ours = KeyedVectors.from_words(words, harness.floats(harness.rng(9), (V, D)))
        return self._ours

    def compressed(self, dtype):
        """Return the vectors in this dtype, made on first use."""
        if dtype not in self._compressed:
            self._compressed[dtype] = self.ours.astype(dtype)
        return self._compressed[dtype]

    def task(self, answer, n, vectors=None):
        """Prepare `answer(words)`, which returns a list for each word."""
        vectors = vectors or self.ours
        queries = harness.ring(lambda generator: [f"w{v}" for v in generator.integers(0, V, n)])
        last = [None, None]

        def run(i):
            last[:] = queries[i % harness.RING], answer(queries[i % harness.RING])

        def check():
            words, found = last
            table = np.asarray(vectors.vectors)
            query = table[self.ours.get_index(words[0])].astype(np.float64)
            cosines = table @ query / np.linalg.norm(table, axis=1) / np.linalg.norm(query)
            best = [f"w{v}" for v in np.argsort(-cosines)[1 : TOP + 1]]
            assert [word for word, _ in found[0]] == best

        return Task(run, check)

    def many(self, n):
        return lambda: self.task(lambda words: self.ours.most_similar_many(words, TOP), n)

    def one_of(self, dtype):
        def build():
            vectors = self.compressed(dtype)
            return self.task(lambda words: [vectors.most_similar(words[0], topn=TOP)], 1, vectors)

        return build

    def gensim(self, n):
        def build():
            keyed = self.ours.to_gensim()
            keyed.fill_norms()
            return self.task(lambda words: [keyed.most_similar(w, topn=TOP) for w in words], n)

        return build

    def read(self):
        """Prepare reading the table once."""
        numbers = self.ours.vectors.reshape(-1).view(np.uint32)
        sums = np.zeros(fastw2v.get_num_threads(), np.uint32)

        def check():
            assert sums.sum(dtype=np.uint32) == numbers.sum(dtype=np.uint32)

        return Task(lambda i: _ranking.only_read(sums, numbers, len(sums)), check)

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
ROWS[1:1] = [
    Row(
        "most_similar_1_bandwidth",
        f"most_similar, {V:,} x {D}, 1 query, against the bandwidth of memory",
        VECTORS.many(1),
        VECTORS.verify,
        rivals={"fastw2v, the table read once": VECTORS.read},
        goal_rival=0.8,
    ),
]
ROWS[2:2] = [
    Row(
        f"most_similar_1_{dtype}",
        f"most_similar, {V:,} x {D} of {dtype}, 1 query",
        VECTORS.one_of(dtype),
        VECTORS.verify,
        rivals={"gensim, float32": VECTORS.gensim(1)},
    )
    for dtype in ("float16", "int8")
]


@harness.each_contender(ROWS)
def test_ranking(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
