"""Requests a second, latency and memory of examples/serving.py with several worker processes.

    pip install starlette uvicorn && python bench/serving.py --workers 1 4

The vectors are random, which changes no time. Clients are threads of this process, which keep their
connections; they take CPU time from the workers on a small machine. Memory is read from /proc: the
proportional share (PSS) counts a page that k processes share as 1/k page in each.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from fastw2v import KeyedVectors, get_num_threads

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
HOST = "127.0.0.1"


def make_vectors(name, words, dim, dtype):
    table = np.random.default_rng(0).standard_normal((words, dim), dtype=np.float32)
    KeyedVectors.from_words([f"word{k}" for k in range(words)], table).save(name, dtype=dtype)


@contextlib.contextmanager
def serving(vectors, workers, threads):
    """Start uvicorn and yield (port, its process id) once it answers."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    package = str(Path(sys.modules["fastw2v"].__file__).parents[1])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    environment = {"VECTORS": vectors, "FASTW2V_NUM_THREADS": str(threads), "PYTHONPATH": path}
    command = [sys.executable, "-m", "uvicorn", "serving:app", "--app-dir", str(EXAMPLES)]
    command += ["--port", str(port), "--workers", str(workers), "--log-level", "warning"]
    process = subprocess.Popen(command, env=os.environ | environment)
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                if ask(http.client.HTTPConnection(HOST, port, timeout=10), "/similar/word0")[0]:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start; its message is above")
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ask(connection, path):
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read()


def load(port, words, clients, seconds):
    """Ask from several threads; return the latencies in seconds and the duration."""
    latencies, end = [], time.perf_counter() + seconds

    def client(seed):
        rng = np.random.default_rng(seed)
        connection = http.client.HTTPConnection(HOST, port, timeout=60)
        while (begin := time.perf_counter()) < end:
            status, _ = ask(connection, f"/similar/word{rng.integers(words)}")
            assert status == 200, status
            latencies.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    threads = [threading.Thread(target=client, args=(k,)) for k in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, time.perf_counter() - begin


def memory(pid, vectors):
    """Return [(PSS, private)] in MB of the processes at or below pid that map the vectors."""
    found = []
    for process in [pid, *_below(pid)]:
        with contextlib.suppress(OSError):
            if os.path.basename(vectors) not in Path(f"/proc/{process}/maps").read_text():
                continue
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            facts = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
            private = facts["Private_Clean"] + facts["Private_Dirty"]
            found.append((facts["Pss"] / 1024, private / 1024))
    return found


def _below(pid):
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield int(child)
            yield from _below(int(child))


def measure(name, args, workers):
    threads = max(1, get_num_threads() // workers)
    with serving(name, workers, threads) as (port, pid):
        load(port, args.words, args.clients, args.seconds / 5)  # warm up, and touch the pages
        latencies, seconds = load(port, args.words, args.clients, args.seconds)
        sizes = memory(pid, name)
    return {
        "workers": workers,
        "threads_each": threads,
        "requests_per_second": len(latencies) / seconds,
        "median_ms": 1e3 * statistics.median(latencies),
        "p95_ms": 1e3 * float(np.quantile(latencies, 0.95)),
        "pss_mb": sum(pss for pss, _ in sizes),
        "private_mb_each": statistics.fmean(private for _, private in sizes) if sizes else 0,
    }


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=400_000)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--dtype", default="float32", choices=("float32", "float16", "int8"))
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "served.fw2v")
        make_vectors(name, args.words, args.dim, args.dtype)
        size = os.path.getsize(name) / 2**20
        rows = [measure(name, args, workers) for workers in args.workers]
    if args.json:
        print(json.dumps({"file_mb": size, "rows": rows}))
        return
    print(f"{args.words:,} words x {args.dim} {args.dtype}, a file of {size:.0f} MB")
    for row in rows:
        print(
            f"{row['workers']} worker(s) with {row['threads_each']} thread(s): "
            f"{row['requests_per_second']:.0f} requests/s, median {row['median_ms']:.1f} ms, "
            f"95% below {row['p95_ms']:.1f} ms; {row['pss_mb']:.0f} MB in all (PSS), "
            f"{row['private_mb_each']:.0f} MB private to each"
        )


if __name__ == "__main__":
    main()
