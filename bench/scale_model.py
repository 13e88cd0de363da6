"""The cost model of `fastw2v.distributed`: its constants measured here, and its table.

python bench/scale_model.py                 the table for 1 to 64 machines (a model)
python bench/scale_model.py --measure       measures what two cores allow: seconds of a task with
                                            a scheduler and two workers, bytes a second between
                                            two workers, bytes a second of merging
"""

import argparse
import operator
import time

import numpy as np

from fastw2v.distributed import plan
from fastw2v.distributed.pieces import Piece, merged
from fastw2v.reference.changes import as_bfloat16
from fastw2v.word2vec.changes import Rows, changed_ids

CASES = [(10**5, 100), (10**5, 300), (10**6, 100), (10**6, 300), (10**7, 100), (10**7, 300)]
MACHINES = (1, 2, 4, 8, 16, 32, 64)


def table(words, epochs):
    head = " | ".join(f"W={w}" for w in MACHINES)
    print(f"Million words/s at 1 / 10 Gbit/s, {words:.0e} words x {epochs} epochs, skip-gram,")
    print("16 cores a machine. A model, not a measurement.\n")
    print(f"| V, d | {head} | best at 10 |\n|" + "---|" * (len(MACHINES) + 2))
    for V, D in CASES:
        slow, fast = (plan(V, D, int(words), 64, gbit, epochs=epochs) for gbit in (1, 10))
        cells = [
            f"{a / 1e6:.0f} / {b / 1e6:.0f}"
            for (_, a), (_, b) in zip(slow.table, fast.table, strict=True)
        ]
        print(f"| {V:.0e}, {D} | " + " | ".join(cells) + f" | {fast.best_machines} |")


def merge_rate(V=50_000, D=100, shards=8):
    rng = np.random.default_rng(0)
    ids = np.arange(V, dtype=np.int32)
    pieces = [
        Piece(
            *("r", 0, k, 0, 1),
            [Rows(ids, as_bfloat16(rng.normal(size=(V, D)).astype("f")), np.ones(V, "u4"))],
        ).sealed()
        for k in range(shards)
    ]
    began = time.perf_counter()
    merged(0.025, pieces)
    seconds = time.perf_counter() - began
    return shards * V * D * 2 / seconds


def changed_rate(V=200_000, D=100):
    now = np.random.default_rng(0).random((V, D), np.float32)
    before = now.copy()
    now[::2] += 1
    began = time.perf_counter()
    changed_ids(now, before)
    return 2 * now.nbytes / (time.perf_counter() - began)


def nothing(*parts):
    return len(parts)


def block(n):
    return np.zeros(n, np.uint8)


def measure():
    from distributed import Client, LocalCluster, wait

    print(f"merging 8 pieces in bfloat16: {merge_rate() / 1e9:.2f} GB/s of pieces")
    print(f"finding changed rows: {changed_rate() / 1e9:.2f} GB/s of tables")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        a, b = client.scheduler_info(n_workers=-1)["workers"]
        wait(client.submit(nothing, pure=False))
        for shards, parts in ((4, 2), (8, 8), (16, 16)):
            seconds = []
            for _ in range(3):
                began = time.perf_counter()
                trains = [client.submit(list, range(parts + 1), pure=False) for _ in range(shards)]
                slices = [
                    [client.submit(operator.getitem, one, i, pure=False) for i in range(parts + 1)]
                    for one in trains
                ]
                merges = [
                    client.submit(nothing, *(one[p] for one in slices), pure=False)
                    for p in range(parts)
                ]
                wait(merges)
                seconds.append(time.perf_counter() - began)
            n = shards * (parts + 2) + parts
            best = sorted(seconds)[1]
            print(
                f"a round of {n} empty tasks (S={shards}, P={parts}): {best:.3f} s, "
                f"{1000 * best / n:.2f} ms a task"
            )
        n = 1 << 28
        there = client.submit(block, n, workers=[a], pure=False)
        wait(there)
        began = time.perf_counter()
        wait(client.submit(len, there, workers=[b], pure=False))
        print(f"between two workers: {n / (time.perf_counter() - began) / 1e9:.2f} GB/s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--measure", action="store_true")
    options = parser.parse_args()
    if options.measure:
        measure()
        return
    table(1e10, 5)
    print()
    table(1e11, 5)


if __name__ == "__main__":
    main()
