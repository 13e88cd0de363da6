"""What torch and Keras computed, recorded by tools/record_frameworks.py: converted layers agree.

The numbers are those of torch 2.13 and Keras 3.15 in float64; neither is needed here.
"""

import doctest
import json

import numpy as np
import pytest
from conftest import assert_same_bits
from golden import cases, load
from places import ROOT

from fastw2v.keras import from_keras, to_keras
from fastw2v.time_layers import TimeBidirectional, TimeStack
from fastw2v.torch import from_torch, states_from_torch, states_to_torch, to_state_dict

CASES = [key.rsplit("/", 2) for key in cases("frameworks")]
TORCH = [case for _, framework, case in CASES if framework == "torch"]
KERAS = [case for _, framework, case in CASES if framework == "keras"]


def close(mine, theirs, what, limit=1e-9):
    np.testing.assert_allclose(mine, theirs, rtol=limit, atol=limit, err_msg=what)


def parts_of(layer):
    if isinstance(layer, TimeStack):
        return [part for one in layer.layers for part in parts_of(one)]
    if isinstance(layer, TimeBidirectional):
        return [layer.forward_layer, layer.backward_layer]
    return [layer]


def with_gradients(layer):
    """Put the gradients where the weights are; the layer then converts these."""
    for part in parts_of(layer):
        part.params = part.grads
    return layer


def test_every_kind_was_recorded():
    assert {name.split("_")[0] for name in TORCH} == {"rnn", "lstm", "gru"}
    assert any("both_ways" in name for name in TORCH) and any("without_bias" in n for n in TORCH)
    assert {"gru_middle", "gru_reset_before_middle", "rnn_of_cells_middle"} <= set(KERAS)


@pytest.mark.parametrize("name", TORCH)
def test_torch(name):
    case = load(f"frameworks/torch/{name}")
    kind, names = name.split("_")[0].upper(), case["names"].tolist()
    state = {key: case[f"w{k}"] for k, key in enumerate(names)}
    layer = from_torch(kind, state, stateful=True, dtype=np.float64)
    layer.set_state(*(states_from_torch(layer, case[key]) for key in ("h0", "c0") if key in case))
    close(layer.forward(case["xs"], lengths=case.get("lengths")), case["hs"], "hs")
    arriving = {k: states_from_torch(layer, case[k]) for k in ("dh", "dc") if k in case}
    close(layer.backward(case["dhs"], **arriving), case["dxs"], "dxs")
    for key in "hc" if "c" in case else "h":
        close(states_to_torch(getattr(layer, key)), case[key], key)
        close(states_to_torch(getattr(layer, f"d{key}")), case[f"d{key}0"], f"d{key}0")
    back = to_state_dict(layer)
    grads = to_state_dict(with_gradients(layer))
    for k, key in enumerate(names):
        assert_same_bits(back[key], case[f"w{k}"])
        close(grads[key], case[f"g{k}"], key)


class Recorded:
    """A stand-in for the layer of Keras that was recorded."""

    def __init__(self, case):
        self._case = case
        self.count = sum(key[0] == "w" and key[1:].isdigit() for key in case)

    def get_config(self):
        return json.loads(self._case["config"])

    def get_weights(self):
        return [self._case[f"w{k}"] for k in range(self.count)]


@pytest.mark.parametrize("name", KERAS)
def test_keras(name):
    case = load(f"frameworks/keras/{name}")
    limit = 1e-6 if "hard" in name else 1e-9  # torch rounds the slope of the hard sigmoid
    recorded = type(case["kind"], (Recorded,), {})(case)
    layer = from_keras(recorded, dtype=np.float64)
    close(layer.forward(case["xs"], mask=case["mask"]), case["hs"], "hs", limit)
    states = [getattr(p, key) for p in parts_of(layer) for key in ("h", "c") if hasattr(p, key)]
    for k, state in enumerate(states):
        close(state, case[f"s{k}"], f"state {k}", limit)
    found = nested([case[f"ds{k}"] for k in range(len(states))], layer)
    dxs = layer.backward(case["dhs"], **found)
    close(dxs, case["dxs"], "dxs", limit)
    if "without_bias" in name or "mixed" in name:
        return  # ours have biases
    for mine, theirs in zip(to_keras(layer), recorded.get_weights(), strict=True):
        assert_same_bits(mine, theirs)
    for k, grad in enumerate(to_keras(with_gradients(layer))):
        close(grad, case[f"g{k}"], f"gradient {k}", limit)


def nested(states, layer):
    """Return the keywords dh and dc of backward from Keras's list of states, which shrinks."""

    def of(one):
        if isinstance(one, TimeStack):
            pairs = [of(part) for part in one.layers]
            return [h for h, _ in pairs], [c for _, c in pairs]
        if isinstance(one, TimeBidirectional):
            first, second = of(one.forward_layer), of(one.backward_layer)
            return (first[0], second[0]), (first[1], second[1])
        return states.pop(0), states.pop(0) if hasattr(one, "c") else None

    dh, dc = of(layer)
    return {"dh": dh, "dc": dc} if _any(dc) else {"dh": dh}


def _any(entry):
    return any(map(_any, entry)) if isinstance(entry, list | tuple) else entry is not None


def test_the_examples_of_the_page_run():
    result = doctest.testfile(str(ROOT / "docs" / "keras-and-torch.md"), module_relative=False)
    assert result.attempted > 15 and not result.failed
