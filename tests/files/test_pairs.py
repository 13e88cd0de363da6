"""Pairs of texts for translation: files with tabs, and numbers in kanji."""

import gzip

import numpy as np
import pytest

from fastw2v.datasets import kanji_numbers, kanji_numeral, pairs, read_pairs


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "pairs.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_lines_are_pairs(file):
    text = "Go.\t行け。\nGo.\t行きなさい。\r\n\nHi.\tやっほー。\tCC-BY 2.0 (France)\n"
    expected = [("Go.", "行け。"), ("Go.", "行きなさい。"), ("Hi.", "やっほー。")]
    assert read_pairs(file(text)) == expected
    assert read_pairs(file(text.rstrip("\n"))) == expected
    assert read_pairs(file(b"\xef\xbb\xbf" + text.encode())) == expected
    assert read_pairs(file(gzip.compress(text.encode()))) == expected
    assert read_pairs(file(text), max_pairs=2) == expected[:2]
    assert read_pairs(file(text), max_pairs=9) == expected
    assert read_pairs(file("a b\u2028c\t d \n")) == [("a b\u2028c", " d ")]


def test_pieces_may_end_inside_a_line(file, monkeypatch):
    expected = [(f"number {k}", f"番号 {k}") for k in range(40)]
    path = file("".join(f"{a}\t{b}\n" for a, b in expected))
    monkeypatch.setattr("fastw2v._files.text._STEP_BYTES", 7)
    assert read_pairs(path) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a\tb\nno tab here\n", r"line 2: expected source, tab, target, got no tab in 'no tab her"),
        ("a\tb\n\nc\t\n", "line 3: expected text on both sides of the tab, got none behind it"),
        ("\tb\n", "line 1: expected text on both sides of the tab, got none before it"),
        ("a\tb\nx\t  \n", "line 2: .* none behind it"),
        ("a\tb\n\t\n", "line 2: expected text on both sides of the tab"),
        ("a\tb\nlast", "line 2: expected source, tab, target, got no tab in 'last'"),
        ("\n \n", "expected lines of source, tab, target, got only blank ones"),
        ("", "the file is empty"),
        (b"a\tb\nc\t\xff\n", r"pairs.txt: byte 6: 0xff is not UTF-8"),
        (b"\xff\xfea\x00", "is UTF-16 text, expected UTF-8"),
    ],
)
def test_a_line_without_a_pair_is_named(file, content, words):
    with pytest.raises(ValueError, match=words):
        read_pairs(file(content))


def test_unreadable_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing.txt: no such file"):
        read_pairs(tmp_path / "nothing.txt")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_pairs(tmp_path)
    with pytest.raises(ValueError, match="max_pairs: expected at least 1, got 0"):
        read_pairs(tmp_path, max_pairs=0)


@pytest.mark.parametrize(
    ("number", "kanji"),
    [
        (0, "〇"),
        (1, "一"),
        (10, "十"),
        (11, "十一"),
        (20, "二十"),
        (100, "百"),
        (205, "二百五"),
        (1000, "千"),
        (1111, "千百十一"),
        (9999, "九千九百九十九"),
        (10_000, "一万"),
        (12_345, "一万二千三百四十五"),
        (100_000, "十万"),
        (10_000_000, "千万"),
        (100_000_000, "一億"),
        (1_0000_0001, "一億一"),
        (12_0034_0000_0567, "十二兆三十四億五百六十七"),
        (9999_9999_9999_9999, "九千九百九十九兆九千九百九十九億九千九百九十九万九千九百九十九"),
    ],
)
def test_kanji_numerals(number, kanji):
    assert kanji_numeral(number) == kanji


def value_of(text):
    """Return the number that a numeral means."""
    total = group = digit = 0
    for char in text:
        if char in "〇一二三四五六七八九":
            digit = "〇一二三四五六七八九".index(char)
        elif char in "十百千":
            group += max(digit, 1) * 10 ** (1 + "十百千".index(char))
            digit = 0
        else:
            total += (group + digit) * 10 ** (4 + 4 * "万億兆".index(char))
            group = digit = 0
    return total + group + digit


def test_kanji_numerals_can_be_read_back(rng):
    numbers = [*range(12_000), *(int(n) for n in rng.integers(0, 10**16, 2000))]
    assert all(value_of(kanji_numeral(n)) == n for n in numbers)


@pytest.mark.parametrize(
    ("n_pairs", "low", "high"),
    [(50, 0, 99_999), (11, 0, 10), (1000, 9000, 10_050), (300, 5, 10**15 + 2), (1, 7, 7)],
)
def test_numbers_are_different_and_in_range(n_pairs, low, high):
    found = kanji_numbers(n_pairs, high, low=low, rng=3)
    numbers = [int(digits) for digits, _ in found]
    assert len(set(numbers)) == len(found) == n_pairs
    assert low <= min(numbers) and max(numbers) <= high
    assert found == [(str(n), kanji_numeral(n)) for n in numbers]


def test_all_lengths_are_equally_frequent_and_shuffled():
    found = kanji_numbers(rng=1)
    lengths = [len(digits) for digits, _ in found]
    assert len(found) == 20_000
    assert np.bincount(lengths).tolist() == [0, 10, 90, 900, 9000, 10_000]
    first, second = lengths[:10_000], lengths[10_000:]
    assert abs(np.mean(first) - np.mean(second)) < 0.05


def test_a_seed_determines_the_numbers():
    np.random.seed(7)
    first = kanji_numbers(40, 999)
    np.random.seed(7)
    assert kanji_numbers(40, 999) == first
    assert kanji_numbers(40, 999, rng=5) == kanji_numbers(40, 999, rng=5) != first
    state = np.random.get_state()[1].copy()
    kanji_numbers(40, 10**9, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: kanji_numeral(-1), ValueError, "n: expected at least 0, got -1"),
        (lambda: kanji_numeral(10**16), ValueError, r"n: expected a number below 10\^16"),
        (lambda: kanji_numeral("5"), TypeError, "n: expected a whole number, got '5'"),
        (lambda: kanji_numbers(12, 10), ValueError, "n_pairs: expected at most the 11 numbers fr"),
        (lambda: kanji_numbers(1, 3, low=4), ValueError, "high: expected at least 4, got 3"),
        (lambda: kanji_numbers(1, 10**16), ValueError, r"high: expected a number below 10\^16"),
        (lambda: kanji_numbers(0), ValueError, "n_pairs: expected at least 1"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_largest_numbers_need_no_long_lists():
    drawn = pairs._distinct(10**15, 9 * 10**15, 100, np.random)
    assert len(set(drawn)) == 100 and all(10**15 <= n < 10**16 for n in drawn)
