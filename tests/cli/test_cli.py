"""The command line: arguments, streams, exit codes. Training is a stand-in that records its calls;
test_cli_training.py really trains.
"""

import gzip
import os
import re
import subprocess
import sys
import types

import numpy as np
import pytest
from cli_report import report, results
from fresh_interpreter import run

import fastw2v
from fastw2v import _kernels, datasets
from fastw2v._kernels import _cpu
from fastw2v.cli import app as cli
from fastw2v.cli import layers, main, splitting
from fastw2v.dropin import run_script
from fastw2v.keyed_vectors import KeyedVectors

TEXT = "the cat sat on the mat and the dog sat on the cat . " * 20
WORDS = ("the", "cat", "sat", "on", "mat", "and", "dog")  # most frequent first
N_WORDS = 260
DROPPED = 20  # full stops
LAYERS = ("--engine", "layers")


@pytest.fixture
def training(monkeypatch):
    """Replace our modules by stand-ins, and record the calls of them."""
    calls = types.SimpleNamespace(during_fit=lambda model: None)

    class Model:
        def __init__(self, *args, sample_size=5):
            self.args, self.sample_size = args, sample_size
            self.word_vecs = np.random.randn(args[0], args[1]).astype(np.float32)
            calls.model = self

    class CBOW(Model):
        pass

    class SkipGram(Model):
        pass

    class Adam:
        def __init__(self, lr):
            calls.lr = lr

    class Trainer:
        def __init__(self, model, optimizer):
            self.model, self.loss_list = model, []

        def fit(self, x, t, **options):
            calls.x, calls.t, calls.fit = x, t, options
            print("| epoch 1 |  iter 1 / 9 | time 0[s] | loss 4.16")
            self.loss_list += [4.0, 2.5]
            calls.during_fit(self.model)

    def create_contexts_target(corpus, window_size=1):
        calls.corpus, calls.window = corpus, window_size
        target = corpus[window_size:-window_size]
        return np.zeros((len(target), 2 * window_size), dtype=np.int32), target

    for name, content in {
        "models": {"CBOW": CBOW, "SkipGram": SkipGram},
        "optimizer": {"Adam": Adam},
        "trainer": {"Trainer": Trainer},
        "util": {"create_contexts_target": create_contexts_target},
    }.items():
        module = types.ModuleType(f"fastw2v.{name}")
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, f"fastw2v.{name}", module)
    return calls


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


@pytest.fixture
def vectors(folder):
    words = ["east", "near", "north", "west"]
    table = np.array([[1, 0], [0.9, 0.1], [0, 1], [-1, 0]], dtype=np.float32)
    KeyedVectors.from_words(words, table).save_word2vec_format(folder / "v.txt")
    return "v.txt"


def fails(capsys, *argv):
    """Return the one line on stderr of a job that fails."""
    assert cli.main(argv) == 1
    out, err = capsys.readouterr()
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("fastw2v: error: ")
    return last.removeprefix("fastw2v: error: ")


def wrong_usage(capsys, *argv):
    assert cli.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()[-1]


# --- usage ---------------------------------------------------------------------------------------


