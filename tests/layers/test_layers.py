"""Dense, activation, loss and dropout layers: gradients, ownership, promotion, bad input."""

import copy
import pickle

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from gradcheck import check_layer, check_loss_layer
from hypothesis import given
from hypothesis import strategies as st
from memory_forms import views_of

from fastw2v import layers
from fastw2v.layers import (
    Affine,
    Dropout,
    MatMul,
    Sigmoid,
    SigmoidWithLoss,
    Softmax,
    SoftmaxWithLoss,
)
from fastw2v.time_layers import TimeAffine

DENSE = [MatMul, Affine]


def weights_of(rng, cls, D=6, H=4, dtype=np.float64):
    params = [rng.standard_normal((D, H)).astype(dtype)]
    if cls is Affine:
        params.append(rng.standard_normal(H).astype(dtype))
    return params


def is_own(result, *inputs):
    return (
        type(result) is np.ndarray
        and result.flags.writeable
        and not any(np.shares_memory(result, x) for x in inputs)
    )


# Gradients


@pytest.mark.parametrize("cls", DENSE)
@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 3, 6), (2, 1, 2, 6)])
def test_dense_gradients(rng, cls, shape):
    check_layer(cls(*weights_of(rng, cls)), rng.standard_normal(shape), rng)


@pytest.mark.parametrize("cls", [Sigmoid, Softmax])
@pytest.mark.parametrize("shape", [(6,), (5, 6)])
def test_activation_gradients(rng, cls, shape):
    check_layer(cls(), rng.standard_normal(shape), rng)


def test_sigmoid_gradient_of_three_axes(rng):
    check_layer(Sigmoid(), rng.standard_normal((2, 3, 4)), rng)


@pytest.mark.parametrize("dout", [1, 0.25])
def test_softmax_with_loss_gradient(rng, dout):
    x = rng.standard_normal((5, 4))
    t = np.array([0, 3, -1, 2, 2])
    check_loss_layer(SoftmaxWithLoss(), x, t, dout)
    check_loss_layer(SoftmaxWithLoss(), x, np.eye(4, dtype=np.int32)[t], dout)
    check_loss_layer(SoftmaxWithLoss(), x[0].copy(), 2, dout)


@pytest.mark.parametrize("dout", [1, 0.25])
@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_sigmoid_with_loss_gradient(rng, dout, shape):
    x, t = rng.standard_normal(shape), np.array([0, 1, 1, 0, 1])
    check_loss_layer(SigmoidWithLoss(), x, t, dout)
    check_loss_layer(SigmoidWithLoss(), x, np.eye(2)[t], dout)
    check_loss_layer(SigmoidWithLoss(), x, t.reshape(shape), dout)


def test_dropout_gradient(rng):
    layer = Dropout(0.3)
    x, dout = rng.standard_normal((5, 6)), rng.standard_normal((5, 6))
    y = layer.forward(x)
    np.testing.assert_array_equal(y, x * layer.mask)
    np.testing.assert_array_equal(layer.backward(dout), dout * layer.mask)
    mask = layer.mask
    np.testing.assert_array_equal(layer.forward(x, train_flg=False), x * 0.7)
    np.testing.assert_array_equal(layer.backward(dout), dout * 0.7)
    assert layer.mask is mask
    layer.forward(x)
    np.testing.assert_array_equal(layer.backward(dout), dout * layer.mask)


# Dense layers over shapes, strides, dtypes


@st.composite
def dense_cases(draw):
    """(x, W, b, dout) of any memory layout and dtype, N, T, D, H from 0 or 1 up."""
    kinds = st.sampled_from(["f4", "f8", "f2", "i4", "u1", "?", ">f8"])
    floats = st.sampled_from(["f4", "f8"])
    D, H = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    lead = tuple(draw(st.lists(st.integers(0, 3), max_size=2)))

    def array(shape, kind):
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        x = rng.integers(-4, 5, shape).astype(kind)
        return draw(st.sampled_from([x, *views_of(x)])) if x.ndim else x

    W, b = array((D, H), draw(floats)), array((H,), draw(floats))
    return array((*lead, D), draw(kinds)), W, b, array((*lead, H), draw(kinds))


