"""Checks that words, map, vectors and attributes of `KeyedVectors` still fit together.

All four are public, and a user may replace or change them at any time. A query checks the table and
the rows that it uses, at a cost that does not grow with the table. What reads or writes all words
(training, sorting, saving) calls `check_all`, which costs one pass over the words.

Every `as_x` and `check_x` raises before anything is changed.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v._checks.numbers import as_int
from fastw2v.keyed_vectors.compressed import CompressedRows

if TYPE_CHECKING:
    from fastw2v.keyed_vectors.vectors import KeyedVectors


def as_words(vectors: KeyedVectors) -> list[Any]:
    """Return `index_to_key`, checked to be a list."""
    words: Any = vectors.index_to_key
    if not isinstance(words, list):
        raise TypeError(
            f"index_to_key: expected a list of words, got {type(words).__name__}; pass list(words)"
        )
    return words


def as_table(vectors: KeyedVectors) -> np.ndarray:
    """Return the vectors (V, D), checked against the number of words and `vector_size`.

    Callers read them; those that write call `check_expanded`, as they may be compressed.
    """
    table, D = _floats(vectors)
    V = len(as_words(vectors))
    if table.shape != (V, D):
        raise ValueError(
            f"vectors: expected shape ({V}, {D}), one row of vector_size numbers for each word of "
            f"index_to_key, got {table.shape}; {_CURE_OF_TABLE}"
        )
    return table


def as_vectors(vectors: KeyedVectors) -> np.ndarray:
    """Return the vectors (any number, D), checked against `vector_size` alone."""
    table, D = _floats(vectors)
    if len(table.shape) != 2 or table.shape[1] != D:
        raise ValueError(
            f"vectors: expected rows of vector_size={D} numbers, got shape {table.shape}; "
            f"{_CURE_OF_TABLE}"
        )
    return table


def _floats(vectors: KeyedVectors) -> tuple[np.ndarray, int]:
    """Return the vectors, checked to be floats, and `vector_size`."""
    table, D = vectors.vectors, vectors.vector_size
    plain = isinstance(table, np.ndarray) and table.dtype.kind == "f"
    if not plain and not isinstance(table, CompressedRows):
        got = f"dtype {table.dtype}" if isinstance(table, np.ndarray) else type(table).__name__
        raise TypeError(
            f"vectors: expected a floating-point array (V, D), got {got}; convert with "
            "np.asarray(..., np.float32)"
        )
    return table, D if type(D) is int else as_int("vector_size", D)


_CURE_OF_TABLE = (
    "change words, vectors and vector_size together, or make new ones with "
    "KeyedVectors.from_words(words, vectors)"
)


def row_of(vectors: KeyedVectors, key: Any) -> int | None:
    """Return the row of a word, None if it is unknown; a whole number that is no word is a row.

    Raises ValueError if the map leads to a row that is not there or is another word's.
    """
    rows, words = _rows(vectors), as_words(vectors)
    try:
        row = rows.get(key)
    except TypeError:  # no word is a list
        return None
    if row is None:
        if isinstance(key, int | np.integer) and 0 <= key < len(words):
            return int(key)
        return None
    if isinstance(row, _WHOLE) and 0 <= row < len(words):
        word = words[row]
        if word is key or (isinstance(word, _WORD) and word == key):
            return int(row)
    raise ValueError(
        f"key_to_index: expected the row of {key!r} in index_to_key, got {row!r}; {_CURE}"
    )


_WHOLE, _WORD = (int, np.integer), (str, int)
_CURE = "restore it with {word: row for row, word in enumerate(index_to_key)}"


def words_of(vectors: KeyedVectors, rows: list[int]) -> list[Any]:
    """Return the words of rows that exist. Raises ValueError if the map has other rows for them."""
    words, places = as_words(vectors), _rows(vectors)
    found = [words[row] for row in rows]
    try:
        if list(map(places.get, found)) == rows:
            return found
    except TypeError:  # no word is a list
        pass
    check_map(vectors)
    return found


def check_map(vectors: KeyedVectors) -> None:
    """Check that `key_to_index` leads each word of `index_to_key` to its row, and no others."""
    rows, words = _rows(vectors), as_words(vectors)
    V = len(words)
    try:
        if not all(issubclass(kind, _WHOLE) for kind in set(map(type, rows.values()))):
            raise TypeError  # numpy would make whole numbers of others
        if list(rows) == words:  # in order, a tenth of the time of V look-ups
            found = np.fromiter(rows.values(), np.int64, V)
        else:
            found = np.fromiter(map(rows.get, words, repeat(-1)), np.int64, V)
    except (TypeError, ValueError, OverflowError):
        found = np.full(V, -1)
        for row, word in enumerate(words):
            place = rows.get(word) if isinstance(word, str | int) else None
            found[row] = row if isinstance(place, int | np.integer) and place == row else -1
    wrong = np.flatnonzero(found != np.arange(V))
    if len(wrong):
        row = int(wrong[0])
        got = rows.get(words[row], "none") if isinstance(words[row], str | int) else "none"
        raise ValueError(
            f"key_to_index: expected row {row} for {words[row]!r}, as in index_to_key, got "
            f"{got!r}; {_CURE}"
        )
    if len(rows) != V:
        known = set(words)
        extra = next(key for key in rows if key not in known)
        raise ValueError(
            f"key_to_index: expected the {V} words of index_to_key, got also {extra!r}; remove it, "
            "or add the word with add_vector"
        )
    kinds = set(map(type, words))
    if not any(all(issubclass(kind, base) for kind in kinds) for base in _WORD):
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(
            f"index_to_key: expected words that are all str or all int, got {names}; convert them"
        )


def check_attributes(vectors: KeyedVectors) -> None:
    """Check that `expandos` has an array (V,) for each attribute."""
    for name, values in attributes_of(vectors).items():
        check_attribute(vectors, name, values)


def attributes_of(vectors: KeyedVectors) -> dict[str, np.ndarray]:
    """Return `expandos`, checked to hold arrays of one dimension, however long, under names."""
    attributes: Any = vectors.expandos
    if not isinstance(attributes, dict):
        raise TypeError(
            f"expandos: expected a dict of arrays (V,), got {type(attributes).__name__}; pass {{}}"
        )
    for name, values in attributes.items():
        if not isinstance(name, str):
            raise TypeError(f"expandos: expected names of type str, got {name!r}; convert it")
        if not isinstance(values, np.ndarray) or values.ndim != 1:
            raise _misfit(vectors, name, values)
    return attributes


def check_attribute(vectors: KeyedVectors, name: str, values: Any) -> None:
    """Check that an attribute is an array (V,)."""
    if not isinstance(values, np.ndarray) or values.shape != (len(as_words(vectors)),):
        raise _misfit(vectors, name, values)


def _misfit(vectors: KeyedVectors, name: str, values: Any) -> ValueError:
    got = f"shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
    return ValueError(
        f"expandos[{name!r}]: expected an array ({len(as_words(vectors))},), one value per word, "
        f"got {got}; replace it by such an array, or remove it"
    )


def check_all(vectors: KeyedVectors) -> None:
    """Check table, map and attributes."""
    as_table(vectors)
    check_map(vectors)
    check_attributes(vectors)


def _rows(vectors: KeyedVectors) -> dict[Any, int]:
    rows: Any = vectors.key_to_index
    if not isinstance(rows, dict):
        raise TypeError(
            f"key_to_index: expected a dict {{word: row}}, got {type(rows).__name__}; {_CURE}"
        )
    return rows
