"""The rounds of a run: tasks for the engine, and the repair of what workers lose.

The state of the run is a round, the merged pieces of the round before it, and the replicas in the
workers. Each round is a pure function of the weights at its start. So whatever fails is done again,
from the newest weights that any replica, or else the run's folder, still holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fastw2v.distributed import steps
from fastw2v.distributed.engine import Ref
from fastw2v.distributed.errors import DamagedPiece, NeedsState, WorkersDied
from fastw2v.distributed.job import Job
from fastw2v.distributed.pieces import MERGED
from fastw2v.distributed.replica import State
from fastw2v.distributed.run_folder import RunFolder
from fastw2v.distributed.tasks import Tasks, TasksFailed
from fastw2v.word2vec.schedule import FRACTION

_MOST_PARTS = 16
_PART_BYTES = 1 << 26
_MOST_REPAIRS = 50  # of a round, without a task that succeeded


class RoundInfo(NamedTuple):
    """A round that has ended, for `on_round`.

    >>> RoundInfo(0, 40, 0.41, 1000, 0.5, 0.3, 0.1, 0.1, 3).words_per_second
    2000.0
    """

    round: int  # that has ended, from 0
    n_rounds: int
    loss: float  # mean per pair
    words: int  # after subsampling
    seconds: float
    train_seconds: float  # of the slowest shard
    merge_seconds: float  # of a part of the changes; the parts are merged at the same time
    other_seconds: float  # transport, the scheduler, and waiting
    slowest_shard: int

    @property
    def words_per_second(self) -> float:
        """Words per second of all workers together."""
        return self.words / max(self.seconds, 1e-9)


class Rewound(Exception):
    """The coordinator continues at another round than the one whose tasks failed."""


@dataclass
class Checkpoints:
    """The checkpoints of a run; `entries` names the files of the last one."""

    folder: RunFolder
    facts: dict[str, Any]
    every: float
    saved: float = 0.0
    round: int = 0
    entries: list[dict[str, Any]] = field(default_factory=list)


def _flat(lists: Iterable[list[Ref]]) -> list[Ref]:
    return [ref for refs in lists for ref in refs]


class Coordinator:
    """The rounds of a run on an engine.

    job_ref, shards the job and the ids of the shards in the cluster
    on_round        function of a `RoundInfo`; True ends the run
    """

    def __init__(
        self,
        tasks: Tasks,
        job: Job,
        job_ref: Ref,
        shards: Sequence[Ref],
        *,
        checkpoints: Checkpoints | None = None,
        on_round: Callable[[RoundInfo], Any] | None = None,
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.tasks, self.engine, self.clock = tasks, tasks.engine, tasks.clock
        self.job, self.job_ref, self.shards = job, job_ref, list(shards)
        self.checkpoints, self.on_round, self.warn = checkpoints, on_round, warn
        self.round = 0
        self.merged: list[Ref] = []  # of the round before
        self.state: Ref | None = None  # weights at the start of this round, where it was made
        self.history: list[tuple[int, int, int, int]] = []
        self.repairs = 0
        self.holders: set[str] = set()  # workers that have had the weights of this round
        self.homes: dict[int, str] = {}  # of the shards

    # ---- the whole run

    def run(self, start: Ref | None = None, round: int = 0) -> State:
        """Run from a round, whose weights are `start`, to the end; return the last weights.

        Ctrl-C returns those of the last whole round.
        """
        self.round, self.state = round, start
        self.tasks.watch = self._watch
        try:
            if start is not None:
                self.history = self._history_of(start)
            while self.round < self.job.n_rounds:
                if self._train_round():
                    break
            return self._weights()
        except KeyboardInterrupt:
            self._cancel()
            self.engine.ask(steps.stop, self.job.run)
            saved = self.checkpoints
            self.warn(
                f"stopped by Ctrl-C after round {self.round} of {self.job.n_rounds}"
                + (f"; resume continues from round {saved.round}" if saved is not None else "")
            )
            return self._weights()

    def _weights(self) -> State:
        target = self.round
        while True:
            try:
                state: State = self._settled_values({0: self._snapshot_task()})[0]
                self.history = state.history
                return state
            except Rewound:
                # The weights of the last whole round were lost: train it again.
                while self.round < target:
                    self._train_round()

    def _cancel(self) -> None:
        """Give up all tasks but those that made the job and the shards."""
        lasting = {id(ref) for ref in (self.job_ref, *self.shards)}
        live = [ref for key, ref in self.tasks.live.items() if key not in lasting]
        self.engine.cancel(live)

    def _history_of(self, state: Ref) -> list[tuple[int, int, int, int]]:
        ref = self.tasks.submit("history", steps.history_of, state)
        found: list[tuple[int, int, int, int]] = self.tasks.values([ref], "weights")[0]
        return found

    def _snapshot_task(self) -> Callable[[Ref | None], Ref]:
        def submit(state: Ref | None) -> Ref:
            if state is not None:
                return state
            where = self._donors()[1]
            return self.tasks.submit(
                f"weights-{self.round}",
                *(steps.snapshot, self.job_ref, self.round, *self.merged),
                where=where,
            )

        return submit

    # ---- a round

    def _train_round(self) -> bool:
        """Train the current round, or move to another; tell whether the user ends the run."""
        try:
            return self._whole_round()
        except Rewound:
            # Dask would make lost results again, in vain, as long as they have refs.
            kept = [self.job_ref, *self.shards, *self.merged, self.state]
            ids = {id(ref) for ref in kept}
            self.tasks.drop([ref for key, ref in self.tasks.live.items() if key not in ids])
            return False

    def _whole_round(self) -> bool:
        began = self.clock()
        round, job = self.round, self.job
        parts = self._n_parts()
        self._assign_homes()

        def task(shard: int) -> Callable[[Ref | None], Ref]:
            return lambda state: self.tasks.submit(
                f"train-{round}-{shard}",
                *(steps.train_shard, self.job_ref, self.shards[shard], round, parts, state),
                *self.merged,
                where=self._home(shard),
            )

        trains = {shard: task(shard)(self.state) for shard in range(job.shards)}
        while True:
            # They are submitted before the trains end, which saves a trip to the scheduler.
            slices, merges, sums = self._submit_merges(trains, parts)
            reports = [slices[k][parts] for k in range(job.shards)]
            try:
                self.tasks.finish(list(trains.values()), f"round {round}")
                self.tasks.finish([*merges, sums, *reports], f"round {round}")
                (counted, merging), *trained = self.tasks.gather([sums, *reports])
                break
            except TasksFailed as failed:
                self.tasks.drop([*merges, sums, *_flat(slices.values())])
                for k in self._spoiled(failed, trains):
                    self.tasks.drop([trains[k]])
                    trains[k] = task(k)(self.state)
        self.tasks.drop([*trains.values(), sums, *_flat(slices.values())])
        self.tasks.drop([*self.merged, *([self.state] if self.state is not None else [])])
        self.merged = merges
        self.holders = {report.address for report in trained}
        self.state, self.round, self.repairs = None, round + 1, 0
        self.history.append(counted)
        for k, report in enumerate(trained):
            self.homes[k] = report.address
        stop = self._report(round, trained, counted, self.clock() - began, merging)
        self._save_if_due(stop)
        return stop

    def _submit_merges(
        self, trains: dict[int, Ref], parts: int
    ) -> tuple[dict[int, list[Ref]], list[Ref], Ref]:
        """Return the items of each train, the merged parts, and the sums of the round."""
        round, job = self.round, self.job
        slices = {k: self.tasks.split(trains[k], parts + 1) for k in trains}
        merges = [
            self.tasks.submit(
                f"merge-{round}-{part}",
                *(steps.merge_part, job.run, job.rate(round), round, part),
                *(slices[k][part] for k in range(job.shards)),
            )
            for part in range(parts)
        ]
        return slices, merges, self.tasks.submit(f"sums-{round}", steps.sums_of, merges[0])

    def _report(
        self,
        round: int,
        trained: list[steps.Trained],
        counted: Any,
        seconds: float,
        merging: float,
    ) -> bool:
        if self.on_round is None:
            return False
        loss, pairs_in_it, _, words = counted
        slowest = max(range(len(trained)), key=lambda k: trained[k].seconds)
        spent = trained[slowest].seconds
        mean = loss / FRACTION / pairs_in_it if pairs_in_it else float("nan")
        info = RoundInfo(
            *(round, self.job.n_rounds, mean, words, seconds, spent, merging),
            *(max(0.0, seconds - spent - merging), slowest),
        )
        return bool(self.on_round(info))

    def _n_parts(self) -> int:
        n_bytes = 2 * len(self.job.vocabulary) * self.job.settings["vector_size"] * 4
        by_size = -(-n_bytes // _PART_BYTES)
        return max(1, min(_MOST_PARTS, max(by_size, len(self.engine.addresses()))))

    def _assign_homes(self) -> None:
        """Wish each shard to a worker: the one that has it, unless others have far fewer."""
        addresses = self.engine.addresses()
        if not addresses:
            return
        most = -(-self.job.shards // len(addresses))
        load = dict.fromkeys(addresses, 0)
        homeless = []
        for shard in range(self.job.shards):
            home = self.homes.get(shard, "")
            if home in load and load[home] < most:
                load[home] += 1
            else:
                homeless.append(shard)
        for shard in homeless:
            home = min(addresses, key=load.__getitem__)
            self.homes[shard] = home
            load[home] += 1

    def _home(self, shard: int) -> tuple[str, ...]:
        return (self.homes[shard],) if shard in self.homes else ()

    # ---- tasks and their failures

    def _settled(self, tasks: dict[Any, Callable[[Ref | None], Ref]]) -> dict[Any, Ref]:
        """Return the results of tasks of this round, after as many repairs as they need."""
        made = {k: submit(self.state) for k, submit in tasks.items()}
        while True:
            try:
                self.tasks.finish(list(made.values()), f"round {self.round}")
                return made
            except TasksFailed as failed:
                self._submit_again(failed, made, tasks)

    def _settled_values(self, tasks: dict[Any, Callable[[Ref | None], Ref]]) -> list[Any]:
        """Return the values of tasks of this round, which are dropped."""
        while True:
            made = self._settled(tasks)
            refs = list(made.values())
            try:
                values = self.tasks.gather(refs)
            except TasksFailed as failed:
                self._repaired(failed.errors)
                continue
            self.tasks.drop([ref for ref in refs if ref is not self.state])
            return values

    def _submit_again(
        self,
        failed: TasksFailed,
        made: dict[Any, Ref],
        tasks: dict[Any, Callable[[Ref | None], Ref]],
    ) -> None:
        bad = {id(ref) for ref, _ in failed.failures}
        state = self._repaired(failed.errors)
        for k, ref in made.items():
            if id(ref) in bad:
                self.tasks.drop([ref])
                made[k] = tasks[k](state)

    def _spoiled(self, failed: TasksFailed, trains: dict[int, Ref]) -> list[int]:
        """Return the shards to train again after tasks of a round have failed."""
        bad = {id(ref) for ref, _ in failed.failures}
        shards = {k for k in trains if id(trains[k]) in bad}
        if not shards:  # a merge has failed
            for error in failed.errors:
                if isinstance(error, DamagedPiece) and error.shard != MERGED:
                    self._count_repair(error)
                    shards.add(error.shard)
            if shards:
                return sorted(shards)
            shards = set(trains)
        self._repaired(failed.errors)
        return sorted(shards)

    def _count_repair(self, error: BaseException) -> None:
        self.repairs += 1
        if self.repairs > _MOST_REPAIRS:
            raise RuntimeError(
                f"round {self.round}: still failing after {_MOST_REPAIRS} repairs ({error}); look "
                "at the logs of the workers, and resume the run once they are healthy"
            ) from error

    def _repaired(self, errors: Sequence[BaseException]) -> Ref | None:
        """Return the weights of this round for tasks that lacked them, as a ref.

        Raises Rewound after a move to another round, and errors that have no repair.
        """
        for error in errors:
            if isinstance(error, WorkersDied):
                raise RuntimeError(
                    f"{error}: the task needs more memory than its workers have, or kills them; "
                    f"a replica takes {self.job.replica_bytes / 1e9:.3g} GB beside the ids of the "
                    "shard. Use workers with more memory, or a smaller vector_size or vocabulary; "
                    "then resume the run"
                ) from error
            if not isinstance(error, (NeedsState, DamagedPiece)):
                raise error
        self._count_repair(errors[0])
        if any(isinstance(e, DamagedPiece) or e.round != self.round for e in errors):
            # The merged pieces are damaged, or were lost and cannot be made again.
            self.tasks.drop(self.merged)
            self.merged = []
        while True:
            round, where = self._donors()
            if round is None:
                self._from_checkpoint()
                raise Rewound
            pieces = self.merged if round == self.round and self._needs_pieces else []
            ref = self.tasks.submit(
                f"weights-{round}", steps.snapshot, self.job_ref, round, *pieces, where=where
            )
            if round == self.round:
                self.state = ref
                return ref
            try:
                self._move_to(round, ref)
            except NeedsState as error:  # the donor is gone
                self._count_repair(error)
                continue
            raise Rewound

    def _donors(self) -> tuple[int | None, list[str]]:
        """Return the round of the best weights, and the workers that can give them.

        The best are those of this round; then those of the round before with the merged pieces;
        then the newest. None means the checkpoint, or the start of the run.
        """
        versions = {
            address: version
            for address, version in self.engine.ask(steps.version_of, self.job.run).items()
            if version is not None and version >= 0
        }
        self._needs_pieces = self.round not in versions.values()
        if not self._needs_pieces:
            wanted = self.round
        elif self.merged and self.round - 1 in versions.values():
            return self.round, [a for a, v in versions.items() if v == self.round - 1]
        else:
            wanted = max(versions.values(), default=0)
            saved = self.checkpoints
            if self.round > 0 and wanted <= (saved.round if saved is not None else 0):
                return None, []
        return wanted, [a for a, v in versions.items() if v == wanted]

    def _watch(self) -> None:
        """Give up the tasks of this round if no worker with weights of the run is left.

        New workers would otherwise make all rounds again, one after the other.
        """
        if not self.holders:
            return
        addresses = self.engine.addresses()
        if not addresses or not self.holders.isdisjoint(addresses):
            return
        self.holders = set()
        if self._donors()[0] is None:
            self._cancel()
            self._from_checkpoint()
            raise Rewound

    def _move_to(self, round: int, state: Ref | None) -> None:
        """Continue at another round. Raises NeedsState, with nothing changed, without a donor."""
        history = [] if state is None else self._history_of(state)
        self.tasks.drop(self.merged)
        self.merged, self.state, self.round, self.history = [], state, round, history
        self.holders = set()

    def _from_checkpoint(self) -> None:
        """Return to the last checkpoint, or to the start: no worker has the weights any more."""
        saved = self.checkpoints
        if saved is None or not saved.entries:
            self.warn(
                f"all workers that held the weights of round {self.round} were lost; the run "
                "starts again at round 0 (pass run=FOLDER to keep checkpoints)"
            )
            self._move_to(0, None)
            return
        manifest = saved.folder.read_manifest()
        self.warn(
            f"all workers that held the weights of round {self.round} were lost; the run continues "
            f"from the checkpoint of round {manifest['round']}"
        )
        ref = self.tasks.submit(
            *(f"load-{manifest['round']}", steps.load_state),
            *(self.job_ref, saved.folder, manifest),
        )
        self._move_to(int(manifest["round"]), ref)

    # ---- checkpoints

    def _save_if_due(self, stop: bool) -> None:
        saved = self.checkpoints
        ends = stop or self.round == self.job.n_rounds
        if saved is None or not (ends or self.clock() - saved.saved >= saved.every):
            return
        round, parts = self.round, self._n_parts()
        addresses = self.engine.addresses()

        def task(part: int) -> Callable[[Ref | None], Ref]:
            return lambda state: self.tasks.submit(
                f"save-{round}-{part}",
                *(steps.save_part, self.job_ref, saved.folder, round, part, parts, state),
                *self.merged,
                where=addresses[part % len(addresses) :][:1] if addresses else (),
            )

        try:
            entries = self._settled_values({p: task(p) for p in range(parts)})
            saved.folder.write_manifest(saved.facts | {"round": round, "rows": entries})
        except OSError as error:  # the disk may be full, or away for a while
            self.warn(
                f"the checkpoint of round {round} could not be written ({error}); the run goes on, "
                f"and resume would continue from round {saved.round}"
            )
            saved.saved = self.clock()
            return
        saved.folder.remove_round([e for e in saved.entries if e not in entries])
        saved.entries, saved.round, saved.saved = entries, round, self.clock()
