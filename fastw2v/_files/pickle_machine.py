"""A machine for pickles that runs no code of a file.

The pickle module would execute any call that a file asks for. Here its opcodes (listed by
pickletools) drive a small machine that knows lists, dicts, tuples, text, bytes, numbers and numpy
arrays of numbers. The few names that a file may mention are keys of a table of functions of this
module, by exact module and name. Nothing is imported and no attribute is read. No size is believed
before the bytes are there, so memory stays proportional to the size of the file.

`Machine` refuses every other name. `_files/gensim_pickle.py` has one that puts placeholders for
them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

_DTYPES = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
_KEYS = (str, int, np.integer)  # types that hash without recursion
_MOST_DIMENSIONS = 32
_HIGHEST_STACK = 1_000_000  # picklers empty the stack every thousand items
_MOST_OPEN = 100  # lists, dicts and tuples that have begun and not ended


# ---- names


class Name:
    """A name of the allow-list on the machine's stack; `call` is its function, if it has one."""

    def __init__(self, call: Callable[..., Any] | None = None) -> None:
        self.call = call


class Dtype:
    """A dtype that the file builds: numpy.dtype('f2', False, True), then its byte order.

    Raises ValueError for a dtype of other than plain numbers.
    """

    def __init__(self, machine: Machine, code: Any, align: Any = False, copy: Any = True) -> None:
        if type(code) is not str or code not in _DTYPES:
            got = repr(code) if type(code) is str else type(code).__name__
            raise ValueError(f"arrays of {got:.40}")
        self.code, self.order = code, "="

    def set_state(self, state: tuple[Any, ...]) -> None:
        """Set the byte order."""
        version, order, *rest = state
        if version != 3 or order not in ("<", ">", "|", "=") or rest != [None] * 3 + [-1, -1, 0]:
            raise ValueError("a dtype with fields")
        self.order = order

    def dtype(self) -> np.dtype[Any]:
        """Return the dtype that was built."""
        return np.dtype(self.order + self.code)


def dtype_of(thing: Any) -> np.dtype[Any]:
    """Return the dtype that a `Dtype` stands for. Raises ValueError for anything else."""
    if not isinstance(thing, Dtype):
        raise ValueError("an array without a dtype")
    return thing.dtype()


def check_shape(shape: Any, dtype: np.dtype[Any], n_bytes: int) -> None:
    """Check that a shape needs exactly n_bytes; Python's integers do not overflow."""
    if type(shape) is not tuple or len(shape) > _MOST_DIMENSIONS:
        raise ValueError("an array without a shape")
    if any(type(n) is not int or n < 0 for n in shape):
        raise ValueError("a shape that is not made of lengths")
    if math.prod(shape) * dtype.itemsize != n_bytes:
        raise ValueError(f"{n_bytes} bytes for an array of another size")


def _reconstruct(machine: Machine, kind: Any, shape: Any, code: Any) -> np.ndarray:
    """Make an empty array; the BUILD opcode that follows gives it shape and content."""
    if kind is not _NDARRAY or shape != (0,) or code not in (b"b", "b"):
        raise ValueError("an array of another kind")
    array = np.empty(0, np.int8)
    machine.unfilled[id(array)] = array
    return array


def _fill(machine: Machine, array: np.ndarray, state: tuple[Any, ...]) -> None:
    version, shape, dtype, is_fortran, raw = state
    if machine.unfilled.pop(id(array), None) is None:
        raise ValueError("an array filled twice")
    if version != 1 or type(is_fortran) not in (bool, int) or type(raw) is not bytes:
        raise ValueError("an array state of another kind")
    dtype = dtype_of(dtype)
    check_shape(shape, dtype, len(raw))
    machine.spend(len(raw))
    # numpy may keep large bytes as the array's memory, so it gets a copy without other references.
    array.__setstate__((1, shape, dtype, bool(is_fortran), bytes(bytearray(raw))))  # type: ignore