def test_version_and_help(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"fastw2v {fastw2v._version.__version__}\n"
    assert cli.main(["train", "--help"]) == 0
    assert "--batch-size" in capsys.readouterr().out
    assert cli.main(["--help"]) == 0
    assert "exit codes: 0 done, 1 the job failed, 2 wrong usage" in capsys.readouterr().out


def test_the_command_alone_prints_help_with_examples(capsys):
    assert cli.main([]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "fastw2v similar vectors.bin month string" in out
    for command in re.findall(r"^  fastw2v ([a-z][a-z0-9-]*) ", out, re.MULTILINE):
        assert command in {*cli.COMMANDS, "run"}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["tain"], "did you mean train?"),
        (["xplore", "v.txt"], "did you mean explore?"),
        (["similar", "v.txt", "a", "--tpon", "3"], "--tpon 3; did you mean --topn?"),
        (["train", "--widow=3"], "--widow=3; did you mean --window?"),
        (["word2vec", "-train", "t", "-output", "o", "-sise", "9"], "did you mean -size?"),
        (["map", "v.txt", "--layout", "tsen"], "did you mean tsne?"),
        (["word2vec", "-trian", "t"], "unrecognized arguments: -trian; did you mean -train?"),
        (["train", "--alpha", "0.1"], "--alpha; did you mean --lr?"),
        (["train", "--vector_size=9"], "did you mean --dim?"),
        (["train", "t.txt", "--workers", "2"], "did you mean --threads?"),
        (["similar", "v.txt", "a", "--zzz"], "unrecognized arguments: --zzz"),
        (["train", "--dim", "0"], "--dim: expected a whole number of 1 or more, got '0'"),
        (["train", "--dim", "1.5"], "--dim: expected a whole number of 1 or more, got '1.5'"),
        (["train", "--window", "-1"], "--window: expected a whole number of 1 or more, got '-1'"),
        (["train", "--epochs", "99999999999"], "--epochs: expected a whole number"),
        (["train", "--seed", "-1"], "--seed: expected a whole number from 0 to 4294967295"),
        (["train", "--lr", "nan"], "--lr: expected a number above 0, got 'nan'"),
        (["train", "--lr", "inf"], "--lr: expected a number above 0, got 'inf'"),
        (["train", "--subsample", "2"], "--subsample: expected a number from 0 to 1, got '2'"),
        (["train", "--model", "glove"], "--model: invalid choice: 'glove'"),
        (["similar", "v.txt"], "required: WORD"),
        (["similar", "v.txt", "a", "-n", "0"], "-n/--topn: expected a whole number of 1 or more"),
        (["analogy", "v.txt", "a", "b"], "required: C"),
    ],
)
def test_wrong_usage_says_what_would_be_right(capsys, argv, message):
    assert message in wrong_usage(capsys, *argv)


