"""The two implementations of the book's modules, so that one test serves both."""

import importlib

import pytest

MODELS = (
    *("cbow", "skip_gram", "simple_rnnlm", "rnnlm", "better_rnnlm", "rnnlm_gen"),
    *("seq2seq", "peeky_seq2seq", "attention_seq2seq"),
)


class Implementation:
    """Modules of one implementation: `book.layers` is its module `layers`, imported when read.

    A missing module is an error of the test that needs it, not of the collection.
    """

    def __init__(self, package, models):
        self._package = package
        self._models = models

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        package = self._models if name in MODELS else self._package
        return importlib.import_module(f"{package}.{name}")


REFERENCE = Implementation("fastw2v.reference", models="fastw2v.reference")
COMPILED = Implementation("fastw2v", models="fastw2v.models")

# The argument `book` of a test: the reference in plain numpy, then the fast package.
both = pytest.mark.parametrize("book", [REFERENCE, COMPILED], ids=["reference", "compiled"])
