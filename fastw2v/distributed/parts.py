"""Parts of a text, as a worker reads them: ranges of files, row groups, lists of sentences."""

from __future__ import annotations

import contextlib
import glob
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from fastw2v._core import threads
from fastw2v._files.packing import unpacked
from fastw2v._files.text import check_text
from fastw2v.distributed.errors import CorpusChanged
from fastw2v.distributed.places import here
from fastw2v.word2vec.texts import FileText, SentenceText, Text, TextFiles

INSTALL = "pip install 'fastw2v[dask]'"
_STEP = 1 << 16


@dataclass(frozen=True)
class Reading:
    """The settings that decide how a text is read."""

    lines: bool = True
    unicode_errors: str = "strict"
    column: str | None = None
    storage_options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FileInfo:
    """The size of a file, and a mark that changes with its content if the file system has one."""

    path: str
    size: int
    stamp: str


@dataclass(frozen=True)
class Part:
    """A part of a text.

    A range of lines of a text file (begin, end are bytes), a whole file (end is -1), row group
    `begin` of a Parquet file, or partition `begin` of a Dask collection, which has no file.
    """

    file: FileInfo | None
    begin: int
    end: int = -1
    parquet: bool = False

    @property
    def name(self) -> str:
        """A name for messages."""
        if self.file is None:
            return f"partition {self.begin}"
        if self.parquet:
            return f"{self.file.path}, row group {self.begin}"
        return self.file.path if self.end < 0 else f"{self.file.path}, bytes {self.begin} on"


# ---- files here or elsewhere


def _filesystem(path: str, options: dict[str, Any]) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError as error:
        raise ImportError(f"{path}: fsspec is needed for this path; {INSTALL}") from error
    try:
        return fsspec.core.url_to_fs(path, **options)
    except (ImportError, ValueError) as error:  # another package is missing, or the name is odd
        raise type(error)(f"{path}: fsspec cannot use this path: {error}") from error


def is_local(path: str) -> bool:
    """Tell whether a path needs no fsspec."""
    return "://" not in path and "::" not in path


def expand(path: str, options: dict[str, Any]) -> list[str]:
    """Return the files that a path or a pattern names, sorted."""
    if is_local(path):
        if os.path.isdir(path):
            raise IsADirectoryError(f"corpus: {path}: is a folder; pass {path}/* for its files")
        found = sorted(glob.glob(path)) if glob.has_magic(path) else [path]
        found = [name for name in found if not os.path.isdir(name)]
    else:
        system, inner = _filesystem(path, options)
        magic = any(mark in inner for mark in "*?[")
        found = sorted(map(system.unstrip_protocol, system.glob(inner))) if magic else [path]
    if not found:
        raise FileNotFoundError(f"corpus: {path}: no file has such a name; check the pattern")
    return found


def info_of(path: str, options: dict[str, Any]) -> FileInfo:
    """Return the size and the mark of a file. Raises FileNotFoundError if there is none."""
    try:
        if is_local(path):
            facts = os.stat(path)
            return FileInfo(path, facts.st_size, str(facts.st_mtime_ns))
        system, inner = _filesystem(path, options)
        found = system.info(inner)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path}: no such file; each worker reads the text itself, so use a path that all of "
            "them see"
        ) from error
    marks = (found.get(name) for name in ("ETag", "etag", "mtime", "LastModified", "updated"))
    return FileInfo(path, int(found["size"]), str(next((m for m in marks if m is not None), "")))


@contextlib.contextmanager
def open_raw(path: str, options: dict[str, Any]) -> Iterator[io.BufferedReader]:
    """Open the bytes of a file here or elsewhere."""
    if is_local(path):
        with open(path, "rb") as stream:
            yield stream
        return
    system, inner = _filesystem(path, options)
    with system.open(inner, "rb") as raw, io.BufferedReader(cast(Any, raw)) as stream:
        yield stream


