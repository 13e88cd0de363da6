"""Deferred row updates: every reader sees the rows of the dense pass, but for rounding."""

import copy
import gc
import os
import pickle
import threading
import warnings

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastw2v import RowGrad
from fastw2v._kernels import _optimizer, specialise
from fastw2v._rows import deferred, pending
from fastw2v._training import deferral
from fastw2v.base_model import BaseModel
from fastw2v.candidate_sampling import NCELoss
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.layers import Affine, Embedding, MatMul
from fastw2v.models import CBOW, BetterRnnlm, NCESkipGram, Rnnlm, SkipGram
from fastw2v.negative_sampling_layer import EmbeddingDot, NegativeSamplingLoss, UnigramSampler
from fastw2v.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
from fastw2v.time_layers import TimeEmbedding
from fastw2v.trainer import RnnlmTrainer, Trainer, remove_duplicate
from fastw2v.util import create_contexts_target

V, H, WINDOW = 300, 35, 2
CORPUS = np.concatenate([np.arange(V), np.random.default_rng(0).zipf(1.3, 4000) % V])
CONTEXTS, TARGET = create_contexts_target(CORPUS, WINDOW)
OPTIMIZERS = [SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam]


def dense(kind, *args, **kwargs):
    """Return our optimizer as a subclass, whose update `fit` calls without deferring rows."""
    return type("Dense", (kind,), {})(*args, **kwargs)


def states(optimizer):
    return [array for name in optimizer._states for array in getattr(optimizer, name) or []]


def assert_all_same_bits(mine, theirs):
    for a, b in zip(mine, theirs, strict=True):
        assert_same_bits(np.asarray(a), np.asarray(b))


def assert_all_close(mine, theirs):
    """Compare numbers whose roundings differ; a step that is missing or taken twice shows."""
    tolerance = 1e-3 if np.asarray(mine[0]).dtype == np.float32 else 1e-9
    for a, b in zip(mine, theirs, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, tolerance, tolerance * np.abs(b).max(initial=0.0))


@pytest.fixture(autouse=True)
def any_size(monkeypatch):
    monkeypatch.setattr(deferral, "_FEWEST", 1)


@pytest.fixture
def deferred_tables(monkeypatch):
    """A list that takes the number of deferred tables of each step."""
    steps = []
    end = pending.Pending.end

    def count(self):
        steps.append(sum(table is not None for table in self.tables))
        end(self)

    monkeypatch.setattr(pending.Pending, "end", count)
    return steps


# ---- in fit


def trained(model_class, optimizer, fits=((2, 10),), **options):
    """Return weights, moments, gradients and losses after fits of (epochs, batch size) each."""
    np.random.seed(1)
    model = model_class(V, H, WINDOW, CORPUS)
    trainer = Trainer(model, optimizer)
    for epochs, batch in fits:
        n = 60 * batch
        trainer.fit(CONTEXTS[:n], TARGET[:n], epochs, batch, eval_interval=7, **options)
    grads = [sum(g for w, g in zip(model.params, model.grads, strict=True) if w is W) for W in
             (model.params[0], model.params[-1])]  # fmt: skip
    W = [model.params[0], model.params[-1]]
    return [*W, *states(optimizer), *grads, np.array(trainer.loss_list)]


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("model_class", [CBOW, SkipGram])
@pytest.mark.parametrize("max_grad", [None, 0.01])
def test_same_results_as_the_dense_pass(kind, model_class, max_grad, capsys, deferred_tables):
    fits = ((2, 10), (1, 40), (1, 3))
    mine = trained(model_class, kind(0.01), fits, max_grad=max_grad)
    assert deferred_tables == [2] * (4 * 60)
    theirs = trained(model_class, dense(kind, 0.01), fits, max_grad=max_grad)
    assert len(deferred_tables) == 4 * 60
    assert_all_close(mine, theirs)


