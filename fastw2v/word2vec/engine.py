"""The training loop around the kernel `_word2vec`: slices of a corpus, epoch after epoch.

An epoch is cut into blocks of fixed size. The kernel trains some blocks at a time, about a tenth of
a second of work, and between two slices there is time for Ctrl-C, callbacks and a progress bar.
Draws and learning rate belong to the block, so the ends of slices do not affect results.

tables.py holds the arrays, schedule.py the state; their names are here too.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from fastw2v._kernels._word2vec import (
    EXACT_GRADIENT,
    FRESH_NEGATIVES,
    MEAN,
    SHARED_NEGATIVES,
    SHRINK,
    SKIP_GRAM,
)
from fastw2v.word2vec.schedule import (
    BLOCK,
    LOSS_SAMPLE,
    Schedule,
    Sums,
    batch_size,
    block_size,
    epoch_key,
    planned_block_size,
    shortened,
)
from fastw2v.word2vec.tables import (
    HuffmanWays,
    Weights,
    alias_table,
    check_ways,
    huffman,
    keep_thresholds,
    near_shares,
    padded,
)

__all__ = [
    "BLOCK",
    "EXACT_GRADIENT",
    "FRESH_NEGATIVES",
    "LOSS_SAMPLE",
    "MEAN",
    "SHARED_NEGATIVES",
    "SHRINK",
    "SKIP_GRAM",
    "HuffmanWays",
    "Schedule",
    "Sums",
    "Weights",
    "alias_table",
    "batch_size",
    "block_size",
    "blocks_at_once",
    "check_ways",
    "epoch_key",
    "huffman",
    "keep_thresholds",
    "near_shares",
    "padded",
    "planned_block_size",
    "run",
    "shortened",
    "train_blocks",
]

SLICE_SECONDS = 0.1


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
    """Train to the end of the schedule, or until one of the functions returns True.

    before_epoch, after_slice and after_epoch are called at these points, when the schedule is up to
    date: an exception that they raise, Ctrl-C included, loses nothing. A slice also ends after
    every slice_ends blocks of an epoch, for calls at fixed intervals, whole rounds.
    """
    at_once = n_parts
    N, unit = schedule.n_blocks, weights.blocks_of_round(schedule.block)
    while not schedule.done:
        if schedule.next_block == 0 and before_epoch():
            return
        key = epoch_key(schedule.seed, schedule.call, schedule.epoch)
        while schedule.next_block < N:
            first = schedule.next_block
            last = min(N, -(-(first + at_once) // unit) * unit)
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
        schedule.close_epoch()
        # The epoch is closed before the calls, which may raise.
        stop = after_epoch()
        if stop or (not schedule.done and after_slice()):
            return


def train_blocks(
    weights: Weights,
    ids: np.ndarray,
    first: int,
    last: int,
    block: int,
    key: int,
    alpha: float,
    slope: float,
    n_parts: int,
    at_once: int,
    *,
    loss_every: int = LOSS_SAMPLE,
    stop: Callable[[], bool] = lambda: False,
) -> Sums:
    """Train blocks [first, last) of whole ids, at_once of them at a time; return their sums.

    alpha is the learning rate at position 0 of the ids and slope its change for each position.
    Ctrl-C is noticed and stop is asked between two calls of the kernel; True raises
    KeyboardInterrupt.
    """
    sums = Sums()
    for begin in range(first, last, at_once):
        if stop():
            raise KeyboardInterrupt
        end = min(last, begin + at_once)
        stats = weights.train(ids, begin, end, block, key, alpha, slope, loss_every, n_parts)
        sums.add(stats)
    return sums


def blocks_at_once(n: int, reach: int, negative: int, block: int) -> int:
    """Return the number of blocks that a call of the kernel trains in a fraction of a second."""
    return 4 * max(1, block_size(n, reach, negative) // block)
