"""Types, as a user's own type checker sees them."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fresh_interpreter import run
from places import ROOT

import fastw2v

SAMPLE = ROOT / "tests" / "support" / "typed_sample.py"


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_strict_on_a_users_file(tmp_path):
    # The copy is checked as a user's: without the package's source around it.
    sample = tmp_path / "users_file.py"
    sample.write_text(SAMPLE.read_text(encoding="utf-8"))
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
    done = run(f"import runpy; runpy.run_path({str(SAMPLE)!r})")
    assert done.returncode == 0, done.stderr
