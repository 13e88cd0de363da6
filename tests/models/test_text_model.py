"""TextModel: cutting of text, training, writing, files, the two commands."""

import io
import json
import math
import zipfile

import numpy as np
import pytest
from cli_report import report, results
from whole_models import weights_of

from fastw2v import cli, datasets, text_model
from fastw2v._training.fit_loop import FitLoop
from fastw2v.datasets import Splitter, tokenize_lines
from fastw2v.text_model import (
    TextModel,
    join_words,
    train,
    unigram_perplexity,
    vocabulary,
)

SENTENCES = ("the cat sat on the mat .", "a dog ran to the door .", "birds sing in the tree .")
TEXT = "".join(SENTENCES[i] + "\n" for i in np.random.default_rng(0).integers(0, 3, 200))
TOKENS = list(tokenize_lines(TEXT, split="blanks"))
WORDS = vocabulary(TOKENS)


def small(kind="rnnlm", seed=1):
    return TextModel(WORDS, kind, 16, 0.1, rng=np.random.default_rng(seed))


def trained(kind="rnnlm", epochs=4):
    np.random.seed(2)
    made = small(kind)
    ids = made.ids(TOKENS)
    list(train(made, ids, ids[:200], epochs=epochs, batch_size=4, time_size=8))
    return made


# Text to words and back ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Go.\n\nNow!", ["go", ".", "<eos>", "now", "!"]),
        ("one\ntwo", ["one", "two"]),
        (
            "don\u2019t say 1,000!\r\n\r\nL'amie-là",
            ["don't", "say", "1,000", "!", "<eos>", "l'amie", "-", "là"],
        ),
        ("a \n \t\n\n b", ["a", "<eos>", "b"]),
        ("\n\n a\n\n", ["a"]),
        ("====\n... x--y", ["=", ".", "x", "-", "y"]),
        ("it's 12% (\u201cno\u201d)", ["it's", "12", "%", "(", "\u201c", "no", "\u201d", ")"]),
        ("一万、二千。", ["一万", "、", "二千", "。"]),
        ("", []),
    ],
)
def test_text_is_cut_into_words_marks_and_paragraphs(text, words):
    assert list(tokenize_lines(text)) == words
    # Wherever a piece ends, as long as it ends at white space.
    for cut in [i + 1 for i, char in enumerate(text) if char.isspace()]:
        assert list(tokenize_lines([text[:cut], text[cut:]])) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a <unk> B\n\n c\n", ["a", "<unk>", "B", "<eos>", "c", "<eos>"]),
        ("a b", ["a", "b", "<eos>"]),
        (" \n \n", []),
        ("a\r\nb \n", ["a", "<eos>", "b", "<eos>"]),
    ],
)
def test_text_is_cut_at_blanks_and_lines(text, words):
    assert list(tokenize_lines(text, split="blanks")) == words
    for cut in [i + 1 for i, char in enumerate(text) if char in " \n"]:
        assert list(tokenize_lines([text[:cut], text[cut:]], split="blanks")) == words


def test_unknown_ways_to_cut_are_refused():
    with pytest.raises(ValueError, match="split: expected 'words' or .*, got 'lines'"):
        tokenize_lines("a", split="lines")
    with pytest.raises(TypeError, match="text: expected a str, or pieces of text, got int"):
        tokenize_lines(3)


def test_the_vocabulary_is_ordered_by_frequency_with_unk():
    tokens = "b a a c a b d <unk>".split()
    assert vocabulary(tokens) == ["a", "b", "c", "d", "<unk>"]
    assert vocabulary(tokens, min_count=2) == ["a", "<unk>", "b"]
    assert vocabulary(tokens, max_size=3) == ["a", "<unk>", "b"]
    assert vocabulary(["a"]) == ["a", "<unk>"]
    assert vocabulary(["a"], min_count=2) == ["<unk>"]
    with pytest.raises(ValueError, match="tokens: expected words, got none"):
        vocabulary([])
    with pytest.raises(ValueError, match="max_size: expected at least 2, got 1"):
        vocabulary(["a"], max_size=1)


def test_join_words():
    assert join_words("he said : \u201c no \u201d ( really ) .".split()) == (
        "he said: \u201cno\u201d (really)."
    )
    assert join_words(["a", "<eos>", "b", "<eos>"]) == "a\nb"
    assert join_words([]) == ""


