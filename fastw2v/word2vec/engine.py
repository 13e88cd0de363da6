"""The training loop around the kernel `_word2vec`: tables, probabilities, slices of a corpus.

An epoch is cut into blocks of fixed size, and the kernel is called for some blocks at a time:
about a tenth of a second of work, so that Ctrl-C, callbacks and a bar get their turn. Where the
slices end decides nothing: draws and learning rate belong to the block.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from fastw2v._kernels import _sampler, _word2vec

LANES = 16  # floats of a cache line
BLOCK = 8192  # positions; a short corpus has shorter blocks, or it would be one
LEAST_BLOCK = 256
BLOCKS = 64
PLANNED_BLOCK = 256  # positions of a block where threads go through the same centres
PLANNED_CONTEXTS = 1 << 15  # that stand in such a block, with wide windows
BATCH = 16  # centres at most that are scored before the first of them is learned
BATCH_CHANGES = 8  # of one word between its score and its last change
SLICE_SECONDS = 0.1
NEAR_SHARE = 1e-4  # of the text: words whose rows threads have copies of
LOSS_SAMPLE = 64  # the loss of every so many words is looked at where nobody asked for all of it
# Losses of blocks are added as whole numbers of such parts: in any order the same.
FRACTION = 1 << 20

SKIP_GRAM, MEAN, SHARE, SHRINK, FRESH, SHARED = 1, 2, 4, 8, 16, 32  # as in _word2vec.pyx

_NO_ROWS = np.zeros((0, LANES), np.float32)
_NO_IDS, _NO_CODES = np.zeros(0, np.int32), np.zeros(0, np.uint8)
_NO_WAYS, _NO_COUNTS = np.zeros(0, np.int64), np.zeros(0, np.uint32)
_NO_ALIAS = np.zeros((0, 2), np.uint32)


def padded(table: np.ndarray) -> np.ndarray:
    """The rows of a table (V, D) as (V, ld), at cache lines; itself where it is that already."""
    V, D = table.shape
    ld = -(-D // LANES) * LANES
    plain = table.dtype == np.float32 and table.flags.c_contiguous and table.flags.writeable
    if plain and ld == D and table.ctypes.data % 64 == 0:
        return table
    rows = _at_cache_lines(V, ld)
    rows[:, :D] = table
    rows[:, D:] = 0
    return rows


def _at_cache_lines(V: int, ld: int) -> np.ndarray:
    """An empty table."""
    block = np.empty(V * ld + LANES, np.float32)
    start = -block.ctypes.data % 64 // 4
    return block[start : start + V * ld].reshape(V, ld)


def _room_for_stripes(table: np.ndarray) -> np.ndarray:
    """Memory for a copy of the table (V, ld), each stripe of its columns a table there."""
    V, ld = table.shape
    return _at_cache_lines(V, sum(step for *_, step in _word2vec.stripes(ld)))


def _stripes(table: np.ndarray, apart: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(columns of the table, the same in `apart`) stripe by stripe."""
    V, ld = table.shape
    memory, at = apart.reshape(-1), 0
    for begin, end, step in _word2vec.stripes(ld):
        rows = memory[V * at : V * (at + step)].reshape(V, step)
        yield table[:, begin:end], rows[:, : end - begin]
        at += step


def keep_thresholds(counts: np.ndarray, sample: float) -> tuple[np.ndarray, np.ndarray]:
    """(probability (V,), threshold (V,) uint32) that an occurrence of each word stays.

    sqrt(t / f) + t / f of Mikolov's program, f the share of the word and t `sample`; a sample of 1
    and more is a count from which words are thinned out, as in gensim. Empty thresholds: all stay.
    """
    total = float(counts.sum())
    if sample == 0:
        return np.ones(len(counts)), _NO_COUNTS
    limit = sample * total if sample < 1 else float(int(sample * (3 + np.sqrt(5)) / 2))
    ratio = limit / np.maximum(counts, 1)
    share = np.minimum(1.0, np.sqrt(ratio) + ratio)
    # A word stays if 32 random bits are at most this.
    threshold = np.clip(np.ceil(share * 2.0**32) - 1, 0, 2**32 - 1).astype(np.uint32)
    return share, threshold


def alias_table(counts: np.ndarray, exponent: float) -> np.ndarray:
    """Draws in proportion to counts ** exponent."""
    table = np.empty((len(counts), 2), np.uint32)
    weights = np.maximum(np.asarray(counts, np.float64), 1e-300) ** exponent
    _sampler.build_alias(table, weights)
    return table


@dataclass
class HuffmanWays:
    """The way from the root to each word: inner nodes and turns, one word after the other.

    begins (V + 1,): word v has nodes points[begins[v] : begins[v + 1]] and codes likewise.
    """

    points: np.ndarray = field(default_factory=lambda: _NO_IDS)
    codes: np.ndarray = field(default_factory=lambda: _NO_CODES)
    begins: np.ndarray = field(default_factory=lambda: _NO_WAYS)
    longest: int = 0


