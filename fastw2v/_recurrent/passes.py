"""Forward and backward of every recurrent layer over time: check, then run.

forward is one product for the inputs of all steps and one kernel call for the loop over time;
backward is one kernel call for the loop, and then one product over all steps for each gradient.
A pass is checked whole before it runs, so that an error changes nothing. The two halves are apart
because a bidirectional layer checks both of its layers before it runs the first.
N batch, T time, D input width, H hidden units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.arrays import FLOATS, as_numbers, check_shape, check_writable
from fastw2v._checks.ids import as_ids_over_time
from fastw2v._checks.numbers import check_one_of
from fastw2v._checks.sequences import (
    as_mask,
    as_recurrent_sizes,
    as_row_lengths,
    as_sequence_dtype,
    as_state,
    as_state_gradient,
    check_biases,
    check_trained_forward,
)
from fastw2v._core import threads
from fastw2v._core.products import column_sums, product
from fastw2v._kernels import _gru, specialise
from fastw2v._recurrent.kinds import VECTORS, write_product
from fastw2v._recurrent.row_order import arrange, turn_round
from fastw2v._recurrent.table_rows import gather_rows, sums_by_row
from fastw2v._rows.deferred import apply_all_pending

if TYPE_CHECKING:
    from fastw2v._core.scratch import Scratch
    from fastw2v._recurrent.kinds import CellKind
    from fastw2v._recurrent.over_time import OverTime

__all__ = [
    "ACTIVATIONS",
    "as_over_vectors",
    "check_backward",
    "check_forward",
    "kept_arrays",
    "run_backward",
    "run_forward",
    "step_gradients",
    "try_forward",
]

# The kernels know an activation of the gates by its place in this list.
ACTIVATIONS = tuple(_gru.ACTIVATIONS)

Lengths = NDArray[np.int64] | None

_MAC_NS = 0.02  # serial nanoseconds of a multiply-add; see `threads.parts`
_CACHE = 3 << 18  # bytes of packed weights that stay in a core's own cache beside the states
_MANY_ROWS = 32  # rows of a part that multiply by weights from memory as fast as from the cache
_STEP_NS = 5000  # a step cut by units waits for all parts; below this it costs more than it gains
# Serial nanoseconds of one kernel call. Ctrl-C is handled between two calls. The first calls
# take several times as long, because the system has to find memory for their results.
_LONGEST_NS = 5e7
_FEWEST_ROWS = 4  # fewest rows per call when a pass takes several calls


# Forward -------------------------------------------------------------------------------------


def check_forward(
    layer: OverTime,
    xs: ArrayLike,
    lengths: ArrayLike | None,
    mask: ArrayLike | None,
    table: NDArray[Any] | None = None,
) -> tuple[
    NDArray[Any], Lengths, list[NDArray[Any] | None], tuple[int, ...], NDArray[np.bool_] | None
]:
    """Return the arguments of `masks.run_forward`: all fits the layer, and nothing is changed.

    With a `table`, see `embedded`, xs are ids of its rows.
    """
    kind = layer._kind
    Wx, Wh, b = layer.params
    _, H = as_recurrent_sizes(Wx, Wh, b, kind.n_gates, kind.n_biases)
    if table is None:
        xs = layer._input.check("xs", xs, Wx)
    else:
        check_shape("table", table, (len(table), len(Wx)), "rows as wide as Wx is long")
        xs = as_ids_over_time("xs", xs, len(table))
    N, T = xs.shape[:2]
    mask = as_mask("mask", mask, N, T, lengths)
    lengths = as_row_lengths("lengths", lengths, N, T)
    layer.dtype = as_sequence_dtype("dtype", layer.dtype)
    options = _kernel_options(layer)
    starts = []
    for name in kind.states:
        state = getattr(layer, name) if layer.stateful else None
        starts.append(None if state is None else as_state(name, state, N, H))
    return xs, lengths, starts, options, mask


def try_forward(layer: OverTime, xs: ArrayLike, train: bool) -> NDArray[Any] | None:
    """Return what both functions return for a small call of an LSTM, else None."""
    small = layer._kind.small
    if (
        small is None
        or layer._input is not VECTORS
        or layer.dtype is not FLOATS[0]
        or layer.recurrent_activation != ACTIVATIONS[0]
    ):
        return None
    stateful = layer.stateful
    found = small(
        xs, layer.params, layer.h if stateful else None, layer.c if stateful else None, train
    )
    if found is None:
        return None
    hs, layer.h, layer.c, kept = found
    layer._kept = (xs, xs.shape, kept) if train else None
    return hs


def kept_arrays(layer: OverTime) -> dict[str, Any] | None:
    """Return what forward kept for backward by name; see `run_forward`.

    A small call keeps the input and one array of all others, which is cut here when it is needed.
    """
    kept: Any = layer._kept
    if type(kept) is not tuple:
        return kept
    xs, shape, block = kept
    N, T, D = shape
    H = block.size // (N * (6 * T + 1))
    cuts = np.cumsum([4 * N * T * H, N * T * H, N * T * H])
    gates, cs, before, c0 = np.split(block, cuts)
    layer._kept = found = {
        "gates": gates.reshape(N, T, 4 * H),
        "cs": cs.reshape(N, T, H),
        "before": before.reshape(N, T, H),
        "c0": c0.reshape(N, H),
        "xs": xs,
        "lengths": None,
        "options": (0,),
        "D": D,
        "backwards": False,
        "shape": shape,
        "promoted": block.dtype,
    }
    return found


def as_over_vectors(layer: OverTime) -> None:
    """Let a layer whose last forward read rows of a table keep what it keeps of vectors."""
    kept: Any = layer._kept
    if type(kept) is dict and "table" in kept:
        kept["xs"] = kept.pop("table")[kept["xs"]]
        kept["shape"] = kept["xs"].shape


def run_forward(
    layer: OverTime,
    xs: NDArray[Any],
    lengths: Lengths,
    starts: list[NDArray[Any] | None],
    options: tuple[int, ...],
    *,
    train: bool,
    new: bool = True,
    turned: bool = False,
    table: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return hs (N, T, H) in the computing dtype, from the results of `check_forward`.

    xs, lengths (None: all rows have T steps), first states (None: zeros), options of the kernel.
    The states of the layer are set, and the inputs of backward are kept in its scratch if `train`.
    hs is a new array if `new` and the computing dtype is the layer's, else scratch. `turned` reads
    xs in the order opposite to `go_backwards`. With a `table` (V, D), see `embedded`, xs are the
    ids (N, T) of its rows.
    """
    kind, scratch = layer._kind, layer._scratch
    dtype = _computing_dtype(layer)
    Wx, Wh, b, *more = _weights(layer, dtype)
    N, T = xs.shape[:2]
    H, width = Wh.shape
    promoted = _promoted(layer, xs if table is None else table, starts, dtype)
    if new and dtype == layer.dtype:
        hs = np.empty((N, T, H), dtype)
    else:
        hs = scratch.take("hs", (N, T, H), dtype)
    states = [
        np.zeros((N, H), dtype) if state is None else np.array(state, dtype, order="C")
        for state in starts
    ]
    layer._kept = None  # from here on its scratch is overwritten

    # The inputs, in the order in which they are read.
    backwards = bool(layer.go_backwards) != turned
    wanted = dtype if layer._input.converts and table is None else xs.dtype
    fits = xs.dtype == wanted and xs.flags.c_contiguous and xs.flags.aligned
    if lengths is not None or backwards or not fits:
        xs = arrange(scratch.take("xs", xs.shape, wanted), xs, lengths, backwards)

    # gates = x Wx + b of all steps. The kernel adds h_prev Wh, and leaves the gates there.
    gates = scratch.take("gates", (N, T, width), dtype)
    sums = gates.reshape(N * T, width)
    if table is None:
        layer._input.product(xs.reshape(N * T, *xs.shape[2:]), Wx, sums, bias=b)
    else:
        gather_rows(sums, product(table, Wx, bias=b), xs.reshape(-1))

    kept: dict[str, Any] = dict.fromkeys(kind.keeps)
    if train:
        for name in kind.keeps:
            kept[name] = scratch.take(name, (N, T, H), dtype)
        # `before` begins with the first h; the kernel overwrites the other first states.
        for name, state in zip(kind.states[1:], states[1:], strict=True):
            kept[name + "0"] = scratch.take(name + "0", (N, H), dtype)
            kept[name + "0"][...] = state

    # h and c over time; hs, gates, kept arrays and states are written in place.
    run = specialise(kind.kernel.forward)[dtype]
    pieces, work, cut = _plan(scratch, kind.kernel, Wh, N, T)
    arrays = (hs, gates, *(kept[name] for name in kind.keeps), *states)
    for rows in pieces:
        some = None if lengths is None else lengths[rows]
        given = (x if x is None else x[rows] for x in arrays)
        run(*given, work, Wh, *more, some, *options, *cut)

    if train:
        kept |= {"xs": xs, "gates": gates, "lengths": lengths, "options": options, "D": len(Wx)}
        if table is not None:
            kept["table"] = table.copy()
        layer._kept = kept | {"backwards": backwards, "shape": xs.shape, "promoted": promoted}
    for name, state in zip(kind.states, states, strict=True):
        setattr(layer, name, state.astype(promoted, copy=False))
    return hs


