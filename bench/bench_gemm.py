"""Matrix products of one time step and of all steps at once, and their share of the peak.

The reference is numpy's matmul into a given array, as `fastw2v._core.products` would call it.
"""

import functools

import numpy as np

import harness
from fastw2v._core.products import product
from harness import Row, Task


class Workload:
    """C (M, N) = A (M, K) B (K, N) in float32; `kind` names the transposed operand."""

    def __init__(self, M, K, N, kind="A B"):
        self.M, self.K, self.N, self.kind = M, K, N, kind

    @functools.cached_property
    def operands(self):
        """Return pairs of A and B. Only A moves through a ring, as B holds the weights."""
        generator = harness.rng()
        B = self.matrix(generator, self.K, self.N, self.kind.endswith("B^T"))
        return [
            (self.matrix(generator, self.M, self.K, self.kind.startswith("A^T")), B)
            for _ in range(harness.RING)
        ]

    @staticmethod
    def matrix(generator, rows, columns, turned):
        if turned:
            return harness.floats(generator, (columns, rows)).T
        return harness.floats(generator, (rows, columns))

    def task(self, run_into, operands=None):
        out = np.zeros((self.M, self.N), np.float32)
        operands = self.operands if operands is None else operands
        last = [None]

        def run(i):
            last[0] = i % harness.RING
            run_into(*operands[last[0]], out)

        def check():
            A, B = self.operands[last[0]]
            rows = slice(None, None, max(1, self.M // 40))
            expected = A[rows].astype("d") @ B.astype("d")
            tolerance = 1e-5 * self.K**0.5
            harness.assert_close(out[rows], expected, "C", rtol=tolerance, atol=tolerance)

        return Task(run, check)

    def ours(self):
        return self.task(lambda A, B, out: product(A, B, out=out))

    def numpy(self):
        return self.task(lambda A, B, out: np.matmul(A, B, out=out))

    def torch(self):
        import torch

        operands = [tuple(map(torch.from_numpy, pair)) for pair in self.operands]
        return self.task(lambda A, B, out: torch.mm(A, B, out=torch.from_numpy(out)), operands)

    def verify(self):
        for build in (self.numpy, self.ours):
            task = build()
            for i in (0, 1):
                task.run(i)
                task.check()


def row(M, K, N, kind="A B", goal_share=None):
    workload = Workload(M, K, N, kind)
    return Row(
        f"gemm_{M}x{K}x{N}" + ("" if kind == "A B" else "_" + kind.replace(" ", "").lower()),
        f"product {kind}, {M} x {K} x {N}, float32",
        workload.ours,
        workload.verify,
        workload.numpy,
        {"torch, mm": workload.torch},
        macs=M * K * N,
        goal_book=0.95,
        goal_rival=0.95,
        goal_share=goal_share,
    )


ROWS = [
    row(10, 100, 400, goal_share=0.5),
    row(20, 100, 400),
    row(128, 128, 512, goal_share=0.5),
    row(20, 650, 2600),
    row(20, 2600, 650, "A B^T"),
    row(128, 256, 1024),
    row(700, 100, 400),
    row(700, 650, 2600),
    row(1024, 1024, 1024, goal_share=0.8),
    row(700, 650, 10_000),
    row(650, 700, 10_000, "A^T B"),
    row(700, 10_000, 650, "A B^T"),
]


@harness.each_contender(ROWS)
def test_gemm(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
