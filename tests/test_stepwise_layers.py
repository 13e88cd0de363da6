"""Layers over time without a state: embedding, affine, dropout, losses; in both implementations."""

import copy
import functools
import pickle

import numpy as np
import pytest
from conftest import assert_same_bits
from gradcheck import assert_gradients, check_layer, check_loss_layer
from implementations import stepwise

N, T, D, H, V = 3, 4, 5, 2, 6


def draw(rng, *shape, dtype=np.float64):
    return rng.standard_normal(shape).astype(dtype)


def layers_with_input(book, rng, dtype=np.float64):
    """name -> (layer, forward's arguments, backward's) of every class."""
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
            module.Simple_TimeAffine(W, b),
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
    """params and grads of a layer; Simple_TimeAffine has none."""
    return getattr(layer, "params", []), getattr(layer, "grads", [])


# All of them -----------------------------------------------------------------------------------


@stepwise
@every_layer
def test_results_are_new_and_inputs_untouched(book, rng, dtype, name):
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


@stepwise
@every_layer
def test_inputs_of_any_memory(book, rng, name):
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


@stepwise
@every_layer
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_go_on_where_the_layer_stood(book, rng, name, clone):
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


@stepwise
@every_layer
def test_the_last_forward_counts(book, rng, name):
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


@stepwise
def test_time_embedding_gradient(book, rng):
    layer = book.time_layers.TimeEmbedding(draw(rng, V, D), dtype=np.float64)
    ids = np.array([[0, 5, 5, 1], [2, 2, 2, 0], [5, 1, 0, 5]])
    dout = draw(rng, N, T, D)
    out = layer.forward(ids)
    np.testing.assert_array_equal(out, layer.params[0][ids])
    assert layer.backward(dout) is None
    dW = np.array(layer.grads[0])
    assert_gradients(lambda: float((layer.forward(ids) * dout).sum()), layer.params, [dW])


@stepwise
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


@stepwise
def test_time_embedding_takes_ids_of_any_kind(book, rng):
    W = draw(rng, V, D)
    layer = book.time_layers.TimeEmbedding(W, dtype=np.float64)
    ids = rng.integers(0, V, (N, T))
    strided = np.repeat(ids, 2, axis=1)[:, ::2]
    for given in (ids.astype(np.int8), ids.astype(np.uint64), strided, ids.tolist(), ids - V):
        np.testing.assert_array_equal(layer.forward(given), W[ids])
        layer.backward(np.ones((N, T, D)))
        np.testing.assert_array_equal(layer.grads[0][:, 0], np.bincount(ids.ravel(), minlength=V))


@stepwise
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


@stepwise
def test_time_embedding_has_a_layer_for_each_step(book, rng):
    layer = book.time_layers.TimeEmbedding(draw(rng, V, D))
    assert layer.layers is None
    ids = rng.integers(0, V, (N, T))
    layer.forward(ids)
    assert [type(step) for step in layer.layers] == [book.layers.Embedding] * T
    for t, step in enumerate(layer.layers):
        np.testing.assert_array_equal(step.idx, ids[:, t])
        assert step.params[0] is layer.W


@stepwise
@pytest.mark.parametrize("shape", [(0, T), (N, 0)], ids=str)
def test_time_embedding_of_nothing(book, rng, shape):
    layer = book.time_layers.TimeEmbedding(draw(rng, V, D))
    layer.grads[0][...] = 7
    out = layer.forward(np.zeros(shape, int))
    assert out.shape == (*shape, D)
    layer.backward(out)
    assert not np.any(layer.grads[0])


# Affine ----------------------------------------------------------------------------------------


@stepwise
@pytest.mark.parametrize("layout", ["C", "F", "transposed table"])
def test_time_affine_gradients(book, rng, layout):
    W = draw(rng, H, D).T if layout == "transposed table" else draw(rng, D, H)
    layer = book.time_layers.TimeAffine(np.asfortranarray(W) if layout == "F" else W, draw(rng, H))
    x = draw(rng, N, T, D)
    np.testing.assert_allclose(layer.forward(x), x @ W + layer.params[1], rtol=1e-12)
    assert layer.x is x
    check_layer(layer, x, rng)


@stepwise
def test_time_affine_sees_a_tied_table_move(book, rng):
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