def test_same_bits_for_any_number_of_parts_and_over_flushes(capsys, all_parts, monkeypatch):
    monkeypatch.setattr(pending, "MOST_STEPS", 13)
    expected = trained(CBOW, Adam())
    monkeypatch.setattr(pending, "_BLOCK", 7)
    for n in N_PARTS:
        all_parts(n)
        assert_all_same_bits(trained(CBOW, Adam()), expected)
    assert_all_close(expected, trained(CBOW, dense(Adam)))


def test_all_rows_are_up_to_date_after_an_exception(capsys, deferred_tables):
    results = []
    for optimizer in (Adam(), dense(Adam)):
        np.random.seed(1)
        model = CBOW(V, H, WINDOW, CORPUS)
        contexts = CONTEXTS[:400].copy()
        np.random.seed(2)
        contexts[np.random.permutation(400)[220]] = V  # met in step 23
        np.random.seed(2)
        with pytest.raises(IndexError, match="contexts: id 300"):
            Trainer(model, optimizer).fit(contexts, TARGET[:400], 1, 10)
        assert optimizer.iter == 22 and not deferred.TABLES
        results.append([model.params[0].copy(), model.params[-1].copy(), *optimizer.m])
    assert len(deferred_tables) == 22
    assert_all_close(*results)


def test_rows_are_deferred_only_if_all_readers_of_the_tables_are_ours(capsys, deferred_tables):
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
        model.ns_loss.grads[0] = model.grads[2 * WINDOW] = np.zeros_like(model.word_vecs)
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
    assert deferred_tables == []
    Trainer(CBOW(V, H, WINDOW, CORPUS), Adam()).fit(CONTEXTS[:50], TARGET[:50], 1, 10)
    assert deferred_tables == [2] * 5


def test_rows_of_small_tables_are_not_deferred(capsys, deferred_tables, monkeypatch):
    monkeypatch.setattr(deferral, "_FEWEST", V + 1)
    Trainer(CBOW(V, H, WINDOW, CORPUS), Adam()).fit(CONTEXTS[:50], TARGET[:50], 1, 10)
    assert deferred_tables == []
    monkeypatch.setattr(deferral, "_FEWEST", V)
    Trainer(CBOW(V, H, WINDOW, CORPUS), Adam()).fit(CONTEXTS[:50], TARGET[:50], 1, 10)
    assert deferred_tables == [2] * 5


@pytest.mark.parametrize("max_grad", [None, 0.3])
def test_language_models_defer_rows_of_the_embedding(max_grad, capsys, deferred_tables):
    results = []
    for optimizer in (Adam(0.01), dense(Adam, 0.01)):
        np.random.seed(3)
        model = Rnnlm(V, 20, 20)  # the affine weight has the shape of the embedding's transpose
        RnnlmTrainer(model, optimizer).fit(
            CORPUS[:-1], CORPUS[1:], 2, 5, 7, max_grad, eval_interval=None
        )
        results.append([*model.params, *states(optimizer), *model.grads])
    assert set(deferred_tables) == {1}
    assert_all_close(*results)


def test_a_tied_weight_is_not_deferred(capsys, deferred_tables):
    model = BetterRnnlm(V, 20, 20)
    RnnlmTrainer(model, Adam()).fit(CORPUS[:200], CORPUS[1:201], 1, 5, 7, eval_interval=None)
    assert deferred_tables == []


def test_a_weight_tied_by_its_values_is_noticed(capsys, deferred_tables):
    """`remove_duplicate` compares values, so equal weights count as tied."""
    results = []
    for optimizer in (Adam(0.01), dense(Adam, 0.01)):
        np.random.seed(3)
        model = Rnnlm(V, 20, 20)
        model.params[4][...] = model.params[0].T
        trainer = RnnlmTrainer(model, optimizer)
        trainer.fit(CORPUS[:36], CORPUS[1:37], 1, 5, 7, eval_interval=None)
        results.append([*model.params, *states(optimizer)])
        assert len(optimizer.m) == 5
    assert_all_close(*results)


