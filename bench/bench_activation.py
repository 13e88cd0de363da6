"""Softmax, sigmoid and relu over arrays of the sizes of a language model's scores."""

import harness
from fastw2v import functions
from fastw2v.reference import functions as oracle
from harness import Row, Task


class Function:
    """The function `name` of x, which moves through a ring of inputs."""

    def __init__(self, name, shape):
        self.name, self.shape = name, shape
        self._inputs = None

    @property
    def inputs(self):
        if self._inputs is None:
            self._inputs = harness.ring(lambda generator: 4 * harness.floats(generator, self.shape))
        return self._inputs

    def task(self, function, inputs):
        last = [None, None]

        def run(i):
            last[:] = i % harness.RING, function(inputs[i % harness.RING])

        def check():
            i, out = last
            expected = getattr(oracle, self.name)(self.inputs[i].astype("d"))
            harness.assert_close(out, expected, self.name, rtol=1e-5, atol=1e-9)

        return Task(run, check)

    def reference(self):
        return self.task(getattr(oracle, self.name), self.inputs)

    def ours(self):
        return self.task(getattr(functions, self.name), self.inputs)

    def torch(self):
        import torch

        function = {
            "softmax": lambda x: torch.softmax(x, 1),
            "sigmoid": torch.sigmoid,
            "relu": torch.relu,
        }[self.name]
        return self.task(function, [torch.from_numpy(x) for x in self.inputs])

    def verify(self):
        for build in (self.reference, self.ours):
            task = build()
            task.run(0)
            task.check()


def row(name, shape):
    workload = Function(name, shape)
    size = " x ".join(f"{n:,}" for n in shape)
    return Row(
        name,
        f"{name} of {size} float32",
        workload.ours,
        workload.verify,
        workload.reference,
        {f"torch, {name}": workload.torch},
        goal_rival=1,
    )


ROWS = [
    row("softmax", (700, 10_000)),
    row("sigmoid", (1_000_000,)),
    row("relu", (1_000_000,)),
]


@harness.each_contender(ROWS)
def test_activation(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
