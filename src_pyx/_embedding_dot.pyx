"""Row-wise dot products with gathered rows.

V table rows, D row width, N rows of input.
    forward     rows[n] = W[idx[n]],  out[n] = sum_d h[n, d] * rows[n, d]
    backward    dh[n]   = dout[n] * rows[n]
The gradient of W is a scatter-add with dout as coefficient: `_embedding.overwrite_rows`.
"""
from cython.parallel cimport prange
from libc.string cimport memcpy

from common_checks cimport check_fit, has_shape2, plain_rows
from common_math cimport dot
from common_parallel cimport part_begin, use_pool
from common_types cimport index_t, real_t


cdef void forward_range(real_t* out, real_t* rows, const real_t* h, const real_t* W, Py_ssize_t ld,
                        const index_t* idx, Py_ssize_t D,
                        Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t n
    for n in range(lo, hi):
        memcpy(rows + n * D, W + <Py_ssize_t> idx[n] * ld, D * sizeof(real_t))
        out[n] = dot(h + n * D, rows + n * D, D)


cdef void backward_range(real_t* dh, const real_t* dout, const real_t* rows, Py_ssize_t D,
                         Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    # forward: out[n] = h[n] . rows[n]
    cdef Py_ssize_t n, d
    for n in range(lo, hi):
        for d in range(D):
            dh[n * D + d] = dout[n] * rows[n * D + d]


def forward(real_t[::1] out,            # OUT (N,)
            real_t[:, ::1] rows,        # OUT (N, D)
            const real_t[:, ::1] h,     # IN  (N, D)
            const real_t[:, :] W,       # IN  (V, D) rows contiguous
            const index_t[::1] idx,     # IN  (N,)
            Py_ssize_t n_parts):
    """Compute out[n] = h[n] . W[idx[n]], and keep the gathered rows for backward."""
    cdef Py_ssize_t N = h.shape[0], D = h.shape[1], ld, p
    check_fit("forward", out.shape[0] == N and has_shape2(rows.shape, N, D) and W.shape[1] == D and
              idx.shape[0] == N and plain_rows(W.shape, W.strides, sizeof(real_t)))
    if N == 0:
        return
    if D == 0:
        out[:] = 0
        return
    ld = W.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            forward_range(&out[0], &rows[0, 0], &h[0, 0], &W[0, 0], ld, &idx[0], D,
                          part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


def backward(real_t[:, ::1] dh,         # OUT (N, D)
             const real_t[::1] dout,    # IN  (N,)
             const real_t[:, ::1] rows,  # IN  (N, D)
             Py_ssize_t n_parts):
    """Compute dh[n] = dout[n] * rows[n]."""
    cdef Py_ssize_t N = rows.shape[0], D = rows.shape[1], p
    check_fit("backward", has_shape2(dh.shape, N, D) and dout.shape[0] == N)
    if N == 0 or D == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            backward_range(&dh[0, 0], &dout[0], &rows[0, 0], D,
                           part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


use_pool()
