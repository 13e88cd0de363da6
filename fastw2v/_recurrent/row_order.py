"""The order in which the steps of sequences (N, T, ...) are read, each row within its length."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["arrange", "reversed_rows", "turn_round"]


def arrange(
    out: NDArray[Any], xs: NDArray[Any], lengths: NDArray[np.int64] | None, backwards: bool
) -> NDArray[Any]:
    """Write xs (N, T, ...) into `out`, each row reversed if `backwards`; return `out`.

    Row n is reversed within its first lengths[n] steps, and the steps beyond them become 0.
    """
    if lengths is None:
        out[...] = xs[:, ::-1] if backwards else xs
        return out
    for row, x, n in zip(out, xs, lengths.tolist(), strict=True):
        row[:n] = x[:n][::-1] if backwards else x[:n]
        row[n:] = 0
    return out


def reversed_rows(xs: NDArray[Any], lengths: NDArray[np.int64] | None) -> NDArray[Any]:
    """Return xs (N, T, ...) with each row reversed within its length; a view if all are T long."""
    if lengths is None:
        return xs[:, ::-1]
    return arrange(np.empty(xs.shape, xs.dtype), xs, lengths, True)


def turn_round(xs: NDArray[Any], lengths: NDArray[np.int64] | None) -> None:
    """Reverse each row of xs (N, T, ...) in place within its length; steps beyond it stay."""
    steps = [xs.shape[1]] * len(xs) if lengths is None else lengths.tolist()
    for row, n in zip(xs, steps, strict=True):
        row[:n] = row[:n][::-1].copy()
