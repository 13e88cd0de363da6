"""`fastw2v fasttext skipgram|cbow` and `fastw2v train --subwords`."""

import json

import numpy as np
import pytest
from cli_report import report, results

from fastw2v import FastText, FastTextKeyedVectors, KeyedVectors
from fastw2v._files import fasttext_bin
from fastw2v.cli import main
from fastw2v.fasttext.lines import LONGEST, Lines

pytestmark = pytest.mark.filterwarnings("ignore:.*left out")

TEXT = (
    b"the cat sat __label__x on the mat\n\nthe d\xa0og na\xc3\xafve\xc2\xa0word ran\x0bto\0the "
    b"mat\r\nend" + b"\n"
) * 5 + b"the last"
SMALL = "-dim 4 -minCount 1 -bucket 50 -epoch 2 -thread 1 -verbose 0".split()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_bytes(TEXT)
    return tmp_path


COUNTS = {"the": 21, "</s>": 20, "mat": 10, "cat": 5, "end": 5, "last": 1}
N_WORDS = 97  # with the ends of lines and five labels


def run(verb, *more, code=0):
    assert main(["fasttext", verb, "-input", "text.txt", "-output", "m", *SMALL, *more]) == code


# ---- how a text is read


def test_words_end_at_fasttexts_blanks_alone(folder):
    lines = Lines("text.txt")
    read = list(lines)
    assert read[0] == ["the", "cat", "sat", "on", "the", "mat", "</s>"]
    assert read[1] == ["</s>"]
    wide = "naïve\u00a0word"
    assert read[2] == ["the", "d\udca0og", wide, "ran", "to", "the", "mat", "</s>"]
    assert read[3] == ["end", "</s>"]
    assert read[-1] == ["the", "last"]  # the file has no line feed at its end
    assert dict(lines.labels) == {"__label__x": 5}
    assert "__label__x" in next(iter(Lines("text.txt", label="")))


@pytest.mark.parametrize("ends", [b"", b"\n", b" ", b" x\n"])
@pytest.mark.parametrize("n", [LONGEST - 1, LONGEST, LONGEST + 1, 3 * LONGEST])
def test_long_lines_are_cut(folder, monkeypatch, n, ends):
    monkeypatch.setattr("fastw2v.fasttext.lines._PIECE", 1000)  # words lie across pieces
    words = [f"w{i}" for i in range(n)]
    (folder / "long").write_bytes(" ".join(words).encode() + ends)
    read = list(Lines("long"))
    wanted = words + ["x"] * (b"x" in ends) + ["</s>"] * (b"\n" in ends)
    assert [word for line in read for word in line] == wanted
    assert all(len(line) == LONGEST for line in read[:-1])
    assert len(read[-1]) <= LONGEST


def test_packed_and_empty_files(folder):
    import gzip

    (folder / "text.gz").write_bytes(gzip.compress(TEXT))
    assert list(Lines("text.gz")) == list(Lines("text.txt"))
    (folder / "none").write_bytes(b"")
    assert list(Lines("none")) == []


# ---- the verbs


@pytest.mark.parametrize(("verb", "model"), [("skipgram", 2), ("cbow", 1)])
def test_the_files_hold_what_fasttexts_do(folder, capsys, verb, model):
    run(verb, "-neg", "3", "-lrUpdateRate", "7", "-minn", "2", "--json")
    found = results(capsys.readouterr().out)
    assert (found["output"], found["vectors"], found["labels"]) == ("m.bin", "m.vec", 1)
    assert found["words"] == N_WORDS
    bin = fasttext_bin.read("m.bin")
    told = dict.fromkeys(["epoch", "lrUpdateRate", "minn", "maxn"])
    told |= {"epoch": 2, "lrUpdateRate": 7, "minn": 2, "maxn": 6, "bucket": 50, "dim": 4}
    told |= {"model": model, "loss": 2, "neg": 3, "t": 1e-4, "ws": 5, "minCount": 1}
    assert bin.arguments == {"wordNgrams": 1} | told
    counts = dict(zip(bin.words, bin.counts.tolist(), strict=True))
    assert counts == counts | COUNTS
    assert "__label__x" not in counts
    assert bin.n_tokens == found["words"]
    vectors = FastTextKeyedVectors.load("m.bin")
    assert vectors.get_subwords("</s>")[0] == ["</s>"]
    plain = KeyedVectors.load("m.vec")
    assert len(plain) == len(vectors) - 1  # one word is not UTF-8
    np.testing.assert_allclose(plain["naïve\u00a0word"], vectors["naïve\u00a0word"], rtol=1e-6)
    assert b"__label__x\0" in (folder / "m.bin").read_bytes()


def test_line_ends_are_trained_and_have_no_ngrams(folder):
    run("skipgram", "-t", "0")
    end = FastText.load("m.bin")
    assert end.wv.line_end == "</s>"
    assert end.syn1neg[end.wv.get_index("</s>")].any()
    assert (end.sample, end.ns_exponent) == (0, 0.5)


