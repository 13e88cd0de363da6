"""CBOW and SkipGram: the fused path against reference, layers and a user's own class."""

import copy
import pickle
import re

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from own_model import OwnCBOW

from fastw2v._core import rollback
from fastw2v.layers import Embedding
from fastw2v.models import CBOW, SkipGram
from fastw2v.optimizer import SGD, Adam
from fastw2v.reference.cbow import CBOW as ReferenceCBOW
from fastw2v.reference.skip_gram import SkipGram as ReferenceSkipGram
from fastw2v.trainer import Trainer, remove_duplicate
from fastw2v.util import create_contexts_target

V, H, WINDOW = 40, 12, 2
CORPUS = np.concatenate(
    [np.arange(V), np.random.default_rng(0).zipf(1.5, 2000) % V]
)  # every word occurs, some often
CONTEXTS, TARGET = create_contexts_target(CORPUS, WINDOW)

MODELS = {
    "CBOW": (CBOW, ReferenceCBOW),
    "SkipGram": (SkipGram, ReferenceSkipGram),
    "a reader's CBOW": (OwnCBOW, ReferenceCBOW),
}


def samplers(model):
    losses = [model.ns_loss] if hasattr(model, "ns_loss") else model.loss_layers
    return [loss.sampler for loss in losses]


def feed_negatives(model, seed):
    """Give every model the same negatives: column c of step s is a function of (seed, s, c)."""
    for c, sampler in enumerate(samplers(model)):
        rng = np.random.default_rng([seed, c])

        def sample(target, rng=rng):
            return np.array([rng.permutation(np.delete(np.arange(V), t))[:5] for t in target])

        sampler.get_negative_sample = sample


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("optimizer", ["Adam", "SGD", "Momentum"])
@pytest.mark.parametrize("max_grad", [None, 0.05])
def test_losses_of_a_run_equal_the_references(name, optimizer, max_grad, capsys):
    runs = []
    for model_class, package in zip(MODELS[name], ("fastw2v", "fastw2v.reference"), strict=True):
        module = __import__(f"{package}.optimizer", fromlist=[optimizer])
        trainers = __import__(f"{package}.trainer", fromlist=["Trainer"])
        np.random.seed(7)
        model = model_class(V, H, WINDOW, CORPUS)
        feed_negatives(model, 1)
        lr = {"Adam": 0.01, "SGD": 1.0, "Momentum": 0.5}[optimizer]
        trainer = trainers.Trainer(model, getattr(module, optimizer)(lr))
        trainer.fit(
            CONTEXTS[:300], TARGET[:300], max_epoch=3, batch_size=60, max_grad=max_grad,
            eval_interval=1,
        )  # fmt: skip
        runs.append((trainer.loss_list, model.word_vecs))
    printed = capsys.readouterr().out
    assert printed.count("| epoch 1 |  iter 1 / 5 | time 0[s] | loss ") == 2
    (ours, vecs), (theirs, expected) = runs
    assert len(ours) == 15
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_allclose(vecs, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("model_class", [CBOW, SkipGram])
def test_fused_and_layered_paths_agree(model_class):
    def run(model):
        feed_negatives(model, 2)
        losses = []
        optimizer = SGD(0.5)
        for step in range(3):
            rows = slice(step * 30, step * 30 + 30)
            losses.append(float(model.forward(CONTEXTS[rows], TARGET[rows])))
            model.backward()
            optimizer.update(*remove_duplicate(model.params, model.grads))
        return losses, np.array(model.word_vecs)

    results = []
    for cls in (model_class, type("Sub", (model_class,), {})):
        np.random.seed(3)
        results.append(run(cls(V, H, WINDOW, CORPUS)))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-6)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("model_class", [CBOW, SkipGram])
def test_weights_are_float32_and_lists_are_the_books(model_class):
    np.random.seed(11)
    model = model_class(V, H, WINDOW, CORPUS)
    np.random.seed(11)
    W_in = 0.01 * np.random.randn(V, H).astype("f")
    W_out = 0.01 * np.random.randn(V, H).astype("f")
    assert_same_bits(model.word_vecs, W_in)
    assert_same_bits(model.params[-1], W_out)
    assert model.word_vecs is model.params[0]
    n = 2 * WINDOW + 6 if model_class is CBOW else 1 + 2 * WINDOW * 6
    assert len(model.params) == len(model.grads) == n
    assert len({id(param) for param in model.params}) == 2
    assert len({id(grad) for grad in model.grads}) == n
    params, grads = remove_duplicate(model.params, model.grads)
    assert len(params) == len(grads) == 2


