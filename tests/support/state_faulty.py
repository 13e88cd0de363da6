"""Targets with planted faults, which the tests of state_fuzz.py must find."""

import ctypes

from state_fuzz import Target


class Thing:
    """An object whose state is one number, 1 as long as no one changes it."""

    def __init__(self):
        self.number = 1


Thing.__module__ = "fastw2v.faulty"  # the engine changes objects of the package


def crash(objects, rng):
    if objects["thing"].number != 1:
        ctypes.string_at(0)


def wrong(objects, rng):
    if objects["thing"].number != 1:
        raise AssertionError("a wrong answer")


def unlisted(objects, rng):
    if objects["thing"].number != 1:
        raise ZeroDivisionError


def refused(objects, rng):
    if objects["thing"].number != 1:
        raise ValueError


TARGETS = {
    call.__name__: Target(lambda rng: {"thing": Thing()}, {call.__name__: call})
    for call in (crash, wrong, unlisted, refused)
}
