"""Whose code runs in a fit: that decides which shortcuts a trainer may take.

Layers, models and optimizers of fastw2v keep the promises that row lists and deferred updates need.
Code of a user's own may write into a gradient unseen, or look at a weight between two steps.
"""

from __future__ import annotations

import os
import types
from typing import Any

from fastw2v import optimizer as optimizers

__all__ = ["is_own_model", "is_own_optimizer", "runs_own_code_only"]

_PACKAGE = os.path.dirname(os.path.dirname(__file__))  # the folder of fastw2v itself
_OPTIMIZERS = tuple(getattr(optimizers, name) for name in optimizers.__all__)


def is_own_model(model: Any) -> bool:
    """Return whether the class of a model is fastw2v's, and the object has no methods of its own.

    These models write into gradients through fastw2v's layers only.
    """
    package = type(model).__module__.partition(".")[0]
    return package == "fastw2v" and not {"forward", "backward"} & vars(model).keys()


def is_own_optimizer(optimizer: Any) -> bool:
    """Return whether an optimizer is exactly one of the six, with the `update` of its class."""
    return type(optimizer) in _OPTIMIZERS and "update" not in vars(optimizer)


def runs_own_code_only(batches: Any) -> bool:
    """Return whether fetching the next of the batches runs no code from outside fastw2v."""
    if type(batches) is types.GeneratorType:
        return batches.gi_code.co_filename.startswith(_PACKAGE + os.sep)
    return type(batches) in (list, tuple)
