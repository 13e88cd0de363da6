"""`fastw2v.sklearn.WordVectorizer` gives means of word vectors, inside scikit-learn's tools."""

import pickle
import warnings

import numpy as np
import pytest
from fresh_interpreter import run

from fastw2v import Word2Vec
from fastw2v.datasets import Splitter
from fastw2v.keyed_vectors import KeyedVectors

pytest.importorskip("sklearn", minversion="1.6")
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.utils import estimator_checks

from fastw2v.sklearn import WordVectorizer

SKY = ["the sun and the moon", "Moon and star!", "the sky, a star", "sun in the sky"] * 8
FARM = ["a dog and a cat", "Cat and cow!", "the pig, a cow", "dog on the farm"] * 8
TEXTS, LABELS = SKY + FARM, [0] * len(SKY) + [1] * len(FARM)
SMALL = {"vector_size": 8, "min_count": 1, "random_state": 0}
WORDS, TABLE = ["sun", "moon", "dog"], np.array([[1, 0], [3, 4], [0, -2]], np.float32)


def pretrained(counts=(6, 3, 1)):
    vectors = KeyedVectors.from_words(WORDS, TABLE.copy())
    if counts is not None:
        vectors.expandos["count"] = np.array(counts)
    return vectors


# ---- numbers


def test_mean():
    found = WordVectorizer(pretrained()).fit_transform(["sun moon", "Moon, MOON! sun none", "dog"])
    np.testing.assert_allclose(found, [[2, 2], [7 / 3, 8 / 3], [0, -2]], rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("counts", [(6, 3, 1), None])
def test_sif_weights_words_by_their_share(counts):
    """Without counts in the vectors, the documents of `fit` decide."""
    texts = ["sun sun sun moon", "sun sun sun moon moon dog"]
    vectorizer = WordVectorizer(pretrained(counts), weighting="sif", sif_a=0.1).fit(texts)
    weights = 0.1 / (0.1 + np.array([0.6, 0.3, 0.1]))
    np.testing.assert_allclose(vectorizer.word_weights_, weights, rtol=1e-6)
    expected = (weights[0] * TABLE[0] + 2 * weights[1] * TABLE[1]) / 3
    found = vectorizer.transform(["moon sun moon"])
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda kv: kv.index_to_key.append("new"),
        lambda kv: kv.key_to_index.update(sun=2),
        lambda kv: kv.expandos.update(count=np.ones(2)),
        lambda kv: setattr(kv, "vectors", TABLE[:2]),
    ],
)
def test_vectors_that_do_not_fit_their_words_are_refused(change):
    vectors = pretrained()
    change(vectors)
    with pytest.raises(ValueError, match=r"key_to_index|expandos|vectors: expected"):
        WordVectorizer(vectors, weighting="sif").fit(TEXTS)


def test_the_common_component_is_removed():
    rng = np.random.default_rng(0)
    common, words = rng.standard_normal(5), [f"w{k}" for k in range(40)]
    vectors = KeyedVectors.from_words(words, 4 * common + rng.standard_normal((40, 5)))
    texts = [" ".join(rng.choice(words, 6)) for _ in range(60)]
    means = WordVectorizer(vectors).fit_transform(texts)
    vectorizer = WordVectorizer(vectors, remove_common=True)
    found = vectorizer.fit_transform(texts)
    first = np.linalg.svd(means)[2][0]
    np.testing.assert_allclose(found, means - np.outer(means @ first, first), atol=1e-5)
    np.testing.assert_allclose(vectorizer.transform(texts[:7]), found[:7], atol=1e-6)
    assert np.abs(found @ vectorizer.component_).max() < 1e-5
    np.testing.assert_allclose(np.linalg.norm(vectorizer.component_), 1, rtol=1e-6)


def test_documents_without_a_known_word():
    texts = ["sun", "", "none of them", "dog moon"]
    for remove in (False, True):
        zero = WordVectorizer(pretrained(), remove_common=remove).fit_transform(texts)
        assert (zero[1:3] == 0).all() and zero[3].any()
        nan = WordVectorizer(pretrained(), remove_common=remove, unknown="nan").fit_transform(texts)
        assert np.isnan(nan[1:3]).all()
        np.testing.assert_array_equal(nan[[0, 3]], zero[[0, 3]])
    with pytest.raises(ValueError, match="X: document 1 has no known word"):
        WordVectorizer(pretrained(), unknown="error").fit(texts).transform(texts)


def test_no_known_word_at_all():
    vectorizer = WordVectorizer(pretrained(), weighting="sif", remove_common=True)
    assert not vectorizer.fit_transform(["none", ""]).any()
    assert vectorizer.component_ is None


