"""The training step of the skip-gram tutorial: embeddings, NCE with log-uniform candidates, SGD.

A call is a `fit_batches` over several prepared batches: sampling, forward, backward, merging of
shared weights, SGD over both tables and the biases.
"""

import math

import numpy as np

import harness
from bench_cbow import Look
from fastw2v import candidate_sampling, init, models, optimizer, trainer
from fastw2v.reference import candidate_sampling as oracle
from fastw2v.reference import layers as oracle_layers
from fastw2v.reference import optimizer as oracle_optimizer
from harness import Row, Task

V, D, N, K = 50_000, 128, 128, 64
LARGE = 1_000_000
RATE = 1.0
STEPS = 20


class Reference:
    """The tutorial's model on the oracle's layers."""

    def __init__(self, tables):
        E, W, b = tables
        self.embed = oracle_layers.Embedding(E)
        self.loss = oracle.NCELoss(W, b, num_sampled=K)
        self.params = self.embed.params + self.loss.params
        self.grads = self.embed.grads + self.loss.grads

    def forward(self, x, t, **values):
        return self.loss.forward(self.embed.forward(x), t, **values)

    def backward(self):
        self.embed.backward(self.loss.backward())


def tables(n_words):
    """Return the embeddings, weights and biases that the tutorial starts with."""
    return (
        init.uniform((n_words, D), rng=1),
        init.truncated_normal((n_words, D), 1 / math.sqrt(D), rng=2),
        np.zeros(n_words, np.float32),
    )


class Workload:
    def __init__(self, n_words):
        self.n_words = n_words

    def batches(self):
        """Return a ring of lists of batches: Zipf words with two neighbours each."""

        def draw(generator):
            centres = harness.zipf_ids(generator, self.n_words, (STEPS, N // 2))
            labels = harness.zipf_ids(generator, self.n_words, (STEPS, N, 1))
            return list(zip(np.repeat(centres, 2, axis=1), labels, strict=True))

        return harness.ring(draw, harness.rng(5))

    def candidates(self, x, t):
        sampler = candidate_sampling.LogUniformSampler(self.n_words, K, rng=harness.rng(9))
        return sampler.sample(t)

    def ours_model(self):
        model = models.NCESkipGram(self.n_words, D, K)
        for param, table in zip(model.params, tables(self.n_words), strict=True):
            param[...] = table
        return model

    def reference_model(self):
        return Reference(tables(self.n_words))

    def look(self, model, x, t):
        values = self.candidates(x, t)
        return Look(lambda: float(model.forward(x, t, sampled_values=values)), model.params)

    def ours(self):
        model = self.ours_model()
        batches = self.batches()
        fit = trainer.Trainer(model, optimizer.SGD(RATE)).fit_batches
        look = self.look(model, *batches[0][0])

        def run(i):
            fit(batches[i % harness.RING], STEPS, eval_interval=None)

        return Task(run, look.check, steps=STEPS)

    def reference(self):
        model = self.reference_model()
        batches = self.batches()
        sgd = oracle_optimizer.SGD(RATE)
        look = self.look(model, *batches[0][0])

        def run(i):
            x, t = batches[i % harness.RING][i % STEPS]
            model.forward(x, t)
            model.backward()
            sgd.update(model.params, model.grads)

        return Task(run, look.check)

    def torch_task(self, sparse, drawn):
        """sparse: gradients of the tables as lists of rows. drawn: candidates of every step by
        torch, with replacement, which costs less than distinct ones; else they lie ready."""
        import torch

        functional = torch.nn.functional
        E, W, b = (torch.from_numpy(table) for table in tables(self.n_words))
        params = E, W, b[:, None]  # rows of one number, so that they may be sparse too
        for param in params:
            param.requires_grad_()
        # The fused rule reads the gradients once; it does not take sparse ones.
        sgd = torch.optim.SGD(params, lr=RATE, fused=not sparse)
        batches = [
            [(torch.from_numpy(x), torch.from_numpy(t[:, 0])) for x, t in part]
            for part in self.batches()
        ]
        log_range = math.log1p(self.n_words)

        def draw():
            ids = (torch.rand(K) * log_range).exp().long() - 1
            return ids.clamp_(max=self.n_words - 1)

        pool = [draw() for _ in range(64)]

        def loss_of(x, t, sampled):
            h = functional.embedding(x, params[0], sparse=sparse)
            ids = torch.cat((t, sampled))
            rows = functional.embedding(ids, params[1], sparse=sparse)
            bias = functional.embedding(ids, params[2], sparse=sparse)[:, 0]
            expected = K * torch.log1p(1 / (ids + 1.0)) / log_range
            offset = bias - expected.log()
            right = (h * rows[:N]).sum(1) + offset[:N]
            others = torch.addmm(offset[N:], h, rows[N:].T)
            return (functional.softplus(-right) + functional.softplus(others).sum(1)).mean()

        def run(i):
            for k, (x, t) in enumerate(batches[i % harness.RING]):
                sgd.zero_grad()
                loss = loss_of(x, t, draw() if drawn else pool[(i + k) % 64])
                loss.backward()
                sgd.step()

        probe = batches[0][0]
        look = Look(
            lambda: loss_of(*probe, pool[0]).item(), [param.detach().numpy() for param in params]
        )
        return Task(run, look.check, steps=STEPS)

    def verify(self):
        """Check that loss, gradients and the weights after two steps equal the reference's."""
        pair = self.ours_model(), self.reference_model()
        steps = (optimizer.SGD(0.5), oracle_optimizer.SGD(0.5))
        for x, t in self.batches()[0][:2]:
            values = self.candidates(x, t)
            losses = [model.forward(x, t, sampled_values=values) for model in pair]
            harness.assert_close(*losses, "loss", rtol=1e-5)
            for model, step in zip(pair, steps, strict=True):
                model.backward()
                step.update(model.params, model.grads)
            for mine, other in zip(pair[0].grads, pair[1].grads, strict=True):
                harness.assert_close(mine, other, "gradients", rtol=1e-4, atol=1e-6)
        for mine, other in zip(pair[0].params, pair[1].params, strict=True):
            harness.assert_close(mine, other, "weights", rtol=1e-4, atol=1e-6)


def rows():
    tutorial, large = Workload(V), Workload(LARGE)
    step = f"NCE step of the tutorial, V={V:,} D={D} batch {N}, {K} candidates, SGD"
    dense = {
        "torch, dense gradients, candidates drawn": lambda: tutorial.torch_task(False, True),
        "torch, dense gradients, candidates given": lambda: tutorial.torch_task(False, False),
    }
    sparse = {
        "torch, sparse gradients, candidates drawn": lambda: tutorial.torch_task(True, True),
        "torch, sparse gradients, candidates given": lambda: tutorial.torch_task(True, False),
    }
    return [
        Row(
            "nce_step",
            step,
            tutorial.ours,
            tutorial.verify,
            tutorial.reference,
            dense,
            goal_rival=5,
        ),
        Row(
            "nce_sparse", f"{step}; torch with sparse gradients", tutorial.ours, bool, None, sparse
        ),
        Row("nce_large", f"the same step, V={LARGE:,}", large.ours, bool),
    ]


ROWS = rows()


@harness.each_contender(ROWS)
def test_nce(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
