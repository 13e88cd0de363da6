"""Promises of every layer and model of table.LAYERS, and of every kernel of kernel_calls."""

import contextlib
import copy
import gc
import importlib
import inspect
import os
import pickle
import sys
import threading

import kernel_calls
import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from gradcheck import assert_gradients
from implementations import COMPILED, REFERENCE
from table import LAYERS

from fastw2v import RowGrad

# How often the steady tests call: more outside the gate, FASTW2V_TEST_CALLS=10000 for instance.
CALLS = int(os.environ.get("FASTW2V_TEST_CALLS", "300"))

every_layer = pytest.mark.parametrize("name", LAYERS)


def plain(*shape, dtype):
    rng = np.random.default_rng(sum(shape))
    return (0.5 * rng.standard_normal(shape)).astype(dtype)


def make(name, dtype=np.float32, book=COMPILED, arrange=np.asarray, agreed=False):
    np.random.seed(3)  # models draw their own weights
    entry = LAYERS[name]
    layer = entry.make(book, lambda *shape: arrange(plain(*shape, dtype=dtype)), dtype)
    if agreed:
        entry.agree(layer)
    return layer


def sample(name, dtype=np.float32, seed=0):
    return LAYERS[name].inputs(np.random.default_rng(seed), np.dtype(dtype))


def floats_of(inputs):
    return [k for k, x in inputs.items() if isinstance(x, np.ndarray) and x.dtype.kind == "f"]


def listed(results):
    if results is None:
        return []
    return list(results) if isinstance(results, tuple) else [results]


def forward(layer, inputs):
    np.random.seed(11)  # the same draws at every call
    return step(layer, inputs)


def step(layer, inputs):
    if hasattr(layer, "reset_state"):
        layer.reset_state()
    return listed(layer.forward(**inputs))


def arriving(outs):
    """Arguments of backward: none for a loss, else a gradient for each result."""
    if len(outs) == 1 and np.ndim(outs[0]) == 0:
        return []
    rng = np.random.default_rng(5)
    return [rng.standard_normal(np.shape(out)).astype(out.dtype) for out in outs]


def params_of(layer):
    return layer.params if hasattr(layer, "params") else [layer.W, layer.b]


def grads_of(layer):
    return layer.grads if hasattr(layer, "grads") else [layer.dW, layer.db]


def backward(layer, douts):
    dxs = listed(layer.backward(*douts))
    return dxs + [np.array(grad) for grad in grads_of(layer)]


def results(layer, inputs):
    outs = forward(layer, inputs)
    return outs + backward(layer, arriving(outs))


@contextlib.contextmanager
def refused_without_a_trace(layer, inputs, error, match=None, whole=False):
    """Expect an error, after which backward is still that of the forward before it.

    In a `whole` model the layers before the one that refuses have had their forward already.
    """
    douts = arriving(forward(layer, inputs))
    expected = backward(layer, douts)
    with pytest.raises(error, match=match):
        yield
    if whole:
        assert_same(forward(layer, inputs), forward(layer, inputs))
    else:
        assert_same(backward(layer, douts), expected)


def assert_close(found, expected, dtype, factor=200):
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        limit = factor * np.finfo(dtype).eps * np.abs(theirs).max(initial=1.0)
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=limit)


def assert_same(found, expected):
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert_same_bits(np.asarray(mine), np.asarray(theirs))


# The table itself ----------------------------------------------------------------------------


# Public names that a star import must not give, because the book has none of them.
BESIDE_THE_BOOK = {"time_layers": ("TimeBidirectional", "TimeStack")}


def public_layers():
    modules = ["layers", "time_layers", "attention_layer", "negative_sampling_layer"]
    for module in [*modules, "candidate_sampling", "models"]:
        home = importlib.import_module(f"fastw2v.{module}")
        for name in (*home.__all__, *BESIDE_THE_BOOK.get(module, ())):
            thing = getattr(home, name)
            if inspect.isclass(thing) and hasattr(thing, "forward") and hasattr(thing, "backward"):
                if module == "models" or thing.__module__ != "fastw2v.layers":
                    yield f"{module}.{name}"
                else:
                    yield f"layers.{name}"


