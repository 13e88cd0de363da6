"""Embedding.backward: clear the gradient of the last call and add each row of dout to its id's row.

The matching forward runs untimed before each call, for every contender."""

import numpy as np

import harness
from fastw2v.layers import Embedding
from fastw2v.reference import layers as oracle
from harness import Row, Task


class Workload:
    """A table (V, D) and N Zipf ids per call."""

    def __init__(self, V, D, N):
        self.V, self.D, self.N = V, D, N
        self._inputs = None

    @property
    def inputs(self):
        if self._inputs is None:
            generator = harness.rng()
            self._inputs = harness.ring(self.draw, generator)
        return self._inputs

    def draw(self, generator):
        ids = harness.zipf_ids(generator, self.V, self.N)
        return ids, harness.floats(generator, (self.N, self.D))

    def expected(self, i):
        """Return the nonzero rows of the gradient after call i: ids and their sums in float64."""
        ids, dout = self.inputs[i % harness.RING]
        rows, place = np.unique(ids, return_inverse=True)
        sums = np.zeros((len(rows), self.D))
        np.add.at(sums, place, dout)
        return rows, sums

    def check(self, grad, i):
        rows, sums = self.expected(i)
        # The most frequent id adds up thousands of rows in float32.
        harness.assert_close(grad[rows], sums, "rows of the ids", rtol=1e-4, atol=1e-3)
        other = np.ones(self.V, bool)
        other[rows] = False
        assert not np.any(grad[other]), "rows without an id are not zero"

    def layer(self, Embedding):
        layer = Embedding(np.zeros((self.V, self.D), np.float32))
        last = [0]

        def prepare(i):
            layer.forward(self.inputs[i % harness.RING][0])
            last[0] = i

        def run(i):
            layer.backward(self.inputs[i % harness.RING][1])

        return Task(run, lambda: self.check(np.asarray(layer.grads[0]), last[0]), prepare)

    def reference(self):
        return self.layer(oracle.Embedding)

    def ours(self):
        return self.layer(Embedding)

    def torch_index_add(self):
        import torch

        W, grad = torch.zeros(self.V, self.D), torch.zeros(self.V, self.D)
        inputs = [tuple(map(torch.from_numpy, pair)) for pair in self.inputs]
        last = [0]

        def prepare(i):
            torch.nn.functional.embedding(inputs[i % harness.RING][0], W)
            last[0] = i

        def run(i):
            ids, dout = inputs[i % harness.RING]
            grad.zero_()
            grad.index_add_(0, ids, dout)

        return Task(run, lambda: self.check(grad.numpy(), last[0]), prepare)

    def torch_autograd(self):
        """Prepare the kernel of torch.nn.Embedding's backward, a new array per call."""
        import torch

        W = torch.zeros(self.V, self.D)
        inputs = [tuple(map(torch.from_numpy, pair)) for pair in self.inputs]
        last = [0, None]

        def prepare(i):
            torch.nn.functional.embedding(inputs[i % harness.RING][0], W)
            last[:] = i, None  # frees the array before the clock starts

        def run(i):
            ids, dout = inputs[i % harness.RING]
            last[1] = torch.ops.aten.embedding_dense_backward(dout, ids, self.V, -1, False)

        return Task(run, lambda: self.check(last[1].numpy(), last[0]), prepare)

    def verify(self):
        for build in (self.reference, self.ours):
            task = build()
            for i in (0, 1, 2):  # call 1 must clear the rows of call 0
                task.prepare(i)
                task.run(i)
                task.check()


def row(key, V, D, N, **columns):
    workload = Workload(V, D, N)
    return Row(
        key,
        f"Embedding.backward V={V:,} D={D}, {N:,} Zipf ids",
        workload.ours,
        workload.verify,
        workload.reference,
        {
            "torch, zero_ and index_add_": workload.torch_index_add,
            "torch, embedding_dense_backward": workload.torch_autograd,
        },
        **columns,
    )


ROWS = [
    row("embedding_100", 10_000, 100, 1_000, book=1.12, goal_book=40, goal_rival=3),
    row("embedding_650", 10_000, 650, 700, book=5.5, goal_book=30, goal_rival=3),
    row("embedding_large", 1_000_000, 100, 100_000, book=125, goal_book=20, goal_rival=3),
]


@harness.each_contender(ROWS)
def test_embedding(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
