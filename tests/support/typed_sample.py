"""A user's own file, which tests/package/test_typing.py checks with mypy --strict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import fastw2v
from fastw2v.attention_layer import TimeAttention
from fastw2v.base_model import BaseModel, load_book_pickle
from fastw2v.candidate_sampling import LogUniformSampler, NCELoss
from fastw2v.datasets import build_corpus, read_pairs, tokenize
from fastw2v.functions import softmax
from fastw2v.init import glorot_uniform
from fastw2v.keras import count_params, from_keras
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.layers import Affine, Embedding, SoftmaxWithLoss
from fastw2v.models import (
    CBOW,
    AttentionDecoder,
    AttentionSeq2seq,
    BetterRnnlm,
    CharTranslator,
    SkipGram,
)
from fastw2v.negative_sampling_layer import NegativeSamplingLoss, UnigramSampler
from fastw2v.optimizer import SGD, Adam
from fastw2v.text_model import TextModel
from fastw2v.time_layers import TimeEmbedding, TimeLSTM, TimeSoftmaxWithLoss
from fastw2v.trainer import RnnlmTrainer, Trainer
from fastw2v.util import clip_grads, create_contexts_target, most_similar, preprocess

Floats: TypeAlias = NDArray[np.floating[Any]]
Ids: TypeAlias = NDArray[np.integer[Any]]


if TYPE_CHECKING:
    from typing_extensions import assert_type


class Mine(BaseModel):
    """A model of the user's own, of our layers."""

    def __init__(self, V: int, H: int) -> None:
        W = glorot_uniform((V, H), rng=np.random.default_rng(0))
        self.layers: list[Any] = [Embedding(W), Affine(np.ones((H, V)), np.zeros(V))]
        self.loss_layer = SoftmaxWithLoss()
        self.params, self.grads = [], []
        for layer in self.layers:
            self.params += layer.params
            self.grads += layer.grads

    def forward(self, x: NDArray[np.int64], t: NDArray[np.int64]) -> float:
        for layer in self.layers:
            x = layer.forward(x)
        return float(self.loss_layer.forward(x, t))

    def backward(self, dout: float = 1) -> None:
        dx = self.loss_layer.backward(dout)
        for layer in reversed(self.layers):
            dx = layer.backward(dx)


def train(text: str) -> NDArray[np.float32]:
    corpus, word_to_id, id_to_word = preprocess(text)
    contexts, target = create_contexts_target(corpus, window_size=2)
    model = CBOW(len(word_to_id), 16, 2, corpus, sample_size=3, rng=np.random.default_rng(1))
    trainer = Trainer(model, Adam(lr=0.01))
    trainer.fit(contexts, target, max_epoch=1, batch_size=50, max_grad=5.0)
    most_similar("you", word_to_id, id_to_word, model.word_vecs, top=3)
    vectors: NDArray[np.float32] = model.word_vecs
    return vectors


def others(corpus: NDArray[np.int32], path: str) -> None:
    SkipGram(7, 4, 1, corpus).forward(np.array([[1, 2]]), [3])
    RnnlmTrainer(BetterRnnlm(10, 8, 8, 0.5), SGD(0.1)).fit(corpus[:-1], corpus[1:], 1, 2, 3)
    Mine(3, 4).save_params("mine.npz")
    AttentionSeq2seq(10, 8, 8, reverse=True).generate(corpus[None], 0, 5)
    CharTranslator(["a"], ["b"], 8).translate(["a"])
    loss = NegativeSamplingLoss(np.ones((7, 4)), UnigramSampler(corpus, 0.75, 2))
    print(loss.forward(np.ones((1, 4)), [0]), softmax([1.0, 2.0]))
    NCELoss(np.ones((7, 4)), np.zeros(7), sampler=LogUniformSampler(7, 2))
    TimeLSTM(np.ones((4, 8)), np.ones((2, 8)), np.zeros(8), stateful=True, dtype=np.float64)
    TimeEmbedding(np.ones((7, 4))).forward([[1, 2]])
    TimeSoftmaxWithLoss().forward(np.ones((1, 1, 2)), [[0]])
    TimeAttention().forward(np.ones((1, 2, 3)), np.ones((1, 2, 3)))
    clip_grads([np.ones(3)], 0.25)
    from_keras("Dense", [np.ones((2, 3)), np.ones(3)])
    print(count_params(Mine(3, 4)), load_book_pickle(path))
    words: list[str] = KeyedVectors.load(path).index_to_key
    pairs: list[tuple[str, str]] = read_pairs(path)
    print(words, pairs, build_corpus(tokenize("a b")).counts, TextModel.load(path).words)
    fastw2v.set_num_threads(2)
    threads: int = fastw2v.get_num_threads()
    print(threads, fastw2v.build_info()["isa"], fastw2v.layers.MatMul(np.eye(2)).params)


