"""A description of the installation and of the parts of it that are in use."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from fastw2v import _kernels
from fastw2v._core import threads
from fastw2v._kernels import _cpu
from fastw2v._version import __version__


def build_info() -> dict[str, Any]:
    """Return a dict of version, compiler, levels, OpenMP, pool, threads, Python and numpy.

    ``isa`` is the instruction-set level in use, ``levels`` are those built, and ``cpu_level`` is
    the best that this CPU runs. ``unbuilt_level`` is ``cpu_level`` if that level was not built,
    else None. To build it, install from source with ``FASTW2V_LEVELS`` set to it.

    >>> import fastw2v
    >>> sorted(fastw2v.build_info())        # doctest: +NORMALIZE_WHITESPACE
    ['compiler', 'cpu_level', 'isa', 'levels', 'machine', 'numpy', 'openmp', 'pool',
     'portable', 'python', 'threads', 'unbuilt_level', 'version']
    """
    return {
        "version": __version__,
        "isa": _kernels.LEVEL,
        "cpu_level": _cpu.level(),
        "levels": _kernels.built_levels(),
        "unbuilt_level": _kernels.unbuilt_level(),
        "compiler": _cpu.compiler(),
        "openmp": _cpu.openmp(),
        "pool": "own" if _cpu.own_pool() else "OpenMP" if _cpu.openmp() else "none",
        "portable": _cpu.portable(),
        "threads": threads.get_num_threads(),
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
