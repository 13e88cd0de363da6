"""Keras's layout: values by Keras's published equations, refused layers, the summary."""

import io
import sys
import types

import numpy as np
import pytest
from conftest import assert_same_bits

from fastw2v import models, time_layers
from fastw2v.keras import count_params, from_keras, summary, to_keras
from fastw2v.layers import Affine, Embedding, MatMul, Sigmoid
from fastw2v.negative_sampling_layer import EmbeddingDot
from fastw2v.time_layers import (
    TimeBidirectional,
    TimeBiLSTM,
    TimeEmbedding,
    TimeGRU,
    TimeLSTM,
    TimeRNN,
    TimeStack,
)

N, T, D, H = 4, 6, 3, 5
RNG = np.random.default_rng(0)  # of the cases, which are made before any test

GATES = {
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "hard_sigmoid_keras2": lambda a: np.clip(0.2 * a + 0.5, 0, 1),
    "hard_sigmoid_keras3": lambda a: np.clip(a + 3, 0, 6) / 6,
}


def weights_of(blocks, rng, bias=True):
    """kernel, recurrent kernel and bias as Keras lists them; large, so that gates saturate."""
    shapes = ((D, blocks * H), (H, blocks * H), (blocks * H,))[: 3 if bias else 2]
    return [1.5 * rng.standard_normal(shape) for shape in shapes]


# The equations of the Keras documentation, one unit of time after the other.


def keras_simple_rnn(x, weights, gate):
    kernel, recurrent, bias = weights
    h, outputs = np.zeros((len(x), H)), []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ kernel + bias + h @ recurrent)
        outputs.append(h)
    return np.stack(outputs, axis=1), (h,)


def keras_lstm(x, weights, gate):
    k, u, b = (dict(zip("ifco", np.split(w, 4, axis=-1), strict=True)) for w in weights)
    h, c, outputs = np.zeros((len(x), H)), np.zeros((len(x), H)), []
    for t in range(x.shape[1]):
        a = {g: x[:, t] @ k[g] + b[g] + h @ u[g] for g in "ifco"}
        c = gate(a["f"]) * c + gate(a["i"]) * np.tanh(a["c"])
        h = gate(a["o"]) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1), (h, c)


def keras_gru(x, weights, gate):
    k, u, b = (dict(zip("zrh", np.split(w, 3, axis=-1), strict=True)) for w in weights)
    h, outputs = np.zeros((len(x), H)), []
    for t in range(x.shape[1]):
        z, r = (gate(x[:, t] @ k[g] + b[g] + h @ u[g]) for g in "zr")
        candidate = np.tanh(x[:, t] @ k["h"] + b["h"] + (r * h) @ u["h"])
        h = z * h + (1 - z) * candidate
        outputs.append(h)
    return np.stack(outputs, axis=1), (h,)


CELLS = {
    "SimpleRNN": (1, keras_simple_rnn, TimeRNN),
    "LSTM": (4, keras_lstm, TimeLSTM),
    "GRU": (3, keras_gru, TimeGRU),
}


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("kind", CELLS)
def test_recurrent_layers_follow_the_equations(kind, gate, bias, go_backwards, rng):
    blocks, equations, our_class = CELLS[kind]
    weights = weights_of(blocks, rng, bias)
    gates = {} if kind == "SimpleRNN" else {"recurrent_activation": gate}
    layer = from_keras(kind, weights, **gates, go_backwards=go_backwards, dtype=np.float64)
    assert type(layer) is our_class
    x = rng.standard_normal((N, T, D))
    complete = weights if bias else [*weights, np.zeros(blocks * H)]
    expected, states = equations(x[:, ::-1] if go_backwards else x, complete, GATES[gate])
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-11, atol=1e-13)
    found = (layer.h, layer.c) if kind == "LSTM" else (layer.h,)
    for mine, theirs in zip(found, states, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-13)
    for back, given in zip(to_keras(layer), complete, strict=True):
        assert_same_bits(back, given)


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("bias", [True, False])
def test_bidirectional_follows_the_equations(gate, bias, rng):
    halves = weights_of(4, rng, bias), weights_of(4, rng, bias)
    layer = from_keras(
        "Bidirectional", [*halves[0], *halves[1]], recurrent_activation=gate, dtype=np.float64
    )
    assert type(layer) is TimeBiLSTM
    x = rng.standard_normal((N, T, D))
    complete = [half if bias else [*half, np.zeros(4 * H)] for half in halves]
    ahead, first = keras_lstm(x, complete[0], GATES[gate])
    back, second = keras_lstm(x[:, ::-1], complete[1], GATES[gate])
    expected = np.concatenate([ahead, back[:, ::-1]], axis=2)
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-11, atol=1e-13)
    for mine, theirs in zip(zip(layer.h, layer.c, strict=True), (first, second), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-13)
    for mine, theirs in zip(to_keras(layer), [*complete[0], *complete[1]], strict=True):
        assert_same_bits(mine, theirs)


