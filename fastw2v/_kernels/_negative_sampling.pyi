from typing import Any

from numpy.typing import NDArray

def n_blocks(N: int) -> int: ...
def forward(
    y: NDArray[Any],
    e: NDArray[Any],
    losses: NDArray[Any],
    logs: NDArray[Any],
    h: NDArray[Any],
    W: NDArray[Any],
    ids: NDArray[Any],
    group: int,
    n_parts: int,
) -> None: ...
def backward(
    coef: NDArray[Any],
    dh: NDArray[Any],
    y: NDArray[Any],
    e: NDArray[Any],
    scale: float,
    group: int,
    n_parts: int,
) -> None: ...
