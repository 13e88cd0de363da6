"""Word vectors in files: the readers and writers of `fastw2v._files` know the formats themselves.

The content of a file is not trusted.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastw2v._checks.numbers import as_whole
from fastw2v._checks.sequences import check_text
from fastw2v._files import fw2v, word2vec_format
from fastw2v._files.atomic import check_writable
from fastw2v._files.book_pickle import load_book_pickle
from fastw2v._files.text import first_bytes
from fastw2v.keyed_vectors.changes import as_rows_of_words, falling_order, names_of

if TYPE_CHECKING:
    from fastw2v.datasets import Splitter
    from fastw2v.keyed_vectors.vectors import KeyedVectors


class WordTable(NamedTuple):
    """The row of each word, the vectors (V, D), attributes {name: (V,)} and splitter of a file."""

    rows: dict[Any, int]
    table: np.ndarray
    attributes: dict[str, np.ndarray]
    splitter: Splitter | None = None


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
    table = content.arrays.get("vectors")
    if table is None or table.dtype.kind != "f":
        raise ValueError(f"{name}: the vectors are missing; get the file again")
    if table.ndim != 2 or len(table) != len(words) or table.shape[1] < 1:
        raise ValueError(
            f"{name}: {len(words)} words do not fit vectors of shape {table.shape}; get the "
            "file again"
        )
    fw2v.check_finite(name, "vectors", table)
    rows = {word: row for row, word in enumerate(words)}
    if len(rows) != len(words):
        raise ValueError(f"{name}: a word is listed twice; get the file again")
    attributes = {}
    if content.kind == "Word2Vec" and "counts" in content.arrays:
        attributes["count"] = content.arrays["counts"]
    for key, values in content.arrays.items():
        if key.startswith("expando ") and values.shape == (len(words),):
            attributes[key.removeprefix("expando ")] = values
    return WordTable(rows, table, attributes, _splitter(name, content.facts.get("splitter")))


def _splitter(name: str | os.PathLike[str], settings: Any) -> Splitter | None:
    """Return the splitter that a file names by its settings."""
    from fastw2v.datasets.splitter import Splitter  # imported for files that name one

    try:
        return None if settings is None else Splitter(**settings)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name}: the settings of its splitter are unknown ({error}); update fastw2v, or get "
            "the file again"
        ) from error


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
