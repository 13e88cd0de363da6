/* One row in one step of a GRU that resets after the product, in vectors of units: the plain twins of
   these functions are loops in _gru_after.pyx. Pointers and partial vectors as in recurrent_simd.h. */
#ifndef FASTW2V_GRU_AFTER_SIMD_H
#define FASTW2V_GRU_AFTER_SIMD_H

#include "recurrent_simd.h"

#if FW_MATH_SIMD

/* a: pre-activations of z and r, and the input's part of h~ in; z r h~ out. inner: h_prev Whh + bhh. */
static inline void fw_gru_after_vector(float *hs, float *h_to, float *a, const float *inner,
                                       const float *h_from, ptrdiff_t H, int kind, ptrdiff_t n) {
    const fw_vec z = fw_gate(fw_get(a, n), kind), r = fw_gate(fw_get(a + H, n), kind);
    const fw_vec candidate =
        fw_tanh_vector(FW_FLOAT_MADD(r, fw_get(inner, n), fw_get(a + 2 * H, n)));
    const fw_vec kept = fw_mul(fw_sub(FW_FLOAT_ALL(1.0f), z), fw_get(h_from, n));
    const fw_vec now = FW_FLOAT_MADD(z, candidate, kept);
    fw_set(a, z, n);
    fw_set(a + H, r, n);
    fw_set(a + 2 * H, candidate, n);
    fw_set(h_to, now, n);
    fw_set(hs, now, n);
}

static inline void fw_gru_after_row(float *hs, float *h_to, float *a, const float *inner,
                                    const float *h_from, ptrdiff_t H, int kind, ptrdiff_t n) {
    FW_EACH_VECTOR(n, u, fw_gru_after_vector(hs + u, h_to + u, a + u, inner + u, h_from + u, H, kind,
                                             lanes))
}

/* da: z r h~ inner; da_to: z r inner, the gradient of h_prev Wh + bh. flow: the part of dh_prev that
   does not come through Wh. */
static inline void fw_gru_after_vector_back(float *da, float *da_to, float *flow, const float *dh,
                                            const float *dhs, const float *a, const float *inner,
                                            const float *h_prev, ptrdiff_t H, int kind, ptrdiff_t n) {
    const fw_vec z = fw_get(a, n), r = fw_get(a + H, n), candidate = fw_get(a + 2 * H, n);
    const fw_vec into_h = FW_FLOAT_ADD(fw_get(dh, n), fw_get(dhs, n));
    const fw_vec da_h = fw_through_tanh(fw_mul(into_h, z), candidate);
    const fw_vec da_z = fw_mul(fw_mul(into_h, fw_sub(candidate, fw_get(h_prev, n))),
                               fw_gate_slope(z, kind));
    const fw_vec da_r = fw_mul(fw_mul(da_h, fw_get(inner, n)), fw_gate_slope(r, kind));
    const fw_vec da_inner = fw_mul(da_h, r);
    fw_set(da, da_z, n);
    fw_set(da + H, da_r, n);
    fw_set(da + 2 * H, da_h, n);
    fw_set(da + 3 * H, da_inner, n);
    fw_set(da_to, da_z, n);
    fw_set(da_to + H, da_r, n);
    fw_set(da_to + 2 * H, da_inner, n);
    fw_set(flow, fw_mul(into_h, fw_sub(FW_FLOAT_ALL(1.0f), z)), n);
    FW_PREFETCH(dhs - H);
    FW_PREFETCH(h_prev - H);
    FW_PREFETCH_WRITE(da - 4 * H);
    FW_PREFETCH_WRITE(da - 3 * H);
    FW_PREFETCH_WRITE(da - 2 * H);
    FW_PREFETCH_WRITE(da - H);
}

static inline void fw_gru_after_row_back(float *da, float *da_to, float *flow, const float *dh,
                                         const float *dhs, const float *a, const float *inner,
                                         const float *h_prev, ptrdiff_t H, int kind, ptrdiff_t n) {
    FW_EACH_VECTOR(n, u, fw_gru_after_vector_back(da + u, da_to + u, flow + u, dh + u, dhs + u, a + u,
                                                  inner + u, h_prev + u, H, kind, lanes))
}

#else

/* Never reached, as in recurrent_simd.h. */
#define fw_gru_after_row(...) ((void)0)
#define fw_gru_after_row_back(...) ((void)0)

#endif
#endif
