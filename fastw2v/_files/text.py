"""Openers of the files that a user names: plain or gzip bytes, UTF-8 text, lines.

Gzip data is recognised by its first bytes, so the name of a file does not matter. An error names
the file, the byte (counted after unpacking) and the cure.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

Path = str | os.PathLike[str]

_GZIP = b"\x1f\x8b"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_STEP_BYTES = 1 << 20


def check_readable(name: Path, content: str = "text") -> None:
    """Raise OSError or ValueError unless `name` is a file that holds something.

    content: the kind of data that the file should hold, for the message.
    """
    if os.path.isdir(name):
        raise IsADirectoryError(f"{name}: is a folder; name a file of {content} in it")
    if not os.path.exists(name):
        raise FileNotFoundError(f"{name}: no such file; check the name and the current folder")
    if os.path.isfile(name) and os.path.getsize(name) == 0:
        raise ValueError(f"{name}: the file is empty; give a file that holds {content}")


def first_bytes(name: Path, n: int) -> bytes:
    """Read the first n bytes; b"" for a pipe, whose bytes can be read only once, and no file."""
    if not os.path.isfile(name):
        return b""
    with open(name, "rb") as stream:
        return stream.read(n)


@contextmanager
def open_unpacked(name: Path) -> Iterator[io.BufferedReader]:
    """Open the bytes of a file, unpacked if they are gzip data; ValueError for damaged gzip."""
    with open(name, "rb") as raw:
        if raw.peek(2)[:2] != _GZIP:
            yield raw
            return
        with gzip.open(raw) as unpacked, io.BufferedReader(cast(Any, unpacked)) as stream:
            try:
                yield stream
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise ValueError(
                    f"{name}: the gzip data is damaged ({error}); get the file again"
                ) from error


@contextmanager
def open_utf8(name: Path) -> Iterator[io.BufferedReader]:
    """Open the unpacked bytes of a text; ValueError if it starts as UTF-16 does."""
    with open_unpacked(name) as stream:
        if stream.peek(2)[:2] in _UTF_16:
            raise ValueError(
                f"{name}: byte 0: the file is UTF-16, expected UTF-8; save it as UTF-8"
            )
        yield stream


@contextmanager
def open_lines(name: Path, encoding: str = "utf-8") -> Iterator[io.TextIOWrapper]:
    """Open the lines of a plain text in any encoding that Python knows.

    Gzip data is not unpacked: a line of it could take any amount of memory.
    """
    with open(name, encoding=encoding) as lines:
        try:
            yield lines
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}: expected {encoding} text, got byte 0x{error.object[error.start]:02x}; "
                f"save the file as {encoding}"
            ) from error


def read_pieces(name: Path) -> Iterator[str]:
    """Decode a UTF-8 text in pieces that end behind white space; a byte order mark is dropped."""
    with open_utf8(name) as stream:
        unfinished: list[str] = []  # text behind the last white space so far
        for text in _decode_steps(name, stream):
            cut = max(text.rfind(" "), text.rfind("\n"), text.rfind("\t")) + 1
            if cut:
                yield "".join(unfinished) + text[:cut]
                unfinished = []
            unfinished.append(text[cut:])
        rest = "".join(unfinished)
        if rest:
            yield rest


def _decode_steps(name: Path, stream: BinaryIO) -> Iterator[str]:
    offset = 0  # of the first byte of `data` in the file
    undecoded = b""  # the first bytes of a character that the next step completes
    while True:
        more = stream.read(_STEP_BYTES)
        data = undecoded + more
        if offset == 0 and data.startswith(codecs.BOM_UTF8):
            data, offset = data[len(codecs.BOM_UTF8) :], len(codecs.BOM_UTF8)
        zero = data.find(b"\0")
        if zero >= 0:
            raise ValueError(
                f"{name}: byte {offset + zero}: a zero byte, so this is not a text file; "
                "give UTF-8 text"
            )
        try:
            text, used = codecs.utf_8_decode(data, "strict", not more)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}: byte {offset + error.start}: 0x{data[error.start]:02x} is not UTF-8; "
                "save the file as UTF-8"
            ) from error
        yield text
        offset += used
        undecoded = data[used:]
        if not more:
            return
