"""The centres of a block of an encoded text: words, windows, draws, outputs.

V words, K negatives, M contexts and J outputs of a centre. Draws depend on (key, position) for
subsampling and on (key, block) for the rest. So a centre is the same whichever part lists it, and
whenever. Formulas: _word2vec.pyx.
"""
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport malloc

from common_alias cimport cell_of, id_of
from common_memory cimport prefetch
from common_rng cimport draw as bits_of, row_stream
from word2vec_job cimport (
    END, SHRINK, SKIP_GRAM, TOGETHER, draws_for_pairs, shares_negatives, job_t,
)

cdef extern from "threads.h" nogil:
    void fw_count(uint32_t* counter) noexcept
    int64_t fw_next(int64_t* counter) noexcept
    int32_t fw_load_id(const int32_t* id) noexcept

cdef enum:
    CHUNK = 256         # centres whose negatives are drawn at once
    FEW = 5             # negatives up to which TOGETHER centres are learned at once
    GROUPS = 8          # groups of TOGETHER centres whose words are compared at once
    W_OUT = 1           # tables of outputs
    W_NODES = 2

# A centre with its contexts and outputs.
cdef struct centre_t:
    int32_t target
    int64_t at, left, right     # it is word `at` of the walk; its window is [left, right)
    int64_t M, J
    int64_t n_new               # the last n_new contexts were in no window before
    int64_t inputs              # M, or 1 where the outputs are paired with the mean of contexts
    int32_t* around             # (M,) the contexts; see `lists_contexts`
    float* times                # (inputs,) how often each occurs
    bint twice                  # whether one occurs more than once
    int32_t* rows               # (J,) the outputs' rows
    int32_t* tables             # (J,) the table of each row, W_OUT or W_NODES
    float* sign                 # (J,) -1 for label 1, 1 for label 0
    float* count                # (J,) how often it was drawn
    bint repeated               # whether one of them was drawn more than once
    const int32_t* negatives    # (K,) words drawn for it; valid until the next draw
    int64_t pairs               # repeated ones included
    bint with_loss
    bint usual                  # one input that occurs once, K < 8 different negatives, no nodes
    bint four                   # this and the next TOGETHER - 1 centres are learned at once

# A walk through the centres of a block.
cdef struct walk_t:
    int32_t* words              # the block's words after subsampling, with its surroundings
    int32_t* negatives
    uint64_t* cells
    int32_t* sides              # (last - first,) how far the window of each word may reach
    int64_t lo                  # the block's first position
    int64_t n, first, last      # n words; those of the block are [first, last)
    int64_t i                   # the next word
    int64_t sentence, sentence_end      # the bounds of its sentence
    int64_t seen                # words before this one have been in a window
    int64_t chunk, drawn_to     # the negatives of centres (or groups) [chunk, drawn_to) are drawn
    int64_t group, member       # those of the next centre, where TOGETHER share negatives
    int64_t until_loss          # words before the next one whose loss is computed
    int64_t centres
    uint64_t negative_stream, drawn


# ---- the words of a block

cdef inline int32_t id_at(const job_t* job, int64_t n) noexcept nogil:
    """Return the id at a position, END for one out of range, which is counted.

    The array belongs to the caller, and another thread may write to it, so each id is read once and
    checked where it is used.
    """
    cdef int32_t id = fw_load_id(job.ids + (n - job.first_id))
    if id == END or 0 <= id < job.n_words:
        return id
    fw_next(job.n_bad)
    return END


cdef inline bint stays(const job_t* job, uint64_t stream, int64_t n, int32_t id) noexcept nogil:
    """Tell whether subsampling keeps the word at position n."""
    return (job.keep == NULL
            or <uint32_t> (bits_of(stream, <uint64_t> n) >> 32) <= job.keep[id])


