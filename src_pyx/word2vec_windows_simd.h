/* Means of many windows of a text, and what they give back to it, by running sums.

   Rows are those of word2vec_simd.h: n floats each, a multiple of 16. P words x[0..P) stand side by
   side; a window is the words [left, right) without the word `at` between them:
     window_means   h[k] = scale[k] * (sum of x over window k), from the sums x[0] + ... + x[p]; does
                    not work where one of these is not finite, and returns 0 then. x[p] counts
                    times[p] times unless times is NULL
     close_windows  x[p] += sum of the changes e of all windows around p
   The work for a window does not depend on its length. */
#ifndef FASTW2V_WORD2VEC_WINDOWS_SIMD_H
#define FASTW2V_WORD2VEC_WINDOWS_SIMD_H

#include <string.h>

#include "word2vec_simd.h"

/* Whether a lane is not a number. */
#if FW_FLOAT_LANES == 16
#define FW_HAS_NAN(v) (_mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q) != 0)
#elif FW_FMA
#define FW_HAS_NAN(v) (_mm256_movemask_ps(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)) != 0)
#else
#define FW_HAS_NAN(v) fw_has_nan(&(v))
FW_INLINE int fw_has_nan(const fw_float_vector *v) {
    int i, found = 0;
    for (i = 0; i < FW_FLOAT_LANES; i++) found |= v->lane[i] != v->lane[i];
    return found;
}
#endif

/* Whether all floats of n are finite, n a multiple of 16: 0 times others is not a number. */
FW_INLINE int fw_all_finite(const float *row, ptrdiff_t n) {
    const fw_float_vector zero = FW_FLOAT_ZERO();
    fw_float_vector sum = zero;
    ptrdiff_t d;
    for (d = 0; d < n; d += FW_FLOAT_LANES) sum = FW_FLOAT_MADD(zero, FW_FLOAT_LOAD(row + d), sum);
    return !FW_HAS_NAN(sum);
}

/* A few vectors of columns at a time, so that their sums stay in the nearest cache. */
FW_INLINE int fw_means_few(float *const *h, ptrdiff_t n_windows, const int32_t *bounds,
                           const float *scale, float *const *x, const float *times,
                           ptrdiff_t P, float *sums, ptrdiff_t d, int TV) {
    const fw_float_vector less = FW_FLOAT_ALL(-1), zero = FW_FLOAT_ZERO();
    const ptrdiff_t n = TV * FW_FLOAT_LANES;
    fw_float_vector s[FW_TV];
    ptrdiff_t p, k;
    int i;
#pragma GCC unroll 8
    for (i = 0; i < TV; i++) {
        s[i] = zero;
        FW_FLOAT_STORE(sums + i * FW_FLOAT_LANES, zero);
    }
    for (p = 0; p < P; p++) {
        const float *row = x[p] + d;
        float *to = sums + (p + 1) * n;
        if (times) {
            const fw_float_vector share = FW_FLOAT_ALL(times[p]);
#pragma GCC unroll 8
            for (i = 0; i < TV; i++) {
                s[i] = FW_FLOAT_MADD(share, FW_FLOAT_LOAD(row + i * FW_FLOAT_LANES), s[i]);
                FW_FLOAT_STORE(to + i * FW_FLOAT_LANES, s[i]);
            }
            continue;
        }
#pragma GCC unroll 8
        for (i = 0; i < TV; i++) {
            s[i] = FW_FLOAT_ADD(s[i], FW_FLOAT_LOAD(row + i * FW_FLOAT_LANES));
            FW_FLOAT_STORE(to + i * FW_FLOAT_LANES, s[i]);
        }
    }
    if (!fw_all_finite(sums + P * n, n)) return 0;
    for (k = 0; k < n_windows; k++) {
        const float *left = sums + bounds[3 * k] * n, *at = sums + bounds[3 * k + 1] * n;
        const float *right = sums + bounds[3 * k + 2] * n;
        const fw_float_vector each = FW_FLOAT_ALL(scale[k]);
        float *to = h[k] + d;
#pragma GCC unroll 8
        for (i = 0; i < TV; i++) {
            const ptrdiff_t o = i * FW_FLOAT_LANES;
            const fw_float_vector before =
                FW_FLOAT_MADD(less, FW_FLOAT_LOAD(left + o), FW_FLOAT_LOAD(at + o));
            const fw_float_vector after =
                FW_FLOAT_MADD(less, FW_FLOAT_LOAD(at + n + o), FW_FLOAT_LOAD(right + o));
            FW_FLOAT_STORE(to + o, FW_FLOAT_MADD(each, FW_FLOAT_ADD(before, after), zero));
        }
    }
    return 1;
}