def test_errors_become_one_line(capsys, monkeypatch):
    for error, line in [
        (OSError(28, "No space left on device", "v.txt"), "v.txt: No space left on device"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (ValueError("two\nlines"), "two lines"),
        (KeyError("plain text"), "plain text"),
        (MemoryError(), "out of memory; use a smaller --dim, --window or text"),
        (FloatingPointError("diverged"), "diverged"),
        (ValueError(), "ValueError"),
    ]:

        def info(args, error=error):
            raise error

        monkeypatch.setitem(cli.COMMANDS, "info", info)
        assert fails(capsys, "info") == line


def test_bugs_keep_their_traceback(monkeypatch):
    def info(args):
        raise TypeError("a bug")

    monkeypatch.setitem(cli.COMMANDS, "info", info)
    with pytest.raises(TypeError, match="a bug"):
        cli.main(["info"])


# --- train ---------------------------------------------------------------------------------------


def test_train_hands_everything_on(folder, training, capsys):
    argv = "train text.txt --engine layers --dim 6 --window 2 --negative 3 --epochs 4"
    argv += " --batch-size 7 --lr 0.5"
    assert cli.main([*argv.split(), "--min-count", "2", "--subsample", "0", "-o", "out.txt"]) == 0
    corpus = datasets.build_corpus(datasets.tokenize(TEXT), 2)
    vocab_size, hidden_size, window_size, ids = training.model.args
    assert type(training.model).__name__ == "CBOW"
    assert (vocab_size, hidden_size, window_size) == (7, 6, 2)
    assert np.array_equal(ids, corpus.corpus)
    assert training.model.sample_size == 3
    assert training.window == 2
    assert training.lr == 0.5
    assert np.array_equal(training.corpus, corpus.corpus)
    assert training.fit == {
        "max_epoch": 4,
        "batch_size": 7,
        "progress": False,
        "eval_interval": (N_WORDS - 4) // 7 // 10,
    }
    saved = KeyedVectors.load("out.txt")
    assert saved.index_to_key == list(corpus.word_to_id)
    assert np.array_equal(saved.vectors, training.model.word_vecs)


def test_train_says_where_it_saved_on_stdout_and_the_rest_on_stderr(folder, training, capsys):
    assert cli.main(["train", *LAYERS, "text.txt"]) == 0
    out, err = capsys.readouterr()
    *neighbours, last = out.splitlines()
    assert last == "saved 7 vectors of dimension 100 in vectors.txt (word2vec text format)"
    assert [line.split(":")[0] for line in neighbours] == list(WORDS)
    assert all(len(line.split()) == len(WORDS) for line in neighbours)
    assert "| epoch" not in out + err
    lines = err.splitlines()
    assert lines[0] == "fastw2v: reading 1 file"
    assert (
        lines[1] == f"fastw2v: left out {DROPPED} characters outside of words, such as punctuation"
    )
    assert lines[2].startswith("fastw2v: cbow on 260 words (")
    assert lines[3].startswith("fastw2v: trained in ")
    assert len(lines) == 4
    assert sorted(os.listdir(folder)) == ["text.txt", "vectors.txt"]


def test_train_quiet_and_json(folder, training, capsys):
    argv = [
        "train",
        *LAYERS,
        "text.txt",
        "--quiet",
        "--json",
        "--model",
        "skip-gram",
        "--seed",
        "5",
    ]
    assert cli.main([*argv, "-o", "v.bin"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    result = results(out)
    assert type(training.model).__name__ == "SkipGram"
    assert result["output"] == str(folder / "v.bin")
    assert (result["format"], result["resumed"], result["loss"]) == ("binary", False, 2.5)
    assert (result["words"], result["vocabulary"]) == (N_WORDS, 7)
    assert result["dropped_characters"] == DROPPED
    assert result["settings"]["split"] == "words" and result["settings"]["normalize"] == "nfc"
    assert result["trained_words"] == len(training.corpus) < N_WORDS
    assert result["settings"]["model"] == "skip-gram"
    assert result["settings"]["seed"] == 5
    assert result["settings"]["batch_size"] == training.fit["batch_size"]
    nearest = KeyedVectors.load("v.bin").most_similar("dog")
    assert [word for word, _ in result["neighbours"]["dog"]] == [word for word, _ in nearest]


def test_train_without_file_takes_the_builtin_corpus(folder, training, capsys, monkeypatch):
    monkeypatch.setattr(
        datasets, "builtin_text", lambda: "A month has four weeks or 30 days. " * 30
    )
    assert cli.main(["train", *LAYERS]) == 0
    out, err = capsys.readouterr()
    assert "no FILE given, collecting the English documentation inside this Python" in err
    assert out.startswith("month: ")
    words = KeyedVectors.load("vectors.txt").index_to_key
    assert words == ["a", "month", "has", "four", "weeks", "or", "30", "days"]


def test_train_on_several_files_split_at_blanks(folder, training):
    (folder / "more.gz").write_bytes(gzip.compress(b"<eos> The " * 9))
    assert (
        cli.main(["train", *LAYERS, "text.txt", "more.gz", "--split", "blanks", "--negative", "2"])
        == 0
    )
    words = KeyedVectors.load("vectors.txt").index_to_key
    assert {"<eos>", "The", "the", "."} <= set(words)


@pytest.mark.parametrize(
    ("encoding", "text", "options", "words"),
    [
        ("cp932", "学生 先生、", "", ["学生", "先生"]),
        ("latin-1", "L'ÉTÉ au-delà ", "--elisions", ["l'", "été", "au", "delà"]),
        (
            "utf-8",
            "well-known \uff23 ",
            "--keep-hyphens --normalize nfkc --case keep",
            ["well-known", "C"],
        ),
        ("utf-16", "ISI ılık ", "--lang tr", ["ısı", "ılık"]),
        ("euc_jp", "学生、", "--split characters", ["学", "生", "、"]),
    ],
)
def test_train_reads_encodings_and_splits_by_the_options(
    folder, training, encoding, text, options, words
):
    (folder / "other.txt").write_bytes((text * 60).encode(encoding))
    argv = ["train", *LAYERS, "other.txt", "--encoding", encoding, *options.split()]
    assert cli.main([*argv, "--negative", "1", "--window", "1"]) == 0
    assert sorted(KeyedVectors.load("vectors.txt").index_to_key) == sorted(words)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--encoding rot13", "encoding: 'rot13' is no encoding of text"),
        ("--encoding nonsense", "encoding: expected the name of a codec of Python, got 'nonsense'"),
        ("--encoding cp932", "text.txt: byte 0: 0x81 is not cp932"),
        ("--lang tr --case keep", "lang: 'tr' acts on lower case, got case='keep'"),
        ("--split blanks --elisions", "elisions: acts on split='words'"),
    ],
)
def test_options_of_the_text_that_cannot_act_are_refused(
    folder, training, capsys, options, message
):
    (folder / "text.txt").write_bytes(b"\x81\xff" * 9)
    assert message in fails(capsys, "train", *LAYERS, "text.txt", *options.split())


@pytest.mark.parametrize(
    ("name", "binary", "packed"),
    [
        ("v.txt", False, False),
        ("v.BIN", True, False),
        ("v.bin.gz", True, True),
        ("v.gz", False, True),
        ("my.bingo", False, False),
    ],
)
def test_the_name_of_the_output_chooses_the_format(folder, training, name, binary, packed):
    assert cli.main(["train", *LAYERS, "text.txt", "-o", name]) == 0
    content = (folder / name).read_bytes()
    assert content.startswith(b"\x1f\x8b") == packed
    content = gzip.decompress(content) if packed else content
    assert (b"\0" in content or not content.isascii()) == binary


def test_the_seed_rules_and_the_global_stream_is_put_back(folder, training):
    np.random.seed(11)
    before = np.random.get_state()[1].copy()
    tables = []
    for seed in (1, 1, 2):
        assert cli.main(["train", *LAYERS, "text.txt", "--seed", str(seed)]) == 0
        tables.append((training.model.word_vecs, training.corpus))
    assert np.array_equal(tables[0][0], tables[1][0])
    assert np.array_equal(tables[0][1], tables[1][1])
    assert not np.array_equal(tables[0][0], tables[2][0])
    assert np.array_equal(np.random.get_state()[1], before)


def test_batches_of_short_and_long_texts(folder, training):
    assert cli.main(["train", *LAYERS, "text.txt", "--subsample", "0"]) == 0
    assert training.fit["batch_size"] == layers._LEAST_BATCH
    (folder / "text.txt").write_text(TEXT * 500, encoding="utf-8")
    assert cli.main(["train", *LAYERS, "text.txt", "--subsample", "0"]) == 0
    assert training.fit["batch_size"] == (N_WORDS * 500 - 10) // 200
    assert cli.main(["train", *LAYERS, "text.txt", "--batch-size", "999999999"]) == 0
    assert training.fit["batch_size"] == len(training.t)  # else not one step would be made


def test_the_bar_is_for_terminals_only(folder, training, monkeypatch):
    monkeypatch.setattr(splitting, "is_terminal", lambda stream: True)
    assert cli.main(["train", *LAYERS, "text.txt"]) == 0
    assert training.fit["progress"] is True
    assert cli.main(["train", *LAYERS, "text.txt", "--quiet"]) == 0
    assert training.fit["progress"] is False


def test_ctrl_c_saves_what_was_learned(folder, training, capsys):
    def during_fit(model):
        model.word_vecs[:] = 7
        raise KeyboardInterrupt

    training.during_fit = during_fit
    assert cli.main(["train", *LAYERS, "text.txt", "--json"]) == 130
    out, err = capsys.readouterr()
    assert report(out)["exit_code"] == 130
    assert "fastw2v: stopped; saving the vectors learned so far" in err
    assert np.all(KeyedVectors.load("vectors.txt").vectors == 7)


def test_ctrl_c_before_training(folder, capsys, monkeypatch):
    def stop(paths, encoding):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "read_text", stop)
    assert cli.main(["train", *LAYERS, "text.txt"]) == 130
    assert capsys.readouterr().err.endswith("fastw2v: stopped\n")
    assert os.listdir(folder) == ["text.txt"]


