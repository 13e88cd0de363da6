"""Files of the command line: names tell formats before the work, and `-` is a standard stream."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

from fastw2v.cli import app as cli
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.models import CharTranslator
from fastw2v.text_model import TextModel
from fastw2v.word2vec import Word2Vec

TABLE = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.3, -1]], np.float32)
WORDS = ["east", "near", "north", "south"]
TEXT = b"the cat and the dog saw the cow and the cow saw the dog .\n" * 40


@pytest.fixture
def run(tmp_path, monkeypatch, capsysbinary):
    """Return a function that runs a command in an empty folder: (code, stdout, lines of stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*argv, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        code = cli.main(argv)
        out, err = capsysbinary.readouterr()
        return code, out, err.decode().splitlines()

    return run


@pytest.fixture
def vectors(tmp_path):
    KeyedVectors.from_words(WORDS, TABLE).save_word2vec_format(tmp_path / "v.txt")
    return (tmp_path / "v.txt").read_bytes()


def loaded(data, tmp_path):
    (tmp_path / "out").write_bytes(data)
    result = KeyedVectors.load(tmp_path / "out", strict=True)
    os.unlink(tmp_path / "out")
    return result


STARTS = {
    "o.txt": b"4 2\neast 1.0",
    "o.vec": b"4 2\neast 1.0",
    "o": b"4 2\neast 1.0",
    "o.bin": b"4 2\neast \0\0\x80?",
    "o.gz": b"\x1f\x8b",
    "o.bin.bz2": b"BZh",
    "o.vec.xz": b"\xfd7zXZ",
    "o.fw2v": b"FASTW2V",
    "o.npz": b"PK",
}


@pytest.mark.parametrize("name", STARTS)
def test_convert_writes_what_the_name_says(run, vectors, tmp_path, name):
    assert run("convert", "v.txt", name) == (0, b"", [])
    data = (tmp_path / name).read_bytes()
    assert data.startswith(STARTS[name])
    other = loaded(data, tmp_path)
    assert other.index_to_key == WORDS and np.array_equal(other.vectors, TABLE)
    assert run("convert", name, "again.txt")[0] == 0
    assert (tmp_path / "again.txt").read_bytes() == vectors


@pytest.mark.parametrize("name", ["o.csv", "o.zip", "o.npy", "o.fw2v.gz", "o.npz.xz", "o.pkl"])
def test_other_names_are_refused_before_the_work(run, vectors, name, tmp_path):
    (tmp_path / "text").write_bytes(TEXT)
    for argv in (
        ("convert", "none.txt", name),
        ("train", "none.txt", "-o", name),
        ("word2vec", "-train", "none.txt", "-output", name),
        ("word2vec", "-train", "none.txt", "-save-vocab", name),
    ):
        code, out, err = run(*argv)
        assert (code, out) == (1, b"") and len(err) == 1
        assert f"{name}: expected the name of a format that fastw2v writes" in err[0]
    assert sorted(os.listdir(tmp_path)) == ["text", "v.txt"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("lm-train", "none", "-o", "m.txt"), "for a language model, got one that ends in .txt"),
        (("translate-train", "none", "-o", "m.bin"), "for a translator, got one that ends in .bin"),
        (("translate-train", "none", "--plot", "m.svg"), "a picture, got one that ends in .svg"),
        (("map", "v.txt", "-o", "m.pdf"), "for a picture, got one that ends in .pdf"),
        (("word2vec", "-train", "none", "-output", "o.npz", "-binary", "1"), "of a word2vec file"),
        (("word2vec", "-train", "none", "-save-vocab", "o.npz"), "of a word2vec file"),
    ],
)
def test_names_of_other_things_are_refused_before_the_work(run, vectors, argv, message):
    code, _, err = run(*argv)
    assert code == 1 and message in err[-1]


