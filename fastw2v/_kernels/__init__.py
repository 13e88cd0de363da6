"""The compiled kernels, in the best version this CPU can run.

Every kernel is built once per instruction-set level into a folder of that name; ``_cyutility``
beside them is Cython's own code, which all of them share. Importing this
package puts one of the folders in front of its ``__path__``, so that a kernel has the same name,
``fastw2v._kernels._embedding``, whichever level is in use. ``FASTW2V_ISA`` chooses another level.
"""

import os
from functools import cache
from pathlib import Path

import numpy as np

from fastw2v._kernels import _cpu

LEVELS = ("baseline", "v3", "v4")
_HERE = Path(__file__).parent
_C_NAMES = {
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
    "int32_t": np.dtype(np.int32),
    "int64_t": np.dtype(np.int64),
}


def built_levels():
    """The levels present in this installation, lowest first."""
    return [level for level in LEVELS if any((_HERE / level).glob("_embedding.*"))]


def usable_levels():
    """Those of them that this CPU can run."""
    best = LEVELS.index(_cpu.level())
    return [level for level in built_levels() if LEVELS.index(level) <= best]


def unbuilt_level():
    """Return the level that this CPU would run if it had been built, or None if it was."""
    best = _cpu.level()
    return None if best in built_levels() else best


def _choose():
    usable = usable_levels()
    asked = os.environ.get("FASTW2V_ISA", "").strip()
    if asked:
        if asked in usable:
            return asked
        why = "not one this CPU can run" if asked in built_levels() else "not built"
        raise ImportError(
            f"FASTW2V_ISA: level {asked!r} is {why}; usable here: {', '.join(usable) or 'none'}. "
            "Unset FASTW2V_ISA, name one of these, or install with FASTW2V_LEVELS=all"
        )
    if not usable:
        raise ImportError(
            "fastw2v._kernels: no compiled kernels beside this file; "
            "install the package (pip install .) instead of importing the source tree"
        )
    return usable[-1]


LEVEL = _choose()
# A level built for the CPU holds only what gains from it; text kernels stay in the baseline.
for _folder in dict.fromkeys(("baseline", LEVEL)):
    __path__.insert(0, str(_HERE / _folder))


@cache
def specialise(fused):
    """The specialisations of a fused kernel by dtype: {(float32, int32): function, ...}.

    Cython's own dispatcher looks at every argument at every call; one look into this dict costs a
    tenth of that. A kernel that is fused over one type alone has the bare dtype as key.
    """
    table = {}
    for signature in fused.__signatures__:
        dtypes = tuple(_C_NAMES[name] for name in signature.split("|"))
        table[dtypes if len(dtypes) > 1 else dtypes[0]] = fused[signature]
    return table
