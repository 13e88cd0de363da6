"""Every check of an argument, and its message."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence

import numpy as np


def check_positive_int(name: str, value: object) -> int:
    """An int of at least 1, as int."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: expected an int, got {type(value).__name__}; pass 1 or more")
    if value < 1:
        raise ValueError(f"{name}: expected 1 or more, got {value}")
    return int(value)


def check_not_negative(name: str, value: object) -> float:
    """A finite number of at least 0, as float."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}; pass 0 or more")
    if not (math.isfinite(value) and float(value) >= 0):
        raise ValueError(f"{name}: expected 0 or more, got {value}")
    return float(value)


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """One of the choices."""
    if value not in choices:
        expected = " or ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name}: expected {expected}, got {value!r}")


def check_word_table(name: str, words: Sequence[object], table: np.ndarray) -> None:
    """V different strings for a table (V, D), D >= 1."""
    if table.ndim != 2 or table.shape[1] < 1:
        raise ValueError(f"vectors: expected shape (V, D), got {table.shape}")
    if len(words) != len(table):
        raise ValueError(
            f"{name}: expected one word for each of the {len(table)} rows, got {len(words)}"
        )
    rows: dict[object, int] = {}
    for row, word in enumerate(words):
        if not isinstance(word, str):
            raise TypeError(f"{name}: expected str, got {type(word).__name__} for row {row}")
        first = rows.setdefault(word, row)
        if first != row:
            raise ValueError(
                f"{name}: {word!r} stands for row {first} and for row {row}; give each word once"
            )


def check_vector(name: str, vector: object, size: int) -> None:
    """A vector (size,)."""
    shape = np.asarray(vector).shape
    if shape != (size,):
        raise ValueError(f"{name}: expected a word or a vector ({size},), got shape {shape}")
