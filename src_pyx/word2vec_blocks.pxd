"""Training word2vec centre by centre: the parts take blocks in turn and write to the same rows.

The parts do not lock rows (Hogwild), so results are repeatable with one part only. Formulas:
_word2vec.pyx.
"""
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy

from common_math cimport sigmoid_run
from word2vec_centres cimport (
    W_OUT, begin_block, centre_t, draw_words, list_for_all, list_for_one, next_centres, walk_t,
)
from word2vec_job cimport (
    END, N_STATS, SKIP_GRAM, TOGETHER, adds_windows_up, alpha_of, draws_for_pairs, job_t,
    shares_negatives,
)
from word2vec_rows cimport (
    copy_near, exchange, input_row, output_row, point_contexts, point_outputs, prefetch_row,
)
from word2vec_scratch cimport batch_t, scratch_t, work_t
from word2vec_steps cimport (
    ERRORS, begin_changes, coefficients, end_changes, errors, errors_of_four, find_mean, find_means,
    four_t, learn_four, learn_mean, loss_of_four, multiply_eights, point_four, point_words, scores,
    scores_of, scores_of_four, set_steps, update,
)
from word2vec_windows cimport collect_span, set_most_repeats

cdef extern from "threads.h" nogil:
    int64_t fw_next(int64_t* counter) noexcept

cdef enum:
    AHEAD = 3           # centres between the prefetch of a row and its use
    PAIRS_AHEAD = 2     # pairs, if each has negatives of its own


cdef inline void prefetch_ahead(const job_t* job, const scratch_t* s) noexcept nogil:
    """Prefetch the rows of skip-gram's centre AHEAD of the next one."""
    cdef const walk_t* w = &s.walk
    cdef int64_t at = w.i + AHEAD - 1, j
    if job.K and at < w.last and w.words[at] != END:
        prefetch_row(output_row(job, s, w.words[at]), job.width)
        if at < w.drawn_to and not draws_for_pairs(job):
            for j in range((at - w.chunk) * job.K, (at - w.chunk + 1) * job.K):
                prefetch_row(output_row(job, s, w.negatives[j]), job.width)
    at += job.window
    if at < w.n and w.words[at] != END:
        prefetch_row(input_row(job, s, w.words[at]), job.width)


cdef inline void learn_pairs(const job_t* job, scratch_t* s, work_t* work, float alpha,
                             double* stats) noexcept nogil:
    """Learn all pairs of the contexts and the outputs of a centre."""
    cdef const centre_t* c = work.c
    point_contexts(job, s, work)
    point_outputs(job, s, work)
    if ERRORS and c.usual and c.J > 4 and not c.with_loss:      # up to 4, sums have another order
        errors(work.g, work.x[0], work.y, c.J, s.usual_sign, s.usual_step, job.width)
    else:
        scores(work.g, work.x, c.M, work.y, c.J, 0, job.width)
        coefficients(s, work, stats)
    stats[2] += <double> c.pairs
    if alpha != 0:          # a held-out text is scored, not learned
        update(work.x, c.M, work.y, c.J, work.g, job.width, s.sums)


cdef inline void prefetch_drawn(const job_t* job, const scratch_t* s, int64_t m) noexcept nogil:
    """Prefetch the rows of the negatives of pair m of skip-gram's centre."""
    cdef int64_t j
    for j in range(m * job.K, (m + 1) * job.K):
        prefetch_row(output_row(job, s, s.walk.negatives[j]), job.width)


cdef inline void learn_each_pair(const job_t* job, scratch_t* s, float alpha,
                                 double* stats) noexcept nogil:
    """Learn a centre context by context, each with negatives of its own."""
    cdef centre_t* pair = s.centres + 1
    cdef int64_t m, M = s.centres.M
    draw_words(job, &s.walk, s.walk.drawn, M * job.K)
    s.walk.drawn += <uint64_t> (M * job.K)
    for m in range(min(PAIRS_AHEAD, M) if job.far else 0):
        prefetch_drawn(job, s, m)
    for m in range(M):
        if job.far and m + PAIRS_AHEAD < M:
            prefetch_drawn(job, s, m + PAIRS_AHEAD)
        list_for_one(job, pair, s.centres, m, s.walk.negatives + m * job.K)
        learn_pairs(job, s, s.works + 1, alpha, stats)


cdef inline bint has_loss(const work_t* works) noexcept nogil:
    """Tell whether the loss of one of TOGETHER centres is computed."""
    return (works[0].c.with_loss or works[1].c.with_loss or works[2].c.with_loss
            or works[3].c.with_loss)


cdef inline void score_four(const job_t* job, scratch_t* s, work_t* works, four_t* four,
                            double* stats) noexcept nogil:
    """Compute the coefficients of TOGETHER centres of CBOW whose means have been computed."""
    point_four(job, s, works, four)
    if ERRORS and not has_loss(works):
        errors_of_four(works.g, four.h, four.t, four.y, job.K, s.usual_sign, s.usual_step,
                       job.width)
        return
    scores_of_four(works.g, four.h, four.t, four.y, job.K, 0, job.width)
    multiply_eights(works.g, s.usual_sign, TOGETHER * 8)
    memcpy(works.z, works.g, TOGETHER * 8 * sizeof(float))
    sigmoid_run(works.g, works.g, TOGETHER * 8)
    stats[0] += loss_of_four(job, works, &stats[1])
    multiply_eights(works.g, s.usual_step, TOGETHER * 8)


