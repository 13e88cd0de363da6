"""`--json`: each command prints one object of the documented form, whatever happens."""

import json
import os

import numpy as np
import pytest
from cli_report import report, results
from fresh_interpreter import run

from fastw2v import _version
from fastw2v.cli import app as cli
from fastw2v.cli import main
from fastw2v.cli.report import SCHEMA_FILE, as_object
from fastw2v.keyed_vectors import KeyedVectors

COMMANDS = {*cli.COMMANDS, "run"}
TEXT = "the cat sat on the mat and the dog sat on the cat . " * 40


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "pairs.txt").write_text("1\tI\n2\tII\n3\tIII\n5\tV\n6\tVI\n" * 4)
    (tmp_path / "judged.csv").write_text("east,near,9\neast,north,4\neast,west,1\n")
    (tmp_path / "questions.txt").write_text(": first\neast near west north\n")
    words = ["east", "near", "north", "west"]
    table = np.array([[1, 0], [0.9, 0.1], [0, 1], [-1, 0]], dtype=np.float32)
    KeyedVectors.from_words(words, table).save("v.fw2v")
    return tmp_path


CALLS = [
    "train text.txt --dim 4 --epochs 1 --quiet",
    "train text.txt --dim 4 --epochs 1 --quiet --engine layers --negative 2",
    "train text.txt --dim 4 --epochs 1 --quiet --held-out text.txt --checkpoint c.fw2v",
    "word2vec -train text.txt -output w.bin -size 4 -iter 1 -save-vocab counts -debug 0",
    "train text.txt --dim 4 --epochs 1 --quiet --subwords --buckets 100",
    "fasttext cbow -input text.txt -output w -dim 4 -epoch 1 -bucket 100 -verbose 0",
    "plan --vocabulary 1e6 --dim 300 --words 1e10 --machines 4",
    "phrases text.txt --threshold 0.1 --quiet -o joined.txt",
    "similar v.fw2v East west -n 2",
    "analogy v.fw2v east north west",
    "evaluate v.fw2v judged.csv",
    "evaluate v.fw2v questions.txt",
    "convert v.fw2v other.txt",
    "map v.fw2v --tsv words",
    "lm-train text.txt --size 4 --epochs 1 --batch-size 2 --time-size 5 --quiet -o lm.npz",
    "generate lm.npz -n 5",
    "translate-train pairs.txt --units 4 --epochs 1 --quiet -o t.npz",
    "translate t.npz 1 2 x",
    "info",
    "info v.fw2v",
]


def test_every_command_prints_the_documented_object(folder, capsys):
    printed = set()
    for call in CALLS:
        code = main([*call.split(), "--json"])
        found = report(capsys.readouterr().out)
        assert (found["command"], found["exit_code"]) == (call.split()[0], code), call
        assert found["version"] == _version.__version__
        assert found["results"] is not None and code == (1 if " x" in call else 0), found
        printed.add(found["command"])
    # `explore` needs Bokeh and `run --compare` a folder of the book; their tests are elsewhere.
    assert printed == COMMANDS - {"explore", "run"}


def test_the_schema_knows_every_command_and_is_printed(capsys):
    assert main(["--json-schema"]) == 0
    printed = capsys.readouterr().out
    assert printed == SCHEMA_FILE.read_text(encoding="utf-8")
    schema = json.loads(printed)
    assert {*schema["properties"]["command"]["enum"]} == {*COMMANDS, None}
    assert {*schema["$defs"]} >= COMMANDS
    wrong = as_object("similar", 0, {"Month": [["day", "0.5"]]})
    jsonschema = pytest.importorskip("jsonschema")
    with pytest.raises(jsonschema.ValidationError):
        report(json.dumps(wrong))


NEED_NOTHING = {"train", "phrases", "lm-train", "translate-train", "info", "run"}


@pytest.mark.parametrize("command", sorted(COMMANDS - NEED_NOTHING))
def test_wrong_usage_is_an_object_too(capsys, command):
    assert main([command, "--json"]) == 2  # without its arguments
    out, err = capsys.readouterr()
    found = report(out)
    assert (found["command"], found["exit_code"], found["results"]) == (command, 2, None)
    assert found["error"]["type"] == "UsageError"
    assert err.splitlines()[-1].endswith(found["error"]["message"])


@pytest.mark.parametrize(
    ("argv", "kind", "message"),
    [
        (["similar", "none.bin", "a"], "FileNotFoundError", "none.bin"),
        (["similar", "v.fw2v", "nort"], "KeyError", "did you mean north?"),
        (["train", "none.txt"], "FileNotFoundError", "none.txt"),
        (["convert", "v.fw2v", "no/v.bin"], "FileNotFoundError", "no folder"),
        (["evaluate", "v.fw2v", "text.txt"], "ValueError", "expected lines `word, word, number`"),
    ],
)
def test_failures_are_objects_with_the_line_of_stderr(folder, capsys, argv, kind, message):
    assert main([*argv, "--json"]) == 1
    out, err = capsys.readouterr()
    found = report(out)
    assert found["results"] is None and found["error"]["type"] == kind
    assert message in found["error"]["message"]
    assert err.splitlines()[-1] == f"fastw2v: error: {found['error']['message']}"


