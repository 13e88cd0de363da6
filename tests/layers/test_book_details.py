"""Details in which layers are the book's: draws, dtypes, attributes, tables of any numbers."""

import copy
import pickle

import numpy as np
import pytest
from implementations import both

from fastw2v import RowGrad
from fastw2v.layers import Embedding
from fastw2v.models import CBOW, SkipGram
from fastw2v.negative_sampling_layer import NegativeSamplingLoss
from fastw2v.util import clip_grads

F4, F8 = np.float32, np.float64


@both
def test_the_mask_of_time_dropout_is_numpys_stream(book):
    np.random.seed(0)
    layer = book.time_layers.TimeDropout(0.5)
    out = layer.forward(np.ones((2, 3, 2), "f"))
    assert out.ravel().tolist() == [2, 2, 2, 2, 0, 2, 0, 2, 2, 0, 2, 2]
    assert out.dtype == layer.mask.dtype == F4
    after = np.random.rand()
    np.random.seed(0)
    assert np.random.rand(13)[12] == after
    for ratio, shape, dtype in ((0.3, (4, 5), F8), (0.9, (7,), F4), (0.0, (2, 3, 4), F4)):
        x = np.arange(1, 1 + np.prod(shape), dtype=dtype).reshape(shape)
        layer = book.time_layers.TimeDropout(ratio)
        np.random.seed(5)
        out = layer.forward(x)
        np.random.seed(5)
        mask = (np.random.rand(*shape) > ratio).astype(F4) * F4(1 / (1 - ratio))
        np.testing.assert_array_equal(out, x * mask)
        np.testing.assert_array_equal(layer.backward(x), x * mask)
        layer.train_flg = False
        np.testing.assert_array_equal(layer.forward(x), x)
    np.random.seed(1)
    state = np.random.get_state()[1].tolist()
    layer.forward(x)
    assert np.random.get_state()[1].tolist() == state  # nothing is drawn outside training


@both
@pytest.mark.parametrize(("W", "h"), [(F4, F4), (F4, F8), (F8, F4), (F8, F8)])
def test_dtypes_of_negative_sampling_are_numpys(book, W, h):
    promoted = np.result_type(W, h)
    module = book.negative_sampling_layer
    table, hs = np.ones((7, 3), W) / 3, np.ones((4, 3), h) / 7
    dot = module.EmbeddingDot(table)
    out = dot.forward(hs, np.array([1, 0, 6, 1]))
    assert out.dtype == promoted and dot.cache[0].dtype == h and dot.cache[1].dtype == W
    for dout in (F4, F8):
        dh = dot.backward(np.ones(4, dout))
        assert dh.dtype == np.result_type(W, dout) and dot.grads[0].dtype == W
    loss = module.NegativeSamplingLoss(table, [0, 1, 2, 3, 4, 5, 6, 0], sample_size=2)
    value = loss.forward(hs, np.array([1, 0, 6, 1]))
    assert type(value) is promoted.type
    assert all(type(layer.loss) is promoted.type for layer in loss.loss_layers)
    assert all(layer.y.dtype == promoted for layer in loss.loss_layers)
    assert loss.backward().dtype == F8


@pytest.mark.parametrize("model", [CBOW, SkipGram])
def test_losses_of_word2vec_models_are_float32(model):
    made = model(5, 3, 1, [0, 1, 2, 3, 4], sample_size=2)
    assert type(made.forward(np.array([[0, 2], [1, 3]]), np.array([1, 2]))) is F4


@both
@pytest.mark.parametrize("kind", ["TimeRNN", "TimeGRU", "TimeLSTM"])
@pytest.mark.parametrize("wide", ["xs", "Wx", "Wh", "b", "state", "none"])
def test_states_have_the_dtype_of_a_step(book, kind, wide, rng):
    n = {"TimeRNN": 1, "TimeGRU": 3, "TimeLSTM": 4}[kind]
    shapes = {"Wx": (2, 3 * n), "Wh": (3, 3 * n), "b": (3 * n,), "xs": (4, 5, 2), "state": (4, 3)}
    given = {
        name: rng.standard_normal(shape).astype(F8 if name == wide else F4)
        for name, shape in shapes.items()
    }
    layer = getattr(book.time_layers, kind)(given["Wx"], given["Wh"], given["b"], stateful=True)
    layer.set_state(given["state"])
    hs = layer.forward(given["xs"])
    expected = F4 if wide == "none" else F8
    assert hs.dtype == F4 and layer.h.dtype == expected
    assert kind != "TimeLSTM" or layer.c.dtype == expected
    np.testing.assert_allclose(layer.h, hs[:, -1], rtol=1e-5)
    assert layer.backward(hs).dtype == F4 and layer.dh.dtype == expected


