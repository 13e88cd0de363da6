/* Products and updates of a few rows of a table with a few rows of another, in vector registers.

   Rows are float32, n numbers each, n a multiple of 16, so there are no tails; for full speed they
   start at cache lines. The vectors are those of simd.h: levels v3 and v4 call fused
   multiply-adds by name, the others round products before they add them.

   M inputs x[0..M), J outputs y[0..J), coefficients g (M, J):
     scores      s[m, j] = x[m] . y[j], of the columns [begin, end)
     update      x[m] += sum_j g[m, j] y[j],   y[j] += sum_m g[m, j] x[m],   from the old rows
     mean        h = scale * sum_m x[m], or scale * sum_m times[m] x[m] unless times is NULL
     scores_of   s[j] = h . y[j], of the columns [begin, end)
     outputs     e = scale * sum_j g[j] y[j],  y[j] += g[j] h
     add_to_all  x[m] += e
   Inputs must be different rows, and outputs too; only `mean` and `add_to_all` may get a row twice,
   and outputs of `outputs` may repeat. */
#ifndef FASTW2V_WORD2VEC_SIMD_H
#define FASTW2V_WORD2VEC_SIMD_H

#include <stddef.h>
#include <stdint.h>

#include "math_simd.h"

#if defined(_MSC_VER) && !defined(__clang__)
#define FW_INLINE static __forceinline
#else
#define FW_INLINE static inline __attribute__((always_inline))
#endif

/* Tiles of scores, with as many accumulators as fit into registers. */
#define FW_TN 6
#if FW_FLOAT_LANES == 16
#define FW_TM 4
#else
#define FW_TM 2
#endif

/* The sums of four vectors. */
#if FW_FMA
FW_INLINE void fw_sum_4(float *out, const fw_float_vector *v) {
#if FW_FLOAT_LANES == 16
    const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v[0]), _mm512_extractf32x8_ps(v[0], 1));
    const __m256 b = _mm256_add_ps(_mm512_castps512_ps256(v[1]), _mm512_extractf32x8_ps(v[1], 1));
    const __m256 c = _mm256_add_ps(_mm512_castps512_ps256(v[2]), _mm512_extractf32x8_ps(v[2], 1));
    const __m256 d = _mm256_add_ps(_mm512_castps512_ps256(v[3]), _mm512_extractf32x8_ps(v[3], 1));
#else
    const __m256 a = v[0], b = v[1], c = v[2], d = v[3];
#endif
    const __m256 s = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}
#else
FW_INLINE void fw_sum_4(float *out, const fw_float_vector *v) {
    int i;
    for (i = 0; i < 4; i++)
        out[i] = (v[i].lane[0] + v[i].lane[1]) + (v[i].lane[2] + v[i].lane[3]);
}
#endif

/* The sums of eight vectors, stored at once, so that a load of all eight need not wait. */
#if FW_FMA
#if FW_FLOAT_LANES == 16
/* Each step adds halves and puts two vectors into one: of 8, 4, 2 and 1 floats for each sum. */
FW_INLINE __m512 fw_fold_halves(__m512 a, __m512 b) {
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xEE));
}
FW_INLINE __m512 fw_fold_quarters(__m512 a, __m512 b) {
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
}
FW_INLINE __m256 fw_sums_of_8(const fw_float_vector *v) {
    const __m512 a = fw_fold_quarters(fw_fold_halves(v[0], v[1]), fw_fold_halves(v[2], v[3]));
    const __m512 b = fw_fold_quarters(fw_fold_halves(v[4], v[5]), fw_fold_halves(v[6], v[7]));
    const __m512 c = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xDD));
    const __m512 sums = _mm512_add_ps(c, _mm512_permute_ps(c, 0xB1));
    const __m512i order = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 14, 10, 6, 2, 12, 8, 4, 0);
    return _mm512_castps512_ps256(_mm512_permutexvar_ps(order, sums));
}
#else
FW_INLINE __m256 fw_sums_of_8(const fw_float_vector *v) {
    const __m256 a = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
    const __m256 b = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}
