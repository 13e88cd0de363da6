"""`fastw2v translate-train` and `fastw2v translate`, from files to files, in this process."""

import io

import numpy as np
import pytest
from cli_report import report, results

from fastw2v import cli
from fastw2v.datasets import kanji_numbers
from fastw2v.models import CharTranslator

PAIRS = kanji_numbers(60, 99, rng=3)
SMALL = ("--units", "12", "--epochs", "2", "--batch-size", "8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "".join(f"{source}\t{target}\n" for source, target in PAIRS)
    (tmp_path / "pairs.txt").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(folder, capsys, monkeypatch):
    def call(*args, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = cli.main(list(args))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_train_saves_and_shows(run, folder):
    state = np.random.get_state()[1].copy()
    code, out, err = run("translate-train", "pairs.txt", *SMALL)
    assert code == 0
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert err == "fastw2v: 60 pairs (12 held out), 10 and 13 characters, " + (
        f"{sum(p.size for p in CharTranslator.load('translator.npz').params):,} parameters\n"
    )
    lines = out.splitlines()
    assert lines[0] == f"Input sentence: {PAIRS[48][0]}"
    assert lines[1].startswith("Decoded sentence: ")
    assert lines[2] == f"label sentence: {PAIRS[48][1]}" and lines[3] == "-"
    assert lines[-2].endswith("% of 12 held-out pairs are translated exactly")
    assert lines[-1] == "saved in translator.npz"
    assert len(lines) == 5 * 4 + 2


def test_the_same_seed_gives_the_same_model(run):
    for name in ("a.npz", "b.npz"):
        run("translate-train", "pairs.txt", *SMALL, "-o", name, "--seed", "7", "--quiet")
    first, second = CharTranslator.load("a.npz"), CharTranslator.load("b.npz")
    for mine, other in zip(first.params, second.params, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_all_options_reach_the_model(run, folder):
    code, out, err = run(
        "translate-train", "pairs.txt", *SMALL, "--max-pairs", "20", "--embed", "5", "--attention",
        "--bidirectional", "--reverse", "--optimizer", "adam", "--lr", "0.01", "--validation",
        "0.5", "--quiet", "--json", "--plot", "history.png", "-o", "m.npz",
    )  # fmt: skip
    found = results(out)
    assert code == 0 and err == ""
    assert found["pairs"] == 20 and found["held_out"] == 10
    assert {name: len(values) for name, values in found["history"].items()} == dict.fromkeys(
        ("loss", "accuracy", "val_loss", "val_accuracy"), 2
    )
    assert found["settings"]["optimizer"] == "adam" and found["settings"]["units"] == 12
    assert [sample["label"] for sample in found["samples"]] == [t for _, t in PAIRS[10:15]]
    model = CharTranslator.load("m.npz")
    assert (model.embed_size, model.hidden_size, model.bidirectional) == (5, 12, True)
    assert model.attention and model.reverse
    assert (folder / "history.png").read_bytes()[1:4] == b"PNG"


def test_without_a_file_it_learns_numbers(run):
    code, out, err = run("translate-train", "--max-pairs", "50", *SMALL, "--validation", "0")
    assert code == 0 and err.startswith("fastw2v: no FILE given, taking numbers and kanji numerals")
    assert "exact" not in out
    assert CharTranslator.load("translator.npz").source_characters == list("0123456789")


def test_translate(run):
    model = CharTranslator.from_pairs(PAIRS, 12, rng=np.random.default_rng(0))
    model.save("m.npz")
    assert run("translate", "m.npz", "42", "7") == (
        0,
        "".join(f"{model.translate(text)}\n" for text in ("42", "7")),
        "",
    )
    code, out, _ = run("translate", "m.npz", "-", "3", "--beam", "4", stdin="42\n\n17\r\n")
    assert code == 0
    assert out.splitlines() == [model.translate(text, 4) for text in ("42", "17", "3")]
    _, out, _ = run("translate", "m.npz", "42", "--json")
    (found,) = results(out)["translations"]
    assert found["source"] == "42" and found["translation"] == model.translate("42")
    assert found["log_probability"] == pytest.approx(model.decode("42").score)


def test_a_line_that_cannot_be_translated_costs_itself_alone(folder, capsys, monkeypatch):
    model = CharTranslator.from_pairs(PAIRS, 12, rng=np.random.default_rng(0))
    model.save("m.npz")
    lines = b"\xef\xbb\xbf42\n4x\n\n123\n\xe9\n17\r\n"
    reader = io.TextIOWrapper(io.BytesIO(lines), "utf-8")
    monkeypatch.setattr("sys.stdin", reader)
    assert cli.main(["translate", "m.npz", "-", "7", "--json"]) == 1
    out, err = capsys.readouterr()
    found = report(out)
    assert found["error"]["message"] == "3 of 6 texts not translated"
    answers = found["results"]["translations"]
    assert [one["source"] for one in answers] == ["42", "4x", "123", "\\xe9", "17", "7"]
    for one in answers:
        assert (one["problem"] is None) == (one["translation"] is not None)
    assert [one["translation"] for one in answers if not one["problem"]] == [
        model.translate(text) for text in ("42", "17", "7")
    ]
    assert err.splitlines() == [
        "fastw2v: line 2: character 'x' in '4x' is not among the 10 of this model's alphabet; "
        "leave it out, or train with texts that have it",
        "fastw2v: line 4: expected at most 2 characters, the limit of this model, got 3; shorten "
        "it, or train a model with longer texts",
        "fastw2v: line 5: byte 0xe9 is not UTF-8",
        "fastw2v: error: 3 of 6 texts not translated",
    ]
    # Its line of the output is empty, so that the others stay beside their sources.
    assert cli.main(["translate", "m.npz", "42", "x", "7"]) == 1
    out, err = capsys.readouterr()
    assert out == f"{model.translate('42')}\n\n{model.translate('7')}\n"
    assert err.startswith("fastw2v: TEXT 2: character 'x'")


def test_ctrl_c_saves_what_was_learned(run, monkeypatch):
    fit = CharTranslator.fit

    def stopped(self, pairs, epochs, *args, **options):
        fit(self, pairs, 1, *args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(CharTranslator, "fit", stopped)
    code, out, err = run("translate-train", "pairs.txt", *SMALL, "--json")
    assert code == 130 and "stopped; saving the model as trained so far" in err
    found = results(out)
    assert found["exact"] is None and len(found["history"]["loss"]) == 1
    assert CharTranslator.load("translator.npz").hidden_size == 12


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("translate-train", "none.txt"), "none.txt: no such file"),
        (("translate-train", "bad.txt"), "bad.txt, line 2: expected source, tab, target, got no"),
        (("translate-train", "latin.txt"), "latin.txt: byte 2: 0xe9 is not UTF-8"),
        (("translate-train", "pairs.txt", "-o", "no/m.npz"), "there is no folder"),
        (("translate-train", "pairs.txt", "--plot", "no/m.png"), "there is no folder"),
        (("translate-train", "pairs.txt", "--validation", "1"), "validation_split: expected a num"),
        (("translate-train", "--max-pairs", "200000"), "n_pairs: expected at most the 100000"),
        (("translate", "none.npz", "a"), "No file: none.npz"),
        (("translate", "pairs.txt", "a"), "pairs.txt: expected a file that CharTranslator.save wr"),
        (("translate", "m.npz", "4x"), "character 'x' in '4x' is not among the 10"),
        (("translate", "m.npz", "123"), "TEXT: expected at most 2 characters"),
        (("translate", "m.npz", ""), "TEXT: expected a text, got an empty one"),
        (("translate", "m.npz", "-"), "TEXT: expected lines on the standard input, got none"),
    ],
)
def test_errors_are_one_line(run, folder, args, words):
    (folder / "bad.txt").write_text("a\tb\nno tab\n")
    (folder / "latin.txt").write_bytes(b"a\t\xe9\n")
    CharTranslator.from_pairs(PAIRS, 3).save("m.npz")
    before = sorted(path.name for path in folder.iterdir())
    code, out, err = run(*args)
    assert code == 1 and out == ""
    assert words in err.splitlines()[-1] and err.splitlines()[-1].startswith("fastw2v: error: ")
    assert sorted(path.name for path in folder.iterdir()) == before


def test_usage(run):
    for args in (
        ("translate",),
        ("translate-train", "--units", "0"),
        ("translate", "m", "a", "-q"),
    ):
        assert run(*args)[0] == 2
    _, out, _ = run("translate-train", "--help")
    assert "--bidirectional" in out
