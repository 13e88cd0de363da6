"""Pairs of texts for translation: from a file, or numbers and their kanji numerals."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fastw2v._checks.numbers import as_int
from fastw2v.datasets.text import read_text

_DIGITS = "〇一二三四五六七八九"
_SMALL = ("", "十", "百", "千")
_LARGE = ("", "万", "億", "兆")
_LIMIT = 10 ** (4 * len(_LARGE))


def read_pairs(
    path: str | os.PathLike[str], max_pairs: int | None = None, *, strict: bool = False
) -> list[tuple[str, str]]:
    """Read the (source, target) pairs of a UTF-8 file whose lines are source, tab, target.

    Text behind a second tab is left out (collections name their sources there), and so are blank
    lines. max_pairs: read only the first pairs. The file may be packed by gzip, bzip2 or xz; a byte
    order mark is dropped. strict: refuse zero bytes, which are otherwise counted in a warning.

    OSError for a file that cannot be read; ValueError, naming the line, for a line without a tab or
    without text on both sides of it, and, naming the byte, for a file that is not UTF-8.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "pairs.txt")
    ...     _ = path.write_text("Go.\\t行け。\\nHi.\\tやっほー。\\n", encoding="utf-8")
    ...     read_pairs(path)
    [('Go.', '行け。'), ('Hi.', 'やっほー。')]
    """
    if max_pairs is not None:
        as_int("max_pairs", max_pairs)
    pairs: list[tuple[str, str]] = []
    rest = ""
    number = 0
    for piece in read_text(path, strict=strict):
        *lines, rest = (rest + piece).split("\n")
        for line in lines:
            number += 1
            _add_pair(pairs, path, number, line)
            if len(pairs) == max_pairs:
                return pairs
    _add_pair(pairs, path, number + 1, rest)
    if not pairs:
        raise ValueError(
            f"{path}: expected lines of source, tab, target, got only blank ones; "
            "give a file with pairs"
        )
    return pairs


def _add_pair(
    pairs: list[tuple[str, str]], path: str | os.PathLike[str], number: int, line: str
) -> None:
    line = line.rstrip("\r")
    if not line.strip():
        if "\t" in line:
            raise ValueError(
                f"{path}, line {number}: expected text on both sides of the tab, got none; "
                "complete the pair or leave the line out"
            )
        return
    source, tab, target = line.partition("\t")
    target = target.partition("\t")[0]
    if not tab:
        raise ValueError(
            f"{path}, line {number}: expected source, tab, target, got no tab in "
            f"{line[:40]!r}; put a tab between the two"
        )
    if not source.strip() or not target.strip():
        side = "before" if not source.strip() else "behind"
        raise ValueError(
            f"{path}, line {number}: expected text on both sides of the tab, got none {side} it; "
            "complete the pair or leave the line out"
        )
    pairs.append((source, target))


def kanji_numeral(n: int) -> str:
    """Write a whole number from 0 to 9999999999999999 in kanji.

    The units 万, 億 and 兆 always have a digit before them, 十, 百 and 千 only from two on.

    >>> kanji_numeral(12345), kanji_numeral(110), kanji_numeral(100_000_001)
    ('一万二千三百四十五', '百十', '一億一')
    """
    n = as_int("n", n, low=0)
    if n >= _LIMIT:
        raise ValueError(f"n: expected a number below 10^16, got {n}; pass a smaller one")
    if n == 0:
        return _DIGITS[0]
    text = ""
    for unit in _LARGE:
        n, group = divmod(n, 10_000)
        if group:
            text = _below_ten_thousand(group) + unit + text
    return text


def _below_ten_thousand(n: int) -> str:
    text = ""
    for unit in _SMALL:
        n, digit = divmod(n, 10)
        if digit:
            text = ("" if digit == 1 and unit else _DIGITS[digit]) + unit + text
    return text


def kanji_numbers(
    n_pairs: int = 20_000,
    high: int = 99_999,
    *,
    low: int = 0,
    rng: np.random.Generator | int | None = None,
) -> list[tuple[str, str]]:
    """Generate pairs of a number in digits and in kanji, for different numbers from low to high.

    The pairs are shuffled. Each number of digits is equally frequent, as far as there are enough
    numbers of it; of all numbers up to 99,999, nine in ten have five digits.
    rng: a Generator or a seed; None draws from numpy's global stream.

    ValueError if there are fewer than n_pairs numbers.

    >>> pairs = kanji_numbers(1000, rng=0)
    >>> len(pairs), len(set(pairs)), all(kanji_numeral(int(a)) == b for a, b in pairs)
    (1000, 1000, True)
    """
    n_pairs = as_int("n_pairs", n_pairs)
    low = as_int("low", low, low=0)
    high = as_int("high", high, low=low)
    if high >= _LIMIT:
        raise ValueError(f"high: expected a number below 10^16, got {high}; take a smaller one")
    if n_pairs > high - low + 1:
        raise ValueError(
            f"n_pairs: expected at most the {high - low + 1} numbers from {low} to {high}, got "
            f"{n_pairs}; take fewer pairs or a larger high"
        )
    source: Any = np.random if rng is None else np.random.default_rng(rng)
    numbers = _numbers_of_all_lengths(n_pairs, low, high, source)
    return [(str(n), kanji_numeral(n)) for n in numbers]


def _numbers_of_all_lengths(n_pairs: int, low: int, high: int, source: Any) -> list[int]:
    """Draw different numbers, equally many of each length, in random order."""
    spans = []  # (count of numbers, the first one) of each length
    first = low
    while first <= high:
        end = min(10 ** len(str(first)), high + 1)
        spans.append((end - first, first))
        first = end
    chosen: list[int] = []
    for k, (size, first) in enumerate(
        sorted(spans)
    ):  # longer numbers fill up for scarce short ones
        share = -(-(n_pairs - len(chosen)) // (len(spans) - k))
        chosen += _distinct(first, size, min(size, share), source)
    return [chosen[i] for i in source.permutation(len(chosen))]


def _distinct(first: int, size: int, n: int, source: Any) -> list[int]:
    """Draw n different numbers of first, ..., first + size - 1."""
    if n * 2 >= size:
        return [first + int(i) for i in source.permutation(size)[:n]]
    found: dict[int, None] = {}
    while len(found) < n:
        drawn = (source.random_sample if source is np.random else source.random)(n)
        found.update(dict.fromkeys((first + int(u * size)) for u in drawn))
    return list(found)[:n]
