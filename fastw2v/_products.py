import numpy as np


def product(A, B, out=None, *, accumulate=False, bias=None):
    C = np.matmul(A, B, out=None if accumulate else out)
    if accumulate:
        out += C
        C = out
    if bias is not None:
        C += bias
    return C


def column_sums(A):
    return A.sum(axis=0, dtype=np.float64)
