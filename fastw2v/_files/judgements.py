"""Tables of word pairs with human judgements, such as WordSim-353: text, CSV or TSV."""

from __future__ import annotations

import csv
import itertools
import math
import os
from typing import NamedTuple

from fastw2v._files.text import open_lines

_ENDS = " \t\r\n"
_CANDIDATES = ("\t", ";", ",", " ")  # of two that fit equally many lines, the first wins
_LOOKED_AT = 1000  # lines


class Judgements(NamedTuple):
    """Pairs (word, word, judgement) of a file, and how they were read."""

    pairs: list[tuple[str, str, float]]
    delimiter: str
    other_lines: int  # that hold no pair: headings, comments, blank lines


def read(
    name: str | os.PathLike[str],
    delimiter: str | None = None,
    decimal: str | None = None,
    encoding: str = "utf8",
    *,
    quoted: bool = True,
) -> Judgements:
    """Read the lines `word, word, number` of a file; other lines are skipped.

    delimiter: None takes that of tab, semicolon, comma and blanks which fits most lines. decimal:
    the decimal sign "." or ","; None takes the one that a number has. quoted: fields may stand in
    quotation marks, as in CSV files.

    Raises ValueError if no line fits.
    """
    with open_lines(name, encoding) as lines:
        first = list(itertools.islice(lines, _LOOKED_AT))
        chosen = delimiter
        if chosen is None:
            fitting = [
                sum(_pair(line, sign, decimal, quoted) is not None for line in first)
                for sign in _CANDIDATES
            ]
            chosen = _CANDIDATES[fitting.index(max(fitting))]
        read = [_pair(line, chosen, decimal, quoted) for line in itertools.chain(first, lines)]
    pairs = [pair for pair in read if pair is not None]
    if not pairs:
        between = "tabs, semicolons, commas or blanks" if delimiter is None else repr(delimiter)
        raise ValueError(
            f"{name}: expected lines `word, word, number` between {between}, got none; check the "
            "delimiter and the decimal sign"
        )
    return Judgements(pairs, chosen, len(read) - len(pairs))


def _pair(
    line: str, delimiter: str, decimal: str | None, quoted: bool
) -> tuple[str, str, float] | None:
    """Return the words and the judgement of a line, or None if it holds none."""
    if line.startswith("#"):
        return None
    fields = line.split() if delimiter == " " else line.strip("\r\n").split(delimiter)
    if quoted and '"' in line:
        in_quotes = next(csv.reader([line.strip("\r\n")], delimiter=delimiter), [])
        fields = in_quotes if len(in_quotes) == 3 else fields  # else a mark is part of a word
    if delimiter == decimal == "," and len(fields) == 4:
        fields = [*fields[:2], ",".join(fields[2:])]
    if len(fields) != 3:
        return None
    a, b, judgement = (field.strip(_ENDS) for field in fields)
    number = _number(judgement, decimal)
    return None if number is None else (a, b, number)


def _number(text: str, decimal: str | None) -> float | None:
    """Return a judgement, or None for a text that is no number.

    >>> _number("7,35", None), _number("7.35", None), _number("7,35", "."), _number("7.35", ",")
    (7.35, 7.35, None, None)
    """
    if decimal == "," or (decimal is None and "," in text):
        text = "" if "." in text else text.replace(",", ".")
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
