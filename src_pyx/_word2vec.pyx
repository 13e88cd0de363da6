"""Word2vec over a corpus of encoded ids, one block of the corpus after the other.

V words, rows of ld floats (a multiple of 16, zeros behind the D that count), N ids of the corpus,
END = -1 between sentences.

A block is a fixed number of positions of the corpus. Its words are thinned out (`keep`), each one
that is left is a centre t with M context words c (1 <= |distance| <= b, b drawn from 1 .. window),
and J outputs o with labels: t itself (1) and K words drawn (0), or the inner nodes on the way to t
in a Huffman tree (labels 1 - code), or both. With x = W_in[c], y = W_out[o] (W_nodes[o]):

    skip-gram   z[m, j] = x[m] . y[j]              g[m, j] = alpha (label[j] - sigmoid(z[m, j]))
                x[m] += sum_j g[m, j] y[j],        y[j] += sum_m g[m, j] x[m]
    CBOW        h = sum_m x[m] [/ M], z[j] = h . y[j], g[j] likewise
                x[m] += share sum_j g[j] y[j],     y[j] += g[j] h
    loss        of a pair: -log sigmoid(z) for label 1, -log(1 - sigmoid(z)) for label 0

from the old rows of one centre. `share` is 1 / M or 1, as the gradient of the mean is taken. Drawn
words that are the target are left out; one drawn twice counts twice, as does a context of
skip-gram that comes twice. Skip-gram draws K words for all pairs of a centre, or (`fresh`) for
each pair. CBOW draws K words for each centre, or (`shared`) for TOGETHER of them, one after the
other: the h of all of them are taken first, and if K <= FEW and all rows differ, so are the z.
Context words before and after the block are those that their own block would see, so every word is
a centre once, with its whole window.

    train           blocks one after the other; parts take the next block that is left and write to
                    the same rows without asking (Hogwild): repeatable with one part only. The rows
                    of the most frequent words, the first ones, would go from core to core at every
                    centre: of them each part has copies, whose changes are added up now and then
      batch > 0     the same bits for any number of parts. Of `batch` centres the scores come first,
                    then all changes in order. Each part has columns of its own, of every row of
                    all tables: nothing but scores goes from core to core (see STRIPES)

Which centres there are: word2vec_centres.pxd. Callers have checked everything. Nothing raises but
for lack of memory.
"""
from cython.parallel cimport prange
from libc.math cimport exp as exp_double, log, log1p
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from common_gemm cimport aligned_alloc, aligned_free
from common_math cimport sigmoid_run
from common_memory cimport prefetch
from common_parallel cimport part_begin, use_pool
from word2vec_centres cimport (
    AHEAD, CHUNK, END, MEAN, N_STATS, SHARE, SKIP_GRAM, TOGETHER,
    begin_block, centre_t, draw_words, is_fresh, is_shared, job_t, list_for_all, list_for_four,
    list_for_mean, list_for_one, max_outputs, next_centre, walk_t,
)

cdef extern from "threads.h" nogil:
    int64_t fw_next(int64_t* counter) noexcept
    int64_t fw_load(int64_t* counter) noexcept
    void fw_store(int64_t* counter, int64_t value) noexcept
    bint fw_try_lock(int32_t* lock) noexcept
    void fw_unlock(int32_t* lock) noexcept
    void fw_pause_a_moment() noexcept
    void fw_give_way() noexcept
    void fw_sleep(int64_t microseconds) noexcept
    int64_t fw_microseconds() noexcept

cdef extern from "word2vec_simd.h" nogil:
    enum:
        LANES "FW_FLOAT_LANES"
        ERRORS "FW_W2V_ROW"         # whether `errors` is there
    void scores "fw_w2v_scores"(float* s, float** x, Py_ssize_t M, float** y, Py_ssize_t J,
                                Py_ssize_t n) noexcept
    void update "fw_w2v_update"(float** x, Py_ssize_t M, float** y, Py_ssize_t J, const float* g,
                                Py_ssize_t n, float* wait) noexcept
    void mean "fw_w2v_mean"(float* h, float** x, Py_ssize_t M, float scale, Py_ssize_t n) noexcept
    void scores_of "fw_w2v_scores_of"(float* s, const float* h, float** y, Py_ssize_t J,
                                      Py_ssize_t n) noexcept
    void errors "fw_w2v_errors"(float* g, const float* h, float** y, Py_ssize_t J,
                                const float* sign, const float* step, Py_ssize_t n) noexcept
    void add_to_all "fw_w2v_add_to_all"(float** x, Py_ssize_t M, const float* e,
                                        Py_ssize_t n) noexcept
    void scores_of_four "fw_w2v_scores_of_four"(float* s, float** h, float** t, float** y,
                                                Py_ssize_t J, Py_ssize_t n) noexcept
    void update_four "fw_w2v_update_four"(float** e, float** h, float** t, float** y, Py_ssize_t J,
                                          const float* g, const float* scale,
                                          Py_ssize_t n) noexcept
    void outputs "fw_w2v_outputs"(float* e, const float* h, float** y, Py_ssize_t J,
                                  const float* g, float scale, Py_ssize_t n) noexcept

cdef enum:
    NEAR = 256          # words whose rows parts have copies of, shared out among the parts
    EXCHANGE = 2048     # centres of all parts between two exchanges of these rows
    MANY = 128          # changes of a row in between, from which they are no longer added up whole
    WIDE = 1024         # a larger window asks how long the sentences are
    MOST = 8            # times that a pair of one centre counts at most
    FACTORS = 32        # probabilities above 1e-4 whose product stays far above the least double
    STRIPES = 4         # parts of the columns, each summed up by itself; no more parts have work
    MOST_PAIRS = 64     # of one word with one word each (`fresh`) in a batch
    ROUND = 8           # blocks in which nobody joins
    PATIENCE = 2000     # moments a part waits for another one before others get its core
    LEAST_NAP = 20
    LONGEST_NAP = 1000  # microseconds until a part that rests looks whether it is called
    LONGEST_REST = 256  # rounds without parts that have cost a quarter of a round

