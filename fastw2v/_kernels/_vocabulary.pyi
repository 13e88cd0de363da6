from typing import Any

from numpy.typing import NDArray

END: int
NEVER: int

def open_counter(n_tables: int) -> Any: ...
def after_last_blank(data: Any) -> int: ...
def count(counter: Any, lines: NDArray[Any], data: Any, base: int, n_parts: int) -> bool: ...
def merge(counter: Any) -> Any: ...
def read(
    counter: Any,
    text: NDArray[Any],
    counts: NDArray[Any],
    firsts: NDArray[Any],
    offsets: NDArray[Any],
) -> None: ...
def encode(
    out: NDArray[Any], counter: Any, ids: NDArray[Any], data: Any, lines: bool, n_parts: int
) -> int: ...
