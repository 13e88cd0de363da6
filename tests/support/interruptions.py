"""Long calls that Ctrl-C should end at once, and saves that a power failure may cut short.

Both happen to a forked child. test_interruptions.py does it a few times, tools/interrupt.py
hundreds of times, and measures the time.
"""

import contextlib
import os
import select
import signal
import sys
import time
from pathlib import Path

import numpy as np

from fastw2v import candidate_sampling, datasets, util
from fastw2v._core import threads
from fastw2v.base_model import BaseModel
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.models import CBOW, CharTranslator, Rnnlm, SequenceRegressor, SimpleRnnlm, SkipGram
from fastw2v.optimizer import SGD, Adam
from fastw2v.text_model import TextModel
from fastw2v.text_model import train as train_text
from fastw2v.time_layers import TimeLSTM
from fastw2v.trainer import RnnlmTrainer, Trainer
from fastw2v.word2vec import Word2Vec, count_words

HANGS = 60  # seconds after which a child counts as dead


@contextlib.contextmanager
def child(run):
    """Fork a child that calls run(say); the parent reads the bytes given to say from the pipe."""
    receive, send = os.pipe()
    threads.set_num_threads(1)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(receive)
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
            signal.signal(signal.SIGINT, signal.default_int_handler)
            run(lambda byte: os.write(send, byte))
            code = 0
        finally:
            os._exit(code)
    os.close(send)
    try:
        yield pid, receive
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(receive)


def heard(receive):
    """Return the next byte of a child, or b"" when it has ended."""
    ready, _, _ = select.select([receive], [], [], HANGS)
    return os.read(receive, 1) if ready else b"?"


# Long calls ----------------------------------------------------------------------------------


def _corpus(n=200_000, V=2000):
    return np.concatenate([np.arange(V), np.random.default_rng(0).integers(0, V, n)])


def _word_model(kind):
    corpus = _corpus()
    contexts, target = util.create_contexts_target(corpus, 2)
    trainer = Trainer(kind(2000, 50, 2, corpus), Adam())
    return lambda: trainer.fit(contexts, target, 1000, 100, eval_interval=None)


def _language_model():
    corpus = _corpus(20_000)
    trainer = RnnlmTrainer(Rnnlm(2000, 50, 50), SGD())
    return lambda: trainer.fit(corpus[:-1], corpus[1:], 1000, 20, 35)


def _text_training():
    model = TextModel([f"w{k}" for k in range(500)] + ["<unk>"], size=50)
    ids = _corpus(50_000, 500)
    return lambda: [*train_text(model, ids[:-1], ids[1:], epochs=1000)]


def _written_vectors(folder):
    table = np.random.default_rng(0).standard_normal((60_000, 100), np.float32)
    return KeyedVectors.from_words([f"word{k}" for k in range(len(table))], table)


def _reading_vectors(folder):
    path = str(Path(folder, "vectors.txt"))
    _written_vectors(folder).save_word2vec_format(path)

    def read():
        while True:
            KeyedVectors.load_word2vec_format(path)

    return read


def _saving_vectors(folder):
    vectors = _written_vectors(folder)

    def save():
        while True:
            vectors.save_word2vec_format(str(Path(folder, "vectors.txt")))

    return save


def _reading_text(folder):
    path = Path(folder, "text.txt")
    path.write_text("the quick brown fox jumps over the lazy dog .\n" * 2_000_000)
    return lambda: datasets.build_corpus(datasets.tokenize(datasets.read_text(path)))


def _perplexity():
    model, corpus = Rnnlm(2000, 100, 100), _corpus(2_000_000)
    return lambda: util.eval_perplexity(model, corpus)


def _translating():
    model = CharTranslator(list("abcdefgh"), list("stuvwxyz"), 256)
    return lambda: model.translate(["abcdefgh" * 5] * 3000, beam_width=5)


def _neighbours():
    table = np.random.default_rng(0).standard_normal((20_000, 300), np.float32)
    return lambda: util.nearest(table, table, 10)


def _counting():
    corpus = _corpus(40_000_000, 5000)
    return lambda: util.create_co_matrix(corpus, 5000, 10)


def _ppmi():
    counts = np.ones((12_000, 12_000), np.int32)
    return lambda: util.ppmi(counts)


def _drawing():
    sampler = candidate_sampling.LogUniformSampler(10**6, 1000)

    def draw():
        while True:
            sampler.sample(np.arange(10))

    return draw


def _long_sequence():
    rng = np.random.default_rng(0)
    layer = TimeLSTM(*(rng.standard_normal(s).astype("f") for s in ((64, 1024), (256, 1024), 1024)))
    xs = rng.standard_normal((64, 4000, 64), np.float32)
    return lambda: layer.forward(xs)


def _regression():
    model, rng = SequenceRegressor("lstm", 1, 64), np.random.default_rng(0)
    xs = rng.standard_normal((5000, 50, 1))
    return lambda: Trainer(model, Adam()).fit(xs, xs[:, 0, 0], 1000, 50, eval_interval=None)


def _whole_corpus(**settings):
    ids = _corpus(2_000_000)
    sentences = [ids[k : k + 1000].tolist() for k in range(0, len(ids), 1000)]
    model = Word2Vec(min_count=1, epochs=1000, **settings)
    model.build_vocab(sentences)
    return model.train


def _counting_words(folder):
    path = Path(folder, "text.txt")
    words = " ".join(f"w{k}" for k in _corpus(300_000, 100_000))
    path.write_text("\n".join([words] * 40))
    return lambda: [count_words(corpus_file=path) for _ in range(100)]


def _questions(folder):
    vectors = _written_vectors(folder)
    return lambda: vectors.most_similar_many(vectors.index_to_key, topn=10)


