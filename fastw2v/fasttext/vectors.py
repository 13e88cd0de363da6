"""Vectors of words that are the mean of the rows of their n-grams, in gensim's shape."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastw2v._checks.arrays import as_numbers
from fastw2v._core import threads
from fastw2v._core.class_methods import Refused
from fastw2v._kernels import _subwords
from fastw2v._rows.deferred import UpToDate
from fastw2v.fasttext import files, gensim
from fastw2v.fasttext.ngrams import as_kept, as_lengths, buckets_of, has_ngrams, places_of, texts_of
from fastw2v.fasttext.rows import NgramRows
from fastw2v.keyed_vectors import KeyedVectors, search
from fastw2v.keyed_vectors.changes import as_rows_of_words
from fastw2v.keyed_vectors.consistency import as_table, check_all, check_map, row_of
from fastw2v.keyed_vectors.files import extra_attributes
from fastw2v.keyed_vectors.search import Found, Key

if TYPE_CHECKING:
    from gensim.models.fasttext import FastTextKeyedVectors as GensimVectors  # type: ignore
    from typing_extensions import Self

_log = logging.getLogger(__name__)

_WORDS = 1 << 14  # composed at a time, so that the list of their n-grams stays small
_NUMBER_NS = 0.5  # serial nanoseconds to add a number of a row


class Composed(UpToDate):
    """The attribute `vectors`: the table of all words, which is composed when it is first read."""

    def __get__(self, thing: Any, owner: type | None = None) -> Any:
        if thing is not None and self.name not in vars(thing):
            thing.adjust_vectors()
        return super().__get__(thing, owner)


class FastTextKeyedVectors(KeyedVectors):
    """Words, their vectors, and vectors of words that no text had, composed of their n-grams.

    The vector of a word is the mean of its own row, if it is one of the V words, and of the rows of
    its n-grams: the runs of min_n to max_n characters of the word between `<` and `>`. An n-gram
    has the row of the bucket that its hash tells, as in the program fastText.

    vectors         (V, D) float32, composed when first read. Changes of it change the answers to
                    queries, until `adjust_vectors` composes it again
    vectors_vocab   (V, D) float32, the own rows of the words
    vectors_ngrams  (bucket, D) float32, or `NgramRows`, which keep in memory the rows of those
                    buckets only that were trained
    min_n, max_n    lengths of n-grams in characters, with `<` and `>`
    bucket          number of buckets; 0 if there are no n-grams
    kept_buckets    (R,) int32, the buckets that have a row if a model was pruned, rising; then
                    vectors_ngrams is (R, D), and n-grams of other buckets do not count. Else None
    line_end        a word without n-grams: "</s>" in models of fastText, None in gensim's

    A word in no text is `in` the vectors if it has an n-gram. One too short for n-grams has the
    vector 0, and a warning is logged; with bucket=0, looking up an unknown word raises KeyError.
    Everything else is as in `KeyedVectors`, but that no word can be added.

    dtype can only be float32. seed decides the initial rows of n-grams.

    >>> own = np.zeros((2, 3), np.float32)
    >>> rows = np.arange(30, dtype=np.float32).reshape(10, 3)
    >>> vectors = FastTextKeyedVectors.from_parts(["sun", "moon"], own, rows, min_n=3, max_n=4)
    >>> "suns" in vectors, vectors["suns"].shape
    (True, (3,))
    >>> vectors.get_subwords("sun")[0]
    ['sun', '<su', '<sun', 'sun', 'sun>', 'un>']
    """

    vectors: np.ndarray = Composed()  # type: ignore[assignment]

    kept_buckets: np.ndarray | None = None
    line_end: str | None = None

    # Names of gensim's class.
    compatible_hash = True
    init_post_load = recalc_char_ngram_buckets = Refused("n-grams are listed when they are needed")
    vectors_vocab_lockf = vectors_ngrams_lockf = Refused("no row of a FastText can be locked")

    _OWN = (
        *("min_n", "max_n", "bucket", "kept_buckets", "line_end"),
        *("vectors_vocab", "vectors_ngrams"),
    )

    def __init__(
        self,
        vector_size: int,
        min_n: int,
        max_n: int,
        bucket: int,
        count: int = 0,
        dtype: DTypeLike = np.float32,
        *,
        seed: int = 1,
    ) -> None:
        if np.dtype(dtype) != np.float32:
            raise TypeError(f"dtype: expected float32, got {np.dtype(dtype)}; leave it out")
        self.min_n, self.max_n, self.bucket = as_lengths(min_n, max_n, bucket)
        super().__init__(vector_size, count)
        self.vectors_vocab = np.zeros((0, self.vector_size), np.float32)
        self.vectors_ngrams: Any = NgramRows(self.bucket, self.vector_size, seed=seed)

    @classmethod
    def from_parts(
        cls,
        words: Iterable[str],
        vectors_vocab: ArrayLike,
        vectors_ngrams: Any,
        min_n: int = 3,
        max_n: int = 6,
        *,
        bucket: int | None = None,
        kept_buckets: ArrayLike | None = None,
    ) -> Self:
        """Join V different words to their own rows (V, D) and the rows (bucket, D) of n-grams.

        float32 arrays and `NgramRows` are kept without a copy. Of a pruned model, pass `bucket` and
        the buckets (R,) that have a row, in rising order, with rows (R, D).

        Raises ValueError if the shapes do not fit or a word is listed twice, TypeError for words
        that are not str.
        """
        own = np.ascontiguousarray(as_numbers("vectors_vocab", vectors_vocab), np.float32)
        if not isinstance(vectors_ngrams, NgramRows):
            numbers = as_numbers("vectors_ngrams", vectors_ngrams)
            vectors_ngrams = np.ascontiguousarray(numbers, np.float32)
        names = list(words)
        for row, word in enumerate(names):
            if not isinstance(word, str):
                raise TypeError(
                    f"words: expected str, whose n-grams can be listed, got {type(word).__name__} "
                    f"for row {row}; convert it"
                )
        rows = as_rows_of_words("words", names, own)
        n_buckets = len(vectors_ngrams) if kept_buckets is None else bucket
        lengths = as_lengths(min_n, max_n, n_buckets)
        D = own.shape[1]
        if vectors_ngrams.shape != (len(vectors_ngrams), D):
            raise ValueError(
                f"vectors_ngrams: expected shape (bucket, {D}), got {vectors_ngrams.shape}; pass "
                "rows of the dimension of vectors_vocab"
            )
        result = super()._joined(rows, own)
        result.min_n, result.max_n, result.bucket = lengths
        result.vectors_vocab = own
        result.vectors_ngrams = vectors_ngrams if result.bucket else NgramRows(0, D)
        if kept_buckets is not None and result.bucket:
            result.kept_buckets = as_kept(kept_buckets, result.bucket, len(vectors_ngrams))
        del result.vectors
        return result

    @classmethod
    def _joined(
        cls,
        rows: dict[Any, int],
        table: np.ndarray,
        expandos: Mapping[str, np.ndarray] | None = None,
    ) -> Self:
        """Join words to vectors that were checked; they have no n-grams (bucket 0)."""
        result = super()._joined(rows, table, expandos)
        result.min_n = result.max_n = result.bucket = 0
        result.vectors_vocab = np.array(table, np.float32)
        result.vectors_ngrams = NgramRows(0, table.shape[1])
        return result

    # Look-ups -------------------------------------------------------------------------------------

    def __contains__(self, key: object) -> bool:
        """Tell whether a word is known or has an n-gram; a row number is in, too."""
        if self.bucket and isinstance(key, str) and self._has_ngrams(key):
            return True
        return super().__contains__(key)

    def _has_ngrams(self, word: str) -> bool:
        if self.kept_buckets is not None:
            return len(self._buckets([word])[0]) > 0
        return word != self.line_end and has_ngrams(word, self.min_n, self.max_n)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__}: {len(self)} words, {self.vector_size} numbers each, n-grams "
            f"of {self.min_n} to {self.max_n} characters in {self.bucket} buckets>"
        )

    def __getitem__(self, key: Key | Iterable[Key]) -> np.ndarray:
        """Return a copy of the vector (D,) of a word, or of the vectors (N, D) of several.

        Raises KeyError for an unknown word if there are no n-grams, and for an unknown row.
        """
        if type(key) is str:
            row = row_of(self, key)
            if row is not None and "vectors" in vars(self):
                return as_table(self)[row].copy()
            found = self._try_composed(key, row)
            if found is not None:
                return found
        keys: list[Any] = [key] if search.is_key(key) else search.as_entries("key", key)
        rows = [row_of(self, word) for word in keys]
        unseen = [word for word, row in zip(keys, rows, strict=True) if row is None]
        if unseen and len(self.key_to_index) != len(self.index_to_key):
            check_map(self)  # raises, for a word of the table may be missing in the map
        for word in unseen:
            if not self.bucket or not isinstance(word, str):
                self.get_index(word)  # raises
        if "vectors" in vars(self):
            known = [row for row in rows if row is not None]
            found = np.empty((len(keys), self.vector_size), np.float32)
            is_known = np.array([row is not None for row in rows], bool)
            found[is_known] = KeyedVectors.__getitem__(self, known)
            if unseen:
                found[~is_known] = self._composed(unseen, [-1] * len(unseen))
        else:
            words = [
                self.index_to_key[row] if row is not None else word
                for word, row in zip(keys, rows, strict=True)
            ]
            found = self._composed(words, [-1 if row is None else row for row in rows])
        return found[0] if search.is_key(key) else found

    def get_subwords(self, word: str) -> tuple[list[str], np.ndarray]:
        """Return what a word is composed of: texts, and ids (N,) as fastText numbers them.

        A known word comes first itself, with its row; the id of an n-gram is V plus its bucket, or
        its row in a pruned table.
        """
        if not isinstance(word, str):
            raise TypeError(f"word: expected str, got {type(word).__name__}; pass a word")
        self._check_parts()
        row = row_of(self, word)
        texts, ids = ([], []) if row is None else ([word], [row])
        buckets, _ = self._buckets([word])
        if self.bucket and word != self.line_end:
            found = texts_of(word, self.min_n, self.max_n)
            if self.kept_buckets is not None:
                every, _ = buckets_of([word], self.min_n, self.max_n, self.bucket)
                is_kept = np.isin(every, self.kept_buckets).tolist()
                found = [text for text, kept in zip(found, is_kept, strict=True) if kept]
            texts += found
        return texts, np.concatenate([np.array(ids, np.int64), buckets + np.int64(len(self))])

    @property
    def buckets_word(self) -> list[np.ndarray]:
        """The rows in `vectors_ngrams` of each word's n-grams, computed at each access."""
        check_map(self)
        self._check_parts()
        buckets, begins = self._buckets(self.index_to_key)
        return np.split(buckets, begins[1:-1]) if len(self) else []

    def get_sentence_vector(self, sentence: str | Sequence[Key]) -> np.ndarray:
        """Return the mean (D,) of the vectors of words, each of length 1, as fastText computes it.

        sentence: words, or a text of one line, whose words are between blanks. Words without a
        vector, and those whose vector is 0, do not count; the mean of none is 0.

        Raises ValueError for a text of several lines.
        """
        if isinstance(sentence, str):
            if "\n" in sentence:
                raise ValueError(
                    "sentence: expected a text of one line, got a line feed in it; call "
                    "get_sentence_vector for each of text.splitlines()"
                )
            sentence = sentence.split()
        found = [word for word in sentence if word in self]
        if not found:
            return np.zeros(self.vector_size, np.float32)
        wide = search.unit_rows(self[found])
        count = np.count_nonzero(wide.any(axis=1))
        return (wide.sum(axis=0) / max(count, 1)).astype(np.float32)

    def get_nearest_neighbors(self, word: str, k: int = 10) -> list[tuple[float, str]]:
        """Return the k words nearest to a word as (cosine, word), the nearest first."""
        return [(cosine, near) for near, cosine in self.most_similar(word, topn=k)]

    def get_analogies(
        self, wordA: str, wordB: str, wordC: str, k: int = 10
    ) -> list[tuple[float, str]]:
        """Return the k words nearest to A - B + C as (cosine, word), the nearest first.

        Berlin - Germany + France asks for the capital of France.
        """
        found: Found = self.most_similar([wordA, wordC], [wordB], topn=k)
        return [(cosine, near) for near, cosine in found]

    def vectors_for_all(
        self, keys: Iterable[Key], allow_inference: bool = True, copy_vecattrs: bool = False
    ) -> KeyedVectors:
        """Return copies of the vectors of words as plain `KeyedVectors`, each once.

        They keep the order of `keys`. allow_inference also composes unknown words that have an
        n-gram. copy_vecattrs copies the attributes of words, which are 0 or "" for unknown words; a
        "count" that is not copied falls from word to word.
        """
        check_all(self)
        known = self.key_to_index
        words: list[Any] = [
            word
            for word in dict.fromkeys(keys)
            if word in known or (allow_inference and isinstance(word, str) and word in self)
        ]
        result = KeyedVectors.from_words(words, self[words])
        result.expandos["count"] = np.arange(len(words), 0, -1)
        if copy_vecattrs:
            places = [place for place, word in enumerate(words) if word in known]
            rows = [known[words[place]] for place in places]
            for name, values in self.expandos.items():
                copied = np.zeros(len(words), values.dtype)
                copied[places] = values[rows]
                result.expandos[name] = copied
        return result

    # Changes --------------------------------------------------------------------------------------

    def adjust_vectors(self) -> None:
        """Compose `vectors` again from `vectors_vocab` and `vectors_ngrams`."""
        words = self.index_to_key
        table = np.empty((len(words), self.vector_size), np.float32)
        for begin in range(0, len(words), _WORDS):
            some = words[begin : begin + _WORDS]
            table[begin : begin + len(some)] = self._composed(some, range(begin, begin + len(some)))
        self.vectors = table

    def add_vectors(
        self,
        keys: Key | Sequence[Key],
        weights: ArrayLike,
        extras: Mapping[str, ArrayLike] | None = None,
        replace: bool = False,
    ) -> None:
        """Set attributes of known words and, with `replace`, their vectors.

        Raises ValueError for a new word, which would need a row of its own beside those of its
        n-grams.
        """
        names = [keys] if isinstance(keys, str | int) else list(keys)
        for name in names:
            if name not in self.key_to_index:
                raise ValueError(
                    f"keys: expected words that are there, got {name!r}, which has no row of its "
                    "own; add it to astype('float32'), plain KeyedVectors"
                )
        super().add_vectors(names, weights, extras, replace)

    def resize_vectors(self, seed: int = 0) -> None:
        """Refuse: raises RuntimeError, because new words have no rows of their own."""
        raise RuntimeError(
            "resize_vectors: expected plain KeyedVectors, got words with rows of their own and of "
            "n-grams; call it on astype('float32')"
        )

    def intersect_word2vec_format(self, *arguments: Any, **options: Any) -> int:
        """Refuse: raises RuntimeError, because vectors are composed of rows that a file lacks."""
        raise RuntimeError(
            "intersect_word2vec_format: expected plain KeyedVectors, got words with rows of their "
            "own and of n-grams; write into the rows of vectors_vocab and call adjust_vectors, or "
            "train with fastw2v fasttext skipgram -pretrainedVectors FILE"
        )

    def sort_by_descending_frequency(self) -> None:
        """Sort the rows by their "count", most frequent word first."""
        before = self.key_to_index
        self._check_parts()
        super().sort_by_descending_frequency()
        if self.key_to_index is not before:
            self.vectors_vocab = self.vectors_vocab[[before[word] for word in self.index_to_key]]

    # Files and gensim -----------------------------------------------------------------------------

    def save(
        self,
        fname: str | os.PathLike[str] | BinaryIO,
        separately: object = None,
        sep_limit: object = None,
        ignore: Iterable[str] = (),
        pickle_protocol: object = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        """Save words, own rows, n-grams and composed vectors in the fw2v format.

        `KeyedVectors.load` opens the file as plain vectors of its words. fname may also be an open
        binary file. separately, sep_limit and pickle_protocol are gensim's and have no effect.

        Raises ValueError for a dtype, as n-grams have no compressed form, and for the name of
        another format; TypeError as in `KeyedVectors.save`.

        >>> vectors = FastTextKeyedVectors.from_parts(["sun"], [[1, 2]], np.ones((9, 2)))
        >>> vectors.save("subwords.fw2v")
        >>> FastTextKeyedVectors.load("subwords.fw2v")["sunny"]
        array([1., 1.], dtype=float32)
        """
        if dtype is not None:
            raise ValueError(
                f"dtype: expected None, got {dtype!r}; n-grams are saved as float32, or save "
                "astype(dtype), the vectors of the words alone"
            )
        self._check_parts()
        files.write(self, fname, list(ignore))

    def save_fasttext_format(self, fname: str | os.PathLike[str]) -> None:
        """Write a model (.bin) that fastText 0.9.2, gensim and `load` open.

        It answers for any word as these vectors do, but that `</s>` has no n-grams there. The whole
        table of n-grams is written, or what pruning has left, and output rows of 0, because vectors
        have none: no training can continue from it. Words without a "count" get the count 1.

        Raises ValueError for the name of another format, for words with "\\0" and for counts that
        are no whole numbers.

        >>> vectors = FastTextKeyedVectors.from_parts(["sun"], [[1, 2]], np.ones((9, 2)))
        >>> vectors.save_fasttext_format("model.bin")
        >>> FastTextKeyedVectors.load("model.bin")["sunny"]
        array([1., 1.], dtype=float32)
        """
        check_all(self)
        self._check_parts()
        files.write_bin(self, fname)

    @classmethod
    def load(
        cls,
        fname: str | os.PathLike[str],
        mmap: str | None = "c",
        *,
        strict: bool = False,
        dtype: DTypeLike | None = None,
    ) -> Self:
        """Open a file that `save` wrote, a model of fastText (.bin), or a FastText of gensim's.

        Of a model of fastText, rows are read from the file when they are needed, and the table of
        all words is composed when a query needs it. Bytes of a word that are not UTF-8 become lone
        surrogates, as by "surrogateescape". Labels among the words have no vectors.

        mmap: as in `KeyedVectors.load`. strict refuses numbers that are not finite.

        The content of a file tells its kind. gensim's files are what `save` of its FastText and its
        FastTextKeyedVectors wrote, versions 3.8 to 4.4.

        Raises OSError if the file cannot be read; ValueError if it is of another kind or damaged,
        for a model that is supervised or quantised, and for a dtype.
        """
        if dtype is not None:
            raise ValueError(
                f"dtype: expected None, got {dtype!r}; call astype(dtype) for the vectors of the "
                "words alone"
            )
        return files.read(cls, fname, mmap, strict)

    def astype(self, dtype: DTypeLike) -> KeyedVectors:  # type: ignore[override]
        """Return plain `KeyedVectors` of the words in a dtype, without n-grams.

        The dtypes are those of `KeyedVectors.astype`.
        """
        check_all(self)
        plain = KeyedVectors._joined(dict(self.key_to_index), self.vectors, self.expandos)
        vars(plain).update(extra_attributes(self))
        return plain.astype(dtype)

    def to_gensim(self) -> GensimVectors:
        """Return gensim's FastTextKeyedVectors; they have the whole table of n-grams.

        Raises ImportError if gensim is not installed, ValueError for those of a pruned model.
        """
        return gensim.to_gensim(self)

    @classmethod
    def from_gensim(cls, vectors: Any) -> Self:
        """Take over gensim's FastTextKeyedVectors, or those of a FastText; both share the arrays.

        Raises TypeError for another object.
        """
        return gensim.from_gensim(cls, vectors)

    # Parts of the above ---------------------------------------------------------------------------

    def _buckets(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of all n-grams of words, and where each word's begin."""
        lengths = as_lengths(self.min_n, self.max_n, self.bucket)
        found = buckets_of(words, *lengths, self.line_end)
        return found if self.kept_buckets is None else places_of(*found, self.kept_buckets)

    def _try_composed(self, word: str, row: int | None) -> np.ndarray | None:
        """Return the vector (D,) of a word and its row, or None if the general path decides."""
        table, used = self.vectors_ngrams, self.kept_buckets
        if word == self.line_end or len(self.key_to_index) != len(self.index_to_key):
            return None
        compact, key, limit = type(table) is NgramRows, 0, 0.0
        if compact:
            if used is not None or table.shape != (self.bucket, self.vector_size):
                return None
            used, key, limit, table = table.used, table.key, table.limit, table.rows
        return _subwords.try_compose(
            *(word, row, len(self.index_to_key), self.vector_size),
            *(self.vectors_vocab, table, used, compact),
            *(self.min_n, self.max_n, self.bucket, key, limit),
        )

    def _composed(self, words: Sequence[str], rows: Sequence[int]) -> np.ndarray:
        """Return the vectors (N, D) of words, of which `rows` are the own ones, or -1.

        Log a warning for each word that has no row at all.
        """
        self._check_parts()
        buckets, begins = self._buckets(words)
        table, D = self.vectors_ngrams, self.vector_size
        compact = isinstance(table, NgramRows)
        kept, used = (table.rows, table.used) if compact else (table, np.zeros(0, np.int32))
        draws = (table.key, table.limit) if compact else (0, 0.0)
        x = np.empty((len(words), D), np.float32)
        n_parts = threads.parts(_NUMBER_NS * D * (len(buckets) + len(words)))
        own = np.fromiter(rows, np.int64, len(words))
        for n in np.flatnonzero((own < 0) & (begins[1:] == begins[:-1])).tolist():
            _log.warning("%r is too short for an n-gram; its vector is 0", words[n])
        _subwords.compose(
            *(
                x,
                self.vectors_vocab.view(np.uint8),
                own,
                kept.view(np.uint8),
                used,
                buckets,
                begins,
            ),
            *(compact, *draws, n_parts),
        )
        return x

    def _check_parts(self) -> None:
        """Check the settings and both tables, which users may replace.

        Raises ValueError or TypeError if they do not fit together.
        """
        D = self.vector_size
        self.min_n, self.max_n, self.bucket = as_lengths(self.min_n, self.max_n, self.bucket)
        n_rows = self.bucket
        if self.kept_buckets is not None:
            n_rows = len(self.vectors_ngrams)
            self.kept_buckets = as_kept(self.kept_buckets, self.bucket, n_rows)
        for name, n in (("vectors_vocab", len(self.index_to_key)), ("vectors_ngrams", n_rows)):
            table = getattr(self, name)
            compact = name == "vectors_ngrams" and isinstance(table, NgramRows)
            if not compact and (not isinstance(table, np.ndarray) or table.dtype != np.float32):
                got = getattr(table, "dtype", type(table).__name__)
                raise TypeError(
                    f"{name}: expected a float32 array, got {got}; convert with "
                    "np.ascontiguousarray(..., np.float32)"
                )
            if not compact and not table.flags.c_contiguous:
                raise ValueError(
                    f"{name}: expected rows one behind the other in memory, got a view with gaps; "
                    "copy it with np.ascontiguousarray"
                )
            if table.shape != (n, D):
                raise ValueError(
                    f"{name}: expected shape ({n}, {D}), got {table.shape}; change words, rows, "
                    "bucket and vector_size together, or make new vectors with from_parts"
                )
