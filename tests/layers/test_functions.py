"""Module functions: values, shapes, dtypes, bad input, and scatter_add against np.add.at."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from memory_forms import views_of

from fastw2v import functions
from fastw2v.functions import cross_entropy_error, relu, scatter_add, sigmoid, softmax

REAL = [np.float16, np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_, ">f4"]


def plain_sigmoid(x):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def plain_softmax(x):
    x = np.asarray(x, np.float64)
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("real", REAL)
@pytest.mark.parametrize("shape", [(), (7,), (5, 6), (2, 3, 4)])
def test_dtypes_and_shapes(rng, real, shape):
    x = (rng.random(shape) * 4).astype(real)
    expected = np.exp(x)
    eps = np.finfo(expected.dtype).eps
    y = sigmoid(x)
    assert y.dtype == expected.dtype and y.shape == shape
    np.testing.assert_allclose(y, plain_sigmoid(x), rtol=2 * eps)
    assert relu(x).dtype == np.maximum(0, x).dtype
    np.testing.assert_array_equal(relu(x), np.maximum(0, x))
    if len(shape) in (1, 2):
        y = softmax(x)
        assert y.dtype == expected.dtype and y.shape == shape
        np.testing.assert_allclose(y, plain_softmax(x), rtol=8 * eps)
    else:
        assert softmax(x) is x


def test_memory_layout_and_ownership(rng, dtype):
    x = rng.standard_normal((5, 6)).astype(dtype)
    for f in (sigmoid, relu, softmax):
        expected = f(x)
        for view in views_of(x):
            before = view.copy()
            y = f(view)
            assert_same_bits(y, expected)
            assert type(y) is np.ndarray and y.flags.writeable and not np.shares_memory(y, view)
            np.testing.assert_array_equal(view, before)


def test_nan_and_infinity(dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0], dtype)
    np.testing.assert_array_equal(sigmoid(x), [np.nan, 1, 0, 0.5])
    np.testing.assert_array_equal(relu(x), [np.nan, np.inf, 0, 0])
    assert np.isnan(softmax(x)).all()


def test_every_number_of_parts_gives_the_same_bits(rng, dtype, all_parts):
    x = rng.standard_normal((83, 37)).astype(dtype)
    results = {name: set() for name in ("sigmoid", "relu", "softmax")}
    for n in N_PARTS:
        all_parts(n)
        for name, seen in results.items():
            seen.add(getattr(functions, name)(x).tobytes())
    assert all(len(seen) == 1 for seen in results.values())


@pytest.mark.parametrize("f", [sigmoid, relu, softmax])
@pytest.mark.parametrize("bad", [np.zeros(2, complex), np.array(["a", "b"]), np.array([None, 1])])
def test_values_that_are_not_numbers_are_refused(f, bad):
    with pytest.raises(TypeError, match="x: expected real numbers"):
        f(bad)


def test_long_doubles_and_empty_rows():
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(TypeError, match="x: expected float32 or float64, got"):
            sigmoid(np.zeros(2, np.longdouble))
    with pytest.raises(ValueError, match="x: expected at least one score"):
        softmax(np.zeros((3, 0)))
    assert softmax(np.zeros((0, 3))).shape == (0, 3)
    assert sigmoid(np.zeros((0, 3))).shape == (0, 3)


# Document 001, cell 2: softmax of x and of x - max are the same.
def test_softmax_is_not_moved_by_a_shift(rng):
    x = rng.random((3, 10))
    shifted = x - x.max(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax(x), softmax(shifted), rtol=1e-15)
    np.testing.assert_allclose(softmax(x).sum(axis=1), 1, rtol=1e-15)


@pytest.mark.parametrize("onehot", [np.int32, np.float32, np.bool_])
def test_cross_entropy(rng, dtype, index_dtype, onehot):
    y = plain_softmax(rng.standard_normal((5, 4))).astype(dtype)
    t = np.array([0, 3, -1, 2, 2], index_dtype)
    expected = -np.log(y[np.arange(5), t].astype(np.float64) + 1e-7).mean()
    for answers in (t, t.tolist(), np.eye(4, dtype=onehot)[t]):
        loss = cross_entropy_error(y, answers)
        assert isinstance(loss, dtype.type)
        np.testing.assert_allclose(loss, expected, rtol=1e-6 if dtype.itemsize == 4 else 1e-14)
    one = cross_entropy_error(y[1], 3)
    assert one == cross_entropy_error(y[1], [3]) == cross_entropy_error(y[1], np.eye(4)[3])
    assert one == cross_entropy_error(y[1:2], np.int64(3))
    np.testing.assert_allclose(one, -np.log(y[1, 3] + 1e-7), rtol=1e-6)


@pytest.mark.parametrize(
    "t, error, words",
    [
        ([0, 4], IndexError, "t: id 4 at position 1 is out of range for 4 rows"),
        ([-5, 0], IndexError, "t: id -5 at position 0"),
        (np.array([0, 2**63], np.uint64), IndexError, "t: id 9223372036854775808 at position 1"),
        ([0.0, 1.0], TypeError, "t: expected integer ids, got dtype float64"),
        ([False, True], TypeError, "t: expected integer ids, got dtype bool"),
        ([0, 1, 2], ValueError, "t: expected 2 ids"),
        (0, ValueError, "t: expected 2 ids"),
        ([[0], [1]], ValueError, "t: expected 2 ids"),
        (np.zeros((4, 2)), ValueError, "t: expected 2 ids"),
    ],
)
def test_cross_entropy_of_bad_answers(t, error, words):
    with pytest.raises(error, match=words):
        cross_entropy_error(np.full((2, 4), 0.25), t)


@pytest.mark.parametrize("shape", [(), (0, 4), (2, 0), (2, 2, 2)])
def test_cross_entropy_of_bad_probabilities(shape):
    with pytest.raises(ValueError, match="y: expected shape"):
        cross_entropy_error(np.ones(shape), [0, 1])


# Document 004, cell 2.
def test_scatter_add_of_one_id():
    dW = np.array([[0.1, 0.2, 0.3], [0.39677436, 0.61034915, 0.32105759]])
    scatter_add(dW, 1, np.array([1, 2, 3]))
    np.testing.assert_allclose(
        dW, [[0.1, 0.2, 0.3], [1.39677436, 2.61034915, 3.32105759]], atol=1e-8
    )


@st.composite
def scatters(draw):
    """(dW, idx, dout): any strides of dW, any shape of idx, any shape of dout that stretches."""
    V, D = draw(st.integers(1, 6)), draw(st.integers(0, 5))
    base = np.arange(2 * V * (2 * D + 3), dtype=draw(st.sampled_from(["f4", "f8"])))
    base = base.reshape(2 * V, 2 * D + 3)
    dW = draw(
        st.sampled_from(
            [
                base[:V, :D].copy(),
                base[:V, :D],
                base[: 2 * V : 2, 1 : D + 1],
                base[V - 1 :: -1, :D] if V > 1 else base[:V, :D],
                base[:V, : 2 * D : 2],
                np.asfortranarray(base[:V, :D]),
            ]
        )
    )
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    idx = draw(
        hnp.arrays(
            draw(st.sampled_from(["i1", "i4", "i8", ">i4"])), shape, elements=st.integers(-V, V - 1)
        )
    )
    full = (*shape, D)
    cut = draw(st.integers(0, len(full)))
    stretched = tuple(1 if draw(st.booleans()) else side for side in full[cut:])
    dout = draw(
        hnp.arrays(
            draw(st.sampled_from(["f4", "f8", "f2", "i4"])), stretched, elements=st.integers(-9, 9)
        )
    )
    return dW, idx, dout


@given(scatters())
def test_scatter_add_is_add_at(case):
    dW, idx, dout = case
    expected = dW.copy()
    np.add.at(expected, idx, dout)
    assert scatter_add(dW, idx, dout) is None
    np.testing.assert_array_equal(dW, expected)


def test_scatter_add_of_overlapping_memory(dtype, all_parts):
    all_parts(3)
    dW = np.arange(40, dtype=dtype).reshape(8, 5)
    expected = dW.copy()
    idx = [1, 2, 2, 7, 0]
    np.add.at(expected, idx, dW[:5].copy())
    scatter_add(dW, idx, dW[:5])
    np.testing.assert_array_equal(dW, expected)


def test_scatter_add_falls_back_for_tables_kernels_cannot_write(rng):
    class Watched(np.ndarray):
        pass

    ids = [0, 2, 2]
    for dW in (
        np.zeros((3, 4), np.int64),
        np.zeros((3, 4), np.float16),
        np.zeros((3, 4), ">f4"),
        np.zeros((3, 2, 2)),
        np.zeros((3, 4)).view(Watched),
    ):
        scatter_add(dW, ids, 2)
        assert dW[0].sum() * 2 == dW[2].sum() == 16 and not dW[1].any()
    counts = np.zeros(3)
    scatter_add(counts, ids, 1)
    assert counts.tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    "idx, dout, error, words",
    [
        ([0, 3], 1, IndexError, "idx: id 3 at position 1 is out of range for 3 rows"),
        ([[0, 0], [0, -4]], 1, IndexError, r"idx: id -4 at position \(1, 1\)"),
        (3, 1, IndexError, "idx: id 3 is out of range for 3 rows; use ids from -3 to 2"),
        ([0.0], 1, TypeError, "idx: expected integer ids"),
        (np.empty(0), 1, TypeError, "idx: expected integer ids"),
        ([True], 1, TypeError, "idx: expected integer ids"),
        ([0, 1], [1, 2, 3], ValueError, "dout: expected shape"),
        ([0, 1], np.ones((3, 4)), ValueError, "dout: expected shape"),
        ([0, 1], 1j, TypeError, "dout: expected real numbers"),
    ],
)
def test_scatter_add_of_bad_input_changes_nothing(idx, dout, error, words):
    dW = np.arange(12.0).reshape(3, 4)
    with pytest.raises(error, match=words):
        scatter_add(dW, idx, dout)
    np.testing.assert_array_equal(dW, np.arange(12.0).reshape(3, 4))


def test_scatter_add_of_tables_that_cannot_be_written():
    dW = np.zeros((3, 4))
    dW.setflags(write=False)
    with pytest.raises(ValueError, match="dW: expected a writable array"):
        scatter_add(dW, [0], 1)
    with pytest.raises(TypeError, match="dW: expected a numpy array"):
        scatter_add([[0.0]], [0], 1)
    empty = np.zeros((3, 4))
    scatter_add(empty, [], 1)
    assert not empty.any()


def test_star_import_gives_what_the_book_gives():
    names = {}
    exec("from fastw2v.functions import *", names)
    assert {"sigmoid", "relu", "softmax", "cross_entropy_error", "np", "GPU"} <= set(names)
    assert names["np"] is np and names["GPU"] is False
