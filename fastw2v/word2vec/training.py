"""One training run: progress bar, callbacks, checkpoints and Ctrl-C around `engine.run`."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from fastw2v._checks.numbers import as_int
from fastw2v._core.interrupts import Interrupts
from fastw2v._core.progress import open_bar
from fastw2v.word2vec import engine
from fastw2v.word2vec.callbacks import Callbacks
from fastw2v.word2vec.corpus import EncodedCorpus
from fastw2v.word2vec.logs import TrainingLog
from fastw2v.word2vec.saving import Checkpoint, check_checkpoint
from fastw2v.word2vec.weights import Loan

_log = logging.getLogger(__name__)


class Training:
    """One run of `Word2Vec.train`, from the present state of its schedule to the end.

    lent        the loan of the model's weights
    schedule    state of the training, which the run advances
    interval    number of words of the text between two calls of `on_interval`, or None
    report_delay  seconds between two lines of the log
    """

    def __init__(
        self,
        lent: Loan,
        schedule: engine.Schedule,
        corpus: EncodedCorpus,
        *,
        callbacks: Callbacks,
        checkpoint: Checkpoint | None = None,
        interval: int | None = None,
        progress: bool = False,
        report_delay: float = 1.0,
    ) -> None:
        self.lent, self.schedule, self.corpus = lent, schedule, corpus
        self.callbacks, self.checkpoint = callbacks, checkpoint
        self.n_raw_words = schedule.epochs * corpus.n_raw_words  # of all epochs
        self.log = TrainingLog(schedule, self.n_raw_words, report_delay)
        self.interval_blocks: int | None = None
        if interval is not None and callbacks.has("on_interval"):
            positions = interval * schedule.n / max(1, corpus.n_raw_words)
            self.interval_blocks = max(1, round(positions / schedule.block))
        self.show_bar = progress
        self.bar: Any = None
        self.interrupts = Interrupts()

    def run(self, n_parts: int) -> tuple[int, int]:
        """Train with n_parts threads; return (words after subsampling, words of the text).

        An exception, whether KeyboardInterrupt or of a callback, leaves a schedule and weights
        from which another run can continue.
        """
        schedule = self.schedule
        words_before, progress_before = schedule.words + schedule.sums.words, schedule.progress
        try:
            with self.interrupts:
                self._open_bar()
                self.log.begins(self.lent.model, n_parts)
                with self.lent as self.weights:
                    if self.interval_blocks is not None:  # whole rounds
                        unit = self.weights.blocks_of_round(schedule.block)
                        self.interval_blocks = -(-self.interval_blocks // unit) * unit
                    if not self._call("on_train_begin"):
                        engine.run(
                            *(schedule, self.weights, self.corpus.ids, n_parts),
                            *(self._after_slice, self._after_epoch, self._before_epoch),
                            self.interval_blocks,
                        )
                self.lent.check_finite()
                self.log.ends()
                if self.checkpoint is not None:
                    self.checkpoint.save()
                self.callbacks.call("on_train_end")
        except KeyboardInterrupt:
            if self.checkpoint is not None:
                self.checkpoint.save()
            raise
        finally:
            if self.bar is not None:
                self.bar.close()
        words = schedule.words + schedule.sums.words - words_before
        return words, round((schedule.progress - progress_before) * self.n_raw_words)

    # ---- between two slices of the engine

    def _before_epoch(self) -> bool:
        return self._call("on_epoch_begin")

    def _after_slice(self) -> bool:
        schedule = self.schedule
        self._move_bar(schedule.sums.mean_loss)
        self.log.between_slices()
        if self.checkpoint is not None and self.checkpoint.due:
            self.weights.merge_stripes()
            self.checkpoint.save()
        stop = False
        if self.interval_blocks and schedule.next_block % self.interval_blocks == 0:
            stop = self._call("on_interval")
        self.interrupts.between_steps()
        return stop

    def _after_epoch(self) -> bool:
        self._move_bar(self.schedule.losses[-1])
        self.log.epoch_ends()
        return self._call("on_epoch_end")

    def _call(self, name: str) -> bool:
        if not self.callbacks.has(name):
            return False
        self.weights.merge_stripes()
        stop = self.callbacks.call(name)
        self.lent.check()
        return stop

    # ---- the bar

    def _raw_words_done(self) -> int:
        return round(self.schedule.progress * self.n_raw_words)

    def _open_bar(self) -> None:
        if self.show_bar:
            self.bar = open_bar(
                total=self.n_raw_words,
                initial=self._raw_words_done(),
                unit="word",
                unit_scale=True,
            )
            self._name_epoch()

    def _move_bar(self, loss: float) -> None:
        if self.bar is not None:
            self.bar.update(self._raw_words_done() - self.bar.n)
            self._name_epoch()
            if not np.isnan(loss):
                self.bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)

    def _name_epoch(self) -> None:
        done, total = len(self.schedule.losses), self.schedule.epochs
        self.bar.set_description_str(f"epoch {min(done + 1, total)}/{total}", refresh=False)


def warn_of_totals(
    corpus: EncodedCorpus, total_examples: int | None, total_words: int | None
) -> None:
    """Log a warning if a text has another size than the caller of `train` says."""
    for name, said, found in (
        ("total_examples", total_examples, corpus.n_sentences),
        ("total_words", total_words, corpus.n_raw_words),
    ):
        if said is not None and said != found:
            _log.warning("train: %s is %s, and the text has %d", name, said, found)


def warn_of_settings(model: Any, start_alpha: float) -> None:
    """Log a warning for settings that are probably not meant."""
    if model.hs and model.negative:
        _log.warning(
            "train: hierarchical softmax (hs=%s) and negative sampling (negative=%s) are both "
            "trained; set one of them to 0 if you want the other alone",
            *(model.hs, model.negative),
        )
    if start_alpha > model.min_alpha_yet_reached * (1 + 1e-9):  # but for rounding
        _log.warning(
            "train: the learning rate begins at %g, above the %g that an earlier training reached",
            *(start_alpha, model.min_alpha_yet_reached),
        )


def check_run(checkpoint: object, every: object, interval: object) -> None:
    """Check the arguments of `train` that the run itself needs."""
    if interval is not None:
        as_int("interval", interval)
    check_checkpoint(checkpoint, every)
