"""Memory hints that Cython cannot say itself."""

cdef extern from *:
    """
    #if (defined(__GNUC__) || defined(__clang__)) && !defined(FASTW2V_PORTABLE)
    /* The empty statement is for GCC, which drops calls of functions that only prefetch. */
    #define fw_prefetch(address) \\
        do { __builtin_prefetch((address)); __asm__ volatile(""); } while (0)
    #else
    #define fw_prefetch(address) ((void)(address))
    #endif
    """
    # Ask for the cache line at this address; never faults.
    void prefetch "fw_prefetch"(const void* address) noexcept nogil


cdef inline void prefetch_row(const void* row, Py_ssize_t n_bytes) noexcept nogil:
    """Ask for the lines of a row, up to 512 bytes; hardware prefetches the rest of a longer one."""
    cdef const char* start = <const char*> row
    cdef Py_ssize_t at = 0
    while at < n_bytes and at < 512:
        prefetch(start + at)
        at += 64
