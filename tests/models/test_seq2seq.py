"""Seq2seq, PeekySeq2seq and AttentionSeq2seq: training, single answers and batches of answers."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from gradcheck import assert_gradients
from whole_models import in_float64, weights_of

from fastw2v import RowGrad, models
from fastw2v.models import seq2seq as home
from fastw2v.optimizer import Adam
from fastw2v.reference import attention_seq2seq, peeky_seq2seq, seq2seq
from fastw2v.time_layers import TimeAffine, TimeLSTM, TimeSoftmaxWithLoss
from fastw2v.trainer import Trainer, remove_duplicate
from fastw2v.util import clip_grads, eval_seq2seq

V, D, H = 9, 4, 6
N, T_IN, T_OUT = 5, 7, 4
QUESTIONS = np.random.default_rng(0).integers(0, V, (60, T_IN))
ANSWERS = np.random.default_rng(1).integers(0, V, (60, T_OUT))
ANSWERS[:, 0] = 8  # the start mark

CLASSES = {
    "Seq2seq": (models.Seq2seq, seq2seq.Seq2seq),
    "PeekySeq2seq": (models.PeekySeq2seq, peeky_seq2seq.PeekySeq2seq),
    "AttentionSeq2seq": (models.AttentionSeq2seq, attention_seq2seq.AttentionSeq2seq),
}
every_class = pytest.mark.parametrize("name", CLASSES)


def make(name, which=0, seed=3, **options):
    np.random.seed(seed)
    return CLASSES[name][which](V, D, H, **options)


def lively(model, factor=6):
    """Larger weights: answers that differ from question to question."""
    for param in {id(param): param for param in model.params}.values():
        param *= factor
    return model


@every_class
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("max_grad", [None, 0.05])
def test_training_equals_the_references(name, reverse, max_grad, capsys):
    results = []
    for which, package in enumerate(("fastw2v", "fastw2v.reference")):
        trainers = __import__(f"{package}.trainer", fromlist=["Trainer"])
        optimizers = __import__(f"{package}.optimizer", fromlist=["Adam"])
        model = make(name, which, reverse=reverse)
        first = weights_of(model)
        trainer = trainers.Trainer(model, optimizers.Adam(0.01))
        np.random.seed(4)
        trainer.fit(QUESTIONS, ANSWERS, 3, 12, max_grad, eval_interval=1)
        results.append((first, trainer.loss_list, model.params))
    (first, losses, params), (expected_first, expected_losses, expected) = results
    assert first == expected_first
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    for param, wanted in zip(params, expected, strict=True):
        np.testing.assert_allclose(param, wanted, rtol=1e-2, atol=1e-4)


@every_class
@pytest.mark.parametrize("max_grad", [None, 0.05])
def test_a_fit_equals_a_loop_of_ones_own(name, max_grad):
    """A fit runs embedding and LSTM as one, but for its last step."""
    pair = [make(name), make(name)]
    np.random.seed(4)
    order = np.random.permutation(len(QUESTIONS))
    np.random.seed(4)
    fitting = Trainer(pair[0], Adam(0.01))
    fitting.fit(QUESTIONS, ANSWERS, 1, 12, max_grad, eval_interval=None)
    adam = Adam(0.01)
    for k in range(5):
        rows = order[12 * k : 12 * k + 12]
        pair[1].forward(QUESTIONS[rows], ANSWERS[rows])
        pair[1].backward()
        params, grads = remove_duplicate(pair[1].params, pair[1].grads)
        if max_grad is not None:
            clip_grads(grads, max_grad)
        adam.update(params, grads)
    for mine, wanted in zip(pair[0].params, pair[1].params, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-3, atol=1e-5)
    assert fitting.optimizer.iter == adam.iter
    for part in ("encoder", "decoder"):
        steps = [getattr(model, part).embed.layers for model in pair]
        for mine, wanted in zip(*steps, strict=True):
            np.testing.assert_array_equal(mine.idx, wanted.idx)
            np.testing.assert_allclose(mine.grads[0], wanted.grads[0], rtol=1e-2, atol=1e-6)


@every_class
def test_a_fit_that_ends_early_leaves_layers_that_can_be_read(name):
    model = make(name)
    model.decoder.affine.params[1][...] = 1e38
    model.decoder.affine.params[1][1] = np.nan
    before = weights_of(model)
    with pytest.raises(FloatingPointError, match="nan"):
        Trainer(model, Adam()).fit(QUESTIONS, ANSWERS, 1, 12, eval_interval=None)
    assert weights_of(model) == before
    assert len(model.encoder.lstm.layers) == T_IN
    x, *_ = model.encoder.lstm.layers[0].cache
    assert x.shape == (12, D)
    if name != "AttentionSeq2seq":
        model.encoder.backward(np.ones((12, H), "f"))


OPTIONS = [
    {},
    {"reverse": True},
    {"shared_embedding": True},
    {"hand_over_c": True},
    {"reverse": True, "shared_embedding": True, "hand_over_c": True},
]


@every_class
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "book")
def test_gradients_match_finite_differences(name, options):
    model = in_float64(lively(make(name, **options), 3))
    xs, ts = QUESTIONS[:N], ANSWERS[:N]
    model.forward(xs, ts)
    assert model.backward() is None
    params, grads = remove_duplicate(model.params, model.grads)
    assert len(params) == (9 if options.get("shared_embedding") else 10)
    assert_gradients(lambda: float(model.forward(xs, ts)), params, grads, rtol=1e-5, atol=1e-7)


@every_class
def test_backward_can_be_repeated(name):
    model = make(name, hand_over_c=True)
    model.forward(QUESTIONS, ANSWERS)
    grads = list(model.grads)
    model.backward()
    first = [np.array(grad) for grad in grads]
    model.backward()
    for now, before, expected in zip(model.grads, grads, first, strict=True):
        assert now is before
        assert_same_bits(np.array(now), expected)


@every_class
def test_every_number_of_parts_gives_the_same_bits(name, all_parts):
    seen = set()
    for n in N_PARTS:
        all_parts(n)
        model = make(name)
        np.random.seed(4)
        Trainer(model, Adam()).fit(QUESTIONS, ANSWERS, 2, 12, 1.0, eval_interval=None)
        answers = model.generate_batch(QUESTIONS, 8, 3)
        seen.add(weights_of(model) + answers.tobytes())
    assert len(seen) == 1


# Options ---------------------------------------------------------------------------------------


@every_class
def test_reverse_reads_questions_from_their_end(name):
    model, turned = lively(make(name)), lively(make(name, reverse=True))
    assert turned.forward(QUESTIONS, ANSWERS) == model.forward(QUESTIONS[:, ::-1], ANSWERS)
    for question in QUESTIONS[:5, None]:
        assert turned.generate(question, 8, 3) == model.generate(question[:, ::-1], 8, 3)
    assert_same_bits(
        turned.generate_batch(QUESTIONS, 8, 3), model.generate_batch(QUESTIONS[:, ::-1], 8, 3)
    )


@every_class
def test_encoder_and_decoder_may_share_one_table(name):
    model = make(name, shared_embedding=True)
    W = model.encoder.embed.W
    assert model.params[0] is W and model.params[4] is W and model.decoder.embed.W is W
    assert model.encoder.params[0] is W and model.decoder.params[0] is W
    assert model.grads[0] is not model.grads[4]
    apart = make(name)
    assert apart.params[0] is not apart.params[4]
    before = W.copy()
    Trainer(model, Adam()).fit(QUESTIONS, ANSWERS, 1, 30, eval_interval=None)
    assert model.params[0] is model.params[4] is model.decoder.embed.W
    assert not np.array_equal(W, before)


def test_the_decoder_takes_a_given_table():
    W = np.zeros((V, D), np.float32)
    assert models.Decoder(V, D, H, embed_W=W).params[0] is W
    with pytest.raises(ValueError, match=r"embed_W: expected shape \(9, 5\) .vocab_size and word"):
        models.Decoder(V, 5, H, embed_W=W)
    with pytest.raises(TypeError, match=r"embed_W: expected a numpy array .V, D., got list"):
        models.PeekyDecoder(V, D, H, embed_W=[[1.0]])


@every_class
def test_hand_over_c_passes_the_cell_state(name):
    model, book = lively(make(name, hand_over_c=True)), lively(make(name))
    assert model.forward(QUESTIONS, ANSWERS) != book.forward(QUESTIONS, ANSWERS)
    state, options = model._encode(QUESTIONS[:1], train=True)
    assert_same_bits(options["c"], model.encoder.lstm.c)
    assert model.encoder.c is model.encoder.lstm.c
    expected = model.decoder.generate(state, 8, 3, c=options["c"])
    assert model.generate(QUESTIONS[:1], 8, 3) == expected
    assert not book.hand_over_c and not book.reverse


@every_class
def test_own_generator_leaves_the_global_stream_alone(name):
    before = np.random.get_state()[2]
    first, second = (
        CLASSES[name][0](V, D, H, rng=np.random.default_rng(5), shared_embedding=True) for _ in "12"
    )
    assert weights_of(first) == weights_of(second)
    assert np.random.get_state()[2] == before


# Answers ---------------------------------------------------------------------------------------


@every_class
@pytest.mark.parametrize("reverse", [False, True])
def test_answers_equal_the_references(name, reverse):
    ours = lively(make(name, reverse=reverse))
    theirs = lively(make(name, 1, reverse=reverse))
    answers = [ours.generate(question, 8, 3) for question in QUESTIONS[:, None]]
    assert answers == [theirs.generate(question, 8, 3) for question in QUESTIONS[:, None]]
    assert len(set(map(tuple, answers))) > 10
    assert all(type(i) is int for answer in answers for i in answer)


@every_class
@pytest.mark.parametrize("batch_size", [1, 7, 60, 1000])
def test_a_batch_gets_the_same_answers_as_single_questions(name, batch_size):
    model = lively(make(name, hand_over_c=True))
    expected = [model.generate(question, 8, 3) for question in QUESTIONS[:, None]]
    answers = model.generate_batch(QUESTIONS, 8, 3, batch_size=batch_size)
    assert answers.shape == (60, 3) and answers.dtype == np.int64
    assert answers.tolist() == expected


@every_class
def test_each_question_may_have_its_own_start(name):
    model = lively(make(name))
    starts = np.arange(60) % V
    answers = model.generate_batch(QUESTIONS, starts, 3)
    pairs = zip(QUESTIONS[:, None], starts, strict=True)
    assert answers.tolist() == [model.generate(question, start, 3) for question, start in pairs]
    assert model.generate_batch(QUESTIONS[:0], 8, 3).shape == (0, 3)


@every_class
def test_a_batch_calls_an_overridden_generate(name):
    class Mine(CLASSES[name][0]):
        def generate(self, xs, start_id, sample_size):
            return [int(start_id), *xs[0, : sample_size - 1]]

    expected = [[8, *question[:2]] for question in QUESTIONS]
    assert Mine(V, D, H).generate_batch(QUESTIONS, 8, 3).tolist() == expected
    model = make(name)

    class Says(type(model.decoder)):
        def generate(self, state, start_id, sample_size):
            return [7] * sample_size

    model.decoder = Says(V, D, H)
    assert model.generate_batch(QUESTIONS[:4], 8, 3).tolist() == [[7] * 3] * 4
    model = make(name)
    model.generate = lambda xs, start_id, sample_size: [6] * sample_size
    assert model.generate_batch(QUESTIONS[:4], 8, 3).tolist() == [[6] * 3] * 4


@every_class
def test_accuracy_is_the_share_of_correct_answers(name):
    model = lively(make(name))
    answers = np.column_stack([np.full(60, 8), model.generate_batch(QUESTIONS, 8, 3)])
    assert model.accuracy(QUESTIONS, answers) == 1.0
    answers[:15, -1] += 1
    assert model.accuracy(QUESTIONS, answers % V) == 0.75
    letters = dict(enumerate("abcdefghij"))
    right = [
        eval_seq2seq(model, question, answer, letters)
        for question, answer in zip(QUESTIONS[:, None], answers[:, None], strict=True)
    ]
    assert right == [0] * 15 + [1] * 45


def test_generating_does_not_disturb_the_state_of_training():
    model = make("Seq2seq")
    first = model.forward(QUESTIONS, ANSWERS)
    model.generate(QUESTIONS[:1], 8, 3)
    assert model.forward(QUESTIONS, ANSWERS) == first


@every_class
def test_answers_keep_nothing_for_backward(name):
    model = make(name)
    model.forward(QUESTIONS, ANSWERS)
    model.backward()
    model.generate(QUESTIONS[:1], 8, 3)
    with pytest.raises(RuntimeError, match="backward: nothing to go back through; call forward"):
        model.encoder.backward(np.zeros((1, T_IN, H) if name[0] == "A" else (1, H)))


def test_attention_weights_of_an_answer_can_be_read():
    model = lively(make("AttentionSeq2seq"))
    model.forward(QUESTIONS[:2], ANSWERS[:2])
    weights = model.decoder.attention.attention_weights
    assert len(weights) == T_OUT - 1
    for step in weights:
        assert step.shape == (2, T_IN)
        np.testing.assert_allclose(step.sum(axis=1), 1, rtol=1e-5)


# Parts -----------------------------------------------------------------------------------------


@every_class
def test_parts_are_named_as_in_the_book(name):
    model = make(name)
    assert type(model.softmax) is TimeSoftmaxWithLoss
    encoder, decoder = model.encoder, model.decoder
    assert type(encoder.lstm) is TimeLSTM and not encoder.lstm.stateful
    assert type(decoder.lstm) is TimeLSTM and decoder.lstm.stateful
    assert type(decoder.affine) is TimeAffine
    assert model.params == encoder.params + decoder.params
    listed = [decoder.embed, decoder.lstm, decoder.affine]
    assert decoder.params == [param for layer in listed for param in layer.params]
    wide = D + (H if name == "PeekySeq2seq" else 0)
    assert decoder.lstm.params[0].shape == (wide, 4 * H)
    assert decoder.affine.params[0].shape == ((1 if name == "Seq2seq" else 2) * H, V)
    model.forward(QUESTIONS, ANSWERS)
    assert encoder.hs.shape == (60, T_IN, H)


def test_encoders_and_decoders_work_by_themselves():
    """A user's loop over the parts, as in the book's Seq2seq, trains them."""
    np.random.seed(3)
    encoder, decoder = models.Encoder(V, D, H), models.Decoder(V, D, H)
    whole = make("Seq2seq")
    expected = whole.forward(QUESTIONS, ANSWERS)
    whole.backward()
    h = encoder.forward(QUESTIONS)
    assert h.shape == (60, H)
    loss = TimeSoftmaxWithLoss()
    assert loss.forward(decoder.forward(ANSWERS[:, :-1], h), ANSWERS[:, 1:]) == expected
    dh = decoder.backward(loss.backward())
    assert dh.shape == (60, H)
    assert encoder.backward(dh) is None
    for grad, wanted in zip(encoder.grads + decoder.grads, whole.grads, strict=True):
        assert_same_bits(np.array(grad), np.array(wanted))


def test_a_subclass_may_set_the_parts():
    """It inherits forward, backward and generate, as the book's peeky_seq2seq.py does."""

    class Mine(models.Seq2seq):
        def __init__(self, V, D, H):
            self.encoder, self.decoder = models.Encoder(V, D, H), models.PeekyDecoder(V, D, H)
            self.softmax = TimeSoftmaxWithLoss()
            self.params = self.encoder.params + self.decoder.params
            self.grads = self.encoder.grads + self.decoder.grads

    np.random.seed(3)
    mine, ours = Mine(V, D, H), make("PeekySeq2seq")
    assert mine.forward(QUESTIONS, ANSWERS) == ours.forward(QUESTIONS, ANSWERS)
    mine.backward(), ours.backward()
    for grad, wanted in zip(mine.grads, ours.grads, strict=True):
        assert_same_bits(np.array(grad), np.array(wanted))
    assert mine.generate(QUESTIONS[:1], 8, 3) == ours.generate(QUESTIONS[:1], 8, 3)


