/* Sums of rows of words and n-grams, and changes of all of them, in vector registers.

   A word has a row of its own and those of n n-grams, table[places[i]]. These rows have D floats
   and start at any multiple of four bytes. Only columns [begin, end) are computed:
     compose  to = scale * (own + sum of the rows of n-grams)
     spread   own += now - before, and so do the rows of n-grams, a row that is there twice twice
   Each column is added up in the order of the rows, so cuts into columns do not affect bits. */
#ifndef FASTW2V_WORD2VEC_SUBWORDS_SIMD_H
#define FASTW2V_WORD2VEC_SUBWORDS_SIMD_H

#include "word2vec_simd.h"

#if (defined(__GNUC__) || defined(__clang__)) && !defined(FASTW2V_PORTABLE)
/* The empty statement is for GCC, which drops calls of functions that only prefetch. */
#define FW_KEEP_PREFETCHES() __asm__ volatile("")
#else
#define FW_KEEP_PREFETCHES() ((void)0)
#endif

/* The place of the lowest bit that is 1; there is one. */
FW_INLINE int fw_count_zeros(uint64_t bits) {
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_ctzll(bits);
#else
    int n = 0;
    while (!(bits & 1)) {
        bits >>= 1;
        n++;
    }
    return n;
#endif
}

FW_INLINE void fw_compose_few(float *to, const float *own, const float *table,
                              const int32_t *places, ptrdiff_t n, ptrdiff_t D, float scale,
                              ptrdiff_t d, int TV) {
    const fw_float_vector each = FW_FLOAT_ALL(scale), zero = FW_FLOAT_ZERO();
    fw_float_vector s[FW_TV];
    ptrdiff_t t;
    int i;
#pragma GCC unroll 8
    for (i = 0; i < TV; i++) s[i] = FW_FLOAT_LOAD(own + d + i * FW_FLOAT_LANES);
    for (t = 0; t < n; t++) {
        const float *row = table + places[t] * D + d;
#pragma GCC unroll 8
        for (i = 0; i < TV; i++) s[i] = FW_FLOAT_ADD(s[i], FW_FLOAT_LOAD(row + i * FW_FLOAT_LANES));
    }
#pragma GCC unroll 8
    for (i = 0; i < TV; i++)
        FW_FLOAT_STORE(to + d + i * FW_FLOAT_LANES, FW_FLOAT_MADD(each, s[i], zero));
}

FW_INLINE void fw_spread_few(float *own, float *table, const int32_t *places, ptrdiff_t n,
                             ptrdiff_t D, const float *now, const float *before, ptrdiff_t d,
                             int TV) {
    const fw_float_vector less = FW_FLOAT_ALL(-1);
    fw_float_vector s[FW_TV];
    ptrdiff_t t;
    int i;
#pragma GCC unroll 8
    for (i = 0; i < TV; i++) {
        const ptrdiff_t o = d + i * FW_FLOAT_LANES;
        s[i] = FW_FLOAT_MADD(less, FW_FLOAT_LOAD(before + o), FW_FLOAT_LOAD(now + o));
        FW_FLOAT_STORE(own + o, FW_FLOAT_ADD(FW_FLOAT_LOAD(own + o), s[i]));
    }
    for (t = 0; t < n; t++) {
        float *row = table + places[t] * D + d;
#pragma GCC unroll 8
        for (i = 0; i < TV; i++) {
            float *at = row + i * FW_FLOAT_LANES;
            FW_FLOAT_STORE(at, FW_FLOAT_ADD(FW_FLOAT_LOAD(at), s[i]));
        }
    }
}

/* CALL(TV) over all whole vectors of columns [d, end), and then REST(count) over four or fewer
   columns at a time: no load or store may reach another part's columns. */
#define FW_ALL_COLUMNS(CALL, REST)                                              \
    FW_WHOLE_VECTORS(CALL, end)                                                 \
    d += (end - d) / FW_FLOAT_LANES * FW_FLOAT_LANES;                           \
    for (; d + 4 <= end; d += 4) REST(4);                                       \
    for (; d < end; d++) REST(1);

FW_INLINE void fw_compose_rest(float *to, const float *own, const float *table,
                               const int32_t *places, ptrdiff_t n, ptrdiff_t D, float scale,
                               ptrdiff_t d, int count) {
    float s[4];
    ptrdiff_t t;
    int i;
    for (i = 0; i < count; i++) s[i] = own[d + i];
    for (t = 0; t < n; t++) {
        const float *row = table + places[t] * D + d;
        for (i = 0; i < count; i++) s[i] += row[i];
    }
    for (i = 0; i < count; i++) to[d + i] = scale * s[i];
}

FW_INLINE void fw_spread_rest(float *own, float *table, const int32_t *places, ptrdiff_t n,
                              ptrdiff_t D, const float *now, const float *before, ptrdiff_t d,
                              int count) {
    float s[4];
    ptrdiff_t t;
    int i;
    for (i = 0; i < count; i++) {
        s[i] = now[d + i] - before[d + i];
        own[d + i] += s[i];
    }
    for (t = 0; t < n; t++) {
        float *row = table + places[t] * D + d;
        for (i = 0; i < count; i++) row[i] += s[i];
    }
}

static inline void fw_w2v_compose(float *to, const float *own, const float *table,
                                  const int32_t *places, ptrdiff_t n, ptrdiff_t D, float scale,
                                  ptrdiff_t begin, ptrdiff_t end) {
    ptrdiff_t d = begin;
#define FW_CALL(TV) fw_compose_few(to, own, table, places, n, D, scale, d, TV)
#define FW_REST(count) fw_compose_rest(to, own, table, places, n, D, scale, d, count)
    FW_ALL_COLUMNS(FW_CALL, FW_REST)
#undef FW_CALL
#undef FW_REST
}

static inline void fw_w2v_spread(float *own, float *table, const int32_t *places, ptrdiff_t n,
                                 ptrdiff_t D, const float *now, const float *before,
                                 ptrdiff_t begin, ptrdiff_t end) {
    ptrdiff_t d = begin;
#define FW_CALL(TV) fw_spread_few(own, table, places, n, D, now, before, d, TV)
#define FW_REST(count) fw_spread_rest(own, table, places, n, D, now, before, d, count)
    FW_ALL_COLUMNS(FW_CALL, FW_REST)
#undef FW_CALL
#undef FW_REST
}

/* Ask for columns [begin, end) of all rows of a word, to read or to write them. */
static inline void fw_w2v_ask_for_rows(const float *own, const float *table, const int32_t *places,
                                       ptrdiff_t n, ptrdiff_t D, ptrdiff_t begin, ptrdiff_t end) {
    ptrdiff_t t, d;
    for (d = begin; d < end; d += 16) FW_PREFETCH(own + d);
    for (t = 0; t < n; t++) {
        const float *row = table + places[t] * D;
        for (d = begin; d < end; d += 16) FW_PREFETCH(row + d);
        FW_PREFETCH(row + end - 1);
    }
    FW_KEEP_PREFETCHES();
}

#undef FW_KEEP_PREFETCHES
#undef FW_ALL_COLUMNS
#endif
