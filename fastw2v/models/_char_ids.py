"""Texts as ids of characters, checked: alphabets, pairs of texts, ids padded with -1.

N texts, T characters of the longest one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.ids import as_ids, as_native_ids
from fastw2v._checks.sequences import check_text

__all__ = [
    "END",
    "START",
    "as_alphabet",
    "as_char_ids",
    "as_padded_ids",
    "as_text_pairs",
    "as_texts",
]

START, END = "\t", "\n"  # the marks before and after a target


def _check_listed(name, things, what):
    """Check that `things` is a list or another sequence; `what` names its items."""
    if not isinstance(things, Sequence):
        raise TypeError(
            f"{name}: expected a list of {what}, got {type(things).__name__}; pass a list"
        )


def as_alphabet(name: str, characters: Sequence[str]) -> list[str]:
    """Return the distinct characters of a str or a list, sorted by code point."""
    _check_listed(name, characters, "characters")
    characters = list(characters)
    for char in characters:
        if not isinstance(char, str) or len(char) != 1:
            raise ValueError(f"{name}: expected single characters, got {char!r}; pass a str")
    if not characters:
        raise ValueError(f"{name}: expected at least one character, got none; pass a str")
    return sorted(set(characters))


def as_texts(name: str, texts: Sequence[str]) -> list[str]:
    """Return texts as a list of at least one str."""
    _check_listed(name, texts, "texts")
    for k, one in enumerate(texts):
        check_text(f"{name}[{k}]", one)
    texts = list(texts)
    if not texts:
        raise ValueError(f"{name}: expected at least one text, got none; pass a str or a list")
    return texts


def as_text_pairs(name: str, pairs: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Return (source, target) pairs of texts, at least one, none of which contains a mark."""
    _check_listed(name, pairs, "(source, target) pairs")
    found = []
    for k, pair in enumerate(pairs):
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise ValueError(
                f"{name}[{k}]: expected (source, target), got {pair!r:.60}; pass two texts"
            )
        for side, one in zip(("source", "target"), pair, strict=True):
            place = f"{name}[{k}]: {side}"
            check_text(place, one)
            if not one:
                raise ValueError(f"{place}: expected a text, got an empty one; leave the pair out")
            if START in one or END in one:
                raise ValueError(
                    f"{place}: expected no tab and no newline, which mark start and end, got "
                    f"{one!r:.60}; take them out"
                )
        found.append((pair[0], pair[1]))
    if not found:
        raise ValueError(f"{name}: expected at least one pair, got none; pass (source, target)")
    return found


def as_char_ids(
    name: str, texts: Sequence[str], ids: Mapping[str, int], max_length: int
) -> NDArray[np.int32]:
    """Return the characters of texts as ids (N, T) int32, padded with -1."""
    found = np.full((len(texts), max(map(len, texts))), -1, np.int32)
    for k, one in enumerate(texts):
        place = name if len(texts) == 1 else f"{name}[{k}]"
        if not one:
            raise ValueError(f"{place}: expected a text, got an empty one; leave it out")
        if len(one) > max_length:
            raise ValueError(
                f"{place}: expected at most {max_length} characters, the limit of this model, got "
                f"{len(one)}; shorten it, or train a model with longer texts"
            )
        try:
            found[k, : len(one)] = [ids[char] for char in one]
        except KeyError:
            at = next(i for i, char in enumerate(one) if char not in ids)
            raise ValueError(
                f"{place}: character {one[at]!r} in {one.strip()!r:.60} is not among the "
                f"{len(ids)} of this model's alphabet; leave it out, or train with texts that "
                "have it"
            ) from None
    return found


def as_padded_ids(
    name: str, given: ArrayLike, V: int, least: int = 1
) -> tuple[NDArray[np.integer[Any]], NDArray[np.int64]]:
    """Return ids (N, T), padded with 0 and cut to the longest row, and the lengths (N,) of rows.

    given: ids padded with -1. N may not be 0, and each row has to have at least `least` ids.
    """
    ids = as_native_ids(name, given)
    if ids.ndim != 2 or ids.size == 0:
        raise ValueError(
            f"{name}: expected ids of shape (N, T), neither of them 0, got {ids.shape}; pass the "
            "result of pair_ids"
        )
    real = ids != -1
    lengths = np.where(real.any(axis=1), ids.shape[1] - real[:, ::-1].argmax(axis=1), 0)
    if lengths.min() < least:
        raise ValueError(
            f"{name}: expected at least {least} ids in each row before its -1, got "
            f"{lengths.min()} in row {lengths.argmin()}; leave the row out"
        )
    padding = np.arange(ids.shape[1]) >= lengths[:, None]
    ids = as_ids(name, np.where(padding, 0, ids), V, wrap=False, rows="characters")
    return np.ascontiguousarray(ids[:, : lengths.max()]), lengths
