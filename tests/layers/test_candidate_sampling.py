"""NCE and sampled softmax: values, gradients, the sampler's law, the rows that a step touches."""

import copy
import pickle

import numpy as np
import pytest
from conftest import assert_same_bits
from gradcheck import assert_gradients

from fastw2v import RowGrad, init
from fastw2v import candidate_sampling as compiled
from fastw2v.layers import Embedding
from fastw2v.optimizer import SGD, Adam
from fastw2v.reference import candidate_sampling as reference
from fastw2v.trainer import Trainer

V, D, N, K = 50, 6, 9, 7
KINDS = ["NCELoss", "SampledSoftmaxLoss"]


@pytest.fixture
def arrays(rng, dtype):
    """W, b, x, labels (one of them among the candidates) and the candidates with their counts."""
    W, b, x = (rng.standard_normal(shape).astype(dtype) for shape in ((V, D), V, (N, D)))
    sampled = rng.permutation(V)[:K]
    labels = rng.integers(0, V, N)
    labels[2] = labels[4] = sampled[3]
    counts = rng.uniform(0.1, 1, (N, 1)), rng.uniform(0.1, 1, K)
    return W, b, x, labels, (sampled, *counts)


@pytest.mark.parametrize("remove", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_values_equal_the_references(kind, remove, arrays, dtype):
    W, b, x, labels, values = arrays
    ours = getattr(compiled, kind)(W, b, K, remove_accidental_hits=remove)
    theirs = getattr(reference, kind)(
        *(a.astype(np.float64) for a in (W, b)), K, remove_accidental_hits=remove
    )
    rtol = 1e-11 if dtype == np.float64 else 2e-5
    for _ in range(2):
        loss = ours.forward(x, labels[:, None], sampled_values=values)
        expected = theirs.forward(x, labels, sampled_values=values)
        np.testing.assert_allclose(loss, expected, rtol=rtol)
        for _ in range(2):
            dx = ours.backward(0.5)
            assert dx.dtype == dtype
            np.testing.assert_allclose(dx, theirs.backward(0.5), rtol=rtol, atol=rtol)
            for mine, other in zip(ours.grads, theirs.grads, strict=True):
                assert mine.dtype == dtype and type(mine) is RowGrad
                np.testing.assert_allclose(mine, other, rtol=rtol, atol=rtol)
        labels = np.roll(labels, 1)


def test_nce_loss_equals_a_sum_by_hand():
    # Scores log 3 for the true class and log 1, log 1/3 for two candidates, counts folded in.
    W = np.log(np.array([[3.0], [2.0], [1.0]]))
    b = np.zeros(3)
    layer = compiled.NCELoss(W, b, 2)
    values = [1, 2], np.array([[1.0]]), np.array([2.0, 3.0])
    loss = layer.forward(np.ones((1, 1)), [0], sampled_values=values)
    # -log sigmoid(log 3) = log(4/3); -log(1 - sigmoid(0)) = log 2; -log(1 - 1/4) = log(4/3)
    assert loss == pytest.approx(2 * np.log(4 / 3) + np.log(2), rel=1e-12)
    np.testing.assert_allclose(layer.logits, np.log([[3, 1, 1 / 3]]), atol=1e-12)
    np.testing.assert_array_equal(layer.labels, [[1, 0, 0]])
    dx = layer.backward()
    np.testing.assert_allclose(layer.grads[1], [-1 / 4, 1 / 2, 1 / 4])
    np.testing.assert_allclose(dx, [[-np.log(3) / 4 + np.log(2) / 2]])


def test_sampled_softmax_loss_equals_a_sum_by_hand():
    W, b = np.zeros((4, 1)), np.log(np.array([4.0, 2.0, 6.0, 1.0]))
    layer = compiled.SampledSoftmaxLoss(W, b, 2)
    values = [1, 2], np.array([[2.0], [2.0]]), np.array([2.0, 2.0])
    loss = layer.forward(np.ones((2, 1)), [0, 2], sampled_values=values)
    # Row 0: 2 against 1 and 3. Row 1: 3 against 1, for its own class is no candidate.
    assert loss == pytest.approx((np.log(6 / 2) + np.log(4 / 3)) / 2, rel=1e-12)
    layer.backward()
    np.testing.assert_allclose(layer.grads[1], [-1 / 3, 1 / 12 + 1 / 8, 1 / 4 - 1 / 8, 0])


@pytest.mark.parametrize("remove", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.dtype(np.float64)])
def test_gradients_are_finite_differences(kind, remove, arrays):
    W, b, x, labels, values = arrays
    layer = getattr(compiled, kind)(W, b, K, remove_accidental_hits=remove)

    def run():
        return float(layer.forward(x, labels, sampled_values=values))

    run()
    dx = layer.backward()
    assert_gradients(run, [x, W, b], [dx, *(np.array(g) for g in layer.grads)])


