from typing import Any

from numpy.typing import NDArray

def n_stats() -> int: ...
def stripes(ld: int) -> list[tuple[int, int, int]]: ...
def most_near() -> int: ...
def train(
    W_in: NDArray[Any],
    W_out: NDArray[Any],
    W_nodes: NDArray[Any],
    stats: NDArray[Any],
    touched_in: NDArray[Any],
    touched_out: NDArray[Any],
    touched_nodes: NDArray[Any],
    ids: NDArray[Any],
    keep: NDArray[Any],
    alias: NDArray[Any],
    points: NDArray[Any],
    codes: NDArray[Any],
    ways: NDArray[Any],
    longest: int,
    near: NDArray[Any],
    window: int,
    negative: int,
    mode: int,
    key: int,
    block: int,
    first: int,
    last: int,
    alpha: float,
    alpha_step: float,
    loss_every: int,
    batch: int,
    ld: int,
    apart: bool,
    n_parts: int,
) -> None: ...
