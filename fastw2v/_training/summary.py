"""The layers of a model in a table: what each gives, and how many numbers it has learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastw2v import layers, negative_sampling_layer, time_layers
from fastw2v.candidate_sampling import NCELoss, SampledSoftmaxLoss

__all__ = ["count_params", "summary"]


def _columns(layer):
    return np.shape(layer.params[0])[1]


def _units(layer):
    return len(layer.params[1])


# Layers that are not looked into, and the shape of what they give for N rows of T steps.
_OUTPUTS = (
    (time_layers.TimeEmbedding, lambda layer: f"(N, T, {_columns(layer)})"),
    (layers.Embedding, lambda layer: f"(N, {_columns(layer)})"),
    (time_layers.TimeBiLSTM, lambda layer: f"(N, T, {2 * _units(layer)})"),
    (
        (time_layers.TimeRNN, time_layers.TimeLSTM, time_layers.TimeGRU),
        lambda layer: f"(N, T, {_units(layer)})",
    ),
    (
        (time_layers.RNN, time_layers.LSTM, time_layers.GRU),
        lambda layer: f"(N, {_units(layer)})",
    ),
    (time_layers.TimeAffine, lambda layer: f"(N, T, {_columns(layer)})"),
    ((layers.Affine, layers.MatMul), lambda layer: f"(N, {_columns(layer)})"),
    (negative_sampling_layer.EmbeddingDot, lambda layer: "(N,)"),
    (
        (negative_sampling_layer.NegativeSamplingLoss, NCELoss, SampledSoftmaxLoss),
        lambda layer: "()",
    ),
)


def summary(model: Any, *, file: Any = None) -> Any:
    """Print the layers of a model, the shape of what each gives, and how many parameters it has.

    model: a model of ours or of yours, whose layers with parameters are found among its attributes,
    or one layer. N stands for the batch and T for time. Weights that several layers share count
    once, where they come first. file: a stream in the place of stdout.

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


def count_params(model: Any) -> Any:
    """How many numbers the parameters of a model or a layer hold, shared ones counted once.

    >>> from fastw2v.keras import count_params
    >>> from fastw2v.models import SequenceRegressor
    >>> count_params(SequenceRegressor("rnn", input_size=1, hidden_size=20))    # 440 + 21
    461
    """
    return _count(model, [])[0]


def _count(layer, seen):
    """(numbers in arrays that are not in `seen`, in arrays that are); adds the new ones to it."""
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
    """Whether one of the others is this array, or its transpose in the same memory."""
    return any(
        array is other or (array.size == other.size > 0 and np.may_share_memory(array, other))
        for other in others
    )


def _output(layer):
    return next((shape(layer) for kinds, shape in _OUTPUTS if isinstance(layer, kinds)), "")


def _layers_of(model, path=""):
    """[(name, layer)] of what has parameters, in the order of the model's attributes.

    Each layer once; one that stands in a list and in an attribute has the attribute's name.
    """
    if any(isinstance(model, kinds) for kinds, _ in _OUTPUTS):
        return [(path, model)]
    attributes = {k: v for k, v in vars(model).items() if not k.startswith("_")}
    if hasattr(type(model), "in_layers"):  # CBOW makes them when they are asked for
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