@pytest.mark.parametrize("kind", KINDS)
def test_attributes_after_forward(kind, rng):
    W, b = np.zeros((V, D), "f"), np.zeros(V, "f")
    layer = getattr(compiled, kind)(W, b, num_sampled=K)
    assert layer.labels is None and layer.logits is None
    layer.forward(np.zeros((N, D)), rng.integers(0, V, (N, 1)))
    assert layer.sampled.shape == layer.sampled_expected_count.shape == (K,)
    assert layer.true_expected_count.shape == (N, 1)
    assert layer.logits.shape == layer.labels.shape == (N, 1 + K)
    assert layer.labels[:, 0].all() and not layer.labels[:, 1:].any()
    assert layer.num_sampled == layer.sampler.num_sampled == K
    layer.num_sampled = 3
    layer.forward(np.zeros((N, D)), rng.integers(0, V, N))
    assert layer.sampled.shape == (3,)


def test_only_sampled_softmax_removes_hits_by_default(arrays):
    W, b, x, labels, values = arrays
    nce, softmax = compiled.NCELoss(W, b, K), compiled.SampledSoftmaxLoss(W, b, K)
    for layer in (nce, softmax):
        layer.forward(x, labels, sampled_values=values)
    hits = labels[:, None] == values[0]
    assert hits.sum() >= 2
    assert (nce.logits[:, 1:][hits] > -1000).all()
    assert (softmax.logits[:, 1:][hits] < -1e30).all()


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_the_callers_and_gradients_stay(kind, arrays):
    W, b, x, labels, values = arrays
    layer = getattr(compiled, kind)(W, b, K)
    assert layer.params[0] is W and layer.params[1] is b
    grads, before = list(layer.grads), x.copy()
    layer.forward(x, labels, sampled_values=values)
    dx = layer.backward()
    dx[...] = np.nan  # the caller's
    again = layer.backward()
    assert np.isfinite(again).all()
    assert all(a is g for a, g in zip(grads, layer.grads, strict=True))
    assert_same_bits(x, before)


def test_a_custom_sampler_is_asked(arrays):
    W, b, x, labels, values = arrays

    class Fixed:
        def sample(self, true_classes):
            np.testing.assert_array_equal(true_classes, labels)
            return values

    layer = compiled.NCELoss(W, b, sampler=Fixed())
    expected = compiled.NCELoss(W, b, K).forward(x, labels, sampled_values=values)
    assert layer.forward(x, labels) == expected
    np.testing.assert_array_equal(layer.sampled, values[0])


# The sampler ------------------------------------------------------------------------------------


def test_probabilities_sum_to_one():
    sampler = compiled.LogUniformSampler(1000)
    p = sampler.probability(np.arange(1000))
    assert p.sum() == pytest.approx(1, rel=1e-12) and (np.diff(p) < 0).all()
    np.testing.assert_allclose(
        p, reference.LogUniformSampler(1000).probability(np.arange(1000)), rtol=1e-12
    )


@pytest.mark.parametrize(("unique", "tries"), [(True, 50), (True, 100), (False, 50)])
def test_expected_counts_follow_their_formulas(unique, tries):
    ours = compiled.LogUniformSampler(1000, 50, unique)
    theirs = reference.LogUniformSampler(1000, 50, unique)
    ids = np.arange(1000)
    np.testing.assert_allclose(
        ours.expected_count(ids, tries), theirs.expected_count(ids, tries), rtol=1e-9
    )
    assert ours.expected_count(3, tries) == pytest.approx(theirs.expected_count(3, tries))


def test_draws_with_replacement_follow_the_law():
    R, n = 40, 200_000
    sampler = compiled.LogUniformSampler(R, n, unique=False, rng=np.random.default_rng(1))
    ids, tries = sampler.draw()
    assert tries == n and ids.dtype == np.int64
    p = sampler.probability(np.arange(R))
    found = np.bincount(ids, minlength=R) / n
    assert (np.abs(found - p) < 5 * np.sqrt(p * (1 - p) / n)).all()


