/* The register tile of matrix products: up to FW_TILE_ROWS rows of A times one panel of B.

   Vectors of each level, then gemm_tile_rows.h, which is the algorithm, once for float and once for
   double. The flags of the build forbid contraction: where there is a fused multiply-add it is
   asked for by name, elsewhere (and in portable builds) products are rounded before they are added.
   MADD(a, b, c) is a * b + c; a tile holds two vectors of LANES columns in each row.
   GATHER(p, step) puts a vector together from pieces of 16 bytes at p, p + step, p + 2 step ...;
   TURN exchanges rows and columns of the squares that the pieces of FW_SQUARE vectors form. */
#ifndef FASTW2V_GEMM_TILE_H
#define FASTW2V_GEMM_TILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__) && !defined(FASTW2V_PORTABLE)
#include <immintrin.h>

#define FW_TILE_FMA 1
#define FW_TILE_ROWS 10
#define FW_FLOAT_LANES 16
#define FW_DOUBLE_LANES 8
typedef __m512 fw_float_vector;
typedef __m512d fw_double_vector;
#define FW_FLOAT_ZERO() _mm512_setzero_ps()
#define FW_FLOAT_LOAD(p) _mm512_loadu_ps(p)
#define FW_FLOAT_STORE(p, x) _mm512_storeu_ps(p, x)
#define FW_FLOAT_ALL(x) _mm512_set1_ps(x)
#define FW_FLOAT_ADD(x, y) _mm512_add_ps(x, y)
#define FW_FLOAT_MADD(a, b, c) _mm512_fmadd_ps(a, b, c)
#define FW_DOUBLE_ZERO() _mm512_setzero_pd()
#define FW_DOUBLE_LOAD(p) _mm512_loadu_pd(p)
#define FW_DOUBLE_STORE(p, x) _mm512_storeu_pd(p, x)
#define FW_DOUBLE_ALL(x) _mm512_set1_pd(x)
#define FW_DOUBLE_ADD(x, y) _mm512_add_pd(x, y)
#define FW_DOUBLE_MADD(a, b, c) _mm512_fmadd_pd(a, b, c)
#define FW_FLOAT_GATHER(p, step) fw_gather_float(p, step)
#define FW_DOUBLE_GATHER(p, step) fw_gather_double(p, step)
#define FW_FLOAT_TURN(x) fw_turn_float(x)
#define FW_DOUBLE_TURN(x) fw_turn_double(x)
static inline __m512 fw_gather_float(const float *p, ptrdiff_t step) {
    __m512 x = _mm512_castps128_ps512(_mm_loadu_ps(p));
    x = _mm512_insertf32x4(x, _mm_loadu_ps(p + step), 1);
    x = _mm512_insertf32x4(x, _mm_loadu_ps(p + 2 * step), 2);
    return _mm512_insertf32x4(x, _mm_loadu_ps(p + 3 * step), 3);
}
static inline __m512d fw_gather_double(const double *p, ptrdiff_t step) {
    __m512d x = _mm512_castpd128_pd512(_mm_loadu_pd(p));
    x = _mm512_insertf64x2(x, _mm_loadu_pd(p + step), 1);
    x = _mm512_insertf64x2(x, _mm_loadu_pd(p + 2 * step), 2);
    return _mm512_insertf64x2(x, _mm_loadu_pd(p + 3 * step), 3);
}
static inline void fw_turn_float(__m512 *x) {
    const __m512 a = _mm512_unpacklo_ps(x[0], x[1]), b = _mm512_unpackhi_ps(x[0], x[1]);
    const __m512 c = _mm512_unpacklo_ps(x[2], x[3]), d = _mm512_unpackhi_ps(x[2], x[3]);
    x[0] = _mm512_shuffle_ps(a, c, 0x44);
    x[1] = _mm512_shuffle_ps(a, c, 0xee);
    x[2] = _mm512_shuffle_ps(b, d, 0x44);
    x[3] = _mm512_shuffle_ps(b, d, 0xee);
}
static inline void fw_turn_double(__m512d *x) {
    const __m512d a = _mm512_unpacklo_pd(x[0], x[1]);
    x[1] = _mm512_unpackhi_pd(x[0], x[1]);
    x[0] = a;
}

#elif defined(__AVX2__) && (defined(__FMA__) || defined(_MSC_VER)) && !defined(FASTW2V_PORTABLE)
#include <immintrin.h>