@given(dense_cases())
def test_dense_layers_promote_as_numpy_does(case):
    x, W, b, dout = case
    leads = tuple(range(x.ndim - 1))
    for layer in (MatMul(W), Affine(W, b)):
        copies = [a.copy() for a in (x, W, b, dout)]
        out = layer.forward(x)
        expected = np.dot(x, W)
        if len(layer.params) == 2:
            expected = expected + b
        assert out.dtype == expected.dtype and out.shape == expected.shape
        np.testing.assert_allclose(out, expected, rtol=1e-3)
        grads = list(layer.grads)
        for _ in range(2):  # a second backward gives the same
            dx = layer.backward(dout)
            assert dx.dtype == np.result_type(dout, W) and dx.shape == x.shape
            np.testing.assert_allclose(dx, np.dot(dout, W.T), rtol=1e-3)
            dW = np.tensordot(x.astype("f8"), dout.astype("f8"), axes=(leads, leads))
            np.testing.assert_allclose(layer.grads[0], dW, rtol=1e-3, atol=1e-3)
            if len(layer.params) == 2:
                np.testing.assert_allclose(layer.grads[1], dout.astype("f8").sum(axis=leads))
            assert all(now is before for now, before in zip(layer.grads, grads, strict=True))
        assert is_own(out, x, W, b) and is_own(dx, dout, W, *layer.grads)
        for a, before in zip((x, W, b, dout), copies, strict=True):
            assert_same_bits(a, before)


# Document-like one-hot input of chapter 3: a strided slice of an int32 array of three axes.
def test_int32_onehot_slices(rng):
    contexts = np.eye(7, dtype=np.int32)[rng.integers(0, 7, (5, 2))]
    W = rng.standard_normal((7, 3)).astype(np.float32)
    layer = MatMul(W)
    out = layer.forward(contexts[:, 0])
    assert out.dtype == np.float64
    assert_same_bits(out, W[contexts[:, 0].argmax(axis=1)].astype(np.float64))
    layer.backward(out)
    assert layer.grads[0].dtype == np.float32


@pytest.mark.parametrize("cls", DENSE)
def test_lists_hold_the_callers_arrays_and_are_read_at_every_call(rng, cls):
    params = weights_of(rng, cls, dtype=np.float32)
    layer = cls(*params)
    assert all(mine is theirs for mine, theirs in zip(layer.params, params, strict=True))
    assert [g.shape for g in layer.grads] == [p.shape for p in params]
    assert not any(g.any() for g in layer.grads)
    x, dout = rng.standard_normal((5, 6)), rng.standard_normal((5, 4))
    layer.forward(x)
    layer.backward(dout)
    first = layer.grads[0]
    assert first.dtype == np.float32
    layer.params[0] = rng.standard_normal((6, 4))
    layer.grads[0] = np.full((6, 4), np.nan)
    out = layer.forward(x)
    assert out.dtype == np.float64
    np.testing.assert_allclose(out - (params[1] if cls is Affine else 0), x @ layer.params[0])
    before = first.copy()
    layer.backward(dout)
    np.testing.assert_allclose(layer.grads[0], x.T @ dout)
    assert_same_bits(first, before)


@pytest.mark.parametrize("shape", [(1, 4), (4,)])
def test_affine_bias_of_one_row(rng, shape):
    W, b = rng.standard_normal((6, 4)), rng.standard_normal(shape)
    layer = Affine(W, b)
    x = rng.standard_normal((5, 6))
    np.testing.assert_allclose(layer.forward(x), x @ W + b)
    layer.backward(np.ones((5, 4)))
    np.testing.assert_array_equal(layer.grads[1], np.full(shape, 5.0))


