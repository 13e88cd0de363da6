"""A training of word2vec as the kernel sees it: tables, text, settings.

V words, N ids of the corpus, END = -1 between sentences. A block is a fixed number of positions of
the corpus. Tables have rows of `ld` floats. A stripe of columns is a job of its own, a copy whose
tables begin at its first column. Formulas: _word2vec.pyx.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    END = -1
    TOGETHER = 4        # centres of CBOW that share their negatives
    LINE = 16           # floats of a cache line; a row is a whole number of lines
    N_STATS = 4         # numbers kept per block: loss, pairs in it, all pairs, centres
    SPAN = 32           # most centres of CBOW whose contexts stand still, without batches
    WIDE = 1024         # with a larger window, the longest sentence limits the memory of a part

# The model that is trained: bits of `mode`.
cdef enum:
    SKIP_GRAM = 1               # skip-gram, else CBOW
    MEAN = 2                    # h is the mean of the contexts, else their sum
    EXACT_GRADIENT = 4          # a context gets e / M, else e as in word2vec.c
    SHRINK = 8                  # each window is drawn from 1 .. window, else all are whole
    FRESH_NEGATIVES = 16        # skip-gram draws negatives for each pair, else for each centre
    SHARED_NEGATIVES = 32       # CBOW draws negatives for TOGETHER centres, else for each centre

cdef struct job_t:
    float* W_in
    float* W_out
    float* W_nodes
    Py_ssize_t ld               # floats from row to row
    Py_ssize_t width, column    # this job's part of a row: its length, its first column
    const int32_t* ids          # other threads may change them: read them with `id_at` only
    int64_t first_id            # the position of the first of them
    int64_t N
    int64_t n_words             # V as a signed number, and without negatives, too
    int64_t* n_bad              # ids that are out of range so far
    const uint32_t* keep        # (V,) a word is kept if 32 bits do not exceed this; NULL: all are
    const uint32_t* alias       # (V, 2), see common_alias.pxd
    uint64_t V
    const int32_t* points       # inner nodes on the paths to all words, path after path
    const uint8_t* codes        # the turn taken at each of them
    const int64_t* ways         # (V + 1,) where each path begins; NULL without a tree
    int64_t window, K
    int64_t longest             # nodes of the longest path
    int64_t room                # most contexts on one side of a centre
    int mode
    uint64_t key
    int64_t block, first_block
    double alpha, alpha_step    # the rate at a position is alpha + alpha_step * position
    int64_t loss_every          # every loss_every-th centre's loss is computed; 0: of none
    double* stats               # (blocks, N_STATS)
    uint32_t* touched_in        # how often each row was changed; NULL: not counted
    uint32_t* touched_out
    uint32_t* touched_nodes
    int64_t batch               # centres scored before the first of them is learned; 0: no batches
    int32_t n_near              # words whose rows each part copies
    const float* near_share     # (n_near,) the share of the text that each of them has
    int64_t exchange_every      # centres of a part between two exchanges of these rows
    Py_ssize_t n_parts
    const float* n_rows         # (V,) rows that each input is the mean of; NULL: one each
    bint far                    # whether the tables are larger than the nearest cache


cdef inline bint shares_negatives(const job_t* job) noexcept nogil:
    """Tell whether TOGETHER centres of CBOW have the same negatives."""
    return job.mode & SHARED_NEGATIVES and not job.mode & SKIP_GRAM


cdef inline bint draws_for_pairs(const job_t* job) noexcept nogil:
    """Tell whether each pair of skip-gram has negatives of its own."""
    return job.mode & FRESH_NEGATIVES and job.mode & SKIP_GRAM and job.K > 0


cdef inline bint adds_windows_up(const job_t* job, int64_t n) noexcept nogil:
    """Tell whether running sums yield the means of n consecutive centres, and their changes."""
    return job.mode & MEAN and not job.mode & SKIP_GRAM and n > TOGETHER and job.room <= WIDE


cdef inline int64_t max_outputs(const job_t* job) noexcept nogil:
    """Return the largest number of outputs of a centre."""
    return job.longest + (job.K + 1 if job.K else 0)


cdef inline int64_t max_inputs(const job_t* job) noexcept nogil:
    """Return the largest number of contexts that are learned at once."""
    return 1 if draws_for_pairs(job) else 2 * job.room


cdef inline float alpha_of(const job_t* job, int64_t lo) noexcept nogil:
    """Return the learning rate of a block that begins at position lo."""
    return <float> (job.alpha + job.alpha_step * <double> lo)
