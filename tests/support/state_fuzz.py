"""Fuzzing of public state: attributes, arrays, lists and dicts of live objects change at random.

A target makes small objects (models, layers, optimizers) and lists calls of their public methods.
One round makes the objects, then changes their state and calls methods in random order. A call may
return a right answer or raise one of the errors that the target names; any other error, a hang, or
the end of the process is a find. Rounds run in a child process, so that a crash is seen, too.

    python tests/support/state_fuzz.py state_word2vec                     each target for 10 seconds
    python tests/support/state_fuzz.py state_word2vec model --seconds 600 --seed 7000
    python tests/support/state_fuzz.py state_word2vec model --seed 7123 --count 1 --verbose

A module of targets has a dict TARGETS {name: Target}. The tests play the same rounds each time, so
that a change of the package alone decides their result; FASTW2V_FUZZ_SECONDS gives each target this
time for rounds beyond them.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import logging
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROUNDS = 300  # of a target in the tests, the same ones each time
SECONDS = os.environ.get("FASTW2V_FUZZ_SECONDS")  # instead of rounds, to look for new faults
LONGEST = 30.0  # seconds that one step may take
STEPS = 10  # most steps of a round
# Errors that tell the user what is wrong; a target may name others.
ERRORS = (ValueError, TypeError, LookupError, RuntimeError, FloatingPointError, MemoryError)


class Target(NamedTuple):
    """Objects to fuzz, and the calls of their methods.

    make(rng) returns {name: object}; objects of the same class exchange parts of their state.
    calls {name: call}: call(objects, rng) calls a method with fitting arguments, and raises
    AssertionError if the answer is wrong.
    """

    make: Callable[[random.Random], dict[str, Any]]
    calls: dict[str, Callable[[dict[str, Any], random.Random], Any]]
    errors: tuple[type[BaseException], ...] = ERRORS


# ---- places of the public state


class Place(NamedTuple):
    """An attribute, or an item of a list or a dict, that a user can reach."""

    path: str
    owner: Any
    key: Any

    def get(self) -> Any:
        is_item = isinstance(self.owner, list | dict)
        return self.owner[self.key] if is_item else getattr(self.owner, self.key)

    def set(self, value: Any) -> None:
        if isinstance(self.owner, list | dict):
            self.owner[self.key] = value
        else:
            setattr(self.owner, self.key, value)

    def delete(self) -> None:
        if isinstance(self.owner, list | dict):
            del self.owner[self.key]
        else:
            delattr(self.owner, self.key)


def places(objects: dict[str, Any], rng: random.Random) -> list[Place]:
    """List the public state of objects of the package, and a few items of its lists and dicts."""
    found: list[Place] = []
    seen: set[int] = set()

    def visit(path: str, thing: Any, depth: int) -> None:
        if id(thing) in seen or depth > 5:
            return
        seen.add(id(thing))
        for place in _places_in(path, thing, rng):
            try:
                value = place.get()
            except Exception:  # a property may refuse a state that was changed
                continue
            found.append(place)
            visit(place.path, value, depth + 1)

    for name, thing in objects.items():
        visit(name, thing, 0)
    return found


def _places_in(path: str, thing: Any, rng: random.Random) -> Iterator[Place]:
    if isinstance(thing, list):
        for i in rng.sample(range(len(thing)), min(4, len(thing))):
            yield Place(f"{path}[{i}]", thing, i)
    elif isinstance(thing, dict):
        for key in rng.sample(list(thing), min(4, len(thing))):
            yield Place(f"{path}[{key!r}]", thing, key)
    elif type(thing).__module__.startswith("fastw2v") and not isinstance(thing, type | np.ndarray):
        for name in getattr(thing, "__dict__", {}):
            if not name.startswith("_"):
                yield Place(f"{path}.{name}", thing, name)


# ---- changes

NUMBERS = (
    *(0, 1, -1, 2, 3, 7, -3, 1000, 10**6, 10**9, 2**31 - 1, 2**31, 2**32, 2**62, -(2**62), 2**63),
    *(2**70, True, False, 0.0, -0.0, 0.5, 1.5, -1.0, 1e-300, 1e30, 1e300, -1e300),
    *(float("nan"), float("inf"), float("-inf"), 1j),
    *(np.float32("nan"), np.float64(0.25), np.int8(-1), np.int64(3), np.uint64(2**63), np.bool_(1)),
)
OTHERS = (None, "", "x", "you", b"x", (), (1, 2), object, len, types.SimpleNamespace(a=1))
DTYPES = "f4 f8 f2 i1 i4 i8 u4 u8 ? c8 O U3 >f4 >f8 >i4 g M8[s]".split()


def strange(rng: random.Random) -> tuple[str, Any]:
    """Return a value that fits few attributes, and its description."""
    kind = rng.randrange(4)
    if kind == 0:
        value = rng.choice(OTHERS)
        return repr(value)[:40], value
    if kind == 1:
        value = rng.choice(([], {}, [1, 2], ["a", "b"], {"a": 1}, [[1.0], [2.0]], [None], set()))
        return repr(value), type(value)(value)
    if kind == 2:
        shape = tuple(rng.choice((0, 1, 2, 3, 8, 20)) for _ in range(rng.randrange(4)))
        dtype = rng.choice(DTYPES)
        return f"zeros({shape}, {dtype})", np.zeros(shape, dtype)
    value = rng.choice(NUMBERS)
    return repr(value), value


def change(objects: dict[str, Any], rng: random.Random) -> tuple[str, Callable[[], Any]]:
    """Choose a change of the state; return its description, and the function that makes it."""
    found = places(objects, rng)
    if not found:  # everything has been deleted
        return "nothing", lambda: None
    place = rng.choice(found)
    if rng.random() < 0.5:  # arrays and maps matter most
        parts = [p for p in found if isinstance(p.get(), np.ndarray | list | dict)]
        place = rng.choice(parts or found)
    value = place.get()
    chance = rng.random()
    if chance < 0.15:
        same = [p for p in found if type(p.get()) is type(value)]
        return _exchange(place, rng.choice(same), rng.random() < 0.5)
    if isinstance(value, np.ndarray) and chance < 0.9:
        return _change_array(place, value, found, rng)
    if isinstance(value, list) and chance < 0.8:
        return _change_list(place, value, rng)
    if isinstance(value, dict) and chance < 0.8:
        return _change_dict(place, value, rng)
    if chance > 0.97:
        return f"del {place.path}", place.delete
    text, other = strange(rng)
    return f"{place.path} = {text}", lambda: place.set(other)


def _exchange(place: Place, other: Place, both: bool) -> tuple[str, Callable[[], Any]]:
    here, there = place.get(), other.get()

    def make() -> None:
        place.set(there)
        if both:
            other.set(here)

    return f"{place.path} {'<->' if both else '='} {other.path}", make


def _change_array(
    place: Place, array: np.ndarray, found: list[Place], rng: random.Random
) -> tuple[str, Callable[[], Any]]:
    def shape() -> tuple[int, ...]:
        size = array.size
        return rng.choice(((size,), (1, size), (size, 1), (size, 1, 1), array.shape[::-1]))

    def size() -> tuple[int, ...]:
        return tuple(max(0, n + rng.choice((-2, -1, 0, 1, 3, 100))) for n in array.shape)

    kind = rng.randrange(7)
    path = place.path
    if kind == 0:
        new = shape()
        return f"{path}.shape = {new}", lambda: setattr(array, "shape", new)
    if kind == 1:
        # Without refcheck numpy would free memory that a view of ours still shows.
        lone = array.flags.owndata and not any(_shows(p.get(), array) for p in found)
        new = size()
        return f"{path}.resize({new}), {lone}", lambda: array.resize(new, refcheck=not lone)
    if kind == 2:
        return f"{path}.flags.writeable = False", lambda: array.setflags(write=False)
    if kind == 3 and array.size:
        number = rng.choice(NUMBERS)
        at = rng.randrange(array.size)
        return f"{path}.flat[{at}] = {number!r}", lambda: array.flat.__setitem__(at, number)
    if kind == 4:
        text, make = rng.choice(FORMS)
        return f"{path} = {text}", lambda: place.set(make(array))
    if kind == 5:
        new, dtype = size(), rng.choice((*DTYPES, array.dtype.str, array.dtype.str))
        return f"{path} = ones({new}, {dtype})", lambda: place.set(np.ones(new, dtype))
    if array.dtype.kind in "fiu" and array.size:
        # The numbers of an integer array are often ids or counts.
        factor = rng.choice((-1, 0, 1000, 10**9, float("inf"), float("nan")))
        return f"{path}[...] *= {factor}", lambda: np.multiply(
            array, factor, out=array, casting="unsafe"
        )
    dtype = rng.choice(DTYPES)
    return f"{path} = astype({dtype})", lambda: place.set(array.astype(dtype))


def _shows(thing: Any, array: np.ndarray) -> bool:
    while isinstance(thing, np.ndarray) and thing is not array:
        thing = thing.base
        if thing is array:
            return True
    return False


def _misaligned(array: np.ndarray) -> np.ndarray:
    memory = np.zeros(array.nbytes + 1, np.uint8)
    there = memory[1:].view(array.dtype).reshape(array.shape)
    there[...] = array
    return there


# Arrays with the numbers of another one, in other memory or of other shape.
FORMS: tuple[tuple[str, Callable[[np.ndarray], Any]], ...] = (
    ("in Fortran's order", np.asfortranarray),
    ("transposed", lambda a: a.T),
    ("every second", lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a),
    ("backwards", lambda a: a[::-1] if a.ndim else a),
    ("misaligned", _misaligned),
    ("of swapped bytes", lambda a: a.astype(a.dtype.newbyteorder())),
    ("read-only", lambda a: np.broadcast_to(a, a.shape)),
    ("one row for all", lambda a: np.broadcast_to(a[:1], a.shape) if a.ndim and len(a) else a),
    ("wider", lambda a: np.concatenate([a, a], axis=-1) if a.ndim else a),
    ("narrower", lambda a: a[..., :-1] if a.ndim else a),
    ("longer", lambda a: np.concatenate([a, a]) if a.ndim else a),
    ("shorter", lambda a: a[:-1] if a.ndim else a),
    ("a list", lambda a: a.tolist()),
    ("a matrix", lambda a: a.view(np.recarray)),
    ("its first number", lambda a: a.reshape(-1)[0] if a.size else a),
)


def _change_list(place: Place, items: list, rng: random.Random) -> tuple[str, Callable[[], Any]]:
    text, other = strange(rng)
    at = rng.randrange(len(items)) if items else 0
    end = rng.randrange(len(items)) if items else 0

    def exchange() -> None:
        items[at], items[end] = items[end], items[at]

    choices = [
        (f"append({text})", lambda: items.append(other)),
        ("append its first", lambda: items.extend(items[:1])),
        ("clear()", items.clear),
        ("reverse()", items.reverse),
        ("a tuple", lambda: place.set(tuple(items))),
    ]
    if items:
        choices += [
            (f"pop({at})", lambda: items.pop(at)),
            (f"[{at}] = {text}", lambda: items.__setitem__(at, other)),
            (f"[{at}] <-> [{end}]", exchange),
        ]
    what, make = rng.choice(choices)
    return f"{place.path}: {what}", make


def _change_dict(place: Place, items: dict, rng: random.Random) -> tuple[str, Callable[[], Any]]:
    text, other = strange(rng)
    key = rng.choice(list(items)) if items else "x"
    shift = rng.choice((-1, 1, 10**9))

    def shifted() -> None:
        for name, value in items.items():
            if isinstance(value, int):
                items[name] = value + shift

    choices = [
        (f"[{key!r}] = {text}", lambda: items.__setitem__(key, other)),
        (f"['new'] = {text}", lambda: items.__setitem__("new", other)),
        (f"del [{key!r}]", lambda: items.pop(key)),
        ("clear()", items.clear),
        (f"all + {shift}", shifted),
        ("a copy in another order", lambda: place.set(dict(reversed(items.items())))),
    ]
    what, make = rng.choice(choices)
    return f"{place.path}: {what}", make


# ---- rounds


class Find(Exception):
    """A wrong answer, or an error that a target does not name."""


def play(target: Target, seed: int, say: Callable[[str], None], counts: Counter[str]) -> None:
    """Play one round. Raises `Find`."""
    rng = random.Random(seed)
    np.random.seed(seed % 2**32)
    say(f"seed {seed}")
    objects = target.make(rng)
    deleted: set[str] = set()
    for _ in range(rng.randint(2, STEPS)):
        if rng.random() < 0.4:
            what, make = change(objects, rng)
            say(f"  {what}")
            deleted.add(what.removeprefix("del ").rpartition(".")[2])
            try:
                make()
            except Exception:  # an attribute or numpy refuses the change
                counts["changes refused"] += 1
            continue
        name = rng.choice(list(target.calls))
        say(f"  {name}()")
        faulthandler.dump_traceback_later(LONGEST, exit=True)
        try:
            target.calls[name](objects, rng)
            counts["answered"] += 1
            counts[f"{name} answered"] += 1
        except target.errors:
            counts["refused"] += 1
        except Exception as error:
            if isinstance(error, AttributeError) and error.name in deleted:
                counts["refused"] += 1  # Python's own error names it
                continue
            raise Find(f"{name}: {type(error).__name__}: {error}") from error
        finally:
            faulthandler.cancel_dump_traceback_later()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("module", help="a module with TARGETS")
    parser.add_argument("target", nargs="*", help="names of targets; none means all")
    parser.add_argument("--seconds", type=float, help="for each target (10 without --count)")
    parser.add_argument("--count", type=int, default=sys.maxsize, help="most rounds of each target")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first round")
    parser.add_argument("--log", help="a file for the steps of the last round")
    parser.add_argument("--verbose", action="store_true", help="print the steps")
    parser.add_argument("--continue", action="store_true", help="go on after a find", dest="on")
    arguments = parser.parse_args()
    bounded = arguments.seconds is None and arguments.count < sys.maxsize
    seconds = math.inf if bounded else arguments.seconds or 10.0
    faulthandler.enable()
    warnings.simplefilter("ignore")  # of numpy, about numbers that overflow
    logging.disable()
    targets = importlib.import_module(arguments.module).TARGETS
    finds = 0
    for name in arguments.target or targets:
        counts: Counter[str] = Counter()
        places_of_finds: Counter[str] = Counter()
        end = time.monotonic() + seconds
        seed = arguments.seed
        while time.monotonic() < end and seed < arguments.seed + arguments.count:
            steps: list[str] = []
            log = open(arguments.log, "w") if arguments.log else None  # noqa: SIM115

            def say(step: str, log: Any = log, steps: list[str] = steps) -> None:
                steps.append(step)
                if log is not None:  # a crash must leave the step in the file
                    log.write(step + "\n")
                    log.flush()
                if arguments.verbose:
                    print(step, flush=True)

            try:
                with np.errstate(all="ignore"):
                    play(targets[name], seed, say, counts)
            except Find as find:
                finds += 1
                place = _place_of(find)
                places_of_finds[place] += 1
                if places_of_finds[place] == 1:
                    print(f"{name}: {find} [{place}]", *steps, sep="\n", file=sys.stderr)
                    if arguments.verbose:
                        traceback.print_exception(find.__cause__)
            finally:
                if log is not None:
                    log.close()
            seed += 1
            if finds and not arguments.on:
                return 1
        shown = " ".join(f"{what} {n}," for what, n in counts.items() if " answered" not in what)
        never = [what for what in targets[name].calls if not counts[f"{what} answered"]]
        print(f"{name}: {seed - arguments.seed} rounds, {shown} never answered: {never}")
        print(*places_of_finds.most_common(), sep="\n", end="\n" if places_of_finds else "")
    return finds > 0


def _place_of(find: Find) -> str:
    """Return what distinguishes a find from others: a line of the package, or the wrong answer."""
    if isinstance(find.__cause__, AssertionError):
        return re.sub(r"[-+\d.e]+", "#", str(find))
    frames = traceback.extract_tb(find.__cause__.__traceback__) if find.__cause__ else []
    ours = [frame for frame in frames if "fastw2v" in frame.filename.split(os.sep)] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"


def fuzz_in_child(module: str, target: str) -> str:
    """Fuzz a target in a process of its own, and return what it printed.

    Raises AssertionError with the steps of the last round if there was a find or a crash.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        command = [sys.executable, __file__, module, target, "--log", str(log)]
        path = os.pathsep.join(part for part in sys.path if part)
        done = subprocess.run(
            [*command, *(("--seconds", SECONDS) if SECONDS else ("--count", str(ROUNDS)))],
            env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=float(SECONDS or 0) + 300,
        )
        if done.returncode:
            steps = log.read_text() if log.exists() else ""
            raise AssertionError(
                f"{module} {target}: exit status {done.returncode}\n{steps}\n{done.stderr[-6000:]}"
            )
        return done.stdout


if __name__ == "__main__":
    sys.exit(main())
