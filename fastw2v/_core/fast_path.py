"""Questions that decide whether the fast path may run: is an object of our class, unmodified?

One kernel call may compute several layers at once. That is correct only while these layers compute
exactly the formulas of their classes. Users may subclass a layer, or assign another method to one
object; each object is then called through its own methods instead. Either may happen at any time,
so callers ask at each call. A question costs a comparison of types and a dictionary look-up for
each method.

>>> class Layer:
...     def forward(self, x): ...
...     def backward(self, dout): ...
>>> layer = Layer()
>>> is_unmodified(layer, Layer)
True
>>> layer.forward = abs
>>> is_unmodified(layer, Layer), is_patched(layer), is_patched(layer, ("backward",))
(False, True, False)
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable

__all__ = ["are_all", "is_defined_in", "is_patched", "is_unmodified", "method_is_from"]

STEP = ("forward", "backward")  # the methods that one step of training calls on a layer


def is_unmodified(thing: object, kind: type, methods: Iterable[str] = STEP) -> bool:
    """Return whether `thing` is exactly a `kind`, no subclass, and none of `methods` is patched."""
    if type(thing) is not kind:
        return False
    attributes = thing.__dict__
    for name in methods:  # noqa: SIM110  # a generator would cost more than the question
        if name in attributes:
            return False
    return True


def are_all(things: Iterable[object], one: object) -> bool:
    """Return whether each of `things` is the object `one`.

    >>> are_all([None, None], None), are_all([None, 0], None)
    (True, False)
    """
    return all(map(operator.is_, things, itertools.repeat(one)))


def is_patched(thing: object, methods: Iterable[str] = STEP) -> bool:
    """Return whether one of `methods` was assigned to this one object."""
    attributes = thing.__dict__
    for name in methods:  # noqa: SIM110
        if name in attributes:
            return True
    return False


def is_defined_in(kind: type, package: str) -> bool:
    """Return whether a class was written in `package` or in one of its modules.

    >>> import collections
    >>> is_defined_in(collections.Counter, "collections"), is_defined_in(int, "collections")
    (True, False)
    """
    return f"{kind.__module__}.".startswith(f"{package}.")


def method_is_from(thing: object, name: str, package: str) -> bool:
    """Return whether method `name` of an object, perhaps inherited, was written in `package`."""
    if name in thing.__dict__:
        return False
    module = getattr(getattr(type(thing), name), "__module__", "")
    return f"{module}.".startswith(f"{package}.")
