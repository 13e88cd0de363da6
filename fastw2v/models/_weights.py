"""Initial weights of the models of chapters 5 to 8, drawn in the book's order.

V words, D dimension of word vectors, H hidden units. rng: None for numpy's global stream, or one of
numpy's generators.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastw2v import init

__all__ = ["dense", "recurrent", "table"]

Floats: TypeAlias = NDArray[np.floating[Any]]


def table(V: int, D: int, rng: init.RandomSource) -> Floats:
    """Draw word vectors (V, D)."""
    return init.scaled_normal((V, D), 100, rng=rng)


def recurrent(
    D: int, H: int, n_gates: int, rng: init.RandomSource
) -> tuple[Floats, Floats, Floats]:
    """Draw Wx (D, n_gates * H) and Wh (H, n_gates * H); b (n_gates * H,) is 0."""
    Wx = init.scaled_normal((D, n_gates * H), math.sqrt(D), rng=rng)
    Wh = init.scaled_normal((H, n_gates * H), math.sqrt(H), rng=rng)
    return Wx, Wh, init.zeros(n_gates * H)


def dense(D: int, H: int, rng: init.RandomSource) -> tuple[Floats, Floats]:
    """Draw W (D, H); b (H,) is 0."""
    return init.scaled_normal((D, H), math.sqrt(D), rng=rng), init.zeros(H)
