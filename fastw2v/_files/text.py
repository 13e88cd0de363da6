"""Openers of the texts that a user names: plain or packed bytes, UTF-8 text, lines.

Packed data is recognised by its first bytes, so the name of a file does not matter. An error names
the file, the byte (counted after unpacking) and the cure.
"""

from __future__ import annotations

import codecs
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from fastw2v._files.kinds import START_BYTES, refuse_foreign
from fastw2v._files.kinds import check_readable as check_readable
from fastw2v._files.packing import open_unpacked
from fastw2v._files.warning import warn

Path = str | os.PathLike[str]

_STEP_BYTES = 1 << 20
_LONGEST_LINE = 1 << 20  # characters, where lines are read one by one


@contextmanager
def open_utf8(name: Path) -> Iterator[io.BufferedReader]:
    """Open the unpacked bytes of a text; ValueError if it starts as another kind of file does."""
    with open_unpacked(name) as stream:
        check_text(name, stream)
        yield stream


def check_text(name: Path, stream: io.BufferedReader) -> None:
    """Raise ValueError if a stream starts as another kind of file than text does."""
    # A page or JSON may be the text that is meant.
    refuse_foreign(name, stream.peek(START_BYTES)[:START_BYTES], "UTF-8 text", "html", "json")


@contextmanager
def open_lines(name: Path, encoding: str = "utf-8") -> Iterator[Iterator[str]]:
    """Open the lines of a text in any encoding that Python knows; a byte order mark is dropped.

    A line ends at a line feed, which it includes, and at nothing else.
    """
    check_readable(name)
    utf8 = codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
    with open_unpacked(name) as stream:
        start = stream.peek(START_BYTES)[:START_BYTES]
        refuse_foreign(name, start, f"{encoding} text", "" if utf8 else "utf-16")
        text = io.TextIOWrapper(stream, "utf-8-sig" if utf8 else encoding, newline="\n")
        try:
            yield _bounded_lines(name, text)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}: expected {encoding} text, got byte 0x{error.object[error.start]:02x}; "
                f"save the file as {encoding}"
            ) from error
        finally:
            text.detach()


def _bounded_lines(name: Path, text: io.TextIOWrapper) -> Iterator[str]:
    """Yield lines; ValueError for one that would take the memory of a packed file's whole text."""
    while line := text.readline(_LONGEST_LINE + 1):
        if len(line) > _LONGEST_LINE:
            raise ValueError(
                f"{name}: expected lines of at most {_LONGEST_LINE} characters, got a longer one; "
                "check whether this is the right file"
            )
        yield line


def read_pieces(name: Path, strict: bool = False) -> Iterator[str]:
    """Decode a UTF-8 text in pieces that end behind white space; a byte order mark is dropped.

    Zero bytes are kept, and one warning counts them; strict=True refuses them.
    """
    with open_utf8(name) as stream:
        yield from cut_at_blanks(_decode_steps(name, stream, strict))


def cut_at_blanks(texts: Iterable[str]) -> Iterator[str]:
    """Cut a text that comes in any pieces into pieces that end behind white space."""
    unfinished: list[str] = []  # text behind the last white space so far
    for text in texts:
        cut = max(text.rfind(" "), text.rfind("\n"), text.rfind("\t")) + 1
        if cut:
            yield "".join(unfinished) + text[:cut]
            unfinished = []
        unfinished.append(text[cut:])
    rest = "".join(unfinished)
    if rest:
        yield rest


def _decode_steps(name: Path, stream: BinaryIO, strict: bool) -> Iterator[str]:
    offset = 0  # of the first byte of `data` in the file
    undecoded = b""  # the first bytes of a character that the next step completes
    zeros = ZeroBytes(name, strict)
    while True:
        more = stream.read(_STEP_BYTES)
        data = undecoded + more
        if offset == 0 and data.startswith(codecs.BOM_UTF8):
            data, offset = data[len(codecs.BOM_UTF8) :], len(codecs.BOM_UTF8)
        zeros.look_at(data, offset, len(undecoded))
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
            zeros.warn()
            return


class ZeroBytes:
    """The zero bytes of a text, which are kept: counted, and reported once or refused."""

    def __init__(self, name: Path, strict: bool = False) -> None:
        self.name, self.strict = name, strict
        self.count, self.first = 0, -1

    def look_at(self, data: bytes, offset: int, begin: int = 0) -> None:
        """Count the zero bytes of a piece from `begin` on; the piece is at byte `offset`."""
        n = data.count(b"\0", begin)
        if not n:
            return
        if not self.count:
            self.first = offset + data.find(b"\0", begin)
        self.count += n
        if self.strict:
            raise ValueError(
                f"{self.name}: byte {self.first}: a zero byte, expected UTF-8 text; give a text "
                "file, or pass strict=False"
            )

    def warn(self) -> None:
        """Warn if there were any; call it once, at the end of the text."""
        if self.count:
            noun = "zero byte" if self.count == 1 else "zero bytes"
            warn(
                f"{self.name}: {self.count} {noun} kept as part of words, the first at byte "
                f"{self.first}; check whether this is a text file"
            )
