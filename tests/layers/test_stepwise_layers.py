"""Layers over time without a state: embedding, affine, dropout, losses; in both implementations."""

import copy
import functools
import pickle
import tracemalloc

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from gradcheck import assert_gradients, check_layer, check_loss_layer
from implementations import COMPILED, both

from fastw2v import RowGrad
from fastw2v._rows.writes import touched
from fastw2v.dropin.book_names import SERVED

N, T, D, H, V = 3, 4, 5, 2, 6


def draw(rng, *shape, dtype=np.float64):
    return rng.standard_normal(shape).astype(dtype)


def layers_with_input(book, rng, dtype=np.float64):
    """Return {name: (layer, arguments of forward, arguments of backward)} of every class."""
    module = book.time_layers
    xs, scores = draw(rng, N, T, D, dtype=dtype), draw(rng, N, T, V, dtype=dtype)
    ids = rng.integers(0, V, (N, T))
    W, b = draw(rng, D, H, dtype=dtype), draw(rng, H, dtype=dtype)
    return {
        "TimeEmbedding": (
            module.TimeEmbedding(draw(rng, V, D, dtype=dtype), dtype=dtype),
            (ids,),
            draw(rng, N, T, D, dtype=dtype),
        ),
        "TimeAffine": (module.TimeAffine(W, b), (xs,), draw(rng, N, T, H, dtype=dtype)),
        "Simple_TimeAffine": (
            module.Simple_TimeAffine(W, b, dtype=dtype),
            (xs,),
            draw(rng, N, T, H, dtype=dtype),
        ),
        "TimeDropout": (module.TimeDropout(0.4), (xs,), draw(rng, N, T, D, dtype=dtype)),
        "TimeSoftmaxWithLoss": (module.TimeSoftmaxWithLoss(), (scores, ids), 0.5),
        "Simple_TimeSoftmaxWithLoss": (
            module.Simple_TimeSoftmaxWithLoss(dtype=dtype),
            (scores, ids),
            0.5,
        ),
        "TimeSigmoidWithLoss": (
            module.TimeSigmoidWithLoss(dtype=dtype),
            (scores[:, :, 0], ids % 2),
            0.5,
        ),
    }


NAMES = [
    "TimeEmbedding", "TimeAffine", "Simple_TimeAffine", "TimeDropout", "TimeSoftmaxWithLoss",
    "Simple_TimeSoftmaxWithLoss", "TimeSigmoidWithLoss",
]  # fmt: skip
every_layer = pytest.mark.parametrize("name", NAMES)


def lists_of(layer):
    """Return params and grads of a layer; Simple_TimeAffine has no lists."""
    return getattr(layer, "params", []), getattr(layer, "grads", [])


# All of them -----------------------------------------------------------------------------------


@both
@every_layer
def test_results_are_new_and_inputs_unchanged(book, rng, dtype, name):
    layer, inputs, dout = layers_with_input(book, rng, dtype)[name]
    before = [np.copy(a) for a in (*inputs, dout)]
    params, grads = lists_of(layer)
    arrays = list(grads)
    out = layer.forward(*inputs)
    if isinstance(out, np.ndarray) and out.ndim:
        assert type(out) is np.ndarray and out.flags.writeable and out.dtype == dtype
        assert not any(np.shares_memory(out, a) for a in (*inputs, *params))
        out *= 100
    dx = layer.backward(dout)
    kept = [np.copy(grad) for grad in grads]
    if name == "TimeEmbedding":
        assert dx is None
    else:
        assert type(dx) is np.ndarray and dx.flags.writeable and dx.dtype == dtype
        assert not any(np.shares_memory(dx, a) for a in (*inputs, *params, *grads))
        copied = dx.copy()
        dx *= 100
        assert_same_bits(layer.backward(dout), copied)
    layer.backward(dout)
    for grad, array, expected in zip(layer.grads if grads else [], arrays, kept, strict=True):
        assert grad is array
        assert_same_bits(grad, expected)
    for a, expected in zip((*inputs, dout), before, strict=True):
        assert_same_bits(a, expected)


