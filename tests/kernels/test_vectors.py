"""Rows of the binary format, split into words and numbers."""

import numpy as np
import pytest

from fastw2v._kernels import _vectors

NUMBERS = np.array([[1, -2, 3.5], [0, 1e-40, 3e38], [7, 8, 9]], np.float32)
WORDS = [b"sun", "größer".encode(), b"x"]


def rows(newline=b"", words=WORDS, numbers=NUMBERS):
    pairs = zip(words, numbers, strict=True)
    return b"".join(word + b" " + row.tobytes() + newline for word, row in pairs)


def split(data, R=3, longest=20):
    table = np.full((R, 3), 99, np.float32)
    text, ends = np.zeros(len(data) + 1, np.uint8), np.zeros(R, np.int64)
    n, used, bad = _vectors.split_rows(table, text, ends, data, longest)
    end = ends[n - 1] if n else 0
    words = text[:end].tobytes().split(b"\n") if n else []
    return n, used, bad, words, table


@pytest.mark.parametrize("newline", [b"", b"\n"])
def test_rows_are_split(newline):
    data = rows(newline)
    n, used, bad, words, table = split(data)
    assert (n, bad, words) == (3, False, WORDS)
    assert used == len(data) - len(newline)
    assert table.tobytes() == NUMBERS.tobytes()


def test_an_incomplete_row_is_left_for_the_next_piece():
    data = rows()
    first, second = 3 + 1 + 12, len(WORDS[1]) + 1 + 12
    for cut in range(len(data)):
        n, used, bad, words, _ = split(data[:cut])
        expected = (cut >= first) + (cut >= first + second)
        assert (n, bad, words) == (expected, False, WORDS[:expected])
        assert used == [0, first, first + second][expected]


def test_it_stops_when_the_table_is_full():
    n, used, bad, words, _ = split(rows(), R=1)
    assert (n, used, bad, words) == (1, 16, False, WORDS[:1])


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 2])
def test_it_stops_at_numbers_that_are_not_finite(number, place):
    numbers = NUMBERS.copy()
    numbers[1, place] = number
    n, used, bad, words, _ = split(rows(numbers=numbers))
    assert (n, used, bad, words) == (1, 16, True, WORDS[:1])


@pytest.mark.parametrize("word", [b"", b"a" * 21, b"a\nb"])
def test_it_stops_at_invalid_words(word):
    n, _, bad, words, _ = split(rows(words=[b"sun", word, b"x"]))
    assert (n, bad, words) == (1, True, [b"sun"])


def test_a_word_of_the_greatest_length_is_valid():
    assert split(rows(words=[b"sun", b"a" * 20, b"x"]))[0] == 3


def test_empty_input():
    assert split(b"")[:3] == (0, 0, False)
    assert split(b"\n")[:3] == (0, 0, False)