@both
@pytest.mark.parametrize(("enc", "dec"), [(F4, F8), (F8, F4), (F4, F4)])
def test_results_of_attention_have_the_decoders_dtype(book, enc, dec, rng):
    layer = book.attention_layer.TimeAttention()
    hs_enc, hs_dec = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 5, 4))
    out = layer.forward(hs_enc.astype(enc), hs_dec.astype(dec))
    assert out.dtype == dec
    dhs_enc, dhs_dec = layer.backward(out.astype(F4))
    assert dhs_dec.dtype == F4 and dhs_enc.dtype == np.result_type(enc, dec)


@both
def test_simple_time_affine_is_float32(book):
    for dtype in (F4, F8):
        layer = book.time_layers.Simple_TimeAffine(np.ones((2, 3), dtype), np.ones(3, dtype))
        assert layer.forward(np.ones((1, 2, 2), dtype)).dtype == F4
        assert layer.backward(np.ones((1, 2, 3), dtype)).dtype == F4


@both
def test_steps_of_an_embedding_hold_their_own_gradients(book, rng):
    layer = book.time_layers.TimeEmbedding(rng.standard_normal((6, 2)))
    xs = np.array([[0, 1, 1], [0, 5, 2]])
    layer.forward(xs)
    assert not any(step.grads[0].any() for step in layer.layers)
    dout = rng.standard_normal((2, 3, 2))
    layer.backward(dout)
    for t, step in enumerate(layer.layers):
        expected = np.zeros((6, 2))
        np.add.at(expected, xs[:, t], dout[:, t])
        np.testing.assert_allclose(step.grads[0], expected)
        np.testing.assert_array_equal(step.idx, xs[:, t])
    np.testing.assert_allclose(sum(np.asarray(s.grads[0]) for s in layer.layers), layer.grads[0])
    assert layer.layers[1] is layer.layers[1]
    layer.forward(xs[:, :1])
    assert len(layer.layers) == 1 and not layer.layers[0].grads[0].any()


@both
@pytest.mark.parametrize("kind", ["TimeRNN", "TimeGRU", "TimeLSTM"])
def test_steps_of_a_recurrent_layer_hold_their_own_gradients(book, kind, rng):
    n = {"TimeRNN": 1, "TimeGRU": 3, "TimeLSTM": 4}[kind]
    weights = [rng.standard_normal(shape) for shape in ((2, 3 * n), (3, 3 * n), (3 * n,))]
    layer = getattr(book.time_layers, kind)(*weights, dtype=F8)
    dhs = layer.forward(rng.standard_normal((4, 5, 2)))
    assert not any(grad.any() for step in layer.layers for grad in step.grads)
    layer.backward(dhs)
    for k, grad in enumerate(layer.grads):
        steps = [step.grads[k] for step in layer.layers]
        assert all(step.any() for step in steps[1:])
        np.testing.assert_allclose(sum(steps), grad, rtol=1e-10, atol=1e-12)


@both
@pytest.mark.parametrize("ignored", [-1, 3, 99])
@pytest.mark.parametrize("V", [4, 700])
def test_the_cache_shows_ignored_steps(book, ignored, V, rng):
    layer = book.time_layers.TimeSoftmaxWithLoss()
    layer.ignore_label = ignored
    xs = rng.standard_normal((2, 3, V)).astype(F4)
    ts = np.array([[0, ignored, 2], [ignored, ignored, 1]])
    layer.forward(xs, ts)
    found, ys, mask, shape = layer.cache
    np.testing.assert_array_equal(found, ts.ravel())
    np.testing.assert_array_equal(mask, ts.ravel() != ignored)
    e = np.exp(xs.reshape(6, V) - xs.reshape(6, V).max(axis=1, keepdims=True))
    np.testing.assert_allclose(ys, e / e.sum(axis=1, keepdims=True), rtol=1e-5)
    assert ys.dtype == F4 and shape == xs.shape
    dx = layer.backward()
    assert not dx[ts == ignored].any() and dx[ts != ignored].any()


