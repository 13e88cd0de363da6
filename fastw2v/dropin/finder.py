"""The finder on `sys.meta_path` that serves the book's import names, and its installation.

>>> import fastw2v.dropin
>>> fastw2v.dropin.install()
>>> from common.layers import Embedding, np
>>> Embedding.__module__, np.__name__
('fastw2v.layers', 'numpy')
>>> fastw2v.dropin.uninstall()

`common` and ch04 ... ch08 are shared packages: a module that fastw2v has comes from fastw2v, any
other from the reader's folders, whether or not these exist. `book_names` lists the served modules,
`served_module` is one of them, and `run_script` runs scripts.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import types
import warnings
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING

import numpy as np

from fastw2v import config
from fastw2v.dropin.book_names import MODELS, PACKAGES, SERVED, Book
from fastw2v.dropin.served_module import (
    FoldersOnPath,
    ReadersFile,
    ServedModule,
    importers,
    look_at_readers_config,
    say,
    seen_configs,
    what_is_served,
)

if TYPE_CHECKING:
    from importlib.abc import Loader
else:
    Loader = object  # its module imports archives, temporary files, random numbers

__all__ = ["install", "load_ipython_extension", "uninstall", "unload_ipython_extension"]


def install(*, models: bool | None = None) -> None:
    """Serve `common.*`, `ch04.negative_sampling_layer` and `ch08.attention_layer` from fastw2v.

    The book's model files (`cbow` and `ch04.cbow`, ...) are served too where the reader's file has
    the book's tokens, comments aside. models=True serves all of them, also without such a file, and
    False none. A second call can only add models. A warning lists the modules of the book that are
    loaded already, and they are set aside. Names imported from them keep their values until they
    are imported again.

    >>> import fastw2v
    >>> fastw2v.install()
    >>> from common.layers import Embedding
    >>> Embedding.__module__
    'fastw2v.layers'
    >>> fastw2v.uninstall()
    """
    global _installed
    if models not in _BY_REACH:
        raise TypeError(f"models: expected True, False or None, got {models!r}")
    first = _installed is None
    if _installed is None:
        _installed = _DropIn()
        _installed.models = models
    elif _BY_REACH.index(models) > _BY_REACH.index(_installed.models):
        _installed.models = models
    _installed.enter(first)


def uninstall() -> None:
    """Undo `install`: restore the modules set aside, and import the reader's own from now on.

    >>> import fastw2v
    >>> fastw2v.install()
    >>> fastw2v.uninstall()
    >>> import common.layers
    Traceback (most recent call last):
    ModuleNotFoundError: No module named 'common'
    """
    global _installed
    if _installed is not None:
        _installed.leave()
        _installed = None


def load_ipython_extension(ipython: object) -> None:
    """Install the drop-in for `%load_ext fastw2v`, and say so in a line on stderr."""
    install()
    say(what_is_served())


def unload_ipython_extension(ipython: object) -> None:
    """Uninstall the drop-in for `%unload_ext fastw2v`."""
    uninstall()


# What `models` may be, from the least that is served to the most.
_BY_REACH = (False, None, True)


class _DropIn:
    """The first finder on sys.meta_path, with the modules that `uninstall` restores."""

    def __init__(self) -> None:
        self.models: bool | None = None
        self.last_resort = _LastResort()
        self.aside: dict[str, types.ModuleType] = {}

    @property
    def served(self) -> dict[str, Book]:
        return SERVED | MODELS if self.models else SERVED

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        if fullname in self.served:
            return _served_spec(fullname, self.served[fullname])
        if fullname in MODELS and self.models is None and _is_the_books(fullname):
            return _served_spec(fullname, MODELS[fullname])
        if fullname in ("rnnlm_gen", "ch07.rnnlm_gen"):
            return _spec_of_rnnlm_gen(fullname)
        if fullname in PACKAGES:
            has_ours = any(name.startswith(f"{fullname}.") for name in self.served)
            return _shared_package_spec(fullname, has_ours)
        return None

    def enter(self, first: bool) -> None:
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
            sys.meta_path.append(self.last_resort)
        theirs = {name for name in self.served if name in sys.modules} - _our_modules()
        if not theirs:
            return
        # With their packages, because `from common import layers` would find the old attribute.
        packages = {name.partition(".")[0] for name in theirs if "." in name}
        gone = _users_of(theirs | _below(packages))
        unloaded = _unload(gone)
        if first:  # modules loaded later use our layers, so they are not the reader's own
            self.aside = unloaded
        warnings.warn(
            f"imported before fastw2v.install(): {', '.join(sorted(gone))}; names taken from "
            "them keep their values; restart, or import them again",
            stacklevel=3,
        )

    def leave(self) -> None:
        sys.meta_path[:] = [f for f in sys.meta_path if f not in (self, self.last_resort)]
        ours = {
            name
            for name in PACKAGES
            if isinstance(getattr(sys.modules.get(name), "__path__", None), FoldersOnPath)
        }
        _unload(_users_of(_our_modules() | _below(ours) | (importers - {"__main__"})))
        importers.clear()
        seen_configs.clear()
        _load_again(self.aside)
        config.set_gpu(False)


class _LastResort:
    """The last finder, for a model's bare name that is not found on sys.path.

    The book's ch07/peeky_seq2seq.py imports `seq2seq` by that name, and ch08/train.py imports
    the former from a folder in which `seq2seq` is not found.
    """

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        if "." in fullname or fullname not in MODELS:
            return None
        folder = _folder_of_importer()
        spec = PathFinder.find_spec(fullname, [folder]) if folder else None
        if spec is not None:
            say(f"{fullname} is not on sys.path; taken from {spec.origin}, beside its importer")
        elif _exists(MODELS[fullname].home):
            say(f"{fullname} is not on sys.path; taken from {MODELS[fullname].home}")
            spec = _served_spec(fullname, MODELS[fullname])
        return spec


_installed: _DropIn | None = None


class _Loader(Loader):
    """The loader of a served module."""

    def __init__(self, book: Book) -> None:
        self.book = book

    def create_module(self, spec: ModuleSpec) -> ServedModule:
        return ServedModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        assert isinstance(module, ServedModule)
        look_at_readers_config()
        if module.__name__ != "common.config":
            config.check()
        module.serve(self.book)


class _EmptyPackage(Loader):
    """The loader of a shared package for which the reader has no `__init__.py`."""

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def _served_spec(fullname: str, book: Book) -> ModuleSpec:
    if book.home is not None and not _exists(book.home):
        if fullname in MODELS:
            cure = "leave --models out (install(models=False)) to use your own file"
        else:
            cure = "run the script with plain `python` (in a notebook: fastw2v.uninstall())"
        names = ", ".join(book.defines)
        raise ImportError(
            f"{fullname}: expected {book.home} with {names}, which this fastw2v lacks; {cure}",
            name=fullname,
        )
    home = importlib.util.find_spec(book.home or __name__)
    spec = ModuleSpec(fullname, _Loader(book), origin=home.origin if home else None)
    spec.has_location = True
    return spec


def _is_the_books(fullname: str) -> bool:
    """Tell whether the reader has a model's file as the book has it, and we have that model."""
    if not _exists(MODELS[fullname].home):
        return False
    try:
        file = ReadersFile.find(fullname)
    except SyntaxError:  # which the import of the reader's file raises
        return False
    if file is None:
        return False
    from fastw2v.dropin.unchanged import is_unchanged  # imports what other scripts do without

    return is_unchanged(file.source, file.tree, fullname)


