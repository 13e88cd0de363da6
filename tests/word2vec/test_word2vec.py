"""Word2Vec: training, callbacks, Ctrl-C, checkpoints, and the checks before a training."""

import copy
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import assert_same_bits
from corpora import FAST, SENTENCES, encoded, planted, same_model
from fresh_interpreter import run

from fastw2v import FastText
from fastw2v._files import fw2v
from fastw2v.word2vec import (
    CallbackAny2Vec,
    EncodedCorpus,
    Word2Vec,
    count_words,
    engine,
    train_ids,
)
from fastw2v.word2vec.weights import Loan, kernel_mode


@pytest.fixture
def many_slices(monkeypatch):
    """Make every call of the kernel as short as possible."""
    monkeypatch.setattr(engine, "SLICE_SECONDS", 0.0)


# --- training ------------------------------------------------------------------------------------

KINDS = {
    "cbow": {"alpha": 0.05},
    "cbow_shared": {"alpha": 0.05, "shared_negatives": True},
    "cbow_exact": {"cbow_grad": "exact"},
    "cbow_sum": {"cbow_mean": 0},
    "cbow_hs": {"hs": 1, "negative": 0, "alpha": 0.05},
    "skip_gram": {"sg": 1, "shared_negatives": True},
    "skip_gram_fresh": {"sg": 1, "shared_negatives": False},
    "skip_gram_hs": {"sg": 1, "hs": 1, "negative": 0},
    "skip_gram_both": {"sg": 1, "hs": 1, "negative": 4},
    "deterministic_cbow": {"deterministic": True, "alpha": 0.05},
    "deterministic_skip_gram": {"deterministic": True, "sg": 1},
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_planted_topics_are_found(rng, kind):
    sentences = planted(rng, 1500)
    model = Word2Vec(sentences, **FAST, **kind, epochs=12, compute_loss=True)
    right = total = 0
    for word in model.wv.index_to_key:
        nearest = [other for other, _ in model.wv.most_similar(word, topn=4)]
        right += sum(other[:2] == word[:2] for other in nearest)
        total += 4
    assert right / total > 0.95
    assert len(model.epoch_losses) == 12
    assert model.epoch_losses[-1] < model.epoch_losses[0]
    assert model.held_out_loss(planted(rng, 50)) < model.epoch_losses[0]


def test_every_word_of_the_text_is_trained_on_once_per_epoch_by_any_number_of_workers(rng):
    sentences = planted(rng, 700)
    n = sum(map(len, sentences))
    for workers in (1, 2, 3, 7):
        for deterministic in (False, True):
            model = Word2Vec(min_count=1, sample=0, workers=workers, deterministic=deterministic)
            model.build_vocab(sentences)
            assert model.train(epochs=3) == (3 * n, 3 * n)


def test_subsampling_keeps_the_expected_number_of_words(rng):
    words = np.minimum(rng.zipf(1.3, 200_000), 2000)
    model = Word2Vec(min_count=1, sample=1e-3, workers=2, vector_size=4)
    model.build_vocab(words)
    trained, raw = model.train(epochs=1)
    assert raw == 200_000
    counts = model.wv.expandos["count"]
    share = counts / counts.sum()
    keep = np.minimum(1, np.sqrt(1e-3 / share) + 1e-3 / share)
    expected, variance = (counts * keep).sum(), (counts * keep * (1 - keep)).sum()
    assert abs(trained - expected) < 5 * np.sqrt(variance)


def test_a_sample_of_one_or_more_is_a_count():
    keep, threshold = engine.keep_thresholds(np.array([1000, 10]), 20)
    limit = int(20 * (3 + np.sqrt(5)) / 2)
    np.testing.assert_allclose(keep, [np.sqrt(limit / 1000) + limit / 1000, 1])
    assert threshold.tolist()[1] == 2**32 - 1


def test_initial_vectors_are_small_uniform_draws_of_the_seed():
    model = Word2Vec(min_count=1, vector_size=50, seed=3)
    model.build_vocab([[f"w{n}" for n in range(400)]])
    vectors = model.wv.vectors * 50
    assert abs(vectors.mean()) < 0.01
    assert 0.99 < np.abs(vectors).max() <= 1
    assert not model.syn1neg.any()
    other = Word2Vec(min_count=1, vector_size=50, seed=4)
    other.build_vocab([[f"w{n}" for n in range(400)]])
    assert (model.wv.vectors != other.wv.vectors).mean() > 0.9


def test_one_worker_gives_the_same_bits_without_any_environment(tmp_path):
    code = (
        "from fastw2v import Word2Vec; import zlib\n"
        "text = [[f'w{i * j % 13}' for i in range(1, 30)] for j in range(1, 40)]\n"
        "print(zlib.crc32(Word2Vec(text, min_count=1, workers=1).wv.vectors.tobytes()))"
    )
    found = {run(code, PYTHONHASHSEED=seed).stdout for seed in ("1", "2")}
    assert len(found) == 1
    assert found.pop().strip().isdigit()


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"shared_negatives": True},
        {"shared_negatives": True, "negative": 9},
        {"sg": 1},
        {"sg": 1, "shared_negatives": True},
        {"sg": 1, "shared_negatives": False, "vector_size": 48},
        {"hs": 1, "negative": 2},
        {"vector_size": 300, "sg": 1, "shared_negatives": True, "compute_loss": True},
        {"vector_size": 3},
    ],
)
def test_deterministic_gives_the_same_bits_for_any_number_of_workers(rng, kind):
    sentences = planted(rng, 300)
    models = [
        Word2Vec(sentences, **FAST | kind | {"workers": n}, deterministic=True, epochs=2)
        for n in (1, 2, 3, 7)
    ]
    for model in models[1:]:
        same_model(model, models[0])
        assert model.epoch_losses == models[0].epoch_losses


