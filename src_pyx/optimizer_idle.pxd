"""Steps without gradient, k of them at once: rows whose updates were deferred become current.

A row that had no gradient in steps t + 1 .. t + k, with learning rates lr_1 .. lr_k:

    momentum  w += v (mu + mu^2 + .. + mu^k);                       v *= mu^k
    nesterov  w += v mu^2 (mu + mu^2 + .. + mu^k);                  v *= mu^k
    rmsprop   w does not move;                                      h *= rho^k
    adam      w -= sum_j lr_j b1^j m / (sqrt(v) b2^(j/2) + eps);    m *= b1^k;  v *= b2^k

Without gradient sgd and adagrad change nothing. The sum of adam is a power series. With R the
middle of the b2^(j/2), weighted by b1^j, and e_j = b2^(j/2) / R - 1, which is small where b1^j is
not:

    lead = eps / R,   D = sqrt(v) + lead,   z = lead / D - 1/2,   |z| <= 1/2
    sum = m / D (B_0 + z B_1 + z^2 B_2 + ..)
    B_n = sum_j lr_j b1^j e_j^n / (R (1 + e_j/2)^(n + 1))

The B_n belong to t and k: they are the same for every element of every row.
fastw2v._rows.idle_steps says for which b1 and b2 the series is exact enough. For all others
`step_rows_range` takes the k steps one by one.
"""
from libc.stdint cimport int64_t

from common_memory cimport prefetch, prefetch_row
from common_types cimport index_t, real_t
from optimizer_rules cimport ADAM, FW_ADAM_SIMD, MOMENTUM, NESTEROV, RMSPROP, Rule, root, run

cdef extern from "optimizer_simd.h" nogil:
    void fw_adam_idle_run(float* w, float* m, float* v, Py_ssize_t n, float fade_m, float fade_v,
                          float lead, float b_zero, float zoom, const float* B)

cpdef enum:
    TERMS = 12              # of the series
    WIDTH = TERMS + 1       # the B_n, then the digits of B_0 that the type of B_0 cannot hold

cdef enum:
    AHEAD = 8               # ids between a prefetch and its use

# What a row needs to skip k steps: places in a list of numbers. SERIES holds B_1 / B_0, .., from
# its second place on, and last the other digits of B_0, divided by it too.
cdef enum:
    FADE_A, FADE_B, LEAD, B_ZERO, ZOOM, SERIES, N_NUMBERS = SERIES + WIDTH
    GAIN = FADE_B, GAIN_REST = LEAD


cdef inline Py_ssize_t list_stale(int64_t* rows, int64_t* since, int64_t* at, const index_t* ids,
                                  Py_ssize_t n_ids, Py_ssize_t now) noexcept nogil:
    """List each row of `ids` that is behind step `now` once, and the step that it had reached.

    Return how many there are; `at` is `now` for all of them then. Whether a row is behind is as
    good as random, so there is no branch for it.
    """
    cdef Py_ssize_t i, n = 0
    cdef int64_t reached
    for i in range(n_ids):
        if i + AHEAD < n_ids:
            prefetch(at + ids[i + AHEAD])
        reached = at[ids[i]]
        rows[n] = ids[i]
        since[n] = reached
        at[ids[i]] = reached if reached > now else now
        n += reached < now
    return n


# Each rule changes one element. fade_a and fade_b are the factors of the states.

cdef inline void velocity_idle(real_t* w, real_t* v, const real_t* x) noexcept nogil:
    # momentum and nesterov; the gain is the sum of the powers of mu, times mu^2 for nesterov
    w[0] = w[0] + (x[GAIN] * v[0] + x[GAIN_REST] * v[0])
    v[0] = x[FADE_A] * v[0]


cdef inline void rmsprop_idle(real_t* h, real_t fade) noexcept nogil:
    h[0] = fade * h[0]


cdef inline void adam_idle(real_t* w, real_t* m, real_t* v, const real_t* x) noexcept nogil:
    # The sum is p (1 + rest). B_0 goes into the quotient, and what w - p loses by rounding joins
    # the rest, so that there are as few roundings as in a single step.
    cdef const real_t* B = x + SERIES
    cdef real_t q = x[B_ZERO] / (root(v[0]) + x[LEAD])
    cdef real_t z = x[ZOOM] * q - <real_t> 0.5
    cdef real_t p = m[0] * q
    cdef real_t rest = B[8] + z * (B[9] + z * (B[10] + z * B[11]))
    cdef real_t difference = w[0] - p
    cdef real_t part = difference - w[0]
    cdef real_t lost = (w[0] - (difference - part)) - (p + part)
    rest = B[4] + z * (B[5] + z * (B[6] + z * (B[7] + z * rest)))
    rest = B[12] + z * (B[1] + z * (B[2] + z * (B[3] + z * rest)))
    w[0] = difference + (lost - p * rest)
    m[0] = x[FADE_A] * m[0]
    v[0] = x[FADE_B] * v[0]


cdef inline void skip(Rule rule, real_t* w, real_t* a, real_t* b, Py_ssize_t n,
                      const real_t* x) noexcept nogil:
    """Apply k steps without gradient to n elements with states a and b, given the numbers x."""
    cdef Py_ssize_t i
    if rule == ADAM:
        if real_t is float:
            if FW_ADAM_SIMD:
                fw_adam_idle_run(w, a, b, n, x[FADE_A], x[FADE_B], x[LEAD], x[B_ZERO], x[ZOOM],
                                 x + SERIES)
                return
        for i in range(n):
            adam_idle(&w[i], &a[i], &b[i], x)
    elif rule == MOMENTUM or rule == NESTEROV:
        for i in range(n):
            velocity_idle(&w[i], &a[i], x)
    elif rule == RMSPROP:
        for i in range(n):
            rmsprop_idle(&a[i], x[FADE_A])


