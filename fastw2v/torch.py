"""Weights to and from torch's modules and their state dicts.

| torch.nn | here | difference |
|---|---|---|
| `RNN`, `RNNCell` | `TimeRNN`, `RNN` | weights are transposed |
| `LSTM`, `LSTMCell` | `TimeLSTM`, `LSTM` | the gates i, f, g, o become f, g, i, o too |
| `GRU`, `GRUCell` | `TimeGRU`, `GRU`, with `reset_after` | r, z, n become z, r, h~, z negated |
| the same with `bidirectional=True` | `TimeBidirectional`, of LSTM `TimeBiLSTM` | as above |
| the same with `num_layers=` above 1 | `TimeStack` | as above |
| `Embedding` | `TimeEmbedding` | none |
| `Linear`, `Linear(bias=False)` | `Affine`, `MatMul` | the weight is transposed |

bias_ih and bias_hh become the two rows of b, so that both have their own gradient, as in torch; a
module with bias=False gets one bias of zeros. Sequences are (N, T, D) here, as with
batch_first=True, which changes no weight. `lengths=` of a layer over time is a packed sequence, and
`layer.h`, `layer.c` are torch's h_n and c_n, with a list entry per layer and a pair for two
directions; `states_to_torch` and `states_from_torch` turn one into the other.

torch is needed for modules only. A state dict may hold numpy arrays, such as those that
`safetensors.numpy.load_file` reads, and `to_state_dict` returns them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastw2v._checks.arrays import as_numbers, check_shape
from fastw2v._checks.numbers import check_one_of
from fastw2v._exchange.gate_orders import N_GATES, reordered
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

__all__ = ["from_torch", "states_from_torch", "states_to_torch", "to_state_dict", "to_torch"]

_OVER_TIME = {"RNN": TimeRNN, "LSTM": TimeLSTM, "GRU": TimeGRU}
_CELLS = {"RNNCell": RNN, "LSTMCell": LSTM, "GRUCell": GRU}
_KINDS = ("Embedding", "Linear", *_OVER_TIME, *_CELLS)

# Settings of modules that have no counterpart: name -> (kinds, the only value, cure).
_REFUSED: dict[str, tuple[tuple[str, ...], Any, str]] = {
    "nonlinearity": (("RNN", "RNNCell"), "tanh", "our cells have no other; train with tanh"),
    "proj_size": (
        ("LSTM",),
        0,
        "h has as many units as c here; train without, or put a Linear behind the LSTM",
    ),
    "padding_idx": (
        ("Embedding",),
        None,
        "its row has no gradient, here every row has one; convert by "
        "from_torch('Embedding', module.state_dict()) and pass mask=ids != padding_idx to the "
        "layers over time",
    ),
    "max_norm": (
        ("Embedding",),
        None,
        "rows are not renormalised here; convert by from_torch('Embedding', module.state_dict()), "
        "whose rows are those of now",
    ),
    "scale_grad_by_freq": (
        ("Embedding",),
        False,
        "gradients are sums here; convert by from_torch('Embedding', module.state_dict())",
    ),
}


# From torch --------------------------------------------------------------------------------------


def from_torch(
    layer: Any,
    weights: Mapping[str, Any] | None = None,
    *,
    prefix: str = "",
    stateful: bool = False,
    dtype: DTypeLike | None = None,
) -> Any:
    """Return one of our layers with the weights of a torch module.

    layer: a torch.nn.Embedding, Linear, RNN, LSTM, GRU, RNNCell, LSTMCell or GRUCell. Or the name
    of its class, together with `weights`, a state dict of tensors or arrays, of which the names
    that begin with `prefix` are read. The table above says what is returned. Weights are copied;
    float64 is kept, and other dtypes become float32.

    stateful, dtype: as in `TimeLSTM`, for layers over time; dtype also for Embedding.

    ValueError, with a cure, is raised for what has no counterpart here: an RNN with another
    nonlinearity than tanh, an LSTM with proj_size, dropout between layers, an Embedding with
    padding_idx, max_norm or scale_grad_by_freq; and for state dicts whose names or shapes do not
    fit. TypeError is raised for other modules.

    >>> import numpy as np
    >>> from fastw2v.torch import from_torch, to_state_dict
    >>> state = {
    ...     "rnn.weight_ih_l0": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32),
    ...     "rnn.weight_hh_l0": np.eye(3, dtype=np.float32),
    ...     "rnn.bias_ih_l0": np.zeros(3, np.float32),
    ...     "rnn.bias_hh_l0": np.ones(3, np.float32),
    ... }
    >>> layer = from_torch("RNN", state, prefix="rnn.")
    >>> layer.params[0]
    array([[1., 3., 5.],
           [2., 4., 6.]], dtype=float32)
    >>> sorted(to_state_dict(layer, prefix="rnn.")) == sorted(state)
    True
    """
    if isinstance(layer, str):
        check_one_of("layer", layer, _KINDS)
        kind = layer
        if not isinstance(weights, Mapping):
            raise TypeError(
                f"weights: expected a state dict, got {type(weights).__name__}; pass "
                "module.state_dict(), or what a file of one holds"
            )
    else:
        kind = _kind_of(layer)
        _refuse_settings(kind, layer)
        if weights is not None or prefix:
            name, given = ("prefix", prefix) if weights is None else ("weights", "a state dict")
            raise ValueError(
                f"{name}: expected nothing beside a module, which has its own weights, got "
                f"{given!r}; leave it out, or pass the name of the module's class instead"
            )
        weights = layer.state_dict()
    for name, value, of in (("stateful", stateful, _OVER_TIME), ("dtype", dtype, None)):
        wanted = (*_OVER_TIME, "Embedding") if of is None else tuple(of)
        if value not in (False, None) and kind not in wanted:
            raise ValueError(
                f"{name}: expected {'None' if of is None else False} for {kind}, which has no such "
                f"setting here, got {value!r}; leave it out"
            )
    arrays = _read(weights, prefix)
    if kind == "Embedding":
        _check_names(kind, arrays, ["weight"])
        return TimeEmbedding(_with_axes("weight", arrays["weight"], 2), dtype=dtype)
    if kind == "Linear":
        return _linear(arrays)
    if kind in _CELLS:
        cell = kind.removesuffix("Cell")
        has_bias = _check_names(kind, arrays, *_names("", has_bias=None))
        return _CELLS[kind](
            *_layer_weights(cell, arrays, "", has_bias),
            **({"reset_after": True} if cell == "GRU" else {}),
        )
    return _over_time(kind, arrays, stateful, dtype)


def _kind_of(module: Any) -> str:
    """Return the name of a module's class if it is one that exists here too."""
    torch = sys.modules.get("torch")  # the owner of a module has imported it
    for kind in _KINDS if torch is not None else ():
        if type(module) is getattr(torch.nn, kind):
            return kind
    raise TypeError(
        f"layer: expected a module of torch.nn or a name, one of {', '.join(_KINDS)}, got "
        f"{type(module).__name__}; convert the parts of a model one by one, or pass a name, its "
        "state_dict() and a prefix"
    )


