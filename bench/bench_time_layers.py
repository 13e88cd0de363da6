"""Layers over all steps of a sequence, forward and backward, in the sizes of chapters 6 to 8."""

import numpy as np

import harness
from fastw2v import attention_layer, time_layers
from fastw2v.reference import attention_layer as attention_oracle
from fastw2v.reference import time_layers as oracle
from harness import Row, Task

INPUTS = 3  # large ones: the caches hold hardly a line of one when its turn comes again


class Pass:
    """Forward and backward of one layer. A subclass defines the inputs and the torch contender."""

    ours_in, oracle_in = time_layers, oracle
    rtol = 1e-3

    def __init__(self):
        self._inputs = None

    @property
    def inputs(self):
        """Return [(forward's arguments, backward's), ...]."""
        if self._inputs is None:
            self._inputs = harness.ring(self.draw, n=INPUTS)
        return self._inputs

    def run_with(self, forward_and_backward, check=None):
        last = [0, None]

        def run(i):
            last[:] = i % INPUTS, None  # frees the arrays of the last call
            last[1] = forward_and_backward(last[0])

        return Task(run, lambda: (check or self.check)(*last))

    def results_of(self, layer, i):
        """Return the results of forward and backward and the weights' gradients in one list."""
        inputs, dout = self.inputs[i]
        out, d = layer.forward(*inputs), layer.backward(dout)
        found = [d] if isinstance(d, np.ndarray) else list(d or ())
        return [out, *found, *layer.grads]

    def task(self, module):
        layer = self.layer(module)
        return self.run_with(lambda i: self.results_of(layer, i))

    def ours(self):
        return self.task(self.ours_in)

    def reference(self):
        return self.task(self.oracle_in)

    def torch(self):
        import torch

        given = [
            ([torch.from_numpy(np.array(a)) for a in inputs], self.tensor(torch, dout))
            for inputs, dout in self.inputs
        ]
        weights = [torch.from_numpy(w).requires_grad_() for w in self.weights()]

        def forward_and_backward(i):
            inputs, dout = given[i]
            wanted = [a.requires_grad_() for a in inputs if a.is_floating_point()] + weights
            for a in wanted:
                a.grad = None
            out = self.torch_forward(torch, *inputs, *weights)
            out.backward(dout)
            return [out.detach(), *(a.grad for a in wanted)]

        return self.run_with(forward_and_backward)

    def tensor(self, torch, dout):
        return torch.from_numpy(dout) if isinstance(dout, np.ndarray) else None

    def weights(self):
        return []

    def layer(self, module):
        return getattr(module, self.name)(*self.weights())

    def check(self, i, found):
        expected = self.results_of(self.layer(self.oracle_in), i)
        assert len(found) == len(expected)
        for k, (mine, right) in enumerate(zip(found, expected, strict=True)):
            atol = self.rtol * np.abs(right).max() / 10
            harness.assert_close(mine, right, f"{self.name}, result {k}", self.rtol, atol)

    def verify(self):
        for build in (self.reference, self.ours):
            task = build()
            task.run(0)
            task.check()


class SoftmaxLoss(Pass):
    """Logits (N, T, V), Zipf targets, one in ten ignored."""

    name = "TimeSoftmaxWithLoss"

    def __init__(self, N, T, V):
        super().__init__()
        self.N, self.T, self.V = N, T, V

    def draw(self, generator):
        ts = harness.zipf_ids(generator, self.V, (self.N, self.T))
        ts[generator.random(ts.shape) < 0.1] = -1
        return (harness.floats(generator, (self.N, self.T, self.V)), ts), 1

    def torch_forward(self, torch, xs, ts):
        return torch.nn.functional.cross_entropy(xs.view(-1, self.V), ts.view(-1), ignore_index=-1)


