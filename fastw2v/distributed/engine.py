"""The methods of an engine, which runs the tasks of the coordinator, and the engine of a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from fastw2v.distributed.parts import INSTALL
from fastw2v.distributed.places import Place

_CONNECT = 30  # seconds

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

    def gather(self, refs: Sequence[Ref], timeout: float = 900.0) -> list[Any]:
        """Return the values of refs that are done. Raises TimeoutError if one cannot be had."""

    def release(self, refs: Sequence[Ref]) -> None:
        """Tell that these values are needed by no further task."""

    def cancel(self, refs: Sequence[Ref]) -> None:
        """Give up tasks that may be running."""

    def ask(self, f: Callable[..., Any], *args: Any) -> Mapping[str, Any]:
        """Call a short f(*args) in each worker; return the answers that came, by address."""

    def whereabouts(self, refs: Sequence[Ref]) -> str:
        """Describe what these tasks are waiting for, for the message of a stall."""


def as_engine(client: Any) -> Engine:
    """Return the engine of a client, an address, or the current client."""
    if hasattr(client, "submit") and hasattr(client, "whereabouts"):
        return client  # type: ignore[no-any-return]
    try:
        import distributed
    except ImportError as error:
        raise ImportError(
            f"fastw2v.distributed needs Dask, which is not installed; {INSTALL}"
        ) from error
    from fastw2v.distributed.dask_engine import DaskEngine

    if client is None:
        try:
            client = distributed.get_client()
        except ValueError as error:
            raise ValueError(
                "client: expected a Client, got none, and there is no current one; pass "
                "client=Client('tcp://scheduler:8786')"
            ) from error
    elif isinstance(client, str):
        try:
            client = distributed.Client(client, timeout=_CONNECT)
        except ValueError as error:
            raise ValueError(
                f"client: expected an address such as tcp://scheduler:8786, got {client!r}: {error}"
            ) from error
        except OSError as error:
            raise OSError(
                f"client: no scheduler answers at {client} ({error}); start one, or check the "
                "address"
            ) from error
    if not isinstance(client, distributed.Client) or client.asynchronous:
        kind = type(client).__name__
        raise TypeError(
            f"client: expected a distributed.Client, not asynchronous, or the address of a "
            f"scheduler, got {kind}; pass Client('tcp://scheduler:8786')"
        )
    if client.status in ("closing", "closed"):
        raise RuntimeError(
            "client: expected an open Client, got one that is closed; make a new one"
        )
    return DaskEngine(client)
