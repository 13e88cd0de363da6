"""Small calls: entries that take the objects of a layer, and check them in C.

A layer asks such an entry first. Its name begins with `try_`. It returns the layer's result, or
None, with nothing changed, wherever it does not know that it computes what the general path of the
layer would, bit for bit: another type or layout, shapes that do not fit, work worth a second
thread. The general path then checks, raises or computes. So these entries hold the GIL, raise no
errors of their own and need not be fast for large arrays. Each module that has one calls
`use_arrays()` once, at its end.
"""
from libc.stdint cimport int32_t, int64_t

from common_types cimport index_t

cdef extern from "arrays.h":
    enum:
        FLOAT "FW_FLOAT"
        DOUBLE "FW_DOUBLE"
        INT32 "FW_INT32"
        INT64 "FW_INT64"
        UINT8 "FW_UINT8"
        IDS_STAY "FW_IDS_STAY"          # whether no other thread runs during an entry
    ctypedef struct Array "fw_array":
        char* data
        Py_ssize_t n                    # elements
        Py_ssize_t shape[4]
        Py_ssize_t strides[4]           # in elements
        int ndim
        int type                        # one of the five
        bint packed                     # C-contiguous
        bint writable
    # Describe an ndarray, no subclass, of these types; False for any other object.
    bint read "fw_read"(object x, Array* a) noexcept
    # The same for an ndarray or a subclass.
    bint read_any "fw_read_any"(object x, Array* a) noexcept
    # The same as `read` for numbers anywhere in memory, which are read with memcpy.
    bint read_anywhere "fw_read_anywhere"(object x, Array* a) noexcept
    # Return a new array, not set to anything, and describe it.
    object new_array "fw_new"(int type, int ndim, const Py_ssize_t* shape, Array* a)
    # Return a number as numpy's scalar: FLOAT or DOUBLE.
    object scalar "fw_scalar"(int type, double value)
    # Read a Python int or float, no subclass, that a double holds; False for any other object.
    bint read_number "fw_read_number"(object x, double* value) noexcept
    bint overlap "fw_overlap"(const Array* a, const Array* b) noexcept
    # Tell whether work of these nanoseconds is done at once, on the caller's thread.
    bint is_small "fw_is_small"(double ns) noexcept
    int use_arrays "fw_use_arrays"() except -1


cdef inline bint read_floats(object x, Array* a) noexcept:
    """Describe an ndarray of float32 or float64; False for any other object."""
    return read(x, a) and (a.type == FLOAT or a.type == DOUBLE)


cdef inline bint read_ids(object x, Array* a) noexcept:
    """Describe a C-contiguous ndarray of int32 or int64; False for any other object.

    It refuses all on a Python without the global lock: an id might change after its check.
    """
    return IDS_STAY and read(x, a) and a.packed and (a.type == INT32 or a.type == INT64)


cdef inline bint read_list(object x, int type, Array* a) noexcept:
    """Describe a C-contiguous vector of this type; False for any other object."""
    return read(x, a) and a.type == type and a.packed and a.ndim == 1


cdef inline bint has_rows(const Array* W) noexcept:
    """Tell whether W is (R, C), not empty, its rows contiguous and in order."""
    return (W.ndim == 2 and W.n > 0 and (W.strides[1] == 1 or W.shape[1] == 1)
            and (W.strides[0] >= W.shape[1] or W.shape[0] == 1))


cdef inline bint same_shape(const Array* a, const Array* b) noexcept:
    cdef int d
    if a.ndim != b.ndim:
        return False
    for d in range(a.ndim):
        if a.shape[d] != b.shape[d]:
            return False
    return True


cdef inline bint in_range(const index_t* ids, Py_ssize_t n, Py_ssize_t V) noexcept:
    """Tell whether all ids are in [0, V)."""
    cdef Py_ssize_t i
    cdef bint outside = False
    for i in range(n):
        outside |= ids[i] < 0 or <Py_ssize_t> ids[i] >= V
    return not outside


cdef inline bint ids_below(const Array* ids, Py_ssize_t V) noexcept:
    """Tell whether all ids of an array from `read_ids` are in [0, V)."""
    if ids.type == INT32:
        return in_range(<const int32_t*> ids.data, ids.n, V)
    return in_range(<const int64_t*> ids.data, ids.n, V)
