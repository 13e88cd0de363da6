"""Matrix products for kernels: B packed into panels, and the register tile that multiplies them.

C (M, N) = A (M, K) B (K, N). A is read in place, from any strides (in elements); so a transposed
matrix is the same matrix with its strides exchanged. B is packed first:

    panel j     the columns [j NR, j NR + NR) of B as (K, NR), rows one after the other, zero
                beyond column N; NR = panel_columns(), and panels follow each other
    pack        all of a matrix
    pack_columns  some columns of one panel: panels may hold columns from several places, so
                that one tile computes, for example, all gates of a unit of an LSTM

    tile        out (rows, n) = A (rows, K) panel, rows <= tile_rows(), n <= NR columns stored
    multiply    the same for any number of rows and panels
    multiply_row  one row by a matrix that is not packed, its rows contiguous
    multiply_row_turned  the same for contiguous columns

Memory of packed operands is the caller's: packed_size() elements, starting at a cache line for
full speed (`aligned_alloc`); any address is correct.

Bits. An element is the chain of multiply-adds over k = 0 .. K - 1 from zero (fused on levels v3 and
v4), then `accumulate` adds it to what `out` held, then `bias` is added. Nothing else decides: not
its place in a tile, nor the rows and columns beside it, nor strides. Padding never reaches an
element, so NaN and infinities come out where they belong. A caller that cuts K into pieces
(accumulate from the second on) must cut it by its size alone.

Only `aligned_alloc` allocates, nothing raises, and all of it runs without the GIL. The tiles are
compiled into the module of _gemm; each other module calls `use_tiles()` once, at its end.
"""
from cpython.pycapsule cimport PyCapsule_GetPointer

from common_types cimport real_t

cdef extern from "gemm_tile.h" nogil:
    enum:
        TILE_FMA "FW_FMA"              # whether the tile is written with vector registers
        TILE_ROWS "FW_TILE_ROWS"            # most rows of a tile, of either type
        TILE_SIZE "FW_TILE_SIZE"            # elements of the largest tile, for local buffers
        FLOAT_COLUMNS "FW_FLOAT_COLUMNS"
        DOUBLE_COLUMNS "FW_DOUBLE_COLUMNS"
    void fw_use_tiles(const void* tiles)
    void fw_tile_float(float* out, Py_ssize_t ldo, Py_ssize_t rows, Py_ssize_t n,
                       const float* a, Py_ssize_t a_rs, Py_ssize_t a_cs,
                       const float* b, Py_ssize_t ldb, Py_ssize_t ahead, Py_ssize_t K,
                       bint accumulate, const float* bias) noexcept
    void fw_tile_double(double* out, Py_ssize_t ldo, Py_ssize_t rows, Py_ssize_t n,
                        const double* a, Py_ssize_t a_rs, Py_ssize_t a_cs,
                        const double* b, Py_ssize_t ldb, Py_ssize_t ahead, Py_ssize_t K,
                        bint accumulate, const double* bias) noexcept
    void fw_row_float(float* out, Py_ssize_t n, const float* a, Py_ssize_t a_cs,
                      const float* b, Py_ssize_t ldb, Py_ssize_t K, bint accumulate,
                      const float* bias) noexcept
    void fw_row_double(double* out, Py_ssize_t n, const double* a, Py_ssize_t a_cs,
                       const double* b, Py_ssize_t ldb, Py_ssize_t K, bint accumulate,
                       const double* bias) noexcept
    void fw_row_turned_float(float* out, Py_ssize_t n, const float* a, Py_ssize_t a_cs,
                             const float* b, Py_ssize_t step, Py_ssize_t K, bint accumulate,
                             const float* bias) noexcept
    void fw_row_turned_double(double* out, Py_ssize_t n, const double* a, Py_ssize_t a_cs,
                              const double* b, Py_ssize_t step, Py_ssize_t K, bint accumulate,
                              const double* bias) noexcept
    void fw_pack_turned_float(float* to, const float* b, Py_ssize_t step, Py_ssize_t K,
                              Py_ssize_t n) noexcept
    void fw_pack_turned_double(double* to, const double* b, Py_ssize_t step, Py_ssize_t K,
                               Py_ssize_t n) noexcept
    void fw_pack_rows_float(float* to, const float* b, Py_ssize_t step, Py_ssize_t K,
                            Py_ssize_t n) noexcept
    void fw_pack_rows_double(double* to, const double* b, Py_ssize_t step, Py_ssize_t K,
                             Py_ssize_t n) noexcept
    # Returns NULL without memory; free with aligned_free, which also takes NULL.
    void* aligned_alloc "fw_aligned_alloc"(size_t n_bytes) noexcept
    void aligned_free "fw_aligned_free"(void* start) noexcept


