"""Checks and conversions of arguments that more than one module needs.

A `check_x` returns None; an `as_x` returns its argument converted. Each raises before anything is
changed. Its message names the argument, the expected value, the given one and the cure. IndexError
is for ids, TypeError for dtypes, ValueError for shapes and values. A check with a single caller
lives beside that caller.
"""
