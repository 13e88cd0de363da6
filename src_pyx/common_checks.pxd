"""The check at the entry of a kernel: its arrays fit each other.

Layers and functions check what users pass and say which argument is wrong. Between such a check and
its use, Python code may still replace, reshape or resize an array, in another thread for instance.
Kernels run on pointers, so each entry compares the sizes of its arrays before it touches them. That
costs a few comparisons of integers per call.
"""


cdef inline int check_fit(const char* entry, bint fit) except -1:
    """Raise ValueError unless the arrays of an entry fit each other; nothing was written then."""
    if not fit:
        raise ValueError(
            f"{entry.decode()}: expected arrays that fit each other, got one of another shape; it "
            "was replaced, reshaped or resized since it was checked, so assign one of the old shape"
        )
    return 0


cdef inline bint has_shape2(const Py_ssize_t* shape, Py_ssize_t n, Py_ssize_t m) noexcept nogil:
    """Tell whether an array is (n, m)."""
    return shape[0] == n and shape[1] == m


cdef inline bint has_shape3(const Py_ssize_t* shape, Py_ssize_t n, Py_ssize_t m,
                            Py_ssize_t k) noexcept nogil:
    """Tell whether an array is (n, m, k)."""
    return shape[0] == n and shape[1] == m and shape[2] == k


cdef inline bint plain_rows(const Py_ssize_t* shape, const Py_ssize_t* strides,
                            Py_ssize_t size) noexcept nogil:
    """Tell whether the rows of a 2-d array are contiguous and whole elements of `size` apart."""
    return ((shape[1] < 2 or strides[1] == size)
            and (shape[0] < 2 or strides[0] % size == 0))
