"""Changes of word vectors: words added, attributes set; all arguments are checked first.

An attribute of words, such as their counts, is an array (V,) that widens to hold new values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastw2v.keyed_vectors.compressed import check_expanded

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
    rows = np.atleast_2d(np.asarray(weights, vectors.vectors.dtype))
    as_rows_of_words("keys", names, rows)
    if vectors.index_to_key and names and type(names[0]) is not type(vectors.index_to_key[0]):
        kind = type(vectors.index_to_key[0]).__name__
        raise TypeError(
            f"keys: expected {kind} like the words that are there, got "
            f"{type(names[0]).__name__}; convert them"
        )
    if rows.shape[1] != vectors.vector_size:
        raise ValueError(
            f"weights: expected shape ({len(names)}, {vectors.vector_size}), got {rows.shape}; "
            "pass one vector per word"
        )
    given = {name: np.asarray(values) for name, values in extras.items()}
    for name, values in given.items():
        if values.shape != (len(names),):
            raise ValueError(
                f"extras[{name!r}]: expected shape ({len(names)},), got {values.shape}; pass "
                "one value per word"
            )
    widened = {name: _as_wide_enough(vectors, name, values) for name, values in given.items()}

    new = [i for i, name in enumerate(names) if name not in vectors.key_to_index]
    old = [i for i, name in enumerate(names) if name in vectors.key_to_index]
    first = len(vectors)
    if new:
        vectors.vectors = np.concatenate([vectors.vectors, rows[new]])
        for place, i in enumerate(new):
            vectors.key_to_index[names[i]] = first + place
        vectors.index_to_key.extend(names[i] for i in new)
        for name, values in (vectors.expandos | widened).items():
            widened[name] = np.concatenate([values, np.zeros(len(new), values.dtype)])
    vectors.expandos.update(widened)
    for name, values in given.items():
        vectors.expandos[name][first:] = values[new]
    if replace and old:
        at = [vectors.key_to_index[names[i]] for i in old]
        vectors.vectors[at] = rows[old]
        for name, values in given.items():
            vectors.expandos[name][at] = values[old]


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
    order = np.argsort(-attribute, kind="stable")
    return None if (order[1:] > order[:-1]).all() else order


def attribute(vectors: KeyedVectors, name: str) -> np.ndarray:
    """Return an attribute (V,); KeyError names those that there are."""
    if name not in vectors.expandos:
        raise KeyError(
            f"{name!r}: no such attribute of words; there are: {names_of(vectors.expandos)}; set "
            "it with set_vecattr"
        )
    return vectors.expandos[name]


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
    there = vectors.expandos.get(name)
    if there is None:
        return np.zeros(len(vectors), new.dtype)
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
