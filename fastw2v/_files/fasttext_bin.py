"""The format of fastText's models (.bin, versions 11 and 12), which can be mapped.

    int32        magic, version
    int32 x 12   dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn,
                 lrUpdateRate
    double       t
    int32 x 3    entries, words, labels
    int64 x 2    words of the text, buckets that pruning has kept (-1: not pruned)
    entries      word, 0, int64 count, int8 kind (0 word, 1 label); words come first
    int32 x 2    for each bucket that pruning has kept: the bucket, its row behind the words
    uint8        1 if the input rows are quantised
    int64 x 2    input rows and columns; float32 rows of words, then of buckets
    uint8        1 if the output rows are quantised
    int64 x 2    output rows and columns; float32 rows

All numbers are little-endian, and nothing is aligned. A file is not trusted: every size that it
claims is checked against its own before anything is allocated.
"""

from __future__ import annotations

import functools
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from fastw2v._files.atomic import replacing
from fastw2v._files.fw2v import write_array
from fastw2v._files.kinds import check_readable, first_bytes, refuse_foreign
from fastw2v._kernels import _vectors

_START = struct.Struct("<2i12id3i2q")
_SIZES = struct.Struct("<B2q")
_COUNT = struct.Struct("<qB")
_ARGUMENTS = (
    *("dim", "ws", "epoch", "minCount", "neg", "wordNgrams", "loss", "model", "bucket", "minn"),
    *("maxn", "lrUpdateRate", "t"),
)
_MAGIC, _VERSIONS, _SUPERVISED = 793712314, (11, 12), 3
_ENTRY = 10  # bytes of the shortest entry
_PIECE = 1 << 24  # bytes of entries that are split at a time
_WORDS = 1 << 16  # written at a time

LINE_END = "</s>"  # the word that has no n-grams


class Model(NamedTuple):
    """An unsupervised model: its arguments, words with counts, and rows (float32).

    pruned   the buckets (R,) that pruning has kept, rising; None in a model that was not pruned
    own      (words, dim), the rows of words
    ngrams   (buckets, dim), or (R, dim)
    outputs  (words, dim), or of another number of rows in models that labels were trained in
    n_tokens words of the text, those that were left out included
    """

    arguments: dict[str, Any]
    words: list[str]
    counts: np.ndarray
    pruned: np.ndarray | None
    own: np.ndarray
    ngrams: np.ndarray
    outputs: np.ndarray
    n_tokens: int


class _Damage(ValueError):
    pass


def read(name: str | os.PathLike[str], mmap: Any = "c", with_outputs: bool = True) -> Model:
    """Open a model. mmap: as in `fw2v.read`; with None, rows are read into arrays of their own.

    Mapped rows may begin at any byte. with_outputs=False leaves out the output rows (0, dim).

    Bytes that are not UTF-8 become lone surrogates, as by "surrogateescape", so that they can be
    turned back.

    Raises ValueError if the file is damaged, of another kind, or a model that is supervised or
    quantised; OSError if it cannot be read.
    """
    check_readable(name, "a model of fastText")
    refuse_foreign(name, first_bytes(name), "a model of fastText (.bin)", "fasttext")
    data = np.memmap(name, np.uint8, mmap or "r").view(np.ndarray)
    try:
        return _parsed(name, data, mmap is not None, with_outputs)
    except _Damage as damage:
        raise ValueError(f"{name}: the model is damaged ({damage}); get the file again") from damage