def test_every_public_layer_is_in_the_table():
    assert set(public_layers()) == {name.split()[0] for name in LAYERS}


def test_samples_match_the_table():
    for name, entry in LAYERS.items():
        inputs = sample(name)
        for argument, (below, _) in entry.ids.items():
            drawn = np.asarray(inputs[argument])
            assert (drawn.min(), drawn.max()) == (0, below - 1), name


# Results -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, entry in LAYERS.items() if entry.twin])
def test_agrees_with_the_reference(name, dtype):
    if LAYERS[name].whole and dtype == np.float64:
        dtype = np.dtype(np.float32)  # the reference's models are float32
    inputs = sample(name, dtype)
    layers = [make(name, dtype, book, agreed=True) for book in (COMPILED, REFERENCE)]
    outs = [forward(layer, inputs) for layer in layers]
    assert_close(*outs, dtype)
    found = [by_weight(layer, backward(layer, arriving(outs[0]))) for layer in layers]
    assert_close(*found, dtype)


def address(array):
    return array.__array_interface__["data"][0]


def by_weight(layer, found):
    """Return the result of backward and the gradients, summed for a weight listed more than once.

    As itself, or once more as its transpose.
    """
    sums = {}
    n_dx = len(found) - len(grads_of(layer))
    for param, grad in zip(params_of(layer), found[n_dx:], strict=True):
        first, total = sums.setdefault(address(param), (param, np.zeros(param.shape)))
        total += grad if first.strides == param.strides else grad.T
    return found[:n_dx] + [total for _, total in sums.values()]


@pytest.mark.parametrize("name", [name for name, entry in LAYERS.items() if entry.differentiable])
def test_gradients_by_finite_differences(name):
    layer, inputs = make(name, np.float64), sample(name, np.float64)
    douts = arriving(forward(layer, inputs))
    gradients = by_weight(layer, backward(layer, douts))
    weights = {address(param): param for param in reversed(params_of(layer))}
    weights = [weights[key] for key in dict.fromkeys(map(address, params_of(layer)))]
    arrays = [inputs[key] for key in floats_of(inputs)] if LAYERS[name].dx else []
    arrays += weights
    gradients = gradients[len(gradients) - len(arrays) :]

    def objective():
        outs = forward(layer, inputs)
        if not douts:
            return float(outs[0])
        return sum(float((out * dout).sum()) for out, dout in zip(outs, douts, strict=True))

    assert arrays
    assert_gradients(objective, arrays, gradients, rtol=1e-4, atol=1e-6)


@every_layer
def test_equal_bits_at_every_call(name, dtype):
    first, other = sample(name, dtype), sample(name, dtype, seed=1)
    expected = results(make(name, dtype), first)
    layer = make(name, dtype)
    results(layer, other)
    assert_same(results(layer, first), expected)


@every_layer
def test_backward_twice(name, dtype):
    layer = make(name, dtype)
    douts = arriving(forward(layer, sample(name, dtype)))
    assert_same(backward(layer, douts), backward(layer, douts))


@every_layer
def test_arrays_handed_out_are_never_written_again(name, dtype):
    layer = make(name, dtype)
    outs = forward(layer, sample(name, dtype))
    dxs = listed(layer.backward(*arriving(outs)))
    kept = [np.copy(x) for x in outs + dxs]
    results(layer, sample(name, dtype, seed=1))
    assert_same(outs + dxs, kept)
    for x in outs + dxs:  # and they are the caller's to write to
        if isinstance(x, np.ndarray):
            x[...] = 7
    assert_same(
        results(layer, sample(name, dtype, seed=1)),
        results(make(name, dtype), sample(name, dtype, seed=1)),
    )


# Arguments -----------------------------------------------------------------------------------


class Named(np.ndarray):
    """Somebody's own kind of array."""