def test_gradients_are_cast_into_integer_and_strided_arrays(rng):
    layer = MatMul(np.ones((3, 2)))
    layer.forward(np.ones((4, 3)))
    for grad in (np.zeros((3, 2), np.int64), np.zeros((6, 4))[::2, ::2], np.zeros((2, 3)).T):
        layer.grads[0] = grad
        layer.backward(np.full((4, 2), 0.5))
        assert layer.grads[0] is grad and (grad == 2).all()


# Ownership, state and repetition in all layers


def every_layer(rng, dtype=np.float64):
    """(layer, forward's arguments, dout) of each kind."""
    x = rng.standard_normal((5, 6)).astype(dtype)
    dout = rng.standard_normal((5, 4)).astype(dtype)
    ids = np.array([0, 5, 2, -1, 1])
    return [
        (MatMul(*weights_of(rng, MatMul, dtype=dtype)), (x,), dout),
        (Affine(*weights_of(rng, Affine, dtype=dtype)), (x,), dout),
        (Sigmoid(), (x,), x[::-1]),
        (Softmax(), (x,), x[::-1]),
        (SoftmaxWithLoss(), (x, ids), 0.5),
        (SoftmaxWithLoss(), (x, np.eye(6)[ids]), 1),
        (SigmoidWithLoss(), (x[:, 0], np.array([0, 1, 1, 0, 1])), 2),
        (Dropout(0.5, rng=np.random.default_rng(7)), (x,), x[::-1]),
    ]


@pytest.mark.parametrize("which", range(8))
def test_results_are_new_and_inputs_untouched(rng, dtype, which):
    layer, inputs, dout = every_layer(rng, dtype)[which]
    before = [np.copy(a) for a in (*inputs, dout)]
    out = layer.forward(*inputs)
    if isinstance(out, np.ndarray):
        assert is_own(out, *inputs, *layer.params)
        out *= 100  # is the caller's, backward must not notice
    dx = layer.backward(dout)
    assert is_own(dx, *inputs, *layer.params, *layer.grads, *([dout] if np.ndim(dout) else []))
    assert dx.dtype == (np.float64 if type(layer) is SigmoidWithLoss else dtype)  # y - integer t
    kept = dx.copy()
    dx *= 100
    grads = [g.copy() for g in layer.grads]
    again = layer.backward(dout)
    assert_same_bits(again, kept)
    for grad, expected in zip(layer.grads, grads, strict=True):
        assert_same_bits(grad, expected)
    for a, expected in zip((*inputs, dout), before, strict=True):
        np.testing.assert_array_equal(a, expected)


@pytest.mark.parametrize("which", range(8))
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_continue_from_the_layers_state(rng, which, clone):
    layer, inputs, dout = every_layer(rng)[which]
    fresh = clone(layer)
    with pytest.raises(RuntimeError, match="call forward first"):
        fresh.backward(dout)
    layer.forward(*inputs)
    other = clone(layer)
    assert type(other) is type(layer)
    assert_same_bits(other.backward(dout), layer.backward(dout))
    for mine, theirs in zip(other.grads + other.params, layer.grads + layer.params, strict=True):
        assert_same_bits(mine, theirs)
        assert not np.shares_memory(mine, theirs)


@pytest.mark.parametrize("which", range(7))
def test_backward_follows_the_last_forward(rng, which):
    layer, inputs, dout = every_layer(rng)[which]
    fresh = copy.deepcopy(layer)
    layer.forward(inputs[0] * 3, *inputs[1:])
    layer.forward(*inputs)
    fresh.forward(*inputs)
    assert_same_bits(layer.backward(dout), fresh.backward(dout))
    for grad, expected in zip(layer.grads, fresh.grads, strict=True):
        assert_same_bits(grad, expected)


def test_every_number_of_parts_gives_the_same_bits(rng, dtype, all_parts):
    x = rng.standard_normal((83, 37)).astype(dtype)
    ids = rng.integers(0, 37, 83)
    seen = set()
    for n in N_PARTS:
        all_parts(n)
        results = []
        for layer, inputs, dout in [
            (Sigmoid(), (x,), x),
            (Softmax(), (x,), x),
            (SoftmaxWithLoss(), (x, ids), 1),
            (SigmoidWithLoss(), (x[:, 0], ids % 2), 1),
        ]:
            results += [np.asarray(layer.forward(*inputs)), layer.backward(dout)]
        seen.add(b"".join(result.tobytes() for result in results))
    assert len(seen) == 1


