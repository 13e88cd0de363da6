"""What all commands share: exit codes, types of arguments, what is said on stderr and stdout."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

OK, FAILED, USAGE, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141


def number(
    convert: Callable[[str], float], what: str, accept: Callable[[float], bool]
) -> Callable[[str], float]:
    """An argparse type; its message says what would be right."""

    def parse(text: str) -> float:
        try:
            value = convert(text)
        except ValueError:
            value = float("nan")
        if not accept(value):
            raise argparse.ArgumentTypeError(f"expected {what}, got {text!r}")
        return value

    return parse


COUNT = number(int, "a whole number of 1 or more", lambda n: 1 <= n < 2**31)
SEED = number(int, "a whole number from 0 to 4294967295", lambda n: 0 <= n < 2**32)
RATE = number(float, "a number above 0", lambda x: 0 < x < float("inf"))
SHARE = number(float, "a number from 0 to 1", lambda x: 0 <= x <= 1)


def say(text: str, *, unless: bool = False) -> None:
    if not unless:
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # None under pythonw, closed
        return False


def print_json(content: object) -> None:
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(content, ensure_ascii=not unicode, indent=2, default=str))


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed numpy's global stream, which all of training draws from, and put it back."""
    import numpy as np

    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)
