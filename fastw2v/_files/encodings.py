"""Text files in the encodings that Python knows beside UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from fastw2v._files.kinds import START_BYTES, refuse_foreign
from fastw2v._files.packing import open_unpacked
from fastw2v._files.text import Path, ZeroBytes, cut_at_blanks

_STEP_BYTES = 1 << 20
_MARK = "\ufeff"
_OF_NO_TEXT = ("idna", "punycode", "undefined")  # of names of hosts, and a codec that only raises


def is_utf8(encoding: str) -> bool:
    """Tell whether an encoding is UTF-8, with or without a mark; ValueError if it is not for text.

    >>> is_utf8("UTF8"), is_utf8("cp932")
    (True, False)
    """
    if not isinstance(encoding, str):
        raise TypeError(
            f"encoding: expected the name of a codec, got {type(encoding).__name__}; pass a str "
            'such as "utf-8"'
        )
    try:
        codec = codecs.lookup(encoding)
    except (LookupError, ValueError) as error:
        raise ValueError(
            f"encoding: expected the name of a codec of Python, got {encoding!r}; pass one such as "
            '"utf-8", "cp932" or "euc_jp"'
        ) from error
    if not getattr(codec, "_is_text_encoding", True) or codec.name in _OF_NO_TEXT:
        raise ValueError(
            f"encoding: {encoding!r} is no encoding of text; pass one such as "
            '"utf-8", "cp932" or "euc_jp"'
        )
    return codec.name in ("utf-8", "utf-8-sig")


def read_pieces(name: Path, encoding: str, strict: bool = False) -> Iterator[str]:
    """Decode a text as `text.read_pieces` does, in another encoding than UTF-8."""
    with open_unpacked(name) as stream:
        start = stream.peek(START_BYTES)[:START_BYTES]
        # A page or JSON may be the text that is meant.
        refuse_foreign(name, start, f"{encoding} text", "html", "json", "utf-16")
        yield from cut_at_blanks(_decode_steps(name, stream, encoding, strict))


def _decode_steps(name: Path, stream: BinaryIO, encoding: str, strict: bool) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    zeros = ZeroBytes(name, strict)
    bytes_are_characters = "a".encode(encoding) == b"a"  # not in UTF-16, which is half zero bytes
    offset, begun = 0, False
    while True:
        data = stream.read(_STEP_BYTES)
        if offset == 0 and data and not data.strip(b"\0"):
            raise ValueError(
                f"{name}: byte 0: nothing but zero bytes, so this is not a text file; give text"
            )
        held = decoder.getstate()[0]  # the first bytes of a character
        try:
            text = decoder.decode(data, not data)
        except UnicodeError as error:
            start = getattr(error, "start", 0)
            place = offset - len(held) + start
            byte = (held + data)[start : start + 1]
            found = f"0x{byte[0]:02x}" if byte else "the end of the file"
            raise ValueError(
                f"{name}: byte {place}: {found} is not {encoding}; pass the encoding of the file, "
                "or save it as UTF-8"
            ) from error
        if bytes_are_characters:
            zeros.look_at(data, offset)
        offset += len(data)
        yield text if begun else text.removeprefix(_MARK)
        begun = begun or bool(text)
        if not data:
            zeros.warn()
            return
