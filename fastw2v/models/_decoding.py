"""Greedy search and beam search for the most probable text, character by character.

Both call next_step(ids (N,), states), which returns log-probabilities (N, V) of the next character
of N texts and the new states, a tuple of arrays with N rows. A text may have at most `limit`
characters, the end mark included. At the last step only the end mark may be chosen, so every score
is that of a whole text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["beam_search", "greedy_search"]

States: TypeAlias = tuple[NDArray[Any], ...]
NextStep: TypeAlias = Callable[[NDArray[Any], States], tuple[NDArray[np.float64], States]]


def greedy_search(
    next_step: NextStep, states: States, n_texts: int, start: int, end: int, limit: int
) -> list[tuple[list[int], float]]:
    """Return [(ids without marks, log-probability)] of n_texts; ended texts take no more time."""
    texts = [[] for _ in range(n_texts)]
    scores = np.zeros(n_texts)
    going = np.arange(n_texts)
    ids = np.full(n_texts, start)
    for t in range(limit):
        log_p, states = next_step(ids, states)
        ids = _choices(log_p, start, end, t == limit - 1).argmax(axis=1)
        scores[going] += log_p[np.arange(len(ids)), ids]
        on = ids != end
        for n, id in zip(going[on].tolist(), ids[on].tolist(), strict=True):
            texts[n].append(id)
        going, ids = going[on], ids[on]
        if not len(going):
            break
        if not on.all():
            states = tuple(state[on] for state in states)
    return list(zip(texts, scores.tolist(), strict=True))


def beam_search(
    next_step: NextStep, states: States, start: int, end: int, limit: int, width: int
) -> tuple[list[int], float]:
    """Return (ids without marks, log-probability) of the best text of a beam of `width` texts.

    The result of `greedy_search` is among the compared texts, so the result is never worse.
    """
    best = greedy_search(next_step, states, 1, start, end, limit)[0]
    texts, scores = [[]], np.zeros(1)
    ids = np.array([start])
    for t in range(limit):
        log_p, states = next_step(ids, states)
        totals = scores[:, None] + _choices(log_p, start, end, t == limit - 1)
        flat = totals.reshape(-1)
        order = np.argsort(-flat, kind="stable")[:width]
        order = order[np.isfinite(flat[order])]
        parents, chosen = np.divmod(order, log_p.shape[1])
        for n, id, score in zip(parents, chosen, flat[order], strict=True):
            if id == end and score > best[1]:
                best = (texts[n], float(score))
        # A text never gains probability as it grows, so those below the best are dropped.
        on = (chosen != end) & (flat[order] > best[1])
        if not on.any():
            break
        texts = [texts[n] + [int(id)] for n, id in zip(parents[on], chosen[on], strict=True)]
        scores, ids = flat[order][on], chosen[on]
        states = tuple(state[parents[on]] for state in states)
    return best


def _choices(log_p, start, end, last):
    """Return log_p with characters that may not come next at minus infinity."""
    allowed = np.full_like(log_p, -np.inf)
    if last:
        allowed[:, end] = log_p[:, end]
    else:
        allowed[...] = log_p
        allowed[:, start] = -np.inf
    return allowed
