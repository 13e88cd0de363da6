"""Changes of word vectors: words added, attributes set; all arguments are checked first.

An attribute of words, such as their counts, is an array (V,) that widens to hold new values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastw2v._checks.arrays import as_numbers, check_writable
from fastw2v._checks.numbers import as_whole
from fastw2v.keyed_vectors.compressed import check_expanded
from fastw2v.keyed_vectors.consistency import (
    as_table,
    as_vectors,
    as_words,
    attributes_of,
    check_all,
    check_attribute,
    check_attributes,
)
from fastw2v.keyed_vectors.locking import NAME as LOCK_FACTORS
from fastw2v.keyed_vectors.locking import factors_of

if TYPE_CHECKING:
    from fastw2v.keyed_vectors.vectors import KeyedVectors


def add_vectors(
    vectors: KeyedVectors,
    names: list[Any],
    weights: ArrayLike,
    extras: Mapping[str, ArrayLike],
    replace: bool,
) -> None:
    """See `KeyedVectors.add_vectors`."""
    check_expanded("add_vectors", vectors.vectors)
    table = as_table(vectors)
    rows = np.atleast_2d(as_numbers("weights", weights).astype(table.dtype, copy=False))
    as_rows_of_words("keys", names, rows)
    if vectors.index_to_key and names and type(names[0]) is not type(vectors.index_to_key[0]):
        kind = type(vectors.index_to_key[0]).__name__
        raise TypeError(
            f"keys: expected {kind} like the words that are there, got "
            f"{type(names[0]).__name__}; convert them"
        )
    if rows.shape[1] != table.shape[1]:
        raise ValueError(
            f"weights: expected shape ({len(names)}, {table.shape[1]}), got {rows.shape}; "
            "pass one vector per word"
        )
    given = {name: np.asarray(values) for name, values in extras.items()}
    for name, values in given.items():
        if values.shape != (len(names),):
            raise ValueError(
                f"extras[{name!r}]: expected shape ({len(names)},), got {values.shape}; pass "
                "one value per word"
            )
    check_attributes(vectors)
    widened = {name: _as_wide_enough(vectors, name, values) for name, values in given.items()}

    new = [i for i, name in enumerate(names) if name not in vectors.key_to_index]
    old = [i for i, name in enumerate(names) if name in vectors.key_to_index]
    at = [vectors.get_index(names[i]) for i in old]
    first = len(vectors)
    if new:
        check_all(vectors)
    elif replace and old:
        check_writable("vectors", table)
        for name, values in widened.items():
            check_writable(f"expandos[{name!r}]", values)
    if new:
        vectors.vectors = _appended(vectors, table, rows[new])
        for place, i in enumerate(new):
            vectors.key_to_index[names[i]] = first + place
        vectors.index_to_key.extend(names[i] for i in new)
        widened = lengthened(vectors.expandos | widened, len(vectors))
        lengthen_factors(vectors, first)
    vectors.expandos.update(widened)
    for name, values in given.items():
        vectors.expandos[name][first:] = values[new]
    if replace and old:
        vectors.vectors[at] = rows[old]
        for name, values in given.items():
            vectors.expandos[name][at] = values[old]


def _appended(vectors: KeyedVectors, table: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the table with more rows behind it, in the room that was reserved if they fit."""
    room, n = vectors._room, len(table) + len(rows)
    same = room is not None and room.ctypes.data == table.ctypes.data and room.dtype == table.dtype
    if room is None or not same or n > len(room):
        vectors._room = None
        return np.concatenate([table, rows])
    room[len(table) : n] = rows
    return room[:n]


def resize(vectors: KeyedVectors, seed: int) -> None:
    """See `KeyedVectors.resize_vectors`."""
    words, old = as_words(vectors), as_vectors(vectors)
    check_expanded("resize_vectors", old)
    V, D, n_old = len(words), old.shape[1], min(len(words), len(old))
    table = np.zeros((V, D), old.dtype)
    rows = as_rows_of_words("index_to_key", words, table)
    table[:n_old] = old[:n_old]
    draws = np.random.default_rng([as_whole("seed", seed), n_old]).random((V - n_old, D))
    table[n_old:] = (2 * draws - 1) / D
    attributes = _brought_to(V, vectors)
    vectors.vectors, vectors.key_to_index, vectors.expandos = table, rows, attributes
    lengthen_factors(vectors, n_old)


def allocate_attributes(
    vectors: KeyedVectors, names: Sequence[str] | None, types: Sequence[Any] | None
) -> None:
    """See `KeyedVectors.allocate_vecattrs`."""
    V = len(vectors)
    if (names is None) != (types is None) or len(names or ()) != len(types or ()):
        raise ValueError(
            f"attrs, types: expected as many dtypes as names, got {names!r} and {types!r}; pass "
            "both, or none of them"
        )
    attributes = _brought_to(V, vectors)
    for name, given in zip(names or (), types or (), strict=True):
        dtype = np.dtype(np.int64 if given is int else object if given is str else given)
        there = attributes.get(name)
        if there is None:
            attributes[name] = np.zeros(V, dtype)
        elif not np.can_cast(dtype, there.dtype):
            raise TypeError(
                f"{name}: expected {there.dtype}, as there is, got {dtype}; give "
                f"expandos[{name!r}] another array"
            )
    vectors.expandos = attributes


def lengthen_factors(vectors: KeyedVectors, n_old: int) -> None:
    """Give words behind the first n_old the lock factor 1, if each word has a factor."""
    factors = vars(vectors).get(LOCK_FACTORS)
    V = len(vectors.index_to_key)
    if factors is not None and factors.shape == (n_old,) and n_old not in (1, V):
        more = np.ones(V, np.float32)
        more[: min(V, n_old)] = factors[:V]
        vectors.vectors_lockf = more


