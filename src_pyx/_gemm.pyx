"""Matrix products.

    product     C (M, N) = [C +] A (M, K) B (K, N) [+ bias (N,)]
A and B may have any strides, so A B^T and A^T B are products with exchanged strides.

K is cut into pieces that depend on K alone. Each piece is one chain of multiply-adds, the pieces are
added to C in order, the bias comes last: nothing else decides the bits of an element (see
common_gemm.pxd). A part owns a rectangle of C, and all of K for it.
"""
from cython.parallel cimport prange
from libc.string cimport memcpy

from common_gemm cimport (TILE_FMA, TILE_ROWS, aligned_alloc, aligned_free, n_panels,
                          pack_columns, panel_columns, strided_tile, tile)
from common_parallel cimport part_begin, use_pool
from common_types cimport real_t

cdef enum:
    K_PIECE = 384       # most rows of a packed panel: 48 KB of it on v4, 24 on v3, of either type
    PANELS = 8          # panels packed at a time, which stay in the second level cache
    PACKED_ROWS = 960   # rows of A packed at a time, if it is read against its rows
    IN_PLACE_ROWS = 40  # packing B does not pay for fewer rows of A


cdef struct Plan:
    Py_ssize_t M, N, K
    Py_ssize_t ldc, a_rs, a_cs, b_rs, b_cs      # strides in elements
    Py_ssize_t kc, nc, mc                       # elements of K, panels and rows of A in a block
    Py_ssize_t parts_m, parts_n                 # C is cut into parts_m x parts_n rectangles
    bint a_packed, b_in_place


cdef inline Py_ssize_t n_pieces(Py_ssize_t n, Py_ssize_t most) noexcept nogil:
    return (n + most - 1) // most


cdef void cut_into_parts(Plan* plan, Py_ssize_t tiles, Py_ssize_t panels,
                         Py_ssize_t n_parts) noexcept nogil:
    """The rectangles for which the largest part has the fewest tiles."""
    cdef Py_ssize_t m, n, size, least = -1
    for m in range(1, n_parts + 1):
        if n_parts % m:
            continue
        n = n_parts // m
        size = n_pieces(tiles, m) * n_pieces(panels, n)
        if least < 0 or size < least:
            least, plan.parts_m, plan.parts_n = size, m, n


cdef void pack_rows(real_t* to, const real_t* A, Py_ssize_t rs, Py_ssize_t cs,
                    Py_ssize_t rows, Py_ssize_t K) noexcept nogil:
    """Tiles of A one after the other, each as (K, TILE_ROWS)."""
    cdef Py_ssize_t i = 0, k, r
    while i < rows:
        if rs == 1 and i + TILE_ROWS <= rows:
            for k in range(K):
                memcpy(to + k * TILE_ROWS, A + k * cs + i, TILE_ROWS * sizeof(real_t))
        else:
            for k in range(K):
                for r in range(TILE_ROWS if i + TILE_ROWS <= rows else rows - i):
                    to[k * TILE_ROWS + r] = A[k * cs + (i + r) * rs]
        to += K * TILE_ROWS
        i += TILE_ROWS


cdef void block(real_t* C, const real_t* A, Py_ssize_t a_rs, Py_ssize_t a_cs, Py_ssize_t a_step,
                const real_t* B, const real_t* packed, const real_t* bias, const Plan* plan,
                Py_ssize_t rows, Py_ssize_t K, Py_ssize_t j_lo, Py_ssize_t j_hi,
                bint accumulate) noexcept nogil:
    """Some rows of C in panels [j_lo, j_hi), for one piece of K; A a_step elements a tile apart."""
    cdef Py_ssize_t NR = panel_columns(B), i = 0, j, n, height
    while i < rows:
        height = TILE_ROWS if i + TILE_ROWS < rows else rows - i
        for j in range(j_lo, j_hi):
            n = NR if (j + 1) * NR < plan.N else plan.N - j * NR
            if readable_in_place(B, plan, j):
                strided_tile(C + i * plan.ldc + j * NR, plan.ldc, height, n, A, a_rs, a_cs,
                             B + j * NR, plan.b_rs, K, accumulate,
                             bias + j * NR if bias != NULL else NULL)
            else:
                tile(C + i * plan.ldc + j * NR, plan.ldc, height, n, A, a_rs, a_cs,
                     packed + (j - j_lo) * K * NR, K, accumulate,
                     bias + j * NR if bias != NULL else NULL)
        A += a_step
        i += TILE_ROWS


