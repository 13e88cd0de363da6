"""Word counts, and the choice of the words that a model learns.

Ties between words of equal count are broken by the order of their first appearance, so a
vocabulary does not depend on how a text was divided among threads or machines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastw2v._checks.errors import NoVocabulary
from fastw2v._checks.numbers import as_whole

# The answers of a trim_rule, with gensim's numbers.
RULE_DEFAULT, RULE_DISCARD, RULE_KEEP = 0, 1, 2
NULL_WORD = "\0"
TrimRule = Callable[[Any, int, int], int]


@dataclass
class WordCounts:
    """The distinct words of a text and the number of times each of them occurs.

    words holds n words in the order of their first appearance, counts (n,) int64 their counts,
    and n_sentences the number of sentences. `+` adds the counts of several texts, for example of
    the shards of a corpus.

    >>> a = WordCounts(["sun", "moon"], np.array([2, 1]), 1)
    >>> b = WordCounts(["moon", "star"], np.array([5, 1]), 2)
    >>> total = a + b
    >>> total.words, total.counts, total.n_sentences, total.n_words
    (['sun', 'moon', 'star'], array([2, 6, 1]), 3, 9)
    """

    words: list[Any]
    counts: np.ndarray
    n_sentences: int

    @property
    def n_words(self) -> int:
        """The length of the text in words, repetitions included."""
        return int(self.counts.sum())

    def __add__(self, other: WordCounts) -> WordCounts:
        if not isinstance(other, WordCounts):
            return NotImplemented
        place = {word: i for i, word in enumerate(self.words)}
        words = list(self.words)
        for word in other.words:
            if word not in place:
                place[word] = len(words)
                words.append(word)
        counts = np.zeros(len(words), np.int64)
        counts[: len(self.counts)] = self.counts
        counts[[place[word] for word in other.words]] += other.counts
        return WordCounts(words, counts, self.n_sentences + other.n_sentences)

    def vocabulary(
        self,
        min_count: int = 1,
        max_words: int | None = None,
        *,
        by_count: bool = True,
        trim_rule: TrimRule | None = None,
    ) -> Vocabulary:
        """Choose the words that occur at least min_count times, at most max_words of them.

        A limit keeps the most frequent words; among words of equal count it keeps those that
        appear first. by_count=False leaves the words in the order of their first appearance.
        trim_rule(word, count, min_count) returns 1 to discard a word, 2 to keep it, and 0 to
        apply min_count, as in gensim.

        Raises ValueError, which is also a RuntimeError, if no word is left.
        """
        order = self._chosen(min_count, max_words, trim_rule)
        if not by_count:
            order = np.sort(order)
        if not len(order):
            _raise_no_words(self, min_count)
        words = list(map(self.words.__getitem__, order.tolist()))
        counts = np.asarray(self.counts)[order]
        return Vocabulary(words, counts, self.n_words, self.n_sentences)

    def _chosen(
        self, min_count: int, max_words: int | None, trim_rule: TrimRule | None
    ) -> np.ndarray:
        """Return the positions of the words to keep, the most frequent one first."""
        counts = np.asarray(self.counts)
        kept = counts >= min_count
        if trim_rule is not None:
            if not callable(trim_rule):
                raise TypeError(
                    "trim_rule: expected a function of word, count and min_count, got "
                    f"{trim_rule!r}; leave it out to keep what min_count keeps"
                )
            for i, word in enumerate(self.words):
                answer = trim_rule(word, int(counts[i]), min_count)
                if answer == RULE_KEEP:
                    kept[i] = True
                elif answer == RULE_DISCARD:
                    kept[i] = False
        order = np.flatnonzero(kept)
        return order[np.argsort(-counts[order], kind="stable")][:max_words]


@dataclass
class Vocabulary:
    """The words of a model. Word v has id v.

    words holds V words and counts (V,) int64 their counts. n_words and n_sentences describe the
    whole text, including the words that were left out.

    >>> counts = WordCounts(["sun", "moon", "star"], np.array([2, 6, 1]), 3)
    >>> vocabulary = counts.vocabulary(min_count=2)
    >>> vocabulary.words, vocabulary.counts, vocabulary.n_words
    (['moon', 'sun'], array([6, 2]), 9)
    """

    words: list[Any]
    counts: np.ndarray
    n_words: int
    n_sentences: int

    def __len__(self) -> int:
        return len(self.words)

    @property
    def index(self) -> dict[Any, int]:
        """A dict from each word to its id."""
        return dict(zip(self.words, range(len(self.words)), strict=True))

    def with_null_word(self) -> Vocabulary:
        """Return this vocabulary with `NULL_WORD`, of the count 1, at its end."""
        if NULL_WORD in self.words:
            return self
        counts = np.append(self.counts, 1)
        return Vocabulary([*self.words, NULL_WORD], counts, self.n_words, self.n_sentences)

    def extended(
        self,
        counts: WordCounts,
        min_count: int = 1,
        max_words: int | None = None,
        *,
        trim_rule: TrimRule | None = None,
    ) -> Vocabulary:
        """Return a vocabulary with the words of a further text behind those of this one.

        The counts of known words grow. min_count and trim_rule apply to the other words;
        max_words limits all words together, and known words are always kept. n_words and
        n_sentences are those of the further text.

        >>> vocabulary = Vocabulary(["sun", "moon"], np.array([4, 3]), 7, 2)
        >>> longer = vocabulary.extended(WordCounts(["star", "sun"], np.array([2, 1]), 1))
        >>> longer.words, longer.counts
        (['sun', 'moon', 'star'], array([5, 3, 2]))
        """
        index = self.index
        rows = np.array([index.get(word, -1) for word in counts.words], np.int64)
        known = rows >= 0
        totals = np.array(self.counts, np.int64)
        np.add.at(totals, rows[known], counts.counts[known])
        unknown = WordCounts(
            [word for word, row in zip(counts.words, rows.tolist(), strict=True) if row < 0],
            counts.counts[~known],
            counts.n_sentences,
        )
        room = None if max_words is None else max(0, max_words - len(self))
        order = unknown._chosen(min_count, room, trim_rule)
        words = [*self.words, *map(unknown.words.__getitem__, order.tolist())]
        totals = np.concatenate([totals, unknown.counts[order]])
        return Vocabulary(words, totals, counts.n_words, counts.n_sentences)


def as_word_counts(word_freq: object, corpus_count: object) -> WordCounts:
    """Return a dict {word: count}, of a text of corpus_count sentences, as `WordCounts`."""
    n_sentences = as_whole("corpus_count", corpus_count or 0)
    if not isinstance(word_freq, Mapping):
        raise TypeError(
            f"word_freq: expected a dict of counts, got {type(word_freq).__name__}; pass "
            "collections.Counter(words), or sentences to build_vocab"
        )
    most = 2**53  # the largest number up to which float64 holds every whole number
    for word, count in word_freq.items():
        if type(count) is not int or not 0 <= count <= most:
            as_whole(f"word_freq[{word!r}]", count, high=most)  # accepts 2.0 and numpy's integers
    counts = np.fromiter(word_freq.values(), np.int64, len(word_freq))
    return WordCounts(list(word_freq), counts, n_sentences)


def _raise_no_words(counts: WordCounts, min_count: int) -> None:
    if not len(counts.counts):
        raise NoVocabulary(
            "sentences: expected text, got no words at all; pass a text that contains words"
        )
    raise NoVocabulary(
        f"min_count: no word occurs {min_count} times, the most frequent one of "
        f"{len(counts.counts)} occurs {int(counts.counts.max())} times; lower min_count or pass "
        "more text"
    )
