"""The splitter of text into words, which commands, models, queries and Python share.

Compiled code (`src_pyx/_splitter.pyx`) cuts text; `fastw2v.reference.splitter` states the same
rules in plain Python. Letters, marks and normal forms are those of one version of Unicode,
`UNICODE_VERSION`, whatever Python runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from fastw2v._checks.numbers import check_one_of
from fastw2v._checks.sequences import check_iterable
from fastw2v._core import threads
from fastw2v._kernels import _splitter

UNICODE_VERSION: str = _splitter.UNICODE
EOS = "<eos>"

_OPTIONS: dict[str, int] = _splitter.OPTIONS
_SLICE = 1 << 20  # characters of a long text that are cut at a time
_LEAST_PART = 1 << 16  # bytes for each thread
_DEFAULTS = {"words": ("nfc", "lower"), "blanks": ("none", "keep"), "characters": ("nfc", "keep")}


class Words(Iterator[str]):
    """Words of a text in reading order. `dropped` counts the characters that were left out so far.

    White space is not counted, and neither are the characters that rule (a) deletes.

    >>> words = tokenize("Yes (50 %).")
    >>> list(words), words.dropped
    (['yes', '50'], 4)
    """

    def __init__(self, cut: Callable[[Words], Iterator[str]]) -> None:
        self.dropped = 0
        self._words = cut(self)

    def __iter__(self) -> Iterator[str]:
        return self._words

    def __next__(self) -> str:
        return next(self._words)


class JoinedWords(Words):
    """Words with blanks between them, of which `build_corpus` takes the bytes.

    cut makes an iterator of pieces: a str, or UTF-8 from the kernel.
    """

    def __init__(self, cut: Callable[[Words], Iterator[str | bytes]]) -> None:
        self._pieces = cut(self)
        super().__init__(JoinedWords._split)
        self.begun = False

    def _split(self) -> Iterator[str]:
        self.begun = True
        for piece in self._pieces:
            yield from _split_at_blanks(piece)

    def joined(self) -> Iterator[bytes]:
        """Return the pieces in UTF-8; each is cut when it is asked for."""
        self.begun = True
        return (
            piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogatepass")
            for piece in self._pieces
        )


def _split_at_blanks(piece: str | bytes) -> list[str]:
    return (piece if isinstance(piece, str) else piece.decode("utf-8", "surrogatepass")).split()


@dataclass(frozen=True)
class Splitter:
    """The rules by which a text becomes words.

    split="words" takes these steps:

    (a) Text is brought into normal form C. White space and U+200B separate words. Soft hyphens,
    U+2060, U+FEFF, bidi controls, U+FE0E and U+FE0F are deleted.
    (b) `<unk>`, `<eos>`, `<s>`, `</s>`, a URL or an e-mail address is one word.
    (c) Other words are runs of letters, marks, numbers and underscores with a letter or a number;
    ZWJ, ZWNJ and other format characters inside of them stay. Scripts without blanks (Han, Kana,
    Thai, Lao, Khmer, Myanmar) are not cut any further.
    (d) Some signs belong to words: an apostrophe between letters (U+2019 becomes `'`), points and
    commas between digits, `c++`, `c#` and `f#`; between letters also the geresh, the gershayim, the
    marks of Armenian, and the point of Catalan l·l. Hyphens separate words, unless
    keep_hyphens=True. elisions=True cuts French, Italian and Catalan words behind an elided
    article: l' | homme.
    (e) An emoji sequence is a word. Everything else is dropped and counted.
    (f) Words are in lower case; İ becomes i. lang="tr" or "az" turns I into ı.

    split="blanks" cuts as str.split does. split="characters" makes a word of each character that is
    not white space, together with its marks, and of each emoji sequence.

    normalize: "nfc", "nfkc" (which also replaces ﬁ, ² or full-width letters) or "none"; None is
    "nfc", and "none" for blanks. case: "lower" or "keep"; None is "lower" for words, else "keep".

    Raises ValueError for settings that do not exist or cannot act together.

    >>> Splitter(case="keep").split_words("C++ isn’t Café-Latte: 3.50 €")
    ['C++', "isn't", 'Café', 'Latte', '3.50']
    >>> Splitter("characters").split_words("学生 ok")
    ['学', '生', 'o', 'k']
    """

    split: str = "words"
    normalize: str | None = None
    case: str | None = None
    lang: str | None = None
    elisions: bool = False
    keep_hyphens: bool = False

    def __post_init__(self) -> None:
        check_one_of("split", self.split, tuple(_DEFAULTS))
        form, case = _DEFAULTS[self.split]
        for name, default in (("normalize", form), ("case", case)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
        check_one_of("normalize", self.normalize, ("nfc", "nfkc", "none"))
        check_one_of("case", self.case, ("lower", "keep"))
        if self.lang is not None:
            check_one_of("lang", self.lang, ("tr", "az"))
            if self.case != "lower":
                raise ValueError(
                    f"lang: {self.lang!r} acts on lower case, got case={self.case!r}; pass "
                    "case='lower', or leave lang out"
                )
        for name in ("elisions", "keep_hyphens"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise TypeError(
                    f"{name}: expected True or False, got {type(value).__name__}; pass a bool"
                )
            if value and self.split != "words":
                raise ValueError(
                    f"{name}: acts on split='words', got split={self.split!r}; leave it out"
                )

    def settings(self) -> dict[str, Any]:
        """Return the settings as a dict, from which `Splitter(**settings)` makes an equal one."""
        return asdict(self)

    def words(self, text: str | Iterable[str], *, marks: bool = False) -> JoinedWords:
        """Cut text into words. marks=True keeps signs as words, a repeated one once.

        text: one string, or an iterable of pieces that do not end inside a word.

        >>> list(Splitter().words("No, it isn’t!!", marks=True))
        ['no', ',', 'it', "isn't", '!']
        """
        pieces = _as_pieces(text)
        more = _OPTIONS["marks"] if marks else 0
        return JoinedWords(
            lambda words: (
                self._cut(part, words, more) for piece in pieces for part in _slices(piece)
            )
        )

    def split_words(self, text: str) -> list[str]:
        """Return the words of one string as a list, as for a query.

        >>> Splitter(lang="tr").split_words("ISPARTA, İzmir")
        ['ısparta', 'izmir']
        """
        return list(self.words(text))

    def tokens(self, text: str | Iterable[str]) -> Words:
        """Cut text into words, marks and `<eos>`, from which a language model can write text.

        split="words": words, and each punctuation mark separately (repeated marks once); `<eos>`
        represents the blank lines between paragraphs. Otherwise `<eos>` represents the end of each
        line that is not blank.
        """
        pieces = _as_pieces(text)
        make = self._paragraphs if self.split == "words" else self._lines
        return Words(lambda words: make(pieces, words))

    def _cut(self, text: str, words: Words, more: int = 0) -> str | bytes:
        """Return the words of a text with blanks between them, in UTF-8 if the kernel cut it."""
        return text if self._as_str_split else self._from_kernel(text, words, more)

    def _from_kernel(self, text: str, words: Words, more: int) -> bytes:
        data = text.encode("utf-8", "surrogatepass")
        n_parts = max(1, min(threads.get_num_threads(), len(data) // _LEAST_PART))
        cut, dropped = _splitter.split(data, self._flags + more, n_parts)
        words.dropped += dropped
        return cut

    @property
    def _as_str_split(self) -> bool:
        return self.split == "blanks" and self.normalize == "none" and self.case == "keep"

    @property
    def _flags(self) -> int:
        chosen = [self.normalize, self.case, self.split]
        chosen += ["turkish"] * (self.lang is not None)
        chosen += [name for name in ("elisions", "keep_hyphens") if getattr(self, name)]
        return sum(_OPTIONS.get(str(name), 0) for name in chosen)

    def _lines(self, pieces: Iterable[str], words: Words) -> Iterator[str]:
        begun = False  # whether the line has a word so far
        plain = self._as_str_split
        for piece in pieces:
            for line in piece.splitlines(keepends=True):
                found = line.split() if plain else _split_at_blanks(self._cut(line, words))
                yield from found
                begun = begun or bool(found)
                if begun and line[-1] in "\n\r":
                    yield EOS
                    begun = False
        if begun:
            yield EOS

    def _paragraphs(self, pieces: Iterable[str], words: Words) -> Iterator[str]:
        begun = False
        line_ends = 0  # since the last word
        for piece in pieces:
            for part in _slices(piece):
                cut = self._from_kernel(part, words, _OPTIONS["marks"] + _OPTIONS["lines"])
                for number, line in enumerate(cut.split(b"\n")):
                    line_ends += number > 0
                    if not line:
                        continue
                    if begun and line_ends > 1:
                        yield EOS
                    yield from _split_at_blanks(line)
                    begun, line_ends = True, 0


def _as_pieces(text: str | Iterable[str]) -> Iterator[str]:
    check_iterable("text", text, "a str, or pieces of text")
    if isinstance(text, bytes | bytearray):
        raise TypeError(
            f"text: expected a str, or pieces of text, got {type(text).__name__}; decode it first"
        )
    return map(_as_str, (text,) if isinstance(text, str) else text)


def _as_str(piece: str) -> str:
    if not isinstance(piece, str):
        raise TypeError(
            f"text: expected pieces of type str, got {type(piece).__name__}; decode bytes first"
        )
    return piece


def _slices(text: str) -> Iterator[str]:
    """Cut a long text behind blanks, so that its words need not be in memory at once."""
    begin = 0
    while len(text) - begin > _SLICE:
        end = max(text.rfind(blank, begin, begin + _SLICE) for blank in " \n") + 1
        if end <= begin:
            found = [at for blank in " \n" if (at := text.find(blank, begin)) >= 0]
            end = min(found, default=len(text)) + 1
        yield text[begin:end]
        begin = end
    if begin < len(text):
        yield text[begin:]


def tokenize(
    text: str | Iterable[str],
    *,
    split: str = "words",
    normalize: str | None = None,
    case: str | None = None,
    lang: str | None = None,
    elisions: bool = False,
    keep_hyphens: bool = False,
) -> Words:
    """Cut text into words by the rules of `Splitter`, whose settings these are.

    text: one string, or an iterable of pieces that do not end inside a word, as of `read_text`.

    >>> list(tokenize("The first 10 bytes aren't sent: see send_bytes()."))
    ['the', 'first', '10', 'bytes', "aren't", 'sent', 'see', 'send_bytes']
    >>> list(tokenize("No , it <unk> n't", split="blanks"))
    ['No', ',', 'it', '<unk>', "n't"]
    """
    return Splitter(split, normalize, case, lang, elisions, keep_hyphens).words(text)


def tokenize_lines(
    text: str | Iterable[str],
    *,
    split: str = "words",
    normalize: str | None = None,
    case: str | None = None,
    lang: str | None = None,
    elisions: bool = False,
    keep_hyphens: bool = False,
) -> Words:
    """Cut text into words, marks and `<eos>`, from which a language model can write text.

    split="words": words by the rules of `Splitter`, and each punctuation mark separately (repeated
    marks once); `<eos>` represents the blank lines between paragraphs.
    split="blanks": unchanged pieces between white space; `<eos>` represents the end of each line
    that is not blank. It suits text that is cut into words, as Penn Treebank and WikiText are.
    split="characters" has the same `<eos>`.

    `text` as for `tokenize`.

    >>> list(tokenize_lines("It's 7 o'clock ...\\n\\nGo (now)!"))
    ["it's", '7', "o'clock", '.', '<eos>', 'go', '(', 'now', ')', '!']
    >>> list(tokenize_lines("No , it <unk> n't\\n\\nMr. X\\n", split="blanks"))
    ['No', ',', 'it', '<unk>', "n't", '<eos>', 'Mr.', 'X', '<eos>']
    """
    return Splitter(split, normalize, case, lang, elisions, keep_hyphens).tokens(text)
