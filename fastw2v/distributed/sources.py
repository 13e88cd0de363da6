"""The text of a run, as the client sees it: its parts, in the order of one machine."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fastw2v._files.kinds import START_BYTES
from fastw2v._files.packing import packing_of
from fastw2v.distributed.parts import (
    FileInfo,
    Part,
    Reading,
    expand,
    info_of,
    open_raw,
    parquet_file,
)

PART_BYTES = 1 << 26
PARTS_PER_SHARD = 4  # of a short text, so that the shards are of about the same length
_LEAST_PART_BYTES = 64


@dataclass
class Source:
    """Parts of a text. partitions: the lazy content of the parts that are no files."""

    parts: list[Part]
    partitions: list[Any] | None = None

    def content(self, i: int) -> list[Any]:
        """Return what a task that reads part i takes as its further argument."""
        return [] if self.partitions is None else [self.partitions[i]]


def as_source(corpus: Any, reading: Reading, shards: int) -> Source:
    """Return the parts of a text: the name of a file or a pattern, several, or a Dask collection.

    The parts depend on the sizes of the files and on the number of shards.
    """
    if hasattr(corpus, "to_delayed"):
        return _of_collection(corpus, shards)
    if isinstance(corpus, str | os.PathLike):
        corpus = [corpus]
    if not isinstance(corpus, Iterable) or isinstance(corpus, bytes):
        raise TypeError(
            f"corpus: expected the name of a file, a pattern, a list of them, or a dask bag or "
            f"Series, got {type(corpus).__name__}; for sentences in memory use Word2Vec, or "
            "dask.bag.from_sequence(sentences)"
        )
    names = list(corpus)
    wrong = [name for name in names if not isinstance(name, str | os.PathLike)]
    if wrong:
        raise TypeError(
            f"corpus: expected names of files, got an item that is a {type(wrong[0]).__name__}; "
            "for sentences in memory use Word2Vec, or dask.bag.from_sequence(sentences)"
        )
    options = reading.storage_options
    paths = [path for name in names for path in expand(os.fspath(name), options)]
    files = [info_of(path, options) for path in paths]
    if not files or not sum(file.size for file in files):
        raise ValueError(f"corpus: expected text, got {len(files)} empty files; name others")
    return _of_files(files, reading, shards)


def _of_files(files: list[FileInfo], reading: Reading, shards: int) -> Source:
    total = sum(file.size for file in files)
    step = min(PART_BYTES, max(_LEAST_PART_BYTES, -(-total // (PARTS_PER_SHARD * shards))))
    parts: list[Part] = []
    for file in files:
        if not file.size:
            continue
        with open_raw(file.path, reading.storage_options) as stream:
            start = stream.peek(START_BYTES)[:START_BYTES]
            if start.startswith(b"PAR1"):
                groups = _row_groups(file, parquet_file(file.path, stream), reading)
                parts += [Part(file, group, parquet=True) for group in range(groups)]
                continue
        if reading.column is not None:
            raise ValueError(
                f"column: expected Parquet files, got {file.path}, which is none; leave column out "
                "for text files"
            )
        if packing_of(start) or not reading.lines:
            parts.append(Part(file, 0))
        else:
            ends = [*range(step, file.size, step), file.size]
            parts += [
                Part(file, begin, end) for begin, end in zip([0, *ends[:-1]], ends, strict=True)
            ]
    _check_enough(parts, shards, "packed files, row groups and short texts are not divided")
    return Source(parts)


def _row_groups(file: FileInfo, parquet: Any, reading: Reading) -> int:
    names = parquet.schema_arrow.names
    if reading.column not in names:
        got = "none" if reading.column is None else repr(reading.column)
        raise ValueError(
            f"column: expected one of {', '.join(names)} for {file.path}, got {got}; name the "
            "column that holds the text"
        )
    return int(parquet.num_row_groups)


def _of_collection(corpus: Any, shards: int) -> Source:
    if getattr(corpus, "ndim", 1) != 1 or hasattr(corpus, "chunks"):
        raise TypeError(
            f"corpus: expected a dask bag or Series, got a {type(corpus).__name__}; select the "
            "column that holds the text"
        )
    partitions = list(corpus.to_delayed())
    parts = [Part(None, i) for i in range(len(partitions))]
    _check_enough(parts, shards, "partitions are not divided")
    return Source(parts, partitions)


def _check_enough(parts: list[Part], shards: int, why: str) -> None:
    if len(parts) < shards:
        raise ValueError(
            f"shards: expected at most {len(parts)}, the number of parts of the text, got "
            f"{shards}, which would leave a shard empty ({why}); lower shards, or divide the text "
            "into more files, row groups or partitions"
        )
