"""Word vectors: look-ups, neighbours, and files with any content."""

import gzip
import os
import pickle
import stat
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastw2v import _kernels
from fastw2v._core import ranking
from fastw2v._files import book_pickle as book_pickle_reader
from fastw2v._files import lookahead, word2vec_writer
from fastw2v._files import word2vec_format as file_format
from fastw2v._kernels import _ranking
from fastw2v.keyed_vectors import KeyedVectors, files

WORDS = ["sun", "größer", "日本", "a_b"]
TABLE = np.array(
    [[1, 0, 0.5], [0.1, -2, 1e-7], [3.4e38, 1 / 3, 0], [-1e-40, 7, 123456.79]], dtype=np.float32
)


@pytest.fixture
def vectors():
    return KeyedVectors.from_words(WORDS, TABLE.copy())


@pytest.fixture
def plane():
    """Make vectors of words that are directions in the plane, in degrees."""
    angles = {"east": 0, "near_east": 10, "north": 90, "near_north": 80, "west": 180}
    radians = np.radians(list(angles.values()))
    lengths = np.array([1, 20, 3, 0.1, 5])
    table = np.stack([np.cos(radians), np.sin(radians)], axis=1) * lengths[:, None]
    return KeyedVectors.from_words(angles, table.astype(np.float32))


def write(path, content):
    path.write_bytes(content)
    return path


def same(loaded, words=WORDS, table=TABLE):
    assert loaded.index_to_key == list(words)
    assert loaded.key_to_index == {word: row for row, word in enumerate(words)}
    assert loaded.vectors.dtype == np.float32
    assert loaded.vectors.tobytes() == np.ascontiguousarray(table).tobytes()


# --- look-ups ------------------------------------------------------------------------------------


def test_words_are_looked_up_as_in_a_mapping(vectors):
    assert len(vectors) == 4
    assert "sun" in vectors
    assert "moon" not in vectors
    assert vectors.vector_size == 3
    assert np.array_equal(vectors["日本"], TABLE[2])
    assert not np.shares_memory(vectors["sun"], vectors.vectors)
    assert np.array_equal(vectors[["a_b", "sun"]], TABLE[[3, 0]])
    assert repr(vectors) == "<KeyedVectors: 4 words, 3 numbers each>"
    with pytest.raises(KeyError, match="'moon' is not among the 4 words"):
        vectors["moon"]
    with pytest.raises(KeyError, match="7 is not among"):
        vectors[["sun", 7]]


def test_get_vector_is_a_copy(vectors):
    assert not np.shares_memory(vectors.get_vector("sun"), vectors.vectors)
    assert np.linalg.norm(vectors.get_vector("a_b", norm=True)) == pytest.approx(1)


def test_vectors_may_have_no_words():
    empty = KeyedVectors(7)
    assert len(empty) == 0
    assert empty.vectors.shape == (0, 7)
    with pytest.raises(ValueError, match="vector_size: expected at least 1, got 0"):
        KeyedVectors(0)


def test_from_words_refuses_words_that_do_not_fit():
    with pytest.raises(ValueError, match="words: expected one word for each of the 2 rows, got 1"):
        KeyedVectors.from_words(["a"], np.ones((2, 2)))
    with pytest.raises(ValueError, match="words: 'a' is listed for row 0 and for row 2"):
        KeyedVectors.from_words(["a", "b", "a"], np.ones((3, 2)))
    with pytest.raises(TypeError, match="words: expected str, got int for row 1"):
        KeyedVectors.from_words(["a", 1], np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"vectors: expected shape \(V, D\), got \(3,\)"):
        KeyedVectors.from_words(["a", "b", "c"], np.ones(3))


def test_from_words_keeps_the_array():
    table = np.ones((1, 2), dtype=np.float32)
    assert KeyedVectors.from_words(["a"], table).vectors is table


# --- neighbours ----------------------------------------------------------------------------------


def test_similarity_is_the_cosine(plane):
    assert plane.similarity("east", "near_north") == pytest.approx(np.cos(np.radians(80)), abs=1e-6)
    assert plane.similarity("east", "west") == pytest.approx(-1)
    assert plane.similarity("north", "north") == pytest.approx(1)


