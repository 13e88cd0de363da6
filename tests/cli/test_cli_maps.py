"""The commands `explore` and `map`: what they write, choose and refuse."""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from cli_report import report

from fastw2v import cli
from fastw2v.keyed_vectors import KeyedVectors

WORDS = [f"word{i}" for i in range(30)] + ["王", "Month", "month"]


@pytest.fixture(autouse=True)
def vectors(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype("f")
    KeyedVectors.from_words(WORDS, table).save("v.fw2v")


def fails(capsys, *argv):
    assert cli.main(list(argv)) == 1
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1
    return err


def words_of(name):
    with open(name, encoding="utf-8") as file:
        page = file.read()
    return json.loads(re.search(r'id="facts">(.*?)</script>', page)[1])["words"]


def test_explore_writes_a_page(capsys):
    pytest.importorskip("bokeh")
    assert cli.main(["explore", "v.fw2v", "--layout", "pca"]) == 0
    out = capsys.readouterr().out
    assert re.fullmatch(
        r"wrote explore.html: 33 words placed by principal components, \d\.\d MB\n", out
    )
    assert words_of("explore.html") == WORDS
    argv = [
        "explore",
        "v.fw2v",
        "-o",
        "p.html",
        "--words",
        "王",
        "MONTH",
        "word3",
        "--layout",
        "pca",
    ]
    assert cli.main(argv) == 0
    assert words_of("p.html") == ["王", "month", "word3"]
    assert cli.main([*argv, "--top", "2", "--title", "Ours & <theirs>"]) == 0
    assert words_of("p.html") == ["王", "month", "word3", "word0", "word1"]
    with open("p.html", encoding="utf-8") as file:
        assert "<title>Ours &amp; &lt;theirs&gt;</title>" in file.read()


def test_explore_refuses_before_the_work(capsys, monkeypatch):
    pytest.importorskip("bokeh")
    assert "expected a name for a page, got one that ends in .png" in fails(
        capsys, "explore", "none.fw2v", "-o", "p.png"
    )
    assert "there is no folder" in fails(capsys, "explore", "none.fw2v", "-o", "no/p.html")
    assert "'nothing' is not among the 33 words" in fails(
        capsys, "explore", "v.fw2v", "--words", "nothing", "word1"
    )
    assert "show the first words by --top 20" in fails(capsys, "explore", "v.fw2v", "--words", "20")
    assert cli.main(["explore", "v.fw2v", "--layout", "grid"]) == 2
    assert "choose from" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "bokeh", None)
    assert "pip install 'fastw2v[explore]'" in fails(capsys, "explore", "none.fw2v")


def test_map_draws_what_the_name_says(capsys):
    pytest.importorskip("matplotlib")
    for name in ("m.png", "m.svg", "M.SVG", "plain"):
        assert (
            cli.main(["map", "v.fw2v", "-o", name, "--layout", "pca", "--words", *WORDS[:9]]) == 0
        )
        assert capsys.readouterr().out == f"wrote {name}\n"
        with open(name, "rb") as file:
            data = file.read()
        if name.lower().endswith(".svg"):
            assert ElementTree.fromstring(data).tag.endswith("svg")
        else:
            assert data.startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize("name", ["m.pdf", "m.jpg", "m.webp", "m.eps", "m.png.gz", "m.html", "m.x"])
def test_map_refuses_other_names_by_name(capsys, name):
    message = fails(capsys, "map", "none.fw2v", "-o", name)
    ending = name[name.rindex(".") :]
    assert f"{name}: expected a name for a picture, got one that ends in {ending};" in message
    assert "end it in .png or .svg" in message


@pytest.mark.parametrize("command", ["explore v.fw2v -o out.html", "map v.fw2v --tsv out"])
def test_a_missing_word_costs_itself_and_not_the_others(capsys, command):
    argv = [*command.split(), "--words", "nothing", "Word3", "王", "word1", "--json"]
    assert cli.main(argv) == 1
    out, err = capsys.readouterr()
    found = report(out)
    assert found["results"]["words"] == 3
    assert found["error"]["type"] == "PartialFailure"
    assert "'nothing' is not among the 33 words" in found["error"]["message"]
    assert "'nothing' is not among" in err
    if command.startswith("explore"):
        assert words_of("out.html") == ["word3", "王", "word1"]
    else:
        with open("out_words.tsv", encoding="utf-8") as file:
            assert file.read().split() == ["word3", "王", "word1"]


def test_the_projector_gets_the_chosen_words(capsys):
    assert cli.main(["map", "v.fw2v", "--tsv", "p", "--words", "王", "word5"]) == 0
    with open("p_words.tsv", encoding="utf-8") as file:
        assert file.read() == "王\nword5\n"
    expected = KeyedVectors.load("v.fw2v")[["王", "word5"]]
    assert np.array_equal(np.loadtxt("p_vectors.tsv"), expected)
