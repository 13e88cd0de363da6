"""n-grams of words, and vectors that are the means of the rows of n-grams.

A word stands between `<` and `>`. Its n-grams are its runs of min_n to max_n characters (UTF-8),
except that `<` and `>` alone are none. They are listed by their first character, short ones first.
The bucket of an n-gram is its hash (FNV-1a of 32 bits, with each byte extended by its sign, as the
program fastText computes it) modulo the number of buckets.

    count_ngrams    how many n-grams each word has
    list_ngrams     the bucket of each n-gram, and where it is in the text
    draw_rows       the first rows of buckets: row b is a function of (key, b) alone
    compose         x[n] = mean of the own row of word n, if it has one, and of those of its n-grams
    try_compose     the same for one word, from the word to a new vector

A table of n-grams has a row for each bucket, or for those in `used`, which is sorted; the rows of
other buckets are drawn where they are needed. Both give the same bits. Number d of a drawn row is
k / 2^23 * limit, with k drawn from -2^23, ..., 2^23 - 1.
"""
from cython.parallel cimport prange
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from common_arrays cimport (FLOAT, INT32, Array, is_small, new_array, read_anywhere, read_list,
                            read_number, use_arrays)
from common_checks cimport check_fit
from common_parallel cimport part_begin, use_pool
from common_rng cimport draw, row_stream

cdef extern from "simd.h" nogil:
    void prefetch "FW_PREFETCH"(const void* address)

cdef extern from *:
    """
    /* The bytes of a str in UTF-8, which it keeps; NULL if it has lone surrogates. */
    static const char *fw_utf8_of(PyObject *word, Py_ssize_t *size) {
        const char *text = PyUnicode_AsUTF8AndSize(word, size);
        if (!text) PyErr_Clear();
        return text;
    }
    """
    const char* utf8_of "fw_utf8_of"(object word, Py_ssize_t* size) noexcept

cdef enum:
    BEGIN = 60          # <
    END = 62            # >
    LINE = 64           # bytes of a cache line
    AHEAD = 32          # rows that are fetched before they are added
    MOST_LISTED = 512   # n-grams of a word that is composed alone


cdef inline bint continues(uint8_t byte) noexcept nogil:
    """Tell whether a byte belongs to the character before it."""
    return byte & 0xC0 == 0x80


cdef inline uint8_t byte_at(const uint8_t* word, int64_t n, int64_t i) noexcept nogil:
    """Return byte i of a word of n bytes between < and >."""
    return BEGIN if i == 0 else END if i == n + 1 else word[i - 1]


cdef inline int64_t n_grams(const uint8_t* word, int64_t n, int64_t min_n,
                            int64_t max_n) noexcept nogil:
    """Return the number of n-grams of a word of n bytes."""
    cdef int64_t i, C = 2, least = max(min_n, <int64_t> 1), most
    for i in range(n):
        C += not continues(word[i])
    most = min(max_n, C)
    if least > most:
        return 0
    # C - k + 1 runs of k characters, for k = least, ..., most.
    return ((C - least + 1) + (C - most + 1)) * (most - least + 1) // 2 - (2 if least == 1 else 0)


cdef inline int64_t list_word(int32_t* buckets, int64_t* bounds, const uint8_t* word, int64_t n,
                              int64_t min_n, int64_t max_n, uint32_t bucket) noexcept nogil:
    """List the n-grams of a word of n bytes; return their number. bounds may be NULL."""
    cdef int64_t i, j, k, found = 0
    cdef uint32_t h
    for i in range(n + 2):
        if continues(byte_at(word, n, i)):
            continue
        h = <uint32_t> 2166136261U
        j = i
        for k in range(1, max_n + 1):
            if j == n + 2:
                break
            while True:
                h = (h ^ <uint32_t> <int8_t> byte_at(word, n, j)) * <uint32_t> 16777619U
                j += 1
                if j == n + 2 or not continues(byte_at(word, n, j)):
                    break
            if k < min_n or (k == 1 and (i == 0 or j == n + 2)):
                continue
            buckets[found] = <int32_t> (h % bucket)
            if bounds != NULL:
                bounds[2 * found], bounds[2 * found + 1] = i, j
            found += 1
    return found