@pytest.mark.parametrize("max_grad", [None, 0.5])
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_weights_and_bias_of_nce_skip_gram_are_deferred(kind, max_grad, deferred_tables):
    def run(optimizer):
        np.random.seed(3)
        model = NCESkipGram(30_000, 16, num_sampled=8)  # its bias has several blocks of a sum
        words = CORPUS * 97 % 30_000
        batches = [(words[k : k + 20], words[k + 1 : k + 21]) for k in range(0, 1000, 20)]
        Trainer(model, optimizer).fit_batches(batches, 50, max_grad, eval_interval=None)
        return [*model.params, *states(optimizer), *model.grads]

    mine = run(kind(0.1))
    assert deferred_tables == [3] * 50
    assert_all_close(mine, run(dense(kind, 0.1)))


def test_a_users_own_generator_of_batches_sees_current_rows(deferred_tables):
    """A generator runs between the steps and may look at any weight."""

    def run(optimizer):
        np.random.seed(3)
        model = NCESkipGram(V, 16, num_sampled=8)
        W, seen = model.params[0], []

        def batches():
            for k in range(0, 400, 20):
                seen.append(W.copy())
                yield CORPUS[k : k + 20], CORPUS[k + 1 : k + 21]

        Trainer(model, optimizer).fit_batches(batches(), 20, eval_interval=None)
        return seen

    mine = run(Adam())
    assert deferred_tables == []
    assert_all_close(mine, run(dense(Adam)))
    assert_all_close(mine[:1], run(Adam(row_sparse=True))[:1])
    assert deferred_tables == [3] * 20  # the user asked for it


def test_a_users_own_model_is_up_to_date_after_fit(capsys, deferred_tables):
    class Own:
        def __init__(self):
            self.embed = Embedding(np.ones((V, 3), "f"))
            self.params, self.grads = self.embed.params, self.embed.grads

        def forward(self, x, t):
            self.out = self.embed.forward(x)
            return self.out.mean()

        def backward(self):
            self.embed.backward(self.out)

    results = []
    for sparse in (True, False):
        np.random.seed(0)
        model = Own()
        optimizer = Adam(0.1, row_sparse=sparse)
        Trainer(model, optimizer).fit(TARGET[:200], TARGET[:200], 2, 10)
        results.append([*model.params, *states(optimizer)])
        assert deferred_tables == [1] * 40
    assert_all_close(*results)


def test_fit_leaves_the_memory_of_gradients_alone(capsys):
    model = CBOW(V, H, WINDOW, CORPUS)
    grad = model.grads[0]
    seen = []
    forward = model.ns_loss.sampler._words  # an object of ours that every step reads

    class Words:
        n_possible, alias_table = forward.n_possible, forward.alias_table

        @property
        def p(self):
            seen.append(np.asarray(grad).any())
            return forward.p

    model.ns_loss.sampler._words = Words()
    Trainer(model, Adam()).fit(CONTEXTS[:100], TARGET[:100], 1, 10, eval_interval=None)
    assert len(seen) >= 10 and not any(seen)
    rows = np.flatnonzero(np.asarray(grad).any(axis=1))
    assert len(rows) and set(rows) <= set(grad._tracker.rows[: grad._tracker.n_rows].tolist())


# ---- in a loop of the user's own


def gradient_steps(kind, sparse, plan, W, **settings):
    """Return weights and states during and after a plan of (ids, scale, what) on an Embedding."""
    layer = Embedding(W.copy())
    optimizer = kind(**settings, row_sparse=sparse)
    seen = []
    for ids, scale, what in plan:
        if what == "look":
            optimizer.flush()
            seen += [layer.params[0].copy(), *(a.copy() for a in states(optimizer))]
        elif what == "whole":
            layer.forward(ids)
            layer.backward(np.ones((len(ids), W.shape[1]), W.dtype))
            layer.grads[0][...] = scale
            optimizer.update(layer.params, layer.grads)
        elif what == "raise":
            optimizer.lr *= 4
        elif what == "lower":
            optimizer.lr /= 8
        elif what == "odd":
            for name in ("beta1", "momentum", "decay_rate"):
                if hasattr(optimizer, name):
                    setattr(optimizer, name, 0.3 if getattr(optimizer, name) > 0.5 else 0.95)
        elif what == "idle":
            for _ in range(int(scale)):
                layer.forward(ids[:1])
                layer.backward(np.zeros((1, W.shape[1]), W.dtype))
                optimizer.update(layer.params, layer.grads)
        else:
            out = layer.forward(ids)
            seen.append(out.copy())
            layer.backward(out * W.dtype.type(scale))
            optimizer.update(layer.params, layer.grads)
    optimizer.flush()
    return [*seen, layer.params[0], *states(optimizer)]


