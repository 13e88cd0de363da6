"""Every check of an argument and every message, in one place.

A message names the argument, what was expected, what came, and the cure. IndexError for ids,
TypeError for dtypes, ValueError for shapes and values; checks run before anything is written.
"""

from __future__ import annotations

import math
import numbers as number_types
from collections.abc import Sequence

import numpy as np

from fastw2v._kernels import _embedding, specialise

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_IDS = (np.dtype(np.int32), np.dtype(np.int64))
_FIND_BAD_ID = specialise(_embedding.find_bad_id)
_WRAP_IDS = specialise(_embedding.wrap_ids)


def numbers(name, x):
    """`x` as a plain ndarray of bool, int or float."""
    if type(x) is not np.ndarray:
        x = _array(name, x)
    if x.dtype.kind not in "biuf":
        raise TypeError(
            f"{name}: expected real numbers, got dtype {x.dtype}; "
            "convert with np.asarray(..., dtype=np.float32)"
        )
    return x


def _array(name, x):
    try:
        return np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"{name}: expected an array, or lists of equal length, got {type(x).__name__} "
            f"({error}); fill the short ones up or leave them out"
        ) from None


def as_float(name, x, dtype):
    """`x` as a C-contiguous native array of `dtype`; itself when it is one already."""
    if type(x) is np.ndarray and x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned:
        return x
    return np.require(numbers(name, x), dtype, "CA")


def as_ids(name, idx, V, wrap=True, rows="rows"):
    """`idx` as a C-contiguous int32 or int64 array of its own shape, every id in [0, V).

    Ids may be of any integer dtype, strided, read-only, a list or a scalar. With `wrap`, ids from
    -V to -1 count from the end, as in numpy. Nothing is copied when nothing has to change. `rows`:
    what there are V of, for the message.
    """
    ids = idx
    if type(ids) is not np.ndarray or ids.dtype not in _IDS or not ids.flags.carray:
        ids = _native_ids(name, ids, V, wrap, rows)
    flat = ids.reshape(-1)
    at, negative = _FIND_BAD_ID[ids.dtype](flat, V)
    if at >= 0 or (negative and not wrap):
        if at < 0:
            at = int(np.argmax(flat < 0))
        _bad_id(name, ids, at, V, wrap, rows)
    if negative:
        wrapped = np.empty_like(flat)
        _WRAP_IDS[ids.dtype](wrapped, flat, V)
        ids = wrapped.reshape(ids.shape)
    return ids


def _native_ids(name, idx, V=2**63 - 1, wrap=True, rows="rows"):
    ids = _array(name, idx)
    if ids.size == 0 and not isinstance(idx, np.ndarray):
        return np.empty(ids.shape, np.int64)  # numpy makes float64 of an empty list
    if ids.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: expected integer ids, got dtype {ids.dtype}; convert with .astype(np.int64)"
        )
    if ids.dtype == np.uint64 and ids.size and ids.max() >= V:
        # Before the cast makes a negative id of it.
        _bad_id(name, ids, int(np.argmax(ids.reshape(-1) >= V)), V, wrap, rows)
    dtype = np.int32 if ids.dtype.itemsize < 4 or ids.dtype == np.int32 else np.int64
    if ids.dtype == dtype and ids.flags.aligned:  # strided: a column of the contexts, say
        return ids if ids.flags.c_contiguous else np.array(ids, order="C")
    return np.require(ids, dtype, "CA")


def _bad_id(name, ids, at, V, wrap, rows):
    place = at if ids.ndim == 1 else tuple(int(i) for i in np.unravel_index(at, ids.shape))
    where = f" at position {place}" if ids.ndim else ""
    cure = f"use ids from {-V if wrap else 0} to {V - 1}" if V else "the table is empty"
    raise IndexError(
        f"{name}: id {ids.reshape(-1)[at]}{where} is out of range for {V} {rows}; {cure}"
    )


def table(name, W):
    """Check that `W` is a 2-d floating-point array, and return it."""
    if not isinstance(W, np.ndarray):
        raise TypeError(
            f"{name}: expected a numpy array (V, D), got {type(W).__name__}; use np.asarray"
        )
    if W.ndim != 2:
        raise ValueError(
            f"{name}: expected a table of shape (V, D), got shape {W.shape}; give it one row per id"
        )
    if W.dtype.kind != "f":
        raise TypeError(
            f"{name}: expected float32 or float64, got dtype {W.dtype}; "
            "convert with .astype(np.float32)"
        )
    return W


def has_plain_rows(W):
    """Whether the kernels can take `W` (R, C) as it is: native floats, each row contiguous."""
    size = W.itemsize
    return (
        W.ndim == 2
        and W.dtype in FLOATS
        and W.flags.aligned
        and (W.strides[1] == size or W.shape[1] <= 1)
        and (W.strides[0] % size == 0 or W.shape[0] <= 1)
    )


def same_shape(name, x, shape, why):
    """Check the shape of an array: `why` says where the expected one comes from."""
    if x.shape != tuple(shape):
        raise ValueError(
            f"{name}: expected shape {tuple(shape)} ({why}), got {x.shape}; pass the matching array"
        )
    return x


def after_forward(layer, value):
    """Check that forward has run: `value` is what it keeps for backward."""
    if value is None:
        raise RuntimeError(
            f"{type(layer).__name__}.backward: nothing to go back through; call forward first"
        )
    return value


