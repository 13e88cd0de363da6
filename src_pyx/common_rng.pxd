"""Counter-based random draws: draw k of row n is a pure function of (key, n, k).

Two rounds of a 64-bit mixer (the finaliser of SplitMix64, Steele et al. 2014, with its golden
ratio increment): the first gives every row a stream of its own, the second every draw. No state,
so any split of the rows gives the same numbers. fastw2v.reference.rng is the plain twin.
"""
from libc.stdint cimport uint32_t, uint64_t

cdef extern from *:
    """
    #if defined(__SIZEOF_INT128__) && !defined(FASTW2V_PORTABLE)
    static CYTHON_INLINE uint64_t fw_mulhi(uint64_t a, uint64_t b, uint64_t *low) {
        unsigned __int128 product = (unsigned __int128)a * b;
        *low = (uint64_t)product;
        return (uint64_t)(product >> 64);
    }
    #else
    static CYTHON_INLINE uint64_t fw_mulhi(uint64_t a, uint64_t b, uint64_t *low) {
        uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
        uint64_t p00 = a0 * b0, p01 = a0 * b1, p10 = a1 * b0, p11 = a1 * b1;
        uint64_t middle = (p00 >> 32) + (uint32_t)p01 + (uint32_t)p10;
        *low = a * b;
        return p11 + (p01 >> 32) + (p10 >> 32) + (middle >> 32);
    }
    #endif
    """
    # High 64 bits of a * b; the low 64 bits go to *low.
    uint64_t mulhi "fw_mulhi"(uint64_t a, uint64_t b, uint64_t* low) noexcept nogil


cdef inline uint64_t mix(uint64_t z) noexcept nogil:
    z = (z ^ (z >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9ULL
    z = (z ^ (z >> 27)) * <uint64_t> 0x94D049BB133111EBULL
    return z ^ (z >> 31)


cdef inline uint64_t row_stream(uint64_t key, uint64_t n) noexcept nogil:
    """The stream of row n: to be handed to `draw`."""
    return mix(key + (n + 1) * <uint64_t> 0x9E3779B97F4A7C15ULL)


cdef inline uint64_t draw(uint64_t stream, uint64_t k) noexcept nogil:
    """64 random bits: draw k of a row's stream."""
    return mix(stream + (k + 1) * <uint64_t> 0x9E3779B97F4A7C15ULL)
