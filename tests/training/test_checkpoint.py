"""Training that resumes from a file: bit-identical to a run that was never interrupted."""

import itertools
import json
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from conftest import assert_same_bits

from fastw2v._files import atomic
from fastw2v._training import checkpoint as _checkpoint
from fastw2v._training import deferral, fit_loop
from fastw2v._training.fit_loop import FitLoop
from fastw2v.models import CBOW, BetterRnnlm, NCESkipGram, Rnnlm, SkipGram
from fastw2v.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
from fastw2v.trainer import RnnlmTrainer, Trainer, remove_duplicate
from fastw2v.util import create_contexts_target

V, H, WINDOW = 60, 12, 2
CORPUS = np.concatenate([np.arange(V), np.random.default_rng(0).zipf(1.3, 400) % V])
CONTEXTS, TARGET = create_contexts_target(CORPUS, WINDOW)
CONTEXTS, TARGET = CONTEXTS[:130], TARGET[:130]  # 13 iterations an epoch


class Killed(BaseException):
    """The end of a process: the test uses nothing of it afterwards."""


@pytest.fixture(autouse=True)
def any_size(monkeypatch):
    monkeypatch.setattr(deferral, "_FEWEST", 1)


def word2vec(model_class=CBOW, **options):
    return model_class(V, H, WINDOW, CORPUS, **options)


class OwnSampler:
    """A sampler of a user's own, with a random generator of its own."""

    def __init__(self):
        self.rng = np.random.default_rng(5)

    def get_negative_sample(self, target):
        return self.rng.integers(0, V, (len(target), 5))


def with_own_sampler():
    model = word2vec()
    model.ns_loss.sampler = OwnSampler()
    return model


def fit(trainer, **more):
    if isinstance(trainer, RnnlmTrainer):
        trainer.fit(CORPUS[:-1], CORPUS[1:], 3, 5, 7, 0.5, eval_interval=4, **more)
    else:
        trainer.fit(CONTEXTS, TARGET, 3, 10, max_grad=0.5, eval_interval=4, **more)


def result(trainer):
    optimizer = trainer.optimizer
    states = [a for name in optimizer._states for a in getattr(optimizer, name)]
    lines = trainer.loss_list if isinstance(trainer, Trainer) else trainer.ppl_list
    return [*trainer.model.params, *states, np.array(lines), np.array(trainer.current_epoch),
            np.random.rand(3)]  # fmt: skip


def assert_same_results(mine, theirs):
    for a, b in zip(mine, theirs, strict=True):
        assert_same_bits(np.asarray(a), np.asarray(b))


def kill_at(monkeypatch, n):
    """Raise Killed at the n-th begin of a step or a clipping, or write or replacement of a file."""
    moments = itertools.count()

    def dying(function):
        def call(*args, **kwargs):
            if next(moments) == n:
                raise Killed
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(FitLoop, "step", dying(FitLoop.step))
    monkeypatch.setattr(fit_loop, "clip_by_norm", dying(fit_loop.clip_by_norm))
    monkeypatch.setattr(atomic.os, "fsync", dying(atomic.os.fsync))
    monkeypatch.setattr(atomic.os, "replace", dying(atomic.os.replace))
    monkeypatch.setattr(_checkpoint.np, "savez", dying(_checkpoint.np.savez))


def killed_and_resumed(make, trainer_class, path, moments):
    """Kill and resume a run several times; return its trainer and how often it was resumed."""
    np.random.seed(7)
    trainer, resumed = trainer_class(*make()), 0
    for n in moments:
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, n)
            try:
                fit(trainer, checkpoint=path, every=4)
            except Killed:
                pass
            else:
                return trainer, resumed
        np.random.seed(n)  # a new process has another random state
        model, _ = make()
        if path.exists():
            trainer = trainer_class.resume(path, model)
            resumed += 1
        else:
            np.random.seed(7)
            trainer = trainer_class(*make())
    fit(trainer, checkpoint=path, every=4)
    return trainer, resumed