@pytest.mark.parametrize("kind", [{"shared_negatives": True}, {"sg": 1}])
def test_threads_share_the_columns_of_a_long_text(rng, kind):
    """One call of the kernel has enough work for every thread to get a share."""
    corpus = planted(rng, 4000)
    found = []
    for n in (1, 2, 4, 2):
        model = Word2Vec(min_count=1, sample=0, vector_size=260, **kind, deterministic=True)
        model.build_vocab(corpus)
        ids = encoded(model, corpus).ids
        n_blocks = -(-len(ids) // 64)
        with Loan(model) as weights:
            stats = weights.train(ids, 0, n_blocks, 64, 7, 0.05, 0.0, 1, n)
        found.append((model.wv.vectors, model.syn1neg, stats))
    for other in found[1:]:
        for mine, first in zip(other, found[0], strict=True):
            np.testing.assert_array_equal(mine, first)
    assert found[0][2][:, 3].sum() == sum(map(len, corpus))


@pytest.mark.parametrize("options", [{"sg": 1, "shared_negatives": True}, {"cbow_mean": 0}])
def test_one_batch_of_one_word_is_ordinary_training(rng, options):
    """Batches of one centre give the order of steps of one thread without `deterministic`.

    In the means of CBOW the contexts of several centres stand still.
    """
    sentences = planted(rng, 60)
    models = []
    for deterministic in (False, True):
        model = Word2Vec(
            min_count=1, vector_size=20, seed=2, deterministic=deterministic, **options
        )
        model.build_vocab(sentences)
        with Loan(model) as weights:
            weights.batch = int(deterministic)
            weights.train(encoded(model, sentences).ids, 0, 9, 64, 3, 0.1, 0.0, 1, 1)
        models.append(model)
    np.testing.assert_allclose(models[0].wv.vectors, models[1].wv.vectors, rtol=1e-5, atol=1e-7)


def test_losses_are_means_per_pair(rng):
    sentences = planted(rng, 400)
    whole = Word2Vec(sentences, **FAST | {"workers": 1}, epochs=3, compute_loss=True)
    some = Word2Vec(sentences, **FAST | {"workers": 1}, epochs=3)
    same_model(whole, some)
    np.testing.assert_allclose(some.epoch_losses, whole.epoch_losses, rtol=0.2)
    # Output weights of zero give every label the probability one half.
    fresh = Word2Vec(**FAST)
    fresh.build_vocab(sentences)
    assert fresh.held_out_loss(sentences) == pytest.approx(np.log(2))
    assert whole.get_latest_training_loss() > 1000
    assert some.get_latest_training_loss() == 0
    with pytest.raises(ValueError, match="two words of the vocabulary in one sentence"):
        whole.held_out_loss([["t0w0"], ["unknown"]])


def test_held_out_loss_leaves_the_weights_unchanged(rng):
    model = Word2Vec(planted(rng), **FAST)
    before = model.wv.vectors.copy(), model.syn1neg.copy()
    losses = {model.held_out_loss(planted(rng, 20), seed=5) for _ in range(1)}
    assert_same_bits(model.wv.vectors, before[0])
    assert_same_bits(model.syn1neg, before[1])
    assert losses.pop() > 0


def test_callbacks_may_use_the_model(rng, tmp_path, many_slices):
    sentences = planted(rng, 200)

    class Asks(CallbackAny2Vec):
        def __init__(self):
            self.losses = []

        def on_interval(self, model):
            model.wv.most_similar("t0w0", topn=2)
            model.predict_output_word(["t0w0"])
            copy.deepcopy(model)
            model.save(tmp_path / "model")
            self.losses.append(model.held_out_loss(sentences[:9]))

    asks = Asks()
    settings = FAST | {"workers": 1}
    whole = Word2Vec(sentences, **settings)
    asked = Word2Vec(sentences, **settings, callbacks=[asks], interval=1000)
    same_model(asked, whole)
    assert len(asks.losses) > 5
    assert asks.losses[-1] < asks.losses[0]


def test_diverged_training_raises(rng):
    with pytest.raises(FloatingPointError, match="with a smaller alpha"):
        Word2Vec(planted(rng), **FAST, alpha=1e30)


@pytest.mark.parametrize("kind", [Word2Vec, FastText])
@pytest.mark.parametrize("output", [{}, {"hs": 1, "negative": 0}], ids=["negatives", "tree"])
@pytest.mark.parametrize("sg", [0, 1])
def test_a_short_text_whose_loss_has_no_sample_diverges_with_an_error(kind, output, sg):
    text = [["night", "nights", "moon"], ["day", "days", "sun"]] * 50
    settings = {"vector_size": 8, "min_count": 1, "epochs": 20, "sg": sg, **output}
    if kind is FastText:
        settings["bucket"] = 100
    assert np.isnan(kind(text, **settings).epoch_losses).all()
    model = kind(**settings, alpha=1e6)
    model.build_vocab(text)
    with pytest.raises(FloatingPointError, match="diverged; .* a smaller alpha"):
        model.train()
    assert not np.isfinite(model.syn1 if output else model.syn1neg).all()


def test_tables_are_contiguous_and_have_the_requested_dimension(rng):
    for size in (5, 16, 100):
        model = Word2Vec(planted(rng, 20), min_count=1, vector_size=size, hs=1, workers=1)
        for table in (model.wv.vectors, model.syn1neg, model.syn1):
            assert table.flags.c_contiguous and table.shape[1] == size
            assert np.isfinite(table).all()


def test_huffman_codes_are_a_prefix_code_and_short_for_frequent_words(rng):
    counts = np.sort(rng.zipf(1.5, 300))[::-1]
    ways = engine.huffman(counts)
    codes = [ways.codes[a:b].tobytes() for a, b in zip(ways.begins, ways.begins[1:], strict=False)]
    assert len(set(codes)) == 300
    assert sum(0.5 ** len(code) for code in codes) == 1
    assert not any(b.startswith(a) for a in codes for b in codes if a is not b)
    lengths = np.diff(ways.begins)
    entropy = -(counts / counts.sum() * np.log2(counts / counts.sum())).sum()
    assert entropy <= (counts * lengths).sum() / counts.sum() < entropy + 1
    roots = ways.points[ways.begins[:-1]]
    assert set(roots.tolist()) == {298}
    assert set(ways.points.tolist()) == set(range(299))
    # Every path to a node has the same turns.
    reached = {}
    for v in range(300):
        way = slice(ways.begins[v], ways.begins[v + 1])
        for depth, point in enumerate(ways.points[way].tolist()):
            prefix = ways.codes[way][:depth].tobytes()
            assert reached.setdefault(point, prefix) == prefix


def test_predict_output_word(rng):
    model = Word2Vec(planted(rng, 1500), **FAST, epochs=10, alpha=0.05)
    found = model.predict_output_word(["t0w1", "t0w2", "unknown"], topn=5)
    assert {word[:2] for word, _ in found} == {"t0"}
    assert sum(share for _, share in model.predict_output_word(["t0w1"], 30)) == pytest.approx(1)
    assert model.predict_output_word(["unknown"]) is None
    with pytest.raises(RuntimeError, match="negative sampling"):
        Word2Vec(SENTENCES, min_count=1, hs=1, negative=0).predict_output_word(["you"])


def test_training_on_an_encoded_corpus_is_training_on_its_sentences(rng):
    sentences = planted(rng, 80)
    settings = FAST | {"workers": 1, "sg": 1}
    whole = Word2Vec(sentences, **settings)
    counts = count_words(sentences)
    model = Word2Vec(**settings)
    model.build_vocab_from_freq(dict(zip(counts.words, counts.counts.tolist(), strict=True)))
    corpus = encoded(model, sentences)
    assert model.train(corpus) == (5 * 80 * 12, 5 * 80 * 12)
    same_model(model, whole)
    assert model.held_out_loss(corpus) == model.held_out_loss(sentences)
    wide = EncodedCorpus(corpus.ids.astype(np.int64), corpus.n_words, corpus.n_raw_words, 80)
    assert model.held_out_loss(wide) == model.held_out_loss(sentences)


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([0, 1, 30], IndexError, "sentences.ids: id 30 at position 2 is out of range for 30 words"),
        ([0, -2, 1], IndexError, "sentences.ids: id -2 at position 1 is negative"),
        ([0.0, 1.0], TypeError, "sentences.ids: expected integer ids"),
        ([[0, 1]], ValueError, "sentences.ids: expected shape"),
    ],
)
def test_an_encoded_corpus_of_another_vocabulary_is_refused(rng, ids, error, message):
    model = Word2Vec(planted(rng, 80), **FAST)
    before = model.wv.vectors.copy(), model.epoch_losses
    corpus = EncodedCorpus(np.array(ids), 2, 2, 1)
    with pytest.raises(error, match=message):
        model.train(corpus)
    with pytest.raises(TypeError, match="expected one of them, got both"):
        model.train(corpus, corpus_file="text.txt")
    assert_same_bits(model.wv.vectors, before[0])
    assert model.epoch_losses == before[1]


