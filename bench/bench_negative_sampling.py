"""NegativeSamplingLoss: sampling, forward and backward."""

import numpy as np

import harness
from bench_sampler import corpus
from fastw2v.negative_sampling_layer import NegativeSamplingLoss
from fastw2v.reference import negative_sampling_layer as oracle
from harness import Row, Task

V, H, K, N = 10_000, 100, 5, 100


class Workload:
    def __init__(self):
        self.inputs = harness.ring(self.draw)

    @staticmethod
    def draw(generator):
        h = harness.floats(generator, (N, H))
        negative = harness.zipf_ids(generator, V, (N, K), power=0.75)
        return h, harness.zipf_ids(generator, V, N), negative

    @staticmethod
    def weights():
        return 0.01 * harness.floats(harness.rng(3), (V, H))

    @staticmethod
    def results(layer, h, target, negative):
        """Return loss, dh and the whole gradient of W for given negatives."""
        sampler = layer.sampler
        sampler.get_negative_sample = lambda target: negative
        loss = layer.forward(h, target)
        dh = layer.backward()
        del sampler.get_negative_sample
        return float(loss), dh, sum(np.asarray(grad) for grad in layer.grads)

    def check(self, layer, i):
        h, target, negative = self.inputs[i % harness.RING]
        twin = oracle.NegativeSamplingLoss(layer.params[0], corpus())
        pairs = zip(
            self.results(layer, h, target, negative),
            self.results(twin, h, target, negative),
            ("loss", "dh", "dW"),
            strict=True,
        )
        for actual, expected, what in pairs:
            harness.assert_close(actual, expected, what, rtol=1e-4, atol=1e-7)

    def task(self, NegativeSamplingLoss):
        layer = NegativeSamplingLoss(self.weights(), corpus())
        last = [0]

        def run(i):
            h, target, _ = self.inputs[i % harness.RING]
            layer.forward(h, target)
            layer.backward()
            last[0] = i

        return Task(run, lambda: self.check(layer, last[0]))

    def reference(self):
        return self.task(oracle.NegativeSamplingLoss)

    def ours(self):
        return self.task(NegativeSamplingLoss)

    def torch_task(self, sample):
        """Prepare torch. sample(i) returns ids (N, K). W has a dense gradient, as in the book."""
        import torch

        W = torch.from_numpy(self.weights()).requires_grad_()
        inputs = [
            (torch.from_numpy(h).requires_grad_(), torch.from_numpy(target[:, None]))
            for h, target, _ in self.inputs
        ]
        sign = torch.ones(K + 1)
        sign[1:] = -1
        last = [None, None, None]

        def step(h, ids):
            W.grad, h.grad = None, None
            rows = torch.nn.functional.embedding(ids, W)
            scores = torch.bmm(rows, h.unsqueeze(2)).squeeze(2)
            loss = -torch.nn.functional.logsigmoid(scores * sign).sum(1).mean()
            loss.backward()
            return loss

        def run(i):
            h, target = inputs[i % harness.RING]
            ids = torch.cat((target, sample(i)), 1)
            last[:] = i, ids, step(h, ids)

        def check():
            i, ids, loss = last
            h, target, _ = self.inputs[i % harness.RING]
            twin = oracle.NegativeSamplingLoss(W.detach().numpy(), corpus())
            expected = self.results(twin, h, target, ids.numpy()[:, 1:])
            actual = (loss.item(), inputs[i % harness.RING][0].grad, W.grad)
            for a, e, what in zip(actual, expected, ("loss", "dh", "dW"), strict=True):
                harness.assert_close(a, e, what, rtol=1e-3, atol=1e-5)

        return Task(run, check)

    def torch_drawn(self):
        import torch

        word_p = NegativeSamplingLoss(self.weights(), corpus()).sampler.word_p
        p = torch.from_numpy(word_p.astype(np.float32))
        return self.torch_task(lambda i: torch.multinomial(p, N * K, True).view(N, K))

    def torch_given(self):
        import torch

        negatives = [torch.from_numpy(negative) for _, _, negative in self.inputs]
        return self.torch_task(lambda i: negatives[i % harness.RING])

    def verify(self):
        for i in (0, 1):
            self.check(NegativeSamplingLoss(self.weights(), corpus()), i)


def rows():
    workload = Workload()
    return [
        Row(
            "negative_sampling",
            f"NegativeSamplingLoss forward and backward, V={V:,} H={H} batch {N} K={K}",
            workload.ours,
            workload.verify,
            workload.reference,
            {
                "torch, negatives by multinomial": workload.torch_drawn,
                "torch, negatives given": workload.torch_given,
            },
        )
    ]


ROWS = rows()


@harness.each_contender(ROWS)
def test_negative_sampling(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