def test_encoder_and_decoder_may_be_the_users_own():
    """Parts in plain numpy need only the methods that the book calls."""
    ours, mixed = lively(make("Seq2seq")), make("Seq2seq")
    theirs = lively(make("Seq2seq", 1))
    mixed.encoder, mixed.decoder = theirs.encoder, theirs.decoder
    mixed.params, mixed.grads = theirs.params, theirs.grads
    loss = ours.forward(QUESTIONS, ANSWERS)
    assert mixed.forward(QUESTIONS, ANSWERS) == pytest.approx(loss, rel=1e-5)
    ours.backward(), mixed.backward()
    for grad, wanted in zip(mixed.grads, ours.grads, strict=True):
        np.testing.assert_allclose(grad, np.array(wanted), rtol=1e-3, atol=1e-6)
    expected = ours.generate_batch(QUESTIONS, 8, 3)
    assert mixed.generate_batch(QUESTIONS, 8, 3).tolist() == expected.tolist()


@every_class
def test_a_replaced_layer_is_called(name):
    class Affine(TimeAffine):
        def forward(self, x):
            return super().forward(x) + np.eye(V, dtype=np.float32)[5] * 1000

    model = make(name)
    model.decoder.affine = Affine(*model.decoder.affine.params)
    assert model.generate(QUESTIONS[:1], 8, 3) == [5, 5, 5]
    assert model.generate_batch(QUESTIONS[:2], 8, 3).tolist() == [[5, 5, 5]] * 2
    assert model.forward(QUESTIONS, ANSWERS) > 100


