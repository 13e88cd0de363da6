"""Sentences to ids: counting words, choosing a vocabulary, encoding a corpus once for all epochs.

An encoded corpus is one int32 array: ids of the words that are in the vocabulary, END (-1) between
two sentences. Words that are not in it vanish, so those around them move together.

Text files are read by compiled code in parts, and what comes out does not depend on the number of
parts: words of equal count stand in the order of their first appearance.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from fastw2v._checks.numbers import check_one_of
from fastw2v._checks.sequences import check_iterable
from fastw2v._core import threads
from fastw2v._files.text import check_readable, open_utf8
from fastw2v._kernels import _vocabulary

END = -1
NEVER = -2  # what a word that is left out is mapped to
RULE_DEFAULT, RULE_DISCARD, RULE_KEEP = 0, 1, 2  # what a trim_rule may answer, as in gensim
_PIECE = 1 << 23
_BATCH = 1 << 16  # words of Python sentences that are numbered at once
_LEAST_PART = 1 << 16
_MARK = b"\xef\xbb\xbf"
Key = str | int


class TextFiles(NamedTuple):
    """Text files to be read in this order; with `lines`, each line is a sentence."""

    paths: tuple[str, ...]
    lines: bool
    unicode_errors: str


@dataclass
class WordCounts:
    """All the words of some text and how often each came.

    words n different ones in the order of their first appearance, counts (n,) int64,
    n_sentences. Counts of several texts, from several machines, add up with `+`.

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
        """All words of the text, repeated ones included."""
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
        trim_rule: Callable[[Any, int, int], int] | None = None,
    ) -> Vocabulary:
        """The words that come at least min_count times, at most max_words of them.

        Exactly the most frequent ones; among equals those that came first. by_count=False leaves
        them in the order of their first appearance. trim_rule(word, count, min_count) may answer
        1 (out), 2 (in) or 0 (as min_count says), as in gensim.

        Raises ValueError if no word is left.
        """
        counts = np.asarray(self.counts)
        kept = counts >= min_count
        if trim_rule is not None:
            for i, word in enumerate(self.words):
                answer = trim_rule(word, int(counts[i]), min_count)
                if answer == RULE_KEEP:
                    kept[i] = True
                elif answer == RULE_DISCARD:
                    kept[i] = False
        order = np.flatnonzero(kept)
        order = order[np.argsort(-counts[order], kind="stable")]
        if max_words is not None:
            order = order[:max_words]
        if not by_count:
            order = np.sort(order)
        if not len(order):
            _nothing_left(self, min_count)
        words = list(map(self.words.__getitem__, order.tolist()))
        return Vocabulary(words, counts[order].copy(), self.n_words, self.n_sentences)


