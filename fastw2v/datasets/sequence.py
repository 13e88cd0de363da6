"""Questions and answers as sequences of characters: the book's `dataset.sequence`.

    from fastw2v.datasets import sequence
    (x_train, t_train), (x_test, t_test) = sequence.load_data("addition.txt")
    char_to_id, id_to_char = sequence.get_vocab()

If the book's files addition.txt and date.txt exist, they are read; otherwise `addition_pairs` and
`date_pairs` generate as many pairs of the same kind.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fastw2v._checks.numbers import as_int
from fastw2v._checks.sequences import check_iterable
from fastw2v.datasets.text import read_text

__all__ = [
    "Sequences",
    "addition_pairs",
    "date_pairs",
    "encode_pairs",
    "get_vocab",
    "load_data",
]

START = "_"  # the first character of each answer
PAD = " "  # fills questions and answers up to one width
_TEST_SHARE = 10  # one pair in ten is held out

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FIRST_DAY = datetime.date(1970, 1, 1)
_N_DAYS = (
    datetime.date(2069, 12, 31) - _FIRST_DAY
).days + 1  # so that two digits determine the year


class Sequences(NamedTuple):
    """Ids (N, T) of questions x and answers t, and the alphabet: the result of `encode_pairs`.

    >>> data = encode_pairs(addition_pairs(20))
    >>> data.x_train.shape, data.t_train.shape, data.x_test.shape
    ((18, 7), (18, 5), (2, 7))
    """

    x_train: np.ndarray
    t_train: np.ndarray
    x_test: np.ndarray
    t_test: np.ndarray
    char_to_id: dict[str, int]
    id_to_char: dict[int, str]


def addition_pairs(
    n_pairs: int = 50_000, *, n_digits: int = 3, seed: int = 1984
) -> list[tuple[str, str]]:
    """Generate different sums and their values, as ("16+75", "91").

    Numbers have 1 to `n_digits` digits; each length is equally frequent, as far as there are enough
    numbers of it. ValueError if n_pairs is more than half of all sums.

    >>> addition_pairs(2)
    [('0+7', '7'), ('769+0', '769')]
    """
    n_pairs = as_int("n_pairs", n_pairs)
    n_digits = as_int("n_digits", n_digits)
    if n_pairs > 10 ** (2 * n_digits) // 2:  # drawing the rarest sums would take very long
        raise ValueError(
            f"n_pairs: expected at most {10 ** (2 * n_digits) // 2}, half of the sums of numbers "
            f"of {n_digits} digits, got {n_pairs}; take fewer, or more n_digits"
        )
    rng = np.random.default_rng(seed)
    found: dict[tuple[int, int], None] = {}
    while len(found) < n_pairs:
        high = 10 ** rng.integers(1, n_digits + 1, (n_pairs, 2))
        low = np.where(high > 10, high // 10, 0)
        found.update(dict.fromkeys(map(tuple, rng.integers(low, high).tolist())))
    return [(f"{a}+{b}", f"{a + b}") for a, b in list(found)[:n_pairs]]


def date_pairs(n_pairs: int = 50_000, *, seed: int = 1984) -> list[tuple[str, str]]:
    """Generate different dates as people write them, and in ISO form, as ("1/2/70", "1970-01-02").

    The days are those from 1970 to 2069. A date is written in one of ten ways.

    >>> date_pairs(2)
    [('Monday, October 10, 1994', '1994-10-10'), ('9/30/89', '1989-09-30')]
    """
    n_pairs = as_int("n_pairs", n_pairs)
    if n_pairs > 200_000:
        raise ValueError(f"n_pairs: expected at most 200000, got {n_pairs}; take fewer")
    rng = np.random.default_rng(seed)
    found: dict[str, str] = {}
    while len(found) < n_pairs:
        days, ways = rng.integers(0, _N_DAYS, n_pairs), rng.integers(0, len(_WAYS), n_pairs)
        for day, way in zip(days.tolist(), ways.tolist(), strict=True):
            date = _FIRST_DAY + datetime.timedelta(day)
            found[_WAYS[way](date)] = date.isoformat()
    return list(found.items())[:n_pairs]


def _long(date: datetime.date) -> str:
    return f"{_MONTHS[date.month - 1]} {date.day}, {date.year}"


def _short(date: datetime.date) -> str:
    return f"{_MONTHS[date.month - 1][:3]} {date.day}, {date.year}"


def _with_weekday(date: datetime.date) -> str:
    return f"{_WEEKDAYS[date.weekday()]}, {_long(date)}"


def _digits(date: datetime.date) -> str:
    return f"{date.month}/{date.day}/{date.year % 100:02}"


_WAYS = (
    _digits,
    _long,
    lambda date: _long(date).lower(),
    lambda date: _long(date).upper(),
    _short,
    lambda date: _short(date).lower(),
    lambda date: _short(date).upper(),
    _with_weekday,
    lambda date: _with_weekday(date).lower(),
    lambda date: _with_weekday(date).upper(),
)


def encode_pairs(pairs: Sequence[tuple[str, str]], *, seed: int = 1984) -> Sequences:
    """Turn pairs of texts into ids, and hold a tenth of them out.

    Blanks fill questions and answers up to one width each; answers begin with "_", the start mark.
    Characters are numbered in the order of their appearance. As in the book, numpy's global stream
    is seeded and then gives the order of the pairs, so the seed makes a whole run repeatable.

    ValueError for less than two pairs, or empty texts.

    >>> data = encode_pairs([("1+2", "3"), ("5+8", "13")] * 10)
    >>> data.x_train.shape, data.t_test.shape
    ((18, 3), (2, 3))
    >>> data.char_to_id
    {'1': 0, '+': 1, '2': 2, '_': 3, '3': 4, ' ': 5, '5': 6, '8': 7}
    """
    pairs = _as_question_pairs("pairs", pairs)
    x_width = max(len(question) for question, _ in pairs)
    t_width = max(len(answer) for _, answer in pairs)
    rows = [q.ljust(x_width, PAD) + START + a.ljust(t_width, PAD) for q, a in pairs]
    char_to_id = {char: i for i, char in enumerate(dict.fromkeys("".join(rows)))}
    id_to_char = {i: char for char, i in char_to_id.items()}
    flat = np.fromiter(map(char_to_id.__getitem__, "".join(rows)), np.int64)
    ids = flat.reshape(len(rows), x_width + 1 + t_width)
    np.random.seed(seed)
    order = np.arange(len(ids))
    np.random.shuffle(order)
    x, t = ids[order, :x_width], ids[order, x_width:]
    split = len(ids) - max(len(ids) // _TEST_SHARE, 1)
    return Sequences(x[:split], t[:split], x[split:], t[split:], char_to_id, id_to_char)


def _as_question_pairs(name: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return at least two pairs of strings as a list; neither side of a pair may be blank."""
    check_iterable(name, pairs, "pairs of str")
    pairs = list(pairs)
    for k, pair in enumerate(pairs):
        if not (
            isinstance(pair, (tuple, list))
            and len(pair) == 2
            and all(isinstance(part, str) for part in pair)
        ):
            raise TypeError(f"{name}[{k}]: expected a pair of str, got {pair!r}; pass (text, text)")
        if not pair[0].strip() or not pair[1].strip():
            raise ValueError(
                f"{name}[{k}]: expected a question and an answer, got {pair!r}; leave it out"
            )
    if len(pairs) < 2:
        raise ValueError(f"{name}: expected at least two pairs, got {len(pairs)}; pass more")
    return pairs


