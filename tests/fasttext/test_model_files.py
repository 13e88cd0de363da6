"""Whole models: fastText's files and gensim's open, train on and are written."""

import json

import numpy as np
import pytest
from fasttext_models import built
from places import DATA

from fastw2v import FastText, FastTextKeyedVectors, KeyedVectors, Word2Vec
from fastw2v._files import fasttext_bin
from fastw2v.fasttext import (
    NgramRows,
    load_facebook_model,
    load_facebook_vectors,
    save_facebook_model,
)
from fastw2v.word2vec import engine

FOLDER, GENSIM = DATA / "fasttext", DATA / "gensim_fasttext"
TEXT = [["sun", "moon", "star"], ["dog", "cat", "cow", "sun"]] * 30
SMALL = {"vector_size": 6, "min_count": 1, "workers": 1, "epochs": 2, "bucket": 60}


def trained(**options):
    return FastText(TEXT, **SMALL | {"max_n": 4} | options)


# ---- models of fastText


@pytest.mark.parametrize("mmap", ["c", None])
@pytest.mark.parametrize("name", ["skipgram", "cbow", "words", "long"])
def test_models_of_fasttext_train_on(name, mmap):
    path = FOLDER / f"{name}.bin"
    model, found = FastText.load(path, mmap), fasttext_bin.read(path)
    arguments = found.arguments
    assert (model.sg, model.hs, model.negative) == (arguments["model"] - 1, 0, 5)
    assert (model.window, model.epochs, model.min_count, model.sample) == (5, 2, 1, 1e-4)
    assert (model.ns_exponent, model.alpha) == (0.5, 0.025 if model.sg else 0.05)
    assert model.wv.line_end == "</s>"
    assert model.corpus_total_words == found.n_tokens
    np.testing.assert_array_equal(model.syn1neg, found.outputs)
    same = FastTextKeyedVectors.load(path)
    np.testing.assert_array_equal(model.wv["sun"], same["sun"])
    before = model.syn1neg.copy(), model.wv["sun"]
    model.sample = 0
    model.train(TEXT, total_examples=len(TEXT), epochs=1)
    assert (model.syn1neg != before[0]).any()
    assert (model.wv["sun"] != before[1]).any()
    np.testing.assert_array_equal(same["sun"], FastTextKeyedVectors.load(path)["sun"])
    model.build_vocab([["newcomer"] * 5], update=True)
    assert "newcomer" in model.wv.key_to_index


def test_a_hierarchy_of_fasttext_has_the_other_sign(tmp_path):
    path = FOLDER / "softmax.bin"  # of hierarchical softmax
    model = load_facebook_model(path)
    assert (model.hs, model.negative, model.syn1neg) == (1, 0, None)
    np.testing.assert_array_equal(-model.syn1, fasttext_bin.read(path).outputs)
    save_facebook_model(model, tmp_path / "m.bin")
    assert (tmp_path / "m.bin").read_bytes() == path.read_bytes()


def test_a_tree_takes_inner_nodes_first_as_fasttext_does():
    # The last two leaves make a node of weight 2. With the next leaf it makes a node, before the
    # first leaf, which has weight 2, too.
    tree = engine.huffman(np.array([2, 1, 1, 1]), as_fasttext=True)
    paths = np.split(tree.points, tree.begins[1:-1])
    codes = np.split(tree.codes, tree.begins[1:-1])
    assert [path.tolist() for path in paths] == [[2], [2, 1], [2, 1, 0], [2, 1, 0]]
    assert [code.tolist() for code in codes] == [[0], [1, 0], [1, 1, 1], [1, 1, 0]]


@pytest.mark.parametrize("name", ["skipgram", "cbow", "words", "long"])
def test_a_model_that_was_read_is_written_alike(tmp_path, name):
    model = FastText.load(FOLDER / f"{name}.bin")
    model.save_fasttext_format(tmp_path / "m.bin")
    before, after = ((fasttext_bin.read(f)) for f in (FOLDER / f"{name}.bin", tmp_path / "m.bin"))
    known = {"minn": before.arguments["minn"]} if name == "words" else {}
    assert after.arguments | known == before.arguments | known
    assert (after.words, after.n_tokens) == (before.words, before.n_tokens)
    for part in ("counts", "own", "ngrams", "outputs"):
        np.testing.assert_array_equal(getattr(after, part), getattr(before, part))


