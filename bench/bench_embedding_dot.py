"""EmbeddingDot forward and backward: the score of one word for each hidden vector of a batch."""

import numpy as np

import harness
from fastw2v.negative_sampling_layer import EmbeddingDot
from fastw2v.reference import negative_sampling_layer as oracle
from harness import Row, Task


class Workload:
    """A table (V, D), N hidden vectors and N Zipf ids per call."""

    def __init__(self, V, D, N):
        self.V, self.D, self.N = V, D, N
        self._inputs = None

    @property
    def inputs(self):
        if self._inputs is None:
            self._inputs = harness.ring(self.draw, harness.rng())
        return self._inputs

    def draw(self, generator):
        h = harness.floats(generator, (self.N, self.D))
        return h, harness.zipf_ids(generator, self.V, self.N), harness.floats(generator, (self.N,))

    def table(self):
        return harness.floats(harness.rng(), (self.V, self.D))

    def task(self, layer_class):
        W = self.table()
        layer = layer_class(W)
        last = [0, None, None]

        def run(i):
            h, ids, dout = self.inputs[i % harness.RING]
            last[:] = i % harness.RING, layer.forward(h, ids), layer.backward(dout)

        def check():
            i, out, dh = last
            h, ids, dout = (np.asarray(x) for x in self.inputs[i])
            rows = W[ids].astype("d")
            harness.assert_close(out, (rows * h).sum(axis=1), "out", rtol=1e-4, atol=1e-4)
            harness.assert_close(dh, rows * dout[:, None], "dh", rtol=1e-5, atol=1e-6)
            sums = np.zeros(W.shape)
            np.add.at(sums, ids, h.astype("d") * dout[:, None])
            harness.assert_close(np.asarray(layer.grads[0]), sums, "dW", rtol=1e-4, atol=1e-4)

        return Task(run, check)

    def reference(self):
        return self.task(oracle.EmbeddingDot)

    def ours(self):
        return self.task(EmbeddingDot)

    def verify(self):
        for build in (self.reference, self.ours):
            task = build()
            for i in (0, 1, 2):
                task.run(i)
                task.check()


def row(key, V, D, N):
    workload = Workload(V, D, N)
    return Row(
        key,
        f"EmbeddingDot forward and backward V={V:,} D={D}, {N:,} Zipf ids",
        workload.ours,
        workload.verify,
        workload.reference,
    )


ROWS = [row("embedding_dot", 10_000, 100, 1_000)]


@harness.each_contender(ROWS)
def test_embedding_dot(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
