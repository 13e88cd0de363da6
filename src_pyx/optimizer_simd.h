/* Adam over a run of floats with AVX-512, the same bits as the plain rule.

   The plain loop waits for the divider, which square root and division share. Here the square
   root keeps it and the quotient comes from the multipliers: reciprocal estimate, one Newton step,
   quotient, and one correction by the exact remainder, which rounds as IEEE division does
   (Markstein, IBM J. Res. Dev. 34(1), 1990) while no intermediate leaves the normal range. Vectors
   with a lane outside that range take the division instruction.
   Measured against the plain loop: 1.2 to 1.5 times as fast. */
#ifndef FASTW2V_OPTIMIZER_SIMD_H
#define FASTW2V_OPTIMIZER_SIMD_H

#include <stddef.h>
#include <stdint.h>

#if defined(__AVX512F__) && !defined(FASTW2V_PORTABLE)
#include <immintrin.h>

#define FW_ADAM_SIMD 1

/* Inlined where a number of vectors is a constant, so that they stay in registers. */
#if defined(__GNUC__)
#define FW_UNROLLED inline __attribute__((always_inline))
#else
#define FW_UNROLLED __forceinline
#endif

/* The rule on one vector in registers, where `lanes` count. What a gradient of zero leaves out would
   add or subtract exactly nothing. */
static inline __m512 fw_adam_16(__m512 w, __m512 *m, __m512 *v, const __m512 *g, __mmask16 lanes,
                                __m512 lr, __m512 c1, __m512 c2, __m512 eps) {
    const __m512 one = _mm512_set1_ps(1.0f), limit = _mm512_set1_ps(1.1529215e18f);
    const __m512i exponent = _mm512_set1_epi32(0x7f800000);
    __m512 a, s, r, q;
    __mmask16 safe;
    if (g) {
        *m = _mm512_add_ps(*m, _mm512_mul_ps(c1, _mm512_sub_ps(*g, *m)));
        *v = _mm512_add_ps(*v, _mm512_mul_ps(c2, _mm512_sub_ps(_mm512_mul_ps(*g, *g), *v)));
    } else {
        *m = _mm512_sub_ps(*m, _mm512_mul_ps(c1, *m));
        *v = _mm512_sub_ps(*v, _mm512_mul_ps(c2, *v));
    }
    a = _mm512_mul_ps(lr, *m);
    s = _mm512_add_ps(_mm512_sqrt_ps(*v), eps);
    /* 2^-100 <= |a| < 2^100 and s <= 2^60; eps keeps s away from zero. NaN fails both tests. */
    safe = _mm512_cmplt_epu32_mask(
        _mm512_sub_epi32(_mm512_and_si512(_mm512_castps_si512(a), exponent),
                         _mm512_set1_epi32(27 << 23)),
        _mm512_set1_epi32(200 << 23));
    safe = _mm512_mask_cmp_ps_mask(safe, s, limit, _CMP_LE_OQ);
    r = _mm512_rcp14_ps(s);
    r = _mm512_fmadd_ps(_mm512_fnmadd_ps(s, r, one), r, r);
    q = _mm512_mul_ps(a, r);
    q = _mm512_fmadd_ps(_mm512_fnmadd_ps(s, q, a), r, q);
    if ((__mmask16)(safe | (__mmask16)~lanes) != 0xffff) q = _mm512_div_ps(a, s);
    return _mm512_sub_ps(w, q);
}

/* The rule once on one vector in memory; g NULL means zeros. */
static inline void fw_adam_once(float *w, float *m, float *v, const float *g, __mmask16 lanes,
                                __m512 lr, __m512 c1, __m512 c2, __m512 eps) {
    __m512 mx = _mm512_maskz_loadu_ps(lanes, m), vx = _mm512_maskz_loadu_ps(lanes, v), gx, wx;
    if (g) gx = _mm512_maskz_loadu_ps(lanes, g);
    wx = _mm512_maskz_loadu_ps(lanes, w);
    wx = fw_adam_16(wx, &mx, &vx, g ? &gx : (const __m512 *)0, lanes, lr, c1, c2, eps);
    _mm512_mask_storeu_ps(m, lanes, mx);
    _mm512_mask_storeu_ps(v, lanes, vx);
    _mm512_mask_storeu_ps(w, lanes, wx);
}