def positive_int(name, value, low=1):
    """Check a whole number of at least `low`, and return it as an int."""
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}: expected a whole number, got {value!r}; pass an int")
    value = value.__index__()
    if value < low:
        raise ValueError(f"{name}: expected at least {low}, got {value}; pass a larger number")
    return value


def writable(name, x):
    """Check that what is about to be written to is an array, and not a read-only one."""
    if not isinstance(x, np.ndarray):
        raise TypeError(
            f"{name}: expected a numpy array, got {type(x).__name__}; make one with np.array(...)"
        )
    if not x.flags.writeable:
        raise ValueError(f"{name}: expected a writable array, got a read-only one; pass a copy")
    return x


def complete_ids(name, corpus):
    """How often each id occurs, (V,) int64, checked to be 0 .. V-1 without gaps."""
    ids = _native_ids(name, corpus).reshape(-1)
    if ids.size == 0:
        raise ValueError(f"{name}: expected at least one word id, got none; pass a longer text")
    low, high = int(ids.min()), int(ids.max())
    if low < 0:
        raise ValueError(f"{name}: expected ids from 0 on, got {low}; number the words from 0")
    if high < ids.size:  # else there must be gaps, and counting up to `high` might not fit memory
        counts = np.bincount(ids, minlength=high + 1)
        if counts.all():
            return counts
        missing = int(np.argmin(counts))
    else:
        present = np.unique(ids)
        missing = int(np.argmax(present != np.arange(present.size)))
    raise ValueError(
        f"{name}: expected every id from 0 to {high} to occur, but id {missing} does not; number "
        "the words without gaps, as util.preprocess does"
    )


def probabilities(name, p):
    """Weights as a read-only float64 array (V,) that sums to 1."""
    p = np.array(numbers(name, p), np.float64)
    if p.ndim != 1 or p.size == 0:
        raise ValueError(
            f"{name}: expected one probability per word, shape (V,), got {p.shape}; flatten it"
        )
    if not (np.isfinite(p).all() and (p >= 0).all() and p.any()):
        raise ValueError(
            f"{name}: expected finite numbers of at least 0, not all 0; "
            f"got {p[~(np.isfinite(p) & (p >= 0))][:1] if p.any() else 'only zeros'}; correct them"
        )
    p /= p.max()  # the sum of huge ones would overflow
    p /= p.sum()
    p.flags.writeable = False
    return p


