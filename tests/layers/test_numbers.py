"""Offsets beyond 2^31: tables larger than memory, of which only a few rows are touched."""

import mmap
import sys

import numpy as np
import pytest
from conftest import assert_same_bits

from fastw2v._checks.ids import as_ids
from fastw2v._core.products import product
from fastw2v._kernels import _embedding, _embedding_dot, _optimizer, _ranking
from fastw2v.layers import Embedding, MatMul
from fastw2v.negative_sampling_layer import EmbeddingDot, NegativeSamplingLoss
from fastw2v.optimizer import SGD, Adam, Momentum
from fastw2v.time_layers import TimeEmbedding

FAR = (1 << 31) + 3  # elements from one row to the next; not a multiple of any vector length
D = 5


def sparse(n_rows, columns, dtype, apart=FAR):
    """Return an array with rows far apart, in memory that exists only where it is written."""
    dtype = np.dtype(dtype)
    size = ((n_rows - 1) * apart + columns) * dtype.itemsize
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    if sys.platform == "linux":
        flags |= 0x4000  # MAP_NORESERVE; Python's mmap names it from 3.13 on
    memory = np.frombuffer(mmap.mmap(-1, size, flags=flags), np.uint8)
    return np.ndarray((n_rows, columns), dtype, memory, 0, (apart * dtype.itemsize, dtype.itemsize))


pytestmark = pytest.mark.skipif(not hasattr(mmap, "MAP_PRIVATE"), reason="needs sparse memory")


@pytest.fixture
def tables(rng, dtype):
    """Return the same (3, D) numbers twice: rows far apart, and rows close together."""
    far = sparse(3, D, dtype)
    far[...] = rng.standard_normal((3, D))
    return far, far.copy()


IDS = np.array([2, 0, 2, 1], np.int32)


def test_gathering_and_scattering(tables, index_dtype, rng, dtype):
    far, near = tables
    ids = IDS.astype(index_dtype)
    out = np.empty((4, D), dtype)
    for n_parts in (1, 3):
        _embedding.gather(out, far, ids, n_parts)
        assert_same_bits(out, near[ids])
        rows = rng.standard_normal((4, D)).astype(dtype)
        for table in tables:
            _embedding.scatter_add(table, ids, rows, None, n_parts)
        assert_same_bits(far.copy(), near)


def test_ids_may_exceed_32_bits(dtype):
    """Ids reach the last row of a table of more than 2^31 rows."""
    V = FAR
    table = np.lib.stride_tricks.as_strided(
        sparse(2, 1, dtype, apart=V - 1).reshape(-1)[:1], (V, 1), (np.dtype(dtype).itemsize,) * 2
    )
    ids = np.array([V - 1, 0, 2**31, 2**31 - 1])
    table[ids, 0] = [1, 2, 3, 4]
    out = np.empty((4, 1), dtype)
    _embedding.gather(out, table, ids, 1)
    assert out.ravel().tolist() == [1, 2, 3, 4]
    _embedding.scatter_add(table, ids, out, None, 2)
    assert table[ids, 0].tolist() == [2, 4, 6, 8]
    assert as_ids("ids", np.array([-1, -V]), V).tolist() == [V - 1, 0]
    for bad in (V, -V - 1, 2**62, -(2**62)):
        with pytest.raises(IndexError, match=f"id {bad} at position 0 is out of range for {V}"):
            as_ids("ids", np.array([bad]), V)
    narrow = np.array([2**31 - 1, -(2**31)], np.int32)
    assert as_ids("ids", narrow, V).tolist() == [2**31 - 1, V - 2**31]


def test_layers(tables, rng, dtype):
    h = rng.standard_normal((4, D)).astype(dtype)
    results = []
    for W in tables:
        embedding, dot, time = Embedding(W), EmbeddingDot(W), TimeEmbedding(W, dtype=dtype)
        loss = NegativeSamplingLoss(W, [0, 1, 2], sample_size=1)
        np.random.seed(0)
        found = [embedding.forward(IDS), dot.forward(h, IDS), time.forward(IDS.reshape(2, 2))]
        found += [loss.forward(h, IDS), dot.backward(found[1]), loss.backward()]
        embedding.backward(h)
        time.backward(h.reshape(2, 2, D))
        found += [embedding.grads[0], dot.grads[0], loss.grads[0], time.grads[0]]
        results.append([np.array(x) for x in found])
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_dot_products(tables, rng, dtype):
    h = rng.standard_normal((4, D)).astype(dtype)
    outs = []
    for W in tables:
        out, rows = np.empty(4, dtype), np.empty((4, D), dtype)
        _embedding_dot.forward(out, rows, h, W, IDS, 2)
        outs.append((out, rows))
    for mine, theirs in zip(*outs, strict=True):
        assert_same_bits(mine, theirs)


@pytest.mark.parametrize("make", [SGD, Momentum, Adam])
def test_optimizers(tables, rng, dtype, make):
    far, near = tables
    steps = [rng.standard_normal((3, D)).astype(dtype) for _ in range(3)]
    for W in tables:
        optimizer = make(0.1)
        for step in steps:
            optimizer.update([W], [step])
    assert_same_bits(far.copy(), near)


def test_sums_of_squares_and_scaling(tables, dtype):
    sums = []
    for W in tables:
        blocks = np.zeros(8)
        _optimizer.sum_squares(blocks, W, None, 2)
        _optimizer.scale(W, None, 0.5, 2)
        sums.append(blocks)
    assert_same_bits(*sums)
    assert_same_bits(tables[0].copy(), tables[1])


def test_products(tables, rng, dtype):
    far, near = tables
    x = rng.standard_normal((7, 3)).astype(dtype)
    tolerance = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(product(x, far), x @ near, **tolerance)
    y = rng.standard_normal((7, D)).astype(dtype)
    np.testing.assert_allclose(product(y, far.T), y @ near.T, **tolerance)
    np.testing.assert_allclose(product(far.T, near), near.T @ near, **tolerance)
    out = sparse(7, D, dtype)
    product(x, near, out=out)
    np.testing.assert_allclose(out, x @ near, **tolerance)
    results = []
    for W in tables:
        layer = MatMul(W)
        layer.forward(x)
        results.append((layer.backward(y), layer.grads[0]))
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, **tolerance)


def test_neighbours(tables, dtype):
    norms = [np.empty(3), np.empty(3)]
    for W, out in zip(tables, norms, strict=True):
        _ranking.row_norms(out, W, 2)
    assert_same_bits(*norms)
