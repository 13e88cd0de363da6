"""Errors for wrong types, dtypes and shapes name the argument, what was expected, got and cure."""

import numpy as np
import pytest

from fastw2v import RowGrad, init, util
from fastw2v.datasets import build_corpus, subsample, tokenize
from fastw2v.layers import (
    Dropout,
    Embedding,
    MatMul,
    Sigmoid,
    SigmoidWithLoss,
    Softmax,
    SoftmaxWithLoss,
)
from fastw2v.models import CBOW, SkipGram
from fastw2v.negative_sampling_layer import EmbeddingDot, NegativeSamplingLoss, UnigramSampler
from fastw2v.optimizer import SGD
from fastw2v.trainer import RnnlmTrainer, Trainer

CORPUS = [0, 1, 2, 3, 4, 5, 1, 0, 3, 4, 5, 0, 6]
W = np.ones((7, 4), np.float32)
WORDS = {"a": 0, "b": 5}, {0: "a", 1: "b"}, np.ones((2, 3))
FROZEN = np.ones(3)
FROZEN.flags.writeable = False


def after(layer, *inputs):
    layer.forward(*inputs)
    return layer


def cbow():
    return after(CBOW(7, 4, 1, CORPUS), [[1, 2]], [3])


def sampler(**attributes):
    made = UnigramSampler(CORPUS, 0.75, 2)
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def dropout(ratio):
    layer = Dropout()
    layer.dropout_ratio = ratio
    return layer


def readers(x):
    trainer = RnnlmTrainer(None, None)
    trainer.time_idx = 0
    return trainer.get_batch(x, x, 1, 1)


LOSS = lambda: after(NegativeSamplingLoss(W, CORPUS), np.ones((2, 4)), [0, 1])  # noqa: E731
NUMBER = "expected a number, got"
REAL = "expected real numbers, got dtype"
RAGGED = "expected an array, or lists of equal length, got list"
FITS = "that broadcasts with it, got"

