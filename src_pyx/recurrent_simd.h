/* One row in one step of the recurrent cells, in vectors of units. Gates and states stay in registers
   between operations that _lstm.pyx, _gru.pyx and _rnn.pyx, the plain twins, write as loops.

   Pointers start at the first of n units; gates of a row are H elements apart, in the book's order.
   The last vector may be partial; the results of its other lanes are discarded.
   Measured against the compiler's vectors of the loops, LSTM with N T H = 10 35 100, products (242 us
   each) included, one thread: forward 353 against 441 us, backward 327 against 403 us. */
#ifndef FASTW2V_RECURRENT_SIMD_H
#define FASTW2V_RECURRENT_SIMD_H

#include "math_simd.h"

#if FW_MATH_SIMD

typedef fw_float_vector fw_vec;

/* n is a literal LANES in all but the last call, so that the compiler removes these tests. */
static inline fw_vec fw_get(const float *p, ptrdiff_t n) {
    return n == FW_FLOAT_LANES ? FW_FLOAT_LOAD(p) : fw_load_part(p, n);
}
static inline void fw_set(float *p, fw_vec x, ptrdiff_t n) {
    if (n == FW_FLOAT_LANES)
        FW_FLOAT_STORE(p, x);
    else
        fw_store_part(p, x, n);
}

/* Numbers of `Gate` in common_recurrent.pxd. */
static inline fw_vec fw_gate(fw_vec x, int kind) {
    if (kind == 0) return fw_sigmoid_vector(x);
    if (kind == 1)
        x = FW_FLOAT_ADD(fw_mul(FW_FLOAT_ALL(0.2f), x), FW_FLOAT_ALL(0.5f));
    else
        x = FW_FLOAT_ADD(x, FW_FLOAT_ALL(3.0f));
    x = fw_max(FW_FLOAT_ZERO(), x); /* NaN, as second operand, stays */
    if (kind == 1) return fw_min(FW_FLOAT_ALL(1.0f), x);
    return fw_divide(fw_min(FW_FLOAT_ALL(6.0f), x), FW_FLOAT_ALL(6.0f));
}

/* Derivative of the gate from its value y. */
static inline fw_vec fw_gate_slope(fw_vec y, int kind) {
    const fw_vec one = FW_FLOAT_ALL(1.0f);
    if (kind == 0) return fw_mul(y, fw_sub(one, y));
    return fw_if_inside(y, kind == 1 ? FW_FLOAT_ALL(0.2f) : FW_FLOAT_ALL(1.0f / 6));
}

/* x * (1 - y^2), the gradient through tanh. */
static inline fw_vec fw_through_tanh(fw_vec x, fw_vec y) {
    return fw_mul(x, fw_take(y, y, FW_FLOAT_ALL(1.0f)));
}

/* Calls with whole vectors, then with the remaining units. */
#define FW_EACH_VECTOR(n, u, call)                                             \
    {                                                                          \
        ptrdiff_t u = 0, lanes = FW_FLOAT_LANES;                               \
        for (; u + FW_FLOAT_LANES <= (n); u += FW_FLOAT_LANES) call;           \
        lanes = (n) - u;                                                       \
        if (lanes) call;                                                       \
    }

/* a: pre-activations in, f g i o out; c from c_prev. */
static inline void fw_lstm_vector_gates(float *a, float *c, ptrdiff_t H, int kind, ptrdiff_t n) {
    const fw_vec f = fw_gate(fw_get(a, n), kind);
    const fw_vec g = fw_tanh_vector(fw_get(a + H, n));
    const fw_vec i = fw_gate(fw_get(a + 2 * H, n), kind);
    const fw_vec o = fw_gate(fw_get(a + 3 * H, n), kind);
    fw_set(a, f, n);
    fw_set(a + H, g, n);
    fw_set(a + 2 * H, i, n);
    fw_set(a + 3 * H, o, n);
    fw_set(c, FW_FLOAT_MADD(f, fw_get(c, n), fw_mul(g, i)), n);
}

/* h from c and o; before from h_from. cs and before may be NULL. */
static inline void fw_lstm_vector_output(float *hs, float *cs, float *before, float *h,
                                         const float *h_from, const float *c, const float *o,
                                         ptrdiff_t n) {
    const fw_vec now = fw_get(c, n), out = fw_mul(fw_get(o, n), fw_tanh_vector(now));
    if (cs) {
        fw_set(cs, now, n);
        fw_set(before, fw_get(h_from, n), n);
    }
    fw_set(h, out, n);
    fw_set(hs, out, n);
}

/* Two loops: tanh of c waits for all that comes before it, and only work of many other units fills
   this time. */
static inline void fw_lstm_row(float *hs, float *cs, float *before, float *a, float *c, float *h,
                               const float *h_from, ptrdiff_t H, int kind, ptrdiff_t n) {
    FW_EACH_VECTOR(n, u, fw_lstm_vector_gates(a + u, c + u, H, kind, lanes))
    FW_EACH_VECTOR(n, u, fw_lstm_vector_output(hs + u, cs ? cs + u : cs, cs ? before + u : cs, h + u,
                                               h_from + u, c + u, a + 3 * H + u, lanes))
}

