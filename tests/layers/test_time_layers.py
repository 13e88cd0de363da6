"""Recurrent layers: gradients, states, extensions, ownership, bad input; in both implementations.

The book's recorded results are in test_golden.py. Here the oracle of a sequence is a loop over
cells, or the same layer on each row by itself.
"""

import copy
import pickle

import numpy as np
import pytest
from conftest import assert_same_bits
from gradcheck import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import COMPILED, REFERENCE, both

N_GATES = {"TimeRNN": 1, "TimeGRU": 3, "TimeLSTM": 4, "TimeBiLSTM": 4}
ONE_WAY = ["TimeRNN", "TimeGRU", "TimeLSTM"]
CELLS = {"TimeRNN": "RNN", "TimeGRU": "GRU", "TimeLSTM": "LSTM"}
HARD = ["hard_sigmoid_keras2", "hard_sigmoid_keras3"]
N, T, D, H = 3, 4, 5, 2

every_layer = pytest.mark.parametrize("name", list(N_GATES))
one_way = pytest.mark.parametrize("name", ONE_WAY)


def weights_of(rng, name, D=D, H=H, dtype=np.float32):
    def one():
        width = N_GATES[name] * H
        return [
            (0.6 * rng.standard_normal(shape)).astype(dtype)
            for shape in ((D, width), (H, width), (width,))
        ]

    return one() + one() if name == "TimeBiLSTM" else one()


def make(book, rng, name, weights=np.float32, D=D, H=H, **options):
    """Return a layer with random weights of dtype `weights`."""
    return getattr(book.time_layers, name)(*weights_of(rng, name, D, H, weights), **options)


def draw(rng, *shape, dtype=np.float32):
    return rng.standard_normal(shape).astype(dtype)


def width(name):
    return 2 * H if name == "TimeBiLSTM" else H


def states_of(layer):
    """Return [h] or [h, c] of a layer of one direction."""
    return [layer.h, layer.c] if hasattr(layer, "c") else [layer.h]


def flat_states(name, layer, prefix=""):
    """Return all states of a layer in one list, or their gradients with the prefix "d"."""
    names = [n for n in ("h", "c") if hasattr(layer, n)]
    found = []
    for n in names:
        value = getattr(layer, prefix + n)
        found += list(value) if name == "TimeBiLSTM" else [value]
    return found


def set_flat_states(name, layer, values):
    if name == "TimeBiLSTM":
        layer.set_state(tuple(values[:2]), tuple(values[2:]))
    else:
        layer.set_state(*values)


def gradient_arguments(name, values):
    """Return the keywords of backward for gradients of all last states."""
    if name == "TimeBiLSTM":
        return {"dh": tuple(values[:2]), "dc": tuple(values[2:])}
    return dict(zip(("dh", "dc"), values, strict=False))


def n_states(name):
    return {"TimeRNN": 1, "TimeGRU": 1, "TimeLSTM": 2, "TimeBiLSTM": 4}[name]


# Gradients -------------------------------------------------------------------------------------


@both
@every_layer
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stateful": True},
        {"lengths": [4, 1, 0]},
        {"stateful": True, "lengths": [2, 0, 3]},
        {"go_backwards": True},
        {"go_backwards": True, "stateful": True, "lengths": [3, 4, 1]},
        *({"recurrent_activation": kind, "stateful": True} for kind in HARD),
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_gradients_agree_with_finite_differences(book, rng, name, options):
    options, lengths = dict(options), options.get("lengths")
    for missing in [
        "lengths",
        *(["go_backwards"] if name == "TimeBiLSTM" else []),
        *(["recurrent_activation"] if name == "TimeRNN" else []),
    ]:
        options.pop(missing, None)
    stateful = options.get("stateful", False)
    layer = make(book, rng, name, np.float64, dtype=np.float64, **options)
    xs = draw(rng, N, T, D, dtype="d")
    starts = [draw(rng, N, H, dtype="d") for _ in range(n_states(name))]
    dhs = draw(rng, N, T, width(name), dtype="d")
    arriving = [draw(rng, N, H, dtype="d") for _ in starts]

    def run():
        if stateful:
            set_flat_states(name, layer, starts)
        hs = layer.forward(xs, lengths=lengths)
        ends = flat_states(name, layer)
        value = (hs * dhs).sum()
        return float(value + sum((e * d).sum() for e, d in zip(ends, arriving, strict=True)))

    run()
    dxs = layer.backward(dhs, **gradient_arguments(name, arriving))
    found = [dxs.copy(), *(np.copy(grad) for grad in layer.grads)]
    inputs = [xs, *layer.params]
    if stateful:
        inputs += starts
        found += [np.copy(d) for d in flat_states(name, layer, "d")]
    assert dxs.dtype == np.float64
    assert_gradients(run, inputs, found)


@both
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("kind", ["sigmoid", *HARD])
def test_gradients_of_one_step_agree_with_finite_differences(book, rng, name, kind):
    options = {} if name == "RNN" else {"recurrent_activation": kind}
    params = weights_of(rng, f"Time{name}", dtype=np.float64)
    layer = getattr(book.time_layers, name)(*params, **options)
    inputs = [draw(rng, N, D, dtype="d")]
    inputs += [draw(rng, N, H, dtype="d") for _ in range(2 if name == "LSTM" else 1)]
    douts = [draw(rng, N, H, dtype="d") for _ in inputs[1:]]

    def run():
        out = layer.forward(*inputs)
        out = out if isinstance(out, tuple) else (out,)
        return float(sum((o * d).sum() for o, d in zip(out, douts, strict=True)))

    run()
    found = list(layer.backward(*douts))
    assert_gradients(run, [*inputs, *params], [*found, *map(np.copy, layer.grads)])


@both
@one_way
def test_gradients_stop_where_a_stateful_forward_begins(book, rng, name):
    layer = make(book, rng, name, np.float64, dtype=np.float64, stateful=True)
    first, second = draw(rng, N, T, D, dtype="d"), draw(rng, N, T, D, dtype="d")
    layer.forward(first)
    start = [state.copy() for state in states_of(layer)]
    layer.forward(second)
    dhs = draw(rng, N, T, H, dtype="d")
    expected = layer.backward(dhs)
    grads = [grad.copy() for grad in layer.grads]
    layer.set_state(*start)
    layer.forward(second)
    assert_same_bits(layer.backward(dhs), expected)
    for grad, before in zip(layer.grads, grads, strict=True):
        assert_same_bits(grad, before)