# Attributes that scripts for the book read


def test_readable_attributes(rng):
    x = rng.standard_normal((5, 6))
    for cls in DENSE:
        layer = cls(*weights_of(rng, cls))
        layer.forward(x)
        assert layer.x is x
    sigmoid, softmax = Sigmoid(), Softmax()
    np.testing.assert_array_equal(sigmoid.forward(x), sigmoid.out)
    np.testing.assert_array_equal(softmax.forward(x), softmax.out)
    layer = SoftmaxWithLoss()
    layer.forward(x, np.eye(6)[[1, 2, 3, 4, 5]])
    assert layer.t.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(layer.y, softmax.out)
    layer = SigmoidWithLoss()
    t = np.array([0, 1, 1, 0, 1])
    loss = layer.forward(x[:, :1], t)
    assert layer.loss == loss and layer.t.tolist() == t.tolist() and layer.y.shape == (5, 1)
    assert Dropout().dropout_ratio == 0.5


# Document 001, cell 4: SigmoidWithLoss takes the pair of 1 - p and p.
def test_sigmoid_with_loss_of_one_column():
    p = np.array([0.54160303, 0.70733586, 0.67806709, 0.50306421, 0.62419483])
    pairs = np.c_[1 - p, p]
    np.testing.assert_allclose(
        pairs[:, 0], [0.45839697, 0.29266414, 0.32193291, 0.49693579, 0.37580517]
    )
    t = np.array([1, 0, 0, 1, 1])
    layer = SigmoidWithLoss()
    loss = layer.forward(np.log(p / (1 - p)).reshape(5, 1), t)
    np.testing.assert_allclose(layer.y[:, 0], p, rtol=1e-12)
    np.testing.assert_allclose(loss, -np.log(pairs[np.arange(5), t] + 1e-7).mean(), rtol=1e-12)


@pytest.mark.parametrize(
    "t_dtype, dout, expected",
    [
        (np.int64, 1, np.float64),
        (np.int32, 1, np.float64),
        (np.int8, 1, np.float32),
        (np.int8, 0.5, np.float32),
        (np.int8, np.float64(0.5), np.float64),
        (np.uint8, np.float32(0.5), np.float32),
    ],
)
def test_sigmoid_with_loss_promotes_as_numpy(rng, t_dtype, dout, expected):
    x, t = rng.standard_normal(5).astype(np.float32), np.array([0, 1, 1, 0, 1], t_dtype)
    layer = SigmoidWithLoss()
    assert layer.forward(x, t).dtype == np.float32
    assert ((layer.y - t) * dout / 5).dtype == expected  # numpy says so itself
    dx = layer.backward(dout)
    assert dx.dtype == expected
    np.testing.assert_allclose(dx, (layer.y - t) * dout / 5, rtol=1e-6)


def test_dout_may_be_an_array(rng, dtype):
    x, ids = rng.standard_normal((5, 4)).astype(dtype), np.array([0, 3, 2, 2, 1])
    layer = SoftmaxWithLoss()
    layer.forward(x, ids)
    plain = layer.backward()
    for dout in (
        np.array(2),
        np.full((1, 1), 2),
        np.arange(5.0)[:, None],
        np.arange(4),
        [1, 2, 3, 4],
    ):
        dx = layer.backward(dout)
        assert dx.dtype == dtype
        np.testing.assert_allclose(dx, plain * np.asarray(dout), rtol=1e-6)
    layer = SigmoidWithLoss()
    layer.forward(x[:, 0], ids % 2)
    plain = layer.backward()
    np.testing.assert_allclose(layer.backward(np.arange(5)), plain * np.arange(5), rtol=1e-6)
    activation = Sigmoid()
    out = activation.forward(x)
    for dout in (1, np.arange(4), np.ones((5, 4), np.float16), np.ones((5, 4)), x.T[:, ::-1].T):
        np.testing.assert_allclose(activation.backward(dout), dout * (1 - out) * out, rtol=1e-6)