def keras_gru_after(x, weights, gate):
    kernel, recurrent, (b, rb) = weights
    h, outputs = np.zeros((len(x), H)), []
    for t in range(x.shape[1]):
        xz, xr, xh = np.split(x[:, t] @ kernel + b, 3, axis=1)
        hz, hr, hh = np.split(h @ recurrent + rb, 3, axis=1)
        z, r = gate(xz + hz), gate(xr + hr)
        h = z * h + (1 - z) * np.tanh(xh + r * hh)
        outputs.append(h)
    return np.stack(outputs, axis=1), (h,)


def two_biases(n, rng):
    return [*weights_of(n, rng, False), rng.standard_normal((2, n * H))]


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("given", [None, True])
def test_a_gru_that_resets_after_the_product(rng, gate, given):
    weights = two_biases(3, rng)
    layer = from_keras(
        "GRU", weights, reset_after=given, recurrent_activation=gate, dtype=np.float64
    )
    assert type(layer) is TimeGRU and layer.reset_after
    x = rng.standard_normal((N, T, D))
    expected, _ = keras_gru_after(x, weights, GATES[gate])
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-11, atol=1e-13)
    for back, theirs in zip(to_keras(layer), weights, strict=True):
        assert_same_bits(back, theirs)


def test_without_a_bias_the_argument_says_where_a_gru_resets(rng):
    weights = weights_of(3, rng, False)
    assert not from_keras("GRU", weights).reset_after
    layer = from_keras("GRU", weights, reset_after=True)
    assert layer.reset_after and layer.params[2].shape == (2, 3 * H)


@pytest.mark.parametrize(("kind", "n"), [("LSTM", 4), ("GRU", 3)])
def test_the_flat_bias_of_a_cudnn_layer(rng, kind, n):
    """cuDNN's matrices have a row per unit, which Keras's arrays hold in their own shapes."""
    weights = two_biases(n, rng)
    flat = [weights[2].reshape(-1)]
    for array in weights[1::-1]:
        blocks = np.split(array, n, axis=1)
        blocks = [np.ravel(block.T).reshape(block.shape) for block in blocks]
        flat.insert(0, np.concatenate(blocks, axis=1))
    x = rng.standard_normal((N, T, D))
    expected = from_keras(kind, weights, dtype=np.float64)
    for name in (kind, f"CuDNN{kind}"):
        layer = from_keras(name, flat, dtype=np.float64)
        np.testing.assert_allclose(layer.forward(x), expected.forward(x), rtol=1e-12)
        for mine, theirs in zip(layer.params, expected.params, strict=True):
            assert_same_bits(mine, theirs)


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM"])
def test_two_biases_become_their_sum_in_keras(rng, kind):
    n, equations, _ = CELLS[kind]
    weights = two_biases(n, rng)
    layer = from_keras(kind, weights, dtype=np.float64)
    assert layer.params[2].shape == (2, n * H)
    one = to_keras(layer)
    np.testing.assert_allclose(one[2], weights[2].sum(axis=0), rtol=1e-12)
    x = rng.standard_normal((N, T, D))
    expected, _ = equations(x, one, GATES["sigmoid"])
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kinds", [("GRU", "GRU"), ("SimpleRNN", "LSTM"), ("LSTM", "GRU")])
def test_any_cells_side_by_side(rng, kinds, bias):
    halves = [weights_of(CELLS[kind][0], rng, bias) for kind in kinds]
    layer = from_keras("Bidirectional", [*halves[0], *halves[1]], dtype=np.float64)
    assert type(layer) is TimeBidirectional
    x = rng.standard_normal((N, T, D))
    parts = [
        from_keras(kind, half, dtype=np.float64) for kind, half in zip(kinds, halves, strict=True)
    ]
    expected = [parts[0].forward(x), parts[1].forward(x[:, ::-1])[:, ::-1]]
    assert_same_bits(layer.forward(x), np.concatenate(expected, axis=2))
    if bias:
        for mine, theirs in zip(to_keras(layer), [*halves[0], *halves[1]], strict=True):
            assert_same_bits(mine, theirs)


