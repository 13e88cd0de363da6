"""What was installed and what of it is in use."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from fastw2v import _kernels
from fastw2v._core import threads
from fastw2v._kernels import _cpu
from fastw2v._version import __version__


def build_info() -> dict[str, Any]:
    """A dict: version, compiler, levels built and in use, OpenMP, pool, threads, Python, numpy.

    >>> import fastw2v
    >>> sorted(fastw2v.build_info())        # doctest: +NORMALIZE_WHITESPACE
    ['compiler', 'cpu_level', 'isa', 'levels', 'machine', 'numpy', 'openmp', 'pool',
     'portable', 'python', 'threads', 'version']
    """
    return {
        "version": __version__,
        "isa": _kernels.LEVEL,
        "cpu_level": _cpu.level(),
        "levels": _kernels.built_levels(),
        "compiler": _cpu.compiler(),
        "openmp": _cpu.openmp(),
        "pool": "own" if _cpu.own_pool() else "OpenMP" if _cpu.openmp() else "none",
        "portable": _cpu.portable(),
        "threads": threads.get_num_threads(),
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