# Backward ------------------------------------------------------------------------------------


def check_backward(
    layer: OverTime, dhs: ArrayLike | None, dstates: Mapping[str, ArrayLike | None]
) -> tuple[Any, list[NDArray[Any]]]:
    """Return dhs as an array, and the gradients of the last states as new arrays (N, H).

    dhs may be None, which is zeros, for a layer without row lengths.
    """
    kept: Any = kept_arrays(layer)
    check_trained_forward(layer, kept)
    N, T, width = kept["gates"].shape
    dtype = kept["gates"].dtype
    H = width // layer._kind.n_gates
    for name, W, rows in zip(("Wx", "Wh"), layer.params, (kept["D"], H), strict=False):
        check_shape(name, W, (rows, width), "that of forward")
    check_biases("b", layer.params[2], width, layer._kind.n_biases)
    check_shape("xs", kept["xs"], kept["shape"], "that of forward; xs may be the caller's array")
    if dhs is not None:
        dhs = as_numbers("dhs", dhs)
        T = T if "given" not in kept else kept["given"].mask.shape[1]
        check_shape("dhs", dhs, (N, T, H), "N, T and H of forward's result")
    arriving = []
    for name, given in dstates.items():
        d = as_state_gradient(name, given, N, H)
        arriving.append(np.zeros((N, H), dtype) if d is None else np.array(d, dtype, order="C"))
    for k, (grad, W) in enumerate(zip(layer.grads, layer.params, strict=True)):
        check_shape(f"grads[{k}]", grad, W.shape, "that of the weight")
        check_writable(f"grads[{k}]", grad)
    return dhs, arriving