#endif
FW_INLINE void fw_sum_8(float *out, const fw_float_vector *v) {
    _mm256_storeu_ps(out, fw_sums_of_8(v));
}
#else
FW_INLINE void fw_sum_8(float *out, const fw_float_vector *v) {
    fw_sum_4(out, v);
    fw_sum_4(out + 4, v + 4);
}
#endif

/* One tile: TM and TN are constants wherever this is called. s has room for the tile rounded up to
   a multiple of eight. */
FW_INLINE void fw_dots(float *s, float *const *x, float *const *y, ptrdiff_t begin, ptrdiff_t end,
                       int TM, int TN) {
    fw_float_vector sum[FW_TM * FW_TN + 8];
    const int total = TM * TN;
    ptrdiff_t d;
    int m, j;
#pragma GCC unroll 32
    for (j = 0; j < (total + 7) / 8 * 8; j++) sum[j] = FW_FLOAT_ZERO();
    for (d = begin; d < end; d += FW_FLOAT_LANES) {
        fw_float_vector yv[FW_TN];
#pragma GCC unroll 6
        for (j = 0; j < TN; j++) yv[j] = FW_FLOAT_LOAD(y[j] + d);
#pragma GCC unroll 4
        for (m = 0; m < TM; m++) {
            const fw_float_vector xv = FW_FLOAT_LOAD(x[m] + d);
#pragma GCC unroll 6
            for (j = 0; j < TN; j++) sum[m * TN + j] = FW_FLOAT_MADD(xv, yv[j], sum[m * TN + j]);
        }
    }
#pragma GCC unroll 3
    for (j = 0; j + 4 < total; j += 8) fw_sum_8(s + j, sum + j);
    if (j < total) fw_sum_4(s + j, sum + j);
}

#define FW_DOTS_OF(TM)                                          \
    static void fw_dots_##TM(float *s, float *const *x, float *const *y, ptrdiff_t begin,   \
                             ptrdiff_t end, int TN) {       \
        switch (TN) {                                           \
            case 1: fw_dots(s, x, y, begin, end, TM, 1); break; \
            case 2: fw_dots(s, x, y, begin, end, TM, 2); break; \
            case 3: fw_dots(s, x, y, begin, end, TM, 3); break; \
            case 4: fw_dots(s, x, y, begin, end, TM, 4); break; \
            case 5: fw_dots(s, x, y, begin, end, TM, 5); break; \
            default: fw_dots(s, x, y, begin, end, TM, 6); break; \
        }                                                       \
    }
FW_DOTS_OF(1)
FW_DOTS_OF(2)
#if FW_TM == 4
FW_DOTS_OF(3)
FW_DOTS_OF(4)
#endif

/* s has room for M * J + 8. */
static inline void fw_w2v_scores(float *s, float *const *x, ptrdiff_t M, float *const *y, ptrdiff_t J,
                          ptrdiff_t begin, ptrdiff_t end) {
    ptrdiff_t m, j;
    float t[FW_TM * FW_TN + 8];
    for (m = 0; m < M; m += FW_TM) {
        const int TM = M - m < FW_TM ? (int)(M - m) : FW_TM;
        for (j = 0; j < J; j += FW_TN) {
            const int TN = J - j < FW_TN ? (int)(J - j) : FW_TN;
            float *to = TN == J ? s + m * J : t;
            switch (TM) {
                case 1: fw_dots_1(to, x + m, y + j, begin, end, TN); break;
                case 2: fw_dots_2(to, x + m, y + j, begin, end, TN); break;
#if FW_TM == 4
                case 3: fw_dots_3(to, x + m, y + j, begin, end, TN); break;
                case 4: fw_dots_4(to, x + m, y + j, begin, end, TN); break;
#endif
                default: break;
            }
            if (to == t) {
                int i, k;
                for (i = 0; i < TM; i++)
                    for (k = 0; k < TN; k++) s[(m + i) * J + j + k] = t[i * TN + k];
            }
        }
    }
}

