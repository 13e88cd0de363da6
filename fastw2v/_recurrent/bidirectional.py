"""Layers that read the same sequences from both ends: TimeBidirectional, and TimeBiLSTM of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastw2v._checks.arrays import as_numbers, check_shape
from fastw2v._checks.sequences import (
    as_mask,
    as_row_lengths,
    as_sequence,
    check_methods,
    check_trained_forward,
)
from fastw2v._recurrent.masks import run_backward, run_forward
from fastw2v._recurrent.over_time import TimeGRU, TimeLSTM, TimeRNN
from fastw2v._recurrent.passes import check_backward, check_forward
from fastw2v._recurrent.row_order import arrange, reversed_rows

__all__ = ["TimeBiLSTM", "TimeBidirectional"]

_Pair = tuple[NDArray[Any] | None, NDArray[Any] | None]


class TimeBidirectional:
    """Two layers over time, one of which reads the input from its end: hs (N, T, H1 + H2).

    forward_layer: a `TimeRNN`, `TimeGRU` or `TimeLSTM` of H1 units, whose hs is the first part of
    the result; backward_layer: one of H2 units, for the second part. Neither has go_backwards. You
    may pass layers of your own, or assign them to these attributes later, if they have the methods
    of TimeLSTM; the second is then called with the input reversed. With `lengths` each row is
    reversed within its own length. With `mask` hs is 0 at the masked steps, as Keras's
    Bidirectional has it.

    `h`, `dh`, and `c`, `dc` of layers that have them, are pairs, forward_layer's first, as are the
    arguments of `set_state` and the gradients of the last states in backward.

    >>> import numpy as np
    >>> from fastw2v.time_layers import TimeBidirectional, TimeRNN
    >>> first, second = (TimeRNN(np.eye(1), np.eye(1), np.zeros(1)) for _ in range(2))
    >>> layer = TimeBidirectional(first, second)
    >>> layer.forward(np.array([[[1.0], [0.0]]])).round(4)
    array([[[0.7616, 0.7616],
            [0.642 , 0.    ]]], dtype=float32)
    >>> layer.backward(np.ones((1, 2, 2))).shape
    (1, 2, 1)
    """

    __module__ = "fastw2v.time_layers"  # see over_time.py

    forward_layer: Any
    backward_layer: Any

    def __init__(self, forward_layer: Any, backward_layer: Any) -> None:
        for name, layer in (("forward_layer", forward_layer), ("backward_layer", backward_layer)):
            check_methods(name, layer, ("forward", "backward"))
            if getattr(layer, "go_backwards", False):
                raise ValueError(
                    f"{name}: expected a layer that reads forwards, got one with "
                    "go_backwards=True; this class reverses the input of backward_layer itself"
                )
        if forward_layer is backward_layer:
            raise ValueError(
                "backward_layer: expected another layer than forward_layer, got the same; make two"
            )
        self.forward_layer, self.backward_layer = forward_layer, backward_layer
        self._start()

    def _start(self) -> None:
        first, second = self.forward_layer, self.backward_layer
        self.params = first.params + second.params
        self.grads = first.grads + second.grads
        # Shape of hs, H1, lengths, whether `passes` ran both layers, and the mask.
        self._kept: Any = None

    def forward(
        self,
        xs: ArrayLike,
        *,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        train: bool = True,
    ) -> NDArray[Any]:
        """Return hs (N, T, H1 + H2) of xs (N, T, D).

        lengths, train as in `TimeLSTM`, and mask too, but hs is 0 at masked steps.
        """
        first, second = self.forward_layer, self.backward_layer
        ours = _is_ours(first) and _is_ours(second)
        if ours:
            # Both are checked before one of them runs, so that an error changes nothing.
            checked = self._check_forward(xs, lengths, mask)
            xs, lengths, *_, seen = checked[0]
            self._kept = None
            left = run_forward(first, *checked[0], train=train, new=False, zero=True)
            right = run_forward(second, *checked[1], train=train, new=False, zero=True, turned=True)
            dtype = np.result_type(first.dtype, second.dtype)
        else:
            xs = as_sequence("xs", xs, self.params[0])
            N, T = xs.shape[:2]
            seen = as_mask("mask", mask, N, T, lengths)
            lengths = as_row_lengths("lengths", lengths, N, T)
            self._kept = None
            # Layers of the owner's need not know of masks.
            options: dict[str, Any] = {"lengths": lengths, "train": train}
            masks = ({}, {}) if seen is None else ({"mask": seen}, {"mask": seen[:, ::-1]})
            left = first.forward(xs, **options, **masks[0])
            right = second.forward(reversed_rows(xs, lengths), **options, **masks[1])
            dtype = np.result_type(left, right)
        H = left.shape[2]
        hs = np.empty((*xs.shape[:2], H + right.shape[2]), dtype)
        hs[:, :, :H] = left
        arrange(hs[:, :, H:], right, lengths, True)
        if seen is not None and not ours:
            hs[~seen] = 0
        if train:
            self._kept = (hs.shape, H, lengths, ours, seen)
        return hs

    def backward(
        self,
        dhs: ArrayLike,
        *,
        dh: tuple[ArrayLike | None, ArrayLike | None] | None = None,
        dc: tuple[ArrayLike | None, ArrayLike | None] | None = None,
    ) -> NDArray[Any]:
        """Return dxs (N, T, D) from dhs (N, T, H1 + H2); write the gradients of the weights.

        dh, dc: pairs of gradients (N, H) that arrive at the last h and c of each row, or None.
        """
        check_trained_forward(self, self._kept)
        shape, H, lengths, ours, *masks = self._kept  # an old pickle holds no mask
        first, second = self.forward_layer, self.backward_layer
        if ours:
            checked = self._check_backward(dhs, dh, dc)
            dxs: Any = run_backward(first, *checked[0])
            dxs = dxs.astype(np.result_type(dxs, second.dtype), copy=False)
            dxs += run_backward(second, *checked[1], turned=True)
            return dxs
        dhs = as_numbers("dhs", dhs)
        check_shape("dhs", dhs, shape, "N, T and H1 + H2 of forward's result")
        arriving = self._arriving(dh, dc)
        if masks and masks[0] is not None:
            dhs = np.where(masks[0][:, :, None], dhs, np.zeros((), dhs.dtype))
        forth = first.backward(dhs[:, :, :H], **arriving[0])
        back = second.backward(reversed_rows(dhs[:, :, H:], lengths), **arriving[1])
        return forth + reversed_rows(back, lengths)

    def _check_forward(self, xs: ArrayLike, lengths: Any, mask: Any) -> list[Any]:
        """Return the arguments of `masks.run_forward` for both layers, which are ours."""
        return [
            check_forward(layer, xs, lengths, mask)
            for layer in (self.forward_layer, self.backward_layer)
        ]

    def _check_backward(self, dhs: ArrayLike, dh: Any, dc: Any) -> list[Any]:
        """Return the arguments of `masks.run_backward` for both layers, which are ours."""
        shape, H, *_ = self._kept
        dhs = as_numbers("dhs", dhs)
        check_shape("dhs", dhs, shape, "N, T and H1 + H2 of forward's result")
        layers = self.forward_layer, self.backward_layer
        halves = dhs[:, :, :H], dhs[:, :, H:]
        arriving = self._arriving(dh, dc)
        return [check_backward(*given) for given in zip(layers, halves, arriving, strict=True)]

    def _arriving(self, dh: Any, dc: Any) -> list[dict[str, Any]]:
        """Return the gradients of the last states of each layer by name, dc only if it has c."""
        found: list[dict[str, Any]] = []
        pairs = zip(_as_pair("dh", dh), _as_pair("dc", dc), strict=True)
        for layer, (d, more) in zip((self.forward_layer, self.backward_layer), pairs, strict=True):
            found.append({"dh": d, "dc": more} if _has_c("dc", layer, more) else {"dh": d})
        return found

    def set_state(
        self,
        h: tuple[ArrayLike | None, ArrayLike | None] | None,
        c: tuple[ArrayLike | None, ArrayLike | None] | None = None,
    ) -> None:
        """Start the next forward, if stateful, from pairs of h and c (N, H); None is zero."""
        pairs = list(zip(_as_pair("h", h), _as_pair("c", c), strict=True))
        layers = self.forward_layer, self.backward_layer
        have = [_has_c("c", layer, c0) for layer, (_, c0) in zip(layers, pairs, strict=True)]
        for layer, (h0, c0), has_c in zip(layers, pairs, have, strict=True):
            if has_c:
                layer.set_state(h0, c0)
            else:
                layer.set_state(h0)

    def reset_state(self) -> None:
        """Begin at zero in the next forward."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    @property
    def h(self) -> _Pair:
        """The last h (N, H) of both layers."""
        return self.forward_layer.h, self.backward_layer.h

    @property
    def c(self) -> _Pair:
        """The last c (N, H) of both layers; None for one without c."""
        return getattr(self.forward_layer, "c", None), getattr(self.backward_layer, "c", None)

    @property
    def dh(self) -> _Pair:
        """The gradients of the first h of both, after backward."""
        return self.forward_layer.dh, self.backward_layer.dh

    @property
    def dc(self) -> _Pair:
        """The gradients of the first c of both, after backward; None for a layer without c."""
        return getattr(self.forward_layer, "dc", None), getattr(self.backward_layer, "dc", None)