cdef inline int64_t gather_words(const job_t* job, int32_t* words, int64_t lo, int64_t hi,
                                 int64_t* first, int64_t* last) noexcept nogil:
    """Subsample positions [lo, hi) and their surroundings; return the number of words.

    words[first : last] belong to the block. Up to `window` words of the same sentences surround
    them on each side.
    """
    cdef uint64_t stream = row_stream(job.key, 0)
    cdef int64_t n = lo - 1, found = 0, i, j
    cdef int32_t id = id_at(job, n) if n >= 0 else END
    while id != END and found < job.room:
        if stays(job, stream, n, id):
            words[found] = id
            found += 1
        n -= 1
        id = id_at(job, n) if n >= 0 else END
    i, j = 0, found - 1
    while i < j:
        id = words[i]
        words[i], words[j] = words[j], id
        i += 1
        j -= 1
    first[0] = found
    if job.keep == NULL:
        for n in range(lo, hi):
            words[found + n - lo] = id_at(job, n)
        found += hi - lo
    else:
        for n in range(lo, hi):
            id = id_at(job, n)
            words[found] = id
            # The next word overwrites a dropped one, so there is no branch to mispredict.
            found += (id == END
                      or <uint32_t> (bits_of(stream, <uint64_t> n) >> 32) <= job.keep[id])
    last[0] = found
    n = hi
    i = 0
    id = id_at(job, n) if n < job.N else END
    while id != END and i < job.room:
        if stays(job, stream, n, id):
            words[found] = id
            found += 1
            i += 1
        n += 1
        id = id_at(job, n) if n < job.N else END
    return found


cdef inline int32_t* copy_ids(job_t* job, int64_t last) noexcept nogil:
    """Give a job its own copy of the ids that blocks [first_block, last) read; NULL: no memory.

    Parts that walk through the same centres wait for each other, so they must see the same ids even
    if another thread changes those of the caller.
    """
    cdef uint64_t stream = row_stream(job.key, 0)
    cdef int64_t lo = job.first_block * job.block, hi = min(last * job.block, job.N)
    cdef int64_t begin = lo - 1, end = hi, found = 0, n
    cdef int32_t id = id_at(job, begin) if begin >= 0 else END
    cdef int32_t* copy
    while id != END and found < job.room:
        found += stays(job, stream, begin, id)
        begin -= 1
        id = id_at(job, begin) if begin >= 0 else END
    found = 0
    id = id_at(job, end) if end < job.N else END
    while id != END and found < job.room:
        found += stays(job, stream, end, id)
        end += 1
        id = id_at(job, end) if end < job.N else END
    # `gather_words` looks at the outermost two, but does not use them.
    copy = <int32_t*> malloc((end - begin + 1) * sizeof(int32_t))
    if copy == NULL:
        return NULL
    copy[0] = copy[end - begin] = END
    for n in range(begin + 1, end):
        copy[n - begin] = id_at(job, n)
    job.ids, job.first_id = copy, begin
    return copy


# ---- the draws of a block

cdef inline void draw_words(const job_t* job, walk_t* w, uint64_t k, int64_t n) noexcept nogil:
    """Draw n words from draw k on into w.negatives."""
    cdef uint64_t stream = w.negative_stream, V = job.V
    cdef uint64_t* cells = w.cells
    cdef const uint32_t* alias = job.alias
    cdef int64_t i
    for i in range(n):
        cells[i] = cell_of(bits_of(stream, k + <uint64_t> i), V)
    if job.far:
        for i in range(n):
            prefetch(alias + 2 * (cells[i] >> 32))
    for i in range(n):
        w.negatives[i] = <int32_t> id_of(alias, cells[i])


cdef inline void draw_sides(const job_t* job, walk_t* w, uint64_t stream) noexcept nogil:
    """Draw the number of words on each side of all centres of a block."""
    cdef uint64_t window = <uint64_t> job.window, room = <uint64_t> job.room, side
    cdef int32_t* sides = w.sides
    cdef int64_t i, n = w.last - w.first
    for i in range(n):
        side = window
        if job.mode & SHRINK:
            side = 1 + (((bits_of(stream, <uint64_t> i) >> 32) * window) >> 32)
        sides[i] = <int32_t> min(side, room)    # sentences may have become longer than `room`


# ---- the outputs of a centre

cdef inline int64_t list_nodes(const job_t* job, centre_t* c) noexcept nogil:
    """List the inner nodes on the path to the target; return their number."""
    cdef int64_t j, begin, J = 0
    if job.ways == NULL:
        return 0
    begin = job.ways[c.target]
    J = job.ways[c.target + 1] - begin
    for j in range(J):
        c.rows[j] = job.points[begin + j]
        c.tables[j] = W_NODES
        c.sign[j] = 1 if job.codes[begin + j] else -1
        c.count[j] = 1
    return J


