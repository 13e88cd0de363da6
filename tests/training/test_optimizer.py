"""The optimizers as classes: lists, state, odd arrays, tracked gradients, bad input."""

import copy
import pickle
import re

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits

from fastw2v import RowGrad, optimizer
from fastw2v._training import dense_pass
from fastw2v._training.dense_pass import zeros_beside
from fastw2v.layers import Embedding
from fastw2v.models import CBOW
from fastw2v.reference import optimizer as reference
from fastw2v.trainer import Trainer, remove_duplicate
from fastw2v.util import clip_grads, create_contexts_target

GOOD = np.ones((2, 3))
NAMES = ["SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam"]


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def assert_close(actual, expected, dtype):
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-11}
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize("shape", [(), (5,), (0,), (23, 35), (3, 4, 5)], ids=str)
def test_parameters_of_any_shape(name, dtype, rng, shape):
    start = np.array(rng.standard_normal(shape), dtype)
    results = []
    for module in (optimizer, reference):
        params = [start.copy(), np.ones(3, dtype)]
        each = getattr(module, name)()
        gradients = np.random.default_rng(1)
        for _ in range(5):
            each.update(params, [gradients.standard_normal(p.shape).astype(dtype) for p in params])
        results.append(params)
    assert_close(*results, dtype)


@pytest.mark.parametrize("layout", ["F", "strided rows", "strided columns", "reversed", "float16"])
def test_odd_parameters_are_updated_in_place(name, rng, layout):
    base = rng.standard_normal((20, 30)).astype(np.float32)
    param = {
        "F": np.asfortranarray(base),
        "strided rows": base[::2],
        "strided columns": base[:, ::3],
        "reversed": base[::-1],
        "float16": base.astype(np.float16),
    }[layout]
    twin = param.astype(np.float32)
    before = param
    each, other = getattr(optimizer, name)(), getattr(reference, name)()
    for _ in range(3):
        g = rng.standard_normal(param.shape).astype(np.float32)
        each.update([param], [g])
        other.update([twin], [g])
    assert param is before
    np.testing.assert_allclose(param, twin, rtol=1e-5 if layout != "float16" else 5e-3, atol=2e-3)


@pytest.mark.parametrize("kind", ["f2", "f8", "i4", "strided", "F", "read-only", "list"])
def test_gradients_of_any_kind(name, dtype, rng, kind):
    g = (10 * rng.standard_normal((6, 8))).astype(
        kind if kind in ("f2", "f8", "i4") else np.float32
    )
    given = {
        "strided": np.repeat(g, 2, axis=1)[:, ::2],
        "F": np.asfortranarray(g),
        "list": g.tolist(),
    }.get(kind, g)
    if kind == "read-only":
        given.flags.writeable = False
    params = [np.ones((6, 8), dtype)], [np.ones((6, 8), dtype)]
    getattr(optimizer, name)().update(params[0], [given])
    getattr(reference, name)().update(params[1], [g.astype(dtype)])
    assert_close(*params, dtype)
    np.testing.assert_array_equal(given, g)


def test_tracked_gradients_give_the_bits_of_plain_ones(name, dtype, rng, all_parts):
    start = rng.standard_normal((83, 35)).astype(dtype)
    results = []
    for tracked in (False, True):
        for trusted in (False, True):
            for n in N_PARTS:
                all_parts(n)
                layer = Embedding(start.copy())
                if not tracked:
                    layer.grads[0] = np.zeros_like(start)
                each, ids = getattr(optimizer, name)(), np.random.default_rng(2)
                for _ in range(6):
                    idx = ids.integers(0, 83, 12)
                    layer.forward(idx)
                    layer.backward(ids.standard_normal((12, 35)))
                    each._update(layer.params, layer.grads, trusted)
                    assert isinstance(layer.grads[0], RowGrad) is tracked
                results.append(layer.params[0])
    for result in results[1:]:
        assert_same_bits(result, results[0])