def run_backward(
    layer: OverTime,
    dhs: NDArray[Any] | None,
    dstates: list[NDArray[Any]],
    *,
    turned: bool = False,
) -> NDArray[Any] | None:
    """Return dxs (N, T, D) in the order of xs, from the results of `check_backward`.

    The gradients of the weights are written and those of the first states set. The result is None
    if the input has no gradient, and that of the table if forward had one. `turned` says that dhs
    comes in the order opposite to that of hs.
    """
    kind, scratch = layer._kind, layer._scratch
    kept: Any = layer._kept
    xs, gates, lengths = kept["xs"], kept["gates"], kept["lengths"]
    N, T, width = gates.shape
    dtype = gates.dtype
    promoted = kept["promoted"]
    if dhs is not None:
        promoted = np.result_type(dhs, promoted)
        if turned:
            dhs = arrange(scratch.take("dhs", dhs.shape, dtype), dhs, lengths, True)
        else:
            dhs = _contiguous(scratch, "dhs", dhs, dtype)
    Wx, Wh, *_ = _weights(layer, dtype)

    # forward: gates, h, c = kernel over time
    H = len(Wh)
    da = scratch.take("da", (N, T, kind.da_blocks * H), dtype)
    run = specialise(kind.kernel.backward)[dtype]
    pieces, work, cut = _plan(scratch, kind.kernel, Wh, N, T)
    inputs = tuple(kept[name] for name in kind.needs)
    for rows in pieces:
        outputs = (x[rows] for x in (da, *dstates))
        some = None if lengths is None else lengths[rows]
        arriving = None if dhs is None else dhs[rows]
        run(*outputs, work, arriving, *(x[rows] for x in inputs), Wh, some, *kept["options"], *cut)

    # forward: a = x Wx + h_prev Wh + b
    dWx, dWh, db = layer.grads
    kept["da"] = da  # of each step, see `step_gradients`
    da = da.reshape(N * T, kind.da_blocks * H)
    for columns, name, slopes in _products_of_states(kind, H):
        write_product(dWh[:, columns], kept[name].reshape(N * T, H).T, da[:, slopes])
    table = kept.get("table")
    if table is None:
        xs = xs.reshape(N * T, *xs.shape[2:])
    else:
        xs, da = table, sums_by_row(da, xs.reshape(-1), len(table))
    dxs = layer._input.gradients(dWx, da[:, :width], xs, Wx)
    _write_bias_gradient(db, kind, column_sums(da), H)
    for name, d in zip(kind.states, dstates, strict=True):
        setattr(layer, "d" + name, d.astype(promoted, copy=False))
    if dxs is None or table is not None:
        return dxs
    dxs = dxs.reshape(kept["xs"].shape)
    if kept["backwards"]:
        turn_round(dxs, lengths)
    return dxs.astype(layer.dtype, copy=False)


