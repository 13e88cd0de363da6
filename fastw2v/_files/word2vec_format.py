"""Reader and writer of the word2vec file formats.

    header   V D newline                      (optional in text, which is then GloVe's format)
    text     word blank number ... number newline
    binary   word blank, D little-endian float32, sometimes a newline

A file is not trusted. Its first bytes tell its kind. V x D of the header must fit the size of the
file before anything is allocated; for a gzip file, whose size says nothing, the table grows with
the rows read. Errors name the row (from 1) and the byte (after unpacking).
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import shutil
from collections.abc import Sequence
from typing import Any, BinaryIO, NoReturn, cast

import numpy as np

from fastw2v._checks.numbers import as_int, check_one_of
from fastw2v._files.atomic import replacing
from fastw2v._files.text import check_readable, open_lines, open_unpacked
from fastw2v._kernels import _vectors

MAX_WORD_BYTES = 4096
_MAX_ROWS = 10**12
_MAX_DIM = 10**5
_MAX_NUMBER_BYTES = 64  # in text, with the blank before it
_BLOCK_VALUES = 1 << 18
_READ_BYTES = 1 << 20
_FAST_BYTES = 1 << 25
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_HEADER = re.compile(rb"([+-]?\d+)[ \t]+([+-]?\d+)[ \t]*\r?\n?")
_FOREIGN = (
    (b"PK\x03\x04", "a zip or .npz archive"),
    (b"\x93NUMPY", "a numpy array"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)


def starts_as_pickle(start: bytes) -> bool:
    """Tell whether a file starts as pickles of protocols 2 to 5 do; no UTF-8 text does."""
    return start.startswith(_PICKLES)


def read(
    name: str | os.PathLike[str],
    *,
    binary: bool | None = None,
    header: bool | None = None,
    limit: int | None = None,
    unicode_errors: str = "strict",
    dtype: np.dtype[Any] = np.dtype(np.float32),  # noqa: B008 (immutable)
) -> tuple[dict[str, int], np.ndarray]:
    """Read the words, {word: row}, and their vectors (V, D).

    binary, header: None finds out from the content. Compiled code reads a sound binary file; if
    it meets a word twice, the file is read again row by row, to report where.
    """
    check_one_of("unicode_errors", unicode_errors, ("strict", "replace", "ignore"))
    if dtype.kind != "f":
        raise TypeError(f"datatype: expected a float type, got {dtype}; use numpy.float32")
    if limit is not None:
        as_int("limit", limit)
    check_readable(name, "word vectors")
    for fast in (True, False):
        with open_unpacked(name) as stream:
            _refuse_foreign(name, stream.peek(8)[:8])
            # The size of a pipe, or of gzip data, says nothing about the number of rows.
            plain = isinstance(stream.raw, io.FileIO) and os.path.isfile(name)
            size = os.fstat(stream.fileno()).st_size if plain else None
            reader = _Reader(name, stream, size, limit, unicode_errors, dtype, fast)
            words, table = reader.read(binary, header)
        rows = dict(zip(words, range(len(words)), strict=True))
        if len(rows) == len(words):
            break
    return rows, table


def _refuse_foreign(name: str | os.PathLike[str], start: bytes) -> None:
    for mark, kind in _FOREIGN:
        if start.startswith(mark):
            raise ValueError(f"{name}: is {kind}, expected word2vec text or binary")
    if starts_as_pickle(start):
        raise ValueError(f"{name}: is a pickle; open it with KeyedVectors.load")


class _Reader:
    """A single pass over an open file."""

    def __init__(
        self,
        name: str | os.PathLike[str],
        stream: io.BufferedReader,
        size: int | None,
        limit: int | None,
        unicode_errors: str,
        dtype: np.dtype,
        fast: bool,
    ) -> None:
        self.name = name
        self.stream = stream
        self.size = size
        self.limit = limit
        self.unicode_errors = unicode_errors
        self.dtype = dtype
        self.offset = 0  # of the row being read
        self.rows: dict[str, int] = {}  # word -> row, from 1
        self.fast = fast
        self.words: list[str] | None = None  # all of them, if compiled code has read them

    def read(self, binary: bool | None, header: bool | None) -> tuple[list[str], np.ndarray]:
        first = self.stream.readline(MAX_WORD_BYTES + _MAX_NUMBER_BYTES * _MAX_DIM)
        match = _HEADER.fullmatch(first)
        if header is None:
            header = match is not None
        if header and match is None:
            self._fail("byte 0: expected a header line `rows dimension`", "pass no_header=True")
        declared = None
        if header:
            declared, dim = self._check_header(*cast("re.Match[bytes]", match).groups())
            self.offset = len(first)
            line = b""
        else:
            line = first
            dim = len(first.split()) - 1
            if dim < 1 or b"\0" in first:
                self._fail(
                    "byte 0: expected a header line `rows dimension` or a word and its numbers",
                    "give a file in word2vec or GloVe format",
                )
        if binary is None:
            binary = header and not self._looks_like_text(dim)
        if binary and not header:
            raise ValueError("binary: a binary file without a header cannot be read; use text")
        if declared is not None:
            self._check_size(declared, dim, binary)
        table = _Table(self, dim, declared)
        if binary:
            self._binary_rows(cast(int, declared), dim, table)
        else:
            self._text_rows(line, declared, dim, table)
        return list(self.rows) if self.words is None else self.words, table.finish()

    def _fail(self, what: str, cure: str) -> NoReturn:
        raise ValueError(f"{self.name}: {what}; {cure}")

    def _fail_row(self, what: str, cure: str) -> NoReturn:
        n = len(self.rows) if self.words is None else len(self.words)
        self._fail(f"row {n + 1}, byte {self.offset}: {what}", cure)

    def _check_header(self, rows: bytes, dim: bytes) -> tuple[int, int]:
        # Lengths first, as int() of a million digits is slow.
        if len(rows) > 13 or len(dim) > 13:
            self._fail("byte 0: the header's numbers are too long", "this is no word2vec file")
        n_rows, n_dim = int(rows), int(dim)
        if not 1 <= n_rows <= _MAX_ROWS or not 1 <= n_dim <= _MAX_DIM:
            self._fail(
                f"byte 0: the header says {n_rows} rows of {n_dim} numbers, expected 1 to "
                f"{_MAX_ROWS} rows of 1 to {_MAX_DIM}",
                "this is no word2vec file",
            )
        return n_rows, n_dim

    def _check_size(self, rows: int, dim: int, binary: bool) -> None:
        if self.size is None:
            return
        least = rows * (2 + 4 * dim) if binary else rows * (2 + 2 * dim) - 1
        left = self.size - self.offset
        if left < least:
            self._fail(
                f"byte 0: the header says {rows} rows of {dim} numbers, which take {least} bytes "
                f"or more, but only {left} follow",
                "the file is cut off or of another kind",
            )

    def _looks_like_text(self, dim: int) -> bool:
        """Tell whether a row of text follows the header; the row may be cut off or damaged."""
        sample = self.stream.peek(MAX_WORD_BYTES)
        line, newline, _ = sample.partition(b"\n")
        fields = line.split()
        numbers = fields[1:][-dim:] if newline else fields[1:-1]
        if numbers and _parse_numbers(numbers) is not None:
            return True
        try:
            text, _ = codecs.utf_8_decode(sample, "strict", False)
        except UnicodeDecodeError:
            return False
        return text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable()

    def _at_limit(self) -> bool:
        n = len(self.rows) if self.words is None else len(self.words)
        return self.limit is not None and n == self.limit

    def _text_rows(self, line: bytes, declared: int | None, dim: int, table: _Table) -> None:
        longest = MAX_WORD_BYTES + _MAX_NUMBER_BYTES * dim
        while not self._at_limit():
            line = line or self.stream.readline(longest + 1)
            if not line:
                if declared is not None and len(self.rows) < declared:
                    self._fail_row(f"ends before row {declared}", "it is cut off, get it again")
                break
            if line.strip():
                if len(self.rows) == declared:
                    self._fail_row("data follows the last row", "correct the count in the header")
                if len(line) > longest:
                    self._fail_row(
                        f"the line is longer than {longest} bytes", "this is no text of vectors"
                    )
                self._text_row(line, dim, table)
            elif self.stream.read(_READ_BYTES).strip():
                self._fail_row("the line is empty", "remove it")
            self.offset += len(line)
            line = b""

    def _text_row(self, line: bytes, dim: int, table: _Table) -> None:
        fields = line.split()
        n_word = len(fields) - dim
        # Some published files have words with blanks; a number among them is a number too many.
        if n_word < 1 or any(_parse_numbers([f]) is not None for f in fields[1:n_word]):
            self._fail_row(
                f"expected a word and {dim} numbers, got {len(fields) - 1} numbers",
                "the file is cut off or damaged",
            )
        numbers = _parse_numbers(fields[n_word:])
        if numbers is None:
            bad = next(f for f in fields[n_word:] if _parse_numbers([f]) is None)
            self._fail_row(
                f"{bad[:40].decode('utf-8', 'replace')!r} is not a number", "correct the file"
            )
        word = b" ".join(fields[:n_word])
        table.append(word, numbers)

    def _binary_rows(self, declared: int, dim: int, table: _Table) -> None:
        n_bytes = 4 * dim
        longest = MAX_WORD_BYTES + 2 + n_bytes
        data, at = self._whole_rows(declared, dim, table) if self.fast else (b"", 0)
        while self.words is None and len(self.rows) < declared and not self._at_limit():
            if len(data) - at < longest:
                data, at = data[at:] + self.stream.read(max(_READ_BYTES, longest)), 0
            begin = at
            if data[at : at + 1] == b"\n":  # some programs end a row with it
                at += 1
            blank = data.find(b" ", at, at + MAX_WORD_BYTES + 1)
            if blank < 0 and len(data) - at > MAX_WORD_BYTES:
                self._fail_row(
                    f"no blank within {MAX_WORD_BYTES} bytes, where the word should end",
                    "the file is damaged or of another kind",
                )
            end = blank + 1 + n_bytes
            if blank < 0 or end > len(data):
                self._fail_row(f"ends before row {declared}", "it is cut off, get it again")
            table.append(data[at:blank], np.frombuffer(data, "<f4", dim, blank + 1))
            self.offset += end - begin
            at = end
        if not self._at_limit() and (data[at:] + self.stream.read(2)).strip(b"\n"):
            self._fail_row("data follows the last row", "correct the count in the header")

    def _whole_rows(self, declared: int, dim: int, table: _Table) -> tuple[bytes, int]:
        """Read rows in compiled code up to the first fault; return the unused data and 0.

        The rows from a fault on are read one by one, with exact messages.
        """
        wanted = declared if self.limit is None else min(declared, self.limit)
        if table.whole is None or self.dtype != np.float32 or self.unicode_errors != "strict":
            return b"", 0
        data, done, start = b"", 0, self.offset
        blobs: list[str] = []
        while done < wanted:
            # A stream allocates all requested bytes, so request no more than the rows can take.
            most = (wanted - done) * (MAX_WORD_BYTES + 2 + 4 * dim)
            data += self.stream.read(min(_FAST_BYTES, most))
            rows = min(wanted - done, len(data) // (4 * dim + 2) + 1)
            text, ends = np.empty(len(data) + 1, np.uint8), np.empty(rows, np.int64)
            n, used, bad = _vectors.split_rows(
                table.whole[done : done + rows], text, ends, data, MAX_WORD_BYTES
            )
            if n:
                try:
                    blobs.append(text[: ends[n - 1]].tobytes().decode())
                except UnicodeDecodeError:
                    break
                done += n
                data = data[used:]
                self.offset += used
            if bad or not n:
                break
        words = "\n".join(blobs).split("\n") if blobs else []
        table.n_done = done
        if done == wanted:
            self.words = words
            return data, 0
        self.rows = {word: row for row, word in enumerate(words, 1)}
        if len(self.rows) != done:  # a word twice: read row by row, to report where
            self.stream.seek(start)
            self.rows, self.offset, table.n_done = {}, start, 0
            return b"", 0
        return data, 0

    def add_word(self, word: bytes) -> None:
        if len(word) > MAX_WORD_BYTES:
            self._fail_row(
                f"the word has {len(word)} bytes, expected at most {MAX_WORD_BYTES}",
                "the file is damaged or of another kind",
            )
        try:
            text = word.decode("utf-8", self.unicode_errors)
        except UnicodeDecodeError as error:
            self._fail_row(
                f"the word is not UTF-8 ({error.reason})", 'pass unicode_errors="replace"'
            )
        if not text:
            self._fail_row("the word is empty", "the file is damaged")
        row = len(self.rows) + 1
        first = self.rows.setdefault(text, row)
        if first != row:
            self._fail_row(f"{text!r} is listed in row {first} already", "remove one of them")


class _Table:
    """Rows in the order of reading: in an array of known size, or in blocks that are joined."""

    def __init__(self, reader: _Reader, dim: int, declared: int | None) -> None:
        self.reader = reader
        self.block_rows = max(1, _BLOCK_VALUES // dim)
        # A declared size counts only if it was checked against the size of the file.
        known = declared is not None and reader.size is not None
        rows = min(declared or 0, reader.limit or declared or 0)
        self.whole = np.empty((rows, dim), reader.dtype) if known else None
        self.done: list[np.ndarray] = []
        self.n_done = 0
        self.pending: list[np.ndarray] = []
        self.offsets: list[int] = []

    def append(self, word: bytes, numbers: np.ndarray) -> None:
        self.reader.add_word(word)
        self.pending.append(numbers)
        self.offsets.append(self.reader.offset)
        if len(self.pending) == self.block_rows:
            self._flush()

    def _flush(self) -> None:
        if not self.pending:
            return
        with np.errstate(over="ignore"):  # an overflow becomes an infinity, which is reported
            block = np.array(self.pending).astype(self.reader.dtype)
        good = np.isfinite(block).all(axis=1)
        if not good.all():
            row = int(np.argmin(good))
            number = block[row][~np.isfinite(block[row])][0]
            raise ValueError(
                f"{self.reader.name}: row {self.n_done + row + 1}, byte {self.offsets[row]}: "
                f"holds {number}, expected finite {self.reader.dtype} numbers; correct the file"
            )
        if self.whole is not None:
            self.whole[self.n_done : self.n_done + len(block)] = block
        else:
            self.done.append(block)
        self.n_done += len(block)
        self.pending, self.offsets = [], []

    def finish(self) -> np.ndarray:
        self._flush()
        if self.whole is not None:
            return self.whole
        return np.concatenate(self.done)


def _parse_numbers(fields: Sequence[bytes]) -> np.ndarray | None:
    """Return the numbers (len(fields),) in float64, or None if one of the fields is none."""
    try:
        numbers = np.array(list(map(float, fields)))
    except ValueError:
        return None
    # Python reads 1_000 as a number, which it is in no file.
    return None if any(b"_" in field for field in fields) else numbers


def read_counts(name: str | os.PathLike[str]) -> dict[str, int]:
    """Read a file of lines `word count`."""
    counts = {}
    with open_lines(name) as lines:
        for number, line in enumerate(lines, 1):
            word, _, count = line.rstrip("\n").rpartition(" ")
            fits = count.isdecimal() and len(count) < 20 and int(count) < 1 << 63
            if not word or not fits:
                raise ValueError(
                    f"{name}: line {number}: expected `word count`, a count below 2^63, "
                    f"got {line[:40]!r}; correct it"
                )
            counts[word] = int(count)
    return counts


def write_counts(
    name: str | os.PathLike[str],
    words: Sequence[str],
    counts: np.ndarray,
    *,
    append: bool = False,
) -> None:
    """Write a file of lines `word count`."""
    with replacing(name) as stream:
        if append:
            _copy_old(name, stream)
        for word, count in zip(words, counts.tolist(), strict=True):
            stream.write(f"{word} {count}\n".encode())


def write(
    name: str | os.PathLike[str],
    words: Sequence[str],
    table: np.ndarray,
    *,
    binary: bool,
    header: bool,
    order: np.ndarray | None = None,
    declared: int | None = None,
    append: bool = False,
) -> None:
    """Write words and their vectors (V, D); gzip if the name ends in .gz.

    order: the rows in the order of writing; None keeps their own. declared: the number of rows that
    the header gives. append: write behind the content of the file, if there is one.
    """
    if binary and not header and not append:
        raise ValueError(
            "write_header: a binary file needs its header, got False; use text without one"
        )
    if append and header and os.path.isfile(name) and os.path.getsize(name):
        raise ValueError(
            f"write_header: expected False where rows are appended to {name}, got True, which "
            "puts a second header between rows; pass write_header=False"
        )
    encoded = [_encode_word(word, row) for row, word in enumerate(words)]
    if order is not None:
        encoded = list(map(encoded.__getitem__, order.tolist()))
    first = b"%d %d\n" % (declared or len(table), table.shape[1]) if header else b""
    with replacing(name) as stream:
        if append:
            _copy_old(name, stream)
        if os.fspath(name).endswith(".gz"):
            # No name and time inside: the same vectors give the same bytes.
            with gzip.GzipFile("", "wb", 6, stream, mtime=0) as packed:
                _write_rows(cast(BinaryIO, packed), first, encoded, table, order, binary)
        else:
            _write_rows(stream, first, encoded, table, order, binary)


def _copy_old(name: str | os.PathLike[str], stream: BinaryIO) -> None:
    if os.path.isfile(name):
        with open(name, "rb") as old:
            shutil.copyfileobj(old, stream, _READ_BYTES)


def _encode_word(word: str, row: int) -> bytes:
    if word.split() != [word]:
        raise ValueError(
            f"words: {word!r} of row {row} is empty or holds white space, which ends a word in "
            "the word2vec formats; put `_` in its place"
        )
    encoded = word.encode("utf-8")
    if len(encoded) > MAX_WORD_BYTES:
        raise ValueError(
            f"words: the word of row {row} has {len(encoded)} bytes, expected at most "
            f"{MAX_WORD_BYTES}; shorten it"
        )
    return encoded


def _write_rows(
    stream: BinaryIO,
    header: bytes,
    words: Sequence[bytes],
    table: np.ndarray,
    order: np.ndarray | None,
    binary: bool,
) -> None:
    stream.write(header)
    block_rows = max(1, _BLOCK_VALUES // table.shape[1])
    for begin in range(0, len(table), block_rows):
        at = slice(begin, begin + block_rows)
        block = table[at if order is None else order[at]].astype("<f4")
        rows = words[begin : begin + block_rows]
        if binary:
            stream.writelines(
                b"%s %s\n" % (word, row.tobytes()) for word, row in zip(rows, block, strict=True)
            )
        else:
            # str of a float32 has the fewest digits from which it can be read back.
            digits = block.astype(str)
            stream.writelines(
                b"%s %s\n" % (word, " ".join(row).encode("ascii"))
                for word, row in zip(rows, digits.tolist(), strict=True)
            )
