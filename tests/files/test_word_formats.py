"""Words and numbers come back from every format as they were written, or are refused before."""

import gzip
import os
import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastw2v import Word2Vec
from fastw2v._files.words import decode, encode, unwritable_rows
from fastw2v.keyed_vectors import KeyedVectors

OWN = ["v.fw2v", "v.npz", "v.kv"]
WORD2VEC = ["v", "v.txt", "v.vec", "v.bin", "v.gz", "v.txt.gz", "v.vec.bz2", "v.vec.xz", "v.bin.xz"]

# Characters that some reader or writer of some program takes for an end, a mark or an escape.
ODD = (
    " \t\r\n\0\x0b\x0c\x1c\x1f\x85\xa0\u1680\u2028\u2029\u3000\ufeff\u200b\u241b;20a1.\ud800\udc00"
)
any_word = st.text(
    st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=())), max_size=6
)
NUMBERS = {
    dtype: hnp.from_dtype(np.dtype(dtype), allow_subnormal=True) for dtype in ("<f2", "<f4", "<f8")
}


@st.composite
def word_tables(draw, least=0):
    words = draw(st.lists(any_word, min_size=least, max_size=5, unique=True))
    dtype = draw(st.sampled_from(sorted(NUMBERS)))
    shape = (len(words), draw(st.integers(1, 3)))
    return words, draw(hnp.arrays(dtype, shape, elements=NUMBERS[dtype]))


def made(words, table):
    vectors = KeyedVectors(table.shape[1], dtype=table.dtype)
    return KeyedVectors.from_words(words, table) if len(words) else vectors


def same(loaded, words, table):
    assert loaded.index_to_key == list(words)
    assert loaded.key_to_index == {word: row for row, word in enumerate(words)}
    assert loaded.vectors.dtype == table.dtype and loaded.vectors.shape == table.shape
    np.testing.assert_array_equal(loaded.vectors, table)
    zeros = table == 0
    assert (np.signbit(loaded.vectors[zeros]) == np.signbit(table[zeros])).all()


@given(word_tables(), st.sampled_from(OWN))
@example((["", "\ud83d\ude00", "\U0001f600", "a\0"], np.full((4, 1), np.nan, "<f4")), "v.npz")
def test_own_formats_hold_every_word_and_number(tmp_path_factory, made_of, name):
    words, table = made_of
    path = tmp_path_factory.mktemp("own") / name
    made(words, table).save(path)
    for mmap in ("c", "r", None):
        same(KeyedVectors.load(path, mmap), words, table)


@given(word_tables(), st.sampled_from(WORD2VEC), st.sampled_from([None, True, False]))
@example((["at 3", "3"], np.array([[1.5], [2]], "<f4")), "v.txt", None)
@example((["\u241b20;", "\u241b241b;20;", "\u241b;", ""], np.zeros((4, 2), "<f8")), "v.bin", None)
@example(([""], np.frombuffer("¿M[".encode(), "<f4").reshape(1, 1)), "v.txt", True)
@example(
    (["a", "b"], np.frombuffer("¿M[wörterzeichen".encode()[:16], "<f4").reshape(2, 2)),
    "v.bin",
    None,
)
def test_word2vec_formats_hold_every_word_escaped(tmp_path_factory, made_of, name, binary):
    words, table = made_of
    path = tmp_path_factory.mktemp("escaped") / name
    vectors = made(words, table)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numbers that are not finite are counted
        vectors.save_word2vec_format(path, binary=binary, unwritable="escape")
        loaded = KeyedVectors.load_word2vec_format(path, datatype=table.dtype)
        if binary or (binary is None and ".bin" in name):
            table = table.astype("<f4").astype(table.dtype)
        same(loaded, words, table)
        assert KeyedVectors.load(path).index_to_key == words


@given(word_tables(least=1))
@example((["\ufeffa", "\ufeff"], np.ones((2, 1), "<f4")))
@example((["3", "4"], np.ones((2, 1), "<f4")))
@example((["<html>", '{"'], np.ones((2, 1), "<f4")))
def test_text_without_a_header_holds_every_word(tmp_path_factory, made_of):
    words, table = made_of
    path = tmp_path_factory.mktemp("glove") / "v.txt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made(words, table).save_word2vec_format(path, write_header=False, unwritable="escape")
        same(KeyedVectors.load_word2vec_format(path, datatype=table.dtype), words, table)


@given(st.lists(any_word, unique=True), st.sampled_from(["error", "skip", "escape"]))
def test_encoded_words_are_rows_that_decode_to_them(words, unwritable):
    bad = [row for row, word in enumerate(words) if not word or set(word) & set(" \n\ud800\udc00")]
    bad = sorted(
        {*bad, *(r for r, w in enumerate(words) if any("\ud800" <= c < "\ue000" for c in w))}
    )
    assert unwritable_rows(words) == bad
    if bad and unwritable == "error":
        with pytest.raises(ValueError, match=f"got {len(bad)} word"):
            encode(words, unwritable, "v")
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encoded, rows = encode(words, unwritable, "v")
    left_out = bool(bad) and unwritable == "skip"
    assert len(caught) == left_out
    kept = [word for row, word in enumerate(words) if not left_out or row not in bad]
    assert (rows is not None) == left_out
    assert [decode(word) for word in encoded] == kept
    assert all(word and b" " not in word and b"\n" not in word for word in encoded)