/* One vector of columns of TN outputs and all inputs. Between the first and the last group
   of outputs, `sums` holds the sums of the inputs. */
FW_INLINE void fw_update_columns(float *const *x, ptrdiff_t M, float *const *y, const float *g,
                                 ptrdiff_t J, ptrdiff_t d, float *sums, int first, int last, int TN) {
    fw_float_vector old[FW_TN], sum[FW_TN];
    ptrdiff_t m;
    int j;
#pragma GCC unroll 6
    for (j = 0; j < TN; j++) old[j] = sum[j] = FW_FLOAT_LOAD(y[j] + d);
    for (m = 0; m < M; m++) {
        const fw_float_vector xv = FW_FLOAT_LOAD(x[m] + d);
        fw_float_vector dx = first ? xv : FW_FLOAT_LOAD(sums + m * FW_FLOAT_LANES);
#pragma GCC unroll 6
        for (j = 0; j < TN; j++) {
            const fw_float_vector each = FW_FLOAT_ALL(g[m * J + j]);
            dx = FW_FLOAT_MADD(each, old[j], dx);
            sum[j] = FW_FLOAT_MADD(each, xv, sum[j]);
        }
        FW_FLOAT_STORE(last ? x[m] + d : sums + m * FW_FLOAT_LANES, dx);
    }
#pragma GCC unroll 6
    for (j = 0; j < TN; j++) FW_FLOAT_STORE(y[j] + d, sum[j]);
}

#define FW_COLUMNS(first, last, TN) \
    fw_update_columns(x, M, y + j, g + j, J, d, sums, first, last, TN)
#define FW_FEW(TN)                                                                         \
    case TN:                                                                               \
        for (d = 0; d < n; d += FW_FLOAT_LANES) FW_COLUMNS(1, 1, TN);                      \
        break;

/* `sums` has room for M vectors; it is used where J > 6. */
static inline void fw_w2v_update(float *const *x, ptrdiff_t M, float *const *y, ptrdiff_t J,
                                 const float *g, ptrdiff_t n, float *sums) {
    ptrdiff_t d, j = 0;
    if (J <= FW_TN) {
        switch (J) {
            FW_FEW(1)
            FW_FEW(2)
            FW_FEW(3)
            FW_FEW(4)
            FW_FEW(5)
            FW_FEW(6)
            default: break;
        }
        return;
    }
    for (d = 0; d < n; d += FW_FLOAT_LANES) {
        j = 0;
        FW_COLUMNS(1, 0, 6);
        for (j = 6; j + 6 < J; j += 6) FW_COLUMNS(0, 0, 6);
        switch (J - j) {
            case 1: FW_COLUMNS(0, 1, 1); break;
            case 2: FW_COLUMNS(0, 1, 2); break;
            case 3: FW_COLUMNS(0, 1, 3); break;
            case 4: FW_COLUMNS(0, 1, 4); break;
            case 5: FW_COLUMNS(0, 1, 5); break;
            default: FW_COLUMNS(0, 1, 6); break;
        }
    }
}

/* Whole rows in registers, at most FW_TV vectors of them at a time: TV is a constant. */
#define FW_TV 8
FW_INLINE void fw_mean_few(float *h, float *const *x, const float *times, ptrdiff_t M, float scale,
                           ptrdiff_t d, int TV) {
    const fw_float_vector each = FW_FLOAT_ALL(scale), zero = FW_FLOAT_ZERO();
    fw_float_vector s[FW_TV];
    ptrdiff_t m;
    int i;
#pragma GCC unroll 8
    for (i = 0; i < TV; i++) s[i] = zero;
    for (m = 0; m < M; m++) {
        const float *row = x[m] + d;
        if (times) {
            const fw_float_vector share = FW_FLOAT_ALL(times[m]);
#pragma GCC unroll 8
            for (i = 0; i < TV; i++)
                s[i] = FW_FLOAT_MADD(share, FW_FLOAT_LOAD(row + i * FW_FLOAT_LANES), s[i]);
            continue;
        }
#pragma GCC unroll 8
        for (i = 0; i < TV; i++) s[i] = FW_FLOAT_ADD(s[i], FW_FLOAT_LOAD(row + i * FW_FLOAT_LANES));
    }
#pragma GCC unroll 8
    for (i = 0; i < TV; i++)
        FW_FLOAT_STORE(h + d + i * FW_FLOAT_LANES, FW_FLOAT_MADD(each, s[i], zero));
}