def test_sgd_without_remove_duplicate_takes_the_same_step():
    steps = []
    for merge in (True, False):
        np.random.seed(2)
        model = CBOW(V, H, WINDOW, CORPUS)
        feed_negatives(model, 5)
        model.forward(CONTEXTS[:50], TARGET[:50])
        model.backward()
        lists = (model.params, model.grads)
        SGD(1.0).update(*(remove_duplicate(*lists) if merge else lists))
        steps.append(np.array(model.word_vecs))
    np.testing.assert_allclose(*steps, rtol=1e-6)


def test_word_vecs_is_the_table_that_training_moves(capsys):
    model = CBOW(V, H, WINDOW, CORPUS)
    view = model.word_vecs[2]
    before = view.copy()
    Trainer(model, Adam()).fit(CONTEXTS, TARGET, max_epoch=1, batch_size=50)
    assert model.word_vecs is model.params[0]
    assert (view != before).all()
    assert_same_bits(view, model.word_vecs[2])


def test_layers_of_a_fused_cbow_hold_what_they_would_compute():
    model = CBOW(V, H, WINDOW, CORPUS)
    model.forward(CONTEXTS[:5], TARGET[:5])
    assert len(model.in_layers) == 2 * WINDOW
    for i, layer in enumerate(model.in_layers):
        assert type(layer) is Embedding and layer.params[0] is model.word_vecs
        assert layer.grads[0] is model.grads[i]
        np.testing.assert_array_equal(layer.idx, CONTEXTS[:5, i])
    model.forward(CONTEXTS[5:9], TARGET[5:9])
    np.testing.assert_array_equal(model.in_layers[1].idx, CONTEXTS[5:9, 1])
    calls = []

    class Mine(Embedding):
        def forward(self, idx):
            calls.append(len(idx))
            return super().forward(idx)

    model.in_layers[0] = Mine(model.word_vecs)
    model.forward(CONTEXTS[:5], TARGET[:5])
    assert calls == [5]


def test_layers_of_a_fused_skip_gram_hold_what_they_would_compute():
    model = SkipGram(V, H, WINDOW, CORPUS)
    loss = model.forward(CONTEXTS[:5], TARGET[:5])
    parts = [float(x.loss) for layer in model.loss_layers for x in layer.loss_layers]
    np.testing.assert_allclose(sum(parts), loss, rtol=1e-6)
    for c, layer in enumerate(model.loss_layers):
        np.testing.assert_array_equal(layer.embed_dot_layers[0].embed.idx, CONTEXTS[:5, c])
        np.testing.assert_array_equal(layer.loss_layers[1].t, 0)
    model.backward()
    whole = np.array(model.grads[0])
    dh = sum(layer.backward() for layer in model.loss_layers)
    expected = np.zeros_like(whole)
    np.add.at(expected, TARGET[:5], dh)
    np.testing.assert_allclose(whole, expected, rtol=1e-5, atol=1e-8)
    assert len({id(layer.sampler) for layer in model.loss_layers}) == 2 * WINDOW


@pytest.mark.parametrize("model_class", [CBOW, SkipGram])
def test_same_bits_for_any_number_of_parts(model_class, all_parts):
    results = []
    for n in N_PARTS:
        all_parts(n)
        np.random.seed(4)
        model = model_class(V, 35, WINDOW, CORPUS)
        trainer = Trainer(model, Adam(0.01))
        trainer.fit(CONTEXTS, TARGET, max_epoch=1, batch_size=83, max_grad=1.0, eval_interval=None)
        results.append(model.params[0].copy())
    for result in results[1:]:
        assert_same_bits(result, results[0])