@both
@every_layer
def test_inputs_in_any_memory_layout_give_the_same(book, rng, name):
    layer, inputs, dout = layers_with_input(book, rng)[name]
    expected, again = [], []
    for results, change in ((expected, lambda a: a), (again, np.asfortranarray)):
        np.random.seed(3)
        changed = [change(a) for a in inputs]
        results.append(layer.forward(*changed))
        for a in changed:
            a.setflags(write=False)
        dx = layer.backward(change(dout) if np.ndim(dout) else dout)
        results += [np.copy(grad) for grad in lists_of(layer)[1]] if dx is None else [dx]
    for mine, theirs in zip(again, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


@both
@every_layer
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_continue_from_the_layers_state(book, rng, name, clone):
    layer, inputs, dout = layers_with_input(book, rng)[name]
    layer.forward(*inputs)
    other = clone(layer)
    mine, theirs = other.backward(dout), layer.backward(dout)
    if mine is not None:
        assert_same_bits(mine, theirs)
    for one, two in zip(lists_of(other), lists_of(layer), strict=True):
        for a, b in zip(one, two, strict=True):
            assert_same_bits(a, b)
            assert not np.shares_memory(a, b)


@both
@every_layer
def test_backward_uses_the_last_forward(book, rng, name):
    layer, inputs, dout = layers_with_input(book, rng)[name]
    fresh = copy.deepcopy(layer)
    layer.forward(*(np.roll(a, 1, axis=0) for a in inputs))
    for one in (layer, fresh):
        np.random.seed(5)
        one.forward(*inputs)
    dx, expected = layer.backward(dout), fresh.backward(dout)
    for mine, theirs in zip(lists_of(layer)[1], lists_of(fresh)[1], strict=True):
        assert_same_bits(mine, theirs)
    if dx is not None:
        assert_same_bits(dx, expected)


# Embedding -------------------------------------------------------------------------------------


@both
def test_time_embedding_gradient(book, rng):
    layer = book.time_layers.TimeEmbedding(draw(rng, V, D), dtype=np.float64)
    ids = np.array([[0, 5, 5, 1], [2, 2, 2, 0], [5, 1, 0, 5]])
    dout = draw(rng, N, T, D)
    out = layer.forward(ids)
    np.testing.assert_array_equal(out, layer.params[0][ids])
    assert layer.backward(dout) is None
    dW = np.array(layer.grads[0])
    assert_gradients(lambda: float((layer.forward(ids) * dout).sum()), layer.params, [dW])


@both
@pytest.mark.parametrize("weights", [np.float32, np.float64])
def test_time_embedding_gives_float32(book, rng, weights):
    W = draw(rng, V, D, dtype=weights)
    layer = book.time_layers.TimeEmbedding(W)
    ids = rng.integers(0, V, (N, T))
    out = layer.forward(ids)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, W[ids].astype(np.float32))
    layer.backward(np.ones((N, T, D), int))
    assert layer.grads[0].dtype == weights
    np.testing.assert_array_equal(layer.grads[0][:, 0], np.bincount(ids.ravel(), minlength=V))


@both
def test_time_embedding_takes_ids_of_any_kind(book, rng):
    W = draw(rng, V, D)
    layer = book.time_layers.TimeEmbedding(W, dtype=np.float64)
    ids = rng.integers(0, V, (N, T))
    strided = np.repeat(ids, 2, axis=1)[:, ::2]
    for given in (ids.astype(np.int8), ids.astype(np.uint64), strided, ids.tolist(), ids - V):
        np.testing.assert_array_equal(layer.forward(given), W[ids])
        layer.backward(np.ones((N, T, D)))
        np.testing.assert_array_equal(layer.grads[0][:, 0], np.bincount(ids.ravel(), minlength=V))


@both
def test_time_embedding_reads_its_attribute_w(book, rng):
    W, other = draw(rng, V, D), draw(rng, V, D, dtype=np.float32)
    layer = book.time_layers.TimeEmbedding(W, dtype=np.float64)
    assert layer.W is W and layer.params[0] is W
    ids = rng.integers(0, V, (N, T))
    layer.forward(ids)
    layer.W = other
    np.testing.assert_array_equal(layer.forward(ids), other[ids])
    W[...] = 7
    np.testing.assert_array_equal(layer.forward(ids), other[ids])
    other[...] = 7  # in place, as an optimizer does
    np.testing.assert_array_equal(layer.forward(ids), 7)


@both
def test_time_embedding_has_a_layer_for_each_step(book, rng):
    layer = book.time_layers.TimeEmbedding(draw(rng, V, D))
    assert layer.layers is None
    ids = rng.integers(0, V, (N, T))
    layer.forward(ids)
    assert [type(step) for step in layer.layers] == [book.layers.Embedding] * T
    for t, step in enumerate(layer.layers):
        np.testing.assert_array_equal(step.idx, ids[:, t])
        assert step.params[0] is layer.W


