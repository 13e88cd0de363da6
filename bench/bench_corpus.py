"""Counts over a corpus: contexts and targets, co-occurrence, PPMI. The reference loops."""

import numpy as np

import harness
from fastw2v import util
from fastw2v.reference import util as oracle
from harness import Row, Task

WINDOW = 5


class Counting:
    """The function `name` on arguments from a ring that `draw` makes."""

    def __init__(self, name, draw):
        self.name, self.draw = name, draw
        self._inputs = None

    @property
    def inputs(self):
        if self._inputs is None:
            self._inputs = harness.ring(self.draw)
        return self._inputs

    def task(self, module):
        function, last = getattr(module, self.name), [None, None]

        def run(i):
            last[:] = i % harness.RING, function(*self.inputs[i % harness.RING])

        def check():
            i, found = last
            expected = getattr(oracle, self.name)(*self.inputs[i])
            if not isinstance(found, tuple):
                found, expected = (found,), (expected,)
            for a, b in zip(found, expected, strict=True):
                harness.assert_close(a, b, self.name, rtol=1e-6, atol=1e-6)

        return Task(run, check)

    def reference(self):
        return self.task(oracle)

    def ours(self):
        return self.task(util)

    def verify(self):
        task = self.ours()
        task.run(0)
        task.check()


def contexts(generator):
    return harness.zipf_ids(generator, 10_000, 100_000), WINDOW


def co_matrix(generator):
    return harness.zipf_ids(generator, 1_000, 50_000), 1_000, WINDOW


def counts(generator):
    ids = harness.zipf_ids(generator, 300, 50_000)
    C = np.zeros((300, 300), np.int32)
    np.add.at(C, (ids[1:], ids[:-1]), 1)
    return (C + C.T,)


def row(key, name, work, draw):
    workload = Counting(name, draw)
    return Row(key, work, workload.ours, workload.verify, workload.reference)


ROWS = [
    row(
        "contexts_target",
        "create_contexts_target",
        f"create_contexts_target of 100,000 Zipf ids, w={WINDOW}",
        contexts,
    ),
    row(
        "co_matrix",
        "create_co_matrix",
        f"create_co_matrix of 50,000 Zipf ids, V=1,000 w={WINDOW}",
        co_matrix,
    ),
    row("ppmi", "ppmi", "ppmi of 300 x 300 counts", counts),
]


@harness.each_contender(ROWS)
def test_corpus(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
