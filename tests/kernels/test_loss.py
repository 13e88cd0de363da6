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


@pytest.mark.parametrize("size", [*SIZES, (7, 512), (4, 1500)], ids=str)
def test_cross_entropy(rng, dtype, index_dtype, size):
    N, V = size
    x = (rng.standard_normal(size) * 5).astype(dtype)
    t = rng.integers(0, V, N).astype(index_dtype)
    t[rng.random(N) < 0.2] = -1
    counts = t >= 0
    wide = x.astype(np.float64)
    top = x.max(axis=1)
    e = np.exp(wide - top[:, None])
    exact = np.log(e.sum(axis=1)) + top - wide[np.arange(N), t]
    onehot = np.eye(V)[t]
    dx_exact = 0.3 * (e / e.sum(axis=1, keepdims=True) - onehot) * counts[:, None]
    forward = specialise(_loss.cross_entropy_forward)[dtype, index_dtype]
    backward = specialise(_loss.cross_entropy_backward)[dtype, index_dtype]
    step = specialise(_loss.cross_entropy_step)[dtype, index_dtype]
    rtol = 1e-6 if dtype == np.float32 else 1e-13
    seen = set()
    for n_parts in N_PARTS:
        for keep in (True, False):
            losses, tops, sums = np.full(N, np.nan), np.full(N, np.nan, dtype), np.full(N, np.nan)
            kept, dx = np.full_like(x, np.nan), np.full_like(x, np.nan)
            loss = forward(losses, tops, sums, kept if keep else None, x, t, n_parts)
            assert loss == losses.cumsum()[-1]  # added in the order of the rows
            assert_same_bits(tops[counts], top[counts])
            np.testing.assert_allclose(losses, exact * counts, rtol=rtol, atol=rtol)
            if keep:
                np.testing.assert_allclose(kept[counts], e[counts], rtol=rtol * 10)
                assert_same_bits(kept[~counts], x[~counts])
            backward(dx, tops, sums, kept if keep else x, t, keep, 0.3, n_parts)
            np.testing.assert_allclose(dx, dx_exact, rtol=rtol * 10, atol=rtol)
            in_place = (kept if keep else x).copy()
            backward(in_place, tops, sums, in_place, t, keep, 0.3, n_parts)
            assert_same_bits(in_place, dx)
            if keep:  # both directions at once, in rows with a gap between them
                wide_rows, again = np.full((N, V + 3), np.nan, dtype), np.full(N, np.nan)
                wide_rows[:, :V] = x
                step(wide_rows[:, :V], again, t, 0.3, n_parts)
                assert_same_bits(wide_rows[:, :V].copy(), dx)
                assert_same_bits(again, losses)
                assert np.isnan(wide_rows[:, V:]).all()
            seen.add((loss, losses.tobytes(), sums[counts].tobytes(), dx.tobytes()))
    assert len(seen) == 1


def test_cross_entropy_of_undefined_and_infinite_scores(dtype):
    inf, nan = np.inf, np.nan
    x = np.array([[0, -inf, -inf], [nan, 0, 0], [0, nan, 0], [0, inf, 0], [-inf] * 3], dtype)
    forward = specialise(_loss.cross_entropy_forward)[dtype, np.dtype(np.int64)]
    backward = specialise(_loss.cross_entropy_backward)[dtype, np.dtype(np.int64)]
    for t, finite in ((0, [0, nan, nan, nan, nan]), (1, [inf, nan, nan, nan, nan])):
        ids = np.full(5, t)
        losses, tops, sums = np.empty(5), np.empty(5, dtype), np.empty(5)
        assert np.isnan(forward(losses, tops, sums, None, x, ids, 1))
        np.testing.assert_array_equal(losses, finite)
        dx = np.empty_like(x)
        backward(dx, tops, sums, x, ids, False, 1.0, 1)
        np.testing.assert_array_equal(dx[0], [1 - (t == 0), -float(t == 1), 0])
        assert np.isnan(dx[1:]).any(axis=1).all()
        again = np.empty(5)
        specialise(_loss.cross_entropy_step)[dtype, np.dtype(np.int64)](
            x.copy(), again, ids, 1.0, 1
        )
        np.testing.assert_array_equal(again, losses)


@pytest.mark.parametrize("N", [1, 83, 1001])
def test_sigmoid_with_loss(rng, dtype, index_dtype, N):
    x = (rng.standard_normal(N) * 5).astype(dtype)
    t = rng.integers(0, 2, N).astype(index_dtype)
    probabilities = np.empty_like(x)
    specialise(_activation.sigmoid)[dtype](probabilities, x, 1)
    right = np.where(t == 1, probabilities, 1 - probabilities)
    exact = -np.log(right.astype(np.float64) + 1e-7)
    forward = specialise(_loss.sigmoid_with_loss_forward)[dtype, index_dtype]
    backward = specialise(_loss.sigmoid_with_loss_backward)[dtype, dtype, index_dtype]
    widened = specialise(_loss.sigmoid_with_loss_backward)[np.dtype("d"), dtype, index_dtype]
    means = set()
    for n_parts in N_PARTS:
        y, dx, losses = np.full_like(x, np.nan), np.full_like(x, np.nan), np.full(-(-N // 32), 0.5)
        means.add(forward(y, losses, x, t, n_parts))
        assert_same_bits(y, probabilities)
        sums = np.add.reduceat(exact, np.arange(0, N, 32))  # 32 labels share a logarithm
        np.testing.assert_allclose(losses, sums, rtol=1e-12)
        backward(dx, y, t, 0.3, n_parts)
        assert_same_bits(dx, (probabilities - t.astype(dtype)) * dtype.type(0.3))
        wide = np.full(N, np.nan)
        widened(wide, y, t, 0.3, n_parts)
        assert_same_bits(wide, (probabilities.astype("d") - t) * 0.3)
    assert len(means) == 1
    np.testing.assert_allclose(means.pop(), exact.mean(), rtol=1e-13)


def test_no_rows(dtype, index_dtype):
    t, losses = np.empty(0, index_dtype), np.empty(0)
    rows, scores = np.empty((0, 3), dtype), np.empty(0, dtype)
    forward = specialise(_loss.softmax_with_loss_forward)[dtype, index_dtype]
    assert np.isnan(forward(rows, losses, rows, t, 2))
    forward = specialise(_loss.sigmoid_with_loss_forward)[dtype, index_dtype]
    assert np.isnan(forward(scores, losses, scores, t, 2))
    forward = specialise(_loss.cross_entropy_forward)[dtype, index_dtype]
    assert forward(losses, scores, losses, None, rows, t, 2) == 0
    assert forward(losses, scores, losses, rows, rows, t, 2) == 0
    backward = specialise(_loss.cross_entropy_backward)[dtype, index_dtype]
    assert backward(rows, scores, losses, rows, t, True, 1.0, 2) is None


def test_certain_and_undefined_answers(dtype):
    x = np.array([[0, 1000], [0, 1000], [np.nan, 0]], dtype)
    t = np.array([1, 0, 1])
    y, losses = np.empty_like(x), np.empty(3)
    run = specialise(_loss.softmax_with_loss_forward)[dtype, np.dtype(np.int64)]
    assert np.isnan(run(y, losses, x, t, 1))
    np.testing.assert_allclose(losses, [0, -np.log(1e-7), np.nan], atol=1e-6)
