"""The output layer of a language model and its loss, forward and backward in one pass.

The scores of a step, N * T rows of V numbers, are the largest array of such a model. Here those
of a block of rows exist at a time: scores, loss, and the gradients of scores, x, W and b, before
the next block. The loss has the bits of the two layers; dW and db are sums over the blocks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._core import threads
from fastw2v._core.products import column_sums, product
from fastw2v._core.scratch import Scratch
from fastw2v._kernels import _gemm, _loss, specialise
from fastw2v._rows.deferred import apply_all_pending
from fastw2v.functions import _NS

__all__ = ["output_pass", "pays"]

_FLOAT32 = np.dtype(np.float32)
_STEP = specialise(_loss.cross_entropy_step)
_OWN = _gemm.fused()
# Rows of a block. Its products read W anew, and dW too, so a wide x takes more of them.
_FEWEST_ROWS = 120
_ROWS_PER_COLUMN = 0.55
_FEWEST_SCORES = 1 << 20  # below that the scores stay in the cache anyway
_LINE = 16  # numbers of a cache line; rows 4 KB apart would evict each other from the cache


def pays(n_rows: int, params: list[NDArray[Any]], grads: list[NDArray[Any]]) -> bool:
    """Return whether `output_pass` of n_rows rows suits W (D, V), b (V,) and their gradients.

    If D is not far below n_rows, the blocks are not far below all scores. Other products than ours
    are slow to add to a matrix.
    """
    arrays = [*params, *grads]
    if not _OWN or any(type(a) is not np.ndarray or a.dtype != _FLOAT32 for a in arrays):
        return False
    W, b = params
    shapes = [a.shape for a in arrays]
    return (
        W.ndim == 2
        and shapes == [W.shape, b.shape] * 2
        and b.size == W.shape[1] == b.shape[-1]
        and n_rows >= 2 * max(len(W), _FEWEST_ROWS)
        and n_rows * b.size >= _FEWEST_SCORES
        and all(g.flags.writeable for g in grads)
        and not any(np.may_share_memory(a, g) for g in grads for a in arrays if a is not g)
    )


def output_pass(
    x: NDArray[Any],
    params: list[NDArray[Any]],
    grads: list[NDArray[Any]],
    ids: NDArray[Any],
    scratch: Scratch,
) -> tuple[np.float64, NDArray[Any]]:
    """Return the mean loss of the ids (M,) after x (M, D), and dx; write dW and db.

    Negative ids are left out of the mean. `pays` has accepted params and grads, and x is float32
    without gaps.
    """
    apply_all_pending(*params)
    (W, b), (dW, db) = params, grads
    M, V = len(x), W.shape[1]
    count = int(np.count_nonzero(ids >= 0))
    scale = 1 / max(count, 1)
    step = _STEP[x.dtype, ids.dtype]
    blocks = -(-M // max(_FEWEST_ROWS, round(len(W) * _ROWS_PER_COLUMN)))
    width = V + _LINE if V % 128 == 0 else V
    memory = scratch.take("scores", (math.ceil(M / blocks), width), x.dtype)
    losses, dx, sums = np.empty(M), np.empty_like(x), np.zeros(V)
    for k in range(blocks):
        rows = slice(M * k // blocks, M * (k + 1) // blocks)
        some, scores = x[rows], memory[: rows.stop - rows.start, :V]
        product(some, W, scores, bias=b.reshape(-1))
        step(scores, losses[rows], ids[rows], scale, threads.parts(scores.size * _NS[x.dtype] * 2))
        # forward: scores = x W + b
        product(scores, W.T, dx[rows])
        product(some.T, scores, dW, accumulate=k > 0)
        sums += column_sums(scores)
    db[...] = sums.reshape(db.shape)
    # In the order of the rows, as the two layers add them.
    return np.float64(losses.cumsum()[-1] / count if count else np.nan), dx
