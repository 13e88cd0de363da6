"""Changes of rows against `fastw2v.reference.changes`, in 1, 2, 3 and 7 parts."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fastw2v._kernels import _changes
from fastw2v.reference.changes import as_bfloat16, as_float32, merged_row
from fastw2v.word2vec.changes import (
    CURVATURE,
    Rows,
    add_changes,
    changed_ids,
    merge_rows,
    merge_tables,
    take_changes,
)

WIRES = ("bfloat16", "float32")


def tables(rng, V, D, share=0.4):
    """Return a padded table, its copy before some of its rows changed, and their ids."""
    before = rng.standard_normal((V, D + 3)).astype(np.float32)[:, :D]
    now = np.zeros((V, D + 5), np.float32)[:, :D]
    now[...] = before
    ids = np.flatnonzero(rng.random(V) < share).astype(np.int32)
    now[ids] += rng.standard_normal((len(ids), D)).astype(np.float32)
    return now, before, ids


def sent(numbers, wire):
    return as_bfloat16(numbers) if wire == "bfloat16" else np.float32(numbers)


def random_rows(rng, V, D, wire, share=0.5):
    ids = np.flatnonzero(rng.random(V) < share).astype(np.int32)
    numbers = sent(rng.standard_normal((len(ids), D)).astype(np.float32), wire)
    return Rows(ids, numbers, rng.integers(0, 300, len(ids)).astype(np.uint32))


def expected_rows(changes, rate, counted):
    """Return {id: merged change in float64} by the reference."""
    found = {}
    for row in sorted({int(i) for change in changes for i in change.ids}):
        at = [(change, int(np.searchsorted(change.ids, row))) for change in changes]
        at = [(change, i) for change, i in at if i < len(change.ids) and change.ids[i] == row]
        moved = [as_float32(change.numbers)[i].astype(np.float64) for change, i in at]
        updates = [change.updates[i] for change, i in at] if counted else None
        found[row] = merged_row(moved, updates, CURVATURE * rate)
    return found


@pytest.mark.parametrize("n_parts", N_PARTS)
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("V", "D"), [(1, 1), (50, 7), (130, 16), (61, 65)])
def test_changes_are_found_taken_and_added(rng, V, D, wire, n_parts):
    now, before, ids = tables(rng, V, D)
    after, start = now.copy(), before.copy()
    assert_same_bits(changed_ids(now, before, n_parts), ids)
    numbers = take_changes(now, before, ids, wire, n_parts)
    assert_same_bits(numbers, sent(after[ids] - start[ids], wire))
    assert_same_bits(now.copy(), start)
    assert_same_bits(before.copy(), start)
    add_changes(now, before, Rows(ids, numbers), n_parts)
    start[ids] += as_float32(numbers)
    assert_same_bits(now.copy(), start)
    assert_same_bits(before.copy(), start)


def test_any_other_bit_is_a_change():
    before = np.array([[0.0, 1.0], [np.nan, 1.0], [np.inf, 0.0], [1.0, 2.0]], np.float32)
    now = before.copy()
    now[0, 0], now[3, 1] = -0.0, np.nextafter(np.float32(2), np.float32(3))
    assert changed_ids(now, before).tolist() == [0, 3]


@given(arrays.arrays(np.uint32, st.integers(0, 40), elements=st.integers(0, 2**32 - 1)))
def test_every_float_is_rounded_as_by_the_reference(bits):
    after = np.ascontiguousarray(bits.view(np.float32).reshape(1, -1))
    now, before = after.copy(), np.zeros_like(after)
    numbers = take_changes(now, before, np.zeros(1, np.int32), "bfloat16")
    with np.errstate(invalid="ignore"):  # a signalling NaN becomes quiet in the subtraction
        exact = after - before
    assert_same_bits(numbers, as_bfloat16(exact).reshape(1, -1))
    assert (np.isnan(as_float32(numbers)) == np.isnan(after)).all()


@pytest.mark.parametrize("counted", [True, False], ids=["counted", "diversity"])
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("S", "V", "D"), [(1, 9, 5), (2, 60, 16), (5, 33, 35), (40, 20, 3)])
def test_rows_are_merged_as_by_the_reference(rng, S, V, D, wire, counted):
    changes = [random_rows(rng, V, D, wire) for _ in range(S)]
    changes[0] = Rows(*(a[:0] for a in changes[0]))  # a training that changed nothing
    if not counted:
        changes = [change._replace(updates=change.updates[:0]) for change in changes]
    merged, spoilt = merge_rows(changes, 0.02)
    counted = counted and any(len(change.ids) for change in changes)
    expected = expected_rows(changes, 0.02, counted)
    assert merged.ids.tolist() == list(expected)
    assert merged.numbers.dtype == changes[0].numbers.dtype
    assert spoilt == 0
    if expected:
        wanted = np.array(list(expected.values()), np.float32)
        eps = 2.0**-8 if wire == "bfloat16" else 2.0**-22
        np.testing.assert_allclose(as_float32(merged.numbers), wanted, rtol=eps, atol=1e-7)
    for n_parts in N_PARTS[1:]:
        again, _ = merge_rows(changes, 0.02, n_parts)
        assert_same_bits(again.ids, merged.ids)
        assert_same_bits(again.numbers, merged.numbers)


@pytest.mark.parametrize("wire", WIRES)
def test_the_only_change_of_a_row_is_copied(rng, wire):
    one, none = random_rows(rng, 50, 9, wire, share=1), random_rows(rng, 50, 9, wire, share=1)
    none.numbers[:] = 0
    for changes in ([one], [one, none], [none, none, one]):
        merged, _ = merge_rows(changes, 0.1)
        assert_same_bits(merged.numbers, one.numbers)


def test_orthogonal_equal_opposite_and_zero_rows():
    ids, counts = np.arange(4, dtype=np.int32), np.full(4, 10**6, np.uint32)
    one = np.array([[1, 0], [1, 0], [1, 0], [0, 0]], np.float32)
    other = np.array([[0, 1], [1, 0], [-1, 0], [0, 0]], np.float32)
    merged, _ = merge_rows([Rows(ids, one, counts), Rows(ids, other, counts)], 0.1)
    np.testing.assert_allclose(merged.numbers, [[1, 1], [1, 0], [0, 0], [0, 0]], atol=1e-7)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("wire", WIRES)
def test_rows_that_are_not_finite_are_counted(rng, wire, bad):
    changes = [random_rows(rng, 30, 20, "float32", share=1) for _ in range(3)]
    for change in changes:
        change.numbers[[4, 17], 11] = bad  # three times 3e38 is infinite
    changes = [change._replace(numbers=sent(change.numbers, wire)) for change in changes]
    for n_parts in N_PARTS:
        merged, spoilt = merge_rows(changes, 1e-9, n_parts)  # hardly any update: a sum
        finite = np.isfinite(as_float32(merged.numbers)).all(axis=1)
        assert np.flatnonzero(~finite).tolist() == [4, 17]
        assert spoilt == 2


def test_whole_tables_are_rows_of_all_ids(rng):
    changes = [rng.standard_normal((20, 6)) for _ in range(3)]
    updates = [rng.integers(0, 9, 20).astype(float) for _ in range(3)]
    merged, spoilt = merge_tables(changes, updates, 0.05)
    for v in range(20):
        exact = merged_row([c[v] for c in changes], [n[v] for n in updates], CURVATURE * 0.05)
        np.testing.assert_allclose(merged[v], exact, atol=1e-6)
    assert spoilt == 0


@pytest.mark.parametrize("ids", [[3, 2], [1, 1], [-1, 2], [0, 9]])
def test_ids_that_do_not_ascend_in_the_table_are_refused(ids):
    now, before = np.ones((9, 4), np.float32), np.zeros((9, 4), np.float32)
    rows = Rows(np.array(ids, np.int32), np.ones((2, 4), np.float32))
    with pytest.raises(ValueError, match="expected arrays that fit each other"):
        take_changes(now, before, rows.ids, "float32")
    with pytest.raises(ValueError, match="expected arrays that fit each other"):
        add_changes(now, before, rows)
    assert now.all()
    assert not before.any()


def test_lists_of_another_length_are_refused():
    ids, numbers = np.arange(3, dtype=np.int32), np.ones((3, 2), np.float32)
    counts, merged = np.ones(3, np.uint32), np.zeros((3, 2), np.float32)
    for more in (
        ([ids], [], []),
        ([ids], [numbers[:2]], []),
        ([ids], [numbers], [counts[:2]]),
        ([ids, ids], [numbers, numbers], [counts]),
    ):
        with pytest.raises(ValueError, match="expected arrays that fit each other"):
            _changes.merge_rows(merged, ids, *more, 0.1, 1)
    assert not merged.any()
