"""KeyedVectors beside gensim: equal answers from equal vectors, and files in both directions."""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_same_bits

from fastw2v import KeyedVectors
from fastw2v._files import fw2v
from fastw2v.keyed_vectors import evaluation
from fastw2v.keyed_vectors.evaluation import _beta_share

gensim = pytest.importorskip("gensim.models")
from gensim.test.utils import datapath  # noqa: E402


@pytest.fixture
def ours(rng):
    words = [f"w{i}" for i in range(300)]
    vectors = KeyedVectors.from_words(words, rng.standard_normal((300, 20)).astype(np.float32))
    vectors.expandos["count"] = np.arange(300, 0, -1)
    return vectors


@pytest.fixture
def theirs(ours):
    return ours.to_gensim()


def close(found, expected):
    assert [word for word, _ in found] == [word for word, _ in expected]
    np.testing.assert_allclose([s for _, s in found], [s for _, s in expected], atol=2e-6)


QUERIES = [
    {"positive": "w3"},
    {"positive": ["w3", "w5"], "negative": ["w7"]},
    {"positive": [("w3", 2.0), "w5"], "negative": [("w7", -0.5)]},
    {"positive": ["w3"], "restrict_vocab": 50},
    {"positive": ["w3"], "clip_start": 100, "clip_end": 150},
    {"positive": [np.arange(20.0)], "topn": 400},
    {"positive": ["w3"], "topn": 0},
    {"positive": [5]},
]


@pytest.mark.parametrize("query", QUERIES)
def test_most_similar_agrees_with_gensim(ours, theirs, query):
    close(ours.most_similar(**query), theirs.most_similar(**query))


