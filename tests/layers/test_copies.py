"""Copies and pickles of layers and models train like the originals: as fast, to the same bits."""

import copy
import pickle

import numpy as np
import pytest
from conftest import assert_same_bits
from own_model import OwnCBOW

from fastw2v import RowGrad
from fastw2v._rows import pending
from fastw2v._rows.row_grad import is_tracked
from fastw2v._training import deferral
from fastw2v.base_model import BaseModel
from fastw2v.layers import Embedding
from fastw2v.models import CBOW, SkipGram
from fastw2v.negative_sampling_layer import EmbeddingDot, NegativeSamplingLoss
from fastw2v.optimizer import SGD, Adam
from fastw2v.reference.trainer import remove_duplicate as plain_remove_duplicate
from fastw2v.time_layers import TimeEmbedding
from fastw2v.trainer import Trainer
from fastw2v.util import create_contexts_target

V, H, WINDOW = 2000, 12, 2
CORPUS = np.concatenate([np.arange(V), np.random.default_rng(0).zipf(1.3, 4000) % V])
CONTEXTS, TARGET = create_contexts_target(CORPUS, WINDOW)
H_ROWS = np.random.default_rng(1).standard_normal((5, H)).astype(np.float32)


def pickled(x, protocol=4):
    return pickle.loads(pickle.dumps(x, protocol))


def pickled_by_protocol_5(x):  # whose arrays may share the memory of the pickle
    return pickled(x, 5)


class Wrapped(BaseModel):
    """User's class that has the lists of another model."""

    def __init__(self, *args):
        self.inner = CBOW(*args)
        self.params, self.grads = self.inner.params, self.inner.grads


def table():
    return np.random.default_rng(2).standard_normal((V, H)).astype(np.float32)


MAKERS = {
    "Embedding": lambda: Embedding(table()),
    "TimeEmbedding": lambda: TimeEmbedding(table()),
    "EmbeddingDot": lambda: EmbeddingDot(table()),
    "NegativeSamplingLoss": lambda: NegativeSamplingLoss(table(), CORPUS),
    "CBOW": lambda: CBOW(V, H, WINDOW, CORPUS),
    "SkipGram": lambda: SkipGram(V, H, WINDOW, CORPUS),
    "Wrapped": lambda: Wrapped(V, H, WINDOW, CORPUS),
    "OwnCBOW": lambda: OwnCBOW(V, H, WINDOW, CORPUS),
}
OWN_LISTS = ("OwnCBOW",)  # lists of gradients in a class that is not built on ours

copiers = pytest.mark.parametrize("copier", [copy.deepcopy, pickled, pickled_by_protocol_5])
makers = pytest.mark.parametrize("name", MAKERS)


def step(thing):
    """Run forward and backward of a layer or a model."""
    if isinstance(thing, Embedding):
        thing.forward(TARGET[:5])
        thing.backward(H_ROWS)
    elif isinstance(thing, TimeEmbedding):
        thing.forward(TARGET[:5, None])
        thing.backward(H_ROWS[:, None])
    elif isinstance(thing, (EmbeddingDot, NegativeSamplingLoss)):
        out = thing.forward(H_ROWS, TARGET[:5])
        thing.backward(out if isinstance(thing, EmbeddingDot) else 1)
    else:
        model = getattr(thing, "inner", thing)
        model.forward(CONTEXTS[:5], TARGET[:5])
        model.backward()


def who_is_who(arrays):
    """Which entries of a list are one object: [0, 0, 2] if the second is the first."""
    ids = [id(array) for array in arrays]
    return [ids.index(i) for i in ids]


@makers
@copiers
def test_the_same_arrays_are_shared_and_gradients_are_tracked(name, copier):
    thing = MAKERS[name]()
    step(thing)
    twin = copier(thing)
    assert who_is_who(twin.params + twin.grads) == who_is_who(thing.params + thing.grads)
    for mine, theirs in zip(twin.params + twin.grads, thing.params + thing.grads, strict=True):
        assert_same_bits(mine, theirs)
        assert not np.shares_memory(mine, theirs)
    if copier is copy.deepcopy or name not in OWN_LISTS:
        assert all(isinstance(grad, RowGrad) for grad in twin.grads)
        step(twin)
        assert all(is_tracked(grad) and not grad._tracker.dense for grad in twin.grads)


