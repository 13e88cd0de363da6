"""The steps of `Word2Vec` as functions, for programs that distribute a text over machines.

They count the words of each text, choose a vocabulary, encode the texts, train each shard of ids
from the same weights, and merge the changes of all trainings:

>>> from fastw2v import Word2Vec
>>> texts = [["you", "say", "goodbye"]] * 20, [["i", "say", "hello"]] * 20
>>> model = Word2Vec(vector_size=8, min_count=1, sample=0, workers=1)
>>> model.build_vocab([*texts[0], *texts[1]])
>>> vocabulary = count_words([*texts[0], *texts[1]]).vocabulary()
>>> before = model.wv.vectors.copy(), model.syn1neg.copy()
>>> deltas = []
>>> for shard, text in enumerate(texts):  # on one machine each
...     model.wv.vectors[:], model.syn1neg[:] = before
...     touched = np.zeros(5, np.uint32), np.zeros(5, np.uint32)
...     ids = encode(text, vocabulary=vocabulary).ids
...     _ = train_ids(model, ids, key=shard, touched=touched)
...     deltas.append(weight_delta(model, before, touched))
>>> merge_deltas(model, before, deltas)
>>> [[model.wv.index_to_key[row] for row in delta.touched_inputs.nonzero()[0]] for delta in deltas]
[['say', 'you', 'goodbye'], ['say', 'i', 'hello']]
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastw2v._checks.arrays import check_writable
from fastw2v._checks.numbers import as_int, as_whole
from fastw2v._files import fw2v
from fastw2v.word2vec import engine
from fastw2v.word2vec.changes import merge_tables
from fastw2v.word2vec.consistency import check_model, claimed
from fastw2v.word2vec.corpus import (
    EncodedCorpus,
    Sentences,
    as_encoded_ids,
    as_row_of_ids,
    widest_reach,
)
from fastw2v.word2vec.sentences import count_text
from fastw2v.word2vec.settings import as_rate, as_workers
from fastw2v.word2vec.vocabulary import Vocabulary, WordCounts
from fastw2v.word2vec.weights import Loan, block_size, claim_threads

if TYPE_CHECKING:
    from fastw2v.word2vec.model import Word2Vec

_MOST_AT_ONCE = 1 << 20  # ids that are searched at a time


def count_words(
    sentences: Sentences | None = None,
    corpus_file: Any = None,
    *,
    running_text: bool = False,
    unicode_errors: str = "strict",
    workers: int | None = None,
) -> WordCounts:
    """Count the words of sentences or of text files.

    `+` adds the counts of several texts, and `WordCounts.vocabulary` chooses the words to learn.

    >>> counts = count_words([["you", "say"], ["i", "say"]])
    >>> counts.words, counts.counts.tolist(), counts.n_sentences
    (['you', 'say', 'i'], [1, 2, 1], 2)
    """
    text = count_text(
        *(sentences, corpus_file),
        lines=not running_text,
        unicode_errors=unicode_errors,
        n_parts=as_workers("workers", workers),
        only_count=True,
    )
    return text.counts


def encode(
    sentences: Sentences | None = None,
    corpus_file: Any = None,
    *,
    vocabulary: Vocabulary,
    running_text: bool = False,
    unicode_errors: str = "strict",
    memory_limit: int | None = None,
    workers: int | None = None,
) -> EncodedCorpus:
    """Encode sentences or text files as ids of a vocabulary, with -1 between sentences.

    `Word2Vec.train` and `train_ids` train on the result, if the model has the same words in the
    same order. Words outside the vocabulary are dropped. Beyond memory_limit bytes, the ids go to
    a temporary file that is deleted together with the array.

    >>> sentences = [["you", "say"], ["i", "say"]]
    >>> vocabulary = count_words(sentences).vocabulary()
    >>> encode(sentences, vocabulary=vocabulary).ids
    array([ 1,  0, -1,  2,  0, -1], dtype=int32)
    """
    text = count_text(
        *(sentences, corpus_file),
        lines=not running_text,
        unicode_errors=unicode_errors,
        n_parts=as_workers("workers", workers),
        memory_limit=memory_limit,
    )
    return text.encode(vocabulary.index)


@dataclass
class WeightDelta:
    """The changes that a training made: differences of weights, and the updates of each row.

    inputs (V, D), outputs (V, D) and nodes (V, D) hold differences; touched_inputs (V,) and so
    on count the updates of each row. Tables that the model does not have are None.

    >>> delta = WeightDelta(np.ones((2, 4)), None, np.array([3, 0]), None)
    >>> delta.touched_inputs.nonzero()[0]
    array([0])
    >>> delta.save("shard0.delta")
    >>> WeightDelta.load("shard0.delta").inputs.shape
    (2, 4)
    """

    inputs: np.ndarray
    outputs: np.ndarray | None
    touched_inputs: np.ndarray
    touched_outputs: np.ndarray | None
    nodes: np.ndarray | None = None
    touched_nodes: np.ndarray | None = None

    def save(self, fname: str | os.PathLike[str]) -> None:
        """Write a file for another machine; it appears under its name when it is complete."""
        fw2v.write(fname, "WeightDelta", {}, fw2v.optional(vars(self)))

    @classmethod
    def load(cls, fname: str | os.PathLike[str]) -> WeightDelta:
        """Open a file of `save`. Raises ValueError, naming the damage, if it is damaged."""
        arrays = fw2v.read(fname, "WeightDelta", None).arrays
        pairs = [("inputs", "touched_inputs"), ("outputs", "touched_outputs")]
        pairs.append(("nodes", "touched_nodes"))
        for table, touched in pairs:
            there = (table in arrays, touched in arrays)
            if there == (False, False) and table != "inputs":
                continue
            if (
                there != (True, True)
                or arrays[table].ndim != 2
                or arrays[table].dtype.kind != "f"
                or arrays[table].shape[:1] != arrays[touched].shape
                or arrays[touched].dtype.kind not in "iu"
            ):
                raise ValueError(f"{fname}: {table}: the delta is damaged; get the file again")
            fw2v.check_finite(fname, table, arrays[table])
        return cls(**{name: arrays.get(name) for pair in pairs for name in pair})  # type: ignore


class TrainedIds(NamedTuple):
    """The result of `train_ids`: the mean loss per pair, NaN without a pair, and the position.

    stop is the position behind the last word that was trained on, the `start` of the next call.

    >>> loss, stop = TrainedIds(loss=0.5, stop=3)
    >>> stop
    3
    """

    loss: float
    stop: int


def train_ids(
    model: Word2Vec,
    ids: Any,
    n_words: int | None = None,
    *,
    start: int = 0,
    start_alpha: float | None = None,
    end_alpha: float | None = None,
    key: int = 0,
    touched: Sequence[np.ndarray] | None = None,
) -> TrainedIds:
    """Train a model on encoded ids from position `start` on, for n_words words or to the end.

    ids (N,) is a shard of a corpus, as `encode` returns it; only the part that is trained on is
    read. The learning rate falls linearly from start_alpha to end_alpha over these words; both
    default to the alpha of the model. key decides all draws. touched holds uint32 arrays to which
    the number of updates of each row is added: of `wv.vectors` (V,), `syn1neg` (V,) and, where hs
    is 1, `syn1` (V,).

    Returns (loss, stop): the mean loss per pair, from a sample of pairs, and the position behind
    the last of these words, which is the next `start` and N at the end of the ids.

    Raises IndexError for ids that are not in the vocabulary, ValueError or TypeError for other
    arguments, before anything is trained.

    >>> from fastw2v import Word2Vec
    >>> model = Word2Vec(vector_size=8, min_count=1, sample=0, workers=1)
    >>> sentences = [["you", "say"], ["i", "say"]]
    >>> model.build_vocab(sentences)
    >>> vocabulary = count_words(sentences).vocabulary()
    >>> ids = encode(sentences, vocabulary=vocabulary).ids
    >>> stop = 0
    >>> while stop < len(ids):
    ...     loss, stop = train_ids(model, ids, 3, start=stop, start_alpha=0.5)
    ...     print(stop)
    4
    6
    """
    _check_plain("train_ids", model)
    V = len(model.wv)
    if not V:
        raise RuntimeError("train_ids: there is no vocabulary yet; call build_vocab first")
    check_model(model)
    found = as_row_of_ids("ids", ids)
    begin = as_whole("start", start, high=len(found))
    if n_words is not None:
        as_int("n_words", n_words)
    key = as_whole("key", key, high=2**64 - 1)
    first = model.alpha if start_alpha is None else as_rate("start_alpha", start_alpha)
    last = first if end_alpha is None else as_rate("end_alpha", end_alpha)
    counts = [] if touched is None else list(touched)
    sizes = [V, V] if model.syn1 is None else [V, V, len(model.syn1)]
    if touched is not None and len(counts) < len(sizes):
        raise ValueError(
            f"touched: expected {len(sizes)} arrays for this model, got {len(counts)}; add one of "
            f"{sizes[-1]} zeros for syn1"
        )
    for i, (count, size) in enumerate(zip(counts, sizes, strict=False)):
        _check_touch_counts(f"touched[{i}]", count, size)
    stop = len(found) if n_words is None else _behind_words(found, begin, n_words)
    shard = as_encoded_ids("ids", found[begin:stop], V, begin)
    if not len(shard):
        return TrainedIds(float("nan"), stop)
    n = len(shard)
    text = EncodedCorpus(shard, int(np.count_nonzero(shard >= 0)), n, 1)
    reach = widest_reach(model.window, text)
    block = block_size(model, n, reach)
    n_blocks = -(-n // block)
    at_once = engine.blocks_at_once(n, reach, model.negative, block)
    n_parts = claim_threads(model)
    with claimed(model, "train_ids"), Loan(model) as weights:
        if touched is not None:
            weights.touched_in, weights.touched_out = counts[:2]
            if model.hs:
                weights.touched_nodes = counts[2]
        slope = (last - first) / n
        sums = engine.train_blocks(
            *(weights, shard, 0, n_blocks, block, key, first, slope, n_parts, at_once)
        )
    return TrainedIds(sums.mean_loss, stop)


def _check_plain(what: str, model: Word2Vec) -> None:
    """Refuse a model whose input rows belong to several words."""
    if model._more_settings:
        raise TypeError(
            f"{what}: expected a Word2Vec, got a {model._kind}, whose rows of n-grams no shard has "
            "for itself; train it with train, on one machine"
        )


def _behind_words(ids: np.ndarray, begin: int, n_words: int) -> int:
    """Return the position behind n_words words from `begin` on, or the end; read no further."""
    at = begin
    while at < len(ids):
        words = ids[at : at + min(_MOST_AT_ONCE, max(n_words, 64))] >= 0
        n = int(np.count_nonzero(words))
        if n >= n_words:
            return at + int(np.searchsorted(np.cumsum(words), n_words)) + 1
        at, n_words = at + len(words), n_words - n
    return len(ids)


def weight_delta(
    model: Word2Vec, before: Sequence[np.ndarray | None], touched: Sequence[np.ndarray]
) -> WeightDelta:
    """Return the changes since `before`, copies of `wv.vectors`, `syn1neg` and, with hs, `syn1`.

    touched: the counts that `train_ids` has added up.

    >>> from fastw2v import Word2Vec
    >>> model = Word2Vec([["a", "b"]] * 9, vector_size=4, min_count=1, sample=0, workers=1)
    >>> before = model.wv.vectors.copy(), model.syn1neg.copy()
    >>> touched = np.zeros(2, np.uint32), np.zeros(2, np.uint32)
    >>> _ = train_ids(model, [0, 1, -1], touched=touched)
    >>> delta = weight_delta(model, before, touched)
    >>> delta.inputs.shape, delta.touched_inputs
    ((2, 4), array([1, 1], dtype=uint32))
    """
    _check_plain("weight_delta", model)
    check_model(model)
    changed: list[Any] = []
    for i, (name, table) in enumerate(_tables(model)):
        if table is None:
            changed.append((None, None))
        else:
            old = _before(name, table, before, i)
            changed.append((table - old, np.array(touched[i])))
    (inputs, in_counts), (outputs, out_counts), (nodes, node_counts) = changed
    return WeightDelta(inputs, outputs, in_counts, out_counts, nodes, node_counts)


def _tables(model: Word2Vec) -> list[tuple[str, Any]]:
    return [("wv.vectors", model.wv.vectors), ("syn1neg", model.syn1neg), ("syn1", model.syn1)]


def _before(name: str, table: np.ndarray, before: Sequence[Any], i: int) -> np.ndarray:
    old: np.ndarray | None = before[i] if i < len(before) else None
    if not isinstance(old, np.ndarray) or old.shape != table.shape:
        got = "none" if old is None else f"shape {np.shape(old)}"
        raise ValueError(
            f"before[{i}]: expected a copy of {name} of shape {table.shape}, got {got}; copy all "
            "tables of the model before it is trained"
        )
    return old


def merge_deltas(
    model: Word2Vec,
    before: Sequence[np.ndarray | None],
    deltas: Sequence[WeightDelta],
    alpha: float | None = None,
) -> None:
    """Set a model to `before` plus the merged changes of several trainings that started there.

    A row takes the sum of its changes d times a share, the larger one of two: the gradient
    diversity sum |d|^2 / |sum d|^2 of Yin et al. (2018), by which changes in different directions
    add up and equal ones are averaged; and a share that falls from 1 to 1 / n with the number of
    updates and the learning rate, by which a row that n trainings have moved only a little takes
    the sum. The only change of a row is taken whole.

    alpha is the learning rate of these trainings; None: that of the model. Short trainings between
    two merges keep the quality of one training, from 40 of them on.

    Raises ValueError, with the model unchanged, if the deltas do not fit it or are not finite.

    >>> from fastw2v import Word2Vec
    >>> model = Word2Vec([["a", "b"]] * 9, vector_size=4, min_count=1, workers=1)
    >>> before = model.wv.vectors.copy(), model.syn1neg.copy()
    >>> none, counts = np.zeros((2, 4), np.float32), np.array([500, 500], np.uint32)
    >>> one = np.array([[1, 0, 0, 0], [1, 0, 0, 0]], np.float32)
    >>> other = np.array([[0, 1, 0, 0], [1, 0, 0, 0]], np.float32)
    >>> merge_deltas(model, before, [WeightDelta(d, none, counts, counts) for d in (one, other)])
    >>> (model.wv.vectors - before[0]).round(4)
    array([[1., 1., 0., 0.],
           [1., 0., 0., 0.]], dtype=float32)
    """
    if not deltas:
        raise ValueError("deltas: expected at least one, got none")
    _check_plain("merge_deltas", model)
    check_model(model)
    merged = []
    names = ("inputs", "outputs", "nodes")
    rate = float(model.alpha) if alpha is None else as_rate("alpha", alpha)
    n_parts = claim_threads(model)
    for i, ((name, table), part) in enumerate(zip(_tables(model), names, strict=True)):
        if table is None:
            continue
        check_writable(name, table)
        changes = [getattr(delta, part) for delta in deltas]
        for k, change in enumerate(changes):
            if not isinstance(change, np.ndarray) or change.shape != table.shape:
                got = "none" if change is None else f"shape {np.shape(change)}"
                raise ValueError(
                    f"deltas[{k}].{part}: expected shape {table.shape}, got {got}; merge deltas of "
                    "the same model"
                )
            if not np.isfinite(change).all():
                row = int(np.argmin(np.isfinite(change).all(axis=1)))
                raise ValueError(
                    f"deltas[{k}].{part}: expected finite numbers, row {row} holds others; train "
                    "that shard again with a smaller alpha"
                )
        updates = [_updates(f"deltas[{k}]", delta, part) for k, delta in enumerate(deltas)]
        change, spoilt = merge_tables(changes, updates, rate, n_parts)
        if spoilt:
            raise ValueError(
                f"deltas: expected changes that float32 holds, merging {part} gave {spoilt} rows "
                "with others; train the shards again with a smaller alpha"
            )
        merged.append((table, _before(name, table, before, i) + change))
    for table, content in merged:
        table[:] = content


def _updates(name: str, delta: WeightDelta, part: str) -> np.ndarray:
    """Return the number of updates of each row of a table as float64."""
    counts, table = getattr(delta, f"touched_{part}"), getattr(delta, part)
    if not isinstance(counts, np.ndarray) or counts.shape != table.shape[:1]:
        got = "none" if counts is None else f"shape {np.shape(counts)}"
        raise ValueError(
            f"{name}.touched_{part}: expected shape {table.shape[:1]}, got {got}; take the counts "
            "that train_ids has added up"
        )
    found: np.ndarray = counts.astype(np.float64)
    return found


def _check_touch_counts(name: str, counts: object, V: int) -> None:
    """Check for an array (V,) uint32 that can be added to in place."""
    if not isinstance(counts, np.ndarray) or counts.dtype != np.uint32:
        got = counts.dtype if isinstance(counts, np.ndarray) else type(counts).__name__
        raise TypeError(
            f"{name}: expected a uint32 array, got {got}; pass np.zeros({V}, np.uint32)"
        )
    if counts.shape != (V,) or not counts.flags.carray:
        raise ValueError(
            f"{name}: expected shape ({V},), contiguous and writable, got {counts.shape}; "
            f"pass np.zeros({V}, np.uint32)"
        )