def test_unique_draws_are_the_first_distinct_ones():
    """As one by one: the tries and how often an id comes follow the law of the reference."""
    R, k, n = 12, 6, 4000
    sampler = compiled.LogUniformSampler(R, k, rng=np.random.default_rng(2))
    plain = reference.LogUniformSampler(R, k)
    ours = [sampler.draw() for _ in range(n)]
    theirs = [plain.draw() for _ in range(n)]
    assert all(len(set(ids.tolist())) == k and 0 <= ids.min() <= ids.max() < R for ids, _ in ours)
    for measure in (
        lambda drawn: np.array([tries for _, tries in drawn]),
        lambda drawn: np.array([ids[0] for ids, _ in drawn]),
        lambda drawn: np.array([ids[-1] for ids, _ in drawn]),
        lambda drawn: np.array([0 in ids for ids, _ in drawn]),
    ):
        a, b = measure(ours).astype(float), measure(theirs).astype(float)
        assert abs(a.mean() - b.mean()) < 5 * np.sqrt((a.var() + b.var()) / n)
    # The expected count of an id is how often it is among them: so says the formula, and so it is.
    mean = np.mean([sampler.expected_count(np.arange(R), tries) for _, tries in ours], axis=0)
    assert mean.sum() == pytest.approx(k, rel=0.02)


@pytest.mark.parametrize("R", [1, 5, 300])
def test_all_ids_can_be_drawn(R):
    ids, tries = compiled.LogUniformSampler(R, R).draw()
    assert sorted(ids.tolist()) == list(range(R)) and tries >= R


def test_the_seed_decides_and_a_generator_has_its_own_stream():
    sampler = compiled.LogUniformSampler(1000, 20)
    np.random.seed(5)
    first = sampler.draw()[0]
    np.random.seed(5)
    np.testing.assert_array_equal(sampler.draw()[0], first)
    state = np.random.get_state()[1].copy()
    own = compiled.LogUniformSampler(1000, 20, rng=np.random.default_rng(5))
    own.draw()
    assert_same_bits(np.random.get_state()[1], state)


# Rows that a step touches -----------------------------------------------------------------------


class Model:
    """word2vec_basic: an Embedding and NCE."""

    def __init__(self, V, D, K):
        self.embed = Embedding(init.uniform((V, D), rng=1))
        W = init.truncated_normal((V, D), D**-0.5, rng=2)
        self.loss = compiled.NCELoss(W, np.zeros(V, "f"), K, rng=np.random.default_rng(3))
        self.params = self.embed.params + self.loss.params
        self.grads = self.embed.grads + self.loss.grads

    def forward(self, x, t):
        return self.loss.forward(self.embed.forward(x), t)

    def backward(self, dout=1):
        self.embed.backward(self.loss.backward(dout))


def listed(grad):
    return (
        "all" if grad._tracker.dense else set(grad._tracker.rows[: grad._tracker.n_rows].tolist())
    )


def test_a_step_touches_only_its_rows(rng):
    model = Model(1000, 5, 10)
    x, t = rng.integers(0, 1000, 8), rng.integers(0, 1000, (8, 1))
    for _ in range(2):
        model.forward(x, t)
        model.backward()
        rows = {*t.ravel().tolist(), *model.loss.sampled.tolist()}
        assert listed(model.embed.grads[0]) == set(x.tolist())
        assert listed(model.loss.grads[0]) == listed(model.loss.grads[1]) == rows
        for grad in model.grads:
            assert set(np.flatnonzero(np.asarray(grad).reshape(1000, -1).any(axis=1))) <= listed(
                grad
            )


@pytest.mark.parametrize("optimizer", [SGD, Adam])
@pytest.mark.parametrize("max_grad", [None, 0.5])
@pytest.mark.parametrize("V", [12, 400])  # more rows than a list holds, or fewer
def test_fit_gives_the_bits_of_dense_updates(optimizer, max_grad, V, rng):
    x, t = rng.integers(0, V, 64), rng.integers(0, V, (64, 1))
    pair = Model(V, 4, 5), Model(V, 4, 5)
    # The second one's gradients are plain arrays by the time the optimizer sees them.
    update = optimizer(0.5)
    plain = copy.copy(update)
    dense = type("Dense", (), {"update": lambda self, p, g: plain.update(p, [*map(np.array, g)])})()
    for model, how in zip(pair, (update, dense), strict=True):
        np.random.seed(1)
        Trainer(model, how).fit(x, t, 2, 8, max_grad, None)
    for mine, other in zip(pair[0].params, pair[1].params, strict=True):
        assert_same_bits(mine, other)


def test_writes_into_the_gradient_of_the_bias_are_seen(rng):
    model = Model(400, 4, 5)
    model.forward([1, 2], [3, 4])
    model.backward()
    grad = model.loss.grads[1]
    grad[200] = 1
    assert grad._tracker.dense
    model.backward()
    assert grad[200] == 0 and not grad._tracker.dense
    np.asarray(grad)[200] = 1  # not seen, but found by an update from outside of fit
    before = model.loss.params[1].copy()
    SGD(1.0).update(model.params, model.grads)
    assert model.loss.params[1][200] == before[200] - 1


