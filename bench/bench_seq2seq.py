"""Training steps and greedy decoding of the models of chapters 7 and 8.

A step is one batch of a `fit`: gathering of the batch, forward, backward, merging of shared
weights, clipping, Adam. Greedy decoding is timed per question; the book's loop answers them one
by one.
"""

import functools
import types
from pathlib import Path

import numpy as np

import harness
from fastw2v import models, optimizer, time_layers, trainer
from fastw2v.datasets import sequence
from fastw2v.reference import attention_seq2seq as oracle_attention
from fastw2v.reference import optimizer as oracle_optimizer
from fastw2v.reference import seq2seq as oracle_seq2seq
from fastw2v.reference import time_layers as oracle_layers
from fastw2v.reference import trainer as oracle_trainer
from harness import Row, Task

N, D, CLIP = 128, 16, 5.0
N_STEPS = 8
N_QUESTIONS = 5000
N_ONE_BY_ONE = 50  # answered in a call of the book's loop


@functools.cache
def pairs(kind):
    return sequence.encode_pairs(kind())


class Workload:
    """A model of H hidden units on pairs of one kind; `make_torch` builds the rival's."""

    def __init__(self, kind, H, make_oracle, make_ours, make_torch):
        self.kind, self.H = kind, H
        self.make_oracle, self.make_ours, self.make_torch = make_oracle, make_ours, make_torch

    @property
    def data(self):
        return pairs(self.kind)

    @property
    def V(self):
        return len(self.data.char_to_id)

    def batches(self, i):
        rows = slice((i % harness.RING) * N * N_STEPS, (i % harness.RING + 1) * N * N_STEPS)
        return self.data.x_train[rows], self.data.t_train[rows]

    def model(self, make):
        sizes = self.V, D, self.H
        np.random.seed(61)  # generating the pairs seeds it too
        return make(*sizes)

    def task(self, make_model, make_optimizer, make_trainer):
        model = self.model(make_model)
        fit = make_trainer(model, make_optimizer()).fit
        start = [param.copy() for param in model.params]

        def run(i):
            fit(*self.batches(i), 1, N, CLIP, eval_interval=None)

        def check():
            assert_learned(model.forward(*self.batches(0)), self.V)
            for param, old in zip(model.params, start, strict=True):
                assert np.isfinite(param).all() and not np.array_equal(param, old)

        return Task(run, check, steps=N_STEPS)

    def reference(self):
        return self.task(self.make_oracle, oracle_optimizer.Adam, oracle_trainer.Trainer)

    def ours(self):
        return self.task(self.make_ours, optimizer.Adam, trainer.Trainer)

    def torch(self):
        import torch

        torch.manual_seed(62)
        net = self.make_torch(torch, self.V, self.H)
        adam = torch.optim.Adam(net.parameters(), eps=1e-7, fused=True)
        cross_entropy = torch.nn.functional.cross_entropy

        def loss_of(xs, ts):
            scores = net(xs, ts[:, :-1])
            return cross_entropy(scores.reshape(-1, self.V), ts[:, 1:].reshape(-1))

        def run(i):
            xs, ts = map(torch.from_numpy, self.batches(i))
            order = torch.randperm(len(xs))
            for k in range(N_STEPS):
                rows = order[k * N : (k + 1) * N]
                adam.zero_grad()
                loss_of(xs[rows], ts[rows]).backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
                adam.step()

        def check():
            with torch.no_grad():
                loss = loss_of(*map(torch.from_numpy, self.batches(0))).item()
            assert_learned(loss, self.V)

        return Task(run, check, steps=N_STEPS)

    def verify(self):
        """Check that losses, gradients and the weights after three steps equal the oracle's."""
        found = []
        for make_model, make_optimizer, make_trainer in (
            (self.make_oracle, oracle_optimizer.Adam, oracle_trainer.Trainer),
            (self.make_ours, optimizer.Adam, trainer.Trainer),
        ):
            model = self.model(make_model)
            xs, ts = self.batches(0)
            loss = model.forward(xs[:N], ts[:N])
            model.backward()
            grads = [np.array(grad) for grad in model.grads]
            np.random.seed(63)
            fit = make_trainer(model, make_optimizer()).fit
            fit(xs[: 3 * N], ts[: 3 * N], 1, N, CLIP, eval_interval=None)
            found.append((loss, grads, model.params))
        (loss, grads, params), (our_loss, our_grads, our_params) = found
        harness.assert_close(our_loss, loss, "loss", rtol=1e-5)
        for k in range(len(params)):
            scale = np.abs(grads[k]).max()
            harness.assert_close(our_grads[k] / scale, grads[k] / scale, f"grads[{k}]", 1e-3, 1e-4)
            # Adam divides small gradients by their own size, so rounding shows in the weights.
            harness.assert_close(our_params[k], params[k], f"params[{k}]", rtol=1e-3, atol=3e-4)

    # Answers --------------------------------------------------------------------------------

    def questions(self):
        return self.data.x_train[:N_QUESTIONS], int(self.data.t_train[0, 0])

    def one_by_one(self, make=None):
        model = self.model(make or self.make_oracle)
        xs, start = self.questions()
        n_ids = self.data.t_train.shape[1] - 1

        def run(i):
            for k in range(i * N_ONE_BY_ONE, (i + 1) * N_ONE_BY_ONE):
                k %= len(xs)
                model.generate(xs[k : k + 1], start, n_ids)

        return Task(run, lambda: None, steps=N_ONE_BY_ONE)

    def own_one_by_one(self):
        """Prepare the answers of a model file that a reader has written, on our layers."""
        return self.one_by_one(reader_s_own().Seq2seq)

    def together(self):
        model = self.model(self.make_ours)
        xs, start = self.questions()
        n_ids = self.data.t_train.shape[1] - 1
        return Task(
            lambda i: model.generate_batch(np.roll(xs, i, axis=0), start, n_ids),
            lambda: None,
            steps=N_QUESTIONS,
        )

    def torch_together(self):
        import torch

        net = self.make_torch(torch, self.V, self.H)
        xs, start = self.questions()
        xs = torch.from_numpy(xs)
        n_ids = self.data.t_train.shape[1] - 1

        def run(i):
            with torch.inference_mode():
                for rows in torch.roll(xs, i, 0).split(1000):
                    _, (h, c) = net.encoder(net.embed(rows))
                    state = h, torch.zeros_like(c)
                    ids = torch.full((len(rows), 1), start)
                    for _ in range(n_ids):
                        hs, state = net.decoder(net.embed_answer(ids), state)
                        ids = net.affine(hs).argmax(2)

        return Task(run, lambda: None, steps=N_QUESTIONS)

    def verify_own_answers(self):
        oracle, own = self.model(self.make_oracle), self.model(reader_s_own().Seq2seq)
        xs, start = self.questions()
        for k in range(20):
            asked = xs[k : k + 1], start, self.data.t_train.shape[1] - 1
            assert oracle.generate(*asked) == own.generate(*asked)

    def verify_answers(self):
        oracle, ours = self.model(self.make_oracle), self.model(self.make_ours)
        for param, mine in zip(oracle.params, ours.params, strict=True):
            param *= 3  # makes the answers differ from each other
            mine *= 3
        xs, start = self.questions()
        xs = xs[:100]
        n_ids = self.data.t_train.shape[1] - 1
        expected = [oracle.generate(xs[k : k + 1], start, n_ids) for k in range(len(xs))]
        assert np.array_equal(ours.generate_batch(xs, start, n_ids), expected)
        assert len(set(map(tuple, expected))) > 5


