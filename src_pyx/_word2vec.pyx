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
each pair. Context words before and after the block are those that their own block would see, so
every word is a centre once, with its whole window.

    train           blocks one after the other; parts take the next block that is left and write to
                    the same rows without asking (Hogwild): repeatable with one part only
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
from libc.string cimport memset

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
    void outputs "fw_w2v_outputs"(float* e, const float* h, float** y, Py_ssize_t J,
                                  const float* g, float scale, Py_ssize_t n) noexcept
    void gather "fw_w2v_gather"(float* e, const float* h, float** y, Py_ssize_t J,
                                const float* g, float scale, Py_ssize_t n) noexcept
    void add "fw_w2v_add"(float* row, const float* e, float scale, Py_ssize_t n) noexcept

cdef enum:
    END = -1
    CHUNK = 256         # centres whose negatives are drawn at once
    AHEAD = 3           # centres between the prefetch of a row and its use
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
    int mode
    uint64_t key
    int64_t block, first_block
    double alpha, alpha_step    # of a position: alpha + alpha_step * position
    int64_t loss_every          # the loss of every so many centres is taken; 0: of none
    double* stats               # (blocks, N_STATS)
    uint32_t* touched_in        # NULL, or how often rows were changed
    uint32_t* touched_out
    Py_ssize_t n_rows           # of W_in, the largest of the tables
    bint far                    # whether rows come from beyond the nearest cache

# One change of a row: row += scale * numbers[delta].
cdef struct change_t:
    int32_t row
    int32_t table               # 0 W_in, 1 W_out, 2 W_nodes
    int32_t delta
    float scale
    float weight                # how many usual changes it is made of

cdef struct scratch_t:
    int32_t* words              # what is left of a block, with its surroundings
    int32_t* around             # (M,) the contexts of a centre
    float* times                # (M,) how often each comes, and whether one comes twice
    bint twice
    # With negatives only, K < 8 of them, all different and none the target: sign and -alpha * sign.
    int64_t usual               # K + 1, or 0 for never
    float usual_sign[16]
    float usual_step[16]
    int32_t* negatives
    uint64_t* cells
    float** x
    float** y
    float** dx
    float** dy
    int32_t* rows               # (J,) the outputs' rows, and which table they are of
    int32_t* tables
    float* sign                 # (J,) -1 for label 1, 1 for label 0
    float* count                # (J,) how often it was drawn
    float* g                    # (M, J) scores, then coefficients
    float* z                    # (M, J) scores, for the loss
    float* h
    float* e
    float* wait
    # frozen rounds
    float* numbers              # (max_deltas, ld)
    change_t* changes
    int64_t n_deltas, n_changes


# ---- scratch

cdef inline int64_t max_outputs(const job_t* job) noexcept nogil:
    return job.longest + (job.K + 1 if job.K else 0)


cdef bint make_scratch(scratch_t* s, const job_t* job, bint frozen) noexcept nogil:
    cdef int64_t M = 2 * job.window, J = max_outputs(job), drawn = job.K * CHUNK
    cdef int64_t centres = job.block, each
    if job.mode & FRESH and drawn < M * job.K:
        drawn = M * job.K
    memset(s, 0, sizeof(scratch_t))
    s.words = <int32_t*> malloc((job.block + 2 * M + 2) * sizeof(int32_t))
    s.negatives = <int32_t*> malloc((drawn + 1) * sizeof(int32_t))
    s.cells = <uint64_t*> malloc((drawn + 1) * sizeof(uint64_t))
    s.x = <float**> malloc((2 * M + 2 * J) * sizeof(void*))
    s.rows = <int32_t*> malloc(2 * J * sizeof(int32_t))
    s.sign = <float*> malloc((2 * J + M) * sizeof(float))
    s.g = <float*> aligned_alloc(2 * (M * J + 32) * sizeof(float))
    s.h = <float*> aligned_alloc((2 * job.ld + M * LANES) * sizeof(float))
    if frozen:
        # FRESH: each of the M pairs has outputs of its own, and their deltas.
        each = M * (J + 1) if job.mode & FRESH else M + J
        s.changes = <change_t*> malloc(centres * each * sizeof(change_t))
        if not job.mode & SKIP_GRAM:
            each = 2
        s.numbers = <float*> aligned_alloc(centres * each * job.ld * sizeof(float))
        if s.changes == NULL or s.numbers == NULL:
            return False
    if (s.words == NULL or s.negatives == NULL or s.cells == NULL or s.x == NULL or s.rows == NULL
            or s.sign == NULL or s.g == NULL or s.h == NULL):
        return False
    s.around = s.words + job.block + M + 2
    s.z = s.g + M * J + 32
    s.y = s.x + M
    s.dx = s.y + J
    s.dy = s.dx + M
    s.tables = s.rows + J
    s.count = s.sign + J
    s.times = s.count + J
    s.e = s.h + job.ld
    s.wait = s.e + job.ld
    return True


