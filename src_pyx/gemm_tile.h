/* The register tile of matrix products: up to FW_TILE_ROWS rows of A times one panel of B.

   A tile holds two vectors of LANES columns in each row, and as many rows as there are registers
   for. The tiles are more code than the rest of a module with products, so they are compiled once a
   level, into _gemm (gemm_tile_code.h). The other modules call them through a table of functions:
   see use_tiles of common_gemm.pxd. */
#ifndef FASTW2V_GEMM_TILE_H
#define FASTW2V_GEMM_TILE_H

#include <stdlib.h>

#include "simd.h"

#if FW_FLOAT_LANES == 16
#define FW_TILE_ROWS 10
#elif FW_FLOAT_LANES == 8
#define FW_TILE_ROWS 6
#else
#define FW_TILE_ROWS 4
#endif

#define FW_FLOAT_COLUMNS (2 * FW_FLOAT_LANES)
#define FW_DOUBLE_COLUMNS (2 * FW_DOUBLE_LANES)
#define FW_TILE_SIZE (FW_TILE_ROWS * FW_FLOAT_COLUMNS)

/* The functions for one type. */
#define FW_TILE_TABLE(T)                                                                         \
    typedef struct {                                                                             \
        void (*tile[FW_TILE_ROWS + 1])(T *, ptrdiff_t, ptrdiff_t, const T *, ptrdiff_t,          \
                                       ptrdiff_t, const T *, ptrdiff_t, ptrdiff_t, ptrdiff_t,    \
                                       int, const T *); /* by the number of rows */              \
        void (*row)(T *, ptrdiff_t, const T *, ptrdiff_t, const T *, ptrdiff_t, ptrdiff_t, int,  \
                    const T *);                                                                  \
        void (*row_turned)(T *, ptrdiff_t, const T *, ptrdiff_t, const T *, ptrdiff_t,           \
                           ptrdiff_t, int, const T *);                                           \
        void (*pack_turned)(T *, const T *, ptrdiff_t, ptrdiff_t, ptrdiff_t);                    \
        void (*pack_rows)(T *, const T *, ptrdiff_t, ptrdiff_t, ptrdiff_t);                      \
    } fw_tiles_##T;
FW_TILE_TABLE(float)
FW_TILE_TABLE(double)

typedef struct {
    const fw_tiles_float *of_float;
    const fw_tiles_double *of_double;
} fw_tiles;
static fw_tiles fw_tiles_of_module;

static inline void fw_use_tiles(const void *tiles) { fw_tiles_of_module = *(const fw_tiles *)tiles; }

/* Calls through the table, under plain names. */
#define FW_TILE_CALLERS(T)                                                                       \
    static inline void fw_tile_##T(T *out, ptrdiff_t ldo, ptrdiff_t rows, ptrdiff_t n,           \
                                   const T *a, ptrdiff_t a_rs, ptrdiff_t a_cs, const T *b,       \
                                   ptrdiff_t ldb, ptrdiff_t ahead, ptrdiff_t K, int accumulate,  \
                                   const T *bias) {                                              \
        fw_tiles_of_module.of_##T->tile[rows](out, ldo, n, a, a_rs, a_cs, b, ldb, ahead, K,      \
                                              accumulate, bias);                                 \
    }                                                                                            \
    static inline void fw_row_##T(T *out, ptrdiff_t n, const T *a, ptrdiff_t a_cs, const T *b,   \
                                  ptrdiff_t ldb, ptrdiff_t K, int accumulate, const T *bias) {   \
        fw_tiles_of_module.of_##T->row(out, n, a, a_cs, b, ldb, K, accumulate, bias);            \
    }                                                                                            \
    static inline void fw_row_turned_##T(T *out, ptrdiff_t n, const T *a, ptrdiff_t a_cs,        \
                                         const T *b, ptrdiff_t step, ptrdiff_t K,                \
                                         int accumulate, const T *bias) {                        \
        fw_tiles_of_module.of_##T->row_turned(out, n, a, a_cs, b, step, K, accumulate, bias);    \
    }                                                                                            \
    static inline void fw_pack_turned_##T(T *to, const T *b, ptrdiff_t step, ptrdiff_t K,        \
                                          ptrdiff_t n) {                                         \
        fw_tiles_of_module.of_##T->pack_turned(to, b, step, K, n);                               \
    }                                                                                            \
    static inline void fw_pack_rows_##T(T *to, const T *b, ptrdiff_t step, ptrdiff_t K,          \
                                        ptrdiff_t n) {                                           \
        fw_tiles_of_module.of_##T->pack_rows(to, b, step, K, n);                                 \
    }
FW_TILE_CALLERS(float)
FW_TILE_CALLERS(double)

/* Memory that starts at a cache line, not set to anything; NULL if there is none. */
static inline void *fw_aligned_alloc(size_t n_bytes) {
    char *block = (char *)malloc(n_bytes + 64 + sizeof(void *)), *start;
    if (!block) return NULL;
    start = (char *)(((uintptr_t)block + sizeof(void *) + 63) & ~(uintptr_t)63);
    memcpy(start - sizeof(void *), &block, sizeof block);
    return start;
}

static inline void fw_aligned_free(void *start) {
    char *block;
    if (!start) return;
    memcpy(&block, (char *)start - sizeof(void *), sizeof block);
    free(block);
}

#endif