def reader_s_own():
    """Return the reference's model file as a reader of the book has it, its layers ours."""
    text = Path(oracle_seq2seq.__file__).read_text(encoding="utf-8")
    module = types.ModuleType("own_seq2seq")
    exec(text.replace("from .time_layers", "from fastw2v.time_layers"), module.__dict__)
    return module


def assert_learned(loss, V):
    assert np.isfinite(loss) and loss < np.log(V) - 0.3, f"the loss is {loss}"


def torch_seq2seq(torch, V, H):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.embed_answer = torch.nn.Embedding(V, D), torch.nn.Embedding(V, D)
            self.encoder = torch.nn.LSTM(D, H, batch_first=True)
            self.decoder = torch.nn.LSTM(D, H, batch_first=True)
            self.affine = torch.nn.Linear(H, V)

        def forward(self, xs, ts):
            _, (h, c) = self.encoder(self.embed(xs))
            hs, _ = self.decoder(self.embed_answer(ts), (h, torch.zeros_like(c)))
            return self.affine(hs)

    return Net()


def torch_attention(torch, V, H):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.embed_answer = torch.nn.Embedding(V, D), torch.nn.Embedding(V, D)
            self.encoder = torch.nn.LSTM(D, H, batch_first=True)
            self.decoder = torch.nn.LSTM(D, H, batch_first=True)
            self.affine = torch.nn.Linear(2 * H, V)

        def forward(self, xs, ts):
            enc_hs, (h, c) = self.encoder(self.embed(xs))
            dec_hs, _ = self.decoder(self.embed_answer(ts), (h, torch.zeros_like(c)))
            weights = torch.softmax(torch.bmm(dec_hs, enc_hs.transpose(1, 2)), dim=2)
            return self.affine(torch.cat((torch.bmm(weights, enc_hs), dec_hs), dim=2))

    return Net()


