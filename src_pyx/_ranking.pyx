"""Rows of a table ranked by cosine, for one query in one pass over memory or for many at once.

V table rows, D row width, Q queries, k rows wanted for each, E rows excluded for each.
    row_norms   out[v] = |W[v]|, in double
    rank        score(q, v) = W[v] . queries[q] / |W[v]|,  queries of length one
The k best rows of each query are listed by descending score, then ascending id. A zero row scores
0; a row or query with NaN or infinity is never listed. Empty places hold id -1 and score -inf.

Lengths are computed while the row is in the cache, so no stored length can be out of date when the
table has changed. Few queries are multiplied one by one with each row; many are packed (see
common_gemm.pxd), and a block of rows is multiplied with all of them at a time.

    rank_compressed    the same for rows of float16 or int8 numbers
A block of its rows is converted to float32 in the cache, where it finds m >= k candidates, whose
scores are then computed in double, in one order on every level. So levels differ only where more
than m - k rows are as near to the last place as a float32 sum is exact. A scale per row does not
change a cosine, so none is read.

    only_read          read a table and compute nothing: no search can be faster

Every part finds the best among its own rows, then the parts' lists are merged. The order has no
ties, so the result does not depend on the cut. Callers have checked shapes; excluded ids
may be any number, and those outside the table exclude nothing. Only lack of memory raises here.
"""
from cython.parallel cimport prange
from libc.math cimport INFINITY, fabs, sqrt
from libc.stdint cimport INT64_MAX, int8_t, int64_t, uint16_t, uint32_t

from common_checks cimport check_fit, has_shape2, plain_rows
from common_gemm cimport aligned_alloc, aligned_free, pack, packed_size, use_tiles
from common_heap cimport better, clear_heap, sink, sort_heap
from common_memory cimport prefetch
from common_parallel cimport part_begin, use_pool
from common_types cimport real_t

from ranking_rows cimport AHEAD, LANES, ROWS, clear_worst, few_rows, many_rows, one_query

cdef extern from "half_simd.h" nogil:
    void fw_floats_of_halves(float* out, const uint16_t* x, Py_ssize_t n) noexcept

ctypedef fused stored_t:
    uint16_t            # the bits of a float16
    int8_t

cdef enum:
    NORM_LANES = 8      # partial sums of a norm
    FEW = 6             # queries up to which packing costs more
    FEW_NUMBERS = 2048  # numbers converted at a time for few queries, which the first cache holds


cdef void rank_range(real_t* scores, int64_t* ids, Py_ssize_t k, const real_t* W, Py_ssize_t ld,
                     const real_t* queries, const real_t* packed, Py_ssize_t Q, Py_ssize_t D,
                     const int64_t* exclude, Py_ssize_t E, real_t* scratch, Py_ssize_t lo,
                     Py_ssize_t hi) noexcept nogil:
    """Find the k best rows of [lo, hi) for each query, as heaps; packed is NULL for few queries."""
    cdef Py_ssize_t first = lo, n, q
    for q in range(Q):
        clear_heap(scores + q * k, ids + q * k, k)
    if packed == NULL:
        few_rows(scores, ids, k, W + lo * ld, ld, lo, hi - lo, queries, Q, D, exclude, E)
        return
    clear_worst(scratch, Q)
    while first < hi:
        n = ROWS if first + ROWS < hi else hi - first
        many_rows(scores, ids, k, W + first * ld, ld, first, n, packed, Q, D, exclude, E,
                  scratch + Q + LANES, scratch)
        first += n


cdef double row_norm(const real_t* x, Py_ssize_t D) noexcept nogil:
    """Return |x| in double, scaled by the largest element where squares leave its range."""
    cdef double lane[NORM_LANES]
    cdef double total = 0, top = 0
    cdef Py_ssize_t i = 0
    cdef int j
    for j in range(NORM_LANES):
        lane[j] = 0
    while i + NORM_LANES <= D:
        for j in range(NORM_LANES):
            lane[j] += <double> x[i + j] * <double> x[i + j]
        i += NORM_LANES
    for j in range(NORM_LANES):
        total += lane[j]
    while i < D:
        total += <double> x[i] * <double> x[i]
        i += 1
    if 1e-280 < total < 1e300 or total != total:
        return sqrt(total)
    for i in range(D):
        top = fabs(<double> x[i]) if fabs(<double> x[i]) > top else top
    if top == 0 or top == INFINITY:
        return top
    total = 0
    for i in range(D):
        total += (<double> x[i] / top) * (<double> x[i] / top)
    return top * sqrt(total)


