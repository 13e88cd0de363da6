"""The activations of the recurrent kernels, and the cut of their work.

A step multiplies the states of N rows by the recurrent weights and then runs element by element.
It is cut in one of two ways, which give the same bits:

    by rows     a part owns some rows and takes them through all steps without waiting for others.
                Each core reads all packed weights again and again, so its cache has to hold them.
    by units    a part owns some units of all rows; a parallel loop for each turn. Each core reads
                only its share of the weights.

A turn needs all units of the turn before and nothing else. It is a step, or half a step where a
cell has two products one after the other. Kernels are ranges over a `Share`, the work of one part
in one parallel loop:

    for k in range(n_loops(turns, by_units)):
        for p in prange(n_parts, ...):
            x_range(..., share(k, p, n_parts, turns, N, H, by_units, packed))

By rows, a part takes no more rows at once than a tile has through all its turns, so that their
states stay in the first level cache (`block_of`). If the weights are too many for the second level,
it takes all of its rows through a turn before the next, so that they come once a turn.

Cells work on LANES units at a time, in arrays of the stack: these cannot overlap the output of a
loop, and the compiler knows their length. For float32 they are registers where there are wide
vectors (recurrent_simd.h).

States that the next turn multiplies lie in a buffer of their own, with rows of `row_stride`
elements: in the sequences themselves the rows of a step may be a multiple of 4 KB apart, and then
evict each other from the first level cache.
"""
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from common_gemm cimport (multiply, multiply_row, multiply_row_turned, n_panels, pack_range,
                          packed_size, panel_columns, tile_rows)
from common_math cimport LANES, sigmoid_run
from common_parallel cimport part_begin
from common_types cimport real_t

# The activation of the gates; _gru.pyx exports these numbers.
cdef enum Gate:
    SIGMOID, HARD_KERAS2, HARD_KERAS3

cdef enum:
    # Bytes of the weights of a gate up to which a core reads all gates from its second level cache.
    GATE_BYTES = 3 << 16
    IN_PLACE_READS = 2      # of the weights, up to which backward does not pack them

cdef struct Share:
    Py_ssize_t first, last      # turns
    Py_ssize_t lo, hi           # rows
    Py_ssize_t at_once          # most rows that go through all turns together
    Py_ssize_t begin, end       # units


cdef inline Py_ssize_t row_stride(Py_ssize_t n) noexcept nogil:
    """Return the elements from row to row of n states: whole lines, no multiple of 1 KB."""
    cdef Py_ssize_t stride = (n + 15) // 16 * 16
    return stride + 16 if stride % 128 == 0 else stride


cdef inline Py_ssize_t first_unit(Py_ssize_t p, Py_ssize_t n_parts, const real_t* any_pointer,
                                  Py_ssize_t H) noexcept nogil:
    """Return the first unit of part p by units, a multiple of the panel's width, or H."""
    cdef Py_ssize_t u = (part_begin(p, n_parts, n_panels(any_pointer, H))
                         * panel_columns(any_pointer))
    return u if u < H else H


cdef inline Py_ssize_t n_loops(Py_ssize_t turns, bint by_units) noexcept nogil:
    """Return the number of parallel loops, one after the other, that run all turns."""
    return turns if by_units else 1


cdef inline Share share(Py_ssize_t k, Py_ssize_t p, Py_ssize_t n_parts, Py_ssize_t turns,
                        Py_ssize_t N, Py_ssize_t H, bint by_units,
                        const real_t* any_pointer) noexcept nogil:
    """Return the share of part p in parallel loop k."""
    cdef Share part
    part.at_once = N
    if by_units:
        part.first, part.last = k, k + 1
        part.lo, part.hi = 0, N
        part.begin = first_unit(p, n_parts, any_pointer, H)
        part.end = first_unit(p + 1, n_parts, any_pointer, H)
    else:
        part.first, part.last = 0, turns
        part.lo, part.hi = part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N)
        part.begin, part.end = 0, H
        if H * H * <Py_ssize_t> sizeof(real_t) <= GATE_BYTES:
            part.at_once = tile_rows()
    return part


cdef inline Py_ssize_t n_blocks(Share part, bint by_units) noexcept nogil:
    """Return the number of blocks of rows that a part takes through its turns in order."""
    cdef Py_ssize_t rows = part.hi - part.lo
    return 1 if by_units else (rows + part.at_once - 1) // part.at_once