def test_embedding_and_dense_are_copied_both_ways(rng):
    table, kernel, bias = (rng.standard_normal(shape) for shape in ((13, 16), (16, 4), 4))
    embedding = from_keras("Embedding", [table], dtype=np.float64)
    ids = rng.integers(0, 13, (N, T))
    xs = embedding.forward(ids)
    np.testing.assert_array_equal(xs, table[ids])
    dense = from_keras("Dense", [kernel, bias])
    np.testing.assert_allclose(dense.forward(xs), xs @ kernel + bias)
    without = from_keras("Dense", [kernel])
    np.testing.assert_allclose(without.forward(xs[:, 0]), xs[:, 0] @ kernel)
    assert [a.shape for a in to_keras(without)] == [(16, 4), (4,)]
    for layer, arrays in ((embedding, [table]), (dense, [kernel, bias])):
        for mine, theirs in zip(to_keras(layer), arrays, strict=True):
            assert_same_bits(mine, theirs)


def test_arrays_are_copied_both_ways(rng):
    weights = weights_of(4, rng)
    before = [w.copy() for w in weights]
    layer = from_keras("LSTM", weights)
    for param in layer.params:
        param[...] = 0
    for w, old in zip(weights, before, strict=True):
        assert_same_bits(w, old)
    for name, given in (("Embedding", [weights[0]]), ("Dense", [weights[0], weights[2]])):
        layer = from_keras(name, given)
        back = to_keras(layer)
        assert not np.shares_memory(layer.params[0], given[0])
        assert not np.shares_memory(layer.params[0], back[0])


@pytest.mark.parametrize("kind", CELLS)
def test_float64_weights_are_kept_and_others_become_float32(kind, rng):
    weights = weights_of(CELLS[kind][0], rng)
    for dtype, expected in (("f2", "f4"), ("f4", "f4"), ("f8", "f8"), (int, "f4")):
        layer = from_keras(kind, [w.astype(dtype) for w in weights])
        assert {w.dtype.str[1:] for w in layer.params} == {expected}


def test_cells_and_matmul_have_weights_too(rng):
    kernel, recurrent, bias = weights_of(4, rng)
    over_time = from_keras("LSTM", [kernel, recurrent, bias])
    cell = time_layers.LSTM(*over_time.params)
    assert_same_bits(to_keras(cell)[0], kernel)
    assert_same_bits(to_keras(MatMul(kernel))[0], kernel)
    assert_same_bits(to_keras(Embedding(kernel))[0], kernel)
    gru = from_keras("GRU", weights_of(3, rng))
    assert_same_bits(to_keras(time_layers.GRU(*gru.params))[0], to_keras(gru)[0])


