"""Files of phrases, in the fw2v format."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v._checks.numbers import as_int
from fastw2v._files import fw2v
from fastw2v.phrases.counting import RunCounts, Tokens
from fastw2v.phrases.scoring import BY_NAME, Scoring
from fastw2v.phrases.settings import as_connectors, check_delimiter

if TYPE_CHECKING:
    from fastw2v.phrases.frozen import FrozenPhrases
    from fastw2v.phrases.joining import SentenceJoiner
    from fastw2v.phrases.phrases import Phrases

_COUNTS, _PHRASES = "count of phrases", "list of phrases"
Name = str | os.PathLike[str]


def save_counts(fname: Name, phrases: Phrases) -> None:
    """See `Phrases.save`."""
    scoring = _name_of(phrases.scoring)
    if scoring is None:
        raise ValueError(
            f"scoring: expected a function that a file can name ({', '.join(BY_NAME)}), got "
            f"{phrases.scoring!r}; use pickle, or save freeze()"
        )
    counted = phrases._counted
    words, arrays = fw2v.pack_words(counted.words)
    numbers = {
        "max_vocab_size": phrases.max_vocab_size,
        "progress_per": phrases.progress_per,
        "n_words": counted.n_words,
        "min_reduce": counted.min_reduce,
    }
    arrays |= {
        "word_counts": counted.word_counts,
        "nodes": counted.nodes,
        "counts": counted.counts,
    }
    fw2v.write(fname, _COUNTS, words | _settings(phrases) | numbers, arrays)


def load_counts(fname: Name, phrases: Phrases) -> None:
    """Give phrases the settings and counts of a file."""
    content = fw2v.read(fname, _COUNTS, mmap=None)
    words = _words(fname, content)
    facts, arrays = content.facts, content.arrays
    try:
        found = {name: facts[name] for name in ("max_vocab_size", "progress_per")}
        counted = RunCounts.of(
            words,
            _whole(arrays["word_counts"], np.int64, (len(words),)),
            _whole(arrays["nodes"], np.int32, (len(arrays["counts"]), 2)),
            _whole(arrays["counts"], np.int64, (len(arrays["nodes"]),)),
        )
        counted.n_words = as_int("n_words", facts["n_words"], 0)
        counted.min_reduce = as_int("min_reduce", facts["min_reduce"])
        _set_settings(facts, phrases)
        for name, value in found.items():
            setattr(phrases, name, value)
        phrases._check_settings()
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(fname, error) from error
    phrases._counted = counted


def save_phrases(fname: Name, phrases: FrozenPhrases, scores: Mapping[Tokens, float]) -> None:
    """See `FrozenPhrases.save`."""
    rows: dict[str, int] = {}
    ids = [rows.setdefault(word, len(rows)) for words in scores for word in words]
    facts, arrays = fw2v.pack_words(list(rows))
    arrays["phrases"] = np.array(ids, np.int32)
    arrays["phrase_ends"] = np.cumsum([len(words) for words in scores], dtype=np.int64)
    arrays["scores"] = np.array(list(scores.values()), np.float64)
    fw2v.write(fname, _PHRASES, facts | _settings(phrases), arrays)


def load_phrases(fname: Name, phrases: FrozenPhrases) -> dict[Tokens, float]:
    """Give phrases the settings of a file, and return their scores."""
    content = fw2v.read(fname, _PHRASES, mmap=None)
    words = _words(fname, content)
    facts, arrays = content.facts, content.arrays
    try:
        ids = _whole(arrays["phrases"], np.int32, (len(arrays["phrases"]),))
        if len(ids) and not (ids.min() >= 0 and ids.max() < len(words)):
            raise ValueError("a phrase has a word that is not there")
        scores = arrays["scores"]
        if scores.dtype != np.float64 or scores.ndim != 1:
            raise ValueError(f"scores of dtype {scores.dtype} and shape {scores.shape}")
        ends = _whole(arrays["phrase_ends"], np.int64, scores.shape)
        begins = np.concatenate([[0], ends])
        if begins[-1] != len(ids) or (np.diff(begins) < 2).any():
            raise ValueError("the ends of phrases do not fit")
        text = [words[row] for row in ids.tolist()]
        found = {
            tuple(text[begin:end]): score
            for begin, end, score in zip(
                begins[:-1].tolist(), ends.tolist(), scores.tolist(), strict=True
            )
        }
        _set_settings(facts, phrases)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(fname, error) from error
    return found


# ---- parts of the above


def _settings(phrases: SentenceJoiner) -> dict[str, Any]:
    return {
        "threshold": float(phrases.threshold),
        "min_count": phrases.min_count,
        "delimiter": phrases.delimiter,
        "scoring": _name_of(phrases.scoring),
        "connector_words": sorted(phrases.connector_words),
    }


def _set_settings(facts: Mapping[str, Any], phrases: SentenceJoiner) -> None:
    for name in ("threshold", "min_count"):
        if type(facts[name]) not in (int, float) or facts[name] != facts[name]:
            raise ValueError(f"{name} is {facts[name]!r}")
    check_delimiter(facts["delimiter"])
    phrases.threshold, phrases.min_count = facts["threshold"], facts["min_count"]
    phrases.delimiter = facts["delimiter"]
    phrases.scoring = BY_NAME.get(facts["scoring"])  # type: ignore[assignment]
    phrases.connector_words = as_connectors(facts["connector_words"])


def _name_of(scoring: Scoring | None) -> str | None:
    return next((name for name, function in BY_NAME.items() if function is scoring), None)


def _words(fname: Name, content: fw2v.Content) -> list[str]:
    words = fw2v.unpack_words(fname, content)
    if any(type(word) is not str for word in words) or len(set(words)) < len(words):
        raise _damaged(fname, "words that are no different texts")
    return words


def _whole(array: np.ndarray, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"expected {np.dtype(dtype)} {shape}, got {array.dtype} {array.shape}")
    return array


def _damaged(fname: Name, what: object) -> ValueError:
    return ValueError(f"{fname}: the phrases are damaged ({what}); get the file again")