cdef inline Share block_of(Share part, Py_ssize_t block, bint by_units) noexcept nogil:
    """Return one block of a share as a share of its own."""
    cdef Share one = part
    cdef Py_ssize_t n = n_blocks(part, by_units), rows = part.hi - part.lo
    one.lo = part.lo + part_begin(block, n, rows)
    one.hi = part.lo + part_begin(block + 1, n, rows)
    return one


cdef inline bint present(const int64_t* lengths, Py_ssize_t n, Py_ssize_t t) noexcept nogil:
    """Tell whether row n has step t; lengths NULL means that every row has all steps."""
    return lengths == NULL or t < lengths[n]


cdef inline void copy_rows(real_t* out, Py_ssize_t ldo, const real_t* x, Py_ssize_t ldx,
                           Py_ssize_t rows, Py_ssize_t n) noexcept nogil:
    """Copy out[r, :n] = x[r, :n] for rows ldo and ldx elements apart."""
    cdef Py_ssize_t r
    for r in range(rows):
        memcpy(out + r * ldo, x + r * ldx, n * sizeof(real_t))


cdef inline void pack_part(real_t* packed, const real_t* W, Py_ssize_t rs, Py_ssize_t cs,
                           Py_ssize_t K, Py_ssize_t N, Py_ssize_t p,
                           Py_ssize_t n_parts) noexcept nogil:
    """Pack the panels of W (K, N) that part p packs; by units it also multiplies by them."""
    cdef Py_ssize_t panels = n_panels(W, N)
    pack_range(packed, W, rs, cs, K, N, part_begin(p, n_parts, panels),
               part_begin(p + 1, n_parts, panels))


cdef inline void pack_gates_part(real_t* packed, const real_t* W, Py_ssize_t rs, Py_ssize_t cs,
                                 Py_ssize_t H, Py_ssize_t n_gates, bint by_units, Py_ssize_t p,
                                 Py_ssize_t n_parts) noexcept nogil:
    """Pack part p of W (H, n_gates * H) into n_gates * packed_size(H, H) elements or less.

    By units each gate's columns are packed separately, so that a unit's gates lie in whole panels.
    By rows all columns are one matrix, without half-filled panels in between.
    """
    cdef Py_ssize_t g
    if not by_units:
        pack_part(packed, W, rs, cs, H, n_gates * H, p, n_parts)
        return
    for g in range(n_gates):
        pack_part(packed + g * packed_size(packed, H, H), W + g * H * cs, rs, cs, H, H, p, n_parts)


cdef inline bint in_place(Py_ssize_t N, Py_ssize_t cs) noexcept nogil:
    """Tell whether forward reads the weights in place, as packing costs more for few rows."""
    return N <= 2 and cs == 1


cdef inline void multiply_gates(real_t* out, Py_ssize_t ldo, const real_t* h, Py_ssize_t ldh,
                                const real_t* packed, const real_t* W, Py_ssize_t ldw,
                                Py_ssize_t H, Py_ssize_t n_gates, bint by_units,
                                Share part) noexcept nogil:
    """Add h (N, H) W to out (N, n_gates * H), rows and units (of each gate) of the part.

    W is packed; if `packed` is NULL it is read in place, rows ldw apart.
    """
    cdef Py_ssize_t rows = part.hi - part.lo, g, n, at
    cdef const real_t* none = NULL
    out += part.lo * ldo
    h += part.lo * ldh
    if packed == NULL:
        for n in range(rows):
            if by_units:
                for g in range(n_gates):
                    at = g * H + part.begin
                    multiply_row(out + n * ldo + at, part.end - part.begin, h + n * ldh, 1,
                                 W + at, ldw, H, True, none)
            else:
                multiply_row(out + n * ldo, n_gates * H, h + n * ldh, 1, W, ldw, H, True, none)
        return
    if not by_units:
        multiply(out, ldo, rows, n_gates * H, h, ldh, 1, packed, H, True, none)
        return
    for g in range(n_gates):
        multiply(out + g * H + part.begin, ldo, rows, part.end - part.begin, h, ldh, 1,
                 packed + g * packed_size(packed, H, H) + part.begin * H, H, True, none)