def test_unseen_writes_count_in_a_users_own_loop(name, rng):
    """An optimizer called by a user reads every row."""
    layer = Embedding(np.ones((83, 35), np.float32))
    twin = layer.params[0].copy()
    layer.forward([1])
    layer.backward(np.ones((1, 35)))
    np.asarray(layer.grads[0])[50] = 2
    getattr(optimizer, name)().update(layer.params, layer.grads)
    getattr(reference, name)().update([twin], [np.array(layer.grads[0])])
    assert_close([layer.params[0]], [twin], np.float32)


def test_state_is_readable_and_by_position(dtype):
    adam = optimizer.Adam()
    assert adam.iter == 0 and adam.m is None and adam.v is None
    params = [np.ones((2, 3), dtype), np.ones(4, dtype)]
    adam.update(params, [np.ones((2, 3), dtype), np.ones(4, dtype)])
    assert adam.iter == 1
    assert [m.shape for m in adam.m] == [v.shape for v in adam.v] == [(2, 3), (4,)]
    np.testing.assert_allclose(adam.m[1], 0.1, rtol=1e-6)
    assert optimizer.Momentum().v is None and optimizer.AdaGrad().h is None


def test_assigned_settings_take_effect(dtype):
    for lr in (0.1, 0.025):
        sgd = optimizer.SGD(5)
        sgd.lr = lr
        w = np.ones(3, dtype)
        sgd.update([w], [np.ones(3, dtype)])
        np.testing.assert_allclose(w, 1 - lr, rtol=1e-6)
    fast, slow = optimizer.Adam(), optimizer.Adam()
    fast.beta1 = 0.5
    for each in (fast, slow):
        each.update([np.ones(3)], [np.ones(3)])
    np.testing.assert_allclose([fast.m[0][0], slow.m[0][0]], [0.5, 0.1])


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_take_the_same_steps(name, rng, copier):
    params, grads = [np.ones((4, 5))], [rng.standard_normal((4, 5))]
    each = getattr(optimizer, name)()
    each.update(params, grads)
    twin, twin_params = copier(each), [params[0].copy()]
    each.update(params, grads)
    twin.update(twin_params, grads)
    assert_same_bits(twin_params[0], params[0])


def test_every_step_is_checked_for_new_arrays(name, rng, dtype):
    """Arrays exchanged between two steps, or made read-only, count in the next one."""

    def draw():
        return [rng.standard_normal(shape).astype(dtype) for shape in ((3, 4), (5,), (2, 2, 2))]

    ours, plain = getattr(optimizer, name)(0.1), getattr(reference, name)(0.1)
    params = draw()
    expected = [param.copy() for param in params]
    for step in range(6):
        if step % 2 == 0:  # new ones, and the same once more
            grads = draw()
        if step == 3:
            params[0] = params[0].copy()
            params[1] = np.asfortranarray(params[1])
        if step == 4:
            for state in ours._states:
                getattr(ours, state)[0] = getattr(ours, state)[0].copy()
                setattr(ours, state, list(getattr(ours, state)))
        ours.update(params, grads)
        plain.update(expected, grads)
        assert_close(params, expected, dtype)
    before = [param.copy() for param in params]
    params[2].flags.writeable = False
    with pytest.raises(ValueError, match=r"params\[2\]: expected a writable array"):
        ours.update(params, grads)
    params[2].flags.writeable = True
    for state in ours._states:
        getattr(ours, state)[1].flags.writeable = False
        with pytest.raises(ValueError, match=rf"{state}\[1\]: expected a writable array"):
            ours.update(params, grads)
        getattr(ours, state)[1].flags.writeable = True
    for param, kept in zip(params, before, strict=True):
        assert_same_bits(param, kept)


