"""Real processes: a LocalCluster, and a scheduler and workers that the test starts.

Workers kill themselves at named points, so that no test depends on time.
"""

import contextlib
import itertools
import os
import signal
import subprocess
import sys

import pytest
from cluster_texts import SETTINGS, crc, sentences, write
from places import DATA, ROOT

# Not "distributed" alone: the folder of these tests has that name.
distributed = pytest.importorskip("dask.distributed")

from killed_workers import DieAt, InterruptAt  # noqa: E402

from fastw2v import KeyedVectors, _kernels  # noqa: E402
from fastw2v.cli import main  # noqa: E402
from fastw2v.distributed import SerialEngine, dask_engine, resume, train  # noqa: E402
from fastw2v.distributed.errors import ClusterLost  # noqa: E402

# Sockets and loops of Dask are closed by its own threads, after the test that used them.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
ROUNDS, SHARDS = 6, 4
# Machines of tests may be so busy that a connection takes long, and may sleep for minutes.
PATIENT = {
    "distributed.comm.timeouts.connect": "180s",
    "distributed.comm.timeouts.tcp": "300s",
    "distributed.scheduler.worker-ttl": "1 hour",
}


@pytest.fixture(autouse=True, scope="module")
def patient():
    import dask

    with dask.config.set(PATIENT):
        yield


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write(tmp_path_factory.mktemp("text") / "text.txt", sentences(600))


@pytest.fixture(scope="module")
def expected(text):
    return crc(run(text, SerialEngine(1)))


def run(text, client, **more):
    return train(text, client=client, shards=SHARDS, rounds=ROUNDS, **SETTINGS | more)


@contextlib.contextmanager
def cluster(n, *plugins):
    with (
        distributed.LocalCluster(
            n_workers=n, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as local,
        distributed.Client(local) as client,
    ):
        for plugin in plugins:
            client.register_plugin(plugin)
        yield client


def died(folder):
    return sorted(name for name in os.listdir(folder) if name.endswith(tuple("0123456789")))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    "points",
    [
        (("train-begin", 1), ("train-end", 3)),
        (("train", 2), ("merge", 4)),
        (("encode", -1), ("merge-end", 2)),
    ],
    ids=["begin-end", "train-merge", "encode-merged"],
)
def test_workers_that_are_killed_change_no_bit(text, expected, tmp_path, points):
    with cluster(3, DieAt(tmp_path, *points)) as client:
        assert crc(run(text, client)) == expected
    assert died(tmp_path) == sorted(f"{point}-{round}" for point, round in points)


def command(address, text, folder):
    """Run `fastw2v train --scheduler`, and continue the run from its folder."""
    out, run = str(folder / "vectors.fw2v"), str(folder / "run")
    flags = "--dim 12 --epochs 2 --min-count 2 --subsample 0.01 --shards 3 --quiet".split()
    new = ["train", text, "--scheduler", address, "--run", run, *flags, "-o", out]
    assert main(new) == 0
    vectors = KeyedVectors.load(out)
    settings = SETTINGS | {"seed": 0}
    same = train(text, client=SerialEngine(), shards=3, **settings)
    assert (vectors.vectors == same.wv.vectors).all()
    os.unlink(out)
    assert main(["train", "--scheduler", address, "--resume", run, "--quiet", "-o", out]) == 0
    assert (KeyedVectors.load(out).vectors == same.wv.vectors).all()
    assert main(new) == 1  # the folder holds a run


def test_a_cluster_has_the_bits_of_one_process(text, expected, tmp_path):
    with cluster(2) as client:
        told = []
        assert crc(run(text, client, on_round=told.append)) == expected
        assert len(told) == ROUNDS
        # Nothing of the run is left in the cluster.
        assert not client.run(lambda dask_worker: dask_engine.here_of(dask_worker).replicas and 1)[
            next(iter(client.scheduler_info(n_workers=-1)["workers"]))
        ]
        bag = pytest.importorskip("dask.bag")
        with open(text, encoding="utf-8") as file:
            lines = file.read().splitlines()
        collection = bag.from_sequence(lines, npartitions=8)
        model = train(collection, client=client, rounds=ROUNDS, **SETTINGS)
        same = train(collection, client=SerialEngine(2), rounds=ROUNDS, **SETTINGS)
        assert crc(model) == crc(same)
        with pytest.raises(FileNotFoundError, match="no such file; each worker reads"):
            run("/missing.txt", client)
        command(client.scheduler.address, text, tmp_path)
        # A worker that joins gets shards, and the first one may leave.
        client.cluster.scale(3)
        client.wait_for_workers(3)
        first = next(iter(client.scheduler_info(n_workers=-1)["workers"]))

        def on_round(info):
            if info.round == 2:
                client.retire_workers([first])

        assert crc(run(text, client, on_round=on_round)) == expected


