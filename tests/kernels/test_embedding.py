"""Rows of a table: every entry of the kernel against plain numpy, in 1, 2, 3 and 7 parts."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits

from fastw2v._kernels import _embedding, specialise

# (V, D, N): one row; smaller than any cut; two full cuts of 16 columns and an edge; wide.
SIZES = [(1, 1, 1), (5, 3, 9), (50, 35, 83), (300, 130, 1001)]


@pytest.fixture(params=SIZES, ids=str)
def table(request, rng, dtype):
    V, D, N = request.param
    padded = rng.standard_normal((V, D + 3)).astype(dtype)
    return padded[:, :D], rng.integers(0, V, N)


def kernel(name, *dtypes):
    return specialise(getattr(_embedding, name))[dtypes if len(dtypes) > 1 else dtypes[0]]


def test_gather(table, dtype, index_dtype):
    W, idx = table
    idx = idx.astype(index_dtype)
    for n_parts in N_PARTS:
        out = np.full((idx.size, W.shape[1]), np.nan, dtype)
        kernel("gather", dtype, index_dtype)(out, W, idx, n_parts)
        assert_same_bits(out, W[idx])


def test_gather_mean(table, dtype, index_dtype, rng):
    W, _ = table
    idx = rng.integers(0, len(W), (37, 6)).astype(index_dtype)
    expected = np.zeros((37, W.shape[1]), dtype)
    for c in range(6):
        expected += W[idx[:, c]]
    expected *= dtype.type(1 / 6)
    for n_parts in N_PARTS:
        out = np.full_like(expected, np.nan)
        kernel("gather_mean", dtype, index_dtype)(out, W, idx, n_parts)
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("C", [1, 4])
@pytest.mark.parametrize("scaled", [False, True])
def test_scatter_add_has_the_bits_of_add_at(table, dtype, index_dtype, rng, C, scaled):
    W, idx = table
    N = idx.size
    idx = rng.integers(0, len(W), (N, C)).astype(index_dtype)
    x = rng.standard_normal((N, W.shape[1])).astype(dtype)
    coef = rng.standard_normal((N, C)).astype(dtype) if scaled else None
    expected = W.copy()
    terms = np.repeat(x, C, axis=0)
    if scaled:
        terms = coef.reshape(-1, 1) * terms
    np.add.at(expected, idx.reshape(-1), terms)
    for n_parts in N_PARTS:
        dW = W.copy()
        flat = None if coef is None else coef.reshape(-1)
        kernel("scatter_add", dtype, index_dtype)(dW, idx.reshape(-1), x, flat, n_parts)
        assert_same_bits(dW, expected)


def test_overwrite_rows_over_many_calls(dtype, index_dtype, rng):
    V, D = 200, 35
    run = kernel("overwrite_rows", dtype, index_dtype)
    for n_parts in N_PARTS:
        dW = np.zeros((V, D), dtype)
        mark = np.zeros(V, np.uint8)
        rows, fresh = np.empty(51, np.int64), np.empty(51, np.int64)
        n_rows = 0
        for call in range(30):
            idx = rng.integers(0, V, rng.integers(0, 40)).astype(index_dtype)
            x = rng.standard_normal((idx.size, D)).astype(dtype)
            x[::3] *= 0.0  # zeros of both signs
            first = np.empty(idx.size, np.uint8)
            stamp = 1 + call % 2
            n_rows = run(dW, mark, fresh, first, rows, n_rows, stamp, idx, x, None, n_parts)
            rows, fresh = fresh, rows
            expected = np.zeros_like(dW)
            np.add.at(expected, idx, x)
            assert_same_bits(dW, expected)
            assert sorted(rows[:n_rows]) == sorted(set(idx.tolist())), call
            np.testing.assert_array_equal(mark, (3 - stamp) * np.isin(np.arange(V), idx))


@pytest.mark.parametrize("scaled", [False, True])
def test_pack_rows_over_many_calls(dtype, index_dtype, rng, scaled):
    """Numbers left in `slot` and in the lists by earlier calls, of longer lists too, do no harm."""
    V, D, most = 200, 35, 60
    run = kernel("pack_rows", dtype, index_dtype)
    slot = {n_parts: rng.integers(-3, most + 3, V).astype(np.int32) for n_parts in N_PARTS}
    for C in (1, 3):
        for _ in range(15):
            N = rng.integers(0, most // C)
            idx = rng.integers(0, V, N * C).astype(index_dtype)
            x = rng.standard_normal((N, D)).astype(dtype)
            x[::3] *= 0.0  # zeros of both signs
            coef = rng.standard_normal(N * C).astype(dtype) if scaled else None
            expected = np.zeros((V, D), dtype)
            dense = kernel("scatter_add", dtype, index_dtype)
            dense(expected, idx, x, coef, 1)
            for n_parts in N_PARTS:
                rows = rng.integers(0, V, most)
                values = np.full((most, D), np.nan, dtype)
                scratch = np.empty(most, np.int32), np.empty(most, np.uint8)
                n = run(slot[n_parts], rows, values, *scratch, idx, x, coef, n_parts)
                firsts = list(dict.fromkeys(idx.tolist()))
                assert rows[:n].tolist() == firsts
                assert_same_bits(values[:n], expected[firsts])
                assert np.isnan(values[n:]).all()


def test_overwrite_rows_reports_a_full_list(dtype, index_dtype, rng):
    dW = np.zeros((40, 3), dtype)
    mark, rows = np.zeros(40, np.uint8), np.empty(5, np.int64)
    idx = np.arange(6).astype(index_dtype)
    x = rng.standard_normal((6, 3)).astype(dtype)
    n = kernel("overwrite_rows", dtype, index_dtype)(
        dW, mark, rows, np.empty(6, np.uint8), np.empty(5, np.int64), 0, 1, idx, x, None, 1
    )
    assert n == -1
    assert_same_bits(dW[:6], x + dtype.type(0))
    assert not dW[6:].any()


def test_add_rows_and_merge_marks(dtype, rng):
    V, D = 60, 35
    for n_parts in N_PARTS:
        dW, other = np.zeros((V, D), dtype), np.zeros((V, D), dtype)
        mine, theirs = np.array([3, 9, 50]), np.array([9, 4, 59])
        dW[mine], other[theirs] = rng.random((3, D)), rng.random((3, D))
        expected = dW + other
        mark = np.zeros(V, np.uint8)
        mark[mine] = 1
        rows = np.empty(8, np.int64)
        rows[:3] = mine
        kernel("add_rows", dtype)(dW, other, theirs, 3, n_parts)
        assert_same_bits(dW, expected)
        n = _embedding.merge_marks(mark, rows, 3, 1, theirs, 3)
        assert rows[:n].tolist() == [3, 9, 50, 4, 59]
        assert np.flatnonzero(mark).tolist() == [3, 4, 9, 50, 59]
    assert _embedding.merge_marks(mark, rows[:5], 5, 1, np.array([1]), 1) == -1


@pytest.mark.parametrize("value", [1e-40, -1.0, np.nan])
def test_unlisted_rows_are_zero(dtype, value):
    prove = kernel("unlisted_rows_are_zero", dtype)
    for n_parts in N_PARTS:
        dW = np.zeros((83, 35), dtype)
        mark = np.zeros(83, np.uint8)
        dW[5] = 1
        dW[7] = -0.0
        assert not prove(dW, mark, n_parts)
        mark[5] = 1
        assert prove(dW, mark, n_parts)
        dW[82, 34] = value
        assert not prove(dW, mark, n_parts)


def test_find_bad_id_and_wrap(index_dtype):
    find = kernel("find_bad_id", index_dtype)
    V = 10
    good = np.array([0, -10, 9, 3, -1], index_dtype)
    assert find(good, V) == (-1, True)
    assert find(good[2:4], V) == (-1, False)
    assert find(good[:0], V) == (-1, False)
    for bad in (10, -11, np.iinfo(index_dtype).max, np.iinfo(index_dtype).min):
        assert find(np.array([0, 1, bad, bad], index_dtype), V)[0] == 2
    out = np.empty_like(good)
    kernel("wrap_ids", index_dtype)(out, good, V)
    assert out.tolist() == [0, 0, 9, 3, 9]
