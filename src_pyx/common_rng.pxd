"""Counter-based random draws: draw k of row n is a pure function of (key, n, k).

Two rounds of a 64-bit mixer (the finaliser of SplitMix64, Steele et al. 2014, with its golden
ratio increment): the first gives every row a stream of its own, the second every draw. No state,
so any split of the rows gives the same numbers. fastw2v.reference.rng is the plain twin.
"""
from libc.stdint cimport uint64_t


cdef inline uint64_t mix(uint64_t z) noexcept nogil:
    z = (z ^ (z >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9ULL
    z = (z ^ (z >> 27)) * <uint64_t> 0x94D049BB133111EBULL
    return z ^ (z >> 31)


cdef inline uint64_t row_stream(uint64_t key, uint64_t n) noexcept nogil:
    """Return the stream of row n, an argument of `draw`."""
    return mix(key + (n + 1) * <uint64_t> 0x9E3779B97F4A7C15ULL)


cdef inline uint64_t draw(uint64_t stream, uint64_t k) noexcept nogil:
    """Return the 64 random bits of draw k of a row's stream."""
    return mix(stream + (k + 1) * <uint64_t> 0x9E3779B97F4A7C15ULL)
