"""Row-wise dot products against plain numpy, in 1, 2, 3 and 7 parts."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits

from fastw2v._kernels import _embedding_dot, specialise


@pytest.mark.parametrize("D", [1, 15, 16, 35, 130])
def test_forward_and_backward(rng, dtype, index_dtype, D):
    V, N = 50, 83
    W = rng.standard_normal((V, D + 5)).astype(dtype)[:, :D]
    h = rng.standard_normal((N, D)).astype(dtype)
    idx = rng.integers(0, V, N).astype(index_dtype)
    dout = rng.standard_normal(N).astype(dtype)
    forward = specialise(_embedding_dot.forward)[dtype, index_dtype]
    backward = specialise(_embedding_dot.backward)[dtype]
    outs = []
    for n_parts in N_PARTS:
        out, rows, dh = np.empty(N, dtype), np.empty((N, D), dtype), np.empty((N, D), dtype)
        forward(out, rows, h, W, idx, n_parts)
        assert_same_bits(rows, W[idx])
        exact = (h.astype(np.longdouble) * W[idx]).sum(axis=1)
        scale = np.abs(h.astype(np.longdouble) * W[idx]).sum(axis=1)
        assert (np.abs(out - exact) <= D * np.finfo(dtype).eps * scale).all()
        backward(dh, dout, rows, n_parts)
        assert_same_bits(dh, dout[:, None] * rows)
        outs.append(out)
    for out in outs[1:]:
        assert_same_bits(out, outs[0])
