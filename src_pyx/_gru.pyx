"""GRU over time: the whole loop over T steps in one call.

N rows, T steps, H units. Columns of the gates in the book's order, each H wide; the reset gate
works on h_prev before the product:
    z, r = sigmoid(x Wx + b + h_prev Wh), their columns
    h~ = tanh(x Wxh + bh + (r * h_prev) Whh);   h = (1 - z) * h_prev + z * h~
and backward, dh being the gradient that arrives at h:
    da_h~ = dh * z * (1 - h~^2);    d(r * h_prev) = da_h~ Whh^T
    da_z = dh * (h~ - h_prev) * z (1 - z),  da_r = d(r * h_prev) * h_prev * r (1 - r)
    dh_prev = dh * (1 - z) + d(r * h_prev) * r + [da_z | da_r] Wzr^T
forward gets x Wx + b of all steps in `gates` and leaves z | r | h~ there. backward writes da
elsewhere, so it may be called again. The caller computes dWx, dWh, db and dx from da, as products
over all steps at once.

A step has two turns: the second product multiplies the result of the first. Row n has steps
0 .. lengths[n] - 1. After them h does not change, and hs and da are zero.
"""
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from common_checks cimport check_fit, has_shape2, has_shape3
from common_gemm cimport packed_size, use_tiles
from common_math cimport LANES, MATH_SIMD, tanh_run
from common_parallel cimport use_pool
from common_recurrent cimport (HARD_KERAS2, HARD_KERAS3, SIGMOID, Share, block_of, copy_rows,
                               gate, gate_slope, in_place, multiply_gates, multiply_turned,
                               n_blocks, n_loops, pack_gates_part, pack_part, present, pull, put,
                               row_stride, share, step_in_place, take)
from common_types cimport real_t

cdef extern from "recurrent_simd.h" nogil:
    void fw_gru_row_reset(float* inner, float* reset, float* before, float* a, const float* h,
                          Py_ssize_t H, int kind, Py_ssize_t n) noexcept
    void fw_gru_row_update(float* hs, float* h, float* a, Py_ssize_t H, Py_ssize_t n) noexcept
    void fw_gru_row_candidate_back(float* da, float* inner, float* dh, const float* dhs,
                                   const float* a, Py_ssize_t H, Py_ssize_t n) noexcept
    void fw_gru_row_gates_back(float* da, float* outer, float* flow, const float* dreset,
                               const float* dh, const float* a, const float* h_prev,
                               Py_ssize_t H, int kind, Py_ssize_t n) noexcept

# Values of `kind`, for _lstm too.
ACTIVATIONS = {"sigmoid": SIGMOID, "hard_sigmoid_keras2": HARD_KERAS2,
               "hard_sigmoid_keras3": HARD_KERAS3}


cdef Py_ssize_t needed_scratch(const real_t* kind, Py_ssize_t H, Py_ssize_t N) noexcept nogil:
    """Return the elements of scratch for N rows; `kind` stands for the type and is not read."""
    return 3 * packed_size(kind, H, H) + N * (row_stride(2 * H) + row_stride(H) + 2 * H)


def scratch_size(const real_t[:, :] Wh, Py_ssize_t N):
    """Return the elements of scratch that forward and backward need for N rows."""
    cdef const real_t* none = NULL
    return needed_scratch(none, Wh.shape[0], N)


# ---- forward

