"""An engine in this process: several places, one task at a time.

It is the reference of the other engine, and the stage of the tests: a `script` decides the order of
tasks, the loss of a place and the damage of a result, all of which are exact.
"""

from __future__ import annotations

import operator
import pickle
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastw2v.distributed.errors import WorkersDied
from fastw2v.distributed.places import Here, Place, entered

_MOST_DEATHS = 3  # of workers during one task, as in Dask


class Died(BaseException):
    """The death of a place, raised by a hook of a test inside a task."""


@dataclass(eq=False)
class Task:
    """A task and its result, which is lost with the place that holds it."""

    key: str
    f: Callable[..., Any]
    args: tuple[Any, ...]
    where: tuple[str, ...] = ()
    done: bool = False
    value: Any = None
    error: BaseException | None = None
    address: str = ""
    deaths: int = 0
    hung: bool = False
    copies: dict[str, Any] = field(default_factory=dict)  # by the address that received one
    inputs: list[Task] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """True if the task need not run."""
        return self.done or self.error is not None


class SerialEngine:
    """Tasks in this process. It has the methods of `Engine`.

    places      number of places, or a list of them
    seed        None runs tasks in the order in which they were submitted; a number in random
                order, and one of four in another place than the wished one
    script      function (event, task, engine), event "before" or "after" a task, which may call
                `kill`, `join`, or change `task.value`

    >>> from fastw2v.distributed import SerialEngine
    >>> engine = SerialEngine(places=2)
    >>> five = engine.submit(max, engine.submit(abs, -5, key="abs"), 2, key="max")
    >>> engine.gather([five])
    [5]
    """

    def __init__(
        self,
        places: int | list[Here] = 1,
        *,
        seed: int | None = None,
        script: Callable[[str, Task, SerialEngine], None] | None = None,
        clock: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        given = places if isinstance(places, list) else [None] * places
        self.here: dict[str, Here] = {}
        self.n_joined = 0
        for place in given:
            self.join(place)
        self.random = None if seed is None else random.Random(seed)
        self.script, self.clock = script, clock
        self.log: list[str] = []

    # ---- places

    def join(self, place: Here | None = None) -> str:
        """Add a place; return its address."""
        place = place or Here()
        place.address = f"place-{self.n_joined}"
        self.n_joined += 1
        self.here[place.address] = place
        return place.address

    def kill(self, address: str) -> None:
        """Remove a place with its replicas and results."""
        del self.here[address]

    def places(self) -> list[Place]:
        return [place.facts() for place in self.here.values()]

    def addresses(self) -> list[str]:
        return list(self.here)

    # ---- tasks

    def submit(
        self, f: Callable[..., Any], *args: Any, key: str, where: Sequence[str] = ()
    ) -> Task:
        inputs = [arg for arg in args if isinstance(arg, Task)]
        return Task(key, f, args, tuple(where), inputs=inputs)

    def split(self, ref: Task, n: int) -> list[Task]:
        return [self.submit(operator.getitem, ref, i, key=f"{ref.key}-part-{i}") for i in range(n)]

    def lazy(self, content: Any) -> Any:
        return content.compute(scheduler="sync")

    def _available(self, task: Task) -> bool:
        return task.done and task.address in self.here

    def _ready(self, task: Task, found: list[Task], seen: set[Task]) -> None:
        """Collect the tasks that can run now and that `task` waits for."""
        if self._available(task) or task.error is not None or task in seen:
            return
        seen.add(task)
        task.done = False
        for given in task.inputs:
            if given.error is not None:
                task.error = given.error
                return
        missing = [given for given in task.inputs if not self._available(given)]
        for given in missing:
            self._ready(given, found, seen)
            if given.error is not None:
                task.error = given.error
                return
        if not missing and not task.hung:
            found.append(task)

    def _place_for(self, task: Task) -> Here:
        wished = [address for address in task.where if address in self.here]
        if self.random is not None and (not wished or self.random.random() < 0.25):
            return self.here[self.random.choice(list(self.here))]
        held = [given.address for given in task.inputs]
        return self.here[(wished or held or list(self.here))[0]]

    def _run(self, task: Task) -> None:
        place = self._place_for(task)
        task.address = place.address
        self.log.append(task.key)
        self._tell("before", task)
        if place.address not in self.here:
            return
        args = [self._value(arg, place) if isinstance(arg, Task) else arg for arg in task.args]
        try:
            with entered(place):
                value = task.f(*args)
        except Died:
            self.kill(place.address)
            task.deaths += 1
            if task.deaths >= _MOST_DEATHS:
                task.error = WorkersDied(task.key, f"{task.deaths} workers died during it")
            return
        except Exception as error:
            task.error = error
            return
        task.value, task.done, task.copies = value, True, {}
        self._tell("after", task)

    def _value(self, task: Task, place: Here) -> Any:
        """Return a value as another process would receive it."""
        if task.address == place.address:
            return task.value
        if place.address not in task.copies:
            with entered(place):
                task.copies[place.address] = pickle.loads(pickle.dumps(task.value))
        return task.copies[place.address]

    def _tell(self, event: str, task: Task) -> None:
        if self.script is not None:
            self.script(event, task, self)

    def wait(
        self, refs: Sequence[Task], timeout: float
    ) -> tuple[list[Task], list[tuple[Task, BaseException]]]:
        ready: list[Task] = []
        seen: set[Task] = set()
        if self.here:
            for ref in refs:
                self._ready(ref, ready, seen)
        if ready and not any(self._available(ref) or ref.error for ref in refs):
            self._run(ready[0] if self.random is None else self.random.choice(ready))
        elif not any(self._available(ref) or ref.error for ref in refs):
            self.clock(timeout)
        done = [ref for ref in refs if self._available(ref)]
        failed = [(ref, ref.error) for ref in refs if ref.error is not None]
        return done, failed

    def gather(self, refs: Sequence[Task]) -> list[Any]:
        for ref in refs:
            while not self._available(ref) and ref.error is None:
                if not self.here or ref.hung:
                    raise TimeoutError(f"{ref.key}: no place is left")
                self.wait([ref], 1.0)
            if ref.error is not None:
                raise ref.error
        return [ref.value for ref in refs]

    def release(self, refs: Sequence[Task]) -> None:
        for ref in refs:  # a task that needs the value runs this one again
            ref.done, ref.value, ref.copies = False, None, {}

    cancel = release

    def ask(self, f: Callable[..., Any], *args: Any) -> dict[str, Any]:
        answers = {}
        for address, place in self.here.items():
            with entered(place):
                answers[address] = f(*args)
        return answers

    def whereabouts(self, refs: Sequence[Task]) -> str:
        return ", ".join(
            f"{ref.key} on {ref.address or 'no worker'}" for ref in refs if not ref.over
        )
