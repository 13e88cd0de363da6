"""Questions to a trained model that need its output weights.

`Word2Vec` has a method for each function; its docstring states the contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v._checks.numbers import as_int, as_whole
from fastw2v.word2vec import engine
from fastw2v.word2vec.consistency import check_model
from fastw2v.word2vec.corpus import EncodedCorpus, widest_reach
from fastw2v.word2vec.weights import claim_threads, padded_weights

if TYPE_CHECKING:
    from fastw2v.word2vec.model import Word2Vec


_SLICE = 1 << 20  # positions of usual work between two checks for Ctrl-C


def held_out_loss(model: Word2Vec, corpus: EncodedCorpus, seed: int) -> float:
    """See `Word2Vec.held_out_loss`."""
    sums, ids = engine.Sums(), corpus.ids
    if len(ids):
        weights = padded_weights(model)
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
    check_model(model, compressed=True)
    if model.syn1neg is None:
        raise RuntimeError(
            "predict_output_word: needs a model with negative sampling; train with negative=5"
        )
    wv, table = model.wv, model.wv.vectors
    rows = [wv.get_index(word) for word in context_words_list if word in wv]
    if not rows:
        return None
    hidden = table[rows].sum(axis=0, dtype=np.float64)
    if model.cbow_mean:
        hidden /= len(rows)
    scores = model.syn1neg.astype(np.float64) @ hidden
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    best = np.argsort(-shares, kind="stable")[: as_int("topn", topn)]
    return [(wv.index_to_key[row], float(shares[row])) for row in best]