cdef void free_scratch(scratch_t* s) noexcept nogil:
    free(s.words)
    free(s.negatives)
    free(s.cells)
    free(s.x)
    free(s.rows)
    free(s.sign)
    aligned_free(s.g)
    aligned_free(s.h)
    free(s.changes)
    aligned_free(s.numbers)


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

cdef inline int64_t list_nodes(const job_t* job, scratch_t* s, int32_t target) noexcept nogil:
    """The inner nodes on the way to the target; returns how many."""
    cdef int64_t j, begin, J = 0
    if job.ways == NULL:
        return 0
    begin = job.ways[target]
    J = job.ways[target + 1] - begin
    for j in range(J):
        s.rows[j] = job.points[begin + j]
        s.tables[j] = 2
        s.y[j] = job.W_nodes + <Py_ssize_t> s.rows[j] * job.ld
        s.sign[j] = 1 if job.codes[begin + j] else -1
        s.count[j] = 1
    return J


cdef inline int64_t list_sampled(const job_t* job, scratch_t* s, int64_t J, int32_t target,
                                 const int32_t* negatives) noexcept nogil:
    """Behind J outputs the target and its negatives, each once; returns how many there are."""
    cdef int64_t k, j, begin = J
    cdef int32_t id
    if job.K == 0:
        return J
    s.rows[J], s.tables[J], s.sign[J], s.count[J] = target, 1, -1, 1
    s.y[J] = job.W_out + <Py_ssize_t> target * job.ld
    J += 1
    for k in range(job.K):
        id = negatives[k]
        if id == target:
            continue
        j = begin + 1
        while j < J and s.rows[j] != id:
            j += 1
        if j < J:
            s.count[j] += 1
            continue
        s.rows[J], s.tables[J], s.sign[J], s.count[J] = id, 1, 1, 1
        s.y[J] = job.W_out + <Py_ssize_t> id * job.ld
        J += 1
    return J


cdef inline int64_t all_outputs(const scratch_t* s, int64_t J) noexcept nogil:
    """How many outputs there are with those that come twice."""
    cdef int64_t j
    cdef float n = 0
    for j in range(J):
        n += s.count[j]
    return <int64_t> n


cdef inline double loss_of_pair(float p, float z) noexcept nogil:
    """-log(1 - p), where p = sigmoid(z) is what the model gives the wrong label."""
    cdef double far = z
    if z > 8:
        return far + log1p(exp_double(-far))
    return -log(1 - <double> p)


cdef double loss_of(const scratch_t* s, int64_t M, int64_t J, double* pairs) noexcept nogil:
    """The sum over pairs; s.g holds p, s.z holds z.

    One logarithm for many pairs, log a + log b = log(a b), where p is not near 1.
    """
    cdef double total = 0, product = 1, weight
    cdef int64_t m, j, factors = 0
    for m in range(M):
        for j in range(J):
            weight = <double> s.count[j] * <double> s.times[m]
            pairs[0] += weight
            if weight != 1 or s.z[m * J + j] > 8:
                total += weight * loss_of_pair(s.g[m * J + j], s.z[m * J + j])
                continue
            product *= 1 - <double> s.g[m * J + j]
            factors += 1
            if factors == FACTORS:
                total -= log(product)
                product = 1
                factors = 0
    return total - log(product)


