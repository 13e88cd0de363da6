"""Sentences with their phrases joined, by whatever knows the scores of phrases."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sized
from itertools import chain
from typing import Any

import numpy as np

from fastw2v._kernels import _phrases
from fastw2v.phrases.counting import Tokens
from fastw2v.phrases.scoring import Scoring
from fastw2v.word2vec.texts import as_words

Analysis = list[tuple[str, float | None]]


class JoinedSentences:
    """The sentences of an iterable, phrases joined; a new pass begins with each iteration.

    `Word2Vec` takes it as sentences. It has a length if the sentences have one.

    >>> from fastw2v.phrases import Phrases
    >>> list(JoinedSentences(Phrases(), [["new", "york"]]))  # as Phrases()[[["new", "york"]]]
    [['new', 'york']]
    """

    def __init__(self, phrases: SentenceJoiner, sentences: Iterable[Any]) -> None:
        self.phrases, self.sentences = phrases, sentences

    def __iter__(self) -> Iterator[list[str]]:
        join = self.phrases._finder().join
        for number, sentence in enumerate(self.sentences):
            yield join(sentence if type(sentence) is list else list(as_words(sentence, number)))

    def __len__(self) -> int:
        if not isinstance(self.sentences, Sized):
            raise TypeError(
                f"len: expected sentences with a length, got {type(self.sentences).__name__}; "
                "count them, or pass a list"
            )
        return len(self.sentences)


class SentenceJoiner(ABC):
    """Base of `Phrases` and `FrozenPhrases`.

    The public attributes are settings, which may be changed between calls. A subclass returns all
    phrases at these settings from `_scored`.
    """

    threshold: float
    min_count: float
    delimiter: str
    scoring: Scoring
    connector_words: frozenset[str]
    _found: tuple[Any, dict[Tokens, float], _phrases.Finder] | None = None

    # ---- sentences

    def __getitem__(self, sentence: Iterable[Any]) -> Any:
        """Return the words of a sentence, or the sentences of a text, with their phrases joined.

        A list of words gives a list. Anything else with sentences in it gives an iterable that
        joins them when they are read, once more in each pass.

        Raises TypeError for words that are no str.
        """
        if type(sentence) is list and sentence and type(sentence[0]) is str:
            joined: list[str] = self._finder().join(sentence)
            return joined
        words, sentences = _either(sentence)
        if words is not None:
            return self._finder().join(words)
        return JoinedSentences(self, sentences)

    def analyze_sentence(self, sentence: Iterable[str]) -> Analysis:
        """Return (joined phrase, its score) for each phrase, (word, None) for each other word."""
        found: Analysis = self._finder().analyze(list(as_words(sentence, 0)))
        return found

    def find_phrases(self, sentences: Iterable[Iterable[str]]) -> dict[str, float]:
        """Return {joined phrase: score} of the phrases that sentences have, in order."""
        words, several = _either(sentences)
        analyze = self._finder().analyze
        found: dict[str, float] = {}
        for number, sentence in enumerate(several if words is None else [words]):
            for word, score in analyze(list(as_words(sentence, number))):
                if score is not None:
                    found.setdefault(word, score)
        return found

    def score_candidate(
        self, word_a: str, word_b: str, in_between: Iterable[str] = ()
    ) -> tuple[str, float] | tuple[None, None]:
        """Return a phrase joined and its score; (None, None) for words that are no phrase."""
        words = (word_a, *in_between, word_b)
        score = self._passing().get(words)
        return (None, None) if score is None else (self.delimiter.join(words), score)

    def export_phrases(self) -> dict[str, float]:
        """Return {joined phrase: score} of all phrases, in order of their first appearance.

        Different phrases may look alike once they are joined, such as those of ("new_york", "city")
        and ("new", "york_city"); the larger score is kept then.
        """
        joined: dict[str, float] = {}
        for words, score in self._passing().items():
            name = self.delimiter.join(words)
            joined[name] = max(score, joined.get(name, score))
        return joined

    @property
    def phrase_scores(self) -> dict[Tokens, float]:
        """All phrases as tuples of words, and their scores, in order of their first appearance."""
        return dict(self._passing())

    # ---- the settings, and what follows from them

    @abstractmethod
    def _settings(self) -> tuple[Any, ...]:
        """Return all that decides which runs are phrases, and how they are joined."""

    @abstractmethod
    def _scored(self) -> dict[Tokens, float]:
        """Return {words: score} of the phrases."""

    def _passing(self) -> dict[Tokens, float]:
        """Return {words: score}, which is kept until a setting changes."""
        return self._ready()[1]

    def _finder(self) -> _phrases.Finder:
        return self._ready()[2]

    def _ready(self) -> tuple[Any, dict[Tokens, float], _phrases.Finder]:
        settings = self._settings()
        if self._found is None or self._found[0] != settings:
            scores = self._scored()
            self._found = (
                settings,
                scores,
                made_finder(scores, self.connector_words, self.delimiter),
            )
        return self._found

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_found"}


def _either(given: Any) -> tuple[list[str] | None, Iterable[Any]]:
    """Return (words, ()) of one sentence, or (None, sentences) of several."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise TypeError(
            f"sentence: expected a list of words, or sentences, got {type(given).__name__}"
            f"{f' {given!r}' if isinstance(given, str | bytes) else ''}; pass text.split()"
        )
    if isinstance(given, np.ndarray):
        given = given.tolist()
    passing = iter(given)
    first = next(passing, "")
    once = passing is given
    if not isinstance(first, str):
        return None, chain([first], passing) if once else given
    if not once:
        return list(given), ()
    return ([first, *passing] if first else list(passing)), ()


def made_finder(scores: Mapping[Tokens, float], connectors: frozenset[str], delimiter: str) -> Any:
    """Return the compiled finder of phrases."""
    rows: dict[str, int] = {}
    places: dict[tuple[int, int], int] = {}
    names: list[str | None] = []
    values: list[float] = []
    for words, score in scores.items():
        before = rows.setdefault(words[0], len(rows))
        for word in words[1:]:
            key = before, rows.setdefault(word, len(rows))
            node = places.setdefault(key, len(places))
            if node == len(names):
                names.append(None)
                values.append(0.0)
            before = ~node
        names[~before], values[~before] = delimiter.join(words), score
    nodes = np.array(list(places), np.int32).reshape(-1, 2)
    slots = np.empty(1 << (2 * len(nodes)).bit_length(), np.int32)
    _phrases.place(slots, nodes)
    chosen = np.array([word in connectors for word in rows], np.uint8)
    return _phrases.Finder(rows, chosen, nodes, slots, names, values)