/* w, m, v and g (NULL: zeros) from element 0 to n. */
static void fw_adam_run(float *w, float *m, float *v, const float *g, ptrdiff_t n,
                        float lr, float c1, float c2, float eps) {
    const __m512 lr16 = _mm512_set1_ps(lr), c116 = _mm512_set1_ps(c1);
    const __m512 c216 = _mm512_set1_ps(c2), eps16 = _mm512_set1_ps(eps);
    /* Vectors that straddle two cache lines cost double: start where w is aligned. */
    ptrdiff_t i = 0, head = (ptrdiff_t)((64 - ((uintptr_t)w & 63)) & 63) / 4;
    if (head > n) head = n;
    if (head) {
        fw_adam_once(w, m, v, g, (__mmask16)((1u << head) - 1), lr16, c116, c216, eps16);
        i = head;
    }
    if (g)
        for (; i + 16 <= n; i += 16)
            fw_adam_once(w + i, m + i, v + i, g + i, 0xffff, lr16, c116, c216, eps16);
    else
        for (; i + 16 <= n; i += 16)
            fw_adam_once(w + i, m + i, v + i, (const float *)0, 0xffff, lr16, c116, c216, eps16);
    if (i < n)
        fw_adam_once(w + i, m + i, v + i, g ? g + i : g, (__mmask16)((1u << (n - i)) - 1),
                   lr16, c116, c216, eps16);
}

/* One step without gradient where no lane can need the division instruction, in vectors of W bits;
   `lr` is broadcast, q the quotient. The operations are those of fw_adam_16. */
#define FW_ADAM_FADE(W, w, m, v, q, lr, c1, c2, eps, one) do { \
        __m##W s_, r_, a_; \
        m = _mm##W##_sub_ps(m, _mm##W##_mul_ps(c1, m)); \
        v = _mm##W##_sub_ps(v, _mm##W##_mul_ps(c2, v)); \
        a_ = _mm##W##_mul_ps(lr, m); \
        s_ = _mm##W##_add_ps(_mm##W##_sqrt_ps(v), eps); \
        r_ = _mm##W##_rcp14_ps(s_); \
        r_ = _mm##W##_fmadd_ps(_mm##W##_fnmadd_ps(s_, r_, one), r_, r_); \
        q = _mm##W##_mul_ps(a_, r_); \
        q = _mm##W##_fmadd_ps(_mm##W##_fnmadd_ps(s_, q, a_), r_, q); \
        w = _mm##W##_sub_ps(w, q); \
    } while (0)

static inline int fw_all_zero(__m512 x) {
    const __m512i bits = _mm512_castps_si512(x);
    return _mm512_test_epi32_mask(bits, bits) == 0;
}

/* Whether all steps between two states of a vector could be taken without the division instruction:
   fading shrinks |m| and v at every step, so the first state bounds them from above and the last
   one from below. An m of +0 stays that, and its quotient is +0 either way. */
static inline int fw_adam_faded_safely(__m512 m_first, __m512 v_first, __m512 m_last, float lr_low,
                                       float lr_high) {
    const __m512 low = _mm512_set1_ps(7.8886091e-31f), high = _mm512_set1_ps(1.2676506e30f);
    const __m512 v_high = _mm512_set1_ps(1.3292280e36f); /* a square root of 2^60 */
    const __mmask16 zero = _mm512_testn_epi32_mask(_mm512_castps_si512(m_first),
                                                   _mm512_castps_si512(m_first));
    __mmask16 safe = _mm512_cmp_ps_mask(
        _mm512_abs_ps(_mm512_mul_ps(_mm512_set1_ps(lr_low), m_last)), low, _CMP_GE_OQ);
    safe = _mm512_mask_cmp_ps_mask(
        safe, _mm512_abs_ps(_mm512_mul_ps(_mm512_set1_ps(lr_high), m_first)), high, _CMP_LT_OQ);
    safe = _mm512_mask_cmp_ps_mask((__mmask16)(safe | zero), v_first, v_high, _CMP_LE_OQ);
    return safe == 0xffff;
}

