"""The centres of a block of an encoded text, as `_word2vec` learns them: words, windows, draws.

V words, N ids of the corpus, END = -1 between sentences. A block is a fixed number of positions.
Draws depend on (key, position) for thinning and on (key, block) for the rest: what a centre is
depends neither on who asks nor when. Formulas: _word2vec.pyx.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from common_alias cimport cell_of, id_of
from common_memory cimport prefetch
from common_rng cimport draw as bits_of, row_stream

cdef extern from "threads.h" nogil:
    void fw_count(uint32_t* counter) noexcept

cdef enum:
    END = -1
    CHUNK = 256         # centres whose negatives are drawn at once
    AHEAD = 3           # centres between the prefetch of a row and its use
    TOGETHER = 4        # centres of CBOW that share their negatives
    FEW = 5             # negatives up to which these are learned all at once
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
    Py_ssize_t ld               # from row to row
    Py_ssize_t width, column    # numbers of a row that count here, and where they are in all of it
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
    int64_t batch               # centres scored before the first of them is learned; 0: see `train`
    int32_t n_near              # words whose rows are copied; 0: of none
    const float* near_share     # (n_near,) of each, how much of the text it is
    int64_t exchange_every      # centres of a part
    Py_ssize_t n_parts
    bint far                    # whether rows come from beyond the nearest cache

# A centre with its contexts and outputs.
cdef struct centre_t:
    int32_t target
    int64_t M, J
    int64_t n_new               # contexts, the last ones, that no centre before had
    int64_t inputs              # M, or 1 if the outputs are paired with the mean of the contexts
    int32_t* around             # (M,) the contexts
    float* times                # (inputs,) how often each comes, and whether one comes twice
    bint twice
    int32_t* rows               # (J,) the outputs' rows, and which table they are of:
    int32_t* tables             # 1 W_out, 2 W_nodes
    float* sign                 # (J,) -1 for label 1, 1 for label 0
    float* count                # (J,) how often it was drawn
    const int32_t* negatives    # (K,) words drawn for it, until the next ones are drawn
    int64_t pairs               # with those that come twice
    bint with_loss
    bint usual                  # one input, once, and K < 8 different negatives, no nodes
    bint four                   # TOGETHER centres from here on are learned at once

# What is needed to walk through a block.
cdef struct walk_t:
    int32_t* words              # what is left of the block, with its surroundings
    int32_t* negatives
    uint64_t* cells
    int64_t lo                  # the block's first position
    int64_t n, first, last      # words, those of the block from first to last
    int64_t i                   # the next one
    int64_t sentence, sentence_end
    int64_t seen                # words that were in a window, at least up to here
    int64_t chunk, drawn_to     # centres, or groups of them, whose negatives are drawn
    int64_t group, member       # of the next centre, if TOGETHER of them share negatives
    int64_t until_loss          # words up to the next one whose loss is taken
    int64_t centres
    uint64_t window_stream, negative_stream, drawn


cdef inline bint is_shared(const job_t* job) noexcept nogil:
    return job.mode & SHARED and not job.mode & SKIP_GRAM


cdef inline bint is_fresh(const job_t* job) noexcept nogil:
    return job.mode & FRESH and job.mode & SKIP_GRAM and job.K > 0


cdef inline int64_t max_outputs(const job_t* job) noexcept nogil:
    return job.longest + (job.K + 1 if job.K else 0)


# ---- the words of a block

cdef inline bint stays(const job_t* job, uint64_t stream, int64_t n) noexcept nogil:
    return (job.keep == NULL
            or <uint32_t> (bits_of(stream, <uint64_t> n) >> 32) <= job.keep[job.ids[n]])


cdef inline int64_t gather_words(const job_t* job, int32_t* words, int64_t lo,
                                 int64_t hi, int64_t* first, int64_t* last) noexcept nogil:
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

cdef inline void draw_words(const job_t* job, walk_t* w, uint64_t k, int64_t n) noexcept nogil:
    """n words from draw k on, into w.negativew."""
    cdef int64_t i
    for i in range(n):
        w.cells[i] = cell_of(bits_of(w.negative_stream, k + <uint64_t> i), job.V)
    if job.far:
        for i in range(n):
            prefetch(job.alias + 2 * (w.cells[i] >> 32))
    for i in range(n):
        w.negatives[i] = <int32_t> id_of(job.alias, w.cells[i])


cdef inline int64_t reach(const job_t* job, uint64_t stream, int64_t i) noexcept nogil:
    """Words on each side of centre i."""
    if not job.mode & SHRINK:
        return job.window
    return 1 + <int64_t> (((bits_of(stream, <uint64_t> i) >> 32) * <uint64_t> job.window) >> 32)


# ---- the outputs of a centre

cdef inline int64_t list_nodes(const job_t* job, centre_t* c) noexcept nogil:
    """The inner nodes on the way to the target; returns how many there are."""
    cdef int64_t j, begin, J = 0
    if job.ways == NULL:
        return 0
    begin = job.ways[c.target]
    J = job.ways[c.target + 1] - begin
    for j in range(J):
        c.rows[j] = job.points[begin + j]
        c.tables[j] = 2
        c.sign[j] = 1 if job.codes[begin + j] else -1
        c.count[j] = 1
    return J


cdef inline int64_t list_sampled(const job_t* job, centre_t* c, int64_t J,
                                 const int32_t* negatives) noexcept nogil:
    """Behind J outputs the target and its negatives, each once; returns how many there are."""
    cdef int64_t k, j, begin = J
    cdef int32_t id, target = c.target
    if job.K == 0:
        return J
    c.rows[J], c.tables[J], c.sign[J], c.count[J] = target, 1, -1, 1
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
        J += 1
    return J


cdef inline int64_t all_outputs(const centre_t* c, int64_t J) noexcept nogil:
    """How many outputs there are with those that come twice."""
    cdef int64_t j
    cdef float n = 0
    for j in range(J):
        n += c.count[j]
    return <int64_t> n


cdef inline int64_t merge_contexts(centre_t* c, int64_t M) noexcept nogil:
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
        c.around[left], c.times[left] = id, 1
        left += 1
    return left


cdef inline void touch(const job_t* job, const centre_t* c) noexcept nogil:
    """Count the rows that the centre changes."""
    cdef int64_t i
    if job.touched_in == NULL:
        return
    for i in range(c.M):
        fw_count(job.touched_in + c.around[i])
    for i in range(c.J):
        if c.tables[i] == 1:
            fw_count(job.touched_out + c.rows[i])
        else:
            fw_count(job.touched_nodes + c.rows[i])


cdef inline void list_outputs(const job_t* job, centre_t* c, const int32_t* negatives,
                              int64_t inputs) noexcept nogil:
    c.J = list_sampled(job, c, list_nodes(job, c), negatives)
    c.inputs = inputs
    c.pairs = all_outputs(c, c.J) * inputs
    c.four = False
    c.usual = (inputs == 1 and not c.twice and c.J == job.K + 1 and 0 < job.K < 8
               and job.ways == NULL)
    touch(job, c)


cdef inline void list_for_mean(const job_t* job, centre_t* c) noexcept nogil:
    """The outputs of a centre of CBOW."""
    c.times[0] = 1
    c.twice = False
    list_outputs(job, c, c.negatives, 1)


cdef inline void list_for_all(const job_t* job, centre_t* c) noexcept nogil:
    """The outputs of a centre of skip-gram, paired with all of its contexts."""
    cdef int64_t M = c.M
    c.M = merge_contexts(c, M)
    list_outputs(job, c, c.negatives, c.M)
    c.pairs = all_outputs(c, c.J) * M


cdef inline void list_for_one(const job_t* job, centre_t* pair, const centre_t* c, int64_t m,
                              const int32_t* negatives) noexcept nogil:
    """The outputs of context m alone."""
    pair.target, pair.with_loss = c.target, c.with_loss
    pair.around[0] = c.around[m]
    pair.M = pair.n_new = 1
    pair.times[0] = 1
    pair.twice = False
    list_outputs(job, pair, negatives, 1)


cdef inline bint all_different(const centre_t* centres, int64_t K) noexcept nogil:
    """Whether TOGETHER targets and their K <= FEW negatives are different words."""
    cdef int32_t words[4 + 5]
    cdef int64_t i, j
    cdef int same = 0
    for i in range(TOGETHER):
        words[i] = centres[i].target
    for i in range(K):
        words[TOGETHER + i] = centres.negatives[i]
    for i in range(1, TOGETHER + K):
        for j in range(i):
            same |= words[i] == words[j]
    return not same


cdef inline bint list_for_four(const job_t* job, centre_t* centres, int64_t n) noexcept nogil:
    """The outputs of n centres that share negatives, if there are TOGETHER and all differ: the
    first one has all negatives, the others have their targets only."""
    cdef int64_t k
    cdef centre_t* c
    if not (n == TOGETHER and 0 < job.K <= FEW and job.ways == NULL
            and all_different(centres, job.K)):
        return False
    for k in range(TOGETHER):
        c = centres + k
        if job.touched_in != NULL:
            c.J = list_sampled(job, c, 0, centres.negatives)
            touch(job, c)
        c.J = c.inputs = 1
        c.pairs = job.K + 1
        c.four = True
        c.usual = False
        c.rows[0] = c.target
        c.tables[0] = 1
    for k in range(job.K):
        centres.rows[1 + k] = centres.negatives[k]
        centres.tables[1 + k] = 1
    centres.J = 1 + job.K
    return True


# ---- from centre to centre

cdef inline void begin_block(const job_t* job, walk_t* w, int64_t b) noexcept nogil:
    w.lo = b * job.block
    w.n = gather_words(job, w.words, w.lo,
                       w.lo + job.block if w.lo + job.block < job.N else job.N, &w.first, &w.last)
    w.i = w.drawn_to = w.first
    if is_shared(job):
        w.drawn_to = 0
    w.sentence = w.sentence_end = w.seen = w.chunk = w.group = w.member = w.centres = 0
    w.until_loss = -1
    if job.loss_every:
        w.until_loss = (job.loss_every - w.lo % job.loss_every) % job.loss_every
    w.drawn = 0
    w.window_stream = row_stream(job.key, 1 + 2 * <uint64_t> b)
    w.negative_stream = row_stream(job.key, 2 + 2 * <uint64_t> b)


cdef inline void draw_chunk(const job_t* job, walk_t* w, int64_t i, int64_t left) noexcept nogil:
    """Negatives of the centres (or groups) from i on, of which `left` can follow."""
    w.chunk = i
    w.drawn_to = i + (CHUNK if left > CHUNK else left)
    draw_words(job, w, <uint64_t> ((i if is_shared(job) else i - w.first) * job.K),
               (w.drawn_to - i) * job.K)


cdef inline bint next_centre(const job_t* job, walk_t* w, centre_t* c) noexcept nogil:
    """The next centre that has contexts: its target, M contexts and (but for FRESH) negatives."""
    cdef int64_t i, j, m, side, left, right
    cdef bint shared = is_shared(job), fresh = is_fresh(job)
    while w.i < w.last:
        i = w.i
        w.i += 1
        c.with_loss = w.until_loss == 0
        w.until_loss = job.loss_every - 1 if w.until_loss == 0 else w.until_loss - 1
        c.target = w.words[i]
        if c.target == END:
            w.sentence = i + 1
            continue
        if w.sentence_end <= i:
            w.sentence_end = i + 1
            while w.sentence_end < w.n and w.words[w.sentence_end] != END:
                w.sentence_end += 1
        if i >= w.drawn_to and job.K and not fresh and not shared:
            # By position, whether used or not: the place of a draw in its stream is fixed.
            draw_chunk(job, w, i, w.last - i)
        w.centres += 1
        side = reach(job, w.window_stream, i - w.first)
        left = i - side if i - side > w.sentence else w.sentence
        right = i + side + 1 if i + side + 1 < w.sentence_end else w.sentence_end
        c.M = right - left - 1
        if c.M <= 0:
            continue
        if shared:
            if w.group >= w.drawn_to:
                draw_chunk(job, w, w.group, (w.last - i + TOGETHER - 1) // TOGETHER)
            c.negatives = w.negatives + (w.group - w.chunk) * job.K
            w.member += 1
            if w.member == TOGETHER:
                w.member = 0
                w.group += 1
        else:
            c.negatives = w.negatives + (i - w.chunk) * job.K
        c.n_new = right - max(w.seen, left)
        w.seen = max(w.seen, right)
        m = 0
        for j in range(left, right):
            c.around[m] = w.words[j]
            m += j != i         # the centre is overwritten by what follows it
        return True
    return False
