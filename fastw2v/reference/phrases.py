"""Phrases in plain Python: the twin of `fastw2v.phrases`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["count_runs", "join"]


def count_runs(
    sentences: Iterable[Sequence[str]], connectors: Collection[str]
) -> tuple[Counter[str], Counter[tuple[str, ...]]]:
    """Count words, and runs of a word, any number of connectors and a word.

    The last word of a run begins the next. Connectors alone do not count.

    >>> count_runs([["bank", "of", "america"]], {"of"})[1]
    Counter({('bank', 'of', 'america'): 1})
    """
    words: Counter[str] = Counter()
    runs: Counter[tuple[str, ...]] = Counter()
    for sentence in sentences:
        run: list[str] = []
        for word in sentence:
            if word in connectors:
                if run:
                    run.append(word)
                continue
            words[word] += 1
            if run:
                runs[(*run, word)] += 1
            run = [word]
    return words, runs


def join(
    sentence: Sequence[str],
    scores: Mapping[tuple[str, ...], float],
    connectors: Collection[str],
    delimiter: str,
) -> list[tuple[str, float | None]]:
    """Return (joined phrase, its score) for each phrase, (word, None) for each other word.

    Phrases are taken from left to right; the last word of one does not begin another.

    >>> join(["new", "york", "city"], {("new", "york"): 9.0, ("york", "city"): 5.0}, (), "_")
    [('new_york', 9.0), ('city', None)]
    """
    found: list[tuple[str, float | None]] = []
    run: list[str] = []
    for word in sentence:
        if word in connectors:
            if run:
                run.append(word)
            else:
                found.append((word, None))
            continue
        score = scores.get((*run, word)) if run else None
        if score is not None:
            found.append((delimiter.join((*run, word)), score))
            run = []
        else:
            found += [(one, None) for one in run]
            run = [word]
    return found + [(one, None) for one in run]
