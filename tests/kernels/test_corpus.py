"""Corpus kernels against loops written out in Python, in 1, 2, 3 and 7 parts."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastw2v._kernels import _corpus, specialise

INT32_MAX = np.iinfo(np.int32).max


def loop_contexts(corpus, w):
    positions = range(w, len(corpus) - w)
    contexts = [[corpus[n + d] for d in range(-w, w + 1) if d] for n in positions]
    return np.array(contexts, corpus.dtype).reshape(-1, 2 * w), corpus[w : len(corpus) - w]


def loop_cooccurrence(corpus, V, w):
    C = np.zeros((V, V), np.int32)
    for n in range(len(corpus)):
        for m in range(len(corpus)):
            if 0 < abs(n - m) <= w:
                C[corpus[n], corpus[m]] += 1
    return C


def loop_ppmi(C, eps):
    C = C.astype(np.longdouble)
    sums, out = C.sum(axis=0), np.zeros(C.shape, np.float32)
    for i in range(len(C)):
        for j in range(len(C)):
            if sums[i] and sums[j] and C[i, j] * C.sum() / (sums[i] * sums[j]) + eps > 0:
                out[i, j] = max(0, np.log2(C[i, j] * C.sum() / (sums[i] * sums[j]) + eps))
    return out


@pytest.mark.parametrize("w", [1, 2, 5])
@pytest.mark.parametrize("N", [11, 12, 100, 1003])
def test_contexts_target(rng, index_dtype, N, w):
    corpus = rng.integers(-5, 50, N).astype(index_dtype)
    expected = loop_contexts(corpus, w)
    kernel = specialise(_corpus.contexts_target)[index_dtype]
    for n_parts in N_PARTS:
        M = N - 2 * w
        contexts, target = np.empty((M, 2 * w), index_dtype), np.empty(M, index_dtype)
        kernel(contexts, target, corpus, w, n_parts)
        assert_same_bits(contexts, expected[0])
        assert_same_bits(target, expected[1])


@given(
    corpus=hnp.arrays(np.int64, st.integers(0, 40), elements=st.integers(0, 6)),
    w=st.integers(0, 45),
    cuts=st.lists(st.integers(0, 7), max_size=6),
    dtype=st.sampled_from([np.int32, np.int64]),
)
def test_cooccurrence(corpus, w, cuts, dtype):
    C = np.zeros((7, 7), np.int32)
    bounds = np.array([0, *sorted(cuts), 7])
    full = specialise(_corpus.cooccurrence)[np.dtype(dtype)](C, corpus.astype(dtype), w, bounds)
    assert not full
    assert_same_bits(C, loop_cooccurrence(corpus, 7, w))


@pytest.mark.parametrize("window", [3, 2**62])
def test_cooccurrence_window_beyond_the_corpus(window):
    C = np.zeros((3, 3), np.int32)
    _corpus.cooccurrence(C, np.array([0, 1, 2]), window, np.array([0, 3]))
    assert_same_bits(C, 1 - np.eye(3, dtype=np.int32))


def test_a_count_that_does_not_fit_is_reported():
    C = np.full((2, 2), INT32_MAX - 1, np.int32)
    corpus, bounds = np.array([0, 1]), np.array([0, 1, 2])
    assert not _corpus.cooccurrence(C, corpus, 1, bounds)
    assert C[0, 1] == C[1, 0] == INT32_MAX
    assert _corpus.cooccurrence(C, corpus, 1, bounds)
    assert C[0, 1] == C[1, 0] == INT32_MAX


@pytest.mark.parametrize("count_dtype", ["i4", "i8", "f4", "f8"])
@pytest.mark.parametrize("V", [1, 7, 33])
@pytest.mark.parametrize("eps", [0.0, 1e-8, 4.0])
def test_ppmi(rng, count_dtype, V, eps):
    C = (rng.integers(0, 9, (V, V)) * (rng.random((V, V)) < 0.4)).astype(count_dtype)
    C[V // 2] = C[:, V // 2] = 0
    sums = C.sum(axis=0).astype(np.float64)
    expected = loop_ppmi(C, eps)
    kernel = specialise(_corpus.ppmi)[np.dtype(count_dtype)]
    outs = []
    for n_parts in N_PARTS:
        out = np.full((V, V), np.nan, np.float32)
        for row in range(0, V, 5):
            kernel(out[row : row + 5], C[row : row + 5], sums, row, sums.sum(), eps, n_parts)
        np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-7)
        outs.append(out)
    for out in outs[1:]:
        assert_same_bits(out, outs[0])


def test_ppmi_products_beyond_32_bits():
    C = np.array([[0, 2_000_000_000], [2_000_000_000, 7]], np.int32)
    sums, out = C.sum(axis=0, dtype=np.int64).astype(np.float64), np.empty((2, 2), np.float32)
    specialise(_corpus.ppmi)[np.dtype(np.int32)](out, C, sums, 0, sums.sum(), 1e-8, 1)
    np.testing.assert_allclose(out, [[0, 1], [1, 0]], atol=1e-6)


def test_count_ids_and_one_hot(rng, index_dtype):
    ids = rng.integers(0, 9, 101).astype(index_dtype)
    counts, hot = np.ones(9, np.int64), np.zeros((101, 9), np.int32)
    specialise(_corpus.count_ids)[index_dtype](counts, ids)
    specialise(_corpus.one_hot)[index_dtype](hot, ids)
    assert_same_bits(counts, np.bincount(ids, minlength=9) + 1)
    assert_same_bits(hot, np.eye(9, dtype=np.int32)[ids])


def test_empty_input(index_dtype):
    none, i = np.empty(0, index_dtype), index_dtype
    specialise(_corpus.contexts_target)[i](np.empty((0, 2), i), none, none, 1, 3)
    assert not specialise(_corpus.cooccurrence)[i](
        np.empty((0, 0), np.int32), none, 1, np.array([0, 0])
    )
    specialise(_corpus.one_hot)[i](np.empty((0, 3), np.int32), none)
