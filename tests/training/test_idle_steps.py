"""Steps without gradient in one sum: how near to exact arithmetic, and where the sums end."""

import functools

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastw2v import reference
from fastw2v._kernels import _optimizer, specialise
from fastw2v._rows import pending
from fastw2v._rows.idle_steps import IdleSteps
from fastw2v.layers import Embedding
from fastw2v.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
from fastw2v.util import clip_grads

EPS = 1e-7
EXACT = {np.dtype(np.float32): np.dtype(np.float64), np.dtype(np.float64): np.dtype(np.longdouble)}
DTYPES = [
    dtype for dtype, exact in EXACT.items() if np.finfo(exact).eps < np.finfo(dtype).eps / 100
]
REACH = {np.dtype(np.float32): 0.05, np.dtype(np.float64): 0.01}


def betas(beta1, rho):
    return {"beta1": beta1, "beta2": 1 - 2 * rho * (1 - beta1)}


# ---- the contract: mean errors in units of the last place


def states(optimizer):
    return [array for name in optimizer._states for array in getattr(optimizer, name)]


class Run:
    """Steps of an Embedding's table with given gradients, learning rates and reads."""

    def __init__(self, kind, dtype, W, **options):
        self.layer, self.optimizer = Embedding(W.astype(dtype)), kind(**options)

    def step(self, rate, ids, dout, max_norm):
        """Take a step; return its gradient."""
        self.optimizer.lr = rate
        self.layer.forward(ids)
        self.layer.backward(dout)
        grads = self.layer.grads
        if max_norm is not None:
            clip_grads(grads, max_norm)
        self.optimizer.update(self.layer.params, grads)
        return np.array(grads[0])

    def read(self, ids):
        self.layer.forward(ids)

    def end(self):
        self.optimizer.flush()
        return self.layer.params[0]


def exact_optimizer(kind, exact, **options):
    options = {name: exact.type(value) for name, value in options.items()}
    return getattr(reference.optimizer, kind.__name__)(**options)


def assert_near(deferred, dense, exact, largest):
    """Compare mean errors in units of the last place of the largest |weight| on the way."""
    assert exact.size >= 1000
    unit = np.spacing(largest.astype(dense.dtype))
    mine, theirs = (float(np.mean(np.abs(W - exact) / unit)) for W in (deferred, dense))
    assert mine <= max(0.6, 1.1 * theirs), (mine, theirs)


V, D = 24, 64
WITHIN = st.one_of(
    st.builds(
        lambda beta1, rho: (Adam, {"beta1": beta1, "rho": rho}),
        st.sampled_from([0.0, 0.05, 0.5, 0.9, 0.95, 0.99, 0.999]),
        st.sampled_from([1e-6, 1e-3, 0.1, 0.5, 1.0]),
    ),
    st.builds(
        lambda kind, momentum: (kind, {"momentum": momentum}),
        st.sampled_from([Momentum, Nesterov]),
        st.sampled_from([0.0, 0.5, 0.9, 0.99, 0.9999, -0.3, -0.97]),
    ),
    st.builds(lambda rate: (RMSprop, {"decay_rate": rate}), st.sampled_from([0.0, 0.5, 0.99, 1.0])),
)
PLANS = st.lists(
    st.tuples(
        st.integers(1, 40),  # steps
        st.sampled_from([0.0, 1e-3, 0.03, 1.0]),  # times the largest learning rate
        st.integers(1, 4),  # rows of a step
        st.sampled_from([None, 0.5]),  # clipping
        st.integers(0, 2),  # rows that are only read
    ),
    min_size=2,
    max_size=6,
)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@settings(max_examples=30, deadline=None)
@given(kind=WITHIN, plan=PLANS, seed=st.integers(0, 2**32), scale=st.sampled_from([0.0, 0.01, 1.0]))
@example(
    (Adam, {"beta1": 0.5, "rho": 1.0}), [(27, 0.0, 1, None, 0), (1, 0.001, 1, None, 0)], 0, 0.0
)
@example(
    (Adam, {"beta1": 0.2, "rho": 1.0}), [(27, 0.0, 1, None, 0), (1, 0.001, 1, None, 0)], 0, 0.0
)
@example(
    (Adam, {"beta1": 0.4, "rho": 0.9}), [(27, 0.0, 1, None, 0), (1, 0.001, 1, None, 0)], 0, 0.0
)
def test_a_training_is_at_least_as_exact_as_the_dense_pass(dtype, kind, plan, seed, scale):
    kind, options = kind
    if kind is Adam:
        options = betas(options["beta1"], options["rho"] * REACH[dtype])
    rng = np.random.default_rng(seed)
    W = (scale * rng.standard_normal((V, D))).astype(dtype)
    deferred = Run(kind, dtype, W, row_sparse=True, **options)
    dense = Run(kind, dtype, W, **options)
    oracle, exact = exact_optimizer(kind, EXACT[dtype], **options), W.astype(EXACT[dtype])
    largest = np.abs(exact)
    for steps, rate, n_rows, max_norm, n_read in plan:
        for _ in range(steps):
            ids = rng.integers(0, V, n_rows)
            dout = rng.standard_normal((n_rows, D)) * 10.0 ** rng.integers(-9, 1)
            step = 0.01 * rate, ids, dout.astype(dtype), max_norm
            g = deferred.step(*step)
            assert_same_bits(g, dense.step(*step))
            oracle.lr = EXACT[dtype].type(0.01 * rate)
            oracle.update([exact], [g.astype(exact.dtype)])
            largest = np.maximum(largest, np.abs(exact))
        deferred.read(rng.integers(0, V, n_read))
    assert_near(deferred.end(), dense.end(), exact, largest)


