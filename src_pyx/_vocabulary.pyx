"""Words of a text in bytes: counted and numbered in one pass, and the numbers turned into ids.

A word is a run of bytes between white space, that of Python's str.split in UTF-8. A sentence ends
at a line feed.

    open_counter    makes n_parts hash tables, in a capsule that frees them
    count           counts and numbers the words of a piece of text, part p of it in table p
    sizes           returns the number of words in each table
    merge           adds all tables to the first; returns (words, bytes of their text)
    read            copies text, counts and first positions of the words of the first table
    renumber        replaces numbers by ids: ids[number], END where sentences end
    Numbers         counts and numbers the words of Python sentences

A piece of text ends at the text's end or after a blank byte (`after_last_blank`); it is cut into
parts after blank bytes, so no word is ever in two parts. Tables hold the count and the first
position of each word; an order made of these does not depend on the cut.

Without memory `open_counter` raises MemoryError, and `count` and `merge` return False.
"""
from cpython.object cimport PyObject
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from common_checks cimport check_fit, has_shape2
from common_memory cimport prefetch
from common_parallel cimport part_begin, use_pool
from common_strings cimport (AT_ONCE, LISTS_STAY, add_string, close_strings, hashes, items_of,
                             named_t, open_strings, spot_of, strings_t)
from vocabulary_tables cimport FREE, append, find, free_table, make_table, merge_tables, table_t

cpdef enum:
    END = -1                # between two sentences
    NEVER = -2              # id of a word that is not in the vocabulary

# Kinds of bytes: part of a word, a blank, a line feed, the first of a blank of several bytes.
cdef enum:
    LETTER = 0
    BLANK = 1
    LINE_END = 2
    WIDE = 3

# A word in a text; a line feed where length is 0.
cdef struct spot_t:
    uint64_t hash
    int64_t start, length

cdef struct counter_t:
    table_t* tables
    int64_t n_tables

cdef uint8_t kind_of[256]


cdef int set_kinds():
    """Return the kind of a byte; blanks beyond ASCII begin with C2, E1, E2 or E3 in UTF-8."""
    cdef int c
    memset(kind_of, LETTER, 256)
    for c in (9, 11, 12, 13, 28, 29, 30, 31, 32):
        kind_of[c] = BLANK
    kind_of[10] = LINE_END
    for c in (0xC2, 0xE1, 0xE2, 0xE3):
        kind_of[c] = WIDE
    return 0


cdef inline int wide_blank(const uint8_t* at, int64_t n) noexcept nogil:
    """Return the bytes of the blank beyond ASCII here, 0 if there is none; n bytes are left."""
    if at[0] == 0xC2:
        return 2 if n >= 2 and (at[1] == 0x85 or at[1] == 0xA0) else 0
    if n < 3:
        return 0
    if at[0] == 0xE1:
        return 3 if at[1] == 0x9A and at[2] == 0x80 else 0
    if at[0] == 0xE3:
        return 3 if at[1] == 0x80 and at[2] == 0x80 else 0
    if at[0] == 0xE2 and at[1] == 0x80:
        return 3 if at[2] <= 0x8A or at[2] == 0xA8 or at[2] == 0xA9 or at[2] == 0xAF else 0
    return 3 if at[0] == 0xE2 and at[1] == 0x81 and at[2] == 0x9F else 0


cdef inline uint64_t hash_of(const uint8_t* word, int64_t n) noexcept nogil:
    """Hash eight bytes at a time, each mixed by a product and a fold."""
    cdef uint64_t h = <uint64_t> n * <uint64_t> 0x9E3779B97F4A7C15ULL, eight
    cdef int64_t i = 0
    while i + 8 <= n:
        memcpy(&eight, word + i, 8)
        h = (h ^ eight) * <uint64_t> 0xD6E8FEB86659FD93ULL
        h ^= h >> 32
        i += 8
    eight = 0
    while i < n:
        eight = eight << 8 | word[i]
        i += 1
    h = (h ^ eight) * <uint64_t> 0xD6E8FEB86659FD93ULL
    h = (h ^ (h >> 32)) * <uint64_t> 0x9E3779B97F4A7C15ULL
    return h ^ (h >> 29)


