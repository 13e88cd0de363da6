"""The command `fastw2v`: its parser, its dispatch and its exit codes.

Results go to stdout, everything else to stderr, and neither is coloured. Exit codes:
0 done, 1 the job or a part of it failed (one line gives the reason), 2 wrong usage, 130 stopped by
Ctrl-C (the state of the training is saved), 141 the reader of the output has closed it.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
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
    USAGE,
    say,
    shown,
    standard_streams,
    threads,
)
from fastw2v.cli.report import SCHEMA_FILE, Report, as_object, print_json
from fastw2v.cli.usage import Parser, UsageError

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
    _complete(parser)
    if not argv:
        parser.print_help()
        return _flushed(OK)
    if argv[0] == "help":
        argv = [*argv[1:2], "--help"]
    for stream in (sys.stdout, sys.stderr):
        # A word that the terminal's encoding lacks must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        args = parser.parse_args(argv)
    except UsageError as stop:
        if "--json" in argv:
            command = argv[0] if argv[0] in COMMANDS else None
            print_json(as_object(command, USAGE, error=("UsageError", stop.message)))
        return _flushed(USAGE)
    except SystemExit as stop:  # --help, --version
        return _flushed(cast(int, stop.code))
    try:
        return _flushed(_run(args))
    except BrokenPipeError:
        return _drop_output()


def _run(args: argparse.Namespace) -> int:
    """Run a command and print its report; return the exit code."""
    warned: list[str] = []
    try:
        with _warnings_to(warned), standard_streams(args), threads(getattr(args, "threads", None)):
            report = COMMANDS[args.command](args)
            # A command with an output of its own returns its exit code.
            return report if isinstance(report, int) else _printed(args, report, warned)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        code, kind, message = INTERRUPTED, "KeyboardInterrupt", "stopped"
        say("fastw2v: stopped")
    except (OSError, ValueError, KeyError, ImportError, FloatingPointError, MemoryError) as error:
        code, kind, message = FAILED, type(error).__name__, shown(_one_line(error))
        say(f"fastw2v: error: {message}")
    if getattr(args, "json", False):
        print_json(as_object(args.command, code, error=(kind, message), warnings=warned))
    return code


def _printed(args: argparse.Namespace, report: Report, warned: list[str]) -> int:
    """Print a report as lines or as JSON; return the exit code."""
    code = INTERRUPTED if report.interrupted else FAILED if report.failed else OK
    error = ("PartialFailure", report.failed) if report.failed else None
    if args.json:
        print_json(as_object(args.command, code, report.results, error, warned))
    else:
        for line in report.lines:
            print(line)
    if report.failed:
        say(f"fastw2v: error: {report.failed}")
    return code


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, and end; else return."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    with contextlib.suppress(ModuleNotFoundError):  # the extra `completion`
        import argcomplete

        argcomplete.autocomplete(parser)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="fastw2v",
        description="Word vectors and small recurrent models on the CPU, for readers of "
        "Deep Learning from Scratch 2.",
        epilog=_EPILOG,
        allow_abbrev=False,  # of --json, which commands have, for --json-schema
    )
    parser.add_argument("--version", action=_Version)
    parser.add_argument("--json-schema", action=_Schema)
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
    info = commands.add_parser(
        "info",
        help="show how this fastw2v was built and where it runs, or what a file of vectors holds",
    )
    info.add_argument("file", nargs="?", metavar="FILE", help="word vectors in any format")
    info.set_defaults(reads=("file",))
    for command in commands.choices.values():
        # A command with verbs speaks as the program whose verbs they are.
        if command._subparsers is None:
            command.add_argument("--json", action="store_true", help="print one JSON object")
    run.add_parser(commands)
    return parser


class _Version(argparse.Action):
    """The option --version, for which alone the version is imported."""

    def __init__(self, option_strings: Sequence[str], dest: str, **rest: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help="show the version")

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        from fastw2v._version import __version__

        print(f"fastw2v {__version__}")
        parser.exit()


class _Schema(argparse.Action):
    """The option --json-schema."""

    def __init__(self, option_strings: Sequence[str], dest: str, **rest: Any) -> None:
        text = "print the JSON Schema of what --json prints"
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=text)

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        print(SCHEMA_FILE.read_text(encoding="utf-8"), end="")
        parser.exit()


def _info(args: argparse.Namespace) -> Report:
    import fastw2v

    facts = dict(fastw2v.build_info()) if args.file is None else vectors.file_facts(args.file)
    lines = []
    for name, value in facts.items():
        text = ", ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else value
        lines.append(f"{name}: {text}")
    if level := facts.get("unbuilt_level"):
        lines.append(f"This CPU could run level {level}, which is faster and was not built.")
        lines.append(f"Install fastw2v from source with FASTW2V_LEVELS={level} set to build it.")
    return Report(facts, lines)


COMMANDS: dict[str, Callable[[argparse.Namespace], Report | int]] = {
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


@contextlib.contextmanager
def _warnings_to(warned: list[str]) -> Iterator[None]:
    """Show warnings, those of `logging` too, as lines on stderr, and collect them."""

    def show(message: object, *place: object) -> None:
        text = shown(str(message))
        warned.append(text)
        say(f"fastw2v: warning: {text}")

    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: show(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("fastw2v")
    with warnings.catch_warnings():
        warnings.showwarning = show
        log.addHandler(handler)
        try:
            yield
        finally:
            log.removeHandler(handler)


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
