"""The random draws of the kernels in plain Python: twin of src_pyx/common_rng.pxd, bit for bit.

A kernel gets one 64-bit key per call. Row n owns the stream ``row_stream(key, n)``, and draw k of
that row is ``draw(stream, k)``. There is no state, so results do not depend on the order of
evaluation. Both functions read the generator SplitMix64 (Steele, Lea and Flood 2014) at any
position: an additive step by the golden ratio, then the mixer.

Arguments are ints or integer arrays that broadcast; results are uint64.
"""

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, rounded to odd


def mix(z):
    """Mix 64 bits, one to one, by xor of shifts and two odd factors. z: any shape.

    >>> hex(mix(0x9E3779B97F4A7C15))
    '0xe220a8397b1dcdaf'
    """
    z = _uint64(z)
    with np.errstate(over="ignore"):  # products are meant modulo 2^64
        z = (z ^ (z >> 30)) * _uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> 27)) * _uint64(0x94D049BB133111EB)
    return z ^ (z >> 31)


def row_stream(key, n):
    """Return the stream of row n: mix(key + (n + 1) * GOLDEN).

    >>> streams = row_stream(42, np.arange(3))      # (3,)
    >>> draw(streams[:, None], np.arange(5)).shape  # (3, 5)
    (3, 5)
    """
    with np.errstate(over="ignore"):
        return mix(_uint64(key) + (_uint64(n) + _uint64(1)) * _uint64(GOLDEN))


def draw(stream, k):
    """Return 64 random bits, draw k of a row's stream: mix(stream + (k + 1) * GOLDEN).

    >>> hex(draw(0, 1))  # the second number of SplitMix64 with seed 0
    '0x6e789e6aa1b965f4'
    """
    return row_stream(stream, k)


def mulhi(a, b):
    """Return (high, low), the two halves of the 128-bit product of a and b.

    The high half of bits * n is a draw from 0, ..., n - 1.

    >>> high, low = mulhi(2**63, 6)
    >>> int(high), int(low)
    (3, 0)
    """
    a, b = _uint64(a), _uint64(b)
    a_high, a_low, b_high, b_low = a >> 32, a & 0xFFFFFFFF, b >> 32, b & 0xFFFFFFFF
    with np.errstate(over="ignore"):
        low = a * b
        # Column of 2^32: at most three numbers below 2^32, so no carry is lost.
        first, second = a_low * b_high, a_high * b_low
        middle = (a_low * b_low >> 32) + (first & 0xFFFFFFFF) + (second & 0xFFFFFFFF)
        high = a_high * b_high + (first >> 32) + (second >> 32) + (middle >> 32)
    return high, low


def _uint64(x):
    return np.asarray(x, np.uint64)[()]  # a scalar, not a 0-d array, for an int
