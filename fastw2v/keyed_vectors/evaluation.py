"""Evaluation of word vectors by human judgements of similarity and by analogies.

`KeyedVectors` has a method for each public function; its docstring states the contract.
"""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import numpy as np

from fastw2v._checks.numbers import check_one_of
from fastw2v._files import judgements
from fastw2v._files.text import open_lines
from fastw2v.keyed_vectors.consistency import as_table, check_map, words_of
from fastw2v.keyed_vectors.search import ranked, unit_rows

if TYPE_CHECKING:
    from fastw2v.keyed_vectors.vectors import KeyedVectors

_BATCH = 1024  # questions that are answered together
_PRODUCT_BATCH = 32  # the same where each question takes a number for every word
_NEAREST = 5  # answers of which the first one that may be one counts
_ROWS = 8192  # of the table, whose cosines are computed together
_BLANKS = re.compile("[ \t]+")  # white space beyond ASCII may be part of words
_ENDS = " \t\r\n"
_SCORES = ("most_similar", "most_similar_cosmul")


_log = logging.getLogger(__name__)


class Correlation(NamedTuple):
    """A coefficient of correlation and its two-sided p-value."""

    statistic: float
    pvalue: float


class Section(TypedDict):
    """A section of a file of analogies, with its questions by the correctness of the answers."""

    section: str
    correct: list[tuple[str, ...]]
    incorrect: list[tuple[str, ...]]


def _known(vectors: KeyedVectors, limit: int | None, upper: bool) -> dict[Any, int]:
    """Return word -> row of the first `limit` rows; of words equal but for case, the first wins."""
    check_map(vectors)
    rows: dict[Any, int] = {}
    for row, word in enumerate(vectors.index_to_key[:limit]):
        rows.setdefault(word.upper() if upper and isinstance(word, str) else word, row)
    return rows


def word_pairs(
    vectors: KeyedVectors,
    pairs: str | os.PathLike[str],
    delimiter: str | None,
    encoding: str,
    restrict_vocab: int | None,
    case_insensitive: bool,
    dummy4unknown: bool,
) -> tuple[Correlation, Correlation, float]:
    """See `KeyedVectors.evaluate_word_pairs`."""
    if delimiter is None:
        table = judgements.read(pairs, encoding=encoding)
    else:  # as gensim reads it
        table = judgements.read(pairs, delimiter, ".", encoding, quoted=False)
    return correlations(
        vectors, table.pairs, pairs, restrict_vocab, case_insensitive, dummy4unknown
    )


def correlations(
    vectors: KeyedVectors,
    pairs: Sequence[tuple[str, str, float]],
    name: object,
    restrict_vocab: int | None = 300000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
) -> tuple[Correlation, Correlation, float]:
    """Compare cosines with the judgements of pairs; name: where these are from, for messages."""
    known = _known(vectors, restrict_vocab, case_insensitive)
    judged: list[float] = []
    rows: list[tuple[int, int]] = []  # (-1, -1) for a pair with an unknown word
    unknown = 0
    for *words, judgement in pairs:
        a, b = (word.upper() if case_insensitive else word for word in words)
        found = (known.get(a, -1), known.get(b, -1))
        if min(found) < 0:
            unknown += 1
            if not dummy4unknown:
                continue
            found = (-1, -1)
        judged.append(judgement)
        rows.append(found)
    if not judged:
        raise ValueError(
            f"{name}: expected pairs of words that are there, got none among {unknown}; check that "
            "the words are of the language and the case of the vectors"
        )
    table = as_table(vectors)
    unit = {
        row: vector / (np.linalg.norm(vector) or 1.0)
        for row in {row for pair in rows for row in pair if row >= 0}
        for vector in [table[row].astype(np.float64)]
    }
    cosines = np.array([float(unit[a] @ unit[b]) if a >= 0 else 0.0 for a, b in rows])
    human = np.array(judged)
    total = len(judged) + (0 if dummy4unknown else unknown)
    answer = (
        Correlation(*_correlation(human, cosines)),
        Correlation(*_correlation(_ranks(human), _ranks(cosines))),
        100.0 * unknown / total,
    )
    log_pairs(*answer, name)
    return answer


def log_pairs(
    pearson: Sequence[float], spearman: Sequence[float], unknown: float, pairs: object
) -> None:
    """See `KeyedVectors.log_evaluate_word_pairs`."""
    _log.info(
        "%s: Pearson %.4f, Spearman %.4f, %.1f%% of the pairs have an unknown word",
        *(pairs, pearson[0], spearman[0], unknown),
    )


def log_section(section: Mapping[str, Any]) -> None:
    """See `KeyedVectors.log_accuracy`."""
    right, n = len(section["correct"]), len(section["correct"]) + len(section["incorrect"])
    if n:
        _log.info("%s: %.1f%% right (%d of %d)", section["section"], 100.0 * right / n, right, n)


def _ranks(x: np.ndarray) -> np.ndarray:
    """Return the ranks in rising order, from 1; equal numbers share the mean of their ranks."""
    _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]