/* a: the pre-activation in, h out; before from h_from, unless it is NULL. */
static inline void fw_rnn_vector(float *hs, float *before, float *a, float *h, const float *h_from,
                                 ptrdiff_t n) {
    const fw_vec out = fw_tanh_vector(fw_get(a, n));
    if (before) fw_set(before, fw_get(h_from, n), n);
    fw_set(a, out, n);
    fw_set(h, out, n);
    fw_set(hs, out, n);
}

static inline void fw_rnn_row(float *hs, float *before, float *a, float *h, const float *h_from,
                              ptrdiff_t n) {
    FW_EACH_VECTOR(n, u, fw_rnn_vector(hs + u, before ? before + u : before, a + u, h + u,
                                       h_from + u, lanes))
}

/* Backward asks for memory of the step before, whose place is H or a few H earlier, while the product
   of the next turn runs. Prefetching all that it reads has taken longer than waiting for some.
   Measured on a Zen 5, two threads, backward of an LSTM with data from the third cache: 1.06 times as
   fast for N T H = 128 7 128, 1.09 times for 20 35 100, no change for 128 29 256. */

/* Writes da to both places; dc is the gradient of c on entry and of c_prev on return. */
static inline void fw_lstm_vector_back(float *da, float *da_to, float *dc, const float *dh,
                                       const float *dhs, const float *a, const float *c,
                                       const float *c_prev, ptrdiff_t H, int kind, ptrdiff_t n) {
    const fw_vec f = fw_get(a, n), g = fw_get(a + H, n);
    const fw_vec i = fw_get(a + 2 * H, n), o = fw_get(a + 3 * H, n);
    const fw_vec tanh_c = fw_tanh_vector(fw_get(c, n));
    const fw_vec into_h = FW_FLOAT_ADD(fw_get(dh, n), fw_get(dhs, n));
    const fw_vec into_c =
        FW_FLOAT_ADD(fw_get(dc, n), fw_through_tanh(fw_mul(into_h, o), tanh_c));
    const fw_vec da_f = fw_mul(fw_mul(into_c, fw_get(c_prev, n)), fw_gate_slope(f, kind));
    const fw_vec da_g = fw_through_tanh(fw_mul(into_c, i), g);
    const fw_vec da_i = fw_mul(fw_mul(into_c, g), fw_gate_slope(i, kind));
    const fw_vec da_o = fw_mul(fw_mul(into_h, tanh_c), fw_gate_slope(o, kind));
    fw_set(dc, fw_mul(into_c, f), n);
    fw_set(da, da_f, n);
    fw_set(da + H, da_g, n);
    fw_set(da + 2 * H, da_i, n);
    fw_set(da + 3 * H, da_o, n);
    fw_set(da_to, da_f, n);
    fw_set(da_to + H, da_g, n);
    fw_set(da_to + 2 * H, da_i, n);
    fw_set(da_to + 3 * H, da_o, n);
    FW_PREFETCH(dhs - H);
    FW_PREFETCH(c_prev - H);
    FW_PREFETCH_WRITE(da - 4 * H);
    FW_PREFETCH_WRITE(da - 3 * H);
    FW_PREFETCH_WRITE(da - 2 * H);
    FW_PREFETCH_WRITE(da - H);
}

static inline void fw_lstm_row_back(float *da, float *da_to, float *dc, const float *dh,
                                    const float *dhs, const float *a, const float *c,
                                    const float *c_prev, ptrdiff_t H, int kind, ptrdiff_t n) {
    FW_EACH_VECTOR(n, u, fw_lstm_vector_back(da + u, da_to + u, dc + u, dh + u, dhs + u, a + u,
                                             c + u, c_prev + u, H, kind, lanes))
}

static inline void fw_rnn_vector_back(float *da, float *da_to, const float *dh, const float *dhs,
                                      const float *h, ptrdiff_t H, ptrdiff_t n) {
    const fw_vec into_h = FW_FLOAT_ADD(fw_get(dh, n), fw_get(dhs, n));
    const fw_vec da_h = fw_through_tanh(into_h, fw_get(h, n));
    fw_set(da, da_h, n);
    fw_set(da_to, da_h, n);
    FW_PREFETCH(dhs - H);
    FW_PREFETCH_WRITE(da - H);
}

static inline void fw_rnn_row_back(float *da, float *da_to, const float *dh, const float *dhs,
                                   const float *h, ptrdiff_t H, ptrdiff_t n) {
    FW_EACH_VECTOR(n, u, fw_rnn_vector_back(da + u, da_to + u, dh + u, dhs + u, h + u, H, lanes))
}

/* a: pre-activations of z and r in, z r out; inner = r * h, also in reset, and h in before, unless
   these are NULL. */
