"""TimeStack: layers over time on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.arrays import as_numbers, check_shape
from fastw2v._checks.sequences import (
    as_mask,
    as_row_lengths,
    as_sequence,
    check_array_list,
    check_methods,
    check_trained_forward,
)
from fastw2v._recurrent.bidirectional import TimeBidirectional
from fastw2v._recurrent.over_time import OverTime
from fastw2v._recurrent.passes import check_backward, check_forward

__all__ = ["TimeStack"]


class TimeStack:
    """Recurrent layers on top of each other: the hs of one are the xs of the next.

    layers: a list of `TimeRNN`, `TimeGRU`, `TimeLSTM` or `TimeBidirectional`, the lowest first, or
    of layers of your own with the methods of TimeLSTM. `lengths` and `mask` go to each of them.
    `h`, `c`, `dh`, `dc` are lists with an entry per layer, as are the arguments of `set_state` and
    the gradients of the last states in backward; an entry of a TimeBidirectional is a pair.

    >>> import numpy as np
    >>> from fastw2v.time_layers import TimeRNN, TimeStack
    >>> below = TimeRNN(np.ones((2, 3), "f"), np.zeros((3, 3), "f"), np.zeros(3, "f"))
    >>> above = TimeRNN(np.ones((3, 1), "f"), np.zeros((1, 1), "f"), np.zeros(1, "f"))
    >>> stack = TimeStack([below, above])
    >>> stack.forward(np.array([[[0.1, 0.2], [0.0, 0.0]]])).round(4)
    array([[[0.7034],
            [0.    ]]], dtype=float32)
    >>> stack.backward(np.ones((1, 2, 1))).shape, [h.shape for h in stack.h]
    ((1, 2, 2), [(1, 3), (1, 1)])
    """

    __module__ = "fastw2v.time_layers"  # see over_time.py

    def __init__(self, layers: Sequence[Any]) -> None:
        check_array_list("layers", layers)
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("layers: expected at least one layer, got none; pass the lowest first")
        for k, layer in enumerate(self.layers):
            check_methods(f"layers[{k}]", layer, ("forward", "backward"))
            if any(layer is other for other in self.layers[:k]):
                raise ValueError(
                    f"layers[{k}]: expected a layer of its own, got one that is also below; make "
                    "another, of the same arrays if they shall be shared"
                )
            _check_width(f"layers[{k}]", self.layers[:k], layer)
        self.params = [W for layer in self.layers for W in layer.params]
        self.grads = [grad for layer in self.layers for grad in layer.grads]
        self._shape: tuple[int, ...] | None = None  # of the result of the last forward in training

    def forward(
        self,
        xs: ArrayLike,
        *,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        train: bool = True,
    ) -> NDArray[Any]:
        """Return hs of the highest layer from xs (N, T, D); keywords as in `TimeLSTM`."""
        xs = as_sequence("xs", xs, self.params[0])
        N, T, _ = xs.shape
        mask = as_mask("mask", mask, N, T, lengths)
        lengths = as_row_lengths("lengths", lengths, N, T)
        # All layers are checked before one of them runs, so that an error changes nothing.
        for k, layer in enumerate(self.layers):
            _check_width(f"layers[{k}]", self.layers[:k], layer)
            for part in _parts(layer):
                check_forward(part, _placeholder(N, T, len(part.params[0])), lengths, mask)
        self._shape = None
        options: dict[str, Any] = {"train": train}
        options |= {} if lengths is None else {"lengths": lengths}
        options |= {} if mask is None else {"mask": mask}
        hs = xs
        for layer in self.layers:
            hs = layer.forward(hs, **options)
        self._shape = hs.shape if train else None
        return hs

    def backward(
        self,
        dhs: ArrayLike,
        *,
        dh: Sequence[Any] | None = None,
        dc: Sequence[Any] | None = None,
    ) -> NDArray[Any]:
        """Return dxs (N, T, D) from dhs of the highest layer; write the gradients of the weights.

        dh, dc: lists of the gradients that arrive at the last h and c of each layer, or None.
        """
        check_trained_forward(self, self._shape)
        shape: Any = self._shape
        dhs = as_numbers("dhs", dhs)
        check_shape("dhs", dhs, shape, "that of forward's result")
        arriving = []
        for k, (layer, dh_k, dc_k) in enumerate(
            zip(self.layers, self._each("dh", dh), self._each("dc", dc), strict=True)
        ):
            given = {} if dh_k is None else {"dh": dh_k}
            if dc_k is not None:
                if not hasattr(layer, "dc"):
                    raise ValueError(
                        f"dc[{k}]: expected None for a {type(layer).__name__}, which has no c, got "
                        f"{type(dc_k).__name__}; leave it out"
                    )
                given["dc"] = dc_k
            arriving.append(given)
            self._check_backward(layer, shape, given)
        for layer, given in zip(reversed(self.layers), reversed(arriving), strict=True):
            dhs = layer.backward(dhs, **given)
        return dhs

    def _check_backward(self, layer: Any, shape: tuple[int, ...], given: dict[str, Any]) -> None:
        """Check what backward of one of our layers is given, but for dhs."""
        N, T, _ = shape
        if isinstance(layer, TimeBidirectional) and _parts(layer):
            widths = (len(part.params[1]) for part in _parts(layer))
            layer._check_backward(_placeholder(N, T, sum(widths)), given.get("dh"), given.get("dc"))
        elif isinstance(layer, OverTime):
            states = {f"d{name}": given.get(f"d{name}") for name in layer._kind.states}
            check_backward(layer, _placeholder(N, T, len(layer.params[1])), states)

    def set_state(self, h: Sequence[Any] | None, c: Sequence[Any] | None = None) -> None:
        """Start the next forward, if its layers are stateful, from lists of h and c; None is zero.

        h has an entry per layer, and so has c, with None for layers without c.
        """
        entries = list(zip(self.layers, self._each("h", h), self._each("c", c), strict=True))
        for k, (layer, _, c0) in enumerate(entries):
            if c0 is not None and not hasattr(layer, "c"):
                raise ValueError(
                    f"c[{k}]: expected None for a {type(layer).__name__}, which has no c, got "
                    f"{type(c0).__name__}; leave it out"
                )
        for layer, h0, c0 in entries:
            if c0 is None:
                layer.set_state(h0)
            else:
                layer.set_state(h0, c0)

    def reset_state(self) -> None:
        """Begin at zero in the next forward."""
        for layer in self.layers:
            layer.reset_state()

    def _each(self, name: str, given: Sequence[Any] | None) -> list[Any]:
        """Return an entry per layer; None becomes None for each."""
        if given is None:
            return [None] * len(self.layers)
        check_array_list(name, given)
        if isinstance(given, np.ndarray) or len(given) != len(self.layers):
            raise ValueError(
                f"{name}: expected a list of {len(self.layers)} entries, one per layer, got "
                f"{type(given).__name__} of {len(given)}; pass None for a layer without one"
            )
        return list(given)

    @property
    def h(self) -> list[Any]:
        """The last h of each layer."""
        return [layer.h for layer in self.layers]

    @property
    def c(self) -> list[Any]:
        """The last c of each layer; None for one without c."""
        return [getattr(layer, "c", None) for layer in self.layers]

    @property
    def dh(self) -> list[Any]:
        """The gradient of the first h of each layer, after backward."""
        return [layer.dh for layer in self.layers]

    @property
    def dc(self) -> list[Any]:
        """The gradient of the first c of each layer, after backward; None for one without c."""
        return [getattr(layer, "dc", None) for layer in self.layers]


def _parts(layer: Any) -> list[OverTime]:
    """Return the layers of the package that a layer consists of, none if it is of another kind."""
    if isinstance(layer, TimeBidirectional):
        parts = [layer.forward_layer, layer.backward_layer]
        return parts if all(isinstance(part, OverTime) for part in parts) else []
    return [layer] if isinstance(layer, OverTime) else []


def _check_width(name: str, below: list[Any], layer: Any) -> None:
    """Check that our layer takes as many columns as the layer below it returns."""
    parts = _parts(below[-1]) if below else []
    width = sum(len(part.params[1]) for part in parts)
    for part in _parts(layer) if parts else []:
        if len(part.params[0]) != width:
            raise ValueError(
                f"{name}: expected Wx of {width} rows, the width of the layer below, got "
                f"{part.params[0].shape}; list the layers from the lowest to the highest"
            )


def _placeholder(*shape: int) -> NDArray[np.float32]:
    """Return zeros of this shape that take no memory."""
    return np.broadcast_to(np.float32(0), shape)
