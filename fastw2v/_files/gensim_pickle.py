"""A reader of the files that gensim's `save` wrote, versions 0.12 to 4.4, which runs no code.

Such a file is a pickle of an object with attributes, plain or packed by gzip or bzip2. Large arrays
are in files beside it: NAME.wv.vectors.npy belongs to NAME, or NAME.wv.vectors.npz to a packed one.
The machine of `pickle_machine` makes placeholders of all objects, classes and functions; nothing of
gensim is imported. An array is made when it is asked for: of plain numbers, never of objects.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from fastw2v._files import kinds, npz
from fastw2v._files.packing import open_unpacked, packing_of
from fastw2v._files.pickle_machine import (
    NAMES,
    Dtype,
    Machine,
    Name,
    as_long,
    check_shape,
    lengthy,
    opcodes_of,
    whole,
)

Path = str | os.PathLike[str]

_PACKED_RATIO = 1032  # bytes that a packed file may hold for each of its own, as those of zlib do
_STEP_BYTES = 1 << 20
_OBJECT = re.compile(rb"\x80[\x02-\x05](\x95.{8})?[c\x8cX]", re.S)
_TEXT_DTYPE = re.compile(r"U[1-9][0-9]{0,3}")
_AGAIN = "get the file again, or save the model again with gensim"
_MOST_DIGITS = 80
_MOST_BITS = 256  # of a number; random generators have some of 128


# ---- the machine


class ClassName:
    """A class or function that the file names; calling it makes a `Placeholder`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Placeholder:
    """An object of a class that this reader does not know, with the state that the file gives."""

    __slots__ = ("name", "state")

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: Any = None

    def attributes(self) -> dict[Any, Any]:
        """Return the attributes; none if the object has a state of another form."""
        state = self.state
        if type(state) is tuple and len(state) == 2:  # with attributes of __slots__ behind it
            state = state[0]
        return state if type(state) is dict else {}


class SavedArray:
    """A numpy array, as the file describes it: nothing of it is checked before `numbers`."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state: Any = None

    def raw(self) -> bytes | list[Any] | None:
        """Return the bytes of an array of numbers or the list of an array of objects."""
        raw = self.state[4] if type(self.state) is tuple and len(self.state) == 5 else None
        return raw if type(raw) in (bytes, list) else None

    def numbers(self) -> np.ndarray:
        """Return a view of the file's bytes. Raises ValueError unless it holds plain numbers."""
        raw = self.raw()
        if type(raw) is not bytes:
            raise ValueError("an array without numbers")
        _, shape, dtype, is_fortran, _ = self.state
        if not isinstance(dtype, Dtype):
            raise ValueError("an array without a dtype")
        kind = dtype.dtype()
        check_shape(shape, kind, len(raw))
        flat = np.frombuffer(raw, kind).astype(kind.newbyteorder("="), copy=False)
        return flat.reshape(shape, order="F" if is_fortran is True or is_fortran == 1 else "C")


class _AnyDtype(Dtype):
    """A dtype that may be that of objects; it is refused where an array of it is made."""

    def __init__(self, machine: Machine, code: Any, align: Any = False, copy: Any = True) -> None:
        self.machine, self.code = machine, _unified(code)
        self.state: Any = None

    def set_state(self, state: tuple[Any, ...]) -> None:
        self.state = tuple(map(_unified, state))

    def dtype(self) -> np.dtype[Any]:
        plain = Dtype(self.machine, self.code)
        if self.state is not None:
            plain.set_state(self.state)
        return plain.dtype()


def _unified(thing: Any) -> Any:
    """Return the text of Python 2 as text, all else as it is."""
    return as_text(thing) if type(thing) is bytes else thing


def _array(machine: Machine, *_: Any) -> SavedArray:
    return SavedArray()


def _scalar(machine: Machine, dtype: Any, raw: Any) -> Any:
    """Return a number or a text, such as the words of an array of words."""
    if not isinstance(dtype, _AnyDtype) or type(raw) is not bytes:
        return Placeholder("numpy.scalar")
    if type(dtype.code) is str and _TEXT_DTYPE.fullmatch(dtype.code):
        order = "be" if dtype.state is not None and dtype.state[1:2] == (">",) else "le"
        machine.spend(len(raw))
        return raw.decode(f"utf-32-{order}", "surrogatepass").rstrip("\0")
    kind = dtype.dtype()
    if len(raw) != kind.itemsize:
        raise ValueError("a number of another size")
    return np.frombuffer(raw, kind)[0]


def _without_class(machine: Machine, kind: Any, *_: Any) -> Placeholder:
    """Return a placeholder for an object of a class, which is the first argument."""
    return Placeholder(kind.name if type(kind) is ClassName else "object")


def _line(data: bytes, at: int, n: int) -> tuple[int, int]:
    """Return an integer in decimal digits, which ends with its line."""
    end = data.index(b"\n", at, at + _MOST_DIGITS)
    return int(data[at:end]), end + 1


