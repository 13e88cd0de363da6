"""The trainers: lines, counters, Ctrl-C, the bar, trust in lists of rows, merging of weights."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading

import numpy as np
import pytest
from conftest import assert_same_bits

from fastw2v import RowGrad
from fastw2v._rows import writes
from fastw2v.layers import Affine, Embedding, SoftmaxWithLoss
from fastw2v.optimizer import SGD, Adam
from fastw2v.reference import trainer as reference
from fastw2v.trainer import RnnlmTrainer, Trainer, remove_duplicate


class Net:
    """A user's own model: ids -> Embedding -> Affine -> loss."""

    def __init__(self, V=200, D=8, classes=3):
        self.embed = Embedding(0.1 * np.random.randn(V, D).astype("f"))
        self.affine = Affine(0.1 * np.random.randn(D, classes).astype("f"), np.zeros(classes, "f"))
        self.loss = SoftmaxWithLoss()
        self.params = self.embed.params + self.affine.params
        self.grads = self.embed.grads + self.affine.grads
        self.steps = 0

    def forward(self, x, t):
        return self.loss.forward(self.affine.forward(self.embed.forward(x)), t)

    def backward(self, dout=1):
        self.embed.backward(self.affine.backward(self.loss.backward(dout)))
        self.steps += 1


@pytest.fixture
def data(rng):
    return rng.integers(0, 200, 320), rng.integers(0, 3, 320)


def test_lines_and_counters(data, capsys):
    trainer = Trainer(Net(), SGD(0.1))
    trainer.fit(*data, max_epoch=2, batch_size=10, eval_interval=20)
    trainer.fit(*data, max_epoch=1, batch_size=10, eval_interval=16)
    heads = [line.split("| time")[0] for line in capsys.readouterr().out.splitlines()]
    assert heads == [
        "| epoch 1 |  iter 1 / 32 ",
        "| epoch 1 |  iter 21 / 32 ",
        "| epoch 2 |  iter 1 / 32 ",
        "| epoch 2 |  iter 21 / 32 ",
        "| epoch 3 |  iter 1 / 32 ",
        "| epoch 3 |  iter 17 / 32 ",
    ]
    assert len(trainer.loss_list) == 6 and trainer.current_epoch == 3
    assert trainer.eval_interval == 16
    trainer.fit(*data, max_epoch=1, batch_size=10, eval_interval=None)
    assert capsys.readouterr().out == "" and len(trainer.loss_list) == 6


def test_one_permutation_an_epoch_and_nothing_else(data):
    x, t = data
    before = x.copy()
    np.random.seed(0)
    model = Net()
    np.random.seed(1)
    Trainer(model, SGD(0.1)).fit(x, t, max_epoch=3, batch_size=32, eval_interval=None)
    state = np.random.get_state()[1].copy()
    np.random.seed(1)
    for _ in range(3):
        np.random.permutation(len(x))
    assert_same_bits(np.random.get_state()[1], state)
    assert_same_bits(x, before)


@pytest.mark.parametrize("max_grad", [None, 0.01])
def test_a_run_has_the_weights_of_the_references_loop(data, capsys, max_grad):
    results = []
    for module in (sys.modules[Trainer.__module__], reference):
        np.random.seed(3)
        model = Net()
        module.Trainer(model, Adam()).fit(*data, 2, 32, max_grad, 5)
        results.append((model.params[0].copy(), capsys.readouterr().out.splitlines()))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5, atol=1e-7)
    strip = [[line.split("time")[0] for line in lines] for _, lines in results]
    assert strip[0] == strip[1]


def test_rnnlm_trainer_reads_as_the_reference_does(capsys):
    corpus = np.random.default_rng(0).integers(0, 50, 431)
    for module in (sys.modules[Trainer.__module__], reference):
        trainer = module.RnnlmTrainer(None, None)
        trainer.time_idx = 0
        batches = [trainer.get_batch(corpus[:-1], corpus[1:], 7, 11) for _ in range(12)]
        assert trainer.time_idx == 132
        if module is not reference:
            mine = batches
    for (x, t), (rx, rt) in zip(mine, batches, strict=True):
        assert x.dtype == t.dtype == np.int32
        np.testing.assert_array_equal(x, rx)
        np.testing.assert_array_equal(t, rt)


class Table:
    """A language model of one table: the scores of the next word given this one."""

    def __init__(self, V=50):
        self.embed = Embedding(np.zeros((V, V), "f"))
        self.loss = SoftmaxWithLoss()
        self.params, self.grads = self.embed.params, self.embed.grads

    def forward(self, xs, ts):
        self.shape = xs.shape
        return self.loss.forward(self.embed.forward(xs.reshape(-1)), ts.reshape(-1))

    def backward(self, dout=1):
        self.embed.backward(self.loss.backward(dout))