static inline void fw_gru_vector_reset(float *inner, float *reset, float *before, float *a,
                                       const float *h, ptrdiff_t H, int kind, ptrdiff_t n) {
    const fw_vec z = fw_gate(fw_get(a, n), kind), r = fw_gate(fw_get(a + H, n), kind);
    const fw_vec old = fw_get(h, n), kept = fw_mul(r, old);
    fw_set(a, z, n);
    fw_set(a + H, r, n);
    fw_set(inner, kept, n);
    if (reset) {
        fw_set(reset, kept, n);
        fw_set(before, old, n);
    }
}

static inline void fw_gru_row_reset(float *inner, float *reset, float *before, float *a,
                                    const float *h, ptrdiff_t H, int kind, ptrdiff_t n) {
    FW_EACH_VECTOR(n, u, fw_gru_vector_reset(inner + u, reset ? reset + u : reset,
                                             reset ? before + u : reset, a + u, h + u, H, kind, lanes))
}

/* a: z, and the pre-activation of h~ in, h~ out; h from h_prev. */
static inline void fw_gru_vector_update(float *hs, float *h, float *a, ptrdiff_t H, ptrdiff_t n) {
    const fw_vec z = fw_get(a, n), candidate = fw_tanh_vector(fw_get(a + 2 * H, n));
    const fw_vec kept = fw_mul(fw_sub(FW_FLOAT_ALL(1.0f), z), fw_get(h, n));
    const fw_vec now = FW_FLOAT_MADD(z, candidate, kept);
    fw_set(a + 2 * H, candidate, n);
    fw_set(h, now, n);
    fw_set(hs, now, n);
}

static inline void fw_gru_row_update(float *hs, float *h, float *a, ptrdiff_t H, ptrdiff_t n) {
    FW_EACH_VECTOR(n, u, fw_gru_vector_update(hs + u, h + u, a + u, H, lanes))
}

static inline void fw_gru_vector_candidate_back(float *da, float *inner, float *dh, const float *dhs,
                                                const float *a, ptrdiff_t H, ptrdiff_t n) {
    const fw_vec into_h = FW_FLOAT_ADD(fw_get(dh, n), fw_get(dhs, n));
    const fw_vec da_h = fw_through_tanh(fw_mul(into_h, fw_get(a, n)), fw_get(a + 2 * H, n));
    fw_set(dh, into_h, n);
    fw_set(inner, da_h, n);
    fw_set(da + 2 * H, da_h, n);
    FW_PREFETCH(dhs - H);
    FW_PREFETCH_WRITE(da - H);
}

static inline void fw_gru_row_candidate_back(float *da, float *inner, float *dh, const float *dhs,
                                             const float *a, ptrdiff_t H, ptrdiff_t n) {
    FW_EACH_VECTOR(n, u, fw_gru_vector_candidate_back(da + u, inner + u, dh + u, dhs + u, a + u, H,
                                                      lanes))
}

static inline void fw_gru_vector_gates_back(float *da, float *outer, float *flow, const float *dreset,
                                            const float *dh, const float *a, const float *h_prev,
                                            ptrdiff_t H, int kind, ptrdiff_t n) {
    const fw_vec z = fw_get(a, n), r = fw_get(a + H, n), candidate = fw_get(a + 2 * H, n);
    const fw_vec old = fw_get(h_prev, n), into_h = fw_get(dh, n), into_reset = fw_get(dreset, n);
    const fw_vec da_z =
        fw_mul(fw_mul(into_h, fw_sub(candidate, old)), fw_gate_slope(z, kind));
    const fw_vec da_r = fw_mul(fw_mul(into_reset, old), fw_gate_slope(r, kind));
    const fw_vec kept = fw_mul(into_h, fw_sub(FW_FLOAT_ALL(1.0f), z));
    fw_set(outer, da_z, n);
    fw_set(outer + H, da_r, n);
    fw_set(da, da_z, n);
    fw_set(da + H, da_r, n);
    fw_set(flow, FW_FLOAT_MADD(into_reset, r, kept), n);
    FW_PREFETCH(h_prev - H);
    FW_PREFETCH_WRITE(da - 3 * H);
    FW_PREFETCH_WRITE(da - 2 * H);
}

static inline void fw_gru_row_gates_back(float *da, float *outer, float *flow, const float *dreset,
                                         const float *dh, const float *a, const float *h_prev,
                                         ptrdiff_t H, int kind, ptrdiff_t n) {
    FW_EACH_VECTOR(n, u, fw_gru_vector_gates_back(da + u, outer + u, flow + u, dreset + u, dh + u,
                                                  a + u, h_prev + u, H, kind, lanes))
}

#else

/* Never reached, as MATH_SIMD is 0: the plain loops run instead. */
#define fw_lstm_row(hs, cs, before, ...) ((void)(cs), (void)(before))
#define fw_rnn_row(hs, before, ...) ((void)(before))
#define fw_lstm_row_back(...) ((void)0)
#define fw_rnn_row_back(...) ((void)0)
#define fw_gru_row_reset(inner, reset, before, ...) ((void)(reset), (void)(before))
#define fw_gru_row_update(...) ((void)0)
#define fw_gru_row_candidate_back(...) ((void)0)
#define fw_gru_row_gates_back(...) ((void)0)

#endif
#endif