TOKENS = ["a\xa0b", "\u3000", "x\x85", "a\tb", "a\r", "\u2028", "\ufeff", "1.5", "x" * 70_000, "\0"]


@pytest.mark.parametrize("name", WORD2VEC)
def test_tokens_with_white_space_beyond_the_blank_need_no_escape(tmp_path, name):
    path = tmp_path / name
    table = np.arange(len(TOKENS) * 2, dtype=np.float32).reshape(-1, 2) / 7
    KeyedVectors.from_words(TOKENS, table).save_word2vec_format(path)
    same(KeyedVectors.load(path, strict=True), TOKENS, table)
    same(KeyedVectors.load_word2vec_format(path, strict=True), TOKENS, table)


UNWRITABLE = ["New York", "", "two\nlines", "\ud800"]


@pytest.mark.parametrize("word", UNWRITABLE)
@pytest.mark.parametrize("name", ["v.txt", "v.bin", "v.vec.gz"])
def test_unwritable_words_are_refused_left_out_or_escaped(tmp_path, word, name):
    path, counts = tmp_path / name, tmp_path / "counts"
    words, table = ["a", word, "b"], np.ones((3, 2), np.float32)
    vectors = KeyedVectors.from_words(words, table)
    vectors.expandos["count"] = np.array([3, 5, 4])
    with pytest.raises(ValueError, match=r"got 1 word \(.* of row 1\); such a word is empty or"):
        vectors.save_word2vec_format(path, counts)
    with pytest.raises(ValueError, match="unwritable: expected"):
        vectors.save_word2vec_format(path, unwritable="drop")
    assert os.listdir(tmp_path) == []
    with pytest.warns(UserWarning, match=r"1 word \(.* of row 1\) left out") as caught:
        vectors.save_word2vec_format(path, counts, unwritable="skip")
    assert len(caught) == 1
    loaded = KeyedVectors.load_word2vec_format(path, counts, strict=True)
    assert loaded.index_to_key == ["b", "a"] and loaded.expandos["count"].tolist() == [4, 3]
    vectors.save_word2vec_format(path, counts, unwritable="escape")
    loaded = KeyedVectors.load_word2vec_format(path, counts, strict=True)
    assert loaded.index_to_key == [word, "b", "a"]
    assert loaded.expandos["count"].tolist() == [5, 4, 3]


def test_an_escaped_file_has_the_documented_bytes(tmp_path):
    path = tmp_path / "v.txt"
    words = ["New York", "", "\u241b20;", "\u241b"]
    KeyedVectors.from_words(words, np.ones((4, 1))).save_word2vec_format(path, unwritable="escape")
    rows = ["4 1", "New\u241b20;York 1.0", "\u241b; 1.0", "\u241b241b;20; 1.0", "\u241b 1.0"]
    assert path.read_text("utf-8").split("\n") == [*rows, ""]


def test_a_word_longer_than_any_row_may_be_is_refused(tmp_path):
    vectors = KeyedVectors.from_words(["x" * (1 << 22) + "x"], np.ones((1, 2), np.float32))
    vectors.save_word2vec_format(tmp_path / "v.txt")
    assert KeyedVectors.load(tmp_path / "v.txt").index_to_key == vectors.index_to_key
    for unwritable in ("error", "escape"):
        with pytest.raises(ValueError, match="more than 4194304 bytes"):
            vectors.save_word2vec_format(tmp_path / "v.gz", unwritable=unwritable)


def test_the_digits_of_each_dtype_are_written(tmp_path):
    path = tmp_path / "v.txt"
    for dtype, row in (
        (np.float16, b"a 0.099975586 -6e-08\n"),
        (np.float32, b"a 0.1 -6e-08\n"),
        (np.float64, b"a 0.1 -6e-08\n"),
        (np.longdouble, b"a 0.1 -6e-08\n"),
    ):
        KeyedVectors.from_words("a", np.array([[0.1, -6e-8]], dtype)).save_word2vec_format(path)
        assert path.read_bytes().split(b"\n", 1)[1][:6] == row[:6]
    third = np.array([[1 / 3, np.pi]])
    KeyedVectors.from_words("a", third).save_word2vec_format(path)
    assert path.read_bytes() == b"1 2\na 0.3333333333333333 3.141592653589793\n"
    assert (KeyedVectors.load_word2vec_format(path, datatype=np.float64)["a"] == third).all()


# --- models --------------------------------------------------------------------------------------


def model(words, **options):
    options = {"vector_size": 3, "min_count": 1, "epochs": 1, "workers": 1, "negative": 2} | options
    return Word2Vec([words] * 3, **options)