/* Parameters of a replay. For may_stop, slower and tiny see `settled` in optimizer_replay.pxd. */
typedef struct {
    const float *lr;
    ptrdiff_t to;
    float lr_low, lr_high, c1, c2, eps, tiny;
    int may_stop, slower;
} fw_adam_plan;

enum { FW_LOOK = 16 }; /* steps between two checks whether the weights are final */

/* Whether no later step can move w, after step k with the quotient q: the rule of `settled`. While
   steps become smaller, the bound of all later ones comes from the last one; a thousandth more is
   for the rounding of quotient and bound. Numbers below a power of two lie closer than those above
   it, which the two sums see for themselves. */
static inline int fw_adam_settled(__m512 w, __m512 m, __m512 q, ptrdiff_t k, const fw_adam_plan *p) {
    const float lr = p->lr[k];
    __m512 bound;
    if (p->slower && lr * 1e6f < p->lr_high) return 0; /* the quotient has lost its digits */
    bound = p->slower ? _mm512_mul_ps(_mm512_abs_ps(q), _mm512_set1_ps(1.001f * (p->lr_high / lr)))
                      : _mm512_mul_ps(_mm512_abs_ps(m), _mm512_set1_ps(2 * (p->lr_high / p->eps)));
    bound = _mm512_add_ps(bound, _mm512_set1_ps(p->tiny));
    return (_mm512_cmp_ps_mask(_mm512_add_ps(w, bound), w, _CMP_EQ_OQ) &
            _mm512_cmp_ps_mask(_mm512_sub_ps(w, bound), w, _CMP_EQ_OQ)) == 0xffff;
}

#define FW_SHRINK(x, c) x = _mm512_sub_ps(x, _mm512_mul_ps(c, x))

/* Steps [k, to) of the moments alone, on n <= 8 vectors side by side: the operations of one wait for
   each other, those of a row of vectors keep the multipliers busy. n has to be a constant where it
   is inlined. A moment that a step leaves as it is, as it does the smallest numbers, stays. */
static FW_UNROLLED void fw_adam_shrink(__m512 *m, __m512 *v, int n, ptrdiff_t k, ptrdiff_t to,
                                       const fw_adam_plan *p) {
    const __m512 c1 = _mm512_set1_ps(p->c1), c2 = _mm512_set1_ps(p->c2);
    int m_moves = 1, v_moves = 1, i;
    while (k < to && (m_moves || v_moves)) {
        const ptrdiff_t stop = to - k < FW_LOOK ? to : k + FW_LOOK;
        __m512 m0[8], v0[8];
        for (i = 0; i < n; i++) m0[i] = m[i], v0[i] = v[i];
        if (m_moves)
            for (; k < stop; k++)
                for (i = 0; i < n; i++) {
                    FW_SHRINK(m[i], c1);
                    FW_SHRINK(v[i], c2);
                }
        else
            for (; k < stop; k++)
                for (i = 0; i < n; i++) FW_SHRINK(v[i], c2);
        m_moves = v_moves = 0;
        for (i = 0; i < n; i++) {
            m_moves |= _mm512_cmpneq_epi32_mask(_mm512_castps_si512(m0[i]), _mm512_castps_si512(m[i]));
            v_moves |= _mm512_cmpneq_epi32_mask(_mm512_castps_si512(v0[i]), _mm512_castps_si512(v[i]));
        }
    }
}

