"""The rules of words, on the code points of a piece of text without blanks of one byte.

fastw2v/reference/splitter.py states the same rules in plain Python. The piece is normalised, in
lower case if asked, and free of characters that are deleted. Each function looks at the piece from
a place i on; a place beyond the piece has the kind END_OF_PIECE and the code 0.
"""
from libc.stdint cimport int64_t, uint32_t, uint8_t
from libc.string cimport strlen

from splitter_unicode cimport *

cdef enum:
    END_OF_PIECE = 255
    MOST_SCHEME = 32        # characters before ://
    MOST_LOCAL = 64         # characters before @
    MOST_DOMAIN = 255
    KEYCAP = 0x20E3
    ZWJ = 0x200D
    LAST_TAG = 0xE007F


cdef inline uint8_t kind_at(const word_space_t* s, int64_t i) noexcept nogil:
    return s.kind[i] if 0 <= i < s.n else <uint8_t> END_OF_PIECE


cdef inline uint32_t code_at(const word_space_t* s, int64_t i) noexcept nogil:
    return s.code[i] if 0 <= i < s.n else 0


cdef inline bint is_core(uint8_t kind) noexcept nogil:
    """Return whether words consist of such characters: letters, marks, numbers and _."""
    return FW_LETTER <= kind <= FW_UNDERSCORE


cdef inline bint is_letter(uint8_t kind) noexcept nogil:
    return kind == FW_LETTER or kind == FW_UNSPACED


cdef inline bint is_ignored(uint8_t kind) noexcept nogil:
    """Return whether a character stands between two letters without parting them."""
    return kind == FW_MARK or kind == FW_FORMAT or kind == FW_DELETED


cdef inline bint is_ascii_letter(uint32_t c) noexcept nogil:
    return 97 <= (c | 32) <= 122 and c < 128


cdef inline bint is_ascii_word(uint32_t c) noexcept nogil:
    return is_ascii_letter(c) or 48 <= c <= 57


cdef inline bint reads(const word_space_t* s, int64_t i, const char* text) noexcept nogil:
    """Return whether a text of small letters, in either case, is at this place."""
    cdef int64_t k = 0
    cdef uint32_t c
    while text[k]:
        c = code_at(s, i + k)
        if c != <uint32_t> text[k] and not (is_ascii_letter(c) and c | 32 == <uint32_t> text[k]):
            return False
        k += 1
    return True


# ---- output

cdef inline bint put(word_space_t* s, int64_t lo, int64_t hi) noexcept nogil:
    """Write a word and a blank; False without memory."""
    cdef int64_t i, j
    cdef uint32_t c
    cdef uint8_t kind
    cdef bint inside = hi - lo > 1 and not s.options & (BLANKS | CHARACTERS)
    if not reserve_out(s, 4 * (hi - lo) + 1):
        return False
    for i in range(lo, hi):
        c, kind = s.code[i], s.kind[i]
        if kind == FW_APOSTROPHE and inside:
            c = 0x27
        elif kind == FW_HYPHEN and inside:
            c = 0x2D
        elif c == 0x3A3 and s.options & LOWER:
            c = 0x3C3
            j = i - 1
            while j >= lo and is_ignored(s.kind[j]):
                j -= 1
            if j >= lo and is_letter(s.kind[j]):
                j = i + 1
                while j < hi and is_ignored(s.kind[j]):
                    j += 1
                if j >= hi or not is_letter(s.kind[j]):
                    c = 0x3C2                       # at the end of a word
        s.n_out += encode_one(s.out + s.n_out, c)
    s.out[s.n_out] = 32
    s.n_out += 1
    return True


# ---- words with signs of their own

