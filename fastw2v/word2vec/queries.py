"""Questions to a trained model that need its output weights.

`Word2Vec` has a method for each function; its docstring states the contract.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v._checks.errors import NotTrained, NoVocabulary
from fastw2v._checks.numbers import as_int, as_whole
from fastw2v.word2vec import engine
from fastw2v.word2vec.consistency import as_counts, check_model
from fastw2v.word2vec.corpus import EncodedCorpus, Sentences, widest_reach
from fastw2v.word2vec.texts import as_sentences, as_words
from fastw2v.word2vec.weights import claim_threads, tree_of

if TYPE_CHECKING:
    from fastw2v.word2vec.model import Word2Vec


_log = logging.getLogger(__name__)

_SLICE = 1 << 20  # positions of usual work between two checks for Ctrl-C


def held_out_loss(model: Word2Vec, corpus: EncodedCorpus, seed: int) -> float:
    """See `Word2Vec.held_out_loss`."""
    sums, ids = engine.Sums(), corpus.ids
    if len(ids):
        weights = model._weights()
        weights.keep, weights.batch = np.zeros(0, np.uint32), 0
        key = engine.epoch_key(as_whole("seed", seed), 0, 0)
        n_parts, reach = claim_threads(model), widest_reach(model.window, corpus)
        block = engine.shortened(engine.BLOCK, reach, model.negative)
        n_blocks, at_once = -(-len(ids) // block), _SLICE // engine.BLOCK * n_parts
        for first in range(0, n_blocks, at_once):
            last = min(n_blocks, first + at_once)
            sums.add(weights.train(ids, first, last, block, key, 0.0, 0.0, 1, n_parts))
    if not sums.loss_pairs:
        raise ValueError(
            "sentences: expected two words of the vocabulary in one sentence, got none; pass "
            "a text like the one that the model was trained on"
        )
    return sums.mean_loss


def predict_output_word(
    model: Word2Vec, context_words_list: Sequence[Any], topn: int
) -> list[tuple[Any, float]] | None:
    """See `Word2Vec.predict_output_word`."""
    if model.syn1neg is None or not model.negative:
        raise NotTrained(
            "predict_output_word: expected the output weights syn1neg of negative sampling, got "
            "none; train with negative=5"
        )
    check_model(model, compressed=True)
    wv, table = model.wv, model.wv.vectors
    rows = [wv.get_index(word) for word in context_words_list if word in wv]
    if not rows:
        _log.warning("predict_output_word: none of these words is known: %s", context_words_list)
        return None
    hidden = table[rows].sum(axis=0, dtype=np.float64)
    if model.cbow_mean:
        hidden /= len(rows)
    scores = model.syn1neg.astype(np.float64) @ hidden
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    best = np.argsort(-shares, kind="stable")[: as_int("topn", topn)]
    return [(wv.index_to_key[row], float(shares[row])) for row in best]


def score(model: Word2Vec, sentences: Sentences, total_sentences: int) -> np.ndarray:
    """See `Word2Vec.score`."""
    most = as_whole("total_sentences", total_sentences)
    if not len(model.wv):
        raise NoVocabulary("score: there is no vocabulary yet; call build_vocab and train first")
    if model.syn1 is None or not model.hs:
        raise NotTrained("score: needs a model with hierarchical softmax; train with hs=1")
    check_model(model)
    tree = _Tree(model)
    index, found = model.wv.key_to_index, []
    for number, sentence in enumerate(as_sentences(sentences)):
        if number == most:
            _log.warning("score: only the first %d sentences; raise total_sentences for more", most)
            break
        words = as_words(sentence, number)
        rows = [index[word] for word in words if word in index]
        found.append(tree.score(np.array(rows, np.int64)))
    return np.array(found, np.float32)


class _Tree:
    """The Huffman tree of a model with its weights, and the scores of texts by it."""

    def __init__(self, model: Word2Vec) -> None:
        assert model.syn1 is not None
        ways = tree_of(model, as_counts(model))
        self.points, self.begins = ways.points, ways.begins
        self.signs = 1.0 - 2.0 * ways.codes  # the turn 0 has the probability sigmoid(score)
        self.nodes, self.vectors = model.syn1, model.wv.vectors
        self.window, self.sg, self.mean = model.window, model.sg, model.cbow_mean

    def score(self, rows: np.ndarray) -> float:
        """Return the log probability of a sentence, whose words have these rows."""
        total = 0.0
        for at, target in enumerate(rows.tolist()):
            near = np.delete(
                rows[max(0, at - self.window) : at + self.window + 1], min(at, self.window)
            )
            if not len(near):
                continue
            contexts = self.vectors[near].astype(np.float64)
            if not self.sg:
                contexts = contexts.sum(axis=0, keepdims=True)
                contexts /= len(near) if self.mean else 1
            way = slice(self.begins[target], self.begins[target + 1])
            scores = self.nodes[self.points[way]].astype(np.float64) @ contexts.T
            total -= float(np.logaddexp(0, -self.signs[way][:, None] * scores).sum())
        return total