@both
@pytest.mark.parametrize("shape", [(0, T), (N, 0)], ids=str)
def test_time_embedding_of_no_ids_is_empty(book, rng, shape):
    layer = book.time_layers.TimeEmbedding(draw(rng, V, D))
    layer.grads[0][...] = 7
    out = layer.forward(np.zeros(shape, int))
    assert out.shape == (*shape, D)
    layer.backward(out)
    assert not np.any(layer.grads[0])


# Affine ----------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("layout", ["C", "F", "transposed table"])
def test_time_affine_gradients(book, rng, layout):
    W = draw(rng, H, D).T if layout == "transposed table" else draw(rng, D, H)
    layer = book.time_layers.TimeAffine(np.asfortranarray(W) if layout == "F" else W, draw(rng, H))
    x = draw(rng, N, T, D)
    np.testing.assert_allclose(layer.forward(x), x @ W + layer.params[1], rtol=1e-12)
    assert layer.x is x
    check_layer(layer, x, rng)


@both
def test_time_affine_reads_a_tied_table_at_every_call(book, rng):
    table, b = draw(rng, V, D), np.zeros(V)
    layer = book.time_layers.TimeAffine(table.T, b)
    assert layer.params[0].base is table and layer.params[1] is b
    x = draw(rng, N, T, D)
    layer.forward(x)
    table *= 2
    np.testing.assert_allclose(layer.forward(x), x @ table.T, rtol=1e-12)
    assert layer.grads[0].shape == (D, V)
    layer.backward(np.ones((N, T, V)))
    expected = np.repeat(x.sum(axis=(0, 1))[:, None], V, axis=1)
    np.testing.assert_allclose(layer.grads[0], expected, rtol=1e-12)


