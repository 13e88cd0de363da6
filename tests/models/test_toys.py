"""TwoLayerNet, SimpleCBOW and SimpleSkipGram, the models of chapters 1 and 3."""

import copy
import pickle

import numpy as np
import pytest
from conftest import assert_same_bits
from gradcheck import assert_gradients

from fastw2v import models
from fastw2v.optimizer import SGD, Adam
from fastw2v.trainer import Trainer, remove_duplicate
from fastw2v.util import convert_one_hot, create_contexts_target, preprocess

CORPUS, WORD_TO_ID, _ = preprocess("You say goodbye and I say hello.")
V = len(WORD_TO_ID)
CONTEXT_IDS, TARGET_IDS = create_contexts_target(CORPUS, window_size=1)
CONTEXTS, TARGET = convert_one_hot(CONTEXT_IDS, V), convert_one_hot(TARGET_IDS, V)


def spirals():
    """Draw the three arms of chapter 1 from numpy's global stream with its seed."""
    np.random.seed(1984)
    x, t = np.zeros((300, 2)), np.zeros((300, 3), np.int32)
    for j in range(3):
        for i in range(100):
            theta = 4 * j + 4 * i / 100 + np.random.randn() * 0.2
            x[100 * j + i] = i / 100 * np.sin(theta), i / 100 * np.cos(theta)
            t[100 * j + i, j] = 1
    return x, t


def test_the_spiral_of_chapter_1(capsys):
    x, t = spirals()
    net = models.TwoLayerNet(2, 10, 3)
    trainer = Trainer(net, SGD(1.0))
    trainer.fit(x, t, max_epoch=300, batch_size=30, eval_interval=10)
    assert len(trainer.loss_list) == 300
    places = [0, 1, 2, 99, 199, 299]
    expected = [1.097984, 1.118918, 1.129901, 0.469147, 0.142219, 0.108686]
    np.testing.assert_allclose([trainer.loss_list[i] for i in places], expected, atol=6e-7)
    assert (net.predict(x).argmax(axis=1) == t.argmax(axis=1)).mean() > 0.95


def plain_loss(contexts, target, W_in, W_out, skip_gram):
    """Compute the mean of -log(softmax + 1e-7) over the whole vocabulary."""

    def loss(h, ids):
        scores = h @ W_out
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return -np.log(p[np.arange(len(ids)), ids] + 1e-7).mean()

    if skip_gram:
        return loss(W_in[target], contexts[:, 0]) + loss(W_in[target], contexts[:, 1])
    return loss((W_in[contexts[:, 0]] + W_in[contexts[:, 1]]) / 2, target)


@pytest.mark.parametrize("name", ["SimpleCBOW", "SimpleSkipGram"])
class TestWordNets:
    def test_initial_weights_and_lists(self, name):
        np.random.seed(2)
        model = getattr(models, name)(V, 5)
        np.random.seed(2)
        W_in = 0.01 * np.random.randn(V, 5).astype("f")
        W_out = 0.01 * np.random.randn(5, V).astype("f")
        expected = [W_in, W_in, W_out] if name == "SimpleCBOW" else [W_in, W_out]
        for param, wanted in zip(model.params, expected, strict=True):
            assert_same_bits(param, wanted)
        assert model.word_vecs is model.params[0]

    def test_loss_and_gradients(self, name):
        model = getattr(models, name)(V, 5)
        for layer in [value for value in vars(model).values() if getattr(value, "params", 0)]:
            layer.grads = [np.zeros(grad.shape) for grad in layer.grads]
        W_in, W_out = model.params[0].astype(np.float64), model.params[-1].astype(np.float64)
        ins = [model.in_layer] if name == "SimpleSkipGram" else [model.in_layer0, model.in_layer1]
        for layer in ins:
            layer.params = [W_in]
        model.out_layer.params = [W_out]
        expected = plain_loss(CONTEXT_IDS, TARGET_IDS, W_in, W_out, name == "SimpleSkipGram")
        assert model.forward(CONTEXTS, TARGET) == pytest.approx(expected, rel=1e-12)
        assert model.backward() is None
        grads = [sum(layer.grads[0] for layer in ins), model.out_layer.grads[0]]
        assert_gradients(
            lambda: float(model.forward(CONTEXTS, TARGET)), [W_in, W_out], grads, rtol=1e-5
        )

    def test_it_learns_in_the_trainer(self, name, capsys):
        np.random.seed(0)
        model = getattr(models, name)(V, 5)
        trainer = Trainer(model, Adam())
        trainer.fit(CONTEXTS, TARGET, max_epoch=1000, batch_size=3, eval_interval=None)
        words = 2 if name == "SimpleSkipGram" else 1
        before = words * np.log(V)
        assert model.forward(CONTEXTS, TARGET) < 0.6 * before
        assert np.ptp(model.word_vecs, axis=0).min() > 0.1
        assert len(remove_duplicate(model.params, model.grads)[0]) == 2

    @pytest.mark.parametrize("copier", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
    def test_copies(self, name, copier):
        model = getattr(models, name)(V, 5)
        twin = copier(model)
        assert twin.word_vecs is twin.params[0]
        assert not np.shares_memory(twin.word_vecs, model.word_vecs)
        assert twin.forward(CONTEXTS, TARGET) == model.forward(CONTEXTS, TARGET)

    def test_bad_input(self, name):
        model = getattr(models, name)(V, 5)
        with pytest.raises(ValueError, match=r"contexts: expected one-hot vectors of .* got \(6,"):
            model.forward(CONTEXT_IDS, TARGET)
        with pytest.raises(ValueError, match=r": expected .*, got (shape )?\("):
            model.forward(CONTEXTS, TARGET[:3])
        with pytest.raises(ValueError, match="vocab_size: expected at least 1, got 0"):
            getattr(models, name)(0, 5)


def test_bad_sizes_are_named():
    with pytest.raises(ValueError, match="hidden_size: expected at least 1, got 0"):
        models.TwoLayerNet(2, 0, 3)
    with pytest.raises(TypeError, match="rng: expected None or a numpy.random.Generator, got int"):
        models.TwoLayerNet(2, 3, 3, rng=1)
    with pytest.raises(ValueError, match=r"x: expected shape"):
        models.TwoLayerNet(2, 3, 3).forward(np.zeros((4, 3)), np.zeros(4, int))


def test_every_model_is_exported():
    assert {name for name in models.__all__ if not isinstance(getattr(models, name), type)} == set()
    expected = {"TwoLayerNet", "SimpleCBOW", "SimpleSkipGram", "CBOW", "SkipGram", "SimpleRnnlm"}
    expected |= {"Rnnlm", "BetterRnnlm", "RnnlmGen", "BetterRnnlmGen", "Encoder", "Decoder"}
    expected |= {"Seq2seq", "PeekyDecoder", "PeekySeq2seq", "AttentionEncoder"}
    assert expected | {"AttentionDecoder", "AttentionSeq2seq"} <= set(models.__all__)
