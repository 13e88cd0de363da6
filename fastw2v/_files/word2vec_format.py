"""Reader of the word2vec file formats.

    header   V D newline                      (optional in text, which is then GloVe's format)
    text     word blank number ... number newline
    binary   word blank, D little-endian float32, sometimes a newline

A blank byte ends a word and a line feed ends a row of text; no other white space does. Some
programs write other rows: words with blanks, tabs before numbers, carriage returns. Such a row is
read if its last D fields are numbers.

A file is not trusted. Its first bytes tell its kind. Memory is allocated for the rows that the size
of the file allows, whatever the header says; where the size is unknown, the table grows with the
rows read. Errors name the row (from 1) and the byte (after unpacking).
"""

from __future__ import annotations

import codecs
import io
import os
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from fastw2v._checks.errors import CutOff, NotUtf8
from fastw2v._checks.numbers import as_int, check_one_of
from fastw2v._files.kinds import START_BYTES, check_readable, refuse_foreign
from fastw2v._files.lookahead import Lookahead, OddRows
from fastw2v._files.packing import open_unpacked
from fastw2v._files.words import (
    ESCAPED_EMPTY,
    MAX_BYTES,
    MAX_PACKED_BYTES,
    decode,
    decode_all,
)
from fastw2v._kernels import _vectors

_MAX_ROWS = 10**12
_MAX_DIM = 10**5
_MAX_NUMBER_BYTES = 64  # in text, with the blank before it
_BLOCK_VALUES = 1 << 18
_FAST_BYTES = 1 << 25
_SAMPLE_ROWS = 100  # from which the dimension is found where there is no header
_HEADER = re.compile(rb"[ \t]*([+-]?\d+)[ \t]+([+-]?\d+)[ \t]*\r?\n?")
_NEWLINES = re.compile(rb"[\r\n]*\n")  # a repeated group would take memory for each line
_EXPECTED = "word2vec text or binary"
_CUT = "it is cut off, get it again"
_TOO_MANY = ("data follows the last row", "correct the count in the header")


def read(
    name: str | os.PathLike[str],
    *,
    binary: bool | None = None,
    header: bool | None = None,
    limit: int | None = None,
    unicode_errors: str = "strict",
    dtype: np.dtype[Any] = np.dtype(np.float32),  # noqa: B008 (immutable)
    strict: bool = False,
) -> tuple[dict[str, int], np.ndarray]:
    """Read the words, {word: row}, and their vectors (V, D).

    binary, header: None finds out from the content. strict: refuse a file with odd rows, which are
    otherwise corrected, left out or kept with one warning.
    """
    check_one_of("unicode_errors", unicode_errors, ("strict", "replace", "ignore"))
    if dtype.kind != "f":
        raise TypeError(f"datatype: expected a float type, got {dtype}; use numpy.float32")
    if limit is not None:
        as_int("limit", limit)
    check_readable(name, "word vectors")
    with open_unpacked(name) as stream:
        plain = isinstance(stream.raw, io.FileIO)
        size = os.fstat(stream.fileno()).st_size if plain and os.path.isfile(name) else None
        odd = OddRows(name, strict)
        reader = _Reader(name, Lookahead(stream, size), limit, unicode_errors, dtype, odd)
        if not plain:
            reader.longest = MAX_PACKED_BYTES
        table = reader.read(binary, header)
    odd.warn()
    return reader.rows, table