/* The same on up to 128 elements in memory. */
static FW_UNROLLED void fw_adam_shrink_n(float *m, float *v, int n, __mmask16 last, ptrdiff_t k,
                                         ptrdiff_t to, const fw_adam_plan *p) {
    __m512 mx[8], vx[8];
    int i;
    for (i = 0; i < n; i++) {
        const __mmask16 lanes = i + 1 < n ? (__mmask16)0xffff : last;
        mx[i] = _mm512_maskz_loadu_ps(lanes, m + 16 * i);
        vx[i] = _mm512_maskz_loadu_ps(lanes, v + 16 * i);
    }
    fw_adam_shrink(mx, vx, n, k, to, p);
    for (i = 0; i < n; i++) {
        const __mmask16 lanes = i + 1 < n ? (__mmask16)0xffff : last;
        _mm512_mask_storeu_ps(m + 16 * i, lanes, mx[i]);
        _mm512_mask_storeu_ps(v + 16 * i, lanes, vx[i]);
    }
}

static void fw_adam_shrink_run(float *m, float *v, ptrdiff_t n, ptrdiff_t k, ptrdiff_t to,
                               const fw_adam_plan *p) {
    const __mmask16 last = (__mmask16)(0xffffu >> ((16 - n % 16) % 16));
    if (k >= to) return;
    switch ((n + 15) / 16) {
        case 1: fw_adam_shrink_n(m, v, 1, last, k, to, p); break;
        case 2: fw_adam_shrink_n(m, v, 2, last, k, to, p); break;
        case 3: fw_adam_shrink_n(m, v, 3, last, k, to, p); break;
        case 4: fw_adam_shrink_n(m, v, 4, last, k, to, p); break;
        case 5: fw_adam_shrink_n(m, v, 5, last, k, to, p); break;
        case 6: fw_adam_shrink_n(m, v, 6, last, k, to, p); break;
        case 7: fw_adam_shrink_n(m, v, 7, last, k, to, p); break;
        default: fw_adam_shrink_n(m, v, 8, last, k, to, p);
    }
}

/* Steps [from, to) with a gradient of zero, lr[k] in step k, on one vector in memory; each step
   looks whether it needs the division instruction. */
static void fw_adam_replay_once(float *w, float *m, float *v, __mmask16 lanes, ptrdiff_t from,
                                const fw_adam_plan *p) {
    const __m512 c1 = _mm512_set1_ps(p->c1), c2 = _mm512_set1_ps(p->c2);
    const __m512 eps = _mm512_set1_ps(p->eps);
    /* Lanes beyond the row hold 1, which no step moves. */
    __m512 wx = _mm512_mask_loadu_ps(_mm512_set1_ps(1.0f), lanes, w);
    __m512 mx = _mm512_maskz_loadu_ps(lanes, m), vx = _mm512_maskz_loadu_ps(lanes, v);
    ptrdiff_t k = from;
    while (k < p->to) {
        wx = fw_adam_16(wx, &mx, &vx, (const __m512 *)0, lanes, _mm512_set1_ps(p->lr[k]), c1, c2, eps);
        k++;
        if (p->may_stop && (k - from) % FW_LOOK == 0) {
            const __m512 q = _mm512_div_ps(_mm512_mul_ps(_mm512_set1_ps(p->lr[k - 1]), mx),
                                           _mm512_add_ps(_mm512_sqrt_ps(vx), eps));
            if (fw_adam_settled(wx, mx, q, k - 1, p)) break;
        }
    }
    fw_adam_shrink(&mx, &vx, 1, k, p->to, p);
    _mm512_mask_storeu_ps(m, lanes, mx);
    _mm512_mask_storeu_ps(v, lanes, vx);
    _mm512_mask_storeu_ps(w, lanes, wx);
}

/* Steps [from, ...) of n vectors, one or two, until their weights stay; returns the step after the
   last one taken. Two side by side keep the square roots coming. The division instruction is not
   used; whether it had to be is looked at once, afterwards, which at each step would cost a third of
   the time, and where it had to be all steps are taken again, carefully. */