@pytest.mark.parametrize("name", ["o.npz", "o.fw2v", "o.bin.gz", "o.vec"])
def test_training_writes_what_the_name_says(run, tmp_path, name):
    (tmp_path / "text").write_bytes(TEXT)
    options = ("--dim", "3", "--epochs", "1", "--quiet")
    code, out, _ = run("train", "text", "-o", name, *options)
    assert code == 0 and f"in {name} (".encode() in out
    assert loaded((tmp_path / name).read_bytes(), tmp_path).vectors.shape == (6, 3)
    options = ("-size", "3", "-iter", "1", "-debug", "0", "-min-count", "1")
    assert run("word2vec", "-train", "text", "-output", name, *options)[0] == 0
    assert loaded((tmp_path / name).read_bytes(), tmp_path).vectors.shape == (7, 3)


shown = pytest.mark.filterwarnings("default")  # the command line prints warnings


# --- words that a file cannot hold ---------------------------------------------------------------

COUNTS = b"the 9\nNew York 8\ncow 7\n"


@shown
def test_what_a_file_cannot_hold_is_said_before_training(run, tmp_path, monkeypatch):
    (tmp_path / "text").write_bytes(TEXT)
    (tmp_path / "counts").write_bytes(COUNTS)
    command = ("word2vec", "-train", "text", "-read-vocab", "counts", "-size", "3", "-debug", "0")
    train = Word2Vec.train
    trained = []

    def watched(self, *args, **options):
        trained.append(True)
        return train(self, *args, **options)

    monkeypatch.setattr(Word2Vec, "train", watched)
    for output in ("-output", "-save-vocab"):
        code, _, err = run(*command, "-output", "o.fw2v", output, "o.txt")
        assert code == 1 and "got 1 word ('New York' of row 1)" in err[-1]
    assert not trained and sorted(os.listdir(tmp_path)) == ["counts", "text"]
    code, _, err = run(*command, "-output", "o.txt", "-unwritable", "skip")
    assert code == 0 and len(err) == 1
    assert err[0].startswith("fastw2v: warning: o.txt: 1 word ('New York' of row 1) left out")
    assert KeyedVectors.load("o.txt").index_to_key == ["the", "cow"]
    words = ["the", "New York", "cow"]
    for name, unwritable in (("o.bin", "escape"), ("o.fw2v", "error"), ("o.npz", "error")):
        assert run(*command, "-output", name, "-unwritable", unwritable)[::2] == (0, [])
        assert KeyedVectors.load(name).index_to_key == words


@shown
def test_convert_decides_about_words_that_a_file_cannot_hold(run, tmp_path):
    KeyedVectors.from_words(["New York", "a\xa0", ""], np.eye(3)).save(tmp_path / "v.fw2v")
    code, _, err = run("convert", "v.fw2v", "o.txt")
    assert code == 1 and "got 2 words ('New York' of row 0, '' of row 2)" in err[0]
    assert os.listdir(tmp_path) == ["v.fw2v"]
    code, _, err = run("convert", "v.fw2v", "o.txt", "--unwritable", "skip")
    assert code == 0 and len(err) == 1 and "2 words" in err[0]
    assert KeyedVectors.load("o.txt").index_to_key == ["a\xa0"]
    assert run("convert", "v.fw2v", "o.txt", "--unwritable", "escape") == (0, b"", [])
    assert run("convert", "o.txt", "again.npz") == (0, b"", [])
    assert KeyedVectors.load("again.npz").index_to_key == ["New York", "a\xa0", ""]
    assert run("convert", "v.fw2v", "o.txt", "--unwritable", "drop")[0] == 2


# --- standard input and output -------------------------------------------------------------------


def test_vectors_are_read_from_standard_input(run, vectors, tmp_path):
    for name in ("v.npz", "v.fw2v", "v.bin.gz"):
        assert run("convert", "v.txt", name)[0] == 0
        data = (tmp_path / name).read_bytes()
        code, out, err = run("similar", "-", "east", "-n", "1", stdin=data)
        assert (code, err) == (0, []) and b" near: " in out
        assert b" near: " in run("analogy", "-", "north", "east", "south", stdin=data)[1]
    judged = b"east\tnear\t3\neast\tnorth\t2\nnear\tsouth\t1\n"
    assert b"pearson" in run("evaluate", "v.txt", "-", stdin=judged)[1]
    (tmp_path / "judged").write_bytes(judged)
    assert b"pearson" in run("evaluate", "-", "judged", stdin=vectors)[1]
    assert run("map", "-", "--tsv", "p", stdin=vectors)[1].startswith(b"wrote p_vectors.tsv")


