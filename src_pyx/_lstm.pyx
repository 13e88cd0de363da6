"""LSTM over time: the whole loop over T steps in one call.

N rows, T steps, H units. Columns of the gates in the book's order, each H wide:
    a = x Wx + b + h_prev Wh;   f, i, o = sigmoid(a_f, a_i, a_o), g = tanh(a_g)
    c = f * c_prev + g * i;     h = o * tanh(c)
and backward, dh and dc being the gradients that arrive at h and c:
    dc += dh * o * (1 - tanh(c)^2)
    da_f = dc * c_prev * f (1 - f),  da_g = dc * i * (1 - g^2),  da_i = dc * g * i (1 - i),
    da_o = dh * tanh(c) * o (1 - o);     dc_prev = dc * f,  dh_prev = da Wh^T
forward gets x Wx + b of all steps in `gates` and leaves f | g | i | o there. backward writes da
elsewhere, so it may be called again. The caller computes dWx, dWh, db and dx from da, as products
over all steps at once.

Row n has steps 0 .. lengths[n] - 1. After them h and c do not change, and hs and da are zero.
"""
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from common_arrays cimport FLOAT, Array, has_rows, is_small, new_array, read, use_arrays
from common_checks cimport check_fit, has_shape2, has_shape3
from common_gemm cimport TILE_FMA, multiply_row, packed_size, use_tiles
from common_math cimport LANES, MATH_SIMD, tanh_run
from common_parallel cimport use_pool
from common_recurrent cimport (SIGMOID, Share, block_of, copy_rows, gate, gate_slope, in_place,
                               multiply_gates, n_blocks, n_loops, pack_gates_part, pack_part,
                               present, pull, put, row_stride, share, step_in_place, take)
from common_types cimport real_t

cdef extern from "recurrent_simd.h" nogil:
    void fw_lstm_row(float* hs, float* cs, float* before, float* a, float* c, float* h,
                     const float* h_from, Py_ssize_t H, int kind, Py_ssize_t n) noexcept
    void fw_lstm_row_back(float* da, float* da_to, float* dc, const float* dh, const float* dhs,
                          const float* a, const float* c, const float* c_prev, Py_ssize_t H,
                          int kind, Py_ssize_t n) noexcept

cdef enum:
    MOST_INPUTS = 384       # D up to which _gemm does not cut its products
    STATES = 2048           # most elements of h on the stack
    MOST_STEPS = 100        # of a small call, all on one thread if there is one row


# ---- forward

