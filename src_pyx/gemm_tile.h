/* The register tile of matrix products: up to FW_TILE_ROWS rows of A times one panel of B.

   gemm_tile_rows.h is the algorithm, once for float and once for double; a tile holds two vectors of
   LANES columns in each row, and as many rows as there are registers for. */
#ifndef FASTW2V_GEMM_TILE_H
#define FASTW2V_GEMM_TILE_H

#include <math.h>
#include <stdlib.h>

#include "simd.h"

#if FW_FLOAT_LANES == 16
#define FW_TILE_ROWS 10
#elif FW_FLOAT_LANES == 8
#define FW_TILE_ROWS 6
#else
#define FW_TILE_ROWS 4
#endif

#if (defined(__GNUC__) || defined(__clang__)) && !defined(FASTW2V_PORTABLE)
/* Not inlined: each call site would get a copy. Not all of them are used in every module. */
#define FW_FUNCTION static __attribute__((noinline, unused))
#else
#define FW_FUNCTION static
#endif

/* The same for one number. */
#if FW_FMA
#define FW_ONE_FLOAT_MADD(a, b, c) fmaf(a, b, c)
#define FW_ONE_DOUBLE_MADD(a, b, c) fma(a, b, c)
#else
#define FW_ONE_FLOAT_MADD(a, b, c) ((a) * (b) + (c))
#define FW_ONE_DOUBLE_MADD(a, b, c) ((a) * (b) + (c))
#endif

#define FW_FLOAT_COLUMNS (2 * FW_FLOAT_LANES)
#define FW_DOUBLE_COLUMNS (2 * FW_DOUBLE_LANES)
#define FW_TILE_SIZE (FW_TILE_ROWS * FW_FLOAT_COLUMNS)

/* One line for each row of a tile. */
#define FW_EACH_1(S) S(0)
#define FW_EACH_2(S) FW_EACH_1(S) S(1)
#define FW_EACH_3(S) FW_EACH_2(S) S(2)
#define FW_EACH_4(S) FW_EACH_3(S) S(3)
#define FW_EACH_5(S) FW_EACH_4(S) S(4)
#define FW_EACH_6(S) FW_EACH_5(S) S(5)
#define FW_EACH_7(S) FW_EACH_6(S) S(6)
#define FW_EACH_8(S) FW_EACH_7(S) S(7)
#define FW_EACH_9(S) FW_EACH_8(S) S(8)
#define FW_EACH_10(S) FW_EACH_9(S) S(9)
#define FW_JOIN_(a, b) a##b
#define FW_JOIN(a, b) FW_JOIN_(a, b)

#define T float
#define VECTOR fw_float_vector
#define LANES FW_FLOAT_LANES
#define ZERO FW_FLOAT_ZERO
#define LOAD FW_FLOAT_LOAD
#define STORE FW_FLOAT_STORE
#define ALL FW_FLOAT_ALL
#define ADD FW_FLOAT_ADD
#define MADD FW_FLOAT_MADD
#define ONE_MADD FW_ONE_FLOAT_MADD
#define GATHER FW_FLOAT_GATHER
#define TURN FW_FLOAT_TURN
#define NAME(x) FW_JOIN(x, _float)
#include "gemm_tile_rows.h"

#define T double
#define VECTOR fw_double_vector
#define LANES FW_DOUBLE_LANES
#define ZERO FW_DOUBLE_ZERO
#define LOAD FW_DOUBLE_LOAD
#define STORE FW_DOUBLE_STORE
#define ALL FW_DOUBLE_ALL
#define ADD FW_DOUBLE_ADD
#define MADD FW_DOUBLE_MADD
#define ONE_MADD FW_ONE_DOUBLE_MADD
#define GATHER FW_DOUBLE_GATHER
#define TURN FW_DOUBLE_TURN
#define NAME(x) FW_JOIN(x, _double)
#include "gemm_tile_rows.h"

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
