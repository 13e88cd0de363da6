"""The command `fastw2v`: its parser, its dispatch and its exit codes.

Results go to stdout, everything else to stderr, and neither is coloured. Exit codes:
0 done, 1 the job failed (one line gives the reason), 2 wrong usage, 130 stopped by Ctrl-C (the
state of the training is saved), 141 the reader of the output has closed it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, cast

from fastw2v.cli import (
    cluster,
    fasttext,
    language_model,
    maps,
    phrases,
    run,
    train,
    translate,
    vectors,
    word2vec,
)
from fastw2v.cli.console import (
    BROKEN_PIPE,
    FAILED,
    INTERRUPTED,
    OK,
    print_json,
    say,
    shown,
    standard_streams,
)
from fastw2v.cli.usage import Parser

_EPILOG = """\
examples:
  fastw2v train my_text.txt -o vectors.bin        train word vectors
  fastw2v similar vectors.bin month string        print the nearest words
  fastw2v explore vectors.bin -o page.html        make a page to look at them
  fastw2v lm-train my_text.txt -o model.npz       train a language model
  fastw2v run ch04/train.py                       run a script of the book
  fastw2v COMMAND --help                          all options of a command

exit codes: 0 done, 1 the job failed, 2 wrong usage, 130 stopped by Ctrl-C, 141 output closed
The name - of a file is standard input or output; a file of that name is ./-.
environment: FASTW2V_NUM_THREADS threads to use (else OMP_NUM_THREADS, else all CPUs)
"""


def main(argv: Sequence[str]) -> int:
    """Run a command other than `run`, which `fastw2v.cli` starts; return the exit code."""
    parser = _parser()
    if not argv:
        parser.print_help()
        return _flushed(OK)
    try:
        args = parser.parse_args(argv)
    except SystemExit as stop:  # --help, --version, wrong usage
        return _flushed(cast(int, stop.code))
    for stream in (sys.stdout, sys.stderr):
        # A word that the terminal's encoding lacks must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings(), standard_streams(args):
            warnings.showwarning = _show_warning
            code = COMMANDS[args.command](args)
        return _flushed(code)
    except BrokenPipeError:
        return _drop_output()
    except KeyboardInterrupt:
        say("fastw2v: stopped")
        return INTERRUPTED
    except (OSError, ValueError, KeyError, ImportError, FloatingPointError, MemoryError) as error:
        say(f"fastw2v: error: {shown(_one_line(error))}")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="fastw2v",
        description="Word vectors and small recurrent models on the CPU, for readers of "
        "Deep Learning from Scratch 2.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    train.add_parser(commands)
    cluster.add_parser(commands)
    word2vec.add_parser(commands)
    vectors.add_parsers(commands)
    fasttext.add_parser(commands)
    maps.add_parsers(commands)
    phrases.add_parser(commands)
    language_model.add_parsers(commands)
    translate.add_parsers(commands)
    run.add_parser(commands)
    info = commands.add_parser(
        "info",
        help="show how this fastw2v was built and where it runs, or what a file of vectors holds",
    )
    info.add_argument("file", nargs="?", metavar="FILE", help="word vectors in any format")
    info.set_defaults(reads=("file",))
    info.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


class _Version(argparse.Action):
    """The option --version, for which alone the version is imported."""

    def __init__(self, option_strings: Sequence[str], dest: str, **rest: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help="show the version")

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        from fastw2v._version import __version__

        print(f"fastw2v {__version__}")
        parser.exit()


def _info(args: argparse.Namespace) -> int:
    import fastw2v

    facts = dict(fastw2v.build_info()) if args.file is None else vectors.file_facts(args.file)
    if args.json:
        print_json(facts)
        return OK
    for name, value in facts.items():
        text = ", ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else value
        print(f"{name}: {text}")
    if level := facts.get("unbuilt_level"):
        print(f"This CPU could run level {level}, which is faster and was not built.")
        print(f"Install fastw2v from source with FASTW2V_LEVELS={level} set to build it.")
    return OK


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    **train.COMMANDS,
    **cluster.COMMANDS,
    **word2vec.COMMANDS,
    **vectors.COMMANDS,
    **fasttext.COMMANDS,
    **maps.COMMANDS,
    **phrases.COMMANDS,
    **language_model.COMMANDS,
    **translate.COMMANDS,
    "info": _info,
}


def _show_warning(message: Warning | str, *place: object) -> None:
    say(f"fastw2v: warning: {shown(str(message))}")


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _drop_output()
    return code


def _drop_output() -> int:
    """Discard the rest of the output, which would raise once more when Python ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        text = f"out of memory; {str(error) or 'use a smaller --dim, --window or text'}"
    else:
        # str() of a KeyError is the repr of its message.
        text = str(error.args[0]) if len(error.args) == 1 else str(error)
    return " ".join(text.split()) or type(error).__name__