MAKERS = {
    "cbow": (Trainer, lambda: (word2vec(), Adam(0.01))),
    "cbow with a generator": (
        Trainer,
        lambda: (word2vec(rng=np.random.default_rng(3)), Momentum(0.1)),
    ),
    "cbow with a sampler": (Trainer, lambda: (with_own_sampler(), Adam(0.01))),
    "skip-gram": (Trainer, lambda: (word2vec(SkipGram), Nesterov(0.1))),
    "rmsprop": (Trainer, lambda: (word2vec(), RMSprop(0.01))),
    "adagrad": (Trainer, lambda: (word2vec(), AdaGrad(0.1))),
    "sgd": (Trainer, lambda: (word2vec(), SGD(0.5))),
    "rnnlm": (RnnlmTrainer, lambda: (Rnnlm(V, 8, 9), Adam(0.01))),
    "better": (
        RnnlmTrainer,
        lambda: (BetterRnnlm(V, 8, 8, rng=np.random.default_rng(1)), Adam(0.01)),
    ),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_run_killed_at_random_moments_has_the_same_bits(name, tmp_path, capsys):
    trainer_class, make = MAKERS[name]
    np.random.seed(7)
    whole = trainer_class(*make())
    fit(whole)
    expected = result(whole)
    rng = np.random.default_rng(len(name))
    total = 0
    for run in range(3):
        path = tmp_path / f"{run}.npz"
        moments = rng.integers(0, 40, 6).tolist()
        mine, resumed = killed_and_resumed(make, trainer_class, path, moments)
        assert_same_results(result(mine), expected)
        total += resumed
    assert total >= 6
    assert not list(tmp_path.glob(".*"))


def test_a_process_that_exits_at_once_resumes_with_the_same_bits(tmp_path):
    """Real processes exit in the middle of a step or of a file."""
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent("""
        import os, sys
        import numpy as np
        from fastw2v._files import atomic
        from fastw2v._training.fit_loop import FitLoop
        from fastw2v.models import CBOW
        from fastw2v.optimizer import Adam
        from fastw2v.trainer import Trainer

        path, leave = sys.argv[1], int(sys.argv[2])
        corpus = np.arange(3000) * 7919 % 2500
        contexts = np.stack([corpus[:-2], corpus[2:]], 1)[:600]
        np.random.seed(3)
        model = CBOW(2500, 8, 1, np.arange(2500), sample_size=2)
        run = Trainer(model, Adam()) if not os.path.exists(path) else Trainer.resume(path, model)
        count = 0
        def leaving(function):
            def call(*args, **kwargs):
                global count
                count += 1
                if count == leave:
                    os._exit(9)
                return function(*args, **kwargs)
            return call
        FitLoop._update = leaving(FitLoop._update)
        atomic.os.fsync = leaving(atomic.os.fsync)
        run.fit(contexts, corpus[1:601], 2, 20, eval_interval=None, checkpoint=path, every=5)
        np.savez(path + ".weights.npz", *model.params, *run.optimizer.m, *run.optimizer.v)
        """)
    )

    def train(path, leave):
        command = [sys.executable, str(script), str(path), str(leave)]
        return subprocess.run(command, check=False, timeout=120).returncode

    whole, broken = tmp_path / "whole.npz", tmp_path / "broken.npz"
    assert train(whole, -1) == 0
    assert [train(broken, leave) for leave in (17, 23, 9, -1)] == [9, 9, 9, 0]
    with (
        np.load(f"{whole}.weights.npz") as expected,
        np.load(f"{broken}.weights.npz") as mine,
    ):
        assert_same_results([*mine.values()], [*expected.values()])


