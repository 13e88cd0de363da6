"""The k best of many scores, as a heap that has its worst entry at the root.

The order is by descending score, then ascending id. It has no ties, so a result does not depend on
the order in which entries came. NaN is never better than anything.
"""
from libc.math cimport INFINITY
from libc.stdint cimport INT64_MAX, int64_t

from common_types cimport real_t


cdef inline bint better(real_t score, int64_t v, real_t other, int64_t w) noexcept nogil:
    return score > other or (score == other and v < w)


cdef inline void sink(real_t* scores, int64_t* ids, Py_ssize_t k,
                      real_t score, int64_t v) noexcept nogil:
    """Replace the root by (score, v)."""
    cdef Py_ssize_t at = 0, child = 1
    while child < k:
        if child + 1 < k and better(scores[child], ids[child], scores[child + 1], ids[child + 1]):
            child += 1
        if not better(score, v, scores[child], ids[child]):
            break
        scores[at] = scores[child]
        ids[at] = ids[child]
        at = child
        child = 2 * at + 1
    scores[at] = score
    ids[at] = v


cdef inline void clear_heap(real_t* scores, int64_t* ids, Py_ssize_t k) noexcept nogil:
    """Fill the heap with entries worse than every row."""
    cdef Py_ssize_t i
    for i in range(k):
        scores[i] = <real_t> -INFINITY
        ids[i] = INT64_MAX


cdef inline void sort_heap(real_t* scores, int64_t* ids, Py_ssize_t k) noexcept nogil:
    """Sort the heap, best first; empty places get id -1."""
    cdef Py_ssize_t n = k
    cdef real_t score
    cdef int64_t v
    while n > 1:
        n -= 1
        score, v = scores[n], ids[n]
        scores[n], ids[n] = scores[0], ids[0]
        sink(scores, ids, n, score, v)
    for n in range(k):
        if ids[n] == INT64_MAX:
            ids[n] = -1