# A sequence is a loop over cells ---------------------------------------------------------------


def loop(cell, params, xs, states, dhs, arriving):
    """Return hs, last states, dxs and gradients of first states and weights, by single steps."""
    cells, hs = [], []
    for t in range(xs.shape[1]):
        cells.append(cell(*params))
        new = cells[-1].forward(xs[:, t], *states)
        states = new if isinstance(new, tuple) else (new,)
        hs.append(states[0])
    dxs, dstates, grads = [], list(arriving), [0] * len(params)
    for t in reversed(range(xs.shape[1])):
        dx, *dstates = cells[t].backward(dhs[:, t] + dstates[0], *dstates[1:])
        dxs.insert(0, dx)
        grads = [total + grad for total, grad in zip(grads, cells[t].grads, strict=True)]
    return np.stack(hs, 1), states, np.stack(dxs, 1), dstates, grads


@both
@one_way
def test_a_loop_over_cells_gives_the_same(book, rng, dtype, name):
    layer = make(book, rng, name, dtype, dtype=dtype, stateful=True)
    xs, dhs = draw(rng, N, T, D, dtype=dtype), draw(rng, N, T, H, dtype=dtype)
    starts, arriving = (
        [draw(rng, N, H, dtype=dtype) for _ in range(n_states(name))] for _ in range(2)
    )
    cell = getattr(book.time_layers, CELLS[name])
    hs, states, dxs, dstates, grads = loop(cell, layer.params, xs, starts, dhs, arriving)
    layer.set_state(*starts)
    close = {"rtol": 1e-4, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-13}
    np.testing.assert_allclose(layer.forward(xs), hs, **close)
    for state, expected in zip(states_of(layer), states, strict=True):
        np.testing.assert_allclose(state, expected, **close)
    dx = layer.backward(dhs, **gradient_arguments(name, arriving))
    np.testing.assert_allclose(dx, dxs, **close)
    for d, expected in zip(flat_states(name, layer, "d"), dstates, strict=True):
        np.testing.assert_allclose(d, expected, **close)
    for grad, expected in zip(layer.grads, grads, strict=True):
        np.testing.assert_allclose(grad, expected, **close)


@both
@one_way
def test_layers_are_the_cells(book, rng, name):
    layer = make(book, rng, name)
    assert layer.layers is None
    xs = draw(rng, N, T, D)
    hs = layer.forward(xs)
    assert len(layer.layers) == T
    assert all(type(cell) is getattr(book.time_layers, CELLS[name]) for cell in layer.layers)
    for t, cell in enumerate(layer.layers):
        assert all(mine is given for mine, given in zip(cell.params, layer.params, strict=True))
        np.testing.assert_array_equal(cell.cache[0], xs[:, t])
        h_prev = hs[:, t - 1] if t else np.zeros((N, H))
        np.testing.assert_allclose(cell.cache[1], h_prev, rtol=1e-6)
        dx, *_ = cell.backward(*np.ones((n_states(name), N, H), "f"))
        assert dx.shape == (N, D)


# Any shape -------------------------------------------------------------------------------------


@both
@every_layer
@given(
    N=st.integers(0, 12),
    T=st.integers(0, 5),
    D=st.integers(1, 40),
    H=st.integers(1, 40),
    dtype=st.sampled_from([np.float32, np.float64]),
    padded=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40)
def test_any_shape_agrees_with_the_reference(name, book, N, T, D, H, dtype, padded, seed):
    rng = np.random.default_rng(seed)
    params = weights_of(rng, name, D, H, dtype)
    layer = getattr(book.time_layers, name)(*params, dtype=dtype)
    exact = getattr(REFERENCE.time_layers, name)(
        *(W.astype(np.float64) for W in params), dtype=np.float64
    )
    H = 2 * H if name == "TimeBiLSTM" else H
    xs, dhs = draw(rng, N, T, D, dtype=dtype), draw(rng, N, T, H, dtype=dtype)
    lengths = rng.integers(0, T + 1, N) if padded else None
    hs, dxs = layer.forward(xs, lengths=lengths), None
    dxs = layer.backward(dhs)
    assert hs.dtype == dxs.dtype == dtype
    rtol = 1e-4 if dtype == np.float32 else 1e-11
    for found, expected in [
        (hs, exact.forward(xs, lengths=lengths)),
        (dxs, exact.backward(dhs)),
        *zip(layer.grads, exact.grads, strict=True),
        *zip(flat_states(name, layer), flat_states(name, exact), strict=True),
        *zip(flat_states(name, layer, "d"), flat_states(name, exact, "d"), strict=True),
    ]:
        assert found.shape == expected.shape
        top = np.abs(expected).max(initial=1.0)
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * top / 10)


@both
@every_layer
@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 0)], ids=str)
def test_empty_sequences_give_empty_results_and_keep_the_states(book, rng, name, shape):
    layer = make(book, rng, name, stateful=True)
    rows, steps = shape
    starts = [draw(rng, rows, H) for _ in range(n_states(name))]
    set_flat_states(name, layer, starts)
    layer.grads[0][...] = 7
    hs = layer.forward(np.zeros((rows, steps, D)))
    assert hs.shape == (rows, steps, width(name)) and hs.dtype == np.float32
    for state, start in zip(flat_states(name, layer), starts, strict=True):
        np.testing.assert_array_equal(state, start)
    arriving = [draw(rng, rows, H) for _ in starts]
    dxs = layer.backward(hs, **gradient_arguments(name, arriving))
    assert dxs.shape == (rows, steps, D)
    for d, given_ in zip(flat_states(name, layer, "d"), arriving, strict=True):
        np.testing.assert_array_equal(d, given_)
    assert not any(grad.any() for grad in layer.grads)


