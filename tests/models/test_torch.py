"""torch's layout without torch: state dicts of arrays, stand-ins for modules, what is refused."""

import subprocess
import sys
import types

import numpy as np
import pytest
from conftest import assert_same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

from fastw2v import time_layers
from fastw2v.layers import Affine, Embedding, MatMul, Sigmoid
from fastw2v.time_layers import (
    TimeAffine,
    TimeBidirectional,
    TimeBiLSTM,
    TimeEmbedding,
    TimeGRU,
    TimeLSTM,
    TimeRNN,
    TimeStack,
)
from fastw2v.torch import (
    from_torch,
    states_from_torch,
    states_to_torch,
    to_state_dict,
    to_torch,
)

N, T, D, H = 3, 4, 5, 2
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
RNG = np.random.default_rng(0)


def state_of(kind, layers=1, both=False, bias=True, D=D, H=H, dtype=np.float32, prefix=""):
    """Return the state dict of a recurrent module, in torch's order."""
    rng, rows, state = np.random.default_rng(1), GATES[kind] * H, {}
    for k in range(layers):
        for end in ("", "_reverse") if both else ("",):
            width = D if k == 0 else H * (2 if both else 1)
            shapes = {"weight_ih": (rows, width), "weight_hh": (rows, H)}
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
            for name, shape in shapes.items():
                state[f"{prefix}{name}_l{k}{end}"] = rng.standard_normal(shape).astype(dtype)
    return state


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(list(GATES)),
    layers=st.integers(1, 12),
    both=st.booleans(),
    bias=st.booleans(),
    D=st.integers(1, 5),
    H=st.integers(1, 4),
    dtype=st.sampled_from([np.float32, np.float64]),
    prefix=st.sampled_from(["", "a.", "weight_ih_l0."]),
)
def test_any_state_dict_comes_back(kind, layers, both, bias, D, H, dtype, prefix):
    state = state_of(kind, layers, both, bias, D, H, dtype, prefix)
    others = {"z.weight": np.ones(3)} if prefix else {}
    layer = from_torch(kind, state | others, prefix=prefix)
    back = to_state_dict(layer, prefix=prefix)
    for name, array in back.items():
        assert array.flags.c_contiguous
        if name in state:
            assert_same_bits(array, state[name])
        else:
            assert not bias and "bias" in name and not array.any()
    assert list(back)[:1] == list(state)[:1] and state.keys() <= back.keys()
    expected = {"RNN": TimeRNN, "LSTM": TimeLSTM, "GRU": TimeGRU}[kind]
    if both:
        expected = TimeBiLSTM if kind == "LSTM" else TimeBidirectional
    assert type(layer) is (TimeStack if layers > 1 else expected)
    assert layer.forward(np.ones((1, 2, D))).shape == (1, 2, H * (2 if both else 1))


