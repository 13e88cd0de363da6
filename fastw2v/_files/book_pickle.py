"""A reader of the pickles that the book's scripts write, which runs no code of a file.

The pickle module would execute any call that a file asks for. Here its opcodes (listed by
pickletools) drive a small machine that knows lists, dicts, tuples, text, bytes, numbers and numpy
arrays of numbers. The few names that a file may mention are keys of a table of functions of this
module, by exact module and name. Nothing is imported and no attribute is read. No size is believed
before the bytes are there, so memory stays proportional to the size of the file.
"""

from __future__ import annotations

import math
import os
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from fastw2v._files import kinds

_DTYPES = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
_KEYS = (str, int, np.integer)  # types that hash without recursion
_MOST_DIMENSIONS = 32
_HIGHEST_STACK = 1_000_000  # picklers empty the stack every thousand items
_MOST_OPEN = 100  # lists, dicts and tuples that have begun and not ended


class BookFileError(pickle.UnpicklingError, ValueError):
    """A file that is damaged, or holds something that the book's scripts never write."""


def load_book_pickle(path: str | os.PathLike[str]) -> Any:
    """Read a pickle made of lists, dicts, tuples, str, bytes, numbers and arrays of numbers.

    path: a file that `save_params` or ch04's train.py wrote (pickle protocols 2 to 5).
    Arrays are new and writable; they have the dtype and memory order saved, and native byte order.
    OSError for a file that cannot be read, BookFileError (a ValueError and an UnpicklingError)
    for a file with any other content. Code in the file is never run.

    >>> import pickle, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "cbow_params.pkl")
    ...     _ = path.write_bytes(pickle.dumps({"word_vecs": np.eye(2, dtype=np.float16)}))
    ...     load_book_pickle(path)
    {'word_vecs': array([[1., 0.],
           [0., 1.]], dtype=float16)}
    """
    data = Path(path).read_bytes()
    expected = "a pickle of arrays (nothing of it was run)"
    start = data[: kinds.START_BYTES]
    kinds.refuse_foreign(path, start, expected, "pickle", error=BookFileError)
    machine = _Machine(len(data))
    try:
        for opcode, argument, position in pickletools.genops(data):
            machine.step(opcode.name, argument, position)
        return machine.result()
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise BookFileError(
            f"{os.fspath(path)}: expected a pickle of arrays as save_params writes it, "
            f"got one that could not be parsed past byte {machine.at} ({reason}); "
            "nothing of it was run. Save it again with save_params"
        ) from error


class _Name:
    """A name of the allow-list on the machine's stack; `call` is its function, if it has one."""

    def __init__(self, call=None):
        self.call = call


class _Dtype:
    """A dtype that the file builds: numpy.dtype('f2', False, True), then its byte order."""

    def __init__(self, machine, code, align=False, copy=True):
        if type(code) is not str or code not in _DTYPES:
            raise ValueError(f"arrays of {code!r:.40}")
        self.code, self.order = code, "="

    def set_state(self, state):
        version, order, *rest = state
        if version != 3 or order not in ("<", ">", "|", "=") or rest != [None] * 3 + [-1, -1, 0]:
            raise ValueError("a dtype with fields")
        self.order = order

    def dtype(self):
        return np.dtype(self.order + self.code)


def _dtype_of(thing):
    if type(thing) is not _Dtype:
        raise ValueError("an array without a dtype")
    return thing.dtype()


def _check_shape(shape, dtype, n_bytes):
    """Check that a shape needs exactly n_bytes; Python's integers do not overflow."""
    if type(shape) is not tuple or len(shape) > _MOST_DIMENSIONS:
        raise ValueError("an array without a shape")
    if any(type(n) is not int or n < 0 for n in shape):
        raise ValueError("a shape that is not made of lengths")
    if math.prod(shape) * dtype.itemsize != n_bytes:
        raise ValueError(f"{n_bytes} bytes for an array of another size")


def _reconstruct(machine, kind, shape, code):
    """Make an empty array; the BUILD opcode that follows gives it shape and content."""
    if kind is not _NDARRAY or shape != (0,) or code not in (b"b", "b"):
        raise ValueError("an array of another kind")
    array = np.empty(0, np.int8)
    machine.unfilled[id(array)] = array
    return array


