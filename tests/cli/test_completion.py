"""Completion of the command line in a shell, by argcomplete."""

from pathlib import Path

import pytest
from fresh_interpreter import run

import fastw2v

CODE = "from fastw2v.cli import main; raise SystemExit(main())"


def completions(tmp_path, line):
    """Return what a shell would offer behind a line."""
    pytest.importorskip("argcomplete")
    answer = tmp_path / "answer"
    environment = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    run(CODE, **environment)
    return set(answer.read_text().split("\n"))


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fastw2v tr", {"train", "translate", "translate-train"}),
        ("fastw2v train --mod", {"--model"}),
        ("fastw2v train --model ", {"cbow", "skip-gram"}),
        ("fastw2v convert a b --dtype float", {"float16", "float32", "float64"}),
        ("fastw2v run --com", {"--compare"}),
    ],
)
def test_commands_options_and_choices_are_completed(tmp_path, line, offered):
    assert completions(tmp_path, line) == offered


def test_the_programs_are_marked_for_global_completion():
    package = Path(fastw2v.__file__).parent
    for name in ("cli/__init__.py", "__main__.py"):
        # argcomplete reads the first 1024 bytes.
        assert "PYTHON_ARGCOMPLETE_OK" in (package / name).read_text(encoding="utf-8")[:1024]
