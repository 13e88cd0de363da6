"""The fast package, the reference and the book agree in names, arguments and defaults."""

import inspect
import json

import pytest
from implementations import COMPILED, REFERENCE
from places import DATA

# The book's module of each of ours. base_model reads and writes files and has no reference.
BOOK_MODULES = {
    "functions": "common.functions",
    "layers": "common.layers",
    "time_layers": "common.time_layers",
    "attention_layer": "ch08.attention_layer",
    "negative_sampling_layer": "ch04.negative_sampling_layer",
    "optimizer": "common.optimizer",
    "trainer": "common.trainer",
    "util": "common.util",
    "base_model": "common.base_model",
    "cbow": "cbow",
    "skip_gram": "skip_gram",
    "simple_rnnlm": "simple_rnnlm",
    "rnnlm": "rnnlm",
    "better_rnnlm": "better_rnnlm",
    "rnnlm_gen": "rnnlm_gen",
    "seq2seq": "seq2seq",
    "peeky_seq2seq": "peeky_seq2seq",
    "attention_seq2seq": "attention_seq2seq",
}
BOOK_API = json.loads((DATA / "book_api.json").read_text(encoding="utf-8"))


def arguments(function):
    """[name, default, kind] of each argument, defaults as they are written; without self."""
    return [
        [p.name, None if p.default is p.empty else repr(p.default), p.kind.name]
        for p in inspect.signature(function).parameters.values()
        if p.name != "self"
    ]


def split(listed):
    """Return the arguments that can be passed by position, and the keyword-only ones."""
    keyword = [argument for argument in listed if argument[2] == "KEYWORD_ONLY"]
    return [argument for argument in listed if argument not in keyword], keyword


def callables(thing):
    """Return a function itself, or the constructor and the public methods of a class."""
    if not inspect.isclass(thing):
        return {"": thing}
    methods = {
        name: getattr(thing, name)
        for name, _ in inspect.getmembers(thing, callable)
        if not name.startswith("_")
    }
    return {"__init__": thing, **methods}


def book_entries():
    """(our module, name, "" or method, arguments) for everything the book defines."""
    for module, book_module in BOOK_MODULES.items():
        for name, entry in BOOK_API[book_module]["defines"].items():
            parts = {"": entry["signature"]} if "signature" in entry else entry["methods"]
            for part, listed in parts.items():
                expected = [argument for argument in listed if argument[0] != "self"]
                yield module, name, part, expected


BOOK_ENTRIES = list(book_entries())


@pytest.mark.parametrize(
    ("book", "module", "name", "part", "expected"),
    [
        pytest.param(book, *entry, id=f"{label}-{'.'.join(filter(None, entry[:3]))}")
        for label, book in [("reference", REFERENCE), ("compiled", COMPILED)]
        for entry in BOOK_ENTRIES
        if not (book is REFERENCE and entry[0] == "base_model")
    ],
)
def test_arguments_are_the_books(book, module, name, part, expected):
    ours = callables(getattr(getattr(book, module), name))[part]
    by_position, keyword = split(arguments(ours))
    assert by_position == expected
    assert all(default is not None for _, default, _ in keyword)


REFERENCE_NAMES = [
    (module, name)
    for module in BOOK_MODULES
    if module != "base_model"
    for name in getattr(REFERENCE, module).__all__
]


def test_reference_lists_every_name_of_the_book():
    listed = set(REFERENCE_NAMES)
    missing = {entry[:2] for entry in BOOK_ENTRIES if entry[0] != "base_model"} - listed
    assert missing == set()


@pytest.mark.parametrize(("module", "name"), REFERENCE_NAMES)
def test_compiled_has_the_arguments_of_the_reference(module, name):
    meaning = callables(getattr(getattr(REFERENCE, module), name))
    fast = callables(getattr(getattr(COMPILED, module), name))
    if module == "optimizer":
        del meaning["idle"]  # the twin of a kernel
    assert set(meaning) <= set(fast)
    for part, function in meaning.items():
        by_position, keyword = split(arguments(function))
        fast_by_position, fast_keyword = split(arguments(fast[part]))
        assert fast_by_position == by_position
        assert all(argument in fast_keyword for argument in keyword)