# name -> function that prepares a call in a folder; the call itself takes many seconds.
LONG_CALLS = {
    "fit of CBOW": lambda folder: _word_model(CBOW),
    "fit of SkipGram": lambda folder: _word_model(SkipGram),
    "fit of Rnnlm": lambda folder: _language_model(),
    "fit of a regressor": lambda folder: _regression(),
    "text_model.train": lambda folder: _text_training(),
    "eval_perplexity": lambda folder: _perplexity(),
    "translate": lambda folder: _translating(),
    "reading vectors": _reading_vectors,
    "saving vectors": _saving_vectors,
    "reading text": _reading_text,
    "builtin_corpus": lambda folder: lambda: [datasets.builtin_corpus() for _ in range(100)],
    "nearest": lambda folder: _neighbours(),
    "create_co_matrix": lambda folder: _counting(),
    "ppmi": lambda folder: _ppmi(),
    "drawing": lambda folder: _drawing(),
    "Word2Vec": lambda folder: _whole_corpus(sg=1),
    "Word2Vec, deterministic": lambda folder: _whole_corpus(deterministic=True),
    "count_words": _counting_words,
    "most_similar_many": _questions,
    "a long sequence": lambda folder: _long_sequence(),
}


def interrupt(name, folder, after):
    """Send Ctrl-C to a call after `after` seconds; return how it ended and the seconds until then.

    b"I": a KeyboardInterrupt came out of it; b"D": the call was done before.
    """

    def run(say):
        call = LONG_CALLS[name](folder)
        try:
            say(b"b")
            call()
            say(b"D")
        except KeyboardInterrupt:
            say(b"I")

    with child(run) as (pid, receive):
        if heard(receive) != b"b":
            return b"?", 0.0
        time.sleep(after)
        start = time.monotonic()
        os.kill(pid, signal.SIGINT)
        return heard(receive), time.monotonic() - start


# Files ---------------------------------------------------------------------------------------


class _Model(BaseModel):
    def __init__(self, value):
        self.params = [np.full((50, 40), value, np.float32), np.full(64, value, np.float64)]
        self.grads = [np.zeros_like(param) for param in self.params]

    def load(self, path):
        self.load_params(path)
        return self.params


def _filled(thing, params, value):
    for param in params:
        param[...] = value
    return thing


def _text_model(value):
    model = TextModel(["a", "b", "<unk>"], size=20)
    return _filled(model, model.model.params, value)


def _translator(value):
    model = CharTranslator(["a", "b"], ["x", "y"], 20)
    return _filled(model, model.params, value)


def _keyed(value):
    words = [f"word{k}" for k in range(200)]
    return KeyedVectors.from_words(words, np.full((200, 20), value, np.float32))


def _word2vec(value):
    model = Word2Vec(vector_size=20, min_count=1)
    model.build_vocab([[f"word{k}" for k in range(200)]])
    _filled(model, [model.wv.vectors, model.syn1neg], value)
    return model


def _tables(path):
    model = Word2Vec.load(path)
    return [model.wv.vectors, model.syn1neg]


def _trainer(value):
    model = SimpleRnnlm(50, 20, 20)
    return Trainer(_filled(model, model.params, value), Adam())


def _resumed(path):
    model = SimpleRnnlm(50, 20, 20)
    Trainer.resume(path, model)
    return model.params


# name -> (file name, save(value, path), load(path) -> arrays full of that value)
SAVERS = {
    "parameters pkl": ("m.pkl", lambda v, p: _Model(v).save_params(p), lambda p: _Model(0).load(p)),
    "parameters npz": ("m.npz", lambda v, p: _Model(v).save_params(p), lambda p: _Model(0).load(p)),
    "text vectors": (
        "v.txt",
        lambda v, p: _keyed(v).save_word2vec_format(p),
        lambda p: [KeyedVectors.load(p).vectors],
    ),
    "binary vectors": (
        "v.bin",
        lambda v, p: _keyed(v).save_word2vec_format(p, binary=True),
        lambda p: [KeyedVectors.load(p).vectors],
    ),
    "packed vectors": (
        "v.gz",
        lambda v, p: _keyed(v).save_word2vec_format(p),
        lambda p: [KeyedVectors.load(p).vectors],
    ),
    "text model": (
        "t.npz",
        lambda v, p: _text_model(v).save(p),
        lambda p: TextModel.load(p).model.params,
    ),
    "translator": (
        "c.npz",
        lambda v, p: _translator(v).save(p),
        lambda p: CharTranslator.load(p).params,
    ),
    "container": (
        "v.fw2v",
        lambda v, p: _keyed(v).save(p),
        lambda p: [KeyedVectors.load(p).vectors],
    ),
    "Word2Vec": ("m.fw2v", lambda v, p: _word2vec(v).save(p), _tables),
    "training": ("t.npz", lambda v, p: _trainer(v).save(p), _resumed),
}


def killed_while_saving(name, folder, rng):
    """Kill a child at a random moment of saving 1, 2, 3, ...; return the value in the file."""
    file_name, save, load = SAVERS[name]
    path = str(Path(folder, file_name))
    save(1, path)

    def run(say):
        say(b"b")
        value = 1
        while True:
            value = value % 7 + 1
            save(value, path)

    with child(run) as (pid, receive):
        assert heard(receive) == b"b"
        time.sleep(rng.random() * 0.02)
        os.kill(pid, signal.SIGKILL)
    arrays = [np.asarray(array) for array in load(path)]
    values = {float(value) for array in arrays for value in np.unique(array)}
    for leftover in Path(folder).glob(".*.tmp"):
        leftover.unlink()
    assert len(values) == 1, values
    return values.pop()