plans = st.lists(
    st.tuples(
        st.lists(st.integers(0, 11), min_size=1, max_size=5).map(np.array),
        st.sampled_from([0.0, 1.0, -3.0, 1e-3, 1e-18, 1e-30]),
        st.sampled_from(["", "", "", "", "look", "whole", "raise", "lower", "odd"]),
    ),
    min_size=5,
    max_size=30,
)
KINDS = st.sampled_from(
    [
        (SGD, {"lr": 0.1}),
        (AdaGrad, {"lr": 0.1}),
        (Momentum, {"lr": 0.1}),
        (Momentum, {"lr": 0.1, "momentum": 1.0}),
        (Momentum, {"lr": 0.1, "momentum": -0.5}),
        (Nesterov, {"lr": 0.1, "momentum": 0.99}),
        (RMSprop, {"lr": 0.1}),
        (RMSprop, {"lr": 0.1, "decay_rate": 0.1}),
        (Adam, {"lr": 0.1}),
        (Adam, {"lr": 0.1, "beta1": 0.99, "beta2": 0.5}),  # steps may grow without gradient
        (Adam, {"lr": 0.1, "beta1": 0.0, "beta2": 0.0}),
        (Adam, {"lr": -0.1}),
    ]
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    plan=plans, kind=KINDS, dtype=st.sampled_from([np.float32, np.float64]), D=st.integers(1, 70)
)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid", "ignore:divide")
def test_random_plans_give_the_results_of_the_dense_pass(plan, kind, dtype, D):
    cls, settings = kind
    W = np.random.default_rng(D).standard_normal((12, D)).astype(dtype)
    W[3] *= dtype(1e-30)
    mine = gradient_steps(cls, True, plan, W, **settings)
    assert_all_close(mine, gradient_steps(cls, False, plan, W, **settings))


@pytest.mark.parametrize("kind", [Momentum, Nesterov, RMSprop, Adam])
def test_rows_that_are_idle_for_thousands_of_steps(kind, dtype):
    """Moments fade into the smallest numbers, and the rate rises after weights have stopped."""
    every = np.arange(12)
    plan = [
        (every, 1.0, ""),
        (every[:3], 1700, "idle"),
        (every[2:4], 0.0, "raise"),
        (every[:3], 900, "idle"),
        (every[4:6], 1.0, ""),
        (every[:1], 600, "idle"),
        (every[4:6], 1.0, "look"),
        (every[:1], 300, "idle"),
        (every, -1.0, ""),
    ]
    W = np.random.default_rng(5).standard_normal((12, 21)).astype(dtype)
    W[7] *= 1e-25
    mine = gradient_steps(kind, True, plan, W, lr=0.002)
    assert_all_close(mine, gradient_steps(kind, False, plan, W, lr=0.002))


def users_loop(optimizer, steps=40, look=lambda model: None, copier=lambda model: model):
    np.random.seed(4)
    model = copier(CBOW(V, H, WINDOW, CORPUS))
    for k in range(steps):
        batch = slice(20 * k, 20 * k + 20)
        model.forward(CONTEXTS[batch], TARGET[batch])
        model.backward()
        params, grads = remove_duplicate(model.params, model.grads)
        optimizer.update(params, grads)
        look(model)
    return model