cdef inline int use_tiles() except -1:
    """Run the products of this module in the tiles of _gemm, which are of the same level."""
    from fastw2v._kernels import _gemm
    fw_use_tiles(PyCapsule_GetPointer(_gemm._tiles, "fastw2v._kernels._gemm._tiles"))
    return 0


cdef inline Py_ssize_t tile_rows() noexcept nogil:
    """Return MR, the most rows of a tile."""
    return TILE_ROWS


cdef inline Py_ssize_t panel_columns(const real_t* any_pointer) noexcept nogil:
    """Return NR, the columns of a panel; the argument only tells the type and may be NULL."""
    return FLOAT_COLUMNS if real_t is float else DOUBLE_COLUMNS


cdef inline Py_ssize_t n_panels(const real_t* any_pointer, Py_ssize_t N) noexcept nogil:
    """Return the number of panels of a matrix with N columns."""
    cdef Py_ssize_t NR = panel_columns(any_pointer)
    return (N + NR - 1) // NR


cdef inline Py_ssize_t packed_size(const real_t* any_pointer,
                                   Py_ssize_t K, Py_ssize_t N) noexcept nogil:
    """Return the elements of a packed (K, N); its panels lie at multiples of K * NR."""
    return n_panels(any_pointer, N) * K * panel_columns(any_pointer)


cdef inline void pack_rows(real_t* to, const real_t* B, Py_ssize_t step,
                           Py_ssize_t K, Py_ssize_t n) noexcept nogil:
    """Pack n columns of B, whose rows are contiguous and `step` apart; across panels if n > NR."""
    if real_t is float:
        fw_pack_rows_float(to, B, step, K, n)
    else:
        fw_pack_rows_double(to, B, step, K, n)


cdef inline void pack_turned(real_t* to, const real_t* B, Py_ssize_t step,
                             Py_ssize_t K, Py_ssize_t n) noexcept nogil:
    """Pack n <= NR columns of B, which are contiguous and `step` apart."""
    if real_t is float:
        fw_pack_turned_float(to, B, step, K, n)
    else:
        fw_pack_turned_double(to, B, step, K, n)


cdef inline void pack_columns(real_t* panel, Py_ssize_t offset, Py_ssize_t width,
                              const real_t* B, Py_ssize_t rs, Py_ssize_t cs,
                              Py_ssize_t K, Py_ssize_t n_valid) noexcept nogil:
    """Pack columns [offset, offset + width) of a panel: n_valid from B, zeros after them.

    B points to row 0 of the first of these columns; element (k, j) lies at B[k * rs + j * cs].
    n_valid may be any number: below 0 all are zeros; above width the rest is not written.
    """
    cdef Py_ssize_t NR = panel_columns(B), k, j
    cdef real_t* to = panel + offset
    n_valid = 0 if n_valid < 0 else n_valid if n_valid < width else width
    if cs == 1:
        pack_rows(to, B, rs, K, n_valid)
    elif rs == 1:
        pack_turned(to, B, cs, K, n_valid)
    else:
        for k in range(K):
            for j in range(n_valid):
                to[k * NR + j] = B[k * rs + j * cs]
    if n_valid < width:
        for k in range(K):
            for j in range(n_valid, width):
                to[k * NR + j] = 0


