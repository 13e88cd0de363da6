"""The book's GPU switch. It must remain off, as fastw2v computes on the CPU.

`common.config.GPU` is this module's `GPU`. Setting it to True raises no error; the next import
of a served module, or the next constructor of a layer, raises one that names the line to remove.
Constructors call `check()`, which costs one global look-up.
"""

from __future__ import annotations

__all__ = ["GPU", "check", "set_gpu"]

GPU = False

_where = ""


def set_gpu(value: object, where: str = "") -> None:
    """Set the switch; `where` names the line that did so, for the error message of `check`.

    >>> set_gpu(False)
    >>> check()
    """
    global GPU, _where
    GPU = value  # type: ignore[assignment]  # any value of the user's, returned unchanged
    _where = where


def check() -> None:
    """Raise RuntimeError if the GPU mode was switched on.

    >>> check()
    >>> set_gpu(True, "line 3 of train.py")
    >>> check()
    Traceback (most recent call last):
        ...
    RuntimeError: config.GPU: expected False, got True (set in line 3 of train.py); fastw2v \
computes on the CPU and has no GPU mode: remove this line
    >>> set_gpu(False)
    """
    if GPU:
        where = f" (set in {_where})" if _where else ""
        raise RuntimeError(
            f"config.GPU: expected False, got {GPU!r}{where}; fastw2v computes on the CPU and "
            "has no GPU mode: remove this line"
        )
