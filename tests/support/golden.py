"""Recorded cases (see data/README.md) as dicts of arrays, and their tolerances."""

import functools

import numpy as np
from places import DATA

# float64 runs follow the recording operation by operation; float32 runs may round in other places.
RTOL = {"f4": 1e-5, "f8": 1e-10}
ATOL = {"f4": 1e-6, "f8": 1e-12}


@functools.cache
def _group(group):
    """Return the arrays of one file by case: {"functions/f4/relu": {"x": ..., "y": ...}}."""
    by_case = {}
    with np.load(DATA / f"{group}.npz", allow_pickle=False) as file:
        for key in file.files:
            case, name = key.rsplit("/", 1)
            by_case.setdefault(case, {})[name] = file[key]
    return by_case


def cases(group, *names):
    """List the keys `group/dtype/case` of a file, of cases that begin with one of the names."""
    return [key for key in _group(group) if key.rsplit("/", 1)[1].startswith(names or ("",))]


def load(key):
    """Return copies of the arrays of one case by name; scalars become Python numbers."""
    case = _group(key.split("/", 1)[0])[key]
    return {name: array.copy() if array.ndim else array.item() for name, array in case.items()}


def sequence(case, prefix):
    """Return [case[prefix + "0"], case[prefix + "1"], ...] as far as they exist."""
    found = []
    while f"{prefix}{len(found)}" in case:
        found.append(case[f"{prefix}{len(found)}"])
    return found


def precision(key):
    """Return f4 or f8 as the key names it, else that of the narrowest float array of the case."""
    part = key.split("/")[1]
    if part in RTOL:
        return part
    floats = [a.dtype for a in _group(key.split("/", 1)[0])[key].values() if a.dtype.kind == "f"]
    return "f8" if all(dtype.itemsize >= 8 for dtype in floats) else "f4"


def assert_close(actual, expected, key):
    """Assert equal shapes, and equal values within the tolerance of the case."""
    actual = np.asarray(actual)
    assert actual.shape == np.shape(expected)
    limit = precision(key)
    # Rounding errors of long sums (group tiles) are in proportion to their terms, not to the sum.
    scale = max(1.0, np.abs(expected).max()) if key.startswith("tiles/") else 1.0
    np.testing.assert_allclose(actual, expected, rtol=RTOL[limit], atol=scale * ATOL[limit])
