"""The command line, `fastw2v`."""

from fastw2v.cli.app import main

__all__ = ["main"]