def not_negative(name: str, value: object) -> float:
    """A finite number of at least 0, as float."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}; pass 0 or more")
    if not (math.isfinite(value) and float(value) >= 0):
        raise ValueError(f"{name}: expected 0 or more, got {value}")
    return float(value)


def one_of(name: str, value: object, choices: Sequence[str]) -> None:
    """One of the choices."""
    if value not in choices:
        expected = " or ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name}: expected {expected}, got {value!r}; pass one of these")


def word_table(name: str, words: Sequence[object], table: np.ndarray) -> dict[object, int]:
    """V different words, all str or all int, for a table (V, D), D >= 1; returns word -> row."""
    if table.ndim != 2 or table.shape[1] < 1:
        raise ValueError(f"vectors: expected shape (V, D), got {table.shape}")
    if len(words) != len(table):
        raise ValueError(
            f"{name}: expected one word for each of the {len(table)} rows, got {len(words)}"
        )
    rows: dict[object, int] = {}
    if set(map(type, words)) in ({str}, {int}):
        rows = dict(zip(words, range(len(words)), strict=True))
        if len(rows) == len(words):
            return rows
        rows = {}
    kind = int if words and type(words[0]) is int else str
    for row, word in enumerate(words):
        if not isinstance(word, kind):
            raise TypeError(
                f"{name}: expected {kind.__name__}, got {type(word).__name__} for row {row}"
            )
        first = rows.setdefault(word, row)
        if first != row:
            raise ValueError(
                f"{name}: {word!r} stands for row {first} and for row {row}; give each word once"
            )
    return rows


def vector_of(name: str, vector: object, size: int) -> None:
    """A vector (size,)."""
    shape = np.asarray(vector).shape
    if shape != (size,):
        raise ValueError(f"{name}: expected a word or a vector ({size},), got shape {shape}")


def as_native(name, x):
    """(`x` as float32 or float64 for a kernel, dtype of the result), by the rule of np.exp.

    float16, and the small integers that numpy makes float16 of, are computed in float32.
    """
    x = numbers(name, x)
    dtype = x.dtype
    if dtype not in FLOATS:
        dtype = np.exp.resolve_dtypes((dtype, None))[-1]
        if dtype.itemsize > 8:
            raise TypeError(f"{name}: expected float32 or float64, got {dtype}; use astype")
    return as_float(name, x, FLOATS[dtype.itemsize == 8]), dtype


def weights(name, W, ndim):
    """`W`, if it is an array of numbers with so many axes (None: any); layers keep it, no copy."""
    if not isinstance(W, np.ndarray):
        raise TypeError(
            f"{name}: expected a numpy array, got {type(W).__name__}; make one with np.array(...)"
        )
    numbers(name, W)
    if ndim is not None and W.ndim != ndim:
        raise ValueError(f"{name}: expected {ndim} dimensions, got shape {W.shape}; reshape it")
    return W


def bias(name, b, H):
    """`b`, if it is an array of H numbers, shape (H,) or (1, H)."""
    weights(name, b, None)
    if b.size != H or b.shape[-1:] != (H,):
        raise ValueError(f"{name}: expected shape ({H},) to match W, got {b.shape}; reshape it")
    return b


def features(name, x, W):
    """`x` as an ndarray (..., D) whose last axis fits W (D, H)."""
    x = numbers(name, x)
    if W.ndim != 2:
        raise ValueError(f"W: expected shape (D, H), got {W.shape}; reshape params[0]")
    if x.ndim == 0 or x.shape[-1] != W.shape[0]:
        raise ValueError(
            f"{name}: expected shape (..., {W.shape[0]}) to match W of shape {W.shape}, "
            f"got {x.shape}; reshape or transpose it"
        )
    return x


def score_rows(name, x):
    """View of scores as (N, V): one row (V,), or N of them; neither may be zero."""
    if x.ndim not in (1, 2) or x.size == 0:
        raise ValueError(
            f"{name}: expected shape (N, V) or (V,), none of them 0, got {x.shape}; reshape it"
        )
    return x.reshape(1, -1) if x.ndim == 1 else x


def right_classes(name, t, shape):
    """Answers to scores of this shape, (N, V) or (V,), as N numbers; one-hot rows become ids."""
    t = numbers(name, t)
    V = shape[-1]
    N = 1 if len(shape) == 1 else shape[0]
    if t.shape == tuple(shape):
        return t.reshape(N, V).argmax(axis=1)
    if t.ndim <= 1 and t.size == N:
        return t.reshape(N)
    raise ValueError(
        f"{name}: expected {N} ids, shape ({N},), or one-hot rows of shape {tuple(shape)}, "
        f"got shape {t.shape}; reshape it"
    )


def score_column(name, x):
    """N of scores (N,) or (N, 1); N may not be 0."""
    if x.size == 0 or x.shape not in ((x.size,), (x.size, 1)):
        raise ValueError(
            f"{name}: expected shape (N,) or (N, 1), N not 0, got {x.shape}; reshape it"
        )
    return x.size


def yes_or_no(name, t, N):
    """Answers 0 and 1 to N scores, as N numbers; one-hot rows (N, 2) become such numbers."""
    t = numbers(name, t)
    if t.shape == (N, 2):
        return t.argmax(axis=1)
    if t.size == N and (t.ndim <= 1 or t.shape == (N, 1)):
        return t.reshape(N)
    raise ValueError(f"{name}: expected shape ({N},) to match x, got {t.shape}; reshape it")


def broadcast(name, x, shape, why):
    """`x` as numpy would stretch it to this shape."""
    try:
        return np.broadcast_to(x, shape)
    except ValueError:
        raise ValueError(
            f"{name}: expected shape {tuple(shape)} ({why}) or one that numpy stretches to it, "
            f"got {x.shape}"
        ) from None


def fraction(name, value):
    """`value`, if it is a number from 0 to 1."""
    if not 0 <= number(name, value) <= 1:
        raise ValueError(f"{name}: expected a number from 0 to 1, got {value!r}; pass e.g. 0.5")
    return value


def generator(name, rng):
    """`rng`, if it is None (numpy's global stream) or one of numpy's generators."""
    if rng is None or isinstance(rng, (np.random.Generator, np.random.RandomState)):
        return rng
    raise TypeError(
        f"{name}: expected None or a numpy.random.Generator, got {type(rng).__name__}; "
        "pass np.random.default_rng(seed)"
    )


def any_ids(name, idx, ndim=None):
    """`idx` as a C-contiguous int32 or int64 array, of this rank if given, whatever the ids are."""
    ids = _native_ids(name, idx)
    if ndim is not None and ids.ndim != ndim:
        raise ValueError(
            f"{name}: expected {ndim} axis, got shape {ids.shape}; flatten it with .ravel()"
        )
    return ids


def text(name, value):
    """`value`, if it is a str."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected str, got {type(value).__name__}; decode or join it")
    return value


def enough_words(name, corpus, N, T):
    """Check that a corpus has one block of N rows of T ids and the id after it."""
    if len(corpus) <= N * T:
        raise ValueError(
            f"{name}: expected more than batch_size * time_size = {N * T} ids, "
            f"got {len(corpus)}; choose a smaller batch_size or time_size"
        )


def square_counts(name, C):
    """A square matrix of counts or weights, in a dtype of the kernels (`count_t`)."""
    C = numbers(name, C)
    if C.ndim != 2 or C.shape[0] != C.shape[1]:
        raise ValueError(
            f"{name}: expected a square matrix (V, V), got shape {C.shape}; "
            "pass what create_co_matrix returns"
        )
    dtype = C.dtype.newbyteorder("=")
    if dtype not in (*_IDS, *FLOATS):
        dtype = np.dtype(np.float64 if C.dtype.kind == "f" else np.int64)
    return C.astype(dtype, copy=False)


def word_rows(name, matrix, V):
    """A matrix with a row for each of V words, and perhaps more rows."""
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or len(matrix) < V:
        raise ValueError(
            f"{name}: expected shape ({V}, D), one row for each id of id_to_word, "
            f"got {matrix.shape}; pass the matrix that belongs to this vocabulary"
        )
    return matrix


def float_in_place(name, x):
    """Check that an array can be divided in place."""
    if not isinstance(x, np.ndarray):
        raise TypeError(
            f"{name}: expected a numpy array to divide in place, got {type(x).__name__}; "
            "make one with np.array(...)"
        )
    if x.dtype.kind not in "fc":
        raise TypeError(
            f"{name}: expected floats to divide in place, got dtype {x.dtype}; "
            "pass a copy made with .astype(np.float32)"
        )