FW_INLINE void fw_add_few(float *const *x, ptrdiff_t M, const float *e, ptrdiff_t d, int TV) {
    fw_float_vector s[FW_TV];
    ptrdiff_t m;
    int i;
#pragma GCC unroll 8
    for (i = 0; i < TV; i++) s[i] = FW_FLOAT_LOAD(e + d + i * FW_FLOAT_LANES);
    for (m = 0; m < M; m++) {
        float *row = x[m] + d;
#pragma GCC unroll 8
        for (i = 0; i < TV; i++) {
            float *at = row + i * FW_FLOAT_LANES;
            FW_FLOAT_STORE(at, FW_FLOAT_ADD(FW_FLOAT_LOAD(at), s[i]));
        }
    }
}

/* CALL(TV) over all whole vectors of columns [d, end); d is the first column of each call. */
#define FW_WHOLE_VECTORS(CALL, end)                                               \
    for (; d + FW_TV * FW_FLOAT_LANES <= end; d += FW_TV * FW_FLOAT_LANES) CALL(8); \
    switch ((end - d) / FW_FLOAT_LANES) {                                         \
        case 1: CALL(1); break;                                                   \
        case 2: CALL(2); break;                                                   \
        case 3: CALL(3); break;                                                   \
        case 4: CALL(4); break;                                                   \
        case 5: CALL(5); break;                                                   \
        case 6: CALL(6); break;                                                   \
        case 7: CALL(7); break;                                                   \
        default: break;                                                           \
    }

static inline void fw_w2v_mean(float *h, float *const *x, const float *times, ptrdiff_t M,
                               float scale, ptrdiff_t n) {
    ptrdiff_t d = 0;
#define FW_CALL(TV) fw_mean_few(h, x, times, M, scale, d, TV)
    FW_WHOLE_VECTORS(FW_CALL, n)
#undef FW_CALL
}

static inline void fw_w2v_add_to_all(float *const *x, ptrdiff_t M, const float *e, ptrdiff_t n) {
    ptrdiff_t d = 0;
#define FW_CALL(TV) fw_add_few(x, M, e, d, TV)
    FW_WHOLE_VECTORS(FW_CALL, n)
#undef FW_CALL
}

FW_INLINE void fw_dots_8(fw_float_vector *sum, const float *h, float *const *y, ptrdiff_t begin,
                         ptrdiff_t end, int TN) {
    ptrdiff_t d;
    int j;
#pragma GCC unroll 8
    for (j = 0; j < 8; j++) sum[j] = FW_FLOAT_ZERO();
    for (d = begin; d < end; d += FW_FLOAT_LANES) {
        const fw_float_vector hv = FW_FLOAT_LOAD(h + d);
#pragma GCC unroll 8
        for (j = 0; j < TN; j++) sum[j] = FW_FLOAT_MADD(hv, FW_FLOAT_LOAD(y[j] + d), sum[j]);
    }
}

#define FW_DOTS_UP_TO_8(DOTS, J)        \
    switch (J) {                        \
        case 1: DOTS(1); break;         \
        case 2: DOTS(2); break;         \
        case 3: DOTS(3); break;         \
        case 4: DOTS(4); break;         \
        case 5: DOTS(5); break;         \
        case 6: DOTS(6); break;         \
        case 7: DOTS(7); break;         \
        default: DOTS(8); break;        \
    }

