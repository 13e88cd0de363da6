"""Word vectors in files: the readers and writers of `fastw2v._files` know the formats themselves.

The content of a file is not trusted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastw2v._checks.numbers import as_whole
from fastw2v._checks.sequences import check_text
from fastw2v._files import fw2v, word2vec_format
from fastw2v._files.atomic import check_writable
from fastw2v._files.book_pickle import load_book_pickle
from fastw2v._files.extras import extras_of, pack_extras, unpack_extras, warn_of_class
from fastw2v._files.text import first_bytes
from fastw2v.keyed_vectors.changes import as_rows_of_words, falling_order, names_of
from fastw2v.keyed_vectors.compressed import CompressedRows
from fastw2v.keyed_vectors.consistency import check_all

if TYPE_CHECKING:
    from fastw2v.keyed_vectors.vectors import KeyedVectors


OWN = ("vector_size", "vectors", "index_to_key", "key_to_index", "expandos", "_in_model")


def extra_attributes(vectors: KeyedVectors) -> dict[str, Any]:
    """Return the attributes that a user or a subclass has set on word vectors."""
    return extras_of(vectors, OWN)


def pack(
    vectors: KeyedVectors, ignore: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return words, attributes of words and further attributes as facts and arrays of a file."""
    check_all(vectors)
    facts, arrays = fw2v.pack_words(vectors.index_to_key)
    extras = {k: v for k, v in extra_attributes(vectors).items() if k not in ignore}
    more, extra_arrays = pack_extras("wv", vectors, extras)
    attributes = {f"expando {name}": values for name, values in vectors.expandos.items()}
    facts["class of wv"] = type(vectors).__name__
    return facts | more, arrays | attributes | extra_arrays


class WordTable(NamedTuple):
    """The row of each word, the vectors (V, D) and the attributes {name: (V,)} of a file.

    content: the whole content of a fw2v file, for further attributes.
    """

    rows: dict[Any, int]
    table: Any  # an array of floats, or CompressedRows
    attributes: dict[str, np.ndarray]
    content: fw2v.Content | None = None


def set_extras(name: object, vectors: KeyedVectors, content: fw2v.Content | None) -> None:
    """Set the further attributes that a file holds; ValueError, with its name, for damage."""
    if content is not None:
        try:
            unpack_extras("wv", vectors, OWN, content)
            warn_of_class(name, content.facts.get("class of wv"), type(vectors), "KeyedVectors")
        except ValueError as error:
            raise ValueError(f"{name}: {error}; get the file again") from error


def read(name: str | os.PathLike[str], mmap: str | None) -> WordTable:
    """Read any file of word vectors. Its first bytes tell the kind, and the kind has one reader."""
    start = first_bytes(name, 256)
    reader = next(reader for starts_so, reader in _READERS if starts_so(start))
    return reader(name, mmap)


def _read_fw2v(name: str | os.PathLike[str], mmap: str | None) -> WordTable:
    """Read the vectors of a file that `KeyedVectors.save` or `Word2Vec.save` wrote."""
    content = fw2v.read(name, None, mmap)
    if content.kind not in ("KeyedVectors", "Word2Vec"):
        raise ValueError(
            f"{name}: expected KeyedVectors or Word2Vec, got a {content.kind}; load it with the "
            "class that saved it"
        )
    words = fw2v.unpack_words(name, content)
    table = _unpack_table(name, content.arrays)
    if table.ndim != 2 or len(table) != len(words) or table.shape[1] < 1:
        raise ValueError(
            f"{name}: {len(words)} words do not fit vectors of shape {table.shape}; get the "
            "file again"
        )
    if isinstance(table, np.ndarray):
        fw2v.check_finite(name, "vectors", table)
    rows = {word: row for row, word in enumerate(words)}
    if len(rows) != len(words):
        raise ValueError(f"{name}: a word is listed twice; get the file again")
    return WordTable(rows, table, attributes_of(content, len(words)), content)


def attributes_of(content: fw2v.Content, V: int) -> dict[str, np.ndarray]:
    """Return the attributes (V,) of words in a file, {name: array}."""
    attributes = {}
    if content.kind == "Word2Vec" and "counts" in content.arrays:
        attributes["count"] = content.arrays["counts"]
    for key, values in content.arrays.items():
        if key.startswith("expando ") and values.shape == (V,):
            attributes[key.removeprefix("expando ")] = values
    return attributes


