"""Ctrl-C between the steps of a training and never inside one."""

from __future__ import annotations

import signal
import threading
from typing import Any

__all__ = ["Interrupts"]


class Interrupts:
    """A context that holds Ctrl-C back until the current step has ended; a second one is not held.

    It is active only where Python's own handler would raise KeyboardInterrupt at any point of a
    step: in the main thread, and if no other handler is installed.
    """

    def __enter__(self) -> Interrupts:
        self.pending = False
        self.active = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if self.active:
            signal.signal(signal.SIGINT, self._hold)
        return self

    def __exit__(self, *exception: Any) -> None:
        if self.active:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if exception[0] is None:
            self.between_steps()  # it came while deferred updates were applied

    def _hold(self, number: int, frame: Any) -> None:
        if self.pending:
            signal.default_int_handler(number, frame)
        self.pending = True

    def between_steps(self) -> None:
        """Raise the KeyboardInterrupt that was held back, if there is one."""
        if self.pending:
            raise KeyboardInterrupt
