"""The course of a training: sizes of blocks and batches, keys, sums of losses, the state."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from fastw2v._kernels._word2vec import SHARED_NEGATIVES, SKIP_GRAM, TOGETHER
from fastw2v.word2vec.tables import keep_thresholds

BLOCK = 8192  # positions; a short corpus has shorter blocks, or it would be one
LEAST_BLOCK = 256
LONG_WORK = 10_000  # contexts and outputs of a position beyond which blocks are shorter
BLOCKS = 64
PLANNED_BLOCK = 256  # positions of a block where threads go through the same centres
PLANNED_CONTEXTS = 1 << 15  # most contexts of all centres in a planned block
# Most centres that are scored before the first of them is learned. Those of CBOW make a span of
# windows; the rows of those of skip-gram, which are more, have to fit into a cache.
BATCH = 32
BATCH_OF_PAIRS = 4
BATCH_CHANGES = 8  # changes of one word between its score and its last change
LOSS_SAMPLE = 64  # centres from one loss to the next, unless all losses are asked for
# Losses of blocks are added as whole multiples of 1 / FRACTION, in any order the same.
FRACTION = 1 << 20
MOST_LOSS = 1e12  # of a block: far beyond any that learns, and well inside 64 bits


def block_size(n: int, window: int = 5, negative: int = 5) -> int:
    """Return the positions of a block for a corpus of n positions.

    The number of workers has no say, so that draws do not depend on it. Many contexts or negatives
    of a word make blocks shorter, because Ctrl-C is noticed between two blocks.
    """
    return shortened(max(LEAST_BLOCK, min(BLOCK, n // BLOCKS)), window, negative)


def shortened(block: int, window: int, negative: int) -> int:
    """Return the positions of a block whose training takes about as long as usual."""
    work = (window + negative) * (negative + 1)  # about, for each position
    return max(1, block * LONG_WORK // max(work, LONG_WORK))


def planned_block_size(n: int, window: int) -> int:
    """Return the positions of a block where all threads go through the same centres.

    The centres and contexts of such a block fit into a cache.
    """
    return min(block_size(n), max(1, min(PLANNED_BLOCK, PLANNED_CONTEXTS // window)))


def batch_size(counts: np.ndarray, sample: float, window: int, negative: int, mode: int) -> int:
    """Return the centres of a batch in which the most frequent word is changed BATCH_CHANGES times.

    More changes of a row would be steps from weights that are out of date.
    """
    left = counts * keep_thresholds(counts, sample)[0]
    share = float(left.max() / left.sum())
    if mode & SKIP_GRAM:
        # A word is changed as a context, of which a centre has window + 1 on average, or as an
        # output.
        changes = share * (window + 1 + negative + 1)
        return int(np.clip(BATCH_CHANGES / changes, 1, BATCH_OF_PAIRS))
    # As a context of CBOW, the kernel counts the changes itself.
    changes = share * (1 + negative / (TOGETHER if mode & SHARED_NEGATIVES else 1))
    return int(np.clip(BATCH_CHANGES / changes, 1, BATCH))


def epoch_key(seed: int, call: int, epoch: int) -> int:
    """Return the random key of an epoch."""
    return int(np.random.SeedSequence([seed, call, epoch]).generate_state(1, np.uint64)[0])


@dataclass
class Sums:
    """Sums over blocks, in whole numbers so that the order of adding does not matter."""

    loss: int = 0
    loss_pairs: int = 0
    pairs: int = 0
    words: int = 0

    def add(self, stats: np.ndarray) -> None:
        """Add what `Weights.train` returned. Raises FloatingPointError if training diverged."""
        if not (np.abs(stats[:, 0]) < MOST_LOSS).all():
            raise FloatingPointError(
                f"the loss of a block is {stats[:, 0].max()}: training diverged; train a new model "
                "with a smaller alpha"
            )
        self.loss += int(np.rint(stats[:, 0] * FRACTION).astype(np.int64).sum())
        self.loss_pairs += int(stats[:, 1].sum())
        self.pairs += int(stats[:, 2].sum())
        self.words += int(stats[:, 3].sum())

    @property
    def mean_loss(self) -> float:
        """Mean loss per pair; NaN if no pair's loss was computed."""
        return self.loss / FRACTION / self.loss_pairs if self.loss_pairs else float("nan")


@dataclass
class Schedule:
    """The state of a training: its settings, its position, and its losses so far."""

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
    loss_before: float = 0.0  # the part of `loss` that the user has read and set to 0
    ids_crc: int = 0  # checksum of the corpus that is saved beside a checkpoint

    @property
    def n_blocks(self) -> int:
        """Number of blocks per epoch."""
        return -(-self.n // self.block)

    @property
    def done(self) -> bool:
        """True once all epochs have been trained."""
        return self.epoch >= self.epochs

    @property
    def progress(self) -> float:
        """Share of the training that is done, from 0 to 1."""
        if self.done:
            return 1.0
        return (self.epoch + min(1.0, self.next_block * self.block / self.n)) / self.epochs

    @property
    def alpha(self) -> float:
        """The learning rate at this point."""
        return self.start_alpha + (self.end_alpha - self.start_alpha) * self.progress

    @property
    def loss(self) -> float:
        """Sum of the losses of all pairs so far."""
        return self.total_loss + self.sums.loss / FRACTION

    def close_epoch(self) -> None:
        """Record the losses of the epoch and move to the next one."""
        self.losses.append(self.sums.mean_loss)
        self.total_loss += self.sums.loss / FRACTION
        self.words += self.sums.words
        self.sums = Sums()
        self.epoch += 1
        self.next_block = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the state as a dict that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Schedule:
        """Rebuild a schedule from `as_dict`. Raises TypeError or ValueError if facts do not fit."""
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
        numbers = [made.start_alpha, made.end_alpha, made.total_loss, made.loss_before]
        if type(made.losses) is not list or type(made.compute_loss) is not bool:
            raise TypeError("the losses are no list")
        # The mean loss of an epoch without pairs is NaN.
        if not all(type(x) is float for x in made.losses):
            raise TypeError("the losses are no numbers")
        if not all(type(x) in (int, float) and math.isfinite(x) for x in numbers):
            raise ValueError("a learning rate or a loss is no finite number")
        return made