@pytest.mark.parametrize("kind", GATES)
def test_cells_follow_the_equations_of_torch(kind):
    rng, rows = np.random.default_rng(2), GATES[kind] * H
    state = {
        "weight_ih": rng.standard_normal((rows, D)),
        "weight_hh": rng.standard_normal((rows, H)),
    }
    state |= {"bias_ih": rng.standard_normal(rows), "bias_hh": rng.standard_normal(rows)}
    x, h, c = (rng.standard_normal((N, width)) for width in (D, H, H))
    gi, gh = (
        x @ state["weight_ih"].T + state["bias_ih"],
        h @ state["weight_hh"].T + state["bias_hh"],
    )
    sigmoid = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    cell = from_torch(f"{kind}Cell", state)
    if kind == "RNN":
        np.testing.assert_allclose(cell.forward(x, h), np.tanh(gi + gh), rtol=1e-12)
    elif kind == "LSTM":
        i, f, g, o = np.split(gi + gh, 4, axis=1)
        new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        expected = sigmoid(o) * np.tanh(new), new
        for mine, theirs in zip(cell.forward(x, h, c), expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    else:
        (ri, zi, ni), (rh, zh, nh) = np.split(gi, 3, axis=1), np.split(gh, 3, axis=1)
        r, z = sigmoid(ri + rh), sigmoid(zi + zh)
        expected = (1 - z) * np.tanh(ni + r * nh) + z * h
        np.testing.assert_allclose(cell.forward(x, h), expected, rtol=1e-12)
    for name, array in to_state_dict(cell).items():
        assert_same_bits(array, state[name])


def test_tables_and_dense_layers():
    W, b = RNG.standard_normal((7, 3), "f"), RNG.standard_normal(7, "f")
    for state, cls in (({"weight": W, "bias": b}, Affine), ({"weight": W}, MatMul)):
        layer = from_torch("Linear", state)
        assert type(layer) is cls
        assert_same_bits(layer.params[0], W.T.copy())
        for name, array in to_state_dict(layer).items():
            assert_same_bits(array, state[name])
    embedding = from_torch("Embedding", {"weight": W})
    assert type(embedding) is TimeEmbedding
    for layer in (embedding, Embedding(W)):
        assert_same_bits(to_state_dict(layer)["weight"], W)
    state = to_state_dict(TimeAffine(W, np.zeros((1, 3), "f")))
    assert {name: array.shape for name, array in state.items()} == {"weight": (3, 7), "bias": (3,)}


@pytest.mark.parametrize("kind", GATES)
def test_weights_are_copied_both_ways(kind):
    state = state_of(kind)
    before = {name: array.copy() for name, array in state.items()}
    layer = from_torch(kind, state)
    for W in layer.params:
        W[...] = 7
    for array in to_state_dict(layer).values():
        array[...] = 8
    assert all((W == 7).all() for W in layer.params)
    for name, array in state.items():
        assert_same_bits(array, before[name])


def test_a_single_bias_becomes_the_first_of_torchs_two():
    weights = [RNG.standard_normal(shape) for shape in ((D, 8), (H, 8), (8,))]
    state = to_state_dict(TimeLSTM(*weights))
    f, g, i, o = np.split(weights[2], 4)
    np.testing.assert_array_equal(state["bias_ih_l0"], np.concatenate([i, f, g, o]))
    assert not state["bias_hh_l0"].any()


def test_narrow_floats_become_float32_and_float64_stays():
    for narrow, kept in (("f2", "f4"), ("f4", "f4"), ("f8", "f8")):
        state = {name: array.astype(narrow) for name, array in state_of("GRU").items()}
        assert {W.dtype.str[1:] for W in from_torch("GRU", state).params} == {kept}


def test_states_have_torchs_order():
    layer = from_torch("LSTM", state_of("LSTM", 2, True), stateful=True)
    h, c = RNG.standard_normal((2, 4, N, H), "f")
    layer.set_state(states_from_torch(layer, h), states_from_torch(layer, c))
    assert_same_bits(layer.layers[1].forward_lstm.h, h[2])
    assert_same_bits(layer.layers[0].backward_lstm.c, c[1])
    assert_same_bits(states_to_torch(layer.h), h)
    assert_same_bits(states_to_torch(layer.c), c)


def test_nothing_needs_torch_but_modules():
    code = """if True:
        import sys
        sys.modules["torch"] = None
        import numpy as np
        from fastw2v.layers import Affine
        from fastw2v.torch import from_torch, to_state_dict, to_torch
        layer = from_torch("Linear", {"weight": np.ones((2, 3))})
        assert to_state_dict(layer)["weight"].shape == (2, 3)
        try:
            to_torch(layer)
        except ImportError as error:
            assert "to_torch needs torch, which is not installed; install it, or call" in str(error)
        else:
            raise AssertionError
        try:
            from_torch(layer)
        except TypeError as error:
            assert "layer: expected a module of torch.nn or a name" in str(error)
        else:
            raise AssertionError
    """
    subprocess.run([sys.executable, "-c", code], check=True)


# Stand-ins for modules ----------------------------------------------------------------------------


@pytest.fixture
def module(monkeypatch):
    """Make stand-ins for modules of torch.nn."""
    names = ("Embedding", "Linear", *GATES, *(f"{kind}Cell" for kind in GATES))
    nn = types.SimpleNamespace(**{name: type(name, (), {}) for name in names})
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(nn=nn))

    def make(kind, state, **attributes):
        thing = getattr(nn, kind)()
        vars(thing).update({"num_layers": 1, "dropout": 0.0, **attributes})
        thing.state_dict = lambda: state
        return thing

    return make


