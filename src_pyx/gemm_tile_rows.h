/* The tile for one type; gemm_tile_code.h defines T, VECTOR, LANES and the operations.

   Each number of rows has a function of its own, made from this one text, so a row gets the same
   operations in the same order in every tile: element (r, j) is a chain of multiply-adds from zero
   over k = 0 .. K - 1, to which `out` and `bias` are added last. Columns do not mix, so the content
   of a padding column, even NaN, stays there. */

/* A vector of the result: out = [out +] x [+ bias]. */
static inline void NAME(fw_finish)(T *out, VECTOR x, int accumulate, const T *bias) {
    if (accumulate) x = ADD(LOAD(out), x);
    if (bias) x = ADD(x, LOAD(bias));
    STORE(out, x);
}

/* The same for the first n columns of a tile if they do not fill whole vectors. */
FW_FUNCTION void NAME(fw_finish_some)(T *out, ptrdiff_t ldo, ptrdiff_t rows, ptrdiff_t n,
                                      const T *tile, int accumulate, const T *bias) {
    ptrdiff_t r, j;
    for (r = 0; r < rows; r++)
        for (j = 0; j < n; j++) {
            T x = tile[r * 2 * LANES + j];
            if (accumulate) x = out[r * ldo + j] + x;
            if (bias) x = x + bias[j];
            out[r * ldo + j] = x;
        }
}

/* Memory of the result is prefetched before the work begins, memory `ahead` of b during it. */
static inline void NAME(fw_prefetch_out)(const T *p) {
    FW_PREFETCH_WRITE(p);
    if (sizeof(VECTOR) == 64) FW_PREFETCH_WRITE(p + LANES);
    FW_PREFETCH_WRITE(p + 2 * LANES - 1);
}

static inline void NAME(fw_prefetch_panel)(const T *p) {
    FW_PREFETCH(p);
    if (sizeof(VECTOR) == 64) FW_PREFETCH(p + LANES);
}

#define FW_ROW_START(r) NAME(fw_prefetch_out)(out + r * ldo);
#define FW_ROW_ZERO(r) VECTOR x##r = ZERO(), y##r = ZERO();
#define FW_ROW_STEP(r)                        \
    {                                         \
        const VECTOR each = ALL(a[r * a_rs]); \
        x##r = MADD(each, b0, x##r);          \
        y##r = MADD(each, b1, y##r);          \
    }
