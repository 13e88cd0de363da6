"""The code cells of a Jupyter notebook, run one after the other without Jupyter.

A cell's last expression is printed, as Jupyter shows it. Lines for IPython or the shell
(`%matplotlib inline`, `!pip install ...`) are left out and named on stderr.
"""

from __future__ import annotations

import ast
import json
import linecache
import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from fastw2v.dropin.served_module import say

__all__ = ["Cell", "code_cells", "execute"]

# Lines of magics and shell commands, and questions: ?name, name?, name??.
_FOR_IPYTHON = re.compile(r"[%!?]|[\w.]+\?{1,2}$")

# Cell magics whose cell is plain Python; the cells of others are for another interpreter.
_PYTHON_CELLS = {"%%time", "%%timeit", "%%capture"}


class Cell(NamedTuple):
    """The source of a code cell, and the name that tracebacks show for it."""

    name: str
    source: str


def code_cells(content: bytes, name: str) -> list[Cell]:
    """Return the code cells of a notebook's file; ValueError for a file that is no notebook.

    >>> content = b'{"cells": [{"cell_type": "code", "source": ["%time\\\\n", "1 + 1"]}]}'
    >>> code_cells(content, "x.ipynb")
    [Cell(name='x.ipynb, cell 1', source='%time\\n1 + 1')]
    """
    try:
        notebook = json.loads(content)
        worksheets = notebook.get("worksheets", [notebook])  # version 3 of the format has them
        cells = [cell for sheet in worksheets for cell in sheet["cells"]]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        sources = [_text(cell["source"] if "source" in cell else cell["input"]) for cell in code]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{name}: expected a notebook, JSON with a list of cells, got another content "
            f"({type(error).__name__}: {error}); save it again in Jupyter, or give a script a name "
            "that ends in .py"
        ) from error
    return [Cell(f"{name}, cell {i}", source) for i, source in enumerate(sources, 1)]


def execute(cells: list[Cell], namespace: dict[str, Any]) -> None:
    """Run cells in one namespace and print the value of each cell's last expression."""
    for cell in cells:
        source = "\n".join(_lines_of_python(cell))
        lines = [line + "\n" for line in source.split("\n")]
        linecache.cache[cell.name] = (len(source), None, lines, cell.name)  # for tracebacks
        tree = ast.parse(source, cell.name)
        last = tree.body[-1] if tree.body and not source.rstrip().endswith(";") else None
        if isinstance(last, ast.Expr):
            tree.body.pop()
        exec(compile(tree, cell.name, "exec", dont_inherit=True), namespace)
        if isinstance(last, ast.Expr):
            shown = ast.Interactive([last])  # calls sys.displayhook
            exec(compile(shown, cell.name, "single", dont_inherit=True), namespace)
        sys.stdout.flush()


def _lines_of_python(cell: Cell) -> Iterator[str]:
    """Yield the lines of a cell, those for IPython or the shell empty, so that numbers stay."""
    lines = cell.source.split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%") and first.split()[0] not in _PYTHON_CELLS:
        say(f"{cell.name} left out: {first}")
        return
    depth_of_text = _lines_inside_strings(cell.source)
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        if number not in depth_of_text and _FOR_IPYTHON.match(bare):
            if bare not in ("%matplotlib inline", "%load_ext fastw2v"):
                say(f"{cell.name} line {number} left out: {bare}")
            indent = line[: len(line) - len(line.lstrip())]
            yield f"{indent}pass" if indent else ""
        else:
            yield line


def _lines_inside_strings(source: str) -> set[int]:
    """Return the numbers of lines that begin inside a string or within brackets."""
    import io
    import tokenize

    inside: set[int] = set()
    depth, opened = 0, 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            (start, _), (end, _) = token.start, token.end
            inside.update(range(start + 1, end + 1))
            if token.type == tokenize.OP and token.string in "([{":
                opened = start if depth == 0 else opened
                depth += 1
            elif token.type == tokenize.OP and token.string in ")]}":
                depth -= 1
                if depth == 0:
                    inside.update(range(opened + 1, start + 1))
    except (tokenize.TokenError, SyntaxError):  # a line for the shell may hold anything
        pass
    return inside


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)
