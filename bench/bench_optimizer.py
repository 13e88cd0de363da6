"""Update rules over one dense array, and the clipping of its gradient."""

import numpy as np

import harness
from fastw2v import optimizer
from fastw2v.reference import optimizer as oracle
from fastw2v.reference import util as oracle_util
from fastw2v.util import clip_grads
from harness import Row, Task

SHAPE = (20_000, 100)
GRADS = harness.ring(lambda generator: harness.floats(generator, SHAPE))


def weights():
    return harness.floats(harness.rng(4), SHAPE)


class Rule:
    """The rule `name` with its default arguments, one update per call."""

    def __init__(self, name):
        self.name = name

    def task(self, optimizer):
        w, steps = weights(), [0]

        def run(i):
            optimizer.update([w], [GRADS[i % harness.RING]])
            steps[0] += 1

        def check():
            self.check_next(w, run, steps, lambda state: getattr(optimizer, state)[0])

        return Task(run, check)

    def check_next(self, w, run, steps, state_of):
        """Compare one more update after the timed ones with the oracle's."""
        expected, twin = w.copy(), getattr(oracle, self.name)()
        if "iter" in vars(twin):
            twin.iter = steps[0]
        for state in {"m", "v", "h"} & vars(twin).keys():
            setattr(twin, state, [np.array(state_of(state))])
        before = w.copy()
        run(1)
        twin.update([expected], [GRADS[1]])
        assert not np.array_equal(before, w), "the weights did not move"
        harness.assert_close(w, expected, "weights", rtol=1e-5, atol=1e-6)

    def reference(self):
        return self.task(getattr(oracle, self.name)())

    def ours(self):
        return self.task(getattr(optimizer, self.name)())

    def torch_task(self, make):
        import torch

        w = torch.nn.Parameter(torch.from_numpy(weights()))
        grads = [torch.from_numpy(grad) for grad in GRADS]
        rule, steps = make([w]), [0]

        def run(i):
            w.grad = grads[i % harness.RING]
            rule.step()
            steps[0] += 1

        def check():
            names = {"m": "exp_avg", "v": "exp_avg_sq", "h": "sum"}
            state = rule.state[w]
            if self.name == "SGD":
                names = {}
            self.check_next(w.detach().numpy(), run, steps, lambda s: state[names[s]].numpy())

        return Task(run, check)

    def torch_adam(self):
        import torch

        return self.torch_task(lambda w: torch.optim.Adam(w, lr=0.001, eps=1e-7, fused=True))

    def torch_sgd(self):
        import torch

        return self.torch_task(lambda w: torch.optim.SGD(w, lr=0.01, fused=True))

    def torch_adagrad(self):
        import torch

        return self.torch_task(lambda w: torch.optim.Adagrad(w, lr=0.01, eps=1e-7, fused=True))

    def verify(self):
        for rule in (getattr(oracle, self.name)(), getattr(optimizer, self.name)()):
            task = self.task(rule)
            for i in range(3):
                task.run(i)
            task.check()


class Clip:
    """Clipping to a norm that shrinks a little in each call, so that each call scales."""

    def task(self, clip_grads):
        grad = GRADS[0].copy()
        bounds = [float(np.linalg.norm(grad))]

        def run(i):
            bounds[0] *= 0.9999
            clip_grads([grad], bounds[0])

        def check():
            norm = np.linalg.norm(grad.astype(np.float64))
            harness.assert_close(norm, bounds[0], "norm", rtol=1e-5)

        return Task(run, check)

    def reference(self):
        return self.task(oracle_util.clip_grads)

    def ours(self):
        return self.task(clip_grads)

    def torch(self):
        import torch

        grad = torch.nn.Parameter(torch.zeros(SHAPE))
        grad.grad = torch.from_numpy(GRADS[0].copy())
        bounds = [float(np.linalg.norm(GRADS[0]))]

        def run(i):
            bounds[0] *= 0.9999
            torch.nn.utils.clip_grad_norm_([grad], bounds[0])

        def check():
            harness.assert_close(grad.grad.double().norm(), bounds[0], "norm", rtol=1e-4)

        return Task(run, check)

    def verify(self):
        for clip in (oracle_util.clip_grads, clip_grads):
            grad = GRADS[1].copy()
            clip([grad], 1.0)
            expected = GRADS[1] / np.linalg.norm(GRADS[1].astype(np.float64))
            harness.assert_close(grad, expected, "clipped", rtol=1e-4)


def rows():
    found = []
    goals = {key: {"goal_rival": 1} for key in ("adam", "sgd", "adagrad")}
    for name in ("Adam", "SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop"):
        rule, key = Rule(name), name.lower()
        build = getattr(rule, f"torch_{key}", None)
        found.append(
            Row(
                f"optimizer_{key}",
                f"dense {name}, 2,000,000 weights",
                rule.ours,
                rule.verify,
                rule.reference,
                {f"torch, fused {name}": build} if build else {},
                **goals.get(key, {}),
            )
        )
    clip = Clip()
    found.append(
        Row(
            "clip_grads",
            "clip_grads, 2,000,000 numbers, all scaled",
            clip.ours,
            clip.verify,
            clip.reference,
            {"torch, clip_grad_norm_": clip.torch},
            goal_rival=1,
        )
    )
    return found


ROWS = rows()


@harness.each_contender(ROWS)
def test_optimizer(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