def test_bad_input_changes_nothing(name):
    each = getattr(optimizer, name)()
    good = np.ones((2, 3))
    frozen = np.ones(3)
    frozen.flags.writeable = False
    for params, grads, error, words in (
        ([good, np.ones(4)], [good, np.ones(5)], ValueError, r"grads\[1\]: expected shape \(4,\)"),
        ([good, good], [good], ValueError, "grads: expected 2 arrays, one per parameter, got 1"),
        ([good, frozen], [good, frozen], ValueError, r"params\[1\]: expected a writable array"),
        (
            [good, np.ones(3, int)],
            [good, np.ones(3)],
            TypeError,
            r"params\[1\]: expected floating-point",
        ),
        ([good, np.ones(3)], [good, np.ones(3, complex)], TypeError, r"grads\[1\]: expected real"),
    ):
        with pytest.raises(error, match=words):
            each.update(params, grads)
        assert (good == 1).all()
    each.update([good], [np.zeros((2, 3))])
    if each._states:
        with pytest.raises(ValueError, match="use one optimizer per model"):
            each.update([good, good], [good, good])
        with pytest.raises(ValueError, match=r"params\[0\]: expected shape \(2, 3\)"):
            each.update([np.ones(3)], [np.ones(3)])
    if name == "Adam":
        assert each.iter == 1


@pytest.mark.parametrize(
    ("params", "grads", "words"),
    [
        (None, [GOOD], "params: expected a list of arrays, got NoneType; pass model.params, or"),
        (3.0, [GOOD], "params: expected a list of arrays, got float"),
        ((x for x in [GOOD]), [GOOD], "params: expected a list of arrays, got generator"),
        ([GOOD], None, "grads: expected a list of arrays, got NoneType; pass model.grads, or"),
        ([GOOD, [1.0]], [GOOD, GOOD], "params[1]: expected a numpy array, got list; make one with"),
        ([GOOD, 1.0], [GOOD, GOOD], "params[1]: expected a numpy array, got float"),
        ([GOOD, None], [GOOD, GOOD], "params[1]: expected a numpy array, got NoneType"),
        (np.ones(2), np.ones(2), "params[0]: expected a numpy array, got float64"),
        ([GOOD, GOOD], [GOOD, None], "grads[1]: expected real numbers, got dtype object"),
        ([GOOD, GOOD], [GOOD, "g"], "grads[1]: expected real numbers, got dtype <U1"),
        ([GOOD, GOOD], [GOOD, {}], "grads[1]: expected real numbers, got dtype object"),
    ],
)
def test_entries_that_are_not_arrays(name, params, grads, words):
    each = getattr(optimizer, name)()
    before, kept = dict(vars(each)), GOOD.copy()
    with pytest.raises(TypeError, match=re.escape(words)):
        each.update(params, grads)
    assert vars(each) == before
    assert_same_bits(GOOD, kept)


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("value", [None, "0.1", True, 1j, [0.1], np.ones(2), np.bool_(True)])
def test_settings_that_are_not_numbers(name, value, again):
    each = getattr(optimizer, name)()
    w = np.ones(3)
    if again:
        each.update([w], [np.ones(3)])
    for setting in {"lr", "momentum", "decay_rate", "beta1", "beta2"} & vars(each).keys():
        right = getattr(each, setting)
        setattr(each, setting, value)
        before, kept = dict(vars(each)), w.copy()
        with pytest.raises(TypeError, match=f"{setting}: expected a number, got"):
            each.update([w], [np.ones(3)])
        assert all(vars(each)[key] is before[key] for key in before)
        assert_same_bits(w, kept)
        setattr(each, setting, right)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, int, np.array, float])
def test_settings_of_any_kind_of_number(name, kind):
    steps = []
    for lr in (0.5, 1):
        w, v = np.ones(3), np.ones(3)
        getattr(optimizer, name)(kind(lr)).update([w], [np.ones(3)])
        getattr(optimizer, name)(float(kind(lr))).update([v], [np.ones(3)])
        assert_same_bits(w, v)
        steps.append(w)
    assert (steps[0] != steps[1]).all()


@pytest.mark.parametrize("value", [1, 1.5, -0.1, np.nan])
@pytest.mark.parametrize("setting", ["beta1", "beta2"])
def test_betas_outside_their_range(setting, value):
    adam, w = optimizer.Adam(**{setting: value}), np.ones(3)
    with pytest.raises(ValueError, match=f"{setting}: expected a number from 0 to below 1, got"):
        adam.update([w], [w])
    assert adam.iter == 0 and adam.m is None and (w == 1).all()