# The rows of one centre and what is computed of them.
cdef struct work_t:
    const centre_t* c
    float** x                   # (M,) rows of the contexts
    float** y                   # (J,) and of the outputs
    float* g                    # (inputs, J) scores, then coefficients
    float* z                    # (inputs, J) scores, for the loss
    float* h
    float* e

# Centres of one block that are scored before the first of them is learned.
cdef struct batch_t:
    centre_t* centres
    int64_t n
    bint usual                  # all of them are, or are TOGETHER
    bint with_loss              # some are
    float alpha
    double* stats

cdef struct scratch_t:
    walk_t walk
    centre_t centres[TOGETHER]
    int64_t n_works             # centres that can be learned at once
    work_t* works
    float* numbers              # the g of all of them, one after the other if batch > 0, then the z
    int64_t n_numbers
    float* wait
    # Of a centre with K < 8 negatives, all different: sign of a wrong answer, and -alpha * sign.
    float usual_sign[16]
    float usual_step[16]
    # With batch > 0.
    batch_t batches[2]
    int64_t waiting             # centres of CBOW whose outputs are not listed yet
    bint in_block               # whether its next centres are those of `walk`, or of block
    int64_t block, end_block
    double nobodys_stats[N_STATS]
    # Copies of the first rows of W_in and W_out.
    int32_t n_near              # 0 as long as there are none
    int64_t since               # centres since the last exchange
    float* near_in
    float* near_out
    float* old                  # (2, n_near, ld) what the copies were then


# ---- scratch

cdef inline int64_t max_inputs(const job_t* job) noexcept nogil:
    return 1 if is_fresh(job) else 2 * job.room


cdef inline int64_t most_numbers(const job_t* job) noexcept nogil:
    """Scores of a centre, or of TOGETHER, with what is written behind them."""
    cdef int64_t n = (1 if not job.mode & SKIP_GRAM else max_inputs(job)) * max_outputs(job) + 16
    return (n if n > 8 * TOGETHER else 8 * TOGETHER) // 16 * 16 + 16


cdef bint make_centres(centre_t* centres, const job_t* job, int64_t n, int64_t M) noexcept nogil:
    """`centres` are all zeros."""
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


cdef void free_centres(centre_t* centres, int64_t n) noexcept nogil:
    cdef int64_t k
    for k in range(n):
        free(centres[k].around)
        free(centres[k].times)


cdef bint make_walk(walk_t* w, const job_t* job) noexcept nogil:
    cdef int64_t M = 2 * job.room, drawn = job.K * CHUNK
    if is_fresh(job) and drawn < M * job.K:
        drawn = M * job.K
    w.words = <int32_t*> malloc((job.block + M + 2) * sizeof(int32_t))
    w.negatives = <int32_t*> malloc((drawn + 1) * sizeof(int32_t))
    w.cells = <uint64_t*> malloc((drawn + 1) * sizeof(uint64_t))
    return w.words != NULL and w.negatives != NULL and w.cells != NULL


cdef bint make_scratch(scratch_t* s, const job_t* job, int64_t n_works) noexcept nogil:
    """`s` is all zeros."""
    cdef int64_t M = 2 * job.room, J = max_outputs(job), each = most_numbers(job), k
    cdef work_t* work
    s.works = <work_t*> calloc(n_works, sizeof(work_t))
    if s.works == NULL or not make_walk(&s.walk, job):
        return False
    s.n_works = n_works
    if not make_centres(s.centres, job, TOGETHER, M):
        return False
    for k in range(2 if job.batch else 0):
        s.batches[k].centres = <centre_t*> calloc(n_works, sizeof(centre_t))
        if not make_centres(s.batches[k].centres, job, n_works, max_inputs(job)):
            return False
    s.n_numbers = n_works * each
    s.numbers = <float*> aligned_alloc(2 * s.n_numbers * sizeof(float))
    s.wait = <float*> aligned_alloc(M * LANES * sizeof(float))
    if s.numbers == NULL or s.wait == NULL:
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


cdef void free_scratch(scratch_t* s) noexcept nogil:
    cdef int64_t k
    free(s.walk.words)
    free(s.walk.negatives)
    free(s.walk.cells)
    free_centres(s.centres, TOGETHER)
    for k in range(2):
        if s.batches[k].centres != NULL:
            free_centres(s.batches[k].centres, s.n_works)
        free(s.batches[k].centres)
    for k in range(s.n_works):
        free(s.works[k].x)
        aligned_free(s.works[k].h)
    free(s.works)
    aligned_free(s.numbers)
    aligned_free(s.wait)
    aligned_free(s.old)


# ---- rows that all parts use all the time
#
# Two threads train CBOW 1.1 to 1.3 times as fast with copies as without (V = 18,000 to 38,000).

cdef inline float* input_row(const job_t* job, const scratch_t* s, int32_t id) noexcept nogil:
    return (s.near_in if id < s.n_near else job.W_in) + <Py_ssize_t> id * job.ld


cdef inline float* output_row(const job_t* job, const scratch_t* s, int32_t id) noexcept nogil:
    return (s.near_out if id < s.n_near else job.W_out) + <Py_ssize_t> id * job.ld


cdef void exchange_table(const job_t* job, float* W, float* near, float* old) noexcept nogil:
    """A row that the parts change far more than MANY times in between takes the mean of what they
    have changed, not the sum: each of them has gone most of the way alone."""
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


cdef void exchange(const job_t* job, scratch_t* s, int32_t* lock, bint wait) noexcept nogil:
    """Add what this part has changed in its copies, and take over what others have.

    If another part is at it: not now, or `wait`.
    """
    while not fw_try_lock(lock):
        if not wait:
            return
    exchange_table(job, job.W_in, s.near_in, s.old)
    if job.W_out != NULL:
        exchange_table(job, job.W_out, s.near_out, s.old + job.n_near * job.ld)
    fw_unlock(lock)
    s.since = 0


cdef void copy_near(const job_t* job, scratch_t* s, int32_t* lock) noexcept nogil:
    """The first copies."""
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


# ---- one centre, or four at once, in as many columns as `job` says

