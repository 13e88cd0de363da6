"""Text of scripts without blanks, cut into words by a tokenizer for its language.

Tokenizers are other packages, imported when one is asked for. `segment` puts blanks between their
words and leaves line ends as they are, so that `Splitter`, `build_corpus` and the commands can go
on as with any text.
"""

from __future__ import annotations

import importlib
import itertools
import re
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fastw2v._checks.numbers import as_int, check_one_of
from fastw2v._checks.sequences import check_iterable

__all__ = ["TOKENIZERS", "is_unsegmented", "segment"]

Cut = Callable[[str], Iterable[str]]

# What stands behind the name of a tokenizer and a colon. The first is the default.
TOKENIZERS: dict[str, tuple[str, ...]] = {
    "janome": ("surface", "base"),
    "fugashi": ("surface", "base"),
    "sudachi": ("C", "A", "B", "base", "normalized"),
}
_PACKAGES = {"janome": "janome", "fugashi": "fugashi unidic-lite"}
_PACKAGES["sudachi"] = "sudachipy sudachidict-core"

_CHUNK = 1 << 16  # characters that go to a process at a time
_LEAST_TEXT = 1 << 20  # characters of a text for which processes are started

# Scripts without blanks between words: Thai, Lao, Myanmar, Khmer, Kana, Han.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]+"
)
_WORD = re.compile("(?:\\w|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])+")  # with Thai's marks
_LONGEST_MEAN = 8  # characters of words in such scripts, above which a text is not cut into words
_LEAST_SHARE = 0.1  # of the words, below which such a script is a quotation


def segment(
    text: str | Iterable[str],
    tokenizer: str | Cut,
    *,
    normalize: str = "nfkc",
    processes: int = 1,
) -> Iterator[str]:
    """Cut text into words and yield it in pieces, with blanks between words and the line ends.

    text: one string, or pieces that do not end inside a line, as of `read_text`.

    tokenizer: a function from a line to its words, or a name: "janome", "fugashi", "sudachi" (after
    a colon "base" for dictionary forms, and with sudachi also A, B, C and "normalized", as in
    "sudachi:A:normalized"), or "module:function".

    normalize: the normal form of a line before it is cut: "nfkc", "nfc" or "none". processes: how
    many work on a text of a million characters or more; a function that has no name works in this
    process alone. The order of the words is that of the text.

    ModuleNotFoundError with the command to install a missing package; ValueError for a name that
    is unknown.

    >>> def pairs(line):
    ...     return [line[i : i + 2] for i in range(0, len(line), 2)]
    >>> "".join(segment("東京都庁\\n１２３４\\n", pairs))
    '東京 都庁\\n12 34\\n'
    """
    check_iterable("text", text, "a str, or pieces of text")
    check_one_of("normalize", normalize, ("nfkc", "nfc", "none"))
    as_int("processes", processes)
    cut = tokenizer if callable(tokenizer) else load(tokenizer)
    pieces = iter((text,) if isinstance(text, str) else text)
    if callable(tokenizer) or processes == 1:
        return (_cut_lines(piece, cut, normalize) for piece in pieces)
    return _on_processes(pieces, tokenizer, normalize, processes, cut)


def load(name: str) -> Cut:
    """Return the tokenizer of a name, as `segment` describes them."""
    kind, _, form = name.partition(":")
    if kind not in TOKENIZERS:
        return _users_function(name)
    forms = form.split(":") if form else []
    for one in forms:
        if one not in TOKENIZERS[kind]:
            raise ValueError(
                f"tokenizer: expected {kind} with one of {', '.join(TOKENIZERS[kind])}, "
                f"got {name!r}"
            )
    try:
        cut: Cut = _MAKERS[kind](forms)
    except ImportError as error:
        raise ModuleNotFoundError(
            f"tokenizer: {kind} needs a package that is missing ({error}); "
            f"pip install {_PACKAGES[kind]}, or pip install 'fastw2v[ja]'"
        ) from error
    return cut


def _users_function(name: str) -> Cut:
    module, _, function = name.partition(":")
    if not module or not function:
        raise ValueError(
            f"tokenizer: expected {', '.join(TOKENIZERS)} or module:function, got {name!r}"
        )
    try:
        cut = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"tokenizer: expected module:function, got {name!r}: {error}; the module must be "
            "installed, or lie in a folder of PYTHONPATH"
        ) from error
    if not callable(cut):
        raise ValueError(f"tokenizer: expected {name!r} to be a function, got {type(cut).__name__}")
    return cut  # type: ignore[no-any-return]