/* s has room for J rounded up to a multiple of eight. */
static inline void fw_w2v_scores_of(float *s, const float *h, float *const *y, ptrdiff_t J,
                                    ptrdiff_t begin, ptrdiff_t end) {
    ptrdiff_t j;
    for (j = 0; j < J; j += 8) {
        fw_float_vector sum[8];
#define FW_CALL(TN) fw_dots_8(sum, h, y + j, begin, end, TN); fw_sum_8(s + j, sum)
        FW_DOTS_UP_TO_8(FW_CALL, J - j)
#undef FW_CALL
    }
}

/* g = step * sigmoid(sign * scores) for J <= 8 outputs, without a stop in memory on the way: the next
   row waits for it. sign, step and g have room for a whole vector, of which eight count. */
#if FW_FMA
#define FW_W2V_ROW 1
FW_INLINE fw_float_vector fw_first_8(__m256 x) {
#if FW_FLOAT_LANES == 16
    return _mm512_zextps256_ps512(x);
#else
    return x;
#endif
}
static inline void fw_w2v_errors(float *g, const float *h, float *const *y, ptrdiff_t J,
                                 const float *sign, const float *step, ptrdiff_t n) {
    fw_float_vector z = FW_FLOAT_ZERO();
#define FW_CALL(TN)                        \
    {                                      \
        fw_float_vector sum[8];            \
        fw_dots_8(sum, h, y, 0, n, TN);    \
        z = fw_first_8(fw_sums_of_8(sum)); \
    }
    FW_DOTS_UP_TO_8(FW_CALL, J)
#undef FW_CALL
    z = fw_sigmoid_vector(fw_mul(z, FW_FLOAT_LOAD(sign)));
    FW_FLOAT_STORE(g, fw_mul(z, FW_FLOAT_LOAD(step)));
}
#else
#define FW_W2V_ROW 0
static inline void fw_w2v_errors(float *g, const float *h, float *const *y, ptrdiff_t J,
                                 const float *sign, const float *step, ptrdiff_t n) {
    (void)g; (void)h; (void)y; (void)J; (void)sign; (void)step; (void)n;
}
#endif

/* TN outputs, their coefficients in registers; e is added to unless `first`. */
FW_INLINE void fw_outputs_few(float *e, const float *h, float *const *y, const float *g, float scale,
                              ptrdiff_t n, int first, int TN) {
    const fw_float_vector scales = FW_FLOAT_ALL(scale), zero = FW_FLOAT_ZERO();
    fw_float_vector each[FW_TN];
    ptrdiff_t d;
    int j;
#pragma GCC unroll 6
    for (j = 0; j < TN; j++) each[j] = FW_FLOAT_ALL(g[j]);
    for (d = 0; d < n; d += FW_FLOAT_LANES) {
        const fw_float_vector hv = FW_FLOAT_LOAD(h + d);
        fw_float_vector sum = zero;
#pragma GCC unroll 6
        for (j = 0; j < TN; j++) {
            const fw_float_vector yv = FW_FLOAT_LOAD(y[j] + d);
            sum = FW_FLOAT_MADD(each[j], yv, sum);
            FW_FLOAT_STORE(y[j] + d, FW_FLOAT_MADD(each[j], hv, yv));
        }
        FW_FLOAT_STORE(e + d, FW_FLOAT_MADD(scales, sum, first ? zero : FW_FLOAT_LOAD(e + d)));
    }
}

#define FW_OUTPUTS(TN) fw_outputs_few(e, h, y + j, g + j, scale, n, j == 0, TN); break;
static inline void fw_w2v_outputs(float *e, const float *h, float *const *y, ptrdiff_t J,
                                  const float *g, float scale, ptrdiff_t n) {
    ptrdiff_t j;
    for (j = 0; j < J; j += FW_TN) {
        switch (J - j) {
            case 1: FW_OUTPUTS(1)
            case 2: FW_OUTPUTS(2)
            case 3: FW_OUTPUTS(3)
            case 4: FW_OUTPUTS(4)
            case 5: FW_OUTPUTS(5)
            default: FW_OUTPUTS(6)
        }
    }
}

#undef FW_COLUMNS
#undef FW_FEW
#undef FW_OUTPUTS
#undef FW_DOTS_OF
#undef FW_DOTS_UP_TO_8
#endif
