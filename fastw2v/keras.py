"""Weights to and from the layout of Keras, and a summary of a model as Keras prints one.

| Keras | here | what has to move |
|---|---|---|
| `SimpleRNN` | `TimeRNN` | nothing |
| `LSTM` | `TimeLSTM` | the gates i, f, c, o become f, g, i, o in all three arrays |
| `GRU(reset_after=False)` | `TimeGRU` | the sign of z: Keras keeps z of the old state, we 1 - z |
| `Bidirectional(LSTM)` | `TimeBiLSTM` | each half as an LSTM |
| `Embedding` | `TimeEmbedding` | nothing |
| `Dense` | `Affine` | nothing; its activation is a layer of its own here |

Keras itself is not needed: weights are lists of arrays, in the order of `layer.get_weights()`.
`hs` of a layer over time is what Keras gives with return_sequences=True, `layer.h` (and `.c`) what
it gives as the last output and state.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastw2v import layers, time_layers
from fastw2v._checks.arrays import as_numbers, check_shape
from fastw2v._checks.numbers import check_one_of
from fastw2v._checks.sequences import check_array_list
from fastw2v._recurrent.cells import RECURRENT_ACTIVATIONS
from fastw2v._rows.deferred import apply_all_pending
from fastw2v._training.summary import count_params, summary
from fastw2v.layers import Affine, MatMul
from fastw2v.time_layers import TimeBiLSTM, TimeEmbedding, TimeGRU, TimeLSTM, TimeRNN

__all__ = ["count_params", "from_keras", "summary", "to_keras"]

# kind -> (blocks of H columns, arrays in a layer with a bias)
_RECURRENT = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}
_KINDS = (*_RECURRENT, "Bidirectional", "Embedding", "Dense")


# Weights -----------------------------------------------------------------------------------------


def from_keras(
    layer: Any,
    weights: Any = None,
    *,
    stateful: bool = False,
    go_backwards: bool = False,
    recurrent_activation: str = "sigmoid",
    reset_after: Any = None,
    dtype: DTypeLike | None = None,
) -> Any:
    """One of our layers with the weights of a Keras layer.

    layer: a Keras layer that has weights, all else is read from it; or the name of its class,
    "SimpleRNN", "LSTM", "GRU", "Bidirectional", "Embedding" or "Dense", with `weights` a list as
    get_weights() gives it (without the bias if the layer has none: ours gets zeros). The arrays are
    copied, float64 stays, all else becomes float32.

    stateful, go_backwards, dtype: as in `TimeLSTM`. recurrent_activation: "sigmoid", or the hard
    sigmoid of Keras 2, "hard_sigmoid_keras2", or that of Keras 3, "hard_sigmoid_keras3".

    ValueError, which says what to do, for what our layers do not compute: a GRU with
    reset_after=True (which Keras takes by default), a Bidirectional of other cells than LSTM or
    merged otherwise than by concatenation, other activations than tanh in a recurrent layer, and
    a Dense layer's activation. Dropout is left out: it belongs to training.

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
    else:
        kind, weights, options = _read(layer, weights, options)
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


def to_keras(layer: Any) -> Any:
    """The weights of one of our layers as a list for set_weights() of the Keras layer.

    Takes TimeRNN, TimeLSTM, TimeGRU (for reset_after=False), TimeBiLSTM, the cells RNN, LSTM, GRU,
    TimeEmbedding, Embedding, TimeAffine, Affine, MatMul (Dense without a bias). The arrays are
    fresh. TypeError for anything else.

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
    if isinstance(layer, TimeLSTM | time_layers.LSTM):
        return [_regrouped(array, (2, 0, 1, 3)) for array in copies]  # f g i o -> i f c o
    if isinstance(layer, TimeGRU | time_layers.GRU):
        return [_with_other_z(array) for array in copies]
    simple = TimeRNN, time_layers.RNN, TimeEmbedding, layers.Embedding, Affine, MatMul
    if isinstance(layer, simple):
        return copies
    raise TypeError(
        f"layer: expected a layer that Keras has too, got {type(layer).__name__}; "
        "pass the layers of a model one by one"
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
            f"{weights[1].shape}; take the halves by themselves, the second with go_backwards=True"
        )
    if options["go_backwards"]:
        raise ValueError(
            "go_backwards: a Bidirectional reads both ways, expected False, got True; leave it out"
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
    """The four blocks of columns in another order."""
    blocks = np.split(array, 4, axis=-1)
    return np.concatenate([blocks[k] for k in order], axis=-1)


def _with_other_z(array):
    """sigmoid(-a) = 1 - sigmoid(a), for all three kinds of sigmoid."""
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
    """(kind, weights, options) of a Keras layer, by its get_config() and get_weights()."""
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
    if kind == "Dense":
        _expect(config, kind, "activation", "linear", "put the activation behind it as a layer: "
                "from_keras('Dense', layer.get_weights()), then e.g. Softmax()")  # fmt: skip
    if kind == "Bidirectional":
        _expect(config, kind, "merge_mode", "concat", "merge the halves of hs yourself")
        kind_within = config["layer"]["class_name"]
        if kind_within != "LSTM":
            raise ValueError(
                f"layer: expected a Bidirectional of LSTM, got one of {kind_within}; convert the "
                "halves, layer.forward_layer and layer.backward_layer, by themselves"
            )
        inner = _recurrent_options(layer, "LSTM", config["layer"]["config"])
        return kind, weights, options | inner | {"go_backwards": False}
    if kind in _RECURRENT:
        options = options | _recurrent_options(layer, kind, config)
    return kind, weights, options


def _recurrent_options(layer, kind, config):
    _expect(config, kind, "activation", "tanh", "our cells have no other")
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
    """The version of the package that the layer's class comes from: 2 or 3."""
    package = sys.modules.get(type(layer).__module__.partition(".")[0])
    version = str(getattr(package, "__version__", "3"))
    return 2 if version.startswith(("1.", "2.")) else 3
