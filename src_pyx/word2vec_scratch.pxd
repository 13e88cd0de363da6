"""The working memory of a part that trains word2vec: allocated at its start, freed at its end.

M contexts and J outputs of a centre; n_works centres are learned at once. See _word2vec.pyx.
"""
from libc.stdint cimport int32_t, int64_t, uint16_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from common_gemm cimport aligned_alloc, aligned_free
from word2vec_centres cimport CHUNK, FEW, centre_t, walk_t
from word2vec_job cimport (
    N_STATS, SKIP_GRAM, TOGETHER, adds_windows_up, draws_for_pairs, job_t, max_inputs, max_outputs,
)

cdef extern from "word2vec_simd.h" nogil:
    enum:
        LANES "FW_FLOAT_LANES"
        VECTORS "FW_TV"         # most vectors of a row in registers

cdef enum:
    BUCKETS = 256       # ids that differ by a multiple of this share a bucket

# The rows of one centre and the numbers computed from them.
cdef struct work_t:
    const centre_t* c
    float** x                   # (M,) the rows of the contexts
    float** y                   # (J,) the rows of the outputs
    float* g                    # (inputs, J) scores, then coefficients
    float* z                    # (inputs, J) scores, for the loss
    float* h                    # (ld,) sum or mean of the contexts
    float* e                    # (ld,) its gradient

# The windows of consecutive centres of CBOW.
cdef struct windows_t:
    int64_t n_words
    const int32_t* words        # (n_words,) all words from the first window to the last, and ENDs
    int32_t* kept               # their copy, for batches: the walk may be in another block
    int64_t first               # the word of the walk that they begin with
    int64_t counted             # the words of the walk before this one are counted
    # 256 times how often words of each bucket occur from the first one on, plus how often in the
    # last two windows.
    uint16_t counts[BUCKETS]

# Centres of one block that are scored, or whose contexts stand still, before one is learned.
cdef struct batch_t:
    centre_t* centres           # (n,) CBOW: at, left, right count from the first word of `windows`
    int64_t n
    centre_t** order            # (n,) the centres in the order in which they are learned
    windows_t windows
    int64_t n_groups            # groups of TOGETHER centres that have no outputs yet
    int32_t* negatives          # (n_works / TOGETHER, FEW) their negatives
    bint one_by_one             # CBOW: each is learned before the mean of the next one is computed
    bint usual                  # each of them is `usual` or one of TOGETHER
    bint with_loss              # the loss of some of them is computed
    float alpha
    double* stats

cdef struct scratch_t:
    walk_t walk
    centre_t centres[TOGETHER]
    int64_t n_works             # most centres learned at once
    work_t* works
    float* numbers              # the g of all works, then their z; without gaps if batch > 0
    int64_t n_numbers           # floats of all g
    float* sums                 # (M, LANES) contexts of skip-gram between two groups of outputs
    # Target and K < 8 different negatives, twice: the sign of a wrong answer, and -alpha * sign.
    float usual_sign[16]
    float usual_step[16]
    batch_t batches[2]          # the first one is used by CBOW, and both if batch > 0
    int32_t most_repeats        # see `few_repeats`
    int64_t unlisted            # centres of CBOW that are in no group and have no outputs yet
    # The words of a batch's windows; used by CBOW.
    float** x                   # (n_words,) their rows; `blank` at the end of a sentence
    float** own                 # (n_words,) the e of the centre that each of them is, or NULL
    int32_t* covers             # (n_words + 1,) how many windows hold each of them
    int32_t* turns              # (n_words + 1,) turns before each of them
    float** e                   # (turns,) the change of a window that begins or ends there
    float* sign                 # (turns,) 1 where it begins, -1 where it ends
    float** h                   # (n,) means of the centres
    int32_t* bounds             # (n, 3) their windows: left, at, right
    float* scales               # (n,) 1 / M
    float* n_rows               # (n_words,) rows that each word is the mean of; used with `n_rows`
    float* around               # (M,) the same of the contexts of one centre
    float* sums_of_words        # (n_words + 1, VECTORS * LANES) a few columns of sums of their rows
    float* blank                # (ld,) zeros
    float* twin                 # (2, ld) a copy of a row that a group has twice, and its old values
    # Used if batch > 0.
    bint in_block               # whether `walk` is inside `block`, or before it
    int64_t block, end_block
    double unused_stats[N_STATS]
    # Copies of the first rows of W_in and W_out.
    int32_t n_near              # rows copied; 0 before the first copy
    int64_t since               # centres since the last exchange
    float* near_in
    float* near_out
    float* old                  # (2, n_near, ld) the copies after the last exchange
    int64_t unused[16]          # parts that are side by side share no cache line


