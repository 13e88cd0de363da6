"""Words with n-grams: look-ups, queries, changes, files, and gensim's answers."""

import copy
import json
import logging
import pickle

import numpy as np
import pytest

from fastw2v import FastTextKeyedVectors, KeyedVectors
from fastw2v.fasttext import NgramRows
from fastw2v.fasttext.ngrams import has_ngrams
from fastw2v.reference import subwords as reference

WORDS = ["sun", "sunny", "moon", "日本語", "a", "New York"]
UNSEEN = ["suns", "moonlight", "日本", "é", ""]
D, BUCKET = 5, 40


def parts(min_n=2, max_n=4, compact=False):
    """Return own rows and rows of n-grams; of the compact table every third row is drawn."""
    generator = np.random.default_rng(0)
    own = generator.standard_normal((len(WORDS), D)).astype(np.float32)
    rows = generator.standard_normal((BUCKET, D)).astype(np.float32)
    used = [b for b in range(BUCKET) if b % 3]
    table = NgramRows(BUCKET, D, used, rows[used], seed=7)
    return own, table if compact else np.asarray(table)


def made(min_n=2, max_n=4, compact=False):
    return FastTextKeyedVectors.from_parts(WORDS, *parts(compact=compact), min_n, max_n)


def expected(word, min_n=2, max_n=4):
    own, table = parts()
    row = own[WORDS.index(word)] if word in WORDS else None
    return reference.compose(row, table[reference.buckets(word, min_n, max_n, BUCKET)])


# ---- look-ups


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("whole_first", [False, True])
def test_vectors_are_means_of_rows_whether_one_or_all_are_composed(compact, whole_first):
    vectors = made(compact=compact)
    if whole_first:
        assert vectors.vectors.shape == (len(WORDS), D)
    for word in WORDS + UNSEEN:
        np.testing.assert_array_equal(vectors[word], expected(word))
    mixed = ["sun", "suns", "a", "moonlight", "sun"]
    np.testing.assert_array_equal(vectors[mixed], [expected(word) for word in mixed])
    np.testing.assert_array_equal(vectors.vectors, [expected(word) for word in WORDS])
    assert vectors[[]].shape == (0, D)


def test_single_look_ups_do_not_compose_all_words():
    vectors = made()
    vectors["sun"], vectors["suns"], vectors[2], "x" in vectors
    vectors.get_sentence_vector("sun suns")
    assert "vectors" not in vars(vectors)
    vectors.most_similar("suns")
    assert "vectors" in vars(vectors)


def test_what_is_in():
    vectors = made(min_n=3)
    assert "sun" in vectors
    assert "unseen" in vectors
    assert 5 in vectors
    assert 6 not in vectors
    assert None not in vectors
    assert "" not in vectors  # <> has two characters
    assert not vectors.has_index_for("unseen")
    with pytest.raises(KeyError, match="unseen"):
        vectors.get_index("unseen")
    assert vectors.get_index("unseen", 3) == 3


@pytest.mark.parametrize("word", ["", "a", "日", "ab", "\ud800"])
def test_words_with_an_ngram_are_told_without_listing_them(word):
    for min_n in range(6):
        for max_n in range(7):
            listed = reference.ngrams(word, min_n, max_n)
            assert has_ngrams(word, min_n, max_n) == bool(listed)


def test_a_word_too_short_is_zero_with_a_warning(caplog):
    vectors = made(min_n=4, max_n=4)
    with caplog.at_level(logging.WARNING):
        assert not vectors["b"].any()
    assert "'b' is too short for an n-gram" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        vectors["a"], vectors["bcd"]
    assert not caplog.records  # "a" has a row of its own


@pytest.mark.parametrize(("min_n", "max_n", "bucket"), [(2, 4, 0), (4, 2, 40), (0, 0, 40)])
def test_without_ngrams_unknown_words_raise(min_n, max_n, bucket):
    own, table = parts()
    vectors = FastTextKeyedVectors.from_parts(WORDS, own, table[:bucket], min_n, max_n)
    assert vectors.bucket == 0
    np.testing.assert_array_equal(vectors.vectors, own)
    assert "suns" not in vectors
    for ask in (vectors.__getitem__, vectors.get_vector, vectors.most_similar):
        with pytest.raises(KeyError, match="suns"):
            ask("suns")
    assert vectors.get_subwords("suns")[0] == []
    assert [len(buckets) for buckets in vectors.buckets_word] == [0] * len(WORDS)


