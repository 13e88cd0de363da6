"""Elementwise functions and softmax, forward and backward.

n elements in any shape, or N rows of V.
    sigmoid     out[i]    = 1 / (1 + exp(-x[i]))
    relu        out[i]    = max(0, x[i])
    tanh        out[i]    = tanh(x[i])
    exp         out[i]    = exp(x[i])
    softmax     out[n, v] = exp(x[n, v] - max_n) / sum_v exp(x[n, v] - max_n)
    dropout     out[i]    = x[i] * mask[i],   mask[i] = scale if draw i >= least else 0
Draws of dropout have 32 bits, two from each 64 bits of common_rng: of a block of 32 elements, j and
j + 16 share draw 16 * block + j. So the mask is a function of key and place.
The backward entries need the result of forward only. NaN gives NaN; in softmax, in its whole row.
out must not overlap an input in part; the same array is allowed.
"""
from cython.parallel cimport prange
from libc.stdint cimport uint32_t, uint64_t

from common_checks cimport check_fit, has_shape2
from common_math cimport dot, exp_run, sigmoid_run, softmax_row, tanh_run
from common_memory cimport prefetch
from common_parallel cimport part_begin, use_pool
from common_rng cimport draw, row_stream
from common_types cimport real_t

cdef enum:
    HALF = 16               # draws for a block of twice as many elements
    STRETCH = 128           # elements of relu between two rounds of prefetches
    AHEAD = 4096            # bytes between what relu reads and what it fetches from memory


