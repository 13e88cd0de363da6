/* exp, sigmoid and tanh of float, a vector at a time, where there are fused multiply-adds.

   exp(x) = 2^n (1 + t),   n = round(x / ln 2),   t = exp(x - n ln 2) - 1 in [-0.30, 0.42]
   sigmoid(x) = [1 or e] / (1 + e),   e = exp(-|x|)
   tanh(|x|) = e / (e + 2),   e = exp(2|x|) - 1 = 2^n t + (2^n - 1)
   Denominators are sums that have been rounded; `fw_quotient` makes up for it. NaN stays NaN: the
   instructions for minimum and maximum return their second operand then.
   Measured against the compiler's vectors of the plain functions in common_math.pxd, which are the
   twins: sigmoid 0.32 against 0.81 ns an element on AVX-512, exp 0.17 against 0.68. */
#ifndef FASTW2V_MATH_SIMD_H
#define FASTW2V_MATH_SIMD_H

#include "simd.h"

#if FW_FMA
#define FW_MATH_SIMD 1

#if FW_FLOAT_LANES == 16

static inline __m512 fw_load_part(const float *p, ptrdiff_t n) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
static inline void fw_store_part(float *p, __m512 x, ptrdiff_t n) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), x);
}
static inline __m512 fw_sub(__m512 x, __m512 y) { return _mm512_sub_ps(x, y); }
static inline __m512 fw_mul(__m512 x, __m512 y) { return _mm512_mul_ps(x, y); }
static inline __m512 fw_max(__m512 x, __m512 y) { return _mm512_max_ps(x, y); }
static inline __m512 fw_min(__m512 x, __m512 y) { return _mm512_min_ps(x, y); }
static inline __m512 fw_and(__m512 x, __m512 y) { return _mm512_and_ps(x, y); }
static inline __m512 fw_andnot(__m512 x, __m512 y) { return _mm512_andnot_ps(x, y); }
static inline __m512 fw_or(__m512 x, __m512 y) { return _mm512_or_ps(x, y); }
/* c - a * b */
static inline __m512 fw_take(__m512 a, __m512 b, __m512 c) { return _mm512_fnmadd_ps(a, b, c); }
static inline __m512 fw_round(__m512 x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* x * 2^n, rounded once, for whole n. */
static inline __m512 fw_scale(__m512 x, __m512 n) { return _mm512_scalef_ps(x, n); }
/* y where x has the sign of minus, else z. */
static inline __m512 fw_if_negative(__m512 x, __m512 y, __m512 z) {
    return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(x)), z, y);
}
/* x where 0 < y < 1, else 0. */
static inline __m512 fw_if_inside(__m512 y, __m512 x) {
    return _mm512_maskz_mov_ps(
        _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_GT_OQ), y,
                                _mm512_set1_ps(1.0f), _CMP_LT_OQ), x);
}
static inline __m512 fw_divide(__m512 x, __m512 y) { return _mm512_div_ps(x, y); }
static inline __m512 fw_about_reciprocal(__m512 x) { return _mm512_rcp14_ps(x); }
/* Accurate to 13 bits; the next step of fw_quotient doubles them. */
static inline __m512 fw_about_quotient(__m512 x, __m512 y, __m512 about_reciprocal) {
    (void)y;
    return _mm512_mul_ps(x, about_reciprocal);
}

#else

static inline __m256i fw_first_lanes(ptrdiff_t n) {
    static const int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(lanes + 8 - n));
}
static inline __m256 fw_load_part(const float *p, ptrdiff_t n) {
    return _mm256_maskload_ps(p, fw_first_lanes(n));
}
static inline void fw_store_part(float *p, __m256 x, ptrdiff_t n) {
    _mm256_maskstore_ps(p, fw_first_lanes(n), x);
}
static inline __m256 fw_sub(__m256 x, __m256 y) { return _mm256_sub_ps(x, y); }
static inline __m256 fw_mul(__m256 x, __m256 y) { return _mm256_mul_ps(x, y); }
static inline __m256 fw_max(__m256 x, __m256 y) { return _mm256_max_ps(x, y); }
static inline __m256 fw_min(__m256 x, __m256 y) { return _mm256_min_ps(x, y); }
static inline __m256 fw_and(__m256 x, __m256 y) { return _mm256_and_ps(x, y); }
static inline __m256 fw_andnot(__m256 x, __m256 y) { return _mm256_andnot_ps(x, y); }
static inline __m256 fw_or(__m256 x, __m256 y) { return _mm256_or_ps(x, y); }
static inline __m256 fw_take(__m256 a, __m256 b, __m256 c) { return _mm256_fnmadd_ps(a, b, c); }
static inline __m256 fw_round(__m256 x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* In two halves, so that what ends as a denormal or as infinity does so in the last product. */
static inline __m256 fw_scale(__m256 x, __m256 n) {
    const __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    const __m256i bias = _mm256_set1_epi32(127);
    const __m256i rest = _mm256_sub_epi32(whole, half);
    x = _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23)));
    return _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23)));
}
static inline __m256 fw_if_negative(__m256 x, __m256 y, __m256 z) {
    return _mm256_blendv_ps(z, y, x);
}
static inline __m256 fw_if_inside(__m256 y, __m256 x) {
    return _mm256_and_ps(x, _mm256_and_ps(_mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_GT_OQ),
                                          _mm256_cmp_ps(y, _mm256_set1_ps(1.0f), _CMP_LT_OQ)));
}
static inline __m256 fw_divide(__m256 x, __m256 y) { return _mm256_div_ps(x, y); }
static inline __m256 fw_about_reciprocal(__m256 x) { return _mm256_rcp_ps(x); }
/* The estimate has 12 bits, and CPUs differ in it: only what is far below the last bit of the
   quotient is left to it. */
