"""Initialisers: ranges, spreads and streams."""

import doctest

import numpy as np
import pytest

from fastw2v import init

RANDOM = [
    init.uniform,
    init.random_normal,
    init.truncated_normal,
    init.glorot_uniform,
    init.orthogonal,
]
ALL = [*RANDOM, init.zeros]


def test_examples():
    result = doctest.testmod(init)
    assert result.attempted and not result.failed


@pytest.mark.parametrize("make", ALL)
def test_shape_and_dtype(make):
    assert make((4, 6)).dtype == np.float32
    W = make([3, 4, 6], rng=np.random.default_rng(0), dtype=np.float64)
    assert W.shape == (3, 4, 6) and W.dtype == np.float64 and W.flags.c_contiguous
    assert W.flags.writeable
    assert make((0, 6), rng=0).shape == (0, 6)


@pytest.mark.parametrize("make", RANDOM)
def test_streams(make):
    np.random.seed(5)
    first = make((8, 4))
    np.random.seed(5)
    assert (make((8, 4)) == first).all()
    assert (make((8, 4), rng=np.random.RandomState(5)) == first).all()
    assert (make((8, 4)) != first).any()
    state = np.random.get_state()[1].copy()
    assert (make((8, 4), rng=3) == make((8, 4), rng=np.random.default_rng(3))).all()
    assert (np.random.get_state()[1] == state).all()


# The spreads below are of 200,000 numbers: 5 standard errors are below 1 %.
def test_uniform():
    W = init.uniform((1000, 200), rng=1, dtype=np.float64)
    assert -1 <= W.min() < -0.999 and 0.999 < W.max() <= 1
    assert W.std() == pytest.approx(1 / np.sqrt(3), rel=0.01)
    assert init.uniform(100, 2, 3, rng=1).min() >= 2


def test_random_normal():
    W = init.random_normal((1000, 200), rng=1)
    assert W.std() == pytest.approx(0.05, rel=0.01)
    assert abs(W).max() > 0.15
    assert init.random_normal(1000, 0.0, 7.0).tolist() == [7.0] * 1000


def test_truncated_normal_keeps_the_shape_of_the_middle():
    W = init.truncated_normal((1000, 200), stddev=0.5, mean=1.0, rng=1, dtype=np.float64)
    z = (W - 1) / 0.5
    assert 1.99 < abs(z).max() <= 2
    assert z.std() == pytest.approx(0.8796, rel=0.01)  # of a normal cut at two
    assert (abs(z) < 1).mean() == pytest.approx(0.6827 / 0.9545, rel=0.01)
    assert init.truncated_normal((), rng=1).shape == ()


def test_glorot_uniform():
    W = init.glorot_uniform((100, 50), rng=1)
    assert 0.19 < abs(W).max() <= 0.2
    assert abs(init.glorot_uniform((4, 25, 50), rng=1)).max() <= np.sqrt(6 / 300)


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (2, 3, 4)])
def test_orthogonal(shape):
    Q = init.orthogonal(shape, 2.0, rng=1, dtype=np.float64).reshape(-1, shape[-1])
    Q = Q if Q.shape[0] >= Q.shape[1] else Q.T
    np.testing.assert_allclose(Q.T @ Q, 4 * np.eye(Q.shape[1]), atol=1e-12)


def test_orthogonal_is_evenly_spread():
    # The mean of a rotation-invariant Q is zero; without the signs of R it is not.
    mean = np.mean([init.orthogonal((3, 3), rng=i, dtype=np.float64) for i in range(2000)], axis=0)
    assert abs(mean).max() < 5 / np.sqrt(3 * 2000)


def test_unit_forget_bias():
    assert init.unit_forget_bias((12,)).tolist() == [1] * 3 + [0] * 9
    with pytest.raises(ValueError, match=r"shape: expected \(4 \* H,\).*got \(10,\)"):
        init.unit_forget_bias(10)


def test_word_vectors_are_those_of_the_book():
    np.random.seed(3)
    expected = 0.01 * np.random.randn(5, 4).astype("f")
    np.random.seed(3)
    W = init.word_vectors((5, 4))
    assert W.dtype == np.float32 and W.tobytes() == expected.tobytes()


def test_bad_arguments():
    with pytest.raises(TypeError, match=r"rng: expected None.*got str"):
        init.uniform(3, rng="seed")
    with pytest.raises(ValueError, match="stddev: expected 0 or more, got -1"):
        init.random_normal(3, -1)
    with pytest.raises(ValueError, match="high - low: expected 0 or more, got -1"):
        init.uniform(3, 2, 1)
    for make in (init.glorot_uniform, init.orthogonal):
        with pytest.raises(ValueError, match="shape: expected at least 2 lengths"):
            make(3)
    with pytest.raises(ValueError, match="shape: expected lengths"):
        init.zeros((2, -1))
