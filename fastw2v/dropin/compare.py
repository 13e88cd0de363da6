"""`run --compare N`: the first N iterations of a script with numpy, then with fastw2v.

Each side runs in a process of its own, which notes time and loss at every call of an optimizer's
`update` and ends the script after the N-th. The script's own output is dropped.

    python -m fastw2v.dropin.compare REPORT N MODELS SCRIPT ARGS...    one side; MODELS is JSON
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from fastw2v.dropin import finder
from fastw2v.dropin.run_script import EndOfRunError, run
from fastw2v.dropin.served_module import be_quiet, say

__all__ = ["compare"]

_NUMPY = "numpy"  # in place of what `models` may be: the reader's own modules
_FRAMES = 4  # between an optimizer's update and the loop that holds the loss


# ---- the side that reports


def compare(
    script: str, args: Sequence[str], steps: int, models: bool | None = None, log: Any = print
) -> int:
    """Run `steps` iterations of a script both ways, print the comparison, and return 0, or 1 or 2.

    1: a side failed, whose message is on stderr. 2: wrong usage.
    """
    if steps < 2:
        say(f"--compare: expected at least 2 iterations, got {steps}")
        return 2
    if not os.path.isfile(script):
        say(f"run: can't open file {script!r}: --compare needs a script on disk")
        return 2
    sides = []
    for name, choice in (("numpy", _NUMPY), ("fastw2v", models)):
        side = _run_side(name, choice, script, args, steps)
        if side is None:
            return 1
        sides.append(side)
    for line in report(*sides):
        log(line)
    return 0


def report(plain: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """Return the lines that compare two sides, each with "times" and "losses" of its steps.

    >>> plain = {"times": [0.0, 0.03, 0.06], "losses": [2.0, 1.5, 1.0], "samples": False}
    >>> ours = {"times": [0.0, 0.01, 0.02], "losses": [2.0, 1.5, 1.001], "samples": False}
    >>> print(*report(plain, ours), sep="\\n")
    numpy        30.00 ms a step
    fastw2v      10.00 ms a step, 3.0 times as fast (medians of 2 steps)
    largest difference of the loss in 3 steps: 0.001, mean loss 1.5 and 1.5003
    """
    n = min(len(plain["times"]), len(ours["times"]))
    each = [_median_step(side["times"][:n]) for side in (plain, ours)]
    lines = [
        f"numpy   {1e3 * each[0]:10.2f} ms a step",
        f"fastw2v {1e3 * each[1]:10.2f} ms a step, {each[0] / each[1]:.1f} times as fast "
        f"(medians of {n - 1} steps)",
    ]
    losses = [side["losses"][:n] for side in (plain, ours)]
    pairs = [(a, b) for a, b in zip(*losses, strict=True) if a is not None and b is not None]
    if not pairs:
        return [*lines, "losses were not compared: the loop that trains has no variable loss"]
    largest = max(abs(a - b) for a, b in pairs)
    means = [statistics.fmean(side) for side in zip(*pairs, strict=True)]
    lines.append(
        f"largest difference of the loss in {len(pairs)} steps: {largest:.2g}, "
        f"mean loss {means[0]:.5g} and {means[1]:.5g}"
    )
    if ours["samples"]:
        lines.append("negative samples follow the same distribution but are other draws")
    return lines


def _median_step(times: list[float]) -> float:
    return max(statistics.median(b - a for a, b in itertools.pairwise(times)), 1e-9)


def _run_side(
    name: str, choice: object, script: str, args: Sequence[str], steps: int
) -> dict[str, Any] | None:
    """Run one side in a process; return its report, or None after a message on stderr."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "report.json")
        command = [sys.executable, "-m", "fastw2v.dropin.compare", path, str(steps)]
        command += [json.dumps(choice), os.path.abspath(script), *args]
        done = subprocess.run(
            command,
            env={**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": _with_this_package()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=os.path.dirname(os.path.abspath(script)),
        )
        message = done.stderr.decode(errors="backslashreplace")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                side: dict[str, Any] = json.load(file)
            if len(side["times"]) >= 2:
                return side
            say(
                f"--compare: the side of {name} ended after {len(side['times'])} calls of an "
                "optimizer of common.optimizer; 2 or more can be compared"
            )
        else:
            sys.stderr.write(message)
            cure = (
                "--compare needs the book's folder common, with numpy layers, on the script's path"
            )
            say(f"--compare: the side of {name} failed" + (f"; {cure}" if name == "numpy" else ""))
    return None


def _with_this_package() -> str:
    home = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))


# ---- a side


class _Notes:
    """Time and loss at each call of an optimizer; raises after the last that is wanted."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.times: list[float] = []
        self.losses: list[float | None] = []

    def watched(self, update: Callable[..., Any]) -> Callable[..., Any]:
        """Return an optimizer's update that takes notes."""

        @functools.wraps(update)
        def with_notes(*args: Any, **kwargs: Any) -> Any:
            result = update(*args, **kwargs)
            self.times.append(time.perf_counter())
            self.losses.append(_loss_of(sys._getframe(1)))
            if len(self.times) >= self.steps:
                raise EndOfRunError
            return result

        return with_notes


def _loss_of(frame: types.FrameType | None) -> float | None:
    """Return the variable `loss` of the loop that called the optimizer, if it has one."""
    for _ in range(_FRAMES):
        if frame is None:
            return None
        loss = frame.f_locals.get("loss")
        if loss is not None:
            try:
                return float(loss)
            except (TypeError, ValueError):
                return None
        frame = frame.f_back
    return None


class _AtImport(finder.Loader):
    """The finder and loader that watches the classes of common.optimizer when it is imported."""

    def __init__(self, notes: _Notes) -> None:
        self.notes = notes

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        if fullname != "common.optimizer":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        self.loader.exec_module(module)
        for kind in list(vars(module).values()):
            if isinstance(kind, type) and "update" in vars(kind):
                kind.update = self.notes.watched(vars(kind)["update"])  # type: ignore[attr-defined]


def _side(path: str, steps: int, choice: Any, script: str, args: list[str]) -> int:
    be_quiet()
    notes = _Notes(steps)
    if choice == _NUMPY:
        sys.meta_path.insert(0, _AtImport(notes))
    else:
        from fastw2v import optimizer

        base = optimizer.SGD.__mro__[1]  # whose _update is the one step of update and of fit
        base._update = notes.watched(vars(base)["_update"])  # type: ignore[attr-defined]
    import numpy as np

    np.random.seed(0)  # for scripts that set no seed
    try:
        serve = choice != _NUMPY
        code = run(script, args, models=choice if serve else None, serve=serve)
    except EndOfRunError:
        code = 0
    if code:
        return code
    samples = "fastw2v.negative_sampling_layer" in sys.modules
    content = {"times": notes.times, "losses": notes.losses, "samples": samples}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file)
    return 0


if __name__ == "__main__":
    sys.exit(
        _side(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4], sys.argv[5:])
    )