@both
@pytest.mark.parametrize("kind", ["i4", "f4", "f8"])
@pytest.mark.parametrize("weights", ["f4", "f8"])
def test_time_affine_promotes_as_numpy_does(book, rng, kind, weights):
    W, b = draw(rng, D, H, dtype=weights), draw(rng, H, dtype=weights)
    x = (3 * draw(rng, N, T, D)).astype(kind)
    for name in ("TimeAffine", "Simple_TimeAffine"):
        layer = getattr(book.time_layers, name)(W, b)
        out = layer.forward(x)
        dtype = np.result_type(kind, weights) if name == "TimeAffine" else np.float32
        assert out.dtype == dtype
        np.testing.assert_allclose(out, x.astype("d") @ W + b, rtol=1e-4, atol=1e-5)
        dx = layer.backward(np.ones((N, T, H), kind))
        assert dx.dtype == dtype
        dW, db = layer.grads if name == "TimeAffine" else (layer.dW, layer.db)
        assert dW.dtype == db.dtype == weights
        np.testing.assert_allclose(dW[:, 0], x.astype("d").sum(axis=(0, 1)), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(db, N * T)


@both
def test_simple_time_affine_gives_the_same_without_lists(book, rng):
    W, b = draw(rng, D, H), draw(rng, H)
    simple = book.time_layers.Simple_TimeAffine(W, b, dtype=np.float64)
    layer = book.time_layers.TimeAffine(W, b)
    assert simple.W is W and simple.b is b and simple.dW is None and simple.db is None
    assert not hasattr(simple, "params") and not hasattr(simple, "grads")
    x, dout = draw(rng, N, T, D), draw(rng, N, T, H)
    np.testing.assert_allclose(simple.forward(x), layer.forward(x), rtol=1e-12)
    np.testing.assert_allclose(simple.backward(dout), layer.backward(dout), rtol=1e-12)
    np.testing.assert_allclose(simple.dW, layer.grads[0], rtol=1e-12)
    np.testing.assert_allclose(simple.db, layer.grads[1], rtol=1e-12)
    first = simple.dW, simple.dW.copy()
    simple.W = 2 * W
    np.testing.assert_allclose(simple.forward(x), 2 * (x @ W) + b, rtol=1e-12)
    simple.backward(2 * dout)
    assert_same_bits(*first)
    assert len(simple.layers) == T and simple.layers[0].params[0] is simple.W


@both
def test_time_affine_of_no_rows_is_empty(book, rng):
    layer = book.time_layers.TimeAffine(draw(rng, D, H), draw(rng, H))
    for shape in ((0, T), (N, 0)):
        layer.grads[0][...] = 7
        out = layer.forward(np.zeros((*shape, D)))
        assert out.shape == (*shape, H)
        assert layer.backward(out).shape == (*shape, D)
        assert not layer.grads[0].any() and not layer.grads[1].any()


# Dropout ---------------------------------------------------------------------------------------


@both
def test_time_dropout_scales_what_it_keeps(book, rng, dtype):
    layer = book.time_layers.TimeDropout(0.25)
    assert layer.params == layer.grads == [] and layer.train_flg is True and layer.mask is None
    assert layer.dropout_ratio == 0.25
    xs, dout = draw(rng, 20, 50, 40, dtype=dtype), draw(rng, 20, 50, 40, dtype=dtype)
    out = layer.forward(xs)
    assert out.dtype == dtype and layer.mask.shape == xs.shape
    kept = np.asarray(layer.mask) != 0
    np.testing.assert_allclose(out, np.where(kept, xs / 0.75, 0), rtol=1e-6)
    np.testing.assert_allclose(layer.mask[kept], 1 / 0.75, rtol=1e-6)
    np.testing.assert_allclose(layer.backward(dout), np.where(kept, dout / 0.75, 0), rtol=1e-6)
    # 40,000 draws: the standard deviation of the share is 0.0022, the bound four of them.
    assert abs(kept.mean() - 0.75) < 0.009
    for axis in ((1, 2), (0, 2), (0, 1)):
        share = kept.mean(axis=axis)
        assert share.std() < 3 * np.sqrt(0.1875 * share.size / kept.size)


@both
def test_time_dropout_draws_from_the_global_stream(book, rng):
    layer = book.time_layers.TimeDropout(0.5)
    xs = draw(rng, N, T, D)
    state = np.random.get_state()[1:3]
    layer.train_flg = False
    layer.forward(xs)
    book.time_layers.TimeDropout()
    assert state[1] == np.random.get_state()[2]
    layer.train_flg = True

    def draws(seed):
        np.random.seed(seed)
        return layer.forward(xs).tolist(), layer.forward(xs).tolist()

    assert draws(1) == draws(1) != draws(2)
    assert draws(1)[0] != draws(1)[1]


@both
def test_time_dropout_assignments_take_effect(book, rng):
    layer = book.time_layers.TimeDropout(0.5)
    xs = draw(rng, N, T, D)
    layer.train_flg = False
    out = layer.forward(xs)
    assert_same_bits(out, xs)
    assert not np.shares_memory(out, xs)
    dx = layer.backward(xs)
    assert_same_bits(dx, xs)
    assert not np.shares_memory(dx, xs)
    layer.train_flg, layer.dropout_ratio = True, 0.0
    np.testing.assert_array_equal(layer.forward(xs), xs)
    layer.dropout_ratio = 0.9
    assert (layer.forward(np.ones((10, 10, 10))) == 0).mean() > 0.8


# Softmax and its loss --------------------------------------------------------------------------


@both
@pytest.mark.parametrize("dout", [1, 0.25])
def test_time_softmax_with_loss_gradient(book, rng, dout):
    xs = draw(rng, N, T, V)
    ts = rng.integers(0, V, (N, T))
    layer = book.time_layers.TimeSoftmaxWithLoss()
    check_loss_layer(layer, xs, ts, dout)
    ts[0, 1] = ts[2] = -1
    check_loss_layer(layer, xs, ts, dout)
    layer.ignore_label = int(ts[1, 0])
    ts[ts == -1] = 0
    check_loss_layer(layer, xs, ts, dout)
    check_loss_layer(layer, xs, np.eye(V, dtype=int)[ts], dout)


@both
@pytest.mark.parametrize("dout", [1, 0.25])
def test_other_losses_over_time(book, rng, dout):
    xs, ts = draw(rng, N, T, V), rng.integers(0, V, (N, T))
    softmax = book.time_layers.Simple_TimeSoftmaxWithLoss(dtype=np.float64)
    sigmoid = book.time_layers.TimeSigmoidWithLoss(dtype=np.float64)
    for layer, x, t in (
        (softmax, xs, ts),
        (softmax, xs, np.eye(V, dtype=int)[ts]),
        (sigmoid, xs[:, :, 0].copy(), ts % 2),
    ):
        layer.forward(x, t)
        # The gradient leaves out the 1e-7 inside the logarithm.
        run = functools.partial(lambda *args: float(args[0].forward(*args[1:])) * dout, layer, x, t)
        assert_gradients(run, [x], [layer.backward(dout)], rtol=1e-5)


@both
def test_time_softmax_with_loss_in_numbers(book, rng, dtype):
    xs = (4 * draw(rng, N, T, V)).astype(dtype)
    ts = np.array([[0, -1, 2, 3], [-1, -1, -1, -1], [5, 5, 1, -1]])
    p = np.exp(xs.astype("d"))
    p /= p.sum(axis=2, keepdims=True)
    counted = [(n, t) for n in range(N) for t in range(T) if ts[n, t] != -1]
    exact = -np.mean([np.log(p[n, t, ts[n, t]]) for n, t in counted])
    dx = np.zeros_like(p)
    for n, t in counted:
        dx[n, t] = (p[n, t] - np.eye(V)[ts[n, t]]) / len(counted)
    layer = book.time_layers.TimeSoftmaxWithLoss()
    assert layer.ignore_label == -1 and layer.cache is None
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    for copies in (True, False):
        for targets in (ts, ts.astype(np.int8), np.asfortranarray(ts)):
            np.testing.assert_allclose(layer.forward(xs, targets, copy=copies), exact, rtol=rtol)
            found = layer.backward()
            assert found.dtype == dtype
            np.testing.assert_allclose(found, dx, rtol=rtol, atol=rtol / 10)
            assert not found[ts == -1].any()
    ids, ys, mask, shape = layer.cache
    np.testing.assert_allclose(ys, p.reshape(N * T, V), rtol=rtol, atol=rtol / 100)
    assert mask.tolist() == (ts != -1).ravel().tolist() and shape == (N, T, V)
    np.testing.assert_array_equal(np.asarray(ids)[mask], ts.ravel()[mask])


@both
def test_two_losses_may_read_the_same_scores(book, rng):
    xs = draw(rng, N, T, V, dtype=np.float32)
    first, second = (book.time_layers.TimeSoftmaxWithLoss() for _ in "12")
    ts = rng.integers(0, V, (2, N, T))
    losses = first.forward(xs, ts[0]), second.forward(xs, ts[1])
    expected = first.backward(), second.backward()
    losses_again = first.forward(xs, ts[0]), second.forward(xs, ts[1])
    xs *= 0  # belongs to the caller
    assert losses == losses_again and losses[0] != losses[1]
    assert_same_bits(first.backward(), expected[0])
    assert_same_bits(second.backward(), expected[1])


@both
def test_a_loss_without_targets_is_nan_and_its_gradient_zero(book, rng):
    layer = book.time_layers.TimeSoftmaxWithLoss()
    xs = draw(rng, N, T, V)
    for rows in (N, 0):
        loss = layer.forward(xs[:rows], np.full((rows, T), -1))
        assert np.isnan(loss)
        assert_same_bits(layer.backward(), np.zeros((rows, T, V)))


@both
def test_hopeless_and_certain_answers_stay_finite(book, dtype):
    layer = book.time_layers.TimeSoftmaxWithLoss()
    xs = np.array([[[0, 1000], [0, 1000]]], dtype)
    np.testing.assert_allclose(layer.forward(xs, np.array([[0, -1]])), 1000)
    np.testing.assert_array_equal(layer.backward(), [[[-1, 1], [0, 0]]])
    assert layer.forward(xs, np.array([[1, -1]])) == 0
    xs[0, 0, 0] = np.nan
    assert np.isnan(layer.forward(xs, np.array([[1, 1]])))
    assert np.isnan(layer.backward()).tolist() == [[[True, True], [False, False]]]
    assert layer.forward(xs, np.array([[-1, 1]])) == 0  # an ignored score may have any value
    np.testing.assert_array_equal(layer.backward()[0, 0], 0)


@both
def test_losses_of_many_words_are_added_in_double(book, rng):
    xs = draw(rng, 40, 35, 50, dtype=np.float32)
    ts = rng.integers(0, 50, (40, 35))
    wide = xs.astype(np.float64)
    exact = np.log(np.exp(wide).sum(axis=2)) - np.take_along_axis(wide, ts[:, :, None], 2)[:, :, 0]
    layer = book.time_layers.TimeSoftmaxWithLoss()
    np.testing.assert_allclose(layer.forward(xs, ts), exact.mean(), rtol=3e-7)


@both
@pytest.mark.parametrize("name", ["Simple_TimeSoftmaxWithLoss", "TimeSigmoidWithLoss"])
def test_losses_step_by_step(book, rng, name):
    xs, ts = draw(rng, N, T, V), rng.integers(0, V, (N, T))
    step_name = name.replace("Simple_", "").replace("Time", "")
    if name == "TimeSigmoidWithLoss":
        xs, ts = xs[:, :, 0], ts % 2
    layer = getattr(book.time_layers, name)()
    steps = [getattr(book.layers, step_name)() for _ in range(T)]
    losses = [step.forward(xs[:, t], ts[:, t]) for t, step in enumerate(steps)]
    np.testing.assert_allclose(layer.forward(xs, ts), np.mean(losses), rtol=1e-12)
    dx = layer.backward(2)
    assert dx.dtype == np.float32
    expected = np.stack([step.backward(2 / T) for step in steps], axis=1)
    np.testing.assert_allclose(dx, expected, rtol=1e-6, atol=1e-9)
    assert [type(step) for step in layer.layers] == [type(steps[0])] * T
    for mine, theirs in zip(layer.layers, steps, strict=True):
        np.testing.assert_allclose(mine.y, theirs.y, rtol=1e-12)
        np.testing.assert_array_equal(mine.t, theirs.t)


class OwnLoss:
    """Make a subclass of a loss with a forward of its own and the inherited backward."""

    def forward(self, xs, ts):
        N, T, V = xs.shape
        ys = np.exp(xs.reshape(N * T, V))
        ys /= ys.sum(axis=1, keepdims=True)
        ts = ts.reshape(N * T)
        self.cache = (ts, ys, ts != self.ignore_label, (N, T, V))
        return -np.log(ys[np.arange(N * T), ts])[ts != self.ignore_label].mean()


@both
def test_a_subclass_may_have_its_own_forward_and_the_inherited_backward(book, rng):
    ours = book.time_layers.TimeSoftmaxWithLoss()
    mine = type("Mine", (OwnLoss, book.time_layers.TimeSoftmaxWithLoss), {})()
    xs, ts = draw(rng, N, T, V), rng.integers(0, V, (N, T))
    ts[1, 2] = -1
    np.testing.assert_allclose(mine.forward(xs, ts), ours.forward(xs, ts), rtol=1e-12)
    np.testing.assert_allclose(mine.backward(0.5), ours.backward(0.5), rtol=1e-12, atol=1e-15)


# Bad input, memory and threads: the fast package ----------------------------------------------


@pytest.fixture
def layers(rng):
    """Return {name: (layer after a forward, arguments of forward, arguments of backward)}."""
    found = layers_with_input(COMPILED, rng)
    for layer, inputs, _ in found.values():
        layer.forward(*inputs)
    return found


@every_layer
def test_backward_before_forward_is_an_error(rng, name):
    layer, _, dout = layers_with_input(COMPILED, rng)[name]
    with pytest.raises(RuntimeError, match=f"{name}.backward: nothing .* call forward first"):
        layer.backward(dout)


IDS = np.zeros((N, T), int)
XS, SCORES = np.zeros((N, T, D)), np.zeros((N, T, V))
BAD_INPUT = [
    ("TimeEmbedding", [[[0, V]]], IndexError, r"xs: id 6 at position \(0, 1\) is out of range"),
    ("TimeEmbedding", [[[0, -V - 1]]], IndexError, "xs: id -7 at position"),
    ("TimeEmbedding", [[[0.0, 1.0]]], TypeError, "xs: expected integer ids, got dtype float64"),
    ("TimeEmbedding", [[0, 1]], ValueError, r"xs: expected ids of shape \(N, T\), got \(2,\)"),
    ("TimeDropout", [np.zeros((N, T), complex)], TypeError, "xs: expected real numbers"),
    ("TimeSigmoidWithLoss", [IDS, IDS + 2], IndexError, r"ts: id 2 at position \(0, 0\) is out"),
    ("TimeSigmoidWithLoss", [IDS, IDS + 0.5], TypeError, "ts: expected integer ids"),
    ("TimeSigmoidWithLoss", [IDS, IDS.T], ValueError, r"ts: expected shape \(3, 4\)"),
    ("TimeSigmoidWithLoss", [IDS[0], IDS[0]], ValueError, r"xs: .*\(N, T\).*got \(4,\)"),
    ("TimeSigmoidWithLoss", [IDS[:0], IDS[:0]], ValueError, r"xs: .* got \(0, 4\)"),
    ("Simple_TimeSoftmaxWithLoss", [SCORES[:0], IDS[:0]], ValueError, r"xs: .* got \(0, 4, 6\)"),
]
for _name, _x in (("TimeAffine", "x"), ("Simple_TimeAffine", "xs")):
    BAD_INPUT += [
        (_name, [SCORES], ValueError, rf"^{_x}: .*match W of shape \(5, 2\), got \(3, 4, 6\)"),
        (_name, [XS[0]], ValueError, rf"^{_x}: expected shape \(N, T, 5\), got \(4, 5\)"),
        (_name, [XS.astype(complex)], TypeError, f"^{_x}: expected real numbers"),
    ]
for _name in ("TimeSoftmaxWithLoss", "Simple_TimeSoftmaxWithLoss"):
    BAD_INPUT += [
        (_name, [SCORES, IDS + V], IndexError, r"ts: id 6 at position \(0, 0\) is out of range"),
        (_name, [SCORES, IDS - V - 1], IndexError, r"ts: id -7 at position \(0, 0\)"),
        (_name, [SCORES, IDS + 0.5], TypeError, "ts: expected integer ids, got dtype float64"),
        (_name, [SCORES, IDS > 0], TypeError, "ts: expected integer ids, got dtype bool"),
        (_name, [SCORES, IDS[:2]], ValueError, r"ts: .*\(N, T\) = \(3, 4\).*got \(2, 4\)"),
        (_name, [SCORES, IDS.T], ValueError, r"ts: .* got \(4, 3\)"),
        (
            _name,
            [SCORES, XS],
            ValueError,
            r"ts: .*one-hot rows of shape \(3, 4, 6\), got \(3, 4, 5",
        ),
        (_name, [SCORES[0], IDS], ValueError, r"xs: expected .*\(N, T, V\).*got \(4, 6\)"),
        (_name, [SCORES[:, :, :0], IDS], ValueError, r"xs: expected .*\(N, T, V\).*got \(3, 4, 0"),
        (_name, [SCORES.astype(complex), IDS], TypeError, "xs: expected real numbers"),
    ]


@pytest.mark.parametrize("name, inputs, error, words", BAD_INPUT)
def test_bad_input_leaves_a_layer_as_it_was(layers, name, inputs, error, words):
    layer, _, dout = layers[name]
    expected = layer.backward(dout)
    grads = [np.copy(grad) for grad in lists_of(layer)[1]]
    with pytest.raises(error, match=words):
        layer.forward(*inputs)
    found = layer.backward(dout)
    if expected is not None:
        assert_same_bits(found, expected)
    for grad, before in zip(lists_of(layer)[1], grads, strict=True):
        assert_same_bits(grad, before)


@pytest.mark.parametrize("name", ["TimeEmbedding", "TimeAffine", "Simple_TimeAffine"])
def test_bad_dout_leaves_gradients_as_they_were(layers, name):
    layer, _, dout = layers[name]
    layer.backward(dout)
    before = [np.copy(grad) for grad in lists_of(layer)[1]]
    for bad in (dout[:, :, :1], dout[:2], dout[0], 1.0):
        with pytest.raises(ValueError, match=rf"dout: expected shape \(3, 4, {dout.shape[2]}\)"):
            layer.backward(bad)
    with pytest.raises(TypeError, match="dout: expected real numbers"):
        layer.backward(dout.astype(complex))
    for grad, expected in zip(lists_of(layer)[1], before, strict=True):
        assert_same_bits(grad, expected)


def test_bad_dout_of_losses_is_refused(layers):
    layer = layers["TimeSoftmaxWithLoss"][0]
    with pytest.raises(ValueError, match=r"dout: expected shape \(12, 6\)"):
        layer.backward(np.ones(5))
    plain = layer.backward()
    column = np.arange(N * T)[:, None]
    np.testing.assert_allclose(
        layer.backward(column).reshape(-1, V), plain.reshape(-1, V) * column, rtol=1e-12
    )
    for name in ("TimeSoftmaxWithLoss", "Simple_TimeSoftmaxWithLoss", "TimeSigmoidWithLoss"):
        with pytest.raises(TypeError, match="dout: expected real numbers"):
            layers[name][0].backward(1j)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda m: m.TimeEmbedding(np.zeros(3)), ValueError, r"W: expected a table of shape"),
        (lambda m: m.TimeEmbedding([[1.0]]), TypeError, "W: expected a numpy array"),
        (lambda m: m.TimeEmbedding(np.zeros((2, 2)), dtype=int), TypeError, "dtype: expected None"),
        (lambda m: m.TimeAffine(np.zeros((3, 2)), np.zeros(3)), ValueError, r"b: expected shape"),
        (lambda m: m.TimeAffine([[1.0]], np.zeros(1)), TypeError, "W: expected a numpy array"),
        (lambda m: m.Simple_TimeAffine(np.zeros(3), np.zeros(3)), ValueError, "W: expected 2 dim"),
        (lambda m: m.TimeDropout(1.5), ValueError, "dropout_ratio: expected a number from 0 to 1"),
        (lambda m: m.TimeDropout(0.5, rng=3), TypeError, "rng: expected None or a numpy.random"),
        (lambda m: m.TimeSigmoidWithLoss(dtype="f2"), TypeError, "dtype: expected None"),
        (lambda m: m.Simple_TimeSoftmaxWithLoss(dtype="x"), TypeError, "dtype: expected None"),
    ],
)
def test_bad_arguments_of_constructors_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make(COMPILED.time_layers)


