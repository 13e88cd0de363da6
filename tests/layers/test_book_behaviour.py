"""Behaviour of trainers and helpers on which scripts for the book rely, in both implementations."""

import sys

import numpy as np
import pytest
from implementations import both


class Recorder:
    """Model that records its batches and returns the losses 1, 2, 3, ..."""

    def __init__(self):
        self.params, self.grads = [np.zeros(2)], [np.ones(2)]
        self.batches = []

    def forward(self, *batch):
        self.batches.append([np.array(part) for part in batch])
        return float(len(self.batches))

    def backward(self, dout=1):
        pass


def lines_of(capsys):
    """Return the printed lines without the seconds, which depend on the machine."""
    lines = capsys.readouterr().out.splitlines()
    return [line.split(" | time ")[0] + " | " + line.split("[s] | ")[1] for line in lines]


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def trainer(book, recorder):
    return book.trainer.Trainer(recorder, book.optimizer.SGD())


# Trainer.fit: shuffling ------------------------------------------------------------------------


@both
def test_fit_draws_one_permutation_an_epoch_and_orders_compose(book, trainer, recorder):
    x = np.arange(10)
    np.random.seed(3)
    trainer.fit(x, 100 + x, max_epoch=3, batch_size=4, eval_interval=None)
    after = np.random.random()

    np.random.seed(3)
    expected, order = [], x
    for _ in range(3):
        order = order[np.random.permutation(10)]
        expected += [order[:4], order[4:8]]
    assert np.random.random() == after
    np.testing.assert_array_equal([batch[0] for batch in recorder.batches], expected)
    for rows, targets in recorder.batches:
        np.testing.assert_array_equal(targets, 100 + rows)
    np.testing.assert_array_equal(x, np.arange(10))


@both
def test_each_fit_starts_from_the_order_it_is_given(book, trainer, recorder):
    x = np.arange(8)
    for _ in range(2):
        np.random.seed(5)
        trainer.fit(x, x, max_epoch=1, batch_size=8, eval_interval=None)
    np.testing.assert_array_equal(recorder.batches[0], recorder.batches[1])


@both
def test_nothing_but_fit_and_the_weights_draws_from_the_global_stream(book):
    corpus = np.array([0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6])
    ns = book.negative_sampling_layer

    np.random.seed(7)
    before = np.random.get_state()[1:3]
    sampler = ns.UnigramSampler(corpus, 0.75, 2)
    loss = ns.NegativeSamplingLoss(np.zeros((7, 3)), corpus, sample_size=2)
    layers = [book.layers.Dropout(0.5), book.layers.Embedding(np.zeros((7, 3)))]
    layers[0].forward(np.zeros((2, 3)), train_flg=False)
    model = Recorder()
    for name in ("SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam"):
        optimizer = getattr(book.optimizer, name)()
        optimizer.update(model.params, model.grads)
        book.trainer.Trainer(model, optimizer)
        book.trainer.RnnlmTrainer(model, optimizer).fit(corpus, corpus, 1, 2, 3)
    book.util.eval_perplexity(Recorder(), corpus, 2, 3)
    state = np.random.get_state()[1:3]
    np.testing.assert_array_equal(state[0], before[0])
    assert state[1] == before[1]

    # These do draw, and a seed repeats them.
    def draws():
        np.random.seed(7)
        negative = sampler.get_negative_sample(np.array([0, 1]))
        value = loss.forward(np.ones((2, 3)), np.array([0, 1]))
        kept = layers[0].forward(np.ones((20, 3)))
        return negative.tolist(), float(value), kept.tolist()

    assert draws() == draws()


# Trainer.fit: lines ----------------------------------------------------------------------------


@both
def test_fit_averages_since_the_last_line_across_epochs(book, trainer, capsys):
    x = np.zeros((10, 1))
    trainer.fit(x, x, max_epoch=2, batch_size=2, eval_interval=3)
    # Losses 1 ... 10, five an epoch, lines at iterations 1 and 4 of each.
    assert lines_of(capsys) == [
        "| epoch 1 |  iter 1 / 5 | loss 1.00",
        "| epoch 1 |  iter 4 / 5 | loss 3.00",
        "| epoch 2 |  iter 1 / 5 | loss 5.50",
        "| epoch 2 |  iter 4 / 5 | loss 8.00",
    ]
    assert trainer.loss_list == [1.0, 3.0, 5.5, 8.0]
    assert trainer.current_epoch == 2
    assert trainer.eval_interval == 3

    # A second fit counts epochs on and leaves the loss 10 of the first out of its average.
    trainer.fit(x, x, max_epoch=1, batch_size=2, eval_interval=4)
    assert lines_of(capsys) == [
        "| epoch 3 |  iter 1 / 5 | loss 11.00",
        "| epoch 3 |  iter 5 / 5 | loss 13.50",
    ]
    assert trainer.loss_list == [1.0, 3.0, 5.5, 8.0, 11.0, 13.5]
    assert trainer.current_epoch == 3