@pytest.mark.parametrize("checkpoint", [True, False])
def test_a_fit_ended_by_ctrl_c_can_be_resumed(checkpoint, tmp_path, capsys):
    """The file of the fit has the bits of an undisturbed one; `save` comes after its last flush."""
    path = tmp_path / "state.npz"
    np.random.seed(7)
    whole = Trainer(word2vec(), Adam(0.01))
    fit(whole)
    expected = result(whole)
    for at in (1, 13, 20):
        np.random.seed(7)
        trainer = Trainer(word2vec(), Adam(0.01))
        update, count = FitLoop._update, itertools.count(1)

        def interrupted(self, update=update, count=count, at=at):
            if next(count) == at:
                signal.raise_signal(signal.SIGINT)
            update(self)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FitLoop, "_update", interrupted)
            with pytest.raises(KeyboardInterrupt):
                fit(trainer, **({"checkpoint": path} if checkpoint else {}))
        np.random.rand(5)
        if not checkpoint:
            trainer.save(path)
        again = Trainer.resume(path, word2vec())
        assert again.optimizer.iter == at
        fit(again)
        found = result(again)
        if checkpoint:
            assert_same_results(found, expected)
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-5)


def test_a_resumed_fit_that_had_ended_trains_nothing(tmp_path, capsys):
    path = tmp_path / "state.npz"
    np.random.seed(7)
    trainer = Trainer(word2vec(), Adam())
    fit(trainer, checkpoint=path)
    before = [W.copy() for W in trainer.model.params]
    again = Trainer.resume(path, word2vec())
    fit(again, checkpoint=path)
    assert_same_results(again.model.params, before)
    assert again.current_epoch == 3
    fit(again)  # one more
    assert again.current_epoch == 6


def test_a_trainer_saved_between_fits_resumes(tmp_path, capsys):
    results = []
    for saved in (False, True):
        np.random.seed(7)
        trainer = Trainer(NCESkipGram(V, 8, num_sampled=4), Adam(0.01, row_sparse=True))
        batches = [(CORPUS[k : k + 20], CORPUS[k + 1 : k + 21]) for k in range(0, 400, 20)]
        trainer.fit_batches(batches, 10)
        if saved:
            trainer.save(tmp_path / "state.npz")
            np.random.seed(0)
            trainer = Trainer.resume(tmp_path / "state.npz", NCESkipGram(V, 8, num_sampled=4))
            np.random.seed(0)
            trainer = Trainer.resume(tmp_path / "state.npz", NCESkipGram(V, 8, num_sampled=4))
            assert trainer.optimizer.row_sparse is True
        trainer.fit_batches(batches, 10)
        results.append(result(trainer))
    assert_same_results(*results)


def own_steps(trainer, steps):
    """Take steps in a loop of the user's own."""
    model = trainer.model
    for k in steps:
        model.forward(CONTEXTS[k : k + 1], TARGET[k : k + 1])
        model.backward()
        trainer.optimizer.lr = 0.1 / (1 + k)
        trainer.optimizer.update(*remove_duplicate(model.params, model.grads))


def flushed(trainer):
    trainer.optimizer.flush()
    return [*trainer.model.params, *trainer.optimizer.m, *trainer.optimizer.v]


def saved_own_loop(path, **settings):
    """Return a trainer with deferred rows that was saved to a file."""
    np.random.seed(7)
    trainer = Trainer(word2vec(), Adam(row_sparse=True, **settings))
    own_steps(trainer, range(12))
    trainer.save(path)
    return trainer


@pytest.mark.parametrize("settings", [{}, {"beta2": 0.5}], ids=["summed", "step by step"])
def test_a_file_keeps_rows_deferred(settings, tmp_path):
    """Saving changes no bit, and a file resumes with rows as they were."""
    path = tmp_path / "state.npz"
    trainer = saved_own_loop(path, **settings)
    with np.load(path) as archive:
        about = json.loads(bytes(archive["about"]))
        assert about["format"] == "fastw2v training 2"
        assert archive["rates"].shape == (12,)
        for i in about["deferred"]:
            assert archive[f"applied{i}"].shape == (V,) and len(set(archive[f"applied{i}"])) > 2
    again = Trainer.resume(path, word2vec())
    for each in (trainer, again):
        np.random.seed(8)
        own_steps(each, range(12, 26))
    assert_same_results(flushed(again), flushed(trainer))


