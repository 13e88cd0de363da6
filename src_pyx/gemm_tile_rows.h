/* The tile for one type: gemm_tile.h says what T, VECTOR, LANES and the operations are.

   For each number of rows a function of its own, all from this one text, so that a row gets the
   same operations in the same order whichever tile it is in: element (r, j) is a chain of
   multiply-adds from zero over k = 0 .. K - 1. Only then comes what is added to it, `out` and
   `bias`. Columns do not meet, so what a padding column holds, even NaN, stays there. */

/* One row of the result: out = [out +] (x0, x1) [+ bias], its first n columns. */
static inline void NAME(fw_finish_row)(T *out, ptrdiff_t n, VECTOR x0, VECTOR x1, int accumulate,
                                       const T *bias) {
    T whole[2 * LANES];
    ptrdiff_t j;
    if (n == 2 * LANES) {
        if (accumulate) {
            x0 = ADD(LOAD(out), x0);
            x1 = ADD(LOAD(out + LANES), x1);
        }
        if (bias) {
            x0 = ADD(x0, LOAD(bias));
            x1 = ADD(x1, LOAD(bias + LANES));
        }
        STORE(out, x0);
        STORE(out + LANES, x1);
        return;
    }
    STORE(whole, x0);
    STORE(whole + LANES, x1);
    if (accumulate)
        for (j = 0; j < n; j++) whole[j] = out[j] + whole[j];
    if (bias)
        for (j = 0; j < n; j++) whole[j] = whole[j] + bias[j];
    for (j = 0; j < n; j++) out[j] = whole[j];
}

#define FW_ROW_START(r) VECTOR x##r##_0 = ZERO(), x##r##_1 = ZERO();
#define FW_ROW_STEP(r)                        \
    {                                         \
        const VECTOR each = ALL(a[r * a_rs]); \
        x##r##_0 = MADD(each, b0, x##r##_0);  \
        x##r##_1 = MADD(each, b1, x##r##_1);  \
    }
#define FW_ROW_FINISH(r) \
    NAME(fw_finish_row)(out + r * ldo, n, x##r##_0, x##r##_1, accumulate, bias);
#define FW_DEFINE_TILE(R)                                                                      \
    static void NAME(fw_tile_##R)(T * out, ptrdiff_t ldo, ptrdiff_t n, const T *a,             \
                                  ptrdiff_t a_rs, ptrdiff_t a_cs, const T *b, ptrdiff_t ldb,   \
                                  ptrdiff_t K, int accumulate, const T *bias) {                \
        ptrdiff_t k;                                                                           \
        FW_EACH_##R(FW_ROW_START);                                                             \
        for (k = 0; k < K; k++) {                                                              \
            const VECTOR b0 = LOAD(b), b1 = LOAD(b + LANES);                                   \
            FW_EACH_##R(FW_ROW_STEP);                                                          \
            a += a_cs;                                                                         \
            b += ldb;                                                                          \
        }                                                                                      \
        FW_EACH_##R(FW_ROW_FINISH);                                                            \
    }

FW_DEFINE_TILE(1)
FW_DEFINE_TILE(2)
FW_DEFINE_TILE(3)
FW_DEFINE_TILE(4)
#if FW_TILE_ROWS > 4
FW_DEFINE_TILE(5)
FW_DEFINE_TILE(6)
#endif
#if FW_TILE_ROWS > 6
FW_DEFINE_TILE(7)
FW_DEFINE_TILE(8)
FW_DEFINE_TILE(9)
FW_DEFINE_TILE(10)
#endif

#define FW_TILE_ARGUMENTS out, ldo, n, a, a_rs, a_cs, b, ldb, K, accumulate, bias
static inline void NAME(fw_tile)(T *out, ptrdiff_t ldo, ptrdiff_t rows, ptrdiff_t n, const T *a,
                                 ptrdiff_t a_rs, ptrdiff_t a_cs, const T *b, ptrdiff_t ldb,
                                 ptrdiff_t K, int accumulate, const T *bias) {
    switch (rows) {
        case 1: NAME(fw_tile_1)(FW_TILE_ARGUMENTS); break;
        case 2: NAME(fw_tile_2)(FW_TILE_ARGUMENTS); break;
        case 3: NAME(fw_tile_3)(FW_TILE_ARGUMENTS); break;
        case 4: NAME(fw_tile_4)(FW_TILE_ARGUMENTS); break;
#if FW_TILE_ROWS > 4
        case 5: NAME(fw_tile_5)(FW_TILE_ARGUMENTS); break;
        case 6: NAME(fw_tile_6)(FW_TILE_ARGUMENTS); break;
#endif
#if FW_TILE_ROWS > 6
        case 7: NAME(fw_tile_7)(FW_TILE_ARGUMENTS); break;
        case 8: NAME(fw_tile_8)(FW_TILE_ARGUMENTS); break;
        case 9: NAME(fw_tile_9)(FW_TILE_ARGUMENTS); break;
        case 10: NAME(fw_tile_10)(FW_TILE_ARGUMENTS); break;
#endif
        default: break;
    }
}

#undef FW_ROW_START
#undef FW_ROW_STEP
#undef FW_ROW_FINISH
#undef FW_DEFINE_TILE
#undef FW_TILE_ARGUMENTS
#undef T
#undef VECTOR
#undef LANES
#undef ZERO
#undef LOAD
#undef STORE
#undef ALL
#undef ADD
#undef MADD
#undef NAME
