"""A summary of a model, as Keras prints one, and its number of parameters."""

from __future__ import annotations

from typing import Any, TextIO

import numpy as np

from fastw2v.candidate_sampling import NCELoss, SampledSoftmaxLoss
from fastw2v.layers import Affine, Embedding, MatMul
from fastw2v.negative_sampling_layer import EmbeddingDot, NegativeSamplingLoss
from fastw2v.time_layers import (
    GRU,
    LSTM,
    RNN,
    TimeAffine,
    TimeBidirectional,
    TimeEmbedding,
    TimeGRU,
    TimeLSTM,
    TimeRNN,
)

__all__ = ["count_params", "summary"]


def _columns(layer):
    return np.shape(layer.params[0])[1]


def _units(layer):
    return len(layer.params[1])


def _units_of_both(layer):
    """Return the units of both directions; the states of either may have a width of its own."""
    return sum(_units(part) for part in (layer.forward_layer, layer.backward_layer))


# Layers that are listed as one, and the shapes of their outputs for N rows of T steps.
_OUTPUTS = (
    (TimeEmbedding, lambda layer: f"(N, T, {_columns(layer)})"),
    (Embedding, lambda layer: f"(N, {_columns(layer)})"),
    (TimeBidirectional, lambda layer: f"(N, T, {_units_of_both(layer)})"),
    (
        (TimeRNN, TimeLSTM, TimeGRU),
        lambda layer: f"(N, T, {_units(layer)})",
    ),
    (
        (RNN, LSTM, GRU),
        lambda layer: f"(N, {_units(layer)})",
    ),
    (TimeAffine, lambda layer: f"(N, T, {_columns(layer)})"),
    ((Affine, MatMul), lambda layer: f"(N, {_columns(layer)})"),
    (EmbeddingDot, lambda layer: "(N,)"),
    (
        (NegativeSamplingLoss, NCELoss, SampledSoftmaxLoss),
        lambda layer: "()",
    ),
)


def summary(model: Any, *, file: TextIO | None = None) -> None:
    """Print the layers of a model with their output shapes and numbers of parameters.

    model: one layer, or any model whose attributes hold its layers, also one of your own. In
    shapes, N is the batch size and T the number of steps. Weights that several layers share are
    counted once, at the first of these layers. file: a stream to print to instead of stdout.

    >>> from fastw2v.keras import summary
    >>> from fastw2v.models import SequenceRegressor
    >>> summary(SequenceRegressor("lstm", input_size=1, hidden_size=20))
    SequenceRegressor
    Layer (type)       Output shape  Params
    ---------------------------------------
    rnn (TimeLSTM)     (N, T, 20)     1,760
    affine (Affine)    (N, 1)            21
    ---------------------------------------
    Total                             1,781
    """
    rows, seen = [], []
    for name, layer in _layers_of(model):
        own, shared = _count(layer, seen)
        if not own and not shared:
            continue
        title = f"{name} ({type(layer).__name__})" if name else type(layer).__name__
        rows.append((title, _output(layer), f"{own:,}" if own else "shared"))
    own, _ = _count(model, seen)
    if own:
        rows.append(("of the model itself", "", f"{own:,}"))
    rows.insert(0, ("Layer (type)", "Output shape", "Params"))
    rows.append(("Total", "", f"{count_params(model):,}"))
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    lines = [f"{a:{widths[0]}}    {b:{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
    rule = "-" * len(lines[0])
    print(type(model).__name__, lines[0], rule, *lines[1:-1], rule, lines[-1], sep="\n", file=file)


def count_params(model: Any) -> int:
    """Return the number of parameters of a model or a layer, with shared ones counted once.

    >>> from fastw2v.keras import count_params
    >>> from fastw2v.models import SequenceRegressor
    >>> count_params(SequenceRegressor("rnn", input_size=1, hidden_size=20))    # 440 + 21
    461
    """
    return _count(model, [])[0]


def _count(layer, seen):
    """Return (size of arrays not in `seen`, size of those in it); add the new arrays to `seen`."""
    own = shared = 0
    mine = []
    for array in getattr(layer, "params", None) or ():
        if _is_among(array, mine):
            continue
        mine.append(array)
        if _is_among(array, seen):
            shared += array.size
        else:
            own += array.size
            seen.append(array)
    return own, shared


def _is_among(array, others):
    """Return whether one of the others is this array, or its transpose in the same memory."""
    return any(
        array is other or (array.size == other.size > 0 and np.may_share_memory(array, other))
        for other in others
    )


def _output(layer):
    return next((shape(layer) for kinds, shape in _OUTPUTS if isinstance(layer, kinds)), "")


def _layers_of(model, path=""):
    """Return [(name, layer)] for layers with parameters, in the order of the model's attributes.

    Each layer is listed once; one that is in a list and in an attribute has the attribute's name.
    """
    if any(isinstance(model, kinds) for kinds, _ in _OUTPUTS):
        return [(path, model)]
    attributes = {k: v for k, v in vars(model).items() if not k.startswith("_")}
    if hasattr(type(model), "in_layers"):  # a property of CBOW, which makes them when asked
        attributes = {"in_layers": model.in_layers} | attributes
    names, order = {}, {}
    for name, value in attributes.items():
        for k, item in enumerate(value if isinstance(value, list | tuple) else ()):
            if _is_layer(item):
                names.setdefault(id(item), f"{name}[{k}]")
                order.setdefault(id(item), item)
        if _is_layer(value):
            names[id(value)] = name
            order.setdefault(id(value), value)
    found = []
    for key, layer in order.items():
        found += _layers_of(layer, f"{path}.{names[key]}" if path else names[key])
    return found or [(path, model)]


def _is_layer(thing):
    return bool(getattr(thing, "params", None)) and hasattr(thing, "forward")
