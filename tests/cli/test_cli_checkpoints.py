"""`fastw2v train`: checkpoints, the model file, the held-out text and reproducible threads."""

import os

import numpy as np
import pytest
from cli_report import report, results

import fastw2v
from fastw2v.cli import app as cli
from fastw2v.datasets import Splitter
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.word2vec import CallbackAny2Vec, Word2Vec

OPTIONS = "--dim 12 --epochs 6 --subsample 0 --deterministic --quiet".split()


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    words = [f"word{n}" for n in range(40)]
    for name in ("text.txt", "other.txt"):
        (tmp_path / name).write_text(" ".join(rng.choice(words, 4000)))
    return "text.txt"


@pytest.fixture
def stopping(monkeypatch):
    """Make each training stop by Ctrl-C after as many epochs as the list says, while it lasts."""
    stops = []

    class Stop(CallbackAny2Vec):
        def on_epoch_end(self, model):
            if stops and model.epochs_done == stops[0]:
                stops.pop(0)
                raise KeyboardInterrupt

    train = Word2Vec.train
    monkeypatch.setattr(
        Word2Vec,
        "train",
        lambda self, **options: train(self, **options | {"callbacks": [Stop()]}),
    )
    return stops


def fails(capsys, *argv):
    assert cli.main(argv) == 1
    return capsys.readouterr().err.splitlines()[-1]


def vectors(name):
    return KeyedVectors.load(name)


@pytest.mark.parametrize("model", ["cbow", "skip-gram"])
@pytest.mark.parametrize("again", [(), ("text.txt",), ("text.txt", "--dim", "12", "--lr", "0.04")])
def test_a_stopped_training_resumes_with_equal_bits(text, capsys, stopping, model, again):
    options = [*OPTIONS, "--model", model, "--lr", "0.04", "--elisions", "--threads", "2"]
    assert cli.main(["train", text, *options, "-o", "whole.fw2v"]) == 0
    stopping += [2, 4]
    argv = ["train", text, *options, "--checkpoint", "c.fw2v", "-o", "part.fw2v"]
    assert cli.main(argv) == 130
    assert "continue with --resume c.fw2v" in capsys.readouterr().err
    resume = ["train", *again, "--resume", "c.fw2v", "-o", "part.fw2v", "--json"]
    assert cli.main(resume) == 130
    out, err = capsys.readouterr()
    assert report(out)["exit_code"] == 130 and "6 epochs, 2 of them done" in err
    assert not np.array_equal(vectors("part.fw2v").vectors, vectors("whole.fw2v").vectors)
    assert cli.main([*resume, "--threads", "1"]) == 0
    found = results(capsys.readouterr().out)
    assert found["resumed"] and found["settings"]["model"] == model
    assert found["settings"]["dim"] == 12 and found["settings"]["elisions"] is True
    assert np.array_equal(vectors("part.fw2v").vectors, vectors("whole.fw2v").vectors)
    assert vectors("part.fw2v").splitter == Splitter(elisions=True)


def test_a_finished_checkpoint_gives_its_vectors_again(text, capsys):
    argv = ["train", text, *OPTIONS, "--checkpoint", "c.fw2v", "-o", "a.fw2v"]
    assert cli.main(argv) == 0
    assert cli.main(["train", "--resume", "c.fw2v", "-o", "b.fw2v", "--quiet"]) == 0
    assert np.array_equal(vectors("a.fw2v").vectors, vectors("b.fw2v").vectors)