def _fill(machine, array, state):
    version, shape, dtype, is_fortran, raw = state
    if machine.unfilled.pop(id(array), None) is None:
        raise ValueError("an array filled twice")
    if version != 1 or type(is_fortran) not in (bool, int) or type(raw) is not bytes:
        raise ValueError("an array state of another kind")
    dtype = _dtype_of(dtype)
    _check_shape(shape, dtype, len(raw))
    machine.spend(len(raw))
    # numpy may keep large bytes as the array's memory, so it gets a copy without other references.
    array.__setstate__((1, shape, dtype, bool(is_fortran), bytes(bytearray(raw))))


def _frombuffer(machine, raw, dtype, shape, order, axes=None):
    if type(raw) not in (bytes, bytearray):
        raise ValueError("an array without bytes")
    dtype = _dtype_of(dtype)
    _check_shape(shape, dtype, len(raw))
    machine.spend(len(raw))
    native = dtype.newbyteorder("=")  # as numpy does for the other forms of a saved array
    flat = np.frombuffer(bytearray(raw), dtype).astype(native, copy=False)
    if order == "K" and axes is not None:
        if type(axes) not in (tuple, list) or any(type(axis) is not int for axis in axes):
            raise ValueError("axes that are not numbers")
        return flat.reshape(shape).transpose(axes)
    if order not in ("C", "F"):
        raise ValueError("an array in an unknown order")
    return flat.reshape(shape, order=order)


def _scalar(machine, dtype, raw):
    dtype = _dtype_of(dtype)
    if type(raw) is not bytes or len(raw) != dtype.itemsize:
        raise ValueError("a number of another size")
    return np.frombuffer(raw, dtype)[0]


