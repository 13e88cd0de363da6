"""The command `run`: scripts and notebooks of the book on fastw2v's layers.

Its imports are few, because a script of the book may take a tenth of a second in all.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

__all__ = ["add_parser", "run_command", "run_without_options"]


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add `run [OPTIONS] SCRIPT [ARGS...]`; the script gets all arguments after SCRIPT."""
    import argparse

    parser: argparse.ArgumentParser = commands.add_parser(
        "run",
        help="run a script of the book on fastw2v's layers",
        description="Run SCRIPT as `python SCRIPT` would, with the book's common.*, "
        "ch04.negative_sampling_layer and ch08.attention_layer served by fastw2v. The code cells "
        "of a notebook run one after the other.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--models",
        action=argparse.BooleanOptionalAction,
        help="serve all or none of the book's model files (cbow, ch04.cbow, ...) (default: those "
        "that are as in the book, comments aside)",
    )
    parser.add_argument(
        "--compare",
        metavar="N",
        type=int,
        help="run N iterations with the reader's own numpy layers and N with fastw2v, and print ms "
        "a step, the ratio and the largest difference of the loss (default: only run)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object with the figures of --compare; the output of a script that "
        "only runs is its own",
    )
    parser.add_argument("--quiet", action="store_true", help="do not say what is served")
    parser.add_argument(
        "script",
        metavar="SCRIPT",
        help="the script or notebook (.ipynb) to run; - reads a script from standard input",
    )
    rest = parser.add_argument(
        "args", metavar="ARGS", nargs=argparse.REMAINDER, help="arguments of the script"
    )
    rest.required = False  # Python before 3.13 names it among the missing ones
    return parser


def run_command(args: argparse.Namespace) -> int:
    """Run or compare the script that the command line names."""
    if args.compare is None and args.json:
        print("fastw2v run: error: --json: expected --compare N beside it; add it", file=sys.stderr)
        return 2
    if args.compare is None:
        return _run(args.script, args.args, args.models, args.quiet)
    return _compare(args)


def run_without_options(script: str, args: list[str]) -> int:
    """Run the script as `run_command` does for a command line without options."""
    return _run(script, args)


def _run(script: str, args: list[str], models: bool | None = None, quiet: bool = False) -> int:
    from fastw2v.dropin.run_script import run
    from fastw2v.dropin.served_module import be_quiet

    be_quiet(quiet)
    return run(script, args, models=models)


def _compare(args: argparse.Namespace) -> int:
    from fastw2v.cli.report import as_object, print_json
    from fastw2v.dropin.compare import ComparisonError, compare, report
    from fastw2v.dropin.served_module import be_quiet

    be_quiet(args.quiet)
    found, error, code = None, None, 0
    try:
        found = compare(args.script, args.args, args.compare, models=args.models)
    except ComparisonError as failure:
        print(f"fastw2v: {failure}", file=sys.stderr)
        error, code = ("ComparisonError", str(failure)), failure.code
    if args.json:
        print_json(as_object("run", code, found, error))
    elif found is not None:
        print(*report(found), sep="\n")
    return code