@both
@every_layer
def test_one_row_of_a_long_sequence(book, rng, name):
    steps = 10_000
    layer = make(book, rng, name, D=2, H=3)
    xs = draw(rng, 1, steps, 2)
    hs = layer.forward(xs)
    dxs = layer.backward(np.ones_like(hs))
    assert np.isfinite(hs).all() and np.isfinite(dxs).all()
    if name != "TimeBiLSTM":
        # The first steps are forgotten: the last 500 by themselves end in the same state.
        last = make(book, rng, name, D=2, H=3)
        last.params[:] = layer.params
        np.testing.assert_allclose(last.forward(xs[:, -500:])[:, -1], hs[:, -1], rtol=1e-4)


# Lengths and direction -------------------------------------------------------------------------


def run_rows(layer, name, xs, lengths, dhs, starts, arriving):
    """Run each row by itself, cut to its length, and add up the gradients of the weights."""
    hs, dxs = np.zeros_like(dhs), np.zeros_like(xs)
    ends, dstarts = [np.empty_like(s) for s in starts], [np.empty_like(s) for s in starts]
    grads = [np.zeros_like(W) for W in layer.params]
    for n, length in enumerate(lengths):
        row = slice(n, n + 1)
        set_flat_states(name, layer, [s[row] for s in starts])
        hs[row, :length] = layer.forward(xs[row, :length])
        d = layer.backward(
            dhs[row, :length], **gradient_arguments(name, [a[row] for a in arriving])
        )
        dxs[row, :length] = d
        for into, state in zip(ends, flat_states(name, layer), strict=True):
            into[row] = state
        for into, state in zip(dstarts, flat_states(name, layer, "d"), strict=True):
            into[row] = state
        for total, grad in zip(grads, layer.grads, strict=True):
            total += grad
    return [hs, dxs, *grads, *ends, *dstarts]


@both
@every_layer
@pytest.mark.parametrize("backwards", [False, True], ids=["", "go_backwards"])
@pytest.mark.parametrize(
    "lengths", [[4, 4, 4], [1, 3, 2], [0, 4, 1], np.array([2, 0, 4], np.int32)[::-1]], ids=str
)
def test_rows_of_different_lengths_equal_each_row_by_itself(book, rng, name, lengths, backwards):
    options = {"dtype": np.float64, "stateful": True}
    if name != "TimeBiLSTM":
        options["go_backwards"] = backwards
    layer = make(book, rng, name, np.float64, **options)
    xs, dhs = draw(rng, N, T, D, dtype="d"), draw(rng, N, T, width(name), dtype="d")
    starts, arriving = ([draw(rng, N, H, dtype="d") for _ in range(n_states(name))] for _ in "12")
    expected = run_rows(layer, name, xs, lengths, dhs, starts, arriving)

    beyond = np.arange(T) >= np.reshape(lengths, (N, 1))
    for filler in (0, np.nan):  # the steps beyond the end are not read
        xs[beyond], dhs[beyond] = filler, filler
        set_flat_states(name, layer, starts)
        hs = layer.forward(xs, lengths=lengths)
        dxs = layer.backward(dhs, **gradient_arguments(name, arriving))
        assert not hs[beyond].any() and not dxs[beyond].any()
        states = flat_states(name, layer), flat_states(name, layer, "d")
        found = [hs, dxs, *layer.grads, *states[0], *states[1]]
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-13)


@both
@one_way
def test_go_backwards_reads_the_input_reversed(book, rng, name):
    layer = make(book, rng, name)
    turned = make(book, rng, name, go_backwards=True)
    turned.params[:] = layer.params
    xs, dhs = draw(rng, N, T, D), draw(rng, N, T, H)
    assert_same_bits(turned.forward(xs), layer.forward(xs[:, ::-1]))
    assert_same_bits(turned.backward(dhs), layer.backward(dhs)[:, ::-1])
    for mine, theirs in zip(turned.grads, layer.grads, strict=True):
        assert_same_bits(mine, theirs)
    assert_same_bits(turned.h, layer.h)
    assert_same_bits(turned.dh, layer.dh)