@dataclass
class Vocabulary:
    """The words a model knows: word v has id v.

    words, counts (V,) int64; n_words and n_sentences of the whole text, words left out included.

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
        """word -> id."""
        return dict(zip(self.words, range(len(self.words)), strict=True))


@dataclass
class EncodedCorpus:
    """A text as ids.

    ids (N,) int32 with -1 between sentences, in memory or mapped from a file; n_words the ids
    among them, n_raw_words and n_sentences those of the text it was made from.
    """

    ids: np.ndarray
    n_words: int
    n_raw_words: int
    n_sentences: int


def has_pairs(ids: np.ndarray) -> bool:
    """Whether two words stand side by side anywhere; of most texts one look at the start tells."""
    at, length = 0, 1 << 10
    while at < len(ids):
        words = ids[at : at + length + 1] >= 0  # the last one is the first of the next piece
        if (words[1:] & words[:-1]).any():
            return True
        at, length = at + length, min(_PIECE, 8 * length)
    return False


def _nothing_left(counts: WordCounts, min_count: int) -> None:
    if not len(counts.counts):
        raise ValueError(
            "sentences: expected text, got no words at all; give a text that holds some"
        )
    raise ValueError(
        f"min_count: no word occurs {min_count} times, the most frequent one of "
        f"{len(counts.counts)} occurs {int(counts.counts.max())} times; lower min_count or give "
        "more text"
    )


# ---- what the user gives


def text_files(
    corpus_file: Any, *, lines: bool = True, unicode_errors: str = "strict"
) -> TextFiles:
    """Check names of text files; nothing is read yet."""
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


def check_sentences(sentences: Any) -> Any:
    """An iterable of sentences that can be gone through again; its items are checked later."""
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
        return sentences[None] if sentences.ndim == 1 else sentences
    check_iterable("sentences", sentences, "lists of words")
    if iter(sentences) is sentences:
        raise TypeError(
            f"sentences: expected something that can be read more than once, got a "
            f"{type(sentences).__name__}, which is used up after one epoch; pass a list, or an "
            "object whose __iter__ starts anew"
        )
    return sentences


# ---- files


def _pieces(path: str) -> Iterator[tuple[int, bytes]]:
    """(byte in the file, piece): pieces end behind white space, the last one at the end."""
    at = 0
    held: list[bytes] = []  # what stands behind the last blank so far
    with open_utf8(path) as stream:
        while True:
            data = stream.read(_PIECE)
            if at == 0 and not held and data.startswith(_MARK):
                at, data = len(_MARK), data[len(_MARK) :]
            zero = data.find(b"\0")
            if zero >= 0:
                place = at + sum(map(len, held)) + zero
                raise ValueError(
                    f"{path}: byte {place}: a zero byte, so this is not a text file; give UTF-8 "
                    "text"
                )
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


class _FileWords:
    """The words of text files, counted: the tables that encoding looks them up in."""

    def __init__(self, files: TextFiles, n_parts: int) -> None:
        self.files = files
        self.n_parts = n_parts
        self.counter = _vocabulary.open_counter(n_parts)
        lines = np.zeros(n_parts, np.int64)
        self.starts = []  # of each file in the positions of first appearances
        base = unended = 0
        for path in files.paths:
            self.starts.append(base)
            end, last = base, b"\n"
            for at, piece in _pieces(path):
                n = _parts(len(piece), n_parts)
                if not _vocabulary.count(self.counter, lines, piece, base + at, n):
                    raise MemoryError(f"{path}: no memory for its words")
                end, last = base + at + len(piece), piece[-1:]
            unended += last != b"\n"
            base = end
        size = _vocabulary.merge(self.counter)
        if size is False:
            raise MemoryError(f"{files.paths[0]}: no memory for its words")
        n_words, n_bytes = size
        text = np.empty(n_bytes, np.uint8)
        self.counts, firsts, offsets = (np.empty(n_words, np.int64) for _ in range(3))
        _vocabulary.read(self.counter, text, self.counts, firsts, offsets)
        self.n_sentences = int(lines.sum()) + unended if files.lines else len(files.paths)
        self.words = self._decoded(text, firsts, offsets)
        self.order = np.argsort(firsts, kind="stable")

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

    def word_counts(self) -> WordCounts:
        """In the order of first appearance; what decodes to the same word is one word."""
        different = set(self.words)
        if len(different) == len(self.words) and "" not in different:
            words = list(map(self.words.__getitem__, self.order.tolist()))
            return WordCounts(words, self.counts[self.order], self.n_sentences)
        totals: dict[str, int] = {}
        words, counts = self.words, self.counts.tolist()
        for i in self.order.tolist():
            word = words[i]
            if word:  # nothing may be left of a word of broken bytes
                totals[word] = totals.get(word, 0) + counts[i]
        return WordCounts(
            list(totals), np.fromiter(totals.values(), np.int64, len(totals)), self.n_sentences
        )

    def encode(self, index: dict[Any, int], memory_limit: int | None) -> EncodedCorpus:
        rows = map(index.get, self.words, repeat(NEVER))
        ids = np.fromiter(rows, np.int32, len(self.words))
        out = np.empty(0, np.int32)
        with IdWriter(memory_limit) as writer:
            for path in self.files.paths:
                for _, piece in _pieces(path):
                    n = _parts(len(piece), self.n_parts)
                    if len(out) < len(piece) + n:
                        out = np.empty(len(piece) + n, np.int32)
                    found = _vocabulary.encode(out, self.counter, ids, piece, self.files.lines, n)
                    writer.append(out[:found])
                writer.end_sentence()
            return writer.finish(int(self.counts.sum()), self.n_sentences)


class IdWriter:
    """Collects ids, in memory up to a limit, beyond it in a temporary file.

    Whatever ends the `with` before `finish` has, Ctrl-C or a full disk, takes the file with it.
    """

    def __init__(self, memory_limit: int | None) -> None:
        self.memory_limit = memory_limit
        self.chunks: list[np.ndarray] = []
        self.n = self.n_words = 0
        self.file: Any = None
        self.path = ""
        self.ended = True  # whether a sentence may begin, and no END is wanted

    def __enter__(self) -> IdWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.file is not None:
            with contextlib.suppress(OSError):  # what is still to be written does not fit either
                self.file.close()
            _remove(self.path)

    def append(self, ids: np.ndarray) -> None:
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
        if not self.ended:
            self.append(np.array([END], np.int32))

    def finish(self, n_raw_words: int, n_sentences: int) -> EncodedCorpus:
        """The corpus; a temporary file is deleted when its array is."""
        if self.file is None:
            ids = np.concatenate(self.chunks) if self.chunks else np.empty(0, np.int32)
        else:
            self.file.close()
            ids = np.memmap(self.path, np.int32, "r", shape=(self.n,))
            weakref.finalize(ids, _remove, self.path)
            self.file = None
        return EncodedCorpus(ids, self.n_words, n_raw_words, n_sentences)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):  # still mapped, on Windows
        os.unlink(path)


# ---- Python sentences


def _number(sentences: Iterable[Any], memory_limit: int | None) -> tuple[WordCounts, EncodedCorpus]:
    """Count and encode in one pass: ids are the numbers of first appearance."""
    with IdWriter(memory_limit) as writer:
        counts, n_raw = _write_numbers(sentences, writer)
        return counts, writer.finish(n_raw, counts.n_sentences)


def _write_numbers(sentences: Iterable[Any], writer: IdWriter) -> tuple[WordCounts, int]:
    """(counts, number of words) of sentences whose ids go to the writer."""
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
                f"sentences: expected words (str or int), got one that cannot be one ({error}); "
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
            _not_a_sentence(n_sentences, sentence)
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
    words = [_key(word) for word in first_ids]
    if len({type(word) for word in words}) > 1:
        raise TypeError(
            "sentences: expected words that are all str or all int, got both; convert the "
            "numbers with str()"
        )
    return WordCounts(words, counts, n_sentences), n_raw


def _not_a_sentence(number: int, sentence: Any) -> None:
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


def _key(word: Any) -> Key:
    if isinstance(word, str):
        return str(word)
    if isinstance(word, int | np.integer) and not isinstance(word, bool):
        return int(word)
    raise TypeError(
        f"sentences: expected words (str or int), got {type(word).__name__} {word!r}; pass lists "
        "of str"
    )


def _renumber(
    corpus: EncodedCorpus, words: Sequence[Any], index: dict[Any, int], memory_limit: int | None
) -> EncodedCorpus:
    """The same corpus in the ids of a vocabulary."""
    new = np.empty(len(words) + 1, np.int32)
    new[:-1] = [index.get(word, NEVER) for word in words]
    new[END] = END
    with IdWriter(memory_limit) as writer:
        for at in range(0, len(corpus.ids), _PIECE):
            ids = new[corpus.ids[at : at + _PIECE]]
            ids = ids[ids != NEVER]
            # Sentences of which nothing is left: one END of each run of them stays.
            again = np.zeros(len(ids), bool)
            again[1:] = (ids[1:] == END) & (ids[:-1] == END)
            writer.append(ids[~again])
        writer.end_sentence()
        return writer.finish(corpus.n_raw_words, corpus.n_sentences)


# ---- both


class Text:
    """Sentences or files, counted; then encoded by whatever vocabulary was chosen."""

    def __init__(
        self, source: Any, *, n_parts: int | None = None, memory_limit: int | None = None
    ) -> None:
        self.memory_limit = memory_limit
        self.files: _FileWords | None = None
        if isinstance(source, TextFiles):
            self.files = _FileWords(source, n_parts or threads.get_num_threads())
            self.counts = self.files.word_counts()
        else:
            self.counts, self.numbered = _number(check_sentences(source), memory_limit)

    def encode(self, index: dict[Any, int]) -> EncodedCorpus:
        """The text in ids of a vocabulary, {word: id}."""
        if self.files is not None:
            return self.files.encode(index, self.memory_limit)
        return _renumber(self.numbered, self.counts.words, index, self.memory_limit)
