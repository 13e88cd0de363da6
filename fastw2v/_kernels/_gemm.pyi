from typing import Any

from numpy.typing import NDArray

def product(
    C: NDArray[Any],
    A: NDArray[Any],
    B: NDArray[Any],
    bias: NDArray[Any] | None,
    accumulate: bool,
    n_parts: int,
) -> None: ...
