"""Matrix products of the shapes that a step of a recurrent layer has."""

import numpy as np

import harness
from fastw2v import _threads
from fastw2v._kernels import _gemm, specialise
from harness import Row, Task

_PRODUCT = specialise(_gemm.product)[np.dtype(np.float32)]


class Workload:
    def __init__(self, M, K, N):
        self.M, self.K, self.N = M, K, N
        shapes = (M, K), (K, N)
        self.inputs = harness.ring(
            lambda generator: tuple(harness.floats(generator, shape) for shape in shapes),
            harness.rng(41),
        )

    def task(self, multiply):
        """multiply(A, B) gives an ndarray."""
        last = [0, None]

        def run(i):
            last[:] = i, multiply(*self.inputs[i % harness.RING])

        def check():
            A, B = self.inputs[last[0] % harness.RING]
            wanted = A.astype(np.float64) @ B
            harness.assert_close(last[1], wanted, "the product", rtol=1e-4, atol=1e-3)

        return Task(run, check)

    def reference(self):
        out = np.empty((self.M, self.N), np.float32)
        return self.task(lambda A, B: np.matmul(A, B, out=out))

    def ours(self):
        out = np.empty((self.M, self.N), np.float32)

        def multiply(A, B):
            n_parts = _threads.parts(self.M * self.K * self.N * 0.02)
            _PRODUCT(out, A, B, None, False, n_parts)
            return out

        return self.task(multiply)

    def torch(self):
        import torch

        out = torch.empty(self.M, self.N)

        def multiply(A, B):
            return torch.mm(torch.from_numpy(A), torch.from_numpy(B), out=out).numpy()

        return self.task(multiply)

    def verify(self):
        for build in (self.reference, self.ours):
            task = build()
            task.run(0)
            task.check()


def row(M, K, N):
    workload = Workload(M, K, N)
    return Row(
        f"gemm_{M}_{K}_{N}",
        f"product ({M}, {K}) ({K}, {N}) (reference: numpy.matmul)",
        workload.ours,
        workload.verify,
        workload.reference,
        {"torch, mm": workload.torch},
    )


ROWS = [
    row(10, 100, 400),
    row(20, 100, 400),
    row(128, 128, 512),
    row(20, 650, 2600),
    row(700, 650, 2600),
]


@harness.each_contender(ROWS)
def test_gemm(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
