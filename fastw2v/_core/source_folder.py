"""The check that a package beside its source was compiled for this Python.

A folder of source that Python finds first hides an installed package. Python's own message would
name a circular import.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES

__all__ = ["check_that_kernels_are_here", "has_kernel"]

# os.path, because a Path would cost a tenth of the time of the import.
_HERE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "_kernels")


def has_kernel(folder: str, noun: str) -> bool:
    """Return whether a folder holds this kernel, compiled for this Python."""
    return any(os.path.isfile(os.path.join(folder, noun + end)) for end in EXTENSION_SUFFIXES)


def check_that_kernels_are_here() -> None:
    """Raise ImportError, with its cause and cures, in a source folder that was not compiled."""
    if has_kernel(_HERE, "_cpu"):
        return
    package = os.path.dirname(_HERE)
    root = os.path.dirname(package)
    compile_here = f"to compile in this folder: pip install -e {root}"
    for entry in sys.path:
        folder = os.path.join(os.path.realpath(entry or "."), "fastw2v")
        if folder != package and has_kernel(os.path.join(folder, "_kernels"), "_cpu"):
            raise ImportError(
                f"fastw2v was imported from the source folder {root}, which holds no compiled "
                f"kernels and hides the installed package {folder}. To use the installed one: "
                "cd to another folder; or python -P (PYTHONSAFEPATH=1) from Python 3.11 on; or "
                f"pytest instead of python -m pytest. Or, {compile_here}"
            )
    raise ImportError(
        f"fastw2v was imported from the folder {root}, which holds no kernels compiled for this "
        f"Python. To install it: pip install {root}, then cd to another folder. Or, {compile_here}"
    )