def test_topn_none_gives_all_cosines(ours, theirs):
    np.testing.assert_allclose(
        ours.most_similar("w3", topn=None), theirs.most_similar("w3", topn=None), atol=1e-6
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_many_queries_agree_with_single_ones(rng, dtype):
    words = [f"w{i}" for i in range(500)]
    vectors = KeyedVectors.from_words(words, rng.standard_normal((500, 20)).astype(dtype))
    queries = ["w3", "w8", rng.standard_normal(20), 7] * 5
    many = vectors.most_similar_many(queries, topn=7, restrict_vocab=400)
    for query, found in zip(queries, many, strict=True):
        close(found, vectors.most_similar(query, topn=7, restrict_vocab=400))
    assert vectors.most_similar_many([]) == []
    assert vectors.most_similar_many(["w1"], topn=0) == [[]]
    with pytest.raises(KeyError, match="'none' is not among"):
        vectors.most_similar_many(["w1", "none"])


@pytest.mark.filterwarnings("ignore:Call to deprecated")
def test_other_queries_agree_with_gensim(ours, theirs):
    words = ["w1", "w2", "w3", "w9"]
    close(
        ours.most_similar_cosmul(["w1", "w2"], ["w3"]),
        theirs.most_similar_cosmul(["w1", "w2"], ["w3"]),
    )
    close(ours.similar_by_word("w4"), theirs.similar_by_word("w4"))
    close(ours.similar_by_vector(ours["w4"], 5), theirs.similar_by_vector(theirs["w4"], 5))
    assert ours.doesnt_match(words) == theirs.doesnt_match(words)
    assert ours.closer_than("w1", "w2") == theirs.closer_than("w1", "w2")
    assert ours.rank("w1", "w2") == theirs.rank("w1", "w2")
    assert ours.most_similar_to_given("w1", words[1:]) == theirs.most_similar_to_given(
        "w1", words[1:]
    )
    for name, arguments in {
        "similarity": ("w1", "w2"),
        "distance": ("w1", "w2"),
        "n_similarity": (["w1", "w2"], ["w3", "w4"]),
    }.items():
        found = getattr(ours, name)(*arguments)
        assert found == pytest.approx(getattr(theirs, name)(*arguments), abs=1e-6)
    np.testing.assert_allclose(
        ours.distances("w1", words), theirs.distances("w1", words), atol=1e-6
    )
    np.testing.assert_allclose(
        ours.get_mean_vector(words, [1, 2, 3, -1]),
        theirs.get_mean_vector(words, [1, 2, 3, -1]),
        atol=1e-6,
    )
    np.testing.assert_allclose(ours.get_normed_vectors(), theirs.get_normed_vectors(), atol=1e-6)
    np.testing.assert_allclose(ours.norms, np.linalg.norm(ours.vectors, axis=1), rtol=1e-6)
    assert ours.get_index("none", -5) == -5
    assert ours.has_index_for("w1") and not ours.has_index_for("none")
    with pytest.raises(ValueError, match="at least one word in each"):
        ours.n_similarity([], ["w1"])
    with pytest.raises(ValueError, match="got none of 1"):
        ours.doesnt_match(["none"])


def test_added_and_replaced_words_agree_with_gensim(ours, theirs):
    new = np.ones((3, 20), np.float32)
    for vectors in (ours, theirs):
        vectors.add_vectors(["x", "w2", "y"], new)
        vectors.add_vectors(["w5"], new[:1] * 2, replace=True)
        vectors["z"] = new[0] * 3
        vectors.set_vecattr("x", "count", 5)
    assert ours.index_to_key == theirs.index_to_key
    assert_same_bits(ours.vectors, theirs.vectors)
    assert ours.get_vecattr("x", "count") == 5
    assert ours.get_vecattr("y", "count") == 0
    assert ours.get_vecattr("w2", "count") == theirs.get_vecattr("w2", "count")
    before = ours.vectors.copy()
    for keys, rows, message in (
        (["q", "q"], new[:2], "is listed for row 0 and for row 1"),
        (["q"], np.ones((1, 21)), "expected shape"),
        (["q", "r"], new, "expected one word for each of the 3 rows"),
    ):
        with pytest.raises(ValueError, match=message):
            ours.add_vectors(keys, rows)
    with pytest.raises(TypeError, match="expected str like the words"):
        ours.add_vectors([7], new[:1])
    with pytest.raises(KeyError, match="no such attribute of words; there are: 'count'"):
        ours.get_vecattr("w1", "weight")
    assert_same_bits(ours.vectors, before)
    assert len(ours) == len(before) == len(ours.index_to_key)


def test_sorting_by_count_moves_whole_rows(ours):
    ours.expandos["count"] = np.arange(300)
    first, last = ours["w0"].copy(), ours["w299"].copy()
    ours.sort_by_descending_frequency()
    assert (ours.index_to_key[0], ours.index_to_key[-1]) == ("w299", "w0")
    assert_same_bits(ours["w0"], first)
    assert_same_bits(ours.vectors[0], last)


def test_vectors_are_normalised_in_place(ours):
    ours.vectors[7] = 0
    ours.unit_normalize_all()
    lengths = np.linalg.norm(ours.vectors, axis=1)
    assert lengths[7] == 0
    np.testing.assert_allclose(np.delete(lengths, 7), 1, rtol=1e-6)


@pytest.mark.parametrize("dummy", [False, True])
@pytest.mark.parametrize("file", ["wordsim353.tsv", "simlex999.txt"])
def test_word_pairs_agree_with_gensim(rng, file, dummy):
    with open(datapath(file)) as stream:
        words = sorted({word for line in stream for word in line.split("\t")[:2]})
    words = [word for word in words[::2] if not word.startswith("#")]
    ours = KeyedVectors.from_words(words, rng.standard_normal((len(words), 9)).astype(np.float32))
    found = ours.evaluate_word_pairs(datapath(file), dummy4unknown=dummy)
    expected = ours.to_gensim().evaluate_word_pairs(datapath(file), dummy4unknown=dummy)
    np.testing.assert_allclose(found[0], tuple(expected[0]), rtol=1e-5)
    np.testing.assert_allclose(found[1], tuple(expected[1]), rtol=1e-5)
    assert found[2] == pytest.approx(expected[2])


def test_a_file_without_known_pairs_is_refused(tmp_path, ours):
    path = tmp_path / "pairs"
    path.write_text("a\tb\t1\n")
    with pytest.raises(
        ValueError, match="expected pairs of words that are there, got none among 1;"
    ):
        ours.evaluate_word_pairs(path)


@pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")
@pytest.mark.parametrize("function", ["most_similar", "most_similar_cosmul"])
@pytest.mark.parametrize("dummy", [False, True])
def test_analogies_agree_with_gensim(tmp_path, rng, dummy, function, monkeypatch):
    monkeypatch.setattr(evaluation, "_ROWS", 7)
    words = [f"w{i}" for i in range(40)] + ["W3"]
    table = rng.standard_normal((41, 4)).astype(np.float32)
    table[20:40] = table[:20] + np.float32([2, 0, 0, 0])
    ours = KeyedVectors.from_words(words, table)
    lines = [": shifted"]
    for a, b in rng.integers(0, 20, (60, 2)).tolist():
        lines.append(f"w{a} w{a + 20} w{b} W{b + 20}")
    lines += [": unknown", "w1 w2 w3 none", "too few", ": empty"]
    path = tmp_path / "questions"
    path.write_text("\n".join(lines))
    options = {"dummy4unknown": dummy, "similarity_function": function}
    theirs = ours.to_gensim()
    theirs.most_similar = getattr(theirs, function)  # gensim 4.4 overlooks similarity_function
    score, sections = ours.evaluate_word_analogies(path, **options)
    expected = theirs.evaluate_word_analogies(str(path), **options)
    assert (pytest.approx(score), sections) == expected
    assert len(sections[0]["correct"]) > 0
    path.write_text("w1 w2 w3 w4\n")
    with pytest.raises(ValueError, match="line 1: expected `: name` of a section first"):
        ours.evaluate_word_analogies(path)


@pytest.mark.parametrize(
    ("a", "b", "x"), [(0.5, 0.5, 0.3), (3, 0.5, 0.9), (175.5, 0.5, 0.7), (1, 1, 0.25), (2, 5, 0.6)]
)
def test_the_incomplete_beta_function_agrees_with_scipy(a, b, x):
    special = pytest.importorskip("scipy.special")
    assert _beta_share(a, b, x) == pytest.approx(float(special.betainc(a, b, x)), rel=1e-10)
    assert _beta_share(a, b, 0.0) == 0
    assert _beta_share(a, b, 1.0) == 1


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_gensim_and_we_read_each_others_files(ours, tmp_path, binary, suffix):
    path, counts = str(tmp_path / f"v{suffix}"), str(tmp_path / "counts")
    ours.save_word2vec_format(path, counts, binary)
    theirs = gensim.KeyedVectors.load_word2vec_format(path, counts, binary)
    assert theirs.index_to_key == ours.index_to_key
    assert_same_bits(theirs.vectors, ours.vectors)
    assert theirs.get_vecattr("w3", "count") == 297
    theirs.save_word2vec_format(path, counts, binary)
    again = KeyedVectors.load_word2vec_format(path, counts, binary)
    assert again.index_to_key == ours.index_to_key
    np.testing.assert_allclose(again.vectors, ours.vectors, rtol=1e-6)
    assert again.get_vecattr("w3", "count") == 297


@pytest.mark.parametrize(
    "options",
    [{}, {"sort_attr": "other"}, {"prefix": "p_", "total_vec": 900}, {"sort_attr": "missing"}],
    ids=str,
)
def test_words_are_written_in_the_order_of_gensim(ours, rng, tmp_path, options):
    ours.expandos |= {"count": rng.integers(0, 99, 300), "other": rng.random(300)}
    fvocab = [] if "missing" in options.values() else [str(tmp_path / "counts")]
    written = []
    for vectors in (ours, ours.to_gensim()):
        vectors.save_word2vec_format(str(tmp_path / "v"), *fvocab, **options)
        lines = (tmp_path / "v").read_text().splitlines()
        written.append([lines[0], *(line.split()[0] for line in lines[1:])])
        written[-1] += [Path(name).read_text() for name in fvocab]
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("file", "binary"), [("euclidean_vectors.bin", True), ("word2vec_pre_kv_c", False)]
)
def test_files_written_by_gensim_load(file, binary):
    path = datapath(file)
    theirs = gensim.KeyedVectors.load_word2vec_format(path, binary=binary)
    ours = KeyedVectors.load_word2vec_format(path, binary=binary)
    assert ours.index_to_key == theirs.index_to_key
    assert_same_bits(ours.vectors, theirs.vectors)
    limited = KeyedVectors.load_word2vec_format(path, binary=binary, limit=2)
    assert limited.index_to_key == theirs.index_to_key[:2]


