/* Four rows of a table with one query, in one pass: products and squares, float32 in vectors.

   The vectors are those of simd.h. Rows and query may start anywhere; the numbers
   after the last whole vector of a row are added one by one, or in vectors of 16 with a mask. */
#ifndef FASTW2V_RANKING_SIMD_H
#define FASTW2V_RANKING_SIMD_H

#include "word2vec_simd.h"

static inline void fw_rank_rows(float *products, float *squares, const float *rows, ptrdiff_t ld,
                         const float *query, ptrdiff_t D) {
    fw_float_vector p[4], s[4];
    ptrdiff_t d = 0;
    int r;
#pragma GCC unroll 4
    for (r = 0; r < 4; r++) p[r] = s[r] = FW_FLOAT_ZERO();
    for (; d + FW_FLOAT_LANES <= D; d += FW_FLOAT_LANES) {
        const fw_float_vector q = FW_FLOAT_LOAD(query + d);
#pragma GCC unroll 4
        for (r = 0; r < 4; r++) {
            const fw_float_vector x = FW_FLOAT_LOAD(rows + r * ld + d);
            p[r] = FW_FLOAT_MADD(x, q, p[r]);
            s[r] = FW_FLOAT_MADD(x, x, s[r]);
        }
    }
#if FW_FLOAT_LANES == 16
    if (d < D) {
        const __mmask16 left = (__mmask16)((1u << (D - d)) - 1);
        const __m512 q = _mm512_maskz_loadu_ps(left, query + d);
        for (r = 0; r < 4; r++) {
            const __m512 x = _mm512_maskz_loadu_ps(left, rows + r * ld + d);
            p[r] = FW_FLOAT_MADD(x, q, p[r]);
            s[r] = FW_FLOAT_MADD(x, x, s[r]);
        }
        d = D;
    }
#endif
    fw_sum_4(products, p);
    fw_sum_4(squares, s);
    for (; d < D; d++)
        for (r = 0; r < 4; r++) {
            products[r] += rows[r * ld + d] * query[d];
            squares[r] += rows[r * ld + d] * rows[r * ld + d];
        }
}

#endif