@pytest.mark.parametrize("call", ["info", "similar v.fw2v east", "train", "map v.fw2v --tsv t"])
def test_a_wrong_level_is_a_failure_like_any_other(call):
    argv = [*call.split(), "--json"]
    done = run(f"import sys; from fastw2v.cli import main; sys.exit(main({argv}))", FASTW2V_ISA="9")
    found = report(done.stdout)
    assert (done.returncode, found["error"]["type"]) == (1, "ImportError")
    assert done.stderr == f"fastw2v: error: {found['error']['message']}\n"
    assert "FASTW2V_ISA: expected baseline" in done.stderr


@pytest.mark.parametrize("argv", [["--help"], ["similar", "--help"], ["--json-schema"]])
def test_help_imports_neither_numpy_nor_a_kernel(argv):
    code = (
        f"import sys; from fastw2v.cli import main; code = main({argv}); "
        "print({'numpy', 'fastw2v._kernels'} & {*sys.modules}, file=sys.stderr); sys.exit(code)"
    )
    done = run(code, FASTW2V_ISA="9")
    assert (done.returncode, done.stderr) == (0, "set()\n")


def test_ctrl_c_without_results(folder, capsys, monkeypatch):
    def stop(args):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "info", stop)
    assert main(["info", "--json"]) == 130
    found = report(capsys.readouterr().out)
    assert found["exit_code"] == 130 and found["error"]["type"] == "KeyboardInterrupt"


@pytest.mark.filterwarnings("default")
def test_warnings_of_both_kinds_are_listed(folder, capsys):
    (folder / "odd.txt").write_text("3 2\na 1 0\na 0 1\nb 1 1\n")
    assert main(["convert", "odd.txt", "even.txt", "--json"]) == 0
    out, err = capsys.readouterr()
    (warning,) = report(out)["warnings"]
    assert "odd.txt" in warning and f"fastw2v: warning: {warning}\n" in err
    (folder / "wide.txt").write_text("a b " * 3000)
    argv = "train wide.txt --window 2500 --epochs 1 --dim 2 --subsample 0 --lr 1e-9 --quiet --json"
    assert main(argv.split()) == 0
    assert any("window" in warning for warning in report(capsys.readouterr().out)["warnings"])


def test_numbers_that_json_has_not_are_null(folder, capsys):
    (folder / "same.csv").write_text("east,near,1\neast,north,1\n")
    assert main(["evaluate", "v.fw2v", "same.csv", "--json"]) == 0
    assert results(capsys.readouterr().out)["pearson"] is None
    found = as_object("info", 0, {"a": np.float32(0.5), "b": np.inf, "c": np.int64(3), "d": (1,)})
    assert found["results"] == {"a": 0.5, "b": None, "c": 3, "d": [1]}
    json.dumps(found, allow_nan=False)


def test_json_goes_to_stderr_where_a_file_goes_to_stdout(folder):
    name = str(folder / "v.fw2v")
    done = run(f"from fastw2v.cli import main; main(['convert', {name!r}, '-', '--json'])")
    assert done.stdout.startswith("4 2\neast ")
    assert report(done.stderr)["results"]["output"] == "standard output"


BOOK_LOOP = """
import numpy as np
from common.optimizer import SGD
optimizer = SGD()
params, grads = [np.ones(3)], [np.ones(3)]
for k in range(9):
    loss = float(params[0].sum())
    optimizer.update(params, grads)
"""


def test_run_compare(folder, capsys):
    (folder / "common").mkdir()
    (folder / "common" / "__init__.py").write_text("")
    (folder / "common" / "optimizer.py").write_text(
        "class SGD:\n    def update(self, params, grads):\n"
        "        for p, g in zip(params, grads):\n            p -= 0.01 * g\n"
    )
    (folder / "loop.py").write_text(BOOK_LOOP)
    assert main(["run", "--compare", "5", "--json", "loop.py"]) == 0
    found = results(capsys.readouterr().out)
    assert found["steps"] == 4 and found["largest_difference"] < 1e-6
    for argv, code in ((["--compare", "1"], 2), (["--compare", "5"], 2)):
        assert main(["run", *argv, "--json", "none.py"]) == code
        out, err = capsys.readouterr()
        assert report(out)["error"]["message"] in err
    assert main(["run", "--json", "loop.py"]) == 2
    assert "--json: expected --compare N beside it" in capsys.readouterr().err


def test_explore(folder, capsys):
    pytest.importorskip("bokeh")
    pytest.importorskip("sklearn")
    assert main(["explore", "v.fw2v", "-o", "page.html", "--layout", "pca", "--json"]) == 0
    found = results(capsys.readouterr().out)
    assert found["words"] == 4 and found["bytes"] == os.path.getsize("page.html")


def test_help_shows_every_default(capsys):
    """An option with a value tells what holds without it; no help has a bare None."""
    parser = cli._parser()
    (commands,) = (a for a in parser._actions if a.dest == "command")
    threads = set()
    for name, command in commands.choices.items():
        text = " ".join(command.format_help().split())
        assert "default: None" not in text and "%(default)s" not in text, name
        formatter = command._get_formatter()
        for action in command._actions:
            if action.option_strings and action.nargs != 0 and not action.required:
                shown = formatter._expand_help(action)
                assert "(default: " in shown or name == "run", (name, action.option_strings)
            if action.dest == "threads":
                threads.add((action.default, formatter._expand_help(action).partition("(")[2]))
        # Some verbs of fasttext print what that program prints.
        assert ("--json" in text) != (name == "fasttext")
    assert len(threads) == 1 and next(iter(threads))[0] is None
