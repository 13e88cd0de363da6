"""The steps of one centre, or of four at once: scores, loss, coefficients, changes.

M contexts x, J outputs y with labels, K negatives; h the sum or mean of x. A step computes the
columns [column, column + width) that its job says; scores add up over all columns.

    coefficients    g = alpha (label - sigmoid(z)), times the number of times that the pair counts
    loss            -log sigmoid(z) for label 1, -log(1 - sigmoid(z)) for label 0
    CBOW            e = share sum_j g[j] y[j];  y[j] += g[j] h;  x[m] += e
"""
from libc.math cimport exp as exp_double, log, log1p
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from common_math cimport sigmoid_run
from word2vec_centres cimport W_OUT, centre_t
from word2vec_job cimport END, EXACT_GRADIENT, MEAN, TOGETHER, adds_windows_up, job_t
from word2vec_rows cimport input_row, output_row
from word2vec_scratch cimport batch_t, scratch_t, windows_t, work_t

cdef extern from "word2vec_simd.h" nogil:
    enum:
        ERRORS "FW_W2V_ROW"         # whether the functions `errors...` are compiled
    void scores "fw_w2v_scores"(float* s, float** x, Py_ssize_t M, float** y, Py_ssize_t J,
                                Py_ssize_t begin, Py_ssize_t end) noexcept
    void update "fw_w2v_update"(float** x, Py_ssize_t M, float** y, Py_ssize_t J, const float* g,
                                Py_ssize_t n, float* sums) noexcept
    void mean "fw_w2v_mean"(float* h, float** x, const float* times, Py_ssize_t M, float scale,
                            Py_ssize_t n) noexcept
    void scores_of "fw_w2v_scores_of"(float* s, const float* h, float** y, Py_ssize_t J,
                                      Py_ssize_t begin, Py_ssize_t end) noexcept
    void errors "fw_w2v_errors"(float* g, const float* h, float** y, Py_ssize_t J,
                                const float* sign, const float* step, Py_ssize_t n) noexcept
    void add_to_all "fw_w2v_add_to_all"(float** x, Py_ssize_t M, const float* e,
                                        Py_ssize_t n) noexcept
    void outputs "fw_w2v_outputs"(float* e, const float* h, float** y, Py_ssize_t J,
                                  const float* g, float scale, Py_ssize_t n) noexcept

cdef extern from "word2vec_four_simd.h" nogil:
    void errors_of_four "fw_w2v_errors_of_four"(float* g, float** h, float** t, float** y,
                                                Py_ssize_t J, const float* sign, const float* step,
                                                Py_ssize_t n) noexcept
    void scores_of_four "fw_w2v_scores_of_four"(float* s, float** h, float** t, float** y,
                                                Py_ssize_t J, Py_ssize_t begin,
                                                Py_ssize_t end) noexcept
    void update_four "fw_w2v_update_four"(float** e, float** h, float** t, float** y, Py_ssize_t J,
                                          const float* g, const float* scale,
                                          Py_ssize_t n) noexcept

cdef extern from "word2vec_windows_simd.h" nogil:
    bint window_means "fw_w2v_window_means"(float** h, Py_ssize_t n_windows, const int32_t* bounds,
                                            const float* scale, float** x, const float* times,
                                            Py_ssize_t P, float* sums, Py_ssize_t n) noexcept
    void close_windows "fw_w2v_close_windows"(float** x, Py_ssize_t P, const int32_t* last,
                                              float** e, const float* sign, float** own,
                                              const int32_t* covers, Py_ssize_t n) noexcept
    bint all_finite "fw_all_finite"(const float* row, Py_ssize_t n) noexcept

cdef enum:
    MOST = 8            # most times that a pair of one centre counts
    FACTORS = 32        # probabilities above 1e-4 whose product stays far above the smallest double


cdef inline void set_steps(scratch_t* s, float alpha) noexcept nogil:
    """Set the factors that turn scores into coefficients at this learning rate."""
    cdef int j
    for j in range(16):
        s.usual_sign[j] = -1 if j % 8 == 0 else 1
        s.usual_step[j] = alpha if j % 8 == 0 else -alpha