def huffman(counts: np.ndarray) -> HuffmanWays:
    """The Huffman tree of the counts; V - 1 inner nodes, the root last. V = 1 has no way at all.

    Two queues, both in order: leaves by count, inner nodes as they are made.
    """
    V = len(counts)
    order = np.argsort(counts, kind="stable").tolist()  # rarest first
    weight = np.asarray(counts)[order].tolist()
    parent = np.zeros(2 * V - 1, np.int64)  # leaves in the order of `order`, then inner nodes
    turn = np.zeros(2 * V - 1, np.uint8)
    leaf, inner, sums = 0, V, weight
    for node in range(V, 2 * V - 1):
        for side in (0, 1):
            if leaf < V and (inner >= node or sums[leaf] <= sums[inner]):
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
    # All words one step up at a time, from the end of their way.
    node, at = np.arange(V), begins[1:][order] - 1
    while len(node):
        below = depth[node] > 0
        node, at = node[below], at[below]
        codes[at] = turn[node]
        node = parent[node]
        points[at] = node - V
        at = at - 1
    return HuffmanWays(points, codes, begins, int(lengths.max(initial=0)))


@dataclass
class Weights:
    """What is trained, and what it is trained with. Rows of tables are padded (`padded`)."""

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
    near: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    touched_in: np.ndarray = field(default_factory=lambda: _NO_COUNTS)
    touched_out: np.ndarray = field(default_factory=lambda: _NO_COUNTS)
    touched_nodes: np.ndarray = field(default_factory=lambda: _NO_COUNTS)
    _apart: list[np.ndarray] = field(default_factory=list)  # the tables, each stripe by stripe

    def split_stripes(self) -> None:
        """From here on the kernel works on copies, where each thread's columns are a table."""
        if not self._apart:
            self._apart = [_room_for_stripes(table) for table in self._tables()]
            for table, apart in zip(self._tables(), self._apart, strict=True):
                for here, there in _stripes(table, apart):
                    there[...] = here

    def merge_stripes(self) -> None:
        """What was trained into `inputs`, `outputs` and `nodes`: before anybody looks at them."""
        if self._apart:
            for table, apart in zip(self._tables(), self._apart, strict=True):
                for here, there in _stripes(table, apart):
                    here[...] = there
            self._apart = []

    def _tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.inputs, self.outputs, self.nodes

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
        """Blocks [first, last) of ids; returns their numbers (last - first, 4). Tables are right
        after `merge_stripes`.

        Columns: loss, pairs in it, all pairs, words that were not thinned out.
        """
        stats = np.zeros((last - first, _word2vec.n_stats()))
        ways = self.ways
        if self.batch and n_parts > 1:
            self.split_stripes()
        else:
            self.merge_stripes()
        _word2vec.train(
            *(self._apart or self._tables()),
            stats,
            *(self.touched_in, self.touched_out, self.touched_nodes),
            *(ids, self.keep, self.alias, ways.points, ways.codes, ways.begins, ways.longest),
            self.near,
            *(self.window, self.negative, self.mode, key, block, first, last),
            *(alpha, alpha_step, loss_every, self.batch, self.inputs.shape[1]),
            *(bool(self._apart), n_parts),
        )
        return stats


def near_shares(counts: np.ndarray, sample: float) -> np.ndarray:
    """Shares (float32) of the text that the most frequent words have, where they are the first
    ones: the kernel's threads have copies of their rows. None for a small vocabulary.
    """
    most = _word2vec.most_near()
    if len(counts) < 16 * most:
        return np.zeros(0, np.float32)
    left = counts * keep_thresholds(counts, sample)[0]
    shares = left[:most] / left.sum()
    rare = np.flatnonzero(shares < NEAR_SHARE)
    return shares[: rare[0] if len(rare) else most].astype(np.float32)