def search_table(name, matrix):
    """A table (V, D), D > 0, that `nearest` can scan: native, rows contiguous, perhaps strided."""
    matrix = numbers(name, matrix)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ValueError(
            f"{name}: expected shape (V, D) with D > 0, got {matrix.shape}; give one row per word"
        )
    dtype = matrix.dtype.newbyteorder("=")
    if dtype not in FLOATS:
        dtype = FLOATS[0] if dtype == np.float16 else FLOATS[1]
    rows = matrix.astype(dtype, copy=False)
    plain = (
        rows.strides[1] == rows.itemsize
        and rows.strides[0] % rows.itemsize == 0
        and rows.flags.aligned
    )
    return rows if plain else np.ascontiguousarray(rows)


def search_queries(name, queries, D):
    """Vectors (D,) or (Q, D) as float64 (Q, D)."""
    queries = numbers(name, queries)
    if queries.ndim not in (1, 2) or queries.shape[-1] != D:
        raise ValueError(
            f"{name}: expected shape ({D},) or (Q, {D}), got {queries.shape}; "
            "they must be as wide as the matrix"
        )
    return np.ascontiguousarray(np.atleast_2d(queries), np.float64)


def excluded_ids(name, exclude, Q):
    """Ids (E,) for all queries, (Q, E) for each its own, or None: as int64 (Q, E)."""
    if exclude is None:
        return np.empty((Q, 0), np.int64)
    ids = np.atleast_1d(any_ids(name, exclude)).astype(np.int64, copy=False)
    if ids.ndim > 2 or (ids.ndim == 2 and len(ids) != Q):
        raise ValueError(
            f"{name}: expected shape (E,) or ({Q}, E), got {ids.shape}; give one row per query"
        )
    return np.ascontiguousarray(np.broadcast_to(ids, (Q, ids.shape[-1])))


def lengths(name, shape, ndim=0):
    """The shape of an array, an int or a sequence of ints, with at least `ndim` axes."""
    axes = (shape,) if hasattr(shape, "__index__") else shape
    try:
        axes = tuple(axes)
    except TypeError:
        raise TypeError(
            f"{name}: expected lengths, got {type(shape).__name__}; pass e.g. (V, D)"
        ) from None
    if len(axes) < ndim or any(not hasattr(n, "__index__") or n < 0 for n in axes):
        more = f"at least {ndim} " if ndim else ""
        raise ValueError(
            f"{name}: expected {more}lengths of 0 or more, got {shape}; pass e.g. (V, D)"
        )
    return tuple(n.__index__() for n in axes)


def gates(name, shape, n):
    """The shape (n * H,) of a bias of n gates."""
    shape = lengths(name, shape)
    if len(shape) != 1 or shape[0] % n:
        raise ValueError(f"{name}: expected ({n} * H,) for {n} gates, got {shape}; pass {n} * H")
    return shape


def contexts_and_target(contexts, target, V, C):
    """Ids contexts (N, C) in [0, V), and target (N,) of any size; N > 0."""
    contexts = as_ids("contexts", contexts, V)
    target = any_ids("target", target)
    if target.ndim != 1 or len(target) == 0:
        raise ValueError(
            f"target: expected ids of shape (N,) with N > 0, got {target.shape}; pass one for "
            "each row of contexts, and leave out empty batches"
        )
    same_shape("contexts", contexts, (len(target), C), "2 * window_size ids per target")
    return contexts, target


def row_per_word(name, V, n_words, what):
    """Check that a table of V rows (`what`) has one for each of the words of the corpus `name`."""
    if n_words > V:
        raise ValueError(
            f"{name}: expected ids below {V}, {what}, got ids up to {n_words - 1}; "
            f"make it {n_words}, one row per word"
        )


def params_and_grads(params, grads):
    """Check two lists, or other sequences, of equal length."""
    n = [_length(name, arrays) for name, arrays in (("params", params), ("grads", grads))]
    if n[0] != n[1]:
        raise ValueError(
            f"grads: expected {n[0]} arrays, one per parameter, got {n[1]}; "
            "pass both lists of the same layers"
        )


def _length(name, arrays):
    try:
        iter(arrays)
        return len(arrays)
    except TypeError:
        raise TypeError(
            f"{name}: expected a list of arrays, got {type(arrays).__name__}; "
            f"pass model.{name}, or [array] for a single one"
        ) from None


def parameter(name, w):
    """Check an array that an optimizer is about to change."""
    writable(name, w)
    if w.dtype.kind != "f":
        raise TypeError(
            f"{name}: expected floating-point numbers, got dtype {w.dtype}; "
            "convert with .astype(np.float32)"
        )


def number(name, value):
    """A real number as float; it may be infinite or NaN."""
    if type(value) in (float, int):
        return float(value)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, number_types.Real):
        raise TypeError(f"{name}: expected a number, got {value!r}; pass a float")
    return float(value)


def below_one(name, value):
    """A number of at least 0 and below 1, as float."""
    value = number(name, value)
    if not 0 <= value < 1:
        raise ValueError(f"{name}: expected a number from 0 to below 1, got {value}; pass e.g. 0.9")
    return value


def array(name, x):
    """`x` as an array of any dtype."""
    return x if type(x) is np.ndarray else _array(name, x)