def as_strided(x):
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def as_unaligned(x):
    raw = bytearray(x.nbytes + 1)
    memory = np.frombuffer(raw, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    memory[...] = x
    return memory


def as_read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = {
    "strided": as_strided,
    "backwards": lambda x: x[::-1].copy()[::-1],
    "F-order": np.asfortranarray,
    "read-only": as_read_only,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "unaligned": as_unaligned,
    "a subclass": lambda x: x.view(Named),
}


@every_layer
@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_of_any_layout(name, dtype, layout):
    inputs = sample(name, dtype)
    expected = results(make(name, dtype), inputs)

    def rearranged(x):
        return LAYOUTS[layout](x) if isinstance(x, np.ndarray) and x.ndim else x

    layer = make(name, dtype)
    outs = forward(layer, {key: rearranged(x) for key, x in inputs.items()})
    found = outs + backward(layer, [rearranged(dout) for dout in arriving(outs)])
    assert_close(found, expected, dtype, factor=20)
    for mine, theirs in zip(found, expected, strict=True):
        assert type(mine) is type(theirs) and mine.dtype == theirs.dtype


@pytest.mark.parametrize("name", [name for name, entry in LAYERS.items() if not entry.whole])
@pytest.mark.parametrize("layout", ["strided", "backwards", "F-order", "read-only"])
def test_weights_of_any_layout(name, dtype, layout):
    inputs = sample(name, dtype)
    layers = make(name, dtype), make(name, dtype, arrange=LAYOUTS[layout])
    outs = [forward(layer, inputs) for layer in layers]
    assert_close(*outs, dtype, factor=20)
    found = [by_weight(layer, backward(layer, arriving(outs[0]))) for layer in layers]
    assert_close(*found, dtype, factor=20)


@every_layer
def test_the_same_bits_in_any_number_of_parts(name, dtype, all_parts):
    inputs, found = sample(name, dtype), []
    for n_parts in N_PARTS:
        all_parts(n_parts)
        layer = make(name, dtype)
        found.append(results(layer, inputs) + [np.array(g) for g in grads_of(layer)])
    for other in found[1:]:
        assert_same(other, found[0])


@every_layer
def test_rows_that_overlap(name, dtype):
    """Windows of one series, which overlap in memory; and the result itself as its gradient."""
    inputs = sample(name, dtype)
    shared = {}
    for key, x in inputs.items():
        shared[key] = x
        if isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.ndim > 1:
            series = np.resize(x, len(x) + x[0].size - 1)
            shared[key] = np.lib.stride_tricks.as_strided(
                series, x.shape, (x.itemsize, *x.strides[1:]), writeable=False
            )
    copied = {k: np.array(x) if isinstance(x, np.ndarray) else x for k, x in shared.items()}
    assert_close(results(make(name, dtype), shared), results(make(name, dtype), copied), dtype, 20)
    layer, twin = make(name, dtype), make(name, dtype)
    outs = forward(layer, inputs)
    if arriving(outs):
        copies = [np.copy(out) for out in forward(twin, inputs)]
        assert_close(backward(layer, outs), backward(twin, copies), dtype, 20)


@every_layer
def test_arguments_are_never_written(name, dtype):
    layer, inputs = make(name, dtype), sample(name, dtype)
    douts = arriving(forward(layer, inputs))
    before = pickle.dumps([inputs, douts, [np.array(W) for W in params_of(layer)]])
    forward(layer, inputs)
    backward(layer, douts)
    after = pickle.dumps([inputs, douts, [np.array(W) for W in params_of(layer)]])
    assert after == before


@every_layer
def test_weights_and_gradients_stay_the_same_arrays(name, dtype):
    layer = make(name, dtype)
    if not hasattr(layer, "params"):
        assert layer.W.dtype == dtype
        return
    lists, arrays = (layer.params, layer.grads), [*layer.params, *layer.grads]
    memory = [address(array) for array in arrays]
    for seed in range(3):
        results(layer, sample(name, dtype, seed))
    assert (layer.params, layer.grads) == lists if not arrays else layer.params is lists[0]
    assert layer.grads is lists[1]
    assert all(a is b for a, b in zip([*layer.params, *layer.grads], arrays, strict=True))
    assert [address(array) for array in arrays] == memory


@every_layer
def test_no_rows_at_all(name, dtype):
    """A result without rows and gradients of zero, or a ValueError that changes nothing."""
    inputs = sample(name, dtype)
    none = {key: x[:0] if isinstance(x, (np.ndarray, list)) else x for key, x in inputs.items()}
    if "sampled_values" in none:
        sampled, true_count, count = none["sampled_values"]
        none["sampled_values"] = sampled, true_count[:0], count
    layer = make(name, dtype)
    if LAYERS[name].empty:
        outs = forward(layer, none)
        found = backward(layer, arriving(outs))
        assert all(np.size(x) == 0 for x in outs if np.ndim(x))
        assert not any(np.any(x) for x in found)
    else:
        with refused_without_a_trace(layer, inputs, ValueError, whole=LAYERS[name].whole):
            forward(layer, none)


# Ids -----------------------------------------------------------------------------------------

WITH_IDS = [(name, argument) for name, entry in LAYERS.items() for argument in entry.ids]


def with_id(name, argument, id):
    inputs = sample(name)
    inputs[argument] = np.array(inputs[argument])
    inputs[argument].reshape(-1)[-1] = id
    return inputs


@pytest.mark.parametrize(("name", "argument"), WITH_IDS)
def test_ids_at_the_edges(name, argument):
    V, negative = LAYERS[name].ids[argument]
    layer, whole = make(name), LAYERS[name].whole
    refused = {-V - 1, V, 2**40, -(2**40)}
    if negative == "refused":
        refused |= {-1, -V}
    for id in sorted(refused):
        with refused_without_a_trace(layer, sample(name), IndexError, rf"{id}\b", whole):
            forward(layer, with_id(name, argument, id))
    for id in (0, V - 1):
        assert np.isfinite(np.sum(forward(layer, with_id(name, argument, id))[0]))
    if negative == "count back":
        for id in (-1, -V):
            mine, theirs = (with_id(name, argument, i) for i in (id, id + V))
            assert_same(results(make(name), mine), results(make(name), theirs))
    if negative == "ignored":
        assert_same(
            results(make(name), with_id(name, argument, -V)),
            results(make(name), with_id(name, argument, 0)),
        )
        assert np.isfinite(forward(make(name), with_id(name, argument, -1))[0])


@pytest.mark.parametrize(("name", "argument"), WITH_IDS)
def test_ids_of_any_integer_dtype(name, argument):
    expected = results(make(name), sample(name))
    inputs = sample(name)
    given = inputs[argument]
    for kind in "i1 u1 i2 u2 i4 u4 i8 u8 >i2 >i4 >u4 >i8 >u8".split():
        inputs[argument] = given.astype(kind)
        # Where y - t is a result, its dtype is numpy's.
        assert_close(results(make(name), inputs), expected, np.float32, factor=1)
    inputs[argument] = given.tolist()
    assert_close(results(make(name), inputs), expected, np.float32, factor=1)


@pytest.mark.parametrize(("name", "argument"), WITH_IDS)
def test_values_that_are_not_ids_are_refused(name, argument):
    layer, inputs = make(name), sample(name)
    given = inputs[argument]
    for kind in (np.float32, np.float64, bool, complex, object, "U1"):
        inputs[argument] = given.astype(kind)
        with pytest.raises(TypeError, match=f"{argument}|ids|integer"):
            forward(layer, inputs)


# Numbers that do not fit ---------------------------------------------------------------------

WITH_FLOATS = [(name, argument) for name in LAYERS for argument in floats_of(sample(name))]


@pytest.mark.parametrize(("name", "argument"), WITH_FLOATS)
def test_values_that_are_not_numbers_are_refused(name, argument):
    layer, inputs = make(name), sample(name)
    given = inputs[argument]
    for kind in (complex, object, "U1", "M8[s]"):
        inputs[argument] = np.zeros(given.shape, kind)
        with pytest.raises(TypeError, match=argument):
            forward(layer, inputs)


@pytest.mark.parametrize(("name", "argument"), WITH_FLOATS)
def test_nan_and_infinity_come_through(name, argument):
    """As in numpy: the result says that something was no number, and nothing crashes."""
    inputs = sample(name)
    for bad in (np.nan, np.inf, -np.inf):
        inputs[argument] = inputs[argument].copy()
        inputs[argument].reshape(-1)[-1] = bad
        with np.errstate(all="ignore"):
            found = forward(make(name), inputs)
            # Minus infinity as a score is how the plain sampled losses leave a class out.
            if LAYERS[name].twin and not (np.isinf(bad) and "sampled_values" in inputs):
                found, expected = (
                    forward(make(name, book=book, agreed=True), inputs)
                    for book in (COMPILED, REFERENCE)
                )
                for mine, theirs in zip(found, expected, strict=True):
                    np.testing.assert_array_equal(np.isnan(mine), np.isnan(theirs))
        if np.isnan(bad):
            assert any(np.isnan(x).any() for x in found)


@pytest.mark.parametrize("name", [n for n, entry in LAYERS.items() if floats_of(sample(n))])
def test_denormals_are_numbers(name, dtype):
    """As small as there are, they are not taken for 0."""
    inputs = sample(name, dtype)
    for key in floats_of(inputs):
        inputs[key] = (inputs[key] * np.finfo(dtype).tiny).astype(dtype)
    layer = make(name, dtype, agreed=True)
    outs = forward(layer, inputs)
    assert all(np.isfinite(x).all() for x in outs + backward(layer, arriving(outs)))
    if LAYERS[name].twin and not LAYERS[name].whole:
        expected = forward(make(name, dtype, REFERENCE, agreed=True), inputs)
        for mine, theirs in zip(outs, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=8 * np.finfo(dtype).tiny
                                       * np.finfo(dtype).eps)  # fmt: skip


def one_more(x, axis):
    return np.concatenate([x, x.take([0], axis)], axis)


@every_layer
def test_shapes_that_do_not_fit(name):
    inputs = sample(name)
    arrays = {key: x for key, x in inputs.items() if isinstance(x, np.ndarray)}
    layer, whole = make(name), LAYERS[name].whole
    tried = 0
    for key, x in arrays.items():
        changed = [inputs | {key: one_more(x, 0)}] if len(arrays) > 1 else []
        if x.dtype.kind == "f" and params_of(layer) and x.ndim > 1:
            changed.append(inputs | {key: one_more(x, x.ndim - 1)})
        for wrong in changed:
            tried += 1
            with refused_without_a_trace(layer, inputs, ValueError, whole=whole):
                forward(layer, wrong)
    assert tried or len(arrays) < 2


# Copies --------------------------------------------------------------------------------------


def who_is_who(arrays):
    memory = [(address(array), array.shape) for array in arrays]
    return [memory.index(m) for m in memory]


@every_layer
@pytest.mark.parametrize("copier", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))],
                         ids=["deepcopy", "pickle"])  # fmt: skip