cdef void relu_range(real_t* out, const real_t* x, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i, end
    cdef real_t zero = 0
    # Stores of whole cache lines: arrays of numpy do not begin at one.
    while lo < hi and <size_t> (out + lo) % 64 != 0:
        out[lo] = zero if x[lo] <= zero else x[lo]
        lo += 1
    while lo < hi:
        end = lo + STRETCH if lo + STRETCH < hi else hi
        i = lo
        while i < end:
            prefetch(<const char*> (x + i) + AHEAD)
            i += 64 // <Py_ssize_t> sizeof(real_t)
        for i in range(lo, end):
            out[i] = zero if x[i] <= zero else x[i]
        lo = end


cdef void softmax_range(real_t* out, const real_t* x, Py_ssize_t V,
                        Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t n
    for n in range(lo, hi):
        softmax_row(out + n * V, x + n * V, V, V if n + 1 < hi else 0)


cdef void sigmoid_backward_range(real_t* dx, const real_t* dout, const real_t* out,
                                 Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    # forward: out = 1 / (1 + exp(-x))
    cdef Py_ssize_t i
    cdef real_t one = 1
    for i in range(lo, hi):
        dx[i] = dout[i] * (one - out[i]) * out[i]


cdef void softmax_backward_range(real_t* dx, const real_t* dout, const real_t* out, Py_ssize_t V,
                                 Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    # forward: out = exp(x) / sum exp(x)
    cdef Py_ssize_t n, v
    cdef real_t shared
    for n in range(lo, hi):
        shared = dot(out + n * V, dout + n * V, V)
        for v in range(n * V, (n + 1) * V):
            dx[v] = out[v] * dout[v] - out[v] * shared


cdef void dropout_blocks(real_t* out, float* mask, const real_t* x, uint64_t stream,
                         uint32_t least, float scale, Py_ssize_t n,
                         Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef uint32_t bits[2 * HALF]
    cdef uint64_t both
    cdef Py_ssize_t block, at, j
    cdef float none = 0
    for block in range(lo, hi):
        for j in range(HALF):
            both = draw(stream, <uint64_t> (block * HALF + j))
            bits[j], bits[j + HALF] = <uint32_t> both, <uint32_t> (both >> 32)
        at = block * 2 * HALF
        if at + 2 * HALF <= n:
            for j in range(2 * HALF):
                mask[at + j] = scale if bits[j] >= least else none
            for j in range(at, at + 2 * HALF):
                out[j] = x[j] * <real_t> mask[j]
        else:
            for j in range(at, n):
                mask[j] = scale if bits[j - at] >= least else none
                out[j] = x[j] * <real_t> mask[j]


def sigmoid(real_t[::1] out,            # OUT (n,)
            const real_t[::1] x,        # IN  (n,)
            Py_ssize_t n_parts):
    """Compute out = 1 / (1 + exp(-x))."""
    cdef Py_ssize_t n = x.shape[0], p
    check_fit("sigmoid", out.shape[0] == n)
    if n == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            sigmoid_run(&out[0] + part_begin(p, n_parts, n), &x[0] + part_begin(p, n_parts, n),
                        part_begin(p + 1, n_parts, n) - part_begin(p, n_parts, n))


def tanh(real_t[::1] out,               # OUT (n,)
         const real_t[::1] x,           # IN  (n,)
         Py_ssize_t n_parts):
    """Compute out = tanh(x)."""
    cdef Py_ssize_t n = x.shape[0], p
    check_fit("tanh", out.shape[0] == n)
    if n == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            tanh_run(&out[0] + part_begin(p, n_parts, n), &x[0] + part_begin(p, n_parts, n),
                     part_begin(p + 1, n_parts, n) - part_begin(p, n_parts, n))


def relu(real_t[::1] out,               # OUT (n,)
         const real_t[::1] x,           # IN  (n,)
         Py_ssize_t n_parts):
    """Compute out = max(0, x)."""
    cdef Py_ssize_t n = x.shape[0], p
    check_fit("relu", out.shape[0] == n)
    if n == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            relu_range(&out[0], &x[0], part_begin(p, n_parts, n), part_begin(p + 1, n_parts, n))


def exponential(real_t[::1] out,        # OUT (n,)
                const real_t[::1] x,    # IN  (n,)
                Py_ssize_t n_parts):
    """Compute out = exp(x)."""
    cdef Py_ssize_t n = x.shape[0], p
    check_fit("exponential", out.shape[0] == n)
    if n == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            exp_run(&out[0] + part_begin(p, n_parts, n), &x[0] + part_begin(p, n_parts, n),
                    part_begin(p + 1, n_parts, n) - part_begin(p, n_parts, n))


def softmax(real_t[:, ::1] out,         # OUT (N, V)
            const real_t[:, ::1] x,     # IN  (N, V)
            Py_ssize_t n_parts):
    """Compute the softmax of each row, which sums to 1."""
    cdef Py_ssize_t N = x.shape[0], V = x.shape[1], p
    check_fit("softmax", has_shape2(out.shape, N, V))
    if N == 0 or V == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            softmax_range(&out[0, 0], &x[0, 0], V,
                          part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


def dropout(real_t[::1] out,            # OUT (n,)
            float[::1] mask,            # OUT (n,)
            const real_t[::1] x,        # IN  (n,)
            uint64_t key,
            uint32_t least,             # an element is dropped with probability least / 2^32
            float scale,
            Py_ssize_t n_parts):
    """Draw the mask and compute out = x * mask."""
    cdef Py_ssize_t n = x.shape[0], n_blocks = (n + 2 * HALF - 1) // (2 * HALF), p
    cdef uint64_t stream = row_stream(key, 0)
    check_fit("dropout", out.shape[0] == n and mask.shape[0] == n)
    if n == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            dropout_blocks(&out[0], &mask[0], &x[0], stream, least, scale, n,
                           part_begin(p, n_parts, n_blocks), part_begin(p + 1, n_parts, n_blocks))


def sigmoid_backward(real_t[::1] dx,            # OUT (n,)
                     const real_t[::1] dout,    # IN  (n,)
                     const real_t[::1] out,     # IN  (n,)
                     Py_ssize_t n_parts):
    """Compute dx = dout * (1 - out) * out."""
    cdef Py_ssize_t n = out.shape[0], p
    check_fit("sigmoid_backward", dx.shape[0] == n and dout.shape[0] == n)
    if n == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            sigmoid_backward_range(&dx[0], &dout[0], &out[0],
                                   part_begin(p, n_parts, n), part_begin(p + 1, n_parts, n))


def softmax_backward(real_t[:, ::1] dx,             # OUT (N, V)
                     const real_t[:, ::1] dout,     # IN  (N, V)
                     const real_t[:, ::1] out,      # IN  (N, V)
                     Py_ssize_t n_parts):
    """Compute dx = out * dout - out * sum_v out[n, v] * dout[n, v], row by row."""
    cdef Py_ssize_t N = out.shape[0], V = out.shape[1], p
    check_fit("softmax_backward", has_shape2(dx.shape, N, V) and has_shape2(dout.shape, N, V))
    if N == 0 or V == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            softmax_backward_range(&dx[0, 0], &dout[0, 0], &out[0, 0], V,
                                   part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


use_pool()