def step_gradients(layer: OverTime, kept: dict[str, Any], t: int) -> list[NDArray[Any]]:
    """Return the gradients of Wx, Wh and b of the step t of the last backward over vectors."""
    da, kind = kept["da"][:, t], layer._kind
    H, width = layer.params[1].shape
    dWh, db = np.empty((H, width), da.dtype), np.empty(layer.params[2].shape, da.dtype)
    for columns, name, slopes in _products_of_states(kind, H):
        dWh[:, columns] = product(kept[name][:, t].T, da[:, slopes])
    _write_bias_gradient(db, kind, column_sums(da), H)
    return [product(kept["xs"][:, t].T, da[:, :width]), dWh, db]


def _products_of_states(kind: CellKind, H: int) -> Iterator[tuple[slice, str, slice]]:
    """Yield columns of Wh, the name of the states they multiplied, and the gradient's columns."""
    for first, end, name, slope in kind.multiplied:
        yield slice(first * H, end * H), name, slice(slope * H, (slope + end - first) * H)


def _write_bias_gradient(db: NDArray[Any], kind: CellKind, sums: NDArray[Any], H: int) -> None:
    """Write the gradient of one or two biases from the column sums of da."""
    width = kind.n_gates * H
    if db.size == width:
        db[...] = sums.reshape(db.shape)
        return
    db[0] = sums[:width]
    for columns, _, slopes in _products_of_states(kind, H):
        db[1, columns] = sums[slopes]


# Shared by both ------------------------------------------------------------------------------


def _kernel_options(layer: OverTime) -> tuple[int, ...]:
    """Return the number of the gates' activation as the kernel's argument, if it takes one."""
    if not layer._kind.has_activation:
        return ()
    check_one_of("recurrent_activation", layer.recurrent_activation, ACTIVATIONS)
    return (ACTIVATIONS.index(layer.recurrent_activation),)