def test_copies_compute_the_same_and_share_nothing(name, dtype, copier):
    layer, inputs = make(name, dtype), sample(name, dtype)
    outs = forward(layer, inputs)
    douts = arriving(outs)
    backward(layer, douts)
    twin = copier(layer)
    mine, theirs = params_of(layer) + grads_of(layer), params_of(twin) + grads_of(twin)
    assert who_is_who(mine) == who_is_who(theirs)
    assert not any(np.shares_memory(a, b) for a in mine for b in theirs)
    assert [type(grad) is RowGrad for grad in grads_of(layer)] == [
        type(grad) is RowGrad for grad in grads_of(twin)
    ]
    assert_same(backward(twin, douts), backward(layer, douts))
    assert_same(results(twin, inputs), results(layer, inputs))


# Threads and time ----------------------------------------------------------------------------


def in_threads(*jobs):
    failed = []

    def run(job):
        try:
            job()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return failed


@every_layer
def test_two_threads_with_a_layer_each(name, all_parts):
    """The same bits as alone, with every kernel cut into parts."""
    all_parts(2)
    if draws(name):
        return  # from numpy's one stream for all threads
    inputs = sample(name), sample(name, seed=1)
    expected = [results(make(name), x) for x in inputs]
    layers = [make(name) for _ in inputs]

    def job(layer, x, right):
        for _ in range(15):
            outs = step(layer, x)
            assert_same(outs + backward(layer, arriving(outs)), right)

    failed = in_threads(*(lambda a=a: job(*a) for a in zip(layers, inputs, expected, strict=True)))
    assert failed == []