def test_similarity_survives_large_and_zero_vectors():
    table = np.array([[3e38, 3e38], [0, 0], [1, 1]], dtype=np.float32)
    vectors = KeyedVectors.from_words("abc", table)
    assert vectors.similarity("a", "c") == pytest.approx(1)
    assert vectors.similarity("a", "b") == 0
    assert vectors.most_similar("b", topn=1) == [("a", 0.0)]


def test_most_similar_orders_by_angle_not_length(plane):
    words, cosines = zip(*plane.most_similar("east"), strict=True)
    assert words == ("near_east", "near_north", "north", "west")
    assert cosines == pytest.approx(np.cos(np.radians([10, 80, 90, 180])), abs=1e-6)
    assert [word for word, _ in plane.most_similar("east", topn=2)] == ["near_east", "near_north"]


def test_most_similar_adds_and_subtracts_unit_vectors(plane):
    answer = plane.most_similar(positive=["near_east", "north"], negative=["east"], topn=1)
    assert answer[0][0] == "near_north"
    assert plane.most_similar(negative="east", topn=1)[0][0] == "west"
    weighted = plane.most_similar([("east", 1.0), ("north", 0.0)], topn=1)
    assert weighted[0] == pytest.approx(("near_east", np.cos(np.radians(10))))
    assert plane.most_similar(np.array([0.0, 9.0]), topn=1)[0][0] == "north"
    assert plane.most_similar(np.array([[0.0, 9.0]]), topn=1)[0][0] == "north"


def test_most_similar_refuses_bad_queries(plane):
    with pytest.raises(KeyError, match="'up' is not among the 5 words"):
        plane.most_similar(["east", "up"])
    with pytest.raises(ValueError, match="positive: expected a word or a vector, got none"):
        plane.most_similar()
    with pytest.raises(ValueError, match=r"expected a word or a vector \(2,\), got shape \(3,\)"):
        plane.most_similar(np.ones(3))
    assert plane.most_similar("east", topn=-1) == []
    with pytest.raises(TypeError, match="topn: expected a whole number"):
        plane.most_similar("east", topn=1.5)


# --- files we write ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["v.txt", "v.bin", "v.txt.gz"])
@pytest.mark.parametrize(
    "options",
    [{}, {"binary": True}, {"write_header": False, "binary": False}],
    ids=["text", "binary", "glove"],
)
def test_saved_files_come_back_bit_by_bit(vectors, tmp_path, name, options):
    path = tmp_path / name
    vectors.save_word2vec_format(path, **options)
    same(KeyedVectors.load(path))
    same(KeyedVectors.load_word2vec_format(os.fspath(path)))
    assert os.listdir(tmp_path) == [name]


def test_text_files_have_the_documented_bytes(tmp_path):
    path = tmp_path / "v.txt"
    KeyedVectors.from_words(["a", "é"], [[1, 0.1], [-2.5, 1e-7]]).save_word2vec_format(path)
    assert path.read_bytes() == b"2 2\na 1.0 0.1\n\xc3\xa9 -2.5 1e-07\n"


def test_binary_files_have_the_documented_bytes(tmp_path):
    path = tmp_path / "v.bin"
    KeyedVectors.from_words(["a", "é"], [[1, -2], [0.5, 0]]).save_word2vec_format(path, binary=True)
    assert path.read_bytes() == (
        b"2 2\na \0\0\x80\x3f\0\0\0\xc0\n" + "é ".encode() + b"\0\0\0\x3f\0\0\0\0\n"
    )


def test_words_are_written_by_falling_count(tmp_path):
    vectors = KeyedVectors.from_words("abc", [[1], [2], [3]])
    vectors.expandos = {"count": np.array([4, 9, 4]), "rank": np.array([1.0, 2.0, 3.0])}
    path, counts = tmp_path / "v", tmp_path / "counts"
    vectors.save_word2vec_format(path, counts, prefix="*", total_vec=5)
    assert path.read_bytes() == b"5 1\n*b 2.0\n*a 1.0\n*c 3.0\n"
    assert counts.read_bytes() == b"*b 9\n*a 4\n*c 4\n"
    vectors.save_word2vec_format(path, counts, sort_attr="rank")
    assert path.read_bytes() == b"3 1\nc 3.0\nb 2.0\na 1.0\n"
    assert counts.read_bytes() == b"c 3.0\nb 2.0\na 1.0\n"
    vectors.save_word2vec_format(path, sort_attr="none")
    assert path.read_bytes() == b"3 1\na 1.0\nb 2.0\nc 3.0\n"
    for wrong, error, message in (
        ({"fvocab": counts, "sort_attr": "none"}, ValueError, "words with 'none' to write, got"),
        ({"total_vec": 2}, ValueError, "total_vec: expected at least 3, got 2"),
        ({"prefix": None}, TypeError, "prefix: expected str"),
        ({"prefix": "a "}, ValueError, "3 words .'a a' of row 0, .*holds a blank"),
        ({"fvocab": tmp_path / "none" / "v"}, FileNotFoundError, "there is no folder"),
    ):
        with pytest.raises(error, match=message):
            vectors.save_word2vec_format(path, **wrong)
    assert path.read_bytes() == b"3 1\na 1.0\nb 2.0\nc 3.0\n"


