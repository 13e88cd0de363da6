"""Gradient clipping: sums of squares of a gradient of R rows of C, and its scaling.

Squares are summed in double in eight lanes, which are added in a fixed order.
"""
from libc.stdint cimport uint8_t

from common_types cimport real_t

cdef enum:
    LANES = 8


cdef inline double squares(const real_t* g, Py_ssize_t n) noexcept nogil:
    """Return the sum of squares of n elements, in double."""
    cdef double lane[LANES]
    cdef Py_ssize_t i = 0
    cdef int j, half
    for j in range(LANES):
        lane[j] = 0
    while i + LANES <= n:
        for j in range(LANES):
            lane[j] += <double> g[i + j] * <double> g[i + j]
        i += LANES
    j = 0
    while i < n:
        lane[j] += <double> g[i] * <double> g[i]
        i += 1
        j += 1
    half = LANES // 2
    while half > 0:
        for j in range(half):
            lane[j] += lane[j + half]
        half //= 2
    return lane[0]


cdef inline double block_squares(const real_t* g, Py_ssize_t ld, const uint8_t* mark, Py_ssize_t C,
                                 Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Return the sum of squares of elements [lo, hi), row by row.

    A row that is not marked would have added exactly zero.
    """
    cdef Py_ssize_t r, n
    cdef double total = 0
    while lo < hi:
        r = lo // C
        n = (r + 1) * C - lo
        n = n if n < hi - lo else hi - lo
        if mark == NULL or mark[r]:
            total += squares(g + r * (ld - C) + lo, n)
        lo += n
    return total


cdef inline void scale_range(real_t* g, Py_ssize_t ld, const uint8_t* mark, Py_ssize_t C,
                             real_t rate, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Multiply the marked rows [lo, hi) by rate."""
    cdef Py_ssize_t r, d
    for r in range(lo, hi):
        if mark == NULL or mark[r]:
            for d in range(C):
                g[r * ld + d] *= rate
