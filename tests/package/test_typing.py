"""Types, as a user's own type checker and editor see them."""

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
HOME = str(Path(fastw2v.__file__).parents[1])

needs_mypy = pytest.mark.skipif(
    importlib.util.find_spec("mypy") is None, reason="mypy is not installed"
)
needs_jedi = pytest.mark.skipif(
    importlib.util.find_spec("jedi") is None, reason="jedi is not installed"
)


def mypy_strict(folder, code):
    """Return what mypy --strict prints about a user's file, without our source around it."""
    (folder / "users_file.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "users_file.py"],
        cwd=folder,
        env=os.environ | ({"MYPYPATH": HOME} if "site-packages" not in HOME else {}),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stderr == ""
    return done.stdout.strip()


@needs_mypy
def test_mypy_strict_on_a_users_file(tmp_path):
    found = mypy_strict(tmp_path, SAMPLE.read_text(encoding="utf-8"))
    assert found == "Success: no issues found in 1 source file"


def completed(code):
    """Return jedi's answer to the last character of a few lines: names, or signatures."""
    import jedi

    script = jedi.Script(code, project=jedi.Project(HOME))
    line, column = code.count("\n") + 1, len(code) - code.rfind("\n") - 1
    if code.endswith("("):
        return [signature.to_string() for signature in script.get_signatures(line, column)]
    return {completion.name for completion in script.complete(line, column)}


@needs_jedi
def test_an_editor_completes_word2vec_with_its_signature():
    (signature,) = completed("from fastw2v import Word2Vec; Word2Vec(")
    for argument in ("vector_size: int=100", "window: int=5", "deterministic: bool=False"):
        assert argument in signature


@needs_jedi
@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("from fastw2v import W", {"Word2Vec"}),
        ("import fastw2v; fastw2v.", {"Word2Vec", "KeyedVectors", "layers", "install"}),
        ("from fastw2v import Word2Vec\nWord2Vec().wv.most_", {"most_similar"}),
        ("from fastw2v.layers import Embedding\nEmbedding(W).", {"forward", "backward", "params"}),
    ],
)
def test_an_editor_completes_names(code, names):
    assert names <= completed(code)


def test_the_sample_runs_as_far_as_it_defines():
    done = run(f"import runpy; runpy.run_path({str(SAMPLE)!r})")
    assert done.returncode == 0, done.stderr
