"""A text as ids: an encoded corpus, its checks, and the writer of its ids.

An encoded corpus is one int32 array: the ids of the words in the vocabulary, and END (-1) between
two sentences. Words outside the vocabulary are dropped, so the words around them become
neighbours. `texts` makes them.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.arrays import as_array
from fastw2v._checks.ids import as_native_ids
from fastw2v._checks.numbers import as_whole
from fastw2v._files.warning import warn
from fastw2v._kernels import _vocabulary
from fastw2v.word2vec.vocabulary import Vocabulary as Vocabulary  # pickles of 0.1 name them here
from fastw2v.word2vec.vocabulary import WordCounts as WordCounts

END: int = _vocabulary.END  # between two sentences of an encoded corpus
NEVER: int = _vocabulary.NEVER  # the id of words outside the vocabulary, which are dropped
_PIECE = 1 << 22  # bytes of a file, or ids, that are handled at a time
_BATCH = 1 << 16  # words of Python sentences that are numbered at a time
_LEAST_PART = 1 << 16  # bytes of a piece for each thread
MANY = 2000  # contexts of a word whose training takes minutes where others take a second
_MARK = b"\xef\xbb\xbf"
Key = str | int
Sentences = Iterable[Iterable[Key]]


# ---- an encoded corpus


@dataclass
class EncodedCorpus:
    """A text as ids.

    ids (N,) int32 holds the ids of words and -1 between sentences, in memory or mapped from a
    file. n_words is the number of words among the ids; n_raw_words and n_sentences describe the
    text they were made from.

    >>> corpus = EncodedCorpus(np.array([1, 0, -1], np.int32), 2, 3, 1)
    >>> corpus.n_words, corpus.n_raw_words, corpus.n_sentences
    (2, 3, 1)
    """

    ids: NDArray[np.int32]
    n_words: int
    n_raw_words: int
    n_sentences: int


def has_pairs(ids: np.ndarray) -> bool:
    """Tell whether two words are neighbours anywhere; for most texts the first ids suffice."""
    at, length = 0, 1 << 10
    while at < len(ids):
        words = ids[at : at + length + 1] >= 0  # the last one is the first of the next piece
        if (words[1:] & words[:-1]).any():
            return True
        at, length = at + length, min(_PIECE, 8 * length)
    return False


def check_trainable(corpus: EncodedCorpus) -> None:
    """Check that two words of the vocabulary are neighbours somewhere in a corpus."""
    if not corpus.n_words:
        raise ValueError(
            "sentences: expected words of the vocabulary, got none of them; train on the text "
            "that build_vocab saw, or on more like it"
        )
    if not has_pairs(corpus.ids):
        raise ValueError(
            "sentences: expected sentences with two or more words of the vocabulary, got none, "
            "so no word has a neighbour; split each text: [text.split() for text in texts], "
            "or lower min_count"
        )


def widest_reach(window: int, corpus: EncodedCorpus) -> int:
    """Return the most words that a window has on one side: it ends with the sentence.

    Short windows are returned as they are. If a wide one gives each word more than MANY contexts on
    average, a warning says so, because training then takes hundreds of times as long as usual.
    """
    if 2 * window <= MANY:
        return window
    pairs = length = longest = 0
    for at in range(0, len(corpus.ids), _PIECE):
        piece = corpus.ids[at : at + _PIECE]
        ends = np.flatnonzero(piece == END)
        lengths = np.diff(ends, prepend=-1 - length) - 1
        pairs += int((lengths * np.minimum(lengths - 1, 2.0 * window)).sum())
        longest = max([longest, *lengths[:1].tolist(), int(lengths[1:].max(initial=0))])
        length = len(piece) - 1 - int(ends[-1]) if len(ends) else length + len(piece)
    mean = pairs / max(1, corpus.n_words)
    if mean > MANY:
        warn(
            f"window: {window} reaches over whole sentences, of which the longest has {longest} "
            f"words, so each word is trained with up to {mean:.0f} others; this takes about "
            f"{mean / 10:.0f} times as long as window=5; pass a smaller window or shorter "
            "sentences",
            RuntimeWarning,
        )
    return min(window, max(1, longest))


def as_row_of_ids(name: str, ids: object) -> np.ndarray:
    """Return integers as an array (N,), N > 0, without looking at their values."""
    given: np.ndarray = as_array(name, ids)
    if given.ndim != 1 or given.size == 0:
        raise ValueError(
            f"{name}: expected shape (N,) with N > 0, got {given.shape}; encode a text"
        )
    as_native_ids(name, given[:0])
    return given


def as_encoded_ids(name: str, ids: np.ndarray, V: int, first: int = 0) -> np.ndarray:
    """Return a part of an encoded corpus as int32, with ids below V and -1 between sentences.

    first: the position of the part in the corpus, for the message.
    """
    if not len(ids):
        return np.zeros(0, np.int32)
    if ids.max() >= V:
        at = int(np.argmax(ids >= V))
        raise IndexError(
            f"{name}: id {ids[at]} at position {first + at} is out of range for {V} words; use ids "
            f"from 0 to {V - 1}"
        )
    if ids.min() < END:
        at = int(np.argmin(ids))
        raise IndexError(
            f"{name}: id {ids[at]} at position {first + at} is negative; only -1, the end of a "
            "sentence, may be"
        )
    return np.require(ids, np.int32, ["C", "A"])


def as_corpus_of(V: int, corpus: EncodedCorpus) -> EncodedCorpus:
    """Return a corpus whose ids, which the kernel uses as row numbers, fit V words."""
    ids = as_encoded_ids("sentences.ids", as_row_of_ids("sentences.ids", corpus.ids), V)
    n_words = int(np.count_nonzero(ids >= 0))
    n_raw = as_whole("sentences.n_raw_words", corpus.n_raw_words, high=2**63 - 1)
    n_sentences = as_whole("sentences.n_sentences", corpus.n_sentences, high=2**63 - 1)
    return EncodedCorpus(ids, n_words, n_raw, n_sentences)


class IdWriter:
    """A writer of ids, which go to memory up to a limit in bytes and to a temporary file beyond it.

    The temporary file is removed if an exception, Ctrl-C included, ends the `with` before `finish`.
    """

    def __init__(self, memory_limit: int | None) -> None:
        self.memory_limit = memory_limit
        self.chunks: list[np.ndarray] = []
        self.n = self.n_words = 0
        self.file: Any = None
        self.path = ""
        self.ended = True  # whether the next id begins a sentence, so that END would be empty

    def __enter__(self) -> IdWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.file is not None:
            with contextlib.suppress(OSError):  # closing flushes, which a full disk refuses
                self.file.close()
            _remove(self.path)

    def append(self, ids: np.ndarray) -> None:
        """Add ids (n,) int32; END at the beginning of a sentence is dropped."""
        if self.ended and len(ids) and ids[0] == END:
            ids = ids[1:]
        if not len(ids):
            return
        self.ended = bool(ids[-1] == END)
        self.n += len(ids)
        self.n_words += int(np.count_nonzero(ids >= 0))
        if self.file is None and self.memory_limit is not None and 4 * self.n > self.memory_limit:
            handle, self.path = tempfile.mkstemp(".ids", "fastw2v-")
            self.file = os.fdopen(handle, "wb")
            for chunk in self.chunks:
                chunk.tofile(self.file)
            self.chunks = []
        if self.file is not None:
            ids.tofile(self.file)
        else:
            self.chunks.append(ids.copy())

    def end_sentence(self) -> None:
        """Add END unless the last id is END already."""
        if not self.ended:
            self.append(np.array([END], np.int32))

    def finish(self, n_raw_words: int, n_sentences: int) -> EncodedCorpus:
        """Return the corpus. A temporary file is deleted together with its array."""
        if self.file is None:
            ids = np.concatenate(self.chunks) if self.chunks else np.empty(0, np.int32)
        else:
            self.file.close()
            ids = np.memmap(self.path, np.int32, "r", shape=(self.n,))
            weakref.finalize(ids, _remove, self.path)
            self.file = None
        return EncodedCorpus(ids, self.n_words, n_raw_words, n_sentences)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):  # Windows keeps a file that is still mapped
        os.unlink(path)


def as_ids_of_words(words: Sequence[Any], index: Mapping[Any, int]) -> np.ndarray:
    """Return the id of each word (N,) int32, NEVER for words outside the vocabulary."""
    rows = map(index.get, words, repeat(NEVER))
    try:
        ids = np.fromiter(rows, np.int64, len(words))
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"key_to_index: expected the row of each word, got one that is no whole number "
            f"({error}); restore it with {{word: row for row, word in enumerate(index_to_key)}}"
        ) from None
    wrong = np.flatnonzero((ids >= len(index)) | ((ids < 0) & (ids != NEVER)))
    if len(wrong):
        raise ValueError(
            f"key_to_index: expected rows from 0 to {len(index) - 1}, got {ids[wrong[0]]} for "
            f"{words[wrong[0]]!r}; restore it with {{word: row for row, word in "
            "enumerate(index_to_key)}"
        )
    return ids.astype(np.int32)