def test_copies_and_pickles_compute_the_same(rng):
    model = Model(400, 4, 5)
    model.forward([1, 2], [3, 4])
    model.backward()
    for twin in (copy.deepcopy(model.loss), pickle.loads(pickle.dumps(model.loss))):
        assert twin.params[0] is not model.loss.params[0]
        np.testing.assert_array_equal(twin.grads[1], model.loss.grads[1])
        assert [type(grad) for grad in twin.grads] == [RowGrad, RowGrad]
        np.testing.assert_array_equal(twin.backward(), model.loss.backward())


# Bad input --------------------------------------------------------------------------------------

W, B, X = np.ones((7, 4), "f"), np.zeros(7, "f"), np.ones((2, 4))
COUNTS = np.ones((2, 1)), np.ones(3)


sampler = compiled.LogUniformSampler


def nce(*args, **options):
    return compiled.NCELoss(*(args or (W, B, 3)), **options)


def given(*values):
    return lambda: nce().forward(X, [1, 2], sampled_values=values)


CASES = [
    (lambda: compiled.LogUniformSampler(10, 11), ValueError, "num_sampled: expected at most range"),
    (lambda: compiled.LogUniformSampler(0), ValueError, "range_max: expected at least 1, got 0"),
    (lambda: sampler(9, 0), ValueError, "num_sampled: expected at least 1"),
    (lambda: sampler(9, 2, rng=3), TypeError, "rng: expected None or a numpy"),
    (lambda: sampler(9, 2).sample([9]), IndexError, "ids: id 9 at position 0"),
    (lambda: sampler(9, 2).sample([-1]), IndexError, "ids: id -1 .* from 0"),
    (
        lambda: compiled.LogUniformSampler(9, 2).sample([0.5]),
        TypeError,
        "true_classes: expected in",
    ),
    (lambda: sampler(9, 2).sample([]), ValueError, "true_classes: .* N > 0"),
    (
        lambda: compiled.LogUniformSampler(9, 5).expected_count(0, 4),
        ValueError,
        "tries: .* 5",
    ),
    (lambda: nce(W, B[:3]), ValueError, r"b: expected shape \(7,\) .one number per row"),
    (lambda: nce(W, B.astype("d")), TypeError, "b: expected float32, the dtype of W, got float64"),
    (lambda: nce(W.tolist(), B), TypeError, "W: expected a numpy array"),
    (lambda: nce(W, B, 8), ValueError, "num_sampled: expected at most range_max = 7"),
    (lambda: nce(W, B, sampler=3), TypeError, "sampler: expected an object with sample, got int"),
    (lambda: nce().forward(X, [1, 7]), IndexError, "labels: id 7 at position 1 .* for 7 classes"),
    (lambda: nce().forward(X, [-1, 0]), IndexError, "labels: id -1 at position 0"),
    (lambda: nce().forward(X, [[1, 2]]), ValueError, r"labels: expected ids of shape \(N,\) or"),
    (lambda: nce().forward(X, [1.0, 2.0]), TypeError, "labels: expected integer ids"),
    (lambda: nce().forward(X[:, :3], [1, 2]), ValueError, r"x: expected shape \(2, 4\)"),
    (lambda: nce().backward(), RuntimeError, "NCELoss.backward: nothing to go back"),
    (given([1, 2]), ValueError, "sampled_values: expected .sampled, true_expected_count"),
    (given([1, 2, 9], *COUNTS), IndexError, r"sampled_values.0.: id 9 at position 2"),
    (given([1, 2], *COUNTS), ValueError, r"sampled_values.2.: expected shape \(2,\)"),
    (given([1, 2, 3], np.ones(2), np.ones(3)), ValueError, r"sampled_values.1.: expected shape"),
    (given([1, 2, 3], np.ones((2, 1)), [1, 0, 1]), ValueError, r"sampled_values.2.: .* above 0"),
]


@pytest.mark.parametrize(("call", "error", "words"), CASES)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_an_error_leaves_the_layer_as_it_was(rng):
    layer = nce()
    layer.forward(X, [1, 2])
    expected = layer.backward()
    for bad in (
        lambda: layer.forward(X, [1, 99]),
        lambda: layer.forward(X[:, :2], [1, 2]),
        lambda: layer.forward(X, [1, 2], sampled_values=([9], [[1], [1]], [1])),
    ):
        with pytest.raises((IndexError, ValueError)):
            bad()
        np.testing.assert_array_equal(layer.backward(), expected)
    before = [np.array(grad) for grad in layer.grads]
    layer.grads[1].flags.writeable = False
    with pytest.raises(ValueError, match="grads.1.: expected a writable array"):
        layer.backward(7)
    for grad, old in zip(layer.grads, before, strict=True):
        np.testing.assert_array_equal(grad, old)
