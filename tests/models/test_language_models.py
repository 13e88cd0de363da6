"""SimpleRnnlm, Rnnlm, BetterRnnlm and the two models that generate text."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from gradcheck import assert_gradients
from places import DATA
from whole_models import in_float64, unequal, weights_of

from fastw2v import models
from fastw2v.optimizer import SGD
from fastw2v.reference import better_rnnlm, rnnlm, rnnlm_gen, simple_rnnlm
from fastw2v.time_layers import TimeAffine, TimeEmbedding, TimeLSTM, TimeSoftmaxWithLoss
from fastw2v.trainer import RnnlmTrainer, remove_duplicate
from fastw2v.util import eval_perplexity

V, D, H = 11, 6, 6
N, T = 3, 5
XS = np.random.default_rng(0).integers(0, V, (N, T))
TS = np.random.default_rng(1).integers(0, V, (N, T))
TEXT = np.random.default_rng(2).integers(0, V, 400)

CLASSES = {
    "SimpleRnnlm": (models.SimpleRnnlm, simple_rnnlm.SimpleRnnlm),
    "Rnnlm": (models.Rnnlm, rnnlm.Rnnlm),
    "BetterRnnlm": (models.BetterRnnlm, better_rnnlm.BetterRnnlm),
    "RnnlmGen": (models.RnnlmGen, rnnlm_gen.RnnlmGen),
    "BetterRnnlmGen": (models.BetterRnnlmGen, rnnlm_gen.BetterRnnlmGen),
}
WRITERS = ["RnnlmGen", "BetterRnnlmGen"]
every_class = pytest.mark.parametrize("name", CLASSES)
writers = pytest.mark.parametrize("name", WRITERS)


def make(name, which=0, seed=3):
    np.random.seed(seed)
    return CLASSES[name][which](V, D, H)


def without_dropout(model):
    for layer in getattr(model, "drop_layers", ()):
        layer.dropout_ratio = 0.0
    return model


def fit(model, **options):
    trainer = RnnlmTrainer(model, SGD(0.5))
    trainer.fit(TEXT[:-1], TEXT[1:], 2, N, T, 0.25, eval_interval=3, **options)
    return trainer.ppl_list


@every_class
def test_training_equals_the_references(name, capsys):
    ours, theirs = without_dropout(make(name)), without_dropout(make(name, 1))
    for param, expected in zip(ours.params, theirs.params, strict=True):
        assert_same_bits(param, expected)
    results = []
    for model, package in ((ours, "fastw2v"), (theirs, "fastw2v.reference")):
        trainers = __import__(f"{package}.trainer", fromlist=["RnnlmTrainer"])
        optimizers = __import__(f"{package}.optimizer", fromlist=["SGD"])
        trainer = trainers.RnnlmTrainer(model, optimizers.SGD(0.5))
        trainer.fit(TEXT[:-1], TEXT[1:], 2, N, T, 0.25, eval_interval=1)
        results.append(trainer.ppl_list)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-4)
    assert len(results[0]) == 2 * (399 // (N * T))
    for param, expected in zip(ours.params, theirs.params, strict=True):
        np.testing.assert_allclose(param, expected, rtol=1e-3, atol=1e-5)


@every_class
def test_gradients_match_finite_differences(name):
    model = in_float64(make(name))
    before = [np.full((N, H), 0.3), np.full((N, H), -0.2)]

    def loss():
        model.reset_state()
        for layer in getattr(model, "lstm_layers", [getattr(model, "lstm_layer", None)]):
            if layer is not None:
                layer.set_state(*before)
        options = (False,) if name.startswith("Better") else ()
        return float(model.forward(XS, TS, *options))

    loss()
    assert model.backward() is None
    params, grads = remove_duplicate(model.params, model.grads)
    assert_gradients(loss, params, grads)


@every_class
def test_the_state_is_kept_between_batches_and_can_be_reset(name):
    model = without_dropout(make(name))
    first, second = model.forward(XS, TS), model.forward(XS, TS)
    assert first != second
    model.reset_state()
    assert model.forward(XS, TS) == first
    other = without_dropout(make(name))
    whole = other.predict(np.concatenate([XS, TS], axis=1))
    other.reset_state()
    halves = [other.predict(XS), other.predict(TS)]
    np.testing.assert_allclose(np.concatenate(halves, axis=1), whole, rtol=1e-5, atol=1e-6)


@every_class
def test_backward_can_be_repeated_and_results_belong_to_the_caller(name):
    model = make(name)
    score = model.predict(XS)
    assert score.shape == (N, T, V) and score.flags.writeable and type(score) is np.ndarray
    model.forward(XS, TS)
    model.backward()
    first = [np.array(grad) for grad in model.grads]
    model.backward()
    for grad, expected in zip(model.grads, first, strict=True):
        assert_same_bits(np.array(grad), expected)
    model.backward(2)
    for grad, expected in zip(model.grads, first, strict=True):
        np.testing.assert_allclose(grad, 2 * expected, rtol=1e-5, atol=1e-7)


@every_class
def test_gradients_stay_the_same_arrays_and_params_have_the_books_shapes(name):
    model = make(name)
    grads = list(model.grads)
    assert len(model.params) == len(grads) == (9 if name.startswith("Better") else 6)
    model.forward(XS, TS)
    model.backward()
    assert all(now is before for now, before in zip(model.grads, grads, strict=True))
    in_layers = [grad for layer in model.layers for grad in layer.grads]
    assert all(mine is theirs for mine, theirs in zip(model.grads, in_layers, strict=True))


@every_class
def test_every_number_of_parts_gives_the_same_bits(name, all_parts):
    seen = set()
    for n in N_PARTS:
        all_parts(n)
        model = make(name)
        fit(model)
        seen.add(weights_of(model))
    assert len(seen) == 1


@every_class
def test_a_replaced_layer_is_called(name):
    class Affine(TimeAffine):
        calls = 0

        def forward(self, x):
            Affine.calls += 1
            return super().forward(x)

    class Loss(TimeSoftmaxWithLoss):
        def forward(self, xs, ts):
            return super().forward(xs, ts) + 100

    model, twin = make(name), make(name)
    old = model.layers[-1]
    model.layers[-1] = Affine(*old.params)
    model.layers[-1].grads = old.grads
    without_dropout(model), without_dropout(twin)
    assert model.forward(XS, TS) == twin.forward(XS, TS)
    assert Affine.calls == 1
    model.backward(), twin.backward()
    for mine, theirs in zip(model.grads, twin.grads, strict=True):
        assert_same_bits(np.array(mine), np.array(theirs))
    twin.reset_state()
    expected = twin.forward(XS, TS)
    twin.reset_state()
    twin.loss_layer = Loss()
    assert twin.forward(XS, TS) == expected + 100


@every_class
def test_a_subclass_may_override_predict(name):
    class Mine(CLASSES[name][0]):
        def predict(self, xs, *options):
            self.score = super().predict(xs, *options)
            return self.score

    model = Mine(V, D, H)
    model.forward(XS, TS)
    kept = model.score.copy()
    model.score[...] = 0  # the subclass owns it; the loss layer has copied it
    model.backward()
    first = np.array(model.grads[-1])
    counts = np.bincount(TS.ravel(), minlength=V) / TS.size
    p = np.exp(kept - kept.max(axis=2, keepdims=True))
    p /= p.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(first, p.mean(axis=(0, 1)) - counts, atol=1e-6)


def test_weights_replaced_in_a_layer_take_effect():
    model = make("Rnnlm")
    expected = model.forward(XS, TS)
    model.reset_state()
    for layer in model.layers:
        layer.params = [param.astype(np.float64) for param in layer.params]
    model.layers[0].W = model.layers[0].params[0]
    assert abs(model.forward(XS, TS) - expected) < 1e-6


def test_the_tied_weight_is_one_array_and_moves_once(capsys):
    model = make("BetterRnnlm")
    W, tied = model.params[0], model.params[7]
    assert tied.base is W and tied.shape == (D, V)
    assert model.layers[0].W is W and model.layers[-1].params[0] is tied
    model.forward(XS, TS)
    model.backward()
    params, grads = remove_duplicate(model.params, model.grads)
    assert len(params) == 8 and params[0] is W
    before = W.copy()
    SGD(0.5).update(params, grads)
    np.testing.assert_allclose(before - W, 0.5 * np.array(grads[0]), rtol=1e-4, atol=1e-6)
    fit(model)
    assert np.shares_memory(model.params[0], model.params[7])


def test_fit_adds_the_few_rows_of_the_embedding_to_the_dense_gradient():
    """The sum lies in the affine layer's gradient there, and the weights are the same bits."""
    weights = []
    for own_loop in (False, True):
        np.random.seed(5)
        model = models.BetterRnnlm(200, 4, 4, 0.0)
        text = np.random.default_rng(6).integers(0, 50, 61)
        if own_loop:
            trainer = RnnlmTrainer(model, None)
            trainer.time_idx = 0
            for _ in range(4):
                model.forward(*trainer.get_batch(text[:-1], text[1:], N, T))
                model.backward()
                SGD(0.5).update(*remove_duplicate(model.params, model.grads))
        else:
            RnnlmTrainer(model, SGD(0.5)).fit(text[:-1], text[1:], 1, N, T, eval_interval=None)
            assert not model.grads[0]._tracker.dense
        weights.append(weights_of(model))
    assert weights[0] == weights[1]


