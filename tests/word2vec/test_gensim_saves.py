"""What the gensim installed here saves opens here, whatever its model holds."""

import pickle
import sys

import numpy as np
import pytest

from fastw2v import Word2Vec
from fastw2v.keyed_vectors import KeyedVectors

gensim = pytest.importorskip("gensim.models")
poincare = pytest.importorskip("gensim.models.poincare")

TEXT = [["the", "cat", "sat"], ["a", "dog", "ate", "the", "bone"], ["cat", "dog"]] * 30
SMALL = {"vector_size": 6, "min_count": 1, "workers": 1, "seed": 1, "epochs": 2}


def trained(text=TEXT, **options):
    return gensim.Word2Vec(text, **SMALL | options)


def check_same(ours, theirs):
    assert ours.wv.index_to_key == list(theirs.wv.index_to_key)
    np.testing.assert_array_equal(ours.wv.vectors, theirs.wv.vectors)
    for word in ours.wv.index_to_key:
        assert ours.wv.get_vecattr(word, "count") == theirs.wv.get_vecattr(word, "count")
    for name in ("syn1neg", "syn1"):
        got, expected = getattr(ours, name), getattr(theirs, name, None)
        assert (got is None) == (expected is None)
        if got is not None:
            np.testing.assert_array_equal(got, expected[: len(got)])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sg": 1, "negative": 2, "ns_exponent": 0.5, "sample": 0, "shrink_windows": False},
        {"hs": 1, "negative": 0, "cbow_mean": 0, "max_final_vocab": 5},
        {"sg": 1, "hs": 1, "negative": 3, "alpha": 0.1, "min_alpha": 0.01, "window": 2},
        {"sorted_vocab": 0, "compute_loss": True, "comment": "a run", "null_word": 1},
    ],
)
def test_models_keep_their_settings(tmp_path, options):
    theirs = trained(**options)
    theirs.save(str(tmp_path / "x.model"))
    ours = Word2Vec.load(tmp_path / "x.model")
    check_same(ours, theirs)
    for name, value in (SMALL | options).items():
        assert getattr(ours, name) == value, name
    assert ours.corpus_count == theirs.corpus_count
    assert ours.corpus_total_words == theirs.corpus_total_words
    assert ours.train_count == theirs.train_count
    if not ours.hs:
        got, expected = (one.predict_output_word(["cat", "the"]) for one in (ours, theirs))
        assert [word for word, _ in got] == [word for word, _ in expected]
    before, ours.sample = ours.wv.vectors.copy(), 0
    ours.train(TEXT, total_examples=len(TEXT), epochs=1)
    assert (ours.wv.vectors != before).any()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_pickle(tmp_path, protocol):
    theirs = trained(hs=1)
    theirs.save(str(tmp_path / "x.model"), pickle_protocol=protocol)
    check_same(Word2Vec.load(tmp_path / "x.model"), theirs)
    (tmp_path / "y").write_bytes(pickle.dumps(theirs, protocol))
    check_same(Word2Vec.load(tmp_path / "y"), theirs)


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2"])
def test_arrays_apart_and_packed(tmp_path, ending):
    theirs = trained()
    theirs.save(str(tmp_path / f"x.model{ending}"), sep_limit=0)
    assert len(list(tmp_path.iterdir())) > 2
    check_same(Word2Vec.load(tmp_path / f"x.model{ending}"), theirs)


def test_words_that_are_numbers_or_texts_of_numpy(tmp_path):
    for text in ([[3, 1, 2], [1, 2]] * 9, [list(np.array(["ab", "c", "日本"]))] * 9):
        theirs = trained(text)
        theirs.wv.save(str(tmp_path / "x.kv"))
        ours = KeyedVectors.load(tmp_path / "x.kv")
        assert ours.index_to_key == theirs.wv.index_to_key
        assert {type(word) for word in ours.index_to_key} == {type(text[0][0])} & {int} or {str}


def test_attributes_of_words(tmp_path):
    wv = trained().wv
    wv.set_vecattr("cat", "color", "black")
    wv.set_vecattr("dog", "age", 7)
    wv.set_vecattr("dog", "parts", np.zeros(3))
    wv.save(str(tmp_path / "x.kv"))
    ours = KeyedVectors.load(tmp_path / "x.kv")
    assert ours.get_vecattr("dog", "age") == 7
    assert (ours.get_vecattr("cat", "color"), ours.get_vecattr("dog", "color")) == ("black", "")
    assert set(ours.expandos) == {"count", "age", "color"}  # an array for a word has no place here


def test_models_of_a_class_of_the_user(tmp_path, monkeypatch):
    class Mine(gensim.Word2Vec):
        pass

    monkeypatch.setattr(sys.modules["__main__"], "Mine", Mine, raising=False)
    Mine.__module__, Mine.__qualname__ = "__main__", "Mine"
    theirs = Mine(TEXT, **SMALL)
    theirs.note = {"for": "me"}
    theirs.save(str(tmp_path / "x.model"))
    check_same(Word2Vec.load(tmp_path / "x.model"), theirs)


