"""One call of `Word2Vec.train`: progress, callbacks, checkpoints and Ctrl-C around the engine."""

from __future__ import annotations

import os
import time
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v._core.interrupts import Interrupts
from fastw2v._files import fw2v
from fastw2v.word2vec import engine
from fastw2v.word2vec.corpus import END, EncodedCorpus

if TYPE_CHECKING:
    from fastw2v.word2vec.model import Word2Vec


class Training:
    """Bar, callbacks, checkpoints and Ctrl-C around `engine.run`."""

    def __init__(
        self,
        model: Word2Vec,
        callbacks: list[Any],
        progress: bool,
        checkpoint: Any,
        every: float,
        interval: int | None,
    ) -> None:
        assert model._corpus is not None and model._schedule is not None
        self.model, self.callbacks = model, callbacks
        self.checkpoint, self.every, self.saved = checkpoint, every, time.monotonic()
        self.corpus, self.schedule = model._corpus, model._schedule
        self.interval_blocks: int | None = None
        if interval is not None and any(hasattr(c, "on_interval") for c in callbacks):
            words = max(1, self.corpus.n_raw_words)
            positions = interval * self.schedule.n / words
            self.interval_blocks = max(1, round(positions / self.schedule.block))
        self.show_bar = progress
        self.bar: Any = None
        self.begun = self.schedule.progress

    def run(self) -> tuple[int, int]:
        model, schedule = self.model, self.schedule
        n_parts = model._parts()
        before, started = schedule.words, time.perf_counter()
        if self.checkpoint is not None:
            self._save_ids()
        self.weights = model._weights()
        self.interrupts = Interrupts()
        try:
            with self.interrupts:
                self._open_bar()
                if not self._call("on_train_begin"):
                    engine.run(
                        *(schedule, self.weights, self.corpus.ids, n_parts),
                        *(self._after_slice, self._after_epoch, self._before_epoch),
                        self.interval_blocks,
                    )
                self.weights.merge_stripes()
                model._settle()
                if self.checkpoint is not None:
                    model.save(self.checkpoint)
                self._call("on_train_end")
        finally:
            self.weights.merge_stripes()
            model._settle()
            model.total_train_time += time.perf_counter() - started
            if self.bar is not None:
                self.bar.close()
        done = schedule.progress - self.begun
        raw = round(done * schedule.epochs * self.corpus.n_raw_words)
        return schedule.words + schedule.sums.words - before, raw

    def _open_bar(self) -> None:
        if self.show_bar:
            from tqdm import tqdm

            self.bar = tqdm(
                total=self.schedule.epochs * self.corpus.n_raw_words,
                initial=round(self.begun * self.schedule.epochs * self.corpus.n_raw_words),
                unit="word",
                unit_scale=True,
                dynamic_ncols=True,
            )

    def _call(self, name: str) -> bool:
        stop = False
        for callback in self.callbacks:
            method = getattr(callback, name, None)
            if method is not None:
                self.weights.merge_stripes()
                stop = method(self.model) is True or stop
        return stop

    def _before_epoch(self) -> bool:
        return self._call("on_epoch_begin")

    def _move_bar(self, loss: float) -> None:
        if self.bar is not None:
            schedule = self.schedule
            total = round(schedule.progress * schedule.epochs * self.corpus.n_raw_words)
            self.bar.update(total - self.bar.n)
            if not np.isnan(loss):
                self.bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)

    def _after_slice(self) -> bool:
        schedule = self.schedule
        self._move_bar(schedule.sums.mean_loss)
        if self.checkpoint is not None and time.monotonic() - self.saved >= self.every:
            self.weights.merge_stripes()
            self.model.save(self.checkpoint)
            self.saved = time.monotonic()
        stop = False
        if self.interval_blocks and schedule.next_block % self.interval_blocks == 0:
            stop = self._call("on_interval")
        self.interrupts.between_steps()
        return stop

    def _after_epoch(self) -> bool:
        self._move_bar(self.schedule.losses[-1])
        return self._call("on_epoch_end")

    def _save_ids(self) -> None:
        """The encoded text beside the checkpoint, unless it is there already.

        A checkpoint follows at once: the one that was there belongs to another text.
        """
        path, corpus = ids_of(self.checkpoint), self.corpus
        self.schedule.ids_crc = _crc(corpus.ids)
        if os.path.exists(path):
            try:
                old = read_ids(path, len(self.model.wv), self.schedule)
                if np.array_equal(old.ids, corpus.ids):
                    return
                del old
            except ValueError:
                pass
        facts = {
            "n_words": corpus.n_words,
            "n_raw_words": corpus.n_raw_words,
            "n_sentences": corpus.n_sentences,
            "crc": self.schedule.ids_crc,
        }
        fw2v.write(path, "ids", facts, {"ids": corpus.ids})
        self.model.save(self.checkpoint)
        self.saved = time.monotonic()


def _crc(ids: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(ids).data)


def ids_of(path: str | os.PathLike[str]) -> str:
    return os.fspath(path) + ".ids"


def read_ids(path: str, V: int, schedule: engine.Schedule) -> EncodedCorpus:
    content = fw2v.read(path, "ids", "r")
    try:
        facts, ids = content.facts, content.arrays["ids"]
        if ids.shape != (schedule.n,) or ids.dtype != np.int32:
            raise ValueError(f"expected {schedule.n} ids, got {ids.shape}")
        if len(ids) and (ids.max() >= V or ids.min() < END):
            raise ValueError(f"ids are outside of -1 .. {V - 1}")
        if not facts["crc"] == schedule.ids_crc == _crc(ids):
            raise ValueError("they are of another text, or damaged")
        return EncodedCorpus(
            ids, int(facts["n_words"]), int(facts["n_raw_words"]), int(facts["n_sentences"])
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{path}: does not belong to the checkpoint ({error}); train again, or remove it, load "
            "the model and call train(sentences)"
        ) from error