cdef inline double loss_of_pair(float p, float z) noexcept nogil:
    """Return -log(1 - p), where p = sigmoid(z) is the probability of the wrong label."""
    cdef double far = z
    if z > 8:
        return far + log1p(exp_double(-far))
    return -log(1 - <double> p)


cdef inline double loss_of(const work_t* work, double* pairs) noexcept nogil:
    """Return the loss of a centre, summed over pairs; work.g holds p, work.z holds z.

    Where p is not near 1, one logarithm serves many pairs: log a + log b = log(a b).
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


cdef inline void turn_labels(const work_t* work) noexcept nogil:
    """Negate the numbers in work.g that belong to outputs with label 1.

    The sigmoid of a score turned so is the size of the error, accurate however small it is.
    """
    cdef const centre_t* c = work.c
    cdef int64_t m, j
    if c.tables[0] == W_OUT:        # without nodes, the target is the first of the outputs
        for m in range(c.inputs):
            work.g[m * c.J] = -work.g[m * c.J]
        return
    for j in range(c.J):
        if c.sign[j] < 0:
            for m in range(c.inputs):
                work.g[m * c.J + j] = -work.g[m * c.J + j]


cdef inline void count_pairs(const work_t* work) noexcept nogil:
    """Take all steps of a repeated pair at once.

    One that occurs more than MOST times, which takes a vocabulary of a few words, counts MOST
    times.
    """
    cdef const centre_t* c = work.c
    cdef int64_t j, m
    cdef float times, most = MOST
    if c.repeated or c.twice:
        for m in range(c.inputs):
            for j in range(c.J):
                times = c.times[m] * c.count[j]
                work.g[m * c.J + j] *= times if times < most else most


cdef inline void multiply(float* g, float factor, int64_t n) noexcept nogil:
    """Multiply n floats; there is room for a multiple of 16."""
    cdef int64_t i = 0, j
    while i < n:
        for j in range(16):
            g[i + j] *= factor
        i += 16


cdef inline void coefficients(const scratch_t* s, const work_t* work, double* stats) noexcept nogil:
    """Turn scores in work.g into alpha * (label - sigmoid(score)); add the loss to stats."""
    cdef int64_t n = work.c.inputs * work.c.J
    turn_labels(work)
    if work.c.with_loss:
        memcpy(work.z, work.g, n * sizeof(float))
    sigmoid_run(work.g, work.g, n)
    if work.c.with_loss:
        stats[0] += loss_of(work, &stats[1])
    multiply(work.g, s.usual_step[1], n)
    turn_labels(work)
    count_pairs(work)


cdef inline float inputs_of(const job_t* job, const scratch_t* s, const centre_t* c) noexcept nogil:
    """Return M, the number of rows that h is the sum or mean of."""
    cdef int64_t p
    cdef float n = 0
    if job.n_rows == NULL:
        return <float> c.M
    for p in range(c.left, c.right):
        n += s.n_rows[p]
    return n - s.n_rows[c.at]


cdef inline float share_of(const job_t* job, const scratch_t* s, const centre_t* c) noexcept nogil:
    """Return the share of the gradient of h that each context gets."""
    cdef float one = 1
    return one / inputs_of(job, s, c) if job.mode & EXACT_GRADIENT else one


# ---- the windows of a batch

cdef inline void point_words(const job_t* job, scratch_t* s,
                             const windows_t* windows) noexcept nogil:
    """Point s.x to the rows of the words."""
    cdef int64_t p
    for p in range(windows.n_words):
        s.x[p] = input_row(job, s, windows.words[p]) if windows.words[p] != END else s.blank
    if job.n_rows != NULL:
        for p in range(windows.n_words):
            s.n_rows[p] = job.n_rows[windows.words[p]] if windows.words[p] != END else 0


cdef inline void point_window(const scratch_t* s, const work_t* work) noexcept nogil:
    """Point work.x to the rows of the contexts."""
    cdef const centre_t* c = work.c
    cdef int64_t before = c.at - c.left, after = c.right - c.at - 1
    memcpy(work.x, s.x + c.left, before * sizeof(void*))
    memcpy(work.x + before, s.x + c.at + 1, after * sizeof(void*))


cdef inline float scale_of(const job_t* job, const scratch_t* s, const centre_t* c) noexcept nogil:
    """Return the share of each context in h."""
    cdef float one = 1
    return one / inputs_of(job, s, c) if job.mode & MEAN else one


cdef inline void find_mean(const job_t* job, const scratch_t* s, const work_t* work) noexcept nogil:
    """Compute work.h from the rows of the contexts."""
    cdef int64_t before = work.c.at - work.c.left
    point_window(s, work)
    if job.n_rows != NULL:
        memcpy(s.around, s.n_rows + work.c.left, before * sizeof(float))
        memcpy(s.around + before, s.n_rows + work.c.at + 1, (work.c.M - before) * sizeof(float))
    mean(work.h + job.column, work.x, s.around, work.c.M, scale_of(job, s, work.c), job.width)


cdef inline bint sum_windows(const job_t* job, scratch_t* s, const batch_t* batch) noexcept nogil:
    """Compute work.h of all centres by running sums; return whether these are finite.

    Behind a row that is not finite, no sum is.
    """
    cdef int64_t k
    cdef const centre_t* c
    for k in range(batch.n):
        c = batch.order[k]
        s.h[k] = s.works[k].h + job.column
        s.bounds[3 * k], s.bounds[3 * k + 1], s.bounds[3 * k + 2] = c.left, c.at, c.right
        s.scales[k] = scale_of(job, s, c)
    return window_means(s.h, batch.n, s.bounds, s.scales, s.x, s.n_rows, batch.windows.n_words,
                        s.sums_of_words, job.width)


cdef inline void find_means(const job_t* job, scratch_t* s, const batch_t* batch) noexcept nogil:
    """Compute work.h of all centres, by running sums if these are finite."""
    cdef int64_t k
    if adds_windows_up(job, batch.n) and sum_windows(job, s, batch):
        return
    for k in range(batch.n):
        find_mean(job, s, s.works + k)


cdef inline void begin_changes(const job_t* job, scratch_t* s, const batch_t* batch) noexcept nogil:
    """Prepare to add the changes of contexts in `end_changes`."""
    memset(s.own, 0, batch.windows.n_words * sizeof(void*))
    memset(s.covers, 0, (batch.windows.n_words + 1) * sizeof(int32_t))


cdef inline void change_window(const job_t* job, scratch_t* s, const work_t* work,
                               bint later) noexcept nogil:
    """Add work.e to the rows of the contexts, now or in `end_changes`."""
    cdef const centre_t* c = work.c
    if later:
        s.own[c.at] = work.e + job.column
        return
    point_window(s, work)
    add_to_all(work.x, c.M, work.e + job.column, job.width)


cdef inline void end_changes(const job_t* job, scratch_t* s, const batch_t* batch) noexcept nogil:
    """Add all changes that `change_window` has put off.

    A window's change begins at its first word and ends behind its last one. The turns are sorted by
    their words, by counting.
    """
    cdef int64_t P = batch.windows.n_words, k, p
    cdef int32_t turns = 0, covers = 0, change
    cdef float one = 1
    cdef const centre_t* c
    memset(s.turns, 0, (P + 1) * sizeof(int32_t))
    for k in range(batch.n):
        c = batch.centres + k
        if s.own[c.at] != NULL:
            s.turns[c.left] += 1
            s.turns[c.right] += 1
            s.covers[c.left] += 1
            s.covers[c.right] -= 1
    for p in range(P + 1):
        change = s.turns[p]
        s.turns[p] = turns          # from now on where the turns before word p begin
        turns += change
        covers += s.covers[p]
        s.covers[p] = covers
    for k in range(batch.n):
        c = batch.centres + k
        if s.own[c.at] != NULL:
            s.e[s.turns[c.left]], s.sign[s.turns[c.left]] = s.own[c.at], one
            s.turns[c.left] += 1
            s.e[s.turns[c.right]], s.sign[s.turns[c.right]] = s.own[c.at], -one
            s.turns[c.right] += 1
    close_windows(s.x, P, s.turns, s.e, s.sign, s.own, s.covers, job.width)


cdef inline void learn_mean(const job_t* job, scratch_t* s, const work_t* work,
                            bint later) noexcept nogil:
    """Change the rows of a centre of CBOW."""
    outputs(work.e + job.column, work.h + job.column, work.y, work.c.J, work.g,
            share_of(job, s, work.c), job.width)
    change_window(job, s, work, later and all_finite(work.g, work.c.J))


# Pointers to the rows of TOGETHER centres. The first one's g holds the scores of all, (4, 8).
cdef struct four_t:
    float* h[4]
    float* e[4]
    float* rows[4 + 5]          # of TOGETHER targets and up to FEW negatives
    float** t
    float** y
    float share[4]


cdef inline void point_four(const job_t* job, const scratch_t* s, const work_t* works,
                            four_t* four) noexcept nogil:
    """Point to the rows of TOGETHER centres and of their negatives."""
    cdef int64_t k
    four.t, four.y = four.rows, four.rows + TOGETHER
    for k in range(TOGETHER):
        four.h[k], four.e[k] = works[k].h + job.column, works[k].e + job.column
        four.t[k] = output_row(job, s, works[k].c.target)
        four.share[k] = share_of(job, s, works[k].c)
    for k in range(job.K):
        four.y[k] = output_row(job, s, works.c.rows[1 + k])


cdef inline void multiply_eights(float* g, const float* factors, int64_t n) noexcept nogil:
    """Multiply n floats by eight factors in turn; both arrays are a multiple of 16 long."""
    cdef int64_t i = 0, j
    while i < n:
        for j in range(16):
            g[i + j] *= factors[j]
        i += 16


cdef inline double loss_of_four(const job_t* job, const work_t* works,
                                double* pairs) noexcept nogil:
    """Return the sum of `loss_of` over those of TOGETHER centres whose loss is computed."""
    cdef int64_t k, j
    cdef double total = 0
    for k in range(TOGETHER):
        if works[k].c.with_loss:
            pairs[0] += <double> works[k].c.pairs
            for j in range(job.K + 1):
                if j == 0 or works.c.rows[j] != works[k].c.target:
                    total += loss_of_pair(works.g[8 * k + j], works.z[8 * k + j])
    return total


cdef inline void leave_targets_out(const job_t* job, const work_t* works) noexcept nogil:
    """Set the coefficients of negatives that are the target to 0."""
    cdef int64_t k, j
    for k in range(TOGETHER):
        for j in range(1, job.K + 1):
            if works.c.rows[j] == works[k].c.target:
                works.g[8 * k + j] = 0


cdef inline float** find_twin(const job_t* job, four_t* four, float** first) noexcept nogil:
    """Return the second pointer to a row that occurs twice in a group; `first` becomes the row."""
    cdef int64_t i, j
    for i in range(1, TOGETHER + job.K):
        for j in range(i):
            if four.rows[i] == four.rows[j]:
                first[0] = four.rows[j]
                return four.rows + i
    return NULL


cdef inline void learn_four(const job_t* job, scratch_t* s, const work_t* works, four_t* four,
                            bint later) noexcept nogil:
    """Change the rows of TOGETHER centres.

    Where a row is not finite, nor is a coefficient. Such a change must stay within its window, so
    it is not added to others. A row that occurs twice gets the sum of both changes.
    """
    cdef int64_t k
    cdef float* row = NULL
    cdef float** twin = NULL
    later = later and all_finite(works.g, 8 * TOGETHER)
    if works.c.repeated:
        leave_targets_out(job, works)
        twin = find_twin(job, four, &row)
    if twin != NULL:
        memcpy(s.twin, row, job.width * sizeof(float))
        memcpy(s.twin + job.ld, row, job.width * sizeof(float))
        twin[0] = s.twin
    update_four(four.e, four.h, four.t, four.y, job.K, works.g, four.share, job.width)
    if twin != NULL:
        for k in range(job.width):
            row[k] += s.twin[k] - s.twin[job.ld + k]
    for k in range(TOGETHER):
        change_window(job, s, works + k, later)
