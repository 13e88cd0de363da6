"""Batches of word2vec: centres that are scored in stripes of columns, then learned in order.

The columns are cut into stripes. Each stripe adds its share to the scores of all centres of a
batch; the shares are added in the order of the stripes; then each stripe changes its own columns of
the rows. The same numbers are added whether one part owns all stripes or several parts share them.
Where there are several parts, each stripe is a table of its own: a core prefetches memory behind
the lines that it reads, and these would be the columns of another part. Formulas: _word2vec.pyx.
"""
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from common_math cimport sigmoid_run
from word2vec_centres cimport W_OUT, begin_block, centre_t
from word2vec_job cimport (
    LINE, MEAN, N_STATS, SKIP_GRAM, TOGETHER, adds_windows_up, alpha_of, draws_for_pairs, job_t,
)
from word2vec_rows cimport point_contexts, point_outputs, prefetch_row
from word2vec_scratch cimport batch_t, scratch_t, windows_t, work_t
from word2vec_steps cimport (
    begin_changes, count_pairs, end_changes, four_t, learn_four, learn_mean, loss_of, loss_of_four,
    find_means, multiply, multiply_eights, point_four, point_words, scores, scores_of,
    scores_of_four, set_steps, sum_windows, turn_labels, update,
)
from word2vec_windows cimport (
    begin_batch, collect_centres, collect_means, few_repeats, keep_words, set_most_repeats,
    put_in_order,
)

cdef enum:
    STRIPES = 4         # most stripes, and therefore most parts that have work
    MOST_PAIRS = 64     # pairs of one context with one centre in a batch (FRESH_NEGATIVES)


cdef inline int64_t count_stripes(Py_ssize_t ld) noexcept nogil:
    """Return the number of stripes; few, as each score is a sum of one number per stripe."""
    return 1 if ld < 2 * LINE else 2 if ld < 16 * LINE else STRIPES