cdef inline void coefficients(scratch_t* s, int64_t M, int64_t J, float alpha,
                              bint with_loss, double* stats) noexcept nogil:
    """Scores in s.g become g = alpha * (label - sigmoid(score)) * times it counts.

    A score is turned so that it speaks for the wrong label: what the sigmoid then gives is the size
    of the error, exact however small it is. A pair that comes more than MOST times, which takes a
    vocabulary of a few words, counts MOST times: all its steps are taken at once.
    """
    cdef int64_t n = M * J, i, j, m
    cdef float times, most = MOST
    cdef bint repeated = False
    for j in range(J):
        if s.count[j] != 1:
            repeated = True
        if s.sign[j] < 0:
            for m in range(M):
                s.g[m * J + j] = -s.g[m * J + j]
    if with_loss:
        for i in range(n):
            s.z[i] = s.g[i]
    sigmoid_run(s.g, s.g, n)
    if with_loss:
        stats[0] += loss_of(s, M, J, &stats[1])
    for i in range(n):
        s.g[i] = s.g[i] * -alpha
    for j in range(J):
        if s.sign[j] < 0:
            for m in range(M):
                s.g[m * J + j] = -s.g[m * J + j]
    if repeated or s.twice:
        for m in range(M):
            for j in range(J):
                times = s.times[m] * s.count[j]
                s.g[m * J + j] = s.g[m * J + j] * (times if times < most else most)


cdef inline int64_t merge_contexts(const job_t* job, scratch_t* s, int64_t M) noexcept nogil:
    """Each context once, with the number of times it comes; returns how many are left."""
    cdef int64_t m, k, left = 0
    cdef int32_t id
    s.twice = False
    for m in range(M):
        id = s.around[m]
        k = 0
        while k < left and s.around[k] != id:
            k += 1
        if k < left:
            s.times[k] += 1
            s.twice = True
            continue
        s.around[left], s.x[left], s.times[left] = id, s.x[m], 1
        left += 1
    return left


cdef inline void touch(const job_t* job, const scratch_t* s, const int32_t* contexts, int64_t M,
                       int64_t J) noexcept nogil:
    cdef int64_t i
    for i in range(M):
        job.touched_in[contexts[i]] += 1
    for i in range(J):
        if s.tables[i] == 1:
            job.touched_out[s.rows[i]] += 1


cdef inline void change(scratch_t* s, int32_t table, int32_t row, int64_t delta,
                        float scale, float weight) noexcept nogil:
    cdef change_t* c = s.changes + s.n_changes
    cdef float one = 1
    c.table, c.row, c.delta, c.scale = table, row, <int32_t> delta, scale
    c.weight = weight if weight > one else one
    s.n_changes += 1


cdef inline void centre_cbow(const job_t* job, scratch_t* s, const int32_t* contexts, int64_t M,
                             int64_t J, int64_t pairs, float alpha, bint with_loss,
                             double* stats, bint frozen) noexcept nogil:
    cdef Py_ssize_t ld = job.ld
    cdef int64_t m, j, at
    cdef float one = 1, usual = USUAL
    cdef float each = one / <float> M
    cdef float* h = s.h
    cdef float* e = s.e
    if frozen:
        at = s.n_deltas
        h = s.numbers + at * ld
        e = h + ld
        s.n_deltas += 2
    mean(h, s.x, M, each if job.mode & MEAN else one, ld)
    if ERRORS and J == s.usual and not with_loss:
        errors(s.g, h, s.y, J, s.usual_sign, s.usual_step, ld)
    else:
        scores_of(s.g, h, s.y, J, ld)
        coefficients(s, 1, J, alpha, with_loss, stats)
    stats[2] += <double> pairs
    if alpha == 0:
        return              # held-out text is only looked at
    if frozen:
        gather(e, h, s.y, J, s.g, each if job.mode & SHARE else one, ld)
        for j in range(J):
            change(s, s.tables[j], s.rows[j], at, s.g[j], s.count[j])
        for m in range(M):
            change(s, 0, contexts[m], at + 1, one, <float> pairs / usual)
    else:
        outputs(e, h, s.y, J, s.g, each if job.mode & SHARE else one, ld)
        add_to_all(s.x, M, e, ld)


