"""Training word2vec centre by centre: the parts take blocks in turn and write to the same rows.

The parts do not lock rows (Hogwild), so results are repeatable with one part only. Formulas:
_word2vec.pyx.
"""
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy

from common_math cimport sigmoid_run
from word2vec_centres cimport (
    begin_block, centre_t, draw_words, list_for_all, list_for_four, list_for_mean, list_for_one,
    next_centre, walk_t,
)
from word2vec_job cimport (
    END, N_STATS, SKIP_GRAM, TOGETHER, alpha_of, draws_for_pairs, shares_negatives, job_t,
)
from word2vec_rows cimport (
    copy_near, exchange, input_row, output_row, point_contexts, point_outputs, prefetch_row,
)
from word2vec_scratch cimport scratch_t, work_t
from word2vec_steps cimport (
    ERRORS, coefficients, errors, four_t, learn_four, learn_mean, loss_of_four, mean_of_contexts,
    multiply_eights, point_four, scores, scores_of, scores_of_four, set_steps, update,
)

cdef extern from "threads.h" nogil:
    int64_t fw_next(int64_t* counter) noexcept

cdef enum:
    AHEAD = 3           # centres between the prefetch of a row and its use


cdef inline void prefetch_ahead(const job_t* job, const scratch_t* s) noexcept nogil:
    """Prefetch the rows of the centre AHEAD of the next one."""
    cdef const walk_t* w = &s.walk
    cdef int64_t at = w.i + AHEAD - 1, j
    cdef bint shared = shares_negatives(job)
    if job.K and at < w.last and w.words[at] != END:
        prefetch_row(output_row(job, s, w.words[at]), job.width)
        if at < w.drawn_to and not shared and not draws_for_pairs(job):
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
    """Learn all pairs of the contexts and the outputs of a centre."""
    cdef const centre_t* c = work.c
    point_contexts(job, s, work)
    point_outputs(job, s, work)
    scores(work.g, work.x, c.M, work.y, c.J, job.width)
    coefficients(s, work, stats)
    stats[2] += <double> c.pairs
    if alpha != 0:          # a held-out text is scored, not learned
        update(work.x, c.M, work.y, c.J, work.g, job.width, s.sums)


cdef inline void learn_each_pair(const job_t* job, scratch_t* s, float alpha,
                                 double* stats) noexcept nogil:
    """Learn a centre context by context, each with negatives of its own."""
    cdef centre_t* pair = s.centres + 1
    cdef int64_t m, M = s.centres.M
    draw_words(job, &s.walk, s.walk.drawn, M * job.K)
    s.walk.drawn += <uint64_t> (M * job.K)
    for m in range(M):
        list_for_one(job, pair, s.centres, m, s.walk.negatives + m * job.K)
        learn_pairs(job, s, s.works + 1, alpha, stats)


cdef inline void learn_means(const job_t* job, scratch_t* s, int64_t n, float alpha,
                             double* stats) noexcept nogil:
    """Learn n <= TOGETHER centres of CBOW whose means have all been computed."""
    cdef int64_t k
    cdef four_t four
    cdef work_t* work
    if shares_negatives(job) and list_for_four(job, s.centres, n):
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


cdef inline void learn_block(const job_t* job, scratch_t* s, int32_t* lock,
                             int64_t b) noexcept nogil:
    """Learn all centres of block b."""
    cdef double* stats = job.stats + (b - job.first_block) * N_STATS
    cdef float alpha
    cdef int64_t together = TOGETHER if shares_negatives(job) else 1, n_means = 0
    cdef work_t* work
    begin_block(job, &s.walk, b)
    alpha = alpha_of(job, s.walk.lo)
    set_steps(s, alpha)
    while next_centre(job, &s.walk, s.centres + n_means):
        if job.far:
            prefetch_ahead(job, s)
        s.since += 1
        if s.n_near and s.since >= job.exchange_every and n_means == 0:
            exchange(job, s, lock, s.since >= 4 * job.exchange_every)
        if draws_for_pairs(job):
            learn_each_pair(job, s, alpha, stats)
        elif job.mode & SKIP_GRAM:
            list_for_all(job, s.centres)
            learn_pairs(job, s, s.works, alpha, stats)
        else:
            work = s.works + n_means
            point_contexts(job, s, work)
            mean_of_contexts(job, work)
            n_means += 1
            if n_means == together:
                learn_means(job, s, n_means, alpha, stats)
                n_means = 0
    if n_means:
        learn_means(job, s, n_means, alpha, stats)
    stats[3] += <double> s.walk.centres


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