def test_messages_between_workers_that_are_lost(text, expected, monkeypatch):
    """One of five transfers of results fails; the workers are threads of this process."""
    import distributed.worker as module

    transfer, n, lost = module.get_data_from_worker, itertools.count(1), []

    async def losing(*args, **kwargs):
        if next(n) % 5 == 0:
            lost.append(1)
            raise OSError("lost by the test")
        return await transfer(*args, **kwargs)

    monkeypatch.setattr(module, "get_data_from_worker", losing)
    with (
        distributed.LocalCluster(
            n_workers=3, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as local,
        distributed.Client(local) as client,
    ):
        assert crc(run(text, client)) == expected
    assert len(lost) > 5


INTERRUPTED = """
import sys, warnings
from distributed import Client
from fastw2v.distributed import train
warnings.simplefilter("always")
text, address, folder, rounds, shards, settings = eval(sys.stdin.read())
with Client(address) as client:
    model = train(
        text, client=client, run=folder, every=0, rounds=rounds, shards=shards, **settings
    )
    model.wv.save(folder + "/vectors.fw2v")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows sends no SIGINT")
def test_ctrl_c_in_the_client_stops_the_workers(text, expected, tmp_path):
    """The client is a process of its own, and workers interrupt it in the middle of a round."""
    folder = str(tmp_path / "run")
    with cluster(2) as client:
        process = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED],
            cwd=DATA,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        client.register_plugin(InterruptAt(tmp_path, process.pid, "train", 3))
        arguments = (text, client.scheduler.address, folder, ROUNDS, SHARDS, SETTINGS)
        _, told = process.communicate(repr(arguments), timeout=300)
        assert process.returncode == 0, told
        (tmp_path / "over").touch()
        assert "stopped by Ctrl-C after round 3 of 6; resume continues from round 3" in told
        whole = run(text, SerialEngine(), on_round=lambda info: info.round == 2)
        vectors = KeyedVectors.load(folder + "/vectors.fw2v").vectors
        assert (vectors == whole.wv.vectors).all()
        # No task is left, and the workers are free for the rest of the run.
        assert not any(client.processing().values())
        replicas = client.run(lambda dask_worker: len(dask_engine.here_of(dask_worker).replicas))
        assert set(replicas.values()) == {0}
        assert crc(resume(folder, client=client)) == expected


def test_the_example_runs(text):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "cluster.py"), "--quick", text],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert " words, loss " in done.stdout


def start(*arguments, **env):
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
        env=os.environ | {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "180s"} | env,
        cwd=DATA,  # not the source folder, whose package has no kernels
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextlib.contextmanager
def started(folder):
    """Start schedulers and workers; end them with the test."""
    processes, number = [], itertools.count()

    def begin(*workers):
        file = str(folder / f"scheduler-{next(number)}.json")
        quiet = ["--dashboard-address", ":0", "--scheduler-file", file, "--host", "127.0.0.1"]
        processes.append(start("dask_scheduler", "--port", "0", *quiet))
        quiet += ["--no-nanny", "--nthreads", "1"]
        processes.extend(start("dask_worker", *quiet, *more, **env) for more, env in workers)
        client = distributed.Client(scheduler_file=file, timeout=180)
        client.wait_for_workers(len(workers), timeout=180)
        return client, processes[-1 - len(workers) :]

    try:
        yield begin
    finally:
        for process in processes:
            process.kill()
            process.wait()


PLAIN = ((), {})


def test_a_scheduler_that_is_lost_and_a_run_that_is_resumed(text, expected, tmp_path, monkeypatch):
    """The scheduler and its workers are processes that the test has started."""
    monkeypatch.setattr(dask_engine, "_LOST_AFTER", 3.0)
    folder = tmp_path / "run"
    with started(tmp_path) as begin:
        client, (scheduler, *_) = begin(PLAIN, PLAIN)

        def lose(info):
            if info.round == 3:
                scheduler.kill()
                scheduler.wait()

        with pytest.raises(ClusterLost, match="resume the run"):
            run(text, client, run=folder, every=0, on_round=lose)
        with contextlib.suppress(Exception):
            client.close(timeout=5)
        client, _ = begin(PLAIN, PLAIN)
        with client:
            assert crc(resume(folder, client=client)) == expected


def test_workers_that_do_not_fit_are_refused(text, expected, tmp_path):
    """One has no fastw2v, one another version, and one another level."""
    without = (("--preload", "import sys; sys.modules['fastw2v'] = None"), {})
    older = (("--preload", "import fastw2v._version as v; v.__version__ = '0.0.1'"), {})
    baseline = ((), {"FASTW2V_ISA": "baseline"})
    cases = [(without, "install the same version"), (older, "got 0.0.1; install the same version")]
    if _kernels.LEVEL != "baseline":
        cases.append((baseline, "set FASTW2V_ISA=baseline on all workers"))
    with started(tmp_path) as begin:
        client, (_, *workers) = begin(*(odd for odd, _ in cases), PLAIN)
        with client:
            for worker, (_, message) in zip(workers, cases, strict=False):
                with pytest.raises(RuntimeError, match=rf"worker tcp://.*: expected .*{message}"):
                    run(text, client)
                n = len(client.scheduler_info(n_workers=-1)["workers"])
                worker.kill()
                worker.wait()
                while len(client.scheduler_info(n_workers=-1)["workers"]) == n:
                    pass
            assert crc(run(text, client)) == expected