def fits_with(name, x, shape, why):
    """`x`, if numpy can stretch it and an array of this shape to one shape."""
    try:
        np.broadcast_shapes(x.shape, shape)
    except ValueError:
        raise ValueError(
            f"{name}: expected shape {tuple(shape)} ({why}) or one that numpy stretches with it, "
            f"got {x.shape}; pass the matching array"
        ) from None
    return x


def array_list(name, arrays):
    """Check a list, or another sequence, of whatever."""
    _length(name, arrays)


def methods(name, thing, wanted):
    """Check that an object has these methods, as a trainer is about to call them."""
    missing = [method for method in wanted if not callable(getattr(thing, method, None))]
    if missing:
        raise TypeError(
            f"{name}: expected an object with {' and '.join(wanted)}, got "
            f"{type(thing).__name__} without {missing[0]}; write that method"
        )


def iterable(name, things, what):
    """Check that there is something to go through: `what` says what it gives."""
    if not hasattr(things, "__iter__"):
        raise TypeError(
            f"{name}: expected {what}, got {type(things).__name__}; pass a list of them"
        )
    return things


def sequence_dtype(name, dtype):
    """The dtype of sequences, float32 or float64; None, the book's, is float32."""
    try:
        return FLOATS[FLOATS.index(np.dtype(np.float32 if dtype is None else dtype))]
    except (TypeError, ValueError):
        raise TypeError(
            f"{name}: expected None, np.float32 or np.float64, got {dtype!r}; pass one of these"
        ) from None


def recurrent_weights(Wx, Wh, b, n_gates):
    """(D, H) of the weights of a cell: Wx (D, n * H), Wh (H, n * H), b (n * H,) for n gates."""
    weights("Wx", Wx, 2)
    weights("Wh", Wh, 2)
    D, H = Wx.shape[0], Wh.shape[0]
    width, letters = n_gates * H, f"{n_gates} * H" if n_gates > 1 else "H"
    if Wh.shape[1] != width:
        raise ValueError(
            f"Wh: expected shape (H, {letters}), got {Wh.shape}; its rows are the hidden units"
        )
    if Wx.shape[1] != width:
        raise ValueError(
            f"Wx: expected shape (D, {letters}) = ({D}, {width}) to match Wh of shape {Wh.shape}, "
            f"got {Wx.shape}; reshape it"
        )
    bias("b", b, width)
    return D, H


def sequence(name, xs, Wx):
    """`xs` as an ndarray (N, T, D) that fits Wx (D, ...)."""
    xs = numbers(name, xs)
    D = Wx.shape[0]
    if xs.ndim != 3 or xs.shape[2] != D:
        raise ValueError(
            f"{name}: expected shape (N, T, D) with D = {D} to match W of shape {Wx.shape}, "
            f"got {xs.shape}; reshape or transpose it"
        )
    return xs


def step_input(name, x, Wx):
    """`x` as an ndarray (N, D) that fits Wx (D, ...)."""
    x = numbers(name, x)
    D = Wx.shape[0]
    if x.ndim != 2 or x.shape[1] != D:
        raise ValueError(
            f"{name}: expected shape (N, D) with D = {D} to match Wx of shape {Wx.shape}, "
            f"got {x.shape}; reshape or transpose it"
        )
    return x


def state(name, h, N, H):
    """`h` as an ndarray (N, H): what a step or a sequence starts from."""
    h = numbers(name, h)
    if h.shape != (N, H):
        raise ValueError(
            f"{name}: expected a state of shape (N, H) = ({N}, {H}), one row per row of the input, "
            f"got {h.shape}; call reset_state() before a batch of another size, or set_state() "
            "with one of this shape"
        )
    return h


def state_gradient(name, dh, N, H):
    """`dh` as an ndarray (N, H), or None: the gradient that arrives at a last state."""
    if dh is None:
        return None
    dh = numbers(name, dh)
    return same_shape(name, dh, (N, H), "N and H of the last state")


def row_lengths(name, given, N, T):
    """How many of the T steps each of the N rows has, (N,) int64; None stands for all T."""
    if given is None:
        return None
    found = _native_ids(name, given)
    if found.shape != (N,):
        raise ValueError(
            f"{name}: expected shape (N,) = ({N},), one length per row of xs, got {found.shape}; "
            "pass a flat list"
        )
    bad = np.flatnonzero((found < 0) | (found > T))
    if bad.size:
        raise ValueError(
            f"{name}: expected numbers from 0 to T = {T}, got {found[bad[0]]} at position "
            f"{bad[0]}; count the steps of that row"
        )
    return found.astype(np.int64, copy=False)


def after_training(layer, value):
    """Check that forward has run with train=True: `value` is what it keeps for backward."""
    if value is None:
        raise RuntimeError(
            f"{type(layer).__name__}.backward: nothing to go back through; call forward first, "
            "with train=True"
        )
    return value


def features_over_time(name, x, W):
    """`x` as an ndarray (N, T, D) that fits W (D, H)."""
    x = features(name, x, W)
    if x.ndim != 3:
        raise ValueError(f"{name}: expected shape (N, T, {W.shape[0]}), got {x.shape}; reshape it")
    return x


def ids_over_time(name, xs, V):
    """`xs` as ids (N, T) in [0, V); see `as_ids`."""
    ids = as_ids(name, xs, V)
    if ids.ndim != 2:
        raise ValueError(
            f"{name}: expected ids of shape (N, T), got {ids.shape}; for one sequence pass it as "
            "xs[None, :]"
        )
    return ids