@every_class
@pytest.mark.parametrize("copier", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_train_like_the_original(name, copier):
    model = without_dropout(make(name))
    fit(model)
    twin = copier(model)
    assert all(not np.shares_memory(a, b) for a, b in zip(model.params, twin.params, strict=True))
    if name.startswith("Better"):
        assert np.shares_memory(twin.params[0], twin.params[7])
        assert twin.layers[-1].params[0] is twin.params[7]
        assert twin.layers[0].W is twin.params[0] is twin.layers[0].params[0]
    assert fit(model) == fit(twin)
    assert weights_of(model) == weights_of(twin)


def test_dropout_is_on_in_training_only():
    model = make("BetterRnnlm")
    assert len(model.drop_layers) == 3 and len(model.lstm_layers) == 2
    model.forward(XS, TS)
    assert [layer.train_flg for layer in model.drop_layers] == [True] * 3
    model.reset_state()
    first = model.forward(XS, TS, train_flg=False)
    assert [layer.train_flg for layer in model.drop_layers] == [False] * 3
    model.reset_state()
    assert model.forward(XS, TS, False) == first
    model.reset_state()
    assert model.forward(XS, TS) != first
    model.predict(XS)
    assert [layer.train_flg for layer in model.drop_layers] == [False] * 3


def test_the_dropout_ratio_reaches_all_dropout_layers():
    model = models.BetterRnnlm(V, D, H, 0.25)
    assert [layer.dropout_ratio for layer in model.drop_layers] == [0.25] * 3


@every_class
def test_default_sizes_are_the_books(name):
    if name == "SimpleRnnlm":
        with pytest.raises(TypeError):
            models.SimpleRnnlm()
        return
    model = CLASSES[name][0]()
    width = 650 if name.startswith("Better") else 100
    assert model.params[0].shape == (10000, width)
    assert model.params[-2].shape == (width, 10000)


@every_class
def test_own_generator_leaves_the_global_stream_alone(name):
    before = np.random.get_state()[2]
    rng = [np.random.default_rng(4) for _ in "12"]
    first, second = (CLASSES[name][0](V, D, H, rng=r) for r in rng)
    first.forward(XS, TS), second.forward(XS, TS)
    first.backward(), second.backward()
    assert weights_of(first) == weights_of(second)
    assert all(np.array_equal(a, b) for a, b in zip(first.grads, second.grads, strict=True))
    assert np.random.get_state()[2] == before


# Text ------------------------------------------------------------------------------------------


@writers
@pytest.mark.parametrize("skip_ids", [None, [1, 2], {3}, np.array([4, 0]), ()])
def test_generated_text_equals_the_references(name, skip_ids):
    texts = []
    for which in (0, 1):
        model = make(name, which)
        for param in model.params[:-2]:
            param *= 3  # the next word depends on the state
        np.random.seed(8)
        text = model.generate(5, skip_ids, 30)
        texts.append(text)
        assert all(type(i) is int for i in text)
    assert texts[0] == texts[1]
    assert len(texts[0]) == 30 and texts[0][0] == 5
    if skip_ids is not None:
        assert not set(texts[0][1:]) & set(np.asarray(list(skip_ids)).tolist())


@writers
def test_generation_advances_the_state_which_can_be_restored(name):
    model = make(name)
    model.generate(1, sample_size=5)
    state = model.get_state()
    kept = pickle.dumps(state)
    np.random.seed(9)
    first = model.generate(2, sample_size=20)
    assert pickle.dumps(state) == kept  # the arrays are unchanged
    model.set_state(state)
    np.random.seed(9)
    assert model.generate(2, sample_size=20) == first
    for h, c in state if name.startswith("Better") else [state]:
        assert h.shape == c.shape == (1, H)


@writers
def test_the_start_id_may_be_any_single_integer(name):
    model = make(name)
    assert model.generate(4, sample_size=1) == [4]
    for start in (np.int64(4), np.array([4]), np.array(4, np.uint8)):
        np.random.seed(1)
        text = model.generate(start, None, 3)
        assert text[0] == 4 and type(text[0]) is int
    assert len(model.generate(0)) == 100


@writers
def test_temperature_sharpens_draws_from_a_generator_of_its_own(name):
    model = make(name)
    for param in model.params[:-2]:
        param *= 5
    before = np.random.get_state()[2]
    likeliest = model.predict([[2]])[0, 0].argmax()
    model.reset_state()
    cold = model.generate(2, sample_size=2, temperature=1e-3, rng=np.random.default_rng(0))
    assert cold == [2, likeliest]
    assert np.random.get_state()[2] == before


@writers
def test_generators_load_files_of_their_base_models(name, tmp_path):
    base = name.removesuffix("Gen")
    model = make(base)
    path = tmp_path / f"{base}.pkl"
    model.save_params(path)
    writer = make(name, seed=11)
    writer.load_params(path)
    for mine, theirs in zip(writer.params, model.params, strict=True):
        assert_same_bits(mine, theirs.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize(("name", "sizes"), [("Rnnlm", (13, 6, 4)), ("BetterRnnlm", (13, 8, 8))])
@pytest.mark.parametrize("suffix", ["", "Gen"])
def test_the_books_files_are_loaded(name, sizes, suffix):
    model = getattr(models, name + suffix)(*sizes)
    model.load_params(DATA / "book_files" / f"{name}.pkl")
    with np.load(DATA / "files.npz") as golden:
        for i, param in enumerate(model.params):
            expected = golden[f"files/{name}/param{i}"]
            assert_same_bits(
                np.ascontiguousarray(param), expected.astype(np.float16).astype(np.float32)
            )


def test_default_file_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make("BetterRnnlm").save_params()
    make("Rnnlm").save_params()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["BetterRnnlm.pkl", "Rnnlm.pkl"]


def test_the_npz_format_keeps_all_digits(tmp_path):
    model, twin = make("BetterRnnlm"), make("BetterRnnlm", seed=12)
    model.save_params(tmp_path / "a.npz")
    twin.load_params(tmp_path / "a.npz")
    assert weights_of(model) == weights_of(twin)


# Bad input -------------------------------------------------------------------------------------

BAD = [
    ([[0, V]], [[0, 1]], IndexError, f"xs: id {V} at position .0, 1. is out of range for {V} rows"),
    ([[0, 1]], [[V, 1]], IndexError, f"ts: id {V} at position .0, 0. is out of range for {V} rows"),
    ([[0.5, 1.0]], [[0, 1]], TypeError, "xs: expected integer ids, got dtype float64"),
    ([[0, 1]], [[0.5, 1.0]], TypeError, "ts: expected integer ids, got dtype float64"),
    ([0, 1], [0, 1], ValueError, r"xs: expected ids of shape .N, T., got \(2,\)"),
    ([[0, 1]], [[0, 1, 2]], ValueError, r"ts: expected ids of shape .N, T. = \(1, 2\)"),
    ([[0, 1], [1]], [[0, 1]], ValueError, "xs: expected an array, or lists of equal length"),
]


@every_class
@pytest.mark.parametrize(("xs", "ts", "error", "words"), BAD)
def test_bad_input_changes_nothing(name, xs, ts, error, words):
    model, twin = make(name), make(name)
    without_dropout(model), without_dropout(twin)
    model.forward(XS, TS), twin.forward(XS, TS)
    with pytest.raises(error, match=words):
        model.forward(xs, ts)
    model.backward(), twin.backward()
    for mine, theirs in zip(model.grads, twin.grads, strict=True):
        assert_same_bits(np.array(mine), np.array(theirs))
    assert model.forward(TS, XS) == twin.forward(TS, XS)


def test_another_batch_size_needs_a_reset():
    model = make("BetterRnnlm")
    model.forward(XS, TS)
    before = [layer.h for layer in model.lstm_layers]
    with pytest.raises(ValueError, match=r"h: expected a state of shape .*call reset_state\(\)"):
        model.forward(XS[:1], TS[:1])
    model.lstm_layers[1].set_state(np.zeros((2, H), np.float32))
    with pytest.raises(ValueError, match=r"h: expected a state of shape"):
        model.forward(XS, TS)
    assert model.lstm_layers[0].h is before[0]  # the first one has not moved on


@every_class
@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0, 4, 4), ValueError, "vocab_size: expected at least 1, got 0"),
        ((5, 4.5, 4), TypeError, "wordvec_size: expected a whole number, got 4.5"),
        ((5, 4, -1), ValueError, "hidden_size: expected at least 1, got -1"),
        ((5, 4, "4"), TypeError, "hidden_size: expected a whole number, got '4'"),
    ],
)
def test_bad_sizes_draw_nothing(name, arguments, error, words):
    before = np.random.get_state()[2]
    with pytest.raises(error, match=words):
        CLASSES[name][0](*arguments)
    with pytest.raises(TypeError, match="rng: expected None or a numpy.random.Generator, got int"):
        CLASSES[name][0](5, 4, 4, rng=3)
    assert np.random.get_state()[2] == before