def _spec_of_rnnlm_gen(fullname: str) -> ModuleSpec | None:
    """Return our module if numpy refuses to convert a one-element array to int.

    The book's own file makes that conversion.
    """
    version = tuple(int(part) for part in np.__version__.split(".")[:2])
    book = MODELS[fullname]
    if version < (2, 4) or not _exists(book.home):
        return None
    say(f"{fullname} taken from {book.home}: the book's own fails on numpy {np.__version__}")
    return _served_spec(fullname, book)


def _shared_package_spec(name: str, has_ours: bool) -> ModuleSpec | None:
    spec = PathFinder.find_spec(name)
    if spec is not None and spec.submodule_search_locations is None:
        return spec  # the reader's common.py, which is not a package
    if spec is None and not has_ours:
        return None
    if spec is None or spec.origin is None:
        spec = ModuleSpec(name, _EmptyPackage(), is_package=True)
    spec.submodule_search_locations = FoldersOnPath(name)  # type: ignore[assignment]
    return spec


def _exists(home: str | None) -> bool:
    try:
        return home is not None and importlib.util.find_spec(home) is not None
    except ModuleNotFoundError as error:
        if home is not None and home.startswith(f"{error.name}."):
            return False  # its package does not exist either
        raise


def _folder_of_importer() -> str | None:
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("importlib", "fastw2v"):
            file = frame.f_globals.get("__file__")
            return os.path.dirname(os.path.abspath(file)) if file else None
        frame = frame.f_back
    return None


def _our_modules() -> set[str]:
    return {name for name, module in sys.modules.items() if isinstance(module, ServedModule)}


def _below(packages: set[str]) -> set[str]:
    return {name for name in sys.modules if name.partition(".")[0] in packages}


def _users_of(names: set[str]) -> set[str]:
    """Return `names` and the loaded modules that hold one of them or its classes or functions."""
    names = set(names)
    while True:
        users = {
            name
            for name, module in list(sys.modules.items())
            if name not in names
            and name != "__main__"
            and isinstance(module, types.ModuleType)
            and any(_origin(value) in names for value in list(vars(module).values()))
        }
        if not users:
            return names
        names |= users


def _origin(value: object) -> str | None:
    if isinstance(value, types.ModuleType):
        return value.__name__
    if isinstance(value, (type, types.FunctionType)):
        return value.__module__
    return None


def _unload(names: set[str]) -> dict[str, types.ModuleType]:
    """Remove modules from sys.modules and from the packages that remain."""
    unloaded = {name: sys.modules.pop(name) for name in sorted(names) if name in sys.modules}
    for name in unloaded:
        parent, _, tail = name.rpartition(".")
        if parent in sys.modules:
            vars(sys.modules[parent]).pop(tail, None)
    return unloaded


def _load_again(modules: dict[str, types.ModuleType]) -> None:
    sys.modules.update(modules)
    for name, module in modules.items():
        parent, _, tail = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], tail, module)
