"""Texts whose words are counted and numbered in one pass, and encoded once a vocabulary is chosen.

Compiled code reads text files in parts. Its results do not depend on the number of parts: words
of equal count are ordered by their first appearance.
"""

from __future__ import annotations

import io
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastw2v._checks.numbers import check_one_of
from fastw2v._checks.sequences import check_iterable
from fastw2v._files.numbered import Found, WordTables
from fastw2v._files.text import ZeroBytes, check_readable, open_utf8
from fastw2v._kernels import _vocabulary
from fastw2v.word2vec.corpus import END, EncodedCorpus, IdWriter, Key, as_ids_of_words
from fastw2v.word2vec.vocabulary import WordCounts

if TYPE_CHECKING:
    from fastw2v.datasets.splitter import JoinedWords

_PIECE = 1 << 22  # bytes of a file, or numbers, that are handled at a time
_BATCH = 1 << 16  # words of Python sentences that are numbered at a time
_WORDS = "iuOUT"  # kinds of arrays of words
_MARK = b"\xef\xbb\xbf"
# Called with the sentences, the words and the different words that were read so far.
Report = Callable[[int, int, int], None]


def report_nothing(n_sentences: int, n_words: int, n_different: int) -> None:
    """Stand in for a function that tells the progress of a reading."""


class NumberedText:
    """A text as numbers of its words.

    counts holds the words. numbered is the text, END included; `segments` lists (table, length) of
    consecutive parts of it, and of_table[t][number] is the place of a word in `words`.
    """

    counts: WordCounts
    words: list[Any]
    numbered: EncodedCorpus
    segments: list[tuple[int, int]]
    of_table: list[np.ndarray]
    memory_limit: int | None

    def encode(self, index: dict[Any, int]) -> EncodedCorpus:
        """Return the text in the ids of a vocabulary {word: id}."""
        ids = as_ids_of_words(self.words, index)
        of_table = [ids[words] for words in self.of_table]
        at = 0
        with IdWriter(self.memory_limit) as writer:
            for table, length in self.segments:
                for begin in range(at, at + length, _PIECE):
                    end = min(begin + _PIECE, at + length)
                    piece = np.array(self.numbered.ids[begin:end])
                    n = _vocabulary.renumber(piece, of_table[table], writer.ended)
                    writer.append(piece[:n])
                at += length
            writer.end_sentence()
            return writer.finish(self.numbered.n_raw_words, self.numbered.n_sentences)


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


class _Bytes(NamedTuple):
    """A text in bytes that has been read: its words and line feeds, its length, its numbers."""

    found: Found
    n_lines: int
    numbered: EncodedCorpus
    segments: list[tuple[int, int]]


def _number_bytes(
    pieces: Iterable[tuple[int, bytes] | None],
    n_parts: int,
    memory_limit: int | None,
    report: Report,
    *,
    lines: bool,
    only_count: bool = False,
) -> _Bytes:
    """Give numbers to the words of a text in pieces (byte of the text, piece).

    None instead of a piece ends a sentence.
    """
    numbering = WordTables(n_parts)
    segments: list[tuple[int, int]] = []
    n_words = 0
    with IdWriter(memory_limit) as writer:
        for item in pieces:
            before = writer.n
            if item is None:
                writer.end_sentence()
                segments.append((0, writer.n - before))
                continue
            at, piece = item
            for table, numbers in numbering.add(piece, at, lines):
                n_words += int(np.count_nonzero(numbers >= 0))
                if not only_count:
                    before = writer.n
                    writer.append(numbers)
                    segments.append((table, writer.n - before))
            report(numbering.n_lines, n_words, numbering.n_words)
        found = numbering.found()
        numbered = writer.finish(n_words, 0)
    return _Bytes(found, numbering.n_lines, numbered, segments)


