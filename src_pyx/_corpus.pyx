"""Counts and windows over a corpus of word ids.

N words of the corpus, V words of the vocabulary, w words of window on each side, M = N - 2w.
    contexts_target   contexts[m] = corpus[m .. m+w-1], corpus[m+w+1 .. m+2w]
                      target[m]   = corpus[m+w]
    cooccurrence      C[a, b]    += pairs of positions (n, m) with ids (a, b), 0 < |n - m| <= w
    ppmi              out[i, j]   = max(0, log2(C[i, j] * total / (sums[i] * sums[j]) + eps))
    count_ids         counts[ids[n]] += 1
    one_hot           out[n, ids[n]]  = 1
Callers have checked shapes and mapped ids into [0, V); nothing here raises.
"""
from cython.parallel cimport prange
from libc.math cimport log2
from libc.stdint cimport INT32_MAX, int32_t, int64_t
from libc.string cimport memcpy

from common_checks cimport check_fit, has_shape2
from common_parallel cimport part_begin, use_pool
from common_types cimport count_t, index_t


cdef inline int add_one(int32_t* count) noexcept nogil:
    """Count one more; return 1 if the counter is full, which leaves it unchanged."""
    if count[0] == INT32_MAX:
        return 1
    count[0] += 1
    return 0


cdef void contexts_range(index_t* contexts, index_t* target, const index_t* corpus, Py_ssize_t w,
                         Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t m
    for m in range(lo, hi):
        memcpy(contexts + m * 2 * w, corpus + m, w * sizeof(index_t))
        memcpy(contexts + m * 2 * w + w, corpus + m + w + 1, w * sizeof(index_t))
        target[m] = corpus[m + w]


cdef int cooccurrence_rows(int32_t* C, Py_ssize_t V, const index_t* corpus, Py_ssize_t N,
                           Py_ssize_t w, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Count the neighbours of words [first, last); return 1 if a counter was full."""
    cdef Py_ssize_t n, m, begin, end
    cdef int32_t* row
    cdef int full = 0
    for n in range(N):
        if <Py_ssize_t> corpus[n] < first or <Py_ssize_t> corpus[n] >= last:
            continue
        row = C + <Py_ssize_t> corpus[n] * V
        begin = n - w if n > w else 0
        end = n + w + 1 if w < N - n - 1 else N
        for m in range(begin, n):
            full |= add_one(row + corpus[m])
        for m in range(n + 1, end):
            full |= add_one(row + corpus[m])
    return full


cdef void ppmi_range(float* out, const count_t* C, const double* sums, Py_ssize_t V,
                     Py_ssize_t row, double total, double eps, float of_zero,
                     Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef const count_t* counts
    cdef double expected, bits
    for i in range(lo, hi):
        counts = C + i * V
        for j in range(V):
            expected = sums[row + i] * sums[j]
            if expected == 0:
                out[i * V + j] = 0          # a word that never occurs
            elif counts[j] == 0:
                out[i * V + j] = of_zero    # nearly all entries, which need no logarithm
            else:
                bits = log2(<double> counts[j] * total / expected + eps)
                out[i * V + j] = <float> bits if bits > 0 else 0


def contexts_target(index_t[:, ::1] contexts,   # OUT (M, 2w)
                    index_t[::1] target,        # OUT (M,)
                    const index_t[::1] corpus,  # IN  (M + 2w,)
                    Py_ssize_t window,
                    Py_ssize_t n_parts):
    """List the words around each position that has a full window, and the word at it."""
    cdef Py_ssize_t M = target.shape[0], p
    if M == 0 or window == 0:
        return
    check_fit("contexts_target", window > 0 and has_shape2(contexts.shape, M, 2 * window) and
              corpus.shape[0] >= M + 2 * window)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            contexts_range(&contexts[0, 0], &target[0], &corpus[0], window,
                           part_begin(p, n_parts, M), part_begin(p + 1, n_parts, M))


def cooccurrence(int32_t[:, ::1] C,             # OUT (V, V), added to
                 const index_t[::1] corpus,     # IN  (N,)
                 Py_ssize_t window,
                 const int64_t[::1] bounds):    # IN  (n_parts + 1,) part p owns rows from bounds[p]
    """Add the counts of all pairs; return whether one did not fit 32 bits and is cut off there.

    Each row has one owner, which reads the whole corpus, so no two parts write to one counter.
    """
    cdef Py_ssize_t N = corpus.shape[0], V = C.shape[0], n_parts = bounds.shape[0] - 1, p
    cdef Py_ssize_t full = 0
    check_fit("cooccurrence", C.shape[1] == V and n_parts >= 1)
    if N == 0 or V == 0:
        return False
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            full += cooccurrence_rows(&C[0, 0], V, &corpus[0], N, window,
                                      bounds[p], bounds[p + 1])
    return full != 0


def ppmi(float[:, ::1] out,             # OUT (R, V) rows row .. row+R-1 of the result
         const count_t[:, ::1] C,       # IN  (R, V) the same rows of the counts
         const double[::1] sums,        # IN  (V,) column sums of all counts
         Py_ssize_t row,
         double total,
         double eps,
         Py_ssize_t n_parts):
    """Compute positive pointwise mutual information of a block of rows, in double."""
    cdef Py_ssize_t R = out.shape[0], V = out.shape[1], p
    cdef float of_zero = 0
    check_fit("ppmi", has_shape2(C.shape, R, V) and sums.shape[0] == V and 0 <= row <= V - R)
    if R == 0 or V == 0:
        return
    if eps > 1:
        of_zero = <float> log2(eps)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            ppmi_range(&out[0, 0], &C[0, 0], &sums[0], V, row, total, eps, of_zero,
                       part_begin(p, n_parts, R), part_begin(p + 1, n_parts, R))


def count_ids(int64_t[::1] counts,      # OUT (V,), added to
              const index_t[::1] ids):  # IN  (N,)
    """Add 1 to counts[ids[n]] for each n, on one thread.

    One pass over the ids costs less than splitting them.
    """
    cdef Py_ssize_t n
    with nogil:
        for n in range(ids.shape[0]):
            counts[ids[n]] += 1


def one_hot(int32_t[:, ::1] out,        # OUT (N, V), zero before
            const index_t[::1] ids):    # IN  (N,)
    """Set out[n, ids[n]] to 1."""
    cdef Py_ssize_t n
    check_fit("one_hot", out.shape[0] == ids.shape[0])
    with nogil:
        for n in range(ids.shape[0]):
            out[n, ids[n]] = 1


use_pool()
