"""The negative-sampling loss, fused: positives and negatives of a row in one pass.

N rows of width D, J ids per row in groups of K + 1: a target (label 1), then its K negatives
(label 0). CBOW has one group per row; skip-gram has one for each context word.
    forward     y[j, n] = sigmoid(h[n] . W[ids[n, j]])
                loss_j  = mean over n of -log(p + 1e-7),  p = y for label 1, 1 - y for label 0
                e[n]    = sum_j (y[j, n] - label_j) * W[ids[n, j]]
    backward    coef[n, j] = (y[j, n] - label_j) * scale,  dh[n] = e[n] * scale,  scale = dout / N
The gradient of W is the scatter-add of coef[n, j] * h[n]: `_embedding.overwrite_rows`. Forward
computes e while the rows of W are in the nearest cache and have the values of the loss.
"""
from cython.parallel cimport prange
from libc.math cimport log

from common_checks cimport check_fit, has_shape2, plain_rows
from common_math cimport dot, sigmoid_run
from common_memory cimport prefetch_row
from common_parallel cimport part_begin, use_pool
from common_types cimport index_t, real_t

cdef enum:
    # Rows of one block. Its rows of W stay in the nearest cache, and a product of ROWS
    # probabilities, each above 1e-7, stays far above the smallest double.
    ROWS = 8


cdef void forward_block(real_t* y, real_t* e, double* logs, const real_t* h, const real_t* W,
                        Py_ssize_t ld, const index_t* ids, Py_ssize_t N, Py_ssize_t J,
                        Py_ssize_t group, Py_ssize_t D,
                        Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Compute rows [lo, hi) of one block; logs[j] = sum over its rows of log(p + 1e-7)."""
    cdef Py_ssize_t n, j, d
    cdef real_t p, share, tiny = <real_t> 1e-7
    cdef double product
    cdef const real_t* row
    cdef real_t* acc
    for n in range(lo, hi):
        for j in range(J):
            prefetch_row(W + <Py_ssize_t> ids[n * J + j] * ld, D * <Py_ssize_t> sizeof(real_t))
    for n in range(lo, hi):
        for j in range(J):
            y[j * N + n] = dot(h + n * D, W + <Py_ssize_t> ids[n * J + j] * ld, D)
    for j in range(J):
        sigmoid_run(y + j * N + lo, y + j * N + lo, hi - lo)
        # One logarithm serves the block, as log a + log b = log(a b).
        product = 1
        for n in range(lo, hi):
            p = y[j * N + n] if j % group == 0 else 1 - y[j * N + n]
            product *= p + tiny
        logs[j] = log(product)
    for n in range(lo, hi):
        acc = e + n * D
        for j in range(J):
            row = W + <Py_ssize_t> ids[n * J + j] * ld
            share = y[j * N + n] - 1 if j % group == 0 else y[j * N + n]
            if j == 0:
                for d in range(D):
                    acc[d] = share * row[d]
            else:
                for d in range(D):
                    acc[d] = acc[d] + share * row[d]


def n_blocks(Py_ssize_t N):
    """Return the number of rows of the scratch `logs` that `forward` needs."""
    return (N + ROWS - 1) // ROWS


def forward(real_t[:, ::1] y,               # OUT (J, N)
            real_t[:, ::1] e,               # OUT (N, D)
            double[::1] losses,             # OUT (J,)
            double[:, ::1] logs,            # scratch (n_blocks(N), J)
            const real_t[:, ::1] h,         # IN  (N, D)
            const real_t[:, :] W,           # IN  (V, D) rows contiguous
            const index_t[:, ::1] ids,      # IN  (N, J) targets in columns 0, group, 2 group, ...
            Py_ssize_t group,
            Py_ssize_t n_parts):
    """Compute sigmoids y of the scores, the loss of each column, and e for backward. D > 0."""
    cdef Py_ssize_t N = y.shape[1], J = y.shape[0], D = h.shape[1], ld, k, j
    cdef Py_ssize_t blocks = (N + ROWS - 1) // ROWS
    cdef double total
    check_fit("forward", has_shape2(e.shape, N, D) and losses.shape[0] == J and
              logs.shape[0] >= blocks and logs.shape[1] == J and h.shape[0] == N and
              W.shape[1] == D and has_shape2(ids.shape, N, J) and group > 0 and J % group == 0 and
              plain_rows(W.shape, W.strides, sizeof(real_t)))
    if N == 0:
        return
    ld = W.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for k in prange(blocks, num_threads=n_parts, schedule="static"):
            forward_block(&y[0, 0], &e[0, 0], &logs[k, 0], &h[0, 0], &W[0, 0], ld, &ids[0, 0],
                          N, J, group, D, k * ROWS, (k + 1) * ROWS if k + 1 < blocks else N)
        for j in range(J):
            total = 0
            for k in range(blocks):
                total = total - logs[k, j]
            losses[j] = total / <double> N


cdef void backward_range(real_t* coef, real_t* dh, const real_t* y, const real_t* e, real_t scale,
                         Py_ssize_t N, Py_ssize_t J, Py_ssize_t group, Py_ssize_t D,
                         Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t n, j, d
    for n in range(lo, hi):
        for j in range(J):
            coef[n * J + j] = y[j * N + n] * scale
        j = 0
        while j < J:
            coef[n * J + j] = (y[j * N + n] - 1) * scale
            j += group
        for d in range(D):
            dh[n * D + d] = e[n * D + d] * scale


def backward(real_t[:, ::1] coef,           # OUT (N, J)
             real_t[:, ::1] dh,             # OUT (N, D)
             const real_t[:, ::1] y,        # IN  (J, N)
             const real_t[:, ::1] e,        # IN  (N, D)
             double scale, Py_ssize_t group, Py_ssize_t n_parts):
    """Compute the coefficients of the scatter-add into dW, and the gradient of h."""
    cdef Py_ssize_t N = y.shape[1], J = y.shape[0], D = e.shape[1], p
    check_fit("backward", has_shape2(coef.shape, N, J) and has_shape2(dh.shape, N, D) and
              e.shape[0] == N and group > 0 and J % group == 0)
    if N == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            backward_range(&coef[0, 0], &dh[0, 0], &y[0, 0], &e[0, 0], <real_t> scale, N, J,
                           group, D, part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


use_pool()