def test_a_users_own_loop_is_up_to_date_after_flush(deferred_tables):
    optimizer, other = Adam(row_sparse=True), Adam()
    mine = users_loop(optimizer)
    assert deferred_tables == [2] * 40
    theirs = users_loop(other)
    assert not np.array_equal(mine.params[0], theirs.params[0])  # rows are deferred
    optimizer.flush()
    assert_all_close(
        [mine.params[0], mine.params[-1], *states(optimizer)],
        [theirs.params[0], theirs.params[-1], *states(other)],
    )
    optimizer.flush()
    assert not deferred.TABLES


@pytest.mark.parametrize("protocol", [None, 4, 5])
@pytest.mark.parametrize(
    "look",
    [
        lambda model: model.word_vecs.copy(),
        lambda model: copy.deepcopy(model).params[0],
        lambda model: pickle.loads(pickle.dumps(model)).params[0],
        lambda model: KeyedVectors.from_words(
            [*map(str, range(V))], model.params[0]
        ).vectors.copy(),
        lambda model: MatMul(model.params[0]).forward(np.eye(V, dtype="f")),
        lambda model: Affine(model.params[0].T, np.zeros(V, "f")).forward(np.eye(H, dtype="f")),
        lambda model: Embedding(model.params[0]).forward(np.arange(V)),
        lambda model: Embedding(model.params[0][10:]).forward(np.arange(V - 10)),
        lambda model: TimeEmbedding(model.params[0]).forward(np.arange(V)[None]),
        lambda model: EmbeddingDot(model.params[0]).forward(np.ones((V, H), "f"), np.arange(V)),
    ],
)
def test_our_own_code_sees_current_rows(look, protocol, deferred_tables):
    def copier(model):
        return pickle.loads(pickle.dumps(model, protocol)) if protocol else model

    seen = [[], []]
    users_loop(Adam(row_sparse=True), 12, lambda model: seen[0].append(look(model)), copier)
    assert deferred_tables == [0 if protocol == 5 else 2] * 12
    users_loop(Adam(), 12, lambda model: seen[1].append(look(model)), copier)
    assert_all_close(*seen)


def test_vectors_taken_before_training_stay_current():
    def looked_at(optimizer):
        kept, seen = [], []

        def look(model):
            if not kept:
                kept.append(KeyedVectors.from_words([*map(str, range(V))], model.params[0]))
            seen.append(kept[0]["5"].copy())
            seen.append(kept[0].vectors.copy())

        users_loop(optimizer, 12, look)
        return seen

    assert_all_close(looked_at(Adam(row_sparse=True)), looked_at(Adam()))


def test_files_hold_current_rows_and_loading_replaces_them(tmp_path):
    class Model(BaseModel):
        def __init__(self):
            layer = Embedding(np.ones((20, 3), "f"))
            self.layer, self.params, self.grads = layer, layer.params, layer.grads

    results = []
    for sparse in (True, False):
        model, optimizer = Model(), Adam(0.1, row_sparse=sparse)
        name = str(tmp_path / f"{sparse}.npz")

        def steps(model=model, optimizer=optimizer):
            for ids in ([1, 2], [3], [1, 4], [5]):
                model.layer.backward(model.layer.forward(ids))
                optimizer.update(model.params, model.grads)

        steps()
        model.save_params(name)
        with np.load(name) as archive:
            saved = archive["param0"]
        steps()
        model.load_params(name)
        steps()
        optimizer.flush()
        results.append([saved, model.params[0], *states(optimizer)])
    assert_all_close(*results)


def test_copies_of_an_optimizer_are_up_to_date():
    results = []
    for sparse in (True, False):
        optimizer = Adam(row_sparse=sparse)
        model = users_loop(optimizer)
        twin = pickle.loads(pickle.dumps(optimizer))
        results.append([*twin.m, *twin.v, model.params[0]])
        assert twin.row_sparse is sparse and twin.iter == optimizer.iter
    assert_all_close(*results)


