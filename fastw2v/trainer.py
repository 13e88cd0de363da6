"""The two training loops of the book, and the merging of weights that are listed more than once."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
import types
import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v import optimizer as _optimizers
from fastw2v._checks.arrays import FLOATS, as_array, check_weights
from fastw2v._checks.numbers import as_int, as_number
from fastw2v._checks.sequences import check_iterable, check_methods, check_params_and_grads
from fastw2v._files.atomic import check_writable
from fastw2v._rows.deferred import apply_all_pending, apply_pending, may_defer
from fastw2v._rows.replay import rows_in_fit
from fastw2v._rows.row_grad import (
    add_into,
    adopt_again,
    is_clear,
    is_proven,
    is_tracked,
    packed_rows,
    touched,
    unpack,
)
from fastw2v._training import checkpoint as _checkpoint
from fastw2v.optimizer import clip_by_norm

__all__ = ["RnnlmTrainer", "Trainer", "remove_duplicate"]

_HERE = Path(__file__).parent
_FIRST = np.zeros(1, np.int64)
_OURS = tuple(getattr(_optimizers, name) for name in _optimizers.__all__)


def remove_duplicate(params: list[NDArray[Any]], grads: list[NDArray[Any]]) -> Any:
    """New lists in which each shared weight stands once, with the sum of its gradients.

    Two entries are one weight if they are the same array, or if both are matrices and one equals
    the other's transpose. The first one stays, and its own gradient array takes the sum.

    >>> import numpy as np
    >>> from fastw2v.trainer import remove_duplicate
    >>> W, b = np.zeros((2, 2)), np.zeros(2)
    >>> params, grads = remove_duplicate([W, b, W], [np.ones((2, 2)), np.ones(2), np.ones((2, 2))])
    >>> len(params), grads[0][0]
    (2, array([2., 2.]))
    """
    return _remove_duplicate(params, grads, trusted=False)


def _remove_duplicate(params, grads, trusted):
    """`trusted`: the lists of touched rows of the gradients are right (see `RowGrad`)."""
    check_params_and_grads(params, grads)
    kept_params, kept_grads, place = [], [], {}
    by_shape = {}  # places of kept matrices: few have the shape of another one's transpose
    for i, (param, grad) in enumerate(zip(params, grads, strict=True)):
        at = place.get(id(param))
        if at is not None:
            believed = trusted or may_defer(param)
            if not (believed and is_clear(grad)):
                add_into(kept_grads[at], grad, believed)
            continue
        if type(param) is not np.ndarray or param.dtype not in FLOATS:
            check_weights(f"params[{i}]", param, None)
        for at in by_shape.get(param.shape[::-1], ()) if param.ndim == 2 else ():
            if _is_transpose(kept_params[at], param):
                kept_grads[at] = _sum_of_tied(kept_grads[at], grad.T, trusted)
                break
        else:
            place[id(param)] = len(kept_params)
            if param.ndim == 2:
                by_shape.setdefault(param.shape, []).append(len(kept_params))
            kept_params.append(param)
            kept_grads.append(grad)
    return kept_params, kept_grads


def _sum_of_tied(first, second, trusted):
    """The sum of both gradients of a tied weight, in the memory of the first one.

    In `fit` nobody looks, and the sum may lie in the second one's: an embedding has touched a few
    rows, the affine layer that has its transpose writes all of them.
    """
    for grad in (first, second):
        if is_tracked(grad) and packed_rows(grad) is not None:
            unpack(grad)
    if trusted and first.dtype == second.dtype and touched(first, trusted) is not None:
        add_into(second, first, trusted)
        return second
    first += second
    return first


def _is_transpose(first, param):
    if param.size == 0:
        return False
    ours, theirs = first.T.__array_interface__, param.__array_interface__
    if ours["data"] == theirs["data"] and first.T.strides == param.strides:
        return first.dtype == param.dtype  # one is a view of the other
    # Most matrices of one shape differ in their first row already; few are compared in full.
    return _first_rows_match(first, param) and _matches(first, param)


def _first_rows_match(first, param):
    """Whether the first column of `first` is the first row of `param`. Of a table whose rows wait
    the first row is enough, and as good a sign."""
    if may_defer(first):
        apply_pending(first, _FIRST)
        return np.array_equal(first[0], param[:, 0])
    if may_defer(param):
        apply_pending(param, _FIRST)
    return np.array_equal(first.T[0], param[0])


def _matches(first, param):
    apply_all_pending(first, param)
    return np.array_equal(first.T, param)


class _Interrupts:
    """Holds Ctrl-C back until the step it came in has ended; a second one is not held.

    Only where Python's own handler would have raised KeyboardInterrupt anywhere in the step: in
    the main thread, and when nobody has put another handler in.
    """

    def __enter__(self):
        self.pending = False
        self.active = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if self.active:
            signal.signal(signal.SIGINT, self._hold)
        return self

    def __exit__(self, *exception):
        if self.active:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if exception[0] is None:
            self.between_steps()  # it came while the rows were brought to the present

    def _hold(self, number, frame):
        if self.pending:
            signal.default_int_handler(number, frame)
        self.pending = True

    def between_steps(self):
        if self.pending:
            raise KeyboardInterrupt


class _Fit:
    """One call of `fit`: the step, the average since the last line, the bar, Ctrl-C."""

    def __init__(
        self, trainer, max_grad, eval_interval, n_steps, rows, progress, unit="word", watched=False
    ):
        self.model, self.optimizer = trainer.model, trainer.optimizer
        adopt_again(getattr(self.model, "grads", None))  # a reader's own model, fresh from a pickle
        self.max_grad, self.eval_interval = max_grad, eval_interval
        self.start = time.time()
        self.total, self.count, self.last_loss = 0.0, 0, 0.0
        self.interrupts = _Interrupts()
        self.n_steps = 0
        # Our own models write into gradients through our own layers only.
        self.suspicious = not _is_ours(self.model)
        self.trusted = True
        self.bar = None
        if progress:
            from tqdm import tqdm

            # A sample of word2vec is a word and so is one of a language model.
            unit = getattr(self.model, "_unit", unit)
            self.bar = tqdm(total=n_steps * rows, unit=unit, unit_scale=True, file=sys.stderr)
        self.rows = rows
        self.watched = watched  # code that is not ours runs between steps, and may look at weights

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            if self.bar is not None:
                stack.enter_context(self.bar)
            stack.enter_context(self.interrupts)
            if self._optimizer_is_ours() and not (self.watched and not self.optimizer.row_sparse):
                stack.enter_context(rows_in_fit(self.model, self.optimizer))
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        return self.stack.__exit__(*exception)

    def go_on_from(self, position):
        """Take over the sum of losses since the last line."""
        self.total, self.count = position.get("total", 0.0), position.get("count", 0)

    def step(self, k, batch_x, batch_t):
        """Iteration k of an epoch; returns the average loss when a line is due, else None."""
        loss = self.model.forward(batch_x, batch_t)
        if loss != loss:
            raise FloatingPointError(
                f"loss: expected a number, got nan at iteration {k + 1} of an epoch, the "
                f"{self.n_steps + 1}th step of this fit; the weights are those before it. Lower "
                "the learning rate, or look for nan in the data"
            )
        self.model.backward()
        due = self.eval_interval is not None and k % self.eval_interval == 0
        if self.suspicious and self.trusted and (due or self.n_steps == 0):
            self._look_for_unseen_writes()
        self._update()
        self.last_loss = float(loss)
        self.total += self.last_loss
        self.count += 1
        self.n_steps += 1
        if self.bar is not None:
            self.bar.update(self.rows)
            if due or self.n_steps == 1:
                self.bar.set_postfix(loss=f"{self.total / self.count:.4f}", refresh=False)
        if not due:
            return None
        average = self.total / self.count
        self.total, self.count = 0.0, 0
        return average

    def _update(self):
        model, optimizer = self.model, self.optimizer
        params, grads = _remove_duplicate(model.params, model.grads, self.trusted)
        if self.max_grad is not None:
            clip_by_norm(grads, self.max_grad, self.trusted)
        if self._optimizer_is_ours():
            optimizer._update(params, grads, self.trusted)
        else:
            optimizer.update(params, grads)

    def _optimizer_is_ours(self):
        return type(self.optimizer) in _OURS and "update" not in vars(self.optimizer)

    def line(self, epoch, k, max_iters, name, value):
        """Print the book's line, unless there is a bar instead."""
        if self.bar is None:
            elapsed = int(time.time() - self.start)
            print(
                f"| epoch {epoch + 1} |  iter {k + 1} / {max_iters} | time {elapsed}[s] | "
                f"{name} {value:.2f}"
            )

    def _look_for_unseen_writes(self):
        """At the first step and at every line: a model that writes into gradients in a way that
        cannot be seen does it from the start, so this notices before anything was updated."""
        unseen = [
            g
            for g in self.model.grads
            if is_tracked(g) and not g._tracker.dense and not is_proven(g)
        ]
        if unseen:
            self.trusted = False
            warnings.warn(
                "grads: somebody wrote into a gradient through np.asarray, a memoryview or the "
                "like, so every row is read from now on; call mark_dirty() on the gradient after "
                "such a write to stay fast",
                RuntimeWarning,
                stacklevel=4,
            )


