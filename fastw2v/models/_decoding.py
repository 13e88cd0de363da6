"""Writing a text, character by character: the most probable next one, or several texts at once.

Both work on log-probabilities (N, V) of the next character after each of N texts, as `next_step`
gives them, and on states that are tuples of arrays with N rows. A text may have at most `limit`
characters, the end mark among them: at the last step nothing but the end mark is left to choose, so
that every score is that of a whole text.
"""

import numpy as np

__all__ = ["beam_search", "greedy_search"]


def greedy_search(next_step, states, n_texts, start, end, limit):
    """[(ids without marks, log-probability)] of n_texts; those that have ended take no more time.

    next_step(ids (N,), states) -> log-probabilities (N, V), states.
    """
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


def beam_search(next_step, states, start, end, limit, width):
    """(ids without marks, log-probability) of the best of the texts found `width` at a time.

    The text that `greedy_search` finds is among those compared, so the result is never worse.
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
        # What a longer text has lost it never wins back.
        on = (chosen != end) & (flat[order] > best[1])
        if not on.any():
            break
        texts = [texts[n] + [int(id)] for n, id in zip(parents[on], chosen[on], strict=True)]
        scores, ids = flat[order][on], chosen[on]
        states = tuple(state[parents[on]] for state in states)
    return best


def _choices(log_p, start, end, last):
    """log_p with what may not come next at minus infinity."""
    allowed = np.full_like(log_p, -np.inf)
    if last:
        allowed[:, end] = log_p[:, end]
    else:
        allowed[...] = log_p
        allowed[:, start] = -np.inf
    return allowed