@pytest.mark.parametrize("name", ["v.txt", "v.bin", "v.txt.gz"])
def test_rows_are_appended(vectors, tmp_path, name):
    path, counts = tmp_path / name, tmp_path / "counts"
    vectors.expandos["count"] = np.arange(len(vectors), 0, -1)
    options = {"fvocab": counts, "binary": name == "v.bin", "append": True}
    vectors.save_word2vec_format(path, **options, total_vec=2 * len(vectors))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="write_header: expected False where rows are appended"):
        vectors.save_word2vec_format(path, **options)
    assert path.read_bytes() == before
    vectors.save_word2vec_format(path, **options, prefix="_", write_header=False)
    both = KeyedVectors.load_word2vec_format(path, counts, binary=options["binary"])
    words = vectors.index_to_key
    assert both.index_to_key == [*words, *("_" + word for word in words)]
    np.testing.assert_array_equal(both.vectors, np.tile(vectors.vectors, (2, 1)))
    assert both.get_vecattr("_" + words[0], "count") == len(words)


def test_gzip_files_are_reproducible(vectors, tmp_path):
    for name in ("one.gz", "two.gz"):
        vectors.save_word2vec_format(tmp_path / name)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()


def test_tables_of_several_blocks_come_back(tmp_path, monkeypatch):
    monkeypatch.setattr(file_format, "_BLOCK_VALUES", 20)
    monkeypatch.setattr(word2vec_writer, "_BLOCK_VALUES", 20)
    monkeypatch.setattr(lookahead, "READ_BYTES", 50)
    table = np.random.default_rng(0).standard_normal((23, 6)).astype(np.float32)
    words = [f"w{row}" for row in range(23)]
    for options in ({}, {"binary": True}, {"write_header": False}):
        for name in ("v", "v.gz"):
            KeyedVectors.from_words(words, table).save_word2vec_format(tmp_path / name, **options)
            same(KeyedVectors.load(tmp_path / name), words, table)


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 3)),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    st.booleans(),
)
def test_every_finite_number_survives(tmp_path_factory, table, binary):
    path = tmp_path_factory.mktemp("numbers") / "v"
    words = "abcd"[: len(table)]
    KeyedVectors.from_words(words, table).save_word2vec_format(path, binary=binary)
    same(KeyedVectors.load_word2vec_format(path, binary=binary), words, table)


def test_binary_without_a_header_is_refused(tmp_path):
    for vectors, options, message in (
        (KeyedVectors.from_words(["x"], [[1]]), {"binary": True}, "a binary file needs its header"),
        (KeyedVectors(3), {}, "a text file without rows needs a header"),
        (KeyedVectors.from_words(["BZh91AY&SY"], [[1]]), {}, "begins as a bzip2 file does"),
    ):
        with pytest.raises(ValueError, match=message):
            vectors.save_word2vec_format(tmp_path / "v", write_header=False, **options)
    assert os.listdir(tmp_path) == []