cdef inline void learn_one(const job_t* job, scratch_t* s, work_t* work, bint later, float alpha,
                           double* stats) noexcept nogil:
    """Learn a centre of CBOW whose mean has been computed."""
    point_outputs(job, s, work)
    if ERRORS and work.c.usual and not work.c.with_loss:
        errors(work.g, work.h, work.y, work.c.J, s.usual_sign, s.usual_step, job.width)
    else:
        scores_of(work.g, work.h, work.y, work.c.J, 0, job.width)
        coefficients(s, work, stats)
    if alpha != 0:
        learn_mean(job, s, work, later)


cdef inline void prefetch_outputs(const job_t* job, const scratch_t* s, const batch_t* batch,
                                  int64_t k, int64_t n) noexcept nogil:
    """Prefetch the outputs of centres [k, k + n) of a span."""
    cdef int64_t i, j
    cdef const centre_t* c
    for i in range(k, min(k + n, batch.n)):
        c = batch.order[i]
        if c.four:
            prefetch_row(output_row(job, s, c.target), job.width)
            for j in range(c.J - 1):
                prefetch_row(output_row(job, s, c.negatives[j]), job.width)
            continue
        for j in range(c.J):
            if c.tables[j] == W_OUT:
                prefetch_row(output_row(job, s, c.rows[j]), job.width)
            else:
                prefetch_row(job.W_nodes + <Py_ssize_t> c.rows[j] * job.ld, job.width)


cdef inline void prefetch_contexts(const job_t* job, const scratch_t* s, int64_t k,
                                   int64_t n) noexcept nogil:
    """Prefetch words [k, k + n) of those that the windows of the next span add."""
    cdef int64_t i, at = s.walk.i + job.room + k
    for i in range(at, min(at + n, s.walk.n)):
        if s.walk.words[i] >= 128:
            prefetch_row(input_row(job, s, s.walk.words[i]), job.width)


cdef inline void learn_span(const job_t* job, scratch_t* s, batch_t* batch, float alpha,
                            double* stats) noexcept nogil:
    """Learn the centres of a span, one or TOGETHER at a time; a long one's contexts stand still."""
    cdef int64_t k = 0, i, n
    cdef int64_t together = TOGETHER if shares_negatives(job) and not batch.one_by_one else 1
    cdef bint still = adds_windows_up(job, batch.n)
    cdef four_t four
    if job.far:
        prefetch_outputs(job, s, batch, 0, 2 * together)
    point_words(job, s, &batch.windows)
    for i in range(batch.n):
        s.works[i].c = batch.order[i]
    if still:
        find_means(job, s, batch)
        begin_changes(job, s, batch)
    while k < batch.n:
        n = min(together, batch.n - k)
        if job.far:
            prefetch_outputs(job, s, batch, k + 2 * together, together)
        if not still:
            for i in range(k, k + n):
                find_mean(job, s, s.works + i)
        if batch.order[k].four:
            score_four(job, s, s.works + k, &four, stats)
        # Here the CPU need not wait for the prefetches above to end.
        if job.far:
            prefetch_contexts(job, s, k, together)
        if not batch.order[k].four:
            for i in range(k, k + n):
                learn_one(job, s, s.works + i, still, alpha, stats)
        elif alpha != 0:
            learn_four(job, s, s.works + k, &four, still)
        k += n
    if still:
        end_changes(job, s, batch)


cdef inline void learn_block(const job_t* job, scratch_t* s, int32_t* lock,
                             int64_t b) noexcept nogil:
    """Learn all centres of block b."""
    # Every pair adds to the sums, and those of the next block, which another part may learn at the
    # same time, are in the same cache line.
    cdef double stats[N_STATS]
    cdef double* sums = job.stats + (b - job.first_block) * N_STATS
    cdef int64_t k
    cdef float alpha
    for k in range(N_STATS):
        stats[k] = 0
    begin_block(job, &s.walk, b)
    alpha = alpha_of(job, s.walk.lo)
    set_steps(s, alpha)
    set_most_repeats(job, s, alpha)
    while True:
        if s.n_near and s.since >= job.exchange_every:
            exchange(job, s, lock, s.since >= 4 * job.exchange_every)
        if not job.mode & SKIP_GRAM:
            collect_span(job, s, s.batches, stats)
            if s.batches.n == 0:
                break
            s.since += s.batches.n
            learn_span(job, s, s.batches, alpha, stats)
            continue
        if not next_centres(job, &s.walk, s.centres, 1):
            break
        s.since += 1
        if job.far:
            prefetch_ahead(job, s)
        if draws_for_pairs(job):
            learn_each_pair(job, s, alpha, stats)
        else:
            list_for_all(job, s.centres)
            learn_pairs(job, s, s.works, alpha, stats)
    stats[3] += <double> s.walk.centres
    for k in range(N_STATS):
        sums[k] += stats[k]


cdef inline void train_part(const job_t* job, scratch_t* s, int32_t* lock, int64_t* next_block,
                            int64_t last) noexcept nogil:
    """Learn blocks below `last` that no other part has taken."""
    cdef int64_t b = fw_next(next_block)
    if job.n_near:
        copy_near(job, s, lock)
    while b < last:
        learn_block(job, s, lock, b)
        b = fw_next(next_block)
    if job.n_near:
        exchange(job, s, lock, True)