# --- callbacks, stopping, resuming ---------------------------------------------------------------


class Log(CallbackAny2Vec):
    def __init__(self, stop_at=None):
        self.calls, self.stop_at = [], stop_at

    def note(self, name):
        self.calls.append(name)
        return self.stop_at == len(self.calls)

    def on_train_begin(self, model):
        return self.note("begin")

    def on_train_end(self, model):
        return self.note("end")

    def on_epoch_begin(self, model):
        return self.note("epoch")

    def on_epoch_end(self, model):
        assert model.wv.most_similar(model.wv.index_to_key[0])  # usable during a training
        return self.note("epoch end")

    def on_interval(self, model):
        return self.note("interval")


def test_callbacks_are_called_in_order():
    log = Log()
    Word2Vec(SENTENCES, min_count=1, epochs=2, callbacks=[log], workers=1)
    assert log.calls == ["begin", *["epoch", "epoch end"] * 2, "end"]


@pytest.mark.parametrize("n", range(1, 7))
def test_every_call_may_stop_the_training(n):
    names = ["begin", *["epoch", "epoch end"] * 2, "end"]
    log = Log(stop_at=n)
    model = Word2Vec(SENTENCES, min_count=1, epochs=2, callbacks=[log], workers=1)
    assert log.calls == [*names[:n], "end"][:6]
    assert model.epochs_done == names[:n].count("epoch end")


