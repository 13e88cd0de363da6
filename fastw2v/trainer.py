"""The two training loops of the book: mini-batches of samples, and one long text.

    >>> import numpy as np
    >>> from fastw2v.models import SimpleRnnlm
    >>> from fastw2v.optimizer import SGD
    >>> from fastw2v.trainer import RnnlmTrainer
    >>> ids = np.arange(100) % 5
    >>> trainer = RnnlmTrainer(SimpleRnnlm(5, 4, 4), SGD(lr=0.1))
    >>> trainer.fit(ids[:-1], ids[1:], max_epoch=2, batch_size=3, time_size=6, eval_interval=None)
    >>> trainer.current_epoch
    2

Models and optimizers may be fastw2v's or your own. With fastw2v's the trainers take shortcuts that
change results by rounding at most; `_training.trust` decides where.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from os import PathLike
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.arrays import as_array
from fastw2v._checks.numbers import as_int, as_number
from fastw2v._checks.sequences import check_iterable, check_methods
from fastw2v._training import checkpoint as _checkpoint
from fastw2v._training.fit_loop import FitLoop
from fastw2v._training.save_points import SavePoints
from fastw2v._training.shared_weights import remove_duplicate
from fastw2v._training.trust import runs_own_code_only

__all__ = ["RnnlmTrainer", "Trainer", "remove_duplicate"]

_T = TypeVar("_T", bound="_Saved")


class _Saved:
    """The common part of both trainers: saving to a file, and resuming from it."""

    _counters: tuple[str, ...] = ()  # attributes that are saved
    _position: dict[str, Any] | None = None  # of an interrupted fit, from which the next resumes
    model: Any
    optimizer: Any

    def save(self, path: str | PathLike[str]) -> None:
        """Write weights, optimizer, random state and position to the file `path`, an .npz.

        The file is replaced as a whole: a process killed at any moment leaves the old or the new
        one. After a `fit` that Ctrl-C ended, the file holds its position, and `fit` resumes there
        after `resume`; that fit has applied all deferred updates, so the results are those of a run
        without interruption but for rounding. The file that `fit` itself writes on Ctrl-C, its
        `checkpoint`, keeps them deferred, and resumes with bit-identical results. TypeError for an
        optimizer that is not one of fastw2v's.
        """
        _checkpoint.save(path, self, self._counters, self._position)

    @classmethod
    def resume(cls: type[_T], path: str | PathLike[str], model: Any) -> _T:
        """Return the trainer that `save`, or a `fit` with `checkpoint`, wrote to `path`.

        model: one built as the saved one was; its weights, hidden states and random generators
        become the saved ones. Then call `fit` with the same arguments and data. It resumes at the
        saved position, and its results are bit-identical to those of a run without interruption
        (on one level of vector instructions; another level warns). Rows that were deferred in the
        file are deferred again until `fit` ends, as with ``row_sparse=True``: see
        `fastw2v.optimizer`. To read `params` before that, call ``trainer.optimizer.flush()``.

        FileNotFoundError for no file, ValueError for one that does not fit the model; nothing has
        changed then.

        >>> import os, tempfile
        >>> from fastw2v.models import SimpleRnnlm
        >>> from fastw2v.optimizer import Adam
        >>> xs = np.arange(50) % 7
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "training.npz")
        ...     trainer = RnnlmTrainer(SimpleRnnlm(7, 3, 4), Adam())
        ...     trainer.fit(xs, xs, 1, 2, 5, eval_interval=None, checkpoint=path)
        ...     again = RnnlmTrainer.resume(path, SimpleRnnlm(7, 3, 4))
        >>> again.current_epoch, again.optimizer.iter
        (1, 5)
        """
        trainer, position = _checkpoint.load(path, cls, model)
        trainer._position = position
        return trainer


class Trainer(_Saved):
    """Mini-batch training of a model that has forward(x, t), backward(), params and grads.

    `loss_list` holds the average loss of every printed line. Another call of `fit` extends it and
    continues to count `current_epoch`.

    >>> from fastw2v.models import CBOW
    >>> from fastw2v.optimizer import Adam
    >>> from fastw2v.util import create_contexts_target, preprocess
    >>> corpus, word_to_id, id_to_word = preprocess("You say goodbye and I say hello.")
    >>> contexts, target = create_contexts_target(corpus, window_size=1)
    >>> model = CBOW(len(word_to_id), 5, 1, corpus)
    >>> trainer = Trainer(model, Adam())
    >>> trainer.fit(contexts, target, max_epoch=2, batch_size=3, eval_interval=None)
    >>> trainer.current_epoch
    2
    """

    _counters = ("loss_list", "eval_interval", "current_epoch")

    def __init__(self, model: Any, optimizer: Any) -> None:
        _check_objects(model, optimizer)
        self.model = model
        self.optimizer = optimizer
        self.loss_list: list[float] = []
        self.eval_interval: int | None = None
        self.current_epoch = 0

    def fit(
        self,
        x: ArrayLike,
        t: ArrayLike,
        max_epoch: int = 10,
        batch_size: int = 32,
        max_grad: float | None = None,
        eval_interval: int | None = 20,
        *,
        progress: bool = False,
        checkpoint: str | PathLike[str] | None = None,
        every: int | None = None,
    ) -> None:
        """Train on the rows of x and t, in an order drawn anew for each epoch.

        Each epoch draws one permutation from numpy's global stream and applies it to the order of
        the epoch before; the rows of the last, incomplete batch are left out. Iterations 1,
        1 + eval_interval, ... of an epoch print the average loss since the last line; None prints
        nothing. max_grad: clip the gradients to this norm. progress=True: show a bar with words/s,
        loss and the remaining time on stderr instead of lines.

        Ctrl-C is held until the step it comes in has ended: weights, optimizer state and
        `loss_list` belong to the same step. A loss of NaN raises FloatingPointError before it
        reaches the weights. x and t are not changed.

        checkpoint: a file to save to after each epoch, on Ctrl-C and, if `every` is given, after
        every `every` iterations: see `save` and `resume`.

        With models and optimizers of fastw2v, updates to rows of large tables are deferred while
        `fit` runs, which another thread could see. They are all applied when it returns or raises.

        ValueError for x and t of different lengths, or settings out of range; TypeError for
        settings of another type, or a model or an optimizer without the methods that fit calls.
        """
        samples, targets = as_array("x", x), as_array("t", t)
        _check_fit(self, samples, targets, batch_size, max_epoch, max_grad, eval_interval)
        self.eval_interval = eval_interval
        max_iters = len(samples) // batch_size
        if max_iters == 0 and max_epoch > 0:
            warnings.warn(
                f"batch_size: expected at most the {len(samples)} rows of x, got {batch_size}, so "
                "there is no whole batch to train on; take a smaller one",
                UserWarning,
                stacklevel=2,
            )
        arguments = {"batch_size": batch_size, "max_grad": max_grad, "eval_interval": eval_interval}
        saves = SavePoints(self, (samples, targets), checkpoint, every, arguments)
        epochs, first = saves.start.get("epochs", 0), saves.start.get("k", 0)
        order = saves.start.get("order", np.arange(len(samples)))
        n_steps = max(0, max_epoch - epochs) * max_iters - first
        with FitLoop(self, max_grad, eval_interval, n_steps, batch_size, progress) as loop:
            loop.resume_from(saves.start)
            for epoch in range(epochs, max_epoch):
                loop.begin_epoch(self.current_epoch)
                if first == 0:
                    order = order[np.random.permutation(len(samples))]
                for k in range(first, max_iters):
                    rows = order[k * batch_size : (k + 1) * batch_size]
                    average = loop.step(k, samples[rows], targets[rows])
                    if average is not None:
                        loop.line(self.current_epoch, k, max_iters, "loss", average)
                        self.loss_list.append(average)
                    saves.save_if_due(loop, epoch, k + 1, max_iters, order=order)
                    if k + 1 < max_iters:
                        loop.interrupts.between_steps()
                first = 0
                self.current_epoch += 1
                saves.save_if_due(loop, epoch + 1, 0, max_iters, order=order)
                loop.interrupts.between_steps()

    def fit_batches(
        self,
        batches: Iterable[tuple[Any, Any]],
        steps: int,
        max_grad: float | None = None,
        eval_interval: int | None = 20,
        *,
        progress: bool = False,
    ) -> float:
        """Train on the next `steps` batches (x, t) of an iterable; return the average loss.

        It neither shuffles nor cuts the batches; `datasets.skip_gram_batches` yields them ready. A
        call counts as an epoch, and ends early if the batches do.
        All else is as in `fit`. A generator of your own may look at the weights between the steps,
        so no updates are deferred then, and a step over large tables costs their size. With a list
        of batches, the generators of `datasets`, or an optimizer with `row_sparse=True` it costs
        the touched rows.

        >>> from fastw2v.datasets import skip_gram_batches
        >>> from fastw2v.models import CBOW
        >>> from fastw2v.optimizer import SGD
        >>> ids = np.arange(60) % 6
        >>> trainer = Trainer(CBOW(6, 3, 1, ids, sample_size=2), SGD())
        >>> batches = ((x.reshape(-1, 2), x[::2]) for x, t in skip_gram_batches(ids, 8, 2, 1))
        >>> round(trainer.fit_batches(batches, steps=3, eval_interval=None), 1)
        2.1
        """
        watched = not runs_own_code_only(batches)
        check_iterable("batches", batches, "batches (x, t)")
        batches = iter(batches)
        _check_run(self, max_grad, eval_interval)
        as_int("steps", steps, low=0)
        self.eval_interval, self._position = eval_interval, None
        total, count = 0.0, 0
        settings = max_grad, eval_interval, steps, 1, progress, "step", watched
        with FitLoop(self, *settings, may_end=True) as loop:
            loop.begin_epoch(self.current_epoch)
            for k, (x, t) in zip(range(steps), batches, strict=False):
                average = loop.step(k, x, t)
                total, count = total + loop.last_loss, count + 1
                if average is not None:
                    loop.line(self.current_epoch, k, steps, "loss", average)
                    self.loss_list.append(average)
                loop.interrupts.between_steps()
            self.current_epoch += 1
        return total / count if count else float("nan")

    def plot(self, ylim: tuple[float, float] | None = None) -> None:
        """Draw `loss_list`; ylim (low, high). A message on stderr says if matplotlib is missing."""
        _plot(self.loss_list, "loss", self.eval_interval, ylim)


class RnnlmTrainer(_Saved):
    """Training of a language model on one long text, read by several readers side by side.

    `ppl_list` holds the perplexity of every line of the last `fit`; `time_idx` counts the ids that
    each reader has read.

    >>> trainer = RnnlmTrainer(model=None, optimizer=None)
    >>> trainer.time_idx = 0  # as fit does
    >>> x, t = trainer.get_batch(np.arange(10), np.arange(1, 11), batch_size=2, time_size=3)
    >>> x.tolist(), t.tolist()
    ([[0, 1, 2], [5, 6, 7]], [[1, 2, 3], [6, 7, 8]])
    """

    _counters = ("time_idx", "ppl_list", "eval_interval", "current_epoch")

    def __init__(self, model: Any, optimizer: Any) -> None:
        _check_objects(model, optimizer)
        self.model = model
        self.optimizer = optimizer
        self.time_idx: int | None = None
        self.ppl_list: list[float] | None = None
        self.eval_interval: int | None = None
        self.current_epoch = 0

    def get_batch(
        self, x: ArrayLike, t: ArrayLike, batch_size: int, time_size: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the next time_size ids of every reader: two arrays (batch_size, time_size).

        The readers begin len(x) // batch_size apart, and continue at the start when the text ends.
        ValueError for a text without ids.
        """
        time_idx = as_int("time_idx", self.time_idx, low=0)
        ids, following = np.asarray(x), np.asarray(t)
        if len(ids) == 0:
            raise ValueError("x: expected at least one id, got none; pass a longer text")
        starts = np.arange(batch_size) * (len(ids) // batch_size)
        places = (starts[:, None] + (time_idx + np.arange(time_size))) % len(ids)
        self.time_idx = time_idx + time_size
        return ids[places].astype(np.int32), following[places].astype(np.int32)

    def fit(
        self,
        xs: ArrayLike,
        ts: ArrayLike,
        max_epoch: int = 10,
        batch_size: int = 20,
        time_size: int = 35,
        max_grad: float | None = None,
        eval_interval: int | None = 20,
        *,
        progress: bool = False,
        checkpoint: str | PathLike[str] | None = None,
        every: int | None = None,
    ) -> None:
        """Train on the ids xs (M,) and the ids that follow them ts (M,), from the start.

        An epoch has M // (batch_size * time_size) iterations; between epochs neither the readers
        nor the state of the model are reset. The lines are those of `Trainer.fit` with
        exp(average loss); the other arguments and the errors are as there.
        """
        ids, following = as_array("xs", xs), as_array("ts", ts)
        _check_fit(self, ids, following, batch_size, max_epoch, max_grad, eval_interval)
        as_int("time_size", time_size)
        self.eval_interval = eval_interval
        words = batch_size * time_size
        max_iters = len(ids) // words
        if max_iters == 0 and max_epoch > 0:
            warnings.warn(
                f"xs: expected at least batch_size * time_size = {words} ids, got {len(ids)}, so "
                "there is no whole batch to train on; take smaller ones",
                UserWarning,
                stacklevel=2,
            )
        arguments = {
            "batch_size": batch_size,
            "time_size": time_size,
            "max_grad": max_grad,
            "eval_interval": eval_interval,
        }
        saves = SavePoints(self, (ids, following), checkpoint, every, arguments)
        epochs, first = saves.start.get("epochs", 0), saves.start.get("k", 0)
        if not saves.start:
            self.time_idx = 0
        self.ppl_list = [*(self.ppl_list or ())] if saves.start else []
        n_steps = max(0, max_epoch - epochs) * max_iters - first
        settings = max_grad, eval_interval, n_steps, words, progress
        with FitLoop(self, *settings, measure="perplexity") as loop:
            loop.resume_from(saves.start)
            for epoch in range(epochs, max_epoch):
                loop.begin_epoch(self.current_epoch)
                for k in range(first, max_iters):
                    batch = self.get_batch(ids, following, batch_size, time_size)
                    average = loop.step(k, *batch)
                    if average is not None:
                        perplexity = float(np.exp(average))
                        loop.line(self.current_epoch, k, max_iters, "perplexity", perplexity)
                        self.ppl_list.append(perplexity)
                    saves.save_if_due(loop, epoch, k + 1, max_iters)
                    if k + 1 < max_iters:
                        loop.interrupts.between_steps()
                first = 0
                self.current_epoch += 1
                saves.save_if_due(loop, epoch + 1, 0, max_iters)
                loop.interrupts.between_steps()

    def plot(self, ylim: tuple[float, float] | None = None) -> None:
        """Draw `ppl_list`; ylim (low, high). A message on stderr says if matplotlib is missing."""
        _plot(self.ppl_list, "perplexity", self.eval_interval, ylim)


def _check_objects(model: Any, optimizer: Any) -> None:
    """Raise TypeError for a class in the place of its object."""
    for name, thing in (("model", model), ("optimizer", optimizer)):
        if isinstance(thing, type):
            raise TypeError(
                f"{name}: expected an object of {thing.__name__}, got the class itself; call it: "
                f"{thing.__name__}(...)"
            )


def _check_run(trainer: _Saved, max_grad: Any, eval_interval: Any) -> None:
    check_methods("model", trainer.model, ("forward", "backward"))
    check_methods("optimizer", trainer.optimizer, ("update",))
    if eval_interval is not None:
        as_int("eval_interval", eval_interval)
    if max_grad is not None:
        as_number("max_grad", max_grad)


def _check_fit(
    trainer: _Saved,
    x: NDArray[Any],
    t: NDArray[Any],
    batch_size: Any,
    max_epoch: Any,
    max_grad: Any,
    eval_interval: Any,
) -> None:
    _check_run(trainer, max_grad, eval_interval)
    as_int("batch_size", batch_size)
    as_int("max_epoch", max_epoch, low=0)
    for name, rows in (("x", x), ("t", t)):
        if rows.ndim == 0:
            raise ValueError(f"{name}: expected an array with a row per sample, got {rows[()]!r}")
    if len(x) != len(t):
        raise ValueError(
            f"t: expected {len(x)} targets, one for each row of x, got {len(t)}; "
            "pass arrays of equal length"
        )


def _plot(
    values: Any,
    ylabel: str,
    eval_interval: int | None,
    ylim: tuple[float, float] | None,
) -> None:
    try:
        import matplotlib
        from matplotlib import pyplot as plt
    except ImportError:
        print("plot: matplotlib is missing; install it: pip install matplotlib", file=sys.stderr)
        return
    if ylim is not None:
        plt.ylim(*ylim)
    plt.plot(np.arange(len(values)), values, label="train")
    plt.xlabel(f"iterations (x{eval_interval})")
    plt.ylabel(ylabel)
    with warnings.catch_warnings():
        # Without a screen matplotlib warns at every call; the warning below comes once.
        warnings.simplefilter("ignore", UserWarning)
        plt.show()
    if matplotlib.get_backend().lower() == "agg":
        warnings.warn(
            "plot: no screen to draw on, so nothing is shown; use plt.savefig, or choose a "
            "backend with matplotlib.use",
            UserWarning,
            stacklevel=3,
        )
