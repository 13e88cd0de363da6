"""A stream of bytes that can be looked at before they are taken; a counter of odd rows."""

from __future__ import annotations

from typing import BinaryIO

from fastw2v._files.warning import warn

READ_BYTES = 1 << 20


class Lookahead:
    """The bytes of a stream; any number of them can be looked at before they are taken.

    data[at:]  the bytes that are held; offset is the place of data[at] in the file
    size       bytes of the file, None if unknown: that of a pipe or of packed data says nothing
    """

    def __init__(self, stream: BinaryIO, size: int | None = None) -> None:
        self.stream, self.size = stream, size
        self.data, self.at, self.offset = b"", 0, 0
        self.ended = False

    @property
    def held(self) -> int:
        """The number of bytes that are held."""
        return len(self.data) - self.at

    def look(self, n: int) -> None:
        """Hold n bytes, or all that are left."""
        held = self.held
        if held >= n or self.ended:
            return
        parts = [self.data[self.at :]]
        while held < n:
            part = self.stream.read(READ_BYTES)
            if not part:
                self.ended = True
                break
            parts.append(part)
            held += len(part)
        self.data, self.at = b"".join(parts), 0

    def take(self, n: int) -> None:
        """Advance by n bytes that are held."""
        self.at += n
        self.offset += n

    def find(self, mark: bytes, longest: int, begin: int = 0) -> int:
        """Return the place of a byte from data[at + begin] on, -1 if it is not within `longest`."""
        while True:
            place = self.data.find(mark, self.at + begin, self.at + longest + 1)
            if place >= 0:
                return place - self.at
            begin = self.held
            if self.ended or begin > longest:
                return -1
            self.look(min(2 * begin, longest) + 1)

    def line(self, longest: int) -> bytes:
        """Return the next line with its line feed, not yet taken; cut behind longest + 1 bytes."""
        end = self.data.find(b"\n", self.at, self.at + longest + 1)
        if end < 0:
            found = self.find(b"\n", longest)
            end = self.at + (found if found >= 0 else longest)
        return self.data[self.at : end + 1]


class OddRows:
    """Rows of a long file that are corrected, left out or kept; one warning counts them.

    strict: refuse the first such row instead.
    """

    def __init__(self, name: object, strict: bool) -> None:
        self.name, self.strict = name, strict
        self._found: dict[str, tuple[int, str]] = {}  # what: (times, where it was found first)

    def add(self, what: str, where: str, problem: str, cure: str, n: int = 1) -> None:
        """Count n rows more.

        what: the rows and their treatment, for the warning. where, problem, cure: for the error of
        a strict reader.
        """
        if self.strict:
            raise ValueError(f"{self.name}: {where}: {problem}; {cure}")
        times, first = self._found.get(what, (0, where))
        self._found[what] = (times + n, first)

    def warn(self) -> None:
        """Warn if there were any; call it once, at the end of the file."""
        if self._found:
            text = ", ".join(
                f"{what}: {times} (first at {where})"
                for what, (times, where) in self._found.items()
            )
            warn(f"{self.name}: odd rows. {text}; strict=True refuses such a file")
