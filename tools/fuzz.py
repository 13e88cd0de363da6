"""Fuzzing of all readers with damaged files: python tools/fuzz.py [READER ...]

Each file is one of the whole files of tests/support/readers.py with a few changes. A reader may
read it or refuse it with OSError or ValueError. A file that causes anything else (another error,
more than five seconds, memory beyond a small multiple of the file, a crash, a program run, a file
written) is kept in tests/data/fuzz, and the tests read it from then on.

    python tools/fuzz.py --count 1000000            all readers
    python tools/fuzz.py pairs --seconds 60 --seed 7
    python tools/fuzz.py --atheris                  files that reach new lines are changed further
    python tools/fuzz.py --list
"""

import argparse
import collections
import contextlib
import ctypes
import faulthandler
import gc
import hashlib
import itertools
import json
import math
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS / "support"))

if GUIDED := "--atheris" in sys.argv:  # imports below compile our modules with counters
    import atheris

    with atheris.instrument_imports(include=["fastw2v"]):
        import readers
else:
    import readers

FINDS = TESTS / "data" / "fuzz"
ROOM = 1 << 29  # address space beyond that of the process after all imports
MEASURED = 50  # memory is measured for one file in fifty


def limit_memory():
    with open("/proc/self/statm") as file:
        in_use = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(
        resource.RLIMIT_AS, (in_use + ROOM, resource.getrlimit(resource.RLIMIT_AS)[1])
    )


def trim():
    """Give free memory back: glibc keeps what lies between blocks, and the limit counts it."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def where(error):
    """Return the key of a find: the innermost line of fastw2v, and the kind of error."""
    cause = error.__cause__ or error
    frames = [f for f in traceback.extract_tb(cause.__traceback__) if "fastw2v" in f.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{str(error).split(':')[0]} at {place}"


def fuzz(name, count, seconds, seed, folder):
    """Give damaged files to one reader; return counts of the outcomes."""
    files = readers.whole_files(name, folder)
    found = collections.Counter()
    limit_memory()
    end = time.monotonic() + seconds
    for k in range(count):
        if time.monotonic() > end:
            break
        if k % 20_000 == 0:
            trim()
        rng = random.Random(f"{name} {seed} {k}")
        read(name, readers.damage(name, rng, files), k, folder, found)
    return found


def fuzz_guided(name, count, seconds, seed, folder):
    """Fuzz one reader; a file that reaches new lines joins the files that are changed.

    A child process does the work, as libFuzzer ends its process.
    """
    counts = Path(folder, "counts")
    child = os.fork()
    if child == 0:
        guide(name, count, seconds, seed, folder, counts)
    _, status = os.waitpid(child, 0)
    found = collections.Counter(json.loads(counts.read_text()))
    if status:
        found["found"] += 1
        print(f"{name}: the process ended with status {status}", file=sys.stderr)
    return found


def guide(name, count, seconds, seed, folder, counts):
    files = readers.whole_files(name, folder)
    whole = Path(folder, "whole")
    whole.mkdir()
    for k, data in enumerate(files):
        (whole / str(k)).write_bytes(data)
    found, reads = collections.Counter(), itertools.count()

    def once(data):
        k = next(reads)
        read(name, data, k, folder, found)
        if k % 100 == 0 or k + 1 == count:
            counts.write_text(json.dumps(found))

    def change(data, limit, seed):
        rng = random.Random(seed)
        if data and rng.random() < 0.7:
            # A file that is no longer an archive has no members to damage.
            with contextlib.suppress(Exception):
                return readers.damage(name, rng, [data, data, rng.choice(files)])[:limit]
        return atheris.Mutate(data, limit)

    options = [f"-runs={count}", f"-seed={seed + 1}", "-timeout=0", "-max_len=65536"]
    if math.isfinite(seconds):
        options.append(f"-max_total_time={math.ceil(seconds)}")
    atheris.Setup(
        [sys.argv[0], *options, "-rss_limit_mb=0", "-verbosity=0", str(whole)],
        once,
        custom_mutator=change,
    )
    limit_memory()
    atheris.Fuzz()


def read(name, data, k, folder, found):
    path = readers.path_for(name, folder)
    with open(path, "wb") as file:
        file.write(data)
    try:
        found[readers.attempt(name, path, len(data), memory=k % MEASURED == 0)] += 1
    except readers.Misbehaved as error:
        found["found"] += 1
        keep(name, data, error, found)


def keep(name, data, error, found):
    place = where(error)
    found[f"  {place}"] += 1
    if found[f"  {place}"] > 1:
        return
    target = FINDS / name.replace(" ", "-")
    target.mkdir(parents=True, exist_ok=True)
    (target / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
    print(f"{name}: {error} [{place}] {data[:60]!r}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], allow_abbrev=False)
    parser.add_argument("reader", nargs="*", help="names of readers.READERS; none means all")
    parser.add_argument("--count", type=int, default=10_000, help="files for each reader")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="for each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", action="store_true", help="guided by coverage")
    parser.add_argument("--list", action="store_true", help="the names of the readers")
    arguments = parser.parse_args()
    if arguments.list:
        print(*readers.READERS, sep="\n")
        return 0
    unknown = set(arguments.reader) - set(readers.READERS)
    if unknown:
        parser.error(f"unknown reader {sorted(unknown)[0]!r}; known: {', '.join(readers.READERS)}")
    faulthandler.enable()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    failed = 0
    for name in arguments.reader or readers.READERS:
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            start = time.monotonic()
            run = fuzz_guided if arguments.atheris else fuzz
            found = run(name, arguments.count, arguments.seconds, arguments.seed, folder)
            n = sum(found[kind] for kind in ("read", "refused", "found"))
            took = time.monotonic() - start
            print(f"{name}: {n} files in {took:.0f} s, {dict(found)}", flush=True)
            failed += found["found"]
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
