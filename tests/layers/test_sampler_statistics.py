"""The laws of the samplers, by chi-square tests at level 1e-4 on a million draws.

Keys are fixed, so a test that passes once passes for ever. The functions that judge a sample
must also refuse impostors, which are samplers that are wrong in a plausible way.
"""

import math
from itertools import permutations

import numpy as np
import pytest

from fastw2v._kernels import _sampler, specialise

N = 1_000_000
Z = 3.719016485  # upper 1e-4 point of the normal distribution


def critical_value(df):
    """Upper 1e-4 point of chi-square.

    Wilson and Hilferty 1931: the cube root of chi-square / df is nearly normal with mean
    1 - 2 / (9 df) and variance 2 / (9 df).
    """
    spread = 2 / (9 * df)
    return df * (1 - spread + Z * math.sqrt(spread)) ** 3


@pytest.mark.parametrize("df", [4, 6, 10, 20, 40, 100, 400])
def test_critical_value(df):
    # For even df the exact tail is a Poisson sum.
    half = critical_value(df) / 2
    tail = sum(math.exp(i * math.log(half) - half - math.lgamma(i + 1)) for i in range(df // 2))
    assert 0.7e-4 < tail < 1.1e-4


def has_law(cells, law):
    """Whether cell numbers (n,) fit the probabilities `law` (cells,). Cells of law 0 never come."""
    observed = np.bincount(cells, minlength=len(law))
    expected = len(cells) * np.asarray(law)
    assert math.isclose(expected.sum(), len(cells), rel_tol=1e-9)
    if observed[expected == 0].any():
        return False
    # The approximation wants 5 expected in a cell: rarer ones are counted together.
    rare = expected < 5
    observed = np.append(observed[~rare], observed[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    if expected[-1] < 5:
        observed[-2] += observed[-1]
        expected[-2] += expected[-1]
        observed, expected = observed[:-1], expected[:-1]
    if len(expected) == 1:
        return True
    return ((observed - expected) ** 2 / expected).sum() < critical_value(len(expected) - 1)


def ordered_law(p, target, K):
    """Law of K successive picks: {ids: probability}, by enumeration."""
    words = [v for v in range(len(p)) if v != target and p[v] > 0]
    law = {}
    for ids in permutations(words, K):
        law[ids] = 1.0
        for k, v in enumerate(ids):
            left = math.fsum(p[u] for u in words if u not in ids[:k])
            law[ids] *= p[v] / left
    return law


def is_successive_sampling(rows, p, target):
    """Each pick by itself, each pair of successive picks, and whole rows fit the exact law."""
    V, K = len(p), rows.shape[1]
    law = ordered_law(p, target, K)
    columns = [(k,) for k in range(K)] + [(k, k + 1) for k in range(K - 1)] + [tuple(range(K))]
    for some in columns:
        part = np.zeros(V ** len(some))
        for ids, probability in law.items():
            part[number(np.array(ids)[list(some)], V)] += probability
        if not has_law(number(rows[:, some].T, V), part):
            return False
    return True


def number(ids, V):
    """Ids along the first axis read as digits to the base V."""
    total = 0
    for digit in ids:
        total = total * V + np.int64(digit)
    return total


def build_alias(p):
    table = np.empty((len(p), 2), np.uint32)
    _sampler.build_alias(table, np.asarray(p, np.float64))
    return table


def draw(p, n, key):
    out = np.empty(n, np.int32)
    _sampler.draw(out, build_alias(p), key, 2)
    return out


def draw_distinct(p, target, K, n, key):
    p = np.asarray(p, np.float64)
    out = np.empty((n, K), np.int32)
    targets = np.full(n, target)
    specialise(_sampler.draw_distinct)[targets.dtype](out, build_alias(p), p, targets, key, 2)
    return out


VOCABULARIES = {
    "V=7": np.array([0.3, 0.05, 0.25, 0.1, 0.1, 0.15, 0.05]),
    "zeros": np.array([0.0, 0.5, 0.0, 0.3, 0.2, 0.0]),
    "V=10000": 1 / np.arange(1.0, 10_001) ** 0.75,
    "V=100000, prefetched": 1 / np.arange(1.0, 100_001),
}


@pytest.mark.parametrize("name", VOCABULARIES)
def test_draw(name):
    p = VOCABULARIES[name]
    sample = draw(p, N, 1)
    assert has_law(sample, p / p.sum())
    uniform = np.random.default_rng(1).integers(0, len(p), N)
    assert not has_law(uniform, p / p.sum())


def test_draws_are_independent():
    p = VOCABULARIES["V=7"] / VOCABULARIES["V=7"].sum()
    pairs = np.outer(p, p).reshape(-1)
    sample = draw(p, 2 * N, 2)
    for step in (1, 2, 7, 64):
        # Pairs at this distance that share no draw.
        blocks = sample[: 2 * N // (2 * step) * 2 * step].reshape(-1, 2, step)
        assert has_law(number(blocks.transpose(1, 0, 2).reshape(2, -1), 7), pairs)
    # Another key is another sample.
    assert has_law(number(np.stack([sample[:N], draw(p, N, 3)]), 7), pairs)
    assert not has_law(number(np.stack([sample, sample]), 7), pairs)


SMALL = {
    "V=5": [0.4, 0.05, 0.3, 0.2, 0.05],
    "V=6": [0.02, 0.5, 0.03, 0.25, 0.1, 0.1],
    "V=7": [0.6, 0.2, 0.1, 0.05, 0.03, 0.015, 0.005],
    "V=7, zeros": [0.2, 0.0, 0.3, 0.1, 0.0, 0.25, 0.15],
}
SMALL_TARGETS = [(name, target) for name, p in SMALL.items() for target in range(len(p))]


@pytest.mark.parametrize(("name", "target"), SMALL_TARGETS)
def test_draw_distinct(name, target):
    p = SMALL[name]
    assert is_successive_sampling(draw_distinct(p, target, 2, N, 10 + target), p, target)


@pytest.mark.parametrize(("V", "K"), [(5, 4), (7, 5)])
def test_draw_distinct_to_the_last_word(V, K):
    p = SMALL[f"V={V}"]
    for target in (0, V - 1):
        assert is_successive_sampling(draw_distinct(p, target, K, N, 20 + target), p, target)


@pytest.mark.parametrize("heavy", [1e3, 1e6, 1e12])
def test_draw_distinct_where_rejection_fails(heavy):
    # 64 draws in a row are the target with probability 0.94, nearly 1, 1 - 1e-10: what is left
    # comes from the pass over p in part, almost always, always.
    p = [heavy, 0.4, 0.05, 0.3, 0.2, 0.05]
    assert is_successive_sampling(draw_distinct(p, 0, 3, N, 30), p, 0)
    # Here the heavy word is picked first, and what follows is in the same position.
    assert is_successive_sampling(draw_distinct(p, 1, 3, N, 31), p, 1)


def test_hashed_picks():
    # 17 picks and more are remembered in another way. Equal weights make every column uniform.
    V, K, target = 20, 18, 4
    rows = draw_distinct(np.ones(V), target, K, N // 5, 40)
    marginal = np.full(V, 1 / (V - 1))
    marginal[target] = 0
    pair = np.full((V, V), 1 / (V - 1) / (V - 2))
    pair[target] = pair[:, target] = 0
    np.fill_diagonal(pair, 0)
    for k in (0, 8, 16, 17):
        assert has_law(rows[:, k], marginal)
    assert has_law(number(rows[:, -2:].T, V), pair.reshape(-1))
    assert (np.sort(rows, axis=1)[:, 1:] != np.sort(rows, axis=1)[:, :-1]).all()


def test_rows_are_independent():
    p, target = SMALL["V=6"], 3
    first = draw_distinct(p, target, 2, 2 * N, 50)[:, 0].reshape(N, 2)
    law = np.array(p)
    law[target] = 0
    law /= law.sum()
    assert has_law(number(first.T, 6), np.outer(law, law).reshape(-1))


def impostor_uniform(p, target, n, rng):
    words = np.delete(np.arange(len(p)), target)
    first = rng.integers(0, len(words), n)
    second = (first + rng.integers(1, len(words), n)) % len(words)
    return words[np.stack([first, second], axis=1)]


def impostor_with_replacement(p, target, n, rng):
    q = np.array(p)
    q[target] = 0
    return rng.choice(len(p), (n, 2), p=q / q.sum())


def impostor_takes_the_target(p, target, n, rng):
    return draw_distinct(p, -1, 2, n, 60)


def impostor_without_order(p, target, n, rng):
    # The right pairs as sets, but each in random order.
    return rng.permuted(draw_distinct(p, target, 2, n, 61), axis=1)


def impostor_second_uniform(p, target, n, rng):
    rows = draw_distinct(p, target, 2, n, 62)
    return np.stack([rows[:, 0], impostor_uniform(p, target, n, rng)[:, 1]], axis=1)


def impostor_two_samples(p, target, n, rng):
    # Both columns have the right marginals, but they do not belong together.
    rows = draw_distinct(p, target, 2, n, 63)
    return np.stack([rows[:, 0], np.roll(rows[:, 1], 1)], axis=1)


def impostor_slightly_off(p, target, n, rng):
    # Two percent too much for one word.
    q = np.array(p)
    q[target] = 0
    q[q.argmax()] *= 1.02
    return draw_distinct(q, target, 2, n, 64)


@pytest.mark.parametrize(
    "impostor",
    [
        impostor_uniform,
        impostor_with_replacement,
        impostor_takes_the_target,
        impostor_without_order,
        impostor_second_uniform,
        impostor_two_samples,
        impostor_slightly_off,
    ],
)
@pytest.mark.parametrize("name", SMALL)
def test_impostors_are_refused(impostor, name):
    p, target = SMALL[name], 3
    rows = impostor(p, target, N, np.random.default_rng(70))
    assert not is_successive_sampling(rows, p, target)
