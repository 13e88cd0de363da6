"""Rows of word2vec's binary format: a word, a blank, D little-endian float32.

    split_rows      cuts a piece of a file into words and numbers, row after row
Some programs write a line feed after every row; one before a word is skipped. Nothing here raises:
the caller checks the counts that are returned.
"""
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memchr, memcpy

from common_math cimport bits_of


def split_rows(float[:, ::1] table,         # OUT (R, D)
               uint8_t[::1] text,           # OUT (N,) the words, a line feed after each
               int64_t[::1] ends,           # OUT (R,) where these line feeds are
               const uint8_t[::1] data,     # IN  (N,) a piece of the file
               Py_ssize_t longest):         # bytes of the longest word
    """Split rows; return (rows read, bytes used, whether an invalid row stopped it).

    It stops before an incomplete row. A row is invalid if its word is empty, longer than `longest`
    or holds a line feed, or if one of its numbers is not finite; the table then shows the numbers.
    """
    cdef int64_t N = data.shape[0], at = 0, start, n_text = 0, n
    cdef Py_ssize_t R = table.shape[0], D = table.shape[1], row = 0, d
    cdef const uint8_t* begin
    cdef const uint8_t* blank
    cdef float* numbers
    cdef bint bad = False
    cdef int spoilt
    if N == 0 or R == 0 or D == 0:
        return 0, 0, False
    with nogil:
        while row < R and at < N:
            start = at + (data[at] == 10)
            n = N - start if N - start < longest + 1 else longest + 1
            if n <= 0:
                break
            begin = &data[0] + start
            blank = <const uint8_t*> memchr(begin, 32, n)
            if blank == NULL:
                bad = n > longest
                break
            n = blank - begin
            if start + n + 1 + D * 4 > N:
                break
            numbers = &table[row, 0]
            memcpy(numbers, blank + 1, D * 4)
            if n == 0 or memchr(begin, 10, n) != NULL:
                bad = True
                break
            spoilt = 0
            for d in range(D):          # a test of exponents as whole numbers vectorises
                spoilt |= (bits_of(numbers[d]) & 0x7f800000U) == 0x7f800000U
            if spoilt:
                bad = True
                break
            memcpy(&text[0] + n_text, begin, n)
            text[n_text + n] = 10
            ends[row] = n_text + n
            n_text += n + 1
            at = start + n + 1 + D * 4
            row += 1
    return row, at, bad
