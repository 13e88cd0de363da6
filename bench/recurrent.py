"""Recurrent layers over time, forward and backward, and the matrix products that they need.

A call is a forward and a backward with other inputs; before each call, untimed, the weights change.
torch's GRU resets after the product, as our "GRU reset_after" does; the book's resets before it,
which costs a little more in one place and less in another.
"""

import numpy as np

import harness
from fastw2v import time_layers
from fastw2v._core.products import product
from fastw2v.reference import time_layers as oracle
from harness import Row, Task

N_GATES = {"RNN": 1, "GRU": 3, "GRU reset_after": 3, "LSTM": 4}


class Workload:
    def __init__(self, cell, N, T, D, H):
        self.cell, self.N, self.T, self.D, self.H = cell, N, T, D, H
        self.name, _, option = cell.partition(" ")
        self.options = {option: True} if option else {}
        self._inputs = None

    @property
    def macs(self):
        """Return the multiply-adds of the products of both passes."""
        return 3 * self.N * self.T * (self.D + self.H) * N_GATES[self.cell] * self.H

    @property
    def inputs(self):
        """Return a ring of xs (N, T, D) and dhs of the width of hs."""
        if self._inputs is None:

            def draw(generator):
                shapes = ((self.N, self.T, width) for width in self.widths())
                return tuple(harness.floats(generator, shape) for shape in shapes)

            self._inputs = harness.ring(draw, harness.rng(31))
        return self._inputs

    def widths(self):
        """Return the widths of xs and hs."""
        return self.D, self.H

    def weights(self):
        generator, width = harness.rng(32), N_GATES[self.cell] * self.H
        shapes = (self.D, width), (self.H, width), (2, width) if self.options else (width,)
        return [harness.floats(generator, s) / np.float32(np.sqrt(self.H)) for s in shapes]

    def task(self, layers):
        layer = getattr(layers, "Time" + self.name)(*self.weights(), **self.options)
        first = [W.copy() for W in layer.params]
        last = [None, None]

        def prepare(i):
            for W, start in zip(layer.params, first, strict=True):
                W[...] = start * np.float32(1 + i % 7 / 100)

        def run(i):
            xs, dhs = self.inputs[i % harness.RING]
            hs = layer.forward(xs)
            last[:] = i, (hs, layer.backward(dhs))

        def check():
            i, results = last
            expected = getattr(oracle, "Time" + self.name)(*layer.params, **self.options)
            xs, dhs = self.inputs[i % harness.RING]
            wanted = expected.forward(xs), expected.backward(dhs)
            for actual, right, what in zip(results, wanted, ("hs", "dxs"), strict=True):
                harness.assert_close(actual, right, what, rtol=1e-3, atol=1e-3)
            for k, (actual, right) in enumerate(zip(layer.grads, expected.grads, strict=True)):
                scale = np.abs(right).max()
                harness.assert_close(actual / scale, right / scale, f"grads[{k}]", 1e-3, 1e-4)

        return Task(run, check, prepare)

    def reference(self):
        return self.task(oracle)

    def ours(self):
        return self.task(time_layers)

    def torch(self, kind=None, **options):
        import torch

        module = getattr(torch.nn, kind or self.name)(self.D, self.H, batch_first=True, **options)
        inputs = [
            (torch.from_numpy(xs).requires_grad_(True), torch.from_numpy(dhs))
            for xs, dhs in self.inputs
        ]
        first = [parameter.detach().clone() for parameter in module.parameters()]
        last = [None]

        def prepare(i):
            with torch.no_grad():
                for parameter, start in zip(module.parameters(), first, strict=True):
                    parameter.copy_(start * (1 + i % 7 / 100))

        def run(i):
            xs, dhs = inputs[i % harness.RING]
            module.zero_grad()
            xs.grad = None
            hs, _ = module(xs)
            hs.backward(dhs)
            last[0] = xs.grad

        def check():
            assert last[0].isfinite().all() and last[0].abs().max() > 0

        return Task(run, check, prepare)

    def products(self):
        """Prepare the products alone on our kernel: inputs, T steps each way, three gradients."""
        N, T, D, H = self.N, self.T, self.D, self.H
        generator, width = harness.rng(33), N_GATES[self.cell] * H
        Wx, Wh, _ = self.weights()
        h = harness.floats(generator, (N, H))
        step = harness.floats(generator, (N, width))
        da = harness.floats(generator, (N * T, width))
        before = harness.floats(generator, (N * T, H))
        out = np.empty((N * T, width), np.float32)
        small, back = np.empty((N, width), np.float32), np.empty((N, H), np.float32)
        dWx, dWh, dxs = np.empty_like(Wx), np.empty_like(Wh), np.empty((N * T, D), np.float32)

        def run(i):
            xs = self.inputs[i % harness.RING][0].reshape(N * T, D)
            product(xs, Wx, out)
            for _ in range(T):
                product(h, Wh, small)
            for _ in range(T):
                product(step, Wh.T, back)
            product(xs.T, da, dWx)
            product(before.T, da, dWh)
            product(da, Wx.T, dxs)

        def check():
            harness.assert_close(dxs, da @ Wx.T, "dxs", rtol=1e-3, atol=1e-3)

        return Task(run, check)

    def verify(self):
        for build in (self.reference, self.ours):
            task = build()
            task.prepare(0)
            task.run(0)
            task.check()


