"""A simple recurrent network over time: the whole loop over T steps in one call.

N rows, T steps, H units.
    a = x Wx + b + h_prev Wh;   h = tanh(a)
and backward, dh being the gradient that arrives at h:
    da = dh * (1 - h^2);        dh_prev = da Wh^T
forward gets x Wx + b of all steps in `kept` and leaves h there, because users may write into `hs`.
backward writes da elsewhere, so it may be called again. The caller computes dWx, dWh, db and dx
from da, as products over all steps at once.

Row n has steps 0 .. lengths[n] - 1. After them h does not change, and hs and da are zero.
"""
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from common_checks cimport check_fit, has_shape2, has_shape3
from common_gemm cimport packed_size, use_tiles
from common_math cimport LANES, MATH_SIMD, tanh_run
from common_parallel cimport use_pool
from common_recurrent cimport (Share, block_of, copy_rows, in_place, multiply_gates, n_blocks,
                               n_loops, pack_gates_part, pack_part, present, pull, put,
                               row_stride, share, step_in_place, take)
from common_types cimport real_t

cdef extern from "recurrent_simd.h" nogil:
    void fw_rnn_row(float* hs, float* before, float* a, float* h, const float* h_from,
                    Py_ssize_t n) noexcept
    void fw_rnn_row_back(float* da, float* da_to, const float* dh, const float* dhs,
                         const float* h, Py_ssize_t H, Py_ssize_t n) noexcept


# ---- forward

cdef void cell(real_t* hs, real_t* before, real_t* kept, real_t* h_to, const real_t* h_from,
               Py_ssize_t n) noexcept nogil:
    """Run one row through one step, n units: kept from its pre-activation, and h."""
    if real_t is float and MATH_SIMD:
        fw_rnn_row(hs, before, kept, h_to, h_from, n)
        return
    if before != NULL:
        memcpy(before, h_from, n * sizeof(real_t))
    tanh_run(kept, kept, n)
    memcpy(h_to, kept, n * sizeof(real_t))
    memcpy(hs, kept, n * sizeof(real_t))


cdef void forward_range(real_t* hs, real_t* kept, real_t* before, real_t* states, Py_ssize_t ld,
                        const real_t* packed, const real_t* Wh, Py_ssize_t ldw,
                        const int64_t* lengths, Py_ssize_t N, Py_ssize_t T, Py_ssize_t H,
                        bint by_units, Share part) noexcept nogil:
    """Run forward over a share; a turn is a step.

    states (2, N, H) holds h before and after a step, in turn.
    """
    cdef Py_ssize_t begin = part.begin, block, t, n, at
    cdef size_t width = (part.end - begin) * sizeof(real_t)
    cdef const real_t* h_from
    cdef real_t* h_to
    cdef Share rows
    for block in range(n_blocks(part, by_units)):
        rows = block_of(part, block, by_units)
        for t in range(part.first, part.last):
            h_from, h_to = states + t % 2 * N * ld + begin, states + (t + 1) % 2 * N * ld + begin
            multiply_gates(kept + t * H, T * H, h_from - begin, ld, packed, Wh, ldw, H, 1,
                           by_units, rows)
            for n in range(rows.lo, rows.hi):
                at = (n * T + t) * H + begin
                if present(lengths, n, t):
                    cell(hs + at, before + at if before != NULL else NULL, kept + at,
                         h_to + n * ld, h_from + n * ld, part.end - begin)
                    continue
                if before != NULL:
                    memcpy(before + at, h_from + n * ld, width)
                memcpy(h_to + n * ld, h_from + n * ld, width)
                memset(hs + at, 0, width)


cdef Py_ssize_t needed_scratch(const real_t* kind, Py_ssize_t H, Py_ssize_t N) noexcept nogil:
    """Return the elements of scratch for N rows; `kind` stands for the type and is not read."""
    return packed_size(kind, H, H) + N * (2 * row_stride(H) + H)


