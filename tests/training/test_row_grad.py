"""RowGrad: it reads as a plain array and observes the writes it promises to observe."""

import copy
import pickle

import numpy as np
import pytest
from conftest import assert_same_bits

from fastw2v import RowGrad
from fastw2v._kernels import _embedding
from fastw2v._rows import writes
from fastw2v._rows.row_grad import is_tracked
from fastw2v.layers import Embedding


@pytest.fixture
def layer(rng):
    """An Embedding after a backward that touched rows 1 and 3 of 40."""
    layer = Embedding(rng.standard_normal((40, 5)).astype(np.float32))
    layer.forward([1, 3, 1])
    layer.backward(np.ones((3, 5)))
    return layer


def rows_of(grad):
    """Return the rows that the list names, or "all"."""
    tracker = grad._tracker
    return "all" if tracker.dense else sorted(tracker.rows[: tracker.n_rows].tolist())


def backward_gives_what_numpy_gives(layer):
    """Check that the next backward leaves no trace of earlier writes."""
    layer.forward([7])
    layer.backward(np.full((1, 5), 2.0))
    expected = np.zeros((40, 5), np.float32)
    expected[7] = 2
    assert_same_bits(np.asarray(layer.grads[0]), expected)


def test_backward_lists_the_rows_it_touched(layer):
    grad = layer.grads[0]
    assert rows_of(grad) == [1, 3]
    np.testing.assert_array_equal(grad[1], np.full(5, 2.0))
    backward_gives_what_numpy_gives(layer)
    assert rows_of(grad) == [7]


def set_item(g):
    g[5] = 1


def set_slice(g):
    g[2:9, 1] = 1


def set_mask(g):
    g[g == 0] = 1


def iadd(g):
    g += 1


def ufunc_out(g):
    np.add(g, 1, out=g)


def ufunc_reduce_out(g):
    np.add.reduce(np.ones((2, 40, 5), np.float32), axis=0, out=g)


def add_at(g):
    np.add.at(g, [5, 6], 1)


def copyto(g):
    np.copyto(g, np.ones((40, 5)))


def put(g):
    np.put(g, [100], 1)


def putmask(g):
    np.putmask(g, np.ones((40, 5), bool), 1)


def place(g):
    np.place(g, np.ones((40, 5), bool), [1])


def put_along_axis(g):
    np.put_along_axis(g, np.zeros((40, 1), int), 1, axis=1)


def fill_diagonal(g):
    np.fill_diagonal(g, 1)


def nan_to_num(g):
    np.nan_to_num(g, copy=False)
    g[5] = 1


def function_out(g):
    np.clip(np.ones((40, 5), np.float32), 0, 1, out=g)


def function_positional_out(g):
    np.cumsum(np.ones((40, 5), np.float32), 0, None, g)


def concatenate_out(g):
    np.concatenate([np.ones((20, 5)), np.ones((20, 5))], out=g)


def method_fill(g):
    g.fill(1)


def method_put(g):
    g.put([100], 1)


def method_sort(g):
    g.sort(axis=0)


def method_partition(g):
    g.partition(3, axis=0)


def flat_item(g):
    g.flat[100] = 1


def flat_all(g):
    g.flat = 1


def real_part(g):
    g.real = 1


def through_slice(g):
    g[4:9][1] = 1


def through_row(g):
    g[5][2] = 1


def through_transpose(g):
    g.T[2, 5] = 1


def through_reshape(g):
    g.reshape(-1)[100] = 1


def through_view(g):
    g.view()[5] = 1


def through_ravel(g):
    g.ravel()[100] += 1


def through_swapaxes(g):
    g.swapaxes(0, 1).fill(1)


def through_numpy_transpose(g):
    np.transpose(g)[2, 5] = 1


def through_numpy_reshape(g):
    np.reshape(g, -1)[100] = 1


def through_numpy_split(g):
    np.split(g, 2)[1][1] = 1


def method_positional_out(g):
    g.clip(1, 2, g)


def through_iteration(g):
    for row in g:
        row += 1


SEEN = [
    set_item, set_slice, set_mask, iadd, ufunc_out, ufunc_reduce_out, add_at, copyto, put, putmask,
    place, put_along_axis, fill_diagonal, nan_to_num, function_out, function_positional_out,
    concatenate_out, method_fill, method_put, method_sort, method_partition, flat_item, flat_all,
    real_part, through_slice, through_row, through_transpose, through_reshape, through_view,
    through_ravel, through_swapaxes, through_iteration, through_numpy_transpose,
    through_numpy_reshape, through_numpy_split, method_positional_out,
]  # fmt: skip