cdef inline bint never_moved(const real_t* a, const real_t* b, Py_ssize_t n) noexcept nogil:
    """Tell whether all states are zero, as those of a row that never had a gradient."""
    cdef Py_ssize_t i = 0
    while i < n and a[i] == 0 and (b == NULL or b[i] == 0):
        i += 1
    return i == n


cdef inline void prefetch_states(const real_t* a, const real_t* b, Py_ssize_t C,
                                 Py_ssize_t r) noexcept nogil:
    prefetch_row(a + r * C, C * <Py_ssize_t> sizeof(real_t))
    if b != NULL:
        prefetch_row(b + r * C, C * <Py_ssize_t> sizeof(real_t))


cdef inline void series_of(real_t* x, const double* B, double lead, double c) noexcept nogil:
    """Fill in the numbers of adam from the B_n; where B_0 has no inverse, nothing else matters.

    c is the share of `lead` that x[LEAD] lacks. It divides the sum by
    1 + c lead / D = 1 + c (z + 1/2).
    """
    cdef Py_ssize_t n
    cdef double scale
    x[B_ZERO] = <real_t> B[0]
    scale = 1 / <double> x[B_ZERO] if x[B_ZERO] > 1e-300 else 0
    x[ZOOM] = <real_t> (lead * scale)
    for n in range(2, TERMS):
        x[SERIES + n] = <real_t> (B[n] * scale)
    x[SERIES + 1] = <real_t> (B[1] * scale - c)
    x[SERIES + TERMS] = <real_t> ((B[0] - x[B_ZERO] + B[TERMS]) * scale - c / 2)


cdef inline void skip_rows_range(Rule rule, real_t* w, Py_ssize_t ld, real_t* a, real_t* b,
                                 const int64_t* rows, const int64_t* since, Py_ssize_t C,
                                 const double* sums, const double* fades, const double* lead,
                                 Py_ssize_t now, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Bring the listed rows [lo, hi) from step since[i] to step `now`, by one sum each."""
    cdef Py_ssize_t i, r, t
    cdef const double* fade
    cdef double c
    cdef real_t[N_NUMBERS] x
    x[LEAD] = <real_t> lead[0]
    c = (lead[0] - x[LEAD] + lead[1]) / lead[0] if lead[0] > 0 else 0
    for i in range(lo, hi):
        if i + 4 < hi:
            prefetch_row(w + rows[i + 4] * ld, C * <Py_ssize_t> sizeof(real_t))
            prefetch_states(a, b, C, rows[i + 4])
        r = rows[i]
        if never_moved(a + r * C, b + r * C if b != NULL else b, C):
            continue
        t = since[i]
        fade = fades + 3 * (now - t)
        x[FADE_A] = <real_t> fade[0]
        x[FADE_B] = <real_t> fade[1]
        if rule == ADAM:
            series_of(x, sums + t * WIDTH, lead[0], c)
        else:
            x[GAIN_REST] = <real_t> (fade[1] - x[GAIN] + fade[2])
        skip(rule, w + r * ld, a + r * C, b + r * C if b != NULL else b, C, x)


cdef inline void step_rows_range(Rule rule, real_t* w, Py_ssize_t ld, real_t* a, real_t* b,
                                 const int64_t* rows, const int64_t* since, Py_ssize_t C,
                                 const double* lr, Py_ssize_t now, const real_t* scalars,
                                 Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Bring the listed rows [lo, hi) from step since[i] to step `now`, one step after the other."""
    cdef Py_ssize_t i, k, r
    cdef real_t[4] s
    s[1], s[2], s[3] = scalars[1], scalars[2], scalars[3]
    for i in range(lo, hi):
        r = rows[i]
        for k in range(since[i], now):
            s[0] = <real_t> lr[k]
            run(rule, w + r * ld, a + r * C, b + r * C if b != NULL else b,
                <const real_t*> NULL, C, s)


cdef inline double lost_in_product(double a, double b, double product) noexcept nogil:
    """Return a * b - product exactly, for the rounded product (T. J. Dekker, 1971)."""
    cdef double a_high = 134217729.0 * a, b_high = 134217729.0 * b
    a_high = a_high - (a_high - a)
    b_high = b_high - (b_high - b)
    return (a_high * b_high - product + a_high * (b - b_high) + (a - a_high) * b_high
            + (a - a_high) * (b - b_high))


cdef inline void add_step(double* sums, const double* terms, Py_ssize_t n,
                          double lr) noexcept nogil:
    """Add lr times its term to each of n sums, the last of which is new.

    All elements of a row share B_0 and its error, so B_0 has twice the digits.
    """
    cdef Py_ssize_t i, k
    cdef double term, total, part, lost
    for k in range((n - 1) * WIDTH, n * WIDTH):
        sums[k] = 0
    for i in range(n):
        term = lr * terms[i * WIDTH]
        lost = lost_in_product(lr, terms[i * WIDTH], term)
        total = sums[i * WIDTH] + term
        part = total - sums[i * WIDTH]
        sums[i * WIDTH + TERMS] += (sums[i * WIDTH] - (total - part)) + (term - part) + lost
    for k in range(n * WIDTH):
        sums[k] += lr * terms[k]
