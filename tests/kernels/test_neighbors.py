"""Nearest rows against a full sort in numpy, in 1, 2, 3 and 7 parts."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from hypothesis import given
from hypothesis import strategies as st

from fastw2v._kernels import _neighbors, specialise


def nearest(W, queries, k, n_parts, exclude=None):
    dtype, (V, Q) = W.dtype, (len(W), len(queries))
    norms = np.empty(V)
    specialise(_neighbors.row_norms)[dtype](norms, W, n_parts)
    ids, scores = np.full((Q, k), -7), np.empty((Q, k), dtype)
    scratch = np.empty((n_parts, Q, k), np.int64), np.empty((n_parts, Q, k), dtype)
    exclude = np.empty((Q, 0), np.int64) if exclude is None else exclude
    kernel = specialise(_neighbors.nearest)[dtype]
    kernel(ids, scores, *scratch, W, norms, queries, exclude, n_parts)
    return ids, scores


def unit(x):
    lengths = np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    return (x / np.where(lengths == 0, 1, lengths)).astype(x.dtype)


@pytest.mark.parametrize("D", [1, 5, 16, 35])
def test_against_a_sort(rng, dtype, D):
    V, Q, k = 391, 5, 17
    W = rng.standard_normal((V, D + 3)).astype(dtype)[:, :D]
    queries = unit(rng.standard_normal((Q, D)).astype(dtype))
    exact = unit(W.astype(np.float64)) @ queries.astype(np.float64).T
    results = [nearest(W, queries, k, n_parts) for n_parts in N_PARTS]
    for ids, scores in results:
        assert_same_bits(ids, results[0][0])
        assert_same_bits(scores, results[0][1])
    ids, scores = results[0]
    np.testing.assert_allclose(scores, np.sort(exact.T)[:, ::-1][:, :k], atol=8e-6)
    np.testing.assert_allclose(scores, np.take_along_axis(exact.T, ids, axis=1), atol=8e-6)
    assert all(len(set(row)) == k for row in ids.tolist())


@given(st.data())
def test_ties_go_to_the_lower_id(data):
    # Rows are integers times unit vectors of one axis, so scores are exact and many are equal.
    V = data.draw(st.integers(1, 200))
    W = np.zeros((V, 2), np.float32)
    W[np.arange(V), data.draw(st.lists(st.integers(0, 1), min_size=V, max_size=V))] = 1
    W *= np.array(data.draw(st.lists(st.integers(-1, 1), min_size=V, max_size=V)))[:, None]
    queries = np.array([[1, 0], [0, -1], [0, 0]], np.float32)
    excluded = np.array(data.draw(st.lists(st.integers(-1, V - 1), min_size=6, max_size=6)))
    excluded = excluded.reshape(3, 2)
    k, n_parts = data.draw(st.integers(1, V)), data.draw(st.sampled_from(N_PARTS))
    ids, scores = nearest(W, queries, k, n_parts, excluded)
    for q in range(3):
        exact = W @ queries[q]
        order = [v for v in np.lexsort((np.arange(V), -exact)) if v not in excluded[q]][:k]
        n = len(order)
        assert ids[q].tolist() == order + [-1] * (k - n)
        assert scores[q].tolist() == [*exact[order], *[-np.inf] * (k - n)]


@pytest.mark.parametrize("n_parts", N_PARTS)
def test_rows_without_a_direction(dtype, n_parts):
    nan, inf = np.nan, np.inf
    W = np.array([[0, 0], [nan, 1], [1, 0], [inf, 0], [1, inf], [-1, 0]], dtype)
    ids, scores = nearest(W, np.array([[1, 0], [nan, 0]], dtype), 5, n_parts)
    assert ids.tolist() == [[2, 0, 5, -1, -1], [-1] * 5]
    assert scores.tolist() == [[1, 0, -1, -inf, -inf], [-inf] * 5]


def test_norms(rng, dtype):
    W = rng.standard_normal((50, 40)).astype(dtype)[::2, 3:]
    exact = np.sqrt((W.astype(np.longdouble) ** 2).sum(axis=1))
    for n_parts in N_PARTS:
        out = np.empty(25)
        specialise(_neighbors.row_norms)[dtype](out, W, n_parts)
        np.testing.assert_allclose(out, exact.astype(np.float64), rtol=1e-15)


def test_norms_whose_squares_leave_the_range_of_double():
    W = np.array([[3e200, 4e200], [3e-200, 4e-200], [5e-324, 0], [0, 0], [np.nan, 1e200]])
    out = np.empty(5)
    specialise(_neighbors.row_norms)[W.dtype](out, W, 2)
    np.testing.assert_allclose(out, [5e200, 5e-200, 5e-324, 0, np.nan])


def test_empty_input(dtype):
    ids, _ = nearest(np.empty((0, 3), dtype), np.ones((2, 3), dtype), 4, 3)
    assert (ids == -1).all()
    assert nearest(np.ones((4, 3), dtype), np.empty((0, 3), dtype), 2, 3)[0].shape == (0, 2)