RESTS = [
    *((Adam, betas(beta1, rho)) for beta1 in (0.05, 0.5, 0.9) for rho in (0.005, 0.01, 0.05)),
    (Adam, betas(0.99, 0.01)),
    *((kind, {"momentum": mu}) for kind in (Momentum, Nesterov) for mu in (0.9, 0.9999, -0.97)),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("kind", "options"), RESTS)
@pytest.mark.parametrize("scale", [0.0, 0.001])
def test_one_rest_is_at_least_as_exact_as_the_dense_pass(dtype, kind, options, scale):
    """Rests of all lengths, with rates that change a thousandfold in them, from any weight."""
    for k in (1, 2, 6, 114):
        check_rest(dtype, kind, options, scale, k)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("kind", "options"), [RESTS[1], (Nesterov, {"momentum": 0.9999})])
def test_a_rest_of_thousands_of_steps_is_at_least_as_exact(dtype, kind, options):
    check_rest(dtype, kind, options, 0.001, 2000)


def check_rest(dtype, kind, options, scale, k):
    """Compare a row that rests for k steps with the dense pass and with exact arithmetic."""
    rng = np.random.default_rng(k)
    rates = {
        "constant": np.full(k, 0.001),
        "up": np.where(np.arange(k) < k // 2, 0.001, 1.0),
        "down": np.where(np.arange(k) < k // 2, 1.0, 0.001),
        "zero": np.where(np.arange(k) % 3, 0.0, 0.01),
        "random": 10.0 ** rng.uniform(-3, 0, k) * (rng.random(k) > 0.2),
    }
    W = (scale * rng.standard_normal((2, 1500))).astype(dtype)
    g = 10.0 ** rng.uniform(-9, 0, W.shape)
    made = [g * rng.standard_normal(W.shape), g * g * rng.uniform(0.5, 2, W.shape)]
    for name, steps in rates.items():
        if kind is not Adam and name != "constant":
            continue  # whose steps without gradient do not depend on the rate
        runs = []
        for sparse in (True, False):
            run = Run(kind, dtype, W, row_sparse=sparse, **options)
            run.optimizer.iter = 1000
            for state, array in zip(run.optimizer._states, made, strict=False):
                setattr(run.optimizer, state, [array.astype(dtype)])
            for rate in steps:
                run.step(rate, [0], np.zeros((1, 1500), dtype), None)
            runs.append(run.end()[1])
        oracle = exact_optimizer(kind, EXACT[dtype], **options)
        oracle.iter = 1000
        exact = W[1:].astype(EXACT[dtype])
        for state, array in zip(run.optimizer._states, made, strict=False):
            setattr(oracle, state, [array[1:].astype(dtype).astype(exact.dtype)])
        for rate in steps:
            oracle.lr = exact.dtype.type(rate)
            oracle.update([exact], [np.zeros_like(exact)])
        assert_near(*runs, exact[0], np.maximum(np.abs(W[1]), np.abs(exact[0])))


@pytest.mark.parametrize("kind", [Adam, Momentum, Nesterov, RMSprop])
def test_states_fade_by_one_factor(kind, dtype):
    run = Run(kind, dtype, np.ones((2, 3)), row_sparse=True)
    run.step(0.1, [0, 1], np.full((2, 3), 0.5, dtype), None)
    before = [state[1].astype(np.float64) for state in states(run.optimizer)]
    for _ in range(3000):
        run.step(0.1, [0], np.zeros((1, 3), dtype), None)
    run.end()
    factors = {Adam: (0.9, 0.999), RMSprop: (0.99,)}.get(kind, (0.9,))
    for state, old, factor in zip(states(run.optimizer), before, factors, strict=True):
        np.testing.assert_allclose(state[1], old * factor**3000, rtol=1e-6, atol=1e-45)


# ---- the reach of the sums


OUTSIDE = [
    (Adam, {"beta1": 0.9, "beta2": 0.98}),
    (Adam, {"beta1": 0.99, "beta2": 0.5}),
    (Adam, {"beta1": 0.0, "beta2": 0.0}),
    (Momentum, {"momentum": 1.0}),
    (Momentum, {"momentum": -1.25}),
    (Nesterov, {"momentum": 1.5}),
    (SGD, {}),
    (AdaGrad, {}),
]


def idle_run(kind, dtype, sparse, rates, **options):
    W = np.random.default_rng(1).standard_normal((9, 21))
    run = Run(kind, dtype, W, row_sparse=sparse, **options)
    for k, rate in enumerate(rates):
        ids = np.arange(9) if k == 0 else np.array([k * k % 7])
        run.step(rate, ids, np.full((len(ids), 21), 10.0 ** -(k % 3), dtype), None)
    return [run.end(), *states(run.optimizer)]


@pytest.mark.parametrize(("kind", "options"), OUTSIDE)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid", "ignore:divide")
def test_steps_are_taken_one_by_one_outside_the_reach(kind, options, dtype):
    rates = 0.1 * 10.0 ** np.random.default_rng(0).uniform(-2, 0, 60)
    found = [idle_run(kind, dtype, sparse, rates, **options) for sparse in (True, False)]
    for mine, theirs in zip(*found, strict=True):
        assert_same_bits(mine, theirs)


@pytest.mark.parametrize("rate", [-0.1, 1e25])
@pytest.mark.parametrize("kind", [Adam, Momentum, Nesterov, RMSprop])
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_rates_without_a_sum_are_taken_at_once(kind, rate, dtype):
    """A step with such a rate moves every row."""
    for rates in ([0.1, rate], [0.1, rate, rate, 0.1]):
        found = [idle_run(kind, dtype, sparse, rates) for sparse in (True, False)]
        for mine, theirs in zip(*found, strict=True):
            finite = np.isfinite(theirs)
            assert_same_bits(np.isfinite(mine), finite)
            np.testing.assert_allclose(mine[finite], theirs[finite], rtol=1e-5)


@pytest.mark.parametrize("dtype", REACH, ids=str)
@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.6, 0.9, 0.95, 0.99])
def test_the_reach_of_adam(dtype, beta1):
    reach = REACH[dtype] * (0.6 if beta1 < 0.6 else 1)
    for factor, within in ((0.5, True), (0.999, True), (1.001, False), (10, False)):
        beta2 = betas(beta1, factor * reach)["beta2"]
        assert IdleSteps("adam", (beta1, beta2, EPS)).can_skip(dtype) is within


