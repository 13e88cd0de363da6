"""Arrays that change in place between two updates of an optimizer: an error, or a right step."""

import copy

import numpy as np
import pytest

from fastw2v.layers import Embedding
from fastw2v.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop

OPTIMIZERS = [SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam]
R, C = 40, 30


def states(optimizer):
    return [getattr(optimizer, name)[0] for name in optimizer._states]


def reshape(*which, to):
    def change(w, g, optimizer):
        for array in arrays(w, g, optimizer, which):
            array.shape = to

    return change


def resize(*which, to):
    def change(w, g, optimizer):
        for array in arrays(w, g, optimizer, which):
            array.resize(to, refcheck=False)

    return change


def arrays(w, g, optimizer, which):
    return [*([w] * ("w" in which)), *([g] * ("g" in which)),
            *(states(optimizer) if "s" in which else [])]  # fmt: skip


def protect(w, g, optimizer):
    for array in states(optimizer) or [w]:
        array.flags.writeable = False


def other_memory(w, g, optimizer):
    w.__setstate__(np.ones((2, 2), np.float32).__reduce__()[2])


CHANGES = {
    "g transposed": reshape("g", to=(C, R)),
    "g flat": reshape("g", to=(-1,)),
    "g of one row": reshape("g", to=(1, -1)),
    "w of one row": reshape("w", to=(1, -1)),
    "states flat": reshape("s", to=(-1,)),
    "all transposed": reshape("wgs", to=(C, R)),
    "g shorter": resize("g", to=(3, C)),
    "w shorter": resize("w", to=(3, C)),
    "w and g shorter": resize("wg", to=(3, C)),
    "w and g longer": resize("wg", to=(3000, C)),
    "states shorter": resize("s", to=(2, 2)),
    "all shorter": resize("wgs", to=(7, 5)),
    "all longer": resize("wgs", to=(3000, C)),
    "g of doubles": lambda w, g, optimizer: setattr(g, "dtype", np.float64),
    "w of whole numbers": lambda w, g, optimizer: setattr(w, "dtype", np.int32),
    "states of complex numbers": lambda w, g, optimizer: [
        setattr(state, "dtype", np.complex64) for state in states(optimizer)
    ],
    "read-only": protect,
    "w of other memory": other_memory,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.filterwarnings("ignore:Setting:DeprecationWarning")
def test_a_step_after_a_change_is_right_or_refused(kind, change):
    rng = np.random.default_rng(0)
    w, g = (rng.standard_normal((R, C)).astype(np.float32) for _ in range(2))
    optimizer = kind(0.1)
    for _ in range(2):
        optimizer.update([w], [g])
    CHANGES[change](w, g, optimizer)
    twin, w2 = copy.deepcopy(optimizer), w.copy()  # a copy knows no arrays of earlier steps
    if not w.flags.writeable:
        w2.flags.writeable = False
    for name in optimizer._states:
        for state, same in zip(getattr(optimizer, name), getattr(twin, name), strict=True):
            same.flags.writeable = state.flags.writeable
    try:
        optimizer.update([w], [g])
    except (ValueError, TypeError) as error:
        assert any(name in str(error) for name in ("params[0]", "grads[0]", "v[0]", "m[0]", "h[0]"))
        np.testing.assert_array_equal(w, w2)
        with pytest.raises(type(error)):
            twin.update([w2], [g.copy()])
    else:
        twin.update([w2], [g.copy()])
        np.testing.assert_array_equal(w, w2)


@pytest.mark.parametrize("what", ["g.shape", "g.resize", "w.shape", "w.resize", "states"])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_deferred_rows_survive_a_change(kind, what):
    layer, optimizer = Embedding(np.ones((5000, 4), np.float32)), kind(0.1, row_sparse=True)

    def step(ids):
        layer.backward(np.ones_like(layer.forward(ids)))
        optimizer.update(layer.params, layer.grads)

    for ids in ([1, 2], [2, 3], [4000, 3]):
        step(ids)
    w, g = layer.params[0], layer.grads[0]
    array = w if what.startswith("w") else g
    if what == "states":
        for name in optimizer._states:  # arrays that own their memory, as those from a file do
            kept = getattr(optimizer, name)
            kept[0] = kept[0].copy()
        step([1, 2])
        for state in states(optimizer):
            state.resize((2, 2), refcheck=False)
    elif what.endswith("shape"):
        array.shape = (2500, 8)
    else:
        with pytest.raises(ValueError, match="resize"):  # numpy protects views and weak references
            array.resize((7, 3), refcheck=False)
    for again in (lambda: step([2, 1]), lambda: step([4000, 0]), optimizer.flush):
        try:
            again()
        except (ValueError, IndexError, TypeError) as error:
            assert "expected" in str(error) or "id 4000" in str(error)


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "0.1", 1j, [0.1], True])
def test_settings_that_are_no_finite_numbers_are_refused(kind, value):
    for name in set(vars(kind())) - {"row_sparse", "iter", "m", "v", "h"}:
        w, g, optimizer = np.ones(3), np.ones(3), kind()
        optimizer.update([w], [g])
        before = w.copy()
        setattr(optimizer, name, value)
        with pytest.raises((ValueError, TypeError), match=f"{name}: expected"):
            optimizer.update([w], [g])
        np.testing.assert_array_equal(w, before)


@pytest.mark.parametrize("value", [5, "x", [], [np.ones(2)], [None], {}, [np.ones(3, complex)]])
@pytest.mark.parametrize("kind", [Momentum, AdaGrad, Adam])
def test_states_that_do_not_fit_are_refused(kind, value):
    for name in kind._states:
        w, optimizer = np.ones(3), kind()
        optimizer.update([w], [np.ones(3)])
        before = w.copy()
        setattr(optimizer, name, value)
        with pytest.raises((ValueError, TypeError), match=r"expected"):
            optimizer.update([w], [np.ones(3)])
        np.testing.assert_array_equal(w, before)