@pytest.mark.parametrize("half", [np.float16, np.int32])
def test_other_dtypes(rng, half):
    x, ids = rng.integers(-3, 4, (5, 4)).astype(half), np.array([0, 3, 2, 2, 1])
    expected = np.exp(x).dtype
    layer = SoftmaxWithLoss()
    assert layer.forward(x, ids).dtype == expected
    assert layer.y.dtype == layer.backward().dtype == expected
    layer = SigmoidWithLoss()
    layer.forward(x[:, 0], ids % 2)
    assert layer.y.dtype == expected
    assert layer.backward().dtype == np.result_type(expected, np.int64)
    for activation in (Sigmoid(), Softmax()):
        assert activation.forward(x).dtype == expected
        assert activation.backward(x).dtype == expected


def test_nan_passes_through(rng, dtype):
    x = rng.standard_normal((3, 4)).astype(dtype)
    x[1, 2] = np.nan
    layer = SoftmaxWithLoss()
    assert np.isnan(layer.forward(x, [0, 1, 2]))
    assert np.isnan(layer.backward()).any(axis=1).tolist() == [False, True, False]
    layer = MatMul(np.ones((4, 2), dtype))
    assert np.isnan(layer.forward(x)).any(axis=1).tolist() == [False, True, False]


class OwnSoftmax(SoftmaxWithLoss):
    """User's forward, written as in the book, with the inherited backward."""

    def forward(self, x, t):
        self.t, self.y = t, layers.softmax(x)
        return layers.cross_entropy_error(self.y, t)


class OwnDropout(Dropout):
    def forward(self, x):
        self.mask = np.arange(x.size).reshape(x.shape) % 2 == 0
        return x * self.mask


def test_subclasses_inherit_backward(rng):
    x, t = rng.standard_normal((5, 4)), np.array([0, 3, 2, 2, 1])
    mine, ours = OwnSoftmax(), SoftmaxWithLoss()
    for answers in (t, np.eye(4, dtype=int)[t]):
        np.testing.assert_allclose(mine.forward(x, answers), ours.forward(x, answers), rtol=1e-14)
        assert_same_bits(mine.backward(), ours.backward())
    layer = OwnDropout()
    layer.forward(x)
    np.testing.assert_array_equal(layer.backward(x), x * layer.mask)


# Dropout's randomness


def test_dropout_draws_from_the_global_stream_or_its_own(dtype):
    x = np.ones((50, 40), dtype)
    layer = Dropout(0.3)
    np.random.seed(3)
    expected = np.random.rand(50, 40) > 0.3
    np.random.seed(3)
    y = layer.forward(x)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, expected)
    position = np.random.get_state()[2]
    layer.backward(x)
    layer.forward(x, train_flg=False)
    own = Dropout(0.3, rng=np.random.default_rng(1)).forward(x)
    np.testing.assert_array_equal(own, np.random.default_rng(1).random((50, 40)) > 0.3)
    assert np.random.get_state()[2] == position
    layer.dropout_ratio = 0.0
    np.testing.assert_array_equal(layer.forward(x), x)


def test_dropout_keeps_the_expected_share():
    # 200,000 draws: the standard deviation of the share is 0.001, the bound four of them.
    kept = Dropout(0.25, rng=np.random.default_rng(0)).forward(np.ones(200_000)).mean()
    assert abs(kept - 0.75) < 0.004


# Bad input


@pytest.mark.parametrize("which", range(8))
def test_backward_before_forward(rng, which):
    layer, _, dout = every_layer(rng)[which]
    name = type(layer).__name__
    with pytest.raises(RuntimeError, match=f"{name}.backward: nothing .* call forward first"):
        layer.backward(dout)