def test_vectors_go_to_gensim_and_back(ours, theirs):
    assert np.shares_memory(theirs.vectors, ours.vectors)
    assert theirs.get_vecattr("w0", "count") == 300
    back = KeyedVectors.from_gensim(theirs)
    assert np.shares_memory(back.vectors, ours.vectors)
    assert back.index_to_key == ours.index_to_key
    assert_same_bits(back.expandos["count"], ours.expandos["count"])
    model = gensim.Word2Vec([["a", "b"]] * 9, min_count=1, vector_size=4)
    assert set(KeyedVectors.from_gensim(model.wv).index_to_key) == {"a", "b"}
    assert KeyedVectors.from_gensim(model).vectors is model.wv.vectors
    with pytest.raises(TypeError, match="expected gensim's KeyedVectors, got list; pass model.wv"):
        KeyedVectors.from_gensim([])


@pytest.mark.parametrize("mmap", ["c", "r", None])
def test_saved_vectors_are_mapped_or_read(ours, tmp_path, mmap):
    path = tmp_path / "v.fw2v"
    ours.index_to_key[3], ours.key_to_index = "white space\n日本", {}
    ours.key_to_index = {word: row for row, word in enumerate(ours.index_to_key)}
    ours.save(path)
    loaded = KeyedVectors.load(path, mmap=mmap)
    assert loaded.index_to_key == ours.index_to_key
    assert_same_bits(np.array(loaded.vectors), ours.vectors)
    assert loaded.get_vecattr("w0", "count") == 300
    close(loaded.most_similar("w5"), ours.most_similar("w5"))
    assert loaded.vectors.flags.writeable == (mmap != "r")
    if mmap == "c":
        loaded.vectors[0] = 0  # stays in this process
        assert KeyedVectors.load(path).vectors[0].any()
    with pytest.raises(ValueError, match="mmap: expected 'c', 'r' or None"):
        KeyedVectors.load(path, mmap="w")


