"""Loops over a few rows at a time that rank them by cosine for one query or for many.

Each loop takes n rows, W, whose ids begin at `first`, and offers them to the heaps (Q, k) of the
queries. The other symbols are those of `_ranking`.
"""
from libc.math cimport INFINITY, sqrt, sqrtf
from libc.stdint cimport int8_t, int64_t, uint16_t

from common_gemm cimport multiply
from common_heap cimport better, sink
from common_math cimport dot
from common_memory cimport prefetch
from common_types cimport real_t

cdef extern from "ranking_simd.h" nogil:
    void fw_rank_four_float(float* products, float* squares, const float* rows, Py_ssize_t ld,
                            const float* query, Py_ssize_t D) noexcept
    unsigned fw_reaching_float(const float* products, float scale, const float* worst) noexcept
    unsigned fw_reaching_double(const double* products, double scale,
                                const double* worst) noexcept
    bint fw_far_below(float product, float squares, float worst) noexcept
    bint fw_all_far_below(const float* products, const float* squares, float worst) noexcept
    void fw_rank_four_half(float* products, float* squares, const uint16_t* rows, Py_ssize_t ld,
                           const float* query, Py_ssize_t D) noexcept
    void fw_rank_four_bytes(float* products, float* squares, const int8_t* rows, Py_ssize_t ld,
                            const float* query, Py_ssize_t D) noexcept

ctypedef fused row_t:
    float
    uint16_t            # the bits of a float16
    int8_t

cdef enum:
    ROWS = 120          # most rows that many_rows takes, a multiple of the rows of every tile
    AHEAD = 8192        # bytes between what is multiplied and what is fetched from memory
    LANES = 16          # queries whose scores are compared at once


cdef inline real_t reciprocal_length(const real_t* row, Py_ssize_t D,
                                     real_t squares) noexcept nogil:
    """Return 1 / |row|, 0 for a row of zeros, NaN for one with NaN or infinity.

    Squares that leave the range of the type are computed again in double, scaled.
    """
    cdef real_t one = 1
    cdef double top = 0, total = 0, each
    cdef Py_ssize_t d
    if 1e-30 < squares < 1e30:
        return one / <real_t> sqrt(squares)
    for d in range(D):
        each = row[d] if row[d] >= 0 else -row[d]
        if each > top or each != each:
            top = each
    if top == 0:
        return 0
    for d in range(D):
        total += (<double> row[d] / top) * (<double> row[d] / top)
    return <real_t> (1 / (top * sqrt(total)))


cdef inline bint listed(const int64_t* ids, Py_ssize_t n, int64_t v) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if ids[i] == v:
            return True
    return False


cdef inline void offer(real_t* scores, int64_t* ids, Py_ssize_t k, real_t score, int64_t v,
                       const int64_t* exclude, Py_ssize_t E) noexcept nogil:
    if better(score, v, scores[0], ids[0]) and not listed(exclude, E, v):
        sink(scores, ids, k, score, v)


cdef inline void rank_four(float* products, float* squares, const row_t* rows, Py_ssize_t ld,
                           const float* query, Py_ssize_t D) noexcept nogil:
    if row_t is float:
        fw_rank_four_float(products, squares, rows, ld, query, D)
    elif row_t is uint16_t:
        fw_rank_four_half(products, squares, rows, ld, query, D)
    else:
        fw_rank_four_bytes(products, squares, rows, ld, query, D)