class _Reader:
    """A single pass over an open file."""

    longest = MAX_BYTES  # of a word

    def __init__(
        self,
        name: str | os.PathLike[str],
        source: Lookahead,
        limit: int | None,
        unicode_errors: str,
        dtype: np.dtype,
        odd: OddRows,
    ) -> None:
        self.name, self.source, self.odd = name, source, odd
        self.limit, self.unicode_errors, self.dtype = limit, unicode_errors, dtype
        self.n = 0  # rows of the file read so far, odd ones included
        self.rows: dict[str, int] = {}
        self.table: _Table

    def read(self, binary: bool | None, header: bool | None) -> np.ndarray:
        source = self.source
        source.look(START_BYTES)
        refuse_foreign(self.name, source.data[:START_BYTES], _EXPECTED)
        if source.data.startswith(codecs.BOM_UTF8):
            source.take(len(codecs.BOM_UTF8))
        first = source.line(self.longest + _MAX_NUMBER_BYTES * _MAX_DIM)
        match = _HEADER.fullmatch(first)
        if header is None:
            header = match is not None
        declared = None
        if header and match is None:
            self._fail("byte 0: expected a header line `rows dimension`", "pass no_header=True")
        if header and match is not None:
            declared, dim = self._check_header(*match.groups())
            source.take(len(first))
        else:
            dim = self._dim_of_rows()
            if match is not None and int(match[2][-6:]) == dim > 1:
                self._fail("byte 0: got a header line, expected rows alone", "leave no_header out")
        if binary and header and self._is_text(declared, dim):
            self._fail("expected word2vec binary, got text", "leave binary=True out")
        if binary is None:
            binary = header and not self._looks_like_text(declared, dim)
        if binary and declared is None:
            raise ValueError("binary: a binary file without a header cannot be read; use text")
        self.table = _Table(dim, self.dtype, self._most_rows(dim, declared, binary))
        if binary and declared is not None:
            self._binary_rows(declared, dim)
        else:
            self._text_rows(declared, dim)
        return self.table.finish()

    # ---- errors

    def _fail(self, what: str, cure: str) -> NoReturn:
        raise (CutOff if cure == _CUT else ValueError)(f"{self.name}: {what}; {cure}")

    def _fail_row(self, what: str, cure: str, more: int = 0) -> NoReturn:
        """Raise ValueError for the row at the current byte, `more` rows behind those counted."""
        self._fail(f"{self._place(self.n + more, self.source.offset)}: {what}", cure)

    @staticmethod
    def _place(n: int, offset: int) -> str:
        return f"row {n + 1}, byte {offset}"

    # ---- header and kind

    def _check_header(self, rows: bytes, dim: bytes) -> tuple[int, int]:
        # Lengths first, as int() of a million digits is slow.
        if len(rows) > 13 or len(dim) > 13:
            self._fail("byte 0: the header's numbers are too long", "this is no word2vec file")
        n_rows, n_dim = int(rows), int(dim)
        if not 0 <= n_rows <= _MAX_ROWS or not 1 <= n_dim <= _MAX_DIM:
            self._fail(
                f"byte 0: the header says {n_rows} rows of {n_dim} numbers, expected 0 to "
                f"{_MAX_ROWS} rows of 1 to {_MAX_DIM}",
                "this is no word2vec file",
            )
        return n_rows, n_dim

    def _most_rows(self, dim: int, declared: int | None, binary: bool) -> int | None:
        """Return the number of rows to allocate at once; None if the size of the file is unknown.

        Raises ValueError if there is room for none, or for a strict reader for less than declared.
        """
        source = self.source
        if source.size is None or declared is None:
            return None
        left = source.size - source.offset
        least = 1 + 4 * dim if binary else 2 + 2 * dim
        fit = left // least if binary else (left + 1) // least
        if fit < declared and (self.odd.strict or not fit):
            self._fail(
                f"byte 0: the header says {declared} rows of {dim} numbers, which take "
                f"{declared * least - (not binary)} bytes or more, but only {left} follow",
                "the file is cut off or of another kind",
            )
        return min(fit, declared, self.limit or declared)

    def _dim_of_rows(self) -> int:
        """Return the dimension of a text without header: that of most of its first rows.

        A word may end in numbers (`at 3`), so one row alone could mislead.
        """
        source = self.source
        first = source.line(self.longest + _MAX_NUMBER_BYTES * _MAX_DIM)
        source.look(len(first) + 1)
        text = source.data[source.at :]
        lines = text.split(b"\n", _SAMPLE_ROWS)
        if len(lines) > 1 and not (source.ended and len(lines) <= _SAMPLE_ROWS):
            lines.pop()  # which is not one line, or cut off
        rows = [line.rstrip(b"\r ") for line in lines if line.strip()]
        behind_tabs = [_numbers_at_end(row.split()) for row in rows]
        behind_blanks = [_numbers_at_end([f for f in row.split(b" ") if f]) for row in rows]
        tabs = [a > b for a, b in zip(behind_tabs, behind_blanks, strict=True)]
        # A tab ends the word in every row, or it is a part of words.
        alone = len(rows) == 1 and behind_blanks[0] > 0
        counts = Counter(behind_tabs if all(tabs) and not alone else behind_blanks)
        dim, _ = min(counts.items(), key=lambda item: (-item[1], item[0]), default=(0, 0))
        if not 1 <= dim <= _MAX_DIM:
            self._fail(
                "byte 0: expected a header line `rows dimension` or a word and its numbers",
                "give a file in word2vec or GloVe format",
            )
        return dim

    def _looks_like_text(self, declared: int | None, dim: int) -> bool:
        """Tell whether a row of text follows the header; the row may be cut off or damaged."""
        source = self.source
        begin = self._newlines()
        end = source.find(b"\n", begin + self.longest, begin)
        whole = end >= 0 or source.ended
        row = source.data[source.at + begin :]
        line = row[: end - begin] if end >= 0 else row
        fields = line.split()
        numbers = fields[1:][-dim:] if whole else fields[1:-1]
        if numbers and _parse_numbers(numbers) is not None:
            return True
        try:
            text, _ = codecs.utf_8_decode(row[:4096], "strict", False)
        except UnicodeDecodeError:
            return False
        if not text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
            return False
        # The numbers of a very small table may be characters.
        return not (source.ended and _is_binary(row, declared, dim))

    def _is_text(self, declared: int | None, dim: int) -> bool:
        """Tell whether what follows the header looks like text and cannot be rows of binary."""
        if not self._looks_like_text(declared, dim):
            return False
        row = self.source.data[self.source.at + self._newlines() :]
        return not (self.source.ended and _is_binary(row, declared, dim))

    # ---- rows of text

    def _text_rows(self, declared: int | None, dim: int) -> None:
        source, longest = self.source, self.longest + _MAX_NUMBER_BYTES * dim
        block = max(1, _BLOCK_VALUES // dim)
        words: list[bytes] = []
        numbers: list[list[float]] = []
        offsets: list[int] = []
        ended_by_newline = True
        n_blank, blank_place = 0, ""  # empty lines so far; those at the end do not count
        while self.n + len(words) != self.limit:
            line = source.line(longest)
            if not line:
                break
            body = line.rstrip(b"\r\n ")
            row = self.n + len(words)
            if body:
                if n_blank:
                    self.odd.add(
                        *("empty lines skipped", blank_place, "the line is empty", "remove it"),
                        n_blank,
                    )
                    n_blank = 0
                if row == declared and self.odd.strict:
                    self._fail_row(*_TOO_MANY, len(words))
                if len(line) > longest:
                    self._fail_row(
                        f"the line is longer than {longest} bytes",
                        "this is no text of vectors",
                        len(words),
                    )
                word, values = self._parse(body, dim, len(words))
                words.append(word)
                numbers.append(values)
                offsets.append(source.offset)
                ended_by_newline = line.endswith(b"\n")
            else:
                blank_place = blank_place if n_blank else self._place(row, source.offset)
                if n := _newlines_at(source.data, source.at):  # as many as are held
                    line = source.data[source.at : source.at + n]
                n_blank += max(1, line.count(b"\n"))
            source.take(len(line))
            if len(words) == block:
                self._add_text(words, numbers, offsets)
                words, numbers, offsets = [], [], []
        self._add_text(words, numbers, offsets)
        if declared is not None and self.n != self.limit:
            self._check_count(declared, ended_by_newline)

    def _parse(self, body: bytes, dim: int, more: int) -> tuple[bytes, list[float]]:
        """Part a row into its word and its numbers."""
        fields = body.split(b" ")
        if len(fields) == dim + 1 and body.find(b"_", len(fields[0])) < 0:
            try:
                return fields[0], list(map(float, fields[1:]))
            except ValueError:
                pass
        # Blanks in the word, several between numbers, or tabs.
        parts = body.rsplit(None, dim)
        if len(parts) == dim and body[:1] in (b" ", b"\t"):
            parts = [b"", *parts]
        if len(parts) <= dim:
            self._fail_row(
                f"expected a word and {dim} numbers, got {len(body.split()) - 1} numbers",
                "the file is cut off or damaged",
                more,
            )
        numbers = _parse_numbers(parts[1:])
        if numbers is None:
            bad = next(f for f in parts[1:] if _parse_numbers([f]) is None)
            shown = bad[:40].decode("utf-8", "replace")
            self._fail_row(f"{shown!r} is not a number", "correct the file", more)
        word = parts[0].lstrip(b" ")
        if any(_parse_numbers([field]) is not None for field in word.split()[1:]):
            self.odd.add(
                "words with a blank and a number kept",
                self._place(self.n + more, self.source.offset),
                f"expected a word and {dim} numbers, got {len(body.split()) - 1} numbers",
                "the file is cut off or damaged",
            )
        return word, numbers

    def _add_text(self, words: list[bytes], numbers: list[list[float]], offsets: list[int]) -> None:
        if words:
            with np.errstate(over="ignore"):  # an overflow becomes an infinity, which is reported
                block = np.array(numbers).astype(self.dtype)
            self._add(words, block, offsets, None)

    def _check_count(self, declared: int, whole: bool) -> None:
        """Compare the rows of the header with those that the file holds.

        whole: whether the last row has an end; one that was cut off may look whole, as `a 0.12`
        of `a 0.1234` does.
        """
        place = self._place(self.n, self.source.offset)
        if self.n < declared:
            problem = (f"ends before row {declared}", _CUT)
            if not whole or not self.n:
                self._fail_row(*problem)
            what = "rows that the header counts and the file does not hold"
            self.odd.add(what, place, *problem, declared - self.n)
        elif self.n > declared:
            what = "rows beyond the header's count kept"
            self.odd.add(what, place, *_TOO_MANY, self.n - declared)

    # ---- binary rows

    def _binary_rows(self, declared: int, dim: int) -> None:
        source, n_bytes = self.source, 4 * dim
        while self.n != self.limit:
            behind = self.n >= declared
            if behind and self.odd.strict and self._skip_newlines():
                self._fail_row(*_TOO_MANY)
            wanted = _FAST_BYTES if behind else (declared - self.n) * (n_bytes + 64)
            if self.limit is not None:
                wanted = min(wanted, (self.limit - self.n) * (n_bytes + 64))
            source.look(min(_FAST_BYTES, wanted))
            if not self._whole_rows(declared, dim) and not self._single_row(declared, dim):
                break
        if self.n != self.limit:
            self._check_count(declared, True)

    def _whole_rows(self, declared: int, dim: int) -> int:
        """Read rows in compiled code, as many as are held; return their number."""
        source = self.source
        rows = source.held // (4 * dim + 1)
        if self.n < declared:
            rows = min(rows, declared - self.n)
        if self.limit is not None:
            rows = min(rows, self.limit - self.n)
        if not rows:
            return 0
        block = self.table.room(rows)
        text = np.empty(source.held + 1, np.uint8)
        ends, starts = np.empty(rows, np.int64), np.empty(rows, np.int64)
        data = memoryview(source.data)[source.at :]
        n, used, spoilt = _vectors.split_rows(block, text, ends, starts, data)
        if n:
            self._add(text[: ends[n - 1]].tobytes(), block[:n], starts[:n] + source.offset, spoilt)
            source.take(used)
        return n

    def _single_row(self, declared: int, dim: int) -> bool:
        """Read a row that compiled code leaves: cut off, very long or odd; False at the end."""
        if not self._skip_newlines():
            return False
        source = self.source
        behind = self.n >= declared
        blank = source.find(b" ", self.longest)
        if blank >= 0:
            source.look(blank + 1 + 4 * dim)
        if blank < 0 and not source.ended:
            self._fail_row(
                f"no blank within {self.longest} bytes, where the word should end",
                "the file is damaged or of another kind",
            )
        if blank < 0 or source.held < blank + 1 + 4 * dim:
            self._fail_row(*(_TOO_MANY if behind else (f"ends before row {declared}", _CUT)))
        word = source.data[source.at : source.at + blank]
        block = np.frombuffer(source.data, "<f4", dim, source.at + blank + 1)[None]
        self._add([word], block, [source.offset], None)
        source.take(blank + 1 + 4 * dim)
        return True

    def _skip_newlines(self) -> bool:
        """Skip line feeds before a row; return whether anything follows them."""
        self.source.take(self._newlines())
        return self.source.held > 0

    def _newlines(self) -> int:
        """Return the number of bytes of the line feeds that come next."""
        source, n = self.source, 0
        while True:
            source.look(n + START_BYTES)
            more = _newlines_at(source.data, source.at + n)
            if not more:
                return n
            n += more

    # ---- words and numbers of any row

    def _add(
        self,
        raw: list[bytes] | bytes,
        block: np.ndarray,
        offsets: Sequence[int] | np.ndarray,
        spoilt: int | None,
    ) -> None:
        """Add rows: words, numbers (n, D), and the byte of the file where each begins.

        raw: the words as bytes, in a list or with a line feed between them. spoilt: the number of
        rows with a number that is not finite; None if it was not counted.
        """
        words = self._decode(raw, offsets)
        if block.dtype != self.dtype:
            with np.errstate(over="ignore"):
                block, spoilt = block.astype(self.dtype), None
        if spoilt is None or spoilt:
            self._look_at_numbers(block, offsets)
        kept = None
        fresh = dict.fromkeys(words)
        if "" not in fresh and len(fresh) == len(words) and self.rows.keys().isdisjoint(fresh):
            first = len(self.rows)
            self.rows.update(zip(words, range(first, first + len(words)), strict=True))
        else:
            parts = raw.split(b"\n") if isinstance(raw, bytes) else raw
            kept = [i for i, word in enumerate(words) if self._is_new(word, parts[i], i, offsets)]
        self.table.keep(block, kept)
        self.n += len(words)

    def _is_new(self, word: str, raw: bytes, i: int, offsets: Sequence[int] | np.ndarray) -> bool:
        """Give a word its row; return False for a blank or repeated one, whose row is left out."""
        place = self._place(self.n + i, int(offsets[i]))
        if not word and raw != ESCAPED_EMPTY:
            self.odd.add("blank words left out", place, "the word is empty", "the file is damaged")
            return False
        row = len(self.rows)
        first = self.rows.setdefault(word, row)
        if first != row:
            self.odd.add(
                "repeated words left out",
                place,
                f"{word!r} is listed in row {first + 1} already",
                "remove one of them",
            )
        return first == row

    def _decode(self, raw: list[bytes] | bytes, offsets: Sequence[int] | np.ndarray) -> list[str]:
        try:
            return decode_all(raw)
        except UnicodeDecodeError:
            words = []
        for i, word in enumerate(raw.split(b"\n") if isinstance(raw, bytes) else raw):
            try:
                words.append(decode(word, self.unicode_errors))
            except UnicodeDecodeError as error:
                place = self._place(self.n + i, int(offsets[i]))
                raise NotUtf8(
                    error,
                    f"{self.name}: {place}: the word is not UTF-8 ({error.reason}); pass "
                    'unicode_errors="replace" to load_word2vec_format',
                ) from None
        return words

    def _look_at_numbers(self, block: np.ndarray, offsets: Sequence[int] | np.ndarray) -> None:
        good = np.isfinite(block).all(axis=1)
        if good.all():
            return
        row = int(np.argmin(good))
        number = block[row][~np.isfinite(block[row])][0]
        self.odd.add(
            "rows with numbers that are not finite kept",
            self._place(self.n + row, int(offsets[row])),
            f"holds {number}, expected finite {self.dtype} numbers",
            "correct the file",
            int(np.count_nonzero(~good)),
        )


class _Table:
    """Rows in the order of reading: in an array of the size expected, and blocks beyond it."""

    def __init__(self, dim: int, dtype: np.dtype, rows: int | None) -> None:
        self.dim, self.dtype = dim, dtype
        self.whole = np.empty((rows or 0, dim), dtype)
        self.n_whole = 0  # rows of it in use
        self.more: list[np.ndarray] = []

    def room(self, rows: int) -> np.ndarray:
        """Return an array (rows, D) of float32 to read into: the next rows of the whole array."""
        free = self.whole[self.n_whole : self.n_whole + rows]
        if self.dtype == np.float32 and len(free) == rows and not self.more:
            return free
        return np.empty((rows, self.dim), np.float32)

    def keep(self, block: np.ndarray, kept: list[int] | None) -> None:
        """Add the rows `kept` of a block, or all of them."""
        if kept is not None:
            block = block[kept]
        free = self.whole[self.n_whole : self.n_whole + len(block)]
        if len(free) == len(block) and not self.more:
            if not np.may_share_memory(free, block):
                free[:] = block
            self.n_whole += len(block)
        else:
            self.more.append(block)

    def finish(self) -> np.ndarray:
        """Return all rows (V, D)."""
        if self.more:
            return np.concatenate([self.whole[: self.n_whole], *self.more])
        if self.n_whole == len(self.whole):
            return self.whole
        # A view of a part would keep the memory of all rows that the header promised.
        return self.whole[: self.n_whole].copy()


def _is_binary(data: bytes, declared: int | None, dim: int) -> bool:
    """Tell whether all of the data is exactly the declared number of binary rows."""
    n = at = 0
    while at < len(data):
        blank = data.find(b" ", at)
        if blank < 0:
            return False
        at = blank + 1 + 4 * dim
        at += data[at : at + 1] == b"\n"
        n += 1
    return n == declared and at == len(data)


def _parse_numbers(fields: Sequence[bytes]) -> list[float] | None:
    """Return the numbers, or None if one of the fields is none."""
    try:
        numbers = list(map(float, fields))
    except ValueError:
        return None
    # Python reads 1_000 as a number, which it is in no file.
    return None if any(b"_" in field for field in fields) else numbers


def _newlines_at(data: bytes, at: int) -> int:
    """Return the number of bytes of the line feeds from `at` on, with carriage returns before."""
    match = _NEWLINES.match(data, at)
    return 0 if match is None else match.end() - at


def _numbers_at_end(fields: Sequence[bytes]) -> int:
    """Count the numbers at the end of a row; its first field is a word."""
    n = 0
    while n < len(fields) - 1 and _parse_numbers([fields[-1 - n]]) is not None:
        n += 1
    return n
