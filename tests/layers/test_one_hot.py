"""The LSTM over ids is the LSTM over their one-hot rows."""

import copy
import pickle

import numpy as np
import pytest

from fastw2v._recurrent.one_hot import OneHotLSTM
from fastw2v.time_layers import TimeLSTM

N, T, V, H = 4, 6, 9, 5


@pytest.fixture
def weights(rng, dtype):
    return [rng.standard_normal(shape).astype(dtype) for shape in ((V, 4 * H), (H, 4 * H), 4 * H)]


@pytest.fixture
def ids(rng, index_dtype):
    return rng.integers(0, V, (N, T)).astype(index_dtype)


@pytest.mark.parametrize("lengths", [None, [6, 0, 3, 1]])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_values_and_gradients_are_those_of_one_hot_rows(
    weights, ids, lengths, go_backwards, rng, dtype
):
    pair = [
        kind(*weights, dtype=dtype, go_backwards=go_backwards) for kind in (OneHotLSTM, TimeLSTM)
    ]
    rows = np.eye(V, dtype=dtype)[ids]
    hs = [layer.forward(xs, lengths=lengths) for layer, xs in zip(pair, (ids, rows), strict=True)]
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(*hs, rtol=rtol, atol=rtol)
    dhs, dh, dc = rng.standard_normal((N, T, H)), *rng.standard_normal((2, N, H))
    for _ in range(2):
        assert pair[0].backward(dhs, dh=dh, dc=dc) is None
        assert pair[1].backward(dhs, dh=dh, dc=dc).shape == (N, T, V)
        for mine, other in zip(pair[0].grads, pair[1].grads, strict=True):
            np.testing.assert_allclose(mine, other, rtol=10 * rtol, atol=10 * rtol)
        for name in ("h", "c", "dh", "dc"):
            mine, other = (getattr(layer, name) for layer in pair)
            np.testing.assert_allclose(mine, other, rtol=10 * rtol, atol=10 * rtol)


def test_layers_are_cells_over_one_hot_rows(weights, ids, rng):
    layer, twin = OneHotLSTM(*weights), TimeLSTM(*weights)
    assert layer.layers is None
    layer.forward(ids)
    twin.forward(np.eye(V)[ids])
    dh, dc = rng.standard_normal((2, N, H))
    for mine, other in zip(layer.layers, twin.layers, strict=True):
        for a, b in zip(mine.backward(dh, dc), other.backward(dh, dc), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(mine.grads[0], other.grads[0], rtol=1e-5, atol=1e-5)


def test_weights_in_any_memory_order_give_the_same(weights, ids):
    expected = OneHotLSTM(*weights).forward(ids)
    odd = np.asfortranarray(weights[0])
    np.testing.assert_array_equal(OneHotLSTM(odd, *weights[1:]).forward(ids), expected)


def test_copies_have_the_same_gradients(weights, ids, rng):
    layer = OneHotLSTM(*weights)
    layer.forward(ids)
    dhs = rng.standard_normal((N, T, H))
    layer.backward(dhs)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        twin.backward(dhs)
        np.testing.assert_array_equal(twin.grads[0], layer.grads[0])


def test_bad_ids_are_refused(weights, ids):
    layer = OneHotLSTM(*weights)
    for xs, error, words in (
        (ids[0], ValueError, r"xs: expected ids of shape \(N, T\)"),
        (ids + V, IndexError, "xs: id .* is out of range for 9 rows"),
        (np.eye(V)[ids], TypeError, "xs: expected integer ids"),
    ):
        with pytest.raises(error, match=words):
            layer.forward(xs)
