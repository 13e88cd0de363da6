/* Vectors of each level under common names: AVX-512, AVX2 with FMA, else structs of 16 bytes.

   The flags of the build forbid contraction: where there is a fused multiply-add it is asked for by
   name, elsewhere (and in portable builds, FW_FMA 0) products are rounded before they are added.
   MADD(a, b, c) is a * b + c.
   GATHER(p, step) puts a vector together from pieces of 16 bytes at p, p + step, p + 2 step ...;
   TURN transposes the squares that the pieces of several vectors form. */
#ifndef FASTW2V_SIMD_H
#define FASTW2V_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) && !defined(FASTW2V_PORTABLE)
#include <immintrin.h>

#define FW_FMA 1
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

#define FW_FMA 1
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
#define FW_FMA 0
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

/* Ask for a cache line, to read it or to write it; never faults. */
#if (defined(__GNUC__) || defined(__clang__)) && !defined(FASTW2V_PORTABLE)
#define FW_PREFETCH(address) __builtin_prefetch((address))
#define FW_PREFETCH_WRITE(address) __builtin_prefetch((address), 1)
#else
#define FW_PREFETCH(address) ((void)(address))
#define FW_PREFETCH_WRITE(address) ((void)(address))
#endif

#endif
