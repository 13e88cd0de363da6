"""Layers: `forward` keeps what `backward` needs, `backward` fills the arrays in `grads`.

`params` holds the caller's own arrays and `grads` one array for each of them. `backward` overwrites
the arrays in `grads`, never replaces them, and returns the gradient with respect to x.
"""

import numpy as np

from .functions import cross_entropy_error, scatter_add, sigmoid, softmax, target_ids

__all__ = [
    "Affine",
    "Dropout",
    "Embedding",
    "MatMul",
    "Sigmoid",
    "SigmoidWithLoss",
    "Softmax",
    "SoftmaxWithLoss",
]


class MatMul:
    """out = x W, with x (N, D) and W (D, H); dx = dout W^T, dW = x^T dout."""

    def __init__(self, W):
        self.params = [W]
        self.grads = [np.zeros_like(W)]
        self.x = None

    def forward(self, x):
        self.x = x
        return np.dot(x, self.params[0])

    def backward(self, dout):
        self.grads[0][...] = np.dot(self.x.T, dout)
        return np.dot(dout, self.params[0].T)


class Affine:
    """out = x W + b, with x (N, D), W (D, H), b (H,); as MatMul, and db = sum over n of dout."""

    def __init__(self, W, b):
        self.params = [W, b]
        self.grads = [np.zeros_like(W), np.zeros_like(b)]
        self.x = None

    def forward(self, x):
        W, b = self.params
        self.x = x
        return np.dot(x, W) + b

    def backward(self, dout):
        dW, db = self.grads
        dW[...] = np.dot(self.x.T, dout)
        db[...] = dout.sum(axis=0)
        return np.dot(dout, self.params[0].T)


class Softmax:
    """out = softmax of each row of x (N, D); dx = out * (dout - sum over d of out * dout)."""

    def __init__(self):
        self.params, self.grads = [], []
        self.out = None

    def forward(self, x):
        self.out = softmax(x)
        # A copy, so that a caller who scales the result does not change what backward reads.
        return self.out.copy()

    def backward(self, dout):
        weighted = self.out * dout
        return weighted - self.out * weighted.sum(axis=1, keepdims=True)


class SoftmaxWithLoss:
    """Softmax of the scores x (N, D) and its mean cross entropy with t; dx = (y - onehot) / N.

    t holds ids (N,) or one-hot rows (N, D). After `forward`, y is the softmax and t the ids.
    """

    def __init__(self):
        self.params, self.grads = [], []
        self.y = None
        self.t = None

    def forward(self, x, t):
        self.y = softmax(x)
        self.t = target_ids(self.y, np.asarray(t))
        return cross_entropy_error(self.y, self.t)

    def backward(self, dout=1):
        n = len(self.t)
        dx = self.y.copy()
        dx[np.arange(n), self.t] -= 1
        return dx * dout / n


class Sigmoid:
    """out = 1 / (1 + exp(-x)), any shape; dx = dout * out * (1 - out)."""

    def __init__(self):
        self.params, self.grads = [], []
        self.out = None

    def forward(self, x):
        self.out = sigmoid(x)
        return self.out.copy()

    def backward(self, dout):
        return dout * self.out * (1 - self.out)


class SigmoidWithLoss:
    """Sigmoid of the scores x (N,) and its loss against t (N,) in {0, 1}; dx = (y - t) / N.

    The loss is the mean over n of -log(p + 1e-7), where p is y for t = 1 and 1 - y for t = 0: the
    cross entropy of the two columns [1 - y, y] with the ids t.
    """

    def __init__(self):
        self.params, self.grads = [], []
        self.loss = None
        self.y = None
        self.t = None

    def forward(self, x, t):
        self.t = t
        self.y = sigmoid(x)
        self.loss = cross_entropy_error(np.column_stack([1 - self.y, self.y]), t)
        return self.loss

    def backward(self, dout=1):
        return (self.y - self.t) * dout / len(self.t)


class Dropout:
    """In training x * mask, each entry kept with probability 1 - dropout_ratio; dx = dout * mask.

    At test time (`train_flg=False`) x * (1 - dropout_ratio), the expectation of the former.
    """

    def __init__(self, dropout_ratio=0.5):
        self.params, self.grads = [], []
        self.dropout_ratio = dropout_ratio
        self.mask = None

    def forward(self, x, train_flg=True):
        if not train_flg:
            return x * (1.0 - self.dropout_ratio)
        self.mask = np.random.rand(*x.shape) > self.dropout_ratio
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class Embedding:
    """out = W[idx]: rows of the table W (V, D) for ids of any shape.

    `backward` clears the gradient and adds each row of dout to the row of its id, so that ids that
    occur several times add up. It returns None, as ids have no gradient.
    """

    def __init__(self, W):
        self.params = [W]
        self.grads = [np.zeros_like(W)]
        self.idx = None

    def forward(self, idx):
        self.idx = idx
        out = self.params[0][idx]
        # A scalar id gives a view, through which the caller could change the table.
        return out.copy() if np.ndim(idx) == 0 else out

    def backward(self, dout):
        dW = self.grads[0]
        dW[...] = 0
        scatter_add(dW, self.idx, dout)
