"""Vocabularies with an unknown word, skip-gram batches, and training on given batches."""

import numpy as np
import pytest
from conftest import assert_same_bits

from fastw2v.datasets import build_vocab, skip_gram_batches
from fastw2v.layers import Affine, Embedding, SoftmaxWithLoss
from fastw2v.optimizer import SGD
from fastw2v.trainer import Trainer

WORDS = "b a c a b d e a c f".split()


def test_rare_words_are_replaced_by_the_unknown_word():
    ids, counts, word_to_id, id_to_word = build_vocab(WORDS, max_size=4)
    assert id_to_word == {0: "UNK", 1: "a", 2: "b", 3: "c"}  # b and c in the order of appearance
    assert word_to_id == {word: i for i, word in id_to_word.items()}
    assert ids.tolist() == [2, 1, 3, 1, 2, 0, 0, 1, 3, 0] and ids.dtype == np.int32
    assert counts.tolist() == [3, 3, 2, 2] and counts.sum() == len(WORDS)


@pytest.mark.parametrize("max_size", [None, 7, 100])
def test_all_words_fit(max_size):
    vocabulary = build_vocab(WORDS, max_size)
    assert vocabulary.counts.tolist() == [0, 3, 2, 2, 1, 1, 1]
    assert [vocabulary.id_to_word[i] for i in vocabulary.ids.tolist()] == WORDS


def test_the_unknown_word_may_occur_in_the_text():
    words = "<unk> a <unk> b <unk> a c".split()
    ids, counts, word_to_id, id_to_word = build_vocab(words, max_size=3, unk="<unk>")
    assert ids.tolist() == [0, 1, 0, 2, 0, 1, 0]
    assert counts.tolist() == [4, 2, 1] and id_to_word[0] == "<unk>" and len(word_to_id) == 3


def test_each_centre_has_num_skips_different_labels():
    ids = np.arange(100, 140)
    batches = skip_gram_batches(ids, batch_size=12, num_skips=3, skip_window=2)
    seen = set()
    expected_centre = 102
    for _ in range(60):
        centres, labels = next(batches)
        assert centres.shape == (12,) and labels.shape == (12, 1)
        for centre, words in zip(
            centres.reshape(4, 3).tolist(), labels.reshape(4, 3).tolist(), strict=True
        ):
            assert centre == [expected_centre] * 3
            assert len(set(words)) == 3
            assert all(1 <= abs(word - expected_centre) <= 2 for word in words)
            seen |= {word - expected_centre for word in words}
            expected_centre = expected_centre + 1 if expected_centre < 137 else 102
    assert seen == {-2, -1, 1, 2}


def test_context_words_are_equally_likely(rng):
    batches = skip_gram_batches(np.arange(5000), 4000, 2, 3, rng=rng)
    n, counts = 0, np.zeros(7)
    for _ in range(3):
        centres, labels = next(batches)
        counts += np.bincount((labels[:, 0] - centres) + 3, minlength=7)
        n += len(centres)
    p = 1 / 6
    assert counts[3] == 0
    assert (np.abs(np.delete(counts, 3) - n * p) < 5 * np.sqrt(n * p * (1 - p))).all()


def test_batches_depend_on_the_seed_alone():
    def first_labels():
        np.random.seed(3)
        return next(skip_gram_batches(np.arange(50), 16, 2, 4))[1]

    assert_same_bits(first_labels(), first_labels())
    state = np.random.get_state()[1].copy()
    next(skip_gram_batches(np.arange(50), 16, 2, 4, rng=np.random.default_rng(0)))
    assert_same_bits(np.random.get_state()[1], state)


CASES = [
    (lambda: build_vocab([]), ValueError, "tokens: expected words, got none"),
    (lambda: build_vocab("a b"), TypeError, "tokens: expected words, got one str"),
    (lambda: build_vocab(WORDS, 1), ValueError, "max_size: expected at least 2, got 1"),
    (lambda: build_vocab(WORDS, 4, unk=0), TypeError, "unk: expected str, got int"),
    (lambda: skip_gram_batches(WORDS, 8, 2, 1), TypeError, "ids: expected integer ids"),
    (lambda: skip_gram_batches([[1, 2]], 8, 2, 1), ValueError, "ids: expected 1 axis"),
    (lambda: skip_gram_batches(range(9), 7, 2, 1), ValueError, "batch_size: expected a multiple"),
    (lambda: skip_gram_batches(range(9), 9, 3, 1), ValueError, "num_skips: expected at most 2 .*2"),
    (lambda: skip_gram_batches(range(2), 8, 2, 1), ValueError, "ids: expected more than .* got 2"),
    (lambda: skip_gram_batches(range(9), 0, 2, 1), ValueError, "batch_size: expected at least 1"),
    (lambda: skip_gram_batches(range(9), 8, 2, 1, rng=1), TypeError, "rng: expected None"),
]


