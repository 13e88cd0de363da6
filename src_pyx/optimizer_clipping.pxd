"""Gradient clipping: sums of squares of a gradient of R rows of C, and its scaling.

A block of a gradient is summed in double in lanes, which are added in a fixed order at its end.
"""
from libc.stdint cimport uint8_t

from common_types cimport real_t

cdef enum:
    LANES = 16


cdef inline void add_squares(double* lane, const real_t* g, Py_ssize_t n) noexcept nogil:
    """Add the squares of n elements to the lanes, in double."""
    cdef Py_ssize_t i = 0
    cdef int j
    while i + LANES <= n:
        for j in range(LANES):
            lane[j] += <double> g[i + j] * <double> g[i + j]
        i += LANES
    j = 0
    while i < n:
        lane[j] += <double> g[i] * <double> g[i]
        i += 1
        j += 1


cdef inline double sum_of_lanes(double* lane) noexcept nogil:
    """Return the sum of the lanes, and set them to zero."""
    cdef int j, half = LANES // 2
    cdef double total
    while half > 0:
        for j in range(half):
            lane[j] += lane[j + half]
        half //= 2
    total = lane[0]
    for j in range(LANES):
        lane[j] = 0
    return total


cdef inline double block_squares(const real_t* g, Py_ssize_t ld, const uint8_t* mark, Py_ssize_t C,
                                 Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Return the sum of squares of elements [lo, hi), row by row.

    A row that is not marked would have added exactly zero.
    """
    cdef double[LANES] lane
    cdef Py_ssize_t r, n
    cdef int j
    for j in range(LANES):
        lane[j] = 0
    while lo < hi:
        r = lo // C
        n = (r + 1) * C - lo
        n = n if n < hi - lo else hi - lo
        if mark == NULL or mark[r]:
            add_squares(&lane[0], g + r * (ld - C) + lo, n)
        lo += n
    return sum_of_lanes(&lane[0])


cdef inline void scale_range(real_t* g, Py_ssize_t ld, const uint8_t* mark, Py_ssize_t C,
                             real_t rate, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Multiply the marked rows [lo, hi) by rate."""
    cdef Py_ssize_t r, d
    if mark == NULL and ld == C:
        for d in range(lo * C, hi * C):
            g[d] *= rate
        return
    for r in range(lo, hi):
        if mark == NULL or mark[r]:
            for d in range(C):
                g[r * ld + d] *= rate