def _parsed(name: Any, data: np.ndarray, mapped: bool, with_outputs: bool) -> Model:
    if len(data) < _START.size:
        raise _Damage(f"it has {len(data)} bytes, and its header {_START.size}")
    magic, version, *numbers = _START.unpack(data[: _START.size].tobytes())
    if magic != _MAGIC or version not in _VERSIONS:
        raise ValueError(
            f"{name}: expected a model of fastText of version 11 or 12, got magic {magic} and "
            f"version {version}; train it again with fastText 0.9.2"
        )
    arguments = dict(zip(_ARGUMENTS, numbers, strict=False))
    n_entries, n_words, n_labels, n_tokens, n_pruned = numbers[len(_ARGUMENTS) :]
    if arguments["model"] == _SUPERVISED:
        raise ValueError(
            f"{name}: expected word vectors, got a supervised model of fastText, whose labels are "
            "classes; open it with fastText, or train with skipgram or cbow"
        )
    if arguments["model"] not in (1, 2) or arguments["loss"] not in (1, 2, 3, 4):
        raise _Damage(f"model {arguments['model']} and loss {arguments['loss']} are unknown")
    if min(n_words, n_labels) < 0 or n_words + n_labels != n_entries:
        raise _Damage(f"{n_entries} entries are not {n_words} words and {n_labels} labels")
    if arguments["dim"] < 1 or min(arguments[key] for key in ("bucket", "minn", "maxn")) < 0:
        raise _Damage("a dimension or a size of n-grams is out of range")
    words, counts, at = _entries(data, _START.size, n_entries, n_words)
    bucket, order, pruned = arguments["bucket"], None, None
    if n_pruned >= 0:
        pruned, order, at = _pruned(data, at, n_pruned, bucket)
    D, n_rows = arguments["dim"], bucket if pruned is None else len(pruned)
    n_inputs, inputs = _size_of_rows(name, data, at, "input", D)
    if n_inputs != n_words + n_rows:
        raise _Damage(f"it has {n_inputs} input rows for {n_words} words and {n_rows} buckets")
    buckets_at = inputs + 4 * D * n_words
    n_outputs, outputs = _size_of_rows(name, data, buckets_at + 4 * D * n_rows, "output", D)
    end = outputs + 4 * D * n_outputs
    if end != len(data):
        raise _Damage(f"{len(data) - end} bytes follow its rows")
    take = functools.partial(_taken, data if mapped else name, D)
    ngrams = take(buckets_at, n_rows)
    return Model(
        *(arguments, words, counts, pruned, take(inputs, n_words)),
        ngrams if order is None else ngrams[order],
        take(outputs, n_outputs if with_outputs else 0),
        n_tokens,
    )


def _entries(
    data: np.ndarray, at: int, n_entries: int, n_words: int
) -> tuple[list[str], np.ndarray, int]:
    """Return words, their counts, and the place behind all entries."""
    if n_entries * _ENTRY > len(data) - at:
        raise _Damage(f"{len(data) - at} bytes cannot hold {n_entries} entries")
    counts, kinds = np.empty(n_entries, np.int64), np.empty(n_entries, np.uint8)
    room = np.empty(min(_PIECE, max(len(data) - at, 1)), np.uint8)
    texts, done = [], 0
    while done < n_entries:
        piece = data[at : at + _PIECE]
        n, n_text, used = _vectors.split_entries(room, counts[done:], kinds[done:], piece)
        if not n:
            raise _Damage(f"entry {done} has no end")
        texts.append(room[:n_text].tobytes())
        done, at = done + n, at + used
    if kinds[:n_words].any() or not (kinds[n_words:] == 1).all() or (counts < 0).any():
        raise _Damage("its words, labels or counts are out of order")
    names = b"".join(texts).decode("utf-8", "surrogateescape").split("\0")
    return names[:n_words], counts[:n_words], at


