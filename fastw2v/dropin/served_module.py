"""A module of the book as fastw2v serves it: our names first, then the reader's additions.

A served module looks up each name at each access and holds no copies. Therefore `config.check`
runs at every import, and the reader's own file is opened only for a name that neither the book nor
fastw2v has.
"""

from __future__ import annotations

import ast
import importlib
import linecache
import os
import sys
import types
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder, SourceFileLoader
from typing import Any

from fastw2v import config
from fastw2v.dropin.book_names import HOMES, LIBRARIES, SERVED, Book

_MISSING = object()
_SWITCH = "common.config"

# Modules whose top level took something from a served module; `uninstall` unloads them too.
importers: set[str] = set()


def what_is_served(models: bool | None = None) -> str:
    """Return a line that says it; models: as for `finder.install`.

    >>> what_is_served(False)
    'common.*, negative_sampling_layer and attention_layer run compiled'
    """
    if models is False:
        return "common.*, negative_sampling_layer and attention_layer run compiled"
    kind = "the book's" if models else "unchanged"
    return f"common.*, negative_sampling_layer, attention_layer and {kind} model files run compiled"


_quiet = False


def be_quiet(quiet: bool = True) -> None:
    """Decide whether `say` prints."""
    global _quiet
    _quiet = quiet


def say(message: str) -> None:
    """Print a line on stderr, marked as ours, unless `be_quiet` was called."""
    if not _quiet:
        say_error(message)


def say_error(message: str) -> None:
    """Print a line on stderr, marked as ours, that --quiet does not suppress."""
    print(f"fastw2v: {message}", file=sys.stderr, flush=True)


class FoldersOnPath(Sequence[str]):
    """The `__path__` of a shared package: its folders on the current sys.path.

    It is computed at each access, because scripts of the book append `..` to sys.path while they
    run, some after the first import.
    """

    def __init__(self, package: str) -> None:
        self.package = package

    def _now(self) -> list[str]:
        entries = [entry for entry in sys.path if isinstance(entry, str)]
        folders = [os.path.abspath(os.path.join(entry, self.package)) for entry in entries]
        return [folder for folder in dict.fromkeys(folders) if os.path.isdir(folder)]

    def __getitem__(self, index: Any) -> Any:
        return self._now()[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def __repr__(self) -> str:
        return f"FoldersOnPath({self._now()!r})"


class ReadersFile:
    """The reader's own file of a served module, parsed at once and executed only by `load`."""

    def __init__(self, fullname: str, path: str, source: str) -> None:
        self.fullname = fullname
        self.path = path
        self.source = source
        self.tree = ast.parse(source, path)
        self.module: types.ModuleType | None = None

    @classmethod
    def find(cls, fullname: str) -> ReadersFile | None:
        """Return the file that the reader has for a module, if any."""
        package = fullname.rpartition(".")[0]
        folders = list(FoldersOnPath(package)) if package else None
        spec = PathFinder.find_spec(fullname, folders)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        return cls(fullname, spec.loader.path, spec.loader.get_source(fullname) or "")

    def bound(self) -> tuple[set[str], bool]:
        """Return the names that the file binds at its top level, and whether the list is complete.

        It is incomplete if the file star-imports from a module that is not served.
        """
        import symtable

        table = symtable.symtable(self.source, self.path, "exec")
        names = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
        known = True
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names):
                package = self.fullname.rpartition(".")[0] if node.level else ""
                source = ".".join(filter(None, (package, node.module)))
                if source in SERVED:
                    names.update(importlib.import_module(source).__all__)
                else:
                    known = False
        return names, known

    def load(self, ours: dict[str, object]) -> types.ModuleType:
        """Execute the file with the names in `ours`, and without its own definitions of them.

        A class that the reader added then uses our layers, as the rest of the script does.
        """
        if self.module is None:
            module = types.ModuleType(self.fullname)
            module.__file__ = self.path
            module.__package__ = self.fullname.rpartition(".")[0]
            vars(module).update(ours)
            definitions = (ast.FunctionDef, ast.ClassDef)
            body = [
                node
                for node in self.tree.body
                if not (isinstance(node, definitions) and node.name in ours)
            ]
            code = compile(ast.Module(body, []), self.path, "exec", dont_inherit=True)
            self.module = module  # before it runs, because its imports may lead back to it
            try:
                exec(code, vars(module))
            except BaseException:
                self.module = None
                raise
        return self.module