@pytest.mark.parametrize("model_class", [CBOW, SkipGram, OwnCBOW])
@pytest.mark.parametrize("copier", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_train_like_the_original(model_class, copier, capsys):
    np.random.seed(1)
    model = model_class(V, H, WINDOW, CORPUS)
    Trainer(model, Adam()).fit(CONTEXTS[:200], TARGET[:200], max_epoch=1, batch_size=50)
    twin = copier(model)
    assert twin.word_vecs is twin.params[0]
    results = []
    for each in (model, twin):
        np.random.seed(9)
        Trainer(each, SGD(0.5)).fit(CONTEXTS[:200], TARGET[:200], max_epoch=1, batch_size=50)
        results.append(np.array(each.word_vecs))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("model_class", [CBOW, SkipGram])
def test_own_generator_leaves_the_global_stream_alone(model_class):
    state = np.random.get_state()[1].copy()
    results = []
    for _ in range(2):
        model = model_class(V, H, WINDOW, CORPUS, rng=np.random.default_rng(5), sample_size=3)
        results.append(float(model.forward(CONTEXTS[:9], TARGET[:9])))
    assert results[0] == results[1]
    assert_same_bits(np.random.get_state()[1], state)


FIVE = CONTEXTS[:5]
SHAPE = "contexts: expected shape"
TARGET_SHAPE = "target: expected ids of shape (N,) with N > 0, got"
BAD = {
    "too few columns": (FIVE[:, :3], TARGET[:5], ValueError, f"{SHAPE} (5, 4) (2 * window_size"),
    "too few rows": (FIVE[:4], TARGET[:5], ValueError, f"{SHAPE} (5, 4)"),
    "one row": (FIVE[0], TARGET[:1], ValueError, f"{SHAPE} (1, 4)"),
    "a number": (FIVE[:1], 3, ValueError, f"{TARGET_SHAPE} (); pass one for each row of contexts"),
    "columns": (FIVE, TARGET[:5, None], ValueError, f"{TARGET_SHAPE} (5, 1)"),
    "no rows": (FIVE[:0], [], ValueError, f"{TARGET_SHAPE} (0,)"),
    "ragged": ([[1, 2, 3, 4], [5]], [0, 1], ValueError, "contexts: expected an array, or lists of"),
    "contexts too high": (FIVE + V, TARGET[:5], IndexError, "contexts: id "),
    "target too high": (FIVE, [0, 1, 2, 3, V], IndexError, "target: id 40 at position 4 is out of"),
    "target too low": (FIVE[:1], [-41], IndexError, "target: id -41 at position 0 is out of range"),
    "floats": (FIVE * 1.0, TARGET[:5], TypeError, "contexts: expected integer ids, got dtype"),
    "float target": (FIVE[:1], [0.5], TypeError, "target: expected integer ids, got dtype float64"),
    "nothing": (None, TARGET[:5], TypeError, "contexts: expected integer ids, got dtype object"),
    "text": (
        FIVE[:1],
        "a",
        TypeError,
        "target: expected integer ids, got dtype <U1; look words up",
    ),
}

ALL_WAYS = [CBOW, SkipGram, type("SubCBOW", (CBOW,), {}), type("SubSkipGram", (SkipGram,), {})]


def attributes_of(model):
    """Return the attributes of a model and of all layers it holds: {id: dict}."""
    before = {}
    rollback._remember(model, before)
    return {key: attributes for key, (_, attributes) in before.items()}


def assert_unchanged(model, before):
    after = attributes_of(model)
    assert after.keys() == before.keys()
    for key, attributes in before.items():
        assert attributes.keys() == after[key].keys()
        assert all(value is after[key][name] for name, value in attributes.items())


@pytest.mark.parametrize("model_class", ALL_WAYS)
@pytest.mark.parametrize("case", BAD)
def test_bad_input_changes_nothing(model_class, case):
    contexts, target, error, words = BAD[case]
    model = model_class(V, H, WINDOW, CORPUS)
    model.forward(CONTEXTS[:7], TARGET[:7])
    model.backward()
    before, arrays = attributes_of(model), pickle.dumps([model.params, model.grads])
    stream = np.random.get_state()[1].tolist()
    with pytest.raises(error, match=re.escape(words)):
        model.forward(contexts, target)
    assert_unchanged(model, before)
    assert pickle.dumps([model.params, model.grads]) == arrays
    assert np.random.get_state()[1].tolist() == stream


@pytest.mark.parametrize("model_class", ALL_WAYS)
def test_a_sampler_that_fails_in_the_middle_changes_nothing(model_class):
    model = model_class(V, H, WINDOW, CORPUS)
    model.forward(CONTEXTS[:7], TARGET[:7])
    before = attributes_of(model)

    def fail(target):
        raise ArithmeticError("no words today")

    last = samplers(model)[-1]
    last.get_negative_sample = fail
    with pytest.raises(ArithmeticError, match="no words today"):
        model.forward(CONTEXTS[:5], TARGET[:5])
    del last.get_negative_sample
    assert_unchanged(model, before)
    model.backward()


@pytest.mark.parametrize("model_class", [CBOW, SkipGram])
def test_bad_construction_draws_nothing(model_class):
    stream = np.random.get_state()[1].tolist()
    for arguments, error, words in (
        ((V, H, 0, CORPUS), ValueError, "window_size: expected at least 1, got 0"),
        ((V - 1, H, WINDOW, CORPUS), ValueError, "corpus: expected ids below 39, the vocab_size, "),
        ((V, H, WINDOW, CORPUS[CORPUS != 3]), ValueError, "but id 3 does not"),
        ((V, H, WINDOW, []), ValueError, "corpus: expected at least one word id"),
        ((V, 2.5, WINDOW, CORPUS), TypeError, "hidden_size: expected a whole number, got 2.5"),
    ):
        with pytest.raises(error, match=words):
            model_class(*arguments)
    assert np.random.get_state()[1].tolist() == stream


def test_the_vocabulary_may_exceed_the_corpus():
    """Words that do not occur have rows, and may be used where no negatives are drawn."""
    words = np.arange(7)
    contexts, target = create_contexts_target(words, 1)
    for model_class in ALL_WAYS:
        model = model_class(9, 4, 1, words)
        Trainer(model, Adam()).fit(contexts, target, 2, 5, eval_interval=None)
        if isinstance(model, CBOW):
            assert np.isfinite(model.forward([[7, 8]], [6]))
            bad = ([[0, 1]], [8]), "target: id 8 at position 0"
        else:
            assert np.isfinite(model.forward([[0, 1]], [8]))
            bad = ([[0, 8]], [1]), "contexts: id 8 at position (0, 1)"
            if model_class is not SkipGram:
                bad = ([[0, 8]], [1]), "target: id 8 at position 0"
        before = attributes_of(model)
        message = f"{bad[1]} is out of range for 7 words of the corpus; use ids from -7 to 6"
        with pytest.raises(IndexError, match=re.escape(message)):
            model.forward(*bad[0])
        assert_unchanged(model, before)


@pytest.mark.parametrize("model_class", [CBOW, SkipGram])
def test_methods_replaced_in_an_instance_are_called(model_class):
    results, calls = [], []

    def counted(method):
        return lambda *arguments: calls.append(method.__name__) or method(*arguments)

    for replaced in (False, True):
        np.random.seed(0)
        model = model_class(V, H, WINDOW, CORPUS)
        feed_negatives(model, 3)
        if replaced:
            model.forward, model.backward = counted(model.forward), counted(model.backward)
        Trainer(model, SGD(0.5)).fit(CONTEXTS[:60], TARGET[:60], 1, 30, eval_interval=None)
        results.append(model.word_vecs)
    assert calls == ["forward", "backward"] * 2
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-7)