def scores_over_time(name, x):
    """`x`, if it is (N, T, V) with V > 0."""
    if x.ndim != 3 or x.shape[2] == 0:
        raise ValueError(
            f"{name}: expected scores of shape (N, T, V) with V > 0, got {x.shape}; reshape it"
        )
    return x


def targets_over_time(name, ts, shape, ignore=None):
    """Right classes of scores (N, T, V) as ids (N * T,) in [0, V), and -1 where they are `ignore`.

    They come as ids (N, T) or (N * T,), or as one-hot rows in the shape of the scores.
    """
    N, T, V = shape
    ts = np.asarray(ts)
    if ts.shape == (N, T, V):
        ids = numbers(name, ts).argmax(axis=2)
    elif ts.shape in ((N, T), (N * T,)):
        ids = _native_ids(name, ts)
    else:
        raise ValueError(
            f"{name}: expected ids of shape (N, T) = ({N}, {T}), or one-hot rows of shape "
            f"{tuple(shape)}, got {ts.shape}; reshape it"
        )
    ignored = None if ignore is None else ids == ignore
    if ignored is None or not ignored.any():
        return as_ids(name, ids, V).reshape(-1)
    checked = as_ids(name, np.where(ignored, 0, ids), V)
    checked[ignored] = -1
    return checked.reshape(-1)


def attended(name, hs, least=1):
    """`hs` as an ndarray (N, T, H) of at least so many steps."""
    hs = numbers(name, hs)
    if hs.ndim != 3 or hs.shape[1] < least:
        more = f" with T of at least {least}" if least else ""
        raise ValueError(
            f"{name}: expected states of shape (N, T, H){more}, got {hs.shape}; reshape it"
        )
    return hs


def pair(name, value):
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


def whole(name: str, value: object, low: int = 0) -> int:
    """A whole number of at least `low`; 0.0 and True count, as scripts for gensim pass them."""
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    return int(positive_int(name, value, low=low))


def id_row(name: str, ids: object) -> np.ndarray:
    """Integers (N,), N > 0; what they are is not looked at."""
    given = array(name, ids)
    if given.ndim != 1 or given.size == 0:
        raise ValueError(
            f"{name}: expected shape (N,) with N > 0, got {given.shape}; encode a text"
        )
    _native_ids(name, given[:0])
    return given


def encoded_ids(name: str, ids: np.ndarray, V: int, first: int = 0) -> np.ndarray:
    """A part of an encoded corpus as int32: ids below V, -1 between sentences.

    first: the position of the part, for the message.
    """
    if not len(ids):
        return np.zeros(0, np.int32)
    if ids.max() >= V:
        at = int(np.argmax(ids >= V))
        raise IndexError(
            f"{name}: id {ids[at]} at position {first + at} is out of range for {V} words; use ids "
            f"from 0 to {V - 1}"
        )
    if ids.min() < -1:
        at = int(np.argmin(ids))
        raise IndexError(
            f"{name}: id {ids[at]} at position {first + at} is negative; only -1, the end of a "
            "sentence, may be"
        )
    return np.ascontiguousarray(ids, np.int32)


def at_most(name: str, value: int, high: int) -> int:
    """`value`, if it is no more than `high`."""
    if value > high:
        raise ValueError(f"{name}: expected at most {high}, got {value}; pass a smaller number")
    return value


def touch_counts(name: str, counts: object, V: int) -> np.ndarray:
    """An array (V,) uint32 to be added to in place."""
    if not isinstance(counts, np.ndarray) or counts.dtype != np.uint32:
        got = counts.dtype if isinstance(counts, np.ndarray) else type(counts).__name__
        raise TypeError(
            f"{name}: expected a uint32 array, got {got}; pass np.zeros({V}, np.uint32)"
        )
    if counts.shape != (V,) or not counts.flags.carray:
        raise ValueError(f"{name}: expected shape ({V},), writable, got {counts.shape}")
    return counts


def above_zero(name, value):
    """A finite number above 0, as float."""
    value = number(name, value)
    if not 0 < value < math.inf:
        raise ValueError(f"{name}: expected a number above 0, got {value}; pass e.g. 1.0")
    return value


def one_id(name, value):
    """A single id, an int or an array of one, as int."""
    ids = _native_ids(name, value)
    if ids.size != 1:
        raise ValueError(f"{name}: expected one id, got shape {ids.shape}; pass an int")
    return int(ids.reshape(-1)[0])


def id_list(name, ids):
    """Ids in any number, as a list of ints."""
    iterable(name, ids, "ids")
    return _native_ids(name, ids if isinstance(ids, np.ndarray) else list(ids)).reshape(-1).tolist()


def some_left(name, skipped, V):
    """Check that not all ids from 0 to V - 1 are skipped: a draw would never end."""
    if len(skipped) >= V and skipped.issuperset(range(V)):
        raise ValueError(
            f"{name}: expected to leave one of the {V} ids, got all of them; leave some out"
        )


def state_pair(name, state):
    """(h, c) of an LSTM."""
    try:
        h, c = state
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: expected (h, c), as get_state returns it, got {type(state).__name__}; pass "
            "a pair of arrays (N, H)"
        ) from None
    return h, c