cdef inline int64_t next_word(const uint8_t* data, int64_t i, int64_t n, bint* line_ended,
                              int64_t* start) noexcept nogil:
    """Return the end of the next word from i on, and set its start; start = n if none is left.

    It stops at a line feed before the word: line_ended is True then, and start = end.
    """
    cdef int kind, wide
    line_ended[0] = False
    while i < n:
        kind = kind_of[data[i]]
        if kind == LETTER:
            break
        if kind == LINE_END:
            line_ended[0] = True
            start[0] = i + 1
            return i + 1
        if kind == WIDE:
            wide = wide_blank(data + i, n - i)
            if wide == 0:
                break
            i += wide
        else:
            i += 1
    start[0] = i
    while i < n:
        kind = kind_of[data[i]]
        if kind != LETTER and (kind != WIDE or wide_blank(data + i, n - i)):
            break
        i += 1
    return i


cdef int next_words(spot_t* spots, const table_t* t, const uint8_t* data, int64_t* i,
                    int64_t n) noexcept nogil:
    """List the next words and line ends from i on, at most AT_ONCE; return how many.

    The memory that their look-ups read is prefetched for all of them step by step: a large table
    answers ten look-ups at once as fast as one.
    """
    cdef int found = 0, k
    cdef int64_t mask = t.n_slots - 1
    cdef int32_t w
    cdef bint line_ended
    cdef spot_t* spot
    while found < AT_ONCE and i[0] < n:
        spot = spots + found
        i[0] = next_word(data, i[0], n, &line_ended, &spot.start)
        spot.length = i[0] - spot.start
        if spot.length == 0 and not line_ended:
            break
        if spot.length:
            spot.hash = hash_of(data + spot.start, spot.length)
            prefetch(t.slots + (<int64_t> spot.hash & mask))
        found += 1
    for k in range(found):
        if spots[k].length:
            w = t.slots[<int64_t> spots[k].hash & mask]
            if w != FREE:
                prefetch(t.words + w)
    for k in range(found):
        if spots[k].length:
            w = t.slots[<int64_t> spots[k].hash & mask]
            if w != FREE:
                prefetch(t.text + t.words[w].offset)
    return found


cdef bint count_range(table_t* t, int64_t* lines, int32_t* out, int64_t* filled,
                      const uint8_t* data, int64_t lo, int64_t hi, int64_t base,
                      bint ends) noexcept nogil:
    """Count the words that begin in [lo, hi), and write their numbers, with no two END in a row."""
    cdef int64_t i = lo, w, slot, n = 0
    cdef spot_t spots[AT_ONCE]
    cdef const spot_t* spot
    cdef int k, found = next_words(spots, t, data, &i, hi)
    while found:
        for k in range(found):
            spot = spots + k
            if spot.length == 0:
                lines[0] += 1
                if ends and (n == 0 or out[n - 1] != END):
                    out[n] = END
                    n += 1
                continue
            if spot.length > 0x7FFFFFFF:
                return False
            w = find(t, data + spot.start, spot.length, spot.hash, &slot)
            if w == FREE:
                w = t.n_words
                if not append(t, data + spot.start, spot.length, spot.hash, slot,
                              base + spot.start):
                    return False
            t.words[w].count += 1
            out[n] = <int32_t> w
            n += 1
        found = next_words(spots, t, data, &i, hi)
    filled[0] = n
    return True


cdef int64_t cut(const uint8_t* data, int64_t at, int64_t n) noexcept nogil:
    """Return the first place from `at` on that is the start, the end, or after a blank byte."""
    if at <= 0:
        return 0
    while at < n and kind_of[data[at - 1]] != BLANK and kind_of[data[at - 1]] != LINE_END:
        at += 1
    return at if at < n else n


# ---- entries

cdef const char* CAPSULE = b"fastw2v._kernels._vocabulary.counter"


cdef void close(object capsule) noexcept:
    cdef counter_t* c = <counter_t*> PyCapsule_GetPointer(capsule, CAPSULE)
    cdef int64_t p
    for p in range(c.n_tables):
        free_table(c.tables + p)
    free(c.tables)
    free(c)


