"""One step of an update rule over a parameter of R rows of C, or over a list of its rows.

Where mark[r] is 0 the gradient of row r is zero, and its memory is not read: the rule runs with
g = 0, which gives the bits that it would give on a row of zeros. Formulas: _optimizer.pyx.
"""
from libc.stdint cimport int64_t, uint8_t

from common_memory cimport prefetch_row
from common_types cimport real_t
from optimizer_rules cimport Rule, run

cdef enum:
    VECTOR = 16     # elements of one or two cache lines; runs are cut between them where they may


cdef inline void sweep(Rule rule, real_t* w, Py_ssize_t ld, real_t* a, real_t* b, const real_t* g,
                       Py_ssize_t ld_g, const uint8_t* mark, Py_ssize_t C, const real_t* s,
                       Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Step elements [lo, hi) of R * C, in runs that have a gradient throughout or nowhere."""
    cdef Py_ssize_t r, end, n, begin
    cdef bint flat = ld == C and ld_g == C, touched
    if flat and mark == NULL:
        run(rule, w + lo, a + lo, b + lo, g + lo, hi - lo, s)
        return
    # Vectors are cut where w, and so its states, reach a new cache line.
    begin = -<Py_ssize_t> (<size_t> w % 64 // sizeof(real_t))
    while lo < hi:
        r = lo // C
        touched = mark == NULL or mark[r] != 0
        end = (r + 1) * C
        if flat:
            while end < hi and (mark[end // C] != 0) == touched:
                end += C
            # It is cheaper to read a few zeros of the next row's gradient than to cut a vector.
            if touched:
                end = begin + (end - begin + VECTOR - 1) // VECTOR * VECTOR
            elif end < hi:
                end = begin + (end - begin) // VECTOR * VECTOR
                if end <= lo:
                    touched = True
                    end = lo + VECTOR - (lo - begin) % VECTOR
        n = (end if end < hi else hi) - lo
        run(rule, w + r * (ld - C) + lo, a + lo, b + lo,
            g + r * (ld_g - C) + lo if touched else <const real_t*> NULL, n, s)
        lo += n


cdef inline void update_rows_range(Rule rule, real_t* w, Py_ssize_t ld, real_t* a, real_t* b,
                                   const real_t* g, Py_ssize_t ld_g, bint packed,
                                   const int64_t* rows, Py_ssize_t C, const real_t* s,
                                   Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Step the listed rows [lo, hi) with their gradient."""
    cdef Py_ssize_t i, r, n_bytes = C * <Py_ssize_t> sizeof(real_t)
    for i in range(lo, hi):
        if i + 4 < hi:
            r = rows[i + 4]
            prefetch_row(w + r * ld, n_bytes)
            if a != NULL:
                prefetch_row(a + r * C, n_bytes)
            if b != NULL:
                prefetch_row(b + r * C, n_bytes)
            if not packed:
                prefetch_row(g + r * ld_g, n_bytes)
        r = rows[i]
        run(rule, w + r * ld, a + r * C if a != NULL else a, b + r * C if b != NULL else b,
            g + (i if packed else r) * ld_g, C, s)