cdef inline void point_outputs(const job_t* job, const scratch_t* s, work_t* work) noexcept nogil:
    cdef const centre_t* c = work.c
    cdef int64_t j
    for j in range(c.J):
        work.y[j] = (output_row(job, s, c.rows[j]) if c.tables[j] == 1
                     else job.W_nodes + <Py_ssize_t> c.rows[j] * job.ld)


cdef inline void point_contexts(const job_t* job, const scratch_t* s, work_t* work) noexcept nogil:
    cdef int64_t m
    for m in range(work.c.M):
        work.x[m] = input_row(job, s, work.c.around[m])


cdef inline double loss_of_pair(float p, float z) noexcept nogil:
    """-log(1 - p), where p = sigmoid(z) is what the model gives the wrong label."""
    cdef double far = z
    if z > 8:
        return far + log1p(exp_double(-far))
    return -log(1 - <double> p)


cdef double loss_of(const work_t* work, double* pairs) noexcept nogil:
    """The sum over pairs; work.g holds p, work.z holds z.

    One logarithm for many pairs, log a + log b = log(a b), where p is not near 1.
    """
    cdef const centre_t* c = work.c
    cdef double total = 0, product = 1, weight
    cdef int64_t m, j, k = 0, factors = 0
    for m in range(c.inputs):
        for j in range(c.J):
            weight = <double> c.count[j] * <double> c.times[m]
            pairs[0] += weight
            if weight != 1 or work.z[k] > 8:
                total += weight * loss_of_pair(work.g[k], work.z[k])
            else:
                product *= 1 - <double> work.g[k]
                factors += 1
                if factors == FACTORS:
                    total -= log(product)
                    product = 1
                    factors = 0
            k += 1
    return total - log(product)


cdef inline void turn_scores(const scratch_t* s, const work_t* work) noexcept nogil:
    """Scores in work.g so that each speaks for the wrong label: what the sigmoid then gives is the
    size of the error, exact however small it is."""
    cdef const centre_t* c = work.c
    cdef int64_t m, j
    for j in range(c.J):
        if c.sign[j] < 0:
            for m in range(c.inputs):
                work.g[m * c.J + j] = -work.g[m * c.J + j]


cdef inline void turn_errors(const scratch_t* s, const work_t* work) noexcept nogil:
    """Sizes of errors in work.g become alpha * (label - sigmoid(score)) * times it counts.

    A pair that comes more than MOST times, which takes a vocabulary of a few words, counts MOST
    times: all its steps are taken at once.
    """
    cdef const centre_t* c = work.c
    cdef int64_t i, j, m
    cdef float times, most = MOST, step = s.usual_step[1]
    cdef bint repeated = False
    for i in range(c.inputs * c.J):
        work.g[i] *= step
    for j in range(c.J):
        if c.count[j] != 1:
            repeated = True
        if c.sign[j] < 0:
            for m in range(c.inputs):
                work.g[m * c.J + j] = -work.g[m * c.J + j]
    if repeated or c.twice:
        for m in range(c.inputs):
            for j in range(c.J):
                times = c.times[m] * c.count[j]
                work.g[m * c.J + j] *= times if times < most else most


cdef inline void coefficients(const scratch_t* s, const work_t* work,
                              double* stats) noexcept nogil:
    """Scores in work.g become coefficients."""
    cdef int64_t n = work.c.inputs * work.c.J
    turn_scores(s, work)
    if work.c.with_loss:
        memcpy(work.z, work.g, n * sizeof(float))
    sigmoid_run(work.g, work.g, n)
    if work.c.with_loss:
        stats[0] += loss_of(work, &stats[1])
    turn_errors(s, work)


cdef inline void mean_of_contexts(const job_t* job, const work_t* work) noexcept nogil:
    cdef float one = 1
    mean(work.h + job.column, work.x, work.c.M,
         one / <float> work.c.M if job.mode & MEAN else one, job.width)


cdef inline float share_of(const job_t* job, const centre_t* c) noexcept nogil:
    cdef float one = 1
    return one / <float> c.M if job.mode & SHARE else one


cdef inline void learn_mean(const job_t* job, const work_t* work) noexcept nogil:
    """The changes of a centre of CBOW."""
    cdef float* e = work.e + job.column
    outputs(e, work.h + job.column, work.y, work.c.J, work.g, share_of(job, work.c), job.width)
    add_to_all(work.x, work.c.M, e, job.width)


# Pointers to the rows of TOGETHER centres, the numbers of which are (4, 8) in the first one's g.
cdef struct four_t:
    float* h[4]
    float* e[4]
    float* t[4]
    float* y[5]                 # FEW
    float share[4]


cdef inline void point_four(const job_t* job, const scratch_t* s, const work_t* works,
                            const int32_t* negatives, four_t* four) noexcept nogil:
    cdef int64_t k
    for k in range(TOGETHER):
        four.h[k], four.e[k] = works[k].h + job.column, works[k].e + job.column
        four.t[k] = output_row(job, s, works[k].c.target)
        four.share[k] = share_of(job, works[k].c)
    for k in range(job.K):
        four.y[k] = output_row(job, s, negatives[k])


cdef inline void multiply_eights(float* g, const float* factors, int64_t n) noexcept nogil:
    """n numbers by eight factors that repeat; both have room for twice eight."""
    cdef int64_t i = 0, j
    while i < n:
        for j in range(16):
            g[i + j] *= factors[j]
        i += 16


cdef inline double loss_of_four(const job_t* job, const work_t* works,
                                double* pairs) noexcept nogil:
    """The same sum as `loss_of`, of those of TOGETHER centres that have a loss."""
    cdef int64_t k, j
    cdef double total = 0
    for k in range(TOGETHER):
        if works[k].c.with_loss:
            pairs[0] += <double> (job.K + 1)
            for j in range(8 * k, 8 * k + job.K + 1):
                total += loss_of_pair(works.g[j], works.z[j])
    return total


