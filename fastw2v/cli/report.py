"""The answers of the commands, as lines for people and as one JSON object for programs.

Every command returns a `Report`. `--json` prints it in the form that `report.schema.json`, a JSON
Schema beside this file, describes; nothing else in the package prints JSON.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastw2v._version import __version__

__all__ = ["SCHEMA_FILE", "SCHEMA_VERSION", "Report", "as_object", "print_json"]

SCHEMA_FILE = Path(__file__).with_name("report.schema.json")
SCHEMA_VERSION = 1  # raised when a field changes its meaning or goes


class Report(NamedTuple):
    """The answer of a command.

    results      the fields of the command in the schema
    lines        the same for people
    interrupted  whether Ctrl-C ended the job early; its results are those reached
    failed       a message if a part of the job failed, whose other results are given
    """

    results: Mapping[str, Any]
    lines: Iterable[str] = ()
    interrupted: bool = False
    failed: str | None = None


def as_object(
    command: str | None,
    exit_code: int,
    results: Mapping[str, Any] | None = None,
    error: tuple[str, str] | None = None,
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the object that --json prints. error: kind and message.

    >>> as_object("similar", 1, error=("KeyError", "'dgo' not found"))["error"]
    {'type': 'KeyError', 'message': "'dgo' not found"}
    """
    return {
        "schema": SCHEMA_VERSION,
        "command": command,
        "version": __version__,
        "exit_code": exit_code,
        "results": None if results is None else _plain(results),
        "error": None if error is None else {"type": error[0], "message": error[1]},
        "warnings": list(warnings),
    }


def _plain(value: Any) -> Any:
    """Return a value made of the types of JSON, which has no number for NaN and infinity."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str | bool | int | None):
        return value
    value = value.item() if hasattr(value, "item") else value  # a number of numpy
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | bool | int) else str(value)


def print_json(content: dict[str, Any]) -> None:
    """Print the object, escaped where the output is not UTF-8."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(content, ensure_ascii=not unicode, indent=2, allow_nan=False))
