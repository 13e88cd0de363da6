"""The settings of `Word2Vec`: their names, limits and conversions, all in one table.

A user may change a setting at any time, so each method that uses settings checks them again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from fastw2v._checks.numbers import as_int, as_not_negative, as_number, as_whole, check_one_of

# A count of draws per word takes time in proportion, and the search for repeated draws its square:
# with 1,000 of them CBOW trains a few thousand words per second and core.
MOST_NEGATIVES = 1000
MOST_WORKERS = 1024  # as of `fastw2v.set_num_threads`
MOST_COLUMNS = 1_000_000
_MOST_RATE = 1e38  # of float32
GRADIENTS = ("word2vec", "exact")

# Learning rates where none is given: see the table in `Word2Vec`.
_ALPHA = {"skip-gram": 0.025, "word2vec": 0.05, "exact": 0.15}


def as_flag(name: str, value: Any) -> bool:
    """Return True or False for a bool, a number or None."""
    if isinstance(value, bool | int | float | np.bool_ | np.integer) or value is None:
        return bool(value)
    raise TypeError(f"{name}: expected True or False, got {value!r}; pass one of them")


def as_rate(name: str, value: Any) -> float:
    """Return a learning rate as a float."""
    rate = as_not_negative(name, value)
    if rate > _MOST_RATE:
        raise ValueError(
            f"{name}: expected at most {_MOST_RATE:g}, got {value}; training would diverge, pass "
            "e.g. 0.025"
        )
    return rate


def as_epochs(name: str, value: Any) -> int:
    """Return a number of epochs."""
    return as_int(name, value, high=2**31 - 1)


def as_workers(name: str, value: Any) -> int | None:
    """Return a number of threads; None leaves the choice to `fastw2v.get_num_threads`."""
    if value is None:
        return None
    workers = as_int(name, value)
    if workers > MOST_WORKERS:
        raise ValueError(
            f"{name}: expected at most {MOST_WORKERS}, got {workers}; more threads than cores only "
            "take memory, pass the number of cores, or None"
        )
    return workers


def _as_negative(name: str, value: Any) -> int:
    negative = as_whole(name, value)
    if negative > MOST_NEGATIVES:
        raise ValueError(
            f"{name}: expected at most {MOST_NEGATIVES}, got {negative}; the time of a training "
            "grows with the number of words that each word is compared with, pass 5 to 20"
        )
    return negative


def _as_columns(name: str, value: Any) -> int:
    return as_int(name, value, high=MOST_COLUMNS)


def _as_exponent(name: str, value: Any) -> float:
    exponent = as_number(name, value)
    if not abs(exponent) <= 10:
        raise ValueError(f"{name}: expected a number from -10 to 10, got {value}; pass e.g. 0.75")
    return exponent


def _as_sample(name: str, value: Any) -> float:
    return min(as_not_negative(name, value), 2.0**53)  # a count from which no word is subsampled


def _as_min_count(name: str, value: Any) -> int:
    return as_whole(name, 0 if value is None else value)


def _as_shared(name: str, value: Any) -> bool | None:
    return None if value is None else as_flag(name, value)


def _as_optional_count(low: int, name: str, value: Any) -> int | None:
    return None if value is None else as_whole(name, value, low=low)


def _as_gradient(name: str, value: Any) -> str:
    check_one_of(name, value, GRADIENTS)
    return str(value)


def _as_error_handling(name: str, value: Any) -> str:
    check_one_of(name, value, ("strict", "replace", "ignore"))
    return str(value)


def _as_comment(name: str, comment: Any) -> Any:
    """Return a comment that JSON, and so the file of a model, can hold."""
    try:
        json.dumps(comment)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"{name}: expected a value that JSON can hold, because it is saved with the model, "
            f"got {type(comment).__name__} ({error}); pass a str"
        ) from error
    return comment


# Each setting, in the order of the constructor, with the function that checks and converts it.
SETTINGS: dict[str, Callable[[str, Any], Any]] = {
    "vector_size": _as_columns,
    "alpha": as_rate,
    "window": partial(as_int, high=2**31 - 1),
    "min_count": _as_min_count,
    "max_vocab_size": partial(_as_optional_count, 1),
    "sample": _as_sample,
    "seed": partial(as_whole, high=2**63 - 1),
    "workers": as_workers,
    "min_alpha": as_rate,
    "sg": as_whole,
    "hs": as_whole,
    "negative": _as_negative,
    "ns_exponent": _as_exponent,
    "cbow_mean": as_whole,
    "epochs": as_epochs,
    "null_word": as_flag,
    "sorted_vocab": as_flag,
    "compute_loss": as_flag,
    "comment": _as_comment,
    "max_final_vocab": partial(_as_optional_count, 1),
    "shrink_windows": as_flag,
    "deterministic": as_flag,
    "cbow_grad": _as_gradient,
    "shared_negatives": _as_shared,
    "memory_limit": partial(_as_optional_count, 0),
    "unicode_errors": _as_error_handling,
    "running_text": as_flag,
}


# Numbers that a model counts itself, and that a user may set, too.
TOTALS: dict[str, Callable[[str, Any], Any]] = {
    "corpus_count": partial(as_whole, high=2**63 - 1),
    "corpus_total_words": partial(_as_optional_count, 0),  # None: unknown
    "train_count": partial(as_whole, high=2**63 - 1),
    "total_train_time": as_not_negative,
    "effective_min_count": partial(as_whole, high=2**63 - 1),
    "min_alpha_yet_reached": as_rate,
}


class Settings:
    """The settings of a model and its totals as attributes."""

    vector_size: int
    alpha: float
    window: int
    min_count: int
    max_vocab_size: int | None
    sample: float
    seed: int
    workers: int | None
    min_alpha: float
    sg: int
    hs: int
    negative: int
    ns_exponent: float
    cbow_mean: int
    epochs: int
    sorted_vocab: bool
    compute_loss: bool
    comment: Any
    max_final_vocab: int | None
    shrink_windows: bool
    deterministic: bool
    cbow_grad: str
    shared_negatives: bool | None
    memory_limit: int | None
    unicode_errors: str
    running_text: bool

    corpus_count: int
    corpus_total_words: int | None
    train_count: int
    total_train_time: float
    # The values of models that were saved before these existed.
    null_word: bool = False
    effective_min_count: int = 0
    min_alpha_yet_reached: float = _MOST_RATE


def as_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings converted. Raises TypeError or ValueError that names one out of range."""
    found = {name: convert(name, given[name]) for name, convert in SETTINGS.items()}
    if not found["hs"] and not found["negative"]:
        raise ValueError(
            "negative: expected 1 or more where hs is 0, got 0; pass negative=5 or hs=1"
        )
    return found


def default_alpha(sg: Any, cbow_grad: Any) -> float:
    """Return the learning rate where none is given; 0 if `cbow_grad` is no known gradient."""
    return _ALPHA["skip-gram"] if sg else _ALPHA.get(str(cbow_grad), 0.0)


def check_settings(model: Settings) -> None:
    """Check the settings of a model, which its user may have changed, and convert them in place.

    A float of numpy becomes one of Python, for example, which a file of the model can hold.
    """
    found = as_settings({name: getattr(model, name) for name in SETTINGS})
    found |= {name: convert(name, getattr(model, name)) for name, convert in TOTALS.items()}
    vars(model).update(found)