@every_class
@pytest.mark.parametrize("copier", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("shared_embedding", [False, True])
def test_copies_train_like_the_original(name, copier, shared_embedding):
    def fit(model):
        np.random.seed(6)
        Trainer(model, Adam()).fit(QUESTIONS, ANSWERS, 2, 12, 1.0, eval_interval=None)
        return weights_of(model)

    model = make(name, shared_embedding=shared_embedding, reverse=True)
    fit(model)
    twin = copier(model)
    assert (twin.params[0] is twin.params[4]) is shared_embedding
    assert twin.encoder.params[0] is twin.params[0] is twin.encoder.embed.W
    for part in (twin, twin.encoder, twin.decoder, twin.encoder.embed, twin.decoder.embed):
        assert isinstance(part.grads[0], RowGrad)
    assert twin.grads[0] is twin.encoder.grads[0] is twin.encoder.embed.grads[0]
    assert not any(np.shares_memory(a, b) for a in model.params for b in twin.params)
    assert fit(model) == fit(twin)


def test_saved_parameters_are_loaded_where_shapes_match(tmp_path):
    model = make("PeekySeq2seq", shared_embedding=True)
    twin = make("PeekySeq2seq", seed=9, shared_embedding=True)
    model.save_params(tmp_path / "a.npz")
    twin.load_params(tmp_path / "a.npz")
    assert weights_of(model) == weights_of(twin)
    other = make("AttentionSeq2seq", seed=9)
    before = weights_of(other)
    with pytest.raises(ValueError, match=r"expected shape \(4, 24\) for params\[5\] of Attention"):
        other.load_params(tmp_path / "a.npz")
    assert weights_of(other) == before


# Bad input -------------------------------------------------------------------------------------

X, T = QUESTIONS[:2].tolist(), ANSWERS[:2].tolist()
BAD = [
    ([[V] * 3] * 2, T, IndexError, f"xs: id {V} at position .0, 0. is out of range for {V} rows"),
    (X, [[8, V, 1]] * 2, IndexError, f"ts: id {V} at position .0, 1. is out of range for {V} r"),
    (X, [[8, 1, V]] * 2, IndexError, f"ts: id {V} at position .0, 1. is out of range for {V} r"),
    (X, [[8.5, 1, 2]] * 2, TypeError, "ts: expected integer ids, got dtype float64"),
    ([["a"]] * 2, T, TypeError, "xs: expected integer ids, got dtype <U1"),
    (X[:1], T, ValueError, r"ts: expected answers of shape .N, T. with N = 1, .* got \(2, 4\)"),
    (X, [[8], [8]], ValueError, r"ts: expected .* and T of at least 2, the start mark and an id"),
    (X, [8, 1], ValueError, r"ts: expected answers of shape .N, T. .* got \(2,\)"),
    (X[0], T, ValueError, r"xs: expected ids of shape .N, T., got \(7,\)"),
    (np.zeros((2, 0), int), T, ValueError, r"xs: expected shape .N, T., neither of them 0"),
    (QUESTIONS[:0], ANSWERS[:0], ValueError, r"xs: expected shape .N, T., neither of them 0"),
]


@every_class
@pytest.mark.parametrize(("xs", "ts", "error", "words"), BAD)
def test_bad_input_changes_nothing(name, xs, ts, error, words):
    model, twin = make(name), make(name)
    model.forward(QUESTIONS, ANSWERS), twin.forward(QUESTIONS, ANSWERS)
    with pytest.raises(error, match=words):
        model.forward(xs, ts)
    model.backward(), twin.backward()
    for mine, theirs in zip(model.grads, twin.grads, strict=True):
        assert_same_bits(np.array(mine), np.array(theirs))


@every_class
def test_questions_and_answers_may_be_lists(name):
    model = make(name)
    assert model.forward(X, T) == model.forward(QUESTIONS[:2], ANSWERS[:2])
    assert model.generate(X[:1], 8, 3) == model.generate(QUESTIONS[:1], 8, 3)


ANSWER_ERRORS = [
    ("generate", (X, 8, 3), ValueError, r"xs: expected one row, .* got \(2, 7\); use generate_b"),
    ("generate", (X[0], 8, 3), ValueError, r"xs: expected one row, .* got \(7,\)"),
    ("generate", (X[:1], V, 3), IndexError, f"start_id: id {V} .*is out of range for {V} rows"),
    ("generate", (X[:1], 8, 0), ValueError, "sample_size: expected at least 1, got 0"),
    ("generate_batch", (X, [1, 2, 3], 3), ValueError, r"start_id: expected one id, or shape .N,."),
    ("generate_batch", (X, 8.5, 3), TypeError, "start_id: expected integer ids"),
    ("generate_batch", (X, V, 3), IndexError, f"start_id: id {V} .*is out of range for {V} rows"),
    ("generate_batch", (X, 8, "3"), TypeError, "sample_size: expected a whole number, got '3'"),
    ("generate_batch", ([[V]], 8, 3), IndexError, f"xs: id {V} .* out of range for {V} rows"),
    ("generate_batch", (X[0], 8, 3), ValueError, r"xs: expected ids of shape .N, T., got \(7,\)"),
    ("accuracy", (X, T[:1]), ValueError, "ts: expected answers of shape .N, T. with N = 2"),
    ("accuracy", ([], np.zeros((0, 4), int)), ValueError, r"xs: expected"),
]


@every_class
@pytest.mark.parametrize(("method", "arguments", "error", "words"), ANSWER_ERRORS)
def test_bad_questions_are_named(name, method, arguments, error, words):
    with pytest.raises(error, match=words):
        getattr(make(name), method)(*arguments)


@every_class
def test_bad_sizes_draw_nothing(name):
    before = np.random.get_state()[2]
    for sizes, word in (((0, 4, 4), "vocab_size"), ((5, 0, 4), "wordvec_size")):
        with pytest.raises(ValueError, match=f"{word}: expected at least 1, got 0"):
            CLASSES[name][0](*sizes)
    with pytest.raises(TypeError, match="rng: expected None or a numpy.random.Generator, got int"):
        CLASSES[name][0](5, 4, 4, rng=1)
    assert np.random.get_state()[2] == before


@every_class
def test_backward_needs_a_forward(name):
    model = make(name)
    with pytest.raises(RuntimeError, match="backward: nothing to go back through"):
        model.backward()
    with pytest.raises(RuntimeError, match="backward: nothing to go back through"):
        model.encoder.backward(np.zeros((1, H)))
    with pytest.raises(RuntimeError, match="backward: nothing to go back through"):
        model.decoder.backward(np.zeros((1, 1, V)))


def test_batch_size_bounds_the_memory_of_answers():
    """Bounded by the batch, not by the number of questions."""
    model = make("AttentionSeq2seq")

    def peak(n):
        xs = np.zeros((n, T_IN), np.int64)
        model.generate_batch(xs, 8, 3, batch_size=50)
        tracemalloc.start()
        try:
            model.generate_batch(xs, 8, 3, batch_size=50)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    answers = 2000 * 3 * 8
    assert peak(2000) < peak(50) + 2 * answers


def test_the_module_lists_its_names():
    assert set(home.__all__) == {"Encoder", "Decoder", "Seq2seq"}
