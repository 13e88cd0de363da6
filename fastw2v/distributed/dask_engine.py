"""The engine on Dask distributed, by its public task API alone."""

from __future__ import annotations

import contextlib
import operator
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fastw2v._version import __version__
from fastw2v.distributed.errors import ClusterLost, WorkersDied
from fastw2v.distributed.places import Here, Place, entered, here

_LOST_AFTER = 30.0  # seconds without a connection to the scheduler
_SILENT_AFTER = 120.0  # seconds without an answer over a connection that is there
_WAITS = 100
_RESUME = (
    "start a cluster, and resume the run with fastw2v.distributed.resume if it has a folder (run=)"
)
_LARGE_GRAPH = "distributed.admin.large-graph-warning-threshold"

_heres: weakref.WeakKeyDictionary[Any, Here] = weakref.WeakKeyDictionary()


def usable_memory(manager: Any) -> int:
    """Return the bytes up to which Dask lets a worker begin tasks, without limit the machine's."""
    if not manager.memory_limit:
        from distributed.system import MEMORY_LIMIT

        return int(MEMORY_LIMIT)
    return int(manager.memory_limit * (getattr(manager, "memory_pause_fraction", None) or 1))


def here_of(worker: Any) -> Here:
    """Return the `Here` of a Dask worker; several workers of one process have one each."""
    found = _heres.get(worker)
    if found is None:
        found = _heres[worker] = Here(
            address=worker.address,
            folder=worker.local_directory,
            threads=worker.state.nthreads,
            memory=usable_memory(worker.memory_manager),
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


def facts() -> dict[str, Any]:
    """Return the facts of the worker that is asked; other versions may have other ones."""
    return here().facts()._asdict()


class DaskEngine:
    """Tasks on the workers of a Dask client. It has the methods of `Engine`."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.known: dict[str, Place] = {}
        self.seen = time.monotonic()

    def places(self) -> list[Place]:
        addresses = self.addresses()
        if any(address not in self.known for address in addresses):
            self.known = {}
            for address, found in self._run(facts, on_error="return").items():
                if isinstance(found, OSError):  # the worker has gone
                    continue
                if isinstance(found, Exception):
                    raise RuntimeError(
                        f"worker {address}: expected fastw2v {__version__}, got {found}; install "
                        "the same version on all workers"
                    )
                self.known[address] = Place(*(found.get(name, "") for name in Place._fields))
        return [self.known[address] for address in addresses if address in self.known]

    def addresses(self) -> list[str]:
        # A client without a scheduler has no workers either.
        facts = self._answered(lambda: self.client.scheduler_info(n_workers=-1))
        return list(facts.get("workers", {}))

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
                f"anew; {_RESUME}"
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

    def _answered(self, call: Callable[[], Any]) -> Any:
        """Return what a call of the client returns, which waits for an answer without end.

        Raises ClusterLost if there is none: a scheduler that hangs keeps its connections.
        """
        answers: list[Any] = []
        errors: list[BaseException] = []
        over = threading.Event()

        def run() -> None:
            try:
                answers.append(call())
            except BaseException as error:
                errors.append(error)
            finally:
                over.set()

        threading.Thread(target=run, name="fastw2v-answer", daemon=True).start()
        # Short waits: a machine that sleeps meanwhile has not waited for the scheduler.
        for _ in range(_WAITS):
            if over.wait(_SILENT_AFTER / _WAITS):
                break
            self._check_connection()
        else:
            raise ClusterLost(
                f"the scheduler has not answered for {_SILENT_AFTER:g} seconds; {_RESUME}"
            )
        with self._connected():
            if errors:
                raise errors[0]
        return answers[0]

    def _check_connection(self) -> None:
        now = time.monotonic()
        if self.client.status == "running":
            self.seen = now
        elif self.client.status in ("closing", "closed") or now - self.seen > _LOST_AFTER:
            raise ClusterLost(f"the connection to the scheduler is {self.client.status}; {_RESUME}")

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
        pending = [ref for ref in refs if ref.status == "pending"]
        self._answered(lambda: self.client.cancel(pending, force=True))

    def ask(self, f: Callable[..., Any], *args: Any) -> dict[str, Any]:
        return self._run(f, *args, on_error="ignore")

    def _run(self, f: Callable[..., Any], *args: Any, on_error: str) -> dict[str, Any]:
        answers: dict[str, Any] = self._answered(
            lambda: self.client.run(answer, f, args, on_error=on_error)
        )
        return answers

    def whereabouts(self, refs: Sequence[Any]) -> str:
        wanted = {ref.key for ref in refs}
        found = []
        for address, keys in self._answered(self.client.processing).items():
            found += [f"{key} on {address}" for key in keys if key in wanted]
        if not self.addresses():
            found.append("any worker: the cluster has none")
        return ", ".join(found) or f"{sorted(wanted)[0]}, which no worker runs"
