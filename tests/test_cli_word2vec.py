"""`fastw2v word2vec|evaluate|convert|map`, and `train` on its own engine."""

import json

import numpy as np
import pytest

from fastw2v import cli
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.word2vec import Word2Vec


@pytest.fixture
def text(tmp_path, monkeypatch):
    """Two topics that share no word."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    topics = (["cat", "dog", "cow", "hen"], ["red", "blue", "green", "pink"])
    sentences = [" ".join(rng.choice(topics[n % 2], 20)) for n in range(300)]
    (tmp_path / "topics.txt").write_text("\n".join(sentences), encoding="utf-8")
    return "topics.txt"


@pytest.fixture
def vectors(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["east", "near", "north", "west", "$x_1$"]
    table = np.array([[1, 0], [0.9, 0.1], [0, 1], [-1, 0], [0.5, 0.5]], np.float32)
    KeyedVectors.from_words(words, table).save_word2vec_format("v.txt")
    return "v.txt"


def fails(capsys, *argv):
    assert cli.main(argv) == 1
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("cbow", ["0", "1"])
@pytest.mark.parametrize("binary", ["0", "1"])
def test_the_flags_of_word2vec_c(text, capsys, cbow, binary):
    argv = f"word2vec -train {text} -output v -size 12 -window 3 -sample 0 -hs 0 -negative 3"
    argv += f" -threads 2 -iter 15 -min-count 1 -alpha 0.05 -binary {binary} -cbow {cbow} -debug 0"
    assert cli.main([*argv.split(), "-save-vocab", "counts"]) == 0
    assert capsys.readouterr().err == ""
    vectors = KeyedVectors.load_word2vec_format("v", fvocab="counts", binary=binary == "1")
    assert vectors.vector_size == 12
    assert {word for word, _ in vectors.most_similar("cat", topn=3)} == {"dog", "cow", "hen"}
    assert sum(vectors.get_vecattr(word, "count") for word in vectors.index_to_key) == 6000


def test_a_vocabulary_from_a_file_is_used(text):
    with open("few", "w") as file:
        file.write("cat 10\ndog 9\nred 8\nblue 7\n")
    argv = f"word2vec -train {text} -read-vocab few -output v -size 4 -min-count 1 -debug 0"
    assert cli.main(argv.split()) == 0
    assert KeyedVectors.load("v").index_to_key == ["cat", "dog", "red", "blue"]


def test_word2vec_refuses_before_it_works(text, capsys):
    assert "-output: expected a file" in fails(capsys, "word2vec", "-train", text)
    assert "no folder" in fails(capsys, "word2vec", "-train", text, "-output", "none/v")
    assert "no such file" in fails(capsys, "word2vec", "-train", "none", "-output", "v")
    assert "min_count: no word occurs" in fails(
        capsys, "word2vec", "-train", text, "-output", "v", "-min-count", "99999"
    )
    assert cli.main(["word2vec", "-train", text, "-size", "many"]) == 2


def test_train_on_several_threads(text, capsys):
    argv = ["train", text, "--threads", "2", "--dim", "8", "--subsample", "0", "--json", "--quiet"]
    assert cli.main(argv) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["settings"]["engine"] == "word2vec"
    assert result["settings"]["threads"] == 2
    assert result["words"] == result["trained_words"] == 6000
    assert result["vocabulary"] == 8


def test_evaluate_pairs(vectors, capsys):
    with open("pairs.tsv", "w") as file:
        file.write("# comment\neast\tnear\t9\neast\tnorth\t4\neast\twest\t1\neast\tnone\t5\n")
    assert cli.main(["evaluate", vectors, "pairs.tsv"]) == 0
    assert capsys.readouterr().out.split("\n")[1:3] == [
        "spearman: 1.0000",
        "unknown percent: 25.0000",
    ]
    assert cli.main(["evaluate", vectors, "pairs.tsv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["spearman"] == pytest.approx(1)


def test_evaluate_analogies(vectors, capsys):
    with open("questions.txt", "w") as file:
        file.write(": first\neast near west north\nnorth east near none\n: empty\n")
    assert cli.main(["evaluate", vectors, "questions.txt"]) == 0
    out = capsys.readouterr().out
    assert "first: " in out and "Total accuracy: " in out and "empty: 0 of 0" in out


def test_convert(vectors, capsys):
    table = KeyedVectors.load(vectors)
    for name in ("v.bin", "v.bin.gz", "v.fw2v", "v.vec"):
        assert cli.main(["convert", vectors, name]) == 0
        other = KeyedVectors.load(name)
        assert other.index_to_key == table.index_to_key
        assert np.array_equal(other.vectors, table.vectors)
    assert cli.main(["convert", "v.fw2v", "few.txt", "--limit", "2"]) == 0
    assert KeyedVectors.load("few.txt").index_to_key == ["east", "near"]
    assert "no folder" in fails(capsys, "convert", vectors, "none/v.bin")


def test_a_saved_model_can_be_asked(text, capsys):
    model = Word2Vec(corpus_file=text, vector_size=8, min_count=1, workers=1)
    model.save("model")
    assert cli.main(["similar", "model", "cat", "-n", "2"]) == 0
    assert capsys.readouterr().out.startswith("\n[query] cat\n")


def test_map_draws_and_writes_what_the_projector_reads(vectors, capsys):
    assert cli.main(["map", vectors, "-o", "m.png", "-n", "5", "--tsv", "p"]) == 0
    with open("m.png", "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"
    with open("p_words.tsv", encoding="utf-8") as file:
        assert file.read().split() == KeyedVectors.load(vectors).index_to_key
    assert np.array_equal(np.loadtxt("p_vectors.tsv"), KeyedVectors.load(vectors).vectors)
    assert "expected 2 or more words" in fails(capsys, "map", vectors, "-n", "1")
