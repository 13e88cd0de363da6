"""Training on blocks of ids against the plain numpy twin, which draws the same."""

import copy
import gc
import itertools
import pickle
import weakref

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits

from fastw2v._kernels import _word2vec
from fastw2v._kernels._word2vec import EXACT_GRADIENT as EXACT
from fastw2v._kernels._word2vec import FRESH_NEGATIVES as FRESH
from fastw2v._kernels._word2vec import MEAN, SHRINK
from fastw2v._kernels._word2vec import SHARED_NEGATIVES as SHARED
from fastw2v._kernels._word2vec import SKIP_GRAM as SG
from fastw2v.reference import word2vec as oracle
from fastw2v.word2vec import engine

V = 40


def corpus(rng, n=600):
    """Draw Zipf ids in sentences of 0 to 30 words, some of one word."""
    ids = np.minimum(rng.zipf(1.3, n) - 1, V - 1).astype(np.int32)
    ids[np.cumsum(rng.integers(1, 30, n // 15))[: n // 20] % n] = -1
    return ids


def make(rng, D, mode, *, window=3, negative=5, hs=False, sample=0.0, batch=0):
    """Make complete weights, with numbers in the tables as of a trained model."""
    counts = np.sort(rng.integers(1, 500, V))[::-1]
    weights = engine.Weights(engine.padded(rng.normal(0, 0.3, (V, D)).astype(np.float32)))
    if negative:
        weights.outputs = engine.padded(rng.normal(0, 0.3, (V, D)).astype(np.float32))
        weights.alias = engine.alias_table(counts, 0.75)
    if hs:
        weights.nodes = engine.padded(rng.normal(0, 0.3, (V - 1, D)).astype(np.float32))
        weights.ways = engine.huffman(counts)
    weights.keep = engine.keep_thresholds(counts, sample)[1]
    weights.window, weights.negative, weights.mode = window, negative, mode
    weights.batch = batch
    return weights


def twin(weights, ids, block):
    """Return tables and corpus of these weights for the numpy twin."""
    tables = {
        name: getattr(weights, name).astype(np.float64) for name in ("inputs", "outputs", "nodes")
    }
    text = oracle.Corpus(
        *(ids, weights.keep, weights.alias, weights.ways, weights.window, weights.negative, block),
        shrink=bool(weights.mode & SHRINK),
        fresh=bool(weights.mode & FRESH),
        shared=bool(weights.mode & SHARED),
    )
    return tables, text


def assert_like_twin(weights, ids, block, alpha=0.05, step=-0.00002, **options):
    mode = weights.mode
    tables, text = twin(weights, ids, block)
    n_blocks = -(-len(ids) // block)
    loss = oracle.train(
        *(tables, text, 7, range(n_blocks), alpha, step),
        sg=bool(mode & SG),
        mean=bool(mode & MEAN),
        share=bool(mode & EXACT),
        **options,
    )
    stats = weights.train(ids, 0, n_blocks, block, 7, alpha, step, 1, 1)
    for name, expected in tables.items():
        np.testing.assert_allclose(getattr(weights, name), expected, rtol=2e-3, atol=2e-5)
    np.testing.assert_allclose(stats[:, 0].sum() / stats[:, 1].sum(), loss, rtol=1e-5)


MODES = {
    "cbow": MEAN | SHRINK,
    "cbow_exact": MEAN | EXACT | SHRINK,
    "cbow_sum": EXACT,
    "cbow_shared": MEAN | SHRINK | SHARED,
    "cbow_exact_shared": MEAN | EXACT | SHRINK | SHARED,
    "skip_gram": SG | SHRINK,
    "skip_gram_fresh": SG | SHRINK | FRESH,
}


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("D", [1, 16, 35, 64, 100])
def test_against_the_twin(rng, mode, D):
    assert_like_twin(make(rng, D, mode), corpus(rng), block=97)


@pytest.mark.parametrize("mode", [mode for mode in MODES.values() if not mode & (FRESH | SHARED)])
@pytest.mark.parametrize("D", [1, 35, 270])  # 1, 2 and 4 stripes
def test_batches_of_one_centre_against_the_twin(rng, mode, D):
    for block, hs in ((97, False), (30, True)):
        weights = make(rng, D, mode, batch=1, hs=hs)
        assert_like_twin(weights, corpus(rng, 200), block, stand_still=False)


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("negative", [0, 1, 2, 3, 4, 6, 7, 13])
def test_any_number_of_outputs_with_and_without_a_tree(rng, mode, negative):
    if negative:
        assert_like_twin(make(rng, 20, mode, negative=negative), corpus(rng, 300), block=64)
    hs = make(rng, 20, mode & ~FRESH, negative=negative, hs=True)
    assert_like_twin(hs, corpus(rng, 300), block=64)


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("window", [1, 2, 9, 40])
def test_any_window_over_the_ends_of_blocks_and_sentences(rng, mode, window):
    weights = make(rng, 8, mode, window=window, sample=0.02)
    assert_like_twin(weights, corpus(rng, 400), block=23)


def test_repeated_words_lose_no_update(rng):
    # With five words contexts repeat, negatives repeat, and negatives are the target.
    ids = rng.integers(0, 5, 200).astype(np.int32)
    for mode in MODES.values():
        weights = make(rng, 24, mode, window=2, negative=7)
        weights.alias = engine.alias_table(np.array([5, 5, 4, 4, 3] + [0] * (V - 5)), 1.0)
        tables, text = twin(weights, ids, 50)
        loss = oracle.train(
            *(tables, text, 7, range(4), 1e-3),
            sg=bool(mode & SG),
            mean=bool(mode & MEAN),
            share=bool(mode & EXACT),
        )
        before = weights.outputs.copy()
        stats = weights.train(ids, 0, 4, 50, 7, 1e-3, 0.0, 1, 1)
        moved = weights.outputs[:5] - before[:5]
        np.testing.assert_allclose(moved, tables["outputs"][:5] - before[:5], rtol=0.02, atol=2e-5)
        assert np.abs(moved).max() > 0.01
        np.testing.assert_allclose(stats[:, 0].sum() / stats[:, 1].sum(), loss, rtol=1e-3)


@pytest.mark.parametrize("z", [-90.0, -30.0, -9.0, 9.0, 30.0, 90.0])
def test_large_scores_have_a_gradient_and_a_loss(z):
    # gensim skips pairs beyond |z| = 6, so a positive with a very wrong score would never learn.
    weights = engine.Weights(engine.padded(np.full((2, 1), 1.0, np.float32)))
    weights.outputs = engine.padded(np.full((2, 1), z, np.float32))
    weights.alias = engine.alias_table(np.array([0.0, 1.0]), 1.0)
    weights.window, weights.negative, weights.mode = 1, 1, SG
    stats = weights.train(np.array([0, 1, -1], np.int32), 0, 1, 4, 1, 0.5, 0.0, 1, 1)
    # The centres are word 0 with negative 1, and word 1, whose only negative is itself.
    assert stats[0, 1] == 3
    expected = np.log1p(np.exp(-abs(z))) + max(0, -z)
    assert stats[0, 0] >= expected * (1 - 1e-6)
    moved = float(weights.outputs[0, 0]) - z
    np.testing.assert_allclose(moved, 0.5 / (1 + np.exp(z)), rtol=1e-5, atol=abs(z) * 1e-6)


def test_padding_stays_zero(rng):
    for mode in MODES.values():
        weights = make(rng, 35, mode, hs=mode == MODES["cbow"])
        weights.train(corpus(rng), 0, 7, 97, 1, 0.1, 0.0, 1, 1)
        for table in (weights.inputs, weights.outputs, weights.nodes):
            assert not table[:, 35:].any()


@pytest.mark.parametrize("batch", [0, 6])
def test_calls_may_be_cut_anywhere(rng, batch):
    ids = corpus(rng)
    results = []
    for cuts in ([0, 38], [0, 8, 16, 32, 38], [0, 24, 38]):
        weights = make(np.random.default_rng(1), 20, SG | SHRINK, sample=0.01, batch=batch)
        stats = [
            weights.train(ids, first, last, 16, 5, 0.05, -1e-5, 1, 1)
            for first, last in itertools.pairwise(cuts)
        ]
        results.append((weights.inputs, weights.outputs, np.concatenate(stats)))
    for arrays in results[1:]:
        for array, expected in zip(arrays, results[0], strict=True):
            assert_same_bits(array, expected)


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("D", [3, 100, 272])  # 1, 2 and 4 stripes
def test_batches_give_the_same_bits_for_any_parts(rng, mode, D):
    ids = corpus(rng)
    results = []
    for n_parts in N_PARTS:
        hs = not mode & FRESH
        weights = make(np.random.default_rng(1), D, mode, sample=0.05, batch=7, hs=hs)
        stats = weights.train(ids, 0, 38, 16, 5, 0.05, -1e-5, 1, n_parts)
        weights.merge_stripes()
        results.append((weights.inputs, weights.outputs, weights.nodes, stats))
    for arrays in results[1:]:
        for array, expected in zip(arrays, results[0], strict=True):
            assert_same_bits(array, expected)


@pytest.mark.parametrize("mode", [mode for mode in MODES.values() if not mode & SHARED])
def test_a_batch_has_its_scores_before_its_changes(rng, mode):
    """Each block is one batch, but sums are learned one by one; formulas: see the kernel."""
    ids = np.array([3, 1, 4, 1, -1, 2, 7, 3, -1, 9, 5], np.int32)
    weights = make(rng, 20, mode, window=2, negative=2, batch=16)
    tables, text = twin(weights, ids, 4)
    x, skip_gram = tables["inputs"], bool(mode & SG)

    def learn(waiting):
        for (rows, times), contexts, outputs, h, g in waiting:
            g = g * np.asarray(times)[:, None] * [n for *_, n in outputs]
            y = np.array([tables[table][row] for table, row, _, _ in outputs])
            for (table, row, _, _), change in zip(
                outputs, g.T @ (x[rows] if skip_gram else h), strict=True
            ):
                tables[table][row] += change
            if skip_gram:
                x[rows] += g @ y
            else:
                np.add.at(x, contexts, g[0] @ y / (len(contexts) if mode & EXACT else 1))
        waiting.clear()

    for b in range(3):
        waiting = []
        for _, contexts, outputs, _ in text.centres(3, b):
            many = np.unique(contexts, return_counts=True) if skip_gram else (contexts, [1])
            h = x[many[0]] if skip_gram else x[contexts].sum(0, keepdims=True)
            h = h / len(contexts) if mode & MEAN else h
            y = np.array([tables[table][row] for table, row, _, _ in outputs])
            labels = np.array([label for *_, label, _ in outputs])
            g = 0.05 * (labels - 1 / (1 + np.exp(-h @ y.T)))
            waiting.append((many, contexts, outputs, h.copy(), g))
            if not mode & (MEAN | SG):
                learn(waiting)
        learn(waiting)
    weights.train(ids, 0, 3, 4, 3, 0.05, 0.0, 1, 2)
    weights.merge_stripes()
    for name, table in tables.items():
        np.testing.assert_allclose(getattr(weights, name), table, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_two_words_that_change_all_the_time_do_not_diverge(mode):
    """Batches of the size that `Word2Vec` uses grow hardly more than single centres."""
    largest = []
    for batch in (0, engine.batch_size(np.ones(2), 0, 5, 5, mode)):
        weights = engine.Weights(engine.padded(np.full((2, 4), 0.5, np.float32)))
        weights.outputs = engine.padded(np.zeros((2, 4), np.float32))
        weights.alias = engine.alias_table(np.ones(2), 1.0)
        weights.window, weights.negative, weights.mode, weights.batch = 5, 5, mode, batch
        ids = np.tile(np.array([0, 1], np.int32), 1000)
        for epoch in range(50):
            weights.train(ids, 0, 32, 64, epoch, 0.05, 0.0, 0, 1)
        largest.append(np.abs(weights.inputs).max())
    assert largest[1] < 1.5 * largest[0]  # false for NaN
    assert largest[0] < 40


TEXTS = {
    "uniform": lambda rng, V: rng.integers(0, V, 12000),
    "runs": lambda rng, V: np.repeat(rng.integers(0, V, 1500), 8),
    "one word": lambda rng, V: np.where(rng.random(12000) < 0.9, 0, rng.integers(0, V, 12000)),
}


@pytest.mark.parametrize("softmax", ["sampled", "hierarchical"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("V", [2, 7, 30, 300])
def test_contexts_stand_still_only_while_that_is_safe(text, V, softmax):
    """The loss is that of single centres, wherever these do not diverge themselves."""
    ids = text(np.random.default_rng(0), V).astype(np.int32)
    counts = np.maximum(np.bincount(ids, minlength=V), 1)
    modes = [MEAN | SHRINK, MEAN | SHRINK | EXACT, SHRINK]
    modes += [MEAN | SHRINK | SHARED] * (softmax == "sampled" and V > 9)  # a group has 9 words
    for mode, window, alpha in itertools.product(modes, (5, 10), (0.05, 0.2)):
        losses = []
        # Freely, deterministically, and one by one.
        for batch in (0, engine.batch_size(counts, 0, window, 5, mode), 1):
            first = np.random.default_rng(1).uniform(-0.03, 0.03, (V, 16)).astype(np.float32)
            weights = engine.Weights(engine.padded(first))
            if softmax == "sampled":
                weights.outputs = engine.padded(np.zeros((V, 16), np.float32))
                weights.alias = engine.alias_table(counts, 0.75)
            else:
                weights.nodes = engine.padded(np.zeros((V - 1, 16), np.float32))
                weights.ways = engine.huffman(counts)
            weights.window, weights.mode, weights.batch = window, mode, batch
            weights.negative = 5 if softmax == "sampled" else 0
            for epoch in range(3):
                stats = weights.train(ids, 0, 12, 1024, epoch, alpha, 0.0, 1, 1)
            losses.append(stats[:, 0].sum() / stats[:, 1].sum())
        if np.isfinite(losses[2]) and losses[2] < 2:
            assert losses[0] < 1.05 * losses[2] + 0.005, (mode, window, alpha)
            assert losses[1] < 1.05 * losses[2] + 0.005, (mode, window, alpha)


@pytest.mark.parametrize("mode", [MEAN | SHRINK, MEAN | SHRINK | SHARED, MEAN | SHRINK | EXACT])
@pytest.mark.parametrize("D", [8, 35, 300])
@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_a_row_that_is_not_finite_reaches_no_other_window(rng, mode, D, value):
    ids = rng.integers(4, V, 400).astype(np.int32)
    ids[::29] = -1
    ids[200] = 3
    weights = make(rng, D, mode, negative=1)
    weights.inputs[3, 0] = weights.inputs[3, D // 2] = value
    # No word but the target is drawn, so a change reaches a window's contexts and its target.
    weights.alias = engine.alias_table(np.array([1.0] + [0.0] * (V - 1)), 1.0)
    tables, text = twin(weights, ids, 400)
    with np.errstate(all="ignore"):
        oracle.train(tables, text, 7, range(1), 0.05, sg=False, share=bool(mode & EXACT))
    weights.train(ids, 0, 1, 400, 7, 0.05, 0.0, 0, 1)
    found, expected = np.isfinite(weights.inputs), np.isfinite(tables["inputs"])
    if value == 3e38:  # finite in float64, so only the other words can be compared
        found, expected = found[ids[205:]], True
    assert np.array_equal(found, np.broadcast_to(expected, found.shape))
    assert not found.all() or value == 3e38


@pytest.mark.parametrize("batch", [0, 16])
def test_a_word_in_no_window_gets_exactly_nothing(rng, batch):
    # Sentences of one word between longer ones, and a word that only they have.
    ids = np.tile(np.array([5, 6, 7, 8, 9, 5, 7, -1, 2, -1, 6, 9, 8, -1, 2, -1], np.int32), 20)
    weights = make(rng, 20, MEAN | SHRINK | SHARED, batch=batch)
    before = weights.inputs.copy()
    weights.train(ids, 0, 4, 80, 3, 0.05, 0.0, 1, 1)
    if batch:
        weights.merge_stripes()
    assert_same_bits(weights.inputs[2], before[2])
    assert (weights.inputs[5:10, :20] != before[5:10, :20]).all()


def test_every_word_is_a_centre_once_for_any_parts_and_blocks(rng):
    ids = corpus(rng, 5000)
    for n_parts in N_PARTS:
        for block in (16, 100, 8192):
            weights = make(rng, 8, SG)
            blocks = -(-len(ids) // block)
            stats = weights.train(ids, 0, blocks, block, 1, 0.01, 0.0, 0, n_parts)
            assert stats[:, 3].sum() == np.count_nonzero(ids >= 0)
            inside = [
                np.count_nonzero(ids[b * block : (b + 1) * block] >= 0) for b in range(blocks)
            ]
            assert stats[:, 3].tolist() == inside


@pytest.mark.parametrize("mode", [SG, MEAN | SHARED])
def test_parts_add_up_what_they_change_in_frequent_rows(rng, mode):
    """With small steps their order has little effect, but none may be lost."""
    N = 50_000
    ids = (rng.random(N) ** 3 * V).astype(np.int32)
    shares = np.full(20, 1e-6, np.float32)  # so rare that all changes are added up
    before = make(np.random.default_rng(1), 20, mode)
    changes = []
    for n_parts in (1, 2, 3):
        weights = make(np.random.default_rng(1), 20, mode)
        weights.near = shares
        stats = weights.train(ids, 0, -(-N // 8192), 8192, 5, 1e-4, 0.0, 0, n_parts)
        assert stats[:, 3].sum() == N
        tables = (weights.inputs, before.inputs), (weights.outputs, before.outputs)
        changes.append([after[:20] - first[:20] for after, first in tables])
    for mine in changes[1:]:
        for change, expected in zip(mine, changes[0], strict=True):
            assert np.linalg.norm(change - expected) < 0.05 * np.linalg.norm(expected)


@pytest.mark.parametrize("mode", [SG, SG | FRESH, MEAN | SHARED])
@pytest.mark.parametrize("hs", [False, True])
def test_copies_of_all_rows_do_not_diverge(rng, mode, hs):
    N = 30_000
    ids = rng.integers(0, V, N).astype(np.int32)
    losses = []
    for n_parts in (1, 2, 7):
        weights = make(np.random.default_rng(1), 20, mode, hs=hs)
        weights.near = np.full(V, 1 / V, np.float32)
        for epoch in range(2):
            blocks = -(-N // 1024)
            stats = weights.train(ids, 0, blocks, 1024, epoch, 0.025, 0.0, 16, n_parts)
        losses.append(stats[:, 0].sum() / stats[:, 1].sum())
        assert np.isfinite(weights.inputs).all()
    assert max(losses[1:]) < 1.5 * losses[0]  # the order of threads varies


@pytest.mark.parametrize("batch", [0, 5])
@pytest.mark.parametrize("mode", [SG, MEAN | SHARED])
def test_touches_are_the_same_for_any_parts(rng, batch, mode):
    ids = rng.integers(0, V, 10_000).astype(np.int32)
    results = []
    for n_parts in N_PARTS:
        weights = make(np.random.default_rng(1), 8, mode, hs=bool(mode & SG), batch=batch)
        weights.touched_in, weights.touched_out = np.zeros((2, V), np.uint32)
        weights.touched_nodes = np.zeros(V - 1, np.uint32)
        weights.train(ids, 0, -(-len(ids) // 64), 64, 1, 0.001, 0.0, 0, n_parts)
        results.append([*weights.touched_in, *weights.touched_out, *weights.touched_nodes])
    assert all(result == results[0] for result in results[1:])


def test_touches_are_counted(rng):
    ids = corpus(rng, 500)
    weights = make(rng, 8, MEAN, window=2, negative=2)
    weights.touched_in, weights.touched_out = np.zeros(V, np.uint32), np.zeros(V, np.uint32)
    _, text = twin(weights, ids, 50)
    centres = [centre for b in range(10) for centre in text.centres(1, b)]
    weights.train(ids, 0, 10, 50, 1, 0.01, 0.0, 0, 1)
    contexts = [word for _, around, _, _ in centres for word in around]
    rows = [row for _, _, outputs, _ in centres for _, row, _, _ in outputs]
    assert weights.touched_in.tolist() == np.bincount(contexts, minlength=V).tolist()
    assert weights.touched_out.tolist() == np.bincount(rows, minlength=V).tolist()


def test_without_a_learning_rate_nothing_moves(rng):
    for batch in (0, 5):
        weights = make(rng, 8, SG | SHRINK, batch=batch)
        before = weights.inputs.copy(), weights.outputs.copy()
        stats = weights.train(corpus(rng), 0, 6, 100, 1, 0.0, 0.0, 1, 2)
        weights.merge_stripes()
        assert_same_bits(weights.inputs, before[0])
        assert_same_bits(weights.outputs, before[1])
        assert stats[:, 0].sum() > 0


def test_the_loss_may_be_computed_of_a_sample_of_words(rng):
    ids = np.minimum(rng.zipf(1.3, 20000) - 1, V - 1).astype(np.int32)
    weights = make(rng, 8, SG | SHRINK)
    every, some, none = (
        weights.train(ids, 0, 20, 1000, 1, 0.0, 0.0, n, 1).sum(axis=0) for n in (1, 8, 0)
    )
    assert none[0] == none[1] == 0
    assert every[1] == every[2]
    np.testing.assert_allclose(some[1] / every[1], 1 / 8, rtol=0.05)
    np.testing.assert_allclose(some[0] / some[1], every[0] / every[1], rtol=0.03)


def test_no_blocks_give_no_numbers(rng):
    weights = make(rng, 4, MEAN)
    stats = weights.train(np.zeros(1, np.int32), 0, 0, 4, 1, 0.1, 0.0, 1, 1)
    assert stats.shape == (0, _word2vec.N_STATS)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("outputs", engine.padded(np.ones((V - 1, 8), np.float32)), "outputs: expected length 40"),
        ("outputs", np.ones((V, 32), np.float32), r"outputs\[0\]: expected length 16, got 32"),
        ("alias", np.zeros((V + 1, 2), np.uint32), "alias: expected length 40, got 41"),
        ("keep", np.zeros(1, np.uint32), "keep: expected length 40, got 1"),
        ("nodes", np.ones((V, 32), np.float32), r"nodes\[0\]: expected length 16, got 32"),
        ("ways", engine.huffman(np.ones(V + 1)), "ways: expected length 41, got 42"),
        ("touched_in", np.zeros(V - 1, np.uint32), "touched_in: expected length 40, got 39"),
        ("negative", 0, "outputs: expected length 0, got 40"),
    ],
)
def test_a_plan_refuses_arrays_that_do_not_fit(rng, name, value, message):
    weights = make(rng, 8, MEAN, hs=True)
    setattr(weights, name, value)
    with pytest.raises(ValueError, match=message):
        weights.train(corpus(rng), 0, 1, 16, 1, 0.1, 0.0, 1, 1)


def test_a_plan_refuses_an_empty_text_and_counts_of_another_length(rng):
    weights = make(rng, 8, MEAN)
    with pytest.raises(ValueError, match="ids: expected 1 or more"):
        weights.train(np.zeros(0, np.int32), 0, 1, 16, 1, 0.1, 0.0, 1, 1)
    weights.touched_in = np.zeros(V, np.uint32)
    with pytest.raises(ValueError, match="touched_out: expected length 40, got 0"):
        weights.train(corpus(rng), 0, 1, 16, 1, 0.1, 0.0, 1, 1)
    plan = make(rng, 8, MEAN)._plan_for(corpus(rng), 16)
    with pytest.raises(ValueError, match="stats: expected length 2, got 1"):
        _word2vec.train(plan, np.zeros((1, 4)), 1, 0, 2, 0.1, 0.0, 1, 1)


def test_a_plan_is_made_once_and_again_when_something_is_replaced(rng):
    weights, ids = make(rng, 8, MEAN), corpus(rng)
    plan = weights._plan_for(ids, 16)
    assert weights._plan_for(ids, 16) is plan
    assert weights._plan_for(ids, 32) is not plan
    plan = weights._plan_for(ids, 16)
    weights.keep = np.full(V, 2**31, np.uint32)
    assert weights._plan_for(ids, 16) is not plan


def test_a_plan_cannot_be_copied(rng):
    plan = make(rng, 8, MEAN)._plan_for(corpus(rng), 16)
    for make_copy in (copy.copy, pickle.dumps):
        with pytest.raises(TypeError, match="Plan: cannot be copied or pickled"):
            make_copy(plan)


def test_a_plan_keeps_its_arrays_alive(rng):
    weights, ids = make(rng, 8, MEAN), corpus(rng)
    plan, alive = weights._plan_for(ids, 16), weakref.ref(weights.alias)
    del weights
    gc.collect()
    _word2vec.train(plan, np.zeros((2, 4)), 1, 0, 2, 0.1, 0.0, 1, 1)
    assert alive() is not None
    del plan
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("ld", [16, 32, 112, 240, 256, 304, 1024])
def test_stripes_are_nearly_equal(ld):
    begins, ends, steps = np.array(_word2vec.stripes(ld)).T
    assert begins[0] == 0 and ends[-1] == ld
    assert begins[1:].tolist() == ends[:-1].tolist()
    widths = ends - begins
    assert (steps >= widths).all() and set(steps // 16 % 2) == {1}
    assert set(widths % 16) == {0} and widths.min() > 0 and widths.max() - widths.min() <= 16
    assert widths[0] == widths.max()
    assert len(widths) == (1 if ld < 32 else 2 if ld < 256 else 4)


def test_stripes_are_copied_there_and_back(rng):
    for D in (5, 100, 270):
        weights = make(rng, D, SG)
        before = weights.inputs.copy(), weights.outputs.copy()
        weights.split_stripes()
        weights.inputs[...] = 0
        weights.merge_stripes()
        assert_same_bits(weights.inputs, before[0])
        assert_same_bits(weights.outputs, before[1])


@pytest.mark.parametrize("K", [1, 3, 5])
@pytest.mark.parametrize("batch", [0, 16])
def test_four_centres_are_learned_at_once_though_they_have_a_row_twice(rng, K, batch):
    V = 70
    ids = rng.integers(0, V, 600).astype(np.int32)
    weights = make(rng, 35, MEAN | SHRINK | SHARED)
    weights.inputs, weights.outputs = (
        engine.padded(rng.normal(0, 0.1, (V, 35)).astype(np.float32)) for _ in range(2)
    )
    weights.alias = engine.alias_table(np.ones(V), 1.0)
    weights.window, weights.negative, weights.batch = 3, K, batch
    weights.touched_in = weights.touched_out = np.empty(0, np.uint32)
    _, text = twin(weights, ids, 600)
    kinds = dict.fromkeys(["targets", "negatives", "target and negative"], 0)
    for span, few in text.spans(7, 0, 20):
        order = oracle.spread(span, text) if few else []
        for begin in range(0, len(order), 4):
            group = [centre[1:3] for centre in order[begin : begin + 4]]
            targets = [outputs[0][1] for _, outputs in group]
            given = order[begin][3]
            if oracle.at_once(group, text) and len({*targets, *given}) == 3 + K:
                kinds["targets"] += len(set(targets)) < 4
                kinds["negatives"] += len(set(given)) < K
                kinds["target and negative"] += bool(set(targets) & set(given))
    if K == 1:
        del kinds["negatives"]
    assert all(kinds.values())
    if not batch:
        assert_like_twin(weights, ids, 600)
        return
    results = []
    for n_parts in (1, 2):
        other = copy.deepcopy(weights)
        other.train(ids, 0, 1, 600, 7, 0.05, 0.0, 1, n_parts)
        other.merge_stripes()
        results.append(other)
    assert_same_bits(results[0].inputs, results[1].inputs)
    assert_same_bits(results[0].outputs, results[1].outputs)
    assert np.isfinite(results[0].outputs).all()


def test_four_centres_of_cbow_share_their_negatives(rng):
    # As all words differ, most groups are learned at once, with negatives for four words.
    V = 5000
    ids = rng.permutation(V)[:403].astype(np.int32)
    weights = engine.Weights(engine.padded(rng.normal(0, 0.1, (V, 20)).astype(np.float32)))
    weights.outputs = engine.padded(rng.normal(0, 0.1, (V, 20)).astype(np.float32))
    weights.alias = engine.alias_table(np.ones(V), 1.0)
    weights.window, weights.negative, weights.mode = 3, 5, MEAN | SHRINK | SHARED
    _, text = twin(weights, ids, 403)
    centres = [centre[1:3] for centre in text.centres(7, 0)]
    groups = [centres[i : i + 4] for i in range(0, 403, 4)]
    assert sum(oracle.at_once(group, text) for group in groups) > 90
    before = weights.outputs.copy()
    assert_like_twin(weights, ids, 403)
    changed = np.flatnonzero((weights.outputs != before).any(axis=1))
    assert len(changed) <= 403 + 101 * 5