def test_diverged_vectors_are_not_saved(folder, training, capsys):
    def during_fit(model):
        model.word_vecs[3, 1] = np.nan

    training.during_fit = during_fit
    (folder / "vectors.txt").write_text("old")
    assert fails(capsys, "train", *LAYERS, "text.txt") == (
        "training diverged, some vectors are not finite; nothing saved, lower --lr"
    )
    assert (folder / "vectors.txt").read_text() == "old"


def test_train_refuses_before_it_works(folder, training, capsys):
    assert "none.txt: no such file" in fails(capsys, "train", *LAYERS, "none.txt")
    assert "there is no folder" in fails(capsys, "train", *LAYERS, "text.txt", "-o", "none/v.txt")
    assert "is a folder; give the name of a file" in fails(
        capsys, "train", *LAYERS, "text.txt", "-o", "."
    )
    assert "--negative: expected fewer than the 7 words" in fails(
        capsys, "train", *LAYERS, "text.txt", "--negative", "7"
    )
    assert "no word occurs 999 times" in fails(
        capsys, "train", *LAYERS, "text.txt", "--min-count", "999"
    )
    assert "--window: " in fails(capsys, "train", *LAYERS, "text.txt", "--window", "120")
    (folder / "signs.txt").write_text("? ! -")
    assert "tokens: expected words, got none" in fails(capsys, "train", *LAYERS, "signs.txt")
    (folder / "bad.txt").write_bytes(b"caf\xe9")
    assert "bad.txt: byte 3: 0xe9 is not UTF-8" in fails(capsys, "train", *LAYERS, "bad.txt")
    assert not hasattr(training, "fit")