static inline __m256 fw_about_quotient(__m256 x, __m256 y, __m256 about_reciprocal) {
    (void)about_reciprocal;
    return _mm256_div_ps(x, y);
}

#endif

/* x / (large + small), as if the sum had not been rounded; large is not below small. */
static inline fw_float_vector fw_quotient(fw_float_vector x, fw_float_vector large,
                                          fw_float_vector small) {
    const fw_float_vector sum = FW_FLOAT_ADD(large, small);
    const fw_float_vector lost = FW_FLOAT_ADD(fw_sub(large, sum), small);
    const fw_float_vector reciprocal = fw_about_reciprocal(sum);
    const fw_float_vector y = fw_about_quotient(x, sum, reciprocal);
    return FW_FLOAT_MADD(fw_take(y, lost, fw_take(y, sum, x)), reciprocal, y);
}

/* t of exp(x) = 2^n (1 + t), for |x| < 200. */
static inline fw_float_vector fw_reduced_exp(fw_float_vector x, fw_float_vector *n) {
    fw_float_vector r, curve;
    *n = fw_round(fw_mul(x, FW_FLOAT_ALL(1.44269504f)));
    r = fw_take(*n, FW_FLOAT_ALL(0.693145751953125f), x); /* exact: 15 bits times n */
    r = fw_take(*n, FW_FLOAT_ALL(1.4286068203094173e-06f), r);
    /* (exp(r) - 1 - r) / r^2, least largest relative error 3.6e-9 over |r| <= ln 2 / 2. */
    curve = FW_FLOAT_MADD(FW_FLOAT_ALL(0.0013814540579915047f), r,
                          FW_FLOAT_ALL(0.0083687454462051392f));
    curve = FW_FLOAT_MADD(curve, r, FW_FLOAT_ALL(0.041668388992547989f));
    curve = FW_FLOAT_MADD(curve, r, FW_FLOAT_ALL(0.16666521131992340f));
    curve = FW_FLOAT_MADD(curve, r, FW_FLOAT_ALL(0.49999994039535522f));
    return FW_FLOAT_MADD(fw_mul(r, r), curve, r);
}

static inline fw_float_vector fw_exp_vector(fw_float_vector x) {
    fw_float_vector n, t;
    x = fw_max(FW_FLOAT_ALL(-104.0f), x); /* beyond them the result is 0 or infinite */
    x = fw_min(FW_FLOAT_ALL(89.0f), x);
    t = fw_reduced_exp(x, &n);
    return fw_scale(FW_FLOAT_ADD(t, FW_FLOAT_ALL(1.0f)), n);
}

static inline fw_float_vector fw_sigmoid_vector(fw_float_vector x) {
    const fw_float_vector one = FW_FLOAT_ALL(1.0f), sign = FW_FLOAT_ALL(-0.0f);
    fw_float_vector n, t, e;
    t = fw_reduced_exp(fw_max(FW_FLOAT_ALL(-104.0f), fw_or(x, sign)), &n);
    e = fw_scale(FW_FLOAT_ADD(t, one), n);
    return fw_quotient(fw_if_negative(x, e, one), one, e);
}