cdef inline void learn_four(const job_t* job, const work_t* works, four_t* four) noexcept nogil:
    """The changes of TOGETHER centres."""
    cdef int64_t k
    update_four(four.e, four.h, four.t, four.y, job.K, works.g, four.share, job.width)
    for k in range(TOGETHER):
        add_to_all(works[k].x, works[k].c.M, four.e[k], job.width)


cdef inline float alpha_of(const job_t* job, int64_t lo) noexcept nogil:
    """The learning rate of a block that begins at position lo."""
    return <float> (job.alpha + job.alpha_step * <double> lo)


cdef inline void set_steps(scratch_t* s, float alpha) noexcept nogil:
    cdef int j
    for j in range(16):
        s.usual_sign[j] = -1 if j % 8 == 0 else 1
        s.usual_step[j] = alpha if j % 8 == 0 else -alpha


# ---- blocks, one centre after the other

cdef inline void prefetch_row(const float* row, Py_ssize_t width) noexcept nogil:
    cdef Py_ssize_t d = 0
    while d < width:
        prefetch(row + d)
        d += 16


cdef inline void prefetch_ahead(const job_t* job, const scratch_t* s) noexcept nogil:
    """Rows of the centre AHEAD of the one that is next."""
    cdef const walk_t* w = &s.walk
    cdef int64_t at = w.i + AHEAD - 1, j
    cdef bint shared = is_shared(job)
    if job.K and at < w.last and w.words[at] != END:
        prefetch_row(output_row(job, s, w.words[at]), job.width)
        if at < w.drawn_to and not shared and not is_fresh(job):
            for j in range((at - w.chunk) * job.K, (at - w.chunk + 1) * job.K):
                prefetch_row(output_row(job, s, w.negatives[j]), job.width)
    if shared and w.member == 1 and w.group + 1 < w.drawn_to:
        for j in range((w.group + 1 - w.chunk) * job.K, (w.group + 2 - w.chunk) * job.K):
            prefetch_row(output_row(job, s, w.negatives[j]), job.width)
    at += job.window
    if at < w.n and w.words[at] != END:
        prefetch_row(input_row(job, s, w.words[at]), job.width)


cdef inline void learn_pairs(const job_t* job, scratch_t* s, work_t* work, float alpha,
                             double* stats) noexcept nogil:
    """All pairs of the contexts and the outputs of a centre."""
    cdef const centre_t* c = work.c
    point_contexts(job, s, work)
    point_outputs(job, s, work)
    scores(work.g, work.x, c.M, work.y, c.J, job.width)
    coefficients(s, work, stats)
    stats[2] += <double> c.pairs
    if alpha != 0:          # else held-out text is only looked at
        update(work.x, c.M, work.y, c.J, work.g, job.width, s.wait)


cdef inline void learn_each_pair(const job_t* job, scratch_t* s, float alpha,
                                 double* stats) noexcept nogil:
    """Context by context, with negatives of its own."""
    cdef centre_t* pair = s.centres + 1
    cdef int64_t m, M = s.centres.M
    draw_words(job, &s.walk, s.walk.drawn, M * job.K)
    s.walk.drawn += <uint64_t> (M * job.K)
    for m in range(M):
        list_for_one(job, pair, s.centres, m, s.walk.negatives + m * job.K)
        learn_pairs(job, s, s.works + 1, alpha, stats)


cdef inline void learn_means(const job_t* job, scratch_t* s, int64_t n, float alpha,
                             double* stats) noexcept nogil:
    """n <= TOGETHER centres of CBOW, whose means were taken before any of them is learned."""
    cdef int64_t k
    cdef four_t four
    cdef work_t* work
    if is_shared(job) and list_for_four(job, s.centres, n):
        point_four(job, s, s.works, s.centres.negatives, &four)
        scores_of_four(s.works.g, four.h, four.t, four.y, job.K, job.width)
        multiply_eights(s.works.g, s.usual_sign, TOGETHER * 8)
        memcpy(s.works.z, s.works.g, TOGETHER * 8 * sizeof(float))
        sigmoid_run(s.works.g, s.works.g, TOGETHER * 8)
        stats[0] += loss_of_four(job, s.works, &stats[1])
        multiply_eights(s.works.g, s.usual_step, TOGETHER * 8)
        stats[2] += <double> (TOGETHER * (job.K + 1))
        if alpha != 0:
            learn_four(job, s.works, &four)
        return
    for k in range(n):
        work = s.works + k
        list_for_mean(job, s.centres + k)
        point_outputs(job, s, work)
        stats[2] += <double> work.c.pairs
        if ERRORS and work.c.usual and not work.c.with_loss:
            errors(work.g, work.h, work.y, work.c.J, s.usual_sign, s.usual_step, job.width)
        else:
            scores_of(work.g, work.h, work.y, work.c.J, job.width)
            coefficients(s, work, stats)
        if alpha != 0:
            learn_mean(job, work)


cdef void learn_block(const job_t* job, scratch_t* s, int32_t* lock, int64_t b) noexcept nogil:
    cdef double* stats = job.stats + (b - job.first_block) * N_STATS
    cdef float alpha
    cdef int64_t together = TOGETHER if is_shared(job) else 1, waiting = 0
    cdef work_t* work
    begin_block(job, &s.walk, b)
    alpha = alpha_of(job, s.walk.lo)
    set_steps(s, alpha)
    while next_centre(job, &s.walk, s.centres + waiting):
        if job.far:
            prefetch_ahead(job, s)
        s.since += 1
        if s.n_near and s.since >= job.exchange_every and waiting == 0:
            exchange(job, s, lock, s.since >= 4 * job.exchange_every)
        if is_fresh(job):
            learn_each_pair(job, s, alpha, stats)
        elif job.mode & SKIP_GRAM:
            list_for_all(job, s.centres)
            learn_pairs(job, s, s.works, alpha, stats)
        else:
            work = s.works + waiting
            point_contexts(job, s, work)
            mean_of_contexts(job, work)
            waiting += 1
            if waiting == together:
                learn_means(job, s, waiting, alpha, stats)
                waiting = 0
    if waiting:
        learn_means(job, s, waiting, alpha, stats)
    stats[3] += <double> s.walk.centres


