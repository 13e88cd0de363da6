from typing import Any

from numpy.typing import NDArray

def forward(
    out: NDArray[Any],
    rows: NDArray[Any],
    h: NDArray[Any],
    W: NDArray[Any],
    idx: NDArray[Any],
    n_parts: int,
) -> None: ...
def backward(dh: NDArray[Any], dout: NDArray[Any], rows: NDArray[Any], n_parts: int) -> None: ...