def _runs_our_code_only(batches):
    """Whether going on to the next of the batches runs no code of somebody else's."""
    if type(batches) is types.GeneratorType:
        return _HERE in Path(batches.gi_code.co_filename).parents
    return type(batches) in (list, tuple)


def _is_ours(model):
    module = type(model).__module__.partition(".")[0]
    return module == "fastw2v" and not {"forward", "backward"} & vars(model).keys()


def _check_run(trainer, max_grad, eval_interval):
    check_methods("model", trainer.model, ("forward", "backward"))
    check_methods("optimizer", trainer.optimizer, ("update",))
    if eval_interval is not None:
        as_int("eval_interval", eval_interval)
    if max_grad is not None:
        as_number("max_grad", max_grad)


def _check_fit(trainer, x, t, batch_size, max_epoch, max_grad, eval_interval):
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


def _plot(values, ylabel, eval_interval, ylim):
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
        # Without a screen matplotlib warns in its own words at every call; ours says it once.
        warnings.simplefilter("ignore", UserWarning)
        plt.show()
    if matplotlib.get_backend().lower() == "agg":
        warnings.warn(
            "plot: no screen to draw on, so nothing is shown; use plt.savefig, or choose a "
            "backend with matplotlib.use",
            UserWarning,
            stacklevel=3,
        )


