"""Rows ranked by cosine against a full sort in numpy, in 1, 2, 3 and 7 parts."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from hypothesis import given
from hypothesis import strategies as st

from fastw2v._kernels import _ranking, specialise


def rank(W, queries, k, n_parts, exclude=None):
    dtype, Q = W.dtype, len(queries)
    ids, scores = np.full((Q, k), -7), np.empty((Q, k), dtype)
    scratch = np.empty((n_parts, Q, k), np.int64), np.empty((n_parts, Q, k), dtype)
    exclude = np.empty((Q, 0), np.int64) if exclude is None else exclude
    specialise(_ranking.rank)[dtype](ids, scores, *scratch, W, queries, exclude, n_parts)
    return ids, scores


def unit(x):
    lengths = np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    return (x / np.where(lengths == 0, 1, lengths)).astype(x.dtype)


@pytest.mark.parametrize("D", [1, 5, 16, 35, 100])
@pytest.mark.parametrize("Q", [1, 2, 6, 7, 40])
def test_against_a_sort(rng, dtype, D, Q):
    V, k = 391, 17
    W = rng.standard_normal((V, D + 3)).astype(dtype)[:, :D] * 3
    queries = unit(rng.standard_normal((Q, D)).astype(dtype))
    exact = unit(W.astype(np.float64)) @ queries.astype(np.float64).T
    ids, scores = rank(W, queries, k, 1)
    np.testing.assert_allclose(scores, np.sort(exact.T)[:, ::-1][:, :k], atol=8e-6)
    np.testing.assert_allclose(scores, np.take_along_axis(exact.T, ids, axis=1), atol=8e-6)
    assert all(len(set(row)) == k for row in ids.tolist())
    for n_parts in N_PARTS[1:]:
        again = rank(W, queries, k, n_parts)
        assert_same_bits(again[0], ids)
        assert_same_bits(again[1], scores)


@given(st.data())
def test_ties_go_to_the_lower_id(data):
    # Rows are integers times unit vectors of one axis, so scores are exact and many are equal.
    V = data.draw(st.integers(1, 200))
    W = np.zeros((V, 2), np.float32)
    W[np.arange(V), data.draw(st.lists(st.integers(0, 1), min_size=V, max_size=V))] = 1
    W *= np.array(data.draw(st.lists(st.integers(-1, 1), min_size=V, max_size=V)))[:, None]
    queries = np.array([[1, 0], [0, -1], [0, 0]] * 3, np.float32)
    queries = queries[: data.draw(st.sampled_from([1, 3, 9]))]
    excluded = np.array(data.draw(st.lists(st.integers(-1, V - 1), min_size=2, max_size=2)))
    excluded = np.tile(excluded, (len(queries), 1))
    k, n_parts = data.draw(st.integers(1, V)), data.draw(st.sampled_from(N_PARTS))
    ids, scores = rank(W, queries, k, n_parts, excluded)
    for q in range(len(queries)):
        exact = W @ queries[q]
        order = [v for v in np.lexsort((np.arange(V), -exact)) if v not in excluded[q]][:k]
        n = len(order)
        assert ids[q].tolist() == order + [-1] * (k - n)
        assert scores[q].tolist() == [*exact[order], *[-np.inf] * (k - n)]


@pytest.mark.parametrize("n_parts", N_PARTS)
@pytest.mark.parametrize("Q", [1, 8])
def test_rows_without_a_direction(dtype, n_parts, Q):
    nan, inf = np.nan, np.inf
    W = np.array([[0, 0], [nan, 1], [1, 0], [inf, 0], [1, inf], [-1, 0]], dtype)
    ids, scores = rank(W, np.array([[1, 0]] * Q, dtype), 5, n_parts)
    assert ids.tolist() == [[2, 0, 5, -1, -1]] * Q
    assert scores.tolist() == [[1, 0, -1, -inf, -inf]] * Q
    assert rank(W, np.array([[nan, 0]] * Q, dtype), 2, n_parts)[0].tolist() == [[-1, -1]] * Q


@pytest.mark.parametrize("scale", [1e-25, 1e-18, 1e18])
def test_lengths_whose_squares_leave_the_range(scale):
    W = np.array([[3, 4], [4, 3], [-3, 4]], np.float32) * np.float32(scale)
    for Q in (1, 8):
        ids, scores = rank(W, np.array([[0, 1]] * Q, np.float32), 3, 1)
        assert ids[0].tolist() == [0, 2, 1]
        np.testing.assert_allclose(scores[0], [0.8, 0.8, 0.6], rtol=1e-6)


def test_empty(dtype):
    none = np.empty((0, 3), dtype)
    assert rank(none, np.ones((2, 3), dtype), 0, 1)[0].shape == (2, 0)
    assert rank(np.ones((2, 3), dtype), none, 2, 1)[0].shape == (0, 2)
    ids, scores = rank(none, np.ones((1, 3), dtype), 2, 1)
    assert ids.tolist() == [[-1, -1]]
    assert scores.tolist() == [[-np.inf, -np.inf]]