# `mypy --strict` refuses to return an Any from these functions, so each shows that a method has a
# type of its own.


def rows(layer: Embedding, ids: list[int]) -> Floats:
    return layer.forward(ids)


def hidden(layer: Affine, x: Floats) -> Floats:
    return layer.forward(x)


def hidden_gradient(layer: Affine, dout: Floats) -> Floats:
    return layer.backward(dout)


def scores_gradient(layer: SoftmaxWithLoss) -> Floats:
    return layer.backward()


def word_loss(model: CBOW, contexts: Ids, target: Ids) -> np.floating[Any]:
    return model.forward(contexts, target)


def word_vectors(model: SkipGram) -> NDArray[np.float32]:
    return model.word_vecs


def sampled_loss(layer: NegativeSamplingLoss, h: Floats, target: Ids) -> np.floating[Any]:
    return layer.forward(h, target)


def negatives(sampler: UnigramSampler, target: Ids) -> NDArray[np.int32]:
    return sampler.get_negative_sample(target)


def nce_loss(layer: NCELoss, x: Floats, labels: Ids) -> float:
    return layer.forward(x, labels)


def text_loss(model: BetterRnnlm, xs: Ids, ts: Ids) -> np.floating[Any]:
    return model.forward(xs, ts, train_flg=False)


def text_scores(model: BetterRnnlm, xs: Ids) -> Floats:
    return model.predict(xs)


def answer(model: AttentionSeq2seq, question: Ids) -> list[int]:
    return model.generate(question, 0, 5)


def attended(model: AttentionSeq2seq) -> AttentionDecoder:
    return model.decoder


def translation(model: CharTranslator) -> str:
    return model.translate("a")


def translations(model: CharTranslator) -> list[str]:
    return model.translate(["a", "b"])


def probabilities(scores: Floats) -> Floats:
    return softmax(scores)


def initial(shape: tuple[int, int]) -> Floats:
    return glorot_uniform(shape, rng=0)


def neighbours(vectors: KeyedVectors) -> None:
    """`assert_type` fails for Any, which an annotated variable would accept."""
    assert_type(vectors.most_similar("a"), list[tuple[str, float]])
    assert_type(vectors.most_similar(["a", ("b", 0.5)], [np.ones(3)]), list[tuple[str, float]])
    assert_type(vectors.most_similar("a", topn=None), np.ndarray)
    assert_type(vectors.most_similar_many(["a", "b"]), list[list[tuple[str, float]]])
    assert_type(vectors.similar_by_word("a"), list[tuple[str, float]])
    assert_type(vectors.similar_by_vector(np.ones(3), None), np.ndarray)
    assert_type(vectors.most_similar_cosmul(["a"], ["b"]), list[tuple[str, float]])
    assert_type(vectors["a"], np.ndarray)
    assert_type(vectors.vectors, np.ndarray)
    assert_type(vectors.similarity("a", "b"), float)
    assert_type(vectors.doesnt_match(["a", "b"]), str)
    assert_type(vectors.get_index("a"), int)
    assert_type(vectors.get_vecattr("a", "count"), int | float | str)