#define FW_ROW_FINISH(r)                                       \
    NAME(fw_finish)(out + r * ldo, x##r, accumulate, bias);    \
    NAME(fw_finish)(out + r * ldo + LANES, y##r, accumulate, bias ? bias + LANES : bias);
#define FW_ROW_KEEP(r)                     \
    STORE(tile + r * 2 * LANES, x##r);     \
    STORE(tile + r * 2 * LANES + LANES, y##r);
#define FW_HALF_ZERO(r) VECTOR x##r = ZERO();
#define FW_HALF_STEP(r) x##r = MADD(ALL(a[r * a_rs]), b0, x##r);
#define FW_HALF_FINISH(r) NAME(fw_finish)(out + r * ldo, x##r, accumulate, bias);
#define FW_HALF_KEEP(r) STORE(tile + r * 2 * LANES, x##r);
#define FW_DEFINE_TILE(R)                                                                      \
    FW_FUNCTION void NAME(fw_tile_##R)(T * out, ptrdiff_t ldo, ptrdiff_t n, const T *a,        \
                                  ptrdiff_t a_rs, ptrdiff_t a_cs, const T *b, ptrdiff_t ldb,   \
                                  ptrdiff_t ahead, ptrdiff_t K, int accumulate,                \
                                  const T *bias) {                                             \
        T tile[R * 2 * LANES];                                                                 \
        ptrdiff_t k;                                                                           \
        if (n > LANES) {                                                                       \
            FW_EACH_##R(FW_ROW_START)                                                          \
            FW_EACH_##R(FW_ROW_ZERO)                                                           \
            for (k = 0; k < K; k++) {                                                          \
                const VECTOR b0 = LOAD(b), b1 = LOAD(b + LANES);                               \
                NAME(fw_prefetch_panel)(b + ahead);                                            \
                FW_EACH_##R(FW_ROW_STEP)                                                       \
                a += a_cs;                                                                     \
                b += ldb;                                                                      \
            }                                                                                  \
            FW_FORGET(out);                                                                    \
            if (n >= 2 * LANES) {                                                              \
                FW_EACH_##R(FW_ROW_FINISH)                                                     \
                return;                                                                        \
            }                                                                                  \
            FW_EACH_##R(FW_ROW_KEEP)                                                           \
        } else {                                                                               \
            FW_EACH_##R(FW_HALF_ZERO)                                                          \
            for (k = 0; k < K; k++) {                                                          \
                const VECTOR b0 = LOAD(b);                                                     \
                FW_EACH_##R(FW_HALF_STEP)                                                      \
                a += a_cs;                                                                     \
                b += ldb;                                                                      \
            }                                                                                  \
            FW_FORGET(out);                                                                    \
            if (n == LANES) {                                                                  \
                FW_EACH_##R(FW_HALF_FINISH)                                                    \
                return;                                                                        \
            }                                                                                  \
            FW_EACH_##R(FW_HALF_KEEP)                                                          \
        }                                                                                      \
        NAME(fw_finish_some)(out, ldo, R, n, tile, accumulate, bias);                          \
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

/* One row, B where it lies: out (n,) = [out +] a B [+ bias], the chains of the tile. Rows of B are
   read from left to right, four at a time, with the sums of a stretch of columns beside them. */
FW_FUNCTION void NAME(fw_row_here)(T *out, ptrdiff_t n, const T *a, ptrdiff_t a_cs, const T *b,
                                   ptrdiff_t ldb, ptrdiff_t K, int accumulate, const T *bias) {
    enum { STRETCH = 1024 };
    T sums[STRETCH];
    ptrdiff_t at, j, k, width, whole;
    for (at = 0; at < n; at += STRETCH) {
        width = n - at < STRETCH ? n - at : STRETCH;
        whole = width / LANES * LANES;
        for (j = 0; j < whole; j += LANES) STORE(sums + j, ZERO());
        for (; j < width; j++) sums[j] = 0;
        for (k = 0; k + 4 <= K; k += 4) {
            const T *row = b + k * ldb + at;
            const T p = a[k * a_cs], q = a[(k + 1) * a_cs];
            const T r = a[(k + 2) * a_cs], s = a[(k + 3) * a_cs];
            const VECTOR every_p = ALL(p), every_q = ALL(q), every_r = ALL(r), every_s = ALL(s);
            for (j = 0; j < whole; j += LANES) {
                VECTOR x = MADD(every_p, LOAD(row + j), LOAD(sums + j));
                x = MADD(every_q, LOAD(row + ldb + j), x);
                x = MADD(every_r, LOAD(row + 2 * ldb + j), x);
                STORE(sums + j, MADD(every_s, LOAD(row + 3 * ldb + j), x));
            }
            for (; j < width; j++) {
                T x = ONE_MADD(p, row[j], sums[j]);
                x = ONE_MADD(q, row[ldb + j], x);
                x = ONE_MADD(r, row[2 * ldb + j], x);
                sums[j] = ONE_MADD(s, row[3 * ldb + j], x);
            }
        }
        for (; k < K; k++) {
            const T *row = b + k * ldb + at;
            const T p = a[k * a_cs];
            for (j = 0; j < whole; j += LANES)
                STORE(sums + j, MADD(ALL(p), LOAD(row + j), LOAD(sums + j)));
            for (; j < width; j++) sums[j] = ONE_MADD(p, row[j], sums[j]);
        }
        for (j = 0; j < whole; j += LANES)
            NAME(fw_finish)(out + at + j, LOAD(sums + j), accumulate, bias ? bias + at + j : bias);
        for (; j < width; j++) {
            T x = sums[j];
            if (accumulate) x = out[at + j] + x;
            if (bias) x = x + bias[at + j];
            out[at + j] = x;
        }
    }
}

/* The same where the columns of B are contiguous: b[j * step + k]. Squares of B are turned in
   registers. Two vectors of columns go together, as each is one chain; the lines of the next two
   are fetched meanwhile, as their columns are too many runs for the CPU to foresee. */
FW_FUNCTION void NAME(fw_row_turned_here)(T *out, ptrdiff_t n, const T *a, ptrdiff_t a_cs, const T *b,
                                          ptrdiff_t step, ptrdiff_t K, int accumulate,
                                          const T *bias) {
    enum { SQUARE = 16 / sizeof(T), LINE = 64 / sizeof(T), TURNS = LINE / SQUARE };
    T columns[2 * LANES];
    ptrdiff_t begin, k;
    int q;
    for (begin = 0; n >= 2 * LANES && begin < n; begin += 2 * LANES) {
        const int whole = begin + 2 * LANES <= n, more = begin + 4 * LANES <= n;
        const T *left = b + (whole ? begin : n - 2 * LANES) * step;
        const T *right = left + LANES * step, *next = right + LANES * step;
        VECTOR x = ZERO(), y = ZERO(), s[SQUARE], t[SQUARE];
        for (k = 0; k + SQUARE <= K; k += SQUARE) {
            if (more)
                for (q = (int)(k / SQUARE % TURNS); q < 2 * LANES; q += TURNS)
                    FW_PREFETCH(next + q * step + k);
            for (q = 0; q < SQUARE; q++) {
                s[q] = GATHER(left + q * step + k, SQUARE * step);
                t[q] = GATHER(right + q * step + k, SQUARE * step);
            }
            TURN(s);
            TURN(t);
            for (q = 0; q < SQUARE; q++) {
                const VECTOR each = ALL(a[(k + q) * a_cs]);
                x = MADD(each, s[q], x);
                y = MADD(each, t[q], y);
            }
        }
        for (; k < K; k++) {
            const VECTOR each = ALL(a[k * a_cs]);
            for (q = 0; q < 2 * LANES; q++) columns[q] = left[q * step + k];
            x = MADD(each, LOAD(columns), x);
            y = MADD(each, LOAD(columns + LANES), y);
        }
        if (whole) {
            NAME(fw_finish)(out + begin, x, accumulate, bias ? bias + begin : bias);
            NAME(fw_finish)(out + begin + LANES, y, accumulate, bias ? bias + begin + LANES : bias);
        } else {
            STORE(columns, x);
            STORE(columns + LANES, y);
            NAME(fw_finish_some)(out + begin, 0, 1, n - begin, columns + begin - (n - 2 * LANES),
                                 accumulate, bias ? bias + begin : bias);
        }
    }
    if (n >= 2 * LANES) return;
    for (q = 0; q < n; q++) {
        columns[q] = 0;
        for (k = 0; k < K; k++) columns[q] = ONE_MADD(a[k * a_cs], b[q * step + k], columns[q]);
    }
    NAME(fw_finish_some)(out, 0, 1, n, columns, accumulate, bias);
}

/* n multiply-adds of vectors that stay in registers, as many independent ones as in the tile. They
   give benches the speed that no product can exceed. */
#define FW_ROW_REGISTERS(r)     \
    x##r = MADD(x##r, each, b); \
    y##r = MADD(y##r, each, b);
#define FW_ROW_DIFFERENT(r) /* or the compiler would do one for all */ \
    VECTOR x##r = ALL(start + r), y##r = ALL(start - r - 1);
#define FW_ROW_TOTAL(r) each = ADD(each, ADD(x##r, y##r));
FW_FUNCTION T NAME(fw_registers)(ptrdiff_t n, T start) {
    VECTOR each = ALL(start), b = ALL(start);
    T total[LANES];
    FW_JOIN(FW_EACH_, FW_TILE_ROWS)(FW_ROW_DIFFERENT)
    for (; n > 0; n -= 2 * FW_TILE_ROWS) { FW_JOIN(FW_EACH_, FW_TILE_ROWS)(FW_ROW_REGISTERS) }
    FW_JOIN(FW_EACH_, FW_TILE_ROWS)(FW_ROW_TOTAL)
    STORE(total, each);
    return total[0];
}

/* Columns of a panel from a matrix whose columns are contiguous: to[k, j] = b[j * step + k]. The last
   columns go through squares, too: those that begin LANES before the end, some a second time. */
FW_FUNCTION void NAME(fw_pack_turned_here)(T *to, const T *b, ptrdiff_t step, ptrdiff_t K,
                                           ptrdiff_t n) {
    enum { SQUARE = 16 / sizeof(T) };
    VECTOR x[SQUARE];
    ptrdiff_t begin, j, k;
    int q;
    for (begin = 0; n >= LANES && begin < n; begin += LANES) {
        j = begin + LANES <= n ? begin : n - LANES;
        for (k = 0; k + SQUARE <= K; k += SQUARE) {
            for (q = 0; q < SQUARE; q++)
                x[q] = GATHER(b + (j + q) * step + k, SQUARE * step);
            TURN(x);
            for (q = 0; q < SQUARE; q++) STORE(to + (k + q) * 2 * LANES + j, x[q]);
        }
        for (; k < K; k++)
            for (q = 0; q < LANES; q++) to[k * 2 * LANES + j + q] = b[(j + q) * step + k];
    }
    if (n >= LANES) return;
    for (j = 0; j < n; j++)
        for (k = 0; k < K; k++) to[k * 2 * LANES + j] = b[j * step + k];
}

/* Columns of panels from rows: to[k, j] = b[k * step + j]. All panels of a row at once: runs that
   memory likes. */
FW_FUNCTION void NAME(fw_pack_rows_here)(T *to, const T *b, ptrdiff_t step, ptrdiff_t K,
                                         ptrdiff_t n) {
    ptrdiff_t j, k;
    for (k = 0; k < K; k++) {
        const T *row = b + k * step;
        T *panel = to + k * 2 * LANES;
        for (j = 0; j + 2 * LANES <= n; j += 2 * LANES) {
            NAME(fw_prefetch_panel)(row + j + 8 * step);
            STORE(panel, LOAD(row + j));
            STORE(panel + LANES, LOAD(row + j + LANES));
            panel += K * 2 * LANES;
        }
        if (j + LANES <= n) {
            STORE(panel, LOAD(row + j));
            panel += LANES;
            j += LANES;
        }
        for (; j < n; j++) *panel++ = row[j];
    }
}

static const NAME(fw_tiles) NAME(fw_tiles_here) = {
    {0, NAME(fw_tile_1), NAME(fw_tile_2), NAME(fw_tile_3), NAME(fw_tile_4),
#if FW_TILE_ROWS > 4
     NAME(fw_tile_5), NAME(fw_tile_6),
#endif
#if FW_TILE_ROWS > 6
     NAME(fw_tile_7), NAME(fw_tile_8), NAME(fw_tile_9), NAME(fw_tile_10),
#endif
    },
    NAME(fw_row_here),
    NAME(fw_row_turned_here),
    NAME(fw_pack_turned_here),
    NAME(fw_pack_rows_here)};

#undef FW_ROW_START
#undef FW_ROW_ZERO
#undef FW_ROW_STEP
#undef FW_ROW_FINISH
#undef FW_ROW_KEEP
#undef FW_HALF_ZERO
#undef FW_HALF_STEP
#undef FW_HALF_FINISH
#undef FW_HALF_KEEP
#undef FW_DEFINE_TILE
#undef FW_ROW_REGISTERS
#undef FW_ROW_DIFFERENT
#undef FW_ROW_TOTAL
#undef T
#undef VECTOR
#undef LANES
#undef ZERO
#undef LOAD
#undef STORE
#undef ALL
#undef ADD
#undef MADD
#undef ONE_MADD
#undef GATHER
#undef TURN
#undef NAME
