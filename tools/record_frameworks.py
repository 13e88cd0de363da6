"""Compare with torch and Keras, and record what they compute in tests/data/frameworks.npz.

    python tools/record_frameworks.py            compares and records
    python tools/record_frameworks.py --check    compares only

Needs torch, Keras 3, which runs on torch here, and safetensors. Every module and layer is
converted, runs forward and backward in float64, and is converted back. A case of the file holds
what went in (xs, dhs, first states h0, c0 and gradients dh, dc that arrive at the last ones, mask
or lengths) and what came out (hs, dxs, last states, dh0, dc0), weights w0, w1, ... and their
gradients g0, g1, ... in the framework's own layout and order; `names` are those of torch's state
dict, `config` is Keras's.
"""

import itertools
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import safetensors.numpy
import torch

from fastw2v import keras as our_keras
from fastw2v import torch as our_torch
from fastw2v.time_layers import TimeBidirectional, TimeStack

N, T, D, H = 3, 5, 4, 3
TARGET = Path(__file__).parents[1] / "tests" / "data" / "frameworks.npz"


def close(what, mine, theirs):
    # torch's derivative of the hard sigmoid is 1/6 rounded to float32.
    limit = 1e-6 if "hard" in what else 1e-9
    np.testing.assert_allclose(
        as_array(mine), as_array(theirs), rtol=limit, atol=limit, err_msg=what
    )


def as_array(x):
    return x.detach().cpu().numpy() if hasattr(x, "detach") else np.asarray(x)


def parts_of(layer):
    """Return the layers over time that a layer consists of, in torch's order."""
    if isinstance(layer, TimeStack):
        return [part for one in layer.layers for part in parts_of(one)]
    if isinstance(layer, TimeBidirectional):
        return [layer.forward_layer, layer.backward_layer]
    return [layer]


def gradients(layer, convert):
    """Return the gradients of a layer in the layout to which `convert` brings its weights."""
    parts = parts_of(layer)
    kept = [part.params for part in parts]
    for part in parts:
        part.params = part.grads
    try:
        return convert(layer)
    finally:
        for part, params in zip(parts, kept, strict=True):
            part.params = params


# torch -------------------------------------------------------------------------------------------

TORCH = {
    "rnn": ("RNN", {}, None),
    "lstm": ("LSTM", {}, None),
    "gru": ("GRU", {}, None),
    "rnn_3_layers": ("RNN", {"num_layers": 3}, None),
    "lstm_2_layers_both_ways": ("LSTM", {"num_layers": 2, "bidirectional": True}, [5, 3, 1]),
    "gru_2_layers_both_ways": ("GRU", {"num_layers": 2, "bidirectional": True}, [5, 2, 2]),
    "gru_without_bias": ("GRU", {"bias": False}, [4, 4, 1]),
}


def draw(rng, *shape):
    return torch.tensor(rng.standard_normal(shape), requires_grad=True)


def torch_case(rng, kind, options, lengths):
    """Return the arrays of a module's passes."""
    module = getattr(torch.nn, kind)(D, H, **options).double()
    first = options.get("batch_first", False)
    xs = draw(rng, N, T, D)
    n = (2 if options.get("bidirectional") else 1) * options.get("num_layers", 1)
    starts = [draw(rng, n, N, H) for _ in range(2 if kind == "LSTM" else 1)]
    given = xs if first else xs.transpose(0, 1)
    if lengths is not None:
        pack = torch.nn.utils.rnn.pack_padded_sequence
        given = pack(given, torch.tensor(lengths), batch_first=first)
    hs, last = module(given, tuple(starts) if kind == "LSTM" else starts[0])
    if lengths is not None:
        hs, _ = torch.nn.utils.rnn.pad_packed_sequence(hs, batch_first=first, total_length=T)
    hs = hs if first else hs.transpose(0, 1)
    last = list(last) if kind == "LSTM" else [last]
    dhs, arriving = draw(rng, *hs.shape), [draw(rng, *h.shape) for h in last]
    loss = (hs * dhs).sum() + sum((h * d).sum() for h, d in zip(last, arriving, strict=True))
    state = dict(module.named_parameters())
    found = torch.autograd.grad(loss, [xs, *starts, *state.values()])
    case = {"xs": xs, "hs": hs, "dhs": dhs, "dxs": found[0], "names": list(state)}
    for key, start, end, d, d0 in zip("hc", starts, last, arriving, found[1:], strict=False):
        case |= {f"{key}0": start, key: end, f"d{key}": d, f"d{key}0": d0}
    for k, (W, g) in enumerate(zip(state.values(), found[1 + len(starts) :], strict=True)):
        case |= {f"w{k}": W, f"g{k}": g}
    if lengths is not None:
        case["lengths"] = lengths
    return module, {key: as_array(value) for key, value in case.items()}