def _refuse_settings(kind: str, module: Any) -> None:
    for setting, (kinds, only, cure) in _REFUSED.items():
        value = getattr(module, setting, only)
        if kind in kinds and value != only:
            raise ValueError(
                f"layer: expected {kind} with {setting}={only!r}, got {value!r}; {cure}"
            )
    if kind in _OVER_TIME and module.num_layers > 1 and module.dropout > 0:
        raise ValueError(
            f"layer: expected {kind} with dropout=0, got {module.dropout!r} between its layers; "
            "set module.dropout = 0, which changes nothing in evaluation, and for training put "
            "TimeDropout between layers of your own"
        )


def _read(weights: Mapping[str, Any], prefix: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of a state dict by name, without the prefix that theirs begin with."""
    found = {}
    for name, value in weights.items():
        if str(name).startswith(prefix):
            found[str(name).removeprefix(prefix)] = _as_array(str(name), value)
    if not found:
        some = ", ".join(map(str, list(weights)[:4])) or "none"
        raise ValueError(
            f"prefix: expected the beginning of names of weights, got {prefix!r}; the first names "
            f"are {some}"
        )
    return found


def _as_array(name: str, value: Any) -> NDArray[Any]:
    """Return a tensor or an array as a new array of float64 if it has that dtype, else float32."""
    if hasattr(value, "detach"):
        if value.is_meta:
            raise ValueError(
                f"{name}: expected a tensor with data, got one on the device 'meta'; load the "
                "weights first"
            )
        value = value.detach().cpu()
        if not value.is_complex():
            value = value.double() if str(value.dtype) == "torch.float64" else value.float()
        value = value.numpy()
    array = as_numbers(name, value)
    return np.array(array, np.float64 if array.dtype == np.float64 else np.float32, order="C")


def _names(suffix: str, has_bias: bool | None) -> tuple[list[str], list[str]]:
    """Return the names that a layer has to have, and those that it may have."""
    weights = [f"weight_ih{suffix}", f"weight_hh{suffix}"]
    biases = [f"bias_ih{suffix}", f"bias_hh{suffix}"]
    if has_bias is None:
        return weights, biases
    return (weights + biases if has_bias else weights), []


def _check_names(
    kind: str, arrays: Mapping[str, Any], required: list[str], optional: list[str] | None = None
) -> bool:
    """Check the names of a state dict; return whether it has the optional ones, all of them."""
    optional = optional or []
    has_all = any(name in arrays for name in optional)
    wanted = required + (optional if has_all else [])
    for name in wanted:
        if name not in arrays:
            raise ValueError(
                f"weights: expected {', '.join(wanted)} of {kind}, got {', '.join(arrays)}, where "
                f"{name} is missing; pass the state_dict() of one module, or its prefix"
            )
    for name in arrays:
        if name not in wanted:
            cure = "pass the state_dict() of one module, or its prefix"
            if name.startswith("weight_hr"):
                cure = _REFUSED["proj_size"][2]
            raise ValueError(
                f"weights: expected {', '.join(wanted)} of {kind}, got {name} too; {cure}"
            )
    return has_all


def _with_axes(name: str, array: NDArray[Any], ndim: int) -> NDArray[Any]:
    if array.ndim != ndim:
        raise ValueError(
            f"{name}: expected {ndim} axes, got shape {array.shape}; pass the state dict as torch "
            "gives it"
        )
    return array


def _linear(arrays: Mapping[str, NDArray[Any]]) -> Affine | MatMul:
    has_bias = _check_names("Linear", arrays, ["weight"], ["bias"])
    W = np.ascontiguousarray(_with_axes("weight", arrays["weight"], 2).T)
    if not has_bias:
        return MatMul(W)
    check_shape("bias", arrays["bias"], (W.shape[1],), "the rows of weight")
    return Affine(W, arrays["bias"])


def _over_time(
    kind: str, arrays: Mapping[str, NDArray[Any]], stateful: bool, dtype: DTypeLike | None
) -> Any:
    """Return the layer, both directions or the stack of a state dict."""
    n_layers = 1
    while f"weight_ih_l{n_layers}" in arrays:
        n_layers += 1
    ends = ("", "_reverse") if "weight_ih_l0_reverse" in arrays else ("",)
    suffixes = [[f"_l{k}{end}" for end in ends] for k in range(n_layers)]
    has_bias = "bias_ih_l0" in arrays
    required = [name for both in suffixes for one in both for name in _names(one, has_bias)[0]]
    _check_names(kind, arrays, required)
    options: dict[str, Any] = {"dtype": dtype}
    if kind == "GRU":
        options["reset_after"] = True
    layers: list[Any] = []
    width = arrays["weight_ih_l0"].shape[-1]
    for both in suffixes:
        weights = [_layer_weights(kind, arrays, suffix, has_bias, width) for suffix in both]
        width = sum(len(Wh) for _, Wh, _ in weights)
        if kind == "LSTM" and len(both) == 2:
            layers.append(TimeBiLSTM(*weights[0], *weights[1], stateful, **options))
            continue
        made = [_OVER_TIME[kind](*some, stateful, **options) for some in weights]
        layers.append(made[0] if len(made) == 1 else TimeBidirectional(*made))
    return layers[0] if n_layers == 1 else TimeStack(layers)


def _layer_weights(
    cell: str,
    arrays: Mapping[str, NDArray[Any]],
    suffix: str,
    has_bias: bool,
    width: int | None = None,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return Wx, Wh and b of a layer, or of a cell, in the layout of ours."""
    n = N_GATES[cell]
    weight_ih, weight_hh = (
        _with_axes(f"weight_{part}{suffix}", arrays[f"weight_{part}{suffix}"], 2)
        for part in ("ih", "hh")
    )
    H = weight_hh.shape[1]
    D = weight_ih.shape[1] if width is None else width
    for part, array, shape in (
        ("weight_hh", weight_hh, (n * H, H)),
        ("weight_ih", weight_ih, (n * H, D)),
    ):
        check_shape(part + suffix, array, shape, f"that of {cell} with {H} units")
    if has_bias:
        for part in ("bias_ih", "bias_hh"):
            what = f"that of {cell} with {H} units"
            check_shape(part + suffix, arrays[part + suffix], (n * H,), what)
        b = np.stack([arrays[f"bias_ih{suffix}"], arrays[f"bias_hh{suffix}"]])
    else:
        b = np.zeros((2, n * H) if cell == "GRU" else n * H, weight_ih.dtype)
    Wx, Wh, b = (
        np.ascontiguousarray(reordered(array, cell, "torch", "here"))
        for array in (weight_ih.T, weight_hh.T, b)
    )
    return Wx, Wh, b


# To torch ----------------------------------------------------------------------------------------


def to_state_dict(layer: Any, *, prefix: str = "") -> dict[str, NDArray[Any]]:
    """Return the weights of one of our layers as arrays by the names of torch's state dict.

    layer: a TimeRNN, TimeLSTM, TimeGRU with reset_after, TimeBidirectional or TimeBiLSTM, TimeStack
    of such layers of one kind, a cell RNN, LSTM or GRU with reset_after, a TimeEmbedding,
    Embedding, Affine, TimeAffine or MatMul. prefix: what every name begins with. The arrays are
    new. A single bias becomes bias_ih, and bias_hh is 0.

    ValueError, with a cure, is raised for a layer that torch does not have; TypeError for anything
    but a layer.

    >>> import numpy as np
    >>> from fastw2v.layers import Affine
    >>> from fastw2v.torch import to_state_dict
    >>> state = to_state_dict(Affine(np.ones((2, 3)), np.zeros(3)), prefix="head.")
    >>> {name: array.shape for name, array in state.items()}
    {'head.weight': (3, 2), 'head.bias': (3,)}
    """
    return {prefix + name: array for name, array in _described(layer)[2].items()}


def to_torch(layer: Any) -> Any:
    """Return a torch module with the weights of one of our layers, on the CPU.

    layer: as in `to_state_dict`. Recurrent modules have batch_first=True. torch computes in
    float64 if a weight is float64, else in float32. Weights are copied. ImportError is raised if
    torch is not installed; all else as in `to_state_dict`.

    >>> import numpy as np
    >>> from fastw2v.layers import Affine
    >>> from fastw2v.torch import to_torch
    >>> to_torch(Affine(np.ones((2, 3)), np.zeros(3)))        # doctest: +SKIP
    Linear(in_features=2, out_features=3, bias=True)
    """
    kind, settings, arrays = _described(layer)
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "to_torch needs torch, which is not installed; install it, or call to_state_dict for "
            "the same weights as arrays"
        ) from error
    wide = any(array.dtype == np.float64 for array in arrays.values())
    dtype = torch.float64 if wide else torch.float32
    module = getattr(torch.nn, kind)(**settings, dtype=dtype)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return module


