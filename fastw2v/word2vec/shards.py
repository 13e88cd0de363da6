"""The steps of a training on their own, for programs that spread a corpus over machines.

Count the words of each text, choose a vocabulary, encode, train each shard of ids from the same
weights, and merge what the trainings have changed:

>>> from fastw2v import Word2Vec
>>> texts = [["you", "say", "goodbye"]] * 20, [["i", "say", "hello"]] * 20
>>> model = Word2Vec(vector_size=8, min_count=1, sample=0, workers=1)
>>> model.build_vocab([*texts[0], *texts[1]])
>>> vocabulary = count_words([*texts[0], *texts[1]]).vocabulary()
>>> before = model.wv.vectors.copy(), model.syn1neg.copy()
>>> deltas = []
>>> for shard, text in enumerate(texts):  # each on a machine of its own
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

from fastw2v._checks.arrays import as_array
from fastw2v._checks.ids import as_native_ids
from fastw2v._checks.numbers import as_int, as_not_negative, as_whole
from fastw2v._files import fw2v
from fastw2v.word2vec import engine
from fastw2v.word2vec.corpus import EncodedCorpus, Text, Vocabulary, WordCounts
from fastw2v.word2vec.sentences import source_of

if TYPE_CHECKING:
    from fastw2v.word2vec.model import Word2Vec

_MOST_AT_ONCE = 1 << 20


def count_words(
    sentences: Any = None,
    corpus_file: Any = None,
    *,
    running_text: bool = False,
    unicode_errors: str = "strict",
    workers: int | None = None,
) -> WordCounts:
    """Count the words of sentences or of text files.

    Counts of several texts add up; `WordCounts.vocabulary` then chooses the words to learn.

    >>> counts = count_words([["you", "say"], ["i", "say"]])
    >>> counts.words, counts.counts.tolist(), counts.n_sentences
    (['you', 'say', 'i'], [1, 2, 1], 2)
    """
    source = source_of(
        sentences, corpus_file, lines=not running_text, unicode_errors=unicode_errors
    )
    return Text(source, n_parts=workers).counts


def encode(
    sentences: Any = None,
    corpus_file: Any = None,
    *,
    vocabulary: Vocabulary,
    running_text: bool = False,
    unicode_errors: str = "strict",
    memory_limit: int | None = None,
    workers: int | None = None,
) -> EncodedCorpus:
    """Sentences or text files in the ids of a vocabulary, -1 between sentences.

    >>> sentences = [["you", "say"], ["i", "say"]]
    >>> vocabulary = count_words(sentences).vocabulary()
    >>> encode(sentences, vocabulary=vocabulary).ids
    array([ 1,  0, -1,  2,  0, -1], dtype=int32)
    """
    source = source_of(
        sentences, corpus_file, lines=not running_text, unicode_errors=unicode_errors
    )
    text = Text(source, n_parts=workers, memory_limit=memory_limit)
    return text.encode(vocabulary.index)


@dataclass
class WeightDelta:
    """What a training has changed: differences of weights, and how often each row was changed.

    inputs (V, D), outputs (V, D), nodes (V - 1, D), and their touch counts; None for tables that
    the model does not have.

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
        """Save it for another machine; the file appears when it is complete."""
        fw2v.write(fname, "WeightDelta", {}, fw2v.optional(vars(self)))

    @classmethod
    def load(cls, fname: str | os.PathLike[str]) -> WeightDelta:
        """Open what `save` wrote. Raises ValueError, naming what is wrong, if it is damaged."""
        arrays = fw2v.read(fname, "WeightDelta", None).arrays
        pairs = [("inputs", "touched_inputs"), ("outputs", "touched_outputs")]
        pairs.append(("nodes", "touched_nodes"))
        for table, touched in pairs:
            there = (table in arrays, touched in arrays)
            if there == (False, False) and table != "inputs":
                continue
            if there != (True, True) or arrays[table].shape[:1] != arrays[touched].shape:
                raise ValueError(f"{fname}: {table}: the delta is damaged; get the file again")
            fw2v.check_finite(fname, table, arrays[table])
        return cls(**{name: arrays.get(name) for pair in pairs for name in pair})  # type: ignore


