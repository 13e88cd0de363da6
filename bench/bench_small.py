"""Small calls: what a call of a layer costs, and what short scripts of the book's kind cost.

Calls are compared with numpy's own product of 3 x 7 by 7 x 5 in the same run: a goal of 1/8 means
that the call may take eight of them. Scripts (`bench/scripts`) are compared with the reference in
plain numpy under the book's import names; times are CPU time of the process, its start included:

    python bench/bench_small.py
"""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import harness
from fastw2v import layers, optimizer, reference, time_layers
from harness import Row, Task

CALLS = 200  # in a timed run: one call is as short as reading the clock
SCRIPTS = Path(__file__).parent / "scripts"
REFERENCE = Path(reference.__file__).parent
PLAIN = ("functions", "layers", "optimizer", "trainer", "util")  # modules of the scripts' `common`


def repeated(call):
    def run(i):
        for _ in range(CALLS):
            call()

    return Task(run, lambda: None, steps=CALLS)


def dot():
    a, b = arrays((3, 7), (7, 5))
    return repeated(lambda: np.dot(a, b))


def arrays(*shapes):
    generator = harness.rng()
    return [harness.floats(generator, shape) for shape in shapes]


class Call:
    """A method of a layer; `make(module)` returns the layer, and `calls` its calls in order."""

    def __init__(self, make, *calls):
        self.make, self.calls = make, calls

    def task(self, layers_module, time_module):
        layer = self.make(layers_module, time_module)
        for name, *arguments in self.calls:
            getattr(layer, name)(*arguments)
        name, *arguments = self.calls[-1]
        method = getattr(layer, name)
        return repeated(lambda: method(*arguments))

    def ours(self):
        return self.task(layers, time_layers)

    def book(self):
        return self.task(reference.layers, reference.time_layers)

    def verify(self):
        results = []
        for modules in ((layers, time_layers), (reference.layers, reference.time_layers)):
            layer = self.make(*modules)
            results.append([getattr(layer, name)(*given) for name, *given in self.calls])
        for ours, book in zip(*results, strict=True):
            if ours is not None:
                harness.assert_close(ours, book, "result", rtol=1e-4, atol=1e-5)


def row(key, work, dots, call):
    rivals = {"numpy, its dot of 3x7x5": dot}
    return Row(key, work, call.ours, call.verify, call.book, rivals, goal_rival=1 / dots)


def optimizer_row(kind, dots):
    params, grads = arrays((7, 5), (5, 7)), arrays((7, 5), (5, 7))

    def ours():
        mine, step = [param.copy() for param in params], getattr(optimizer, kind)()
        return repeated(lambda: step.update(mine, grads))

    def book():
        mine, step = [param.copy() for param in params], getattr(reference.optimizer, kind)()
        return repeated(lambda: step.update(mine, grads))

    def verify():
        found = []
        for module in (optimizer, reference.optimizer):
            mine, step = [param.copy() for param in params], getattr(module, kind)()
            for _ in range(3):
                step.update(mine, grads)
            found.append(mine)
        for ours_, book_ in zip(*found, strict=True):
            harness.assert_close(ours_, book_, "weights", rtol=1e-4, atol=1e-6)

    rivals = {"numpy, its dot of 3x7x5": dot}
    work = f"{kind} on two matrices of 7 x 5"
    return Row(f"small_{kind.lower()}", work, ours, verify, book, rivals, goal_rival=1 / dots)


W, b, x, dout, Wa, ba, xa, da = arrays(
    *((7, 5), (5,), (3, 7), (3, 5), (2, 10), (10,), (30, 2), (30, 10))
)
TABLE, STEP, WIDE = arrays((100, 16), (1, 1, 16), (1, 1, 128))
LSTM = arrays((16, 512), (128, 512), (512,))
OUT = arrays((128, 13), (13,))
IDS, TARGETS = np.array([3, 4, 5]), np.array([1, 2, 3])


def matmul(module, _):
    return module.MatMul(W)


