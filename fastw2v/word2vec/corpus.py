"""Texts as ids: an encoded corpus, and its making from text files and from Python sentences.

An encoded corpus is one int32 array: the ids of the words in the vocabulary, and END (-1) between
two sentences. Words outside the vocabulary are dropped, so the words around them become
neighbours.

Compiled code reads text files in parts. Its results do not depend on the number of parts: words
of equal count are ordered by their first appearance.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import warnings
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastw2v._checks.arrays import as_array
from fastw2v._checks.ids import as_native_ids
from fastw2v._checks.numbers import as_whole, check_one_of
from fastw2v._checks.sequences import check_iterable
from fastw2v._files.text import ZeroBytes, check_readable, open_utf8
from fastw2v._kernels import _vocabulary
from fastw2v.word2vec.vocabulary import Vocabulary as Vocabulary  # pickles of 0.1 name it here
from fastw2v.word2vec.vocabulary import WordCounts

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
        warnings.warn(
            f"window: {window} reaches over whole sentences, of which the longest has {longest} "
            f"words, so each word is trained with up to {mean:.0f} others; this takes about "
            f"{mean / 10:.0f} times as long as window=5; pass a smaller window or shorter "
            "sentences",
            RuntimeWarning,
            stacklevel=3,
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


# ---- text files


class TextFiles(NamedTuple):
    """Names of text files in reading order; with `lines`, each line is a sentence.

    open(name) is a context with the unpacked bytes of a text, from its start unless `later`.
    """

    paths: tuple[str, ...]
    lines: bool
    unicode_errors: str
    open: Callable[[str], AbstractContextManager[io.BufferedIOBase]] = open_utf8
    later: bool = False  # the bytes come from inside a file, so they begin with no mark


def as_text_files(
    corpus_file: Any, *, lines: bool = True, unicode_errors: str = "strict"
) -> TextFiles:
    """Return the names of text files that exist and are not empty."""
    check_one_of("unicode_errors", unicode_errors, ("strict", "replace", "ignore"))
    if isinstance(corpus_file, str | os.PathLike):
        corpus_file = [corpus_file]
    check_iterable("corpus_file", corpus_file, "the name of a text file, or several")
    paths = tuple(os.fspath(path) for path in corpus_file)
    if not paths:
        raise ValueError("corpus_file: expected at least one file, got none; name a text file")
    for path in paths:
        check_readable(path)
    return TextFiles(paths, lines, unicode_errors)


def _pieces(
    files: TextFiles, path: str, zeros: ZeroBytes | None = None
) -> Iterator[tuple[int, bytes]]:
    """Yield (byte in the file, piece). Pieces end behind white space, or with the file.

    zeros: counts the zero bytes of the file, which are part of words.
    """
    at = 0
    held: list[bytes] = []  # text behind the last blank so far
    with files.open(path) as stream:
        while True:
            data = stream.read(_PIECE)
            if at == 0 and not held and data.startswith(_MARK) and not files.later:
                at, data = len(_MARK), data[len(_MARK) :]
            if zeros is not None:
                zeros.look_at(data, at + sum(map(len, held)))
            cut = _vocabulary.after_last_blank(data) if data else 0
            if cut or not data:
                whole = b"".join([*held, data[:cut]])
                if whole:
                    yield at, whole
                at += len(whole)
                held = []
            if not data:
                return
            if cut < len(data):
                held.append(data[cut:])


def _parts(n_bytes: int, n_parts: int) -> int:
    return max(1, min(n_parts, n_bytes // _LEAST_PART))


class FileText:
    """Text files whose words have been counted, to be encoded once a vocabulary is chosen.

    The kernel's hash tables of the words are kept, so that encoding looks words up by their bytes.
    """

    def __init__(self, files: TextFiles, n_parts: int, memory_limit: int | None) -> None:
        self.files, self.n_parts, self.memory_limit = files, n_parts, memory_limit
        self.counter = _vocabulary.open_counter(n_parts)
        lines = np.zeros(n_parts, np.int64)
        self.starts: list[int] = []  # of each file in the positions of first appearances
        base = unended = 0
        for path in files.paths:
            self.starts.append(base)
            end, last = base, b"\n"
            zeros = ZeroBytes(path)
            for at, piece in _pieces(files, path, zeros):
                n = _parts(len(piece), n_parts)
                if not _vocabulary.count(self.counter, lines, piece, base + at, n):
                    raise MemoryError(f"{path}: no memory for its words")
                end, last = base + at + len(piece), piece[-1:]
            zeros.warn()
            unended += last != b"\n"
            base = end
        size = _vocabulary.merge(self.counter)
        if size is False:
            raise MemoryError(f"{files.paths[0]}: no memory for its words")
        n_words, n_bytes = size
        text = np.empty(n_bytes, np.uint8)
        self.occurrences, firsts, offsets = (np.empty(n_words, np.int64) for _ in range(3))
        _vocabulary.read(self.counter, text, self.occurrences, firsts, offsets)
        self.n_sentences = int(lines.sum()) + unended if files.lines else len(files.paths)
        self.words = self._decoded(text, firsts, offsets)
        self.counts = self._word_counts(np.argsort(firsts, kind="stable"))

    def _decoded(self, text: np.ndarray, firsts: np.ndarray, offsets: np.ndarray) -> list[str]:
        raw = text.tobytes()
        try:
            decoded = raw.decode("utf-8", self.files.unicode_errors)
        except UnicodeDecodeError as error:
            word = int(np.searchsorted(offsets, error.start, side="right")) - 1
            place = int(firsts[word]) + error.start - int(offsets[word])
            file = int(np.searchsorted(self.starts, place, side="right")) - 1
            raise ValueError(
                f"{self.files.paths[file]}: byte {place - self.starts[file]}: "
                f"0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8, or pass "
                'unicode_errors="replace" or "ignore"'
            ) from error
        return decoded.split("\n")[:-1]

    def _word_counts(self, order: np.ndarray) -> WordCounts:
        """Return the counts in the given order; words whose bytes decode alike are one word."""
        different = set(self.words)
        if len(different) == len(self.words) and "" not in different:
            words = list(map(self.words.__getitem__, order.tolist()))
            return WordCounts(words, self.occurrences[order], self.n_sentences)
        totals: dict[str, int] = {}
        words, occurrences = self.words, self.occurrences.tolist()
        for i in order.tolist():
            word = words[i]
            if word:  # unicode_errors="ignore" may leave nothing of a word
                totals[word] = totals.get(word, 0) + occurrences[i]
        return WordCounts(
            list(totals), np.fromiter(totals.values(), np.int64, len(totals)), self.n_sentences
        )

    def encode(self, index: dict[Any, int]) -> EncodedCorpus:
        """Return the text in the ids of a vocabulary {word: id}."""
        ids = as_ids_of_words(self.words, index)
        out = np.empty(0, np.int32)
        with IdWriter(self.memory_limit) as writer:
            for path in self.files.paths:
                for _, piece in _pieces(self.files, path):
                    n = _parts(len(piece), self.n_parts)
                    if len(out) < len(piece) + n:
                        out = np.empty(len(piece) + n, np.int32)
                    found = _vocabulary.encode(out, self.counter, ids, piece, self.files.lines, n)
                    writer.append(out[:found])
                writer.end_sentence()
            return writer.finish(int(self.occurrences.sum()), self.n_sentences)


# ---- Python sentences


class SentenceText:
    """Python sentences whose words have been counted, to be encoded once a vocabulary is chosen.

    One pass numbers the words in the order of their first appearance; `encode` replaces these
    numbers by ids, so the sentences are read only once.
    """

    def __init__(self, sentences: Any, memory_limit: int | None) -> None:
        self.memory_limit = memory_limit
        with IdWriter(memory_limit) as writer:
            self.counts, n_raw_words = _number_words(_as_sentences(sentences), writer)
            self.numbered = writer.finish(n_raw_words, self.counts.n_sentences)

    def encode(self, index: dict[Any, int]) -> EncodedCorpus:
        """Return the text in the ids of a vocabulary {word: id}."""
        words = self.counts.words
        ids_of_numbers = np.empty(len(words) + 1, np.int32)
        ids_of_numbers[:-1] = as_ids_of_words(words, index)
        ids_of_numbers[END] = END
        numbered = self.numbered
        with IdWriter(self.memory_limit) as writer:
            for at in range(0, len(numbered.ids), _PIECE):
                ids = ids_of_numbers[numbered.ids[at : at + _PIECE]]
                ids = ids[ids != NEVER]
                # Sentences without a known word leave a run of END, of which one is written.
                repeated = np.zeros(len(ids), bool)
                repeated[1:] = (ids[1:] == END) & (ids[:-1] == END)
                writer.append(ids[~repeated])
            writer.end_sentence()
            return writer.finish(numbered.n_raw_words, numbered.n_sentences)


def _as_sentences(sentences: Any) -> Iterable[Any]:
    """Return an iterable of sentences that can be repeated; its items are not checked here."""
    if isinstance(sentences, str | bytes):
        raise TypeError(
            f"sentences: expected lists of words, got one {type(sentences).__name__}; pass the "
            "name of a text file as corpus_file=, or [text.split()] for one sentence"
        )
    if isinstance(sentences, np.ndarray):
        if sentences.dtype.kind not in "iuOU":
            raise TypeError(
                f"sentences: expected words or integer ids, got dtype {sentences.dtype}; convert "
                "with .astype(np.int64)"
            )
        if sentences.ndim > 2:
            raise ValueError(
                f"sentences: expected one or two dimensions, got {sentences.ndim}; pass one "
                "sentence a row"
            )
        rows: np.ndarray = sentences[None] if sentences.ndim == 1 else sentences
        return rows
    if not hasattr(sentences, "__iter__"):
        raise TypeError(
            f"sentences: expected lists of words, got {type(sentences).__name__}; pass a list of "
            "them"
        )
    if iter(sentences) is sentences:
        raise TypeError(
            f"sentences: expected something that can be read more than once, got a "
            f"{type(sentences).__name__}, which is used up after one epoch; pass a list, or an "
            "object whose __iter__ starts anew"
        )
    repeatable: Iterable[Any] = sentences
    return repeatable


def _number_words(sentences: Iterable[Any], writer: IdWriter) -> tuple[WordCounts, int]:
    """Write the ids of sentences; return the counts of the words, and the length of the text."""
    first_ids: defaultdict[Any, int] = defaultdict()
    first_ids.default_factory = first_ids.__len__
    counts = np.zeros(0, np.int64)
    batch: list[Any] = []
    ends: list[int] = []
    n_sentences = n_raw = 0

    def flush() -> None:
        nonlocal counts
        try:
            ids = np.fromiter(map(first_ids.__getitem__, batch), np.int32, len(batch))
        except TypeError as error:
            raise TypeError(
                f"sentences: expected words (str or int), got an unhashable item ({error}); "
                "pass lists of str"
            ) from None
        if len(counts) < len(first_ids):
            counts = np.concatenate([counts, np.zeros(len(first_ids) - len(counts), np.int64)])
        counts += np.bincount(ids, minlength=len(counts))
        writer.append(np.insert(ids, ends, END))
        batch.clear()
        ends.clear()

    for sentence in sentences:
        if isinstance(sentence, np.ndarray) and sentence.dtype.kind in "iuOU":
            sentence = sentence.tolist()
        elif isinstance(sentence, str | bytes) or not hasattr(sentence, "__iter__"):
            _raise_no_sentence(n_sentences, sentence)
        elif isinstance(sentence, np.ndarray):
            raise TypeError(
                f"sentences: expected words or integer ids, got dtype {sentence.dtype} in sentence "
                f"{n_sentences}; convert with .astype(np.int64)"
            )
        batch.extend(sentence)
        ends.append(len(batch))
        n_sentences += 1
        if len(batch) >= _BATCH or len(ends) >= _BATCH:
            n_raw += len(batch)
            flush()
    n_raw += len(batch)
    flush()
    words = [_as_key(word) for word in first_ids]
    if len({type(word) for word in words}) > 1:
        raise TypeError(
            "sentences: expected words that are all str or all int, got both; convert the "
            "numbers with str()"
        )
    return WordCounts(words, counts, n_sentences), n_raw


def _raise_no_sentence(number: int, sentence: Any) -> None:
    if isinstance(sentence, str | bytes):
        shown = repr(sentence if len(sentence) < 40 else sentence[:40])
        raise TypeError(
            f"sentences: expected lists of words, got the {type(sentence).__name__} {shown} as "
            f"sentence {number}; pass [sentence] for a single list of words, or split each text: "
            "[text.split() for text in texts]"
        )
    raise TypeError(
        f"sentences: expected lists of words, got {type(sentence).__name__} as sentence {number}; "
        "pass [sentence] for a single list of words"
    )


def _as_key(word: Any) -> Key:
    if isinstance(word, str):
        return str(word)
    if isinstance(word, int | np.integer) and not isinstance(word, bool):
        return int(word)
    raise TypeError(
        f"sentences: expected words (str or int), got {type(word).__name__} {word!r}; pass lists "
        "of str"
    )


Text = FileText | SentenceText
