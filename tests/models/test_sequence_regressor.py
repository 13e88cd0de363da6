"""SequenceRegressor: values, gradients, initial weights, bad input."""

import numpy as np
import pytest
from conftest import assert_same_bits
from gradcheck import assert_gradients

from fastw2v import init
from fastw2v.models import SequenceRegressor
from fastw2v.optimizer import Adam
from fastw2v.trainer import Trainer

CELLS = ["rnn", "lstm", "gru"]


@pytest.mark.parametrize("cell", CELLS)
def test_loss_and_prediction_follow_the_formula(cell, rng):
    model = SequenceRegressor(cell, 2, 6)
    xs, t = rng.standard_normal((5, 8, 2)), rng.standard_normal(5)
    y = model.predict(xs)
    assert y.shape == (5, 1) and y.dtype == np.float32
    hs = model.rnn.forward(xs)
    np.testing.assert_allclose(y, hs[:, -1] @ model.affine.params[0], rtol=1e-5, atol=1e-6)
    expected = np.mean((y[:, 0] - t) ** 2)
    assert model.forward(xs, t) == pytest.approx(expected, rel=1e-5)
    assert model.forward(xs, t[:, None]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_finite_differences(cell, rng):
    model = SequenceRegressor(cell, 2, 3, dtype=np.float64, rng=rng)
    xs, t = rng.standard_normal((4, 5, 2)), rng.standard_normal(4)

    def run():
        return 0.5 * float(model.forward(xs, t))

    run()
    dxs = model.backward(0.5)
    assert_gradients(run, [xs, *model.params], [dxs, *(g.copy() for g in model.grads)])


def test_initial_weights_are_those_of_keras(rng):
    np.random.seed(4)
    model = SequenceRegressor("lstm", 1, 20)
    Wx, Wh, b, W, bias = model.params
    np.random.seed(4)
    assert_same_bits(Wx, init.random_normal((1, 80)))
    np.testing.assert_allclose(Wh @ Wh.T, np.eye(20), atol=1e-5)
    np.testing.assert_array_equal(b, init.unit_forget_bias(80))
    assert abs(W).max() <= (6 / 21) ** 0.5 and W.shape == (20, 1) and not bias.any()
    assert not SequenceRegressor("gru").params[2].any()
    state = np.random.get_state()[1].copy()
    SequenceRegressor("rnn", rng=np.random.default_rng(0))
    assert_same_bits(np.random.get_state()[1], state)


@pytest.mark.parametrize("cell", CELLS)
def test_it_learns_a_wave(cell):
    wave = np.sin(np.arange(400) / 7)
    xs = np.lib.stride_tricks.sliding_window_view(wave[:-1], 20)[:, :, None]
    t = wave[20:]
    np.random.seed(0)
    model = SequenceRegressor(cell)
    before = model.forward(xs, t)
    Trainer(model, Adam(0.01)).fit(xs, t, 12, 20, eval_interval=None)
    assert model.forward(xs, t) < before / 50


def test_saved_weights_are_loaded(tmp_path):
    model, other = SequenceRegressor("gru"), SequenceRegressor("gru")
    model.save_params(tmp_path / "wave.npz")
    other.load_params(tmp_path / "wave.npz")
    for mine, theirs in zip(model.params, other.params, strict=True):
        assert_same_bits(mine, theirs)
    with pytest.raises(ValueError, match="expected shape"):
        SequenceRegressor("gru", hidden_size=21).load_params(tmp_path / "wave.npz")


X, MODEL = np.ones((3, 4, 1)), SequenceRegressor("rnn")
CASES = [
    (lambda: SequenceRegressor("LSTM"), ValueError, "cell: expected 'rnn' or 'lstm' or 'gru', got"),
    (lambda: SequenceRegressor(hidden_size=0), ValueError, "hidden_size: expected at least 1"),
    (lambda: SequenceRegressor(input_size=1.5), TypeError, "input_size: expected a whole number"),
    (lambda: SequenceRegressor(dtype=int), TypeError, "dtype: expected None, np.float32"),
    (lambda: MODEL.predict(X[:, :, 0]), ValueError, r"xs: expected shape \(N, T, D\) with T of at"),
    (lambda: MODEL.predict(X[:, :0]), ValueError, "xs: expected shape .* T of at least 1"),
    (lambda: MODEL.predict(np.ones((3, 4, 2))), ValueError, "xs: expected shape .* D = 1"),
    (
        lambda: MODEL.forward(X, [1, 2]),
        ValueError,
        "t: expected 3 values, one for each seq.* got 2",
    ),
    (lambda: MODEL.forward(X, np.ones((3, 2))), ValueError, "t: expected one value per sequence"),
    (lambda: MODEL.forward(X[:0], []), ValueError, "t: expected one value per sequence"),
    (lambda: MODEL.forward(X, ["a"] * 3), TypeError, "t: expected real numbers"),
    (lambda: SequenceRegressor().backward(), RuntimeError, "SequenceRegressor.backward: nothing"),
]


@pytest.mark.parametrize(("call", "error", "words"), CASES)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
