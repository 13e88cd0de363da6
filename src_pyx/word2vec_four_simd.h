/* Products and updates for four centres of CBOW that share their negatives.

   Rows are those of word2vec_simd.h: n floats each, a multiple of 16. Inputs h[0..4) with a target
   t[m] each, and J <= 5 outputs y that they share; s and g are (4, 8); sign and step, (8,),
   are repeated as often as a vector holds:
     scores_of_four   s[m, 0] = h[m] . t[m],  s[m, 1 + j] = h[m] . y[j], of columns [begin, end)
     errors_of_four   g = step * sigmoid(sign * s)
     update_four      e[m] = scale[m] (g[m, 0] t[m] + sum_j g[m, 1 + j] y[j]),
                      t[m] += g[m, 0] h[m],  y[j] += sum_m g[m, 1 + j] h[m],  from the old rows */
#ifndef FASTW2V_WORD2VEC_FOUR_SIMD_H
#define FASTW2V_WORD2VEC_FOUR_SIMD_H

#include "word2vec_simd.h"

/* TM inputs at once, as many as fit into registers. */
#if FW_FLOAT_LANES == 16
#define FW_AT_ONCE 4
#else
#define FW_AT_ONCE 2
#endif

/* sum[m * 8 + j], vectors whose lanes add up to the scores. */
FW_INLINE void fw_dots_of_some(fw_float_vector *sum, float *const *h, float *const *t,
                               float *const *y, ptrdiff_t begin, ptrdiff_t end, int TN) {
    ptrdiff_t d;
    int m, j;
#pragma GCC unroll 32
    for (j = 0; j < FW_AT_ONCE * 8; j++) sum[j] = FW_FLOAT_ZERO();
    for (d = begin; d < end; d += FW_FLOAT_LANES) {
#pragma GCC unroll 4
        for (m = 0; m < FW_AT_ONCE; m++) {
            const fw_float_vector hv = FW_FLOAT_LOAD(h[m] + d);
            sum[m * 8] = FW_FLOAT_MADD(hv, FW_FLOAT_LOAD(t[m] + d), sum[m * 8]);
#pragma GCC unroll 5
            for (j = 0; j < TN; j++)
                sum[m * 8 + 1 + j] =
                    FW_FLOAT_MADD(hv, FW_FLOAT_LOAD(y[j] + d), sum[m * 8 + 1 + j]);
        }
    }
}

FW_INLINE void fw_scores_of_some(float *s, float *const *h, float *const *t, float *const *y,
                                 ptrdiff_t begin, ptrdiff_t end, int TN) {
    fw_float_vector sum[FW_AT_ONCE * 8];
    int m;
    fw_dots_of_some(sum, h, t, y, begin, end, TN);
#pragma GCC unroll 4
    for (m = 0; m < FW_AT_ONCE; m++) fw_sum_8(s + m * 8, sum + m * 8);
}

/* From scores to coefficients without a stop in memory on the way, as in fw_w2v_errors. */
#if FW_FMA
FW_INLINE void fw_errors_of_some(float *g, float *const *h, float *const *t,
                                 float *const *y, const float *sign, const float *step, ptrdiff_t n,
                                 int TN) {
    fw_float_vector sum[FW_AT_ONCE * 8];
    int m;
    fw_dots_of_some(sum, h, t, y, 0, n, TN);
#pragma GCC unroll 4
    for (m = 0; m < FW_AT_ONCE; m += FW_FLOAT_LANES / 8) {
#if FW_FLOAT_LANES == 16
        fw_float_vector v = _mm512_insertf32x8(fw_first_8(fw_sums_of_8(sum + m * 8)),
                                               fw_sums_of_8(sum + m * 8 + 8), 1);
#else
        fw_float_vector v = fw_sums_of_8(sum + m * 8);
#endif
        v = fw_mul(v, FW_FLOAT_LOAD(sign));
        FW_FLOAT_STORE(g + m * 8, fw_mul(fw_sigmoid_vector(v), FW_FLOAT_LOAD(step)));
    }
}
#endif

