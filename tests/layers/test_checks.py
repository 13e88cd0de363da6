"""Shared checks: accepted arguments, conversions, error messages."""

import numpy as np
import pytest

from fastw2v._checks.arrays import (
    as_float,
    check_forward_ran,
    check_shape,
    check_table,
    has_plain_rows,
)
from fastw2v._checks.ids import as_ids

V = 5
INTEGERS = [np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64, ">i4", ">i8"]


@pytest.mark.parametrize("integer", INTEGERS)
def test_ids_may_have_every_integer_dtype(integer):
    for ids in (
        np.array([[0, V - 1], [2, 2]], integer),
        np.array(3, integer),
        np.zeros(0, integer),
    ):
        got = as_ids("idx", ids, V)
        assert got.dtype in (np.int32, np.int64) and got.dtype.isnative and got.shape == ids.shape
        np.testing.assert_array_equal(got, ids)
    with pytest.raises(IndexError, match=r"idx: id 5 at position \(0, 1\) .* for 5 rows; use ids"):
        as_ids("idx", np.array([[0, V]], integer), V)
    if np.dtype(integer).kind == "i":
        before = np.array([-1, 0, -V], integer)
        given = before.copy()
        assert as_ids("idx", given, V).tolist() == [V - 1, 0, 0]
        np.testing.assert_array_equal(given, before)
        with pytest.raises(IndexError, match="idx: id -6 at position 1"):
            as_ids("idx", np.array([0, -V - 1], integer), V)
        with pytest.raises(IndexError, match=r"idx: id -1 at position 2 .* use ids from 0 to 4"):
            as_ids("idx", np.array([0, 1, -1], integer), V, wrap=False)


@pytest.mark.parametrize("ids, shape", [(2, ()), ([1, 2], (2,)), ([], (0,)), ([[], []], (2, 0))])
def test_ids_may_be_numbers_and_lists(ids, shape):
    assert as_ids("idx", ids, V).shape == shape


def test_checked_ids_are_a_copy_that_no_other_code_can_change():
    writable, read_only = np.arange(V), np.arange(V, dtype=np.int32)
    read_only.setflags(write=False)
    matrix = np.arange(V).view(np.recarray)
    for ids in (writable, read_only, matrix, writable[::-1], writable[:0], np.array(3)):
        got = as_ids("idx", ids, V)
        assert not np.shares_memory(got, ids) and got.flags.c_contiguous
        assert got.tolist() == ids.tolist()


@pytest.mark.parametrize(
    "ids", [1.0, [0.5], np.zeros(0), True, [False], ["a"], [None], 1j, [2**70]], ids=str
)
def test_ids_of_other_dtypes_are_refused(ids):
    with pytest.raises(TypeError, match="idx: expected integer ids, got dtype"):
        as_ids("idx", ids, V)


def test_ids_too_large_for_int64_are_refused():
    with pytest.raises(IndexError, match="idx: id 18446744073709551615 at position 1"):
        as_ids("idx", np.array([0, 2**64 - 1], np.uint64), V)
    with pytest.raises(
        IndexError, match="idx: id 0 is out of range for 0 rows; the table is empty"
    ):
        as_ids("idx", 0, 0)


@pytest.mark.parametrize("given", [np.float16, np.float32, np.float64, np.int32, np.bool_, ">f4"])
def test_floats_are_converted_once(dtype, given):
    x = np.array([[0, 1, 1], [1, 0, 1]], given)
    for view in (x, x.T, x[::-1], x[:, ::2], x[0, 0]):
        got = as_float("x", view, dtype)
        assert type(got) is np.ndarray and got.dtype == dtype and got.dtype.isnative
        assert got.flags.c_contiguous and got.flags.aligned and got.shape == view.shape
        np.testing.assert_array_equal(got, view)
    same = np.zeros(3, dtype)
    assert as_float("x", same, dtype) is same


def test_unaligned_floats_become_aligned(dtype):
    raw = np.zeros(8 * 4 + 1, np.uint8)[1:].view(dtype)
    assert not raw.flags.aligned
    assert as_float("x", raw, dtype).flags.aligned


@pytest.mark.parametrize("bad", [np.zeros(2, complex), ["a"], [None], np.zeros(2, "M8[s]")])
def test_other_dtypes_than_numbers_are_refused(bad):
    with pytest.raises(TypeError, match="x: expected real numbers, got dtype"):
        as_float("x", bad, np.float32)


def test_a_table_is_a_floating_point_array_of_rows(dtype):
    W = np.zeros((4, 6), dtype)
    for good in (W, W[::2], W[:, 1:3], W[:0]):
        check_table("W", good)
    with pytest.raises(TypeError, match="W: expected a numpy array .* got list"):
        check_table("W", [[0.0]])
    with pytest.raises(ValueError, match=r"W: expected a table of shape \(V, D\), got shape"):
        check_table("W", W[0])
    for other in (np.int64, bool, complex):
        with pytest.raises(TypeError, match="W: expected float32 or float64, got dtype"):
            check_table("W", W.astype(other))


def test_plain_rows_are_native_and_contiguous(dtype):
    W = np.zeros((4, 6), dtype)
    for good in (W, W[::2], W[::-1], W[:, 1:3], W[:0], W[:1], W[:, :1].copy()):
        assert has_plain_rows(good)
    odd = np.zeros(4, [("pad", "i1"), ("row", dtype, 6)])["row"]  # rows apart by an odd stride
    for bad in (W[:, ::2], W.T, W.astype(np.float16), W.astype(W.dtype.newbyteorder()), odd):
        assert not has_plain_rows(bad)


def test_messages_name_the_shape_and_the_missing_forward():
    x = np.zeros((2, 3))
    check_shape("h", x, (2, 3), "that of idx")
    with pytest.raises(
        ValueError, match=r"h: expected shape \(3, 2\) \(that of idx\), got \(2, 3\)"
    ):
        check_shape("h", x, [3, 2], "that of idx")
    check_forward_ran(Named(), x)
    with pytest.raises(RuntimeError, match=r"Named\.backward: .* call forward first"):
        check_forward_ran(Named(), None)


class Named:
    pass