def test_damaged_saved_vectors_are_refused(ours, tmp_path):
    path = tmp_path / "v.fw2v"
    ours.save(path)
    whole = path.read_bytes()
    for content, message in (
        (whole[:-999], "was cut off, get the file again"),
        (whole[:12], "ends inside its header"),
        (whole.replace(b"<f4", b"|O8", 1), "header is damaged"),
        (whole.replace(b"[300, 20]", b"[301, 20]", 1), "301|do not fit|cut off"),
        (whole.replace(b"[300, 20]", b"[-30, 20]", 1), "header is damaged"),
        (whole.replace(b"w299", b"w298", 1), "a word is listed twice"),
        (whole.replace(b"KeyedVectors", b"OtherContent", 1), "got a OtherContent"),
    ):
        assert content != whole
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            KeyedVectors.load(path)
    ours.vectors[5, 5] = np.inf
    ours.save(path)
    with pytest.raises(ValueError, match="vectors: row 5 holds a number that is not finite"):
        KeyedVectors.load(path, strict=True)


def test_a_full_disk_leaves_the_old_file(ours, tmp_path, monkeypatch):
    path = tmp_path / "v.fw2v"
    ours.save(path)
    before = path.read_bytes()

    def full(stream, array, dtype):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fw2v, "write_array", full)
    with pytest.raises(OSError, match="No space left"):
        ours.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["v.fw2v"]


def test_large_binary_files_are_read_in_pieces(tmp_path, rng, monkeypatch):
    from fastw2v._files import word2vec_format

    words = ["wörd" + "x" * (i % 30) + str(i) for i in range(3000)]
    ours = KeyedVectors.from_words(words, rng.standard_normal((3000, 7)).astype(np.float32))
    path = tmp_path / "v.bin"
    ours.save_word2vec_format(path, binary=True)
    monkeypatch.setattr(word2vec_format, "_FAST_BYTES", 1000)
    for limit in (None, 1, 2999, 3000, 5000):
        loaded = KeyedVectors.load_word2vec_format(path, limit=limit)
        assert loaded.index_to_key == words[:limit]
        assert_same_bits(loaded.vectors, ours.vectors[:limit])
