"""BaseModel, the base class of every model of the book: parameters in and out of files."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from fastw2v._checks.arrays import check_writable
from fastw2v._files import npz
from fastw2v._files.atomic import replacing
from fastw2v._files.book_pickle import BookFileError, load_book_pickle
from fastw2v._rows.deferred import apply_all_pending
from fastw2v._rows.row_grad import RowGradHolder

__all__ = ["BaseModel", "BookFileError", "load_book_pickle"]


class BaseModel(RowGradHolder):
    """Base class of models, with `params`, `grads` and files of parameters.

    A subclass sets `params` and `grads` (lists of arrays, same order) and defines `forward` and
    `backward`. Copies and pickles keep a weight that is the transpose of another tied to it.

    >>> import tempfile
    >>> class Line(BaseModel):
    ...     def __init__(self, slope):
    ...         self.params = [np.array([slope], np.float32)]
    ...         self.grads = [np.zeros(1, np.float32)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Line(0.5).save_params(folder + "/line.pkl")
    ...     model = Line(0.0)
    ...     model.load_params(folder + "/line.pkl")
    >>> model.params
    [array([0.5], dtype=float32)]
    """

    def __init__(self) -> None:
        self.params: Any = None
        self.grads: Any = None

    def forward(self, *args):
        raise NotImplementedError(
            f"{type(self).__name__}.forward: expected the subclass to have one, got only "
            "BaseModel's; write forward(self, ...) that returns the loss"
        )

    def backward(self, *args):
        raise NotImplementedError(
            f"{type(self).__name__}.backward: expected the subclass to have one, got only "
            "BaseModel's; write backward(self, dout=1) that fills self.grads"
        )

    def save_params(self, file_name: str | os.PathLike[str] | None = None) -> None:
        """Write `params` to a file, which appears when it is complete.

        file_name: None means `<ClassName>.pkl` in the current folder. A name ending in `.npz`
        gives a numpy archive with the arrays in their own dtype; any other name gives a pickled
        list of float16 arrays in the order of `params`, which the book's own code reads too.
        """
        name = self._file_name(file_name)
        params = self._own_params()
        apply_all_pending(*params)
        if name.endswith(".npz"):
            npz.write(name, {f"param{i}": np.asarray(p) for i, p in enumerate(params)})
            return
        with replacing(name) as file:
            pickle.dump([np.asarray(p).astype(np.float16) for p in params], file, protocol=4)

    def load_params(self, file_name: str | os.PathLike[str] | None = None) -> None:
        """Copy the arrays of a file into the existing arrays of `params`.

        file_name: as in `save_params`. The number and the shapes of the arrays must fit, whatever
        class wrote the file; all are checked before the first is written.
        OSError `No file: NAME` when it is missing, ValueError when it does not fit.
        """
        name = self._file_name(file_name)
        if not os.path.exists(name):
            raise FileNotFoundError(f"No file: {name}")
        params = self._own_params()
        for i, param in enumerate(params):
            check_writable(f"params[{i}]", param)  # before the first write, not in the middle
        read = _read_archive if name.endswith(".npz") else _read_pickle
        arrays = read(name, lambda shapes: self._check_fit(name, params, shapes))
        apply_all_pending(*params)
        for param, array in zip(params, arrays, strict=True):
            param[...] = array

    def __getstate__(self):
        return {**super().__getstate__(), "_tied": _tied(vars(self).get("params"))}

    def __setstate__(self, state):
        state = dict(state)
        tied = state.pop("_tied", ())
        super().__setstate__(state)
        for first, second in tied:  # copies and pickles make two arrays of a table and its view
            _exchange(self, self.params[second], self.params[first].T)

    def _file_name(self, file_name):
        if file_name is None:
            return type(self).__name__ + ".pkl"
        return os.fspath(file_name).replace("/", os.sep)

    def _own_params(self):
        if self.params is None:
            raise ValueError(
                f"{type(self).__name__}.params: expected a list of arrays, got None; "
                "set self.params in __init__"
            )
        return self.params

    def _check_fit(self, name, params, shapes):
        owner = type(self).__name__
        if len(shapes) != len(params):
            raise ValueError(
                f"{name}: expected {len(params)} arrays for {owner}, got {len(shapes)}; "
                "load it into a model of the kind that saved it"
            )
        for i, (param, shape) in enumerate(zip(params, shapes, strict=True)):
            if param.shape != shape:
                raise ValueError(
                    f"{name}: expected shape {param.shape} for params[{i}] of {owner}, "
                    f"got {shape}; build the model with the sizes it was saved with"
                )


def _tied(params):
    """List pairs of places in a list of weights; the second weight is the first's transpose."""
    if not isinstance(params, list):
        return []
    views = {}
    for place, param in enumerate(params):
        if isinstance(param, np.ndarray) and param.ndim == 2:
            views.setdefault(_memory(param.T), place)
    return [
        (views[_memory(param)], place)
        for place, param in enumerate(params)
        if isinstance(param, np.ndarray) and views.get(_memory(param), place) < place
    ]


def _memory(array):
    """Return a key that is equal for two arrays if they are the same view of the same memory."""
    return array.__array_interface__["data"][0], array.dtype, array.shape, array.strides


def _exchange(thing, old, new, seen=None):
    """Put the array `new` in the place of `old` in attributes and lists, also of layers held."""
    seen = {} if seen is None else seen
    if id(thing) in seen:
        return
    seen[id(thing)] = thing
    if isinstance(thing, list):
        thing[:] = [new if item is old else item for item in thing]
        for item in thing:
            _exchange(item, old, new, seen)
    elif hasattr(thing, "params") and hasattr(thing, "__dict__"):
        for name, value in vars(thing).items():
            if value is old:
                vars(thing)[name] = new
            else:
                _exchange(value, old, new, seen)


def _read_pickle(name, check):
    """Read the arrays of a pickled list; `check` sees their shapes before they are returned."""
    arrays = load_book_pickle(name)
    if type(arrays) not in (list, tuple) or any(type(a) is not np.ndarray for a in arrays):
        raise BookFileError(
            f"{name}: expected a list of arrays, got a {type(arrays).__name__} of other things; "
            "load a file that save_params wrote"
        )
    check([array.shape for array in arrays])
    return arrays


def _read_archive(name: str, check: Callable[[list[tuple[int, ...]]], None]) -> list[np.ndarray]:
    """Read the arrays of an .npz; no array is read before `check` has seen all shapes."""
    kind, cure = "an .npz archive of number arrays", "save it again with save_params"
    with npz.Archive(name, kind, cure, packed=True, error=BookFileError) as archive:
        check([archive.header(member).shape for member in archive.names])
        return [archive.array(member) for member in archive.names]
