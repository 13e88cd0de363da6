"""`fastw2v word2vec|evaluate|convert|map`, and `train` on its own engine."""

import os
import sys

import numpy as np
import pytest
from cli_report import report, results

from fastw2v.cli import app as cli
from fastw2v.cli import splitting
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.word2vec import CallbackAny2Vec, Word2Vec


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
        file.write("</s> 300\ncat 10\ndog 9\nred 8\nblue 7\n")
    argv = f"word2vec -train {text} -read-vocab few -output v -size 4 -min-count 1 -debug 0"
    assert cli.main(argv.split()) == 0
    assert KeyedVectors.load("v").index_to_key == ["cat", "dog", "red", "blue"]


def test_word2vec_refuses_before_it_works(text, capsys):
    assert "-output: expected the name of a file" in fails(capsys, "word2vec", "-train", text)
    assert "no folder" in fails(capsys, "word2vec", "-train", text, "-output", "none/v")
    assert "no such file" in fails(capsys, "word2vec", "-train", "none", "-output", "v")
    assert "min_count: no word occurs" in fails(
        capsys, "word2vec", "-train", text, "-output", "v", "-min-count", "99999"
    )
    assert "-classes: expected 0, got 500; clusters of words are not supported" in fails(
        capsys, "word2vec", "-train", text, "-output", "v", "-classes", "500"
    )
    assert os.listdir() == [text]
    assert cli.main(["word2vec", "-train", text, "-size", "many"]) == 2


def test_train_on_several_threads(text, capsys):
    argv = ["train", text, "--threads", "2", "--dim", "8", "--subsample", "0", "--json", "--quiet"]
    assert cli.main(argv) == 0
    result = results(capsys.readouterr().out)
    assert result["settings"]["engine"] == "word2vec"
    assert result["settings"]["threads"] == 2
    assert result["words"] == result["trained_words"] == 6000
    assert result["vocabulary"] == 8


def test_train_needs_no_distinct_negatives(text, capsys):
    # More negatives than words: the layers want distinct ones, the engine does not.
    argv = ["train", text, "--negative", "30", "--dim", "8", "--subsample", "0", "--quiet"]
    assert cli.main([*argv, "--model", "skip-gram", "--epochs", "15", "--lr", "0.05"]) == 0
    vectors = KeyedVectors.load("vectors.txt")
    assert {word for word, _ in vectors.most_similar("red", topn=3)} == {"blue", "green", "pink"}
    assert "--negative: expected fewer than the 8 words" in fails(
        capsys, *argv, "--engine", "layers"
    )


