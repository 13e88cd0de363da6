"""Where the sentences of a corpus come from: gensim's readers, and the choice between arguments."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from fastw2v._checks.numbers import as_whole
from fastw2v._files.text import open_utf8
from fastw2v.word2vec.corpus import text_files


class LineSentence:
    """The lines of a text file as lists of words. `Word2Vec` reads the file in compiled code.

    source: a file name, plain or gzip, or an open file of bytes or text, which is read in Python
    from its start each time. limit: only the first lines (then it is read in Python too).
    max_sentence_length is taken for gensim's sake; no line is cut.

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
            what = "a file name or an open file" if self.takes_streams else "the name of a folder"
            raise TypeError(
                f"source: expected {what}, got {type(source).__name__}; pass a str, and sentences "
                "that are lists of words without a LineSentence around them"
            )
        self.source = source
        self.limit = None if limit is None else as_whole("limit", limit)

    def paths(self) -> list[str]:
        """The files."""
        return [os.fspath(self.source)]

    @property
    def is_stream(self) -> bool:
        """Whether an open file was given."""
        return not isinstance(self.source, str | os.PathLike)

    def __iter__(self) -> Iterator[list[str]]:
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
    """The words of each line; a mark of byte order before the first is none of them."""
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
    """The lines of all files in a folder, in the order of their names.

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
        """The files."""
        source = os.fspath(self.source)
        if not os.path.isdir(source):
            return [source]
        names = sorted(os.listdir(source))
        found = [os.path.join(source, name) for name in names]
        return [path for path in found if os.path.isfile(path)]


class Text8Corpus(LineSentence):
    """A file that is one long line: one sentence, which is not cut.

    >>> with open("running.txt", "w") as file:
    ...     _ = file.write("anarchism originated as\\na term of abuse")
    >>> list(Text8Corpus("running.txt"))
    [['anarchism', 'originated', 'as', 'a', 'term', 'of', 'abuse']]
    """

    lines = False

    def __iter__(self) -> Iterator[list[str]]:
        yield [word for line in super().__iter__() for word in line]


def source_of(
    sentences: Any, corpus_file: Any, *, lines: bool = True, unicode_errors: str = "strict"
) -> Any:
    """Files or an iterable; exactly one of the two has been given."""
    if (sentences is None) == (corpus_file is None):
        got = "neither" if sentences is None else "both"
        raise TypeError(
            f"sentences, corpus_file: expected one of them, got {got}; pass sentences= (lists of "
            "words) or corpus_file= (the name of a text file)"
        )
    if corpus_file is not None:
        return text_files(corpus_file, lines=lines, unicode_errors=unicode_errors)
    if isinstance(sentences, LineSentence) and sentences.limit is None and not sentences.is_stream:
        return text_files(sentences.paths(), lines=sentences.lines, unicode_errors=unicode_errors)
    return sentences
