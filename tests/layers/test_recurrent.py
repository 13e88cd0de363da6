"""TimeRNN, TimeLSTM and TimeGRU: memory use, agreement with torch, long jobs in pieces."""

import tracemalloc

import numpy as np
import pytest
from conftest import assert_same_bits
from golden import load

from fastw2v._recurrent import passes
from fastw2v.time_layers import TimeGRU, TimeLSTM, TimeRNN

N, T, D, H = 6, 400, 5, 40
N_GATES = {TimeRNN: 1, TimeGRU: 3, TimeLSTM: 4}
KEPT = {TimeRNN: 2, TimeGRU: 5, TimeLSTM: 6}  # in units of N * T * H floats, by forward


def made(cls, rng):
    width = N_GATES[cls] * H
    # Larger weights would make the gradients overflow over T = 400 steps.
    shapes = (D, width), (H, width), (width,)
    weights = [0.1 * rng.standard_normal(shape).astype("f") for shape in shapes]
    xs = rng.standard_normal((N, T, D)).astype("f")
    return cls(*weights), xs, rng.standard_normal((N, T, H)).astype("f")


def traced(call):
    """Return the peak and the final memory of a call, in bytes above the memory before it."""
    tracemalloc.start()
    try:
        result = call()
        left, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del result
    return peak, left


@pytest.mark.parametrize("cls", list(KEPT))
def test_training_keeps_no_more_memory_than_stated(rng, cls):
    layer, xs, dhs = made(cls, rng)
    size = N * T * H * 4
    # Packed weights, states of the rows, Python's own objects.
    others = 2 * layer.params[1].nbytes + 40 * N * H * 4 + 50_000
    results = []
    _, left = traced(lambda: results.append(layer.forward(xs)))
    assert left <= size + KEPT[cls] * size + others
    _, left = traced(lambda: results.append(layer.backward(dhs)))
    assert left <= results[1].nbytes + N_GATES[cls] * size + others


@pytest.mark.parametrize("cls", list(KEPT))
def test_from_the_second_call_on_only_the_results_are_allocated(rng, cls):
    layer, xs, dhs = made(cls, rng)
    small = 12 * N * H * 4 + 60_000  # numpy adds a bias through a buffer
    for train in (False, True):
        layer.forward(xs, train=train)
        peak, _ = traced(lambda train=train: layer.forward(xs, train=train))
        assert peak <= N * T * H * 4 + small
    layer.backward(dhs)
    peak, _ = traced(lambda: layer.backward(dhs))
    assert peak <= xs.nbytes + small


# Recorded by tools/record_torch.py: torch's own layers, and a GRU cell made of torch's operations,
# because torch's own resets after the product.
@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_agrees_with_torch(name):
    case = load(f"torch_recurrent/f8/{name}")
    cls = {"rnn": TimeRNN, "lstm": TimeLSTM, "gru": TimeGRU}[name]
    layer = cls(case["Wx"], case["Wh"], case["b"], stateful=True, dtype=np.float64)
    states = [case[key] for key in ("h0", "c0") if key in case]
    layer.set_state(*states)
    hs = layer.forward(case["xs"])
    arriving = {key: case[key] for key in ("dh", "dc") if key in case}
    dxs = layer.backward(case["dhs"], **arriving)
    found = {"hs": hs, "dxs": dxs, "dh0": layer.dh, "h": layer.h}
    found |= dict(zip(("dWx", "dWh", "db"), layer.grads, strict=True))
    if name == "lstm":
        found |= {"dc0": layer.dc, "c": layer.c}
    for key, value in found.items():
        np.testing.assert_allclose(value, case[key], rtol=1e-10, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("cls", list(KEPT))
def test_a_long_job_is_made_of_several_calls(rng, monkeypatch, cls, padded):
    """Between two calls Ctrl-C gets its turn; the results are bit-identical."""
    layer, _, _ = made(cls, rng)
    rows = 37
    xs, dhs = rng.standard_normal((rows, 9, D), "f"), rng.standard_normal((rows, 9, H), "f")
    lengths = rng.integers(0, 10, rows) if padded else None

    def results():
        hs, dxs = layer.forward(xs, lengths=lengths), layer.backward(dhs)
        return [hs, dxs, layer.h, layer.dh, *(grad.copy() for grad in layer.grads)]

    expected, calls = results(), []
    specialise = passes.specialise

    def counting(entry):
        runs = specialise(entry)
        return {
            dtype: lambda *given, run=run: calls.append(len(given)) or run(*given)
            for dtype, run in runs.items()
        }

    monkeypatch.setattr(passes, "specialise", counting)
    monkeypatch.setattr(passes, "_LONGEST_NS", 1)
    for mine, before in zip(results(), expected, strict=True):
        assert_same_bits(mine, before)
    assert len(calls) == 2 * (1 + 37 // 4)  # each pass also asks for the size of its scratch
