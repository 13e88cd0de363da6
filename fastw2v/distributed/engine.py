"""The methods of an engine, which runs the tasks of the coordinator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from fastw2v.distributed.places import Place

Ref = Any  # the result of a task, which need not be there yet


class Engine(Protocol):
    """Tasks on the workers of a cluster.

    A task that fails with its worker runs again elsewhere, and so do tasks whose results are lost
    with a worker. Refs among the arguments of a task arrive as values at its worker.
    """

    def places(self) -> list[Place]:
        """Return the workers of this moment."""

    def addresses(self) -> list[str]:
        """Return the addresses of the workers of this moment, without asking them."""

    def submit(self, f: Callable[..., Any], *args: Any, key: str, where: Sequence[str] = ()) -> Ref:
        """Start f(*args); `where` is a wish."""

    def split(self, ref: Ref, n: int) -> list[Ref]:
        """Return the n items of a result that is a list."""

    def lazy(self, content: Any) -> Ref:
        """Return what a partition of a Dask collection will hold."""

    def wait(
        self, refs: Sequence[Ref], timeout: float
    ) -> tuple[list[Ref], list[tuple[Ref, BaseException]]]:
        """Wait until one of the refs is done or the time is over; return (done, failed) ones."""

    def gather(self, refs: Sequence[Ref]) -> list[Any]:
        """Return the values of refs that are done."""

    def release(self, refs: Sequence[Ref]) -> None:
        """Tell that these values are needed by no further task."""

    def cancel(self, refs: Sequence[Ref]) -> None:
        """Give up tasks that may be running."""

    def ask(self, f: Callable[..., Any], *args: Any) -> Mapping[str, Any]:
        """Call a short f(*args) in each worker; return the answers that came, by address."""

    def whereabouts(self, refs: Sequence[Ref]) -> str:
        """Describe what these tasks are waiting for, for the message of a stall."""