def test_a_failed_step_of_deferred_rows_does_not_count(capsys):
    corpus = np.arange(60) % 30
    contexts, target = create_contexts_target(corpus, 1)
    model, adam = CBOW(30, 4, 1, corpus), optimizer.Adam()
    trainer = Trainer(model, adam)
    trainer.fit(contexts, target, 1, 10)
    kept, steps, adam.lr = model.word_vecs.copy(), adam.iter, None
    with pytest.raises(TypeError, match="lr: expected a number, got None"):
        trainer.fit(contexts, target, 1, 10)
    assert adam.iter == steps > 0
    assert_same_bits(model.word_vecs, kept)


def test_read_only_states_are_noticed_before_the_first_write(name):
    each = getattr(optimizer, name)()
    params = [np.ones(3), np.ones(4)]
    each.update(params, [np.ones(3), np.ones(4)])
    for state in each._states:
        before = [p.copy() for p in params]
        right = getattr(each, state)[1]
        frozen = right.copy()
        frozen.flags.writeable = False
        for wrong, error, words in (
            (frozen, ValueError, "expected a writable array, got a read-only one; pass a copy"),
            (right.tolist(), TypeError, "expected a numpy array, got list"),
        ):
            getattr(each, state)[1] = wrong
            with pytest.raises(error, match=rf"{state}\[1\]: {words}"):
                each.update(params, [np.ones(3), np.ones(4)])
            assert all(map(np.array_equal, params, before))
        getattr(each, state)[1] = right
    if name == "Adam":
        assert each.iter == 1


def test_clipping_names_what_it_cannot_scale():
    grads, frozen = [np.ones(3)], np.ones(2)
    frozen.flags.writeable = False
    clip_grads([*grads, frozen, np.ones(2, int)], 100)  # nothing to do
    for wrong, error, words in (
        ([1.0], TypeError, r"grads\[1\]: expected a numpy array, got list"),
        (frozen, ValueError, r"grads\[1\]: expected a writable array"),
        (
            np.ones(2, int),
            TypeError,
            r"grads\[1\]: expected floating-point numbers, got dtype int64",
        ),
    ):
        with pytest.raises(error, match=words):
            clip_grads([*grads, wrong], 0.5)
    with pytest.raises(TypeError, match="max_norm: expected a number, got None"):
        clip_grads(grads, None)
    assert (grads[0] == 1).all()


def test_remove_duplicate_names_what_it_cannot_merge():
    W = np.ones((2, 3))
    for params, grads, error, words in (
        ([W, W], [W], ValueError, "grads: expected 2 arrays, one per parameter, got 1"),
        (None, [W], TypeError, "params: expected a list of arrays, got NoneType"),
        ([W, [1.0]], [W, W], TypeError, r"params\[1\]: expected a numpy array, got list"),
    ):
        with pytest.raises(error, match=words):
            remove_duplicate(params, grads)
    assert (W == 1).all()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (3, 7), (2, 3, 5)], ids=str)
def test_states_begin_where_their_weights_do_in_a_cache_line(shape, dtype, monkeypatch):
    monkeypatch.setattr(dense_pass, "_LARGE", 0)
    n = int(np.prod(shape))
    for skip in range(17):
        w = np.ones(n + 17, dtype)[skip : skip + n].reshape(shape)
        state = zeros_beside(w)
        assert (state.shape, state.dtype, state.flags.carray) == (w.shape, w.dtype, True)
        assert not state.any() and not np.shares_memory(state, w)
        assert n == 0 or (state.ctypes.data - w.ctypes.data) % 64 == 0


def test_states_have_the_order_and_the_dtype_of_the_step():
    turned = zeros_beside(np.asfortranarray(np.ones((3, 4), "f4")))
    assert turned.flags.f_contiguous and turned.shape == (3, 4) and turned.dtype == np.float32
    assert zeros_beside(np.ones((3, 4), "f4")[:, ::2]).shape == (3, 2)
    large = zeros_beside(np.ones((300, 40)))
    for twin in (copy.deepcopy(large), pickle.loads(pickle.dumps(large))):
        assert twin.shape == (300, 40) and not twin.any()
    assert len(pickle.dumps(large)) < large.nbytes + 300
