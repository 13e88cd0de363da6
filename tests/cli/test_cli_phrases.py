"""The command `fastw2v phrases`."""

import json

import pytest
from phrase_texts import CONNECTORS, planted

from fastw2v import cli
from fastw2v.phrases import FrozenPhrases, Phrases

TEXT = planted(n_sentences=80)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("".join(" ".join(sentence) + "\n" for sentence in TEXT), encoding="utf-8")
    return path


def test_phrases_are_printed_joined_and_saved(text, tmp_path, capsys):
    out, model = tmp_path / "out.txt", tmp_path / "model"
    options = ["--min-count", "2", "--threshold", "1", "--connectors", ",".join(CONNECTORS)]
    command = ["phrases", str(text), "-o", str(out), "--save", str(model), "-n", "3", *options]
    assert cli.main([*command, "--split", "blanks"]) == 0
    phrases = Phrases(TEXT, 2, 1, connector_words=CONNECTORS)
    lines = out.read_text(encoding="utf-8").split("\n")
    assert [line.split() for line in lines] == [*phrases[TEXT], []]
    printed, said = capsys.readouterr()
    best = sorted(phrases.export_phrases().items(), key=lambda item: -item[1])[:3]
    assert [line.split() for line in printed.splitlines()] == [[f"{x:.3f}", w] for w, x in best]
    assert f"found {len(phrases.export_phrases())} phrases, wrote {out}" in said
    assert FrozenPhrases.load(model).phrase_scores == phrases.phrase_scores


def test_a_second_pass_joins_phrases(text, tmp_path, capsys):
    out = tmp_path / "out.txt"
    options = ["--min-count", "2", "--threshold", "1", "--delimiter", "+", "--passes", "2"]
    assert cli.main(["phrases", str(text), "-o", str(out), "--json", *options]) == 0
    first = Phrases(TEXT, 2, 1, delimiter="+")
    second = Phrases(first[TEXT], 2, 1, delimiter="+")
    lines = out.read_text(encoding="utf-8").split("\n")
    assert [line.split() for line in lines] == [*second[first[TEXT]], []]
    assert any(word.count("+") == 2 for line in lines for word in line.split())
    printed = json.loads(capsys.readouterr().out)
    assert printed["phrases"] == len(first.export_phrases() | second.export_phrases())
    assert printed["words"] == second.corpus_word_count and len(printed["best"]) == 20


def test_npmi_and_blank_lines(tmp_path, capsys):
    path, out = tmp_path / "t", tmp_path / "o"
    path.write_text("New York is big.\n\nI love New York!\n" * 3 + "in new york", encoding="utf-8")
    assert cli.main(["phrases", str(path), "-o", str(out), "--scoring", "npmi", "--quiet"]) == 0
    assert out.read_text() == "new_york is big\n\ni love new_york\n" * 3 + "in new_york\n"
    printed = capsys.readouterr()
    assert printed.out.split()[1] == "new_york" and printed.err == ""


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--threshold", "x"], 2, "expected a number, got 'x'"),
        (["--threshold", "nan"], 2, "expected a number, got 'nan'"),
        (["--threshold", "-1"], 1, "threshold: expected a number above 0"),
        (["--delimiter", " "], 1, "--delimiter: expected no white space"),
        (["--scoring", "pmi"], 2, "invalid choice"),
        (["--passes", "0"], 2, "expected a whole number of 1 or more"),
    ],
)
def test_wrong_options_are_refused(text, tmp_path, capsys, options, code, message):
    out = tmp_path / "out.txt"
    assert cli.main(["phrases", str(text), "-o", str(out), *options]) == code
    assert message in capsys.readouterr().err
    assert not out.exists()