def test_steps_of_another_optimizer_come_after_those_of_the_first():
    results = []
    for sparse in (True, False):
        first = Adam(row_sparse=sparse)
        model = users_loop(first, 10)
        for second in (SGD(0.1), SGD(0.1, row_sparse=sparse), Momentum(0.1, row_sparse=sparse)):
            for _ in range(2):
                model.forward(CONTEXTS[:20], TARGET[:20])
                model.backward()
                second.update(*remove_duplicate(model.params, model.grads))
            second.flush()
        results.append([model.params[0], model.params[-1], *states(first)])
    assert_all_close(*results)


def test_a_weight_listed_twice_or_tied_is_updated_as_a_whole(deferred_tables):
    W = np.random.default_rng(0).standard_normal((20, 5)).astype("f")
    results = []
    for sparse in (True, False):
        w = W.copy()
        layers = [Embedding(w), Embedding(w)]
        optimizer = Momentum(row_sparse=sparse)
        for ids in ([1, 2], [3], [2, 4], [5]):
            grads = []
            for layer in layers:
                layer.backward(layer.forward(ids))
                grads += layer.grads
            optimizer.update([w, w], grads)
        tied = Embedding(w)
        second = Adam(row_sparse=sparse)
        for ids in ([1, 2], [3], [2, 4], [5]):
            tied.backward(tied.forward(ids))
            second.update([w, w.T], [tied.grads[0], np.ones((5, 20), "f")])
        results.append([w, *states(optimizer), *states(second)])
    assert deferred_tables == [0] * 8
    assert_all_close(*results)


def test_states_that_a_user_replaces_are_used(dtype):
    results = []
    for sparse in (True, False):
        layer, optimizer = Embedding(np.ones((20, 3), dtype)), Adam(0.1, row_sparse=sparse)
        for k, ids in enumerate(([1, 2], [3], [1, 4], [5], [2])):
            layer.backward(layer.forward(ids))
            optimizer.update(layer.params, layer.grads)
            if k == 2:
                optimizer.flush()
                optimizer.m = [np.full((20, 3), 0.25, dtype)]
        optimizer.flush()
        results.append([layer.params[0], *states(optimizer)])
    assert_all_close(*results)


@pytest.mark.parametrize("protocol", [None, 4])
def test_deferral_does_not_keep_an_array_alive(protocol):
    optimizer = Adam(row_sparse=True)
    layer = Embedding(np.ones((20, 3)))
    if protocol:
        layer = pickle.loads(pickle.dumps(layer, protocol))
    layer.backward(layer.forward([1, 2]))
    optimizer.update(layer.params, layer.grads)
    assert len(deferred.TABLES) == 1
    del layer, optimizer
    gc.collect()
    assert not deferred.TABLES


@pytest.mark.parametrize("protocol", [None, 4, 5])
def test_a_view_keeps_a_table_with_deferred_rows_alive(protocol):
    seen = []
    for sparse in (True, False):
        optimizer, layer = Adam(0.1, row_sparse=sparse), Embedding(np.ones((20, 3), order="F"))
        if protocol:
            layer = pickle.loads(pickle.dumps(layer, protocol))
        for ids in ([1, 2], [3], [4]):
            layer.backward(layer.forward(ids))
            optimizer.update(layer.params, layer.grads)
        view = layer.params[0][:10]
        del layer
        gc.collect()
        optimizer.flush()
        seen.append(view)
    assert_same_bits(*seen)


def test_deferred_updates_are_applied_after_the_optimizer_is_gone():
    tables = []
    for sparse in (True, False):
        optimizer, layer = Adam(0.1, row_sparse=sparse), Embedding(np.ones((20, 3)))
        for ids in ([1, 2], [3], [4]):
            layer.backward(layer.forward(ids))
            optimizer.update(layer.params, layer.grads)
        del optimizer
        gc.collect()
        tables.append(layer.forward(np.arange(20)))
    assert_same_bits(*tables)


def test_a_vector_is_deferred_too():
    results = []
    for optimizer in (Adam(row_sparse=True), Adam()):
        np.random.seed(0)
        loss = NCELoss(np.ones((50, 4), "f"), np.zeros(50, "f"), num_sampled=3)
        for k in range(30):
            loss.forward(np.full((5, 4), 0.1 * k), np.arange(5) + k)
            loss.backward()
            optimizer.update(loss.params, loss.grads)
        optimizer.flush()
        results.append([*loss.params, *states(optimizer)])
    assert_all_close(*results)