class FileText(NumberedText):
    """Text files whose words have been counted and numbered by compiled code.

    only_count=True keeps no numbers, so that such a text cannot be encoded.
    """

    def __init__(
        self,
        files: TextFiles,
        n_parts: int,
        memory_limit: int | None,
        only_count: bool = False,
        report: Report = report_nothing,
    ) -> None:
        self.files, self.memory_limit = files, memory_limit
        self.starts: list[int] = []  # of each file in the positions of first appearances
        self.n_unended = 0  # files whose last line has no line feed
        read = _number_bytes(
            *(self._pieces_of_files(), n_parts, memory_limit, report),
            lines=files.lines,
            only_count=only_count,
        )
        found, self.segments, self.of_table = read.found, read.segments, read.found.of_table
        self.words = self._decoded(found.text, found.firsts, found.offsets)
        n_sentences = read.n_lines + self.n_unended if files.lines else len(files.paths)
        order = np.argsort(found.firsts, kind="stable")
        self.counts = _word_counts(self.words, found.counts, order, n_sentences)
        n_raw_words = int(found.counts.sum())
        self.numbered = EncodedCorpus(read.numbered.ids, n_raw_words, n_raw_words, n_sentences)

    def _pieces_of_files(self) -> Iterator[tuple[int, bytes] | None]:
        base = 0
        for path in self.files.paths:
            self.starts.append(base)
            end, last = base, b"\n"
            zeros = ZeroBytes(path)
            for at, piece in _pieces(self.files, path, zeros):
                yield base + at, piece
                end, last = base + at + len(piece), piece[-1:]
            zeros.warn()
            self.n_unended += last != b"\n"
            base = end
            yield None

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


def _word_counts(
    words: list[str], occurrences: np.ndarray, order: np.ndarray, n_sentences: int
) -> WordCounts:
    """Return the counts in the given order; words whose bytes decode alike are one word."""
    different = set(words)
    if len(different) == len(words) and "" not in different:
        in_order = list(map(words.__getitem__, order.tolist()))
        return WordCounts(in_order, occurrences[order], n_sentences)
    totals: dict[str, int] = {}
    counts = occurrences.tolist()
    for i in order.tolist():
        word = words[i]
        if word:  # unicode_errors="ignore" may leave nothing of a word
            totals[word] = totals.get(word, 0) + counts[i]
    return WordCounts(
        list(totals), np.fromiter(totals.values(), np.int64, len(totals)), n_sentences
    )


class RunningText(NumberedText):
    """The words of a splitter as one sentence, counted and numbered by compiled code."""

    def __init__(
        self,
        words: JoinedWords,
        n_parts: int,
        memory_limit: int | None,
        only_count: bool = False,
        report: Report = report_nothing,
    ) -> None:
        self.memory_limit = memory_limit
        read = _number_bytes(
            *(_with_positions(words.joined()), n_parts, memory_limit, report),
            lines=False,
            only_count=only_count,
        )
        found, self.segments, self.of_table = read.found, read.segments, read.found.of_table
        self.words = found.text.tobytes().decode("utf-8", "surrogatepass").split("\n")[:-1]
        order = np.argsort(found.firsts, kind="stable")
        self.counts = _word_counts(self.words, found.counts, order, 1)
        n_raw_words = int(found.counts.sum())
        self.numbered = EncodedCorpus(read.numbered.ids, n_raw_words, n_raw_words, 1)


def _with_positions(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes] | None]:
    at = 0
    for piece in pieces:
        yield at, piece
        at += len(piece)


# ---- Python sentences


class SentenceText(NumberedText):
    """Python sentences whose words have been counted and numbered.

    The numbers are in the order of first appearance.
    """

    def __init__(
        self, sentences: Any, memory_limit: int | None, report: Report = report_nothing
    ) -> None:
        self.memory_limit = memory_limit
        with IdWriter(memory_limit) as writer:
            self.counts, n_raw_words = _number_words(as_sentences(sentences), writer, report)
            self.numbered = writer.finish(n_raw_words, self.counts.n_sentences)
        self.words = self.counts.words
        self.segments = [(0, len(self.numbered.ids))]
        self.of_table = [np.arange(len(self.words), dtype=np.int32)]


def as_sentences(sentences: Any) -> Iterable[Any]:
    """Return an iterable of sentences, which one pass may use up; its items are not checked here.

    An array of lists, such as a column of a table, has a sentence for each element. An array of
    whole numbers of one dimension is a single sentence.
    """
    if isinstance(sentences, str | bytes):
        raise TypeError(
            f"sentences: expected lists of words, got one {type(sentences).__name__}; pass the "
            "name of a text file as corpus_file=, or [text.split()] for one sentence"
        )
    if isinstance(sentences, np.ndarray):
        if sentences.dtype.kind not in _WORDS:
            raise TypeError(
                f"sentences: expected words or integer ids, got dtype {sentences.dtype}; convert "
                "with .astype(np.int64)"
            )
        if sentences.ndim not in (1, 2):
            raise ValueError(
                f"sentences: expected one or two dimensions, got {sentences.ndim}; pass one "
                "sentence a row"
            )
        single = sentences.ndim == 1 and sentences.dtype.kind in "iu"
        rows: np.ndarray = sentences[None] if single else sentences
        return rows
    if isinstance(sentences, Mapping) or not hasattr(sentences, "__iter__"):
        raise TypeError(
            f"sentences: expected lists of words, got {type(sentences).__name__}; pass a list of "
            "them"
        )
    found: Iterable[Any] = sentences
    return found