@pytest.mark.parametrize("write", SEEN, ids=lambda write: write.__name__)
def test_writes_that_are_observed(layer, write):
    grad = layer.grads[0]
    plain = np.array(grad)
    write(plain)
    write(grad)
    np.testing.assert_array_equal(np.asarray(grad), plain)
    assert rows_of(grad) == "all"
    assert writes.touched(grad, trusted=True) is None
    backward_gives_what_numpy_gives(layer)


UNSEEN = {
    "asarray": lambda g: np.asarray(g).__setitem__(5, 1),
    "plain view": lambda g: g.view(np.ndarray).__setitem__(5, 1),
    "memoryview": lambda g: memoryview(g).cast("B").cast("f", (200,)).__setitem__(25, 1.0),
    "frombuffer": lambda g: np.frombuffer(g, np.float32).__setitem__(25, 1),
    "dlpack": lambda g: np.from_dlpack(np.asarray(g)).__setitem__(5, 1),
}
if not np.from_dlpack(np.zeros(1)).flags.writeable:  # numpy 2.0
    del UNSEEN["dlpack"]


@pytest.mark.parametrize("write", UNSEEN.values(), ids=UNSEEN)
def test_mark_dirty_covers_writes_that_are_not_observed(layer, write):
    grad = layer.grads[0]
    write(grad)
    assert rows_of(grad) == [1, 3]
    grad.mark_dirty()
    assert rows_of(grad) == "all"
    backward_gives_what_numpy_gives(layer)


@pytest.mark.parametrize("write", UNSEEN.values(), ids=UNSEEN)
def test_writes_that_are_not_observed_are_found_by_reading_all_rows(layer, write):
    """The optimizers do this when a user's own loop calls them."""
    grad = layer.grads[0]
    assert writes.touched(grad, trusted=False) is not None
    write(grad)
    assert writes.touched(grad, trusted=False) is None
    backward_gives_what_numpy_gives(layer)


def test_scaling_keeps_the_list(layer):
    """Clipping in a user's own loop keeps rows of zeros."""
    grad = layer.grads[0]
    grad *= 0.5
    grad /= np.float32(2)
    assert rows_of(grad) == [1, 3]
    np.testing.assert_array_equal(grad[1], np.full(5, 0.5))
    with np.errstate(invalid="ignore"):
        grad *= np.inf
    assert rows_of(grad) == "all"


def test_reading_keeps_the_list(layer):
    grad = layer.grads[0]
    plain = np.array(grad)
    results = [
        grad + 1, -grad, grad * grad, grad @ grad.T, np.sum(grad), grad.sum(axis=0), grad.mean(),
        np.linalg.norm(grad), np.zeros_like(grad), np.concatenate([grad, grad]), grad.max(),
        grad[[1, 3]], grad[grad > 0], grad.astype(np.float64), grad.copy(), copy.copy(grad),
        copy.deepcopy(grad), pickle.loads(pickle.dumps(grad)), grad.flatten(), grad.take([1]),
        np.allclose(grad, plain), grad == plain, grad.dot(np.ones(5, np.float32)), grad.tolist(),
        np.where(grad > 0, grad, 0), np.array(grad), grad.clip(0, 1), grad.T.copy(),
        np.inner(grad, grad), np.vdot(grad, grad), np.lexsort(grad.T), np.dot(grad, grad.T),
        np.shares_memory(grad, plain), np.may_share_memory(grad, plain), np.einsum("nd->d", grad),
    ]  # fmt: skip
    assert rows_of(grad) == [1, 3]
    assert not any(isinstance(result, RowGrad) for result in results)
    np.testing.assert_array_equal(results[0], plain + 1)
    np.testing.assert_array_equal(results[-1], plain.sum(axis=0))


def test_in_place_operators_keep_the_object(layer):
    grad = layer.grads[0]
    before = grad
    grad += 1
    grad *= 2
    assert grad is before
    assert np.add(grad, 1, out=grad) is before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_prints_as_a_plain_array(dtype):
    grad = RowGrad(np.ones((2, 3), dtype))
    assert repr(grad) == repr(np.zeros((2, 3), dtype))
    assert str(grad) == str(np.zeros((2, 3), dtype))
    assert repr([grad[0]]) == repr([np.zeros(3, dtype)])
    assert f"{grad}" == str(np.zeros((2, 3), dtype))


def test_views_share_the_list_and_are_not_tracked_themselves(layer):
    grad = layer.grads[0]
    for view in (grad[2:], grad.T, grad.reshape(5, 40), grad.view(), grad[::2]):
        assert isinstance(view, RowGrad) and np.shares_memory(view, grad)
        assert view._tracker is grad._tracker
        assert not is_tracked(view)


