"""The six update rules and gradient clipping, one pass over memory each.

A parameter is R rows of C. Where `mark[r]` is 0 the gradient of row r is zero, and its memory is
not read: the rule runs with g = 0, which gives the bits it would give on a row of zeros. Each rule
stands once, as an inline function; the pass and whatever replays it call that one.

    sgd       w -= lr g
    momentum  v = mu v - lr g;                   w += v
    nesterov  v = mu v - lr g;                   w += mu^2 v - (1 + mu) lr g
    adagrad   h += g^2;                          w -= lr g / (sqrt(h) + eps)
    rmsprop   h = rho h + (1 - rho) g^2;         w -= lr g / (sqrt(h) + eps)
    adam      m += c1 (g - m), v += c2 (g^2 - v); w -= lr m / (sqrt(v) + eps)
"""
from cython.parallel cimport prange
from libc.float cimport DBL_MIN, FLT_MIN
from libc.math cimport fabs, fabsf, sqrt, sqrtf
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp, memcpy

from common_memory cimport prefetch, prefetch_row
from common_parallel cimport part_begin, use_pool
from common_types cimport index_t, real_t

cdef extern from "optimizer_simd.h" nogil:
    int FW_ADAM_SIMD
    void fw_adam_run(float* w, float* m, float* v, const float* g, Py_ssize_t n,
                     float lr, float c1, float c2, float eps)
    void fw_adam_replay(float* w, float* m, float* v, Py_ssize_t n, const float* lr,
                        Py_ssize_t begin, Py_ssize_t end, float lr_low, float lr_high,
                        float c1, float c2, float eps, int may_stop, int slower, float tiny)

cdef enum:
    BLOCK = 8192    # elements of one partial sum of squares; fixed, so that no split shows
    LANES = 8
    VECTOR = 16     # cuts between runs fall on whole vectors where they may
    CHUNK = 64      # elements whose steps are replayed together: they stay in the first cache
    LOOK = 16       # replayed steps between two looks whether anything still changes
    SETTLING = 160  # steps after which most weights have stopped
    AHEAD = 8       # ids between a prefetch and its use

cdef enum Rule:
    SGD, MOMENTUM, NESTEROV, ADAGRAD, RMSPROP, ADAM

RULES = {"sgd": SGD, "momentum": MOMENTUM, "nesterov": NESTEROV, "adagrad": ADAGRAD,
         "rmsprop": RMSPROP, "adam": ADAM}


cdef inline real_t root(real_t x) noexcept nogil:
    if real_t is float:
        return sqrtf(x)
    else:
        return sqrt(x)


cdef inline real_t magnitude(real_t x) noexcept nogil:
    if real_t is float:
        return fabsf(x)
    else:
        return fabs(x)


cdef inline void sgd_rule(real_t* w, real_t g, real_t lr) noexcept nogil:
    w[0] = w[0] - lr * g


# What a rule does to its state is a function of its own where steps may be replayed in which the
# weight can no longer move.

cdef inline void velocity(real_t* v, real_t g, real_t lr, real_t mu) noexcept nogil:
    v[0] = mu * v[0] - lr * g


cdef inline void momentum_rule(real_t* w, real_t* v, real_t g, real_t lr,
                               real_t mu) noexcept nogil:
    velocity(v, g, lr, mu)
    w[0] = w[0] + v[0]


cdef inline void nesterov_rule(real_t* w, real_t* v, real_t g, real_t lr, real_t mu,
                               real_t mu_mu, real_t lead) noexcept nogil:
    # lead = (1 + mu) lr
    velocity(v, g, lr, mu)
    w[0] = w[0] + mu_mu * v[0] - lead * g


cdef inline void adagrad_rule(real_t* w, real_t* h, real_t g, real_t lr,
                              real_t eps) noexcept nogil:
    h[0] = h[0] + g * g
    w[0] = w[0] - lr * g / (root(h[0]) + eps)


cdef inline void mean_square(real_t* h, real_t g, real_t rho, real_t rest) noexcept nogil:
    h[0] = rho * h[0] + rest * g * g


