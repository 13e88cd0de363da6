"""TimeRNN, TimeLSTM, TimeGRU and TimeBiLSTM: sequences (N, T, D) to sequences (N, T, H).

forward is one product for the inputs of all steps and one kernel call for the loop over time;
backward is one kernel call for the loop, and then one product over all steps for each gradient.
N batch, T time, D input width, H hidden units.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastw2v import config
from fastw2v._checks.arrays import as_numbers, check_shape, check_writable
from fastw2v._checks.numbers import check_one_of
from fastw2v._checks.sequences import (
    as_recurrent_sizes,
    as_row_lengths,
    as_sequence,
    as_sequence_dtype,
    as_state,
    as_state_gradient,
    check_trained_forward,
)
from fastw2v._core import threads
from fastw2v._core.products import column_sums, product
from fastw2v._core.scratch import Scratch
from fastw2v._kernels import _gru, _lstm, _rnn, specialise
from fastw2v._recurrent.cells import GRU, LSTM, RNN
from fastw2v._rows.deferred import apply_all_pending

GATES: Any = ("sigmoid", "hard_sigmoid_keras2", "hard_sigmoid_keras3")  # the numbers of the kernels

_MAC_NS = 0.02  # serial nanoseconds of a multiply-add; see `threads.parts`
_CACHE = 3 << 18  # bytes of packed weights that stay in a core's own cache beside the states
_STEP_NS = 5000  # a step cut by units waits for all parts; below this it costs more than it gains
# Of a call, serially: between two calls Ctrl-C gets its turn. The first ones take some times as
# long, as the system has to find memory for their results.
_LONGEST_NS = 5e7
_FEWEST_ROWS = 4  # of a call that is one of several


class _OverTime:
    """T steps of a cell in one kernel call. A subclass names its states, kernels and arrays."""

    _n_gates = 0  # columns of the weights, in units of H
    _states = ("h",)
    _keeps = ("before",)  # (N, T, H) that the forward kernel writes for backward, in its order
    _needs = ("gates",)  # of all that is kept, what the backward kernel reads, in its order
    _kernel = None

    def __init__(
        self,
        Wx: NDArray[Any],
        Wh: NDArray[Any],
        b: NDArray[Any],
        stateful: bool,
        dtype: DTypeLike,
        go_backwards: Any,
    ) -> None:
        config.check()
        as_recurrent_sizes(Wx, Wh, b, self._n_gates)
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(W, subok=False) for W in self.params]
        self.stateful = stateful
        self.dtype = as_sequence_dtype("dtype", dtype)
        self.go_backwards = go_backwards
        self._kept = None
        self._scratch = Scratch()
        self.reset_state()
        for name in self._states:
            setattr(self, "d" + name, None)

    def forward(
        self, xs: ArrayLike, *, lengths: ArrayLike | None = None, train: bool = True
    ) -> Any:
        """hs (N, T, H) of xs (N, T, D).

        lengths (N,): row n has its first lengths[n] steps only; what stands beyond is not read and
        gives 0. train=False keeps nothing for backward.
        """
        checked = self._check(xs, lengths)
        if self._computing_dtype() != self.dtype:
            return self._advance(None, *checked, train).astype(self.dtype)
        N, T = checked[0].shape[:2]
        return self._advance(np.empty((N, T, len(self.params[1])), self.dtype), *checked, train)

    def _check(self, xs, lengths):
        """xs, lengths and the first states (None: zeros), all fitting; nothing is changed."""
        Wx, Wh, b = self.params
        _, H = as_recurrent_sizes(Wx, Wh, b, self._n_gates)
        xs = self._check_input(xs, Wx)
        N, T = xs.shape[:2]
        lengths = as_row_lengths("lengths", lengths, N, T)
        self.dtype = as_sequence_dtype("dtype", self.dtype)
        self._options()
        starts = []
        for name in self._states:
            state = getattr(self, name) if self.stateful else None
            starts.append(None if state is None else as_state(name, state, N, H))
        return xs, lengths, starts

    def _advance(self, hs, xs, lengths, starts, train, turned=False):
        """Forward, of what `_check` returned, into hs (None: scratch) of the computing dtype.

        `turned` reads xs the other way round than `go_backwards` says.
        """
        dtype = self._computing_dtype()
        N, T = xs.shape[:2]
        Wx, Wh, b = self._weights(dtype)
        H = len(Wh)
        if hs is None:
            hs = self._scratch.take("hs", (N, T, H), dtype)
        states = [
            np.zeros((N, H), dtype) if state is None else np.array(state, dtype, order="C")
            for state in starts
        ]
        self._kept = None  # from here on the scratch that it lies in is written to
        backwards = bool(self.go_backwards) != turned
        kind = self._input_dtype(xs, dtype)
        if lengths is not None or backwards:
            xs = arrange(self._scratch.take("xs", xs.shape, kind), xs, lengths, backwards)
        else:
            xs = self._contiguous("xs", xs, kind)
        gates = self._scratch.take("gates", (N, T, self._n_gates * H), dtype)
        self._write_inputs(gates.reshape(N * T, self._n_gates * H), xs, Wx, b)
        kept = dict.fromkeys(self._keeps)
        if train:
            kept = {name: self._scratch.take(name, (N, T, H), dtype) for name in self._keeps}
            # The first h is where `before` begins; the kernels write the others over.
            for name, state in zip(self._states[1:], states[1:], strict=True):
                kept[name + "0"] = self._scratch.take(name + "0", (N, H), dtype)
                kept[name + "0"][...] = state
        options = self._options()
        self._run(
            self._kernel.forward, hs, gates, *(kept[name] for name in self._keeps), *states,
            Wh=Wh, lengths=lengths, options=options,
        )  # fmt: skip
        if train:
            kept |= {"xs": xs, "gates": gates, "lengths": lengths, "options": options, "D": len(Wx)}
            self._kept = kept | {"backwards": backwards}
        for name, state in zip(self._states, states, strict=True):
            setattr(self, name, state)
        return hs

    def _backward(self, dhs, **arriving):
        return self._retreat(*self._check_backward(dhs, arriving))

    def _check_backward(self, dhs, arriving):
        """dhs, and gradients of the last states as new arrays; all fits, nothing is changed."""
        check_trained_forward(self, self._kept)
        kept = self._kept
        N, T, width = kept["gates"].shape
        dtype = kept["gates"].dtype
        H = width // self._n_gates
        for name, W, rows in zip(("Wx", "Wh"), self.params, (kept["D"], H), strict=False):
            check_shape(name, W, (rows, width), "that of forward")
        dhs = as_numbers("dhs", dhs)
        check_shape("dhs", dhs, (N, T, H), "N, T and H of forward's result")
        dstates = []
        for name, given in arriving.items():
            given = as_state_gradient(name, given, N, H)
            zeros = np.zeros((N, H), dtype)
            dstates.append(zeros if given is None else np.array(given, dtype, order="C"))
        for k, (grad, W) in enumerate(zip(self.grads, self.params, strict=True)):
            check_shape(f"grads[{k}]", grad, W.shape, "that of the weight")
            check_writable(f"grads[{k}]", grad)
        return dhs, dstates

    def _retreat(self, dhs, dstates, turned=False):
        """Backward, of what `_check_backward` returned: dxs in the order in which xs came.

        `turned`: dhs comes the other way round than hs went.
        """
        kept = self._kept
        xs, gates, lengths = kept["xs"], kept["gates"], kept["lengths"]
        N, T, width = gates.shape
        dtype = gates.dtype
        if turned:
            dhs = arrange(self._scratch.take("dhs", dhs.shape, dtype), dhs, lengths, True)
        else:
            dhs = self._contiguous("dhs", dhs, dtype)
        Wx, Wh, _ = self._weights(dtype)
        da = self._scratch.take("da", gates.shape, dtype)
        self._run(
            self._kernel.backward, da, *dstates,
            inputs=(dhs, *(kept[name] for name in self._needs)),
            Wh=Wh, lengths=lengths, options=kept["options"],
        )  # fmt: skip
        rows = da.reshape(N * T, width)
        dWx, dWh, db = self.grads
        dxs = self._retreat_to_inputs(dWx, rows, xs, Wx)
        self._write_recurrent(dWh, kept, rows)
        db[...] = column_sums(rows).reshape(db.shape)
        for name, d in zip(self._states, dstates, strict=True):
            setattr(self, "d" + name, d)
        if dxs is None:
            return None
        if kept["backwards"]:
            turn_round(dxs, lengths)
        return dxs.astype(self.dtype, copy=False)

    # How the input goes in, for those to whom it comes in another form.

    def _check_input(self, xs, Wx):
        return as_sequence("xs", xs, Wx)

    def _input_dtype(self, xs, dtype):
        return dtype

    def _write_inputs(self, rows, xs, Wx, b):
        """rows (N * T, n * H) = xs Wx + b."""
        product(xs.reshape(len(rows), len(Wx)), Wx, rows, bias=b)

    def _retreat_to_inputs(self, dWx, rows, xs, Wx):
        """dWx = xs^T rows; returns dxs (N, T, D) = rows Wx^T."""
        _write(dWx, xs.reshape(len(rows), len(Wx)).T, rows)
        return product(rows, Wx.T).reshape(xs.shape)

    def _run(self, entry, *outputs, inputs=(), Wh, lengths, options):
        """Call a kernel: outputs, scratch, inputs, weights, options, and how it is cut.

        All but scratch, weights and options have N rows, which know nothing of each other: a long
        job is done some rows after the other.
        """
        dtype = Wh.dtype
        N, T = outputs[0].shape[:2]
        pieces = int(N * T * Wh.size * _MAC_NS / _LONGEST_NS)
        pieces = max(1, min(pieces, N // _FEWEST_ROWS))
        most = -(-N // pieces)
        size = specialise(self._kernel.scratch_size)[dtype](Wh, most)
        work = self._scratch.take("work", (size,), dtype)
        run, cut = specialise(entry)[dtype], self._cut(Wh, most, T)
        for k in range(pieces):
            lo, hi = N * k // pieces, N * (k + 1) // pieces
            done, given = ([x if x is None else x[lo:hi] for x in xs] for xs in (outputs, inputs))
            some = None if lengths is None else lengths[lo:hi]
            run(*done, work, *given, Wh, some, *options, *cut)

    def _cut(self, Wh, N, T):
        """(by_units, n_parts) for T steps of N rows: see src_pyx/common_recurrent.pxd."""
        ns = N * Wh.size * _MAC_NS
        n_parts = threads.parts(ns * T)
        too_large = Wh.nbytes > _CACHE or n_parts > N
        if n_parts == 1 or not too_large:
            return False, min(n_parts, max(N, 1))
        return (True, n_parts) if ns > _STEP_NS else (False, min(n_parts, N))

    def _options(self):
        """What the kernels are told beside the arrays."""
        return ()

    def _computing_dtype(self):
        """float64 if anything asks for it; see TimeLSTM."""
        wide = self.dtype == np.float64 or any(W.dtype == np.float64 for W in self.params)
        return np.dtype(np.float64 if wide else np.float32)

    def _weights(self, dtype):
        """Wx, Wh, b (n * H,) in that dtype; Wx and Wh keep their strides, whatever they are.

        A conversion goes to scratch for this one call: at the next they may be other numbers.
        """
        apply_all_pending(*self.params)
        Wx, Wh, b = map(np.asarray, self.params)
        if Wx.dtype != dtype or not Wx.flags.aligned:
            Wx = self._contiguous("Wx", Wx, dtype)
        if Wh.dtype != dtype or not Wh.flags.aligned:
            Wh = self._contiguous("Wh", Wh, dtype)
        return Wx, Wh, self._contiguous("b", b.reshape(-1), dtype)

    def _contiguous(self, name, x, dtype):
        """x in that dtype: itself if it is so and contiguous, else a copy in scratch."""
        if x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned:
            return x
        return _assign(self._scratch.take(name, x.shape, dtype), x)

    def _write_recurrent(self, dWh, kept, rows):
        _write(dWh, kept["before"].reshape(len(rows), len(dWh)).T, rows)

    def reset_state(self) -> None:
        """Begin at zero in the next forward."""
        for name in self._states:
            setattr(self, name, None)

    @property
    def layers(self) -> Any:
        """A cell for each step of the last forward, with what it kept; None before."""
        if self._kept is None:
            return None
        kept, made = self._kept, []
        for t in range(kept["xs"].shape[1]):
            cell = self._cell()
            gates = np.split(kept["gates"][:, t], self._n_gates, axis=1)
            parts = (kept["xs"][:, t], kept["before"][:, t], *self._cache(gates, t))
            cell.cache = tuple(part.copy() for part in parts)
            made.append(cell)
        return made

    def __copy__(self) -> Any:
        # What is kept lies in the scratch that the original goes on writing to.
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._scratch, twin._kept = Scratch(), copy.deepcopy(self._kept)
        return twin


class TimeRNN(_OverTime):
    """A simple recurrent network over time: h = tanh(x Wx + h_prev Wh + b) (Elman 1990).

    Wx (D, H), Wh (H, H), b (H,) are the caller's own arrays. All else is as in `TimeLSTM`, with
    the one state `h` and no choice of activation.

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

    _n_gates = 1
    _kernel = _rnn

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

    def set_state(self, h: ArrayLike) -> None:
        """Start the next forward, if stateful, from h (N, H); None is zero."""
        self.h = h

    def backward(self, dhs: ArrayLike, *, dh: ArrayLike | None = None) -> Any:
        """dxs (N, T, D) from dhs (N, T, H); gradients of the weights go into `grads`.

        dh (N, H): gradient that arrives at the last h of each row.
        """
        return self._backward(dhs, dh=dh)

    def _cell(self):
        return RNN(*self.params)

    def _cache(self, gates, t):
        return gates


