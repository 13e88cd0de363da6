"""Threads: their number, their use by the kernels, and processes after a fork."""

import ctypes
import json
import math
import multiprocessing
import os
import re
import subprocess
import sys
import threading
import warnings

import kernel_calls
import numpy as np
import pytest
from fresh_interpreter import run
from places import ROOT

import fastw2v
from fastw2v._core import threads as _threads
from fastw2v._kernels import _cpu

SOURCES = ROOT / "src_pyx"
LINUX = sys.platform == "linux"


@pytest.fixture
def undecided(monkeypatch):
    """Restore a fresh process: no number of threads chosen yet, none in the environment."""
    monkeypatch.setattr(_threads, "_num_threads", None)
    monkeypatch.delenv("FASTW2V_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return monkeypatch


@pytest.fixture
def restored(monkeypatch):
    monkeypatch.setattr(_threads, "_num_threads", _threads._num_threads)


def test_the_number_set_is_returned(restored):
    for n in (1, 3, np.int64(2), 1024):
        fastw2v.set_num_threads(n)
        assert fastw2v.get_num_threads() == n
        assert type(fastw2v.get_num_threads()) is int


@pytest.mark.parametrize("n", [0, -1, 1025])
def test_a_number_out_of_range_is_refused(restored, n):
    fastw2v.set_num_threads(2)
    with pytest.raises(ValueError, match=f"n: expected 1 to 1024 threads, got {n};"):
        fastw2v.set_num_threads(n)
    assert fastw2v.get_num_threads() == 2


@pytest.mark.parametrize("n", [True, 2.0, "2", None, np.float64(1)])
def test_anything_but_a_whole_number_is_refused(restored, n):
    fastw2v.set_num_threads(2)
    with pytest.raises(TypeError, match="n: expected a whole number of threads, got"):
        fastw2v.set_num_threads(n)
    assert fastw2v.get_num_threads() == 2


@pytest.mark.parametrize(
    ("own", "openmp", "expected"),
    [("3", None, 3), (None, "5", 5), ("3", "5", 3), ("", "5", 5), (" 4 ", None, 4)]
    + [(None, "6,2", 6), ("3,1", "5", 3)],
)
def test_the_environment_variables_have_an_order(undecided, own, openmp, expected):
    for name, value in (("FASTW2V_NUM_THREADS", own), ("OMP_NUM_THREADS", openmp)):
        if value is not None:
            undecided.setenv(name, value)
    assert fastw2v.get_num_threads() == expected


@pytest.mark.parametrize("value", ["many", "0", "-2", "1.5", "2000"])
def test_a_bad_value_is_an_error_in_our_variable_and_ignored_in_openmps(undecided, value):
    undecided.setattr(_threads, "_usable_cpus", lambda: 7)
    undecided.setenv("OMP_NUM_THREADS", value)
    assert fastw2v.get_num_threads() == 7
    undecided.setattr(_threads, "_num_threads", None)
    undecided.setenv("FASTW2V_NUM_THREADS", value)
    with pytest.raises(ValueError, match=f"FASTW2V_NUM_THREADS: .* got {re.escape(repr(value))}"):
        fastw2v.get_num_threads()


def test_the_environment_reaches_a_fresh_process():
    done = run("import fastw2v; print(fastw2v.get_num_threads())", FASTW2V_NUM_THREADS="3")
    assert done.stdout == "3\n", done.stderr


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"cpu.max": "nonsense"}, None),
        ({"cpu.max": "1 0"}, None),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "200000\n"}, None),
    ],
)
def test_the_quota_of_a_container_is_read(tmp_path, files, quota):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert _threads._cgroup_quota(tmp_path) == quota


@pytest.mark.parametrize(("quota", "expected"), [(None, 8), (0.5, 1), (1.5, 2), (64.0, 8)])
def test_threads_are_the_cpus_within_the_quota(undecided, quota, expected):
    undecided.setattr(_threads, "_cgroup_quota", lambda: quota)
    undecided.setattr(os, "process_cpu_count", lambda: 8, raising=False)
    assert fastw2v.get_num_threads() == expected