cdef void cell_reset(real_t* inner, real_t* reset, real_t* before, real_t* gates, const real_t* h,
                     Py_ssize_t H, int kind, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Compute z, r and r * h_prev of one row in one step, units [begin, end).

    r * h_prev and h_prev are also kept in `reset` and `before`, unless these are NULL.
    """
    cdef real_t z[LANES]
    cdef real_t r[LANES]
    cdef real_t old[LANES]
    cdef Py_ssize_t u = begin, d, n
    if real_t is float and MATH_SIMD:
        fw_gru_row_reset(inner + u, reset + u if reset != NULL else NULL,
                         before + u if before != NULL else NULL, gates + u, h + u, H, kind, end - u)
        return
    while u < end:
        n = LANES if u + LANES < end else end - u
        take(z, gates + u, n)
        take(r, gates + H + u, n)
        take(old, h + u, n)
        gate(z, kind)
        gate(r, kind)
        for d in range(LANES):
            old[d] = r[d] * old[d]
        put(gates + u, z, n)
        put(gates + H + u, r, n)
        put(inner + u, old, n)
        u += n
    if before != NULL:
        memcpy(before + begin, h + begin, (end - begin) * sizeof(real_t))
        memcpy(reset + begin, inner + begin, (end - begin) * sizeof(real_t))


cdef void cell_update(real_t* hs, real_t* h, real_t* gates, Py_ssize_t H,
                      Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Compute h~ from its pre-activation, then h in place of h_prev."""
    cdef real_t z[LANES]
    cdef real_t candidate[LANES]
    cdef real_t new[LANES]
    cdef real_t one = 1
    cdef Py_ssize_t u = begin, d, n
    if real_t is float and MATH_SIMD:
        fw_gru_row_update(hs + u, h + u, gates + u, H, end - u)
        return
    while u < end:
        n = LANES if u + LANES < end else end - u
        take(z, gates + u, n)
        take(candidate, gates + 2 * H + u, n)
        take(new, h + u, n)
        tanh_run(candidate, candidate, LANES)
        for d in range(LANES):
            new[d] = (one - z[d]) * new[d] + z[d] * candidate[d]
        put(gates + 2 * H + u, candidate, n)
        put(h + u, new, n)
        put(hs + u, new, n)
        u += n


cdef void forward_range(real_t* hs, real_t* gates, real_t* before, real_t* reset, real_t* states,
                        real_t* inner, Py_ssize_t ld, const real_t* packed,
                        const real_t* packed_candidate, const real_t* Wh, Py_ssize_t ldw,
                        const int64_t* lengths, Py_ssize_t N, Py_ssize_t T, Py_ssize_t H,
                        int kind, bint by_units, Share part) noexcept nogil:
    """Run forward over a share; step t has turns 2 t (z, r, r * h_prev) and 2 t + 1 (h~, h).

    `states` (N, H) is h, `inner` (N, H) is r * h_prev. Each turn multiplies one of them and writes
    to the other.
    """
    cdef Py_ssize_t begin = part.begin, end = part.end, block, k, t, n, at
    cdef size_t width = (end - begin) * sizeof(real_t)
    cdef Share rows
    for block in range(n_blocks(part, by_units)):
        rows = block_of(part, block, by_units)
        for k in range(part.first, part.last):
            t = k // 2
            if k % 2 == 0:
                multiply_gates(gates + t * 3 * H, T * 3 * H, states, ld, packed, Wh, ldw, H, 2,
                               by_units, rows)
            else:
                multiply_gates(gates + t * 3 * H + 2 * H, T * 3 * H, inner, ld, packed_candidate,
                               Wh + 2 * H, ldw, H, 1, by_units, rows)
            for n in range(rows.lo, rows.hi):
                at = n * T + t
                if k % 2 == 0:
                    cell_reset(inner + n * ld, reset + at * H if reset != NULL else NULL,
                               before + at * H if before != NULL else NULL, gates + at * 3 * H,
                               states + n * ld, H, kind, begin, end)
                elif present(lengths, n, t):
                    cell_update(hs + at * H, states + n * ld, gates + at * 3 * H, H, begin, end)
                else:
                    memset(hs + at * H + begin, 0, width)


def forward(real_t[:, :, ::1] hs,           # OUT (N, T, H)
            real_t[:, :, ::1] gates,        # OUT (N, T, 3H) holds x Wx + b on entry
            real_t[:, :, ::1] before,       # OUT (N, T, H) h before each step, or None
            real_t[:, :, ::1] reset,        # OUT (N, T, H) r * h_prev of each step, or None
            real_t[:, ::1] h,               # OUT (N, H) holds the first h_prev on entry
            real_t[::1] scratch,            # scratch (scratch_size(),)
            const real_t[:, :] Wh,          # IN  (H, 3H)
            const int64_t[::1] lengths,     # IN  (N,) or None
            int kind,                       # activation of the gates z, r
            bint by_units,
            Py_ssize_t n_parts):
    """Run all steps; h becomes that after each row's last step."""
    cdef Py_ssize_t N = hs.shape[0], T = hs.shape[1], H = hs.shape[2], k, p
    cdef Py_ssize_t ld = row_stride(H), size = sizeof(real_t), rs, cs
    cdef real_t* packed
    cdef real_t* packed_candidate
    cdef real_t* states
    cdef real_t* inner
    cdef real_t* starts = NULL
    cdef real_t* resets = NULL
    cdef const int64_t* last = NULL
    check_fit("forward", scratch.shape[0] >= needed_scratch(&scratch[0], H, N) and
              has_shape3(gates.shape, N, T, 3 * H) and has_shape2(h.shape, N, H) and
              has_shape2(Wh.shape, H, 3 * H) and (lengths is None or lengths.shape[0] == N) and
              (before is None or has_shape3(before.shape, N, T, H)) and
              (reset is None or has_shape3(reset.shape, N, T, H)) and
              (reset is None) == (before is None))
    if N == 0 or T == 0 or H == 0:
        return
    if before is not None:
        starts, resets = &before[0, 0, 0], &reset[0, 0, 0]
    if lengths is not None:
        last = &lengths[0]
    packed = &scratch[0]
    packed_candidate = packed + 2 * packed_size(packed, H, H)
    states = packed_candidate + packed_size(packed, H, H)
    inner = states + N * ld
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
        for k in range(n_loops(2 * T, by_units)):
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                forward_range(&hs[0, 0, 0], &gates[0, 0, 0], starts, resets, states, inner, ld,
                              packed, packed_candidate, &Wh[0, 0], rs, last, N, T, H, kind,
                              by_units, share(k, p, n_parts, 2 * T, N, H, by_units, states))
        copy_rows(&h[0, 0], H, states, ld, N, H)


# ---- backward

cdef void candidate_backward(real_t* da, real_t* inner, real_t* dh, const real_t* dhs,
                             const real_t* gates, Py_ssize_t H,
                             Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Add dhs to dh and compute da of h~, one row in one step, units [begin, end)."""
    cdef real_t into_h[LANES]
    cdef real_t more[LANES]
    cdef real_t z[LANES]
    cdef real_t candidate[LANES]
    cdef real_t one = 1
    cdef Py_ssize_t u = begin, d, n
    # forward: h = (1 - z) * h_prev + z * h~;  h~ = tanh(a)
    if real_t is float and MATH_SIMD:
        fw_gru_row_candidate_back(da + u, inner + u, dh + u, dhs + u, gates + u, H, end - u)
        return
    while u < end:
        n = LANES if u + LANES < end else end - u
        take(into_h, dh + u, n)
        take(more, dhs + u, n)
        take(z, gates + u, n)
        take(candidate, gates + 2 * H + u, n)
        for d in range(LANES):
            into_h[d] = into_h[d] + more[d]
            z[d] = into_h[d] * z[d] * (one - candidate[d] * candidate[d])
        put(dh + u, into_h, n)
        put(inner + u, z, n)
        put(da + 2 * H + u, z, n)
        u += n


cdef void gates_backward(real_t* da, real_t* outer, real_t* flow, const real_t* dreset,
                         const real_t* dh, const real_t* gates, const real_t* h_prev,
                         Py_ssize_t H, int kind, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Compute da of z and r, and the part of dh_prev that does not come through Wzr."""
    cdef real_t z[LANES]
    cdef real_t r[LANES]
    cdef real_t candidate[LANES]
    cdef real_t old[LANES]
    cdef real_t into_h[LANES]
    cdef real_t into_reset[LANES]
    cdef real_t slope[LANES]
    cdef real_t one = 1
    cdef Py_ssize_t u = begin, d, n
    if real_t is float and MATH_SIMD:
        fw_gru_row_gates_back(da + u, outer + u, flow + u, dreset + u, dh + u, gates + u,
                              h_prev + u, H, kind, end - u)
        return
    while u < end:
        n = LANES if u + LANES < end else end - u
        take(z, gates + u, n)
        take(r, gates + H + u, n)
        take(candidate, gates + 2 * H + u, n)
        take(old, h_prev + u, n)
        take(into_h, dh + u, n)
        take(into_reset, dreset + u, n)
        # forward: h = (1 - z) * h_prev + z * h~;  h~ = tanh(... + (r * h_prev) Whh)
        gate_slope(slope, z, kind)
        for d in range(LANES):
            candidate[d] = into_h[d] * (candidate[d] - old[d]) * slope[d]
            z[d] = into_h[d] * (one - z[d]) + into_reset[d] * r[d]
        gate_slope(slope, r, kind)
        for d in range(LANES):
            old[d] = into_reset[d] * old[d] * slope[d]
        put(outer + u, candidate, n)
        put(da + u, candidate, n)
        put(outer + H + u, old, n)
        put(da + H + u, old, n)
        put(flow + u, z, n)
        u += n


cdef void backward_range(real_t* da, real_t* dh, const real_t* dhs, Py_ssize_t ldd,
                         const real_t* gates,
                         const real_t* before, real_t* flow, real_t* dreset, real_t* outer,
                         Py_ssize_t ldo, real_t* inner, Py_ssize_t ldi, const real_t* turned,
                         const real_t* turned_candidate, Py_ssize_t step,
                         const int64_t* lengths, Py_ssize_t N, Py_ssize_t T, Py_ssize_t H,
                         int kind, bint by_units, Share part) noexcept nogil:
    """Run backward over a share; step t has turn 2 (T - 1 - t), da of h~, and the next, of z, r.

    The last turn, t = -1, computes the gradient of the first state. `inner` (N, H) holds da of h~,
    `outer` (N, 2H) that of z | r: each turn multiplies one of them and writes to the other.
    Rows of dhs are ldd elements apart: H, or 0 for one row that stands for all.
    """
    cdef Py_ssize_t begin = part.begin, end = part.end, block, k, t, n, at
    cdef size_t width = (end - begin) * sizeof(real_t)
    cdef Share rows
    for block in range(n_blocks(part, by_units)):
        rows = block_of(part, block, by_units)
        for k in range(part.first, part.last):
            t = T - 1 - k // 2
            if k % 2 == 1:
                multiply_turned(dreset, inner, ldi, turned_candidate, step, H, H, False, rows)
            elif k > 0:
                pull(dh, flow, outer, ldo, turned, step, 2 * H, lengths, H, t + 1, True, rows)
            if t < 0:
                break
            for n in range(rows.lo, rows.hi):
                at = n * T + t
                if not present(lengths, n, t):
                    memset(da + at * 3 * H + begin, 0, width)
                    memset(da + at * 3 * H + H + begin, 0, width)
                    memset(da + at * 3 * H + 2 * H + begin, 0, width)
                elif k % 2 == 0:
                    candidate_backward(da + at * 3 * H, inner + n * ldi, dh + n * H, dhs + at * ldd,
                                       gates + at * 3 * H, H, begin, end)
                else:
                    gates_backward(da + at * 3 * H, outer + n * ldo, flow + n * H, dreset + n * H,
                                   dh + n * H, gates + at * 3 * H, before + at * H, H, kind,
                                   begin, end)


def backward(real_t[:, :, ::1] da,          # OUT (N, T, 3H)
             real_t[:, ::1] dh,             # OUT (N, H) holds the gradient of the last h on entry
             real_t[::1] scratch,           # scratch (scratch_size(),)
             const real_t[:, :, ::1] dhs,   # IN  (N, T, H), or None for zeros
             const real_t[:, :, ::1] gates,   # IN (N, T, 3H) of forward
             const real_t[:, :, ::1] before,  # IN (N, T, H) of forward
             const real_t[:, :] Wh,         # IN  (H, 3H)
             const int64_t[::1] lengths,    # IN  (N,) or None
             int kind,
             bint by_units,
             Py_ssize_t n_parts):
    """Run all steps from the last to the first; dh becomes the gradient of the first state."""
    cdef Py_ssize_t N = da.shape[0], T = da.shape[1], H = dh.shape[1], ldd = H, k, p
    cdef Py_ssize_t ldo = row_stride(2 * H), ldi = row_stride(H), size = sizeof(real_t), rs, cs
    cdef Py_ssize_t step = step_in_place(N, T, Wh)
    cdef real_t* packed
    cdef const real_t* turned
    cdef const real_t* turned_candidate
    cdef real_t* outer
    cdef real_t* inner
    cdef real_t* flow
    cdef real_t* dreset
    cdef const real_t* given
    cdef const int64_t* last = NULL
    check_fit("backward", scratch.shape[0] >= needed_scratch(&scratch[0], H, N) and
              has_shape3(da.shape, N, T, 3 * H) and has_shape2(dh.shape, N, H) and
              has_shape3(gates.shape, N, T, 3 * H) and has_shape2(Wh.shape, H, 3 * H) and
              (lengths is None or lengths.shape[0] == N and dhs is not None) and
              (dhs is None or has_shape3(dhs.shape, N, T, H)) and has_shape3(before.shape, N, T, H))
    if N == 0 or T == 0 or H == 0:
        return
    if lengths is not None:
        last = &lengths[0]
    turned, turned_candidate = &Wh[0, 0], &Wh[0, 2 * H]
    packed = &scratch[0]
    outer = packed + 3 * packed_size(packed, H, H)
    inner = outer + N * ldo
    dreset = inner + N * ldi
    flow = dreset + N * H
    if dhs is not None:
        given = &dhs[0, 0, 0]
    else:                       # one row of zeros for all
        memset(flow, 0, H * sizeof(real_t))
        given, ldd = flow, 0
    if last == NULL:
        flow = &dh[0, 0]
    rs, cs = Wh.strides[0] // size, Wh.strides[1] // size
    with nogil:
        if step == 0:
            turned, turned_candidate = packed, packed + 2 * packed_size(packed, H, H)
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                pack_part(packed, &Wh[0, 0], cs, rs, 2 * H, H, p, n_parts)
                pack_part(packed + 2 * packed_size(packed, H, H), &Wh[0, 2 * H], cs, rs, H, H, p,
                          n_parts)
        if last != NULL:
            # The products run over all rows; results of rows without a step are not read.
            memset(outer, 0, N * (ldo + ldi + 2 * H) * sizeof(real_t))
        for k in range(n_loops(2 * T + 1, by_units)):
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                backward_range(&da[0, 0, 0], &dh[0, 0], given, ldd, &gates[0, 0, 0],
                               &before[0, 0, 0], flow, dreset, outer, ldo, inner, ldi,
                               turned, turned_candidate, step, last, N, T, H, kind, by_units,
                               share(k, p, n_parts, 2 * T + 1, N, H, by_units, packed))


use_pool()
use_tiles()
