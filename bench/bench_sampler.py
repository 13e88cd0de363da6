"""Negative samples in the book's distribution, and plain draws with replacement."""

import numpy as np

import harness
from fastw2v.negative_sampling_layer import UnigramSampler
from fastw2v.reference import negative_sampling_layer as oracle
from harness import Row, Task

V, K, N = 10_000, 5, 100
N_DRAWS = 1_000_000

OFF_COLUMN = (
    "nearly all of it is numpy.random.choice, once a row, whose two sums over the V probabilities "
    "are chains of dependent additions: this CPU's latency of an addition against the other's"
)


def corpus():
    """Return Zipf ids in which each word occurs at least once."""
    return np.concatenate((np.arange(V), harness.zipf_ids(harness.rng(1), V, 20 * V)))


def check_frequencies(words, word_p, what):
    """Check that the counts of the 100 likeliest words lie within six standard deviations."""
    counts = np.bincount(words.reshape(-1), minlength=V)
    likely = np.argsort(word_p)[-100:]
    mean = words.size * word_p[likely]
    off = np.abs(counts[likely] - mean) / np.sqrt(mean * (1 - word_p[likely]))
    assert off.max() < 6, f"{what}: a frequency is {off.max():.1f} standard deviations off"


class Distinct:
    """K distinct words, none of them the target, for a batch of N targets."""

    def __init__(self):
        self.targets = harness.ring(lambda generator: harness.zipf_ids(generator, V, N))

    def task(self, UnigramSampler):
        sampler = UnigramSampler(corpus(), 0.75, K)
        last = [None, None]

        def run(i):
            target = self.targets[i % harness.RING]
            last[:] = target, sampler.get_negative_sample(target)

        return Task(run, lambda: self.check(*last))

    @staticmethod
    def check(target, negative):
        assert negative.shape == (len(target), K) and negative.dtype == np.int32
        assert negative.min() >= 0 and negative.max() < V
        rows = np.sort(np.column_stack((target, negative)), axis=1)
        assert (rows[:, 1:] != rows[:, :-1]).all(), "a row repeats a word or holds its target"

    def reference(self):
        return self.task(oracle.UnigramSampler)

    def ours(self):
        return self.task(UnigramSampler)

    def verify(self):
        """Check that first picks for a rare target follow word_p; the oracle has our words."""
        ours = UnigramSampler(corpus(), 0.75, K, rng=harness.rng(2))
        twin = oracle.UnigramSampler(corpus(), 0.75, K)
        harness.assert_close(ours.word_p, twin.word_p, "word_p")
        targets = np.full(50_000, V - 1)
        negative = ours.get_negative_sample(targets)
        self.check(targets, negative)
        check_frequencies(negative[:, 0], ours.word_p, "first picks")


class Replaced:
    """N_DRAWS independent draws, K for each of N_DRAWS / K words."""

    target = np.zeros(N_DRAWS // K, np.int64)

    def task(self, run_draws, word_p):
        last = [None]

        def run(i):
            last[0] = run_draws()

        return Task(run, lambda: check_frequencies(np.asarray(last[0]), word_p, "draws"))

    def sampler(self, UnigramSampler):
        sampler = UnigramSampler(corpus(), 0.75, K, replace=True)
        return self.task(lambda: sampler.get_negative_sample(self.target), sampler.word_p)

    def reference(self):
        return self.sampler(oracle.UnigramSampler)

    def ours(self):
        return self.sampler(UnigramSampler)

    def numpy_generator(self):
        word_p = UnigramSampler(corpus(), 0.75, K).word_p
        generator = harness.rng()
        return self.task(lambda: generator.choice(V, N_DRAWS, p=word_p), word_p)

    def torch_multinomial(self):
        import torch

        word_p = UnigramSampler(corpus(), 0.75, K).word_p
        p = torch.from_numpy(word_p.astype(np.float32))
        return self.task(lambda: torch.multinomial(p, N_DRAWS, replacement=True), word_p)

    def verify(self):
        for build in (self.reference, self.ours):
            task = build()
            task.run(0)
            task.check()


def rows():
    distinct, replaced = Distinct(), Replaced()
    return [
        Row(
            "sampler_distinct",
            f"negative samples, batch {N}, K={K}, V={V:,}, distinct and without the target",
            distinct.ours,
            distinct.verify,
            distinct.reference,
            book=8.4,
            goal_book=500,
            off_column=OFF_COLUMN,
        ),
        Row(
            "sampler_draws",
            f"{N_DRAWS:,} draws with replacement, V={V:,} (reference: numpy.random.choice)",
            replaced.ours,
            replaced.verify,
            replaced.reference,
            {
                "numpy, Generator.choice": replaced.numpy_generator,
                "torch, multinomial": replaced.torch_multinomial,
            },
            book=85,
            goal_book=20,
            goal_rival=20,
        ),
    ]


ROWS = rows()


@harness.each_contender(ROWS)
def test_sampler(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