def with_gru(make_model, layers):
    """Return a function that makes a Seq2seq of GRUs, as a reader would from the book's classes."""

    def make(V, D, H):
        model = make_model(V, D, H)
        for part, stateful in ((model.encoder, False), (model.decoder, True)):
            Wx, Wh = ((np.random.randn(n, 3 * H) / np.sqrt(n)).astype("f") for n in (D, H))
            part.lstm = layers.TimeGRU(Wx, Wh, np.zeros(3 * H, "f"), stateful=stateful)
            of_part = part.embed, part.lstm, *([part.affine] if stateful else [])
            part.params = [param for layer in of_part for param in layer.params]
            part.grads = [grad for layer in of_part for grad in layer.grads]
        model.params = model.encoder.params + model.decoder.params
        model.grads = model.encoder.grads + model.decoder.grads
        return model

    return make


def torch_gru(torch, V, H):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.embed_answer = torch.nn.Embedding(V, D), torch.nn.Embedding(V, D)
            self.encoder = torch.nn.GRU(D, H, batch_first=True)
            self.decoder = torch.nn.GRU(D, H, batch_first=True)
            self.affine = torch.nn.Linear(H, V)

        def forward(self, xs, ts):
            _, h = self.encoder(self.embed(xs))
            hs, _ = self.decoder(self.embed_answer(ts), h)
            return self.affine(hs)

    return Net()


ADDITION = Workload(
    sequence.addition_pairs, 128, oracle_seq2seq.Seq2seq, models.Seq2seq, torch_seq2seq
)
DATES = Workload(
    sequence.date_pairs,
    256,
    oracle_attention.AttentionSeq2seq,
    models.AttentionSeq2seq,
    torch_attention,
)
ADDITION_GRU = Workload(
    sequence.addition_pairs,
    128,
    with_gru(oracle_seq2seq.Seq2seq, oracle_layers),
    with_gru(models.Seq2seq, time_layers),
    torch_gru,
)
ROWS = [
    Row(
        "seq2seq_step",
        f"Seq2seq addition step, N={N} D={D} H=128, Adam, clip",
        ADDITION.ours,
        ADDITION.verify,
        ADDITION.reference,
        {"torch": ADDITION.torch},
        book=7.8,
        goal_book=5,
        goal_rival=2,
    ),
    Row(
        "seq2seq_gru_step",
        f"Seq2seq of GRUs, addition step, N={N} D={D} H=128, Adam, clip",
        ADDITION_GRU.ours,
        ADDITION_GRU.verify,
        ADDITION_GRU.reference,
        {"torch": ADDITION_GRU.torch},
    ),
    Row(
        "attention_step",
        f"AttentionSeq2seq date step, N={N} D={D} H=256, Adam, clip",
        DATES.ours,
        DATES.verify,
        DATES.reference,
        {"torch": DATES.torch},
        book=87,
        goal_book=4,
        goal_rival=1.5,
    ),
    Row(
        "greedy_answers",
        f"Seq2seq, one of {N_QUESTIONS:,} addition questions answered, D={D} H=128",
        ADDITION.together,
        ADDITION.verify_answers,
        ADDITION.one_by_one,
        {"torch, 1000 together": ADDITION.torch_together},
        goal_book=50,
    ),
    Row(
        "own_answers",
        f"a reader's own Seq2seq, an addition question answered, D={D} H=128",
        ADDITION.own_one_by_one,
        ADDITION.verify_own_answers,
        ADDITION.one_by_one,
        goal_book=4,
    ),
]


@harness.each_contender(ROWS)
def test_seq2seq(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
