"""Masks (N, T): a row skips the steps where its mask is False, as in Keras.

At such a step the states stay as they are, and the result repeats that of the row's last step, 0
before the first one. The steps that remain are moved together at the beginning of the row, and
`lengths` ends it there: neither kernels nor `passes` know of masks, and what a mask leaves out
takes no time. N batch, T time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._recurrent import passes
from fastw2v.functions import scatter_add

if TYPE_CHECKING:
    from fastw2v._recurrent.over_time import OverTime

__all__ = ["Unmasked", "apart", "run_backward", "run_forward"]

Mask = NDArray[np.bool_]


class Unmasked:
    """The steps of each row that a mask leaves, K at most, and where they are among all T."""

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self.lengths = np.count_nonzero(mask, axis=1).astype(np.int64)
        self.rows = np.arange(len(mask))[:, None]
        K = self.lengths.max(initial=0)
        self.steps = np.argsort(~mask, axis=1, kind="stable")[:, :K]
        # Each step's place among those left, or that of the last one before it; -1 if none is.
        self.places = np.cumsum(mask, axis=1) - 1

    def together(self, xs: NDArray[Any]) -> NDArray[Any]:
        """Return the unmasked steps (N, K, ...) of xs (N, T, ...), with any steps behind them."""
        return xs[self.rows, self.steps]

    def apart(
        self, hs: NDArray[Any], repeat: bool = False, first: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Return hs (N, K, ...) at its T steps; others are 0, or with `repeat` as that before.

        first (N, ...), 0 if None, is repeated before a row's first unmasked step.
        """
        empty = self.places < 0 if repeat else ~self.mask
        if not hs.shape[1]:
            out = np.empty((*self.mask.shape, *hs.shape[2:]), hs.dtype)
        else:
            out = hs[self.rows, np.maximum(self.places, 0)]
        out[empty] = 0 if first is None else first[np.nonzero(empty)[0]]
        return out

    def sums(self, dhs: NDArray[Any], repeat: bool) -> NDArray[Any]:
        """Return the gradient (N, K, H) of hs from that of its `apart`, with any steps behind."""
        found = np.ascontiguousarray(
            self.together(dhs).astype(np.result_type(dhs.dtype, np.float32), copy=False)
        )
        repeated = ~self.mask & (self.places >= 0)
        if repeat and repeated.any():
            ids = (self.places + self.rows * found.shape[1])[repeated]
            scatter_add(found.reshape(-1, found.shape[2]), ids, dhs[repeated])
        return found


def run_forward(
    layer: OverTime,
    xs: NDArray[Any],
    lengths: passes.Lengths,
    starts: list[NDArray[Any] | None],
    options: tuple[int, ...],
    mask: Mask | None,
    *,
    train: bool,
    new: bool = True,
    turned: bool = False,
    zero: bool = False,
) -> NDArray[Any]:
    """Return hs (N, T, H) in the order of reading, from the results of `passes.check_forward`.

    zero: hs is 0 at masked steps. All else as in `passes.run_forward`.
    """
    settings: dict[str, Any] = {"train": train, "turned": turned}
    if mask is None:
        return passes.run_forward(layer, xs, lengths, starts, options, new=new, **settings)
    backwards = bool(layer.go_backwards) != turned
    given = Unmasked(mask)
    read = Unmasked(mask[:, ::-1]) if backwards else given
    xs, repeat = given.together(xs), not (zero or layer.zero_output_for_mask)
    hs = passes.run_forward(layer, xs, given.lengths, starts, options, new=False, **settings)
    if train:
        layer._kept |= {"given": given, "read": read, "repeat": repeat}
    return read.apart(hs, repeat)


def run_backward(
    layer: OverTime, dhs: NDArray[Any], dstates: list[NDArray[Any]], *, turned: bool = False
) -> NDArray[Any] | None:
    """Return dxs (N, T, D), from the results of `passes.check_backward`; 0 at masked steps.

    All else as in `passes.run_backward`.
    """
    kept: Any = layer._kept
    if "given" not in kept:
        return passes.run_backward(layer, dhs, dstates, turned=turned)
    dhs = kept["read"].sums(dhs[:, ::-1] if turned else dhs, kept["repeat"])
    dxs = passes.run_backward(layer, dhs, dstates)
    return None if dxs is None else kept["given"].apart(dxs)


def apart(kept: dict[str, Any]) -> dict[str, Any]:
    """Return what forward and backward kept, with its arrays at all T steps."""
    if "read" not in kept:
        return kept
    read, found = kept["read"], dict(kept)
    for name in {"xs", "gates", "before", "reset", "inner", "da"} & kept.keys():
        found[name] = read.apart(kept[name])
    if "cs" in kept:
        found["cs"] = read.apart(kept["cs"], True, kept["c0"])
    return found