def test_unigram_perplexity():
    assert unigram_perplexity(np.array([0, 0, 0, 1]), np.array([0, 1]), 2) == pytest.approx(
        math.exp(-(math.log(3 / 4) + math.log(1 / 4)) / 2)
    )
    assert unigram_perplexity(np.array([0, 0]), np.array([1]), 2) == pytest.approx(3)
    with pytest.raises(IndexError, match="ids: id 2 at position 0 is out of range for 2 rows"):
        unigram_perplexity(np.array([0]), np.array([2]), 2)


# Training and writing --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rnnlm", "better"])
def test_a_trained_model_writes_its_text(kind, capsys):
    np.random.seed(2)
    made = small(kind)
    ids = made.ids(TOKENS)
    epochs = list(train(made, ids, ids[:200], epochs=6, batch_size=4, time_size=8))
    assert capsys.readouterr() == ("", "")
    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4, 5, 6]
    assert epochs[0].lr == 20 and epochs[0].improved
    assert epochs[-1].train_perplexity < epochs[0].train_perplexity
    alone = unigram_perplexity(ids, ids, len(WORDS))
    assert made.perplexity(ids) < alone / 3
    sentences = made.write(200, temperature=0.3).split("\n")
    known = {join_words(sentence.split()) for sentence in SENTENCES}
    assert np.mean([sentence in known for sentence in sentences]) > 0.8


def test_the_rate_is_quartered_and_the_best_weights_are_kept(monkeypatch):
    made = small()
    ids = made.ids(TOKENS)
    valid = iter([50.0, 40.0, 45.0, 41.0, 30.0])
    seen = []
    monkeypatch.setattr(TextModel, "perplexity", lambda self, ids: next(valid))
    for epoch in train(made, ids, ids, epochs=5, batch_size=4, time_size=8, lr=1.0):
        seen.append((epoch.lr, epoch.improved, weights_of(made.model)))
    assert [rate for rate, _, _ in seen] == [1.0, 1.0, 1.0, 0.25, 0.0625]
    assert [improved for _, improved, _ in seen] == [True, True, False, False, True]
    assert weights_of(made.model) == seen[4][2]

    made, valid = small(), iter([50.0, 60.0, 70.0])
    seen = [
        weights_of(made.model)
        for _ in train(made, ids, ids, epochs=3, batch_size=4, time_size=8, lr=1.0)
    ]
    assert weights_of(made.model) == seen[0] != seen[2]