def check_same(file: FileInfo, options: dict[str, Any]) -> None:
    """Raise CorpusChanged if a file is not the one that was listed."""
    now = info_of(file.path, options)
    if now != file:
        raise CorpusChanged(
            f"{file.path}: the file has changed since the run began ({file.size} bytes then, "
            f"{now.size} now; {file.stamp or 'no time'}, {now.stamp or 'no time'}), or is another "
            f"one on worker {here().address}; restore it, or start a new run"
        )


# ---- texts


def text_of(part: Part, reading: Reading, content: Any = None) -> Text:
    """Return a part with its words counted; content: the items of a partition, if it is one."""
    n_threads = threads.get_num_threads()
    if part.file is None:
        return _text_of_items(part.name, list(content), reading, n_threads)
    options = reading.storage_options
    check_same(part.file, options)
    if part.parquet:
        items = _column(part.file.path, part.begin, reading)
        return _text_of_items(part.name, items, reading, n_threads)
    name = part.file.path
    if part.end < 0:

        @contextlib.contextmanager
        def opened(_: str) -> Iterator[io.BufferedReader]:
            with open_raw(name, options) as raw, unpacked(name, raw) as stream:
                check_text(name, stream)
                yield stream

        files = TextFiles((name,), reading.lines, reading.unicode_errors, opened)
        return FileText(files, n_threads, None)
    with open_raw(name, options) as raw:
        if part.begin == 0:
            check_text(name, raw)
        data = _lines_between(raw, part.begin, part.end)
    return _text_of_bytes(part.name, data, reading, n_threads, later=part.begin > 0)


def _lines_between(stream: BinaryIO, begin: int, end: int) -> bytes:
    """Return the lines that begin in [begin, end), whole."""
    at = begin
    if begin:
        # A line begins at `begin` only if the byte before it ends one.
        stream.seek(begin - 1)
        skipped = _to_line_end(stream)
        at = begin - 1 + len(skipped)
        stream.seek(at)
    if at >= end:
        return b""
    data = stream.read(end - at)
    return data if data.endswith(b"\n") else data + _to_line_end(stream)


def _to_line_end(stream: BinaryIO) -> bytes:
    found = []
    while data := stream.read(_STEP):
        cut = data.find(b"\n") + 1
        if cut:
            return b"".join([*found, data[:cut]])
        found.append(data)
    return b"".join(found)


def _text_of_bytes(
    name: str, data: bytes, reading: Reading, n_threads: int, later: bool = True
) -> Text:
    @contextlib.contextmanager
    def opened(_: str) -> Iterator[io.BufferedIOBase]:
        yield io.BytesIO(data)

    files = TextFiles((name,), reading.lines, reading.unicode_errors, opened, later)
    return FileText(files, n_threads, None)


def _text_of_items(name: str, items: list[Any], reading: Reading, n_threads: int) -> Text:
    """Return texts or lists of words as a text; each item is a sentence, None an empty one."""
    items = [[] if item is None or item != item is True else item for item in items]
    if all(isinstance(item, str) or item == [] for item in items) and items:
        lines = (item.replace("\n", " ") if isinstance(item, str) else "" for item in items)
        data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
        return _text_of_bytes(name, data, reading, n_threads)
    items = [item.split() if isinstance(item, str) else item for item in items]
    try:
        return SentenceText(items, None)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error


def _column(path: str, group: int, reading: Reading) -> list[Any]:
    with open_raw(path, reading.storage_options) as stream:
        file = parquet_file(path, stream)
        found: list[Any] = (
            file.read_row_group(group, columns=[reading.column]).column(0).to_pylist()
        )
    return found


def parquet_file(path: str, stream: BinaryIO) -> Any:
    """Open a Parquet file."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(f"{path}: pyarrow is needed for Parquet files; {INSTALL}") from error
    try:
        return pyarrow.parquet.ParquetFile(stream)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{path}: expected a Parquet file ({error}); check the name") from error
