"""Kill workers of a real cluster at every named point, and compare the bits: the full matrix.

    python tools/cluster_faults.py [--rounds 0,1,5] [--workers 2,3] [--kills 1,2]

The tests kill at some of these points. Each run takes seconds, the matrix an hour. The script
prints a row for every run and ends with exit code 1 if any has other bits or killed no worker.
"""

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "distributed")]

POINTS = ["encode", "train-begin", "train", "train-end", "merge-begin", "merge", "merge-end"]


def numbers(text):
    return [int(item) for item in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=numbers, default=[0, 1, 5])
    parser.add_argument("--workers", type=numbers, default=[2, 3])
    parser.add_argument("--kills", type=numbers, default=[1, 2])
    options = parser.parse_args()
    import dask
    import test_cluster as cases

    bad = 0
    warnings.simplefilter("ignore")
    with dask.config.set(cases.PATIENT), tempfile.TemporaryDirectory() as folder:
        text = cases.write(Path(folder) / "text.txt", cases.sentences(600))
        expected = cases.crc(cases.run(text, cases.SerialEngine(1)))
        for point in POINTS:
            for round in [-1] if point == "encode" else options.rounds:
                for workers in options.workers:
                    for kills in options.kills:
                        # The second one dies in the next round, or in the one before the last.
                        other = round + 1 if round + 1 < cases.ROUNDS else round - 1
                        points = [(point, round), ("train", other)][:kills]
                        label = f"{point}, round {round}, {workers} workers, {kills} kills"
                        with tempfile.TemporaryDirectory() as marks:
                            plugin = cases.DieAt(marks, *points)
                            try:
                                with cases.cluster(workers, plugin) as client:
                                    same = cases.crc(cases.run(text, client)) == expected
                            except Exception as error:
                                same, label = False, f"{label}: {error!r}"
                            died = len(cases.died(marks))
                        told = "same bits" if same else "OTHER BITS"
                        if died != kills:  # a point that no worker has reached tests nothing
                            same, told = False, "NOT REACHED"
                        print(told, f"{died} died,", label, flush=True)
                        bad += not same
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
