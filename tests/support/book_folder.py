"""A folder with scripts as a reader of the book has them, run by `python -m fastw2v run`."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import fastw2v
from fastw2v.dropin.served_module import what_is_served


def environment():
    home = str(Path(fastw2v.__file__).parents[1])
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "agg"}


def python(*args, cwd):
    return subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


def fastw2v_run(*args, cwd):
    """Run `python -m fastw2v run ARGS`."""
    return python("-m", "fastw2v", "run", *args, cwd=cwd)


def without_first_line(done):
    lines = [f"fastw2v: {what_is_served(models)}\n" for models in (None, True, False)]
    said = [line for line in lines if line in done.stderr]
    assert len(said) == 1 or done.returncode == 2
    for line in said:
        done.stderr = done.stderr.replace(line, "", 1)
    return done


class Book:
    """A reader's folder, in which `write` puts files and `run` starts one from its own folder."""

    def __init__(self, root):
        self.root = root

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def run(self, name, *args, models=False):
        """Run a script; leave the line that every run begins with out of what it printed."""
        path = self.root / name
        flags = ["--models"] if models else []
        return without_first_line(fastw2v_run(*flags, path.name, *args, cwd=path.parent))

    def lines(self, name, *args, models=False):
        """Return the output of a script, which must succeed and print nothing on stderr."""
        done = self.run(name, *args, models=models)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()
