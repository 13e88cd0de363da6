"""`fastw2v run SCRIPT [ARGS...]`: run a script as `python SCRIPT` would, on fastw2v's layers."""

from __future__ import annotations

import argparse
import builtins
import io
import os
import sys
import types
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader

from fastw2v.dropin import finder, spawned
from fastw2v.dropin.served_module import say

# Frames of these never show in a traceback of the script; those of _IMPORT where they lead to them.
_MACHINERY = {
    *("fastw2v.dropin.run_script", "fastw2v.dropin.served_module", "fastw2v.dropin.spawned"),
    *("fastw2v.config", "fastw2v.dropin", "fastw2v.dropin.finder"),
}
_IMPORT = {"importlib._bootstrap", "importlib._bootstrap_external"}


def add_run_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Add `run [--models] SCRIPT [ARGS...]`; everything after SCRIPT is left to the script."""
    parser = subparsers.add_parser(
        "run",
        help="run a script of the book on fastw2v's layers",
        description="Run SCRIPT as `python SCRIPT` would, with the book's common.*, "
        "ch04.negative_sampling_layer and ch08.attention_layer served by fastw2v.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--models",
        action="store_true",
        help="serve the book's model files (cbow, ch04.cbow, ...) too",
    )
    parser.add_argument("script", metavar="SCRIPT", help="the script to run")
    parser.add_argument(
        "args", metavar="ARGS", nargs=argparse.REMAINDER, help="passed to the script untouched"
    )
    return parser


def run_command(args: argparse.Namespace) -> int:
    """The `run` of the command line."""
    return run(args.script, args.args, models=args.models)


def run(script: str, args: Sequence[str] = (), models: bool = False) -> int:
    """Run `script` as the main program of this process, and return its exit status.

    It takes the process over (sys.argv, sys.path[0], `__main__`, the drop-in) and gives nothing
    back: what the script leaves behind, such as threads or atexit calls, still needs it.
    SystemExit passes through. Other exceptions are shown without our frames and give 1; after
    KeyboardInterrupt the interpreter ends as one that was interrupted.
    """
    path = os.path.abspath(script)
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        say(f"run: can't open file {script!r}: {error.strerror} (in folder {os.getcwd()})")
        return 2

    folder = os.path.dirname(os.path.realpath(path))
    if not getattr(sys.flags, "safe_path", False):  # `python -P SCRIPT` leaves its folder out too
        sys.path[0:1] = [folder]
    if not os.path.samefile(folder, os.getcwd()):
        say(
            f"{script} was not started from its own folder; if it does not find its files: "
            f"cd {os.path.dirname(path)}"
        )
    sys.argv[:] = [script, *args]
    main = types.ModuleType("__main__")
    vars(main).update(
        __builtins__=builtins,
        __file__=path,
        __loader__=SourceFileLoader("__main__", path),
        __package__=None,
        __spec__=None,
    )
    sys.modules["__main__"] = main
    finder.install(models=models)
    spawned.follow(models)
    try:
        exec(compile(source, path, "exec", dont_inherit=True), vars(main))
    except SystemExit:
        raise
    except BaseException as error:
        _without_our_frames(error)
        sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            # The interpreter ends on its signal, as it should; the traceback has been shown.
            sys.excepthook = lambda *shown: None
            raise
        return 1
    return 0


def _without_our_frames(error: BaseException) -> None:
    """Cut our machinery out of the tracebacks of an exception and its causes."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        exception = left.pop()
        if exception is None or id(exception) in seen:
            continue
        seen.add(id(exception))
        left += [exception.__cause__, exception.__context__]
        frames = []
        tb = exception.__traceback__
        while tb is not None:
            frames.append(tb)
            tb = tb.tb_next
        kept, cutting = None, False
        for tb in reversed(frames):
            module = tb.tb_frame.f_globals.get("__name__")
            cutting = module in _MACHINERY or (cutting and module in _IMPORT)
            if not cutting:
                kept = types.TracebackType(kept, tb.tb_frame, tb.tb_lasti, tb.tb_lineno)
        exception.__traceback__ = kept
