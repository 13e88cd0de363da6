"""Matrix products against numpy in higher precision, in 1, 2, 3 and 7 parts."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

from fastw2v._kernels import _gemm, specialise

# Tiles are at most 10 x 32, pieces of K at most 384; B stays in place below 120 rows, and is packed
# 8 panels at a time.
SHAPES = [
    (1, 1, 1),
    (2, 5, 3),
    (11, 40, 33),
    (23, 7, 70),
    (21, 0, 5),
    (33, 400, 80),
    (125, 3, 300),
    (1, 403, 1100),  # one row: stretches of columns, and K that is no multiple of four
    (50, 1, 70),  # a product of a column and a row
]
MANY_TILES = (131, 801, 302)  # in all dimensions: whole tiles, blocks and pieces, and an edge


def product(A, B, C=None, bias=None, n_parts=1):
    """Compute C = [C +] A B [+ bias] in an array with more columns than the kernel may write."""
    dtype, M, N = A.dtype, A.shape[0], B.shape[1]
    wide = np.full((M, N + 3), 7, dtype)
    out = wide[:, :N]
    if C is not None:
        out[...] = C
    specialise(_gemm.product)[dtype](out, A, B, bias, C is not None, n_parts)
    assert (wide[:, N:] == 7).all()
    return out


def assert_product(out, A, B, C=0, bias=0):
    """Check C against the error bound of a chain of K + 2 rounded steps."""
    A, B = A.astype(np.longdouble), B.astype(np.longdouble)
    scale = np.abs(A) @ np.abs(B) + np.abs(C) + np.abs(bias)
    bound = (A.shape[1] + 2) * np.finfo(out.dtype).eps * scale
    assert (np.abs(out - (A @ B + C + bias)) <= bound).all()


def operands(rng, dtype, M, K, N):
    return [rng.standard_normal(shape).astype(dtype) for shape in ((M, K), (K, N), (M, N), (N,))]


def sliced(x):
    wide = np.zeros((2 * x.shape[0] + 1, 3 * x.shape[1] + 1), x.dtype)
    view = wide[: 2 * x.shape[0] : 2, : 3 * x.shape[1] : 3]
    view[...] = x
    return view


def off_alignment(x):
    view = np.zeros(x.size + 1, x.dtype)[1:].reshape(x.shape)
    view[...] = x
    return view


LAYOUTS = [
    np.ascontiguousarray,
    np.asfortranarray,
    sliced,
    lambda x: sliced(x.T).T,
    lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    lambda x: off_alignment(x.T).T,
    off_alignment,
]


@pytest.mark.parametrize(("M", "K", "N"), SHAPES)
def test_any_strides_in_any_parts(rng, dtype, M, K, N):
    A, B, C, bias = operands(rng, dtype, M, K, N)
    plain, full = product(A, B), product(A, B, C, bias)
    assert_product(plain, A, B)
    assert_product(full, A, B, C, bias)
    assert_same_bits(product(A, B, bias=bias), product(A, B, np.zeros_like(C), bias))
    for n_parts in N_PARTS:
        for first, second in zip(LAYOUTS, LAYOUTS[2:] + LAYOUTS[:2], strict=True):
            assert_same_bits(product(first(A), second(B), n_parts=n_parts), plain)
            assert_same_bits(product(first(A), second(B), C, bias, n_parts), full)


@pytest.mark.parametrize("layout_a", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("layout_b", [np.ascontiguousarray, np.asfortranarray])
def test_large_products_in_any_parts(rng, dtype, layout_a, layout_b):
    A, B, C, bias = operands(rng, dtype, *MANY_TILES)
    first = product(layout_a(A), layout_b(B), C, bias)
    assert_product(first, A, B, C, bias)
    for n_parts in N_PARTS[1:]:
        assert_same_bits(product(layout_a(A), layout_b(B), C, bias, n_parts), first)


def test_many_rows_that_are_not_contiguous(rng, dtype):
    A, B, C, bias = operands(rng, dtype, 1983, 20, 40)
    for n_parts in N_PARTS:
        out = product(np.asfortranarray(A), B, C, bias, n_parts)
        assert_same_bits(out, product(A, B, C, bias))
    assert_product(out, A, B, C, bias)


def test_an_element_does_not_depend_on_its_place(rng, dtype):
    A, B, C, bias = operands(rng, dtype, *MANY_TILES)
    large = product(A, B, C, bias)
    for rows in (slice(0, 1), slice(3, 14), slice(9, 31), slice(127, 131)):
        for columns in (slice(0, 1), slice(5, 21), slice(31, 64), slice(40, 302)):
            alone = product(A[rows], B[:, columns], C[rows, columns], bias[columns])
            assert_same_bits(alone, large[rows, columns])
            swapped = product(B[:, columns].T, A[rows].T)
            assert_same_bits(swapped.T, product(A, B)[rows, columns])


def test_without_columns_of_a_bias_and_old_result_are_added(rng, dtype):
    A, B, C, bias = operands(rng, dtype, 12, 0, 35)
    assert_same_bits(product(A, B), np.zeros_like(C))
    assert_same_bits(product(A, B, C), C)
    assert_same_bits(product(A, B, C, bias), C + bias)


@pytest.mark.parametrize(("M", "K", "N"), [(0, 3, 4), (3, 4, 0), (0, 0, 0)])
def test_empty_results(dtype, M, K, N):
    A, B = np.ones((M, K), dtype), np.ones((K, N), dtype)
    assert product(A, B, n_parts=3).shape == (M, N)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("M", [3, 11, 125])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinities_stay_in_their_rows_and_columns(rng, dtype, layout, M, bad):
    K, N = 9, 37
    A, B, _, _ = operands(rng, dtype, M, K, N)
    clean = product(A, B)
    for k in (0, K - 1):
        hurt = A.copy()
        hurt[M - 1, k] = bad
        out = product(layout(hurt), layout(B))
        assert_same_bits(out[:-1], clean[:-1])
        np.testing.assert_array_equal(out[-1], bad * B[k] if np.isinf(bad) else np.nan)
        hurt = B.copy()
        hurt[k, N - 1] = bad
        out = product(layout(A), layout(hurt))
        assert_same_bits(out[:, :-1], clean[:, :-1])
        np.testing.assert_array_equal(out[:, -1], bad * A[:, k] if np.isinf(bad) else np.nan)


def test_inf_times_zero_is_nan_where_both_are_given(dtype):
    A, B = np.zeros((11, 2), dtype), np.full((2, 33), np.inf, dtype)
    assert np.isnan(product(A, B)).all()
    C = product(A, B[:, :0])
    assert C.shape == (11, 0)


@settings(max_examples=60)
@given(
    st.tuples(st.integers(0, 45), st.integers(0, 45), st.integers(0, 140)),
    st.sampled_from(LAYOUTS),
    st.sampled_from(LAYOUTS),
    st.sampled_from(["f4", "f8"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(N_PARTS),
    st.integers(0, 2**32 - 1),
)
def test_whole_numbers_come_out_exactly(
    shape, layout_a, layout_b, dtype, added, biased, n_parts, seed
):
    M, K, N = shape
    rng = np.random.default_rng(seed)
    A, B, C, bias = (
        rng.integers(-9, 10, size).astype(dtype) for size in ((M, K), (K, N), (M, N), (N,))
    )
    expected = A.astype(int) @ B.astype(int) + added * C + biased * bias
    out = product(layout_a(A), layout_b(B), C if added else None, bias if biased else None, n_parts)
    np.testing.assert_array_equal(out, expected)


def test_inputs_may_be_read_only(rng, dtype):
    A, B, C, bias = operands(rng, dtype, 12, 5, 35)
    expected = product(A, B, C, bias)
    for x in (A, B, bias):
        x.setflags(write=False)
    assert_same_bits(product(A, B, C, bias), expected)


def test_a_row_of_c_may_run_backwards(rng, dtype):
    A, B, _, _ = operands(rng, dtype, 23, 9, 40)
    out = np.zeros((23, 40), dtype)
    specialise(_gemm.product)[dtype](out[::-1], A, B, None, False, 2)
    assert_same_bits(out[::-1], product(A, B))


def test_too_little_memory_is_an_error(dtype):
    A = np.ones((3, 3), dtype)
    C = np.full((3, 3), 5, dtype)
    with pytest.raises(MemoryError):
        specialise(_gemm.product)[dtype](C, A, A, None, False, 2**40)
    assert (C == 5).all()


def test_multiply_adds_in_registers():
    for n_parts in N_PARTS:
        out = np.full(n_parts, 1, np.float32)
        _gemm.only_registers(out, 100_000, n_parts)
        assert (out > 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [*SHAPES, (11, 256, 29), (29, 11, 256)])
@pytest.mark.parametrize("turned", ["neither", "A", "B", "both"])
def test_a_batch_equals_its_products_one_by_one(dtype, shape, turned):
    rng, dtype = np.random.default_rng(7), np.dtype(dtype)
    M, K, N = shape
    A = rng.standard_normal((5, M, K)).astype(dtype)
    B = rng.standard_normal((5, K, N)).astype(dtype)
    C = rng.standard_normal((5, M, N)).astype(dtype)
    if turned in ("A", "both"):
        A = np.ascontiguousarray(A.swapaxes(1, 2)).swapaxes(1, 2)
    if turned in ("B", "both"):
        B = np.ascontiguousarray(B.swapaxes(1, 2)).swapaxes(1, 2)
    run = specialise(_gemm.products)[dtype]
    for onto in (None, C):
        expected = np.stack(
            [product(A[i], B[i], None if onto is None else C[i]) for i in range(len(A))]
        )
        results = []
        for n_parts in N_PARTS:
            out = np.full_like(C, 7) if onto is None else C.copy()
            run(out, A, B, onto is not None, n_parts)
            results.append(out)
        for out in results:
            assert_same_bits(out, expected)


def test_an_empty_batch_leaves_the_result():
    for shape in ((0, 3, 4), (3, 0, 4), (3, 4, 0)):
        out = np.empty((shape[0], shape[1], shape[2]), np.float32)
        A, B = np.ones((*shape[:2], 2), np.float32), np.ones((shape[0], 2, shape[2]), np.float32)
        specialise(_gemm.products)[np.dtype(np.float32)](out, A, B, False, 2)
        assert out.size == 0


@pytest.mark.parametrize("M, N", [(0, 5), (1, 1), (7, 33), (50, 100)])
def test_column_sums(rng, dtype, M, N):
    A = rng.standard_normal((M, N + 2)).astype(dtype)[:, :N]
    results = []
    for n_parts in N_PARTS:
        out = np.full(N, 7, dtype)
        specialise(_gemm.column_sums)[dtype](out, A, n_parts)
        results.append(out)
        assert_same_bits(out, results[0])
    np.testing.assert_array_equal(results[0], np.add.reduce(A, axis=0, dtype="f8").astype(dtype))


def test_a_row_has_the_same_bits_alone_and_among_others(rng):
    A, B, _, _ = operands(rng, np.dtype("f4"), 3, 403, 1100)
    assert_same_bits(product(A[1:2], B)[0], product(A, B)[1])