def test_rates_of_zero_move_nothing_but_the_states(dtype):
    run = Run(Adam, dtype, np.ones((9, 5)), row_sparse=True)
    run.step(0.1, np.arange(9), np.ones((9, 5), dtype), None)
    before = run.layer.params[0].copy()
    for _ in range(50):
        run.step(0.0, [0], np.zeros((1, 5), dtype), None)
    assert_same_bits(run.end(), before)
    assert (run.optimizer.m[0] < 0.01).all()


def test_moments_that_are_not_numbers_stay_in_their_elements(dtype):
    found = []
    for sparse in (True, False):
        run = Run(Adam, dtype, np.ones((3, 5)), row_sparse=sparse)
        run.step(0.1, [0, 1, 2], np.ones((3, 5), dtype), None)
        run.optimizer.flush()
        run.optimizer.v[0][1, 2] = np.nan
        for _ in range(5):
            run.step(0.1, [0], np.ones((1, 5), dtype), None)
        found.append(run.end())
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_a_rate_that_rises_from_zero_moves_a_weight_of_zero(dtype):
    """The change is tiny, but all that such a weight has."""
    found = []
    for sparse in (True, False):
        run = Run(Adam, dtype, np.zeros((9, 5)), row_sparse=sparse, beta1=0.05)
        run.step(0.0, np.arange(9), np.ones((9, 5), dtype), None)
        for rate in [0.0] * 20 + [0.1] * 2:
            run.step(rate, [0], np.zeros((1, 5), dtype), None)
        found.append(run.end())
    assert (found[0] < 0).all()
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_many_steps_are_summed_from_restart_to_restart(dtype, monkeypatch):
    expected = idle_run(Adam, dtype, True, np.full(3000, 0.001))
    monkeypatch.setattr(pending, "MOST_STEPS", 700)
    found = idle_run(Adam, dtype, True, np.full(3000, 0.001))
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-5 if dtype == np.float32 else 1e-13)


