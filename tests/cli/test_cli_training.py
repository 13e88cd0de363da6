"""`fastw2v train` from text to neighbours, with the real models."""

import re

import numpy as np
import pytest
from cli_report import results
from places import ROOT

from fastw2v import cli
from fastw2v.keyed_vectors import KeyedVectors

MONTH_WORDS = {"day", "days", "week", "year", "hour", "weekday"}


@pytest.fixture
def text(tmp_path, monkeypatch):
    """Two topics that share no word: neighbours must come from the own topic."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    topics = (["cat", "dog", "cow", "hen"], ["red", "blue", "green", "pink"])
    sentences = [" ".join(rng.choice(topics[n % 2], 30)) for n in range(60)]
    path = tmp_path / "topics.txt"
    path.write_text("\n".join(sentences), encoding="utf-8")
    return "topics.txt"


@pytest.mark.parametrize("model", ["cbow", "skip-gram"])
def test_train_learns_the_topics(text, capsys, model):
    argv = ["train", text, "--model", model, "--dim", "8", "--window", "2", "--subsample", "0"]
    assert cli.main([*argv, "--negative", "2", "--lr", "0.01", "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    result = results(out)
    assert err == ""
    assert result["vocabulary"] == 8
    assert np.isfinite(result["loss"])
    vectors = KeyedVectors.load("vectors.txt")
    assert {word for word, _ in vectors.most_similar("cat", topn=3)} == {"dog", "cow", "hen"}
    assert {word for word, _ in vectors.most_similar("pink", topn=3)} == {"red", "blue", "green"}


def test_the_same_seed_gives_the_same_file(text, tmp_path):
    argv = ["train", text, "--dim", "5", "--window", "1", "--epochs", "2", "--negative", "2"]
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert cli.main([*argv, "--seed", seed, "-o", name, "--quiet", "--deterministic"]) == 0
    contents = [(tmp_path / name).read_bytes() for name in "abc"]
    assert contents[0] == contents[1] != contents[2]


TEXTS = {
    "English": (
        "the river and the road and the house are old . a town near the river"
        " has a house . they saw the road , they saw the town , and it was old .",
        {"river", "road", "house", "town", "near", "they"},
    ),
    "Japanese": (
        "犬 と 猫 が 東京 の 公園 を 走る 。 データ から 単語 を 学習 する 。 から は に 犬 の",
        {"東京", "公園", "走る", "データ", "単語", "学習"},
    ),
}


@pytest.mark.parametrize("language", TEXTS)
def test_the_words_shown_come_from_the_text(language, tmp_path, capsys, monkeypatch):
    text, expected = TEXTS[language]
    # Fifty more frequent words are taken for function words; "file" is rare, and not preferred.
    common = " ".join(f"f{n}" for n in range(60))
    (tmp_path / "text.txt").write_text(
        f"{common} {text} " * 9 + f"{common} " * 9 + "file " * 5, "utf-8"
    )
    monkeypatch.chdir(tmp_path)
    argv = ["train", "text.txt", "--dim", "8", "--epochs", "1", "--subsample", "0", "--quiet"]
    assert cli.main([*argv, "--json"]) == 0
    shown = list(results(capsys.readouterr().out)["neighbours"])
    assert len(set(shown[:6]) & expected) >= 5 and shown[0] != "file", shown


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_the_default_run_knows_what_a_month_is(tmp_path, capsys, monkeypatch, seed):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "--seed", seed, "--json", "--quiet"]) == 0
    result = results(capsys.readouterr().out)
    nearest = {word for word, _ in result["neighbours"]["month"]}
    assert len(nearest & MONTH_WORDS) >= 3
    assert next(iter(result["neighbours"])) == "month"
    if seed == "0":  # the default, whose output the READMEs show; the text varies with Python
        for page in ("README.md", "README.ja.md"):
            text = (ROOT / page).read_text(encoding="utf-8")
            shown = re.search(r"^month: (.*)$", text, re.M)[1].split()
            assert len(shown) == 10 and len(nearest & set(shown)) >= 6
    assert len(result["neighbours"]["thread"]) == 10
