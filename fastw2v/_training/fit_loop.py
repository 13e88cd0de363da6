"""One call of `fit`: its step, the average loss since the last line, the progress bar, Ctrl-C."""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from fastw2v._core.interrupts import Interrupts
from fastw2v._core.progress import open_bar
from fastw2v._rows.row_grad import adopt_again, is_tracked, verify_list
from fastw2v._training.clipping import clip_by_norm
from fastw2v._training.deferral import deferred_updates
from fastw2v._training.shared_weights import merge_shared
from fastw2v._training.trust import is_own_model, is_own_optimizer

__all__ = ["FitLoop"]


@contextlib.contextmanager
def same_arrays(optimizer: Any) -> Iterator[None]:
    """Let an optimizer of ours skip the checks of arrays that it checked in the step before."""
    optimizer._last_step = [], []
    try:
        yield
    finally:
        del optimizer._last_step


class FitLoop:
    """The context of one fit of a trainer.

    n_steps, rows: the steps of the fit and the samples of one step, for the bar. watched: whether
    other code runs between the steps, which may look at weights. may_end: whether there may be
    fewer steps. measure: "loss", or "perplexity" for the bar to show its exponential.
    """

    def __init__(
        self,
        trainer: Any,
        max_grad: float | None,
        eval_interval: int | None,
        n_steps: int,
        rows: int,
        progress: bool,
        unit: str = "word",
        watched: bool = False,
        may_end: bool = False,
        measure: str = "loss",
    ) -> None:
        self.model, self.optimizer = trainer.model, trainer.optimizer
        adopt_again(getattr(self.model, "grads", None))  # a user's own model may come from a pickle
        self.max_grad, self.eval_interval = max_grad, eval_interval
        self.start = time.time()
        self.total, self.count, self.last_loss = 0.0, 0, 0.0
        self.interrupts = Interrupts()
        self.n_steps = 0
        # A model of fastw2v writes into gradients through layers that keep the lists right.
        self.suspicious = not is_own_model(self.model)
        self.trusted = True
        # A model that can runs both directions at once, if no other code reads what forward left.
        self.at_once: Any = None
        self.alone = not (self.suspicious or watched) and is_own_optimizer(self.optimizer)
        if self.alone and not may_end:
            self.at_once = getattr(self.model, "_fit_step", None)
        self.last_step = n_steps - 1
        self.bar: Any = None
        if progress:
            # A sample of word2vec is a word and so is one of a language model.
            unit = getattr(self.model, "_unit", unit)
            self.bar = open_bar(total=n_steps * rows, unit=unit, unit_scale=True)
        self.measure = measure
        self.rows = rows
        self.watched = watched

    def __enter__(self) -> FitLoop:
        with contextlib.ExitStack() as stack:
            if self.bar is not None:
                stack.enter_context(self.bar)
            stack.enter_context(self.interrupts)
            if is_own_optimizer(self.optimizer) and (not self.watched or self.optimizer.row_sparse):
                stack.enter_context(deferred_updates(self.model, self.optimizer))
            if self.alone:
                stack.enter_context(same_arrays(self.optimizer))
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *exception: Any) -> Any:
        return self.stack.__exit__(*exception)

    def begin_epoch(self, epoch: int) -> None:
        """Name an epoch, counted from 0, on the bar as `line` does."""
        if self.bar is not None:
            self.bar.set_description_str(f"epoch {epoch + 1}", refresh=False)

    def _show_measure(self, loss: float) -> None:
        perplexity = self.measure == "perplexity"
        value = f"{math.exp(min(loss, 700)):.2f}" if perplexity else f"{loss:.4f}"
        self.bar.set_postfix_str(f"{self.measure} {value}", refresh=False)

    def resume_from(self, position: Mapping[str, Any]) -> None:
        """Take over the sum of losses since the last line of an interrupted fit."""
        self.total, self.count = position.get("total", 0.0), position.get("count", 0)

    def step(self, k: int, batch_x: Any, batch_t: Any) -> float | None:
        """Run iteration k of an epoch; return the average loss if a line is due, else None."""
        loss = None
        if self.at_once is not None:
            loss = self.at_once(batch_x, batch_t, last=self.n_steps == self.last_step)
        in_turn = loss is None
        if in_turn:
            loss = self.model.forward(batch_x, batch_t)
        if loss != loss:
            raise FloatingPointError(
                f"loss: expected a number, got nan at iteration {k + 1} of an epoch, the "
                f"{self.n_steps + 1}th step of this fit; the weights are those before it. Lower "
                "the learning rate, or look for nan in the data"
            )
        if in_turn:
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
                self._show_measure(self.total / self.count)
        if not due:
            return None
        average = self.total / self.count
        self.total, self.count = 0.0, 0
        return average

    def _update(self) -> None:
        """Merge the gradients of shared weights, clip them, and let the optimizer take its step."""
        model, optimizer = self.model, self.optimizer
        params, grads = merge_shared(model.params, model.grads, self.trusted)
        if self.max_grad is not None:
            clip_by_norm(grads, self.max_grad, self.trusted)
        if is_own_optimizer(optimizer):
            optimizer._update(params, grads, self.trusted)
        else:
            optimizer.update(params, grads)

    def line(self, epoch: int, k: int, max_iters: int, name: str, value: float) -> None:
        """Print the book's line, unless a bar replaces it."""
        if self.bar is None:
            elapsed = int(time.time() - self.start)
            print(
                f"| epoch {epoch + 1} |  iter {k + 1} / {max_iters} | time {elapsed}[s] | "
                f"{name} {value:.2f}"
            )

    def _look_for_unseen_writes(self) -> None:
        """Verify the lists of all gradients, at the first step and at every line.

        A model that writes into gradients in a way they cannot observe does so from its first step,
        so this finds it before anything was updated.
        """
        unseen = [
            g
            for g in self.model.grads
            if is_tracked(g) and not g._tracker.dense and not verify_list(g)
        ]
        if unseen:
            self.trusted = False
            warnings.warn(
                "grads: a gradient was written to through np.asarray, a memoryview or the like, "
                "so every row is read from now on; call mark_dirty() on the gradient after such a "
                "write to stay fast",
                RuntimeWarning,
                stacklevel=4,
            )