def _correlation(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return Pearson's coefficient and its two-sided p-value; NaN where x or y is constant."""
    a, b = x - x.mean(), y - y.mean()
    norm = math.sqrt(float(a @ a) * float(b @ b))
    if norm == 0:
        return float("nan"), float("nan")
    r = max(-1.0, min(1.0, float(a @ b) / norm))
    n = len(x)
    if n <= 2 or abs(r) == 1:
        return r, 1.0 if n <= 2 else 0.0
    # P(|T| > t) of Student's t with n - 2 degrees of freedom, t = r sqrt((n - 2) / (1 - r^2)).
    return r, _beta_share((n - 2) / 2, 0.5, 1 - r * r)


def _beta_share(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), by Lentz's continued fraction.

    The fraction, of Numerical Recipes, section 6.4, converges fast for x < (a + 1) / (a + b + 2).
    """
    if x <= 0 or x >= 1:
        return min(max(x, 0.0), 1.0)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x > (a + 1) / (a + b + 2):
        return 1 - front * _beta_fraction(b, a, 1 - x) / b
    return front * _beta_fraction(a, b, x) / a


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Evaluate the continued fraction; `tiny` replaces a zero that would be divided by."""
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 10_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + term * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + term / c
            c = c if abs(c) > tiny else tiny
            value *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return value


def word_analogies(
    vectors: KeyedVectors,
    analogies: str | os.PathLike[str],
    restrict_vocab: int | None,
    case_insensitive: bool,
    dummy4unknown: bool,
    similarity_function: str,
) -> tuple[float, list[Section]]:
    """See `KeyedVectors.evaluate_word_analogies`."""
    check_one_of("similarity_function", similarity_function, _SCORES)
    known = _known(vectors, restrict_vocab, case_insensitive)
    sections: list[Section] = []
    asked: list[tuple[Section, tuple[str, ...]]] = []
    with open_lines(analogies) as lines:
        for number, line in enumerate(lines, 1):
            if line.startswith(": "):
                sections.append({"section": line[2:].strip(_ENDS), "correct": [], "incorrect": []})
                continue
            if not sections:
                raise ValueError(
                    f"{analogies}: line {number}: expected `: name` of a section first, got "
                    f"{line[:40]!r}; give a file of analogies"
                )
            words = tuple(_BLANKS.split((line.upper() if case_insensitive else line).strip(_ENDS)))
            if len(words) != 4:
                continue
            if all(word in known for word in words):
                asked.append((sections[-1], words))
            elif dummy4unknown:
                sections[-1]["incorrect"].append(words)
    products = similarity_function == "most_similar_cosmul"
    size, answer = (_PRODUCT_BATCH, _product_answers) if products else (_BATCH, _answers)
    for begin in range(0, len(asked), size):
        batch = asked[begin : begin + size]
        answers = answer(vectors, known, [words for _, words in batch], restrict_vocab)
        for (section, words), nearest in zip(batch, answers, strict=True):
            right = _first_of(nearest, words, known, case_insensitive) == words[3]
            section["correct" if right else "incorrect"].append(words)
    total = Section(
        section="Total accuracy",
        correct=[words for section in sections for words in section["correct"]],
        incorrect=[words for section in sections for words in section["incorrect"]],
    )
    for section in (*sections, total):
        log_section(section)
    right, n = len(total["correct"]), len(total["correct"]) + len(total["incorrect"])
    return (right / n if n else 0.0), [*sections, total]


def _first_of(nearest: list[Any], asked: tuple[str, ...], known: Any, upper: bool) -> Any:
    """Return the first of the nearest words that is known and is none of those asked for.

    With `upper`, words that differ only in case are the same word, as in gensim: each is an
    answer, and none is if it was asked for.
    """
    for word in nearest:
        word = word.upper() if upper and isinstance(word, str) else word
        if word in known and word not in asked[:3]:
            return word
    return None


def _answers(
    vectors: KeyedVectors, known: dict[Any, int], questions: list[Any], limit: int | None
) -> list[list[Any]]:
    """Return for each question the five words nearest to b - a + c, other than a, b and c."""
    rows = np.array([[known[word] for word in words[:3]] for words in questions])
    units = unit_rows(as_table(vectors)[rows])
    queries = units[:, 1] - units[:, 0] + units[:, 2]
    last = len(vectors) if limit is None else min(limit, len(vectors))
    found = ranked(vectors, queries, _NEAREST, rows.tolist(), 0, last)
    return [[word for word, _ in nearest] for nearest in found]


def _product_answers(
    vectors: KeyedVectors, known: dict[Any, int], questions: list[Any], limit: int | None
) -> list[list[Any]]:
    """Return for each question the best words by the score of `most_similar_cosmul`."""
    rows = np.array([[known[word] for word in words[:3]] for words in questions])
    whole = as_table(vectors)
    table = whole[:limit]
    queries = unit_rows(whole[rows.T.ravel()]).T  # all a, then all b, then all c
    scores = np.empty((len(questions), len(table)))
    for begin in range(0, len(table), _ROWS):
        shares = (1 + unit_rows(table[begin : begin + _ROWS]) @ queries) / 2
        a, b, c = np.split(shares.T, 3)
        scores[:, begin : begin + _ROWS] = b * c / (a + 1e-6)
    np.put_along_axis(scores, rows, -1.0, axis=1)
    answers = []
    for score in scores:
        best = np.argpartition(-score, min(_NEAREST, len(score) - 1))[:_NEAREST]
        best = best[np.lexsort((best, -score[best]))]
        answers.append(words_of(vectors, [row for row in best.tolist() if score[row] >= 0]))
    return answers