cdef inline int64_t most_numbers(const job_t* job) noexcept nogil:
    """Return the floats of the scores of a centre, or of TOGETHER, and of a vector behind them."""
    cdef int64_t n = (1 if not job.mode & SKIP_GRAM else max_inputs(job)) * max_outputs(job) + 16
    return (n if n > 8 * TOGETHER else 8 * TOGETHER) // 16 * 16 + 16


cdef inline bint make_centres(centre_t* centres, const job_t* job, int64_t n,
                              int64_t M) noexcept nogil:
    """Allocate the arrays of n centres that are all zeros; return whether there was memory."""
    cdef int64_t J = max_outputs(job), k
    cdef centre_t* c
    if centres == NULL:
        return False
    for k in range(n):
        c = centres + k
        c.around = <int32_t*> malloc((M + 1 + 2 * J) * sizeof(int32_t))
        c.times = <float*> malloc((M + 1 + 2 * J) * sizeof(float))
        if c.around == NULL or c.times == NULL:
            return False
        c.rows = c.around + M + 1
        c.tables = c.rows + J
        c.sign = c.times + M + 1
        c.count = c.sign + J
    return True


cdef inline void free_centres(centre_t* centres, int64_t n) noexcept nogil:
    """Free what `make_centres` allocated."""
    cdef int64_t k
    for k in range(n):
        free(centres[k].around)
        free(centres[k].times)


cdef inline bint make_windows(scratch_t* s, const job_t* job, int64_t n) noexcept nogil:
    """Allocate what the windows of n centres take; return whether there was memory."""
    cdef int64_t P = job.block + 2 * job.room + 2, k
    s.x = <float**> malloc(P * sizeof(void*))
    s.own = <float**> malloc(P * sizeof(void*))
    s.covers = <int32_t*> malloc(P * sizeof(int32_t))
    s.h = <float**> malloc(n * sizeof(void*))
    s.bounds = <int32_t*> malloc(3 * n * sizeof(int32_t))
    s.scales = <float*> malloc(n * sizeof(float))
    if job.n_rows != NULL:
        s.n_rows = <float*> malloc(P * sizeof(float))
        s.around = <float*> malloc(2 * job.room * sizeof(float))
        if s.n_rows == NULL or s.around == NULL:
            return False
    if s.h == NULL or s.bounds == NULL or s.scales == NULL:
        return False
    s.turns = <int32_t*> malloc(P * sizeof(int32_t))
    s.e = <float**> malloc(2 * n * sizeof(void*))
    s.sign = <float*> malloc(2 * n * sizeof(float))
    if (s.x == NULL or s.own == NULL or s.covers == NULL or s.turns == NULL or s.e == NULL
            or s.sign == NULL):
        return False
    for k in range(2 if job.batch else 0):
        s.batches[k].windows.kept = <int32_t*> malloc(P * sizeof(int32_t))
        if s.batches[k].windows.kept == NULL:
            return False
    s.blank = <float*> aligned_alloc(job.ld * sizeof(float))
    s.twin = <float*> aligned_alloc(2 * job.ld * sizeof(float))
    if s.blank == NULL or s.twin == NULL:
        return False
    memset(s.blank, 0, job.ld * sizeof(float))
    if adds_windows_up(job, n):
        s.sums_of_words = <float*> aligned_alloc(P * VECTORS * LANES * sizeof(float))
        return s.sums_of_words != NULL
    return True


