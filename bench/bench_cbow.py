"""Training steps of word2vec, sampling included: the time that a reader waits.

A call is a `fit` over a number of batches: permutation, gathering of the batch, forward, backward,
merging of shared weights, Adam over both tables. The reader's own CBOW is the class below.
"""

import numpy as np

import harness
from bench_sampler import OFF_COLUMN, corpus
from fastw2v import models, optimizer, trainer
from fastw2v.layers import Embedding
from fastw2v.negative_sampling_layer import NegativeSamplingLoss
from fastw2v.reference import cbow as oracle_cbow
from fastw2v.reference import layers as oracle_layers
from fastw2v.reference import negative_sampling_layer as oracle_loss
from fastw2v.reference import optimizer as oracle_optimizer
from fastw2v.reference import skip_gram as oracle_skip_gram
from fastw2v.reference import trainer as oracle_trainer
from harness import Row, Task

V, H, WINDOW, N, K = 10_000, 100, 5, 100, 5
C = 2 * WINDOW


class OwnCBOW:
    """The model that a reader writes after chapter 4: one Embedding per context word and the loss.

    The layers are arguments, so that the same class runs on the oracle's layers and on ours.
    """

    def __init__(self, Embedding, NegativeSamplingLoss):
        W_in = 0.01 * np.random.randn(V, H).astype("f")
        W_out = 0.01 * np.random.randn(V, H).astype("f")
        self.in_layers = []
        for _ in range(C):
            self.in_layers.append(Embedding(W_in))
        self.ns_loss = NegativeSamplingLoss(W_out, corpus(), power=0.75, sample_size=K)
        self.params, self.grads = [], []
        for layer in self.in_layers + [self.ns_loss]:
            self.params += layer.params
            self.grads += layer.grads
        self.word_vecs = W_in

    def forward(self, contexts, target):
        total = 0
        for column, layer in enumerate(self.in_layers):
            total += layer.forward(contexts[:, column])
        total *= 1 / len(self.in_layers)
        return self.ns_loss.forward(total, target)

    def backward(self, dout=1):
        share = self.ns_loss.backward(dout)
        share *= 1 / len(self.in_layers)
        for layer in self.in_layers:
            layer.backward(share)


