/* Four rows with one query for one type of rows; ranking_simd.h defines FOUR, NUMBER and the loads.

   The numbers after the last whole vector of a row are added one by one, or in vectors of 16 with a
   mask. Included once per type, so it has no guard. */
static inline void FOUR(float *products, float *squares, const NUMBER *rows, ptrdiff_t ld,
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
            const fw_float_vector x = LOAD(rows + r * ld + d);
            p[r] = FW_FLOAT_MADD(x, q, p[r]);
            s[r] = FW_FLOAT_MADD(x, x, s[r]);
        }
    }
#if FW_FLOAT_LANES == 16
    if (d < D) {
        const __mmask16 left = (__mmask16)((1u << (D - d)) - 1);
        const __m512 q = _mm512_maskz_loadu_ps(left, query + d);
#pragma GCC unroll 4
        for (r = 0; r < 4; r++) {
            const __m512 x = LOAD_SOME(left, rows + r * ld + d);
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
            const float x = VALUE(rows[r * ld + d]);
            products[r] += x * query[d];
            squares[r] += x * x;
        }
}

#undef FOUR
#undef NUMBER
#undef LOAD
#undef LOAD_SOME
#undef VALUE
