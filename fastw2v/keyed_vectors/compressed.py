"""Tables of float16 or int8 numbers, which are read as float32 and never expanded as a whole.

    float16    11 bits of each number, between 6e-8 and 65504
    int8       q = round(127 x / top), top the largest |x| of the row; x is read as q * scale with
               scale = top / 127, one float32 per row

A query converts a block of rows at a time, and `_ranking.rank_compressed` does so in registers.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastw2v._checks.arrays import as_search_table
from fastw2v._core.ranking import row_norms

DTYPES = ("float32", "float64", "float16", "int8")  # of a table; the last two are compressed
_BLOCK = 1 << 16  # numbers that are converted at a time
_LEAST = 2.0**-14  # below it float16 holds fewer than 11 bits


class CompressedRows:
    """A read-only table (V, D) of float16 or int8 numbers; what is read of it is float32.

    codes    (V, D) float16 or int8, mapped if the table was opened from a file
    scales   (V,) float32 by which the rows of int8 numbers are multiplied, else None
    dtype    float32, the dtype of what is read

    A row number or an array of them gives float32 rows; a slice gives a table of these rows.
    `np.asarray` and `astype` expand the whole table.

    >>> rows = compress(np.array([[1.0, -0.5], [0.0, 3.0]], np.float32), "int8")
    >>> rows.codes.tolist()
    [[127, -64], [0, 127]]
    >>> rows[1]
    array([0., 3.], dtype=float32)
    >>> rows[0] = 1
    Traceback (most recent call last):
    ValueError: vectors: expected vectors that can be changed, got int8 rows, which are \
read-only; make a copy with astype("float32"), or open the file with load(..., dtype="float32"), \
and change that
    """

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(self, codes: NDArray[Any], scales: NDArray[np.float32] | None = None) -> None:
        self.codes = codes.view()
        self.codes.flags.writeable = False
        self.scales = None if scales is None else scales.view()
        if self.scales is not None:
            self.scales.flags.writeable = False

    def __reduce__(self) -> Any:
        return CompressedRows, (np.array(self.codes), self.scales)

    @property
    def stored(self) -> str:
        """Name of the dtype of the numbers, "float16" or "int8"."""
        return self.codes.dtype.name

    @property
    def shape(self) -> tuple[int, ...]:
        """V and D."""
        return self.codes.shape

    @property
    def size(self) -> int:
        """Number of numbers, V * D."""
        return self.codes.size

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers and the scales."""
        return self.codes.nbytes + (0 if self.scales is None else self.scales.nbytes)

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        return f"<CompressedRows: {self.stored}, shape {self.shape}>"

    def __getitem__(self, at: Any) -> Any:
        """Return what an array of float32 would, or for a slice the table of these rows."""
        if isinstance(at, slice):
            return CompressedRows(self.codes[at], None if self.scales is None else self.scales[at])
        found = self.codes[at].astype(np.float32)
        if self.scales is None:
            return found
        return found * np.broadcast_to(self.scales[:, None], self.shape)[at]

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError(
                f"expected to copy, as {self.stored} rows are converted; pass copy=None"
            )
        return self.astype(np.float32 if dtype is None else dtype)

    def astype(self, dtype: DTypeLike, copy: bool = True) -> NDArray[Any]:
        """Return the whole table as a new array; `copy` is that of numpy's method."""
        out = np.empty(self.shape, dtype)
        for begin, rows in blocks(self):
            out[begin : begin + len(rows)] = rows
        return out

    def copy(self) -> NDArray[np.float32]:
        """Return the whole table as a float32 array that can be changed."""
        return self.astype(np.float32)

    def _refuse(self, *_unused: Any) -> NoReturn:
        check_expanded("vectors", self)
        raise AssertionError("not reached")

    __setitem__ = __delitem__ = _refuse
    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ifloordiv__ = __ipow__ = _refuse