cdef inline Py_ssize_t stripe_begin(Py_ssize_t ld, int64_t q) noexcept nogil:
    """Return the first column of stripe q; the first stripes are the wider ones."""
    cdef int64_t n = count_stripes(ld)
    return (q * (ld // LINE) + n - 1) // n * LINE


cdef inline Py_ssize_t stripe_step(Py_ssize_t ld, int64_t q) noexcept nogil:
    """Return the floats from row to row in the table of a stripe, an odd number of cache lines.

    With an even one, rows compete for fewer sets of a cache (with 4 lines instead of 5, scores
    took 1.17 times as long).
    """
    return (stripe_begin(ld, q + 1) - stripe_begin(ld, q)) // LINE // 2 * (2 * LINE) + LINE


cdef inline void make_stripes(job_t* stripes, const job_t* job, Py_ssize_t n_rows,
                              Py_ssize_t n_nodes, bint apart) noexcept nogil:
    """Make the job of each stripe; `apart`: each stripe is a table of its own."""
    cdef int64_t q
    cdef Py_ssize_t at = 0          # row lengths of all tables so far
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


cdef inline int64_t most_collected(const job_t* job) noexcept nogil:
    """Return the number of centres at which a batch is complete."""
    return min(<int64_t> MOST_PAIRS, 4 * job.batch) if draws_for_pairs(job) else job.batch


cdef inline bint takes_more(const job_t* job, scratch_t* s, batch_t* batch) noexcept nogil:
    """Tell whether a batch may get another centre.

    What is scored together is changed from weights that are out of date. So the bound of
    `few_repeats` holds for the contexts of CBOW, and half of it for the root of the tree, which
    every centre changes. Sums instead of means are learned one by one.
    """
    cdef int64_t n = batch.n
    if n >= most_collected(job) and s.unlisted == 0:
        return False
    if n == 0 or draws_for_pairs(job):
        return True
    if job.ways != NULL and 2 * (n + 1) * (n + 1) > s.most_repeats:
        return False
    if job.mode & SKIP_GRAM:
        return True
    return job.mode & MEAN and few_repeats(job, s, &batch.windows,
                                           min(s.walk.i + 1 + job.room, s.walk.n))


cdef inline void collect(const job_t* job, scratch_t* s, batch_t* batch, bint leads) noexcept nogil:
    """Collect the next batch, which is empty after the last block."""
    begin_batch(batch)
    while batch.n == 0:
        if not s.in_block:
            if s.block == s.end_block:
                return
            begin_block(job, &s.walk, s.block)
            s.in_block = True
        batch.alpha = alpha_of(job, s.walk.lo)
        set_most_repeats(job, s, batch.alpha)
        batch.stats = (job.stats + (s.block - job.first_block) * N_STATS if leads
                       else s.unused_stats)
        while takes_more(job, s, batch):
            if not collect_centres(job, s, batch, 1, batch.stats):
                batch.stats[3] += <double> s.walk.centres
                s.in_block = False
                s.block += 1
                break
    if s.unlisted:
        collect_means(job, s, batch, batch.stats)
    put_in_order(job, batch, batch.stats)
    if not job.mode & SKIP_GRAM:
        keep_words(&batch.windows)


cdef inline int64_t place_scores(batch_t* batch, scratch_t* s) noexcept nogil:
    """Place the scores of each centre after the previous one's; return how many there are.

    Those of TOGETHER centres belong to the first one.
    """
    cdef int64_t k = 0, i, n = 0, step
    cdef const centre_t* c
    batch.usual = True
    batch.with_loss = False
    while k < batch.n:
        c = batch.order[k]
        step = TOGETHER if c.four else 1
        if not (c.usual or c.four):
            batch.usual = False
        for i in range(k, k + step):
            s.works[i].c = batch.order[i]
            s.works[i].g, s.works[i].z = s.numbers + n, s.numbers + s.n_numbers + n
            if batch.order[i].with_loss:
                batch.with_loss = True
        n += 8 * TOGETHER if c.four else (c.inputs * c.J + 7) // 8 * 8
        k += step
    return n


cdef inline void find_means_of_stripes(const job_t* job, scratch_t* s, const batch_t* batch,
                                       const job_t* stripes, int64_t n) noexcept nogil:
    """Compute the means of n stripes, which make up the columns of the job.

    Columns are summed one like the other, but where a sum is not finite, its whole stripe takes
    another way.
    """
    cdef int64_t q
    point_words(job, s, &batch.windows)
    if n == 1 or not adds_windows_up(job, batch.n):
        find_means(job, s, batch)
    elif not sum_windows(job, s, batch):
        for q in range(n):
            point_words(stripes + q, s, &batch.windows)
            find_means(stripes + q, s, batch)
        point_words(job, s, &batch.windows)


cdef inline void score_batch(const job_t* job, scratch_t* s, const batch_t* batch,
                             const job_t* stripes, int64_t n, float* partial,
                             int64_t n_partial) noexcept nogil:
    """Compute the shares of n stripes in the scores of a batch.

    The stripes make up the columns of the job: its one stripe, or those of whole rows. The share of
    stripe q goes to partial + q * n_partial.
    """
    cdef int64_t k = 0, q
    cdef Py_ssize_t begin, end
    cdef four_t four
    cdef work_t* work
    cdef float* to
    if not job.mode & SKIP_GRAM:
        find_means_of_stripes(job, s, batch, stripes, n)
    while k < batch.n:
        work = s.works + k
        if work.c.four:
            point_four(job, s, work, &four)
        else:
            point_outputs(job, s, work)
            if job.mode & SKIP_GRAM:
                point_contexts(job, s, work)
        for q in range(n):
            begin = stripes[q].column - job.column
            end = begin + stripes[q].width
            to = partial + q * n_partial + (work.g - s.numbers)
            if work.c.four:
                scores_of_four(to, four.h, four.t, four.y, job.K, begin, end)
            elif job.mode & SKIP_GRAM:
                scores(to, work.x, work.c.M, work.y, work.c.J, begin, end)
            else:
                scores_of(to, work.h + job.column, work.y, work.c.J, begin, end)
        k += TOGETHER if work.c.four else 1


cdef inline void add_losses(const job_t* job, scratch_t* s, const batch_t* batch) noexcept nogil:
    """Add the losses of a batch to its stats."""
    cdef int64_t k = 0
    while k < batch.n:
        if batch.order[k].four:
            batch.stats[0] += loss_of_four(job, s.works + k, &batch.stats[1])
            k += TOGETHER
            continue
        if batch.order[k].with_loss:
            batch.stats[0] += loss_of(s.works + k, &batch.stats[1])
        k += 1


cdef inline void turn_batch(scratch_t* s, const batch_t* batch) noexcept nogil:
    """Call `turn_labels` for all centres of a batch."""
    cdef int64_t k = 0
    while k < batch.n:
        if batch.order[k].four:
            multiply_eights(s.works[k].g, s.usual_sign, 8 * TOGETHER)
            k += TOGETHER
            continue
        turn_labels(s.works + k)
        k += 1


cdef inline void finish_scores(const job_t* job, scratch_t* s, const batch_t* batch,
                               const float* partial, int64_t n_partial, int64_t n,
                               bint leads) noexcept nogil:
    """Compute coefficients from the n scores of each stripe."""
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
        turn_batch(s, batch)
    if batch.with_loss and leads:
        memcpy(g + s.n_numbers, g, n * sizeof(float))
    sigmoid_run(g, g, n)
    if batch.with_loss and leads:
        add_losses(job, s, batch)
    if batch.usual:
        multiply_eights(g, s.usual_step, n)
    else:
        multiply(g, s.usual_step[1], n)
        turn_batch(s, batch)
        for i in range(batch.n):
            if not batch.order[i].four:
                count_pairs(s.works + i)


cdef inline void prefetch_centre(const job_t* job, const centre_t* c,
                                 const windows_t* windows) noexcept nogil:
    """Prefetch the rows of a centre that no window has had before."""
    cdef int64_t i
    for i in range(max(c.M - c.n_new, <int64_t> 0), c.M):
        prefetch_row(job.W_in + <Py_ssize_t> (
            c.around[i] if job.mode & SKIP_GRAM else windows.words[c.right - c.M + i]) * job.ld,
            job.width)
    if c.four:
        prefetch_row(job.W_out + <Py_ssize_t> c.target * job.ld, job.width)
        for i in range(c.J - 1):
            prefetch_row(job.W_out + <Py_ssize_t> c.negatives[i] * job.ld, job.width)
        return
    for i in range(c.J):
        if c.tables[i] == W_OUT:
            prefetch_row(job.W_out + <Py_ssize_t> c.rows[i] * job.ld, job.width)
        else:
            prefetch_row(job.W_nodes + <Py_ssize_t> c.rows[i] * job.ld, job.width)


cdef inline void learn_batch(const job_t* job, scratch_t* s, const batch_t* batch, bint pointed,
                             const batch_t* following) noexcept nogil:
    """Change the columns of the job in the rows of a batch, and prefetch the following batch's.

    pointed: the works point to these columns already, as they were scored last.
    """
    cdef int64_t k = 0, i, step
    cdef bint later = adds_windows_up(job, batch.n)
    cdef four_t four
    cdef work_t* work
    if not job.mode & SKIP_GRAM:
        if not pointed:
            point_words(job, s, &batch.windows)
        if later:
            begin_changes(job, s, batch)
    while k < batch.n:
        work = s.works + k
        step = TOGETHER if work.c.four else 1
        for i in range(k, min(k + step, following.n) if job.far else k):
            prefetch_centre(job, following.order[i], &following.windows)
        k += step
        if work.c.four:
            point_four(job, s, work, &four)
            learn_four(job, s, work, &four, later)
            continue
        if not pointed:
            point_outputs(job, s, work)
        if job.mode & SKIP_GRAM:
            if not pointed:
                point_contexts(job, s, work)
            update(work.x, work.c.M, work.y, work.c.J, work.g, job.width, s.sums)
        else:
            learn_mean(job, s, work, later)
    if later:
        end_changes(job, s, batch)
