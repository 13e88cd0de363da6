"""A script or notebook run as with `python SCRIPT`, on fastw2v's layers."""

from __future__ import annotations

import builtins
import io
import os
import sys
import types
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader

from fastw2v.dropin import finder, spawned
from fastw2v.dropin.served_module import say, say_error, what_is_served

# Tracebacks of the script omit frames of these modules, and the frames of _IMPORT that lead there.
_MACHINERY = {
    *("fastw2v.dropin.run_script", "fastw2v.dropin.served_module", "fastw2v.dropin.spawned"),
    *("fastw2v.dropin.notebook", "fastw2v.dropin.compare"),
    *("fastw2v.config", "fastw2v.dropin", "fastw2v.dropin.finder"),
}
_IMPORT = {"importlib._bootstrap", "importlib._bootstrap_external"}


# The extra of the package that brings a module; the book's scripts import the first two.
EXTRAS = {
    "matplotlib": "plot",
    "sklearn": "sklearn",
    "bokeh": "explore",
    "distributed": "dask",
    "fugashi": "ja",
    "janome": "ja",
    "ot": "wmd",
    "pyarrow": "parquet",
    "sudachipy": "ja",
    "usearch": "usearch",
}


class EndOfRunError(BaseException):
    """Passes through `run` without a message, as SystemExit does."""


def run(
    script: str, args: Sequence[str] = (), models: bool | None = None, serve: bool = True
) -> int:
    """Run `script` as the main program of this process, and return its exit status.

    serve=False serves nothing, so that the script runs on its own modules.

    The script takes over the process (sys.argv, sys.path[0], `__main__`, the drop-in), and nothing
    is restored afterwards, because its threads and atexit calls may still need it. SystemExit
    passes through. Other exceptions are shown without our frames and give 1, and a module that is
    missing with its cure. After KeyboardInterrupt the interpreter ends as an interrupted one does.
    """
    if serve and (reason := _reason_against_kernels()):
        say_error(f"run: error: {reason}")
        return 1
    from_stdin = script == "-"
    path = "<stdin>" if from_stdin else os.path.abspath(script)
    try:
        if from_stdin:
            source = sys.stdin.buffer.read()
        else:
            with io.open_code(path) as file:
                source = file.read()
    except OSError as error:
        say_error(f"run: can't open file {script!r}: {error.strerror} (in folder {os.getcwd()})")
        return 2
    is_notebook = path.endswith(".ipynb") and not from_stdin
    if is_notebook:
        from fastw2v.dropin import notebook

        try:
            cells = notebook.code_cells(source, script)
        except ValueError as error:
            say_error(f"run: {error}")
            return 2

    folder = os.getcwd() if from_stdin else os.path.dirname(os.path.realpath(path))
    if not getattr(sys.flags, "safe_path", False):  # as `python -P SCRIPT` does
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
        __package__=None,
        __spec__=None,
    )
    if not (from_stdin or is_notebook):
        vars(main).update(__file__=path, __loader__=SourceFileLoader("__main__", path))
    sys.modules["__main__"] = main
    if serve:
        say(what_is_served(models))
        finder.install(models=models)
    if serve and not is_notebook:  # whose functions cannot be sent to a process, as in Jupyter
        spawned.follow(models)
    try:
        if is_notebook:
            notebook.execute(cells, vars(main))
        else:
            exec(compile(source, path, "exec", dont_inherit=True), vars(main))
    except (SystemExit, EndOfRunError):
        raise
    except BaseException as error:
        _without_our_frames(error)
        if is_notebook and sys.excepthook is sys.__excepthook__:
            import traceback

            traceback.print_exception(error)  # which shows lines of cells; the hook reads files
        else:
            sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, ModuleNotFoundError) and error.name:
            module = error.name.partition(".")[0]
            if module in EXTRAS:
                say_error(
                    f"run: {module} is not installed: pip install 'fastw2v[{EXTRAS[module]}]'"
                )
        if isinstance(error, KeyboardInterrupt):
            # The traceback has been shown. Raising again ends the interpreter with the signal.
            sys.excepthook = lambda *shown: None
            raise
        return 1
    return 0


def _reason_against_kernels() -> str | None:
    """Return why the kernels cannot be imported, as with a wrong FASTW2V_ISA, or None."""
    try:
        import fastw2v._kernels  # noqa: F401
    except ImportError as error:
        return str(error)
    return None


def _without_our_frames(error: BaseException) -> None:
    """Remove our frames from the tracebacks of an exception and its causes."""
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
