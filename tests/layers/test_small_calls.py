"""Small calls, which compiled entries take: the same bits, attributes and errors as the others.

`serial_below(0)` leaves every call to the general path, so each test makes the same calls twice.
"""

import sys

import numpy as np
import pytest
from conftest import assert_same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

from fastw2v import optimizer
from fastw2v._core import threads
from fastw2v._kernels import _embedding, _gemm, _loss, _lstm, _optimizer
from fastw2v.layers import Affine, Embedding, MatMul, SigmoidWithLoss, SoftmaxWithLoss
from fastw2v.time_layers import TimeAffine, TimeEmbedding, TimeLSTM

SIZES = st.integers(0, 9)
some = settings(max_examples=60)
DTYPES = st.sampled_from(["f4", "f8", "f4", "i4", "i8", "f2", "u1", ">f4"])
LAYOUTS = st.sampled_from(["plain", "plain", "fortran", "strided", "reversed", "frozen", "odd"])


def drawn(rng, shape, dtype, layout="plain"):
    """Return small numbers in this dtype and form of memory."""
    x = rng.integers(-8, 8, shape) / (1 if dtype[-2] in "iu" else 4)
    x = np.asarray(abs(x) if dtype == "u1" else x).astype(dtype)
    if layout == "fortran":
        return np.asfortranarray(x)
    if layout == "strided":
        return np.repeat(x, 2, axis=-1)[..., ::2]
    if layout == "reversed":
        return x[::-1].copy()[::-1]
    if layout == "odd":  # not aligned
        memory = np.zeros(x.nbytes + 1, np.uint8)[1:]
        memory[:] = np.frombuffer(x.tobytes(), np.uint8)
        return memory.view(x.dtype).reshape(x.shape)
    if layout == "frozen":
        x.flags.writeable = False
    return x


def everything(thing):
    """Return all arrays and numbers that a layer or an optimizer holds, by name."""
    found = dict(vars(thing))
    if isinstance(thing, TimeLSTM):
        found = {name: found[name] for name in ("h", "c", "dh", "dc", "params", "grads")}
        found["layers"] = [step.cache for step in thing.layers or ()]
    return found


def assert_same(ours, general):
    if isinstance(general, dict):
        assert ours.keys() == general.keys()
        ours, general = list(ours.values()), list(general.values())
    if isinstance(general, (list, tuple)):
        assert type(ours) is type(general) and len(ours) == len(general)
        for mine, theirs in zip(ours, general, strict=True):
            assert_same(mine, theirs)
    elif isinstance(general, (np.ndarray, np.generic)):
        assert type(ours) is type(general)
        assert_same_bits(ours, general)
    elif general is None or isinstance(general, (bool, int, float, str)):
        assert repr(ours) == repr(general)


def outcome(thing, calls):
    """Return results and errors of calls (method, arguments), and what the thing holds then."""
    results = []
    for name, *arguments in calls:
        try:
            results.append(getattr(thing, name)(*arguments))
        except Exception as error:
            results.append(f"{type(error).__name__}: {error}")
    return results, everything(thing)


def check(make, calls, changed=()):
    """Make the calls on two equal things, the second without the small entries.

    `changed` are the arrays that the calls change; the second thing finds them as the first did.
    """
    kept = [array.copy() for array in changed]
    ours = outcome(make(), calls), [array.copy() for array in changed]
    for array, old in zip(changed, kept, strict=True):
        if array.flags.writeable:
            array[...] = old
    before = threads.serial_below(0)
    try:
        general = outcome(make(), calls), [array.copy() for array in changed]
    finally:
        threads.serial_below(before)
    assert_same(ours, general)


