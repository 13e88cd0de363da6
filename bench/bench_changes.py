"""One round's changes of rows: merged from eight shards; taken from a replica and added to it."""

import numpy as np

import fastw2v
import harness
from fastw2v.reference.changes import as_bfloat16, as_float32
from fastw2v.word2vec.changes import Rows, add_changes, changed_ids, merge_rows, take_changes
from harness import Row, Task

RATE = 1e-9  # so few updates that the merged changes are sums


class Merge:
    """S shards that changed all rows of a table (V, D), in bfloat16."""

    def __init__(self, V, D, S):
        self.V, self.D, self.S = V, D, S
        self._changes = None

    @property
    def changes(self):
        if self._changes is None:
            ids, counts = np.arange(self.V, dtype=np.int32), np.ones(self.V, np.uint32)
            self._changes = [
                Rows(ids, as_bfloat16(harness.floats(harness.rng(), (self.V, self.D))), counts)
                for _ in range(self.S)
            ]
        return self._changes

    def ours(self):
        last = []

        def run(i):
            last[:] = merge_rows(self.changes, RATE, fastw2v.get_num_threads())

        def check():
            total = sum(as_float32(change.numbers) for change in self.changes)
            harness.assert_close(as_float32(last[0].numbers), total, "merged", rtol=1e-2, atol=1e-2)
            assert last[1] == 0

        return Task(run, check)

    def verify(self):
        task = self.ours()
        task.run(0)
        task.check()


class Replica:
    """A table (V, D), half of whose rows a round changed, and its copy at the start."""

    def __init__(self, V, D):
        self.V, self.D = V, D

    def ours(self):
        before = harness.floats(harness.rng(), (self.V, self.D))
        now = before.copy()
        change = np.float32(0.5)
        last = []

        def run(i):
            now[::2] += change
            n = fastw2v.get_num_threads()
            ids = changed_ids(now, before, n)
            rows = Rows(ids, take_changes(now, before, ids, "bfloat16", n))
            add_changes(now, before, rows, n)
            last[:] = [rows]

        def check():
            assert (last[0].ids == np.arange(0, self.V, 2)).all()
            harness.assert_close(as_float32(last[0].numbers), change, "changes", 1e-2, 1e-2)
            assert (now == before).all()

        return Task(run, check)

    def verify(self):
        task = self.ours()
        task.run(0)
        task.check()


MERGE, REPLICA = Merge(20_000, 100, 8), Replica(100_000, 100)
ROWS = [
    Row(
        "changes_merged",
        "changes of 20,000 rows, D=100, of 8 shards, merged",
        MERGE.ours,
        MERGE.verify,
    ),
    Row(
        "changes_taken",
        "changes of 50,000 of 100,000 rows, D=100, found, taken and added",
        *(REPLICA.ours, REPLICA.verify),
    ),
]


@harness.each_contender(ROWS)
def test_changes(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
