"""TimeRNN, TimeLSTM, TimeGRU and TimeBiLSTM: sequences (N, T, D) to sequences (N, T, H).

forward is one product for the inputs of all steps and one kernel call for the loop over time;
backward is one kernel call for the loop, and then one product over all steps for each gradient.
N batch, T time, D input width, H hidden units.
"""

import numpy as np

from fastw2v import _threads, _validation, config
from fastw2v._kernels import _lstm, specialise
from fastw2v._products import column_sums, product
from fastw2v._scratch import Scratch

GATES = ("sigmoid", "hard_sigmoid_keras2", "hard_sigmoid_keras3")  # the numbers of the kernels

_MAC_NS = 0.02  # serial nanoseconds of a multiply-add; see `_threads.parts`
_CACHE = 3 << 18  # bytes of packed weights that stay in a core's own cache beside the states
_STEP_NS = 5000  # a step cut by units waits for all parts; below this it costs more than it gains


class _OverTime:
    """T steps of a cell in one kernel call. A subclass names its states and kernels."""

    _n_gates = 0  # columns of the weights, in units of H
    _states = ("h",)

    def __init__(self, Wx, Wh, b, stateful, dtype, go_backwards):
        config.check()
        _validation.recurrent_weights(Wx, Wh, b, self._n_gates)
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(W, subok=False) for W in self.params]
        self.stateful = stateful
        self.dtype = _validation.sequence_dtype("dtype", dtype)
        self.go_backwards = go_backwards
        self._kept = None
        self._scratch = Scratch()
        self.reset_state()
        for name in self._states:
            setattr(self, "d" + name, None)

    def forward(self, xs, *, lengths=None, train=True):
        """hs (N, T, H) of xs (N, T, D).

        lengths (N,): row n has its first lengths[n] steps only; what stands beyond is not read and
        gives 0. train=False keeps nothing for backward.
        """
        Wx, Wh, b = self.params
        D, H = _validation.recurrent_weights(Wx, Wh, b, self._n_gates)
        xs = _validation.sequence("xs", xs, Wx)
        N, T, _ = xs.shape
        lengths = _validation.row_lengths("lengths", lengths, N, T)
        given = {}
        for name in self._states:
            state = getattr(self, name) if self.stateful else None
            given[name] = None if state is None else _validation.state(name, state, N, H)

        dtype = self._computing_dtype()
        xs = _validation.as_float("xs", xs, dtype)
        if lengths is not None or self.go_backwards:
            xs = _in_order(xs, lengths, self.go_backwards)
        Wx, Wh, b = (_as_weights(W, dtype) for W in (Wx, Wh, b))
        starts = [
            np.zeros((N, H), dtype) if state is None else np.array(state, dtype, order="C")
            for state in given.values()
        ]
        gates = self._scratch.take("gates", (N, T, self._n_gates * H), dtype)
        product(
            xs.reshape(N * T, D), Wx, gates.reshape(N * T, self._n_gates * H), bias=b.reshape(-1)
        )
        self._kept = None
        hs, ends, kept = self._run(gates, starts, Wh, lengths, train)
        if train:
            self._kept = (xs, gates, starts, kept, lengths)
        for name, state in zip(self._states, ends, strict=True):
            setattr(self, name, state)
        return hs if hs.dtype == self.dtype else hs.astype(self.dtype)

    def _backward(self, dhs, **arriving):
        """dxs, from the gradients of hs and those that arrive at the last states."""
        xs, gates, starts, kept, lengths = _validation.after_training(self, self._kept)
        N, T, D = xs.shape
        Wx, Wh, b = self.params
        H = _validation.recurrent_weights(Wx, Wh, b, self._n_gates)[1]
        dtype = gates.dtype
        dhs = _validation.as_float("dhs", dhs, dtype)
        _validation.same_shape("dhs", dhs, (N, T, H), "N, T and H of forward's result")
        dstates = []
        for name, given in arriving.items():
            given = _validation.state_gradient(name, given, N, H)
            zeros = np.zeros((N, H), dtype)
            dstates.append(zeros if given is None else np.array(given, dtype, order="C"))
        for k, (grad, W) in enumerate(zip(self.grads, self.params, strict=True)):
            _validation.same_shape(f"grads[{k}]", grad, W.shape, "that of the weight")
            _validation.writable(f"grads[{k}]", grad)

        Wx, Wh = _as_weights(Wx, dtype), _as_weights(Wh, dtype)
        da = self._scratch.take("da", gates.shape, dtype)
        self._run_backward(da, dstates, dhs, gates, starts, kept, Wh, lengths)
        rows = da.reshape(N * T, -1)
        dWx, dWh, db = self.grads
        _write(dWx, xs.reshape(N * T, D).T, rows)
        self._write_recurrent(dWh, kept, rows)
        db[...] = column_sums(rows).reshape(db.shape)
        dxs = product(rows, Wx.T).reshape(N, T, D)
        for name, d in zip(self._states, dstates, strict=True):
            setattr(self, "d" + name, d)
        if self.go_backwards:
            dxs = _in_order(dxs, lengths, True)
        return dxs if dxs.dtype == self.dtype else dxs.astype(self.dtype)

    def _computing_dtype(self):
        """float64 if anything asks for it; see TimeLSTM."""
        wide = self.dtype == np.float64 or any(W.dtype == np.float64 for W in self.params)
        return np.dtype(np.float64 if wide else np.float32)

    def _keep(self, name, shape, dtype, train):
        return self._scratch.take(name, shape, dtype) if train else None

    def _write_recurrent(self, dWh, kept, rows):
        _write(dWh, kept["before"].reshape(len(rows), -1).T, rows)

    def reset_state(self):
        """Begin at zero in the next forward."""
        for name in self._states:
            setattr(self, name, None)

    @property
    def layers(self):
        """The T cells of the last forward, each with what it kept; None before."""
        return None if self._kept is None else self._cells()

    def _cut(self, Wh, N, T):
        """(by_units, n_parts) for T steps of N rows: see src_pyx/common_recurrent.pxd."""
        ns = N * Wh.size * _MAC_NS
        n_parts = _threads.parts(ns * T)
        too_large = Wh.nbytes > _CACHE or n_parts > N
        if n_parts == 1 or not too_large:
            return False, min(n_parts, max(N, 1))
        return (True, n_parts) if ns > _STEP_NS else (False, min(n_parts, N))

    def __getstate__(self):
        state = self.__dict__.copy()
        state["_kept"] = None
        return state


