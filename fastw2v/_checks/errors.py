"""Exceptions that are of two kinds: the one that fits here, and the one that gensim raises.

Scripts for gensim catch the latter. Each class adds a kind and nothing else.
"""


class NoVocabulary(RuntimeError, ValueError):
    """No words to work with; a RuntimeError in gensim."""


class NoWords(ZeroDivisionError, ValueError):
    """An empty list of words; a ZeroDivisionError in gensim."""


class CutOff(EOFError, ValueError):
    """A file that ends too early; an EOFError in gensim."""


class NotTrained(RuntimeError, ValueError):
    """A model without the weights that a question needs; a RuntimeError in gensim."""


class OtherKind(AttributeError, ValueError):
    """A file that holds something else; an AttributeError in gensim."""


class NotUtf8(UnicodeDecodeError):
    """Bytes that are not UTF-8, with a message that names the place in the file."""

    def __init__(self, error: UnicodeDecodeError, message: str) -> None:
        super().__init__(error.encoding, error.object, error.start, error.end, error.reason)
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        error = UnicodeDecodeError(self.encoding, self.object, self.start, self.end, self.reason)
        return type(self), (error, self.message)
