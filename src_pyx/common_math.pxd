"""Scalar mathematics and short reductions shared by the kernels.

The build forbids reassociation, so a plain sum would run one element at a time. `dot` and `total`
therefore add in LANES partial sums, in the same order on every level and for every length.

exp, sigmoid and tanh of float are written here, without branch, call or table, because those of
libm do not vectorise. They work on runs of numbers: in vectors where there are fused multiply-adds
(math_simd.h), else in the loops below, which compilers turn into vectors.
    exp(x) = m * 2^n,   n = round(x / ln 2),   m = exp(x - n ln 2) in [0.70, 1.42]
    sigmoid(x) = 1 / (1 + exp(-x)) = 2^-n / (m + 2^-n),   m and n those of exp(-x)
    tanh(x) = e / (e + 2),   e = exp(2 x) - 1 = 2^n m - 1
2^n is multiplied in two halves, so that a result becomes denormal or infinite only in the last
product. sigmoid never forms exp(-x), so it has a tail below -88.7, where exp(-x) overflows.
Largest errors over all 2^32 floats, in ulp (tools/ulp_check.py): exp 1.01, sigmoid 1.50 and tanh
1.73 in vectors, exp 0.78, sigmoid 1.55 and tanh 1.40 in the loops. NaN stays NaN, the infinities
give their limits. double uses libm's exp and tanh, and 1 / (1 + exp(-x)) literally.
"""
from libc.math cimport exp as exp_double
from libc.math cimport tanh as tanh_double
from libc.stdint cimport int32_t, uint32_t

