"""The arrays that the kernel `_word2vec` trains and reads: padded tables, probabilities, tree."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from fastw2v._kernels import _sampler, _word2vec
from fastw2v._kernels._word2vec import LINE, MEAN, SHRINK

NEAR_SHARE = 1e-4  # least share of the text at which each thread has a copy of a word's row

_NO_ROWS = np.zeros((0, LINE), np.float32)
_NO_IDS, _NO_CODES = np.zeros(0, np.int32), np.zeros(0, np.uint8)
_NO_WAYS, _NO_COUNTS = np.zeros(0, np.int64), np.zeros(0, np.uint32)
_NO_ALIAS = np.zeros((0, 2), np.uint32)
_NO_SHARES = np.zeros(0, np.float32)


def padded_width(D: int) -> int:
    """Return the number of floats in the cache lines that a row of D floats needs."""
    return -(-D // LINE) * LINE


def padded(table: np.ndarray) -> np.ndarray:
    """Return the rows of a table (V, D) as (V, ld), aligned to cache lines.

    The table itself is returned where its memory is that already.
    """
    V, D = table.shape
    ld = padded_width(D)
    plain = table.dtype == np.float32 and table.flags.c_contiguous and table.flags.writeable
    if plain and ld == D and table.ctypes.data % 64 == 0:
        return table
    rows = _at_cache_lines(V, ld)
    rows[:, :D] = table
    rows[:, D:] = 0
    return rows


def _at_cache_lines(V: int, ld: int) -> np.ndarray:
    """Return an uninitialized table that begins at a cache line."""
    block = np.empty(V * ld + LINE, np.float32)
    start = -block.ctypes.data % 64 // 4
    return block[start : start + V * ld].reshape(V, ld)


def _room_for_stripes(table: np.ndarray) -> np.ndarray:
    """Return memory for a copy of the table (V, ld) with each stripe a table of its own."""
    V, ld = table.shape
    return _at_cache_lines(V, sum(step for *_, step in _word2vec.stripes(ld)))


def _stripes(table: np.ndarray, apart: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each stripe: its columns in the table, and its table in `apart`."""
    V, ld = table.shape
    memory, at = apart.reshape(-1), 0
    for begin, end, step in _word2vec.stripes(ld):
        rows = memory[V * at : V * (at + step)].reshape(V, step)
        yield table[:, begin:end], rows[:, : end - begin]
        at += step


