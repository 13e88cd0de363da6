"""The position of a fit: where it resumes, and when it is saved."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fastw2v._checks.numbers import as_int
from fastw2v._files.atomic import check_writable
from fastw2v._training.checkpoint import fingerprint
from fastw2v._training.fit_loop import FitLoop

__all__ = ["SavePoints"]


class SavePoints:
    """The position of one fit of a trainer, and the file it is saved to.

    data: the arrays of the fit. checkpoint, every: as in `Trainer.fit`. arguments: those by which a
    resumed fit is recognised. ValueError if an interrupted fit had other data or arguments. `start`
    is the position that the fit resumes from, or {}.
    """

    def __init__(
        self,
        trainer: Any,
        data: tuple[np.ndarray, ...],
        checkpoint: str | os.PathLike[str] | None,
        every: int | None,
        arguments: dict[str, Any],
    ) -> None:
        if every is not None:
            as_int("every", every)
        if checkpoint is not None:
            check_writable(checkpoint)
        self.trainer, self.data, self.checkpoint, self.every = trainer, data, checkpoint, every
        self.arguments = arguments
        self.known: dict[str, Any] = {}  # by which the fit is recognised, once it is needed
        position, trainer._position = trainer._position or {}, None
        if position.get("random") is None:  # it belongs to an earlier fit of this process
            position = {}
        if checkpoint is not None or position:
            self._identify()
        for name, value in position.get("known", {}).items():
            if value != self.known[name]:
                trainer._position = position
                found = "other" if name == "data" else self.known[name]
                value = "the data" if name == "data" else value
                raise ValueError(
                    f"{name}: expected {value}, as in the fit that was interrupted, got {found}; "
                    "call fit with the same arguments, or set up a new trainer"
                )
        if position:
            np.random.set_state(position["random"])
        self.start = position

    def save_if_due(self, loop: FitLoop, epochs: int, k: int, max_iters: int, **more: Any) -> None:
        """Save after iteration k of an epoch, or after an epoch (k = 0), if it is time for it.

        It is time after an epoch, after every `every` iterations, and if Ctrl-C ends the fit here.
        """
        every = self.every
        due = k == 0 or (every is not None and (epochs * max_iters + k) % every == 0)
        stopped = loop.interrupts.pending
        if k == max_iters or not (stopped or (due and self.checkpoint is not None)):
            return
        if not self.known:
            self._identify()
        self.trainer._position = {
            "epochs": epochs,
            "k": k,
            "known": self.known,
            "total": loop.total,
            "count": loop.count,
            **more,
            "random_then": np.random.get_state(legacy=False),
        }
        if self.checkpoint is not None:
            self.trainer.save(self.checkpoint)
        if not loop.interrupts.pending:  # Ctrl-C may have come while the file was written
            self.trainer._position = None

    def _identify(self) -> None:
        """Note the data and the arguments; reading the data takes time, so only where needed."""
        self.known = {"data": fingerprint(*self.data), **self.arguments}
