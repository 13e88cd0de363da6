"""A hash table of Python's strings, each with a number: a dict without its detours.

A look-up compares the hash that a string keeps, and its characters only where hashes are equal.
`hashes` takes the hashes of several words and prefetches their slots, so that the look-ups that
follow do not wait for memory one by one.

The table borrows its strings: who owns a table keeps them alive.
"""
from cpython.object cimport PyObject
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

from common_memory cimport prefetch

cdef extern from *:
    """
    /* The items of a list, to read them without counting references. Where another thread may
       change a list meanwhile, its caller has to read a copy. */
    #ifdef Py_GIL_DISABLED
    #define FW_LISTS_STAY 0
    #else
    #define FW_LISTS_STAY 1
    #endif
    #define fw_items_of(words) (((PyListObject *)(words))->ob_item)
    """
    bint LISTS_STAY "FW_LISTS_STAY"
    PyObject** items_of "fw_items_of"(list words)

cdef extern from "Python.h":
    bint is_plain_str "PyUnicode_CheckExact"(PyObject*)
    Py_hash_t hash_of "PyObject_Hash"(PyObject*) except? -1
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject*)
    int PyUnicode_KIND(PyObject*)       # bytes of a character
    void* PyUnicode_DATA(PyObject*)

cdef enum:
    MISSING = -1
    AT_ONCE = 16            # words that are looked up together

cdef struct named_t:
    Py_hash_t hash
    PyObject* word          # NULL in an empty slot
    int64_t number

cdef struct strings_t:
    named_t* slots          # open addressing
    int64_t n_slots         # a power of two, at least twice n
    int64_t n


cdef inline bint open_strings(strings_t* t, int64_t n) noexcept:
    """Make an empty table with room for n strings; return False without memory."""
    t.n_slots, t.n = 16, 0
    while t.n_slots < 2 * n:
        t.n_slots *= 2
    t.slots = <named_t*> calloc(t.n_slots, sizeof(named_t))
    return t.slots != NULL


cdef inline void close_strings(strings_t* t) noexcept:
    free(t.slots)
    t.slots = NULL


cdef inline bint same(PyObject* a, PyObject* b) noexcept:
    cdef Py_ssize_t n = PyUnicode_GET_LENGTH(a)
    return a == b or (n == PyUnicode_GET_LENGTH(b) and PyUnicode_KIND(a) == PyUnicode_KIND(b)
                      and memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), n * PyUnicode_KIND(a)) == 0)


cdef inline named_t* spot_of(const strings_t* t, PyObject* word, Py_hash_t h) noexcept:
    """Return the slot of a string, or the empty one where it belongs."""
    cdef int64_t mask = t.n_slots - 1, at = h & mask
    cdef named_t* spot = t.slots + at
    while spot.word != NULL and not (spot.hash == h and same(spot.word, word)):
        at = (at + 1) & mask
        spot = t.slots + at
    return spot


cdef inline int64_t number_of(const strings_t* t, PyObject* word, Py_hash_t h) noexcept:
    """Return the number of a string, or MISSING."""
    cdef named_t* spot = spot_of(t, word, h)
    return spot.number if spot.word != NULL else MISSING


cdef inline bint add_string(strings_t* t, named_t* spot, PyObject* word, Py_hash_t h,
                            int64_t number) noexcept:
    """Fill the empty slot of a string; return False without memory for a larger table."""
    cdef strings_t larger
    cdef int64_t i
    spot.hash, spot.word, spot.number = h, word, number
    t.n += 1
    if 2 * t.n <= t.n_slots:
        return True
    if not open_strings(&larger, t.n_slots):
        return False
    for i in range(t.n_slots):
        if t.slots[i].word != NULL:
            spot_of(&larger, t.slots[i].word, t.slots[i].hash)[0] = t.slots[i]
    larger.n = t.n
    close_strings(t)
    t[0] = larger
    return True


cdef inline int hashes(Py_hash_t* found, const strings_t* t, PyObject** words,
                       int n) except -1:
    """Take the hashes of up to n words, before the first that is no plain str."""
    cdef int k
    for k in range(n):
        if not is_plain_str(words[k]):
            return k
        found[k] = hash_of(words[k])
        prefetch(t.slots + (found[k] & (t.n_slots - 1)))
    return n