@pytest.mark.parametrize("options", [{}, {"sg": 1}, {"hs": 1, "negative": 0}, {"max_n": 0}])
def test_own_models_come_back_and_train_on(tmp_path, options):
    model = trained(**options)
    path = tmp_path / "m.bin"
    model.save_fasttext_format(path, lr_update_rate=7)
    again = FastText.load(path)
    for word in (*model.wv.index_to_key, *(["suns"] if model.wv.bucket else [])):
        np.testing.assert_array_equal(again.wv[word], model.wv[word])
    for name in ("syn1neg", "syn1"):
        ours, theirs = getattr(again, name), getattr(model, name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_array_equal(ours[: len(theirs)], theirs)
    assert fasttext_bin.read(path).arguments["lrUpdateRate"] == 7
    again.train(TEXT, total_examples=len(TEXT), epochs=1)
    fasttext = pytest.importorskip("gensim.models.fasttext")
    theirs = fasttext.load_facebook_model(str(path))
    np.testing.assert_allclose(theirs.wv["sun"], model.wv["sun"], rtol=1e-4, atol=1e-6)
    if not model.hs:
        np.testing.assert_array_equal(theirs.syn1neg, model.syn1neg)


def test_pruned_models_train_on_in_the_rows_that_are_left(tmp_path):
    data, _ = built(["sun", "moon", "star"], pruned=3, pairs=[(0, 0), (3, 1), (6, 2)])
    (tmp_path / "m.bin").write_bytes(data)
    model = FastText.load(tmp_path / "m.bin")
    before = model.wv.vectors_ngrams.copy()
    model.sample = 0
    model.train(TEXT, total_examples=len(TEXT), epochs=2)
    assert model.wv.vectors_ngrams.shape == (3, 3)
    assert (model.wv.vectors_ngrams != before).any()
    for name in ("m.fw2v", "n.bin"):
        (model.save if name == "m.fw2v" else model.save_fasttext_format)(tmp_path / name)
        again = FastText.load(tmp_path / name)
        np.testing.assert_array_equal(again.wv["unseen"], model.wv["unseen"])
        assert again.wv.kept_buckets.tolist() == [0, 3, 6]


# ---- refusals


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"model": 3, "loss": 3}, "supervised model"),
        ({"quantised": 1}, "quantised model"),
        ({"loss": 3}, "loss ns or hs, got softmax"),
        ({"loss": 4}, "loss ns or hs, got ova"),
    ],
)
def test_models_that_cannot_be_trained_are_refused_by_name(tmp_path, change, text):
    path = tmp_path / "m.bin"
    path.write_bytes(built(["a", "b"], **change)[0])
    with pytest.raises(ValueError, match=text) as caught:
        load_facebook_model(path)
    assert str(path) in str(caught.value)
    if "loss" in change and "model" not in change:
        assert len(load_facebook_vectors(path)) == 2


