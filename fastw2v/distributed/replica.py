"""The weights of a run in one worker process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastw2v._core import threads
from fastw2v.distributed.errors import DamagedPiece, NeedsState, Stopped
from fastw2v.distributed.job import Job
from fastw2v.distributed.pieces import MERGED, Piece, part_of
from fastw2v.distributed.places import here
from fastw2v.word2vec import engine
from fastw2v.word2vec.changes import Rows, add_changes, changed_ids, take_changes
from fastw2v.word2vec.corpus import EncodedCorpus, widest_reach
from fastw2v.word2vec.weights import padded_weights

History = list[tuple[int, int, int, int]]


@dataclass
class State:
    """Weights at the start of a round, and the sums of all rounds before it."""

    run: str
    round: int
    tables: list[np.ndarray]
    history: History

    def __sizeof__(self) -> int:
        return 200 + sum(table.nbytes for table in self.tables)


class Replica:
    """The tables of a run at the start of a round, and their training.

    `before` is a copy of the tables; both are equal outside of `train`. `version` is the round
    whose start they hold. Callers hold `lock` around every method.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.lock = threading.Lock()
        self.stopped = False
        self._start()

    def _start(self) -> None:
        model = self.job.model()
        self.shell, self.weights = model, padded_weights(model)
        D = model.vector_size
        weights = self.weights
        self.tables = [weights.inputs[:, :D]]
        self.tables += [weights.outputs[:, :D]] if model.negative else []
        self.tables += [weights.nodes[:, :D]] if model.hs else []
        self.before = [table.copy() for table in self.tables]
        self.updates = [np.zeros(len(table), np.uint32) for table in self.tables]
        counted = iter(self.updates)
        weights.touched_in = next(counted)
        if model.negative:
            weights.touched_out = next(counted)
        if model.hs:
            weights.touched_nodes = next(counted)
        # The weights are what is trained: the model keeps the settings alone.
        model.wv.vectors, model.syn1neg, model.syn1 = self.before[0], None, None
        self.version = 0
        self.history: History = []
        self.reaches: dict[int, int] = {}

    # ---- rounds

    def bring_to(
        self, round: int, pieces: Sequence[Piece] = (), state: State | None = None
    ) -> None:
        """Make this the replica at the start of a round, from merged pieces or from a state.

        Raises NeedsState if neither leads there.
        """
        if self.version == round:
            return
        if state is not None and state.run == self.job.run and state.round == round:
            self._adopt(state)
        elif pieces and self.version == round - 1:
            self._apply(pieces)
        elif round == 0 and self.version < 0:
            self._start()
        else:
            raise NeedsState(here().address, self.version, round)

    def _adopt(self, state: State) -> None:
        shapes = [table.shape for table in state.tables]
        if shapes != [table.shape for table in self.tables]:
            raise ValueError(f"{self.job.run}: a state of shapes {shapes} is of another run")
        self.version = -1  # until all tables are there
        for table, before, new in zip(self.tables, self.before, state.tables, strict=True):
            table[...] = before[...] = new
        self.history = list(state.history)
        self.version = state.round

    def _apply(self, pieces: Sequence[Piece]) -> None:
        for part, piece in enumerate(pieces):
            piece.check(self.job.run, self.version, MERGED, part)
            if piece.parts != len(pieces) or len(piece.tables) != len(self.tables):
                raise DamagedPiece(MERGED, self.version, "parts or tables are missing")
        version, self.version = self.version, -1
        for piece in pieces:
            for table, before, rows in zip(self.tables, self.before, piece.tables, strict=True):
                if piece.whole:
                    table[rows.ids] = before[rows.ids] = rows.numbers
                else:
                    add_changes(table, before, rows, self._threads())
        self.history.append(pieces[0].sums)
        self.version = version + 1

    def state(self) -> State:
        """Return a copy of the weights."""
        tables = [before.copy() for before in self.before]
        return State(self.job.run, self.version, tables, list(self.history))

    # ---- training

    def train(self, shard: int, text: EncodedCorpus, parts: int) -> list[Piece]:
        """Train the blocks of this round of a shard; return its changes in parts.

        The weights are those of the start of the round again.
        """
        job, ids, weights = self.job, text.ids, self.weights
        epoch, number = job.place_of(self.version)
        if shard not in self.reaches:
            self.reaches[shard] = widest_reach(self.shell.window, text)
        n, reach = len(ids), self.reaches[shard]
        block = job.block_of(self.shell, n, reach)
        n_blocks = -(-n // block)
        slope = (self.shell.min_alpha - job.alpha) / (job.epochs * n)
        for counts in self.updates:
            counts[:] = 0
        try:
            sums = engine.train_blocks(
                *(weights, ids, n_blocks * number // job.rounds),
                *(n_blocks * (number + 1) // job.rounds, block, job.key(shard, epoch)),
                *(job.alpha + slope * epoch * n, slope, self._threads()),
                engine.blocks_at_once(n, reach, weights.negative, block),
                loss_every=1 if self.shell.compute_loss else engine.LOSS_SAMPLE,
                stop=lambda: self.stopped,
            )
            weights.merge_stripes()
            tables = [self._changes(i) for i in range(len(self.tables))]
        except FloatingPointError as error:
            self._restore()
            raise FloatingPointError(f"shard {shard}, round {self.version}: {error}") from error
        except KeyboardInterrupt as error:
            self._restore()
            if self.stopped:  # KeyboardInterrupt in a task ends the process of a Dask worker
                raise Stopped(f"shard {shard}, round {self.version}: the run ends") from error
            raise
        except BaseException:
            self._restore()
            raise
        counted = (sums.loss, sums.loss_pairs, sums.pairs, sums.words)
        return [
            Piece(
                *(job.run, self.version, shard, part, parts),
                [part_of(rows, part, parts) for rows in tables],
                job.whole_rows,
                counted if part == 0 else (0, 0, 0, 0),
            ).sealed()
            for part in range(parts)
        ]

    def _threads(self) -> int:
        n = self.shell.workers or here().threads or threads.get_num_threads()
        return threads.claim(n)

    def _changes(self, i: int) -> Rows:
        """Return the changes of a table, which is reset."""
        table, before = self.tables[i], self.before[i]
        ids = changed_ids(table, before, self._threads())
        updates = self.updates[i][ids]
        if self.job.whole_rows:
            new = table[ids]
            table[ids] = before[ids]
            return Rows(ids, new, updates)
        return Rows(ids, take_changes(table, before, ids, self.job.wire, self._threads()), updates)

    def _restore(self) -> None:
        self.weights.merge_stripes()
        for table, before in zip(self.tables, self.before, strict=True):
            table[...] = before


def replica_of(job: Job) -> Replica:
    """Return the replica of a run in this process; the first task of the run makes it."""
    place = here()
    with place.lock:
        found: Any = place.replicas.get(job.run)
        if found is None:
            found = place.replicas[job.run] = Replica(job)
        return found  # type: ignore[no-any-return]
