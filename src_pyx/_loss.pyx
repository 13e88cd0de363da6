"""Cross entropy after softmax or sigmoid, forward and backward.

N rows of V scores; t the labels.
    softmax_with_loss   y = softmax(x),  loss = mean_n -log(y[n, t[n]] + 1e-7)
    sigmoid_with_loss   y = sigmoid(x),  loss = mean_n -log((y[n] if t[n] else one - y[n]) + 1e-7)
    backward            dx = (y - one-hot label) * scale,   scale = dout / N
    cross_entropy       as softmax_with_loss without the 1e-7, over the rows with t[n] >= 0 only:
                        loss[n] = log(sum_v e[n, v]) + top[n] - x[n, t[n]],  e = exp(x - top[n])
Losses are double, one per row, added in the order of the rows, so that results do not depend on
the number of parts. Callers have mapped the ids t into [0, V), or t into {0, 1}; nothing raises.

cross_entropy reads x from memory once: the pass for the maximum leaves a row in the cache for the
pass of exponentials and their sum. Rows that do not count are not read. cross_entropy_step runs
both directions in the memory of x.
"""
from cython.parallel cimport prange
from libc.math cimport log
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from common_arrays cimport (FLOAT, INT32, INT64, Array, ids_below, is_small, new_array, read_floats,
                            read_ids, read_number, same_shape, scalar, use_arrays)
from common_checks cimport check_fit, has_shape2, plain_rows
from common_math cimport LANES, exp_run, largest, sigmoid_run, softmax_row, total
from common_parallel cimport part_begin, use_pool
from common_types cimport index_t, real_t

ctypedef fused given_t:     # of probabilities, which may be narrower than their gradients
    float
    double

cdef double TINY = 1e-7     # keeps the logarithm of 0 finite

cpdef enum:
    LOSSES = 32             # labels that share a logarithm

cdef enum:
    SMALL_NS = 25           # nanoseconds of an element in a small call, at most
    TILE = 512              # exponentials added in real_t before their sum is added in double


