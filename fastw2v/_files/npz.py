"""Archives (.npz) of number arrays and JSON: written as a whole, read without trust.

An archive gives the size of an array three times: in the list of its members, in front of the
member, and in the header of the array. Nothing is allocated before these agree with each other
and with the size of the file. Pickled objects are refused.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

import numpy as np

from fastw2v._files.atomic import replacing
from fastw2v._files.kinds import first_bytes, refuse_foreign

_DEFLATE_RATIO = 1032  # the most bytes that zlib makes of one
_MAX_JSON_BYTES = 1 << 28


class Header(NamedTuple):
    """Shape and dtype of an array in an archive."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def write(
    name: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    texts: Mapping[str, object] | None = None,
) -> None:
    """Write arrays, and the values of `texts` as JSON in arrays of bytes, to one file."""
    packed = {
        # JSON's own escapes would join two lone surrogates to one character.
        key: np.frombuffer(
            json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"), np.uint8
        )
        for key, value in (texts or {}).items()
    }
    with replacing(name) as file:
        np.savez(file, **packed, **arrays)


class Archive:
    """An open archive whose claims are checked before they are believed.

    expected, cure: the message of the ValueError (or `error`) for a damaged or foreign file reads
    "NAME: expected EXPECTED, got a damaged or foreign one (REASON); CURE". packed: members may be
    compressed, and an array then be a thousand times larger than the file.

    OSError if the file cannot be read.
    """

    def __init__(
        self,
        name: str | os.PathLike[str],
        expected: str,
        cure: str,
        *,
        packed: bool = False,
        error: type[ValueError] = ValueError,
    ) -> None:
        self._name, self._expected, self._cure = name, expected, cure
        self._packed, self._error = packed, error
        self._reported: Exception | None = None
        import zipfile  # with all that it imports, a fifth of the start-up of a script

        if os.path.isfile(name) and not os.path.getsize(name):
            raise error(f"{name}: expected {expected}, got an empty file; {cure}")
        refuse_foreign(name, first_bytes(name), expected, "zip", error=error)
        with self.damage_reported():
            self._zip = zipfile.ZipFile(name)

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *exception: object) -> None:
        self._zip.close()

    @contextmanager
    def damage_reported(self) -> Iterator[None]:
        """Turn any error of the block into the one error for a damaged or foreign file."""
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:  # zipfile, zlib, json and numpy each raise several of their own
            if error is self._reported:  # by a block inside this one
                raise
            if isinstance(error, OSError) and error.errno != errno.EINVAL:
                raise  # EINVAL is a place in a file that a damaged archive gives and none can have
            reason = str(error) or type(error).__name__
            self._reported = self._error(
                f"{self._name}: expected {self._expected}, got a damaged or foreign one "
                f"({reason}); {self._cure}"
            )
            raise self._reported from error

    @property
    def names(self) -> list[str]:
        """The names of the arrays, in the order of the file."""
        return [member.removesuffix(".npy") for member in self._zip.namelist()]

    def verify(self) -> None:
        """Compare the content of all members with their checksums."""
        with self.damage_reported():
            damaged = self._zip.testzip()
            if damaged is not None:
                raise ValueError(f"{damaged} is damaged")

    def header(self, name: str) -> Header:
        """Read the shape and the dtype of an array, which is not read itself."""
        with self.damage_reported(), self._open(name) as file:
            return self._read_header(name, file)

    def array(self, name: str) -> np.ndarray:
        """Read an array of booleans, integers or floats."""
        with self.damage_reported():
            with self._open(name) as file:
                self._read_header(name, file)
            with self._zip.open(f"{name}.npy") as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
                if file.read(1):
                    raise ValueError(f"{name}.npy has bytes after its array")
            return array

    def json(self, name: str) -> Any:
        """Read the value that `write` was given in its `texts`."""
        with self.damage_reported():
            if math.prod(self.header(name).shape) > _MAX_JSON_BYTES:
                raise ValueError(f"{name}.npy is too large")
            raw = self.array(name).astype(np.uint8, copy=False).tobytes()
            return json.loads(raw.decode("utf-8", "surrogatepass"))

    def _open(self, name: str) -> IO[bytes]:
        from zipfile import ZIP_DEFLATED, ZIP_STORED

        if name not in self.names:
            raise ValueError(f"it has no array {name}")
        info = self._zip.getinfo(f"{name}.npy")
        assert self._zip.fp is not None
        size = os.fstat(self._zip.fp.fileno()).st_size
        most = info.compress_size
        if info.compress_type == ZIP_DEFLATED and self._packed:
            most *= _DEFLATE_RATIO
        elif info.compress_type != ZIP_STORED:
            raise ValueError(f"{name}.npy is compressed")
        if info.header_offset + info.compress_size > size or info.file_size > most:
            raise ValueError(f"{name}.npy is larger than the archive")
        return self._zip.open(info.filename)

    def _read_header(self, name: str, file: IO[bytes]) -> Header:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):  # later versions are for arrays with fields
            raise ValueError(f"{name}.npy has format {version}")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.kind not in "biuf":
            raise ValueError(f"{name}.npy holds {dtype}")
        left = self._zip.getinfo(f"{name}.npy").file_size - file.tell()
        if any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize != left:
            raise ValueError(f"{name}.npy holds {left} bytes for an array of shape {shape}")
        return Header(shape, dtype)
