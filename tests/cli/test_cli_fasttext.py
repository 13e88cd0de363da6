"""`fastw2v fasttext VERB MODEL`: words from standard input, lines as fastText prints them."""

import io
import json

import numpy as np
import pytest
from places import DATA

from fastw2v import FastTextKeyedVectors, KeyedVectors
from fastw2v.cli import app as cli

MODEL = DATA / "fasttext" / "skipgram.bin"


@pytest.fixture
def ask(monkeypatch, capsys):
    """Return a function that gives a command text and returns its lines, and what it says."""

    def answers(text, verb, *argv, model=MODEL, code=0, terminal=False):
        data = text if isinstance(text, bytes) else text.encode()
        stdin = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")
        monkeypatch.setattr(stdin, "isatty", lambda: terminal, raising=False)
        monkeypatch.setattr("sys.stdin", stdin)
        assert cli.main(["fasttext", verb, str(model), *argv]) == code
        out, err = capsys.readouterr()
        return out.splitlines(), err

    return answers


def told(name):
    return json.loads(MODEL.with_suffix(".json").read_text(encoding="utf-8"))[name]


def test_nearest_words_of_each_word(ask):
    lines, _ = ask("sun\nsuns", "nn", "5")
    wanted = [pair for word in ("sun", "suns") for pair in told("near")[word]]
    assert [line.split()[0] for line in lines] == [word for _, word in wanted]
    cosines = [float(line.split()[1]) for line in lines]
    np.testing.assert_allclose(cosines, [cosine for cosine, _ in wanted], atol=1e-5)
    assert len(ask("sun sun", "nn")[0]) == 2 * 10


def test_three_words_make_a_question(ask):
    lines, _ = ask("sun moon\ndogs sun", "analogies", "5")
    assert [line.split()[0] for line in lines] == [word for _, word in told("analogies")]


def test_words_are_asked_for_on_a_terminal_only(ask):
    assert ask("sun\n", "nn", "1", terminal=True)[0][0].startswith("Query word? ")
    assert ask("a b c\n", "analogies", terminal=True)[0][-1] == "Query triplet (A - B + C)? "
    assert "Query" not in ask("sun\n", "nn", "1")[0][0]


def test_vectors_of_words(ask):
    vectors = FastTextKeyedVectors.load(MODEL)
    lines, err = ask("sun  suns\n\n日本 </s>\n", "print-word-vectors")
    assert err == ""
    for line, word in zip(lines, ["sun", "suns", "日本", "</s>"], strict=True):
        assert line == f"{word} " + "".join(f"{number:.5g} " for number in vectors[word].tolist())


def test_vectors_of_lines(ask):
    lines, _ = ask("sun dogs </s> 日本 x\n\nsun", "print-sentence-vectors")
    sentence, mean = told("sentence")
    assert sentence == "sun dogs </s> 日本 x"
    np.testing.assert_allclose(np.array(lines[0].split(), float), mean, atol=1e-4)
    assert lines[1] == "0 0 0 "
    assert len(lines) == 3


@pytest.mark.parametrize("word", ["sun", "suns"])
def test_ngrams_of_a_word_with_their_rows(ask, word):
    lines, _ = ask("", "print-ngrams", word)
    assert [line.split()[0] for line in lines] == told("found")[word]["subwords"]
    rows = np.array([line.split()[1:] for line in lines], float)
    np.testing.assert_allclose(rows.mean(axis=0), FastTextKeyedVectors.load(MODEL)[word], atol=1e-4)


def test_words_without_a_vector(ask):
    model = MODEL.with_name("words.bin")
    lines, err = ask("suns sun", "nn", "1", model=model)
    assert len(lines) == 1
    assert "'suns' is unknown" in err
    assert ask("suns", "print-word-vectors", model=model)[0] == ["suns 0 0 0 "]


def test_bytes_that_are_not_utf8_are_words(ask):
    lines, _ = ask(b"caf\xe9\n", "print-word-vectors")
    assert len(lines) == 1
    assert len(lines[0].split()) == 4


def test_other_files_are_refused(ask, tmp_path):
    plain = tmp_path / "v.fw2v"
    KeyedVectors.from_words(["a"], [[1.0]]).save(plain)
    assert "fastw2v similar" in ask("", "nn", model=plain, code=1)[1]
    assert "no such file" in ask("", "nn", model=tmp_path / "none", code=1)[1]
    assert "supervised" in ask("", "nn", model=MODEL.with_name("supervised.bin"), code=1)[1]
    assert "did you mean" in ask("", "analogie", code=2)[1]
