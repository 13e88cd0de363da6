"""Where the sentences of a corpus come from: gensim's readers, and the choice between arguments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from fastw2v._w2v_text import opened, text_files


class LineSentence:
    """The lines of a text file as lists of words. `Word2Vec` reads the file in compiled code.

    source: a file name, plain or gzip. limit: only the first lines (then it is read in Python).
    max_sentence_length is taken for gensim's sake; no line is cut.

    >>> with open("two_lines.txt", "w") as file:
    ...     _ = file.write("you say goodbye\\nand i say hello\\n")
    >>> list(LineSentence("two_lines.txt"))
    [['you', 'say', 'goodbye'], ['and', 'i', 'say', 'hello']]
    """

    lines = True

    def __init__(
        self, source: Any, max_sentence_length: int | None = None, limit: int | None = None
    ) -> None:
        self.source, self.limit = source, limit

    def paths(self) -> list[str]:
        """The files."""
        return [os.fspath(self.source)]

    def __iter__(self) -> Iterator[list[str]]:
        n = 0
        for path in self.paths():
            with opened(path) as stream:
                for line in stream:
                    if self.limit is not None and n >= self.limit:
                        return
                    n += 1
                    yield line.decode("utf-8-sig" if n == 1 else "utf-8").split()


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
    if isinstance(sentences, LineSentence) and sentences.limit is None:
        return text_files(sentences.paths(), lines=sentences.lines, unicode_errors=unicode_errors)
    return sentences
