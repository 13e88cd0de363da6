"""Checks of single numbers, of choices and of random generators."""

from __future__ import annotations

import math
import numbers as number_types
from collections.abc import Collection
from typing import Any

import numpy as np


def as_int(name: str, value: Any, low: int = 1, high: int | None = None) -> int:
    """Return a whole number from `low` to `high` (None: unbounded) as an int."""
    if type(value) is not int and (
        isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__")
    ):
        raise TypeError(f"{name}: expected a whole number, got {value!r}; pass an int")
    value = value.__index__()
    if value < low:
        raise ValueError(f"{name}: expected at least {low}, got {value}; pass a larger number")
    if high is not None and value > high:
        raise ValueError(f"{name}: expected at most {high}, got {value}; pass a smaller number")
    return value


def as_whole(name: str, value: Any, low: int = 0, high: int | None = None) -> int:
    """Return a whole number as an int, even if it is written as 0.0 or True.

    Scripts for gensim pass booleans and whole floats.
    """
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    return as_int(name, value, low, high)


def as_number(name: str, value: Any) -> float:
    """Return a real number as a float; it may be infinite or NaN."""
    kind = type(value)
    if kind is float or kind is int:
        return float(value)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, number_types.Real):
        raise TypeError(f"{name}: expected a number, got {value!r}; pass a float")
    return float(value)


def as_finite(name: str, value: Any) -> float:
    """Return a real number, neither infinite nor NaN, as a float."""
    number = as_number(name, value)
    if not math.isfinite(number):
        raise ValueError(f"{name}: expected a finite number, got {number}; pass e.g. 0.01")
    return number


def as_not_negative(name: str, value: Any) -> float:
    """Return a finite number of at least 0 as a float."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}; pass 0 or more")
    if not (math.isfinite(value) and float(value) >= 0):
        raise ValueError(f"{name}: expected 0 or more, got {value}; pass e.g. 1.0")
    return float(value)


def as_above_zero(name: str, value: Any) -> float:
    """Return a finite number above 0 as a float."""
    number = as_number(name, value)
    if not 0 < number < math.inf:
        raise ValueError(f"{name}: expected a number above 0, got {number}; pass e.g. 1.0")
    return number


def as_below_one(name: str, value: Any) -> float:
    """Return a number of at least 0 and below 1 as a float."""
    number = value if type(value) is float else as_number(name, value)
    if not 0 <= number < 1:
        raise ValueError(
            f"{name}: expected a number from 0 to below 1, got {number}; pass e.g. 0.9"
        )
    return number


def as_share(name: str, value: Any) -> float:
    """Return a number from 0 to 1 as a float."""
    check_fraction(name, value)
    return as_number(name, value)


def check_fraction(name: str, value: Any) -> None:
    """Check that a number lies from 0 to 1."""
    if not 0 <= as_number(name, value) <= 1:
        raise ValueError(f"{name}: expected a number from 0 to 1, got {value!r}; pass e.g. 0.5")


def check_one_of(name: str, value: object, choices: Collection[str]) -> None:
    """Check that a value is one of the choices."""
    if value not in choices:
        expected = " or ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name}: expected {expected}, got {value!r}; pass one of these")


def check_generator(name: str, rng: object) -> None:
    """Check that `rng` is None, which means numpy's global stream, or one of numpy's generators."""
    if rng is not None and not isinstance(rng, (np.random.Generator, np.random.RandomState)):
        raise TypeError(
            f"{name}: expected None or a numpy.random.Generator, got {type(rng).__name__}; "
            "pass np.random.default_rng(seed)"
        )
