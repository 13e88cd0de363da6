r"""A word in a file of one word a row: the words that a row holds, and the escape of all others.

A blank ends a word and a line feed ends a row. A file holds every other word: with tabs, carriage
returns, U+00A0 or U+3000, and of any length. The rest is unwritable: words with a blank or a line
feed, the empty word, and lone surrogates, which UTF-8 cannot express.

unwritable="error" refuses them before anything is written, "skip" leaves their rows out, and
"escape" writes U+241B, the code point in hexadecimal digits and a semicolon for each character that
cannot be written; the empty word is U+241B and a semicolon. Readers of fastw2v undo this. A word
that looks escaped is escaped itself in any case, so every word is read as it was written.

>>> words = ["New York", "", "plain"]
>>> escaped, rows = encode(words, "escape", "v.txt")
>>> [word.decode() for word in escaped]
['New␛20;York', '␛;', 'plain']
>>> [decode(word) for word in escaped] == words
True
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from fastw2v._checks.numbers import check_one_of
from fastw2v._files.warning import warn

UNWRITABLE = ("error", "skip", "escape")
MAX_BYTES = 1 << 26  # of a word; far more than any has, to end the search for its end in other data
MAX_PACKED_BYTES = 1 << 22  # where a small file may unpack to any amount of data
_MARK = "\u241b"
ESCAPED_EMPTY = f"{_MARK};".encode()
_ESCAPED = re.compile("\u241b(20|a|d[89a-f][0-9a-f]{2}|241b);")
_TO_ESCAPE = re.compile("[ \n\ud800-\udfff]|" + _ESCAPED.pattern)
_FORBIDDEN = re.compile("[ \n\ud800-\udfff]")


def _escape(word: str) -> str:
    if word in ("", _MARK + ";"):
        return _MARK + (";" if not word else "241b;;")
    # Of text that looks escaped only the first character is replaced.
    return _TO_ESCAPE.sub(lambda found: f"{_MARK}{ord(found[0][0]):x};{found[0][1:]}", word)


def unescape(word: str) -> str:
    """Return a word of a file as it was before it was escaped."""
    if _MARK not in word:
        return word
    if word == _MARK + ";":
        return ""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), word)


def decode(raw: bytes, errors: str = "strict") -> str:
    """Decode a word of a file; UnicodeDecodeError if it is not UTF-8 and errors is "strict"."""
    return unescape(raw.decode("utf-8", errors))


def decode_all(raw: list[bytes] | bytes) -> list[str]:
    """Decode words, in a list or with a line feed between them; UnicodeDecodeError for others."""
    text = (raw if isinstance(raw, bytes) else b"\n".join(raw)).decode()
    words = text.split("\n")
    if not isinstance(raw, bytes) and len(words) != len(raw):
        words = [word.decode() for word in raw]  # which hold line feeds in foreign binary files
    return list(map(unescape, words)) if _MARK in text else words


def is_writable(word: str, longest: int = MAX_BYTES) -> bool:
    """Tell whether a word needs neither be escaped nor left out."""
    if not word or _FORBIDDEN.search(word):
        return False
    return 4 * len(word) <= longest or len(word.encode()) <= longest


def unwritable_rows(words: Sequence[str], longest: int = MAX_BYTES) -> list[int]:
    """Return the rows of the words that a file cannot hold."""
    text = "\n".join(words)
    if (
        text.count("\n") == len(words) - 1
        and not _FORBIDDEN.search(text.replace("\n", ""))
        and 4 * len(text) <= longest
        and "\n\n" not in f"\n{text}\n"
    ):
        return []
    return [row for row, word in enumerate(words) if not is_writable(word, longest)]


def encode(
    words: Sequence[str], unwritable: str, name: object, longest: int = MAX_BYTES
) -> tuple[list[bytes], np.ndarray | None]:
    """Return words as a file holds them, and their rows where "skip" leaves some out, else None.

    name: of the file, for messages. "skip" warns with the number of words that it leaves out.

    Raises ValueError if "error" finds unwritable words, or any word has more than `longest` bytes.
    """
    check_one_of("unwritable", unwritable, UNWRITABLE)
    bad = unwritable_rows(words, longest)
    rows = None
    if bad and unwritable == "error":
        raise _refusal(words, bad, name, longest)
    if bad and unwritable == "skip":
        warn(
            f"{name}: {_listed(words, bad)} left out, as a row cannot hold such words; "
            'unwritable="escape" keeps them'
        )
        rows = np.delete(np.arange(len(words)), bad)
        words = [words[row] for row in rows.tolist()]
    text = "\n".join(words)
    if (not bad or rows is not None) and _MARK not in text:
        return (text.encode().split(b"\n") if words else []), rows
    encoded = [_escape(word).encode() for word in words]
    long = [row for row, word in enumerate(encoded) if len(word) > longest]
    if long:  # which an escape cannot cure
        raise _refusal(words, long, name, longest)
    return encoded, rows


def _refusal(words: Sequence[str], rows: Sequence[int], name: object, longest: int) -> ValueError:
    return ValueError(
        f"words: expected words that a row of {name} can hold, got {_listed(words, rows)}; such a "
        f"word is empty or holds a blank, a line feed, a lone surrogate or more than {longest} "
        'bytes. Pass unwritable="skip" or "escape", or save a .fw2v or .npz file'
    )


def _listed(words: Sequence[str], rows: Sequence[int]) -> str:
    """Count some words and name the first of them."""
    shown = ", ".join(
        f"{words[row] if len(words[row]) < 50 else words[row][:47] + '...'!r} of row {row}"
        for row in rows[:3]
    )
    noun = "word" if len(rows) == 1 else "words"
    return f"{len(rows)} {noun} ({shown}{', ...' if len(rows) > 3 else ''})"