def test_backward_needs_a_forward():
    for model_class in ALL_WAYS:
        with pytest.raises(RuntimeError, match="call forward first"):
            model_class(V, H, WINDOW, CORPUS).backward()


def test_a_refused_backward_writes_no_gradient():
    for model_class in (CBOW, SkipGram):
        model = model_class(V, H, WINDOW, CORPUS)
        model.forward(CONTEXTS[:5], TARGET[:5])
        layer = model.in_layer if model_class is SkipGram else model
        layer.grads[0] = np.zeros((V, H), np.float32)
        layer.grads[0].flags.writeable = False
        with pytest.raises(ValueError, match=r"grads\[0\]: expected a writable array"):
            model.backward()
        assert not any(grad.any() for grad in model.grads)


@pytest.mark.parametrize("model_class", [CBOW, SkipGram])
def test_gradients_of_another_shape_are_refused(model_class):
    """Too few rows or columns must not become writes beyond the array."""
    for shape in ((1, H), (V, 1), (V, H, 1)):
        model = model_class(V, H, WINDOW, CORPUS)
        losses = [model.ns_loss] if model_class is CBOW else model.loss_layers
        model.forward(CONTEXTS[:5], TARGET[:5])
        for place in (model, losses[0], getattr(model, "in_layer", model)):
            kept = place.grads[0]
            place.grads[0] = np.zeros(shape, np.float32)
            if place is model and model_class is SkipGram:
                continue  # its layers have lists of their own
            with pytest.raises(
                (ValueError, IndexError),
                match=r"grads\[0\]|idx: id|contexts: id|dout: expected shape",
            ):
                model.backward()
            place.grads[0] = kept


def test_an_input_table_of_another_width_is_refused():
    model = SkipGram(V, H, WINDOW, CORPUS)
    model.in_layer.params[0] = np.zeros((V, H + 1), np.float32)
    with pytest.raises(ValueError, match=r"h: expected shape \(5, 12\)"):
        model.forward(CONTEXTS[:5], TARGET[:5])
    model.in_layer.params[0] = np.zeros((V, H))  # another dtype
    assert np.isfinite(model.forward(CONTEXTS[:5], TARGET[:5]))


def test_backward_after_a_failed_forward_is_that_of_the_last_good_one():
    results = []
    for fail in (False, True):
        np.random.seed(0)
        model = CBOW(V, H, WINDOW, CORPUS)
        model.forward(CONTEXTS[:5], TARGET[:5])
        if fail:
            with pytest.raises(IndexError):
                model.forward(CONTEXTS[:7], TARGET[:7] + V)
        model.backward()
        results.append(np.array(model.grads[0]))
    assert_same_bits(*results)