def test_callbacks_of_gensim_are_called(rng):
    gensim = pytest.importorskip("gensim.models.callbacks")

    class Losses(gensim.CallbackAny2Vec):
        seen = ()

        def on_epoch_end(self, model):
            self.seen = (*self.seen, model.get_latest_training_loss())

    losses = Losses()
    Word2Vec(planted(rng, 50), min_count=1, callbacks=[losses], compute_loss=True, epochs=3)
    assert len(losses.seen) == 3
    assert 0 < losses.seen[0] < losses.seen[1] < losses.seen[2]


def test_a_training_stopped_by_a_callback_continues_bit_identically(rng):
    sentences = planted(rng, 100)
    whole = Word2Vec(sentences, **FAST | {"workers": 1}, epochs=5)
    stopped = Word2Vec(sentences, **FAST | {"workers": 1}, epochs=5, callbacks=Log(stop_at=5))
    assert stopped.epochs_done == 2
    stopped.train()
    assert stopped.epochs_done == 5
    same_model(stopped, whole)
    assert stopped.epoch_losses == whole.epoch_losses


def test_on_interval_is_called_after_the_requested_number_of_words(rng, many_slices):
    sentences = planted(rng, 2000)
    n = sum(map(len, sentences))
    log = Log()
    model = Word2Vec(**FAST)
    model.build_vocab(sentences)
    model.train(epochs=2, callbacks=[log], interval=n // 5)
    assert 8 <= log.calls.count("interval") <= 11
    stopping = Log(stop_at=4)
    model.train(epochs=2, callbacks=[stopping], interval=n // 5)
    assert stopping.calls == ["begin", "epoch", "interval", "interval", "end"]


def test_two_halves_of_a_training_count_as_many_words_as_the_whole(rng, many_slices):
    sentences = planted(rng, 500)
    settings = FAST | {"workers": 1, "sample": 1e-2}
    whole, model = Word2Vec(**settings), Word2Vec(**settings)
    assert model.progress == model.words_trained == 0
    whole.build_vocab(sentences)
    model.build_vocab(sentences)
    total = whole.train()
    first = model.train(callbacks=[Log(stop_at=6)], interval=1000)
    assert 0 < model.progress < 1
    assert model.epochs_done == 0  # the stop is inside of an epoch
    assert model.words_trained == first[0]
    second = model.train()
    assert np.add(first, second).tolist() == pytest.approx(total, abs=1)
    assert first[0] + second[0] == total[0] == model.words_trained
    assert model.progress == 1


def test_a_training_stopped_by_an_exception_continues_bit_identically(rng, many_slices):
    class Fails(CallbackAny2Vec):
        def on_interval(self, model):
            raise RuntimeError("mine")

    sentences = planted(rng, 500)
    whole = Word2Vec(sentences, **FAST | {"workers": 1}, epochs=2)
    model = Word2Vec(**FAST | {"workers": 1}, epochs=2)
    model.build_vocab(sentences)
    with pytest.raises(RuntimeError, match="mine"):
        model.train(callbacks=[Fails()], interval=1000)
    assert model.wv.vectors.flags.c_contiguous
    model.train()
    same_model(model, whole)


def test_ctrl_c_keeps_the_training_so_far(rng):
    sentences = planted(rng, 3000)
    settings = FAST | {"workers": 1, "vector_size": 100, "sg": 1}
    model = Word2Vec(**settings, epochs=40)
    model.build_vocab(sentences)
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.train()
    timer.join()
    done = model.progress
    assert 0 < done < 1
    assert np.isfinite(model.wv.vectors).all()

    class StopWhereTheOtherDid(CallbackAny2Vec):
        def on_interval(self, model):
            return model.progress >= done

        on_epoch_end = on_interval

    short = Word2Vec(**settings, epochs=40)
    short.build_vocab(sentences)
    short.train(callbacks=[StopWhereTheOtherDid()], interval=1)
    assert short.progress == done
    same_model(model, short)


@pytest.mark.parametrize("kind", [Word2Vec, FastText])
def test_ctrl_c_in_the_constructor_keeps_the_model(rng, kind):
    def interrupt(model):
        os.kill(os.getpid(), signal.SIGINT)

    log = Log()
    log.on_epoch_end = interrupt
    with pytest.warns(
        RuntimeWarning, match=r"stopped by Ctrl-C in epoch 2 of 9.*model.train"
    ) as seen:
        model = kind(planted(rng, 50), **FAST, epochs=9, callbacks=[log])
    assert [warning.filename for warning in seen] == [__file__]
    assert model.epochs_done == 1
    model.train()
    assert model.epochs_done == 9


def test_the_bar_shows_words_per_second_and_loss(rng, capsys):
    model = Word2Vec(planted(rng, 2000), **FAST, epochs=3, progress=True)
    shown = capsys.readouterr().err
    assert "word/s" in shown
    assert shown.splitlines()[-1].startswith("epoch 3/3: 100%")
    assert f"loss {model.epoch_losses[-1]:.4f}" in shown
    assert model.epochs_done == 3


@pytest.mark.parametrize("kind", [{"workers": 1}, {"workers": 2, "deterministic": True, "sg": 1}])
def test_resume_gives_the_bits_of_an_uninterrupted_training(rng, tmp_path, many_slices, kind):
    sentences = planted(rng, 800)
    path = tmp_path / "run.fw2v"
    settings = FAST | kind
    whole = Word2Vec(sentences, **settings, epochs=3)
    for stop_at in rng.integers(2, 60, 4).tolist():
        model = Word2Vec(**settings, epochs=3)
        model.build_vocab(sentences)
        model.train(checkpoint=path, every=0, callbacks=[Log(stop_at)], interval=300)
        resumed = Word2Vec.resume(path)
        same_model(resumed, whole)
        assert resumed.epoch_losses == whole.epoch_losses
        assert resumed.epochs_done == 3


KILLED = """
import sys, time
from fastw2v import Word2Vec
from fastw2v.word2vec import engine
engine.SLICE_SECONDS = 0.0
text = [[f"w{i * j % 101}" for i in range(1, 40)] for j in range(1, 60)]
class Slow:
    def on_interval(self, model):
        time.sleep(0.002)
Word2Vec(text, min_count=1, workers=1, epochs=400, seed=5, vector_size=20,
         checkpoint=sys.argv[1], every=0, callbacks=[Slow()], interval=10)
"""


def test_resume_after_a_kill_at_a_random_moment(tmp_path, rng):
    path = tmp_path / "run.fw2v"
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], cwd=tmp_path)
    end = time.monotonic() + 60
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(float(rng.uniform(0, 0.5)))
    child.kill()
    child.wait(60)
    before = Word2Vec.load(path)
    assert before.progress < 1
    resumed = Word2Vec.resume(path)
    text = [[f"w{i * j % 101}" for i in range(1, 40)] for j in range(1, 60)]
    whole = Word2Vec(text, min_count=1, workers=1, epochs=400, seed=5, vector_size=20)
    same_model(resumed, whole)


