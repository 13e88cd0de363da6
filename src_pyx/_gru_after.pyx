"""GRU over time that resets after the product: the whole loop over T steps in one call.

N rows, T steps, H units. This is the GRU of cuDNN, torch and Keras 2 and 3; _gru has the book's.
Columns of the gates in the book's order, each H wide; the reset gate works on the product:
    z, r = sigmoid(x Wx + bx + h_prev Wh + bh), their columns
    inner = h_prev Whh + bhh;   h~ = tanh(x Wxh + bxh + r * inner)
    h = (1 - z) * h_prev + z * h~
and backward, dh being the gradient that arrives at h:
    da_h~ = dh * z * (1 - h~^2);                da_inner = da_h~ * r
    da_z = dh * (h~ - h_prev) * z (1 - z),      da_r = da_h~ * inner * r (1 - r)
    dh_prev = dh * (1 - z) + [da_z | da_r | da_inner] Wh^T
forward gets x Wx + bx of all steps in `gates`, bh of z and r added, and leaves z | r | h~ there.
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
from common_recurrent cimport (Share, block_of, copy_rows, gate, gate_slope, in_place,
                               multiply_gates, n_blocks, n_loops, pack_gates_part, pack_part,
                               present, pull, put, row_stride, share, step_in_place, take)
from common_types cimport real_t

cdef extern from "gru_after_simd.h" nogil:
    void fw_gru_after_row(float* hs, float* h_to, float* a, const float* inner,
                          const float* h_from, Py_ssize_t H, int kind, Py_ssize_t n) noexcept
    void fw_gru_after_row_back(float* da, float* da_to, float* flow, const float* dh,
                               const float* dhs, const float* a, const float* inner,
                               const float* h_prev, Py_ssize_t H, int kind,
                               Py_ssize_t n) noexcept


cdef Py_ssize_t needed_scratch(const real_t* kind, Py_ssize_t H, Py_ssize_t N) noexcept nogil:
    """Return the elements of scratch for N rows; `kind` stands for the type and is not read."""
    return (max(3 * packed_size(kind, H, H), packed_size(kind, 3 * H, H))
            + N * max(2 * row_stride(3 * H) + H, 3 * row_stride(H)))


def scratch_size(const real_t[:, :] Wh, Py_ssize_t N):
    """Return the elements of scratch that forward and backward need for N rows."""
    cdef const real_t* none = NULL
    return needed_scratch(none, Wh.shape[0], N)


# ---- forward

cdef void cell(real_t* hs, real_t* h_to, real_t* gates, const real_t* inner, const real_t* h_from,
               Py_ssize_t H, int kind, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Run one row through one step, units [begin, end): gates from pre-activations, and h."""
    cdef real_t z[LANES]
    cdef real_t r[LANES]
    cdef real_t candidate[LANES]
    cdef real_t into[LANES]
    cdef real_t new[LANES]
    cdef real_t one = 1
    cdef Py_ssize_t u = begin, d, n
    if real_t is float and MATH_SIMD:
        fw_gru_after_row(hs + u, h_to + u, gates + u, inner + u, h_from + u, H, kind, end - u)
        return
    while u < end:
        n = LANES if u + LANES < end else end - u
        take(z, gates + u, n)
        take(r, gates + H + u, n)
        take(candidate, gates + 2 * H + u, n)
        take(into, inner + u, n)
        take(new, h_from + u, n)
        gate(z, kind)
        gate(r, kind)
        for d in range(LANES):
            candidate[d] = candidate[d] + r[d] * into[d]
        tanh_run(candidate, candidate, LANES)
        for d in range(LANES):
            new[d] = (one - z[d]) * new[d] + z[d] * candidate[d]
        put(gates + u, z, n)
        put(gates + H + u, r, n)
        put(gates + 2 * H + u, candidate, n)
        put(h_to + u, new, n)
        put(hs + u, new, n)
        u += n


