"""Matrix products.

    product     C (M, N) = [C +] A (M, K) B (K, N) [+ bias (N,)]
A and B may have any strides: A B^T and A^T B are products with exchanged strides. Rows of C are
contiguous. What decides the bits of an element is in common_gemm.pxd.
"""
from cython.parallel cimport prange

from common_gemm cimport (aligned_alloc, aligned_free, multiply, n_panels, pack_range, packed_size,
                          panel_columns)
from common_parallel cimport part_begin, use_pool
from common_types cimport real_t


cdef void product_range(real_t* C, Py_ssize_t ldc, const real_t* A, Py_ssize_t a_rs,
                        Py_ssize_t a_cs, real_t* packed, const real_t* B, Py_ssize_t b_rs,
                        Py_ssize_t b_cs, const real_t* bias, Py_ssize_t M, Py_ssize_t N,
                        Py_ssize_t K, bint accumulate,
                        Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """The columns of C that belong to panels [lo, hi)."""
    cdef Py_ssize_t NR = panel_columns(B), first = lo * NR
    cdef Py_ssize_t n = (hi * NR if hi * NR < N else N) - first
    pack_range(packed, B, b_rs, b_cs, K, N, lo, hi)
    multiply(C + first, ldc, M, n, A, a_rs, a_cs, packed + first * K, K, accumulate,
             bias + first if bias != NULL else NULL)


def product(real_t[:, :] C,             # OUT (M, N) rows contiguous
            const real_t[:, :] A,       # IN  (M, K)
            const real_t[:, :] B,       # IN  (K, N)
            const real_t[:] bias,       # IN  (N,) contiguous, or None
            bint accumulate,
            Py_ssize_t n_parts):
    """C = [C +] A B [+ bias]."""
    cdef Py_ssize_t M = C.shape[0], N = C.shape[1], K = A.shape[1], size = sizeof(real_t), p, n
    cdef const real_t* a = NULL
    cdef const real_t* b = NULL
    cdef const real_t* row = NULL
    cdef real_t* packed
    if M == 0 or N == 0:
        return
    if K:
        a, b = &A[0, 0], &B[0, 0]
    if bias is not None:
        row = &bias[0]
    n = n_panels(a, N)
    packed = <real_t*> aligned_alloc(packed_size(a, K, N) * size)
    if packed == NULL:
        raise MemoryError
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            product_range(&C[0, 0], C.strides[0] // size, a, A.strides[0] // size,
                          A.strides[1] // size, packed, b, B.strides[0] // size,
                          B.strides[1] // size, row, M, N, K, accumulate,
                          part_begin(p, n_parts, n), part_begin(p + 1, n_parts, n))
    aligned_free(packed)


use_pool()