@pytest.mark.parametrize("key", [6, 6.0, None, ["sun", 6]])
def test_rows_that_are_not_there_raise(key):
    with pytest.raises((KeyError, TypeError)):
        made()[key]


def test_subwords_are_listed_as_by_fasttext():
    texts, ids = made(min_n=3).get_subwords("sun")
    assert texts == ["sun", "<su", "<sun", "sun", "sun>", "un>"]
    assert ids[0] == 0
    known = reference.buckets("sun", 3, 4, BUCKET)
    assert (ids[1:] - len(WORDS)).tolist() == known
    texts, ids = made(min_n=3).get_subwords("ab")
    assert texts == ["<ab", "<ab>", "ab>"]
    assert (ids >= len(WORDS)).all()
    with pytest.raises(TypeError, match="word: expected str"):
        made().get_subwords(3)


def test_lengths_of_vectors_and_norms():
    vectors = made()
    unit = vectors.get_vector("suns", norm=True)
    assert np.linalg.norm(unit) == pytest.approx(1)
    np.testing.assert_allclose(vectors.norms, np.linalg.norm(vectors.vectors, axis=1), rtol=1e-6)


def test_sentence_vectors_are_means_of_unit_vectors():
    vectors = made(min_n=4)
    words = ["sun", "moonlight", "b", "sun"]  # "b" is too short
    unit = [vectors[w] / np.linalg.norm(vectors[w]) for w in words if w != "b"]
    for sentence in (" ".join(words), words):
        found = vectors.get_sentence_vector(sentence)
        np.testing.assert_allclose(found, np.mean(unit, axis=0), rtol=1e-5)
    assert not vectors.get_sentence_vector("").any()
    assert not vectors.get_sentence_vector(["b"]).any()
    with pytest.raises(ValueError, match="one line"):
        vectors.get_sentence_vector("sun\nmoon")


# ---- queries


def test_queries_of_unseen_words():
    vectors = made()
    cosines = {
        word: float(np.dot(vectors["suns"], vectors[word]))
        / np.linalg.norm(vectors["suns"])
        / np.linalg.norm(vectors[word])
        for word in WORDS
    }
    best = sorted(WORDS, key=cosines.get, reverse=True)
    found = vectors.most_similar("suns", topn=9)
    assert [word for word, _ in found] == best
    assert [cosine for _, cosine in found] == pytest.approx([cosines[w] for w in best], abs=1e-6)
    assert vectors.most_similar_many(["suns"], topn=9) == [found]
    assert vectors.get_nearest_neighbors("suns", k=2) == [(c, w) for w, c in found[:2]]
    assert [w for _, w in vectors.get_nearest_neighbors(best[0], k=99)].count(best[0]) == 0
    assert vectors.similarity("suns", "sun") == pytest.approx(cosines["sun"], abs=1e-6)
    assert vectors.closer_than("suns", best[2]) == [w for w in WORDS if w in best[:2]]
    assert vectors.rank("suns", best[3]) == 4
    assert set(vectors.closer_than(best[0], "suns")) < set(WORDS)
    assert vectors.distances("suns", ["sun", "moony"]).shape == (2,)
    assert vectors.most_similar_to_given("suns", best[::-1]) == best[0]
    assert vectors.doesnt_match(["sun", "suns", "moonlight"]) in ("sun", "suns", "moonlight")
    assert len(vectors.most_similar_cosmul("suns", "moonlight", topn=3)) == 3
    mean = vectors.get_mean_vector(["sun", "suns"])
    assert not np.allclose(mean, vectors.get_mean_vector(["sun"]))


def test_analogies_leave_the_given_words_out():
    vectors = made()
    found = vectors.get_analogies("sun", "sunny", "moons", k=9)
    assert {word for _, word in found} == set(WORDS) - {"sun", "sunny"}
    assert found == sorted(found, reverse=True)


def test_vectors_for_all_composes_unknown_words():
    vectors = made(min_n=4)
    vectors.set_vecattr("sun", "count", 9)
    plain = vectors.vectors_for_all(["suns", "b", "sun", "suns"], copy_vecattrs=True)
    assert type(plain) is KeyedVectors
    assert plain.index_to_key == ["suns", "sun"]
    np.testing.assert_array_equal(plain["suns"], vectors["suns"])
    assert plain.get_vecattr("sun", "count") == 9
    known = vectors.vectors_for_all(["suns", "sun"], allow_inference=False)
    assert known.index_to_key == ["sun"]


# ---- changes


