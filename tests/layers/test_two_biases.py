"""Biases of two rows, and a reset gate after the product: shapes, errors, old pickles."""

import pickle

import numpy as np
import pytest
from conftest import assert_same_bits

from fastw2v import time_layers

N, T, D, H = 3, 4, 5, 6
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
LAYERS = [*GATES, *(f"Time{name}" for name in GATES)]


def made(name, b, **options):
    n = GATES[name.removeprefix("Time")] * H
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((D, n), "f"), rng.standard_normal((H, n), "f")
    return getattr(time_layers, name)(*weights, b, **options)


def zeros(name, *rows):
    return np.zeros((*rows, GATES[name.removeprefix("Time")] * H), "f")


def call(layer, rng, name):
    """Run both passes; return all results."""
    if name.startswith("Time"):
        hs = layer.forward(rng.standard_normal((N, T, D), "f"))
        return [hs, layer.backward(np.cos(hs))]
    x, *states = (rng.standard_normal((N, width), "f") for width in (D, H, H))
    states = states if name == "LSTM" else states[:1]
    layer.forward(x, *states)
    return [*layer.backward(*states)]


@pytest.mark.parametrize("name", ["RNN", "LSTM", "TimeRNN", "TimeLSTM"])
def test_two_biases_are_added(name):
    b = np.random.default_rng(1).standard_normal(zeros(name, 2).shape).astype("f")
    two, one = made(name, b), made(name, b[0] + b[1])
    results = [call(layer, np.random.default_rng(2), name) for layer in (two, one)]
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    assert two.grads[2].shape == b.shape
    assert_same_bits(two.grads[2][0], two.grads[2][1])
    np.testing.assert_allclose(two.grads[2][0], one.grads[2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "TimeRNN", "TimeLSTM"])
@pytest.mark.parametrize("shape", ["flat", "three", "thin"])
def test_wrong_shapes_of_biases_are_named(name, shape):
    n = zeros(name).size
    b = {"flat": np.zeros(2 * n), "three": np.zeros((3, n)), "thin": np.zeros((2, n - 1))}[shape]
    words = rf"b: expected shape \({n},\)"
    if shape == "flat":
        words += rf", or \(2, {n}\) of two biases that are added, got \({2 * n},\); reshape it"
    with pytest.raises(ValueError, match=words):
        made(name, b)


@pytest.mark.parametrize("name", ["GRU", "TimeGRU"])
def test_wrong_biases_of_a_gru_are_named(name):
    n = 3 * H
    with pytest.raises(ValueError, match=r"got \(2, 18\); a GRU with two biases .* reset_after=Tr"):
        made(name, zeros(name, 2))
    for b in (zeros(name), zeros(name, 1), zeros(name, 3), np.zeros(2 * n), np.zeros((2, n - 1))):
        with pytest.raises(
            ValueError, match=r"b: expected shape \(2, 18\), the biases of x Wx and"
        ):
            made(name, b, reset_after=True)
    with pytest.raises(TypeError, match="b: expected a numpy array, got list"):
        made(name, [[0.0] * n] * 2, reset_after=True)
    with pytest.raises(TypeError, match="reset"):
        made(name, zeros(name), reset="after")


@pytest.mark.parametrize("name", ["GRU", "TimeGRU"])
def test_where_a_gru_resets_stays_as_it_was_made(name, rng):
    layer = made(name, zeros(name, 2), reset_after=True)
    with pytest.raises(AttributeError):
        layer.reset_after = False
    assert layer.reset_after is True and made(name, zeros(name)).reset_after is False
    twin = pickle.loads(pickle.dumps(layer))
    assert twin.reset_after
    results = [call(one, np.random.default_rng(2), name) for one in (layer, twin)]
    for mine, theirs in zip(*results, strict=True):
        assert_same_bits(mine, theirs)


@pytest.mark.parametrize("name", ["GRU", "TimeGRU"])
def test_a_pickle_that_does_not_say_where_it_resets_is_the_books(name):
    layer = made(name, zeros(name))
    del vars(layer)["_reset_after"]
    twin = pickle.loads(pickle.dumps(layer))
    assert not twin.reset_after
    call(twin, np.random.default_rng(2), name)


@pytest.mark.parametrize("name", LAYERS)
def test_a_bias_that_no_longer_fits_is_named_at_the_next_call(name, rng):
    options = {"reset_after": True} if "GRU" in name else {}
    layer = made(name, zeros(name, 2), **options)
    results = call(layer, np.random.default_rng(2), name)
    grads = [grad.copy() for grad in layer.grads]
    layer.params[2] = layer.params[2].reshape(-1)
    with pytest.raises(ValueError, match="b: expected shape"):
        call(layer, np.random.default_rng(2), name)
    layer.params[2] = layer.params[2].reshape(2, -1)
    for grad, before in zip(layer.grads, grads, strict=True):
        assert_same_bits(grad, before)
    for mine, before in zip(call(layer, np.random.default_rng(2), name), results, strict=True):
        assert_same_bits(mine, before)


@pytest.mark.parametrize("name", ["TimeRNN", "TimeLSTM", "TimeGRU"])
def test_a_bias_replaced_between_the_passes_is_named(name, rng):
    options = {"reset_after": True} if "GRU" in name else {}
    layer = made(name, zeros(name, 2), **options)
    hs = layer.forward(rng.standard_normal((N, T, D), "f"))
    layer.params[2], layer.grads[2] = (zeros(name, 3) for _ in "12")
    with pytest.raises(ValueError, match="b: expected shape"):
        layer.backward(hs)


@pytest.mark.parametrize("name", ["TimeRNN", "TimeLSTM", "TimeGRU"])
@pytest.mark.parametrize("wide", [False, True])
def test_a_float64_bias_makes_the_states_float64(name, wide, rng):
    options = {"reset_after": True} if "GRU" in name else {}
    layer = made(name, zeros(name, 2).astype("d" if wide else "f"), **options)
    layer.forward(rng.standard_normal((N, T, D), "f"))
    assert layer.h.dtype == (np.float64 if wide else np.float32)


@pytest.mark.parametrize("name", ["TimeRNN", "TimeLSTM", "TimeGRU"])
def test_biases_of_any_strides(name):
    options = {"reset_after": True} if "GRU" in name else {}
    b = np.random.default_rng(1).standard_normal(zeros(name, 2).shape).astype("f")
    expected = call(made(name, b, **options), np.random.default_rng(2), name)
    for form in (np.asfortranarray(b), b[::-1].copy()[::-1], np.repeat(b, 3, axis=1)[:, ::3]):
        found = call(made(name, form, **options), np.random.default_rng(2), name)
        for mine, theirs in zip(found, expected, strict=True):
            assert_same_bits(mine, theirs)