static inline int fw_w2v_window_means(float *const *h, ptrdiff_t n_windows, const int32_t *bounds,
                                      const float *scale, float *const *x, const float *times,
                                      ptrdiff_t P, float *sums, ptrdiff_t n) {
    ptrdiff_t d = 0;
#define FW_CALL(TV) \
    if (!fw_means_few(h, n_windows, bounds, scale, x, times, P, sums, d, TV)) return 0
    FW_WHOLE_VECTORS(FW_CALL, n)
#undef FW_CALL
    return 1;
}

FW_INLINE void fw_close_few(float *const *x, ptrdiff_t P, const int32_t *last, float *const *e,
                            const float *sign, float *const *own, const int32_t *covers,
                            ptrdiff_t d, int TV) {
    const fw_float_vector less = FW_FLOAT_ALL(-1);
    fw_float_vector s[FW_TV];
    ptrdiff_t p;
    int32_t k = 0;
    int i;
#pragma GCC unroll 8
    for (i = 0; i < TV; i++) s[i] = FW_FLOAT_ZERO();
    for (p = 0; p < P; p++) {
        float *row = x[p] + d;
        const float *mine = own[p];
        for (; k < last[p]; k++) {
            const float *change = e[k] + d;
            const fw_float_vector each = FW_FLOAT_ALL(sign[k]);
#pragma GCC unroll 8
            for (i = 0; i < TV; i++)
                s[i] = FW_FLOAT_MADD(each, FW_FLOAT_LOAD(change + i * FW_FLOAT_LANES), s[i]);
        }
        if (covers[p] == 0) { /* what is left is rounding error */
#pragma GCC unroll 8
            for (i = 0; i < TV; i++) s[i] = FW_FLOAT_ZERO();
        } else if (mine == NULL) {
#pragma GCC unroll 8
            for (i = 0; i < TV; i++) {
                float *at = row + i * FW_FLOAT_LANES;
                FW_FLOAT_STORE(at, FW_FLOAT_ADD(FW_FLOAT_LOAD(at), s[i]));
            }
        } else if (covers[p] > 1) {
#pragma GCC unroll 8
            for (i = 0; i < TV; i++) {
                float *at = row + i * FW_FLOAT_LANES;
                const fw_float_vector v =
                    FW_FLOAT_MADD(less, FW_FLOAT_LOAD(mine + d + i * FW_FLOAT_LANES), s[i]);
                FW_FLOAT_STORE(at, FW_FLOAT_ADD(FW_FLOAT_LOAD(at), v));
            }
        }
    }
}

/* Before word p, sign[k] e[k] begins or ends for all k below last[p]. own[p] is the e of the window
   whose centre is word p, or NULL; covers[p] counts the windows from left to right that hold word p,
   its own included. */
static inline void fw_w2v_close_windows(float *const *x, ptrdiff_t P, const int32_t *last,
                                        float *const *e, const float *sign, float *const *own,
                                        const int32_t *covers, ptrdiff_t n) {
    ptrdiff_t d = 0;
#define FW_CALL(TV) fw_close_few(x, P, last, e, sign, own, covers, d, TV)
    FW_WHOLE_VECTORS(FW_CALL, n)
#undef FW_CALL
}

#endif
