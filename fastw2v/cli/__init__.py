"""The command line, `fastw2v`.

`run` starts a script of the book, which may take a tenth of a second in all, so it does not wait
for the import of the other commands, nor, without options, for that of argparse.
"""

# PYTHON_ARGCOMPLETE_OK: argcomplete looks for this mark

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import cast

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (None: that of the process) and return the exit code.

    >>> main(["similar", "no_such_file", "word"])  # one line on stderr says why
    1
    """
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] == ["run"] and "_ARGCOMPLETE" not in os.environ:
        return _run(words)
    from fastw2v.cli import app

    return app.main(words)


def _run(words: list[str]) -> int:
    """Run a script; its streams, exceptions and exit code are its own."""
    from fastw2v.cli.run import add_parser, run_command, run_without_options

    if len(words) > 1 and (words[1] == "-" or not words[1].startswith("-")):
        return run_without_options(words[1], words[2:])
    from fastw2v.cli.usage import Parser

    parser = Parser(prog="fastw2v")
    add_parser(parser.add_subparsers(dest="command"))
    try:
        args = parser.parse_args(words)
    except SystemExit as stop:  # --help, wrong usage
        return cast(int, stop.code)
    return run_command(args)
