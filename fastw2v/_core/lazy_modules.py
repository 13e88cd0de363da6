"""Modules as attributes of their package (PEP 562), imported when somebody asks for one."""

import sys

__all__ = ["submodule", "submodules"]

# Import machinery is imported in the functions: it would take most of the time of this package.


def submodule(package, name):
    """The public module `name` of a package, for its `__getattr__`."""
    from importlib.util import find_spec

    fullname = f"{package}.{name}"
    if name.startswith("_") or find_spec(fullname) is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    __import__(fullname)
    return sys.modules[fullname]


def submodules(package):
    """The names of all public modules of a package, for its `__dir__`."""
    from pkgutil import iter_modules

    names = (module.name for module in iter_modules(sys.modules[package].__path__))
    return [name for name in names if not name.startswith("_")]
