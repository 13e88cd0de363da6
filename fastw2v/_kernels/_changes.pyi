from typing import Any

from numpy.typing import NDArray

def mark_changed(
    flags: NDArray[Any], now: NDArray[Any], before: NDArray[Any], n_parts: int
) -> None: ...
def take_changes(
    numbers: NDArray[Any],
    now: NDArray[Any],
    before: NDArray[Any],
    ids: NDArray[Any],
    n_parts: int,
) -> None: ...
def add_changes(
    now: NDArray[Any],
    before: NDArray[Any],
    ids: NDArray[Any],
    numbers: NDArray[Any],
    n_parts: int,
) -> None: ...
def merge_rows(
    merged: NDArray[Any],
    ids: NDArray[Any],
    changed: list[NDArray[Any]],
    numbers: list[NDArray[Any]],
    updates: list[NDArray[Any]],
    steepness: float,
    n_parts: int,
) -> int: ...