class _Gated(_OverTime):
    """With the choice of the gates' activation."""

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
        check_one_of("recurrent_activation", recurrent_activation, GATES)
        super().__init__(Wx, Wh, b, stateful, dtype, go_backwards)
        self.recurrent_activation = recurrent_activation

    def _options(self):
        check_one_of("recurrent_activation", self.recurrent_activation, GATES)
        return (GATES.index(self.recurrent_activation),)


class TimeGRU(_Gated):
    """Gated recurrent units over time, reset before the product (Cho et al. 2014).

    z, r = sigmoid of the first two blocks of H columns of x Wx + h_prev Wh + b;
    h~ = tanh(x Wxh + (r * h_prev) Whh + bh) with the third ones; h = (1 - z) * h_prev + z * h~.

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

    _n_gates = 3
    _keeps = ("before", "reset")
    _needs = ("gates", "before")
    _kernel = _gru

    def set_state(self, h: ArrayLike) -> None:
        """Start the next forward, if stateful, from h (N, H); None is zero."""
        self.h = h

    def backward(self, dhs: ArrayLike, *, dh: ArrayLike | None = None) -> Any:
        """dxs (N, T, D) from dhs (N, T, H); gradients of the weights go into `grads`.

        dh (N, H): gradient that arrives at the last h of each row.
        """
        return self._backward(dhs, dh=dh)

    def _write_recurrent(self, dWh, kept, rows):
        # The columns of h~ saw r * h_prev.
        H = len(dWh)
        _write(dWh[:, : 2 * H], kept["before"].reshape(len(rows), H).T, rows[:, : 2 * H])
        _write(dWh[:, 2 * H :], kept["reset"].reshape(len(rows), H).T, rows[:, 2 * H :])

    def _cell(self):
        return GRU(*self.params, recurrent_activation=self.recurrent_activation)

    def _cache(self, gates, t):
        return gates


class TimeLSTM(_Gated):
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

    ValueError for shapes that do not fit, TypeError for other than real numbers, RuntimeError for
    backward without a forward in training.

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

    _n_gates = 4
    _states = ("h", "c")
    _keeps = ("cs", "before")
    _needs = ("gates", "cs", "c0")
    _kernel = _lstm

    def set_state(self, h: ArrayLike, c: ArrayLike | None = None) -> None:
        """Start the next forward, if stateful, from h and c (N, H); None is zero."""
        self.h, self.c = h, c

    def backward(
        self, dhs: ArrayLike, *, dh: ArrayLike | None = None, dc: ArrayLike | None = None
    ) -> Any:
        """dxs (N, T, D) from dhs (N, T, H); gradients of the weights go into `grads`.

        dh, dc (N, H): gradients that arrive at the last h and c of each row.
        """
        return self._backward(dhs, dh=dh, dc=dc)

    def _cell(self):
        return LSTM(*self.params, recurrent_activation=self.recurrent_activation)

    def _cache(self, gates, t):
        f, g, i, o = gates
        cs = self._kept["cs"]
        return self._kept["c0"] if t == 0 else cs[:, t - 1], i, f, g, o, cs[:, t]


class TimeBiLSTM:
    """Two `TimeLSTM`, one of which reads the input from its end: hs (N, T, 2H), side by side.

    Wx1 (D, 4H), Wh1 (H, 4H), b1 (4H,) are those of `forward_lstm`, whose hs is the first half;
    Wx2, Wh2, b2 those of `backward_lstm`. Either may be replaced by a reader's own TimeLSTM, which
    is then called as the book does it: the second with the input reversed. With `lengths` each row
    is reversed within its own length. `h`, `c`, `dh`, `dc` are pairs, forward_lstm's first, as are
    the arguments of `set_state` and the gradients handed to backward. Keywords as in `TimeLSTM`.

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
        options = {"dtype": dtype, "recurrent_activation": recurrent_activation}
        self.forward_lstm = TimeLSTM(Wx1, Wh1, b1, stateful, **options)
        self.backward_lstm = TimeLSTM(Wx2, Wh2, b2, stateful, **options)
        self.params = self.forward_lstm.params + self.backward_lstm.params
        self.grads = self.forward_lstm.grads + self.backward_lstm.grads
        self._kept = None

    def forward(
        self, xs: ArrayLike, *, lengths: ArrayLike | None = None, train: bool = True
    ) -> Any:
        """hs (N, T, 2H) of xs (N, T, D); `lengths` and `train` as in `TimeLSTM`."""
        both = self.forward_lstm, self.backward_lstm
        ours = all(_is_plain(lstm) for lstm in both)
        if ours:
            (xs, lengths, first), (_, _, second) = [lstm._check(xs, lengths) for lstm in both]
            self._kept = None
            halves = [
                both[0]._advance(None, xs, lengths, first, train),
                both[1]._advance(None, xs, lengths, second, train, turned=True),
            ]
            dtype = np.result_type(*(lstm.dtype for lstm in both))
        else:
            xs = as_sequence("xs", xs, self.params[0])
            lengths = as_row_lengths("lengths", lengths, *xs.shape[:2])
            self._kept = None
            halves = [
                both[0].forward(xs, lengths=lengths, train=train),
                both[1].forward(_reversed(xs, lengths), lengths=lengths, train=train),
            ]
            dtype = np.result_type(*halves)
        H = halves[0].shape[2]
        hs = np.empty((*xs.shape[:2], H + halves[1].shape[2]), dtype)
        hs[:, :, :H] = halves[0]
        arrange(hs[:, :, H:], halves[1], lengths, True)
        if train:
            self._kept = (hs.shape, H, lengths, ours)
        return hs

    def backward(
        self, dhs: ArrayLike, *, dh: ArrayLike | None = None, dc: ArrayLike | None = None
    ) -> Any:
        """dxs (N, T, D) from dhs (N, T, 2H); gradients of the weights go into `grads`.

        dh, dc: pairs of gradients (N, H) that arrive at the last h and c of each row, or None.
        """
        check_trained_forward(self, self._kept)
        shape, H, lengths, ours = self._kept
        dhs = as_numbers("dhs", dhs)
        check_shape("dhs", dhs, shape, "N, T and 2 * H of forward's result")
        dh, dc = _as_pair("dh", dh), _as_pair("dc", dc)
        first, second = self.forward_lstm, self.backward_lstm
        halves = dhs[:, :, :H], dhs[:, :, H:]
        if not ours:
            dxs = first.backward(halves[0], dh=dh[0], dc=dc[0])
            back = second.backward(_reversed(halves[1], lengths), dh=dh[1], dc=dc[1])
            return dxs + _reversed(back, lengths)
        checked = [
            lstm._check_backward(half, {"dh": into_h, "dc": into_c})
            for lstm, half, into_h, into_c in zip((first, second), halves, dh, dc, strict=True)
        ]
        dxs = first._retreat(*checked[0])
        dxs = dxs.astype(np.result_type(dxs, second.dtype), copy=False)
        dxs += second._retreat(*checked[1], turned=True)
        return dxs

    def set_state(self, h: ArrayLike, c: ArrayLike | None = None) -> None:
        """Start the next forward, if stateful, from pairs of h and c (N, H); None is zero."""
        h, c = _as_pair("h", h), _as_pair("c", c)
        for k, lstm in enumerate((self.forward_lstm, self.backward_lstm)):
            lstm.set_state(h[k], c[k])

    def reset_state(self) -> None:
        """Begin at zero in the next forward."""
        self.forward_lstm.reset_state()
        self.backward_lstm.reset_state()

    @property
    def h(self) -> Any:
        return self.forward_lstm.h, self.backward_lstm.h

    @property
    def c(self) -> Any:
        return self.forward_lstm.c, self.backward_lstm.c

    @property
    def dh(self) -> Any:
        return self.forward_lstm.dh, self.backward_lstm.dh

    @property
    def dc(self) -> Any:
        return self.forward_lstm.dc, self.backward_lstm.dc