def test_states_pass_from_encoder_to_decoder(rng):
    """As the translation note does: h and c of one LSTM start another one."""
    first, second = weights_of(4, rng), weights_of(4, rng)
    encoder = from_keras("LSTM", first, dtype=np.float64)
    decoder = from_keras("LSTM", second, stateful=True, dtype=np.float64)
    x, y = rng.standard_normal((2, N, T, D))
    encoder.forward(x)
    decoder.set_state(encoder.h, encoder.c)
    hs = decoder.forward(y)
    # The equations with a state at the start: one long sequence whose kernel changes half way.
    _, (h, c) = keras_lstm(x, first, GATES["sigmoid"])
    k, u, b = (dict(zip("ifco", np.split(w, 4, axis=-1), strict=True)) for w in second)
    for t in range(T):
        a = {g: y[:, t] @ k[g] + b[g] + h @ u[g] for g in "ifco"}
        gate = GATES["sigmoid"]
        c = gate(a["f"]) * c + gate(a["i"]) * np.tanh(a["c"])
        h = gate(a["o"]) * np.tanh(c)
        np.testing.assert_allclose(hs[:, t], h, rtol=1e-11, atol=1e-13)


# Keras layers themselves: anything that answers get_config and get_weights ---------------------


def keras_layer(kind, weights, version="3.5.0", **config):
    """Return a stand-in for a layer of Keras, in a package of that version."""
    package = types.ModuleType("keras_stand_in")
    package.__version__ = version

    class Layer:
        def get_config(self):
            return config

        def get_weights(self):
            return weights

    Layer.__name__, Layer.__module__ = kind, "keras_stand_in.layers"
    return package, Layer()


@pytest.fixture
def live(monkeypatch):
    def convert(kind, weights, **config):
        package, layer = keras_layer(kind, weights, **config)
        monkeypatch.setitem(sys.modules, "keras_stand_in", package)
        return from_keras(layer)

    return convert


@pytest.mark.parametrize(
    ("version", "gate"), [("3.5.0", "hard_sigmoid_keras3"), ("2.15.0", "hard_sigmoid_keras2")]
)
def test_settings_are_read_from_a_keras_layer(live, rng, version, gate):
    weights = weights_of(4, rng)
    config = {
        "activation": "tanh",
        "recurrent_activation": "hard_sigmoid",
        "go_backwards": True,
        "stateful": True,
    }
    layer = live("LSTM", weights, version=version, **config)
    assert layer.recurrent_activation == gate and layer.go_backwards and layer.stateful
    assert_same_bits(to_keras(layer)[1], weights[1])
    inner = {"class_name": "LSTM", "config": config | {"go_backwards": False}}
    both = live("Bidirectional", weights * 2, version=version, merge_mode="concat", layer=inner)
    assert both.forward_lstm.recurrent_activation == gate and both.forward_lstm.stateful
    gru = live("GRU", weights_of(3, rng), activation="tanh", recurrent_activation="sigmoid")
    assert gru.recurrent_activation == "sigmoid" and not gru.go_backwards
    assert type(live("SimpleRNN", weights_of(1, rng), activation="tanh")) is TimeRNN
    assert type(live("Embedding", [weights[0]])) is TimeEmbedding
    assert type(live("Dense", [weights[0], weights[2]], activation="linear")) is Affine


TANH = {"activation": "tanh", "recurrent_activation": "sigmoid"}


