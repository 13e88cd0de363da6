"""The weights of a model: their first values, their checks, and their loan to the engine.

The kernel works on rows padded to cache lines. `lend_weights` replaces the tables of a model by
views of padded ones during a training, and by contiguous ones after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from fastw2v._checks.numbers import as_int, as_whole
from fastw2v._core import threads
from fastw2v.keyed_vectors.compressed import check_expanded
from fastw2v.word2vec import engine

if TYPE_CHECKING:
    from fastw2v.word2vec.model import Word2Vec

# The length in words from which a text shares negatives by default: with 326,200 words CBOW's loss
# on held-out sentences became 0.4 % worse and skip-gram's SimLex-999 lower, with 811,700 neither
# did (bench/QUALITY.md).
_SHARING = 500_000


def first_vectors(seed: int, old: np.ndarray, V: int, D: int) -> np.ndarray:
    """Return a table (V, D): the old rows, then uniform draws from -1 / D to 1 / D."""
    n_old = len(old)
    if n_old:
        check_expanded("wv.vectors", old)
    vectors = np.empty((V, D), np.float32)
    if n_old:
        vectors[:n_old] = old
    drawn = vectors[n_old:]
    np.random.default_rng([seed, n_old]).random(out=drawn, dtype=np.float32)
    drawn *= 2
    drawn -= 1
    drawn /= np.float32(D)
    return vectors


def first_outputs(old: np.ndarray | None, V: int, D: int) -> np.ndarray:
    """Return a table (V, D): the old rows, if any, then zeros."""
    outputs = np.zeros((V, D), np.float32)
    if old is not None:
        outputs[: len(old)] = old
    return outputs


def check_tables(model: Word2Vec) -> None:
    """Check the tables and settings of a model, which its user may have replaced.

    The kernel follows pointers, so every size has to be the one that `build_vocab` chose.
    """
    V = len(model.wv)
    check_expanded("wv.vectors", model.wv.vectors)
    rows = {
        "wv.vectors": (model.wv.vectors, V),
        "syn1neg": (model.syn1neg, V if model.negative else None),
        "syn1": (model.syn1, max(V - 1, 0) if model.hs else None),
    }
    for name, (table, n) in rows.items():
        found = None if table is None else table.shape
        expected = None if n is None else (n, model.vector_size)
        if found != expected:
            raise ValueError(
                f"{name}: expected shape {expected}, got {found}; add words with "
                "build_vocab(sentences, update=True), and choose hs and negative before "
                "build_vocab"
            )
    counts = model.wv.expandos.get("count")
    if counts is None or np.shape(counts) != (V,):
        got = "none" if counts is None else f"shape {np.shape(counts)}"
        raise ValueError(
            f"wv: expected a count for each of its {V} words, got {got}; add words with "
            "build_vocab(sentences, update=True)"
        )
    as_int("window", model.window)
    as_whole("negative", model.negative)


@contextmanager
def lend_weights(model: Word2Vec) -> Iterator[engine.Weights]:
    """Lend the weights of a model to a training: `with lend_weights(model) as weights`.

    Inside the `with`, the tables of the model are views of the padded ones, which are up to date
    after `weights.merge_stripes()`.

    Raises ValueError, with the model unchanged, if `check_tables` does.
    """
    weights = padded_weights(model)
    D = model.vector_size
    model.wv.vectors = weights.inputs[:, :D]
    if model.syn1neg is not None:
        model.syn1neg = weights.outputs[:, :D]
    if model.syn1 is not None:
        model.syn1 = weights.nodes[:, :D]
    try:
        yield weights
    finally:
        weights.merge_stripes()
        model.wv.vectors = np.ascontiguousarray(model.wv.vectors)
        if model.syn1neg is not None:
            model.syn1neg = np.ascontiguousarray(model.syn1neg)
        if model.syn1 is not None:
            model.syn1 = np.ascontiguousarray(model.syn1)


def padded_weights(model: Word2Vec) -> engine.Weights:
    """Return the tables of a model with padded rows, and its settings, as the engine needs them."""
    check_tables(model)
    counts = model.wv.expandos["count"]
    weights = engine.Weights(engine.padded(model.wv.vectors))
    if model.syn1neg is not None:
        weights.outputs = engine.padded(model.syn1neg)
        weights.alias = engine.alias_table(counts, model.ns_exponent)
    if model.syn1 is not None:
        weights.nodes = engine.padded(model.syn1)
        weights.ways = engine.huffman(counts)
    weights.keep = engine.keep_thresholds(counts, model.sample)[1]
    weights.near = engine.near_shares(counts, model.sample)
    weights.window, weights.negative = model.window, model.negative
    weights.mode = kernel_mode(model)
    if model.deterministic:
        weights.batch = engine.batch_size(counts, model.sample, model.window, model.negative)
    return weights


def kernel_mode(model: Word2Vec) -> int:
    """Return the settings of a model that the kernel takes as the bits of one number."""
    mode = engine.SHRINK if model.shrink_windows else 0
    shared = model.shared_negatives
    if shared is None:
        shared = model.corpus_total_words >= _SHARING
    if model.sg:
        return mode | engine.SKIP_GRAM | (0 if shared else engine.FRESH_NEGATIVES)
    mode |= engine.MEAN if model.cbow_mean else 0
    mode |= engine.SHARED_NEGATIVES if shared else 0
    # The exact gradient of a mean is divided among the contexts, while word2vec.c and gensim give
    # each of them all of it. The exact gradient of a sum is not divided, while gensim's is.
    share = bool(model.cbow_mean) == (model.cbow_grad == "exact")
    return mode | (engine.EXACT_GRADIENT if share else 0)


def block_size(model: Word2Vec, n: int) -> int:
    """Return the number of positions in a block of a corpus of n positions."""
    if not model.deterministic:
        return engine.block_size(n)
    return engine.planned_block_size(n, model.window)


def claim_threads(model: Word2Vec) -> int:
    """Return the number of threads of a training, and note that they will be used."""
    n: int = threads.claim(model.workers or threads.get_num_threads())
    return n
