"""Services that all commands share: exit codes, types of arguments, output and default files."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import warnings
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
THREADS = number(int, "a whole number from 1 to 1024", lambda n: 1 <= n <= 1024)
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


def add_threads(parser: argparse.ArgumentParser, flag: str = "--threads", more: str = "") -> None:
    """Add --threads, which has one default in all commands; `threads` applies it."""
    parser.add_argument(
        flag,
        type=THREADS,
        metavar="N",
        dest="threads",
        help=f"threads to use{more} (default: FASTW2V_NUM_THREADS, else all CPUs that the process "
        "may use)",
    )


@contextlib.contextmanager
def threads(n: int | None) -> Iterator[None]:
    """Let kernels use n threads, and the number of before afterwards; None changes nothing."""
    if n is None:
        yield
        return
    from fastw2v._core.threads import get_num_threads, set_num_threads

    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)


# ---- standard input and output in the place of files

_STANDARD = {"reads": "standard input", "writes": "standard output"}


@contextlib.contextmanager
def standard_streams(args: argparse.Namespace) -> Iterator[None]:
    """Replace the name `-` among the arguments by that of a temporary file.

    args.reads, args.writes: names of the arguments that hold files to read and to write. A file to
    read is a copy of standard input; a file to write is copied to standard output at the end, and
    all that is printed goes to standard error. Files are needed because some readers read twice or
    map, and because nothing half-written may reach a pipe.

    Raises ValueError if `-` is given for two files.
    """
    with contextlib.ExitStack() as stack:
        folder = None
        for direction, stream in _STANDARD.items():
            places = [name for name in getattr(args, direction, ()) for _ in _dashes(args, name)]
            if not places:
                continue
            if len(places) > 1:
                raise ValueError(
                    f"-: expected {stream} for one file, got it for {' and '.join(places)}; name "
                    "files"
                )
            if folder is None:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fastw2v-"))
                _FOLDERS.append(folder)
            path = os.path.join(folder, stream)
            if direction == "reads":
                with open(path, "wb") as file:
                    shutil.copyfileobj(sys.stdin.buffer, file)
            else:
                stack.callback(_copy_to, sys.stdout, path)
                stack.enter_context(contextlib.redirect_stdout(sys.stderr))
            value = getattr(args, places[0])
            replaced = path if value == "-" else [path if v == "-" else v for v in value]
            setattr(args, places[0], replaced)
        yield


_FOLDERS: list[str] = []  # also of commands that have ended, whose errors are still to be shown


def _dashes(args: argparse.Namespace, name: str) -> list[str]:
    return [value for value in _listed(getattr(args, name)) if value == "-"]


def _listed(value: str | list[str] | None) -> list[str]:
    """Return the values of an argument that may be one, several or none."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _copy_to(stdout: TextIO, path: str) -> None:
    if os.path.exists(path):  # an error leaves none
        stdout.flush()
        with open(path, "rb") as file:
            shutil.copyfileobj(file, stdout.buffer)
        stdout.buffer.flush()


def shown(text: str) -> str:
    """Return a text or the name of a file without the folder of standard input and output."""
    for folder in _FOLDERS:
        text = text.replace(folder + os.sep, "")
    return text


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


def add_unwritable(parser: argparse.ArgumentParser, flag: str = "--unwritable") -> None:
    """Add the option that decides about words that a word2vec file cannot hold."""
    parser.add_argument(
        flag,
        choices=("error", "skip", "escape"),
        default="error",
        help="words that a word2vec file cannot hold (empty, with a blank or a line feed): stop "
        "before the work, leave them out, or escape them, which fastw2v undoes (default: error)",
    )


@contextlib.contextmanager
def told_already() -> Iterator[None]:
    """Save without the warnings that were shown before the work."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check_outputs(args: argparse.Namespace, *paths: str | None) -> None:
    """Raise, before any work, if a command could not write its files or would replace its input.

    paths: the files to write; None for one that was not asked for. args.reads names the arguments
    that hold files to read.

    Raises ValueError if one file is named twice, OSError if a file cannot be written.
    """
    from fastw2v._files.atomic import check_writable

    others = [value for name in args.reads for value in _listed(getattr(args, name))]
    for path in paths:
        if path is None:
            continue
        check_writable(path)
        for other in others:
            if _same_file(path, other):
                raise ValueError(
                    f"{shown(path)}: expected different files to read and to write, got this one "
                    "for both, which would be replaced; give the output another name"
                )
        others.append(path)


def _same_file(one: str, other: str) -> bool:
    """Tell whether two names are those of one file; devices and pipes are none."""
    if not os.path.isfile(one) or not os.path.isfile(other):
        return os.path.realpath(one) == os.path.realpath(other) and not os.path.exists(one)
    return os.path.samefile(one, other)


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
