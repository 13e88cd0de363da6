"""Scores of runs of words, with gensim's names.

A scoring function takes the counts of the first and of the last word of a run, the count of the
run, the number of different words and runs, the least count, and the length of the text in words.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

NEVER = -math.inf  # the score of a run that is no phrase
Scoring = Callable[..., float]


def original_scorer(
    worda_count: int,
    wordb_count: int,
    bigram_count: int,
    len_vocab: int,
    min_count: float,
    corpus_word_count: int,
) -> float:
    """Return (bigram_count - min_count) / (worda_count wordb_count) len_vocab.

    This is the score of Mikolov et al., "Distributed representations of words and phrases and their
    compositionality" (2013), equation 6, scaled by the size of the vocabulary.

    >>> original_scorer(10, 20, 8, 1000, 5, 50_000)
    15.0
    """
    both = worda_count * wordb_count
    return (bigram_count - min_count) / float(both) * len_vocab if both else NEVER


def npmi_scorer(
    worda_count: int,
    wordb_count: int,
    bigram_count: int,
    len_vocab: int,
    min_count: float,
    corpus_word_count: int,
) -> float:
    """Return the normalised pointwise mutual information, -1 to 1; -inf below min_count.

    It is log(p(ab) / (p(a) p(b))) / -log p(ab), after Bouma, "Normalized (pointwise) mutual
    information in collocation extraction" (2009).

    >>> npmi_scorer(10, 10, 10, 1000, 5, 50_000)
    1.0
    """
    if bigram_count < min_count or not worda_count * wordb_count * bigram_count:
        return NEVER
    n = float(corpus_word_count)
    p_a, p_b, p_ab = worda_count / n, wordb_count / n, bigram_count / n
    return math.log(p_ab / (p_a * p_b)) / -math.log(p_ab) if p_ab < 1 else NEVER


BY_NAME: dict[str, Scoring] = {"default": original_scorer, "npmi": npmi_scorer}
_ARGUMENTS = tuple(inspect.signature(original_scorer).parameters)


def as_scoring(scoring: Any) -> Scoring:
    """Return the scoring function of a name, or one that takes all arguments of a score."""
    if isinstance(scoring, str) and scoring in BY_NAME:
        return BY_NAME[scoring]
    if not callable(scoring):
        names = ", ".join(map(repr, BY_NAME))
        raise ValueError(
            f"scoring: expected {names} or a function, got {scoring!r}; pass one of them"
        )
    try:
        inspect.signature(scoring).bind(**dict.fromkeys(_ARGUMENTS, 1))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"scoring: expected a function of the arguments {', '.join(_ARGUMENTS)}, got "
            f"{getattr(scoring, '__name__', scoring)!r} ({error}); give it these parameters"
        ) from None
    return scoring  # type: ignore[no-any-return]


class RunTotals(NamedTuple):
    """Counts (N,) of runs and of their first and last words, and totals of the whole text."""

    of_first: np.ndarray
    of_last: np.ndarray
    of_run: np.ndarray
    n_different: int  # words and runs
    n_words: int


def scores_of(scoring: Scoring, totals: RunTotals, min_count: float) -> np.ndarray:
    """Return the score (N,) of each run."""
    scores = np.full(len(totals.of_run), NEVER)
    rest = (totals.n_different, min_count, totals.n_words)
    if scoring is original_scorer:
        both = totals.of_first.astype(np.float64) * totals.of_last
        known = both > 0
        above = totals.of_run[known] - min_count
        scores[known] = above / both[known] * totals.n_different
        return scores
    # A function of Python, so it is called where it can give a score.
    asked = totals.of_run >= (min_count if scoring is npmi_scorer else 1)
    asked &= (totals.of_first > 0) & (totals.of_last > 0)
    rows = (totals.of_first[asked], totals.of_last[asked], totals.of_run[asked])
    scores[asked] = [
        scoring(
            worda_count=a,
            wordb_count=b,
            bigram_count=ab,
            len_vocab=rest[0],
            min_count=rest[1],
            corpus_word_count=rest[2],
        )
        for a, b, ab in zip(*(column.tolist() for column in rows), strict=True)
    ]
    return scores
