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
from libc.math cimport sqrt, sqrtf
from libc.stdint cimport int64_t, uint8_t

from common_memory cimport prefetch_row
from common_parallel cimport part_begin, use_pool
from common_types cimport index_t, real_t

cdef extern from "optimizer_simd.h" nogil:
    int FW_ADAM_SIMD
    void fw_adam_run(float* w, float* m, float* v, const float* g, Py_ssize_t n,
                     float lr, float c1, float c2, float eps)
    void fw_adam_replay(float* w, float* m, float* v, Py_ssize_t n, const float* lr,
                        Py_ssize_t begin, Py_ssize_t end, float lr_low, float lr_high,
                        float c1, float c2, float eps)

cdef enum:
    BLOCK = 8192    # elements of one partial sum of squares; fixed, so that no split shows
    LANES = 8
    VECTOR = 16     # cuts between runs fall on whole vectors where they may

cdef enum Rule:
    SGD, MOMENTUM, NESTEROV, ADAGRAD, RMSPROP, ADAM


cdef inline real_t root(real_t x) noexcept nogil:
    if real_t is float:
        return sqrtf(x)
    else:
        return sqrt(x)


cdef inline void sgd_rule(real_t* w, real_t g, real_t lr) noexcept nogil:
    w[0] = w[0] - lr * g


cdef inline void momentum_rule(real_t* w, real_t* v, real_t g, real_t lr,
                               real_t mu) noexcept nogil:
    v[0] = mu * v[0] - lr * g
    w[0] = w[0] + v[0]


cdef inline void nesterov_rule(real_t* w, real_t* v, real_t g, real_t lr, real_t mu,
                               real_t mu_mu, real_t lead) noexcept nogil:
    # lead = (1 + mu) lr
    v[0] = mu * v[0] - lr * g
    w[0] = w[0] + mu_mu * v[0] - lead * g


cdef inline void adagrad_rule(real_t* w, real_t* h, real_t g, real_t lr,
                              real_t eps) noexcept nogil:
    h[0] = h[0] + g * g
    w[0] = w[0] - lr * g / (root(h[0]) + eps)


cdef inline void rmsprop_rule(real_t* w, real_t* h, real_t g, real_t lr, real_t rho, real_t rest,
                              real_t eps) noexcept nogil:
    # rest = 1 - rho
    h[0] = rho * h[0] + rest * g * g
    w[0] = w[0] - lr * g / (root(h[0]) + eps)


cdef inline void adam_rule(real_t* w, real_t* m, real_t* v, real_t g, real_t lr,
                           real_t c1, real_t c2, real_t eps) noexcept nogil:
    m[0] = m[0] + c1 * (g - m[0])
    v[0] = v[0] + c2 * (g * g - v[0])
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


# ---- Adam row by row: rows without gradient wait until somebody reads them

cdef void replay_row(real_t* w, real_t* m, real_t* v, Py_ssize_t C, const real_t* lr,
                     Py_ssize_t begin, Py_ssize_t end, real_t lr_low, real_t lr_high,
                     real_t c1, real_t c2, real_t eps) noexcept nogil:
    """The steps [begin, end) of a row that had no gradient in them, lr_low <= lr[k] <= lr_high
    in step k."""
    cdef Py_ssize_t k, d
    cdef real_t zero = 0
    if real_t is float:
        if FW_ADAM_SIMD:
            fw_adam_replay(w, m, v, C, lr, begin, end, lr_low, lr_high, c1, c2, eps)
            return
    for k in range(begin, end):
        for d in range(C):
            adam_rule(&w[d], &m[d], &v[d], zero, lr[k], c1, c2, eps)


def stale_rows(int64_t[::1] rows,           # OUT (capacity,) the rows that are behind
               int64_t[::1] since,          # OUT (capacity,) the step each of them is at
               int64_t[::1] at,             # OUT (V,) the step each row of the table is at
               const index_t[::1] ids,      # IN  rows that are about to be read
               Py_ssize_t now):
    """List each row of `ids` that is behind step `now`, once, and note that it is there.

    Returns how many there are, and how many steps they are behind in all.
    """
    cdef Py_ssize_t i, n = 0, steps = 0
    with nogil:
        for i in range(ids.shape[0]):
            if at[ids[i]] != now and n < rows.shape[0]:
                rows[n] = ids[i]
                since[n] = at[ids[i]]
                steps += now - at[ids[i]]
                at[ids[i]] = now
                n += 1
    return n, steps