def open_counter(Py_ssize_t n_tables):
    """Make n_tables empty tables, one per part."""
    cdef counter_t* c = <counter_t*> calloc(1, sizeof(counter_t))
    cdef int64_t p
    cdef bint made = c != NULL
    if made:
        c.tables = <table_t*> calloc(n_tables, sizeof(table_t))
        made = c.tables != NULL
    if made:
        c.n_tables = n_tables
        for p in range(n_tables):
            made = make_table(c.tables + p) and made
    if not made:
        if c != NULL and c.tables != NULL:
            for p in range(n_tables):
                free_table(c.tables + p)
            free(c.tables)
        free(c)
        raise MemoryError(f"open_counter: no memory for {n_tables} hash tables")
    return PyCapsule_New(c, CAPSULE, close)


def after_last_blank(const uint8_t[::1] data):      # IN  (N,)
    """Return the number of bytes up to and including the last blank byte."""
    cdef int64_t i = data.shape[0]
    with nogil:
        while i > 0 and kind_of[data[i - 1]] != BLANK and kind_of[data[i - 1]] != LINE_END:
            i -= 1
    return i


def count(object counter,
          int64_t[::1] lines,               # OUT (tables,) line feeds, added to
          int32_t[::1] out,                 # OUT (N + n_parts,) numbers of the words
          int64_t[:, ::1] places,           # OUT (n_parts, 2) first and last + 1 of a part in `out`
          const uint8_t[::1] data,          # IN  (N,)
          int64_t base,                     # bytes of the whole text before it
          bint ends,                        # whether a line feed ends a sentence
          Py_ssize_t n_parts):              # not above the number of tables
    """Count the words of a piece of text, and number them; return False without memory.

    A word has the number of its place in the table of its part. END is written where sentences end.
    """
    cdef counter_t* c = <counter_t*> PyCapsule_GetPointer(counter, CAPSULE)
    cdef int64_t N = data.shape[0]
    cdef Py_ssize_t p, failed = 0
    check_fit("count", 0 < n_parts <= c.n_tables and lines.shape[0] >= n_parts and
              out.shape[0] >= N + n_parts and has_shape2(places.shape, n_parts, 2))
    with nogil:
        # A part writes no more numbers than it has bytes, so its place in the text is one in `out`.
        for p in range(n_parts):
            places[p, 0] = places[p, 1] = N and cut(&data[0], part_begin(p, n_parts, N), N)
        for p in prange(n_parts if N else 0, num_threads=n_parts, schedule="static"):
            failed += not count_range(c.tables + p, &lines[p], &out[places[p, 0]], &places[p, 1],
                                      &data[0], places[p, 0],
                                      cut(&data[0], part_begin(p + 1, n_parts, N), N), base, ends)
        for p in range(n_parts if N else 0):
            places[p, 1] += places[p, 0]
    return failed == 0


def sizes(object counter):
    """Return the number of words in each table."""
    cdef counter_t* c = <counter_t*> PyCapsule_GetPointer(counter, CAPSULE)
    return [c.tables[p].n_words for p in range(c.n_tables)]


def merge(object counter,
          int32_t[::1] numbers):            # OUT (sum of sizes,) the number of each word
    """Move all counts to the first table; return (words, bytes of their text), or False.

    numbers holds those of the first table's words, then those of the second's, and so on.
    """
    cdef counter_t* c = <counter_t*> PyCapsule_GetPointer(counter, CAPSULE)
    cdef int64_t p, v, at = 0
    cdef bint merged = True
    check_fit("merge", numbers.shape[0] == sum(sizes(counter)))
    if c.n_tables == 1 and c.tables.n_words == 0:
        return 0, 0
    with nogil:
        for v in range(c.tables.n_words):
            numbers[v] = <int32_t> v
        at = c.tables.n_words
        for p in range(1, c.n_tables):
            v = c.tables[p].n_words
            merged = merged and (v == 0 or merge_tables(c.tables, c.tables + p, &numbers[at]))
            at += v
            free_table(c.tables + p)
        c.n_tables = 1
    if not merged:
        return False
    return c.tables.n_words, c.tables.n_bytes


