"""Matrix products, and the sums that come with them.

    product     C (M, N) = [C +] A (M, K) B (K, N) [+ bias (N,)]
    products    C (batch, M, N) = [C +] A (batch, M, K) B (batch, K, N), each with its own
    column_sums out (N,) = sum over rows of A (M, N), added in double in the order of the rows
A and B may have any strides, so A B^T and A^T B are products with exchanged strides.

K is cut into pieces that depend on K alone. Each piece is one chain of multiply-adds, the pieces
are added to C in order, and the bias comes last. Nothing else decides the bits of an element (see
common_gemm.pxd). A part owns a rectangle of C, and all of K for it.

Panels of B are packed, some at a time, so that they stay in the second level cache while all rows
of A meet them. For few rows packing does not pay: B is read in place then, panel after panel, and
for one row line after line. A is read in place if its rows are contiguous, else it is packed, too.
"""
from cpython.pycapsule cimport PyCapsule_New
from cython.parallel cimport prange
from libc.string cimport memcpy

from common_checks cimport check_fit, has_shape2, has_shape3, plain_rows
from common_gemm cimport (FLOAT_COLUMNS, TILE_FMA, TILE_ROWS, aligned_alloc, aligned_free,
                          multiply_row, n_panels, pack_range, panel_columns, tile, tile_in_place)
from common_parallel cimport part_begin, use_pool
from common_types cimport real_t

cdef extern from "gemm_tile_code.h" nogil:
    const void* fw_tiles_here "&fw_tiles_here"
    void fw_use_tiles(const void* tiles)
    # At least n multiply-adds of vectors, rounded up to a multiple of the tile's.
    float fw_registers_float(Py_ssize_t n, float start) noexcept

cdef enum:
    K_PIECE = 384           # rows of a packed panel: 48 KB of it on v4, 24 KB on v3
    PANELS = 8              # panels packed at a time
    PACKED_ROWS = 960       # rows of A packed at a time
    IN_PLACE_ROWS = 120     # rows of A up to which B is read in place
    SUMS = 1024             # columns added up at a time: 8 KB of sums
    FEW = 8                 # rows read at once
    CUT = 32                # columns per part are a multiple of this


cdef struct Plan:
    Py_ssize_t M, N, K
    Py_ssize_t ldc, a_rs, a_cs, b_rs, b_cs      # strides in elements
    Py_ssize_t mc, nc, kc                       # rows of A packed, panels and elements of K at once
    Py_ssize_t parts_m, parts_n                 # C is cut into parts_m x parts_n rectangles
    bint a_packed, b_in_place


cdef inline Py_ssize_t n_pieces(Py_ssize_t n, Py_ssize_t most) noexcept nogil:
    return (n + most - 1) // most


cdef inline Py_ssize_t even_piece(Py_ssize_t n, Py_ssize_t most) noexcept nogil:
    """Return the size of the fewest and most equal pieces of n, n > 0."""
    return n_pieces(n, n_pieces(n, most))


