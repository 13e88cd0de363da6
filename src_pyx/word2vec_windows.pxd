"""Consecutive centres with their windows, collected from a block before one of them is learned.

The words of all windows stand side by side, so that running sums over them yield every mean of CBOW
and every change of a context: word2vec_windows_simd.h. Formulas: _word2vec.pyx.
"""
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from word2vec_centres cimport (
    FEW, GROUPS, centre_t, count_equal, draw_words, list_for_all, list_for_four, list_for_mean,
    list_for_one, may_be_four, next_centres, walk_t,
)
from word2vec_job cimport (
    END, EXACT_GRADIENT, MEAN, SKIP_GRAM, SPAN, TOGETHER, draws_for_pairs, job_t,
    shares_negatives,
)
from word2vec_scratch cimport BUCKETS, batch_t, scratch_t, windows_t

cdef enum:
    STEPS = 1               # most steps of a word that stands still, times the learning rate
    MOST_REPEATS = 250      # a count is a byte


cdef inline void begin_batch(batch_t* batch) noexcept nogil:
    """Begin an empty batch."""
    batch.n = batch.n_groups = 0
    batch.one_by_one = False


cdef inline void add_window(const job_t* job, const walk_t* w, batch_t* batch,
                            centre_t* c) noexcept nogil:
    """Extend the words of a batch to those of its last centre's window.

    A later window may begin before the first one, but not before the longest window around the
    first centre.
    """
    cdef windows_t* windows = &batch.windows
    if batch.n == 1:
        windows.first = c.at
        while (windows.first > max(c.at - job.room, <int64_t> 0)
               and w.words[windows.first - 1] != END):
            windows.first -= 1
        windows.counted = windows.first
        windows.words = w.words + windows.first
        windows.n_words = 0
    c.at -= windows.first
    c.left -= windows.first
    c.right -= windows.first
    windows.n_words = max(windows.n_words, c.right)


cdef inline void keep_words(windows_t* windows) noexcept nogil:
    """Copy the words, so that the walk may begin another block."""
    memcpy(windows.kept, windows.words, windows.n_words * sizeof(int32_t))
    windows.words = windows.kept


cdef inline bint few_repeats(const job_t* job, const scratch_t* s, windows_t* windows,
                             int64_t end) noexcept nogil:
    """Tell whether the words from the first window to word `end` of the walk repeat none too often.

    The steps of a word that stands still add up. A change of it moves the mean of a window by its
    share of the window. So their effect is at most the number of its occurrences times the number
    of those near the last one, with the learning rate; s.most_repeats bounds that product.
    """
    cdef const walk_t* w = &s.walk
    cdef int64_t old
    cdef int32_t id
    cdef uint16_t* count
    if windows.counted == windows.first:
        memset(windows.counts, 0, sizeof(windows.counts))
    while windows.counted < end:
        old = windows.counted - 2 * job.room
        if old >= windows.first and w.words[old] != END:
            windows.counts[<uint32_t> w.words[old] % BUCKETS] -= 1
        id = w.words[windows.counted]
        windows.counted += 1
        if id != END:
            count = windows.counts + <uint32_t> id % BUCKETS
            count[0] += 257
            if <int32_t> (count[0] & 255) * <int32_t> (count[0] >> 8) > s.most_repeats:
                return False
    return True


cdef inline void collect_pairs(const job_t* job, scratch_t* s, batch_t* batch,
                               double* stats) noexcept nogil:
    """Add each context of a centre to the batch as a centre of its own."""
    cdef int64_t m, M = s.centres.M
    cdef centre_t* pair
    draw_words(job, &s.walk, s.walk.drawn, M * job.K)
    s.walk.drawn += <uint64_t> (M * job.K)
    for m in range(M):
        pair = batch.centres + batch.n
        list_for_one(job, pair, s.centres, m, s.walk.negatives + m * job.K)
        stats[2] += <double> pair.pairs
        batch.n += 1


cdef inline void collect_means(const job_t* job, scratch_t* s, batch_t* batch,
                               double* stats) noexcept nogil:
    """List the outputs of the centres of CBOW that have none yet, or make a group of them."""
    cdef centre_t* centres = batch.centres + batch.n - s.unlisted
    cdef int64_t k
    if batch.n <= TOGETHER and not job.batch and shares_negatives(job):
        batch.one_by_one = not (job.mode & MEAN and few_repeats(
            job, s, &batch.windows, batch.windows.first + batch.windows.n_words))
    if shares_negatives(job) and not batch.one_by_one and may_be_four(job, s.unlisted):
        for k in range(job.K):
            batch.negatives[batch.n_groups * FEW + k] = centres.negatives[k]
        batch.n_groups += 1
    else:
        for k in range(s.unlisted):
            list_for_mean(job, centres + k)
            stats[2] += <double> centres[k].pairs
    s.unlisted = 0


