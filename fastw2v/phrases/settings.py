"""Checks of the settings of phrases."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# Articles, prepositions and conjunctions, the set that gensim has.
ENGLISH_CONNECTOR_WORDS = frozenset(
    "a an the for of with without at from to in on by and or".split()
)


def as_connectors(words: Any) -> frozenset[str]:
    """Return connector words as a set."""
    if type(words) is frozenset:
        return words
    if isinstance(words, str | bytes) or not isinstance(words, Iterable):
        raise TypeError(
            f"connector_words: expected words, got {type(words).__name__}; pass a set such as "
            "fastw2v.phrases.ENGLISH_CONNECTOR_WORDS"
        )
    found = list(words)
    for word in found:
        if not isinstance(word, str):
            raise TypeError(
                f"connector_words: expected words of type str, got {type(word).__name__} {word!r}; "
                "convert it"
            )
    return frozenset(found)


def check_delimiter(delimiter: Any) -> None:
    """Check that a delimiter is a str."""
    if not isinstance(delimiter, str):
        raise TypeError(
            f"delimiter: expected str, got {type(delimiter).__name__} {delimiter!r}; pass '_'"
        )
