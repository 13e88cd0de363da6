"""SequenceRegressor: a number from a sequence, by a recurrent and a dense layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastw2v import config, init
from fastw2v._checks.arrays import as_numbers, check_forward_ran
from fastw2v._checks.numbers import as_int, as_number, check_one_of
from fastw2v._checks.sequences import as_sequence_dtype
from fastw2v.base_model import BaseModel
from fastw2v.layers import Affine
from fastw2v.time_layers import TimeGRU, TimeLSTM, TimeRNN

__all__ = ["SequenceRegressor"]

_CELLS = {"rnn": (TimeRNN, 1), "lstm": (TimeLSTM, 4), "gru": (TimeGRU, 3)}


class SequenceRegressor(BaseModel):
    """Regression of a number on a sequence, for example of the next value of a series.

        y = h_T W + b,  h_T the last state of the recurrent layer;  loss = mean of (y - t)^2

    cell: "rnn", "lstm" or "gru". Initial weights are those of a small Keras model: the kernel is
    normal with standard deviation 0.05, the recurrent kernel orthogonal, and the dense layer Glorot
    uniform; biases are 0, except 1 for an LSTM's forget gate. `rnn` and `affine` are the layers.
    dtype: float32 or float64, for weights and results. rng: None draws from numpy's global stream.

    >>> import numpy as np
    >>> from fastw2v.models import SequenceRegressor
    >>> from fastw2v.optimizer import Adam
    >>> from fastw2v.trainer import Trainer
    >>> wave = np.sin(np.arange(300) / 8)
    >>> xs = np.lib.stride_tricks.sliding_window_view(wave[:-1], 25)[:, :, None]
    >>> model = SequenceRegressor("gru", rng=np.random.default_rng(0))
    >>> Trainer(model, Adam(0.01)).fit(xs, wave[25:], 10, 25, eval_interval=None)
    >>> bool(model.forward(xs, wave[25:]) < 0.01)
    True
    """

    def __init__(
        self,
        cell: str = "lstm",
        input_size: int = 1,
        hidden_size: int = 20,
        *,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        config.check()
        check_one_of("cell", cell, _CELLS)
        D = as_int("input_size", input_size)
        H = as_int("hidden_size", hidden_size)
        dtype = as_sequence_dtype("dtype", dtype)
        layer, gates = _CELLS[cell]
        draw = {"rng": rng, "dtype": dtype}
        kernel = init.random_normal((D, gates * H), **draw)
        recurrent = init.orthogonal((H, gates * H), **draw)
        bias = (init.unit_forget_bias if cell == "lstm" else init.zeros)(gates * H, dtype=dtype)
        self.rnn: TimeRNN | TimeLSTM | TimeGRU = layer(kernel, recurrent, bias, dtype=dtype)
        self.affine = Affine(init.glorot_uniform((H, 1), **draw), np.zeros(1, dtype))
        self.params = self.rnn.params + self.affine.params
        self.grads = self.rnn.grads + self.affine.grads
        self._state = None

    def predict(self, xs: ArrayLike, *, train: bool = False) -> NDArray[np.floating[Any]]:
        """Return y (N, 1) for sequences xs (N, T, D)."""
        xs = _as_steps("xs", xs)
        self.rnn.forward(xs, train=train)
        return self.affine.forward(self.rnn.h.astype(self.rnn.dtype, copy=False))

    def forward(self, xs: ArrayLike, t: ArrayLike) -> np.float64:
        """Return the mean squared error of xs (N, T, D) for values t, (N,) or (N, 1)."""
        t = as_numbers("t", t)
        if t.ndim not in (1, 2) or t.size != len(t) or len(t) == 0:
            raise ValueError(
                f"t: expected one value per sequence, shape (N,) or (N, 1), got {t.shape}; reshape"
            )
        xs = _as_steps("xs", xs)
        if len(xs) != len(t):
            raise ValueError(
                f"t: expected {len(xs)} values, one for each sequence of xs, got {len(t)}; "
                "pass arrays of equal length"
            )
        error = self.predict(xs, train=True) - t.reshape(-1, 1)
        self._state = (error, xs.shape)
        return np.float64(np.mean(np.square(error), dtype=np.float64))

    def backward(self, dout: ArrayLike = 1) -> NDArray[np.floating[Any]]:
        """Return dxs (N, T, D); write the gradients of all weights into `grads`."""
        check_forward_ran(self, self._state)
        error, (N, T, _) = self._state
        # forward: loss = mean of error^2
        dh = self.affine.backward(error * (2 * as_number("dout", dout) / N))
        return self.rnn.backward(np.zeros((N, T, dh.shape[1]), dh.dtype), dh=dh)


def _as_steps(name, xs):
    """Return xs as an ndarray (N, T, D) of at least one step."""
    xs = as_numbers(name, xs)
    if xs.ndim != 3 or xs.shape[1] == 0:
        raise ValueError(
            f"{name}: expected shape (N, T, D) with T of at least 1, got {xs.shape}; a series of "
            "single numbers is xs[:, :, None]"
        )
    return xs