cdef inline void centre_skip_gram(const job_t* job, scratch_t* s, const int32_t* contexts,
                                  float** x, int64_t M, int64_t J, int64_t pairs, float alpha,
                                  bint with_loss, double* stats, bint frozen) noexcept nogil:
    """All pairs of M inputs and J outputs."""
    cdef Py_ssize_t ld = job.ld
    cdef int64_t m, j, at
    cdef float one = 1, usual = USUAL, all_inputs = 0, all_outs
    scores(s.g, x, M, s.y, J, ld)
    coefficients(s, M, J, alpha, with_loss, stats)
    stats[2] += <double> pairs
    if alpha == 0:
        return
    if frozen:
        for m in range(M):
            all_inputs += s.times[m]
        all_outs = <float> pairs / all_inputs
        at = s.n_deltas
        for j in range(J):
            s.dy[j] = s.numbers + (at + j) * ld
            change(s, s.tables[j], s.rows[j], at + j, one, s.count[j] * all_inputs / usual)
        at += J
        for m in range(M):
            s.dx[m] = s.numbers + (at + m) * ld
            change(s, 0, contexts[m], at + m, one, s.times[m] * all_outs / usual)
        s.n_deltas = at + M
        deltas(s.dx, s.dy, x, M, s.y, J, s.g, ld, s.wait)
    else:
        update(x, M, s.y, J, s.g, ld, s.wait)


# ---- one block

cdef void one_block(const job_t* job, scratch_t* s, int64_t b, bint frozen) noexcept nogil:
    cdef int64_t lo = b * job.block, hi = lo + job.block if lo + job.block < job.N else job.N
    cdef int64_t first = 0, last = 0, n, i, j, m, M, J, pairs, side, left, right, ahead
    cdef int64_t sentence = 0, sentence_end = 0, chunk = 0, drawn_to, centre = 0
    cdef uint64_t windows = row_stream(job.key, 1 + 2 * <uint64_t> b)
    cdef uint64_t negatives = row_stream(job.key, 2 + 2 * <uint64_t> b)
    cdef uint64_t drawn = 0
    cdef double* stats = job.stats + (b - job.first_block) * N_STATS
    cdef float alpha = <float> (job.alpha + job.alpha_step * <double> lo)
    cdef Py_ssize_t ld = job.ld
    cdef int32_t target
    cdef int32_t* words = s.words
    cdef bint with_loss
    cdef bint fresh = job.mode & FRESH and job.mode & SKIP_GRAM and job.K > 0
    s.usual = job.K + 1 if 0 < job.K < 8 and job.ways == NULL else 0
    for j in range(16):
        s.usual_sign[j] = -1 if j == 0 else 1
        s.usual_step[j] = alpha if j == 0 else -alpha
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
        if i >= drawn_to and job.K and not fresh:
            # By position, whether used or not: the place of a draw in its stream is fixed.
            chunk = i
            drawn_to = i + CHUNK if last - i > CHUNK else last
            draw_words(job, s, negatives, <uint64_t> ((i - first) * job.K),
                       (drawn_to - i) * job.K)
        if job.far:
            ahead = i + AHEAD
            if job.K and ahead < last and words[ahead] != END:
                prefetch_whole(job.W_out + <Py_ssize_t> words[ahead] * ld, ld)
                if ahead < drawn_to:
                    for j in range((ahead - chunk) * job.K, (ahead - chunk + 1) * job.K):
                        prefetch_whole(job.W_out + <Py_ssize_t> s.negatives[j] * ld, ld)
            ahead += job.window
            if ahead < n and words[ahead] != END:
                prefetch_whole(job.W_in + <Py_ssize_t> words[ahead] * ld, ld)
        centre += 1
        side = reach(job, windows, i - first)
        left = i - side if i - side > sentence else sentence
        right = i + side + 1 if i + side + 1 < sentence_end else sentence_end
        M = right - left - 1
        if M <= 0:
            continue
        m = 0
        for j in range(left, right):
            s.around[m] = words[j]
            s.x[m] = job.W_in + <Py_ssize_t> words[j] * ld
            m += j != i         # the centre is overwritten by what follows it
        with_loss = job.loss_every > 0 and (lo + i - first) % job.loss_every == 0
        if fresh:
            draw_words(job, s, negatives, drawn, M * job.K)
            drawn += <uint64_t> (M * job.K)
            s.times[0] = 1
            s.twice = False
            for m in range(M):
                J = list_sampled(job, s, list_nodes(job, s, target), target,
                                 s.negatives + m * job.K)
                centre_skip_gram(job, s, s.around + m, s.x + m, 1, J, all_outputs(s, J), alpha,
                                 with_loss, stats, frozen)
                if job.touched_in != NULL:
                    touch(job, s, s.around + m, 1, J)
            continue
        J = list_sampled(job, s, list_nodes(job, s, target), target,
                         s.negatives + (i - chunk) * job.K)
        pairs = all_outputs(s, J)
        if job.mode & SKIP_GRAM:
            pairs *= M
            M = merge_contexts(job, s, M)
            centre_skip_gram(job, s, s.around, s.x, M, J, pairs, alpha, with_loss, stats, frozen)
        else:
            s.times[0] = 1
            s.twice = False
            centre_cbow(job, s, s.around, M, J, pairs, alpha, with_loss, stats, frozen)
        if job.touched_in != NULL:
            touch(job, s, s.around, M, J)
    stats[3] += <double> centre