cdef inline bint in_place(const real_t* B, const Plan* plan, Py_ssize_t j) noexcept nogil:
    """Tell whether panel j of B can be read in place, as its rows are whole vectors."""
    cdef Py_ssize_t NR = panel_columns(B), n = plan.N - j * NR
    return plan.b_in_place and (n >= NR or n == NR // 2)


cdef void cut_into_parts(Plan* plan, Py_ssize_t tiles, Py_ssize_t panels, Py_ssize_t NR,
                         Py_ssize_t n_parts) noexcept nogil:
    """Cut C into the rectangles for which the largest part has the fewest tiles.

    Tiles are counted in halves, as the last panel may be half a one. Among equal cuts the one of
    columns is taken, so that B is read once.
    """
    cdef Py_ssize_t m, n, halves, size, least = -1
    for m in range(1, min(n_parts, tiles) + 1):
        if n_parts % m:
            continue
        n = n_parts // m
        halves = n_pieces(plan.N, NR // 2) if n == 1 else 2 * n_pieces(panels, n)
        size = n_pieces(tiles, m) * halves
        if least < 0 or size < least:
            least, plan.parts_m, plan.parts_n = size, m, n


cdef void pack_tiles(real_t* to, const real_t* A, Py_ssize_t rs, Py_ssize_t cs,
                     Py_ssize_t rows, Py_ssize_t K) noexcept nogil:
    """Pack rows of A as tiles one after the other, each (K, TILE_ROWS)."""
    cdef Py_ssize_t i = 0, k, r
    while i < rows:
        if rs == 1 and i + TILE_ROWS <= rows:
            for k in range(K):
                memcpy(to + k * TILE_ROWS, A + k * cs + i, TILE_ROWS * sizeof(real_t))
        else:
            for k in range(K):
                for r in range(min(<Py_ssize_t> TILE_ROWS, rows - i)):
                    to[k * TILE_ROWS + r] = A[k * cs + (i + r) * rs]
        to += K * TILE_ROWS
        i += TILE_ROWS


cdef void block(real_t* C, const real_t* A, Py_ssize_t a_rs, Py_ssize_t a_cs, Py_ssize_t a_step,
                const real_t* B, const real_t* packed, const real_t* bias, bint accumulate,
                const Plan* plan, Py_ssize_t rows, Py_ssize_t K,
                Py_ssize_t j_lo, Py_ssize_t j_hi) noexcept nogil:
    """Multiply some rows, panels [j_lo, j_hi), one piece of K; tiles of A are a_step apart."""
    cdef Py_ssize_t NR = panel_columns(B), i = 0, j, height, n
    cdef const real_t* added
    cdef real_t* out
    while i < rows:
        height = min(<Py_ssize_t> TILE_ROWS, rows - i)
        for j in range(j_lo, j_hi):
            n = min(NR, plan.N - j * NR)
            out = C + i * plan.ldc + j * NR
            added = bias + j * NR if bias != NULL else NULL
            if in_place(B, plan, j):
                tile_in_place(out, plan.ldc, height, n, A, a_rs, a_cs, B + j * NR, plan.b_rs, K,
                              accumulate, added)
            else:
                tile(out, plan.ldc, height, n, A, a_rs, a_cs, packed + (j - j_lo) * K * NR, K,
                     accumulate, added)
        A += a_step
        i += TILE_ROWS


cdef void rectangle(real_t* C, const real_t* A, const real_t* B, const real_t* bias,
                    bint accumulate, const Plan* plan, real_t* scratch,
                    Py_ssize_t i_lo, Py_ssize_t i_hi,
                    Py_ssize_t j_lo, Py_ssize_t j_hi) noexcept nogil:
    """Compute rows [i_lo, i_hi) of C, panels [j_lo, j_hi)."""
    cdef Py_ssize_t NR = panel_columns(B), i = i_lo, rows, j, last, k, K, a_step
    cdef Py_ssize_t a_rs = plan.a_rs, a_cs = plan.a_cs
    cdef real_t* packed_b = scratch + plan.mc * plan.kc
    cdef const real_t* a
    cdef const real_t* b
    cdef const real_t* last_bias
    if plan.a_packed:
        a_rs, a_cs = 1, TILE_ROWS
    while i < i_hi:
        rows = min(plan.mc, i_hi - i) if plan.a_packed else i_hi - i
        k = 0
        while True:                             # runs once if K is 0
            K = min(plan.kc, plan.K - k)
            a, a_step = A + i * plan.a_rs + k * plan.a_cs, TILE_ROWS * plan.a_rs
            if plan.a_packed:
                pack_tiles(scratch, a, plan.a_rs, plan.a_cs, rows, K)
                a, a_step = scratch, TILE_ROWS * K
            last_bias = bias if k + K == plan.K else NULL
            if plan.M == 1 and plan.b_in_place:
                multiply_row(C + j_lo * NR, min(plan.N, j_hi * NR) - j_lo * NR,
                             A + k * plan.a_cs, plan.a_cs, B + k * plan.b_rs + j_lo * NR,
                             plan.b_rs, K, accumulate or k > 0,
                             last_bias + j_lo * NR if last_bias != NULL else NULL)
                k += K
                if k == plan.K:
                    break
                continue
            j = j_lo
            while j < j_hi:
                last = min(j + plan.nc, j_hi)
                b = B + k * plan.b_rs
                if not in_place(B, plan, last - 1):
                    pack_range(packed_b, b + j * NR * plan.b_cs, plan.b_rs, plan.b_cs, K,
                               plan.N - j * NR, 0, last - j)
                block(C + i * plan.ldc, a, a_rs, a_cs, a_step, b, packed_b, last_bias,
                      accumulate or k > 0, plan, rows, K, j, last)
                j = last
            k += K
            if k == plan.K:
                break
        i += rows


cdef Py_ssize_t make_plan(Plan* plan, const real_t* any_pointer, Py_ssize_t n_parts) noexcept nogil:
    """Derive the cut from sizes and strides; return the elements of scratch per part."""
    cdef Py_ssize_t NR = panel_columns(any_pointer), panels = n_panels(any_pointer, plan.N)
    cdef Py_ssize_t tiles = n_pieces(plan.M, TILE_ROWS)
    cut_into_parts(plan, tiles, panels, NR, n_parts)
    plan.a_packed = plan.a_cs != 1 and plan.K > 1 and plan.M > 1
    plan.b_in_place = plan.b_cs == 1 and plan.M <= IN_PLACE_ROWS
    plan.kc = plan.K if plan.K <= K_PIECE else (even_piece(plan.K, K_PIECE) + 7) // 8 * 8
    plan.nc = 1
    if not plan.b_in_place:
        plan.nc = even_piece(n_pieces(panels, plan.parts_n), PANELS)
    plan.mc = 0
    if plan.a_packed:
        plan.mc = even_piece(n_pieces(tiles, plan.parts_m), PACKED_ROWS // TILE_ROWS) * TILE_ROWS
    return ((plan.mc + plan.nc * NR) * plan.kc + 15) // 16 * 16


def product(real_t[:, :] C,             # OUT (M, N) rows contiguous
            const real_t[:, :] A,       # IN  (M, K)
            const real_t[:, :] B,       # IN  (K, N)
            const real_t[:] bias,       # IN  (N,) contiguous, or None
            bint accumulate,
            Py_ssize_t n_parts):
    """Compute C = [C +] A B [+ bias]."""
    cdef const real_t* added = NULL
    cdef const real_t* a
    cdef const real_t* b
    cdef Py_ssize_t size = sizeof(real_t), p, tiles, panels, part_size
    cdef real_t* scratch
    cdef Plan plan
    check_fit("product", A.shape[0] == C.shape[0] and
              has_shape2(B.shape, A.shape[1], C.shape[1]) and
              (bias is None or (bias.shape[0] == C.shape[1] and bias.strides[0] == size)) and
              (C.shape[1] < 2 or C.strides[1] == size))
    plan.M, plan.N, plan.K, plan.ldc = C.shape[0], C.shape[1], A.shape[1], C.strides[0] // size
    plan.a_rs, plan.a_cs = A.strides[0] // size, A.strides[1] // size
    plan.b_rs, plan.b_cs = B.strides[0] // size, B.strides[1] // size
    if plan.M == 0 or plan.N == 0:
        return
    a = b = &C[0, 0]            # not read if K is 0
    if plan.K:
        a, b = &A[0, 0], &B[0, 0]
    if bias is not None:
        added = &bias[0]
    tiles, panels = n_pieces(plan.M, TILE_ROWS), n_panels(a, plan.N)
    part_size = make_plan(&plan, a, n_parts)
    scratch = <real_t*> aligned_alloc(n_parts * part_size * size)
    if scratch == NULL:
        raise MemoryError
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            rectangle(&C[0, 0], a, b, added, accumulate, &plan, scratch + p * part_size,
                      min(plan.M, TILE_ROWS * part_begin(p // plan.parts_n, plan.parts_m, tiles)),
                      min(plan.M, TILE_ROWS * part_begin(p // plan.parts_n + 1, plan.parts_m,
                                                         tiles)),
                      part_begin(p % plan.parts_n, plan.parts_n, panels),
                      part_begin(p % plan.parts_n + 1, plan.parts_n, panels))
    aligned_free(scratch)


cdef void products_range(real_t* C, const real_t* A, const real_t* B, bint accumulate,
                         const Plan* plan, real_t* scratch, Py_ssize_t c_step, Py_ssize_t a_step,
                         Py_ssize_t b_step, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Compute products [lo, hi) of a batch, one after the other."""
    cdef Py_ssize_t n, panels = n_panels(A, plan.N)
    for n in range(lo, hi):
        rectangle(C + n * c_step, A + n * a_step, B + n * b_step, <const real_t*> NULL,
                  accumulate, plan, scratch, 0, plan.M, 0, panels)


def products(real_t[:, :, :] C,         # OUT (batch, M, N) rows contiguous
             const real_t[:, :, :] A,   # IN  (batch, M, K)
             const real_t[:, :, :] B,   # IN  (batch, K, N)
             bint accumulate,
             Py_ssize_t n_parts):
    """Compute C[i] = [C[i] +] A[i] B[i] for each i."""
    cdef const real_t* a
    cdef const real_t* b
    cdef Py_ssize_t size = sizeof(real_t), batch = C.shape[0], p, part_size
    cdef Py_ssize_t c_step = C.strides[0] // size, a_step = A.strides[0] // size
    cdef Py_ssize_t b_step = B.strides[0] // size
    cdef real_t* scratch
    cdef Plan plan
    check_fit("products", has_shape2(A.shape, batch, C.shape[1]) and
              has_shape3(B.shape, batch, A.shape[2], C.shape[2]) and
              (C.shape[2] < 2 or C.strides[2] == size))
    plan.M, plan.N, plan.K, plan.ldc = C.shape[1], C.shape[2], A.shape[2], C.strides[1] // size
    plan.a_rs, plan.a_cs = A.strides[1] // size, A.strides[2] // size
    plan.b_rs, plan.b_cs = B.strides[1] // size, B.strides[2] // size
    if batch == 0 or plan.M == 0 or plan.N == 0:
        return
    a = b = &C[0, 0, 0]         # not read if K is 0
    if plan.K:
        a, b = &A[0, 0, 0], &B[0, 0, 0]
    part_size = make_plan(&plan, a, 1)
    scratch = <real_t*> aligned_alloc(n_parts * part_size * size)
    if scratch == NULL:
        raise MemoryError
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            products_range(&C[0, 0, 0], a, b, accumulate, &plan, scratch + p * part_size, c_step,
                           a_step, b_step, part_begin(p, n_parts, batch),
                           part_begin(p + 1, n_parts, batch))
    aligned_free(scratch)


cdef void column_sums_range(real_t* out, const real_t* A, Py_ssize_t ld, Py_ssize_t M,
                            Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Sum columns [lo, hi) in strips of SUMS, from top to bottom, FEW rows at a time.

    A strip is wide enough for each row of it to be read as a stream; FEW rows share one load and
    one store of the sums.
    """
    cdef double sums[SUMS]
    cdef double s
    cdef Py_ssize_t i, j = lo, d, k, n
    cdef const real_t* row
    while j < hi:
        n = min(<Py_ssize_t> SUMS, hi - j)
        for d in range(n):
            sums[d] = 0
        i = 0
        while i + FEW <= M:
            row = A + i * ld + j
            for d in range(n):
                s = sums[d]
                for k in range(FEW):
                    s += <double> row[k * ld + d]
                sums[d] = s
            i += FEW
        while i < M:
            row = A + i * ld + j
            for d in range(n):
                sums[d] += <double> row[d]
            i += 1
        for d in range(n):
            out[j + d] = <real_t> sums[d]
        j += n


def column_sums(real_t[::1] out,            # OUT (N,)
                const real_t[:, :] A,       # IN  (M, N) rows contiguous
                Py_ssize_t n_parts):
    """Sum A over its rows."""
    cdef Py_ssize_t M = A.shape[0], N = A.shape[1], p, columns
    check_fit("column_sums", out.shape[0] == N and plain_rows(A.shape, A.strides, sizeof(real_t)))
    if M == 0 or N == 0:
        for p in range(N):
            out[p] = 0
        return
    columns = n_pieces(N, CUT)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            column_sums_range(&out[0], &A[0, 0],
                              A.strides[0] // <Py_ssize_t> sizeof(real_t), M,
                              min(N, CUT * part_begin(p, n_parts, columns)),
                              min(N, CUT * part_begin(p + 1, n_parts, columns)))


def only_registers(float[::1] out,      # OUT (n_parts,) meaningless results
                   Py_ssize_t n,
                   Py_ssize_t n_parts):
    """Run n multiply-adds of float32 in registers, a lower bound of the time of any product."""
    cdef Py_ssize_t p, lanes = FLOAT_COLUMNS // 2
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            out[p] = fw_registers_float(n // (n_parts * lanes), out[p])


def fused():
    """Tell whether the tile is made of fused multiply-adds of wide vectors."""
    return bool(TILE_FMA)


use_pool()

# The argument of `use_tiles` in common_gemm.pxd.
_tiles = PyCapsule_New(<void*> fw_tiles_here, "fastw2v._kernels._gemm._tiles", NULL)
fw_use_tiles(fw_tiles_here)
