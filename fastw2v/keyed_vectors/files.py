"""Word vectors in files: the readers and writers of `fastw2v._files` know the formats themselves.

The content of a file is not trusted.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from fastw2v._checks.numbers import as_not_negative, as_whole, check_one_of
from fastw2v._checks.sequences import check_text
from fastw2v._files import exports, fw2v, gensim_pickle, npz, word2vec_format, word2vec_writer
from fastw2v._files.atomic import check_writable, is_stream
from fastw2v._files.book_pickle import load_book_pickle
from fastw2v._files.extras import extras_of, pack_extras, unpack_extras, warn_of_class
from fastw2v._files.kinds import check_fw2v, first_bytes, kind_of, named_whole, word2vec_named
from fastw2v._files.words import encode
from fastw2v.keyed_vectors import gensim_files
from fastw2v.keyed_vectors.changes import as_rows_of_words, falling_order, names_of
from fastw2v.keyed_vectors.compressed import CompressedRows, check_expanded, converted
from fastw2v.keyed_vectors.consistency import check_all
from fastw2v.keyed_vectors.locking import NAME as LOCK_FACTORS
from fastw2v.keyed_vectors.locking import factors_of

if TYPE_CHECKING:
    from fastw2v.keyed_vectors.vectors import KeyedVectors


_log = logging.getLogger(__name__)

_NPZ = "an archive (.npz) of word vectors"
OWN = (
    "vector_size",
    "vectors",
    "index_to_key",
    "key_to_index",
    "expandos",
    "splitter",
    "_in_model",
    "_room",
    LOCK_FACTORS,
)
_FACTORS = "lock factors"  # the array of a file
MODELS = ("Word2Vec", "FastText")  # the kinds of files of models
WITH_NGRAMS = "FastTextKeyedVectors"  # the kind of a file that has n-grams beside words and vectors


def extra_attributes(vectors: KeyedVectors) -> dict[str, Any]:
    """Return the attributes that a user or a subclass has set on word vectors."""
    return extras_of(vectors, _own(vectors))


def _own(vectors: KeyedVectors) -> tuple[str, ...]:
    """Return the attributes of the class of word vectors; those of a user are further ones."""
    return *OWN, *vectors._OWN


def pack(
    vectors: KeyedVectors, ignore: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return words, attributes of words and further attributes as facts and arrays of a file."""
    check_all(vectors)
    facts, arrays = fw2v.pack_words(vectors.index_to_key)
    extras = {k: v for k, v in extra_attributes(vectors).items() if k not in ignore}
    more, extra_arrays = pack_extras("wv", vectors, extras)
    attributes = {f"expando {name}": values for name, values in vectors.expandos.items()}
    factors = factors_of(vectors, len(vectors))
    if factors is not None:
        arrays[_FACTORS] = factors
    facts["class of wv"] = type(vectors).__name__
    if vectors.splitter is not None:
        facts["splitter"] = _settings_of(vectors.splitter)
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
            unpack_extras("wv", vectors, _own(vectors), content)
            warn_of_class(name, content.facts.get("class of wv"), type(vectors), "KeyedVectors")
        except ValueError as error:
            raise ValueError(f"{name}: {error}; get the file again") from error
        _set_splitter(name, vectors, content.facts.get("splitter"))
        factors = content.arrays.get(_FACTORS)
        if factors is not None:
            try:
                vectors.vectors_lockf = factors
                factors_of(vectors, len(vectors))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name}: {error}; get the file again") from error


def _settings_of(splitter: Any) -> dict[str, Any]:
    """Return the settings of a splitter, which users may have replaced by anything."""
    if not callable(getattr(splitter, "settings", None)):
        raise TypeError(
            f"splitter: expected a datasets.Splitter or None, got {type(splitter).__name__}; "
            "assign one of these"
        )
    settings: dict[str, Any] = splitter.settings()
    return settings


def _set_splitter(name: object, vectors: KeyedVectors, settings: Any) -> None:
    """Set the splitter that a file names by its settings."""
    from fastw2v.datasets.splitter import Splitter  # imported for files that name one

    try:
        vectors.splitter = None if settings is None else Splitter(**settings)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name}: the settings of its splitter are unknown ({error}); update fastw2v, or get "
            "the file again"
        ) from error


def check_mmap(mmap: object) -> None:
    """Check the argument of `load` that says how a file is mapped."""
    if mmap not in ("c", "r", None):
        raise ValueError(f"mmap: expected 'c', 'r' or None, got {mmap!r}; pass one of these")


def read(name: str | os.PathLike[str], mmap: str | None, strict: bool) -> WordTable:
    """Read any file of word vectors. Its first bytes tell the kind, and the kind has one reader."""
    if gensim_pickle.holds_object(name):
        return _read_gensim(name, mmap, strict)
    kind = kind_of(first_bytes(name))
    # Every other file is in a word2vec format, perhaps packed, or refused.
    reader = _READERS.get(kind.name if kind is not None else "", _read_word2vec)
    return reader(name, mmap, strict)