class TimeBiLSTM(TimeBidirectional):
    """`TimeBidirectional` of two `TimeLSTM`: hs (N, T, 2H), side by side.

    Wx1 (D, 4H), Wh1 (H, 4H), b1 (4H,) are those of `forward_lstm`, whose hs is the first half;
    Wx2, Wh2, b2 those of `backward_lstm`. You may replace either by a layer of your own with the
    methods of TimeLSTM. Both are then called as in the book, the second with the input reversed.
    With `lengths` each row is reversed within its own length. `h`, `c`, `dh`, `dc` are pairs,
    forward_lstm's first, as are the arguments of `set_state` and the gradients of the last states
    in backward. Keywords as in `TimeLSTM`.

    >>> import numpy as np
    >>> from fastw2v.time_layers import TimeBiLSTM
    >>> D, H = 2, 1
    >>> weights = [np.ones((D, 4 * H), "f"), np.ones((H, 4 * H), "f"), np.zeros(4 * H, "f")]
    >>> layer = TimeBiLSTM(*weights, *weights)
    >>> layer.forward(np.ones((1, 2, D), "f")).round(4)
    array([[[0.6083, 0.8726],
            [0.8726, 0.6083]]], dtype=float32)
    >>> layer.backward(np.ones((1, 2, 2 * H), "f")).shape
    (1, 2, 2)
    """

    __module__ = "fastw2v.time_layers"

    def __init__(
        self,
        Wx1: NDArray[Any],
        Wh1: NDArray[Any],
        b1: NDArray[Any],
        Wx2: NDArray[Any],
        Wh2: NDArray[Any],
        b2: NDArray[Any],
        stateful: bool = False,
        *,
        dtype: DTypeLike | None = None,
        recurrent_activation: str = "sigmoid",
    ) -> None:
        options: dict[str, Any] = {"dtype": dtype, "recurrent_activation": recurrent_activation}
        self.forward_lstm = TimeLSTM(Wx1, Wh1, b1, stateful, **options)
        self.backward_lstm = TimeLSTM(Wx2, Wh2, b2, stateful, **options)
        self._start()

    @property
    def forward_layer(self) -> Any:  # type: ignore[override]
        """`forward_lstm`."""
        return self.forward_lstm

    @property
    def backward_layer(self) -> Any:  # type: ignore[override]
        """`backward_lstm`."""
        return self.backward_lstm


def _is_ours(layer: object) -> bool:
    """Return whether a layer is one of the package's own without methods of its owner's."""
    ours = type(layer) in (TimeRNN, TimeGRU, TimeLSTM)
    return ours and not {"forward", "backward"} & vars(layer).keys()


def _has_c(name: str, layer: object, given: object) -> bool:
    """Return whether a layer has a state c; refuse c, or its gradient, for one that has none."""
    has_c = hasattr(layer, "c") or not hasattr(layer, "h")
    if given is not None and not has_c:
        raise ValueError(
            f"{name}: expected None for a {type(layer).__name__}, which has no c, got "
            f"{type(given).__name__}; leave it out"
        )
    return has_c


def _as_pair(name: str, value: Any) -> tuple[Any, Any]:
    """Return `value` as two entries, one per direction; None becomes two of it."""
    if value is None:
        return None, None
    try:
        first, second = value
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: expected a pair, of the forward and the backward layer, got "
            f"{type(value).__name__}; pass two arrays (N, H), or None for either"
        ) from None
    return first, second
