"""Rows of the binary format, split into words and numbers."""

import numpy as np
import pytest

from fastw2v._kernels import _vectors

NUMBERS = np.array([[1, -2, 3.5], [0, 1e-40, 3e38], [7, 8, 9]], np.float32)
WORDS = [b"sun", "größer".encode(), b"x"]


def rows(newline=b"", words=WORDS, numbers=NUMBERS):
    pairs = zip(words, numbers, strict=True)
    return b"".join(word + b" " + row.tobytes() + newline for word, row in pairs)


def split(data, R=3):
    table = np.full((R, 3), 99, np.float32)
    text = np.zeros(len(data) + 1, np.uint8)
    ends, starts = np.zeros(R, np.int64), np.zeros(R, np.int64)
    n, used, spoilt = _vectors.split_rows(table, text, ends, starts, data)
    end = ends[n - 1] if n else 0
    words = text[:end].tobytes().split(b"\n") if n else []
    for word, start in zip(words, starts[:n].tolist(), strict=True):
        assert data[start:].startswith(word + b" ")
    return n, used, spoilt, words, table


@pytest.mark.parametrize("newline", [b"", b"\n", b"\n\n", b"\r\n", b"\n\r\n"])
def test_rows_are_split(newline):
    data = rows(newline)
    n, used, spoilt, words, table = split(data)
    assert (n, spoilt, words) == (3, 0, WORDS)
    assert used == len(data) - len(newline)
    assert table.tobytes() == NUMBERS.tobytes()


def test_an_incomplete_row_is_left_for_the_next_piece():
    data = rows()
    first, second = 3 + 1 + 12, len(WORDS[1]) + 1 + 12
    for cut in range(len(data)):
        n, used, spoilt, words, _ = split(data[:cut])
        expected = (cut >= first) + (cut >= first + second)
        assert (n, spoilt, words) == (expected, 0, WORDS[:expected])
        assert used == [0, first, first + second][expected]


def test_it_stops_when_the_table_is_full():
    n, used, _, words, _ = split(rows(), R=1)
    assert (n, used, words) == (1, 16, WORDS[:1])


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 2])
def test_rows_of_numbers_that_are_not_finite_are_counted(number, place):
    numbers = NUMBERS.copy()
    numbers[1, place] = number
    n, _, spoilt, words, table = split(rows(numbers=numbers))
    assert (n, spoilt, words) == (3, 1, WORDS)
    assert table.tobytes() == numbers.tobytes()


@pytest.mark.parametrize("word", [b"", b"\r", b"a\tb", "\u3000".encode(), b"a" * 5000, b"\0"])
def test_words_hold_any_byte_but_a_blank(word):
    for words in ([b"sun", word, b"x"], [word] * 3):
        assert split(rows(words=words))[3] == words


@pytest.mark.parametrize("word", [b"a\nb", b"\r\r\nb"])
def test_it_stops_at_a_word_with_a_line_feed(word):
    n, used, _, words, _ = split(rows(words=[b"sun", word, b"x"]))
    assert (n, used, words) == (1, 16, [b"sun"])


def test_empty_input():
    assert split(b"")[:3] == (0, 0, 0)
    assert split(b"\n")[:3] == (0, 0, 0)