static FW_UNROLLED ptrdiff_t fw_adam_settle(float *w, float *m, float *v, int n, ptrdiff_t from,
                                            const fw_adam_plan *p) {
    const __m512 c1 = _mm512_set1_ps(p->c1), c2 = _mm512_set1_ps(p->c2);
    const __m512 eps = _mm512_set1_ps(p->eps), one = _mm512_set1_ps(1.0f);
    __m512 wx[2], mx[2], vx[2], q[2];
    ptrdiff_t k = from;
    int i, safe = 1;
    for (i = 0; i < n; i++) {
        wx[i] = _mm512_loadu_ps(w + 16 * i);
        mx[i] = _mm512_loadu_ps(m + 16 * i);
        vx[i] = _mm512_loadu_ps(v + 16 * i);
    }
    while (k < p->to) {
        const ptrdiff_t stop = p->to - k < FW_LOOK ? p->to : k + FW_LOOK;
        int settled = 1;
        for (; k < stop; k++) {
            const __m512 lr = _mm512_set1_ps(p->lr[k]);
            for (i = 0; i < n; i++)
                FW_ADAM_FADE(512, wx[i], mx[i], vx[i], q[i], lr, c1, c2, eps, one);
        }
        for (i = 0; i < n && settled; i++) settled = fw_adam_settled(wx[i], mx[i], q[i], k - 1, p);
        if (settled) break;
    }
    for (i = 0; i < n; i++)
        safe &= fw_adam_faded_safely(_mm512_loadu_ps(m + 16 * i), _mm512_loadu_ps(v + 16 * i), mx[i],
                                     p->lr_low, p->lr_high);
    if (!safe) {
        for (i = 0; i < n; i++)
            fw_adam_replay_once(w + 16 * i, m + 16 * i, v + 16 * i, 0xffff, from, p);
        return p->to;
    }
    for (i = 0; i < n; i++) {
        _mm512_storeu_ps(w + 16 * i, wx[i]);
        _mm512_storeu_ps(m + 16 * i, mx[i]);
        _mm512_storeu_ps(v + 16 * i, vx[i]);
    }
    return k;
}

/* The same for the last few elements of a row, up to eight: half a vector, at half the cost. */
static ptrdiff_t fw_adam_settle_half(float *w, float *m, float *v, __mmask8 lanes, ptrdiff_t from,
                                     const fw_adam_plan *p) {
    const __m256 c1 = _mm256_set1_ps(p->c1), c2 = _mm256_set1_ps(p->c2);
    const __m256 eps = _mm256_set1_ps(p->eps), one = _mm256_set1_ps(1.0f);
    const __m256 m0 = _mm256_maskz_loadu_ps(lanes, m), v0 = _mm256_maskz_loadu_ps(lanes, v);
    /* Lanes beyond the row hold 1, which no step moves. */
    __m256 wx = _mm256_mask_loadu_ps(one, lanes, w), mx = m0, vx = v0, q;
    ptrdiff_t k = from;
    while (k < p->to) {
        const ptrdiff_t stop = p->to - k < FW_LOOK ? p->to : k + FW_LOOK;
        __m512 w16;
        for (; k < stop; k++) {
            const __m256 lr = _mm256_set1_ps(p->lr[k]);
            FW_ADAM_FADE(256, wx, mx, vx, q, lr, c1, c2, eps, one);
        }
        w16 = _mm512_mask_blend_ps(0xff, _mm512_set1_ps(1.0f), _mm512_zextps256_ps512(wx));
        if (fw_adam_settled(w16, _mm512_zextps256_ps512(mx), _mm512_zextps256_ps512(q), k - 1, p))
            break;
    }
    if (!fw_adam_faded_safely(_mm512_zextps256_ps512(m0), _mm512_zextps256_ps512(v0),
                              _mm512_zextps256_ps512(mx), p->lr_low, p->lr_high)) {
        fw_adam_replay_once(w, m, v, lanes, from, p);
        return p->to;
    }
    _mm256_mask_storeu_ps(w, lanes, wx);
    _mm256_mask_storeu_ps(m, lanes, mx);
    _mm256_mask_storeu_ps(v, lanes, vx);
    return k;
}

