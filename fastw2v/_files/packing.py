"""Packed files: gzip, bzip2 and xz, unpacked by their first bytes and packed by their names."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from fastw2v._files.kinds import START_BYTES, kind_of

Path = str | os.PathLike[str]

_STEP_BYTES = 1 << 16
_XZ_MEMORY = 1 << 27  # bytes; a file of `xz -9` takes 65 MiB, a hostile one could ask for 4 GiB


def packing_of(start: bytes) -> str | None:
    """Tell the packing of a file from its first bytes; None if it is not packed."""
    kind = kind_of(start)
    return kind.name if kind is not None and kind.name in ("gzip", "bzip2", "xz") else None


class _Unpacked(io.RawIOBase):
    """The content of bzip2 or xz data, which may consist of several streams.

    Python's own LZMAFile cannot limit the memory that a file asks for.
    """

    def __init__(self, raw: BinaryIO, packing: str) -> None:
        self._raw, self._packing = raw, packing
        self._machine = self._new()

    def _new(self) -> Any:
        if self._packing == "bzip2":
            import bz2

            return bz2.BZ2Decompressor()
        import lzma

        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        out = b""
        while not out:
            data = b""
            if self._machine.eof:
                # Zero bytes may fill up the space between streams, and another may follow.
                data = self._machine.unused_data.lstrip(b"\0") or self._raw.read(_STEP_BYTES)
                if not data:
                    return 0
                if not data.strip(b"\0"):
                    continue
                self._machine = self._new()
                data = data.lstrip(b"\0")
            elif self._machine.needs_input:
                data = self._raw.read(_STEP_BYTES)
                if not data:
                    raise EOFError("it ends before its end mark")
            out = self._machine.decompress(data, len(buffer))
        buffer[: len(out)] = out
        return len(out)


@contextmanager
def open_unpacked(name: Path) -> Iterator[io.BufferedReader]:
    """Open the bytes of a file, unpacked if they are packed; ValueError for damaged data."""
    with open(name, "rb") as raw, unpacked(name, raw) as stream:
        yield stream


@contextmanager
def unpacked(name: Path, raw: io.BufferedReader) -> Iterator[io.BufferedReader]:
    """Open the bytes of a stream, as `open_unpacked` does; name is for messages."""
    packing = packing_of(raw.peek(START_BYTES)[:START_BYTES])
    if packing is None:
        yield raw
        return
    damage: tuple[type[Exception], ...] = (EOFError, gzip.BadGzipFile, zlib.error)
    if packing == "gzip":
        content: Any = gzip.GzipFile(fileobj=raw)
    else:
        content = _Unpacked(raw, packing)
        with contextlib.suppress(ImportError):
            import lzma

            damage = (*damage, lzma.LZMAError)
    with content, io.BufferedReader(cast(Any, content)) as stream:
        try:
            yield stream
        except damage as error:
            raise _damaged(name, packing, error) from error
        except OSError as error:
            # bz2 reports damaged data by an OSError without a number.
            if packing == "bzip2" and error.errno is None:
                raise _damaged(name, packing, error) from error
            raise


def _damaged(name: Path, packing: str, error: Exception) -> ValueError:
    return ValueError(f"{name}: the {packing} data is damaged ({error}); get the file again")


@contextmanager
def packed(stream: BinaryIO, packing: str | None) -> Iterator[BinaryIO]:
    """Open a stream that packs its data into another; the same data gives the same bytes."""
    if packing is None:
        yield stream
        return
    if packing == "gzip":
        packer: Any = gzip.GzipFile("", "wb", 6, stream, mtime=0)  # no name and time inside
    elif packing == "bzip2":
        import bz2

        packer = bz2.BZ2File(stream, "wb")
    else:
        import lzma

        packer = lzma.LZMAFile(stream, "wb")  # noqa: SIM115 (closed below)
    with packer:
        yield packer