def test_tables_are_composed_again_on_demand():
    vectors = made()
    before = vectors["sun"]
    vectors.vectors_vocab[0] += 8
    np.testing.assert_array_equal(vectors.vectors[0], vectors["sun"])
    vectors.vectors_vocab[0] += 8
    old = vectors["sun"]
    vectors.adjust_vectors()
    assert not np.array_equal(old, vectors["sun"])
    n = len(reference.ngrams("sun", 2, 4)) + 1
    np.testing.assert_allclose(vectors["sun"], before + 16 / n, rtol=1e-5)


def test_compact_rows_are_live():
    vectors = made(compact=True)
    before = vectors["suns"]
    vectors.vectors_ngrams.rows[:] += 1
    assert (vectors["suns"] > before).all()


@pytest.mark.parametrize(
    ("bucket", "n_used", "n_asked"),
    [(5, 5, 5), (100, 0, 5), (100, 7, 50), (10_000, 50, 20), (10_000, 50, 9000), (1000, 30, 0)],
)
def test_places_of_few_and_of_many_buckets(bucket, n_used, n_asked):
    draws = np.random.default_rng(1)
    used = np.sort(draws.choice(bucket, n_used, replace=False))
    asked = draws.integers(0, bucket, n_asked, dtype=np.int32)
    places = NgramRows(bucket, 2, used, np.zeros((n_used, 2))).places_of(asked)
    place = {int(b): n for n, b in enumerate(used)}
    assert places.dtype == np.int32
    assert places.tolist() == [place.get(b, -1) for b in asked.tolist()]


def test_words_cannot_be_added_but_set():
    vectors = made()
    vectors["sun"] = np.ones(D)
    np.testing.assert_array_equal(vectors["sun"], np.ones(D))
    for add in (
        lambda: vectors.add_vector("new", np.ones(D)),
        lambda: vectors.__setitem__("new", np.ones(D)),
        lambda: vectors.add_vectors(["sun", "new"], np.zeros((2, D)), replace=True),
    ):
        with pytest.raises(ValueError, match="'new'"):
            add()
    np.testing.assert_array_equal(vectors["sun"], np.ones(D))
    with pytest.raises(RuntimeError, match="resize_vectors"):
        vectors.resize_vectors()
    with pytest.raises(RuntimeError, match="intersect_word2vec_format.* rows of vectors_vocab"):
        vectors.intersect_word2vec_format("none.vec", lockf=0.0)
    assert "vectors_lockf" not in vars(vectors)
    plain = vectors.astype("float32")
    plain["new"] = np.ones(D)
    assert type(plain) is KeyedVectors
    assert "new" in plain
    assert "suns" not in plain
    assert vectors.astype("int8").vectors.stored == "int8"


def test_sorting_moves_own_rows():
    vectors = made()
    for count, word in enumerate(WORDS):
        vectors.set_vecattr(word, "count", count)
    vectors.sort_by_descending_frequency()
    assert vectors.index_to_key == WORDS[::-1]
    vectors.adjust_vectors()
    for word in WORDS:
        np.testing.assert_array_equal(vectors[word], expected(word))


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("vectors_vocab", np.zeros((3, D), np.float32), ValueError),
        ("vectors_vocab", np.zeros((len(WORDS), D)), TypeError),
        ("vectors_vocab", np.zeros((len(WORDS), 2 * D), np.float32)[:, ::2], ValueError),
        ("vectors_vocab", None, TypeError),
        ("vectors_ngrams", np.zeros((BUCKET - 1, D), np.float32), ValueError),
        ("vectors_ngrams", NgramRows(BUCKET, D + 1), ValueError),
        ("bucket", BUCKET + 1, ValueError),
        ("bucket", -1, ValueError),
        ("bucket", 2**31, ValueError),
        ("min_n", 1.5, TypeError),
        ("vector_size", D - 1, ValueError),
    ],
)
def test_parts_that_no_longer_fit_are_refused(name, value, error):
    for ask in (lambda v: v["suns"], lambda v: v.most_similar("sun"), lambda v: v.save("x.fw2v")):
        vectors = made()
        setattr(vectors, name, value)
        with pytest.raises(error, match=r"vectors|bucket|min_n"):
            ask(vectors)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((["a", "a"], np.zeros((2, 3)), np.zeros((4, 3))), ValueError, "'a' is listed"),
        ((["a", 3], np.zeros((2, 3)), np.zeros((4, 3))), TypeError, "words: expected str"),
        ((["a"], np.zeros((2, 3)), np.zeros((4, 3))), ValueError, "words: expected one word"),
        ((["a"], np.zeros((1, 3)), np.zeros((4, 2))), ValueError, "vectors_ngrams: expected shape"),
        ((["a"], np.zeros((1, 3)), np.zeros((4, 3)), -1), ValueError, "min_n"),
        ((["a"], np.zeros((1, 3)), np.zeros((4, 3)), 1, "6"), TypeError, "max_n"),
        ((["a"], [["x"]], np.zeros((4, 1))), TypeError, "vectors_vocab"),
    ],
)
def test_bad_parts_are_refused(arguments, error, text):
    with pytest.raises(error, match=text):
        FastTextKeyedVectors.from_parts(*arguments)


