"""The cut of one product into pieces, and the rectangle of C that a part computes.

_gemm.pyx says what decides the bits. `make_plan` derives a Plan from sizes and strides, and
`rectangle` computes rows and panels of C with it.
"""
from libc.string cimport memcpy

from common_gemm cimport (TILE_ROWS, multiply_row, multiply_row_turned, n_panels, pack_range,
                          panel_columns, tile, tile_in_place)
from common_types cimport real_t

cdef enum:
    K_PIECE = 384           # rows of a packed panel: 48 KB of it on v4, 24 KB on v3
    PANELS = 8              # panels packed at a time
    PACKED_ROWS = 960       # rows of A packed at a time
    IN_PLACE_ROWS = 120     # rows of A up to which B is read in place


cdef struct Plan:
    Py_ssize_t M, N, K
    Py_ssize_t ldc, a_rs, a_cs, b_rs, b_cs      # strides in elements
    Py_ssize_t mc, nc, kc                       # rows of A packed, panels and elements of K at once
    Py_ssize_t parts_m, parts_n                 # C is cut into parts_m x parts_n rectangles
    bint a_packed, b_in_place
    bint by_rows                                # rows of C one after the other, without tiles


cdef inline Py_ssize_t n_pieces(Py_ssize_t n, Py_ssize_t most) noexcept nogil:
    return (n + most - 1) // most


cdef inline Py_ssize_t even_piece(Py_ssize_t n, Py_ssize_t most) noexcept nogil:
    """Return the size of the fewest and most equal pieces of n, n > 0."""
    return n_pieces(n, n_pieces(n, most))


cdef inline bint in_place(const real_t* B, const Plan* plan, Py_ssize_t j) noexcept nogil:
    """Tell whether panel j of B can be read in place, as its rows are whole vectors."""
    cdef Py_ssize_t NR = panel_columns(B), n = plan.N - j * NR
    return plan.b_in_place and (n >= NR or n == NR // 2)


cdef inline void cut_into_parts(Plan* plan, Py_ssize_t tiles, Py_ssize_t panels, Py_ssize_t NR,
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


cdef inline void pack_tiles(real_t* to, const real_t* A, Py_ssize_t rs, Py_ssize_t cs,
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


cdef inline void block(real_t* C, const real_t* A, Py_ssize_t a_rs, Py_ssize_t a_cs,
                       Py_ssize_t a_step, const real_t* B, const real_t* packed,
                       const real_t* bias, bint accumulate, const Plan* plan,
                       Py_ssize_t rows, Py_ssize_t K,
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


cdef inline void one_row(real_t* C, const real_t* A, const real_t* B, const real_t* bias,
                         bint accumulate, const Plan* plan, Py_ssize_t n,
                         Py_ssize_t K) noexcept nogil:
    """Multiply one row by n columns of B, where they lie; one piece of K."""
    if plan.b_cs == 1:
        multiply_row(C, n, A, plan.a_cs, B, plan.b_rs, K, accumulate, bias)
    else:
        multiply_row_turned(C, n, A, plan.a_cs, B, plan.b_cs, K, accumulate, bias)


cdef inline void rectangle(real_t* C, const real_t* A, const real_t* B, const real_t* bias,
                           bint accumulate, const Plan* plan, real_t* scratch,
                           Py_ssize_t i_lo, Py_ssize_t i_hi,
                           Py_ssize_t j_lo, Py_ssize_t j_hi) noexcept nogil:
    """Compute rows [i_lo, i_hi) of C, panels [j_lo, j_hi)."""
    cdef Py_ssize_t NR = panel_columns(B), i = i_lo, rows, row, j, last, k, K, a_step
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
            if plan.by_rows:
                for row in range(i, i + rows):
                    one_row(C + row * plan.ldc + j_lo * NR,
                            A + row * plan.a_rs + k * plan.a_cs,
                            B + k * plan.b_rs + j_lo * NR * plan.b_cs,
                            last_bias + j_lo * NR if last_bias != NULL else NULL,
                            accumulate or k > 0, plan, min(plan.N, j_hi * NR) - j_lo * NR, K)
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


cdef inline Py_ssize_t make_plan(Plan* plan, const real_t* any_pointer,
                                 Py_ssize_t n_parts) noexcept nogil:
    """Derive the cut from sizes and strides; return the elements of scratch per part."""
    cdef Py_ssize_t NR = panel_columns(any_pointer), panels = n_panels(any_pointer, plan.N)
    cdef Py_ssize_t tiles = n_pieces(plan.M, TILE_ROWS)
    cut_into_parts(plan, tiles, panels, NR, n_parts)
    # One row reads B once, and one column of A needs none of it twice: tiles gain nothing there.
    plan.by_rows = (plan.b_cs == 1 and (plan.M == 1 or plan.K == 1)
                    or plan.b_rs == 1 and plan.M == 1)
    plan.a_packed = plan.a_cs != 1 and plan.K > 1 and plan.M > 1
    plan.b_in_place = plan.b_cs == 1 and plan.M <= IN_PLACE_ROWS
    plan.kc = plan.K if plan.K <= K_PIECE else (even_piece(plan.K, K_PIECE) + 7) // 8 * 8
    plan.nc = 1
    if not (plan.b_in_place or plan.by_rows):
        plan.nc = even_piece(n_pieces(panels, plan.parts_n), PANELS)
    plan.mc = 0
    if plan.a_packed:
        plan.mc = even_piece(n_pieces(tiles, plan.parts_m), PACKED_ROWS // TILE_ROWS) * TILE_ROWS
    return ((plan.mc + plan.nc * NR) * plan.kc + 15) // 16 * 16