from common_types cimport real_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    static inline uint32_t fw_bits(float x) { uint32_t u; memcpy(&u, &x, sizeof u); return u; }
    static inline float fw_float(uint32_t u) { float x; memcpy(&x, &u, sizeof x); return x; }
    """
    uint32_t bits_of "fw_bits"(float x) noexcept nogil
    float float_of "fw_float"(uint32_t u) noexcept nogil

cdef extern from "math_simd.h" nogil:
    enum:
        MATH_SIMD "FW_MATH_SIMD"        # whether these are there
    void fw_exp_run(float* out, const float* x, Py_ssize_t n) noexcept
    void fw_sigmoid_run(float* out, const float* x, Py_ssize_t n) noexcept
    void fw_tanh_run(float* out, const float* x, Py_ssize_t n) noexcept
    float fw_exp_below_run(float* out, const float* x, Py_ssize_t n, float top,
                           Py_ssize_t ahead) noexcept

cdef enum:
    LANES = 16
    PIECE = 1024    # elements of a row of softmax that are computed at a time


cdef inline real_t dot(const real_t* a, const real_t* b, Py_ssize_t n) noexcept nogil:
    """Return the sum of a[i] * b[i]: lane j adds elements j, j + 16, ...; then halves of lanes."""
    cdef real_t lane[LANES]
    cdef Py_ssize_t i = 0
    cdef int j, half
    for j in range(LANES):
        lane[j] = 0
    while i + LANES <= n:
        for j in range(LANES):
            lane[j] += a[i + j] * b[i + j]
        i += LANES
    if i < n:
        for j in range(LANES):      # masked, not shortened: an index that varies leaves registers
            lane[j] += a[i + j] * b[i + j] if i + j < n else 0
    half = LANES // 2
    while half > 0:
        for j in range(half):
            lane[j] += lane[j + half]
        half //= 2
    return lane[0]


cdef inline real_t total(const real_t* a, Py_ssize_t n) noexcept nogil:
    """Return the sum of a[i], in the order of `dot`."""
    cdef real_t lane[LANES]
    cdef Py_ssize_t i = 0
    cdef int j, half
    for j in range(LANES):
        lane[j] = 0
    while i + LANES <= n:
        for j in range(LANES):
            lane[j] += a[i + j]
        i += LANES
    if i < n:
        for j in range(LANES):
            lane[j] += a[i + j] if i + j < n else 0
    half = LANES // 2
    while half > 0:
        for j in range(half):
            lane[j] += lane[j + half]
        half //= 2
    return lane[0]


cdef inline real_t largest(const real_t* a, Py_ssize_t n) noexcept nogil:
    """Return the largest a[i], n > 0; NaN if a[0] is NaN, other NaNs are ignored."""
    cdef real_t lane[LANES]
    cdef Py_ssize_t i = 0
    cdef int j, half
    for j in range(LANES):
        lane[j] = a[0]
    while i + LANES <= n:
        for j in range(LANES):
            lane[j] = a[i + j] if a[i + j] > lane[j] else lane[j]
        i += LANES
    j = 0
    while i < n:
        lane[j] = a[i] if a[i] > lane[j] else lane[j]
        i += 1
        j += 1
    half = LANES // 2
    while half > 0:
        for j in range(half):
            lane[j] = lane[j + half] if lane[j + half] > lane[j] else lane[j]
        half //= 2
    return lane[0]


cdef inline float power_of_two(int32_t n) noexcept nogil:
    """Return 2^n for -126 <= n <= 127, made from its bits."""
    return float_of((<uint32_t> (n + 127)) << 23)


cdef inline float reduced_exp(float x, int32_t* n, float* rest) noexcept nogil:
    """Return m without its last rounding: exp(x) = (m + rest) * 2^n, |x| < 200, NaN for NaN."""
    cdef float inverse_ln2 = 1.44269504
    cdef float round_up = 12582912.0            # 1.5 * 2^23: adding it rounds to a whole number
    cdef float ln2_high = 0.693145751953125     # 15 bits: its product with n is exact
    cdef float ln2_low = 1.4286068203094173e-06
    # (exp(r) - 1 - r) / r^2, least largest relative error 3.6e-9 over |r| <= ln 2 / 2.
    cdef float c0 = 0.49999994039535522, c1 = 0.16666521131992340, c2 = 0.041668388992547989
    cdef float c3 = 0.0083687454462051392, c4 = 0.0013814540579915047
    cdef float shifted = x * inverse_ln2 + round_up, whole = shifted - round_up
    cdef float high = x - whole * ln2_high, low = whole * ln2_low       # high is exact
    cdef float r = high - low, one = 1, m = one + high
    cdef float curve = (r * r) * ((((c4 * r + c3) * r + c2) * r + c1) * r + c0)
    n[0] = <int32_t> (bits_of(shifted) - bits_of(round_up))
    rest[0] = (high - (m - one)) + (curve - low)        # first what one + high has rounded away
    return m


cdef inline float exp_float(float x) noexcept nogil:
    cdef float least = -104.0, most = 89.0      # beyond them the result is 0 or infinite
    cdef float m, rest
    cdef int32_t n, half
    x = least if x < least else x               # NaN fails both comparisons and stays
    x = most if x > most else x
    m = reduced_exp(x, &n, &rest)
    half = n >> 1
    return ((m + rest) * power_of_two(half)) * power_of_two(n - half)


cdef inline float sigmoid_float(float x) noexcept nogil:
    cdef float least = -110.0, most = 30.0      # beyond them the result is 0 or 1
    cdef float m, rest, first, second, scale, larger, smaller, below
    cdef int32_t n, half
    x = least if x < least else x
    x = most if x > most else x
    m = reduced_exp(-x, &n, &rest)
    half = n >> 1
    first, second = power_of_two(-half), power_of_two(half - n)
    scale = first * second
    # m + rest + scale; what the first addition rounds away goes into the second.
    larger = scale if scale > m else m
    smaller = m if scale > m else scale
    below = larger + smaller
    below = below + ((smaller - (below - larger)) + rest)
    return (first / below) * second


cdef inline float tanh_float(float x) noexcept nogil:
    """Return tanh(x) = e / (e + 2), e = exp(2 x) - 1.

    e is the sum of two numbers without cancellation, 2^n m - 1, which is exact, and 2^n rest. The
    rounding errors of their sum and of the denominator are corrected afterwards. The sign is
    restored last, that of zero too.
    """
    cdef float most = 20.0, one = 1, two = 2    # beyond it the result is 1
    cdef float magnitude = float_of(bits_of(x) & 0x7fffffffu)
    cdef float m, rest, scale, high, e, below, lost_e, lost_below, y
    cdef int32_t n
    magnitude = most if magnitude > most else magnitude
    m = reduced_exp(two * magnitude, &n, &rest)
    scale = power_of_two(n)
    high, rest = scale * m - one, scale * rest
    e = high + rest
    lost_e = rest - (e - high)
    below = e + two
    lost_below = (e - (below - two)) + lost_e
    y = e / below
    y = y + (lost_e - y * lost_below) / below
    return float_of(bits_of(y) | (bits_of(x) & 0x80000000u))


cdef inline void exp_run(real_t* out, const real_t* x, Py_ssize_t n) noexcept nogil:
    """Compute out[i] = exp(x[i]); here and below out may be x."""
    cdef Py_ssize_t i
    if real_t is double:
        for i in range(n):
            out[i] = exp_double(x[i])
    elif MATH_SIMD:
        fw_exp_run(out, x, n)
    else:
        for i in range(n):
            out[i] = exp_float(x[i])


cdef inline void sigmoid_run(real_t* out, const real_t* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    if real_t is double:
        for i in range(n):
            out[i] = 1 / (1 + exp_double(-x[i]))
    elif MATH_SIMD:
        fw_sigmoid_run(out, x, n)
    else:
        for i in range(n):
            out[i] = sigmoid_float(x[i])


cdef inline void tanh_run(real_t* out, const real_t* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    if real_t is double:
        for i in range(n):
            out[i] = tanh_double(x[i])
    elif MATH_SIMD:
        fw_tanh_run(out, x, n)
    else:
        for i in range(n):
            out[i] = tanh_float(x[i])


cdef inline double exp_below(real_t* out, const real_t* x, Py_ssize_t n, real_t top,
                             Py_ssize_t ahead) noexcept nogil:
    """Compute out[i] = exp(x[i] - top); return their sum. The numbers `ahead` are read next."""
    cdef Py_ssize_t i
    if real_t is float:
        if MATH_SIMD:
            return fw_exp_below_run(out, x, n, top, ahead)
    for i in range(n):
        out[i] = x[i] - top
    exp_run(out, out, n)
    return total(out, n)


cdef inline void softmax_row(real_t* out, const real_t* x, Py_ssize_t V,
                             Py_ssize_t ahead) noexcept nogil:
    """Compute out = exp(x - max x) / sum of these, V > 0, in pieces that stay in the cache.

    ahead: the distance to the next row, or 0.
    """
    cdef Py_ssize_t v, at = 0, n
    cdef real_t top = largest(x, V), share, one = 1
    cdef double norm = 0
    while at < V:
        n = PIECE if at + PIECE < V else V - at
        norm += exp_below(out + at, x + at, n, top, ahead)
        at += n
    share = <real_t> (1 / norm)
    if share < one:
        for v in range(V):
            out[v] = out[v] * share
    else:               # a norm of 1, or NaN
        for v in range(V):
            out[v] = out[v] / <real_t> norm
