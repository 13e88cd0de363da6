"""Nearest rows by cosine: the book's most_similar, which prints, and many queries at once."""

import contextlib
import io

import numpy as np

import harness
from fastw2v import util
from fastw2v.reference import util as oracle
from harness import Row, Task

V, D, TOP = 10_000, 100, 10
N_QUERIES = 100


def vectors():
    return harness.floats(harness.rng(9), (V, D))


class MostSimilar:
    """One word of the ring per call; the output is captured in a string."""

    def __init__(self):
        self.words = [f"word{i}" for i in range(V)]
        self.word_to_id = {word: i for i, word in enumerate(self.words)}
        self.id_to_word = dict(enumerate(self.words))
        self.queries = harness.ring(lambda generator: f"word{generator.integers(V)}")

    def printed(self, module, matrix, query):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            module.most_similar(query, self.word_to_id, self.id_to_word, matrix, TOP)
        return text.getvalue()

    def task(self, module):
        matrix, last = vectors(), [None, None]

        def run(i):
            query = self.queries[i % harness.RING]
            last[:] = query, self.printed(module, matrix, query)

        def check():
            query, text = last
            expected = self.parsed(self.printed(oracle, matrix, query))
            found = self.parsed(text)
            assert [word for word, _ in found] == [word for word, _ in expected]
            harness.assert_close([s for _, s in found], [s for _, s in expected], "scores")

        return Task(run, check)

    @staticmethod
    def parsed(text):
        pairs = [line.strip().split(": ") for line in text.splitlines() if ": " in line]
        return [(word, float(score)) for word, score in pairs]

    def reference(self):
        return self.task(oracle)

    def ours(self):
        return self.task(util)

    def gensim(self):
        from gensim.models import KeyedVectors

        keyed = KeyedVectors(D)
        keyed.add_vectors(self.words, vectors())
        keyed.fill_norms()
        last = [None, None]

        def run(i):
            query = self.queries[i % harness.RING]
            last[:] = query, keyed.most_similar(query, topn=TOP)

        def check():
            query, found = last
            expected = self.parsed(self.printed(oracle, vectors(), query))
            assert [word for word, _ in found] == [word for word, _ in expected]

        return Task(run, check)

    def verify(self):
        task = self.ours()
        task.run(0)
        task.check()


class Nearest:
    """N_QUERIES vectors at once. The book has no function for it, hence no reference."""

    def __init__(self):
        self.queries = harness.ring(lambda generator: harness.floats(generator, (N_QUERIES, D)))

    def task(self, function):
        last = [None, None]

        def run(i):
            last[:] = i % harness.RING, function(i % harness.RING)

        def check():
            i, found = last
            matrix, queries = vectors().astype("d"), self.queries[i].astype("d")
            matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
            queries /= np.linalg.norm(queries, axis=1, keepdims=True)
            expected = np.argsort(-queries @ matrix.T, axis=1)[:, :TOP]
            # Neighbours whose scores differ only by rounding may swap places.
            assert (np.asarray(found) == expected).mean() > 0.99, "other neighbours"

        return Task(run, check)

    def ours(self):
        matrix = vectors()
        return self.task(lambda i: util.nearest(matrix, self.queries[i], TOP)[0])

    def numpy(self):
        """Prepare numpy with unit rows, as a reader with many queries would."""
        unit = util.normalize(vectors())

        def search(i):
            scores = self.queries[i] @ unit.T
            best = np.argpartition(-scores, TOP, axis=1)[:, :TOP]
            order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
            return np.take_along_axis(best, order, 1)

        return self.task(search)

    def torch(self):
        import torch

        unit = torch.nn.functional.normalize(torch.from_numpy(vectors()))
        queries = [torch.from_numpy(query) for query in self.queries]
        return self.task(lambda i: torch.topk(queries[i] @ unit.T, TOP, dim=1).indices)

    def verify(self):
        for build in (self.ours, self.numpy):
            task = build()
            task.run(0)
            task.check()


def rows():
    similar, nearest = MostSimilar(), Nearest()
    return [
        Row(
            "most_similar",
            f"most_similar, V={V:,} D={D}, top {TOP}",
            similar.ours,
            similar.verify,
            similar.reference,
            {"gensim, KeyedVectors.most_similar": similar.gensim},
            goal_rival=1,
        ),
        Row(
            "nearest",
            f"nearest {TOP} of {N_QUERIES} queries, V={V:,} D={D}",
            nearest.ours,
            nearest.verify,
            None,
            {
                "numpy, product and argpartition": nearest.numpy,
                "torch, product and topk": nearest.torch,
            },
            goal_rival=1,
        ),
    ]


ROWS = rows()


@harness.each_contender(ROWS)
def test_neighbors(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