cdef inline void pack_range(real_t* packed, const real_t* B, Py_ssize_t rs, Py_ssize_t cs,
                            Py_ssize_t K, Py_ssize_t N,
                            Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Pack panels [lo, hi) of B (K, N), each to its place."""
    cdef Py_ssize_t NR = panel_columns(B), j = lo, whole = N // NR if N // NR < hi else hi
    if cs == 1 and lo < whole:
        pack_rows(packed + lo * K * NR, B + lo * NR, rs, K, (whole - lo) * NR)
        j = whole
    while j < hi:
        pack_columns(packed + j * K * NR, 0, NR, B + j * NR * cs, rs, cs, K, N - j * NR)
        j += 1


cdef inline void pack(real_t* packed, const real_t* B, Py_ssize_t rs, Py_ssize_t cs,
                      Py_ssize_t K, Py_ssize_t N) noexcept nogil:
    """Pack all panels of B (K, N), element (k, j) at B[k * rs + j * cs]."""
    pack_range(packed, B, rs, cs, K, N, 0, n_panels(B, N))


cdef inline void tile(real_t* out, Py_ssize_t ldo, Py_ssize_t rows, Py_ssize_t n,
                      const real_t* a, Py_ssize_t a_rs, Py_ssize_t a_cs,
                      const real_t* panel, Py_ssize_t K,
                      bint accumulate, const real_t* bias) noexcept nogil:
    """Compute out = [out +] a panel [+ bias] for rows <= MR rows and n <= NR columns.

    `out` may be a matrix (ldo its row stride) or a buffer of TILE_SIZE elements (ldo = NR); its
    columns j >= n are not touched. `bias` is NULL for none. K = 0 gives zeros.
    """
    cdef Py_ssize_t NR = panel_columns(panel), ahead = 48 * NR      # rows of the panel
    if real_t is float:
        fw_tile_float(out, ldo, rows, n, a, a_rs, a_cs, panel, NR, ahead, K, accumulate, bias)
    else:
        fw_tile_double(out, ldo, rows, n, a, a_rs, a_cs, panel, NR, ahead, K, accumulate, bias)


cdef inline void tile_in_place(real_t* out, Py_ssize_t ldo, Py_ssize_t rows, Py_ssize_t n,
                               const real_t* a, Py_ssize_t a_rs, Py_ssize_t a_cs,
                               const real_t* b, Py_ssize_t ldb, Py_ssize_t K,
                               bint accumulate, const real_t* bias) noexcept nogil:
    """Run `tile` on columns of B in place, rows ldb apart, from left to right through B.

    Reads NR elements of each row if n > NR / 2, else NR / 2, whatever n is.
    """
    cdef Py_ssize_t ahead = 2 * panel_columns(b)    # the same rows, as memory streams long runs
    if real_t is float:
        fw_tile_float(out, ldo, rows, n, a, a_rs, a_cs, b, ldb, ahead, K, accumulate, bias)
    else:
        fw_tile_double(out, ldo, rows, n, a, a_rs, a_cs, b, ldb, ahead, K, accumulate, bias)


cdef inline void multiply_row(real_t* out, Py_ssize_t N, const real_t* a, Py_ssize_t a_cs,
                              const real_t* B, Py_ssize_t ldb, Py_ssize_t K,
                              bint accumulate, const real_t* bias) noexcept nogil:
    """Compute out (N,) = [out +] a (K,) B [+ bias (N,)], B in place, rows ldb apart."""
    if real_t is float:
        fw_row_float(out, N, a, a_cs, B, ldb, K, accumulate, bias)
    else:
        fw_row_double(out, N, a, a_cs, B, ldb, K, accumulate, bias)


cdef inline void multiply_row_turned(real_t* out, Py_ssize_t N, const real_t* a, Py_ssize_t a_cs,
                                     const real_t* B, Py_ssize_t step, Py_ssize_t K,
                                     bint accumulate, const real_t* bias) noexcept nogil:
    """Compute what `multiply_row` does, B in place, columns contiguous and `step` apart."""
    if real_t is float:
        fw_row_turned_float(out, N, a, a_cs, B, step, K, accumulate, bias)
    else:
        fw_row_turned_double(out, N, a, a_cs, B, step, K, accumulate, bias)


cdef inline void multiply(real_t* out, Py_ssize_t ldo, Py_ssize_t M, Py_ssize_t N,
                          const real_t* a, Py_ssize_t a_rs, Py_ssize_t a_cs,
                          const real_t* packed, Py_ssize_t K,
                          bint accumulate, const real_t* bias) noexcept nogil:
    """Compute out (M, N) = [out +] A (M, K) B [+ bias (N,)], B packed, rows of out contiguous.

    It suits sizes where A and the result fit the cache; the panels come from memory once.
    """
    cdef Py_ssize_t MR = tile_rows(), NR = panel_columns(packed), j = 0, i, rows, n
    while j < N:
        n = NR if j + NR < N else N - j
        i = 0
        while i < M:
            rows = MR if i + MR < M else M - i
            tile(out + i * ldo + j, ldo, rows, n, a + i * a_rs, a_rs, a_cs, packed + j * K, K,
                 accumulate, bias + j if bias != NULL else NULL)
            i += MR
        j += NR