def test_vectors_are_written_to_standard_output(run, vectors, tmp_path):
    assert run("convert", "-", "-", stdin=vectors) == (0, vectors, [])
    options = ("--dim", "3", "--epochs", "1", "--quiet")
    code, out, err = run("train", "-", "-o", "-", *options, stdin=TEXT)
    assert code == 0 and loaded(out, tmp_path).vectors.shape == (6, 3)
    assert err[-1] == "saved 6 vectors of dimension 3 in standard output (word2vec text format)"
    code, out, err = run("train", "-", "-o", "-", *options, "--json", stdin=TEXT)
    assert loaded(out, tmp_path).vectors.shape == (6, 3) and '"neighbours": {' in "".join(err)
    options = ("-size", "3", "-iter", "1", "-debug", "0", "-min-count", "1")
    code, out, err = run("word2vec", "-train", "-", "-output", "-", *options, stdin=TEXT)
    assert code == 0 and loaded(out, tmp_path).vectors.shape == (7, 3)
    code, out, _ = run(
        "word2vec", "-train", "-", "-output", "-", "-binary", "1", *options, stdin=TEXT
    )
    assert code == 0 and out.startswith(b"7 3\nthe ") and len(out) < 7 * 20
    code, out, _ = run("word2vec", "-train", "-", "-save-vocab", "-", stdin=TEXT)
    assert code == 0 and out.startswith(b"the 200\n")
    (tmp_path / "text").write_bytes(TEXT)
    command = ("word2vec", "-train", "text", "-read-vocab", "-", "-save-vocab", "-")
    assert run(*command, "-min-count", "1", stdin=b"a 3\nb 2\n")[1] == b"a 3\nb 2\n"
    assert sorted(os.listdir(tmp_path)) == ["text", "v.txt"]


def test_models_go_through_pipes(run, tmp_path):
    options = ("--epochs", "1", "--quiet")
    code, out, _ = run("lm-train", "-", "--size", "3", *options, "-o", "-", stdin=TEXT * 3)
    assert code == 0
    (tmp_path / "m.npz").write_bytes(out)
    assert "cow" in TextModel.load(tmp_path / "m.npz").words
    code, text, _ = run("generate", "-", "-n", "5", stdin=out)
    assert code == 0 and text.strip()
    pairs = b"\xef\xbb\xbfa\tb\nc\td\n" * 10
    code, out, _ = run("translate-train", "-", "--units", "4", *options, "-o", "-", stdin=pairs)
    (tmp_path / "t.npz").write_bytes(out)
    assert code == 0 and "c" in CharTranslator.load(tmp_path / "t.npz").source_characters
    assert run("translate", "-", "a", stdin=out)[0] == 0
    assert run("translate", "t.npz", "-", stdin=b"\xef\xbb\xbfa\r\n\nc\n")[1].count(b"\n") == 2


def test_pictures_go_through_pipes(run, vectors):
    pytest.importorskip("matplotlib")
    code, out, err = run("map", "-", "-o", "-", stdin=vectors)
    assert code == 0 and out.startswith(b"\x89PNG") and err == ["wrote standard output"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("evaluate", "-", "-"), "standard input for one file, got it for vectors and file"),
        (("train", "-", "-"), "standard input for one file, got it for files and files"),
        (
            ("word2vec", "-train", "x", "-output", "-", "-save-vocab", "-"),
            "standard output for one file",
        ),
        (("translate", "-", "-"), "got it for both"),
        (("similar", "-", "a"), "standard input: the file is empty"),
    ],
)
def test_standard_input_is_read_once(run, argv, message, tmp_path):
    code, out, err = run(*argv)
    assert (code, out) == (1, b"") and message in err[-1]
    assert os.listdir(tmp_path) == []