def test_better_rnnlm_refuses_unequal_sizes_and_bad_ratios():
    with pytest.raises(ValueError, match="wordvec_size: expected 5, the hidden_size, because"):
        models.BetterRnnlm(10, 4, 5)
    with pytest.raises(ValueError, match="dropout_ratio: expected a number from 0 to 1, got 2"):
        models.BetterRnnlm(10, 4, 4, 2)


@writers
@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((V,), IndexError, f"start_id: id {V} is out of range for {V} rows"),
        ((0.5,), TypeError, "start_id: expected integer ids, got dtype float64"),
        (([1, 2],), ValueError, r"start_id: expected one id, got shape \(2,\)"),
        ((1, range(V)), ValueError, f"skip_ids: expected to leave one of the {V} ids, got all"),
        ((1, 3), TypeError, "skip_ids: expected ids, got int; pass a list of them"),
        ((1, ["a"]), TypeError, "skip_ids: expected integer ids, got dtype <U1"),
        ((1, None, 0), ValueError, "sample_size: expected at least 1, got 0"),
        ((1, None, 2.5), TypeError, "sample_size: expected a whole number, got 2.5"),
    ],
)
def test_bad_arguments_of_generate_are_named(name, arguments, error, words):
    model = make(name)
    with pytest.raises(error, match=words):
        model.generate(*arguments)
    assert unequal(model.get_state(), make(name).get_state()) == 0  # both None: nothing has run
    with pytest.raises(ValueError, match="temperature: expected a number above 0, got 0"):
        model.generate(1, temperature=0)