cdef inline bint readable_in_place(const real_t* B, const Plan* plan, Py_ssize_t j) noexcept nogil:
    """Whether panel j of B need not be packed: its rows are vectors that lie within B."""
    cdef Py_ssize_t NR = panel_columns(B), n = plan.N - j * NR
    return plan.b_in_place and (n >= NR or n == NR // 2)


cdef void rectangle(real_t* C, const real_t* A, const real_t* B, const real_t* bias,
                    bint accumulate, const Plan* plan, real_t* scratch,
                    Py_ssize_t i_lo, Py_ssize_t i_hi,
                    Py_ssize_t j_lo, Py_ssize_t j_hi) noexcept nogil:
    """Rows [i_lo, i_hi) of C in panels [j_lo, j_hi)."""
    cdef Py_ssize_t NR = panel_columns(B), i, j, p, k, rows, last, K
    cdef real_t* packed = scratch + plan.mc * plan.kc       # B; A lies before it, if it is packed
    i = i_lo
    while i < i_hi:
        rows = i_hi - i
        if plan.a_packed and rows > plan.mc:
            rows = plan.mc
        k = 0
        while True:                                         # once if K is 0
            K = plan.kc if k + plan.kc < plan.K else plan.K - k
            if plan.a_packed:
                pack_rows(scratch, A + i * plan.a_rs + k * plan.a_cs, plan.a_rs, plan.a_cs, rows, K)
            j = j_lo
            while j < j_hi:
                last = j + plan.nc if j + plan.nc < j_hi else j_hi
                for p in range(j, last):
                    if not readable_in_place(B, plan, p):
                        pack_columns(packed + (p - j) * K * NR, 0, NR,
                                     B + k * plan.b_rs + p * NR * plan.b_cs, plan.b_rs, plan.b_cs,
                                     K, plan.N - p * NR)
                if plan.a_packed:
                    block(C + i * plan.ldc, scratch, 1, TILE_ROWS, K * TILE_ROWS,
                          B + k * plan.b_rs, packed, bias if k + K == plan.K else NULL, plan,
                          rows, K, j, last, accumulate or k > 0)
                else:
                    block(C + i * plan.ldc, A + i * plan.a_rs + k * plan.a_cs, plan.a_rs,
                          plan.a_cs, TILE_ROWS * plan.a_rs,
                          B + k * plan.b_rs, packed, bias if k + K == plan.K else NULL, plan,
                          rows, K, j, last, accumulate or k > 0)
                j = last
            k += K
            if k == plan.K:
                break
        i += rows


def product(real_t[:, :] C,             # OUT (M, N) rows contiguous
            const real_t[:, :] A,       # IN  (M, K)
            const real_t[:, :] B,       # IN  (K, N)
            const real_t[:] bias,       # IN  (N,) contiguous, or None
            bint accumulate,
            Py_ssize_t n_parts):
    """C = [C +] A B [+ bias]."""
    cdef const real_t* a = NULL
    cdef const real_t* b = NULL
    cdef const real_t* added = NULL
    cdef Py_ssize_t size = sizeof(real_t), NR = panel_columns(a), p, tiles, panels, scratch_size
    cdef real_t* scratch
    cdef Plan plan
    plan.M, plan.N, plan.K, plan.ldc = C.shape[0], C.shape[1], A.shape[1], C.strides[0] // size
    plan.a_rs, plan.a_cs = A.strides[0] // size, A.strides[1] // size
    plan.b_rs, plan.b_cs = B.strides[0] // size, B.strides[1] // size
    if plan.M == 0 or plan.N == 0:
        return
    if plan.K:
        a, b = &A[0, 0], &B[0, 0]
    if bias is not None:
        added = &bias[0]
    tiles, panels = n_pieces(plan.M, TILE_ROWS), n_panels(a, plan.N)
    cut_into_parts(&plan, tiles, panels, n_parts)
    # Blocks of nearly equal size: a short last one would be packed for little use.
    plan.kc = plan.K
    if plan.K > K_PIECE:
        plan.kc = (n_pieces(plan.K, n_pieces(plan.K, K_PIECE)) + 7) // 8 * 8
    p = n_pieces(panels, plan.parts_n)
    plan.nc = n_pieces(p, n_pieces(p, PANELS))
    p = n_pieces(tiles, plan.parts_m)
    plan.mc = n_pieces(p, n_pieces(p, PACKED_ROWS // TILE_ROWS)) * TILE_ROWS
    plan.b_in_place = plan.b_cs == 1 and plan.M <= IN_PLACE_ROWS
    plan.a_packed = plan.a_cs != 1 and plan.K > 1
    if plan.b_in_place:
        plan.nc = 1
    if not plan.a_packed:
        plan.mc = 0
    scratch_size = (plan.mc * plan.kc + plan.nc * plan.kc * NR + 15) // 16 * 16
    scratch = <real_t*> aligned_alloc(n_parts * scratch_size * size)
    if scratch == NULL:
        raise MemoryError
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            rectangle(&C[0, 0], a, b, added, accumulate, &plan, scratch + p * scratch_size,
                      min(plan.M, TILE_ROWS * part_begin(p // plan.parts_n, plan.parts_m, tiles)),
                      min(plan.M, TILE_ROWS * part_begin(p // plan.parts_n + 1, plan.parts_m,
                                                         tiles)),
                      part_begin(p % plan.parts_n, plan.parts_n, panels),
                      part_begin(p % plan.parts_n + 1, plan.parts_n, panels))
    aligned_free(scratch)


def fused():
    """Whether the tile is written in fused multiply-adds of wide vectors."""
    return bool(TILE_FMA)


use_pool()
