"""The weights of a model: their first values, and their loan to the engine.

The kernel works on rows padded to cache lines. A `Loan` replaces the tables of a model by views of
padded ones during a training, and by contiguous ones after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fastw2v._core import threads
from fastw2v.keyed_vectors.compressed import check_expanded
from fastw2v.keyed_vectors.locking import factors_of
from fastw2v.word2vec import engine
from fastw2v.word2vec.consistency import as_counts, check_model

if TYPE_CHECKING:
    from fastw2v.word2vec.model import Word2Vec
    from fastw2v.word2vec.settings import Settings

# The length in words from which a text shares negatives by default: with 326,200 words CBOW's loss
# on held-out sentences became 0.4 % worse and skip-gram's SimLex-999 lower, with 811,700 neither
# did (bench/QUALITY.md). And the number of its different words: with 300, CBOW recovered 0.61 of a
# planted structure instead of 0.75, with 3,000 as much, with 30,000 more. Skip-gram needs words
# that occur often enough, too: with 20 uses of each word it recovered 0.452 instead of 0.468.
_SHARING = 500_000
_SHARING_VOCABULARY = 2_000
_SHARING_USES = 25


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


_W = TypeVar("_W", bound=engine.Weights)


class Loan:
    """The weights of a model, lent to a training: `with Loan(model) as weights`.

    Inside the `with`, the tables of the model are views of the padded ones, which are up to date
    after `weights.merge_stripes()`. After it they are arrays of their own again.

    Raises ValueError or TypeError, with the model unchanged, if `check_model` does.
    """

    def __init__(self, model: Word2Vec) -> None:
        self.model = model

    def __enter__(self) -> engine.Weights:
        model, D = self.model, self.model.vector_size
        self.weights = weights = model._weights()
        self.wv = model.wv
        # (owner, attribute, whole padded table, its address, view that the owner gets, its shape)
        self.lent: list[tuple[Any, str, np.ndarray, int, np.ndarray, tuple[int, ...]]] = []
        tables = {"syn1neg": weights.outputs, "syn1": weights.nodes}
        self.absent = [name for name in tables if vars(model)[name] is None]
        owned: list[tuple[Any, str, np.ndarray]] = []
        if weights.subwords is None:
            owned = [(self.wv, "vectors", weights.inputs)]
        owned += [(model, name, t) for name, t in tables.items() if name not in self.absent]
        for owner, name, table in owned:
            view = table[:, :D]
            setattr(owner, name, view)
            self.lent.append((owner, name, table, table.ctypes.data, view, view.shape))
        return weights

    def check(self) -> None:
        """Check, after a callback, that the model still has the tables that are trained.

        Raises RuntimeError that names the one that was replaced; later epochs would train the old
        one, which the model no longer shows.
        """
        replaced = [] if self.model.wv is self.wv else ["wv"]
        replaced += [name for name in self.absent if vars(self.model).get(name) is not None]
        replaced += [
            name
            for owner, name, table, address, view, shape in self.lent
            if vars(owner).get(name) is not view
            or table.ctypes.data != address
            or view.shape != shape
        ]
        if replaced:
            raise RuntimeError(
                f"train: expected the tables of the model to stay during a training, got another "
                f"{replaced[0]}; write into the arrays (wv.vectors[...] = ...), or end the "
                "training first by returning True from the callback"
            )

    def check_finite(self) -> None:
        """Check the tables that were lent, after the training.

        The losses that a training looks at are those of a sample of its pairs, which a short text
        may leave out.

        Raises FloatingPointError if training diverged.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            sums = {name: getattr(owner, name).sum() for owner, name, *_ in self.lent}
        for name, total in sums.items():
            if not np.isfinite(total):
                raise FloatingPointError(
                    f"{name}: not all numbers are finite: training diverged; train a new model "
                    "with a smaller alpha"
                )

    def __exit__(self, *exception: object) -> None:
        self.weights.merge_stripes()
        for owner, name, table, address, view, _ in self.lent:
            if vars(owner).get(name) is view:
                there = table.ctypes.data == address  # a callback may have resized it
                setattr(owner, name, np.ascontiguousarray(view) if there else table)


def padded_weights(
    model: Word2Vec, inputs: np.ndarray | None = None, kind: type[_W] = engine.Weights
) -> _W:
    """Return the tables of a model with padded rows, and its settings, as the engine needs them.

    inputs: padded rows (V, ld) to train instead of those of `wv.vectors`. kind: the class of the
    result.
    """
    check_model(model)
    counts = as_counts(model)
    weights = kind(engine.padded(model.wv.vectors) if inputs is None else inputs)
    if model.syn1neg is not None:
        weights.outputs = engine.padded(model.syn1neg)
        weights.alias = engine.alias_table(counts, model.ns_exponent)
    if model.syn1 is not None:
        weights.nodes = engine.padded(model.syn1)
        weights.ways = tree_of(model, counts)
    weights.keep = engine.keep_thresholds(counts, model.sample)[1]
    weights.near = engine.near_shares(counts, model.sample)
    weights.window, weights.negative = model.window, model.negative
    weights.mode = kernel_mode(model)
    factors = factors_of(model.wv, len(model.wv))
    weights.locked = np.empty(0, np.float32) if factors is None else factors
    if model.deterministic:
        sizes = model.window, model.negative, weights.mode
        weights.batch = engine.batch_size(counts, model.sample, *sizes)
    return weights


def tree_of(model: Word2Vec, counts: np.ndarray) -> engine.HuffmanWays:
    """Return the tree that a model was loaded with, or else that of its counts."""
    tree = model._tree
    if tree is not None and len(tree.begins) == len(counts) + 1:
        return tree
    return model._tree_of_counts(counts)


def kernel_mode(model: Word2Vec) -> int:
    """Return the settings of a model that the kernel takes as the bits of one number."""
    mode = engine.SHRINK if model.shrink_windows else 0
    shared = model.shared_negatives
    if shared is None:
        length, V = model.corpus_total_words, len(model.wv)
        length = as_counts(model).sum() if length is None else length
        shared = length >= _SHARING and V >= _SHARING_VOCABULARY
        if model.sg:
            shared = shared and length >= _SHARING_USES * V and not model._more_settings
    if model.sg:
        return mode | engine.SKIP_GRAM | (0 if shared else engine.FRESH_NEGATIVES)
    mode |= engine.MEAN if model.cbow_mean else 0
    mode |= engine.SHARED_NEGATIVES if shared else 0
    # The exact gradient of a mean is divided among the contexts, while word2vec.c and gensim give
    # each of them all of it. The exact gradient of a sum is not divided, while gensim's is.
    share = bool(model.cbow_mean) == (model.cbow_grad == "exact")
    return mode | (engine.EXACT_GRADIENT if share else 0)


def block_size(model: Word2Vec, n: int, reach: int) -> int:
    """Return the number of positions in a block of a corpus of n positions.

    reach: the most contexts on one side of a word.
    """
    if not model.deterministic:
        return min(engine.block_size(n, reach, model.negative), model._most_block)
    return engine.planned_block_size(n, model.window)


def claim_threads(model: Settings) -> int:
    """Return the number of threads of a training, and note that they will be used."""
    n: int = threads.claim(model.workers or threads.get_num_threads())
    return n
