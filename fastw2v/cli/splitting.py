"""Text of the commands: the files to read, and the options by which text becomes words."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from fastw2v.cli.console import counted, is_terminal, say

if TYPE_CHECKING:
    from fastw2v.datasets import Splitter, Words


NAMES = ("split", "normalize", "case", "lang", "elisions", "keep_hyphens")  # of the settings
_BEGINNING = 1 << 20  # characters of a text that are looked at


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add the names of text files, and --encoding."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        default=[],
        help="text, plain or packed by gzip, bzip2 or xz; - is standard input",
    )
    parser.add_argument(
        "--encoding",
        default="utf-8",
        metavar="NAME",
        help="encoding of the files, any codec of Python, such as cp932 or euc_jp",
    )


def add_options(
    parser: argparse.ArgumentParser, words: str = "words without punctuation", asked: bool = False
) -> None:
    """Add the settings of `datasets.Splitter`.

    words: a phrase for the result of --split words. asked: the options split the words of a query.
    """
    group = parser.add_argument_group(
        "splitting text",
        "A word that the file does not hold as given is split as the text was. A .fw2v file "
        "remembers how; for others, repeat the options of the training."
        if asked
        else None,
    )

    def add(flag: str, help: str, **rest: Any) -> None:
        group.add_argument(flag, help=help, default=None, **rest)

    add(
        "--split",
        f"take {words}, pieces between white space, or characters (default: words)",
        choices=("words", "blanks", "characters"),
    )
    add(
        "--normalize",
        "normal form of Unicode (default: nfc, and none for blanks)",
        choices=("nfc", "nfkc", "none"),
    )
    if not asked:
        add(
            "--tokenizer",
            "cut a text without blanks between words first: janome, fugashi, sudachi, with forms "
            "as in fugashi:base or sudachi:C:normalized, or module:function; --normalize is then "
            "nfkc unless given (pip install 'fastw2v[ja]') (default: none)",
            metavar="NAME",
        )
    add("--case", "(default: lower for words, else keep)", choices=("lower", "keep"))
    add(
        "--lang",
        "the language whose small letter of I is a dotless i (default: none)",
        choices=("tr", "az"),
    )
    add("--elisions", "split l'homme into l' and homme", action="store_true")
    add("--keep-hyphens", "keep well-known as one word", action="store_true")


def splitter(args: argparse.Namespace, remembered: Splitter | None = None) -> Splitter:
    """Return the splitter that the options of a command choose, or else the one of a file."""
    from fastw2v.datasets import Splitter

    chosen = {name: getattr(args, name) for name in NAMES if getattr(args, name) is not None}
    if getattr(args, "tokenizer", None) is not None:
        chosen.setdefault("normalize", "nfkc")
    return remembered if remembered is not None and not chosen else Splitter(**chosen)


def read(args: argparse.Namespace, files: list[str]) -> Iterable[str]:
    """Return the text of files, or the documentation inside this Python if there are none."""
    from fastw2v import datasets
    from fastw2v._files.encodings import is_utf8

    is_utf8(args.encoding)  # refuses other names, also where no file is read
    if files:
        pieces = datasets.read_text(files, args.encoding)
        say(f"fastw2v: reading {counted(len(files), 'file')}", unless=args.quiet)
        return _segmented(args, _with_bar(pieces) if shows_progress(args) else pieces)
    say(
        "fastw2v: no FILE given, collecting the English documentation inside this Python",
        unless=args.quiet,
    )
    return _segmented(args, [datasets.builtin_text()])


def _segmented(args: argparse.Namespace, pieces: Iterable[str]) -> Iterable[str]:
    """Return the text as the tokenizer cuts it that --tokenizer names."""
    if args.tokenizer is None:
        return pieces if args.split == "characters" else _watched(pieces)
    from fastw2v._core.threads import get_num_threads
    from fastw2v.datasets.segmentation import segment

    normalize = args.normalize or "nfkc"
    try:
        return segment(pieces, args.tokenizer, normalize=normalize, processes=get_num_threads())
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from error


def _watched(pieces: Iterable[str]) -> Iterator[str]:
    """Yield pieces of text; point at --tokenizer if their beginning is not cut into words."""
    from fastw2v.datasets.segmentation import is_unsegmented

    beginning: list[str] | None = []
    size = 0
    for piece in pieces:
        if beginning is not None:
            beginning.append(piece[:_BEGINNING])
            size += len(piece)
            if size >= _BEGINNING:
                _warn(is_unsegmented("".join(beginning)))
                beginning = None
        yield piece
    if beginning is not None:
        _warn(is_unsegmented("".join(beginning)))


def _warn(unsegmented: bool) -> None:
    if unsegmented:
        say(
            "fastw2v: warning: words of a script without blanks have more than 8 characters on "
            "average, so they are phrases; cut the text into words with --tokenizer (for Japanese: "
            "--tokenizer fugashi, pip install 'fastw2v[ja]'), or pass --split characters"
        )


def shows_progress(args: argparse.Namespace) -> bool:
    """Tell whether a command shows bars on stderr."""
    return not args.quiet and is_terminal(sys.stderr)


def _with_bar(pieces: Iterable[str]) -> Iterator[str]:
    """Yield pieces, with a bar on stderr that counts their characters."""
    from fastw2v._core.progress import open_bar

    with open_bar(desc="reading", unit=" characters", unit_scale=True, leave=False) as bar:
        for piece in pieces:
            yield piece
            bar.update(len(piece))


def say_dropped(args: argparse.Namespace, words: Words) -> None:
    """Tell how many characters no word holds."""
    if words.dropped:
        say(
            f"fastw2v: left out {counted(words.dropped, 'character')} outside of words, such as "
            "punctuation",
            unless=args.quiet,
        )