_GENERATED = {"addition.txt": addition_pairs, "date.txt": date_pairs}
_vocabulary: tuple[dict[str, int], dict[int, str]] = ({}, {})


def load_data(
    file_name: str | os.PathLike[str] = "addition.txt", seed: int = 1984
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Load (x_train, t_train), (x_test, t_test), as the book's function of this name does.

    A file has a question and its answer on each line, with "_" between them: "16+75  _91  ". If
    there is no addition.txt or date.txt, 50,000 pairs of that kind are generated.

    FileNotFoundError for another missing file; ValueError for a file that is not UTF-8, or has a
    line without "_". numpy's global stream is seeded, see `encode_pairs`.

    >>> (x_train, t_train), (x_test, t_test) = load_data()
    >>> x_train.shape, t_test.shape
    ((45000, 7), (5000, 5))
    >>> len(get_vocab()[0])
    13
    """
    global _vocabulary
    name = os.fspath(file_name)
    generate = _GENERATED.get(name)
    pairs = generate() if generate and not os.path.exists(name) else _read_pairs(name)
    data = encode_pairs(pairs, seed=seed)
    _vocabulary = data.char_to_id, data.id_to_char
    return (data.x_train, data.t_train), (data.x_test, data.t_test)


def get_vocab() -> tuple[dict[str, int], dict[int, str]]:
    """Return char_to_id and id_to_char of the data that `load_data` loaded last.

    >>> _ = load_data("addition.txt")
    >>> char_to_id, id_to_char = get_vocab()
    >>> id_to_char[char_to_id["+"]]
    '+'
    """
    return _vocabulary


def _read_pairs(name: str) -> list[tuple[str, str]]:
    pairs = []
    for number, line in enumerate("".join(read_text(name)).split("\n"), 1):
        line = line.removesuffix("\r")
        if not line:
            continue
        question, mark, answer = line.partition(START)
        if not mark:
            raise ValueError(
                f"{name}: line {number}: expected a question, {START!r} and its answer, got "
                f"{line[:40]!r}; put {START!r} between them"
            )
        pairs.append((question, answer))
    return pairs