def test_equal_seeds_give_equal_models(folder):
    for name in ("1", "2"):
        run("skipgram", "-seed", "5")
        (folder / "m.bin").rename(folder / name)
    assert (folder / "1").read_bytes() == (folder / "2").read_bytes()
    run("skipgram", "-seed", "6")
    assert (folder / "1").read_bytes() != (folder / "m.bin").read_bytes()


@pytest.mark.parametrize("options", [(), ("-loss", "hs"), ("-maxn", "0")])
def test_every_model_trains_on(folder, options):
    run("cbow", "-saveOutput", *options)
    model, rows = FastText.load("m.bin"), KeyedVectors.load("m.output")
    outputs = -model.syn1 if "hs" in options else model.syn1neg
    np.testing.assert_allclose(rows["cat"], outputs[model.wv.get_index("cat")], rtol=1e-6)
    assert model.wv.bucket == (0 if "0" in options else 50)
    model.train([["the", "cat", "sat"]] * 20, total_examples=20, epochs=1)


def test_subsampling_takes_shares_of_all_words(folder, monkeypatch):
    seen = []
    monkeypatch.setattr(FastText, "train", lambda self, *_, **__: seen.append(self.sample))
    run("skipgram", "-t", "0.01", "-minCount", "6")
    kept = sum(COUNTS[word] for word in ("the", "</s>", "mat"))
    assert seen == [pytest.approx(0.01 * N_WORDS / kept)]
    assert fasttext_bin.read("m.bin").arguments["t"] == 0.01


def test_a_training_starts_from_given_vectors(folder, monkeypatch, capsys):
    KeyedVectors.from_words(["cat", "newcomer"], np.full((2, 4), 9.0)).save_word2vec_format("v.vec")
    monkeypatch.setattr(FastText, "train", lambda *_, **__: None)
    run("skipgram", "-pretrainedVectors", "v.vec", "-minCount", "5")
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    vectors = FastTextKeyedVectors.load("m.bin")
    counts = {w: vectors.get_vecattr(w, "count") for w in ("cat", "newcomer", "the")}
    assert counts == {"cat": 6, "newcomer": 1, "the": 21}
    assert "last" not in vectors.key_to_index
    for word in ("cat", "newcomer"):
        assert (vectors.vectors_vocab[vectors.get_index(word)] == 9).all()
    run("skipgram", "-pretrainedVectors", "v.vec")
    trained = FastTextKeyedVectors.load("m.bin")
    assert (trained.vectors_vocab != vectors.vectors_vocab[:1]).any()
    KeyedVectors.from_words(["cat"], np.ones((1, 3))).save_word2vec_format("v.vec")
    run("skipgram", "-pretrainedVectors", "v.vec", code=1)
    assert "pass -dim 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["-loss", "softmax"], "-loss: expected ns or hs, got softmax"),
        (["-loss", "ova"], "-loss: expected ns or hs, got ova"),
        (["-loss", "x"], "no loss"),
        (["-wordNgrams", "2"], "-wordNgrams: expected 1"),
        (["-dim", "0"], "-dim: expected"),
        (["-ws", "0"], "-ws: expected"),
        (["-epoch", "0"], "-epoch: expected"),
        (["-neg", "0"], "-neg: expected"),
        (["-bucket", "-1"], "-bucket: expected"),
        (["-lr", "-1"], "-lr: expected"),
        (["-minCount", "99"], "lower -minCount"),
        (["-output", "no/folder"], "no"),
        (["-input", "none.txt"], "none.txt: no such file; check the name"),
        (["-unwritable", "error"], "m.vec"),
    ],
)
def test_errors_name_the_flag_and_leave_no_file(folder, capsys, more, text):
    before = sorted(folder.iterdir())
    run("skipgram", *more, code=1)
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and text in err
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("-minCount", "few", "a whole number"),
        ("-dim", "1.5", "a whole number"),
        ("-lr", "nan", "a number"),
        ("-t", "1e-4x", "a number"),
    ],
)
def test_values_that_are_no_numbers_are_wrong_usage(folder, capsys, flag, value, expected):
    run("skipgram", flag, value, code=2)
    assert f"{flag}: expected {expected}, got '{value}'" in capsys.readouterr().err


def test_other_verbs_are_no_verbs(folder, capsys):
    for verb in ("supervised", "predict", "quantize"):
        assert main(["fasttext", verb, "-input", "text.txt", "-output", "m"]) == 2
        assert "need the program fastText" in capsys.readouterr().err
    assert main(["fasttext", "skipgram", "-inptu", "text.txt", "--json"]) == 2
    assert report(capsys.readouterr().out)["command"] == "fasttext"


def test_standard_input_is_a_text(folder, capsys, monkeypatch):
    import io

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TEXT)))
    assert main(["fasttext", "cbow", "-input", "-", "-output", "m", *SMALL]) == 0
    assert "cat" in FastTextKeyedVectors.load("m.bin").key_to_index