cdef void train_part(const job_t* job, scratch_t* s, int64_t* next_block,
                     int64_t last) noexcept nogil:
    cdef int64_t b = fw_next(next_block)
    while b < last:
        one_block(job, s, b, False)
        b = fw_next(next_block)


cdef void frozen_part(const job_t* job, scratch_t* s, int64_t b, int64_t n, Py_ssize_t p,
                      Py_ssize_t n_parts) noexcept nogil:
    """Blocks b + p, b + p + n_parts, ... of the n blocks of a round."""
    cdef int64_t k = p
    while k < n:
        s[k].n_changes = s[k].n_deltas = 0
        one_block(job, s + k, b + k, True)
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

cdef int set_job(job_t* job, float[:, ::1] W_in, float[:, ::1] W_out, float[:, ::1] W_nodes,
                 double[:, ::1] stats, uint32_t[::1] touched_in, uint32_t[::1] touched_out,
                 const int32_t[::1] ids, const uint32_t[::1] keep, const uint32_t[:, ::1] alias,
                 const int32_t[::1] points, const uint8_t[::1] codes,
                 const int64_t[::1] ways) except -1:
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
        job.touched_in, job.touched_out = &touched_in[0], &touched_out[0]
    job.far = W_in.shape[0] * job.ld * <Py_ssize_t> sizeof(float) > 1 << 18
    return 0


def n_stats():
    """Numbers kept of each block: loss, pairs in it, all pairs, centres."""
    return N_STATS


def group():
    """Blocks of a round with `frozen`."""
    return GROUP


def train(float[:, ::1] W_in,               # OUT (V, ld) in place, as the two below
          float[:, ::1] W_out,              # OUT (V, ld), empty where negative is 0
          float[:, ::1] W_nodes,            # OUT (nodes, ld), empty without `ways`
          double[:, ::1] stats,             # OUT (last - first, n_stats()), added to
          uint32_t[::1] touched_in,         # OUT (V,) changes of each row, added to; or empty
          uint32_t[::1] touched_out,        # OUT (V,) likewise
          const int32_t[::1] ids,           # IN  (N,) N > 0
          const uint32_t[::1] keep,         # IN  (V,) or empty
          const uint32_t[:, ::1] alias,     # IN  (V, 2), empty where negative is 0
          const int32_t[::1] points,        # IN  inner nodes of all words
          const uint8_t[::1] codes,         # IN  the turns taken there
          const int64_t[::1] ways,          # IN  (V + 1,) or empty
          int64_t longest,                  # nodes of the longest way
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
    if first >= last:
        return
    set_job(&job, W_in, W_out, W_nodes, stats, touched_in, touched_out, ids, keep, alias, points,
            codes, ways)
    job.longest, job.window, job.K, job.mode, job.key = longest, window, negative, mode, key
    job.block, job.first_block, job.loss_every = block, first, loss_every
    job.alpha, job.alpha_step = alpha, alpha_step
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
                    train_part(&job, s + p, &next_block, last)
    for p in range(n_scratch):
        free_scratch(s + p)
    free(s)
    free(weights)
    if not made:
        raise MemoryError(f"train: no memory for windows of {window} words in blocks of {block}")


use_pool()