class Affine(Pass):
    """x (N, T, D) times a table (V, D), transposed as with tied weights."""

    name = "TimeAffine"

    def __init__(self, N, T, D, V):
        super().__init__()
        self.N, self.T, self.D, self.V = N, T, D, V

    def draw(self, generator):
        shapes = (self.N, self.T, self.D), (self.N, self.T, self.V)
        x, dout = (harness.floats(generator, shape) for shape in shapes)
        return (x,), dout

    def weights(self):
        generator = harness.rng()
        return [harness.floats(generator, (self.V, self.D)), harness.floats(generator, self.V)]

    def layer(self, module):
        table, b = self.weights()
        return module.TimeAffine(table.T, b)

    def torch_forward(self, torch, x, table, b):
        return torch.nn.functional.linear(x, table, b)

    def torch(self):
        task = super().torch()
        check = task.check

        def transposed():
            # The gradient of torch's weight is that of the table.
            try:
                self.turn = True
                check()
            finally:
                self.turn = False

        task.check = transposed
        return task

    turn = False

    def check(self, i, found):
        out, dx, dW, db = found
        super().check(i, [out, dx, dW.T if self.turn else dW, db])


class Embedding(Pass):
    """Zipf ids (N, T) of a table (V, D)."""

    name = "TimeEmbedding"

    def __init__(self, N, T, D, V):
        super().__init__()
        self.N, self.T, self.D, self.V = N, T, D, V

    def draw(self, generator):
        ids = harness.zipf_ids(generator, self.V, (self.N, self.T))
        return (ids,), harness.floats(generator, (self.N, self.T, self.D))

    def weights(self):
        return [harness.floats(harness.rng(), (self.V, self.D))]

    def torch_forward(self, torch, ids, table):
        return torch.nn.functional.embedding(ids, table)


class Dropout(Pass):
    """Dropout of half of (N, T, D)."""

    name = "TimeDropout"

    def __init__(self, N, T, D):
        super().__init__()
        self.shape = N, T, D

    def draw(self, generator):
        return (harness.floats(generator, self.shape),), harness.floats(generator, self.shape)

    def torch_forward(self, torch, xs):
        return torch.nn.functional.dropout(xs, 0.5)

    def check(self, i, found):
        (xs,), dout = self.inputs[i]
        out, dx = map(np.asarray, found)
        kept = out != 0
        # The share of a draw of n has a standard deviation of 1 / (2 sqrt(n)).
        assert abs(kept.mean() - 0.5) < 2.5 / np.sqrt(kept.size), "share of kept numbers"
        harness.assert_close(out, 2 * xs * kept, "out")
        harness.assert_close(dx, 2 * dout * kept, "dx")


class Attention(Pass):
    """Attention of N decoders with T_dec steps over T_enc states of width H."""

    name = "TimeAttention"
    ours_in, oracle_in = attention_layer, attention_oracle

    def __init__(self, N, T_enc, T_dec, H):
        super().__init__()
        self.N, self.T_enc, self.T_dec, self.H = N, T_enc, T_dec, H

    def draw(self, generator):
        enc, dec, dout = (
            # A spread that gives few large weights, as in trained attention.
            0.4 * harness.floats(generator, (self.N, T, self.H))
            for T in (self.T_enc, self.T_dec, self.T_dec)
        )
        return (enc, dec), dout

    def torch_forward(self, torch, enc, dec):
        return torch.softmax(dec @ enc.transpose(1, 2), dim=2) @ enc


def row(key, work, workload, rival="torch and autograd", **columns):
    return Row(
        key,
        f"{workload.name} forward and backward, {work}",
        workload.ours,
        workload.verify,
        workload.reference,
        {f"torch, {rival.removeprefix('torch and ')}": workload.torch},
        **columns,
    )


ROWS = [
    row("time_softmax_loss", "20 x 35 x 10,000", SoftmaxLoss(20, 35, 10_000)),
    row("time_softmax_loss_13", "128 x 5 x 13", SoftmaxLoss(128, 5, 13)),
    row("time_affine_100", "20 x 35 x 100 to 10,000", Affine(20, 35, 100, 10_000)),
    row("time_affine_650", "20 x 35 x 650 to 10,000", Affine(20, 35, 650, 10_000)),
    row("time_embedding", "20 x 35 Zipf ids, V=10,000 D=650", Embedding(20, 35, 650, 10_000)),
    row("time_dropout", "20 x 35 x 650", Dropout(20, 35, 650)),
    row("time_attention", "N=128 T=29, 11 H=256", Attention(128, 29, 11, 256)),
]


@harness.each_contender(ROWS)
def test_time_layers(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