@pytest.fixture
def clone(folder, monkeypatch):
    """Make a clone of the source, reduced to the folders by which it is recognised."""
    root = folder / "clone"
    for part in ("src_pyx", "fastw2v", "examples"):
        (root / part).mkdir(parents=True)
    (root / "fastw2v" / "_version.py").write_text("")
    monkeypatch.chdir(root)
    return root


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("part", ["", "examples"])
def test_the_default_output_lands_beside_a_clone_never_in_it(
    folder, clone, training, capsys, monkeypatch, part
):
    monkeypatch.chdir(clone / part)
    assert cli.main(["train", *LAYERS, str(folder / "text.txt")]) == 0
    out, err = capsys.readouterr()
    place = os.path.join("..", *[".."] * bool(part), "vectors.txt")
    assert out.splitlines()[-1].endswith(f"in {place} (word2vec text format)")
    assert f"holds fastw2v's source; saving to {place} beside it" in err
    assert files_below(clone) == [os.path.join("fastw2v", "_version.py")]
    assert len(KeyedVectors.load(folder / "vectors.txt")) == 7


def test_an_output_that_is_named_may_be_in_a_clone(folder, clone, training, capsys):
    argv = ["train", *LAYERS, str(folder / "text.txt"), "-o", "vectors.txt"]
    assert cli.main(argv) == 0
    assert "beside it" not in capsys.readouterr().err
    assert len(KeyedVectors.load(clone / "vectors.txt")) == 7