@pytest.mark.parametrize(("call", "error", "words"), CASES)
def test_bad_input_is_named_at_the_call(call, error, words):
    with pytest.raises(error, match=words):
        call()


# Trainer.fit_batches ----------------------------------------------------------------------------


class Net:
    def __init__(self):
        self.embed = Embedding(np.random.randn(30, 4).astype("f"))
        self.affine = Affine(np.random.randn(4, 30).astype("f"), np.zeros(30, "f"))
        self.loss = SoftmaxWithLoss()
        self.params = self.embed.params + self.affine.params
        self.grads = self.embed.grads + self.affine.grads
        self.losses = []

    def forward(self, x, t):
        loss = self.loss.forward(self.affine.forward(self.embed.forward(x)), t.ravel())
        self.losses.append(float(loss))
        return loss

    def backward(self, dout=1):
        self.embed.backward(self.affine.backward(self.loss.backward(dout)))


def test_fit_batches_takes_the_requested_steps_and_continues_later(capsys):
    batches = skip_gram_batches(np.arange(200) % 30, 8, 2, 1)
    trainer = Trainer(Net(), SGD(0.5))
    averages = [trainer.fit_batches(batches, 40, eval_interval=15) for _ in range(3)]
    losses = trainer.model.losses
    assert len(losses) == 120
    assert averages == pytest.approx([np.mean(losses[k : k + 40]) for k in (0, 40, 80)])
    assert averages[2] < averages[0]
    heads = [line.split("| time")[0] for line in capsys.readouterr().out.splitlines()]
    assert heads[:4] == [
        "| epoch 1 |  iter 1 / 40 ",
        "| epoch 1 |  iter 16 / 40 ",
        "| epoch 1 |  iter 31 / 40 ",
        "| epoch 2 |  iter 1 / 40 ",
    ]
    assert len(trainer.loss_list) == 9 and trainer.current_epoch == 3
    assert trainer.loss_list[1] == pytest.approx(np.mean(losses[1:16]))


def test_fit_batches_ends_with_the_batches_and_takes_no_extra_one():
    source = iter([(np.array([k, k + 1]), np.array([k + 1, k])) for k in range(5)])
    trainer = Trainer(Net(), SGD(0.1))
    trainer.fit_batches(source, 2, eval_interval=None)
    assert next(source)[0].tolist() == [2, 3]
    trainer.fit_batches(source, 10, eval_interval=None)
    assert len(trainer.model.losses) == 4
    assert np.isnan(trainer.fit_batches(source, 10, eval_interval=None))


def test_fit_batches_is_fit_without_the_order():
    x = np.arange(24).reshape(6, 4) % 30
    t = x[::-1].copy()
    np.random.seed(0)
    first, second = Trainer(Net(), SGD(0.3)), Trainer(Net(), SGD(0.3))
    for mine, other in zip(first.model.params, second.model.params, strict=True):
        mine[...] = other
    for batch in zip(x, t, strict=True):
        first.fit(*batch, 1, 4, 0.5, None)
    order = np.random.get_state()[1].copy()
    second.fit_batches(zip(x, t, strict=True), 6, 0.5, None)
    assert_same_bits(np.random.get_state()[1], order)  # fit_batches draws no random number
    # The order within a batch differs, and so does the rounding of sums.
    for mine, other in zip(first.model.params, second.model.params, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda t: t.fit_batches(3, 1), TypeError, "batches: expected batches .x, t., got int"),
        (lambda t: t.fit_batches([], -1), ValueError, "steps: expected at least 0, got -1"),
        (lambda t: t.fit_batches([], 1, eval_interval=0), ValueError, "eval_interval: expected at"),
        (lambda t: t.fit_batches([], 1, max_grad="a"), TypeError, "max_grad: expected a number"),
    ],
)
def test_bad_input_of_fit_batches(call, error, words):
    with pytest.raises(error, match=words):
        call(Trainer(Net(), SGD()))
