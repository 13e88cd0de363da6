"""exp, sigmoid, relu and softmax: within ulps of float64, the same bits for any number of parts."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits

from fastw2v._kernels import _activation, specialise
from fastw2v.reference import rng as twin

F4 = np.dtype(np.float32)
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 88.72283, 88.72284, 88.8, -87.33654]
SPECIAL += [-88.72284, -103.9, -103.97208, -103.9721, -104.1, 1e-45, -1e-45, 1e-38, 3.4e38, -3.4e38]


def sample_of_all_floats():
    """Return floats of every sign and exponent, 700 of each, with the ends of each exponent."""
    rng = np.random.default_rng(5)
    fraction = rng.integers(0, 1 << 23, (512, 700), dtype=np.uint32)
    fraction[:, :2] = 0, (1 << 23) - 1
    bits = (np.arange(512, dtype=np.uint32)[:, None] << 23) | fraction
    near = rng.uniform(-110, 110, 100_000).astype(np.float32)  # where results are not constant
    return np.concatenate([bits.reshape(-1).view(np.float32), near, np.array(SPECIAL, F4)])


def errors_in_ulp(actual, exact):
    """Return |actual - exact| in distances of floats at exact; infinity counts as 2^128."""
    both = [np.minimum(a.astype(np.float64), 2.0**128) for a in (actual, exact)]
    _, exponent = np.frexp(both[1])
    return np.abs(both[0] - both[1]) / np.ldexp(1.0, np.maximum(exponent - 24, -149))


def exact_sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    "name, exact, limit",
    [("exponential", np.exp, 1.1), ("sigmoid", exact_sigmoid, 1.6), ("tanh", np.tanh, 2.0)],
)
def test_float32_within_ulps_of_the_exact_value(name, exact, limit):
    x = sample_of_all_floats()
    out = np.full_like(x, 7)
    specialise(getattr(_activation, name))[F4](out, x, 1)
    nan = np.isnan(x)
    assert nan.sum() > 1000
    assert np.isnan(out[nan]).all()
    with np.errstate(over="ignore"):
        errors = errors_in_ulp(out[~nan], exact(x[~nan].astype(np.float64)))
    assert errors.max() <= limit


def test_limits(dtype):
    x = np.array([0, -0.0, np.inf, -np.inf], dtype)
    limits = {
        "sigmoid": [0.5, 0.5, 1, 0],
        "exponential": [1, 1, np.inf, 0],
        "tanh": [0, -0.0, 1, -1],
    }
    for name, expected in limits.items():
        out = np.empty_like(x)
        specialise(getattr(_activation, name))[dtype](out, x, 1)
        assert_same_bits(out, np.array(expected, dtype))


def test_relu_is_maximum(dtype):
    x = np.array([-1, 2, -0.0, 0.0, np.nan, np.inf, -np.inf, 1e-40], dtype)
    out = np.empty_like(x)
    specialise(_activation.relu)[dtype](out, x, 1)
    np.testing.assert_array_equal(out, np.maximum(x, 0))
    assert not np.signbit(out[:4]).any()


@pytest.mark.parametrize("name", ["sigmoid", "relu", "exponential"])
@pytest.mark.parametrize("n", [0, 1, 15, 83, 1001])
def test_elementwise_has_the_same_bits_in_any_place(rng, dtype, name, n):
    run = specialise(getattr(_activation, name))[dtype]
    x = (rng.standard_normal(n) * 30).astype(dtype)
    one_by_one = np.empty_like(x)
    for i in range(n):
        run(one_by_one[i : i + 1], x[i : i + 1], 1)
    for n_parts in N_PARTS:
        out = np.full_like(x, np.nan)
        run(out, x, n_parts)
        assert_same_bits(out, one_by_one)


def plain_softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


SIZES = [(1, 1), (5, 3), (7, 16), (29, 37), (83, 131), (0, 4)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_softmax(rng, dtype, size):
    x = (rng.standard_normal(size) * 10).astype(dtype)
    x.setflags(write=False)
    outs = []
    for n_parts in N_PARTS:
        outs.append(np.full(size, np.nan, dtype))
        specialise(_activation.softmax)[dtype](outs[-1], x, n_parts)
        assert_same_bits(outs[-1], outs[0])
    if x.size:
        # The error is one rounding of x - max, which grows with its size, and a few of the sum.
        exact = plain_softmax(x.astype(np.float64))
        np.testing.assert_allclose(outs[0], exact, rtol=60 * np.finfo(dtype).eps)
        np.testing.assert_allclose(outs[0].sum(axis=1), 1, rtol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("V", [1, 16, 37])
def test_softmax_of_odd_rows(dtype, V):
    x = np.zeros((7, V), dtype)
    x[0, -1] = np.nan
    x[1, 0] = np.nan
    x[2, V // 2] = np.inf
    x[3] = -np.inf
    x[4] = np.finfo(dtype).max
    x[5, :-1] = -np.inf
    out = np.empty_like(x)
    specialise(_activation.softmax)[dtype](out, x, 2)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(out, plain_softmax(x), rtol=1e-6)
    assert np.isnan(out[:4]).all()


@pytest.mark.parametrize("n", [0, 1, 16, 31, 32, 33, 1001])
@pytest.mark.parametrize("least", [0, 1, 2**30, 2**32 - 1])
def test_dropout(rng, dtype, n, least):
    x = rng.standard_normal(n).astype(dtype)
    key = 0x0123456789ABCDEF
    i = np.arange(n)
    bits = twin.draw(twin.row_stream(key, 0), i // 32 * 16 + i % 16)
    bits = np.where(i % 32 < 16, bits & 0xFFFFFFFF, bits >> 32)
    expected = np.where(bits >= least, np.float32(1.25), np.float32(0))
    for n_parts in N_PARTS:
        out, mask = np.full_like(x, np.nan), np.full(n, np.nan, np.float32)
        specialise(_activation.dropout)[dtype](out, mask, x, key, least, 1.25, n_parts)
        assert_same_bits(mask, expected)
        assert_same_bits(out, x * expected)


@pytest.mark.parametrize("n", [0, 1, 83])
def test_sigmoid_backward(rng, dtype, n):
    out, dout = rng.random(n).astype(dtype), rng.standard_normal(n).astype(dtype)
    for n_parts in N_PARTS:
        dx = np.full_like(out, np.nan)
        specialise(_activation.sigmoid_backward)[dtype](dx, dout, out, n_parts)
        assert_same_bits(dx, dout * (1 - out) * out)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_softmax_backward(rng, dtype, size):
    out, dout = rng.random(size).astype(dtype), rng.standard_normal(size).astype(dtype)
    a, b = out.astype(np.float64), dout.astype(np.float64)
    exact = a * b - a * (a * b).sum(axis=1, keepdims=True)
    results = []
    for n_parts in N_PARTS:
        results.append(np.full_like(out, np.nan))
        specialise(_activation.softmax_backward)[dtype](results[-1], dout, out, n_parts)
        assert_same_bits(results[-1], results[0])
    scale = (a * np.abs(b)).sum(axis=1, keepdims=True) + 1
    assert (np.abs(results[0] - exact) <= 40 * np.finfo(dtype).eps * scale).all()
