"""Scalar mathematics and short reductions shared by the kernels.

The build forbids reassociation, so a plain sum of products would run one element at a time. `dot`
therefore adds in LANES partial sums, in the same order on every level and for every length.
"""
from common_types cimport real_t

cdef enum:
    LANES = 16


cdef inline real_t dot(const real_t* a, const real_t* b, Py_ssize_t n) noexcept nogil:
    """Sum of a[i] * b[i]: lane j adds elements j, j + 16, ...; then the lanes by halves."""
    cdef real_t lane[LANES]
    cdef Py_ssize_t i = 0
    cdef int j, half
    for j in range(LANES):
        lane[j] = 0
    while i + LANES <= n:
        for j in range(LANES):
            lane[j] += a[i + j] * b[i + j]
        i += LANES
    j = 0
    while i < n:
        lane[j] += a[i] * b[i]
        i += 1
        j += 1
    half = LANES // 2
    while half > 0:
        for j in range(half):
            lane[j] += lane[j + half]
        half //= 2
    return lane[0]
