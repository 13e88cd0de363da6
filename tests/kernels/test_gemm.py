"""Matrix products against float64 numpy, in 1, 2, 3 and 7 parts."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits

from fastw2v._kernels import _gemm, specialise

SIZES = [(1, 1, 1), (2, 5, 3), (11, 40, 33), (23, 7, 70), (21, 0, 5), (33, 100, 129)]


def product(A, B, C=None, bias=None, n_parts=1):
    """C = [C +] A B [+ bias] of the kernel, in a new array with more columns than it writes."""
    dtype, (M, N) = A.dtype, (A.shape[0], B.shape[1])
    wide = np.full((M, N + 3), 7, dtype)
    out = wide[:, :N]
    if C is not None:
        out[...] = C
    specialise(_gemm.product)[dtype](out, A, B, bias, C is not None, n_parts)
    assert (wide[:, N:] == 7).all()
    return out


def assert_product(out, A, B, C=0, bias=0):
    """Within the error bound of a chain of K + 2 rounded steps."""
    A, B = A.astype(np.longdouble), B.astype(np.longdouble)
    scale = np.abs(A) @ np.abs(B) + np.abs(C) + np.abs(bias)
    bound = (A.shape[1] + 2) * np.finfo(out.dtype).eps * scale
    assert (np.abs(out - (A @ B + C + bias)) <= bound).all()


def layouts(x):
    """The same matrix in other memory: C, Fortran, sliced, reversed, off alignment."""
    wide = np.zeros((2 * x.shape[0], 3 * x.shape[1]), x.dtype)
    wide[::2, ::3] = x
    off = np.zeros(x.size + 1, x.dtype)[1:].reshape(x.shape)
    off[...] = x
    return [x, np.asfortranarray(x), wide[::2, ::3], x[::-1, ::-1].copy()[::-1, ::-1], off]


@pytest.mark.parametrize(("M", "K", "N"), SIZES)
def test_product_of_any_strides_in_any_parts(rng, dtype, M, K, N):
    A, B = rng.standard_normal((M, K)).astype(dtype), rng.standard_normal((K, N)).astype(dtype)
    C, bias = rng.standard_normal((M, N)).astype(dtype), rng.standard_normal(N).astype(dtype)
    plain, full = product(A, B), product(A, B, C, bias)
    assert_product(plain, A, B)
    assert_product(full, A, B, C, bias)
    for n_parts in N_PARTS:
        for a, b in zip(layouts(A), layouts(B)[::-1], strict=True):
            assert_same_bits(product(a, b, n_parts=n_parts), plain)
            assert_same_bits(product(a, b, C, bias, n_parts), full)