def test_a_module_is_read(module):
    layer = from_torch(module("GRU", state_of("GRU"), dropout=0.5), stateful=True)
    assert type(layer) is TimeGRU and layer.reset_after and layer.stateful
    assert type(from_torch(module("Embedding", {"weight": np.ones((3, 2))}))) is TimeEmbedding
    assert type(from_torch(module("LSTMCell", cell_state("LSTM")))) is time_layers.LSTM


def cell_state(kind):
    return {name.removesuffix("_l0"): array for name, array in state_of(kind).items()}


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("LSTM", {"proj_size": 3}, "LSTM with proj_size=0, got 3; h has as many units as c here"),
        ("RNN", {"nonlinearity": "relu"}, "RNN with nonlinearity='tanh', got 'relu'; our cells"),
        ("RNNCell", {"nonlinearity": "relu"}, "RNNCell with nonlinearity='tanh', got 'relu'"),
        (
            "GRU",
            {"num_layers": 2, "dropout": 0.5},
            "GRU with dropout=0, got 0.5 between its layers; set module.dropout = 0",
        ),
        ("Embedding", {"padding_idx": 0}, "padding_idx=None, got 0; .* mask=ids != padding_idx"),
        ("Embedding", {"max_norm": 1.0}, "max_norm=None, got 1.0; rows are not renormalised"),
        ("Embedding", {"scale_grad_by_freq": True}, "scale_grad_by_freq=False, got True"),
    ],
)
def test_settings_without_a_counterpart_are_refused(module, kind, settings, words):
    with pytest.raises(ValueError, match=words):
        from_torch(module(kind, {}, **settings))


def test_other_modules_are_refused(module):
    class Own(type(module("LSTM", {}))):
        pass

    for thing in (Own(), Sigmoid(), 3):
        with pytest.raises(TypeError, match="layer: expected a module of torch.nn or a name, one"):
            from_torch(thing)
    for options, words in (
        ({"weights": {}}, "weights: expected nothing beside a module"),
        ({"prefix": "a."}, "prefix: expected nothing beside a module"),
    ):
        with pytest.raises(ValueError, match=words):
            from_torch(module("LSTM", state_of("LSTM")), **options)


def without(state, name):
    return {key: array for key, array in state.items() if key != name}


FINE = state_of("LSTM")
HARD = {"recurrent_activation": "hard_sigmoid_keras3"}


def layer_of(cls, D=D, H=H, biases=(), **options):
    n = {TimeRNN: 1, TimeLSTM: 4, TimeGRU: 3}[cls] * H
    return cls(np.ones((D, n)), np.ones((H, n)), np.ones((*biases, n)), **options)