def test_the_random_generator_of_a_model_is_not_needed(tmp_path):
    theirs = trained()
    for generator in (np.random.default_rng(1), np.random.RandomState(1), None):
        theirs.random = generator  # the first has numbers of 128 bits
        theirs.save(str(tmp_path / "x.model"))
        check_same(Word2Vec.load(tmp_path / "x.model"), theirs)


def test_locked_words_stay_locked(tmp_path):
    theirs = trained()
    theirs.wv.vectors_lockf = np.ones(len(theirs.wv), np.float32)
    theirs.wv.vectors_lockf[2] = 0
    theirs.save(str(tmp_path / "x.model"))
    ours = Word2Vec.load(tmp_path / "x.model")
    np.testing.assert_array_equal(ours.wv.vectors_lockf, theirs.wv.vectors_lockf)
    before, ours.sample = ours.wv.vectors.copy(), 0
    ours.train(TEXT, epochs=5)
    moved = (ours.wv.vectors != before).any(axis=1)
    assert not moved[2] and moved.sum() == len(moved) - 1


def test_untrained_models(tmp_path):
    gensim.Word2Vec(**SMALL).save(str(tmp_path / "x.model"))
    ours = Word2Vec.load(tmp_path / "x.model")
    assert (len(ours.wv), ours.vector_size) == (0, 6)
    ours.build_vocab(TEXT)
    ours.train(TEXT, total_examples=len(TEXT), epochs=1)
    assert "cat" in ours.wv


def test_vectors_from_a_text_file(tmp_path):
    theirs = trained().wv
    theirs.save_word2vec_format(str(tmp_path / "x.txt"))
    gensim.KeyedVectors.load_word2vec_format(str(tmp_path / "x.txt"), datatype=np.float64).save(
        str(tmp_path / "x.kv")
    )
    ours = KeyedVectors.load(tmp_path / "x.kv")
    assert ours.vectors.dtype == np.float64
    assert ours.index_to_key == theirs.index_to_key


def test_models_without_output_weights_name_the_cure(tmp_path):
    theirs = trained()
    del theirs.syn1neg
    theirs.save(str(tmp_path / "x.model"))
    with pytest.raises(ValueError, match=r"x.model: expected syn1neg.*KeyedVectors.load"):
        Word2Vec.load(tmp_path / "x.model")
    assert "cat" in KeyedVectors.load(tmp_path / "x.model")


# ---- other models of gensim


def tagged():
    return [gensim.doc2vec.TaggedDocument(words, [str(k)]) for k, words in enumerate(TEXT)]


def test_doc2vec_gives_its_word_vectors(tmp_path):
    path = str(tmp_path / "x.model")
    theirs = gensim.Doc2Vec(tagged(), **SMALL)
    theirs.save(path)
    with pytest.raises(ValueError, match=r"holds a Doc2Vec, expected Word2Vec.*KeyedVectors.load"):
        Word2Vec.load(path)
    np.testing.assert_array_equal(KeyedVectors.load(path)["cat"], theirs.wv["cat"])
    theirs.dv.save(str(tmp_path / "x.dv"))
    np.testing.assert_array_equal(KeyedVectors.load(tmp_path / "x.dv")["3"], theirs.dv["3"])


def test_doc2vec_without_trained_words_is_refused(tmp_path):
    gensim.Doc2Vec(tagged(), dm=0, **SMALL).save(str(tmp_path / "x.model"))
    with pytest.raises(ValueError, match="x.model: is a Doc2Vec model.*are random"):
        KeyedVectors.load(tmp_path / "x.model")
    gensim.Doc2Vec(tagged(), dm=0, dbow_words=1, **SMALL).save(str(tmp_path / "y.model"))
    assert "cat" in KeyedVectors.load(tmp_path / "y.model")


def test_other_models_are_refused_by_name(tmp_path):
    path = str(tmp_path / "x.model")
    fast = gensim.FastText(TEXT, bucket=50, **SMALL)
    phrases = gensim.Phrases(TEXT, min_count=1, threshold=1)
    curved = poincare.PoincareModel([("a", "b"), ("b", "c")], size=2, negative=1)
    for model, message in (
        (fast, r"is a FastText model of gensim.*FastTextKeyedVectors\.load"),
        (fast.wv, "is a FastText model of gensim"),
        (phrases, "holds a Phrases without word vectors"),
        (curved, "is a Poincare model of gensim"),
        (curved.kv, "is a Poincare model of gensim"),
    ):
        model.save(path)
        for load in (Word2Vec.load, KeyedVectors.load):
            with pytest.raises(ValueError, match=message):
                load(path)
    trained().wv.save(path)
    with pytest.raises(ValueError, match=r"holds a KeyedVectors, expected Word2Vec.*KeyedVectors"):
        Word2Vec.load(path)
