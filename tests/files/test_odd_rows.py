"""One odd row does not end a file: it is left out or kept, and one warning counts all of them."""

import gzip
import os
import re
import threading
import tracemalloc
import warnings

import numpy as np
import pytest

from fastw2v import Word2Vec
from fastw2v._files import lookahead, word2vec_format
from fastw2v._files.word2vec_writer import read_counts, write_counts
from fastw2v.datasets import read_pairs, read_text, sequence
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.word2vec import LineSentence

ONE, TWO = (np.array([n, n + 1], "<f4").tobytes() for n in (1, 3))
NAN = np.array([1, np.nan], "<f4").tobytes()


def load(tmp_path, content, **options):
    """Return the vectors, and the text of the one warning or None."""
    path = tmp_path / "odd"
    path.write_bytes(content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded = KeyedVectors.load_word2vec_format(path, **options)
    assert len(caught) <= 1
    return loaded, str(caught[0].message) if caught else None


# content, words, vectors, what the warning counts, and the error of a strict reader
ODD = {
    "repeated words": (
        b"4 2\na 1 2\nb 3 4\na 5 6\na 7 8\n",
        *("ab", [[1, 2], [3, 4]], "repeated words left out: 2 (first at row 3, byte 16)"),
        "row 3, byte 16: 'a' is listed in row 1 already",
    ),
    "repeated words without a header": (
        b"a 1 2\na 5 6\nb 3 4\n",
        *("ab", [[1, 2], [3, 4]], "repeated words left out: 1 (first at row 2, byte 6)"),
        "row 2, byte 6: 'a' is listed in row 1 already",
    ),
    "repeated binary words": (
        b"3 2\na " + ONE + b"\na " + TWO + b"\nb " + TWO + b"\n",
        *("ab", [[1, 2], [3, 4]], "repeated words left out: 1 (first at row 2, byte 15)"),
        "row 2, byte 15: 'a' is listed in row 1 already",
    ),
    "blank words": (
        b"3 2\na 1 2\n 5 6\n   7 8\n",
        *("a", [[1, 2]], "blank words left out: 2 (first at row 2, byte 10)"),
        "row 2, byte 10: the word is empty",
    ),
    "blank binary words": (
        b"3 2\n " + ONE + b"a " + ONE + b" " + ONE,
        *("a", [[1, 2]], "blank words left out: 2 (first at row 1, byte 4)"),
        "row 1, byte 4: the word is empty",
    ),
    "empty lines": (
        b"2 2\n\na 1 2\n\n \r\nb 3 4\n\n\n",
        *("ab", [[1, 2], [3, 4]], "empty lines skipped: 3 (first at row 1, byte 4)"),
        "row 1, byte 4: the line is empty",
    ),
    "a header that counts too few": (
        b"1 2\na 1 2\nb 3 4\n",
        *(
            "ab",
            [[1, 2], [3, 4]],
            "rows beyond the header's count kept: 1 (first at row 3, byte 16)",
        ),
        "row 2, byte 10: data follows the last row",
    ),
    "a header that counts too many": (
        b"9 2\na 1 2\nb 3 4\n",
        *("ab", [[1, 2], [3, 4]], "does not hold: 7 (first at row 3, byte 16)"),
        "byte 0: the header says 9 rows of 2 numbers, which take",
    ),
    "a header that counts too few binary rows": (
        b"1 2\na " + ONE + b"\nb " + TWO + b"\n\n",
        *("ab", [[1, 2], [3, 4]], "rows beyond the header's count kept: 1"),
        "row 2, byte 15: data follows the last row",
    ),
    "a header that counts too many binary rows": (
        b"3 2\na " + ONE + b"\nb " + TWO + b"\n",
        *("ab", [[1, 2], [3, 4]], "does not hold: 1 (first at row 3, byte 26)"),
        "byte 0: the header says 3 rows of 2 numbers, which take",
    ),
    "a header of no rows": (
        b"0 2\na 1 2\n",
        *("a", [[1, 2]], "rows beyond the header's count kept: 1"),
        "row 1, byte 4: data follows the last row",
    ),
    "words that end in numbers": (
        b"2 2\nat 3 1 2\nb 3 4\n",
        *(["at 3", "b"], [[1, 2], [3, 4]], "a blank and a number kept: 1 (first at row 1, byte 4)"),
        "row 1, byte 4: expected a word and 2 numbers, got 3 numbers",
    ),
    "words that end in numbers without a header": (
        b"at 3 1 2\nroute 6 6 1 1\nb 3 4\n",
        *(["at 3", "route 6 6", "b"], [[1, 2], [1, 1], [3, 4]], "a number kept: 2 (first at row 1"),
        "row 1, byte 0: expected a word and 2 numbers, got 3 numbers",
    ),
    "numbers that are not finite": (
        b"2 2\na nan 2\nb 3 -inf\n",
        *("ab", [[np.nan, 2], [3, -np.inf]], "not finite kept: 2 (first at row 1, byte 4)"),
        "row 1, byte 4: holds nan, expected finite float32 numbers",
    ),
    "numbers beyond float32": (
        b"1 2\na 1e39 2\n",
        *("a", [[np.inf, 2]], "not finite kept: 1 (first at row 1, byte 4)"),
        "row 1, byte 4: holds inf, expected finite float32 numbers",
    ),
    "binary numbers that are not finite": (
        b"2 2\nb " + ONE + b"\na " + NAN + b"\n",
        *("ba", [[1, 2], [1, np.nan]], "not finite kept: 1 (first at row 2, byte 15)"),
        "row 2, byte 15: holds nan, expected finite float32 numbers",
    ),
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("kind", ODD)
def test_odd_rows_are_counted_in_one_warning(tmp_path, kind, pack):
    content, words, table, counted, error = ODD[kind]
    loaded, warning = load(tmp_path, pack(content))
    assert loaded.index_to_key == list(words)
    np.testing.assert_array_equal(loaded.vectors, np.array(table, np.float32))
    assert counted in warning and warning.endswith("strict=True refuses such a file")
    # The size of packed data is unknown, so only the rows can tell that the header is wrong.
    if pack is not bytes and error.startswith("byte 0"):
        error = "it is cut off"
    with pytest.raises(ValueError, match=re.escape(error)):
        load(tmp_path, pack(content), strict=True)
    with pytest.raises(ValueError, match=re.escape(error)):
        KeyedVectors.load(tmp_path / "odd", strict=True)


def test_all_odd_rows_of_a_file_share_one_warning(tmp_path):
    rows = b"".join(ODD[kind][0][4:] for kind in ("repeated words", "blank words", "empty lines"))
    loaded, warning = load(tmp_path, b"9 2\n" + rows)
    assert loaded.index_to_key == ["a", "b"]
    for counted in ("repeated words left out: 5", "blank words left out: 2", "lines skipped: 3"):
        assert counted in warning


@pytest.mark.parametrize("binary", [False, True])
def test_words_that_become_equal_or_empty_are_left_out(tmp_path, binary):
    ends = [ONE, TWO, ONE] if binary else [b"1 2\n", b"3 4\n", b"1 2\n"]
    words = [b"a\xff", b"a", b"\xff\xfe"]
    content = b"3 2\n" + b"".join(w + b" " + end for w, end in zip(words, ends, strict=True))
    loaded, warning = load(tmp_path, content, unicode_errors="ignore")
    assert loaded.index_to_key == ["a"] and loaded["a"].tolist() == [1, 2]
    assert "repeated words left out: 1" in warning and "blank words left out: 1" in warning
    with pytest.raises(ValueError, match="row 2, byte .*'a' is listed in row 1 already"):
        load(tmp_path, content, unicode_errors="ignore", strict=True)
    with pytest.raises(ValueError, match="row 1, byte 4: the word is not UTF-8"):
        load(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        b"5 2\na 1 2\nb 3 4\nc 5 6\n",
        b"1 2\na 1 2\nb 3 4\nc 5 6\n",
        b"99 2\na " + ONE + b"b " + TWO + b"cut",
        b"99 2\na 1 2\nb 3 4\nc 5",
    ],
)
def test_a_limit_ends_the_reading_before_the_end_matters(tmp_path, content):
    loaded, warning = load(tmp_path, content, limit=2)
    assert loaded.index_to_key == ["a", "b"] and loaded.vectors.tolist() == [[1, 2], [3, 4]]
    assert warning is None


def test_the_warning_names_the_line_of_the_program(tmp_path):
    path = tmp_path / "odd"
    path.write_bytes(b"a 1\na 2\n")
    loads = (
        lambda: KeyedVectors.load(path),
        lambda: KeyedVectors.load_word2vec_format(path),
        lambda: read_counts(path),
    )
    for load_it in loads:
        with pytest.warns(UserWarning, match="repeated words left out: 1") as caught:
            load_it()
        assert caught[0].filename == __file__


def test_many_empty_lines_take_little_memory(tmp_path):
    empty = b"\r\n" * 100_000
    (tmp_path / "counts").write_bytes(empty + b"a 1\n")
    tracemalloc.start()
    try:
        load(tmp_path, b"1 1\n" + empty + b"a 1\n")
        load(tmp_path, b"1 1\n" + empty + b"a \0\0\x80?")
        read_counts(tmp_path / "counts")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


def test_a_limit_counts_rows_of_the_file(tmp_path):
    loaded, warning = load(tmp_path, b"a 1\na 2\nb 3\nc 4\n", limit=3)
    assert loaded.index_to_key == ["a", "b"] and "repeated words" in warning


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"3 2\na 1 2\nb 3 4", "ends before row 3"),  # perhaps of `b 3 4567`
        (b"3 2\na " + ONE + b"b " + TWO[:5], "ends before row 3"),
        (b"3 2\na " + ONE + b"bcd", "ends before row 3"),
        (b"1 2\na " + ONE + b"b " + TWO[:5], "data follows the last row"),
        (b"1 2\na " + ONE + b"xyz", "data follows the last row"),
        (b"3 2\na 1 2\nb 3\nc 5 6\n", "row 2, byte 10: expected a word and 2 numbers, got 1"),
        (b"3 2\na 1 2\nb 3 x\nc 5 6\n", "row 2, byte 10: 'x' is not a number"),
        (b"7 3\n", "ends before row 7|which take"),
    ],
)
def test_rows_in_pieces_are_refused_in_any_case(tmp_path, content, message):
    for pack in (bytes, gzip.compress):
        for strict in (False, True):
            with pytest.raises(ValueError, match=message + "|which take"):
                load(tmp_path, pack(content), strict=strict)


