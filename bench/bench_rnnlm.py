"""Training steps of the language models of chapter 6: the time that a reader waits.

A call is a `fit` of RnnlmTrainer over a few batches: reading of the text, forward, backward,
merging of shared weights, clipping, SGD. Dropout is off where numbers are compared, because
the masks differ.
"""

import numpy as np

import harness
from fastw2v import models, optimizer, trainer
from fastw2v.reference import better_rnnlm as oracle_better
from fastw2v.reference import optimizer as oracle_optimizer
from fastw2v.reference import rnnlm as oracle_rnnlm
from fastw2v.reference import trainer as oracle_trainer
from harness import Row, Task

N, T, V = 20, 35, 10_000
LR, CLIP = 20.0, 0.25
N_WEIGHTS = 1000  # compared in each array


class Workload:
    """Steps of one model; `make_torch(torch)` builds the rival's network."""

    def __init__(self, make_oracle, make_ours, make_torch, n_steps, macs):
        self.macs = macs
        self.make_oracle, self.make_ours, self.make_torch = make_oracle, make_ours, make_torch
        self.n_steps = n_steps
        self._texts = None

    @property
    def texts(self):
        """Return a ring of texts for n_steps batches, and the ids that follow."""
        if self._texts is None:

            def draw(generator):
                ids = harness.zipf_ids(generator, V, N * T * self.n_steps + 1)
                return ids[:-1], ids[1:]

            self._texts = harness.ring(draw, harness.rng(51))
        return self._texts

    def task(self, make_model, make_optimizer, make_trainer):
        np.random.seed(52)
        model = make_model()
        fit = make_trainer(model, make_optimizer(LR)).fit
        start = [param.ravel()[:N_WEIGHTS].copy() for param in model.params]

        def run(i):
            xs, ts = self.texts[i % harness.RING]
            fit(xs, ts, max_epoch=1, batch_size=N, time_size=T, max_grad=CLIP, eval_interval=None)

        def check():
            loss = model.forward(*(ids[: N * T].reshape(N, T) for ids in self.texts[0]))
            assert_learned(loss)
            for param, old in zip(model.params, start, strict=True):
                new = param.ravel()[:N_WEIGHTS]
                assert np.isfinite(new).all() and not np.array_equal(new, old)

        return Task(run, check, steps=self.n_steps)

    def reference(self):
        return self.task(self.make_oracle, oracle_optimizer.SGD, oracle_trainer.RnnlmTrainer)

    def ours(self):
        return self.task(self.make_ours, optimizer.SGD, trainer.RnnlmTrainer)

    def torch_dense(self):
        return self.torch_task(fused=True)

    def torch_foreach(self):
        return self.torch_task(fused=False)

    def torch_task(self, fused):
        import torch

        torch.manual_seed(53)
        net = self.make_torch(torch)
        kind = {"fused": True} if fused else {"foreach": True}
        sgd = torch.optim.SGD(net.parameters(), lr=LR, **kind)
        cross_entropy = torch.nn.functional.cross_entropy
        state = [None]
        first = next(net.parameters()).detach().clone()

        def loss_of(xs, ts):
            scores, (h, c) = net(xs, state[0])
            state[0] = h.detach(), c.detach()
            return cross_entropy(scores.reshape(N * T, V), ts.reshape(-1))

        def run(i):
            xs, ts = (
                torch.from_numpy(ids).view(N, self.n_steps, T)
                for ids in self.texts[i % harness.RING]
            )
            for k in range(self.n_steps):
                sgd.zero_grad()
                loss_of(xs[:, k], ts[:, k]).backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
                sgd.step()

        def check():
            xs, ts = (torch.from_numpy(ids[: N * T]).view(N, T) for ids in self.texts[0])
            with torch.no_grad():
                assert_learned(loss_of(xs, ts).item())
            assert not torch.equal(first, next(net.parameters()))

        return Task(run, check, steps=self.n_steps)

    def verify(self):
        """Check that perplexities, gradients and the weights after two steps equal the oracle's."""
        found = []
        for make_model, make_optimizer, make_trainer in (
            (self.make_oracle, oracle_optimizer.SGD, oracle_trainer.RnnlmTrainer),
            (self.make_ours, optimizer.SGD, trainer.RnnlmTrainer),
        ):
            np.random.seed(52)
            model = make_model()
            for layer in getattr(model, "drop_layers", ()):
                layer.dropout_ratio = 0.0
            fit = make_trainer(model, make_optimizer(1.0))
            ids = harness.zipf_ids(harness.rng(54), V, 2 * N * T + 1)
            fit.fit(ids[:-1], ids[1:], 1, N, T, CLIP, eval_interval=None)
            loss = model.forward(ids[: N * T].reshape(N, T), ids[1 : N * T + 1].reshape(N, T))
            model.backward()
            found.append((loss, model.params, model.grads))
        (loss, params, grads), (our_loss, our_params, our_grads) = found
        harness.assert_close(our_loss, loss, "loss", rtol=1e-5)
        for k in range(len(params)):
            harness.assert_close(our_params[k], params[k], f"params[{k}]", rtol=1e-4, atol=1e-5)
            scale = np.abs(grads[k]).max()
            harness.assert_close(our_grads[k] / scale, grads[k] / scale, f"grads[{k}]", 1e-3, 1e-4)


def assert_learned(loss):
    # Predicting by Zipf's law alone gives a loss of 7.2. A step at this rate is coarse.
    assert np.isfinite(loss) and loss < np.log(V), f"the loss is {loss}"


def torch_rnnlm(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(V, 100)
            self.lstm = torch.nn.LSTM(100, 100, batch_first=True)
            self.affine = torch.nn.Linear(100, V)

        def forward(self, xs, state):
            hs, state = self.lstm(self.embed(xs), state)
            return self.affine(hs), state

    return Net()


def torch_better(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(V, 650)
            self.lstm = torch.nn.LSTM(650, 650, num_layers=2, dropout=0.5, batch_first=True)
            self.affine = torch.nn.Linear(650, V)
            self.affine.weight = self.embed.weight
            torch.nn.init.normal_(self.embed.weight, std=0.01)
            self.dropout = torch.nn.Dropout(0.5)

        def forward(self, xs, state):
            hs, state = self.lstm(self.dropout(self.embed(xs)), state)
            return self.affine(self.dropout(hs)), state

    return Net()


def row(key, work, workload, **columns):
    return Row(
        key,
        f"{work} step, N={N} T={T} V={V:,}, SGD, clip",
        workload.ours,
        workload.verify,
        workload.reference,
        {
            "torch, fused SGD": workload.torch_dense,
            "torch, foreach SGD": workload.torch_foreach,
        },
        macs=workload.macs,
        **columns,
    )


def macs(H, n_layers):
    """Return the multiply-adds of the products of a step, forward and backward."""
    return 3 * N * T * (n_layers * 2 * H * 4 * H + H * V)


RNNLM = Workload(oracle_rnnlm.Rnnlm, models.Rnnlm, torch_rnnlm, 4, macs(100, 1))
BETTER = Workload(oracle_better.BetterRnnlm, models.BetterRnnlm, torch_better, 1, macs(650, 2))
ROWS = [
    row("rnnlm_step", "Rnnlm D=H=100", RNNLM, book=55, goal_book=4, goal_rival=2),
    row(
        "better_rnnlm_step",
        "BetterRnnlm D=H=650, dropout, tied weights",
        BETTER,
        book=690,
        goal_book=3.5,
        goal_rival=1.5,
    ),
]


@harness.each_contender(ROWS)
def test_rnnlm_step(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
