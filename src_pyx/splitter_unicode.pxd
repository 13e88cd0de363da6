"""Code points: their properties, UTF-8, lower case, and the normal forms NFC and NFKC.

The tables are those of one version of Unicode, whatever Python runs. A word_space holds the code
points of a piece of text while its words are found:
    code (n,)    code points
    kind (n,)    their kinds, FW_LETTER and so on
    spare        room of the same size, for normalisation
    out          the words found so far, in UTF-8
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

cdef extern from "splitter_tables.h" nogil:
    const char* FW_UNICODE_VERSION
    enum:
        FW_LIMIT, FW_BLOCK, FW_HAS_LOWER, FW_NFC_ODD, FW_NFKC_ODD
        FW_OTHER, FW_SIGN, FW_BLANK, FW_DELETED, FW_LETTER, FW_UNSPACED, FW_MARK, FW_DIGIT
        FW_NUMBER, FW_UNDERSCORE, FW_FORMAT, FW_EMOJI, FW_REGIONAL, FW_TONE, FW_APOSTROPHE
        FW_MIDDLE, FW_POINT, FW_HYPHEN, FW_EMOJI_SIGN
        FW_N_LOWER, FW_N_CANONICAL, FW_N_COMPATIBLE, FW_N_PAIRS
    const uint8_t* fw_record_block
    const uint8_t* fw_record
    const uint8_t* fw_ccc_block
    const uint8_t* fw_ccc
    const uint32_t* fw_lower_code
    const uint32_t* fw_lower_to
    const uint32_t* fw_canonical_code
    const uint16_t* fw_canonical_at
    const uint32_t* fw_canonical_text
    const uint32_t* fw_compatible_code
    const uint16_t* fw_compatible_at
    const uint32_t* fw_compatible_text
    const uint64_t* fw_pair
    const uint32_t* fw_pair_to

# The settings of a call, added together. Without BLANKS and CHARACTERS it cuts into words.
cdef enum:
    NFC = 1
    NFKC = 2
    LOWER = 4               # lower case
    TURKISH = 8             # I is the capital of a dotless i
    ELISIONS = 16           # l'homme is two words
    KEEP_HYPHENS = 32       # well-known is one word
    MARKS = 64              # signs are words, a repeated one once
    LINES = 128             # line feeds are kept
    BLANKS = 256            # cut at blanks only
    CHARACTERS = 512        # cut into characters

cdef enum:
    KIND = 31               # bits of a record that hold the kind
    REPLACEMENT = 0xFFFD    # for a byte that is not UTF-8
    FEW = 16                # marks that are sorted by insertion
    HANGUL = 0xAC00
    HANGUL_L = 0x1100
    HANGUL_V = 0x1161
    HANGUL_T = 0x11A7
    N_L = 19
    N_V = 21
    N_T = 28
    DOT_ABOVE = 0x307
    ABOVE = 230             # combining class of marks above a letter

cdef struct word_space_t:
    uint32_t* code
    uint32_t* spare
    uint8_t* kind
    int64_t n, room
    uint8_t* out
    int64_t n_out, out_room
    int64_t dropped         # characters that no word holds, white space not counted
    int options
    bint special            # whether the piece may hold an address, see splitter_rules.pxd
    bint failed             # for want of memory
    uint8_t class_of[256]   # of bytes, see _splitter.pyx
    uint8_t low_of[256]     # bytes as they are written


cdef inline uint8_t record_of(uint32_t c) noexcept nogil:
    if c < <uint32_t> FW_LIMIT:
        return fw_record[fw_record_block[c // FW_BLOCK] * FW_BLOCK + c % FW_BLOCK]
    if c < 0x3FFFE:
        return FW_UNSPACED
    if 0xE0100 <= c <= 0xE01EF:
        return FW_MARK
    if c == 0xE0001 or 0xE0020 <= c <= 0xE007F:
        return FW_FORMAT
    return FW_OTHER


cdef inline uint8_t ccc_of(uint32_t c) noexcept nogil:
    """Return the combining class, by which the marks of a letter are ordered."""
    if c >= <uint32_t> FW_LIMIT:
        return 0
    return fw_ccc[fw_ccc_block[c // FW_BLOCK] * FW_BLOCK + c % FW_BLOCK]


cdef inline int64_t find(const uint32_t* sorted_codes, int64_t n, uint32_t c) noexcept nogil:
    """Return the place of c in a sorted table, or -1."""
    cdef int64_t lo = 0, hi = n, middle
    while lo < hi:
        middle = (lo + hi) // 2
        if sorted_codes[middle] < c:
            lo = middle + 1
        else:
            hi = middle
    return lo if lo < n and sorted_codes[lo] == c else -1


cdef inline uint32_t lower_of(uint32_t c) noexcept nogil:
    cdef int64_t at
    if c < 128:
        return c + 32 if 65 <= c <= 90 else c
    at = find(fw_lower_code, FW_N_LOWER, c)
    return fw_lower_to[at] if at >= 0 else c


# ---- memory

cdef inline bint reserve_codes(word_space_t* s, int64_t room) noexcept nogil:
    """Make room for code points, kinds and their spare; False without memory."""
    cdef void* block
    if room <= s.room:
        return True
    room = room + room // 2
    block = realloc(s.code, room * sizeof(uint32_t))
    if block != NULL:
        s.code = <uint32_t*> block
        block = realloc(s.spare, room * sizeof(uint32_t))
    if block != NULL:
        s.spare = <uint32_t*> block
        block = realloc(s.kind, room)
    if block == NULL:
        s.failed = True
        return False
    s.kind = <uint8_t*> block
    s.room = room
    return True


cdef inline bint reserve_out(word_space_t* s, int64_t more) noexcept nogil:
    """Make room for more bytes of words; False without memory."""
    cdef void* block
    cdef int64_t room = s.n_out + more
    if room <= s.out_room:
        return True
    room += room // 2
    block = realloc(s.out, room)
    if block == NULL:
        s.failed = True
        return False
    s.out = <uint8_t*> block
    s.out_room = room
    return True


cdef inline void free_space(word_space_t* s) noexcept nogil:
    free(s.code)
    free(s.spare)
    free(s.kind)
    free(s.out)


# ---- UTF-8

cdef inline int decode_one(const uint8_t* at, int64_t n, uint32_t* c) noexcept nogil:
    """Decode the character here, surrogates too; return its bytes. n bytes are left."""
    cdef uint32_t first = at[0], found
    cdef int length, i
    if first < 0x80:
        c[0] = first
        return 1
    c[0] = REPLACEMENT
    if first < 0xC2 or first > 0xF4:
        return 1
    length = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if length > n:
        return 1
    found = first & (0x7F >> length)
    for i in range(1, length):
        if at[i] & 0xC0 != 0x80:
            return 1
        found = found << 6 | (at[i] & 0x3F)
    if (length == 3 and found < 0x800) or (length == 4 and not 0x10000 <= found < 0x110000):
        return 1
    c[0] = found
    return length


cdef inline int64_t encode_one(uint8_t* out, uint32_t c) noexcept nogil:
    """Write a character; return its bytes."""
    if c < 0x80:
        out[0] = <uint8_t> c
        return 1
    if c < 0x800:
        out[0] = <uint8_t> (0xC0 | c >> 6)
        out[1] = <uint8_t> (0x80 | (c & 0x3F))
        return 2
    if c < 0x10000:
        out[0] = <uint8_t> (0xE0 | c >> 12)
        out[1] = <uint8_t> (0x80 | (c >> 6 & 0x3F))
        out[2] = <uint8_t> (0x80 | (c & 0x3F))
        return 3
    out[0] = <uint8_t> (0xF0 | c >> 18)
    out[1] = <uint8_t> (0x80 | (c >> 12 & 0x3F))
    out[2] = <uint8_t> (0x80 | (c >> 6 & 0x3F))
    out[3] = <uint8_t> (0x80 | (c & 0x3F))
    return 4


# ---- normal forms

cdef inline bint is_normal(const word_space_t* s) noexcept nogil:
    """Return whether the piece surely has the normal form of the settings."""
    cdef uint8_t odd = FW_NFKC_ODD if s.options & NFKC else FW_NFC_ODD
    cdef uint8_t record, ccc, last = 0
    cdef int64_t i
    for i in range(s.n):
        record = record_of(s.code[i])
        if record & odd:
            return False
        ccc = ccc_of(s.code[i]) if record & KIND == FW_MARK else 0
        if ccc and last > ccc:
            return False
        last = ccc
    return True


cdef inline int64_t expansion(uint32_t* out, uint32_t c, bint compatible) noexcept nogil:
    """Write the full decomposition of a character, at most 18 code points; return how many."""
    cdef int64_t at, n
    if c < 0xA0:
        out[0] = c
        return 1
    if HANGUL <= c < HANGUL + N_L * N_V * N_T:
        c -= HANGUL
        out[0] = HANGUL_L + c // (N_V * N_T)
        out[1] = HANGUL_V + c % (N_V * N_T) // N_T
        out[2] = HANGUL_T + c % N_T
        return 3 if c % N_T else 2
    at = find(fw_compatible_code, FW_N_COMPATIBLE, c) if compatible else -1
    if at >= 0:
        n = fw_compatible_at[at + 1] - fw_compatible_at[at]
        memcpy(out, fw_compatible_text + fw_compatible_at[at], n * sizeof(uint32_t))
        return n
    at = find(fw_canonical_code, FW_N_CANONICAL, c)
    if at >= 0:
        n = fw_canonical_at[at + 1] - fw_canonical_at[at]
        memcpy(out, fw_canonical_text + fw_canonical_at[at], n * sizeof(uint32_t))
        return n
    out[0] = c
    return 1


cdef inline void sort_marks(uint32_t* marks, int64_t n, uint32_t* scratch) noexcept nogil:
    """Sort marks by their combining class; equal ones keep their order."""
    cdef int64_t begin[256]
    cdef int64_t i, j, total = 0, count
    cdef uint32_t c
    cdef uint8_t ccc
    if n <= FEW:
        for i in range(1, n):
            c = marks[i]
            ccc = ccc_of(c)
            j = i
            while j > 0 and ccc_of(marks[j - 1]) > ccc:
                marks[j] = marks[j - 1]
                j -= 1
            marks[j] = c
        return
    memset(begin, 0, sizeof(begin))
    for i in range(n):
        begin[ccc_of(marks[i])] += 1
    for i in range(256):
        count = begin[i]
        begin[i] = total
        total += count
    for i in range(n):
        ccc = ccc_of(marks[i])
        scratch[begin[ccc]] = marks[i]
        begin[ccc] += 1
    memcpy(marks, scratch, n * sizeof(uint32_t))


cdef inline uint32_t composed(uint32_t a, uint32_t b) noexcept nogil:
    """Return the character that two compose to, 0 if there is none."""
    cdef uint64_t pair = <uint64_t> a << 32 | b
    cdef int64_t lo = 0, hi = FW_N_PAIRS, middle
    if HANGUL_L <= a < HANGUL_L + N_L and HANGUL_V <= b < HANGUL_V + N_V:
        return HANGUL + ((a - HANGUL_L) * N_V + b - HANGUL_V) * N_T
    if HANGUL <= a < HANGUL + N_L * N_V * N_T and HANGUL_T < b < HANGUL_T + N_T:
        return a + b - HANGUL_T if (a - HANGUL) % N_T == 0 else 0
    while lo < hi:
        middle = (lo + hi) // 2
        if fw_pair[middle] < pair:
            lo = middle + 1
        else:
            hi = middle
    return fw_pair_to[lo] if lo < FW_N_PAIRS and fw_pair[lo] == pair else 0


cdef inline int64_t compose(uint32_t* code, int64_t n) noexcept nogil:
    """Compose in place; return the new length."""
    cdef int64_t i, m = 0, starter = -1
    cdef uint8_t ccc, last = 0
    cdef uint32_t whole
    for i in range(n):
        ccc = ccc_of(code[i])
        # A mark reaches its letter past marks of lower classes, any other character if adjacent.
        if starter >= 0 and (last < ccc if m - 1 > starter else True):
            whole = composed(code[starter], code[i])
            if whole:
                code[starter] = whole
                continue
        if ccc == 0:
            starter = m
        last = ccc
        code[m] = code[i]
        m += 1
    return m


cdef inline bint normalise(word_space_t* s) noexcept nogil:
    """Bring the piece into the normal form of the settings; False without memory."""
    cdef int64_t i, n = 0, begin
    cdef bint compatible = s.options & NFKC != 0
    cdef uint32_t* swapped
    for i in range(s.n):
        if not reserve_codes(s, n + 18 + s.n):
            return False
        n += expansion(s.spare + n, s.code[i], compatible)
    swapped = s.code
    s.code = s.spare
    s.spare = swapped
    i = 0
    while i < n:
        if ccc_of(s.code[i]) == 0:
            i += 1
            continue
        begin = i
        while i < n and ccc_of(s.code[i]):
            i += 1
        sort_marks(s.code + begin, i - begin, s.spare)
    s.n = compose(s.code, n)
    return True


# ---- lower case

cdef inline bint put_in_lower_case(word_space_t* s) noexcept nogil:
    """Write the piece in lower case, İ as i; capital sigma stays until its word is known.

    A dot above on an i is dropped: in such texts it comes from İ. Return whether a mark follows a
    changed letter, with which it may compose.
    """
    cdef bint turkish = s.options & TURKISH != 0, loose = False, changed = False, dotted = False
    cdef int64_t i, m = 0
    cdef uint32_t c, low
    cdef uint8_t record, ccc
    for i in range(s.n):
        c = s.code[i]
        record = record_of(c)
        if dotted and c == DOT_ABOVE:
            changed = True
            continue
        if c == 0x130:
            low = 0x69
        elif c == 0x49 and turkish:
            low = 0x69 if i + 1 < s.n and s.code[i + 1] == DOT_ABOVE else 0x131
        elif c == 0x3A3 or not record & FW_HAS_LOWER:
            low = c
        else:
            low = lower_of(c)
        if record & KIND == FW_MARK:
            loose = loose or changed
            ccc = ccc_of(c)
            dotted = dotted and ccc != 0 and ccc != ABOVE
        else:
            changed = low != c
            dotted = low in (0x69, 0x12F, 0x1E2D, 0x1ECB)   # i, and i with a mark below
        s.code[m] = low
        m += 1
    s.n = m
    return loose