cdef inline void compare_words(const job_t* job, const batch_t* batch, int64_t g,
                               int32_t* pairs) noexcept nogil:
    """Count the equal pairs of words in each of up to GROUPS groups from group g on."""
    cdef int32_t words[72]              # (TOGETHER + FEW, GROUPS)
    cdef int64_t G = batch.n_groups, i, k
    cdef int64_t n = min(G - g, <int64_t> GROUPS)
    for i in range(72):
        words[i] = -2 - <int32_t> i     # no words
    for i in range(n):
        for k in range(TOGETHER):
            words[GROUPS * k + i] = batch.centres[k * G + g + i].target
        for k in range(job.K):
            words[GROUPS * (TOGETHER + k) + i] = batch.negatives[(g + i) * FEW + k]
    count_equal(pairs, words)


cdef inline void put_in_order(const job_t* job, batch_t* batch, double* stats) noexcept nogil:
    """Order the centres of a whole batch by groups of TOGETHER, and list the outputs of these.

    A group takes centres far apart. Neighbours have similar means, so together they would push
    their negatives into one direction.
    """
    cdef int64_t G = batch.n_groups, g, k, pairs = 0
    cdef int32_t equal[GROUPS]
    cdef centre_t** four
    for g in range(G):
        if g % GROUPS == 0:
            compare_words(job, batch, g, equal)
        four = batch.order + g * TOGETHER
        for k in range(TOGETHER):
            four[k] = batch.centres + k * G + g
            four[k].negatives = batch.negatives + g * FEW
        if not list_for_four(job, four, equal[g % GROUPS]):
            for k in range(TOGETHER):
                list_for_mean(job, four[k])
        for k in range(TOGETHER):
            pairs += four[k].pairs
    stats[2] += <double> pairs
    for k in range(G * TOGETHER, batch.n):
        batch.order[k] = batch.centres + k
    batch.n_groups = 0


cdef inline bint collect_centres(const job_t* job, scratch_t* s, batch_t* batch, int64_t most,
                                 double* stats) noexcept nogil:
    """Add up to `most` next centres of the block to the batch; return whether there was one.

    `most` is 1, or TOGETHER where these share negatives and are at hand.
    """
    cdef centre_t* c = &s.centres[0] if draws_for_pairs(job) else batch.centres + batch.n
    cdef int64_t found = next_centres(job, &s.walk, c, most), k
    if found == 0:
        if s.unlisted:
            collect_means(job, s, batch, stats)
        return False
    if draws_for_pairs(job):
        collect_pairs(job, s, batch, stats)
        return True
    if job.mode & SKIP_GRAM:
        batch.n += 1
        list_for_all(job, c)
        stats[2] += <double> c.pairs
        return True
    for k in range(found):
        batch.n += 1
        add_window(job, &s.walk, batch, c + k)
    s.unlisted += found
    if s.unlisted == (TOGETHER if shares_negatives(job) else 1):
        collect_means(job, s, batch, stats)
    return True


cdef inline void set_most_repeats(const job_t* job, scratch_t* s, float alpha) noexcept nogil:
    """Set the bound of `few_repeats` at a learning rate.

    Contexts have smaller steps with the exact gradient. A batch also puts off those of outputs, and
    the nodes of a tree learn from all centres (a loss of 1.09 times that of single centres).
    """
    cdef double most = <double> STEPS / <double> alpha if alpha > 0 else MOST_REPEATS
    if job.mode & EXACT_GRADIENT and not job.batch and job.ways == NULL:
        most *= <double> job.window
    s.most_repeats = <int32_t> min(most, <double> MOST_REPEATS)


cdef inline void collect_span(const job_t* job, scratch_t* s, batch_t* batch,
                              double* stats) noexcept nogil:
    """Collect TOGETHER centres of CBOW, or up to SPAN whose windows repeat no word too often."""
    cdef const walk_t* w = &s.walk
    begin_batch(batch)
    while (batch.n == 0 or batch.n % TOGETHER
           or batch.n < SPAN and not batch.one_by_one
           and few_repeats(job, s, &batch.windows, min(w.i + TOGETHER + job.room, w.n))):
        if not collect_centres(job, s, batch, TOGETHER if shares_negatives(job) else 1, stats):
            break
    put_in_order(job, batch, stats)