def test_only_gradients_with_a_list_are_deferred(deferred_tables):
    w = np.ones((20, 3))
    optimizer = Adam(row_sparse=True)
    optimizer.update([w], [np.ones((20, 3))])
    memory = bytearray(20 * 6 * 8)  # other code holds it beside the view of it
    for view in (np.ones((20, 6))[:, :3], np.frombuffer(memory).reshape(20, 6)):
        Adam(row_sparse=True).update([view], [RowGrad(view)])
    assert deferred_tables == [0, 0, 0]


# ---- the kernels


def test_sum_of_squares_of_rows_is_that_of_the_whole(dtype, rng):
    C = 57
    g = np.zeros((900, C), dtype)
    rows = rng.permutation(900)[:300]
    g[rows] = rng.standard_normal((300, C))
    partial = np.empty(_optimizer.n_blocks(g.size))
    expected = specialise(_optimizer.sum_squares)[dtype](partial, g, None, 1)
    kernel = specialise(_optimizer.sum_squares_of_rows)[dtype]
    assert kernel(np.ascontiguousarray(g[rows]), rows, np.argsort(rows)) == expected


def test_the_sampler_of_cbow_is_ours():
    assert type(CBOW(V, H, WINDOW, CORPUS).ns_loss.sampler) is UnigramSampler


def fitted(optimizer, prepare=None, reader=None):
    """Return W_in and W_out after two epochs; `reader` reads from another thread meanwhile."""
    np.random.seed(0)
    model = CBOW(V, H, WINDOW, CORPUS)
    if prepare:
        prepare(model)
    stop = threading.Event()
    other = threading.Thread(target=reader, args=(model, stop)) if reader else None
    if other:
        other.start()
    try:
        Trainer(model, optimizer).fit(CONTEXTS[:200], TARGET[:200], 2, 10, eval_interval=None)
    finally:
        stop.set()
        if other:
            other.join()
    return [model.params[0].copy(), model.params[-1].copy()]


def tie(model):
    model.ns_loss = NegativeSamplingLoss(model.word_vecs, model.ns_loss.sampler)
    model.params = model.params[: 2 * WINDOW] + model.ns_loss.params
    model.grads = model.grads[: 2 * WINDOW] + model.ns_loss.grads


@pytest.mark.parametrize("kind", [SGD, Momentum, Adam])
@pytest.mark.parametrize(("lr", "prepare"), [(0.1, tie), (-0.01, None)], ids=["tied", "negative"])
def test_fit_with_a_table_read_twice_or_a_negative_rate(kind, lr, prepare):
    before = fitted(kind(0.0), prepare)
    expected = fitted(dense(kind, lr), prepare)
    assert not np.array_equal(before[0], expected[0])
    assert_all_close(fitted(kind(lr), prepare), expected)


def test_fit_with_moments_of_another_dtype():
    def run(adam):
        adam.m, adam.v = ([np.zeros((V, H)) for _ in range(2)] for _ in range(2))
        return fitted(adam)

    assert_all_close(run(Adam()), run(dense(Adam)))


def test_another_thread_that_reads_changes_nothing():
    def read(model, stop):
        while not stop.is_set():
            model.word_vecs.sum()

    expected = fitted(dense(Adam))
    for _ in range(5):
        assert_all_close(fitted(Adam(), reader=read), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_a_forked_child_does_not_inherit_the_lock():
    held, done = threading.Event(), threading.Event()

    def hold():
        with pending._LOCK:
            held.set()
            done.wait()

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fork beside a thread
        child = os.fork()
    if child == 0:
        os._exit(0 if pending._LOCK.acquire(blocking=False) else 1)
    _, status = os.waitpid(child, 0)
    done.set()
    other.join()
    assert os.waitstatus_to_exitcode(status) == 0