class _Saved:
    """What both trainers share: their state in a file, and `fit` from where it was."""

    _counters = ()  # attributes that are saved
    _position = None  # where the fit is, or was interrupted; where the next one goes on

    def save(self, path: str | PathLike[str]) -> None:
        """Write weights, optimizer, random state and position to the file `path`, an .npz.

        As a whole or not at all: killed at any moment, the file is the old or the new one. After a
        `fit` that Ctrl-C ended the position belongs to it, and `fit` after `resume` goes on there.
        TypeError for an optimizer that is not one of fastw2v's.
        """
        _checkpoint.save(path, self, self._counters, self._position)

    @classmethod
    def resume(cls, path: str | PathLike[str], model: Any) -> Any:
        """The trainer that `save`, or a `fit` with `checkpoint`, wrote to `path`.

        model: one built as the saved one was; its weights, hidden states and random generators
        become the saved ones. Then call `fit` as it was called, with the same data: it goes on
        where it was, and ends with the bits of a run that was never interrupted (on one level of
        vector instructions; another one warns).

        FileNotFoundError for no file, ValueError for one that does not fit the model; nothing has
        been changed then.

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
        trainer, trainer._position = _checkpoint.load(path, cls, model)
        return trainer

    def _begin(self, data, checkpoint, every, arguments):
        """Where to begin, a position or {}, and what `_reached` needs. Checks the arguments."""
        if every is not None:
            as_int("every", every)
        if checkpoint is not None:
            check_writable(checkpoint)
        position, self._position = self._position or {}, None
        if position.get("random") is None:  # of a fit in this process; this one is another
            position = {}
        known = None
        if checkpoint is not None or position:
            known = {"data": _checkpoint.fingerprint(*data), **arguments}
        for name, value in position.get("known", {}).items():
            if value != known[name]:
                self._position = position
                found = "other" if name == "data" else known[name]
                value = "the data" if name == "data" else value
                raise ValueError(
                    f"{name}: expected {value}, as in the fit that was interrupted, got {found}; "
                    "call fit as then, or set up a new trainer"
                )
        if position:
            np.random.set_state(position["random"])
        return position, (checkpoint, every, known, data, arguments)

    def _reached(self, run, saving, epochs, k, max_iters, **more):
        """After an iteration, or an epoch (k = 0): save if it is due, or if this is the end."""
        checkpoint, every, known, data, arguments = saving
        due = k == 0 or (every is not None and (epochs * max_iters + k) % every == 0)
        stopped = run.interrupts.pending
        if k == max_iters or not (stopped or (due and checkpoint is not None)):
            return
        if known is None:
            known = {"data": _checkpoint.fingerprint(*data), **arguments}
        self._position = {
            "epochs": epochs,
            "k": k,
            "known": known,
            "total": run.total,
            "count": run.count,
            **more,
            "random_then": np.random.get_state(legacy=False),
        }
        if checkpoint is not None:
            self.save(checkpoint)
        if not run.interrupts.pending:  # which may have come while the file was written
            self._position = None


class Trainer(_Saved):
    """Mini-batch training of a model that has forward(x, t), backward(), params and grads.

    `loss_list` holds the average loss of every printed line; it and `current_epoch` go on when
    `fit` is called again.

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
        self.model = model
        self.optimizer = optimizer
        self.loss_list = []
        self.eval_interval = None
        self.current_epoch = 0

    def fit(
        self,
        x: ArrayLike,
        t: ArrayLike,
        max_epoch: int = 10,
        batch_size: int = 32,
        max_grad: Any = None,
        eval_interval: int = 20,
        *,
        progress: bool = False,
        checkpoint: Any = None,
        every: Any = None,
    ) -> None:
        """Train on the rows of x and t, in an order drawn anew for each epoch.

        Each epoch draws one permutation from numpy's global stream, applied to the order of the
        epoch before; the rows of the last, incomplete batch are left out. Iterations 1,
        1 + eval_interval, ... of an epoch print the average loss since the last line; None prints
        nothing. max_grad: clip the gradients to this norm. progress=True: a bar with words/s,
        loss and the time left on stderr instead of lines.

        Ctrl-C is held until the step it comes in has ended: weights, optimizer state and
        `loss_list` belong to the same step. A loss of NaN raises FloatingPointError before it
        reaches the weights. x and t are not changed.

        checkpoint: a file to save to after each epoch, on Ctrl-C and, with `every`, after each of
        so many iterations: see `save` and `resume`.

        With models and optimizers of fastw2v, rows of large tables may be some steps behind while
        `fit` runs (another thread would see that); when it returns or raises they are not.
        """
        x, t = as_array("x", x), as_array("t", t)
        _check_fit(self, x, t, batch_size, max_epoch, max_grad, eval_interval)
        self.eval_interval = eval_interval
        max_iters = len(x) // batch_size
        if max_iters == 0 and max_epoch > 0:
            warnings.warn(
                f"batch_size: expected at most the {len(x)} rows of x, got {batch_size}, so there "
                "is no whole batch to train on; take a smaller one",
                UserWarning,
                stacklevel=2,
            )
        arguments = {"batch_size": batch_size, "max_grad": max_grad, "eval_interval": eval_interval}
        before, saving = self._begin((x, t), checkpoint, every, arguments)
        epochs, first = before.get("epochs", 0), before.get("k", 0)
        order = before.get("order", np.arange(len(x)))
        n_steps = max(0, max_epoch - epochs) * max_iters - first
        with _Fit(self, max_grad, eval_interval, n_steps, batch_size, progress) as run:
            run.go_on_from(before)
            for epoch in range(epochs, max_epoch):
                if first == 0:
                    order = order[np.random.permutation(len(x))]
                for k in range(first, max_iters):
                    rows = order[k * batch_size : (k + 1) * batch_size]
                    average = run.step(k, x[rows], t[rows])
                    if average is not None:
                        run.line(self.current_epoch, k, max_iters, "loss", average)
                        self.loss_list.append(average)
                    self._reached(run, saving, epoch, k + 1, max_iters, order=order)
                    if k + 1 < max_iters:
                        run.interrupts.between_steps()
                first = 0
                self.current_epoch += 1
                self._reached(run, saving, epoch + 1, 0, max_iters, order=order)
                run.interrupts.between_steps()

    def fit_batches(
        self,
        batches: Any,
        steps: Any,
        max_grad: Any = None,
        eval_interval: int = 20,
        *,
        progress: bool = False,
    ) -> Any:
        """Train on the next `steps` batches (x, t) of an iterable; returns the average loss.

        For batches that come ready, such as those of `datasets.skip_gram_batches`: nothing is
        shuffled or cut. A call counts as an epoch, and ends early if the batches do. All else is as
        in `fit`. A generator of your own may look at the weights between the steps, so no row waits
        then, and steps over large tables cost what the tables cost; with a list of batches, the
        generators of `datasets`, or an optimizer with `row_sparse=True`, they do not.

        >>> from fastw2v.datasets import skip_gram_batches
        >>> from fastw2v.models import CBOW
        >>> from fastw2v.optimizer import SGD
        >>> ids = np.arange(60) % 6
        >>> trainer = Trainer(CBOW(6, 3, 1, ids, sample_size=2), SGD())
        >>> batches = ((x.reshape(-1, 2), x[::2]) for x, t in skip_gram_batches(ids, 8, 2, 1))
        >>> round(trainer.fit_batches(batches, steps=3, eval_interval=None), 1)
        2.1
        """
        watched = not _runs_our_code_only(batches)
        check_iterable("batches", batches, "batches (x, t)")
        batches = iter(batches)
        _check_run(self, max_grad, eval_interval)
        as_int("steps", steps, low=0)
        self.eval_interval, self._position = eval_interval, None
        total, count = 0.0, 0
        with _Fit(
            self, max_grad, eval_interval, steps, 1, progress, unit="step", watched=watched
        ) as run:
            for k, (x, t) in zip(range(steps), batches, strict=False):
                average = run.step(k, x, t)
                total, count = total + run.last_loss, count + 1
                if average is not None:
                    run.line(self.current_epoch, k, steps, "loss", average)
                    self.loss_list.append(average)
                run.interrupts.between_steps()
            self.current_epoch += 1
        return total / count if count else float("nan")

    def plot(self, ylim: Any = None) -> Any:
        """Draw `loss_list`; ylim is a pair. Needs matplotlib, says so when it is missing."""
        _plot(self.loss_list, "loss", self.eval_interval, ylim)


