"""The examples after Keras and TensorFlow notes run, small, from the command line."""

import json
import os
import subprocess
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
from places import ROOT

import fastw2v

EXAMPLES = ROOT / "examples"
TEXT = "the cat sat on the mat . the dog sat on the rug . a cat and a dog ran home . " * 60


def run(folder, name, *args):
    """Return the stdout of examples/NAME in an empty folder."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *args],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={
            **os.environ,
            "PYTHONPATH": str(Path(fastw2v.__file__).parents[1]),
            "PYTHONUTF8": "1",
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_png(path):
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 5_000


def test_word2vec_basic(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    args = ("text.txt", "--quick", "--steps", "300", "--report-every", "200")
    out = run(tmp_path, "word2vec_basic.py", *args)
    lines = out.splitlines()
    assert lines[0] == "1,140 words, 12 in the vocabulary, 0.0% unknown"
    assert lines[1].startswith("Average loss at step 200: ")
    nearest = [line for line in lines if line.startswith("Nearest to ")]
    assert len(nearest) == 11 and all(line.count(", ") == 7 for line in nearest)
    assert is_png(tmp_path / "word2vec_basic.png")
    report = json.loads(run(tmp_path, "word2vec_basic.py", *args, "--json", "--output", "a.png"))
    assert [step for step, _ in report["average_loss"]] == [200, 300]
    assert report["vocabulary"] == 12 and len(report["nearest"]) == 11
    assert is_png(tmp_path / report["map"])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_sine(tmp_path, cell):
    args = ("--quick", "--cell", cell, "--output", f"{cell}.png")
    report = json.loads(run(tmp_path, "sine.py", *args, "--json"))
    assert report["cell"] == cell and report["epochs"] == 5
    assert report["parameters"] == {"rnn": 461, "lstm": 1781, "gru": 1341}[cell]
    assert np.isfinite(report["error_of_the_carried_on_wave"])
    assert is_png(tmp_path / report["picture"])


def test_sine_prints_the_summary(tmp_path):
    lines = run(tmp_path, "sine.py", "--quick").splitlines()
    assert lines[3].split() == ["rnn", "(TimeLSTM)", "(N,", "T,", "20)", "1,760"]
    assert lines[-1] == "picture: sine.png"


def test_translate_numbers(tmp_path):
    out = run(tmp_path, "translate.py", "--quick")
    lines = out.splitlines()
    assert lines[0].startswith("1,000 pairs, at most 5 characters to ")
    shown = [line for line in lines if line.startswith("Input sentence: ")]
    at = lines.index(shown[0])
    assert len(shown) == 5
    assert lines[at + 1].startswith("Decoded sentence: ")
    assert lines[at + 2].startswith("label sentence: ") and lines[at + 3] == "-"
    assert is_png(tmp_path / "translate.png")


def test_translate_a_file(tmp_path):
    (tmp_path / "pairs.txt").write_text(
        "Go.\t行け。\nGo.\t行きなさい。\nHi.\tやっほー。\n" * 5, "utf-8"
    )
    args = ("--quick", "--json", "--bidirectional", "--attention", "--embed", "6", "--beam", "2")
    report = json.loads(run(tmp_path, "translate.py", "pairs.txt", *args))
    assert report["pairs"] == 15 and len(report["history"]["val_loss"]) == 2
    assert report["samples"][0][2] in ("行け。", "行きなさい。", "やっほー。")
    assert is_png(tmp_path / report["picture"])


# The content of the pictures ------------------------------------------------------------------


@pytest.fixture(scope="module")
def figures():
    source = (EXAMPLES / "figures.py").read_text(encoding="utf-8")
    module = types.ModuleType("figures")
    exec(compile(source, "figures.py", "exec"), vars(module))
    return module


def test_a_missing_font_is_named_in_one_line(figures, monkeypatch, tmp_path, capsys):
    from matplotlib import font_manager

    plain = [font for font in font_manager.fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", plain)
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib's, of each character
        assert figures.draw_curves(tmp_path / "a.png", {"損失": {"学習": [2, 1]}})
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "install a font of their script, such as Noto Sans CJK" in said[0]
    assert figures.pyplot("word") is not None
    assert capsys.readouterr().err == ""


def test_without_matplotlib_there_is_a_word(figures, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert figures.pyplot() is None
    assert not figures.draw_map(tmp_path / "a.png", ["a", "b"], np.eye(2), "title")
    assert "pip install matplotlib" in capsys.readouterr().err