def pack_table(table: Any) -> dict[str, np.ndarray]:
    """Return a table, plain or compressed, as arrays of a file."""
    if not isinstance(table, CompressedRows):
        return {"vectors": table}
    return fw2v.optional({f"{table.stored} vectors": table.codes, "scales": table.scales})


def _unpack_table(name: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the table that `pack_table` packed; ValueError, with the file's name, for damage."""
    table = arrays.get("vectors")
    if table is not None and table.dtype.kind == "f":
        return table
    for stored in ("float16", "int8"):
        codes, scales = arrays.get(f"{stored} vectors"), arrays.get("scales")
        if codes is None or codes.dtype != stored or codes.ndim != 2:
            continue
        if stored == "float16":
            fw2v.check_finite(name, "vectors", codes)
            return CompressedRows(codes)
        if scales is None or scales.dtype != np.float32 or scales.shape != codes.shape[:1]:
            break
        fw2v.check_finite(name, "scales", scales[:, None])
        return CompressedRows(codes, scales)
    raise ValueError(f"{name}: the vectors are missing or damaged; get the file again")


def _read_book_pickle(name: str | os.PathLike[str], mmap: str | None) -> WordTable:
    """Read the dict of words and vectors that the book's ch04/train.py saves, as float32."""
    fw2v.refuse_gensims(name, first_bytes(name, 256))
    content = load_book_pickle(name)
    if not isinstance(content, dict) or not {"word_vecs", "id_to_word"} <= content.keys():
        raise ValueError(
            f"{name}: holds no word vectors; expected the dict of word_vecs, word_to_id and "
            "id_to_word that ch04/train.py saves"
        )
    table, id_to_word = content["word_vecs"], content["id_to_word"]
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.dtype.kind != "f":
        raise ValueError(
            f"{name}: word_vecs: expected a float array of two dimensions, got "
            f"{type(table).__name__}; save it again with ch04/train.py"
        )
    if not isinstance(id_to_word, dict) or set(id_to_word) != set(range(len(table))):
        raise ValueError(
            f"{name}: id_to_word: expected one word for each of the {len(table)} ids; save it "
            "again with ch04/train.py"
        )
    table = table.astype(np.float32)
    words = [id_to_word[row] for row in range(len(table))]
    try:
        return WordTable(as_rows_of_words("words", words, table), table, {})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from error


def _read_word2vec(name: str | os.PathLike[str], mmap: str | None) -> WordTable:
    """Read vectors in one of the word2vec formats, which cannot be mapped."""
    return WordTable(*word2vec_format.read(name), {})


_Reader = Callable[[str | os.PathLike[str], str | None], WordTable]

# The first bytes of each kind, and its reader. Every other file is in a word2vec format or refused.
_READERS: tuple[tuple[Callable[[bytes], bool], _Reader], ...] = (
    (fw2v.starts_as_fw2v, _read_fw2v),
    (word2vec_format.starts_as_pickle, _read_book_pickle),
    (lambda start: True, _read_word2vec),
)


def write_word2vec(
    vectors: KeyedVectors,
    fname: str | os.PathLike[str],
    fvocab: str | os.PathLike[str] | None,
    binary: bool,
    total_vec: int | None,
    write_header: bool,
    prefix: str,
    append: bool,
    sort_attr: str,
) -> None:
    """See `KeyedVectors.save_word2vec_format`."""
    check_all(vectors)
    check_text("prefix", prefix)
    if total_vec is not None:
        as_whole("total_vec", total_vec, low=len(vectors))
    falling = vectors.expandos.get(sort_attr)
    if falling is None and fvocab is not None:
        raise ValueError(
            f"fvocab: expected words with {sort_attr!r} to write, got words with: "
            f"{names_of(vectors.expandos)}; set it with set_vecattr, or leave fvocab out"
        )
    if fvocab is not None:
        check_writable(fvocab)
    order = falling_order(None if falling is None else falling.astype(np.float64))
    words = [f"{prefix}{word}" for word in vectors.index_to_key]
    word2vec_format.write(
        *(fname, words, vectors.vectors),
        binary=binary,
        header=write_header,
        order=order,
        declared=total_vec,
        append=append,
    )
    if fvocab is not None and falling is not None:
        if order is not None:
            words, falling = [words[row] for row in order.tolist()], falling[order]
        word2vec_format.write_counts(fvocab, words, falling, append=append)
