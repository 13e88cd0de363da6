"""EmbeddingDot, UnigramSampler, NegativeSamplingLoss: contract, fused path, bad input."""

import copy
import pickle

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from gradcheck import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st

from fastw2v.layers import Embedding, SigmoidWithLoss
from fastw2v.negative_sampling_layer import EmbeddingDot, NegativeSamplingLoss, UnigramSampler
from fastw2v.reference import negative_sampling_layer as reference

CORPUS = np.random.default_rng(3).integers(0, 13, 300)


def make(dtype, rng, K=5, V=13, D=6):
    W = rng.standard_normal((V, D)).astype(dtype)
    return NegativeSamplingLoss(W, CORPUS, 0.75, K)


def with_negatives(layer, negatives):
    layer.sampler.get_negative_sample = lambda target: negatives
    return layer


@pytest.fixture
def twins(rng, dtype):
    """Our loss and the reference's on the same weights, batch and negatives."""
    ours = make(dtype, rng)
    theirs = reference.NegativeSamplingLoss(ours.params[0], CORPUS)
    h = rng.standard_normal((9, 6)).astype(dtype)
    target = rng.integers(0, 13, 9)
    negatives = ours.sampler.get_negative_sample(target)
    return with_negatives(ours, negatives), with_negatives(theirs, negatives), h, target


def tolerance(dtype):
    return {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-12}


def by_layers(layer):
    """Make the loss run layer by layer, by replacing one of its layers."""

    class Own(SigmoidWithLoss):
        pass

    layer.loss_layers[2] = Own()
    assert not layer.may_fuse(layer.params[0])
    return layer


@pytest.mark.parametrize("path", [lambda layer: layer, by_layers], ids=["fused", "layers"])
@pytest.mark.parametrize("dout", [1, 0.5, np.float32(2), np.array(3.0)], ids=repr)
def test_loss_and_gradients_are_the_references(twins, dtype, path, dout):
    ours, theirs, h, target = twins
    path(ours)
    for _ in range(2):
        np.testing.assert_allclose(
            float(ours.forward(h, target)), float(theirs.forward(h, target)), **tolerance(dtype)
        )
        expected = theirs.backward(dout)
        for _ in range(2):  # a second backward gives the same
            grads = list(ours.grads)
            np.testing.assert_allclose(ours.backward(dout), expected, **tolerance(dtype))
            assert all(a is b for a, b in zip(grads, ours.grads, strict=True))
            total = sum(np.asarray(g, np.float64) for g in ours.grads)
            wanted = sum(np.asarray(g, np.float64) for g in theirs.grads)
            np.testing.assert_allclose(total, wanted, **tolerance(dtype))


def test_switching_paths_leaves_no_old_gradient(twins, dtype):
    ours, theirs, h, target = twins
    theirs.forward(h, target)
    theirs.backward()
    wanted = sum(np.asarray(g, np.float64) for g in theirs.grads)
    own = SigmoidWithLoss()
    kept = ours.loss_layers[2]
    own.forward_was_ours = True
    for replacement in (kept, type("Own", (SigmoidWithLoss,), {})(), kept):
        ours.loss_layers[2] = replacement
        ours.forward(h, target)
        ours.backward()
        total = sum(np.asarray(g, np.float64) for g in ours.grads)
        np.testing.assert_allclose(total, wanted, **tolerance(dtype))


def test_layers_hold_what_they_would_have_computed(twins, dtype):
    ours, theirs, h, target = twins
    ours.forward(h, target)
    theirs.forward(h, target)
    for _ in range(2):
        assert len(ours.loss_layers) == len(ours.embed_dot_layers) == 6
        for k in range(6):
            mine, his = ours.loss_layers[k], theirs.loss_layers[k]
            np.testing.assert_allclose(float(mine.loss), float(his.loss), **tolerance(dtype))
            np.testing.assert_allclose(mine.y, his.y, **tolerance(dtype))
            np.testing.assert_array_equal(mine.t, his.t)
            np.testing.assert_array_equal(
                ours.embed_dot_layers[k].embed.idx, theirs.embed_dot_layers[k].embed.idx
            )
            assert ours.embed_dot_layers[k].params[0] is ours.params[k]
            assert ours.embed_dot_layers[k].grads[0] is ours.grads[k]
        h, target = h[:4], target[:4]
        ours.sampler.get_negative_sample = theirs.sampler.get_negative_sample = lambda target: (
            np.arange(20).reshape(4, 5) % 13
        )
        ours.forward(h, target)
        theirs.forward(h, target)


