"""The notebooks run from beginning to end, hold no outputs and are linked where readers look."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

import fastw2v

NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
JAPANESE = [path for path in NOTEBOOKS if path.name.startswith("ja_")]
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
DRAWS = re.compile(r"^import matplotlib|^from fastw2v.fonts", re.M)


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def code(path):
    return ["".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "code"]


def run(path, folder):
    home = str(Path(fastw2v.__file__).parents[1])
    python_path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, "-m", "fastw2v", "run", str(path)],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": python_path, "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "agg"}
        | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


def test_there_are_notebooks_for_all():
    assert len(NOTEBOOKS) == 9 and len(JAPANESE) == 5


@each
def test_a_notebook_runs(path, tmp_path):
    if DRAWS.search("\n".join(code(path))) and not importlib.util.find_spec("matplotlib"):
        pytest.skip("matplotlib is not installed")
    done = run(path, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "missing from" not in done.stderr  # glyphs, of which a font is found or one line tells
    # The lines for the shell are those of the first cell alone.
    assert done.stderr.count(" left out: ") == 1
    assert done.stdout


@pytest.mark.parametrize("path", [NOTEBOOKS[0], JAPANESE[0]], ids=lambda path: path.stem)
def test_a_wrong_number_ends_a_notebook(path, tmp_path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    last = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"][1]
    last["source"] += ["\n", "assert 1 == 2, 'a wrong number'"]
    copy = tmp_path / path.name
    copy.write_text(json.dumps(notebook), encoding="utf-8")
    done = run(copy, tmp_path)
    assert done.returncode == 1 and "a wrong number" in done.stderr


@each
def test_a_notebook_is_kept_without_outputs(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
    assert "".join(notebook["cells"][0]["source"]).startswith("# ")
    assert sum(source.count("assert ") + source.count("check(") for source in code(path)) >= 5


@each
def test_the_first_cell_installs_where_fastw2v_is_missing(path, monkeypatch):
    first = code(path)[0]
    assert first.count("%pip install --quiet") == 1
    called = []
    source = re.sub(r"%pip install .*", "called.append(1)", first)
    exec(source, {"called": called})
    assert called == []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    exec(source, {"called": called})
    assert called == [1]


@each
def test_a_notebook_is_linked(path):
    link = f"examples/notebooks/{path.name}"
    pages = ["docs/gallery.md", "README.ja.md" if path in JAPANESE else "README.md"]
    for page in pages:
        assert link in (ROOT / page).read_text(encoding="utf-8"), page


@pytest.mark.parametrize("path", JAPANESE, ids=lambda path: path.stem)
def test_japanese_notebooks_explain_in_japanese(path):
    for cell in cells(path):
        if cell["cell_type"] == "markdown":
            assert re.search("[ぁ-んァ-ヶ一-龠]", "".join(cell["source"]))