@both
def test_both_directions_equal_two_lstms_side_by_side(book, rng):
    params = weights_of(rng, "TimeBiLSTM")
    layer = book.time_layers.TimeBiLSTM(*params)
    forth = book.time_layers.TimeLSTM(*params[:3])
    back = book.time_layers.TimeLSTM(*params[3:], go_backwards=True)
    assert all(mine is given_ for mine, given_ in zip(layer.params, params, strict=True))
    lists = [layer.forward_lstm.grads, layer.backward_lstm.grads]
    assert [id(g) for part in lists for g in part] == [id(g) for g in layer.grads]
    xs, dhs = draw(rng, N, T, D), draw(rng, N, T, 2 * H)
    hs = layer.forward(xs)
    np.testing.assert_allclose(hs[:, :, :H], forth.forward(xs), rtol=1e-6)
    np.testing.assert_allclose(hs[:, ::-1, H:], back.forward(xs), rtol=1e-6)
    dxs = forth.backward(dhs[:, :, :H]) + back.backward(dhs[:, ::-1, H:])
    np.testing.assert_allclose(layer.backward(dhs), dxs, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(layer.grads, forth.grads + back.grads, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    for k, one in enumerate((forth, back)):
        for what in ("h", "c", "dh", "dc"):
            np.testing.assert_allclose(
                getattr(layer, what)[k], getattr(one, what), rtol=1e-5, atol=1e-6
            )


@both
def test_a_direction_may_be_a_subclass(book, rng):
    class Doubled(book.time_layers.TimeLSTM):
        def forward(self, xs, **options):
            return super().forward(2 * np.asarray(xs), **options)

    layer = make(book, rng, "TimeBiLSTM")
    xs = draw(rng, N, T, D)
    expected = layer.forward(2 * xs)[:, :, H:]
    layer.backward_lstm = Doubled(*layer.backward_lstm.params)
    assert_same_bits(layer.forward(xs)[:, :, H:], expected)


@both
def test_states_of_both_directions_are_set_and_reset_as_pairs(book, rng):
    layer = make(book, rng, "TimeBiLSTM", stateful=True)
    xs = draw(rng, N, T, D)
    fresh = layer.forward(xs)
    h = (draw(rng, N, H), draw(rng, N, H))
    layer.set_state(h)
    started = layer.forward(xs)
    assert not np.array_equal(started, fresh)
    layer.set_state(h, (None, np.zeros((N, H), "f")))
    assert_same_bits(layer.forward(xs), started)
    layer.backward(np.ones_like(started), dh=(h[0], None))
    assert not np.array_equal(layer.forward(xs), started)
    layer.reset_state()
    assert_same_bits(layer.forward(xs), fresh)


# Activations of the gates ----------------------------------------------------------------------


@both
@pytest.mark.parametrize("kind", HARD)
def test_hard_sigmoids_are_those_of_keras(book, kind):
    # All gates of the single unit depend on x alone. A GRU that starts from zero then gives
    # h = z * tanh(1), which shows its update gate z.
    x = np.array([-4, -3, -2.5, -1, 0, 0.5, 1, 2.5, 3, 4.0])
    Wx, Wh, b = np.array([[1.0, 1, 0]]), np.zeros((1, 3)), np.array([0.0, 0, 1])
    expected = {
        "hard_sigmoid_keras2": [0, 0, 0, 0.3, 0.5, 0.6, 0.7, 1, 1, 1],
        "hard_sigmoid_keras3": [0, 0, 1 / 12, 1 / 3, 1 / 2, 7 / 12, 2 / 3, 11 / 12, 1, 1],
    }[kind]
    options = {"recurrent_activation": kind}
    h = book.time_layers.GRU(Wx, Wh, b, **options).forward(x[:, None], np.zeros((10, 1)))
    np.testing.assert_allclose(h[:, 0] / np.tanh(1), expected, atol=1e-15)
    layer = book.time_layers.TimeGRU(Wx, Wh, b, dtype=np.float64, **options)
    assert layer.recurrent_activation == kind
    np.testing.assert_allclose(layer.forward(x[:, None, None])[:, 0], h, atol=1e-15)
    # The gradient is zero beyond the sloped part, and at its ends, where the value is 0 or 1.
    dx = layer.backward(np.ones((10, 1, 1)))[:, 0, 0] / np.tanh(1)
    slope = 0.2 if kind.endswith("2") else 1 / 6
    inside = (np.array(expected) > 0) & (np.array(expected) < 1)
    np.testing.assert_allclose(dx, inside * slope, atol=1e-15)


# Dtypes ----------------------------------------------------------------------------------------


@both
@every_layer
@pytest.mark.parametrize("weights", [np.float32, np.float64])
@pytest.mark.parametrize("given_", [np.float32, np.float64, np.int32, np.float16])
def test_sequences_are_float32_for_inputs_of_any_dtype(book, rng, name, weights, given_):
    layer = make(book, rng, name, weights)
    assert layer.forward_lstm.dtype == np.float32 if name == "TimeBiLSTM" else layer.dtype == "f"
    xs = (3 * rng.standard_normal((N, T, D))).astype(given_)
    hs = layer.forward(xs)
    dxs = layer.backward(hs.astype(given_))
    assert hs.dtype == dxs.dtype == np.float32
    assert all(grad.dtype == weights for grad in layer.grads)
    wide = getattr(book.time_layers, name)(*layer.params, dtype=np.float64)
    hs64 = wide.forward(xs)
    assert hs64.dtype == wide.backward(hs64).dtype == np.float64
    assert all(state.dtype == np.float64 for state in flat_states(name, wide))
    np.testing.assert_allclose(hs, hs64, rtol=1e-4, atol=1e-5)


@both
@every_layer
def test_float64_weights_are_not_rounded_in_between(book, rng, name):
    params = weights_of(rng, name, dtype=np.float64)
    cls = getattr(book.time_layers, name)
    narrow, wide = cls(*params), cls(*params, dtype=np.float64)
    xs, dhs = draw(rng, N, T, D, dtype="d"), draw(rng, N, T, width(name), dtype="d")
    np.testing.assert_array_equal(narrow.forward(xs), wide.forward(xs).astype("f"))
    narrow.backward(dhs), wide.backward(dhs)
    for mine, theirs in zip(narrow.grads, wide.grads, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


# Ownership -------------------------------------------------------------------------------------


def other_memory(x):
    """Return copies of x that are strided, reversed, Fortran-ordered and read-only."""
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    frozen = x.copy()
    frozen.setflags(write=False)
    return [wide[..., ::2], x[::-1].copy()[::-1], np.asfortranarray(x), frozen]


@both
@every_layer
def test_inputs_in_any_memory_layout_are_not_written_to(book, rng, name):
    layer = make(book, rng, name, stateful=True)
    xs, dhs = draw(rng, N, T, D), draw(rng, N, T, width(name))
    starts, arriving = ([draw(rng, N, H) for _ in range(n_states(name))] for _ in "12")
    lengths = np.array([4, 2, 3])
    arrays = [xs, dhs, *starts, *arriving]
    set_flat_states(name, layer, starts)
    hs = layer.forward(xs, lengths=lengths)
    dxs = layer.backward(dhs, **gradient_arguments(name, arriving))
    for variant in zip(*map(other_memory, arrays), strict=True):
        x, d, *rest = variant
        set_flat_states(name, layer, rest[: len(starts)])
        lengths.setflags(write=False)
        np.testing.assert_allclose(layer.forward(x, lengths=lengths), hs, rtol=1e-6)
        again = layer.backward(d, **gradient_arguments(name, rest[len(starts) :]))
        np.testing.assert_allclose(again, dxs, rtol=1e-5, atol=1e-6)
        for array, before in zip(variant, arrays, strict=True):
            assert_same_bits(array, before)


@both
@every_layer
def test_returned_arrays_are_never_written_again(book, rng, name):
    layer = make(book, rng, name, stateful=True)
    handed, copies = [], []

    def keep(*arrays):
        for array in arrays:
            handed.append(array)
            copies.append(array.copy())

    start = [draw(rng, N, H) for _ in range(n_states(name))]
    set_flat_states(name, layer, start)
    keep(*start)
    for _ in range(3):
        xs = draw(rng, N, T, D)
        hs = layer.forward(xs)
        keep(hs, *flat_states(name, layer))
        dxs = layer.backward(draw(rng, N, T, width(name)))
        keep(dxs, *flat_states(name, layer, "d"))
        for array in (hs, dxs):
            assert type(array) is np.ndarray and array.flags.writeable
            assert not any(np.shares_memory(array, p) for p in [xs, *layer.params, *layer.grads])
        layer.forward(xs, train=False)
        keep(*flat_states(name, layer))
    for array, before in zip(handed, copies, strict=True):
        assert_same_bits(array, before)


@both
@every_layer
def test_callers_may_write_into_results(book, rng, name):
    layer = make(book, rng, name)
    xs, dhs = draw(rng, N, T, D), draw(rng, N, T, width(name))
    hs = layer.forward(xs)
    first = layer.backward(dhs)
    kept, grads = first.copy(), [grad.copy() for grad in layer.grads]
    hs *= 100
    first *= 100
    for state in flat_states(name, layer):
        state *= 100
    assert_same_bits(layer.backward(dhs), kept)
    for grad, before in zip(layer.grads, grads, strict=True):
        assert_same_bits(grad, before)


@both
@every_layer
def test_gradients_are_written_in_place_into_the_callers_order(book, rng, name):
    params = weights_of(rng, name)
    layer = getattr(book.time_layers, name)(*params)
    assert all(mine is given_ for mine, given_ in zip(layer.params, params, strict=True))
    grads = list(layer.grads)
    assert [g.shape for g in grads] == [p.shape for p in params]
    assert not any(g.any() for g in grads)
    xs, dhs = draw(rng, N, T, D), draw(rng, N, T, width(name))
    layer.forward(xs)
    layer.backward(dhs)
    before = [grad.copy() for grad in grads]
    for grad in grads:
        grad[...] = np.nan
    layer.backward(dhs)
    assert all(now is then for now, then in zip(layer.grads, grads, strict=True))
    for grad, expected in zip(grads, before, strict=True):
        assert_same_bits(grad, expected)
    # The last forward counts.
    layer.forward(3 * xs)
    layer.forward(xs)
    layer.backward(dhs)
    for grad, expected in zip(grads, before, strict=True):
        assert_same_bits(grad, expected)


@both
@one_way
def test_lists_are_read_at_every_call(book, rng, name):
    layer, other = make(book, rng, name), make(book, rng, name)
    xs, dhs = draw(rng, N, T, D), draw(rng, N, T, H)
    layer.forward(xs)
    layer.params[:] = other.params
    layer.grads[0] = np.full_like(layer.grads[0], np.nan, order="F")
    assert_same_bits(layer.forward(xs), other.forward(xs))
    layer.backward(dhs)
    other.backward(dhs)
    for mine, theirs in zip(layer.grads, other.grads, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)
    layer.params[0] += 1  # in place, as an optimizer does
    other.params[0] = other.params[0].copy()
    assert_same_bits(layer.forward(xs), other.forward(xs))


@both
@one_way
def test_weights_may_be_views(book, rng, name):
    layer = make(book, rng, name)
    strided = [np.repeat(W, 2, axis=-1)[..., ::2] for W in layer.params[1:]]
    views = [np.asfortranarray(layer.params[0]), *strided]
    other = getattr(book.time_layers, name)(*views)
    assert all(mine is given_ for mine, given_ in zip(other.params, views, strict=True))
    xs, dhs = draw(rng, N, T, D), draw(rng, N, T, H)
    np.testing.assert_allclose(other.forward(xs), layer.forward(xs), rtol=1e-5)
    np.testing.assert_allclose(other.backward(dhs), layer.backward(dhs), rtol=1e-4, atol=1e-6)
    for mine, theirs in zip(other.grads, layer.grads, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


@both
@every_layer
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_continue_from_the_layers_state(book, rng, name, clone):
    layer = make(book, rng, name, stateful=True)
    xs, dhs = draw(rng, N, T, D), draw(rng, N, T, width(name))
    layer.forward(xs)
    other = clone(layer)
    assert_same_bits(other.backward(dhs), layer.backward(dhs))
    for mine, theirs in zip(other.grads + other.params, layer.grads + layer.params, strict=True):
        assert_same_bits(mine, theirs)
        assert not np.shares_memory(mine, theirs)
    assert_same_bits(other.forward(xs), layer.forward(xs))


# States ----------------------------------------------------------------------------------------


@both
@one_way
def test_without_stateful_each_forward_starts_at_zero(book, rng, name):
    layer = make(book, rng, name)
    assert layer.stateful is False and layer.h is None and layer.dh is None
    xs = draw(rng, N, T, D)
    first = layer.forward(xs)
    assert_same_bits(layer.forward(xs), first)
    layer.set_state(*(draw(rng, N, H) for _ in range(n_states(name))))
    assert_same_bits(layer.forward(xs), first)  # dropped
    # Of another size, too.
    layer.set_state(*(draw(rng, N + 1, H) for _ in range(n_states(name))))
    assert_same_bits(layer.forward(xs), first)


@both
@one_way
def test_stateful_forwards_are_one_long_sequence(book, rng, name):
    layer = make(book, rng, name, stateful=True)
    whole = make(book, rng, name)
    whole.params[:] = layer.params
    xs = draw(rng, N, 3 * T, D)
    parts = [layer.forward(xs[:, k * T : (k + 1) * T]) for k in range(3)]
    np.testing.assert_allclose(np.concatenate(parts, 1), whole.forward(xs), rtol=1e-6)
    layer.reset_state()
    assert all(state is None for state in states_of(layer))
    assert_same_bits(layer.forward(xs[:, :T]), parts[0])
    layer.set_state(None)
    assert_same_bits(layer.forward(xs[:, :T]), parts[0])


@both
@one_way
def test_h_is_a_copy_of_the_last_output(book, rng, name):
    layer = make(book, rng, name, stateful=True)
    for _ in range(2):
        hs = layer.forward(draw(rng, N, T, D))
        np.testing.assert_array_equal(layer.h, hs[:, -1])
        assert layer.h.shape == (N, H) and not np.shares_memory(layer.h, hs)
        hs[...] = 7
        assert (layer.h != 7).all()


@both
@one_way
def test_a_state_can_be_kept_and_set_again(book, rng, name):
    layer = make(book, rng, name, stateful=True)
    xs = draw(rng, N, T, D)
    layer.forward(xs)
    point = states_of(layer)
    copies = [state.copy() for state in point]
    after = layer.forward(xs)
    layer.backward(np.ones((N, T, H)))
    layer.set_state(*point)
    assert_same_bits(layer.forward(xs), after)
    for state, before in zip(point, copies, strict=True):
        assert_same_bits(state, before)


@both
@one_way
def test_a_state_may_be_a_strided_view(book, rng, name):
    encoder, decoder = make(book, rng, name), make(book, rng, name, stateful=True)
    xs = draw(rng, N, T, D)
    hs = encoder.forward(xs)
    before = hs.copy()
    decoder.set_state(hs[:, -1, :])
    out = decoder.forward(xs)
    decoder.backward(out)
    assert_same_bits(hs, before)
    decoder.set_state(hs[:, -1].copy())
    assert_same_bits(decoder.forward(xs), out)
    assert decoder.dh.shape == (N, H)


@both
def test_h_alone_means_c_is_zero(book, rng):
    layer = make(book, rng, "TimeLSTM", stateful=True)
    xs, h = draw(rng, N, T, D), draw(rng, N, H)
    layer.forward(xs)
    layer.set_state(h)
    assert layer.c is None
    alone = layer.forward(xs)
    layer.set_state(h, np.zeros((N, H), "f"))
    assert_same_bits(layer.forward(xs), alone)


@both
@one_way
def test_assigned_attributes_take_effect(book, rng, name):
    layer = make(book, rng, name)
    xs = draw(rng, N, T, D)
    fresh = layer.forward(xs)
    layer.stateful = True
    on = layer.forward(xs)
    assert not np.array_equal(on, fresh)
    layer.h = None
    if name == "TimeLSTM":
        layer.c = None
    assert_same_bits(layer.forward(xs), fresh)
    h = draw(rng, N, H, dtype="d")
    layer.h = h
    if name == "TimeLSTM":
        layer.c = np.zeros((N, H))
    assigned = layer.forward(xs)
    layer.set_state(h)
    np.testing.assert_allclose(layer.forward(xs), assigned, rtol=1e-6)
    layer.stateful = False
    assert_same_bits(layer.forward(xs), fresh)


# Inference -------------------------------------------------------------------------------------


@both
@every_layer
def test_without_training_nothing_is_kept(book, rng, name):
    layer = make(book, rng, name, stateful=True)
    xs = draw(rng, N, T, D)
    trained = layer.forward(xs)
    states = [state.copy() for state in flat_states(name, layer)]
    layer.reset_state()
    assert_same_bits(layer.forward(xs, train=False), trained)
    for state, expected in zip(flat_states(name, layer), states, strict=True):
        assert_same_bits(state, expected)
    with pytest.raises(RuntimeError, match="backward: nothing .* call forward first, with train="):
        layer.backward(trained)
    layer.forward(xs)
    assert layer.backward(trained).shape == xs.shape


@both
@one_way
def test_nan_stays_in_its_row(book, rng, name):
    layer = make(book, rng, name)
    xs = draw(rng, N, T, D)
    xs[1, 2, 0] = np.nan
    hs = layer.forward(xs)
    found = np.isnan(hs).any(axis=2)
    assert found.tolist() == [[False] * 4, [False, False, True, True], [False] * 4]
    dxs = layer.backward(np.ones((N, T, H)))
    assert np.isnan(dxs).any(axis=(1, 2)).tolist() == [False, True, False]
    assert all(np.isnan(grad).any() for grad in layer.grads)


# Bad input -------------------------------------------------------------------------------------


def good_weights(name):
    return weights_of(np.random.default_rng(0), name)


@both
@every_layer
@pytest.mark.parametrize(
    "which, bad, error, words",
    [
        (0, [[1.0]], TypeError, "Wx: expected a numpy array, got list"),
        (0, np.zeros(3), ValueError, "Wx: expected 2 dimensions"),
        (
            0,
            np.zeros((5, 3)),
            ValueError,
            r"Wx: expected shape \(D, .*H\) = \(5, {width}\) to match",
        ),
        (0, np.zeros((5, 2), complex), TypeError, "Wx: expected real numbers, got dtype complex"),
        (1, np.zeros((3, 2)), ValueError, r"Wh: expected shape \(H, .*H\), got \(3, 2\)"),
        (1, np.zeros((2, 9)), ValueError, r"Wh: expected shape \(H, .*H\), got \(2, 9\)"),
        (2, np.zeros(3), ValueError, r"b: expected shape \({width},\) to match W, got \(3,\)"),
        (2, [0, 0], TypeError, "b: expected a numpy array, got list"),
    ],
)
def test_bad_weights_are_refused(book, name, which, bad, error, words):
    params = good_weights(name)
    params[which] = bad
    with pytest.raises(error, match=words.replace("{width}", str(N_GATES[name] * H))):
        getattr(book.time_layers, name)(*params)


@both
@every_layer
def test_bad_options_are_refused(book, name):
    cls, params = getattr(book.time_layers, name), good_weights(name)
    for dtype in (np.float16, np.int32, "rubbish", complex):
        with pytest.raises(TypeError, match="dtype: expected None, np.float32 or np.float64, got"):
            cls(*params, dtype=dtype)
    if name != "TimeRNN":
        with pytest.raises(ValueError, match="recurrent_activation: .*keras2.*keras3.*got 'hard_s"):
            cls(*params, recurrent_activation="hard_sigmoid")


@both
@every_layer
@pytest.mark.parametrize(
    "xs, error, words",
    [
        (np.zeros((3, 4, 6)), ValueError, r"xs: .* \(N, T, D\) with D = 5 .*, got \(3, 4, 6\)"),
        (np.zeros((3, 5)), ValueError, r"xs: .* \(N, T, D\) with D = 5 .*, got \(3, 5\)"),
        (np.zeros((1, 3, 4, 5)), ValueError, r"xs: .* got \(1, 3, 4, 5\)"),
        (np.zeros((3, 4, 5), complex), TypeError, "xs: expected real numbers, got dtype complex"),
        (np.full((3, 4, 5), "a"), TypeError, "xs: expected real numbers, got dtype <U1"),
        (np.full((3, 4, 5), None), TypeError, "xs: expected real numbers, got dtype object"),
    ],
)
def test_bad_xs_leaves_a_layer_as_it_was(book, rng, name, xs, error, words):
    layer = make(book, rng, name, stateful=True)
    good, dhs = draw(rng, N, T, D), draw(rng, N, T, width(name))
    layer.forward(good)
    expected, states = layer.backward(dhs), flat_states(name, layer)
    with pytest.raises(error, match=words):
        layer.forward(xs)
    assert all(a is b for a, b in zip(flat_states(name, layer), states, strict=True))
    assert_same_bits(layer.backward(dhs), expected)


@both
@every_layer
@pytest.mark.parametrize(
    "lengths, error, words",
    [
        ([1, 2], ValueError, r"lengths: expected shape \(N,\) = \(3,\), .* got \(2,\)"),
        (3, ValueError, r"lengths: expected shape \(N,\) = \(3,\), .* got \(\)"),
        ([[1], [2], [3]], ValueError, r"lengths: expected shape \(N,\)"),
        ([1, 5, 2], ValueError, "lengths: expected numbers from 0 to T = 4, got 5 at position 1"),
        ([1, 2, -1], ValueError, "lengths: expected numbers from 0 to T = 4, got -1 at position 2"),
        ([1.0, 2.0, 3.0], TypeError, "lengths: expected integer .* got dtype float64"),
        ([True, True, False], TypeError, "lengths: expected integer .* got dtype bool"),
    ],
)
def test_bad_lengths_leave_a_layer_as_it_was(book, rng, name, lengths, error, words):
    layer = make(book, rng, name, stateful=True)
    xs, dhs = draw(rng, N, T, D), draw(rng, N, T, width(name))
    layer.forward(xs)
    expected, states = layer.backward(dhs), flat_states(name, layer)
    with pytest.raises(error, match=words):
        layer.forward(xs, lengths=lengths)
    assert all(a is b for a, b in zip(flat_states(name, layer), states, strict=True))
    assert_same_bits(layer.backward(dhs), expected)


@both
@every_layer
def test_the_error_for_a_state_of_another_batch_size_names_the_cure(book, rng, name):
    layer = make(book, rng, name, stateful=True)
    layer.forward(draw(rng, N, T, D))
    words = (
        r"h: expected a state of shape \(N, H\) = \(7, 2\), .* got \(3, 2\); call reset_state\(\)"
    )
    with pytest.raises(ValueError, match=words):
        layer.forward(draw(rng, 7, T, D))
    layer.reset_state()
    assert layer.forward(draw(rng, 7, T, D)).shape == (7, T, width(name))
    set_flat_states(name, layer, [draw(rng, N, H) for _ in range(n_states(name))])
    with pytest.raises(ValueError, match=r"h: expected a state .* or set_state\(\) with one of"):
        layer.forward(draw(rng, 7, T, D))
    if name == "TimeLSTM":
        layer.set_state(draw(rng, 7, H), draw(rng, 7, H + 1))
        with pytest.raises(ValueError, match=r"c: expected a state of shape .* got \(7, 3\)"):
            layer.forward(draw(rng, 7, T, D))
    set_flat_states(name, layer, [np.full((7, H), "a")] * n_states(name))
    with pytest.raises(TypeError, match="h: expected real numbers, got dtype <U1"):
        layer.forward(draw(rng, 7, T, D))


@both
@pytest.mark.parametrize("which", [0, 1])
def test_both_directions_are_checked_before_one_of_them_changes(book, rng, which):
    layer = make(book, rng, "TimeBiLSTM", stateful=True)
    xs, dhs = draw(rng, N, T, D), draw(rng, N, T, 2 * H)
    layer.forward(xs)
    expected = layer.backward(dhs)
    lstm = (layer.forward_lstm, layer.backward_lstm)[which]
    lstm.set_state(lstm.h, draw(rng, N + 1, H))
    states = layer.h, layer.c
    with pytest.raises(ValueError, match=r"c: expected a state of shape .* got \(4, 2\)"):
        layer.forward(xs)
    for pair, before in zip((layer.h, layer.c), states, strict=True):
        assert all(now is then for now, then in zip(pair, before, strict=True))
    assert_same_bits(layer.backward(dhs), expected)


@both
@every_layer
def test_backward_before_forward_is_an_error(book, rng, name):
    cls = "TimeBiLSTM" if name == "TimeBiLSTM" else name
    with pytest.raises(RuntimeError, match=f"{cls}.backward: nothing .* call forward first"):
        make(book, rng, name).backward(np.zeros((N, T, width(name))))


@both
@every_layer
def test_bad_gradients_leave_grads_as_they_were(book, rng, name):
    layer = make(book, rng, name)
    xs, dhs = draw(rng, N, T, D), draw(rng, N, T, width(name))
    layer.forward(xs)
    layer.backward(dhs)
    before = [grad.copy() for grad in layer.grads]
    W = width(name)
    for bad in (np.zeros((N, T, W + 1)), np.zeros((N, T + 1, W)), np.zeros((N, W)), 1.0):
        with pytest.raises(ValueError, match=rf"dhs: expected shape \(3, 4, {W}\) \(N, T and .*H"):
            layer.backward(bad)
    with pytest.raises(TypeError, match="dhs: expected real numbers"):
        layer.backward(dhs.astype(complex))
    for what in ("dh", "dc") if hasattr(layer, "c") else ("dh",):
        bad = np.zeros((N, H + 1))
        bad = (None, bad) if name == "TimeBiLSTM" else bad
        with pytest.raises(ValueError, match=rf"{what}: expected shape \(3, 2\) \(N and H of"):
            layer.backward(dhs, **{what: bad})
    for grad, expected in zip(layer.grads, before, strict=True):
        assert_same_bits(grad, expected)


# One step --------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_cells_promote_as_numpy_does_and_own_nothing(book, rng, name):
    n = 2 if name == "LSTM" else 1
    for dtypes in (("f", "f", "f"), ("f", "d", "f"), ("d", "f", "f"), ("f", "i4", "d")):
        weights, given_, state = dtypes
        layer = getattr(book.time_layers, name)(*weights_of(rng, f"Time{name}", dtype=weights))
        inputs = [(2 * draw(rng, N, D)).astype(given_), *(draw(rng, N, H, dtype=state),) * n]
        douts = [draw(rng, N, H, dtype=state) for _ in range(n)]
        copies = [a.copy() for a in (*inputs, *douts)]
        out = layer.forward(*inputs)
        out = out if isinstance(out, tuple) else (out,)
        promoted = np.result_type(weights, given_, state)
        assert all(o.dtype == promoted and o.shape == (N, H) for o in out)
        dx, *dstates = layer.backward(*douts)
        kept = [dx.copy(), *(d.copy() for d in dstates), *(g.copy() for g in layer.grads)]
        assert dx.shape == (N, D) and all(d.shape == (N, H) for d in dstates)
        assert all(grad.dtype == weights for grad in layer.grads)
        for array in (*out, dx, *dstates):
            assert type(array) is np.ndarray and array.flags.writeable
            array *= 100
        again = layer.backward(*douts)
        for mine, before in zip((*again, *layer.grads), kept, strict=True):
            assert_same_bits(mine, before)
        for array, before in zip((*inputs, *douts), copies, strict=True):
            assert_same_bits(array, before)


@both
def test_cells_keep_x_and_h_prev_and_a_gru_its_gradients(book, rng):
    x, h, c = draw(rng, N, D), draw(rng, N, H), draw(rng, N, H)
    for name, states in (("RNN", (h,)), ("GRU", (h,)), ("LSTM", (h, c))):
        layer = getattr(book.time_layers, name)(*weights_of(rng, f"Time{name}"))
        assert layer.cache is None
        layer.forward(x, *states)
        np.testing.assert_array_equal(layer.cache[0], x)
        np.testing.assert_array_equal(layer.cache[1], h)
        layer.backward(*(np.ones((N, H)),) * len(states))
        if name == "GRU":
            for grad, known in zip(layer.grads, (layer.dWx, layer.dWh, layer.db), strict=True):
                np.testing.assert_allclose(grad, known, rtol=1e-6)


@both
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_a_number_is_a_gradient_of_equal_entries(book, rng, name):
    # Loops begin with dh = 0, and an LSTM's with dc = 0.
    layer = getattr(book.time_layers, name)(*weights_of(rng, f"Time{name}"))
    n = 2 if name == "LSTM" else 1
    layer.forward(draw(rng, N, D), *(draw(rng, N, H) for _ in range(n)))
    dh = draw(rng, N, H)
    expected = layer.backward(dh, *(np.zeros((N, H), "f"),) * (n - 1))
    for mine, theirs in zip(layer.backward(dh, *(0,) * (n - 1)), expected, strict=True):
        assert_same_bits(mine, theirs)


@pytest.fixture
def cell(rng, request):
    """Return a cell of the fast package after a forward, and the arguments of both passes."""
    layer = getattr(COMPILED.time_layers, request.param)(*weights_of(rng, f"Time{request.param}"))
    n = 2 if request.param == "LSTM" else 1
    inputs = [draw(rng, N, D), *(draw(rng, N, H) for _ in range(n))]
    douts = [draw(rng, N, H) for _ in range(n)]
    layer.forward(*inputs)
    return layer, inputs, douts


every_cell = pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"], indirect=True)


@every_cell
def test_bad_input_leaves_a_cell_as_it_was(rng, cell):
    layer, inputs, douts = cell
    expected = layer.backward(*douts)
    x, h, *more = inputs
    words = r"x: expected shape \(N, D\) with D = 5 to match Wx of shape"
    for bad in (x[:, :4], x[0], x[None]):
        with pytest.raises(ValueError, match=words):
            layer.forward(bad, h, *more)
    for bad in (h[:2], h[:, :1], h[0]):
        with pytest.raises(ValueError, match=r"h_prev: expected shape \(3, 2\) \(N of x and H of"):
            layer.forward(x, bad, *more)
    with pytest.raises(TypeError, match="x: expected real numbers, got dtype complex"):
        layer.forward(x.astype(complex), h, *more)
    for bad in (douts[0][:2], douts[0][:, :1]):
        with pytest.raises(ValueError, match=r"dh_next: expected shape \(3, 2\) \(that of forw"):
            layer.backward(bad, *douts[1:])
    before = [grad.copy() for grad in layer.grads]
    layer.grads[2].setflags(write=False)
    with pytest.raises(ValueError, match=r"grads\[2\]: expected a writable array"):
        layer.backward(*(2 * d for d in douts))
    for grad, then in zip(layer.grads, before, strict=True):
        assert_same_bits(grad, then)
    layer.grads[2] = layer.grads[2].copy()
    for mine, theirs in zip(layer.backward(*douts), expected, strict=True):
        assert_same_bits(mine, theirs)


@every_cell
def test_backward_of_a_cell_before_forward_is_an_error(cell):
    layer, _, douts = cell
    fresh = type(layer)(*layer.params)
    with pytest.raises(RuntimeError, match=f"{type(layer).__name__}.backward: nothing .* forward"):
        fresh.backward(*douts)


def test_bad_weights_of_cells_are_refused():
    cells = COMPILED.time_layers
    with pytest.raises(ValueError, match=r"Wx: expected shape \(D, 4 \* H\) = \(5, 8\) to match"):
        cells.LSTM(np.zeros((5, 7)), np.zeros((2, 8)), np.zeros(8))
    with pytest.raises(ValueError, match=r"Wh: expected shape \(H, 3 \* H\), got \(2, 8\)"):
        cells.GRU(np.zeros((5, 8)), np.zeros((2, 8)), np.zeros(8))
    with pytest.raises(ValueError, match=r"b: expected shape \(2,\) to match W, got \(3,\)"):
        cells.RNN(np.zeros((5, 2)), np.zeros((2, 2)), np.zeros(3))
    for cls in (cells.LSTM, cells.GRU):
        with pytest.raises(ValueError, match="recurrent_activation: .*keras2.*keras3.*got 'relu'"):
            cls(np.zeros((5, 8)), np.zeros((2, 8)), np.zeros(8), recurrent_activation="relu")
