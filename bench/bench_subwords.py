"""Words with n-grams: composed vectors against gensim's, training against gensim and fastText.

The text of the trainings is that of bench_word2vec.py, there are 2,000,000 buckets, and frequent
words are subsampled as by default. One epoch; that of fastText is a fifth of a call with five
epochs, which also counts the words.
"""

import functools

import numpy as np

import fastw2v
import harness
from bench_word2vec import CORPUS, MIN_COUNT, NEGATIVE, WINDOW
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


class Training:
    """One epoch per call of a model with n-grams of 3 to 6 characters."""

    EPOCHS = 5  # of fastText

    def __init__(self, sg):
        self.sg = sg
        self.settings = {
            "vector_size": D,
            "window": WINDOW,
            "negative": NEGATIVE,
            "min_count": MIN_COUNT,
            "sg": sg,
            "alpha": 0.025,
        }

    def task(self, model, train):
        before = model.wv.vectors_vocab.copy()

        def check():
            assert np.isfinite(model.wv.vectors_vocab).all()
            assert (model.wv.vectors_vocab != before).mean() > 0.9

        return Task(lambda _: train(), check)

    def ours(self):
        model = fastw2v.FastText(**self.settings)
        model.build_vocab(CORPUS.sentences)
        return self.task(model, lambda: model.train(epochs=1))

    def gensim(self):
        from gensim.models import FastText

        model = FastText(**self.settings, workers=fastw2v.get_num_threads())
        model.build_vocab(CORPUS.sentences)
        return self.task(
            model,
            lambda: model.train(
                corpus_file=CORPUS.path,
                total_examples=model.corpus_count,
                total_words=model.corpus_total_words,
                epochs=1,
            ),
        )

    def fasttext(self):
        import fasttext

        settings = {
            "model": "skipgram" if self.sg else "cbow",
            "dim": D,
            "ws": WINDOW,
            "neg": NEGATIVE,
            "minCount": MIN_COUNT,
            "lr": 0.025,
            "t": 1e-3,
            "epoch": self.EPOCHS,
            "thread": fastw2v.get_num_threads(),
            "verbose": 0,
        }
        last = [None]

        def run(_):
            last[0] = fasttext.train_unsupervised(CORPUS.path, **settings)

        def check():
            assert np.isfinite(last[0].get_word_vector("the")).all()

        return Task(run, check, steps=self.EPOCHS)

    def verify(self):
        task = self.ours()
        task.run(0)
        task.check()

    def row(self):
        name = "skip_gram" if self.sg else "cbow"
        return Row(
            f"fasttext_{name}_{D}",
            f"FastText, {name.replace('_', '-')} d={D} w={WINDOW} K={NEGATIVE}, one epoch",
            self.ours,
            self.verify,
            rivals={"gensim": self.gensim, "fasttext": self.fasttext},
            goal_rival=5,
            is_long=True,
        )


MODEL = Model()
ROWS = [
    Training(1).row(),
    Training(0).row(),
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
        goal_rival=3,
    ),
]


@harness.each_contender(ROWS)
def test_subwords(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