def check_torch(name, module, case):
    layer = our_torch.from_torch(module, stateful=True, dtype=np.float64)
    states = [our_torch.states_from_torch(layer, case[key]) for key in ("h0", "c0") if key in case]
    layer.set_state(*states)
    hs = layer.forward(case["xs"], lengths=case.get("lengths"))
    arriving = {
        key: our_torch.states_from_torch(layer, case[key]) for key in ("dh", "dc") if key in case
    }
    close(f"{name} hs", hs, case["hs"])
    close(f"{name} dxs", layer.backward(case["dhs"], **arriving), case["dxs"])
    for key in "hc" if "c" in case else "h":
        close(f"{name} {key}", our_torch.states_to_torch(getattr(layer, key)), case[key])
        found = our_torch.states_to_torch(getattr(layer, f"d{key}"))
        close(f"{name} d{key}0", found, case[f"d{key}0"])
    grads = gradients(layer, our_torch.to_state_dict)
    for k, key in enumerate(case["names"].tolist()):
        close(f"{name} gradient of {key}", grads[key], case[f"g{k}"])
    # Back to torch, through a file too.
    twin = our_torch.to_torch(layer)
    for key, W in module.state_dict().items():
        assert torch.equal(twin.state_dict()[key], W), f"{name}: {key}"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.safetensors")
        safetensors.numpy.save_file(our_torch.to_state_dict(layer, prefix="a."), path)
        again = our_torch.from_torch(
            type(module).__name__, safetensors.numpy.load_file(path), prefix="a.", dtype=np.float64
        )
    close(f"{name} from a file", again.forward(case["xs"]), twin(torch.tensor(case["xs"]))[0])


def check_others(rng):
    xs = rng.standard_normal((N, T, D))
    for kind in ("RNN", "LSTM", "GRU"):
        for bias in (True, False):
            cell = getattr(torch.nn, f"{kind}Cell")(D, H, bias=bias).double()
            x, h, c, d = (draw(rng, N, width) for width in (D, H, H, H))
            out = cell(x, (h, c) if kind == "LSTM" else h)
            first = out[0] if kind == "LSTM" else out
            ours = our_torch.from_torch(cell)
            states = [as_array(h), as_array(c)][: 2 if kind == "LSTM" else 1]
            mine = ours.forward(as_array(x), *states)
            close(f"{kind}Cell", mine[0] if kind == "LSTM" else mine, first)
            grads = torch.autograd.grad((first * d).sum(), [x, h, *cell.parameters()])
            zeros = [np.zeros((N, H))] if kind == "LSTM" else []
            dx, dh, *_ = ours.backward(as_array(d), *zeros)
            close(f"{kind}Cell dx", dx, grads[0])
            close(f"{kind}Cell dh", dh, grads[1])
            ours.params, params = ours.grads, ours.params
            found = our_torch.to_state_dict(ours)
            ours.params = params
            for (key, _), grad in zip(cell.named_parameters(), grads[2:], strict=True):
                close(f"{kind}Cell gradient of {key}", found[key], grad)
            close(f"{kind}Cell back", our_torch.to_torch(ours).weight_hh, cell.weight_hh)
    for bias in (True, False):
        linear = torch.nn.Linear(D, H, bias=bias).double()
        layer = our_torch.from_torch(linear)
        close("Linear", layer.forward(xs), linear(torch.tensor(xs)))
        close("Linear back", our_torch.to_torch(layer)(torch.tensor(xs)), linear(torch.tensor(xs)))
    embedding = torch.nn.Embedding(9, D).double()
    ids = rng.integers(0, 9, (N, T))
    layer = our_torch.from_torch(embedding, dtype=np.float64)
    close("Embedding", layer.forward(ids), embedding(torch.tensor(ids)))
    close("Embedding back", our_torch.to_torch(layer).weight, embedding.weight)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        linear = torch.nn.Linear(D, H, dtype=dtype)
        layer = our_torch.from_torch(linear)
        assert layer.params[0].dtype == np.float32
        np.testing.assert_array_equal(layer.params[0].T, linear.weight.detach().float().numpy())