def _read_fw2v(name: str | os.PathLike[str], mmap: str | None, strict: bool) -> WordTable:
    """Read the vectors of a file that `KeyedVectors.save` or `Word2Vec.save` wrote."""
    content = fw2v.read(name, None, mmap)
    if content.kind not in ("KeyedVectors", *MODELS, WITH_NGRAMS):
        raise ValueError(
            f"{name}: expected KeyedVectors or Word2Vec, got a {content.kind}; load it with the "
            "class that saved it"
        )
    return word_table(name, content, strict)


def _read_gensim(name: str | os.PathLike[str], mmap: str | None, strict: bool) -> WordTable:
    """Read the vectors of a file that gensim's `save` wrote."""
    found = gensim_files.read(name, mmap)
    if strict:
        fw2v.check_finite(name, "vectors", found.table)
    return WordTable(*found)


def _read_npz(name: str | os.PathLike[str], mmap: str | None, strict: bool) -> WordTable:
    """Read an archive that `KeyedVectors.save` wrote, which cannot be mapped."""
    with npz.Archive(name, _NPZ, "save it again, or unpack the file of vectors in it") as archive:
        with archive.damage_reported():
            facts = archive.json("facts")
            if not isinstance(facts, dict):
                raise ValueError("facts is no JSON object")
        arrays = {key: archive.array(key) for key in archive.names if key != "facts"}
    return word_table(name, fw2v.Content("KeyedVectors", facts, arrays), strict)


def word_table(name: str | os.PathLike[str], content: fw2v.Content, strict: bool) -> WordTable:
    """Return the words and vectors of a file, after a look at how they fit together."""
    words = fw2v.unpack_words(name, content)
    table = _unpack_table(name, content.arrays)
    if table.ndim != 2 or len(table) != len(words) or table.shape[1] < 1:
        raise ValueError(
            f"{name}: {len(words)} words do not fit vectors of shape {table.shape}; get the "
            "file again"
        )
    if strict and isinstance(table, np.ndarray):
        fw2v.check_finite(name, "vectors", table)
    rows = {word: row for row, word in enumerate(words)}
    if len(rows) != len(words):
        raise ValueError(f"{name}: a word is listed twice; get the file again")
    return WordTable(rows, table, attributes_of(content, len(words)), content)


def attributes_of(content: fw2v.Content, V: int) -> dict[str, np.ndarray]:
    """Return the attributes (V,) of words in a file, {name: array}."""
    attributes = {}
    if content.kind in MODELS and "counts" in content.arrays:
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


def _read_book_pickle(name: str | os.PathLike[str], mmap: str | None, strict: bool) -> WordTable:
    """Read the dict of words and vectors that the book's ch04/train.py saves, as float32."""
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


def _read_word2vec(name: str | os.PathLike[str], mmap: str | None, strict: bool) -> WordTable:
    """Read vectors in one of the word2vec formats, which cannot be mapped."""
    return WordTable(*word2vec_format.read(name, strict=strict), {})


def read_word2vec(
    fname: str | os.PathLike[str],
    fvocab: str | os.PathLike[str] | None,
    binary: bool | None,
    no_header: bool | None,
    encoding: str,
    unicode_errors: str,
    limit: int | None,
    datatype: DTypeLike,
    strict: bool,
) -> WordTable:
    """See `KeyedVectors.load_word2vec_format`."""
    check_one_of("encoding", encoding.lower().replace("-", ""), ("utf8",))
    rows, table = word2vec_format.read(
        fname,
        binary=binary,
        header=None if no_header is None else not no_header,
        limit=limit,
        unicode_errors=unicode_errors,
        dtype=np.dtype(datatype),
        strict=strict,
    )
    if fvocab is None:  # the counts of gensim: they keep the order of the rows
        return WordTable(rows, table, {"count": np.arange(len(rows), 0, -1)})
    counts = word2vec_writer.read_counts(fvocab, unicode_errors, strict)
    return WordTable(
        rows, table, {"count": np.array([counts.get(word, 0) for word in rows], np.int64)}
    )


_Reader = Callable[[str | os.PathLike[str], str | None, bool], WordTable]
_READERS: dict[str, _Reader] = {
    "fw2v": _read_fw2v,
    "zip": _read_npz,
    "pickle": _read_book_pickle,
}