def test_an_empty_one_composes_any_word():
    vectors = FastTextKeyedVectors(3, 3, 6, 2_000_000, seed=5)
    again = FastTextKeyedVectors(3, 3, 6, 2_000_000, seed=5)
    np.testing.assert_array_equal(vectors["anything"], again["anything"])
    assert abs(vectors["anything"]).max() <= 1 / 3
    assert not np.array_equal(vectors["anything"], FastTextKeyedVectors(3, 3, 6, 2_000_000)["any"])
    with pytest.raises(TypeError, match="float32"):
        FastTextKeyedVectors(3, 3, 6, 10, dtype=np.float64)


# ---- the compact table


def test_compact_tables_are_read_like_arrays():
    _, whole = parts()
    _, table = parts(compact=True)
    for ids in (0, 1, -1, np.int32(7), [3, 1, 1], np.array([0, -40]), slice(2, 30, 5), slice(None)):
        np.testing.assert_array_equal(table[ids], whole[ids])
    assert table[[]].shape == (0, D)
    assert len(table) == BUCKET
    assert np.asarray(table, np.float64).dtype == np.float64
    with pytest.raises(IndexError, match="id 40"):
        table[[3, 40]]
    with pytest.raises(IndexError, match="id -41"):
        table[-41]
    for ids in (1.5, "a", [[1]], None):
        with pytest.raises(TypeError, match="buckets"):
            table[ids]
    with pytest.raises(ValueError, match="copy"):
        np.array(table, copy=False)


@pytest.mark.parametrize(
    "used", [[1, 1], [2, 1], [-1, 2], [3, 40], [0.5, 1.5], [[1, 2]], ["a", "b"]]
)
def test_lists_of_buckets_are_checked(used):
    with pytest.raises(ValueError, match="used: expected different buckets"):
        NgramRows(BUCKET, D, used, np.zeros((2, D)))


def test_rows_and_their_buckets_are_as_many():
    with pytest.raises(ValueError, match="rows: expected shape"):
        NgramRows(BUCKET, D, [1, 2], np.zeros((3, D)))


# ---- files


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("mmap", ["c", "r", None])
def test_saved_and_loaded(tmp_path, compact, mmap):
    vectors = made(compact=compact)
    vectors.set_vecattr("sun", "count", 9)
    vectors.note = "mine"
    vectors.save(tmp_path / "v.fw2v")
    again = FastTextKeyedVectors.load(tmp_path / "v.fw2v", mmap, strict=True)
    assert (again.min_n, again.max_n, again.bucket) == (2, 4, BUCKET)
    assert again.note == "mine"
    assert again.get_vecattr("sun", "count") == 9
    assert isinstance(again.vectors_ngrams, NgramRows) == compact
    for word in WORDS + UNSEEN:
        np.testing.assert_array_equal(again[word], vectors[word])
    again.adjust_vectors()
    np.testing.assert_array_equal(again.vectors, vectors.vectors)
    with pytest.warns(UserWarning, match="FastTextKeyedVectors"):
        plain = KeyedVectors.load(tmp_path / "v.fw2v")
    np.testing.assert_array_equal(plain.vectors, vectors.vectors)


def test_copies(tmp_path):
    for copied in (copy.deepcopy(made(compact=True)), pickle.loads(pickle.dumps(made()))):
        np.testing.assert_array_equal(copied["suns"], expected("suns"))
        np.testing.assert_array_equal(copied.vectors, made().vectors)


@pytest.mark.parametrize("binary", [False, True])
def test_word2vec_formats_hold_the_words(tmp_path, binary):
    vectors = made()
    vectors.save_word2vec_format(tmp_path / "v", binary=binary, unwritable="escape")
    plain = KeyedVectors.load(tmp_path / "v")
    np.testing.assert_array_equal(plain.vectors, vectors.vectors)
    read = FastTextKeyedVectors.load_word2vec_format(tmp_path / "v")
    assert read.bucket == 0
    np.testing.assert_array_equal(read.vectors_vocab, vectors.vectors)
    with pytest.raises(KeyError):
        read["suns"]


