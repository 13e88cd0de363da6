"""Word2Vec on a corpus, against gensim in the faster of its input modes, in words per second.

FASTW2V_BENCH_TEXT names the text (a file with one sentence per line). The default is this Python's
own documentation, 340,000 words that every installation has. Both sides train one epoch per call on
the same words with the same settings and threads; no words are subsampled.
"""

import os
import tempfile

import numpy as np

import fastw2v
import harness
from harness import Row, Task

NEGATIVE, WINDOW, MIN_COUNT = 5, 5, 1
GOAL = {100: 8, 300: 5}


class Corpus:
    """Path and sentences of the text."""

    def __init__(self):
        self.folder = self._sentences = None

    @property
    def path(self):
        given = os.environ.get("FASTW2V_BENCH_TEXT")
        if given:
            return given
        if self.folder is None:
            from fastw2v.datasets import builtin_corpus

            self.folder = tempfile.TemporaryDirectory()
            words = builtin_corpus()
            with open(os.path.join(self.folder.name, "text.txt"), "w", encoding="utf-8") as file:
                for begin in range(0, len(words), 100):
                    file.write(" ".join(words[begin : begin + 100]) + "\n")
        return os.path.join(self.folder.name, "text.txt")

    @property
    def sentences(self):
        if self._sentences is None:
            with open(self.path, encoding="utf-8") as file:
                self._sentences = [line.split() for line in file]
        return self._sentences

    @property
    def n_words(self):
        return sum(map(len, self.sentences))


class Training:
    """One epoch per call of a model that keeps its weights between calls."""

    def __init__(self, corpus, sg, size):
        self.corpus, self.sg, self.size = corpus, sg, size

    @property
    def settings(self):
        return {
            "vector_size": self.size,
            "window": WINDOW,
            "negative": NEGATIVE,
            "min_count": MIN_COUNT,
            "sample": 0,
            "sg": self.sg,
            "alpha": 0.025,
        }

    def task(self, model, train):
        before = model.wv.vectors.copy()

        def check():
            assert np.isfinite(model.wv.vectors).all()
            assert (np.asarray(model.wv.vectors) != before).mean() > 0.9

        return Task(lambda _: train(), check)

    def ours(self):
        from fastw2v import Word2Vec

        model = Word2Vec(**self.settings)
        model.build_vocab(self.corpus.sentences)
        return self.task(model, lambda: model.train(epochs=1))

    def gensim(self, from_file):
        from gensim.models import Word2Vec

        model = Word2Vec(**self.settings, workers=fastw2v.get_num_threads())
        model.build_vocab(self.corpus.sentences)
        text = (
            {"corpus_file": self.corpus.path}
            if from_file
            else {"corpus_iterable": self.corpus.sentences}
        )
        return self.task(
            model,
            lambda: model.train(
                **text,
                total_examples=model.corpus_count,
                total_words=model.corpus_total_words,
                epochs=1,
            ),
        )

    def verify(self):
        task = self.ours()
        task.run(0)
        task.check()

    def row(self):
        name = "skip_gram" if self.sg else "cbow"
        return Row(
            f"word2vec_{name}_{self.size}",
            f"Word2Vec, {name.replace('_', '-')} d={self.size} w={WINDOW} K={NEGATIVE}, one epoch",
            self.ours,
            self.verify,
            rivals={
                "gensim, file": lambda: self.gensim(True),
                "gensim, sentences": lambda: self.gensim(False),
            },
            goal_rival=GOAL[self.size],
        )


CORPUS = Corpus()
ROWS = [Training(CORPUS, sg, size).row() for size in (100, 300) for sg in (0, 1)]


@harness.each_contender(ROWS)
def test_word2vec(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
