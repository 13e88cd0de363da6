"""Document vectors for scikit-learn: `WordVectorizer` turns texts into means of word vectors.

It needs scikit-learn: pip install "fastw2v[sklearn]".

>>> texts = ["the sun and the moon", "a dog and a cat", "the moon and a star"] * 20
>>> vectorizer = WordVectorizer(vector_size=8, min_count=1, random_state=0)
>>> vectorizer.fit_transform(texts).shape
(60, 8)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from fastw2v._checks.numbers import as_number, check_one_of
from fastw2v.datasets.splitter import Splitter
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.keyed_vectors.consistency import check_all
from fastw2v.word2vec import Word2Vec

try:
    from scipy.sparse import csr_matrix
    from sklearn.base import (
        BaseEstimator,
        ClassNamePrefixFeaturesOutMixin,
        TransformerMixin,
    )
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ImportError(
        "fastw2v.sklearn: needs scikit-learn, which is not installed; "
        "pip install 'fastw2v[sklearn]'"
    ) from error

__all__ = ["WordVectorizer"]

Document = str | Iterable[str]
Pretrained = KeyedVectors | Word2Vec | str | os.PathLike[str]

_AT_ONCE = 1 << 20  # words whose vectors are added up in one product
_CURE = "pass a list with a str, or a list of words, for each document"


class WordVectorizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turn documents into the means of the vectors of their words.

    A document is a str, which `splitter` cuts into words, or a list of words. `fit` trains
    `Word2Vec` on the documents, unless `vectors` are given.

    vectors         None; or `KeyedVectors`, a `Word2Vec` model, or the name of a file of either,
                    which are used as they are
    weighting       "mean": all words of a document count alike. "sif": a word w has the weight
                    sif_a / (sif_a + p(w)), where p(w) is its share of the text (smooth inverse
                    frequency). The counts of the vectors decide it, or those of the documents given
                    to `fit` where the vectors have none
    sif_a           the constant of "sif", above 0
    remove_common   True subtracts the component that the documents given to `fit` have in common,
                    their first singular vector
    unknown         the row of a document without a known word: "zero", "nan", or "error", which
                    raises ValueError
    splitter        a `datasets.Splitter`, or a function that returns the words of a str; None is
                    the splitter of the vectors, and `Splitter()` where they have none
    vector_size, window, min_count, sg, negative, epochs, alpha, sample, workers
                    see `Word2Vec`; without effect if `vectors` are given
    settings        further keyword arguments of `Word2Vec` as a dict, such as {"hs": 1}
    random_state    a number makes results reproducible for any number of workers. None or a
                    RandomState draws a seed

    Attributes after `fit`: `vectors_` (`KeyedVectors`), `word_weights_` (V,), and `component_`
    (D,), which is None unless remove_common.

    `clone` shares `KeyedVectors` instead of copying them, so a grid search does not need memory for
    each candidate.

    Raises TypeError or ValueError that names a document of another type, or a setting.

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> texts = ["sun and moon", "moon and star", "dog and cat", "cat and cow"] * 10
    >>> vectorizer = WordVectorizer(weighting="sif", vector_size=8, min_count=1, random_state=0)
    >>> model = make_pipeline(vectorizer, LogisticRegression()).fit(texts, [0, 0, 1, 1] * 10)
    >>> model.predict(["a star", "a cow"]).tolist()
    [0, 1]
    """

    def __init__(
        self,
        vectors: Pretrained | None = None,
        *,
        weighting: str = "mean",
        sif_a: float = 1e-3,
        remove_common: bool = False,
        unknown: str = "zero",
        splitter: Splitter | Callable[[str], Iterable[str]] | None = None,
        vector_size: int = 100,
        window: int = 5,
        min_count: int = 5,
        sg: int = 0,
        negative: int = 5,
        epochs: int = 5,
        alpha: float | None = None,
        sample: float = 1e-3,
        workers: int | None = None,
        settings: Mapping[str, Any] | None = None,
        random_state: Any = None,
    ) -> None:
        self.vectors = vectors
        self.weighting = weighting
        self.sif_a = sif_a
        self.remove_common = remove_common
        self.unknown = unknown
        self.splitter = splitter
        self.vector_size = vector_size
        self.window = window
        self.min_count = min_count
        self.sg = sg
        self.negative = negative
        self.epochs = epochs
        self.alpha = alpha
        self.sample = sample
        self.workers = workers
        self.settings = settings
        self.random_state = random_state

    def fit(self, X: Iterable[Document], y: object = None) -> WordVectorizer:
        """Train on documents, or take the given vectors; return self. y has no effect."""
        self._fit(X)
        return self

    def fit_transform(self, X: Iterable[Document], y: object = None) -> np.ndarray:
        """Do `fit` and `transform` of the same documents, whose words are cut once."""
        return self._finished(*self._fit(X))

    def transform(self, X: Iterable[Document]) -> np.ndarray:
        """Return the vectors (N, D) of N documents, in the dtype of the word vectors.

        The row of a document without a known word follows `unknown`.
        """
        check_is_fitted(self, "vectors_")
        self._check_settings()
        return self._finished(*self._means(self._documents(X)))

    # ---- fit

    def _check_settings(self) -> None:
        check_one_of("weighting", self.weighting, ("mean", "sif"))
        check_one_of("unknown", self.unknown, ("zero", "nan", "error"))
        if not as_number("sif_a", self.sif_a) > 0:
            raise ValueError(f"sif_a: expected a number above 0, got {self.sif_a}; pass e.g. 1e-3")
        if self.splitter is not None and not (
            isinstance(self.splitter, Splitter) or callable(self.splitter)
        ):
            raise TypeError(
                f"splitter: expected a Splitter, a function or None, got "
                f"{type(self.splitter).__name__}; pass fastw2v.datasets.Splitter()"
            )

    def _fit(self, X: Iterable[Document]) -> tuple[np.ndarray, np.ndarray]:
        """Set the attributes of `fit`; return the means of the documents as `_means` does."""
        self._check_settings()
        given = None if self.vectors is None else _as_vectors(self.vectors)
        split = self.splitter or getattr(given, "splitter", None) or Splitter()
        self._split = split.split_words if isinstance(split, Splitter) else split
        documents = self._documents(X)
        if not documents:
            raise ValueError(f"X: expected at least one document, got none; {_CURE}")
        vectors = self._trained(documents, split) if given is None else given
        self.vectors_ = vectors
        self._n_features_out = vectors.vector_size
        self.word_weights_ = self._word_weights(documents)
        self.component_: np.ndarray | None = None
        means, known = self._means(documents)
        if self.remove_common and known.any():
            self.component_ = _first_component(means)
        return means, known

    def _documents(self, X: Iterable[Document]) -> list[list[str]]:
        """Return the words of each document."""
        if isinstance(X, str | bytes | Mapping) or not isinstance(X, Iterable):
            raise ValueError(
                f"X: expected an iterable of documents, got {type(X).__name__}; {_CURE}"
            )
        shape = getattr(X, "shape", (0,))
        if len(shape) != 1:
            raise ValueError(
                f"X: expected one dimension, got shape {shape}; pass one column, such as "
                'X["text"], or its name in a ColumnTransformer without brackets'
            )
        return [self._words(k, document) for k, document in enumerate(X)]

    def _words(self, k: int, document: Any) -> list[str]:
        if isinstance(document, str):
            return list(self._split(document))
        if isinstance(document, list | tuple | np.ndarray):
            words = document.tolist() if isinstance(document, np.ndarray) else list(document)
            if all(isinstance(word, str | int) for word in words):
                return words
        raise TypeError(
            f"X: expected a str or a list of words for document {k}, got "
            f"{_described(document)}; leave it out, or pass '' or []"
        )

    def _trained(self, documents: list[list[str]], split: Any) -> KeyedVectors:
        """Return the vectors of a training on the documents."""
        names = ("vector_size", "window", "min_count", "sg", "negative", "epochs", "alpha")
        options = {name: getattr(self, name) for name in (*names, "sample", "workers")}
        options["seed"] = int(check_random_state(self.random_state).randint(2**31 - 1))
        options["deterministic"] = self.random_state is not None
        wv = Word2Vec(documents, **options | dict(self.settings or {})).wv
        wv.splitter = split if isinstance(split, Splitter) else None
        return wv

    def _word_weights(self, documents: list[list[str]]) -> np.ndarray:
        """Return the weight (V,) of each word in the mean of a document."""
        vectors = self.vectors_
        if self.weighting == "mean":
            return np.ones(len(vectors), np.float32)
        counts = vectors.expandos.get("count")
        if counts is None:
            ids = np.fromiter(self._ids(documents), np.int64)
            counts = np.bincount(ids[ids >= 0], minlength=len(vectors))
        shares = counts / max(counts.sum(), 1)
        return (self.sif_a / (self.sif_a + shares)).astype(np.float32)

    # ---- transform

    def _ids(self, documents: Iterable[list[str]]) -> Iterator[int]:
        """Yield the row of each word, -1 for one that is not known."""
        find = self.vectors_.key_to_index.get
        return (find(word, -1) for words in documents for word in words)

    def _means(self, documents: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
        """Return the weighted means (N, D), zeros for unknown documents, and which are known (N,).

        The common component is still in them.
        """
        table, V = self.vectors_.vectors, len(self.vectors_)
        dtype = table.dtype if table.dtype == np.float64 else np.dtype(np.float32)
        means = np.zeros((len(documents), self.vectors_.vector_size), dtype)
        known = np.zeros(len(documents), bool)
        for begin, end in _parts(documents):
            part = documents[begin:end]
            ids = np.fromiter(self._ids(part), np.int64)
            found = ids >= 0
            # Words of each document, and of all documents before it.
            ends = np.concatenate([[0], np.cumsum(found)])
            ends = ends[np.cumsum([0, *map(len, part)])]
            ids, lengths = ids[found], np.diff(ends)
            weights = self.word_weights_[ids] / np.repeat(lengths, lengths)
            if isinstance(table, np.ndarray):
                rows, columns = table.astype(dtype, copy=False), V
            else:  # compressed rows are expanded where they are needed
                words, ids = np.unique(ids, return_inverse=True)
                rows, columns = np.asarray(table[words], dtype), len(words)
            sums = csr_matrix((weights.astype(dtype), ids, ends), (len(part), columns))
            means[begin:end] = sums @ rows
            known[begin:end] = lengths > 0
        return means, known

    def _finished(self, means: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Return means without the common component, with the rows of unknown documents."""
        if self.unknown == "error" and not known.all():
            raise ValueError(
                f"X: document {int(np.argmin(known))} has no known word; leave it out, or pass "
                "unknown='zero'"
            )
        if self.component_ is not None:
            means -= (means @ self.component_)[:, None] * self.component_
        if self.unknown == "nan":
            means[~known] = np.nan
        return means

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _as_vectors(vectors: Any) -> KeyedVectors:
    if isinstance(vectors, str | os.PathLike):
        return KeyedVectors.load(vectors)
    found = vectors.wv if isinstance(vectors, Word2Vec) else vectors
    if not isinstance(found, KeyedVectors):
        raise TypeError(
            f"vectors: expected KeyedVectors, a Word2Vec model, the name of a file or None, got "
            f"{type(vectors).__name__}; pass one of these"
        )
    check_all(found)
    return found


def _described(document: Any) -> str:
    if isinstance(document, list | tuple | np.ndarray):
        odd = next(word for word in document if not isinstance(word, str | int))
        return f"a list with a {type(odd).__name__}"
    return "NaN" if document != document else type(document).__name__


def _parts(documents: list[list[str]]) -> Iterator[tuple[int, int]]:
    """Yield ranges of documents that have about _AT_ONCE words each."""
    begin = size = 0
    for k, words in enumerate(documents):
        size += len(words)
        if size >= _AT_ONCE:
            yield begin, k + 1
            begin, size = k + 1, 0
    if begin < len(documents):
        yield begin, len(documents)


def _first_component(means: np.ndarray) -> np.ndarray:
    """Return the first right singular vector (D,) of means (N, D)."""
    exact = means.astype(np.float64)
    component = np.linalg.eigh(exact.T @ exact)[1][:, -1]
    return component.astype(means.dtype)
