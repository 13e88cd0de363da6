"""The weights of a `FastText` model in training: rows of words and n-grams, and their rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v._kernels import _word2vec
from fastw2v.fasttext.rows import NgramRows
from fastw2v.word2vec import engine
from fastw2v.word2vec.consistency import as_counts, check_model
from fastw2v.word2vec.weights import Loan, padded_weights

if TYPE_CHECKING:
    from fastw2v.fasttext.model import FastText
    from fastw2v.fasttext.vectors import FastTextKeyedVectors

# Words that share n-grams see each other's changes when a round ends. So a round is no longer than
# ROUND positions, a ROUNDS-th of the text, and the positions in which all words of an n-gram but
# the most frequent one are used SHARED times, each use weighted by the n-gram's share of its word.
# Measured with three seeds: of 1,800 words that share most of their n-grams, CBOW found 0.41 of the
# right stems with rounds of 256 or 1,024 (7.5 uses) and 0.36 with 4,096; with 363,000 words of
# Wikipedia, rounds of 4,096 (10 uses) took 0.002 from MEN and 0.001 from RW, of 1,024 nothing.
ROUND, LEAST_ROUND = 8192, 256
ROUNDS = 256
SHARED = 8.0

_COPIED = 2048  # positions from which copies of rows for each thread save more time than they take
_FIRST = 4  # n-grams of a word that decide its neighbours


def with_rows_of(table: NgramRows, buckets: np.ndarray) -> NgramRows:
    """Return a table that also keeps the rows of buckets, the initial ones where it had none."""
    missing = np.unique(buckets[table.places_of(buckets) < 0])
    if not len(missing):
        return table
    used = np.union1d(table.used, missing)
    return NgramRows(*table.shape, used, table[used], table.seed)


def _writable(table: np.ndarray) -> np.ndarray:
    return np.require(table, np.float32, ("C", "W", "A"))


class SubwordWeights(engine.Weights):
    """`Weights` whose inputs are composed; the model's own tables are trained in place."""

    wv: FastTextKeyedVectors

    def merge_stripes(self) -> None:
        """Make the tables readable: the vectors of words are composed anew when they are read."""
        super().merge_stripes()
        vars(self.wv).pop("vectors", None)


def subword_weights(model: FastText) -> SubwordWeights:
    """Return the tables of a model and its settings, as the engine needs them."""
    check_model(model)
    wv = model.wv
    V, D = len(wv), model.vector_size
    buckets, begins = wv._buckets(wv.index_to_key)
    wv.vectors_vocab = _writable(wv.vectors_vocab)
    if isinstance(wv.vectors_ngrams, NgramRows):
        table = with_rows_of(wv.vectors_ngrams, buckets)
        if not table.rows.flags.writeable:
            table = NgramRows(*table.shape, table.used, table.rows.copy(), table.seed)
        wv.vectors_ngrams = table
        rows, places = table.rows, table.places_of(buckets)
    else:
        wv.vectors_ngrams = rows = _writable(wv.vectors_ngrams)
        places = buckets
    inputs = engine.padded(np.zeros((V, D), np.float32))
    weights = padded_weights(model, inputs, SubwordWeights)
    weights.wv = wv
    weights.round = round_size(as_counts(model), model.sample, places, begins)
    if weights.round < _COPIED:
        weights.near = weights.near[:0]
    weights.subwords = _word2vec.Subwords(
        *(wv.vectors_vocab, rows, begins, places, neighbours(places, begins)),
        round=weights.round,
        gensims=bool(model.sg),
    )
    return weights


def round_size(counts: np.ndarray, sample: float, places: np.ndarray, begins: np.ndarray) -> int:
    """Return the positions of a round, about."""
    left = counts * engine.keep_thresholds(counts, sample)[0]
    lengths = np.diff(begins)
    uses = np.repeat(left / left.sum() / (1 + lengths), lengths)
    shared = 0.0
    if len(places):
        most = np.zeros(places.max() + 1)
        np.maximum.at(most, places, uses)
        shared = float((np.bincount(places, uses) - most).max())
    total = float(counts.sum(dtype=np.float64))
    return int(max(LEAST_ROUND, min(ROUND, total / ROUNDS, SHARED / max(shared, 1e-9))))


def neighbours(places: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Return all words (V,) in an order in which those that begin alike are side by side.

    The n-grams of a word are listed from its first character on, short ones first.
    """
    lengths = np.diff(begins)
    keys = np.full((_FIRST, len(lengths)), -1, np.int32)
    for n in range(_FIRST):
        longer = np.flatnonzero(lengths > n)
        keys[n, longer] = places[begins[longer] + n]
    return np.lexsort(keys[::-1]).astype(np.int32)


class SubwordLoan(Loan):
    """The weights of a `FastText` model, lent to a training.

    The rows of words and n-grams stay where they are; `wv.vectors` is composed when it is read.
    """

    def __enter__(self) -> engine.Weights:
        weights = super().__enter__()
        self.own, self.ngrams = self.wv.vectors_vocab, self.wv.vectors_ngrams
        self.rows = self._rows()
        weights.merge_stripes()
        return weights

    def _rows(self) -> Any:
        return getattr(self.ngrams, "rows", self.ngrams)

    def check(self) -> None:
        """Check, after a callback, that the model still has the tables that are trained.

        Raises RuntimeError that names the one that was replaced.
        """
        super().check()
        same = {
            "vectors_vocab": self.wv.vectors_vocab is self.own,
            "vectors_ngrams": self.wv.vectors_ngrams is self.ngrams and self._rows() is self.rows,
        }
        for name, is_same in same.items():
            if not is_same:
                raise RuntimeError(
                    f"train: expected the tables of the model to stay during a training, got "
                    f"another {name}; write into the arrays (wv.{name}[...] = ...), or end the "
                    "training first by returning True from the callback"
                )