def test_ctrl_c_leaves_the_best_weights(monkeypatch):
    made = small()
    ids = made.ids(TOKENS)
    epochs = train(made, ids, ids, epochs=5, batch_size=4, time_size=8, lr=1.0)
    next(epochs)
    best = weights_of(made.model)
    step = FitLoop.step

    def interrupted(self, k, *batch):
        if k == 3:
            raise KeyboardInterrupt
        return step(self, k, *batch)

    monkeypatch.setattr(FitLoop, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(epochs)
    assert weights_of(made.model) == best


def test_training_refuses_before_it_starts():
    made = small()
    ids = made.ids(TOKENS)
    for options, error, words in [
        ({"epochs": 0}, ValueError, "epochs: expected at least 1, got 0"),
        ({"epochs": 1, "lr": 0}, ValueError, "lr: expected a number above 0, got 0"),
        ({"epochs": 1, "batch_size": 900}, ValueError, "ids: expected more than batch_size"),
        ({"epochs": 1, "time_size": 0}, ValueError, "time_size: expected at least 1, got 0"),
    ]:
        with pytest.raises(error, match=words):
            next(train(made, ids, ids, **options))
    with pytest.raises(ValueError, match="ids: expected more than batch_size . time_size = 1 ids"):
        made.perplexity(ids[:1])


def test_perplexity_takes_short_texts():
    made = trained()
    ids = made.ids(TOKENS)
    assert made.perplexity(ids[:2]) > 1
    assert made.perplexity(ids[:30]) == made.perplexity(ids[:30])
    made.model.params[-1][...] = 1e30
    made.model.params[-1][0] = -1e30
    assert made.perplexity(np.zeros(40, int)) == math.inf


def test_write_begins_with_the_start_and_skips_words():
    made = trained()
    np.random.seed(3)
    text = made.write(20, "the cat")
    assert text.startswith("the cat")
    np.random.seed(3)
    assert made.write(20, ["the", "cat"]) == text
    assert made.write(20, "the cat", rng=np.random.default_rng(0)) == made.write(
        20, "the cat", rng=np.random.default_rng(0)
    )
    assert made.write(2, "the cat") == "the cat"
    assert made.write(1, "The cat sat") == "the cat sat"
    assert len(made.write(3, "the", skip=["<eos>"]).split()) == 3
    assert "mat" not in made.write(300, skip=["mat", "nobody knows"])
    with pytest.raises(ValueError, match="start: 'zebra' is not among the 17 words of this model"):
        made.write(5, "the zebra")
    with pytest.raises(ValueError, match="n_words: expected at least 1, got 0"):
        made.write(0)
    with pytest.raises(ValueError, match="temperature: expected a number above 0, got -1"):
        made.write(5, temperature=-1)


def test_a_text_without_lines_begins_with_its_commonest_word():
    made = TextModel(["x", "y", "<unk>"], "rnnlm", 4, rng=np.random.default_rng(0))
    assert set(made.write(10).split()) <= {"x", "y"}


def test_unknown_words_are_unk_or_refused():
    made = small()
    assert made.ids(["the", "zebra"]).tolist() == [WORDS.index("the"), WORDS.index("<unk>")]
    for words, error, message in [
        (["a", "a", "<unk>"], ValueError, r"words\[1\]: 'a' is listed twice"),
        (["a", 3, "<unk>"], TypeError, r"words\[1\]: expected str, got int"),
        (["a"], ValueError, "words: expected '<unk>' among the words"),
        (3, TypeError, "words: expected words, got int"),
    ]:
        with pytest.raises(error, match=message):
            TextModel(words, "rnnlm", 4)
    with pytest.raises(ValueError, match="kind: expected 'rnnlm' or 'better', got 'gru'"):
        TextModel(WORDS, "gru")


# Files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rnnlm", "better"])
def test_a_loaded_model_equals_the_saved_one(kind, tmp_path):
    made = trained(kind, 1)
    made.words[3] = "日本\udc80"  # a file must keep any str
    made.save(tmp_path / "m.npz")
    before = np.random.get_state()[2]
    again = TextModel.load(tmp_path / "m.npz")
    assert np.random.get_state()[2] == before
    assert (again.words, again.kind, again.size, again.dropout) == (*(made.words, kind, 16, 0.1),)
    assert weights_of(again.model) == weights_of(made.model)
    if kind == "better":
        assert np.shares_memory(again.model.params[0], again.model.params[7])
        assert all(layer._rng is None for layer in again.model.drop_layers)
    np.random.seed(4)
    text = made.write(30)
    np.random.seed(4)
    assert again.write(30) == text


def changed(path, **members):
    """Rewrite the file with other members: arrays, or None for one to leave out."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    for name, array in members.items():
        arrays.pop(name, None)
        if array is not None:
            arrays[name] = array
    return arrays


def meta(**changes):
    facts = {"format": "fastw2v text model 1", "kind": "rnnlm", "size": 16, "dropout": 0.1}
    text = json.dumps({**facts, "words": WORDS, **changes})
    return np.frombuffer(text.encode(), np.uint8)


BAD_FILES = {
    "another format": {"meta": meta(format="fastw2v text model 2")},
    "another kind": {"meta": meta(kind="better")},
    "another size": {"meta": meta(size=17)},
    "a huge size": {"meta": meta(size=10**9)},
    "fewer words": {"meta": meta(words=WORDS[:-1])},
    "a word twice": {"meta": meta(words=[*WORDS[:-1], WORDS[0]])},
    "words of numbers": {"meta": meta(words=list(range(len(WORDS))))},
    "no json": {"meta": np.frombuffer(b"{", np.uint8)},
    "no dict": {"meta": np.frombuffer(b"[1]", np.uint8)},
    "no meta": {"meta": None},
    "an array less": {"param5": None},
    "an array more": {"param6": np.zeros(3)},
    "another shape": {"param5": np.zeros(3, np.float32)},
    "objects": {"param5": np.array([None] * len(WORDS))},
    "dates": {"param5": np.zeros(len(WORDS), "M8[s]")},
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_damaged_files_are_refused(name, tmp_path):
    path = tmp_path / "m.npz"
    small().save(path)
    np.savez(path, **changed(path, **BAD_FILES[name]))
    with pytest.raises(ValueError, match="m.npz: expected a model that `fastw2v lm-train` or"):
        TextModel.load(path)


def test_files_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "m.npz"
    with pytest.raises(FileNotFoundError, match="m.npz: no such file"):
        TextModel.load(path)
    path.write_bytes(b"not a zip file")
    with pytest.raises(ValueError, match="expected a model that `fastw2v lm-train`"):
        TextModel.load(path)
    small().save(path)
    with np.load(path) as file:
        np.savez_compressed(path, **{name: file[name] for name in file.files})
    with pytest.raises(ValueError, match=r"param0.npy is compressed|meta.npy is compressed"):
        TextModel.load(path)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("meta.npy", b"cos\nsystem\n")
    path.write_bytes(content.getvalue())
    with pytest.raises(ValueError, match="expected a model that"):
        TextModel.load(path)


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "m.npz"
    small().save(path)
    whole = path.read_bytes()
    for n in range(0, len(whole), 997):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match="expected a model that"):
            TextModel.load(path)


# Commands --------------------------------------------------------------------------------------


def test_the_model_remembers_how_its_text_was_split(tmp_path):
    words = ["ısı", "c++", "l'", "<unk>", "."]
    splitter = Splitter(lang="tr", elisions=True)
    made = TextModel(words, kind="rnnlm", size=8, splitter=splitter)
    made.save(tmp_path / "a.npz")
    loaded = TextModel.load(tmp_path / "a.npz")
    assert loaded.splitter == splitter
    rng = np.random.default_rng
    for start, given in [("ISI, C++.", None), ("ISI C++.", ["ısı", "c++", "."])]:
        if given is None:
            with pytest.raises(ValueError, match="start: ',' is not among the 5 words"):
                loaded.write(5, start)
        else:
            expected = loaded.write(9, given, rng=rng(1))
            assert loaded.write(9, start, rng=rng(1)) == expected
            assert expected.startswith("ısı c++.")
    TextModel(words, kind="rnnlm", size=8).save(tmp_path / "b.npz")
    assert TextModel.load(tmp_path / "b.npz").splitter is None
    with pytest.raises(TypeError, match="splitter: expected a datasets.Splitter, got str"):
        TextModel(words, splitter="words")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "test.txt").write_text(TEXT[:600], encoding="utf-8")
    return tmp_path


QUICK = "--split blanks --size 16 --epochs 3 --batch-size 4 --time-size 8 --dropout 0.1".split()


@pytest.mark.parametrize("kind", ["rnnlm", "better"])
def test_lm_train_and_generate(folder, capsys, kind):
    argv = ["lm-train", "text.txt", "--test", "test.txt", "--model", kind, *QUICK]
    assert cli.main(argv) == 0
    out, err = capsys.readouterr()
    assert out.startswith("valid perplexity ") and "\ntest perplexity " in out
    assert out.endswith("saved the model with 17 words in language_model.npz\n")
    lines = [line for line in err.splitlines() if "epoch " in line]
    assert len(lines) == 3 and lines[0].startswith("fastw2v: epoch 1: perplexity ")
    assert cli.main(["generate", "language_model.npz", "-n", "60", "--start", "the cat"]) == 0
    first = capsys.readouterr()
    assert first.out.startswith("the cat") and first.err == ""
    argv = ["generate", "language_model.npz", "-n", "60", "--start", "the cat", "--json"]
    assert cli.main(argv) == 0
    assert results(capsys.readouterr().out)["text"] == first.out.removesuffix("\n")
    assert cli.main([*argv, "--seed", "5"]) == 0
    assert results(capsys.readouterr().out)["text"] != first.out.removesuffix("\n")


def test_lm_train_prints_json_or_nothing(folder, capsys):
    argv = ["lm-train", "text.txt", "--valid", "test.txt", "-o", "a.npz", *QUICK]
    assert cli.main([*argv, "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    found = results(out)
    assert err == ""
    assert found["words"] == len(TOKENS) and found["vocabulary"] == 17
    assert [epoch["number"] for epoch in found["epochs"]] == [1, 2, 3]
    assert found["valid"]["perplexity"] < found["valid"]["unigram"]
    assert found["dropped_characters"] == 0
    assert found["test"] is None
    assert TextModel.load("a.npz").perplexity(TextModel.load("a.npz").ids(TOKENS)) < 10


def test_the_same_seed_gives_the_same_model_and_the_stream_is_put_back(folder, capsys):
    before = np.random.get_state()[2]
    contents = []
    for name in ("a.npz", "b.npz"):
        assert cli.main(["lm-train", "text.txt", "-o", name, "--quiet", *QUICK]) == 0
        contents.append(weights_of(TextModel.load(name).model))
    assert contents[0] == contents[1]
    assert np.random.get_state()[2] == before


def test_lm_train_without_a_file_reads_the_documentation(folder, capsys, monkeypatch):
    monkeypatch.setattr(datasets, "builtin_text", lambda: TEXT.replace(".\n", ".\n\n"))
    assert cli.main(["lm-train", *QUICK, "--split", "words"]) == 0
    assert "collecting the English documentation" in capsys.readouterr().err


def test_lm_train_ctrl_c_saves(folder, capsys, monkeypatch):
    def interrupted(*args, **options):
        yield from list(train(*args, **{**options, "epochs": 1}))
        raise KeyboardInterrupt

    monkeypatch.setattr(text_model, "train", interrupted)
    assert cli.main(["lm-train", "text.txt", *QUICK, "--json"]) == 130
    out, err = capsys.readouterr()
    assert report(out)["exit_code"] == 130 and "stopped; saving the model as trained so far" in err
    assert len(TextModel.load("language_model.npz").words) == 17


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("lm-train none.txt", "none.txt: no such file; check the name and the current folder"),
        ("lm-train text.txt --valid none.txt", "none.txt: no such file"),
        ("lm-train text.txt -o no/where.npz", "no/where.npz: there is no folder"),
        ("lm-train text.txt --batch-size 5000", "ids: expected more than batch_size * time_size"),
        ("lm-train text.txt --encoding rot13", "encoding: 'rot13' is no encoding of text"),
        ("lm-train bad.txt --encoding ascii", "bad.txt: byte 1: 0xff is not ascii"),
        ("lm-train text.txt --lang tr --case keep", "lang: 'tr' acts on lower case"),
        ("lm-train bad.txt", "bad.txt: byte 1: 0xff is not UTF-8; save the file as UTF-8"),
        ("lm-train empty.txt", "empty.txt: the file is empty; give a file that holds text"),
        ("generate none.npz", "none.npz: no such file"),
        ("generate text.txt", "text.txt: expected a model that `fastw2v lm-train`"),
    ],
)
def test_an_error_is_one_line(folder, capsys, argv, message):
    (folder / "bad.txt").write_bytes(b"a\xff")
    (folder / "empty.txt").write_bytes(b"")
    assert cli.main(argv.split()) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines()[-1].startswith(f"fastw2v: error: {message}")
    assert not (folder / "language_model.npz").exists()


def test_an_unknown_start_word_is_named(folder, capsys):
    trained(epochs=1).save("m.npz")
    assert cli.main(["generate", "m.npz", "--start", "the zebra"]) == 1
    assert "start: 'zebra' is not among the 17 words" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("lm-train --size 0", "--size: expected a whole number of 1 or more, got '0'"),
        ("lm-train --dropout 2", "--dropout: expected a number from 0 to 1, got '2'"),
        ("lm-train --lr 0", "--lr: expected a number above 0, got '0'"),
        ("lm-train --model gru", "--model: invalid choice: 'gru'"),
        ("generate", "required: MODEL"),
        ("generate m.npz --temperature 0", "--temperature: expected a number above 0, got '0'"),
        ("generate m.npz -n none", "-n/--words: expected a whole number of 1 or more"),
    ],
)
def test_wrong_usage_exits_with_a_message(capsys, argv, message):
    assert cli.main(argv.split()) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