BAD = [
    (lambda: from_torch("Conv1d", FINE), ValueError, "layer: expected 'Embedding' or 'Linear' or"),
    (lambda: from_torch("LSTM"), TypeError, "weights: expected a state dict, got NoneType; pass m"),
    (lambda: from_torch("LSTM", [1]), TypeError, "weights: expected a state dict, got list"),
    (
        lambda: from_torch("LSTM", FINE, prefix="b."),
        ValueError,
        "prefix: expected the beginning of names of weights, got 'b.'; the first names are weight",
    ),
    (lambda: from_torch("LSTM", {}), ValueError, "prefix: .*; the first names are none"),
    (
        lambda: from_torch("LSTM", without(FINE, "bias_hh_l0")),
        ValueError,
        "weights: expected .* of LSTM, got .*, where bias_hh_l0 is missing; pass the state_dict",
    ),
    (
        lambda: from_torch("LSTM", without(FINE, "weight_ih_l0")),
        ValueError,
        "where weight_ih_l0 is missing",
    ),
    (
        lambda: from_torch("LSTM", without(state_of("LSTM", 2, True), "weight_hh_l1_reverse")),
        ValueError,
        "where weight_hh_l1_reverse is missing",
    ),
    (
        lambda: from_torch("LSTM", FINE | {"weight_hr_l0": np.ones((1, 2))}),
        ValueError,
        "got weight_hr_l0 too; h has as many units as c here",
    ),
    (
        lambda: from_torch("LSTM", FINE | {"weight_ih_l2": np.ones((8, 2))}),
        ValueError,
        "weights: expected .* of LSTM, got weight_ih_l2 too; pass the state_dict",
    ),
    (
        lambda: from_torch("GRU", FINE),
        ValueError,
        r"weight_hh_l0: expected shape \(6, 2\) \(that of GRU with 2 units\), got \(8, 2\)",
    ),
    (
        lambda: from_torch("LSTM", FINE | {"weight_ih_l0": np.ones((7, D))}),
        ValueError,
        r"weight_ih_l0: expected shape \(8, 5\)",
    ),
    (
        lambda: from_torch("LSTM", state_of("LSTM", 2) | {"weight_ih_l1": np.ones((8, 3))}),
        ValueError,
        r"weight_ih_l1: expected shape \(8, 2\)",
    ),
    (
        lambda: from_torch("LSTM", FINE | {"bias_hh_l0": np.ones(7)}),
        ValueError,
        r"bias_hh_l0: expected shape \(8,\)",
    ),
    (
        lambda: from_torch("LSTM", FINE | {"weight_ih_l0": np.ones(8)}),
        ValueError,
        r"weight_ih_l0: expected 2 axes, got shape \(8,\)",
    ),
    (
        lambda: from_torch("LSTM", FINE | {"bias_hh_l0": np.full(8, "a")}),
        TypeError,
        "bias_hh_l0: expected real numbers",
    ),
    (
        lambda: from_torch("LSTMCell", without(cell_state("LSTM"), "bias_ih")),
        ValueError,
        "where bias_ih is missing",
    ),
    (
        lambda: from_torch("Linear", {"weight": np.ones((2, 3)), "bias": np.ones(3)}),
        ValueError,
        r"bias: expected shape \(2,\)",
    ),
    (lambda: from_torch("Embedding", FINE), ValueError, "expected weight of Embedding, got weight"),
    (
        lambda: from_torch("Linear", {"weight": np.ones((2, 3))}, stateful=True),
        ValueError,
        "stateful: expected False for Linear, which has no such setting here, got True",
    ),
    (
        lambda: from_torch("LSTMCell", cell_state("LSTM"), dtype=np.float64),
        ValueError,
        "dtype: expected None for LSTMCell",
    ),
    (lambda: from_torch("LSTM", FINE, dtype=int), TypeError, "dtype: expected None, np.float32"),
    (
        lambda: to_state_dict(layer_of(TimeGRU)),
        ValueError,
        "TimeGRU with reset_after=True, got False; no module of torch resets before the product",
    ),
    (
        lambda: to_state_dict(layer_of(TimeLSTM, **HARD)),
        ValueError,
        "recurrent_activation='sigmoid', got 'hard_sigmoid_keras3'",
    ),
    (
        lambda: to_state_dict(layer_of(TimeRNN, go_backwards=True)),
        ValueError,
        "go_backwards=False, got True; torch reads forwards",
    ),
    (
        lambda: to_state_dict(TimeStack([layer_of(TimeRNN), layer_of(TimeLSTM, D=H)])),
        ValueError,
        "layers of one kind, size and number of directions, RNN of 2 units, got LSTM of 2 too",
    ),
    (
        lambda: to_state_dict(TimeStack([layer_of(TimeRNN), layer_of(TimeRNN, D=H, H=3)])),
        ValueError,
        "RNN of 2 units, got RNN of 3 too; convert them one by one",
    ),
    (lambda: to_state_dict(Sigmoid()), TypeError, "layer: expected a layer that torch has too"),
    (lambda: to_torch(None), TypeError, "layer: expected a layer that torch has too, got NoneType"),
    (
        lambda: states_from_torch(layer_of(TimeRNN), np.ones((2, N, H))),
        ValueError,
        "states: expected 1, one per layer and direction, got 2",
    ),
    (
        lambda: states_from_torch(layer_of(TimeRNN), np.ones((N, H))),
        ValueError,
        r"states: expected 3 axes, got shape \(3, 2\)",
    ),
    (lambda: states_to_torch(None), ValueError, "states: expected arrays .* got None; call forw"),
]


@pytest.mark.parametrize(("call", "error", "words"), BAD)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
