"""Readers of sentences, as in gensim, and the choice between sentences and files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from fastw2v._checks.numbers import as_int, as_whole
from fastw2v._core import threads
from fastw2v._files.text import open_utf8
from fastw2v.word2vec.texts import (
    FileText,
    Report,
    RunningText,
    SentenceText,
    Text,
    as_text_files,
    report_nothing,
)

if TYPE_CHECKING:
    from fastw2v.datasets.splitter import JoinedWords


class LineSentence:
    """The lines of a text file as lists of words. `Word2Vec` reads a named file in compiled code.

    source is the name of a plain or packed file, or an open file of bytes or text, which Python
    code reads from its start in each pass. limit is the number of lines to read. Lines of more
    words than max_sentence_length are cut into sentences of that many; None, unlike gensim's
    10,000, cuts none. With either of them, Python code reads the file.

    Raises ValueError, naming file and line, for bytes that are not UTF-8.

    >>> with open("two_lines.txt", "w") as file:
    ...     _ = file.write("you say goodbye\\nand i say hello\\n")
    >>> list(LineSentence("two_lines.txt"))
    [['you', 'say', 'goodbye'], ['and', 'i', 'say', 'hello']]
    """

    lines = True
    takes_streams = True

    def __init__(
        self, source: Any, max_sentence_length: int | None = None, limit: int | None = None
    ) -> None:
        named = isinstance(source, str | os.PathLike)
        if not named and not (self.takes_streams and hasattr(source, "seek")):
            expected = (
                "a file name or an open file" if self.takes_streams else "the name of a folder"
            )
            raise TypeError(
                f"source: expected {expected}, got {type(source).__name__}; pass a str, "
                "and pass sentences that are lists of words without LineSentence"
            )
        self.source = source
        self.limit = None if limit is None else as_whole("limit", limit)
        self.max_sentence_length = (
            None
            if max_sentence_length is None
            else as_int("max_sentence_length", max_sentence_length)
        )

    def paths(self) -> list[str]:
        """Return the names of the files."""
        return [os.fspath(self.source)]

    @property
    def is_compiled(self) -> bool:
        """True if compiled code may read the files in place of `__iter__`."""
        return not self.is_stream and (self.limit, self.max_sentence_length) == (None, None)

    @property
    def is_stream(self) -> bool:
        """True if the source is an open file."""
        return not isinstance(self.source, str | os.PathLike)

    def __iter__(self) -> Iterator[list[str]]:
        for words in self._lines():
            yield from self._cut(words)

    def _cut(self, words: list[str]) -> Iterator[list[str]]:
        """Yield a sentence, in parts if it is too long."""
        length = self.max_sentence_length
        if length is None or len(words) <= length:
            yield words
        else:
            for at in range(0, len(words), length):
                yield words[at : at + length]

    def _lines(self) -> Iterator[list[str]]:
        if self.is_stream:
            self.source.seek(0)
            name = str(getattr(self.source, "name", "source"))
            yield from _words(name, islice(self.source, self.limit))
            return
        left = self.limit
        for path in self.paths():
            if left == 0:
                return
            with open_utf8(path) as stream:
                for words in _words(path, islice(stream, left)):
                    left = None if left is None else left - 1
                    yield words


def _words(name: str, lines: Iterable[str | bytes]) -> Iterator[list[str]]:
    """Yield the words of each line, without a byte order mark at the start."""
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode() if isinstance(line, bytes) else line
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}: line {number}: 0x{error.object[error.start]:02x} is not UTF-8; save the "
                "file as UTF-8, or pass its name as corpus_file= with "
                'unicode_errors="replace" or "ignore"'
            ) from error
        yield (text.removeprefix("\ufeff") if number == 1 else text).split()


class PathLineSentences(LineSentence):
    """The lines of all files in a folder, in the order of the files' names.

    >>> import os
    >>> os.makedirs("texts", exist_ok=True)
    >>> for name in ("b", "a"):
    ...     with open(f"texts/{name}.txt", "w") as file:
    ...         _ = file.write(f"file {name}\\n")
    >>> list(PathLineSentences("texts"))
    [['file', 'a'], ['file', 'b']]
    """

    takes_streams = False

    def paths(self) -> list[str]:
        """Return the names of the files."""
        source = os.fspath(self.source)
        if not os.path.isdir(source):
            return [source]
        names = sorted(os.listdir(source))
        found = [os.path.join(source, name) for name in names]
        return [path for path in found if os.path.isfile(path)]


class Text8Corpus(LineSentence):
    """A file read as one sentence of any length; line ends count as blanks.

    >>> with open("running.txt", "w") as file:
    ...     _ = file.write("anarchism originated as\\na term of abuse")
    >>> list(Text8Corpus("running.txt"))
    [['anarchism', 'originated', 'as', 'a', 'term', 'of', 'abuse']]
    """

    lines = False

    def __init__(
        self, fname: Any, max_sentence_length: int | None = None, limit: int | None = None
    ) -> None:
        super().__init__(fname, max_sentence_length, limit)

    def __iter__(self) -> Iterator[list[str]]:
        words: list[str] = []
        for line in self._lines():
            words += line
            length = self.max_sentence_length
            while length is not None and len(words) >= length:
                yield words[:length]
                del words[:length]
        if words or self.max_sentence_length is None:
            yield words


class BrownCorpus:
    """The files of the Brown corpus in a folder, whose lines hold words as `word/tag`.

    A sentence holds each word in lower case with the first two characters of its tag. Items that
    are not `word/tag`, and those whose tag does not begin with letters, are left out, as are empty
    sentences.

    >>> import os
    >>> os.makedirs("brown", exist_ok=True)
    >>> with open("brown/ca01", "w") as file:
    ...     _ = file.write("The/at Jury/nn-tl said/vbd ./.\\n\\n")
    >>> list(BrownCorpus("brown"))
    [['the/at', 'jury/nn', 'said/vb']]
    """

    def __init__(self, dirname: str | os.PathLike[str]) -> None:
        self.dirname = dirname

    def __iter__(self) -> Iterator[list[str]]:
        for words in PathLineSentences(self.dirname):
            pairs = [word.split("/") for word in words]
            sentence = [
                f"{pair[0].lower()}/{pair[1][:2]}"
                for pair in pairs
                if len(pair) == 2 and pair[1][:2].isalpha()
            ]
            if sentence:
                yield sentence


def count_text(
    sentences: Any,
    corpus_file: Any,
    *,
    lines: bool = True,
    unicode_errors: str = "strict",
    n_parts: int | None = None,
    memory_limit: int | None = None,
    only_count: bool = False,
    report: Report = report_nothing,
) -> Text:
    """Count the words of sentences or of files, exactly one of which is given.

    Compiled code reads files, also those of a `LineSentence` without a limit, and the words of a
    `RunningWords`; n_parts is the number of threads for it. memory_limit: see `IdWriter`.
    only_count: see `FileText`. report is called now and then with the sentences, words and
    different words so far.
    """
    if (sentences is None) == (corpus_file is None):
        got = "neither" if sentences is None else "both"
        raise TypeError(
            f"sentences, corpus_file: expected one of them, got {got}; pass sentences= (lists of "
            "words) or corpus_file= (the name of a text file)"
        )
    if isinstance(sentences, LineSentence) and sentences.is_compiled:
        corpus_file, lines = sentences.paths(), sentences.lines
    n_parts = n_parts or threads.get_num_threads()
    if isinstance(sentences, RunningWords):
        return RunningText(sentences.words, n_parts, memory_limit, only_count, report)
    if corpus_file is None:
        return SentenceText(sentences, memory_limit, report)
    files = as_text_files(corpus_file, lines=lines, unicode_errors=unicode_errors)
    return FileText(files, n_parts, memory_limit, only_count, report)


class RunningWords:
    """The words of a splitter as one sentence, for `Word2Vec.build_vocab`.

    They can be read once, which is all that it takes.
    """

    def __init__(self, words: JoinedWords) -> None:
        self.words = words

    def __iter__(self) -> Iterator[list[str]]:
        yield list(self.words)
