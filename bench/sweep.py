"""Recurrent layers of many sizes, forward and backward: ours against torch, and shares of the peak.

python bench/sweep.py                      LSTM, 192 sizes, about three minutes
python bench/sweep.py --cells "LSTM,GRU,GRU reset_after,RNN" --rounds 5
python bench/sweep.py --cells RNN --batches 8,20

Each line of the table is one (N, T), each column one (D, H): torch's time / our time, and in
brackets our share of the multiply-adds a second that the threads do in registers.
"""

import argparse
import itertools
import statistics
import time

import environment

BATCHES, STEPS, WIDTHS = (1, 8, 20, 128), (1, 7, 35), (16, 100, 256, 650)
LEAST = 0.95  # of torch's speed
PAUSE = 0.03  # seconds after torch's turn: its threads spin for a while


def main():
    options = parse()
    environment.prepare(options.threads)
    environment.apply(options.threads)
    if environment.rival("torch") is None:
        raise SystemExit('sweep: torch is missing; install it: pip install -e ".[bench]"')
    for name, value in environment.describe(options.threads):
        print(f"- {name}: {value}")
    for cell in options.cells.split(","):
        sweep(cell, options)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", default="LSTM", help="of LSTM, GRU, 'GRU reset_after', RNN")
    parser.add_argument(
        "--batches",
        type=lambda text: [int(N) for N in text.split(",")],
        default=BATCHES,
        help="sizes N of a batch (default 1,8,20,128)",
    )
    parser.add_argument(
        "--threads", type=environment.thread_count, default=environment.DEFAULT_THREADS
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender")
    parser.add_argument("--seconds", type=float, default=0.03, help="length of a turn")
    return parser.parse_args()


def sweep(cell, options):
    widths = list(itertools.product(WIDTHS, WIDTHS))
    print(f"\n{cell}: D,H of each column, N,T of each line; medians of {options.rounds} turns\n")
    print("| |" + "|".join(f" {D},{H} " for D, H in widths) + "|")
    print("|---" * (len(widths) + 1) + "|")
    slow = []
    for N, T in itertools.product(options.batches, STEPS):
        line = []
        for D, H in widths:
            ratio, share = measure(cell, (N, T, D, H), options)
            line.append(f" {ratio:.2f} ({share:.2f}) ")
            if ratio < LEAST:
                slow.append(f"{N},{T},{D},{H}: {ratio:.2f}")
        print(f"| {N},{T} |" + "|".join(line) + "|", flush=True)
    print(f"\nBelow {LEAST}: {'; '.join(slow) or 'none'}")


def measure(cell, sizes, options):
    """Return (torch's time / our time, our share of the peak), medians over the turns."""
    import harness
    from recurrent import Workload

    workload = Workload(cell, *sizes)
    ours, theirs = workload.ours(), workload.torch()
    ratios, shares, seconds = [], [], options.seconds
    for turn in range(options.rounds):
        time.sleep(PAUSE)
        peak = harness.registers_per_second(options.threads, seconds)
        mine = harness.run_block(ours, options.threads, turn, seconds)[0].median
        ratios.append(harness.run_block(theirs, None, turn, seconds)[0].median / mine)
        shares.append(workload.macs / mine / peak)
    return statistics.median(ratios), statistics.median(shares)


if __name__ == "__main__":
    main()
