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
def products(
    C: NDArray[Any], A: NDArray[Any], B: NDArray[Any], accumulate: bool, n_parts: int
) -> None: ...
def column_sums(out: NDArray[Any], A: NDArray[Any], n_parts: int) -> None: ...
def only_registers(out: NDArray[Any], n: int, n_parts: int) -> None: ...
def fused() -> bool: ...