@stepwise
@pytest.mark.parametrize("kind", ["i4", "f4", "f8"])
@pytest.mark.parametrize("weights", ["f4", "f8"])
def test_time_affine_promotes_as_numpy_does(book, rng, kind, weights):
    W, b = draw(rng, D, H, dtype=weights), draw(rng, H, dtype=weights)
    x = (3 * draw(rng, N, T, D)).astype(kind)
    for name in ("TimeAffine", "Simple_TimeAffine"):
        layer = getattr(book.time_layers, name)(W, b)
        out = layer.forward(x)
        assert out.dtype == np.result_type(kind, weights)
        np.testing.assert_allclose(out, x.astype("d") @ W + b, rtol=1e-4, atol=1e-5)
        dx = layer.backward(np.ones((N, T, H), kind))
        assert dx.dtype == np.result_type(kind, weights)
        dW, db = layer.grads if name == "TimeAffine" else (layer.dW, layer.db)
        assert dW.dtype == db.dtype == weights
        np.testing.assert_allclose(dW[:, 0], x.astype("d").sum(axis=(0, 1)), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(db, N * T)


@stepwise
def test_simple_time_affine_gives_the_same_without_lists(book, rng):
    W, b = draw(rng, D, H), draw(rng, H)
    simple, layer = book.time_layers.Simple_TimeAffine(W, b), book.time_layers.TimeAffine(W, b)
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


@stepwise
def test_time_affine_of_nothing(book, rng):
    layer = book.time_layers.TimeAffine(draw(rng, D, H), draw(rng, H))
    for shape in ((0, T), (N, 0)):
        layer.grads[0][...] = 7
        out = layer.forward(np.zeros((*shape, D)))
        assert out.shape == (*shape, H)
        assert layer.backward(out).shape == (*shape, D)
        assert not layer.grads[0].any() and not layer.grads[1].any()


# Dropout ---------------------------------------------------------------------------------------


@stepwise
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


@stepwise
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


@stepwise
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


@stepwise
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


@stepwise
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


@stepwise
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


@stepwise
def test_two_losses_read_one_score(book, rng):
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


@stepwise
def test_no_target_counts(book, rng):
    layer = book.time_layers.TimeSoftmaxWithLoss()
    xs = draw(rng, N, T, V)
    for rows in (N, 0):
        loss = layer.forward(xs[:rows], np.full((rows, T), -1))
        assert np.isnan(loss)
        assert_same_bits(layer.backward(), np.zeros((rows, T, V)))


@stepwise
def test_hopeless_and_certain_answers_stay_finite(book, dtype):
    layer = book.time_layers.TimeSoftmaxWithLoss()
    xs = np.array([[[0, 1000], [0, 1000]]], dtype)
    np.testing.assert_allclose(layer.forward(xs, np.array([[0, -1]])), 1000)
    np.testing.assert_array_equal(layer.backward(), [[[-1, 1], [0, 0]]])
    assert layer.forward(xs, np.array([[1, -1]])) == 0
    xs[0, 0, 0] = np.nan
    assert np.isnan(layer.forward(xs, np.array([[1, 1]])))
    assert np.isnan(layer.backward()).tolist() == [[[True, True], [False, False]]]
    assert layer.forward(xs, np.array([[-1, 1]])) == 0  # what is ignored may be anything
    np.testing.assert_array_equal(layer.backward()[0, 0], 0)


@stepwise
def test_losses_of_many_words_are_added_in_double(book, rng):
    xs = draw(rng, 40, 35, 50, dtype=np.float32)
    ts = rng.integers(0, 50, (40, 35))
    wide = xs.astype(np.float64)
    exact = np.log(np.exp(wide).sum(axis=2)) - np.take_along_axis(wide, ts[:, :, None], 2)[:, :, 0]
    layer = book.time_layers.TimeSoftmaxWithLoss()
    np.testing.assert_allclose(layer.forward(xs, ts), exact.mean(), rtol=3e-7)


@stepwise
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
    """Made a subclass of a loss: a reader's forward, with the inherited backward."""

    def forward(self, xs, ts):
        N, T, V = xs.shape
        ys = np.exp(xs.reshape(N * T, V))
        ys /= ys.sum(axis=1, keepdims=True)
        ts = ts.reshape(N * T)
        self.cache = (ts, ys, ts != self.ignore_label, (N, T, V))
        return -np.log(ys[np.arange(N * T), ts])[ts != self.ignore_label].mean()


@stepwise
def test_a_readers_forward_with_the_inherited_backward(book, rng):
    ours = book.time_layers.TimeSoftmaxWithLoss()
    mine = type("Mine", (OwnLoss, book.time_layers.TimeSoftmaxWithLoss), {})()
    xs, ts = draw(rng, N, T, V), rng.integers(0, V, (N, T))
    ts[1, 2] = -1
    np.testing.assert_allclose(mine.forward(xs, ts), ours.forward(xs, ts), rtol=1e-12)
    np.testing.assert_allclose(mine.backward(0.5), ours.backward(0.5), rtol=1e-12, atol=1e-15)