class Steps:
    """`n_steps` batches in a call; `make_ids(generator, V, shape)` draws the words.

    The reference makes no more than 20, because each of them takes as long as the one before. Ours
    ends each fit with a pass over both tables, which belongs to the fit and not to its steps.
    """

    def __init__(self, make_oracle, make_ours, make_ids, n_steps):
        self.make_oracle, self.make_ours, self.make_ids = make_oracle, make_ours, make_ids
        self.n_steps = n_steps

    def text(self, n_steps):
        """Return a ring of contexts (n_steps N, C) and targets (n_steps N,)."""

        def draw(generator):
            shape = (n_steps * N, C)
            return self.make_ids(generator, V, shape), self.make_ids(generator, V, shape[0])

        return harness.ring(draw, harness.rng(5))

    def task(self, n_steps, make_model, make_optimizer, make_trainer):
        np.random.seed(6)
        model = make_model()
        fit = make_trainer(model, make_optimizer()).fit
        texts = self.text(n_steps)
        look = Look(lambda: loss_with_fixed_negatives(model, *texts[0]), model.params)

        def run(i):
            x, t = texts[i % harness.RING]
            fit(x, t, max_epoch=1, batch_size=N, eval_interval=None)

        return Task(run, look.check, steps=n_steps)

    def reference(self):
        n_steps = min(self.n_steps, 20 * N // self.n_labels)
        return self.task(n_steps, self.make_oracle, oracle_optimizer.Adam, oracle_trainer.Trainer)

    def ours(self):
        return self.task(self.n_steps, self.make_ours, optimizer.Adam, trainer.Trainer)

    def torch_task(self, make_loss, drawn):
        """Prepare the same loop in torch.

        make_loss(torch) returns a function contexts, target, negative -> loss, weights.
        drawn: torch.multinomial draws negatives in each step; otherwise they are drawn beforehand.
        """
        import torch

        np.random.seed(6)
        tables = [0.01 * harness.floats(harness.rng(7 + side), (V, H)) for side in (0, 1)]
        W_in, W_out = (torch.nn.Parameter(torch.from_numpy(table)) for table in tables)
        loss_of = make_loss(torch, W_in, W_out)
        adam = torch.optim.Adam([W_in, W_out], lr=0.001, eps=1e-7, fused=True)
        texts = [tuple(map(torch.from_numpy, pair)) for pair in self.text(self.n_steps)]
        probe = [part[:N] for part in texts[0]]
        n_labels = self.n_labels
        p = torch.arange(1, V + 1, dtype=torch.float32) ** -0.75
        pool = torch.multinomial(p, 64 * n_labels * K, replacement=True).view(64, n_labels, K)

        def negatives(step):
            if drawn:
                return torch.multinomial(p, n_labels * K, replacement=True).view(n_labels, K)
            return pool[step % 64]

        def run(i):
            x, t = texts[i % harness.RING]
            order = torch.randperm(len(x))
            for k in range(self.n_steps):
                batch = order[k * N : (k + 1) * N]
                adam.zero_grad()
                loss = loss_of(x[batch], t[batch], negatives(i + k))
                loss.backward()
                adam.step()

        look = Look(
            lambda: loss_of(*probe, pool[0]).item(), [W_in.detach().numpy(), W_out.detach().numpy()]
        )
        return Task(run, look.check, steps=self.n_steps)

    def verify(self):
        """Check that losses, gradients and the weights after two steps equal the oracle's."""
        pairs = []
        for make_model, make_optimizer, make_trainer in (
            (self.make_oracle, oracle_optimizer.Adam, oracle_trainer.Trainer),
            (self.make_ours, optimizer.Adam, trainer.Trainer),
        ):
            np.random.seed(6)
            model = make_model()
            fix_negatives(model)
            text, probe, *_ = self.text(2)
            loss = model.forward(*probe)
            model.backward()
            grads = sums_of_grads(model)
            np.random.seed(8)
            make_trainer(model, make_optimizer()).fit(
                *text, max_epoch=1, batch_size=N, eval_interval=None
            )
            pairs.append((loss, *grads, *tables_of(model)))
        names = ("loss", "dW_in", "dW_out", "W_in", "W_out")
        for expected, actual, what in zip(*pairs, names, strict=True):
            # Adam divides small gradients by their own size, so rounding shows in the weights.
            atol = 1e-5 if what.startswith("W") else 1e-7
            harness.assert_close(actual, expected, what, rtol=1e-4, atol=atol)


class Cbow(Steps):
    n_labels = N

    def __init__(self, make_ids):
        super().__init__(
            lambda: oracle_cbow.CBOW(V, H, WINDOW, corpus()),
            lambda: models.CBOW(V, H, WINDOW, corpus()),
            make_ids,
            n_steps=100,
        )

    def torch_bag_drawn(self):
        return self.torch_task(bag_loss, drawn=True)

    def torch_bag_given(self):
        return self.torch_task(bag_loss, drawn=False)

    def torch_gather_given(self):
        return self.torch_task(gather_loss, drawn=False)


class Own(Steps):
    n_labels = N

    def __init__(self):
        super().__init__(
            lambda: OwnCBOW(oracle_layers.Embedding, oracle_loss.NegativeSamplingLoss),
            lambda: OwnCBOW(Embedding, NegativeSamplingLoss),
            harness.zipf_ids,
            n_steps=20,
        )


class SkipGram(Steps):
    n_labels = N * C

    def __init__(self):
        super().__init__(
            lambda: oracle_skip_gram.SkipGram(V, H, WINDOW, corpus()),
            lambda: models.SkipGram(V, H, WINDOW, corpus()),
            harness.zipf_ids,
            n_steps=100,
        )

    def torch_drawn(self):
        return self.torch_task(skip_gram_loss, drawn=True)

    def torch_given(self):
        return self.torch_task(skip_gram_loss, drawn=False)


# The losses in torch: our formulas without the 1e-7 inside the logarithm.


def bag_loss(torch, W_in, W_out):
    functional, sign = torch.nn.functional, signs(torch)

    def loss(contexts, target, negative):
        h = functional.embedding_bag(contexts, W_in, mode="mean")
        rows = functional.embedding(torch.cat((target[:, None], negative), 1), W_out)
        scores = torch.bmm(rows, h.unsqueeze(2)).squeeze(2)
        return -functional.logsigmoid(scores * sign).sum(1).mean()

    return loss


def gather_loss(torch, W_in, W_out):
    functional, sign = torch.nn.functional, signs(torch)

    def loss(contexts, target, negative):
        h = functional.embedding(contexts, W_in).mean(1)
        rows = functional.embedding(torch.cat((target[:, None], negative), 1), W_out)
        scores = (rows * h.unsqueeze(1)).sum(2)
        return -functional.logsigmoid(scores * sign).sum(1).mean()

    return loss


def skip_gram_loss(torch, W_in, W_out):
    functional, sign = torch.nn.functional, signs(torch)

    def loss(contexts, target, negative):
        h = functional.embedding(target, W_in)
        ids = torch.cat((contexts.unsqueeze(2), negative.view(N, C, K)), 2)
        rows = functional.embedding(ids.view(N, -1), W_out)
        scores = torch.bmm(rows, h.unsqueeze(2)).view(N, C, K + 1)
        return -functional.logsigmoid(scores * sign).sum((1, 2)).mean()

    return loss


def signs(torch):
    sign = torch.ones(K + 1)
    sign[1:] = -1
    return sign


# Comparison of models.


class Look:
    """Losses on a text of the ring and a few weights, before and after the steps."""

    def __init__(self, loss, params):
        self.loss, self.params = loss, params
        self.first = loss(), [param[:100].copy() for param in params]

    def check(self):
        before, weights = self.first
        after = self.loss()
        assert np.isfinite(after) and after < before, f"the loss went from {before} to {after}"
        for param, old in zip(self.params, weights, strict=True):
            new = param[:100]
            assert np.isfinite(new).all() and not np.array_equal(new, old), "a table did not move"


def samplers_of(model):
    layers = [model.ns_loss] if hasattr(model, "ns_loss") else model.loss_layers
    return [layer.sampler for layer in layers]


def fix_negatives(model):
    """Make the negatives depend on the target alone."""
    for sampler in samplers_of(model):
        sampler.get_negative_sample = lambda target: (
            (np.asarray(target)[:, None] * 31 + 1009 * np.arange(1, K + 1)) % V
        )


def loss_with_fixed_negatives(model, contexts, target):
    fix_negatives(model)
    loss = float(model.forward(contexts, target))
    for sampler in samplers_of(model):
        del sampler.get_negative_sample
    return loss


def tables_of(model):
    return model.word_vecs, model.params[-1]


def sums_of_grads(model):
    """Return the gradients of the two tables, each the sum of several entries of `grads`."""
    return [
        sum(np.asarray(g) for w, g in zip(model.params, model.grads, strict=True) if w is table)
        for table in tables_of(model)
    ]


def rows():
    cbow, uniform, own, skip_gram = (
        Cbow(harness.zipf_ids),
        Cbow(harness.uniform_ids),
        Own(),
        SkipGram(),
    )
    sizes = f"V={V:,} H={H} w={WINDOW} batch {N} K={K}, Adam, with sampling"
    long = f"{sizes}, fits of 100 steps"

    def cbow_rivals(workload):
        return {
            "torch, embedding_bag, negatives by multinomial": workload.torch_bag_drawn,
            "torch, embedding_bag, negatives given": workload.torch_bag_given,
            "torch, gather and mean, negatives given": workload.torch_gather_given,
        }

    return [
        Row(
            "cbow_step",
            f"CBOW step, {long}",
            cbow.ours,
            cbow.verify,
            cbow.reference,
            cbow_rivals(cbow),
            book=40.5,
            goal_book=100,
            goal_rival=3.5,
        ),
        Row(
            "cbow_step_uniform",
            f"CBOW step, {long}, uniform ids",
            uniform.ours,
            uniform.verify,
            uniform.reference,
            cbow_rivals(uniform),
        ),
        Row(
            "skip_gram_step",
            f"SkipGram step, {long}",
            skip_gram.ours,
            skip_gram.verify,
            skip_gram.reference,
            {
                "torch, negatives by multinomial": skip_gram.torch_drawn,
                "torch, negatives given": skip_gram.torch_given,
            },
            book=134,
            goal_book=100,
            goal_rival=3,
            off_column="two thirds of it are ten times the reference's sampler, " + OFF_COLUMN,
        ),
        Row(
            "own_cbow_step",
            f"a reader's own CBOW (ten Embeddings) step, {sizes}",
            own.ours,
            own.verify,
            own.reference,
            book=40.5,
            goal_book=25,
        ),
    ]


ROWS = rows()


@harness.each_contender(ROWS)
def test_training_step(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