def test_resume_names_what_is_missing(rng, tmp_path):
    path = tmp_path / "run.fw2v"
    model = Word2Vec(**FAST)
    model.build_vocab(planted(rng, 60))
    model.save(path)
    with pytest.raises(ValueError, match="got a model saved outside training; use load"):
        Word2Vec.resume(path)
    model.train(checkpoint=path, every=0, callbacks=[Log(3)])
    ids = tmp_path / "run.fw2v.ids"
    whole = ids.read_bytes()
    ids.write_bytes(whole[:-40])
    with pytest.raises(ValueError, match="was cut off"):
        Word2Vec.resume(path)
    ids.unlink()
    with pytest.raises(FileNotFoundError, match="needs the ids"):
        Word2Vec.resume(path)


class Dies(CallbackAny2Vec):
    def on_train_begin(self, model):
        raise RuntimeError("mine")


def test_a_checkpoint_is_never_paired_with_the_ids_of_another_text(rng, tmp_path):
    path, ids = tmp_path / "run.fw2v", tmp_path / "run.fw2v.ids"
    text, other = planted(rng, 60), planted(rng, 60)
    settings = FAST | {"workers": 1}
    model = Word2Vec(**settings)
    model.build_vocab(text)
    model.train(checkpoint=path, callbacks=[Log(3)])
    first = ids.read_bytes()
    # Dies before its first slice, and long before `every` seconds have passed.
    with pytest.raises(RuntimeError, match="mine"):
        Word2Vec(other, **settings, checkpoint=path, callbacks=[Dies()])
    same_model(Word2Vec.resume(path), Word2Vec(other, **settings))
    model = Word2Vec(**settings)
    model.build_vocab(other)
    model.train(checkpoint=path, callbacks=[Log(3)])
    second = ids.read_bytes()
    assert len(first) == len(second)
    changed = bytearray(second)
    changed[-40] ^= 1
    for content in (first, bytes(changed)):
        ids.write_bytes(content)
        with pytest.raises(ValueError, match="does not belong to the checkpoint .they are of anot"):
            Word2Vec.resume(path)
    ids.unlink()
    Word2Vec.load(path).train(other)
    ids.write_bytes(second)
    same_model(Word2Vec.resume(path), Word2Vec(other, **settings))


