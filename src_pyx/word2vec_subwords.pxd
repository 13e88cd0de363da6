"""Rounds of a training whose input rows are composed of the rows of words and n-grams.

V words have rows of their own, and places of rows in a table of n-grams. At the start of a round,
which is a number of blocks, the row of each word that the round reads becomes the mean of all rows
of that word. Then the round is trained like any word2vec. At its end, the change of a word's row is
added to each of the rows that it was composed of: the gradient of the mean goes to each of them
undivided, as in fastText and gensim, so that the mean has moved as its row has.

Each part composes the rows of some words, and adds changes to some columns of all rows. So no
change is lost, and the same numbers are added for any number of parts. See _word2vec.pyx.
"""
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy

from common_parallel cimport part_begin
from word2vec_job cimport END, LINE, job_t

cdef extern from "word2vec_subwords_simd.h" nogil:
    void compose "fw_w2v_compose"(float* to, const float* own, const float* table,
                                  const int32_t* places, Py_ssize_t n, Py_ssize_t D, float scale,
                                  Py_ssize_t begin, Py_ssize_t end) noexcept
    void spread "fw_w2v_spread"(float* own, float* table, const int32_t* places, Py_ssize_t n,
                                Py_ssize_t D, const float* now, const float* before,
                                Py_ssize_t begin, Py_ssize_t end) noexcept
    void ask_for_rows "fw_w2v_ask_for_rows"(const float* own, const float* table,
                                            const int32_t* places, Py_ssize_t n, Py_ssize_t D,
                                            Py_ssize_t begin, Py_ssize_t end) noexcept

    int count_zeros "fw_count_zeros"(uint64_t bits) noexcept

cdef struct subwords_t:
    Py_ssize_t D
    float* own                  # (V, D)
    float* table                # (R, D), the rows of n-grams
    const int64_t* begins       # (V + 1,) where the places of each word begin
    const int32_t* places
    float* n_rows               # (V,) how many rows each word has
    int64_t round               # positions of a round, about
    const int32_t* order        # (V,) the words, those with common n-grams side by side
    const int32_t* ranks        # (V,) the place of each word in this order
    uint64_t* listed            # a bit for each rank, 0 between two rounds
    # The words of a round, in this order: their rows may still be in a near cache.
    int32_t* words              # (n_words,)
    int64_t n_words
    float* before               # (n_words, ld) their rows at its start


cdef inline int64_t list_words(subwords_t* sub, const int32_t* ids, int64_t N,
                               int64_t V) noexcept nogil:
    """List the different words of N ids; return their number."""
    cdef int64_t n, found = 0
    cdef int32_t rank
    cdef uint64_t bits, one = 1
    for n in range(N):
        if ids[n] != END:
            rank = sub.ranks[ids[n]]
            sub.listed[rank >> 6] |= one << (rank & 63)
    for n in range((V + 63) // 64):
        bits = sub.listed[n]
        sub.listed[n] = 0
        while bits:
            sub.words[found] = sub.order[64 * n + count_zeros(bits)]
            bits &= bits - 1
            found += 1
    sub.n_words = found
    return found


cdef inline void compose_range(const job_t* job, const subwords_t* sub, Py_ssize_t ld,
                               int64_t first, int64_t last) noexcept nogil:
    """Compose the columns of a job for words [first, last) of the round, and copy them."""
    cdef int64_t k
    cdef Py_ssize_t begin = job.column, end = min(job.column + job.width, sub.D)
    cdef int32_t id, after
    cdef const int64_t* begins = sub.begins
    cdef float one = 1
    cdef float* to
    for k in range(first, last):
        id = sub.words[k]
        if k + 1 < last:
            after = sub.words[k + 1]
            ask_for_rows(sub.own + after * sub.D, sub.table, sub.places + begins[after],
                         begins[after + 1] - begins[after], sub.D, begin, end)
        # Columns count from the first one of whole rows.
        to = job.W_in + <Py_ssize_t> id * job.ld - job.column
        compose(to, sub.own + id * sub.D, sub.table, sub.places + begins[id],
                begins[id + 1] - begins[id], sub.D, one / sub.n_rows[id], begin, end)
        memcpy(sub.before + k * ld + begin, to + begin, (end - begin) * sizeof(float))


cdef inline void spread_range(const job_t* job, const subwords_t* sub, Py_ssize_t ld,
                              Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Add the changes of columns [begin, end) to all rows of the round's words."""
    cdef int64_t k, n = sub.n_words
    cdef int32_t id, after
    cdef const int64_t* begins = sub.begins
    for k in range(n):
        id = sub.words[k]
        if k + 1 < n:
            after = sub.words[k + 1]
            ask_for_rows(sub.own + after * sub.D, sub.table, sub.places + begins[after],
                         begins[after + 1] - begins[after], sub.D, begin, end)
        spread(sub.own + id * sub.D, sub.table, sub.places + begins[id],
               begins[id + 1] - begins[id], sub.D, job.W_in + <Py_ssize_t> id * job.ld - job.column,
               sub.before + k * ld, begin, end)


cdef inline void compose_round(const job_t* stripes, int64_t n_stripes, const subwords_t* sub,
                               Py_ssize_t ld, Py_ssize_t p, Py_ssize_t n_parts) noexcept nogil:
    """Do the share of part p before a round: some of its words."""
    cdef int64_t q
    for q in range(n_stripes):
        compose_range(stripes + q, sub, ld, part_begin(p, n_parts, sub.n_words),
                      part_begin(p + 1, n_parts, sub.n_words))


cdef inline void spread_round(const job_t* stripes, int64_t n_stripes, const subwords_t* sub,
                              Py_ssize_t ld, Py_ssize_t p, Py_ssize_t n_parts) noexcept nogil:
    """Do the share of part p after a round: some cache lines of all rows."""
    cdef Py_ssize_t first = part_begin(p, n_parts, ld // LINE) * LINE
    cdef Py_ssize_t last = part_begin(p + 1, n_parts, ld // LINE) * LINE
    cdef Py_ssize_t begin, end
    cdef int64_t q
    for q in range(n_stripes):
        begin = max(first, stripes[q].column)
        end = min(last, stripes[q].column + stripes[q].width)
        if begin < end:
            spread_range(stripes + q, sub, ld, begin, min(end, sub.D))
