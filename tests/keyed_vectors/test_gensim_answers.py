"""Word vectors answer as gensim's with the same vectors; where gensim raises, so do they."""

import logging
import sys
from itertools import permutations

import numpy as np
import pytest

from fastw2v import KeyedVectors

WORDS = [f"w{i}" for i in range(40)]
TABLE = np.random.default_rng(0).standard_normal((40, 8)).astype("f4")
TABLE[7] *= 10
RAW = TABLE[11] * 20 + TABLE[12]

# Each with at most one warning of gensim's through logging, which is not compared.
CASES = {
    "a word and a raw vector": lambda kv: kv.most_similar(["w1", RAW]),
    "a raw vector minus a word": lambda kv: kv.most_similar([RAW], ["w3"]),
    "a word minus a raw vector": lambda kv: kv.most_similar(["w1"], [RAW]),
    "weights": lambda kv: kv.most_similar([("w1", 2.0), (RAW, -0.5)], [("w3", 1.5)]),
    "row numbers": lambda kv: kv.most_similar([3, np.int64(5)]),
    "a row number that is not there": lambda kv: kv.most_similar([99]),
    "nothing": lambda kv: kv.most_similar(),
    "an empty list": lambda kv: kv.most_similar([]),
    "an unknown word": lambda kv: kv.most_similar(["none"]),
    "all cosines": lambda kv: kv.most_similar("w1", topn=None),
    "topn=0": lambda kv: kv.most_similar("w1", topn=0),
    "topn=-1": lambda kv: kv.most_similar("w1", topn=-1),
    "the first rows": lambda kv: kv.most_similar("w1", restrict_vocab=5),
    "restrict_vocab=0": lambda kv: kv.most_similar("w1", restrict_vocab=0),
    "some rows": lambda kv: kv.most_similar("w1", clip_start=5, clip_end=20),
    "rows of an array": lambda kv: kv.most_similar(TABLE[:3]),
    "products": lambda kv: kv.most_similar_cosmul(["w1", "w2"], ["w3"]),
    "products with a raw vector": lambda kv: kv.most_similar_cosmul(["w1", RAW], ["w3"]),
    "products with a lone raw vector": lambda kv: kv.most_similar_cosmul(RAW),
    "products of nothing": lambda kv: kv.most_similar_cosmul(),
    "products of an unknown word": lambda kv: kv.most_similar_cosmul(["none"]),
    "products, topn=-1": lambda kv: kv.most_similar_cosmul(["w1"], topn=-1),
    "a mean": lambda kv: kv.get_mean_vector(["w1", "w7", RAW]),
    "a mean of raw words": lambda kv: kv.get_mean_vector(["w1", "w7", RAW], pre_normalize=False),
    "a mean of length 1": lambda kv: kv.get_mean_vector(["w1", RAW], post_normalize=True),
    "a weighted mean": lambda kv: kv.get_mean_vector(["w1", "w7", RAW], [1, -2, 0.5]),
    "a mean with an unknown word": lambda kv: kv.get_mean_vector(["w1", "none"], [1, 3]),
    "a mean of unknown words": lambda kv: kv.get_mean_vector(["none"]),
    "a mean of rows": lambda kv: kv.get_mean_vector([1, 99]),
    "a mean of nothing": lambda kv: kv.get_mean_vector([]),
    "a strict mean": lambda kv: kv.get_mean_vector(["none"], ignore_missing=False),
    "a mean with other weights": lambda kv: kv.get_mean_vector(["w1"], [1, 2]),
    "similar_by_key(key=)": lambda kv: kv.similar_by_key(key="w1"),
    "similar_by_word": lambda kv: kv.similar_by_word("w1", 3),
    "similar_by_vector": lambda kv: kv.similar_by_vector(RAW, topn=3),
    "a vector of length 1": lambda kv: kv.get_vector("w1", norm=True),
    "a row": lambda kv: kv.get_vector(3),
    "an unknown vector": lambda kv: kv.get_vector("none"),
    "vectors": lambda kv: kv[["w1", "w2"]],
    "rows": lambda kv: kv[[1, 2]],
    "in": lambda kv: [key in kv for key in (3, 40, -1, "w1", "none", np.int32(3))],
    "get_index": lambda kv: [kv.get_index(*a) for a in (("w1",), (3,), ("none", -1))],
    "distances": lambda kv: kv.distances("w1"),
    "distances of a vector": lambda kv: kv.distances(RAW, ["w1", "w2"]),
    "distance": lambda kv: kv.distance("w1", "w2"),
    "similarity": lambda kv: kv.similarity("w1", "w7"),
    "n_similarity": lambda kv: kv.n_similarity(["w1", "w7", "none"], ["w3"]),
    "n_similarity of unknown words": lambda kv: kv.n_similarity(["none"], ["w3"]),
    "n_similarity of nothing": lambda kv: kv.n_similarity([], ["w3"]),
    "cosine_similarities": lambda kv: kv.cosine_similarities(RAW, TABLE),
    "closer_than": lambda kv: kv.closer_than("w1", "w9"),
    "words_closer_than": lambda kv: kv.words_closer_than("w1", "w9"),
    "rank": lambda kv: kv.rank("w1", "w9"),
    "rank_by_centrality": lambda kv: kv.rank_by_centrality(["w1", "w2", "w7", "none"]),
    "rank_by_centrality of raw words": lambda kv: kv.rank_by_centrality(["w1", "w7"], False),
    "rank_by_centrality of unknown words": lambda kv: kv.rank_by_centrality(["none"]),
    "doesnt_match": lambda kv: kv.doesnt_match(["w1", "w2", "w7"]),
    "most_similar_to_given": lambda kv: kv.most_similar_to_given("w1", ["w2", "w9", "w7"]),
    "relative_cosine_similarity": lambda kv: kv.relative_cosine_similarity("w1", "w2", 5),
    "relative_cosine_similarity to none": lambda kv: kv.relative_cosine_similarity("w1", "w2", 0),
    "vectors_for_all": lambda kv: kv.vectors_for_all(["w3", "none", "w1", "w3"]).vectors,
    "their words": lambda kv: kv.vectors_for_all(iter(["w3", "none", "w1"])).index_to_key,
    "norms": lambda kv: (kv.fill_norms(), kv.norms),
    "get_normed_vectors": lambda kv: kv.get_normed_vectors(),
    "str": str,
    "len": len,
    "vocab": lambda kv: kv.vocab,
    "index2word": lambda kv: kv.index2word,
    "vectors_norm": lambda kv: kv.vectors_norm,
    "syn0": lambda kv: kv.syn0,
    "an unknown attribute": lambda kv: kv.get_vecattr("w1", "none"),
    "add_vector of a known word": lambda kv: (kv.add_vector("w1", np.zeros(8)), kv["w1"])[1:],
    "add_vectors of a known word": lambda kv: (kv.add_vectors(["w1"], np.zeros((1, 8))), kv["w1"]),
}


