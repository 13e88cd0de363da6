"""The compiled kernels, at the best instruction-set level that this CPU runs.

Every kernel is built once per level into a folder of that name; ``_cyutility`` beside them is
Cython's own code, which all of them share. Importing this package puts one of the folders in front
of its ``__path__``, so that a kernel has the same name, ``fastw2v._kernels._embedding``, at any
level. ``FASTW2V_ISA`` chooses another level.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from fastw2v._core.source_folder import has_kernel
from fastw2v._kernels import _cpu

_HERE = os.path.dirname(__file__)

LEVELS = ("baseline", "v3", "v4")
_C_NAMES = {
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
    "int32_t": np.dtype(np.int32),
    "int64_t": np.dtype(np.int64),
    "uint16_t": np.dtype(np.uint16),
    "int8_t": np.dtype(np.int8),
}


def built_levels() -> list[str]:
    """Return the levels present in this installation, lowest first."""
    return [level for level in LEVELS if has_kernel(os.path.join(_HERE, level), "_embedding")]


def usable_levels() -> list[str]:
    """Return the built levels that this CPU runs, lowest first."""
    best = LEVELS.index(_cpu.level())
    return [level for level in built_levels() if LEVELS.index(level) <= best]


def unbuilt_level() -> str | None:
    """Return the level that this CPU would run if it had been built, or None if it was."""
    best = _cpu.level()
    return None if best in built_levels() else best


def _choose() -> str:
    usable = usable_levels()
    asked = os.environ.get("FASTW2V_ISA", "").strip()
    if asked:
        if asked in usable:
            return asked
        cure = "unset FASTW2V_ISA or name one of these"
        if asked not in LEVELS:
            why = "no instruction-set level"
        elif asked in built_levels():
            why = "a level that this CPU cannot run"
        else:
            why = "a level that was not built"
            cure += ", or install with FASTW2V_LEVELS=all"
        expected = " or ".join(usable) or "no value"
        raise ImportError(f"FASTW2V_ISA: expected {expected}, got {asked!r}, {why}; {cure}")
    if not usable:
        raise ImportError(
            f"fastw2v: expected compiled kernels in {_HERE}, got none that this CPU runs; "
            "install the package again (pip install --force-reinstall)"
        )
    return usable[-1]


LEVEL = _choose()
# A level holds only the kernels that gain from it; the text kernels stay in the baseline.
for _folder in dict.fromkeys(("baseline", LEVEL)):
    __path__.insert(0, os.path.join(_HERE, _folder))


@cache
def specialise(fused: Any) -> dict[Any, Callable[..., Any]]:
    """Return the specialisations of a fused kernel by dtype: {(float32, int32): function, ...}.

    Cython's own dispatcher inspects every argument at every call; a look-up in this dict costs a
    tenth of that. A kernel that is fused over one type alone has the bare dtype as key.
    """
    table: dict[Any, Callable[..., Any]] = {}
    for signature in fused.__signatures__:
        dtypes = tuple(_C_NAMES[name] for name in signature.split("|"))
        table[dtypes if len(dtypes) > 1 else dtypes[0]] = fused[signature]
    return table
