"""Helpers for tests of whole models: weights in float64, weights as bytes."""

import numpy as np


def layers_of(thing, found=None):
    """Return all layers with weights that a model holds, also inside encoders and decoders."""
    found = [] if found is None else found
    for value in vars(thing).values():
        for item in value if isinstance(value, list) else [value]:
            if hasattr(item, "params") and not any(item is known for known in found):
                found.append(item)
                layers_of(item, found)
    return found


def in_float64(model):
    """Return the model with all arrays in float64, as finite differences need the precision."""
    wide = {}  # by identity, so that shared weights remain shared

    def widened(array):
        if id(array) not in wide:
            base = array.base
            if base is not None and id(base) in wide and base.T.shape == array.shape:
                wide[id(array)] = array, wide[id(base)][1].T
            else:
                wide[id(array)] = array, array.astype(np.float64)
        return wide[id(array)][1]

    for part in [*layers_of(model), model]:
        part.params = [widened(param) for param in part.params]
        part.grads = [widened(grad) for grad in part.grads]
        if hasattr(part, "W"):
            part.W = part.params[0]
        if hasattr(part, "dtype"):
            part.dtype = np.float64
    return model


def weights_of(model):
    return b"".join(np.ascontiguousarray(param).tobytes() for param in model.params)


def unequal(first, second):
    """Count the entries of two nested states that are not the same object."""
    if isinstance(first, (list, tuple)):
        return sum(unequal(a, b) for a, b in zip(first, second, strict=True))
    return int(first is not second)