cdef void train_part(const job_t* job, scratch_t* s, int32_t* lock, int64_t* next_block,
                     int64_t last) noexcept nogil:
    cdef int64_t b = fw_next(next_block)
    if job.n_near:
        copy_near(job, s, lock)
    while b < last:
        learn_block(job, s, lock, b)
        b = fw_next(next_block)
    if job.n_near:
        exchange(job, s, lock, True)


# ---- the same bits from any number of parts
#
# The columns are cut into stripes. A part owns some of them, of all rows: it alone reads and writes
# them, and no row goes from core to core. (Nor should a core ask for the columns beside its own by
# itself, as they do with what comes next in memory: where there are several parts, each stripe is a
# table of its own.) All parts go through the same centres, batch by batch: each computes its share
# of the scores, finds the centres of the next batch while it waits for the others, adds up all
# shares in the order of stripes, and changes its columns. A part that works alone owns all stripes
# and adds up the same numbers.
#
# The first part that comes leads. Who has come when a round of blocks begins takes part in it; who
# never comes (a program without threads computes its parts one after the other) is not waited for.
# One that others have to wait for, as its core is wanted elsewhere, is left out for a while.

# One for each part, in cache lines of their own.
cdef struct seat_t:
    int64_t arrived             # how often its part has come where all meet
    int64_t called              # the last round it is to take part in
    int64_t unused[14]

cdef struct team_t:
    int64_t entered             # parts that have come
    int64_t over
    # What the leader says before each round.
    int64_t round, members, arrived
    int64_t first, last         # its blocks
    int64_t n_stripes
    job_t stripes[STRIPES]
    float* partial              # (2, STRIPES, n_partial) scores of two batches
    int64_t n_partial
    seat_t* seats               # (STRIPES,)


cdef inline int64_t count_stripes(Py_ssize_t ld) noexcept nogil:
    """Few: each score is a sum of one number from each."""
    return 1 if ld < 32 else 2 if ld < 256 else STRIPES


