"""How work is cut into parts. Parts, never thread numbers, decide who computes what."""


cdef inline Py_ssize_t part_begin(Py_ssize_t p, Py_ssize_t n_parts, Py_ssize_t n) noexcept nogil:
    """First item of part p when n items are cut into n_parts nearly equal parts.

    Part p is [part_begin(p), part_begin(p + 1)). Written as quotient and remainder: p * n would
    overflow for huge n.
    """
    cdef Py_ssize_t size = n // n_parts, rest = n % n_parts
    return p * size + (p if p < rest else rest)
