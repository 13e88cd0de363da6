"""Lock factors of word vectors: how much of its updates each vector takes in a training."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastw2v._checks.arrays import as_numbers

NAME = "vectors_lockf"


class LockFactors:
    """The attribute `vectors_lockf`: a live float32 array, one factor for all words or one each."""

    def __get__(self, thing: Any, owner: type | None = None) -> Any:
        if thing is None:
            return self
        return vars(thing).setdefault(NAME, np.ones(1, np.float32))

    def __set__(self, thing: Any, factors: Any) -> None:
        given = np.atleast_1d(as_numbers(NAME, factors)).astype(np.float32, copy=False)
        if given.ndim != 1:
            raise ValueError(
                f"{NAME}: expected one factor, or one for each word, got shape {given.shape}; pass "
                "np.ones(len(wv), np.float32)"
            )
        vars(thing)[NAME] = given


def factors_of(thing: Any, V: int) -> np.ndarray | None:
    """Return the factors (V,) float32 of V words; None if all of them are 1.

    Raises ValueError if they are not 1 or V numbers of 0 or more, TypeError for other dtypes.
    """
    factors = vars(thing).get(NAME)
    if factors is None:
        return None
    if not isinstance(factors, np.ndarray) or factors.dtype.kind != "f":
        got = factors.dtype if isinstance(factors, np.ndarray) else type(factors).__name__
        raise TypeError(f"{NAME}: expected a float array, got {got}; pass np.ones({V}, np.float32)")
    if factors.shape not in ((1,), (V,)):
        raise ValueError(
            f"{NAME}: expected shape (1,) or ({V},), a factor for each word, got {factors.shape}; "
            f"pass np.ones({V}, np.float32)"
        )
    if not (np.isfinite(factors) & (factors >= 0)).all():
        raise ValueError(
            f"{NAME}: expected numbers of 0 (no update) or more, got {factors.min()}; pass 0 to "
            "keep a vector and 1 to train it"
        )
    return None if (factors == 1).all() else np.broadcast_to(factors, V).astype(np.float32)
