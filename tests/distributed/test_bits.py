"""The bits of a run depend on text, settings, shards and rounds, and on nothing else."""

import numpy as np
import pytest
from cluster_texts import SETTINGS, crc, sentences, write

from fastw2v import Word2Vec
from fastw2v.distributed import SerialEngine, train
from fastw2v.distributed.coordinator import Coordinator
from fastw2v.distributed.places import Here


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write(tmp_path_factory.mktemp("text") / "text.txt", sentences())


METHODS = {
    "cbow": {},
    "skip-gram": {"sg": 1},
    "hs": {"hs": 1, "negative": 0},
    "both": {"hs": 1, "sg": 1},
    "deterministic": {"deterministic": True, "workers": 2},
    "all losses": {"compute_loss": True, "window": 2, "shrink_windows": False},
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("rounds", [1, 3, 7])
def test_one_shard_has_the_bits_of_word2vec(text, name, rounds):
    settings = SETTINGS | METHODS[name]
    plain = Word2Vec(corpus_file=text, **settings)
    model = train(text, client=SerialEngine(), rounds=2 * rounds, **settings)
    assert crc(model) == crc(plain)
    assert model.epoch_losses == plain.epoch_losses
    assert model.words_trained == plain.words_trained
    for fact in ("corpus_count", "corpus_total_words", "train_count", "progress", "min_count"):
        assert getattr(model, fact) == getattr(plain, fact), fact
    assert (model.wv.expandos["count"] == plain.wv.expandos["count"]).all()
    assert model.get_latest_training_loss() == plain.get_latest_training_loss()


def bits(text, engine, **more):
    return crc(train(text, client=engine, shards=4, rounds=6, **SETTINGS | more))


def test_bits_do_not_depend_on_workers_or_order(text):
    expected = bits(text, SerialEngine(1))
    for places in (1, 2, 3, 4, 9):
        for seed in (None, 1, 2):
            assert bits(text, SerialEngine(places, seed=seed)) == expected, (places, seed)
    assert bits(text, SerialEngine(1), seed=5) != expected


@pytest.mark.parametrize("wire", ["bfloat16", "float32"])
@pytest.mark.parametrize("name", ["skip-gram", "both", "deterministic"])
def test_bits_do_not_depend_on_the_number_of_parts(text, name, wire, monkeypatch):
    found = set()
    for parts in (1, 2, 5):
        monkeypatch.setattr(Coordinator, "_n_parts", lambda self, parts=parts: parts)
        found.add(bits(text, SerialEngine(2, seed=parts), wire=wire, **METHODS[name]))
    assert len(found) == 1


def test_wires_differ_a_little(text):
    vectors = [
        train(text, client=SerialEngine(), shards=3, wire=wire, **SETTINGS).wv.vectors
        for wire in ("bfloat16", "float32")
    ]
    assert 0 < np.abs(vectors[0] - vectors[1]).max() < 0.02 * np.abs(vectors[0]).max()


def test_fifty_shards_and_thirty_epochs_stay_finite(tmp_path):
    # The sum of all changes becomes infinite here.
    text = write(tmp_path / "text.txt", sentences(1500))
    settings = SETTINGS | {"epochs": 30, "sg": 1, "alpha": 0.1}
    model = train(text, client=SerialEngine(1), shards=50, rounds=30, **settings)
    assert np.isfinite(model.wv.vectors).all() and np.abs(model.wv.vectors).max() < 20


def test_workers_of_several_threads_reach_the_same_loss(text):
    one = train(text, client=SerialEngine(2), shards=2, **SETTINGS)
    places = [Here(threads=2), Here(threads=3)]
    several = train(text, client=SerialEngine(places), shards=2, **SETTINGS | {"workers": None})
    assert abs(several.epoch_losses[-1] / one.epoch_losses[-1] - 1) < 0.05


def test_rounds_are_reported_and_can_end_the_run(text):
    told = []
    train(text, client=SerialEngine(2), shards=2, rounds=6, on_round=told.append, **SETTINGS)
    assert [info.round for info in told] == list(range(6)) and told[0].n_rounds == 6
    assert told[-1].loss < told[0].loss
    assert all(info.words > 0 and info.slowest_shard in (0, 1) for info in told)
    for info in told:
        spent = info.train_seconds, info.merge_seconds, info.other_seconds
        assert min(spent) >= 0 and info.seconds == pytest.approx(max(info.seconds, sum(spent)))
        assert info.words_per_second == info.words / info.seconds
    engine = SerialEngine(2)
    stopped = train(
        *(text,), client=engine, shards=2, rounds=6, on_round=lambda i: i.round == 2, **SETTINGS
    )
    assert 0 < stopped.progress < 1 and stopped.epochs_done == 1
    assert all(not place.replicas for place in engine.here.values())
