"""Training steps over large vocabularies: the cost of a step as V grows.

CBOW with Adam end to end, sampling included, w=5 batch 100 K=5 H=100. The steady state is timed:
after 3,000 steps most rows that are read have had a gradient before, and so have steps to skip.
Ids are Zipf(1) over ranks, or uniform. Each call draws new ones, so that no row is used more often
than its frequency implies.

    python bench/bench_row_sparse.py --sizes 1000,1000000 --contenders ours,sparse
    python bench/bench_row_sparse.py --picture row_sparse.png

The first command writes the time per step over V into row_sparse.json. It replaces earlier entries
of the same size and contender, so that a run may be split. The second draws the curves.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import environment

if __name__ == "__main__":
    environment.prepare(environment.DEFAULT_THREADS)

import numpy as np

import harness
from fastw2v import models, optimizer, trainer
from fastw2v._training import deferral
from fastw2v._training.fit_loop import FitLoop
from harness import Row, Task

H, WINDOW, N, K = 100, 5, 100, 5
C = 2 * WINDOW
WARM_UP = 3000
STEPS = 10  # per call
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
DATA = Path(__file__).parent / "row_sparse.json"


class Words:
    """Ids of V words, drawn anew for each call."""

    def __init__(self, V, uniform=False, seed=5):
        self.V, self.rng = V, harness.rng(seed)
        weights = np.ones(V) if uniform else 1 / np.arange(1.0, V + 1)
        self.cumulated = np.cumsum(weights)
        self.negatives = np.cumsum(weights**0.75)

    def draw(self, shape, cumulated=None):
        cumulated = self.cumulated if cumulated is None else cumulated
        return np.searchsorted(cumulated, self.rng.random(shape) * cumulated[-1])

    def batches(self, n):
        """Return n batches: contexts (n, N, C) and targets (n, N)."""
        return self.draw((n, N, C)), self.draw((n, N))

    def corpus(self):
        """Return each word once and 2 V words drawn by frequency."""
        return np.concatenate([np.arange(self.V), self.draw(2 * self.V)])


class Ours:
    """Steps in the middle of a `fit`. every_row: the dense path at the same step."""

    def __init__(self, V, uniform=False, every_row=False, warm_up=WARM_UP):
        self.words = Words(V, uniform)
        np.random.seed(6)
        self.model = models.CBOW(V, H, WINDOW, self.words.corpus())
        self.optimizer = optimizer.Adam()
        fewest = deferral._FEWEST
        deferral._FEWEST = 1 << 60 if every_row else fewest
        try:
            self.trainer = trainer.Trainer(self.model, self.optimizer)
            # `fit` does this around its steps; the bench asks for them one by one.
            self.fit = FitLoop(self.trainer, None, None, 0, 1, False)
            self.fit.__enter__()
        finally:
            deferral._FEWEST = fewest
        for _ in range(0, warm_up, 100):
            self.step(*self.words.batches(min(warm_up, 100)))
        self.first = float(self.fit.last_loss)

    def step(self, contexts, targets):
        for k in range(len(targets)):
            self.fit.step(k, contexts[k], targets[k])

    def prepare(self, i):
        self.given = self.words.batches(STEPS)

    def run(self, i):
        self.step(*self.given)

    def close(self):
        """Apply all deferred updates; return the seconds it took."""
        begin = time.perf_counter()
        self.fit.__exit__(None, None, None)
        return time.perf_counter() - begin

    def check(self):
        self.close()
        self.check_tables()

    def check_tables(self):
        for W in (self.model.params[0], self.model.params[-1]):
            assert np.isfinite(W[::97]).all() and W[0].any(), "a table is not what training leaves"


class Torch:
    """The same loop in torch, negatives given. sparse: sparse gradients and SparseAdam."""

    def __init__(self, V, uniform=False, sparse=False, warm_up=20):
        import torch

        self.torch, self.sparse, self.words = torch, sparse, Words(V, uniform)
        tables = [0.01 * harness.floats(harness.rng(7 + side), (V, H)) for side in (0, 1)]
        self.W_in, self.W_out = (torch.nn.Parameter(torch.from_numpy(table)) for table in tables)
        weights = [self.W_in, self.W_out]
        if sparse:
            self.adam = torch.optim.SparseAdam(weights, lr=0.001, eps=1e-7)
        else:
            self.adam = torch.optim.Adam(weights, lr=0.001, eps=1e-7, fused=True)
        self.sign = torch.ones(K + 1)
        self.sign[1:] = -1
        self.before = self.W_in[:100].detach().clone()
        for _ in range(0, warm_up, STEPS):
            self.prepare(0)
            self.run(0)

    def prepare(self, i):
        words = self.words
        contexts, targets = words.batches(STEPS)
        negatives = words.draw((STEPS, N, K), words.negatives)
        labels = np.concatenate([targets[:, :, None], negatives], 2)
        self.given = [self.torch.from_numpy(ids) for ids in (contexts, labels)]

    def run(self, i):
        functional = self.torch.nn.functional
        for contexts, labels in zip(*self.given, strict=True):
            self.adam.zero_grad()
            h = functional.embedding_bag(contexts, self.W_in, mode="mean", sparse=self.sparse)
            rows = functional.embedding(labels, self.W_out, sparse=self.sparse)
            scores = self.torch.bmm(rows, h.unsqueeze(2)).squeeze(2)
            loss = -functional.logsigmoid(scores * self.sign).sum(1).mean()
            loss.backward()
            self.adam.step()

    def close(self):
        return 0.0

    def check(self):
        now = self.W_in[:100].detach()
        assert self.torch.isfinite(now).all() and not self.torch.equal(now, self.before)


CONTENDERS = {
    "ours": Ours,
    "dense": lambda V, uniform=False: Ours(V, uniform, every_row=True, warm_up=20),
    "torch": Torch,
    "sparse": lambda V, uniform=False: Torch(V, uniform, sparse=True),
}
TITLES = {
    "dense": "fastw2v, every row at every step",
    "torch": "torch, dense, Adam(fused=True)",
    "sparse": "torch, SparseAdam (other numbers than Adam's)",
    "ours": "fastw2v (the numbers of dense Adam)",
}


def task(contender, V, uniform):
    workload = CONTENDERS[contender](V, uniform)
    return Task(workload.run, workload.check, workload.prepare, steps=STEPS)


def verify():
    """Check that training with and without deferred rows agrees but for rounding."""
    tables = []
    for every_row in (False, True):
        workload = Ours(20_000, every_row=every_row, warm_up=0)
        for i in range(10):
            workload.prepare(i)
            workload.run(i)
        workload.close()
        tables.append([*workload.model.params[:: C + K], *workload.optimizer.m])
    for a, b in zip(*tables, strict=True):
        np.testing.assert_allclose(a, b, 1e-3, 1e-5, err_msg="deferred rows differ")


def small_vocabulary():
    """Prepare the step of V=10,000, with which the growth is compared."""
    return task("ours", 10_000, False)


def flush():
    """Prepare the end of a fit at V=1,000,000, which applies the updates of both tables."""
    workload = Ours(1_000_000)

    def prepare(i):
        if i:
            workload.fit = FitLoop(workload.trainer, None, None, 0, 1, False)
            workload.fit.__enter__()
        workload.step(*workload.words.batches(STEPS))

    return Task(lambda i: workload.close(), workload.check_tables, prepare)


def rows():
    found = [
        Row(
            "row_sparse_growth",
            f"CBOW step, V=1,000,000 against V=10,000, H={H} w={WINDOW} batch {N} K={K}, Adam",
            lambda: task("ours", 1_000_000, False),
            verify,
            rivals={"fastw2v, V=10,000": small_vocabulary},
            goal_rival=1 / 2.5,
        ),
        Row(
            "row_sparse_flush",
            f"deferred updates of both tables applied, V=1,000,000 H={H}",
            flush,
            verify,
            goal_ms=300,
        ),
    ]
    for V, uniform, goals in (
        (10_000, False, {"dense": 1, "torch": 3.5}),
        (200_000, False, {"dense": 10}),
        (1_000_000, False, {"dense": 100, "torch": 30, "sparse": 4}),
        (1_000_000, True, {"sparse": 2.5}),
    ):
        for rival, goal in goals.items():
            ids = ", uniform ids" if uniform else ""
            found.append(
                Row(
                    f"row_sparse_{V}_{rival}{'_uniform' if uniform else ''}",
                    f"CBOW step, V={V:,} H={H} w={WINDOW} batch {N} K={K}, Adam, after "
                    f"{WARM_UP:,} steps{ids}",
                    lambda V=V, uniform=uniform: task("ours", V, uniform),
                    verify,
                    rivals={
                        TITLES[rival]: lambda r=rival, V=V, uniform=uniform: task(r, V, uniform)
                    },
                    goal_rival=goal,
                )
            )
    return found


ROWS = rows()


@harness.each_contender(ROWS)
def test_row_sparse(benchmark, row, name):
    harness.time_contender(benchmark, row, name)


# The curves.


def measure(contender, V, uniform, seconds):
    """Return {median, shortest: seconds per step; flush: seconds; steps: number of timed steps}."""
    workload = CONTENDERS[contender](V, uniform)
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        workload.prepare(0)
        begin = time.perf_counter()
        workload.run(0)
        times.append((time.perf_counter() - begin) / STEPS)
    return {
        "median": statistics.median(times),
        "shortest": min(times),
        "flush": workload.close(),
        "steps": len(times) * STEPS,
    }


def draw(found, name):
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5))
    for contender, title in TITLES.items():
        points = sorted((int(V), entry["median"]) for V, entry in found.get(contender, {}).items())
        if points:
            sizes, times = zip(*points, strict=True)
            axes.loglog(sizes, [1000 * t for t in times], "o-", label=title)
    axes.set_xlabel("words in the vocabulary")
    axes.set_ylabel("ms a step")
    axes.set_title(f"CBOW with Adam, H={H}, batch {N}, after {WARM_UP:,} steps")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(name, dpi=100)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="", help="measure these V, with commas between them")
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument(
        "--uniform", action="store_true", help="uniform ids, a data file of its own"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="timed, for each")
    parser.add_argument("--data", type=Path, help="default: row_sparse.json beside this file")
    parser.add_argument("--picture", type=Path, help="draw the curves of the data into this file")
    options = parser.parse_args()
    data = options.data or (DATA.with_stem("row_sparse_uniform") if options.uniform else DATA)
    found = json.loads(data.read_text()) if data.exists() else {}
    sizes = [int(V) for V in options.sizes.split(",") if V]
    if not sizes and options.picture is None:
        sizes = SIZES
    for V in sizes:
        for contender in options.contenders.split(","):
            environment.apply(environment.DEFAULT_THREADS)
            entry = measure(contender, V, options.uniform, options.seconds)
            found.setdefault(contender, {})[str(V)] = entry
            print(
                f"V={V:>9,} {contender:<7} {1000 * entry['median']:8.2f} ms a step, shortest "
                f"{1000 * entry['shortest']:8.2f}, flush {entry['flush']:6.2f} s",
                flush=True,
            )
            data.write_text(json.dumps(found, indent=1) + "\n")
    if options.picture is not None:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