def test_each_training_draws_other_random_numbers(rng):
    sentences = planted(rng, 60)
    model = Word2Vec(sentences, **FAST | {"workers": 1})
    other = copy.deepcopy(model)
    model.train(sentences, epochs=2)
    other.train(sentences, epochs=2)
    same_model(model, other)
    assert model.train_count == 2


# --- updating the vocabulary ---------------------------------------------------------------------


def test_update_appends_new_words(rng):
    model = Word2Vec(planted(rng, 200), **FAST, hs=1)
    old_words, old = list(model.wv.index_to_key), model.wv.vectors.copy()
    model.build_vocab([["new", "t0w0", "newer"]] * 9, update=True)
    assert model.wv.index_to_key == [*old_words, "new", "newer"]
    assert_same_bits(model.wv.vectors[: len(old)], old)
    assert model.syn1neg.shape == (len(old) + 2, 20)
    assert model.wv.get_vecattr("new", "count") == 9
    model.train()
    assert np.isfinite(model.wv["new"]).all()
    before = model.wv.vectors.copy()
    model.build_vocab([["t0w0", "t0w1"]] * 9, update=True)
    assert_same_bits(model.wv.vectors, before)


def test_an_update_may_add_no_word(rng):
    model = Word2Vec(planted(rng, 80), **FAST)
    words, vectors = list(model.wv.index_to_key), model.wv.vectors.copy()
    text = [["new", "t0w0"]] * 9
    model.build_vocab(text, update=True, trim_rule=lambda word, count, least: 1)
    model.min_count = 10
    model.build_vocab(text, update=True)
    assert model.wv.index_to_key == words
    assert_same_bits(model.wv.vectors, vectors)


