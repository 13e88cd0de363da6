"""Losses with their gradients: forward and backward of the layer."""

import harness
from fastw2v import layers
from fastw2v.reference import layers as oracle
from harness import Row, Task


class Loss:
    """One layer; scores and targets move through a ring."""

    def __init__(self, name, draw):
        self.name, self.draw = name, draw
        self._inputs = None

    @property
    def inputs(self):
        if self._inputs is None:
            self._inputs = harness.ring(self.draw)
        return self._inputs

    def task(self, module):
        layer = getattr(module, self.name)()
        return self.checked(lambda x, t: (layer.forward(x, t), layer.backward()), self.inputs)

    def checked(self, loss_and_gradient, inputs, rtol=1e-4):
        last = [None, None]

        def run(i):
            last[:] = i % harness.RING, loss_and_gradient(*inputs[i % harness.RING])

        def check():
            i, (loss, dx) = last
            x, t = self.inputs[i]
            twin = getattr(oracle, self.name)()
            harness.assert_close(loss, twin.forward(x.astype("d"), t), "loss", rtol)
            harness.assert_close(dx, twin.backward(), "dx", rtol=1e-4, atol=1e-8)

        return Task(run, check)

    def reference(self):
        return self.task(oracle)

    def ours(self):
        return self.task(layers)

    def torch(self):
        import torch

        functional = torch.nn.functional
        if self.name == "SoftmaxWithLoss":
            loss_of = functional.cross_entropy
        else:
            loss_of = functional.binary_cross_entropy_with_logits

        def loss_and_gradient(x, t):
            x.grad = None
            loss = loss_of(x, t)
            loss.backward()
            return loss.detach(), x.grad

        inputs = []
        for x, t in self.inputs:
            t = torch.from_numpy(t)
            t = t if self.name == "SoftmaxWithLoss" else t.float()
            inputs.append((torch.from_numpy(x.copy()).requires_grad_(), t))
        # Torch has no 1e-7 inside its logarithm.
        return self.checked(loss_and_gradient, inputs, rtol=1e-2)

    def verify(self):
        for build in (self.reference, self.ours):
            task = build()
            task.run(0)
            task.check()


def scores_and_words(generator):
    # Scores are spread as in a trained model, where the 1e-7 inside the logarithm hardly matters.
    return harness.floats(generator, (700, 10_000)), harness.zipf_ids(generator, 10_000, 700)


def scores_and_labels(generator):
    return harness.floats(generator, 100_000), generator.integers(0, 2, 100_000)


def row(key, name, work, draw):
    workload = Loss(name, draw)
    return Row(
        key,
        work,
        workload.ours,
        workload.verify,
        workload.reference,
        {"torch, its loss and autograd": workload.torch},
    )


ROWS = [
    row(
        "softmax_loss",
        "SoftmaxWithLoss",
        "SoftmaxWithLoss forward and backward, 700 x 10,000, Zipf targets",
        scores_and_words,
    ),
    row(
        "sigmoid_loss",
        "SigmoidWithLoss",
        "SigmoidWithLoss forward and backward, 100,000 scores",
        scores_and_labels,
    ),
]


@harness.each_contender(ROWS)
def test_loss(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
