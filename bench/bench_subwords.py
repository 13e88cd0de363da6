"""Vectors of words composed of their n-grams, against gensim's FastTextKeyedVectors."""

import functools

import numpy as np

import harness
from fastw2v.fasttext import FastTextKeyedVectors
from fastw2v.reference import subwords as oracle
from harness import Row, Task

V, D, BUCKET, UNSEEN = 20_000, 100, 200_000, 2_000


class Model:
    """Words of 4 to 12 letters with own rows, rows of n-grams, and words that are not there."""

    @functools.cached_property
    def words(self):
        generator = harness.rng(5)
        lengths = generator.integers(4, 13, 2 * V)
        letters = generator.integers(97, 123, int(lengths.sum()), dtype=np.uint8).tobytes()
        ends = np.cumsum(lengths)
        pairs = zip(ends - lengths, ends, strict=True)
        return list(dict.fromkeys(letters[begin:end].decode() for begin, end in pairs))

    @functools.cached_property
    def ours(self):
        own = harness.floats(harness.rng(6), (V, D))
        rows = harness.floats(harness.rng(7), (BUCKET, D))
        return FastTextKeyedVectors.from_parts(self.words[:V], own, rows)

    @functools.cached_property
    def gensims(self):
        return self.ours.to_gensim()

    @property
    def unseen(self):
        return self.words[V : V + UNSEEN]

    def vector(self, word):
        """Return the vector of an unseen word by the plain twin."""
        rows = self.ours.vectors_ngrams
        return oracle.compose(None, rows[oracle.buckets(word, 3, 6, BUCKET)])

    def composing(self, name):
        vectors = getattr(self, name)

        def check():
            word = self.words[3]
            rows = self.ours.vectors_ngrams[oracle.buckets(word, 3, 6, BUCKET)]
            wanted = oracle.compose(self.ours.vectors_vocab[3], rows)
            harness.assert_close(vectors.vectors[3], wanted, "vectors", rtol=1e-4, atol=1e-5)

        return Task(lambda _: vectors.adjust_vectors(), check)

    def asking(self, name):
        vectors, last = getattr(self, name), [None]

        def run(_):
            last[0] = [vectors[word] for word in self.unseen]

        def check():
            wanted = self.vector(self.unseen[3])
            harness.assert_close(last[0][3], wanted, "vector", rtol=1e-4, atol=1e-5)

        return Task(run, check)

    def verify(self):
        for task in (self.composing("ours"), self.asking("ours")):
            task.run(0)
            task.check()


MODEL = Model()
ROWS = [
    Row(
        "compose_all",
        f"compose the vectors of {V:,} words, D={D}",
        lambda: MODEL.composing("ours"),
        MODEL.verify,
        rivals={"gensim": lambda: MODEL.composing("gensims")},
        goal_rival=5,
    ),
    Row(
        "compose_unseen",
        f"vectors of {UNSEEN:,} unseen words one by one, D={D}",
        lambda: MODEL.asking("ours"),
        MODEL.verify,
        rivals={"gensim": lambda: MODEL.asking("gensims")},
        goal_rival=1,
    ),
]


@harness.each_contender(ROWS)
def test_subwords(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