cdef inline int64_t url_end(const word_space_t* s, int64_t i) noexcept nogil:
    """Return the end of the URL that begins at i, or 0."""
    cdef int64_t e = i, body, k, round_open = 0, square_open = 0
    cdef uint32_t c
    cdef uint8_t kind
    if not is_ascii_letter(code_at(s, i)):
        return 0
    while e - i < MOST_SCHEME and (is_ascii_word(code_at(s, e)) or code_at(s, e) in (0x2B, 0x2D)):
        e += 1
    if reads(s, e, b"://"):
        body = e + 3
    elif reads(s, i, b"www."):
        body = i + 4
    else:
        return 0
    e = body
    while e < s.n:
        c, kind = s.code[e], s.kind[e]
        if c < 128:
            if c <= 32 or c == 127 or c in (0x22, 0x3C, 0x3E, 0x5C, 0x5E, 0x60, 0x7B, 0x7C, 0x7D):
                break
        elif kind == FW_UNSPACED:
            if is_ascii_word(s.code[e - 1]):        # text behind the address
                break
        elif not is_core(kind) and kind != FW_FORMAT:
            break
        if c == 0x28 or c == 0x29:
            round_open += 1 if c == 0x28 else -1
        elif c == 0x5B or c == 0x5D:
            square_open += 1 if c == 0x5B else -1
        e += 1
    while e > body:                                 # signs of the sentence around it
        c = s.code[e - 1]
        if c == 0x29 and round_open < 0:
            round_open += 1
        elif c == 0x5D and square_open < 0:
            square_open += 1
        elif c not in (0x21, 0x27, 0x2A, 0x2C, 0x2E, 0x3A, 0x3B, 0x3F):
            break
        e -= 1
    for k in range(body, e):
        if is_core(s.kind[k]):
            return e
    return 0


cdef inline bint in_address(uint8_t kind) noexcept nogil:
    return is_core(kind) and kind != FW_UNSPACED


cdef inline int64_t email_end(const word_space_t* s, int64_t i) noexcept nogil:
    """Return the end of the e-mail address that begins at i, or 0."""
    cdef int64_t e = i, at, label, n_labels = 0
    while e - i <= MOST_LOCAL and e < s.n and (
            in_address(s.kind[e]) or s.code[e] in (0x25, 0x27, 0x2B, 0x2D, 0x2E)):
        e += 1
    if e == i or code_at(s, e) != 0x40 or s.code[e - 1] == 0x2E or not in_address(s.kind[i]):
        return 0
    at = e
    e += 1
    while True:
        label = e
        while e < s.n and e - at <= MOST_DOMAIN and s.code[e] != 0x5F and (
                in_address(s.kind[e]) or s.code[e] == 0x2D):
            e += 1
        n_labels += 1
        if code_at(s, e) != 0x2E or code_at(s, e + 1) == 0x5F or not in_address(
                kind_at(s, e + 1)) or e == label:
            break
        e += 1
    while e > label and s.code[e - 1] == 0x2D:
        e -= 1
    return e if n_labels > 1 and e > label and s.kind[label] == FW_LETTER else 0


cdef inline int64_t special_end(const word_space_t* s, int64_t i) noexcept nogil:
    """Return the end of the URL or the address that begins at i, or 0."""
    cdef int64_t end
    if not s.special:
        return 0
    end = url_end(s, i)
    return end if end else email_end(s, i)


cdef inline int64_t protected_end(const word_space_t* s, int64_t i) noexcept nogil:
    """Return the end of <unk>, <eos>, <s> or </s>, or 0."""
    if reads(s, i, b"<unk>") or reads(s, i, b"<eos>"):
        return i + 5
    if reads(s, i, b"</s>"):
        return i + 4
    return i + 3 if reads(s, i, b"<s>") else 0


cdef inline bint is_keycap(const word_space_t* s, int64_t i) noexcept nogil:
    cdef uint32_t c = code_at(s, i)
    return code_at(s, i + 1) == KEYCAP and (48 <= c <= 57 or c == 0x23 or c == 0x2A)


cdef inline int64_t emoji_end(const word_space_t* s, int64_t i) noexcept nogil:
    """Return the end of the emoji sequence at i: keycap, flag, or pictures that ZWJ joins; or 0."""
    cdef uint8_t kind = kind_at(s, i)
    if is_keycap(s, i):
        return i + 2
    if kind == FW_REGIONAL:
        return i + 2 if kind_at(s, i + 1) == FW_REGIONAL else 0
    if kind != FW_EMOJI and kind != FW_TONE:
        return 0
    while True:
        i += 1
        if kind_at(s, i) == FW_TONE:
            i += 1
        while kind_at(s, i) == FW_MARK or 0xE0020 <= code_at(s, i) <= LAST_TAG:
            i += 1
        if code_at(s, i) != ZWJ or kind_at(s, i + 1) not in (FW_EMOJI, FW_EMOJI_SIGN):
            return i
        i += 1