class RnnlmTrainer(_Saved):
    """Training of a language model on one long text, read by several readers side by side.

    `ppl_list` holds the perplexity of every line of the last `fit`; `time_idx` is where the
    readers are.

    >>> trainer = RnnlmTrainer(model=None, optimizer=None)
    >>> trainer.time_idx = 0  # as fit does
    >>> x, t = trainer.get_batch(np.arange(10), np.arange(1, 11), batch_size=2, time_size=3)
    >>> x.tolist(), t.tolist()
    ([[0, 1, 2], [5, 6, 7]], [[1, 2, 3], [6, 7, 8]])
    """

    _counters = ("time_idx", "ppl_list", "eval_interval", "current_epoch")

    def __init__(self, model: Any, optimizer: Any) -> None:
        self.model = model
        self.optimizer = optimizer
        self.time_idx = None
        self.ppl_list = None
        self.eval_interval = None
        self.current_epoch = 0

    def get_batch(self, x: ArrayLike, t: ArrayLike, batch_size: int, time_size: int) -> Any:
        """The next time_size ids of every reader: two int32 arrays (batch_size, time_size).

        The readers stand len(x) // batch_size apart and go on from the start when the text ends.
        """
        as_int("time_idx", self.time_idx, low=0)
        if len(x) == 0:
            raise ValueError("x: expected at least one id, got none; pass a longer text")
        starts = np.arange(batch_size) * (len(x) // batch_size)
        places = (starts[:, None] + (self.time_idx + np.arange(time_size))) % len(x)
        self.time_idx += time_size
        return np.asarray(x)[places].astype(np.int32), np.asarray(t)[places].astype(np.int32)

    def fit(
        self,
        xs: ArrayLike,
        ts: ArrayLike,
        max_epoch: int = 10,
        batch_size: int = 20,
        time_size: int = 35,
        max_grad: Any = None,
        eval_interval: int = 20,
        *,
        progress: bool = False,
        checkpoint: Any = None,
        every: Any = None,
    ) -> None:
        """Train on the ids xs (M,) and the ids that follow them ts (M,), from the start.

        An epoch has M // (batch_size * time_size) iterations; neither the readers nor the state
        of the model go back between epochs. Lines as in `Trainer.fit`, with exp(average loss);
        checkpoint and every as there.
        """
        xs, ts = as_array("xs", xs), as_array("ts", ts)
        _check_fit(self, xs, ts, batch_size, max_epoch, max_grad, eval_interval)
        as_int("time_size", time_size)
        self.eval_interval = eval_interval
        words = batch_size * time_size
        max_iters = len(xs) // words
        if max_iters == 0 and max_epoch > 0:
            warnings.warn(
                f"xs: expected at least batch_size * time_size = {words} ids, got {len(xs)}, so "
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
        before, saving = self._begin((xs, ts), checkpoint, every, arguments)
        epochs, first = before.get("epochs", 0), before.get("k", 0)
        if not before:
            self.time_idx = 0
            self.ppl_list = []
        n_steps = max(0, max_epoch - epochs) * max_iters - first
        with _Fit(self, max_grad, eval_interval, n_steps, words, progress) as run:
            run.go_on_from(before)
            for epoch in range(epochs, max_epoch):
                for k in range(first, max_iters):
                    batch = self.get_batch(xs, ts, batch_size, time_size)
                    average = run.step(k, *batch)
                    if average is not None:
                        perplexity = float(np.exp(average))
                        run.line(self.current_epoch, k, max_iters, "perplexity", perplexity)
                        self.ppl_list.append(perplexity)
                    self._reached(run, saving, epoch, k + 1, max_iters)
                    if k + 1 < max_iters:
                        run.interrupts.between_steps()
                first = 0
                self.current_epoch += 1
                self._reached(run, saving, epoch + 1, 0, max_iters)
                run.interrupts.between_steps()

    def plot(self, ylim: Any = None) -> Any:
        """Draw `ppl_list`; ylim is a pair. Needs matplotlib, says so when it is missing."""
        _plot(self.ppl_list, "perplexity", self.eval_interval, ylim)
