"""The number of threads that kernels use, decided here and nowhere else.

The number is that of `set_num_threads`, else FASTW2V_NUM_THREADS, else OMP_NUM_THREADS, else the
number of CPUs that this process may use (affinity and container quota). Results never depend on it.
"""

from __future__ import annotations

import math
import os
import warnings

from fastw2v._kernels import _cpu

# Nanoseconds. A helper thread of the package's own pool is awake between the kernels of a training
# step, and the caller does the parts that no helper takes; OpenMP's threads have to be waited for.
# A CBOW step with two threads was measured at 0.82 ms with 50,000 and at 0.67 ms with 10,000.
_DEFAULT_SERIAL_BELOW = 10_000 if _cpu.own_pool() else 50_000

_cpu.set_serial_below(_DEFAULT_SERIAL_BELOW)

_num_threads: int | None = None  # None: not determined yet
_serial_below: float = _DEFAULT_SERIAL_BELOW
_used_pool = False  # whether any kernel call of this process was cut into parts
_pool_lost = False  # True in a forked child whose parent had used the pool


def get_num_threads() -> int:
    """Return the number of threads that kernels use.

    >>> import fastw2v
    >>> fastw2v.get_num_threads() >= 1
    True
    """
    global _num_threads
    if _num_threads is None:
        _num_threads = _from_environment() or _usable_cpus()
    return _num_threads


def set_num_threads(n: int) -> None:
    """Let kernels use `n` threads (1 to 1024) from now on, in the whole process.

    Results are bit-identical for every n. Threads that a smaller n leaves without work end. A
    forked child starts with one thread. It keeps that one if the threads are OpenMP's
    (`build_info()["pool"]`) and its parent had used several, because OpenMP cannot start threads
    again there; a RuntimeWarning says so.

    TypeError if `n` is not a whole number, ValueError if it is out of range.

    >>> import fastw2v
    >>> before = fastw2v.get_num_threads()
    >>> fastw2v.set_num_threads(1)
    >>> fastw2v.get_num_threads()
    1
    >>> fastw2v.set_num_threads(before)
    """
    global _num_threads
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"n: expected a whole number of threads, got {n!r}; pass an int")
    n = n.__index__()
    if not 1 <= n <= 1024:
        raise ValueError(f"n: expected 1 to 1024 threads, got {n}; pass e.g. os.cpu_count()")
    if n > 1 and _pool_lost:
        warnings.warn(
            "set_num_threads: this process was forked from one that had used several threads; "
            "OpenMP cannot start threads here, so kernels stay on one. "
            'Start workers with multiprocessing.set_start_method("spawn") instead',
            RuntimeWarning,
            stacklevel=2,
        )
        n = 1
    _num_threads = n
    _cpu.keep_threads(n)


def serial_below(ns: float | None = None) -> float:
    """Set the estimated work in nanoseconds below which a call stays on one thread.

    None restores the default; 0 cuts every call into parts, as tests do, and so leaves none to the
    entries for small calls (src_pyx/common_arrays.pxd). Returns the previous value.
    """
    global _serial_below
    before = _serial_below
    _serial_below = _DEFAULT_SERIAL_BELOW if ns is None else ns
    _cpu.set_serial_below(_serial_below)
    return before


def parts(ns: float) -> int:
    """Return the number of parts for a call of about `ns` nanoseconds of serial work."""
    global _used_pool
    if ns < _serial_below:
        return 1
    n = _num_threads or get_num_threads()
    if n > 1:
        _used_pool = True
    return n


def claim(n: int) -> int:
    """Return the number of parts for a long job whose caller asked for `n` threads by an argument.

    It is 1 where OpenMP cannot start threads again; see `set_num_threads`.
    """
    global _used_pool
    if n > 1 and _pool_lost:
        return 1
    if n > 1:
        _used_pool = True
    return n


def _from_environment() -> int | None:
    """Return the number of threads from the environment, or None; ignore a bad OMP_NUM_THREADS."""
    for name in ("FASTW2V_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").split(",")[0].strip()
        if not text:
            continue
        if text.isdecimal() and 1 <= int(text) <= 1024:
            return int(text)
        if name.startswith("FASTW2V"):
            raise ValueError(f"{name}: expected a number from 1 to 1024, got {text!r}; correct it")
    return None


def _usable_cpus() -> int:
    """Return the number of CPUs that affinity and container quota allow, at least 1."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        cpus = os.process_cpu_count() or 1
    elif hasattr(os, "sched_getaffinity"):
        cpus = len(os.sched_getaffinity(0))
    else:
        cpus = os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, min(cpus, math.ceil(quota))) if quota else cpus


def _cgroup_quota(root: str | os.PathLike[str] = "/sys/fs/cgroup") -> float | None:
    """Return the CPUs a container may use, or None; try version 2 of cgroups, then version 1."""
    try:
        limit, period = _read(root, "cpu.max").split()
    except (OSError, ValueError):
        try:
            limit = _read(root, "cpu", "cpu.cfs_quota_us").strip()
            period = _read(root, "cpu", "cpu.cfs_period_us").strip()
        except OSError:
            return None
    try:
        share = int(limit) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return share if share > 0 else None


def _read(root: str | os.PathLike[str], *names: str) -> str:
    with open(os.path.join(root, *names), encoding="ascii") as file:
        return file.read()


def _after_fork() -> None:
    # The child has only the forking thread. OpenMP would wait forever for threads that it started
    # before the fork; the package's own pool starts new ones.
    global _num_threads, _pool_lost
    _num_threads = 1
    _pool_lost = _pool_lost or bool(_used_pool and _cpu.openmp() and not _cpu.own_pool())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