def affine(module, _):
    return module.Affine(Wa, ba)


def softmax(module, _):
    return module.SoftmaxWithLoss()


def embedding(module, _):
    return module.Embedding(TABLE)


def lstm(_, module):
    return module.TimeLSTM(*LSTM, stateful=True)


def time_affine(_, module):
    return module.TimeAffine(*OUT)


forward = ("forward", x)
ROWS = [
    row("small_lstm", "TimeLSTM.forward 1x1x16x128", 8, Call(lstm, ("forward", STEP))),
    row("small_time_affine", "TimeAffine.forward", 5, Call(time_affine, ("forward", WIDE))),
    row("small_matmul", "MatMul 3x7x5 forward", 2, Call(matmul, forward)),
    row("small_matmul_back", "MatMul 3x7x5 backward", 4, Call(matmul, forward, ("backward", dout))),
    row("small_affine", "Affine 30x2x10 forward", 3, Call(affine, ("forward", xa))),
    row(
        "small_affine_back",
        "Affine 30x2x10 backward",
        6,
        Call(affine, ("forward", xa), ("backward", da)),
    ),
    row("small_softmax", "SoftmaxWithLoss 3x7 forward", 3, Call(softmax, ("forward", x, TARGETS))),
    row(
        "small_softmax_back",
        "SoftmaxWithLoss 3x7 backward",
        2.5,
        Call(softmax, ("forward", x, TARGETS), ("backward",)),
    ),
    row("small_embedding", "Embedding.forward of 3 ids", 2.5, Call(embedding, ("forward", IDS))),
    row(
        "small_embedding_back",
        "Embedding.backward of 3 ids",
        4,
        Call(embedding, ("forward", IDS), ("backward", TABLE[:3])),
    ),
    optimizer_row("SGD", 3),
    optimizer_row("Adam", 5),
]


@harness.each_contender(ROWS)
def test_small(benchmark, row, name):
    harness.time_contender(benchmark, row, name)


# Scripts -------------------------------------------------------------------------------------


@functools.cache
def plain_scripts():
    """Return a folder with the scripts and the reference as their `common`."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    common = Path(folder.name, "common")
    common.mkdir()
    for name in PLAIN:
        shutil.copy(REFERENCE / f"{name}.py", common)
    for script in SCRIPTS.glob("*.py"):
        shutil.copy(script, folder.name)
    return folder.name


def cpu_seconds(arguments, folder):
    """Return the CPU time of a process, of its start and its threads too (not on Windows)."""
    left_out = ("PYTHONDONTWRITEBYTECODE", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return usage.ru_utime + usage.ru_stime


def script_row(script):
    def plain(i=0):
        return cpu_seconds([script.name], plain_scripts())

    def ours(i=0):
        return cpu_seconds(["-m", "fastw2v", "run", script.name], SCRIPTS)

    def verify():
        plain()
        ours()

    def task(run):
        return Task(run, lambda: None, returns_seconds=True)

    return Row(
        f"script_{script.stem}",
        f"the script {script.stem}, CPU time, its start included",
        lambda: task(ours),
        verify,
        lambda: task(plain),
        goal_added_ms=30,
    )


def compare_scripts(rounds):
    """Print for each script the shortest CPU times of plain numpy and of `fastw2v run`."""
    for row in SCRIPT_ROWS:
        plain, ours = row.reference(), row.ours()
        times = [(plain.run(k), ours.run(k)) for k in range(rounds)]
        before, now = (1000 * min(each) for each in zip(*times, strict=True))
        kept = now <= before + row.goal_added_ms
        print(
            f"{row.key:23} plain {before:5.0f} ms  ours {now:5.0f} ms{'' if kept else '  MISSED'}"
        )


# Not for pytest-benchmark, which knows only the clock.
SCRIPT_ROWS = [script_row(script) for script in sorted(SCRIPTS.glob("*.py"))]


ROWS += SCRIPT_ROWS


if __name__ == "__main__":
    compare_scripts(15)