def test_what_a_checkpoint_refuses(text, capsys, stopping, tmp_path):
    stopping.append(2)
    argv = ["train", text, *OPTIONS, "--checkpoint", "c.fw2v", "-o", "v.txt"]
    assert cli.main(argv) == 130
    before = (tmp_path / "c.fw2v").read_bytes(), (tmp_path / "v.txt").read_bytes()
    resume = ("train", "--resume", "c.fw2v", "-o", "v.txt")
    for more, message in [
        (("other.txt",), "FILE: expected the text that c.fw2v was trained on, got another"),
        (("--dim", "13"), "--dim: expected 12, which the training of c.fw2v has, got 13"),
        (("--model", "skip-gram"), "--model: expected cbow, which"),
        (("--epochs", "7"), "--epochs: expected 6"),
        (("--lr", "0.01"), "--lr: expected 0.05"),
        (("--seed", "1"), "--seed: expected 0"),
        (("--min-count", "6"), "--min-count: expected 5"),
        (("--split", "blanks"), "--split: expected words"),
        (("--keep-hyphens",), "--keep-hyphens: expected False"),
        (("--checkpoint", "d.fw2v"), "--checkpoint: expected the file of --resume"),
        (("--engine", "layers"), "--resume: expected --engine word2vec, got layers"),
    ]:
        assert message in fails(capsys, *resume, *more)
    (tmp_path / "folder").mkdir()
    for name, message in [
        ("none.fw2v", "none.fw2v"),
        ("folder", "--resume: expected the file of --checkpoint, got the folder folder"),
        ("no/c.fw2v", "no/c.fw2v"),
        ("v.txt", "v.txt"),
    ]:
        assert message in fails(capsys, "train", "--resume", name, "-o", "w.txt")
    Word2Vec(corpus_file=text, vector_size=4, workers=1, epochs=1).wv.save("kv.fw2v")
    assert "kv.fw2v" in fails(capsys, "train", "--resume", "kv.fw2v", "-o", "w.txt")
    model = Word2Vec(vector_size=4)
    model.build_vocab(corpus_file=text)
    model.save("m.fw2v")
    assert "a model without a training" in fails(capsys, "train", "--resume", "m.fw2v")
    assert not os.path.exists("w.txt")
    assert before == ((tmp_path / "c.fw2v").read_bytes(), (tmp_path / "v.txt").read_bytes())
    ids = tmp_path / "c.fw2v.ids"
    ids.write_bytes(ids.read_bytes()[:5000])
    assert "c.fw2v.ids" in fails(capsys, *resume)
    ids.unlink()
    assert "c.fw2v.ids: no such file" in fails(capsys, *resume)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--checkpoint no/c.fw2v", "there is no folder"),
        ("--checkpoint c.txt", "c.txt: expected a name for a file in fastw2v's own format"),
        ("--save-model no/m.fw2v", "there is no folder"),
        ("--save-model m.npz", "m.npz: expected a name for a file in fastw2v's own format"),
        ("--held-out none.txt", "none.txt: no such file"),
        ("--held-out strange.txt", "--held-out: expected a text in which two words"),
        ("--engine layers --checkpoint c.fw2v", "--checkpoint: expected --engine word2vec"),
        ("--engine layers --save-model m.fw2v", "--save-model: expected --engine word2vec"),
        ("--engine layers --held-out text.txt", "--held-out: expected --engine word2vec"),
        ("--engine layers --deterministic", "--deterministic: expected --engine word2vec"),
    ],
)
def test_train_refuses_before_it_works(text, capsys, monkeypatch, tmp_path, options, message):
    (tmp_path / "strange.txt").write_text("nothing known here")
    monkeypatch.setattr(Word2Vec, "train", lambda *args, **options: pytest.fail("trained"))
    assert message in fails(capsys, "train", text, "--dim", "4", *options.split())
    assert not os.path.exists("vectors.txt")


def test_the_held_out_text_and_the_model(text, capsys):
    argv = ["train", text, *OPTIONS, "--held-out", "other.txt", "--save-model", "m.fw2v"]
    assert cli.main([*argv, "--json"]) == 0
    found = results(capsys.readouterr().out)
    model = Word2Vec.load(found["model_file"])
    with open("other.txt") as file:
        sentences = [file.read().split()]
    assert found["held_out"]["loss"] == pytest.approx(model.held_out_loss(sentences))
    assert found["held_out"]["words"] == found["held_out"]["known_words"] == 4000
    assert np.array_equal(model.wv.vectors, vectors("vectors.txt").vectors)
    assert model.syn1neg is not None
    assert cli.main(argv) == 0
    lines = capsys.readouterr().out.splitlines()[-3:]
    assert lines[0].startswith("loss on the held-out text: ")
    assert lines[1] == "saved the model in m.fw2v"


def test_threads_are_those_of_the_process_unless_named(text, capsys, monkeypatch):
    before = fastw2v.get_num_threads()
    used = []
    train = Word2Vec.train

    def watch(self, **options):
        used.append((self.workers, fastw2v.get_num_threads()))
        return train(self, **options)

    monkeypatch.setattr(Word2Vec, "train", watch)
    assert cli.main(["train", text, "--dim", "4", "--epochs", "1", "--quiet", "--json"]) == 0
    assert results(capsys.readouterr().out)["settings"]["threads"] == before
    assert cli.main(["train", text, "--dim", "4", "--epochs", "1", "--threads", "3"]) == 0
    argv = f"word2vec -train {text} -output w.txt -size 4 -iter 1 -debug 0"
    assert cli.main(argv.split()) == 0
    assert used == [(None, before), (3, 3), (None, before)]
    assert fastw2v.get_num_threads() == before
    assert cli.main(["train", text, "--threads", "1025"]) == 2
