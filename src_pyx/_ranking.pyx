"""Rows of a table ranked by cosine, for one query in one pass over memory or for many at once.

V table rows, D row width, Q queries, k rows wanted for each, E rows excluded for each.
    rank    score(q, v) = W[v] . queries[q] / |W[v]|,  queries of length one
The k best rows of each query are listed by descending score, then ascending id. A zero row scores
0; a row or query with NaN or infinity is never listed. Empty places hold id -1 and score -inf.

Lengths are computed while the row is in the cache, so no stored length can be out of date when the
table has changed. Few queries are multiplied one by one with each row; many are packed (see
common_gemm.pxd), and a block of rows is multiplied with all of them at a time.

Every part finds the k best among its own rows, then the parts' lists are merged. The order has no
ties, so the result does not depend on the cut. Callers have checked shapes; queries and excluded
ids are as in `_neighbors`. Only lack of memory raises here.
"""
from cython.parallel cimport prange
from libc.math cimport INFINITY, sqrt
from libc.stdint cimport int64_t

from common_checks cimport check_fit, has_shape2, plain_rows
from common_gemm cimport (aligned_alloc, aligned_free, multiply, pack, packed_size,
                          use_tiles)
from common_heap cimport better, clear_heap, sink, sort_heap
from common_math cimport dot
from common_parallel cimport part_begin, use_pool
from common_types cimport real_t

cdef extern from "ranking_simd.h" nogil:
    void rank_rows "fw_rank_rows"(float* products, float* squares, const float* rows,
                                  Py_ssize_t ld, const float* query, Py_ssize_t D) noexcept

cdef enum:
    FEW = 6             # queries up to which packing costs more
    ROWS = 120          # rows of a block, a multiple of the rows of every tile
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


cdef inline bint far_below(float product, float squares, float worst) noexcept nogil:
    """Tell whether a row is surely not among the best so far, without its length."""
    return (worst > 0 and 1e-30 < squares < 1e30
            and (product <= 0 or product * product < <float> 0.9999 * worst * worst * squares))


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


cdef void few_range(real_t* scores, int64_t* ids, Py_ssize_t k, const real_t* W, Py_ssize_t ld,
                    const real_t* queries, Py_ssize_t Q, Py_ssize_t D, const int64_t* exclude,
                    Py_ssize_t E, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t v = lo, q, r
    cdef real_t scale
    cdef float products[4]
    cdef float squares[4]
    cdef float last[8]
    if real_t is float and Q == 1:
        # Fours are cut by place in the part, yet a row has the same sums alone and in a four.
        while v < hi:
            if v + 4 <= hi:
                rank_rows(products, squares, W + v * ld, ld, queries, D)
            else:
                for r in range(hi - v):
                    rank_rows(last, last + 4, W + (v + r) * ld, 0, queries, D)
                    products[r], squares[r] = last[0], last[4]
            for r in range(4 if v + 4 <= hi else hi - v):
                if far_below(products[r], squares[r], <float> scores[0]):
                    continue
                scale = reciprocal_length(W + (v + r) * ld, D, squares[r])
                offer(scores, ids, k, products[r] * scale, v + r, exclude, E)
            v += 4
        return
    for v in range(lo, hi):
        scale = reciprocal_length(W + v * ld, D, dot(W + v * ld, W + v * ld, D))
        for q in range(Q):
            offer(scores + q * k, ids + q * k, k, dot(W + v * ld, queries + q * D, D) * scale, v,
                  exclude + q * E, E)


cdef void many_range(real_t* scores, int64_t* ids, Py_ssize_t k, const real_t* W, Py_ssize_t ld,
                     const real_t* packed, Py_ssize_t Q, Py_ssize_t D, const int64_t* exclude,
                     Py_ssize_t E, real_t* block, real_t* worst, Py_ssize_t lo,
                     Py_ssize_t hi) noexcept nogil:
    """Rank rows for all queries at once, block by block.

    block (ROWS, Q + LANES) takes products, worst (Q + LANES,) the roots of the heaps.
    """
    cdef Py_ssize_t first = lo, n, r, q, j, ldb = Q + LANES
    cdef real_t scale
    cdef real_t* row
    cdef int hits
    for q in range(ldb):
        worst[q] = <real_t> (-INFINITY if q < Q else INFINITY)
    while first < hi:
        n = ROWS if first + ROWS < hi else hi - first
        multiply(block, ldb, n, Q, W + first * ld, ld, 1, packed, D, False, NULL)
        for r in range(n):
            scale = reciprocal_length(W + (first + r) * ld, D,
                                      dot(W + (first + r) * ld, W + (first + r) * ld, D))
            row = block + r * ldb
            q = 0
            while q < Q:
                hits = 0
                for j in range(LANES):
                    row[q + j] = row[q + j] * scale
                    hits += row[q + j] >= worst[q + j]
                if hits:
                    for j in range(q, q + LANES if q + LANES < Q else Q):
                        offer(scores + j * k, ids + j * k, k, row[j], first + r, exclude + j * E, E)
                        worst[j] = scores[j * k]
                q += LANES
        first += n


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
    cdef real_t* blocks = NULL
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
    size = (ROWS + 1) * (Q + LANES)         # a part has a block and the roots of its heaps
    if Q > FEW:
        packed = <real_t*> aligned_alloc(packed_size(&queries[0, 0], D, Q) * sizeof(real_t))
        blocks = <real_t*> aligned_alloc(n_parts * size * sizeof(real_t))
        if packed == NULL or blocks == NULL:
            aligned_free(packed)
            aligned_free(blocks)
            raise MemoryError(f"rank: no memory for the products of {Q} queries")
    with nogil:
        if Q > FEW:
            pack(packed, &queries[0, 0], 1, D, D, Q)
            for i in range(n_parts * size):
                blocks[i] = 0               # columns after Q are compared, never listed
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            for q in range(Q):
                clear_heap(&part_scores[p, q, 0], &part_ids[p, q, 0], k)
            if Q > FEW:
                many_range(&part_scores[p, 0, 0], &part_ids[p, 0, 0], k, &W[0, 0], ld, packed,
                           Q, D, never, E, blocks + p * size,
                           blocks + p * size + ROWS * (Q + LANES),
                           part_begin(p, n_parts, V), part_begin(p + 1, n_parts, V))
            else:
                few_range(&part_scores[p, 0, 0], &part_ids[p, 0, 0], k, &W[0, 0], ld,
                          &queries[0, 0], Q, D, never, E,
                          part_begin(p, n_parts, V), part_begin(p + 1, n_parts, V))
        for q in range(Q):
            clear_heap(&scores[q, 0], &ids[q, 0], k)
            for p in range(n_parts):
                for i in range(k):
                    if better(part_scores[p, q, i], part_ids[p, q, i], scores[q, 0], ids[q, 0]):
                        sink(&scores[q, 0], &ids[q, 0], k,
                             part_scores[p, q, i], part_ids[p, q, i])
            sort_heap(&scores[q, 0], &ids[q, 0], k)
        aligned_free(packed)
        aligned_free(blocks)


use_pool()
use_tiles()