def answer(call, vectors):
    try:
        return call(vectors)
    except Exception as error:
        return error


def assert_alike(ours, theirs):
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), ours
    elif isinstance(theirs, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_alike(one, other)
    elif isinstance(theirs, float | np.floating):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)
    else:
        assert ours == theirs


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_answers_are_those_of_gensim(name):
    models = pytest.importorskip("gensim.models")
    theirs = models.KeyedVectors(8)
    theirs.add_vectors(WORDS, TABLE)
    ours = KeyedVectors.from_words(WORDS, TABLE.copy())
    assert_alike(answer(CASES[name], ours), answer(CASES[name], theirs))


def test_raw_vectors_are_taken_as_they_are():
    vectors = KeyedVectors.from_words("abc", [[1, 0], [0, 1], [1, 1]])
    long = np.float32([0, 10])
    found = dict(vectors.most_similar(["a", long]))
    assert found["b"] == pytest.approx(10 / np.sqrt(101))  # of (1, 0) + (0, 10), not (1, 1)
    assert vectors.get_mean_vector(["a", long]).tolist() == [0.5, 5]
    products = dict(vectors.most_similar_cosmul(long))
    assert products["b"] == pytest.approx(11 / 2, rel=1e-5)  # (1 + 10) / 2
    np.testing.assert_array_equal(
        vectors.get_vector("c", norm=True), np.float32([1, 1]) / np.float32(np.sqrt(2))
    )


