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
from fastw2v.dropin.served_module import be_quiet

__all__ = ["ComparisonError", "compare", "figures", "report"]

_NUMPY = "numpy"  # in place of what `models` may be: the reader's own modules
_FRAMES = 4  # between an optimizer's update and the loop that holds the loss


# ---- the side that reports


class ComparisonError(Exception):
    """The reason why two sides were not compared, and the exit code: 1 failed, 2 wrong usage."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def compare(
    script: str, args: Sequence[str], steps: int, models: bool | None = None
) -> dict[str, Any]:
    """Run `steps` iterations of a script both ways and return the figures of `figures`.

    Raises ComparisonError if a side failed, whose own message is then on stderr.
    """
    if steps < 2:
        raise ComparisonError(f"--compare: expected at least 2 iterations, got {steps}", 2)
    if not os.path.isfile(script):
        message = f"run: can't open file {script!r}: --compare needs a script on disk"
        raise ComparisonError(message, 2)
    sides = [
        _run_side(name, choice, script, args, steps)
        for name, choice in (("numpy", _NUMPY), ("fastw2v", models))
    ]
    return figures(*sides)


def figures(plain: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Compare two sides, each with "times" and "losses" of its steps, and "samples".

    >>> plain = {"times": [0.0, 0.03, 0.06], "losses": [2.0, 1.5, 1.0], "samples": False}
    >>> ours = {"times": [0.0, 0.01, 0.02], "losses": [2.0, 1.5, 1.001], "samples": False}
    >>> print(*report(figures(plain, ours)), sep="\\n")
    numpy        30.00 ms a step
    fastw2v      10.00 ms a step, 3.0 times as fast (medians of 2 steps)
    largest difference of the loss in 3 steps: 0.001, mean loss 1.5 and 1.5003
    """
    n = min(len(plain["times"]), len(ours["times"]))
    each = [1e3 * _median_step(side["times"][:n]) for side in (plain, ours)]
    losses = [side["losses"][:n] for side in (plain, ours)]
    pairs = [(a, b) for a, b in zip(*losses, strict=True) if a is not None and b is not None]
    means = [statistics.fmean(side) for side in zip(*pairs, strict=True)] if pairs else [None] * 2
    return {
        "steps": n - 1,
        "numpy_ms": each[0],
        "fastw2v_ms": each[1],
        "ratio": each[0] / each[1],
        "losses_compared": len(pairs),
        "largest_difference": max((abs(a - b) for a, b in pairs), default=None),
        "numpy_loss": means[0],
        "fastw2v_loss": means[1],
        "other_samples": bool(ours["samples"]),
    }


def report(found: dict[str, Any]) -> list[str]:
    """Return the lines that show the figures."""
    lines = [
        f"numpy   {found['numpy_ms']:10.2f} ms a step",
        f"fastw2v {found['fastw2v_ms']:10.2f} ms a step, {found['ratio']:.1f} times as fast "
        f"(medians of {found['steps']} steps)",
    ]
    if not found["losses_compared"]:
        return [*lines, "losses were not compared: the loop that trains has no variable loss"]
    lines.append(
        f"largest difference of the loss in {found['losses_compared']} steps: "
        f"{found['largest_difference']:.2g}, "
        f"mean loss {found['numpy_loss']:.5g} and {found['fastw2v_loss']:.5g}"
    )
    if found["other_samples"]:
        lines.append("negative samples follow the same distribution but are other draws")
    return lines


def _median_step(times: list[float]) -> float:
    return max(statistics.median(b - a for a, b in itertools.pairwise(times)), 1e-9)


def _run_side(
    name: str, choice: object, script: str, args: Sequence[str], steps: int
) -> dict[str, Any]:
    """Run one side in a process and return its report."""
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
        if not os.path.exists(path):
            sys.stderr.write(done.stderr.decode(errors="backslashreplace"))
            cure = (
                "; --compare needs the book's folder common, with numpy layers, on the script's "
                "path"
            )
            raise ComparisonError(
                f"--compare: the side of {name} failed{cure if name == 'numpy' else ''}", 1
            )
        with open(path, encoding="utf-8") as file:
            side: dict[str, Any] = json.load(file)
    if len(side["times"]) < 2:
        raise ComparisonError(
            f"--compare: the side of {name} ended after {len(side['times'])} calls of an "
            "optimizer of common.optimizer; 2 or more can be compared",
            1,
        )
    return side


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