@pytest.mark.parametrize("state", [None, 3, (1, 2, 3)])
def test_bad_states_are_refused(state):
    with pytest.raises(ValueError, match=r"state: expected .h, c., as get_state returns it, got"):
        make("RnnlmGen").set_state(state)
    with pytest.raises(ValueError, match="states: expected 2 pairs .h, c., as get_state returns"):
        make("BetterRnnlmGen").set_state(state)
    with pytest.raises(ValueError, match=r"states\[1\]: expected .h, c., as get_state returns it"):
        make("BetterRnnlmGen").set_state([(None, None), state])


@pytest.mark.parametrize("save", ["a.pkl", "a.npz"])
def test_a_file_of_other_shapes_changes_nothing(save, tmp_path):
    models.Rnnlm(V, D + 1, H).save_params(tmp_path / save)
    model = make("Rnnlm")
    before = weights_of(model)
    with pytest.raises(ValueError, match=r"expected shape \(11, 6\) for params\[0\] of Rnnlm"):
        model.load_params(tmp_path / save)
    models.SimpleRnnlm(V, D, H).save_params(tmp_path / save)
    with pytest.raises(ValueError, match=r"expected shape \(6, 24\) for params\[1\] of Rnnlm"):
        model.load_params(tmp_path / save)
    make("BetterRnnlm").save_params(tmp_path / save)
    with pytest.raises(ValueError, match="expected 6 arrays for Rnnlm, got 9"):
        model.load_params(tmp_path / save)
    assert weights_of(model) == before