def _described(layer: Any) -> tuple[str, dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the class of torch's module, its settings and its state dict."""
    apply_all_pending(*getattr(layer, "params", ()))
    if isinstance(layer, TimeEmbedding | Embedding):
        W = np.array(layer.params[0], order="C")
        return "Embedding", {"num_embeddings": len(W), "embedding_dim": W.shape[1]}, {"weight": W}
    if isinstance(layer, Affine | MatMul):
        W, *biases = (np.array(array) for array in layer.params)
        settings = {"in_features": W.shape[0], "out_features": W.shape[1], "bias": bool(biases)}
        state = {"weight": np.ascontiguousarray(W.T)}
        return "Linear", settings, state | ({"bias": biases[0].reshape(-1)} if biases else {})
    for kind, cls in _CELLS.items():
        if isinstance(layer, cls):
            cell = _checked_cell("layer", kind.removesuffix("Cell"), layer)
            state = dict(_torch_weights(cell, layer, ""))
            return kind, _sizes(layer), state
    return _described_over_time(layer)


def _described_over_time(
    layer: Any,
) -> tuple[str, dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the same for layers over time, in both directions and in stacks."""
    stack = layer.layers if isinstance(layer, TimeStack) else [layer]
    rows = []
    for k, one in enumerate(stack):
        name = f"layers[{k}]" if isinstance(layer, TimeStack) else "layer"
        both = [one]
        if isinstance(one, TimeBidirectional):
            both = [one.forward_layer, one.backward_layer]
        rows.append([(_checked_cell(name, _cell_of(name, part), part), part) for part in both])
    first = rows[0][0]
    kind, H = first[0], len(first[1].params[1])
    for row in rows:
        for cell, part in row:
            if (cell, len(part.params[1]), len(row)) != (kind, H, len(rows[0])):
                raise ValueError(
                    f"layer: expected layers of one kind, size and number of directions, {kind} of "
                    f"{H} units, got {cell} of {len(part.params[1])} too; convert them one by one"
                )
    state: dict[str, NDArray[Any]] = {}
    for k, row in enumerate(rows):
        for (_, part), end in zip(row, ("", "_reverse"), strict=False):
            state |= _torch_weights(kind, part, f"_l{k}{end}")
    settings = _sizes(first[1]) | {"num_layers": len(rows), "batch_first": True}
    return kind, settings | {"bidirectional": len(rows[0]) == 2}, state


def _cell_of(name: str, layer: Any) -> str:
    for cell, cls in _OVER_TIME.items():
        if isinstance(layer, cls):
            return cell
    raise TypeError(
        f"{name}: expected a layer that torch has too, got {type(layer).__name__}; pass the layers "
        "of a model one by one"
    )


def _checked_cell(name: str, cell: str, layer: Any) -> str:
    """Return the kind of a cell; refuse settings that torch's modules do not have."""
    gate = getattr(layer, "recurrent_activation", "sigmoid")
    for setting, value, only, cure in (
        ("reset_after", cell != "GRU" or layer.reset_after, True,
         "no module of torch resets before the product; train with reset_after=True"),
        ("recurrent_activation", gate, "sigmoid", "torch's gates have no other"),
        ("go_backwards", bool(getattr(layer, "go_backwards", False)), False,
         "torch reads forwards; set go_backwards = False and reverse torch's input"),
    ):  # fmt: skip
        if value != only:
            raise ValueError(
                f"{name}: expected a {type(layer).__name__} with {setting}={only!r}, got "
                f"{value!r}; {cure}"
            )
    return cell


def _sizes(layer: Any) -> dict[str, int]:
    return {"input_size": len(layer.params[0]), "hidden_size": len(layer.params[1])}


def _torch_weights(cell: str, layer: Any, suffix: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the names and arrays of a layer, or of a cell, in the layout of torch."""
    Wx, Wh, b = (reordered(np.asarray(W), cell, "here", "torch") for W in layer.params)
    b = b if b.shape == (2, Wx.shape[1]) else np.stack([b.reshape(-1), np.zeros(b.size, b.dtype)])
    for name, array in zip(("weight_ih", "weight_hh"), (Wx, Wh), strict=True):
        yield name + suffix, np.ascontiguousarray(array.T)
    for name, array in zip(("bias_ih", "bias_hh"), b, strict=True):
        yield name + suffix, array.copy()


# States ------------------------------------------------------------------------------------------


def states_from_torch(layer: Any, states: Any) -> Any:
    """Return torch's h_0 or c_0 as `layer.set_state` takes h or c.

    layer: a layer over time, of which the result has the form: an array (N, H), a pair of them for
    two directions, a list for a TimeStack. states: (layers * directions, N, H), an array or a
    tensor. ValueError is raised for another number of states.

    >>> import numpy as np
    >>> from fastw2v.time_layers import TimeRNN
    >>> from fastw2v.torch import states_from_torch
    >>> layer = TimeRNN(np.eye(2), np.eye(2), np.zeros(2), stateful=True)
    >>> layer.set_state(states_from_torch(layer, np.ones((1, 3, 2))))
    >>> layer.h.shape
    (3, 2)
    """
    stack = layer.layers if isinstance(layer, TimeStack) else [layer]
    counts = [2 if isinstance(one, TimeBidirectional) else 1 for one in stack]
    array = _with_axes("states", _as_array("states", states), 3)
    if len(array) != sum(counts):
        raise ValueError(
            f"states: expected {sum(counts)}, one per layer and direction, got {len(array)}; pass "
            "torch's (layers * directions, N, H)"
        )
    rest = iter(array)
    found = [next(rest) if n == 1 else (next(rest), next(rest)) for n in counts]
    return found if isinstance(layer, TimeStack) else found[0]


def states_to_torch(states: Any) -> NDArray[Any]:
    """Return the h or c of a layer over time as an array (layers * directions, N, H).

    states: `layer.h` or `layer.c` after forward, or a gradient of the same form. None inside of it,
    which stands for zeros, is refused with ValueError, as its size is not known.

    >>> import numpy as np
    >>> from fastw2v.torch import states_to_torch
    >>> states_to_torch([np.ones((3, 2)), np.ones((3, 2))]).shape
    (2, 3, 2)
    """
    found: list[NDArray[Any]] = []
    for one in states if isinstance(states, list) else [states]:
        for state in one if isinstance(one, tuple) else (one,):
            if state is None:
                raise ValueError(
                    "states: expected arrays (N, H), got None; call forward first, and ask for c "
                    "only where every layer is an LSTM"
                )
            found.append(_with_axes("states", as_numbers("states", state), 2))
    return np.stack(found)