static inline int fw_adam_never_moved(const float *m, const float *v, __mmask16 lanes) {
    return fw_all_zero(_mm512_or_ps(_mm512_maskz_loadu_ps(lanes, m), _mm512_maskz_loadu_ps(lanes, v)));
}

/* Steps [from, to) on up to 128 elements: pairs of vectors until their weights stay, then the
   moments of all, from the step that the last of them has reached. */
static void fw_adam_replay_chunk(float *w, float *m, float *v, ptrdiff_t n, ptrdiff_t from,
                                 const fw_adam_plan *p) {
    ptrdiff_t k[5], start[6], i = 0, latest = from; /* k: -1 for zeros, which no step changes */
    int groups = 0, g;
    while (i < n) {
        const ptrdiff_t left = n - i;
        const __mmask16 lanes = left < 16 ? (__mmask16)((1u << left) - 1) : (__mmask16)0xffff;
        ptrdiff_t width = left >= 32 ? 32 : left >= 16 ? 16 : left;
        if (fw_adam_never_moved(m + i, v + i, lanes) &&
            (width < 32 || fw_adam_never_moved(m + i + 16, v + i + 16, 0xffff)))
            k[groups] = -1;
        else if (width == 32)
            k[groups] = fw_adam_settle(w + i, m + i, v + i, 2, from, p);
        else if (width == 16)
            k[groups] = fw_adam_settle(w + i, m + i, v + i, 1, from, p);
        else if (width <= 8)
            k[groups] = fw_adam_settle_half(w + i, m + i, v + i, (__mmask8)lanes, from, p);
        else
            fw_adam_replay_once(w + i, m + i, v + i, lanes, from, p), k[groups] = p->to;
        if (k[groups] > latest) latest = k[groups];
        start[groups++] = i;
        i += width;
    }
    start[groups] = n;
    for (g = 0; g < groups; g++)
        if (k[g] >= 0)
            fw_adam_shrink_run(m + start[g], v + start[g], start[g + 1] - start[g], k[g], latest, p);
    fw_adam_shrink_run(m, v, n, latest, p->to, p);
}

/* Steps [from, to) on n elements: a vector stays in registers for all its steps. */
static void fw_adam_replay(float *w, float *m, float *v, ptrdiff_t n, const float *lr,
                           ptrdiff_t from, ptrdiff_t to, float lr_low, float lr_high, float c1,
                           float c2, float eps, int may_stop, int slower, float tiny) {
    const fw_adam_plan plan = {lr, to, lr_low, lr_high, c1, c2, eps, tiny, may_stop, slower};
    ptrdiff_t i;
    if (may_stop)
        for (i = 0; i < n; i += 128)
            fw_adam_replay_chunk(w + i, m + i, v + i, n - i < 128 ? n - i : 128, from, &plan);
    else
        for (i = 0; i < n; i += 16)
            fw_adam_replay_once(w + i, m + i, v + i,
                                n - i < 16 ? (__mmask16)((1u << (n - i)) - 1) : (__mmask16)0xffff,
                                from, &plan);
}

#else

#define FW_ADAM_SIMD 0
static void fw_adam_replay(float *w, float *m, float *v, ptrdiff_t n, const float *lr,
                           ptrdiff_t from, ptrdiff_t to, float lr_low, float lr_high, float c1,
                           float c2, float eps, int may_stop, int slower, float tiny) {
    (void)w; (void)m; (void)v; (void)n; (void)lr; (void)from; (void)to; (void)lr_low;
    (void)lr_high; (void)c1; (void)c2; (void)eps; (void)may_stop; (void)slower; (void)tiny;
}
static void fw_adam_run(float *w, float *m, float *v, const float *g, ptrdiff_t n,
                        float lr, float c1, float c2, float eps) {
    (void)w; (void)m; (void)v; (void)g; (void)n; (void)lr; (void)c1; (void)c2; (void)eps;
}

#endif
#endif
