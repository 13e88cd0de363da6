"""An embedding and the recurrent layer that reads it, in one pass over the ids.

    x = E[id]:   x Wx + b = (E Wx + b)[id],   S[id] += da,   dWx = E^T S,   dE = S Wx^T

A vocabulary of characters has far fewer rows than a batch has steps, so E meets Wx once instead of
once a step, and the vectors of the steps and their gradients are never stored. The states have the
bits of both layers; the gradients are sums in another order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._core.fast_path import is_patched, is_unmodified
from fastw2v._recurrent.over_time import TimeGRU, TimeLSTM, TimeRNN
from fastw2v._recurrent.passes import check_backward, check_forward, run_backward, run_forward
from fastw2v._rows.deferred import apply_all_pending

__all__ = ["backward", "forward", "pays"]

_CELLS = TimeRNN, TimeGRU, TimeLSTM
_FLOAT32 = np.dtype(np.float32)
_STEPS_PER_ROW = 4  # fewest steps of a batch for each row of the table


def pays(embed: Any, kind: type, layer: Any, ids: NDArray[Any]) -> bool:
    """Return whether `forward` suits an embedding, unmodified of this kind, and the layer after it.

    ids (N, T) are valid. Everything is float32, and the layers are ours.
    """
    if not (
        is_unmodified(embed, kind)
        and type(layer) in _CELLS
        and not is_patched(layer)
        and ids.size >= _STEPS_PER_ROW * len(embed.W)
    ):
        return False
    arrays = [embed.W, *layer.params]
    return (
        embed.W is embed.params[0]
        and embed.dtype == layer.dtype == _FLOAT32
        and all(type(W) is np.ndarray and W.dtype == _FLOAT32 for W in arrays)
    )


def forward(embed: Any, layer: Any, ids: NDArray[Any]) -> NDArray[Any]:
    """Return layer.forward(embed.forward(ids)) (N, T, H) for layers that `pays` has accepted."""
    apply_all_pending(embed.W)
    table = embed.W
    ids, lengths, starts, options, _ = check_forward(layer, ids, None, None, table)
    hs = run_forward(layer, ids, lengths, starts, options, train=True, table=table)
    embed._xs, embed._dout, embed._steps = ids, None, None
    return hs


def backward(embed: Any, layer: Any, dhs: ArrayLike | None, **dstates: ArrayLike | None) -> bool:
    """Write the gradients of both layers if `forward` was their last pass; return whether it was.

    dhs (N, T, H), or None for zeros, and dstates: as `layer.backward` takes them.
    """
    kept: Any = layer._kept
    if type(kept) is not dict or "table" not in kept:
        return False
    arriving = {"d" + name: dstates.get("d" + name) for name in layer._kind.states}
    embed._write_gradient(run_backward(layer, *check_backward(layer, dhs, arriving)))
    return True
