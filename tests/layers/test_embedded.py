"""An embedding and the recurrent layer after it, in one pass: the values and gradients of both."""

import copy

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from hypothesis import given
from hypothesis import strategies as st

from fastw2v._recurrent import embedded
from fastw2v.time_layers import TimeEmbedding, TimeGRU, TimeLSTM, TimeRNN

CELLS = {
    "RNN": (TimeRNN, 1, {}),
    "GRU": (TimeGRU, 3, {}),
    "GRU reset_after": (TimeGRU, 3, {"reset_after": True}),
    "LSTM": (TimeLSTM, 4, {}),
    "LSTM with two biases": (TimeLSTM, 4, {"biases": 2}),
    "LSTM from the end": (TimeLSTM, 4, {"go_backwards": True}),
}
every_cell = pytest.mark.parametrize("cell", CELLS)


def make(cell, V, D, H, seed=0, **more):
    """Return two equal pairs of embedding and layer."""
    kind, n_gates, options = CELLS[cell]
    options = options | more
    two = options.pop("biases", 1) == 2 or options.get("reset_after", False)
    rng = np.random.default_rng(seed)
    shapes = (V, D), (D, n_gates * H), (H, n_gates * H), (2, n_gates * H) if two else n_gates * H
    table, *weights = (rng.standard_normal(shape).astype("f") for shape in shapes)
    return [
        (TimeEmbedding(table.copy()), kind(*(W.copy() for W in weights), **options))
        for _ in range(2)
    ]


def last_gradients(layer, N, H, seed=5):
    rng = np.random.default_rng(seed)
    return {f"d{name}": rng.standard_normal((N, H)).astype("f") for name in layer._kind.states}


def assert_same_gradients(one, other):
    for mine, wanted in zip(one, other, strict=True):
        for a, b in zip(mine.grads, wanted.grads, strict=True):
            scale = max(np.abs(np.asarray(b)).max(initial=0), 1)  # sums of terms of this size
            np.testing.assert_allclose(a / scale, b / scale, rtol=0, atol=2e-5)


@every_cell
@given(
    sizes=st.tuples(*[st.integers(1, n) for n in (6, 5, 4, 20, 7)]),
    seed=st.integers(0, 99),
    index_dtype=st.sampled_from(["i4", "i8", "u1"]),
)
def test_values_and_gradients_are_those_of_both_layers(cell, sizes, seed, index_dtype):
    N, T, D, H, V = sizes
    one, other = make(cell, V, D, H, seed)
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, V, (N, T)).astype(index_dtype)
    dhs = rng.standard_normal((N, T, H)).astype("f")
    hs = embedded.forward(*one, ids)
    assert_same_bits(hs, other[1].forward(other[0].forward(ids)))
    for name in one[1]._kind.states:
        assert_same_bits(getattr(one[1], name), getattr(other[1], name))
    arriving = last_gradients(one[1], N, H)
    assert embedded.backward(*one, dhs, **arriving)
    other[0].backward(other[1].backward(dhs, **arriving))
    assert_same_gradients(one, other)
    for name in arriving:
        assert_same_bits(getattr(one[1], name), getattr(other[1], name))


@every_cell
def test_no_dhs_is_zeros(cell):
    N, T, D, H, V = 5, 6, 3, 19, 4
    one, other = make(cell, V, D, H)
    ids = np.random.default_rng(1).integers(-V, V, (N, T))
    arriving = last_gradients(one[1], N, H)
    for pair, dhs in ((one, None), (other, np.zeros((N, T, H), "f"))):
        embedded.forward(*pair, ids)
        assert embedded.backward(*pair, dhs, **arriving)
    for mine, wanted in zip(one, other, strict=True):
        for a, b in zip(mine.grads, wanted.grads, strict=True):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@every_cell
def test_every_number_of_parts_gives_the_same_bits(cell, all_parts):
    seen = set()
    for n in N_PARTS:
        all_parts(n)
        pair, _ = make(cell, 5, 3, 37)
        ids = np.random.default_rng(1).integers(0, 5, (23, 4))
        hs = embedded.forward(*pair, ids)
        embedded.backward(*pair, hs)
        grads = [np.asarray(grad).tobytes() for layer in pair for grad in layer.grads]
        seen.add(hs.tobytes() + b"".join(grads))
    assert len(seen) == 1


@every_cell
def test_afterwards_the_layer_is_one_over_vectors(cell):
    N, T, D, H, V = 4, 3, 2, 5, 3
    one, other = make(cell, V, D, H)
    ids = np.random.default_rng(1).integers(0, V, (N, T))
    dhs = np.ones((N, T, H), "f")
    embedded.forward(*one, ids)
    one[0].W += 1  # as an update would; the vectors of forward stay
    other[1].forward(other[0].forward(ids))
    twin = copy.copy(one[1])
    for mine, wanted in zip(one[1].layers, other[1].layers, strict=True):
        for a, b in zip(mine.cache, wanted.cache, strict=True):
            assert_same_bits(a, b)
    assert_same_bits(one[1].backward(dhs), other[1].backward(dhs))
    assert_same_bits(twin.backward(dhs), one[1].backward(dhs))
    assert not embedded.backward(*one, dhs)  # its last pass is none of this module now


def test_only_small_tables_and_layers_of_ours_are_taken():
    ids = np.zeros((4, 5), int)
    (embed, layer), (embed_2, layer_2) = make("LSTM", 5, 2, 3)
    assert embedded.pays(embed, TimeEmbedding, layer, ids)
    assert not embedded.pays(embed, TimeEmbedding, layer, ids[:, :4])  # three steps for each row

    class Own(TimeLSTM):
        pass

    class OwnEmbedding(TimeEmbedding):
        pass

    weights = layer.params
    assert not embedded.pays(embed, TimeEmbedding, Own(*weights), ids)
    assert not embedded.pays(OwnEmbedding(embed.W), TimeEmbedding, layer, ids)
    wide = [W.astype(float) for W in weights]
    assert not embedded.pays(embed, TimeEmbedding, TimeLSTM(*wide), ids)
    assert not embedded.pays(TimeEmbedding(embed.W, dtype="d"), TimeEmbedding, layer, ids)
    embed_2.W = embed_2.W.copy()  # a table that the optimizer does not know
    assert not embedded.pays(embed_2, TimeEmbedding, layer, ids)
    layer_2.backward = layer_2.backward
    assert not embedded.pays(embed, TimeEmbedding, layer_2, ids)


def test_ids_outside_the_table_change_nothing():
    (embed, layer), _ = make("LSTM", 5, 2, 3)
    embedded.forward(embed, layer, np.zeros((2, 2), int))
    state, kept = layer.h.copy(), layer._kept
    with pytest.raises(IndexError, match="xs"):
        embedded.forward(embed, layer, np.full((2, 2), 5))
    assert layer._kept is kept
    assert_same_bits(layer.h, state)