def test_newlines_between_binary_rows_are_skipped(tmp_path):
    for between in (b"", b"\n", b"\n\n", b"\r\n", b"\n\r\n\n"):
        content = b"3 2\n" + b"".join(w + b" " + ONE + between for w in (b"a", b"\r", b"b\t"))
        loaded, warning = load(tmp_path, content, strict=True)
        assert loaded.index_to_key == ["a", "\r", "b\t"] and warning is None
        loaded, _ = load(tmp_path, b"3 2\n" + between + content[4:], binary=True, strict=True)
        assert loaded.index_to_key == ["a", "\r", "b\t"]


def test_foreign_separators_are_read(tmp_path):
    for content, words in (
        (b"a\t1\t2\nb\t3\t4\n", "ab"),
        (b"a\t1 2\nb\t3 4\n", "ab"),
        (b"2 2\r\na 1 2 \r\nb  3   4\r\n", "ab"),
        (b" 2 2 \na\t1 2\nb 3 4\n\n\n", "ab"),
        (b"\xef\xbb\xbf2 2\na 1 2\nb 3 4\n", "ab"),
        (b"\xef\xbb\xbfa 1 2\nb 3 4\n", "ab"),
        (b"2 2\nNew York 1 2\nb 3 4\n", ["New York", "b"]),
    ):
        loaded, warning = load(tmp_path, content, strict=True)
        assert loaded.index_to_key == list(words) and warning is None
        assert loaded.vectors.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("binary", [False, True])
