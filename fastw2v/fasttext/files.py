"""Words with n-grams in files: fastw2v's format, fastText's and gensim's. No file is trusted."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np

from fastw2v._files import fasttext_bin, fw2v, gensim_pickle
from fastw2v._files.kinds import check_fw2v, check_suffix, first_bytes, kind_of
from fastw2v.fasttext.ngrams import as_lengths, encoded
from fastw2v.fasttext.rows import NgramRows
from fastw2v.keyed_vectors import files, gensim_files

if TYPE_CHECKING:
    from fastw2v.fasttext.vectors import FastTextKeyedVectors

_V = TypeVar("_V", bound="FastTextKeyedVectors")

KIND = files.WITH_NGRAMS
_KINDS = (KIND, "FastText")  # what `FastTextKeyedVectors.save` and `FastText.save` write

_ROWS = 1 << 16  # of n-grams, drawn and written at a time
# The defaults of skipgram, which vectors do not tell; gensim drops words below minCount.
_USUAL: dict[str, Any] = {
    "ws": 5,
    "epoch": 5,
    "minCount": 0,
    "neg": 5,
    "wordNgrams": 1,
    "loss": 2,
    "model": 2,
}
_USUAL |= {"minn": 0, "maxn": 0, "lrUpdateRate": 100, "t": 1e-4}


def holds_ngrams(fname: str | os.PathLike[str]) -> bool:
    """Tell whether `read` opens a file, by its content."""
    kind = kind_of(first_bytes(fname))
    if kind is None or kind.name != "fw2v":
        is_bin = kind is not None and kind.name == "fasttext"
        return is_bin or gensim_pickle.holds_fasttext(fname)
    return fw2v.read(fname, None).kind in _KINDS


def write(
    vectors: FastTextKeyedVectors,
    fname: str | os.PathLike[str] | BinaryIO,
    ignore: Collection[str] = (),
) -> None:
    """See `FastTextKeyedVectors.save`."""
    check_fw2v(fname, "call save_word2vec_format for the vectors of the words alone")
    facts, arrays = files.pack(vectors, ignore)
    settings, tables = packed(vectors)
    facts |= settings
    arrays |= tables
    fw2v.write(fname, KIND, facts, arrays)


def packed(vectors: FastTextKeyedVectors) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return settings and tables of vectors as facts and arrays of a file."""
    names = ("min_n", "max_n", "bucket", "line_end")
    facts: dict[str, Any] = {name: getattr(vectors, name) for name in names}
    arrays = {"vectors": vectors.vectors, "own rows": vectors.vectors_vocab}
    if vectors.kept_buckets is not None:
        arrays["kept buckets"] = vectors.kept_buckets
    table = vectors.vectors_ngrams
    if not isinstance(table, NgramRows):
        return facts, arrays | {"ngrams": table}
    compact = {"ngrams": table.rows, "buckets": table.used}
    return facts | {"ngram seed": table.seed}, arrays | compact


def unpacked(
    cls: type[_V], words: Iterable[Any], facts: dict[str, Any], arrays: dict[str, np.ndarray]
) -> _V:
    """Return the vectors that `packed` packed; KeyError, TypeError or ValueError for damage."""
    table, own, rows = arrays["vectors"], arrays["own rows"], _ngram_rows(facts, arrays)
    result = cls.from_parts(
        *(words, own, rows, facts["min_n"], facts["max_n"]),
        bucket=facts["bucket"],
        kept_buckets=arrays.get("kept buckets"),
    )
    result.line_end = facts["line_end"]
    if not isinstance(result.line_end, str | None):
        raise ValueError("the word without n-grams is no text")
    if result.bucket != facts["bucket"] or table.dtype != np.float32:
        raise ValueError("the settings of its n-grams do not fit its arrays")
    if table.shape != own.shape:
        raise ValueError("its words have other dimensions than their own rows")
    result.vectors = table
    return result


def read(cls: type[_V], fname: str | os.PathLike[str], mmap: str | None, strict: bool) -> _V:
    """See `FastTextKeyedVectors.load`."""
    files.check_mmap(mmap)
    kind = kind_of(first_bytes(fname))
    if kind is not None and kind.name == "fasttext":
        return _read_bin(cls, fname, mmap, strict)
    if gensim_pickle.holds_object(fname):
        return _read_gensim(cls, fname, mmap, strict)
    content = fw2v.read(fname, None, mmap)
    if content.kind not in _KINDS:
        raise ValueError(
            f"{fname}: expected {KIND} or a FastText, got a {content.kind}; load it with the class "
            "that saved it"
        )
    found = files.word_table(fname, content, strict)
    try:
        result = unpacked(cls, found.rows, content.facts, content.arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{fname}: the n-grams are damaged ({error}); get the file again"
        ) from error
    if strict:
        fw2v.check_finite(fname, "own rows", result.vectors_vocab)
        fw2v.check_finite(fname, "ngrams", content.arrays["ngrams"])
    result.expandos.update(found.attributes)
    files.set_extras(fname, result, content)
    return result