class Bidirectional(Workload):
    """Two LSTMs, one of which reads the sequences from their ends."""

    def __init__(self, N, T, D, H):
        super().__init__("LSTM", N, T, D, H)
        self.name = "BiLSTM"

    @property
    def macs(self):
        return 2 * super().macs

    def widths(self):
        return self.D, 2 * self.H

    def weights(self):
        return super().weights() * 2

    def torch(self):
        return super().torch(kind="LSTM", bidirectional=True)


class Generation:
    """Single steps with N = T = 1 and no gradient; the state is carried over."""

    def __init__(self, H):
        self.workload = Workload("LSTM", 1, 1, H, H)

    def task(self, layers):
        layer = layers.TimeLSTM(*self.workload.weights(), stateful=True)
        steps = [xs for xs, _ in self.workload.inputs]
        seen = []

        def run(i):
            seen.append(i % harness.RING)
            layer.forward(steps[seen[-1]], train=False)

        def check():
            expected = oracle.TimeLSTM(*layer.params, stateful=True)
            for i in seen[-50:]:  # earlier inputs have faded
                expected.forward(steps[i], train=False)
            harness.assert_close(layer.h, expected.h, "h", rtol=1e-3, atol=1e-4)

        return Task(run, check)

    def reference(self):
        return self.task(oracle)

    def ours(self):
        return self.task(time_layers)

    def torch(self):
        import torch

        H = self.workload.H
        module = torch.nn.LSTM(H, H, batch_first=True)
        steps = [torch.from_numpy(xs) for xs, _ in self.workload.inputs]
        state = [None]

        def run(i):
            with torch.no_grad():
                _, state[0] = module(steps[i % harness.RING], state[0])

        def check():
            assert all(part.isfinite().all() for part in state[0])

        return Task(run, check)

    def verify(self):
        task = self.ours()
        for i in range(60):
            task.run(i)
        task.check()


def generation_row(H, book, goal_rival):
    workload = Generation(H)
    return Row(
        f"lstm_generation_{H}",
        f"LSTM forward without gradient, one step at a time, N=1 D=H={H}",
        workload.ours,
        workload.verify,
        workload.reference,
        {"torch, LSTM": workload.torch},
        book=book,
        goal_rival=goal_rival,
    )


def bidirectional_row(N, T, D, H):
    return row("LSTM bidirectional", N, T, D, H, goal_rival=1, workload=Bidirectional(N, T, D, H))


def row(cell, N, T, D, H, book=None, goal_rival=None, goal_share=None, workload=None):
    workload = workload or Workload(cell, N, T, D, H)
    return Row(
        f"{cell.lower().replace(' ', '_')}_{N}_{T}_{D}_{H}",
        f"{cell} forward and backward, N={N} T={T} D={D} H={H}",
        workload.ours,
        workload.verify,
        workload.reference,
        {f"torch, {workload.name}": workload.torch},
        macs=workload.macs,
        book=book,
        goal_rival=goal_rival,
        goal_share=goal_share,
    )
