"""Loading of a binary file of word vectors, against gensim's loader."""

import os
import tempfile

import harness
from fastw2v.keyed_vectors import KeyedVectors
from harness import Row, Task

V, D = 1_000_000, 100


class File:
    """A million vectors in word2vec's binary format."""

    def __init__(self):
        self.folder = None

    @property
    def path(self):
        if self.folder is None:
            self.folder = tempfile.TemporaryDirectory()
            words = [f"word{i}" for i in range(V)]
            vectors = KeyedVectors.from_words(words, harness.floats(harness.rng(3), (V, D)))
            vectors.save_word2vec_format(self.name, binary=True)
        return self.name

    @property
    def name(self):
        return os.path.join(self.folder.name, "vectors.bin")

    def task(self, load):
        path, last = self.path, [None]

        def run(_):
            last[0] = load(path, binary=True)

        def check():
            vectors = last[0]
            assert vectors.index_to_key[-1] == f"word{V - 1}"
            assert (vectors.vectors == harness.floats(harness.rng(3), (V, D))).all()

        return Task(run, check)

    def ours(self):
        return self.task(KeyedVectors.load_word2vec_format)

    def gensim(self):
        from gensim.models import KeyedVectors as Gensims

        return self.task(Gensims.load_word2vec_format)

    def verify(self):
        task = self.ours()
        task.run(0)
        task.check()


FILE = File()
ROWS = [
    Row(
        "load_binary",
        f"load a binary file of {V:,} x {D}",
        FILE.ours,
        FILE.verify,
        rivals={"gensim": FILE.gensim},
        goal_rival=5,
    )
]


@harness.each_contender(ROWS)
def test_vectors(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
