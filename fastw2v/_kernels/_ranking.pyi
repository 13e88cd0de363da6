from typing import Any

from numpy.typing import NDArray

def row_norms(out: NDArray[Any], W: NDArray[Any], n_parts: int) -> None: ...
def rank(
    ids: NDArray[Any],
    scores: NDArray[Any],
    part_ids: NDArray[Any],
    part_scores: NDArray[Any],
    W: NDArray[Any],
    queries: NDArray[Any],
    exclude: NDArray[Any],
    n_parts: int,
) -> None: ...
def rank_compressed(
    ids: NDArray[Any],
    scores: NDArray[Any],
    part_ids: NDArray[Any],
    part_scores: NDArray[Any],
    W: NDArray[Any],
    queries: NDArray[Any],
    exclude: NDArray[Any],
    n_parts: int,
) -> None: ...
def only_read(out: NDArray[Any], x: NDArray[Any], n_parts: int) -> None: ...