def test_vocabulary_limits_include_known_words():
    model = Word2Vec(min_count=1, max_final_vocab=3, vector_size=4)
    model.build_vocab([["a", "b"]] * 2)
    model.build_vocab([["c", "d", "d"]] * 2, update=True)
    assert model.wv.index_to_key == ["a", "b", "d"]
    model.build_vocab([["e", "a"]] * 9, update=True)
    assert model.wv.index_to_key == ["a", "b", "d"]
    assert model.wv.get_vecattr("a", "count") == 11


# --- sizes that the kernel relies on -------------------------------------------------------------


def test_tables_of_other_sizes_are_refused_before_training(rng):
    sentences = planted(rng, 80)
    changes = {
        "wv.vectors|syn1neg": lambda m: m.wv.add_vectors(["new"], np.zeros((1, 20))),
        "syn1neg": lambda m: setattr(m, "syn1neg", m.syn1neg[:2]),
        "syn1: ": lambda m: setattr(m, "hs", 1),
        "negative: expected 1 or more where hs is 0": lambda m: setattr(m, "negative", 0),
        "window": lambda m: setattr(m, "window", -5),
        "negative": lambda m: setattr(m, "negative", -1),
    }
    for message, change in changes.items():
        model = Word2Vec(sentences, **FAST)
        change(model)
        before = model.wv.vectors.copy()
        with pytest.raises(ValueError, match=message):
            model.train(sentences, epochs=1)
        with pytest.raises(ValueError, match=message):
            train_ids(model, [0, 1, -1])
        assert_same_bits(model.wv.vectors, before)