# Evaluation and memory -------------------------------------------------------------------------


@every_class
def test_perplexity_equals_the_references(name, capsys):
    ours, theirs = make(name), make(name, 1)
    found, expected = (eval_perplexity(model, TEXT, 4, 5) for model in (ours, theirs))
    assert found == pytest.approx(expected, rel=1e-5)
    assert capsys.readouterr().out.startswith("evaluating perplexity ...\n\r0 / 19")


@pytest.mark.parametrize("name", ["Rnnlm", "BetterRnnlm"])
def test_a_step_reuses_the_memory_of_the_scores(name):
    """Scores reuse the memory of the step before, and their gradient overwrites them."""
    V, H, N, T = 3000, 8, 10, 20
    model = getattr(models, name)(V, H, H)
    xs = np.random.default_rng(0).integers(0, V, (N, T))
    scores = N * T * V * 4
    model.forward(xs, xs)
    model.backward()
    tracemalloc.start()
    try:
        model.forward(xs, xs)
        model.backward()
        assert tracemalloc.get_traced_memory()[1] < 0.5 * scores
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["Rnnlm", "BetterRnnlm"])
def test_scores_that_a_caller_holds_are_not_overwritten(name):
    model, twin = without_dropout(make(name)), without_dropout(make(name))
    model.forward(XS, TS), twin.forward(XS, TS)
    model.backward(), twin.backward()
    score = model.predict(XS)
    kept = score.copy()
    loss = model.loss_layer.forward(score, TS, copy=False)
    model.backward()
    assert_same_bits(score, kept)
    assert model.predict(TS) is not score
    assert_same_bits(score, kept)
    assert twin.forward(XS, TS) == loss
    twin.backward()
    for mine, theirs in zip(model.grads, twin.grads, strict=True):
        assert_same_bits(np.array(mine), np.array(theirs))