def test_affinity_limits_the_threads():
    if not hasattr(os, "sched_setaffinity"):
        assert _threads._usable_cpus() <= os.cpu_count()
        return
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    done = run(code + "import fastw2v; print(fastw2v.get_num_threads())")
    assert done.stdout == "1\n", done.stderr


def test_short_calls_stay_on_one_thread(restored):
    fastw2v.set_num_threads(3)
    before = _threads.serial_below()
    least = _threads._DEFAULT_SERIAL_BELOW
    try:
        assert [_threads.parts(ns) for ns in (0, least - 1, least, 1e9)] == [1, 1, 3, 3]
        assert _threads.serial_below(0) == least
        assert _threads.parts(0) == 3
        assert _threads.serial_below(math.inf) == 0
        assert _threads.parts(1e12) == 1
    finally:
        _threads.serial_below(before)


def parallel_entries():
    """Return `_noun.entry` for every entry that cuts its work into parts, from the sources."""
    for path in sorted(SOURCES.glob("_*.pyx")):
        text = path.read_text(encoding="utf-8")
        for definition in re.split(r"^(?=def |cdef )", text, flags=re.M):
            if definition.startswith("def ") and "n_parts" in definition:
                yield f"{path.stem}.{definition[4 : definition.index('(')]}"


def test_every_parallel_kernel_is_called():
    assert sorted(kernel_calls.CALLS) == sorted(parallel_entries())


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_a_kernel_cut_into_n_parts_runs_on_n_threads(n):
    if not LINUX:
        for name in kernel_calls.CALLS:
            kernel_calls.call(name, n)
        assert _cpu.openmp() >= 0
        return
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "OPENBLAS_"))}
    done = subprocess.run(
        [sys.executable, kernel_calls.__file__, str(n)],
        env=environment | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.strip().split("\n")[-1]
    added = n - 1 if _cpu.openmp() else 0
    assert json.loads(done.stdout) == dict.fromkeys(kernel_calls.CALLS, added)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_the_pool_runs_parts_on_different_threads_at_the_same_time(n):
    if not _cpu.own_pool():
        assert _cpu._pool is None
        return
    meeting = threading.Barrier(n, timeout=60)
    ran = {}

    # Every part waits for all others, so that the call ends only if each has its own thread.
    @ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint)
    def share(_context, i):
        try:
            meeting.wait()
            ran[i] = threading.get_native_id()
        except threading.BrokenBarrierError:
            ran[i] = "alone"

    address = ctypes.pythonapi.PyCapsule_GetPointer
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    pool = ctypes.CFUNCTYPE(None, type(share), ctypes.c_void_p, ctypes.c_uint)
    pool(address(_cpu._pool, b"fastw2v._kernels._cpu._pool"))(share, None, n)
    assert sorted(ran) == list(range(n))
    assert len(set(ran.values())) == n and "alone" not in ran.values()


LAYER_IN_PARTS = """
import os
import numpy as np
import fastw2v
from fastw2v import layers
from fastw2v._core import threads as _threads
_threads.serial_below(0)
fastw2v.set_num_threads(4)
def tasks():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0
layer = layers.Embedding(np.ones((50, 64), "f"))
before = tasks()
layer.forward(np.arange(40))
print(tasks() - before, _threads._used_pool)
"""


def test_a_layer_uses_the_threads_that_were_set():
    done = run(LAYER_IN_PARTS, OPENBLAS_NUM_THREADS="1")
    added = 3 if LINUX and _cpu.openmp() else 0
    assert done.stdout == f"{added} True\n", done.stderr


