"""The update rules against their formulas in numpy, element by element, in 1, 2, 3 and 7 parts."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits

from fastw2v._kernels import _optimizer, specialise


# Each rule in numpy; it takes weights, states, gradient, the type of its scalars, scalars.
def sgd(w, s, g, real, lr):
    w[:] = w - real(lr) * g


def momentum(w, s, g, real, lr, mu):
    s[0][:] = real(mu) * s[0] - real(lr) * g
    w[:] = w + s[0]


def nesterov(w, s, g, real, lr, mu):
    s[0][:] = real(mu) * s[0] - real(lr) * g
    w[:] = w + real(mu * mu) * s[0] - real((1 + mu) * lr) * g


def adagrad(w, s, g, real, lr, eps):
    s[0][:] = s[0] + g * g
    w[:] = w - real(lr) * g / (np.sqrt(s[0]) + real(eps))


def rmsprop(w, s, g, real, lr, rho, eps):
    s[0][:] = real(rho) * s[0] + real(1 - rho) * g * g
    w[:] = w - real(lr) * g / (np.sqrt(s[0]) + real(eps))


def adam(w, s, g, real, lr, c1, c2, eps):
    s[0][:] = s[0] + real(c1) * (g - s[0])
    s[1][:] = s[1] + real(c2) * (g * g - s[1])
    w[:] = w - real(lr) * s[0] / (np.sqrt(s[1]) + real(eps))


# number of state arrays, scalars
RULES = {
    sgd: (0, (0.1,)),
    momentum: (1, (0.1, 0.9)),
    nesterov: (1, (0.1, 0.9)),
    adagrad: (1, (0.1, 1e-7)),
    rmsprop: (1, (0.1, 0.99, 1e-7)),
    adam: (2, (0.003, 0.1, 0.001, 1e-7)),
}
# (R, C): one element, one row, rows of no whole vector, two whole blocks and an edge each way
SIZES = [(1, 1), (1, 1037), (23, 35), (83, 130)]


@pytest.fixture(params=RULES, ids=lambda rule: rule.__name__)
def rule(request):
    n_states, scalars = RULES[request.param]
    return request.param, n_states, scalars


def run(rule, dtype, w, states, g, mark, scalars, n_parts):
    kernel = specialise(getattr(_optimizer, rule.__name__))[dtype]
    kernel(w, *states, g, mark, *scalars, n_parts)


@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_a_rule_has_the_bits_of_numpy(rule, dtype, rng, shape):
    rule, n_states, scalars = rule
    start = rng.standard_normal(shape).astype(dtype)
    gradients = [
        (rng.standard_normal(shape) * 10.0 ** rng.integers(-30, 3, shape)).astype(dtype)
        for _ in range(5)
    ]
    w = start.copy()
    states = [np.zeros(shape, dtype) for _ in range(n_states)]
    for g in gradients:
        rule(w, states, g, dtype.type, *scalars)
    for n_parts in N_PARTS:
        mine, mine_states = start.copy(), [np.zeros(shape, dtype) for _ in range(n_states)]
        for g in gradients:
            run(rule, dtype, mine, mine_states, g, None, scalars, n_parts)
        assert_same_bits(mine, w)
        for state, expected in zip(mine_states, states, strict=True):
            assert_same_bits(state, expected)


@pytest.mark.parametrize("shape", SIZES[2:], ids=str)
@pytest.mark.parametrize("padding", [0, 5])
def test_marked_rows_give_the_bits_of_the_dense_pass(rule, dtype, rng, shape, padding):
    rule, n_states, scalars = rule
    R, C = shape
    start = rng.standard_normal((R, C + padding)).astype(dtype)
    for n_parts in N_PARTS:
        dense, sparse = start.copy()[:, :C], start.copy()[:, :C]
        dense_states = [np.zeros(shape, dtype) for _ in range(n_states)]
        sparse_states = [np.zeros(shape, dtype) for _ in range(n_states)]
        for _ in range(8):
            mark = (rng.random(R) < 0.3).astype(np.uint8)
            g = rng.standard_normal(shape).astype(dtype) * mark[:, None]
            g += dtype.type(0)
            run(rule, dtype, dense, dense_states, g, None, scalars, n_parts)
            run(rule, dtype, sparse, sparse_states, g, mark, scalars, n_parts)
        assert_same_bits(sparse, dense)
        for state, expected in zip(sparse_states, dense_states, strict=True):
            assert_same_bits(state, expected)


@pytest.mark.parametrize("C", [1, 3, 35])
def test_marked_rows_have_the_same_bits_wherever_memory_begins(rule, dtype, rng, C):
    """Runs of rows are cut where w reaches a new cache line."""
    function, n_states, scalars = rule
    R, line = 40, 64 // np.dtype(dtype).itemsize
    mark = rng.integers(0, 2, R).astype(np.uint8)
    given = [rng.random((R, C)).astype(dtype) for _ in range(n_states + 2)]
    given[-1][mark == 0] = 0
    found = []
    for shifts in ((0, 0), (1, 1), (line - 1, 3), (line // 2, line - 2), (3, line // 2)):
        arrays = []
        for k in range(len(given)):
            block = np.zeros(R * C + 2 * line, dtype)
            skip = (-block.ctypes.data) % 64 // block.itemsize + shifts[k % 2]
            arrays.append(block[skip : skip + R * C].reshape(R, C))
        for n_parts in N_PARTS:
            for mine, array in zip(arrays, given, strict=True):
                mine[...] = array
            w, *states, g = arrays
            run(function, dtype, w, states, g, mark, scalars, n_parts)
            found.append([w.copy(), *(state.copy() for state in states)])
    for other in found[1:]:
        for mine, first in zip(other, found[0], strict=True):
            assert_same_bits(mine, first)


def test_adam_passes_special_values_as_numpy_does(dtype):
    tiny, big = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    special = [0.0, -0.0, tiny, -tiny, 1e-38, big, -big, np.inf, -np.inf, np.nan, 1.0]
    g, m, v = (x.ravel() for x in np.meshgrid(special, special, np.abs(special)))
    g, m, v = (np.ascontiguousarray(x, dtype).reshape(1, -1) for x in (g, m, v))
    w = np.ones_like(g)
    scalars = RULES[adam][1]
    expected = [w.copy(), m.copy(), v.copy()]
    with np.errstate(all="ignore"):
        adam(expected[0], expected[1:], g, dtype.type, *scalars)
    run(adam, dtype, w, [m, v], g, None, scalars, 1)
    for actual, wanted in zip((w, m, v), expected, strict=True):
        np.testing.assert_array_equal(actual, wanted)


@pytest.mark.parametrize("shape", [*SIZES, (300, 100)], ids=str)
def test_sum_squares_and_scale(dtype, rng, shape):
    R, C = shape
    sum_squares = specialise(_optimizer.sum_squares)[dtype]
    scale = specialise(_optimizer.scale)[dtype]
    mark = (rng.random(R) < 0.5).astype(np.uint8)
    g = rng.standard_normal((R, C + 3)).astype(dtype)[:, :C] * dtype.type(1)
    g = np.concatenate([g, np.full((R, 3), np.nan, dtype)], axis=1)[:, :C]
    g *= mark[:, None]
    partial = np.empty(_optimizer.n_blocks(g.size))
    expected = (g.astype(np.longdouble) ** 2).sum()
    totals = {
        sum_squares(partial, g, marks, n_parts) for n_parts in N_PARTS for marks in (None, mark)
    }
    assert len(totals) == 1
    np.testing.assert_allclose(totals.pop(), float(expected), rtol=1e-13)
    for n_parts in N_PARTS:
        for marks in (None, mark):
            scaled = g.copy()
            scale(scaled, marks, 0.3, n_parts)
            np.testing.assert_array_equal(scaled, g * dtype.type(0.3))
