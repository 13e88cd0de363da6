"""What the engine on Dask makes of a scheduler or worker that behaves oddly, without a cluster."""

import threading
from types import SimpleNamespace

import pytest

from fastw2v.distributed import dask_engine
from fastw2v.distributed.dask_engine import DaskEngine, usable_memory
from fastw2v.distributed.errors import ClusterLost


@pytest.mark.parametrize("call", ["addresses", "places", "ask", "cancel", "whereabouts"])
def test_a_scheduler_that_does_not_answer_is_no_hang(call, monkeypatch):
    monkeypatch.setattr(dask_engine, "_SILENT_AFTER", 0.02)
    silence = threading.Event()
    waiting = lambda *args, **more: silence.wait()  # noqa: E731
    names = ("scheduler_info", "run", "cancel", "processing")
    client = SimpleNamespace(status="running", **dict.fromkeys(names, waiting))
    arguments = {"ask": (len,), "cancel": ([],), "whereabouts": ([],)}.get(call, ())
    with pytest.raises(
        ClusterLost, match="has not answered for 0.02 seconds; start a cluster, and"
    ):
        getattr(DaskEngine(client), call)(*arguments)
    silence.set()


def test_errors_of_a_call_are_raised():
    def scheduler_info(n_workers):
        raise KeyError("of the client")

    client = SimpleNamespace(status="running", scheduler_info=scheduler_info)
    with pytest.raises(KeyError, match="of the client"):
        DaskEngine(client).addresses()
    client.status = "closed"
    with pytest.raises(ClusterLost, match="the connection to the scheduler is closed"):
        DaskEngine(client).addresses()


def test_workers_tell_who_they_are():
    found = {
        "tcp://a:1": dask_engine.facts(),
        "tcp://b:1": {"version": "9.9", "more": 1},  # of a version to come
        "tcp://c:1": OSError("gone"),
    }
    client = SimpleNamespace(
        status="running",
        scheduler_info=lambda n_workers: {"workers": dict.fromkeys(found)},
        run=lambda *args, **more: found,
    )
    one, other = DaskEngine(client).places()
    assert one.threads >= 1 and other.version == "9.9"
    found["tcp://c:1"] = Exception("ModuleNotFoundError(\"No module named 'fastw2v'\")")
    with pytest.raises(RuntimeError, match=r"worker tcp://c:1: expected fastw2v .*No module named"):
        DaskEngine(client).places()


def test_memory_ends_where_dask_pauses_a_worker():
    manager = SimpleNamespace(memory_limit=1000, memory_pause_fraction=0.8)
    assert usable_memory(manager) == 800
    manager.memory_pause_fraction = False
    assert usable_memory(manager) == 1000
    system = pytest.importorskip("distributed.system")
    manager.memory_limit = None
    assert usable_memory(manager) == system.MEMORY_LIMIT > 10**8
