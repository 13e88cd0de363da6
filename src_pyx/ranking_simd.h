/* Four rows of a table with one query, in one pass: products and squares in float32.

   A row holds float32, float16 (its bits) or int8 numbers, which are converted in registers;
   ranking_four.h is the algorithm, once for each type. The vectors are those of simd.h. Rows
   and query may start anywhere. */
#ifndef FASTW2V_RANKING_SIMD_H
#define FASTW2V_RANKING_SIMD_H

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