def test_rows_of_a_resumed_training_are_current_for_readers(tmp_path):
    path = tmp_path / "state.npz"
    expected = flushed(saved_own_loop(path))
    again = Trainer.resume(path, word2vec())
    assert not np.array_equal(again.model.params[0], expected[0])
    assert_same_results([again.model.word_vecs], [expected[0]])
    assert_same_results(flushed(again), expected)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_model_whose_rows_cannot_be_deferred_resumes(order, tmp_path):
    """Arrays of another layout, or without memory of their own, take the pending steps at once."""
    path = tmp_path / "state.npz"
    expected = flushed(saved_own_loop(path))
    model = word2vec()
    owners = [np.array(W, order=order) for W in (model.params[0], model.params[-1])]
    model.params = [owners[0][:]] * 4 + [owners[1][:]] * 6
    again = Trainer.resume(path, model)
    assert_same_results([model.params[0], model.params[-1]], [expected[0], expected[4]])
    assert_same_results(again.optimizer.m, expected[10:12])


def test_a_fit_without_row_sparse_ends_what_a_file_deferred(tmp_path, capsys):
    path = tmp_path / "state.npz"
    np.random.seed(7)
    trainer = Trainer(word2vec(), Adam(0.01))
    fit(trainer, checkpoint=path)
    again = Trainer.resume(path, word2vec())
    assert not np.array_equal(again.model.params[0], trainer.model.params[0])
    fit(again)  # had ended
    assert_same_results(again.model.params, trainer.model.params)
    again = Trainer.resume(path, word2vec())
    own_steps(again, range(1))
    own_steps(trainer, range(1))
    assert again.optimizer._pending is None or not any(again.optimizer._pending.tables)
    np.testing.assert_array_equal(np.isfinite(again.model.params[0]), True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rates", np.full(12, -1.0)),
        ("rates", np.full(12, np.nan)),
        ("rates", np.full(3, 0.1)),
        ("rates", np.full(12, 0.1, "f")),
        ("applied0", np.full(V, -1)),
        ("applied0", np.full(V, 99)),
        ("applied0", np.zeros(V + 1, np.int64)),
        ("applied0", np.zeros(V)),
        ("deferred", [0, 7]),
        ("deferred", ["0"]),
        ("idle", [0.9, 1.0, 1e-7]),
        ("idle", [0.9, 0.999]),
        ("idle", [0.9, 0.999, "x"]),
        ("optimizer", "SGD"),
    ],
)
def test_deferred_rows_that_no_training_has_are_refused(name, value, tmp_path):
    path = tmp_path / "state.npz"
    saved_own_loop(path)
    with np.load(path) as archive:
        content = dict(archive)
    if isinstance(value, np.ndarray):
        content[name] = value
    else:
        about = json.loads(bytes(content["about"])) | {name: value}
        if name == "optimizer":
            about |= {"settings": {"lr": 0.1, "row_sparse": True}, "states": []}
        content["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(path, **content)
    model = word2vec()
    before = [W.copy() for W in model.params]
    with pytest.raises(ValueError, match="damaged or foreign"):
        Trainer.resume(path, model)
    assert_same_results(model.params, before)


def test_a_file_that_does_not_fit_changes_nothing(tmp_path, capsys):
    path = tmp_path / "state.npz"
    trainer = Trainer(word2vec(), Adam())
    trainer.fit(CONTEXTS, TARGET, 1, 10, checkpoint=path)
    with pytest.raises(FileNotFoundError, match="No file: nowhere"):
        Trainer.resume("nowhere.npz", word2vec())
    for model, words in (
        (word2vec(SkipGram), "model: expected a CBOW"),
        (CBOW(V, H + 1, WINDOW, CORPUS), "shape"),
    ):
        before = [W.copy() for W in model.params]
        with pytest.raises(ValueError, match=words):
            Trainer.resume(path, model)
        assert_same_results(model.params, before)
    with pytest.raises(ValueError, match="trainer: expected a Trainer"):
        RnnlmTrainer.resume(path, word2vec())
    (tmp_path / "other.npz").write_bytes(b"PK\x03\x04 and no more")
    np.savez(tmp_path / "arrays.npz", a=np.ones(3))
    for name in ("other.npz", "arrays.npz"):
        with pytest.raises(ValueError, match="expected a file that Trainer.save wrote"):
            Trainer.resume(tmp_path / name, word2vec())
    generated = word2vec(rng=np.random.default_rng(0))
    Trainer(generated, Adam()).save(tmp_path / "generated.npz")
    with pytest.raises(ValueError, match="expected it to have .*rng"):
        Trainer.resume(tmp_path / "generated.npz", word2vec())
    with pytest.raises(TypeError, match="optimizer: expected one of SGD"):
        Trainer(word2vec(), type("Mine", (Adam,), {})()).save(path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        trainer.fit(CONTEXTS, TARGET, checkpoint=tmp_path / "no" / "state.npz")
    with pytest.raises(TypeError, match="every: expected"):
        trainer.fit(CONTEXTS, TARGET, checkpoint=path, every=0.5)


def test_a_fit_of_other_data_or_settings_is_refused(tmp_path, capsys):
    path = tmp_path / "state.npz"
    Trainer(word2vec(), Adam()).fit(CONTEXTS, TARGET, 1, 10, checkpoint=path)
    again = Trainer.resume(path, word2vec())
    with pytest.raises(ValueError, match="data: expected the data, as in the fit"):
        again.fit(CONTEXTS[::-1], TARGET, 2, 10)
    with pytest.raises(ValueError, match="batch_size: expected 10, as in the fit"):
        again.fit(CONTEXTS, TARGET, 2, 20)
    again.fit(CONTEXTS, TARGET, 2, 10)
    assert again.current_epoch == 2


def test_the_file_has_no_pickle_and_names_its_level(tmp_path, capsys):
    path = tmp_path / "state.npz"
    Trainer(word2vec(), Adam()).fit(CONTEXTS, TARGET, 1, 10, checkpoint=path)
    with np.load(path, allow_pickle=False) as archive:
        content = dict(archive)
    about = json.loads(bytes(content["about"]))
    about["level"] = "another"
    content["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(path, **content)
    with pytest.warns(RuntimeWarning, match="was saved on level another"):
        Trainer.resume(path, word2vec())


def test_a_resumed_trainer_can_be_saved_and_resumed(tmp_path, monkeypatch, capsys):
    np.random.seed(1)
    whole = Trainer(word2vec(), Adam())
    fit(whole)
    expected = result(whole)
    np.random.seed(1)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        kill_at(patched, 60)
        fit(Trainer(word2vec(), Adam()), checkpoint=tmp_path / "a.npz", every=3)
    first = Trainer.resume(tmp_path / "a.npz", word2vec())
    np.random.rand(7)
    first.save(tmp_path / "b.npz")
    second = Trainer.resume(tmp_path / "b.npz", word2vec())
    fit(second)
    assert_same_results(result(second), expected)


def test_a_damaged_file_changes_nothing(tmp_path, capsys):
    trainer = Trainer(word2vec(), Adam())
    fit(trainer)
    trainer.save(tmp_path / "a.npz")
    data = bytearray((tmp_path / "a.npz").read_bytes())
    model = word2vec()
    before = [np.array(W) for W in model.params]
    for at in range(len(data) // 3, len(data) - 2000, len(data) // 7):
        damaged = bytearray(data)
        damaged[at] ^= 1
        (tmp_path / "b.npz").write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged or"):
            Trainer.resume(tmp_path / "b.npz", model)
        assert_same_results(model.params, before)
    np.save(tmp_path / "c.npy", np.zeros(3))
    with pytest.raises(ValueError, match="expected a file that Trainer.save wrote"):
        Trainer.resume(tmp_path / "c.npy", model)