def test_too_many_rows_count_as_all(rng):
    layer = Embedding(rng.standard_normal((40, 5)))
    for ids, listed in ((range(10), True), (range(11), True), (range(12), False), ([3], True)):
        layer.forward(list(ids))
        layer.backward(np.ones((len(ids), 5)))
        assert (rows_of(layer.grads[0]) == sorted(ids)) is listed
        np.testing.assert_array_equal(np.flatnonzero(layer.grads[0][:, 0]), sorted(ids))


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize("trusted", [False, True])
def test_add_into_merges_the_lists(rng, tracked, trusted):
    a, b = (Embedding(np.ones((40, 5), np.float32)) for _ in range(2))
    for layer, ids in ((a, [1, 3]), (b, [3, 9])):
        layer.forward(ids)
        layer.backward(rng.standard_normal((2, 5)))
    total = a.grads[0] if tracked else np.array(a.grads[0])
    expected = np.array(total) + np.array(b.grads[0])
    writes.add_into(total, b.grads[0], trusted)
    assert_same_bits(np.asarray(total), expected)
    if tracked:
        assert rows_of(total) == [1, 3, 9]
        backward_gives_what_numpy_gives(a)


def test_clear_empties_the_list(layer):
    grad = layer.grads[0]
    writes.clear(grad)
    assert not grad.any() and rows_of(grad) == []
    grad[5] = 1
    writes.clear(grad)
    assert not grad.any() and rows_of(grad) == []


def test_input_that_overlaps_the_gradient(rng):
    layer = Embedding(rng.standard_normal((8, 3)))
    layer.forward([0, 5])
    layer.backward(np.array([[1.0, 2, 3], [4, 5, 6]]))
    layer.backward(np.asarray(layer.grads[0])[[0, 5]])
    layer.forward([5, 0])
    layer.backward(np.asarray(layer.grads[0])[:2])
    np.testing.assert_array_equal(layer.grads[0][5], [1, 2, 3])


def test_tables_without_width_or_rows():
    for shape, ids in (((4, 0), [1, 2]), ((0, 3), []), ((4, 3), [])):
        layer = Embedding(np.zeros(shape))
        out = layer.forward(ids)
        assert out.shape == (len(ids), shape[1])
        layer.backward(out)
        assert layer.grads[0].shape == shape and not layer.grads[0].any()


def test_two_threads_on_one_layer_do_not_crash():
    import threading

    layer = Embedding(np.zeros((5000, 8), np.float32))

    def work(seed):
        ids = np.random.default_rng(seed)
        for _ in range(300):
            idx = ids.integers(0, 5000, 200)
            layer.idx = idx
            try:
                layer.backward(np.ones((200, 8), np.float32))
            except ValueError:  # the other thread's idx of another moment
                continue

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    layer.grads[0].mark_dirty()
    layer.forward([7])
    layer.backward(np.ones((1, 8)))
    assert np.flatnonzero(layer.grads[0][:, 0]).tolist() == [7]


def test_try_merge_leaves_what_has_to_be_added_up(rng):
    """It answers only where the general path would keep the same arrays and add up nothing."""
    W, b = rng.standard_normal((6, 3)), rng.standard_normal(3)
    layers = [Embedding(W) for _ in range(3)]
    grads = [layer.grads[0] for layer in layers]
    params, all_grads = [W, b, W, W], [grads[0], np.ones(3), *grads[1:]]
    try_merge = _embedding.try_merge
    assert try_merge(params, all_grads, RowGrad) == [0, 1]
    layers[0].forward([1])
    layers[0].backward(np.ones((1, 3)))  # the first gradient may hold anything
    assert try_merge(params, all_grads, RowGrad) == [0, 1]
    layers[2].forward([2])
    layers[2].backward(np.ones((1, 3)))
    assert try_merge(params, all_grads, RowGrad) is None
    assert not _embedding.are_untouched(grads, RowGrad)
    writes.clear_all(grads)
    assert _embedding.are_untouched(grads, RowGrad) and not np.any(grads)
    assert try_merge(params, all_grads, RowGrad) == [0, 1]
    grads[1][4] = 1  # an observed write
    assert try_merge(params, all_grads, RowGrad) is None
    plain = [np.zeros((6, 3)) for _ in range(4)]
    assert try_merge([W, W], plain[:2], RowGrad) is None
    assert try_merge([W, W.T.copy()], [plain[0], plain[1].T], RowGrad) is None
    assert try_merge([W, W.astype(int)], plain[:2], RowGrad) is None
    assert try_merge((W,), plain[:1], RowGrad) is None
    assert try_merge([W], plain[:2], RowGrad) is None