@both
def test_fit_prints_nothing_without_an_interval(book, trainer, recorder, capsys):
    trainer.fit(np.zeros(6), np.zeros(6), max_epoch=2, batch_size=3, eval_interval=None)
    assert capsys.readouterr().out == ""
    assert trainer.loss_list == []
    assert len(recorder.batches) == 4
    assert trainer.current_epoch == 2


@both
def test_fit_reads_params_and_grads_afresh(book, capsys):
    class Replaces(Recorder):
        def backward(self, dout=1):
            self.params, self.grads = [np.zeros(2)], [np.full(2, -1.0)]

    model = Replaces()
    trainer = book.trainer.Trainer(model, book.optimizer.SGD(lr=0.5))
    trainer.fit(np.zeros(4), np.zeros(4), max_epoch=2, batch_size=2)
    np.testing.assert_array_equal(model.params[0], [0.5, 0.5])
    assert len(lines_of(capsys)) == 2


@both
def test_fit_clips_the_merged_gradients(book, capsys):
    model = Recorder()
    shared = model.params[0]
    model.params, model.grads = [shared, shared], [np.array([3.0, 0.0]), np.array([0.0, 4.0])]
    trainer = book.trainer.Trainer(model, book.optimizer.SGD(lr=1.0))
    trainer.fit(np.zeros(2), np.zeros(2), max_epoch=1, batch_size=2, max_grad=1.0)
    # Norm 5 after merging, so the step is a fifth of the gradient.
    np.testing.assert_allclose(shared, [-0.6, -0.8], rtol=1e-6)
    assert len(lines_of(capsys)) == 1


@both
def test_fit_takes_any_optimizer_with_update(book, recorder, capsys):
    class Counts:
        calls = 0

        def update(self, params, grads):
            self.calls += 1
            params[0] += grads[0]

    optimizer = Counts()
    book.trainer.Trainer(recorder, optimizer).fit(np.zeros(6), np.zeros(6), 2, 3)
    assert optimizer.calls == 4
    np.testing.assert_array_equal(recorder.params[0], [4, 4])
    assert len(lines_of(capsys)) == 2


# RnnlmTrainer ----------------------------------------------------------------------------------


@both
def test_get_batch_of_the_language_model_trainer(book, recorder):
    trainer = book.trainer.RnnlmTrainer(recorder, book.optimizer.SGD())
    assert trainer.time_idx is None
    assert trainer.ppl_list is None
    trainer.time_idx = 0
    xs = np.arange(11)
    seen = [trainer.get_batch(xs, xs + 1, 2, 3) for _ in range(3)]
    # Two readers, 5 apart; the second passes the end in its third batch.
    expected = [
        [[0, 1, 2], [5, 6, 7]],
        [[3, 4, 5], [8, 9, 10]],
        [[6, 7, 8], [0, 1, 2]],
    ]
    for (x, t), rows in zip(seen, expected, strict=True):
        assert x.dtype == t.dtype == np.int32
        np.testing.assert_array_equal(x, rows)
        np.testing.assert_array_equal(t, np.add(rows, 1))
    assert trainer.time_idx == 9


@both
def test_fit_of_the_language_model_trainer(book, recorder, capsys):
    trainer = book.trainer.RnnlmTrainer(recorder, book.optimizer.SGD())
    xs = np.arange(12)
    trainer.fit(xs, xs + 1, max_epoch=2, batch_size=2, time_size=2, eval_interval=2)
    # Losses 1, 2, 3 and 4, 5, 6: lines at iterations 1 and 3 of each epoch.
    averages = [1.0, 2.5, 4.0, 5.5]
    assert trainer.ppl_list == pytest.approx(np.exp(averages), rel=1e-12)
    assert lines_of(capsys) == [
        f"| epoch {epoch} |  iter {k} / 3 | perplexity {np.exp(average):.2f}"
        for (epoch, k), average in zip([(1, 1), (1, 3), (2, 1), (2, 3)], averages, strict=True)
    ]
    # The readers continue in the second epoch and wrap around.
    assert [batch[0].tolist() for batch in recorder.batches] == [
        [[0, 1], [6, 7]],
        [[2, 3], [8, 9]],
        [[4, 5], [10, 11]],
        [[6, 7], [0, 1]],
        [[8, 9], [2, 3]],
        [[10, 11], [4, 5]],
    ]

    # A second fit starts at the beginning, with a new list.
    trainer.fit(xs, xs + 1, max_epoch=1, batch_size=2, time_size=2, eval_interval=None)
    assert recorder.batches[6][0].tolist() == [[0, 1], [6, 7]]
    assert trainer.ppl_list == []
    assert trainer.current_epoch == 3