def _computing_dtype(layer: OverTime) -> np.dtype[Any]:
    """Return float64 if the sequences or any weight have it, else float32."""
    wide = layer.dtype == np.float64 or any(W.dtype == np.float64 for W in layer.params)
    return np.dtype(np.float64 if wide else np.float32)


def _promoted(
    layer: OverTime,
    xs: NDArray[Any],
    starts: list[NDArray[Any] | None],
    dtype: np.dtype[Any],
) -> np.dtype[Any]:
    """Return the dtype of the states, that of a step of numpy's: sequences alone are float32."""
    inputs = [*layer.params, *([xs] if layer._input.converts else [])]
    arrays = [array for array in (*inputs, *starts) if array is not None]
    if all(array.dtype == dtype for array in arrays):  # numpy takes longer to say so
        return dtype
    return np.result_type(dtype, *(array.dtype for array in arrays))


def _weights(layer: OverTime, dtype: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    """Return Wx, Wh and b (n * H,) in this dtype; Wx and Wh may have any strides.

    Two biases become their sum, except that of the blocks that the kernel adds to h_prev Wh itself;
    these follow as a fourth array. A converted weight lies in scratch and holds for this call only:
    the user may change the weight before the next one.
    """
    apply_all_pending(*layer.params)
    scratch = layer._scratch
    Wx, Wh, b = map(np.asarray, layer.params)
    if Wx.dtype != dtype or not Wx.flags.aligned:
        Wx = _contiguous(scratch, "Wx", Wx, dtype)
    if Wh.dtype != dtype or not Wh.flags.aligned:
        Wh = _contiguous(scratch, "Wh", Wh, dtype)
    if b.shape != (2, Wh.shape[1]):
        return Wx, Wh, _contiguous(scratch, "b", b.reshape(-1), dtype)
    total, added = scratch.take("b", (Wh.shape[1],), dtype), layer._kind.n_added * len(Wh)
    total[...] = b[0]
    total[:added] += b[1, :added]
    if layer._kind.n_added == layer._kind.n_gates:
        return Wx, Wh, total
    return Wx, Wh, total, _contiguous(scratch, "bh", b[1, added:], dtype)


def _contiguous(scratch: Scratch, name: str, x: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return x itself if it is contiguous and of this dtype, else a copy in scratch."""
    if x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned:
        return x
    copy = scratch.take(name, x.shape, dtype)
    copy[...] = x
    return copy


def _plan(
    scratch: Scratch, kernel: ModuleType, Wh: NDArray[Any], N: int, T: int
) -> tuple[list[slice], NDArray[Any], tuple[bool, int]]:
    """Return the rows of each kernel call, its scratch, and how the call is cut into parts.

    The N rows are independent of each other, so a long job is done some rows after the other.
    """
    pieces = int(N * T * Wh.size * _MAC_NS / _LONGEST_NS)
    pieces = max(1, min(pieces, N // _FEWEST_ROWS))
    most = -(-N // pieces)
    size = specialise(kernel.scratch_size)[Wh.dtype](Wh, most)
    work = scratch.take("work", (size,), Wh.dtype)
    rows = [slice(N * k // pieces, N * (k + 1) // pieces) for k in range(pieces)]
    return rows, work, _cut(Wh, most, T)


def _cut(Wh: NDArray[Any], N: int, T: int) -> tuple[bool, int]:
    """Return (by_units, n_parts) for T steps of N rows; see src_pyx/common_recurrent.pxd."""
    ns = N * Wh.size * _MAC_NS
    n_parts = threads.parts(ns * T)
    too_large = (Wh.nbytes > _CACHE and N // n_parts < _MANY_ROWS) or n_parts > N
    if n_parts == 1 or not too_large:
        return False, min(n_parts, max(N, 1))
    return (True, n_parts) if ns > _STEP_NS else (False, min(n_parts, N))
