"""The rows of buckets of n-grams: those that a training has touched, and initial rows on demand."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastw2v._checks.arrays import as_numbers
from fastw2v._checks.numbers import as_int, as_whole
from fastw2v._core import threads
from fastw2v._kernels import _subwords

_NUMBER_NS = 1.0  # serial nanoseconds to draw a number
_SPARSE = 16  # buckets for each one looked up, above which a search is faster than a map of all
_KEY = 0x66617374  # makes the draws of n-grams others than those of words with the same seed


@functools.lru_cache(64, typed=True)
def key_of(seed: int) -> int:
    """Return the key of the kernel's draws for a seed."""
    return int(np.random.SeedSequence([seed, _KEY]).generate_state(1, np.uint64)[0])


class NgramRows:
    """A table (bucket, D) of float32 that keeps in memory only the rows of some buckets.

    Another row has its initial numbers, uniform draws from -1 / D to 1 / D that depend on the seed
    and the bucket alone, and is made when it is read. Indexing returns copies; np.asarray makes
    the whole table, with the same bits.

    used    sorted buckets (R,) whose rows are kept
    rows    (R, D), these rows; a float32 array is kept without a copy
    seed    decides the other rows

    Raises TypeError or ValueError if used and rows do not fit together.

    >>> table = NgramRows(2_000_000, 3, used=[7], rows=[[1, 2, 3]])
    >>> table.shape, table[7], table[[7, 8]].shape
    ((2000000, 3), array([1., 2., 3.], dtype=float32), (2, 3))
    >>> bool((table[8] == NgramRows(100, 3)[8]).all())
    True
    """

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(
        self, bucket: int, vector_size: int, used: ArrayLike = (), rows: Any = None, seed: int = 1
    ) -> None:
        n, D = as_whole("bucket", bucket), as_int("vector_size", vector_size)
        ids = np.asarray(used)
        fits = ids.ndim == 1 and (not ids.size or ids.dtype.kind in "iu")
        fits = fits and (not ids.size or (ids[0] >= 0 and ids[-1] < n))
        if not fits or not (ids[1:] > ids[:-1]).all():
            raise ValueError(
                f"used: expected different buckets from 0 to {n - 1} in rising order, got "
                f"{used!r:.80}; pass np.unique(used)"
            )
        table = np.zeros((0, D), np.float32) if rows is None else as_numbers("rows", rows)
        if table.shape != (len(ids), D):
            raise ValueError(
                f"rows: expected shape ({len(ids)}, {D}), one row for each bucket of `used`, got "
                f"{table.shape}; pass as many rows as buckets"
            )
        self.shape, self.seed = (n, D), as_whole("seed", seed)
        self._used = np.ascontiguousarray(ids, np.int32).view()
        self._used.flags.writeable = False  # a search needs their order
        self._rows = np.ascontiguousarray(table, np.float32)

    def __repr__(self) -> str:
        return f"<NgramRows: shape {self.shape}, {len(self.used)} rows in memory>"

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def used(self) -> np.ndarray:
        """The buckets (R,) whose rows are kept, sorted and read-only."""
        return self._used

    @property
    def rows(self) -> np.ndarray:
        """The live array (R, D) of these rows."""
        return self._rows

    @property
    def limit(self) -> float:
        """The bound of the numbers of initial rows, 1 / D."""
        return 1 / self.shape[1]

    @property
    def key(self) -> int:
        """The key of the draws of initial rows."""
        return key_of(self.seed)

    def __getitem__(self, buckets: Any) -> np.ndarray:
        """Return a copy of the row (D,) of a bucket, or of the rows (N, D) of several.

        buckets: a whole number, a slice, or integers (N,); negative ones count from the end.
        Raises IndexError for a bucket out of range.
        """
        n = self.shape[0]
        if isinstance(buckets, slice):
            ids = np.arange(*buckets.indices(n))
        else:
            ids = np.asarray(buckets)
            if ids.size == 0:
                ids = ids.astype(np.int64)
            if ids.dtype.kind not in "iu" or ids.ndim > 1:
                raise TypeError(
                    f"buckets: expected a whole number, several of them or a slice, got "
                    f"{buckets!r:.60}; pass integers"
                )
        bad = (ids < -n) | (ids >= n)
        if bad.any():
            first = int(np.atleast_1d(ids)[np.atleast_1d(bad)][0])
            raise IndexError(
                f"buckets: id {first} is out of range for a table of {n} rows; check the ids"
            )
        found = self._rows_of(np.atleast_1d(np.where(ids < 0, ids + n, ids)).astype(np.int32))
        return found[0] if ids.ndim == 0 else found

    def places_of(self, buckets: np.ndarray) -> np.ndarray:
        """Return where in `rows` those of buckets (N,) are, as int32; -1 for one that is not kept.

        >>> NgramRows(100, 1, used=[3, 7], rows=[[1], [2]]).places_of(np.array([7, 3, 8]))
        array([ 1,  0, -1], dtype=int32)
        """
        used = self.used
        if len(self) <= _SPARSE * len(buckets):
            place = np.full(len(self), -1, np.int32)
            place[used] = np.arange(len(used), dtype=np.int32)
            return place[buckets]
        places = np.searchsorted(used, buckets).astype(np.int32)
        is_kept = places < len(used)
        is_kept[is_kept] = used[places[is_kept]] == buckets[is_kept]
        return np.where(is_kept, places, np.int32(-1))

    def _rows_of(self, buckets: np.ndarray) -> np.ndarray:
        """Return the rows (N, D) of buckets (N,) that exist."""
        rows = np.empty((len(buckets), self.shape[1]), np.float32)
        n_parts = threads.parts(_NUMBER_NS * rows.size)
        _subwords.draw_rows(rows, buckets, self.key, self.limit, n_parts)
        if len(self.used):
            places = self.places_of(buckets)
            kept = places >= 0
            rows[kept] = self.rows[places[kept]]
        return rows

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """Return the whole table (bucket, D). Raises ValueError for copy=False."""
        if copy is False:
            raise ValueError("NgramRows: no array holds these rows; leave copy=False out")
        whole = self[:]
        return whole if dtype is None else whole.astype(dtype, copy=False)