def scratch_size(const real_t[:, :] Wh, Py_ssize_t N):
    """Return the elements of scratch that forward and backward need for N rows."""
    cdef const real_t* none = NULL
    return needed_scratch(none, Wh.shape[0], N)


def forward(real_t[:, :, ::1] hs,           # OUT (N, T, H)
            real_t[:, :, ::1] kept,         # OUT (N, T, H) holds x Wx + b on entry, then h
            real_t[:, :, ::1] before,       # OUT (N, T, H) h before each step, or None
            real_t[:, ::1] h,               # OUT (N, H) holds the first h_prev on entry
            real_t[::1] scratch,            # scratch (scratch_size(),)
            const real_t[:, :] Wh,          # IN  (H, H)
            const int64_t[::1] lengths,     # IN  (N,) or None
            bint by_units,
            Py_ssize_t n_parts):
    """Run all steps; h becomes that after each row's last step."""
    cdef Py_ssize_t N = hs.shape[0], T = hs.shape[1], H = hs.shape[2], k, p
    cdef Py_ssize_t ld = row_stride(H), size = sizeof(real_t)
    cdef Py_ssize_t rs_w = Wh.strides[0] // size, cs_w = Wh.strides[1] // size
    cdef real_t* packed
    cdef real_t* states
    cdef real_t* starts = NULL
    cdef const int64_t* last = NULL
    check_fit("forward", scratch.shape[0] >= needed_scratch(&scratch[0], H, N) and
              has_shape3(kept.shape, N, T, H) and has_shape2(h.shape, N, H) and
              has_shape2(Wh.shape, H, H) and (lengths is None or lengths.shape[0] == N) and
              (before is None or has_shape3(before.shape, N, T, H)))
    if N == 0 or T == 0 or H == 0:
        return
    if before is not None:
        starts = &before[0, 0, 0]
    if lengths is not None:
        last = &lengths[0]
    packed = &scratch[0]
    states = packed + packed_size(packed, H, H)
    with nogil:
        if in_place(N, cs_w):
            packed = NULL
        else:
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                pack_gates_part(packed, &Wh[0, 0], rs_w, cs_w, H, 1, by_units, p, n_parts)
        copy_rows(states, ld, &h[0, 0], H, N, H)
        for k in range(n_loops(T, by_units)):
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                forward_range(&hs[0, 0, 0], &kept[0, 0, 0], starts, states, ld, packed,
                              &Wh[0, 0], rs_w, last, N, T, H, by_units,
                              share(k, p, n_parts, T, N, H, by_units, states))
        copy_rows(&h[0, 0], H, states + T % 2 * N * ld, ld, N, H)


# ---- backward

cdef void cell_backward(real_t* da, real_t* da_to, const real_t* dh, const real_t* dhs,
                        const real_t* h, Py_ssize_t H, Py_ssize_t n) noexcept nogil:
    """Run one row back through one step, n of H units; the gradient at h is dh + dhs."""
    cdef real_t into_h[LANES]
    cdef real_t more[LANES]
    cdef real_t y[LANES]
    cdef real_t one = 1
    cdef Py_ssize_t u = 0, d, m
    # forward: h = tanh(a)
    if real_t is float and MATH_SIMD:
        fw_rnn_row_back(da, da_to, dh, dhs, h, H, n)
        return
    while u < n:
        m = LANES if u + LANES < n else n - u
        take(into_h, dh + u, m)
        take(more, dhs + u, m)
        take(y, h + u, m)
        for d in range(LANES):
            y[d] = (into_h[d] + more[d]) * (one - y[d] * y[d])
        put(da + u, y, m)
        put(da_to + u, y, m)
        u += m