cdef inline bint are_ends(const int64_t* ends, Py_ssize_t N, int64_t size) noexcept nogil:
    """Tell whether words can end there in a text of this size."""
    cdef Py_ssize_t n
    cdef int64_t last = 0
    for n in range(N):
        if ends[n] < last:
            return False
        last = ends[n]
    return last <= size


def count_ngrams(int64_t[::1] begins,       # OUT (N + 1,) sums of the numbers of n-grams
                 const uint8_t[::1] text,   # IN  (B,) N words in UTF-8
                 const int64_t[::1] ends,   # IN  (N,) where each of them ends
                 int64_t min_n,
                 int64_t max_n):
    """Count the n-grams of each word."""
    cdef Py_ssize_t N = ends.shape[0], n
    cdef int64_t at = 0
    cdef const uint8_t* words = &text[0] if text.shape[0] else NULL
    check_fit("count_ngrams", begins.shape[0] == N + 1
              and (N == 0 or are_ends(&ends[0], N, text.shape[0])))
    with nogil:
        begins[0] = 0
        for n in range(N):
            begins[n + 1] = begins[n] + n_grams(words + at, ends[n] - at, min_n, max_n)
            at = ends[n]


def list_ngrams(int32_t[::1] buckets,       # OUT (T,) one for each n-gram of all words
                int64_t[:, ::1] bounds,     # OUT (T, 2) begin and end in <word>, or empty
                const uint8_t[::1] text,    # IN  (B,) N words in UTF-8
                const int64_t[::1] ends,    # IN  (N,)
                int64_t min_n,
                int64_t max_n,
                uint32_t bucket):           # > 0, below 2^31
    """List the buckets of all n-grams, word after word."""
    cdef Py_ssize_t N = ends.shape[0], T = buckets.shape[0], n
    cdef int64_t at = 0, total = 0, found = 0
    cdef bint bounded = bounds.shape[0] > 0
    cdef const uint8_t* words = &text[0] if text.shape[0] else NULL
    check_fit("list_ngrams", 0 < bucket < <uint32_t> 1 << 31
              and (N == 0 or are_ends(&ends[0], N, text.shape[0]))
              and (not bounded or bounds.shape[0] == T and bounds.shape[1] == 2))
    for n in range(N):
        total += n_grams(words + at, ends[n] - at, min_n, max_n)
        at = ends[n]
    check_fit("list_ngrams", total == T)
    if total == 0:
        return
    with nogil:
        at = 0
        for n in range(N):
            found += list_word(&buckets[found] if found < T else NULL,
                               &bounds[found, 0] if bounded and found < T else NULL,
                               words + at, ends[n] - at, min_n, max_n, bucket)
            at = ends[n]


# ---- rows

cdef inline float drawn(uint64_t stream, Py_ssize_t d, float step) noexcept nogil:
    """Return number d of a drawn row."""
    return <float> (<int32_t> (draw(stream, <uint64_t> d) >> 40) - (1 << 23)) * step


cdef inline Py_ssize_t place_of(const int32_t* used, Py_ssize_t R, int32_t b) noexcept nogil:
    """Return the place of bucket b in `used`, -1 if it is not there."""
    cdef Py_ssize_t lo = 0, hi = R, middle
    while lo < hi:
        middle = lo + (hi - lo) // 2
        if used[middle] < b:
            lo = middle + 1
        else:
            hi = middle
    return lo if lo < R and used[lo] == b else -1