_RECONSTRUCT = [(f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")]
_SCALAR = [(f"numpy.{core}.multiarray", "scalar") for core in ("core", "_core")]


class _GensimMachine(Machine):
    """A machine that puts placeholders for objects, and reads the text of Python 2 as bytes."""

    names: ClassVar[Mapping[tuple[str, str], Name]] = {
        **NAMES,
        ("numpy", "dtype"): Name(_AnyDtype),
        **dict.fromkeys(_RECONSTRUCT, Name(_array)),
        **dict.fromkeys(_SCALAR, Name(_scalar)),
        ("copy_reg", "_reconstructor"): Name(_without_class),
        ("copyreg", "_reconstructor"): Name(_without_class),
    }

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.known: dict[tuple[str, str], ClassName] = {}
        self.keys: dict[bytes, str] = {}  # of Python 2, each decoded once

    def value(self, thing: Any) -> Any:
        return thing

    def unknown_name(self, module: str, name: str) -> ClassName:
        return self.known.setdefault((module, name), ClassName(f"{module}.{name}"))

    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        if type(function) is ClassName:
            return Placeholder(function.name)
        return super().call(function, arguments)

    def put(self, index: int) -> None:
        if index == 1 and not self.memo:
            self.memo.append(None)  # Python 2 counts from 1
        super().put(index)

    def call_with_keywords(self, _: None) -> None:
        self.stack.pop()
        self.reduce(None)

    def set_state(self, thing: Any, state: Any) -> None:
        if type(thing) in (Placeholder, SavedArray):
            thing.state = state
        elif type(thing) is _AnyDtype and type(state) is tuple:
            thing.set_state(state)
        else:
            raise ValueError("a state for something that has none")

    def extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is list:
            self.stack[-1] += items
        elif type(self.stack[-1]) is not Placeholder:
            raise ValueError("items without a list")

    def update(self, items: list[Any]) -> None:
        """Add items to a dict; other objects do not need theirs."""
        target = self.stack[-1]
        if type(target) not in (dict, Placeholder) or len(items) % 2:
            raise ValueError("items without a dict")
        if type(target) is Placeholder:
            return
        for key, value in zip(items[::2], items[1::2], strict=True):
            kind = type(key)
            if kind is str or kind is int:
                target[key] = value
            elif kind is bytes:
                text = self.keys.get(key)
                if text is None:
                    text = self.keys[key] = as_text(key)
                target[text] = value
            elif isinstance(key, np.integer):
                target[int(key)] = value

    def push_int(self, number: int) -> None:
        if number.bit_length() > _MOST_BITS:
            raise ValueError(f"a number of more than {_MOST_BITS} bits")
        self.stack.append(number)

    def drop_items(self, _: None) -> None:
        self.pop_mark()

    opcodes = dict(Machine.opcodes) | opcodes_of(
        {
            b"q": (put, whole(1)),
            b"r": (put, whole(4)),
            b"\x81": (Machine.reduce, None),
            b"\x92": (call_with_keywords, None),
            b"\x8a": (push_int, lengthy(1, as_long)),
            b"\x8b": (push_int, lengthy(4, as_long)),
            b"I": (push_int, _line),  # an int of Python 2 that does not fit into 32 bits
            b"U": (Machine.push, lengthy(1)),  # the str of Python 2
            b"T": (Machine.push, lengthy(4)),
            b"\x8f": (lambda machine, _: machine.stack.append(Placeholder("set")), None),
            b"\x90": (drop_items, None),
            b"\x91": (Machine.new_tuple, None),  # a frozenset
        }
    )


def as_text(raw: bytes) -> str:
    """Return a text of Python 2, which most often is UTF-8, and else Latin-1."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


# ---- files


def holds_object(name: Path) -> bool:
    """Tell whether a file is a pickle, plain or packed, that begins with an object of a class."""
    start = _start(name)
    kind = kinds.kind_of(start)
    if kind is None or kind.name not in ("gensim", "pickle"):
        return False
    return kind.name == "gensim" or _OBJECT.match(start) is not None


def holds_fasttext(name: Path) -> bool:
    """Tell whether a file is such a pickle of a FastText or its vectors."""
    return holds_object(name) and b"FastText" in _start(name)


def _start(name: Path) -> bytes:
    """Return the first bytes of a file, unpacked."""
    start = kinds.first_bytes(name)
    if packing_of(start) is None:
        return start
    with open_unpacked(name) as stream:
        return stream.read(kinds.START_BYTES)


class Saved:
    """An object of a file: its attributes, and arrays of the files beside it.

    file: the name of the pickle. kind: the name of the class, without its module.
    """

    def __init__(self, file: Path, path: str, mmap: str | None, thing: Placeholder) -> None:
        self.file, self._path, self._mmap = file, path, mmap
        self.kind = thing.name.rpartition(".")[2]
        self.attributes = thing.attributes()

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute that is a number, a text or None, as Python has them.

        Raises ValueError for any other object.
        """
        value = _unified(self.attributes.get(name, default))
        value = value.item() if isinstance(value, np.generic) else value
        if value is not None and type(value) not in (bool, int, float, str):
            raise ValueError(f"{self.file}: {name} is no number and no text; {_AGAIN}")
        return value

    def has(self, name: str) -> bool:
        """Tell whether the object has an attribute, here or in a file beside."""
        return name in self.attributes or self._is_beside(name)

    def part(self, name: str) -> Saved | None:
        """Return an attribute that is an object; None if there is none."""
        thing = self.attributes.get(name)
        if type(thing) is not Placeholder:
            return None
        return Saved(self.file, f"{self._path}.{name}", self._mmap, thing)

    def array(self, name: str) -> np.ndarray | None:
        """Return an attribute that is an array of numbers; None if there is none.

        Raises FileNotFoundError that names the missing file beside this one, ValueError for damage.
        """
        if self._is_beside(name):
            return self._array_beside(f"{self._path}.{name}")
        thing = self.attributes.get(name)
        if isinstance(thing, np.ndarray):
            return thing
        if type(thing) is not SavedArray:
            return None
        try:
            return np.array(thing.numbers())
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.file}: {name}: {error}; {_AGAIN}") from error

    def _is_beside(self, name: str) -> bool:
        beside = self.attributes.get("__numpys")
        return isinstance(beside, list) and (name in beside or name.encode() in beside)

    def _array_beside(self, path: str) -> np.ndarray:
        packed = path + ".npz"
        if not os.path.exists(path + ".npy") and os.path.exists(packed):
            expected = "an array that gensim saved"
            with npz.Archive(packed, expected, _AGAIN, packed=True) as archive:
                return archive.array("val")
        path += ".npy"
        if not os.path.exists(path):
            raise FileNotFoundError(
                f"{path}: no such file; gensim saved a part of {os.fspath(self.file)} in it, put "
                "it into the same folder, under this name"
            )
        return read_array(path, self._mmap)


def read(name: Path, mmap: str | None = None) -> Saved:
    """Read a file of gensim's `save`; code in it is never run.

    mmap: "c" or "r" maps the arrays of files beside it, None reads them.

    Raises OSError if the file cannot be read, ValueError if it holds no object or is damaged.
    """
    kinds.check_readable(name, "a model")
    machine = _GensimMachine(_content(name))
    try:
        thing = machine.run()
        if type(thing) is not Placeholder:
            raise ValueError(f"an object of type {type(thing).__name__}")
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ValueError(
            f"{name}: expected an object that gensim saved, got a pickle that could not be parsed "
            f"past byte {machine.at} ({reason}); nothing of it was run. {_AGAIN.capitalize()}"
        ) from error
    return Saved(name, os.fspath(name), mmap, thing)


def _content(name: Path) -> bytes:
    """Return the bytes of a file, unpacked in steps: a small file could hold any number of them."""
    left = _PACKED_RATIO * os.path.getsize(name)
    parts = []
    with open_unpacked(name) as stream:
        while part := stream.read(_STEP_BYTES):
            parts.append(part)
            left -= len(part)
            if left < 0:
                raise ValueError(
                    f"{name}: expected at most {_PACKED_RATIO} bytes for each byte of the packed "
                    "file, got more; unpack it first"
                )
    return b"".join(parts)


def read_array(name: Path, mmap: str | None = None) -> np.ndarray:
    """Read or map a .npy file of numbers, whose header must agree with its size.

    Raises ValueError if it is damaged or holds anything else.
    """
    try:
        with open(name, "rb") as stream:
            version = np.lib.format.read_magic(stream)
            if version not in ((1, 0), (2, 0)):
                raise ValueError(f"format {version}")
            header = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
            shape, is_fortran, dtype = header(stream)
            begin = stream.tell()
            if dtype.kind not in "biuf" or not 1 <= dtype.itemsize <= 8:
                raise ValueError(f"an array of {dtype}")
            n_bytes = os.path.getsize(name) - begin
            if not all(type(n) is int for n in shape):
                raise ValueError("a shape that is not made of lengths")
            check_shape(shape, dtype, n_bytes)
            if mmap is None or not n_bytes:
                flat = np.fromfile(stream, dtype, n_bytes // dtype.itemsize)
                return flat.reshape(shape, order="F" if is_fortran else "C")
        order: Any = "F" if is_fortran else "C"
        return np.memmap(name, dtype, mmap, begin, shape, order).view(np.ndarray)  # type: ignore
    except OSError:
        raise
    except Exception as error:  # numpy's parser raises several of its own
        reason = str(error) or type(error).__name__
        raise ValueError(
            f"{name}: expected an array of numbers (.npy), got a damaged or foreign file "
            f"({reason}); {_AGAIN}"
        ) from error