FW_INLINE void fw_update_four(float *const *e, float *const *h, float *const *t, float *const *y,
                              const float *g, const float *scale, ptrdiff_t n, int TN) {
    ptrdiff_t d;
    int m, j;
    for (d = 0; d < n; d += FW_FLOAT_LANES) {
        fw_float_vector old[5], sum[5];
#pragma GCC unroll 5
        for (j = 0; j < TN; j++) old[j] = sum[j] = FW_FLOAT_LOAD(y[j] + d);
#pragma GCC unroll 4
        for (m = 0; m < 4; m++) {
            const fw_float_vector hv = FW_FLOAT_LOAD(h[m] + d), tv = FW_FLOAT_LOAD(t[m] + d);
            fw_float_vector each = FW_FLOAT_ALL(g[m * 8]);
            fw_float_vector ev = FW_FLOAT_MADD(each, tv, FW_FLOAT_ZERO());
            FW_FLOAT_STORE(t[m] + d, FW_FLOAT_MADD(each, hv, tv));
#pragma GCC unroll 5
            for (j = 0; j < TN; j++) {
                each = FW_FLOAT_ALL(g[m * 8 + 1 + j]);
                ev = FW_FLOAT_MADD(each, old[j], ev);
                sum[j] = FW_FLOAT_MADD(each, hv, sum[j]);
            }
            FW_FLOAT_STORE(e[m] + d, FW_FLOAT_MADD(FW_FLOAT_ALL(scale[m]), ev, FW_FLOAT_ZERO()));
        }
#pragma GCC unroll 5
        for (j = 0; j < TN; j++) FW_FLOAT_STORE(y[j] + d, sum[j]);
    }
}

#define FW_UP_TO_5(CALL, J)   \
    switch (J) {              \
        case 1: CALL(1); break; \
        case 2: CALL(2); break; \
        case 3: CALL(3); break; \
        case 4: CALL(4); break; \
        default: CALL(5); break; \
    }

static inline void fw_w2v_scores_of_four(float *s, float *const *h, float *const *t,
                                         float *const *y, ptrdiff_t J, ptrdiff_t begin,
                                         ptrdiff_t end) {
    int m;
    for (m = 0; m < 4; m += FW_AT_ONCE) {
#define FW_CALL(TN) fw_scores_of_some(s + m * 8, h + m, t + m, y, begin, end, TN)
        FW_UP_TO_5(FW_CALL, J)
#undef FW_CALL
    }
}

static inline void fw_w2v_update_four(float *const *e, float *const *h, float *const *t,
                                      float *const *y, ptrdiff_t J, const float *g,
                                      const float *scale, ptrdiff_t n) {
#define FW_CALL(TN) fw_update_four(e, h, t, y, g, scale, n, TN)
    FW_UP_TO_5(FW_CALL, J)
#undef FW_CALL
}

#if FW_FMA
static inline void fw_w2v_errors_of_four(float *g, float *const *h, float *const *t,
                                         float *const *y, ptrdiff_t J, const float *sign,
                                         const float *step, ptrdiff_t n) {
    int m;
    for (m = 0; m < 4; m += FW_AT_ONCE) {
#define FW_CALL(TN) \
    fw_errors_of_some(g + m * 8, h + m, t + m, y, sign, step, n, TN)
        FW_UP_TO_5(FW_CALL, J)
#undef FW_CALL
    }
}
#else
static inline void fw_w2v_errors_of_four(float *g, float *const *h, float *const *t,
                                         float *const *y, ptrdiff_t J, const float *sign,
                                         const float *step, ptrdiff_t n) {
    (void)g; (void)h; (void)t; (void)y; (void)J; (void)sign; (void)step; (void)n;
}
#endif

#undef FW_AT_ONCE
#undef FW_UP_TO_5
#endif
