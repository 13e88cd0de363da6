/* Numbers of two bytes (IEEE binary16) as float32; every value is exact at every level.

   The portable conversion moves the bits to their places in a float32 and multiplies by 2^112, the
   ratio of the two exponent biases, which also normalises subnormal numbers. */
#ifndef FASTW2V_HALF_SIMD_H
#define FASTW2V_HALF_SIMD_H

#include "simd.h"

static inline float fw_float_of_half(uint16_t half) {
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13;
    float x;
    memcpy(&x, &bits, sizeof x);
    x *= 5.192296858534828e33f;
    memcpy(&bits, &x, sizeof x);
    bits |= (half & 0x7c00) == 0x7c00 ? 0x7f800000u : 0; /* infinity and NaN */
    bits |= (uint32_t)(half & 0x8000) << 16;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A vector of them. */
#if FW_FLOAT_LANES == 16
#define FW_HALVES_LOAD(p) _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(p)))
#elif FW_FLOAT_LANES == 8
#define FW_HALVES_LOAD(p) _mm256_cvtph_ps(_mm_loadu_si128((const void *)(p)))
#else
static inline fw_float_vector fw_halves_load(const uint16_t *p) {
    fw_float_vector v;
    int i;
    for (i = 0; i < 4; i++) v.lane[i] = fw_float_of_half(p[i]);
    return v;
}
#define FW_HALVES_LOAD(p) fw_halves_load(p)
#endif

static inline void fw_floats_of_halves(float *out, const uint16_t *in, ptrdiff_t n) {
    ptrdiff_t i = 0;
    for (; i + FW_FLOAT_LANES <= n; i += FW_FLOAT_LANES)
        FW_FLOAT_STORE(out + i, FW_HALVES_LOAD(in + i));
    for (; i < n; i++) out[i] = fw_float_of_half(in[i]);
}

#endif