def write(
    vectors: KeyedVectors,
    fname: str | os.PathLike[str] | BinaryIO,
    dtype: DTypeLike | None = None,
    ignore: Collection[str] = (),
) -> None:
    """See `KeyedVectors.save`."""
    says = None if is_stream(fname) else named_whole(fname)
    if says is None:
        check_fw2v(fname, "call save_word2vec_format, or end the name in .fw2v or .npz")
    elif says == "parquet":
        _write_parquet(vectors, fname, dtype, ignore)  # type: ignore[arg-type]
        return
    facts, arrays = pack(vectors, ignore)
    arrays |= pack_table(converted(vectors.vectors, dtype))
    if says is None or says == "fw2v":
        fw2v.write(fname, "KeyedVectors", facts, arrays)
        return
    fw2v.check_arrays(arrays)
    if says == "npz":
        npz.write(fname, arrays, {"facts": facts})  # type: ignore[arg-type]
    else:
        exports.write_safetensors(fname, arrays, {"facts": json.dumps(facts)})  # type: ignore


def _write_parquet(
    vectors: KeyedVectors,
    fname: str | os.PathLike[str],
    dtype: DTypeLike | None,
    ignore: Collection[str],
) -> None:
    """Write words, vectors and attributes of words, the only content that columns can hold."""
    check_all(vectors)
    extras = list(extra_attributes(vectors))
    if factors_of(vectors, len(vectors)) is not None:
        extras.append(LOCK_FACTORS)
    extras = [name for name in extras if name not in ignore]
    if extras:
        raise TypeError(
            f"{fname}: expected words, vectors and attributes of words, got the further attribute "
            f"{extras[0]!r}; leave it out with ignore=[{extras[0]!r}], or save as .fw2v"
        )
    table = converted(vectors.vectors, dtype)
    exports.write_parquet(fname, vectors.index_to_key, table, vectors.expandos, {})


def output_format(name: str | os.PathLike[str], binary: bool | None = None) -> str:
    """Return the format of a file of vectors, by its name where `binary` is None.

    It is "text" or "binary", those of word2vec, "fw2v", "npz", "safetensors" or "parquet".

    Raises ValueError for the name of another format, OSError if the file cannot be written,
    ImportError if the library that writes it is not installed.
    """
    check_writable(name)
    says = named_whole(name)
    if says is not None and binary is None:
        if says == "parquet":
            exports.check_parquet(name)
        return says
    return "binary" if word2vec_named(name, binary)[0] else "text"


def check_words(
    words: Iterable[object], name: str | os.PathLike[str], kind: str, unwritable: str
) -> None:
    """Do with words what saving them in the format `kind` will do: raise ValueError, or warn."""
    if kind in ("text", "binary"):
        encode(list(map(str, words)), unwritable, os.fspath(name))


def save(
    vectors: KeyedVectors, name: str | os.PathLike[str], kind: str, unwritable: str = "error"
) -> None:
    """Save in the format `kind`, as `output_format` returns it."""
    if kind in ("text", "binary"):
        vectors.save_word2vec_format(name, binary=kind == "binary", unwritable=unwritable)
    else:
        write(vectors, name)


def write_word2vec(
    vectors: KeyedVectors,
    fname: str | os.PathLike[str],
    fvocab: str | os.PathLike[str] | None,
    binary: bool | None,
    total_vec: int | None,
    write_header: bool,
    prefix: str,
    append: bool,
    sort_attr: str,
    unwritable: str,
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
        output_format(fvocab, False)
    order = falling_order(None if falling is None else falling.astype(np.float64))
    words = [f"{prefix}{word}" for word in vectors.index_to_key]
    word2vec_writer.write(
        *(fname, words, vectors.vectors),
        binary=binary,
        header=write_header,
        order=order,
        declared=total_vec,
        append=append,
        unwritable=unwritable,
    )
    if fvocab is not None and falling is not None:
        if order is not None:
            words, falling = [words[row] for row in order.tolist()], falling[order]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # words left out were counted when vectors were written
            word2vec_writer.write_counts(
                *(fvocab, words, falling), append=append, unwritable=unwritable
            )


def intersect(
    vectors: KeyedVectors,
    fname: str | os.PathLike[str],
    lockf: float,
    binary: bool | None,
    encoding: str,
    unicode_errors: str,
) -> int:
    """See `KeyedVectors.intersect_word2vec_format`."""
    check_expanded("intersect_word2vec_format", vectors.vectors)
    check_all(vectors)
    factor = as_not_negative("lockf", lockf)
    options = (None, binary, None, encoding, unicode_errors, None, np.float32, False)
    rows, table, *_ = read_word2vec(fname, *options)
    if table.shape[1] != vectors.vector_size:
        raise ValueError(
            f"{fname}: expected vectors of {vectors.vector_size} numbers, got {table.shape[1]}; "
            "give a file of the same dimension"
        )
    V = len(vectors)
    factors = factors_of(vectors, V)
    shared = [word for word in vectors.key_to_index if word in rows]
    here = [vectors.key_to_index[word] for word in shared]
    vectors.vectors[here] = table[[rows[word] for word in shared]]
    factors = np.ones(V, np.float32) if factors is None else factors
    factors[here] = factor
    vectors.vectors_lockf = factors
    _log.info("%s: %d of %d words have taken its vectors", fname, len(here), V)
    return len(here)