@pytest.mark.parametrize("query", ["most_similar", "most_similar_cosmul"])
def test_a_word_and_its_vector_of_length_1_get_the_same_bits(query):
    vectors = KeyedVectors.from_words(WORDS, TABLE)
    by_word = getattr(vectors, query)("w3", topn=39)
    by_vector = getattr(vectors, query)([vectors.get_vector("w3", norm=True)], topn=40)
    assert [found for found in by_vector if found[0] != "w3"] == by_word


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
def test_results_have_the_dtype_of_the_vectors(dtype):
    vectors = KeyedVectors.from_words(WORDS, TABLE.astype(dtype))
    for found in (
        vectors.get_vector("w1", norm=True),
        vectors.distances("w1"),
        vectors.distances("w1", ["w2"]),
        vectors.get_mean_vector(["w1"]),
        vectors.most_similar("w1", topn=None),
    ):
        assert found.dtype == dtype


def test_a_product_has_no_weights():
    vectors = KeyedVectors.from_words("ab", [[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="without weights.*or call most_similar"):
        vectors.most_similar_cosmul([("a", 2.0)])
    with pytest.raises(TypeError, match="keys: expected a list.*pass .'a'."):
        vectors.get_mean_vector("a")


def test_unknown_words_are_logged(caplog):
    vectors = KeyedVectors.from_words("ab", [[1, 0], [0, 1]])
    vectors.doesnt_match(["a", "b", "none"])
    assert "unknown and do not count: ['none']" in caplog.text


# ---- documents


def test_words_relative_to_their_neighbours():
    vectors = KeyedVectors.from_words(WORDS, TABLE)
    sums = sum(cosine for _, cosine in vectors.most_similar("w1", topn=4))
    found = vectors.relative_cosine_similarity("w1", "w2", topn=4)
    assert found == pytest.approx(vectors.similarity("w1", "w2") / sums)


def test_vectors_for_all_keeps_attributes_where_asked():
    vectors = KeyedVectors.from_words("abc", TABLE[:3])
    vectors.expandos["count"] = np.array([5, 4, 3])
    assert vectors.vectors_for_all("cxa").expandos["count"].tolist() == [2, 1]
    both = vectors.vectors_for_all("cxa", copy_vecattrs=True)
    assert both.index_to_key == ["c", "a"] and both.expandos["count"].tolist() == [3, 5]
    both.vectors[:] = 0
    assert vectors.vectors.any()
    assert len(vectors.vectors_for_all([])) == len(vectors.vectors_for_all(["x"])) == 0


def test_similarity_of_documents_with_unknown_words():
    vectors = KeyedVectors.from_words("abc", [[1, 0], [0, 1], [3, 3]])
    assert vectors.similarity_unseen_docs(["a", "b", "x"], ["c", "y"]) == pytest.approx(1)
    assert vectors.similarity_unseen_docs(["a", "a", "b"], ["a"]) == pytest.approx(2 / 5**0.5)
    assert vectors.similarity_unseen_docs(["x"], ["c"]) == 0
    with pytest.raises(TypeError, match="doc_words2: expected a list of words, got str; split"):
        vectors.similarity_unseen_docs(["a"], "c")


@pytest.mark.parametrize("norm", [True, False])
def test_the_word_movers_distance_is_the_least_sum(norm):
    pytest.importorskip("ot")
    vectors = KeyedVectors.from_words(WORDS, TABLE)
    for first, second in (
        (["w1", "w2", "w3"], ["w4", "w5", "w6"]),
        (["w1", "w1", "w2", "none"], ["w1", "w7", "w7"]),
    ):
        rows = [
            [vectors.get_vector(word, norm=norm).astype("f8") for word in words if word in vectors]
            for words in (first, second)
        ]
        ways = (
            np.mean([np.linalg.norm(a - b) for a, b in zip(rows[0], way, strict=True)])
            for way in permutations(rows[1])
        )
        assert vectors.wmdistance(first, second, norm=norm) == pytest.approx(min(ways), rel=1e-6)


def test_the_word_movers_distance_of_gensim():
    pytest.importorskip("ot")
    models = pytest.importorskip("gensim.models")
    theirs = models.KeyedVectors(8)
    theirs.add_vectors(WORDS, TABLE)
    ours = KeyedVectors.from_words(WORDS, TABLE)
    rng = np.random.default_rng(5)
    for _ in range(20):
        documents = [rng.choice(WORDS + ["none"], n).tolist() for n in rng.integers(1, 12, 2)]
        for norm in (True, False):
            found, right = (kv.wmdistance(*documents, norm=norm) for kv in (ours, theirs))
            assert found == pytest.approx(right, rel=1e-5, abs=1e-6)


def test_the_word_movers_distance_at_its_edges(caplog):
    pytest.importorskip("ot")
    vectors = KeyedVectors.from_words("abc", [[1, 0], [0, 1], [3, 3]])
    with pytest.raises(TypeError, match="document1: expected a list of words, got str; split"):
        vectors.wmdistance("a b", ["c"])
    assert vectors.wmdistance(["x"], ["c"]) == np.inf
    assert "no known word" in caplog.text
    assert vectors.wmdistance(["a", "b"], ["b", "a", "x"]) == 0


@pytest.mark.parametrize(
    ("module", "call", "extra"),
    [
        ("ot", lambda kv: kv.wmdistance(["a"], ["b"]), "wmd"),
        ("usearch.index", lambda kv: kv.build_index(), "usearch"),
    ],
)
def test_a_library_that_is_missing_is_named(module, call, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    vectors = KeyedVectors.from_words("ab", [[1, 0], [0, 1]])
    with pytest.raises(ImportError, match=rf"pip install fastw2v\[{extra}\]"):
        call(vectors)


# ---- words that are added


def test_room_that_was_reserved_is_used():
    vectors = KeyedVectors(3, count=4)
    assert len(vectors) == 0 and vectors.vectors.shape == (0, 3)
    assert vectors.add_vector("a", [1, 2, 3]) == 0
    at = vectors.vectors.ctypes.data
    vectors.add_vectors(["b", "c", "d"], np.ones((3, 3)))
    assert vectors.vectors.ctypes.data == at
    assert vectors.next_index == 4
    vectors.add_vector("e", [5, 5, 5])
    assert vectors.vectors.tolist() == [[1, 2, 3], [1] * 3, [1] * 3, [1] * 3, [5] * 3]
    assert vectors.get_index("e") == 4
    assert KeyedVectors(3, 2, np.float64).vectors.dtype == np.float64
    other = KeyedVectors(2, count=3)
    other.vectors = np.zeros((0, 2), "f4")  # replaced, so the room is not used
    other.add_vector("a", [1, 2])
    assert other.vectors.tolist() == [[1, 2]]
    with pytest.raises(ValueError, match="count: expected at least 0"):
        KeyedVectors(3, count=-1)


def test_vectors_follow_words_that_were_appended():
    vectors = KeyedVectors.from_words("ab", [[1, 2], [3, 4]])
    vectors.expandos["count"] = np.array([2, 1])
    vectors.index_to_key.append("c")
    vectors.resize_vectors(seed=3)
    assert vectors.vectors[:2].tolist() == [[1, 2], [3, 4]]
    assert 0 < np.abs(vectors["c"]).max() <= 0.5
    assert vectors.expandos["count"].tolist() == [2, 1, 0] and vectors.get_index("c") == 2
    again = KeyedVectors.from_words("ab", [[1, 2], [3, 4]])
    again.index_to_key.append("c")
    again.resize_vectors(seed=3)
    np.testing.assert_array_equal(again.vectors, vectors.vectors)
    del vectors.index_to_key[1:]
    vectors.resize_vectors()
    assert vectors.vectors.tolist() == [[1, 2]] and vectors.key_to_index == {"a": 0}
    vectors.index_to_key.append("a")
    with pytest.raises(ValueError, match="'a' is listed for row 0 and for row 1"):
        vectors.resize_vectors()
    assert vectors.vectors.tolist() == [[1, 2]]


def test_attributes_are_allocated():
    vectors = KeyedVectors.from_words("ab", [[1, 2], [3, 4]])
    vectors.allocate_vecattrs(["count", "tag", "share"], [int, str, np.float32])
    assert {name: a.dtype for name, a in vectors.expandos.items()} == {
        "count": np.int64,
        "tag": object,
        "share": np.float32,
    }
    vectors.allocate_vecattrs(["count"], [np.int64])  # is there
    vectors.expandos["count"] = np.array([7])
    vectors.allocate_vecattrs()
    assert vectors.expandos["count"].tolist() == [7, 0]
    with pytest.raises(TypeError, match="share: expected float32, as there is, got int64"):
        vectors.allocate_vecattrs(["share"], [int])
    with pytest.raises(ValueError, match="attrs, types: expected as many dtypes as names"):
        vectors.allocate_vecattrs(["share"])


@pytest.mark.parametrize("binary", [True, False])
def test_vectors_of_a_file_are_taken(tmp_path, binary, caplog):
    vectors = KeyedVectors.from_words("abc", TABLE[:3].copy())
    other = KeyedVectors.from_words("cxa", TABLE[10:13])
    other.save_word2vec_format(tmp_path / "v", binary=binary)
    with caplog.at_level(logging.INFO):
        assert vectors.intersect_word2vec_format(tmp_path / "v", binary=binary) == 2
    assert "2 of 3 words" in caplog.text
    np.testing.assert_array_equal(vectors.vectors, TABLE[[12, 1, 10]])
    assert vectors.vectors_lockf.tolist() == [0, 1, 0]
    vectors.intersect_word2vec_format(tmp_path / "v", lockf=1.0)
    assert vectors.vectors_lockf.tolist() == [1, 1, 1]
    narrow = KeyedVectors.from_words("abc", TABLE[:3, :5].copy())
    with pytest.raises(ValueError, match="expected vectors of 5 numbers, got 8"):
        narrow.intersect_word2vec_format(tmp_path / "v")
    assert narrow.vectors_lockf.tolist() == [1]
    with pytest.raises(ValueError, match="lockf: expected"):
        vectors.intersect_word2vec_format(tmp_path / "v", lockf=-1)


# ---- indexes


class Exact:
    """An indexer that looks at every vector."""

    def __init__(self, vectors):
        self.vectors = vectors

    def most_similar(self, vector, num_neighbors):
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
        return self.vectors.similar_by_vector(vector, topn=num_neighbors)


def test_an_indexer_answers():
    vectors = KeyedVectors.from_words(WORDS, TABLE)
    found = vectors.most_similar(["w1", RAW], topn=5, indexer=Exact(vectors))
    assert len(found) == 5
    assert found[0][0] == vectors.most_similar([vectors["w1"] * 0 + RAW], topn=1)[0][0]


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_an_index_of_usearch_finds_neighbours(dtype, tmp_path):
    pytest.importorskip("usearch")
    table = np.random.default_rng(1).standard_normal((500, 16)).astype("f4")
    vectors = KeyedVectors.from_words([f"w{i}" for i in range(500)], table).astype(dtype)
    index = vectors.build_index("usearch", expansion_search=256)
    assert len(index) == 500
    hits = 0
    for word in vectors.index_to_key[:50]:
        found = vectors.most_similar(word, topn=11, indexer=index)
        right = dict(vectors.most_similar(word, topn=10))
        # An index is approximate, and threads build it: the word need not be the very first.
        assert word in [other for other, _ in found[:3]]
        assert found[0][1] == pytest.approx(1, abs=0.02)
        for other, cosine in found:
            if other in right:
                hits += 1
                assert cosine == pytest.approx(right[other], abs=0.02)
    assert hits >= 475
    assert len(index.most_similar(table[0], 1000)) == 500 and index.most_similar(table[0], 0) == []
    with pytest.raises(ValueError, match=r"vector: expected shape \(16,\), got \(3,\)"):
        index.most_similar(np.ones(3), 5)
    with pytest.raises(TypeError, match="metric='l2sq'; leave it out"):
        vectors.build_index(metric="l2sq")


def test_an_index_of_another_kind_is_refused():
    vectors = KeyedVectors.from_words(WORDS, TABLE)
    with pytest.raises(ValueError, match="kind: expected"):
        vectors.build_index("annoy")


def test_an_index_of_annoy_is_built_from_the_vectors_of_gensim():
    pytest.importorskip("annoy")
    annoy = pytest.importorskip("gensim.similarities.annoy")
    vectors = KeyedVectors.from_words(WORDS, TABLE)
    indexer = annoy.AnnoyIndexer(vectors.to_gensim(), 100)
    found = vectors.most_similar("w1", topn=5, indexer=indexer)
    assert found[0][0] == "w1"
    assert [word for word, _ in found[1:]] == [w for w, _ in vectors.most_similar("w1", topn=4)]


# ---- evaluation


def test_words_that_differ_in_case_are_one_answer(tmp_path):
    # In the rows nearest to b - a + c, "Queen" comes before "queen"; both are the answer.
    words = ["king", "man", "woman", "KING", "Queen", "queen", "other"]
    table = [[1, 0, 1], [1, 0, 0], [0, 1, 0], [0.1, 1, 1], [0, 1.02, 1], [0, 1.1, 1], [0, 0, -1]]
    (tmp_path / "q").write_text(": s\nman king woman queen\nking king woman queen\n")
    vectors = KeyedVectors.from_words(words, np.array(table, "f4"))
    _, sections = vectors.evaluate_word_analogies(tmp_path / "q")
    assert sections[0]["correct"][0] == ("MAN", "KING", "WOMAN", "QUEEN")
    models = pytest.importorskip("gensim.models")
    theirs = models.KeyedVectors(3)
    theirs.add_vectors(words, np.array(table, "f4"))
    for insensitive in (True, False):
        found, right = (
            kv.evaluate_word_analogies(str(tmp_path / "q"), case_insensitive=insensitive)
            for kv in (vectors, theirs)
        )
        assert found == right


def test_analogies_with_case_are_those_of_gensim(tmp_path):
    models = pytest.importorskip("gensim.models")
    rng = np.random.default_rng(2)
    words = [w for i in range(30) for w in (f"a{i}", f"A{i}")]
    table = rng.standard_normal((60, 4)).astype("f4")
    lines = [" ".join(rng.choice(words, 4)) for _ in range(400)]
    (tmp_path / "q").write_text(": s\n" + "\n".join(lines) + "\n")
    theirs = models.KeyedVectors(4)
    theirs.add_vectors(words, table)
    ours = KeyedVectors.from_words(words, table)
    for options in ({}, {"case_insensitive": False}, {"restrict_vocab": 20}):
        found, right = (
            kv.evaluate_word_analogies(str(tmp_path / "q"), **options) for kv in (ours, theirs)
        )
        assert found[1][0]["correct"] == right[1][0]["correct"] and found == right


def test_correlations_have_names(tmp_path, caplog):
    (tmp_path / "pairs").write_text("w1\tw2\t3\nw3\tw4\t1\nw5\tw6\t2\nw7\tw8\t9\nw1\tnone\t5\n")
    vectors = KeyedVectors.from_words(WORDS, TABLE)
    with caplog.at_level(logging.INFO):
        pearson, spearman, unknown = vectors.evaluate_word_pairs(tmp_path / "pairs")
    assert (pearson.statistic, pearson.pvalue) == tuple(pearson)
    assert (spearman.statistic, spearman.pvalue) == tuple(spearman)
    assert unknown == 20 and "20.0% of the pairs" in caplog.text
    models = pytest.importorskip("gensim.models")
    theirs = models.KeyedVectors(8)
    theirs.add_vectors(WORDS, TABLE)
    right = theirs.evaluate_word_pairs(str(tmp_path / "pairs"))
    for ours, other in ((pearson, right[0]), (spearman, right[1])):
        assert ours.statistic == pytest.approx(other.statistic, abs=1e-6)
        assert ours.pvalue == pytest.approx(other.pvalue, abs=1e-6)


def test_sections_are_logged(caplog):
    with caplog.at_level(logging.INFO):
        KeyedVectors.log_accuracy({"section": "s", "correct": [1, 2, 3], "incorrect": [4]})
        KeyedVectors.log_evaluate_word_pairs((0.5, 0.1), (0.25, 0.2), 12.5, "file")
    assert "s: 75.0% right (3 of 4)" in caplog.text
    assert "file: Pearson 0.5000, Spearman 0.2500, 12.5%" in caplog.text
