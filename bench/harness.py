"""Parts of a bench, and its timing.

A `Row` is one line of the table: a piece of work, the contenders that can do it, and a `verify`
that compares them with the oracle. A contender is a function that builds a `Task`, which can be
called repeatedly with other inputs each time.

"ours" is measured with one thread and with all. The other contenders have the threads that
`environment.prepare` set.
"""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

import fastw2v
from environment import rival
from fastw2v._kernels import _gemm

RING = 8  # prepared inputs that timed calls use in turn
PAUSE = 0.1  # seconds between blocks; a spinning pool would take a core from the next contender
# Seconds of a block of a row whose share of the peak is wanted, and of the registers before it: the
# speed of a core changes with its neighbours, so peak and work have to be near each other.
TURN = 0.1
SEED = 20240229


@dataclass
class Task:
    """One contender, ready to run. Call number i takes the inputs i modulo RING."""

    run: Callable[[int], object]  # timed
    check: Callable[[], None]  # after the last timed call; raises AssertionError
    prepare: Callable[[int], object] | None = None  # before each call, not timed
    steps: int = 1  # steps in a call; times are per step
    returns_seconds: bool = False  # whether `run` measures itself, in CPU time of other processes


@dataclass
class Row:
    """One line of the table. Times in the architecture's columns are in milliseconds."""

    key: str
    work: str
    ours: Callable[[], Task]
    verify: Callable[[], None]
    reference: Callable[[], Task] | None = None
    rivals: dict[str, Callable[[], Task]] = field(default_factory=dict)  # "torch, ..." and so on
    # Multiply-adds of float32 in a step, of its products alone: the report then shows their share
    # of what the same threads do in registers.
    macs: int | None = None
    goal_share: float | None = None
    book: float | None = None
    goal_book: float | None = None
    goal_rival: float | None = None  # below 1: the rival is a yardstick, such as one dot of numpy
    goal_ms: float | None = None  # milliseconds at most
    goal_added_ms: float | None = None  # milliseconds at most beyond the reference
    is_long: bool = False  # whether a call takes seconds; a third of the blocks is measured then
    # Reason why the reference may differ from the book's column; printed beyond 20 %.
    off_column: str = ""

    def contenders(self, threads):
        """Return name -> (function that builds the task, threads or None), in order of turn."""
        found = {}
        if self.reference is not None:
            found["reference"] = (self.reference, None)
        for name, build in self.rivals.items():
            if rival(module_of(name)) is not None:
                found[name] = (build, None)
        for n in sorted({1, threads}):
            found[ours_name(n)] = (self.ours, n)
        return found


def module_of(name):
    """Return the module that a rival needs: "torch, gather" needs torch."""
    return name.partition(",")[0].strip()


def ours_name(n):
    return f"ours, {n} thread" + ("s" if n > 1 else "")


@dataclass
class Block:
    """Consecutive calls of one contender, in seconds per step."""

    median: float
    min: float
    calls: int
    peak: float | None = None  # multiply-adds a second in registers alone, just before


def run_block(task, n_threads, start, seconds):
    """Call from number `start` on for about `seconds`; the first calls are not timed."""
    if n_threads is not None:
        fastw2v.set_num_threads(n_threads)
    clock = time.perf_counter
    times = []
    i = start
    # Caches and thread pools have gone cold in the pause. One call warms them, or as many as fit
    # into a tenth of the block.
    end = clock() + seconds / 10
    while i == start or clock() < end:
        _one_call(task, i, clock)
        i += 1
    end = clock() + seconds
    while not times or clock() < end:
        times.append(_one_call(task, i, clock))
        i += 1
    median, low = statistics.median(times) / task.steps, min(times) / task.steps
    return Block(median, low, len(times)), i


def _one_call(task, i, clock):
    if task.prepare is not None:
        task.prepare(i)
    begin = clock()
    result = task.run(i)
    return result if task.returns_seconds else clock() - begin


