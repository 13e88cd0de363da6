import numpy as np

from fastw2v import _threads
from fastw2v._kernels import _embedding, specialise
from fastw2v._row_grad import RowGrad, write_rows
from fastw2v._validation import (
    after_forward,
    as_float,
    as_ids,
    has_plain_rows,
    same_shape,
    table,
    writable,
)

_GATHER = specialise(_embedding.gather)

_GATHER_NS = 0.05  # serial nanoseconds per element copied; see `_threads.parts`


class Embedding:
    """Rows of a table by id: ``out = W[idx]``.

    W (V, D) is the caller's own array. The gradient ``grads[0]`` (V, D) is a `RowGrad`.

    >>> import numpy as np
    >>> from fastw2v.layers import Embedding
    >>> layer = Embedding(np.arange(8.0).reshape(4, 2))
    >>> layer.forward([1, 1, 3])
    array([[2., 3.],
           [2., 3.],
           [6., 7.]])
    >>> layer.backward(np.ones((3, 2)))
    >>> layer.grads[0]
    array([[0., 0.],
           [2., 2.],
           [0., 0.],
           [1., 1.]])
    """

    def __init__(self, W):
        table("W", W)
        self.params = [W]
        self.grads = [RowGrad(W)]
        self.idx = None

    def forward(self, idx):
        """W[idx]: ids of any shape give an array of that shape + (D,).

        Negative ids count from the end. IndexError names an id that is out of range, TypeError
        says that ids are not integers.
        """
        W = table("params[0]", self.params[0])
        ids = as_ids("idx", idx, W.shape[0])
        self.idx = idx
        if not has_plain_rows(W):
            return np.array(W[ids])
        out = np.empty((*ids.shape, W.shape[1]), W.dtype)
        n_parts = _threads.parts(out.size * _GATHER_NS)
        _GATHER[W.dtype, ids.dtype](out.reshape(-1, W.shape[1]), W, ids.reshape(-1), n_parts)
        return out

    def backward(self, dout):
        """grads[0] = 0, then grads[0][idx[n]] += dout[n]; repeated ids add up. Returns None."""
        grad = writable("grads[0]", self.grads[0])
        ids = as_ids("idx", after_forward(self, self.idx), grad.shape[0])
        dout = as_float("dout", dout, grad.dtype)
        same_shape("dout", dout, (*ids.shape, grad.shape[1]), "that of the output")
        write_rows(grad, ids.reshape(-1), dout.reshape(-1, grad.shape[1]))
