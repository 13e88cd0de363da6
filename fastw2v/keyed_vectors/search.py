"""Nearest words: queries from words and vectors, and the ranking of rows by cosine.

`KeyedVectors` has a method for each public function; its docstring states the contract.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from fastw2v._checks.arrays import as_numbers, as_search_table, check_shape
from fastw2v._checks.numbers import as_int, as_whole
from fastw2v._core.ranking import best_rows
from fastw2v.keyed_vectors.compressed import CompressedRows, blocks
from fastw2v.keyed_vectors.consistency import as_table, row_of, words_of

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from fastw2v.keyed_vectors.vectors import KeyedVectors

Key = str | int
_KEY = (str, int, np.integer)
Entry = ArrayLike | tuple[ArrayLike, float]  # a word, a vector, or one of these with its weight
Query = Entry | Sequence[Entry]
Found = list[tuple[str, float]]

_COSMUL_EPS = 1e-6  # of Levy and Goldberg, so that no product is divided by zero


# Vectors and queries ------------------------------------------------------------------------------


def is_key(entry: Any) -> TypeGuard[Key]:
    """Tell a word or a row number from a vector."""
    return isinstance(entry, _KEY)


def as_entries(name: str, entries: Any) -> list[Any]:
    """Return several words or vectors as a list."""
    if isinstance(entries, Iterable) and not isinstance(entries, bytes | bytearray):
        return list(entries)
    raise TypeError(
        f"{name}: expected a word (str), a row (int) or a list of them, got "
        f"{type(entries).__name__} {entries!r:.80}; "
        f"{'pass a str' if entries is None else 'convert it with str, or decode bytes'}"
    )


def unit(vector: np.ndarray) -> np.ndarray:
    """Return the vector in double with length 1; zeros stay zeros.

    The squares of float16 would overflow in their own dtype.
    """
    wide = vector.astype(np.float64)
    length = np.sqrt(np.dot(wide, wide))
    return wide / length if length > 0 else wide


def normalized(vector: np.ndarray) -> np.ndarray:
    """Return the vector in its own dtype with length 1; zeros stay zeros."""
    return unit(vector).astype(vector.dtype)


def unit_rows(table: np.ndarray) -> np.ndarray:
    """Return the rows in double, each with length 1; zeros stay zeros."""
    rows = table.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(lengths == 0, 1, lengths)


def cosines_to_rows(vector: np.ndarray, rows: np.ndarray | CompressedRows) -> np.ndarray:
    """Return the cosines (N,) between a vector (D,) and rows (N, D), in double."""
    return products_with_rows(unit(vector), rows)


def products_with_rows(vector: np.ndarray, rows: np.ndarray | CompressedRows) -> np.ndarray:
    """Return the products (N,), in double, of a vector (D,) with rows (N, D) of length 1."""
    out, wanted = np.empty(len(rows)), vector.astype(np.float64)
    for begin, block in blocks(rows):
        wide = block.astype(np.float64)
        lengths = np.sqrt(np.vecdot(wide, wide))
        products = np.vecdot(wide, wanted)
        out[begin : begin + len(wide)] = products / np.where(lengths == 0, 1, lengths)
    return out


def mean_query(
    vectors: KeyedVectors, positive: Query | None, negative: Query | None
) -> tuple[np.ndarray, list[int]]:
    """Return the mean of the weighted entries, in double, and the rows of their words.

    Words have length 1, to the precision of float32 or better, so that a word and the vector that
    `get_vector(word, norm=True)` returns get the same bits. Vectors are taken as they are.
    """
    entries = _weighted(positive, 1.0) + _weighted(negative, -1.0)
    if not entries:
        raise ValueError("positive: expected a word or a vector, got none; name a word")
    mean, rows = np.zeros(as_table(vectors).shape[1]), []
    for what, weight in entries:
        mean += weight * term_of(vectors, what)
        row = row_of(vectors, what) if is_key(what) else None
        if row is not None:
            rows.append(row)
    return mean / len(entries), rows


def term_of(vectors: KeyedVectors, what: Any) -> np.ndarray:
    """Return an entry as it counts in a query: a word with length 1, a vector as it is."""
    vector = vector_of(vectors, what)
    if not is_key(what):
        return vector
    return normalized(vector.astype(np.promote_types(vector.dtype, np.float32), copy=False))


def mean_vector(
    vectors: KeyedVectors,
    keys: Sequence[Any],
    weights: ArrayLike | None,
    pre_normalize: bool,
    post_normalize: bool,
    ignore_missing: bool,
) -> np.ndarray:
    """See `KeyedVectors.get_mean_vector`."""
    if isinstance(keys, str | bytes):
        raise TypeError(
            f"keys: expected a list of words or vectors, got {type(keys).__name__}; pass [{keys!r}]"
        )
    if not len(keys):
        raise ValueError("keys: expected at least one word or vector, got none; name a word")
    shares = np.ones(len(keys)) if weights is None else np.asarray(weights, np.float64)
    if shares.shape != (len(keys),):
        raise ValueError(
            f"weights: expected shape ({len(keys)},), got {shares.shape}; give one weight per key"
        )
    table = as_table(vectors)
    mean, total = np.zeros(table.shape[1]), 0.0
    for key, share in zip(keys, shares.tolist(), strict=True):
        if is_key(key) and ignore_missing and key not in vectors:
            continue
        wide = vector_of(vectors, key, "keys").astype(np.float64)
        mean += share * (unit(wide) if pre_normalize and is_key(key) else wide)
        total += abs(share)
    mean /= total or 1.0
    return (unit(mean) if post_normalize else mean).astype(table.dtype)


def _weighted(entries: Query | None, sign: float) -> list[tuple[Any, float]]:
    """Return (word or vector, weight) pairs; a weight that was given keeps its own sign.

    An array of two dimensions is several vectors, and a tuple is one weighted entry.
    """
    if entries is None:
        return []
    lone = is_key(entries) or isinstance(entries, tuple)
    lone = lone or (isinstance(entries, np.ndarray) and entries.ndim == 1)
    listed: list[Any] = [entries] if lone else as_entries("positive, negative", entries)
    return [entry if isinstance(entry, tuple) else (entry, sign) for entry in listed]


def vector_of(vectors: KeyedVectors, what: Any, name: str = "positive, negative") -> np.ndarray:
    """Return the vector (D,) of a word, or the vector that was given in its place."""
    vector = vectors[what] if is_key(what) else as_numbers(name, what)
    if vector.shape != (vectors.vector_size,):
        raise ValueError(
            f"{name}: expected a word or a vector ({vectors.vector_size},), got shape "
            f"{vector.shape}; pass one vector, or a list of them"
        )
    return vector


# Ranking ------------------------------------------------------------------------------------------


def as_topn(topn: Any) -> int:
    """Return a number of answers; a negative one asks for none, as in gensim."""
    return max(0, as_whole("topn", topn, low=-(2**63)))


def most_similar(
    vectors: KeyedVectors,
    positive: Query | None,
    negative: Query | None,
    topn: int | None,
    clip: tuple[int, int | None, int | None],
    indexer: Any,
) -> Found | np.ndarray:
    """See `KeyedVectors.most_similar`. clip: clip_start, clip_end and restrict_vocab."""
    if topn is not None:
        topn = as_topn(topn)
        if topn < 1:
            return []
    mean, given = mean_query(vectors, positive, negative)
    first, last = _rows_searched(len(vectors), *clip)
    table = as_table(vectors)
    if topn is None:
        return cosines_to_rows(mean, table[first:last]).astype(table.dtype)
    if indexer is not None:
        found: Found = indexer.most_similar(unit(mean).astype(table.dtype), topn)
        return found
    return ranked(vectors, mean[None], topn, [given], first, last)[0]


def most_similar_many(
    vectors: KeyedVectors,
    queries: Sequence[Query] | np.ndarray,
    topn: int,
    clip: tuple[int, int | None, int | None],
) -> list[Found]:
    """See `KeyedVectors.most_similar_many`."""
    topn = as_topn(topn)
    entries = list(queries)
    if not entries or topn < 1:
        return [[] for _ in entries]
    rows, given = np.empty((len(entries), as_table(vectors).shape[1])), []
    for i, entry in enumerate(entries):
        rows[i], words = mean_query(vectors, entry, None)
        given.append(words)
    return ranked(vectors, rows, topn, given, *_rows_searched(len(vectors), *clip))


def ranked(
    vectors: KeyedVectors,
    queries: np.ndarray,
    topn: int,
    exclude: Sequence[Sequence[int]],
    first: int,
    last: int,
) -> list[Found]:
    """Return for each query (D,) the topn nearest words among the rows from first to last.

    exclude: for each query the rows that are left out.
    """
    table = _searchable(as_table(vectors)[first:last])
    check_shape("queries", queries, (len(queries), table.shape[1]), "D numbers a row of vectors")
    never = np.full((len(queries), max(map(len, exclude), default=0)), -1, np.int64)
    for row, rows in zip(never, exclude, strict=True):
        row[: len(rows)] = np.asarray(rows, np.int64) - first
    ids, scores = best_rows(table, queries, min(topn, len(table)), never)
    answers = []
    for found, cosines in zip(ids.tolist(), scores.tolist(), strict=True):
        rows = [first + row for row in found if row >= 0]  # -1, at the end: no row left
        answers.append(list(zip(words_of(vectors, rows), cosines, strict=False)))
    return answers


def _searchable(table: Any) -> np.ndarray:
    """Return a table (V, D) as the array that `best_rows` searches."""
    if isinstance(table, CompressedRows):
        table = table.codes
    if table.dtype in (np.float16, np.int8):
        return np.require(table, requirements=["C", "A"])  # kernels read aligned numbers
    return as_search_table("vectors", table)


def most_similar_cosmul(
    vectors: KeyedVectors,
    positive: Query | None,
    negative: Query | None,
    topn: int | None,
    restrict_vocab: int | None,
) -> Found | np.ndarray:
    """See `KeyedVectors.most_similar_cosmul`."""
    if topn is not None:
        topn = as_topn(topn)
        if topn < 1:
            return []
    weighted = [_weighted(side, 1.0) for side in (positive, negative)]
    if any(weight != 1 for side in weighted for _, weight in side):
        raise ValueError(
            "positive, negative: expected words or vectors without weights, which a product of "
            "cosines does not have; pass the words alone, or call most_similar"
        )
    given = [[what for what, _ in side] for side in weighted]
    exclude = {row_of(vectors, what) for side in given for what in side if is_key(what)}
    table = as_table(vectors)
    sides = [[term_of(vectors, what) for what in side] for side in given]
    if not sides[0]:
        raise ValueError("positive: expected a word or a vector, got none; name a word")
    _, last = _rows_searched(len(vectors), 0, None, restrict_vocab)
    products = np.ones((2, last))
    for product, side in zip(products, sides, strict=True):
        for vector in side:
            product *= (1 + products_with_rows(vector, table[:last])) / 2
    scores = products[0] / (products[1] + _COSMUL_EPS)
    if topn is None:
        return scores.astype(table.dtype)
    order = [row for row in np.argsort(-scores, kind="stable").tolist() if row not in exclude]
    best = order[:topn]
    return list(zip(words_of(vectors, best), scores[best].tolist(), strict=True))


def _rows_searched(
    V: int, clip_start: int, clip_end: int | None, restrict_vocab: int | None
) -> tuple[int, int]:
    """Return the first row and the one behind the last; restrict_vocab overrides the clips.

    As in gensim, restrict_vocab=0 restricts nothing.
    """
    if restrict_vocab:
        clip_start, clip_end = 0, as_whole("restrict_vocab", restrict_vocab)
    first, last, _ = slice(clip_start, clip_end or None).indices(V)
    return first, max(first, last)


# Words compared with each other -------------------------------------------------------------------


def closer_than(vectors: KeyedVectors, key1: Key, key2: Key) -> list[str]:
    """See `KeyedVectors.closer_than`."""
    cosines = cosines_to_rows(vectors[key1], as_table(vectors))
    first, second = row_of(vectors, key1), row_of(vectors, key2)
    # Words that are composed have no row.
    closer = cosines > (vectors.similarity(key1, key2) if second is None else cosines[second])
    if first is not None:
        closer[first] = False
    return words_of(vectors, np.flatnonzero(closer).tolist())


def by_centrality(
    vectors: KeyedVectors, words: Sequence[Key], use_norm: bool
) -> list[tuple[float, str]]:
    """See `KeyedVectors.rank_by_centrality`."""
    used: list[Any] = [word for word in words if word in vectors]
    if len(used) < len(words):
        unknown = [word for word in words if word not in vectors]
        _log.warning("rank_by_centrality: these words are unknown and do not count: %s", unknown)
    if not used:
        raise ValueError(
            f"words: expected words that are there, got none of {len(list(words))}; check them"
        )
    rows = [unit(vectors[word]) if use_norm else vectors[word] for word in used]
    mean = unit(np.mean(rows, axis=0))
    scored = [(float(np.dot(row, mean)), word) for row, word in zip(rows, used, strict=True)]
    return sorted(scored, reverse=True)


def relative_similarity(vectors: KeyedVectors, wa: Key, wb: Key, topn: int) -> float:
    """See `KeyedVectors.relative_cosine_similarity`."""
    nearest = vectors.similar_by_word(wa, as_int("topn", topn))
    if not nearest:
        raise ValueError(f"wa: expected a word beside {wa!r}, got vectors of no other; add words")
    return vectors.similarity(wa, wb) / sum(cosine for _, cosine in nearest)