cdef void norms_range(double* out, const real_t* W, Py_ssize_t ld, Py_ssize_t D,
                      Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t v
    for v in range(lo, hi):
        out[v] = row_norm(W + v * ld, D)


cdef inline void convert_row(float* out, const stored_t* row, Py_ssize_t D) noexcept nogil:
    cdef Py_ssize_t d
    if stored_t is uint16_t:
        fw_floats_of_halves(out, row, D)
    else:
        for d in range(D):
            out[d] = row[d]


cdef void compressed_range(float* scores, int64_t* ids, Py_ssize_t m, const stored_t* W,
                           Py_ssize_t ld, const float* queries, const float* packed,
                           Py_ssize_t Q, Py_ssize_t D, const int64_t* exclude, Py_ssize_t E,
                           float* rows, float* scratch, Py_ssize_t lo,
                           Py_ssize_t hi) noexcept nogil:
    """Find the m best rows of [lo, hi) for each query, as heaps; rows (ROWS, D) is scratch."""
    cdef Py_ssize_t first = lo, n, q, r, step = ROWS
    for q in range(Q):
        clear_heap(scores + q * m, ids + q * m, m)
    if Q == 1:
        one_query(scores, ids, m, W + lo * ld, ld, lo, hi - lo, queries, D, exclude, E)
        return
    if packed == NULL:
        step = FEW_NUMBERS // D // 4 * 4
        step = 4 if step < 4 else ROWS if step > ROWS else step
    else:
        clear_worst(scratch, Q)
    while first < hi:
        n = step if first + step < hi else hi - first
        for r in range(n):
            convert_row(rows + r * D, W + (first + r) * ld, D)
        if packed == NULL:
            few_rows(scores, ids, m, rows, D, first, n, queries, Q, D, exclude, E)
        else:
            many_rows(scores, ids, m, rows, D, first, n, packed, Q, D, exclude, E,
                      scratch + Q + LANES, scratch)
        first += n


cdef inline double exact_cosine(const float* row, const float* query, Py_ssize_t D) noexcept nogil:
    """Return row . query / |row|, 0 for a row of zeros.

    A product of a float32 with a float16 or int8 number is exact in double.
    """
    cdef double product = 0, squares = 0
    cdef Py_ssize_t d
    for d in range(D):
        product += <double> row[d] * <double> query[d]
        squares += <double> row[d] * <double> row[d]
    return product / sqrt(squares) if squares != 0 else 0


cdef void refine_range(float* scores, int64_t* ids, Py_ssize_t k, const int64_t* candidates,
                       Py_ssize_t m, const stored_t* W, Py_ssize_t ld, const float* queries,
                       Py_ssize_t D, float* row, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """List the k best of the m candidates of each query in [lo, hi)."""
    cdef Py_ssize_t q, i
    cdef int64_t v
    cdef float score
    for q in range(lo, hi):
        clear_heap(scores + q * k, ids + q * k, k)
        for i in range(m):
            v = candidates[q * m + i]
            if v == INT64_MAX:          # an empty place
                continue
            convert_row(row, W + v * ld, D)
            score = <float> exact_cosine(row, queries + q * D, D)
            if better(score, v, scores[q * k], ids[q * k]):
                sink(scores + q * k, ids + q * k, k, score, v)
        sort_heap(scores + q * k, ids + q * k, k)


cdef inline void merge(real_t* scores, int64_t* ids, const real_t* part_scores,
                       const int64_t* part_ids, Py_ssize_t k) noexcept nogil:
    """Offer the k rows of a part's heap to another heap."""
    cdef Py_ssize_t i
    for i in range(k):
        if better(part_scores[i], part_ids[i], scores[0], ids[0]):
            sink(scores, ids, k, part_scores[i], part_ids[i])


cdef uint32_t sum_range(const uint32_t* x, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef uint32_t total = 0
    cdef Py_ssize_t i, end, step = AHEAD // <Py_ssize_t> sizeof(uint32_t)
    while lo < hi:
        end = lo + step if lo + step < hi else hi
        i = lo
        while i < end:
            prefetch(x + i + step)
            i += LANES
        for i in range(lo, end):
            total += x[i]
        lo = end
    return total


def row_norms(double[::1] out,              # OUT (V,)
              const real_t[:, :] W,         # IN  (V, D) rows contiguous
              Py_ssize_t n_parts):
    """Compute out[v] = |W[v]|."""
    cdef Py_ssize_t V = W.shape[0], D = W.shape[1], ld, p
    check_fit("row_norms", out.shape[0] == V and plain_rows(W.shape, W.strides, sizeof(real_t)))
    if V == 0:
        return
    if D == 0:
        out[:] = 0
        return
    ld = W.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            norms_range(&out[0], &W[0, 0], ld, D,
                        part_begin(p, n_parts, V), part_begin(p + 1, n_parts, V))


def rank(int64_t[:, ::1] ids,               # OUT (Q, k)
         real_t[:, ::1] scores,             # OUT (Q, k)
         int64_t[:, :, ::1] part_ids,       # scratch (n_parts, Q, k)
         real_t[:, :, ::1] part_scores,     # scratch (n_parts, Q, k)
         const real_t[:, :] W,              # IN  (V, D) rows contiguous, D > 0
         const real_t[:, ::1] queries,      # IN  (Q, D) rows of length one, or zero
         const int64_t[:, ::1] exclude,     # IN  (Q, E) ids never listed for that query
         Py_ssize_t n_parts):
    """Find the k best rows for each query."""
    cdef Py_ssize_t Q = ids.shape[0], k = ids.shape[1], V = W.shape[0], D = W.shape[1]
    cdef Py_ssize_t E = exclude.shape[1], ld, p, q, i, size
    cdef const int64_t* never = &ids[0, 0] if Q and k else NULL    # not read when E is 0
    cdef real_t* packed = NULL
    cdef real_t* scratch = NULL
    check_fit("rank", has_shape2(scores.shape, Q, k) and part_ids.shape[0] >= n_parts and
              part_ids.shape[1] == Q and part_ids.shape[2] == k and
              part_scores.shape[0] >= n_parts and part_scores.shape[1] == Q and
              part_scores.shape[2] == k and has_shape2(queries.shape, Q, D) and
              exclude.shape[0] == Q and plain_rows(W.shape, W.strides, sizeof(real_t)))
    if Q == 0 or k == 0:
        return
    if V == 0:
        scores[:, :] = <real_t> -INFINITY
        ids[:, :] = -1
        return
    ld = W.strides[0] // <Py_ssize_t> sizeof(real_t)
    if E:
        never = &exclude[0, 0]
    size = (ROWS + 1) * (Q + LANES) if Q > FEW else 0   # a part's block and the roots of its heaps
    if Q > FEW:
        packed = <real_t*> aligned_alloc(packed_size(&queries[0, 0], D, Q) * sizeof(real_t))
        scratch = <real_t*> aligned_alloc(n_parts * size * sizeof(real_t))
        if packed == NULL or scratch == NULL:
            aligned_free(packed)
            aligned_free(scratch)
            raise MemoryError(f"rank: no memory for the products of {Q} queries")
    with nogil:
        if Q > FEW:
            pack(packed, &queries[0, 0], 1, D, D, Q)
            for i in range(n_parts * size):
                scratch[i] = 0              # columns after Q are compared, never listed
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            rank_range(&part_scores[p, 0, 0], &part_ids[p, 0, 0], k, &W[0, 0], ld,
                       &queries[0, 0], packed, Q, D, never, E, scratch + p * size,
                       part_begin(p, n_parts, V), part_begin(p + 1, n_parts, V))
        for q in range(Q):
            clear_heap(&scores[q, 0], &ids[q, 0], k)
            for p in range(n_parts):
                merge(&scores[q, 0], &ids[q, 0], &part_scores[p, q, 0], &part_ids[p, q, 0], k)
            sort_heap(&scores[q, 0], &ids[q, 0], k)
        aligned_free(packed)
        aligned_free(scratch)


def rank_compressed(int64_t[:, ::1] ids,            # OUT (Q, k)
                    float[:, ::1] scores,           # OUT (Q, k)
                    int64_t[:, :, ::1] part_ids,    # scratch (n_parts, Q, m), m >= k
                    float[:, :, ::1] part_scores,   # scratch (n_parts, Q, m)
                    const stored_t[:, :] W,         # IN  (V, D) rows contiguous, D > 0
                    const float[:, ::1] queries,    # IN  (Q, D) rows of length one, or zero
                    const int64_t[:, ::1] exclude,  # IN  (Q, E) ids never listed for that query
                    Py_ssize_t n_parts):
    """Find the k best rows for each query."""
    cdef Py_ssize_t Q = ids.shape[0], k = ids.shape[1], V = W.shape[0], D = W.shape[1]
    cdef Py_ssize_t E = exclude.shape[1], m = part_ids.shape[2], ld, p, q, i, size
    cdef const int64_t* never = &ids[0, 0] if Q and k else NULL    # not read when E is 0
    cdef float* packed = NULL
    cdef float* scratch = NULL
    check_fit("rank_compressed", has_shape2(scores.shape, Q, k) and m >= k and
              part_ids.shape[0] >= n_parts and part_ids.shape[1] == Q and
              part_scores.shape[0] >= n_parts and part_scores.shape[1] == Q and
              part_scores.shape[2] == m and has_shape2(queries.shape, Q, D) and
              exclude.shape[0] == Q and plain_rows(W.shape, W.strides, sizeof(stored_t)))
    if Q == 0 or k == 0:
        return
    if V == 0:
        scores[:, :] = <float> -INFINITY
        ids[:, :] = -1
        return
    ld = W.strides[0] // <Py_ssize_t> sizeof(stored_t)
    if E:
        never = &exclude[0, 0]
    size = ROWS * D + ((ROWS + 1) * (Q + LANES) if Q > FEW else 0)
    scratch = <float*> aligned_alloc(n_parts * size * sizeof(float))
    if Q > FEW:
        packed = <float*> aligned_alloc(packed_size(&queries[0, 0], D, Q) * sizeof(float))
    if scratch == NULL or (Q > FEW and packed == NULL):
        aligned_free(packed)
        aligned_free(scratch)
        raise MemoryError(f"rank_compressed: no memory for the products of {Q} queries")
    with nogil:
        if Q > FEW:
            pack(packed, &queries[0, 0], 1, D, D, Q)
            for i in range(n_parts * size):
                scratch[i] = 0
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            compressed_range(&part_scores[p, 0, 0], &part_ids[p, 0, 0], m, &W[0, 0], ld,
                             &queries[0, 0], packed, Q, D, never, E, scratch + p * size,
                             scratch + p * size + ROWS * D,
                             part_begin(p, n_parts, V), part_begin(p + 1, n_parts, V))
        for q in range(Q):
            for p in range(1, n_parts):
                merge(&part_scores[0, q, 0], &part_ids[0, q, 0],
                      &part_scores[p, q, 0], &part_ids[p, q, 0], m)
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            refine_range(&scores[0, 0], &ids[0, 0], k, &part_ids[0, 0, 0], m, &W[0, 0], ld,
                         &queries[0, 0], D, scratch + p * size,
                         part_begin(p, n_parts, Q), part_begin(p + 1, n_parts, Q))
        aligned_free(packed)
        aligned_free(scratch)


def only_read(uint32_t[::1] out,                # OUT (n_parts,) sums without carry
              const uint32_t[::1] x,            # IN  (n,) the bits of a table
              Py_ssize_t n_parts):
    """Read memory once: no search of a table that the caches do not hold is faster."""
    cdef Py_ssize_t n = x.shape[0], p
    check_fit("only_read", out.shape[0] == n_parts)
    if n == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            out[p] = sum_range(&x[0], part_begin(p, n_parts, n), part_begin(p + 1, n_parts, n))


use_pool()
use_tiles()
