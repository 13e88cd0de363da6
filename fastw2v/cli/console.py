"""Services that all commands share: exit codes, types of arguments, output and default files."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

OK, FAILED, USAGE, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141


def number(
    convert: Callable[[str], float], expected: str, accept: Callable[[float], bool]
) -> Callable[[str], float]:
    """Return an argparse type whose error message tells what was expected."""

    def parse(text: str) -> float:
        try:
            value = convert(text)
        except ValueError:
            value = float("nan")
        if not accept(value):
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
        return value

    return parse


COUNT = number(int, "a whole number of 1 or more", lambda n: 1 <= n < 2**31)
SEED = number(int, "a whole number from 0 to 4294967295", lambda n: 0 <= n < 2**32)
RATE = number(float, "a number above 0", lambda x: 0 < x < float("inf"))
SHARE = number(float, "a number from 0 to 1", lambda x: 0 <= x <= 1)


def say(text: str, *, unless: bool = False) -> None:
    """Print a line on stderr."""
    if not unless:
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def counted(n: int, noun: str) -> str:
    """Return the number with its noun in the singular or plural."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def is_terminal(stream: TextIO) -> bool:
    """Return whether a person reads the stream."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # None under pythonw, closed
        return False


def print_json(content: object) -> None:
    """Print JSON, escaped where the output is not UTF-8."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(content, ensure_ascii=not unicode, indent=2, default=str))


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed numpy's global stream, from which training draws, and restore it afterwards."""
    import numpy as np

    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)


# ---- files whose names were not given


def add_output(parser: argparse.ArgumentParser, default: str, more: str = "") -> None:
    """Add -o/--output, whose value may be None: then `output_path` chooses the place."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help=f"the file to save, replaced if it exists{more} (default: {default} in this folder, "
        "or beside fastw2v's source folder if started there)",
    )


def output_path(given: str | None, default: str, *, quiet: bool = False) -> str:
    """Return the file to save to: the one given, or `default` in the current folder.

    A user who installs from a clone does not expect results among its source files. There the
    default is a file beside the clone, and a line on stderr tells its place.
    """
    if given is not None:
        return given
    source = _source_folder()
    if source is None:
        return default
    place = os.path.relpath(source.parent / default)
    say(
        f"fastw2v: {source} holds fastw2v's source; saving to {place} beside it "
        "(-o chooses another file)",
        unless=quiet,
    )
    return place


def _source_folder() -> Path | None:
    """Return the root of fastw2v's source tree that the current folder lies in, if any."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "src_pyx").is_dir() and (folder / "fastw2v" / "_version.py").is_file():
            return folder
    return None