static inline fw_float_vector fw_tanh_vector(fw_float_vector x) {
    const fw_float_vector one = FW_FLOAT_ALL(1.0f), two = FW_FLOAT_ALL(2.0f);
    const fw_float_vector sign = FW_FLOAT_ALL(-0.0f);
    fw_float_vector n, t, scale, e;
    const fw_float_vector size = fw_min(FW_FLOAT_ALL(10.0f), fw_andnot(sign, x)); /* then 1 */
    t = fw_reduced_exp(FW_FLOAT_ADD(size, size), &n);
    scale = fw_scale(one, n);
    e = FW_FLOAT_MADD(scale, t, fw_sub(scale, one));
    return fw_or(fw_quotient(e, fw_max(e, two), fw_min(e, two)), fw_and(x, sign));
}

/* out[i] = f(x[i]); out may be x. Vectors begin at multiples of their size in out: those that
   straddle two cache lines cost double, and arrays of numpy do not begin at one. */
#define FW_DEFINE_RUN(name, expression)                                     \
    static inline void name(float *out, const float *x, ptrdiff_t n) {      \
        ptrdiff_t i = 0;                                                    \
        const ptrdiff_t head = (ptrdiff_t)(-((uintptr_t)out / 4)            \
                                           & (uintptr_t)(FW_FLOAT_LANES - 1)); \
        fw_float_vector v;                                                  \
        if (n > 4 * FW_FLOAT_LANES && head) {                               \
            v = fw_load_part(x, head);                                      \
            fw_store_part(out, expression, head);                           \
            i = head;                                                       \
        }                                                                   \
        for (; i + FW_FLOAT_LANES <= n; i += FW_FLOAT_LANES) {              \
            v = FW_FLOAT_LOAD(x + i);                                       \
            FW_FLOAT_STORE(out + i, expression);                            \
        }                                                                   \
        if (i < n) {                                                        \
            v = fw_load_part(x + i, n - i);                                 \
            fw_store_part(out + i, expression, n - i);                      \
        }                                                                   \
    }
FW_DEFINE_RUN(fw_sigmoid_run, fw_sigmoid_vector(v))
FW_DEFINE_RUN(fw_tanh_run, fw_tanh_vector(v))
FW_DEFINE_RUN(fw_exp_run, fw_exp_vector(v))

#if defined(__GNUC__) || defined(__clang__)
#define FW_FETCH(p) __builtin_prefetch(p)
#else
#define FW_FETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)
#endif

/* out[i] = exp(x[i] - top); return the sum of out in the order of `total` of common_math.pxd. It
   asks for the numbers `ahead` of x meanwhile: the memory is idle while exp is computed. */
static inline float fw_exp_below_run(float *out, const float *x, ptrdiff_t n, float top,
                                     ptrdiff_t ahead) {
    enum { ROUND = 16 / FW_FLOAT_LANES };
    const fw_float_vector shift = FW_FLOAT_ALL(top);
    fw_float_vector sums[ROUND];
    float lane[16];
    ptrdiff_t i = 0;
    int k, half;
    for (k = 0; k < ROUND; k++) sums[k] = FW_FLOAT_ZERO();
    for (; i + 16 <= n; i += 16) {
        FW_FETCH(x + i + ahead);
        for (k = 0; k < ROUND; k++) {
            const ptrdiff_t at = i + k * FW_FLOAT_LANES;
            const fw_float_vector e = fw_exp_vector(fw_sub(FW_FLOAT_LOAD(x + at), shift));
            FW_FLOAT_STORE(out + at, e);
            sums[k] = FW_FLOAT_ADD(sums[k], e);
        }
    }
    for (k = 0; i < n; i += FW_FLOAT_LANES, k++) {
        const ptrdiff_t left = n - i < FW_FLOAT_LANES ? n - i : FW_FLOAT_LANES;
        fw_store_part(out + i, fw_exp_vector(fw_sub(fw_load_part(x + i, left), shift)), left);
        sums[k] = FW_FLOAT_ADD(sums[k], fw_load_part(out + i, left));
    }
    for (k = 0; k < ROUND; k++) FW_FLOAT_STORE(lane + k * FW_FLOAT_LANES, sums[k]);
    for (half = 8; half > 0; half /= 2)
        for (k = 0; k < half; k++) lane[k] += lane[k + half];
    return lane[0];
}

#else

#define FW_MATH_SIMD 0
static void fw_sigmoid_run(float *out, const float *x, ptrdiff_t n) { (void)out; (void)x; (void)n; }
static void fw_tanh_run(float *out, const float *x, ptrdiff_t n) { (void)out; (void)x; (void)n; }
static void fw_exp_run(float *out, const float *x, ptrdiff_t n) { (void)out; (void)x; (void)n; }
static float fw_exp_below_run(float *out, const float *x, ptrdiff_t n, float top, ptrdiff_t ahead) {
    (void)out; (void)x; (void)n; (void)ahead;
    return top;
}

#endif
#endif
