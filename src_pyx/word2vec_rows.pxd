"""Pointers to the rows of word2vec's tables, and each part's copies of the most frequent rows.

Parts that train at the same time write to the same tables. At every centre the cache lines of the
most frequent words, which are the first rows, would move from core to core. So each part has copies
of these rows, and the parts add up their changes every `exchange_every` centres. Two threads train
CBOW 1.1 to 1.3 times as fast with copies as without (V = 18,000 to 38,000).
"""
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from common_memory cimport prefetch
from word2vec_centres cimport W_OUT, centre_t
from word2vec_job cimport LINE, job_t
from word2vec_scratch cimport scratch_t, work_t

cdef extern from "threads.h" nogil:
    bint fw_try_lock(int32_t* lock) noexcept
    void fw_unlock(int32_t* lock) noexcept

cdef enum:
    MANY = 128          # most changes of a row between two exchanges that are added unscaled


cdef inline float* input_row(const job_t* job, const scratch_t* s, int32_t id) noexcept nogil:
    """Return this part's row of W_in for a word."""
    return (s.near_in if id < s.n_near else job.W_in) + <Py_ssize_t> id * job.ld


cdef inline float* output_row(const job_t* job, const scratch_t* s, int32_t id) noexcept nogil:
    """Return this part's row of W_out for a word."""
    return (s.near_out if id < s.n_near else job.W_out) + <Py_ssize_t> id * job.ld


cdef inline void point_outputs(const job_t* job, const scratch_t* s, work_t* work) noexcept nogil:
    """Point work.y to the rows of the outputs."""
    cdef const centre_t* c = work.c
    cdef int64_t j
    for j in range(c.J):
        work.y[j] = (output_row(job, s, c.rows[j]) if c.tables[j] == W_OUT
                     else job.W_nodes + <Py_ssize_t> c.rows[j] * job.ld)


cdef inline void point_contexts(const job_t* job, const scratch_t* s, work_t* work) noexcept nogil:
    """Point work.x to the rows of the contexts."""
    cdef int64_t m
    for m in range(work.c.M):
        work.x[m] = input_row(job, s, work.c.around[m])


cdef inline void prefetch_row(const float* row, Py_ssize_t width) noexcept nogil:
    """Ask for all cache lines of a row of `width` floats."""
    cdef Py_ssize_t d = 0
    while d + 4 * LINE <= width:
        prefetch(row + d)
        prefetch(row + d + LINE)
        prefetch(row + d + 2 * LINE)
        prefetch(row + d + 3 * LINE)
        d += 4 * LINE
    while d < width:
        prefetch(row + d)
        d += LINE


# ---- copies of the most frequent rows

cdef inline void exchange_table(const job_t* job, float* W, float* near, float* old) noexcept nogil:
    """Add this part's changes of its copies to a table, and copy the rows again.

    Changes are summed, except for a row that the parts change far more than MANY times between two
    exchanges. That row takes their mean, since each part alone has reached most of the change.
    """
    cdef Py_ssize_t r, d
    cdef float changes, share, most = MANY, one = 1
    for r in range(job.n_near):
        changes = (job.near_share[r]
                   * <float> (2 * job.window * job.exchange_every * job.n_parts))
        share = one if changes <= most else most / changes
        if share * <float> job.n_parts < one:
            share = one / <float> job.n_parts
        for d in range(r * job.ld, (r + 1) * job.ld):
            W[d] = near[d] = W[d] + share * (near[d] - old[d])
            old[d] = near[d]


cdef inline void exchange(const job_t* job, scratch_t* s, int32_t* lock, bint wait) noexcept nogil:
    """Exchange changes of the copied rows with the tables.

    If another part holds the lock, return without an exchange, or wait for it if `wait`.
    """
    while not fw_try_lock(lock):
        if not wait:
            return
    exchange_table(job, job.W_in, s.near_in, s.old)
    if job.W_out != NULL:
        exchange_table(job, job.W_out, s.near_out, s.old + job.n_near * job.ld)
    fw_unlock(lock)
    s.since = 0


cdef inline void copy_near(const job_t* job, scratch_t* s, int32_t* lock) noexcept nogil:
    """Make the first copies of the most frequent rows."""
    cdef size_t n = job.n_near * job.ld * sizeof(float)
    while not fw_try_lock(lock):
        pass
    memcpy(s.near_in, job.W_in, n)
    memcpy(s.old, job.W_in, n)
    if job.W_out != NULL:
        memcpy(s.near_out, job.W_out, n)
        memcpy(s.old + job.n_near * job.ld, job.W_out, n)
    fw_unlock(lock)
    s.n_near, s.since = job.n_near, 0
