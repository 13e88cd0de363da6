"""Word vectors in the files that gensim's `save` wrote, versions 0.12 to 4.4.

`_files/gensim_pickle.py` opens such a file; this module knows the attributes of its objects. Their
names have changed: gensim 4 has `vectors`, `index_to_key` and `expandos`; 3.3 to 3.8 `vectors`,
`index2word` and a `vocab` of objects with counts; older ones `syn0` for `vectors`, and before
0.13.4 all of these in the model.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastw2v._files import gensim_pickle
from fastw2v._files.gensim_pickle import Saved, SavedArray
from fastw2v.keyed_vectors.changes import as_rows_of_words

Path = str | os.PathLike[str]

_WORDS = ("index_to_key", "index2word", "index2entity")
_VECTORS = ("vectors", "syn0")
_OWN_ROWS = ("vectors_vocab",)  # of a FastText, whose vectors gensim 4 does not save
_WORD = (str, bytes, int, np.integer)
# Attributes of words in gensim that its trainer computes from the counts.
_DERIVED = ("sample_int", "code", "point")


class SavedWords(NamedTuple):
    """The words, vectors (V, D) and attributes of words {name: (V,)} of a file."""

    rows: dict[Any, int]
    table: np.ndarray
    attributes: dict[str, np.ndarray]


def read(name: Path, mmap: str | None) -> SavedWords:
    """Read the words of a file of vectors or of a model; see `gensim_pickle.read`.

    Raises ValueError for objects of other classes, and for models whose word vectors alone would
    give other answers than gensim: those of FastText and Poincare.
    """
    saved = gensim_pickle.read(name, mmap)
    if saved.kind == "Doc2Vec" and saved.get("sg") and not saved.get("dbow_words"):
        raise ValueError(
            f"{name}: is a Doc2Vec model that was trained with dm=0 and dbow_words=0, so its word "
            "vectors are random; the vectors of its documents load after model.dv.save(file) in "
            "gensim 4"
        )
    return words_of(saved)


def words_of(saved: Saved, *, with_ngrams: bool = False) -> SavedWords:
    """Return the words of vectors, or of a model.

    with_ngrams: of a FastText, and of none else; the table is that of the words' own rows.
    """
    owner = saved.part("wv") or saved
    for one in (saved, owner):
        _check_kind(one, with_ngrams)
    found = [owner.attributes[name] for name in _WORDS if name in owner.attributes]
    tables = _OWN_ROWS if with_ngrams else _VECTORS
    if not found or not any(map(owner.has, tables)):
        raise ValueError(
            f"{saved.file}: was saved by gensim and holds a {saved.kind} without word vectors, "
            "expected KeyedVectors or Word2Vec; load it with gensim"
        )
    return damage_named(saved, lambda: _words_of(owner, found[0], tables))


def damage_named(saved: Saved, work: Callable[[], Any]) -> Any:
    """Return what `work` returns; turn its errors for damaged content into one with a name."""
    try:
        return work()
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
        if str(error).startswith(os.fspath(saved.file)):
            raise
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"{saved.file}: the {saved.kind} that gensim saved is damaged ({reason}); get the file "
            "again, or save the model again with gensim"
        ) from error


def _check_kind(saved: Saved, with_ngrams: bool) -> None:
    if with_ngrams and "FastText" not in saved.kind:
        raise ValueError(
            f"{saved.file}: expected a FastText of gensim, or its vectors, got a {saved.kind}; "
            "open it with KeyedVectors.load"
        )
    if "FastText" in saved.kind and not with_ngrams:
        raise ValueError(
            f"{saved.file}: is a FastText model of gensim, whose vectors are made of parts of "
            "words; open it with FastText.load to train it further, or with "
            "FastTextKeyedVectors.load, whose astype('float32') has the words alone"
        )
    if "Poincare" in saved.kind:
        raise ValueError(
            f"{saved.file}: is a Poincare model of gensim, whose distances are no cosines; load it "
            "with gensim"
        )


def _words_of(owner: Saved, listed: Any, tables: tuple[str, ...]) -> SavedWords:
    vocab = owner.attributes.get("vocab")
    # Types first: Python hashes nested tuples without a limit of their depth.
    if not isinstance(listed, list) or not all(isinstance(word, _WORD) for word in listed):
        raise ValueError("its words are no list of texts or whole numbers")
    if len(set(listed)) != len(listed):
        raise ValueError("a word is listed twice")
    words = [_as_word(word) for word in listed]
    arrays = (owner.array(name) for name in tables)
    table = next((table for table in arrays if table is not None), None)
    if not words and (table is None or table.size == 0):
        table = np.zeros((0, int(owner.get("vector_size") or 1)), np.float32)
    if table is None or table.dtype.kind != "f":
        raise ValueError("it has no vectors")
    if table.dtype.newbyteorder("=") not in (np.float32, np.float64):
        table = table.astype(np.float32)
    table = np.asarray(table, table.dtype.newbyteorder("="), order="C")
    rows = as_rows_of_words("words", words, table)
    attributes = _expandos(owner, len(words))
    if "count" not in attributes and isinstance(vocab, dict):
        attributes["count"] = _counts(words, vocab)
    return SavedWords(rows, table, attributes)


def _as_word(word: Any) -> Any:
    if type(word) is bytes:
        return gensim_pickle.as_text(word)
    return int(word) if isinstance(word, np.integer) else word


def _counts(words: list[Any], vocab: dict[Any, Any]) -> np.ndarray:
    """Return the counts of gensim 3 and before, whose vocabulary has an object for each word."""
    states = [vocab[word].state for word in words]
    if [state["index"] for state in states] != list(range(len(words))):
        raise ValueError("its vocabulary has other rows than its list of words")
    return _numbers_of([state["count"] for state in states])


def _numbers_of(values: list[Any]) -> np.ndarray:
    if not all(isinstance(value, int | float | np.number) for value in values):
        raise ValueError("a count is no number")
    numbers = np.array(values) if values else np.zeros(0, np.int64)
    if numbers.shape != (len(values),) or numbers.dtype.kind not in "iuf":
        raise ValueError("a count is no number of 64 bits")
    return numbers


def _expandos(owner: Saved, V: int) -> dict[str, np.ndarray]:
    """Return the attributes of words that gensim 4 saves: numbers, and those that are all text."""
    expandos = owner.attributes.get("expandos")
    attributes: dict[str, np.ndarray] = {}
    if not isinstance(expandos, dict):
        return attributes
    room = V * 8 * 32  # the memo of a pickle may give the same bytes any number of times
    for name, thing in expandos.items():
        if type(name) is not str or name in _DERIVED:
            continue
        if isinstance(thing, np.ndarray):
            values: np.ndarray | None = thing
        elif type(thing) is not SavedArray:
            continue
        elif type(thing.raw()) is list:
            values = _texts(thing, room)
        else:
            values = np.array(thing.numbers())
        if values is not None and values.shape == (V,) and values.dtype.kind in "biufU":
            room -= values.nbytes
            if room < 0:
                raise ValueError("its words have too many attributes")
            attributes[name] = values
    return attributes


def _texts(saved: SavedArray, room: int) -> np.ndarray | None:
    """Return an array of text; None for other objects, and if it takes more than `room` bytes."""
    items: Any = saved.raw()
    # gensim has the number 0 for words that were given no text.
    texts = [item if type(item) is str or item != 0 else "" for item in items]
    if not all(type(text) is str for text in texts):
        return None
    if 4 * max(map(len, texts), default=0) * len(texts) > room:
        return None
    return np.array(texts, dtype=np.str_)
