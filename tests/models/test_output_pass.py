"""The output layer and its loss in one pass, and the fits of language models that take it."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

import fastw2v
from fastw2v import models, trainer
from fastw2v._core.scratch import Scratch
from fastw2v._losses import output_pass as module
from fastw2v.models import _language_model
from fastw2v.optimizer import SGD, Adam
from fastw2v.time_layers import TimeAffine, TimeSoftmaxWithLoss

MODELS = [models.SimpleRnnlm, models.Rnnlm, models.BetterRnnlm]
every_model = pytest.mark.parametrize("kind", MODELS)
V, D, N, T = 30, 8, 5, 4
OWN = module._OWN
TEXT = np.random.default_rng(2).integers(0, V, N * T * 6 + 1)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Cut small products into blocks, on every level."""
    monkeypatch.setattr(module, "_FEWEST_ROWS", 3)
    monkeypatch.setattr(module, "_FEWEST_SCORES", 0)
    monkeypatch.setattr(module, "_OWN", True)


@pytest.fixture
def passes(monkeypatch):
    """Return a list that grows by the loss of every pass."""
    losses = []

    def counted(*arguments):
        result = module.output_pass(*arguments)
        losses.append(result[0])
        return result

    monkeypatch.setattr(_language_model, "output_pass", counted)
    return losses


def assert_same_loss(found, expected):
    """Rows of our own products do not depend on other rows; those of numpy's may."""
    if OWN and not np.isnan(expected):
        assert_same_bits(found, expected)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def both_ways(rng, M, D, V, ignored, turned):
    """Return loss, dx, dW, db of the pass, and the same of the two layers."""
    x = rng.standard_normal((1, M, D)).astype("f")
    W = rng.standard_normal((V, D) if turned else (D, V)).astype("f")
    b = rng.standard_normal(V).astype("f")
    ids = rng.integers(0, V, (1, M))
    ids[rng.random((1, M)) < ignored] = -1
    affine, loss_layer = TimeAffine(W.T if turned else W, b), TimeSoftmaxWithLoss()
    loss = loss_layer.forward(affine.forward(x), ids)
    expected = loss, affine.backward(loss_layer.backward())[0], *affine.grads
    grads = [np.full_like(g, np.nan) for g in affine.grads]
    loss, dx = module.output_pass(x[0], affine.params, grads, ids[0], Scratch())
    return (loss, dx, *grads), expected


