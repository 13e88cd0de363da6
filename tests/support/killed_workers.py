"""Workers of Dask that kill themselves or interrupt the client, at named points.

The workers import this module by its name.
"""

import contextlib
import os
import signal
import time

from dask import distributed

from fastw2v.distributed import dask_engine
from fastw2v.distributed.places import Here


class DieAt(distributed.WorkerPlugin):
    """Workers that kill themselves when the first of them reaches a point in a round."""

    name = "die-at"

    def __init__(self, folder, *points):
        self.folder, self.points = str(folder), points

    def setup(self, worker):
        place: Here = dask_engine.here_of(worker)
        place.hook = self

    def __call__(self, point, round, index):
        if (point, round) in self.points:
            with contextlib.suppress(FileExistsError):  # another worker has died here
                open(os.path.join(self.folder, f"{point}-{round}"), "x").close()
                os.kill(os.getpid(), signal.SIGKILL)


class InterruptAt(distributed.WorkerPlugin):
    """Workers the first of which presses Ctrl-C in the client at a point in a round.

    Tasks that reach it do not end before the client has told their workers to stop, until there is
    a file "over".
    """

    name = "interrupt-at"

    def __init__(self, folder, pid, point, round):
        self.folder, self.pid, self.at = str(folder), pid, (point, round)

    def setup(self, worker):
        self.place = dask_engine.here_of(worker)
        self.place.hook = self

    def __call__(self, point, round, index):
        if (point, round) != self.at or os.path.exists(os.path.join(self.folder, "over")):
            return
        with contextlib.suppress(FileExistsError):  # another worker has done it
            open(os.path.join(self.folder, "interrupted"), "x").close()
            os.kill(self.pid, signal.SIGINT)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if all(replica.stopped for replica in self.place.replicas.values()):
                return
            time.sleep(0.01)
        raise TimeoutError("the client did not stop its workers")
