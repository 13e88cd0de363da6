from typing import Any

from numpy.typing import NDArray

def softmax_with_loss_forward(
    y: NDArray[Any], losses: NDArray[Any], x: NDArray[Any], t: NDArray[Any], n_parts: int
) -> float: ...
def softmax_with_loss_backward(
    dx: NDArray[Any], y: NDArray[Any], t: NDArray[Any], scale: float, n_parts: int
) -> None: ...
def cross_entropy_forward(
    losses: NDArray[Any],
    tops: NDArray[Any],
    sums: NDArray[Any],
    e: NDArray[Any] | None,
    x: NDArray[Any],
    t: NDArray[Any],
    n_parts: int,
) -> float: ...
def cross_entropy_backward(
    dx: NDArray[Any],
    tops: NDArray[Any],
    sums: NDArray[Any],
    x: NDArray[Any],
    t: NDArray[Any],
    is_e: bool,
    scale: float,
    n_parts: int,
) -> None: ...
def sigmoid_with_loss_forward(
    y: NDArray[Any], losses: NDArray[Any], x: NDArray[Any], t: NDArray[Any], n_parts: int
) -> float: ...
def sigmoid_with_loss_backward(
    dx: NDArray[Any], y: NDArray[Any], t: NDArray[Any], scale: float, n_parts: int
) -> None: ...
