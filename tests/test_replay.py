"""Adam over rows that wait: the bits of the dense pass, whoever looks whenever he may."""

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits

from fastw2v import _replay
from fastw2v._kernels import _optimizer, specialise
from fastw2v.models import CBOW, SkipGram
from fastw2v.optimizer import SGD, Adam
from fastw2v.trainer import Trainer
from fastw2v.util import create_contexts_target

V, H, WINDOW = 300, 35, 2
CORPUS = np.concatenate([np.arange(V), np.random.default_rng(0).zipf(1.3, 4000) % V])
CONTEXTS, TARGET = create_contexts_target(CORPUS, WINDOW)


class Dense(Adam):
    """Our Adam; but a subclass, so that fit calls its update and rows do not wait."""


def trained(model_class, optimizer, fits=((2, 10),), **options):
    """Weights, moments and losses after fits of so many epochs in batches of so many rows."""
    np.random.seed(1)
    model = model_class(V, H, WINDOW, CORPUS)
    trainer = Trainer(model, optimizer)
    for epochs, batch in fits:
        n = 60 * batch
        trainer.fit(CONTEXTS[:n], TARGET[:n], epochs, batch, eval_interval=7, **options)
    W = [model.params[0], model.params[-1]]
    return [*W, *optimizer.m, *optimizer.v, np.array(trainer.loss_list)]


@pytest.fixture
def waited(monkeypatch):
    """How many steps were taken by rows that waited."""
    steps = []
    update = _replay.RowAdam.update

    def count(self):
        steps.append(len(self.tables))
        update(self)

    monkeypatch.setattr(_replay.RowAdam, "update", count)
    return steps


@pytest.mark.parametrize("model_class", [CBOW, SkipGram])
@pytest.mark.parametrize("max_grad", [None, 0.01])
@pytest.mark.parametrize("lr", [0.001, 0.1])
def test_same_bits_as_the_dense_pass(model_class, max_grad, lr, capsys, waited):
    fits = ((2, 10), (1, 40), (1, 3))
    mine = trained(model_class, Adam(lr), fits, max_grad=max_grad)
    assert len(waited) == 4 * 60
    dense = trained(model_class, Dense(lr), fits, max_grad=max_grad)
    assert len(waited) == 4 * 60
    for a, b in zip(mine, dense, strict=True):
        assert_same_bits(a, b)


def test_same_bits_for_any_number_of_parts_and_over_flushes(capsys, all_parts, monkeypatch):
    expected = trained(CBOW, Dense())
    monkeypatch.setattr(_replay, "_HISTORY", 13)
    for n in N_PARTS:
        all_parts(n)
        for a, b in zip(trained(CBOW, Adam()), expected, strict=True):
            assert_same_bits(a, b)


def test_rows_are_at_the_present_after_an_exception(capsys, waited):
    states = []
    for optimizer in (Adam(), Dense()):
        np.random.seed(1)
        model = CBOW(V, H, WINDOW, CORPUS)
        contexts = CONTEXTS[:400].copy()
        np.random.seed(2)
        contexts[np.random.permutation(400)[220]] = V  # met in step 23
        np.random.seed(2)
        with pytest.raises(IndexError, match="contexts: id 300"):
            Trainer(model, optimizer).fit(contexts, TARGET[:400], 1, 10)
        assert optimizer.iter == 22 and not _replay._waiting
        states.append([model.params[0].copy(), model.params[-1].copy(), *optimizer.m])
    assert len(waited) == 22
    for a, b in zip(*states, strict=True):
        assert_same_bits(a, b)


def test_only_where_all_code_that_reads_the_tables_is_ours(capsys, waited):
    class Sub(CBOW):
        pass

    def own_sampler():
        model = CBOW(V, H, WINDOW, CORPUS)
        draw = model.ns_loss.sampler.get_negative_sample
        model.ns_loss.sampler.get_negative_sample = lambda target: draw(target)
        return model

    def own_method():
        model = CBOW(V, H, WINDOW, CORPUS)
        model.forward = model.forward
        return model

    def own_layer():
        model = CBOW(V, H, WINDOW, CORPUS)
        model.in_layers[0] = type("Own", (type(model.in_layers[0]),), {})(model.word_vecs)
        return model

    def own_gradient():
        model = CBOW(V, H, WINDOW, CORPUS)
        model.grads[0] = np.zeros_like(model.word_vecs)
        return model

    square = np.arange(H)
    for model in (
        Sub(V, H, WINDOW, CORPUS),
        own_sampler(),
        own_method(),
        own_layer(),
        own_gradient(),
        CBOW(H, H, WINDOW, np.concatenate([square, CORPUS % H])),
    ):
        n = len(model.word_vecs)
        Trainer(model, Adam()).fit(CONTEXTS[:50] % n, TARGET[:50] % n, 1, 10)
    Trainer(CBOW(V, H, WINDOW, CORPUS), SGD()).fit(CONTEXTS[:50], TARGET[:50], 1, 10)
    assert waited == []
    Trainer(CBOW(V, H, WINDOW, CORPUS), Adam()).fit(CONTEXTS[:50], TARGET[:50], 1, 10)
    assert len(waited) == 5


@pytest.mark.parametrize("C", [1, 16, 35, 130])
def test_replay_is_step_after_step(dtype, index_dtype, rng, C):
    """The kernel against the dense kernel, on moments of all sizes, zeros and NaN among them."""
    R, now = 40, 300
    lr = (0.001 * (1 + rng.random(now))).astype(dtype)
    w = rng.standard_normal((R, C + 3)).astype(dtype)[:, :C]
    m = (rng.standard_normal((R, C)) * 10.0 ** rng.integers(-44, 1, (R, C))).astype(dtype)
    v = (rng.random((R, C)) * 10.0 ** rng.integers(-44, 1, (R, C))).astype(dtype)
    m[3] = v[3] = 0
    m[4, 0] = np.nan
    at = rng.integers(0, now, R)
    ids = rng.integers(0, R, 60).astype(index_dtype)
    expected = [np.array(w), m.copy(), v.copy()]
    for r in np.unique(ids):
        for k in range(at[r], now):
            row = [x[r : r + 1] for x in expected]
            zero = np.zeros((1, C), dtype)
            specialise(_optimizer.adam)[dtype](*row, zero, None, lr[k], 0.1, 0.001, 1e-7, 1)
    for n_parts in N_PARTS:
        mine, steps = [np.array(w), m.copy(), v.copy()], at.copy()
        rows, since = np.empty(R, np.int64), np.empty(R, np.int64)
        n, total = specialise(_optimizer.stale_rows)[index_dtype](rows, since, steps, ids, now)
        assert sorted(rows[:n]) == np.unique(ids).tolist()
        assert total == (now - at[np.unique(ids)]).sum()
        assert (steps[np.unique(ids)] == now).all()
        specialise(_optimizer.adam_replay)[dtype](
            *mine, rows, since, n, lr, now, 0.1, 0.001, 1e-7, n_parts
        )
        for a, b in zip(mine, expected, strict=True):
            np.testing.assert_array_equal(a, b)
