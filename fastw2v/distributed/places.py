"""The worker process that a task runs in: its address, its folder, its replicas.

An engine enters a `Here` around each task. Outside of one, a task runs in the `Here` of the
process.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fastw2v import _kernels
from fastw2v._core import threads
from fastw2v._version import __version__


class Place(NamedTuple):
    """A worker process as the coordinator sees it. memory is the bytes that it may take, 0
    for no limit.

    >>> Place("tcp://10.0.0.7:4001", "10.0.0.7", 16, 1 << 36, "0.2", "v4").threads
    16
    """

    address: str
    host: str
    threads: int
    memory: int
    version: str
    isa: str


@dataclass
class Here:
    """The process of a worker.

    folder      folder for files of this process; None: the system's temporary folder
    threads     threads of a training; None: `fastw2v.get_num_threads()`
    hook        function that tests let a worker call at named points, to die there
    """

    address: str = "this process"
    folder: str | None = None
    threads: int | None = None
    memory: int = 0
    version: str = __version__
    isa: str = _kernels.LEVEL
    hook: Callable[[str, int, int], None] | None = None
    replicas: dict[str, Any] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock)

    def facts(self) -> Place:
        """Return what the coordinator wants to know."""
        n = self.threads or threads.get_num_threads()
        # tcp://10.0.0.7:4001; a place of this process has no such address.
        host = self.address.rpartition("/")[2].rpartition(":")[0] or "this machine"
        return Place(self.address, host, n, self.memory, self.version, self.isa)

    def temporary_folder(self) -> str:
        """Return the folder for files that this process needs for the run."""
        return self.folder or tempfile.gettempdir()


_process = Here()
_thread = threading.local()


def here() -> Here:
    """Return the worker process that the current task runs in."""
    found: Here = getattr(_thread, "here", _process)
    return found


@contextmanager
def entered(place: Here) -> Iterator[None]:
    """Let tasks of this thread run in a place."""
    before = getattr(_thread, "here", _process)
    _thread.here = place
    try:
        yield
    finally:
        _thread.here = before


def reached(point: str, round: int, index: int) -> None:
    """Call the hook of a test, if there is one, at a named point of a task."""
    hook = here().hook
    if hook is not None:
        hook(point, round, index)