def test_many_words_are_added_up_in_parts(monkeypatch):
    import fastw2v.sklearn

    texts = ["sun moon", "", "dog dog dog", "moon", "none", "sun sun dog"] * 5
    whole = WordVectorizer(pretrained()).fit_transform(texts)
    for at_once in (1, 3, 7):
        monkeypatch.setattr(fastw2v.sklearn, "_AT_ONCE", at_once)
        np.testing.assert_allclose(WordVectorizer(pretrained()).fit_transform(texts), whole)


# ---- documents and vectors


def test_every_form_of_documents_gives_the_same():
    tokens = [Splitter().split_words(text) for text in TEXTS]
    expected = WordVectorizer(**SMALL).fit_transform(TEXTS)
    assert expected.shape == (len(TEXTS), 8) and np.isfinite(expected).all()
    for form in (
        tokens,
        [tuple(words) for words in tokens],
        [np.array(words) for words in tokens],
        np.array(TEXTS),
        np.array(TEXTS, object),
        tuple(TEXTS),
        (text for text in TEXTS),
    ):
        np.testing.assert_array_equal(WordVectorizer(**SMALL).fit_transform(form), expected)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_random_state_makes_results_reproducible(workers):
    one = WordVectorizer(**SMALL | {"workers": workers}).fit_transform(TEXTS)
    np.testing.assert_array_equal(one, WordVectorizer(**SMALL).fit_transform(TEXTS))
    other = WordVectorizer(**SMALL | {"random_state": 1}).fit_transform(TEXTS)
    assert (one != other).any()
    assert WordVectorizer(**SMALL | {"random_state": None}).fit_transform(TEXTS).shape == one.shape


def test_every_kind_of_vectors(tmp_path):
    model = Word2Vec([text.lower().split() for text in TEXTS], vector_size=4, min_count=1)
    expected = WordVectorizer(model.wv).fit_transform(TEXTS)
    model.save(tmp_path / "model")
    model.wv.save(tmp_path / "v.fw2v")
    model.wv.save_word2vec_format(tmp_path / "v.bin")
    for vectors in (model, tmp_path / "model", str(tmp_path / "v.fw2v"), tmp_path / "v.bin"):
        np.testing.assert_array_equal(WordVectorizer(vectors).fit_transform(TEXTS), expected)
    for dtype, tolerance in (("float16", 1e-3), ("int8", 1e-2)):
        found = WordVectorizer(model.wv.astype(dtype)).fit_transform(TEXTS)
        np.testing.assert_allclose(found, expected, atol=tolerance)
    assert WordVectorizer(model.wv.astype("float64")).fit_transform(TEXTS).dtype == np.float64


def test_splitters():
    upper = KeyedVectors.from_words(["Sun", "sun"], np.eye(2))
    assert WordVectorizer(upper).fit_transform(["Sun"]).tolist() == [[0, 1]]
    for splitter in (str.split, Splitter("blanks"), Splitter(case="keep")):
        assert WordVectorizer(upper, splitter=splitter).fit_transform(["Sun"]).tolist() == [[1, 0]]
    upper.splitter = Splitter("blanks")
    assert WordVectorizer(upper).fit_transform(["Sun"]).tolist() == [[1, 0]]
    vectorizer = WordVectorizer(splitter=Splitter(case="keep"), **SMALL).fit(TEXTS)
    assert vectorizer.vectors_.splitter == Splitter(case="keep")
    assert {"Moon", "moon"} <= set(vectorizer.vectors_.index_to_key)


def test_settings_reach_word2vec():
    with pytest.raises(ValueError, match="negative"):
        WordVectorizer(negative=0, **SMALL).fit(TEXTS)
    vectorizer = WordVectorizer(negative=0, settings={"hs": 1}, **SMALL).fit(TEXTS)
    assert vectorizer.vectors_.vectors.any()
    with pytest.raises(TypeError, match="no_such"):
        WordVectorizer(settings={"no_such": 1}, **SMALL).fit(TEXTS)


# ---- scikit-learn


def test_pipeline_and_cross_validation():
    model = make_pipeline(WordVectorizer(sample=0, epochs=60, **SMALL), LogisticRegression(C=9))
    assert cross_val_score(model, TEXTS, LABELS, cv=4).mean() > 0.9
    fitted = clone(model).fit(TEXTS, LABELS)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(TEXTS), fitted.predict_proba(TEXTS))