def state_pairs(name, states, n):
    """[(h, c), ...] of n LSTMs."""
    if not isinstance(states, (list, tuple)) or len(states) != n:
        raise ValueError(
            f"{name}: expected {n} pairs (h, c), as get_state returns them, got "
            f"{len(states) if isinstance(states, (list, tuple)) else type(states).__name__}; "
            "pass one for each LSTM"
        )
    return [state_pair(f"{name}[{k}]", state) for k, state in enumerate(states)]


def one_row(name, x, instead):
    """Check that there is one row: `instead` is the method that takes more."""
    if np.ndim(x) < 2 or len(x) != 1:
        raise ValueError(
            f"{name}: expected one row, shape (1, ...), got {np.shape(x)}; use {instead} for more"
        )


def id_per_row(name, ids, N):
    """One id for all, or (N,), as (N, 1)."""
    found = _native_ids(name, ids)
    if found.shape not in ((), (1,), (N,)):
        raise ValueError(
            f"{name}: expected one id, or shape (N,) = ({N},), got {found.shape}; pass one for "
            "each row"
        )
    return np.broadcast_to(found.reshape(-1, 1), (N, 1))


def answers(name, ts, N):
    """Answers (N, T) of at least the start mark and one id, to N questions."""
    ts = _native_ids(name, ts)
    if ts.ndim != 2 or len(ts) != N or ts.shape[1] < 2:
        raise ValueError(
            f"{name}: expected answers of shape (N, T) with N = {N}, one for each question, and T "
            f"of at least 2, the start mark and what follows it, got {ts.shape}; reshape it"
        )
    return ts


def some_steps(name, xs):
    """`xs` (N, T), if there is a row and a step."""
    if xs.size == 0:
        raise ValueError(
            f"{name}: expected shape (N, T), neither of them 0, got {xs.shape}; leave empty "
            "batches out"
        )
    return xs


def one_hot_contexts(name, contexts, V):
    """Contexts as one-hot vectors (N, 2, V)."""
    contexts = numbers(name, contexts)
    if contexts.ndim != 3 or contexts.shape[1:] != (2, V):
        raise ValueError(
            f"{name}: expected one-hot vectors of shape (N, 2, V) = (N, 2, {V}), got "
            f"{contexts.shape}; make them with util.convert_one_hot(contexts, {V})"
        )
    return contexts


def question_pairs(name, pairs):
    """At least two pairs of strings, as a list; none of them all empty on one side."""
    iterable(name, pairs, "pairs of str")
    pairs = list(pairs)
    for k, pair in enumerate(pairs):
        if not (
            isinstance(pair, (tuple, list))
            and len(pair) == 2
            and all(isinstance(part, str) for part in pair)
        ):
            raise TypeError(f"{name}[{k}]: expected a pair of str, got {pair!r}; pass (text, text)")
        if not pair[0].strip() or not pair[1].strip():
            raise ValueError(
                f"{name}[{k}]: expected a question and an answer, got {pair!r}; leave it out"
            )
    if len(pairs) < 2:
        raise ValueError(f"{name}: expected at least two pairs, got {len(pairs)}; pass more")
    return pairs


def rows_of_ids(name, xs):
    """`xs` as ids (N, T), whatever they are."""
    ids = _native_ids(name, xs)
    if ids.ndim != 2:
        raise ValueError(
            f"{name}: expected ids of shape (N, T), got {ids.shape}; for one sequence pass it as "
            f"{name}[None, :]"
        )
    return ids


def different_words(name, words, wanted):
    """Different strings, `wanted` among them, as a list."""
    words = list(iterable(name, words, "words"))
    seen = set()
    for k, word in enumerate(words):
        if not isinstance(word, str):
            raise TypeError(f"{name}[{k}]: expected str, got {type(word).__name__}; pass words")
        if word in seen:
            raise ValueError(f"{name}[{k}]: {word!r} stands there twice; give each word once")
        seen.add(word)
    if wanted not in seen:
        raise ValueError(
            f"{name}: expected {wanted!r} among the words, for those it does not know; add it"
        )
    return words


def result_memory(name, out, shape):
    """`out`, if a result of this shape can be written into it as it is."""
    writable(name, out)
    same_shape(name, out, shape, "that of the result")
    if out.dtype not in FLOATS or not out.flags.c_contiguous:
        raise ValueError(
            f"{name}: expected contiguous float32 or float64, got {out.dtype}"
            f"{'' if out.flags.c_contiguous else ' with gaps'}; pass np.empty(shape, np.float32)"
        )
    return out


def all_within(ids, V):
    """Whether all of the ids, as `any_ids` returns them, are in [0, V): for the usual case."""
    at, negative = _FIND_BAD_ID[ids.dtype](ids.reshape(-1), V)
    return at < 0 and not negative


# Losses over sampled classes ---------------------------------------------------------------------


def label_column(name, labels):
    """Right classes (N,) or (N, 1), N > 0, as integers (N,)."""
    ids = _native_ids(name, labels)
    if ids.size == 0 or ids.shape not in ((ids.size,), (ids.size, 1)):
        raise ValueError(
            f"{name}: expected ids of shape (N,) or (N, 1), one right class per row and N > 0, "
            f"got {ids.shape}; reshape it"
        )
    return ids.reshape(-1)


def class_bias(name, b, W):
    """`b`, if it is a vector with one number per row of W, of W's dtype."""
    weights(name, b, 1)
    same_shape(name, b, (len(W),), "one number per row of W")
    if b.dtype != W.dtype:
        raise TypeError(
            f"{name}: expected {W.dtype}, the dtype of W, got {b.dtype}; convert with .astype"
        )
    return b