cdef void forward_range(real_t* hs, real_t* gates, real_t* before, real_t* inner, Py_ssize_t ldi,
                        Py_ssize_t step, real_t* states, Py_ssize_t ld, const real_t* packed,
                        const real_t* packed_candidate, const real_t* Wh, Py_ssize_t ldw,
                        const real_t* bias, const int64_t* lengths, Py_ssize_t N, Py_ssize_t T,
                        Py_ssize_t H, int kind, bint by_units, Share part) noexcept nogil:
    """Run forward over a share; a turn is a step.

    states (2, N, H) holds h before and after a step, in turn. `inner` has rows ldi elements apart,
    and those of one step to the next lie `step` apart, 0 if it is not kept.
    """
    cdef Py_ssize_t begin = part.begin, end = part.end, block, t, n, at
    cdef size_t width = (end - begin) * sizeof(real_t)
    cdef const real_t* h_from
    cdef real_t* h_to
    cdef real_t* now
    cdef Share rows
    for block in range(n_blocks(part, by_units)):
        rows = block_of(part, block, by_units)
        for t in range(part.first, part.last):
            h_from, h_to = states + t % 2 * N * ld, states + (t + 1) % 2 * N * ld
            now = inner + t * step
            multiply_gates(gates + t * 3 * H, T * 3 * H, h_from, ld, packed, Wh, ldw, H, 2,
                           by_units, rows)
            for n in range(rows.lo, rows.hi):
                memcpy(now + n * ldi + begin, bias + begin, width)
            multiply_gates(now, ldi, h_from, ld, packed_candidate, Wh + 2 * H, ldw, H, 1,
                           by_units, rows)
            for n in range(rows.lo, rows.hi):
                at = n * T + t
                if before != NULL:
                    memcpy(before + at * H + begin, h_from + n * ld + begin, width)
                if present(lengths, n, t):
                    cell(hs + at * H, h_to + n * ld, gates + at * 3 * H, now + n * ldi,
                         h_from + n * ld, H, kind, begin, end)
                else:
                    memset(hs + at * H + begin, 0, width)
                    memcpy(h_to + n * ld + begin, h_from + n * ld + begin, width)


def forward(real_t[:, :, ::1] hs,           # OUT (N, T, H)
            real_t[:, :, ::1] gates,        # OUT (N, T, 3H) holds x Wx + b on entry
            real_t[:, :, ::1] before,       # OUT (N, T, H) h before each step, or None
            real_t[:, :, ::1] inner,        # OUT (N, T, H) h_prev Whh + bhh of each step, or None
            real_t[:, ::1] h,               # OUT (N, H) holds the first h_prev on entry
            real_t[::1] scratch,            # scratch (scratch_size(),)
            const real_t[:, :] Wh,          # IN  (H, 3H)
            const real_t[::1] bias,         # IN  (H,) bhh
            const int64_t[::1] lengths,     # IN  (N,) or None
            int kind,                       # activation of the gates z, r
            bint by_units,
            Py_ssize_t n_parts):
    """Run all steps; h becomes that after each row's last step."""
    cdef Py_ssize_t N = hs.shape[0], T = hs.shape[1], H = hs.shape[2], k, p
    cdef Py_ssize_t ld = row_stride(H), ldi = ld, step = 0, size = sizeof(real_t), rs, cs
    cdef real_t* packed
    cdef real_t* packed_candidate
    cdef real_t* states
    cdef real_t* products
    cdef real_t* starts = NULL
    cdef const int64_t* last = NULL
    check_fit("forward", scratch.shape[0] >= needed_scratch(&scratch[0], H, N) and
              has_shape3(gates.shape, N, T, 3 * H) and has_shape2(h.shape, N, H) and
              has_shape2(Wh.shape, H, 3 * H) and (lengths is None or lengths.shape[0] == N) and
              (before is None or has_shape3(before.shape, N, T, H)) and bias.shape[0] == H and
              (inner is None or has_shape3(inner.shape, N, T, H)) and
              (inner is None) == (before is None))
    if N == 0 or T == 0 or H == 0:
        return
    packed = &scratch[0]
    packed_candidate = packed + 2 * packed_size(packed, H, H)
    states = packed_candidate + packed_size(packed, H, H)
    products = states + 2 * N * ld
    if before is not None:
        starts, products, ldi, step = &before[0, 0, 0], &inner[0, 0, 0], T * H, H
    if lengths is not None:
        last = &lengths[0]
    rs, cs = Wh.strides[0] // size, Wh.strides[1] // size
    with nogil:
        if in_place(N, cs):
            packed = packed_candidate = NULL
        else:
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                pack_gates_part(packed, &Wh[0, 0], rs, cs, H, 2, by_units, p, n_parts)
                pack_gates_part(packed_candidate, &Wh[0, 2 * H], rs, cs, H, 1, by_units, p,
                                n_parts)
        copy_rows(states, ld, &h[0, 0], H, N, H)
        for k in range(n_loops(T, by_units)):
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                forward_range(&hs[0, 0, 0], &gates[0, 0, 0], starts, products, ldi, step, states,
                              ld, packed, packed_candidate, &Wh[0, 0], rs, &bias[0], last, N, T, H,
                              kind, by_units, share(k, p, n_parts, T, N, H, by_units, states))
        copy_rows(&h[0, 0], H, states + T % 2 * N * ld, ld, N, H)