def _frombuffer(
    machine: Machine, raw: Any, dtype: Any, shape: Any, order: Any, axes: Any = None
) -> np.ndarray:
    if type(raw) not in (bytes, bytearray):
        raise ValueError("an array without bytes")
    dtype = dtype_of(dtype)
    check_shape(shape, dtype, len(raw))
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


def _scalar(machine: Machine, dtype: Any, raw: Any) -> Any:
    dtype = dtype_of(dtype)
    if type(raw) is not bytes or len(raw) != dtype.itemsize:
        raise ValueError("a number of another size")
    return np.frombuffer(raw, dtype)[0]


def _encode(machine: Machine, text: Any, encoding: Any = "latin1") -> bytes:
    """Return the bytes that protocol 2 writes as text."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise ValueError("text in an unknown encoding")
    machine.spend(len(text))
    return text.encode("latin-1")


def _no_bytes(machine: Machine) -> bytes:
    """Return b'', which protocol 2 writes as a call of bytes."""
    return b""


_NDARRAY = Name()
NAMES = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): Name(Dtype),
    ("numpy.core.multiarray", "_reconstruct"): Name(_reconstruct),
    ("numpy._core.multiarray", "_reconstruct"): Name(_reconstruct),
    ("numpy.core.multiarray", "scalar"): Name(_scalar),
    ("numpy._core.multiarray", "scalar"): Name(_scalar),
    ("numpy.core.numeric", "_frombuffer"): Name(_frombuffer),
    ("numpy._core.numeric", "_frombuffer"): Name(_frombuffer),
    ("_codecs", "encode"): Name(_encode),
    ("__builtin__", "bytes"): Name(_no_bytes),
    ("builtins", "bytes"): Name(_no_bytes),
}


# ---- the machine


class Machine:
    """A machine for the opcodes, with the stack, the marks and the memo of the pickle format.

    at: the place of the opcode that runs, for messages.
    """

    names: ClassVar[Mapping[tuple[str, str], Name]] = NAMES

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: list[Any] = []
        self.unfilled: dict[int, np.ndarray] = {}  # arrays between their creation and their content
        self.room = 2 * len(data)  # protocol 2 writes an array as text, which becomes bytes first

    def run(self) -> Any:
        """Return the object that the file holds.

        Raises ValueError, or another error of Python, for a file with any other content.
        """
        data, stack, marks = self.data, self.stack, self.marks
        opcodes, at, n = self.opcodes, 0, len(data)
        while True:
            self.at = at
            opcode = data[at] if at < n else None
            if opcode == _STOP:
                break
            if opcode not in opcodes:
                raise ValueError(_unknown(opcode))
            act, read = opcodes[opcode]
            if read is None:
                act(self, None)
                at += 1
            else:
                argument, at = read(data, at + 1, n)
                act(self, argument)
            if len(stack) > _HIGHEST_STACK or len(marks) > _MOST_OPEN:
                raise ValueError("too deeply nested")
        if len(stack) != 1 or marks or self.unfilled:
            raise ValueError("more than one object, or half of one")
        return self.value(stack[0])

    def spend(self, n_bytes: int) -> None:
        """Count bytes that become content; the memo may give the same bytes any number of times."""
        self.room -= n_bytes
        if self.room < 0:
            raise ValueError("more content than the file has bytes")

    def value(self, thing: Any) -> Any:
        """Return an object of the stack; ValueError for names and dtypes, which only arrays use."""
        if type(thing) in (Name, Dtype):
            raise ValueError("a name or a dtype on its own")
        return thing

    def pop_mark(self) -> list[Any]:
        """Return the objects since the last mark, which leave the stack."""
        begin = self.marks.pop()
        items = self.stack[begin:]
        del self.stack[begin:]
        return items

    # Each method below runs an opcode with its argument.

    def protocol(self, number: int) -> None:
        if not 2 <= number <= 5:
            raise ValueError(f"pickle protocol {number}, not 2 to 5")

    def ignore(self, argument: Any) -> None:
        pass

    def push(self, argument: Any) -> None:
        self.stack.append(argument)

    def push_int(self, number: int) -> None:
        if not -(2**63) <= number < 2**64:
            raise ValueError("a number of more than 64 bits")
        self.stack.append(number)

    def mark(self, _: None) -> None:
        self.marks.append(len(self.stack))

    def new_list(self, _: None) -> None:
        self.stack.append([])

    def new_dict(self, _: None) -> None:
        self.stack.append({})

    def new_tuple(self, _: None) -> None:
        self.stack.append(tuple(self.pop_mark()))

    def append(self, _: None) -> None:
        self.extend([self.stack.pop()])

    def appends(self, _: None) -> None:
        self.extend(self.pop_mark())

    def extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise ValueError("items without a list")
        self.stack[-1] += map(self.value, items)

    def set_item(self, _: None) -> None:
        items = self.stack[-2:]
        del self.stack[-2:]
        self.update(items)

    def set_items(self, _: None) -> None:
        self.update(self.pop_mark())

    def update(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not dict or len(items) % 2:
            raise ValueError("items without a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, _KEYS):
                raise ValueError(f"a key of type {type(key).__name__}")
            self.stack[-1][key] = self.value(value)

    def memoize(self, _: None) -> None:
        self.memo.append(self.stack[-1])

    def put(self, index: int) -> None:
        # Picklers count up from 0; with any index, the file would decide the length of the list.
        if index > len(self.memo):
            raise ValueError("a memo entry far beyond the others")
        self.memo[index : index + 1] = [self.stack[-1]]

    def get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def name_in_text(self, argument: tuple[str, str]) -> None:
        self.push_name(*argument)

    def name_on_stack(self, _: None) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if type(module) is not str or type(name) is not str:
            raise ValueError("a name that is no text")
        self.push_name(module, name)

    def push_name(self, module: str, name: str) -> None:
        found = self.names.get((module, name))
        self.stack.append(self.unknown_name(module, name) if found is None else found)

    def unknown_name(self, module: str, name: str) -> Any:
        raise ValueError(f"it asks for {module!r:.60} {name!r:.60}")

    def reduce(self, _: None) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if type(arguments) is not tuple:
            raise ValueError("a call without arguments")
        self.stack.append(self.call(function, arguments))

    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        if type(function) is not Name or function.call is None:
            raise ValueError("a call of something that is no function")
        return function.call(self, *arguments)

    def build(self, _: None) -> None:
        state = self.stack.pop()
        self.set_state(self.stack[-1], state)

    def set_state(self, thing: Any, state: Any) -> None:
        if type(state) is not tuple:
            raise ValueError("a state of another kind")
        if type(thing) is Dtype:
            thing.set_state(state)
        elif type(thing) is np.ndarray:
            _fill(self, thing, state)
        else:
            raise ValueError("a state for something that has none")

    opcodes: Mapping[int | None, Opcode]  # set below, from the methods


# An opcode's method, and the function that reads its argument; None: it has none.
Opcode = tuple[Callable[[Any, Any], None], Callable[[bytes, int, int], tuple[Any, int]] | None]

_STOP = ord(".")


def _unknown(opcode: int | None) -> str:
    if opcode is None:
        return "it ends before its end mark"
    import pickletools  # for damaged files alone

    named = pickletools.code2op.get(chr(opcode))  # type: ignore[attr-defined]
    name = f"opcode {named.name}" if named else f"byte {opcode}"
    return f"{name}, which arrays do not need"


# ---- arguments of opcodes: each function takes the data, a place and the number of bytes, and
# returns the argument and the place behind it


def _take(data: bytes, at: int, end: int, n: int) -> bytes:
    if end > n:
        raise ValueError("it ends inside an object")
    return data[at:end]


def whole(width: int, signed: bool = False) -> Callable[[bytes, int, int], tuple[int, int]]:
    """Return a function that reads a little-endian integer of `width` bytes."""

    def read(data: bytes, at: int, n: int) -> tuple[int, int]:
        end = at + width
        return int.from_bytes(_take(data, at, end, n), "little", signed=signed), end

    return read


def lengthy(
    width: int, convert: Callable[[bytes], Any] | None = None
) -> Callable[[bytes, int, int], tuple[Any, int]]:
    """Return a function that reads bytes behind their length, which takes `width` bytes."""

    def read(data: bytes, at: int, n: int) -> tuple[Any, int]:
        begin = at + width
        end = begin + int.from_bytes(_take(data, at, begin, n), "little")
        raw = _take(data, begin, end, n)
        return (raw if convert is None else convert(raw)), end

    return read


def _byte(data: bytes, at: int, n: int) -> tuple[int, int]:
    return _take(data, at, at + 1, n)[0], at + 1


def _float(data: bytes, at: int, n: int) -> tuple[float, int]:
    return struct.unpack(">d", _take(data, at, at + 8, n))[0], at + 8


def _two_lines(data: bytes, at: int, n: int) -> tuple[tuple[str, str], int]:
    middle = data.index(b"\n", at)
    end = data.index(b"\n", middle + 1)
    return (data[at:middle].decode(), data[middle + 1 : end].decode()), end + 1


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def as_long(raw: bytes) -> int:
    """Return a little-endian integer of any length that a pickle may have."""
    if len(raw) > 40:  # Python takes time that grows with the square of the length to print it
        raise ValueError("a number of more than 64 bits")
    return int.from_bytes(raw, "little", signed=True)


def _constant(value: Any) -> Callable[[Machine, None], None]:
    return lambda machine, _: machine.stack.append(value)


def _tuple_of(n: int) -> Callable[[Machine, None], None]:
    def act(machine: Machine, _: None) -> None:
        if len(machine.stack) < n:
            raise ValueError("a tuple without items")
        items = tuple(machine.stack[-n:])
        machine.stack[-n:] = [items]

    return act


def opcodes_of(table: Mapping[bytes, Opcode]) -> dict[int | None, Opcode]:
    """Return a table of opcodes by their numbers."""
    return {code[0]: opcode for code, opcode in table.items()}


Machine.opcodes = opcodes_of(
    {
        b"\x80": (Machine.protocol, _byte),
        b"\x95": (Machine.ignore, whole(8)),  # a frame
        b"N": (_constant(None), None),
        b"\x88": (_constant(True), None),
        b"\x89": (_constant(False), None),
        b"J": (Machine.push, whole(4, signed=True)),
        b"K": (Machine.push, _byte),
        b"M": (Machine.push, whole(2)),
        b"\x8a": (Machine.push_int, lengthy(1, as_long)),
        b"\x8b": (Machine.push_int, lengthy(4, as_long)),
        b"G": (Machine.push, _float),
        b"X": (Machine.push, lengthy(4, _text)),
        b"\x8c": (Machine.push, lengthy(1, _text)),
        b"\x8d": (Machine.push, lengthy(8, _text)),
        b"B": (Machine.push, lengthy(4)),
        b"C": (Machine.push, lengthy(1)),
        b"\x8e": (Machine.push, lengthy(8)),
        b"\x96": (Machine.push, lengthy(8, bytearray)),
        b"(": (Machine.mark, None),
        b"]": (Machine.new_list, None),
        b"a": (Machine.append, None),
        b"e": (Machine.appends, None),
        b"}": (Machine.new_dict, None),
        b"s": (Machine.set_item, None),
        b"u": (Machine.set_items, None),
        b")": (_constant(()), None),
        b"\x85": (_tuple_of(1), None),
        b"\x86": (_tuple_of(2), None),
        b"\x87": (_tuple_of(3), None),
        b"t": (Machine.new_tuple, None),
        b"\x94": (Machine.memoize, None),
        b"q": (Machine.put, _byte),
        b"r": (Machine.put, whole(4)),
        b"h": (Machine.get, _byte),
        b"j": (Machine.get, whole(4)),
        b"c": (Machine.name_in_text, _two_lines),
        b"\x93": (Machine.name_on_stack, None),
        b"R": (Machine.reduce, None),
        b"b": (Machine.build, None),
    }
)
