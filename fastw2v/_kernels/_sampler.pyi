from typing import Any

from numpy.typing import NDArray

def build_alias(table: NDArray[Any], p: NDArray[Any]) -> None: ...
def draw(out: NDArray[Any], table: NDArray[Any], key: int, n_parts: int) -> None: ...
def draw_distinct(
    out: NDArray[Any],
    table: NDArray[Any],
    p: NDArray[Any],
    target: NDArray[Any],
    key: int,
    n_parts: int,
) -> None: ...
def random_bits(out: NDArray[Any], key: int) -> None: ...
