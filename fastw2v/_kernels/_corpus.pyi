from typing import Any

from numpy.typing import NDArray

def contexts_target(
    contexts: NDArray[Any], target: NDArray[Any], corpus: NDArray[Any], window: int, n_parts: int
) -> None: ...
def cooccurrence(
    C: NDArray[Any], corpus: NDArray[Any], window: int, bounds: NDArray[Any]
) -> bool: ...
def ppmi(
    out: NDArray[Any],
    C: NDArray[Any],
    sums: NDArray[Any],
    row: int,
    total: float,
    eps: float,
    n_parts: int,
) -> None: ...
def count_ids(counts: NDArray[Any], ids: NDArray[Any]) -> None: ...
def one_hot(out: NDArray[Any], ids: NDArray[Any]) -> None: ...