@pytest.mark.parametrize("options", [{"sg": 1}, {"deterministic": True}, {}])
def test_a_window_may_cover_a_whole_sentence(rng, options):
    """A huge window acts like the longest sentence, and takes no more memory.

    deterministic=True compares two huge windows, because its batches depend on the window.
    """
    sentences = [rng.permutation(30).tolist() for _ in range(30)]
    models = [
        Word2Vec(
            sentences, window=window, min_count=1, vector_size=8, workers=1, epochs=1,
            shrink_windows=False, **options,
        )
        for window in (2**30 if "deterministic" in options else 29, 2**31 - 1)
    ]  # fmt: skip
    assert_same_bits(models[0].wv.vectors, models[1].wv.vectors)


SCHEDULES = {
    "next_block": [-1, 1 << 40, 1.5, "1"],
    "block": [0, -256, None],
    "epoch": [-5, 99, 0.5],
    "epochs": [-1, "x"],
    "losses": [5, ["x"]],
    "start_alpha": ["x", float("inf"), None],
    "sums": [{"loss": -1, "loss_pairs": 0, "pairs": 0, "words": 0}, 7],
    "n": [-1],
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_damaged_schedules_of_files_are_refused(rng, tmp_path, name):
    path = tmp_path / "checkpoint"
    model = Word2Vec(planted(rng, 80), **FAST)
    model.save(path)
    content = fw2v.read(path, "Word2Vec", None)
    for value in SCHEDULES[name]:
        facts = content.facts | {"schedule": content.facts["schedule"] | {name: value}}
        fw2v.write(path, "Word2Vec", facts, content.arrays)
        with pytest.raises(ValueError, match="the model is damaged"):
            Word2Vec.load(path)


def test_two_threads_learn_as_much_as_one(rng):
    """The vocabulary is large enough that each thread trains copies of its frequent rows."""
    n = 200_000
    ids = np.minimum(rng.zipf(1.2, n), 5000) - 1
    topic = rng.integers(0, 2, n // 20)  # words of one sentence are all even or all odd
    ids = (ids // 2 * 2 + np.repeat(topic, 20)).reshape(-1, 20)
    sentences = [row.tolist() for row in np.concatenate([ids, np.arange(5000).reshape(-1, 20)])]
    losses = []
    for workers in (1, 2):
        model = Word2Vec(
            sentences, min_count=1, vector_size=16, sample=0, workers=workers, epochs=2
        )
        assert len(engine.near_shares(model.wv.expandos["count"], 0)) > 50
        losses.append(model.epoch_losses[-1])
    assert losses[1] == pytest.approx(losses[0], rel=0.03)


def test_long_texts_share_negatives_by_default(rng, tmp_path):
    def shared(model):
        mode = kernel_mode(model)
        return bool(mode & engine.SHARED_NEGATIVES), bool(mode & engine.FRESH_NEGATIVES)

    words = [f"w{n}" for n in range(2_000)]
    model = Word2Vec([words], **FAST | {"min_count": 1})
    found = {}
    for n_words in (499_999, 500_000):
        for sg in (0, 1):
            for choice in (None, True, False):
                model.corpus_total_words, model.sg, model.shared_negatives = n_words, sg, choice
                found[n_words, sg, choice] = shared(model)
    assert [key for key, (four, _) in found.items() if four] == [
        (499_999, 0, True), (500_000, 0, None), (500_000, 0, True)
    ]  # fmt: skip
    assert [key for key, (_, each) in found.items() if each] == [
        (499_999, 1, None), (499_999, 1, False), (500_000, 1, False)
    ]  # fmt: skip
    model.deterministic, model.sg, model.shared_negatives = True, 0, True
    assert shared(model) == (True, False)
    small = Word2Vec([words[1:]], **FAST | {"min_count": 1})
    small.corpus_total_words = 10**9
    assert shared(small) == (False, bool(small.sg))
    rare = Word2Vec([[f"w{n}" for n in range(20_001)]], **FAST | {"min_count": 1})
    rare.corpus_total_words = 25 * 20_001 - 1
    for rare.sg, expected in ((0, (True, False)), (1, (False, True))):
        assert shared(rare) == expected
    rare.corpus_total_words += 1
    assert shared(rare) == (False, False)
    model.save(tmp_path / "model")
    assert Word2Vec.load(tmp_path / "model").shared_negatives is True