def test_rnnlm_trainer_fits(capsys):
    corpus = np.tile(np.arange(50), 40)
    model = Table()
    trainer = RnnlmTrainer(model, SGD(20.0))
    assert trainer.ppl_list is None
    trainer.fit(corpus[:-1], corpus[1:], max_epoch=4, batch_size=5, time_size=20, eval_interval=5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| epoch 1 |  iter 1 / 19 | time 0[s] | perplexity 50.00"
    assert len(trainer.ppl_list) == len(lines) == 16
    assert trainer.ppl_list[-1] < 10 < trainer.ppl_list[0]
    assert model.shape == (5, 20)
    trainer.fit(corpus[:-1], corpus[1:], max_epoch=1, batch_size=5, time_size=20)
    assert len(trainer.ppl_list) == 1 and trainer.time_idx == 19 * 20


class Interrupting(Net):
    """A model that sends Ctrl-C in the middle of step 7."""

    times = 1

    def backward(self, dout=1):
        super().backward(dout)
        if self.steps == 7:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_held_until_the_end_of_the_step(data):
    runs = []
    for model_class in (Interrupting, Net):
        np.random.seed(5)
        model, adam = model_class(), Adam()
        trainer = Trainer(model, adam)
        np.random.seed(6)
        if model_class is Interrupting:
            with pytest.raises(KeyboardInterrupt):
                trainer.fit(*data, max_epoch=3, batch_size=32, eval_interval=2, progress=False)
            assert model.steps == adam.iter == 7
            assert len(trainer.loss_list) == 4 and trainer.current_epoch == 0
        else:
            order = np.random.permutation(320)[: 7 * 32]
            for rows in order.reshape(7, 32):
                model.forward(data[0][rows], data[1][rows])
                model.backward()
                adam.update(model.params, model.grads)
        runs.append(model.params[0].copy())
    np.testing.assert_allclose(*runs, rtol=1e-6)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_is_not_held(data):
    model, adam = Interrupting(), Adam()
    model.times = 2
    with pytest.raises(KeyboardInterrupt):
        Trainer(model, adam).fit(*data, max_epoch=3, batch_size=32, eval_interval=None)
    assert model.steps == 7 and adam.iter == 6
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_handlers_and_threads_are_left_alone(data):
    seen = []
    own = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        Trainer(Interrupting(), SGD()).fit(*data, max_epoch=1, batch_size=32, eval_interval=None)
    finally:
        signal.signal(signal.SIGINT, own)
    assert seen == [1]
    model = Net()
    thread = threading.Thread(
        target=Trainer(model, SGD()).fit, args=data, kwargs={"max_epoch": 1, "eval_interval": None}
    )
    thread.start()
    thread.join()
    assert model.steps == 10


def test_progress_shows_a_bar_on_stderr_instead_of_lines(data, capsys):
    trainer = Trainer(Net(), SGD(0.1))
    trainer.fit(*data, max_epoch=2, batch_size=32, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 2: 100%" in err and "640" in err and "loss " in err and "word/s" in err
    assert len(trainer.loss_list) == 2
    with pytest.raises(TypeError):
        trainer.fit(*data, 1, 32, None, 20, True)


class Sneaky(Net):
    """A model that writes into its gradient in a way that the gradient cannot observe."""

    def backward(self, dout=1):
        super().backward(dout)
        np.asarray(self.grads[0])[150:] += 0.01


def test_a_model_that_writes_unseen_gets_the_right_weights_and_a_warning(data):
    with pytest.warns(RuntimeWarning, match="mark_dirty"):
        results = []
        for module in (sys.modules[Trainer.__module__], reference):
            np.random.seed(3)
            model = Sneaky()
            module.Trainer(model, SGD(0.1)).fit(*data, 2, 32, None, None)
            results.append(model.params[0].copy())
    np.testing.assert_allclose(*results, rtol=1e-5)


def test_a_users_optimizer_and_own_update_are_called(data):
    calls = []

    class Own(SGD):
        def update(self, params, grads):
            calls.append(len(params))
            super().update(params, grads)

    Trainer(Net(), Own()).fit(*data, max_epoch=1, batch_size=32, eval_interval=None)
    assert calls == [3] * 10
    sgd = SGD()
    sgd.update = lambda params, grads: calls.append("instance")
    Trainer(Net(), sgd).fit(*data, max_epoch=1, batch_size=32, eval_interval=None)
    assert calls[10:] == ["instance"] * 10


@pytest.mark.parametrize("tracked", [False, True])
def test_remove_duplicate(rng, dtype, tracked):
    a, b = rng.standard_normal((6, 4)).astype(dtype), rng.standard_normal((6, 4)).astype(dtype)
    params = [a, b, a, b.T, a.copy()]
    values = [rng.standard_normal(p.shape).astype(dtype) for p in params]
    lists = []
    for module in (sys.modules[Trainer.__module__], reference):
        grads = [v.copy() for v in values]
        if tracked and module is not reference:
            for i, v in enumerate(values):
                grads[i] = RowGrad(v)
                grads[i][...] = v
        given = list(grads)
        kept = module.remove_duplicate(params, grads)
        assert grads == given if not tracked else True
        assert kept[1][0] is grads[0] and kept[1][1] is grads[1]
        lists.append(kept)
    (mine, my_grads), (theirs, their_grads) = lists
    assert [id(p) for p in mine] == [id(p) for p in theirs] == [id(a), id(b), id(params[4])]
    for x, y in zip(my_grads, their_grads, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6)


def test_a_users_embedding_shares_its_table_with_ours():
    W = np.ones((30, 4), "f")
    ours = Embedding(W)
    ours.forward([1, 2])
    ours.backward(np.ones((2, 4)))
    for order in (1, -1):
        theirs = np.zeros((30, 4), "f")
        theirs[2] = 5
        fresh = RowGrad(W)
        writes.add_into(fresh, ours.grads[0], trusted=False)
        params, grads = remove_duplicate([W, W], [fresh, theirs][::order])
        assert len(params) == 1
        np.testing.assert_array_equal(grads[0][:4, 0], [0, 1, 6, 0])


def test_bad_input(data):
    x, t = data
    trainer = Trainer(Net(), SGD())
    with pytest.raises(ValueError, match="t: expected 320 targets, one for each row of x, got 319"):
        trainer.fit(x, t[1:])
    with pytest.raises(ValueError, match="eval_interval: expected at least 1, got 0"):
        trainer.fit(x, t, eval_interval=0)
    with pytest.raises(ValueError, match="batch_size: expected at least 1, got 0"):
        trainer.fit(x, t, batch_size=0)
    with pytest.raises(TypeError, match="max_epoch: expected a whole number"):
        trainer.fit(x, t, max_epoch=1.5)
    with pytest.warns(UserWarning, match="batch_size: expected at most the 320 rows of x, got 999"):
        trainer.fit(x, t, max_epoch=1, batch_size=999)
    with pytest.warns(UserWarning, match=r"xs: expected at least batch_size \* time_size = 700"):
        RnnlmTrainer(Table(), SGD()).fit(x % 50, x % 50, max_epoch=1)


PLOT = """
    import sys, warnings
    {before}
    from fastw2v.trainer import Trainer
    trainer = Trainer(None, None)
    trainer.loss_list, trainer.eval_interval = [3.0, 2.0, 1.0], 20
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.plot(ylim=(0, 4))
    print([str(w.message) for w in caught])
    {after}
"""


def run_plot(before, after, env=()):
    code = textwrap.dedent(PLOT).format(before=before, after=after)
    # Python imports from where it is started: from an empty folder, not from the source tree.
    with tempfile.TemporaryDirectory() as empty:
        return subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=300,
            env=dict(os.environ, **dict(env)),
            cwd=empty,
        )


def test_plot_without_matplotlib_says_what_to_install():
    done = run_plot("sys.modules['matplotlib'] = None", "")
    assert done.returncode == 0 and done.stdout == "[]\n"
    assert "pip install matplotlib" in done.stderr


def test_plot_draws_the_books_axes():
    pytest.importorskip("matplotlib")
    after = (
        "import matplotlib.pyplot as plt; ax = plt.gca(); "
        "print(ax.get_xlabel(), '/', ax.get_ylabel(), '/', ax.get_ylim(), len(ax.lines))"
    )
    done = run_plot("", after, {"MPLBACKEND": "Agg"})
    assert done.returncode == 0, done.stderr
    warned, drawn = done.stdout.splitlines()
    assert warned.count("no screen to draw on") == 1 and warned.count("', '") == 0
    assert drawn == "iterations (x20) / loss / (np.float64(0.0), np.float64(4.0)) 1"


def test_a_loss_of_nan_stops_before_it_reaches_the_weights(data, capsys):
    class Bad(Net):
        def forward(self, x, t):
            return float("nan") if self.steps == 5 else super().forward(x, t)

    model = Bad()
    with pytest.raises(FloatingPointError, match="got nan at iteration 6 .* 6th step"):
        Trainer(model, SGD()).fit(*data, max_epoch=1, batch_size=32)
    assert model.steps == 5 and np.isfinite(model.params[0]).all()


def test_the_handler_comes_back_when_fit_cannot_begin(data):
    from fastw2v.models import CBOW

    model = CBOW(5, 3, 1, np.arange(5))
    model.grads.clear()
    with pytest.raises((ValueError, IndexError)):
        Trainer(model, Adam()).fit(data[0].reshape(-1, 2) % 5, data[1][:160] % 5)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("trainer", [Trainer, RnnlmTrainer])
def test_a_class_in_the_place_of_its_object_is_refused(trainer):
    with pytest.raises(TypeError, match=r"optimizer: expected an object of SGD, .* SGD\(...\)"):
        trainer(object(), SGD)
    with pytest.raises(TypeError, match="model: expected an object of Affine"):
        trainer(Affine, SGD())
