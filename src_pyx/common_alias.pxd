"""One id out of V by an alias table: one 64-bit draw, one cache line.

Entry v of the table is a pair (threshold, alias) of 32 bits each. The draw r is read as the fixed
point number r * V / 2^64: its whole part is a bucket, the next 32 bits are a coin, and

    id = bucket if coin < threshold[bucket] else alias[bucket]

Bucket and coin together are called a cell: (bucket << 32) | coin.
"""
from libc.stdint cimport uint32_t, uint64_t


cdef inline uint64_t cell_of(uint64_t bits, uint64_t V) noexcept nogil:
    """Return the cell of 64 random bits, V < 2^32: (bits * V) >> 32, exact.

    Vector registers have products of 32 by 32 bits, which are used twice, and none of 64 by 64.
    The sum cannot overflow: (2^32 - 1) V + V = 2^32 V.
    """
    return (bits >> 32) * V + (((bits & 0xFFFFFFFFU) * V) >> 32)


cdef inline uint32_t id_of(const uint32_t* table, uint64_t cell) noexcept nogil:
    """Return the id of a cell.

    Both halves of the entry are read and blended by a mask, since no CPU could predict a branch on
    the coin.
    """
    cdef uint32_t bucket = <uint32_t> (cell >> 32)
    cdef const uint32_t* entry = table + 2 * <size_t> bucket
    cdef uint32_t alias = entry[1]
    cdef uint32_t own = 0 - <uint32_t> (<uint32_t> cell < entry[0])     # all ones, or zero
    return alias ^ ((alias ^ bucket) & own)
