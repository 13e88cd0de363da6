"""How many threads a kernel may use: the one place where that is decided.

`set_num_threads`, else FASTW2V_NUM_THREADS, else OMP_NUM_THREADS, else the CPUs this process may
use (affinity and container quota). Results never depend on the number: see `parts`.
"""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any

from fastw2v._kernels import _cpu

# Nanoseconds. A helper of our own pool is awake between the kernels of a training step, and the
# caller does what it does not come for; OpenMP's threads are waited for. Measured on a CBOW step
# with two threads: 0.82 ms with 50,000 and 0.67 ms with 10,000.
_DEFAULT_SERIAL_BELOW = 10_000 if _cpu.own_pool() else 50_000

_num_threads = None  # None: not asked for yet
_serial_below = _DEFAULT_SERIAL_BELOW
_used_pool = False  # whether any kernel call of this process was cut into parts
_pool_lost = False  # True in a forked child whose parent had used the pool


def get_num_threads() -> int:
    """Number of threads that kernels use.

    >>> import fastw2v
    >>> fastw2v.get_num_threads() >= 1
    True
    """
    global _num_threads
    if _num_threads is None:
        _num_threads = _from_environment() or _usable_cpus()
    return _num_threads


def set_num_threads(n: int) -> None:
    """Let kernels use `n` threads (at least 1) from now on, in the whole process.

    The results are the same bits for every n. Threads that a smaller n has no use for come to an
    end. A forked child starts with one thread. Where the threads are OpenMP's
    (`build_info()["pool"]`), it stays at one if its parent had used several, because OpenMP cannot
    start again there: a RuntimeWarning says so.

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


def serial_below(ns: Any = None) -> Any:
    """Set the estimated work in nanoseconds below which a call stays on one thread.

    None restores the default; 0 cuts every call into parts (tests do that). Returns the value
    that was in force.
    """
    global _serial_below
    before = _serial_below
    _serial_below = _DEFAULT_SERIAL_BELOW if ns is None else ns
    return before


def parts(ns: Any) -> Any:
    """Into how many parts to cut a call of about `ns` nanoseconds of serial work."""
    global _used_pool
    if ns < _serial_below:
        return 1
    n = _num_threads or get_num_threads()
    if n > 1:
        _used_pool = True
    return n


def claim(n: int) -> Any:
    """The parts to cut a long job into when somebody asked for `n` threads by an argument.

    One where OpenMP cannot start threads again (see `set_num_threads`).
    """
    global _used_pool
    if n > 1 and _pool_lost:
        return 1
    if n > 1:
        _used_pool = True
    return n


def _from_environment():
    for name in ("FASTW2V_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").split(",")[0].strip()
        if not text:
            continue
        if text.isdecimal() and 1 <= int(text) <= 1024:
            return int(text)
        if name.startswith("FASTW2V"):
            raise ValueError(f"{name}: expected a number from 1 to 1024, got {text!r}; correct it")
    return None


def _usable_cpus():
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        cpus = os.process_cpu_count() or 1
    elif hasattr(os, "sched_getaffinity"):
        cpus = len(os.sched_getaffinity(0))
    else:
        cpus = os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, min(cpus, math.ceil(quota))) if quota else cpus


def _cgroup_quota(root="/sys/fs/cgroup"):
    """CPUs a container may use, or None. Version 2 of the interface first, then version 1."""
    try:
        limit, period = Path(root, "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = Path(root, "cpu", "cpu.cfs_quota_us").read_text().strip()
            period = Path(root, "cpu", "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    try:
        share = int(limit) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return share if share > 0 else None


def _after_fork():
    # The child has only the forking thread; a team of threads started by OpenMP before the fork
    # is gone, and waiting for it would never end. Our own pool starts anew.
    global _num_threads, _pool_lost
    _num_threads = 1
    _pool_lost = _pool_lost or bool(_used_pool and _cpu.openmp() and not _cpu.own_pool())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