def test_a_list_of_layers_becomes_a_stack(monkeypatch, rng):
    below, above = weights_of(4, rng), [rng.standard_normal(s) for s in ((H, 6), (2, 6), (2, 6))]
    more = TANH | {"return_sequences": True, "zero_output_for_mask": True}
    _, first = keras_layer("LSTM", below, **more)
    _, second = keras_layer("GRU", above, **TANH, reset_after=True)
    stack = from_keras([first, second], dtype=np.float64)
    assert type(stack) is TimeStack and [type(one) for one in stack.layers] == [TimeLSTM, TimeGRU]
    assert stack.layers[0].zero_output_for_mask and not stack.layers[1].zero_output_for_mask
    for mine, theirs in zip(to_keras(stack), below + above, strict=True):
        assert_same_bits(mine, theirs)
    _, first = keras_layer("LSTM", below, **TANH, return_sequences=False)
    _, dense = keras_layer("Dense", [above[0]])
    for layers, words in (
        ([first, second], r"layer\[0\]: expected return_sequences=True below another layer"),
        ([second, dense], r"layer\[1\]: expected recurrent layers, got Dense"),
        ([], "layer: expected a list of recurrent layers, got an empty one"),
    ):
        with pytest.raises(ValueError, match=words):
            from_keras(layers)
    with pytest.raises(TypeError, match="layer: expected a Keras layer or a name, .* got int"):
        from_keras([3])
    with pytest.raises(ValueError, match="stateful: expected False for a list of layers"):
        from_keras([second], stateful=True)


REFUSED = [
    ("GRU", weights_of(3, RNG), TANH | {"reset_after": True}, "reset_after: expected False, as we"),
    ("LSTM", weights_of(4, RNG), TANH | {"activation": "relu"}, "activation='tanh', got 're"),
    ("LSTM", weights_of(4, RNG), TANH | {"recurrent_activation": "relu"}, "recurrent_act"),
    ("Dense", [np.ones((2, 2))], {"activation": "softmax"}, "put the activation behind it"),
    ("LSTM", [], TANH, "not built yet; call it on an input first"),
    (
        "Bidirectional",
        weights_of(4, RNG) * 2,
        {"merge_mode": "sum", "layer": {"class_name": "LSTM", "config": TANH}},
        "merge_mode='concat', got 'sum'",
    ),
    ("Embedding", [np.ones((2, 2))], {"mask_zero": True}, "mask_zero=False, .* mask=ids != 0"),
    ("LSTM", weights_of(4, RNG), TANH | {"time_major": True}, "time_major=False, got True"),
    (
        "Bidirectional",
        weights_of(4, RNG) * 2,
        {"layer": {"class_name": "LSTM", "config": TANH | {"go_backwards": True}}},
        "first half reads forwards, and .* got one with go_backwards=True",
    ),
    (
        "Bidirectional",
        weights_of(4, RNG) * 2,
        {
            "layer": {"class_name": "LSTM", "config": TANH},
            "backward_layer": {"class_name": "LSTM", "config": TANH},
        },
        "and the second backwards, got one with go_backwards=False",
    ),
    (
        "Bidirectional",
        weights_of(3, RNG) * 2,
        {"merge_mode": "concat", "layer": {"class_name": "ConvLSTM1D", "config": TANH}},
        "Bidirectional of recurrent layers, got one of ConvLSTM1D",
    ),
    (
        "RNN",
        weights_of(4, RNG),
        {"cell": {"class_name": "MyCell", "config": {}}},
        "RNN of SimpleRNNCell, LSTMCell or GRUCell, got MyCell",
    ),
]


@pytest.mark.parametrize(("kind", "weights", "config", "words"), REFUSED)
def test_layers_without_a_counterpart_are_refused(live, kind, weights, config, words):
    with pytest.raises(ValueError, match=words):
        live(kind, weights, **config)


@pytest.mark.parametrize(
    ("kind", "config", "given", "words"),
    [
        ("LSTM", TANH, {"stateful": True}, "stateful: expected False, the setting of the Keras"),
        ("LSTM", TANH, {"go_backwards": True}, "go_backwards: expected False, the setting of"),
        (
            "LSTM",
            TANH,
            {"recurrent_activation": "hard_sigmoid_keras2"},
            "recurrent_activation: expected 'sigmoid', the setting",
        ),
        ("Dense", {}, {"stateful": True}, "stateful: expected False for a Dense, which has no"),
        ("Embedding", {}, {"go_backwards": True}, "go_backwards: expected False for a Embedding"),
    ],
)
def test_arguments_that_contradict_a_keras_layer_are_refused(kind, config, given, words, rng):
    _, layer = keras_layer(kind, weights_of(4, rng), **config)
    with pytest.raises(ValueError, match=words):
        from_keras(layer, **given)


