"""The settings of Keras layers, in terms of layers that exist here too."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastw2v._checks.numbers import check_one_of
from fastw2v._recurrent.cells import RECURRENT_ACTIVATIONS

__all__ = ["CELLS", "CUDNN", "KINDS", "Spec", "check_used", "combined", "read"]

# The recurrent classes, and the names of their cells in _exchange/gate_orders.py.
CUDNN = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU"}
CELLS = {"SimpleRNN": "RNN", "LSTM": "LSTM", "GRU": "GRU", **CUDNN}
KINDS = (*CELLS, "Bidirectional", "Embedding", "Dense")
_LIVE = (*KINDS, "RNN", "Sequential")
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
    "CuDNNLSTM": ("stateful", "go_backwards", "dtype"),
    "CuDNNGRU": ("stateful", "go_backwards", "dtype"),
    "Bidirectional": ("stateful", "recurrent_activation", "reset_after", "dtype"),
    "Embedding": ("dtype",),
    "Dense": (),
    "list of layers": ("dtype",),
}


@dataclass(frozen=True)
class Spec:
    """A layer of Keras: its class, its settings, and the layers that it consists of."""

    kind: str  # one of KINDS, or "list of layers"
    options: Mapping[str, Any]  # arguments of `from_keras`, and zero_output_for_mask
    parts: tuple[Spec, ...] = ()
    n_weights: int = 3  # arrays in get_weights(), parts included


def check_used(kind: str, options: Mapping[str, Any]) -> None:
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


def combined(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with the settings of a layer; refuse arguments that contradict them."""
    for name, value in settings.items():
        if name in given and given[name] not in (_DEFAULTS[name], value):
            raise ValueError(
                f"{name}: expected {value!r}, the setting of the Keras layer, got {given[name]!r}; "
                "leave it out, or pass the name of the class and get_weights()"
            )
    return {**given, **settings}


def read(layer: Any) -> Spec:
    """Return what a Keras layer, or a list of recurrent ones, is here; refuse all others."""
    if isinstance(layer, list | tuple) or type(layer).__name__ == "Sequential":
        return _read_list(layer)
    kind = type(layer).__name__
    if kind not in _LIVE or not hasattr(layer, "get_config"):
        raise TypeError(
            f"layer: expected a Keras layer or a name, one of {', '.join(KINDS)}, got {kind}; "
            "other layers have no counterpart here"
        )
    return _read_config(layer, kind, layer.get_config())


def _read_list(layers: Any) -> Spec:
    """Return the specification of recurrent layers on top of each other."""
    layers = [one for one in getattr(layers, "layers", layers) if not _is_input(one)]
    if not layers:
        raise ValueError("layer: expected a list of recurrent layers, got an empty one")
    parts = [read(one) for one in layers]
    for k, part in enumerate(parts):
        if part.kind in ("Embedding", "Dense"):
            raise ValueError(
                f"layer[{k}]: expected recurrent layers, got {part.kind}; convert it separately"
            )
        if k < len(parts) - 1:
            _check_sequences(f"layer[{k}]", layers[k])
    return Spec("list of layers", {}, tuple(parts), sum(part.n_weights for part in parts))


def _is_input(layer: Any) -> bool:
    return type(layer).__name__ == "InputLayer"


def _check_sequences(name: str, layer: Any) -> None:
    """Check that a layer hands on all of its steps, as every layer here does."""
    config = layer.get_config()
    config = config.get("layer", {}).get("config", config)
    if not config.get("return_sequences", True):
        raise ValueError(
            f"{name}: expected return_sequences=True below another layer, got False; convert the "
            "layers one by one and hand on hs[:, -1]"
        )


def _read_config(layer: Any, kind: str, config: Mapping[str, Any]) -> Spec:
    if kind == "Embedding":
        _expect(config, kind, "mask_zero", False, "convert it by from_keras('Embedding', "
                "layer.get_weights()) and pass mask=ids != 0 to the layers over time")  # fmt: skip
        return Spec(kind, {}, n_weights=1)
    if kind == "Dense":
        _expect(config, kind, "activation", "linear", "put the activation behind it as a layer: "
                "from_keras('Dense', layer.get_weights()), then e.g. Softmax()")  # fmt: skip
        return Spec(kind, {}, n_weights=2 if config.get("use_bias", True) else 1)
    if kind == "Bidirectional":
        return _read_bidirectional(layer, config)
    if kind == "RNN":
        return _read_cells(layer, config)
    n_weights = 3 if config.get("use_bias", True) else 2
    return Spec(kind, _recurrent_options(layer, kind, config), n_weights=n_weights)


