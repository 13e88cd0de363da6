"""The check of keyword arguments that a function does not have."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

# Names of older versions of gensim, then those of fastText and word2vec.c.
_RENAMED = {"sentences": "corpus_iterable", "size": "vector_size", "iter": "epochs"}
_RENAMED |= {"input": "corpus_file", "train": "corpus_file", "model": "sg", "cbow": "sg"}
_RENAMED |= {"dim": "vector_size", "ws": "window", "lr": "alpha", "epoch": "epochs", "t": "sample"}
_RENAMED |= {"neg": "negative", "loss": "hs", "minCount": "min_count", "thread": "workers"}
_RENAMED |= {"threads": "workers", "minn": "min_n", "maxn": "max_n", "wordNgrams": "word_ngrams"}


def check_keywords(function: Callable[..., Any], unknown: Mapping[str, object]) -> None:
    """Refuse unknown keyword arguments; the message names the most similar known one."""
    if not unknown:
        return
    name = next(iter(unknown))
    parameters = inspect.signature(function).parameters.values()
    known = [p.name for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]
    near = difflib.get_close_matches(name, known, 1, 0.5)
    if _RENAMED.get(name) in known:
        near = [_RENAMED[name]]
    cure = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    raise TypeError(f"{function.__name__}: unknown argument {name!r}; {cure}")
