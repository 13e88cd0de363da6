"""Searches of a table for the rows nearest to vectors by cosine, of which one kernel does the work.

The kernel is called a few times where there are many queries, so that Ctrl-C is handled in between.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._core import threads
from fastw2v._kernels import _ranking, specialise

__all__ = ["best_rows", "row_norms"]

_MAC_NS = 0.031  # serial nanoseconds of a multiply-add where many queries are ranked
_LONGEST_NS = 4e8  # serial nanoseconds of one call
_FEWEST_QUERIES = 64  # fewest queries per call when a search takes several calls
_SPARE = 32  # rows beyond k of a compressed table whose cosines are computed in double


def row_norms(table: NDArray[Any]) -> NDArray[np.float64]:
    """Return the length of each row (V,) of a float32 or float64 table, in double."""
    out = np.empty(len(table))
    specialise(_ranking.row_norms)[table.dtype](out, table, threads.parts(table.size // 4))
    return out


def _units(queries: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the queries (Q, D) divided by their lengths; a query of zeros stays one."""
    lengths = row_norms(queries)
    if len(queries) == 1 and 0 < lengths[0] < math.inf:  # nothing to make up for: it saves 5 us
        return queries / lengths
    lengths[lengths == 0] = 1
    with np.errstate(invalid="ignore"):  # infinite queries become NaN and list nothing
        return queries / lengths[:, None]


def best_rows(
    table: NDArray[Any],
    queries: NDArray[np.floating[Any]],
    k: int,
    exclude: NDArray[np.int64],
    *,
    units: bool = False,
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return ids and cosines (Q, k) of the k rows nearest to each query (D,), best first.

    table: as `as_search_table` returns it, or float16 or int8 rows. exclude: ids (Q, E) that are
    not listed for that query. units: whether the queries have length one already. Where no row is
    left, the id is -1 and the cosine -inf.
    """
    Q, (V, D) = len(queries), table.shape
    dtype = np.dtype(np.float64 if table.dtype == np.float64 else np.float32)
    compressed = table.dtype != dtype
    if table.dtype == np.float16:
        table = table.view(np.uint16)
    kernel = specialise(_ranking.rank_compressed if compressed else _ranking.rank)[table.dtype]
    given = (queries if units else _units(queries)).astype(dtype, copy=False)
    ids, scores = np.empty((Q, k), np.int64), np.empty((Q, k), dtype)
    candidates = min(k + _SPARE, V) if compressed else k
    # Each call has enough queries to make up for reading the table.
    pieces = max(1, min(int(Q * V * D * _MAC_NS / _LONGEST_NS), Q // _FEWEST_QUERIES))
    for piece in range(pieces):
        some = slice(Q * piece // pieces, Q * (piece + 1) // pieces)
        q = some.stop - some.start
        n_parts = threads.parts(q * V * (5 + D // 8))
        lists = (n_parts, q, candidates)
        scratch = np.empty(lists, np.int64), np.empty(lists, dtype)
        kernel(ids[some], scores[some], *scratch, table, given[some], exclude[some], n_parts)
    return ids, scores
