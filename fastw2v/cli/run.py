"""The command `run`: scripts and notebooks of the book on fastw2v's layers.

Its imports are few, because a script of the book may take a tenth of a second in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastw2v.dropin.run_script import run
from fastw2v.dropin.served_module import be_quiet

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
        help="serve all or none of the book's model files (cbow, ch04.cbow, ...); without either "
        "those that are as in the book, comments aside",
    )
    parser.add_argument(
        "--compare",
        metavar="N",
        type=int,
        help="run N iterations with the reader's own numpy layers and N with fastw2v, and print ms "
        "a step, the ratio and the largest difference of the loss",
    )
    parser.add_argument("--quiet", action="store_true", help="do not say what is served")
    parser.add_argument(
        "script",
        metavar="SCRIPT",
        help="the script or notebook (.ipynb) to run; - reads a script from standard input",
    )
    parser.add_argument(
        "args", metavar="ARGS", nargs=argparse.REMAINDER, help="arguments of the script"
    )
    return parser


def run_command(args: argparse.Namespace) -> int:
    """Run or compare the script that the command line names."""
    be_quiet(args.quiet)
    if args.compare is not None:
        from fastw2v.dropin.compare import compare

        return compare(args.script, args.args, args.compare, models=args.models)
    return run(args.script, args.args, models=args.models)


def run_without_options(script: str, args: list[str]) -> int:
    """Run the script as `run_command` does for a command line without options."""
    be_quiet(False)
    return run(script, args)