@given(st.lists(any_word, min_size=2, unique=True))
@example(["", "\n"])
def test_models_train_and_keep_every_word(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("model") / "m"
    trained = model(words)
    trained.save(path)
    loaded = Word2Vec.load(path)
    same(loaded.wv, words, trained.wv.vectors)
    same(KeyedVectors.load(path), words, trained.wv.vectors)


@given(st.lists(st.one_of(st.integers(), st.integers(-9, 9)), min_size=2, unique=True))
@example([2**63, -(2**63)])
@example([2**63 - 1, -(2**70)])
def test_models_keep_integers_of_any_size(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("model") / "m"
    trained = model(words)
    trained.save(path)
    same(Word2Vec.load(path).wv, words, trained.wv.vectors)
    trained.wv.save_word2vec_format(path)
    same(KeyedVectors.load(path, strict=True), list(map(str, words)), trained.wv.vectors)


@pytest.mark.parametrize("options", [{}, {"hs": 1}, {"hs": 1, "negative": 0}, {"sg": 1}])
def test_words_added_before_a_save_are_kept(tmp_path, options):
    trained = model(["a", "b", "c"], **options)
    trained.wv.add_vector("new one", np.arange(3))
    trained.wv.add_vectors(["x", "y"], np.ones((2, 3)), {"count": [7, 8]})
    trained.save(tmp_path / "m")
    loaded = Word2Vec.load(tmp_path / "m")
    same(loaded.wv, ["a", "b", "c", "new one", "x", "y"], trained.wv.vectors)
    assert loaded.wv.expandos["count"].tolist() == [3, 3, 3, 0, 7, 8]
    for name in ("syn1neg", "syn1"):
        mine, theirs = getattr(loaded, name), getattr(trained, name)
        assert (mine is None and theirs is None) or np.array_equal(mine, theirs)
    trained.wv.vectors = trained.wv.vectors[:, :2]
    before = (tmp_path / "m").read_bytes()
    with pytest.raises(ValueError, match=r"vectors: expected shape \(6, 3\).* got \(6, 2\)"):
        trained.save(tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == before


def test_numbers_that_are_not_finite_are_kept(tmp_path):
    trained = model(["a", "b", "c"])
    trained.wv.vectors[1] = np.nan, np.inf, -np.inf
    trained.syn1neg[2] = np.nan
    trained.save(tmp_path / "m")
    loaded = Word2Vec.load(tmp_path / "m")
    same(loaded.wv, "abc", trained.wv.vectors)
    np.testing.assert_array_equal(loaded.syn1neg, trained.syn1neg)
    with pytest.raises(ValueError, match="row 1 holds a number that is not finite"):
        KeyedVectors.load(tmp_path / "m", strict=True)


@pytest.mark.parametrize("name", [*OWN, "v.txt", "v.bin", "v.gz"])
def test_empty_sets_are_kept(tmp_path, name):
    path = tmp_path / name
    empty = KeyedVectors(4)
    if name in OWN:
        empty.save(path)
    else:
        empty.save_word2vec_format(path)
    loaded = KeyedVectors.load(path, strict=True)
    assert len(loaded) == 0 and loaded.vectors.shape == (0, 4)
    loaded.add_vector("a", np.ones(4))
    assert loaded.index_to_key == ["a"]


def test_attributes_of_words_are_kept_by_own_formats(tmp_path):
    for name in OWN:
        vectors = KeyedVectors.from_words("ab", np.ones((2, 2)))
        vectors.expandos |= {"count": np.array([1, 2]), "a / b.npy": np.array([0.5, np.nan])}
        vectors.save(tmp_path / name)
        loaded = KeyedVectors.load(tmp_path / name)
        assert list(loaded.expandos) == ["count", "a / b.npy"]
        for key, values in vectors.expandos.items():
            np.testing.assert_array_equal(loaded.expandos[key], values)
        vectors.expandos["label"] = np.array(["x", "y"])
        with pytest.raises(TypeError, match="expando label: expected plain numbers"):
            vectors.save(tmp_path / name)
        assert len(KeyedVectors.load(tmp_path / name)) == 2


def test_packed_rows_are_appended_in_the_same_packing(tmp_path):
    for name in ("v.txt.gz", "v.txt.bz2", "v.txt.xz", "v.bin.xz"):
        path = tmp_path / name
        for prefix, first in (("a", True), ("b", False), ("c", False)):
            KeyedVectors.from_words([prefix], [[1.0]]).save_word2vec_format(
                path, append=True, write_header=first, total_vec=3 if first else None
            )
        assert KeyedVectors.load(path, strict=True).index_to_key == ["a", "b", "c"]
    (tmp_path / "plain.gz").write_bytes(b"1 1\na 1\n")
    with pytest.raises(ValueError, match="to hold gzip data as its name says, got plain data"):
        KeyedVectors.from_words(["b"], [[1.0]]).save_word2vec_format(
            tmp_path / "plain.gz", append=True, write_header=False
        )
    assert gzip.decompress((tmp_path / "v.txt.gz").read_bytes()).count(b"\n") == 4
