"""Embedding: gradients, any ids, identity of arrays, bad input."""

import copy
import pickle

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from gradcheck import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st

from fastw2v.layers import Embedding


def test_finite_differences(rng):
    layer = Embedding(rng.standard_normal((9, 4)))
    idx = np.array([[0, 8, -1], [3, 3, 0]])
    dout = rng.standard_normal((2, 3, 4))
    layer.forward(idx)
    assert layer.backward(dout) is None
    dW = np.array(layer.grads[0])
    assert_gradients(lambda: float((layer.forward(idx) * dout).sum()), layer.params, [dW])


@given(
    V=st.integers(1, 60),
    D=st.integers(0, 40),
    shape=st.lists(st.integers(0, 7), max_size=3).map(tuple),
    integer=st.sampled_from(["i1", "u1", "i2", "u4", "i4", "i8", "u8", ">i4", ">i8", "list"]),
    table=st.sampled_from(["f4", "f8", "f2", ">f4", "F", "padded", "every second row"]),
    gradient=st.sampled_from(["f4", "f8", "i4", "strided", "F", "read-only"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150)
def test_any_table_ids_and_gradient(V, D, shape, integer, table, gradient, seed):
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((V, D)).astype(table if table[-1].isdigit() else "f4")
    if table == "F":
        W = np.asfortranarray(W)
    elif table == "padded":
        W = np.concatenate([W, W], axis=1)[:, :D]
    elif table == "every second row":
        W = np.repeat(W, 2, axis=0)[::2]
    low = 0 if integer[0] in "ul" else -V
    ids = np.asarray(rng.integers(low, V, shape))
    given = ids.astype(integer) if integer != "list" else ids.tolist() if ids.size else ids
    dout = np.asarray(8 * rng.standard_normal((*shape, D)))
    dout = dout.astype(gradient if gradient[-1].isdigit() else "f4")
    if gradient == "strided":
        dout = np.repeat(dout, 2, axis=-1)[..., ::2]
    elif gradient == "F":
        dout = np.asfortranarray(dout)
    dout.flags.writeable = gradient != "read-only"
    before = dout.copy()
    layer = Embedding(W)
    out = layer.forward(given)
    assert out.dtype.newbyteorder("=") == W.dtype.newbyteorder("=") and type(out) is np.ndarray
    np.testing.assert_array_equal(out, W[ids])
    assert not np.shares_memory(out, W)
    expected = np.zeros((V, D), W.dtype)
    np.add.at(expected, ids, dout.astype(W.dtype))
    grad = layer.grads[0]
    for _ in range(2):
        layer.backward(dout)
        assert layer.grads[0] is grad
        np.testing.assert_allclose(np.asarray(grad, "f8"), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(dout, before)


@pytest.mark.parametrize("V, D, N", [(300, 35, 1001), (5, 100, 83), (4000, 130, 257)])
def test_same_bits_for_any_number_of_parts(rng, dtype, index_dtype, all_parts, V, D, N):
    W = rng.standard_normal((V, D)).astype(dtype)
    batches = [
        (rng.integers(0, V, N).astype(index_dtype), rng.standard_normal((N, D)).astype(dtype))
        for _ in range(3)
    ]
    for n in N_PARTS:
        all_parts(n)
        layer = Embedding(W)
        for idx, dout in batches:
            assert_same_bits(layer.forward(idx), W[idx])
            layer.backward(dout)
            expected = np.zeros_like(W)
            np.add.at(expected, idx, dout)
            assert_same_bits(np.asarray(layer.grads[0]), expected)


@pytest.mark.parametrize("idx", [2, np.int32(2), np.array(2), -3], ids=repr)
def test_a_scalar_id_gives_one_row(idx):
    layer = Embedding(np.arange(15.0).reshape(5, 3))
    np.testing.assert_array_equal(layer.forward(idx), [6, 7, 8])
    layer.backward(np.arange(3))
    np.testing.assert_array_equal(np.flatnonzero(np.asarray(layer.grads[0]).any(axis=1)), [2])


def test_the_edges_of_the_ids(index_dtype):
    V = 7
    layer = Embedding(np.arange(V * 2.0).reshape(V, 2))
    for good in (-V, -1, 0, V - 1):
        np.testing.assert_array_equal(
            layer.forward(np.array([good], index_dtype))[0], layer.params[0][good]
        )
    layer.backward(np.ones((1, 2)))
    before = pickle.dumps(layer)
    for bad in (-V - 1, V):
        with pytest.raises(IndexError, match=rf"idx: id {bad} at position 1 is out of range for 7"):
            layer.forward(np.array([0, bad], index_dtype))
    assert pickle.dumps(layer) == before


def test_bad_input_changes_nothing():
    layer = Embedding(np.ones((4, 3), np.float32))
    with pytest.raises(RuntimeError, match="call forward first"):
        layer.backward(np.ones((1, 3)))
    layer.forward([1, 2])
    layer.backward(np.ones((2, 3)))
    before = np.array(layer.grads[0])
    for dout, error in (
        (np.ones((2, 2)), ValueError),
        (np.ones((3, 3)), ValueError),
        (np.ones((2, 3), complex), TypeError),
        ([["a"] * 3] * 2, TypeError),
    ):
        with pytest.raises(error, match="dout: expected"):
            layer.backward(dout)
    for idx in ([0.0], [True], ["a"], None):
        with pytest.raises(TypeError, match="idx: expected integer ids"):
            layer.forward(idx)
    assert_same_bits(np.array(layer.grads[0]), before)
    layer.grads[0].flags.writeable = False
    with pytest.raises(ValueError, match=r"grads\[0\]: expected a writable array"):
        layer.backward(np.ones((2, 3)))
    for W, error in (
        (np.ones(3), ValueError),
        ([[1.0]], TypeError),
        (np.ones((2, 2), complex), TypeError),
    ):
        with pytest.raises(error, match="W: expected"):
            Embedding(W)


def test_ids_changed_after_forward_are_checked_again():
    layer = Embedding(np.ones((4, 3)))
    idx = np.array([0, 1])
    layer.forward(idx)
    idx[1] = 4_000_000
    with pytest.raises(IndexError, match="idx: id 4000000"):
        layer.backward(np.ones((2, 3)))


def test_another_table_takes_effect():
    layer = Embedding(np.zeros((4, 3), np.float32))
    layer.params[0] = np.arange(30.0).reshape(10, 3)
    assert layer.forward([9]).tolist() == [[27, 28, 29]]


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_share_nothing(copier):
    layer = Embedding(np.ones((4, 3)))
    layer.forward([1])
    twin = copier(layer)
    twin.backward(np.ones((1, 3)))
    assert not layer.grads[0].any() and twin.grads[0].any()
