"""Public attributes that change between forward and backward: an error, or a right answer."""

import threading
import time

import numpy as np
import pytest

from fastw2v.layers import Embedding, Sigmoid, Softmax, SoftmaxWithLoss
from fastw2v.models import CBOW, SkipGram
from fastw2v.negative_sampling_layer import EmbeddingDot, NegativeSamplingLoss, UnigramSampler
from fastw2v.time_layers import TimeAffine, TimeGRU, TimeLSTM, TimeRNN

N, V, D = 50, 100, 8
ERRORS = (ValueError, TypeError, IndexError)


def table(D=D, V=V):
    return np.full((V, D), 0.1, np.float32)


def of_losses(model):
    """Return the list of losses of a model, or the loss itself as the only one."""
    return getattr(model, "loss_layers", None) if isinstance(model, SkipGram) else [model]


def loss_of_negatives():
    loss = NegativeSamplingLoss(table(), np.arange(V))
    loss.forward(np.ones((N, D), np.float32), np.arange(N))
    return loss, loss


def cbow():
    model = CBOW(V, D, 1, np.arange(V))
    model.forward(np.arange(2 * N).reshape(N, 2) % V, np.arange(N))
    return model, model.ns_loss


def skip_gram():
    model = SkipGram(V, D, 1, np.arange(V))
    model.forward(np.arange(2 * N).reshape(N, 2) % V, np.arange(N))
    return model, model


@pytest.mark.parametrize("width", [1, D - 1, D + 1, 100 * D])
@pytest.mark.parametrize("make", [loss_of_negatives, cbow, skip_gram])
def test_params_of_another_width_are_refused_or_not_read(make, width):
    thing, holder = make()
    W = table(width)
    for loss in of_losses(holder):
        loss.params[:] = [W] * len(loss.params)
    thing.backward()  # reads only what forward kept
    for loss in of_losses(holder):
        loss.grads[:] = [np.zeros_like(W) for _ in loss.grads]
    with pytest.raises(ERRORS):
        thing.backward()


@pytest.mark.parametrize("width", [1, 100 * D])
def test_inputs_of_another_width_are_refused(width):
    model, _ = cbow()
    model.params[: model._n_contexts] = [table(width)] * model._n_contexts
    with pytest.raises(ERRORS):
        model.backward()


