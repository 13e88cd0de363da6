"""Types, as a user's own type checker sees them."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_build import run

import fastw2v

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_strict_on_a_users_file(tmp_path):
    # The copy is checked as a user's: without the package's source around it.
    sample = tmp_path / "users_file.py"
    sample.write_text((ROOT / "tests" / "typed_sample.py").read_text(encoding="utf-8"))
    home = str(Path(fastw2v.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", sample.name],
        cwd=tmp_path,
        env=os.environ | ({"MYPYPATH": home} if "site-packages" not in home else {}),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout.strip() == "Success: no issues found in 1 source file", done.stderr


def test_the_sample_runs_as_far_as_it_defines():
    done = run(f"import runpy; runpy.run_path({str(ROOT / 'tests' / 'typed_sample.py')!r})")
    assert done.returncode == 0, done.stderr


def squeezed(text):
    """Without what ruff changes in the layout."""
    text = "".join(text.split()).replace("'", '"')
    return text.replace(",)", ")").replace(",]", "]")


def test_stubs_are_what_the_tool_writes(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import stubs

    for path, text in stubs.stubs().items():
        written = path.read_text(encoding="utf-8")
        assert squeezed(written) == squeezed(text), f"{path.name}: run python tools/stubs.py"