class _Names:
    """The sources of the names of one served module."""

    def __init__(self, fullname: str, book: Book) -> None:
        self.fullname = fullname
        self.book = book
        self.home = importlib.import_module(book.home) if book.home else None
        self.file: ReadersFile | None = None
        self.reported: set[str] = set()

    def get(self, name: str) -> object:
        """Return a name of the book from our module, else the reader's, else another of ours."""
        value = self.of_the_book(name)
        if value is _MISSING:
            value = self.of_the_reader(name)
        if value is _MISSING and not name.startswith("_"):
            value = getattr(self.home, name, _MISSING)
        if value is _MISSING:
            raise AttributeError(f"module {self.fullname!r} (served by fastw2v) has no {name!r}")
        return value

    def star(self) -> list[str]:
        """Return the names that `from ... import *` gives."""
        ours = self.all_of_the_book()
        return [*ours, *self.added(ours)]

    def of_the_book(self, name: str) -> object:
        """Return one of the names that the book's module defines or leaks, or _MISSING."""
        if name in self.book.defines:
            return getattr(self.home, name, _MISSING)
        if name not in self.book.leaks:
            return _MISSING
        if name == "GPU":
            return config.GPU
        source = LIBRARIES.get(name) or HOMES[name]
        try:
            module = importlib.import_module(source)
        except ImportError:  # no matplotlib, or a module that this fastw2v does not have
            return _MISSING
        return module if name in LIBRARIES else getattr(module, name, _MISSING)

    def all_of_the_book(self) -> dict[str, object]:
        """Return all names that the book's module defines or leaks, with their values."""
        values = {n: self.of_the_book(n) for n in (*self.book.defines, *self.book.leaks)}
        return {name: value for name, value in values.items() if value is not _MISSING}

    def of_the_reader(self, name: str) -> object:
        """Return a name that the reader's file binds, or _MISSING."""
        file = self.readers_file()
        if file is None:
            return _MISSING
        names, known = file.bound()
        if known and name not in names:
            return _MISSING
        try:
            value = vars(file.load(self.all_of_the_book())).get(name, _MISSING)
        except AttributeError as error:  # which Python would take for a missing name
            raise ImportError(f"{file.path}: {error}", name=self.fullname) from error
        if value is not _MISSING:
            self.report([name])
        return value

    def added(self, ours: dict[str, object]) -> list[str]:
        """Return the public names that only the reader's file has; execute it if there are any."""
        file = self.readers_file()
        if file is None:
            return []
        names, known = file.bound()
        names -= {*ours, *LIBRARIES}
        if known and not any(not name.startswith("_") for name in names):
            return []
        try:
            space = vars(file.load(ours))
        except Exception as error:
            # Plain Python would raise here, but the script may not need any of these names.
            reason = f"{type(error).__name__}: {error}"
            say(f"{self.fullname}: nothing taken from {file.path}, which raised {reason}")
            return []
        candidates = names if known else set(space) - {*ours, *LIBRARIES}
        public = sorted(n for n in candidates if n in space and not n.startswith("_"))
        self.report(public)
        return public

    def readers_file(self) -> ReadersFile | None:
        """Return the reader's file, which is looked for again until it exists."""
        if self.file is None:
            self.file = ReadersFile.find(self.fullname)
        return self.file

    def report(self, names: list[str]) -> None:
        """Tell on stderr, once, which names come from the reader's file."""
        # A name of the book that the file only imports is one of ours.
        new = [name for name in names if name not in self.reported and name not in HOMES]
        if new and self.file is not None:
            self.reported.update(new)
            say(f"{self.fullname}: {', '.join(new)} taken from {self.file.path}")


class ServedModule(types.ModuleType):
    """A module of the book whose names are looked up in `_Names` at each access."""

    __served__: _Names

    def serve(self, book: Book) -> None:
        """Begin to serve the names of a module of the book."""
        self.__served__ = _Names(self.__name__, book)
        self.__doc__ = getattr(self.__served__.home, "__doc__", None)

    def __getattr__(self, name: str) -> object:
        # Import machinery and inspection tools probe dunder names, which no file defines.
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self._asked(sys._getframe(1))
        return self.__served__.get(name)

    @property
    def __all__(self) -> list[str]:
        self._asked(sys._getframe(1))
        return self.__served__.star()

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__served__.all_of_the_book()})

    def __setattr__(self, name: str, value: object) -> None:
        if name == "GPU" and self.__name__ == _SWITCH:
            config.set_gpu(value, _line_of(sys._getframe(1)))
        else:
            super().__setattr__(name, value)

    def _asked(self, frame: types.FrameType) -> None:
        if frame.f_code.co_name == "<module>":
            name = frame.f_globals.get("__name__", "")
            if name.partition(".")[0] != "fastw2v":  # a doctest runs in the names of its module
                importers.add(name)
        if self.__name__ != _SWITCH:  # the module in which the switch can be reset
            config.check()


def _line_of(frame: types.FrameType) -> str:
    path, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(path, line, frame.f_globals).strip()
    return f"line {line} of {path}" + (f": {text}" if text else "")


# Files that `look_at_readers_config` has read. A switch that was reset by hand remains reset.
seen_configs: set[str] = set()


def look_at_readers_config() -> None:
    """Notice a `GPU = True` in the reader's own common/config.py, which is never executed."""
    file = ReadersFile.find(_SWITCH)
    if file is None or file.path in seen_configs:
        return
    seen_configs.add(file.path)
    for node in file.tree.body:
        match node:
            case ast.Assign([ast.Name("GPU")], ast.Constant(value)):
                line = file.source.splitlines()[node.lineno - 1].strip()
                config.set_gpu(value, f"line {node.lineno} of {file.path}: {line}")
