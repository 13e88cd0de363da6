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

from fastw2v._checks.arrays import as_search_table
from fastw2v._checks.numbers import as_int, as_whole, check_one_of
from fastw2v._checks.sequences import check_text
from fastw2v._core import threads
from fastw2v._files import fw2v, word2vec_format
from fastw2v._files.atomic import check_writable
from fastw2v._kernels import _neighbors, _ranking, specialise
from fastw2v._rows.deferred import UpToDate

Key = str | int

_MAC_NS = 0.031  # serial nanoseconds of a multiply-add where many queries are ranked
_LONGEST_NS = 4e8  # of a call, serially: between two calls Ctrl-C gets its turn
_FEWEST_QUERIES = 64  # of a call that is one of several


class KeyedVectors:
    """Words and their vectors.

    vectors        (V, D) float array, one row per word
    index_to_key   the V words, in the order of the rows; all str or all int
    key_to_index   word -> row
    expandos       {name: (V,) array}, numbers that belong to words, such as their "count"

    The rows may be changed in place; nothing derived from them is kept.
    """

    vectors: Any = UpToDate()  # of a table that is still in training, too, rows are never behind

    _in_model = False  # whether rows of other tables go with them, too

    def __init__(self, vector_size: int, *, dtype: Any = np.float32) -> None:
        self.vector_size = as_int("vector_size", vector_size)
        self.vectors = np.zeros((0, vector_size), dtype=dtype)
        self.index_to_key: list[Any] = []
        self.key_to_index: dict[Any, int] = {}
        self.expandos: dict[str, np.ndarray] = {}

    @classmethod
    def from_words(cls, words: Iterable[Key], vectors: Any) -> KeyedVectors:
        """words: V different words; vectors (V, D).

        A float array is kept as it is, anything else is converted to float32.

        Raises ValueError if the shapes do not fit or a word stands twice.
        """
        kept = isinstance(vectors, np.ndarray) and vectors.dtype.kind == "f"
        table = vectors if kept else np.asarray(vectors, dtype=np.float32)
        names = list(words)
        rows = _as_rows_of_words("words", names, table)
        result = cls(table.shape[1], dtype=table.dtype)
        result.vectors, result.index_to_key, result.key_to_index = table, names, rows
        return result

    def _set(self, words: list[Any], table: np.ndarray) -> None:
        self.vectors, self.index_to_key = table, words
        self.key_to_index = {word: row for row, word in enumerate(words)}

    # ---- look-ups

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, key: object) -> bool:
        return key in self.key_to_index

    def __repr__(self) -> str:
        return f"<KeyedVectors: {len(self)} words, {self.vector_size} numbers each>"

    def __getitem__(self, key: Any) -> np.ndarray:
        """The vector (D,) of a word, as a view; of several words (N, D), as a copy."""
        if isinstance(key, str | int | np.integer):
            return self.vectors[self.get_index(key)]
        return self.vectors[[self.get_index(word) for word in key]]

    def __setitem__(self, key: Any, vector: Any) -> None:
        """Set the vector of a word, or of several; words that are not there are added."""
        lone = isinstance(key, str | int | np.integer)
        keys = [key] if lone else list(key)
        rows = np.asarray(vector)[None] if lone else vector
        self.add_vectors(keys, rows, replace=True)

    def has_index_for(self, key: Any) -> bool:
        """Whether `get_index` finds the word."""
        return self._row(key) is not None

    def _row(self, key: Any) -> int | None:
        try:
            row = self.key_to_index.get(key)
        except TypeError:  # no word is a list
            return None
        if row is None and isinstance(key, int | np.integer) and 0 <= key < len(self):
            return int(key)
        return row

    def get_index(self, key: Any, default: int | None = None) -> int:
        """The row of a word; a whole number that is no word is a row, as in gensim.

        Raises KeyError if it is not there, unless there is a default.
        """
        row = self._row(key)
        if row is not None:
            return row
        if default is not None:
            return default
        raise KeyError(
            f"{key!r} is not among the {len(self)} words; words must be given as they "
            "were trained, usually in lower case"
        )

    def get_vector(self, key: Any, norm: bool = False) -> np.ndarray:
        """A copy of the vector (D,) of a word, of length 1 if `norm`."""
        vector = self[key].copy()
        return _unit(vector) if norm else vector

    word_vec = get_vector

    def get_vecattr(self, key: Any, attr: str) -> Any:
        """A number that belongs to a word, such as its "count" in the text."""
        if attr not in self.expandos:
            known = ", ".join(map(repr, self.expandos)) or "none"
            raise KeyError(f"{attr!r}: no such attribute of words; there are: {known}")
        return self.expandos[attr][self.get_index(key)].item()

    def set_vecattr(self, key: Any, attr: str, val: Any) -> None:
        """Set a number or a text that belongs to a word; 0 or "" for all others if there was none.

        The array of that name in `expandos` is replaced by one of a wider dtype where it cannot
        hold the value. Raises TypeError where no dtype holds it and what is there, ValueError for
        an array.
        """
        row = self.get_index(key)
        if np.ndim(val):
            raise ValueError(f"val: expected one number or text, got shape {np.shape(val)}")
        numbers = self._numbers(attr, np.asarray(val))
        numbers[row] = val
        self.expandos[attr] = numbers

    def _numbers(self, attr: str, new: np.ndarray) -> np.ndarray:
        """What belongs to the words (V,), in a dtype that holds `new` as well."""
        there = self.expandos.get(attr)
        if there is None:
            return np.zeros(len(self), new.dtype)
        if _holds(there.dtype, new):
            return there
        if (there.dtype.kind in "biuf") == (new.dtype.kind in "biuf"):
            wider = np.promote_types(there.dtype, new.dtype)
            if _holds(wider, there) and _holds(wider, new):
                return there.astype(wider)
        raise TypeError(
            f"{attr}: expected {there.dtype}, as there is, got {new.dtype}; "
            f"no dtype holds both: give expandos[{attr!r}] another array"
        )

    @property
    def norms(self) -> np.ndarray:
        """The lengths of the vectors (V,), in their dtype; computed at each look."""
        table = as_search_table("vectors", self.vectors)
        out = np.empty(len(table))
        n_parts = threads.parts(table.size // 4)
        specialise(_neighbors.row_norms)[table.dtype](out, table, n_parts)
        return out.astype(self.vectors.dtype)

    def fill_norms(self, force: bool = False) -> None:
        """For gensim's sake: there is nothing to fill, `norms` is always up to date."""

    def init_sims(self, replace: bool = False) -> None:
        """For gensim's sake; replace=True is `unit_normalize_all`."""
        if replace:
            self.unit_normalize_all()

    def unit_normalize_all(self) -> None:
        """Bring every vector to length 1, in place; zeros stay zeros."""
        norms = self.norms
        self.vectors /= np.where(norms == 0, 1, norms)[:, None]

    def get_normed_vectors(self) -> np.ndarray:
        """A copy of the vectors (V, D), each of length 1."""
        norms = self.norms
        return self.vectors / np.where(norms == 0, 1, norms)[:, None]

    # ---- changing

    def add_vector(self, key: Key, vector: Any) -> int:
        """Add one word, or give it another vector; returns its row."""
        self.add_vectors([key], np.asarray(vector)[None], replace=True)
        return self.key_to_index[key]

    def add_vectors(
        self,
        keys: Sequence[Key],
        weights: Any,
        extras: dict[str, Any] | None = None,
        replace: bool = False,
    ) -> None:
        """Add words with their vectors (N, D) and, in `extras`, numbers {name: (N,)}.

        Words that are there keep their vectors unless `replace`. Everything is checked before
        anything is changed.

        Raises ValueError if a word stands twice or shapes do not fit.
        """
        names = [keys] if isinstance(keys, str | int) else list(keys)
        rows = np.atleast_2d(np.asarray(weights, self.vectors.dtype))
        _as_rows_of_words("keys", names, rows)
        if self.index_to_key and names and type(names[0]) is not type(self.index_to_key[0]):
            kind = type(self.index_to_key[0]).__name__
            raise TypeError(f"keys: expected {kind} like the words that are there; convert them")
        if rows.shape[1] != self.vector_size:
            raise ValueError(
                f"weights: expected shape ({len(names)}, {self.vector_size}), got {rows.shape}"
            )
        given = {name: np.asarray(values) for name, values in (extras or {}).items()}
        for name, values in given.items():
            if values.shape != (len(names),):
                raise ValueError(
                    f"extras[{name!r}]: expected shape ({len(names)},), got {values.shape}"
                )
        numbers = {name: self._numbers(name, values) for name, values in given.items()}
        new = [i for i, name in enumerate(names) if name not in self.key_to_index]
        old = [i for i, name in enumerate(names) if name in self.key_to_index]
        first = len(self)
        if new:
            self.vectors = np.concatenate([self.vectors, rows[new]])
            for place, i in enumerate(new):
                self.key_to_index[names[i]] = first + place
            self.index_to_key.extend(names[i] for i in new)
            for name, values in (self.expandos | numbers).items():
                numbers[name] = np.concatenate([values, np.zeros(len(new), values.dtype)])
        self.expandos.update(numbers)
        for name, values in given.items():
            self.expandos[name][first:] = values[new]
        if replace and old:
            at = [self.key_to_index[names[i]] for i in old]
            self.vectors[at] = rows[old]
            for name, values in given.items():
                self.expandos[name][at] = values[old]

    def sort_by_descending_frequency(self) -> None:
        """Bring the rows into the order of their "count", most frequent word first.

        Raises RuntimeError for the `wv` of a model, whose other tables would stay as they are.
        """
        if "count" not in self.expandos:
            return
        order = np.argsort(-self.expandos["count"], kind="stable")
        if (order[1:] > order[:-1]).all():
            return
        if self._in_model:
            raise RuntimeError(
                "sort_by_descending_frequency: the rows belong to those of a model's other tables; "
                "sort KeyedVectors.load of what wv.save has written, or train with sorted_vocab=1"
            )
        self._set([self.index_to_key[row] for row in order], self.vectors[order])
        self.expandos = {name: values[order] for name, values in self.expandos.items()}

    # ---- similarities

    def similarity(self, w1: Any, w2: Any) -> float:
        """The cosine of the angle between two words, -1 to 1; 0 if a vector is all zeros."""
        return float(np.dot(_unit(self[w1]), _unit(self[w2])))

    def distance(self, w1: Any, w2: Any) -> float:
        """1 - similarity."""
        return 1 - self.similarity(w1, w2)

    def n_similarity(self, ws1: Sequence[Key], ws2: Sequence[Key]) -> float:
        """The cosine between the means of two sets of words.

        Raises ValueError if one of them is empty.
        """
        if not len(ws1) or not len(ws2):
            raise ValueError("ws1, ws2: expected at least one word in each, got none")
        means = [self.get_mean_vector(words, pre_normalize=False) for words in (ws1, ws2)]
        return float(np.dot(_unit(means[0]), _unit(means[1])))

    @staticmethod
    def cosine_similarities(vector_1: Any, vectors_all: Any) -> np.ndarray:
        """Cosines (N,) between a vector (D,) and rows (N, D)."""
        rows = np.asarray(vectors_all, np.float64)
        lengths = np.linalg.norm(rows, axis=1)
        return (rows @ _unit(np.asarray(vector_1))) / np.where(lengths == 0, 1, lengths)

    def distances(self, word_or_vector: Any, other_words: Sequence[Key] = ()) -> np.ndarray:
        """1 - cosine to some words, or to all of them, (N,)."""
        vector = self[word_or_vector] if _is_key(word_or_vector) else np.asarray(word_or_vector)
        rows = self[list(other_words)] if len(other_words) else self.vectors
        return 1 - self.cosine_similarities(vector, rows)

    def get_mean_vector(
        self,
        keys: Sequence[Any],
        weights: Any = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> np.ndarray:
        """The weighted mean (D,) of the vectors of words, or of vectors.

        Raises KeyError for an unknown word unless ignore_missing, ValueError if nothing is left.
        """
        shares = np.ones(len(keys)) if weights is None else np.asarray(weights, np.float64)
        if shares.shape != (len(keys),):
            raise ValueError(f"weights: expected shape ({len(keys)},), got {shares.shape}")
        mean, total = np.zeros(self.vector_size), 0.0
        for key, share in zip(keys, shares.tolist(), strict=True):
            if _is_key(key):
                if ignore_missing and not self.has_index_for(key):
                    continue
                key = self[key]
            _check_vector("keys", key, self.vector_size)
            wide = np.asarray(key, np.float64)
            mean += share * (_unit(wide) if pre_normalize else wide)
            total += abs(share)
        if total == 0:
            raise ValueError("keys: expected words that are there, or vectors, got none")
        mean /= total
        return (_unit(mean) if post_normalize else mean).astype(self.vectors.dtype)

    def most_similar(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> Any:
        """The topn words nearest to the mean of the positive minus the negative ones.

        Each entry is a word, a vector (D,), or a pair (word or vector, weight); a lone entry
        needs no list. Vectors are brought to length 1 before they are averaged. Words given
        are left out of the answer. Returns (word, cosine) pairs, nearest first, words of
        equal cosine in the order of their rows.

        Only rows from clip_start to clip_end are looked at; restrict_vocab=n is the first n.
        topn=None returns the cosines of all of these rows as an array. indexer: an object with
        `most_similar(vector, topn)` that answers instead. For many queries at once see
        `most_similar_many`.

        Raises KeyError for an unknown word, ValueError if nothing is given.
        """
        if topn is not None and as_whole("topn", topn) < 1:
            return []
        mean, exclude = self._mean_query(positive, negative)
        first, last = _clip(len(self), clip_start, clip_end, restrict_vocab)
        if indexer is not None and topn is not None:
            return indexer.most_similar(_unit(mean).astype(self.vectors.dtype), topn)
        if topn is None:
            cosines = self.cosine_similarities(mean, self.vectors[first:last])
            return cosines.astype(self.vectors.dtype)
        return self._ranked(mean[None], topn, [exclude], first, last)[0]

    def most_similar_many(
        self,
        queries: Any,
        topn: int = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
    ) -> list[list[tuple[Any, float]]]:
        """`most_similar` for many queries in one go, many times faster than one after the other.

        queries: words, vectors (Q, D), or a mixture of both. Returns one list for each.

        >>> vectors = KeyedVectors.from_words("abc", [[1, 0], [0.9, 0.1], [0, 1]])
        >>> [found[0][0] for found in vectors.most_similar_many(["a", "c"], topn=1)]
        ['b', 'b']
        """
        as_whole("topn", topn)
        entries = list(queries)
        if not entries or topn < 1:
            return [[] for _ in entries]
        rows, exclude = np.empty((len(entries), self.vector_size)), []
        for i, entry in enumerate(entries):
            rows[i], excluded = self._mean_query(entry, None)
            exclude.append(excluded)
        first, last = _clip(len(self), clip_start, clip_end, restrict_vocab)
        return self._ranked(rows, topn, exclude, first, last)

    def _mean_query(self, positive: Any, negative: Any) -> tuple[np.ndarray, list[int]]:
        """The vector that is looked for, in double, and the rows that are not."""
        weighted = [(entry, 1.0) for entry in _as_list(positive)]
        weighted += [(entry, -1.0) for entry in _as_list(negative)]
        if not weighted:
            raise ValueError("positive: expected a word or a vector, got none; name a word")
        mean = np.zeros(self.vector_size, dtype=np.float64)
        exclude = []
        for entry, sign in weighted:
            # The weight of a pair stands for itself, sign included, as in gensim.
            what, weight = entry if isinstance(entry, tuple) else (entry, sign)
            if _is_key(what):
                exclude.append(self.get_index(what))
                what = self[what]
            _check_vector("positive, negative", what, self.vector_size)
            mean += weight * _unit(np.asarray(what, dtype=np.float64))
        return mean / len(weighted), exclude

    def _ranked(
        self, queries: np.ndarray, topn: int, exclude: list[list[int]], first: int, last: int
    ) -> list[list[tuple[Any, float]]]:
        table = as_search_table("vectors", self.vectors[first:last])
        Q, (V, D) = len(queries), table.shape
        k = min(topn, V)
        never = np.full((Q, max(map(len, exclude), default=0)), -1, np.int64)
        for row, rows in zip(never, exclude, strict=True):
            row[: len(rows)] = np.asarray(rows, np.int64) - first
        lengths = np.linalg.norm(queries, axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            unit = (queries / np.where(lengths == 0, 1, lengths)).astype(table.dtype)
        ids, scores = np.empty((Q, k), np.int64), np.empty((Q, k), table.dtype)
        kernel = specialise(_ranking.rank)[table.dtype]
        # Many queries are answered some at a time, not so few that reading the table would count.
        pieces = max(1, min(int(Q * V * D * _MAC_NS / _LONGEST_NS), Q // _FEWEST_QUERIES))
        for piece in range(pieces):
            some = slice(Q * piece // pieces, Q * (piece + 1) // pieces)
            q = some.stop - some.start
            n_parts = threads.parts(q * V * (5 + D // 8))
            scratch = np.empty((n_parts, q, k), np.int64), np.empty((n_parts, q, k), table.dtype)
            kernel(ids[some], scores[some], *scratch, table, unit[some], never[some], n_parts)
        words = self.index_to_key
        return [
            [
                (words[first + row], cosine)
                for row, cosine in zip(found, cosines, strict=True)
                if row >= 0  # -1: no row left
            ]
            for found, cosines in zip(ids.tolist(), scores.tolist(), strict=True)
        ]

    def similar_by_word(
        self, word: Any, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Any:
        """`most_similar` to one word."""
        return self.most_similar(positive=[word], topn=topn, restrict_vocab=restrict_vocab)

    similar_by_key = similar_by_word

    def similar_by_vector(
        self, vector: Any, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Any:
        """`most_similar` to one vector (D,)."""
        return self.most_similar(positive=[vector], topn=topn, restrict_vocab=restrict_vocab)

    def most_similar_cosmul(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: int | None = 10,
        restrict_vocab: int | None = None,
    ) -> Any:
        """Products of cosines instead of sums (3CosMul, Levy and Goldberg 2014).

        A row scores the product of (1 + cosine) / 2 to the positive words over that to the negative
        ones, plus 1e-6.
        """
        exclude: list[int] = []
        vectors: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for side, entries in enumerate((_as_list(positive), _as_list(negative))):
            for entry in entries:
                what = entry[0] if isinstance(entry, tuple) else entry
                if _is_key(what):
                    exclude.append(self.get_index(what))
                    what = self[what]
                _check_vector("positive, negative", what, self.vector_size)
                vectors[side].append(np.asarray(what))
        if not vectors[0]:
            raise ValueError("positive: expected a word or a vector, got none; name a word")
        _, last = _clip(len(self), 0, None, restrict_vocab)
        scores = np.ones(last)
        for vector in vectors[0]:
            scores *= (1 + self.cosine_similarities(vector, self.vectors[:last])) / 2
        below = np.ones(last)
        for vector in vectors[1]:
            below *= (1 + self.cosine_similarities(vector, self.vectors[:last])) / 2
        scores = scores / (below + 1e-6)
        if topn is None:
            return scores.astype(self.vectors.dtype)
        order = [row for row in np.argsort(-scores, kind="stable").tolist() if row not in exclude]
        return [(self.index_to_key[row], float(scores[row])) for row in order[:topn]]

    def most_similar_to_given(self, key1: Any, keys_list: Sequence[Any]) -> Any:
        """The one of `keys_list` nearest to key1."""
        return keys_list[int(np.argmax([self.similarity(key1, key) for key in keys_list]))]

    def closer_than(self, key1: Any, key2: Any) -> list[Any]:
        """The words nearer to key1 than key2 is."""
        cosines = self.cosine_similarities(self[key1], self.vectors)
        closer = cosines > cosines[self.get_index(key2)]
        closer[self.get_index(key1)] = False
        return [self.index_to_key[row] for row in np.flatnonzero(closer).tolist()]

    def rank(self, key1: Any, key2: Any) -> int:
        """The place of key2 among the words nearest to key1, from 1."""
        return len(self.closer_than(key1, key2)) + 1

    def rank_by_centrality(self, words: Sequence[Any], use_norm: bool = True) -> Any:
        """(cosine to the mean of the words, word) of each, nearest first; unknown ones left out.

        Raises ValueError if none is known.
        """
        used = [word for word in words if word in self]
        if not used:
            raise ValueError(
                f"words: expected words that are there, got none of {len(list(words))}"
            )
        rows = [_unit(self[word]) if use_norm else self[word] for word in used]
        mean = _unit(np.mean(rows, axis=0))
        scored = [(float(np.dot(row, mean)), word) for row, word in zip(rows, used, strict=True)]
        return sorted(scored, reverse=True)

    def doesnt_match(self, words: Sequence[Any]) -> Any:
        """The word that is farthest from the mean of them."""
        return self.rank_by_centrality(words)[-1][1]

    # ---- evaluation

    def evaluate_word_pairs(
        self,
        pairs: str | os.PathLike[str],
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[tuple[float, float], tuple[float, float], float]:
        """Compare cosines with human judgements: (Pearson, Spearman, percent of unknown pairs).

        pairs: a file of lines `word, word, number`, such as WordSim-353 or SimLex-999; lines that
        begin with # or do not fit are passed over. Each coefficient comes with its two-sided
        p-value. Pairs with an unknown word are left out, or get the cosine 0 with dummy4unknown.

        Raises ValueError if no pair is left.
        """
        from fastw2v.keyed_vectors.evaluation import word_pairs

        return word_pairs(
            *(self, pairs, delimiter, encoding, restrict_vocab, case_insensitive, dummy4unknown)
        )

    def evaluate_word_analogies(
        self,
        analogies: str | os.PathLike[str],
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
        similarity_function: str = "most_similar",
    ) -> tuple[float, list[dict[str, Any]]]:
        """Answer questions "a is to b as c is to ?": (share of right answers, sections).

        analogies: a file of lines `a b c answer` in sections that begin with `: name`. The answer
        is the word nearest to b - a + c that is none of these; with similarity_function
        "most_similar_cosmul" the first of `most_similar_cosmul([b, c], [a])`. Questions with
        unknown words are left out, or count as wrong with dummy4unknown. Sections hold the
        questions under "correct" and "incorrect"; the last one, "Total accuracy", holds all.

        Raises ValueError if the file does not begin with a section.
        """
        from fastw2v.keyed_vectors.evaluation import word_analogies

        functions = ("most_similar", "most_similar_cosmul")
        check_one_of("similarity_function", similarity_function, functions)
        return word_analogies(
            *(self, analogies, restrict_vocab, case_insensitive, dummy4unknown),
            products=similarity_function == functions[1],
        )

    # ---- files and gensim

    def save(self, fname: str | os.PathLike[str], *_unused: Any, **_unused_too: Any) -> None:
        """Save in our own format, which `load` maps instead of reading it.

        The file appears when it is complete: a full disk or a kill leaves what was there.
        """
        facts, arrays = fw2v.pack_words(self.index_to_key)
        extras = {f"expando {name}": values for name, values in self.expandos.items()}
        fw2v.write(fname, "KeyedVectors", facts, arrays | {"vectors": self.vectors} | extras)

    @classmethod
    def load(cls, fname: str | os.PathLike[str], mmap: str | None = "c") -> KeyedVectors:
        """Open any file of word vectors; its kind is seen from its content.

        What `save` wrote, or `Word2Vec.save`; word2vec and GloVe text with or without a header,
        word2vec binary, each also as gzip; the `cbow_params.pkl` that the book's ch04 writes.

        mmap: how our own format is opened: "c" maps it, changes stay in this process; "r" maps it
        read-only; None reads it.

        Raises OSError if the file cannot be read, ValueError if it is none of these or damaged:
        what gensim's own `save` writes is a pickle that gensim alone can open.
        """
        if mmap not in ("c", "r", None):
            raise ValueError(f"mmap: expected 'c', 'r' or None, got {mmap!r}; pass one of these")
        if fw2v.is_container(fname):
            return cls._load_own(fname, mmap)
        if word2vec_format.is_pickle(fname):
            fw2v.refuse_gensims(fname)
            return cls._load_book_pickle(fname)
        return cls.load_word2vec_format(fname)

    @classmethod
    def _load_own(cls, name: str | os.PathLike[str], mmap: str | None) -> KeyedVectors:
        content = fw2v.read(name, None, mmap)
        if content.kind not in ("KeyedVectors", "Word2Vec"):
            raise ValueError(f"{name}: holds a {content.kind}, expected KeyedVectors or Word2Vec")
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
        result = cls(table.shape[1], dtype=table.dtype)
        result._set(words, table)
        if len(result.key_to_index) != len(words):
            raise ValueError(f"{name}: a word stands twice; get the file again")
        if content.kind == "Word2Vec" and "counts" in content.arrays:
            result.expandos["count"] = content.arrays["counts"]
        for key, values in content.arrays.items():
            if key.startswith("expando ") and values.shape == (len(words),):
                result.expandos[key.removeprefix("expando ")] = values
        return result

    @classmethod
    def load_word2vec_format(
        cls,
        fname: str | os.PathLike[str],
        fvocab: str | os.PathLike[str] | None = None,
        binary: bool | None = None,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
        limit: int | None = None,
        datatype: Any = np.float32,
        no_header: bool | None = None,
    ) -> KeyedVectors:
        """Read vectors in the word2vec formats, text or binary, plain or gzip.

        binary, no_header: None finds out from the content; True or False insists.
        limit: read the first rows only. unicode_errors: "strict", "replace" or "ignore".
        fvocab: a file of lines `word count`, for `get_vecattr(word, "count")`.

        Nothing is allocated on the word of a header: it has to fit the size of the file first.
        Raises OSError if the file cannot be read; ValueError, naming row and byte, if it is cut
        off, goes on after the last row, or holds a word twice or a number that is not finite.
        """
        check_one_of("encoding", encoding.lower().replace("-", ""), ("utf8",))
        for fast in (True, False):
            words, table = word2vec_format.read(
                fname,
                binary=binary,
                header=None if no_header is None else not no_header,
                limit=limit,
                unicode_errors=unicode_errors,
                dtype=np.dtype(datatype),
                fast=fast,
            )
            result = cls(table.shape[1], dtype=table.dtype)
            result._set(words, table)
            if len(result.key_to_index) == len(words):
                break
        if fvocab is not None:
            counts = word2vec_format.read_counts(fvocab)
            result.expandos["count"] = np.array([counts.get(word, 0) for word in words], np.int64)
        return result

    def save_word2vec_format(
        self,
        fname: str | os.PathLike[str],
        fvocab: str | os.PathLike[str] | None = None,
        binary: bool = False,
        total_vec: int | None = None,
        write_header: bool = True,
        prefix: str = "",
        append: bool = False,
        sort_attr: str = "count",
    ) -> None:
        """Write the word2vec text or binary format, which gensim reads; `.gz` compresses.

        Numbers are written as float32; text holds as many digits as it takes to read the same
        float32 back. The file appears under its name when it is complete, not before.

        As in gensim, words stand in falling order of sort_attr, an attribute such as the "count",
        and in the order of the rows where they have none. prefix: put before each word. total_vec:
        the number of rows the header gives, where more will be appended. append: write behind what
        the file holds, which needs write_header=False; it is copied, so the old file survives
        whatever happens. fvocab: also write (or append) lines `word count` to this file.

        Raises ValueError if a word holds white space, which the format cannot express, or if words
        have no sort_attr for fvocab.
        """
        check_text("prefix", prefix)
        if total_vec is not None:
            as_whole("total_vec", total_vec, low=len(self))
        falling = self.expandos.get(sort_attr)
        order = None
        if falling is not None:
            order = np.argsort(-falling.astype(np.float64), kind="stable")
            order = None if (order[1:] > order[:-1]).all() else order
        elif fvocab is not None:
            known = ", ".join(map(repr, self.expandos)) or "none"
            raise ValueError(
                f"fvocab: words have no {sort_attr!r} to be written, there are: {known}; set it "
                "with set_vecattr, or leave fvocab out"
            )
        if fvocab is not None:
            check_writable(fvocab)
        words = [f"{prefix}{word}" for word in self.index_to_key]
        word2vec_format.write(
            *(fname, words, self.vectors),
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

    def to_gensim(self) -> Any:
        """These vectors as gensim's KeyedVectors, which shares the array.

        Raises ImportError if gensim is not installed.
        """
        gensim = _gensim()
        result = gensim.KeyedVectors(self.vector_size, count=0, dtype=self.vectors.dtype)
        result.vectors = self.vectors
        result.index_to_key = list(self.index_to_key)
        result.key_to_index = dict(self.key_to_index)
        result.next_index = len(self)
        result.norms = None
        for name, values in self.expandos.items():
            result.expandos[name] = np.array(values)
        return result

    @classmethod
    def from_gensim(cls, vectors: Any) -> KeyedVectors:
        """gensim's KeyedVectors, or those of a whole model of gensim's, as ours, which share the
        array."""
        vectors = getattr(vectors, "wv", vectors)
        if not all(hasattr(vectors, name) for name in ("vectors", "index_to_key", "expandos")):
            raise TypeError(
                f"vectors: expected gensim's KeyedVectors, got {type(vectors).__name__}; pass "
                "model.wv"
            )
        result = cls.from_words(list(vectors.index_to_key), vectors.vectors)
        result.expandos = {
            name: np.array(values)
            for name, values in vectors.expandos.items()
            if np.shape(values) == (len(result),) and np.asarray(values).dtype.kind in "iuf"
        }
        return result

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


def _gensim() -> Any:
    try:
        from gensim import models
    except ImportError as error:
        raise ImportError("to_gensim: gensim is not installed; pip install gensim") from error
    return models


def _holds(dtype: np.dtype, values: np.ndarray) -> bool:
    """Whether an array of that dtype can have these values, to the last digit."""
    if dtype.kind == "O":
        return True
    if "b" in dtype.kind + values.dtype.kind:
        return dtype.kind == values.dtype.kind
    if dtype.kind not in "iuf" or values.dtype.kind not in "iuf":
        return dtype.kind == values.dtype.kind and np.array_equal(values.astype(dtype), values)
    with np.errstate(invalid="ignore", over="ignore"):  # what does not fit does not come back
        back = values.astype(dtype).astype(values.dtype)
    return np.array_equal(back, values, equal_nan=True)


def _is_key(entry: Any) -> bool:
    return isinstance(entry, str | int | np.integer)


def _as_list(entries: Any) -> list[Any]:
    """One entry or several; a 2-d array is several vectors, a tuple is one weighted entry."""
    if entries is None:
        return []
    lone = _is_key(entries) or isinstance(entries, tuple)
    lone = lone or (isinstance(entries, np.ndarray) and entries.ndim == 1)
    return [entries] if lone else list(entries)


def _clip(
    V: int, clip_start: int, clip_end: int | None, restrict_vocab: int | None
) -> tuple[int, int]:
    """The rows that are looked at."""
    if restrict_vocab is not None:
        clip_start, clip_end = 0, as_whole("restrict_vocab", restrict_vocab)
    first, last, _ = slice(clip_start, clip_end or None).indices(V)
    return first, max(first, last)


def _unit(vector: np.ndarray) -> np.ndarray:
    """Length 1; float16 would overflow in the sum of squares."""
    wide = vector.astype(np.float64)
    length = np.sqrt(np.dot(wide, wide))
    return wide / length if length > 0 else wide


def _as_rows_of_words(name: str, words: Sequence[object], table: np.ndarray) -> dict[object, int]:
    """V different words, all str or all int, for a table (V, D), D >= 1; returns word -> row."""
    if table.ndim != 2 or table.shape[1] < 1:
        raise ValueError(f"vectors: expected shape (V, D), got {table.shape}")
    if len(words) != len(table):
        raise ValueError(
            f"{name}: expected one word for each of the {len(table)} rows, got {len(words)}"
        )
    rows: dict[object, int] = {}
    if set(map(type, words)) in ({str}, {int}):
        rows = dict(zip(words, range(len(words)), strict=True))
        if len(rows) == len(words):
            return rows
        rows = {}
    kind = int if words and type(words[0]) is int else str
    for row, word in enumerate(words):
        if not isinstance(word, kind):
            raise TypeError(
                f"{name}: expected {kind.__name__}, got {type(word).__name__} for row {row}"
            )
        first = rows.setdefault(word, row)
        if first != row:
            raise ValueError(
                f"{name}: {word!r} stands for row {first} and for row {row}; give each word once"
            )
    return rows


def _check_vector(name: str, vector: object, size: int) -> None:
    """A vector (size,)."""
    shape = np.asarray(vector).shape
    if shape != (size,):
        raise ValueError(f"{name}: expected a word or a vector ({size},), got shape {shape}")
