"""Matrix products: numpy's promotion, any target, bit-identical for any number of threads."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

from fastw2v._core import products as _products
from fastw2v._core.products import batched_product, column_sums, product
from fastw2v._kernels import _gemm
from fastw2v._rows.row_grad import RowGrad

KINDS = ["f4", "f8", "f2", "i4", "u1", "?", ">f4"]


def numbers(rng, shape, kind):
    return rng.integers(0, 4, shape).astype(kind)


@settings(max_examples=80)
@given(*(st.sampled_from(KINDS) for _ in range(3)), st.integers(0, 2**32 - 1))
def test_a_new_array_has_the_dtype_that_numpy_gives(kind_a, kind_b, kind_bias, seed):
    rng = np.random.default_rng(seed)
    M, K, N = rng.integers(0, 6, 3)
    a, b = numbers(rng, (M, K), kind_a), numbers(rng, (K, N), kind_b)
    bias = numbers(rng, N, kind_bias)
    for extra, expected in ((None, a @ b), (bias, a @ b + bias)):
        out = product(a, b, bias=extra)
        assert out.dtype == expected.dtype and type(out) is np.ndarray
        np.testing.assert_array_equal(out, expected)


@settings(max_examples=80)
@given(
    *(st.sampled_from(KINDS) for _ in range(3)),
    st.sampled_from(["f4", "f8", ">f4"]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_a_given_array_keeps_its_dtype(
    kind_a, kind_b, kind_bias, kind_out, accumulate, biased, seed
):
    rng = np.random.default_rng(seed)
    M, K, N = rng.integers(0, 6, 3)
    a, b = numbers(rng, (M, K), kind_a), numbers(rng, (K, N), kind_b)
    bias = numbers(rng, N, kind_bias) if biased else None
    out = numbers(rng, (M, N), kind_out)
    # Sums of small integers must not overflow before they reach the target.
    expected = a.astype("f8") @ b.astype("f8") + accumulate * out.astype("f8")
    if biased:
        expected = expected + bias.astype("f8")
    assert product(a, b, out, accumulate=accumulate, bias=bias) is out
    np.testing.assert_array_equal(out, expected)


def targets(shape):
    """Return arrays to write into, in every memory layout."""
    M, N = shape
    off = np.zeros(4 * M * N + 1, np.uint8)[1:].view(np.float32).reshape(shape)
    return {
        "C": np.zeros(shape, np.float32),
        "Fortran": np.zeros((N, M), np.float32).T,
        "wide": np.zeros((M, N + 3), np.float32)[:, :N],
        "tall": np.zeros((N, M + 3), np.float32).T[:M],
        "every other": np.zeros((M, 2 * N), np.float32)[:, ::2],
        "backwards": np.zeros(shape, np.float32)[::-1, ::-1],
        "off alignment": off,
    }


@pytest.mark.parametrize("kind", targets((2, 2)))
@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_the_target_may_have_any_layout(rng, kind, accumulate, biased):
    a, b = (rng.standard_normal(shape).astype("f4") for shape in ((23, 17), (17, 40)))
    bias = rng.standard_normal(40).astype("f4") if biased else None
    out = targets((23, 40))[kind]
    start = rng.standard_normal(out.shape).astype("f4")
    out[...] = start
    product(a, b, out, accumulate=accumulate, bias=bias)
    expected = product(a, b, start.copy(), accumulate=accumulate, bias=bias)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)
    exact = a.astype("f8") @ b + (start if accumulate else 0) + (bias if biased else 0)
    np.testing.assert_allclose(out, exact, rtol=1e-5, atol=1e-5)


def test_a_target_may_overlap_an_operand(rng):
    for size in (1, 5, 33):
        a, b = (rng.standard_normal((size, size)).astype("f4") for _ in range(2))
        expected = product(a, b, bias=b[0])
        into_a, into_b = a.copy(), b.copy()
        product(into_a, b, into_a, bias=b[0])
        product(a, into_b, into_b, bias=into_b[0])
        np.testing.assert_allclose(into_a, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(into_b, expected, rtol=1e-5, atol=1e-5)
    x = rng.standard_normal((4, 4)).astype("f4")
    expected = x @ x.T + x[0] + x
    product(x, x.T, x, accumulate=True, bias=x[0])
    np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-5)


def test_a_target_with_overlapping_rows_is_left_to_numpy(rng):
    a, b = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32)
    out = np.lib.stride_tricks.as_strided(np.zeros(6, np.float32), (2, 4), (8, 4))
    product(a, b, out)
    assert (out[1] == 3).all()


def test_a_row_gradient_notices_the_write(rng):
    grad = RowGrad(np.zeros((6, 4), np.float32))
    a, b = np.ones((6, 2), np.float32), np.ones((2, 4), np.float32)
    product(a, b, grad)
    np.testing.assert_array_equal(np.asarray(grad), np.full((6, 4), 2))
    grad[...] = 0
    np.testing.assert_array_equal(np.asarray(grad), np.zeros((6, 4)))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_read_only_target_is_refused_and_unchanged(dtype):
    out = np.full((2, 2), 7, dtype)
    out.setflags(write=False)
    x = np.ones((2, 2), dtype)
    for extras in ({}, {"accumulate": True}, {"bias": x[0]}):
        with pytest.raises(ValueError, match="read-only"):
            product(x, x, out, **extras)
        assert (out == 7).all()


def test_strided_and_misaligned_operands_give_the_same(rng):
    a, b = (rng.standard_normal(shape).astype("f4") for shape in ((23, 17), (17, 40)))
    bias = rng.standard_normal(80).astype("f4")[::2]
    off = np.zeros(4 * 40 + 1, np.uint8)[1:].view(np.float32)
    off[...] = bias
    expected = product(a, b, bias=bias.copy())
    assert_same_bits(product(a[::-1][::-1], np.asfortranarray(b), bias=bias), expected)
    assert_same_bits(product(a, b, bias=off), expected)
    moved = np.zeros(4 * a.size + 1, np.uint8)[1:].view(np.float32).reshape(a.shape)
    moved[...] = a
    np.testing.assert_allclose(product(moved, b, bias=bias), expected, rtol=1e-5, atol=1e-5)


def test_float32_is_bit_identical_for_any_number_of_threads(rng, all_parts):
    a, b = (rng.standard_normal(shape).astype("f4") for shape in ((57, 411), (411, 333)))
    results = []
    for n_parts in N_PARTS:
        all_parts(n_parts)
        results.append(
            (product(a, b), product(a.T, a), product(b.T, b, np.zeros((333, 333), "f4")))
        )
    if _gemm.fused():
        for other in results[1:]:
            for x, y in zip(other, results[0], strict=True):
                assert_same_bits(x, y)
    np.testing.assert_allclose(results[-1][0], a.astype("f8") @ b, rtol=1e-4, atol=1e-4)


def test_the_packages_kernel_is_used_where_it_is_fused(rng, monkeypatch):
    numpys = []
    monkeypatch.setattr(_products, "_numpys", lambda *given: numpys.append(given))
    for dtype in ("f4", "f8"):
        product(np.ones((2, 2), dtype), np.ones((2, 2), dtype))
    assert not numpys  # small ones
    n = 47
    assert n * n * (n + 15) > _gemm.OWN_BELOW > (n - 1) ** 2 * (n + 14)
    for dtype in ("f4", "f8"):
        product(np.ones((n, n), dtype), np.ones((n, n), dtype))
    assert len(numpys) == (1 if _gemm.fused() else 2)


def layouts(rng, shape, dtype):
    """Yield the same matrix in several layouts, some of which a small call does not know."""
    x = rng.standard_normal(shape).astype(dtype)
    yield x
    yield np.asfortranarray(x)
    yield np.repeat(x, 2, axis=1)[:, ::2]
    yield x[::-1].copy()[::-1]
    off = np.zeros(x.nbytes + 1, np.uint8)[1:].view(dtype).reshape(shape)
    off[...] = x
    yield off


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 40), (7, 1, 33), (12, 30, 5), (0, 3, 2)])
def test_products_of_one_compiled_call_have_the_bits_of_the_general_path(
    rng, monkeypatch, shape, dtype
):
    M, K, N = shape
    bias, start = rng.standard_normal(N).astype(dtype), rng.standard_normal((M, N)).astype(dtype)
    for a in layouts(rng, (M, K), dtype):
        for b in layouts(rng, (K, N), dtype):
            for out in (None, *layouts(rng, (M, N), dtype)):
                for added in (None, bias):
                    for accumulate in (False, True) if out is not None else (False,):
                        found = []
                        for at_once in (_products._AT_ONCE, lambda *given: None):
                            monkeypatch.setattr(_products, "_AT_ONCE", at_once)
                            if out is not None:
                                out[...] = start
                            result = product(a, b, out, accumulate=accumulate, bias=added)
                            assert out is None or result is out
                            found.append(result.copy())
                        monkeypatch.undo()
                        assert_same_bits(found[0], found[1])


@pytest.mark.parametrize("kind", ["f4", "f8", "f2", "i4", "u1"])
def test_column_sums_of_any_memory_layout(rng, kind):
    a = rng.integers(0, 200, (40, 7)).astype(kind)
    for same in (a, np.asfortranarray(a), np.repeat(a, 2, axis=1)[:, ::2], a[::-1][::-1]):
        found = column_sums(same)
        assert found.dtype == (a.dtype if kind[0] == "f" else np.float64)
        np.testing.assert_array_equal(found, a.sum(axis=0, dtype=np.float64).astype(found.dtype))


@settings(max_examples=80)
@given(
    *(st.sampled_from(["f4", "f8", "i4", ">f4"]) for _ in range(2)),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_batched_products_agree_with_numpy(kind_a, kind_b, turned, seed):
    rng = np.random.default_rng(seed)
    batch, M, K, N = rng.integers(0, 6, 4)
    a = numbers(rng, (batch, K, M) if turned else (batch, M, K), kind_a)
    a = a.swapaxes(1, 2) if turned else a
    b = numbers(rng, (batch, K, N), kind_b)
    out = batched_product(a, b)
    assert out.dtype == np.result_type(a, b)
    np.testing.assert_array_equal(out, a @ b)
    onto = np.ones(out.shape, np.float64 if out.dtype.kind == "i" else out.dtype)
    assert batched_product(a, b, onto=onto) is onto
    np.testing.assert_array_equal(onto, a @ b + 1)


def test_batched_products_are_bit_identical_for_any_number_of_threads(rng, all_parts):
    a = rng.standard_normal((9, 11, 40)).astype(np.float32)
    b = rng.standard_normal((9, 29, 40)).astype(np.float32).swapaxes(1, 2)
    results = []
    for n_parts in N_PARTS:
        all_parts(n_parts)
        results.append(batched_product(a, b))
    for other in results[1:]:
        assert_same_bits(other, results[0])
    np.testing.assert_allclose(results[0], a.astype("f8") @ b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("limit", ["_LONGEST_NS", "_MANY"])
def test_a_long_product_is_made_of_several_calls(limit, rng, monkeypatch):
    """Between two calls Ctrl-C gets its turn; the results are bit-identical."""
    a, b = rng.standard_normal((331, 40), "f"), rng.standard_normal((40, 57), "f")
    bias = rng.standard_normal(57, "f")
    start = rng.standard_normal((331, 57), "f")
    expected = product(a, b, bias=bias), product(a, b, start.copy(), accumulate=True)
    calls = []
    float32 = np.dtype("f4")
    run = _products._RUN[float32]
    monkeypatch.setitem(_products._RUN, float32, lambda *given: calls.append(0) or run(*given))
    monkeypatch.setattr(_products, limit, 1)
    assert_same_bits(product(a, b, bias=bias), expected[0])
    assert_same_bits(product(a, b, start.copy(), accumulate=True), expected[1])
    assert len(calls) == (10 if _gemm.fused() else 0)