def test_nothing_reaches_standard_output_if_the_work_fails(run, tmp_path):
    for data in (b"<!DOCTYPE html>", b"2 2\na 1 2\nb 3", b"2 1\na 1\nx y\n"):
        code, out, err = run("convert", "-", "-", stdin=data)
        assert (code, out) == (1, b"") and err[-1].startswith("fastw2v: error: standard input: ")


@shown
def test_odd_rows_are_one_line_on_stderr(run):
    rows = b"9 1\na 1\na 2\n 3\nb 4\n"
    code, out, err = run("convert", "-", "-", stdin=rows)
    assert (code, out) == (0, b"2 1\na 1.0\nb 4.0\n") and len(err) == 1
    assert err[0].startswith("fastw2v: warning: standard input: odd rows. repeated words left out:")


def test_a_script_is_read_from_standard_input(tmp_path):
    script = b"import sys\nfrom common.layers import Affine\nprint(sys.argv, Affine.__module__)\n"
    command = [sys.executable, "-m", "fastw2v", "run", "-", "x"]
    done = subprocess.run(command, input=script, capture_output=True, cwd=tmp_path, check=False)
    assert done.stdout.split() == [b"['-',", b"'x']", b"fastw2v.layers"], done.stderr
    done = subprocess.run(command, input=b"\n1 / 0", capture_output=True, cwd=tmp_path, check=False)
    assert done.returncode == 1 and b'File "<stdin>", line 2, in <module>' in done.stderr


def test_limits_keep_the_counts_of_words(run, tmp_path):
    vectors = KeyedVectors.from_words("abc", np.eye(3))
    vectors.expandos["count"] = np.array([1, 3, 2])
    vectors.save(tmp_path / "v.fw2v")
    assert run("convert", "v.fw2v", "o.npz", "--limit", "2")[0] == 0
    assert KeyedVectors.load("o.npz").expandos["count"].tolist() == [1, 3]


@pytest.mark.parametrize(
    "argv",
    [
        "train x.txt -o x.txt",
        "train y.txt x.txt -o ./x.txt --quiet",
        "train x.txt --held-out y.txt -o y.txt",
        "train x.txt -o o.txt --save-model o.fw2v --checkpoint o.fw2v",
        "word2vec -train x.txt -output x.txt",
        "word2vec -train x.txt -output o.txt -save-vocab o.txt",
        "phrases x.txt -o x.txt",
        "convert v.txt v.txt",
        "map v.txt --tsv ./v",
        "lm-train model.npz -o model.npz",
        "translate-train pairs.npz -o pairs.npz",
    ],
)
def test_a_file_that_is_read_is_not_written(run, vectors, tmp_path, argv):
    for name in ("x.txt", "y.txt", "model.npz", "pairs.npz", "v_words.tsv"):
        (tmp_path / name).write_bytes(TEXT)
    if "map" in argv:
        (tmp_path / "v_vectors.tsv").symlink_to(tmp_path / "v.txt")
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    code, out, err = run(*argv.split())
    assert (code, out) == (1, b"")
    assert "expected different files to read and to write" in err[-1]
    assert before == {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}


def test_the_default_output_does_not_replace_the_text(run, tmp_path):
    (tmp_path / "vectors.txt").write_bytes(TEXT)
    code, _, err = run("train", "vectors.txt")
    assert code == 1 and "vectors.txt: expected different files" in err[-1]
    assert (tmp_path / "vectors.txt").read_bytes() == TEXT


@pytest.mark.parametrize("command", ["train x.txt -o", "phrases x.txt -o", "lm-train x.txt -o"])
def test_a_name_without_characters_is_refused_before_the_work(run, tmp_path, command):
    (tmp_path / "x.txt").write_bytes(TEXT)
    code, _, err = run(*command.split(), "")
    assert code == 1 and "expected the name of a file, got ''" in err[-1]
    assert os.listdir(tmp_path) == ["x.txt"]


def test_outputs_may_share_a_device(run, tmp_path):
    (tmp_path / "x.txt").write_bytes(TEXT)
    argv = ["word2vec", "-train", "x.txt", "-output", os.devnull, "-save-vocab", os.devnull]
    assert run(*argv, "-debug", "0")[0] == 0