# The tests of the pool run in a process of their own, which begins with these lines.
POOL = """
import os, resource, sys, threading, time
import numpy as np
import fastw2v
from fastw2v import layers
from fastw2v._core import threads as _threads
_threads.serial_below(0)
layer = layers.Embedding(np.arange(3200, dtype="f").reshape(50, 64))
right = layer.params[0][:40].copy()
one = len(os.listdir("/proc/self/task"))

def work(times=1):
    for _ in range(times):
        assert np.array_equal(layer.forward(np.arange(40)), right)
    return helpers()

def helpers():
    return len(os.listdir("/proc/self/task")) - one

def helpers_become(n):
    end = time.monotonic() + 60
    while helpers() != n and time.monotonic() < end:
        time.sleep(0.001)
    return helpers()
"""


def in_pool(code):
    """Return the output of POOL and a few more lines; None without the package's own pool."""
    if not _cpu.own_pool():
        _cpu.keep_threads(1)  # has no effect, and raises no error
        return None
    done = run(POOL + code, OPENBLAS_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_smaller_number_ends_threads_and_a_larger_one_starts_them_again():
    printed = in_pool("""
fastw2v.set_num_threads(5)
print(helpers(), work())
for n in (3, 1, 4, 2):
    fastw2v.set_num_threads(n)
    if n == 4:
        work()
    print(helpers_become(n - 1), work(100))
""")
    assert printed in (None, "0 4 2 2 0 0 3 3 1 1".split())


def test_a_call_wakes_no_more_threads_than_it_has_parts_for():
    printed = in_pool("""
fastw2v.set_num_threads(13)
work()
tasks = set(os.listdir("/proc/self/task")) - {str(threading.main_thread().native_id)}

def times_slept():
    total = 0
    for task in tasks:
        with open(f"/proc/self/task/{task}/status") as file:
            for line in file:
                if line.startswith("voluntary"):
                    total += int(line.split()[1])
    return total

_threads._num_threads = 2  # as if set while a call of 13 parts was under way
time.sleep(0.1)
before = times_slept()
for _ in range(50):
    work()
    time.sleep(0.002)
print(len(tasks), times_slept() - before)
""")
    if printed is not None:
        threads, slept = map(int, printed)
        assert threads == 12
        assert slept < 6 * 50  # one thread per call, a few times; all twelve would be 600 and more


REFUSED = """
fastw2v.set_num_threads(4)
limits = resource.getrlimit(resource.RLIMIT_AS)
with open("/proc/self/statm") as file:
    in_use = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + 2**20, limits[1]))  # no room for a stack
print(work())
resource.setrlimit(resource.RLIMIT_AS, limits)
"""


def test_a_system_that_refuses_threads_is_not_asked_at_every_call():
    assert in_pool(REFUSED + "print(work(100), work(5000))") in (None, ["0", "0", "3"])
    again = "fastw2v.set_num_threads(3)\nprint(work())"
    assert in_pool(REFUSED + again) in (None, ["0", "2"])


@pytest.mark.parametrize("before", ["", REFUSED, "fastw2v.set_num_threads(2)\n"])
def test_a_forked_child_has_a_pool_of_its_own(before):
    printed = in_pool(f"""
fastw2v.set_num_threads(4)
work()
{before}
sys.stdout.flush()
child = os.fork()
if child == 0:
    fastw2v.set_num_threads(3)
    one = len(os.listdir("/proc/self/task"))
    print(work(10), flush=True)
    os._exit(0)
os.waitpid(child, 0)
""")
    assert printed is None or printed[-1] == "2"


def test_numbers_of_threads_may_change_while_others_compute():
    printed = in_pool("""
rounds = [0] * 2

def compute(k):
    while not stop:
        work()
        rounds[k] += 1

stop = False
others = [threading.Thread(target=compute, args=(k,)) for k in range(2)]
for other in others:
    other.start()
for k in range(600):
    fastw2v.set_num_threads((1, 4, 2, 7, 3)[k % 5])
while min(rounds) < 20:
    time.sleep(0.001)
stop = True
for other in others:
    other.join()
fastw2v.set_num_threads(2)
work()
print(helpers_become(1))
""")
    assert printed in (None, ["1"])


# More threads of the pool and of numpy's BLAS than CPUs, in turn and at the same time.
BESIDE_BLAS = """
import threading
import numpy as np
import fastw2v
from fastw2v._core import threads as _threads
from fastw2v.time_layers import TimeLSTM
_threads.serial_below(0)
fastw2v.set_num_threads(4)
rng = np.random.default_rng(0)
D, H = 40, 50
weights = [rng.standard_normal(s).astype("f") for s in ((D, 4 * H), (H, 4 * H), 4 * H)]
xs, A = rng.standard_normal((30, 10, D)).astype("f"), rng.standard_normal((300, 300))
layer = TimeLSTM(*weights)
hs, dxs, square = layer.forward(xs), layer.backward(np.ones((30, 10, H), "f")), A @ A
done = [0]

def multiply():
    while not stop:
        assert (A @ A == square).all()
        done[0] += 1

stop = False
other = threading.Thread(target=multiply)
for turn in ("in turn", "at the same time"):
    if turn != "in turn":
        other.start()
    rounds = 0
    while rounds < 30 or (turn != "in turn" and done[0] < 30):
        assert (layer.forward(xs) == hs).all()
        assert (layer.backward(np.ones((30, 10, H), "f")) == dxs).all()
        if turn == "in turn":
            assert (A @ A == square).all()
        rounds += 1
stop = True
other.join()
print("right", done[0] >= 30)
"""


def test_the_pool_works_beside_the_threads_of_a_blas():
    done = run(BESIDE_BLAS, OPENBLAS_NUM_THREADS="4")
    assert done.stdout == "right True\n", done.stderr


# Runs in processes forked from one that has used several threads, or spawned by it.
AFTER_FORK = """
import multiprocessing, os, sys, warnings
import numpy as np
import fastw2v
from fastw2v import layers
from fastw2v._core import threads as _threads

def work(send):
    _threads.serial_below(0)
    threads = fastw2v.get_num_threads()
    out = layers.Embedding(np.ones((50, 64), "f")).forward(np.arange(40))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fastw2v.set_num_threads(2)
    layers.Embedding(np.ones((50, 64), "f")).forward(np.arange(40))
    told = [str(w.message)[:16] for w in caught if w.category is RuntimeWarning]
    send.send((threads, float(out.sum()), told, fastw2v.get_num_threads()))

if __name__ == "__main__":
    fastw2v.set_num_threads(3)
    _threads.serial_below(0)
    if sys.argv[2] == "used":
        layers.Embedding(np.ones((50, 64), "f")).forward(np.arange(40))
    receive, send = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context(sys.argv[1]).Process(target=work, args=(send,))
    child.start()
    child.join(60)
    print(receive.recv() if receive.poll() else "nothing came back", child.exitcode)
    if child.exitcode is None:
        child.kill()
"""


def worker(tmp_path, method, used):
    """Return threads, a sum, warnings at set_num_threads(2) and threads of a child process."""
    script = tmp_path / "script.py"
    script.write_text(AFTER_FORK)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "FASTW2V_NUM"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", str(script), method, used],
        env=environment | {"FASTW2V_NUM_THREADS": "5"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this platform cannot fork"
)


@needs_fork
def test_a_forked_child_of_a_process_with_threads_runs_on_one(tmp_path):
    answer = worker(tmp_path, "fork", "used")
    if _cpu.openmp() and not _cpu.own_pool():  # OpenMP cannot start again, and a warning says so
        assert answer == "(1, 2560.0, ['set_num_threads:'], 1) 0"
    else:
        assert answer == "(1, 2560.0, [], 2) 0"


@needs_fork
def test_a_forked_child_of_a_process_without_threads_may_have_its_own(tmp_path):
    assert worker(tmp_path, "fork", "unused") == "(1, 2560.0, [], 2) 0"


def test_a_spawned_child_starts_like_a_fresh_process(tmp_path):
    assert worker(tmp_path, "spawn", "used") == "(5, 2560.0, [], 2) 0"


def test_setting_threads_gives_no_other_warning(restored):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastw2v.set_num_threads(2)
    assert fastw2v.get_num_threads() == 2