def as_words(sentence: Any, number: int) -> Iterable[Any]:
    """Return the words of a sentence, which are not checked; number is its place in the text."""
    if type(sentence) is list:
        return sentence
    if not isinstance(sentence, list | np.ndarray) and hasattr(sentence, "as_py"):
        sentence = sentence.as_py()  # an element of a column of Arrow
    if isinstance(sentence, np.ndarray) and sentence.dtype.kind in _WORDS and sentence.ndim == 1:
        return sentence.tolist()
    if isinstance(sentence, str | bytes | Mapping) or not hasattr(sentence, "__iter__"):
        _raise_no_sentence(number, sentence)
    if isinstance(sentence, np.ndarray):
        raise TypeError(
            f"sentences: expected words or integer ids, got dtype {sentence.dtype} of shape "
            f"{sentence.shape} in sentence {number}; pass lists of str"
        )
    words: Iterable[Any] = sentence
    return words


class _Numbering:
    """Numbers of words in the order of their first appearance.

    Compiled code numbers plain str; a dict takes over at the first word of another type.
    """

    def __init__(self) -> None:
        self._of_text = _vocabulary.Numbers()
        self._of_any: defaultdict[Any, int] | None = None

    def words(self) -> list[Any]:
        """Return the words, all str or all int."""
        if self._of_any is None:
            return self._of_text.words
        words = [_as_key(word) for word in self._of_any]
        if len({type(word) for word in words}) > 1:
            raise TypeError(
                "sentences: expected words that are all str or all int, got both; convert the "
                "numbers with str()"
            )
        return words

    def __len__(self) -> int:
        return len(self._of_text.words if self._of_any is None else self._of_any)

    def numbers_of(self, batch: list[Any]) -> np.ndarray:
        """Return the numbers (n,) int32 of n words."""
        ids = np.empty(len(batch), np.int32)
        n = self._of_text.add(ids, batch) if self._of_any is None else 0
        if n == len(batch):
            return ids
        if self._of_any is None:
            words = self._of_text.words
            self._of_any = defaultdict(None, zip(words, range(len(words)), strict=True))
            self._of_any.default_factory = self._of_any.__len__
        try:
            ids[n:] = np.fromiter(
                map(self._of_any.__getitem__, batch[n:]), np.int32, len(batch) - n
            )
        except TypeError as error:
            raise TypeError(
                f"sentences: expected words (str or int), got an unhashable item ({error}); "
                "pass lists of str"
            ) from None
        return ids


def _number_words(
    sentences: Iterable[Any], writer: IdWriter, report: Report
) -> tuple[WordCounts, int]:
    """Write the ids of sentences; return the counts of the words, and the length of the text."""
    numbering = _Numbering()
    counts = np.zeros(0, np.int64)
    batch: list[Any] = []
    ends: list[int] = []
    n_sentences = n_raw = 0

    def flush() -> None:
        nonlocal counts
        ids = numbering.numbers_of(batch)
        if len(counts) < len(numbering):
            counts = np.concatenate([counts, np.zeros(len(numbering) - len(counts), np.int64)])
        counts += np.bincount(ids, minlength=len(counts))
        writer.append(np.insert(ids, ends, END))
        batch.clear()
        ends.clear()
        report(n_sentences, n_raw, len(numbering))

    for sentence in sentences:
        batch.extend(as_words(sentence, n_sentences))
        ends.append(len(batch))
        n_sentences += 1
        if len(batch) >= _BATCH or len(ends) >= _BATCH:
            n_raw += len(batch)
            flush()
    n_raw += len(batch)
    flush()
    return WordCounts(numbering.words(), counts, n_sentences), n_raw


def _raise_no_sentence(number: int, sentence: Any) -> None:
    if isinstance(sentence, str | bytes):
        shown = repr(sentence if len(sentence) < 40 else sentence[:40])
        raise TypeError(
            f"sentences: expected lists of words, got the {type(sentence).__name__} {shown} as "
            f"sentence {number}; pass [sentence] for a single list of words, or split each text: "
            "[text.split() for text in texts]"
        )
    cure = "[sentence] for a single list of words"
    if isinstance(sentence, Mapping):
        cure = "a column of lists of words, such as dataset['tokens']"
    raise TypeError(
        f"sentences: expected lists of words, got {type(sentence).__name__} as sentence {number}; "
        f"pass {cure}"
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


Text = FileText | RunningText | SentenceText