def test_a_failed_save_leaves_the_old_file(vectors, tmp_path, monkeypatch):
    path = write(tmp_path / "v", b"old")

    def write_and_fail(stream, *rest):
        stream.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(word2vec_writer, "_write_rows", write_and_fail)
    with pytest.raises(KeyboardInterrupt):
        vectors.save_word2vec_format(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["v"]


def test_the_file_is_renamed_only_when_it_is_on_the_disk(vectors, tmp_path, monkeypatch):
    happened = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (happened.append("fsync"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda a, b: (happened.append("replace"), replace(a, b)))
    vectors.save_word2vec_format(tmp_path / "v")
    assert happened[:2] == ["fsync", "replace"]


@pytest.mark.parametrize("key", [None, 1.5, b"a", object()])
def test_what_is_no_word_is_refused_by_name(vectors, key):
    for ask in (vectors.__getitem__, vectors.get_vector):
        with pytest.raises(TypeError, match="key: expected a word"):
            ask(key)
    if key is not None:
        with pytest.raises(TypeError, match="positive, negative: expected a word"):
            vectors.most_similar(key)
    assert key not in vectors
    if not isinstance(key, bytes):
        with pytest.raises(TypeError, match="fname: expected the name of a file"):
            vectors.save(key)


def test_saving_to_a_missing_folder_or_a_folder_is_refused(vectors, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*none; make it first"):
        vectors.save_word2vec_format(tmp_path / "none" / "v")
    with pytest.raises(IsADirectoryError, match="is a folder; give the name of a file"):
        vectors.save_word2vec_format(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="modes and links are POSIX's")
def test_saving_keeps_modes_and_links(vectors, tmp_path):
    path = write(tmp_path / "v", b"old")
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    vectors.save_word2vec_format(link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    same(KeyedVectors.load(path))
    vectors.save_word2vec_format(os.devnull)
    assert not os.path.isfile(os.devnull)


# --- files of others -----------------------------------------------------------------------------


FLOATS = np.array([[1, 2], [3, 4]], dtype="<f4")


@pytest.mark.parametrize(
    "content",
    [
        b"2 2\na 1 2\nb 3 4\n",
        b"2 2\r\na 1 2\r\nb 3 4",
        b"2 2 \na 1 2 \nb 3 4 \n\n\n",
        b"2 2\na\t1.0\t2e0\nb\t+3\t4.\n",
        b"a 1 2\nb 3 4\n",
        b"a 1 2\r\nb 3 4\r\n",
        b"2 2\na " + FLOATS[0].tobytes() + b"b " + FLOATS[1].tobytes(),
        b"2 2\na " + FLOATS[0].tobytes() + b"\nb " + FLOATS[1].tobytes() + b"\n",
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_the_content_tells_the_kind_of_a_file(tmp_path, content, pack):
    path = write(tmp_path / "anything.dat", pack(content))
    same(KeyedVectors.load(path), "ab", FLOATS)


def test_words_of_text_files_may_hold_blanks(tmp_path):
    path = write(tmp_path / "v", b"ab 1 2\n. . . 3 4\nat x@y.z 5 6\n")
    assert KeyedVectors.load(path).index_to_key == ["ab", ". . .", "at x@y.z"]


def test_limit_reads_the_first_rows(tmp_path):
    for content in (
        b"3 1\na 1\nb 2\nc 3\n",
        b"a 1\nb 2\nc 3\n",
        b"3 1\na " + b"\0\0\x80?" + b"b " + b"\0\0\0@" + b"c " + b"\0\0\0@",
    ):
        path = write(tmp_path / "v", content)
        same(KeyedVectors.load_word2vec_format(path, limit=2), "ab", np.float32([[1], [2]]))
        assert len(KeyedVectors.load_word2vec_format(path, limit=10**9)) == 3
    with pytest.raises(ValueError, match="limit: expected at least 1, got 0"):
        KeyedVectors.load_word2vec_format(path, limit=0)


def test_datatype_is_that_of_the_vectors(tmp_path):
    path = write(tmp_path / "v", b"1 2\na 0.1 70000\n")
    wide = KeyedVectors.load_word2vec_format(path, datatype=np.float64)
    assert wide["a"].tolist() == [0.1, 70000]
    with pytest.raises(ValueError, match="row 1, byte 4: holds inf, expected finite float16"):
        KeyedVectors.load_word2vec_format(path, datatype=np.float16, strict=True)
    with pytest.raises(TypeError, match="datatype: expected a float type, got int32"):
        KeyedVectors.load_word2vec_format(path, datatype=np.int32)


def test_unicode_errors_are_handled_as_asked(tmp_path):
    path = write(tmp_path / "v", b"1 1\ncaf\xe9 1\n")
    with pytest.raises(ValueError, match=r"row 1, byte 4: the word is not UTF-8 .*unicode_errors"):
        KeyedVectors.load_word2vec_format(path)
    loaded = KeyedVectors.load_word2vec_format(path, unicode_errors="replace")
    assert loaded.index_to_key == ["caf\ufffd"]


ONE = FLOATS[0].tobytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"hello\nworld\n", "byte 0: expected a header line `rows dimension` or a word and"),
        (b"\0\0\0\0", "byte 0: expected a header line"),
        (b"-2 5\na 1\n", "byte 0: the header says -2 rows"),
        (b"5 0\na\n", "the header says 5 rows of 0 numbers"),
        (b"9" * 30 + b" 5\na 1\n", "the header's numbers are too long"),
        (b"5 999999999\na 1\n", "the header says 5 rows of 999999999 numbers"),
        (b"999999999999 300\na 1 2\n", "which take .* bytes or more, but only 6 follow"),
        (b"1000000 300\na " + ONE, "which take .* bytes or more, but only 10 follow"),
        (b"2 2\na 1 2\nb 3 4\nc 5 6\n", "row 3, byte 16: data follows the last row"),
        (b"2 2\na 1 2\nbxxxxxxxx 4\n", "row 2, byte 10: expected a word and 2 numbers, got 1"),
        (b"2 2\na 1 2\nb 3 4 5\n", "row 2, byte 10: expected a word and 2 numbers, got 3"),
        (b"2 2\na 1 2\nb 0 4 5\n", "row 2, byte 10: expected a word and 2 numbers, got 3"),
        (b"2 2\na 1 2\nb 3 x4\n", "row 2, byte 10: 'x4' is not a number"),
        (b"2 2\na 1 q2\nb 3 4\n", "row 1, byte 4: 'q2' is not a number"),
        (b"2 2\na 1 2\nb 3 1_0\n", "row 2, byte 10: '1_0' is not a number"),
        (b"2 2\na 1 2\na 3 4\n", "row 2, byte 10: 'a' is listed in row 1 already"),
        (b"2 2\na 1 2\nb nan 4\n", "row 2, byte 10: holds nan, expected finite"),
        (b"2 2\na 1 2\nb 3 -1e99\n", "row 2, byte 10: holds -inf, expected finite"),
        (b"2 2\na 1 2.00000000000\n", "row 2, byte 22: ends before row 2"),
        (b"a 1 2\n\nb 3 4\n", "row 2, byte 6: the line is empty"),
        (b"a 1 2\nb 3\nc 1 2\n", "row 2, byte 6: expected a word and 2 numbers, got 1"),
        (b"2 2\na " + ONE + b"bcdef " + ONE[:4], "row 2, byte 14: ends before row 2"),
        (b"2 2\na " + ONE + b"b " + ONE + b"c ", "row 3, byte 24: data follows the last row"),
        (b"2 2\na " + ONE + b"a " + ONE, "row 2, byte 14: 'a' is listed in row 1 already"),
        (b"2 2\na " + ONE + b" " + ONE + b"b", "row 2, byte 14: the word is empty"),
        (b"1 2\na \0\0\xc0\x7f\0\0\0\0", "row 1, byte 4: holds nan"),
    ],
)
def test_bad_files_name_row_byte_and_cure(tmp_path, content, message):
    path = write(tmp_path / "bad.vec", content)
    with pytest.raises(ValueError, match=r"bad\.vec: .*(" + message + ")"):
        KeyedVectors.load_word2vec_format(path, strict=True)
    with pytest.raises(ValueError, match=r"bad\.vec: .*(" + message + ")"):
        KeyedVectors.load(path, strict=True)


@pytest.mark.parametrize("binary", [False, True])
def test_every_cut_is_an_error(tmp_path, binary):
    """Allow only cuts of the last newline and, in text, of the last number's digits."""
    whole = tmp_path / "whole"
    KeyedVectors.from_words(["aa", "bb"], [[1.5, 2], [3, 4]]).save_word2vec_format(
        whole, binary=binary
    )
    content = whole.read_bytes()
    unseen = len(b"\n") if binary else len(b"4.0\n")
    for pack in (bytes, gzip.compress):
        for n in range(1, len(content) - unseen + (not binary)):
            path = write(tmp_path / "cut", pack(content[:n]))
            with pytest.raises(ValueError, match="cut: "):
                KeyedVectors.load_word2vec_format(path, binary=binary, no_header=False, strict=True)
            # Between two rows nothing is cut in two.
            if content[:n].count(b"aa") and content[n - 1 : n] == b"\n":
                continue
            if binary and n == content.index(b"bb") - 1:
                continue
            with pytest.raises(ValueError, match="cut: "):
                KeyedVectors.load_word2vec_format(path, binary=binary, no_header=False)
    packed = gzip.compress(content)
    for n in range(1, len(packed) - 1):
        with pytest.raises(ValueError, match="cut"):
            KeyedVectors.load_word2vec_format(write(tmp_path / "cut", packed[:n]))


@given(st.binary(max_size=80), st.sampled_from([b"", b"2 3\n", b"1 1\n", b"a 1 2\n", b"1 2\na "]))
def test_arbitrary_bytes_load_or_raise_value_error(tmp_path_factory, content, start):
    path = write(tmp_path_factory.mktemp("bytes") / "v", start + content)
    for strict in (True, False):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                loaded = KeyedVectors.load_word2vec_format(path, strict=strict)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            assert len(loaded) == len(loaded.vectors)
            assert np.isfinite(loaded.vectors).all() or not strict


def test_nothing_large_is_allocated_for_a_small_file(tmp_path):
    contents = [
        b"999999999 300\na 1 2\n",
        b"999999999 300\na " + b"\1\0" * 50,
        b"100000 100\n" + b"a" * 100,
        gzip.compress(b"999999999 300\na 1 2\n"),
        gzip.compress(b"999999999 100000\na " + b"\1\0" * 50),
    ]
    tracemalloc.start()
    try:
        for content in contents:
            path = write(tmp_path / "v", content)
            with pytest.raises(ValueError, match="v: "):
                KeyedVectors.load_word2vec_format(path)
        path = write(tmp_path / "v", b"a 1\n")
        KeyedVectors.load_word2vec_format(path, limit=10**9)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


def test_a_kind_that_was_asked_for_is_enforced(tmp_path):
    path = write(tmp_path / "v", b"5 3\n6 4\n")
    same(KeyedVectors.load_word2vec_format(path, no_header=True), "56", np.float32([[3], [4]]))
    path = write(tmp_path / "v", b"a 1\n")
    with pytest.raises(ValueError, match="expected a header line `rows dimension`; pass no_header"):
        KeyedVectors.load_word2vec_format(path, no_header=False)
    with pytest.raises(ValueError, match="binary: a binary file without a header cannot be read"):
        KeyedVectors.load_word2vec_format(path, binary=True, no_header=True)
    path = write(tmp_path / "v", b"2 3\na 1 2 3\nb 4 5 6\n")
    with pytest.raises(ValueError, match="expected word2vec binary, got text; leave binary=True"):
        KeyedVectors.load_word2vec_format(path, binary=True)
    with pytest.raises(ValueError, match="got a header line, expected rows alone; leave no_header"):
        KeyedVectors.load_word2vec_format(path, no_header=True)
    # A float32 of four digits: bytes that are text as well.
    path = write(tmp_path / "v", b"1 1\na 1234")
    assert KeyedVectors.load_word2vec_format(path)["a"] == 1234
    expected = np.frombuffer(b"1234", "<f4")
    assert KeyedVectors.load_word2vec_format(path, binary=True)["a"] == expected


def test_missing_files_and_folders_are_refused(tmp_path):
    for load in (KeyedVectors.load, KeyedVectors.load_word2vec_format):
        with pytest.raises(FileNotFoundError, match="none"):
            load(tmp_path / "none")
        with pytest.raises(OSError):
            load(tmp_path)


# --- the book's pickle ---------------------------------------------------------------------------


@pytest.fixture
def book_pickle(tmp_path, monkeypatch):
    """Return a function that stores `content` as ch04/train.py does and returns the file's name.

    Its attribute `asked` lists the names that the reader of book pickles was called with.
    """
    asked = []

    def load_book_pickle(name):
        asked.append(name)
        return book_pickle_reader.load_book_pickle(name)

    monkeypatch.setattr(files, "load_book_pickle", load_book_pickle)
    path = tmp_path / "cbow_params.pkl"

    def store(**content):
        path.write_bytes(pickle.dumps(content, -1))
        return path

    store.asked = asked
    return store


def test_the_pickle_of_the_book_loads(book_pickle):
    table = np.arange(6).reshape(3, 2).astype(np.float16)
    path = book_pickle(
        word_vecs=table,
        word_to_id={"you": 0, "say": 1, "hi": 2},
        id_to_word={1: "say", 0: "you", 2: "hi"},
    )
    same(KeyedVectors.load(path), ["you", "say", "hi"], table.astype(np.float32))
    assert book_pickle.asked == [path]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"word_vecs": np.ones((1, 2))}, "holds no word vectors"),
        ({"word_vecs": [[1.0]], "id_to_word": {0: "a"}}, "word_vecs: expected a float array"),
        ({"word_vecs": np.ones((2, 2)), "id_to_word": {0: "a"}}, "one word for each of the 2"),
        ({"word_vecs": np.ones((1, 2)), "id_to_word": {0: b"a"}}, "words: expected str, got byt"),
    ],
)
def test_other_pickles_are_refused(book_pickle, content, message):
    with pytest.raises(ValueError, match=r"cbow_params\.pkl: .*" + message):
        KeyedVectors.load(book_pickle(**content))


