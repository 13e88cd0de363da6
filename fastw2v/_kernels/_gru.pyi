from typing import Any

from numpy.typing import NDArray

ACTIVATIONS: dict[str, int]

def scratch_size(Wh: NDArray[Any], N: int) -> int: ...
def forward(
    hs: NDArray[Any],
    gates: NDArray[Any],
    before: NDArray[Any] | None,
    reset: NDArray[Any] | None,
    h: NDArray[Any],
    scratch: NDArray[Any],
    Wh: NDArray[Any],
    lengths: NDArray[Any] | None,
    kind: int,
    by_units: bool,
    n_parts: int,
) -> None: ...
def backward(
    da: NDArray[Any],
    dh: NDArray[Any],
    scratch: NDArray[Any],
    dhs: NDArray[Any] | None,
    gates: NDArray[Any],
    before: NDArray[Any],
    Wh: NDArray[Any],
    lengths: NDArray[Any] | None,
    kind: int,
    by_units: bool,
    n_parts: int,
) -> None: ...
