"""The fused loss against the layers' formulas in numpy, in 1, 2, 3 and 7 parts."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits

from fastw2v._kernels import _negative_sampling, specialise


def run_forward(h, W, ids, group, n_parts):
    N, J = ids.shape
    y, e = np.full((J, N), np.nan, W.dtype), np.full(h.shape, np.nan, W.dtype)
    losses, logs = np.full(J, np.nan), np.empty((_negative_sampling.n_blocks(N), J))
    forward = specialise(_negative_sampling.forward)[W.dtype, ids.dtype]
    forward(y, e, losses, logs, h, W, ids, group, n_parts)
    return y, e, losses


def run_backward(y, e, scale, group, n_parts):
    coef, dh = np.empty(y.T.shape, y.dtype), np.empty_like(e)
    specialise(_negative_sampling.backward)[y.dtype](coef, dh, y, e, scale, group, n_parts)
    return coef, dh


@pytest.mark.parametrize("N, J, group, D", [(1, 1, 1, 1), (9, 6, 6, 3), (83, 12, 4, 35)])
def test_against_numpy(rng, dtype, index_dtype, N, J, group, D):
    V = 50
    h = rng.standard_normal((N, D)).astype(dtype)
    # Scores are small, as 1 - y in float32 loses digits where y is close to 1 (in the book, too).
    W = (0.2 * rng.standard_normal((V, D + 5))).astype(dtype)[:, :D]
    ids = rng.integers(0, V, (N, J)).astype(index_dtype)
    label = np.zeros(J)
    label[::group] = 1
    h8, W8 = h.astype(np.float64), W.astype(np.float64)
    p = 1 / (1 + np.exp(-np.einsum("nd,njd->jn", h8, W8[ids])))
    right = np.where(label[:, None] == 1, p, 1 - p)
    expected_losses = -np.log(right + 1e-7).mean(axis=1)
    share = p - label[:, None]
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-11}
    first = None
    for n_parts in N_PARTS:
        y, e, losses = run_forward(h, W, ids, group, n_parts)
        coef, dh = run_backward(y, e, 0.25, group, n_parts)
        np.testing.assert_allclose(y, p, **tolerance)
        np.testing.assert_allclose(losses, expected_losses, **tolerance)
        np.testing.assert_allclose(e, np.einsum("jn,njd->nd", share, W8[ids]), **tolerance)
        np.testing.assert_allclose(coef, 0.25 * share.T, **tolerance)
        np.testing.assert_allclose(dh, 0.25 * e, **tolerance)
        results = [y, e, losses, coef, dh]
        first = first or results
        for actual, expected in zip(results, first, strict=True):
            assert_same_bits(actual, expected)


def test_saturated_scores_give_the_floor_of_the_logarithm(dtype, index_dtype):
    """A block of probabilities of 0 must not underflow on the way to its logarithm."""
    h = np.full((20, 1), 1e4, dtype)
    W = np.array([[-1.0], [1.0]], dtype)
    ids = np.tile(np.array([0, 1], index_dtype), (20, 1))
    y, _, losses = run_forward(h, W, ids, 2, 1)
    np.testing.assert_array_equal(y, [[0.0] * 20, [1.0] * 20])
    np.testing.assert_allclose(losses, -np.log(1e-7), rtol=1e-6)


def test_nan_passes_through(dtype, index_dtype):
    h = np.array([[np.nan], [1.0]], dtype)
    ids = np.zeros((2, 2), index_dtype)
    y, e, losses = run_forward(h, np.ones((1, 1), dtype), ids, 2, 1)
    assert np.isnan(y[:, 0]).all() and np.isfinite(y[:, 1]).all()
    assert np.isnan(e[0]).all() and np.isnan(losses).all()