def as_rows_of_words(name: str, words: Sequence[Any], table: np.ndarray) -> dict[Any, int]:
    """Return word -> row of V different words, all str or all int, for a table (V, D), D >= 1."""
    if table.ndim != 2 or table.shape[1] < 1:
        raise ValueError(
            f"vectors: expected shape (V, D), got {table.shape}; give one row per word"
        )
    if len(words) != len(table):
        raise ValueError(
            f"{name}: expected one word for each of the {len(table)} rows, got {len(words)}; "
            "pass as many words as vectors"
        )
    if set(map(type, words)) in ({str}, {int}):
        rows = dict(zip(words, range(len(words)), strict=True))
        if len(rows) == len(words):
            return rows
    rows = {}
    kind = int if words and type(words[0]) is int else str
    for row, word in enumerate(words):
        if not isinstance(word, kind):
            raise TypeError(
                f"{name}: expected {kind.__name__}, got {type(word).__name__} for row {row}; "
                "convert it"
            )
        first = rows.setdefault(word, row)
        if first != row:
            raise ValueError(
                f"{name}: {word!r} is listed for row {first} and for row {row}; give each word once"
            )
    return rows


def falling_order(attribute: np.ndarray | None) -> np.ndarray | None:
    """Return the order of rows by a falling attribute; None if they are in it, or have none."""
    if attribute is None:
        return None
    # Of the rows backwards, as a stable order of equal values must be that of the rows.
    order = len(attribute) - 1 - np.argsort(attribute[::-1], kind="stable")[::-1]
    return None if (order[1:] > order[:-1]).all() else order


def sort_by_count(vectors: KeyedVectors) -> None:
    """See `KeyedVectors.sort_by_descending_frequency`."""
    check_all(vectors)
    check_expanded("sort_by_descending_frequency", vectors.vectors)
    order = falling_order(vectors.expandos.get("count"))
    if order is None:
        return
    if vectors._in_model:
        raise RuntimeError(
            "sort_by_descending_frequency: expected vectors of their own, got those of a "
            "model, whose other tables have the same order; sort KeyedVectors.load of a file "
            "that wv.save wrote, or train with sorted_vocab=1"
        )
    vectors.vectors = vectors.vectors[order]
    vectors.index_to_key = [vectors.index_to_key[row] for row in order]
    vectors.key_to_index = {word: row for row, word in enumerate(vectors.index_to_key)}
    vectors.expandos = {name: values[order] for name, values in vectors.expandos.items()}
    factors = factors_of(vectors, len(vectors))
    if factors is not None:
        vectors.vectors_lockf = factors[order]


def attribute(vectors: KeyedVectors, name: str) -> np.ndarray:
    """Return an attribute (V,); KeyError names those that there are."""
    if name not in attributes_of(vectors):
        raise KeyError(
            f"{name!r}: no such attribute of words; there are: {names_of(vectors.expandos)}; set "
            "it with set_vecattr"
        )
    values = vectors.expandos[name]
    check_attribute(vectors, name, values)
    return values


def set_attribute(vectors: KeyedVectors, row: int, name: str, value: int | float | str) -> None:
    """See `KeyedVectors.set_vecattr`."""
    if np.ndim(value):
        raise ValueError(
            f"val: expected one number or text, got shape {np.shape(value)}; set one word at a time"
        )
    values = _as_wide_enough(vectors, name, np.asarray(value))
    values[row] = value
    vectors.expandos[name] = values


def _as_wide_enough(vectors: KeyedVectors, name: str, new: np.ndarray) -> np.ndarray:
    """Return an attribute (V,) in a dtype that holds `new` as well; zeros if there is none.

    TypeError where no dtype holds both.
    """
    if name not in attributes_of(vectors):
        return np.zeros(len(vectors), new.dtype)
    there = attribute(vectors, name)
    if _holds(there.dtype, new):
        return there
    if (there.dtype.kind in "biuf") == (new.dtype.kind in "biuf"):
        wider = np.promote_types(there.dtype, new.dtype)
        if _holds(wider, there) and _holds(wider, new):
            return there.astype(wider)
    raise TypeError(
        f"{name}: expected {there.dtype}, as there is, got {new.dtype}; "
        f"no dtype holds both: give expandos[{name!r}] another array"
    )


def lengthened(attributes: Mapping[str, np.ndarray], V: int) -> dict[str, np.ndarray]:
    """Return attributes (V,) that begin with the given ones; 0, or "", is the rest."""
    more: dict[str, np.ndarray] = {}
    for name, values in attributes.items():
        more[name] = np.zeros(V, values.dtype)
        more[name][: len(values)] = values
    return more


def _brought_to(V: int, vectors: KeyedVectors) -> dict[str, np.ndarray]:
    """Return the attributes with V values each, cut or `lengthened`."""
    return lengthened({name: v[:V] for name, v in attributes_of(vectors).items()}, V)


def names_of(attributes: Mapping[str, np.ndarray]) -> str:
    """List the names for an error message."""
    return ", ".join(map(repr, attributes)) or "none"


def _holds(dtype: np.dtype, values: np.ndarray) -> bool:
    """Tell whether an array of that dtype can hold the values to the last digit."""
    if dtype.kind == "O":
        return True
    if "b" in dtype.kind + values.dtype.kind:
        return dtype.kind == values.dtype.kind
    if dtype.kind not in "iuf" or values.dtype.kind not in "iuf":
        return dtype.kind == values.dtype.kind and np.array_equal(values.astype(dtype), values)
    with np.errstate(invalid="ignore", over="ignore"):  # a value that does not fit comes back other
        back = values.astype(dtype).astype(values.dtype)
    return np.array_equal(back, values, equal_nan=True)
