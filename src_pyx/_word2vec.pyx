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
      frozen        rounds of GROUP blocks: first all of them against rows that stand still, then
                    each row's changes, in the order of blocks, by the part that owns the row: the
                    same bits for any number of parts (see MOST)

Draws depend on (key, position) for thinning and on (key, block) for the rest. Callers have checked
everything. Nothing raises but for lack of memory.
"""
from cython.parallel cimport prange
from libc.math cimport exp as exp_double, log, log1p
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from common_alias cimport cell_of, id_of
from common_gemm cimport aligned_alloc, aligned_free
from common_math cimport sigmoid_run
from common_memory cimport prefetch
from common_parallel cimport use_pool
from common_rng cimport draw as bits_of, row_stream

cdef extern from "word2vec_simd.h" nogil:
    enum:
        LANES "FW_FLOAT_LANES"
        ERRORS "FW_W2V_ROW"         # whether `errors` is there
    int64_t fw_next(int64_t* counter) noexcept
    void fw_count(uint32_t* counter) noexcept
    bint fw_try_lock(int32_t* lock) noexcept
    void fw_unlock(int32_t* lock) noexcept
    void scores "fw_w2v_scores"(float* s, float** x, Py_ssize_t M, float** y, Py_ssize_t J,
                                Py_ssize_t n) noexcept
    void update "fw_w2v_update"(float** x, Py_ssize_t M, float** y, Py_ssize_t J, const float* g,
                                Py_ssize_t n, float* wait) noexcept
    void deltas "fw_w2v_deltas"(float** dx, float** dy, float** x, Py_ssize_t M, float** y,
                                Py_ssize_t J, const float* g, Py_ssize_t n, float* wait) noexcept
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
    void gather "fw_w2v_gather"(float* e, const float* h, float** y, Py_ssize_t J,
                                const float* g, float scale, Py_ssize_t n) noexcept
    void add "fw_w2v_add"(float* row, const float* e, float scale, Py_ssize_t n) noexcept

cdef enum:
    END = -1
    CHUNK = 256         # centres whose negatives are drawn at once
    AHEAD = 3           # centres between the prefetch of a row and its use
    NEAR = 256          # words whose rows parts have copies of, shared out among the parts
    EXCHANGE = 2048     # centres of all parts between two exchanges of these rows
    MANY = 128          # changes of a row in between, from which they are no longer added up whole
    TOGETHER = 4        # centres of CBOW that share their negatives
    WIDE = 1024         # a larger window asks how long the sentences are
    FEW = 5             # negatives that `update_four` can take
    GROUP = 8           # blocks of a round, and so the most parts that have work in it
    MOST = 8            # steps from the same place that are simply added up
    USUAL = 6           # pairs that make a change of a row: K = 5, or window = 5
    FACTORS = 32        # probabilities above 1e-4 whose product stays far above the least double
    N_STATS = 4         # of a block: loss, pairs in it, all pairs, centres

# What a model is: bits of `mode`.
cdef enum:
    SKIP_GRAM = 1       # else CBOW
    MEAN = 2            # h is the mean of the contexts, else their sum
    SHARE = 4           # a context gets e / M, else e
    SHRINK = 8          # windows are drawn, else all of them are whole
    FRESH = 16          # skip-gram draws negatives for each pair
    SHARED = 32         # CBOW draws negatives once for TOGETHER centres

cdef struct job_t:
    float* W_in
    float* W_out
    float* W_nodes
    Py_ssize_t ld
    const int32_t* ids
    int64_t N
    const uint32_t* keep        # NULL: all; else a word stays if 32 bits do not exceed keep[id]
    const uint32_t* alias       # (V, 2), see common_alias.pxd
    uint64_t V
    const int32_t* points       # inner nodes of all words, one way after the other
    const uint8_t* codes
    const int64_t* ways         # (V + 1,) where each begins; NULL without hierarchical softmax
    int64_t window, K, longest
    int64_t room                # words that can stand on one side of a centre
    int mode
    uint64_t key
    int64_t block, first_block
    double alpha, alpha_step    # of a position: alpha + alpha_step * position
    int64_t loss_every          # the loss of every so many centres is taken; 0: of none
    double* stats               # (blocks, N_STATS)
    uint32_t* touched_in        # NULL, or how often rows were changed
    uint32_t* touched_out
    uint32_t* touched_nodes
    Py_ssize_t n_rows           # of W_in, the largest of the tables
    int32_t n_near              # words whose rows are copied; 0: of none
    const float* near_share     # (n_near,) of each, how much of the text it is
    int64_t exchange_every      # centres of a part
    Py_ssize_t n_parts
    bint far                    # whether rows come from beyond the nearest cache

# One change of a row: row += scale * numbers[delta].
cdef struct change_t:
    int32_t row
    int32_t table               # 0 W_in, 1 W_out, 2 W_nodes
    int32_t delta
    float scale
    float weight                # how many usual changes it is made of

# A centre with its contexts and outputs.
cdef struct centre_t:
    int32_t* around             # (M,) the contexts
    float* times                # (M,) how often each comes, and whether one comes twice
    bint twice
    float** x
    float** y
    int32_t* rows               # (J,) the outputs' rows, and which table they are of
    int32_t* tables
    float* sign                 # (J,) -1 for label 1, 1 for label 0
    float* count                # (J,) how often it was drawn
    float* g                    # (M, J) scores, then coefficients
    float* z                    # (M, J) scores, for the loss
    float* h
    float* e
    int64_t M, J
    int32_t target
    bint with_loss

cdef struct scratch_t:
    int32_t* words              # what is left of a block, with its surroundings
    centre_t centres[TOGETHER]
    # With negatives only, K < 8 of them, all different and none the target: sign and -alpha * sign.
    int64_t usual               # K + 1, or 0 for never
    float usual_sign[16]
    float usual_step[16]
    int32_t* negatives
    uint64_t* cells
    float** dx
    float** dy
    float* wait
    # Copies of the first rows of W_in and W_out.
    int32_t n_near              # 0 as long as there are none
    int64_t since               # centres since the last exchange
    float* near_in
    float* near_out
    float* old                  # (2, n_near, ld) what the copies were then
    # frozen rounds
    float* numbers              # (max_deltas, ld)
    change_t* changes
    int64_t n_deltas, n_changes


# ---- scratch

cdef inline int64_t max_outputs(const job_t* job) noexcept nogil:
    return job.longest + (job.K + 1 if job.K else 0)


cdef bint make_scratch(scratch_t* s, const job_t* job, bint frozen) noexcept nogil:
    cdef int64_t M = 2 * job.room, J = max_outputs(job), drawn = job.K * CHUNK
    cdef int64_t centres = job.block, each, k
    cdef centre_t* c
    if job.mode & FRESH and drawn < M * job.K:
        drawn = M * job.K
    memset(s, 0, sizeof(scratch_t))
    s.words = <int32_t*> malloc((job.block + M + 2) * sizeof(int32_t))
    s.negatives = <int32_t*> malloc((drawn + 1) * sizeof(int32_t))
    s.cells = <uint64_t*> malloc((drawn + 1) * sizeof(uint64_t))
    s.dx = <float**> malloc((M + J) * sizeof(void*))
    s.wait = <float*> aligned_alloc(M * LANES * sizeof(float))
    if s.words == NULL or s.negatives == NULL or s.cells == NULL or s.dx == NULL or s.wait == NULL:
        return False
    s.dy = s.dx + M
    for k in range(TOGETHER):
        c = s.centres + k
        c.around = <int32_t*> malloc((M + 1 + 2 * J) * sizeof(int32_t))
        c.x = <float**> malloc((M + 1 + J) * sizeof(void*))
        c.sign = <float*> malloc((2 * J + M) * sizeof(float))
        c.g = <float*> aligned_alloc(2 * (M * J + 32) * sizeof(float))
        c.h = <float*> aligned_alloc(2 * job.ld * sizeof(float))
        if c.around == NULL or c.x == NULL or c.sign == NULL or c.g == NULL or c.h == NULL:
            return False
        c.rows = c.around + M + 1
        c.tables = c.rows + J
        c.y = c.x + M + 1
        c.count = c.sign + J
        c.times = c.count + J
        c.z = c.g + M * J + 32
        c.e = c.h + job.ld
    if job.n_near:
        s.old = <float*> aligned_alloc(4 * job.n_near * job.ld * sizeof(float))
        if s.old == NULL:
            return False
        s.near_in = s.old + 2 * job.n_near * job.ld
        s.near_out = s.old + 3 * job.n_near * job.ld
    if frozen:
        # FRESH: each of the M pairs has outputs of its own, and their deltas.
        each = M * (J + 1) if job.mode & FRESH else M + J
        s.changes = <change_t*> malloc(centres * each * sizeof(change_t))
        if not job.mode & SKIP_GRAM:
            each = 2
        s.numbers = <float*> aligned_alloc(centres * each * job.ld * sizeof(float))
        if s.changes == NULL or s.numbers == NULL:
            return False
    return True


cdef void free_scratch(scratch_t* s) noexcept nogil:
    cdef int64_t k
    for k in range(TOGETHER):
        free(s.centres[k].around)
        free(s.centres[k].x)
        free(s.centres[k].sign)
        aligned_free(s.centres[k].g)
        aligned_free(s.centres[k].h)
    free(s.words)
    free(s.negatives)
    free(s.cells)
    free(s.dx)
    aligned_free(s.wait)
    aligned_free(s.old)
    free(s.changes)
    aligned_free(s.numbers)


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


# ---- the words of a block

cdef inline bint stays(const job_t* job, uint64_t stream, int64_t n) noexcept nogil:
    return (job.keep == NULL
            or <uint32_t> (bits_of(stream, <uint64_t> n) >> 32) <= job.keep[job.ids[n]])


cdef int64_t gather_words(const job_t* job, int32_t* words, int64_t lo, int64_t hi,
                          int64_t* first, int64_t* last) noexcept nogil:
    """Thin out positions [lo, hi) and their surroundings; returns how many words there are.

    words[first : last] are those of the block. Up to `window` words of the same sentences stand
    before and after them.
    """
    cdef uint64_t stream = row_stream(job.key, 0)
    cdef int64_t n = lo - 1, found = 0, i, j
    cdef int32_t id
    while n >= 0 and found < job.window and job.ids[n] != END:
        if stays(job, stream, n):
            words[found] = job.ids[n]
            found += 1
        n -= 1
    i, j = 0, found - 1
    while i < j:
        id = words[i]
        words[i], words[j] = words[j], id
        i += 1
        j -= 1
    first[0] = found
    if job.keep == NULL:
        for n in range(lo, hi):
            words[found + n - lo] = job.ids[n]
        found += hi - lo
    else:
        for n in range(lo, hi):
            id = job.ids[n]
            words[found] = id
            # A word that goes is overwritten by the next: no branch to be guessed wrong.
            found += (id == END
                      or <uint32_t> (bits_of(stream, <uint64_t> n) >> 32) <= job.keep[id])
    last[0] = found
    n = hi
    i = 0
    while n < job.N and i < job.window and job.ids[n] != END:
        if stays(job, stream, n):
            words[found] = job.ids[n]
            found += 1
            i += 1
        n += 1
    return found


# ---- the draws of a block

cdef inline void draw_words(const job_t* job, scratch_t* s, uint64_t stream, uint64_t k,
                            int64_t n) noexcept nogil:
    """n words from draw k on."""
    cdef int64_t i
    for i in range(n):
        s.cells[i] = cell_of(bits_of(stream, k + <uint64_t> i), job.V)
    if job.far:
        for i in range(n):
            prefetch(job.alias + 2 * (s.cells[i] >> 32))
    for i in range(n):
        s.negatives[i] = <int32_t> id_of(job.alias, s.cells[i])


cdef inline int64_t reach(const job_t* job, uint64_t stream, int64_t i) noexcept nogil:
    """Words on each side of centre i."""
    if not job.mode & SHRINK:
        return job.window
    return 1 + <int64_t> (((bits_of(stream, <uint64_t> i) >> 32) * <uint64_t> job.window) >> 32)


cdef inline void prefetch_whole(const float* row, Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t d = 0
    while d < ld:
        prefetch(row + d)
        d += 16


# ---- one centre

cdef inline int64_t list_nodes(const job_t* job, centre_t* c, int32_t target) noexcept nogil:
    """The inner nodes on the way to the target; returns how many."""
    cdef int64_t j, begin, J = 0
    if job.ways == NULL:
        return 0
    begin = job.ways[target]
    J = job.ways[target + 1] - begin
    for j in range(J):
        c.rows[j] = job.points[begin + j]
        c.tables[j] = 2
        c.y[j] = job.W_nodes + <Py_ssize_t> c.rows[j] * job.ld
        c.sign[j] = 1 if job.codes[begin + j] else -1
        c.count[j] = 1
    return J


cdef inline int64_t list_sampled(const job_t* job, const scratch_t* s, centre_t* c, int64_t J,
                                 int32_t target, const int32_t* negatives) noexcept nogil:
    """Behind J outputs the target and its negatives, each once; returns how many there are."""
    cdef int64_t k, j, begin = J
    cdef int32_t id
    if job.K == 0:
        return J
    c.rows[J], c.tables[J], c.sign[J], c.count[J] = target, 1, -1, 1
    c.y[J] = output_row(job, s, target)
    J += 1
    for k in range(job.K):
        id = negatives[k]
        if id == target:
            continue
        j = begin + 1
        while j < J and c.rows[j] != id:
            j += 1
        if j < J:
            c.count[j] += 1
            continue
        c.rows[J], c.tables[J], c.sign[J], c.count[J] = id, 1, 1, 1
        c.y[J] = output_row(job, s, id)
        J += 1
    return J


cdef inline int64_t all_outputs(const centre_t* c, int64_t J) noexcept nogil:
    """How many outputs there are with those that come twice."""
    cdef int64_t j
    cdef float n = 0
    for j in range(J):
        n += c.count[j]
    return <int64_t> n


cdef inline double loss_of_pair(float p, float z) noexcept nogil:
    """-log(1 - p), where p = sigmoid(z) is what the model gives the wrong label."""
    cdef double far = z
    if z > 8:
        return far + log1p(exp_double(-far))
    return -log(1 - <double> p)


cdef double loss_of(const centre_t* c, int64_t M, int64_t J, double* pairs) noexcept nogil:
    """The sum over pairs; c.g holds p, c.z holds z.

    One logarithm for many pairs, log a + log b = log(a b), where p is not near 1.
    """
    cdef double total = 0, product = 1, weight
    cdef int64_t m, j, factors = 0
    for m in range(M):
        for j in range(J):
            weight = <double> c.count[j] * <double> c.times[m]
            pairs[0] += weight
            if weight != 1 or c.z[m * J + j] > 8:
                total += weight * loss_of_pair(c.g[m * J + j], c.z[m * J + j])
                continue
            product *= 1 - <double> c.g[m * J + j]
            factors += 1
            if factors == FACTORS:
                total -= log(product)
                product = 1
                factors = 0
    return total - log(product)


cdef inline void coefficients(centre_t* c, int64_t M, int64_t J, float alpha,
                              bint with_loss, double* stats) noexcept nogil:
    """Scores in c.g become g = alpha * (label - sigmoid(score)) * times it counts.

    A score is turned so that it speaks for the wrong label: what the sigmoid then gives is the size
    of the error, exact however small it is. A pair that comes more than MOST times, which takes a
    vocabulary of a few words, counts MOST times: all its steps are taken at once.
    """
    cdef int64_t n = M * J, i, j, m
    cdef float times, most = MOST
    cdef bint repeated = False
    for j in range(J):
        if c.count[j] != 1:
            repeated = True
        if c.sign[j] < 0:
            for m in range(M):
                c.g[m * J + j] = -c.g[m * J + j]
    if with_loss:
        for i in range(n):
            c.z[i] = c.g[i]
    sigmoid_run(c.g, c.g, n)
    if with_loss:
        stats[0] += loss_of(c, M, J, &stats[1])
    for i in range(n):
        c.g[i] = c.g[i] * -alpha
    for j in range(J):
        if c.sign[j] < 0:
            for m in range(M):
                c.g[m * J + j] = -c.g[m * J + j]
    if repeated or c.twice:
        for m in range(M):
            for j in range(J):
                times = c.times[m] * c.count[j]
                c.g[m * J + j] = c.g[m * J + j] * (times if times < most else most)


cdef inline int64_t merge_contexts(const job_t* job, centre_t* c, int64_t M) noexcept nogil:
    """Each context once, with the number of times it comes; returns how many are left."""
    cdef int64_t m, k, left = 0
    cdef int32_t id
    c.twice = False
    for m in range(M):
        id = c.around[m]
        k = 0
        while k < left and c.around[k] != id:
            k += 1
        if k < left:
            c.times[k] += 1
            c.twice = True
            continue
        c.around[left], c.x[left], c.times[left] = id, c.x[m], 1
        left += 1
    return left


cdef inline void touch(const job_t* job, const centre_t* c, const int32_t* contexts, int64_t M,
                       int64_t J) noexcept nogil:
    cdef int64_t i
    for i in range(M):
        fw_count(job.touched_in + contexts[i])
    for i in range(J):
        if c.tables[i] == 1:
            fw_count(job.touched_out + c.rows[i])
        else:
            fw_count(job.touched_nodes + c.rows[i])


cdef inline void change(scratch_t* s, int32_t table, int32_t row, int64_t delta,
                        float scale, float weight) noexcept nogil:
    cdef change_t* c = s.changes + s.n_changes
    cdef float one = 1
    c.table, c.row, c.delta, c.scale = table, row, <int32_t> delta, scale
    c.weight = weight if weight > one else one
    s.n_changes += 1


cdef inline void mean_of_contexts(const job_t* job, centre_t* c) noexcept nogil:
    cdef float one = 1
    mean(c.h, c.x, c.M, one / <float> c.M if job.mode & MEAN else one, job.ld)


cdef inline void errors_of_cbow(const job_t* job, scratch_t* s, centre_t* c,
                                const int32_t* negatives, float alpha,
                                double* stats) noexcept nogil:
    """The outputs of one centre and their coefficients, for the mean in c.h."""
    c.J = list_sampled(job, s, c, list_nodes(job, c, c.target), c.target, negatives)
    stats[2] += <double> all_outputs(c, c.J)
    if ERRORS and c.J == s.usual and not c.with_loss:
        errors(c.g, c.h, c.y, c.J, s.usual_sign, s.usual_step, job.ld)
    else:
        c.times[0] = 1
        c.twice = False
        scores_of(c.g, c.h, c.y, c.J, job.ld)
        coefficients(c, 1, c.J, alpha, c.with_loss, stats)
    if job.touched_in != NULL:
        touch(job, c, c.around, c.M, c.J)


cdef inline float share_of(const job_t* job, const centre_t* c) noexcept nogil:
    cdef float one = 1
    return one / <float> c.M if job.mode & SHARE else one


cdef inline bint all_different(const scratch_t* s, const int32_t* negatives,
                               int64_t K) noexcept nogil:
    """Whether TOGETHER targets and K negatives are different words."""
    cdef int32_t words[4 + 5]
    cdef int64_t i, j
    cdef int same = 0
    for i in range(TOGETHER):
        words[i] = s.centres[i].target
    for i in range(K):
        words[TOGETHER + i] = negatives[i]
    for i in range(1, TOGETHER + K):
        for j in range(i):
            same |= words[i] == words[j]
    return not same


cdef void learn_four(const job_t* job, scratch_t* s, const int32_t* negatives, float alpha,
                     double* stats) noexcept nogil:
    """TOGETHER centres and their K <= FEW negatives, all different, from the same rows."""
    cdef float g[4 * 8]
    cdef float z[4 * 8]
    cdef float share[4]
    cdef float* h[4]
    cdef float* e[4]
    cdef float* t[4]
    cdef float* y[5]
    cdef int64_t m, j, K = job.K
    cdef centre_t* c
    for m in range(TOGETHER):
        c = s.centres + m
        h[m], e[m] = c.h, c.e
        t[m] = output_row(job, s, c.target)
        share[m] = share_of(job, c)
    for j in range(K):
        y[j] = output_row(job, s, negatives[j])
    scores_of_four(z, h, t, y, K, job.ld)
    for m in range(TOGETHER):
        for j in range(8):
            z[m * 8 + j] *= s.usual_sign[j]
    sigmoid_run(g, z, TOGETHER * 8)
    stats[2] += <double> (TOGETHER * (K + 1))
    for m in range(TOGETHER):
        c = s.centres + m
        if c.with_loss:
            c.times[0] = 1
            for j in range(K + 1):
                c.count[j] = 1
                c.g[j], c.z[j] = g[m * 8 + j], z[m * 8 + j]
            stats[0] += loss_of(c, 1, K + 1, &stats[1])
        if job.touched_in != NULL:
            c.J = list_sampled(job, s, c, 0, c.target, negatives)
            touch(job, c, c.around, c.M, c.J)
    if alpha == 0:
        return
    for m in range(TOGETHER):
        for j in range(8):
            g[m * 8 + j] *= s.usual_step[j]
    update_four(e, h, t, y, K, g, share, job.ld)
    for m in range(TOGETHER):
        add_to_all(s.centres[m].x, s.centres[m].M, e[m], job.ld)


cdef inline void learn_cbow(const job_t* job, scratch_t* s, int64_t n, const int32_t* negatives,
                            float alpha, double* stats) noexcept nogil:
    """n <= TOGETHER centres, whose means were taken before any of them is learned."""
    cdef int64_t k
    cdef centre_t* c
    if (n == TOGETHER and 0 < job.K <= FEW and job.ways == NULL
            and all_different(s, negatives, job.K)):
        learn_four(job, s, negatives, alpha, stats)
        return
    for k in range(n):
        c = s.centres + k
        errors_of_cbow(job, s, c, negatives, alpha, stats)
        if alpha != 0:          # else held-out text is only looked at
            outputs(c.e, c.h, c.y, c.J, c.g, share_of(job, c), job.ld)
            add_to_all(c.x, c.M, c.e, job.ld)


cdef inline void keep_cbow(const job_t* job, scratch_t* s, const centre_t* c) noexcept nogil:
    """The changes of one centre, for the end of the round."""
    cdef int64_t m, j, at = s.n_deltas
    cdef float one = 1, usual = USUAL, pairs = <float> all_outputs(c, c.J)
    cdef float* h = s.numbers + at * job.ld
    memcpy(h, c.h, job.ld * sizeof(float))
    s.n_deltas += 2
    gather(h + job.ld, h, c.y, c.J, c.g, share_of(job, c), job.ld)
    for j in range(c.J):
        change(s, c.tables[j], c.rows[j], at, c.g[j], c.count[j])
    for m in range(c.M):
        change(s, 0, c.around[m], at + 1, one, pairs / usual)


cdef inline void centre_skip_gram(const job_t* job, scratch_t* s, centre_t* c,
                                  const int32_t* contexts, float** x, int64_t M, int64_t J,
                                  int64_t pairs, float alpha, bint with_loss, double* stats,
                                  bint frozen) noexcept nogil:
    """All pairs of M inputs and J outputs."""
    cdef Py_ssize_t ld = job.ld
    cdef int64_t m, j, at
    cdef float one = 1, usual = USUAL, all_inputs = 0, all_outs
    scores(c.g, x, M, c.y, J, ld)
    coefficients(c, M, J, alpha, with_loss, stats)
    stats[2] += <double> pairs
    if alpha == 0:
        return
    if frozen:
        for m in range(M):
            all_inputs += c.times[m]
        all_outs = <float> pairs / all_inputs
        at = s.n_deltas
        for j in range(J):
            s.dy[j] = s.numbers + (at + j) * ld
            change(s, c.tables[j], c.rows[j], at + j, one, c.count[j] * all_inputs / usual)
        at += J
        for m in range(M):
            s.dx[m] = s.numbers + (at + m) * ld
            change(s, 0, contexts[m], at + m, one, c.times[m] * all_outs / usual)
        s.n_deltas = at + M
        deltas(s.dx, s.dy, x, M, c.y, J, c.g, ld, s.wait)
    else:
        update(x, M, c.y, J, c.g, ld, s.wait)


# ---- one block

cdef void one_block(const job_t* job, scratch_t* s, int32_t* lock, int64_t b,
                    bint frozen) noexcept nogil:
    cdef int64_t lo = b * job.block, hi = lo + job.block if lo + job.block < job.N else job.N
    cdef int64_t first = 0, last = 0, n, i, j, m, M, J, pairs, side, left, right, ahead
    cdef int64_t sentence = 0, sentence_end = 0, chunk = 0, drawn_to, drawn_groups = 0, centre = 0
    cdef uint64_t windows = row_stream(job.key, 1 + 2 * <uint64_t> b)
    cdef uint64_t negatives = row_stream(job.key, 2 + 2 * <uint64_t> b)
    cdef uint64_t drawn = 0
    cdef double* stats = job.stats + (b - job.first_block) * N_STATS
    cdef float alpha = <float> (job.alpha + job.alpha_step * <double> lo)
    cdef Py_ssize_t ld = job.ld
    cdef int32_t target
    cdef int32_t* words = s.words
    cdef const int32_t* drawn_here
    cdef int64_t waiting = 0, groups = 0    # centres that share negatives, and groups of them
    cdef bint shared = job.mode & SHARED and not job.mode & SKIP_GRAM
    cdef centre_t* c = s.centres
    cdef bint with_loss
    cdef bint fresh = job.mode & FRESH and job.mode & SKIP_GRAM and job.K > 0
    s.usual = job.K + 1 if 0 < job.K < 8 and job.ways == NULL else 0
    for j in range(16):
        s.usual_sign[j] = -1 if j % 8 == 0 else 1
        s.usual_step[j] = alpha if j % 8 == 0 else -alpha
    n = gather_words(job, words, lo, hi, &first, &last)
    drawn_to = first
    for i in range(first, last):
        target = words[i]
        if target == END:
            sentence = i + 1
            continue
        if sentence_end <= i:
            sentence_end = i + 1
            while sentence_end < n and words[sentence_end] != END:
                sentence_end += 1
        if i >= drawn_to and job.K and not fresh and not shared:
            # By position, whether used or not: the place of a draw in its stream is fixed.
            chunk = i
            drawn_to = i + CHUNK if last - i > CHUNK else last
            draw_words(job, s, negatives, <uint64_t> ((i - first) * job.K),
                       (drawn_to - i) * job.K)
        if job.far:
            ahead = i + AHEAD
            if job.K and ahead < last and words[ahead] != END:
                prefetch_whole(output_row(job, s, words[ahead]), ld)
                if ahead < drawn_to and not shared:
                    for j in range((ahead - chunk) * job.K, (ahead - chunk + 1) * job.K):
                        prefetch_whole(output_row(job, s, s.negatives[j]), ld)
            ahead += job.window
            if ahead < n and words[ahead] != END:
                prefetch_whole(input_row(job, s, words[ahead]), ld)
        centre += 1
        s.since += 1
        if s.n_near and s.since >= job.exchange_every and waiting == 0:
            exchange(job, s, lock, s.since >= 4 * job.exchange_every)
        side = reach(job, windows, i - first)
        left = i - side if i - side > sentence else sentence
        right = i + side + 1 if i + side + 1 < sentence_end else sentence_end
        M = right - left - 1
        if M <= 0:
            continue
        if shared:
            if waiting == 0 and job.K and groups >= drawn_groups:
                chunk = groups
                drawn_groups = (last - i + TOGETHER - 1) // TOGETHER
                drawn_groups = groups + (CHUNK if drawn_groups > CHUNK else drawn_groups)
                draw_words(job, s, negatives, <uint64_t> (groups * job.K),
                           (drawn_groups - groups) * job.K)
            if waiting == 0 and job.far and groups + 1 < drawn_groups:
                for j in range((groups + 1 - chunk) * job.K, (groups + 2 - chunk) * job.K):
                    prefetch_whole(output_row(job, s, s.negatives[j]), ld)
            c = s.centres + waiting
        m = 0
        for j in range(left, right):
            c.around[m] = words[j]
            c.x[m] = input_row(job, s, words[j])
            m += j != i         # the centre is overwritten by what follows it
        with_loss = job.loss_every > 0 and (lo + i - first) % job.loss_every == 0
        if fresh:
            draw_words(job, s, negatives, drawn, M * job.K)
            drawn += <uint64_t> (M * job.K)
            c.times[0] = 1
            c.twice = False
            for m in range(M):
                J = list_sampled(job, s, c, list_nodes(job, c, target), target,
                                 s.negatives + m * job.K)
                centre_skip_gram(job, s, c, c.around + m, c.x + m, 1, J, all_outputs(c, J), alpha,
                                 with_loss, stats, frozen)
                if job.touched_in != NULL:
                    touch(job, c, c.around + m, 1, J)
            continue
        if job.mode & SKIP_GRAM:
            J = list_sampled(job, s, c, list_nodes(job, c, target), target,
                             s.negatives + (i - chunk) * job.K)
            pairs = all_outputs(c, J) * M
            M = merge_contexts(job, c, M)
            centre_skip_gram(job, s, c, c.around, c.x, M, J, pairs, alpha, with_loss, stats,
                             frozen)
            if job.touched_in != NULL:
                touch(job, c, c.around, M, J)
            continue
        c.M, c.target, c.with_loss = M, target, with_loss
        mean_of_contexts(job, c)
        drawn_here = s.negatives + ((groups if shared else i) - chunk) * job.K
        if frozen:
            errors_of_cbow(job, s, c, drawn_here, alpha, stats)
            if alpha != 0:
                keep_cbow(job, s, c)
        elif not shared:
            learn_cbow(job, s, 1, drawn_here, alpha, stats)
        if shared:
            waiting += 1
            if waiting == TOGETHER:
                if not frozen:
                    learn_cbow(job, s, waiting, drawn_here, alpha, stats)
                waiting = 0
                groups += 1
    if waiting > 0 and not frozen:
        learn_cbow(job, s, waiting, s.negatives + (groups - chunk) * job.K, alpha, stats)
    stats[3] += <double> centre


cdef void train_part(const job_t* job, scratch_t* s, int32_t* lock, int64_t* next_block,
                     int64_t last) noexcept nogil:
    cdef int64_t b = fw_next(next_block)
    if job.n_near:
        copy_near(job, s, lock)
    while b < last:
        one_block(job, s, lock, b, False)
        b = fw_next(next_block)
    if job.n_near:
        exchange(job, s, lock, True)


cdef void frozen_part(const job_t* job, scratch_t* s, int64_t b, int64_t n, Py_ssize_t p,
                      Py_ssize_t n_parts) noexcept nogil:
    """Blocks b + p, b + p + n_parts, ... of the n blocks of a round."""
    cdef int64_t k = p
    while k < n:
        s[k].n_changes = s[k].n_deltas = 0
        one_block(job, s + k, NULL, b + k, True)
        k += n_parts


cdef inline bint owns(const change_t* c, Py_ssize_t p, Py_ssize_t n_parts) noexcept nogil:
    """Fibonacci hashing: neighbours in the order of counts have different owners."""
    return (((<uint64_t> (<uint32_t> c.row * <uint32_t> 0x9E3779B1U) * <uint64_t> n_parts) >> 32)
            == <uint64_t> p)


cdef inline float* weight_of(const job_t* job, float* weights, const change_t* c) noexcept nogil:
    return weights + <int64_t> c.table * <int64_t> job.n_rows + c.row


cdef void apply_part(const job_t* job, const scratch_t* s, float* weights, int64_t n,
                     Py_ssize_t p, Py_ssize_t n_parts) noexcept nogil:
    """The changes of a round, in their order, to the rows that part p owns.

    A row that got more than MOST of them gets MOST times their mean: all were made against the
    same row, and the sum of many such steps would overshoot.
    """
    cdef int64_t k, i
    cdef const change_t* c
    cdef float* W
    cdef float most = MOST, weight
    for k in range(n):
        for i in range(s[k].n_changes):
            c = s[k].changes + i
            if owns(c, p, n_parts):
                weight_of(job, weights, c)[0] += c.weight
    for k in range(n):
        for i in range(s[k].n_changes):
            c = s[k].changes + i
            if owns(c, p, n_parts):
                W = job.W_in if c.table == 0 else job.W_out if c.table == 1 else job.W_nodes
                weight = weight_of(job, weights, c)[0]
                add(W + <Py_ssize_t> c.row * job.ld, s[k].numbers + <Py_ssize_t> c.delta * job.ld,
                    c.scale if weight <= most else c.scale * (most / weight), job.ld)
    for k in range(n):
        for i in range(s[k].n_changes):
            c = s[k].changes + i
            if owns(c, p, n_parts):
                weight_of(job, weights, c)[0] = 0


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
    job.ld, job.n_rows = W_in.shape[1], W_in.shape[0]
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
    job.far = W_in.shape[0] * job.ld * <Py_ssize_t> sizeof(float) > 1 << 18
    return 0


def n_stats():
    """Numbers kept of each block: loss, pairs in it, all pairs, centres."""
    return N_STATS


def group():
    """Blocks of a round with `frozen`."""
    return GROUP


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
          bint frozen,
          Py_ssize_t n_parts):
    """Blocks [first, last) of the corpus."""
    cdef job_t job
    cdef scratch_t* s
    cdef Py_ssize_t n_scratch = GROUP if frozen else n_parts, p
    cdef int64_t next_block = first, b, n
    cdef float* weights = NULL          # changes of each row of each table in a round
    cdef bint made
    cdef int32_t lock = 0
    if first >= last:
        return
    set_job(&job, W_in, W_out, W_nodes, stats, touched_in, touched_out, touched_nodes, ids, keep,
            alias, points, codes, ways)
    job.longest, job.window, job.K, job.mode, job.key = longest, window, negative, mode, key
    job.block, job.first_block, job.loss_every = block, first, loss_every
    job.alpha, job.alpha_step = alpha, alpha_step
    job.n_parts, job.room = n_parts, window
    if window > WIDE:
        with nogil:
            job.room = min(window, longest_sentence(job.ids, job.N))
    if n_parts > 1 and not frozen and near.shape[0] and (alpha != 0 or alpha_step != 0):
        job.n_near = <int32_t> min(NEAR // n_parts, near.shape[0])
        job.near_share = &near[0]
        job.exchange_every = max(EXCHANGE // n_parts, 1)
    s = <scratch_t*> calloc(n_scratch, sizeof(scratch_t))
    if s == NULL:
        raise MemoryError(f"train: no memory for the scratch of {n_scratch} parts")
    if frozen:
        weights = <float*> calloc(3 * job.n_rows, sizeof(float))
    made = weights != NULL or not frozen
    for p in range(n_scratch):
        made = made and make_scratch(s + p, &job, frozen)
    if made:
        with nogil:
            if frozen:
                b = first
                while b < last:
                    n = GROUP if last - b > GROUP else last - b
                    for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                        frozen_part(&job, s, b, n, p, n_parts)
                    for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                        apply_part(&job, s, weights, n, p, n_parts)
                    b += n
            else:
                for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                    train_part(&job, s + p, &lock, &next_block, last)
    for p in range(n_scratch):
        free_scratch(s + p)
    free(s)
    free(weights)
    if not made:
        raise MemoryError(f"train: no memory for windows of {window} words in blocks of {block}")


use_pool()
