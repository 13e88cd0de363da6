"""Cross entropy after softmax or sigmoid, forward and backward.

N rows, V scores in each; t the right answers.
    softmax_with_loss   y = softmax(x),  loss = mean_n -log(y[n, t[n]] + 1e-7)
    sigmoid_with_loss   y = sigmoid(x),  loss = mean_n -log((y[n] if t[n] else one - y[n]) + 1e-7)
    backward            dx = (y - right answer as 0 and 1) * scale,   scale = dout / N
Losses are double: one for each row, added in the order of the rows, so that the split into parts
cannot be seen. Callers have mapped the ids t into [0, V), or t into {0, 1}; nothing here raises.
"""
from cython.parallel cimport prange
from libc.math cimport log

from common_math cimport sigmoid, softmax_row
from common_parallel cimport part_begin, use_pool
from common_types cimport index_t, real_t

cdef double TINY = 1e-7     # keeps the logarithm of 0 finite


cdef void softmax_range(real_t* y, double* losses, const real_t* x, const index_t* t,
                        Py_ssize_t V, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t n
    for n in range(lo, hi):
        softmax_row(y + n * V, x + n * V, V)
        losses[n] = -log(<double> y[n * V + <Py_ssize_t> t[n]] + TINY)


cdef void softmax_backward_range(real_t* dx, const real_t* y, const index_t* t, real_t scale,
                                 Py_ssize_t V, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    # forward: loss = mean -log softmax(x)[t]
    cdef Py_ssize_t n, v, right
    cdef real_t one = 1         # a literal would be double, and the sum too
    for n in range(lo, hi):
        for v in range(n * V, (n + 1) * V):
            dx[v] = y[v] * scale
        right = n * V + <Py_ssize_t> t[n]
        dx[right] = (y[right] - one) * scale


cdef void sigmoid_range(real_t* y, double* losses, const real_t* x, const index_t* t,
                        Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t n
    cdef real_t one = 1
    for n in range(lo, hi):
        y[n] = sigmoid(x[n])
    for n in range(lo, hi):
        losses[n] = -log(<double> (y[n] if t[n] else one - y[n]) + TINY)


cdef void sigmoid_backward_range(real_t* dx, const real_t* y, const index_t* t, real_t scale,
                                 Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    # forward: loss = mean -log(sigmoid(x) if t else 1 - sigmoid(x))
    cdef Py_ssize_t n
    for n in range(lo, hi):
        dx[n] = (y[n] - <real_t> t[n]) * scale


cdef double mean(const double* losses, Py_ssize_t N) noexcept nogil:
    cdef double all_rows = 0
    cdef Py_ssize_t n
    for n in range(N):
        all_rows += losses[n]
    return all_rows / N


def softmax_with_loss_forward(real_t[:, ::1] y,         # OUT (N, V)
                              double[::1] losses,       # OUT (N,)
                              const real_t[:, ::1] x,   # IN  (N, V)
                              const index_t[::1] t,     # IN  (N,)
                              Py_ssize_t n_parts):
    """y = softmax(x); returns the mean of the losses, NaN for N = 0."""
    cdef Py_ssize_t N = x.shape[0], V = x.shape[1], p
    cdef double loss
    if N == 0 or V == 0:
        return float("nan")
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            softmax_range(&y[0, 0], &losses[0], &x[0, 0], &t[0], V,
                          part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))
        loss = mean(&losses[0], N)
    return loss


def softmax_with_loss_backward(real_t[:, ::1] dx,       # OUT (N, V)
                               const real_t[:, ::1] y,  # IN  (N, V)
                               const index_t[::1] t,    # IN  (N,)
                               double scale,
                               Py_ssize_t n_parts):
    """dx = (y - onehot(t)) * scale."""
    cdef Py_ssize_t N = y.shape[0], V = y.shape[1], p
    cdef real_t factor = <real_t> scale
    if N == 0 or V == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            softmax_backward_range(&dx[0, 0], &y[0, 0], &t[0], factor, V,
                                   part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


def sigmoid_with_loss_forward(real_t[::1] y,            # OUT (N,)
                              double[::1] losses,       # OUT (N,)
                              const real_t[::1] x,      # IN  (N,)
                              const index_t[::1] t,     # IN  (N,) 0 or 1
                              Py_ssize_t n_parts):
    """y = sigmoid(x); returns the mean of the losses, NaN for N = 0."""
    cdef Py_ssize_t N = x.shape[0], p
    cdef double loss
    if N == 0:
        return float("nan")
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            sigmoid_range(&y[0], &losses[0], &x[0], &t[0],
                          part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))
        loss = mean(&losses[0], N)
    return loss


def sigmoid_with_loss_backward(real_t[::1] dx,          # OUT (N,)
                               const real_t[::1] y,     # IN  (N,)
                               const index_t[::1] t,    # IN  (N,) 0 or 1
                               double scale,
                               Py_ssize_t n_parts):
    """dx = (y - t) * scale."""
    cdef Py_ssize_t N = y.shape[0], p
    cdef real_t factor = <real_t> scale
    if N == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            sigmoid_backward_range(&dx[0], &y[0], &t[0], factor,
                                   part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


use_pool()