# Keras -------------------------------------------------------------------------------------------

HARD = {"recurrent_activation": "hard_sigmoid"}
KERAS = {
    "simple_rnn": lambda **o: keras.layers.SimpleRNN(H, **o),
    "lstm": lambda **o: keras.layers.LSTM(H, **o),
    "lstm_hard_backwards": lambda **o: keras.layers.LSTM(H, go_backwards=True, **HARD, **o),
    "gru": lambda **o: keras.layers.GRU(H, **o),
    "gru_hard_zero": lambda **o: keras.layers.GRU(H, zero_output_for_mask=True, **HARD, **o),
    "gru_backwards": lambda **o: keras.layers.GRU(H, go_backwards=True, **o),
    "gru_reset_before": lambda **o: keras.layers.GRU(H, reset_after=False, **o),
    "gru_without_bias": lambda **o: keras.layers.GRU(H, use_bias=False, **o),
    "both_ways_lstm": lambda **o: keras.layers.Bidirectional(keras.layers.LSTM(H, **o)),
    "both_ways_gru": lambda **o: keras.layers.Bidirectional(keras.layers.GRU(H, **o)),
    "both_ways_rnn": lambda **o: keras.layers.Bidirectional(keras.layers.SimpleRNN(H, **o)),
    "both_ways_mixed": lambda **o: keras.layers.Bidirectional(
        keras.layers.LSTM(H, **o),
        backward_layer=keras.layers.GRU(2, go_backwards=True, use_bias=False, **o),
    ),
    "rnn_of_a_cell": lambda **o: keras.layers.RNN(keras.layers.LSTMCell(H), **o),
    "rnn_of_cells": lambda **o: keras.layers.RNN(
        [keras.layers.GRUCell(4), keras.layers.LSTMCell(2), keras.layers.SimpleRNNCell(H)], **o
    ),
}
MASKS = {
    "none": None,
    "right": [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]],
    "left": [[0, 0, 1, 1, 1], [0, 0, 0, 0, 1], [1, 1, 1, 1, 1]],
    "middle": [[1, 0, 0, 1, 1], [0, 1, 0, 1, 0], [1, 1, 0, 0, 1]],
}


def keras_case(rng, make, mask):
    """Return a layer, and the arrays of its passes."""
    layer = make(return_sequences=True, return_state=True)
    layer.build((N, T, D))
    weights = [rng.standard_normal(w.shape) for w in layer.get_weights()]
    layer.set_weights(weights)
    xs = draw(rng, N, T, D)
    hidden = None if mask is None else torch.tensor(np.array(mask, bool))
    hs, *last = layer(xs, mask=hidden)
    last = [part for state in last for part in (state if isinstance(state, list) else [state])]
    dhs, arriving = draw(rng, *hs.shape), [draw(rng, *state.shape) for state in last]
    loss = (hs * dhs).sum() + sum((s * d).sum() for s, d in zip(last, arriving, strict=True))
    variables = [w.value for w in layer.trainable_weights]
    found = torch.autograd.grad(loss, [xs, *variables])
    case = {"xs": xs, "hs": hs, "dhs": dhs, "dxs": found[0]}
    case |= {f"s{k}": state for k, state in enumerate(last)}
    case |= {f"ds{k}": d for k, d in enumerate(arriving)}
    for k, (W, g) in enumerate(zip(weights, found[1:], strict=True)):
        case |= {f"w{k}": W, f"g{k}": g}
    if mask is not None:
        case["mask"] = np.array(mask)
    case = {key: as_array(value) for key, value in case.items()}
    case["kind"] = np.array(type(layer).__name__)
    case["config"] = np.array(json.dumps(layer.get_config(), default=str))
    return layer, case


