"""The fw2v file format: a dict of facts and a dict of arrays, which can be mapped.

    bytes 0-7    FASTW2V and the version: 2 if a table of vectors is compressed, else 1
    bytes 8-15   length of the header, little-endian
    header       JSON: kind, facts, and for each array its dtype, shape and place in the file
    arrays       little-endian, C order, each at a multiple of 64 bytes

A compressed table of word vectors is an array "float16 vectors", or "int8 vectors" with an array
"scales", one number per row. Versions of fastw2v before these refuse a file of version 2.

A file is not trusted. Every place is checked against the size of the file before anything is
mapped, and arrays hold plain numbers only.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from fastw2v._checks.errors import OtherKind
from fastw2v._files.atomic import replacing
from fastw2v._files.kinds import check_readable, first_bytes, refuse_foreign

MAGIC = b"FASTW2V"
_VERSIONS = (1, 2)
_COMPRESSED = ("float16 vectors", "int8 vectors")  # arrays that make a file one of version 2
_WORD2VEC = re.compile(rb"\d+ \d+\s")  # the header of its formats
_ALIGN = 64
_DTYPES = ("<f2", "<f4", "<f8", "<i4", "<i8", "|i1", "|u1", "<u4", "<u8")
_BLOCK = 1 << 24
_MAX_HEADER = 1 << 28


class Content(NamedTuple):
    """The content of a file: its kind, a dict of facts and a dict of arrays."""

    kind: str
    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]


def check_arrays(arrays: Mapping[str, np.ndarray]) -> None:
    """Raise TypeError for an array of other than plain numbers, which no file can hold."""
    for key, array in arrays.items():
        if array.dtype.newbyteorder("<").str not in _DTYPES:
            raise TypeError(f"{key}: expected plain numbers, got dtype {array.dtype}; convert them")


def holds(dtype: np.dtype) -> bool:
    """Tell whether a file can hold an array of that dtype."""
    return dtype.newbyteorder("<").str in _DTYPES


def write(
    name: str | os.PathLike[str] | BinaryIO,
    kind: str,
    facts: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
) -> None:
    """Write a file, which appears under its name when it is complete, or an open stream."""
    places: dict[str, Any] = {}
    at = 0  # from the first array, as the length of the header is not known yet
    check_arrays(arrays)
    for key, array in arrays.items():
        dtype = array.dtype.newbyteorder("<").str
        places[key] = [dtype, list(array.shape), at]
        at += -(-array.nbytes // _ALIGN) * _ALIGN
    version = 2 if any(key in arrays for key in _COMPRESSED) else 1
    header = json.dumps({"kind": kind, "facts": dict(facts), "arrays": places}).encode()
    with replacing(name) as stream:
        stream.write(MAGIC + bytes([version]) + len(header).to_bytes(8, "little") + header)
        stream.write(bytes(-(16 + len(header)) % _ALIGN))
        for key, array in arrays.items():
            write_array(stream, array, places[key][0])
            stream.write(bytes(-array.nbytes % _ALIGN))


def write_array(stream: Any, array: np.ndarray, dtype: str) -> None:
    """Write an array in blocks of rows; its rows may be padded, and a whole copy may not fit."""
    if array.ndim == 0 or array.size == 0:
        stream.write(array.astype(dtype).tobytes())
        return
    rows = max(1, _BLOCK // max(1, array[0].nbytes))
    for begin in range(0, len(array), rows):
        block = np.ascontiguousarray(array[begin : begin + rows], dtype=dtype)
        stream.write(memoryview(block).cast("B"))


def read(name: str | os.PathLike[str], kind: str | None, mmap: str | None = "c") -> Content:
    """Open a file of a kind, or of any kind if `kind` is None.

    mmap: "c" maps arrays so that changes stay in this process; "r" maps them read-only; None reads
    them.

    Raises ValueError if the file is damaged or of another format or kind, OSError if it cannot be
    read.
    """
    check_readable(name, "a model or vectors")
    refuse_foreign(name, first_bytes(name), "a file that fastw2v saved", "fw2v")
    size = os.path.getsize(name)
    with open(name, "rb") as stream:
        start = stream.read(16)
        if start[:7] != MAGIC[:7]:
            plain = _WORD2VEC.match(start) is not None
            cure = "check the name"
            if plain:
                cure = "open vectors without a model with KeyedVectors.load_word2vec_format"
            raise ValueError(
                f"{name}: expected a file that fastw2v saved, got "
                f"{'word2vec text or binary, which' if plain else 'one that'} starts with "
                f"{start[:8]!r}; {cure}"
            )
        if len(start) > 7 and start[7] not in _VERSIONS:
            raise ValueError(
                f"{name}: was written in version {start[7]} of the format, this fastw2v reads "
                f"versions up to {_VERSIONS[-1]}; update fastw2v"
            )
        length = int.from_bytes(start[8:], "little")
        if len(start) < 16 or length > min(size - 16, _MAX_HEADER):
            raise ValueError(
                f"{name}: the file ends inside its header ({size} bytes); get the file again"
            )
        header = _header(name, stream.read(length))
    first = -(-(16 + length) // _ALIGN) * _ALIGN
    if kind is not None and header["kind"] != kind:
        raise OtherKind(
            f"{name}: expected a {kind}, got a {header['kind']}; load it with the class "
            "that saved it"
        )
    arrays = {}
    for key, (dtype, shape, at) in header["arrays"].items():
        n = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
        if first + at + n > size:
            raise ValueError(
                f"{name}: array {key} of shape {tuple(shape)} ends at byte {first + at + n}, the "
                f"file at {size}; it was cut off, get the file again"
            )
        arrays[key] = _array(name, dtype, shape, first + at, n, mmap)
    return Content(header["kind"], header["facts"], arrays)


def _header(name: str | os.PathLike[str], raw: bytes) -> dict[str, Any]:
    try:
        header = json.loads(raw)
        kind, facts, arrays = header["kind"], header["facts"], header["arrays"]
        fits = isinstance(kind, str) and isinstance(facts, dict)
        for dtype, shape, at in arrays.values():
            fits = fits and dtype in _DTYPES and isinstance(shape, list)
            fits = fits and all(type(n) is int and n >= 0 for n in [*shape, at]) and len(shape) < 8
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        fits = False
    if not fits:
        raise ValueError(f"{name}: the header is damaged; get the file again")
    return header


def _array(name: Any, dtype: str, shape: list[int], at: int, n: int, mmap: str | None) -> Any:
    if n == 0:
        return np.empty(shape, dtype)
    if mmap is None:
        with open(name, "rb") as stream:
            stream.seek(at)
            return np.fromfile(stream, dtype, n // np.dtype(dtype).itemsize).reshape(shape)
    mapped = np.memmap(name, dtype, mmap, at, tuple(shape))
    return mapped.view(np.ndarray)


def pack_words(words: Sequence[Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return words, all str or all int, as facts and arrays of a file."""
    kind = "str"
    if words and isinstance(words[0], int):
        if all(-(1 << 63) <= word < 1 << 63 for word in words):
            return {"words": "int"}, {"words": np.array(words, np.int64)}
        kind, words = "digits", list(map(str, words))  # of integers beyond 64 bits
    encoded = [word.encode("utf-8", "surrogatepass") for word in words]
    ends = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)))
    return {"words": kind}, {
        "words": np.frombuffer(b"".join(encoded), np.uint8),
        "word_ends": ends,
    }