def measure(row, threads, blocks, seconds):
    """Return name -> blocks. The contenders take turns, each block after a pause."""
    row.verify()
    contenders = row.contenders(threads)
    before = fastw2v.get_num_threads()
    tasks, at, found = {}, {}, {}
    for name, (build, n_threads) in contenders.items():
        fastw2v.set_num_threads(n_threads or threads)
        tasks[name], at[name], found[name] = build(), 0, []
    gc.collect()
    try:
        for turn in range(max(1, blocks // 3) if row.is_long else blocks):
            names = list(tasks)
            # No contender always runs after the same one.
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                time.sleep(PAUSE)
                n_threads, length, peak = contenders[name][1], seconds, None
                if row.macs is not None:
                    length = min(seconds, TURN)
                    peak = registers_per_second(n_threads or threads, length)
                block, at[name] = run_block(tasks[name], n_threads, at[name], length)
                block.peak = peak
                found[name].append(block)
    finally:
        fastw2v.set_num_threads(before)
    for name, task in tasks.items():
        try:
            task.check()
        except AssertionError as error:
            where = f"{row.key}, {name}, after the last call"
            raise AssertionError(f"{where}: {error}") from error
    return found


def registers_per_second(n_threads, seconds):
    """Return the multiply-adds a second that no product can exceed, measured for `seconds`."""
    n, out = 1 << 28, np.ones(n_threads, np.float32)
    task = Task(lambda i: _gemm.only_registers(out, n, n_threads), lambda: None)
    return n / run_block(task, n_threads, 0, seconds)[0].median


def each_contender(rows):
    """Parametrize a test with (row, name of the contender)."""
    cases = []
    for row in rows:
        names = [] if row.reference is None else ["reference"]
        names += [*row.rivals, "ours"]
        for name in names:
            marks = [pytest.mark.benchmark(group=f"{row.key}: {row.work}")]
            cases.append(pytest.param(row, name, marks=marks, id=f"{row.key}-{name}"))
    return pytest.mark.parametrize(("row", "name"), cases)


_verified = set()


def time_contender(benchmark, row, name):
    """Make one pytest-benchmark entry: compare with the oracle, time, check the last result."""
    if name in row.rivals:
        pytest.importorskip(module_of(name))
    if row.key not in _verified:
        row.verify()
        _verified.add(row.key)
    if name == "reference":
        build = row.reference
    else:
        build = row.rivals.get(name, row.ours)
    task = build()
    calls = iter(range(10**9))

    def setup():
        i = next(calls)
        if task.prepare is not None:
            task.prepare(i)
        return (i,), {}

    time.sleep(PAUSE)
    benchmark.extra_info["steps in a call"] = task.steps
    benchmark.extra_info["threads"] = fastw2v.get_num_threads()
    task.run(*setup()[0])
    begin = time.perf_counter()
    task.run(*setup()[0])
    once = time.perf_counter() - begin
    rounds = int(min(max(0.5 / once, 5), 1000))
    benchmark.pedantic(task.run, setup=setup, rounds=rounds, iterations=1)
    task.check()


# Inputs.


def rng(seed=SEED):
    return np.random.default_rng(seed)


def zipf_ids(generator, V, shape, power=1):
    """Draw word ids, int64, with probabilities proportional to (id + 1)^-power."""
    cumulated = np.cumsum(np.arange(1.0, V + 1) ** -power)
    return np.searchsorted(cumulated, generator.random(shape) * cumulated[-1])


def uniform_ids(generator, V, shape):
    return generator.integers(0, V, shape)


def ring(make, generator=None, n=RING):
    """Return n inputs, each from a call of `make(generator)`."""
    generator = generator or rng()
    return [make(generator) for _ in range(n)]


def floats(generator, shape, dtype=np.float32):
    return generator.standard_normal(shape, dtype=dtype)


def assert_close(actual, expected, what, rtol=1e-5, atol=1e-7):
    np.testing.assert_allclose(
        np.asarray(actual), np.asarray(expected), rtol=rtol, atol=atol, err_msg=what
    )