class TrainedIds(NamedTuple):
    """What `train_ids` returns: the mean loss per pair, NaN if there was none, and where it ended.

    stop is the position behind the last word that was trained on: the `start` of the next call.
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
    """Train a model on encoded ids, from position `start` until n_words are through or the end.

    ids (N,) as `encode` gives them: a shard of a corpus, of which nothing is looked at but the
    part that is trained on. The learning rate goes from start_alpha to end_alpha over these words
    (both: the model's alpha). key decides all draws. touched: arrays uint32 that count the changes
    of each row of `wv.vectors` (V,), `syn1neg` (V,) and, where hs is 1, `syn1` (V - 1,). Returns
    (loss, stop): the mean loss per pair, of a sample of them, and the position behind the last of
    these words, the next `start`; at the end of ids it is N.

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
    V = len(model.wv)
    if not V:
        raise RuntimeError("train_ids: there is no vocabulary yet; call build_vocab first")
    found = _as_id_row("ids", ids)
    begin = as_whole("start", start, high=len(found))
    if n_words is not None:
        as_int("n_words", n_words)
    key = as_whole("key", key, high=2**64 - 1)
    first = model.alpha if start_alpha is None else as_not_negative("start_alpha", start_alpha)
    last = first if end_alpha is None else as_not_negative("end_alpha", end_alpha)
    counts = [] if touched is None else list(touched)
    sizes = [V, V, V - 1][: 3 if model.hs else 2]
    if touched is not None and len(counts) < len(sizes):
        raise ValueError(
            f"touched: expected {len(sizes)} arrays for this model, got {len(counts)}; add one of "
            f"{sizes[-1]} zeros for syn1"
        )
    for i, (count, size) in enumerate(zip(counts, sizes, strict=False)):
        _check_touch_counts(f"touched[{i}]", count, size)
    stop = len(found) if n_words is None else _behind_words(found, begin, n_words)
    shard = _as_encoded_ids("ids", found[begin:stop], V, begin)
    if not len(shard):
        return TrainedIds(float("nan"), stop)
    weights = model._weights()
    if touched is not None:
        weights.touched_in, weights.touched_out = counts[:2]
        if model.hs:
            weights.touched_nodes = counts[2]
    n = len(shard)
    block = model._block(n)
    n_blocks = -(-n // block)
    at_once = max(1, engine.BLOCK // block) * 16  # so that Ctrl-C gets its turn
    sums, n_parts = engine.Sums(), model._parts()
    try:
        for begin in range(0, n_blocks, at_once):
            end = min(n_blocks, begin + at_once)
            sums.add(
                weights.train(
                    *(shard, begin, end, block, key, first, (last - first) / n),
                    *(engine.LOSS_SAMPLE, n_parts),
                )
            )
    finally:
        weights.merge_stripes()
        model._settle()
    return TrainedIds(sums.mean_loss, stop)


def _behind_words(ids: np.ndarray, begin: int, n_words: int) -> int:
    """The position behind n_words words from `begin` on, or the end; no more is looked at."""
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
    """What has changed since `before`, copies of `wv.vectors`, `syn1neg` and, with hs, `syn1`.

    touched: what `train_ids` has counted.

    >>> from fastw2v import Word2Vec
    >>> model = Word2Vec([["a", "b"]] * 9, vector_size=4, min_count=1, sample=0, workers=1)
    >>> before = model.wv.vectors.copy(), model.syn1neg.copy()
    >>> touched = np.zeros(2, np.uint32), np.zeros(2, np.uint32)
    >>> _ = train_ids(model, [0, 1, -1], touched=touched)
    >>> delta = weight_delta(model, before, touched)
    >>> delta.inputs.shape, delta.touched_inputs
    ((2, 4), array([1, 1], dtype=uint32))
    """
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
    old = before[i] if i < len(before) else None
    if old is None or old.shape != table.shape:
        got = "none" if old is None else f"shape {old.shape}"
        raise ValueError(
            f"before[{i}]: expected a copy of {name} of shape {table.shape}, got {got}; copy all "
            "tables of the model before it is trained"
        )
    return old


def merge_deltas(
    model: Word2Vec, before: Sequence[np.ndarray | None], deltas: Sequence[WeightDelta]
) -> None:
    """Set a model to `before` plus what several trainings from there have changed.

    A row gets the mean of its changes weighted by how often each training touched it: one touched
    by a single training gets all of its change, one touched by all equally the plain mean. (Sums
    of frequent rows diverge, plain means of rare ones stall.)

    Raises ValueError, with nothing changed, if the deltas are not of this model or not finite.

    >>> from fastw2v import Word2Vec
    >>> model = Word2Vec([["a", "b"]] * 9, vector_size=4, min_count=1, workers=1)
    >>> before = model.wv.vectors.copy(), model.syn1neg.copy()
    >>> one = np.ones((2, 4), np.float32)
    >>> deltas = [WeightDelta(one, one, np.array([3, 1]), np.array([1, 1])),
    ...           WeightDelta(-one, one, np.array([1, 0]), np.array([0, 0]))]
    >>> merge_deltas(model, before, deltas)
    >>> (model.wv.vectors - before[0]).round(4)[:, 0]
    array([0.5, 1. ], dtype=float32)
    """
    if not deltas:
        raise ValueError("deltas: expected at least one, got none")
    merged = []
    names = ("inputs", "outputs", "nodes")
    for i, ((name, table), part) in enumerate(zip(_tables(model), names, strict=True)):
        if table is None:
            continue
        changes = [getattr(delta, part) for delta in deltas]
        touches = []
        for k, change in enumerate(changes):
            if change is None or change.shape != table.shape:
                got = "none" if change is None else f"shape {change.shape}"
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
            touches.append(_touches(f"deltas[{k}].touched_{part}", deltas[k], part, len(table)))
        merged.append((table, _before(name, table, before, i) + _weighted_mean(changes, touches)))
    for table, content in merged:
        table[:] = content


def _touches(name: str, delta: WeightDelta, part: str, V: int) -> np.ndarray:
    touches = np.asarray(getattr(delta, f"touched_{part}"))
    if touches.shape != (V,) or touches.dtype.kind not in "iu" or (touches < 0).any():
        raise ValueError(
            f"{name}: expected counts of 0 and more of shape ({V},), got {touches.dtype} of shape "
            f"{touches.shape}; pass what train_ids has counted"
        )
    return touches


def _weighted_mean(tables: list[Any], touches: list[np.ndarray]) -> np.ndarray:
    counts = np.stack([np.asarray(touch, np.float64) for touch in touches])
    total = counts.sum(axis=0)
    shares = (counts / np.where(total == 0, 1, total)).astype(np.float32)
    mean = np.zeros_like(tables[0])
    for table, share in zip(tables, shares, strict=True):
        mean += share[:, None] * table
    return mean


def _as_id_row(name: str, ids: object) -> np.ndarray:
    """Integers (N,), N > 0; what they are is not looked at."""
    given = as_array(name, ids)
    if given.ndim != 1 or given.size == 0:
        raise ValueError(
            f"{name}: expected shape (N,) with N > 0, got {given.shape}; encode a text"
        )
    as_native_ids(name, given[:0])
    return given


def _as_encoded_ids(name: str, ids: np.ndarray, V: int, first: int = 0) -> np.ndarray:
    """A part of an encoded corpus as int32: ids below V, -1 between sentences.

    first: the position of the part, for the message.
    """
    if not len(ids):
        return np.zeros(0, np.int32)
    if ids.max() >= V:
        at = int(np.argmax(ids >= V))
        raise IndexError(
            f"{name}: id {ids[at]} at position {first + at} is out of range for {V} words; use ids "
            f"from 0 to {V - 1}"
        )
    if ids.min() < -1:
        at = int(np.argmin(ids))
        raise IndexError(
            f"{name}: id {ids[at]} at position {first + at} is negative; only -1, the end of a "
            "sentence, may be"
        )
    return np.ascontiguousarray(ids, np.int32)


def _check_touch_counts(name: str, counts: object, V: int) -> np.ndarray:
    """An array (V,) uint32 to be added to in place."""
    if not isinstance(counts, np.ndarray) or counts.dtype != np.uint32:
        got = counts.dtype if isinstance(counts, np.ndarray) else type(counts).__name__
        raise TypeError(
            f"{name}: expected a uint32 array, got {got}; pass np.zeros({V}, np.uint32)"
        )
    if counts.shape != (V,) or not counts.flags.carray:
        raise ValueError(f"{name}: expected shape ({V},), writable, got {counts.shape}")
