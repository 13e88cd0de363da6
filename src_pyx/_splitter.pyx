"""Text in UTF-8 cut into words, each followed by a blank.

    split       returns (words, number of characters that no word holds)

OPTIONS names the settings of a call; UNICODE is the version of the tables. The text is cut into
parts, and these into pieces, at blanks of one byte, so no word is ever in two of them. A piece of
plain ASCII is written byte by byte. A piece that holds anything else, an address or another sign
that `splitter_rules.pxd` must judge is decoded, normalised, put in lower case, and judged there.
Blanks of several bytes are inside of pieces.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint32_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from common_parallel cimport part_begin, use_pool
from splitter_rules cimport put_characters, put_pieces, put_words
from splitter_unicode cimport *

OPTIONS = {
    "nfc": NFC, "nfkc": NFKC, "lower": LOWER, "turkish": TURKISH, "elisions": ELISIONS,
    "keep_hyphens": KEEP_HYPHENS, "marks": MARKS, "lines": LINES, "blanks": BLANKS,
    "characters": CHARACTERS,
}
UNICODE = FW_UNICODE_VERSION.decode()

# Classes of bytes. Words consist of the first three.
cdef enum:
    IS_LETTER = 0
    IS_DIGIT = 1
    IS_UNDERSCORE = 2
    IS_BLANK = 3
    IS_LINE_END = 4
    IS_SIGN = 5
    IS_OTHER = 6
    IS_APOSTROPHE = 7
    IS_POINT = 8
    IS_COLON = 9
    IS_LANGUAGE_SIGN = 10   # of c++ and c#
    IS_RULED = 11           # the rules must judge the piece


cdef void set_classes(word_space_t* s) noexcept nogil:
    cdef int c
    cdef int options = s.options
    for c in range(256):
        s.low_of[c] = <uint8_t> (c + 32 if 65 <= c <= 90 and options & LOWER else c)
        if 48 <= c <= 57:
            s.class_of[c] = IS_DIGIT
        elif 65 <= c <= 90 or 97 <= c <= 122:
            s.class_of[c] = IS_LETTER
        else:
            s.class_of[c] = IS_SIGN if 33 <= c <= 126 else IS_OTHER if c < 128 else IS_RULED
    s.class_of[95] = IS_UNDERSCORE
    s.class_of[39] = IS_RULED if options & ELISIONS else IS_APOSTROPHE
    s.class_of[44] = s.class_of[46] = IS_POINT
    s.class_of[58] = IS_COLON
    s.class_of[35] = s.class_of[43] = IS_LANGUAGE_SIGN
    s.class_of[60] = s.class_of[64] = IS_RULED
    if options & KEEP_HYPHENS:
        s.class_of[45] = IS_RULED
    if options & TURKISH and options & LOWER:
        s.class_of[73] = IS_RULED
    if options & (BLANKS | CHARACTERS):
        memset(s.class_of, IS_RULED, 256)
    for c in range(9, 33):
        if c < 14 or c > 27:
            s.class_of[c] = IS_BLANK
    s.class_of[10] = IS_LINE_END


cdef inline bint is_blank(const word_space_t* s, uint8_t byte) noexcept nogil:
    return s.class_of[byte] == IS_BLANK or s.class_of[byte] == IS_LINE_END


cdef int64_t cut(const word_space_t* s, const uint8_t* data, int64_t at, int64_t n) noexcept nogil:
    """Return the first place from `at` on that is the start, the end, or after a blank."""
    if at <= 0:
        return 0
    while at < n and not is_blank(s, data[at - 1]):
        at += 1
    return at if at < n else n


cdef bint put_ruled(word_space_t* s, const uint8_t* data, int64_t i, int64_t end) noexcept nogil:
    """Write the words of the piece [i, end) by the rules; False without memory."""
    cdef uint32_t c, last = 0
    cdef int64_t k
    cdef bint may_delete = not s.options & BLANKS
    if not reserve_codes(s, end - i):
        return False
    s.n = 0
    while i < end:
        i += decode_one(data + i, end - i, s.code + s.n)
        if s.code[s.n] < 128 or not may_delete or record_of(s.code[s.n]) & KIND != FW_DELETED:
            s.n += 1
    if s.options & (NFC | NFKC) and not is_normal(s) and not normalise(s):
        return False
    if s.options & LOWER and put_in_lower_case(s) and s.options & (NFC | NFKC):
        if not normalise(s):
            return False
    s.special = False
    for k in range(s.n):
        c = s.code[k]
        s.kind[k] = record_of(c) & KIND
        if c == 0x40 or (c == 0x2F and last == c) or (c == 0x2E and last | 32 == 0x77):
            s.special = True                        # @, //, or w.
        last = c
    if s.options & BLANKS:
        return put_pieces(s)
    return put_characters(s) if s.options & CHARACTERS else put_words(s)


cdef int64_t put_plain(word_space_t* s, const uint8_t* data, int64_t i, int64_t hi) noexcept nogil:
    """Write the words of the piece at i; return its end, or -1 if the rules must judge it."""
    cdef uint8_t* out = s.out + s.n_out
    cdef const uint8_t* class_of = s.class_of
    cdef int64_t first
    cdef uint8_t kind = IS_BLANK
    cdef bint is_word
    while i < hi:
        kind = class_of[data[i]]
        if kind <= IS_UNDERSCORE:
            first = i
            is_word = False
            while i < hi:
                kind = class_of[data[i]]
                if kind <= IS_UNDERSCORE:
                    is_word |= kind != IS_UNDERSCORE
                elif kind == IS_APOSTROPHE:
                    if class_of[data[i - 1]] or i + 1 == hi or class_of[data[i + 1]]:
                        break
                elif kind == IS_POINT:
                    if class_of[data[i - 1]] != IS_DIGIT or i + 1 == hi or (
                            class_of[data[i + 1]] != IS_DIGIT):
                        break
                else:
                    break
                out[0] = s.low_of[data[i]]
                out += 1
                i += 1
            if i < hi:
                if kind == IS_LANGUAGE_SIGN and i - first == 1 and data[first] | 32 in (99, 102):
                    return -1
                if kind == IS_POINT and i - first >= 3 and (data[i - 1] | 32 == 119) and (
                        data[i - 2] | 32 == 119 and data[i - 3] | 32 == 119):
                    return -1
            if is_word:
                out[0] = 32
                out += 1
            else:
                out -= i - first
                s.dropped += i - first
        elif kind == IS_BLANK or kind == IS_LINE_END:
            break
        elif kind == IS_RULED or (kind == IS_COLON and i + 2 < hi and data[i + 1] == 47 and
                                  data[i + 2] == 47):
            return -1
        elif s.options & MARKS and kind != IS_OTHER:
            out[0] = data[i]
            out[1] = 32
            out += 2
            first = i
            while i < hi and data[i] == data[first]:
                i += 1
        else:
            s.dropped += 1
            i += 1
    s.n_out = out - s.out
    return i


cdef void split_range(word_space_t* s, const uint8_t* data, int64_t i, int64_t hi) noexcept nogil:
    """Write the words of [i, hi)."""
    cdef int64_t begin, n_out, dropped
    # A piece of ASCII writes at most two bytes for each of its own.
    if not reserve_out(s, 2 * (hi - i) + 16):
        return
    while i < hi:
        if is_blank(s, data[i]):
            if s.options & LINES and data[i] == 10:
                s.out[s.n_out] = 10
                s.n_out += 1
            i += 1
            continue
        begin, n_out, dropped = i, s.n_out, s.dropped
        i = put_plain(s, data, i, hi)
        if i < 0:
            s.n_out, s.dropped = n_out, dropped
            i = begin
            while i < hi and not is_blank(s, data[i]):
                i += 1
            if not put_ruled(s, data, begin, i) or not reserve_out(s, 2 * (hi - i) + 16):
                return


def split(const uint8_t[::1] data,          # IN  (N,)
          int options,                      # a sum of OPTIONS
          Py_ssize_t n_parts):
    """Return the words of a text, each with a blank behind it, and the characters left out."""
    cdef int64_t N = data.shape[0], total = 0, dropped = 0
    cdef Py_ssize_t p
    cdef bint failed = False
    cdef object words = None
    cdef uint8_t* to
    cdef word_space_t* spaces
    if N == 0:
        return b"", 0
    spaces = <word_space_t*> calloc(n_parts, sizeof(word_space_t))
    if spaces == NULL:
        raise MemoryError(f"split: no memory for {n_parts} parts")
    with nogil:
        for p in range(n_parts):
            spaces[p].options = options
            set_classes(spaces + p)
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            split_range(spaces + p, &data[0],
                        cut(spaces + p, &data[0], part_begin(p, n_parts, N), N),
                        cut(spaces + p, &data[0], part_begin(p + 1, n_parts, N), N))
        for p in range(n_parts):
            failed |= spaces[p].failed
            total += spaces[p].n_out
            dropped += spaces[p].dropped
    try:
        if failed:
            raise MemoryError(f"split: no memory for the words of {N} bytes")
        words = PyBytes_FromStringAndSize(NULL, total)
        to = <uint8_t*> PyBytes_AS_STRING(words)
        for p in range(n_parts):
            if spaces[p].n_out:
                memcpy(to, spaces[p].out, spaces[p].n_out)
                to += spaces[p].n_out
    finally:
        for p in range(n_parts):
            free_space(spaces + p)
        free(spaces)
    return words, dropped


use_pool()