def test_quiet_says_nothing_about_the_place(folder, clone, training, capsys):
    assert cli.main(["train", *LAYERS, str(folder / "text.txt"), "--quiet", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and results(out)["output"] == str(folder / "vectors.txt")


# --- similar, analogy, info, run -----------------------------------------------------------------


def test_similar_prints_as_the_book_does(vectors, capsys):
    assert cli.main(["similar", vectors, "East", "north", "-n", "2"]) == 0
    out, err = capsys.readouterr()
    assert out == (
        "\n[query] East (east)\n near: 0.9939\n north: 0.0000\n"
        "\n[query] north\n near: 0.1104\n east: 0.0000\n"
    )
    assert err == ""


def test_answers_are_under_the_words_as_asked(vectors, capsys):
    assert cli.main(["similar", vectors, "East", "NORTH", "-n", "1", "--json"]) == 0
    assert [*results(capsys.readouterr().out)] == ["East", "NORTH"]


def test_a_missing_word_brings_similar_ones(vectors, capsys):
    for asked, hint in (("nort", "north"), ("Eaast", "east"), ("nearr", "near")):
        message = fails(capsys, "similar", vectors, asked)
        assert message.endswith(f"words of {vectors}; did you mean {hint}?")


@pytest.mark.parametrize("missing", [["zebra"], ["zebra", "Okapi"]])
def test_similar_answers_the_words_that_it_knows_and_names_the_others(vectors, capsys, missing):
    asked = [missing[0], "East", *missing[1:], "north", "East"]
    assert cli.main(["similar", vectors, *asked, "-n", "1"]) == 1
    out, err = capsys.readouterr()
    assert out == "\n[query] East (east)\n near: 0.9939\n\n[query] north\n near: 0.1104\n"
    verb = "is" if len(missing) == 1 else "are"
    assert f"error: {', '.join(map(repr, missing))} {verb} not among the 4 words" in err
    assert cli.main(["similar", vectors, *asked, "-n", "1", "--json"]) == 1
    found = report(capsys.readouterr().out)
    assert [*found["results"]] == ["East", "north"]
    assert found["error"]["type"] == "PartialFailure"
    assert all(repr(word) in found["error"]["message"] for word in missing)


def test_similar_splits_a_word_as_the_text_was_split(tmp_path, capsys):
    words = ["café", "c++", "ısı", "l'homme", "tag", "https://a.b/c", "Keep", "well-known"]
    rows = np.random.default_rng(0).standard_normal((len(words), 4)).astype(np.float32)
    name = str(tmp_path / "v.txt")
    KeyedVectors.from_words(words, rows).save_word2vec_format(name)
    for asked, options, found in [
        ("Cafe\u0301", "", "café"),
        ("C++,", "", "c++"),
        ("ISI", "--lang tr", "ısı"),
        ("L\u2019Homme", "", "l'homme"),
        ("#Tag", "", "tag"),
        ("(HTTPS://a.b/c)", "", "https://a.b/c"),
        ("Keep", "", "Keep"),
        ("well\u2010known", "--keep-hyphens", "well-known"),
    ]:
        assert cli.main(["similar", name, asked, "-n", "1", *options.split()]) == 0
        head = asked if asked == found else f"{asked} ({found})"
        assert capsys.readouterr().out.startswith(f"\n[query] {head}\n")
        assert cli.main(["analogy", name, asked, "tag", "c++", *options.split(), "--json"]) == 0
        assert results(capsys.readouterr().out)["a"] == found
    message = fails(capsys, "similar", name, "ISI")
    assert "'ISI' is not among the 8 words" in message


def test_a_fw2v_file_remembers_how_its_text_was_split(folder, training, capsys):
    (folder / "tr.txt").write_text("ISI ılık İyi ışık-ışın ısı. " * 60, encoding="utf-8")
    argv = ["train", *LAYERS, "tr.txt", "--lang", "tr", "--keep-hyphens", "--negative", "1"]
    assert cli.main([*argv, "-o", "v.fw2v", "--json"]) == 0
    found = results(capsys.readouterr().out)
    assert found["format"] == "fw2v"
    expected = datasets.Splitter(lang="tr", keep_hyphens=True)
    assert {name: found["settings"][name] for name in expected.settings()} == expected.settings()
    assert cli.main(["convert", "v.fw2v", "few.fw2v", "--limit", "2"]) == 0
    for name in ("v.fw2v", "few.fw2v"):
        assert KeyedVectors.load(name).splitter == expected
        assert cli.main(["similar", name, "ISI", "-n", "1"]) == 0
        assert capsys.readouterr().out.startswith("\n[query] ISI (ısı)\n")
    assert "'ISI' is not among" in fails(capsys, "similar", "v.fw2v", "ISI", "--case", "keep")
    assert cli.main(["convert", "v.fw2v", "v.txt"]) == 0
    assert KeyedVectors.load("v.txt").splitter is None
    assert cli.main(["similar", "v.txt", "ISI", "--lang", "tr"]) == 0


def test_unknown_settings_of_a_splitter_are_refused(tmp_path):
    vectors = KeyedVectors.from_words(["a"], np.ones((1, 2), np.float32))
    for settings in ({"split": "lines"}, {"stemmer": "porter"}, [1], "words"):
        vectors.splitter = types.SimpleNamespace(settings=lambda kept=settings: kept)
        vectors.save(tmp_path / "v.fw2v")
        with pytest.raises(ValueError, match=r"v\.fw2v: the settings of its splitter are unknown"):
            KeyedVectors.load(tmp_path / "v.fw2v")


def test_similar_json(vectors, capsys):
    assert cli.main(["similar", vectors, "east", "--json"]) == 0
    answer = results(capsys.readouterr().out)
    assert [word for word, _ in answer["east"]] == ["near", "north", "west"]
    assert answer["east"][2][1] == pytest.approx(-1)


def test_analogy(vectors, capsys):
    assert cli.main(["analogy", vectors, "west", "north", "east", "-n", "1"]) == 0
    assert capsys.readouterr().out == "\n[analogy] west:north = east:?\n near: 0.9383\n"
    assert cli.main(["analogy", vectors, "west", "north", "east", "--json"]) == 0
    answer = results(capsys.readouterr().out)
    assert (answer["a"], answer["b"], answer["c"]) == ("west", "north", "east")
    assert answer["answers"][0][0] == "near"


def test_unknown_words_and_files(vectors, folder, capsys):
    message = fails(capsys, "similar", vectors, "up", "Down")
    assert message.startswith(
        "'up', 'Down' are not among the 4 words of v.txt; use words of the text"
    )
    assert "'up' is not among" in fails(capsys, "analogy", vectors, "east", "up", "north")
    assert "none.bin" in fails(capsys, "similar", "none.bin", "east")
    (folder / "cut.bin").write_bytes(b"5 300\nword 1234")
    assert "cut.bin: byte 0: the header says 5 rows" in fails(capsys, "similar", "cut.bin", "a")


def test_info(capsys, monkeypatch):
    facts = {"version": "1.2", "levels": ["baseline", "v3"], "openmp": True}
    monkeypatch.setattr(fastw2v, "build_info", lambda: facts, raising=False)
    assert cli.main(["info"]) == 0
    assert capsys.readouterr().out == "version: 1.2\nlevels: baseline, v3\nopenmp: True\n"
    assert cli.main(["info", "--json"]) == 0
    assert results(capsys.readouterr().out) == facts


def test_info_says_how_to_get_a_better_level_than_those_built(capsys, monkeypatch):
    monkeypatch.setattr(_kernels, "built_levels", lambda: ["baseline"])
    monkeypatch.setattr(_cpu, "level", lambda: "v3")
    assert cli.main(["info"]) == 0
    printed = capsys.readouterr().out
    assert "unbuilt_level: v3\n" in printed and "FASTW2V_LEVELS=v3 set" in printed
    monkeypatch.setattr(_cpu, "level", lambda: "baseline")
    assert cli.main(["info"]) == 0
    printed = capsys.readouterr().out
    assert "unbuilt_level: None\n" in printed and "FASTW2V_LEVELS" not in printed


def test_run_is_left_to_the_runner(capsys, monkeypatch):
    def run(script, args, models=None):
        if script == "stop.py":
            raise KeyboardInterrupt
        print("ran", script, args, models)
        return 7

    monkeypatch.setattr(run_script, "run", run)
    arguments = ["--quiet", "--", "x"]
    for options, models in (([], None), (["--models"], True)):
        assert main(["run", *options, "x.py", *arguments]) == 7
        assert capsys.readouterr().out == f"ran x.py {arguments} {models}\n"
        with pytest.raises(KeyboardInterrupt):  # the interpreter ends as after `python stop.py`
            main(["run", *options, "stop.py"])
    assert main(["run", "-"]) == 7 and capsys.readouterr().out == "ran - [] None\n"
    assert main(["run"]) == 2 and "fastw2v run: error" in capsys.readouterr().err


def test_run_starts_without_what_no_script_needs(tmp_path):
    """Each of these modules would take a large part of the time of a short script."""
    script = tmp_path / "script.py"
    names = "from common.trainer import Trainer\nfrom common.util import preprocess\n"
    script.write_text(f"import sys\n{names}print(*sys.modules)\n")
    start = f"from fastw2v.cli import main; raise SystemExit(main(['run', {str(script)!r}]))"
    loaded, of_numpy = (
        set(run(code).stdout.split()) for code in (start, "import sys, numpy; print(*sys.modules)")
    )
    assert {"fastw2v.trainer", "fastw2v.util"} <= loaded and "numpy" in of_numpy
    unwanted = {"argparse", "fastw2v.cli.app", "importlib.resources", "pathlib", "secrets"}
    unwanted |= {"tempfile", "shutil", "tqdm", "zipfile", "fastw2v.word2vec", "fastw2v.time_layers"}
    assert loaded & unwanted <= of_numpy


# --- as a program --------------------------------------------------------------------------------


def program(*argv, **options):
    path = os.path.dirname(os.path.dirname(os.path.abspath(fastw2v.__file__)))
    environment = {**os.environ, "PYTHONPATH": path, **options.pop("env", {})}
    return subprocess.Popen(
        [sys.executable, "-m", "fastw2v", *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        **options,
    )


def test_python_m_fastw2v(vectors):
    with program("similar", vectors, "east", "-n", "1") as process:
        out, err = process.communicate()
    assert (process.returncode, out.split(), err) == (
        *(0, [b"[query]", b"east", b"near:", b"0.9939"], b""),
    )
    with program("similar", vectors, "up") as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert err.startswith(b"fastw2v: error: 'up'")


def test_words_that_the_terminal_cannot_show(folder):
    KeyedVectors.from_words(["a", "日"], np.eye(2)).save_word2vec_format("v.txt")
    with program("similar", "v.txt", "a", env={"PYTHONIOENCODING": "ascii"}) as process:
        out, _ = process.communicate()
    assert (process.returncode, out.split()[2]) == (0, b"\\u65e5:")
    with program("similar", "v.txt", "a", "--json", env={"PYTHONIOENCODING": "ascii"}) as process:
        out, _ = process.communicate()
    assert results(out) == {"a": [["日", 0.0]]}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGPIPE's worth of errors")
def test_a_reader_that_leaves(folder):
    words = [f"word{n}" for n in range(20_000)]
    KeyedVectors.from_words(words, np.ones((20_000, 1))).save_word2vec_format("v.bin", binary=True)
    with program("similar", "v.bin", "word0", "-n", "20000") as process:
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (141, b"")
