"""Facts about the last training of a model: losses, epochs, words."""

from __future__ import annotations

from fastw2v._checks.numbers import as_number
from fastw2v.word2vec.schedule import Schedule


class LastTraining:
    """Losses and progress of the last `train`, as attributes of a model."""

    _schedule: Schedule | None

    @property
    def epoch_losses(self) -> list[float]:
        """The mean loss per pair in each epoch of the last `train`, in double precision.

        It covers all pairs with compute_loss=True and a sample of them otherwise, and is NaN where
        a short text has no pair in the sample.
        """
        return list(self._schedule.losses) if self._schedule else []

    @property
    def epochs_done(self) -> int:
        """The number of whole epochs of the last `train`."""
        return self._schedule.epoch if self._schedule else 0

    @property
    def progress(self) -> float:
        """The fraction of the last `train` that is done, from 0 to 1; 0 before the first."""
        return self._schedule.progress if self._schedule else 0.0

    @property
    def words_trained(self) -> int:
        """The number of words after subsampling that the last `train` has seen in all epochs."""
        return self._schedule.words + self._schedule.sums.words if self._schedule else 0

    def get_latest_training_loss(self) -> float:
        """Return the sum of the losses of all pairs of the last `train`; 0 without compute_loss.

        A callback that sets `running_training_loss` to 0 starts the sum anew.
        """
        schedule = self._schedule
        if schedule is None or not schedule.compute_loss:
            return 0.0
        return schedule.loss - schedule.loss_before

    @property
    def running_training_loss(self) -> float:
        """The loss of `get_latest_training_loss`; setting it to 0 starts the sum anew.

        `train` starts it anew, too. Any other number is refused with ValueError.
        """
        return self.get_latest_training_loss()

    @running_training_loss.setter
    def running_training_loss(self, loss: float) -> None:
        if as_number("running_training_loss", loss) != 0:
            raise ValueError(
                f"running_training_loss: expected 0, which starts the sum anew, got {loss}; add "
                "other numbers to get_latest_training_loss()"
            )
        if self._schedule is not None:
            self._schedule.loss_before = self._schedule.loss
