"""Attributes that users and subclasses set on an object, in a fw2v file beside the object's own.

A file can hold arrays of numbers and what JSON can hold. All else is refused when it is saved,
because it would be missing after `load`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from fastw2v._files import fw2v
from fastw2v._files.warning import warn


def extras_of(thing: object, own: Collection[str]) -> dict[str, Any]:
    """Return the attributes of an object other than its class's `own`."""
    return {name: value for name, value in vars(thing).items() if name not in own}


def pack_extras(
    owner: str, thing: object, extras: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return attributes of an object as facts and arrays of a file; `owner` names it there.

    Raises TypeError that names an attribute that the file cannot hold.
    """
    facts: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, value in extras.items():
        if not _may_be_set(type(thing), name):
            _refuse(owner, name, "a name that no method has", "one that hides a method")
        if type(value) is np.ndarray and fw2v.holds(value.dtype):
            arrays[f"{owner}.{name}"] = value
        elif _is_json(value):
            facts[name] = value
        else:
            _refuse(owner, name, "numbers or a value that JSON can hold", type(value).__name__)
    return {f"extras of {owner}": facts}, arrays


def _refuse(owner: str, name: str, expected: str, got: str) -> None:
    raise TypeError(
        f"{owner}.{name}: expected {expected}, because it is saved with its owner, got {got}; "
        f"delete it, convert it, or leave it out with ignore=[{name!r}]"
    )


def _is_json(value: Any) -> bool:
    """Tell whether JSON gives back the same value with the same types."""
    try:
        return _same(value, json.loads(json.dumps(value)))
    except (TypeError, ValueError, RecursionError):
        return False


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(_same, a.values(), b.values()))
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b) or (isinstance(a, float) and a != a and b != b)


def _may_be_set(kind: type, name: object) -> bool:
    """Tell whether an attribute hides no method or property of a class."""
    return (
        isinstance(name, str)
        and name.isidentifier()
        and not name.startswith("__")
        and not hasattr(kind, name)
    )


def warn_of_class(file: object, saved: object, kind: type, plain: str) -> None:
    """Warn that an object of a user's class is opened as one of another class."""
    if saved not in (None, plain, kind.__name__):
        warn(
            f"{file}: was saved by an object of the class {saved}, and is opened as "
            f"{kind.__name__}; use {saved}.load to get an object of that class"
        )


def unpack_extras(owner: str, thing: object, own: Collection[str], content: fw2v.Content) -> None:
    """Set the attributes that a file holds for an object. Raises ValueError if they are damaged."""
    facts = content.facts.get(f"extras of {owner}", {})
    if not isinstance(facts, dict):
        raise ValueError(f"the attributes of {owner} are no dict")
    begin = f"{owner}."
    extras = facts | {
        key.removeprefix(begin): array
        for key, array in content.arrays.items()
        if key.startswith(begin)
    }
    for name in extras:
        if name in own or not _may_be_set(type(thing), name):
            raise ValueError(f"{name!r} is no further attribute of {owner}")
    vars(thing).update(extras)
