"""Memory hints that Cython cannot say itself."""

cdef extern from *:
    """
    #if (defined(__GNUC__) || defined(__clang__)) && !defined(FASTW2V_PORTABLE)
    #define fw_prefetch(address) __builtin_prefetch((address))
    #else
    #define fw_prefetch(address) ((void)(address))
    #endif
    """
    # Ask for the cache line at this address; never faults.
    void prefetch "fw_prefetch"(const void* address) noexcept nogil


cdef inline void prefetch_row(const void* row, Py_ssize_t n_bytes) noexcept nogil:
    """Ask for the first two lines of a row; the hardware follows by itself from there.

    More of them were no faster, in cache or out of it, and take instructions from short rows.
    """
    prefetch(row)
    if n_bytes > 64:
        prefetch(<const char*> row + 64)