@some
@given(st.data())
def test_dense_layers(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    N, T, D, H = (data.draw(SIZES) for _ in range(4))
    kind = data.draw(st.sampled_from([MatMul, Affine, TimeAffine]))
    lead = data.draw(st.sampled_from([(N, T), (N,), ()])) if kind is not TimeAffine else (N, T)

    def array(*shape):
        return drawn(rng, shape, data.draw(DTYPES), data.draw(LAYOUTS))

    weights = [array(D, H), array(H)][: 1 if kind is MatMul else 2]
    x, dout = array(*lead, D), array(*lead, H if data.draw(st.integers(0, 9)) else H + 1)
    check(lambda: kind(*weights), [("backward", dout), ("forward", x), ("backward", dout)])


@some
@given(st.data())
def test_losses(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    N, V = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 5))
    kind = data.draw(st.sampled_from([SoftmaxWithLoss, SigmoidWithLoss]))
    shapes = [(N, V), (V,), (N,), (N, 1)]
    x = drawn(rng, data.draw(st.sampled_from(shapes)), data.draw(DTYPES), data.draw(LAYOUTS))
    dtype = data.draw(st.sampled_from(["i8", "i4", "u1", "f4"]))
    t = rng.integers(-1, max(V, 1) + 1, data.draw(st.sampled_from(shapes)))
    if data.draw(st.booleans()):
        t = abs(t) % 2 if kind is SigmoidWithLoss else abs(t) % max(V, 1)
    dout = data.draw(st.sampled_from([1, 2.5, True, np.float32(2), np.ones(V), 10**20, "x"]))
    check(kind, [("backward",), ("forward", x, t.astype(dtype)), ("backward",), ("backward", dout)])


