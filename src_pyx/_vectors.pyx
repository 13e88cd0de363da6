"""Rows of word2vec's binary format: a word, a blank, D little-endian float32.

    split_rows      cuts a piece of a file into words and numbers, row after row
    split_entries   cuts the dictionary of fastText's models into words, counts and kinds
Some programs write line feeds between rows; those before a word are skipped, each also with a
carriage return before it. Nothing here raises: the caller checks the counts that are returned.
"""
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memchr, memcpy

from common_math cimport bits_of

cdef enum:
    LINE_FEED = 10
    CARRIAGE_RETURN = 13


def split_rows(float[:, ::1] table,         # OUT (R, D)
               uint8_t[::1] text,           # OUT (N,) the words, a line feed after each
               int64_t[::1] ends,           # OUT (R,) where these line feeds are
               int64_t[::1] starts,         # OUT (R,) where the rows begin in `data`
               const uint8_t[::1] data):    # IN  (N,) a piece of the file
    """Split rows; return (rows read, bytes used, rows with a number that is not finite).

    It stops before an incomplete row, and before one whose word holds a line feed.
    """
    cdef int64_t N = data.shape[0], at = 0, start, n_text = 0, n
    cdef Py_ssize_t R = table.shape[0], D = table.shape[1], row = 0, d, n_spoilt = 0
    cdef const uint8_t* begin
    cdef const uint8_t* blank
    cdef float* numbers
    cdef int spoilt
    if N == 0 or R == 0 or D == 0:
        return 0, 0, 0
    with nogil:
        while row < R:
            start = at
            while True:
                if start < N and data[start] == LINE_FEED:
                    start += 1
                elif (start + 1 < N and data[start] == CARRIAGE_RETURN
                      and data[start + 1] == LINE_FEED):
                    start += 2
                else:
                    break
            # A word of the greatest length leaves room for the blank and the numbers.
            n = N - start - D * 4
            if n <= 0:
                break
            begin = &data[0] + start
            blank = <const uint8_t*> memchr(begin, 32, n)
            if blank == NULL:
                break
            n = blank - begin
            if n and memchr(begin, LINE_FEED, n) != NULL:
                break
            numbers = &table[row, 0]
            memcpy(numbers, blank + 1, D * 4)
            spoilt = 0
            for d in range(D):          # a test of exponents as whole numbers vectorises
                spoilt |= (bits_of(numbers[d]) & 0x7f800000U) == 0x7f800000U
            n_spoilt += spoilt != 0
            memcpy(&text[0] + n_text, begin, n)
            text[n_text + n] = LINE_FEED
            ends[row] = n_text + n
            starts[row] = start
            n_text += n + 1
            at = start + n + 1 + D * 4
            row += 1
    return row, at, n_spoilt


def split_entries(uint8_t[::1] text,        # OUT (>= bytes of the words) the words, a 0 after each
                  int64_t[::1] counts,      # OUT (R,)
                  uint8_t[::1] kinds,       # OUT (R,)
                  const uint8_t[::1] data):    # IN  (N,) the entries: word, 0, int64, one byte
    """Split entries; return (entries read, bytes of their words in `text`, bytes used).

    It stops before an incomplete entry, and where `text` is full.
    """
    cdef int64_t N = data.shape[0], at = 0, n, n_text = 0, room = text.shape[0]
    cdef Py_ssize_t R = min(counts.shape[0], kinds.shape[0]), row = 0
    cdef const uint8_t* begin
    cdef const uint8_t* end
    if N == 0 or R == 0 or room == 0:
        return 0, 0, 0
    with nogil:
        while row < R and N - at > 9:
            begin = &data[0] + at
            end = <const uint8_t*> memchr(begin, 0, N - at - 9)
            if end == NULL:
                break
            n = end - begin + 1
            if n > room - n_text:
                break
            memcpy(&text[0] + n_text, begin, n)
            memcpy(&counts[row], end + 1, 8)
            kinds[row] = end[9]
            n_text += n
            at += n + 9
            row += 1
    return row, n_text, at