@pytest.mark.parametrize("row_grad", [True, False])
def test_clipping_with_a_negative_norm_turns_gradients_round(row_grad):
    g = RowGrad(np.zeros((5, 2), F4)) if row_grad else np.zeros((5, 2), F4)
    g[1] = 3, 4
    other = np.array([12.0])
    rate = -2 / (13 + 1e-6)
    clip_grads([g, other], -2)
    np.testing.assert_allclose(g[1], [3 * rate, 4 * rate], rtol=1e-6)
    np.testing.assert_allclose(other, [12 * rate], rtol=1e-6)
    before = other.copy()
    for harmless in (np.nan, np.inf, 100):
        clip_grads([other], harmless)
    np.testing.assert_array_equal(other, before)


TABLES = ["i1", "i4", "i8", "u2", "?", "f2", ">i4", "f4", "f8"]


@both
@pytest.mark.parametrize("dtype", TABLES)
def test_tables_hold_any_real_numbers(book, dtype):
    W = (np.arange(21).reshape(7, 3) % 5).astype(dtype)
    layer, over_time = book.layers.Embedding(W), book.time_layers.TimeEmbedding(W)
    ids = np.array([[1, 6, 1], [0, 2, 2]])
    out = layer.forward(ids)
    np.testing.assert_array_equal(out, W[ids])
    assert out.dtype == W.dtype and layer.grads[0].dtype == W.dtype
    assert over_time.forward(ids).dtype == F4
    dout = np.ones(out.shape, dtype)
    expected = np.zeros_like(W)
    np.add.at(expected, ids, dout)
    layer.backward(dout)
    np.testing.assert_array_equal(layer.grads[0], expected)
    over_time.backward(dout)
    np.testing.assert_array_equal(over_time.grads[0], expected)
    for h in (np.full((3, 3), 2, dtype), np.full((3, 3), 0.5), np.full((3, 3), 2, "i8")):
        dot = book.negative_sampling_layer.EmbeddingDot(W)
        out, rows = dot.forward(h, ids[0]), W[ids[0]]
        np.testing.assert_allclose(out, np.sum(rows * h, axis=1))
        assert out.dtype == np.sum(rows * h, axis=1).dtype
        if np.can_cast(h.dtype, W.dtype, "same_kind"):
            dot.backward(np.ones(3, dtype))
            expected = np.zeros_like(W)
            np.add.at(expected, ids[0], np.ones((3, 1), dtype) * h)
            np.testing.assert_array_equal(dot.grads[0], expected)


@pytest.mark.parametrize("dtype", ["i4", "i8", "?"])
def test_whole_numbers_take_no_fractions(dtype):
    layer = Embedding(np.ones((4, 3), dtype))
    out = layer.forward([1, 2])
    layer.backward(np.ones(out.shape, dtype))
    before = layer.grads[0].copy()
    with pytest.raises(TypeError, match="make W a table of floats"):
        layer.backward(np.full((2, 3), 0.5))
    np.testing.assert_array_equal(layer.grads[0], before)


def test_losses_over_whole_numbers_are_numpys():
    W = np.arange(21).reshape(7, 3) % 3 - 1
    h = np.linspace(-1, 1, 12).reshape(4, 3)
    whole = NegativeSamplingLoss(W, [0, 1, 2, 3, 4, 5, 6], sample_size=2)
    wide = NegativeSamplingLoss(W.astype(float), [0, 1, 2, 3, 4, 5, 6], sample_size=2)
    for loss in (whole, wide):
        loss.sampler.get_negative_sample = lambda target: (target[:, None] + [1, 2]) % 7
    target = np.array([0, 3, 3, 6])
    assert whole.forward(h, target) == pytest.approx(wide.forward(h, target), rel=1e-12)
    with pytest.raises(TypeError, match="make W a table of floats"):
        whole.backward()


@pytest.mark.parametrize("dtype", ["i8", "?"])
def test_layers_over_whole_numbers_are_copied_as_they_are(dtype):
    layer = Embedding(np.ones((4, 3), dtype))
    layer.forward([1])
    layer.backward(np.ones((1, 3), dtype))
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(twin.grads[0], layer.grads[0])
        twin.backward(np.ones((1, 3), dtype))
