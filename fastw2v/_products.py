"""Matrix products of the recurrent layers: one entry, so that what computes them can be exchanged.

They are numpy's for now. `_gemm.product` has the packed tile that the loops over time run on, but
does not block for the caches yet, which large matrices need.
"""

import numpy as np

__all__ = ["column_sums", "product"]


def product(A, B, out=None, *, bias=None):
    """A (M, K) @ B (K, N) [+ bias (N,)], all of one dtype; written into `out` (M, N) if given.

    >>> import numpy as np
    >>> product(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), bias=np.array([0.5]))
    array([[11.5]])
    """
    out = np.matmul(A, B, out=out)
    if bias is not None:
        out += bias
    return out


def column_sums(A):
    """The sums over the rows of A (M, N), added in double: (N,) float64.

    >>> import numpy as np
    >>> column_sums(np.array([[1, 2], [3, 4]], np.float32))
    array([4., 6.])
    """
    return A.sum(axis=0, dtype=np.float64)