def draws(name):
    """Whether a forward draws random numbers."""
    layer, inputs = make(name), sample(name)
    state = np.random.get_state()[2], np.random.get_state()[1][:2].tolist()
    layer.forward(**inputs)
    return state != (np.random.get_state()[2], np.random.get_state()[1][:2].tolist())


@pytest.fixture
def many_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@every_layer
def test_two_threads_with_one_layer(name, all_parts, many_switches):
    """Wrong numbers are possible then, and errors that say so; afterwards it works as before."""
    all_parts(2)
    layer, inputs = make(name), sample(name)
    expected = results(make(name), inputs)

    def job():
        for _ in range(15):
            outs = step(layer, inputs)
            backward(layer, arriving(outs))

    failed = in_threads(job, job)
    possible = (ValueError, RuntimeError, TypeError, RuntimeWarning)  # of wrong numbers: overflow
    assert all(isinstance(error, possible) for error in failed)
    assert_same(results(layer, inputs), expected)


def memory_in_use():
    if not os.path.exists("/proc/self/statm"):
        return 0
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def steady(call, watched):
    """Whether CALLS calls leave objects, memory or references behind.

    Counted twice: memory that is given back late, as without the interpreter's lock, is no leak.
    """
    for _ in range(20):
        call()
    gc.collect()
    references = [sys.getrefcount(x) for x in watched]
    blocks, in_use = [sys.getallocatedblocks()], [memory_in_use()]
    for _ in range(2):
        for _ in range(CALLS):
            call()
        gc.collect()
        blocks.append(sys.getallocatedblocks())
        in_use.append(memory_in_use())
    return (
        [sys.getrefcount(x) for x in watched] == references,
        min(np.diff(blocks)) < 100,
        min(np.diff(in_use)) < (1 << 20),
    )


