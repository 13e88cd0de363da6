"""Training of words with n-grams against the plain numpy twin, which draws the same."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits

from fastw2v._kernels import _word2vec
from fastw2v._kernels._word2vec import EXACT_GRADIENT as EXACT
from fastw2v._kernels._word2vec import FRESH_NEGATIVES as FRESH
from fastw2v._kernels._word2vec import MEAN, SHRINK
from fastw2v._kernels._word2vec import SHARED_NEGATIVES as SHARED
from fastw2v._kernels._word2vec import SKIP_GRAM as SG
from fastw2v.reference import subwords as oracle
from fastw2v.reference import word2vec
from fastw2v.word2vec import engine

V, R = 40, 60

MODES = {
    "cbow": MEAN | SHRINK,
    "cbow_exact": MEAN | EXACT | SHRINK,
    "cbow_sum": EXACT,
    "cbow_whole_sum": 0,
    "cbow_shared": MEAN | SHRINK | SHARED,
    "skip_gram": SG | SHRINK,
    "skip_gram_fresh": SG | SHRINK | FRESH,
}


def corpus(rng, n=600):
    """Draw Zipf ids in sentences of 0 to 30 words, some of one word."""
    ids = np.minimum(rng.zipf(1.3, n) - 1, V - 1).astype(np.int32)
    ids[np.cumsum(rng.integers(1, 30, n // 15))[: n // 20] % n] = -1
    return ids


class Model:
    """Rows of words and n-grams, places, and complete weights, as of a trained model."""

    def __init__(self, rng, D, mode, *, window=3, negative=5, hs=False, sample=0.0, batch=0):
        counts = np.sort(rng.integers(1, 500, V))[::-1]
        self.own, self.table = (rng.normal(0, 0.3, (n, D)).astype(np.float32) for n in (V, R))
        # Some words have no n-grams, some a row twice, and some rows belong to no word.
        self.places = [rng.integers(0, R - 5, n).tolist() for n in rng.integers(0, 9, V)]
        self.places[3] = [7, 7, 8]
        self.order = rng.permutation(V).astype(np.int32)
        weights = engine.Weights(engine.padded(np.zeros((V, D), np.float32)))
        if negative:
            weights.outputs = engine.padded(rng.normal(0, 0.3, (V, D)).astype(np.float32))
            weights.alias = engine.alias_table(counts, 0.75)
        if hs:
            weights.nodes = engine.padded(rng.normal(0, 0.3, (V - 1, D)).astype(np.float32))
            weights.ways = engine.huffman(counts)
        weights.keep = engine.keep_thresholds(counts, sample)[1]
        weights.window, weights.negative, weights.mode = window, negative, mode
        weights.batch = batch
        self.weights = weights
        self.gensims = bool(mode & SG and D != 16)

    def train(self, ids, block, n_parts=1, at_once=1, alpha=0.05, step=-0.00002, cuts=()):
        """Train all blocks in rounds of at_once, in calls that end at the cuts; return the sums."""
        begins = np.cumsum([0, *map(len, self.places)]).astype(np.int64)
        places = np.concatenate(self.places).astype(np.int32)
        self.weights.subwords = _word2vec.Subwords(
            *(self.own, self.table, begins, places, self.order),
            round=at_once * block,
            gensims=self.gensims,
        )
        n = -(-len(ids) // block)
        ends = [0, *cuts, n]
        stats = [
            self.weights.train(ids, first, last, block, 7, alpha, step, 1, n_parts)
            for first, last in itertools.pairwise(ends)
        ]
        self.weights.merge_stripes()
        return np.concatenate(stats).sum(axis=0)

    def tables(self):
        D = self.own.shape[1]
        return self.own, self.table, self.weights.outputs[:, :D], self.weights.nodes[:, :D]


def assert_like_twin(model, ids, block, at_once, **how):
    weights = model.weights
    own, table, outputs, nodes = (array.astype(np.float64) for array in model.tables())
    text = word2vec.Corpus(
        *(ids, weights.keep, weights.alias, weights.ways, weights.window, weights.negative, block),
        shrink=bool(weights.mode & SHRINK),
        fresh=bool(weights.mode & FRESH),
        shared=bool(weights.mode & SHARED),
    )
    losses = oracle.train(
        *(own, table, model.places, {"outputs": outputs, "nodes": nodes}, text, 7),
        *(range(-(-len(ids) // block)), 0.05, -0.00002),
        at_once=at_once,
        gensims=model.gensims,
        sg=bool(weights.mode & SG),
        mean=bool(weights.mode & MEAN),
        share=bool(weights.mode & EXACT),
        **how,
    )
    before = [array.copy() for array in model.tables()]
    stats = model.train(ids, block, at_once=at_once)
    for name, found, old, expected in zip(
        ("own", "table", "outputs", "nodes"),
        *(model.tables(), before, (own, table, outputs, nodes)),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=3e-3, atol=5e-5, err_msg=name)
        assert not len(found) or np.abs(found - old).max() > 1e-3
    assert_same_bits(model.table[R - 5 :], before[1][R - 5 :])
    if len(losses) == 1:
        np.testing.assert_allclose(stats[0] / stats[1], losses[0], rtol=1e-5)


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("D", [1, 16, 35, 100])
def test_against_the_twin(rng, mode, D):
    # A sum over rows of many n-grams takes large steps.
    negative = 5 if mode & (MEAN | SG) else 2
    assert_like_twin(Model(rng, D, mode, negative=negative), corpus(rng, 300), 97, at_once=2)


@pytest.mark.parametrize("mode", [mode for mode in MODES.values() if not mode & FRESH])
def test_a_tree_alone_or_beside_negatives_against_the_twin(rng, mode):
    for negative in (0, 3):
        model = Model(rng, 20, mode, negative=negative, hs=True)
        assert_like_twin(model, corpus(rng, 200), 64, at_once=3)


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_rounds_over_the_ends_of_blocks_and_sentences(rng, at_once):
    for mode in (MEAN | SHRINK, SG | SHRINK):
        model = Model(rng, 8, mode, window=9, sample=0.02)
        assert_like_twin(model, corpus(rng, 400), 23, at_once=at_once)


@pytest.mark.parametrize("mode", [mode for mode in MODES.values() if not mode & (FRESH | SHARED)])
@pytest.mark.parametrize("D", [1, 35, 270])  # 1, 2 and 4 stripes
def test_batches_of_one_centre_against_the_twin(rng, mode, D):
    model = Model(rng, D, mode, batch=1, negative=5 if mode & (MEAN | SG) else 1)
    assert_like_twin(model, corpus(rng, 200), 60, at_once=2, stand_still=False)


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("D", [5, 100, 270])
def test_batches_have_the_same_bits_for_any_number_of_parts(rng, mode, D):
    hs = D == 100
    ids, first = corpus(rng, 2000), Model(rng, D, mode, batch=8, hs=hs and not mode & FRESH)
    models = [copy.deepcopy(first) for _ in N_PARTS]
    # A sum of many rows diverges at the rate of a mean, and the sign of a NaN is not defined.
    alpha = 0.01 if mode & (MEAN | SG) else 0.001
    for model, n_parts in zip(models, N_PARTS, strict=True):
        model.train(ids, 128, n_parts, at_once=4, alpha=alpha, step=-alpha / 4000)
    assert not np.array_equal(models[0].own, first.own)
    assert all(np.isfinite(table).all() for table in models[0].tables())
    for model in models[1:]:
        for found, expected in zip(model.tables(), models[0].tables(), strict=True):
            assert_same_bits(found, expected)


def test_calls_that_end_with_a_round_have_the_same_bits_as_one(rng):
    for mode, batch in ((SG | SHRINK, 0), (MEAN | SHRINK, 0), (MEAN | SHRINK, 8)):
        ids, one = corpus(rng, 600), Model(rng, 24, mode, batch=batch)
        other = copy.deepcopy(one)
        one.train(ids, 50, at_once=3)
        other.train(ids, 50, at_once=3, cuts=(3, 9))
        for found, expected in zip(other.tables(), one.tables(), strict=True):
            assert_same_bits(found, expected)


def test_several_threads_lose_no_change_of_the_rows_of_ngrams(rng):
    # All words share one row, which then moves by the sum of the changes of all own rows.
    for mode in (SG | SHRINK, MEAN | SHRINK):
        model = Model(rng, 40, mode)
        model.places = [[0, 1] for _ in range(V)]
        own, table = model.own.copy(), model.table.copy()
        model.train(corpus(rng, 4000), 100, n_parts=3, at_once=10)
        moved = (model.own - own).sum(axis=0)
        np.testing.assert_allclose(model.table[0] - table[0], moved, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(model.table[1] - table[1], moved, rtol=1e-3, atol=1e-4)


def test_a_learning_rate_of_0_changes_nothing(rng):
    for batch in (0, 4):
        model = Model(rng, 24, SG | SHRINK, batch=batch)
        before = copy.deepcopy(model)
        assert model.train(corpus(rng), 100, alpha=0.0, step=0.0)[1] > 0
        for found, expected in zip(model.tables(), before.tables(), strict=True):
            assert_same_bits(found, expected)


def test_ids_out_of_range_are_refused_at_the_end(rng):
    ids, model = corpus(rng), Model(rng, 24, SG)
    ids[[50, 300]] = V, -7
    with pytest.raises(IndexError, match="ids from 0 to 39"):
        model.train(ids, 100, at_once=2)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("begins", {"begins": np.zeros(V, np.int64)}),
        ("begins", {"begins": np.r_[np.arange(V), 1].astype(np.int64)}),
        ("begins", {"begins": np.arange(V + 1) + 1}),
        ("places", {"places": np.zeros(3, np.int32)}),
        ("places", {"places": np.full(V, R, np.int32)}),
        ("places", {"places": np.full(V, -1, np.int32)}),
        ("table", {"table": np.zeros((R, 5), np.float32)}),
        ("places", {"table": np.zeros((0, 4), np.float32)}),
        ("words", {"own": np.zeros((0, 4), np.float32)}),
        ("order", {"order": np.arange(V - 1, dtype=np.int32)}),
        ("order", {"order": np.zeros(V, np.int32)}),
        ("order", {"order": np.arange(1, V + 1, dtype=np.int32)}),
        ("round", {"round": 0}),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name, change):
    given = {
        "own": np.zeros((V, 4), np.float32),
        "table": np.zeros((R, 4), np.float32),
        "begins": np.arange(V + 1, dtype=np.int64),
        "places": np.zeros(V, np.int32),
        "order": np.arange(V, dtype=np.int32),
        "round": 1,
        "gensims": False,
    }
    subwords = _word2vec.Subwords(**given)
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="Subwords: cannot be copied"):
            copied(subwords)
    with pytest.raises(ValueError, match=name):
        _word2vec.Subwords(**{**given, **change})


def test_a_plan_refuses_rows_of_other_words_or_dimensions(rng):
    model = Model(rng, 24, SG)
    model.train(corpus(rng), 100)
    for own in (np.zeros((V + 1, 24), np.float32), np.zeros((V, 40), np.float32)):
        places = np.zeros(len(own) + 1, np.int64), np.zeros(0, np.int32)
        table, order = np.zeros((0, own.shape[1]), np.float32), np.arange(len(own), dtype=np.int32)
        model.weights.subwords = _word2vec.Subwords(
            own, table, *places, order, round=1, gensims=True
        )
        with pytest.raises(ValueError, match="subwords|D: expected"):
            model.weights.train(corpus(rng), 0, 1, 100, 7, 0.05, 0.0, 1, 1)
