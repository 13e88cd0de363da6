"""The table of differences between the recurrent layers: one entry per cell, one per form of input.

`passes` runs every layer over time in the same way and looks up here where they differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.sequences import as_sequence
from fastw2v._core.products import product
from fastw2v._kernels import _gru, _gru_after, _lstm, _rnn
from fastw2v._recurrent.cells import GRU, LSTM, RNN

__all__ = [
    "GRU_AFTER_CELL",
    "GRU_CELL",
    "LSTM_CELL",
    "RNN_CELL",
    "VECTORS",
    "CellKind",
    "InputKind",
    "write_product",
]

Kept = dict[str, Any]  # arrays that forward keeps for backward; see `passes.run_forward`


@dataclass(frozen=True)
class CellKind:
    """A cell: its kernel, its states and the arrays that its passes exchange."""

    step: type  # the layer of a single step
    kernel: ModuleType
    n_gates: int  # columns of the weights, in units of H
    states: tuple[str, ...]  # attributes of the layer, in the kernel's order
    keeps: tuple[str, ...]  # (N, T, H) that the forward kernel writes for backward, in its order
    needs: tuple[str, ...]  # of all that is kept, the inputs of the backward kernel, in its order
    # Blocks of the columns of Wh, in units of H, the kept array that was multiplied by each, and
    # where in da the gradient of the product begins.
    multiplied: tuple[tuple[int, int, str, int], ...]
    # The cache of the single step t after its x and h_prev.
    cache: Callable[[Kept, int], tuple[NDArray[Any], ...]]
    # The entry for small calls, of a kernel that has one; see `passes.try_forward`.
    small: Callable[..., Any] | None = None
    n_biases: tuple[int, ...] = (1, 2)  # how many b may hold
    # Blocks of the second bias that are added to the first one; the kernel gets the others.
    n_added: int = 1
    n_slopes: int = 0  # blocks of H columns of da, if they are more than the gates
    options: tuple[tuple[str, bool], ...] = ()  # arguments of the single step

    @property
    def da_blocks(self) -> int:
        """Blocks of H columns of da: those of x Wx, and then others of h_prev Wh."""
        return self.n_slopes or self.n_gates

    @property
    def has_activation(self) -> bool:
        """True if the activation of the gates can be chosen; an RNN has no gates."""
        return self.n_gates > 1


def _gates(kept: Kept, t: int, n_gates: int) -> tuple[NDArray[Any], ...]:
    """Return the gates of step t, each (N, H)."""
    return tuple(np.split(kept["gates"][:, t], n_gates, axis=1))


def _lstm_cache(kept: Kept, t: int) -> tuple[NDArray[Any], ...]:
    """Return c_prev, i, f, g, o, c of step t; the kernel's order of the gates is f, g, i, o."""
    f, g, i, o = _gates(kept, t, 4)
    c_prev = kept["cs"][:, t - 1] if t else kept["c0"]
    return c_prev, i, f, g, o, kept["cs"][:, t]


RNN_CELL = CellKind(
    step=RNN,
    kernel=_rnn,
    n_gates=1,
    states=("h",),
    keeps=("before",),
    needs=("gates",),
    multiplied=((0, 1, "before", 0),),
    cache=lambda kept, t: _gates(kept, t, 1),
)
GRU_CELL = CellKind(
    step=GRU,
    kernel=_gru,
    n_gates=3,
    states=("h",),
    keeps=("before", "reset"),
    needs=("gates", "before"),
    multiplied=((0, 2, "before", 0), (2, 3, "reset", 2)),  # the columns of h~ saw r * h_prev
    cache=lambda kept, t: _gates(kept, t, 3),
    n_biases=(1,),
)
GRU_AFTER_CELL = CellKind(
    step=GRU,
    kernel=_gru_after,
    n_gates=3,
    states=("h",),
    keeps=("before", "inner"),
    needs=("gates", "before", "inner"),
    multiplied=((0, 2, "before", 0), (2, 3, "before", 3)),  # da: z, r, h~ and inner
    cache=lambda kept, t: (*_gates(kept, t, 3), kept["inner"][:, t]),
    n_biases=(2,),
    n_added=2,
    n_slopes=4,
    options=(("reset_after", True),),
)
LSTM_CELL = CellKind(
    step=LSTM,
    kernel=_lstm,
    n_gates=4,
    states=("h", "c"),
    keeps=("cs", "before"),
    needs=("gates", "cs", "c0"),
    multiplied=((0, 4, "before", 0),),
    cache=_lstm_cache,
    small=_lstm.try_forward,
    n_added=4,
)


@dataclass(frozen=True)
class InputKind:
    """A form of input, and how it meets Wx; M = N * T rows."""

    check: Callable[..., NDArray[Any]]  # (name, xs, Wx) -> xs as an array (N, T, ...)
    converts: bool  # whether xs is converted to the dtype of the computation
    product: Callable[..., Any]  # (xs (M, ...), Wx, out, bias=b): out (M, n * H) = xs Wx + b
    # (dWx, da (M, n * H), xs (M, ...), Wx): writes dWx = xs^T da, returns da Wx^T, or None if
    # this form of input has no gradient
    gradients: Callable[..., NDArray[Any] | None]


def _vector_gradients(
    dWx: NDArray[Any], da: NDArray[Any], xs: NDArray[Any], Wx: NDArray[Any]
) -> NDArray[Any]:
    """Write dWx = xs^T da and return the gradient da Wx^T of xs."""
    write_product(dWx, xs.T, da)
    return product(da, Wx.T)


VECTORS = InputKind(as_sequence, True, product, _vector_gradients)


def write_product(grad: NDArray[Any], A: NDArray[Any], B: NDArray[Any]) -> None:
    """Write A B into `grad`, whatever its dtype and strides."""
    if type(grad) is np.ndarray and grad.dtype == B.dtype and grad.strides[1] == grad.itemsize:
        product(A, B, grad)
    else:
        grad[...] = product(A, B)