def _encode(machine, text, encoding="latin1"):
    """Return the bytes that protocol 2 writes as text."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise ValueError("text in an unknown encoding")
    machine.spend(len(text))
    return text.encode("latin-1")


def _no_bytes(machine):
    """Return b'', which protocol 2 writes as a call of bytes."""
    return b""


_NDARRAY = _Name()
_NAMES = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Name(_Dtype),
    ("numpy.core.multiarray", "_reconstruct"): _Name(_reconstruct),
    ("numpy._core.multiarray", "_reconstruct"): _Name(_reconstruct),
    ("numpy.core.multiarray", "scalar"): _Name(_scalar),
    ("numpy._core.multiarray", "scalar"): _Name(_scalar),
    ("numpy.core.numeric", "_frombuffer"): _Name(_frombuffer),
    ("numpy._core.numeric", "_frombuffer"): _Name(_frombuffer),
    ("_codecs", "encode"): _Name(_encode),
    ("__builtin__", "bytes"): _Name(_no_bytes),
    ("builtins", "bytes"): _Name(_no_bytes),
}


class _Machine:
    """A machine for the opcodes, with the stack, the marks and the memo of the pickle format."""

    def __init__(self, n_bytes):
        self.stack, self.marks, self.memo = [], [], []
        self.unfilled = {}  # arrays between their creation and their content
        self.at = 0
        self.room = 2 * n_bytes  # protocol 2 writes an array as text, which becomes bytes first

    def spend(self, n_bytes):
        """Count bytes that become content; the memo may give the same bytes any number of times."""
        self.room -= n_bytes
        if self.room < 0:
            raise ValueError("more content than the file has bytes")

    def step(self, opcode, argument, position):
        self.at = position
        act = _OPCODES.get(opcode)
        if act is None:
            raise ValueError(f"opcode {opcode}, which arrays do not need")
        act(self, argument)
        if len(self.stack) > _HIGHEST_STACK or len(self.marks) > _MOST_OPEN:
            raise ValueError("too deeply nested")

    def result(self):
        if len(self.stack) != 1 or self.marks or self.unfilled:
            raise ValueError("more than one object, or half of one")
        return _value(self.stack[0])

    def pop_mark(self):
        begin = self.marks.pop()
        items = self.stack[begin:]
        del self.stack[begin:]
        return items

    def protocol(self, number):
        if not 2 <= number <= 5:
            raise ValueError(f"pickle protocol {number}, not 2 to 5")

    def ignore(self, argument):
        pass

    def push(self, argument):
        self.stack.append(argument)

    def push_int(self, number):
        if not -(2**63) <= number < 2**64:
            raise ValueError("a number of more than 64 bits")
        self.stack.append(number)

    def mark(self, _):
        self.marks.append(len(self.stack))

    def new_list(self, _):
        self.stack.append([])

    def new_dict(self, _):
        self.stack.append({})

    def new_tuple(self, _):
        self.stack.append(tuple(self.pop_mark()))

    def append(self, _):
        self.extend([self.stack.pop()])

    def appends(self, _):
        self.extend(self.pop_mark())

    def extend(self, items):
        if type(self.stack[-1]) is not list:
            raise ValueError("items without a list")
        self.stack[-1] += map(_value, items)

    def set_item(self, _):
        items = self.stack[-2:]
        del self.stack[-2:]
        self.update(items)

    def set_items(self, _):
        self.update(self.pop_mark())

    def update(self, items):
        if type(self.stack[-1]) is not dict or len(items) % 2:
            raise ValueError("items without a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, _KEYS):
                raise ValueError(f"a key of type {type(key).__name__}")
            self.stack[-1][key] = _value(value)

    def memoize(self, _):
        self.memo.append(self.stack[-1])

    def put(self, index):
        # Picklers count up from 0; with any index, the file would decide the length of the list.
        if index > len(self.memo):
            raise ValueError("a memo entry far beyond the others")
        self.memo[index : index + 1] = [self.stack[-1]]

    def get(self, index):
        self.stack.append(self.memo[index])

    def name_in_text(self, argument):
        module, _, name = argument.partition(" ")
        self.push_name(module, name)

    def name_on_stack(self, _):
        name, module = self.stack.pop(), self.stack.pop()
        self.push_name(module, name)

    def push_name(self, module, name):
        if type(module) is not str or type(name) is not str or (module, name) not in _NAMES:
            raise ValueError(f"it asks for {module!r:.60} {name!r:.60}")
        self.stack.append(_NAMES[module, name])

    def reduce(self, _):
        arguments, function = self.stack.pop(), self.stack.pop()
        if type(function) is not _Name or function.call is None or type(arguments) is not tuple:
            raise ValueError("a call of something that is no function")
        self.stack.append(function.call(self, *arguments))

    def build(self, _):
        state, thing = self.stack.pop(), self.stack[-1]
        if type(state) is not tuple:
            raise ValueError("a state of another kind")
        if type(thing) is _Dtype:
            thing.set_state(state)
        elif type(thing) is np.ndarray:
            _fill(self, thing, state)
        else:
            raise ValueError("a state for something that has none")


def _value(thing):
    """Return an object of the stack; ValueError for names and dtypes, which only arrays use."""
    if type(thing) in (_Name, _Dtype):
        raise ValueError("a name or a dtype on its own")
    return thing


def _constant(value):
    return lambda machine, _: machine.stack.append(value)


def _tuple_of(n):
    def act(machine, _):
        if len(machine.stack) < n:
            raise ValueError("a tuple without items")
        items = tuple(machine.stack[-n:])
        machine.stack[-n:] = [items]

    return act


_OPCODES = {
    "PROTO": _Machine.protocol,
    "FRAME": _Machine.ignore,
    "STOP": _Machine.ignore,
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "BININT": _Machine.push,
    "BININT1": _Machine.push,
    "BININT2": _Machine.push,
    "LONG1": _Machine.push_int,
    "LONG4": _Machine.push_int,
    "BINFLOAT": _Machine.push,
    "BINUNICODE": _Machine.push,
    "SHORT_BINUNICODE": _Machine.push,
    "BINUNICODE8": _Machine.push,
    "BINBYTES": _Machine.push,
    "SHORT_BINBYTES": _Machine.push,
    "BINBYTES8": _Machine.push,
    "BYTEARRAY8": _Machine.push,
    "MARK": _Machine.mark,
    "EMPTY_LIST": _Machine.new_list,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "EMPTY_DICT": _Machine.new_dict,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "EMPTY_TUPLE": _constant(()),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "TUPLE": _Machine.new_tuple,
    "MEMOIZE": _Machine.memoize,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": _Machine.name_in_text,
    "STACK_GLOBAL": _Machine.name_on_stack,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}