def check_expanded(what: str, table: object) -> None:
    """Raise ValueError, naming what cannot be done, if a table is compressed."""
    if isinstance(table, CompressedRows):
        raise ValueError(
            f"{what}: expected vectors that can be changed, got {table.stored} rows, which are "
            'read-only; make a copy with astype("float32"), or open the file with load(..., '
            'dtype="float32"), and change that'
        )


def blocks(table: Any) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield (first row, rows) for blocks of a table, each an array of floats."""
    step = max(1, _BLOCK // max(1, table.shape[1]))
    for begin in range(0, len(table), step):
        rows = table[begin : begin + step]
        yield begin, rows[...] if isinstance(rows, CompressedRows) else rows


def table_norms(table: Any) -> NDArray[np.float64]:
    """Return the length of each row (V,)."""
    if not isinstance(table, CompressedRows):
        return row_norms(as_search_table("vectors", table))
    return np.concatenate([np.empty(0), *(row_norms(rows) for _, rows in blocks(table))])


def converted(table: Any, dtype: DTypeLike | None) -> Any:
    """Return a table in one of `DTYPES`, itself if it is in it; None leaves it as it is.

    Raises ValueError for another dtype, and for numbers that the dtype cannot hold.
    """
    if dtype is None:
        return table
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = repr(dtype)
    if name not in DTYPES:
        raise ValueError(
            f"dtype: expected one of {', '.join(map(repr, DTYPES))}, got {name}; pass one of these"
        )
    if isinstance(table, CompressedRows) and table.stored == name:
        return table
    if name in ("float16", "int8"):
        return compress(table, name)
    return (
        table.astype(name) if isinstance(table, CompressedRows) else table.astype(name, copy=False)
    )


def compress(table: Any, dtype: str) -> CompressedRows:
    """Return a table (V, D) as rows of "float16" or "int8" numbers.

    Raises ValueError, naming the row, for numbers that the dtype cannot hold. A row of numbers so
    small that float16 keeps fewer than 11 bits of the largest one is kept with a warning.
    """
    codes = np.empty(table.shape, dtype)
    scales = np.empty(len(table), np.float32) if dtype == "int8" else None
    faint, first_faint = 0, -1
    for begin, rows in blocks(table):
        at = slice(begin, begin + len(rows))
        top = np.abs(rows).max(axis=1, initial=0).astype(np.float64)
        if scales is None:
            with np.errstate(over="ignore"):
                codes[at] = rows
            _check_held(np.isinf(codes[at]).any(axis=1) & np.isfinite(top), begin, top, dtype)
            small = np.flatnonzero((top > 0) & (top < _LEAST))
            first_faint = begin + int(small[0]) if len(small) and not faint else first_faint
            faint += len(small)
        else:
            _check_held(~(top <= np.finfo(np.float32).max), begin, top, dtype)
            scales[at] = _scales(top)
            codes[at] = np.rint(rows * (127 / np.where(top == 0, 1, top))[:, None])
    if faint:
        warnings.warn(
            f"vectors: the numbers of {faint} rows, row {first_faint} first, are below "
            f"{_LEAST:.1g}, where float16 loses digits; int8 has a scale per row and does not",
            UserWarning,
            stacklevel=4,
        )
    return CompressedRows(codes, scales)


def _scales(top: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return top / 127, rounded so that 127 times it is finite and no row becomes zero."""
    scales = (top / 127).astype(np.float32)
    with np.errstate(over="ignore"):
        scales = np.where(np.isinf(scales * np.float32(127)), np.nextafter(scales, 0), scales)
    smallest = np.finfo(np.float32).smallest_subnormal
    return np.where((scales == 0) & (top > 0), smallest, scales).astype(np.float32)


def _check_held(bad: NDArray[np.bool_], begin: int, top: NDArray[np.float64], dtype: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        most = "65504" if dtype == "float16" else "3.4e38, and no NaN or infinity"
        raise ValueError(
            f"vectors: expected numbers that {dtype} holds, up to {most}, got {top[row]:g} in row "
            f'{begin + row}; save with dtype="float32", or scale the vectors'
        )