cdef inline int64_t list_sampled(const job_t* job, centre_t* c, int64_t J,
                                 const int32_t* negatives) noexcept nogil:
    """Append the target and its negatives, each once, to J outputs; return the new number."""
    cdef int64_t k, j, begin = J
    cdef int32_t id, target = c.target
    if job.K == 0:
        return J
    c.rows[J], c.tables[J], c.sign[J], c.count[J] = target, W_OUT, -1, 1
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
        c.rows[J], c.tables[J], c.sign[J], c.count[J] = id, W_OUT, 1, 1
        J += 1
    return J


cdef inline int64_t all_outputs(const centre_t* c, int64_t J) noexcept nogil:
    """Return the number of outputs, repeated ones included."""
    cdef int64_t j
    cdef float n = 0
    for j in range(J):
        n += c.count[j]
    return <int64_t> n


cdef inline int64_t merge_contexts(centre_t* c, int64_t M) noexcept nogil:
    """List each context once, with its number of occurrences; return how many are left."""
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
    """Count a change of each row of the centre."""
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
    """List nodes, target and negatives of a centre with this number of inputs."""
    cdef int64_t drawn
    c.J = list_sampled(job, c, list_nodes(job, c), negatives)
    c.inputs = inputs
    drawn = all_outputs(c, c.J)
    c.repeated = drawn != c.J
    c.pairs = drawn * inputs
    c.four = False
    c.usual = (inputs == 1 and not c.twice and c.J == job.K + 1 and 0 < job.K < 8
               and job.ways == NULL)
    touch(job, c)


cdef inline void list_for_mean(const job_t* job, centre_t* c) noexcept nogil:
    """List the outputs of a centre of CBOW."""
    c.times[0] = 1
    c.twice = False
    list_outputs(job, c, c.negatives, 1)


cdef inline void list_for_all(const job_t* job, centre_t* c) noexcept nogil:
    """List the outputs of a centre of skip-gram, paired with all of its contexts."""
    cdef int64_t M = c.M
    c.M = merge_contexts(c, M)
    list_outputs(job, c, c.negatives, c.M)
    c.pairs = all_outputs(c, c.J) * M


cdef inline void list_for_one(const job_t* job, centre_t* pair, const centre_t* c, int64_t m,
                              const int32_t* negatives) noexcept nogil:
    """List the outputs of context m alone."""
    pair.target, pair.with_loss = c.target, c.with_loss
    pair.around[0] = c.around[m]
    pair.M = pair.n_new = 1
    pair.times[0] = 1
    pair.twice = False
    list_outputs(job, pair, negatives, 1)


cdef inline void count_equal(int32_t* pairs, const int32_t* words) noexcept nogil:
    """Count the equal pairs of words in each of GROUPS columns of words (TOGETHER + FEW, GROUPS).

    All bounds are constants, for vector registers.
    """
    cdef int64_t i, j, g
    for g in range(GROUPS):
        pairs[g] = 0
    for i in range(1, 9):               # TOGETHER + FEW
        for j in range(i):
            for g in range(8):          # GROUPS
                pairs[g] += words[8 * i + g] == words[8 * j + g]


cdef inline bint may_be_four(const job_t* job, int64_t n) noexcept nogil:
    """Tell whether `list_for_four` may list the outputs of n centres."""
    return n == TOGETHER and 0 < job.K <= FEW and job.ways == NULL


cdef inline bint list_for_four(const job_t* job, centre_t** four, int32_t pairs) noexcept nogil:
    """Prepare TOGETHER centres that share negatives for learning at once; return whether they can.

    They can if `pairs`, the number of pairs of equal rows among their outputs, is 0 or 1. Their
    outputs are their targets and the negatives of the first one; `rows` and `tables` list none.
    """
    cdef int64_t k, j
    cdef centre_t* first = four[0]
    cdef centre_t* c
    if pairs > 1:
        return False
    for k in range(TOGETHER):
        c = four[k]
        if job.touched_in != NULL:
            c.J = list_sampled(job, c, 0, first.negatives)
            touch(job, c)
        c.J = c.inputs = 1
        c.pairs = job.K + 1
        c.four = True
        c.repeated = pairs > 0
        c.usual = False
    first.J = 1 + job.K
    if pairs:
        for k in range(TOGETHER):
            for j in range(job.K):
                four[k].pairs -= first.negatives[j] == four[k].target
    return True


