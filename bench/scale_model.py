"""The cost model of `fastw2v.distributed`: its constants measured here, and its table.

python bench/scale_model.py                 the table for 1 to 64 machines (a model)
python bench/scale_model.py --measure       measures what two cores allow: bytes a second of merging
                                            and between two workers, seconds of a round with two
                                            worker processes, and with 64 workers in one process
"""

import argparse
import operator
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from fastw2v import Word2Vec
from fastw2v.distributed import cost, plan, train
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
    merged(0.025, pieces)
    began = time.perf_counter()
    merged(0.025, pieces)
    return shards * V * D * 2 / (time.perf_counter() - began)


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


def overhead(shards, parts):
    """Return the seconds of the model for a round of empty tasks."""
    n = 2 * shards + shards * parts + parts
    return cost.FIXED_SECONDS + cost.TASK_SECONDS * n


def empty_rounds(client, shapes, where):
    """Time the tasks of a round, with nothing in them."""
    wait = distributed.wait
    wait(client.map(nothing, range(64), pure=False))
    for shards, parts in shapes:
        seconds = []
        for _ in range(5):
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
        found = statistics.median(seconds)
        model = overhead(shards, parts)
        print(
            f"{where}, a round of empty tasks, S={shards}, P={parts}: {found:.3f} s, "
            f"model {model:.3f} s ({model / found - 1:+.0%})",
            flush=True,
        )


def whole_rounds(client, cases):
    """Time rounds of `train` in which every shard changes all rows, with hardly any training."""
    settings = {"sample": 0, "min_count": 1, "window": 1, "negative": 1, "workers": 1, "epochs": 8}
    for shards, V, D in cases:
        with tempfile.TemporaryDirectory() as folder:
            line = "".join(f"{i} {i + 1}\n" for i in range(0, V, 2))
            files = [Path(folder) / f"{k}.txt" for k in range(shards)]
            for file in files:
                file.write_text(line)
            common = settings | {"vector_size": D}
            one = Word2Vec(**common | {"epochs": 1})
            one.build_vocab(corpus_file=str(files[0]))
            began = time.perf_counter()
            one.train(corpus_file=str(files[0]), epochs=1, total_examples=one.corpus_count)
            rate = V / (time.perf_counter() - began)
            told = []
            train(
                *([str(file) for file in files],),
                **(common | {"client": client, "shards": shards, "rounds": 8}),
                on_round=lambda info, told=told: told.append(info.seconds),
            )
        found = statistics.median(told[2:])
        model = cost.round_seconds(2 * V, D, shards, V, rate, 10)
        print(
            f"two workers, a round of train, S={shards}, V={V:,}, d={D}: {found:.3f} s, of which "
            f"{V / rate:.3f} s are training; model {model:.3f} s ({model / found - 1:+.0%})",
            flush=True,
        )


def measure():
    print(f"merging 8 pieces in bfloat16: {merge_rate() / 1e9:.2f} GB/s of pieces")
    print(f"finding changed rows: {changed_rate() / 1e9:.2f} GB/s of tables")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        a, b = client.scheduler_info(n_workers=-1)["workers"]
        empty_rounds(client, ((2, 2), (4, 2), (8, 8), (16, 16)), "two workers")
        whole_rounds(client, ((2, 2_000, 100), (2, 50_000, 100), (2, 50_000, 300)))
        n = 1 << 28
        there = client.submit(block, n, workers=[a], pure=False)
        distributed.wait(there)
        began = time.perf_counter()
        distributed.wait(client.submit(len, there, workers=[b], pure=False))
        print(f"between two workers: {n / (time.perf_counter() - began) / 1e9:.2f} GB/s")
    with (
        distributed.LocalCluster(
            n_workers=64,
            threads_per_worker=1,
            processes=False,
            dashboard_address=":0",
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        empty_rounds(client, ((16, 16), (64, 16)), "64 workers in one process")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--measure", action="store_true")
    options = parser.parse_args()
    if options.measure:
        global distributed
        import distributed

        measure()
        return
    table(1e10, 5)
    print()
    table(1e11, 5)


if __name__ == "__main__":
    main()