# remove_duplicate ------------------------------------------------------------------------------


@both
def test_remove_duplicate_merges_transposes_and_leaves_the_rest(book):
    W, b = np.arange(6.0).reshape(2, 3), np.zeros(2)
    equal_but_other = W.copy()
    params = [W, b, W.T, equal_but_other, b, np.zeros(2)]
    grads = [np.full(param.shape, 10.0**i) for i, param in enumerate(params)]
    grads[2][0, 1] = 500.0
    kept, merged = book.trainer.remove_duplicate(params, grads)
    assert [id(param) for param in kept] == [id(params[i]) for i in (0, 1, 3, 5)]
    assert all(grad is grads[i] for grad, i in zip(merged, (0, 1, 3, 5), strict=True))
    np.testing.assert_array_equal(grads[0], [[101, 101, 101], [501, 101, 101]])
    np.testing.assert_array_equal(grads[1], [10010, 10010])
    np.testing.assert_array_equal(grads[3], np.full((2, 3), 1e3))


# Text and numbers ------------------------------------------------------------------------------


@both
def test_preprocess_splits_on_single_blanks_only(book):
    corpus, word_to_id, id_to_word = book.util.preprocess("A  b\nc. a")
    assert corpus.dtype == np.int64
    assert corpus.tolist() == [0, 1, 2, 3, 0]
    assert word_to_id == {"a": 0, "": 1, "b\nc": 2, ".": 3}
    assert id_to_word == {0: "a", 1: "", 2: "b\nc", 3: "."}


@both
def test_ppmi_of_a_word_that_never_occurs(book):
    C = np.array([[0, 3, 0], [3, 2, 0], [0, 0, 0]], dtype=np.int32)
    M = book.util.ppmi(C)
    assert M.dtype == np.float32
    np.testing.assert_array_equal(M[2], 0)
    np.testing.assert_array_equal(M[:, 2], 0)
    assert M[0, 1] == pytest.approx(np.log2(3 * 8 / (3 * 5)), rel=1e-6)


@both
def test_ppmi_multiplies_in_64_bits(book):
    C = np.array([[0, 2_000_000_000], [2_000_000_000, 0]], dtype=np.int32)
    np.testing.assert_allclose(book.util.ppmi(C), [[0, 1], [1, 0]], rtol=1e-6, atol=1e-7)


@both
def test_ppmi_prints_its_progress(book, capsys):
    assert book.util.ppmi(np.ones((30, 30), dtype=np.int32), verbose=True).shape == (30, 30)
    lines = capsys.readouterr().out.splitlines()
    assert 50 <= len(lines) <= 110
    shares = [float(line.removesuffix("% done")) for line in lines]
    assert shares == sorted(shares)
    assert all(line == f"{share:.1f}% done" for line, share in zip(lines, shares, strict=True))


@both
def test_normalize_takes_vectors(book):
    x = np.array([3.0, 4.0])
    assert book.util.normalize(x) is x
    np.testing.assert_allclose(x, [0.6, 0.8], rtol=1e-15)


@both
def test_clip_grads_leaves_small_gradients_alone(book):
    grads = [np.array([0.3, 0.4], dtype=np.float32), np.zeros((2, 2))]
    before = grads[0].copy()
    book.util.clip_grads(grads, 0.6)
    np.testing.assert_array_equal(grads[0], before)
    book.util.clip_grads(grads, 0.25)
    np.testing.assert_allclose(grads[0], [0.15, 0.2], rtol=1e-5)


@both
def test_one_hot_and_counts_are_int32(book):
    assert book.util.convert_one_hot(np.array([2, 0]), 3).dtype == np.int32
    C = book.util.create_co_matrix(np.array([0, 1, 0, 2]), 3, window_size=2)
    np.testing.assert_array_equal(C, [[2, 2, 1], [2, 0, 1], [1, 1, 0]])
    assert C.dtype == np.int32


@both
def test_to_gpu_refuses(book):
    x = np.arange(3)
    assert book.util.to_cpu(x) is x
    with pytest.raises(Exception, match="GPU"):
        book.util.to_gpu(x)


# Neighbours ------------------------------------------------------------------------------------

WORDS = {"king": 0, "man": 1, "queen": 2, "woman": 3, "pear": 4}
ID_TO_WORD = {number: word for word, number in WORDS.items()}