def test_other_files_are_refused_by_gensims_names(tmp_path):
    trained().save(tmp_path / "m.fw2v")
    (tmp_path / "v.vec").write_text("1 2\na 1 2\n")
    for name in ("m.fw2v", "v.vec"):
        for load in (load_facebook_model, load_facebook_vectors):
            with pytest.raises(ValueError, match="expected a model of fastText"):
                load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        load_facebook_model(tmp_path / "none.bin")
    for bad in ({"encoding": "latin-1"}, {"word_ngrams": 2}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            save_facebook_model(trained(), tmp_path / "m.bin", **bad)
    with pytest.raises(ValueError, match="encoding"):
        load_facebook_vectors(FOLDER / "cbow.bin", encoding="utf-16")


def test_files_of_another_class_are_refused_with_the_way_to_open_them(tmp_path):
    plain = Word2Vec(TEXT, vector_size=4, min_count=1, epochs=1).wv
    plain.save_word2vec_format(tmp_path / "v.vec")
    plain.save_word2vec_format(tmp_path / "v.bin")
    for name in ("v.vec", "v.bin"):
        for load in (FastText.load, FastTextKeyedVectors.load, Word2Vec.load):
            with pytest.raises(ValueError, match="got word2vec text or binary.*load_word2vec_for"):
                load(tmp_path / name)
    for path in (FOLDER / "cbow.bin", GENSIM / "3.8.3-apart.model"):
        for load in (Word2Vec.load, KeyedVectors.load):
            with pytest.raises(ValueError, match=r"FastText\.load to train it further"):
                load(path)
    with pytest.raises(TypeError, match="model: expected a FastText, got FastTextKeyedVectors"):
        save_facebook_model(trained().wv, tmp_path / "m.bin")


def test_what_the_format_cannot_hold_is_refused_before_a_file_is_written(tmp_path):
    path = tmp_path / "m.bin"
    with pytest.raises(ValueError, match="one kind of output weights"):
        trained(hs=1).save_fasttext_format(path)
    model = trained(hs=1, negative=0)
    model._tree = engine.huffman(np.arange(len(model.wv)) + 1)
    with pytest.raises(ValueError, match="Huffman tree that fastText builds"):
        model.save_fasttext_format(path)
    with pytest.raises(ValueError, match="a model of fastText"):
        trained().save_fasttext_format(tmp_path / "m.vec")
    assert not list(tmp_path.iterdir())


# ---- models of gensim


@pytest.mark.parametrize("apart", ["", "-apart"])
@pytest.mark.parametrize("version", ["3.8.3", "4.4.0"])
def test_models_of_gensim_train_on(version, apart):
    told = json.loads((GENSIM / f"{version}.json").read_text("utf-8"))
    model = FastText.load(GENSIM / f"{version}{apart}.model")
    for word, vector in told["vectors"].items():
        np.testing.assert_allclose(model.wv[word], vector, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(model.syn1neg, np.float32(told["syn1neg"]))
    np.testing.assert_array_equal(model.syn1[:-1], np.float32(told["syn1"]))
    settings = ("window", "sg", "hs", "negative", "epochs", "min_count", "seed", "vector_size")
    assert [getattr(model, name) for name in settings] == [3, 1, 1, 3, 2, 1, 1, 4]
    assert (model.wv.min_n, model.wv.max_n, model.wv.bucket) == (2, 4, 30)
    assert model.corpus_count == told["corpus_count"]
    before, model.sample = model.wv["cats"], 0
    model.train(TEXT, total_examples=len(TEXT), epochs=1)
    assert (model.wv["cats"] != before).any()


def test_each_class_names_the_other():
    with pytest.raises(ValueError, match=r"FastTextKeyedVectors\.load"):
        Word2Vec.load(GENSIM / "4.4.0.model")
    with pytest.raises(ValueError, match=r"holds a FastTextKeyedVectors, expected FastText"):
        FastText.load(GENSIM / "4.4.0.kv")
    with pytest.raises(ValueError, match=r"got a Word2Vec; open it with"):
        FastText.load(DATA / "gensim" / "4.4.0.model")


# ---- our own files


@pytest.mark.parametrize("options", [{}, {"max_n": 0}])
def test_vectors_open_the_file_of_a_model(tmp_path, options):
    model = trained(**options)
    model.save(tmp_path / "m.fw2v")
    vectors = FastTextKeyedVectors.load(tmp_path / "m.fw2v")
    assert isinstance(vectors.vectors_ngrams, NgramRows)
    assert vectors.get_vecattr("sun", "count") == 60
    for word in ("sun", "suns") if vectors.bucket else ("sun",):
        np.testing.assert_array_equal(vectors[word], model.wv[word])
    with pytest.warns(UserWarning, match=r"use FastTextKeyedVectors\.load"):
        plain = KeyedVectors.load(tmp_path / "m.fw2v")
    np.testing.assert_array_equal(plain["sun"], model.wv["sun"])
