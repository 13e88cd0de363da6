"""Nearest rows of a table by cosine.

V table rows, D row width, Q queries, k rows wanted for each, E rows excluded for each.
    row_norms   out[v] = |W[v]|                                            in double
    nearest     score(q, v) = W[v] . queries[q] / norms[v],  queries of length one
The k best rows of each query are listed by descending score, then ascending id. A zero row scores
0; a row or query with NaN or infinity is never listed. Empty places hold id -1 and score -inf.

Every part finds the k best among its own rows, then the parts' lists are merged. The order above
has no ties, so the result does not depend on the cut. Callers have checked shapes.
"""
from cython.parallel cimport prange
from libc.math cimport INFINITY, fabs, sqrt
from libc.stdint cimport int64_t

from common_checks cimport check_fit, has_shape2, plain_rows
from common_heap cimport better, clear_heap, sink, sort_heap
from common_math cimport dot
from common_parallel cimport part_begin, use_pool
from common_types cimport real_t

cdef enum:
    BLOCK = 64      # rows that stay in the cache while all queries read them
    LANES = 8       # partial sums of a norm


cdef double row_norm(const real_t* x, Py_ssize_t D) noexcept nogil:
    """Return |x| in double, scaled by the largest element where squares leave its range."""
    cdef double lane[LANES]
    cdef double total = 0, top = 0
    cdef Py_ssize_t i = 0
    cdef int j
    for j in range(LANES):
        lane[j] = 0
    while i + LANES <= D:
        for j in range(LANES):
            lane[j] += <double> x[i + j] * <double> x[i + j]
        i += LANES
    for j in range(LANES):
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


cdef inline bint listed(const int64_t* ids, Py_ssize_t n, int64_t v) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if ids[i] == v:
            return True
    return False


cdef void scan_range(real_t* scores, int64_t* ids, Py_ssize_t k,
                     const real_t* W, Py_ssize_t ld, const double* norms,
                     const real_t* queries, Py_ssize_t Q, Py_ssize_t D,
                     const int64_t* exclude, Py_ssize_t E,
                     Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Find the k best rows of [lo, hi) for each query, as heaps."""
    cdef Py_ssize_t first = lo, last, q, v
    cdef real_t score
    for q in range(Q):
        clear_heap(scores + q * k, ids + q * k, k)
    while first < hi:
        last = first + BLOCK if first + BLOCK < hi else hi
        for q in range(Q):
            for v in range(first, last):
                score = dot(W + v * ld, queries + q * D, D)
                if norms[v] != 0:
                    score = <real_t> (<double> score / norms[v])
                if (better(score, v, scores[q * k], ids[q * k])
                        and not listed(exclude + q * E, E, v)):
                    sink(scores + q * k, ids + q * k, k, score, v)
        first = last


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


cdef void norms_range(double* out, const real_t* W, Py_ssize_t ld, Py_ssize_t D,
                      Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t v
    for v in range(lo, hi):
        out[v] = row_norm(W + v * ld, D)


def nearest(int64_t[:, ::1] ids,                # OUT (Q, k)
            real_t[:, ::1] scores,              # OUT (Q, k)
            int64_t[:, :, ::1] part_ids,        # scratch (n_parts, Q, k)
            real_t[:, :, ::1] part_scores,      # scratch (n_parts, Q, k)
            const real_t[:, :] W,               # IN  (V, D) rows contiguous, D > 0
            const double[::1] norms,            # IN  (V,)
            const real_t[:, ::1] queries,       # IN  (Q, D) rows of length one, or zero
            const int64_t[:, ::1] exclude,      # IN  (Q, E) ids never listed for that query
            Py_ssize_t n_parts):
    """Find the k best rows for each query."""
    cdef Py_ssize_t Q = ids.shape[0], k = ids.shape[1], V = W.shape[0], D = W.shape[1]
    cdef Py_ssize_t E = exclude.shape[1], ld, p, q, i
    cdef const int64_t* never = &ids[0, 0] if Q and k else NULL    # not read when E is 0
    check_fit("nearest", has_shape2(scores.shape, Q, k) and part_ids.shape[0] >= n_parts and
              part_ids.shape[1] == Q and part_ids.shape[2] == k and
              part_scores.shape[0] >= n_parts and part_scores.shape[1] == Q and
              part_scores.shape[2] == k and has_shape2(queries.shape, Q, D) and
              exclude.shape[0] == Q and norms.shape[0] == V and
              plain_rows(W.shape, W.strides, sizeof(real_t)))
    if Q == 0 or k == 0:
        return
    if V == 0:
        scores[:, :] = <real_t> -INFINITY
        ids[:, :] = -1
        return
    ld = W.strides[0] // <Py_ssize_t> sizeof(real_t)
    if E:
        never = &exclude[0, 0]
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            scan_range(&part_scores[p, 0, 0], &part_ids[p, 0, 0], k, &W[0, 0], ld, &norms[0],
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


use_pool()