def test_replaced_layers_and_instance_methods_take_effect(rng, dtype):
    layer = make(dtype, rng)
    h = rng.standard_normal((4, 6)).astype(dtype)
    calls = []
    inner = layer.loss_layers[1].forward

    def spy(x, t):
        calls.append(len(x))
        return inner(x, t)

    layer.loss_layers[1].forward = spy
    layer.forward(h, [0, 1, 2, 3])
    assert calls == [4]
    layer = make(dtype, rng)

    class Mine(Embedding):
        def forward(self, idx):
            calls.append("mine")
            return super().forward(idx)

    layer.embed_dot_layers[0].embed = Mine(layer.params[0])
    layer.forward(h, [0, 1, 2, 3])
    assert calls == [4, "mine"]


def test_finite_differences(rng):
    layer = make(np.float64, rng)
    layer.params[0] *= 0.1  # the gradient leaves out the 1e-7, which shows where p is small
    h = rng.standard_normal((7, 6))
    target = rng.integers(0, 13, 7)
    with_negatives(layer, layer.sampler.get_negative_sample(target))
    layer.forward(h, target)
    dh = layer.backward()
    total = sum(np.asarray(g) for g in layer.grads)
    arrays = [h, layer.params[0]]
    assert_gradients(lambda: float(layer.forward(h, target)), arrays, [dh, total], atol=1e-7)


def test_embedding_dot_finite_differences(rng):
    layer = EmbeddingDot(rng.standard_normal((9, 4)))
    h, dout = rng.standard_normal((6, 4)), rng.standard_normal(6)
    idx = np.array([0, 8, 0, -1, 3, 3])
    layer.forward(h, idx)
    gradients = [layer.backward(dout), np.array(layer.grads[0])]

    def weighted_sum():
        return float((layer.forward(h, idx) * dout).sum())

    assert_gradients(weighted_sum, [h, layer.params[0]], gradients)


def test_same_bits_for_any_number_of_parts(rng, dtype, all_parts):
    h = rng.standard_normal((83, 35)).astype(dtype)
    target = rng.integers(0, 13, 83)
    W = rng.standard_normal((13, 35)).astype(dtype)
    negatives = UnigramSampler(CORPUS, 0.75, 5).get_negative_sample(target)
    results = []
    for n in N_PARTS:
        all_parts(n)
        layer = with_negatives(NegativeSamplingLoss(W, CORPUS), negatives)
        loss = layer.forward(h, target)
        results.append([loss, layer.backward(), np.asarray(layer.grads[0])])
    for result in results[1:]:
        for actual, expected in zip(result, results[0], strict=True):
            assert_same_bits(actual, expected)