def test_the_seed_decides_on_one_thread(text):
    tables = []
    for seed in ("1", "1", "2"):
        assert (
            cli.main(["train", text, "--dim", "5", "--seed", seed, "--threads", "1", "--quiet"])
            == 0
        )
        tables.append(KeyedVectors.load("vectors.txt").vectors)
    assert np.array_equal(tables[0], tables[1])
    assert not np.array_equal(tables[0], tables[2])


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C in the second epoch of every training."""

    class Stop(CallbackAny2Vec):
        def on_epoch_end(self, model):
            if model.epochs_done == 2:
                raise KeyboardInterrupt

    train = Word2Vec.train
    monkeypatch.setattr(
        Word2Vec, "train", lambda self, **options: train(self, **options, callbacks=[Stop()])
    )


def test_ctrl_c_in_train_saves_what_was_learned(text, capsys, interrupted):
    assert cli.main(["train", text, "--dim", "8", "--epochs", "9", "--json"]) == 130
    out, err = capsys.readouterr()
    assert report(out)["exit_code"] == 130
    assert "fastw2v: stopped; saving the vectors learned so far" in err
    vectors = KeyedVectors.load("vectors.txt").vectors
    assert vectors.shape == (8, 8)
    assert np.abs(vectors).max() > 1 / 8  # more than the first ones


def test_ctrl_c_in_word2vec_saves_what_was_learned(text, capsys, interrupted):
    argv = f"word2vec -train {text} -output v -size 8 -min-count 1 -iter 9 -alpha 0.5 -debug 0"
    assert cli.main(argv.split()) == 130
    assert "fastw2v: stopped; saving the vectors learned so far" in capsys.readouterr().err
    assert np.abs(KeyedVectors.load("v").vectors).max() > 1 / 8


def test_diverged_vectors_are_not_saved(text, capsys):
    message = "training diverged, some vectors are not finite; nothing saved, lower "
    assert message + "--lr" in fails(capsys, "train", text, "--lr", "1e30", "--quiet")
    argv = f"word2vec -train {text} -output v -alpha 1e30 -debug 0"
    assert message + "-alpha" in fails(capsys, *argv.split())
    assert os.listdir() == [text]


def test_the_bar_is_for_terminals_only(text, capsys, monkeypatch):
    monkeypatch.setattr(splitting, "is_terminal", lambda stream: True)
    assert cli.main(["train", text, "--dim", "5"]) == 0
    assert "word/s" in capsys.readouterr().err
    assert cli.main(["train", text, "--dim", "5", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_train_refuses_before_it_works(text, capsys):
    assert "there is no folder" in fails(capsys, "train", text, "-o", "none/v.txt")
    assert "no word occurs 99999 times" in fails(capsys, "train", text, "--min-count", "99999")
    assert cli.main(["train", text, "--engine", "gensim"]) == 2
    assert cli.main(["train", text, "--threads", "0"]) == 2


def test_evaluate_pairs(vectors, capsys):
    with open("pairs.tsv", "w") as file:
        file.write("# comment\neast\tnear\t9\neast\tnorth\t4\neast\twest\t1\neast\tnone\t5\n")
    assert cli.main(["evaluate", vectors, "pairs.tsv"]) == 0
    assert capsys.readouterr().out.split("\n")[1:3] == [
        "spearman: 1.0000",
        "unknown percent: 25.0000",
    ]
    assert cli.main(["evaluate", vectors, "pairs.tsv", "--json"]) == 0
    assert results(capsys.readouterr().out)["spearman"] == pytest.approx(1)


def test_evaluate_analogies(vectors, capsys):
    with open("questions.txt", "w") as file:
        file.write(": first\neast near west north\nnorth east near none\n: empty\n")
    assert cli.main(["evaluate", vectors, "questions.txt"]) == 0
    out = capsys.readouterr().out
    assert "first: " in out and "Total accuracy: " in out and "empty: 0 of 0" in out
    assert cli.main(["evaluate", vectors, "questions.txt", "--json"]) == 0
    assert results(capsys.readouterr().out)["sections"]["empty"] == [0, 0]


def test_evaluate_refuses(vectors, capsys):
    assert "none.tsv" in fails(capsys, "evaluate", vectors, "none.tsv")
    with open("pairs.tsv", "w") as file:
        file.write("none\tnever\t3\n")
    assert fails(capsys, "evaluate", vectors, "pairs.tsv")
    assert "none.bin" in fails(capsys, "evaluate", "none.bin", "pairs.tsv")


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
    for limit in ("0", "-3"):
        assert cli.main(["convert", vectors, "other.txt", "--limit", limit]) == 2
        assert "--limit: " in capsys.readouterr().err
    assert not os.path.exists("other.txt")


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_convert_compresses_and_info_tells(vectors, capsys, dtype):
    words = len(KeyedVectors.load(vectors))
    assert cli.main(["convert", vectors, "v.fw2v", "--dtype", dtype]) == 0
    capsys.readouterr()
    assert cli.main(["info", "v.fw2v", "--json"]) == 0
    facts = results(capsys.readouterr().out)
    assert facts == {
        "file": "v.fw2v",
        "bytes": os.path.getsize("v.fw2v"),
        "words": words,
        "dimension": KeyedVectors.load(vectors).vector_size,
        "dtype": dtype,
        "mapped": True,
        "bytes_of_vectors": KeyedVectors.load("v.fw2v").vectors.nbytes,
        "attributes": [],
    }
    assert cli.main(["convert", "v.fw2v", "few.fw2v", "--limit", "2"]) == 0
    assert KeyedVectors.load("few.fw2v").vectors.stored == dtype
    assert cli.main(["convert", "v.fw2v", "plain.bin"]) == 0
    assert cli.main(["info", "plain.bin"]) == 0
    assert "\ndtype: float32\nmapped: False\n" in capsys.readouterr().out
    assert cli.main(["similar", "v.fw2v", KeyedVectors.load("v.fw2v").index_to_key[0]]) == 0


def test_convert_refuses_a_dtype_that_the_format_has_not(vectors, capsys):
    message = fails(capsys, "convert", vectors, "other.bin", "--dtype", "int8")
    assert "--dtype: expected an OUTPUT that ends in .fw2v, got other.bin" in message
    assert not os.path.exists("other.bin")
    assert cli.main(["convert", vectors, "v.fw2v", "--dtype", "int4"]) == 2
    assert "no such file" in fails(capsys, "info", "none.fw2v").lower()


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


def test_the_tsv_files_need_no_matplotlib(vectors, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    assert cli.main(["map", vectors, "--tsv", "p"]) == 0
    assert capsys.readouterr().out == "wrote p_vectors.tsv and p_words.tsv\n"
    assert sorted(os.listdir()) == ["p_vectors.tsv", "p_words.tsv", vectors]
    assert "pip install 'fastw2v[plot]'" in fails(capsys, "map", vectors)


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("east\tnear\t9\neast\tnorth\t4.5\neast\twest\t1\n", ""),
        ("Word 1,Word 2,Human (mean)\neast,near,9\neast,north,4.5\neast,west,1\n", ""),
        ("a;b;c\neast;near;9\neast;north;4,5\neast;west;1,0\n", ""),
        ("east  near\t9\neast north  4.5\neast west 1\n", ""),
        ('"east","near","9"\n"east","north","4,5"\n"east","west","1"\n', ""),
        ("east,near,9,0\neast,north,4,5\neast,west,1,0\n", "--delimiter comma --decimal ,"),
        ("east|near|9\neast|north|4.5\neast|west|1\n", "--delimiter |"),
        ("\ufeffeast;near;9\r\neast;north;4,5\r\neast;west;1\r\n", "--delimiter semicolon"),
    ],
)
def test_evaluate_finds_out_how_a_table_is_written(vectors, capsys, content, options):
    with open("pairs.csv", "w", encoding="utf-8", newline="") as file:
        file.write(content)
    assert cli.main(["evaluate", vectors, "pairs.csv", "--json", *options.split()]) == 0
    found = results(capsys.readouterr().out)
    assert found["pairs"] == 3 and found["other_lines"] == content.count("Word") // 2 + (
        content.startswith("a;")
    )
    cosines, judged = [0.9 / np.hypot(0.9, 0.1), 0, -1], [9, 4.5, 1]
    assert found["pearson"] == pytest.approx(np.corrcoef(cosines, judged)[0, 1])


def test_evaluate_tells_what_does_not_fit(vectors, capsys):
    with open("pairs.csv", "w") as file:
        file.write("east,near,9,0\neast,north,4,5\n")
    assert "between tabs, semicolons, commas or blanks, got none" in fails(
        capsys, "evaluate", vectors, "pairs.csv"
    )
    assert "between ';', got none" in fails(
        capsys, "evaluate", vectors, "pairs.csv", "--delimiter", ";"
    )
    for wrong in ("ab", '"', ""):
        assert cli.main(["evaluate", vectors, "pairs.csv", "--delimiter", wrong]) == 2
    assert "encoding: expected the name of a codec" in fails(
        capsys, "evaluate", vectors, "pairs.csv", "--encoding", "nonsense"
    )
    with open("questions.txt", "w") as file:
        file.write(": first\neast near west north\n")
    assert "--delimiter: expected a file of word pairs, got analogies" in fails(
        capsys, "evaluate", vectors, "questions.txt", "--delimiter", "tab"
    )