def _read_bidirectional(layer: Any, config: Mapping[str, Any]) -> Spec:
    _expect(config, "Bidirectional", "merge_mode", "concat", "merge the halves of hs yourself")
    other = config.get("backward_layer")
    halves = []
    for inner in (config["layer"], other or config["layer"]):
        kind = inner["class_name"]
        if kind not in (*CELLS, "RNN"):
            raise ValueError(
                f"layer: expected a Bidirectional of recurrent layers, got one of {kind}; other "
                "layers have no counterpart here"
            )
        halves.append(_read_config(layer, kind, inner["config"]))
        if halves[-1].parts:
            raise ValueError(
                "layer: expected a Bidirectional of single layers, got one of several cells; "
                "convert the halves, layer.forward_layer and layer.backward_layer, separately"
            )
    for half, backwards in zip(halves, (False, other is not None), strict=True):
        if half.options["go_backwards"] != backwards:
            raise ValueError(
                "layer: expected a Bidirectional whose first half reads forwards, and the second "
                f"backwards, got one with go_backwards={not backwards}; convert the halves, "
                "layer.forward_layer and layer.backward_layer, separately"
            )
    parts = [
        Spec(half.kind, {**half.options, "go_backwards": False}, (), half.n_weights)
        for half in halves
    ]
    return Spec("Bidirectional", {}, tuple(parts), sum(half.n_weights for half in halves))


def _read_cells(layer: Any, config: Mapping[str, Any]) -> Spec:
    """Return the specification of RNN, a layer of one cell or of several on top of each other."""
    cell = config["cell"]
    cells = [cell] if cell["class_name"] != "StackedRNNCells" else cell["config"]["cells"]
    own = {name: config[name] for name in _OF_RNN if name in config}
    parts = []
    for one in cells:
        kind = one["class_name"].removesuffix("Cell")
        if not one["class_name"].endswith("Cell") or kind not in CELLS:
            raise ValueError(
                f"layer: expected an RNN of SimpleRNNCell, LSTMCell or GRUCell, got "
                f"{one['class_name']}; other cells have no counterpart here"
            )
        parts.append(_read_config(layer, kind, {**one["config"], **own}))
    if len(parts) == 1:
        return parts[0]
    _expect(config, "RNN of several cells", "go_backwards", False, "reverse the input yourself")
    return Spec("list of layers", {}, tuple(parts), sum(part.n_weights for part in parts))


_OF_RNN = ("stateful", "go_backwards", "zero_output_for_mask", "time_major")


def _recurrent_options(layer: Any, kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    _expect(config, kind, "activation", "tanh", "our cells have no other")
    _expect(config, kind, "time_major", False, "sequences are (N, T, D) here")
    names = ("stateful", "go_backwards", "zero_output_for_mask")
    found: dict[str, Any] = {name: bool(config.get(name)) for name in names}
    if kind == "GRU":
        found["reset_after"] = bool(config.get("reset_after"))
    if kind in ("LSTM", "GRU"):
        gate = config["recurrent_activation"]
        if gate == "hard_sigmoid":
            gate += f"_keras{2 if _keras_major(layer) < 3 else 3}"
        check_one_of(f"recurrent_activation of {kind}", gate, RECURRENT_ACTIVATIONS)
        found["recurrent_activation"] = gate
    return found


def _expect(config: Mapping[str, Any], kind: str, setting: str, value: Any, cure: str) -> None:
    if config.get(setting, value) != value:
        raise ValueError(
            f"layer: expected a {kind} with {setting}={value!r}, got {config[setting]!r}; {cure}"
        )


def _keras_major(layer: Any) -> int:
    """Return the major version, 2 or 3, of the package that defines the layer's class."""
    package = sys.modules.get(type(layer).__module__.partition(".")[0])
    version = str(getattr(package, "__version__", "3"))
    return 2 if version.startswith(("1.", "2.")) else 3