def test_gradient_of_an_embedding_knows_its_rows(rng):
    layer = COMPILED.time_layers.TimeEmbedding(draw(rng, 100, D))
    assert type(layer.grads[0]) is RowGrad
    layer.forward([[3, 50], [3, 7]])
    layer.backward(np.ones((2, 2, D)))
    assert np.flatnonzero(touched(layer.grads[0], trusted=True)).tolist() == [3, 7, 50]


def test_dropout_with_ratio_one_gives_zeros(rng):
    layer = COMPILED.time_layers.TimeDropout(1.0)
    xs = draw(rng, N, T, D)
    assert not layer.forward(xs).any() and not layer.backward(xs).any()


@pytest.mark.parametrize("dtype", ["f2", "i1", "i8", "?", ">f4"])
def test_dropout_promotes_as_numpy_does_with_a_float32_mask(rng, dtype):
    layer = COMPILED.time_layers.TimeDropout(0.5)
    xs = (4 * draw(rng, N, T, D)).astype(dtype)
    for x in (xs, xs.T):
        out = layer.forward(x)
        expected = x * layer.mask
        assert layer.mask.dtype == np.float32 and out.dtype == expected.dtype
        np.testing.assert_array_equal(out, expected)
    layer.dropout_ratio = -0.5
    with pytest.raises(ValueError, match="dropout_ratio: expected a number from 0 to 1"):
        layer.forward(xs)