cdef void replay_part(real_t* w, Py_ssize_t ld, real_t* m, real_t* v, const int64_t* rows,
                      const int64_t* since, Py_ssize_t n_rows, Py_ssize_t C, const real_t* lr,
                      real_t lr_low, real_t lr_high, Py_ssize_t now, real_t c1, real_t c2,
                      real_t eps, Py_ssize_t first, Py_ssize_t stride) noexcept nogil:
    # Every stride-th row: neighbours in the list are often alike in how far they are behind.
    cdef Py_ssize_t i = first
    while i < n_rows:
        if i + 2 * stride < n_rows:
            prefetch_row(w + rows[i + 2 * stride] * ld, C * <Py_ssize_t> sizeof(real_t))
            prefetch_row(m + rows[i + 2 * stride] * C, C * <Py_ssize_t> sizeof(real_t))
            prefetch_row(v + rows[i + 2 * stride] * C, C * <Py_ssize_t> sizeof(real_t))
        replay_row(w + rows[i] * ld, m + rows[i] * C, v + rows[i] * C, C, lr, since[i], now,
                   lr_low, lr_high, c1, c2, eps)
        i += stride


def adam_replay(real_t[:, :] w,                 # OUT (R, C) rows contiguous
                real_t[:, ::1] m,               # OUT (R, C)
                real_t[:, ::1] v,               # OUT (R, C)
                const int64_t[::1] rows,        # IN  distinct rows
                const int64_t[::1] since,       # IN  the step each of them is at
                Py_ssize_t n_rows,
                const real_t[::1] lr,           # IN  lr[k] is that of step k
                Py_ssize_t now,
                double c1, double c2, double eps, Py_ssize_t n_parts):
    """Take the listed rows from step since[i] to step `now`, without gradient."""
    cdef Py_ssize_t C = w.shape[1], ld, p, k, oldest = now
    cdef real_t lr_low, lr_high
    if n_rows == 0 or C == 0:
        return
    ld = w.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for k in range(n_rows):
            oldest = min(oldest, since[k])
        lr_low = lr_high = lr[oldest]
        for k in range(oldest, now):
            lr_low, lr_high = min(lr_low, lr[k]), max(lr_high, lr[k])
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            replay_part(&w[0, 0], ld, &m[0, 0], &v[0, 0], &rows[0], &since[0], n_rows, C, &lr[0],
                        lr_low, lr_high, now, <real_t> c1, <real_t> c2, <real_t> eps, p, n_parts)


cdef void adam_rows_range(real_t* w, Py_ssize_t ld, real_t* m, real_t* v, const real_t* g,
                          Py_ssize_t ld_g, const int64_t* rows, Py_ssize_t C, const real_t* s,
                          Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i, r
    for i in range(lo, hi):
        if i + 2 < hi:
            r = rows[i + 2]
            prefetch_row(w + r * ld, C * <Py_ssize_t> sizeof(real_t))
            prefetch_row(m + r * C, C * <Py_ssize_t> sizeof(real_t))
            prefetch_row(v + r * C, C * <Py_ssize_t> sizeof(real_t))
            prefetch_row(g + r * ld_g, C * <Py_ssize_t> sizeof(real_t))
        r = rows[i]
        run(ADAM, w + r * ld, m + r * C, v + r * C, g + r * ld_g, C, s)


def adam_rows(real_t[:, :] w,                   # OUT (R, C) rows contiguous
              real_t[:, ::1] m,                 # OUT (R, C)
              real_t[:, ::1] v,                 # OUT (R, C)
              int64_t[::1] at,                  # OUT (R,) the step each row is at
              const real_t[:, :] g,             # IN  (R, C) rows contiguous
              const int64_t[::1] rows,          # IN  distinct rows, all at step `now`
              Py_ssize_t n_rows,
              Py_ssize_t now,
              double lr, double c1, double c2, double eps, Py_ssize_t n_parts):
    """Step `now` of the listed rows, with their gradient."""
    cdef Py_ssize_t C = w.shape[1], ld, ld_g, p, i
    cdef real_t[4] s
    if n_rows == 0 or C == 0:
        return
    s[0], s[1], s[2], s[3] = <real_t> lr, <real_t> c1, <real_t> c2, <real_t> eps
    ld = w.strides[0] // <Py_ssize_t> sizeof(real_t)
    ld_g = g.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            adam_rows_range(&w[0, 0], ld, &m[0, 0], &v[0, 0], &g[0, 0], ld_g, &rows[0], C, s,
                            part_begin(p, n_parts, n_rows), part_begin(p + 1, n_parts, n_rows))
        for i in range(n_rows):
            at[rows[i]] = now + 1


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