# ---- steps from centre to centre

cdef inline void begin_block(const job_t* job, walk_t* w, int64_t b) noexcept nogil:
    """Gather the words of block b and place the walk before its first centre."""
    w.lo = b * job.block
    w.n = gather_words(job, w.words, w.lo,
                       w.lo + job.block if w.lo + job.block < job.N else job.N, &w.first, &w.last)
    w.i = w.drawn_to = w.first
    if shares_negatives(job):
        w.drawn_to = 0
    w.sentence = w.sentence_end = w.seen = w.chunk = w.group = w.member = w.centres = 0
    w.until_loss = -1
    if job.loss_every:
        w.until_loss = (job.loss_every - w.lo % job.loss_every) % job.loss_every
    w.drawn = 0
    draw_sides(job, w, row_stream(job.key, 1 + 2 * <uint64_t> b))
    w.negative_stream = row_stream(job.key, 2 + 2 * <uint64_t> b)


cdef inline void draw_chunk(const job_t* job, walk_t* w, int64_t i, int64_t left) noexcept nogil:
    """Draw the negatives of the next centres (or groups) from i on, `left` at most."""
    w.chunk = i
    w.drawn_to = i + (CHUNK if left > CHUNK else left)
    draw_words(job, w, <uint64_t> ((i if shares_negatives(job) else i - w.first) * job.K),
               (w.drawn_to - i) * job.K)


cdef inline bint lists_contexts(const job_t* job) noexcept nogil:
    """Tell whether a centre needs a list of its contexts, beside its window."""
    return job.mode & SKIP_GRAM or job.touched_in != NULL


cdef inline int64_t next_centres(const job_t* job, walk_t* w, centre_t* centres,
                                 int64_t most) noexcept nogil:
    """List targets and windows of up to `most` next centres with contexts; return their number.

    Each also gets its K negatives, unless each pair draws its own. The next draw ends the life of
    negatives, so `most` is 1, or TOGETHER where these are shared.
    """
    cdef int64_t found = 0, i = w.i, sentence = w.sentence, end = w.sentence_end
    cdef int64_t until = w.until_loss, last = w.last, first = w.first, seen = w.seen, n_centres = 0
    cdef int64_t j, m, left, right, side, loss_every = job.loss_every, n = w.n, K = job.K
    cdef int64_t group = w.group, member = w.member
    cdef bint shared = shares_negatives(job), listed = lists_contexts(job)
    cdef bint own = K > 0 and not shared and not draws_for_pairs(job)
    cdef const int32_t* words = w.words
    cdef const int32_t* sides = w.sides
    cdef const int32_t* negatives = w.negatives + (group - w.chunk) * K
    cdef centre_t* c = centres
    cdef int32_t target
    while found < most and i < last:
        c.with_loss = until == 0
        until = loss_every - 1 if until == 0 else until - 1
        target = words[i]
        if target == END:
            i += 1
            sentence = i
            continue
        if end <= i:
            end = i + 1
            while end < n and words[end] != END:
                end += 1
        if own and i >= w.drawn_to:
            # Each position has its draws, used or not: a draw's place in the stream is fixed.
            draw_chunk(job, w, i, last - i)
        n_centres += 1
        side = sides[i - first]
        left = max(i - side, sentence)
        right = min(i + side + 1, end)
        i += 1
        if right - left == 1:
            continue
        if shared:
            if member == 0:
                if group >= w.drawn_to:
                    draw_chunk(job, w, group, (last - i + TOGETHER) // TOGETHER)
                negatives = w.negatives + (group - w.chunk) * K
            member += 1
            if member == TOGETHER:
                member = 0
                group += 1
        else:
            negatives = w.negatives + (i - 1 - w.chunk) * K
        c.target, c.M, c.negatives = target, right - left - 1, negatives
        c.at, c.left, c.right = i - 1, left, right
        c.n_new = right - max(seen, left)
        seen = max(seen, right)
        if listed:
            m = 0
            for j in range(left, right):
                c.around[m] = words[j]
                m += j != i - 1         # the next word overwrites the centre
        found += 1
        c += 1
    w.i, w.sentence, w.sentence_end, w.until_loss, w.seen = i, sentence, end, until, seen
    w.group, w.member = group, member
    w.centres += n_centres
    return found