cdef inline int64_t language_end(const word_space_t* s, int64_t i, int64_t end) noexcept nogil:
    """Return the end of c++, c# or f#, of which [i, end) is the letter; or end."""
    cdef uint32_t c = s.code[i] | 32
    cdef int64_t after = end
    if end != i + 1 or s.code[i] > 127:
        return end
    if c == 0x63 and reads(s, end, b"++"):
        after = end + 2
    elif (c == 0x63 or c == 0x66) and code_at(s, end) == 0x23:
        after = end + 1
    if kind_at(s, after) in (FW_LETTER, FW_MARK, FW_UNDERSCORE):
        return end
    return after


# ---- runs of letters, marks, numbers and _

cdef inline uint8_t letter_before(const word_space_t* s, int64_t lo, int64_t i) noexcept nogil:
    """Return the kind of the last character before i that is neither a mark nor a format."""
    i -= 1
    while i > lo and is_ignored(s.kind[i]):
        i -= 1
    return s.kind[i] if i >= lo else <uint8_t> END_OF_PIECE


cdef inline bint joins(const word_space_t* s, int64_t lo, int64_t i) noexcept nogil:
    """Return whether the sign at i stays inside of the word that begins at lo."""
    cdef uint8_t kind = s.kind[i]
    if kind == FW_POINT:
        return s.kind[i - 1] == FW_DIGIT and kind_at(s, i + 1) == FW_DIGIT
    if kind == FW_HYPHEN:
        return s.options & KEEP_HYPHENS != 0 and is_core(kind_at(s, i + 1))
    if kind != FW_APOSTROPHE and kind != FW_MIDDLE:
        return False
    if not is_letter(letter_before(s, lo, i)) or not is_letter(kind_at(s, i + 1)):
        return False
    if s.code[i] == 0xB7:                           # Catalan l·l
        return s.code[i - 1] | 32 == 0x6C and s.code[i + 1] | 32 == 0x6C
    return True


cdef inline int64_t run_end(const word_space_t* s, int64_t lo, bint* is_word) noexcept nogil:
    """Return the end of the run at lo, and whether it holds a letter or a number."""
    cdef int64_t i = lo, after
    cdef uint8_t kind
    is_word[0] = False
    while i < s.n:
        kind = s.kind[i]
        if is_core(kind):
            if i > lo and is_core(s.kind[i - 1]):
                if s.special and is_ascii_word(s.code[i]) and (
                        s.code[i - 1] > 127 or s.code[i - 1] == 0x5F):
                    if url_end(s, i) or (s.kind[i - 1] == FW_UNSPACED and email_end(s, i)):
                        return i
                if kind == FW_DIGIT and is_keycap(s, i):
                    return i
                if s.kind[i - 1] == FW_UNSPACED and language_end(s, i, i + 1) > i + 1:
                    return i
            is_word[0] |= kind != FW_MARK and kind != FW_UNDERSCORE
            i += 1
        elif kind == FW_FORMAT:
            after = i + 1
            while kind_at(s, after) == FW_FORMAT:
                after += 1
            if not is_core(kind_at(s, after)):
                # At the end of a word, ZWJ shows a dead consonant without its sign.
                return i + (s.code[i] == ZWJ and s.kind[i - 1] == FW_MARK)
            i = after
        elif i > lo and joins(s, lo, i):
            i += 1
        else:
            break
    return i


cdef extern from *:
    """
    /* Prefixes that lose their vowel before another one: French, Italian, Catalan. */
    static const char *const fw_elided[] = {
        "l", "d", "j", "m", "t", "s", "n", "c", "v", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu",
        "un", "all", "dall", "dell", "nell", "sull", "coll", "pell", "gl", "agl", "dagl", "degl",
        "negl", "sugl", "quell", "quest", "bell", "sant", 0};
    """
    const char** fw_elided


