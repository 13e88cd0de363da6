"""Layers that consist of layers over time: both directions side by side, and stacks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastw2v._checks.arrays import as_numbers, check_shape
from fastw2v._checks.sequences import (
    as_mask,
    as_row_lengths,
    as_sequence,
    check_trained_forward,
)

from ._recurrent import TimeLSTM, flip, steps_of

__all__ = ["TimeBiLSTM", "TimeBidirectional", "TimeStack"]

Array = NDArray[Any]


class TimeBidirectional:
    """Two layers, one of which reads the input reversed: hs (N, T, H1 + H2), forward's part first.

    States and the gradients of states are pairs, of forward_layer and of backward_layer. hs is 0 at
    masked steps.
    """

    def __init__(self, forward_layer: Any, backward_layer: Any) -> None:
        self.forward_layer, self.backward_layer = forward_layer, backward_layer
        self.params = forward_layer.params + backward_layer.params
        self.grads = forward_layer.grads + backward_layer.grads
        self._shape: tuple[int, ...] | None = None

    def forward(
        self,
        xs: Array,
        *,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        train: bool = True,
    ) -> Array:
        first, second = self.forward_layer, self.backward_layer
        xs = as_sequence("xs", xs, first.params[0])
        N, T, _ = xs.shape
        mask = as_mask("mask", mask, N, T, lengths)
        lengths = as_row_lengths("lengths", lengths, N, T)
        for layer in (first, second):  # before one of them changes
            for name in getattr(layer, "_states", ()):
                layer._start(name, N)
        there, masked = steps_of(lengths, mask, T), mask is not None
        options = [{"lengths": lengths, "train": train} for _ in "12"]
        if masked:
            options[0]["mask"], options[1]["mask"] = mask, mask[:, ::-1]
        left = first.forward(xs, **options[0])
        right = flip(second.forward(flip(xs, there, masked), **options[1]), there, masked)
        hs = np.concatenate([left, right], axis=2)
        if masked:
            hs[~mask] = 0
        self._there, self._mask, self._H = there, mask, left.shape[2]
        self._shape = hs.shape if train else None
        return hs

    def backward(
        self,
        dhs: Array,
        *,
        dh: tuple[Array | None, Array | None] | None = None,
        dc: tuple[Array | None, Array | None] | None = None,
    ) -> Array:
        check_trained_forward(self, self._shape)
        dhs = as_numbers("dhs", dhs)
        check_shape("dhs", dhs, self._shape, "N, T and H1 + H2 of forward's result")
        there, masked = self._there, self._mask is not None
        if masked:
            dhs = np.where(self._mask[:, :, None], dhs, 0).astype(dhs.dtype)
        dh, dc = ((None, None) if pair is None else pair for pair in (dh, dc))
        arriving = [
            {"dh": d} if e is None else {"dh": d, "dc": e} for d, e in zip(dh, dc, strict=True)
        ]
        left = self.forward_layer.backward(dhs[:, :, : self._H], **arriving[0])
        right = flip(dhs[:, :, self._H :], there, masked)
        right = self.backward_layer.backward(right, **arriving[1])
        return left + flip(right, there, masked)

    def set_state(
        self,
        h: tuple[Array | None, Array | None] | None,
        c: tuple[Array | None, Array | None] | None = None,
    ) -> None:
        for k, layer in enumerate((self.forward_layer, self.backward_layer)):
            states = [None if pair is None else pair[k] for pair in (h, c)]
            layer.set_state(*(states if hasattr(layer, "c") else states[:1]))

    def reset_state(self) -> None:
        self.set_state(None)

    def _pair(self, name: str) -> tuple[Array | None, Array | None]:
        return getattr(self.forward_layer, name, None), getattr(self.backward_layer, name, None)

    @property
    def h(self) -> tuple[Array | None, Array | None]:
        return self._pair("h")

    @property
    def c(self) -> tuple[Array | None, Array | None]:
        return self._pair("c")

    @property
    def dh(self) -> tuple[Array | None, Array | None]:
        return self._pair("dh")

    @property
    def dc(self) -> tuple[Array | None, Array | None]:
        return self._pair("dc")


class TimeBiLSTM(TimeBidirectional):
    """Both directions of TimeLSTM, `forward_lstm` and `backward_lstm`, which may be replaced."""

    def __init__(
        self,
        Wx1: Array,
        Wh1: Array,
        b1: Array,
        Wx2: Array,
        Wh2: Array,
        b2: Array,
        stateful: bool = False,
        *,
        dtype: DTypeLike | None = None,
        recurrent_activation: str = "sigmoid",
    ) -> None:
        options = {"dtype": dtype, "recurrent_activation": recurrent_activation}
        first = TimeLSTM(Wx1, Wh1, b1, stateful, **options)
        super().__init__(first, TimeLSTM(Wx2, Wh2, b2, stateful, **options))

    @property
    def forward_lstm(self) -> Any:
        return self.forward_layer

    @forward_lstm.setter
    def forward_lstm(self, layer: Any) -> None:
        self.forward_layer = layer

    @property
    def backward_lstm(self) -> Any:
        return self.backward_layer

    @backward_lstm.setter
    def backward_lstm(self, layer: Any) -> None:
        self.backward_layer = layer


class TimeStack:
    """Layers on top of each other: hs of one are the xs of the next; states are lists."""

    def __init__(self, layers: list[Any]) -> None:
        self.layers = list(layers)
        self.params = [W for layer in layers for W in layer.params]
        self.grads = [grad for layer in layers for grad in layer.grads]

    def forward(
        self,
        xs: Array,
        *,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        train: bool = True,
    ) -> Array:
        for layer in self.layers:
            xs = layer.forward(xs, lengths=lengths, mask=mask, train=train)
        return xs

    def backward(self, dhs: Array, *, dh: list[Any] | None = None, dc: Any = None) -> Array:
        none = [None] * len(self.layers)
        for layer, d, e in reversed(list(zip(self.layers, dh or none, dc or none, strict=True))):
            dhs = layer.backward(dhs, dh=d, **({} if e is None else {"dc": e}))
        return dhs

    def set_state(self, h: list[Any] | None, c: list[Any] | None = None) -> None:
        none = [None] * len(self.layers)
        for layer, h0, c0 in zip(self.layers, h or none, c or none, strict=True):
            layer.set_state(*((h0,) if c0 is None else (h0, c0)))

    def reset_state(self) -> None:
        self.set_state(None)

    @property
    def h(self) -> list[Any]:
        return [layer.h for layer in self.layers]

    @property
    def c(self) -> list[Any]:
        return [getattr(layer, "c", None) for layer in self.layers]

    @property
    def dh(self) -> list[Any]:
        return [layer.dh for layer in self.layers]

    @property
    def dc(self) -> list[Any]:
        return [getattr(layer, "dc", None) for layer in self.layers]
