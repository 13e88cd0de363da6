"""Callbacks of a training: the class to derive from, and the list that a training calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastw2v._checks.sequences import check_iterable

if TYPE_CHECKING:
    from fastw2v.word2vec.model import Word2Vec


class CallbackAny2Vec:
    """A base class for `callbacks`, as in gensim. Override the methods that you need.

    A method that returns True ends the training after the call. `on_interval` is called every
    `interval` words of text if `train` was given that number. No thread trains during a call.

    >>> from fastw2v import Word2Vec
    >>> class Stop(CallbackAny2Vec):
    ...     def on_epoch_end(self, model):
    ...         return len(model.epoch_losses) == 2
    >>> model = Word2Vec([["a", "b"]] * 9, min_count=1, epochs=5, callbacks=[Stop()], workers=1)
    >>> len(model.epoch_losses)
    2
    """

    def on_train_begin(self, model: Word2Vec) -> object:
        """Act before the first epoch."""

    def on_train_end(self, model: Word2Vec) -> object:
        """Act after the last epoch, or after the training was stopped by a callback."""

    def on_epoch_begin(self, model: Word2Vec) -> object:
        """Act before each epoch."""

    def on_epoch_end(self, model: Word2Vec) -> object:
        """Act after each epoch."""

    def on_interval(self, model: Word2Vec) -> object:
        """Act every `interval` words."""


_METHODS = [name for name in vars(CallbackAny2Vec) if name.startswith("on_")]
_EXPECTED = "objects with methods such as on_epoch_end"


class Callbacks:
    """The callbacks of one training, bound to the model they receive.

    callbacks: one object or several, each with at least one method of `CallbackAny2Vec`. Objects
    of gensim's class qualify.
    """

    def __init__(self, callbacks: Any, model: Word2Vec) -> None:
        self.model = model
        self.found: list[Any]
        if _is_callback(callbacks):
            self.found = [callbacks]
        else:
            check_iterable("callbacks", callbacks, _EXPECTED)
            self.found = list(callbacks)
        for callback in self.found:
            if isinstance(callback, type) or not _is_callback(callback):
                is_class = isinstance(callback, type)
                got = f"the class {callback.__name__}" if is_class else repr(callback)
                raise TypeError(
                    f"callbacks: expected {_EXPECTED}, got {got}; pass an object of a class like "
                    "CallbackAny2Vec"
                )

    def has(self, name: str) -> bool:
        """Tell whether any callback has a method of this name."""
        return any(hasattr(callback, name) for callback in self.found)

    def call(self, name: str) -> bool:
        """Call the method of each callback; True if one of them asked to stop."""
        stop = False
        for callback in self.found:
            method = getattr(callback, name, None)
            if method is not None:
                stop = method(self.model) is True or stop
        return stop


def _is_callback(thing: object) -> bool:
    return any(hasattr(thing, name) for name in _METHODS)
