/* Four rows of a table with one query, in one pass: products and squares in float32.

   A row holds float32, float16 (its bits) or int8 numbers, which are converted in registers;
   ranking_four.h is the algorithm, once for each type. The vectors are those of simd.h. Rows
   and query may start anywhere. */
#ifndef FASTW2V_RANKING_SIMD_H
#define FASTW2V_RANKING_SIMD_H

#include <math.h>

#include "half_simd.h"
#include "word2vec_simd.h"

/* Vectors of int8 numbers as float32. */
#if FW_FLOAT_LANES == 16
#define FW_BYTES_LOAD(p) \
    _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(p))))
#elif FW_FLOAT_LANES == 8
#define FW_BYTES_LOAD(p) \
    _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(p))))
#else
static inline fw_float_vector fw_bytes_load(const int8_t *p) {
    fw_float_vector v;
    int i;
    for (i = 0; i < 4; i++) v.lane[i] = p[i];
    return v;
}
#define FW_BYTES_LOAD(p) fw_bytes_load(p)
#endif

/* Whether a row is surely not among the best so far, of which `worst` is the last one: product /
   sqrt(squares) is below it. Its length need not be computed then. */
static inline int fw_far_below(float product, float squares, float worst) {
    const float most = worst > 0 ? 0.9999f * worst * worst : -1.0f;
    return product * fabsf(product) < most * squares && squares > 1e-30f && squares < 1e30f;
}

/* The same of four rows. Comparisons are nearly always true, which a CPU foresees; one with the sign
   of a product alone would cost more than the product. */
static inline int fw_all_far_below(const float *products, const float *squares, float worst) {
    int r;
    for (r = 0; r < 4; r++)
        if (!fw_far_below(products[r], squares[r], worst)) return 0;
    return 1;
}

/* Bit j tells whether products[j] * scale reaches worst[j], for 16 queries. */
static inline unsigned fw_reaching_float(const float *products, float scale, const float *worst) {
#if FW_FLOAT_LANES == 16
    const __m512 scores = _mm512_mul_ps(_mm512_loadu_ps(products), _mm512_set1_ps(scale));
    return _mm512_cmp_ps_mask(scores, _mm512_loadu_ps(worst), _CMP_GE_OQ);
#elif FW_FLOAT_LANES == 8
    const __m256 all = _mm256_set1_ps(scale);
    const __m256 low = _mm256_mul_ps(_mm256_loadu_ps(products), all);
    const __m256 high = _mm256_mul_ps(_mm256_loadu_ps(products + 8), all);
    const __m256 a = _mm256_cmp_ps(low, _mm256_loadu_ps(worst), _CMP_GE_OQ);
    const __m256 b = _mm256_cmp_ps(high, _mm256_loadu_ps(worst + 8), _CMP_GE_OQ);
    return (unsigned)_mm256_movemask_ps(a) | (unsigned)_mm256_movemask_ps(b) << 8;
#else
    unsigned bits = 0;
    int j;
    for (j = 0; j < 16; j++) bits |= (unsigned)(products[j] * scale >= worst[j]) << j;
    return bits;
#endif
}
static inline unsigned fw_reaching_double(const double *products, double scale,
                                          const double *worst) {
    unsigned bits = 0;
    int j;
    for (j = 0; j < 16; j++) bits |= (unsigned)(products[j] * scale >= worst[j]) << j;
    return bits;
}

#define FOUR fw_rank_four_float
#define NUMBER float
#define LOAD FW_FLOAT_LOAD
#define LOAD_SOME(left, p) _mm512_maskz_loadu_ps(left, p)
#define VALUE(x) (x)
#include "ranking_four.h"

#define FOUR fw_rank_four_half
#define NUMBER uint16_t
#define LOAD FW_HALVES_LOAD
#define LOAD_SOME(left, p) _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(left, p))
#define VALUE(x) fw_float_of_half(x)
#include "ranking_four.h"

#define FOUR fw_rank_four_bytes
#define NUMBER int8_t
#define LOAD FW_BYTES_LOAD
#define LOAD_SOME(left, p) \
    _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(left, p)))
#define VALUE(x) (float)(x)
#include "ranking_four.h"

#endif