def candidates(name, values, N, V):
    """The three arrays of sampled classes: ids (K,), expected counts (N, 1) and (K,), float64."""
    try:
        sampled, true_count, count = values
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: expected (sampled, true_expected_count, sampled_expected_count), got "
            f"{type(values).__name__}; pass what sampler.sample(labels) gives"
        ) from None
    sampled = as_ids(f"{name}[0]", any_ids(f"{name}[0]", sampled, 1), V, False, "classes")
    counts = []
    for k, (given, shape) in enumerate(((true_count, (N, 1)), (count, sampled.shape)), 1):
        given = as_float(f"{name}[{k}]", given, np.float64)
        same_shape(f"{name}[{k}]", given, shape, "one expected count per class")
        if not (given > 0).all():
            raise ValueError(
                f"{name}[{k}]: expected counts above 0, got {given[~(given > 0)][0]}; "
                "a class that cannot be sampled has no place among the candidates"
            )
        counts.append(given)
    return sampled, *counts


# Models over sequences ---------------------------------------------------------------------------


def steps_to_read(name, xs):
    """`xs` as an ndarray (N, T, D) of at least one step."""
    xs = numbers(name, xs)
    if xs.ndim != 3 or xs.shape[1] == 0:
        raise ValueError(
            f"{name}: expected shape (N, T, D) with T of at least 1, got {xs.shape}; a series of "
            "single numbers is xs[:, :, None]"
        )
    return xs


# Texts of characters -----------------------------------------------------------------------------


def listed(name, things, what):
    """Check a list, or another sequence."""
    if not isinstance(things, Sequence):
        raise TypeError(
            f"{name}: expected a list of {what}, got {type(things).__name__}; pass a list"
        )
    return things


def alphabet(name, characters):
    """Different characters, a str or a list of them, sorted by code point."""
    characters = list(listed(name, characters, "characters"))
    for char in characters:
        if not isinstance(char, str) or len(char) != 1:
            raise ValueError(f"{name}: expected single characters, got {char!r}; pass a str")
    if not characters:
        raise ValueError(f"{name}: expected at least one character, got none; pass a str")
    return sorted(set(characters))


def text_list(name, texts):
    """A list of at least one str."""
    texts = listed(name, texts, "texts")
    texts = [text(f"{name}[{k}]", one) for k, one in enumerate(texts)]
    if not texts:
        raise ValueError(f"{name}: expected at least one text, got none; pass a str or a list")
    return texts


def text_pairs(name, pairs, marks):
    """(source, target) pairs of texts, at least one, without characters that are marks in them."""
    pairs = listed(name, pairs, "(source, target) pairs")
    found = []
    for k, pair in enumerate(pairs):
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise ValueError(
                f"{name}[{k}]: expected (source, target), got {pair!r:.60}; pass two texts"
            )
        for side, one in zip(("source", "target"), pair, strict=True):
            place = f"{name}[{k}]: {side}"
            if not text(place, one):
                raise ValueError(f"{place}: expected a text, got an empty one; leave the pair out")
            if any(mark in one for mark in marks):
                raise ValueError(
                    f"{place}: expected no tab and no newline, which mark start and end, got "
                    f"{one!r:.60}; take them out"
                )
        found.append((pair[0], pair[1]))
    if not found:
        raise ValueError(f"{name}: expected at least one pair, got none; pass (source, target)")
    return found


def char_ids(name, texts, ids, max_length):
    """The characters of texts as ids (N, T) int32, -1 behind the ends of the shorter ones."""
    found = np.full((len(texts), max(map(len, texts))), -1, np.int32)
    for k, one in enumerate(texts):
        place = name if len(texts) == 1 else f"{name}[{k}]"
        if not one:
            raise ValueError(f"{place}: expected a text, got an empty one; leave it out")
        if len(one) > max_length:
            raise ValueError(
                f"{place}: expected at most {max_length} characters, the most that this model was "
                f"made for, got {len(one)}; shorten it, or train a model with longer texts"
            )
        try:
            found[k, : len(one)] = [ids[char] for char in one]
        except KeyError:
            at = next(i for i, char in enumerate(one) if char not in ids)
            raise ValueError(
                f"{place}: character {one[at]!r} in {one.strip()!r:.60} is not among the "
                f"{len(ids)} of this model's alphabet; leave it out, or train with texts that "
                "have it"
            ) from None
    return found


def padded_ids(name, given, V, least=1):
    """Ids (N, T) with -1 behind the end of each row: cut to the longest, with 0 for -1, lengths.

    N and the length of each row, at least `least`, may not be 0.
    """
    ids = _native_ids(name, given)
    if ids.ndim != 2 or ids.size == 0:
        raise ValueError(
            f"{name}: expected ids of shape (N, T), neither of them 0, got {ids.shape}; pass what "
            "pair_ids gives"
        )
    there = ids != -1
    lengths = np.where(there.any(axis=1), ids.shape[1] - there[:, ::-1].argmax(axis=1), 0)
    if lengths.min() < least:
        raise ValueError(
            f"{name}: expected at least {least} ids in each row before its -1, got "
            f"{lengths.min()} in row {lengths.argmin()}; leave the row out"
        )
    behind = np.arange(ids.shape[1]) >= lengths[:, None]
    ids = as_ids(name, np.where(behind, 0, ids), V, wrap=False, rows="characters")
    return np.ascontiguousarray(ids[:, : lengths.max()]), lengths
