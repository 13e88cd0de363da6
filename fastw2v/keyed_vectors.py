"""Word vectors and the words they belong to, in gensim's shape.

>>> vectors = KeyedVectors.from_words(["sun", "moon", "dog"], [[1, 0], [0.9, 0.1], [0, 1]])
>>> vectors.most_similar("sun", topn=1)[0][0]
'moon'
>>> vectors["dog"]
array([0., 1.], dtype=float32)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastw2v import _validation, _word2vec_format
from fastw2v._waiting import settle
from fastw2v.util import nearest

Key = str
Query = str | np.ndarray | tuple[str | np.ndarray, float]


class KeyedVectors:
    """Words and their vectors.

    vectors        (V, D) float array, one row per word
    index_to_key   the V words, in the order of the rows
    key_to_index   word -> row

    The rows may be changed in place; nothing derived from them is kept.
    """

    def __init__(self, vector_size: int, *, dtype: Any = np.float32) -> None:
        self.vector_size = _validation.positive_int("vector_size", vector_size)
        self.vectors: np.ndarray = np.zeros((0, vector_size), dtype=dtype)
        self.index_to_key: list[str] = []
        self.key_to_index: dict[str, int] = {}

    @classmethod
    def from_words(cls, words: Iterable[str], vectors: Any) -> KeyedVectors:
        """words: V different strings; vectors (V, D).

        A float array is kept as it is, anything else is converted to float32.

        Raises ValueError if the shapes do not fit or a word stands twice.
        """
        settle(vectors)
        kept = isinstance(vectors, np.ndarray) and vectors.dtype.kind == "f"
        table = vectors if kept else np.asarray(vectors, dtype=np.float32)
        names = list(words)
        _validation.word_table("words", names, table)
        result = cls(table.shape[1], dtype=table.dtype)
        result.vectors = table
        result.index_to_key = names
        result.key_to_index = {word: row for row, word in enumerate(names)}
        return result

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, key: object) -> bool:
        return key in self.key_to_index

    def __repr__(self) -> str:
        return f"<KeyedVectors: {len(self)} words, {self.vector_size} numbers each>"

    def __getitem__(self, key: str | Sequence[str]) -> np.ndarray:
        """The vector (D,) of a word, as a view; of several words (N, D), as a copy."""
        if isinstance(key, str):
            return self.vectors[self.get_index(key)]
        return self.vectors[[self.get_index(word) for word in key]]

    def get_index(self, key: str) -> int:
        """The row of a word. Raises KeyError if it is not there."""
        try:
            return self.key_to_index[key]
        except (KeyError, TypeError):
            raise KeyError(
                f"{key!r} is not among the {len(self)} words; words must be given as they "
                "were trained, usually in lower case"
            ) from None

    def get_vector(self, key: str, norm: bool = False) -> np.ndarray:
        """A copy of the vector (D,) of a word, of length 1 if `norm`."""
        vector = self[key].copy()
        return _unit(vector) if norm else vector

    def similarity(self, w1: str, w2: str) -> float:
        """The cosine of the angle between two words, -1 to 1; 0 if a vector is all zeros."""
        return float(np.dot(_unit(self[w1]), _unit(self[w2])))

    def most_similar(
        self,
        positive: Query | Sequence[Query] | None = None,
        negative: Query | Sequence[Query] | None = None,
        topn: int = 10,
    ) -> list[tuple[str, float]]:
        """The topn words nearest to the mean of the positive minus the negative ones.

        Each entry is a word, a vector (D,), or a pair (word or vector, weight); a lone entry
        needs no list. Vectors are brought to length 1 before they are averaged. Words given
        are left out of the answer. Returns (word, cosine) pairs, nearest first, words of
        equal cosine in the order of their rows.

        Raises KeyError for an unknown word, ValueError if nothing is given.
        """
        _validation.positive_int("topn", topn)
        weighted = [(entry, 1.0) for entry in _as_list(positive)]
        weighted += [(entry, -1.0) for entry in _as_list(negative)]
        if not weighted:
            raise ValueError("positive: expected a word or a vector, got none; name a word")
        mean = np.zeros(self.vector_size, dtype=np.float64)
        exclude = []
        for entry, sign in weighted:
            what, weight = entry if isinstance(entry, tuple) else (entry, 1.0)
            if isinstance(what, str):
                exclude.append(self.get_index(what))
                what = self[what]
            _validation.vector_of("positive, negative", what, self.vector_size)
            mean += sign * weight * _unit(np.asarray(what, dtype=np.float64))
        rows, cosines = nearest(self.vectors, mean / len(weighted), topn, exclude)
        return [
            (self.index_to_key[row], float(cosine))
            for row, cosine in zip(rows, cosines, strict=True)
            if row >= 0  # -1: no row left
        ]

    @classmethod
    def load(cls, name: str | os.PathLike[str]) -> KeyedVectors:
        """Open any file of word vectors; its kind is seen from its content.

        Word2vec and GloVe text with or without a header, word2vec binary, each also as gzip,
        and the `cbow_params.pkl` that the book's ch04 writes.

        Raises OSError if the file cannot be read, ValueError if it is none of these or damaged.
        """
        if _word2vec_format.is_pickle(name):
            return cls._load_book_pickle(name)
        return cls.load_word2vec_format(name)

    @classmethod
    def load_word2vec_format(
        cls,
        fname: str | os.PathLike[str],
        *,
        binary: bool | None = None,
        no_header: bool | None = None,
        limit: int | None = None,
        unicode_errors: str = "strict",
        datatype: Any = np.float32,
    ) -> KeyedVectors:
        """Read vectors in the word2vec formats, text or binary, plain or gzip.

        binary, no_header: None finds out from the content; True or False insists.
        limit: read the first rows only. unicode_errors: "strict", "replace" or "ignore".

        Nothing is allocated on the word of a header: it has to fit the size of the file first.
        Raises OSError if the file cannot be read; ValueError, naming row and byte, if it is cut
        off, goes on after the last row, or holds a word twice or a number that is not finite.
        """
        words, table = _word2vec_format.read(
            fname,
            binary=binary,
            header=None if no_header is None else not no_header,
            limit=limit,
            unicode_errors=unicode_errors,
            dtype=np.dtype(datatype),
        )
        return cls.from_words(words, table)

    def save_word2vec_format(
        self, fname: str | os.PathLike[str], *, binary: bool = False, write_header: bool = True
    ) -> None:
        """Write the word2vec text or binary format, which gensim reads; `.gz` compresses.

        Numbers are written as float32; text holds as many digits as it takes to read the same
        float32 back. The file appears under its name when it is complete, not before.

        Raises ValueError if a word holds white space, which the format cannot express.
        """
        _word2vec_format.write(
            fname, self.index_to_key, self.vectors, binary=binary, header=write_header
        )

    @classmethod
    def _load_book_pickle(cls, name: str | os.PathLike[str]) -> KeyedVectors:
        from fastw2v.base_model import load_book_pickle

        content = load_book_pickle(name)
        if not isinstance(content, dict) or not {"word_vecs", "id_to_word"} <= content.keys():
            raise ValueError(
                f"{name}: holds no word vectors; expected the dict of word_vecs, word_to_id and "
                "id_to_word that ch04/train.py saves"
            )
        table, id_to_word = content["word_vecs"], content["id_to_word"]
        if not isinstance(table, np.ndarray) or table.ndim != 2 or table.dtype.kind != "f":
            raise ValueError(f"{name}: word_vecs: expected a float array of two dimensions")
        if not isinstance(id_to_word, dict) or set(id_to_word) != set(range(len(table))):
            raise ValueError(
                f"{name}: id_to_word: expected one word for each of the {len(table)} ids"
            )
        words = [id_to_word[row] for row in range(len(table))]
        try:
            return cls.from_words(words, table.astype(np.float32))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from error


def _as_list(entries: Query | Sequence[Query] | None) -> list[Query]:
    """One entry or several; a 2-d array is several vectors, a tuple is one weighted entry."""
    if entries is None:
        return []
    lone = isinstance(entries, str | tuple) or (
        isinstance(entries, np.ndarray) and entries.ndim == 1
    )
    return [entries] if lone else list(entries)  # type: ignore[list-item, arg-type]


def _unit(vector: np.ndarray) -> np.ndarray:
    """Length 1; float16 would overflow in the sum of squares."""
    wide = vector.astype(np.float64)
    length = np.sqrt(np.dot(wide, wide))
    return wide / length if length > 0 else wide