def nested_states(layer, states):
    """Return h and c, of the form of the layer's, from Keras's list of states; `states` shrinks."""
    if isinstance(layer, TimeStack):
        pairs = [nested_states(one, states) for one in layer.layers]
        return [h for h, _ in pairs], [c for _, c in pairs]
    if isinstance(layer, TimeBidirectional):
        first, second = (nested_states(one, states) for one in parts_of(layer))
        return (first[0], second[0]), (first[1], second[1])
    return states.pop(0), states.pop(0) if hasattr(layer, "c") else None


def check_keras(name, theirs, make, case):
    layer = our_keras.from_keras(theirs, dtype=np.float64)
    close(f"{name} hs", layer.forward(case["xs"], mask=case.get("mask")), case["hs"])
    count = sum(key.startswith("s") for key in case)
    flat = [state for part in parts_of(layer) for state in own_states(part)]
    for k, state in enumerate(flat):
        close(f"{name} state {k}", state, case[f"s{k}"])
    assert count == len(flat)
    dh, dc = nested_states(layer, [case[f"ds{k}"] for k in range(count)])
    arriving = {"dh": dh} if all(c is None for c in np.ravel(np.array(dc, object))) else {
        "dh": dh, "dc": dc
    }  # fmt: skip
    close(f"{name} dxs", layer.backward(case["dhs"], **arriving), case["dxs"])
    biased = sum(key.startswith("w") for key in case)
    back, grads = our_keras.to_keras(layer), gradients(layer, our_keras.to_keras)
    if biased == len(back):
        for k, (W, g) in enumerate(zip(back, grads, strict=True)):
            np.testing.assert_array_equal(W, case[f"w{k}"])
            close(f"{name} gradient {k}", g, case[f"g{k}"])
        twin = make(return_sequences=True)
        twin.build((N, T, D))
        twin.set_weights(back)
        mask = None if "mask" not in case else torch.tensor(case["mask"] == 1)
        close(f"{name} back", case["hs"], twin(torch.tensor(case["xs"]), mask=mask))


def own_states(layer):
    return [getattr(layer, key) for key in ("h", "c") if hasattr(layer, key)]


def check_sequential(rng):
    model = keras.Sequential(
        [
            keras.layers.Bidirectional(keras.layers.GRU(H, return_sequences=True)),
            keras.layers.LSTM(2, return_sequences=True),
        ]
    )
    xs = rng.standard_normal((N, T, D))
    expected = model(torch.tensor(xs))
    for given in (model, model.layers):
        layer = our_keras.from_keras(given, dtype=np.float64)
        close("Sequential", layer.forward(xs), expected)
    model.set_weights([2 * W for W in our_keras.to_keras(layer)])
    close(
        "Sequential back",
        our_keras.from_keras(model, dtype=np.float64).forward(xs),
        model(torch.tensor(xs)),
    )


def main():
    torch.manual_seed(3)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    keras.src.backend.numpy.matmul = torch.matmul  # Keras's own rounds float64 to float32
    rng = np.random.default_rng(3)
    arrays, count = {}, 0
    grid = itertools.product(
        ("RNN", "LSTM", "GRU"), (1, 2, 3), (False, True), (True, False), (True, False),
        (None, [5, 3, 1]),
    )  # fmt: skip
    for kind, layers, both, bias, first, lengths in grid:
        options = {"num_layers": layers, "bidirectional": both, "bias": bias, "batch_first": first}
        check_torch(f"{kind} {options}", *torch_case(rng, kind, options, lengths))
        count += 1
    check_others(rng)
    for name, (kind, options, lengths) in TORCH.items():
        module, case = torch_case(rng, kind, options, lengths)
        check_torch(name, module, case)
        arrays |= {f"frameworks/torch/{name}/{key}": value for key, value in case.items()}
    check_sequential(rng)
    for (name, make), (which, mask) in itertools.product(KERAS.items(), MASKS.items()):
        theirs, case = keras_case(rng, make, mask)
        check_keras(f"{name} {which}", theirs, make, case)
        count += 1
        if which == "middle" or (which == "left" and name in ("gru", "both_ways_gru")):
            case = {f"frameworks/keras/{name}_{which}/{key}": x for key, x in case.items()}
            arrays |= case
    print(f"torch {torch.__version__}, Keras {keras.__version__}: {count} comparisons agree")
    if "--check" not in sys.argv:
        np.savez_compressed(TARGET, **arrays)
        print(f"{len(arrays)} arrays in {TARGET}, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