def test_arguments_that_agree_with_a_keras_layer_are_taken(rng):
    _, layer = keras_layer("LSTM", weights_of(4, rng), **TANH, stateful=True)
    assert from_keras(layer, stateful=True).stateful


def test_output_beyond_lengths_is_that_of_zero_output_for_mask(live, rng):
    for kind, n in (("LSTM", 4), ("GRU", 3), ("SimpleRNN", 1)):
        layer = live(kind, weights_of(n, rng), **TANH, zero_output_for_mask=True)
        hs = layer.forward(rng.standard_normal((2, T, D)), lengths=[2, T])
        assert not hs[0, 2:].any() and hs[1].all()
        np.testing.assert_allclose(layer.h, hs[[0, 1], [1, T - 1]], rtol=1e-6)


FINE = weights_of(4, RNG)
CASES = [
    (lambda: from_keras("Conv1D", FINE), ValueError, "layer: expected 'SimpleRNN' or 'LSTM'"),
    (lambda: from_keras(3, FINE), TypeError, "layer: expected a Keras layer or a name, .* got int"),
    (lambda: from_keras("LSTM"), TypeError, "weights: expected a list of arrays, got None"),
    (lambda: from_keras("LSTM", 3), TypeError, "weights: expected a list of arrays, got int"),
    (lambda: from_keras("LSTM", FINE[:1]), ValueError, r"expected 3 arrays \(kernel, recurrent_k"),
    (lambda: from_keras("LSTM", ["a", *FINE[1:]]), TypeError, r"weights\[0\]: expected real numb"),
    (lambda: from_keras("GRU", FINE), ValueError, r"recurrent_kernel: .*\(5, 15\) .*that of GRU"),
    (lambda: from_keras("SimpleRNN", FINE), ValueError, r"recurrent_kernel: expected .*\(5, 5\)"),
    (lambda: from_keras("LSTM", FINE[::-1]), ValueError, "expected kernel with 2 axes, got shape"),
    (
        lambda: from_keras("LSTM", [FINE[0][:, :-1], *FINE[1:]]),
        ValueError,
        r"weights: kernel: expected shape \(3, 20\) .*got \(3, 19\)",
    ),
    (
        lambda: from_keras("LSTM", [*FINE[:2], np.ones(41)]),
        ValueError,
        r"weights: bias: expected shape \(20,\)",
    ),
    (
        lambda: from_keras(
            "GRU", [*weights_of(3, RNG, False), np.ones((2, 15))], reset_after=False
        ),
        ValueError,
        r"reset_after: expected True, as weights have a bias of shape \(2, 15\), got False",
    ),
    (
        lambda: from_keras("GRU", weights_of(3, RNG), reset_after=True),
        ValueError,
        r"reset_after: expected False, as weights have a bias of shape \(15,\), got True",
    ),
    (
        lambda: from_keras("LSTM", FINE, recurrent_activation="hard_sigmoid"),
        ValueError,
        "expected 'sigmoid' or 'hard_sigmoid_keras2' or 'hard_sigmoid_keras3', got 'hard_sigmoid'",
    ),
    (lambda: from_keras("Bidirectional", FINE), ValueError, "weights: expected 6 arrays, or 4"),
    (
        lambda: from_keras("Bidirectional", weights_of(2, RNG) * 2),
        ValueError,
        r"\(H, 4 \* H\) of LSTM as the second array of each half, got \(5, 10\)",
    ),
    (
        lambda: from_keras("Bidirectional", FINE * 2, go_backwards=True),
        ValueError,
        "go_backwards: expected False for a Bidirectional",
    ),
    (
        lambda: from_keras("Dense", FINE[::2], dtype=np.float64),
        ValueError,
        "dtype: expected None for a Dense, which has no such setting",
    ),
    (
        lambda: from_keras("SimpleRNN", FINE, recurrent_activation="hard_sigmoid_keras3"),
        ValueError,
        "recurrent_activation: expected 'sigmoid' for a SimpleRNN",
    ),
    (
        lambda: from_keras("LSTM", FINE, reset_after=True),
        ValueError,
        "reset_after: expected None for a LSTM",
    ),
    (lambda: from_keras("Embedding", FINE), ValueError, r"expected 1 arrays \(embeddings\), got 3"),
    (lambda: from_keras("Dense", FINE[2:]), ValueError, "expected kernel with 2 axes"),
    (lambda: from_keras("LSTM", FINE, dtype=int), TypeError, "dtype: expected None"),
    (lambda: to_keras(Sigmoid()), TypeError, "layer: expected a layer that Keras has too, got Sig"),
    (lambda: to_keras(None), TypeError, "layer: expected a layer that Keras has too, got NoneType"),
]