def test_rows_are_the_same_however_a_file_is_cut_into_pieces(tmp_path, monkeypatch, binary):
    rng = np.random.default_rng(0)
    words = ["w" * int(n) + str(i % 40) for i, n in enumerate(rng.integers(0, 300, 60))]
    rows = [b"%s \0\0\x80?" % w.encode() if binary else b"%s 1.0\n" % w.encode() for w in words]
    content = b"60 1\n" + b"".join(rows)
    whole, warning = load(tmp_path, content)
    assert whole.index_to_key == list(dict.fromkeys(words))
    for n in (1, 7, 100, 1000):
        monkeypatch.setattr(lookahead, "READ_BYTES", n)
        monkeypatch.setattr(word2vec_format, "_FAST_BYTES", 3 * n)
        monkeypatch.setattr(word2vec_format, "_BLOCK_VALUES", 2)
        again, warned = load(tmp_path, content, binary=binary)
        assert again.index_to_key == whole.index_to_key and warned == warning


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_once(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for content in (b"3 2\na 1 2\na 1 2\nb 3 4\n", b"3 2\na " + ONE + b"a " + ONE + b"b " + TWO):
        writer = threading.Thread(target=path.write_bytes, args=(content,))
        writer.start()
        with pytest.warns(UserWarning, match="repeated words left out: 1"):
            loaded = KeyedVectors.load(path)
        writer.join()
        assert loaded.index_to_key == ["a", "b"] and loaded.vectors.tolist() == [[1, 2], [3, 4]]


# --- counts --------------------------------------------------------------------------------------


def test_counts_are_read_as_rows_are(tmp_path):
    path = tmp_path / "counts"
    path.write_bytes(b"\xef\xbb\xbfa\tb 5\r\nNew York 4\n\nx\xc2\xa0 3\nx\r 2\na\xff 1\n")
    words = {"a\tb": 5, "New York": 4, "x\xa0": 3, "x\r": 2}
    with pytest.raises(ValueError, match="line 6: the word is not UTF-8"):
        read_counts(path)
    assert read_counts(path, "ignore") == words | {"a": 1}
    assert read_counts(path, "replace", strict=True) == words | {"a\ufffd": 1}
    path.write_bytes(b"a 5\na 4\n 3\nb 3\n")
    with pytest.warns(UserWarning, match=r"repeated words left out: 1 \(first at line 2\), blank"):
        assert read_counts(path) == {"a": 5, "b": 3}
    with pytest.raises(ValueError, match="line 2: 'a' is listed in an earlier line already"):
        read_counts(path, strict=True)


def test_counts_beside_vectors_take_unicode_errors(tmp_path):
    (tmp_path / "v").write_bytes(b"2 1\ncaf\xe9 1\nb 2\n")
    (tmp_path / "counts").write_bytes(b"caf\xe9 7\nb 3\n")
    for errors, word in (("ignore", "caf"), ("replace", "caf\ufffd")):
        loaded = KeyedVectors.load_word2vec_format(
            tmp_path / "v", tmp_path / "counts", unicode_errors=errors
        )
        assert loaded.get_vecattr(word, "count") == 7 and loaded.get_vecattr("b", "count") == 3


def test_counts_are_packed_as_their_name_says(tmp_path):
    for name, mark in (("c.gz", b"\x1f\x8b"), ("c.txt.bz2", b"BZh"), ("c.xz", b"\xfd7z")):
        write_counts(tmp_path / name, ["a\xa0", "b\t"], np.array([2, 1]))
        assert (tmp_path / name).read_bytes().startswith(mark)
        assert read_counts(tmp_path / name, strict=True) == {"a\xa0": 2, "b\t": 1}


# --- texts ---------------------------------------------------------------------------------------


def test_zero_bytes_are_kept_in_texts_and_counted(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"you say\0 goodbye\n\0 and i say\n" * 5)
    counted = r"text: 10 zero bytes kept as part of words, the first at byte 7"
    with pytest.warns(UserWarning, match=counted) as caught:
        assert "".join(read_text(path)).split()[:4] == ["you", "say\0", "goodbye", "\0"]
    assert len(caught) == 1
    with pytest.raises(ValueError, match="text: byte 7: a zero byte"):
        list(read_text(path, strict=True))
    with pytest.warns(UserWarning, match=counted) as caught:
        model = Word2Vec(corpus_file=path, vector_size=2, min_count=1, epochs=1, workers=1)
    assert len(caught) == 1
    assert set(model.wv.index_to_key) == {"you", "say\0", "goodbye", "\0", "and", "i", "say"}
    assert list(LineSentence(path))[1] == ["\0", "and", "i", "say"]
    pairs = tmp_path / "pairs"
    pairs.write_bytes(b"a\0\tb\nc\td\n")
    with pytest.warns(UserWarning, match="1 zero byte kept"):
        assert read_pairs(pairs) == [("a\0", "b"), ("c", "d")]


BOM = "\ufeff"


def test_byte_order_marks_are_skipped_everywhere(tmp_path):
    path = tmp_path / "file"

    def written(text):
        path.write_text(BOM + text, "utf-8")
        return path

    vectors = KeyedVectors.from_words(["a", "b", "c", "d"], np.eye(4) + 0.1)
    assert "".join(read_text(written("a b\n"))) == "a b\n"
    assert list(LineSentence(written("a b\n"))) == [["a", "b"]]
    model = Word2Vec(vector_size=2, min_count=1)
    model.build_vocab(corpus_file=written("a b\n"))
    assert model.wv.index_to_key == ["a", "b"]
    assert read_pairs(written("a\tb\n")) == [("a", "b")]
    sequence.load_data(written("1+2_3\n4+5_9\n"))
    assert BOM not in sequence.get_vocab()[0]
    assert KeyedVectors.load(written("a 1 2\nb 1 2\n")).index_to_key == ["a", "b"]
    assert KeyedVectors.load(written("1 2\na 1 2\n")).index_to_key == ["a"]
    assert read_counts(written("a 3\n")) == {"a": 3}
    judged = "a\tb\t1\nb\tc\t2\nc\td\t4\n"
    assert vectors.evaluate_word_pairs(written(judged))[2] == 0
    assert vectors.evaluate_word_pairs(written(judged), encoding="UTF-8")[2] == 0
    path.write_text(judged, "utf-16")
    assert vectors.evaluate_word_pairs(path, encoding="utf-16")[2] == 0
    _, sections = vectors.evaluate_word_analogies(written(": one\na b c d\n"))
    assert sections[0]["section"] == "one"
    assert len(sections[0]["correct"] + sections[0]["incorrect"]) == 1


def test_questions_name_words_with_white_space_beyond_the_blank(tmp_path):
    words = ["a\xa0b", "\u3000", "x\x85", "d"]
    vectors = KeyedVectors.from_words(words, np.eye(4) + 0.1)
    path = tmp_path / "file"
    path.write_text(": one\n" + " ".join(words) + "\r\n" + "\t".join(words), "utf-8", newline="")
    _, sections = vectors.evaluate_word_analogies(path, case_insensitive=False)
    assert len(sections[0]["correct"] + sections[0]["incorrect"]) == 2
    rows = ["\t".join([*words[i : i + 2], str(i)]) for i in range(3)]
    path.write_text("\n".join(rows), "utf-8", newline="")
    assert vectors.evaluate_word_pairs(path, case_insensitive=False)[2] == 0
