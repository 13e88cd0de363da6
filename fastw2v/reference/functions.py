"""Elementwise functions, the softmax and its loss, and the scatter-add of rows."""

import numpy as np

__all__ = ["cross_entropy_error", "relu", "scatter_add", "sigmoid", "softmax"]

# Keeps log() finite where a probability has been rounded to zero.
LOG_OFFSET = 1e-7


def sigmoid(x):
    """Return 1 / (1 + exp(-x)), elementwise.

    >>> float(sigmoid(np.zeros(1))[0])
    0.5
    """
    return 1 / (1 + np.exp(-x))


def relu(x):
    """Return max(x, 0), elementwise."""
    return np.maximum(x, 0)


def softmax(x):
    """Return exp(x - max) / sum(exp(x - max)) over the last axis of x, (D,) or (N, D).

    The shift by the row's maximum does not change the quotient, and exp() does not overflow. An x
    of any other rank is returned unchanged.
    """
    if x.ndim not in (1, 2):
        return x
    weight = np.exp(x - x.max(axis=-1, keepdims=True))
    return weight / weight.sum(axis=-1, keepdims=True)


def target_ids(y, t):
    """Return true classes as ids (N,) from ids, or from one-hot rows, of the same size as y."""
    return t.reshape(y.shape).argmax(axis=-1) if t.size == y.size else t


def cross_entropy_error(y, t):
    """Return the mean over the rows n of -log(y[n, t[n]] + 1e-7).

    y is (N, D), rows of probabilities, or (D,), a batch of one; t holds ids (N,) or one-hot rows
    of the shape of y.

    >>> y = np.array([[0.25, 0.75], [0.5, 0.5]])
    >>> round(float(cross_entropy_error(y, np.array([1, 0]))), 4)
    0.4904
    """
    y = np.atleast_2d(y)
    ids = target_ids(y, np.asarray(t)).reshape(-1)
    n = len(y)
    return -np.log(y[np.arange(n), ids] + LOG_OFFSET).sum() / n


def scatter_add(dW, idx, dout):
    """Add dout[n] to dW[idx[n]] for every n, in order, so rows of repeated ids add up.

    dW is (V, D), changed in place; idx has any shape, a scalar too; dout is idx.shape + (D,).

    >>> dW = np.zeros((3, 2))
    >>> scatter_add(dW, [2, 0, 2], np.ones((3, 2)))
    >>> dW
    array([[1., 1.],
           [0., 0.],
           [2., 2.]])
    """
    np.add.at(dW, idx, dout)