def test_grid_search_shares_the_vectors():
    vectors = WordVectorizer(epochs=30, **SMALL).fit(TEXTS).vectors_
    assert clone(WordVectorizer(vectors)).vectors is vectors
    grid = GridSearchCV(
        make_pipeline(WordVectorizer(vectors), LogisticRegression()),
        {
            "wordvectorizer__weighting": ["mean", "sif"],
            "wordvectorizer__remove_common": [False, True],
        },
        cv=2,
    ).fit(TEXTS, LABELS)
    assert len(grid.cv_results_["params"]) == 4
    assert grid.best_estimator_[0].vectors_ is vectors
    trained = GridSearchCV(
        make_pipeline(WordVectorizer(**SMALL), LogisticRegression()),
        {"wordvectorizer__vector_size": [3, 5], "wordvectorizer__window": [1, 2]},
        cv=2,
    ).fit(TEXTS, LABELS)
    assert trained.best_estimator_[0].vectors_.vector_size in (3, 5)


def test_names_of_features_and_unions():
    vectorizer = WordVectorizer(pretrained()).fit(["sun"])
    assert vectorizer.get_feature_names_out().tolist() == ["wordvectorizer0", "wordvectorizer1"]
    union = FeatureUnion([("a", WordVectorizer(pretrained())), ("b", WordVectorizer(pretrained()))])
    assert union.fit_transform(["sun"]).shape == (1, 4)
    assert union.get_feature_names_out()[2] == "b__wordvectorizer0"


def test_set_output_and_columns():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"text": ["sun moon", "dog"], "n": [1, 2]}, index=[7, 9])
    vectorizer = WordVectorizer(pretrained()).set_output(transform="pandas")
    found = vectorizer.fit_transform(frame["text"])
    assert list(found.columns) == ["wordvectorizer0", "wordvectorizer1"]
    assert list(found.index) == [7, 9]
    assert vectorizer.transform(frame["text"]).equals(found)
    columns = ColumnTransformer(
        [("words", WordVectorizer(pretrained()), "text")], remainder="passthrough"
    )
    assert columns.fit_transform(frame).tolist() == [[2, 2, 1], [0, -2, 2]]
    with pytest.raises(ValueError, match=r"X: expected one dimension, got shape \(2, 1\)"):
        vectorizer.fit(frame[["text"]])


def test_the_checks_of_scikit_learn():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # most checks need numbers as input and are left out
        estimator_checks.check_estimator(WordVectorizer(**SMALL))
    for check in (
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_mixin_order,
        estimator_checks.check_valid_tag_types,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    ):
        check("WordVectorizer", WordVectorizer(**SMALL))


def test_transform_needs_fit():
    with pytest.raises(NotFittedError):
        WordVectorizer().transform(TEXTS)


# ---- bad input


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("one text", ValueError, "X: expected an iterable of documents, got str"),
        (b"bytes", ValueError, "got bytes"),
        ({"a": 1}, ValueError, "got dict"),
        (3, ValueError, "got int"),
        ([], ValueError, "at least one document"),
        (np.array([["sun"]]), ValueError, r"one dimension, got shape \(1, 1\)"),
        (["sun", None], TypeError, "document 1, got NoneType"),
        (["sun", float("nan")], TypeError, "document 1, got NaN"),
        ([["sun"], ["moon", 1.5]], TypeError, "document 1, got a list with a float"),
        ([{"sun"}], TypeError, "document 0, got set"),
    ],
)
def test_documents_of_other_types_are_refused(X, error, message):
    with pytest.raises(error, match=message):
        WordVectorizer(pretrained()).fit(X)
    if message != "at least one document":
        with pytest.raises(error, match=message):
            WordVectorizer(pretrained()).fit(["sun"]).transform(X)


def test_transform_of_nothing():
    assert WordVectorizer(pretrained()).fit(["sun"]).transform([]).shape == (0, 2)


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ({"weighting": "idf"}, ValueError),
        ({"unknown": "drop"}, ValueError),
        ({"sif_a": 0}, ValueError),
        ({"sif_a": "much"}, TypeError),
        ({"splitter": "words"}, TypeError),
        ({"vectors": np.eye(2)}, TypeError),
        ({"vectors": "no such file"}, OSError),
    ],
)
def test_settings_that_do_not_exist_are_named(setting, error):
    with pytest.raises(error, match=next(iter(setting)) if error is not OSError else "no such"):
        WordVectorizer(**{"vectors": pretrained()} | setting).fit(["sun"])


def test_without_scikit_learn_the_import_names_the_cure():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "try:\n import fastw2v.sklearn\nexcept ImportError as error: print(error)"
    )
    assert "pip install 'fastw2v[sklearn]'" in run(code).stdout
