"""Formats of other programs that fastw2v writes and does not read: safetensors and Parquet."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastw2v._files.atomic import replacing
from fastw2v._files.fw2v import write_array

Path = str | os.PathLike[str]

_ALIGN = 8  # of the arrays in a safetensors file
_MOST_HEADER = 100_000_000  # bytes that readers of safetensors accept
_TENSORS = {
    "f2": "F16",
    "f4": "F32",
    "f8": "F64",
    "b1": "BOOL",
    "i1": "I8",
    "i2": "I16",
    "i4": "I32",
    "i8": "I64",
    "u1": "U8",
    "u2": "U16",
    "u4": "U32",
    "u8": "U64",
}
_GROUP = 1 << 16  # rows of a Parquet file that are converted at once


def check_parquet(name: Path) -> None:
    """Raise ImportError unless the library that writes Parquet files is installed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise ImportError(
            f"{name}: a Parquet file needs pyarrow, which is not installed; "
            "pip install 'fastw2v[parquet]'"
        )


def write_safetensors(
    name: Path, arrays: Mapping[str, np.ndarray], texts: Mapping[str, str]
) -> None:
    """Write arrays of numbers, and texts as the metadata of a safetensors file.

    The format: the length of the header in 8 bytes, the header in JSON, and the arrays one after
    the other in little-endian and C order.

    Raises TypeError for an array of other than numbers, ValueError for texts that are too long.
    """
    header: dict[str, Any] = {"__metadata__": dict(texts)}
    at = 0
    for key, array in arrays.items():
        kind = _TENSORS.get(array.dtype.str[1:])
        if kind is None:
            raise TypeError(f"{key}: expected plain numbers, got dtype {array.dtype}; convert them")
        header[key] = {
            "dtype": kind,
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % _ALIGN)
    if len(raw) > _MOST_HEADER:
        raise ValueError(
            f"{name}: expected attributes of at most {_MOST_HEADER} bytes in JSON, got {len(raw)}; "
            "leave the largest out with ignore=, or save as .fw2v"
        )
    with replacing(name) as stream:
        stream.write(len(raw).to_bytes(8, "little") + raw)
        for array in arrays.values():
            write_array(stream, array, array.dtype.newbyteorder("<").str)


def write_parquet(
    name: Path,
    words: Sequence[Any],
    table: Any,
    attributes: Mapping[str, np.ndarray],
    texts: Mapping[str, str],
) -> None:
    """Write the columns word, vector (lists of D float32 or float64) and one for each attribute.

    table: an array (V, D), or compressed rows, which are expanded in blocks. texts: metadata.

    Raises ImportError without pyarrow, ValueError for an attribute with the name of a column, and
    for a word that is no Unicode text.
    """
    check_parquet(name)
    import pyarrow as pa
    import pyarrow.parquet as pq

    for taken in ("word", "vector"):
        if taken in attributes:
            raise ValueError(
                f"{name}: expected attributes with other names than those of the columns word and "
                f"vector, got {taken!r}; rename it in expandos"
            )
    for word in words:
        if isinstance(word, str) and not word.isascii():
            _check_unicode(name, word)
    dtype = table.dtype if table.dtype == np.float64 else np.dtype(np.float32)
    D = table.shape[1]
    of_vectors = pa.list_(pa.from_numpy_dtype(dtype), D)
    columns = [
        pa.field("word", pa.int64() if words and isinstance(words[0], int) else pa.string()),
        pa.field("vector", of_vectors),
        *(pa.field(key, _arrow(pa, values).type) for key, values in attributes.items()),
    ]
    schema = pa.schema(columns, metadata=dict(texts))
    with replacing(name) as stream, pq.ParquetWriter(stream, schema) as writer:
        for begin in range(0, len(words), _GROUP):
            end = min(len(words), begin + _GROUP)
            rows = np.ascontiguousarray(table[np.arange(begin, end)], dtype)
            parts = [
                pa.array(words[begin:end], columns[0].type),
                pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), D),
                *(_arrow(pa, values[begin:end]) for values in attributes.values()),
            ]
            writer.write_table(pa.Table.from_arrays(parts, schema=schema))


def _arrow(pa: Any, values: np.ndarray) -> Any:
    return pa.array(values.tolist() if values.dtype.kind == "U" else values)


def _check_unicode(name: Path, word: str) -> None:
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name}: expected words in Unicode, got {word!r}, which has half of a surrogate pair; "
            "leave the word out, or save as .fw2v"
        ) from error
