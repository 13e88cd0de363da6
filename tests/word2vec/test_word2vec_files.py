"""Files of Word2Vec, its steps as functions, and scripts written for gensim."""

import copy
import os
import pickle

import numpy as np
import pytest
from conftest import assert_same_bits
from corpora import FAST, SENTENCES, encoded, planted, same_model

import fastw2v
from fastw2v import KeyedVectors, word2vec
from fastw2v._files import fw2v
from fastw2v.word2vec import (
    Word2Vec,
    count_words,
    encode,
    saving,
    shards,
)

# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [{}, {"hs": 1, "negative": 0}, {"sg": 1, "hs": 1}])
def test_save_and_load(rng, tmp_path, kind):
    sentences = planted(rng, 80)
    model = Word2Vec(sentences, **FAST | {"workers": 1}, **kind, comment="mine")
    model.save(tmp_path / "model")
    for other in (Word2Vec.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        same_model(model, other)
        assert vars(other).keys() == vars(model).keys()
        for name in saving.SETTINGS:
            assert getattr(other, name) == getattr(model, name)
        assert other.epoch_losses == model.epoch_losses
        assert other.corpus_total_words == model.corpus_total_words
        again = copy.deepcopy(model)
        again.train(sentences)
        other.train(sentences)
        same_model(again, other)


def test_a_model_without_vocabulary_and_one_of_integers_are_saved(tmp_path):
    Word2Vec(window=3).save(tmp_path / "empty")
    assert Word2Vec.load(tmp_path / "empty").window == 3
    model = Word2Vec([[1, 2], [2, 3]] * 9, min_count=1)
    model.save(tmp_path / "numbers")
    assert Word2Vec.load(tmp_path / "numbers").wv.index_to_key == model.wv.index_to_key


def test_damaged_models_are_refused(rng, tmp_path):
    path = tmp_path / "model"
    model = Word2Vec(planted(rng, 80), **FAST)
    model.save(path)
    whole = path.read_bytes()
    for content, message in (
        (whole[:-5000], "was cut off"),
        (whole[:10], "ends inside its header"),
        (b"FASTW2V\x03" + whole[8:], "version 3"),
        (b"other" + whole, "expected a file that fastw2v saved, got one that"),
        (whole[:16] + b"x" + whole[17:], "header is damaged"),
        (whole.replace(b'"vector_size": 20', b'"vector_size": 21'), "shapes of the arrays"),
        (whole.replace(b'"Word2Vec"', b'"KeyVectr"'), "got a KeyVectr"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            Word2Vec.load(path)


def test_rows_of_a_model_are_not_sorted_alone(tmp_path):
    model = Word2Vec(SENTENCES, min_count=1, sorted_vocab=0, vector_size=4)
    words = list(model.wv.index_to_key)
    model.save(tmp_path / "model")
    for other in (model, Word2Vec.load(tmp_path / "model"), copy.deepcopy(model)):
        with pytest.raises(RuntimeError, match="train with sorted_vocab=1"):
            other.wv.sort_by_descending_frequency()
        assert other.wv.index_to_key == words
    vectors = KeyedVectors.load(tmp_path / "model")
    vectors.sort_by_descending_frequency()
    assert vectors.index_to_key[0] == "hello" != words[0]
    np.testing.assert_array_equal(vectors["hello"], model.wv["hello"])
    sorted_model = Word2Vec(SENTENCES, min_count=1, vector_size=4)
    sorted_model.wv.sort_by_descending_frequency()  # changes nothing


def test_a_full_disk_leaves_the_old_file(rng, tmp_path, monkeypatch):
    path = tmp_path / "model"
    model = Word2Vec(planted(rng, 80), **FAST)
    model.save(path)
    before = path.read_bytes()
    model.train()

    def full(stream, array, dtype):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fw2v, "write_array", full)
    with pytest.raises(OSError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        model.train(checkpoint=tmp_path / "none" / "model")


# --- the steps as functions ----------------------------------------------------------------------


def test_counts_of_shards_add_up(rng):
    sentences = planted(rng, 90)
    whole = count_words(sentences)
    total = count_words(sentences[:30]) + count_words(sentences[30:])
    assert total.words == whole.words
    assert_same_bits(total.counts, whole.counts)
    assert total.n_sentences == 90


def test_train_ids_trains_the_requested_number_of_words(rng):
    sentences = planted(rng, 90)
    model = Word2Vec(**FAST)
    model.build_vocab(sentences)
    ids = encoded(model, sentences).ids
    touched = np.zeros(30, np.uint32), np.zeros(30, np.uint32)
    before = model.wv.vectors.copy(), model.syn1neg.copy()
    loss, stop = word2vec.train_ids(model, ids, 100, start=13, key=3, touched=touched)
    assert 0 < loss < 1
    assert stop == 13 + 108  # one of 13 positions is the end of a sentence
    words = set(ids[13:stop].tolist())
    moved = set(np.flatnonzero((model.wv.vectors != before[0]).any(axis=1)).tolist())
    assert moved <= words - {-1}
    assert set(np.flatnonzero(touched[0]).tolist()) <= words
    delta = word2vec.weight_delta(model, before, touched)
    assert_same_bits(delta.inputs, model.wv.vectors - before[0])
    other = Word2Vec(**FAST)
    other.build_vocab(sentences)
    word2vec.merge_deltas(other, before, [delta])
    np.testing.assert_allclose(other.wv.vectors, model.wv.vectors, atol=1e-7)
    for bad, error, message in (
        ([0, 30], IndexError, "id 30 at position 1 is out of range for 30 words"),
        ([0, -2], IndexError, "id -2 at position 1 is negative"),
        ([], ValueError, "expected shape"),
        ([[0, 1]], ValueError, "expected shape"),
        ([0.5], TypeError, "expected integer ids"),
    ):
        with pytest.raises(error, match=message):
            word2vec.train_ids(model, bad)
    before = model.wv.vectors.copy()
    for options, error, message in (
        ({"start_alpha": float("nan")}, ValueError, "start_alpha: expected 0 or more, got nan"),
        ({"end_alpha": "0.1"}, TypeError, "end_alpha: expected a number, got str"),
        ({"end_alpha": -0.1}, ValueError, "end_alpha: expected 0 or more, got -0.1"),
        ({"key": -1}, ValueError, "key: expected at least 0, got -1"),
        ({"key": 2**64}, ValueError, "key: expected at most"),
        ({"start": 10**6}, ValueError, f"start: expected at most {len(ids)}, got 1000000"),
        ({"start": -1}, ValueError, "start: expected at least 0"),
        ({"n_words": 0}, ValueError, "n_words: expected at least 1"),
    ):
        with pytest.raises(error, match=message):
            word2vec.train_ids(model, ids, **options)
    assert_same_bits(model.wv.vectors, before)
    with pytest.raises(RuntimeError, match="no vocabulary yet; call build_vocab"):
        word2vec.train_ids(Word2Vec(), ids)
    with pytest.raises(TypeError, match="touched.0.: expected a uint32 array, got int64"):
        word2vec.train_ids(model, ids, touched=(np.zeros(30, np.int64), touched[1]))


@pytest.mark.parametrize("most_at_once", [3, 100, 1 << 20])
def test_a_driver_walks_a_shard_from_stop_to_stop(rng, monkeypatch, most_at_once):
    monkeypatch.setattr(shards, "_MOST_AT_ONCE", most_at_once)
    model = Word2Vec(**FAST)
    sentences = planted(rng, 40)
    model.build_vocab(sentences)
    ids = encoded(model, sentences).ids
    seen, stop = [], 0
    while stop < len(ids):
        begin, (loss, stop) = stop, word2vec.train_ids(model, ids, 77, start=stop)
        assert loss > 0
        seen.append(int((ids[begin:stop] >= 0).sum()))
    assert seen == [77] * 6 + [480 - 6 * 77]
    loss, stop = word2vec.train_ids(model, ids, start=stop)
    assert np.isnan(loss) and stop == len(ids)
    # Ids outside of the trained part are not read.
    ids[:20] = ids[60:] = 10**6
    assert word2vec.train_ids(model, ids, 20, start=20).stop < 60
    with pytest.raises(IndexError, match="id 1000000 at position 60 is out of range"):
        word2vec.train_ids(model, ids, start=20)


def test_damaged_deltas_are_not_merged(rng):
    model = Word2Vec(**FAST)
    model.build_vocab(planted(rng, 90))
    before = model.wv.vectors.copy(), model.syn1neg.copy()
    change, counts = np.ones((30, 20), np.float32), np.ones(30, np.uint32)
    bad = change.copy()
    bad[7, 3] = np.nan
    for delta, message in (
        ((bad, change, counts, counts), r"deltas.1..inputs: expected finite numbers, row 7"),
        ((change, bad, counts, counts), r"deltas.1..outputs: expected finite numbers, row 7"),
    ):
        deltas = [word2vec.WeightDelta(change, change, counts, counts)]
        with pytest.raises(ValueError, match=message):
            word2vec.merge_deltas(model, before, [*deltas, word2vec.WeightDelta(*delta)])
    assert_same_bits(model.wv.vectors, before[0])
    assert_same_bits(model.syn1neg, before[1])


def test_deltas_cover_hierarchical_softmax_and_refuse_other_models(rng, tmp_path):
    sentences = planted(rng, 90)
    model = Word2Vec(**FAST | {"workers": 1}, hs=1, negative=2)
    model.build_vocab(sentences)
    tables = [table.copy() for table in (model.wv.vectors, model.syn1neg, model.syn1)]
    touched = [np.zeros(len(table), np.uint32) for table in tables]
    ids = encoded(model, sentences).ids
    with pytest.raises(ValueError, match="touched: expected 3 arrays for this model, got 2"):
        word2vec.train_ids(model, ids, touched=touched[:2])
    word2vec.train_ids(model, ids, touched=touched)
    for table, before, count in zip(
        (model.wv.vectors, model.syn1neg, model.syn1), tables, touched, strict=True
    ):
        # Exactly the touched rows have changed.
        assert ((table != before).any(axis=1) == (count > 0)).all()
    assert touched[2][-2] == max(touched[2]) > 0  # every path begins at the root
    delta = word2vec.weight_delta(model, tables, touched)
    delta.save(tmp_path / "delta")
    again = word2vec.WeightDelta.load(tmp_path / "delta")
    for name, array in vars(delta).items():
        assert_same_bits(getattr(again, name), array)
    other = Word2Vec(**FAST, hs=1, negative=2)
    other.build_vocab(sentences)
    word2vec.merge_deltas(other, tables, [again])
    np.testing.assert_allclose(other.syn1, model.syn1, atol=1e-7)
    plain = Word2Vec(**FAST)
    plain.build_vocab(sentences)
    bare = word2vec.WeightDelta(delta.inputs, None, touched[0], None)
    with pytest.raises(ValueError, match=r"deltas.0..outputs: expected shape .30, 20., got none"):
        word2vec.merge_deltas(plain, tables, [bare])
    with pytest.raises(ValueError, match=r"before.2.: expected a copy of syn1 .* got none"):
        word2vec.weight_delta(model, tables[:2], touched)
    path = tmp_path / "delta"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="was cut off"):
        word2vec.WeightDelta.load(path)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_merged_changes_add_up_where_they_differ(rng, n):
    model = Word2Vec(**FAST)
    model.build_vocab(planted(rng, 90))
    before = model.wv.vectors.copy(), model.syn1neg.copy()
    changes = [rng.normal(size=(30, 20)).astype(np.float32) for _ in range(n)]
    for change in changes[1:]:
        change[:5] = 0  # rows of one training
        change[5:9] = changes[0][5:9]  # equal changes
    counts = np.full(30, 10**6, np.uint32)  # so many updates that each training has converged
    deltas = [word2vec.WeightDelta(change, change, counts, counts) for change in changes]
    word2vec.merge_deltas(model, before, deltas)
    moved = model.wv.vectors - before[0]
    np.testing.assert_allclose(moved[:9], changes[0][:9], atol=1e-6)
    total = np.sum(changes, axis=0, dtype=np.float64)
    diversity = sum(np.square(c, dtype=float).sum(1) for c in changes) / np.square(total).sum(1)
    np.testing.assert_allclose(moved, total * np.minimum(1, diversity)[:, None], atol=1e-5)
    word2vec.merge_deltas(model, before, deltas[::-1])
    np.testing.assert_allclose(model.wv.vectors - before[0], moved, atol=1e-6)


def test_equal_changes_of_few_updates_add_up(rng):
    model = Word2Vec(**FAST)
    model.build_vocab(planted(rng, 90))
    before = model.wv.vectors.copy(), model.syn1neg.copy()
    change = rng.normal(size=(30, 20)).astype(np.float32)
    shares = []
    for n_updates in (0, 1, 10, 100, 10_000):
        counts = np.full(30, n_updates, np.uint32)
        deltas = [word2vec.WeightDelta(change, change, counts, counts)] * 4
        word2vec.merge_deltas(model, before, deltas, alpha=0.05)
        share = (model.wv.vectors - before[0]) / (4 * change)
        np.testing.assert_allclose(share, share[0, 0], rtol=1e-3)
        shares.append(float(share[0, 0]))
    assert shares == sorted(shares, reverse=True)
    np.testing.assert_allclose([shares[0], shares[-1]], [1, 1 / 4], rtol=1e-3)
    x = 3 * 0.05 * 4 * 10
    np.testing.assert_allclose(shares[2], (1 - np.exp(-x)) / 4 / (1 - np.exp(-x / 4)), rtol=1e-3)
    with pytest.raises(ValueError, match=r"alpha: expected"):
        word2vec.merge_deltas(model, before, deltas, alpha=-1)
    bare = word2vec.WeightDelta(change, change, counts[:3], counts)
    with pytest.raises(ValueError, match=r"deltas.1..touched_inputs: expected shape .30,., got"):
        word2vec.merge_deltas(model, before, [deltas[0], bare])


def test_merging_neither_diverges_for_frequent_rows_nor_stalls_for_rare_ones(rng):
    # Eight trainings start from the same weights and are merged, 20 times. A sum of their changes
    # would be a step eight times too long; a plain mean would slow down the words of one shard.
    sentences = planted(rng, 1600) + [["rare0", "rare1", "rare2"]] * 20
    model = Word2Vec(**FAST | {"workers": 1}, alpha=0.05)
    model.build_vocab(sentences)
    index = count_words(sentences).vocabulary()
    texts = [encode(sentences[i::8], vocabulary=index).ids for i in range(7)]
    texts.append(encode([["rare0", "rare1", "rare2"]] * 20, vocabulary=index).ids)
    V = len(model.wv)
    for turn in range(20):
        before = model.wv.vectors.copy(), model.syn1neg.copy()
        deltas = []
        for shard in texts:
            touched = np.zeros(V, np.uint32), np.zeros(V, np.uint32)
            word2vec.train_ids(model, shard, key=turn, touched=touched)
            deltas.append(word2vec.weight_delta(model, before, touched))
            model.wv.vectors[:], model.syn1neg[:] = before
        word2vec.merge_deltas(model, before, deltas)
    assert np.abs(model.wv.vectors).max() < 10
    assert {word for word, _ in model.wv.most_similar("rare0", topn=2)} == {"rare1", "rare2"}
    assert {word[:2] for word, _ in model.wv.most_similar("t1w1", topn=4)} == {"t1"}


# --- scripts for gensim --------------------------------------------------------------------------

SCRIPT = """
from {module} import Word2Vec
sentences = [["cat", "say", "meow"], ["dog", "say", "woof"]] * 50
model = Word2Vec(sentences=sentences, vector_size=10, window=5, min_count=1, workers=4)
model.save("word2vec.model")
model = Word2Vec.load("word2vec.model")
model.train([["cat", "say", "purr"]], total_examples=1, epochs=1)
vector = model.wv["cat"]
sims = model.wv.most_similar("cat", topn=3)
model = Word2Vec(min_count=1, vector_size=10)
model.build_vocab(sentences)
print(model.corpus_count, model.corpus_total_words, len(model.wv))
result = model.train(sentences, total_examples=model.corpus_count, epochs=model.epochs)
print(result[1], vector.shape, len(sims), "cat" in model.wv, model.wv.key_to_index["say"])
model.build_vocab([["bird", "say", "tweet"]], update=True)
print(model.wv.index_to_key[-2:], len(model.wv), model.vector_size, model.window)
"""


@pytest.mark.parametrize("module", ["fastw2v", "gensim.models"])
def test_a_script_for_gensim_runs_with_the_import_changed(module, tmp_path, monkeypatch, capsys):
    pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    exec(SCRIPT.format(module=module), {})
    assert capsys.readouterr().out == ("100 300 5\n1500 (10,) 3 True 0\n['bird', 'tweet'] 7 10 5\n")


def test_the_constructor_takes_gensims_arguments_in_gensims_order():
    import inspect

    gensim = pytest.importorskip("gensim.models")
    for name in ("__init__", "train", "build_vocab", "build_vocab_from_freq"):
        theirs = inspect.signature(getattr(gensim.Word2Vec, name)).parameters
        ours = inspect.signature(getattr(Word2Vec, name)).parameters
        names = [n for n, p in theirs.items() if p.kind is not p.VAR_KEYWORD]
        assert list(ours)[: len(names)] == names
        for n in names:
            if n not in ("alpha", "workers", "hashfxn", "compute_loss"):
                assert ours[n].default == theirs[n].default, n
        extra = list(ours.values())[len(names) :]
        assert all(p.kind in (p.KEYWORD_ONLY, p.VAR_KEYWORD) for p in extra)


def test_the_class_can_be_imported_from_the_package():
    assert fastw2v.Word2Vec is Word2Vec
    assert "Word2Vec" in dir(fastw2v)