def test_an_input_that_was_reshaped_is_refused_or_has_its_old_numbers():
    loss = NegativeSamplingLoss(table(), np.arange(V))
    h = np.ones((N, D), np.float32)
    loss.forward(h, np.arange(N))
    h.shape = (N // 2, 2 * D)
    with pytest.raises(ERRORS):
        loss.backward()


@pytest.mark.parametrize(
    "cache",
    [
        (np.ones((N, D), np.float32), np.ones((2, 2), np.float32)),
        (np.ones((N, 99), np.float32), np.ones((N, 99), np.float32)),
        (np.ones((7, D), np.float32), np.ones((7, D), np.float32)),
        (np.ones(3), None),
        (),
    ],
    ids=["rows", "wider", "fewer", "none", "empty"],
)
def test_a_cache_that_does_not_fit_is_refused(cache):
    layer = EmbeddingDot(table())
    layer.forward(np.ones((N, D), np.float32), np.arange(N))
    layer.cache = cache
    with pytest.raises(ERRORS):
        layer.backward(np.ones(N, np.float32))


def test_ids_that_were_replaced_are_checked():
    for ids in ([V], [-V - 1], [10**9], [2**62], [0.5], ["x"]):
        layer = Embedding(table())
        layer.forward([1])
        layer.idx = ids
        with pytest.raises(ERRORS, match="idx"):
            layer.backward(np.ones((1, D), np.float32))
        assert not np.any(layer.grads[0])


def test_lengths_may_change_after_forward():
    for kind, gates in ((TimeRNN, 1), (TimeGRU, 3), (TimeLSTM, 4)):
        rng = np.random.default_rng(0)
        weights = [rng.standard_normal(s).astype("f") for s in ((5, 6 * gates), (6, 6 * gates))]
        layer = kind(*weights, np.zeros(6 * gates, "f"))
        xs, lengths = rng.standard_normal((4, 3, 5)).astype("f"), np.array([3, 1, 0, 2])
        dhs = layer.forward(xs, lengths=lengths)
        expected = layer.backward(dhs)
        layer.forward(xs, lengths=lengths)
        lengths[:] = 10**6
        np.testing.assert_array_equal(layer.backward(dhs), expected)


@pytest.mark.parametrize(("kind", "gates"), [(TimeRNN, 1), (TimeGRU, 3), (TimeLSTM, 4)])
def test_states_and_weights_of_recurrent_layers_are_checked(kind, gates):
    def weights(D, H):
        return [np.ones(s, "f") for s in ((D, gates * H), (H, gates * H), (gates * H,))]

    layer = kind(*weights(5, 6), stateful=True)
    xs = np.ones((4, 3, 5), np.float32)
    for name in layer._kind.states:
        for state in (np.ones((6, 4)), np.ones((4, 7)), np.ones(24), np.ones((4, 6), complex), "x"):
            layer.reset_state()
            layer.forward(xs)
            setattr(layer, name, state)
            with pytest.raises(ERRORS, match=f"{name}: expected"):
                layer.forward(xs)
    layer.reset_state()
    layer.forward(xs)
    layer.params[:] = weights(5, 60)
    layer.grads[:] = [np.zeros_like(W) for W in layer.params]
    with pytest.raises(ERRORS, match="Wx: expected"):
        layer.backward(np.ones((4, 3, 6), np.float32))
    xs.shape = (2, 6, 5)
    layer.params[:] = weights(5, 6)
    layer.grads[:] = [np.zeros_like(W) for W in layer.params]
    with pytest.raises(ERRORS):
        layer.backward(np.ones((4, 3, 6), np.float32))


def test_other_kept_arrays_are_checked():
    softmax, sigmoid, loss = Softmax(), Sigmoid(), SoftmaxWithLoss()
    affine = TimeAffine(np.ones((3, 4), "f"), np.ones(4, "f"))
    x = np.ones((5, 3), np.float32)
    for layer, name in ((softmax, "out"), (sigmoid, "out"), (affine, "x")):
        layer.forward(np.ones((1, 5, 3), "f") if layer is affine else x)
        setattr(layer, name, np.ones((7, 11), np.float32))
        with pytest.raises(ERRORS):
            layer.backward(np.ones((1, 5, 4), "f") if layer is affine else x)
    loss.forward(x, np.zeros(5, int))
    loss.y = np.ones((400, 300), np.float32)
    with pytest.raises(ERRORS, match="t: expected"):
        loss.backward()


def test_a_sampler_keeps_its_words():
    sampler = UnigramSampler(np.arange(10), 0.75, 3)
    with pytest.raises(AttributeError):
        sampler.vocab_size = 10**9
    with pytest.raises(ValueError, match="WRITEABLE"):
        sampler.word_p.flags.writeable = True
    sampler.word_p.shape = (5, 2)
    assert sampler.word_p.shape == (10,)
    for size in (-1, 1.5, None, "3", 2**62):
        sampler.sample_size = size
        with pytest.raises((*ERRORS, MemoryError)):
            sampler.get_negative_sample([1])


@pytest.mark.parametrize("make", ["gather", "dot", "cbow", "loss"])
def test_another_thread_may_change_ids_at_any_time(make):
    ids = np.zeros((100_000, 2), np.int64)
    layers = {
        "gather": lambda: Embedding(table()).forward(ids),
        "dot": lambda: EmbeddingDot(table()).forward(np.ones((200_000, D), "f"), ids.reshape(-1)),
        "cbow": lambda: CBOW(V, D, 1, np.arange(V), sample_size=0).forward(ids, ids[:, 0]),
        "loss": lambda: SoftmaxWithLoss().forward(np.ones((200_000, 3), "f"), ids.reshape(-1)),
    }
    stop = threading.Event()

    def change():
        while not stop.is_set():
            ids[...] = 10**9
            ids[...] = 0

    thread = threading.Thread(target=change)
    thread.start()
    end = time.monotonic() + 0.3
    try:
        while time.monotonic() < end:
            try:
                layers[make]()
            except IndexError as error:
                assert "1000000000" in str(error)
    finally:
        stop.set()
        thread.join()
