"""Cross entropy after softmax and sigmoid against float64 numpy, in 1, 2, 3 and 7 parts."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits

from fastw2v._kernels import _activation, _loss, specialise

SIZES = [(1, 1), (5, 3), (83, 37), (300, 131)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_softmax_with_loss(rng, dtype, index_dtype, size):
    N, V = size
    x = (rng.standard_normal(size) * 5).astype(dtype)
    t = rng.integers(0, V, N).astype(index_dtype)
    probabilities = np.empty_like(x)
    specialise(_activation.softmax)[dtype](probabilities, x, 1)
    exact = -np.log(probabilities[np.arange(N), t].astype(np.float64) + 1e-7)
    onehot = np.eye(V, dtype=dtype)[t]
    forward = specialise(_loss.softmax_with_loss_forward)[dtype, index_dtype]
    backward = specialise(_loss.softmax_with_loss_backward)[dtype, index_dtype]
    means = set()
    for n_parts in N_PARTS:
        y, dx, losses = np.full_like(x, np.nan), np.full_like(x, np.nan), np.full(N, np.nan)
        means.add(forward(y, losses, x, t, n_parts))
        assert_same_bits(y, probabilities)
        np.testing.assert_allclose(losses, exact, rtol=1e-14)
        backward(dx, y, t, 0.3, n_parts)
        assert_same_bits(dx, (probabilities - onehot) * dtype.type(0.3))
    assert len(means) == 1
    np.testing.assert_allclose(means.pop(), exact.mean(), rtol=1e-13)


@pytest.mark.parametrize("N", [1, 83, 1001])
def test_sigmoid_with_loss(rng, dtype, index_dtype, N):
    x = (rng.standard_normal(N) * 5).astype(dtype)
    t = rng.integers(0, 2, N).astype(index_dtype)
    probabilities = np.empty_like(x)
    specialise(_activation.sigmoid)[dtype](probabilities, x, 1)
    right = np.where(t == 1, probabilities, 1 - probabilities)
    exact = -np.log(right.astype(np.float64) + 1e-7)
    forward = specialise(_loss.sigmoid_with_loss_forward)[dtype, index_dtype]
    backward = specialise(_loss.sigmoid_with_loss_backward)[dtype, index_dtype]
    means = set()
    for n_parts in N_PARTS:
        y, dx, losses = np.full_like(x, np.nan), np.full_like(x, np.nan), np.full(N, np.nan)
        means.add(forward(y, losses, x, t, n_parts))
        assert_same_bits(y, probabilities)
        np.testing.assert_allclose(losses, exact, rtol=1e-14)
        backward(dx, y, t, 0.3, n_parts)
        assert_same_bits(dx, (probabilities - t.astype(dtype)) * dtype.type(0.3))
    assert len(means) == 1
    np.testing.assert_allclose(means.pop(), exact.mean(), rtol=1e-13)


def test_no_rows(dtype, index_dtype):
    t, losses = np.empty(0, index_dtype), np.empty(0)
    rows, scores = np.empty((0, 3), dtype), np.empty(0, dtype)
    forward = specialise(_loss.softmax_with_loss_forward)[dtype, index_dtype]
    assert np.isnan(forward(rows, losses, rows, t, 2))
    forward = specialise(_loss.sigmoid_with_loss_forward)[dtype, index_dtype]
    assert np.isnan(forward(scores, losses, scores, t, 2))


def test_certain_and_undefined_answers(dtype):
    x = np.array([[0, 1000], [0, 1000], [np.nan, 0]], dtype)
    t = np.array([1, 0, 1])
    y, losses = np.empty_like(x), np.empty(3)
    run = specialise(_loss.softmax_with_loss_forward)[dtype, np.dtype(np.int64)]
    assert np.isnan(run(y, losses, x, t, 1))
    np.testing.assert_allclose(losses, [0, -np.log(1e-7), np.nan], atol=1e-6)
