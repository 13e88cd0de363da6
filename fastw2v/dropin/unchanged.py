"""Recognise a model file of the book: its classes are known by digests of their tokens.

A file counts as unchanged if its classes have the book's tokens, comments, blank lines and
docstrings aside, and if there is nothing else in it but imports of the book's modules. Such a file
computes what our model computes, which can therefore take its place.
"""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterator, Mapping

from fastw2v.dropin.book_names import MODELS, SERVED

__all__ = ["digest", "is_unchanged"]

# By class, the digests of its versions in printings and translations of the book.
BOOKS_CLASSES: Mapping[str, frozenset[str]] = {
    "CBOW": frozenset({"9c7a4967896e8d90"}),
    "SkipGram": frozenset({"a4a37f3a454c2822"}),
    "SimpleRnnlm": frozenset({"cd91f75f93c00e64"}),
    "BetterRnnlm": frozenset({"6ead1d3eaef6006d"}),
    "Rnnlm": frozenset({"156b24923566b25b"}),
    "PeekyDecoder": frozenset({"3de87bb5a35586ab", "9096b48e635168c8"}),
    "PeekySeq2seq": frozenset({"dc2ac2549e2bb575"}),
    "RnnlmGen": frozenset({"ab52eb6d01a3f2ed"}),
    "BetterRnnlmGen": frozenset({"e830e6862b4de62e"}),
    "Encoder": frozenset({"74476fb053faf234"}),
    "Decoder": frozenset({"3d7b73fc89a8b759", "c514edb4911fab72"}),
    "Seq2seq": frozenset({"8741f59ed9443c73"}),
    "AttentionEncoder": frozenset({"f75a9754d494ee11"}),
    "AttentionDecoder": frozenset({"484cbf2747b23fb8", "a14828578f1559fd"}),
    "AttentionSeq2seq": frozenset({"4883f4790a43af41"}),
}

_IMPORTED = {*SERVED, *MODELS, "numpy", "os", "sys"}
_NOT_COUNTED = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER}
_BLOCKS = {tokenize.INDENT: "indent", tokenize.DEDENT: "dedent", tokenize.NEWLINE: "newline"}


def is_unchanged(source: str, tree: ast.Module, model: str) -> bool:
    """Return whether the file of a model, such as "ch04.cbow", holds exactly the book's classes."""
    lines = io.StringIO(source).readlines()
    found = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            text = "".join(lines[node.lineno - 1 : node.end_lineno])
            if node.decorator_list or digest(text) not in BOOKS_CLASSES.get(node.name, ()):
                return False
            found.add(node.name)
        elif not (_is_text(node) or _adds_to_the_path(node) or _imports_only_the_book(node)):
            return False
    return found == set(MODELS[model].defines)


def digest(class_source: str) -> str:
    """Return the digest of a class, which comments, blank lines and docstrings do not change.

    >>> one = digest("class A:\\n    def f(self):  # of x\\n        return 'x'\\n")
    >>> one == digest('class A:\\n\\n  "A"\\n  def f(self):\\n    return "x"')
    True
    >>> one == digest("class A:\\n    def f(self):\\n        return 'y'\\n")
    False
    """
    return hashlib.sha256("\n".join(_tokens(class_source)).encode()).hexdigest()[:16]


def _tokens(source: str) -> Iterator[str]:
    at_start = True  # of a statement, where a string is a docstring
    docstring = False
    for token in tokenize.generate_tokens(io.StringIO(source.rstrip() + "\n").readline):
        if token.type in _NOT_COUNTED:
            continue
        if docstring:  # it and the end of its line are left out
            docstring = False
            continue
        if token.type == tokenize.STRING:
            if at_start:
                docstring = True
                continue
            yield repr(ast.literal_eval(token.string))
        else:
            yield _BLOCKS.get(token.type, token.string)
        at_start = token.type in _BLOCKS


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _adds_to_the_path(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith("sys.path.append(")


def _imports_only_the_book(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level == 0 and node.module in _IMPORTED
    return isinstance(node, ast.Import) and all(alias.name in _IMPORTED for alias in node.names)