def _janome(forms: list[str]) -> Cut:
    from janome.tokenizer import Tokenizer

    tokenizer = Tokenizer()
    if "base" in forms:
        return lambda line: [
            token.surface if token.base_form == "*" else token.base_form
            for token in tokenizer.tokenize(line)
        ]
    return lambda line: tokenizer.tokenize(line, wakati=True)


def _fugashi(forms: list[str]) -> Cut:
    import fugashi

    try:
        tagger = fugashi.Tagger()
    except RuntimeError as error:  # no dictionary
        raise ImportError(str(error)) from error
    if "base" in forms:
        return lambda line: [
            getattr(word.feature, "orthBase", None) or word.surface for word in tagger(line)
        ]
    return lambda line: [word.surface for word in tagger(line)]


def _sudachi(forms: list[str]) -> Cut:
    from sudachipy import Dictionary, SplitMode

    dictionary = Dictionary()
    make = getattr(dictionary, "tokenizer", None) or dictionary.create  # its name before 0.7
    tokenizer = make(mode=getattr(SplitMode, next((f for f in forms if f in "ABC"), "C")))
    if "normalized" in forms:
        return lambda line: [m.normalized_form() for m in tokenizer.tokenize(line)]
    if "base" in forms:
        return lambda line: [m.dictionary_form() for m in tokenizer.tokenize(line)]
    return lambda line: [m.surface() for m in tokenizer.tokenize(line)]


_MAKERS: dict[str, Callable[[list[str]], Cut]] = {
    "janome": _janome,
    "fugashi": _fugashi,
    "sudachi": _sudachi,
}


def _cut_lines(piece: str, cut: Cut, normalize: str) -> str:
    """Return a piece of text with blanks between the words of each line."""
    lines = []
    for line in piece.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        if normalize != "none":
            bare = unicodedata.normalize(normalize.upper(), bare)  # type: ignore[arg-type]
        words = cut(bare) if bare.strip() else ()
        lines.append(" ".join(_checked(words)) + ("\n" if line[-1] in "\r\n" else " "))
    return "".join(lines)[:-1] if piece and piece[-1] not in "\r\n" else "".join(lines)


def _checked(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if not isinstance(word, str):
            raise TypeError(
                f"tokenizer: expected it to return words of type str, got {type(word).__name__}"
            )
        yield word


# ---- processes


def _on_processes(
    pieces: Iterator[str], tokenizer: str, normalize: str, processes: int, cut: Cut
) -> Iterator[str]:
    """Cut pieces in this process, or in several if there is enough text."""
    chunks = _chunks(pieces)
    first = list(itertools.islice(chunks, _LEAST_TEXT // _CHUNK))
    if len(first) < _LEAST_TEXT // _CHUNK:
        yield from (_cut_lines(chunk, cut, normalize) for chunk in first)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # A forked child would inherit threads of the kernels in an unknown state.
    with ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), _begin, (tokenizer, normalize)
    ) as pool:
        waiting: deque[Any] = deque()
        try:
            for chunk in itertools.chain(first, chunks):
                waiting.append(pool.submit(_work, chunk))
                if len(waiting) > 4 * processes:  # so that a large text is not read ahead
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _chunks(pieces: Iterator[str]) -> Iterator[str]:
    """Join short pieces and cut long ones, behind line ends."""
    kept: list[str] = []
    size = 0
    for piece in pieces:
        for line in piece.splitlines(keepends=True):
            kept.append(line)
            size += len(line)
            if size >= _CHUNK and line[-1] in "\r\n":
                yield "".join(kept)
                kept, size = [], 0
    if kept:
        yield "".join(kept)


_worker: tuple[Cut, str] | None = None


def _begin(tokenizer: str, normalize: str) -> None:
    import signal

    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its children
    _worker = load(tokenizer), normalize


def _work(chunk: str) -> str:
    assert _worker is not None
    return _cut_lines(chunk, *_worker)


# ---- recognition of text that was not cut


def is_unsegmented(text: str) -> bool:
    """Tell whether words of a text are whole phrases of a script that has no blanks between words.

    True if words in such scripts are a tenth of all and have more than eight characters on average.

    >>> is_unsegmented("吾輩は猫である。名前はまだ無い。どこで生れたか頓と見当がつかぬ。")
    True
    >>> is_unsegmented("吾輩 は 猫 で ある 。 名前 は まだ 無い 。")
    False
    """
    words = _WORD.findall(text)
    unspaced = [len(word) for word in words if _UNSPACED.fullmatch(word)]
    return len(unspaced) > _LEAST_SHARE * len(words) and sum(unspaced) > _LONGEST_MEAN * len(
        unspaced
    )