cdef inline void rmsprop_rule(real_t* w, real_t* h, real_t g, real_t lr, real_t rho, real_t rest,
                              real_t eps) noexcept nogil:
    # rest = 1 - rho
    mean_square(h, g, rho, rest)
    w[0] = w[0] - lr * g / (root(h[0]) + eps)


cdef inline void moments(real_t* m, real_t* v, real_t g, real_t c1, real_t c2) noexcept nogil:
    m[0] = m[0] + c1 * (g - m[0])
    v[0] = v[0] + c2 * (g * g - v[0])


cdef inline void adam_rule(real_t* w, real_t* m, real_t* v, real_t g, real_t lr,
                           real_t c1, real_t c2, real_t eps) noexcept nogil:
    moments(m, v, g, c1, c2)
    w[0] = w[0] - lr * m[0] / (root(v[0]) + eps)


cdef inline void run(Rule rule, real_t* w, real_t* a, real_t* b, const real_t* g, Py_ssize_t n,
                     const real_t* s) noexcept nogil:
    """Apply a rule to n elements; g NULL stands for zeros, a and b are the rule's state."""
    cdef Py_ssize_t i
    cdef real_t zero = 0
    if rule == ADAM:
        if real_t is float:
            if FW_ADAM_SIMD:
                fw_adam_run(w, a, b, g, n, s[0], s[1], s[2], s[3])
                return
        if g != NULL:
            for i in range(n):
                adam_rule(&w[i], &a[i], &b[i], g[i], s[0], s[1], s[2], s[3])
        else:
            for i in range(n):
                adam_rule(&w[i], &a[i], &b[i], zero, s[0], s[1], s[2], s[3])
    elif rule == SGD:
        if g != NULL:
            for i in range(n):
                sgd_rule(&w[i], g[i], s[0])
        # w - lr * 0 = w: nothing to do for rows without gradient
    elif rule == MOMENTUM:
        if g != NULL:
            for i in range(n):
                momentum_rule(&w[i], &a[i], g[i], s[0], s[1])
        else:
            for i in range(n):
                momentum_rule(&w[i], &a[i], zero, s[0], s[1])
    elif rule == NESTEROV:
        if g != NULL:
            for i in range(n):
                nesterov_rule(&w[i], &a[i], g[i], s[0], s[1], s[2], s[3])
        else:
            for i in range(n):
                nesterov_rule(&w[i], &a[i], zero, s[0], s[1], s[2], s[3])
    elif rule == ADAGRAD:
        if g != NULL:
            for i in range(n):
                adagrad_rule(&w[i], &a[i], g[i], s[0], s[1])
        # h + 0 * 0 = h and w - 0 / positive = w
    else:
        if g != NULL:
            for i in range(n):
                rmsprop_rule(&w[i], &a[i], g[i], s[0], s[1], s[2], s[3])
        else:
            for i in range(n):
                rmsprop_rule(&w[i], &a[i], zero, s[0], s[1], s[2], s[3])