CASES = {
    TypeError: [
        (lambda: UnigramSampler(CORPUS, "a", 2), f"power: {NUMBER} 'a'; pass a float"),
        (lambda: NegativeSamplingLoss(W, CORPUS, None), f"power: {NUMBER} None"),
        (lambda: sampler(word_p="abc"), f"word_p: {REAL} <U3"),
        (lambda: LOSS().backward("a"), f"dout: {NUMBER} 'a'"),
        (lambda: LOSS().backward(None), f"dout: {NUMBER} None"),
        (lambda: cbow().backward(None), f"dout: {NUMBER} None"),
        (lambda: after(SkipGram(7, 4, 1, CORPUS), [[1, 2]], [3]).backward(True), f"dout: {NUMBER}"),
        (lambda: after(EmbeddingDot(W), W, range(7)).backward(None), f"dout: {REAL} object"),
        (lambda: after(MatMul(W), np.ones((1, 7))).backward("a"), f"dout: {REAL} <U1"),
        (lambda: Dropout("a"), f"dropout_ratio: {NUMBER} 'a'"),
        (lambda: dropout("a").forward(np.ones(2)), f"dropout_ratio: {NUMBER} 'a'"),
        (lambda: dropout(None).forward(np.ones(2), False), f"dropout_ratio: {NUMBER} None"),
        (lambda: util.ppmi(np.ones((2, 2)), eps="a"), f"eps: {NUMBER} 'a'"),
        (lambda: util.cos_similarity(None, np.ones(2)), f"x: {REAL} object"),
        (lambda: util.most_similar("a", *WORDS, top="x"), "top: expected a whole number, got 'x'"),
        (lambda: util.analogy("a", "a", "a", *WORDS, top=1.5), "top: expected a whole number"),
        (lambda: util.normalize([1.0, 2.0]), "x: expected a numpy array to divide in place, got l"),
        (lambda: util.clip_grads(None, 1), "grads: expected a list of arrays, got NoneType"),
        (
            lambda: Trainer(None, SGD()).fit([1], [1]),
            "model: expected an object with forward and b",
        ),
        (
            lambda: Trainer(cbow(), None).fit([1], [1]),
            "optimizer: expected an object with update, ",
        ),
        (
            lambda: RnnlmTrainer(None, None).fit([1], [1]),
            "model: expected an object with forward a",
        ),
        (lambda: Trainer(cbow(), SGD()).fit([1], [1], max_grad="a"), f"max_grad: {NUMBER} 'a'"),
        (
            lambda: RnnlmTrainer(None, None).get_batch([1], [1], 1, 1),
            "time_idx: expected a whole n",
        ),
        (lambda: RowGrad(None), "W: expected a numpy array .V, D., got NoneType"),
        (lambda: RowGrad([[1.0]]), "W: expected a numpy array .V, D., got list"),
        (lambda: RowGrad(np.ones((2, 2), int)), "W: expected float32 or float64, got dtype int"),
        (lambda: init.uniform(None), "shape: expected lengths, got NoneType; pass e.g. .V, D."),
        (lambda: tokenize(3), "text: expected a str, or pieces of text, got int"),
        (lambda: build_corpus(3), "tokens: expected words, got int"),
        (lambda: subsample([0.5], [1], 0.1), "corpus: expected integer ids, got dtype float64"),
    ],
    ValueError: [
        (lambda: UnigramSampler(CORPUS, np.nan, 2), "power: expected one that keeps count"),
        (
            lambda: UnigramSampler(CORPUS, 1e9, 2),
            "power: expected one that keeps count .* got 1000",
        ),
        (lambda: sampler(word_p=[[1], [1, 2]]), f"word_p: {RAGGED}"),
        (lambda: Embedding(W).forward([[1], [1, 2]]), f"idx: {RAGGED}"),
        (lambda: after(Embedding(W), [1]).backward([[1], [1, 2]]), f"dout: {RAGGED}"),
        (
            lambda: after(Sigmoid(), np.ones(3)).backward(np.ones(2)),
            rf"dout: .*\(3,\).*{FITS} \(2,",
        ),
        (lambda: after(Softmax(), W).backward(W.T), rf"dout: .*\(7, 4\).*{FITS} \(4, 7\)"),
        (lambda: after(Dropout(), W).backward(W.T), rf"dout: .*\(7, 4\).*{FITS} \(4, 7\)"),
        (
            lambda: after(SigmoidWithLoss(), np.ones(2), [0, 1]).backward(np.ones(5)),
            rf"dout.*{FITS}",
        ),
        (
            lambda: after(SoftmaxWithLoss(), W.T, [0] * 4).backward(W),
            r"dout: expected shape \(4, 7",
        ),
        (
            lambda: util.cos_similarity(np.ones(3), np.ones(2)),
            r"y: expected shape \(3,\) \(that of x",
        ),
        (lambda: util.normalize(FROZEN), "x: expected a writable array, got a read-only one"),
        (lambda: Trainer(cbow(), SGD()).fit(3, 3), "x: expected an array with a row per sample"),
        (lambda: Trainer(cbow(), SGD()).fit([[1], [1, 2]], [1, 2]), f"x: {RAGGED}"),
        (lambda: readers([]), "x: expected at least one id, got none"),
        (lambda: RowGrad(np.ones(3)), r"W: expected a table of shape \(V, D\), got shape \(3,\)"),
    ],
    IndexError: [
        (lambda: util.most_similar("b", *WORDS), "word_to_id: id 5 is out of range for 2 rows"),
        (
            lambda: util.analogy("a", "b", "a", *WORDS),
            "word_to_id: id 5 at position 1 is out of ra",
        ),
        (
            lambda: subsample([0, 3], [1, 1], 0.1),
            "corpus: id 3 at position 1 is out of range for 2",
        ),
    ],
}


@pytest.mark.parametrize(
    ("error", "call", "words"), [(e, call, words) for e in CASES for call, words in CASES[e]]
)
def test_the_argument_is_named(error, call, words, capsys):
    with pytest.raises(error, match=words):
        call()
    assert capsys.readouterr().out == ""


def test_arrays_that_broadcast_are_taken():
    row = np.ones((1, 4), np.float32)
    assert after(Sigmoid(), W).backward(row).shape == (7, 4)
    assert after(Dropout(), W).backward(2).shape == (7, 4)
    assert after(Softmax(), W).backward(row).shape == (7, 4)
    assert after(SigmoidWithLoss(), np.ones(3), [0, 1, 1]).backward(np.ones((2, 3))).shape == (2, 3)