cdef void cell(real_t* hs, real_t* cs, real_t* before, real_t* gates, real_t* c,
               const real_t* h_from, real_t* h_to, Py_ssize_t H, int kind,
               Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Run one row through one step, units [begin, end): gates from pre-activations, c and h."""
    cdef real_t f[LANES]
    cdef real_t g[LANES]
    cdef real_t i[LANES]
    cdef real_t o[LANES]
    cdef real_t new[LANES]
    cdef Py_ssize_t u = begin, d, n
    if real_t is float and MATH_SIMD:
        fw_lstm_row(hs + u, cs + u if cs != NULL else NULL, before + u if before != NULL else NULL,
                    gates + u, c + u, h_to + u, h_from + u, H, kind, end - u)
        return
    if before != NULL:
        memcpy(before + begin, h_from + begin, (end - begin) * sizeof(real_t))
    while u < end:
        n = LANES if u + LANES < end else end - u
        take(f, gates + u, n)
        take(g, gates + H + u, n)
        take(i, gates + 2 * H + u, n)
        take(o, gates + 3 * H + u, n)
        take(new, c + u, n)
        gate(f, kind)
        tanh_run(g, g, LANES)
        gate(i, kind)
        gate(o, kind)
        put(gates + u, f, n)
        put(gates + H + u, g, n)
        put(gates + 2 * H + u, i, n)
        put(gates + 3 * H + u, o, n)
        for d in range(LANES):
            new[d] = f[d] * new[d] + g[d] * i[d]
        put(c + u, new, n)
        if cs != NULL:
            put(cs + u, new, n)
        tanh_run(new, new, LANES)
        for d in range(LANES):
            new[d] = o[d] * new[d]
        put(h_to + u, new, n)
        put(hs + u, new, n)
        u += n


cdef void forward_range(real_t* hs, real_t* gates, real_t* cs, real_t* before, real_t* c,
                        real_t* states, Py_ssize_t ld, const real_t* packed, const real_t* Wh,
                        Py_ssize_t ldw, const int64_t* lengths, Py_ssize_t N, Py_ssize_t T,
                        Py_ssize_t H, int kind, bint by_units, Share part) noexcept nogil:
    """Run forward over a share; a turn is a step.

    states (2, N, H) holds h before and after a step, in turn.
    """
    cdef Py_ssize_t begin = part.begin, end = part.end, block, t, n, at
    cdef size_t width = (end - begin) * sizeof(real_t)
    cdef const real_t* h_from
    cdef real_t* h_to
    cdef Share rows
    for block in range(n_blocks(part, by_units)):
        rows = block_of(part, block, by_units)
        for t in range(part.first, part.last):
            h_from, h_to = states + t % 2 * N * ld, states + (t + 1) % 2 * N * ld
            multiply_gates(gates + t * 4 * H, T * 4 * H, h_from, ld, packed, Wh, ldw, H, 4,
                           by_units, rows)
            for n in range(rows.lo, rows.hi):
                at = n * T + t
                if present(lengths, n, t):
                    cell(hs + at * H, cs + at * H if cs != NULL else NULL,
                         before + at * H if before != NULL else NULL, gates + at * 4 * H,
                         c + n * H, h_from + n * ld, h_to + n * ld, H, kind, begin, end)
                else:
                    memset(hs + at * H + begin, 0, width)
                    memcpy(h_to + n * ld + begin, h_from + n * ld + begin, width)
                    if before != NULL:
                        memcpy(before + at * H + begin, h_from + n * ld + begin, width)
                    if cs != NULL:
                        memcpy(cs + at * H + begin, c + n * H + begin, width)


cdef Py_ssize_t needed_scratch(const real_t* kind, Py_ssize_t H, Py_ssize_t N) noexcept nogil:
    """Return the elements of scratch for N rows; `kind` stands for the type and is not read."""
    return (max(4 * packed_size(kind, H, H), packed_size(kind, 4 * H, H))
            + N * (2 * row_stride(4 * H) + H))


def scratch_size(const real_t[:, :] Wh, Py_ssize_t N):
    """Return the elements of scratch that forward and backward need for N rows."""
    cdef const real_t* none = NULL
    return needed_scratch(none, Wh.shape[0], N)


def forward(real_t[:, :, ::1] hs,           # OUT (N, T, H)
            real_t[:, :, ::1] gates,        # OUT (N, T, 4H) holds x Wx + b on entry
            real_t[:, :, ::1] cs,           # OUT (N, T, H) c after each step, or None
            real_t[:, :, ::1] before,       # OUT (N, T, H) h before each step, or None
            real_t[:, ::1] h,               # OUT (N, H) holds the first h_prev on entry
            real_t[:, ::1] c,               # OUT (N, H) the same for c
            real_t[::1] scratch,            # scratch (scratch_size(),)
            const real_t[:, :] Wh,          # IN  (H, 4H)
            const int64_t[::1] lengths,     # IN  (N,) or None
            int kind,                       # activation of the gates f, i, o
            bint by_units,
            Py_ssize_t n_parts):
    """Run all steps; h and c become those after each row's last step."""
    cdef Py_ssize_t N = hs.shape[0], T = hs.shape[1], H = hs.shape[2], k, p
    cdef Py_ssize_t ld = row_stride(H), size = sizeof(real_t)
    cdef Py_ssize_t rs_w = Wh.strides[0] // size, cs_w = Wh.strides[1] // size
    cdef real_t* packed
    cdef real_t* states
    cdef real_t* cells = NULL
    cdef real_t* starts = NULL
    cdef const int64_t* last = NULL
    check_fit("forward", scratch.shape[0] >= needed_scratch(&scratch[0], H, N) and
              has_shape3(gates.shape, N, T, 4 * H) and has_shape2(h.shape, N, H) and
              has_shape2(Wh.shape, H, 4 * H) and (lengths is None or lengths.shape[0] == N) and
              (before is None or has_shape3(before.shape, N, T, H)) and
              has_shape2(c.shape, N, H) and (cs is None or has_shape3(cs.shape, N, T, H)) and
              (cs is None) == (before is None))
    if N == 0 or T == 0 or H == 0:
        return
    if cs is not None:
        cells, starts = &cs[0, 0, 0], &before[0, 0, 0]
    if lengths is not None:
        last = &lengths[0]
    packed = &scratch[0]
    states = packed + 4 * packed_size(packed, H, H)
    with nogil:
        if in_place(N, cs_w):
            packed = NULL
        else:
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                pack_gates_part(packed, &Wh[0, 0], rs_w, cs_w, H, 4, by_units, p, n_parts)
        copy_rows(states, ld, &h[0, 0], H, N, H)
        for k in range(n_loops(T, by_units)):
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                forward_range(&hs[0, 0, 0], &gates[0, 0, 0], cells, starts, &c[0, 0], states, ld,
                              packed, &Wh[0, 0], rs_w, last, N, T, H, kind, by_units,
                              share(k, p, n_parts, T, N, H, by_units, states))
        copy_rows(&h[0, 0], H, states + T % 2 * N * ld, ld, N, H)


# ---- forward, small calls: see common_arrays.pxd

cdef bint read_state(h, Py_ssize_t N, Py_ssize_t H, Array* first) noexcept:
    """Describe a first state (N, H) of float32; None, which is zeros, has data NULL."""
    first.data = NULL
    if h is None:
        return True
    return (read(h, first) and first.type == FLOAT and first.packed and first.ndim == 2
            and first.shape[0] == N and first.shape[1] == H)


cdef void copy_state(float* to, const Array* first, Py_ssize_t n) noexcept:
    if first.data == NULL:
        memset(to, 0, n * sizeof(float))
    else:
        memcpy(to, first.data, n * sizeof(float))


def try_forward(xs, params, h, c, bint train):
    """Return (hs, h, c, kept) of xs (N, T, D) of float32, or None.

    params: Wx, Wh, b; h and c: the first states or None; the gates' activation is the sigmoid. N is
    at most 2, as weights are not packed for so few rows. kept: gates (N, T, 4H), cs and before
    (N, T, H) and the first c (N, H), one after the other; see `forward` and `backward`.
    """
    cdef Array x, Wx, Wh, b, h0, c0, out, last_h, last_c, all_kept
    cdef Py_ssize_t N, T, D, H, ld, n
    cdef Py_ssize_t[3] shape
    cdef float[STATES] states
    cdef float* gates
    cdef float* cs = NULL
    cdef float* before = NULL
    if (not TILE_FMA or type(params) is not list or len(<list> params) != 3
            or not read(xs, &x) or x.type != FLOAT or x.ndim != 3 or not x.packed or x.n == 0
            or not read((<list> params)[0], &Wx) or Wx.type != FLOAT or not has_rows(&Wx)
            or not read((<list> params)[1], &Wh) or Wh.type != FLOAT or not has_rows(&Wh)
            or not read((<list> params)[2], &b) or b.type != FLOAT or not b.packed):
        return None
    N, T, D, H = x.shape[0], x.shape[1], x.shape[2], Wh.shape[0]
    ld = row_stride(H)
    if (Wx.shape[0] != D or Wx.shape[1] != 4 * H or Wh.shape[1] != 4 * H
            or b.ndim == 0 or b.n != 4 * H or b.shape[b.ndim - 1] != b.n
            or N > 2 or D > MOST_INPUTS or 2 * N * ld > STATES
            or not is_small(0.1 * <double> (H * (D + H)) * <double> (1 if N == 1 else N * T))
            or N * T > MOST_STEPS or not read_state(h, N, H, &h0) or not read_state(c, N, H, &c0)):
        return None
    shape[0], shape[1], shape[2] = N, T, H
    hs = new_array(FLOAT, 3, shape, &out)
    shape[1] = H
    h = new_array(FLOAT, 2, shape, &last_h)
    c = new_array(FLOAT, 2, shape, &last_c)
    shape[0] = N * T * H * (6 if train else 4) + (N * H if train else 0)
    kept = new_array(FLOAT, 1, shape, &all_kept)
    gates = <float*> all_kept.data
    copy_state(<float*> last_h.data, &h0, N * H)
    copy_state(<float*> last_c.data, &c0, N * H)
    if train:
        cs = gates + N * T * 4 * H
        before = cs + N * T * H
        copy_state(before + N * T * H, &c0, N * H)
    for n in range(N * T):
        multiply_row(gates + n * 4 * H, 4 * H, <const float*> x.data + n * D, 1,
                     <const float*> Wx.data, Wx.strides[0], D, False, <const float*> b.data)
    copy_rows(states, ld, <const float*> last_h.data, H, N, H)
    forward_range(<float*> out.data, gates, cs, before, <float*> last_c.data, states, ld,
                  <const float*> NULL, <const float*> Wh.data, Wh.strides[0],
                  <const int64_t*> NULL, N, T, H, SIGMOID, False,
                  share(0, 0, 1, T, N, H, False, states))
    copy_rows(<float*> last_h.data, H, states + T % 2 * N * ld, ld, N, H)
    return hs, h, c, kept


# ---- backward

cdef void cell_backward(real_t* da, real_t* da_to, real_t* dc, const real_t* dh,
                        const real_t* dhs, const real_t* gates, const real_t* c,
                        const real_t* c_prev, Py_ssize_t H, int kind,
                        Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Run one row back through one step, units [begin, end); the gradient at h is dh + dhs."""
    cdef real_t f[LANES]
    cdef real_t g[LANES]
    cdef real_t i[LANES]
    cdef real_t o[LANES]
    cdef real_t old[LANES]
    cdef real_t tanh_c[LANES]
    cdef real_t into_h[LANES]
    cdef real_t into_c[LANES]
    cdef real_t slope[LANES]
    cdef real_t one = 1
    cdef Py_ssize_t u = begin, d, n
    if real_t is float and MATH_SIMD:
        fw_lstm_row_back(da + u, da_to + u, dc + u, dh + u, dhs + u, gates + u, c + u, c_prev + u,
                         H, kind, end - u)
        return
    while u < end:
        n = LANES if u + LANES < end else end - u
        take(f, gates + u, n)
        take(g, gates + H + u, n)
        take(i, gates + 2 * H + u, n)
        take(o, gates + 3 * H + u, n)
        take(old, c_prev + u, n)
        take(tanh_c, c + u, n)
        take(into_c, dc + u, n)
        take(into_h, dh + u, n)
        take(slope, dhs + u, n)
        tanh_run(tanh_c, tanh_c, LANES)
        for d in range(LANES):
            into_h[d] = into_h[d] + slope[d]
            into_c[d] = into_c[d] + into_h[d] * o[d] * (one - tanh_c[d] * tanh_c[d])
        gate_slope(slope, o, kind)
        for d in range(LANES):
            o[d] = into_h[d] * tanh_c[d] * slope[d]
        gate_slope(slope, f, kind)
        for d in range(LANES):
            old[d] = into_c[d] * old[d] * slope[d]
            f[d] = into_c[d] * f[d]
        gate_slope(slope, i, kind)
        for d in range(LANES):
            slope[d] = into_c[d] * g[d] * slope[d]
            g[d] = into_c[d] * i[d] * (one - g[d] * g[d])
        put(dc + u, f, n)
        put(da + u, old, n)
        put(da + H + u, g, n)
        put(da + 2 * H + u, slope, n)
        put(da + 3 * H + u, o, n)
        put(da_to + u, old, n)
        put(da_to + H + u, g, n)
        put(da_to + 2 * H + u, slope, n)
        put(da_to + 3 * H + u, o, n)
        u += n


cdef void backward_range(real_t* da, real_t* dh, real_t* dc, const real_t* dhs, Py_ssize_t ldd,
                         const real_t* gates, const real_t* cs, const real_t* c0, real_t* flow,
                         real_t* turn, Py_ssize_t ld, const real_t* turned, Py_ssize_t step,
                         const int64_t* lengths, Py_ssize_t N, Py_ssize_t T, Py_ssize_t H,
                         int kind, bint by_units, Share part) noexcept nogil:
    """Run backward over a share; turn k is step T - 1 - k.

    The last turn computes the gradient of the first state. turn (2, N, 4H) is scratch.
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
                pull(dh, flow, da_from, ld, turned, step, 4 * H, lengths, H, t + 1, False, rows)
            if t < 0:
                break
            for n in range(rows.lo, rows.hi):
                at = n * T + t
                if present(lengths, n, t):
                    cell_backward(da + at * 4 * H, da_to + n * ld, dc + n * H, dh + n * H,
                                  dhs + at * ldd, gates + at * 4 * H, cs + at * H,
                                  cs + (at - 1) * H if t > 0 else c0 + n * H, H, kind,
                                  begin, end)
                else:
                    for g in range(4):
                        memset(da + at * 4 * H + g * H + begin, 0, width)
                        memset(da_to + n * ld + g * H + begin, 0, width)


def backward(real_t[:, :, ::1] da,          # OUT (N, T, 4H)
             real_t[:, ::1] dh,             # OUT (N, H) holds the gradient of the last h on entry
             real_t[:, ::1] dc,             # OUT (N, H) the same for c
             real_t[::1] scratch,           # scratch (scratch_size(),)
             const real_t[:, :, ::1] dhs,   # IN  (N, T, H), or None for zeros
             const real_t[:, :, ::1] gates,  # IN (N, T, 4H) of forward
             const real_t[:, :, ::1] cs,    # IN  (N, T, H) of forward
             const real_t[:, ::1] c0,       # IN  (N, H) the first c_prev
             const real_t[:, :] Wh,         # IN  (H, 4H)
             const int64_t[::1] lengths,    # IN  (N,) or None
             int kind,
             bint by_units,
             Py_ssize_t n_parts):
    """Run all steps from the last to the first; dh and dc become those of the first state."""
    cdef Py_ssize_t N = da.shape[0], T = da.shape[1], H = dh.shape[1], ldd = H, k, p
    cdef Py_ssize_t ld = row_stride(4 * H), size = sizeof(real_t)
    cdef Py_ssize_t step = step_in_place(N, T, Wh)
    cdef real_t* packed
    cdef const real_t* turned
    cdef real_t* flow
    cdef real_t* turn
    cdef const real_t* given
    cdef const int64_t* last = NULL
    check_fit("backward", scratch.shape[0] >= needed_scratch(&scratch[0], H, N) and
              has_shape3(da.shape, N, T, 4 * H) and has_shape2(dh.shape, N, H) and
              has_shape3(gates.shape, N, T, 4 * H) and has_shape2(Wh.shape, H, 4 * H) and
              (lengths is None or lengths.shape[0] == N and dhs is not None) and
              (dhs is None or has_shape3(dhs.shape, N, T, H)) and has_shape2(dc.shape, N, H) and
              has_shape3(cs.shape, N, T, H) and has_shape2(c0.shape, N, H))
    if N == 0 or T == 0 or H == 0:
        return
    if lengths is not None:
        last = &lengths[0]
    turned = &Wh[0, 0]
    packed = &scratch[0]
    turn = packed + packed_size(packed, 4 * H, H)
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
                pack_part(packed, &Wh[0, 0], Wh.strides[1] // size, Wh.strides[0] // size, 4 * H,
                          H, p, n_parts)
        for k in range(n_loops(T + 1, by_units)):
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                backward_range(&da[0, 0, 0], &dh[0, 0], &dc[0, 0], given, ldd,
                               &gates[0, 0, 0], &cs[0, 0, 0], &c0[0, 0], flow, turn, ld, turned,
                               step, last, N, T, H, kind, by_units,
                               share(k, p, n_parts, T + 1, N, H, by_units, packed))


use_pool()
use_tiles()
use_arrays()