@every_layer
def test_nothing_is_left_behind(name):
    layer, inputs = make(name), sample(name)
    outs = forward(layer, inputs)
    douts = arriving(outs)
    watched = [*inputs.values(), *douts, *params_of(layer)]

    def call():
        layer.forward(**inputs)
        layer.backward(*douts)

    assert steady(call, watched) == (True, True, True)


# Kernels -------------------------------------------------------------------------------------

every_kernel = pytest.mark.parametrize("name", kernel_calls.CALLS)


def arrays_in(arguments):
    return [x for x in arguments if isinstance(x, np.ndarray)]


@every_kernel
def test_a_kernel_writes_to_its_outputs_only(name):
    run, n_outputs = kernel_calls.entry(name), 0
    arguments = kernel_calls.CALLS[name](2)
    for at, x in enumerate(arguments):
        if not isinstance(x, np.ndarray):
            continue
        given = [np.copy(y) if isinstance(y, np.ndarray) else y for y in arguments]
        given[at].flags.writeable = False
        try:
            run(*given)
        except ValueError as error:
            assert "read-only" in str(error)
            n_outputs += 1
        assert_same_bits(given[at], x)
    # Entries that return all they compute, or decline an output that they cannot write to.
    returns_all = ("_embedding.unlisted_rows_are_zero", "_splitter.split", "_gemm.try_product")
    assert (n_outputs == 0) == (name in returns_all)


@every_kernel
def test_a_kernel_in_two_threads_is_the_same_kernel(name):
    run = kernel_calls.entry(name)
    jobs = [kernel_calls.CALLS[name](2) for _ in range(3)]
    run(*jobs[0])
    assert in_threads(lambda: run(*jobs[1]), lambda: run(*jobs[2])) == []
    for mine, alone in zip(
        arrays_in(jobs[1]) + arrays_in(jobs[2]), 2 * arrays_in(jobs[0]), strict=True
    ):
        assert_same_bits(mine, alone)


@every_kernel
def test_a_kernel_leaves_nothing_behind(name):
    run, arguments = kernel_calls.entry(name), kernel_calls.CALLS[name](2)
    assert steady(lambda: run(*arguments), arrays_in(arguments)) == (True, True, True)