# --- gensim --------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["v.txt", "v.bin", "v.txt.gz", "v.bin.gz"])
def test_gensim_reads_our_files_and_we_read_its(vectors, tmp_path, name):
    gensim_models = pytest.importorskip("gensim.models")
    binary = ".bin" in name
    ours, theirs = tmp_path / ("ours_" + name), tmp_path / ("theirs_" + name)
    vectors.save_word2vec_format(ours, binary=binary)
    loaded = gensim_models.KeyedVectors.load_word2vec_format(os.fspath(ours), binary=binary)
    same(loaded)
    loaded.save_word2vec_format(os.fspath(theirs), binary=binary)
    back = KeyedVectors.load(theirs)
    assert back.vectors.tobytes() == loaded.vectors.tobytes()
    small = TABLE[[0, 1, 3]]
    mine = KeyedVectors.from_words("abc", small)
    other = gensim_models.KeyedVectors(3)
    other.add_vectors(list("abc"), small)
    for arguments in (("a",), (["a", "b"], ["c"])):
        expected = other.most_similar(*arguments)
        answer = mine.most_similar(*arguments)
        assert [word for word, _ in answer] == [word for word, _ in expected]
        assert [score for _, score in answer] == pytest.approx([s for _, s in expected], abs=1e-6)


def test_attributes_of_words():
    vectors = KeyedVectors.from_words("ab", [[3, 4], [0, 0]])
    vectors.set_vecattr("b", "count", 7)
    assert vectors.expandos["count"].tolist() == [0, 7]
    assert vectors.add_vector("c", [1, 0]) == 2
    assert vectors.add_vector("a", [0, 2]) == 0
    assert vectors["a"].tolist() == [3, 4]  # a known word keeps its vector
    vectors["a"] = [0, 2]
    assert vectors["a"].tolist() == [0, 2] and vectors.get_vecattr("c", "count") == 0
    extras = {"count": [9, 5], "tag": ["noun", "verb"]}
    vectors.add_vectors(["c", "d"], [[8, 8], [6, 6]], extras, replace=True)
    assert vectors.vectors.tolist() == [[0, 2], [0, 0], [8, 8], [6, 6]]
    assert vectors.expandos["count"].tolist() == [0, 7, 9, 5]
    assert vectors.expandos["tag"].tolist() == ["", "", "noun", "verb"]
    vectors.add_vectors(["d", "e"], [[1, 1], [2, 2]], {"count": [1, 2]})  # d is there
    assert vectors["d"].tolist() == [6, 6] and vectors.get_vecattr("d", "count") == 5
    assert vectors.expandos["count"].tolist() == [0, 7, 9, 5, 2]
    vectors.sort_by_descending_frequency()
    assert vectors.index_to_key == ["c", "b", "d", "e", "a"]
    assert vectors.get_vecattr("d", "tag") == "verb"
    order = [vectors.get_index(word) for word in vectors.index_to_key]
    vectors.sort_by_descending_frequency()
    assert order == list(range(5))