@pytest.mark.parametrize("cls", DENSE)
@pytest.mark.parametrize(
    "x, error, words",
    [
        (
            np.zeros((5, 4)),
            ValueError,
            r"x: expected shape \(..., 6\) .* W of shape \(6, 4\), got \(5, 4\)",
        ),
        (np.zeros(()), ValueError, r"x: expected shape \(..., 6\)"),
        (np.zeros((5, 6), complex), TypeError, "x: expected real numbers, got dtype complex128"),
        (np.full((5, 6), "a"), TypeError, "x: expected real numbers, got dtype <U1"),
        (np.full((5, 6), None), TypeError, "x: expected real numbers, got dtype object"),
    ],
)
def test_bad_x_leaves_a_dense_layer_as_it_was(rng, cls, x, error, words):
    layer = cls(*weights_of(rng, cls))
    good, dout = rng.standard_normal((5, 6)), rng.standard_normal((5, 4))
    layer.forward(good)
    expected = layer.backward(dout)
    with pytest.raises(error, match=words):
        layer.forward(x)
    assert_same_bits(layer.backward(dout), expected)


@pytest.mark.parametrize("cls", DENSE)
@pytest.mark.parametrize(
    "dout, error, words",
    [
        (np.zeros((5, 6)), ValueError, r"dout: expected shape \(5, 4\)"),
        (np.zeros((4, 5)), ValueError, r"dout: expected shape \(5, 4\)"),
        (1.0, ValueError, r"dout: expected shape \(5, 4\)"),
        (np.zeros((5, 4), complex), TypeError, "dout: expected real numbers"),
    ],
)
def test_bad_dout_leaves_gradients_as_they_were(rng, cls, dout, error, words):
    layer = cls(*weights_of(rng, cls))
    layer.forward(rng.standard_normal((5, 6)))
    layer.backward(rng.standard_normal((5, 4)))
    before = [g.copy() for g in layer.grads]
    with pytest.raises(error, match=words):
        layer.backward(dout)
    for grad, expected in zip(layer.grads, before, strict=True):
        assert_same_bits(grad, expected)


def test_gradients_that_cannot_be_written(rng):
    layer = Affine(*weights_of(rng, Affine))
    layer.forward(rng.standard_normal((5, 6)))
    layer.grads[1].setflags(write=False)
    with pytest.raises(ValueError, match=r"grads\[1\]: expected a writable array"):
        layer.backward(np.ones((5, 4)))
    assert not layer.grads[0].any()
    layer.grads[0] = np.zeros((4, 6))
    with pytest.raises(ValueError, match=r"grads\[0\]: expected shape \(6, 4\)"):
        layer.backward(np.ones((5, 4)))
    layer.params[0] = np.zeros(6)
    with pytest.raises(ValueError, match=r"W: expected shape \(D, H\), got \(6,\)"):
        layer.forward(np.zeros((5, 6)))


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: MatMul([[1.0]]), TypeError, "W: expected a numpy array, got list"),
        (lambda: MatMul(np.zeros(3)), ValueError, "W: expected 2 dimensions"),
        (lambda: MatMul(np.zeros((3, 2), complex)), TypeError, "W: expected real numbers"),
        (lambda: Affine(np.zeros((3, 2)), np.zeros(3)), ValueError, r"b: expected shape \(2,\)"),
        (lambda: Affine(np.zeros((3, 2)), np.zeros((2, 1))), ValueError, r"b: expected shape"),
        (lambda: Affine(np.zeros((3, 2)), [0, 0]), TypeError, "b: expected a numpy array"),
        (lambda: Dropout(1.5), ValueError, "dropout_ratio: expected a number from 0 to 1"),
        (lambda: Dropout(np.nan), ValueError, "dropout_ratio: expected a number from 0 to 1"),
        (lambda: Dropout(0.5, rng=3), TypeError, "rng: expected None or a numpy.random.Generator"),
    ],
)
def test_bad_arguments_of_constructors(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    "x, t, error, words",
    [
        (np.zeros((2, 4)), [0, 4], IndexError, "t: id 4 at position 1 is out of range for 4 rows"),
        (np.zeros((2, 4)), [-5, 0], IndexError, "t: id -5 at position 0"),
        (np.zeros((2, 4)), [0.0, 1.0], TypeError, "t: expected integer ids"),
        (np.zeros((2, 4)), [True, False], TypeError, "t: expected integer ids"),
        (np.zeros((2, 4)), [0, 1, 2], ValueError, "t: expected 2 ids"),
        (np.zeros((2, 4)), [[0], [1]], ValueError, "t: expected 2 ids"),
        (np.zeros((2, 2, 4)), [0, 1], ValueError, "x: expected shape"),
        (np.zeros((0, 4)), np.empty(0, int), ValueError, "x: expected shape"),
        (np.zeros((2, 4), complex), [0, 1], TypeError, "x: expected real numbers"),
    ],
)
def test_bad_input_of_softmax_with_loss(x, t, error, words):
    layer = SoftmaxWithLoss()
    layer.forward(np.eye(4), np.arange(4))
    expected = layer.backward()
    with pytest.raises(error, match=words):
        layer.forward(x, t)
    assert_same_bits(layer.backward(), expected)


