"""The finite differences themselves: they find the known gradient and refuse a wrong one."""

import numpy as np
import pytest
from gradcheck import assert_gradients, check_layer, check_loss_layer, numeric_gradient


def test_known_gradient(rng):
    x = rng.standard_normal((3, 4))
    before = x.copy()
    grad = numeric_gradient(lambda: float((np.sin(x) * x).sum()), x)
    np.testing.assert_allclose(grad, np.cos(x) * x + np.sin(x), rtol=1e-8, atol=1e-9)
    np.testing.assert_array_equal(x, before)


def test_only_float64():
    with pytest.raises(AssertionError):
        numeric_gradient(lambda: 0.0, np.zeros(2, np.float32))


def test_wrong_gradients_are_refused(rng):
    x = rng.standard_normal(5)
    for wrong in (2 * x * 1.00001, 2 * x + 1e-6, -2 * x, (2 * x)[:4]):
        with pytest.raises(AssertionError, match="gradient 0"):
            assert_gradients(lambda: float((x * x).sum()), [x], [wrong])
    assert_gradients(lambda: float((x * x).sum()), [x], [2 * x])


class Scale:
    """out = w * x; `slip` makes one of the gradients wrong."""

    def __init__(self, w, slip):
        self.params, self.grads, self.slip = [w], [np.zeros_like(w)], slip

    def forward(self, x):
        self.x = x
        return self.params[0] * x

    def backward(self, dout):
        self.grads[0][...] = (dout * self.x).sum(axis=0) * (1.01 if self.slip == "dw" else 1)
        return dout * self.params[0] * (1.01 if self.slip == "dx" else 1)


@pytest.mark.parametrize("slip", [None, "dw", "dx"])
def test_check_layer(rng, slip):
    layer, x = Scale(rng.standard_normal(3), slip), rng.standard_normal((4, 3))
    if slip is None:
        check_layer(layer, x, rng)
        assert layer.grads[0].any()
    else:
        with pytest.raises(AssertionError, match="gradient"):
            check_layer(layer, x, rng)


class Square:
    """loss = sum (x - t)^2; `factor` 2 is right."""

    def __init__(self, factor):
        self.factor = factor

    def forward(self, x, t):
        self.diff = x - t
        return (self.diff**2).sum()

    def backward(self, dout):
        return self.factor * self.diff * dout


def test_check_loss_layer(rng):
    x, t = rng.standard_normal(4), rng.standard_normal(4)
    check_loss_layer(Square(2), x, t, dout=3.0)
    with pytest.raises(AssertionError, match="gradient"):
        check_loss_layer(Square(2.001), x, t)
