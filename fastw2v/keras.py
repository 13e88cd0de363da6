"""Weights to and from the layout of Keras, and a summary of a model as Keras prints one.

| Keras | here | difference |
|---|---|---|
| `SimpleRNN` | `TimeRNN` | none |
| `LSTM` | `TimeLSTM` | the gates i, f, c, o become f, g, i, o in all three arrays |
| `GRU` | `TimeGRU` | the sign of z: old states count z in Keras, 1 - z here |
| `CuDNNLSTM`, `CuDNNGRU` of Keras 2 | `TimeLSTM`, `TimeGRU` | kernels are transposed too |
| `Bidirectional` | `TimeBidirectional`; of LSTM `TimeBiLSTM` | each half is converted |
| `RNN(cell)`, `RNN([cells])` | as the cell's layer, `TimeStack` | each cell is converted |
| a list or `Sequential` of these | `TimeStack` | each layer is converted |
| `Embedding` | `TimeEmbedding` | none |
| `Dense` | `Affine` | none; the activation is a separate layer here |

Keras itself is not needed: weights are lists of arrays, in the order of `layer.get_weights()`.
The result `hs` of a layer over time is that of Keras with return_sequences=True; `layer.h` (and
`.c`) are its last output and state. `mask=` of a layer over time skips steps as Keras does. Its
`lengths=` ends rows, with hs 0 beyond, as in Keras with zero_output_for_mask=True.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastw2v._checks.arrays import as_numbers, check_shape
from fastw2v._checks.numbers import check_one_of
from fastw2v._checks.sequences import check_array_list
from fastw2v._exchange.gate_orders import N_GATES, reordered
from fastw2v._exchange.keras_config import CELLS, CUDNN, KINDS, Spec, check_used, combined, read
from fastw2v._exchange.summary import count_params, summary
from fastw2v._rows.deferred import apply_all_pending
from fastw2v.layers import Affine, Embedding, MatMul
from fastw2v.time_layers import (
    GRU,
    LSTM,
    RNN,
    TimeBidirectional,
    TimeBiLSTM,
    TimeEmbedding,
    TimeGRU,
    TimeLSTM,
    TimeRNN,
    TimeStack,
)

__all__ = ["count_params", "from_keras", "summary", "to_keras"]

_Recurrent = TimeRNN | TimeLSTM | TimeGRU


def from_keras(
    layer: Any,
    weights: Sequence[ArrayLike] | None = None,
    *,
    stateful: bool = False,
    go_backwards: bool = False,
    recurrent_activation: str = "sigmoid",
    reset_after: bool | None = None,
    dtype: DTypeLike | None = None,
) -> _Recurrent | TimeBidirectional | TimeStack | TimeEmbedding | Affine:
    """Return one of our layers with the weights of a Keras layer.

    layer: a Keras layer that has weights, or a list or Sequential of recurrent ones, which become a
    `TimeStack`; settings are read from them. Or the name of the layer's class, "SimpleRNN", "LSTM",
    "GRU", "CuDNNLSTM", "CuDNNGRU", "Bidirectional", "Embedding" or "Dense", together with
    `weights`, a list like that of get_weights(); if the layer has no bias, ours gets zeros. The
    arrays are copied; float64 is kept, and other dtypes become float32.

    stateful, go_backwards, dtype: as in `TimeLSTM`. recurrent_activation: "sigmoid", or the hard
    sigmoid of Keras 2, "hard_sigmoid_keras2", or that of Keras 3, "hard_sigmoid_keras3".
    reset_after: that of a GRU; None is True for a bias (2, 3H), else False. A flat bias (8H,) of an
    LSTM or (6H,) of a GRU comes from a CuDNN layer, and the kernels are read as that layer has
    them. Arguments that the kind of layer has no use for are refused, and so are those that
    contradict the settings of a Keras layer.

    ValueError, with a cure, is raised for layers that have no counterpart here: a Bidirectional
    with a merge_mode other than concatenation, a recurrent layer with an activation other than
    tanh or with time_major=True, an Embedding with mask_zero=True, and a Dense layer with an
    activation. Dropout is ignored, as it applies to training only.

    >>> import numpy as np
    >>> from fastw2v.keras import from_keras, to_keras
    >>> kernel = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)           # i, f, c, o of one unit
    >>> layer = from_keras("LSTM", [kernel, kernel, kernel[0]])
    >>> layer.params[0]                                                 # f, g, i, o
    array([[2., 3., 1., 4.]], dtype=float32)
    >>> to_keras(layer)[0]
    array([[1., 2., 3., 4.]], dtype=float32)
    """
    given = {
        "stateful": stateful,
        "go_backwards": go_backwards,
        "recurrent_activation": recurrent_activation,
        "reset_after": reset_after,
        "dtype": dtype,
    }
    if isinstance(layer, str):
        check_one_of("layer", layer, KINDS)
        check_used(layer, given)
        arrays = _arrays("weights", weights)
        spec = _spec_of_arrays(layer, arrays)
        return _built(spec, "weights", arrays, given)
    spec = read(layer)
    if weights is None:
        weights = _weights_of(layer)
        if not weights:
            raise ValueError(
                f"layer: expected a {spec.kind} with weights, got one that is not built yet; call "
                "it on an input first"
            )
    check_used(spec.kind, given)
    name = f"weights of {spec.kind}"
    return _built(spec, name, _arrays(name, weights), given)


def to_keras(layer: Any) -> list[NDArray[Any]]:
    """Return the weights of one of our layers as a list for set_weights() of the Keras layer.

    layer: a TimeRNN, TimeLSTM, TimeGRU, TimeBidirectional (or TimeBiLSTM) or TimeStack, a cell RNN,
    LSTM or GRU, a TimeEmbedding, Embedding, TimeAffine, Affine, or MatMul (Dense without a bias).
    A TimeStack gives the weights of its layers in a row, as those of a Sequential. Two biases of an
    RNN or LSTM become their sum. The arrays are new. TypeError is raised for anything else.

    >>> import numpy as np
    >>> from fastw2v.keras import to_keras
    >>> from fastw2v.time_layers import TimeRNN
    >>> layer = TimeRNN(np.ones((1, 20), "f"), np.ones((20, 20), "f"), np.zeros(20, "f"))
    >>> [array.shape for array in to_keras(layer)]
    [(1, 20), (20, 20), (20,)]
    """
    if isinstance(layer, TimeBidirectional):
        return to_keras(layer.forward_layer) + to_keras(layer.backward_layer)
    if isinstance(layer, TimeStack):
        return [array for one in layer.layers for array in to_keras(one)]
    apply_all_pending(*getattr(layer, "params", ()))
    copies = [np.array(array, order="C") for array in getattr(layer, "params", ())]
    for cell, kinds in _CLASSES.items():
        if isinstance(layer, kinds):
            found = [reordered(array, cell, "here", "keras") for array in copies]
            if cell != "GRU" and found[2].ndim == 2:
                found[2] = found[2].sum(axis=0)
            return found
    simple = TimeEmbedding, Embedding, Affine, MatMul
    if isinstance(layer, simple):
        return copies
    raise TypeError(
        f"layer: expected a layer that Keras has too, got {type(layer).__name__}; "
        "pass the layers of a model one by one"
    )


_CLASSES = {"RNN": (TimeRNN, RNN), "LSTM": (TimeLSTM, LSTM), "GRU": (TimeGRU, GRU)}


def _built(spec: Spec, name: str, weights: list[NDArray[Any]], given: Mapping[str, Any]) -> Any:
    """Return the layer of a specification with these weights and arguments of `from_keras`."""
    if spec.kind in CELLS:
        return _recurrent(spec.kind, name, weights, combined(given, spec.options))
    if spec.kind == "Embedding":
        _shapes(name, weights, [("embeddings", 2)])
        return TimeEmbedding(weights[0], dtype=given["dtype"])
    if spec.kind == "Dense":
        _shapes(name, weights, [("kernel", 2), ("bias", 1)], optional=1)
        kernel = weights[0]
        bias = weights[1] if len(weights) == 2 else np.zeros(kernel.shape[1], kernel.dtype)
        return Affine(kernel, bias)
    parts, cuts = [], _cuts(spec, name, weights)
    for part, begin, end in zip(spec.parts, cuts, cuts[1:], strict=False):
        parts.append(_built(part, name, weights[begin:end], given))
    if spec.kind == "list of layers":
        return TimeStack(parts)
    first, second = parts
    gates = {getattr(part, "recurrent_activation", None) for part in parts}
    states = {part.stateful for part in parts}
    if type(first) is type(second) is TimeLSTM and len(gates) == len(states) == 1:
        return TimeBiLSTM(
            *first.params,
            *second.params,
            first.stateful,
            dtype=given["dtype"],
            recurrent_activation=first.recurrent_activation,
        )
    return TimeBidirectional(first, second)


def _cuts(spec: Spec, name: str, weights: list[NDArray[Any]]) -> list[int]:
    """Return where the weights of each part of a layer begin, and the end of the last one."""
    counts = [part.n_weights for part in spec.parts]
    if len(set(counts)) == 1 and spec.kind == "Bidirectional":  # settings may not tell of biases
        if len(weights) not in (4, 6):
            raise ValueError(
                f"{name}: expected 6 arrays, or 4 without biases, those of the forward layer "
                f"first, got {len(weights)}; pass what Bidirectional's get_weights() gives"
            )
        counts = [len(weights) // 2] * 2
    if sum(counts) != len(weights):
        raise ValueError(
            f"{name}: expected {sum(counts)} arrays, {', '.join(map(str, counts))} of its layers, "
            f"got {len(weights)}; pass what get_weights() gives"
        )
    return [0, *np.cumsum(counts).tolist()]


def _spec_of_arrays(kind: str, weights: list[NDArray[Any]]) -> Spec:
    """Return the specification of a layer by name; the arrays tell the cells of a Bidirectional."""
    if kind != "Bidirectional":
        return Spec(kind, {})
    spec = Spec(kind, {}, (Spec("LSTM", {}),) * 2)
    cuts, parts = _cuts(spec, "weights", weights), []
    for begin in cuts[:2]:
        shape = weights[begin + 1].shape
        n = shape[1] / max(shape[0], 1) if len(shape) == 2 else 0
        found = [name for name in ("SimpleRNN", "LSTM", "GRU") if N_GATES[CELLS[name]] == n]
        if not found:
            raise ValueError(
                "weights: expected a recurrent_kernel (H, H) of SimpleRNN, (H, 3 * H) of GRU or "
                f"(H, 4 * H) of LSTM as the second array of each half, got {shape}; pass what "
                "Bidirectional's get_weights() gives"
            )
        parts.append(Spec(found[0], {}))
    return Spec(kind, {}, tuple(parts))


def _recurrent(
    kind: str, name: str, weights: list[NDArray[Any]], options: Mapping[str, Any]
) -> _Recurrent:
    cell = CELLS[kind]
    n = N_GATES[cell]
    parts = [("kernel", 2), ("recurrent_kernel", 2), ("bias", (1, 2))]
    _shapes(name, weights, parts, optional=0 if kind in CUDNN else 1)
    kernel, recurrent = weights[:2]
    H = len(recurrent)
    for part, array, shape in (
        ("recurrent_kernel", recurrent, (H, n * H)),
        ("kernel", kernel, (len(kernel), n * H)),
    ):
        check_shape(f"{name}: {part}", array, shape, f"that of {kind} with {H} units")
    bias = weights[2] if len(weights) == 3 else None
    # Only a CuDNN layer has one flat bias of both.
    if kind in CUDNN or (cell != "RNN" and bias is not None and bias.shape == (2 * n * H,)):
        kernel, recurrent, bias = _plain_from_cudnn(name, kernel, recurrent, weights[2], n)
    biases = _n_biases(kind, name, bias, n * H, options["reset_after"])
    if bias is None:
        bias = np.zeros((2, n * H) if biases == 2 else n * H, kernel.dtype)
    arrays = [reordered(array, cell, "keras", "here") for array in (kernel, recurrent, bias)]
    settings = {"dtype": options["dtype"], "go_backwards": options["go_backwards"]}
    layer: _Recurrent
    if cell == "RNN":
        layer = TimeRNN(*arrays, options["stateful"], **settings)
    else:
        settings["recurrent_activation"] = options["recurrent_activation"]
        if cell == "GRU":
            settings["reset_after"] = biases == 2
        layer = (TimeGRU if cell == "GRU" else TimeLSTM)(*arrays, options["stateful"], **settings)
    if options.get("zero_output_for_mask"):
        layer.zero_output_for_mask = True
    return layer


def _n_biases(
    kind: str, name: str, bias: NDArray[Any] | None, width: int, reset_after: bool | None
) -> int:
    """Return 2 if the layer has a bias (2, width), 1 if (width,), and check it."""
    found = 2 if bias is not None and bias.ndim == 2 else 1
    if CELLS[kind] == "GRU" and reset_after is not None and kind not in CUDNN:
        if bias is not None and bool(reset_after) != (found == 2):
            raise ValueError(
                f"reset_after: expected {found == 2}, as {name} have a bias of shape {bias.shape}, "
                f"got {reset_after}; it is (2, {width}) with reset_after=True, else ({width},)"
            )
        found = 2 if reset_after else 1
    if bias is not None:
        shape = (2, width) if found == 2 else (width,)
        units = width // N_GATES[CELLS[kind]]
        check_shape(f"{name}: bias", bias, shape, f"that of {kind} with {units} units")
    return found


def _plain_from_cudnn(name, kernel, recurrent, bias, n):
    """Return kernel, recurrent kernel and bias (2, n * H) of the layer without CuDNN.

    CuDNN keeps each gate's kernel with a row per unit; Keras shows that memory in the shape of its
    own kernels.
    """
    H = len(recurrent)
    check_shape(f"{name}: bias", bias, (2 * n * H,), f"that of a CuDNN layer with {H} units")
    plain = [
        np.concatenate(
            [block.reshape(block.shape[::-1]).T for block in np.split(array, n, axis=1)], axis=1
        )
        for array in (kernel, recurrent)
    ]
    return *plain, bias.reshape(2, n * H)


def _weights_of(layer):
    """Return get_weights() of a layer, or those of all layers of a list."""
    if isinstance(layer, list | tuple):
        return [array for one in layer for array in one.get_weights()]
    return layer.get_weights()


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
        axes = ndim if isinstance(ndim, tuple) else (ndim,)
        if array.ndim not in axes:
            raise ValueError(
                f"{name}: expected {part} with {' or '.join(map(str, axes))} axes, got shape "
                f"{array.shape}; the arrays are {names}"
            )
