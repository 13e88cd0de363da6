"""Small calls: entries that take the objects of a layer, and check them in C.

A layer asks such an entry first. Its name begins with `try_`. It returns the layer's result, or
None, with nothing changed, wherever it does not know that it computes what the general path of the
layer would, bit for bit: another type or layout, shapes that do not fit, work worth a second
thread. The general path then checks, raises or computes. So these entries hold the GIL, raise no
errors of their own and need not be fast for large arrays. Each module that has one calls
`use_arrays()` once, at its end.
"""
from common_types cimport index_t, real_t

cdef extern from "arrays.h":
    enum:
        FLOAT "FW_FLOAT"
        DOUBLE "FW_DOUBLE"
        INT32 "FW_INT32"
        INT64 "FW_INT64"
    ctypedef struct Array "fw_array":
        char* data
        Py_ssize_t n                    # elements
        Py_ssize_t shape[4]
        Py_ssize_t strides[4]           # in elements
        int ndim
        int type                        # FLOAT, DOUBLE, INT32 or INT64
        bint packed                     # C-contiguous
        bint writable
    # Describe an ndarray, no subclass, of these types; False for any other object.
    bint read "fw_read"(object x, Array* a) noexcept
    # Return a new array, not set to anything, and describe it.
    object new "fw_new"(int type, int ndim, const Py_ssize_t* shape, Array* a)
    bint overlap "fw_overlap"(const Array* a, const Array* b) noexcept
    # Tell whether work of these nanoseconds is done at once, on the caller's thread.
    bint is_small "fw_is_small"(double ns) noexcept
    int use_arrays "fw_use_arrays"() except -1


cdef inline bint read_floats(object x, Array* a) noexcept:
    """Describe an ndarray of float32 or float64; False for any other object."""
    return read(x, a) and (a.type == FLOAT or a.type == DOUBLE)


cdef inline bint read_ids(object x, Array* a) noexcept:
    """Describe a C-contiguous ndarray of int32 or int64; False for any other object."""
    return read(x, a) and a.packed and (a.type == INT32 or a.type == INT64)


cdef inline bint same_shape(const Array* a, const Array* b) noexcept:
    cdef int d
    if a.ndim != b.ndim:
        return False
    for d in range(a.ndim):
        if a.shape[d] != b.shape[d]:
            return False
    return True
