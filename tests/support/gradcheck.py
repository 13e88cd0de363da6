"""Gradients by central differences in float64, for comparison with those of a layer."""

import numpy as np

STEP = 1e-5  # error of a difference about STEP**2 from curvature, 1e-16 / STEP from rounding


def numeric_gradient(f, x):
    """Return d f() / d x, element by element; f reads x, a float64 array changed in place."""
    assert x.dtype == np.float64
    grad = np.empty(x.shape)
    for at in np.ndindex(x.shape):
        before = x[at]
        x[at] = before + STEP
        above = f()
        x[at] = before - STEP
        below = f()
        x[at] = before
        grad[at] = (above - below) / (2 * STEP)
    return grad


def assert_gradients(run, arrays, gradients, rtol=1e-6, atol=1e-8):
    """Assert that each gradient equals the central differences of run() over its array."""
    for k, (x, grad) in enumerate(zip(arrays, gradients, strict=True)):
        expected = numeric_gradient(run, x)
        assert grad.shape == expected.shape, f"gradient {k}"
        np.testing.assert_allclose(grad, expected, rtol=rtol, atol=atol, err_msg=f"gradient {k}")


def check_layer(layer, x, rng):
    """Check backward of a layer that maps x to an array, by differences of sum(dout * out)."""
    dout = rng.standard_normal(layer.forward(x).shape)

    def weighted_sum():
        return float((layer.forward(x) * dout).sum())

    layer.forward(x)
    dx = layer.backward(dout)
    assert_gradients(weighted_sum, [x, *layer.params], [dx, *layer.grads])


def check_loss_layer(layer, x, t, dout=1):
    """Check backward of a layer that maps (x, t) to a loss, by differences of the loss."""
    layer.forward(x, t)
    dx = layer.backward(dout)
    assert_gradients(lambda: float(layer.forward(x, t)) * dout, [x], [dx])
