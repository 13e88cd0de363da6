"""Files that gensim's FastText saved open here and answer as there."""

import json
import shutil

import numpy as np
import pytest
from places import DATA

from fastw2v import FastTextKeyedVectors, KeyedVectors

FILES = DATA / "gensim_fasttext"
VERSIONS = ["3.8.3", "4.4.0"]
NAMES = [f"{version}{end}" for version in VERSIONS for end in (".model", "-apart.model", ".kv")]


def answers(name):
    """Return what that version of gensim answered; see tools/record_gensim_fasttext.py."""
    return json.loads((FILES / f"{name[:5]}.json").read_text("utf-8"))


def check_same(vectors, expected):
    assert vectors.index_to_key == expected["words"]
    assert vectors.expandos["count"].tolist() == expected["counts"]
    for word, vector in expected["vectors"].items():
        np.testing.assert_allclose(vectors[word], vector, rtol=1e-5, atol=1e-7)
    near = vectors.most_similar("cats", topn=5)
    assert [word for word, _ in near] == [word for word, _ in expected["most_similar"]]
    cosines = [cosine for _, cosine in expected["most_similar"]]
    np.testing.assert_allclose([cosine for _, cosine in near], cosines, atol=1e-6)


@pytest.mark.parametrize("mmap", ["c", "r", None])
@pytest.mark.parametrize("name", NAMES)
def test_vectors_of_both_versions(name, mmap):
    vectors, expected = FastTextKeyedVectors.load(FILES / name, mmap, strict=True), answers(name)
    check_same(vectors, expected)
    assert (vectors.min_n, vectors.max_n, vectors.bucket, vectors.line_end) == (2, 4, 30, None)
    vectors.adjust_vectors()
    check_same(vectors, expected)


@pytest.mark.parametrize("name", NAMES)
def test_plain_vectors_name_the_class_that_opens_the_file(name):
    with pytest.raises(ValueError, match=r"FastTextKeyedVectors\.load"):
        KeyedVectors.load(FILES / name)


def test_models_without_ngrams_are_sent_to_keyed_vectors():
    with pytest.raises(ValueError, match=r"got a KeyedVectors; open it with KeyedVectors\.load"):
        FastTextKeyedVectors.load(DATA / "gensim" / "4.4.0.kv")


def test_a_missing_array_is_named(tmp_path):
    for path in FILES.glob("4.4.0-apart*"):
        if "vectors_ngrams" not in path.name:
            shutil.copy(path, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"vectors_ngrams\.npy"):
        FastTextKeyedVectors.load(tmp_path / "4.4.0-apart.model")


@pytest.mark.parametrize("options", [{}, {"max_n": 0}, {"bucket": 1}, {"min_n": 1, "max_n": 9}])
def test_what_the_installed_gensim_saves(tmp_path, options):
    models = pytest.importorskip("gensim.models")
    text = [["the", "cat", "sat"], ["a", "dog", "日本"]] * 9
    small = {"vector_size": 5, "min_count": 1, "bucket": 40, "workers": 1, "epochs": 1}
    theirs = models.FastText(text, **small | options)
    theirs.wv.set_vecattr("cat", "mark", 7)
    theirs.save(str(tmp_path / "model"))
    ours = FastTextKeyedVectors.load(tmp_path / "model")
    assert ours.index_to_key == theirs.wv.index_to_key
    np.testing.assert_array_equal(ours.vectors_vocab, theirs.wv.vectors_vocab)
    np.testing.assert_allclose(ours.vectors, theirs.wv.vectors, rtol=1e-5, atol=1e-7)
    assert ours.get_vecattr("cat", "mark") == 7
    if ours.bucket:
        np.testing.assert_array_equal(ours.vectors_ngrams, theirs.wv.vectors_ngrams)
        np.testing.assert_allclose(ours["cats"], theirs.wv["cats"], rtol=1e-5, atol=1e-7)
