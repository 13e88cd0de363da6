"""Counting and encoding the words of a text file, against gensim's build_vocab(corpus_file=)."""

import os
import tempfile

import numpy as np

import harness
from fastw2v import word2vec
from harness import Row, Task

N_WORDS, TYPES = 1_000_000, 50_000


class TextFile:
    """A file of Zipf words of three to fourteen letters, twenty per line."""

    def __init__(self):
        self.folder = None

    @property
    def path(self):
        if self.folder is None:
            self.folder = tempfile.TemporaryDirectory()
            generator = harness.rng(5)
            letters = generator.integers(97, 123, (TYPES, 14), np.uint8)
            lengths = generator.integers(3, 15, TYPES)
            words = [bytes(row[:n]) for row, n in zip(letters, lengths, strict=True)]
            ids = harness.zipf_ids(generator, TYPES, N_WORDS).tolist()
            with open(os.path.join(self.folder.name, "text.txt"), "wb") as file:
                for begin in range(0, N_WORDS, 20):
                    file.write(b" ".join(words[v] for v in ids[begin : begin + 20]) + b"\n")
        return os.path.join(self.folder.name, "text.txt")

    def counts(self, model):
        return dict(zip(model.wv.index_to_key, model.wv.expandos["count"].tolist(), strict=True))

    def task(self, make):
        path, last = self.path, [None]

        def run(_):
            last[0] = make()
            last[0].build_vocab(corpus_file=path)

        def check():
            counts = self.counts(last[0])
            assert last[0].corpus_total_words == N_WORDS
            expected = word2vec.count_words(word2vec.LineSentence(path, limit=10**9))
            kept = expected.counts >= 5
            assert sum(counts.values()) == expected.counts[kept].sum()
            assert len(counts) == kept.sum()

        return Task(run, check)

    def ours(self):
        return self.task(lambda: word2vec.Word2Vec(vector_size=2))

    def gensim(self):
        from gensim.models import Word2Vec

        return self.task(lambda: Word2Vec(vector_size=2))

    def verify(self):
        task = self.ours()
        task.run(0)
        task.check()


TEXT = TextFile()
ROWS = [
    Row(
        "vocabulary",
        f"vocabulary of a text file of {N_WORDS:,} words; ours encodes it too",
        TEXT.ours,
        TEXT.verify,
        rivals={"gensim": TEXT.gensim},
        goal_rival=5,
    )
]


@harness.each_contender(ROWS)
def test_vocabulary(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
