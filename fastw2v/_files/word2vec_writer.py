"""Writer of the word2vec file formats, and reader and writer of files of word counts."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from fastw2v._checks.errors import NotUtf8
from fastw2v._checks.numbers import check_one_of
from fastw2v._files.atomic import check_writable, replacing
from fastw2v._files.kinds import (
    START_BYTES,
    check_readable,
    first_bytes,
    kind_of,
    refuse_foreign,
    word2vec_named,
)
from fastw2v._files.lookahead import READ_BYTES, Lookahead, OddRows
from fastw2v._files.packing import open_unpacked, packed, packing_of
from fastw2v._files.words import ESCAPED_EMPTY, MAX_BYTES, MAX_PACKED_BYTES, decode, encode

_BLOCK_VALUES = 1 << 18
_MARK = b"\xef\xbb\xbf"
_EMPTY_LINES = re.compile(rb"[\r\n]*\n")  # a repeated group would take memory for each line
_EXPECTED = "lines `word count`"


def write(
    name: str | os.PathLike[str],
    words: Sequence[str],
    table: np.ndarray,
    *,
    binary: bool | None,
    header: bool,
    order: np.ndarray | None = None,
    declared: int | None = None,
    append: bool = False,
    unwritable: str = "error",
) -> None:
    """Write words and their vectors (V, D); the name tells the packing, and the format for None.

    order: the rows in the order of writing; None keeps their own. declared: the number of rows that
    the header gives. append: write behind the content of the file, if there is one. unwritable: see
    `words`.
    """
    check_writable(name)
    binary, packing = word2vec_named(name, binary)
    behind = append and os.path.isfile(name) and os.path.getsize(name) > 0
    if not header and not behind and (binary or not len(table)):
        raise ValueError(
            f"write_header: a {'binary' if binary else 'text'} file "
            f"{'needs its header' if binary else 'without rows needs a header'}, got False; "
            f"{'use text without one' if binary else 'pass write_header=True'}"
        )
    if behind:
        _check_appendable(name, header, packing)
    longest = MAX_BYTES if packing is None else MAX_PACKED_BYTES
    encoded, kept = encode(words, unwritable, os.fspath(name), longest)
    if order is None:
        order = kept
    else:
        place = np.full(len(words), -1)
        place[slice(None) if kept is None else kept] = np.arange(len(encoded))
        order = order[place[order] >= 0]
        encoded = [encoded[i] for i in place[order].tolist()]
    first = b"%d %d\n" % (declared or len(encoded), table.shape[1]) if header else b""
    if not header and not behind:
        first = _before_first_word(name, encoded)
    with replacing(name) as stream:
        if append:
            _copy_old(name, stream)
        with packed(stream, packing) as target:
            _write_rows(target, first, encoded, table, order, binary)


def _check_appendable(name: str | os.PathLike[str], header: bool, packing: str | None) -> None:
    if header:
        raise ValueError(
            f"write_header: expected False where rows are appended to {name}, got True, which "
            "puts a second header between rows; pass write_header=False"
        )
    found = packing_of(first_bytes(name))
    if found != packing:
        raise ValueError(
            f"append: expected {name} to hold {packing or 'plain'} data as its name says, got "
            f"{found or 'plain'} data; rename the file"
        )


def _before_first_word(name: str | os.PathLike[str], encoded: Sequence[bytes]) -> bytes:
    """Return the bytes to begin a file without header with; readers skip one byte order mark."""
    first = encoded[0] if encoded else b""
    mark = _MARK if first.startswith(_MARK) else b""
    kind = kind_of(mark + first + b" 0.0\n")
    if kind is not None:
        raise ValueError(
            f"write_header: a file whose first word is {first[:40].decode()!r} begins as "
            f"{kind.description} does, so it needs a header, got False; pass write_header=True"
        )
    return mark


def _copy_old(name: str | os.PathLike[str], stream: BinaryIO) -> None:
    if os.path.isfile(name):
        with open(name, "rb") as old:
            shutil.copyfileobj(old, stream, READ_BYTES)


def _write_rows(
    stream: BinaryIO,
    header: bytes,
    words: Sequence[bytes],
    table: np.ndarray,
    order: np.ndarray | None,
    binary: bool,
) -> None:
    stream.write(header)
    # In text a number has the fewest digits from which its dtype can be read back; those of a
    # float16 are too few to read it as float32, which is what readers make of it.
    dtype = "<f8" if table.dtype.itemsize > 4 and not binary else "<f4"
    block_rows = max(1, _BLOCK_VALUES // table.shape[1])
    for begin in range(0, len(words), block_rows):
        at = slice(begin, begin + block_rows)
        rows = words[at]
        with np.errstate(over="ignore"):  # float32 is the number format of binary files
            block = table[at if order is None else order[at]].astype(dtype)
        if binary:
            stream.writelines(
                b"%s %s\n" % (word, row.tobytes()) for word, row in zip(rows, block, strict=True)
            )
        else:
            stream.writelines(
                b"%s %s\n" % (word, " ".join(row).encode("ascii"))
                for word, row in zip(rows, block.astype(str).tolist(), strict=True)
            )


# ---- counts


def read_counts(
    name: str | os.PathLike[str], unicode_errors: str = "strict", strict: bool = False
) -> dict[str, int]:
    """Read a file of lines `word count`; a word may hold blanks.

    The first of several counts of a word is used. Such lines and blank words are counted in one
    warning, or refused by strict=True.
    """
    check_one_of("unicode_errors", unicode_errors, ("strict", "replace", "ignore"))
    check_readable(name, _EXPECTED)
    counts: dict[str, int] = {}
    odd = OddRows(name, strict)
    with open_unpacked(name) as stream:
        source = Lookahead(stream)
        source.look(READ_BYTES)
        refuse_foreign(name, source.data[:START_BYTES], _EXPECTED)
        if source.data.startswith(_MARK):
            source.take(len(_MARK))
        number = 0
        while line := source.line(MAX_PACKED_BYTES):
            if empty := _EMPTY_LINES.match(source.data, source.at):
                number += empty[0].count(b"\n")
                source.take(len(empty[0]))
                continue
            number += 1
            raw, _, count = line.rstrip(b"\n").rpartition(b" ")
            count = count.rstrip(b"\r")
            fits = count.isdigit() and len(count) < 20 and int(count) < 1 << 63
            if not fits or len(line) > MAX_PACKED_BYTES:
                if line.strip():
                    raise ValueError(
                        f"{name}: line {number}: expected `word count`, a count below 2^63, got "
                        f"{line[:40].decode('utf-8', 'replace')!r}; correct it"
                    )
            else:
                place = f"line {number}"
                word = _decoded(name, place, raw, unicode_errors)
                if not word and raw != ESCAPED_EMPTY:
                    odd.add("blank words left out", place, "the word is empty", "remove it")
                elif word in counts:
                    problem = f"{word!r} is listed in an earlier line already"
                    odd.add("repeated words left out", place, problem, "remove one of them")
                else:
                    counts[word] = int(count)
            source.take(len(line))
    odd.warn()
    return counts


def _decoded(name: object, place: str, raw: bytes, unicode_errors: str) -> str:
    try:
        return decode(raw, unicode_errors)
    except UnicodeDecodeError as error:
        raise NotUtf8(
            error,
            f"{name}: {place}: the word is not UTF-8 ({error.reason}); pass "
            'unicode_errors="replace"',
        ) from None


def write_counts(
    name: str | os.PathLike[str],
    words: Sequence[str],
    counts: np.ndarray,
    *,
    append: bool = False,
    unwritable: str = "error",
) -> None:
    """Write a file of lines `word count`, packed as its name says."""
    _, packing = word2vec_named(name, False)
    encoded, kept = encode(words, unwritable, os.fspath(name), MAX_PACKED_BYTES)
    counts = counts if kept is None else counts[kept]
    with replacing(name) as stream:
        if append:
            _copy_old(name, stream)
        with packed(stream, packing) as target:
            for word, count in zip(encoded, counts.tolist(), strict=True):
                target.write(f"{word.decode()} {count}\n".encode())
