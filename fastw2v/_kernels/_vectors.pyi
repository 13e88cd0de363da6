from typing import Any

from numpy.typing import NDArray

def split_rows(
    table: NDArray[Any], text: NDArray[Any], ends: NDArray[Any], data: Any, longest: int
) -> tuple[int, int, bool]: ...