# ---- the kernels


def rest_of(rule, dtype, C, rng):
    """Return the arrays of 40 rows and the steps that each has reached, out of 300."""
    w = rng.standard_normal((40, C + 3)).astype(dtype)[:, :C]
    scales = 10.0 ** rng.integers(-44, 1, (40, C))
    made = [rng.standard_normal((40, C)) * scales, rng.random((40, C)) * scales**2]
    made = [state.astype(dtype) for state in made[: 2 if rule == "adam" else 1]]
    for state in made:
        state[3] = 0
    made[0][4, 0] = np.nan
    return w, made, rng.integers(0, 300, 40)


RULES = {
    "adam": (0.9, 0.999, EPS),
    "momentum": (0.9, 0.0, 0.0),
    "nesterov": (0.99, 0.99 * 0.99, 0.0),
    "rmsprop": (0.99, 1 - 0.99, EPS),
}


@pytest.mark.parametrize("C", [1, 16, 35, 64, 130])
@pytest.mark.parametrize("rule", RULES)
def test_kernels_take_steps_and_skip_them(dtype, index_dtype, rng, C, rule):
    """Single steps have the bits of the dense kernel, sums agree with the reference."""
    steps = IdleSteps(rule, RULES[rule])
    for rate in 0.001 * (1 + rng.random(300)):
        steps.add(rate)
    w, made, at = rest_of(rule, dtype, C, rng)
    ids = rng.integers(0, 40, 60).astype(index_dtype)
    listed = np.unique(ids)
    single, summed = ([np.array(w), *(state.copy() for state in made)] for _ in range(2))
    name = {"adam": "Adam", "rmsprop": "RMSprop"}.get(rule, rule.capitalize())
    oracle = getattr(reference.optimizer, name)(0.001, *RULES[rule][: len(made)])
    dense = specialise(getattr(_optimizer, rule))[dtype]
    others = {"momentum": steps.scalars[:1], "nesterov": steps.scalars[:1]}
    others = {"rmsprop": (0.99, EPS)}.get(rule, others.get(rule, steps.scalars))
    for r in listed:
        zero = np.zeros((1, C), dtype)
        for k in range(at[r], 300):
            dense(*(x[r : r + 1] for x in single), zero, None, steps.rates[k], *others, 1)
        row = [x[r].astype(np.float64) for x in summed]
        oracle.idle(steps.rates[at[r] : 300], *row)
        for x, exact in zip(summed, row, strict=True):
            x[r] = exact
    for n_parts in N_PARTS:
        for skips in (True, False):
            mine, now = [np.array(w), *(state.copy() for state in made)], at.copy()
            rows, since = np.empty(60, np.int64), np.empty(60, np.int64)
            arrays = *mine, *[None] * (2 - len(made)), now, rows, since, ids
            if skips:
                known = steps.sums, steps.fades, steps.lead
                skip = specialise(_optimizer.skip_steps)[dtype, index_dtype]
                skip(steps.number, *arrays, *known, 300, n_parts)
            else:
                known = steps.rates, *steps.scalars
                take = specialise(_optimizer.take_steps)[dtype, index_dtype]
                take(steps.number, *arrays, *known, 300, n_parts)
            assert (now[listed] == 300).all()
            assert (np.delete(now - at, listed) == 0).all()
            for a, b in zip(mine, summed if skips else single, strict=True):
                if skips:
                    tolerance = 10 * np.finfo(dtype).eps
                    np.testing.assert_allclose(a, b, tolerance, tolerance)
                else:
                    np.testing.assert_array_equal(a, b)


@functools.cache
def sums_from(beta1, beta2, n):
    steps = IdleSteps("adam", (beta1, beta2, EPS))
    for k in range(n):
        steps.add(10.0 ** (k % 7 - 3))
    return steps


@given(
    beta1=st.sampled_from([0.0, 0.5, 0.9, 0.99]), t=st.integers(0, 599), now=st.integers(600, 1200)
)
def test_running_sums_are_those_of_their_steps(beta1, t, now):
    beta2 = betas(beta1, 0.01)["beta2"]
    steps = sums_from(beta1, beta2, now)
    j = np.arange(1, now - t + 1)
    middle = beta2 ** (1 / (2 * (1 - beta1)))
    e = beta2 ** (j / 2) / middle - 1
    first = steps.rates[t:now] * np.float64(beta1) ** j / (middle * (1 + e / 2))
    exact = [(first * (e / (1 + e / 2)) ** n).sum() for n in range(reference.optimizer.TERMS)]
    np.testing.assert_allclose(steps.sums[t, :-1], exact, 1e-11, 1e-14 * abs(exact[0]))
