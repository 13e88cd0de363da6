"""Types, as a user's own type checker and editor see them."""

import importlib.util
import os
import re
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


# Expressions of user code, and a part of the type that mypy has to find for each.
REVEALED = {
    "Word2Vec(vector_size=8)": "Word2Vec",
    "Word2Vec(vector_size=8).wv": "KeyedVectors",
    "Word2Vec(vector_size=8).train([['a', 'b']])": "tuple[int, int]",
    "Word2Vec(vector_size=8).syn1neg": "ndarray",
    "Word2Vec.load('model')": "Word2Vec",
    "Word2Vec(vector_size=8).epoch_losses": "list[float]",
    "KeyedVectors(8).most_similar('a')": "list[tuple[str, float]]",
    "KeyedVectors(8)['a']": "ndarray",
    "KeyedVectors(8).vectors": "ndarray",
    "KeyedVectors(8).key_to_index": "dict[",
    "KeyedVectors.load('vectors')": "KeyedVectors",
    "KeyedVectors.load('vectors', dtype='float32')": "KeyedVectors",
    "KeyedVectors(8).astype('int8')": "KeyedVectors",
    "Embedding(np.ones((2, 3)))": "Embedding",
    "Embedding(np.ones((2, 3))).forward([0])": "ndarray",
    "Embedding(np.ones((2, 3))).params": "list[",
    "TimeLSTM(np.ones((4, 8)), np.ones((2, 8)), np.ones(8)).forward(np.ones((1, 2, 4)))": "ndarray",
    "Trainer(model, Adam()).fit(np.ones((2, 2)), np.ones(2))": "None",
    "Trainer(model, Adam()).loss_list": "list[float]",
    "Adam(0.1).update([np.ones(2)], [np.ones(2)])": "None",
    "softmax(np.ones(2))": "ndarray",
    "fastw2v.get_num_threads()": "int",
    "fastw2v.build_info()": "dict[str",
}


@needs_mypy
def test_no_public_result_is_any_to_mypy(tmp_path):
    head = (
        "import numpy as np\n"
        "import fastw2v\n"
        "from fastw2v import KeyedVectors, Word2Vec\n"
        "from fastw2v.functions import softmax\n"
        "from fastw2v.layers import Embedding\n"
        "from fastw2v.models import CBOW\n"
        "from fastw2v.optimizer import Adam\n"
        "from fastw2v.time_layers import TimeLSTM\n"
        "from fastw2v.trainer import Trainer\n"
        "model = CBOW(5, 3, 1, np.arange(5))\n"
    )
    lines = [f"reveal_type({expression})" for expression in REVEALED]
    printed = mypy_strict(tmp_path, head + "\n".join(lines) + "\n")
    notes = re.findall(r'py:(\d+): note: Revealed type is "(.*)"', printed)
    types = {lines[int(line) - 1 - head.count("\n")]: found for line, found in notes}
    wrong = {
        expression: types.get(f"reveal_type({expression})", "nothing")
        for expression, word in REVEALED.items()
        if not is_known(types.get(f"reveal_type({expression})", "Any"), word)
    }
    assert wrong == {}, printed


def is_known(type_name, word):
    """Return whether a type holds the word and is not, and may not be, `Any` as a whole."""
    # What brackets hold, such as the shape of an array, may be Any.
    outer, found = type_name, 1
    while found:
        outer, found = re.subn(r"\[[^\[\]]*\]", "", outer)
    return word in re.sub(r"\b(builtins|numpy)\.", "", type_name) and "Any" not in outer


@pytest.fixture(scope="module")
def jedi(tmp_path_factory):
    """Return jedi with a cache of its own, as other test processes write to the common one."""
    jedi = pytest.importorskip("jedi")
    common = jedi.settings.cache_directory
    jedi.settings.cache_directory = str(tmp_path_factory.mktemp("jedi"))
    yield jedi
    jedi.settings.cache_directory = common


def completed(jedi, code):
    """Return jedi's answer to the last character of a few lines: names, or signatures."""
    script = jedi.Script(code, project=jedi.Project(HOME))
    line, column = code.count("\n") + 1, len(code) - code.rfind("\n") - 1
    if code.endswith("("):
        return [signature.to_string() for signature in script.get_signatures(line, column)]
    return {completion.name for completion in script.complete(line, column)}


def test_an_editor_completes_word2vec_with_its_signature(jedi):
    (signature,) = completed(jedi, "from fastw2v import Word2Vec; Word2Vec(")
    for argument in ("vector_size: int=100", "window: int=5", "deterministic: bool=False"):
        assert argument in signature


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("from fastw2v import W", {"Word2Vec"}),
        ("import fastw2v; fastw2v.", {"Word2Vec", "KeyedVectors", "layers", "install"}),
        ("from fastw2v import Word2Vec\nWord2Vec().wv.most_", {"most_similar"}),
        ("from fastw2v.layers import Embedding\nEmbedding(W).", {"forward", "backward", "params"}),
    ],
)
def test_an_editor_completes_names(jedi, code, names):
    assert names <= completed(jedi, code)


def test_the_sample_runs_as_far_as_it_defines():
    done = run(f"import runpy; runpy.run_path({str(SAMPLE)!r})")
    assert done.returncode == 0, done.stderr
