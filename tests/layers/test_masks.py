"""Masked steps of recurrent layers, as Keras has them, and layers made of recurrent layers."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from conftest import assert_same_bits
from gradcheck import numeric_gradient
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import COMPILED, REFERENCE

from fastw2v._recurrent.one_hot import OneHotLSTM
from fastw2v.time_layers import (
    TimeBidirectional,
    TimeBiLSTM,
    TimeLSTM,
    TimeRNN,
    TimeStack,
)

N, T, D, H = 4, 6, 3, 5
KINDS = {
    "TimeRNN": ("TimeRNN", 1, {}),
    "TimeLSTM": ("TimeLSTM", 4, {}),
    "TimeGRU": ("TimeGRU", 3, {}),
    "TimeGRU after": ("TimeGRU", 3, {"reset_after": True}),
}
MASKS = {
    "right": [[1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0], [1] * 6, [0] * 6],
    "left": [[0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1], [1] * 6, [0] * 6],
    "middle": [[1, 0, 0, 1, 1, 1], [0, 1, 0, 1, 0, 1], [1, 0, 0, 0, 0, 1], [0, 0, 1, 1, 0, 0]],
    "nothing": [[0] * 6] * 4,
}
every_kind = pytest.mark.parametrize("kind", KINDS)
every_mask = pytest.mark.parametrize("mask", MASKS)


def made(book, rng, kind, D=D, H=H, dtype=np.float64, **options):
    name, n, more = KINDS[kind]
    biases = (2,) if more else ()
    shapes = (D, n * H), (H, n * H), (*biases, n * H)
    weights = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    return getattr(book.time_layers, name)(*weights, dtype=dtype, **more, **options)


def states(layer):
    return [getattr(layer, name) for name in ("h", "c") if hasattr(layer, name)]


def by_steps(layer, xs, mask, starts):
    """Run a stateful layer step by step without the masked ones; return hs and the last states."""
    now, out = [list(start) for start in starts], np.zeros((len(xs), layer.params[1].shape[0]))
    hs = []
    for t in range(xs.shape[1]):
        for n in range(len(xs)):
            if not mask[n, t]:
                continue
            step = copy.deepcopy(layer)
            step.set_state(*(np.array([state[n]]) for state in now))
            out[n] = step.forward(xs[n : n + 1, t : t + 1])[0, 0]
            for state, end in zip(now, states(step), strict=True):
                state[n] = end[0]
        hs.append(out.copy())
    return np.stack(hs, axis=1), [np.array(state) for state in now]


@every_mask
@every_kind
def test_masked_steps_keep_the_states_and_repeat_the_result(rng, kind, mask):
    """A fully masked row keeps its first states; its results are 0, as nothing came before."""
    mask = np.array(MASKS[mask], bool)
    layer, xs = made(COMPILED, rng, kind, stateful=True), rng.standard_normal((N, T, D))
    starts = [rng.standard_normal((N, H)) for _ in states(layer)]
    expected, ends = by_steps(layer, xs, mask, starts)
    layer.set_state(*starts)
    np.testing.assert_allclose(layer.forward(xs, mask=mask), expected, rtol=1e-12, atol=1e-14)
    for mine, end in zip(states(layer), ends, strict=True):
        np.testing.assert_allclose(mine, end, rtol=1e-12, atol=1e-14)
    for n in np.flatnonzero(~mask.any(axis=1)):
        for mine, start in zip(states(layer), starts, strict=True):
            assert_same_bits(mine[n], start[n])


@every_mask
@every_kind
@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_gradients_by_finite_differences(rng, kind, mask, zero, backwards):
    mask = np.array(MASKS[mask])
    layer = made(COMPILED, rng, kind, stateful=True, go_backwards=backwards)
    layer.zero_output_for_mask = zero
    xs, dhs = rng.standard_normal((N, T, D)), rng.standard_normal((N, T, H))
    starts, arriving = ([rng.standard_normal((N, H)) for _ in states(layer)] for _ in "12")

    def loss():
        layer.set_state(*starts)
        hs = layer.forward(xs, mask=mask)
        ends = zip(states(layer), arriving, strict=True)
        return (hs * dhs).sum() + sum((end * d).sum() for end, d in ends)

    loss()
    dxs = layer.backward(dhs, **dict(zip(("dh", "dc"), arriving, strict=False)))
    dstarts = [getattr(layer, name) for name in ("dh", "dc") if hasattr(layer, name)]
    found = [dxs.copy(), *(d.copy() for d in dstarts), *(grad.copy() for grad in layer.grads)]
    for mine, array in zip(found, [xs, *starts, *layer.params], strict=True):
        np.testing.assert_allclose(mine, numeric_gradient(loss, array), rtol=1e-5, atol=1e-7)
    assert not found[0][mask == 0].any()


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(list(KINDS)),
    shape=st.tuples(*(st.integers(0, 9) for _ in "NT"), *(st.integers(1, 7) for _ in "DH")),
    density=st.sampled_from([0, 0.2, 0.5, 0.9, 1]),
    dtype=st.sampled_from([np.float32, np.float64]),
    as_dtype=st.sampled_from([bool, np.int8, np.int64, np.float32]),
    backwards=st.booleans(),
    zero=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_mask_is_that_of_the_reference(
    kind, shape, density, dtype, as_dtype, backwards, zero, seed
):
    rng = np.random.default_rng(seed)
    N, T, D, H = shape
    mask = (rng.random((N, T)) < density).astype(as_dtype)
    xs, dhs = rng.standard_normal((N, T, D)), rng.standard_normal((N, T, H))
    results = []
    for book in (COMPILED, REFERENCE):
        layer = made(book, np.random.default_rng(seed), kind, D, H, dtype, go_backwards=backwards)
        layer.zero_output_for_mask = zero
        found = [layer.forward(xs, mask=mask), *(np.copy(state) for state in states(layer))]
        found += [layer.backward(dhs), layer.dh, *(np.copy(grad) for grad in layer.grads)]
        results.append(found)
    scale = 1e-4 if dtype == np.float32 else 1e-11
    for mine, theirs in zip(*results, strict=True):
        limit = scale * (1 + abs(theirs).max(initial=0))
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=limit)


@every_kind
def test_the_same_bits_in_any_number_of_parts_and_form_of_mask(rng, kind, all_parts):
    layer = made(COMPILED, rng, kind, D=7, H=33, dtype=np.float32)
    xs, dhs = (rng.standard_normal((29, 9, width), "f") for width in (7, 33))
    mask = rng.random((29, 9)) < 0.6
    forms = [mask, mask.astype(np.uint8), mask.astype("f8"), mask.tolist(), np.asfortranarray(mask)]
    results = []
    for n_parts, form in [(1, mask), *itertools.product((2, 3, 7), forms)]:
        all_parts(n_parts)
        found = [layer.forward(xs, mask=form), layer.backward(dhs), layer.h, layer.dh]
        results.append([*found, *(grad.copy() for grad in layer.grads)])
    for found in results[1:]:
        for mine, first in zip(found, results[0], strict=True):
            assert_same_bits(mine, first)


@every_kind
def test_a_mask_of_ones_is_none(rng, kind):
    layer, xs = made(COMPILED, rng, kind, dtype=np.float32), rng.standard_normal((N, T, D))
    expected = layer.forward(xs)
    assert_same_bits(layer.forward(xs, mask=np.ones((N, T))), expected)


@every_kind
def test_right_padding_is_what_lengths_does_but_for_the_repeated_results(rng, kind):
    layer, xs = made(COMPILED, rng, kind, dtype=np.float32), rng.standard_normal((N, T, D))
    lengths = np.array([4, 1, 6, 0])
    mask = np.arange(T) < lengths[:, None]
    expected, dhs = layer.forward(xs, lengths=lengths), rng.standard_normal((N, T, H))
    ends = [state.copy() for state in states(layer)]
    dxs = layer.backward(dhs)
    layer.zero_output_for_mask = True
    assert_same_bits(layer.forward(xs, mask=mask), expected)
    for mine, end in zip(states(layer), ends, strict=True):
        assert_same_bits(mine, end)
    assert_same_bits(layer.backward(dhs), dxs)
    layer.zero_output_for_mask = False
    hs = layer.forward(xs, mask=mask)
    assert_same_bits(hs[mask], expected[mask])
    for n, k in enumerate(lengths):
        assert_same_bits(hs[n, k:], np.broadcast_to(expected[n, k - 1], (T - k, H)) if k else
                         np.zeros((T, H), "f"))  # fmt: skip


@every_kind
def test_nothing_at_masked_steps_is_read_or_written(rng, kind):
    layer, mask = made(COMPILED, rng, kind), np.array(MASKS["middle"], bool)
    xs, dhs = rng.standard_normal((N, T, D)), rng.standard_normal((N, T, H))
    layer.zero_output_for_mask = True
    expected = [layer.forward(xs, mask=mask), layer.backward(dhs)]
    xs[~mask], dhs[~mask] = np.nan, np.nan
    before = mask.copy(), xs.copy()
    found = [layer.forward(xs, mask=mask), layer.backward(dhs)]
    for mine, theirs in zip(found, expected, strict=True):
        assert_same_bits(mine, theirs)
    assert_same_bits(mask, before[0])
    assert_same_bits(xs, before[1])


@every_kind
def test_the_caller_may_change_the_mask_between_the_passes(rng, kind):
    layer, mask = made(COMPILED, rng, kind), np.array(MASKS["middle"], bool)
    xs, dhs = rng.standard_normal((N, T, D)), rng.standard_normal((N, T, H))
    layer.forward(xs, mask=mask)
    expected = layer.backward(dhs)
    layer.forward(xs, mask=mask)
    mask[...] = True
    assert_same_bits(layer.backward(dhs), expected)
    twin = pickle.loads(pickle.dumps(layer))
    assert_same_bits(twin.backward(dhs), expected)
    assert_same_bits(copy.copy(layer).backward(dhs), expected)


@every_kind
def test_the_steps_of_a_masked_forward_are_those_of_the_reference(rng, kind):
    seed, mask = 5, np.array(MASKS["middle"], bool)
    xs, dhs = rng.standard_normal((N, T, D)), rng.standard_normal((N, T, H))
    layers = [made(book, np.random.default_rng(seed), kind) for book in (COMPILED, REFERENCE)]
    for layer in layers:
        layer.forward(xs, mask=mask)
        layer.backward(dhs)
    for t, (mine, theirs) in enumerate(zip(*(layer.layers for layer in layers), strict=True)):
        for part, exact in zip(mine.cache, theirs.cache, strict=True):
            here = mask[:, t]
            np.testing.assert_allclose(part[here], exact[here], rtol=1e-10, atol=1e-12)
        for grad, exact in zip(mine.grads, theirs.grads, strict=True):
            np.testing.assert_allclose(grad, exact, rtol=1e-10, atol=1e-12)


def test_an_lstm_over_ids_takes_masks_too(rng):
    weights = [rng.standard_normal(shape) for shape in ((7, 20), (5, 20), (20,))]
    ids, mask = rng.integers(0, 7, (N, T)), np.array(MASKS["middle"], bool)
    layers = OneHotLSTM(*weights, dtype=np.float64), TimeLSTM(*weights, dtype=np.float64)
    hs = layers[0].forward(ids, mask=mask)
    np.testing.assert_allclose(hs, layers[1].forward(np.eye(7)[ids], mask=mask), rtol=1e-12)
    for layer in layers:
        layer.backward(np.ones((N, T, 5)))
    np.testing.assert_allclose(layers[0].grads[0], layers[1].grads[0], rtol=1e-10, atol=1e-12)


BAD = [
    (np.ones((N, T + 1)), ValueError, r"mask: expected shape \(N, T\) = \(4, 6\), one entry per"),
    (np.ones(N), ValueError, r"mask: expected shape .* got \(4,\); for rows padded with the id 0"),
    (np.ones((N, T, 1)), ValueError, r"mask: expected shape .* got \(4, 6, 1\)"),
    (np.full((N, T), 2), ValueError, "mask: expected True and False, or 1 and 0, got 2 at row 0"),
    (np.full((N, T), np.nan), ValueError, "mask: .* got nan at row 0, step 0; for rows padded"),
    (np.full((N, T), "a"), TypeError, "mask: expected real numbers, got dtype <U1"),
    (np.full((N, T), 1j), TypeError, "mask: expected real numbers"),
    (7, ValueError, r"mask: expected shape .* got \(\)"),
]


@every_kind
@pytest.mark.parametrize(("mask", "error", "words"), BAD)
def test_a_bad_mask_is_named_and_changes_nothing(rng, kind, mask, error, words):
    one = made(COMPILED, rng, kind, stateful=True)
    both = TimeBidirectional(one, made(COMPILED, rng, kind))
    xs = rng.standard_normal((N, T, D))
    for layer in (one, both, TimeStack([both, made(COMPILED, rng, kind, D=2 * H)])):
        layer.forward(xs)
        expected, before = layer.backward(np.ones(layer.forward(xs).shape)), one.h
        with pytest.raises(error, match=words):
            layer.forward(xs, mask=mask)
        assert one.h is before
        shape = (N, T, H if layer is one or isinstance(layer, TimeStack) else 2 * H)
        assert_same_bits(layer.backward(np.ones(shape)), expected)


def test_a_mask_beside_lengths_is_refused(rng):
    layer, xs = made(COMPILED, rng, "TimeGRU"), np.ones((N, T, D))
    for one in (layer, TimeStack([layer])):
        with pytest.raises(ValueError, match="mask: expected None beside lengths, got both; pass"):
            one.forward(xs, mask=np.ones((N, T)), lengths=[1] * N)


# Layers made of layers ---------------------------------------------------------------------------


def nested(book, rng, dtype=np.float64):
    kinds = ("TimeGRU after", H), ("TimeLSTM", 2)
    below = [made(book, rng, kind, H=width, dtype=dtype) for kind, width in kinds]
    above = made(book, rng, "TimeRNN", D=H + 2, H=4, dtype=dtype)
    layers = book.time_layers
    return layers.TimeStack([layers.TimeBidirectional(*below), above])


@pytest.mark.parametrize("which", ["plain", "lengths", *MASKS])
def test_nested_layers_agree_with_the_reference_and_finite_differences(rng, which):
    options = {"lengths": [6, 0, 3, 1]} if which == "lengths" else {}
    options |= {"mask": np.array(MASKS[which])} if which in MASKS else {}
    xs, dhs = rng.standard_normal((N, T, D)), rng.standard_normal((N, T, 4))
    dh = [(rng.standard_normal((N, H)), None), rng.standard_normal((N, 4))]
    dc = [(None, rng.standard_normal((N, 2))), None]
    results = []
    for book in (COMPILED, REFERENCE):
        stack = nested(book, np.random.default_rng(1))
        hs, dxs = stack.forward(xs, **options), stack.backward(dhs, dh=dh, dc=dc)
        found = [hs, dxs, stack.h[0][0], stack.h[0][1], stack.h[1], stack.c[0][1], stack.dc[0][1]]
        assert stack.c[0][0] is None and stack.c[1] is None and stack.dc[1] is None
        results.append([*found, *(grad.copy() for grad in stack.grads)])
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-12)
    stack = nested(COMPILED, np.random.default_rng(1))

    def loss():
        total = (stack.forward(xs, **options) * dhs).sum() + (stack.h[0][0] * dh[0][0]).sum()
        return total + (stack.h[1] * dh[1]).sum() + (stack.c[0][1] * dc[0][1]).sum()

    loss()
    found = [stack.backward(dhs, dh=dh, dc=dc), *(grad.copy() for grad in stack.grads)]
    for mine, array in zip(found, [xs, *stack.params], strict=True):
        np.testing.assert_allclose(mine, numeric_gradient(loss, array), rtol=1e-5, atol=1e-7)


def test_states_of_nested_layers_are_set_and_reset(rng):
    below = [made(COMPILED, rng, kind, stateful=True) for kind in ("TimeGRU", "TimeLSTM")]
    above = made(COMPILED, rng, "TimeLSTM", D=2 * H, stateful=True)
    stack, xs = TimeStack([TimeBidirectional(*below), above]), rng.standard_normal((N, T, D))
    fresh = stack.forward(xs)
    h = [tuple(rng.standard_normal((2, N, H))), rng.standard_normal((N, H))]
    c = [(None, rng.standard_normal((N, H))), None]
    stack.set_state(h, c)
    assert below[0].h is h[0][0] and below[1].c is c[0][1] and above.c is None
    started = stack.forward(xs)
    stack.reset_state()
    assert_same_bits(stack.forward(xs), fresh)
    stack.set_state(h, c)
    assert_same_bits(stack.forward(xs), started)


def test_a_bidirectional_of_lstms_is_time_bi_lstm(rng):
    weights = [rng.standard_normal(shape, "f") for shape in ((D, 4 * H), (H, 4 * H), (4 * H,))] * 2
    first, second = TimeLSTM(*weights[:3]), TimeLSTM(*weights[3:])
    general, xs = TimeBidirectional(first, second), rng.standard_normal((N, T, D), "f")
    one, mask = TimeBiLSTM(*weights), np.array(MASKS["middle"])
    assert_same_bits(general.forward(xs, mask=mask), one.forward(xs, mask=mask))
    dhs = rng.standard_normal((N, T, 2 * H), "f")
    assert_same_bits(general.backward(dhs), one.backward(dhs))
    assert one.forward_layer is one.forward_lstm and one.backward_layer is one.backward_lstm


def test_layers_of_the_owners_own_go_with_masks(rng):
    class Own(TimeRNN):
        pass

    weights = [made(COMPILED, rng, "TimeRNN").params for _ in "12"]
    mask, xs = np.array(MASKS["middle"]), rng.standard_normal((N, T, D))
    results = []
    for cls in (TimeRNN, Own):
        layer = TimeBidirectional(*(cls(*w, dtype=np.float64) for w in weights))
        hs = layer.forward(xs, mask=mask)
        results.append([hs, layer.backward(np.cos(hs)), *(grad.copy() for grad in layer.grads)])
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


def small(name="TimeRNN", D=D, H=H):
    return made(COMPILED, np.random.default_rng(0), name, D, H)


XS = np.ones((N, T, D))
REFUSED = [
    (lambda: TimeStack([]), ValueError, "layers: expected at least one layer, got none"),
    (lambda: TimeStack(small()), TypeError, "layers: expected a list of arrays, got TimeRNN"),
    (lambda: TimeStack([small(), 3]), TypeError, r"layers\[1\]: expected an object with forward"),
    (lambda: TimeStack([small()] * 2), ValueError, r"layers\[1\]: expected a layer of its own"),
    (
        lambda: TimeStack([small(), small()]),
        ValueError,
        r"layers\[1\]: expected Wx of 5 rows, the width of the layer below, got \(3, 5\)",
    ),
    (lambda: TimeBidirectional(small(), 3), TypeError, "backward_layer: expected an object with"),
    (
        lambda: TimeBidirectional(TimeRNN(*small().params, go_backwards=True), small()),
        ValueError,
        "forward_layer: expected a layer that reads forwards, got one with go_backwards=True",
    ),
    (
        lambda: TimeStack([small()]).backward(XS),
        RuntimeError,
        "TimeStack.backward: nothing to go back through",
    ),
    (
        lambda: TimeBidirectional(small(), small()).backward(XS),
        RuntimeError,
        "TimeBidirectional.backward: nothing to go back through",
    ),
    (
        lambda: TimeStack([small()]).set_state([None, None]),
        ValueError,
        "h: expected a list of 1 entries, one per layer, got list of 2",
    ),
    (
        lambda: TimeStack([small()]).set_state(np.ones((1, N, H))),
        ValueError,
        "h: expected a list of 1 entries, one per layer, got ndarray",
    ),
    (
        lambda: TimeStack([small()]).set_state([None], [np.ones((N, H))]),
        ValueError,
        r"c\[0\]: expected None for a TimeRNN, which has no c, got ndarray",
    ),
    (
        lambda: TimeBidirectional(small(), small()).set_state(None, (1, None)),
        ValueError,
        "c: expected None for a TimeRNN, which has no c",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_what_cannot_be_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_one_layer_twice_in_a_bidirectional_is_refused():
    layer = small()
    with pytest.raises(ValueError, match="backward_layer: expected another layer than forward_la"):
        TimeBidirectional(layer, layer)


def test_a_stack_checks_all_of_its_layers_before_the_first_runs(rng):
    below, above = (made(COMPILED, rng, "TimeGRU", D=d, stateful=True) for d in (D, H))
    stack, xs = TimeStack([below, above]), rng.standard_normal((N, T, D))
    stack.forward(xs)
    dxs, before = stack.backward(np.ones((N, T, H))), below.h
    above.h = np.ones((N + 1, H))
    with pytest.raises(ValueError, match=r"h: expected a state of shape \(N, H\) = \(4, 5\)"):
        stack.forward(xs)
    assert below.h is before
    grads = [grad.copy() for grad in stack.grads]
    with pytest.raises(ValueError, match="dh: expected shape"):
        stack.backward(2 * np.ones((N, T, H)), dh=[np.ones((N, 1)), None])
    with pytest.raises(ValueError, match=r"dc\[0\]: expected None for a TimeGRU, which has no c"):
        stack.backward(np.ones((N, T, H)), dc=[np.ones((N, H)), None])
    for grad, old in zip(stack.grads, grads, strict=True):
        assert_same_bits(grad, old)
    assert_same_bits(stack.backward(np.ones((N, T, H))), dxs)


@pytest.mark.parametrize(
    "copier", [copy.copy, copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))]
)
def test_copies_of_nested_layers_compute_the_same(rng, copier):
    stack, xs = nested(COMPILED, rng, np.float32), rng.standard_normal((N, T, D))
    hs = stack.forward(xs, mask=MASKS["middle"])
    twin = copier(stack)
    assert_same_bits(twin.backward(hs), stack.backward(hs))
    assert_same_bits(twin.forward(xs, mask=MASKS["middle"]), hs)