def _pruned(
    data: np.ndarray, at: int, n: int, bucket: int
) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Return the buckets that have a row, rising, the order of their rows, and the place behind.

    The order is None if the rows follow the buckets, as fastText leaves them.
    """
    if n > (len(data) - at) // 8:
        raise _Damage(f"{len(data) - at} bytes cannot hold {n} pruned buckets")
    pairs = data[at : at + 8 * n].tobytes()
    buckets, rows = np.frombuffer(pairs, "<i4").astype(np.int32).reshape(n, 2).T
    by_bucket = np.argsort(buckets)
    kept, order = buckets[by_bucket], rows[by_bucket]
    if n and (kept[0] < 0 or kept[-1] >= bucket or (kept[1:] == kept[:-1]).any()):
        raise _Damage("a bucket that pruning has kept is out of range, or listed twice")
    if not np.array_equal(np.sort(order), np.arange(n)):
        raise _Damage("the buckets that pruning has kept have other rows than those")
    in_order = bool((order[1:] > order[:-1]).all())
    return np.ascontiguousarray(kept), None if in_order else order, at + 8 * n


def _size_of_rows(name: Any, data: np.ndarray, at: int, what: str, D: int) -> tuple[int, int]:
    """Return the number of rows of a table, and the place where they begin."""
    if len(data) - at < _SIZES.size:
        raise _Damage(f"it ends before its {what} rows")
    quantised, rows, columns = _SIZES.unpack(data[at : at + _SIZES.size].tobytes())
    at += _SIZES.size
    if quantised == 1:
        raise ValueError(
            f"{name}: expected rows of float32, got a quantised model of fastText (.ftz); take the "
            "model that it was made of"
        )
    if quantised or columns != D or not 0 <= rows <= (len(data) - at) // (4 * D):
        raise _Damage(f"its {what} rows have the shape ({rows}, {columns})")
    return rows, at


def _taken(source: Any, D: int, at: int, n: int) -> np.ndarray:
    """Return n rows (n, D): views of mapped data, or what is read from a file of this name."""
    if isinstance(source, np.ndarray):
        return source[at : at + 4 * n * D].reshape(n, 4 * D).view("<f4")
    numbers = np.fromfile(source, "<f4", n * D, offset=at)
    if len(numbers) < n * D:
        raise _Damage("it became shorter while it was read")
    return numbers.reshape(n, D)


def write(
    name: str | os.PathLike[str] | BinaryIO,
    arguments: Mapping[str, Any],
    words: Sequence[bytes],
    counts: np.ndarray,
    inputs: Iterable[np.ndarray],
    outputs: np.ndarray,
    pruned: np.ndarray | None = None,
    n_tokens: int | None = None,
    labels: Mapping[bytes, int] | None = None,
) -> None:
    """Write a model of version 12, which appears under its name when it is complete.

    words must hold no zero byte. inputs: blocks of rows that make up (words + buckets, dim), or
    (words + R, dim) with the buckets (R,) `pruned` that have a row. n_tokens: the words of the
    text; None: the sum of the counts. labels: {label: count}, which have no rows.
    """
    V, dim = len(words), arguments["dim"]
    settings = [arguments[key] for key in _ARGUMENTS]
    total = int(counts.sum()) if n_tokens is None else n_tokens
    labels = labels or {}
    n_entries = V + len(labels)
    sizes = n_entries, V, len(labels), total, -1 if pruned is None else len(pruned)
    n_rows = arguments["bucket"] if pruned is None else len(pruned)
    with replacing(name) as stream:
        stream.write(_START.pack(_MAGIC, _VERSIONS[-1], *settings, *sizes))
        for begin in range(0, V, _WORDS):
            entries = zip(
                words[begin : begin + _WORDS], counts[begin : begin + _WORDS].tolist(), strict=True
            )
            stream.write(b"".join(word + b"\0" + _COUNT.pack(n, 0) for word, n in entries))
        stream.write(b"".join(k + b"\0" + _COUNT.pack(n, 1) for k, n in labels.items()))
        if pruned is not None:
            pairs = np.stack([pruned, np.arange(len(pruned))], axis=1)
            stream.write(pairs.astype("<i4").tobytes())
        stream.write(_SIZES.pack(0, V + n_rows, dim))
        for rows in inputs:
            write_array(stream, rows, "<f4")
        stream.write(_SIZES.pack(0, len(outputs), dim))
        write_array(stream, outputs, "<f4")
