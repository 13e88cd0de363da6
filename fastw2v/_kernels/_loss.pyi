from typing import Any

import numpy as np
from numpy.typing import NDArray

LOSSES: int

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
def cross_entropy_step(
    x: NDArray[Any], losses: NDArray[Any], t: NDArray[Any], scale: float, n_parts: int
) -> None: ...
def sigmoid_with_loss_forward(
    y: NDArray[Any], losses: NDArray[Any], x: NDArray[Any], t: NDArray[Any], n_parts: int
) -> float: ...
def sigmoid_with_loss_backward(
    dx: NDArray[Any], y: NDArray[Any], t: NDArray[Any], scale: float, n_parts: int
) -> None: ...
def try_softmax_with_loss(
    x: Any, t: Any
) -> tuple[np.floating[Any], NDArray[Any], NDArray[Any]] | None: ...
def try_softmax_with_loss_backward(y: Any, t: Any, dout: Any) -> NDArray[Any] | None: ...
def try_sigmoid_with_loss(x: Any, t: Any) -> tuple[np.floating[Any], NDArray[Any]] | None: ...
