"""The words of a text as the program fastText reads them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

from fastw2v._files.fasttext_bin import LINE_END
from fastw2v._files.packing import open_unpacked

LONGEST = 1024  # words of a line; the rest of it is a line of its own

_PIECE = 1 << 20  # bytes that are split at a time
# Between words, beside a blank and the line feed; no other white space is.
_BLANKS = bytes.maketrans(b"\t\v\f\r\0", b"     ")


class Lines:
    """The lines of a text file, plain or packed, as lists of words for `FastText`.

    Words end at a blank, tab, line feed, vertical tab, form feed, carriage return or zero byte. The
    end of each line is a word of its own, `</s>`, and a line ends after 1,024 words, too. Bytes
    that are not UTF-8 become lone surrogates, as by "surrogateescape".

    Words that begin with `label` are left out and counted in `labels`, by the last reading.

    Raises OSError if the file cannot be read.

    >>> with open("lines.txt", "w") as file:
    ...     _ = file.write("a __label__x b\\n\\nc")
    >>> lines = Lines("lines.txt")
    >>> list(lines), dict(lines.labels)
    ([['a', 'b', '</s>'], ['</s>'], ['c']], {'__label__x': 1})
    """

    def __init__(self, path: str | os.PathLike[str], label: str = "__label__") -> None:
        self.path, self.label = path, label
        self.labels: Counter[str] = Counter()

    def __iter__(self) -> Iterator[list[str]]:
        self.labels = Counter()
        held: list[str] = []  # of a line whose end was not read yet
        for piece in self._pieces():
            *lines, rest = piece.decode("utf-8", "surrogateescape").split("\n")
            for line in lines:
                yield from _cut([*held, *self._words(line), LINE_END])
                held = []
            held += self._words(rest)
            while len(held) > LONGEST:
                yield held[:LONGEST]
                del held[:LONGEST]
        if held:
            yield held

    def _words(self, line: str) -> list[str]:
        words = [word for word in line.split(" ") if word]
        if not self.label or self.label not in line:
            return words
        self.labels.update(word for word in words if word.startswith(self.label))
        return [word for word in words if not word.startswith(self.label)]

    def _pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the file in pieces that end between words, with blanks alike."""
        held: list[bytes] = []  # parts of a word whose end was not read yet
        with open_unpacked(self.path) as stream:
            while block := stream.read(_PIECE):
                block = block.translate(_BLANKS)
                cut = max(block.rfind(b" "), block.rfind(b"\n")) + 1
                if cut:
                    yield b"".join([*held, block[:cut]])
                    held = []
                held.append(block[cut:])
        yield b"".join(held)


def _cut(words: list[str]) -> Iterator[list[str]]:
    for begin in range(0, len(words), LONGEST):
        yield words[begin : begin + LONGEST]