@given(
    N=st.integers(1, 12),
    D=st.integers(1, 40),
    K=st.integers(0, 6),
    integer=st.sampled_from(["i1", "u2", "i4", "i8", "u8", ">i4", ">i8"]),
    real=st.sampled_from(["f2", "f4", "f8", ">f4", "i4"]),
    stride=st.sampled_from([1, 2, -1]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_any_shape_stride_and_dtype(N, D, K, integer, real, stride, seed):
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((13, D)).astype(np.float32)
    layer = NegativeSamplingLoss(W, CORPUS, 0.75, K)
    twin = reference.NegativeSamplingLoss(W, CORPUS, 0.75, K)
    # Scores near 0: where 1 - sigmoid has no bits left, the last bit of either decides the loss.
    h = (2 / np.sqrt(D) * rng.standard_normal((2 * N, D))).astype(real)[::stride][:N]
    target = rng.integers(0, 13, 2 * N).astype(integer)[::stride][:N]
    target.flags.writeable = h.flags.writeable = False
    negatives = np.asfortranarray(rng.integers(0, 13, (N, K)))
    with_negatives(layer, negatives)
    with_negatives(twin, negatives)
    with np.errstate(over="ignore"):  # exp in the reference, where a score is below -88
        expected = twin.forward(h.astype(np.float32), target.astype(np.int64))
    np.testing.assert_allclose(
        float(layer.forward(h, target)), float(expected), rtol=2e-3, atol=2e-3
    )
    np.testing.assert_allclose(layer.backward(), twin.backward(), rtol=2e-3, atol=2e-3)


def test_sampler_attributes_and_assignments():
    np.random.seed(0)
    sampler = UnigramSampler(CORPUS, 0.75, 3)
    assert sampler.vocab_size == 13 and sampler.sample_size == 3
    np.testing.assert_allclose(sampler.word_p.sum(), 1)
    sample = sampler.get_negative_sample([1, 2])
    assert sample.dtype == np.int32 and sample.shape == (2, 3)
    sampler.sample_size = 5
    assert sampler.get_negative_sample([1, 2]).shape == (2, 5)
    p = np.zeros(13)
    p[[2, 4, 6]] = 1
    sampler.word_p, sampler.sample_size = p, 2
    sample = sampler.get_negative_sample(np.full(200, 4))
    assert set(sample.ravel()) == {2, 6}
    np.testing.assert_allclose(sampler.word_p[[2, 4, 6]], 1 / 3)
    with pytest.raises(ValueError, match="read-only"):
        sampler.word_p[0] = 1


def test_seeds_and_streams():
    sampler = UnigramSampler(CORPUS, 0.75, 5)
    target = np.arange(13)
    np.random.seed(5)
    first = sampler.get_negative_sample(target)
    second = sampler.get_negative_sample(target)
    np.random.seed(5)
    assert_same_bits(sampler.get_negative_sample(target), first)
    assert (first != second).any()
    state = np.random.get_state()[1].copy()
    own = UnigramSampler(CORPUS, 0.75, 5, rng=np.random.default_rng(1))
    assert (own.get_negative_sample(target) != own.get_negative_sample(target)).any()
    UnigramSampler(CORPUS, 0.75, 5)
    assert_same_bits(np.random.get_state()[1], state)


def test_samples_are_distinct_and_never_the_target():
    sampler = UnigramSampler([0, 0, 0, 0, 0, 0, 1, 2, 3], 1, 3)
    sample = sampler.get_negative_sample(np.tile(np.arange(4), 50))
    for row, target in zip(sample, np.tile(np.arange(4), 50), strict=True):
        assert sorted([*row, target]) == [0, 1, 2, 3]
    sampler.replace = True
    sample = sampler.get_negative_sample(np.zeros(200, int))
    assert (sample == 0).any() and any(len(set(row)) < 3 for row in sample)


def test_samplers_copy_and_pickle():
    sampler = UnigramSampler(CORPUS, 0.75, 5)
    for twin in (copy.copy(sampler), copy.deepcopy(sampler), pickle.loads(pickle.dumps(sampler))):
        np.testing.assert_array_equal(twin.word_p, sampler.word_p)
        np.random.seed(1)
        first = sampler.get_negative_sample([0, 1])
        np.random.seed(1)
        assert_same_bits(twin.get_negative_sample([0, 1]), first)


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_losses_copy_and_pickle(rng, dtype, copier):
    layer = make(dtype, rng)
    h, target = rng.standard_normal((4, 6)).astype(dtype), [0, 1, 2, 3]
    layer.forward(h, target)
    twin = copier(layer)
    assert all(param is twin.params[0] for param in twin.params)
    assert not np.shares_memory(twin.params[0], layer.params[0])
    np.testing.assert_array_equal(twin.backward(), layer.backward())
    for a, b in zip(twin.grads, layer.grads, strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_array_in_params_or_grads(rng):
    layer = make(np.float32, rng)
    W = rng.standard_normal((13, 6))
    layer.params[:] = [W] * 6
    layer.grads[0] = np.full((13, 6), 7.0)
    h = rng.standard_normal((4, 6))
    layer.forward(h, [0, 1, 2, 3])
    layer.backward()
    assert layer.grads[0].dtype == np.float64 and not (layer.grads[0] == 7).any()
    twin = EmbeddingDot(rng.standard_normal((5, 6)).astype(np.float32))
    twin.params[0] = W
    np.testing.assert_allclose(twin.forward(h, [0, 1, 2, 12]), (W[[0, 1, 2, 12]] * h).sum(axis=1))


BAD = {
    "ids out of range": (dict(target=[0, 13]), IndexError, "target: id 13 at position 1 is out"),
    "ids below": (dict(target=[-14, 0]), IndexError, "target: id -14 at position 0"),
    "float ids": (dict(target=[0.0, 1.0]), TypeError, "target: expected integer ids, got dtype"),
    "ids in a matrix": (dict(target=[[0], [1]]), ValueError, r"target: expected ids of shape \(N"),
    "no rows": (dict(target=[], h=np.ones((0, 6))), ValueError, "target: expected ids"),
    "width": (dict(h=np.ones((2, 5))), ValueError, r"h: expected shape \(2, 6\)"),
    "rows": (dict(h=np.ones((3, 6))), ValueError, r"h: expected shape \(2, 6\)"),
    "complex": (dict(h=np.ones((2, 6), complex)), TypeError, "h: expected real numbers"),
}


@pytest.mark.parametrize("case", BAD, ids=BAD)
@pytest.mark.parametrize("in_one_go", [True, False])
def test_bad_input_of_the_loss(rng, case, in_one_go):
    changed, error, words = BAD[case]
    layer = make(np.float32, rng)
    if not in_one_go:
        layer.loss_layers[0] = SigmoidWithLoss()
    arguments = {"h": np.ones((2, 6)), "target": [0, 1]}
    layer.forward(**arguments)
    layer.backward()
    before, arrays = pickle.dumps(layer), pickle.dumps([layer.params, layer.grads])
    with pytest.raises(error, match=words):
        layer.forward(**arguments | changed)
    assert pickle.dumps(layer) == before
    assert pickle.dumps([layer.params, layer.grads]) == arrays


def test_bad_samplers_are_named(rng):
    layer = make(np.float32, rng)
    for negatives, error in (
        (np.zeros((2, 3), int), ValueError),
        (np.full((2, 5), 13), IndexError),
        (np.zeros((2, 5)), TypeError),
    ):
        with_negatives(layer, negatives)
        with pytest.raises(error, match="sampler.get_negative_sample"):
            layer.forward(np.ones((2, 6)), [0, 1])


def test_bad_construction():
    W = np.ones((13, 6), np.float32)
    with pytest.raises(
        ValueError, match="corpus: expected every id from 0 to 5 to occur, but id 3"
    ):
        NegativeSamplingLoss(W, [0, 1, 2, 4, 5])
    with pytest.raises(ValueError, match="but id 0 does not"):
        UnigramSampler([10**12], 0.75, 5)
    with pytest.raises(ValueError, match="corpus: expected at least one word id"):
        UnigramSampler([], 0.75, 5)
    with pytest.raises(ValueError, match="corpus: expected ids from 0 on, got -1"):
        UnigramSampler([-1, 0], 0.75, 5)
    with pytest.raises(TypeError, match="corpus: expected integer ids"):
        UnigramSampler([0.5], 0.75, 5)
    with pytest.raises(ValueError, match="corpus: expected ids below 3, the rows of W"):
        NegativeSamplingLoss(W[:3], [0, 1, 2, 3])
    with pytest.raises(ValueError, match=r"W: expected a table of shape \(V, D\)"):
        NegativeSamplingLoss(W[0], [0])
    with pytest.raises(TypeError, match="sample_size: expected a whole number"):
        UnigramSampler([0, 1], 0.75, 1.5)
    with pytest.raises(ValueError, match="word_p: expected finite numbers"):
        UnigramSampler([0, 1], 0.75, 1).word_p = [0.5, np.nan]


def test_a_vocabulary_smaller_than_the_sample():
    sampler = UnigramSampler([0, 1, 2], 0.75, 3)
    with pytest.raises(ValueError, match="sample_size: expected at most 2 distinct words"):
        sampler.get_negative_sample([0])
    sampler.sample_size = 2
    assert set(sampler.get_negative_sample([0])[0]) == {1, 2}
    sampler.word_p = [0.0, 0.5, 0.5]  # a target that is never drawn takes nothing away
    assert set(sampler.get_negative_sample([0])[0]) == {1, 2}
    with pytest.raises(ValueError, match="at most 1 distinct words"):
        sampler.get_negative_sample([0, 1])


def test_backward_needs_a_forward(rng):
    with pytest.raises(RuntimeError, match="call forward first"):
        make(np.float32, rng).backward()
    with pytest.raises(RuntimeError, match="EmbeddingDot.backward: .*call forward first"):
        EmbeddingDot(np.ones((2, 2))).backward(np.ones(2))


def test_nan_passes_through(rng, dtype):
    layer = make(dtype, rng)
    h = np.ones((3, 6), dtype)
    h[1, 2] = np.nan
    assert np.isnan(layer.forward(h, [0, 1, 2]))
    dh = layer.backward()
    assert np.isnan(dh[1]).all() and np.isfinite(dh[[0, 2]]).all()


def test_ids_that_grew_between_forward_and_backward():
    layer = EmbeddingDot(np.ones((4, 3)))
    idx = [1]
    layer.forward(np.ones((1, 3)), idx)
    idx.extend([2, 2])
    with pytest.raises(ValueError, match=r"embed.idx: expected shape \(1,\)"):
        layer.backward([1.0])


def test_gradients_of_another_dtype_or_shape(rng):
    layer = make(np.float32, rng)
    layer.grads[0] = np.zeros((13, 6))
    layer.forward(np.ones((2, 6)), [0, 1])
    layer.backward()
    assert layer.grads[0].any()
    for shape in ((1, 6), (13, 1)):
        layer.grads[0] = np.zeros(shape, np.float32)
        with pytest.raises(ValueError, match=r"grads\[0\]: expected shape \(13, 6\)"):
            layer.backward()


def test_weights_of_a_sampler_may_be_huge():
    sampler = UnigramSampler([0, 1], 0.75, 1)
    sampler.word_p = np.full(7, 1e308)
    np.testing.assert_allclose(sampler.word_p, 1 / 7)