cdef inline Py_ssize_t stripe_begin(Py_ssize_t ld, int64_t q) noexcept nogil:
    """The first ones are the wider ones."""
    cdef int64_t n = count_stripes(ld)
    return (q * (ld // 16) + n - 1) // n * 16


cdef inline Py_ssize_t stripe_step(Py_ssize_t ld, int64_t q) noexcept nogil:
    """From row to row in the table of a stripe: an odd number of cache lines. With an even one rows
    compete for fewer places in a cache (with 4 instead of 5 scores took 1.17 times as long)."""
    return (stripe_begin(ld, q + 1) - stripe_begin(ld, q)) // 16 // 2 * 32 + 16


cdef void make_stripes(job_t* stripes, const job_t* job, Py_ssize_t n_rows, Py_ssize_t n_nodes,
                       bint apart) noexcept nogil:
    """What is to be done in each stripe; `apart`: each of them is a table of its own."""
    cdef int64_t q
    cdef Py_ssize_t at = 0          # numbers in a row of all tables so far
    cdef job_t* stripe
    for q in range(count_stripes(job.ld)):
        stripe = stripes + q
        stripe[0] = job[0]
        stripe.column = stripe_begin(job.ld, q)
        stripe.width = stripe_begin(job.ld, q + 1) - stripe.column
        stripe.ld = stripe_step(job.ld, q) if apart else job.ld
        stripe.W_in += at * n_rows if apart else stripe.column
        if job.W_out != NULL:
            stripe.W_out += at * n_rows if apart else stripe.column
        if job.W_nodes != NULL:
            stripe.W_nodes += at * n_nodes if apart else stripe.column
        at += stripe_step(job.ld, q)


cdef void collect_pairs(const job_t* job, scratch_t* s, batch_t* batch) noexcept nogil:
    """Each context of a centre by itself."""
    cdef int64_t m, M = s.centres.M
    cdef centre_t* pair
    draw_words(job, &s.walk, s.walk.drawn, M * job.K)
    s.walk.drawn += <uint64_t> (M * job.K)
    for m in range(M):
        pair = batch.centres + batch.n
        list_for_one(job, pair, s.centres, m, s.walk.negatives + m * job.K)
        batch.stats[2] += <double> pair.pairs
        batch.n += 1


cdef void collect_means(const job_t* job, scratch_t* s, batch_t* batch) noexcept nogil:
    """The outputs of the centres of CBOW that wait for them."""
    cdef centre_t* centres = batch.centres + batch.n - s.waiting
    cdef int64_t k
    if not (is_shared(job) and list_for_four(job, centres, s.waiting)):
        for k in range(s.waiting):
            list_for_mean(job, centres + k)
    for k in range(s.waiting):
        batch.stats[2] += <double> centres[k].pairs
    s.waiting = 0


cdef bint collect_centre(const job_t* job, scratch_t* s, batch_t* batch) noexcept nogil:
    """The next centre of the block, if there is one."""
    cdef centre_t* c = &s.centres[0] if is_fresh(job) else batch.centres + batch.n
    if not next_centre(job, &s.walk, c):
        return False
    if is_fresh(job):
        collect_pairs(job, s, batch)
        return True
    batch.n += 1
    if job.mode & SKIP_GRAM:
        list_for_all(job, c)
        batch.stats[2] += <double> c.pairs
        return True
    s.waiting += 1
    if s.waiting == (TOGETHER if is_shared(job) else 1):
        collect_means(job, s, batch)
    return True


cdef inline int64_t most_collected(const job_t* job) noexcept nogil:
    return min(<int64_t> MOST_PAIRS, 4 * job.batch) if is_fresh(job) else job.batch


cdef void collect(const job_t* job, scratch_t* s, batch_t* batch, bint leads) noexcept nogil:
    """The next batch; one without centres behind the last block."""
    batch.n = 0
    while batch.n == 0:
        if not s.in_block:
            if s.block == s.end_block:
                return
            begin_block(job, &s.walk, s.block)
            s.in_block = True
        batch.alpha = alpha_of(job, s.walk.lo)
        batch.stats = (job.stats + (s.block - job.first_block) * N_STATS if leads
                       else s.nobodys_stats)
        while batch.n < most_collected(job) or s.waiting:
            if not collect_centre(job, s, batch):
                if s.waiting:
                    collect_means(job, s, batch)
                batch.stats[3] += <double> s.walk.centres
                s.in_block = False
                s.block += 1
                break


cdef int64_t place_scores(batch_t* batch, scratch_t* s) noexcept nogil:
    """One centre's after the other's, those of TOGETHER with the first one; returns how many."""
    cdef int64_t k = 0, i, n = 0, step
    cdef const centre_t* c
    batch.usual = True
    batch.with_loss = False
    while k < batch.n:
        c = batch.centres + k
        step = TOGETHER if c.four else 1
        if not (c.usual or c.four):
            batch.usual = False
        for i in range(k, k + step):
            s.works[i].c = batch.centres + i
            s.works[i].g, s.works[i].z = s.numbers + n, s.numbers + s.n_numbers + n
            if batch.centres[i].with_loss:
                batch.with_loss = True
        n += 8 * TOGETHER if c.four else (c.inputs * c.J + 7) // 8 * 8
        k += step
    return n


cdef void score_batch(const job_t* job, scratch_t* s, int64_t n, float* partial) noexcept nogil:
    """What a stripe adds to the scores of n centres."""
    cdef int64_t k = 0, i
    cdef four_t four
    cdef work_t* work
    cdef float* to
    while k < n:
        work = s.works + k
        to = partial + (work.g - s.numbers)
        if work.c.four:
            for i in range(TOGETHER):
                point_contexts(job, s, work + i)
                mean_of_contexts(job, work + i)
            point_four(job, s, work, work.c.rows + 1, &four)
            scores_of_four(to, four.h, four.t, four.y, job.K, job.width)
            k += TOGETHER
            continue
        point_contexts(job, s, work)
        point_outputs(job, s, work)
        if job.mode & SKIP_GRAM:
            scores(to, work.x, work.c.M, work.y, work.c.J, job.width)
        else:
            mean_of_contexts(job, work)
            scores_of(to, work.h + job.column, work.y, work.c.J, job.width)
        k += 1


cdef void add_losses(const job_t* job, scratch_t* s, const batch_t* batch) noexcept nogil:
    cdef int64_t k = 0
    while k < batch.n:
        if batch.centres[k].four:
            batch.stats[0] += loss_of_four(job, s.works + k, &batch.stats[1])
            k += TOGETHER
            continue
        if batch.centres[k].with_loss:
            batch.stats[0] += loss_of(s.works + k, &batch.stats[1])
        k += 1


cdef void turn_batch(scratch_t* s, const batch_t* batch, bint errors) noexcept nogil:
    """`turn_scores` or `turn_errors` of all centres, some of which may be TOGETHER."""
    cdef int64_t k = 0
    while k < batch.n:
        if batch.centres[k].four:
            multiply_eights(s.works[k].g, &s.usual_step[0] if errors else &s.usual_sign[0],
                            8 * TOGETHER)
            k += TOGETHER
            continue
        if errors:
            turn_errors(s, s.works + k)
        else:
            turn_scores(s, s.works + k)
        k += 1


cdef void finish_scores(const job_t* job, scratch_t* s, const batch_t* batch, const float* partial,
                        int64_t n_partial, int64_t n, bint leads) noexcept nogil:
    """Coefficients from the n scores of all stripes."""
    cdef int64_t i, q, n_stripes = count_stripes(job.ld)
    cdef float* g = s.numbers
    if n_stripes == 2:
        for i in range(n):
            g[i] = partial[i] + partial[n_partial + i]
    else:
        memcpy(g, partial, n * sizeof(float))
        for q in range(1, n_stripes):
            for i in range(n):
                g[i] += partial[q * n_partial + i]
    set_steps(s, batch.alpha)
    if batch.usual:
        multiply_eights(g, s.usual_sign, n)
    else:
        turn_batch(s, batch, False)
    if batch.with_loss and leads:
        memcpy(g + s.n_numbers, g, n * sizeof(float))
    sigmoid_run(g, g, n)
    if batch.with_loss and leads:
        add_losses(job, s, batch)
    if batch.usual:
        multiply_eights(g, s.usual_step, n)
    else:
        turn_batch(s, batch, True)


cdef inline void prefetch_centre(const job_t* job, const centre_t* c) noexcept nogil:
    cdef int64_t i
    for i in range(max(c.M - c.n_new, <int64_t> 0), c.M):
        prefetch_row(job.W_in + <Py_ssize_t> c.around[i] * job.ld, job.width)
    for i in range(c.J):
        if c.tables[i] == 1:
            prefetch_row(job.W_out + <Py_ssize_t> c.rows[i] * job.ld, job.width)
        else:
            prefetch_row(job.W_nodes + <Py_ssize_t> c.rows[i] * job.ld, job.width)


cdef void learn_batch(const job_t* job, scratch_t* s, int64_t n, bint pointed,
                      const centre_t* following, int64_t n_following) noexcept nogil:
    """The changes of n centres in a stripe; rows of those that follow are asked for meanwhile.

    pointed: the rows of this stripe were the last ones that were scored.
    """
    cdef int64_t k = 0, i, step
    cdef four_t four
    cdef work_t* work
    while k < n:
        work = s.works + k
        step = TOGETHER if work.c.four else 1
        for i in range(k, k + step):
            if job.far and i < n_following:
                prefetch_centre(job, following + i)
            if not pointed:
                point_contexts(job, s, s.works + i)
        if work.c.four:
            point_four(job, s, work, work.c.rows + 1, &four)
            learn_four(job, work, &four)
            k += step
            continue
        if not pointed:
            point_outputs(job, s, work)
        if job.mode & SKIP_GRAM:
            update(work.x, work.c.M, work.y, work.c.J, work.g, job.width, s.wait)
        else:
            learn_mean(job, work)
        k += step


cdef inline void arrive(team_t* team, int64_t me, int64_t* arrived) noexcept nogil:
    arrived[0] += 1
    fw_store(&team.seats[me].arrived, arrived[0])


cdef int64_t wait_for_all(team_t* team, int64_t members, int64_t arrived) noexcept nogil:
    """Until that many members have arrived so often; returns how long that took, if it took long:
    the microseconds in which others had the core."""
    cdef int64_t k, moments = 0, began = 0
    for k in range(members):
        while fw_load(&team.seats[k].arrived) < arrived:
            moments += 1
            if moments < PATIENCE:
                fw_pause_a_moment()
                continue
            if began == 0:
                began = fw_microseconds()
            fw_give_way()
    return fw_microseconds() - began if began else 0


cdef int64_t train_round(const job_t* job, scratch_t* s, team_t* team,
                         int64_t me) noexcept nogil:
    """What `me` has to do in a round; returns for how many microseconds others had its core."""
    cdef int64_t members = team.members     # which the leader may change when all have arrived
    cdef int64_t first = part_begin(me, members, team.n_stripes)
    cdef int64_t last = part_begin(me + 1, members, team.n_stripes)
    cdef int64_t arrived = team.arrived, lost = 0, n_scores, turn = 0, q
    cdef bint leads = me == 0
    cdef batch_t* batch = s.batches
    cdef batch_t* following
    cdef float* partial
    cdef job_t mine = job[0]
    if not leads:
        mine.touched_in = NULL      # the leader counts
    s.block, s.end_block = team.first, team.last
    collect(&mine, s, batch, leads)
    while batch.n:
        partial = team.partial + turn * STRIPES * team.n_partial
        n_scores = place_scores(batch, s)
        for q in range(first, last):
            score_batch(team.stripes + q, s, batch.n, partial + q * team.n_partial)
        arrive(team, me, &arrived)
        turn = 1 - turn
        following = s.batches + turn
        collect(&mine, s, following, leads)
        lost += wait_for_all(team, members, arrived)
        finish_scores(job, s, batch, partial, team.n_partial, n_scores, leads)
        if batch.alpha != 0:
            for q in range(last - 1, first - 1, -1):
                learn_batch(team.stripes + q, s, batch.n, q == last - 1, following.centres,
                            following.n)
        batch = following
    arrive(team, me, &arrived)
    return lost + wait_for_all(team, members, arrived)


# How it was in the last call: other programs may want the cores for long.
cdef int64_t last_rest = 0, last_resting = 0


cdef void lead(const job_t* job, scratch_t* s, team_t* team, int64_t last) noexcept nogil:
    """Rounds up to block `last`.

    Where a round has waited for parts a quarter of its time, they rest for some rounds; for more
    of them each time, and for one less after each round that went well.
    """
    cdef int64_t k, rest = fw_load(&last_rest), resting = fw_load(&last_resting), began
    team.first = job.first_block
    while team.first < last:
        team.last = min(team.first + ROUND, last)
        team.members = min(fw_load(&team.entered), job.n_parts, team.n_stripes)
        if resting:
            resting -= 1
            team.members = 1
        team.round += 1
        for k in range(1, team.members):
            fw_store(&team.seats[k].called, team.round)
        began = fw_microseconds()
        if 4 * train_round(job, s, team, 0) > fw_microseconds() - began:
            rest = min(2 * rest + 1, <int64_t> LONGEST_REST)
            resting = rest
        elif team.members > 1 and rest:
            rest -= 1
        team.arrived = team.seats[0].arrived
        team.first = team.last
    fw_store(&team.over, 1)
    fw_store(&last_rest, rest)
    fw_store(&last_resting, resting)


cdef void follow(const job_t* job, scratch_t* s, team_t* team, int64_t me) noexcept nogil:
    """Rounds that member `me` is called to, until it is over."""
    cdef int64_t seen = 0, called, moments = 0, nap = LEAST_NAP
    while not fw_load(&team.over):
        called = fw_load(&team.seats[me].called)
        if called > seen:
            seen = called
            train_round(job, s, team, me)
            moments, nap = 0, LEAST_NAP
        elif moments < PATIENCE:
            moments += 1
            fw_pause_a_moment()
        else:
            fw_sleep(nap)
            nap = min(2 * nap, <int64_t> LONGEST_NAP)


cdef void team_part(const job_t* job, scratch_t* s, team_t* team, int64_t last) noexcept nogil:
    cdef int64_t me = fw_next(&team.entered)
    if me == 0:
        lead(job, s, team, last)
    elif me < team.n_stripes:
        follow(job, s + me, team, me)


# ---- entries

cdef int64_t longest_sentence(const int32_t* ids, int64_t N) noexcept nogil:
    cdef int64_t n, length = 0, longest = 0
    for n in range(N):
        length = length + 1 if ids[n] != END else 0
        if length > longest:
            longest = length
    return longest


cdef int set_job(job_t* job, float[:, ::1] W_in, float[:, ::1] W_out, float[:, ::1] W_nodes,
                 double[:, ::1] stats, uint32_t[::1] touched_in, uint32_t[::1] touched_out,
                 uint32_t[::1] touched_nodes, const int32_t[::1] ids, const uint32_t[::1] keep,
                 const uint32_t[:, ::1] alias, const int32_t[::1] points,
                 const uint8_t[::1] codes, const int64_t[::1] ways) except -1:
    """Pointers to what there is; an empty array means none."""
    memset(job, 0, sizeof(job_t))
    job.N = ids.shape[0]
    job.V = <uint64_t> alias.shape[0]
    job.W_in, job.ids, job.stats = &W_in[0, 0], &ids[0], &stats[0, 0]
    if W_out.shape[0]:
        job.W_out, job.alias = &W_out[0, 0], &alias[0, 0]
    if ways.shape[0]:
        job.W_nodes, job.points = &W_nodes[0, 0], &points[0]
        job.codes, job.ways = &codes[0], &ways[0]
    if keep.shape[0]:
        job.keep = &keep[0]
    if touched_in.shape[0]:
        job.touched_in = &touched_in[0]
        if W_out.shape[0]:
            job.touched_out = &touched_out[0]
        if W_nodes.shape[0]:
            job.touched_nodes = &touched_nodes[0]
    job.far = W_in.size * <Py_ssize_t> sizeof(float) > 1 << 18
    return 0


cdef int train_freely(job_t* job, int64_t last) except -1:
    cdef Py_ssize_t p, n_parts = job.n_parts
    cdef scratch_t* s = <scratch_t*> calloc(n_parts, sizeof(scratch_t))
    cdef int64_t next_block = job.first_block
    cdef bint made = s != NULL
    cdef int32_t lock = 0
    for p in range(n_parts):
        made = made and make_scratch(s + p, job, TOGETHER)
    if made:
        with nogil:
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                train_part(job, s + p, &lock, &next_block, last)
    if s != NULL:
        for p in range(n_parts):
            free_scratch(s + p)
    free(s)
    return check_made(job, made)


cdef int train_in_stripes(job_t* job, int64_t last, Py_ssize_t n_rows, Py_ssize_t n_nodes,
                          bint apart) except -1:
    cdef Py_ssize_t p, _p, n_parts = job.n_parts
    cdef Py_ssize_t n_members = min(n_parts, <Py_ssize_t> count_stripes(job.ld))
    # All contexts of a centre, or TOGETHER centres, are collected at once.
    cdef int64_t n_works = most_collected(job) + (2 * job.room if is_fresh(job) else TOGETHER)
    cdef scratch_t* s = <scratch_t*> calloc(n_members, sizeof(scratch_t))
    cdef bint made = s != NULL
    cdef size_t size
    cdef team_t team
    memset(&team, 0, sizeof(team_t))
    team.seats = <seat_t*> aligned_alloc(STRIPES * sizeof(seat_t))
    made = made and team.seats != NULL
    team.n_stripes = count_stripes(job.ld)
    make_stripes(team.stripes, job, n_rows, n_nodes, apart)
    for p in range(n_members):
        made = made and make_scratch(s + p, job, n_works)
    if made:
        team.n_partial = s.n_numbers
        size = 2 * STRIPES * team.n_partial * sizeof(float)
        team.partial = <float*> aligned_alloc(size)
        made = team.partial != NULL
    if made:
        memset(team.partial, 0, size)
        memset(team.seats, 0, STRIPES * sizeof(seat_t))
        with nogil:
            for _p in prange(n_parts, num_threads=n_parts, schedule="static"):
                team_part(job, s, &team, last)
    aligned_free(team.partial)
    aligned_free(team.seats)
    if s != NULL:
        for p in range(n_members):
            free_scratch(s + p)
    free(s)
    return check_made(job, made)


cdef int check_made(const job_t* job, bint made) except -1:
    if not made:
        raise MemoryError(
            f"train: no memory for windows of {job.window} words in blocks of {job.block}"
        )
    return 0


def n_stats():
    """Numbers kept of each block: loss, pairs in it, all pairs, centres."""
    return N_STATS


def stripes(Py_ssize_t ld):
    """(first column, column behind the last one, numbers from row to row in a table of its own) of
    the stripes of a table with rows of ld numbers."""
    return [(stripe_begin(ld, q), stripe_begin(ld, q + 1), stripe_step(ld, q))
            for q in range(count_stripes(ld))]


def most_near():
    """How many of the most frequent words `train` can make use of."""
    return NEAR


def train(float[:, ::1] W_in,               # OUT (V, ld) in place, as the two below
          float[:, ::1] W_out,              # OUT (V, ld), empty where negative is 0
          float[:, ::1] W_nodes,            # OUT (nodes, ld), empty without `ways`
          double[:, ::1] stats,             # OUT (last - first, n_stats()), added to
          uint32_t[::1] touched_in,         # OUT (V,) changes of each row, added to; or empty
          uint32_t[::1] touched_out,        # OUT (V,) likewise
          uint32_t[::1] touched_nodes,      # OUT (nodes,) likewise
          const int32_t[::1] ids,           # IN  (N,) N > 0
          const uint32_t[::1] keep,         # IN  (V,) or empty
          const uint32_t[:, ::1] alias,     # IN  (V, 2), empty where negative is 0
          const int32_t[::1] points,        # IN  inner nodes of all words
          const uint8_t[::1] codes,         # IN  the turns taken there
          const int64_t[::1] ways,          # IN  (V + 1,) or empty
          int64_t longest,                  # nodes of the longest way
          const float[::1] near,            # IN  share of the text of the most frequent words, if
                                            #     they are the first ones; or empty
          int64_t window,
          int64_t negative,
          int mode,
          uint64_t key,
          int64_t block,
          int64_t first,
          int64_t last,
          double alpha,
          double alpha_step,
          int64_t loss_every,
          int64_t batch,
          Py_ssize_t ld,                    # numbers of a row: W_in.shape[1], unless
          bint apart,                       # with `batch`: the tables of all stripes (`stripes`),
                                            #     one after the other, (V, sum of steps) in all
          Py_ssize_t n_parts):
    """Blocks [first, last) of the corpus."""
    cdef job_t job
    if first >= last:
        return
    set_job(&job, W_in, W_out, W_nodes, stats, touched_in, touched_out, touched_nodes, ids, keep,
            alias, points, codes, ways)
    job.longest, job.window, job.K, job.mode, job.key = longest, window, negative, mode, key
    job.block, job.first_block, job.loss_every = block, first, loss_every
    job.alpha, job.alpha_step, job.batch, job.ld, job.width = alpha, alpha_step, batch, ld, ld
    job.n_parts, job.room = n_parts, window
    if window > WIDE:
        with nogil:
            job.room = min(window, longest_sentence(job.ids, job.N))
    if batch:
        train_in_stripes(&job, last, W_in.shape[0], W_nodes.shape[0], apart)
        return
    if n_parts > 1 and near.shape[0] and (alpha != 0 or alpha_step != 0):
        job.n_near = <int32_t> min(NEAR // n_parts, near.shape[0])
        job.near_share = &near[0]
        job.exchange_every = max(EXCHANGE // n_parts, 1)
    train_freely(&job, last)


use_pool()
