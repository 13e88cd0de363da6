"""Loops over rows of a table; _embedding.pyx says what they compute."""
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy, memset

from common_memory cimport prefetch, prefetch_row
from common_types cimport index_t, real_t

cdef extern from "rows_simd.h" nogil:
    int FW_ROWS_SIMD
    void fw_scale_into_row(float* row, const float* x, float scale, int add, Py_ssize_t n)
    void fw_clear_row(float* row, Py_ssize_t n)

cdef enum:
    AHEAD = 8       # rows between a prefetch and its use


cdef inline void gather_range(real_t* out, const real_t* W, Py_ssize_t ld, const index_t* idx,
                              Py_ssize_t N, Py_ssize_t D,
                              Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t n
    for n in range(lo, hi):
        if n + AHEAD < hi:
            prefetch_row(W + <Py_ssize_t> idx[n + AHEAD] * ld, D * <Py_ssize_t> sizeof(real_t))
        memcpy(out + n * D, W + <Py_ssize_t> idx[n] * ld, D * sizeof(real_t))


cdef inline void gather_mean_range(real_t* out, const real_t* W, Py_ssize_t ld, const index_t* idx,
                                   Py_ssize_t C, Py_ssize_t D,
                                   Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t n, c, d
    cdef real_t share = <real_t> (1.0 / <double> C)
    cdef real_t* sums
    cdef const real_t* row
    for n in range(lo, hi):
        sums = out + n * D
        memcpy(sums, W + <Py_ssize_t> idx[n * C] * ld, D * sizeof(real_t))
        for c in range(1, C):
            row = W + <Py_ssize_t> idx[n * C + c] * ld
            for d in range(D):
                sums[d] += row[d]
        for d in range(D):
            sums[d] *= share


cdef inline void add_scaled(real_t* row, const real_t* x, const real_t* coef, Py_ssize_t i,
                            Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Add coef[i] * x to row over columns [lo, hi); without coef, 1 * x has the bits of x."""
    cdef Py_ssize_t d
    cdef real_t scale = 1
    if coef != NULL:
        scale = coef[i]
    if real_t is float:
        if FW_ROWS_SIMD:
            fw_scale_into_row(row + lo, x + lo, scale, 1, hi - lo)
            return
    for d in range(lo, hi):
        row[d] = row[d] + scale * x[d]


cdef inline void set_scaled(real_t* row, const real_t* x, const real_t* coef, Py_ssize_t i,
                            Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Set row to 0 + coef[i] * x, the bits of add_scaled on a cleared row, -0.0 included."""
    cdef Py_ssize_t d
    cdef real_t scale = 1, zero = 0
    if coef != NULL:
        scale = coef[i]
    if real_t is float:
        if FW_ROWS_SIMD:
            fw_scale_into_row(row + lo, x + lo, scale, 0, hi - lo)
            return
    for d in range(lo, hi):
        row[d] = zero + scale * x[d]


cdef inline void clear_row(real_t* row, Py_ssize_t n) noexcept nogil:
    if real_t is float:
        if FW_ROWS_SIMD:
            fw_clear_row(row, n)
            return
    memset(row, 0, n * sizeof(real_t))


cdef inline void scatter_columns(real_t* dW, Py_ssize_t ld, const index_t* idx, const real_t* x,
                                 const real_t* coef, const uint8_t* first,
                                 Py_ssize_t N, Py_ssize_t C, Py_ssize_t D,
                                 Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Scatter over columns [lo, hi); where first[i], id i is the first of its row and sets it."""
    cdef Py_ssize_t n, _c, i = 0, total = N * C
    cdef real_t* row
    cdef const real_t* source
    for n in range(N):
        source = x + n * D
        for _c in range(C):
            if i + AHEAD < total:
                prefetch_row(dW + <Py_ssize_t> idx[i + AHEAD] * ld + lo,
                             (hi - lo) * <Py_ssize_t> sizeof(real_t))
            row = dW + <Py_ssize_t> idx[i] * ld
            if first != NULL and first[i]:
                set_scaled(row, source, coef, i, lo, hi)
            else:
                add_scaled(row, source, coef, i, lo, hi)
            i += 1


cdef inline void clear_columns(real_t* dW, Py_ssize_t ld, const int64_t* rows, Py_ssize_t n_rows,
                               const uint8_t* mark, uint8_t stale,
                               Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Clear columns [lo, hi) of those listed rows whose mark is `stale`."""
    cdef Py_ssize_t i
    for i in range(n_rows):
        if i + AHEAD < n_rows:
            prefetch_row(dW + rows[i + AHEAD] * ld + lo,
                         (hi - lo) * <Py_ssize_t> sizeof(real_t))
        if mark[rows[i]] == stale:
            clear_row(dW + rows[i] * ld + lo, hi - lo)


cdef inline Py_ssize_t overwrite_in_one(real_t* dW, Py_ssize_t ld, uint8_t* mark, int64_t* fresh,
                                        Py_ssize_t capacity, const int64_t* rows, Py_ssize_t n_rows,
                                        uint8_t stamp, const index_t* idx, const real_t* x,
                                        const real_t* coef, Py_ssize_t N, Py_ssize_t C,
                                        Py_ssize_t D) noexcept nogil:
    """Run overwrite_rows on one thread; return the number of touched rows.

    A row is marked when it is written, so no row is looked up twice.
    """
    cdef Py_ssize_t n, _c, i = 0, total = N * C, n_fresh = 0
    cdef Py_ssize_t width = D * <Py_ssize_t> sizeof(real_t)
    cdef uint8_t new = 3 - stamp
    cdef real_t* row
    for n in range(N):
        for _c in range(C):
            if i + AHEAD < total:
                prefetch_row(dW + <Py_ssize_t> idx[i + AHEAD] * ld, width)
            row = dW + <Py_ssize_t> idx[i] * ld
            if mark[idx[i]] == new:
                add_scaled(row, x + n * D, coef, i, 0, D)
            else:
                mark[idx[i]] = new
                if n_fresh < capacity:
                    fresh[n_fresh] = idx[i]
                n_fresh += 1
                set_scaled(row, x + n * D, coef, i, 0, D)
            i += 1
    for i in range(n_rows):
        if i + AHEAD < n_rows:
            prefetch_row(dW + rows[i + AHEAD] * ld, width)
        if mark[rows[i]] == stamp:
            mark[rows[i]] = 0
            clear_row(dW + rows[i] * ld, D)
    return n_fresh


cdef inline Py_ssize_t number_ids(int32_t* slot, int64_t* rows, int32_t* local, uint8_t* first,
                                  const index_t* idx, Py_ssize_t total) noexcept nogil:
    """List the different ids in `rows`; return how many there are.

    local[i]: the place of id i in the list; first[i]: whether id i is the first of its row. Whether
    an id is new is as good as random, so there is no branch for it.
    """
    cdef Py_ssize_t i, n = 0
    cdef int32_t s
    cdef bint known
    for i in range(total):
        if i + AHEAD < total:
            prefetch(slot + idx[i + AHEAD])
        s = slot[idx[i]]
        rows[n] = idx[i]
        known = s >= 0 and s < n
        known = rows[s if known else 0] == idx[i] and known
        local[i] = s if known else <int32_t> n
        slot[idx[i]] = local[i]
        first[i] = not known
        n += not known
    return n