# ---- backward

cdef void cell_backward(real_t* da, real_t* da_to, real_t* flow, const real_t* dh,
                        const real_t* dhs, const real_t* gates, const real_t* inner,
                        const real_t* h_prev, Py_ssize_t H, int kind,
                        Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Run one row back through one step, units [begin, end); the gradient at h is dh + dhs.

    `flow` is the part of dh_prev that does not come through Wh.
    """
    cdef real_t z[LANES]
    cdef real_t r[LANES]
    cdef real_t candidate[LANES]
    cdef real_t into_h[LANES]
    cdef real_t into_r[LANES]
    cdef real_t old[LANES]
    cdef real_t slope[LANES]
    cdef real_t one = 1
    cdef Py_ssize_t u = begin, d, n
    if real_t is float and MATH_SIMD:
        fw_gru_after_row_back(da + u, da_to + u, flow + u, dh + u, dhs + u, gates + u, inner + u,
                              h_prev + u, H, kind, end - u)
        return
    while u < end:
        n = LANES if u + LANES < end else end - u
        take(z, gates + u, n)
        take(r, gates + H + u, n)
        take(candidate, gates + 2 * H + u, n)
        take(into_h, dh + u, n)
        take(slope, dhs + u, n)
        take(into_r, inner + u, n)
        take(old, h_prev + u, n)
        for d in range(LANES):
            into_h[d] = into_h[d] + slope[d]
        # forward: h = (1 - z) * h_prev + z * h~;  h~ = tanh(... + r * inner)
        gate_slope(slope, z, kind)
        for d in range(LANES):
            old[d] = into_h[d] * (candidate[d] - old[d]) * slope[d]
            candidate[d] = into_h[d] * z[d] * (one - candidate[d] * candidate[d])
            into_h[d] = into_h[d] * (one - z[d])
        gate_slope(slope, r, kind)
        for d in range(LANES):
            into_r[d] = candidate[d] * into_r[d] * slope[d]
            r[d] = candidate[d] * r[d]
        put(da + u, old, n)
        put(da + H + u, into_r, n)
        put(da + 2 * H + u, candidate, n)
        put(da + 3 * H + u, r, n)
        put(da_to + u, old, n)
        put(da_to + H + u, into_r, n)
        put(da_to + 2 * H + u, r, n)
        put(flow + u, into_h, n)
        u += n


cdef void backward_range(real_t* da, real_t* dh, const real_t* dhs, Py_ssize_t ldd,
                         const real_t* gates,
                         const real_t* before, const real_t* inner, real_t* flow, real_t* turn,
                         Py_ssize_t ld, const real_t* turned,
                         Py_ssize_t step, const int64_t* lengths,
                         Py_ssize_t N, Py_ssize_t T, Py_ssize_t H, int kind, bint by_units,
                         Share part) noexcept nogil:
    """Run backward over a share; turn k is step T - 1 - k.

    The last turn computes the gradient of the first state. turn (2, N, 3H) is scratch.
    Rows of dhs are ldd elements apart: H, or 0 for one row that stands for all.
    """
    cdef Py_ssize_t begin = part.begin, end = part.end, block, k, t, n, g, at
    cdef size_t width = (end - begin) * sizeof(real_t)
    cdef const real_t* da_from
    cdef real_t* da_to
    cdef Share rows
    for block in range(n_blocks(part, by_units)):
        rows = block_of(part, block, by_units)
        for k in range(part.first, part.last):
            t = T - 1 - k
            da_from, da_to = turn + k % 2 * N * ld, turn + (k + 1) % 2 * N * ld
            if k > 0:
                pull(dh, flow, da_from, ld, turned, step, 3 * H, lengths, H, t + 1, True, rows)
            if t < 0:
                break
            for n in range(rows.lo, rows.hi):
                at = n * T + t
                if present(lengths, n, t):
                    cell_backward(da + at * 4 * H, da_to + n * ld, flow + n * H, dh + n * H,
                                  dhs + at * ldd, gates + at * 3 * H, inner + at * H,
                                  before + at * H, H, kind, begin, end)
                else:
                    for g in range(4):
                        memset(da + at * 4 * H + g * H + begin, 0, width)
                    for g in range(3):
                        memset(da_to + n * ld + g * H + begin, 0, width)


def backward(real_t[:, :, ::1] da,          # OUT (N, T, 4H) of z, r, h~ and inner
             real_t[:, ::1] dh,             # OUT (N, H) holds the gradient of the last h on entry
             real_t[::1] scratch,           # scratch (scratch_size(),)
             const real_t[:, :, ::1] dhs,   # IN  (N, T, H), or None for zeros
             const real_t[:, :, ::1] gates,   # IN (N, T, 3H) of forward
             const real_t[:, :, ::1] before,  # IN (N, T, H) of forward
             const real_t[:, :, ::1] inner,   # IN (N, T, H) of forward
             const real_t[:, :] Wh,         # IN  (H, 3H)
             const int64_t[::1] lengths,    # IN  (N,) or None
             int kind,
             bint by_units,
             Py_ssize_t n_parts):
    """Run all steps from the last to the first; dh becomes the gradient of the first state."""
    cdef Py_ssize_t N = da.shape[0], T = da.shape[1], H = dh.shape[1], ldd = H, k, p
    cdef Py_ssize_t ld = row_stride(3 * H), size = sizeof(real_t)
    cdef Py_ssize_t step = step_in_place(N, T, Wh)
    cdef real_t* packed
    cdef const real_t* turned
    cdef real_t* flow
    cdef real_t* turn
    cdef const real_t* given
    cdef const int64_t* last = NULL
    check_fit("backward", scratch.shape[0] >= needed_scratch(&scratch[0], H, N) and
              has_shape3(da.shape, N, T, 4 * H) and has_shape2(dh.shape, N, H) and
              has_shape3(gates.shape, N, T, 3 * H) and has_shape2(Wh.shape, H, 3 * H) and
              (lengths is None or lengths.shape[0] == N and dhs is not None) and
              (dhs is None or has_shape3(dhs.shape, N, T, H)) and
              has_shape3(before.shape, N, T, H) and has_shape3(inner.shape, N, T, H))
    if N == 0 or T == 0 or H == 0:
        return
    if lengths is not None:
        last = &lengths[0]
    turned = &Wh[0, 0]
    packed = &scratch[0]
    turn = packed + packed_size(packed, 3 * H, H)
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
                pack_part(packed, &Wh[0, 0], Wh.strides[1] // size, Wh.strides[0] // size, 3 * H, H,
                          p, n_parts)
        # Products add to the flow of all rows; that of rows without a step is not read.
        if last != NULL:
            memset(flow, 0, N * H * sizeof(real_t))
        for k in range(n_loops(T + 1, by_units)):
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                backward_range(&da[0, 0, 0], &dh[0, 0], given, ldd, &gates[0, 0, 0],
                               &before[0, 0, 0], &inner[0, 0, 0], flow, turn, ld, turned, step,
                               last, N, T, H, kind, by_units,
                               share(k, p, n_parts, T + 1, N, H, by_units, packed))


use_pool()
use_tiles()
