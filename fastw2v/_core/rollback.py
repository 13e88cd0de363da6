"""Rollback of layers: an error leaves them as they were, even if some of them have already run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["unchanged_on_error"]


@contextlib.contextmanager
def unchanged_on_error(*layers: Any) -> Iterator[None]:
    """Restore the attributes of layers, and of the layers they hold, if the block raises.

    Arrays are not copied: forward binds new ones and writes into none.
    """
    before: dict[int, tuple[Any, dict[str, Any]]] = {}
    _remember(layers, before)
    try:
        yield
    except BaseException:
        for layer, attributes in before.values():
            vars(layer).clear()
            vars(layer).update(attributes)
        raise


def _remember(thing: Any, before: dict[int, tuple[Any, dict[str, Any]]]) -> None:
    """Add to `before` the attributes of each layer that `thing` is or holds, by the layer's id."""
    if isinstance(thing, (list, tuple)):
        if not (thing and isinstance(thing[0], (int, np.integer))):  # ids, not layers
            for item in thing:
                _remember(item, before)
    elif hasattr(thing, "params") and hasattr(thing, "__dict__") and id(thing) not in before:
        before[id(thing)] = thing, dict(vars(thing))
        for value in before[id(thing)][1].values():
            _remember(value, before)
