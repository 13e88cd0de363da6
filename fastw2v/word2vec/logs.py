"""Lines of `logging` at level INFO: what was counted and kept, and how training proceeds.

Their logger is "fastw2v.word2vec". They tell what the lines of gensim's logger tell, so
`logging.basicConfig(level=logging.INFO)` shows them.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import numpy as np

from fastw2v._checks.numbers import as_int, as_not_negative
from fastw2v.word2vec.tables import keep_thresholds, padded_width

if TYPE_CHECKING:
    from fastw2v.word2vec.model import Word2Vec
    from fastw2v.word2vec.preparation import Preparation
    from fastw2v.word2vec.schedule import Schedule
    from fastw2v.word2vec.vocabulary import Vocabulary, WordCounts

LOGGER = logging.getLogger("fastw2v.word2vec")
_SECONDS = 1.0  # between two lines of a text without sentences


class Reading:
    """Reports on a text that is read: a line for every progress_per sentences, or each second."""

    def __init__(self, progress_per: object = 10_000) -> None:
        self.every = as_int("progress_per", progress_per)
        self.next_sentence, self.next_time = self.every, time.perf_counter() + _SECONDS
        LOGGER.info("reading a text and counting its words")

    def __call__(self, n_sentences: int, n_words: int, n_different: int) -> None:
        now = time.perf_counter()
        if n_sentences < self.next_sentence and now < self.next_time:
            return
        self.next_sentence = n_sentences - n_sentences % self.every + self.every
        self.next_time = now + _SECONDS
        LOGGER.info(
            "PROGRESS: read %d sentences, %d words, at least %d different",
            *(n_sentences, n_words, n_different),
        )


def vocabulary_chosen(
    model: Preparation, counts: WordCounts, vocabulary: Vocabulary, n_known: int = 0
) -> None:
    """Tell which words of a text the model learns, and how much of the text they are.

    n_known: number of words that the model had before.
    """
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    n_all, n_words = len(counts.words), counts.n_words
    LOGGER.info(
        "read %d words in %d sentences, %d of them different", n_words, counts.n_sentences, n_all
    )
    kept = int(np.sum(vocabulary.counts))
    if n_known:
        LOGGER.info(
            "effective min_count=%d adds %d words to the %d of the model",
            *(model.min_count, len(vocabulary) - n_known, n_known),
        )
    else:
        LOGGER.info(
            "effective min_count=%d keeps %d of them (%.1f%%)",
            *(model.min_count, len(vocabulary), 100 * len(vocabulary) / n_all),
        )
    share = keep_thresholds(np.asarray(vocabulary.counts), model.sample)[0]
    trained = float((share * vocabulary.counts).sum())
    LOGGER.info(
        "they occur %d times; sample=%g subsamples the %d most frequent ones and leaves about %.0f "
        "(%.1f%%)",
        *(kept, model.sample, int((share < 1).sum()), trained, 100 * trained / max(1, kept)),
    )
    V, D = len(vocabulary), model.vector_size
    tables = 1 + bool(model.negative) + bool(model.hs)
    LOGGER.info(
        "weights of %d words and %d dimensions take %s, and %s while training begins",
        *(V, D, _size(tables * V * D * 4), _size(tables * V * (D + padded_width(D)) * 4)),
    )


def _size(n_bytes: int) -> str:
    """Return a number of bytes in MB, or in KB if it is small."""
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes >= 1e7 else f"{n_bytes / 1e3:.0f} KB"


class TrainingLog:
    """Reports on a training: a line every report_delay seconds, for each epoch, and at the end."""

    def __init__(self, schedule: Schedule, n_raw_words: int, report_delay: object) -> None:
        self.schedule, self.n_raw_words = schedule, n_raw_words
        self.delay = as_not_negative("report_delay", report_delay)
        self.begun = self.epoch_begun = (time.perf_counter(), 0, 0.0)

    def begins(self, model: Word2Vec, workers: int) -> None:
        """Tell the settings of the training that begins, or continues."""
        settings = ("sg", "hs", "sample", "negative", "window", "shrink_windows")
        LOGGER.info(
            "training with %d workers on %d words and %d dimensions: %s",
            *(workers, len(model.wv), model.vector_size),
            " ".join(f"{name}={getattr(model, name)}" for name in settings),
        )
        self.begun = self.epoch_begun = self._now()
        self.next_time = self.begun[0] + self.delay

    def between_slices(self) -> None:
        """Tell how far the training is, if it is time."""
        if time.perf_counter() < self.next_time:
            return
        now = self._now()
        self.next_time = now[0] + self.delay
        _, words, seconds = self._since(self.begun)
        LOGGER.info(
            "EPOCH %d - PROGRESS: at %.2f%% of the text, %.0f words/s",
            *(self.schedule.epoch, 100 * self.schedule.next_block / self.schedule.n_blocks),
            words / max(seconds, 1e-9),
        )

    def epoch_ends(self) -> None:
        """Tell the words and the speed of the epoch that ended."""
        raw, words, seconds = self._since(self.epoch_begun)
        self.epoch_begun = self._now()
        loss = self.schedule.losses[-1]  # NaN where a short text has no pair in the sample
        LOGGER.info(
            "EPOCH %d: trained on %d raw words (%d effective words) in %.1f s, %.0f effective "
            "words/s%s",
            *(self.schedule.epoch - 1, raw, words, seconds, words / max(seconds, 1e-9)),
            f", loss {loss:.4f}" if loss == loss else "",
        )

    def ends(self) -> None:
        """Tell the words and the speed of the whole training."""
        raw, words, seconds = self._since(self.begun)
        LOGGER.info(
            "trained on %d raw words (%d effective words) in %.1f s, %.0f effective words/s",
            *(raw, words, seconds, words / max(seconds, 1e-9)),
        )

    def _now(self) -> tuple[float, int, float]:
        schedule = self.schedule
        return time.perf_counter(), schedule.words + schedule.sums.words, schedule.progress

    def _since(self, then: tuple[float, int, float]) -> tuple[int, int, float]:
        now, words, progress = self._now()
        raw = round((progress - then[2]) * self.n_raw_words)
        return raw, words - then[1], now - then[0]
