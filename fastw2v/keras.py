"""Weights to and from the layout of Keras, and a summary of a model as Keras prints one.

| Keras | here | difference |
|---|---|---|
| `SimpleRNN` | `TimeRNN` | none |
| `LSTM` | `TimeLSTM` | the gates i, f, c, o become f, g, i, o in all three arrays |
| `GRU(reset_after=False)` | `TimeGRU` | the sign of z: old states count z in Keras, 1 - z here |
| `Bidirectional(LSTM)` | `TimeBiLSTM` | each half is converted as an LSTM |
| `Embedding` | `TimeEmbedding` | none |
| `Dense` | `Affine` | none; the activation is a separate layer here |

Keras itself is not needed: weights are lists of arrays, in the order of `layer.get_weights()`.
The result `hs` of a layer over time is that of Keras with return_sequences=True; `layer.h` (and
`.c`) are its last output and state. There are no masks here: `lengths=` of a layer over time ends
its rows, and `hs` is 0 beyond, as in Keras with zero_output_for_mask=True.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastw2v._checks.arrays import as_numbers, check_shape
from fastw2v._checks.numbers import check_one_of
from fastw2v._checks.sequences import check_array_list
from fastw2v._recurrent.cells import RECURRENT_ACTIVATIONS
from fastw2v._rows.deferred import apply_all_pending
from fastw2v.candidate_sampling import NCELoss, SampledSoftmaxLoss
from fastw2v.layers import Affine, Embedding, MatMul
from fastw2v.negative_sampling_layer import EmbeddingDot, NegativeSamplingLoss
from fastw2v.time_layers import (
    GRU,
    LSTM,
    RNN,
    TimeAffine,
    TimeBiLSTM,
    TimeEmbedding,
    TimeGRU,
    TimeLSTM,
    TimeRNN,
)

__all__ = ["count_params", "from_keras", "summary", "to_keras"]

# kind -> number of blocks of H columns, one for each gate
_RECURRENT = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}
_KINDS = (*_RECURRENT, "Bidirectional", "Embedding", "Dense")
# The arguments of `from_keras` beside the weights, and those of them that each kind has a use for.
_DEFAULTS: dict[str, Any] = {
    "stateful": False,
    "go_backwards": False,
    "recurrent_activation": "sigmoid",
    "reset_after": None,
    "dtype": None,
}
_USED = {
    "SimpleRNN": ("stateful", "go_backwards", "dtype"),
    "LSTM": ("stateful", "go_backwards", "recurrent_activation", "dtype"),
    "GRU": tuple(_DEFAULTS),
    "Bidirectional": ("stateful", "recurrent_activation", "dtype"),
    "Embedding": ("dtype",),
    "Dense": (),
}


# Weights -----------------------------------------------------------------------------------------


def from_keras(
    layer: Any,
    weights: Sequence[ArrayLike] | None = None,
    *,
    stateful: bool = False,
    go_backwards: bool = False,
    recurrent_activation: str = "sigmoid",
    reset_after: bool | None = None,
    dtype: DTypeLike | None = None,
) -> TimeRNN | TimeLSTM | TimeGRU | TimeBiLSTM | TimeEmbedding | Affine:
    """Return one of our layers with the weights of a Keras layer.

    layer: a Keras layer that has weights; its settings are read from it. Or the name of its class,
    "SimpleRNN", "LSTM", "GRU", "Bidirectional", "Embedding" or "Dense", together with `weights`, a
    list like that of get_weights(); if the layer has no bias, ours gets zeros. The arrays are
    copied; float64 is kept, and other dtypes become float32.

    stateful, go_backwards, dtype: as in `TimeLSTM`. recurrent_activation: "sigmoid", or the hard
    sigmoid of Keras 2, "hard_sigmoid_keras2", or that of Keras 3, "hard_sigmoid_keras3". Arguments
    that the kind of layer has no use for are refused, and so are those that contradict the settings
    of a Keras layer.

    ValueError, with a cure, is raised for layers that have no counterpart here: a GRU with
    reset_after=True (the default of Keras), a Bidirectional of cells other than LSTM, with a
    merge_mode other than concatenation or with halves of different settings, a recurrent layer with
    an activation other than tanh or with time_major=True, an Embedding with mask_zero=True, and a
    Dense layer with an activation. zero_output_for_mask=True is what `lengths=` does. Dropout is
    ignored, as it applies to training only.

    >>> import numpy as np
    >>> from fastw2v.keras import from_keras, to_keras
    >>> kernel = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)           # i, f, c, o of one unit
    >>> layer = from_keras("LSTM", [kernel, kernel, kernel[0]])
    >>> layer.params[0]                                                 # f, g, i, o
    array([[2., 3., 1., 4.]], dtype=float32)
    >>> to_keras(layer)[0]
    array([[1., 2., 3., 4.]], dtype=float32)
    """
    options = {
        "stateful": stateful,
        "go_backwards": go_backwards,
        "recurrent_activation": recurrent_activation,
        "reset_after": reset_after,
    }
    if isinstance(layer, str):
        kind, name = layer, "weights"
        check_one_of("layer", kind, _KINDS)
        _check_used(kind, options | {"dtype": dtype})
    else:
        kind, weights, options = _read(layer, weights, options | {"dtype": dtype})
        name = f"weights of {kind}"
    weights = _arrays(name, weights)
    if kind in _RECURRENT:
        return _recurrent(kind, name, weights, options, dtype)
    if kind == "Bidirectional":
        return _bidirectional(name, weights, options, dtype)
    if kind == "Embedding":
        _shapes(name, weights, [("embeddings", 2)])
        return TimeEmbedding(weights[0], dtype=dtype)
    _shapes(name, weights, [("kernel", 2), ("bias", 1)], optional=1)
    kernel = weights[0]
    bias = weights[1] if len(weights) == 2 else np.zeros(kernel.shape[1], kernel.dtype)
    return Affine(kernel, bias)


def to_keras(layer: Any) -> list[NDArray[Any]]:
    """Return the weights of one of our layers as a list for set_weights() of the Keras layer.

    layer: a TimeRNN, TimeLSTM, TimeGRU (for reset_after=False) or TimeBiLSTM, a cell RNN, LSTM or
    GRU, a TimeEmbedding, Embedding, TimeAffine, Affine, or MatMul (Dense without a bias). The
    arrays are new. TypeError is raised for anything else.

    >>> import numpy as np
    >>> from fastw2v.keras import to_keras
    >>> from fastw2v.time_layers import TimeRNN
    >>> layer = TimeRNN(np.ones((1, 20), "f"), np.ones((20, 20), "f"), np.zeros(20, "f"))
    >>> [array.shape for array in to_keras(layer)]
    [(1, 20), (20, 20), (20,)]
    """
    if isinstance(layer, TimeBiLSTM):
        return to_keras(layer.forward_lstm) + to_keras(layer.backward_lstm)
    apply_all_pending(*getattr(layer, "params", ()))
    copies = [np.array(array, order="C") for array in getattr(layer, "params", ())]
    if isinstance(layer, TimeLSTM | LSTM):
        return [_regrouped(array, (2, 0, 1, 3)) for array in copies]  # f g i o -> i f c o
    if isinstance(layer, TimeGRU | GRU):
        return [_with_other_z(array) for array in copies]
    simple = TimeRNN, RNN, TimeEmbedding, Embedding, Affine, MatMul
    if isinstance(layer, simple):
        return copies
    raise TypeError(
        f"layer: expected a layer that Keras has too, got {type(layer).__name__}; "
        "pass the layers of a model one by one"
    )


def _check_used(kind, options):
    """Refuse arguments that a kind of layer has no use for, unless they have their defaults."""
    for name, value in options.items():
        default = _DEFAULTS[name]
        if (
            name not in _USED[kind]
            and value != default
            and not (name == "reset_after" and not value)
        ):
            raise ValueError(
                f"{name}: expected {default!r} for a {kind}, which has no such setting, got "
                f"{value!r}; leave it out"
            )


def _recurrent(kind, name, weights, options, dtype):
    blocks = _RECURRENT[kind]
    if kind == "GRU":
        _refuse_reset_after(weights, options["reset_after"])
    _shapes(name, weights, [("kernel", 2), ("recurrent_kernel", 2), ("bias", 1)], optional=1)
    kernel, recurrent = weights[:2]
    H = len(recurrent)
    for part, array, shape in (
        ("recurrent_kernel", recurrent, (H, blocks * H)),
        ("kernel", kernel, (len(kernel), blocks * H)),
    ):
        check_shape(f"{name}: {part}", array, shape, f"that of {kind} with {H} units")
    bias = weights[2] if len(weights) == 3 else np.zeros(blocks * H, kernel.dtype)
    check_shape(f"{name}: bias", bias, (blocks * H,), f"that of {kind} with {H} units")
    arrays = [kernel, recurrent, bias]
    settings = {"dtype": dtype, "go_backwards": options["go_backwards"]}
    if kind == "SimpleRNN":
        return TimeRNN(*arrays, options["stateful"], **settings)
    settings["recurrent_activation"] = options["recurrent_activation"]
    if kind == "LSTM":
        arrays = [_regrouped(array, (1, 2, 0, 3)) for array in arrays]  # i f c o -> f g i o
        return TimeLSTM(*arrays, options["stateful"], **settings)
    return TimeGRU(*map(_with_other_z, arrays), options["stateful"], **settings)


def _bidirectional(name, weights, options, dtype):
    n = len(weights) // 2
    if len(weights) not in (4, 6) or weights[n - 1 if n == 2 else 1].ndim != 2:
        raise ValueError(
            f"{name}: expected 6 arrays, or 4 without biases, those of the forward layer first, "
            f"got {len(weights)}; pass what Bidirectional's get_weights() gives"
        )
    if weights[1].shape[1] != 4 * len(weights[1]):
        raise ValueError(
            f"{name}: expected those of LSTM cells, with a recurrent_kernel (H, 4 * H), got "
            f"{weights[1].shape}; convert each half separately, the second with go_backwards=True"
        )
    halves = [_recurrent("LSTM", name, half, options, dtype) for half in (weights[:n], weights[n:])]
    return TimeBiLSTM(
        *halves[0].params,
        *halves[1].params,
        options["stateful"],
        dtype=dtype,
        recurrent_activation=options["recurrent_activation"],
    )


def _refuse_reset_after(weights, reset_after):
    if reset_after or (len(weights) == 3 and weights[2].ndim == 2):
        raise ValueError(
            "reset_after: expected False, got True: that GRU applies r after the product with "
            "recurrent_kernel, TimeGRU before it, and no weights make the two equal; build and "
            "train the Keras layer with GRU(..., reset_after=False)"
        )


def _regrouped(array, order):
    """Return the four blocks of columns in another order."""
    blocks = np.split(array, 4, axis=-1)
    return np.concatenate([blocks[k] for k in order], axis=-1)


def _with_other_z(array):
    """Return weights that compute 1 - z, as sigmoid(-a) = 1 - sigmoid(a) for all three sigmoids."""
    array = array.copy()
    array[..., : array.shape[-1] // 3] *= -1
    return array


def _arrays(name, weights):
    if weights is None:
        raise TypeError(
            f"{name}: expected a list of arrays, got None; pass layer.get_weights() of the Keras "
            "layer"
        )
    check_array_list(name, weights)
    found = []
    for k, given in enumerate(weights):
        array = as_numbers(f"{name}[{k}]", given)
        wide = array.dtype == np.float64
        found.append(np.array(array, np.float64 if wide else np.float32, order="C"))
    return found


def _shapes(name, weights, parts, optional=0):
    """Check how many arrays there are, and how many axes each has."""
    names = ", ".join(part for part, _ in parts)
    if not len(parts) - optional <= len(weights) <= len(parts):
        raise ValueError(
            f"{name}: expected {len(parts)} arrays ({names}), got {len(weights)}; "
            "pass what get_weights() of the Keras layer gives"
        )
    for array, (part, ndim) in zip(weights, parts, strict=False):
        if array.ndim != ndim:
            raise ValueError(
                f"{name}: expected {part} with {ndim} axes, got shape {array.shape}; "
                f"the arrays are {names}"
            )


# A Keras layer itself -----------------------------------------------------------------------------


def _read(layer, weights, options):
    """Return (kind, weights, options) of a Keras layer from its get_config() and get_weights()."""
    kind = type(layer).__name__
    if kind not in _KINDS or not hasattr(layer, "get_config"):
        raise TypeError(
            f"layer: expected a Keras layer or a name, one of {', '.join(_KINDS)}, got {kind}; "
            "other layers have no counterpart here"
        )
    config = layer.get_config()
    if weights is None:
        weights = layer.get_weights()
        if not weights:
            raise ValueError(
                f"layer: expected a {kind} with weights, got one that is not built yet; call it on "
                "an input first"
            )
    _check_used(kind, options)
    if kind == "Embedding":
        _expect(config, kind, "mask_zero", False, "0 is an id like any other here; convert it by "
                "from_keras('Embedding', layer.get_weights()) and end rows by lengths= of the "
                "layers over time")  # fmt: skip
    if kind == "Dense":
        _expect(config, kind, "activation", "linear", "put the activation behind it as a layer: "
                "from_keras('Dense', layer.get_weights()), then e.g. Softmax()")  # fmt: skip
    if kind == "Bidirectional":
        _expect(config, kind, "merge_mode", "concat", "merge the halves of hs yourself")
        kind_within = config["layer"]["class_name"]
        if kind_within != "LSTM":
            raise ValueError(
                f"layer: expected a Bidirectional of LSTM, got one of {kind_within}; convert the "
                "halves, layer.forward_layer and layer.backward_layer, separately"
            )
        inner = _recurrent_options(layer, "LSTM", config["layer"]["config"])
        other = config.get("backward_layer")
        if other is not None:
            _check_backward_half(layer, inner, other)
        if inner.pop("go_backwards"):
            raise ValueError(
                "layer: expected a Bidirectional whose first half reads forwards, got one with "
                "go_backwards=True; convert the halves, layer.forward_layer and "
                "layer.backward_layer, separately"
            )
        return kind, weights, _combined(options, inner)
    if kind in _RECURRENT:
        options = _combined(options, _recurrent_options(layer, kind, config))
    return kind, weights, options


def _combined(given, settings):
    """Return the arguments with the settings of a layer; refuse arguments that contradict them."""
    for name, value in settings.items():
        if given[name] not in (_DEFAULTS[name], value):
            raise ValueError(
                f"{name}: expected {value!r}, the setting of the Keras layer, got {given[name]!r}; "
                "leave it out, or pass the name of the class and get_weights()"
            )
    return given | settings


def _check_backward_half(layer, forward, other):
    """Check that the second half of a Bidirectional differs from the first in direction only."""
    kind = other["class_name"]
    settings = _recurrent_options(layer, kind, other["config"]) if kind == "LSTM" else {}
    if settings != forward | {"go_backwards": not forward["go_backwards"]}:
        raise ValueError(
            f"layer: expected a backward_layer with the settings of the forward layer, got {kind} "
            f"with {settings}; convert the halves, layer.forward_layer and layer.backward_layer, "
            "separately"
        )


def _recurrent_options(layer, kind, config):
    _expect(config, kind, "activation", "tanh", "our cells have no other")
    _expect(config, kind, "time_major", False, "sequences are (N, T, D) here")
    found = {name: bool(config.get(name)) for name in ("stateful", "go_backwards")}
    if kind == "GRU":
        found["reset_after"] = bool(config.get("reset_after"))
    if kind != "SimpleRNN":
        gate = config["recurrent_activation"]
        if gate == "hard_sigmoid":
            gate += f"_keras{2 if _keras_major(layer) < 3 else 3}"
        check_one_of(f"recurrent_activation of {kind}", gate, RECURRENT_ACTIVATIONS)
        found["recurrent_activation"] = gate
    return found


def _expect(config, kind, setting, value, cure):
    if config.get(setting, value) != value:
        raise ValueError(
            f"layer: expected a {kind} with {setting}={value!r}, got {config[setting]!r}; {cure}"
        )


def _keras_major(layer):
    """Return the major version, 2 or 3, of the package that defines the layer's class."""
    package = sys.modules.get(type(layer).__module__.partition(".")[0])
    version = str(getattr(package, "__version__", "3"))
    return 2 if version.startswith(("1.", "2.")) else 3


# Summary ------------------------------------------------------------------------------------------


def _columns(layer):
    return np.shape(layer.params[0])[1]


def _units(layer):
    return len(layer.params[1])


# Layers that are listed as one, and the shapes of their outputs for N rows of T steps.
_OUTPUTS = (
    (TimeEmbedding, lambda layer: f"(N, T, {_columns(layer)})"),
    (Embedding, lambda layer: f"(N, {_columns(layer)})"),
    (TimeBiLSTM, lambda layer: f"(N, T, {2 * _units(layer)})"),
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
