"""The object that `fastw2v COMMAND --json` prints, checked against its schema."""

import json

import pytest

from fastw2v.cli.report import SCHEMA_FILE


def report(printed):
    """Return the printed object; an error if it is not of the documented form."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    found = json.loads(printed, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    jsonschema.Draft202012Validator(schema).validate(found)
    return found


def results(printed):
    """Return the results of a command that did all of its work, or was stopped by Ctrl-C."""
    found = report(printed)
    assert found["error"] is None and found["exit_code"] in (0, 130)
    return found["results"]
