"""Recorded cases (see data/README.md) as dicts of arrays, and how closely they must be met."""

import functools

import numpy as np
from places import DATA

# float64 runs follow the recording operation by operation; float32 runs may round in other places.
RTOL = {"f4": 1e-5, "f8": 1e-10}
ATOL = {"f4": 1e-6, "f8": 1e-12}


@functools.cache
def _group(group):
    """Arrays of one file by case: {"functions/f4/relu": {"x": ..., "y": ...}}."""
    by_case = {}
    with np.load(DATA / f"{group}.npz", allow_pickle=False) as file:
        for key in file.files:
            case, name = key.rsplit("/", 1)
            by_case.setdefault(case, {})[name] = file[key]
    return by_case


def cases(group, *names):
    """Keys `group/dtype/case` of a file; with names, only cases that begin with one of them."""
    return [key for key in _group(group) if key.rsplit("/", 1)[1].startswith(names or ("",))]


def load(key):
    """The arrays of one case by name: copies, and plain Python numbers where they are scalars."""
    case = _group(key.split("/", 1)[0])[key]
    return {name: array.copy() if array.ndim else array.item() for name, array in case.items()}


def sequence(case, prefix):
    """[case[prefix + "0"], case[prefix + "1"], ...], as many as there are."""
    found = []
    while f"{prefix}{len(found)}" in case:
        found.append(case[f"{prefix}{len(found)}"])
    return found


def precision(key):
    """What the key says, f4 or f8, or else the narrowest float array of the case."""
    part = key.split("/")[1]
    if part in RTOL:
        return part
    floats = [a.dtype for a in _group(key.split("/", 1)[0])[key].values() if a.dtype.kind == "f"]
    return "f8" if all(dtype.itemsize >= 8 for dtype in floats) else "f4"


def assert_close(actual, expected, key):
    """Equal shapes, and equal values within the tolerance of the case."""
    actual = np.asarray(actual)
    assert actual.shape == np.shape(expected)
    limit = precision(key)
    # Long sums (group tiles) round in proportion to their terms, however small what is left.
    scale = max(1.0, np.abs(expected).max()) if key.startswith("tiles/") else 1.0
    np.testing.assert_allclose(actual, expected, rtol=RTOL[limit], atol=scale * ATOL[limit])
