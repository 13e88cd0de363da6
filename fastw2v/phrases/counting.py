"""Counts of the words of texts and of the runs that may be phrases.

A run is a word, any number of connectors and a word, as in "bank of america". Runs are nodes of a
trie, which _phrases.pyx describes: nodes (n, 2) holds what stands before the last word, and the
last word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from operator import length_hint
from typing import Any

import numpy as np

from fastw2v._kernels import _phrases, _vocabulary
from fastw2v.phrases.scoring import RunTotals
from fastw2v.word2vec.sentences import LineSentence, RunningWords, count_text
from fastw2v.word2vec.texts import as_sentences, as_words

FIRST_NODES = 1 << 10
MOST_FIRST_NODES = 1 << 20  # which take 24 MB
MOST_NODES = 1 << 30
Tokens = tuple[str, ...]
Numbered = tuple[np.ndarray, int, int]  # ids of a text, its sentences and words

_AT_ONCE = 1 << 10  # sentences that are numbered together
_COMPILED = (LineSentence, RunningWords)  # which compiled code may read


class RunCounts:
    """Words with their counts (V,), and n runs and beginnings of runs with theirs.

    n_words is the length of the text. min_reduce is the count below which the next words and runs
    are dropped, once there are too many of them.
    """

    def __init__(self) -> None:
        self.words: list[str] = []
        self._numbers: _vocabulary.Numbers | None = None  # of the words; made when a text is added
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
        ordered = ((before < len(words)) & (~before < n)).all()
        if not (ordered and ((last >= 0) & (last < len(words))).all()):
            raise ValueError("a run has a word that is not there")
        if (word_counts < 0).any() or (counts < 0).any():
            raise ValueError("a count is below 0")
        if len(set(words)) < len(words):
            raise ValueError("a word is listed twice")
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
        n_known, texts = len(self.words), self._numbered(sentences, corpus_file)
        if n_known:  # nothing is counted before all of it is known to be a text
            try:
                texts = iter(list(texts))
            except BaseException:
                self._numbers = None
                del self.words[n_known:]
                raise
        try:
            return self._add(texts, length_hint(sentences), frozenset(connectors), most)
        except BaseException:
            if not n_known:
                RunCounts.__init__(self)
            raise

    def _add(
        self, texts: Iterable[Numbered], length: int, connectors: frozenset[str], most: int
    ) -> tuple[int, int]:
        """Count numbered texts; return how many sentences and words they have."""
        n_sentences = n_words = n_flagged = 0
        chosen = np.zeros(len(self.word_counts), np.uint8)
        self.min_reduce = 1
        for ids, some_sentences, some_words in texts:
            V = len(self.words)
            if len(chosen) < V:
                room = max(V, 2 * len(chosen))
                self.word_counts = _lengthened(self.word_counts, room)
                chosen = _lengthened(chosen, room)
            new = self.words[n_flagged:V]
            chosen[n_flagged:V] = np.fromiter(map(connectors.__contains__, new), bool, len(new))
            n_flagged = V
            if not len(self.nodes):
                expected = len(ids) * max(1, length // max(some_sentences, 1))
                self._set_nodes(self.nodes, self.counts, min(expected, MOST_FIRST_NODES))
            if V:  # else all sentences are empty
                self._count(ids, chosen, most)
            n_sentences, n_words = n_sentences + some_sentences, n_words + some_words
        self.word_counts = _lengthened(self.word_counts, len(self.words))
        self.n_words += n_words
        return n_sentences, n_words

    def _numbered(self, sentences: Any, corpus_file: Any) -> Iterator[Numbered]:
        """Yield a text in ids, and how many sentences and words they have, piece by piece."""
        numbers = self._numbers
        if numbers is None:
            numbers = self._numbers = _vocabulary.Numbers()
            numbers.add(np.empty(len(self.words), np.int32), self.words)
            self.words = numbers.words
        if sentences is None or corpus_file is not None or isinstance(sentences, _COMPILED):
            text = count_text(sentences, corpus_file)
            words, counts = text.counts.words, text.counts
            rows = np.empty(len(words), np.int32)
            numbers.add(rows, words)
            ids = text.encode(dict(zip(words, rows.tolist(), strict=True))).ids
            yield ids, counts.n_sentences, counts.n_words
            return
        passing, first = iter(as_sentences(sentences)), 0
        while some := list(islice(passing, _AT_ONCE)):
            if set(map(type, some)) != {list}:
                some = [list(as_words(words, number)) for number, words in enumerate(some, first)]
            ids = np.empty(sum(map(len, some)) + len(some), np.int32)
            done, end = numbers.add_sentences(ids, some)
            while done < len(some):
                some[done] = list(map(_as_text, some[done]))
                n, more = numbers.add_sentences(ids[end:], some[done:])
                if not n:
                    raise ValueError(
                        f"sentences: expected sentences that stay as they are, got another length "
                        f"of sentence {first + done}; pass a copy to this thread"
                    )
                done, end = done + n, end + more
            yield ids[:end], len(some), end - len(some)
            first += len(some)

    def _count(self, ids: np.ndarray, chosen: np.ndarray, most: int) -> None:
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

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_numbers": None}

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


def _lengthened(array: np.ndarray, n: int) -> np.ndarray:
    """Return a copy (n,) of an array, zeros behind it, or its first n elements."""
    longer = np.zeros(n, array.dtype)
    longer[: min(n, len(array))] = array[:n]
    return longer


def _as_text(word: Any) -> str:
    if isinstance(word, str):
        return str(word)
    raise TypeError(
        f"sentences: expected words of type str, got {type(word).__name__} {word!r:.40}; convert "
        "them with str()"
    )


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
