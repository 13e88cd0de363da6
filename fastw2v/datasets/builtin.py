"""The English documentation inside every Python, as a corpus.

It has about 340,000 words: the topics of the language reference (`pydoc_data/topics.py`) and the
docstrings of the standard library. Both are read from source through `ast`; nothing is imported, so
a Python started with -OO has them too. A Python always gives the same text.
"""

from __future__ import annotations

import ast
import os
import sys
import sysconfig
import warnings
import zipfile
from collections.abc import Iterator

from fastw2v.datasets.splitter import tokenize

_TOPICS = "pydoc_data/topics.py"
# Tests document broken code, and installed packages differ from machine to machine.
_SKIPPED = {"__pycache__", "dist-packages", "idle_test", "site-packages", "test", "tests"}
_LEAST_WORDS = 10_000


def builtin_corpus() -> list[str]:
    """Return the words of `builtin_text`, for `build_corpus`, within a few seconds.

    >>> words = builtin_corpus()
    >>> len(words) > 100_000, "list" in words
    (True, True)
    """
    return list(tokenize(builtin_text()))


def builtin_text() -> str:
    """Return the documentation inside this Python, files in the order of their names.

    Files that cannot be read or parsed are left out. If the standard library comes without sources
    (some frozen or embedded Pythons), the topics that can be imported are used.

    >>> "list" in builtin_text()
    True

    Raises FileNotFoundError if there are fewer than about 10,000 words.
    """
    texts = {}
    for name, source in _sources():
        text = _topics(source) if name == _TOPICS else "\n\n".join(_docstrings(source))
        if text:
            texts[name] = text
    if _TOPICS not in texts:
        texts[_TOPICS] = _imported_topics()
    whole = "\n\n".join(texts[name] for name in sorted(texts))
    if whole.count(" ") < _LEAST_WORDS:
        raise FileNotFoundError(
            f"this Python has no documentation in {sysconfig.get_path('stdlib')} (its standard "
            "library comes without sources); train on a text file of your own instead"
        )
    return whole


def _sources() -> Iterator[tuple[str, bytes]]:
    """Yield (name below the library's folder, with slashes; content) of each source file."""
    root = sysconfig.get_path("stdlib")
    if os.path.isfile(os.path.join(root, "os.py")):
        yield from _folder_sources(root)
        return
    for entry in sys.path:
        if os.path.isfile(entry) and zipfile.is_zipfile(entry):
            yield from _zip_sources(entry)


def _folder_sources(root: str) -> Iterator[tuple[str, bytes]]:
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in _SKIPPED]
        for file in files:
            if file.endswith(".py"):
                path = os.path.join(folder, file)
                try:
                    with open(path, "rb") as stream:
                        content = stream.read()
                except OSError:
                    continue
                yield os.path.relpath(path, root).replace(os.sep, "/"), content


def _zip_sources(path: str) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if "os.py" not in names:  # a zipped package, not the library
            return
        for name in names:
            if name.endswith(".py") and _SKIPPED.isdisjoint(name.split("/")):
                yield name, archive.read(name)


def _parse(source: bytes) -> ast.Module | None:
    with warnings.catch_warnings():  # about the escapes in other people's strings
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _topics(source: bytes) -> str:
    """Join the values of the only dict in the file."""
    module = _parse(source)
    if module is None:
        return ""
    return "\n\n".join(
        value.value
        for node in ast.walk(module)
        if isinstance(node, ast.Dict)
        for value in node.values
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    )


def _docstrings(source: bytes) -> Iterator[str]:
    module = _parse(source)
    pending: list[ast.AST] = [module] if module else []
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text:
                yield text
        # Only statements hold definitions; walking expressions too takes four times as long.
        for block in ("finalbody", "orelse", "handlers", "cases", "body"):
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                pending.extend(reversed(statements))


def _imported_topics() -> str:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return ""
    return "\n\n".join(topics.values())