def _is_plain(lstm):
    """Whether it is ours, nothing overridden."""
    return type(lstm) is TimeLSTM and not {"forward", "backward"} & vars(lstm).keys()


def _assign(out, x):
    out[...] = x
    return out


def arrange(out: Any, xs: ArrayLike, lengths: ArrayLike, backwards: Any) -> Any:
    """out (N, T, ...) = xs, zero beyond each row's length, the rest turned round or not."""
    if lengths is None:
        return _assign(out, xs[:, ::-1] if backwards else xs)
    for row, x, n in zip(out, xs, lengths.tolist(), strict=True):
        row[:n] = x[:n][::-1] if backwards else x[:n]
        row[n:] = 0
    return out


def turn_round(xs: ArrayLike, lengths: ArrayLike) -> Any:
    """Each row of xs (N, T, ...) turned round within its length, in place."""
    steps = [xs.shape[1]] * len(xs) if lengths is None else lengths.tolist()
    for row, n in zip(xs, steps, strict=True):
        row[:n] = row[:n][::-1].copy()


def _reversed(xs, lengths):
    if lengths is None:
        return xs[:, ::-1]
    return arrange(np.empty(xs.shape, xs.dtype), xs, lengths, True)


def _write(grad, A, B):
    """grad = A B, in place whatever its dtype and strides."""
    if type(grad) is np.ndarray and grad.dtype == B.dtype and grad.strides[1] == grad.itemsize:
        product(A, B, grad)
    else:
        grad[...] = product(A, B)


def _as_pair(name, value):
    """`value` as two entries, one for each direction; None stands for two of it."""
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