cdef void sweep(Rule rule, real_t* w, Py_ssize_t ld, real_t* a, real_t* b,
                const real_t* g, Py_ssize_t ld_g, const uint8_t* mark, Py_ssize_t C,
                const real_t* s, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Elements [lo, hi) of the R * C, in runs that all have a gradient or all have none."""
    cdef Py_ssize_t r, end, n
    cdef bint flat = ld == C and ld_g == C, touched
    if flat and mark == NULL:
        run(rule, w + lo, a + lo, b + lo, g + lo, hi - lo, s)
        return
    while lo < hi:
        r = lo // C
        touched = mark == NULL or mark[r] != 0
        end = (r + 1) * C
        if flat:
            while end < hi and (mark[end // C] != 0) == touched:
                end += C
            # Reading a few zeros of the next row's gradient is cheaper than a broken vector.
            if touched:
                end = (end + VECTOR - 1) // VECTOR * VECTOR
            elif end < hi:
                end = end // VECTOR * VECTOR
                if end <= lo:
                    touched = True
                    end = lo + VECTOR - lo % VECTOR
        n = (end if end < hi else hi) - lo
        run(rule, w + r * (ld - C) + lo, a + lo, b + lo,
            g + r * (ld_g - C) + lo if touched else <const real_t*> NULL, n, s)
        lo += n


cdef void update(Rule rule, real_t[:, :] w, real_t[:, ::1] a, real_t[:, ::1] b,
                 const real_t[:, :] g, const uint8_t[::1] mark,
                 double s0, double s1, double s2, double s3, Py_ssize_t n_parts):
    """One step of a rule; its scalars are rounded to the parameter's type here, once."""
    cdef Py_ssize_t R = w.shape[0], C = w.shape[1], ld, ld_g, p
    cdef const uint8_t* touched = NULL
    cdef real_t* first = NULL
    cdef real_t* second = NULL
    cdef real_t[4] s
    if R == 0 or C == 0:
        return
    s[0], s[1], s[2], s[3] = <real_t> s0, <real_t> s1, <real_t> s2, <real_t> s3
    if mark is not None:
        touched = &mark[0]
    if a is not None:
        first = &a[0, 0]
    if b is not None:
        second = &b[0, 0]
    ld = w.strides[0] // <Py_ssize_t> sizeof(real_t)
    ld_g = g.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            sweep(rule, &w[0, 0], ld, first, second, &g[0, 0], ld_g, touched, C, s,
                  part_begin(p, n_parts, R * C), part_begin(p + 1, n_parts, R * C))


def sgd(real_t[:, :] w,                 # OUT (R, C) rows contiguous
        const real_t[:, :] g,           # IN  (R, C) rows contiguous
        const uint8_t[::1] mark,        # IN  (R,) or None
        double lr, Py_ssize_t n_parts):
    update[real_t](SGD, w, None, None, g, mark, lr, 0, 0, 0, n_parts)


def momentum(real_t[:, :] w,            # OUT (R, C) rows contiguous
             real_t[:, ::1] v,          # OUT (R, C)
             const real_t[:, :] g,      # IN  (R, C) rows contiguous
             const uint8_t[::1] mark,   # IN  (R,) or None
             double lr, double mu, Py_ssize_t n_parts):
    update[real_t](MOMENTUM, w, v, None, g, mark, lr, mu, 0, 0, n_parts)


def nesterov(real_t[:, :] w,            # OUT (R, C) rows contiguous
             real_t[:, ::1] v,          # OUT (R, C)
             const real_t[:, :] g,      # IN  (R, C) rows contiguous
             const uint8_t[::1] mark,   # IN  (R,) or None
             double lr, double mu, Py_ssize_t n_parts):
    update[real_t](NESTEROV, w, v, None, g, mark, lr, mu, mu * mu, (1 + mu) * lr, n_parts)


def adagrad(real_t[:, :] w,             # OUT (R, C) rows contiguous
            real_t[:, ::1] h,           # OUT (R, C)
            const real_t[:, :] g,       # IN  (R, C) rows contiguous
            const uint8_t[::1] mark,    # IN  (R,) or None
            double lr, double eps, Py_ssize_t n_parts):
    update[real_t](ADAGRAD, w, h, None, g, mark, lr, eps, 0, 0, n_parts)


def rmsprop(real_t[:, :] w,             # OUT (R, C) rows contiguous
            real_t[:, ::1] h,           # OUT (R, C)
            const real_t[:, :] g,       # IN  (R, C) rows contiguous
            const uint8_t[::1] mark,    # IN  (R,) or None
            double lr, double rho, double eps, Py_ssize_t n_parts):
    update[real_t](RMSPROP, w, h, None, g, mark, lr, rho, 1 - rho, eps, n_parts)


def adam(real_t[:, :] w,                # OUT (R, C) rows contiguous
         real_t[:, ::1] m,              # OUT (R, C)
         real_t[:, ::1] v,              # OUT (R, C)
         const real_t[:, :] g,          # IN  (R, C) rows contiguous
         const uint8_t[::1] mark,       # IN  (R,) or None
         double lr, double c1, double c2, double eps, Py_ssize_t n_parts):
    """lr with the bias correction in it, c1 = 1 - beta1, c2 = 1 - beta2."""
    update[real_t](ADAM, w, m, v, g, mark, lr, c1, c2, eps, n_parts)


# ---- Row by row: rows without gradient wait until somebody reads them

cdef bint fades(Rule rule, const real_t* s, real_t lr_low) noexcept nogil:
    """Whether states shrink at every step without gradient, and no learning rate is negative."""
    if not lr_low >= 0:
        return False
    if rule == ADAM:
        return 0 <= s[1] <= 1 and 0 <= s[2] <= 1 and s[3] > 0
    if rule == RMSPROP:
        return 0 <= s[1] <= 1 and s[2] >= 0
    return 0 <= s[1] <= 1


cdef bint slows_down(const real_t* s) noexcept nogil:
    """Whether a step of Adam without gradient is never larger than the one before, at one learning
    rate: m shrinks faster than the square root of v, by more than rounding could take back."""
    return 1 - s[1] <= <real_t> 0.999999 * root(1 - s[2])


cdef bint settled(Rule rule, const real_t* w, const real_t* a, const real_t* b, Py_ssize_t n,
                  const real_t* s, real_t lr_high, bint slower, real_t tiny) noexcept nogil:
    """Whether no step without gradient, however many follow, can move one of n weights.

    The states fade. A bound of all steps to come is doubled, which covers its own rounding and, at
    powers of two, the finer numbers below; a sum with it that rounds to w shows that w stays.
    tiny: bound of what moments that stopped shrinking, as the smallest numbers do, could add up to.
    """
    cdef Py_ssize_t i, moving = 0
    cdef real_t bound
    if rule == RMSPROP:
        # w -= 0 / (sqrt(h) + eps), as long as there is a root
        for i in range(n):
            moving += not (a[i] >= 0 and a[i] - a[i] == 0)
        return moving == 0
    for i in range(n):
        if rule == ADAM:
            bound = root(b[i]) + s[3] if slower else s[3] + 0 * b[i]
            bound = 2 * lr_high * magnitude(a[i]) / bound + tiny
        else:
            bound = 2 * magnitude(a[i])
        moving += not (w[i] + bound == w[i] and w[i] - bound == w[i])
    return moving == 0


cdef void fade(Rule rule, real_t* a, real_t* b, Py_ssize_t n, const real_t* s,
               Py_ssize_t steps) noexcept nogil:
    """What so many steps without gradient do to the states."""
    cdef Py_ssize_t i
    cdef real_t zero = 0, s1 = s[1], s2 = s[2]
    for _ in range(steps):
        if rule == ADAM:
            for i in range(n):
                moments(&a[i], &b[i], zero, s1, s2)
        elif rule == RMSPROP:
            for i in range(n):
                mean_square(&a[i], zero, s1, s2)
        else:
            for i in range(n):
                velocity(&a[i], zero, zero, s1)


cdef void replay_chunk(Rule rule, real_t* w, real_t* a, real_t* b, Py_ssize_t n, const real_t* lr,
                       Py_ssize_t begin, Py_ssize_t end, real_t lr_high, bint may_stop, bint slower,
                       real_t tiny, real_t* s) noexcept nogil:
    """The steps [begin, end) of n elements that had no gradient in them."""
    cdef Py_ssize_t k = begin, stop
    cdef bint same
    cdef real_t[CHUNK] a_before
    cdef real_t[CHUNK] b_before
    while k < end:
        stop = min(k + LOOK, end)
        while k < stop:
            s[0] = lr[k]
            run(rule, w, a, b, <const real_t*> NULL, n, s)
            k += 1
        if may_stop and k < end and settled(rule, w, a, b, n, s, lr_high, slower, tiny):
            break
    while k < end:
        stop = min(k + LOOK, end)
        memcpy(a_before, a, n * sizeof(real_t))
        if b != NULL:
            memcpy(b_before, b, n * sizeof(real_t))
        fade(rule, a, b, n, s, stop - k)
        k = stop
        # They shrink or stay; what is the same after some steps is so after all.
        same = memcmp(a_before, a, n * sizeof(real_t)) == 0
        if same and (b == NULL or memcmp(b_before, b, n * sizeof(real_t)) == 0):
            break


cdef void replay_row(Rule rule, real_t* w, real_t* a, real_t* b, Py_ssize_t C, const real_t* lr,
                     Py_ssize_t begin, Py_ssize_t end, real_t lr_low, real_t lr_high,
                     real_t* s) noexcept nogil:
    """The steps [begin, end) of a row that had no gradient in them, lr_low <= lr[k] <= lr_high."""
    cdef Py_ssize_t i = 0, n
    cdef bint may_stop = fades(rule, s, lr_low), slower = rule == ADAM and slows_down(s)
    # Moments below the normal range may stop shrinking; their steps are divided by eps at most.
    cdef real_t smallest, tiny = 0
    if real_t is float:
        smallest = <real_t> FLT_MIN
    else:
        smallest = <real_t> DBL_MIN
    if rule == ADAM:
        tiny = 4 * lr_high * (smallest / s[3]) + smallest
        if real_t is float:
            if FW_ADAM_SIMD:
                fw_adam_replay(w, a, b, C, lr, begin, end, lr_low, lr_high, s[1], s[2], s[3],
                               may_stop, slower, tiny)
                return
    while i < C:
        n = min(C - i, <Py_ssize_t> CHUNK)
        replay_chunk(rule, w + i, a + i, b + i if b != NULL else b, n, lr, begin, end, lr_high,
                     may_stop, slower, tiny, s)
        i += n


def stale_rows(int64_t[::1] rows,           # OUT (capacity,) the rows that are behind
               int64_t[::1] since,          # OUT (capacity,) the step each of them is at
               int64_t[::1] at,             # IN  (V,) the step each row of the table is at
               const index_t[::1] ids,      # IN  rows that are about to be read
               Py_ssize_t now):
    """List each row of `ids` that is behind step `now`, once. `at` is written to on the way.

    Returns how many there are, and how much work: steps behind, those after SETTLING for less.
    """
    cdef Py_ssize_t i, n = 0, behind, work = 0
    with nogil:
        for i in range(ids.shape[0]):
            if i + AHEAD < ids.shape[0]:
                prefetch(&at[0] + ids[i + AHEAD])
            behind = now - at[ids[i]]
            if behind > 0 and n < rows.shape[0]:
                rows[n] = ids[i]
                since[n] = at[ids[i]]
                at[ids[i]] = now
                work += behind if behind < SETTLING else SETTLING + (behind - SETTLING) // 4
                n += 1
        for i in range(n):
            at[rows[i]] = since[i]      # they are there when they have been replayed
    return n, work


cdef void replay_part(Rule rule, real_t* w, Py_ssize_t ld, real_t* a, real_t* b,
                      const int64_t* rows, const int64_t* since, Py_ssize_t n_rows, Py_ssize_t C,
                      const real_t* lr, real_t lr_low, real_t lr_high, Py_ssize_t now,
                      const real_t* scalars, Py_ssize_t first, Py_ssize_t stride) noexcept nogil:
    # Every stride-th row: neighbours in the list are often alike in how far they are behind.
    cdef Py_ssize_t i = first
    cdef real_t[4] s
    s[0], s[1], s[2], s[3] = scalars[0], scalars[1], scalars[2], scalars[3]
    while i < n_rows:
        if i + 2 * stride < n_rows:
            prefetch_row(w + rows[i + 2 * stride] * ld, C * <Py_ssize_t> sizeof(real_t))
            prefetch_row(a + rows[i + 2 * stride] * C, C * <Py_ssize_t> sizeof(real_t))
            if b != NULL:
                prefetch_row(b + rows[i + 2 * stride] * C, C * <Py_ssize_t> sizeof(real_t))
        replay_row(rule, w + rows[i] * ld, a + rows[i] * C, b + rows[i] * C if b != NULL else b, C,
                   lr, since[i], now, lr_low, lr_high, s)
        i += stride


def replay_rows(int rule,                       # one of RULES
                real_t[:, :] w,                 # OUT (R, C) rows contiguous
                real_t[:, ::1] a,               # OUT (R, C) the rule's first state
                real_t[:, ::1] b,               # OUT (R, C) its second, or None
                int64_t[::1] at,                # OUT (R,) `now` for the listed rows
                const int64_t[::1] rows,        # IN  distinct rows
                const int64_t[::1] since,       # IN  the step each of them is at
                Py_ssize_t n_rows,
                const real_t[::1] lr,           # IN  lr[k] is that of step k
                double lr_low, double lr_high,  # lr_low <= lr[k] <= lr_high
                Py_ssize_t now,
                double s1, double s2, double s3,    # the rule's other scalars
                Py_ssize_t n_parts):
    """Take the listed rows from step since[i] to step `now`, without gradient.

    Bit for bit what the pass of that rule does over a gradient of zeros, step after step. Once a
    weight is seen to stay what it is, whatever steps follow, only its states are taken further.
    """
    cdef Py_ssize_t C = w.shape[1], ld, p, i
    cdef real_t* second = NULL
    cdef real_t[4] s
    if n_rows == 0 or C == 0:
        return
    if b is not None:
        second = &b[0, 0]
    s[0], s[1], s[2], s[3] = 0, <real_t> s1, <real_t> s2, <real_t> s3
    ld = w.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            replay_part(<Rule> rule, &w[0, 0], ld, &a[0, 0], second, &rows[0], &since[0], n_rows,
                        C, &lr[0], <real_t> lr_low, <real_t> lr_high, now, s, p, n_parts)
        for i in range(n_rows):
            at[rows[i]] = now


cdef void update_rows_range(Rule rule, real_t* w, Py_ssize_t ld, real_t* a, real_t* b,
                            const real_t* g, Py_ssize_t ld_g, bint packed, const int64_t* rows,
                            Py_ssize_t C, const real_t* s,
                            Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i, r, n_bytes = C * <Py_ssize_t> sizeof(real_t)
    for i in range(lo, hi):
        if i + 2 < hi:
            r = rows[i + 2]
            prefetch_row(w + r * ld, n_bytes)
            if a != NULL:
                prefetch_row(a + r * C, n_bytes)
            if b != NULL:
                prefetch_row(b + r * C, n_bytes)
            if not packed:
                prefetch_row(g + r * ld_g, n_bytes)
        r = rows[i]
        run(rule, w + r * ld, a + r * C if a != NULL else a, b + r * C if b != NULL else b,
            g + (i if packed else r) * ld_g, C, s)


def update_rows(int rule,                       # one of RULES
                real_t[:, :] w,                 # OUT (R, C) rows contiguous
                real_t[:, ::1] a,               # OUT (R, C) the rule's first state, or None
                real_t[:, ::1] b,               # OUT (R, C) its second, or None
                const real_t[:, :] g,           # IN  (R, C), or (n_rows, C) packed; rows contiguous
                bint packed,                    # whether g[i] is the gradient of rows[i]
                const int64_t[::1] rows,        # IN  distinct rows
                Py_ssize_t n_rows,
                double s0, double s1, double s2, double s3,     # as the pass of the rule has them
                Py_ssize_t n_parts):
    """One step of the listed rows, with their gradient."""
    cdef Py_ssize_t C = w.shape[1], ld, ld_g, p
    cdef real_t* first = NULL
    cdef real_t* second = NULL
    cdef real_t[4] s
    if n_rows == 0 or C == 0:
        return
    if a is not None:
        first = &a[0, 0]
    if b is not None:
        second = &b[0, 0]
    s[0], s[1], s[2], s[3] = <real_t> s0, <real_t> s1, <real_t> s2, <real_t> s3
    ld = w.strides[0] // <Py_ssize_t> sizeof(real_t)
    ld_g = g.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            update_rows_range(<Rule> rule, &w[0, 0], ld, first, second, &g[0, 0], ld_g, packed,
                              &rows[0], C, s,
                              part_begin(p, n_parts, n_rows), part_begin(p + 1, n_parts, n_rows))


# ---- gradient clipping

cdef double squares(const real_t* g, Py_ssize_t n) noexcept nogil:
    """Sum of squares of a run, in double."""
    cdef double lane[LANES]
    cdef Py_ssize_t i = 0
    cdef int j, half
    for j in range(LANES):
        lane[j] = 0
    while i + LANES <= n:
        for j in range(LANES):
            lane[j] += <double> g[i + j] * <double> g[i + j]
        i += LANES
    j = 0
    while i < n:
        lane[j] += <double> g[i] * <double> g[i]
        i += 1
        j += 1
    half = LANES // 2
    while half > 0:
        for j in range(half):
            lane[j] += lane[j + half]
        half //= 2
    return lane[0]


cdef double block_squares(const real_t* g, Py_ssize_t ld, const uint8_t* mark, Py_ssize_t C,
                          Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Elements [lo, hi), row by row: a row that is skipped would have added exactly zero."""
    cdef Py_ssize_t r, n
    cdef double total = 0
    while lo < hi:
        r = lo // C
        n = (r + 1) * C - lo
        n = n if n < hi - lo else hi - lo
        if mark == NULL or mark[r]:
            total += squares(g + r * (ld - C) + lo, n)
        lo += n
    return total


def n_blocks(Py_ssize_t size):
    """Length of the scratch that `sum_squares` needs for that many elements."""
    return (size + BLOCK - 1) // BLOCK


def sum_squares(double[::1] partial,        # scratch (n_blocks(R * C),)
                const real_t[:, :] g,       # IN  (R, C) rows contiguous
                const uint8_t[::1] mark,    # IN  (R,) or None
                Py_ssize_t n_parts):
    """Sum of all squared elements: one double a block, blocks added in order."""
    cdef Py_ssize_t C = g.shape[1], size = g.shape[0] * g.shape[1], ld, k
    cdef Py_ssize_t blocks = (size + BLOCK - 1) // BLOCK
    cdef const uint8_t* touched = NULL
    cdef double total = 0
    if size == 0:
        return 0.0
    if mark is not None:
        touched = &mark[0]
    ld = g.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for k in prange(blocks, num_threads=n_parts, schedule="static"):
            partial[k] = block_squares(&g[0, 0], ld, touched, C, k * BLOCK,
                                       (k + 1) * BLOCK if k + 1 < blocks else size)
        for k in range(blocks):
            total = total + partial[k]
    return total


def sum_squares_of_rows(const real_t[:, ::1] g,         # IN  (n, C) rows of a gradient
                        const int64_t[::1] rows,        # IN  (n,) their numbers in it
                        const int64_t[::1] order):      # IN  (n,) places in `rows`, rising rows
    """What `sum_squares` gives for the gradient that is zero but for these rows, bit for bit."""
    cdef Py_ssize_t C = g.shape[1], i, lo, end, n, block = -1
    cdef double total = 0, partial = 0
    if C == 0 or g.shape[0] == 0:
        return 0.0
    with nogil:
        for i in range(order.shape[0]):
            lo = rows[order[i]] * C
            end = lo + C
            while lo < end:
                if lo // BLOCK != block:
                    total = total + partial
                    partial = 0
                    block = lo // BLOCK
                n = min(end, (block + 1) * BLOCK) - lo
                partial += squares(&g[0, 0] + order[i] * C + C - (end - lo), n)
                lo += n
        total = total + partial
    return total


cdef void scale_range(real_t* g, Py_ssize_t ld, const uint8_t* mark, Py_ssize_t C, real_t rate,
                      Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t r, d
    for r in range(lo, hi):
        if mark == NULL or mark[r]:
            for d in range(C):
                g[r * ld + d] *= rate


def scale(real_t[:, :] g,               # OUT (R, C) rows contiguous, multiplied in place
          const uint8_t[::1] mark,      # IN  (R,) or None
          double rate, Py_ssize_t n_parts):
    """g *= rate."""
    cdef Py_ssize_t R = g.shape[0], C = g.shape[1], ld, p
    cdef const uint8_t* touched = NULL
    if R == 0 or C == 0:
        return
    if mark is not None:
        touched = &mark[0]
    ld = g.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            scale_range(&g[0, 0], ld, touched, C, <real_t> rate,
                        part_begin(p, n_parts, R), part_begin(p + 1, n_parts, R))


use_pool()