def test_the_loss_layers_scores_can_be_read_before_and_after_backward():
    model = make("Rnnlm")
    ts = TS.copy()
    ts[0, :2] = -1
    model.forward(XS, ts)
    ids, ys, counts, shape = model.loss_layer.cache
    model.backward()
    after = model.loss_layer.cache
    np.testing.assert_array_equal(after[0], ids)
    np.testing.assert_allclose(after[1][counts], ys[counts], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(after[2], counts)
    assert after[3] == shape == (N, T, V)
    expected = np.array(model.loss_layer.backward())
    np.testing.assert_allclose(model.loss_layer.backward(3), 3 * expected, rtol=1e-6)
    each = np.arange(N * T * V, dtype=np.float32).reshape(N * T, V)
    np.testing.assert_allclose(
        model.loss_layer.backward(each), expected * each.reshape(shape), rtol=1e-6
    )


def test_scores_of_another_shape_or_dtype_get_new_memory():
    model, twin = make("Rnnlm"), make("Rnnlm")
    model.forward(XS, TS)
    for part in (model, twin):
        part.reset_state()
    assert model.forward(XS[:2], TS[:2]) == twin.forward(XS[:2], TS[:2])
    for part in (model, twin):
        part.reset_state()
        part.layers[-1].params[0] = part.layers[-1].params[0].astype(np.float64)
    assert model.forward(XS[:2], TS[:2]) == twin.forward(XS[:2], TS[:2])
    model.backward(), twin.backward()
    assert_same_bits(model.grads[4], twin.grads[4])


def test_parts_are_named_as_in_the_book():
    model = make("Rnnlm")
    assert [type(layer) for layer in model.layers] == [TimeEmbedding, TimeLSTM, TimeAffine]
    assert model.lstm_layer is model.layers[1] and model.lstm_layer.stateful
    assert type(model.loss_layer) is TimeSoftmaxWithLoss
    assert make("SimpleRnnlm").rnn_layer.stateful
    better = make("BetterRnnlm")
    order = [better.drop_layers[0], better.lstm_layers[0], better.drop_layers[1]]
    order += [better.lstm_layers[1], better.drop_layers[2]]
    assert all(mine is kept for mine, kept in zip(better.layers[1:-1], order, strict=True))