def _ngram_rows(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Any:
    """Return the rows of n-grams in a file."""
    table = arrays["ngrams"]
    if table.dtype != np.float32 or arrays["own rows"].dtype != np.float32:
        raise ValueError("its rows are not float32")
    if "buckets" not in arrays:
        return table
    if table.ndim != 2:
        raise ValueError(f"its rows have the shape {table.shape}")
    n = as_lengths(1, 1, facts["bucket"])[2]
    return NgramRows(n, table.shape[1], arrays["buckets"], table, facts["ngram seed"])


def _read_bin(cls: type[_V], fname: str | os.PathLike[str], mmap: str | None, strict: bool) -> _V:
    """Read the words and rows of a model of fastText."""
    model = fasttext_bin.read(fname, mmap, with_outputs=False)
    if strict:
        fw2v.check_finite(fname, "vectors_vocab", model.own)
        fw2v.check_finite(fname, "vectors_ngrams", model.ngrams)
    return of_fasttext(cls, fname, model)


def of_fasttext(cls: type[_V], fname: str | os.PathLike[str], model: fasttext_bin.Model) -> _V:
    """Return the words and rows of a model of fastText that was read."""
    arguments = model.arguments
    try:
        result = cls.from_parts(
            *(model.words, model.own, model.ngrams),
            *(arguments["minn"], arguments["maxn"]),
            bucket=arguments["bucket"],
            kept_buckets=model.pruned,
        )
    except ValueError as error:
        raise ValueError(f"{fname}: the model is damaged ({error}); get the file again") from error
    result.line_end = fasttext_bin.LINE_END
    result.expandos["count"] = model.counts
    return result


def _read_gensim(
    cls: type[_V], fname: str | os.PathLike[str], mmap: str | None, strict: bool
) -> _V:
    """Read the words and rows of what gensim's `save` wrote."""
    saved = gensim_pickle.read(fname, mmap)
    found = gensim_files.words_of(saved, with_ngrams=True)
    owner = saved.part("wv") or saved
    facts = {name: owner.get(name) for name in ("min_n", "max_n", "bucket", "compatible_hash")}
    if facts["compatible_hash"] is not True:
        raise ValueError(
            f"{fname}: expected a FastText of gensim whose n-grams have fastText's buckets "
            "(compatible_hash), got one that numbers them otherwise; train it again with gensim 4"
        )
    rows, table = owner.array("vectors_ngrams"), owner.array("vectors")

    def joined() -> _V:
        D = found.table.shape[1]
        if rows is None and facts["bucket"]:
            raise ValueError("it has no rows of n-grams")
        ngrams = rows if facts["bucket"] else np.zeros((0, D), np.float32)
        result = cls.from_parts(found.rows, found.table, ngrams, facts["min_n"], facts["max_n"])
        if result.bucket not in (0, facts["bucket"]):
            raise ValueError(f"it has {result.bucket} buckets, and rows of {facts['bucket']}")
        if table is not None:  # composed, or changed by a user
            if table.dtype.kind != "f" or table.shape != found.table.shape:
                raise ValueError("its words have other dimensions than their own rows")
            result.vectors = np.require(table, np.float32, "C")
        return result

    result: _V = gensim_files.damage_named(saved, joined)
    if strict:
        fw2v.check_finite(fname, "vectors_vocab", result.vectors_vocab)
        fw2v.check_finite(fname, "vectors_ngrams", np.asarray(result.vectors_ngrams))
    result.expandos.update(found.attributes)
    return result


def write_bin(
    vectors: FastTextKeyedVectors,
    fname: str | os.PathLike[str],
    outputs: np.ndarray | None = None,
    n_tokens: int | None = None,
    labels: Mapping[str, int] | None = None,
    **arguments: Any,
) -> None:
    """Write a model of fastText; see `FastTextKeyedVectors.save_fasttext_format`.

    arguments: those of fastText that are not the usual ones. n_tokens: the words of the text, those
    that were left out included. labels: those of the text, with their counts.
    """
    check_suffix(fname, "a model of fastText", ".bin")
    words = [encoded(word)[0] for word in vectors.index_to_key]
    for word, text in zip(vectors.index_to_key, words, strict=True):
        if b"\0" in text:
            raise ValueError(
                f"{fname}: expected words without the character \\0, which ends a word in this "
                f"format, got {word!r}; save in the fw2v format"
            )
    counts = vectors.expandos.get("count", np.ones(len(words), np.int64))
    if counts.dtype.kind not in "iu" or (counts < 0).any():
        raise ValueError(
            f"{fname}: count: expected whole numbers of 0 or more, got dtype {counts.dtype}; set "
            "them with set_vecattr(word, 'count', number)"
        )
    D, bucket, table = vectors.vector_size, vectors.bucket, vectors.vectors_ngrams
    ngrams = {"minn": vectors.min_n, "maxn": vectors.max_n} if bucket else {}
    blocks = (table[i : i + _ROWS] for i in range(0, len(table), _ROWS))
    fasttext_bin.write(
        fname,
        _USUAL | arguments | {"dim": D, "bucket": bucket} | ngrams,
        words,
        counts,
        itertools.chain([vectors.vectors_vocab], blocks),
        np.zeros((len(words), D), np.float32) if outputs is None else outputs,
        vectors.kept_buckets if bucket else None,
        n_tokens,
        {encoded(label)[0]: n for label, n in (labels or {}).items()},
    )