@given(
    seed=st.integers(0, 2**32 - 1),
    M=st.integers(1, 40),
    D=st.integers(1, 40),
    V=st.sampled_from([1, 2, 15, 33, 128, 600]),
    ignored=st.sampled_from([0.0, 0.3, 1.0]),
    turned=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_pass_equals_the_two_layers(seed, M, D, V, ignored, turned):
    found, expected = both_ways(np.random.default_rng(seed), M, D, V, ignored, turned)
    assert_same_loss(found[0], expected[0])
    for actual, right in zip(found[1:], expected[1:], strict=True):
        scale = np.abs(right).max(initial=1e-3)
        np.testing.assert_allclose(actual / scale, right / scale, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.usefixtures("all_parts")
def test_threads_do_not_change_a_bit(turned, monkeypatch):
    monkeypatch.setattr(module, "_FEWEST_ROWS", 40)
    seen = set()
    for n in N_PARTS:
        fastw2v.set_num_threads(n)
        found, _ = both_ways(np.random.default_rng(1), 130, 50, 700, 0.1, turned)
        seen.add(b"".join(np.asarray(part).tobytes() for part in found))
    assert len(seen) == 1


def make(kind, **options):
    np.random.seed(4)
    return kind(V, D, D, **options)


def fit(model, optimizer=None, kind=trainer.RnnlmTrainer, epochs=2):
    fitted = kind(model, optimizer or SGD(0.5))
    np.random.seed(5)  # of the dropout
    fitted.fit(TEXT[:-1], TEXT[1:], epochs, N, T, 0.25, eval_interval=1)
    return fitted


@every_model
@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_fit_equals_one_that_stores_the_scores(kind, optimizer, passes, monkeypatch):
    fused = make(kind)
    lines = fit(fused, optimizer(0.1)).ppl_list
    assert len(passes) == 12
    monkeypatch.setattr(_language_model, "pays", lambda *_: False)
    plain = make(kind)
    assert_same_loss(lines[0], fit(plain, optimizer(0.1)).ppl_list[0])
    assert len(passes) == 12
    for actual, right in zip(fused.params, plain.params, strict=True):
        np.testing.assert_allclose(actual, right, rtol=1e-3, atol=1e-5)
    if kind is models.BetterRnnlm:
        assert np.shares_memory(fused.params[0], fused.params[7])


@every_model
@pytest.mark.parametrize("what", [lambda model: model, copy.deepcopy, pickle.dumps])
def test_attributes_after_a_fit(kind, what, monkeypatch):
    """They are those of the last step, whose weights the optimizer has changed since."""
    fused = make(kind)
    fit(fused)
    fused = what(fused)
    if isinstance(fused, bytes):
        fused = pickle.loads(fused)
    monkeypatch.setattr(_language_model, "pays", lambda *_: False)
    plain = make(kind)
    fit(plain)
    for actual, right in zip(fused.loss_layer.cache, plain.loss_layer.cache, strict=True):
        np.testing.assert_allclose(actual, right, rtol=1e-4)
    np.testing.assert_allclose(fused.layers[-1].x, plain.layers[-1].x, rtol=1e-3, atol=1e-6)
    for dout in (1, 2.0):
        fused.backward(dout)
        plain.backward(dout)
        for actual, right in zip(fused.grads, plain.grads, strict=True):
            np.testing.assert_allclose(actual, right, rtol=1e-3, atol=1e-6)


def test_no_array_of_all_scores_exists(monkeypatch):
    monkeypatch.undo()
    V, D, N, T = 20_000, 16, 20, 35
    model = models.Rnnlm(V, D, D, rng=np.random.default_rng(0))
    text = np.arange(N * T * 3 + 1) * 7919 % V
    fitting = trainer.RnnlmTrainer(model, SGD(0.5))
    tracemalloc.start()
    fitting.fit(text[:-1], text[1:], 1, N, T, 0.25, eval_interval=None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    if module._OWN:
        assert peak < 0.4 * N * T * V * 4


class Peculiar(TimeAffine):
    pass


def patched(owner, name):
    def change(model):
        thing = owner(model)
        method = getattr(thing, name)
        setattr(thing, name, lambda *a, **k: method(*a, **k))

    return change


def own_affine(model):
    layer = model.layers[-1]
    model.layers[-1] = Peculiar(*layer.params)
    model.layers[-1].grads = layer.grads


def wide_gradient(model):
    model.grads[-1] = model.layers[-1].grads[1] = model.grads[-1].astype("d")


FALLBACKS = {
    "predict of the model": patched(lambda m: m, "predict"),
    "forward of the model": patched(lambda m: m, "forward"),
    "backward of the model": patched(lambda m: m, "backward"),
    "forward of the loss": patched(lambda m: m.loss_layer, "forward"),
    "backward of the output layer": patched(lambda m: m.layers[-1], "backward"),
    "forward of the embedding": patched(lambda m: m.layers[0], "forward"),
    "an output layer of another class": own_affine,
    "a gradient of float64": wide_gradient,
}


@pytest.mark.parametrize("change", FALLBACKS.values(), ids=FALLBACKS)
def test_what_was_changed_runs_forward_and_backward(change, passes):
    model, plain = make(models.Rnnlm), make(models.Rnnlm)
    change(model)
    lines = fit(model).ppl_list
    assert not passes
    np.testing.assert_allclose(lines, fit(plain).ppl_list, rtol=1e-5)
    assert passes


def test_trainers_that_others_look_into_store_the_scores(passes):
    class Own(SGD):
        pass

    class OwnModel(models.Rnnlm):
        pass

    fit(make(models.Rnnlm), Own(0.5))
    fit(make(OwnModel))
    model = make(models.Rnnlm)
    xs, ts = TEXT[: N * T].reshape(N, T), TEXT[1 : N * T + 1].reshape(N, T)
    trainer.Trainer(model, SGD(0.5)).fit_batches([(xs, ts)] * 3, 3)
    model.forward(xs, ts)
    model.backward()
    assert not passes
    assert model.loss_layer.cache[1].shape == (N * T, V)


def test_layers_between_may_be_others(passes):
    """A layer may change the dtype, so that the two layers compute in it."""

    class Wide:
        params, grads = [], []

        def forward(self, x):
            return x.astype("d")

        def backward(self, dout):
            return dout.astype("f")

    model, plain = make(models.Rnnlm), make(models.Rnnlm)
    model.layers.insert(2, Wide())
    lines = fit(model).ppl_list
    assert not passes
    np.testing.assert_allclose(lines, fit(plain).ppl_list, rtol=1e-5)
    assert model.loss_layer.cache[1].shape == (N * T, V)


def test_undefined_loss_leaves_the_scores_of_its_step():
    model = make(models.Rnnlm)
    model.params[-1][3] = np.nan
    with pytest.raises(FloatingPointError, match="loss"):
        fit(model)
    assert np.isnan(model.loss_layer.cache[1]).all()


@every_model
def test_step_that_raises_keeps_the_states(kind):
    model = make(kind)
    fit(model)
    states = [(layer, layer.h.copy()) for layer in model.layers if hasattr(layer, "h")]
    with pytest.raises(IndexError, match="ts"):
        trainer.RnnlmTrainer(model, SGD(0.5)).fit(TEXT[:-1], TEXT[1:] + V, 1, N, T)
    for layer, h in states:
        assert_same_bits(layer.h, h)


def test_interrupted_fit_leaves_no_forward(monkeypatch):
    model = make(models.Rnnlm)
    fitting = trainer.RnnlmTrainer(model, SGD(0.5))
    get_batch = fitting.get_batch

    def interrupted(*arguments):
        if fitting.time_idx == 2 * T:
            raise KeyboardInterrupt
        return get_batch(*arguments)

    monkeypatch.setattr(fitting, "get_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitting.fit(TEXT[:-1], TEXT[1:], 1, N, T)
    assert model.loss_layer.cache is None
    with pytest.raises(RuntimeError, match="forward"):
        model.backward()