@some
@given(st.data())
def test_embeddings(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    V, D, N = data.draw(st.integers(1, 9)), data.draw(SIZES), data.draw(SIZES)
    kind = data.draw(st.sampled_from([Embedding, TimeEmbedding]))
    W = drawn(rng, (V, D), data.draw(st.sampled_from(["f4", "f8", "f2"])), data.draw(LAYOUTS))
    calls = []
    for _ in range(3):
        shape = data.draw(st.sampled_from([(N,), (N, 2), (2, N, 1), ()]))
        ids = rng.integers(-1 if data.draw(st.booleans()) else 0, V, shape)
        ids = ids.astype(data.draw(st.sampled_from(["i8", "i4", "u1", "f4"])))
        dout = drawn(rng, (*shape, D), data.draw(DTYPES), data.draw(LAYOUTS))
        calls += [("forward", ids), ("backward", dout)]
    check(lambda: kind(W), calls)


@pytest.mark.parametrize("name", optimizer.__all__)
@some
@given(data=st.data())
def test_optimizers(name, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    shapes = data.draw(st.lists(st.tuples(SIZES, SIZES), max_size=3))
    types = [data.draw(st.sampled_from(["f4", "f8", "f2"])) for _ in shapes]

    def arrays():
        return [
            drawn(rng, shape, dtype, data.draw(LAYOUTS))
            for shape, dtype in zip(shapes, types, strict=True)
        ]

    params = arrays()
    if data.draw(st.integers(0, 5)) == 0:
        types = types[::-1]
    calls = [("update", params, arrays()) for _ in range(3)]
    calls[1][2][:1] = calls[1][1][:1] if data.draw(st.booleans()) else calls[1][2][:1]
    rate = data.draw(st.sampled_from([0.1, 1, "x", float("nan")]))
    check(lambda: getattr(optimizer, name)(lr=rate), calls, params)


@some
@given(st.data())
def test_lstm(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    N, T, D, H = (data.draw(st.integers(0, 4)) for _ in range(4))
    dtypes = st.sampled_from(["f4", "f4", "f4", "f4", "f4", "f8", "i4"])
    weights = [
        drawn(rng, shape, data.draw(dtypes), data.draw(LAYOUTS))
        for shape in ((D, 4 * H), (H, 4 * H), (4 * H,))
    ]
    options = {
        "recurrent_activation": data.draw(st.sampled_from(["sigmoid", "hard_sigmoid_keras3"])),
        "go_backwards": data.draw(st.booleans()) and data.draw(st.booleans()),
    }
    stateful = data.draw(st.booleans())
    xs = drawn(rng, (N, T, D), data.draw(dtypes), data.draw(LAYOUTS))
    states = [drawn(rng, (N, H), data.draw(dtypes), data.draw(LAYOUTS)) for _ in "hc"]
    dhs = drawn(rng, (N, T, H), "f4")
    calls = [("forward", xs), ("backward", dhs), ("set_state", *states), ("forward", xs)]
    calls += [("reset_state",), ("backward", dhs), ("set_state", states[0]), ("forward", xs)]
    check(lambda: TimeLSTM(*weights, stateful, **options), calls)


class NoArray:
    """An object that looks like an array and is none."""

    shape, dtype, ndim = (2, 2), np.dtype("f4"), 2


HOSTILE = [None, 0, "x", [], [[1.0]], np.float32(1), NoArray(), np.ones(2, object)]


def is_declined(answer):
    return any(answer is each for each in (None, False)) or (
        type(answer) is int and answer == _embedding.ELSEWHERE
    )


def test_entries_decline_what_they_do_not_know():
    x, ids = np.ones((2, 2), "f4"), np.array([0, 1])
    bytes_, places = np.zeros(2, np.uint8), np.zeros(1, np.int64)
    entries = [
        (_gemm.try_dense, [x, [x], 1]),
        (_gemm.try_dense_backward, [x, x, [x], [x.copy()], 1]),
        (_loss.try_softmax_with_loss, [x, ids]),
        (_loss.try_softmax_with_loss_backward, [x, ids, 1]),
        (_loss.try_sigmoid_with_loss, [x[0], ids]),
        (_embedding.try_gather, [x, ids]),
        (_embedding.try_overwrite_rows, [x.copy(), bytes_, places, places, 0, 1, ids, x]),
        (_optimizer.try_steps, [0, [x.copy()], [x], [], (0.1,)]),
        (_lstm.try_forward, [np.ones((1, 1, 1), "f4"), [np.ones((1, 4), "f4")] * 3, None, None, 1]),
    ]
    for entry, arguments in entries:
        ids_used = any(argument is ids for argument in arguments)
        locked = not ids_used or getattr(sys, "_is_gil_enabled", lambda: True)()
        if locked and (entry is not _lstm.try_forward or _gemm.fused()):
            assert not is_declined(entry(*arguments))
        for k, argument in enumerate(arguments):
            # The optimizer makes the list of states itself.
            if (isinstance(argument, list) and argument) or isinstance(argument, np.ndarray):
                for other in HOSTILE:
                    assert is_declined(entry(*arguments[:k], other, *arguments[k + 1 :])), entry


def test_lists_of_a_gradient_are_checked_before_they_are_followed():
    """The tracker of a RowGrad belongs to the layer, and code may have exchanged it."""
    dW, x, ids = np.zeros((3, 2), "f4"), np.ones((2, 2), "f4"), np.array([0, 1])
    mark, lists = np.zeros(3, np.uint8), np.zeros(2, np.int64)
    good = [dW, mark, lists.copy(), lists, 0, 1, ids, x]
    assert _embedding.try_overwrite_rows(*good) == 2
    for k, bad in (
        (1, np.zeros(2, np.uint8)),
        (1, np.zeros(3, np.int8)),
        (2, np.zeros(0, np.int64)),
        (3, np.array([5, 0])),
        (3, np.array([-1, 0])),
        (4, 3),
        (4, -1),
        (5, 0),
        (5, 3),
        (6, np.array([0, 3])),
        (6, np.array([0, -1])),
        (7, np.ones((2, 3), "f4")),
        (7, dW[:2]),
    ):
        arguments = [*good[:k], bad, *good[k + 1 :]]
        arguments[4] = arguments[4] if k == 4 else 2
        assert _embedding.try_overwrite_rows(*arguments) == _embedding.ELSEWHERE, (k, bad)