cdef void softmax_range(real_t* y, double* losses, const real_t* x, const index_t* t,
                        Py_ssize_t V, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t n
    for n in range(lo, hi):
        softmax_row(y + n * V, x + n * V, V, V if n + 1 < hi else 0)
        losses[n] = -log(<double> y[n * V + <Py_ssize_t> t[n]] + TINY)


cdef void softmax_backward_range(real_t* dx, const real_t* y, const index_t* t, real_t scale,
                                 Py_ssize_t V, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    # forward: loss = mean -log softmax(x)[t]
    cdef Py_ssize_t n, v, right
    cdef real_t one = 1         # a literal would make the sum a double
    for n in range(lo, hi):
        for v in range(n * V, (n + 1) * V):
            dx[v] = y[v] * scale
        right = n * V + <Py_ssize_t> t[n]
        dx[right] = (y[right] - one) * scale


cdef double block_loss(const real_t* y, const index_t* t, Py_ssize_t n) noexcept nogil:
    """Return the sum of -log(p + TINY), p the probability of the label, for n <= LOSSES labels.

    It is one logarithm of a product, in eight factors that are multiplied in a fixed order. LOSSES
    factors of TINY do not underflow.
    """
    cdef double[8] factor
    cdef Py_ssize_t i = 0
    cdef int j
    cdef real_t one = 1
    for j in range(8):
        factor[j] = 1
    while i + 8 <= n:
        for j in range(8):
            factor[j] *= <double> (y[i + j] if t[i + j] else one - y[i + j]) + TINY
        i += 8
    for j in range(<int> (n - i)):
        factor[j] *= <double> (y[i + j] if t[i + j] else one - y[i + j]) + TINY
    for j in range(4):
        factor[j] *= factor[j + 4]
    return -log((factor[0] * factor[2]) * (factor[1] * factor[3]))


cdef void sigmoid_range(real_t* y, double* losses, const real_t* x, const index_t* t,
                        Py_ssize_t N, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Run blocks [lo, hi) of LOSSES scores."""
    cdef Py_ssize_t block, at, n
    for block in range(lo, hi):
        at = block * LOSSES
        n = LOSSES if at + LOSSES < N else N - at
        sigmoid_run(y + at, x + at, n)
        losses[block] = block_loss(y + at, t + at, n)


cdef void sigmoid_backward_range(real_t* dx, const given_t* y, const index_t* t, real_t scale,
                                 Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    # forward: loss = mean -log(sigmoid(x) if t else 1 - sigmoid(x))
    cdef Py_ssize_t n
    for n in range(lo, hi):
        dx[n] = (<real_t> y[n] - <real_t> t[n]) * scale


cdef void cross_entropy_range(double* losses, real_t* tops, double* sums, real_t* e,
                              const real_t* x, const index_t* t, Py_ssize_t V,
                              Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Compute the losses of rows [lo, hi); e is NULL, or memory for all rows that may be x."""
    cdef Py_ssize_t n, at, j, width
    cdef real_t tile[TILE]
    cdef const real_t* row
    cdef real_t* out
    cdef real_t top, right
    cdef double sum_row
    for n in range(lo, hi):
        losses[n] = 0
        row = x + n * V
        if t[n] < 0:
            if e != NULL and e != x:
                memcpy(e + n * V, row, V * sizeof(real_t))
            continue
        right = row[<Py_ssize_t> t[n]]
        if V <= TILE:
            # A short row fills whole vectors; copies of an element, then zeros, change nothing.
            width = (V + LANES - 1) // LANES * LANES
            memcpy(&tile[0], row, V * sizeof(real_t))
            for j in range(V, width):
                tile[j] = row[0]
            top = largest(&tile[0], width)
            for j in range(width):
                tile[j] = tile[j] - top
            exp_run(&tile[0], &tile[0], width)
            memset(&tile[0] + V, 0, (width - V) * sizeof(real_t))
            sum_row = total(&tile[0], width)
            if e != NULL:
                memcpy(e + n * V, &tile[0], V * sizeof(real_t))
        else:
            top = largest(row, V)
            sum_row = 0
            at = 0
            while at < V:
                width = TILE if V - at > TILE else V - at
                out = &tile[0] if e == NULL else e + n * V + at
                for j in range(width):
                    out[j] = row[at + j] - top
                exp_run(out, out, width)
                sum_row += <double> total(out, width)
                at += width
        tops[n] = top
        sums[n] = sum_row
        losses[n] = log(sum_row) + (<double> top - <double> right)


cdef void cross_entropy_backward_range(real_t* dx, const real_t* tops, const double* sums,
                                       const real_t* x, const index_t* t, bint is_e,
                                       double scale, Py_ssize_t V,
                                       Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    # forward: loss[n] = log(sum_v exp(x[n, v] - top[n])) + top[n] - x[n, t[n]]
    cdef Py_ssize_t n, v, at, width
    cdef real_t tile[TILE]
    cdef const real_t* row
    cdef real_t* out
    cdef real_t top, factor, right
    for n in range(lo, hi):
        row, out = x + n * V, dx + n * V
        if t[n] < 0:
            memset(out, 0, V * sizeof(real_t))
            continue
        top, factor = tops[n], <real_t> (scale / sums[n])
        right = row[<Py_ssize_t> t[n]]
        if is_e:
            for v in range(V):
                out[v] = row[v] * factor
        else:
            right = right - top
            exp_run(&right, &right, 1)
            at = 0
            while at < V:
                width = TILE if V - at > TILE else V - at
                for v in range(width):
                    tile[v] = row[at + v] - top
                exp_run(&tile[0], &tile[0], width)
                for v in range(width):
                    out[at + v] = tile[v] * factor
                at += width
        # In real_t, y - 1 would lose its digits where y is close to 1.
        out[<Py_ssize_t> t[n]] = <real_t> ((<double> right / sums[n] - 1) * scale)


cdef void cross_entropy_step_range(real_t* x, double* losses, const index_t* t, double scale,
                                   Py_ssize_t V, Py_ssize_t ld,
                                   Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Run both directions row after row, so that a row comes from memory once."""
    cdef Py_ssize_t n
    cdef real_t top = 0
    cdef double sum_row = 1
    for n in range(lo, hi):
        cross_entropy_range(losses + n, &top, &sum_row, x + n * ld, x + n * ld, t + n, V, 0, 1)
        cross_entropy_backward_range(x + n * ld, &top, &sum_row, x + n * ld, t + n, True, scale, V,
                                     0, 1)


cdef double mean(const double* losses, Py_ssize_t n_losses, Py_ssize_t N) noexcept nogil:
    """Return the sum of some losses, in order, divided by N."""
    cdef double total_loss = 0
    cdef Py_ssize_t n
    for n in range(n_losses):
        total_loss += losses[n]
    return total_loss / N


def softmax_with_loss_forward(real_t[:, ::1] y,         # OUT (N, V)
                              double[::1] losses,       # OUT (N,)
                              const real_t[:, ::1] x,   # IN  (N, V)
                              const index_t[::1] t,     # IN  (N,)
                              Py_ssize_t n_parts):
    """Compute y = softmax(x); return the mean of the losses, NaN for N = 0."""
    cdef Py_ssize_t N = x.shape[0], V = x.shape[1], p
    cdef double loss
    check_fit("softmax_with_loss_forward", has_shape2(y.shape, N, V) and losses.shape[0] == N and
              t.shape[0] == N)
    if N == 0 or V == 0:
        return float("nan")
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            softmax_range(&y[0, 0], &losses[0], &x[0, 0], &t[0], V,
                          part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))
        loss = mean(&losses[0], N, N)
    return loss


def softmax_with_loss_backward(real_t[:, ::1] dx,       # OUT (N, V)
                               const real_t[:, ::1] y,  # IN  (N, V)
                               const index_t[::1] t,    # IN  (N,)
                               double scale,
                               Py_ssize_t n_parts):
    """Compute dx = (y - onehot(t)) * scale."""
    cdef Py_ssize_t N = y.shape[0], V = y.shape[1], p
    cdef real_t factor = <real_t> scale
    check_fit("softmax_with_loss_backward", has_shape2(dx.shape, N, V) and t.shape[0] == N)
    if N == 0 or V == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            softmax_backward_range(&dx[0, 0], &y[0, 0], &t[0], factor, V,
                                   part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


def cross_entropy_forward(double[::1] losses,           # OUT (N,) 0 for rows that do not count
                          real_t[::1] tops,             # OUT (N,)
                          double[::1] sums,             # OUT (N,)
                          real_t[:, ::1] e,             # OUT (N, V) or None
                          const real_t[:, ::1] x,       # IN  (N, V)
                          const index_t[::1] t,         # IN  (N,) negative: the row does not count
                          Py_ssize_t n_parts):
    """Compute the losses; return their sum. Backward needs tops, sums, and x or e.

    Rows that do not count get a loss of 0, and e their scores.
    """
    cdef Py_ssize_t N = x.shape[0], V = x.shape[1], p, n
    cdef real_t* kept = NULL
    cdef double loss = 0
    check_fit("cross_entropy_forward", losses.shape[0] == N and tops.shape[0] == N and
              sums.shape[0] == N and (e is None or has_shape2(e.shape, N, V)) and
              t.shape[0] == N)
    if N == 0 or V == 0:
        return 0.0
    if e is not None:
        kept = &e[0, 0]
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            cross_entropy_range(&losses[0], &tops[0], &sums[0], kept, &x[0, 0], &t[0], V,
                                part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))
        for n in range(N):
            loss = loss + losses[n]
    return loss


def cross_entropy_backward(real_t[:, ::1] dx,           # OUT (N, V)
                           const real_t[::1] tops,      # IN  (N,)
                           const double[::1] sums,      # IN  (N,)
                           const real_t[:, ::1] x,      # IN  (N, V) forward's x, or its e
                           const index_t[::1] t,        # IN  (N,) negative: the row does not count
                           bint is_e,                   # whether x is e
                           double scale,
                           Py_ssize_t n_parts):
    """Compute dx = (softmax(x) - onehot(t)) * scale, 0 in rows that do not count; dx may be x."""
    cdef Py_ssize_t N = x.shape[0], V = x.shape[1], p
    check_fit("cross_entropy_backward", has_shape2(dx.shape, N, V) and tops.shape[0] == N and
              sums.shape[0] == N and t.shape[0] == N)
    if N == 0 or V == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            cross_entropy_backward_range(
                &dx[0, 0], &tops[0], &sums[0], &x[0, 0], &t[0], is_e, scale, V,
                part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


def cross_entropy_step(real_t[:, :] x,                  # IN/OUT (N, V) rows contiguous
                       double[::1] losses,              # OUT (N,) 0 for rows that do not count
                       const index_t[::1] t,            # IN  (N,) negative: the row does not count
                       double scale,
                       Py_ssize_t n_parts):
    """Replace x by (softmax(x) - onehot(t)) * scale, 0 in rows that do not count.

    The bits are those of the two entries above.
    """
    cdef Py_ssize_t N = x.shape[0], V = x.shape[1], p
    check_fit("cross_entropy_step", losses.shape[0] == N and t.shape[0] == N and
              plain_rows(x.shape, x.strides, sizeof(real_t)))
    if N == 0 or V == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            cross_entropy_step_range(&x[0, 0], &losses[0], &t[0], scale, V,
                                     x.strides[0] // <Py_ssize_t> sizeof(real_t),
                                     part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


def sigmoid_with_loss_forward(real_t[::1] y,            # OUT (N,)
                              double[::1] losses,       # OUT (N / LOSSES, rounded up) their sums
                              const real_t[::1] x,      # IN  (N,)
                              const index_t[::1] t,     # IN  (N,) 0 or 1
                              Py_ssize_t n_parts):
    """Compute y = sigmoid(x); return the mean of the losses, NaN for N = 0."""
    cdef Py_ssize_t N = x.shape[0], blocks = (N + LOSSES - 1) // LOSSES, p
    cdef double loss
    check_fit("sigmoid_with_loss_forward", y.shape[0] == N and losses.shape[0] == blocks and
              t.shape[0] == N)
    if N == 0:
        return float("nan")
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            sigmoid_range(&y[0], &losses[0], &x[0], &t[0], N,
                          part_begin(p, n_parts, blocks), part_begin(p + 1, n_parts, blocks))
        loss = mean(&losses[0], blocks, N)
    return loss


def sigmoid_with_loss_backward(real_t[::1] dx,          # OUT (N,)
                               const given_t[::1] y,    # IN  (N,)
                               const index_t[::1] t,    # IN  (N,) 0 or 1
                               double scale,
                               Py_ssize_t n_parts):
    """Compute dx = (y - t) * scale."""
    cdef Py_ssize_t N = y.shape[0], p
    cdef real_t factor = <real_t> scale
    check_fit("sigmoid_with_loss_backward", dx.shape[0] == N and t.shape[0] == N)
    if N == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            sigmoid_backward_range(&dx[0], &y[0], &t[0], factor,
                                   part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


# ---- small calls: see common_arrays.pxd

cdef double softmax_losses(real_t* y, const real_t* x, const index_t* t,
                           Py_ssize_t N, Py_ssize_t V) noexcept nogil:
    """Write y = softmax(x); return the mean of the losses."""
    cdef double loss = 0, all_rows = 0
    cdef Py_ssize_t n
    for n in range(N):
        softmax_range(y + n * V, &loss, x + n * V, t + n, V, 0, 1)
        all_rows += loss
    return all_rows / N


cdef double sigmoid_losses(real_t* y, const real_t* x, const index_t* t,
                           Py_ssize_t N) noexcept nogil:
    """Write y = sigmoid(x); return the mean of the losses."""
    cdef double loss = 0, all_blocks = 0
    cdef Py_ssize_t at = 0
    while at < N:
        sigmoid_range(y + at, &loss, x + at, t + at, min(N - at, <Py_ssize_t> LOSSES), 0, 1)
        all_blocks += loss
        at += LOSSES
    return all_blocks / N


cdef double losses_of(real_t* y, const real_t* x, const Array* t, Py_ssize_t N,
                      Py_ssize_t V) noexcept nogil:
    """Return the mean loss of scores (N, V), or of N scores for V = 0."""
    if t.type == INT32:
        if V:
            return softmax_losses(y, x, <const int32_t*> t.data, N, V)
        return sigmoid_losses(y, x, <const int32_t*> t.data, N)
    if V:
        return softmax_losses(y, x, <const int64_t*> t.data, N, V)
    return sigmoid_losses(y, x, <const int64_t*> t.data, N)


cdef void gradient_of(real_t* dx, const real_t* y, const Array* t, double scale, Py_ssize_t N,
                      Py_ssize_t V) noexcept nogil:
    """Write (y - onehot(t)) * scale of scores (N, V)."""
    cdef real_t factor = <real_t> scale
    if t.type == INT32:
        softmax_backward_range(dx, y, <const int32_t*> t.data, factor, V, 0, N)
    else:
        softmax_backward_range(dx, y, <const int64_t*> t.data, factor, V, 0, N)


cdef void write_ids(int64_t* ids, const index_t* t, Py_ssize_t N, Py_ssize_t V) noexcept nogil:
    """Write the place of the first largest number of each row of t (N, V)."""
    cdef Py_ssize_t n, v, at
    for n in range(N):
        at = 0
        for v in range(1, V):
            if t[n * V + v] > t[n * V + at]:
                at = v
        ids[n] = at


cdef bint read_scores(x, Array* X, double ns) noexcept:
    """Describe scores (N, V) or (V,), C-contiguous, for work of these nanoseconds per element."""
    return (read_floats(x, X) and X.packed and X.n > 0 and 0 < X.ndim < 3
            and is_small(<double> X.n * ns))


def try_softmax_with_loss(x, t):
    """Return (loss, y, ids) of scores x for ids or one-hot rows t, or None."""
    cdef Array X, T, one_hot, y
    cdef Py_ssize_t N, V
    cdef double loss
    if not read_scores(x, &X, SMALL_NS) or not read_ids(t, &T):
        return None
    V = X.shape[X.ndim - 1]
    N = X.n // V
    if same_shape(&X, &T):
        one_hot = T
        t = new_array(INT64, 1, &N, &T)
        if one_hot.type == INT32:
            write_ids(<int64_t*> T.data, <const int32_t*> one_hot.data, N, V)
        else:
            write_ids(<int64_t*> T.data, <const int64_t*> one_hot.data, N, V)
    elif T.ndim != 1 or T.n != N or not ids_below(&T, V):
        return None
    result = new_array(X.type, X.ndim, &X.shape[0], &y)
    if X.type == FLOAT:
        loss = losses_of(<float*> y.data, <const float*> X.data, &T, N, V)
    else:
        loss = losses_of(<double*> y.data, <const double*> X.data, &T, N, V)
    return scalar(X.type, loss), result, t


def try_softmax_with_loss_backward(y, t, dout):
    """Return (y - onehot(t)) * dout / N for ids t and a number dout, or None."""
    cdef Array Y, T, dx
    cdef Py_ssize_t N, V
    cdef double scale
    if not read_scores(y, &Y, SMALL_NS) or not read_ids(t, &T) or not read_number(dout, &scale):
        return None
    V = Y.shape[Y.ndim - 1]
    N = Y.n // V
    if T.ndim != 1 or T.n != N or same_shape(&Y, &T) or not ids_below(&T, V):
        return None
    result = new_array(Y.type, Y.ndim, &Y.shape[0], &dx)
    # forward: loss = mean -log softmax(x)[t]
    if Y.type == FLOAT:
        gradient_of(<float*> dx.data, <const float*> Y.data, &T, scale / N, N, V)
    else:
        gradient_of(<double*> dx.data, <const double*> Y.data, &T, scale / N, N, V)
    return result


def try_sigmoid_with_loss(x, t):
    """Return (loss, y) of N scores x for labels t (N,), or None."""
    cdef Array X, T, y
    cdef double loss
    if (not read_scores(x, &X, SMALL_NS) or X.shape[0] != X.n or not read_ids(t, &T)
            or T.ndim != 1 or T.n != X.n or not ids_below(&T, 2)):
        return None
    result = new_array(X.type, X.ndim, &X.shape[0], &y)
    if X.type == FLOAT:
        loss = losses_of(<float*> y.data, <const float*> X.data, &T, X.n, 0)
    else:
        loss = losses_of(<double*> y.data, <const double*> X.data, &T, X.n, 0)
    return scalar(X.type, loss), result


use_pool()
use_arrays()
