"""Tasks of a run on an engine: their names, their end, and the alarm if none ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastw2v.distributed.engine import Engine, Ref
from fastw2v.distributed.errors import ClusterLost

_POLL = 0.5  # seconds between two looks at the clock


class TasksFailed(Exception):
    """Tasks that failed, with their errors."""

    def __init__(self, failures: list[tuple[Ref, BaseException]]) -> None:
        super().__init__(failures)
        self.failures = failures

    @property
    def errors(self) -> list[BaseException]:
        """The errors of the tasks."""
        return [error for _, error in self.failures]


class Tasks:
    """The tasks of a run that have been submitted and not been dropped.

    stall       seconds without a finished task after which `finish` raises TimeoutError
    """

    def __init__(self, engine: Engine, run: str, stall: float, clock: Callable[[], float]) -> None:
        self.engine, self.run, self.stall, self.clock = engine, run, stall, clock
        self.watch: Callable[[], None] = lambda: None  # called while `finish` waits
        self.live: dict[int, Ref] = {}
        self.n_submitted = 0

    def submit(self, name: str, f: Any, *args: Any, where: Sequence[str] = ()) -> Ref:
        """Start f(*args). The key of the task holds its name and is never used again."""
        self.n_submitted += 1
        key = f"fw-{self.run}-{name}-{self.n_submitted}"
        ref = self.engine.submit(f, *args, key=key, where=where)
        self.live[id(ref)] = ref
        return ref

    def split(self, ref: Ref, n: int) -> list[Ref]:
        """Return the n items of a result that is a list."""
        refs = self.engine.split(ref, n)
        self.live |= {id(one): one for one in refs}
        return refs

    def drop(self, refs: Sequence[Ref]) -> None:
        """Release results that no further task needs."""
        for ref in refs:
            self.live.pop(id(ref), None)
        self.engine.release(refs)

    def drop_all(self) -> None:
        """Give up all tasks."""
        refs = list(self.live.values())
        self.live = {}
        self.engine.cancel(refs)
        self.engine.release(refs)

    def finish(self, refs: Sequence[Ref], what: str) -> None:
        """Wait until all refs are done. Raises `TasksFailed` as soon as any has failed."""
        pending, last = list(refs), self.clock()
        while pending:
            self.watch()
            done, failed = self.engine.wait(pending, _POLL)
            if failed:
                raise TasksFailed(failed)
            if done:
                gone = {id(ref) for ref in done}
                pending = [ref for ref in pending if id(ref) not in gone]
                last = self.clock()
            elif self.clock() - last > self.stall:
                raise TimeoutError(
                    f"{what}: no task has ended for {self.stall:g} seconds, waiting for "
                    f"{self.engine.whereabouts(pending)}; look at the logs of these workers, "
                    "start new ones, or raise stall if a task takes as long"
                )

    def finish_or_raise(self, refs: Sequence[Ref], what: str) -> None:
        """Wait until all refs are done. Raises the error of a task that has failed."""
        try:
            self.finish(refs, what)
        except TasksFailed as failed:
            raise failed.errors[0] from None

    def gather(self, refs: Sequence[Ref]) -> list[Any]:
        """Return results that are there. Raises TasksFailed if one was lost and made in vain."""
        try:
            return self.engine.gather(refs, self.stall)
        except ClusterLost:
            raise
        except Exception as error:
            raise TasksFailed([(ref, error) for ref in refs]) from error

    def values(self, refs: Sequence[Ref], what: str) -> list[Any]:
        """Wait for results and drop them; return their values. Raises the error of a task."""
        self.finish_or_raise(refs, what)
        found = self.engine.gather(refs, self.stall)
        self.drop(refs)
        return found
