"""Response times to Ctrl-C in long calls, and kill -9 while files are saved, hundreds of times.

python tools/interrupt.py                       all of both
python tools/interrupt.py --kills 300           of each kind of file
python tools/interrupt.py --interrupts 5        in each long call
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import interruptions

LIMIT = 0.5  # seconds until Ctrl-C takes effect


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--interrupts", type=int, default=3)
    parser.add_argument("--only", default="", help="names that contain this")
    arguments = parser.parse_args()
    rng = np.random.default_rng()
    late = 0
    for name in [n for n in interruptions.LONG_CALLS if arguments.only in n]:
        answers = []
        for _ in range(arguments.interrupts):
            with tempfile.TemporaryDirectory() as folder:
                how, seconds = interruptions.interrupt(name, folder, 0.1 + rng.random())
            answers.append((how.decode(), round(seconds, 3)))
        late += sum(how != "I" or seconds > LIMIT for how, seconds in answers)
        print(f"Ctrl-C, {name}: {answers}", flush=True)
    for name in [n for n in interruptions.SAVERS if arguments.only in n]:
        with tempfile.TemporaryDirectory() as folder:
            found = [
                interruptions.killed_while_saving(name, folder, rng) for _ in range(arguments.kills)
            ]
        print(f"kill -9, {name}: {len(found)} kills, all files whole", flush=True)
    print(f"{late} interrupts not answered within {LIMIT} seconds")
    return late > 0


if __name__ == "__main__":
    sys.exit(main())