def unpack_words(name: Any, content: Content) -> list[Any]:
    """Return the words that `pack_words` packed; ValueError, with the file's name, for damage."""
    try:
        if content.facts["words"] == "int":
            return _numbers(content, "words", "i").tolist()
        raw = _numbers(content, "words", "u").tobytes()
        ends = _numbers(content, "word_ends", "i").tolist()
        if sorted(ends) != ends or (ends and ends[-1] != len(raw)):
            raise ValueError("the ends of words do not fit")
        begins = [0, *ends][: len(ends)]
        words = [
            raw[begin:end].decode("utf-8", "surrogatepass")
            for begin, end in zip(begins, ends, strict=True)
        ]
        return list(map(int, words)) if content.facts["words"] == "digits" else words
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{name}: the words are damaged ({error}); get the file again") from error


def _numbers(content: Content, key: str, kind: str) -> np.ndarray:
    """Return an array (N,) of the content that holds integers of one kind, "i" or "u"."""
    array = content.arrays.get(key)
    if array is None:
        raise ValueError(f"there is no array {key!r}")
    if array.ndim != 1 or array.dtype.kind != kind:
        raise ValueError(f"{key} has shape {array.shape} and dtype {array.dtype}")
    return array


def check_finite(name: Any, what: str, table: np.ndarray) -> None:
    """Raise ValueError naming the first row with a NaN or an infinity."""
    rows = max(1, _BLOCK // max(1, 4 * table.shape[1]))
    for begin in range(0, len(table), rows):
        block = table[begin : begin + rows]
        bad = ~np.isfinite(block)
        if bad.any():
            row = begin + int(np.flatnonzero(bad.any(axis=1))[0])
            raise ValueError(
                f"{name}: {what}: row {row} holds a number that is not finite; train again with a "
                "lower learning rate, or get the file again"
            )


def optional(arrays: Mapping[str, np.ndarray | None]) -> dict[str, np.ndarray]:
    """Return the arrays that are not None."""
    return {key: array for key, array in arrays.items() if array is not None}
