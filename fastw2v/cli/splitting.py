"""Text of the commands: the files to read, and the options by which text becomes words."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastw2v.cli.console import counted, say

if TYPE_CHECKING:
    from fastw2v.datasets import Splitter, Words


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add the names of text files, and --encoding."""
    parser.add_argument("files", nargs="*", metavar="FILE", default=[], help="text, plain or gzip")
    parser.add_argument(
        "--encoding",
        default="utf-8",
        metavar="NAME",
        help="encoding of the files, any codec of Python, such as cp932 or euc_jp (default: utf-8)",
    )


def add_options(
    parser: argparse.ArgumentParser, words: str = "words without punctuation", asked: bool = False
) -> None:
    """Add the settings of `datasets.Splitter`.

    words: a phrase for the result of --split words. asked: the options split the words of a query.
    """
    group = parser.add_argument_group(
        "splitting text",
        "A word that is not found as given is split as the text was; repeat the options of the "
        "training."
        if asked
        else None,
    )
    group.add_argument(
        "--split",
        choices=("words", "blanks", "characters"),
        default="words",
        help=f"take {words}, pieces between white space, or characters (default: words)",
    )
    group.add_argument(
        "--normalize",
        choices=("nfc", "nfkc", "none"),
        help="normal form of Unicode (default: nfc, and none for blanks)",
    )
    group.add_argument(
        "--case", choices=("lower", "keep"), help="(default: lower for words, else keep)"
    )
    group.add_argument(
        "--lang", choices=("tr", "az"), help="the language whose small letter of I is a dotless i"
    )
    group.add_argument("--elisions", action="store_true", help="split l'homme into l' and homme")
    group.add_argument("--keep-hyphens", action="store_true", help="keep well-known as one word")


def splitter(args: argparse.Namespace) -> Splitter:
    """Return the splitter that the options of a command choose."""
    from fastw2v.datasets import Splitter

    return Splitter(
        args.split, args.normalize, args.case, args.lang, args.elisions, args.keep_hyphens
    )


def read(args: argparse.Namespace, files: list[str]) -> Iterable[str]:
    """Return the text of files, or the documentation inside this Python if there are none."""
    from fastw2v import datasets
    from fastw2v._files.encodings import is_utf8

    is_utf8(args.encoding)  # refuses other names, also where no file is read
    if files:
        pieces = datasets.read_text(files, args.encoding)
        say(f"fastw2v: reading {counted(len(files), 'file')}", unless=args.quiet)
        return pieces
    say(
        "fastw2v: no FILE given, collecting the English documentation inside this Python",
        unless=args.quiet,
    )
    return [datasets.builtin_text()]


def say_dropped(args: argparse.Namespace, words: Words) -> None:
    """Tell how many characters no word holds."""
    if words.dropped:
        say(
            f"fastw2v: left out {counted(words.dropped, 'character')} outside of words, such as "
            "punctuation",
            unless=args.quiet,
        )