def test_attributes_widen_instead_of_truncating():
    vectors = KeyedVectors.from_words("ab", [[1], [2]])
    vectors.expandos = {"count": np.array([1, 2], np.uint8), "tag": np.array(["x", "y"])}
    vectors.set_vecattr("a", "count", 200)
    assert vectors.expandos["count"].dtype == np.uint8
    vectors.set_vecattr("a", "count", 300)
    vectors.set_vecattr("b", "tag", "longer")
    vectors.add_vectors(["c"], [[3]], {"count": [0.5], "tag": ["longest"]})
    assert vectors.expandos["count"].tolist() == [300, 2, 0.5]
    vectors.set_vecattr("c", "count", 1e300)
    assert vectors.get_vecattr("c", "count") == 1e300
    vectors.expandos["rank"] = np.arange(3)
    vectors.set_vecattr("b", "rank", float("nan"))
    np.testing.assert_array_equal(vectors.expandos["rank"], [0, np.nan, 2])
    assert vectors.expandos["tag"].tolist() == ["x", "longer", "longest"]
    vectors.expandos["id"] = np.array([0, 2**60 + 1, 7])
    vectors.expandos["weight"] = np.zeros(3)
    vectors.expandos["any"] = np.array([None, "x", 3], object)
    vectors.set_vecattr("a", "any", (1.5))
    before = {name: (values, values.copy()) for name, values in vectors.expandos.items()}
    for change, error, message in (
        (lambda: vectors.set_vecattr("a", "count", "many"), TypeError, "count: expected float64"),
        (lambda: vectors.set_vecattr("a", "tag", 3), TypeError, "tag: expected <U7, as there is"),
        (lambda: vectors.set_vecattr("a", "id", 0.5), TypeError, "id: expected int64, as there is"),
        (
            lambda: vectors.set_vecattr("a", "weight", 2**53 + 1),
            TypeError,
            "weight: expected float",
        ),
        (lambda: vectors.set_vecattr("a", "new", [1, 2]), ValueError, "val: expected one number"),
        (lambda: vectors.set_vecattr("q", "new", 3), KeyError, "'q' is not among the 3 words"),
        (lambda: vectors.add_vectors(["d"], [[4]], {"tag": [1]}), TypeError, "tag: expected <U7"),
        (lambda: vectors.add_vectors(["d"], [[4]], {"new": [1, 2]}), ValueError, r"shape \(1,\)"),
    ):
        with pytest.raises(error, match=message):
            change()
    vectors["a"] = [5]  # a word that is there: the arrays stay the same ones
    assert len(vectors) == 3 and list(vectors.expandos) == list(before)
    for name, (values, content) in before.items():
        assert vectors.expandos[name] is values
        np.testing.assert_array_equal(values, content)