@pytest.mark.parametrize(
    "x, t, error, words",
    [
        (np.zeros(2), [0, 2], IndexError, "t: id 2 at position 1 is out of range for 2 rows"),
        (np.zeros(2), [0.0, 1.0], TypeError, "t: expected integer ids"),
        (np.zeros(2), [0, 1, 1], ValueError, r"t: expected shape \(2,\) to match x"),
        (np.zeros((2, 3)), [0, 1], ValueError, "x: expected shape"),
        (np.zeros(0), np.empty(0, int), ValueError, "x: expected shape"),
        (np.zeros(2, complex), [0, 1], TypeError, "x: expected real numbers"),
    ],
)
def test_bad_input_of_sigmoid_with_loss(x, t, error, words):
    layer = SigmoidWithLoss()
    layer.forward(np.arange(4.0), np.array([0, 1, 0, 1]))
    expected = layer.backward()
    with pytest.raises(error, match=words):
        layer.forward(x, t)
    assert_same_bits(layer.backward(), expected)


def test_bad_dout_of_losses():
    layer = SoftmaxWithLoss()
    layer.forward(np.eye(4), np.arange(4))
    with pytest.raises(ValueError, match=r"dout: expected shape \(4, 4\)"):
        layer.backward(np.ones(3))
    with pytest.raises(TypeError, match="dout: expected real numbers"):
        layer.backward(1j)


def test_star_import_gives_what_the_book_gives():
    names = {}
    exec("from fastw2v.layers import *", names)
    assert {"np", "GPU", "softmax", "cross_entropy_error", "SoftmaxWithLoss"} <= set(names)
    assert names["np"] is np and names["GPU"] is False


@pytest.mark.parametrize("T", [None, 3])
def test_affine_writes_into_the_memory_it_is_given(rng, dtype, T):
    W, b = rng.standard_normal((4, 5)).astype(dtype), rng.standard_normal(5).astype(dtype)
    x = rng.standard_normal((2, 4) if T is None else (2, T, 4)).astype(dtype)
    layer = Affine(W, b) if T is None else TimeAffine(W, b)
    expected = layer.forward(x)
    out = np.full(expected.shape, 7, dtype)
    result = layer.forward(x, out=out)
    assert np.shares_memory(result, out)
    np.testing.assert_array_equal(result, expected)
    wrong = [
        (out.tolist(), TypeError, "out: expected a numpy array, got list"),
        (out[:1], ValueError, "out: expected shape"),
        (out.astype(int), ValueError, "out: expected contiguous float32 or float64, got int64"),
        (np.empty(out.shape[::-1], dtype).T, ValueError, "out: expected contiguous .* with gaps"),
    ]
    for bad, error, words in wrong:
        with pytest.raises(error, match=words):
            layer.forward(x, out=bad)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="out: expected a writable array"):
        layer.forward(x, out=out)
