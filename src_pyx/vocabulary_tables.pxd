"""Hash tables of words in bytes, with the count and the first position of each word."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

cdef enum:
    FREE = -1               # empty slot
    FIRST_SLOTS = 1 << 12
    FIRST_BYTES = 1 << 15

cdef struct word_t:
    uint64_t hash
    int64_t count
    int64_t first           # byte of the whole text where it first occurs
    int64_t offset          # of its bytes in `text`, which a line feed follows
    int32_t length

cdef struct table_t:
    int32_t* slots          # number of a word, or FREE; open addressing
    int64_t n_slots         # a power of two, at least twice n_words
    word_t* words
    int64_t n_words, max_words
    uint8_t* text
    int64_t n_bytes, max_bytes


cdef inline bint grow_slots(table_t* t) noexcept nogil:
    cdef int64_t n_slots = 2 * t.n_slots, mask = 2 * t.n_slots - 1, slot, w
    cdef int32_t* slots = <int32_t*> malloc(n_slots * sizeof(int32_t))
    if slots == NULL:
        return False
    memset(slots, 0xFF, n_slots * sizeof(int32_t))      # all FREE
    for w in range(t.n_words):
        slot = <int64_t> t.words[w].hash & mask
        while slots[slot] != FREE:
            slot = (slot + 1) & mask
        slots[slot] = <int32_t> w
    free(t.slots)
    t.slots = slots
    t.n_slots = n_slots
    return True


cdef inline bint make_table(table_t* t) noexcept nogil:
    t.n_slots, t.max_words, t.max_bytes = FIRST_SLOTS, FIRST_SLOTS // 2, FIRST_BYTES
    t.n_words = t.n_bytes = 0
    t.slots = <int32_t*> malloc(t.n_slots * sizeof(int32_t))
    t.words = <word_t*> malloc(t.max_words * sizeof(word_t))
    t.text = <uint8_t*> malloc(t.max_bytes)
    if t.slots == NULL or t.words == NULL or t.text == NULL:
        return False
    memset(t.slots, 0xFF, t.n_slots * sizeof(int32_t))
    return True


cdef inline void free_table(table_t* t) noexcept nogil:
    free(t.slots)
    free(t.words)
    free(t.text)
    t.slots, t.words, t.text = NULL, NULL, NULL
    t.n_words = 0


cdef inline int64_t find(const table_t* t, const uint8_t* word, int64_t length, uint64_t h,
                         int64_t* slot) noexcept nogil:
    """Return the number of a word, or FREE; `slot` is its place, filled or not."""
    cdef int64_t mask = t.n_slots - 1, at = <int64_t> h & mask
    cdef const word_t* w
    while t.slots[at] != FREE:
        w = t.words + t.slots[at]
        if w.hash == h and w.length == length and not memcmp(t.text + w.offset, word, length):
            break
        at = (at + 1) & mask
    slot[0] = at
    return t.slots[at]


cdef inline bint append(table_t* t, const uint8_t* word, int64_t length, uint64_t h, int64_t slot,
                        int64_t first) noexcept nogil:
    """Add a word with count 0; return False without memory or beyond 2^31 words."""
    cdef void* block
    cdef word_t* w
    if t.n_words == t.max_words:
        if t.n_words >= 0x3FFFFFFF:
            return False
        block = realloc(t.words, 2 * t.max_words * sizeof(word_t))
        if block == NULL:
            return False
        t.words = <word_t*> block
        t.max_words *= 2
    if t.n_bytes + length + 1 > t.max_bytes:
        block = realloc(t.text, 2 * t.max_bytes + length)
        if block == NULL:
            return False
        t.text = <uint8_t*> block
        t.max_bytes = 2 * t.max_bytes + length
    w = t.words + t.n_words
    w.hash, w.count, w.first, w.offset, w.length = h, 0, first, t.n_bytes, <int32_t> length
    memcpy(t.text + t.n_bytes, word, length)
    t.text[t.n_bytes + length] = 10
    t.n_bytes += length + 1
    t.slots[slot] = <int32_t> t.n_words
    t.n_words += 1
    return 2 * t.n_words <= t.n_slots or grow_slots(t)


cdef inline bint merge_tables(table_t* into, const table_t* other, int32_t* numbers) noexcept nogil:
    """Add the words of a table to another; numbers[v] is the number there of its word v."""
    cdef int64_t v, w, slot
    cdef const word_t* word
    for v in range(other.n_words):
        word = other.words + v
        w = find(into, other.text + word.offset, word.length, word.hash, &slot)
        if w == FREE:
            w = into.n_words
            if not append(into, other.text + word.offset, word.length, word.hash, slot,
                          word.first):
                return False
        numbers[v] = <int32_t> w
        into.words[w].count += word.count
        if word.first < into.words[w].first:
            into.words[w].first = word.first
    return True