def test_methods_of_gensim_exist():
    vectors = KeyedVectors.from_words("ab", [[3, 4], [0, 0]])
    vectors.sort_by_descending_frequency()  # without counts
    vectors.fill_norms()
    vectors.init_sims()
    assert vectors.vectors.tolist() == [[3, 4], [0, 0]]
    assert not vectors.has_index_for(["a"])
    with pytest.raises(ValueError, match=r"weights: expected shape \(1,\), got \(2,\)"):
        vectors.get_mean_vector(["a"], [1, 2])
    assert vectors.get_mean_vector(["none"]).tolist() == [0, 0]
    with pytest.raises(ValueError, match="keys: expected at least one word or vector, got none"):
        vectors.get_mean_vector([])
    with pytest.raises(KeyError, match="'none' is not among"):
        vectors.get_mean_vector(["none"], ignore_missing=False)
    vectors.init_sims(replace=True)
    np.testing.assert_allclose(vectors.vectors, [[0.6, 0.8], [0, 0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_queries_take_several_calls_with_the_same_answers(dtype, monkeypatch):
    rng = np.random.default_rng(0)
    vectors = KeyedVectors.from_words([f"w{k}" for k in range(500)], rng.random((500, 20), dtype))
    queries = [*vectors.index_to_key[:150], *rng.random((50, 20), dtype)]
    expected = vectors.most_similar_many(queries, topn=7)
    assert len(expected) == 200 and all(len(found) == 7 for found in expected)
    calls = []

    def specialise(entry):
        if entry is not _ranking.rank:
            return _kernels.specialise(entry)

        def counted(ids, *arguments):
            calls.append(len(ids))
            _kernels.specialise(entry)[np.dtype(dtype)](ids, *arguments)

        return {np.dtype(dtype): counted}

    monkeypatch.setattr(ranking, "_LONGEST_NS", 1)
    monkeypatch.setattr(ranking, "specialise", specialise)
    assert vectors.most_similar_many(queries, topn=7) == expected
    assert calls == [66, 67, 67]
