"""Initial weights of the models of chapters 5 to 8, drawn in the book's order.

V words, D numbers of a word vector, H hidden units. rng: None for numpy's global stream, or one of
numpy's generators.
"""

import math

from fastw2v import init

__all__ = ["dense", "recurrent", "table"]


def table(V, D, rng):
    """Word vectors (V, D)."""
    return init.scaled_normal((V, D), 100, rng=rng)


def recurrent(D, H, n_gates, rng):
    """Wx (D, n_gates * H), Wh (H, n_gates * H), b."""
    Wx = init.scaled_normal((D, n_gates * H), math.sqrt(D), rng=rng)
    Wh = init.scaled_normal((H, n_gates * H), math.sqrt(H), rng=rng)
    return Wx, Wh, init.zeros(n_gates * H)


def dense(D, H, rng):
    """W (D, H), b."""
    return init.scaled_normal((D, H), math.sqrt(D), rng=rng), init.zeros(H)