cdef void backward_range(real_t* da, real_t* dh, const real_t* dhs, Py_ssize_t ldd,
                         const real_t* kept,
                         real_t* flow, real_t* turn, Py_ssize_t ld, const real_t* turned,
                         Py_ssize_t step,
                         const int64_t* lengths, Py_ssize_t N, Py_ssize_t T, Py_ssize_t H,
                         bint by_units, Share part) noexcept nogil:
    """Run backward over a share; turn k is step T - 1 - k.

    The last turn computes the gradient of the first state. turn (2, N, H) is scratch.
    Rows of dhs are ldd elements apart: H, or 0 for one row that stands for all.
    """
    cdef Py_ssize_t begin = part.begin, block, k, t, n, at
    cdef size_t width = (part.end - begin) * sizeof(real_t)
    cdef const real_t* da_from
    cdef real_t* da_to
    cdef Share rows
    for block in range(n_blocks(part, by_units)):
        rows = block_of(part, block, by_units)
        for k in range(part.first, part.last):
            t = T - 1 - k
            da_from, da_to = turn + k % 2 * N * ld, turn + (k + 1) % 2 * N * ld + begin
            if k > 0:
                pull(dh, flow, da_from, ld, turned, step, H, lengths, H, t + 1, False, rows)
            if t < 0:
                break
            for n in range(rows.lo, rows.hi):
                at = (n * T + t) * H + begin
                if present(lengths, n, t):
                    cell_backward(da + at, da_to + n * ld, dh + n * H + begin,
                                  dhs + (n * T + t) * ldd + begin, kept + at,
                                  H, part.end - begin)
                else:
                    memset(da + at, 0, width)
                    memset(da_to + n * ld, 0, width)


def backward(real_t[:, :, ::1] da,          # OUT (N, T, H)
             real_t[:, ::1] dh,             # OUT (N, H) holds the gradient of the last h on entry
             real_t[::1] scratch,           # scratch (scratch_size(),)
             const real_t[:, :, ::1] dhs,   # IN  (N, T, H), or None for zeros
             const real_t[:, :, ::1] kept,  # IN  (N, T, H) of forward
             const real_t[:, :] Wh,         # IN  (H, H)
             const int64_t[::1] lengths,    # IN  (N,) or None
             bint by_units,
             Py_ssize_t n_parts):
    """Run all steps from the last to the first; dh becomes the gradient of the first state."""
    cdef Py_ssize_t N = da.shape[0], T = da.shape[1], H = dh.shape[1], ldd = H, k, p
    cdef Py_ssize_t ld = row_stride(H), size = sizeof(real_t)
    cdef Py_ssize_t step = step_in_place(N, T, Wh)
    cdef real_t* packed
    cdef const real_t* turned
    cdef real_t* flow
    cdef real_t* turn
    cdef const real_t* given
    cdef const int64_t* last = NULL
    check_fit("backward", scratch.shape[0] >= needed_scratch(&scratch[0], H, N) and
              has_shape3(da.shape, N, T, H) and has_shape2(dh.shape, N, H) and
              has_shape3(kept.shape, N, T, H) and has_shape2(Wh.shape, H, H) and
              (lengths is None or lengths.shape[0] == N and dhs is not None) and
              (dhs is None or has_shape3(dhs.shape, N, T, H)))
    if N == 0 or T == 0 or H == 0:
        return
    if lengths is not None:
        last = &lengths[0]
    turned = &Wh[0, 0]
    packed = &scratch[0]
    turn = packed + packed_size(packed, H, H)
    flow = turn + 2 * N * ld
    if dhs is not None:
        given = &dhs[0, 0, 0]
    else:                       # one row of zeros for all
        memset(flow, 0, H * sizeof(real_t))
        given, ldd = flow, 0
    if last == NULL:
        flow = &dh[0, 0]
    with nogil:
        if step == 0:
            turned = packed
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                pack_part(packed, &Wh[0, 0], Wh.strides[1] // size, Wh.strides[0] // size, H, H,
                          p, n_parts)
        for k in range(n_loops(T + 1, by_units)):
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                backward_range(&da[0, 0, 0], &dh[0, 0], given, ldd, &kept[0, 0, 0], flow, turn,
                               ld, turned, step, last, N, T, H, by_units,
                               share(k, p, n_parts, T + 1, N, H, by_units, packed))


use_pool()
use_tiles()