def test_the_program_fasttext_opens_the_model(folder):
    pytest.importorskip("fasttext_pybind")
    import fasttext

    run("skipgram", "-t", "0.1")
    theirs = fasttext.load_model("m.bin")
    ours = FastTextKeyedVectors.load("m.bin")
    words = theirs.get_words(on_unicode_error="replace")
    assert [word for word in words if "\ufffd" not in word] == [
        word for word in ours.index_to_key if "\udca0" not in word
    ]
    for word in ("the", "unseen", "</s>"):
        assert theirs.get_subwords(word)[1].tolist() == ours.get_subwords(word)[1].tolist()
        np.testing.assert_allclose(theirs.get_input_vector(0), ours.vectors_vocab[0], rtol=1e-6)
    near = theirs.get_nearest_neighbors("cats", 3, on_unicode_error="replace")
    np.testing.assert_allclose(
        [cosine for cosine, _ in near],
        [cosine for cosine, _ in ours.get_nearest_neighbors("cats", 3)],
        atol=1e-5,
    )


# ---- fastw2v train --subwords

QUICK = "--dim 4 --epochs 1 --min-count 1 --threads 1 --quiet".split()


@pytest.fixture
def clean(folder):
    (folder / "text.txt").write_text("the cat sat on the mat\nthe dog ran\n" * 9)
    return folder


def test_train_writes_a_model_that_composes_words(clean, capsys):
    assert main(["train", "text.txt", "--subwords", *QUICK, "--buckets", "60", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["results"]
    assert found["format"] == "fasttext"
    assert found["settings"]["subwords"] == {"min_n": 3, "max_n": 6, "buckets": 60}
    assert FastText.load("vectors.bin").wv.bucket == 60
    assert main(["similar", "vectors.bin", "catss", "--json"]) == 0
    assert results(capsys.readouterr().out)["catss"]


@pytest.mark.parametrize("name", ["v.fw2v", "v.txt", "v.vec.gz", "v.npz"])
def test_other_formats_are_what_their_names_say(clean, name):
    assert main(["train", "text.txt", "--subwords", *QUICK, "-o", name]) == 0
    vectors = (FastTextKeyedVectors if name == "v.fw2v" else KeyedVectors).load(name)
    assert ("catss" in vectors) == (name == "v.fw2v")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("v.txt", "the text format has no place"),
        ("v.npz", "the npz format has no place"),
        ("v.fw2v --dtype int8", "--dtype rounds"),
        ("v.fw2v --limit 3", "--limit keeps"),
        ("v.fw2v", ""),
    ],
)
def test_convert_tells_that_ngrams_are_left_out(clean, capsys, options, reason):
    assert main(["train", "text.txt", "--subwords", *QUICK, "--buckets", "60"]) == 0
    capsys.readouterr()
    assert main(["convert", "vectors.bin", *options.split()]) == 0
    told = capsys.readouterr().err
    assert reason in told
    assert ("without their n-grams" in told) == bool(reason)
    kept = []
    for name in ("vectors.bin", options.split()[0]):
        assert main(["info", name, "--json"]) == 0
        found = results(capsys.readouterr().out)
        kept.append(found.get("ngrams"))
        assert found["mapped"] == name.endswith(("vectors.bin", ".fw2v"))
    assert kept == ["3 to 6 characters in 60 buckets", None if reason else kept[0]]


def test_a_training_with_ngrams_resumes(clean, capsys):
    first = [*QUICK, "--subwords", "--min-n", "2", "--max-n", "4", "--buckets", "60"]
    first[first.index("--epochs") + 1] = "3"
    assert main(["train", "text.txt", *first, "--checkpoint", "c.fw2v", "--save-model", "s"]) == 0
    assert main(["train", "--resume", "c.fw2v", "--quiet", "-o", "again.bin"]) == 0
    ours, theirs = FastText.load("s"), FastText.load("again.bin")
    np.testing.assert_array_equal(ours.wv["catss"], theirs.wv["catss"])
    assert main(["train", "--resume", "c.fw2v", "--quiet", "--min-n", "3"]) == 1
    assert "--min-n: expected 2" in capsys.readouterr().err
    assert main(["train", "text.txt", *QUICK, "--checkpoint", "w.fw2v"]) == 0
    assert main(["train", "--resume", "w.fw2v", "--quiet", "--subwords"]) == 1
    assert "--subwords: expected False" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--min-n", "2"], "add --subwords"),
        (["--subwords", "--engine", "layers"], "--subwords: expected --engine word2vec"),
        (["--subwords", "--scheduler", "x:1"], "a cluster trains words without n-grams"),
        (["--subwords", "-o", "v.bin.gz"], "a model of fastText"),
    ],
)
def test_options_that_do_not_fit_are_refused(clean, capsys, more, text):
    assert main(["train", "text.txt", *QUICK, *more]) == 1
    assert text in capsys.readouterr().err