@both
def test_most_similar_goes_over_the_words_it_is_given(book, capsys):
    rows = np.array([[1.0, 0], [1, 0], [0, 1], [3, 4], [4, 3]])
    named = {number: ID_TO_WORD[number] for number in range(4)}
    assert book.util.most_similar("king", WORDS, named, rows, top=2) is None
    lines = capsys.readouterr().out.split("\n")
    assert lines[:2] == ["", "[query] king"]
    assert [line.split(": ")[0] for line in lines[2:]] == [" man", " woman", ""]
    assert float(lines[3].split(": ")[1]) == pytest.approx(0.6, abs=1e-7)


@both
def test_analogy_uses_rows_as_they_are_and_skips_nan(book, capsys):
    rows = np.array([[1.0, 1], [1, 0], [0, 2], [10, 10], [np.nan, 1]])
    assert (
        book.util.analogy("man", "king", "queen", WORDS, ID_TO_WORD, rows, answer="woman") is None
    )
    # king - man + queen = (0, 3), of length 1: (0, 1). Only woman is left, at 10.
    assert (
        capsys.readouterr().out == "\n[analogy] man:king = queen:?\n==>woman:10.0\n woman: 10.0\n"
    )


@both
def test_analogy_names_the_first_missing_word_and_ends(book, capsys):
    rows = np.ones((5, 2))
    assert book.util.analogy("king", "x", "y", WORDS, ID_TO_WORD, rows) is None
    assert capsys.readouterr().out == "x is not found\n"


# Evaluation ------------------------------------------------------------------------------------


class Evaluated(Recorder):
    """A language model with dropout: it is told that it is not in training."""

    def forward(self, xs, ts, train_flg=True):
        assert train_flg is False
        return super().forward(xs, ts)


@both
@pytest.mark.parametrize("model_class", [Recorder, Evaluated])
def test_eval_perplexity_reads_blocks_side_by_side(book, model_class, capsys):
    class Model(model_class):
        def reset_state(self):
            raise AssertionError("the state belongs to the caller")

    model = Model()  # a Recorder refuses the argument train_flg and is asked without it
    ppl = book.util.eval_perplexity(model, np.arange(100, 114), 2, 3)
    assert capsys.readouterr().out == "evaluating perplexity ...\n\r0 / 2\r1 / 2\n"
    assert ppl == pytest.approx(np.exp(1.5), rel=1e-12)
    expected = [[[100, 101, 102], [106, 107, 108]], [[103, 104, 105], [109, 110, 111]]]
    for (xs, ts), rows in zip(model.batches, expected, strict=True):
        assert xs.dtype == ts.dtype == np.int32
        np.testing.assert_array_equal(xs, rows)
        np.testing.assert_array_equal(ts, np.add(rows, 1))


class Adds:
    """Answers every sum with 162."""

    def generate(self, question, start_id, sample_size):
        self.asked = (np.array(question).tolist(), start_id, sample_size)
        return [LETTERS[c] for c in "162 "]


LETTERS = {c: i for i, c in enumerate("0123456789+_ ")}
SIGNS = {i: c for c, i in LETTERS.items()}


@both
@pytest.mark.parametrize(
    ("platform", "right", "wrong"),
    [("linux", "\033[92m☑\033[0m", "\033[91m☒\033[0m"), ("win32", "O", "X")],
)
def test_eval_seq2seq(book, platform, right, wrong, capsys, monkeypatch):
    monkeypatch.setattr("sys.platform", platform)
    question = np.array([[LETTERS[c] for c in "77+85  "]])
    for answer, mark in [("_162 ", right), ("_163 ", wrong)]:
        model = Adds()
        correct = np.array([[LETTERS[c] for c in answer]])
        result = book.util.eval_seq2seq(model, question[:, ::-1], correct, SIGNS, True, True)
        assert result == (mark == right)
        assert capsys.readouterr().out == f"Q 77+85  \nT {answer[1:]}\n{mark} 162 \n---\n"
        assert model.asked == (question[:, ::-1].tolist(), LETTERS["_"], 4)
    assert book.util.eval_seq2seq(Adds(), question, correct, SIGNS) == 0
    assert capsys.readouterr().out == ""


# plot ------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("name", "sizes"),
    [("Trainer", {"batch_size": 2}), ("RnnlmTrainer", {"batch_size": 2, "time_size": 1})],
)
def test_plot_without_matplotlib_says_how_to_get_it(
    book, recorder, name, sizes, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    trainer = getattr(book.trainer, name)(recorder, book.optimizer.SGD())
    trainer.fit(np.arange(4), np.arange(4), max_epoch=1, **sizes)
    assert len(lines_of(capsys)) == 1
    assert trainer.plot() is None
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "pip install" in printed.err