@pytest.mark.parametrize("name", ["v.npz", "v.vec", "v.parquet", "v.safetensors", "v.fw2v.gz"])
def test_other_formats_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="fastw2v's own format"):
        made().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_other_files_are_refused(tmp_path):
    KeyedVectors.from_words(["a"], [[1.0]]).save(tmp_path / "plain.fw2v")
    with pytest.raises(ValueError, match="FastTextKeyedVectors"):
        FastTextKeyedVectors.load(tmp_path / "plain.fw2v")
    with pytest.raises(ValueError, match="dtype"):
        made().save(tmp_path / "x.fw2v", dtype="int8")
    with pytest.raises(ValueError, match="dtype"):
        FastTextKeyedVectors.load(tmp_path / "plain.fw2v", dtype="int8")


def test_numbers_that_are_not_finite_are_refused_by_strict(tmp_path):
    for name in ("vectors_vocab", "vectors_ngrams"):
        vectors = made()
        assert vectors.vectors.shape
        getattr(vectors, name)[1, 1] = np.nan
        vectors.save(tmp_path / "v.fw2v")
        FastTextKeyedVectors.load(tmp_path / "v.fw2v")
        with pytest.raises(ValueError, match="row 1"):
            FastTextKeyedVectors.load(tmp_path / "v.fw2v", strict=True)


# ---- gensim as the oracle


def trained():
    gensim = pytest.importorskip("gensim")
    text = [["sun", "moon", "sky"], ["dog", "cat", "cow"], ["sunny", "cat", "a"]] * 20
    settings = {"vector_size": 8, "min_count": 1, "bucket": 500, "epochs": 2, "seed": 1}
    return gensim.models.FastText(text, workers=1, min_n=2, max_n=4, **settings)


def test_gensims_vectors_are_composed_alike(tmp_path):
    theirs = trained()
    ours = FastTextKeyedVectors.from_gensim(theirs)
    words = [*ours.index_to_key, "suns", "x", "moonlight", "日本"]
    for word in words:
        np.testing.assert_allclose(ours[word], theirs.wv[word], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(
            ours.get_vector(word, norm=True), theirs.wv.get_vector(word, norm=True), atol=1e-6
        )
        for (word_a, a), (word_b, b) in zip(
            ours.most_similar(word), theirs.wv.most_similar(word), strict=True
        ):
            assert (word_a, a) == (word_b, pytest.approx(b, abs=1e-5))
    np.testing.assert_allclose(
        ours.get_sentence_vector(["sun", "suns"]),
        theirs.wv.get_sentence_vector(["sun", "suns"]),
        atol=1e-6,
    )
    for mine, other in zip(ours.buckets_word, theirs.wv.buckets_word, strict=True):
        np.testing.assert_array_equal(mine, other)
    given = theirs.wv.vectors.copy()
    ours.adjust_vectors()
    np.testing.assert_allclose(ours.vectors, given, rtol=1e-5, atol=1e-7)
    back = ours.to_gensim()
    np.testing.assert_allclose(back["moonlight"], ours["moonlight"], rtol=1e-5)
    assert back.most_similar("moonlight")[0][0] == ours.most_similar("moonlight")[0][0]
    assert back.get_vecattr("sun", "count") == 20
    with pytest.raises(TypeError, match="min_n"):
        FastTextKeyedVectors.from_gensim(KeyedVectors.from_words(["a"], [[1.0]]))


def test_a_compact_table_becomes_whole_for_gensim():
    pytest.importorskip("gensim")
    ours = made(compact=True)
    back = ours.to_gensim()
    for word in WORDS + UNSEEN[:-1]:
        np.testing.assert_allclose(back[word], ours[word], rtol=1e-5, atol=1e-6)


def test_facts_of_a_file_are_plain(tmp_path):
    made(compact=True).save(tmp_path / "v.fw2v")
    data = (tmp_path / "v.fw2v").read_bytes()
    header = json.loads(data[16 : 16 + int.from_bytes(data[8:16], "little")])
    facts = header["facts"]
    assert (facts["min_n"], facts["max_n"], facts["bucket"]) == (2, 4, BUCKET)
    assert facts["ngram seed"] == 7
