"""The machine of a bench: equal threads for all contenders, numpy with its default BLAS kernels.

Numpy reads these variables once, when its BLAS is loaded. This module therefore does not import
numpy at the top, and `prepare` restarts Python if another module has imported it already.
"""

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path

# Presets seen on machines for numeric work. They select an older kernel than the CPU can run and
# halve numpy's speed, which would flatter every ratio.
BLAS_PRESETS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "FASTW2V_NUM_THREADS",
)
DEFAULT_THREADS = 2
HERE = Path(__file__).parent


def prepare(threads, before_restart=None):
    """Set the environment; restart this Python if numpy was loaded under another one."""
    wanted = {name: str(threads) for name in THREAD_VARIABLES}
    wrong = any(os.environ.get(name) != value for name, value in wanted.items())
    wrong = wrong or any(name in os.environ for name in BLAS_PRESETS)
    for name in BLAS_PRESETS:
        os.environ.pop(name, None)
    os.environ.update(wanted)
    if wrong and "numpy" in sys.modules:
        if before_restart is not None:
            before_restart()
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def apply(threads):
    """Apply the settings that need calls; the BLAS libraries have read the environment."""
    import fastw2v

    fastw2v.set_num_threads(threads)
    torch = rival("torch")
    if torch is not None:
        torch.set_num_threads(threads)


def rival(name):
    """Return the module, or None if it is not installed."""
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def thread_count(text):
    """Parse a positive number; for argument parsers."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of threads from 1, got {text!r}")
    return int(text)


def describe(threads):
    """Return (name, value) pairs to print beside every number measured here."""
    import numpy as np

    import fastw2v

    info = fastw2v.build_info()
    levels = ", ".join(info["levels"])
    lines = [
        ("CPU", _cpu_name()),
        ("cores usable", str(_usable_cores())),
        ("threads for everyone", str(threads)),
        ("load average at start", f"{load():.2f}"),
        ("Python", platform.python_version()),
        ("fastw2v", f"{info['version']}, level {info['isa']} of {levels}"),
        ("compiler, OpenMP", f"{info['compiler']}, {info['openmp'] or 'none'}"),
        ("numpy", np.__version__),
        ("numpy's BLAS", _blas(np)),
    ]
    torch = rival("torch")
    if torch is None:
        lines.append(("torch", "not installed"))
    else:
        capability = torch.backends.cpu.get_cpu_capability()
        n = torch.get_num_threads()
        lines.append(("torch", f"{torch.__version__}, {capability}, {n} threads"))
    try:
        gensim = importlib.metadata.version("gensim")  # importing it would start scipy's BLAS
    except importlib.metadata.PackageNotFoundError:
        gensim = "not installed"
    lines.append(("gensim", gensim))
    lines.append(("commit", _commit()))
    return lines


def _cpu_name():
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    # Virtual machines tend to hide the model's name; family and model still identify the core.
    wanted = {"model name": "", "cpu family": "family ", "model": "model "}
    seen = {}
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key in wanted and key not in seen:
            seen[key] = wanted[key] + value
    return ", ".join(seen[key] for key in wanted if key in seen) or platform.machine()


def _usable_cores():
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count()


def load():
    """Return the load average of the last minute; NaN if the system does not report it."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return float("nan")


def _blas(np):
    threadpoolctl = rival("threadpoolctl")
    if threadpoolctl is None:
        return "unknown (threadpoolctl is not installed)"
    folder = str(Path(np.__file__).parent)
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    # scipy, which gensim depends on, has a BLAS of its own.
    pools = [pool for pool in pools if pool["filepath"].startswith(folder)] or pools
    return "; ".join(
        f"{pool['internal_api']} {pool['version']}, architecture "
        f"{pool.get('architecture', 'unknown')}, {pool['num_threads']} threads"
        for pool in pools
    )


def _commit():
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        # The report is written into the tree that it describes.
        changed = _git("status", "--porcelain", "--", "..", ":!RESULTS.*")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}, with uncommitted changes" if changed else commit


def _git(*arguments):
    return subprocess.run(
        ["git", *arguments], cwd=HERE, capture_output=True, text=True, check=True
    ).stdout.strip()