def test_dropout_draws_from_its_own_generator(rng):
    xs = np.ones((N, T, D))
    position = np.random.get_state()[2]
    first, second = (
        COMPILED.time_layers.TimeDropout(0.5, rng=np.random.default_rng(1)).forward(xs)
        for _ in "12"
    )
    assert_same_bits(first, second)
    assert np.random.get_state()[2] == position


@every_layer
def test_results_are_bit_identical_for_every_number_of_parts(rng, dtype, all_parts, name):
    seen = set()
    for n in N_PARTS:
        all_parts(n)
        np.random.seed(1)
        layer, inputs, dout = layers_with_input(COMPILED, np.random.default_rng(1), dtype)[name]
        out = layer.forward(*inputs)
        dx = layer.backward(dout)
        arrays = [out, *lists_of(layer)[1], *([] if dx is None else [dx])]
        seen.add(b"".join(np.asarray(a).tobytes() for a in arrays))
    assert len(seen) == 1


def test_memory_of_the_softmax_loss(rng):
    xs, ts = draw(rng, 10, 20, 1000, dtype=np.float32), rng.integers(0, 1000, (10, 20))
    layer = COMPILED.time_layers.TimeSoftmaxWithLoss()
    little = xs.nbytes // 20

    def peak(call, *args, **kwargs):
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            result = call(*args, **kwargs)
            return tracemalloc.get_traced_memory()[1] - before, result
        finally:
            tracemalloc.stop()

    assert peak(layer.forward, xs, ts)[0] < xs.nbytes + little
    assert peak(layer.forward, xs, ts)[0] < little
    assert peak(layer.backward)[0] < xs.nbytes + little
    fresh = COMPILED.time_layers.TimeSoftmaxWithLoss()
    assert peak(fresh.forward, xs, ts, copy=False)[0] < little
    assert peak(fresh.backward)[0] < xs.nbytes + little
    assert_same_bits(fresh.backward(), layer.backward())


def test_star_import_gives_the_names_of_the_book():
    names = {}
    exec("from fastw2v.time_layers import *", names)
    book = SERVED["common.time_layers"]
    assert {*book.defines, *book.leaks} == names.keys() - {"__builtins__"}
    assert names["np"] is np and names["GPU"] is False