def block_size(n: int) -> int:
    """Positions of a block, from the length of the corpus alone: never from the workers."""
    return max(LEAST_BLOCK, min(BLOCK, n // BLOCKS))


def planned_block_size(n: int, window: int) -> int:
    """The same where threads go through the same centres: blocks that fit into a cache."""
    return min(block_size(n), max(1, min(PLANNED_BLOCK, PLANNED_CONTEXTS // window)))


def batch_size(counts: np.ndarray, sample: float, window: int, negative: int) -> int:
    """Centres of a batch, such that the most frequent word is changed BATCH_CHANGES times in it:
    more would be steps from weights that are out of date.
    """
    left = counts * keep_thresholds(counts, sample)[0]
    # For each centre as a context, which there are window + 1 of on average, and as an output.
    most = float(left.max() / left.sum()) * (window + 1 + negative + 1)
    return int(np.clip(BATCH_CHANGES / most, 1, BATCH))


def epoch_key(seed: int, call: int, epoch: int) -> int:
    """The random key of an epoch."""
    return int(np.random.SeedSequence([seed, call, epoch]).generate_state(1, np.uint64)[0])


@dataclass
class Sums:
    """What blocks have added up to; whole numbers, so that the order of adding says nothing."""

    loss: int = 0
    loss_pairs: int = 0
    pairs: int = 0
    words: int = 0

    def add(self, stats: np.ndarray) -> None:
        """Add what `Weights.train` returned. Raises FloatingPointError if a loss is not finite."""
        if not np.isfinite(stats[:, 0]).all():
            raise FloatingPointError(
                "the loss is no longer finite: the weights have run away; train a new model with "
                "a smaller alpha"
            )
        self.loss += int(np.rint(stats[:, 0] * FRACTION).astype(np.int64).sum())
        self.loss_pairs += int(stats[:, 1].sum())
        self.pairs += int(stats[:, 2].sum())
        self.words += int(stats[:, 3].sum())

    @property
    def mean_loss(self) -> float:
        """Per pair; NaN if none was looked at."""
        return self.loss / FRACTION / self.loss_pairs if self.loss_pairs else float("nan")


@dataclass
class Schedule:
    """A training under way: where it is, and all that decides how it goes on."""

    epochs: int
    start_alpha: float
    end_alpha: float
    seed: int
    call: int
    block: int  # positions of a block
    n: int  # positions of the corpus
    compute_loss: bool
    epoch: int = 0
    next_block: int = 0
    sums: Sums = field(default_factory=Sums)  # of this epoch
    total_loss: float = 0.0  # of the epochs before it
    words: int = 0
    losses: list[float] = field(default_factory=list)
    ids_crc: int = 0  # of the corpus, where it is saved for a checkpoint

    @property
    def n_blocks(self) -> int:
        """Of an epoch."""
        return -(-self.n // self.block)

    @property
    def done(self) -> bool:
        """Whether all epochs are over."""
        return self.epoch >= self.epochs

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        if self.done:
            return 1.0
        return (self.epoch + min(1.0, self.next_block * self.block / self.n)) / self.epochs

    @property
    def loss(self) -> float:
        """Of all epochs so far."""
        return self.total_loss + self.sums.loss / FRACTION

    def as_dict(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Schedule:
        """What `as_dict` gave. Raises TypeError or ValueError if it does not fit."""
        made = cls(**(facts | {"sums": Sums(**facts["sums"])}))
        whole = {
            **{name: getattr(made, name) for name in ("epochs", "seed", "call", "block", "n")},
            **{name: getattr(made, name) for name in ("epoch", "next_block", "words", "ids_crc")},
            **vars(made.sums),
        }
        for name, value in whole.items():
            if type(value) is not int or not 0 <= value < 1 << 63:
                raise ValueError(f"{name} is {value!r}, no whole number")
        if not (made.block >= 1 and made.epoch <= made.epochs and made.next_block <= made.n_blocks):
            raise ValueError(f"block {made.next_block} of epoch {made.epoch} is none of the text's")
        numbers = [made.start_alpha, made.end_alpha, made.total_loss]
        if type(made.losses) is not list or type(made.compute_loss) is not bool:
            raise TypeError("the losses are no list")
        # The mean loss of an epoch without pairs is NaN.
        if not all(type(x) is float for x in made.losses):
            raise TypeError("the losses are no numbers")
        if not all(type(x) in (int, float) and math.isfinite(x) for x in numbers):
            raise ValueError("a learning rate or a loss is no finite number")
        return made


def run(
    schedule: Schedule,
    weights: Weights,
    ids: np.ndarray,
    n_parts: int,
    after_slice: Callable[[], bool],
    after_epoch: Callable[[], bool],
    before_epoch: Callable[[], bool],
    slice_ends: int | None = None,
) -> None:
    """Train to the end of the schedule, or until a function that is called in between says so.

    The schedule is right whenever Python code runs: an exception, Ctrl-C among them, loses
    nothing. slice_ends: blocks after which a slice has to end, for calls at fixed intervals.
    """
    at_once = n_parts
    N = schedule.n_blocks
    while not schedule.done:
        if schedule.next_block == 0 and before_epoch():
            return
        key = epoch_key(schedule.seed, schedule.call, schedule.epoch)
        while schedule.next_block < N:
            first = schedule.next_block
            last = min(N, first + at_once)
            if slice_ends is not None:
                last = min(last, (first // slice_ends + 1) * slice_ends)
            slope = (schedule.end_alpha - schedule.start_alpha) / (schedule.epochs * schedule.n)
            alpha = schedule.start_alpha + slope * schedule.epoch * schedule.n
            started = time.perf_counter()
            stats = weights.train(
                *(ids, first, last, schedule.block, key, alpha, slope),
                *(1 if schedule.compute_loss else LOSS_SAMPLE, n_parts),
            )
            schedule.sums.add(stats)
            schedule.next_block = last
            taken = time.perf_counter() - started
            wanted = (last - first) * min(4.0, SLICE_SECONDS / max(taken, 1e-6))
            at_once = max(1, int(wanted))
            if schedule.next_block < N and after_slice():
                return
        _close_epoch(schedule)
        # An epoch that has ended is over before anybody is called: a call may raise.
        stop = after_epoch()
        if stop or (not schedule.done and after_slice()):
            return


def _close_epoch(schedule: Schedule) -> None:
    schedule.losses.append(schedule.sums.mean_loss)
    schedule.total_loss += schedule.sums.loss / FRACTION
    schedule.words += schedule.sums.words
    schedule.sums = Sums()
    schedule.epoch += 1
    schedule.next_block = 0
