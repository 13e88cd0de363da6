from typing import Any

from numpy.typing import NDArray

OWN_BELOW: int

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
def try_product(
    a: Any, b: Any, out: Any, bias: Any, accumulate: bool, n_parts: int
) -> NDArray[Any] | None: ...
def try_dense(x: Any, params: Any, n_params: int, ndim: int = 0) -> NDArray[Any] | None: ...
def try_dense_backward(
    x: Any, dout: Any, params: Any, grads: Any, n_params: int
) -> NDArray[Any] | None: ...
def only_registers(out: NDArray[Any], n: int, n_parts: int) -> None: ...
def fused() -> bool: ...
