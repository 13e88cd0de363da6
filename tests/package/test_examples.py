"""The examples run in their quick form and print their results."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

import fastw2v

EXAMPLES = ROOT / "examples"


def run(name, *args, cwd):
    home = str(Path(fastw2v.__file__).parents[1])
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), "--quick", *map(str, args)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 5000


@pytest.mark.parametrize("name", ["addition", "dates", "rnnlm"])
def test_json_and_picture(name, tmp_path):
    done = run(name, "--json", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert done.stderr == ""
    assert report["picture"] == f"{name}.png" and is_png(tmp_path / f"{name}.png")
    assert isinstance(report["seconds"], float)
    if name == "addition":
        for by_name in report["validation_loss"].values():
            assert len(by_name) == 3
            assert all(first > last for first, last in by_name.values())
        assert {len(names) for names in report["ranking"].values()} == {3}
        assert 0 <= report["peeky"]["exact"] <= 1
    elif name == "dates":
        assert report["validation_loss"][0] > report["validation_loss"][-1]
        assert len(report["exact"]) == report["epochs"] == 5
        assert report["exact"][-1] > 0.5  # so that the picture shows an attention that was learned
    else:
        found = report["perplexity"]["validation"]
        assert found["model"] < found["unigram"]
        assert len(report["text"].split()) > 20


def test_addition_prints_samples_as_the_note_does(tmp_path):
    out = run("addition", "--state", "both", "--output", tmp_path / "a.png", cwd=tmp_path).stdout
    lines = out.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("Input sentence:"))
    assert lines[first].startswith("Input sentence:   ['")
    assert lines[first + 1].startswith("Decoded sentence: ['")
    assert lines[first + 2].startswith("label sentence:   ['")
    assert lines[first + 3] == "-"
    for state in ("h", "h and c"):
        assert f"mean of the validation loss over 2 epochs, {state} handed over" in out
    assert "Peeky, reversed input: " in out and is_png(tmp_path / "a.png")


def test_rnnlm_on_texts_of_ones_own(tmp_path):
    text = "the cat sat on the mat .\nno it did not .\n" * 200
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    (tmp_path / "b.txt").write_text(text[:2000], encoding="utf-8")
    done = run(
        *("rnnlm", "a.txt", "--test", "b.txt", "--split", "blanks", "--model", "rnnlm"),
        *("--start", "the cat", "--save", "m.npz"),
        cwd=tmp_path,
    )
    assert "test perplexity " in done.stdout and "\nthe cat" in done.stdout
    assert (tmp_path / "m.npz").exists() and is_png(tmp_path / "rnnlm.png")


@pytest.mark.parametrize("source", ["own pages", "a file"])
def test_japanese_goes_from_raw_text_to_neighbours(source, tmp_path):
    pytest.importorskip("janome")
    args = ["--tokenizer", "janome", "--json"]
    if source == "a file":
        text = (
            "吾輩は猫である。名前はまだない。犬と猫が東京の公園を走る。ﾊﾝｶｸの名前も読める。\n" * 40
        )
        (tmp_path / "text.txt").write_text(text, encoding="cp932")
        args += ["text.txt", "--encoding", "cp932"]
    done = run("japanese", *args, cwd=tmp_path)
    report = json.loads(done.stdout)
    words = set(report["nearest"]) | {w for near in report["nearest"].values() for w, _ in near}
    if source == "a file":
        # janome knows no ハンカク, and makes two words of it in full width.
        assert {"吾輩", "名前", "東京", "公園", "ハン", "カク"} <= words
    else:
        assert report["characters"] > 10_000 and {"単語", "学習", "重み"} <= set(report["nearest"])
    assert all(len(near) == 5 for near in report["nearest"].values())
    assert is_png(tmp_path / report["map"])


def test_without_matplotlib_there_is_no_picture(tmp_path):
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib" / "__init__.py").write_text("raise ImportError('not installed')")
    code = (
        f"import sys; sys.path[:0] = [{str(EXAMPLES)!r}, {str(tmp_path)!r}]\n"
        "import dates; dates.main(['--quick', '--json'])"
    )
    home = str(Path(fastw2v.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": home},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert json.loads(done.stdout)["picture"] is None
    assert "pip install matplotlib" in done.stderr