#define FW_TILE_FMA 1
#define FW_TILE_ROWS 6
#define FW_FLOAT_LANES 8
#define FW_DOUBLE_LANES 4
typedef __m256 fw_float_vector;
typedef __m256d fw_double_vector;
#define FW_FLOAT_ZERO() _mm256_setzero_ps()
#define FW_FLOAT_LOAD(p) _mm256_loadu_ps(p)
#define FW_FLOAT_STORE(p, x) _mm256_storeu_ps(p, x)
#define FW_FLOAT_ALL(x) _mm256_set1_ps(x)
#define FW_FLOAT_ADD(x, y) _mm256_add_ps(x, y)
#define FW_FLOAT_MADD(a, b, c) _mm256_fmadd_ps(a, b, c)
#define FW_DOUBLE_ZERO() _mm256_setzero_pd()
#define FW_DOUBLE_LOAD(p) _mm256_loadu_pd(p)
#define FW_DOUBLE_STORE(p, x) _mm256_storeu_pd(p, x)
#define FW_DOUBLE_ALL(x) _mm256_set1_pd(x)
#define FW_DOUBLE_ADD(x, y) _mm256_add_pd(x, y)
#define FW_DOUBLE_MADD(a, b, c) _mm256_fmadd_pd(a, b, c)
#define FW_FLOAT_GATHER(p, step) fw_gather_float(p, step)
#define FW_DOUBLE_GATHER(p, step) fw_gather_double(p, step)
#define FW_FLOAT_TURN(x) fw_turn_float(x)
#define FW_DOUBLE_TURN(x) fw_turn_double(x)
static inline __m256 fw_gather_float(const float *p, ptrdiff_t step) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + step), 1);
}
static inline __m256d fw_gather_double(const double *p, ptrdiff_t step) {
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p)), _mm_loadu_pd(p + step), 1);
}
static inline void fw_turn_float(__m256 *x) {
    const __m256 a = _mm256_unpacklo_ps(x[0], x[1]), b = _mm256_unpackhi_ps(x[0], x[1]);
    const __m256 c = _mm256_unpacklo_ps(x[2], x[3]), d = _mm256_unpackhi_ps(x[2], x[3]);
    x[0] = _mm256_shuffle_ps(a, c, 0x44);
    x[1] = _mm256_shuffle_ps(a, c, 0xee);
    x[2] = _mm256_shuffle_ps(b, d, 0x44);
    x[3] = _mm256_shuffle_ps(b, d, 0xee);
}
static inline void fw_turn_double(__m256d *x) {
    const __m256d a = _mm256_unpacklo_pd(x[0], x[1]);
    x[1] = _mm256_unpackhi_pd(x[0], x[1]);
    x[0] = a;
}

#else

/* Vectors as structs of 16 bytes, which compilers turn into registers. */
#define FW_TILE_FMA 0
#define FW_TILE_ROWS 4
#define FW_FLOAT_LANES 4
#define FW_DOUBLE_LANES 2
typedef struct { float lane[4]; } fw_float_vector;
typedef struct { double lane[2]; } fw_double_vector;
static inline fw_float_vector fw_float_all(float x) {
    fw_float_vector v;
    int i;
    for (i = 0; i < 4; i++) v.lane[i] = x;
    return v;
}
static inline fw_float_vector fw_float_load(const float *p) {
    fw_float_vector v;
    memcpy(v.lane, p, sizeof v.lane);
    return v;
}
static inline fw_float_vector fw_float_add(fw_float_vector x, fw_float_vector y) {
    int i;
    for (i = 0; i < 4; i++) x.lane[i] += y.lane[i];
    return x;
}
static inline fw_float_vector fw_float_madd(fw_float_vector a, fw_float_vector b,
                                            fw_float_vector c) {
    int i;
    for (i = 0; i < 4; i++) c.lane[i] += a.lane[i] * b.lane[i];
    return c;
}
static inline fw_double_vector fw_double_all(double x) {
    fw_double_vector v;
    int i;
    for (i = 0; i < 2; i++) v.lane[i] = x;
    return v;
}
static inline fw_double_vector fw_double_load(const double *p) {
    fw_double_vector v;
    memcpy(v.lane, p, sizeof v.lane);
    return v;
}
static inline fw_double_vector fw_double_add(fw_double_vector x, fw_double_vector y) {
    int i;
    for (i = 0; i < 2; i++) x.lane[i] += y.lane[i];
    return x;
}
static inline fw_double_vector fw_double_madd(fw_double_vector a, fw_double_vector b,
                                              fw_double_vector c) {
    int i;
    for (i = 0; i < 2; i++) c.lane[i] += a.lane[i] * b.lane[i];
    return c;
}
static inline void fw_turn_float(fw_float_vector *x) {
    fw_float_vector y[4];
    int i, j;
    for (i = 0; i < 4; i++)
        for (j = 0; j < 4; j++) y[i].lane[j] = x[j].lane[i];
    memcpy(x, y, sizeof y);
}
static inline void fw_turn_double(fw_double_vector *x) {
    const double swapped = x[0].lane[1];
    x[0].lane[1] = x[1].lane[0];
    x[1].lane[0] = swapped;
}
#define FW_FLOAT_ZERO() fw_float_all(0)
#define FW_FLOAT_LOAD(p) fw_float_load(p)
#define FW_FLOAT_STORE(p, x) memcpy(p, (x).lane, sizeof (x).lane)
#define FW_FLOAT_ALL(x) fw_float_all(x)
#define FW_FLOAT_ADD(x, y) fw_float_add(x, y)
#define FW_FLOAT_MADD(a, b, c) fw_float_madd(a, b, c)
#define FW_DOUBLE_ZERO() fw_double_all(0)
#define FW_DOUBLE_LOAD(p) fw_double_load(p)
#define FW_DOUBLE_STORE(p, x) memcpy(p, (x).lane, sizeof (x).lane)
#define FW_DOUBLE_ALL(x) fw_double_all(x)
#define FW_DOUBLE_ADD(x, y) fw_double_add(x, y)
#define FW_DOUBLE_MADD(a, b, c) fw_double_madd(a, b, c)
#define FW_FLOAT_GATHER(p, step) ((void)(step), fw_float_load(p))
#define FW_DOUBLE_GATHER(p, step) ((void)(step), fw_double_load(p))
#define FW_FLOAT_TURN(x) fw_turn_float(x)
#define FW_DOUBLE_TURN(x) fw_turn_double(x)

#endif

#if (defined(__GNUC__) || defined(__clang__)) && !defined(FASTW2V_PORTABLE)
/* Not inlined: each call site would get a copy. Not all of them are used in every module. */
#define FW_FUNCTION static __attribute__((noinline, unused))
#define FW_PREFETCH(address) __builtin_prefetch((address))
#define FW_PREFETCH_WRITE(address) __builtin_prefetch((address), 1)
#else
#define FW_FUNCTION static
#define FW_PREFETCH(address) ((void)(address))
#define FW_PREFETCH_WRITE(address) ((void)(address))
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