@pytest.mark.parametrize(("call", "error", "words"), CASES)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


# Summary ----------------------------------------------------------------------------------------


def summarised(model):
    stream = io.StringIO()
    summary(model, file=stream)
    return stream.getvalue().splitlines()


def test_the_summary_names_nested_layers_and_counts_shared_ones_once(rng):
    W, b = np.zeros((20, 8), "f"), np.zeros(20, "f")

    class Encoder:
        def __init__(self):
            self.embed = TimeEmbedding(W)
            self.lstm = from_keras("LSTM", [np.zeros((8, 32)), np.zeros((8, 32)), np.zeros(32)])
            self.params = self.embed.params + self.lstm.params

        def forward(self, xs):
            return self.lstm.forward(self.embed.forward(xs))

    class Model:
        def __init__(self):
            self.encoder = Encoder()
            self.layers = [TimeEmbedding(W), Sigmoid(), time_layers.TimeAffine(W.T, b)]
            self.affine = self.layers[2]
            self.scale = np.zeros(3, "f")
            self.params = [*self.encoder.params, *self.layers[0].params, *self.affine.params]
            self.params.append(self.scale)

        def forward(self, xs):
            return self.affine.forward(self.encoder.forward(xs))

    assert summarised(Model()) == [
        "Model",
        "Layer (type)                     Output shape  Params",
        "-----------------------------------------------------",
        "encoder.embed (TimeEmbedding)    (N, T, 8)        160",
        "encoder.lstm (TimeLSTM)          (N, T, 8)        544",
        "layers[0] (TimeEmbedding)        (N, T, 8)     shared",
        "affine (TimeAffine)              (N, T, 20)        20",
        "of the model itself                                 3",
        "-----------------------------------------------------",
        "Total                                             727",
    ]
    assert count_params(Model()) == 727


def test_the_summary_takes_any_model_or_layer(rng):
    corpus = np.arange(30) % 10
    lines = summarised(models.CBOW(10, 4, 2, corpus))
    assert [line.split()[-1] for line in lines[3:8]] == ["40", "shared", "shared", "shared", "40"]
    assert summarised(models.NCESkipGram(100, 8, 4))[-1].split() == ["Total", "1,700"]
    assert summarised(models.SkipGram(10, 4, 1, corpus))[-1].split() == ["Total", "80"]
    for layer, shape in (
        (from_keras("Bidirectional", FINE * 2), "(N, T, 10)"),
        (time_layers.LSTM(*from_keras("LSTM", FINE).params), "(N, 5)"),
        (EmbeddingDot(np.ones((3, 2), "f")), "(N,)"),
        (MatMul(np.ones((3, 2))), "(N, 2)"),
    ):
        line = summarised(layer)[3]
        assert line.startswith(type(layer).__name__) and shape in line
        assert int(line.split()[-1].replace(",", "")) == sum(p.size for p in layer.params)


def test_summary_prints_to_stdout(capsys):
    summary(Affine(np.ones((20, 1)), np.zeros(1)))
    assert capsys.readouterr().out.splitlines()[-1].split() == ["Total", "21"]