def read(object counter,
         uint8_t[::1] text,                 # OUT (bytes,) the words, a line feed after each
         int64_t[::1] counts,               # OUT (words,)
         int64_t[::1] firsts,               # OUT (words,)
         int64_t[::1] offsets):             # OUT (words,) of each word in text
    """Copy the content of the first table, in the order in which words were found."""
    cdef counter_t* c = <counter_t*> PyCapsule_GetPointer(counter, CAPSULE)
    cdef int64_t w
    if c.tables.n_words == 0:
        return
    with nogil:
        memcpy(&text[0], c.tables.text, c.tables.n_bytes)
        for w in range(c.tables.n_words):
            counts[w] = c.tables.words[w].count
            firsts[w] = c.tables.words[w].first
            offsets[w] = c.tables.words[w].offset


def renumber(int32_t[::1] text,             # INOUT (N,) numbers of words, and END; ids in its front
             const int32_t[::1] ids,        # IN  (words,) the id of each word, below 0 for none
             bint ended):                   # whether the first word begins a sentence
    """Replace numbers by ids, drop words without one and empty sentences; return the length."""
    cdef int64_t i, n = 0, words = ids.shape[0]
    cdef int32_t v
    with nogil:
        for i in range(text.shape[0]):
            v = text[i]
            if v == END:
                if not ended:
                    text[n] = END
                    n += 1
                    ended = True
            elif 0 <= v < words and ids[v] >= 0:
                text[n] = ids[v]
                n += 1
                ended = False
    return n


set_kinds()
use_pool()


cdef class Numbers:
    """Numbers of words that are str, in the order of their first appearance; `words` lists them."""
    cdef readonly list words
    cdef strings_t table

    def __cinit__(self):
        self.words = []
        if not open_strings(&self.table, 0):
            raise MemoryError("Numbers: no memory for a hash table")

    def __dealloc__(self):
        close_strings(&self.table)

    def __reduce__(self):
        raise TypeError("Numbers: cannot be pickled; pickle its words")

    def add(self,
            int32_t[::1] numbers,           # OUT (at least len(batch),)
            list batch):
        """Write the numbers of words, up to the first that is no plain str; return how many."""
        check_fit("Numbers.add", numbers.shape[0] >= len(batch))
        return self.number(&numbers[0], batch) if len(batch) else 0

    def add_sentences(self,
                      int32_t[::1] numbers,     # OUT (room,)
                      list sentences):
        """Write the numbers of the words of sentences, and END behind each of them.

        Return how many sentences and how many numbers were written: those before the first that is
        no list of plain str, or that no room is left for.
        """
        cdef Py_ssize_t s, n, at = 0
        cdef list sentence
        for s in range(len(sentences)):
            if type(sentences[s]) is not list:
                return s, at
            sentence = sentences[s] if LISTS_STAY else sentences[s][:]
            n = len(sentence)
            if n >= numbers.shape[0] - at or self.number(&numbers[at], sentence) < n:
                return s, at
            numbers[at + n] = END
            at += n + 1
        return len(sentences), at

    cdef Py_ssize_t number(self, int32_t* numbers, list batch) except -1:
        """Write the numbers of words, up to the first that is no plain str; return how many."""
        cdef Py_ssize_t i = 0, n = len(batch)
        cdef Py_hash_t found[AT_ONCE]
        cdef int k, known, at_once
        cdef named_t* spot
        cdef PyObject** words = items_of(batch)
        while i < n:
            at_once = <int> min(n - i, AT_ONCE)
            known = hashes(found, &self.table, words + i, at_once)
            for k in range(known):
                spot = spot_of(&self.table, words[i + k], found[k])
                if spot.word == NULL:
                    if self.table.n == 0x7FFFFFFF:
                        raise MemoryError("Numbers: expected fewer than 2**31 different words")
                    numbers[i + k] = <int32_t> self.table.n
                    self.words.append(<object> words[i + k])
                    if not add_string(&self.table, spot, words[i + k], found[k], self.table.n):
                        raise MemoryError("Numbers: no memory for a larger hash table")
                else:
                    numbers[i + k] = <int32_t> spot.number
            i += known
            if known < at_once:
                break
        return i