@copiers
def test_parts_of_a_copy_have_its_arrays(copier):
    thing = copier(EmbeddingDot(table()))
    assert thing.params is thing.embed.params and thing.grads is thing.embed.grads
    thing = copier(CBOW(V, H, WINDOW, CORPUS))
    n = 2 * WINDOW
    assert thing.word_vecs is thing.params[0]
    assert [id(g) for g in thing.ns_loss.grads] == [id(g) for g in thing.grads[n:]]
    assert [id(layer.grads[0]) for layer in thing.in_layers] == [id(g) for g in thing.grads[:n]]
    thing = copier(SkipGram(V, H, WINDOW, CORPUS))
    layers = [thing.in_layer, *thing.loss_layers]
    assert [id(g) for layer in layers for g in layer.grads] == [id(g) for g in thing.grads]
    assert len({id(layer.sampler._words.alias_table) for layer in thing.loss_layers}) == 1
    thing = copier(Wrapped(V, H, WINDOW, CORPUS))
    assert thing.grads is thing.inner.grads and thing.params is thing.inner.params


@copiers
@pytest.mark.parametrize("name", ["CBOW", "SkipGram"])
def test_updates_are_deferred_in_fits_of_copies_too(name, copier, monkeypatch):
    steps = []
    end = pending.Pending.end
    monkeypatch.setattr(pending.Pending, "end", lambda self: steps.append(end(self)))
    monkeypatch.setattr(deferral, "_FEWEST", 1)
    results = []
    model = MAKERS[name]()
    for each in (model, copier(model)):
        np.random.seed(3)
        Trainer(each, Adam()).fit(CONTEXTS[:90], TARGET[:90], 2, 30, eval_interval=None)
        results.append(each.word_vecs)
    # Protocol 5 leaves the tables without memory of their own, so that their rows are not deferred.
    assert len(steps) == (1 if copier is pickled_by_protocol_5 else 2) * 2 * 3
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


@copiers
def test_a_readers_own_model_is_tracked_from_the_next_fit_on(copier):
    model = OwnCBOW(V, H, WINDOW, CORPUS)
    step(model)
    twin = copier(model)
    Trainer(twin, SGD()).fit(CONTEXTS[:60], TARGET[:60], 1, 30, eval_interval=None)
    layers = [*twin.in_layers, twin.ns_loss]
    assert [id(g) for layer in layers for g in layer.grads] == [id(g) for g in twin.grads]
    assert all(is_tracked(grad) and not grad._tracker.dense for grad in twin.grads)


@copiers
@pytest.mark.parametrize("keep_a_list", [False, True])
def test_a_readers_own_loop_over_a_copy(copier, keep_a_list):
    """Its list may have plain arrays for our gradients: written through, and still right."""
    results = []
    model = OwnCBOW(V, H, WINDOW, CORPUS)
    step(model)
    for each in (model, copier(model)):
        np.random.seed(5)
        kept = list(each.grads) if keep_a_list else None
        for k in range(4):
            rows = slice(k * 30, k * 30 + 30)
            each.forward(CONTEXTS[rows], TARGET[rows])
            each.backward()
            SGD(0.5).update(*plain_remove_duplicate(list(each.params), list(each.grads)))
            if k == 1:
                Trainer(each, SGD(0.5)).fit(CONTEXTS[:60], TARGET[:60], 1, 30, eval_interval=None)
        results.append(each.word_vecs)
        assert kept is None or all(map(np.shares_memory, kept, each.grads))
    assert_same_bits(*results)


def test_plain_gradients_stay_plain():
    layer = Embedding(table())
    layer.grads[0] = np.zeros((V, H))
    for twin in (copy.deepcopy(layer), pickled(layer), copy.copy(layer)):
        assert type(twin.grads[0]) is np.ndarray
    assert copy.copy(layer).grads is layer.grads