class TimeLSTM(_OverTime):
    """Long short-term memory over time.

    f, g, i, o = columns of x Wx + h_prev Wh + b, each H wide; f, i, o through the sigmoid, g
    through tanh; c = f * c_prev + g * i; h = o * tanh(c) (Hochreiter and Schmidhuber 1997, with the
    forget gate of Gers, Schmidhuber and Cummins 2000).

    Wx (D, 4H), Wh (H, 4H), b (4H,) are the caller's own arrays. The states `h`, `c` (N, H) are
    zero at the start of each forward; with `stateful` they are those of the last one, or of
    `set_state`, and no gradient goes back beyond the start. After backward `dh`, `dc` are the
    gradients of the first states.

    Beyond the book, by keyword: dtype (float32 sequences if None, or np.float64), go_backwards
    (read each row from its end, results in the order of reading), recurrent_activation (of f, i
    and o: "sigmoid", "hard_sigmoid_keras2", "hard_sigmoid_keras3"). Everything is computed in
    float64 if dtype or a weight says so, else in float32.

    >>> import numpy as np
    >>> from fastw2v.time_layers import TimeLSTM
    >>> D, H = 2, 3
    >>> layer = TimeLSTM(np.ones((D, 4 * H), "f"), np.ones((H, 4 * H), "f"), np.zeros(4 * H, "f"))
    >>> layer.forward(np.ones((1, 2, D), "f")).round(4)
    array([[[0.6083, 0.6083, 0.6083],
            [0.9351, 0.9351, 0.9351]]], dtype=float32)
    >>> layer.backward(np.ones((1, 2, H), "f")).shape
    (1, 2, 2)
    """

    _n_gates, _states = 4, ("h", "c")
    _forward_kernel = specialise(_lstm.forward)
    _backward_kernel = specialise(_lstm.backward)

    def __init__(
        self,
        Wx,
        Wh,
        b,
        stateful=False,
        *,
        dtype=None,
        go_backwards=False,
        recurrent_activation="sigmoid",
    ):
        _validation.one_of("recurrent_activation", recurrent_activation, GATES)
        super().__init__(Wx, Wh, b, stateful, dtype, go_backwards)
        self.recurrent_activation = recurrent_activation

    def set_state(self, h, c=None):
        """Start the next forward, if stateful, from h and c (N, H); None is zero."""
        self.h, self.c = h, c

    def backward(self, dhs, *, dh=None, dc=None):
        """dxs (N, T, D) from dhs (N, T, H); gradients of the weights go into `grads`.

        dh, dc (N, H): gradients that arrive at the last h and c of each row.
        """
        return self._backward(dhs, dh=dh, dc=dc)

    def _run(self, gates, starts, Wh, lengths, train):
        N, T, H = gates.shape[0], gates.shape[1], len(Wh)
        hs = np.empty((N, T, H), gates.dtype)
        cs = self._keep("cs", hs.shape, hs.dtype, train)
        before = self._keep("before", hs.shape, hs.dtype, train)
        h, c = (start.copy() for start in starts)
        by_units, n_parts = self._cut(Wh, N, T)
        self._forward_kernel[hs.dtype](
            hs, gates, cs, before, h, c, self._space(Wh, N), Wh, lengths,
            GATES.index(self.recurrent_activation), by_units, n_parts,
        )  # fmt: skip
        return hs, (h, c), {"cs": cs, "before": before}

    def _run_backward(self, da, dstates, dhs, gates, starts, kept, Wh, lengths):
        N, T, _ = dhs.shape
        by_units, n_parts = self._cut(Wh, N, T)
        self._backward_kernel[da.dtype](
            da, *dstates, self._space(Wh, N), dhs, gates, kept["cs"], starts[1], Wh, lengths,
            GATES.index(self.recurrent_activation), by_units, n_parts,
        )  # fmt: skip

    def _space(self, Wh, N):
        return self._scratch.take("work", (_lstm.scratch_size(Wh, N),), Wh.dtype)

    def _cells(self):
        from fastw2v.time_layers import LSTM

        xs, gates, starts, kept, _ = self._kept
        cells = []
        for t in range(xs.shape[1]):
            cell = LSTM(*self.params, recurrent_activation=self.recurrent_activation)
            c_prev = starts[1] if t == 0 else kept["cs"][:, t - 1]
            f, g, i, o = np.split(gates[:, t], 4, axis=1)
            parts = (xs[:, t], kept["before"][:, t], c_prev, i, f, g, o, kept["cs"][:, t])
            cell.cache = tuple(part.copy() for part in parts)
            cells.append(cell)
        return cells


def _as_weights(W, dtype):
    """A weight as the kernels take it: strides may be anything."""
    if W.dtype == dtype and W.flags.aligned and type(W) is np.ndarray:
        return W
    return np.require(np.asarray(W), dtype, "A")


def _in_order(xs, lengths, backwards):
    """A copy of xs (N, T, ...), zero beyond each row's length, the rest turned round or not."""
    if lengths is None:
        return np.ascontiguousarray(xs[:, ::-1])
    t, n = np.arange(xs.shape[1]), lengths[:, None]
    there = t < n
    source = np.where(there, n - 1 - t, t) if backwards else np.broadcast_to(t, there.shape)
    return np.where(there[:, :, None], np.take_along_axis(xs, source[:, :, None], axis=1), 0)


def _write(grad, A, B):
    """grad = A B, in place whatever its dtype and strides."""
    if grad.dtype == B.dtype and grad.flags.c_contiguous:
        product(A, B, np.asarray(grad))
    else:
        grad[...] = product(A, B)
