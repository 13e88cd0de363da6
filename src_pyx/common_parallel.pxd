"""The cut of work into parts, and the threads that compute them.

Parts, never thread numbers, decide where a result is computed. A kernel is a loop over a range and
a `prange` over the parts. Each kernel module calls `use_pool()` once, at its end; see pool.h.
"""
from cpython.pycapsule cimport PyCapsule_Import

cdef extern from *:
    """
    #include "pool.h"
    static void fw_use_pool(void *pool) {
    #if FW_OWN_POOL
        fw_pool_of_module = (fw_pool_t)pool;
    #else
        (void)pool;
    #endif
    }
    """
    void fw_use_pool(void* pool)
    int FW_OWN_POOL


cdef inline int use_pool() except -1:
    """Let the parallel loops of this module run in the pool that all of them share."""
    if FW_OWN_POOL:
        fw_use_pool(PyCapsule_Import("fastw2v._kernels._cpu._pool", 0))
    return 0


cdef inline Py_ssize_t part_begin(Py_ssize_t p, Py_ssize_t n_parts, Py_ssize_t n) noexcept nogil:
    """Return the first item of part p when n items are cut into n_parts nearly equal parts.

    Part p is [part_begin(p), part_begin(p + 1)). Quotient and remainder avoid p * n, which would
    overflow for huge n.
    """
    cdef Py_ssize_t size = n // n_parts, rest = n % n_parts
    return p * size + (p if p < rest else rest)