cdef inline int64_t elision_end(const word_space_t* s, int64_t lo, int64_t hi) noexcept nogil:
    """Return the end of the elided word at the beginning of [lo, hi), its apostrophe included."""
    cdef int64_t i = lo, k = 0
    while i < hi and i - lo < 7 and is_ascii_letter(s.code[i]):
        i += 1
    if i >= hi or s.kind[i] != FW_APOSTROPHE:
        return lo
    while fw_elided[k] != NULL:
        if <int64_t> strlen(fw_elided[k]) == i - lo and reads(s, lo, fw_elided[k]):
            return i + 1
        k += 1
    return lo


cdef inline bint put_words(word_space_t* s) noexcept nogil:
    """Write the words of the piece; False without memory."""
    cdef int64_t i = 0, end, part
    cdef uint8_t kind
    cdef bint is_word
    while i < s.n:
        kind = s.kind[i]
        if kind == FW_BLANK:
            i += 1
            continue
        end = 0
        if is_core(kind):
            end = special_end(s, i)
            if end == 0:
                end = emoji_end(s, i)
            if end == 0:
                end = run_end(s, i, &is_word)
                if not is_word:
                    s.dropped += end - i
                    i = end
                    continue
                if s.options & ELISIONS:
                    part = elision_end(s, i, end)
                    while part > i:
                        if not put(s, i, part):
                            return False
                        i = part
                        part = elision_end(s, i, end)
                end = language_end(s, i, end)
        elif s.code[i] == 0x3C:
            end = protected_end(s, i)
        else:
            end = emoji_end(s, i)
        if end == 0:
            end = i + 1
            if s.options & MARKS and kind != FW_OTHER and kind != FW_FORMAT and kind != FW_REGIONAL:
                while code_at(s, end) == s.code[i] and not emoji_end(s, end):
                    end += 1
                if not put(s, i, i + 1):
                    return False
            else:
                s.dropped += 1
        elif not put(s, i, end):
            return False
        i = end
    return True


# ---- the other ways to split

cdef inline bint put_pieces(word_space_t* s) noexcept nogil:
    """Write what is between blanks; U+200B is none, as for str.split."""
    cdef int64_t i = 0, begin
    while i < s.n:
        if s.kind[i] == FW_BLANK and s.code[i] != 0x200B:
            i += 1
            continue
        begin = i
        while i < s.n and (s.kind[i] != FW_BLANK or s.code[i] == 0x200B):
            i += 1
        if not put(s, begin, i):
            return False
    return True


cdef inline bint follows(const word_space_t* s, int64_t i) noexcept nogil:
    """Return whether the character at i belongs to the one before it."""
    cdef uint32_t c = s.code[i], last = s.code[i - 1]
    if s.kind[i] == FW_MARK or s.kind[i] == FW_FORMAT:
        return True
    if c == 0xE33 or c == 0xEB3:                    # the vowel am of Thai and Lao
        return s.kind[i - 1] == FW_UNSPACED or s.kind[i - 1] == FW_MARK
    if not (0x1160 <= c <= 0x11FF or 0xD7B0 <= c <= 0xD7FB):
        return False
    return 0x1100 <= last <= 0x11FF or 0xA960 <= last <= 0xA97C or 0xAC00 <= last <= 0xD7FB


cdef inline bint put_characters(word_space_t* s) noexcept nogil:
    """Write each character with its marks, and each emoji sequence."""
    cdef int64_t i = 0, end
    while i < s.n:
        if s.kind[i] == FW_BLANK:
            i += 1
            continue
        if s.kind[i] == FW_FORMAT or s.code[i] < 32 or 127 <= s.code[i] < 160:
            s.dropped += 1
            i += 1
            continue
        end = emoji_end(s, i)
        if end == 0:
            end = i + 1
        while end < s.n and follows(s, end):
            end += 1
        if not put(s, i, end):
            return False
        i = end
    return True
