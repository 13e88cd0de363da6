"""What the recurrent kernels share: activations over runs, and how a step is cut.

A step multiplies the states of N rows by the recurrent weights and then runs element by element.
It is cut in one of two ways, which give the same bits:

    by rows     a part owns some rows and takes them through all steps without waiting for anybody.
                The packed weights go round in each core's own cache, so they have to fit there.
    by units    a part owns some units of all rows; a parallel loop for each step. Each core reads
                only its share of the weights.

States that the next step multiplies lie in a buffer of their own, two of them in turn, with rows
of `row_stride` elements: in the sequences themselves the rows of a step may be a multiple of 4 KB
apart, and then evict each other from the first level cache.
"""
from libc.stdint cimport int64_t

from common_gemm cimport multiply, n_panels, panel_columns
from common_math cimport sigmoid, tanh
from common_parallel cimport part_begin
from common_types cimport real_t

cdef enum:
    CHUNK = 64      # units whose intermediate values lie on the stack

# What stands in for the sigmoid of the gates, the numbers that Python passes.
cdef enum Gate:
    SIGMOID, HARD_KERAS2, HARD_KERAS3


cdef inline Py_ssize_t row_stride(Py_ssize_t n) noexcept nogil:
    """Whole cache lines, and no multiple of 1 KB: elements of n states."""
    cdef Py_ssize_t stride = (n + 15) // 16 * 16
    return stride + 16 if stride % 128 == 0 else stride


cdef inline Py_ssize_t first_unit(Py_ssize_t p, Py_ssize_t n_parts, const real_t* any_pointer,
                                  Py_ssize_t H) noexcept nogil:
    """First unit of part p by units: a multiple of the panel's width, or H."""
    cdef Py_ssize_t u = (part_begin(p, n_parts, n_panels(any_pointer, H))
                         * panel_columns(any_pointer))
    return u if u < H else H


cdef inline bint present(const int64_t* lengths, Py_ssize_t n, Py_ssize_t t) noexcept nogil:
    """Whether row n has step t; NULL: all have all."""
    return lengths == NULL or t < lengths[n]


cdef inline void multiply_gates(real_t* out, Py_ssize_t ldo, Py_ssize_t rows, Py_ssize_t H,
                                Py_ssize_t n_gates, Py_ssize_t begin, Py_ssize_t end, bint by_units,
                                const real_t* h, Py_ssize_t ldh,
                                const real_t* packed) noexcept nogil:
    """out (rows, n_gates * H) += h (rows, H) W, units [begin, end) of each gate.

    By units each gate's columns are packed for themselves, so that a unit's gates are found at
    whole panels; by rows all columns are one matrix, without the half-filled panels in between.
    """
    cdef Py_ssize_t NR = panel_columns(packed), g, size = n_panels(packed, H) * NR * H
    if not by_units:
        multiply(out, ldo, rows, n_gates * H, h, ldh, 1, packed, H, True, <const real_t*> NULL)
        return
    for g in range(n_gates):
        multiply(out + g * H + begin, ldo, rows, end - begin, h, ldh, 1,
                 packed + g * size + begin * H, H, True, <const real_t*> NULL)


cdef inline void gate_run(real_t* x, Py_ssize_t n, int kind) noexcept nogil:
    """The gates' activation, in place."""
    cdef Py_ssize_t i
    cdef real_t zero = 0, one = 1, y
    cdef real_t slope = <real_t> 0.2, middle = <real_t> 0.5, three = 3, six = 6
    if kind == SIGMOID:
        for i in range(n):
            x[i] = sigmoid(x[i])
    elif kind == HARD_KERAS2:
        for i in range(n):
            y = slope * x[i] + middle
            y = zero if y < zero else y         # NaN fails both comparisons and stays
            x[i] = one if y > one else y
    else:
        for i in range(n):
            y = x[i] + three
            y = zero if y < zero else y
            y = six if y > six else y
            x[i] = y / six


cdef inline void gate_slopes(real_t* out, const real_t* y, Py_ssize_t n, int kind) noexcept nogil:
    """The derivative of the gates' activation, from its value. `out` is the caller's own."""
    cdef Py_ssize_t i
    cdef real_t zero = 0, one = 1, slope
    if kind == SIGMOID:
        for i in range(n):
            out[i] = y[i] * (one - y[i])
        return
    slope = <real_t> 0.2 if kind == HARD_KERAS2 else one / 6
    for i in range(n):
        out[i] = slope if y[i] > zero and y[i] < one else zero


cdef inline void tanh_run(real_t* out, const real_t* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = tanh(x[i])
