"""The engine on Dask distributed, by its public task API alone."""

from __future__ import annotations

import contextlib
import operator
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fastw2v.distributed.errors import ClusterLost, WorkersDied
from fastw2v.distributed.places import Here, Place, entered

_LOST_AFTER = 30.0  # seconds without a connection to the scheduler
_LARGE_GRAPH = "distributed.admin.large-graph-warning-threshold"

_heres: weakref.WeakKeyDictionary[Any, Here] = weakref.WeakKeyDictionary()


def here_of(worker: Any) -> Here:
    """Return the `Here` of a Dask worker; several workers of one process have one each."""
    found = _heres.get(worker)
    if found is None:
        found = _heres[worker] = Here(
            address=worker.address,
            folder=worker.local_directory,
            threads=worker.state.nthreads,
            memory=int(worker.memory_manager.memory_limit or 0),
        )
    return found


def run_task(f: Callable[..., Any], *args: Any) -> Any:
    """Run a task in the `Here` of its worker."""
    from distributed import get_worker

    with entered(here_of(get_worker())):
        return f(*args)


def answer(f: Callable[..., Any], args: tuple[Any, ...], dask_worker: Any = None) -> Any:
    """Answer a question in the `Here` of a worker."""
    with entered(here_of(dask_worker)):
        return f(*args)


def facts() -> Place:
    """Return the facts of the worker that is asked."""
    from fastw2v.distributed.places import here

    return here().facts()


class DaskEngine:
    """Tasks on the workers of a Dask client. It has the methods of `Engine`."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.known: dict[str, Place] = {}
        self.seen = time.monotonic()

    def places(self) -> list[Place]:
        addresses = self.addresses()
        if any(address not in self.known for address in addresses):
            self.known = {address: Place(*found) for address, found in self.ask(facts).items()}
        return [self.known[address] for address in addresses if address in self.known]

    def addresses(self) -> list[str]:
        # A client without a scheduler has no workers either.
        return list(self.client.scheduler_info(n_workers=-1).get("workers", {}))

    def submit(self, f: Callable[..., Any], *args: Any, key: str, where: Sequence[str] = ()) -> Any:
        import dask

        wish = {"workers": list(where), "allow_other_workers": True} if where else {}
        # The words of a vocabulary are large.
        with self._connected(), dask.config.set({_LARGE_GRAPH: "1 GB"}):
            return self.client.submit(run_task, f, *args, key=key, pure=False, **wish)

    def split(self, ref: Any, n: int) -> list[Any]:
        submit = self.client.submit
        with self._connected():
            return [
                submit(operator.getitem, ref, i, key=f"{ref.key}-part-{i}", pure=False)
                for i in range(n)
            ]

    def lazy(self, content: Any) -> Any:
        with self._connected():
            return self.client.compute(content)

    def wait(
        self, refs: Sequence[Any], timeout: float
    ) -> tuple[list[Any], list[tuple[Any, BaseException]]]:
        from concurrent.futures import CancelledError

        import distributed

        self._check_connection()
        with contextlib.suppress(TimeoutError, CancelledError):
            distributed.wait(list(refs), timeout=timeout, return_when="FIRST_COMPLETED")
        done = [ref for ref in refs if ref.status == "finished"]
        failed = [(ref, self._error(ref)) for ref in refs if ref.status == "error"]
        # A "lost" result is made again; a "cancelled" one is not.
        gone = [ref for ref in refs if ref.status == "cancelled"]
        if gone:
            raise ClusterLost(
                f"{gone[0].key}: the scheduler has lost this task, perhaps because it was started "
                "anew; resume the run with fastw2v.distributed.resume"
            )
        return done, failed

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        """Raise ClusterLost where a call fails because the client has been closed."""
        try:
            yield
        except Exception:
            if self.client.status in ("closing", "closed"):
                self._check_connection()
            raise

    def _check_connection(self) -> None:
        now = time.monotonic()
        if self.client.status == "running":
            self.seen = now
        elif self.client.status in ("closing", "closed") or now - self.seen > _LOST_AFTER:
            raise ClusterLost(
                f"the connection to the scheduler is {self.client.status}; start a cluster and "
                "resume the run with fastw2v.distributed.resume"
            )

    def _error(self, ref: Any) -> BaseException:
        from distributed.scheduler import KilledWorker

        error: BaseException = ref.exception()
        if isinstance(error, KilledWorker):
            return WorkersDied(ref.key, f"several workers died during it ({error})")
        return error

    def gather(self, refs: Sequence[Any], timeout: float = 900.0) -> list[Any]:
        # Unlike Client.gather, this ends if a value was lost and no worker makes it again.
        with self._connected():
            return [ref.result(timeout=timeout) for ref in refs]

    def release(self, refs: Sequence[Any]) -> None:
        for ref in refs:
            ref.release()

    def cancel(self, refs: Sequence[Any]) -> None:
        self.client.cancel([ref for ref in refs if ref.status == "pending"], force=True)

    def ask(self, f: Callable[..., Any], *args: Any) -> dict[str, Any]:
        with self._connected():
            answers: dict[str, Any] = self.client.run(answer, f, args, on_error="ignore")
            return answers

    def whereabouts(self, refs: Sequence[Any]) -> str:
        wanted = {ref.key for ref in refs}
        found = []
        for address, keys in self.client.processing().items():
            found += [f"{key} on {address}" for key in keys if key in wanted]
        if not self.addresses():
            found.append("any worker: the cluster has none")
        return ", ".join(found) or f"{sorted(wanted)[0]}, which no worker runs"