cdef void draw_range(float* rows, const int32_t* buckets, Py_ssize_t D, uint64_t key, float step,
                     Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t n, d
    cdef uint64_t stream
    for n in range(lo, hi):
        stream = row_stream(key, <uint64_t> buckets[n])
        for d in range(D):
            rows[n * D + d] = drawn(stream, d, step)


cdef void add_row(float* x, const uint8_t* row, Py_ssize_t D) noexcept nogil:
    cdef Py_ssize_t d
    cdef float number
    for d in range(D):      # copied, because a mapped file need not hold numbers at multiples of 4
        memcpy(&number, row + d * <Py_ssize_t> sizeof(float), sizeof(float))
        x[d] += number


cdef int64_t add_ngrams(float* x, const uint8_t* table, const int32_t* used, Py_ssize_t n_used,
                        bint draws, const int32_t* buckets, int64_t n, Py_ssize_t D, uint64_t key,
                        float step) noexcept nogil:
    """Add the rows of n buckets to x; return how many have one.

    used is NULL if each bucket has a row. Rows of buckets not in `used` are drawn, or left out.
    """
    cdef Py_ssize_t[AHEAD] places
    cdef Py_ssize_t d, i, m, size = D * <Py_ssize_t> sizeof(float)
    cdef int64_t t = 0, count = 0
    cdef uint64_t stream
    cdef const uint8_t* row
    while t < n:
        m = <Py_ssize_t> min(n - t, <int64_t> AHEAD)
        for i in range(m):
            places[i] = place_of(used, n_used, buckets[t + i]) if used != NULL else buckets[t + i]
            if places[i] >= 0:
                row = table + places[i] * size
                for d in range((size + LINE - 1) // LINE):
                    prefetch(row + d * LINE)
        for i in range(m):
            if places[i] >= 0:
                add_row(x, table + places[i] * size, D)
                count += 1
            elif draws:
                stream = row_stream(key, <uint64_t> buckets[t + i])
                for d in range(D):
                    x[d] += drawn(stream, d, step)
                count += 1
        t += m
    return count


cdef void compose_range(float* x, const uint8_t* own, const int64_t* rows, const uint8_t* table,
                        const int32_t* used, Py_ssize_t n_used, const int32_t* buckets,
                        const int64_t* begins, Py_ssize_t D, uint64_t key, float step,
                        Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t n, d, size = D * <Py_ssize_t> sizeof(float)
    cdef int64_t count
    cdef float* to
    for n in range(lo, hi):
        to = x + n * D
        memset(to, 0, size)
        count = 0
        if rows[n] >= 0:
            add_row(to, own + rows[n] * size, D)
            count = 1
        count += add_ngrams(to, table, used, n_used, True, buckets + begins[n],
                            begins[n + 1] - begins[n], D, key, step)
        for d in range(D if count else 0):
            to[d] /= <float> count


def draw_rows(float[:, ::1] rows,           # OUT (N, D)
              const int32_t[::1] buckets,   # IN  (N,) not negative
              uint64_t key,
              float limit,                  # of the numbers
              Py_ssize_t n_parts):
    """Draw the first rows of buckets."""
    cdef Py_ssize_t N = rows.shape[0], D = rows.shape[1], p
    cdef float step = limit / <float> (1 << 23)
    check_fit("draw_rows", buckets.shape[0] == N)
    if N == 0 or D == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            draw_range(&rows[0, 0], &buckets[0], D, key, step,
                       part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


cdef inline bint are_rows(const int64_t* rows, Py_ssize_t N, Py_ssize_t V) noexcept nogil:
    """Tell whether all of N rows are -1, ..., V - 1."""
    cdef Py_ssize_t n
    cdef bint fit = True
    for n in range(N):
        fit = fit & (-1 <= rows[n] < V)
    return fit


cdef inline bint are_buckets(const int32_t* buckets, Py_ssize_t T, Py_ssize_t R) noexcept nogil:
    """Tell whether all of T buckets are 0, ..., R - 1."""
    cdef Py_ssize_t t
    cdef bint fit = True
    for t in range(T):
        fit = fit & (0 <= buckets[t] < R)
    return fit


def compose(float[:, ::1] x,                # OUT (N, D)
            const uint8_t[:, ::1] own,      # IN  (V, 4 D) the own rows of known words, float32
            const int64_t[::1] rows,        # IN  (N,) which of them a word has, or -1
            const uint8_t[:, ::1] table,    # IN  (R, 4 D) rows of buckets, float32
            const int32_t[::1] used,        # IN  (R,) which buckets, sorted; or empty
            const int32_t[::1] buckets,     # IN  (T,) those of all n-grams, word after word
            const int64_t[::1] begins,      # IN  (N + 1,) where each word's begin
            bint compact,                   # whether `used` says which buckets have rows
            uint64_t key,
            float limit,
            Py_ssize_t n_parts):
    """Compute the vectors of words; that of a word without any row is 0."""
    cdef Py_ssize_t N = x.shape[0], D = x.shape[1], V = own.shape[0], T = buckets.shape[0]
    cdef Py_ssize_t R = table.shape[0], p
    cdef float step = limit / <float> (1 << 23)
    cdef const uint8_t* no_rows = NULL
    cdef const uint8_t* first_own = &own[0, 0] if own.size else no_rows
    cdef const uint8_t* first_row = &table[0, 0] if table.size else no_rows
    cdef const int32_t* no_ids = NULL
    cdef const int32_t* first_used = no_ids
    cdef const int32_t* first_bucket = &buckets[0] if T else no_ids
    cdef int32_t none = 0
    check_fit("compose", own.shape[1] == 4 * D and table.shape[1] == 4 * D and rows.shape[0] == N
              and begins.shape[0] == N + 1 and used.shape[0] == (R if compact else 0))
    if N == 0 or D == 0:
        return
    check_fit("compose", begins[0] == 0 and are_ends(&begins[0], N + 1, T) and begins[N] == T
              and are_rows(&rows[0], N, V))
    if compact:
        first_used = &used[0] if R else &none
    else:
        check_fit("compose", are_buckets(first_bucket, T, R))
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            compose_range(&x[0, 0], first_own, &rows[0], first_row, first_used, R, first_bucket,
                          &begins[0], D, key, step,
                          part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


cdef inline bint read_size(object number, int64_t* size) noexcept:
    """Read a Python int from 0 to 2^31 - 1, no subclass; False for any other object."""
    cdef double value
    if type(number) is not int or not read_number(number, &value):
        return False
    if not 0 <= value < 2147483648.0:
        return False
    size[0] = <int64_t> value
    return True


cdef inline bint read_rows(object x, int64_t n, int64_t D, Array* a) noexcept:
    """Describe rows (n, D) of float32, one behind the other; False for any other object."""
    return (read_anywhere(x, a) and a.type == FLOAT and a.packed and a.ndim == 2
            and a.shape[0] == n and a.shape[1] == D)


def try_compose(word,
                row,            # the own row of the word, or None
                n_words, vector_size, own, table,   # (V, D), and (R, D) of float32
                used,           # (R,) which buckets have a row, sorted; None: all of them
                bint draws,     # whether other buckets have drawn rows, or none
                min_n, max_n, bucket, uint64_t key, float limit):
    """Return the vector (D,) of a word that has an n-gram, or None."""
    cdef int64_t V, D, least, most, n_buckets, R, n, d, at = -1, count = 0
    cdef int32_t[MOST_LISTED] buckets
    cdef Array own_, table_, used_, x
    cdef Py_ssize_t size
    cdef Py_ssize_t[1] shape
    cdef const uint8_t* text
    cdef const int32_t* first = NULL
    cdef float* to
    if (type(word) is not str or not read_size(min_n, &least) or not read_size(max_n, &most)
            or not read_size(bucket, &n_buckets) or not read_size(n_words, &V)
            or not read_size(vector_size, &D) or n_buckets == 0 or D == 0
            or (row is not None and (not read_size(row, &at) or at >= V))):
        return None
    R = n_buckets
    if used is not None:
        if not read_list(used, INT32, &used_):
            return None
        R = used_.n
        first = <const int32_t*> used_.data
    if not read_rows(own, V, D, &own_) or not read_rows(table, R, D, &table_):
        return None
    text = <const uint8_t*> utf8_of(word, &size)
    if text == NULL:
        return None
    n = n_grams(text, size, least, most)
    if n == 0 or n > MOST_LISTED or not is_small(0.5 * <double> n * <double> D):
        return None
    shape[0] = D
    result = new_array(FLOAT, 1, shape, &x)
    to = <float*> x.data
    memset(to, 0, D * sizeof(float))
    list_word(buckets, NULL, text, size, least, most, <uint32_t> n_buckets)
    if at >= 0:
        add_row(to, <const uint8_t*> own_.data + at * D * <Py_ssize_t> sizeof(float), D)
        count = 1
    count += add_ngrams(to, <const uint8_t*> table_.data, first, R, draws, buckets, n, D, key,
                        limit / <float> (1 << 23))
    if count == 0:
        return None
    for d in range(D):
        to[d] /= <float> count
    return result


use_pool()
use_arrays()