cdef inline void one_query(float* scores, int64_t* ids, Py_ssize_t k, const row_t* W,
                           Py_ssize_t ld, int64_t first, Py_ssize_t n, const float* query,
                           Py_ssize_t D, const int64_t* exclude, Py_ssize_t E) noexcept nogil:
    """Multiply the rows with one query, four at a time.

    Fours are cut by place in the part, yet a row has the same sums alone and in a four.
    """
    cdef Py_ssize_t v = 0, r, some, at
    cdef Py_ssize_t fetched = 4 * ld * <Py_ssize_t> sizeof(row_t) if ld <= 2 * D else 0
    cdef float scale
    cdef float products[4]
    cdef float squares[4]
    cdef float last[8]
    while v < n:
        some = 4 if v + 4 <= n else n - v
        if some == 4:
            at = 0
            while at < fetched:
                prefetch(<const char*> (W + v * ld) + AHEAD + at)
                at += 64
            rank_four(products, squares, W + v * ld, ld, query, D)
            if fw_all_far_below(products, squares, scores[0]):
                v += 4
                continue
        else:
            for r in range(some):
                rank_four(last, last + 4, W + (v + r) * ld, 0, query, D)
                products[r], squares[r] = last[0], last[4]
        for r in range(some):
            if fw_far_below(products[r], squares[r], scores[0]):
                continue
            if row_t is float:
                scale = reciprocal_length(W + (v + r) * ld, D, squares[r])
            else:               # squares of such numbers leave no range, but zero has no root
                scale = 1 / sqrtf(squares[r]) if squares[r] != 0 else 0
            offer(scores, ids, k, products[r] * scale, first + v + r, exclude, E)
        v += 4


cdef inline void few_rows(real_t* scores, int64_t* ids, Py_ssize_t k, const real_t* W,
                          Py_ssize_t ld, int64_t first, Py_ssize_t n, const real_t* queries,
                          Py_ssize_t Q, Py_ssize_t D, const int64_t* exclude,
                          Py_ssize_t E) noexcept nogil:
    """Multiply the rows with each query, one by one."""
    cdef Py_ssize_t v, q
    cdef real_t scale
    if real_t is float and Q == 1:
        one_query(scores, ids, k, W, ld, first, n, queries, D, exclude, E)
        return
    for v in range(n):
        scale = reciprocal_length(W + v * ld, D, dot(W + v * ld, W + v * ld, D))
        for q in range(Q):
            offer(scores + q * k, ids + q * k, k, dot(W + v * ld, queries + q * D, D) * scale,
                  first + v, exclude + q * E, E)


cdef inline void clear_worst(real_t* worst, Py_ssize_t Q) noexcept nogil:
    """Fill `worst` (Q + LANES,), which `many_rows` keeps: no row reaches the columns after Q."""
    cdef Py_ssize_t q
    for q in range(Q + LANES):
        worst[q] = <real_t> (-INFINITY if q < Q else INFINITY)


cdef inline void many_rows(real_t* scores, int64_t* ids, Py_ssize_t k, const real_t* W,
                           Py_ssize_t ld, int64_t first, Py_ssize_t n, const real_t* packed,
                           Py_ssize_t Q, Py_ssize_t D, const int64_t* exclude, Py_ssize_t E,
                           real_t* block, real_t* worst) noexcept nogil:
    """Multiply n <= ROWS rows with all packed queries at once.

    block (ROWS, Q + LANES) takes products, worst (Q + LANES,) holds the roots of the heaps.
    """
    cdef Py_ssize_t r, q, j, ldb = Q + LANES
    cdef real_t scale
    cdef real_t* row
    cdef unsigned reaching
    multiply(block, ldb, n, Q, W, ld, 1, packed, D, False, NULL)
    for r in range(n):
        scale = reciprocal_length(W + r * ld, D, dot(W + r * ld, W + r * ld, D))
        row = block + r * ldb
        q = 0
        while q < Q:
            if real_t is float:
                reaching = fw_reaching_float(row + q, scale, worst + q)
            else:
                reaching = fw_reaching_double(row + q, scale, worst + q)
            j = q
            while reaching:
                if reaching & 1:
                    offer(scores + j * k, ids + j * k, k, row[j] * scale, first + r,
                          exclude + j * E, E)
                    worst[j] = scores[j * k]
                reaching >>= 1
                j += 1
            q += LANES