cdef inline bint make_walk(walk_t* w, const job_t* job) noexcept nogil:
    """Allocate the arrays of a walk; return whether there was memory."""
    cdef int64_t M = 2 * job.room, drawn = job.K * CHUNK
    if draws_for_pairs(job) and drawn < M * job.K:
        drawn = M * job.K
    w.words = <int32_t*> malloc((job.block + M + 2) * sizeof(int32_t))
    w.negatives = <int32_t*> malloc((drawn + 1) * sizeof(int32_t))
    w.cells = <uint64_t*> malloc((drawn + 1) * sizeof(uint64_t))
    w.sides = <int32_t*> malloc(job.block * sizeof(int32_t))
    return w.words != NULL and w.negatives != NULL and w.cells != NULL and w.sides != NULL


cdef inline bint make_scratch(scratch_t* s, const job_t* job, int64_t n_works) noexcept nogil:
    """Allocate everything in a scratch of zeros; return whether there was memory."""
    cdef int64_t M = 2 * job.room, J = max_outputs(job), each = most_numbers(job), k
    cdef work_t* work
    s.works = <work_t*> calloc(n_works, sizeof(work_t))
    if s.works == NULL or not make_walk(&s.walk, job):
        return False
    s.n_works = n_works
    if not make_centres(s.centres, job, TOGETHER, M):
        return False
    if not job.mode & SKIP_GRAM and not make_windows(s, job, n_works):
        return False
    for k in range(2 if job.batch else 0 if job.mode & SKIP_GRAM else 1):
        s.batches[k].centres = <centre_t*> calloc(n_works, sizeof(centre_t))
        if not make_centres(s.batches[k].centres, job, n_works, max_inputs(job)):
            return False
        s.batches[k].order = <centre_t**> malloc(n_works * sizeof(void*))
        s.batches[k].negatives = <int32_t*> malloc((n_works // TOGETHER + 1) * FEW
                                                   * sizeof(int32_t))
        if s.batches[k].order == NULL or s.batches[k].negatives == NULL:
            return False
    s.n_numbers = n_works * each
    s.numbers = <float*> aligned_alloc(2 * s.n_numbers * sizeof(float))
    s.sums = <float*> aligned_alloc(M * LANES * sizeof(float))
    if s.numbers == NULL or s.sums == NULL:
        return False
    memset(s.numbers, 0, 2 * s.n_numbers * sizeof(float))
    for k in range(n_works):
        work = s.works + k
        work.x = <float**> malloc((max_inputs(job) + J) * sizeof(void*))
        work.h = <float*> aligned_alloc(2 * job.ld * sizeof(float))
        if work.x == NULL or work.h == NULL:
            return False
        work.y = work.x + max_inputs(job)
        work.e = work.h + job.ld
        work.g = s.numbers + k * each
        work.z = work.g + s.n_numbers
        work.c = s.centres + k % TOGETHER
    if job.n_near:
        s.old = <float*> aligned_alloc(4 * job.n_near * job.ld * sizeof(float))
        if s.old == NULL:
            return False
        s.near_in = s.old + 2 * job.n_near * job.ld
        s.near_out = s.old + 3 * job.n_near * job.ld
    return True


cdef inline void free_scratch(scratch_t* s) noexcept nogil:
    """Free what `make_scratch` allocated, all of it or a part."""
    cdef int64_t k
    free(s.walk.words)
    free(s.walk.negatives)
    free(s.walk.cells)
    free(s.walk.sides)
    free_centres(s.centres, TOGETHER)
    for k in range(2):
        if s.batches[k].centres != NULL:
            free_centres(s.batches[k].centres, s.n_works)
        free(s.batches[k].centres)
        free(s.batches[k].windows.kept)
        free(s.batches[k].order)
        free(s.batches[k].negatives)
    free(s.x)
    free(s.own)
    free(s.covers)
    free(s.turns)
    free(s.e)
    free(s.sign)
    free(s.h)
    free(s.bounds)
    free(s.scales)
    free(s.n_rows)
    free(s.around)
    aligned_free(s.sums_of_words)
    aligned_free(s.blank)
    aligned_free(s.twin)
    for k in range(s.n_works):
        free(s.works[k].x)
        aligned_free(s.works[k].h)
    free(s.works)
    aligned_free(s.numbers)
    aligned_free(s.sums)
    aligned_free(s.old)
