"""TimeRNN, TimeGRU and TimeLSTM: sequences (N, T, D) to sequences (N, T, H).

The classes hold weights, states and options; `passes` computes, and `kinds` says where the cells
differ. N batch, T time, D input width, H hidden units.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastw2v import config
from fastw2v._checks.numbers import check_one_of
from fastw2v._checks.sequences import as_recurrent_sizes, as_sequence_dtype
from fastw2v._core.scratch import Scratch
from fastw2v._recurrent.cells import GRU
from fastw2v._recurrent.kinds import (
    GRU_AFTER_CELL,
    GRU_CELL,
    LSTM_CELL,
    RNN_CELL,
    VECTORS,
    CellKind,
    InputKind,
)
from fastw2v._recurrent.masks import apart, run_backward, run_forward
from fastw2v._recurrent.passes import (
    ACTIVATIONS,
    as_over_vectors,
    check_backward,
    check_forward,
    kept_arrays,
    step_gradients,
    try_forward,
)
from fastw2v._rows.deferred import TABLES

__all__ = ["OverTime", "TimeGRU", "TimeLSTM", "TimeRNN"]

# Pickles name the public classes by the module from which users import them, so `__module__` says
# fastw2v.time_layers and files of this package may move.


class OverTime:
    """T steps of a cell in one kernel call: weights, states, and memory for both passes."""

    _kind: CellKind  # of the class, or a property
    _input: ClassVar[InputKind] = VECTORS

    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    h: NDArray[Any] | None
    dh: NDArray[Any] | None
    recurrent_activation: str  # of the layers whose cell has gates
    zero_output_for_mask: bool = False

    def __init__(
        self,
        Wx: NDArray[Any],
        Wh: NDArray[Any],
        b: NDArray[Any],
        stateful: bool,
        dtype: DTypeLike | None,
        go_backwards: bool,
    ) -> None:
        config.check()
        as_recurrent_sizes(Wx, Wh, b, self._kind.n_gates, self._kind.n_biases)
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(W, subok=False) for W in self.params]
        self.stateful = stateful
        self.dtype = as_sequence_dtype("dtype", dtype)
        self.go_backwards = go_backwards
        self._kept: Any = None  # read through `kept_arrays`
        self._scratch = Scratch()
        self.reset_state()
        for name in self._kind.states:
            setattr(self, "d" + name, None)

    def forward(
        self,
        xs: ArrayLike,
        *,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        train: bool = True,
    ) -> NDArray[Any]:
        """Return hs (N, T, H) of xs (N, T, D).

        lengths (N,): row n has only its first lengths[n] steps; the steps beyond are not read, and
        hs is 0 there. mask (N, T), of bool or 0 and 1: row n skips the steps where it is 0. They
        are not read, the states stay as they are, and hs repeats the row's last result, which is 0
        before its first step, or is 0 if the attribute `zero_output_for_mask` is True. A row whose
        mask is 0 throughout keeps its first states. train=False keeps nothing for backward.
        """
        if lengths is None and mask is None and not (TABLES or self.go_backwards):
            small = try_forward(self, xs, train)
            if small is not None:
                return small
        checked = check_forward(self, xs, lengths, mask)
        hs = run_forward(self, *checked, train=train)
        return hs.astype(self.dtype, copy=False)

    def _backward(self, dhs: ArrayLike, **dstates: ArrayLike | None) -> Any:
        """Return dxs, or None for input without a gradient, from those of hs and last states."""
        as_over_vectors(self)
        return run_backward(self, *check_backward(self, dhs, dstates))

    def reset_state(self) -> None:
        """Begin at zero in the next forward."""
        for name in self._kind.states:
            setattr(self, name, None)

    @property
    def layers(self) -> list[Any] | None:
        """The steps of the last forward as cells, RNN, GRU or LSTM; None before."""
        as_over_vectors(self)
        kept, kind = kept_arrays(self), self._kind
        if kept is None:
            return None
        kept = apart(kept)
        options: dict[str, Any] = dict(kind.options)
        if kind.has_activation:
            options["recurrent_activation"] = self.recurrent_activation
        steps = []
        for t in range(kept["xs"].shape[1]):
            step = kind.step(*self.params, **options)
            parts = kept["xs"][:, t], kept["before"][:, t], *kind.cache(kept, t)
            step.cache = tuple(part.copy() for part in parts)
            if "da" in kept and self._input.converts:
                for grad, value in zip(step.grads, step_gradients(self, kept, t), strict=True):
                    grad[...] = value.reshape(grad.shape)
                if kind.step is GRU:
                    step.dWx, step.dWh, step.db = (grad.copy() for grad in step.grads)
            steps.append(step)
        return steps

    def __copy__(self) -> OverTime:
        # The kept arrays lie in scratch, which the original continues to overwrite.
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._scratch, twin._kept = Scratch(), copy.deepcopy(self._kept)
        return twin


class TimeRNN(OverTime):
    """A simple recurrent network over time: h = tanh(x Wx + h_prev Wh + b) (Elman 1990).

    Wx (D, H), Wh (H, H), b (H,) are the caller's own arrays. All else is as in `TimeLSTM`, with
    the one state `h`, b (2, H) of two biases, and no choice of activation.

    >>> import numpy as np
    >>> from fastw2v.time_layers import TimeRNN
    >>> layer = TimeRNN(np.eye(2, dtype="f"), np.eye(2, dtype="f"), np.zeros(2, "f"))
    >>> layer.forward(np.array([[[0.5, 0.0], [0.0, 0.5]]])).round(4)
    array([[[0.4621, 0.    ],
            [0.4318, 0.4621]]], dtype=float32)
    >>> layer.backward(np.ones((1, 2, 2))).round(4)
    array([[[1.4263, 1.7864],
            [0.8135, 0.7864]]], dtype=float32)
    """

    __module__ = "fastw2v.time_layers"
    _kind = RNN_CELL

    def __init__(
        self,
        Wx: NDArray[Any],
        Wh: NDArray[Any],
        b: NDArray[Any],
        stateful: bool = False,
        *,
        dtype: DTypeLike | None = None,
        go_backwards: bool = False,
    ) -> None:
        super().__init__(Wx, Wh, b, stateful, dtype, go_backwards)

    def set_state(self, h: NDArray[Any] | None) -> None:
        """Start the next forward, if stateful, from h (N, H); None is zero."""
        self.h = h

    def backward(self, dhs: ArrayLike, *, dh: ArrayLike | None = None) -> NDArray[Any]:
        """Return dxs (N, T, D) from dhs (N, T, H); write the gradients of the weights.

        dh (N, H): gradient that arrives at the last h of each row.
        """
        return self._backward(dhs, dh=dh)


class _Gated(OverTime):
    """A layer whose cell has gates, and a choice of their activation."""

    def __init__(
        self,
        Wx: NDArray[Any],
        Wh: NDArray[Any],
        b: NDArray[Any],
        stateful: bool = False,
        *,
        dtype: DTypeLike | None = None,
        go_backwards: bool = False,
        recurrent_activation: str = "sigmoid",
    ) -> None:
        check_one_of("recurrent_activation", recurrent_activation, ACTIVATIONS)
        super().__init__(Wx, Wh, b, stateful, dtype, go_backwards)
        self.recurrent_activation = recurrent_activation


class TimeGRU(_Gated):
    """Gated recurrent units over time, reset before the product (Cho et al. 2014).

    z, r = sigmoid of the first two blocks of H columns of x Wx + h_prev Wh + b;
    h~ = tanh(x Wxh + (r * h_prev) Whh + bh) with the third ones; h = (1 - z) * h_prev + z * h~.

    With `reset_after` the reset gate works on the product, as in cuDNN, torch and Keras:
    h~ = tanh(x Wxh + bxh + r * (h_prev Whh + bhh)). b (2, 3H) then holds two biases, that of x Wx
    and that of h_prev Wh.

    Wx (D, 3H), Wh (H, 3H), b (3H,) are the caller's own arrays. All else is as in `TimeLSTM`, with
    the one state `h`; `recurrent_activation` is that of z and r.

    >>> import numpy as np
    >>> from fastw2v.time_layers import TimeGRU
    >>> D, H = 2, 3
    >>> layer = TimeGRU(np.ones((D, 3 * H), "f"), np.ones((H, 3 * H), "f"), np.zeros(3 * H, "f"))
    >>> layer.forward(np.ones((1, 2, D), "f")).round(4)
    array([[[0.8491, 0.8491, 0.8491],
            [0.9982, 0.9982, 0.9982]]], dtype=float32)
    >>> layer.backward(np.ones((1, 2, H), "f")).shape
    (1, 2, 2)
    """

    __module__ = "fastw2v.time_layers"
    _reset_after = False  # of pickles that do not hold it

    def __init__(
        self,
        Wx: NDArray[Any],
        Wh: NDArray[Any],
        b: NDArray[Any],
        stateful: bool = False,
        *,
        dtype: DTypeLike | None = None,
        go_backwards: bool = False,
        recurrent_activation: str = "sigmoid",
        reset_after: bool = False,
    ) -> None:
        self._reset_after = bool(reset_after)
        super().__init__(
            Wx,
            Wh,
            b,
            stateful,
            dtype=dtype,
            go_backwards=go_backwards,
            recurrent_activation=recurrent_activation,
        )

    @property
    def reset_after(self) -> bool:
        """True if the reset gate works on the product h_prev Whh + bhh, else on h_prev."""
        return self._reset_after

    @property
    def _kind(self) -> CellKind:  # type: ignore[override]
        return GRU_AFTER_CELL if self._reset_after else GRU_CELL

    def set_state(self, h: NDArray[Any] | None) -> None:
        """Start the next forward, if stateful, from h (N, H); None is zero."""
        self.h = h

    def backward(self, dhs: ArrayLike, *, dh: ArrayLike | None = None) -> NDArray[Any]:
        """Return dxs (N, T, D) from dhs (N, T, H); write the gradients of the weights.

        dh (N, H): gradient that arrives at the last h of each row.
        """
        return self._backward(dhs, dh=dh)


class TimeLSTM(_Gated):
    """Long short-term memory over time.

    f, g, i, o are the columns of x Wx + h_prev Wh + b, each H wide, f, i, o after the sigmoid and
    g after tanh; c = f * c_prev + g * i; h = o * tanh(c) (Hochreiter and Schmidhuber 1997, with
    the forget gate of Gers, Schmidhuber and Cummins 2000).

    Wx (D, 4H), Wh (H, 4H), b (4H,) are the caller's own arrays. b (2, 4H) holds two biases that are
    added, such as torch's bias_ih and bias_hh; each has the gradient of their sum. The states `h`,
    `c` (N, H) are zero at the start of each forward. With `stateful` they start where the last
    forward ended, or at the arguments of `set_state`, and no gradient flows back beyond the start.
    After backward `dh`, `dc` are the gradients of the first states.

    Beyond the book, by keyword: dtype (float32 sequences if None, or np.float64), go_backwards
    (read each row from its end, results in the order of reading), recurrent_activation (of f, i
    and o: "sigmoid", "hard_sigmoid_keras2", "hard_sigmoid_keras3"). The layer computes in float64
    if dtype or a weight is float64, else in float32.

    ValueError for shapes that do not fit, TypeError for dtypes other than real numbers,
    RuntimeError for backward without a forward in training.

    >>> import numpy as np
    >>> from fastw2v.time_layers import TimeLSTM
    >>> D, H = 2, 3
    >>> layer = TimeLSTM(np.ones((D, 4 * H), "f"), np.ones((H, 4 * H), "f"), np.zeros(4 * H, "f"))
    >>> layer.forward(np.ones((1, 2, D), "f")).round(4)
    array([[[0.6083, 0.6083, 0.6083],
            [0.9275, 0.9275, 0.9275]]], dtype=float32)
    >>> layer.backward(np.ones((1, 2, H), "f")).shape
    (1, 2, 2)
    """

    __module__ = "fastw2v.time_layers"
    _kind = LSTM_CELL

    c: NDArray[Any] | None
    dc: NDArray[Any] | None

    def set_state(self, h: NDArray[Any] | None, c: NDArray[Any] | None = None) -> None:
        """Start the next forward, if stateful, from h and c (N, H); None is zero."""
        self.h, self.c = h, c

    def backward(
        self, dhs: ArrayLike, *, dh: ArrayLike | None = None, dc: ArrayLike | None = None
    ) -> NDArray[Any]:
        """Return dxs (N, T, D) from dhs (N, T, H); write the gradients of the weights.

        dh, dc (N, H): gradients that arrive at the last h and c of each row.
        """
        return self._backward(dhs, dh=dh, dc=dc)
