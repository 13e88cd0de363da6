"""Counts of the words of texts and of the runs that may be phrases.

A run is a word, any number of connectors and a word, as in "bank of america". Runs are nodes of a
trie, which _phrases.pyx describes: nodes (n, 2) holds what stands before the last word, and the
last word.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fastw2v._kernels import _phrases
from fastw2v.phrases.scoring import RunTotals
from fastw2v.word2vec.sentences import count_text

FIRST_NODES = 1 << 10
MOST_FIRST_NODES = 1 << 20  # which take 24 MB
MOST_NODES = 1 << 30
Tokens = tuple[str, ...]


class RunCounts:
    """Words with their counts (V,), and n runs and beginnings of runs with theirs.

    n_words is the length of the text. min_reduce is the count below which the next words and runs
    are dropped, once there are too many of them.
    """

    def __init__(self) -> None:
        self.words: list[str] = []
        self.rows: dict[str, int] = {}
        self.word_counts = np.zeros(0, np.int64)
        self.n_words, self.min_reduce = 0, 1
        self._set_nodes(np.zeros((0, 2), np.int32), np.zeros(0, np.int64))

    @classmethod
    def of(
        cls, words: list[str], word_counts: np.ndarray, nodes: np.ndarray, counts: np.ndarray
    ) -> RunCounts:
        """Return counts that were saved. Raises ValueError if they do not fit together."""
        before, last, n = nodes[:, 0], nodes[:, 1], np.arange(len(nodes))
        found = cls()
        found.words, found.word_counts = words, np.array(word_counts)
        found.rows = {word: row for row, word in enumerate(words)}
        ordered = ((before < len(words)) & (~before < n)).all()
        if not (ordered and ((last >= 0) & (last < len(words))).all()):
            raise ValueError("a run has a word that is not there")
        if (word_counts < 0).any() or (counts < 0).any():
            raise ValueError("a count is below 0")
        if len(np.unique(nodes, axis=0)) < len(nodes):
            raise ValueError("a run is listed twice")
        found._set_nodes(nodes, counts)
        return found

    @property
    def n_live(self) -> int:
        """The number of words and runs with a count above 0."""
        return int(self._state[_phrases.N_LIVE])

    @property
    def nodes(self) -> np.ndarray:
        """The runs (n, 2) and their beginnings."""
        return self._nodes[: self._state[_phrases.N_NODES]]

    @property
    def counts(self) -> np.ndarray:
        """The counts (n,) of the runs, 0 of mere beginnings."""
        return self._counts[: self._state[_phrases.N_NODES]]

    # ---- counting

    def add(
        self, sentences: Any, corpus_file: Any, connectors: Iterable[str], most: int
    ) -> tuple[int, int]:
        """Count a text; return how many sentences and words it has.

        Behind a sentence after which there are more than `most` words and runs, those with a count
        below min_reduce, which begins with 1, are dropped, and min_reduce grows by one.
        """
        text = count_text(sentences, corpus_file)
        words = text.counts.words
        if not set(map(type, words)) <= {str}:
            other = next(word for word in words if not isinstance(word, str))
            raise TypeError(
                f"sentences: expected words of type str, got {type(other).__name__} {other!r}; "
                "convert them with str()"
            )
        new = [word for word in words if word not in self.rows] if self.rows else words
        more = dict(zip(new, range(len(self.words), len(self.words) + len(new)), strict=True))
        rows = self.rows | more if self.rows else more
        ids = text.encode(rows).ids
        self.words, self.rows = self.words + new, rows
        self.word_counts = np.concatenate([self.word_counts, np.zeros(len(new), np.int64)])
        self._count(ids, connectors, most)
        self.n_words += text.counts.n_words
        return text.counts.n_sentences, text.counts.n_words

    def _count(self, ids: np.ndarray, connectors: Iterable[str], most: int) -> None:
        chosen = self._are_connectors(connectors)
        self.min_reduce = 1
        if not len(self.nodes):
            self._set_nodes(self.nodes, self.counts, min(len(ids) // 4, MOST_FIRST_NODES))
        at = 0
        while True:
            at += _phrases.count(
                *(self.word_counts, self._slots, self._nodes, self._counts, self._state),
                *(ids[at:], chosen, most),
            )
            if at == len(ids):
                self._state[_phrases.BEFORE] = _phrases.NOTHING
            if self._state[_phrases.BEFORE] == _phrases.NOTHING and self.n_live > most:
                self._drop_rare()
            if at == len(ids):
                return
            if self._state[_phrases.N_NODES] == len(self._nodes):
                self._grow()

    def _are_connectors(self, connectors: Iterable[str]) -> np.ndarray:
        chosen = np.zeros(len(self.words), np.uint8)
        chosen[[self.rows[word] for word in connectors if word in self.rows]] = 1
        return chosen

    def _set_nodes(self, nodes: np.ndarray, counts: np.ndarray, more: int = 0) -> None:
        """Take on nodes with their counts, and make room for as many again, or for `more`."""
        n = len(nodes)
        room = max(FIRST_NODES, 1 << (n + max(n, more) - 1).bit_length())
        self._nodes, self._counts = np.zeros((room, 2), np.int32), np.zeros(room, np.int64)
        self._nodes[:n], self._counts[:n] = nodes, counts
        self._slots = np.empty(2 * room, np.int32)
        _phrases.place(self._slots, self._nodes[:n])
        live = np.count_nonzero(self.word_counts) + np.count_nonzero(counts)
        self._state = np.array([n, live, _phrases.NOTHING], np.int64)

    def _grow(self) -> None:
        before = self._state[_phrases.BEFORE]
        if len(self._nodes) >= MOST_NODES:
            raise MemoryError(
                f"max_vocab_size: expected a limit that {MOST_NODES} runs of words suffice for, "
                "got more; lower max_vocab_size"
            )
        self._set_nodes(self.nodes, self.counts)
        self._state[_phrases.BEFORE] = before

    def _drop_rare(self) -> None:
        """Drop what occurs less than min_reduce times, and beginnings without a run."""
        self.word_counts[self.word_counts < self.min_reduce] = 0
        self._counts[self._counts < self.min_reduce] = 0
        self.min_reduce += 1
        kept = with_beginnings(self.nodes, self.counts > 0)
        places = np.cumsum(kept) - 1
        nodes = self.nodes[kept]
        longer = nodes[:, 0] < 0
        nodes[longer, 0] = ~places[~nodes[longer, 0]]
        self._set_nodes(nodes, self.counts[kept])

    # ---- answers

    def totals(self) -> RunTotals:
        """Return the counts of all nodes and of their words."""
        firsts = first_words(self.nodes)
        return RunTotals(
            self.word_counts[firsts],
            self.word_counts[self.nodes[:, 1]],
            self.counts,
            self.n_live,
            self.n_words,
        )

    def tokens_of(self, chosen: np.ndarray) -> list[Tokens]:
        """Return the words of the chosen nodes."""
        return list(tokens(self.words, self.nodes, chosen.tolist()))


def with_beginnings(nodes: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return which nodes (n,) are chosen, or begin one that is."""
    kept = chosen.copy()
    last = np.flatnonzero(kept)
    while len(last):
        before = nodes[last, 0]
        last = ~before[before < 0]
        last = np.unique(last[~kept[last]])
        kept[last] = True
    return kept


def first_words(nodes: np.ndarray) -> np.ndarray:
    """Return the first word (n,) of each node."""
    firsts = nodes[:, 0].astype(np.int64)
    while (longer := firsts < 0).any():
        firsts[longer] = firsts[~firsts[longer]]
    return firsts


def tokens(words: list[str], nodes: np.ndarray, chosen: list[int]) -> Iterable[Tokens]:
    """Yield the words of each chosen node."""
    before, last = nodes[:, 0].tolist(), nodes[:, 1].tolist()
    for node in chosen:
        found = [words[last[node]]]
        while (at := before[node]) < 0:
            node = ~at
            found.append(words[last[node]])
        yield (words[at], *reversed(found))
