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


# --- lengths of rows --------------------------------------------------------------------------


def test_norms(rng, dtype):
    W = rng.standard_normal((50, 40)).astype(dtype)[::2, 3:]
    exact = np.sqrt((W.astype(np.longdouble) ** 2).sum(axis=1))
    for n_parts in N_PARTS:
        out = np.empty(25)
        specialise(_ranking.row_norms)[dtype](out, W, n_parts)
        np.testing.assert_allclose(out, exact.astype(np.float64), rtol=1e-15)


def test_norms_whose_squares_leave_the_range_of_double():
    W = np.array([[3e200, 4e200], [3e-200, 4e-200], [5e-324, 0], [0, 0], [np.nan, 1e200]])
    out = np.empty(5)
    specialise(_ranking.row_norms)[W.dtype](out, W, 2)
    np.testing.assert_allclose(out, [5e200, 5e-200, 5e-324, 0, np.nan])


# --- rows of float16 and int8 ----------------------------------------------------------------


def rank_compressed(codes, queries, k, n_parts, exclude=None, candidates=None):
    Q = len(queries)
    ids, scores = np.full((Q, k), -7), np.empty((Q, k), np.float32)
    lists = (n_parts, Q, k + 5 if candidates is None else candidates)
    scratch = np.empty(lists, np.int64), np.empty(lists, np.float32)
    exclude = np.empty((Q, 0), np.int64) if exclude is None else exclude
    W = codes.view(np.uint16) if codes.dtype == np.float16 else codes
    kernel = specialise(_ranking.rank_compressed)[W.dtype]
    kernel(ids, scores, *scratch, W, queries, exclude, n_parts)
    return ids, scores


def codes_of(rng, kind, V, D):
    if kind == "float16":
        return rng.standard_normal((V, D)).astype(np.float16)
    return rng.integers(-127, 128, (V, D)).astype(np.int8)


@pytest.mark.parametrize("kind", ["float16", "int8"])
@pytest.mark.parametrize("D", [1, 5, 16, 35, 100, 2500])
@pytest.mark.parametrize("Q", [1, 2, 6, 7, 40])
def test_compressed_rows_against_a_sort(rng, kind, D, Q):
    V, k = 391, 17
    codes = codes_of(rng, kind, V, D + 3)[:, :D]
    queries = unit(rng.standard_normal((Q, D)).astype(np.float32))
    rows = codes.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    exact = (rows @ queries.T.astype(np.float64) / np.where(lengths == 0, 1, lengths)[:, None]).T
    ids, scores = rank_compressed(codes, queries, k, 1)
    np.testing.assert_allclose(scores, np.take_along_axis(exact, ids, axis=1), rtol=2e-7)
    np.testing.assert_allclose(scores, np.sort(exact)[:, ::-1][:, :k], rtol=2e-7)
    assert all(len(set(row)) == k for row in ids.tolist())
    for n_parts in N_PARTS[1:]:
        again = rank_compressed(codes, queries, k, n_parts)
        assert_same_bits(again[0], ids)
        assert_same_bits(again[1], scores)


@pytest.mark.parametrize("Q", [1, 4, 9])
def test_every_float16_is_read_exactly(Q):
    # Rows (x, 1): their cosine to (1, 0) is x / sqrt(x^2 + 1).
    x = np.arange(2**16, dtype=np.uint16).view(np.float16)
    codes = np.stack([x, np.ones_like(x)], axis=1)
    queries = np.array([[1, 0]] * Q, np.float32)
    finite = np.flatnonzero(np.isfinite(x))
    for some in (finite[:1000], finite[::-50], finite[-1000:]):
        ids, scores = rank_compressed(codes[some], queries, len(some), 2)
        wide = codes[some].astype(np.float64)
        exact = (wide[:, 0] / np.linalg.norm(wide, axis=1)).astype(np.float32)
        order = np.lexsort((np.arange(len(some)), -exact))
        assert ids.tolist() == [order.tolist()] * Q
        assert scores.tolist() == [exact[order].tolist()] * Q
    ids, _ = rank_compressed(codes, queries, 2**16, 1)
    assert (ids[0] >= 0).sum() == len(finite)


@given(st.data())
def test_ties_of_compressed_rows_go_to_the_lower_id(data):
    V, D = data.draw(st.integers(1, 150)), data.draw(st.integers(1, 3))
    numbers = st.lists(st.integers(-3, 3), min_size=V * D, max_size=V * D)
    codes = np.array(data.draw(numbers)).reshape(V, D)
    codes = codes.astype(data.draw(st.sampled_from([np.int8, np.float16])))
    queries = np.tile(np.eye(D, dtype=np.float32), (data.draw(st.integers(1, 3)), 1))
    excluded = np.array(data.draw(st.lists(st.integers(-1, V - 1), min_size=2, max_size=2)))
    excluded = np.tile(excluded, (len(queries), 1))
    k, n_parts = data.draw(st.integers(1, V)), data.draw(st.sampled_from(N_PARTS))
    ids, scores = rank_compressed(codes, queries, k, n_parts, excluded, candidates=V)
    rows = codes.astype(np.float64)
    lengths = np.sqrt((rows**2).sum(axis=1))
    for q in range(len(queries)):
        exact = rows @ queries[q].astype(np.float64) / np.where(lengths == 0, 1, lengths)
        exact = exact.astype(np.float32)
        order = [v for v in np.lexsort((np.arange(V), -exact)) if v not in excluded[q]][:k]
        n = len(order)
        assert ids[q].tolist() == order + [-1] * (k - n)
        assert scores[q].tolist() == [*exact[order], *[-np.inf] * (k - n)]


def test_compressed_rows_without_a_direction():
    nan, inf = np.nan, np.inf
    codes = np.array([[0, 0], [nan, 1], [1, 0], [inf, 0], [1, inf], [-1, 0]], np.float16)
    for Q in (1, 3, 8):
        ids, scores = rank_compressed(codes, np.array([[1, 0]] * Q, np.float32), 5, 2)
        assert ids.tolist() == [[2, 0, 5, -1, -1]] * Q
        assert scores.tolist() == [[1, 0, -1, -inf, -inf]] * Q
        none = rank_compressed(codes, np.array([[nan, 0]] * Q, np.float32), 2, 1)
        assert none[0].tolist() == [[-1, -1]] * Q


def test_no_compressed_rows():
    none = np.empty((0, 3), np.int8)
    query = np.ones((1, 3), np.float32)
    assert rank_compressed(np.ones((2, 3), np.int8), query[:0], 2, 1)[0].shape == (0, 2)
    assert rank_compressed(np.ones((2, 3), np.int8), query, 0, 1)[0].shape == (1, 0)
    ids, scores = rank_compressed(none, query, 2, 3)
    assert ids.tolist() == [[-1, -1]]
    assert scores.tolist() == [[-np.inf, -np.inf]]


def test_only_read_adds_all_numbers(rng):
    for n in (0, 1, 15, 16, 2047, 2048, 10_001):
        x = rng.integers(0, 2**32, n, dtype=np.uint32)
        for n_parts in N_PARTS:
            out = np.zeros(n_parts, np.uint32)
            _ranking.only_read(out, x, n_parts)
            assert out.sum(dtype=np.uint32) == x.sum(dtype=np.uint32)
