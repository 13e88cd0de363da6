from typing import Any

from numpy.typing import NDArray

def scratch_size(Wh: NDArray[Any], N: int) -> int: ...
def forward(
    hs: NDArray[Any],
    kept: NDArray[Any],
    before: NDArray[Any] | None,
    h: NDArray[Any],
    scratch: NDArray[Any],
    Wh: NDArray[Any],
    lengths: NDArray[Any] | None,
    by_units: bool,
    n_parts: int,
) -> None: ...
def backward(
    da: NDArray[Any],
    dh: NDArray[Any],
    scratch: NDArray[Any],
    dhs: NDArray[Any] | None,
    kept: NDArray[Any],
    Wh: NDArray[Any],
    lengths: NDArray[Any] | None,
    by_units: bool,
    n_parts: int,
) -> None: ...