def keep_thresholds(counts: np.ndarray, sample: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how subsampling keeps each word: (probability (V,), threshold (V,) uint32).

    The probability is sqrt(t / f) + t / f as in Mikolov's program, f the share of the word and t
    `sample`. A sample of 1 or more is a count above which words are subsampled, as in gensim. The
    thresholds are empty if sample is 0, which keeps all words.
    """
    total = float(counts.sum(dtype=np.float64))
    if sample == 0:
        return np.ones(len(counts)), _NO_COUNTS
    limit = sample * total if sample < 1 else float(int(sample * (3 + np.sqrt(5)) / 2))
    ratio = limit / np.maximum(counts, 1)
    share = np.minimum(1.0, np.sqrt(ratio) + ratio)
    # A word is kept if 32 random bits are at most this.
    threshold = np.clip(np.ceil(share * 2.0**32) - 1, 0, 2**32 - 1).astype(np.uint32)
    return share, threshold


def alias_table(counts: np.ndarray, exponent: float) -> np.ndarray:
    """Return the alias table (V, 2) of draws in proportion to counts ** exponent."""
    table = np.empty((len(counts), 2), np.uint32)
    weights = np.maximum(np.asarray(counts, np.float64), 1e-300) ** exponent
    if len(weights) and not 0 < weights.sum() < np.inf:  # the kernel casts shares of the sum
        raise ValueError(
            f"ns_exponent: expected counts whose powers add up to a number above 0, got "
            f"{weights.sum()} for {exponent}; pass e.g. 0.75"
        )
    _sampler.build_alias(table, weights)
    return table


@dataclass
class HuffmanWays:
    """The path from the root of a Huffman tree to each word, word after word.

    Word v has the inner nodes points[begins[v] : begins[v + 1]] with the turns codes[...] there;
    begins (V + 1,).
    """

    points: np.ndarray = field(default_factory=lambda: _NO_IDS)
    codes: np.ndarray = field(default_factory=lambda: _NO_CODES)
    begins: np.ndarray = field(default_factory=lambda: _NO_WAYS)


def check_ways(ways: HuffmanWays, V: int) -> None:
    """Check that paths of V words can be followed. Raises ValueError if not."""
    points, codes, begins = ways.points, ways.codes, ways.begins
    fits = begins.shape == (V + 1,) and begins[0] == 0 and bool((np.diff(begins) >= 0).all())
    fits = fits and points.shape == codes.shape == (int(begins[-1]),)
    if fits and len(points):
        fits = points.min() >= 0 and points.max() < V - 1 and codes.max() <= 1
    if not fits:
        raise ValueError("the tree of its words is damaged")


def huffman(counts: np.ndarray, *, as_fasttext: bool = False) -> HuffmanWays:
    """Build the Huffman tree of the counts: V - 1 inner nodes, the root last.

    It merges two queues in order of weight: leaves by count, inner nodes as they are made. For one
    word the path is empty. as_fasttext: among equal weights, fastText takes an inner node before a
    leaf; it takes leaves from the last to the first, which falling counts order.
    """
    V = len(counts)
    order = np.argsort(counts, kind="stable").tolist()  # rarest first
    if as_fasttext:
        order = list(range(V - 1, -1, -1))
    weight = np.asarray(counts)[order].tolist()
    parent = np.zeros(2 * V - 1, np.int64)  # leaves in the order of `order`, then inner nodes
    turn = np.zeros(2 * V - 1, np.uint8)
    leaf, inner, sums = 0, V, weight
    for node in range(V, 2 * V - 1):
        for side in (0, 1):
            is_tie = leaf < V and inner < node and sums[leaf] == sums[inner]
            if leaf < V and (
                inner >= node or sums[leaf] < sums[inner] or (is_tie and not as_fasttext)
            ):
                child, leaf = leaf, leaf + 1
            else:
                child, inner = inner, inner + 1
            parent[child], turn[child] = node, side
            if side == 0:
                sums.append(sums[child])
            else:
                sums[node] += sums[child]
    depth = np.zeros(2 * V - 1, np.int64)
    for node in range(2 * V - 3, -1, -1):  # parents come after their children
        depth[node] = depth[parent[node]] + 1
    lengths = np.empty(V, np.int64)
    lengths[order] = depth[:V]
    begins = np.concatenate([[0], np.cumsum(lengths)])
    points = np.empty(begins[-1], np.int32)
    codes = np.empty(begins[-1], np.uint8)
    # All words climb one step at a time, from the end of their paths.
    node, at = np.arange(V), begins[1:][order] - 1
    while len(node):
        below = depth[node] > 0
        node, at = node[below], at[below]
        codes[at] = turn[node]
        node = parent[node]
        points[at] = node - V
        at = at - 1
    return HuffmanWays(points, codes, begins)


def near_shares(counts: np.ndarray, sample: float) -> np.ndarray:
    """Return the shares (float32) of the text that the first words have, down to NEAR_SHARE.

    The threads of the kernel have copies of the rows of these words. None has a copy in a small
    vocabulary, for which the result is empty.
    """
    most = _word2vec.NEAR
    if len(counts) < 16 * most:
        return _NO_SHARES
    left = counts * keep_thresholds(counts, sample)[0]
    shares = left[:most] / left.sum()
    rare = np.flatnonzero(shares < NEAR_SHARE)
    return shares[: rare[0] if len(rare) else most].astype(np.float32)


@dataclass
class Weights:
    """The tables that are trained, with padded rows (`padded`), and the settings of the training.

    inputs (V, ld); outputs (V, ld) and alias (V, 2) for negative sampling; nodes (V, ld) and
    ways for hierarchical softmax; keep (V,) for subsampling; touched_in, touched_out and
    touched_nodes count the changes of each row. locked (V,) float32 are lock factors of the rows of
    inputs. All but inputs may be empty. With subwords, inputs is working memory: its rows are
    composed of others, which are trained in rounds of about `round` positions.
    """

    inputs: np.ndarray
    outputs: np.ndarray = field(default_factory=lambda: _NO_ROWS)
    nodes: np.ndarray = field(default_factory=lambda: _NO_ROWS)
    keep: np.ndarray = field(default_factory=lambda: _NO_COUNTS)
    alias: np.ndarray = field(default_factory=lambda: _NO_ALIAS)
    ways: HuffmanWays = field(default_factory=HuffmanWays)
    window: int = 5
    negative: int = 5
    mode: int = MEAN | SHRINK
    batch: int = 0  # centres scored at once, for the same bits from any number of threads
    near: np.ndarray = field(default_factory=lambda: _NO_SHARES)
    touched_in: np.ndarray = field(default_factory=lambda: _NO_COUNTS)
    touched_out: np.ndarray = field(default_factory=lambda: _NO_COUNTS)
    touched_nodes: np.ndarray = field(default_factory=lambda: _NO_COUNTS)
    locked: np.ndarray = field(default_factory=lambda: _NO_SHARES)
    subwords: _word2vec.Subwords | None = None
    round: int = 0
    _locked_rows: LockedRows | None = None
    _apart: list[np.ndarray] = field(default_factory=list)  # copies of the tables in stripes
    _plan: _word2vec.Plan | None = None
    _planned: tuple[object, ...] = ()  # the arguments that _plan was made of

    def split_stripes(self) -> None:
        """Copy the tables into stripes, which the kernel trains until `merge_stripes`.

        Each thread's columns are then a table of their own.
        """
        if not self._apart:
            self._apart = [_room_for_stripes(table) for table in self._tables()]
            for table, apart in zip(self._tables(), self._apart, strict=True):
                for here, there in _stripes(table, apart):
                    there[...] = here

    def merge_stripes(self) -> None:
        """Copy trained stripes back into `inputs`, `outputs` and `nodes`.

        Call it before the tables are read or changed. Without stripes there is nothing to copy.
        """
        self._locked_rows = None  # rows may be changed before the next `train`
        if self._apart:
            for table, apart in zip(self._tables(), self._apart, strict=True):
                for here, there in _stripes(table, apart):
                    here[...] = there
            self._apart, self._plan = [], None  # a plan would keep the copies alive

    def blocks_of_round(self, block: int) -> int:
        """Return the blocks of a round; calls of `train` that cut one change results."""
        return max(1, self.round // block)

    def _tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.inputs, self.outputs, self.nodes

    def _plan_for(self, ids: np.ndarray, block: int) -> _word2vec.Plan:
        """Return the kernel's plan, a new one where an array or a setting has been replaced."""
        arrays = (
            *(self._apart or self._tables()),
            *(self.touched_in, self.touched_out, self.touched_nodes, ids, self.keep, self.alias),
            *(self.ways.points, self.ways.codes, self.ways.begins, self.near),
        )
        settings = self.window, self.negative, self.mode, block, self.batch
        planned = *arrays, *settings, self.subwords
        same = len(planned) == len(self._planned) and all(map(operator.is_, planned, self._planned))
        if self._plan is None or not same:
            window, negative, mode, block, batch = settings
            self._plan = _word2vec.Plan(
                *arrays,
                window=window,
                negative=negative,
                mode=mode,
                block=block,
                batch=batch,
                ld=self.inputs.shape[1],
                apart=bool(self._apart),
                subwords=self.subwords,
            )
            self._planned = planned
        return self._plan

    def train(
        self,
        ids: np.ndarray,
        first: int,
        last: int,
        block: int,
        key: int,
        alpha: float,
        alpha_step: float,
        loss_every: int,
        n_parts: int,
    ) -> np.ndarray:
        """Train blocks [first, last) of ids, and return their numbers (last - first, 4).

        The columns are loss, pairs in it, all pairs, and words that subsampling has kept. Call
        `merge_stripes` before reading the tables.
        """
        if self.batch and n_parts > 1:
            self.split_stripes()
        elif self._apart:
            self.merge_stripes()
        stats = np.zeros((last - first, _word2vec.N_STATS))
        if len(self.locked):
            self._locked_rows = self._locked_rows or LockedRows(self)
            # Rows are put back when each part has had a block; after each block where results must
            # not depend on the number of parts.
            at_once = 1 if self.batch else n_parts
        else:
            at_once = max(1, last - first)
        plan = self._plan_for(ids, block)
        for begin in range(first, last, at_once):
            end = min(last, begin + at_once)
            _word2vec.train(
                *(plan, stats[begin - first : end - first], key, begin, end, alpha, alpha_step),
                *(loss_every, n_parts),
            )
            if self._locked_rows is not None:
                self._locked_rows.put_back()
        return stats

    def stripes_of_inputs(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return each stripe of `inputs`, and its copy; nothing if there are no copies."""
        return list(_stripes(self.inputs, self._apart[0])) if self._apart else []


class LockedRows:
    """The rows of `Weights.inputs` whose lock factor is not 1, as they were."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        own = np.flatnonzero(weights.locked != 1)
        self.rows = weights.inputs[own]
        self.place = np.full(len(weights.locked), -1)
        self.place[own] = np.arange(len(own))
        if not len(weights.touched_in):  # the kernel counts the changes of all tables or of none
            tables = weights.inputs, weights.outputs, weights.nodes
            counts = [np.zeros(len(table), np.uint32) for table in tables]
            weights.touched_in, weights.touched_out, weights.touched_nodes = counts
        self.seen = weights.touched_in.copy()

    def put_back(self) -> None:
        """Take back the part of the latest changes that the lock factors refuse."""
        weights = self.weights
        changed = np.flatnonzero((weights.touched_in != self.seen) & (self.place >= 0))
        stripes = weights.stripes_of_inputs()
        for here, there in stripes:
            here[changed] = there[changed]
        at, factors = self.place[changed], weights.locked[changed][:, None]
        before, after = self.rows[at], weights.inputs[changed]
        self.rows[at] = np.where(factors == 0, before, before + factors * (after - before))
        weights.inputs[changed] = self.rows[at]
        for here, there in stripes:
            there[changed] = here[changed]
        self.seen = weights.touched_in.copy()
