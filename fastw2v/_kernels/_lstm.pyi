from typing import Any

from numpy.typing import NDArray

def scratch_size(Wh: NDArray[Any], N: int) -> int: ...
def forward(
    hs: NDArray[Any],
    gates: NDArray[Any],
    cs: NDArray[Any] | None,
    before: NDArray[Any] | None,
    h: NDArray[Any],
    c: NDArray[Any],
    scratch: NDArray[Any],
    Wh: NDArray[Any],
    lengths: NDArray[Any] | None,
    kind: int,
    by_units: bool,
    n_parts: int,
) -> None: ...
def try_forward(
    xs: Any, params: Any, h: Any, c: Any, train: bool
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]] | None: ...
def backward(
    da: NDArray[Any],
    dh: NDArray[Any],
    dc: NDArray[Any],
    scratch: NDArray[Any],
    dhs: NDArray[Any] | None,
    gates: NDArray[Any],
    cs: NDArray[Any],
    c0: NDArray[Any],
    Wh: NDArray[Any],
    lengths: NDArray[Any] | None,
    kind: int,
    by_units: bool,
    n_parts: int,
) -> None: ...
