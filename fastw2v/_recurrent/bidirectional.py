"""TimeBiLSTM: two LSTMs over the same sequences, one from each end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastw2v._checks.arrays import as_numbers, check_shape
from fastw2v._checks.sequences import as_row_lengths, as_sequence, check_trained_forward
from fastw2v._recurrent.over_time import TimeLSTM
from fastw2v._recurrent.passes import check_backward, check_forward, run_backward, run_forward
from fastw2v._recurrent.row_order import arrange, reversed_rows

__all__ = ["TimeBiLSTM"]

_Pair = tuple[NDArray[Any] | None, NDArray[Any] | None]


class TimeBiLSTM:
    """Two `TimeLSTM`, one of which reads the input from its end: hs (N, T, 2H), side by side.

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

    __module__ = "fastw2v.time_layers"  # see over_time.py

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
        self.params = self.forward_lstm.params + self.backward_lstm.params
        self.grads = self.forward_lstm.grads + self.backward_lstm.grads
        # Shape of hs, H of its first half, lengths, and whether `passes` ran both layers.
        self._kept: tuple[tuple[int, ...], int, NDArray[np.int64] | None, bool] | None = None

    def forward(
        self, xs: ArrayLike, *, lengths: ArrayLike | None = None, train: bool = True
    ) -> NDArray[Any]:
        """Return hs (N, T, 2H) of xs (N, T, D); `lengths` and `train` as in `TimeLSTM`."""
        first, second = self.forward_lstm, self.backward_lstm
        ours = _is_ours(first) and _is_ours(second)
        if ours:
            # Both are checked before one of them runs, so that an error changes nothing.
            checked = [check_forward(lstm, xs, lengths) for lstm in (first, second)]
            xs, lengths, *_ = checked[0]
            self._kept = None
            left = run_forward(first, *checked[0], train=train, new=False)
            right = run_forward(second, *checked[1], train=train, new=False, turned=True)
            dtype = np.result_type(first.dtype, second.dtype)
        else:
            xs = as_sequence("xs", xs, self.params[0])
            lengths = as_row_lengths("lengths", lengths, *xs.shape[:2])
            self._kept = None
            left = first.forward(xs, lengths=lengths, train=train)
            right = second.forward(reversed_rows(xs, lengths), lengths=lengths, train=train)
            dtype = np.result_type(left, right)
        H = left.shape[2]
        hs = np.empty((*xs.shape[:2], H + right.shape[2]), dtype)
        hs[:, :, :H] = left
        arrange(hs[:, :, H:], right, lengths, True)
        if train:
            self._kept = (hs.shape, H, lengths, ours)
        return hs

    def backward(
        self,
        dhs: ArrayLike,
        *,
        dh: tuple[ArrayLike | None, ArrayLike | None] | None = None,
        dc: tuple[ArrayLike | None, ArrayLike | None] | None = None,
    ) -> NDArray[Any]:
        """Return dxs (N, T, D) from dhs (N, T, 2H); write the gradients of the weights.

        dh, dc: pairs of gradients (N, H) that arrive at the last h and c of each row, or None.
        """
        check_trained_forward(self, self._kept)
        kept: Any = self._kept
        shape, H, lengths, ours = kept
        dhs = as_numbers("dhs", dhs)
        check_shape("dhs", dhs, shape, "N, T and 2 * H of forward's result")
        dh1, dh2 = _as_pair("dh", dh)
        dc1, dc2 = _as_pair("dc", dc)
        first, second = self.forward_lstm, self.backward_lstm
        left, right = dhs[:, :, :H], dhs[:, :, H:]
        if not ours:
            forth = first.backward(left, dh=dh1, dc=dc1)
            back = second.backward(reversed_rows(right, lengths), dh=dh2, dc=dc2)
            return forth + reversed_rows(back, lengths)
        checked = [
            check_backward(first, left, {"dh": dh1, "dc": dc1}),
            check_backward(second, right, {"dh": dh2, "dc": dc2}),
        ]
        dxs: Any = run_backward(first, *checked[0])
        dxs = dxs.astype(np.result_type(dxs, second.dtype), copy=False)
        dxs += run_backward(second, *checked[1], turned=True)
        return dxs

    def set_state(
        self,
        h: tuple[ArrayLike | None, ArrayLike | None] | None,
        c: tuple[ArrayLike | None, ArrayLike | None] | None = None,
    ) -> None:
        """Start the next forward, if stateful, from pairs of h and c (N, H); None is zero."""
        h1, h2 = _as_pair("h", h)
        c1, c2 = _as_pair("c", c)
        self.forward_lstm.set_state(h1, c1)
        self.backward_lstm.set_state(h2, c2)

    def reset_state(self) -> None:
        """Begin at zero in the next forward."""
        self.forward_lstm.reset_state()
        self.backward_lstm.reset_state()

    @property
    def h(self) -> _Pair:
        """The last h (N, H) of `forward_lstm` and of `backward_lstm`."""
        return self.forward_lstm.h, self.backward_lstm.h

    @property
    def c(self) -> _Pair:
        """The last c (N, H) of `forward_lstm` and of `backward_lstm`."""
        return self.forward_lstm.c, self.backward_lstm.c

    @property
    def dh(self) -> _Pair:
        """The gradients of the first h of both, after backward."""
        return self.forward_lstm.dh, self.backward_lstm.dh

    @property
    def dc(self) -> _Pair:
        """The gradients of the first c of both, after backward."""
        return self.forward_lstm.dc, self.backward_lstm.dc


def _is_ours(lstm: object) -> bool:
    """Return whether a layer is a TimeLSTM without methods of its owner's."""
    return type(lstm) is TimeLSTM and not {"forward", "backward"} & vars(lstm).keys()


def _as_pair(name: str, value: Any) -> tuple[Any, Any]:
    """Return `value` as two entries, one per direction; None becomes two of it."""
    if value is None:
        return None, None
    try:
        first, second = value
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: expected a pair, forward_lstm's and backward_lstm's, got "
            f"{type(value).__name__}; pass two arrays (N, H), or None for either"
        ) from None
    return first, second