@makers
def test_a_shallow_copy_has_the_originals_lists(name):
    thing = MAKERS[name]()
    twin = copy.copy(thing)
    assert twin.params is thing.params and twin.grads is thing.grads
    assert type(thing.grads[0]) is RowGrad


@copiers
def test_unseen_writes_are_copied(copier):
    layer = Embedding(table())
    layer.forward([1])
    layer.backward(np.ones((1, H)))
    np.asarray(layer.grads[0])[[5, 7]] = 2
    twin = copier(layer)
    assert_same_bits(twin.grads[0], layer.grads[0])
    np.asarray(layer.grads[0])[...] = 0
    step(twin)
    assert (
        np.unique(np.flatnonzero(twin.grads[0].any(axis=1))).tolist()
        == np.unique(TARGET[:5]).tolist()
    )


@copiers
@pytest.mark.parametrize("name", ["NegativeSamplingLoss", "CBOW", "SkipGram"])
def test_backward_of_a_copy_is_that_of_the_last_forward(name, copier):
    thing = MAKERS[name]()
    step(thing)
    twin = copier(thing)
    for each in (thing, twin):
        for grad in each.grads:
            grad[...] = 3
        each.backward()
    for mine, theirs in zip(twin.grads, thing.grads, strict=True):
        assert_same_bits(mine, theirs)


def helpers(model):
    """Return the layers that are made when first read."""
    losses = model.loss_layers if isinstance(model, SkipGram) else [model.ns_loss]
    made = [layer for loss in losses for layer in (*loss.loss_layers, *loss.embed_dot_layers)]
    return made if isinstance(model, SkipGram) else [*made, *model.in_layers]


@pytest.mark.parametrize("name", ["CBOW", "SkipGram"])
def test_pickles_hold_the_tables_and_the_touched_rows(name):
    model = MAKERS[name]()
    assert len(pickle.dumps(model)) < 2.2 * model.word_vecs.nbytes
    step(model)
    size = len(pickle.dumps(model))
    assert size < 4.5 * model.word_vecs.nbytes  # two tables, two gradients, the last batch
    assert helpers(model)
    assert len(pickle.dumps(model)) == size
    twin = pickled(model)
    for mine, theirs in zip(helpers(twin), helpers(model), strict=True):
        for key, value in vars(theirs).items():
            if isinstance(value, np.ndarray):
                assert_same_bits(getattr(mine, key), value)


@copiers
def test_replaced_layers_are_copied(copier):
    model = CBOW(V, H, WINDOW, CORPUS)
    step(model)
    mine = Embedding(model.word_vecs)
    mine.name = "mine"
    model.in_layers[1] = mine
    model.ns_loss.loss_layers[0].forward = len
    twin = copier(model)
    assert twin.in_layers[1].name == "mine"
    assert twin.in_layers[1].params[0] is twin.word_vecs
    assert twin.ns_loss.loss_layers[0].forward is len


def test_an_exact_copy_of_a_view_is_plain():
    layer = Embedding(table())
    twin = copy.deepcopy([layer.grads[0], layer.grads[0][3:5], layer.grads[0]])
    assert isinstance(twin[0], RowGrad) and twin[0] is twin[2]
    assert type(twin[1]) is np.ndarray


def test_shared_memory_stays_shared():
    memory = bytearray(4 * V * H)
    layer = Embedding(np.frombuffer(memory, np.float32).reshape(V, H))
    for twin in (layer, copy.copy(layer)):
        twin.params[0][:] = 3
        assert np.frombuffer(memory, np.float32)[-1] == 3
        memory[:] = bytes(len(memory))
        assert not twin.params[0].any()
    buffers = []
    data = pickle.dumps(layer, 5, buffer_callback=buffers.append)
    assert buffers
    held = [bytearray(buffer) for buffer in buffers]
    twin = pickle.loads(data, buffers=held)
    twin.params[0][:] = 3
    assert any(np.frombuffer(each, np.uint8).any() for each in held)