cdef inline Py_ssize_t step_in_place(Py_ssize_t N, Py_ssize_t T, const real_t[:, :] W) noexcept:
    """Return the elements from row to row of W if backward reads W^T in place, else 0.

    It reads W^T N * T times; to turn squares of it each time costs less than packing for few.
    """
    if N * T > IN_PLACE_READS or W.strides[1] != sizeof(real_t):
        return 0
    return W.strides[0] // <Py_ssize_t> sizeof(real_t)


cdef inline void multiply_turned(real_t* out, const real_t* da, Py_ssize_t ld,
                                 const real_t* turned, Py_ssize_t step, Py_ssize_t K,
                                 Py_ssize_t H, bint accumulate, Share part) noexcept nogil:
    """Compute out (N, H) = [out +] da (N, K) W^T, rows and units of the part.

    da has rows ld elements apart. `turned` is W^T packed if `step` is 0, else W (H, K) itself, rows
    `step` apart.
    """
    cdef Py_ssize_t n, width = part.end - part.begin
    cdef const real_t* none = NULL
    if step == 0:
        multiply(out + part.lo * H + part.begin, H, part.hi - part.lo, width, da + part.lo * ld,
                 ld, 1, turned + part.begin * K, K, accumulate, none)
        return
    for n in range(part.lo, part.hi):
        multiply_row_turned(out + n * H + part.begin, width, da + n * ld, 1,
                            turned + part.begin * step, step, K, accumulate, none)


cdef inline void pull(real_t* dh, real_t* flow, const real_t* da, Py_ssize_t ld,
                      const real_t* turned, Py_ssize_t step, Py_ssize_t K,
                      const int64_t* lengths, Py_ssize_t H, Py_ssize_t t, bint accumulate,
                      Share part) noexcept nogil:
    """Compute dh (N, H) = [flow +] da W^T of step t, where a row has that step.

    flow (N, H) is scratch, or dh itself if every row has all steps: a copy is then saved, and with
    it the wait until the stores of memcpy, which begin elsewhere than the vectors of the cell, have
    reached the cache. The others are those of `multiply_turned`.
    """
    cdef Py_ssize_t n, width = part.end - part.begin
    multiply_turned(flow, da, ld, turned, step, K, H, accumulate, part)
    if flow == dh:
        return
    for n in range(part.lo, part.hi):
        if present(lengths, n, t):
            memcpy(dh + n * H + part.begin, flow + n * H + part.begin, width * sizeof(real_t))


cdef inline void take(real_t* to, const real_t* x, Py_ssize_t n) noexcept nogil:
    """Copy n <= LANES elements into an array of LANES, zeros after them."""
    if n == LANES:
        memcpy(to, x, LANES * sizeof(real_t))
    else:
        memset(to, 0, LANES * sizeof(real_t))
        memcpy(to, x, n * sizeof(real_t))


cdef inline void put(real_t* to, const real_t* x, Py_ssize_t n) noexcept nogil:
    """Copy the first n <= LANES elements of an array of LANES."""
    if n == LANES:
        memcpy(to, x, LANES * sizeof(real_t))
    else:
        memcpy(to, x, n * sizeof(real_t))


cdef inline void gate(real_t* x, int kind) noexcept nogil:
    """Apply the gates' activation to LANES elements in place."""
    cdef Py_ssize_t i
    cdef real_t zero = 0, one = 1, y
    cdef real_t slope = <real_t> 0.2, middle = <real_t> 0.5, three = 3, six = 6
    if kind == SIGMOID:
        sigmoid_run(x, x, LANES)
    elif kind == HARD_KERAS2:
        for i in range(LANES):
            y = slope * x[i] + middle
            y = zero if y < zero else y         # NaN fails both comparisons and stays
            x[i] = one if y > one else y
    else:
        for i in range(LANES):
            y = x[i] + three
            y = zero if y < zero else y
            y = six if y > six else y
            x[i] = y / six


cdef inline void gate_slope(real_t* out, const real_t* y, int kind) noexcept nogil:
    """Compute the derivative of the gates' activation of LANES elements from its values."""
    cdef Py_ssize_t i
    cdef real_t zero = 0, one = 1, slope
    if kind == SIGMOID:
        for i in range(LANES):
            out[i] = y[i] * (one - y[i])
        return
    slope = <real_t> 0.2 if kind == HARD_KERAS2 else one / 6
    for i in range(LANES):
        out[i] = slope if y[i] > zero and y[i] < one else zero
