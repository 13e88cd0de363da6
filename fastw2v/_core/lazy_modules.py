"""Modules as attributes of their package (PEP 562), each imported at its first use."""

from __future__ import annotations

import sys
from types import ModuleType

__all__ = ["submodule", "submodules"]

# The import machinery is imported in the functions: at module level it would take most of the time
# that importing this package takes.


def submodule(package: str, name: str) -> ModuleType:
    """Import and return the public module `name` of a package, for the package's `__getattr__`."""
    from importlib.util import find_spec

    fullname = f"{package}.{name}"
    if name.startswith("_") or find_spec(fullname) is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    __import__(fullname)
    return sys.modules[fullname]


def submodules(package: str) -> list[str]:
    """Return the names of all public modules of a package, for the package's `__dir__`."""
    from pkgutil import iter_modules

    names = (module.name for module in iter_modules(sys.modules[package].__path__))
    return [name for name in names if not name.startswith("_")]
