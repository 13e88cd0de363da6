"""Word vectors and the words they belong to, with the interface of gensim's KeyedVectors.

>>> vectors = KeyedVectors.from_words(["sun", "moon", "dog"], [[1, 0], [0.9, 0.1], [0, 1]])
>>> vectors.most_similar("sun", topn=1)[0][0]
'moon'
>>> vectors["dog"]
array([0., 1.], dtype=float32)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastw2v._checks.errors import NoWords
from fastw2v._checks.numbers import as_int, as_whole
from fastw2v._core.html import as_html_table
from fastw2v._rows.deferred import UpToDate
from fastw2v.keyed_vectors import changes, compressed, evaluation, files, gensim, search
from fastw2v.keyed_vectors.compressed import CompressedRows
from fastw2v.keyed_vectors.consistency import as_table, as_words, check_all, row_of
from fastw2v.keyed_vectors.documents import Documents
from fastw2v.keyed_vectors.gensim_names import GensimNames
from fastw2v.keyed_vectors.locking import LockFactors, factors_of
from fastw2v.keyed_vectors.search import Key, normalized
from fastw2v.keyed_vectors.searches import Searches

if TYPE_CHECKING:
    from gensim.models import KeyedVectors as GensimKeyedVectors  # type: ignore
    from typing_extensions import Self

    from fastw2v._explorer.page import Explorer
    from fastw2v.datasets import Splitter


class KeyedVectors(Searches, Documents, GensimNames):
    """Words and their vectors.

    vectors        (V, D) float array, one row per word, or read-only `CompressedRows`
    index_to_key   the V words, in the order of the rows; all str, or all int (annotated as str)
    key_to_index   word -> row
    expandos       {name: (V,) array}, attributes of the words, such as their "count"
    vectors_lockf  float32 array, of one number or (V,): 0 keeps the vector of a word as it is in
                   a training, 1, the default, trains it; numbers between take part of each update
    splitter       the `datasets.Splitter` that cut the text into these words, or None; `save` keeps
                   it, which the word2vec formats cannot

    The rows of `vectors` may be changed in place; nothing derived from them is kept. `vectors` is
    the live array, while look-ups and queries return copies. All these attributes may be replaced;
    each method checks that they fit together, and raises ValueError or TypeError where not.
    """

    # Rows of a table in training may be deferred; this attribute brings them up to date when read.
    vectors: np.ndarray = UpToDate()  # type: ignore[assignment]

    vectors_lockf: np.ndarray = LockFactors()  # type: ignore[assignment]

    splitter: Splitter | None = None

    _OWN: tuple[str, ...] = ()  # attributes of a subclass of ours, which it saves itself

    _in_model = False  # whether other tables of a model have rows for the same words

    _room: np.ndarray | None = None  # rows of which `vectors` are the first, for words to come

    def __init__(self, vector_size: int, count: int = 0, dtype: DTypeLike = np.float32) -> None:
        """Make vectors of this dimension, of no word yet.

        count reserves memory, so that adding this number of words copies nothing.
        """
        self.vector_size = as_int("vector_size", vector_size)
        room = np.zeros((as_whole("count", count), self.vector_size), dtype=dtype)
        self.vectors = room[:0]
        if len(room):
            self._room = room
        self.index_to_key: list[str] = []
        self.key_to_index: dict[str, int] = {}
        self.expandos: dict[str, np.ndarray] = {}

    @classmethod
    def from_words(cls, words: Iterable[Key], vectors: ArrayLike) -> KeyedVectors:
        """Join V different words to their vectors (V, D).

        A float array is kept without a copy; anything else is converted to float32.

        Raises ValueError if the shapes do not fit or a word is listed twice.
        """
        plain = isinstance(vectors, np.ndarray) and vectors.dtype.kind == "f"
        if not plain and not isinstance(vectors, CompressedRows):
            vectors = np.asarray(vectors, dtype=np.float32)
        return cls._joined(changes.as_rows_of_words("words", list(words), vectors), vectors)

    @classmethod
    def _joined(
        cls,
        rows: dict[Any, int],
        table: np.ndarray,
        expandos: Mapping[str, np.ndarray] | None = None,
    ) -> Self:
        """Join words, in the order of their rows, to vectors and attributes that were checked.

        The `__init__` of a subclass, whose arguments are not known, is not called.
        """
        result = cls.__new__(cls)
        KeyedVectors.__init__(result, table.shape[1], dtype=table.dtype)
        result.vectors, result.index_to_key, result.key_to_index = table, list(rows), rows
        result.expandos.update(expandos or {})
        return result

    # Look-ups -------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(as_words(self))

    def __contains__(self, key: object) -> bool:
        """Tell whether `get_index` finds the word, or the row."""
        return row_of(self, key) is not None

    def __repr__(self) -> str:
        return f"<KeyedVectors: {len(self)} words, {self.vector_size} numbers each>"

    def _repr_html_(self) -> str:
        facts = {"words": f"{len(self):,}", "dimension": self.vector_size}
        facts["first words"] = ", ".join(map(str, self.index_to_key[:10]))
        return as_html_table(type(self).__name__, facts)

    def __str__(self) -> str:
        return f"{type(self).__name__}<vector_size={self.vector_size}, {len(self)} keys>"

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_room": None}

    def __getitem__(self, key: Key | Iterable[Key]) -> np.ndarray:
        """Return a copy of the vector (D,) of a word, or of the vectors (N, D) of several."""
        table = as_table(self)
        if search.is_key(key):
            return table[self.get_index(key)].copy()
        return table[[self.get_index(word) for word in search.as_entries("key", key)]]

    def __setitem__(self, key: Key | Iterable[Key], vector: ArrayLike) -> None:
        """Set the vector of a word, or of several; unknown words are added."""
        if isinstance(key, str | int | np.integer):
            self.add_vectors([key], np.asarray(vector)[None], replace=True)
        else:
            self.add_vectors(list(key), vector, replace=True)

    def has_index_for(self, key: object) -> bool:
        """Tell whether `get_index` finds the word."""
        return row_of(self, key) is not None

    def get_index(self, key: Key, default: int | None = None) -> int:
        """Return the row of a word; a whole number that is no word is a row, as in gensim.

        Raises KeyError if the word is unknown, unless there is a default.
        """
        row = row_of(self, key)
        if row is not None:
            return row
        if default is not None:
            return default
        raise KeyError(
            f"{key!r} is not among the {len(self)} words; words must be given as they "
            "were trained, usually in lower case"
        )

    def get_vector(self, key: Key, norm: bool = False) -> np.ndarray:
        """Return a copy of the vector (D,) of a word, of length 1 if `norm`."""
        vector = self[key]
        return normalized(vector) if norm else vector

    def get_vecattr(self, key: Key, attr: str) -> int | float | str:
        """Return an attribute of a word, such as its "count" in the text."""
        value: int | float | str = changes.attribute(self, attr)[self.get_index(key)].item()
        return value

    def set_vecattr(self, key: Key, attr: str, val: int | float | str) -> None:
        """Set an attribute of a word; a new attribute is 0, or "", for all other words.

        The array of that name in `expandos` is replaced by one of a wider dtype where it cannot
        hold the value. Raises TypeError where no dtype holds both the value and the others,
        ValueError for an array.
        """
        changes.set_attribute(self, self.get_index(key), attr, val)

    @property
    def norms(self) -> np.ndarray:
        """Lengths of the vectors (V,), in their dtype, computed at each access."""
        table = as_table(self)
        return compressed.table_norms(table).astype(table.dtype)

    def get_normed_vectors(self) -> np.ndarray:
        """Return a copy of the vectors (V, D), each of length 1; zeros stay zeros."""
        norms = self.norms
        rows = self.vectors.copy()
        rows /= np.where(norms == 0, 1, norms)[:, None]
        return rows

    # Changes --------------------------------------------------------------------------------------

    def unit_normalize_all(self) -> None:
        """Bring every vector to length 1, in place; zeros stay zeros."""
        compressed.check_expanded("unit_normalize_all", self.vectors)
        norms = self.norms
        self.vectors /= np.where(norms == 0, 1, norms)[:, None]

    def add_vector(self, key: Key, vector: ArrayLike) -> int:
        """Add a word and return its row; a known word keeps its vector, as in `add_vectors`."""
        self.add_vectors([key], np.asarray(vector)[None])
        return self.get_index(key)

    def add_vectors(
        self,
        keys: Key | Sequence[Key],
        weights: ArrayLike,
        extras: Mapping[str, ArrayLike] | None = None,
        replace: bool = False,
    ) -> None:
        """Add words with their vectors (N, D) and, in `extras`, attributes {name: (N,)}.

        Known words keep their vectors unless `replace`. Everything is checked before anything is
        changed. Each call that adds words copies the table, unless `count` has reserved room.

        Raises ValueError if a word is listed twice or shapes do not fit.
        """
        names = [keys] if isinstance(keys, str | int) else list(keys)
        changes.add_vectors(self, names, weights, extras or {}, replace)

    def allocate_vecattrs(
        self, attrs: Sequence[str] | None = None, types: Sequence[DTypeLike] | None = None
    ) -> None:
        """Give all words the attributes `attrs` of these dtypes, 0 or "" where there is none.

        Without arguments, it brings the attributes to the number of words of `index_to_key`.

        Raises TypeError if an attribute that is there cannot have the dtype.
        """
        changes.allocate_attributes(self, attrs, types)

    def resize_vectors(self, seed: int = 0) -> None:
        """Bring vectors, map and attributes to the number of words of `index_to_key`.

        New words get uniform draws from -1 / D to 1 / D, and 0 or "" as attributes.
        """
        changes.resize(self, seed)

    def sort_by_descending_frequency(self) -> None:
        """Sort the rows by their "count", most frequent word first.

        Raises RuntimeError for the `wv` of a model, whose other tables would keep their order.
        """
        changes.sort_by_count(self)

    # Similarities ---------------------------------------------------------------------------------

    def similarity(self, w1: Key, w2: Key) -> float:
        """Return the cosine of the angle between two words, -1 to 1; 0 if a vector is zero."""
        return float(np.dot(search.unit(self[w1]), search.unit(self[w2])))

    def distance(self, w1: Key, w2: Key) -> float:
        """Return 1 - similarity."""
        return 1 - self.similarity(w1, w2)

    def n_similarity(self, ws1: Sequence[Key], ws2: Sequence[Key]) -> float:
        """Return the cosine between the means of two sets of words.

        Raises ValueError, which is also a ZeroDivisionError, if one of them is empty.
        """
        if not len(ws1) or not len(ws2):
            raise NoWords("ws1, ws2: expected at least one word in each, got none; name a word")
        means = [self.get_mean_vector(words, pre_normalize=False) for words in (ws1, ws2)]
        return float(np.dot(search.unit(means[0]), search.unit(means[1])))

    @staticmethod
    def cosine_similarities(vector_1: ArrayLike, vectors_all: ArrayLike) -> np.ndarray:
        """Return the cosines (N,) between a vector (D,) and rows (N, D), in their dtype."""
        vector, rows = np.asarray(vector_1), np.asarray(vectors_all)
        dtype = np.result_type(vector, rows, np.float16)
        return search.cosines_to_rows(vector, rows).astype(dtype)

    def distances(
        self, word_or_vector: Key | ArrayLike, other_words: Sequence[Key] = ()
    ) -> np.ndarray:
        """Return 1 - cosine to some words, or to all words, (N,), in the dtype of the vectors."""
        table = as_table(self)
        vector = search.vector_of(self, word_or_vector, "word_or_vector")
        rows = self[list(other_words)] if len(other_words) else table
        return (1 - search.cosines_to_rows(vector, rows)).astype(table.dtype)

    def get_mean_vector(
        self,
        keys: Sequence[Key | ArrayLike],
        weights: ArrayLike | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> np.ndarray:
        """Return the weighted mean (D,) of the vectors of words, or of vectors.

        The sum is divided by the sum of the absolute weights. pre_normalize brings the vectors of
        words to length 1; vectors are taken as they are. Unknown words do not count; the mean of
        none is 0.

        Raises KeyError for an unknown word unless ignore_missing, ValueError for an empty list.
        """
        return search.mean_vector(
            self, keys, weights, pre_normalize, post_normalize, ignore_missing
        )

    # Evaluation -----------------------------------------------------------------------------------

    def evaluate_word_pairs(
        self,
        pairs: str | os.PathLike[str],
        delimiter: str | None = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[evaluation.Correlation, evaluation.Correlation, float]:
        """Compare cosines with human judgements: (Pearson, Spearman, percent of unknown pairs).

        pairs: a file of lines `word, word, number`, such as WordSim-353 or SimLex-999; lines that
        begin with # or do not fit are skipped. delimiter: None finds out tabs, semicolons, commas
        or blanks, quotation marks and decimal commas. Each coefficient comes with its two-sided
        p-value, as a pair with the names `statistic` and `pvalue`.
        Pairs with an unknown word are left out, or get the cosine 0 with dummy4unknown.

        Raises ValueError if no pair is left.
        """
        return evaluation.word_pairs(
            self, pairs, delimiter, encoding, restrict_vocab, case_insensitive, dummy4unknown
        )

    def evaluate_word_analogies(
        self,
        analogies: str | os.PathLike[str],
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
        similarity_function: str = "most_similar",
    ) -> tuple[float, list[evaluation.Section]]:
        """Answer questions "a is to b as c is to ?": (share of right answers, sections).

        analogies: a file of lines `a b c answer` in sections that begin with `: name`. The answer
        is the word nearest to b - a + c other than a, b and c; with similarity_function
        "most_similar_cosmul" the first of `most_similar_cosmul([b, c], [a])`. Questions with
        unknown words are left out, or count as wrong with dummy4unknown. Sections hold the
        questions under "correct" and "incorrect"; the last one, "Total accuracy", holds all.

        Raises ValueError if the file does not begin with a section.
        """
        return evaluation.word_analogies(
            self, analogies, restrict_vocab, case_insensitive, dummy4unknown, similarity_function
        )

    def explore(
        self,
        words: Iterable[Key] | None = None,
        top: int | None = None,
        *,
        layout: str = "auto",
        seed: int = 0,
        title: str | None = None,
    ) -> Explorer:
        """Make a page with a map of words, their neighbours, analogies and axes.

        A notebook shows the page inline, and its `save(file)` writes it: one HTML file that needs
        no network. It holds the vectors of its words in float16, and finds neighbours among these
        words alone.

        words: the words to show, or None for the first rows, of which files of word2vec hold the
        most frequent words. top: how many first rows to show, by default 2000, or none beside
        `words`. layout: "tsne", "umap" or "pca"; "auto" is t-SNE where scikit-learn is installed,
        else principal components. The same seed gives the same map. title: the heading.

        Needs bokeh: pip install 'fastw2v[explore]'. Raises KeyError for a word without vector, and
        ValueError for fewer than two words, NaN, or a library that is not installed.

        >>> vectors = KeyedVectors.from_words(["sun", "moon", "dog"], [[1, 0], [0.9, 0.1], [0, 1]])
        >>> vectors.explore(layout="pca").save("page.html")  # doctest: +SKIP
        """
        from fastw2v._explorer.page import explore

        return explore(self, words, top, layout, seed, title)

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
        """Save in the fw2v format, which `load` maps instead of reading it.

        A name that ends in .npz gives an archive of numpy arrays. Two formats are for other
        programs, and fastw2v does not read them: .safetensors has the same arrays, .parquet (pip
        install "fastw2v[parquet]") the columns word, vector and one for each attribute of words.
        .txt, .vec, .gz, .bz2 and .xz, which `save_word2vec_format` writes, are refused. All but
        .parquet keep every word, NaN, attributes of words, and further attributes of the object,
        but those that ignore lists. The file appears when it is complete: a full disk or a kill
        leaves the old file. fname may also be an open binary file. separately, sep_limit and
        pickle_protocol are gensim's and have no effect.

        dtype: None saves the vectors as they are, another one those of `astype(dtype)`.

        Raises TypeError that names an attribute that is neither an array of numbers nor JSON, or
        that the format cannot hold.

        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> file = os.path.join(folder.name, "vectors.fw2v")
        >>> vectors = KeyedVectors.from_words(["sun", "moon", "dog"], [[1, 0], [0.9, 0.1], [0, 1]])
        >>> vectors.save(file, dtype="int8")
        >>> again = KeyedVectors.load(file)
        >>> again.vectors
        <CompressedRows: int8, shape (3, 2)>
        >>> again.most_similar("sun", topn=1)[0][0]
        'moon'
        >>> del again
        >>> folder.cleanup()
        """
        files.write(self, fname, dtype, list(ignore))

    @classmethod
    def load(
        cls,
        fname: str | os.PathLike[str],
        mmap: str | None = "c",
        *,
        strict: bool = False,
        dtype: DTypeLike | None = None,
    ) -> Self:
        """Open any file of word vectors; its content tells its kind.

        The kinds are files of `save` and of `Word2Vec.save`; word2vec and GloVe text with or
        without a header, and word2vec binary, each also packed by gzip, bzip2 or xz; what gensim
        0.12 to 4.4 saved (see docs/gensim-files.md); and the `cbow_params.pkl` that the book's ch04
        writes.

        mmap: applies to `save`'s format, and to the arrays that gensim puts beside a file. "c" maps
        the file and keeps changes in this process; "r" maps it read-only; None reads it. The size
        of the file is checked when it is opened. A mapped file must not be cut short or overwritten
        in place afterwards, which would end this process; `save` replaces files instead, and
        mmap=None reads them. strict: see `load_word2vec_format`; in other formats it refuses
        numbers that are not finite. dtype: returns `astype(dtype)`.

        Raises OSError if the file cannot be read, ValueError if it is of another kind or damaged.
        """
        files.check_mmap(mmap)
        found = files.read(fname, mmap, strict)
        result = cls._joined(found.rows, compressed.converted(found.table, dtype), found.attributes)
        files.set_extras(fname, result, found.content)
        return result

    def astype(self, dtype: DTypeLike) -> Self:
        """Return these words with their vectors in another dtype.

        "float32" and "float64" are tables that can be changed; they expand compressed ones.
        "float16" and "int8" are compressed: they take half and a quarter of the memory, every query
        works on them, and nothing can change them. int8 has one scale per row, its largest
        absolute number divided by 127.

        Raises ValueError for another dtype, and for numbers that the dtype cannot hold.
        """
        check_all(self)
        table = compressed.converted(self.vectors, dtype)
        table = table.copy() if table is self.vectors and isinstance(table, np.ndarray) else table
        rows = {word: row for row, word in enumerate(self.index_to_key)}
        attributes = {name: values.copy() for name, values in self.expandos.items()}
        result = type(self)._joined(rows, table, attributes)
        vars(result).update(files.extra_attributes(self))
        factors = factors_of(self, len(self))
        if factors is not None:
            result.vectors_lockf = factors
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
        datatype: DTypeLike = np.float32,
        no_header: bool | None = None,
        *,
        strict: bool = False,
    ) -> KeyedVectors:
        """Read vectors in the word2vec formats, text or binary, plain or packed.

        binary, no_header: None finds out from the content; True or False insists.
        limit: read the first rows only. unicode_errors: "strict", "replace" or "ignore", for words
        that are not UTF-8. fvocab: a file of lines `word count`, for `get_vecattr(word, "count")`.

        Rows that other programs are known to write do not end the reading. The first row of a word
        wins; rows of an empty word and empty lines are left out; numbers that are not finite and
        words like `at 3`, with a blank and a number, are kept; all rows are read whatever number
        the header says. One warning counts them. strict=True refuses such a file.

        Words come back as `save_word2vec_format` was given them, also those that it escaped.

        Raises OSError if the file cannot be read; ValueError, naming row and byte, if it is cut
        off within a row or a row has other than D numbers.
        """
        options = (binary, no_header, encoding, unicode_errors, limit, datatype, strict)
        return cls._joined(*files.read_word2vec(fname, fvocab, *options)[:3])

    def intersect_word2vec_format(
        self,
        fname: str | os.PathLike[str],
        lockf: float = 0.0,
        binary: bool | None = None,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
    ) -> int:
        """Take the vectors that a file in a word2vec format has for these words; count them.

        Words that are only in the file are left out. lockf becomes the factor of the words in
        `vectors_lockf`: 0 keeps their vectors as they are in a training, 1 trains them.

        Raises as `load_word2vec_format`, and ValueError for another dimension; nothing is then
        changed.
        """
        return files.intersect(self, fname, lockf, binary, encoding, unicode_errors)

    def save_word2vec_format(
        self,
        fname: str | os.PathLike[str],
        fvocab: str | os.PathLike[str] | None = None,
        binary: bool | None = None,
        total_vec: int | None = None,
        write_header: bool = True,
        prefix: str = "",
        append: bool = False,
        sort_attr: str = "count",
        *,
        unwritable: str = "error",
    ) -> None:
        """Write the word2vec text or binary format, which gensim reads.

        A name that ends in .bin gives the binary format, any other text, unless `binary` says
        otherwise; .gz, .bz2 or .xz at the end packs. The names of other formats are refused. Text
        has as many digits as reading the same float32 or float64 back takes; binary numbers are
        float32. The file appears under its name when it is complete, not before.

        A row cannot hold an empty word, nor one with a blank, a line feed or a lone surrogate.
        unwritable: "error" refuses them before anything is written; "skip" leaves them out, with
        one warning; "escape" writes `New␛20;York`, which the readers of fastw2v undo: U+241B, the
        code point in hexadecimal digits and a semicolon for each such character, U+241B and a
        semicolon for the empty word.

        As in gensim, words are in falling order of sort_attr, an attribute such as the "count",
        and in the order of the rows where they have none. prefix: put before each word. total_vec:
        the number of rows the header gives, where more will be appended. append: write behind the
        content of the file, which needs write_header=False; the content is copied, so a failure
        leaves the old file. fvocab: also write (or append) lines `word count` to this file.

        Raises ValueError for unwritable words, and if words have no sort_attr for fvocab.

        >>> vectors = KeyedVectors.from_words(["New York", "plain"], [[1, 2], [3, 4]])
        >>> vectors.save_word2vec_format("towns.vec", unwritable="escape")
        >>> KeyedVectors.load("towns.vec").index_to_key
        ['New York', 'plain']
        """
        options = (write_header, prefix, append, sort_attr, unwritable)
        files.write_word2vec(self, *(fname, fvocab, binary, total_vec, *options))

    def to_gensim(self) -> GensimKeyedVectors:
        """Return gensim's KeyedVectors with these words; both share the array of vectors.

        Raises ImportError if gensim is not installed.
        """
        return gensim.to_gensim(self)

    @classmethod
    def from_gensim(cls, vectors: Any) -> KeyedVectors:
        """Take over gensim's KeyedVectors, or those of a gensim model; both share the array."""
        words, table, expandos = gensim.from_gensim(vectors)
        result = cls.from_words(words, table)
        result.expandos.update(expandos)
        return result

    def __sklearn_clone__(self) -> Self:
        """Return this object, which the candidates of a grid search then share."""
        return self
