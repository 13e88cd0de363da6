"""Names of classes that raise errors: those of other versions, and class methods of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn


class Refused:
    """An attribute that raises AttributeError, with a cure, when it is read, set or called.

    gensim has, or had, an attribute of that name, and scripts use it.
    """

    def __init__(self, cure: str) -> None:
        self.cure = cure

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, thing: object, owner: type | None = None) -> Any:
        if thing is None:
            return self  # tools look at classes; a call raises below
        raise self.error()

    def __set__(self, thing: object, value: object) -> None:
        raise self.error()

    def __call__(self, *arguments: object, **options: object) -> Any:
        raise self.error()

    def error(self) -> AttributeError:
        """Return the exception."""
        return AttributeError(f"{self.name}: not supported; {self.cure}")


def refuse_name(module: str, name: str, cures: Mapping[str, str]) -> NoReturn:
    """Raise ImportError with the cure for a name of gensim's module, AttributeError for others.

    `from module import name` would replace an AttributeError by a message without the cure.
    """
    if name in cures:
        raise ImportError(f"{module}.{name}: not supported; {cures[name]}")
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


if TYPE_CHECKING:
    on_class_only = classmethod
else:

    class on_class_only(classmethod):
        """A class method that an object refuses, because its result would be thrown away."""

        def __get__(self, thing, owner=None):
            if thing is not None:
                name, kind = self.__func__.__name__, type(thing).__name__
                raise AttributeError(
                    f"{name}: returns a new object and leaves this one as it is; call it on the "
                    f"class: model = {kind}.{name}(...)"
                )
            return super().__get__(thing, owner)
